"""Data-parallel training: several processes, each with a share of every batch.

All processes have the same model. In each step every one computes the gradients of its share,
TensorFlow's collective all-reduce adds them up, and all take the same step. The environment
variable TF_CONFIG, TensorFlow's own, says who they are:

    {"cluster": {"worker": ["10.0.0.1:2222", "10.0.0.2:2222"]},
     "task": {"type": "worker", "index": 0}}

What they say to each other is not encrypted, so use it in a network that you trust.
"""

import json
import os
from collections.abc import Sequence

import numpy as np

from emotions.network.quiet_keras import (
    keras,  # before tensorflow, whose first lines it keeps quiet
)

import tensorflow as tf  # isort: skip

DIGITS = 1 << 48  # of a key that processes compare


class DataParallelError(RuntimeError):
    """The processes cannot train together; the message says why and what to do."""


class Group:
    """A process among those that train together, as TF_CONFIG says; it waits for the others.

    Make it before TensorFlow does anything else.

    Attributes
    ----------
    rank, size
        Number of this process, from 0, and how many there are.

    Raises
    ------
    DataParallelError
        If TF_CONFIG is not as above, or Keras does not run on TensorFlow.
    """

    def __init__(self) -> None:
        self.rank, self.size = _place()
        if keras.backend.backend() != "tensorflow":
            raise DataParallelError(
                "Only TensorFlow trains in several processes here; leave KERAS_BACKEND out."
            )
        self._strategy = tf.distribute.MultiWorkerMirroredStrategy()
        self._sum_eagerly = tf.function(self._sum, autograph=False)

    def mean(self, gradients: Sequence[tf.Tensor], rows: tf.Tensor) -> list[tf.Tensor]:
        """Return the gradients of the mean loss over the rows of all processes.

        Parameters
        ----------
        gradients
            Of the mean loss over this process' rows.
        rows
            How many they are, float32.
        """
        *sums, total = self._sum([*(gradient * rows for gradient in gradients), rows])
        return [one / total for one in sums]

    def total(self, values: np.ndarray) -> np.ndarray:
        """Return the sum of an array over all processes, float64."""
        return self._sum_eagerly([tf.constant(values, tf.float64)])[0].numpy()

    def check_same(self, key: str) -> None:
        """Compare what the processes are about to do.

        Parameters
        ----------
        key
            Hexadecimal digits that name it.

        Raises
        ------
        DataParallelError
            If it is not the same everywhere.
        """
        mine = int(key, 16) % DIGITS  # whole numbers of that size stay exact in float64
        numbers = np.zeros(self.size)
        numbers[self.rank] = mine
        if (self.total(numbers) != mine).any():
            raise DataParallelError(
                "The processes were about to train different things; start all of them with the "
                "same command, the same parameters and one data folder that all can read."
            )

    def _sum(self, values: Sequence[tf.Tensor]) -> list[tf.Tensor]:
        def reduced() -> list[tf.Tensor]:
            context = tf.distribute.get_replica_context()
            placed = [tf.identity(value) for value in values]  # on this replica's device
            return context.all_reduce(tf.distribute.ReduceOp.SUM, placed)

        return self._strategy.run(reduced)


def _place() -> tuple[int, int]:
    """Return the number of this process and how many there are, as TF_CONFIG says."""
    try:
        config = json.loads(os.environ["TF_CONFIG"])
        workers, rank = config["cluster"]["worker"], config["task"]["index"]
        if config["task"]["type"] == "worker" and workers[rank] and rank >= 0:
            return rank, len(workers)
    except (KeyError, IndexError, TypeError, ValueError):
        pass
    raise DataParallelError(
        "The environment variable TF_CONFIG must name all workers and this one, as in "
        '{"cluster": {"worker": ["10.0.0.1:2222", "10.0.0.2:2222"]}, '
        '"task": {"type": "worker", "index": 0}}; mend it, or leave it out to train alone.'
    )
