"""Load a folder of faces, and get that folder from an archive, a CSV file, Kaggle or a drawing.

A data set is two folders, one for training and one for testing. Each holds one folder per class,
and each of these holds images. The names of the classes, their number and the size of the images
are free; FER-2013 is only the data set that the course was made with.

Source
------
I. J. Goodfellow et al.: *Challenges in Representation Learning: A report on three machine
learning contests*. ICML 2013 workshop, arXiv:1307.0414. That is where FER-2013 comes from.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import re
import shutil
import stat
import unicodedata
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path, PurePosixPath

import numpy as np
import pandas as pd
from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError

from emotions.files import DataError, alone, new_folder, one_line, row_by_row

Progress = Callable[..., Iterable]

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp")
FORMATS = ("PNG", "JPEG", "BMP")
SYSTEM_NAMES = ("thumbs.db", "desktop.ini", "__macosx")  # ".DS_Store" starts with a dot anyway
LARGEST_SIDE = 224  # pixels; what VGG-Face was trained with, more would not be used
BACKGROUND = "white"  # below transparent pixels
CHANGES = {
    "animated": "Took the first picture of {} animated images.",
    "turned": "Turned {} images as their EXIF orientation says.",
    "scaled": "Scaled the values of {} images from 16 bits to 8.",
    "converted": "Converted {} images from inks (CMYK) or another colour space to RGB.",
    "transparent": f"Put {{}} images with transparent pixels on {BACKGROUND}.",
}

CACHE_VERSION = 1  # raise it when the decoding changes: old caches are then not read any more
CACHE_FILES = ("train.npy", "test.npy")

# The archive with sha256 0464f031284ae02be3c9035d1eaa078bc43757e271c1a2ac950cb0ab810e3e11.
GENUINE_FER2013_FINGERPRINT = "dd9df87fda80ddb166934225e92b60d920418a5e102b678c0d83439dccc4b014"
RESERVED_TITLES = {"fer2013": "FER-2013", "sample": "drawn faces"}

KAGGLE_NAME = "msambare/fer2013"
CSV_NAMES = ("fer2013.csv", "icml_face_data.csv")
CSV_CLASSES = ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")
CSV_SPLITS = {"Training": "train", "PublicTest": "test", "PrivateTest": "test"}
CSV_SIDE = 48  # pixels
CSV_ROWS_AT_ONCE = 1000
LARGEST_CSV = 2 * 1024**3  # bytes; FER-2013 has 0.3

LARGEST_ARCHIVE = 2 * 1024**3  # bytes, unpacked
LARGEST_RATIO = 200  # unpacked over packed bytes; photos stay near 1, zip bombs exceed 1000
MOST_MEMBERS = 300_000
LONGEST_NAME = 255  # bytes; what the usual file systems allow

GET_ARCHIVE = (
    f"download archive.zip by hand from Kaggle's page {KAGGLE_NAME} and put it into the data folder"
)


@dataclass(frozen=True)
class ImageSet:
    """The images of one split.

    Attributes
    ----------
    images : np.ndarray
        uint8 (n, side, side, channels), 1 channel (grey) or 3 (RGB). May be a read-only memory
        map of a file.
    labels : np.ndarray
        int64 (n,), each an index into `classes`.
    classes : tuple of str
        Names of the class folders, sorted.
    files : tuple of str
        "angry/Training_123.jpg": seen from the split's folder, with "/" on every platform.
    """

    images: np.ndarray
    labels: np.ndarray
    classes: tuple[str, ...]
    files: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.files)


@dataclass(frozen=True)
class FaceData:
    """Both splits and what is known about them.

    Attributes
    ----------
    train, test : ImageSet
        The two splits; they have the same classes, image size and channels.
    name, title : str
        For file names and for headings; see `name_and_title`.
    fingerprint : str
        sha256 of the content; see `fingerprint_of`.
    notes : tuple of str
        One sentence for each thing that loading changed or skipped.
    """

    train: ImageSet
    test: ImageSet
    name: str
    title: str
    fingerprint: str
    notes: tuple[str, ...]


@dataclass(frozen=True)
class _Listing:
    """What lies in the folder of one split, without opening any image."""

    folder: Path
    classes: tuple[str, ...]
    labels: np.ndarray
    files: tuple[str, ...]
    stamps: tuple[tuple[int, int], ...]  # (bytes, modification time in ns) of each file
    skipped: int

    @property
    def paths(self) -> list[Path]:
        return [self.folder / file for file in self.files]


@dataclass(frozen=True)
class _Decoded:
    """One image: uint8 (side, side) if it is grey, (side, side, 3) if it has colour."""

    pixels: np.ndarray
    size: tuple[int, int]  # of the file, in pixels
    changes: tuple[str, ...]  # keys of CHANGES, or "fitted"


@dataclass
class _Counts:
    """What decoding found: how many images were changed, and how common each size is."""

    changes: Counter = field(default_factory=Counter)
    sizes: Counter = field(default_factory=Counter)
    plain: int = 0  # images of one single grey or colour

    def add(self, image: _Decoded) -> None:
        self.changes.update(image.changes)
        self.sizes[image.size] += 1
        self.plain += bool((image.pixels == image.pixels[0, 0]).all())


@dataclass(frozen=True)
class _Cached:
    """What the cache holds; all else follows from the listing."""

    train: np.ndarray
    test: np.ndarray
    fingerprint: str
    notes: tuple[str, ...]


# --------------------------------------------------------------------------------------
# Loading
# --------------------------------------------------------------------------------------


def load(
    train_folder: Path,
    test_folder: Path,
    cache_folder: Path,
    *,
    progress: Progress | None = None,
) -> FaceData:
    """Load two folders of images; the second time from the cache.

    All images become squares of one size: the shorter side of the most common size in the
    training folder, at most 224 pixels. Others are cropped around the middle and resized. Images
    are turned as their EXIF orientation says, 16-bit values are scaled to 8 bits, and transparent
    pixels are put on white. There is one channel if all images are grey, else three.

    Parameters
    ----------
    train_folder, test_folder : Path
        Each holds one folder of PNG, JPEG or BMP images per class.
    cache_folder : Path
        Gets a folder with the decoded images. It is made again when a name, a size or a
        modification time of the images changes, or when its checksums do not fit.
    progress : callable, optional
        Called like ``tqdm(iterable, total=..., desc=...)``; what it returns is iterated.

    Returns
    -------
    FaceData

    Raises
    ------
    DataError
        If a folder, a class or an image cannot be used, or the cache cannot be written.
    """
    train, test = _list_split(Path(train_folder)), _list_split(Path(test_folder))
    if train.folder.samefile(test.folder):
        raise DataError(
            f"The images of {train.folder} are to train and to test on; name two folders, or the "
            "result means nothing."
        )
    _check_same_classes(train, test)
    folder = Path(cache_folder) / _cache_key(train, test)
    cached = _read_cache(folder, train, test)
    if cached is None:
        with alone(folder):  # another run may be making it, or have made it by now
            cached = _read_cache(folder, train, test)
            if cached is None:
                shutil.rmtree(folder, ignore_errors=True)
                _write_cache(folder, train, test, progress)
                cached = _read_cache(folder, train, test)
    if cached is None:
        raise DataError(f"The cache {folder} is damaged; close other notebooks and delete it.")
    train_set = ImageSet(cached.train, train.labels, train.classes, train.files)
    test_set = ImageSet(cached.test, test.labels, test.classes, test.files)
    drawn = _are_drawn(train_set, test_set)
    name, title = name_and_title(train.folder, drawn, cached.fingerprint)
    return FaceData(train_set, test_set, name, title, cached.fingerprint, cached.notes)


def _are_drawn(train: ImageSet, test: ImageSet) -> bool:
    """Tell whether these are the faces that the course draws: by all names and some pixels."""
    if not all(re.fullmatch(r".*/drawn_[^/]*\.png", file) for file in (*train.files, *test.files)):
        return False
    from emotions.data.drawn_faces import is_drawn  # here, as it is needed only without FER-2013

    return all(
        is_drawn(split, part.files[row], part.images[row])
        for split, part in (("train", train), ("test", test))
        for row in np.linspace(0, len(part) - 1, 8, dtype=int)
    )


def name_and_title(train_folder: Path, drawn: bool, fingerprint: str) -> tuple[str, str]:
    """Return a name for file names and a title for headings.

    Only the genuine pixels of FER-2013 are called "fer2013" and "FER-2013", only faces that the
    course has drawn are the "sample" of "drawn faces". Any other data set is called after the
    folder around the training folder; if that has one of the names above, the title gets
    " (other)". The first six digits of the fingerprint stand behind the name, so that results of
    two data sets in folders of one name do not overwrite each other.
    """
    if fingerprint == GENUINE_FER2013_FINGERPRINT:
        return "fer2013", RESERVED_TITLES["fer2013"]
    if drawn:
        return "sample", RESERVED_TITLES["sample"]
    title = Path(train_folder).resolve().parent.name or "data set"
    plain = unicodedata.normalize("NFKD", title).encode("ascii", "ignore").decode().lower()
    name = re.sub(r"[^a-z0-9]+", "_", plain).strip("_") or "data_set"
    reserved = {"fer2013", "sample", "drawnfaces"}
    if name.replace("_", "") in reserved:
        name, title = f"{name}_other", f"{title} (other)"
    return f"{name}_{fingerprint[:6]}", title


def fingerprint_of(train: ImageSet, test: ImageSet) -> str:
    """Return a sha256 (hex) of the content: splits, class names and decoded pixels.

    It does not depend on the names or the order of the files.
    """
    lines = []
    for split, images in (("train", train), ("test", test)):
        for pixels, label in zip(row_by_row(images.images), images.labels, strict=True):
            digest = hashlib.sha256(repr(pixels.shape).encode())
            digest.update(np.ascontiguousarray(pixels))
            lines.append(json.dumps([split, images.classes[label], digest.hexdigest()]))
    return hashlib.sha256("\n".join(sorted(lines)).encode()).hexdigest()


def fer2013_part(files: Iterable[str]) -> np.ndarray:
    """Return for each file of FER-2013's test split which half of the contest's test it is from.

    Parameters
    ----------
    files : iterable of str
        As in `ImageSet.files`.

    Returns
    -------
    np.ndarray
        str (n,): "public" for ``PublicTest_*``, "private" for ``PrivateTest_*``, else "".
    """
    parts = {"PublicTest": "public", "PrivateTest": "private"}
    names = [PurePosixPath(file).name for file in files]
    return np.array(
        [parts.get(name.split("_")[0], "") if "_" in name else "" for name in names], dtype="<U7"
    )


# --------------------------------------------------------------------------------------
# Listing folders
# --------------------------------------------------------------------------------------


def _list_split(folder: Path) -> _Listing:
    """List the images of one split, sorted by class and by name."""
    entries, skipped = _visible(folder)
    for entry in entries:
        if entry.is_file() and Path(entry.name).suffix.lower() in SUFFIXES:
            raise DataError(
                f"The image {entry.path} lies beside the class folders; "
                "move it into the folder of its class."
            )
    classes = tuple(entry.name for entry in entries if entry.is_dir())
    if len(classes) < 2:
        raise DataError(
            f"The folder {folder} has {len(classes)} class folders; "
            "put the images of each class into a folder of its own, at least 2."
        )
    skipped += len(entries) - len(classes)
    labels, files, stamps = [], [], []
    for label, name in enumerate(classes):
        images, hidden = _list_class(folder / name)
        skipped += hidden
        labels += [label] * len(images)
        files += [f"{name}/{entry.name}" for entry in images]
        stamps += [(entry.stat().st_size, entry.stat().st_mtime_ns) for entry in images]
    numbers = np.array(labels, dtype=np.int64)
    return _Listing(folder, classes, numbers, tuple(files), tuple(stamps), skipped)


def _list_class(folder: Path) -> tuple[list[os.DirEntry], int]:
    """Return the images of one class, and how many hidden entries were skipped."""
    entries, skipped = _visible(folder)
    for entry in entries:
        if entry.is_dir():
            raise DataError(
                f"The class folder {folder} holds the folder {entry.name}; "
                "move its images up into the class folder and delete it."
            )
        if Path(entry.name).suffix.lower() not in SUFFIXES:
            raise DataError(
                f"The file {entry.path} is no PNG, JPEG or BMP image; delete it or save it as PNG."
            )
    if not entries:
        raise DataError(
            f"The class folder {folder} holds no image; "
            "put images into it or delete it in both splits."
        )
    return entries, skipped


def _visible(folder: Path) -> tuple[list[os.DirEntry], int]:
    """Return the entries of a folder sorted by name, and how many hidden ones were skipped."""
    if not folder.is_dir():
        raise DataError(f"The folder {folder} is not there; check its name or make it.")
    try:
        with os.scandir(folder) as scan:
            entries = sorted(scan, key=lambda entry: entry.name)
    except OSError as error:
        raise DataError(
            f"The folder {folder} cannot be read ({error.strerror}); allow reading it."
        ) from error
    shown = [entry for entry in entries if not _is_hidden(entry.name)]
    for entry in shown:
        _check_entry(entry)
    return shown, len(entries) - len(shown)


def _check_entry(entry: os.DirEntry) -> None:
    """Raise `DataError` for a name that is no text, and for what is neither file nor folder."""
    try:
        entry.name.encode()
    except UnicodeEncodeError as error:
        place = ascii(entry.path)
        raise DataError(f"The name {place} is not in UTF-8; rename that file.") from error
    try:
        mode = entry.stat().st_mode
    except OSError as error:  # a link that leads nowhere or to itself, no permission
        raise DataError(
            f"{entry.path} cannot be read ({error.strerror}); delete it or allow reading it."
        ) from error
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
        raise DataError(f"{entry.path} is neither a file nor a folder; delete it.")


def _is_hidden(name: str) -> bool:
    """Say whether an operating system made this entry, not the user."""
    return name.startswith(".") or name.lower() in SYSTEM_NAMES


def _check_same_classes(train: _Listing, test: _Listing) -> None:
    """Raise `DataError` if a class is in one split only."""
    for one, other in ((train, test), (test, train)):
        missing = sorted(set(one.classes) - set(other.classes))
        if missing:
            raise DataError(
                f"The folder {other.folder} lacks the classes {', '.join(missing)} of "
                f"{one.folder}; give both folders the same class folders."
            )


# --------------------------------------------------------------------------------------
# Decoding images
# --------------------------------------------------------------------------------------


@contextmanager
def open_image(
    source: Path | io.BytesIO, formats: Sequence[str] = FORMATS, name: str | None = None
) -> Iterator[Image.Image]:
    """Open an image; whatever goes wrong with it becomes a `DataError` that names it."""
    path = source if name is None else name
    try:
        with Image.open(source, formats=formats) as image:
            if image.width * image.height > (Image.MAX_IMAGE_PIXELS or float("inf")):
                # Up to twice its limit Pillow itself only warns.
                raise Image.DecompressionBombError
            yield image
    except Image.DecompressionBombError as error:
        raise DataError(f"The image {path} has too many pixels; shrink or delete it.") from error
    except UnidentifiedImageError as error:
        raise DataError(
            f"The file {path} is no {', '.join(formats[:-1])} or {formats[-1]} image; "
            "delete it or save it anew as PNG."
        ) from error
    except Exception as error:  # decoders raise nearly everything for damaged files
        raise DataError(
            f"The image {path} is damaged or cannot be read ({one_line(error)}); "
            "delete it or get it anew."
        ) from error


def _likely_side(listing: _Listing) -> int:
    """Return the side in pixels that images will get, judged by about 100 of them.

    Opening all files only to see their sizes would take FER-2013 as long as half the decoding.
    """
    sizes: Counter[tuple[int, int]] = Counter()
    for path in listing.paths[:: max(1, len(listing.files) // 100)]:
        with open_image(path) as image:
            sizes[image.size] += 1
    return _common_side(sizes)


def _common_side(sizes: Counter[tuple[int, int]]) -> int:
    """Return the shorter side of the most common size in pixels, at most 224.

    Of sizes that are equally common, the largest counts.
    """
    size, _ = max(sizes.items(), key=lambda item: (item[1], item[0]))
    return min(*size, LARGEST_SIDE)


def _decode(path: Path, side: int) -> _Decoded:
    """Read one image as a square of `side` pixels."""
    with open_image(path) as image:
        size = image.size
        changes = ["animated"] if getattr(image, "n_frames", 1) > 1 else []
        changes += ["turned"] if image.getexif().get(ExifTags.Base.Orientation, 1) != 1 else []
        ImageOps.exif_transpose(image, in_place=True)
        plain, change = grey_or_rgb(image)
        if plain.size != (side, side):
            plain = ImageOps.fit(plain, (side, side))
            changes.append("fitted")
        pixels = np.asarray(plain)
    if pixels.ndim == 3 and (pixels == pixels[..., :1]).all():
        pixels = pixels[..., 0]
    return _Decoded(pixels, size, (*changes, *change))


def grey_or_rgb(image: Image.Image) -> tuple[Image.Image, tuple[str, ...]]:
    """Return the image in mode L or RGB, and which of `CHANGES` that was."""
    if image.mode.startswith("I"):
        # Pillow cuts such values off at 255 when it converts them; they are to be scaled.
        wide = np.clip(np.asarray(image), 0, 65535).astype(np.uint32)
        return Image.fromarray(((wide + 128) // 257).astype(np.uint8)), ("scaled",)
    if image.has_transparency_data:
        layer = image.convert("RGBA")
        background = Image.new("RGBA", layer.size, BACKGROUND)
        seen_through = layer.getchannel("A").getextrema()[0] < 255
        flat = Image.alpha_composite(background, layer).convert("RGB")
        return flat, ("transparent",) if seen_through else ()
    if image.mode in ("L", "1"):
        return image.convert("L"), ()
    return image.convert("RGB"), () if image.mode in ("RGB", "P", "RGBA", "LA") else ("converted",)


def _decode_split(
    listing: _Listing, target: Path, side: int, channels: int, progress: Progress | None
) -> _Counts | None:
    """Write all images of a split to the file `target` as uint8 (n, side, side, channels).

    Returns
    -------
    _Counts or None
        None if an image has colour although one channel was asked for.
    """
    paths = listing.paths
    shape = (len(paths), side, side, channels)
    header = {"descr": "|u1", "fortran_order": False, "shape": shape}
    counts = _Counts()
    # Chunks, because handing over single small images takes longer than decoding them.
    chunks = [range(start, min(start + 64, len(paths))) for start in range(0, len(paths), 64)]
    pool = ThreadPoolExecutor(min(8, os.cpu_count() or 1))
    try:
        done = pool.map(lambda rows: [_decode(paths[row], side) for row in rows], chunks)
        images = chain.from_iterable(done)
        description = f"Reading {listing.folder.name}"
        # A memory map would end the whole process when the disk is full; a plain file complains.
        with target.open("wb") as file:
            np.lib.format.write_array_header_1_0(file, header)
            for image in with_progress(images, progress, len(paths), description):
                if image.pixels.ndim > 2 and channels == 1:
                    return None
                grey_to_all = np.broadcast_to(image.pixels.reshape(side, side, -1), shape[1:])
                file.write(np.ascontiguousarray(grey_to_all))
                counts.add(image)
    finally:
        pool.shutdown(cancel_futures=True)
    return counts


def with_progress(
    items: Iterable, progress: Progress | None, total: int, description: str
) -> Iterable:
    """Wrap `items` in the caller's progress bar, if there is one."""
    return items if progress is None else progress(items, total=total, desc=description)


