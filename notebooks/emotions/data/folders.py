"""What lies in the folder of a split: its classes and its images, without opening any of them."""

import os
import stat
import unicodedata
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from emotions.files import DataError

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp")
# of Windows, macOS and a NAS; ".DS_Store" starts with a dot anyway
SYSTEM_NAMES = ("thumbs.db", "ehthumbs.db", "desktop.ini", "__macosx", "icon\r", "@eadir")


@dataclass(frozen=True)
class Listing:
    """What lies in the folder of one split, without opening any image."""

    folder: Path
    classes: tuple[str, ...]
    labels: np.ndarray
    files: tuple[str, ...]
    stamps: tuple[tuple[int, int], ...]  # (bytes, modification time in ns) of each file
    skipped: int

    @property
    def paths(self) -> list[Path]:
        """Where each image lies."""
        return [self.folder / file for file in self.files]


def list_split(folder: Path) -> Listing:
    """List the images of one split, sorted by class and by name."""
    entries, skipped = _visible(folder)
    for entry in entries:
        if entry.is_file() and Path(entry.name).suffix.lower() in SUFFIXES:
            raise DataError(
                f"The image {entry.path} lies beside the class folders; "
                "move it into the folder of its class."
            )
    names = [entry.name for entry in entries if entry.is_dir()]
    folders = sorted((unicodedata.normalize("NFC", name), name) for name in names)
    classes = tuple(name for name, _ in folders)
    for name, count in Counter(classes).items():
        if count > 1:  # macOS takes accents apart
            raise DataError(
                f"The folder {folder} has two folders {name}, which differ only in how their "
                "accents are stored; move all images into one."
            )
    if len(classes) < 2:
        raise DataError(
            f"The folder {folder} has {len(classes)} class folders; "
            "put the images of each class into a folder of its own, at least 2."
        )
    skipped += len(entries) - len(classes)
    labels, files, stamps = [], [], []
    for label, (_, name) in enumerate(folders):
        images, hidden = _list_class(folder / name)
        skipped += hidden
        labels += [label] * len(images)
        files += [f"{name}/{entry.name}" for entry in images]
        stamps += [(entry.stat().st_size, entry.stat().st_mtime_ns) for entry in images]
    numbers = np.array(labels, dtype=np.int64)
    return Listing(folder, classes, numbers, tuple(files), tuple(stamps), skipped)


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
    try:
        if not folder.is_dir():
            raise DataError(f"The folder {folder} is not there; check its name or make it.")
        with os.scandir(folder) as scan:
            entries = sorted(scan, key=lambda entry: entry.name)
    except OSError as error:
        raise DataError(
            f"The folder {folder} cannot be read ({error.strerror}); allow reading it."
        ) from error
    shown = [entry for entry in entries if not is_hidden(entry.name)]
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


def is_hidden(name: str) -> bool:
    """Say whether an operating system made this entry, not the user."""
    return name.startswith(".") or name.lower() in SYSTEM_NAMES


def check_same_classes(train: Listing, test: Listing) -> None:
    """Raise `DataError` if a class is in one split only."""
    for one, other in ((train, test), (test, train)):
        if missing := sorted(set(one.classes) - set(other.classes)):
            raise DataError(
                f"The folder {other.folder} lacks the classes {', '.join(missing)} of "
                f"{one.folder}; give both folders the same class folders."
            )
