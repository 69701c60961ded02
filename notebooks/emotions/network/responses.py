"""What each layer answers to one image, at any input size, computed once."""

from functools import cached_property, lru_cache

import numpy as np
import pandas as pd

from emotions.network.inputs import Mean, network_input
from emotions.network.movement import relative_change
from emotions.network.quiet_keras import keras


class Responses:
    """The maps of every layer of a backbone for single images; those of the last few are kept.

    Convolutions take maps of any size, so one set of weights serves all input sizes. The backbone
    is a plain chain of layers; the images are uint8 (n, height, width, channels).
    """

    def __init__(self, backbone: keras.Model, images: np.ndarray) -> None:
        self.images = images
        self.layers = {layer.name: layer for layer in backbone.layers[1:]}
        self.maps = lru_cache(4)(self._maps)  # a face at 224 pixels has 60 MB of maps
        self.channel_means = lru_cache(256)(self._channel_means)
        self._preparation = lru_cache(16)(network_input)

    def network_input(self, row: int, size: int, mean: Mean) -> np.ndarray:
        """Return what the network gets of an image: float32 (size, size, 3), BGR."""
        preparation = self._preparation(self.images.shape[1:], size, mean)
        image = np.asarray(self.images[row : row + 1], np.float32)
        return np.asarray(keras.ops.convert_to_numpy(preparation(image))[0], np.float32)

    def _maps(self, row: int, size: int, mean: Mean) -> dict[str, np.ndarray]:
        """Return the maps of all layers by name: float32 (height, width, channels)."""
        x = keras.ops.convert_to_tensor(self.network_input(row, size, mean)[np.newaxis])
        found = {}
        for name, layer in self.layers.items():
            x = layer(x)
            # of a normalised convolution what counts is what its ReLU lets through
            found[name.removesuffix("_relu")] = np.asarray(
                keras.ops.convert_to_numpy(x)[0], np.float32
            )
        return found

    def _channel_means(self, row: int, size: int, mean: Mean) -> dict[str, np.ndarray]:
        """Return how strongly each channel of each layer answers, on average over the places."""
        means = self._means.predict_on_batch(self.network_input(row, size, mean)[np.newaxis])
        return {name: np.asarray(values[0], np.float32) for name, values in means.items()}

    @cached_property
    def _means(self) -> keras.Model:
        """The mean over the places of every channel of each layer, for inputs of any size.

        Compiled: at 224 pixels that takes two thirds of the layers' time one by one.
        """
        x = inputs = keras.Input((None, None, 3))
        found = {}
        for name, layer in self.layers.items():
            x = layer(x)
            means = keras.ops.mean(keras.ops.cast(x, "float32"), axis=(1, 2))
            found[name.removesuffix("_relu")] = means
        model = keras.Model(inputs, found)
        for side in (32, 64):  # two sizes, so that the graph is made for all and never again
            model.predict_on_batch(np.zeros((1, side, side, 3), np.float32))
        return model

    def change(
        self, row: int, one: tuple[int, Mean], other: tuple[int, Mean], layers: tuple[str, ...]
    ) -> pd.Series:
        """Return the relative change of each layer's channel means from one preparation to another.

        A preparation is input size and mean.
        """
        before, after = self.channel_means(row, *one), self.channel_means(row, *other)
        return pd.Series({name: relative_change(before[name], after[name]) for name in layers})
