"""Numbers that describe images, and whether two sets of images look alike."""

from collections.abc import Mapping, Sequence
from functools import reduce

import numpy as np
import pandas as pd
from PIL import Image
from scipy.fft import dctn
from scipy.stats import ks_2samp
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from threadpoolctl import threadpool_limits

from emotions.data.faces import FaceData
from emotions.files import batches, read_rows, row_by_row

SIDE = 48  # pixels of a small grey image

# Both splits count as alike up to these: FER-2013's own splits are at 0.013 and 0.50.
LARGEST_GAP = 0.1  # of the cumulative distributions of brightness, contrast, sharpness
LARGEST_AREA = 0.62  # under the curve of a classifier that tells train from test
FEWEST = 25  # images of each split that the classifier needs
PER_SPLIT = 2000  # images that this classifier sees of each split


def small_grey(images: np.ndarray) -> np.ndarray:
    """Return images of any size, uint8 (n, side, side, channels), as uint8 (n, 48, 48)."""
    if images.shape[1:] == (SIDE, SIDE, 1):
        return np.asarray(images)[..., 0]
    small = np.empty((len(images), SIDE, SIDE), np.uint8)
    for row, image in enumerate(row_by_row(images)):
        grey = Image.fromarray(image[..., 0] if image.shape[-1] == 1 else image).convert("L")
        small[row] = grey.resize((SIDE, SIDE), Image.Resampling.BOX)
    return small


def images_per_class(classes: Sequence[str], labels: Mapping[str, np.ndarray]) -> pd.DataFrame:
    """Return how many images there are of each class, a column for each set of them.

    `labels` are name of a set -> int (n,), each an index into `classes`.
    """
    counts = {name: np.bincount(of, minlength=len(classes)) for name, of in labels.items()}
    return pd.DataFrame(counts, index=pd.Index(classes, name="emotion"))


def measure(images: np.ndarray) -> pd.DataFrame:
    """Return brightness, contrast and sharpness of images, uint8 (n, height, width, channels).

    One row per image, in grey levels of 0 to 255: the mean, the standard deviation, and the mean
    absolute difference between horizontal and vertical neighbours.
    """
    rows = []
    for part in batches(images):
        channels = np.moveaxis(images[part], -1, 0)  # NumPy is slow along an axis of three
        grey = sum(channel.astype(np.float32) for channel in channels) / len(channels)
        across = np.abs(np.diff(grey, axis=2)).mean(axis=(1, 2))
        down = np.abs(np.diff(grey, axis=1)).mean(axis=(1, 2))
        rows.append(np.stack([grey.mean((1, 2)), grey.std((1, 2)), (across + down) / 2], axis=1))
    names = ["brightness (mean grey level)", "contrast (grey levels)", "sharpness (grey levels)"]
    return pd.DataFrame(np.concatenate(rows), columns=names)


def compare(one: pd.DataFrame, other: pd.DataFrame) -> pd.DataFrame:
    """Return how far the distributions of each column are apart.

    A row per column: the largest gap between the cumulative distributions (Kolmogorov and
    Smirnov's statistic, 0 to 1) and the gap that chance alone exceeds once in twenty times.
    """
    sizes = len(one) * len(other) / (len(one) + len(other))
    gaps = {name: ks_2samp(one[name], other[name]).statistic for name in one}
    return pd.DataFrame({"largest gap": gaps, "by chance up to": 1.358 / np.sqrt(sizes)})


def split_warnings(data: FaceData, random_seed: int = 0) -> list[str]:
    """Say in what train and test differ more than two samples of one source would.

    Brightness, contrast and sharpness are compared by their distributions. Whatever else differs,
    a small classifier finds: it learns to tell training images from test images by numbers that
    describe an image but not whose face it shows, on as many images of each class from both. The
    list has a sentence per difference and is empty if they look alike.
    """
    parts = zip((data.train, data.test), _balanced(data, random_seed), strict=True)
    (measures, one), (other_measures, other) = (_described(p.images, rows) for p, rows in parts)
    gaps = compare(measures, other_measures)["largest gap"]
    # 1.95: what chance alone exceeds once in a thousand times
    by_chance = 1.95 * np.sqrt((len(one) + len(other)) / (len(one) * len(other)))
    found = [
        f"{name.split(' (')[0]} differs between train and test (largest gap {gap:.2f})"
        for name, gap in gaps.items()
        if gap > max(LARGEST_GAP, by_chance)
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
    """Return rows of as many training as test images of each class, chosen at random."""
    random = np.random.default_rng(random_seed)
    chosen: tuple[list, list] = ([], [])
    for label in range(len(data.train.classes)):
        members = [np.flatnonzero(part.labels == label) for part in (data.train, data.test)]
        wanted = -(-PER_SPLIT * len(members[1]) // len(data.test))  # the class's share
        count = min(wanted, *map(len, members))
        for rows, own in zip(chosen, members, strict=True):
            rows.extend(random.permutation(own)[:count])
    return np.sort(chosen[0]), np.sort(chosen[1])


def _described(images: np.ndarray, rows: np.ndarray) -> tuple[pd.DataFrame, np.ndarray]:
    """Return `measure` and `texture` of some images, a few of them in memory at a time."""
    step = batches(images)[0].stop
    read = (read_rows(images, rows[start : start + step]) for start in range(0, len(rows), step))
    measures, textures = zip(*((measure(part), texture(part)) for part in read), strict=True)
    return pd.concat(measures, ignore_index=True), np.concatenate(textures)


def tell_apart(one: np.ndarray, other: np.ndarray, random_seed: int) -> tuple[float, float]:
    """Return how well a small classifier tells two sets of images apart, and how well is usual.

    The sets come from `texture`, a row per image. The first number is the area under the curve of
    cross-validated predictions, 0.5 to 1; the second the largest that two samples of one source of
    this size get.
    """
    inputs = np.concatenate([one, other])
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
    columns += list(_spectrum(grey).T)
    a, d = np.abs(across), np.abs(down)
    columns += [border.mean(axis=1) for border in (a[:, :, 0], a[:, :, -1], d[:, 0], d[:, -1])]
    # at every eighth place JPEG leaves a border
    columns += [
        a[:, :, 7::8].mean((1, 2)) - a.mean((1, 2)),
        d[:, 7::8].mean((1, 2)) - d.mean((1, 2)),
    ]
    channels = np.moveaxis(images, -1, 0)
    spread = reduce(np.maximum, channels).astype(np.int16) - reduce(np.minimum, channels)
    return np.stack([*columns, spread.mean((1, 2))], axis=1).astype(np.float32)


def _spectrum(grey: np.ndarray) -> np.ndarray:
    """Return the logarithm of the mean power in twelve rings of frequency, (n, 12)."""
    waves = np.square(dctn(grey.astype(np.float32), axes=(1, 2), norm="ortho"))
    place = np.arange(grey.shape[1])
    ring = np.minimum(np.hypot(*np.meshgrid(place, place)) // 5, 11).astype(int)
    return np.stack([np.log1p(waves[:, ring == k].mean(axis=1)) for k in range(12)], axis=1)
