"""Whether the data are what you think they are: the genuine FER-2013, an altered copy, or others.

Copies of FER-2013 in the wild have the right names and counts and wrong pixels: blurred, equalised,
enlarged, split anew, with augmented copies mixed in. Genuine are the data only if every image is
there once, in its split and class. A sketch of the genuine set says what became of an image: a
checksum of its pixels, its split and class, the number in Kaggle's name for it, and the signs of 63
low frequencies, which survive most changes. Of a face they say no more than a blur of 8x8 squares
would: enough to know a picture again that you have.
"""

import hashlib
from collections import Counter
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from emotions.data.faces import FaceData
from emotions.data.sketch import VIEWS, Sketch, read_sketch, signs_of_view, sketch_of
from emotions.data.statistics import SIDE, split_warnings
from emotions.files import DataError, read_json, write_json

VERSION = 3  # raise it when the checks change: earlier findings are then made anew
GENUINE = "genuine FER-2013"
OTHER = "other data"
DRAWN = "drawn faces"
SAMPLE = 1500  # images that tell whether a view occurs at all
# On FER-2013 an image that was blurred, equalised or enlarged keeps all but 0 to 9 of the 63 signs;
# the nearest other image differs in 12 (medians of 600 images); of faces that the
# course draws, 3 in 100 have one that differs in at most 8.
MOST_DIFFERENT_SIGNS = 8
# Signs that an image must be nearer to a face of another place than to one of its own.
ELSEWHERE = 2
# Of the images known by signs alone up to 0.1 % are taken for another such image. So it counts what
# more than 1 % of them are found to be, or more than 1 % of a class and 0.2 % of all in that class.
NOISE, ANYWHERE = 0.01, 0.002
HANDFUL = 0.05  # of the images looked up: so many are met by chance, or come in numbers not known
ENOUGH = 0.25  # share of known images from which on data count as a copy

UNRECOGNISABLE = "by name"


class Matches:
    """Which images of a genuine set the images of a data set are."""

    def __init__(self, data: Sketch, genuine: Sketch) -> None:
        self.data, self.genuine = data, genuine
        # int (n,): the genuine image that an image stands for, each at most once; -1 for none.
        self.row = np.full(len(data.signs), -1)
        # Of each image: "exact", one of `VIEWS` if its pixels are others, "by name" if they tell
        # nothing any more, None if it is not known. Known images without a row are added copies.
        self.how = np.full(len(data.signs), None, object)
        self._exact()
        self._by_name()
        unknown = np.equal(self.how, None)
        for view in VIEWS:
            self._by_signs(view)
        self.by_signs = np.flatnonzero(unknown & ~np.equal(self.how, None))

    def free(self) -> np.ndarray:
        """Return the genuine rows that no image stands for."""
        return np.setdiff1d(np.arange(len(self.genuine.signs)), self.row)

    def certain(self, rows: np.ndarray, data: Sketch) -> np.ndarray:
        """Return those rows of `data` that are too many to be signs taken for another's."""
        if len(rows) > NOISE * len(self.by_signs):
            return rows
        places = pd.Series(_places(0, data, rows))
        of_class = pd.Series(_places(0, self.data, self.by_signs)).value_counts()
        share = NOISE * of_class.reindex(places, fill_value=0).to_numpy()
        wrong = np.maximum(share, ANYWHERE * len(self.by_signs))
        return rows[places.map(places.value_counts()).to_numpy() > wrong]

    def _take(self, images: np.ndarray, pictures: np.ndarray, keys: np.ndarray) -> None:
        """Give images the free rows whose key is their picture; those of their own place first."""
        for split, label in ((True, True), (False, True), (True, False), (False, False)):
            open_ = self.row[images] < 0
            left, free = images[open_], self.free()
            one = _places(pictures[open_], self.data, left, split, label)
            other = _places(keys[free], self.genuine, free, split, label)
            a, b = _pairs(one, other)
            self.row[left[a]] = free[b]

    def _exact(self) -> None:
        rows = _lookup(self.data.checksums, self.genuine.checksums)
        # 32 bits collide by chance, the signs then differ
        alike = np.bitwise_count(self.data.signs ^ self.genuine.signs[rows]) <= 2
        images = np.flatnonzero((rows >= 0) & alike)
        self.how[images] = "exact"
        self._take(images, self.data.checksums[images], self.genuine.checksums)

    def _by_name(self) -> None:
        unknown = np.equal(self.how, None) & (self.data.numbers > 0)
        rows = _lookup(self.data.numbers, self.genuine.numbers)
        images = np.flatnonzero(unknown & (rows >= 0))
        self._take(images, self.data.numbers[images], self.genuine.numbers)
        keys = self.genuine.checksums  # the image of that name may stand for a copy's row
        self._take(images, keys[rows[images]], keys)
        rows = np.where(self.row >= 0, self.row, rows)[images]
        found = np.full(len(images), UNRECOGNISABLE, object)
        for view in reversed(VIEWS):
            seen = signs_of_view(self.data.signs[images], view) ^ self.genuine.signs[rows]
            found[np.bitwise_count(seen) <= MOST_DIFFERENT_SIGNS] = view
        self.how[images] = found

    def _by_signs(self, view: str) -> None:
        """Look up by their signs those images that are not known yet."""
        images = np.flatnonzero(np.equal(self.how, None))
        some = np.sort(np.random.default_rng(0).permutation(images)[:SAMPLE])
        everything = np.arange(len(self.genuine.signs))
        if np.sum(self._nearest(some, everything, view) >= 0) <= HANDFUL * len(some):
            return
        keys = self.genuine.checksums
        for _ in range(3):  # two images may be nearest to one row, and a second one nearly as near
            left = images[self.row[images] < 0]
            rows = self._nearest(left, self.free(), view)
            near = rows >= 0
            self._take(left[near], keys[rows[near]], keys)
        self.how[images[self.row[images] >= 0]] = view
        left = images[self.row[images] < 0]
        added = left[self._nearest(left, everything, view) >= 0]
        if len(added) > HANDFUL * len(images):
            self.how[added] = view

    def _nearest(self, images: np.ndarray, rows: np.ndarray, view: str) -> np.ndarray:
        """Return the most alike of the genuine `rows` for each of the images, -1 if none is."""
        found = np.full(len(images), -1)
        if not len(rows):
            return found
        known, place = self.genuine.signs[rows], _places(0, self.genuine, rows)
        signs, own = signs_of_view(self.data.signs[images], view), _places(0, self.data, images)
        for start in range(0, len(images), 8):  # few, so that they stay in the processor's cache
            part = slice(start, start + 8)
            differ = np.bitwise_count(signs[part, None] ^ known)
            differ += np.uint8(ELSEWHERE) * (own[part, None] != place)
            best = differ.argmin(axis=1)
            near = np.bitwise_count(signs[part] ^ known[best]) <= MOST_DIFFERENT_SIGNS
            found[part] = np.where(near, rows[best], -1)
        return found