# --------------------------------------------------------------------------------------
# The cache
# --------------------------------------------------------------------------------------


def _cache_key(train: _Listing, test: _Listing) -> str:
    """Return a name that changes with every name, size and modification time of the images."""
    content = [
        CACHE_VERSION,
        [[*zip(part.files, part.stamps, strict=True)] for part in (train, test)],
    ]
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()[:20]


def _read_cache(folder: Path, train: _Listing, test: _Listing) -> _Cached | None:
    """Return what the cache holds, or None if it is not there, unfinished or damaged."""
    try:
        stored = json.loads((folder / "info.json").read_text(encoding="utf-8"))
        info = stored["info"]
        if stored["checksum"] != _text_checksum(info):
            return None
        if any(info["checksums"][name] != _file_checksum(folder / name) for name in CACHE_FILES):
            return None
        arrays = [np.load(folder / name, mmap_mode="r") for name in CACHE_FILES]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    if [len(array) for array in arrays] != [len(train.files), len(test.files)]:
        return None
    return _Cached(*arrays, info["fingerprint"], tuple(info["notes"]))


def _write_cache(folder: Path, train: _Listing, test: _Listing, progress: Progress | None) -> None:
    """Decode all images and write the cache folder."""
    with new_folder(folder) as unfinished:
        side, counts = _decode_both(unfinished, train, test, progress)
        sets = [
            ImageSet(np.load(unfinished / name, mmap_mode="r"), part.labels, part.classes, ())
            for name, part in zip(CACHE_FILES, (train, test), strict=True)
        ]
        _check_that_something_shows(counts, train, test)
        info = {
            "fingerprint": fingerprint_of(*sets),
            "notes": _notes(counts, side, train, test),
            "checksums": {name: _file_checksum(unfinished / name) for name in CACHE_FILES},
        }
        del sets  # Windows renames no folder with an open file in it
        text = json.dumps({"info": info, "checksum": _text_checksum(info)}, indent=1)
        (unfinished / "info.json").write_text(text, encoding="utf-8")


