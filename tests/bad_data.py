"""A table of bad data: what can be wrong with what you bring, and what the course makes of it.

`KINDS` is read by tests/data/test_bad_data.py and by tests/reliability/page.py. Each kind puts one
fault into something sound. It is either handled, and a note says how many images it was, or it is
refused in one sentence that names the file and the mend.
"""

import io
import os
import re
import stat
import struct
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from emotions.data import sources
from emotions.data.copies import read_leave_out
from emotions.data.faces import load_faces
from emotions.files import DataError
from emotions.settings import SettingsError, read_settings
from PIL import Image

CLASSES = ("calm", "wild")
PIXELS = " ".join(str(number % 256) for number in range(48 * 48))
ROWS = [f"0,{PIXELS},Training", f"3,{PIXELS},PublicTest", f"6,{PIXELS},PrivateTest"]
HTML = b"<!DOCTYPE html><html><head><title>Sign in</title></head><body>Please pay</body></html>"


@dataclass(frozen=True)
class Kind:
    """One kind of bad data.

    Attributes
    ----------
    group
        What it is a fault of; a key of `READERS`.
    name
        In words.
    make
        Puts the fault into the sound thing at a path.
    refused
        Words of the sentence that refuses it; None if it is handled.
    handled
        The note that counts it; "" if nothing had to be changed.
    """

    group: str
    name: str
    make: Callable[[Path], object]
    refused: str | None = None
    handled: str | None = None


KINDS: list[Kind] = []


def kind(group: str, name: str, *, refused: str | None = None, handled: str | None = None):
    """Add the decorated function to the table."""
    if (refused is None) == (handled is None):
        raise ValueError(f"{name}: either refused or handled")

    def add(make: Callable[[Path], object]) -> Callable[[Path], object]:
        KINDS.append(Kind(group, name, make, refused, handled))
        return make

    return add


# --------------------------------------------------------------------------------------
# Sound things to put a fault into
# --------------------------------------------------------------------------------------


def picture(seed: int, side: int = 8, channels: int = 1) -> Image.Image:
    """Return a random picture; the same seed gives the same pixels."""
    shape = (side, side) if channels == 1 else (side, side, channels)
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8))


def encoded(image: Image.Image, kind_of_file: str, **options: object) -> bytes:
    """Return an image as the bytes of a file."""
    memory = io.BytesIO()
    image.save(memory, kind_of_file, **options)
    return memory.getvalue()


def sound_faces(folder: Path) -> Path:
    """Make a data set of two classes, two training images and one test image each."""
    seed = 0
    for split, count in (("train", 2), ("test", 1)):
        for name in CLASSES:
            (folder / split / name).mkdir(parents=True)
            for number in range(count):
                seed += 1
                picture(seed).save(folder / split / name / f"{number}.png")
    return folder


def sound_archive(file: Path) -> Path:
    """Make an archive of such a data set."""
    seed = 0
    with zipfile.ZipFile(file, "w") as archive:
        for split, count in (("train", 2), ("test", 1)):
            for name in CLASSES:
                for number in range(count):
                    seed += 1
                    member = f"{split}/{name}/{number}.png"
                    archive.writestr(member, encoded(picture(seed), "PNG"))
    return file


def write_csv(file: Path, rows: list[str], head: str = "emotion,pixels,Usage", end: str = "\n"):
    """Write a table as the contest's, with any line end."""
    file.write_bytes(end.join([head, *rows, ""]).encode())
    return file


def first(faces: Path) -> Path:
    """Return the first training image."""
    return faces / "train" / "calm" / "0.png"


# --------------------------------------------------------------------------------------
# How each group is read
# --------------------------------------------------------------------------------------


def read_folder(fault: Callable[[Path], object], home: Path) -> tuple[str, ...]:
    """Load a folder with a fault in it; return the notes."""
    faces = sound_faces(home / "faces")
    folders = fault(faces) or (faces / "train", faces / "test")
    return load_faces(*folders, home / "cache").notes


