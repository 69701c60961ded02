"""All figures: one style, one colour per emotion, a footer that names data and weights."""

import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from IPython.display import display
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import Patch, Rectangle

from emotions.files import replacing
from emotions.network.quiet_keras import keras

# Okabe and Ito's colours, told apart with every kind of colour blindness (jfly.uni-koeln.de/color).
EMOTION_COLOURS = {
    "angry": "#D55E00",
    "disgust": "#009E73",
    "fear": "#CC79A7",
    "happy": "#E69F00",
    "neutral": "#595959",  # grey; lighter ones look like disgust to who sees no green
    "sad": "#0072B2",
    "surprise": "#56B4E9",
}
TRAINING, VALIDATION, ACCENT, FROZEN = "#0072B2", "#E69F00", "#D55E00", "#9DB8CC"
STYLE = {
    "figure.dpi": 100,
    "savefig.dpi": 120,
    "figure.facecolor": "white",  # legible on JupyterLab's dark theme too
    "figure.constrained_layout.use": True,
    "font.size": 12,
    "axes.titlesize": 14,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.alpha": 0.3,
    "image.cmap": "gray",
}


def use_style() -> None:
    """Switch matplotlib to the course's style, whatever style of your own it had, dark or light."""
    plt.style.use(["default", STYLE])


