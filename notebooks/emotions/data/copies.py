"""Find images that are there more than once, and images that show hardly anything.

Exact copies have identical pixels. Near copies are the same picture with small changes: another
watermark, another contrast, a slightly different crop. Copies of training images in the test
split make a network look better than it is; copies with two labels cannot both be right.

Sources
-------
imagehash, ``phash``: a hash of the low frequencies of the discrete cosine transform.
B. Barz, J. Denzler: *Do We Train on Test Data? Purging CIFAR of Near-Duplicates*. Journal of
Imaging 6(6), 2020, arXiv:1902.00423. Why copies across splits matter.
"""

import hashlib
from collections.abc import Iterable
from contextlib import suppress
from itertools import chain
from pathlib import Path

import imagehash
import numpy as np
import pandas as pd
import sklearn
from PIL import Image
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from sklearn.model_selection import StratifiedGroupKFold

from emotions.data.faces import FaceData, ImageSet
from emotions.data.statistics import small_grey
from emotions.files import DataError, one_line, replacing, row_by_row, write_table
from emotions.loops import Progress, with_progress

# Chosen by looking at FER-2013. Of about 100 random pairs and the 14 largest groups that met both
# limits, all but one or two dark pairs clearly showed one picture. Of pairs with correlations from
# 0.80 to 0.88, several showed two people. Equal hashes alone find few: 137 near pairs.
MOST_DIFFERENT_BITS = 8  # of the 64 bits of the hash
LEAST_CORRELATION = 0.90  # of the grey values of two images

ROWS_AT_ONCE = 256
PAIRS_AT_ONCE = 4096

# Looked up on FER-2013: beside plain grey, these are mainly error texts ("this person moved or
# deleted this image") and warning signs, and a few photos that are nearly all black or white.
LOW_DETAIL_SHARE = 0.75
LOW_DETAIL_LEVELS = 16

LEAVE_OUT_COLUMNS = ["split", "file", "reason"]
TAKE_AGAIN = "delete it and make it again with notebook 01"


def copy_groups(images: Iterable[np.ndarray]) -> np.ndarray:
    """Number images so that those with identical pixels share a number, int64 (n,).

    0 is for the first image and its copies, 1 for the next new one, ... The images come as uint8
    (n, height, width, channels), or one by one.
    """
    rows = row_by_row(images) if isinstance(images, np.ndarray) else images
    digests = [hashlib.sha256(repr(row.shape).encode() + row.tobytes()).digest() for row in rows]
    return pd.factorize(np.array(digests, dtype=object))[0]