def _decode_both(
    folder: Path, train: _Listing, test: _Listing, progress: Progress | None
) -> tuple[int, list[_Counts]]:
    """Write the images of both splits; return their side in pixels and what was found.

    Whether all images are grey, and which size is the most common, is known only after the last
    one. So one channel and a likely size are tried first, and decoding begins again if that was
    wrong. Data with colour mostly shows it in its first image.
    """
    side, channels = _likely_side(train), 1
    while True:
        first = _decode_split(train, folder / CACHE_FILES[0], side, channels, progress)
        if first is not None and _common_side(first.sizes) != side:
            side = _common_side(first.sizes)
            continue
        second = first and _decode_split(test, folder / CACHE_FILES[1], side, channels, progress)
        if first is not None and second is not None:
            return side, [first, second]
        channels = 3


def _check_that_something_shows(counts: list[_Counts], train: _Listing, test: _Listing) -> None:
    """Raise `DataError` if all images of a split are one single grey or colour each."""
    for part, listing in zip(counts, (train, test), strict=True):
        if part.plain == len(listing.files):
            raise DataError(
                f"All {part.plain} images in {listing.folder} are one single grey or colour; "
                "get the data anew."
            )


def _notes(counts: list[_Counts], side: int, train: _Listing, test: _Listing) -> list[str]:
    """Return one sentence for each thing that loading changed or skipped."""
    total = len(train.files) + len(test.files)
    skipped = train.skipped + test.skipped
    changes = sum((part.changes for part in counts), Counter())
    fitted = changes["fitted"]
    notes = {
        f"Skipped {skipped} hidden, system or loose entries.": skipped,
        f"Cropped or resized {fitted} of {total} images to {side} x {side} pixels.": fitted,
    }
    notes |= {text.format(changes[change]): changes[change] for change, text in CHANGES.items()}
    return [sentence for sentence, count in notes.items() if count] + _few_images(train)


