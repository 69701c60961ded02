"""Figures of the network: its blocks, how sure it is, where it looks, what it says of a photo."""

import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.patches import Patch, Rectangle

from emotions.files import replacing
from emotions.measuring.scores import BINS
from emotions.network.quiet_keras import keras
from emotions.showing.plots import pictures
from emotions.showing.style import ACCENT, FROZEN, TRAINING, colours, ink, legend_above


def architecture(backbone: keras.Model, head: keras.Model, layer: str, title: str) -> Figure:
    """Draw the network as a person reads it: blocks of the backbone, then the new head.

    Heights follow the side of the feature maps, widths the number of channels; grey-blue layers
    are frozen, orange ones learn. Nothing is drawn behind the layer that the head reads, such
    as pool3 or conv5_3.
    """
    boxes = _boxes(backbone, head, layer)
    figure, axis = plt.subplots(figsize=(11, 4.6))
    place = 0.0
    for name, side, channels, learns in boxes:
        width, height = 0.35 + channels / 400, 0.5 + side / 12
        colour = ACCENT if learns else FROZEN
        axis.add_patch(Rectangle((place, -height / 2), width, height, color=colour))
        axis.text(place + width / 2, height / 2 + 0.15, name, ha="center", fontsize=10)
        shape = f"{side}x{side}x{channels}" if side > 1 else f"{channels}"
        axis.text(place + width / 2, -height / 2 - 0.35, shape, ha="center", fontsize=9)
        place += width + 0.75
    top = 0.95 + max(patch.get_height() for patch in axis.patches) / 2
    axis.set(xlim=(-0.3, place), ylim=(-top, top))
    axis.set_axis_off()
    figure.suptitle(title)
    kinds = [Patch(color=FROZEN, label="frozen"), Patch(color=ACCENT, label="learns")]
    axis.legend(handles=kinds, loc="lower right", ncols=2)
    return figure


def _boxes(
    backbone: keras.Model, head: keras.Model, layer: str
) -> list[tuple[str, int, int, bool]]:
    """Return name, side, channels and whether it learns, for the input, each block and the head."""
    _, side, _, channels = backbone.input_shape
    boxes = [("image", side, channels, False)]
    names = [x.name for x in backbone.layers]
    kernels = {x.name for x in backbone.layers if isinstance(x, keras.layers.Conv2D)}
    for block in range(1, int(layer[4]) + 1):  # conv5_3 and pool5 both lie in block 5
        ends = min(f"pool{block}", layer, key=names.index)
        shape = backbone.get_layer(ends).output.shape
        read = names[: names.index(ends) + 1]
        convolutions = [n for n in read if n in kernels and n.startswith(f"conv{block}_")]
        learns = any(backbone.get_layer(name).trainable for name in convolutions)
        pooled = " + pool" if ends.startswith("pool") else ""
        name = f"block {block}\n{len(convolutions)} conv{pooled}"
        boxes.append((name, shape[1], shape[-1], learns))
    dense = [x for x in head.layers if isinstance(x, keras.layers.Dense)]
    names = [f"{x.name}\n{x.activation.__name__}" for x in dense]
    return boxes + [(n, 1, x.units, True) for n, x in zip(names, dense, strict=True)]


def keras_plot(model: keras.Model, file: Path) -> Path:
    """Write Keras' own architecture picture, as `keras.utils.plot_model` would.

    The graph is laid out by graphviz-pure, a Graphviz from the package index, because
    `plot_model` needs a system Graphviz that a fresh machine does not have. FileNotFoundError if it
    is not installed.
    """
    graph = keras.utils.model_to_dot(
        model, show_shapes=True, show_dtype=True, show_layer_names=True, show_trainable=True, dpi=96
    )
    beside = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    program = shutil.which("graphviz-pure", path=beside)
    if program is None:
        raise FileNotFoundError(
            "The architecture picture needs graphviz-pure: install the course's environment again."
        )
    with replacing(file) as temporary:
        temporary.write_bytes(graph.create(prog=program, format="png"))
    return file


