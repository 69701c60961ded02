"""The surgery: cut the backbone, sew a new head on, freeze."""

from collections.abc import Sequence

import numpy as np

from emotions.network.backbone import Backbone, activated
from emotions.network.inputs import Mean, network_input
from emotions.network.quiet_keras import keras
from emotions.settings import LEARNING_BLOCKS, Settings


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

    With 0 units there is no hidden layer. One image's features are (channels,) or (height, width,
    channels). The statistics are mean and variance of each channel: the head sees values around
    0, because the size of a VGG's activations would otherwise decide which learning rate works.
    """
    seeds = iter(range(random_seed, random_seed + 3))
    inputs = x = keras.Input(feature_shape, name="features")
    mean, variance = (tuple(values.tolist()) for values in statistics)
    x = keras.layers.Normalization(mean=mean, variance=variance, name="scale")(x)
    if len(feature_shape) > 1:
        x = keras.layers.Flatten(name="flatten")(x)
    if units:
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
        name=f"fc-{classes}" if units != classes else "softmax",  # no two layers have one name
    )(x)
    return keras.Model(inputs, x, name="head")


def apply_layers(
    backbone: keras.Model, x: keras.KerasTensor, after: str | None, last: str
) -> keras.KerasTensor:
    """Return what the backbone's layers behind `after` (None: all) up to `last` make of `x`.

    The layers are the backbone's own, so what trains here trains there.
    """
    names = [layer.name for layer in backbone.layers[1:]]
    first = 0 if after is None else names.index(after) + 1
    for name in names[first : names.index(activated(backbone, last)) + 1]:
        layer = backbone.get_layer(name)
        # Keras notes here, and reads nowhere, what takes a layer's output: every head ever sewn on
        layer._outbound_nodes.clear()
        x = layer(x)
    return x


def freeze(backbone: keras.Model, trainable: str) -> None:
    """Let only the blocks learn that `trainable` names, and those behind them; `head`: none.

    Another name is a KeyError.
    """
    learning = tuple(f"conv{block}" for block in LEARNING_BLOCKS[trainable])
    for layer in backbone.layers:
        layer.trainable = layer.name.startswith(learning)


def classifier(
    image_shape: tuple[int, int, int],
    backbone: Backbone,
    new_head: keras.Model,
    settings: Settings,
    mean: Mean,
    pool: keras.Model,
) -> keras.Model:
    """Join pre-processing, backbone and head to one model, from image to probabilities.

    The layers of the parts are shared, not copied; `pool` leads from the backbone's maps to the
    head's features.
    """
    preparation = network_input(image_shape, settings.image_size, mean, settings.crop)
    maps = apply_layers(backbone.model, preparation.output, None, settings.layer)
    probabilities = new_head(pool(maps))
    return keras.Model(preparation.input, probabilities, name="emotions_classifier")


def count_parameters(layers: Sequence[keras.layers.Layer]) -> tuple[int, int]:
    """Return how many parameters of some layers learn and how many are frozen."""
    learning = sum(int(np.prod(w.shape)) for layer in layers for w in layer.trainable_weights)
    frozen = sum(int(np.prod(w.shape)) for layer in layers for w in layer.non_trainable_weights)
    return learning, frozen
