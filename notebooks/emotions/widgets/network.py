"""Explorers of what the network sees."""

from typing import Any

import ipywidgets
import numpy as np
from matplotlib.figure import Figure

from emotions import figures
from emotions.backbone import LAYERS, Backbone
from emotions.dataset import ImageSet
from emotions.preprocessing import network_input
from emotions.quiet_keras import keras
from emotions.widgets.explorer import Explorer, dropdown


def feature_map_explorer(backbone: Backbone, images: ImageSet, mean: Any, footer: str) -> Explorer:
    """Choose a face and a layer, see the most active feature maps.

    Parameters
    ----------
    backbone
        With any weights.
    images
        To choose from.
    mean
        Subtracted from B, G, R.
    footer
        Names data and weights.
    """
    size = backbone.model.input_shape[1]
    preparation = network_input(images.images.shape[1:], size, mean)
    outputs = [backbone.model.get_layer(name).output for name in LAYERS]
    every_layer = keras.Model(backbone.model.input, outputs)(preparation.output)
    model = keras.Model(preparation.input, every_layer)

    def draw(layer: str, face: int) -> Figure:
        maps = model.predict_on_batch(images.images[face : face + 1].astype(np.float32))
        chosen = np.asarray(maps[LAYERS.index(layer)][0], dtype=np.float32)
        emotion = images.classes[images.labels[face]]
        side, channels = chosen.shape[1:]
        title = f"{layer} sees a face ({emotion}): 16 of {channels} maps of {side}x{side}"
        figure = figures.feature_maps(chosen, title)
        figure.text(0.995, -0.01, footer, ha="right", va="top", fontsize=9)
        return figure

    return Explorer(
        draw,
        layer=dropdown("layer", LAYERS, "pool3"),
        face=ipywidgets.IntSlider(
            0, 0, len(images) - 1, description="face", continuous_update=False
        ),
    )