def colours(classes: Sequence[str]) -> list:
    """Return a colour per class: fixed for FER-2013's emotions, matplotlib's own for others."""
    spare = iter(plt.get_cmap("tab20").colors * (1 + len(classes) // 20))
    return [EMOTION_COLOURS.get(name) or next(spare) for name in classes]


def ink(colour: str | tuple) -> str:
    """Return black or white, whichever stands out more on a colour (WCAG 2.2, contrast ratio)."""
    encoded = np.array(to_rgb(colour))
    light = np.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4)
    return "black" if light @ (0.2126, 0.7152, 0.0722) > 0.179 else "white"


def _side_by_side(captions: Sequence[str], most: int, inches: float) -> tuple[int, float]:
    """Return how many pictures go into a row, and their width, so that no caption meets the next.

    Parameters
    ----------
    captions
        One above each picture.
    most
        Pictures in a row if the captions are short.
    inches
        Width of a picture if the captions are short.
    """
    longest = max((len(line) for text in captions for line in text.splitlines()), default=0)
    width = max(inches, 0.075 * longest + 0.1)  # of a letter ten points high
    return min(most, max(1, len(captions)), max(1, int(most * inches / width))), width


def save(figure: Figure, file: Path, footer: str) -> Figure:
    """Write a figure as PNG, with a footer that says what it was made from, and return it.

    Parameters
    ----------
    figure
        Any figure of this module.
    file
        Written whole or not at all; the same figure gives the same bytes.
    footer
        For instance `data: FER-2013 · weights: hed`.
    """
    figure.text(0.995, -0.01, footer, ha="right", va="top", fontsize=9, color="#555555")
    with replacing(file) as temporary:
        figure.savefig(temporary, bbox_inches="tight", metadata={"Software": None})
    return figure


def show(figure: Figure) -> None:
    """Show a figure in a notebook, once, with words for those who do not see it."""
    display(figure, metadata=alternative(figure))
    plt.close(figure)


def alternative(figure: Figure) -> dict[str, dict[str, str]]:
    """Return the metadata with which a notebook keeps a figure's alternative text."""
    return {"image/png": {"alt": description(figure)}}


def description(figure: Figure) -> str:
    """Return an alternative text for a figure: its titles, and what its axes show."""
    parts = [figure.get_suptitle()]
    for axes in figure.axes:
        shown = (axes.get_title(), axes.get_ylabel(), axes.get_xlabel())
        title, up, across = (" ".join(text.split()) for text in shown)
        parts += [title, f"{up} against {across}" if up and across else up or across]
    return ". ".join(dict.fromkeys(part for part in parts if part))


def _legend_above(axes: Axes) -> None:
    """Put the legend between title and axes, where it covers nothing."""
    names = axes.get_legend_handles_labels()[1]
    axes.legend(loc="lower right", bbox_to_anchor=(1, 1), ncols=len(names))


def class_counts(counts: pd.DataFrame, title: str) -> Figure:
    """Bars of the number of images per class; `counts` has a row per class, a column per split."""
    figure, axes = plt.subplots(figsize=(9, 0.45 * len(counts) + 2))
    height = 0.8 / counts.shape[1]
    for number, split in enumerate(counts.columns):
        places = np.arange(len(counts)) + number * height
        bars = axes.barh(
            places,
            counts[split],
            height,
            color=colours(counts.index),
            alpha=1 - 0.5 * number,
            label=split,
            edgecolor="white",
            hatch=("", "///")[number % 2],
        )
        axes.bar_label(bars, fmt="{:,.0f}", padding=3, fontsize=10)
    axes.set_yticks(np.arange(len(counts)) + 0.4 - height / 2, counts.index)
    axes.invert_yaxis()
    axes.margins(x=0.12)
    axes.grid(axis="y", visible=False)
    axes.set(xlabel="images", ylabel="emotion")
    _legend_above(axes)
    figure.suptitle(title)
    return figure


def pictures(
    images: Sequence[np.ndarray],
    captions: Sequence[str],
    title: str,
    columns: int = 7,
    grey_levels: tuple[float, float] | None = (0, 255),
) -> Figure:
    """Images side by side with captions.

    Parameters
    ----------
    images
        Each (height, width), (height, width, 1) or (height, width, 3).
    captions
        One below each image.
    title
        Above all.
    columns
        Images per row, if the captions are short.
    grey_levels
        What is black and white; None stretches each image to its own range.
    """
    columns, width = _side_by_side(captions, columns, 1.6)
    rows = max(1, -(-len(images) // columns))
    size = (width * columns, 1.95 * rows + 0.5)
    figure, axes = plt.subplots(rows, columns, figsize=size, squeeze=False)
    low, high = grey_levels or (None, None)
    for place, axis in enumerate(axes.flat):
        axis.set_axis_off()
        if place < len(images):
            image = np.squeeze(images[place])
            axis.imshow(image, vmin=low, vmax=high, interpolation="nearest")
            axis.set_title(captions[place], fontsize=10)
    if not len(images):
        axes[0, 0].text(0.5, 0.5, "none", ha="center", va="center")
    figure.suptitle(title)
    return figure


def distributions(values: Mapping[str, Mapping[str, np.ndarray]], title: str) -> Figure:
    """Histograms side by side: measure (with its unit) -> split -> one number per image."""
    figure, axes = plt.subplots(1, len(values), figsize=(4.2 * len(values), 3.6), squeeze=False)
    for axis, (measure, splits) in zip(axes.flat, values.items(), strict=True):
        everything = np.concatenate(list(splits.values()))
        low, high = np.quantile(everything, [0.001, 0.999])
        edges = np.linspace(low, high if high > low else low + 1, 40)
        for colour, (split, numbers) in zip((TRAINING, VALIDATION), splits.items(), strict=False):
            axis.hist(
                np.clip(numbers, edges[0], edges[-1]),
                edges,
                density=True,
                histtype="step",
                linewidth=2,
                color=colour,
                label=split,
            )
        axis.set(xlabel=measure, ylabel="share of images per unit")
        axis.legend()
    figure.suptitle(title)
    return figure


def performance(history: pd.DataFrame, title: str, best_epoch: int | None = None) -> Figure:
    """Loss and accuracy of training and validation against the epoch, side by side."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4.2))
    curves(left, right, history, best_epoch)
    figure.suptitle(title)
    return figure


def curves(left: Axes, right: Axes, history: pd.DataFrame, best_epoch: int | None = None) -> None:
    """Draw the loss on the left axes and the accuracy on the right ones."""
    for axis, name in ((left, "loss"), (right, "accuracy")):
        axis.plot(history.index, history[name], color=TRAINING, label=f"training {name}")
        axis.plot(
            history.index,
            history[f"val_{name}"],
            color=VALIDATION,
            linestyle="--",
            label=f"validation {name}",
        )
        if best_epoch:
            axis.axvline(best_epoch, color=ACCENT, linewidth=1, label=f"kept: epoch {best_epoch}")
        axis.set_xlabel("epoch")
        axis.legend(fontsize=10)
    left.set_ylabel("cross-entropy loss (nats)")
    right.set_ylabel("accuracy (share of images)")


def confusion(counts: pd.DataFrame, title: str) -> Figure:
    """Confusion matrix: shares of each true class, with counts where there is room."""
    shares = counts.to_numpy() / np.maximum(counts.to_numpy().sum(axis=1, keepdims=True), 1)
    size = max(5.5, (0.75 if len(counts) <= 10 else 0.5) * len(counts) + 2)
    figure, axis = plt.subplots(figsize=(size + 1.2, size))
    picture = axis.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    axis.grid(visible=False)
    axis.set_xticks(range(len(counts)), counts.columns, rotation=45, ha="right")
    axis.set_yticks(range(len(counts)), counts.index)
    for row, column in np.ndindex(shares.shape):
        share = shares[row, column]
        axis.text(
            column,
            row,
            f"{share:.0%}\n{counts.iat[row, column]:,}" if len(counts) <= 10 else f"{share:.0%}",
            ha="center",
            va="center",
            fontsize=9,
            color=ink(picture.to_rgba(share)),
        )
    axis.set(title=title, xlabel="predicted emotion", ylabel="true emotion")
    figure.colorbar(picture, ax=axis, label="share of the true emotion", shrink=0.8)
    return figure


def comparison(accuracies: Mapping[str, float], title: str, chance: float | None = None) -> Figure:
    """Horizontal bars of accuracies, in the order given."""
    figure, axis = plt.subplots(figsize=(9, 0.5 * len(accuracies) + 1.8))
    bars = axis.barh(list(accuracies), list(accuracies.values()), color=TRAINING)
    axis.bar_label(bars, fmt="{:.1%}", padding=3)
    if chance is not None:
        axis.axvline(chance, color=ACCENT, linestyle="--", label="always the largest class")
        _legend_above(axis)
    axis.invert_yaxis()
    axis.grid(axis="y", visible=False)
    axis.set(xlabel="accuracy (share of images)", xlim=(0, 1))
    figure.suptitle(title)
    return figure


def heat_maps(table: pd.DataFrame, parameters: Sequence[str], title: str) -> Figure:
    """All combinations of a grid search: one heat map per value of the further parameters.

    Parameters
    ----------
    table
        One row per combination with the columns `parameters`, `mean` and `spread` (0 to 1).
    parameters
        The first is the vertical axis, the second the horizontal one, the rest name the maps.
    title
        Above all.
    """
    down, across, *further = parameters
    panels = list(table.groupby(further, sort=True)) if further else [((), table)]
    columns = min(4, len(panels))
    rows = -(-len(panels) // columns)
    figure, axes = plt.subplots(
        rows, columns, figsize=(2.7 * columns + 1, 2.3 * rows + 1), squeeze=False
    )
    low, high = table["mean"].min(), table["mean"].max()
    for axis in axes.flat[len(panels) :]:
        axis.set_axis_off()
    for axis, (values, part) in zip(axes.flat, panels, strict=False):
        name = "\n".join(f"{key} {value}" for key, value in zip(further, values, strict=True))
        picture = _heat_map(axis, part, down, across, low, high)
        axis.set_title(name, fontsize=10)
    figure.colorbar(picture, ax=axes, label="accuracy, mean over the folds")
    figure.suptitle(title)
    return figure


def _heat_map(
    axis: Axes, part: pd.DataFrame, down: str, across: str, low: float, high: float
) -> object:
    means = part.pivot(index=down, columns=across, values="mean")
    spreads = part.pivot(index=down, columns=across, values="spread")
    picture = axis.imshow(means, cmap="viridis", vmin=low, vmax=high, aspect="auto")
    axis.grid(visible=False)
    axis.set_xticks(range(means.shape[1]), means.columns)
    axis.set_yticks(range(means.shape[0]), means.index)
    axis.set(xlabel=across, ylabel=down)
    for row, column in np.ndindex(means.shape):
        mean, spread = means.iat[row, column], spreads.iat[row, column]
        axis.text(
            column,
            row,
            f"{mean:.1%}\n± {spread:.1%}",
            ha="center",
            va="center",
            fontsize=9,
            color=ink(picture.to_rgba(mean)),
        )
    return picture


def architecture(backbone: keras.Model, head: keras.Model, layer: str, title: str) -> Figure:
    """Draw the network as a person reads it: blocks of the backbone, then the new head.

    Heights follow the side of the feature maps, widths the number of channels; grey-blue layers
    are frozen, orange ones learn.
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
    axis.set(xlim=(-0.3, place), ylim=(-3.2, 3.2))
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
    for block in range(1, int(layer[-1]) + 1):
        output = backbone.get_layer(f"pool{block}").output
        named = [x for x in backbone.layers if x.name.startswith(f"conv{block}_")]
        convolutions = [x for x in named if isinstance(x, keras.layers.Conv2D)]
        learns = any(x.trainable for x in convolutions)
        name = f"block {block}\n{len(convolutions)} conv + pool"
        boxes.append((name, output.shape[1], output.shape[-1], learns))
    dense = [x for x in head.layers if isinstance(x, keras.layers.Dense)]
    names = [f"{x.name}\n{x.activation.__name__}" for x in dense]
    return boxes + [(n, 1, x.units, True) for n, x in zip(names, dense, strict=True)]


def keras_plot(model: keras.Model, file: Path) -> Path:
    """Write Keras' own architecture picture, as `keras.utils.plot_model` would.

    The graph is laid out by graphviz-pure, a Graphviz from the package index, because
    `plot_model` needs a system Graphviz that a fresh machine does not have.

    Raises
    ------
    FileNotFoundError
        If the package graphviz-pure is not installed.
    """
    graph = keras.utils.model_to_dot(
        model, show_shapes=True, show_dtype=True, show_layer_names=True, show_trainable=True, dpi=96
    )
    with replacing(file) as temporary:
        temporary.write_bytes(graph.create(prog=_graphviz(), format="png"))
    return file


def _graphviz() -> str:
    name = "graphviz-pure.exe" if os.name == "nt" else "graphviz-pure"
    beside = Path(sys.executable).parent / name
    program = str(beside) if beside.is_file() else shutil.which("graphviz-pure")
    if program is None:
        raise FileNotFoundError(
            "The architecture picture needs graphviz-pure: install the course's environment again."
        )
    return program


def feature_maps(maps: np.ndarray, title: str, how_many: int = 16) -> Figure:
    """The most active channels of one image's feature maps.

    Parameters
    ----------
    maps
        (height, width, channels).
    title
        Above all.
    how_many
        Channels, those with the highest mean first.
    """
    order = np.argsort(-maps.mean(axis=(0, 1)), kind="stable")[:how_many]
    return pictures(
        [maps[..., channel] for channel in order],
        [f"channel {channel}" for channel in order],
        title,
        columns=8,
        grey_levels=None,
    )


def ladder(rungs: pd.DataFrame, title: str) -> Figure:
    """Bars of validation accuracy, one group per rung, one colour per weights.

    Parameters
    ----------
    rungs
        Columns rung, change, weights, accuracy_validation (0 to 1), minutes.
    title
        Of the figure.
    """
    changes = list(dict.fromkeys(rungs["change"]))
    kinds = list(dict.fromkeys(rungs["weights"]))
    figure, axis = plt.subplots(figsize=(11, 1.5 + 0.7 * len(changes)))
    height = 0.8 / len(kinds)
    for number, (kind, colour) in enumerate(zip(kinds, (TRAINING, FROZEN, ACCENT), strict=False)):
        part = rungs[rungs["weights"] == kind]
        places = [changes.index(change) + number * height for change in part["change"]]
        values = 100 * part["accuracy_validation"].to_numpy()
        axis.barh(
            places, values, height * 0.9, color=colour, label=f"weights: {kind.split(' (')[0]}"
        )
        for place, value, minutes in zip(places, values, part["minutes"], strict=True):
            text = f"{value:.1f} %" + (f", {minutes:.0f} min" if minutes == minutes else "")
            axis.text(value + 0.5, place, text, va="center", fontsize=9)
    axis.set_yticks(np.arange(len(changes)) + 0.4 - height / 2, changes)
    axis.invert_yaxis()
    axis.set_xlim(0, 100)
    axis.set_xlabel("validation accuracy (%)")
    _legend_above(axis)
    figure.suptitle(title)
    return figure


def against_minutes(curves: pd.DataFrame, title: str, human: float = 65.0) -> Figure:
    """Draw validation accuracy against minutes of training, one line per run.

    Parameters
    ----------
    curves
        From `results.learning_curves`.
    title
        Of the figure.
    human
        Share of the labels that people agree with, in percent.
    """
    figure, axis = plt.subplots(figsize=(8, 5))
    looks = {
        recipe: {"color": f"C{number}", "marker": "osD^vP"[number % 6]}
        for number, recipe in enumerate(curves["recipe"].unique())
    }
    for (recipe, _, seed), run in curves.groupby(["recipe", "weights", "random_seed"], sort=False):
        label = f"{recipe}, seed {seed}"
        values = 100 * run["accuracy_validation"]
        axis.plot(run["minutes"], values, label=label, **looks[recipe])
    axis.axhline(human, color="#555555", linestyle="--", label=f"people: {human:.0f} %")
    axis.set_xlabel("minutes since the data were loaded")
    axis.set_ylabel("validation accuracy (%)")
    axis.set_title(title)
    axis.legend(loc="lower right", fontsize=9)
    return figure


def reliability(curves: Mapping[str, pd.DataFrame], title: str) -> Figure:
    """Draw accuracy against confidence; on the diagonal a classifier is as sure as it is right.

    Parameters
    ----------
    curves
        Name -> table of `measuring.reliability`.
    title
        Of the figure.
    """
    figure, axis = plt.subplots(figsize=(6.5, 6))
    axis.plot([0, 100], [0, 100], color="#555555", linestyle="--", label="as sure as it is right")
    for (name, table), colour in zip(curves.items(), (ACCENT, TRAINING), strict=False):
        size = 200 * table["images"] / table["images"].max()
        across, up = 100 * table["confidence"], 100 * table["accuracy"]
        axis.plot(across, up, color=colour, label=name)
        axis.scatter(across, up, s=size, color=colour)
    axis.set_xlabel("confidence (%)")
    axis.set_ylabel("accuracy (%)")
    axis.set_title(title)
    axis.legend()
    return figure


def heat_on_faces(
    images: Sequence[np.ndarray], heats: np.ndarray, captions: Sequence[str], title: str
) -> Figure:
    """Show faces with the places that speak for the predicted class laid over them in colour."""
    columns, width = _side_by_side(captions, 6, 1.9)
    rows = -(-len(images) // columns)
    figure, axes = plt.subplots(rows, columns, figsize=(width * columns, 2.3 * rows + 0.5))
    axes = np.atleast_1d(axes).ravel()
    for axis in axes:
        axis.set_axis_off()
    for axis, image, heat, caption in zip(axes, images, heats, captions, strict=False):
        side = image.shape[0]
        axis.imshow(image.squeeze(), cmap="gray", vmin=0, vmax=255)
        axis.imshow(heat, cmap="viridis", alpha=0.45, extent=(-0.5, side - 0.5, side - 0.5, -0.5),
                    interpolation="bilinear", vmin=0, vmax=1)  # fmt: skip
        axis.set_title(caption, fontsize=9)
    figure.suptitle(title)
    return figure


def photo(pixels: np.ndarray, boxes: np.ndarray, table: pd.DataFrame, title: str) -> Figure:
    """Show a photo with a numbered frame around each face, and bars of its probabilities.

    Parameters
    ----------
    pixels, boxes
        As in `photos.Photo`.
    table
        A row per face, a column per emotion, probabilities.
    title
        Of the figure.
    """
    shown = table.head(3)
    width = [1.6] + [1] * max(1, len(shown))
    size = (3.6 * len(width), max(4, 0.25 * table.shape[1] + 1))
    figure, axes = plt.subplots(1, len(width), figsize=size, width_ratios=width)
    axes[0].imshow(pixels)
    axes[0].set_axis_off()
    figure.suptitle(title)
    for number, (left, top, across, down) in enumerate(boxes, start=1):
        frame = Rectangle((left, top), across, down, fill=False, edgecolor=ACCENT, linewidth=2)
        axes[0].add_patch(frame)
        axes[0].text(left, top, str(number), color=ink(ACCENT), backgroundcolor=ACCENT, fontsize=9)
    for axis, (face, values) in zip(axes[1:], shown.iterrows(), strict=False):
        axis.barh(list(values.index), 100 * values.to_numpy(), color=colours(list(values.index)))
        axis.invert_yaxis()
        axis.set_xlim(0, 100)
        axis.set_xlabel("probability (%)")
        axis.set_title(f"face {face}")
        axis.tick_params(labelleft=axis is axes[1])  # the names once, so that long ones have room
    if len(shown) == 0:
        axes[1].text(0.5, 0.5, "no face found", ha="center")
        axes[1].set_axis_off()
    return figure