def _few_images(train: _Listing) -> list[str]:
    """Return a sentence about the classes that are too small to learn and to be judged."""
    counts = np.bincount(train.labels, minlength=len(train.classes))
    few = [name for name, count in zip(train.classes, counts, strict=True) if count == 1]
    return [f"Only 1 training image shows {', '.join(few)}: too few to learn from."] if few else []


def _file_checksum(path: Path) -> int:
    """Return the CRC-32 of a file; it finds damage and takes a tenth of a second for FER-2013."""
    checksum = 0
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            checksum = zlib.crc32(block, checksum)
    return checksum


def _text_checksum(info: dict) -> int:
    """Return the CRC-32 of what the info file holds."""
    return zlib.crc32(json.dumps(info, sort_keys=True).encode())


def _check_new(folder: Path) -> None:
    """Raise `DataError` if a folder that is to be made is there already."""
    if folder.exists():
        raise DataError(f"The folder {folder} is there already; delete or rename it first.")


# --------------------------------------------------------------------------------------
# Getting the folders
# --------------------------------------------------------------------------------------


def prepare_folders(data_folder: Path, *, progress: Progress | None = None) -> tuple[Path, Path]:
    """Return the training and the test folder to use when the user names none.

    Taken is the first of these that is there: ``Face_emotions/``, ``archive.zip``,
    ``fer2013.csv`` or ``icml_face_data.csv``. The archive and the CSV files are turned into
    ``Face_emotions/``. If there is none of them, faces are drawn into ``drawn_faces/``.

    Parameters
    ----------
    data_folder : Path
        The course's data folder.
    progress : callable, optional
        Called like ``tqdm(iterable, total=..., desc=...)``; what it returns is iterated.

    Raises
    ------
    DataError
        If what is there cannot be used.
    """
    data_folder = Path(data_folder)
    faces = data_folder / "Face_emotions"
    tables = [data_folder / name for name in CSV_NAMES if (data_folder / name).is_file()]
    archive = data_folder / "archive.zip"
    if not faces.exists() and (archive.is_file() or tables):
        with alone(faces):  # another run may be making it, or have made it by now
            if not faces.exists():
                if archive.is_file():
                    unpack_archive(archive, faces, progress=progress)
                else:
                    convert_csv(tables[0], faces, progress=progress)
    elif not faces.exists():
        from emotions.data import drawn_faces  # here, as it is needed only without FER-2013

        faces = data_folder / "drawn_faces"
        drawn_faces.draw_data_set(faces, progress=progress)
    return _check_splits(faces)