def read_archive(fault: Callable[[Path], object], home: Path) -> tuple[str, ...]:
    """Unpack and load an archive with a fault in it; return the notes."""
    data = home / "data"
    data.mkdir()
    fault(sound_archive(data / "archive.zip"))
    try:
        train, test = sources.prepare_folders(data)
    except DataError as error:
        left = [path.name for path in data.iterdir() if path.name != "archive.zip"]
        assert not left, f"left behind: {left}"
        assert str(data / "archive.zip") in str(error), error
        assert re.search(r"download archive\.zip by hand .*\.$", str(error)), error
        raise
    return load_faces(train, test, home / "cache").notes


def read_csv(fault: Callable[[Path], object], home: Path) -> tuple[str, ...]:
    """Convert and load a CSV file with a fault in it; return the notes."""
    file = home / "fer2013.csv"
    fault(write_csv(file, ROWS))
    try:
        sources.convert_csv(file, home / "faces")
    except DataError:
        left = [path.name for path in home.iterdir() if path.name != file.name]
        assert not left, f"left behind: {left}"
        raise
    made = sorted(path.relative_to(home / "faces") for path in home.rglob("*.png"))
    return (f"{len(made)} images.",)


def read_leave_out_list(fault: Callable[[Path], object], home: Path) -> tuple[str, ...]:
    """Read a list of images to leave out with a fault in it."""
    file = home / "leave_out.csv"
    file.write_text("split,file,reason\ntrain,calm/0.png,single grey\n")
    fault(file)
    return (f"{len(read_leave_out(file))} rows.",)


def read_some_settings(fault: Callable[[Path], object], home: Path) -> tuple[str, ...]:
    """Read settings that the fault returns, some named like environment variables."""
    values = fault(home)
    named = {name: value for name, value in values.items() if name.isupper()}
    os.environ.update(named)
    try:
        read_settings(**{name: value for name, value in values.items() if name not in named})
    finally:
        for name in named:
            del os.environ[name]
    return ()


READERS = {
    "image folder": read_folder,
    "zip archive": read_archive,
    "CSV file": read_csv,
    "leave-out list": read_leave_out_list,
    "setting": read_some_settings,
}


def outcome(one: Kind, home: Path) -> str:
    """Read one kind of bad data; return what was said, checked against the table.

    Raises
    ------
    AssertionError
        If it was neither handled as the table says nor refused in one sentence.
    """
    try:
        notes = READERS[one.group](one.make, home)
    except (DataError, SettingsError) as error:
        said = str(error)
        assert one.refused is not None, f"refused, but should be handled: {said}"
        assert one.refused in said, said
        assert "\n" not in said and said.endswith((".", "?")), f"not one sentence: {said}"
        assert said.isprintable(), ascii(said)
        return said.replace(str(home), "…")
    assert one.refused is None, f"handled ({notes}), but should be refused"
    said = " ".join(notes)
    assert one.handled in said and (one.handled or not notes), said
    return said or "Read as it is; nothing had to be changed."


# --------------------------------------------------------------------------------------
# Images
# --------------------------------------------------------------------------------------

FOLDER = "image folder"


def truncated(suffix: str) -> Callable[[Path], None]:
    def cut(faces: Path) -> None:
        first(faces).unlink()
        path = first(faces).with_suffix(suffix)
        picture(7, 64).save(path)
        path.write_bytes(path.read_bytes()[:-900])

    return cut


for _suffix, _name in ((".jpg", "JPEG"), (".png", "PNG"), (".bmp", "BMP")):
    kind(FOLDER, f"a truncated {_name}", refused="is damaged or cannot be read")(truncated(_suffix))


def content(name: str, data: bytes) -> Callable[[Path], None]:
    """Return a fault that puts a file of this name in the place of the first image."""

    def put(faces: Path) -> None:
        first(faces).unlink()
        first(faces).with_name(name).write_bytes(data)

    return put


