"""How weights are updated: Keras' optimizers, schedules and losses, as the settings want them."""

import math
from collections.abc import Mapping
from typing import Any

from emotions.network.quiet_keras import keras
from emotions.settings import Settings

OPTIMIZERS = {"SGD": keras.optimizers.SGD, "Adam": keras.optimizers.Adam}
NO_DECAY = ["bias", "gamma", "beta"]  # weight decay is for kernels
OPERATIONS_PER_CALL = 5e9  # a quarter of a second on two cores
STEPS_TO_COMPILE = 5000  # from which on XLA gains back the seconds that it compiles for


def learning_rate(
    settings: Settings, steps_per_epoch: int
) -> float | keras.optimizers.schedules.LearningRateSchedule:
    """Return the learning rate, or how it rises and falls over the steps of a training.

    It rises in a straight line during `settings.warmup` epochs and then stays, or falls to 0 by
    half a cosine (Loshchilov and Hutter 2017, "SGDR", arXiv:1608.03983).
    """
    warmup = round(settings.warmup * steps_per_epoch)
    if settings.schedule == "constant" and not warmup:
        return settings.learning_rate
    falling = max(1, settings.epochs * steps_per_epoch - warmup)
    return keras.optimizers.schedules.CosineDecay(
        0.0 if warmup else settings.learning_rate,
        falling,
        alpha=0.0 if settings.schedule == "cosine" else 1.0,
        warmup_target=settings.learning_rate if warmup else None,
        warmup_steps=warmup,
    )


def optimizer(
    settings: Settings, steps_per_epoch: int, rates: Mapping[str, float]
) -> keras.optimizers.Optimizer:
    """Return Keras' SGD or Adam as the settings want it.

    `rates` has the share of the learning rate that a variable learns with, by its path, if not 1.
    """
    kind = OPTIMIZERS[settings.optimizer]
    options: dict[str, Any] = {"weight_decay": settings.weight_decay or None}
    if settings.optimizer == "SGD":
        options |= {"momentum": settings.momentum, "nesterov": settings.momentum > 0}
    if settings.moving_average:
        options |= {"use_ema": True, "ema_momentum": settings.moving_average}
        kind = _averaging(kind)
    if rates:
        kind = _with_rates(kind, rates)
    updates = kind(learning_rate(settings, steps_per_epoch), **options)
    if settings.weight_decay:
        updates.exclude_from_weight_decay(var_names=NO_DECAY)
    if keras.backend.backend() == "tensorflow":
        # Keras sums the gradients over devices even if there is one, and TensorFlow keeps the graph
        # of each such sum as long as the process lives: 9 MB and an open file per training. Keras
        # has no public word for leaving it out.
        updates._all_reduce_sum_gradients = list
    return updates


def forget(updates: keras.optimizers.Optimizer) -> None:
    """Let an optimizer begin anew: what it keeps of a training is 0, its learning rate stays."""
    for variable in updates.variables:
        if variable is not updates.learning_rate:  # which is a number, or a schedule's value
            variable.assign(keras.ops.zeros(variable.shape, variable.dtype))


def _averaging(kind: type) -> type:
    """Return a kind of optimizer whose average of the weights soon forgets the first ones.

    Keras' average keeps a fixed share at each step: with 0.998 the random weights of the start
    count for two thirds after 200 steps, and what is validated has learnt nothing. As in
    `tf.train.ExponentialMovingAverage` with `num_updates`, the share is at most (1 + n) / (10 + n)
    after n steps: the average spans the last tenth of them, up to what the settings say.
    """

    class Averaging(kind):
        @property
        def ema_momentum(self) -> Any:
            steps = keras.ops.cast(self.iterations, "float32")
            return keras.ops.minimum(self.most, (1 + steps) / (10 + steps))

        @ema_momentum.setter
        def ema_momentum(self, value: float) -> None:
            self.most = value

    Averaging.__name__ = kind.__name__
    return Averaging


def _with_rates(kind: type, rates: Mapping[str, float]) -> type:
    """Return a kind of optimizer in which some variables learn more slowly than others."""

    class Discriminative(kind):
        def build(self, variables: list) -> None:
            # TensorFlow hands `update_step` its own variable, `value`, which has no path
            self.shares = {
                id(one): rates.get(variable.path, 1.0)
                for variable in variables
                for one in (variable.value, variable)
            }
            super().build(variables)

        def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
            super().update_step(gradient, variable, learning_rate * self.shares[id(variable)])

    Discriminative.__name__ = kind.__name__
    return Discriminative


def block_rates(backbone: keras.Model, share: float, read: str) -> dict[str, float]:
    """Return the share of the learning rate of each variable of the backbone, by its path.

    The block of the layer `read`, which feeds the head, learns with `share` of the head's rate, the
    block before it with `share` of that, and so on: the earlier a layer, the more general what it
    knows (Howard and Ruder 2018, arXiv:1801.06146).
    """
    if share == 1:
        return {}
    last = int(read[4])  # conv5_3 and pool5 both lie in block 5
    return {
        weight.path: share ** (last + 1 - int(layer.name[4]))
        for layer in backbone.layers
        if layer.name.startswith("conv") and int(layer.name[4]) <= last
        for weight in layer.weights
    }


def compiling(
    model: keras.Model, settings: Settings, steps_per_epoch: int, rates: Mapping[str, float]
) -> dict[str, Any]:
    """Return what a classifier is compiled with: optimizer, loss, metrics, and how it is run.

    Labels are integers, or rows of probabilities (see `settings.soft`).
    """
    loss: Any = "sparse_categorical_crossentropy"
    if settings.soft:
        loss = keras.losses.CategoricalCrossentropy(label_smoothing=settings.label_smoothing)
    return {
        "optimizer": optimizer(settings, steps_per_epoch, rates),
        "loss": loss,
        "metrics": ["accuracy"],
        **execution(model, settings, steps_per_epoch),
    }


def execution(model: keras.Model, settings: Settings, steps_per_epoch: int) -> dict[str, Any]:
    """Return how many steps TensorFlow takes in one call, and whether XLA compiles them.

    Coming back to Python takes 1 to 4 ms, which is as long as the step of a small head. A call
    stays below about a quarter of a second, so that it can be stopped. XLA compiles for some
    seconds, which a long training of a small head gains back.
    """
    if keras.backend.backend() != "tensorflow":
        return {}
    positions = math.prod(model.input_shape[1:-1])
    operations = 6 * model.count_params() * positions * settings.batch_size
    steps = min(max(1, int(OPERATIONS_PER_CALL / operations)), steps_per_epoch)
    long = steps > 1 and settings.epochs * steps_per_epoch > STEPS_TO_COMPILE
    return {"jit_compile": long, "steps_per_execution": steps}
