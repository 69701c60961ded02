"""Whether the data are what you think they are: the genuine FER-2013, an altered copy, or others.

And whether train and test come from one source. Copies of FER-2013 in the wild have the right
names and counts and wrong pixels: blurred, equalised, enlarged, split anew, with augmented copies
mixed in. The fingerprint of `emotions.data.faces` tells the genuine pixels from all others. A
sketch of the genuine set says what became of an image: a checksum of its pixels, its split and
class, and the signs of 63 low frequencies, which survive most changes and show nothing of a face.

Source
------
imagehash's `phash` and C. Zauner: *Implementation and Benchmarking of Perceptual Image Hash
Functions*, 2010, for signs of the discrete cosine transform as a hash.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image
from scipy.fft import dctn
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from threadpoolctl import threadpool_limits

from emotions.data.faces import FaceData, ImageSet
from emotions.data.statistics import compare, measure
from emotions.files import replacing, write_json

SKETCH = Path(__file__).with_name("fer2013_sketch.npz")
VERSION = 1  # raise it when the checks change: earlier findings are then made anew
SIDE = 48  # pixels; the genuine images'
GENUINE = "genuine FER-2013"
OTHER = "other data"
DRAWN = "drawn faces"
FREQUENCIES = 8  # of each direction; the mean is left out
SAMPLE = 1500  # images that are looked up by their frequencies
# On FER-2013 an image that was blurred, equalised or enlarged keeps all but 0 to 9 of the 63 signs;
# the nearest other image differs in 12 (medians of 600 images); of faces that the
# course draws, 3 in 100 have one that differs in at most 8.
MOST_DIFFERENT_SIGNS = 8
ENOUGH = 0.25  # share of known images from which on data count as a copy

# Both splits count as alike up to these: FER-2013's own splits are at 0.013 and 0.50.
LARGEST_GAP = 0.1  # of the cumulative distributions of brightness, contrast, sharpness
LARGEST_AREA = 0.62  # under the curve of a classifier that tells train from test
FEWEST = 25  # images of each split that the classifier needs
PER_SPLIT = 2000  # images that this classifier sees of each split

VIEWS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "": lambda images: images,
    "mirrored": lambda images: images[:, :, ::-1],
    "inverted": lambda images: 255 - images,
    "turned by 90 degrees": lambda images: np.rot90(images, 1, (1, 2)),
    "turned by 180 degrees": lambda images: np.rot90(images, 2, (1, 2)),
    "turned by 270 degrees": lambda images: np.rot90(images, 3, (1, 2)),
}


# --------------------------------------------------------------------------------------
# The sketch of a data set
# --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Sketch:
    """What is known of each image of the genuine set, in no order.

    Attributes
    ----------
    checksums
        uint32 (n,), of the pixels.
    signs
        uint64 (n,), of the low frequencies.
    test
        bool (n,), whether it belongs to the test split.
    labels
        uint8 (n,), indices into `classes`.
    classes
        Sorted.
    medians
        Of brightness, contrast and sharpness, in grey levels.
    """

    checksums: np.ndarray
    signs: np.ndarray
    test: np.ndarray
    labels: np.ndarray
    classes: tuple[str, ...]
    medians: tuple[float, ...]


def sketch_of(data: FaceData) -> Sketch:
    """Return the sketch of a data set."""
    grey = np.concatenate([small_grey(part.images) for part in (data.train, data.test)])
    signs = low_signs(grey)
    order = np.argsort(signs, kind="stable")
    test = np.repeat([False, True], [len(data.train), len(data.test)])
    labels = np.concatenate([data.train.labels, data.test.labels]).astype(np.uint8)
    medians = tuple(measure(grey[..., None]).median().round(3))
    return Sketch(
        checksums(grey)[order],
        signs[order],
        test[order],
        labels[order],
        data.train.classes,
        medians,
    )


def write_sketch(sketch: Sketch, file: Path) -> None:
    """Write a sketch as an archive of arrays, without pickle."""
    with replacing(file) as temporary:
        np.savez_compressed(temporary, **{**vars(sketch), "classes": np.array(sketch.classes)})


def read_sketch(file: Path = SKETCH) -> Sketch:
    """Read what `write_sketch` wrote; by default FER-2013's."""
    with np.load(file, allow_pickle=False) as kept:
        arrays = {name: kept[name] for name in kept.files}
    classes = tuple(arrays.pop("classes").tolist())
    return Sketch(**arrays | {"classes": classes, "medians": tuple(arrays["medians"].tolist())})


