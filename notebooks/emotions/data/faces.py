"""Load two folders of faces: one to train on, one to test on.

Each folder holds one folder per class, and each of these holds images. The names of the classes,
their number and the size of the images are free; FER-2013 is only the data set that the course was
made with.

Source
------
I. J. Goodfellow et al.: *Challenges in Representation Learning: A report on three machine
learning contests*. ICML 2013 workshop, arXiv:1307.0414. That is where FER-2013 comes from.
"""

import hashlib
import json
import re
import shutil
import unicodedata
import zlib
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from emotions.data.folders import Listing, check_same_classes, list_split
from emotions.data.pixels import CHANGES, Counts, common_side, decode_split, likely_side
from emotions.files import DataError, alone, new_folder, row_by_row
from emotions.loops import Progress

CACHE_VERSION = 3  # raise it when the decoding changes: old caches are then not read any more
CACHE_FILES = ("train.npy", "test.npy")
# The archive with sha256 0464f031284ae02be3c9035d1eaa078bc43757e271c1a2ac950cb0ab810e3e11.
GENUINE_FER2013_FINGERPRINT = "dd9df87fda80ddb166934225e92b60d920418a5e102b678c0d83439dccc4b014"


@dataclass(frozen=True)
class ImageSet:
    """The images of one split."""

    # uint8 (n, side, side, channels), 1 channel (grey) or 3 (RGB); may be a read-only memory map
    images: np.ndarray
    labels: np.ndarray  # int64 (n,), each an index into `classes`
    classes: tuple[str, ...]  # names of the class folders, sorted
    # "angry/Training_123.jpg": seen from the split's folder, with "/" on every platform
    files: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.files)

    def order(self) -> str:
        """Return a mark of the names and their order, which a fingerprint does not tell."""
        return hashlib.sha256("\0".join(self.files).encode("utf-8", "replace")).hexdigest()[:16]

    def some(self, rows: np.ndarray) -> "ImageSet":
        """Return the images of some rows, int (n,), in their order."""
        files = tuple(self.files[row] for row in rows)
        return ImageSet(self.images[rows], self.labels[rows], self.classes, files)


@dataclass(frozen=True)
class FaceData:
    """Both splits, of the same classes, image size and channels, and what is known about them."""

    train: ImageSet
    test: ImageSet
    name: str  # for file names; see `name_and_title`
    title: str  # for headings
    fingerprint: str  # sha256 of the content; see `fingerprint_of`
    notes: tuple[str, ...]  # one sentence for each thing that loading changed or skipped


def load_faces(
    train_folder: Path, test_folder: Path, cache_folder: Path, *, progress: Progress | None = None
) -> FaceData:
    """Load two folders of images; the second time from the cache.

    All images become squares of one size: the shorter side of the most common size in the
    training folder (see `pixels.common_side`), at most 224 pixels. Others are cropped around the
    middle and resized. Images are turned as their EXIF orientation says, 16-bit values are scaled
    to 8 bits, and transparent pixels are put on white. There is one channel if all images are grey,
    else three.

    The folders hold one folder of PNG, JPEG or BMP images per class. `cache_folder` gets a folder
    with the decoded images. It is made again when a name, a size or a modification time of the
    images changes, or when its checksums do not fit.
    """
    train, test = list_split(train_folder), list_split(test_folder)
    if train.folder.samefile(test.folder):
        raise DataError(
            f"The images of {train.folder} are to train and to test on; name two folders, or the "
            "result means nothing."
        )
    check_same_classes(train, test)
    folder = cache_folder / cache_key(train, test)
    cached = read_cache(folder)
    if cached is None:
        with alone(folder):  # another run may be making it, or have made it by now
            cached = read_cache(folder)
            if cached is None:
                shutil.rmtree(folder, ignore_errors=True)
                write_cache(folder, train, test, progress)
                cached = read_cache(folder)
    if cached is None:
        raise DataError(f"The cache {folder} is damaged; close other notebooks and delete it.")
    train_set = ImageSet(cached.train, train.labels, train.classes, train.files)
    test_set = ImageSet(cached.test, test.labels, test.classes, test.files)
    drawn = are_drawn(train_set, test_set)
    name, title = name_and_title(train.folder, drawn, cached.fingerprint)
    return FaceData(train_set, test_set, name, title, cached.fingerprint, cached.notes)


