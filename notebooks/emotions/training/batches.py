"""Batches of a training: read from memory or from disk, changed at random, made ahead."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from emotions.files import give_pages_back, read_rows
from emotions.network.quiet_keras import keras
from emotions.training.augmentation import Augmentation, mixup

MODERATE = 2**26  # bytes of float32 inputs, of which TensorFlow may hold a copy


@dataclass(frozen=True)
class Changes:
    """How a training batch is changed at random."""

    images: Augmentation | None = None  # changes images, if the inputs are images
    mirrored: np.ndarray | None = None  # the inputs made of mirrored images, for half of the rows
    mixup: float = 0.0  # alpha of mixup; 0 does not blend

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


class Batches(keras.utils.PyDataset):
    """Batches of some rows of inputs and labels, in memory or memory-mapped, for Keras' `fit`.

    On TensorFlow they are made in a thread beside the training step, or gathered, see `source`.

    Parameters
    ----------
    inputs, labels
        (n, ...) of any number type, and int (n,) or float (n, classes); batches are float32.
    random_seed
        Shuffles by seed and epoch (from 0) alone, so that a resumed training sees the same
        batches. None keeps the order, and changes nothing.
    together
        Give the batches of so many epochs as if they were one: Keras takes longer to begin an
        epoch than a small head to train one.
    """

    def __init__(
        self,
        inputs: np.ndarray,
        labels: np.ndarray,
        rows: np.ndarray,
        batch_size: int,
        random_seed: int | None = None,
        *,
        epoch: int = 0,
        together: int = 1,
        change: Changes | None = None,
    ) -> None:
        super().__init__()
        self.inputs, self.labels, self.rows = inputs, labels, rows
        self.batch_size, self.random_seed, self.together = batch_size, random_seed, together
        self.change, self.gathered = change or Changes(), None
        self.begin(epoch)

    def begin(self, epoch: int, logs: dict | None = None) -> None:
        """Put the rows into the order of an epoch, and of those that are given with it."""
        self.epoch, several = epoch, range(epoch, epoch + self.together)
        self.orders = np.stack([self._order_in(each) for each in several])
        if self.gathered is not None:
            self.gathered.assign(self.orders)

    def _order_in(self, epoch: int) -> np.ndarray:
        if self.random_seed is None:
            return self.rows
        return np.random.default_rng([self.random_seed, epoch]).permutation(self.rows)

    def source(self) -> Any:
        """Return what gives `fit` the same batches in less time: a `tf.data.Dataset`, or these.

        Python needs longer for a batch than a small head for a step. So TensorFlow gathers the
        batches where all that it takes for them are inputs of a moderate size.
        """
        large = 4 * self.inputs.size > MODERATE
        if large or self.change.any or keras.backend.backend() != "tensorflow":
            return self
        import tensorflow as tf

        inputs = tf.constant(np.asarray(self.inputs, np.float32))  # float16 makes it complain
        labels = tf.constant(self._targets(slice(None)))
        give_pages_back(self.inputs)
        self.gathered = tf.Variable(self.orders)  # read at the beginning of each epoch
        size, count = self.batch_size, self._in_an_epoch()

        def batch(number: Any) -> tuple[Any, Any]:
            start = number % count * size
            rows = tf.sort(self.gathered[number // count, start : start + size])
            return tf.gather(inputs, rows), tf.gather(labels, rows)

        return tf.data.Dataset.range(len(self)).map(batch).prefetch(tf.data.AUTOTUNE)

    def release(self, logs: dict | None = None) -> None:
        """Let go of the inputs and their open file: TensorFlow keeps the batches of every `fit`."""
        self.inputs, self.change = np.empty(0), Changes()

    def callback(self) -> keras.callbacks.Callback:
        """Return what tells these batches which epoch begins, and when the training ends."""
        return keras.callbacks.LambdaCallback(on_epoch_begin=self.begin, on_train_end=self.release)

    def __len__(self) -> int:
        return self.together * self._in_an_epoch()

    def _in_an_epoch(self) -> int:
        return -(-len(self.rows) // self.batch_size)

    def __getitem__(self, number: int) -> tuple[np.ndarray, np.ndarray]:
        epoch, number = divmod(number, self._in_an_epoch())
        start = number * self.batch_size
        rows = np.sort(self.orders[epoch, start : start + self.batch_size])  # neighbours together
        targets = self._targets(rows)
        if self.random_seed is None or not self.change.any:
            return read_rows(self.inputs, rows).astype(np.float32), targets
        random = np.random.default_rng([self.random_seed, self.epoch + epoch, number])
        return self.change(self.inputs, rows, targets, random)

    def _targets(self, rows: np.ndarray | slice) -> np.ndarray:
        return self.labels[rows].astype(np.int32 if self.labels.ndim == 1 else np.float32)