def folds(
    labels: np.ndarray,
    groups: np.ndarray,
    count: int,
    random_seed: int,
    data_folder: Path | None = None,
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return for each fold the other rows and its own, int (n,), sorted; copies are in one fold.

    Labels and groups of copies are int (n,); each class has about the same share in all folds.
    scikit-learn needs ten seconds for FER-2013, so they are kept below `data_folder`, if there is
    one that can be written to. If no class has as many images as there are folds, or there are
    fewer groups, it is a ValueError.
    """
    number = file = None
    if data_folder is not None:
        asked = np.concatenate([labels, groups, [count, random_seed]]).astype("<i8")
        mark = hashlib.sha256(sklearn.__version__.encode() + asked.tobytes()).hexdigest()[:20]
        file = data_folder / "cache" / "folds" / f"{mark}.npy"
        number = _kept_folds(file, groups, count)
    if number is None:
        number = np.empty(len(labels), np.int64)
        splitter = StratifiedGroupKFold(count, shuffle=True, random_state=random_seed)
        for fold, (_, rows) in enumerate(splitter.split(labels, labels, groups)):
            number[rows] = fold
        if file is not None:
            with suppress(DataError), replacing(file) as temporary:
                np.save(temporary, number)
    return [(np.flatnonzero(number != k), np.flatnonzero(number == k)) for k in range(count)]


def _kept_folds(file: Path, groups: np.ndarray, count: int) -> np.ndarray | None:
    """Return the number of each image's fold, None if the file is not there or damaged."""
    try:
        number = np.load(file, allow_pickle=False)
        whole = number.dtype == np.int64 and set(np.unique(number)) <= set(range(count))
        together = pd.Series(number).groupby(groups).nunique().max() == 1
    except Exception:  # numpy raises nearly everything for altered files
        return None
    return number if whole and together and number.shape == groups.shape else None


def _near_groups(
    thumbnails: np.ndarray, copies: np.ndarray, progress: Progress | None
) -> np.ndarray:
    """Join groups of exact copies whose thumbnails, uint8 (n, 48, 48), show the same picture.

    Two images show the same picture if their perceptual hashes differ in at most 8 of 64 bits and
    their grey values correlate with at least 0.90. Groups are chained: if A is a near copy of B,
    and B of C, all three are one group. Mirrored and turned pictures are not found.
    """
    _, first = np.unique(copies, return_index=True)  # one image for each group of exact copies
    hashes = _perceptual_hashes(
        with_progress(thumbnails[first], progress, len(first), "Hashing images")
    )
    vectors = thumbnails[first].reshape(len(first), -1)
    pairs = []
    starts = range(0, len(first), ROWS_AT_ONCE)
    for start in with_progress(starts, progress, len(starts), "Comparing images"):
        one, other = _similar_hashes(hashes, start)
        same = _correlations(vectors, one, other) >= LEAST_CORRELATION
        pairs.append((one[same], other[same]))
    edges = np.concatenate(pairs, axis=1)
    graph = coo_array((np.ones(edges.shape[1], bool), tuple(edges)), shape=(len(first),) * 2)
    _, joined = connected_components(graph, directed=False)
    return pd.factorize(joined[copies])[0]


def _perceptual_hashes(thumbnails: Iterable[np.ndarray]) -> np.ndarray:
    """Return the perceptual hash of each thumbnail as uint64 (n,)."""
    bits = [imagehash.phash(Image.fromarray(thumbnail)).hash for thumbnail in thumbnails]
    return np.packbits(np.array(bits).reshape(-1, 64), axis=1).view(np.uint64).ravel()


def _similar_hashes(hashes: np.ndarray, start: int) -> tuple[np.ndarray, np.ndarray]:
    """Return pairs (one, other) of similar hashes, `one` among the block of rows at `start`."""
    block = hashes[start : start + ROWS_AT_ONCE, None]
    bits = np.bitwise_count(block ^ hashes[None, start:])
    one, other = np.nonzero(bits <= MOST_DIFFERENT_BITS)
    upper = one < other  # leaves out an image with itself and pairs the other way round
    return one[upper] + start, other[upper] + start


def _correlations(vectors: np.ndarray, one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Return the correlation of pairs of rows; 0 if one of them is a single grey."""
    found = np.zeros(len(one))
    for start in range(0, len(one), PAIRS_AT_ONCE):
        pairs = slice(start, start + PAIRS_AT_ONCE)
        a, b = (vectors[rows[pairs]].astype(np.float32) for rows in (one, other))
        a -= a.mean(axis=1, keepdims=True)
        b -= b.mean(axis=1, keepdims=True)
        lengths = np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1)
        np.divide((a * b).sum(axis=1), lengths, out=found[pairs], where=lengths > 0)
    return found


def find_problems(data: FaceData, *, progress: Progress | None = None) -> pd.DataFrame:
    """Say for every image what may be wrong with it.

    Returns
    -------
    pandas.DataFrame
        One row per image, first train, then test, in the order of the image sets:

        - split: "train" or "test"; file: as in `ImageSet.files`; label: name of the class
        - copy_group: the same number for identical pixels (`copy_groups`), near_copy_group: for
          the same picture, also with another watermark, contrast or slightly other crop; both are
          numbered over both splits together
        - surplus_copy: an earlier image of the same split has identical pixels
        - copy_in_other_split: an image of the other split has identical pixels
        - conflicting_label: an image of any split has identical pixels and another label
        - single_grey: all pixels are the same
        - low_detail: at least 75 % of the pixels lie within 16 neighbouring grey levels. In
          FER-2013 these are 52 images of 40 pictures: plain grey, error texts and warning signs
          in place of a photo, but also about five faces that are very dark or very pale. The rule
          misses other stand-ins, such as a camera on a busier ground. Look before leaving out.
    """
    parts = {"train": data.train, "test": data.test}
    copies = copy_groups(chain.from_iterable(row_by_row(part.images) for part in parts.values()))
    # Images are compared at 48 x 48 pixels in grey.
    thumbnails = np.concatenate([small_grey(part.images) for part in parts.values()])
    table = pd.DataFrame(
        {
            "split": np.repeat(list(parts), [len(part) for part in parts.values()]),
            "file": [file for part in parts.values() for file in part.files],
            "label": [part.classes[label] for part in parts.values() for label in part.labels],
            "copy_group": copies,
            "near_copy_group": _near_groups(thumbnails, copies, progress),
        }
    )
    group = table.groupby("copy_group")
    table["surplus_copy"] = table.duplicated(["split", "copy_group"])
    table["copy_in_other_split"] = group["split"].transform("nunique") > 1
    table["conflicting_label"] = group["label"].transform("nunique") > 1
    table["single_grey"] = [
        bool((image == image[0, 0]).all())
        for part in parts.values()
        for image in row_by_row(part.images)
    ]
    table["low_detail"] = _low_detail(thumbnails)
    return table


def count_findings(problems: pd.DataFrame) -> dict[str, int]:
    """Return how many images, or groups of copies, of `find_problems` have each kind of problem.

    A copy is surplus, in whichever split, if an earlier image shows the same.
    """
    surplus = problems.duplicated("copy_group")
    # identical pixels also show the same picture
    near = problems.duplicated("near_copy_group") & ~surplus
    copied = problems["copy_in_other_split"] & (problems["split"] == "test")
    conflicts = problems.loc[problems["conflicting_label"], "copy_group"]
    return {
        "surplus_copies": int(surplus.sum()),
        "test_images_copied_from_train": int(copied.sum()),
        "groups_of_copies_with_conflicting_labels": int(conflicts.nunique()),
        "images_of_one_single_grey": int(problems["single_grey"].sum()),
        "surplus_near_copies": int(near.sum()),
    }


def _low_detail(thumbnails: np.ndarray) -> np.ndarray:
    """Say which thumbnails, uint8 (n, 48, 48), are nearly everywhere about the same grey."""
    found = np.empty(len(thumbnails), bool)
    for row, thumbnail in enumerate(thumbnails):
        below = np.append(0, np.bincount(thumbnail.ravel(), minlength=256).cumsum())
        fullest = (below[LOW_DETAIL_LEVELS:] - below[:-LOW_DETAIL_LEVELS]).max()
        found[row] = fullest / thumbnail.size >= LOW_DETAIL_SHARE
    return found


def leave_out_list(problems: pd.DataFrame) -> pd.DataFrame:
    """Return the training images of `find_problems` that a clean run leaves out.

    The test split stays as it is, so that results can be compared with those of others. Near
    copies and images of low detail stay as well; whether these are faults is for eyes to decide.

    The columns are split (always "train"), file and reason, sorted by file. An image with several
    reasons has the first of: "single grey", "conflicting label", "copy in test", "surplus copy".
    """
    train = problems[problems["split"] == "train"]
    reasons = {
        "single grey": train["single_grey"],
        "conflicting label": train["conflicting_label"],
        "copy in test": train["copy_in_other_split"],
        "surplus copy": train["surplus_copy"],
    }
    reason = np.select(list(reasons.values()), list(reasons), default="")
    found = train[["split", "file"]].assign(reason=reason)
    return _sorted(found[found["reason"] != ""])


def _sorted(leave_out: pd.DataFrame) -> pd.DataFrame:
    """Return the rows in one order, numbered from 0."""
    return leave_out[LEAVE_OUT_COLUMNS].sort_values(["split", "file"], ignore_index=True)


def save_leave_out(leave_out: pd.DataFrame, path: Path) -> None:
    """Write the list as CSV; the same list gives the same bytes on every platform."""
    write_table(path, _sorted(leave_out).set_index("split"))


def read_leave_out(path: Path) -> pd.DataFrame:
    """Read a list that `save_leave_out` wrote: columns split, file and reason, all str."""
    try:
        table = pd.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8")
    except FileNotFoundError as error:
        raise DataError(f"The list {path} is not there; make it with notebook 01.") from error
    except (OSError, ValueError) as error:  # pandas' parser errors are ValueErrors
        raise DataError(
            f"The list {path} cannot be read ({one_line(error)}); {TAKE_AGAIN}."
        ) from error
    whole = isinstance(table.index, pd.RangeIndex) and table.fillna("").ne("").all(axis=None)
    if list(table.columns) != LEAVE_OUT_COLUMNS or not whole:
        raise DataError(
            f"The list {path} has not just the columns {', '.join(LEAVE_OUT_COLUMNS)}, "
            f"filled in every line; {TAKE_AGAIN}."
        )
    return table


def left_out_rows(images: ImageSet, leave_out: pd.DataFrame) -> np.ndarray:
    """Return which training images are on the list, bool (n,).

    The list must be for these data and leave an image of every class.
    """
    listed = set(leave_out["file"])
    unknown = sorted(listed - set(images.files))
    if unknown or set(leave_out["split"]) - {"train"}:
        name = unknown[0] if unknown else "test images"
        raise DataError(
            f"The leave-out list is for other data, it names {name}; "
            "make it again with notebook 01."
        )
    left_out = np.isin(images.files, sorted(listed))
    for number, name in enumerate(images.classes):
        if left_out[images.labels == number].all():
            raise DataError(
                f"The leave-out list leaves no image of the class {name}; "
                "add images of it or train without the list."
            )
    return left_out
