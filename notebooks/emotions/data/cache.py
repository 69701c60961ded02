"""The decoded images of a data set, kept in a folder that is named after what they were made of."""

import hashlib
import json
import zlib
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from emotions.data.folders import Listing
from emotions.data.pixels import CHANGES, Counts, common_side, decode_split, likely_side
from emotions.files import DataError, new_folder, row_by_row
from emotions.loops import Progress

CACHE_VERSION = 3  # raise it when the decoding changes: old caches are then not read any more
CACHE_FILES = ("train.npy", "test.npy")


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
