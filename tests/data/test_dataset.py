"""Loading folders of images, and getting them from archives, CSV files and Kaggle."""

import json
import os
import re
import shutil
import struct
import subprocess
import sys
import threading
import zipfile
from collections import Counter
from pathlib import Path

import kagglehub
import numpy as np
import pytest
from emotions import files
from emotions.data import drawn, pixels, sources
from emotions.data.faces import GENUINE_FER2013_FINGERPRINT, load_faces, name_and_title, read_cache
from emotions.files import DataError
from PIL import Image

ROOT = Path(__file__).resolve().parents[2]
CLASSES = ("calm", "wild")


def draw(path: Path, mode: str = "L", size: tuple[int, int] = (8, 8), seed: int = 0) -> Path:
    """Save a random image; the same seed gives the same pixels."""
    random = np.random.default_rng(seed)
    shape = size[::-1] if mode == "L" else (*size[::-1], 3)
    image = Image.fromarray(random.integers(0, 256, shape, dtype=np.uint8))
    path.parent.mkdir(parents=True, exist_ok=True)
    image.convert(mode).save(path)
    return path


def make(folder: Path, mode: str = "L", size: tuple[int, int] = (8, 8)) -> Path:
    """Make a data set of two classes with two images each in train and one each in test."""
    seed = 0
    for split, count in (("train", 2), ("test", 1)):
        for name in CLASSES:
            for number in range(count):
                seed += 1
                draw(folder / split / name / f"{number}.png", mode, size, seed)
    return folder


@pytest.fixture
def faces(tmp_path):
    return make(tmp_path / "my faces")


@pytest.fixture
def load(tmp_path):
    def load(folder, **more):
        return load_faces(folder / "train", folder / "test", tmp_path / "cache", **more)

    return load


def fails_with(*words: str):
    """Expect one `DataError` sentence that holds all the words."""
    pattern = "(?s)" + "".join(f"(?=.*{word})" for word in map(re.escape, words))
    return pytest.raises(DataError, match=pattern + r".*\.$")


# Loading ------------------------------------------------------------------------------


def test_load_gives_pixels_labels_and_names(faces, load):
    data = load(faces)
    assert data.train.images.shape == (4, 8, 8, 1)
    assert data.train.images.dtype == np.uint8
    assert data.train.labels.dtype == np.int64
    assert data.train.labels.tolist() == [0, 0, 1, 1]
    assert data.train.classes == data.test.classes == CLASSES
    assert data.train.files == ("calm/0.png", "calm/1.png", "wild/0.png", "wild/1.png")
    assert len(data.train) == 4 and len(data.test) == 2
    for number, file in enumerate(data.train.files):
        with Image.open(faces / "train" / file) as image:
            assert np.array_equal(data.train.images[number, :, :, 0], np.asarray(image))
    assert data.notes == ()
    assert not data.train.images.flags.writeable


def test_classes_and_files_are_sorted(tmp_path, load):
    for split in ("train", "test"):
        for name in ("b", "a", "c"):
            for file in ("2.png", "10.png", "1.png"):
                draw(tmp_path / "x" / split / name / file)
    data = load(tmp_path / "x")
    assert data.train.classes == ("a", "b", "c")
    assert data.train.files[:4] == ("a/1.png", "a/10.png", "a/2.png", "b/1.png")


def test_colour_anywhere_gives_three_channels(faces, load):
    draw(faces / "test" / "wild" / "0.png", "RGB", seed=99)
    data = load(faces)
    assert data.train.images.shape == (4, 8, 8, 3)
    assert data.test.images.shape == (2, 8, 8, 3)
    assert (data.train.images == data.train.images[..., :1]).all()
    with Image.open(faces / "test" / "wild" / "0.png") as image:
        assert np.array_equal(data.test.images[1], np.asarray(image))


def test_grey_saved_as_rgb_stays_one_channel(faces, load):
    path = faces / "train" / "calm" / "0.png"
    with Image.open(path) as image:
        grey = np.asarray(image)
        rgb = image.convert("RGB")
    rgb.save(path)
    data = load(faces)
    assert data.train.images.shape[-1] == 1
    assert np.array_equal(data.train.images[0, :, :, 0], grey)


def replace(faces: Path, image: Image.Image, name: str = "0.png", **options) -> None:
    """Put an image in the place of the first of the training split."""
    (faces / "train" / "calm" / "0.png").unlink()
    image.save(faces / "train" / "calm" / name, **options)


@pytest.mark.parametrize("value, expected", [(0, 0), (257 * 100, 100), (65535, 255), (700, 3)])
def test_16_bit_is_scaled(faces, load, value, expected):
    replace(faces, Image.fromarray(np.full((8, 8), value, np.uint16)))
    data = load(faces)
    assert data.train.images.shape[-1] == 1
    assert (data.train.images[0] == expected).all()


