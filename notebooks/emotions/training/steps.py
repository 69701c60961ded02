"""Many training steps in one call of the engine.

Keras' `fit` comes back to Python after every step, for 1 to 4 ms. A small head needs less than
that for the step itself. Here one graph, traced once per model, loops over a stack of batches of
any size; meanwhile a thread makes the next stack.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from emotions.network.quiet_keras import (
    keras,  # before tensorflow, whose first lines it keeps quiet
)
from emotions.training.batches import Batches, ahead

import tensorflow as tf  # isort: skip

if TYPE_CHECKING:
    from emotions.training.data_parallel import Group

STACK = 1 << 25  # bytes of the batches that are handed over in one call
QUICK, SLOW = 0.1, 0.4  # seconds of a call: it takes more steps, or fewer, to stay between
NAMES = ("loss", "accuracy")


class Steps:
    """Trains and evaluates a compiled model by whole stacks of batches.

    Parameters
    ----------
    model
        Compiled: optimizer and loss; one input, probabilities out.
    one_hot
        Whether the targets are one-hot rows instead of labels.
    weights
        Of each class in the loss, float (classes,); None: all alike.
    group
        The processes that train together; None: this one alone.
    """

    def __init__(
        self,
        model: keras.Model,
        *,
        one_hot: bool = False,
        weights: Sequence[float] | None = None,
        group: "Group | None" = None,
    ) -> None:
        self.model, self.group = model, group
        self.weights = None if weights is None else tf.constant(weights, tf.float32)
        self._steps = 1
        # Keras sums gradients over devices even if there is one, and TensorFlow keeps the graph of
        # each such sum for as long as the process lives: megabytes per training
        model.optimizer._all_reduce_sum_gradients = list
        model.optimizer.build(model.trainable_variables)
        inputs = tf.TensorSpec((None, None, *model.input_shape[1:]), tf.float32)
        if one_hot:
            targets = tf.TensorSpec((None, None, model.output_shape[-1]), tf.float32)
        else:
            targets = tf.TensorSpec((None, None), tf.int32)
        signature = (inputs, targets)
        self._train = tf.function(self._loop(self._training_step), signature, autograph=False)
        self._test = tf.function(self._loop(self._test_step), signature, autograph=False)

    def train(self, batches: Batches, stopped: Callable[[], bool] = lambda: False) -> dict:
        """Take one step per batch.

        Parameters
        ----------
        batches
            One epoch.
        stopped
            Asked after each call of the engine; ends the epoch early.

        Returns
        -------
        dict
            Mean `loss` and `accuracy` over the epoch, each batch as the model was at its step.
        """
        return self._over(self._train, batches, stopped)

    def test(self, batches: Batches) -> dict:
        """Return `val_loss` and `val_accuracy` over some batches."""
        return {f"val_{name}": x for name, x in self._over(self._test, batches).items()}

    def _over(
        self, function: Callable, batches: Batches, stopped: Callable[[], bool] = lambda: False
    ) -> dict[str, float]:
        parts, rows = [np.zeros((0, 2))], 0
        for inputs, targets in ahead(self._stacks(batches)):
            start = time.monotonic()
            parts.append(function(inputs, targets).numpy())
            rows += targets.shape[0] * targets.shape[1]
            self._adapt(time.monotonic() - start, len(inputs))
            if stopped():
                break
        # added up here, so that the sums do not depend on how the steps were grouped
        totals = np.append(np.concatenate(parts).sum(axis=0, dtype=np.float64), rows)
        if self.group is not None:
            totals = self.group.total(totals)
        *sums, rows = totals.tolist()
        return {name: one / max(1, rows) for name, one in zip(NAMES, sums, strict=True)}

    def _stacks(self, batches: Batches) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Yield stacks of as many batches as a call should take; the smaller last one alone."""
        largest = max(1, STACK // (4 * batches.batch_size * int(np.prod(batches.inputs.shape[1:]))))
        index = 0
        while index < len(batches):
            count = max(1, min(self._steps, largest, batches.full - index))
            inputs, targets = batches.stacked(index, count)
            # the engine's Python labels are 32 bits wide
            yield inputs, targets.astype(np.int32 if targets.ndim == 2 else np.float32)
            index += count

    def _adapt(self, seconds: float, steps: int) -> None:
        """Keep a call short enough to be stopped, long enough to be worth it."""
        if seconds < QUICK and steps >= self._steps:
            self._steps *= 2
        elif seconds > SLOW:
            self._steps = max(1, self._steps // 2)

    def _loop(self, step: Callable) -> Callable:
        """Return a function that takes a step for each batch of a stack: (steps, 2) sums."""

        def over(inputs: tf.Tensor, targets: tf.Tensor) -> tf.Tensor:
            count = tf.shape(inputs)[0]

            def body(i: tf.Tensor, sums: tf.TensorArray) -> tuple:
                return i + 1, sums.write(i, step(inputs[i], targets[i]))

            start = (tf.constant(0), tf.TensorArray(tf.float32, count, element_shape=(2,)))
            ends = tf.while_loop(lambda i, _: i < count, body, start, parallel_iterations=1)
            return ends[1].stack()

        return over

    def _training_step(self, inputs: tf.Tensor, targets: tf.Tensor) -> tf.Tensor:
        with tf.GradientTape() as tape:
            probabilities = self.model(inputs, training=True)
            loss = self._loss(inputs, targets, probabilities, training=True)
        variables = self.model.trainable_variables
        gradients = tape.gradient(loss, variables)
        if self.group is not None:
            gradients = self.group.mean(gradients, tf.cast(tf.shape(inputs)[0], tf.float32))
        self.model.optimizer.apply_gradients(zip(gradients, variables, strict=True))
        return self._sums(loss, targets, probabilities)

    def _test_step(self, inputs: tf.Tensor, targets: tf.Tensor) -> tf.Tensor:
        probabilities = self.model(inputs, training=False)
        loss = self._loss(inputs, targets, probabilities, training=False)
        return self._sums(loss, targets, probabilities)

    def _loss(
        self, inputs: tf.Tensor, targets: tf.Tensor, probabilities: tf.Tensor, training: bool
    ) -> tf.Tensor:
        weights = None
        if training and self.weights is not None:
            weights = tf.gather(self.weights, _labels(targets))
        return self.model.compute_loss(inputs, targets, probabilities, weights, training=training)

    def _sums(self, loss: tf.Tensor, targets: tf.Tensor, probabilities: tf.Tensor) -> tf.Tensor:
        right = tf.equal(tf.argmax(probabilities, -1, tf.int32), _labels(targets))
        rows = tf.cast(tf.shape(targets)[0], tf.float32)
        return tf.stack([tf.cast(loss, tf.float32) * rows, tf.reduce_sum(tf.cast(right, "float"))])


def _labels(targets: tf.Tensor) -> tf.Tensor:
    return targets if targets.shape.rank == 1 else tf.argmax(targets, -1, tf.int32)
