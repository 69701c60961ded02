"""Numbers that describe images, and whether two sets of images look alike."""

import numpy as np
import pandas as pd
from scipy.stats import ks_2samp


def measure(images: np.ndarray) -> pd.DataFrame:
    """Return brightness, contrast and sharpness of each image.

    Parameters
    ----------
    images
        uint8 (n, height, width, channels).

    Returns
    -------
    pandas.DataFrame
        One row per image, in grey levels of 0 to 255: the mean, the standard deviation, and the
        mean absolute difference between horizontal and vertical neighbours.
    """
    rows = []
    for start in range(0, len(images), 1024):
        grey = images[start : start + 1024].mean(axis=-1, dtype=np.float32)
        across = np.abs(np.diff(grey, axis=2)).mean(axis=(1, 2))
        down = np.abs(np.diff(grey, axis=1)).mean(axis=(1, 2))
        rows.append(np.stack([grey.mean((1, 2)), grey.std((1, 2)), (across + down) / 2], axis=1))
    names = ["brightness (mean grey level)", "contrast (grey levels)", "sharpness (grey levels)"]
    return pd.DataFrame(np.concatenate(rows), columns=names)


def compare(one: pd.DataFrame, other: pd.DataFrame) -> pd.DataFrame:
    """Return how far the distributions of each column are apart.

    Returns
    -------
    pandas.DataFrame
        A row per column: the largest gap between the cumulative distributions (Kolmogorov and
        Smirnov's statistic, 0 to 1) and the gap that chance alone exceeds once in twenty times.
    """
    sizes = len(one) * len(other) / (len(one) + len(other))
    gaps = {name: ks_2samp(one[name], other[name]).statistic for name in one}
    table = pd.DataFrame({"largest gap": gaps})
    return table.assign(**{"by chance up to": 1.358 / np.sqrt(sizes)})