def _mark_as_made(folder: Path, source: str) -> None:
    """Leave a note of what a folder was made from, so that `make uninstall` knows it from yours."""
    (folder / ".made_by_course").write_text(source, encoding="utf-8")


def _check_splits(folder: Path) -> tuple[Path, Path]:
    """Return the folders train and test; raise `DataError` if one is not there."""
    for split in ("train", "test"):
        if not (folder / split).is_dir():
            raise DataError(
                f"The folder {folder} has no folder {split} in it; "
                f"add that, or delete {folder.name} and start again."
            )
    return folder / "train", folder / "test"


def download(data_folder: Path) -> Path:
    """Download FER-2013 from Kaggle into ``Face_emotions/``, unless that is there already.

    Parameters
    ----------
    data_folder : Path
        The course's data folder.

    Returns
    -------
    Path
        The folder ``Face_emotions`` with ``train`` and ``test`` in it.

    Raises
    ------
    DataError
        If the download fails, for whatever reason.
    """
    faces = Path(data_folder) / "Face_emotions"
    if faces.exists():
        _check_splits(faces)
        return faces
    try:
        import kagglehub  # here, because importing it takes a second and few people need it

        source = Path(kagglehub.dataset_download(KAGGLE_NAME))
        splits = _check_splits(source)
    except Exception as error:  # no network, no account, no access, another layout, ...
        raise DataError(
            f"The download of {KAGGLE_NAME} failed ({one_line(error)}); {GET_ARCHIVE}."
        ) from error
    with new_folder(faces) as unfinished:
        for split in splits:
            shutil.copytree(split, unfinished / split.name)
    return faces