def are_drawn(train: ImageSet, test: ImageSet) -> bool:
    """Tell whether these are the faces that the course draws: by all names and some pixels."""
    if not all(re.fullmatch(r".*/drawn_[^/]*\.png", file) for file in (*train.files, *test.files)):
        return False
    from emotions.data.drawn.people import is_drawn  # here, as it is needed only without FER-2013

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
        return "fer2013", "FER-2013"
    if drawn:
        return "sample", "drawn faces"
    title = train_folder.resolve().parent.name or "data set"
    plain = unicodedata.normalize("NFKD", title).encode("ascii", "ignore").decode().lower()
    name = re.sub(r"[^a-z0-9]+", "_", plain).strip("_") or "data_set"
    reserved = {"fer2013", "sample", "drawnfaces"}
    if name.replace("_", "") in reserved:
        name, title = f"{name}_other", f"{title} (other)"
    return f"{name}_{fingerprint[:6]}", title


@dataclass(frozen=True)
class Cached:
    """What the cache holds; all else follows from the listing."""

    train: np.ndarray
    test: np.ndarray
    fingerprint: str
    notes: tuple[str, ...]


def cache_key(train: Listing, test: Listing) -> str:
    """Return a name that changes with every name, size and modification time of the images."""
    stamped = [[*zip(part.files, part.stamps, strict=True)] for part in (train, test)]
    content = json.dumps([CACHE_VERSION, stamped])
    return hashlib.sha256(content.encode()).hexdigest()[:20]


def read_cache(folder: Path) -> Cached | None:
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
    return Cached(*arrays, info["fingerprint"], tuple(info["notes"]))


def write_cache(folder: Path, train: Listing, test: Listing, progress: Progress | None) -> None:
    """Decode all images and write the cache folder."""
    with new_folder(folder) as unfinished:
        side, counts = _decode_both(unfinished, train, test, progress)
        for part, listing in zip(counts, (train, test), strict=True):
            if part.plain == len(listing.files):
                raise DataError(
                    f"All {part.plain} images in {listing.folder} are one single grey or colour; "
                    "get the data anew."
                )
        info = {
            "fingerprint": fingerprint_of(unfinished, train, test),
            "notes": _notes(counts, side, train, test),
            "checksums": {name: _file_checksum(unfinished / name) for name in CACHE_FILES},
        }
        text = json.dumps({"info": info, "checksum": _text_checksum(info)}, indent=1)
        (unfinished / "info.json").write_text(text, encoding="utf-8")


def _decode_both(
    folder: Path, train: Listing, test: Listing, progress: Progress | None
) -> tuple[int, list[Counts]]:
    """Write the images of both splits; return their side in pixels and what was found.

    Whether all images are grey, and which size is the most common, is known only after the last
    one. So one channel and a likely size are tried first, and decoding begins again if that was
    wrong. Data with colour mostly shows it in its first image.
    """
    side, channels = likely_side(train), 1
    while True:
        first = decode_split(train, folder / CACHE_FILES[0], side, channels, progress)
        if first is not None and common_side(first.sizes) != side:
            side = common_side(first.sizes)
            continue
        second = first and decode_split(test, folder / CACHE_FILES[1], side, channels, progress)
        if first is not None and second is not None:
            return side, [first, second]
        channels = 3


def fingerprint_of(folder: Path, train: Listing, test: Listing) -> str:
    """Return a sha256 (hex) of the content: splits, class names and decoded pixels in `folder`.

    It does not depend on the names or the order of the files.
    """
    lines = []
    for split, name, part in zip(("train", "test"), CACHE_FILES, (train, test), strict=True):
        images = np.load(folder / name, mmap_mode="r")
        for pixels, label in zip(row_by_row(images), part.labels, strict=True):
            digest = hashlib.sha256(repr(pixels.shape).encode())
            digest.update(np.ascontiguousarray(pixels))
            lines.append(json.dumps([split, part.classes[label], digest.hexdigest()]))
    return hashlib.sha256("\n".join(sorted(lines)).encode()).hexdigest()


def _notes(counts: list[Counts], side: int, train: Listing, test: Listing) -> list[str]:
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
    images = np.bincount(train.labels, minlength=len(train.classes))
    few = ", ".join(np.array(train.classes)[images == 1])
    notes |= {f"Only 1 training image shows {few}: too few to learn from.": few}
    return [sentence for sentence, found in notes.items() if found]


def _file_checksum(path: Path) -> int:
    """Return the CRC-32 of a file; it finds damage and takes a tenth of a second for FER-2013."""
    checksum = 0
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            checksum = zlib.crc32(block, checksum)
    return checksum


def _text_checksum(info: dict) -> int:
    return zlib.crc32(json.dumps(info, sort_keys=True).encode())