def test_one_bit_image(faces, load):
    replace(faces, Image.new("1", (8, 8), 1))
    assert (load(faces).train.images[0] == 255).all()


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_transparent_pixels_are_put_on_white(faces, load, mode):
    colour = (10, 20, 30, 0) if mode == "RGBA" else (10, 0)
    image = Image.new(mode, (8, 8), colour)
    image.putpixel((0, 0), (*colour[:-1], 255))
    replace(faces, image)
    data = load(faces)
    assert data.train.images[0, 0, 0].tolist() == ([10, 20, 30] if mode == "RGBA" else [10])
    assert (data.train.images[0, 1:] == 255).all()
    assert data.notes == ("Put 1 images with transparent pixels on white.",)


def test_opaque_rgba_is_not_noted(faces, load):
    replace(faces, Image.new("RGBA", (8, 8), (10, 20, 30, 255)))
    data = load(faces)
    assert (data.train.images[0] == [10, 20, 30]).all()
    assert data.notes == ()


def test_palette_with_and_without_transparency(faces, load):
    image = Image.new("P", (8, 8), 1)
    image.putpalette([0, 0, 0, 200, 100, 50])
    replace(faces, image)
    assert (load(faces).train.images[0] == [200, 100, 50]).all()
    image.save(faces / "train" / "calm" / "0.png", transparency=1)
    assert (load(faces).train.images[0] == 255).all()


def test_cmyk_jpeg(faces, load):
    replace(faces, Image.new("CMYK", (8, 8), (0, 255, 255, 0)), "0.jpg", quality=100)
    red, green, blue = load(faces).train.images[0, 4, 4].astype(int)
    assert red > 240 and green < 15 and blue < 15


@pytest.mark.parametrize("name", ["0.jpg", "0.JPEG", "0.bmp", "0.PNG"])
def test_file_types(faces, load, name):
    replace(faces, Image.new("L", (8, 8), 77), name)
    data = load(faces)
    assert data.train.files[0] == f"calm/{name}"
    assert (data.train.images[0] == 77).all()


def test_exif_orientation_is_applied(faces, load):
    pixels = np.zeros((8, 8), np.uint8)
    pixels[:4] = 255  # bright above
    exif = Image.Exif()
    exif[0x0112] = 3  # upside down
    replace(faces, Image.fromarray(pixels), exif=exif)
    image = load(faces).train.images[0, :, :, 0]
    assert (image[:4] == 0).all() and (image[4:] == 255).all()


def test_odd_sizes_are_cropped_around_the_middle_and_noted(faces, load):
    pixels = np.zeros((8, 24), np.uint8)
    pixels[:, 8:16] = 200
    replace(faces, Image.fromarray(pixels))
    data = load(faces)
    assert (data.train.images[0] == 200).all()
    assert data.notes == ("Cropped or resized 1 of 6 images to 8 x 8 pixels.",)


def test_side_is_the_shorter_one_of_the_most_common_size(faces, load):
    draw(faces / "train" / "calm" / "0.png", size=(20, 20))
    for name in ("calm/1.png", "wild/0.png"):
        draw(faces / "train" / name, size=(10, 14))
    assert load(faces).train.images.shape == (4, 10, 10, 1)


def test_of_equally_common_sizes_the_longest_shorter_side_counts(faces, load):
    sizes = {"calm/0.png": (300, 40), "calm/1.png": (200, 210), "wild/0.png": (30, 90)}
    for name, size in sizes.items():
        draw(faces / "train" / name, size=size)
    (faces / "train" / "wild" / "1.png").unlink()
    assert load(faces).train.images.shape == (3, 200, 200, 1)


def test_where_hardly_two_sizes_are_alike_the_median_counts():
    sizes = Counter({(30 + k, 300 - k): 1 for k in range(100)})
    sizes[(31, 299)] += 5  # by chance
    assert pixels.common_side(sizes) == 77
    sizes[(31, 299)] += 50
    assert pixels.common_side(sizes) == 31


def test_a_turned_image_whose_other_tags_are_broken_is_read(faces, load):
    tags = struct.pack("<HHIHH", 0x0112, 3, 1, 6, 0)  # orientation
    tags += struct.pack("<HHI4s", 0x011A, 2, 4, b"bad\0")  # resolution, which should be a number
    exif = b"Exif\0\0II*\0" + struct.pack("<IH", 8, 2) + tags + bytes(4)
    Image.new("L", (8, 8)).save(faces / "train" / "calm" / "0.jpg", exif=exif)
    assert "turned" in " ".join(load(faces).notes).lower()