# --------------------------------------------------------------------------------------
# The archive
# --------------------------------------------------------------------------------------


def unpack_archive(archive: Path, folder: Path, *, progress: Progress | None = None) -> None:
    """Unpack the images of a zip archive to ``folder/train/<class>/`` and ``folder/test/<class>/``.

    Only images in such folders are written; a folder around train and test is left away. The
    folder is either complete afterwards or not there.

    Parameters
    ----------
    archive : Path
        The zip file.
    folder : Path
        Must not be there yet.
    progress : callable, optional
        Called like ``tqdm(iterable, total=..., desc=...)``; what it returns is iterated.

    Raises
    ------
    DataError
        If the archive is damaged, unsafe, too big or holds something else, or if the folder is
        there already.
    """
    archive, folder = Path(archive), Path(folder)
    _check_new(folder)
    with _reading_archive(archive):
        opened = zipfile.ZipFile(archive)
    with opened:
        members = opened.infolist()
        _check_members(members, archive)
        targets = _plan_targets(members, archive)
        with new_folder(folder) as unfinished:
            for target, member in with_progress(
                targets.items(), progress, len(targets), f"Unpacking {archive.name}"
            ):
                with _reading_archive(archive):
                    content = opened.read(member)
                path = unfinished / target
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content)
            _mark_as_made(unfinished, archive.name)


