"""What is remembered of each image of a data set to know it again: less than a blur of it.

Source
------
imagehash's `phash` and C. Zauner: *Implementation and Benchmarking of Perceptual Image Hash
Functions*, 2010, for signs of the discrete cosine transform as a hash.
"""

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.fft import dctn

from emotions.data.faces import FaceData
from emotions.data.statistics import measure, small_grey
from emotions.files import batches, give_pages_back

SKETCH = Path(__file__).with_name("fer2013_sketch.npz")
KAGGLE_NAME = re.compile(r"(?:Training|PublicTest|PrivateTest)_(\d{1,8})(?!\d)")
FREQUENCIES = 8  # of each direction; the mean is left out
# View -> are the directions swapped; are the signs of odd columns, odd rows, all of them others
VIEWS = {
    "": (False, False, False, False),
    "mirrored": (False, True, False, False),
    "inverted": (False, False, False, True),
    "turned by 90 degrees": (True, False, True, False),
    "turned by 180 degrees": (False, True, True, False),
    "turned by 270 degrees": (True, True, False, False),
}


@dataclass(frozen=True)
class Sketch:
    """What is known of each image of a data set."""

    checksums: np.ndarray  # uint32 (n,), of the pixels
    signs: np.ndarray  # uint64 (n,), of the low frequencies
    numbers: np.ndarray  # uint32 (n,), those in Kaggle's file names; 0 if the name is another
    test: np.ndarray  # bool (n,), whether it belongs to the test split
    labels: np.ndarray  # integers (n,), indices into `classes`
    classes: tuple[str, ...]  # sorted
    # float (n, 3): brightness, contrast and sharpness, in grey levels; the shipped sketch has
    # their medians alone, (1, 3).
    measures: np.ndarray


def sketch_of(data: FaceData) -> Sketch:
    """Return the sketch of a data set, first train, then test; few images are held at a time."""
    sums, signs, measures = [], [], []
    for part in (data.train, data.test):
        for rows in batches(part.images):
            grey = small_grey(part.images[rows])
            sums.append(checksums(grey))
            signs.append(low_signs(grey))
            measures.append(measure(grey[..., None]).to_numpy())
            give_pages_back(part.images)
    found = [KAGGLE_NAME.search(file) for file in (*data.train.files, *data.test.files)]
    return Sketch(
        np.concatenate(sums),
        np.concatenate(signs),
        np.array([int(name[1]) if name else 0 for name in found], np.uint32),
        np.repeat([False, True], [len(data.train), len(data.test)]),
        np.concatenate([data.train.labels, data.test.labels]),
        data.train.classes,
        np.concatenate(measures),
    )


def read_sketch(file: Path = SKETCH) -> Sketch:
    """Read what `setup/make_sketch.py` wrote; by default FER-2013's."""
    with np.load(file, allow_pickle=False) as kept:
        arrays = {name: kept[name] for name in kept.files}
    classes = tuple(arrays.pop("classes").tolist())
    numbers = np.cumsum(arrays.pop("steps"), dtype=np.uint32)
    return Sketch(**arrays, classes=classes, numbers=numbers)


def checksums(images: np.ndarray) -> np.ndarray:
    """Return 32 bits of each image's SHA-256, uint32 (n,)."""
    digests = (hashlib.sha256(np.ascontiguousarray(image)).digest()[:4] for image in images)
    return np.frombuffer(b"".join(digests), "<u4")


def low_signs(images: np.ndarray) -> np.ndarray:
    """Return the signs of the 63 lowest frequencies of images (n, side, side) as uint64 (n,)."""
    waves = dctn(images.astype(np.float32), axes=(1, 2), norm="ortho")
    return _packed(waves[:, :FREQUENCIES, :FREQUENCIES] > 0)


def _packed(signs: np.ndarray) -> np.ndarray:
    """Return signs, bool (n, 8, 8), as uint64 (n,), that of the mean left out."""
    bits = signs.reshape(len(signs), FREQUENCIES**2).copy()
    bits[:, 0] = False
    return np.packbits(bits, axis=1).view(np.uint64).ravel()


def signs_of_view(signs: np.ndarray, view: str) -> np.ndarray:
    """Return the `low_signs` that images would have if they were seen in one of `VIEWS`.

    Mirroring changes the sign of every odd frequency, turning by 90 degrees swaps the directions.
    """
    swap, columns, rows, everything = VIEWS[view]
    flat = np.unpackbits(signs[:, None].view(np.uint8), axis=1).astype(bool)
    bits = flat.reshape(-1, FREQUENCIES, FREQUENCIES)
    odd = np.arange(FREQUENCIES) % 2 == 1
    bits = bits.swapaxes(1, 2) if swap else bits
    return _packed(bits ^ (columns & odd) ^ (rows & odd[:, None]) ^ everything)