def test_large_images_become_224_pixels(tmp_path, load):
    data = load(make(tmp_path / "big", size=(300, 260)))
    assert data.train.images.shape == (4, 224, 224, 1)
    assert data.notes == ("Cropped or resized 6 of 6 images to 224 x 224 pixels.",)


def test_wrong_guess_of_the_size_is_mended(faces, load, monkeypatch):
    monkeypatch.setattr("emotions.data.faces.likely_side", lambda listing: 3)
    data = load(faces)
    assert data.train.images.shape == (4, 8, 8, 1)
    assert data.notes == ()


def test_hidden_and_system_files_are_skipped_and_counted(faces, load):
    for name in (".DS_Store", "calm/Thumbs.db", "calm/desktop.ini", "wild/._0.png"):
        (faces / "train" / name).write_bytes(b"x")
    (faces / "test" / "__MACOSX").mkdir()
    (faces / "test" / ".ipynb_checkpoints").mkdir()
    (faces / "test" / "read me.txt").write_text("hello")
    data = load(faces)
    assert len(data.train) == 4
    assert data.train.classes == CLASSES
    assert data.notes == ("Skipped 7 hidden, system or loose entries.",)


def test_progress_is_told_the_total(faces, load):
    calls = []

    def progress(items, *, total, desc):
        calls.append((total, desc))
        return items

    load(faces, progress=progress)
    assert calls == [(4, "Reading train"), (2, "Reading test")]


# Data that cannot be used -------------------------------------------------------------


def test_missing_folder(faces, load):
    shutil.rmtree(faces / "test")
    with fails_with(str(faces / "test"), "is not there", "check its name"):
        load(faces)


def test_one_class_only(faces, load):
    shutil.rmtree(faces / "train" / "wild")
    with fails_with(str(faces / "train"), "1 class folders", "at least 2"):
        load(faces)


def test_different_classes(faces, load):
    draw(faces / "train" / "odd" / "0.png")
    with fails_with(str(faces / "test"), "lacks the classes odd", "same class folders"):
        load(faces)


def test_accents_in_one_piece_or_two_are_the_same_class(faces, load):
    for split, name in (("train", "\u00e4rger"), ("test", "a\u0308rger")):  # macOS has the second
        (faces / split / "wild").rename(faces / split / name)
    data = load(faces)
    assert data.train.classes == data.test.classes == ("calm", "\u00e4rger")
    assert data.test.labels.tolist() == [0, 1]
    draw(faces / "test" / "\u00e4rger" / "1.png")
    with fails_with(str(faces / "test"), "two folders \u00e4rger", "one."):
        load(faces)


def test_class_in_test_only(faces, load):
    draw(faces / "test" / "odd" / "0.png")
    with fails_with(str(faces / "train"), "lacks the classes odd", "same class folders"):
        load(faces)


def test_empty_class(faces, load):
    (faces / "test" / "wild" / "0.png").unlink()
    (faces / "test" / "wild" / ".hidden.png").touch()
    with fails_with(str(faces / "test" / "wild"), "holds no image", "put images into it"):
        load(faces)


def test_image_beside_the_class_folders(faces, load):
    path = draw(faces / "train" / "stray.JPG")
    with fails_with(str(path), "beside the class folders", "move it"):
        load(faces)


def test_folder_inside_a_class(faces, load):
    draw(faces / "train" / "calm" / "more" / "0.png")
    with fails_with(str(faces / "train" / "calm"), "more", "move its images up"):
        load(faces)


def test_other_file_in_a_class(faces, load):
    path = faces / "train" / "calm" / "notes.txt"
    path.write_text("hello")
    with fails_with(str(path), "no PNG, JPEG or BMP", "delete it"):
        load(faces)


@pytest.mark.parametrize("content", [b"", b"no image at all"])
def test_no_image(faces, load, content):
    path = faces / "test" / "calm" / "0.png"
    path.write_bytes(content)
    with fails_with(str(path), "no PNG, JPEG or BMP image", "delete it or save it anew"):
        load(faces)


