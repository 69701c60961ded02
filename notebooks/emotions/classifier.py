"""The surgery: cut the backbone, sew a new head on, freeze, compile."""

from collections.abc import Sequence

import numpy as np

from emotions.backbone import Backbone
from emotions.preprocessing import network_input
from emotions.quiet_keras import keras
from emotions.settings import Settings

# What learns -> the layer whose cached maps it starts from; None starts from the images.
STARTS = {"head": None, "block5": "pool4", "block4": "pool3", "everything": None}


def head(
    feature_shape: tuple[int, ...],
    classes: int,
    *,
    units: int,
    dropout: float,
    statistics: tuple[np.ndarray, np.ndarray],
    random_seed: int,
) -> keras.Model:
    """Return the new head: scale, fc-256, fc-7 with softmax (for 256 units and 7 classes).

    Parameters
    ----------
    feature_shape
        Shape of one image's features: (channels,) or (height, width, channels).
    classes
        Number of emotions.
    units, dropout
        Of the hidden layer.
    statistics
        Mean and variance of each channel: the head sees values around 0, because the size of a
        VGG's activations would otherwise decide which learning rate works.
    random_seed
        Starts the weights and the dropout.

    Returns
    -------
    keras.Model
        Features -> float32 (n, classes), probabilities.
    """
    seeds = iter(range(random_seed, random_seed + 3))
    inputs = x = keras.Input(feature_shape, name="features")
    mean, variance = (tuple(values.tolist()) for values in statistics)
    x = keras.layers.Normalization(mean=mean, variance=variance, name="scale")(x)
    if len(feature_shape) > 1:
        x = keras.layers.Flatten(name="flatten")(x)
    x = keras.layers.Dense(
        units,
        activation="relu",
        kernel_initializer=keras.initializers.GlorotUniform(next(seeds)),
        name=f"fc-{units}",
    )(x)
    if dropout:
        x = keras.layers.Dropout(dropout, seed=next(seeds), name="dropout")(x)
    x = keras.layers.Dense(
        classes,
        activation="softmax",
        kernel_initializer=keras.initializers.GlorotUniform(next(seeds)),
        name=f"fc-{classes}",
    )(x)
    return keras.Model(inputs, x, name="head")


def optimizer(name: str, learning_rate: float) -> keras.optimizers.Optimizer:
    """Return Keras' optimizer called SGD or Adam, otherwise with its defaults.

    Raises
    ------
    KeyError
        If it has another name.
    """
    return {"SGD": keras.optimizers.SGD, "Adam": keras.optimizers.Adam}[name](learning_rate)


def compile_classifier(
    model: keras.Model, optimizer_name: str, learning_rate: float, steps_per_execution: int = 1
) -> keras.Model:
    """Compile a classifier for integer labels and return it.

    XLA is off: compiling takes longer than a small head trains.
    """
    model.compile(
        optimizer=optimizer(optimizer_name, learning_rate),
        loss="sparse_categorical_crossentropy",
        metrics=["accuracy"],
        steps_per_execution=steps_per_execution,
        jit_compile=False,
    )
    return model


def apply_layers(
    backbone: keras.Model, x: keras.KerasTensor, after: str | None, until: str
) -> keras.KerasTensor:
    """Apply the backbone's layers behind `after` (None: from the start) up to `until` to `x`.

    The layers are the backbone's own, so what trains here trains there.
    """
    names = [layer.name for layer in backbone.layers[1:]]
    first = 0 if after is None else names.index(after) + 1
    for name in names[first : names.index(until) + 1]:
        x = backbone.get_layer(name)(x)
    return x


def freeze(backbone: keras.Model, trainable: str) -> None:
    """Let only the blocks learn that `trainable` names: head (none), block5, block4 or everything.

    Raises
    ------
    KeyError
        If it names something else.
    """
    learning = {"head": (), "block5": ("5",), "block4": ("4", "5"), "everything": tuple("12345")}
    for layer in backbone.layers:
        layer.trainable = layer.name.startswith(tuple(f"conv{k}" for k in learning[trainable]))


def classifier(
    image_shape: tuple[int, int, int],
    backbone: Backbone,
    new_head: keras.Model,
    settings: Settings,
    mean: tuple[float, float, float] | None,
    pool: keras.Model | None,
) -> keras.Model:
    """Join pre-processing, backbone and head to one model, from image to probabilities.

    Parameters
    ----------
    image_shape
        Height, width, channels of the images, grey levels 0 to 255.
    backbone, new_head
        The trained parts; their layers are shared, not copied.
    settings
        For layer and input size.
    mean
        Subtracted from B, G, R.
    pool
        Model from the layer's maps to the head's features; None if they are the same.
    """
    preparation = network_input(image_shape, settings.image_size, mean)
    maps = apply_layers(backbone.model, preparation.output, None, settings.layer)
    probabilities = new_head(maps if pool is None else pool(maps))
    return keras.Model(preparation.input, probabilities, name="emotions_classifier")


def count_parameters(layers: Sequence[keras.layers.Layer]) -> tuple[int, int]:
    """Return how many parameters of some layers learn and how many are frozen."""
    learning = sum(int(np.prod(w.shape)) for layer in layers for w in layer.trainable_weights)
    frozen = sum(int(np.prod(w.shape)) for layer in layers for w in layer.non_trainable_weights)
    return learning, frozen
