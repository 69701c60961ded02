"""Surgery on the backbone itself: fewer filters, weights on one scale, batch normalisation."""

import numpy as np

from emotions.network.backbone import Backbone, digest, rebuilt
from emotions.network.quiet_keras import keras
from emotions.settings import Settings

WIDTHS = {0.25: "a quarter of the width", 0.5: "half width", 0.75: "three quarters of the width"}


def operate(backbone: Backbone, settings: Settings, faces: np.ndarray) -> Backbone:
    """Slim, rescale and normalise a float32 backbone as the settings want it, in this order.

    The faces are some hundred training faces as network input, float (n, size, size, 3).
    """
    if settings.width < 1:
        backbone = slim(backbone, settings.width)
    if settings.rescale:
        backbone = rescale(backbone, faces)
    if settings.normalisation == "batch":
        backbone = normalise(backbone, faces)
    return backbone


def slim(backbone: Backbone, width: float) -> Backbone:
    """Keep in each convolution the filters with the largest weights; cut the next one to fit.

    At least one filter stays, and so does the backbone itself, which has no normalisation yet.

    Li et al. 2017, "Pruning filters for efficient convnets", arXiv:1608.08710: the sum of the
    absolute weights of a filter tells what it adds.
    """
    kept, inputs = {}, slice(None)
    for layer in backbone.model.layers:
        if not isinstance(layer, keras.layers.Conv2D):
            continue
        kernel, bias = layer.get_weights()
        count = max(1, round(width * kernel.shape[-1]))
        strength = np.abs(kernel).sum(axis=(0, 1, 2))
        strongest = np.sort(np.argsort(-strength, kind="stable")[:count])
        kept[layer.name] = [kernel[:, :, inputs][..., strongest], bias[strongest]]
        inputs = strongest
    filters = {name: len(bias) for name, (_, bias) in kept.items()}
    model = rebuilt(backbone.model, filters=filters)
    for name, weights in kept.items():
        model.get_layer(name).set_weights(weights)
    title = WIDTHS.get(width, f"{100 * width:g} % of the width")
    return Backbone(model, f"{backbone.weights}, {title}", digest(model))


def rescale(backbone: Backbone, faces: np.ndarray) -> Backbone:
    """Scale the convolutions so that each channel has mean 0 and spread 1 before its ReLU.

    That is what batch normalisation would do in its first step, folded into the weights: channels
    that no face ever excites wake up, and one learning rate fits all layers (Salimans and Kingma
    2016, "Weight normalization", section 3, arXiv:1602.07868).

    The model is changed in place.
    """
    x = keras.ops.convert_to_tensor(faces)
    for layer in backbone.model.layers[1:]:
        if layer.name.startswith("conv"):
            kernel, bias = layer.get_weights()
            before = keras.ops.conv(x, kernel, padding="same") + bias
            mean, variance = keras.ops.moments(before, axes=(0, 1, 2))
            # a channel that never changes stays finite
            spread = keras.ops.sqrt(variance) + 1e-3 * keras.ops.std(before)
            x = keras.ops.relu((before - mean) / spread)
            mean, spread = (keras.ops.convert_to_numpy(values) for values in (mean, spread))
            layer.set_weights([kernel / spread, (bias - mean) / spread])
        else:
            x = layer(x)
    return Backbone(backbone.model, backbone.weights, digest(backbone.model))


def normalise(backbone: Backbone, faces: np.ndarray) -> Backbone:
    """Put a batch normalisation between each convolution and its ReLU; the network says the same.

    Layer `conv1_1` becomes `conv1_1` (without bias), `conv1_1_norm` and `conv1_1_relu`. The scale
    and offset of the normalisation start as what undoes it on these faces. Behind `rescale` that
    is 1 and 0, a fresh normalisation.

    The length of a filter no longer changes what the network says, but how fast it learns: the
    longer, the slower (van Laarhoven 2017, arXiv:1706.05350). So each filter gets the length that
    fresh ones have on average (He et al. 2015, arXiv:1502.01852), whatever its input's size.
    """
    model = rebuilt(backbone.model, normalised=True)
    x = keras.ops.convert_to_tensor(faces)
    for layer in backbone.model.layers[1:]:
        if isinstance(layer, keras.layers.Conv2D):
            kernel, bias = layer.get_weights()
            length = np.sqrt(np.square(kernel).sum(axis=(0, 1, 2)))
            scale = np.sqrt(2) / np.where(length > 0, length, np.sqrt(2))
            convolution, norm = (model.get_layer(layer.name + part) for part in ("", "_norm"))
            convolution.set_weights([kernel * scale])
            moments = keras.ops.moments(convolution(x), axes=(0, 1, 2))
            mean, variance = (np.asarray(keras.ops.convert_to_numpy(m), "f4") for m in moments)
            gamma = np.sqrt(variance + norm.epsilon) / scale
            norm.set_weights([gamma, bias + mean / scale, mean, variance])
        x = layer(x)
    return Backbone(model, f"{backbone.weights}, batch normalisation", digest(model))