def png_of(width: int, height: int) -> bytes:
    """Return a 1-bit PNG that unpacks to any size, with few bytes of its own."""

    def chunk(name: bytes, data: bytes) -> bytes:
        check = zlib.crc32(name + data)
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", check)

    packer = zlib.compressobj(9)
    row = bytes(1 + (width + 7) // 8)
    rows = b"".join(packer.compress(row) for _ in range(height)) + packer.flush()
    head = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def animated(kind_of_file: str) -> bytes:
    frames = [picture(seed) for seed in (1, 2, 3)]
    return encoded(frames[0], kind_of_file, save_all=True, append_images=frames[1:])


def with_exif(orientation: int) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = orientation
    return encoded(picture(5), "PNG", exif=exif)


def flipped_png() -> bytes:
    data = bytearray(encoded(picture(3, 16), "PNG"))
    data[data.index(b"IDAT") + 9] ^= 0x40
    return bytes(data)


_NO_IMAGE = "is no PNG, JPEG or BMP image"
_AS_IT_IS = ""
for _name, _file, _data, _expected in (
    ("a file of zero bytes", "0.png", b"", {"refused": _NO_IMAGE}),
    ("text with the ending .png", "0.png", b"not a picture at all", {"refused": _NO_IMAGE}),
    ("a web page with the ending .jpg", "0.jpg", HTML, {"refused": _NO_IMAGE}),
    ("a JPEG with the ending .png", "0.png", encoded(picture(1), "JPEG"), {"handled": _AS_IT_IS}),
    ("a WebP with the ending .png", "0.png", encoded(picture(1), "WEBP"), {"refused": _NO_IMAGE}),
    ("a TIFF with the ending .png", "0.png", encoded(picture(1), "TIFF"), {"refused": _NO_IMAGE}),
    ("an animated GIF", "0.gif", animated("GIF"), {"refused": _NO_IMAGE}),
    ("an animated GIF with the ending .png", "0.png", animated("GIF"), {"refused": _NO_IMAGE}),
    ("an animated PNG", "0.png", animated("PNG"), {"handled": "first picture of 1 animated"}),
    ("an image of 1x1 pixel", "0.png", encoded(picture(1, 1), "PNG"),
     {"handled": "Cropped or resized 1 of 6"}),
    ("an image of 65,000x1 pixels", "0.png", png_of(65_000, 1),
     {"handled": "Cropped or resized 1 of 6"}),
    ("a bomb of 20,000x20,000 pixels", "0.png", png_of(20_000, 20_000),
     {"refused": "has too many pixels"}),
    ("a PNG that says it is 0 pixels wide", "0.png", png_of(0, 8), {"refused": "image"}),
    ("a PNG with a flipped bit", "0.png", flipped_png(), {"refused": "is damaged"}),
    ("a JPEG with rubbish behind its end", "0.jpg", encoded(picture(1), "JPEG") + b"x" * 999,
     {"handled": _AS_IT_IS}),
    ("a progressive JPEG", "0.jpg", encoded(picture(1), "JPEG", progressive=True),
     {"handled": _AS_IT_IS}),
    ("16 bits a pixel", "0.png",
     encoded(Image.fromarray(np.arange(64, dtype=np.uint16).reshape(8, 8) * 1000), "PNG"),
     {"handled": "Scaled the values of 1 images"}),
    ("10 bits in 16", "0.png",
     encoded(Image.fromarray(np.arange(64, dtype=np.uint16).reshape(8, 8) * 16), "PNG"),
     {"handled": "1 images of 16 bits use 12 bits or fewer, and are nearly black"}),
    ("1 bit a pixel", "0.png", encoded(picture(1).convert("1"), "PNG"), {"handled": _AS_IT_IS}),
    ("CMYK", "0.jpg", encoded(picture(1, 8, 3).convert("CMYK"), "JPEG"),
     {"handled": "Converted 1 images from inks"}),
    ("a palette", "0.png", encoded(picture(1, 8, 3).convert("P"), "PNG"), {"handled": _AS_IT_IS}),
    ("transparent pixels", "0.png", encoded(picture(1, 8, 4), "PNG"),
     {"handled": "Put 1 images with transparent pixels on white"}),
    ("an EXIF rotation", "0.png", with_exif(6), {"handled": "Turned 1 images"}),
    ("an EXIF orientation that does not exist", "0.png", with_exif(99), {"handled": _AS_IT_IS}),
    ("an ending in capitals", "0.PNG", encoded(picture(1), "PNG"), {"handled": _AS_IT_IS}),
    ("an ending of another kind of file", "0.txt", b"hello", {"refused": _NO_IMAGE}),
    ("a name of 255 bytes", "é" * 125 + "x.png", encoded(picture(1), "PNG"),
     {"handled": _AS_IT_IS}),
    ("a name with a line end and markup", "a\n<script>alert(1)</script>,'\".png".replace("/", "_"),
     encoded(picture(1), "PNG"), {"handled": _AS_IT_IS}),
):  # fmt: skip
    kind(FOLDER, _name, **_expected)(content(_file, _data))


@kind(FOLDER, "a name that is not UTF-8", refused="is not in UTF-8; rename")
def _(faces: Path) -> None:
    os.rename(os.fsencode(first(faces)), os.fsencode(first(faces).parent) + b"/\xff\xfe.png")


@kind(FOLDER, "a link that leads to itself", refused="cannot be read")
def _(faces: Path) -> None:
    first(faces).unlink()
    first(faces).symlink_to(first(faces))


@kind(FOLDER, "a link that leads nowhere", refused="cannot be read")
def _(faces: Path) -> None:
    first(faces).unlink()
    first(faces).symlink_to("nowhere.png")


@kind(FOLDER, "a link to a good image", handled=_AS_IT_IS)
def _(faces: Path) -> None:
    (faces / "real.png").write_bytes(first(faces).read_bytes())
    first(faces).unlink()
    first(faces).symlink_to(faces / "real.png")


@kind(FOLDER, "a folder that is a link to the one around it", refused="holds the folder again")
def _(faces: Path) -> None:
    (faces / "train" / "calm" / "again").symlink_to(faces / "train")


@kind(FOLDER, "a pipe in the place of an image", refused="is neither a file nor a folder")
def _(faces: Path) -> None:
    first(faces).unlink()
    os.mkfifo(first(faces))


@kind(FOLDER, "a class with one training image", handled="Only 1 training image shows calm")
def _(faces: Path) -> None:
    first(faces).unlink()


@kind(FOLDER, "a class without an image", refused="holds no image")
def _(faces: Path) -> None:
    for path in (faces / "test" / "wild").iterdir():
        path.unlink()


@kind(FOLDER, "a class that the test folder lacks", refused="lacks the classes odd")
def _(faces: Path) -> None:
    (faces / "train" / "odd").mkdir()
    picture(9).save(faces / "train" / "odd" / "0.png")


@kind(FOLDER, "classes that differ in capitals between train and test", refused="lacks the classes")
def _(faces: Path) -> None:
    (faces / "test" / "calm").rename(faces / "test" / "Calm")


@kind(FOLDER, "only one class", refused="1 class folders")
def _(faces: Path) -> None:
    for split in ("train", "test"):
        for path in (faces / split / "wild").iterdir():
            path.unlink()
        (faces / split / "wild").rmdir()


@kind(FOLDER, "no test folder", refused="is not there")
def _(faces: Path) -> None:
    (faces / "test").rename(faces / "tset")


@kind(FOLDER, "a file in the place of the test folder", refused="is not there")
def _(faces: Path) -> None:
    (faces / "test").rename(faces / "moved")
    (faces / "test").touch()


@kind(FOLDER, "the same folder to train and to test", refused="name two folders")
def _(faces: Path) -> tuple[Path, Path]:
    return faces / "train", faces / "train"


@kind(FOLDER, "images beside the class folders", refused="beside the class folders")
def _(faces: Path) -> None:
    picture(9).save(faces / "train" / "stray.png")


@kind(FOLDER, "folders inside a class", refused="move its images up")
def _(faces: Path) -> None:
    (faces / "train" / "calm" / "more").mkdir()


@kind(FOLDER, "files that operating systems leave", handled="Skipped 3 hidden")
def _(faces: Path) -> None:
    for name in (".DS_Store", "calm/Thumbs.db", "wild/._0.png"):
        (faces / "train" / name).write_bytes(b"x")


@kind(FOLDER, "an all-black set", refused="one single grey or colour")
def _(faces: Path) -> None:
    for path in faces.rglob("*.png"):
        Image.new("L", (8, 8)).save(path)


@kind(FOLDER, "an all-white test split", refused="All 2 images in")
def _(faces: Path) -> None:
    for path in (faces / "test").rglob("*.png"):
        Image.new("L", (8, 8), 255).save(path)


@kind(FOLDER, "images of six sizes", handled="Cropped or resized 5 of 6")
def _(faces: Path) -> None:
    for side, path in enumerate(sorted(faces.rglob("*.png")), start=9):
        picture(side, side).save(path)


@kind(FOLDER, "one image in colour among grey ones", handled=_AS_IT_IS)
def _(faces: Path) -> None:
    picture(4, 8, 3).save(first(faces))


# --------------------------------------------------------------------------------------
# Archives
# --------------------------------------------------------------------------------------

ARCHIVE = "zip archive"


def add(archive: Path, name: str, data: bytes = b"x", mode: int | None = None, **options: object):
    """Add a member under exactly this name."""
    member = zipfile.ZipInfo("placeholder")
    member.filename = name
    if mode is not None:
        member.external_attr = mode << 16
    with zipfile.ZipFile(archive, "a") as opened:
        opened.writestr(member, data, **options)


for _name, _member in (
    ("a member named with ..", "train/../../x.png"),
    ("an absolute path", "/train/calm/x.png"),
    ("a drive letter", "C:/train/calm/x.png"),
    ("backslashes", "train\\calm\\..\\..\\x.png"),
    ("a colon (a hidden stream of a file)", "train/calm/x.png:stream.png"),
    ("a folder name that ends in a space", "train/calm /x.png"),
    ("a member without a name", ""),
    ("a control character in a name", "train/calm/\x1b[31mx.png"),
):
    kind(ARCHIVE, _name, refused="which is an unsafe name")(
        lambda archive, member=_member: add(archive, member)
    )


@kind(ARCHIVE, "a member with too long a name", refused="too long a name")
def _(archive: Path) -> None:
    add(archive, f"train/calm/{'x' * 300}.png")


@kind(ARCHIVE, "a link to /etc/passwd", refused="link.png', which is a link")
def _(archive: Path) -> None:
    add(archive, "train/calm/link.png", b"/etc/passwd", stat.S_IFLNK | 0o777)


@kind(ARCHIVE, "an encrypted member", refused="0.png', which needs a password")
def _(archive: Path) -> None:
    data = bytearray(archive.read_bytes())
    data[data.index(b"PK\x01\x02") + 8] |= 1
    archive.write_bytes(data)


def zeros_archive(archive: Path, gigabytes: int) -> None:
    """Write an archive whose one member unpacks to so many GB of zeros, without packing them."""
    block = bytes(1 << 20)
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    once = packer.compress(block) + packer.flush(zlib.Z_FULL_FLUSH)
    stream = once * (gigabytes << 10) + zlib.compressobj(9, zlib.DEFLATED, -15).flush()
    name, size = b"train/calm/zeros.png", gigabytes << 30
    extra = struct.pack("<HHQQ", 1, 16, size, len(stream))
    common = (45, 0, 8, 0, 0x21, 0, 0xFFFFFFFF, 0xFFFFFFFF, len(name), len(extra))
    local = struct.pack("<4s5H3I2H", b"PK\x03\x04", *common) + name + extra
    table = struct.pack("<4s6H3I5H2I", b"PK\x01\x02", 45, *common, 0, 0, 0, 0, 0) + name + extra
    place = len(local) + len(stream)
    end = struct.pack("<4s4H2IH", b"PK\x05\x06", 0, 0, 1, 1, len(table), place, 0)
    archive.write_bytes(local + stream + table + end)


@kind(ARCHIVE, "10 GB of zeros", refused="GiB unpacked")
def _(archive: Path) -> None:
    zeros_archive(archive, 10)


@kind(ARCHIVE, "1 GB of zeros", refused="far more unpacked than photos would")
def _(archive: Path) -> None:
    zeros_archive(archive, 1)


@kind(ARCHIVE, "a member that is larger than its header says", refused="is damaged")
def _(archive: Path) -> None:
    data = encoded(picture(1, 64), "PNG")
    add(archive, "train/calm/9.png", data, compress_type=zipfile.ZIP_DEFLATED)
    content_of = archive.read_bytes()
    true, lie = struct.pack("<I", len(data)), struct.pack("<I", 100)
    archive.write_bytes(content_of.replace(true, lie))


@kind(ARCHIVE, "members that overlap", refused="overlap each other")
def _(archive: Path) -> None:
    add(archive, "train/calm/8.png", os.urandom(50_000))
    data = archive.read_bytes()
    table = data.rindex(b"PK\x01\x02")
    end = data.rindex(b"PK\x05\x06")
    entry, tail = data[table:end], bytearray(data[end:])
    copies = b"".join(entry.replace(b"8.png", b"%d.png" % n) for n in (5, 6, 7))
    entries, size = struct.unpack_from("<H", tail, 10)[0], struct.unpack_from("<I", tail, 12)[0]
    struct.pack_into("<HHI", tail, 8, entries + 3, entries + 3, size + len(copies))
    archive.write_bytes(data[:end] + copies + tail)


for _name, _change, _words in (
    ("half of it missing", lambda d: d[: len(d) // 2], "is damaged"),
    ("zero bytes", lambda d: b"", "is damaged"),
    ("a web page in its place", lambda d: HTML, "is damaged"),
    ("a tar file in its place", lambda d: b"\0" * 257 + b"ustar" + b"\0" * 762, "is damaged"),
    ("its table of contents missing", lambda d: d[: d.index(b"PK\x01\x02")], "is damaged"),
    ("a flipped bit in an image", lambda d: d.replace(b"IDAT", b"IDAU", 1), "is damaged"),
    ("an unknown way of packing", lambda d: d.replace(b"PK\x01\x02\x14\x03\x14\0\0\0\0\0",
     b"PK\x01\x02\x14\x03\x14\0\0\0\x61\0"), "is damaged"),
):  # fmt: skip
    kind(ARCHIVE, _name, refused=_words)(
        lambda archive, change=_change: archive.write_bytes(change(archive.read_bytes()))
    )


@kind(ARCHIVE, "no images in it", refused="no images in train/<emotion>/")
def _(archive: Path) -> None:
    with zipfile.ZipFile(archive, "w") as opened:
        opened.writestr("notes.txt", "hello")


@kind(ARCHIVE, "another archive inside", refused="no images in train/<emotion>/")
def _(archive: Path) -> None:
    inner = archive.read_bytes()
    with zipfile.ZipFile(archive, "w") as opened:
        opened.writestr("archive.zip", inner)


@kind(ARCHIVE, "two data sets in it", refused="more than one data set or a file twice")
def _(archive: Path) -> None:
    add(archive, "other/train/calm/0.png")


@kind(
    ARCHIVE, "names that differ in capitals only", refused="more than one data set or a file twice"
)
def _(archive: Path) -> None:
    add(archive, "train/Calm/0.png")


@kind(ARCHIVE, "a folder around train and test", handled=_AS_IT_IS)
def _(archive: Path) -> None:
    with zipfile.ZipFile(archive) as opened:
        members = {name: opened.read(name) for name in opened.namelist()}
    with zipfile.ZipFile(archive, "w") as opened:
        for name, data in members.items():
            opened.writestr(f"fer2013/{name}", data)


# --------------------------------------------------------------------------------------
# The contest's CSV file
# --------------------------------------------------------------------------------------

CSV = "CSV file"


def rows(*more: str, head: str = "emotion,pixels,Usage", end: str = "\n", keep: int = 3):
    """Return a fault that writes the first `keep` sound rows and some more."""
    return lambda file: write_csv(file, [*ROWS[:keep], *more], head, end)


for _name, _fault, _expected in (
    ("a pixel that is NaN", rows(f"0,{PIXELS[:-3]}NaN,Training"), {"refused": "from 0 to 255"}),
    ("a pixel above 255", rows(f"0,{PIXELS[:-3]}256,Training"), {"refused": "from 0 to 255"}),
    ("a pixel below 0", rows(f"0,{PIXELS[:-3]}-1,Training"), {"refused": "from 0 to 255"}),
    ("a pixel with a fraction", rows(f"0,{PIXELS[:-3]}1.5,Training"),
     {"refused": "from 0 to 255"}),
    ("a pixel like 1_0, a number only to Python", rows(f"0,{PIXELS[:-3]}1_0,Training"),
     {"refused": "from 0 to 255"}),
    ("a pixel in Arabic digits", rows(f"0,{PIXELS[:-3]}١٢,Training"),
     {"refused": "from 0 to 255"}),
    ("a row with too few pixels", rows("0,1 2 3,Training"), {"refused": "has 3 pixels"}),
    ("a row with too many pixels", rows(f"0,{PIXELS} 1,Training"), {"refused": "2305 pixels"}),
    ("a row without pixels", rows("0,,Training"), {"refused": "has 0 pixels"}),
    ("a label of 7", rows(f"7,{PIXELS},Training"), {"refused": "emotion '7'"}),
    ("a label of -1", rows(f"-1,{PIXELS},Training"), {"refused": "emotion '-1'"}),
    ("a label in words", rows(f"happy,{PIXELS},Training"), {"refused": "emotion 'happy'"}),
    ("an empty label", rows(f",{PIXELS},Training"), {"refused": "emotion ''"}),
    ("an unknown Usage", rows(f"0,{PIXELS},Testing"), {"refused": "Usage 'Testing'"}),
    ("a Usage of 100,000 letters", rows(f"0,{PIXELS},{'x' * 100_000}"), {"refused": "Usage"}),
    ("a row cut off", rows(f"0,{PIXELS}"), {"refused": "Usage ''"}),
    ("a row with one field more", rows(f"0,{PIXELS},Training,more"), {"refused": "no table"}),
    ("Windows line ends", rows(f"0,{PIXELS},Training", end="\r\n"), {"handled": "4 images"}),
    ("line ends of old Macs", rows(f"0,{PIXELS},Training", end="\r"), {"handled": "4 images"}),
    ("blank lines", rows("", "", f"0,{PIXELS},Training"), {"handled": "4 images"}),
    ("a missing column", rows(head="emotion,pixels,Part"), {"refused": "lacks the column Usage"}),
    ("a column twice", rows(f"0,{PIXELS},Training,x", head="emotion,pixels,Usage, Usage", keep=0),
     {"refused": "has Usage twice"}),
    ("no rows", rows(keep=0), {"refused": "no rows for training"}),
    ("rows to train on alone", rows(keep=1), {"refused": "no rows for training or none"}),
    ("an unclosed quotation mark", rows(f'0,"{PIXELS},Training'), {"refused": "no table"}),
):  # fmt: skip
    kind(CSV, _name, **_expected)(_fault)

for _name, _change, _expected in (
    ("zero bytes", lambda d: b"", {"refused": "no table that can be read"}),
    ("a web page in its place", lambda d: HTML, {"refused": "lacks the column emotion"}),
    ("UTF-16", lambda d: d.decode().encode("utf-16"), {"refused": "no table that can be read"}),
    ("a mark of UTF-8 at its start", lambda d: b"\xef\xbb\xbf" + d, {"handled": "3 images"}),
    ("bytes that are no text", lambda d: d + b"0,\xff\xfe,Training\n", {"refused": "no table"}),
    ("a byte 0 in a field", lambda d: d.replace(b"Private", b"Pri\0vate"), {"refused": "Usage"}),
    ("semicolons for commas", lambda d: d.replace(b",", b";"), {"refused": "lacks the column"}),
    ("half of its last row", lambda d: d[: len(d) - 4000], {"refused": "Line 4"}),
    ("no line end at its end", lambda d: d.rstrip(b"\n"), {"handled": "3 images"}),
):
    kind(CSV, _name, **_expected)(
        lambda file, change=_change: file.write_bytes(change(file.read_bytes()))
    )


# --------------------------------------------------------------------------------------
# The list of images to leave out, and settings
# --------------------------------------------------------------------------------------

for _name, _text in (
    ("other columns", b"a,b\n1,2\n"),
    ("an empty field", b"split,file,reason\ntrain,,copy\n"),
    ("zero bytes", b""),
    ("bytes that are no text", b"\xff\xfe\x00"),
    ("a web page in its place", HTML),
):
    kind("leave-out list", _name, refused="make it again with notebook 01")(
        lambda file, text=_text: file.write_bytes(text)
    )

for _name, _values, _words in (
    ("a learning rate in words", {"learning_rate": "fast"}, "learning_rate"),
    ("a learning rate that is NaN", {"learning_rate": "nan"}, "learning_rate"),
    ("a learning rate without end", {"learning_rate": "inf"}, "learning_rate"),
    ("no epochs", {"epochs": 0}, "epochs"),
    ("a million epochs", {"EMOTIONS_EPOCHS": "1000000"}, "epochs"),
    ("half an epoch", {"epochs": "0.5"}, "epochs"),
    ("an unknown optimizer", {"optimizer": "Sgdd"}, "optimizer"),
    ("a misspelt variable", {"EMOTIONS_EPOCH": "3"}, "did you mean EMOTIONS_EPOCHS"),
    ("an unknown parameter", {"speed": 3}, "speed"),
    ("an image size that is no multiple of 4", {"image_size": 50}, "image_size"),
    ("a layer that is not there", {"layer": "pool9"}, "layer"),
    ("two layers at once", {"layer": "pool3+pool4"}, "layer"),
    ("a layer before what learns", {"trainable": "block5", "layer": "pool3"}, "lies behind"),
    ("a grid that is no JSON", {"EMOTIONS_GRID": "{units: 3}"}, "not JSON"),
    ("a grid that is a list", {"EMOTIONS_GRID": "[1, 2]"}, "grid"),
    ("a grid without values", {"grid": {"units": []}}, "no values"),
    ("a grid with a wrong value", {"grid": {"dropout": [2]}}, "dropout"),
    ("a grid of something else", {"grid": {"colour": ["red"]}}, "colour"),
    ("one data folder of two", {"EMOTIONS_TRAIN_DATA": "."}, "belong together"),
    ("a recipe that is not there", {"recipe": "soup"}, "recipe"),
    ("a negative random seed", {"random_seed": -1}, "random_seed"),
    ("a path with a byte 0", {"data": "a\0b"}, "data"),
):
    kind("setting", _name, refused=_words)(lambda home, values=_values: values)


def slug(one: Kind) -> str:
    """Return a name for pytest."""
    return re.sub(r"[^a-z0-9]+", "-", f"{one.group}: {one.name}".lower())
