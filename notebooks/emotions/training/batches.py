"""Batches of a training: read from memory or from disk, changed at random, made ahead."""

import math
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np

from emotions.files import read_rows
from emotions.training.augmentation import Augmentation, mixup

Item = TypeVar("Item")

LARGE = 1 << 30  # bytes of the inputs from which on they are shuffled for reading from a disk
BLOCK, WINDOW = 1 << 20, 1 << 28  # bytes that are then read together, and mixed with each other
_END = object()


@dataclass(frozen=True)
class Changes:
    """How a training batch is changed at random.

    Attributes
    ----------
    images
        Changes images, if the inputs are images.
    mirrored
        The same inputs made of the mirrored images; half of the rows are taken from here.
    mixup
        Alpha of mixup; 0 does not blend.
    """

    images: Augmentation | None = None
    mirrored: np.ndarray | None = None
    mixup: float = 0.0

    @property
    def any(self) -> bool:
        """Whether anything is changed at all."""
        return self.images is not None or self.mirrored is not None or self.mixup > 0

    def __call__(
        self, inputs: np.ndarray, rows: np.ndarray, targets: np.ndarray, random: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return the changed inputs of some rows, float32, and their targets."""
        batch = read_rows(inputs, rows)
        if self.images is not None:
            batch = self.images(batch, random)
        if self.mirrored is not None:
            swapped = random.random(len(rows)) < 0.5
            batch[swapped] = read_rows(self.mirrored, rows[swapped])
        batch = batch.astype(np.float32)
        return mixup(batch, targets, self.mixup, random) if self.mixup else (batch, targets)


class Batches:
    """One epoch's batches of inputs and labels, read from memory or from a memory map.

    Parameters
    ----------
    inputs
        (n, ...), any number type; batches are float32.
    labels
        int (n,).
    rows
        Row numbers to use.
    batch_size
        Rows per batch; the last one may be smaller.
    random_seed
        Shuffles by seed and epoch alone, so that a resumed training sees the same batches. None
        keeps the order.
    epoch
        Number of the epoch, from 0.
    change
        How the batches are changed at random; needs a random seed.
    classes
        Makes the labels one-hot rows of this length.
    share
        Of every batch that is given out: number of the share, from 0, and how many there are. A
        last batch with fewer rows than shares is left out.
    """

    def __init__(
        self,
        inputs: np.ndarray,
        labels: np.ndarray,
        rows: np.ndarray,
        batch_size: int,
        random_seed: int | None = None,
        epoch: int = 0,
        *,
        change: Changes | None = None,
        classes: int | None = None,
        share: tuple[int, int] = (0, 1),
    ) -> None:
        self.inputs, self.labels, self.batch_size = inputs, labels, batch_size
        self.share = share
        self.random_seed, self.epoch = random_seed, epoch
        self.change = change or Changes()
        self.one_hot = None if classes is None else np.eye(classes, dtype=np.float32)
        self.row_bytes = max(1, inputs.nbytes // max(1, len(inputs)))
        if random_seed is None:
            self.rows = rows
        else:
            random = np.random.default_rng([random_seed, epoch])
            self.rows = shuffled(rows, self.row_bytes, random)
        if 0 < len(self.rows) % batch_size < share[1]:
            self.rows = self.rows[: self.full * batch_size]

    def __len__(self) -> int:
        return -(-len(self.rows) // self.batch_size)

    @property
    def full(self) -> int:
        """How many batches have the full size."""
        return len(self.rows) // self.batch_size

    def stacked(self, start: int, count: int) -> tuple[np.ndarray, np.ndarray]:
        """Return `count` batches of one size from number `start` on, as arrays (count, rows, …)."""
        rows = self.rows[start * self.batch_size : (start + count) * self.batch_size]
        number, shares = self.share
        rows = np.sort(rows.reshape(count, -1), axis=1)  # neighbours are read together
        rows = rows[:, number::shares]
        targets = self.labels[rows] if self.one_hot is None else self.one_hot[self.labels[rows]]
        if self.random_seed is None or not self.change.any:
            inputs = read_rows(self.inputs, rows).astype(np.float32)
        else:
            batches = [self._changed(start + i, rows[i], targets[i]) for i in range(count)]
            inputs, targets = (np.stack(parts) for parts in zip(*batches, strict=True))
        return inputs, targets

    def _changed(
        self, number: int, rows: np.ndarray, targets: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        seeds = [self.random_seed, self.epoch, number]
        random = np.random.default_rng(seeds if self.share[1] == 1 else [*seeds, self.share[0]])
        return self.change(self.inputs, rows, targets, random)


def shuffled(rows: np.ndarray, row_bytes: int, random: np.random.Generator) -> np.ndarray:
    """Return the rows in a random order; that of a large set can be read from a disk.

    A disk reads neighbours fast and single rows slowly. So the blocks of a large set are shuffled,
    then the rows within a window of many blocks.

    Parameters
    ----------
    rows
        Row numbers, int (n,).
    row_bytes
        Size of one row in the file.
    random
        Decides the order.
    """
    if len(rows) * row_bytes <= LARGE:
        return random.permutation(rows)
    blocks = np.array_split(np.sort(rows), -(-len(rows) * row_bytes // BLOCK))
    order = random.permutation(len(blocks))
    windows = np.array_split(order, -(-len(rows) * row_bytes // WINDOW))
    mixed = [random.permutation(np.concatenate([blocks[k] for k in window])) for window in windows]
    return np.concatenate(mixed)


class SideBySide:
    """Features of several layers as one vector per image, joined where they are asked for.

    Attributes
    ----------
    arrays
        One per layer, (n, ...); in memory or memory-mapped.
    shape, dtype, nbytes
        Of the whole, (n, numbers of all layers), as if it were one array.
    """

    def __init__(self, arrays: Sequence[np.ndarray]) -> None:
        self.arrays = tuple(arrays)
        numbers = sum(math.prod(array.shape[1:]) for array in self.arrays)
        self.shape = (len(self.arrays[0]), numbers)
        self.dtype = np.result_type(*self.arrays)
        self.nbytes = sum(array.nbytes for array in self.arrays)

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, rows: Any) -> np.ndarray:
        parts = [(array, read_rows(array, rows)) for array in self.arrays]
        flat = [part.reshape(*part.shape[: part.ndim - x.ndim + 1], -1) for x, part in parts]
        return np.concatenate(flat, axis=-1)


def ahead(items: Iterable[Item], depth: int = 2) -> Iterator[Item]:
    """Yield items in their order; a thread of its own makes the next ones in the meantime.

    Parameters
    ----------
    items
        What to yield; making them may read and decode.
    depth
        How many are made ahead.
    """
    source = iter(items)
    with ThreadPoolExecutor(1) as pool:
        waiting = deque(pool.submit(next, source, _END) for _ in range(depth))
        while (item := waiting.popleft().result()) is not _END:
            waiting.append(pool.submit(next, source, _END))
            yield item
