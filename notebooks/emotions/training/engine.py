"""What depends on the engine below Keras: TensorFlow's quick way, and a plain one for others."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from emotions.network.quiet_keras import keras
from emotions.training.batches import Batches

if TYPE_CHECKING:
    from emotions.training.data_parallel import Group


def is_tensorflow() -> bool:
    """Tell whether TensorFlow is the engine (the environment variable KERAS_BACKEND chooses)."""
    return keras.backend.backend() == "tensorflow"


def adam() -> type[keras.optimizers.Optimizer]:
    """Return the class of Adam to train with."""
    if is_tensorflow():
        from emotions.training.one_pass_adam import Adam

        return Adam
    return keras.optimizers.Adam


def steps_of(
    model: keras.Model,
    *,
    one_hot: bool = False,
    weights: Sequence[float] | None = None,
    group: "Group | None" = None,
) -> "SingleSteps":
    """Return what trains and evaluates a compiled model, `steps.Steps` or `SingleSteps`.

    Parameters
    ----------
    model
        Compiled with the metric accuracy; one input, probabilities out.
    one_hot
        Whether the targets are one-hot rows instead of labels.
    weights
        Of each class in the loss, float (classes,); None: all alike.
    group
        The processes that train together, on TensorFlow; None: this one alone.
    """
    if is_tensorflow():
        from emotions.training.steps import Steps

        return Steps(model, one_hot=one_hot, weights=weights, group=group)
    return SingleSteps(model, weights)


class SingleSteps:
    """Trains and evaluates by Keras' own steps, one batch at a time, on any engine."""

    def __init__(self, model: keras.Model, weights: Sequence[float] | None = None) -> None:
        self.model = model
        self.weights = None if weights is None else dict(enumerate(weights))
        model.optimizer.build(model.trainable_variables)

    def train(self, batches: Batches, stopped: Callable[[], bool] = lambda: False) -> dict:
        """Take one step per batch; return the mean loss and accuracy (see `steps.Steps.train`)."""
        self.model.reset_metrics()
        means = {"loss": 0.0, "accuracy": 0.0}
        for number in range(len(batches)):
            means = self.model.train_on_batch(
                *_batch(batches, number), class_weight=self.weights, return_dict=True
            )
            if stopped():
                break
        return {name: float(means[name]) for name in ("loss", "accuracy")}

    def test(self, batches: Batches) -> dict:
        """Return `val_loss` and `val_accuracy` over some batches."""
        self.model.reset_metrics()
        for number in range(len(batches)):
            means = self.model.test_on_batch(*_batch(batches, number), return_dict=True)
        return {f"val_{name}": float(means[name]) for name in ("loss", "accuracy")}


def _batch(batches: Batches, number: int) -> tuple[np.ndarray, np.ndarray]:
    inputs, targets = batches.stacked(number, 1)
    return inputs[0], targets[0]