@contextmanager
def _reading_archive(archive: Path) -> Iterator[None]:
    """Turn whatever goes wrong with reading an archive into a `DataError`."""
    try:
        yield
    except FileNotFoundError as error:
        raise DataError(f"The archive {archive} is not there; {GET_ARCHIVE}.") from error
    except Exception as error:  # zlib, lzma, zipfile and the file system raise different things
        raise DataError(
            f"The archive {archive} is damaged ({one_line(error)}); delete it and {GET_ARCHIVE}."
        ) from error


def _check_members(members: list[zipfile.ZipInfo], archive: Path) -> None:
    """Raise `DataError` if an archive could do harm when it is unpacked."""
    unpacked = sum(member.file_size for member in members)
    packed = sum(member.compress_size for member in members)
    for member in members:
        problem = _member_problem(member)
        if problem:
            raise DataError(
                f"The archive {archive} holds {shortened(member.orig_filename)}, {problem}; "
                f"delete it and {GET_ARCHIVE}."
            )
    too_much = (
        (packed > archive.stat().st_size, "files that overlap each other"),
        (len(members) > MOST_MEMBERS, f"more than {MOST_MEMBERS} files"),
        (unpacked > LARGEST_ARCHIVE, f"more than {LARGEST_ARCHIVE // 1024**3} GiB unpacked"),
        (unpacked > LARGEST_RATIO * max(packed, 1), "far more unpacked than photos would"),
    )
    for is_too_much, words in too_much:
        if is_too_much:
            raise DataError(f"The archive {archive} holds {words}; delete it and {GET_ARCHIVE}.")


def shortened(text: str, length: int = 60) -> str:
    """Return a foreign text in quotes, without characters that do not print, not too long."""
    return ascii(text if len(text) <= length else text[:length] + "...")


def _member_problem(member: zipfile.ZipInfo) -> str:
    """Return in words why a member of an archive is not to be unpacked, or ""."""
    name = member.orig_filename
    if member.flag_bits & 0x1:
        return "which needs a password"
    if stat.S_ISLNK(member.external_attr >> 16):
        return "which is a link"
    # Windows would take "C:", "\" and these characters as something else than a plain name.
    if not name or re.search(r'[\\:<>"|?*\x00-\x1f]', name) or name.startswith("/"):
        return "which is an unsafe name"
    parts = PurePosixPath(name).parts
    if any(part == ".." or part.endswith((" ", ".")) for part in parts):
        return "which is an unsafe name"
    if any(len(part.encode()) > LONGEST_NAME for part in parts):
        return "which is too long a name"
    return ""


def _plan_targets(
    members: list[zipfile.ZipInfo], archive: Path
) -> dict[PurePosixPath, zipfile.ZipInfo]:
    """Return which member becomes which file, e.g. train/angry/1.png."""
    targets: dict[PurePosixPath, zipfile.ZipInfo] = {}
    around = set()
    for member in members:
        parts = PurePosixPath(member.filename).parts
        is_image = PurePosixPath(member.filename).suffix.lower() in SUFFIXES
        if member.is_dir() or not is_image or any(map(_is_hidden, parts)):
            continue
        if len(parts) >= 3 and parts[-3] in ("train", "test"):
            targets[PurePosixPath(*parts[-3:])] = member
            around.add(parts[:-3])
    if {target.parts[0] for target in targets} != {"train", "test"}:
        raise DataError(
            f"The archive {archive} has no images in train/<emotion>/ and test/<emotion>/; "
            f"{GET_ARCHIVE}."
        )
    spellings = {str(target).casefold() for target in targets}
    if len(around) > 1 or len(spellings) < len(targets):
        raise DataError(
            f"The archive {archive} holds more than one data set or a file twice; {GET_ARCHIVE}."
        )
    return targets


# --------------------------------------------------------------------------------------
# The CSV file of the contest
# --------------------------------------------------------------------------------------