@pytest.mark.parametrize("name", ["0.png", "0.jpg", "0.bmp"])
def test_truncated_image(faces, load, name):
    replace(faces, Image.new("L", (64, 64), 99), name)
    path = faces / "train" / "calm" / name
    content = path.read_bytes()
    path.write_bytes(content[: len(content) * 2 // 3])
    with fails_with(str(path), "damaged", "delete it or get it anew"):
        load(faces)


def test_damaged_image_leaves_no_cache(faces, load, tmp_path):
    (faces / "test" / "wild" / "0.png").write_bytes(b"")
    with pytest.raises(DataError):
        load(faces)
    assert list((tmp_path / "cache").iterdir()) == []


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
@pytest.mark.parametrize("limit", [40, 63])  # Pillow refuses above twice, warns above once
def test_too_many_pixels(faces, load, monkeypatch, limit):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", limit)
    path = draw(faces / "test" / "calm" / "0.png", size=(9, 9))
    for name in ("train/calm/0", "train/calm/1", "train/wild/0", "train/wild/1", "test/wild/0"):
        draw(faces / f"{name}.png", size=(6, 6))
    with fails_with(str(path), "too many pixels", "shrink"):
        load(faces)


def test_cache_folder_that_cannot_be_written(faces, tmp_path):
    blocked = tmp_path / "blocked"
    blocked.write_text("a file, no folder")
    with fails_with(str(blocked), "cannot be written", "allow writing"):
        load_faces(faces / "train", faces / "test", blocked)


# The cache ----------------------------------------------------------------------------


@pytest.fixture
def forbid_decoding(monkeypatch):
    def forbid():
        def fail(path, side):
            raise AssertionError(f"decoded {path}")

        monkeypatch.setattr(pixels, "decode", fail)

    return forbid


def assert_same(one, other):
    for a, b in ((one.train, other.train), (one.test, other.test)):
        assert np.array_equal(a.images, b.images)
        assert np.array_equal(a.labels, b.labels)
        assert (a.classes, a.files) == (b.classes, b.files)
    assert (one.name, one.title, one.fingerprint, one.notes) == (
        other.name,
        other.title,
        other.fingerprint,
        other.notes,
    )


def test_second_load_decodes_nothing(faces, load, forbid_decoding):
    (faces / "train" / ".hidden").touch()
    first = load(faces)
    forbid_decoding()
    assert_same(load(faces), first)
    draw(faces / "train" / "calm" / "2.png")
    with pytest.raises(AssertionError, match="decoded"):
        load(faces)


def test_changed_time_reads_again(faces, load):
    first = load(faces)
    path = faces / "train" / "calm" / "0.png"
    size = path.stat().st_size
    Image.new("L", (8, 8), 5).save(path)
    content = path.read_bytes()
    path.write_bytes(content + b"\0" * (size - len(content)))
    os.utime(path, ns=(1, 1))
    second = load(faces)
    assert (second.train.images[0] == 5).all()
    assert second.fingerprint != first.fingerprint


def test_renamed_file_reads_again(faces, load):
    first = load(faces)
    (faces / "train" / "calm" / "0.png").rename(faces / "train" / "calm" / "9.png")
    second = load(faces)
    assert second.train.files[:2] == ("calm/1.png", "calm/9.png")
    assert np.array_equal(second.train.images[1], first.train.images[0])


def the_cache(tmp_path: Path) -> Path:
    (folder,) = (tmp_path / "cache").iterdir()
    return folder


def cut(path):
    path.write_bytes(path.read_bytes()[:-10])


def flip_a_bit(path):
    content = bytearray(path.read_bytes())
    content[-20] ^= 1
    path.write_bytes(content)


def empty(path):
    path.write_bytes(b"")


@pytest.mark.parametrize("damage", [cut, flip_a_bit, empty, Path.unlink])
@pytest.mark.parametrize("name", ["train.npy", "test.npy", "info.json"])
def test_damaged_cache_is_made_again(faces, load, tmp_path, damage, name):
    first = load(faces)
    arrays = [np.array(first.train.images), np.array(first.test.images)]
    damage(the_cache(tmp_path) / name)
    second = load(faces)
    assert np.array_equal(second.train.images, arrays[0])
    assert np.array_equal(second.test.images, arrays[1])
    assert second.fingerprint == first.fingerprint
    assert read_cache(the_cache(tmp_path))


def test_altered_fingerprint_in_the_cache_is_not_believed(faces, load, tmp_path):
    load(faces)
    info = the_cache(tmp_path) / "info.json"
    content = json.loads(info.read_text())
    content["info"]["fingerprint"] = GENUINE_FER2013_FINGERPRINT
    info.write_text(json.dumps(content))
    assert load(faces).name.startswith("my_faces_")


def test_two_loads_at_once(faces, load):
    results = []
    threads = [threading.Thread(target=lambda: results.append(load(faces))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 4
    for result in results[1:]:
        assert_same(result, results[0])


def test_leftover_of_a_killed_process_is_removed(faces, load, tmp_path):
    (tmp_path / "cache").mkdir()
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    leftover = (
        tmp_path / "cache" / f".abc.unfinished-{ended.pid}-1000000000-{files._machine()}-0123abcd"
    )
    leftover.mkdir()
    with files.new_folder(tmp_path / "cache" / "other") as running:
        load(faces)
        assert not leftover.exists()
        assert running.exists()


# Fingerprint, name and title ----------------------------------------------------------


def test_fingerprint_ignores_names_and_order_but_no_pixel(faces, load, tmp_path):
    first = load(faces).fingerprint
    calm = faces / "train" / "calm"
    (calm / "0.png").rename(calm / "zzz.png")
    assert load(faces).fingerprint == first
    pixels = np.array(Image.open(calm / "zzz.png"))
    pixels[3, 3] ^= 1
    Image.fromarray(pixels).save(calm / "zzz.png")
    assert load(faces).fingerprint != first


def test_fingerprint_knows_class_and_split(faces, load):
    first = load(faces).fingerprint
    one, other = faces / "train" / "calm" / "0.png", faces / "train" / "wild" / "0.png"
    swap(one, other)
    second = load(faces).fingerprint
    swap(one, other)
    swap(one, faces / "test" / "calm" / "0.png")
    assert len({first, second, load(faces).fingerprint}) == 3


def swap(one: Path, other: Path) -> None:
    contents = one.read_bytes(), other.read_bytes()
    one.write_bytes(contents[1])
    other.write_bytes(contents[0])


@pytest.mark.parametrize(
    "folder, name, title",
    [
        ("My Faces-2", "my_faces_2_000000", "My Faces-2"),
        ("Gesichter für alle", "gesichter_fur_alle_000000", "Gesichter für alle"),
        ("顔", "data_set_000000", "顔"),
        ("fer2013", "fer2013_other_000000", "fer2013 (other)"),
        ("FER-2013", "fer_2013_other_000000", "FER-2013 (other)"),
        ("sample", "sample_other_000000", "sample (other)"),
        ("drawn_faces", "drawn_faces_other_000000", "drawn_faces (other)"),
    ],
)
def test_name_and_title_of_other_data(tmp_path, folder, name, title):
    found = name_and_title(tmp_path / folder / "train", False, "0" * 64)
    assert found == (name, title)


def test_name_and_title_of_fer2013():
    fingerprint = GENUINE_FER2013_FINGERPRINT
    found = name_and_title(Path("anything/train"), False, fingerprint)
    assert found == ("fer2013", "FER-2013")


def test_name_and_title_of_the_drawn_faces(tmp_path):
    found = name_and_title(tmp_path / "train", True, "0" * 64)
    assert found == ("sample", "drawn faces")


def test_drawn_faces_are_told_by_their_pixels(tiny_faces, tmp_path):
    assert load_faces(tiny_faces / "train", tiny_faces / "test", tmp_path / "a").name == "sample"
    copy = tmp_path / "mine"
    shutil.copytree(tiny_faces, copy)
    for file in copy.rglob("*.png"):  # other pictures, the names of the drawn ones
        with Image.open(file) as image:
            image.transpose(Image.Transpose.FLIP_TOP_BOTTOM).save(file)
    data = load_faces(copy / "train", copy / "test", tmp_path / "b")
    assert (data.name, data.title) == (f"mine_{data.fingerprint[:6]}", "mine")


def test_two_data_sets_in_folders_of_one_name_get_two_names(tiny_faces, tmp_path):
    names = set()
    for number, angle in enumerate((Image.Transpose.ROTATE_90, Image.Transpose.ROTATE_180)):
        folder = tmp_path / str(number) / "faces"
        shutil.copytree(tiny_faces, folder)
        for file in folder.rglob("*.png"):
            with Image.open(file) as image:
                image.transpose(angle).save(file)
        names.add(load_faces(folder / "train", folder / "test", tmp_path / "cache").name)
    assert len(names) == 2


# Archives -----------------------------------------------------------------------------


def pack(archive: Path, folder: Path, around: str = "") -> Path:
    with zipfile.ZipFile(archive, "w") as opened:
        for path in sorted(folder.rglob("*.png")):
            opened.write(path, around + path.relative_to(folder).as_posix())
    return archive


def add(archive: Path, member: str | zipfile.ZipInfo, content: bytes = b"x", **options) -> None:
    with zipfile.ZipFile(archive, "a") as opened:
        opened.writestr(member, content, **options)


@pytest.fixture
def archive(tmp_path, faces):
    (tmp_path / "data").mkdir()
    return pack(tmp_path / "data" / "archive.zip", faces)


def contents(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def assert_refused(archive: Path, *words: str) -> None:
    """Unpacking fails with these words and leaves nothing but the archive."""
    with fails_with(str(archive), *words):
        sources.unpack_archive(archive, archive.parent / "Face_emotions")
    assert [path.name for path in archive.parent.iterdir()] == [archive.name]


@pytest.mark.parametrize("around", ["", "fer2013/", "a/b/"])
def test_unpack_archive(tmp_path, faces, around):
    archive = pack(tmp_path / "archive.zip", faces, around)
    add(archive, "read me.txt")
    add(archive, "__MACOSX/train/calm/._0.png")
    add(archive, f"{around}train/calm/.hidden.png")
    add(archive, "loose.png")
    sources.unpack_archive(archive, tmp_path / "out")
    assert contents(tmp_path / "out") == contents(faces) | {".made_by_course": b"archive.zip"}


@pytest.mark.parametrize(
    "name",
    ["../train/calm/x.png", "train\\calm\\x.png", "train/calm/..\\..\\x.png", "train/calm. /x.png"],
)
def test_more_unsafe_names_in_an_archive(archive, name):  # the others: bad_data.py
    member = zipfile.ZipInfo("placeholder")
    member.filename = name
    add(archive, member)
    assert_refused(archive, "unsafe name", "download archive.zip by hand")


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_file_that_is_in_an_archive_twice(archive):
    add(archive, "train/calm/0.png")
    assert_refused(archive, "a file twice")


def test_bomb(archive):
    add(archive, "train/calm/bomb.png", bytes(5_000_000), compress_type=zipfile.ZIP_DEFLATED)
    assert_refused(archive, "far more unpacked than photos would", "download archive.zip by hand")


def test_archive_that_is_too_big(archive, monkeypatch):
    monkeypatch.setattr(sources, "LARGEST_ARCHIVE", 100)
    assert_refused(archive, "GiB unpacked", "download archive.zip by hand")


def test_archive_with_too_many_files(archive, monkeypatch):
    monkeypatch.setattr(sources, "MOST_MEMBERS", 5)
    assert_refused(archive, "more than 5 files", "download archive.zip by hand")


@pytest.mark.parametrize("kept", [0, 0.5, 0.95])
def test_truncated_archive(archive, kept):
    content = archive.read_bytes()
    archive.write_bytes(content[: int(len(content) * kept)])
    assert_refused(archive, "is damaged", "delete it and download archive.zip by hand")


def test_archive_with_a_flipped_bit(archive):
    content = bytearray(archive.read_bytes())
    content[content.index(b"IDAT") + 8] ^= 1
    archive.write_bytes(content)
    assert_refused(archive, "is damaged", "CRC", "delete it and download archive.zip by hand")


def test_archive_without_images(archive):
    with zipfile.ZipFile(archive, "w") as opened:
        opened.writestr("train/calm/0.png", b"x")
    assert_refused(archive, "no images in train/<emotion>/ and test/<emotion>/")


def test_missing_archive(tmp_path):
    with fails_with(str(tmp_path / "archive.zip"), "is not there", "download"):
        sources.unpack_archive(tmp_path / "archive.zip", tmp_path / "out")


def test_unpack_into_a_folder_that_is_there(archive, tmp_path):
    (tmp_path / "out").mkdir()
    with fails_with(str(tmp_path / "out"), "is there already", "delete or rename"):
        sources.unpack_archive(archive, tmp_path / "out")


def test_unpacking_that_is_stopped_leaves_nothing(archive):
    def stop(items, *, total, desc):
        assert (total, desc) == (6, "Unpacking archive.zip")
        yield from list(items)[:3]
        raise KeyboardInterrupt

    faces = archive.parent / "Face_emotions"
    with pytest.raises(KeyboardInterrupt):
        sources.unpack_archive(archive, faces, progress=stop)
    assert [path.name for path in archive.parent.iterdir()] == [archive.name]
    sources.unpack_archive(archive, faces)
    assert len(contents(faces)) == 7


def test_unpacking_that_is_killed_is_cleaned_up_by_the_next(archive):
    program = (
        "import os, sys; from pathlib import Path; from emotions.data import sources\n"
        "def kill(items, **_):\n"
        "    for number, item in enumerate(items):\n"
        "        if number == 3: os._exit(9)\n"
        "        yield item\n"
        "archive = Path(sys.argv[1])\n"
        "sources.unpack_archive(archive, archive.parent / 'Face_emotions', progress=kill)\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "notebooks")}
    ended = subprocess.run([sys.executable, "-c", program, str(archive)], env=environment)
    assert ended.returncode == 9
    (leftover,) = archive.parent.glob(".Face_emotions.unfinished-*")
    assert len(contents(leftover)) == 3
    sources.unpack_archive(archive, archive.parent / "Face_emotions")
    assert sorted(path.name for path in archive.parent.iterdir()) == [
        "Face_emotions",
        "archive.zip",
    ]


def test_full_disk_is_not_called_a_damaged_archive(archive, monkeypatch):
    def full(path, content):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    faces = archive.parent / "Face_emotions"
    with fails_with(str(faces), "cannot be written", "No space left", "free some space"):
        sources.unpack_archive(archive, faces)


# CSV files ----------------------------------------------------------------------------

PIXELS = [number % 256 for number in range(48 * 48)]
GOOD = " ".join(map(str, PIXELS))
ROWS = [f"0,{GOOD},Training", f"3,{GOOD},PublicTest", f"6,{GOOD},PrivateTest"]


def write_csv(path: Path, rows, head="emotion,pixels,Usage", end="\n") -> Path:
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(end.join([head, *rows, ""]).encode())
    return path


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_convert_csv(tmp_path, end):
    rows = [*ROWS, f"0,{GOOD},Training"]
    sources.convert_csv(write_csv(tmp_path / "a.csv", rows, end=end), tmp_path / "out")
    assert sorted(contents(tmp_path / "out")) == [
        ".made_by_course",
        "test/happy/PublicTest_00001.png",
        "test/neutral/PrivateTest_00001.png",
        "train/angry/Training_00001.png",
        "train/angry/Training_00002.png",
    ]
    with Image.open(tmp_path / "out" / "train" / "angry" / "Training_00001.png") as image:
        assert image.mode == "L"
        assert np.asarray(image).ravel().tolist() == PIXELS


def test_convert_csv_of_the_kaggle_contest(tmp_path):
    rows = [f"0,Training,{GOOD}", f"1,PrivateTest,{GOOD}"]
    path = write_csv(tmp_path / "icml_face_data.csv", rows, head="emotion, Usage, pixels")
    sources.convert_csv(path, tmp_path / "out")
    assert len(contents(tmp_path / "out")) == 3


@pytest.mark.parametrize(
    "row, words",
    [
        (f"7,{GOOD},Training", ["the emotion '7'", "from 0 to 6"]),
        (f"-1,{GOOD},Training", ["the emotion '-1'", "from 0 to 6"]),
        (f"happy,{GOOD},Training", ["the emotion 'happy'", "from 0 to 6"]),
        (f"0,{GOOD} 1,Training", ["2305 pixels", "2304"]),
        ("0,,Training", ["0 pixels", "2304"]),
        (f"0,{GOOD[:-3]}256,Training", ["from 0 to 255", "mend"]),
        (f"0,{GOOD[:-3]}-1,Training", ["from 0 to 255", "mend"]),
        (f"0,{GOOD[:-3]}1.5,Training", ["from 0 to 255", "mend"]),
        (f"0,{GOOD[:-3]}abc,Training", ["from 0 to 255", "mend"]),
        (f"0,{GOOD},Testing", ["the Usage 'Testing'", "Training, PublicTest, PrivateTest"]),
        (f"0,{GOOD}", ["the Usage ''", "Training, PublicTest, PrivateTest"]),
    ],
)
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_bad_row(tmp_path, row, words, end):
    path = write_csv(tmp_path / "data" / "fer2013.csv", [*ROWS, "", row], end=end)
    with fails_with(f"Line 6 of {path}", *words):
        sources.convert_csv(path, tmp_path / "data" / "out")
    assert [file.name for file in path.parent.iterdir()] == ["fer2013.csv"]


@pytest.mark.parametrize("column", ["emotion", "pixels", "Usage"])
def test_missing_column(tmp_path, column):
    head = "emotion,pixels,Usage".replace(column, "other")
    path = write_csv(tmp_path / "fer2013.csv", ROWS, head=head)
    with fails_with(f"Line 1 of {path}", f"the column {column}", "add it"):
        sources.convert_csv(path, tmp_path / "out")


@pytest.mark.parametrize("before, place", [(ROWS, "line 5"), ([], "line 2")])
def test_csv_with_too_many_fields(tmp_path, before, place):
    path = write_csv(tmp_path / "fer2013.csv", [*before, f"0,{GOOD},Training,more"])
    with fails_with(str(path), place, "get it anew"):
        sources.convert_csv(path, tmp_path / "out")


@pytest.mark.parametrize("content", [b"", b"emotion,pixels,Usage\n0,\xff\xfe\xfa,Training\n"])
def test_csv_that_is_no_table(tmp_path, content):
    path = tmp_path / "fer2013.csv"
    path.write_bytes(content)
    with fails_with(str(path), "no table that can be read", "get it anew"):
        sources.convert_csv(path, tmp_path / "out")


@pytest.mark.parametrize("rows", [[], ROWS[:1], ROWS[1:]])
def test_csv_without_one_of_the_splits(tmp_path, rows):
    path = write_csv(tmp_path / "fer2013.csv", rows)
    with fails_with(str(path), "no rows for training or none for testing", "get it anew"):
        sources.convert_csv(path, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_missing_csv(tmp_path):
    with fails_with(str(tmp_path / "fer2013.csv"), "is not there", "check its name"):
        sources.convert_csv(tmp_path / "fer2013.csv", tmp_path / "out")


def test_convert_into_a_folder_that_is_there(tmp_path):
    (tmp_path / "out").mkdir()
    with fails_with(str(tmp_path / "out"), "is there already", "delete or rename"):
        sources.convert_csv(write_csv(tmp_path / "fer2013.csv", ROWS), tmp_path / "out")


# Which data the course takes ----------------------------------------------------------


def test_prepare_takes_the_folder_first(archive):
    folder = archive.parent / "Face_emotions"
    draw(folder / "train" / "calm" / "own.png")
    draw(folder / "test" / "calm" / "own.png")
    assert sources.prepare_folders(archive.parent) == (folder / "train", folder / "test")
    assert sorted(contents(folder)) == ["test/calm/own.png", "train/calm/own.png"]


def test_prepare_takes_the_archive_before_the_csv(archive, faces):
    write_csv(archive.parent / "fer2013.csv", ROWS)
    train, test = sources.prepare_folders(archive.parent)
    assert (train.parent, train.name, test.name) == (
        archive.parent / "Face_emotions",
        "train",
        "test",
    )
    # the marker lets `make uninstall` tell this folder from one that the user made
    assert contents(train.parent) == contents(faces) | {".made_by_course": b"archive.zip"}


@pytest.mark.parametrize("name", ["fer2013.csv", "icml_face_data.csv"])
def test_prepare_takes_the_csv(tmp_path, name):
    write_csv(tmp_path / name, ROWS)
    train, test = sources.prepare_folders(tmp_path)
    assert sorted(contents(train)) == ["angry/Training_00001.png"]
    assert len(contents(test)) == 2


def test_prepare_draws_faces_if_there_is_nothing(tmp_path, monkeypatch):
    calls = []

    def draw_data_set(folder, *, progress=None):
        calls.append((folder, progress))
        make(folder)

    monkeypatch.setattr(drawn, "draw_data_set", draw_data_set)
    folder = tmp_path / "drawn_faces"
    assert sources.prepare_folders(tmp_path, progress=iter) == (folder / "train", folder / "test")
    assert calls == [(folder, iter)]


@pytest.mark.parametrize("split", ["train", "test"])
def test_prepare_with_half_a_folder(tmp_path, split):
    make(tmp_path / "Face_emotions")
    shutil.rmtree(tmp_path / "Face_emotions" / split)
    with fails_with(str(tmp_path / "Face_emotions"), f"no folder {split}", "add that, or delete"):
        sources.prepare_folders(tmp_path)


# The download -------------------------------------------------------------------------


def test_download_copies(tmp_path, faces, monkeypatch):
    asked = []
    monkeypatch.setattr(
        kagglehub, "dataset_download", lambda name: asked.append(name) or str(faces)
    )
    folder = sources.download(tmp_path / "data")
    assert folder == tmp_path / "data" / "Face_emotions"
    assert asked == ["msambare/fer2013"]
    assert contents(folder) == contents(faces)
    assert [path.name for path in folder.parent.iterdir()] == ["Face_emotions"]


def no_network(name):
    raise ConnectionError("The network is down.\nSecond line")


def test_download_that_fails(tmp_path, monkeypatch):
    monkeypatch.setattr(kagglehub, "dataset_download", no_network)
    words = ("msambare/fer2013 failed", "The network is down)", "archive.zip by hand", "put it")
    with fails_with(*words) as caught:
        sources.download(tmp_path)
    assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_download_of_something_else(tmp_path, monkeypatch):
    (tmp_path / "odd").mkdir()
    monkeypatch.setattr(kagglehub, "dataset_download", lambda name: str(tmp_path / "odd"))
    with fails_with("no folder train", "archive.zip by hand", "data folder"):
        sources.download(tmp_path / "data")


def test_download_needs_no_network_if_the_folder_is_there(tmp_path, monkeypatch):
    monkeypatch.setattr(kagglehub, "dataset_download", no_network)
    make(tmp_path / "Face_emotions")
    assert sources.download(tmp_path) == tmp_path / "Face_emotions"


# The genuine data ---------------------------------------------------------------------


@pytest.mark.fer2013
def test_fer2013(fer2013, fer2013_folder):
    folders = fer2013_folder / "train", fer2013_folder / "test", fer2013_folder.parent / "cache"
    data = load_faces(*folders)  # a second time
    assert_same(data, fer2013)
    assert data.fingerprint == GENUINE_FER2013_FINGERPRINT
    assert (data.name, data.title, data.notes) == ("fer2013", "FER-2013", ())
    assert data.train.images.shape == (28709, 48, 48, 1)
    assert data.test.images.shape == (7178, 48, 48, 1)
    parts = Counter(re.search("/(.*)_", file)[1] for file in data.test.files)
    assert parts == {"PrivateTest": 3589, "PublicTest": 3589}