def small_grey(images: np.ndarray) -> np.ndarray:
    """Return images of any size, uint8 (n, side, side, channels), as uint8 (n, 48, 48)."""
    if images.shape[1:] == (SIDE, SIDE, 1):
        return np.asarray(images)[..., 0]
    small = np.empty((len(images), SIDE, SIDE), np.uint8)
    for row, image in enumerate(images):
        grey = Image.fromarray(image[..., 0] if image.shape[-1] == 1 else image).convert("L")
        small[row] = grey.resize((SIDE, SIDE), Image.Resampling.BOX)
    return small


def checksums(images: np.ndarray) -> np.ndarray:
    """Return 32 bits of each image's SHA-256, uint32 (n,)."""
    digests = (hashlib.sha256(np.ascontiguousarray(image)).digest()[:4] for image in images)
    return np.frombuffer(b"".join(digests), "<u4")


def low_signs(images: np.ndarray) -> np.ndarray:
    """Return the signs of the 63 lowest frequencies of images (n, side, side) as uint64 (n,)."""
    found = []
    for start in range(0, len(images), 2048):
        part = images[start : start + 2048].astype(np.float32)
        waves = dctn(part, axes=(1, 2), norm="ortho")[:, :FREQUENCIES, :FREQUENCIES]
        signs = waves.reshape(len(part), -1) > 0
        signs[:, 0] = False  # the mean
        found.append(np.packbits(signs, axis=1).view(np.uint64).ravel())
    return np.concatenate(found)


# --------------------------------------------------------------------------------------
# Which data
# --------------------------------------------------------------------------------------


def origin_of(data: FaceData, genuine: Sketch | None = None) -> str:
    """Say in a few words which data these are.

    Parameters
    ----------
    data
        Both splits.
    genuine
        What to look for; FER-2013 if None.

    Returns
    -------
    str
        "genuine FER-2013", "FER-2013, altered: …", "drawn faces" or "other data".
    """
    if genuine is None:
        fixed = {"fer2013": GENUINE, "sample": DRAWN}
        if data.name in fixed:
            return fixed[data.name]
        genuine = read_sketch()
    changes = alterations(data, genuine)
    if changes is None:
        return OTHER
    return f"FER-2013, altered: {', '.join(changes)}" if changes else GENUINE


def alterations(data: FaceData, genuine: Sketch) -> list[str] | None:
    """Return what was done to a genuine set to get these data; None if they are no copy of it."""
    grey = np.concatenate([small_grey(part.images) for part in (data.train, data.test)])
    known = _lookup(checksums(grey), genuine.checksums)
    exact = known >= 0
    seen = _seen_again(grey[~exact], genuine)
    recognised = exact.sum() + sum(seen.values())
    is_copy = recognised >= ENOUGH * len(grey) or _looks_like_it(data, genuine)
    if not is_copy:
        return None
    test = np.repeat([False, True], [len(data.train), len(data.test)])
    labels = np.concatenate([data.train.labels, data.test.labels])
    found = _enlarged(data) + _other_pixels(grey, exact, seen, genuine)
    found += _moved(known, exact, test, labels, data, genuine)
    return found + _counts(known[exact], len(grey), recognised, genuine)