def convert_csv(csv_file: Path, folder: Path, *, progress: Progress | None = None) -> None:
    """Turn the contest's CSV file into ``folder/train/<emotion>/`` and ``folder/test/<emotion>/``.

    Files are 8-bit grey PNGs named ``Training_00001.png``, ``PublicTest_00001.png`` and
    ``PrivateTest_00001.png``, numbered as in the file. Both test parts go to ``test``. The
    folder is either complete afterwards or not there.

    Parameters
    ----------
    csv_file : Path
        Columns emotion (0 to 6), pixels (2304 numbers from 0 to 255 with spaces between) and
        Usage (Training, PublicTest or PrivateTest).
    folder : Path
        Must not be there yet.
    progress : callable, optional
        Called like ``tqdm(iterable, total=..., desc=...)``; what it returns is iterated. The
        total is not known beforehand and given as None.

    Raises
    ------
    DataError
        If the file cannot be used (with the line), or if the folder is there already.
    """
    csv_file, folder = Path(csv_file), Path(folder)
    _check_new(folder)
    counts: Counter[str] = Counter()
    with new_folder(folder) as unfinished:
        rows = _csv_rows(csv_file)
        for line, emotion, pixels, usage in with_progress(
            rows, progress, None, f"Converting {csv_file.name}"
        ):
            image, target = _csv_image(f"Line {line} of {csv_file}", emotion, pixels, usage)
            counts[usage] += 1
            path = unfinished / target / f"{usage}_{counts[usage]:05}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            image.save(path)
        if {CSV_SPLITS[usage] for usage in counts} != {"train", "test"}:
            raise DataError(
                f"The file {csv_file} has no rows for training or none for testing; get it anew."
            )
        _mark_as_made(unfinished, csv_file.name)


def _csv_rows(csv_file: Path) -> Iterator[tuple[int, str, str, str]]:
    """Yield line number, emotion, pixels and Usage of each row; blank lines are left out."""
    try:
        if csv_file.stat().st_size > LARGEST_CSV:
            raise DataError(
                f"The file {csv_file} is larger than {LARGEST_CSV // 1024**3} GiB; get it anew."
            )
        chunks = pd.read_csv(
            csv_file,
            dtype=str,
            encoding="utf-8",
            keep_default_na=False,
            skip_blank_lines=False,  # else the line numbers would be wrong
            chunksize=CSV_ROWS_AT_ONCE,
        )
        with chunks:
            for chunk in chunks:
                if not isinstance(chunk.index, pd.RangeIndex):  # pandas took a column as names
                    raise DataError(f"Line 2 of {csv_file} has too many fields; get it anew.")
                rows = chunk.rename(columns=str.strip).fillna("")
                for name in ("emotion", "pixels", "Usage"):
                    if name not in rows:
                        raise DataError(f"Line 1 of {csv_file} lacks the column {name}; add it.")
                    if list(rows.columns).count(name) > 1:
                        raise DataError(f"Line 1 of {csv_file} has {name} twice; delete one.")
                for index, *row in rows[["emotion", "pixels", "Usage"]].itertuples():
                    if any(row):
                        yield index + 2, *(value.strip() for value in row)
    except FileNotFoundError as error:
        raise DataError(f"The file {csv_file} is not there; check its name.") from error
    except DataError:
        raise
    except (OSError, ValueError) as error:  # pandas' own errors are ValueErrors
        raise DataError(
            f"The file {csv_file} is no table that can be read ({one_line(error)}); get it anew."
        ) from error


def _csv_image(
    place: str, emotion: str, pixels: str, usage: str
) -> tuple[Image.Image, PurePosixPath]:
    """Return the image of one row and its folder; `place` begins the sentence of an error."""
    if usage not in CSV_SPLITS:
        raise DataError(
            f"{place} has the Usage {shortened(usage)}; make it one of {', '.join(CSV_SPLITS)}."
        )
    if emotion not in {str(number) for number in range(len(CSV_CLASSES))}:
        raise DataError(
            f"{place} has the emotion {shortened(emotion)}; make it a number from 0 to 6."
        )
    values = pixels.split()
    if len(values) != CSV_SIDE**2:
        raise DataError(f"{place} has {len(values)} pixels; mend it to have {CSV_SIDE**2}.")
    try:
        if not re.fullmatch(r"[0-9\s]+", pixels):  # int would also take 1_0, +1 and other digits
            raise ValueError(pixels)
        content = bytes(map(int, values))  # refuses numbers above 255
    except ValueError as error:
        raise DataError(
            f"{place} has a pixel that is no whole number from 0 to 255; mend or delete the line."
        ) from error
    image = Image.frombytes("L", (CSV_SIDE, CSV_SIDE), content)
    return image, PurePosixPath(CSV_SPLITS[usage], CSV_CLASSES[int(emotion)])


def read_image(file: Path, side: int, channels: int) -> np.ndarray:
    """Read any single image as the images of a data set are read.

    Parameters
    ----------
    file : Path
        PNG, JPEG or BMP.
    side : int
        Of the square to cut and resize it to, in pixels.
    channels : int
        1 for grey, 3 for RGB.

    Returns
    -------
    np.ndarray
        uint8 (side, side, channels).

    Raises
    ------
    DataError
        If the file is not there or is no image.
    """
    pixels = _decode(file, side).pixels
    if channels == 1 and pixels.ndim == 3:
        pixels = np.asarray(Image.fromarray(pixels).convert("L"))
    return np.repeat(pixels[..., np.newaxis], channels, axis=-1) if pixels.ndim == 2 else pixels