def _places(
    keys: np.ndarray | int, data: Sketch, rows: np.ndarray, split: bool = True, label: bool = True
) -> np.ndarray:
    """Return keys (of 32 bits) that differ for other splits and other classes too, if wanted."""
    places = split * data.test[rows] * 256 + label * (data.labels[rows].astype(np.int64) + 1)
    return np.asarray(keys).astype(np.int64) * 512 + places


def _pairs(one: np.ndarray, other: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return places in `one` and `other` that have the same key, each place at most once."""
    codes, _ = pd.factorize(np.concatenate([one, other]))
    counted = [
        part * (len(codes) + 1) + pd.Series(part).groupby(part).cumcount().to_numpy()
        for part in np.split(codes.astype(np.int64), [len(one)])
    ]
    return np.intersect1d(*counted, assume_unique=True, return_indices=True)[1:]


def _lookup(wanted: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Return for each number the row of the same known one, -1 if there is none."""
    rows = pd.Series(np.arange(len(known)), known)
    return rows[~rows.index.duplicated()].reindex(wanted, fill_value=-1).to_numpy()


def origin_of(data: FaceData, genuine: Sketch | None = None) -> str:
    """Return "genuine FER-2013", "FER-2013, altered: …", "drawn faces" or "other data".

    Without a `genuine` set to look for it is FER-2013.
    """
    if genuine is None:
        fixed = {"fer2013": GENUINE, "sample": DRAWN}  # names that only these pixels get
        if data.name in fixed:
            return fixed[data.name]
        genuine = read_sketch()
    found = differences(sketch_of(data), genuine)
    if found is None:
        return OTHER
    changes, grounds = found
    side, channels = data.train.images.shape[2:]
    changes = (["in colour"] if channels > 1 else []) + changes
    changes = ([f"resized to {side}x{side} pixels"] if side != SIDE else []) + changes
    return (
        f"FER-2013, altered: {', '.join(changes)}, recognised by {grounds}" if changes else GENUINE
    )


def differences(data: Sketch, genuine: Sketch) -> tuple[list[str], str] | None:
    """Return in what a copy differs from the genuine set and by what it is known; None if none."""
    labels, renamed = _genuine_classes(data, genuine)
    data = replace(data, labels=labels)
    found = Matches(data, genuine)
    known, by_name = ~np.equal(found.how, None), np.equal(found.how, UNRECOGNISABLE)
    shares = {"pixels": np.mean(known & ~by_name), "file names": by_name.mean()}
    counts = [
        [sorted(np.bincount(part.labels[part.test == test] + 1)[1:]) for test in (False, True)]
        for part in (data, genuine)
    ]
    if known.mean() >= ENOUGH:  # by one of the two, or by both together
        grounds = [what for what, share in shares.items() if share >= ENOUGH] or [*shares]
    elif counts[0] == counts[1]:
        grounds = ["the number of images of each class"]
    else:
        return None
    changes = renamed + _other_pixels(found) + _moved(found) + _counts(found)
    return changes, " and ".join(grounds)


def _genuine_classes(data: Sketch, genuine: Sketch) -> tuple[np.ndarray, list[str]]:
    """Return labels by the genuine classes, -1 for unknown ones, and what to say of new names.

    A class of another name is the genuine one that most of its known images belong to.
    """
    rows = _lookup(data.checksums, genuine.checksums)
    rows = np.where(rows < 0, _lookup(data.numbers, genuine.numbers), rows)
    labels, renamed = np.full(len(data.labels), -1), []
    for label, name in enumerate(data.classes):
        members = data.labels == label
        known = rows[members & (rows >= 0)]
        if name.casefold() in genuine.classes:
            labels[members] = genuine.classes.index(name.casefold())
        elif len(known) >= ENOUGH * members.sum():
            labels[members] = np.bincount(genuine.labels[known]).argmax()
            renamed.append(f"{name} for {genuine.classes[labels[members][0]]}")
        else:
            renamed.append(f"{name} for one that cannot be told")
    return labels, [f"other names of classes ({', '.join(renamed)})"] if renamed else []


def _other_pixels(found: Matches) -> list[str]:
    """Say how many images have other pixels, in which direction they changed, and how many more."""
    said, placed = [], found.row >= 0
    for view in VIEWS:
        for chosen, verb in ((placed, "with other pixels"), (~placed, "added that are copies")):
            rows = np.flatnonzero(np.equal(found.how, view) & chosen)
            if len(rows):
                how = view or _direction(found.data.measures[rows], found.genuine.measures)
                said.append(f"about {len(rows):,} images {verb} ({how})")
    lost = np.equal(found.how, UNRECOGNISABLE)
    if lost.any():
        said.append(f"{lost.sum():,} images that only their file names tell")
    copies = np.flatnonzero(np.equal(found.how, "exact") & ~placed)
    return said + _sentence("exact copies added", copies, found.data, found.genuine)


def _direction(measures: np.ndarray, genuine: np.ndarray) -> str:
    """Say how images differ as a whole from the genuine ones."""
    ratio = np.median(measures, axis=0) / np.median(genuine, axis=0)
    words = ("darker", "brighter"), ("less contrast", "more contrast"), ("softer", "sharper")
    found = [pair[int(r > 1)] for pair, r in zip(words, ratio, strict=True) if abs(r - 1) > 0.1]
    return ", ".join(found) or "small changes"


def _moved(found: Matches) -> list[str]:
    """Say how many images lie in another split or class than they should, and where they belong."""
    images = np.flatnonzero(found.row >= 0)
    rows, data, genuine = found.row[images], found.data, found.genuine
    split = rows[data.test[images] != genuine.test[rows]]
    named = (data.labels[images] != genuine.labels[rows]) & (data.labels[images] >= 0)
    many_unknown = np.equal(found.how, None).mean() > HANDFUL
    what = "of the recognised images" if many_unknown else "images"
    places = {"moved between train and test": split, "in another class": rows[named]}
    return [
        sentence
        for text, wrong in places.items()
        for sentence in _sentence(f"{what} {text}", found.certain(wrong, genuine), genuine, genuine)
    ]


def _counts(found: Matches) -> list[str]:
    """Say how many images are not known and how many are missing, as far as that can be told."""
    data, genuine = found.data, found.genuine
    strange, free = np.flatnonzero(np.equal(found.how, None)), found.free()
    a, b = _pairs(_places(0, data, strange), _places(0, genuine, free))
    more, missing = np.delete(strange, a), np.delete(free, b)
    if min(len(more), len(missing)) > HANDFUL * len(strange):
        return [f"{len(strange):,} images that are not recognised, so what is missing is not known"]
    return (
        _sentence("images replaced or changed beyond recognition", free[b], genuine, genuine)
        + _sentence(
            "images added that are not recognised", found.certain(more, data), data, genuine
        )
        + _sentence("images missing", found.certain(missing, genuine), genuine, genuine)
    )


def _sentence(what: str, rows: np.ndarray, data: Sketch, genuine: Sketch) -> list[str]:
    """Say how many images something holds for, and of which splits and classes these are."""
    names = (*genuine.classes, "unknown")  # -1 is the last
    count = Counter((bool(data.test[row]), names[data.labels[row]]) for row in rows)
    said = []
    for name, test in (("train", False), ("test", True)):
        counts = [f"{n:,} {label}" for (there, label), n in sorted(count.items()) if there == test]
        said += [f"{name}: {', '.join(counts)}"] if counts else []
    return [f"{len(rows):,} {what} ({'; '.join(said)})"] if len(rows) else []


class Findings(NamedTuple):
    """What is known about where data come from."""

    origin: str  # from `origin_of`
    warnings: tuple[str, ...]  # from `split_warnings`


def examine(data: FaceData, folder: Path) -> Findings:
    """Return the findings on a data set, made once and then read from `folder`."""
    named = "\n".join((data.fingerprint, *data.train.files, *data.test.files))
    file = folder / f"{hashlib.sha256(named.encode()).hexdigest()[:32]}-{VERSION}.json"
    try:
        kept = read_json(file)
        return Findings(str(kept["origin"]), tuple(map(str, kept["warnings"])))
    except (OSError, ValueError, KeyError, TypeError):
        found = Findings(origin_of(data), tuple(split_warnings(data)))
        with suppress(DataError):  # nothing can be written: they are made again next time
            write_json(file, found._asdict())
        return found