def _lookup(wanted: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Return for each checksum the row of the same known one, -1 if there is none."""
    order = np.argsort(known, kind="stable")
    places = np.minimum(np.searchsorted(known, wanted, sorter=order), len(known) - 1)
    rows = order[places]
    return np.where(known[rows] == wanted, rows, -1)


def _seen_again(images: np.ndarray, genuine: Sketch) -> Counter:
    """Return about how many images of no known checksum are genuine ones in a known view."""
    found: Counter = Counter()
    if not len(images):
        return found
    rows = np.random.default_rng(0).permutation(len(images))[:SAMPLE]
    left = images[np.sort(rows)]
    weight = len(images) / len(left)
    for name, view in VIEWS.items():
        if len(left):
            near = _nearest(low_signs(view(left)), genuine.signs) <= MOST_DIFFERENT_SIGNS
            found[name] = round(weight * near.sum())
            left = left[~near]
    # Other faces meet a few of the genuine signs by chance: such a handful is no finding.
    return Counter({name: n for name, n in found.items() if n > 0.05 * len(images)})


def _nearest(signs: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Return in how many signs the most alike known image differs, for each of some images."""
    parts = np.array_split(signs, -(-len(signs) // 256))
    return np.concatenate(
        [np.bitwise_count(part[:, None] ^ known[None]).min(axis=1) for part in parts]
    )


def _looks_like_it(data: FaceData, genuine: Sketch) -> bool:
    """Tell whether the images of each split and class are as many as in the genuine set."""
    for part, test in ((data.train, False), (data.test, True)):
        wanted = np.bincount(genuine.labels[genuine.test == test])
        if sorted(np.bincount(part.labels)) != sorted(wanted):
            return False
    return True


def _enlarged(data: FaceData) -> list[str]:
    side, channels = data.train.images.shape[1], data.train.images.shape[-1]
    found = [] if side == SIDE else [f"resized to {side}x{side} pixels"]
    return found + (["in colour"] if channels > 1 else [])


def _other_pixels(grey: np.ndarray, exact: np.ndarray, seen: Counter, genuine: Sketch) -> list[str]:
    """Say how many images are known but have other pixels, and in which direction they changed."""
    found = []
    for name, count in seen.items():
        how = name or _direction(grey[~exact], genuine)
        found.append(f"about {count:,} images with other pixels ({how})")
    strange = int((~exact).sum()) - sum(seen.values())
    if strange > 0.01 * len(grey):
        found.append(f"about {strange:,} images that are not recognised")
    return found


def _direction(images: np.ndarray, genuine: Sketch) -> str:
    """Say how images differ as a whole from the genuine ones."""
    medians = measure(images[..., None]).median().to_numpy()
    ratio = medians / np.array(genuine.medians)
    words = ("darker", "brighter"), ("less contrast", "more contrast"), ("softer", "sharper")
    found = [pair[int(r > 1)] for pair, r in zip(words, ratio, strict=True) if abs(r - 1) > 0.1]
    return ", ".join(found) or "small changes"


def _moved(
    known: np.ndarray,
    exact: np.ndarray,
    test: np.ndarray,
    labels: np.ndarray,
    data: FaceData,
    genuine: Sketch,
) -> list[str]:
    """Say how many genuine images lie in another split or class than they should.

    An image that the genuine set has twice, in both splits or two classes, counts as right where
    one of the two belongs.
    """
    same = pd.DataFrame({"sum": genuine.checksums, "test": genuine.test, "label": genuine.labels})
    sums = genuine.checksums[known[exact]]
    places = set(zip(same["sum"], same["test"], strict=True))
    wrong_split = sum((s, t) not in places for s, t in zip(sums, test[exact], strict=True))
    found = [f"{wrong_split:,} images moved between train and test"] if wrong_split else []
    names = _class_names(known[exact], labels[exact], data.train, genuine)
    kinds = set(zip(same["sum"], same["label"], strict=True))
    pairs = zip(sums, labels[exact], strict=True)
    wrong_label = sum((s, names.get(label, -1)) not in kinds for s, label in pairs)
    return found + ([f"{wrong_label:,} images in another class"] if wrong_label else [])


def _class_names(
    known: np.ndarray, labels: np.ndarray, part: ImageSet, genuine: Sketch
) -> dict[int, int]:
    """Return which genuine class each class is: that of the same name, or of most of its images."""
    names = {}
    for label, name in enumerate(part.classes):
        votes = np.bincount(genuine.labels[known[labels == label]], minlength=1)
        named = genuine.classes.index(name) if name in genuine.classes else int(votes.argmax())
        names[label] = named
    return names


def _counts(known: np.ndarray, total: int, recognised: int, genuine: Sketch) -> list[str]:
    """Say how many genuine images are missing, and how many are there too often."""
    have, wanted = Counter(genuine.checksums[known]), Counter(genuine.checksums)
    surplus = sum((have - wanted).values())
    found = [f"{surplus:,} exact copies added"] if surplus else []
    missing = len(genuine.checksums) - recognised
    if missing > 0.01 * len(genuine.checksums):
        found.append(f"about {missing:,} images missing")
    if total > len(genuine.checksums) + surplus:
        found.append(f"{total - len(genuine.checksums):,} images more than there should be")
    return found


# --------------------------------------------------------------------------------------
# Train against test
# --------------------------------------------------------------------------------------


def split_warnings(data: FaceData, random_seed: int = 0) -> list[str]:
    """Say in what train and test differ more than two samples of one source would.

    Brightness, contrast and sharpness are compared by their distributions. Whatever else differs,
    a small classifier finds: it learns to tell training images from test images by numbers that
    describe an image but not whose face it shows, on as many images of each class from both.

    Returns
    -------
    list of str
        A sentence per difference; empty if they look alike.
    """
    one, other = _balanced(data, random_seed)
    table = _largest_gaps(measure(one), measure(other))
    found = [
        f"{name.split(' (')[0]} differs between train and test (largest gap {gap:.2f})"
        for name, gap in table.items()
    ]
    few = min(len(one), len(other)) < FEWEST
    area, bound = (0.5, 1.0) if few else tell_apart(one, other, random_seed)
    if area > bound:
        found.append(
            f"a small classifier tells training images from test images "
            f"(area under its curve {area:.2f}; 0.50 is chance, up to {bound:.2f} is usual)"
        )
    return [
        f"Train and test do not look alike: {what}. Find out why before you train."
        for what in found
    ]


def _balanced(data: FaceData, random_seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return as many training as test images of each class, chosen at random."""
    random = np.random.default_rng(random_seed)
    chosen: tuple[list, list] = ([], [])
    for label in range(len(data.train.classes)):
        members = [np.flatnonzero(part.labels == label) for part in (data.train, data.test)]
        wanted = -(-PER_SPLIT * len(members[1]) // len(data.test))  # the class's share
        count = min(wanted, *map(len, members))
        for rows, own in zip(chosen, members, strict=True):
            rows.extend(random.permutation(own)[:count])
    return data.train.images[np.sort(chosen[0])], data.test.images[np.sort(chosen[1])]


def _largest_gaps(one: pd.DataFrame, other: pd.DataFrame) -> pd.Series:
    """Return the gaps between the distributions of those columns that differ by more than usual."""
    gaps = compare(one, other)["largest gap"]
    # 1.95: what chance alone exceeds once in a thousand times
    by_chance = 1.95 * np.sqrt((len(one) + len(other)) / (len(one) * len(other)))
    return gaps[gaps > max(LARGEST_GAP, by_chance)]


def tell_apart(one: np.ndarray, other: np.ndarray, random_seed: int) -> tuple[float, float]:
    """Return how well a small classifier tells two sets of images apart, and how well is usual.

    Returns
    -------
    area, bound
        Under the curve of cross-validated predictions, 0.5 to 1; and the largest that two samples
        of one source of this size get.
    """
    inputs = np.concatenate([texture(one), texture(other)])
    labels = np.repeat([0, 1], [len(one), len(other)])
    folds = StratifiedKFold(5, shuffle=True, random_state=random_seed)
    model = HistGradientBoostingClassifier(
        max_iter=60, max_leaf_nodes=8, min_samples_leaf=10, random_state=random_seed
    )
    with threadpool_limits(1):  # on a busy machine its threads wait for each other
        found = cross_val_predict(model, inputs, labels, cv=folds, method="predict_proba")[:, 1]
    spread = np.sqrt((len(labels) + 1) / (12 * len(one) * len(other)))  # of the area by chance
    return float(roc_auc_score(labels, found)), max(LARGEST_AREA, 0.5 + 4 * float(spread))


def texture(images: np.ndarray) -> np.ndarray:
    """Return numbers that describe how images were made rather than whom they show.

    Grey levels in use, differences between neighbours, frequencies by their height, the border
    against the middle, and colour; float32 (n, about 60).
    """
    grey = small_grey(images).astype(np.int16)
    across, down = np.diff(grey, axis=2), np.diff(grey, axis=1)
    steps = (0, 1, 2, 4, 8, 16, 32)
    columns = [(grey == level).mean((1, 2)) for level in (0, 255)]
    columns += [(np.abs(d) <= step).mean((1, 2)) for d in (across, down) for step in steps]
    columns += [((grey % 16) == rest).mean((1, 2)) for rest in range(0, 16, 3)]
    columns += list(np.percentile(grey, (1, 10, 25, 50, 75, 90, 99), axis=(1, 2)))
    levels = np.sort(grey.reshape(len(grey), -1), axis=1)
    columns += [(np.diff(levels, axis=1) > 0).sum(axis=1), grey.std((1, 2))]
    columns += list(_spectrum(grey).T) + list(_edges(across, down))
    spread = images.max(axis=-1).astype(np.int16) - images.min(axis=-1)
    return np.stack([*columns, spread.mean((1, 2))], axis=1).astype(np.float32)


def _spectrum(grey: np.ndarray) -> np.ndarray:
    """Return the logarithm of the mean power in twelve rings of frequency, (n, 12)."""
    waves = np.square(dctn(grey.astype(np.float32), axes=(1, 2), norm="ortho"))
    place = np.arange(grey.shape[1])
    ring = np.minimum(np.hypot(*np.meshgrid(place, place)) // 5, 11).astype(int)
    return np.stack([np.log1p(waves[:, ring == k].mean(axis=1)) for k in range(12)], axis=1)


def _edges(across: np.ndarray, down: np.ndarray) -> list[np.ndarray]:
    """Return differences at the four borders, and at every eighth place as JPEG leaves them."""
    a, d = np.abs(across), np.abs(down)
    borders = [a[:, :, 0], a[:, :, -1], d[:, 0], d[:, -1]]
    blocks = [a[:, :, 7::8].mean((1, 2)) - a.mean((1, 2)), d[:, 7::8].mean((1, 2)) - d.mean((1, 2))]
    return [b.mean(axis=1) for b in borders] + blocks


# --------------------------------------------------------------------------------------
# Both, once for each data set
# --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Findings:
    """What is known about where data come from.

    Attributes
    ----------
    origin
        From `origin_of`.
    warnings
        From `split_warnings`.
    """

    origin: str
    warnings: tuple[str, ...]


def examine(data: FaceData, folder: Path) -> Findings:
    """Return the findings on a data set, made once and then read from `folder`."""
    file = folder / f"{data.fingerprint[:32]}-{VERSION}.json"
    try:
        kept = json.loads(file.read_text(encoding="utf-8"))
        return Findings(str(kept["origin"]), tuple(map(str, kept["warnings"])))
    except (OSError, ValueError, KeyError, TypeError):
        found = Findings(origin_of(data), tuple(split_warnings(data)))
        write_json(file, {"origin": found.origin, "warnings": list(found.warnings)})
        return found
