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
import re
import shutil
import unicodedata
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from emotions.data.cache import cache_key, read_cache, write_cache
from emotions.data.folders import check_same_classes, list_split
from emotions.files import DataError, alone
from emotions.loops import Progress

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
    fingerprint: str  # sha256 of the content; see `emotions.data.cache.fingerprint_of`
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