def heat_on_faces(
    images: Sequence[np.ndarray],
    heats: np.ndarray,
    captions: Sequence[str],
    title: str,
    seen: tuple[float, float] = (0, 1),
) -> Figure:
    """Show faces with the places that speak for the predicted class laid over them in colour.

    Images and captions as in `plots.pictures`; heats of any size, (rows, columns), 0 to 1. They lie
    over what the layer has `seen` of a face, from where to where, in shares of its side.
    """
    figure = pictures(images, captions, title, columns=6)
    axis = figure.axes[0]
    look = {"cmap": "viridis", "alpha": 0.45, "interpolation": "bilinear", "vmin": 0, "vmax": 1}
    for face, heat in zip(list(axis.images), heats, strict=True):
        left, right, bottom, top = face.get_extent()
        first, last = ((1 - share) * np.array([left, top]) + share * np.array([right, bottom])
                       for share in seen)  # fmt: skip
        heated = axis.imshow(heat, extent=(first[0], last[0], last[1], first[1]), **look)
    scale = axis.inset_axes((1.01, 0, 0.015, 0.9))
    scale.tick_params(labelsize=9)
    bar = figure.colorbar(heated, cax=scale)
    bar.set_label("evidence (1: the face's strongest)", size=9)
    return figure


def face_name(face: int | str) -> str:
    """Return what to call a row of `photos.emotions_in`."""
    return face if isinstance(face, str) else f"face {face}"


def photo(pixels: np.ndarray, boxes: np.ndarray, table: pd.DataFrame, title: str) -> Figure:
    """Show a photo with a frame around each face, and bars of its probabilities.

    Pixels and boxes as in `photos.Photo`, the table as `photos.emotions_in` returns it.
    """
    shown = table.head(3)
    width = [1.6] + [1] * max(1, len(shown))
    size = (3.6 * len(width), max(4, 0.25 * table.shape[1] + 1))
    figure, axes = plt.subplots(1, len(width), figsize=size, width_ratios=width)
    axes[0].imshow(pixels)
    axes[0].set_axis_off()
    figure.suptitle(title)
    for name, (left, top, across, down) in zip(table.index, boxes, strict=True):
        frame = Rectangle((left, top), across, down, fill=False, edgecolor=ACCENT, linewidth=2)
        axes[0].add_patch(frame)
        axes[0].text(left, top, str(name), color=ink(ACCENT), backgroundcolor=ACCENT, fontsize=9)
    for axis, (face, values) in zip(axes[1:], shown.iterrows(), strict=False):
        axis.barh(list(values.index), 100 * values.to_numpy(), color=colours(list(values.index)))
        axis.invert_yaxis()
        axis.set(xlim=(0, 100), xlabel="probability (%)", title=face_name(face))
        axis.tick_params(labelleft=axis is axes[1])  # the names once, so that long ones have room
    if len(shown) == 0:
        axes[1].text(0.5, 0.5, "no face found", ha="center")
        axes[1].set_axis_off()
    return figure


def reliability(curves: Mapping[str, pd.DataFrame], title: str) -> Figure:
    """Draw accuracy against confidence, and below it how many images each point stands for.

    One or two tables of `scores.reliability` by name. On the diagonal a classifier is as sure as
    it is right.
    """
    figure, (axis, below) = plt.subplots(
        2, 1, figsize=(7.5, 8), sharex=True, height_ratios=(3, 1.4)
    )
    axis.plot([0, 100], [0, 100], color="#555555", linestyle="--", label="as sure as it is right")
    step = 100 / BINS
    for number, (name, table) in enumerate(curves.items()):
        look = {"color": (ACCENT, TRAINING)[number], "label": name}
        across, up = 100 * table["confidence"], 100 * table["accuracy"]
        axis.plot(across, up, marker="os"[number], linestyle=("--", "-")[number], **look)
        places = (table.index + 0.3 + 0.4 * number) * step  # the index is the number of the bin
        bars = below.bar(places, table["images"], 0.4 * step, **look)
        below.bar_label(bars, fontsize=8, rotation=90, padding=2)
    axis.set(ylabel="accuracy (%)", ylim=(-4, 104))
    legend_above(axis, fontsize=10)
    figure.suptitle(title)
    below.margins(y=0.3)
    below.set(ylabel="images", xlabel="confidence (%)", xlim=(0, 100))
    below.grid(axis="x", visible=False)
    return figure
