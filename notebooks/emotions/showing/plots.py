"""Figures of data, trainings and results; each returns a matplotlib figure with its title."""

import itertools
import textwrap
from collections.abc import Collection, Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.patches import Rectangle
from matplotlib.ticker import LogLocator

from emotions.measuring.runs import short
from emotions.showing.style import (
    ACCENT,
    FROZEN,
    TRAINING,
    VALIDATION,
    colours,
    ink,
    legend_above,
    placed_by_hand,
)

# A mark -> colour and kind of line of its frame: told apart without colours too.
FRAMES = {"=": (TRAINING, "-"), "≠": (ACCENT, "--"), "!": ("#555555", ":")}
TILE = 1.4  # inches, the side of an image among others
PEOPLE = 65  # percent of the labels that they agree with (Goodfellow et al. 2013)


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
    legend_above(axes)
    figure.suptitle(title)
    return figure


def pictures(
    images: Sequence[np.ndarray],
    captions: Sequence[str],
    title: str,
    columns: int = 7,
    marks: Sequence[str] = (),
) -> Figure:
    """Images side by side, all on one pair of axes, so that even many are drawn at once.

    Parameters
    ----------
    images
        Grey levels 0 to 255, (height, width) or (height, width, 1), or RGB, (height, width, 3);
        each is enlarged to the same size.
    columns
        Images per row, if the captions are short.
    marks
        One per image, or none; those of `FRAMES` get a frame.
    """
    columns, across, down = _grid(captions, columns)
    rows = max(1, -(-len(images) // columns))
    width, height = columns * across, rows * down
    figure = placed_by_hand(TILE * width, TILE * height)
    axis = figure.add_axes((0, 0, 1, 1))
    for number, (image, caption) in enumerate(zip(images, captions, strict=True)):
        row, column = divmod(number, columns)
        left, top = (column + 0.5) * across - 0.5, (row + 1) * down - 1
        tile(axis, image, left, top, caption=caption)
        if marks and marks[number] in FRAMES:
            colour, line = FRAMES[marks[number]]
            axis.add_patch(Rectangle((left, top), 1, 1, fill=False, color=colour, ls=line, lw=3))
    if not len(images):
        axis.text(width / 2, height / 2, "none", ha="center", va="center")
    axis.set(xlim=(0, width), ylim=(height, 0))
    axis.set_axis_off()
    figure.suptitle(title, y=1, va="bottom")
    return figure


def _grid(captions: Sequence[str], most: int) -> tuple[int, float, float]:
    """Return how many images go into a row, and their distances, so that no caption meets another.

    The distances are those of one image from the next, across and down, in sides of an image.
    """
    lines = [text.splitlines() for text in captions]
    longest = max((len(line) for text in lines for line in text), default=0)
    across = max(1.08, (0.075 * longest + 0.1) / TILE)  # inches of a letter ten points high
    down = 1.08 + 0.13 * max((len(text) for text in lines), default=0)
    return min(most, max(1, len(captions)), max(1, int(1.14 * most / across))), across, down


def tile(
    axis: Axes,
    image: np.ndarray,
    left: float,
    top: float,
    side: float = 1.0,
    caption: str = "",
    levels: tuple[float | None, float | None] = (0, 255),
) -> AxesImage:
    """Draw an image at a place of given axes, with its caption above it, and return it.

    Parameters
    ----------
    image
        (height, width), or with 1 or 3 channels.
    left, top, side
        In the units of the axes, whose vertical one points down.
    levels
        What is black and what is white; None stands for the image's own lowest and highest value.
    """
    image = image[..., 0] if image.ndim == 3 and image.shape[-1] == 1 else image
    if image.ndim == 3:  # of colours matplotlib takes fractions from 0 to 1, or whole numbers
        image = np.clip(image, 0, 255).astype(np.uint8)
    height, width = np.array(image.shape[:2]) * side / max(image.shape[:2])
    extent = (left, left + width, top + height, top)
    axis.text(left + side / 2, top - 0.03 * side, caption, ha="center", va="bottom", fontsize=10)
    low, high = levels
    return axis.imshow(image, vmin=low, vmax=high, extent=extent, interpolation="nearest")


def distributions(tables: Mapping[str, pd.DataFrame], title: str) -> Figure:
    """Histograms side by side: split -> a row per image, a column per measure with its unit."""
    measures = list(next(iter(tables.values())))
    figure, axes = plt.subplots(1, len(measures), figsize=(4.2 * len(measures), 3.6), squeeze=False)
    for axis, measure in zip(axes.flat, measures, strict=True):
        splits = {split: table[measure].to_numpy() for split, table in tables.items()}
        everything = np.concatenate(list(splits.values()))
        low, high = np.quantile(everything, [0.001, 0.999])
        edges = np.linspace(low, high if high > low else low + 1, 40)
        look = {"density": True, "histtype": "step", "linewidth": 2}
        for colour, (split, numbers) in zip((TRAINING, VALIDATION), splits.items(), strict=False):
            inside = np.clip(numbers, edges[0], edges[-1])
            axis.hist(inside, edges, color=colour, label=split, **look)
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
        axis.plot(history[name], color=TRAINING, label=f"training {name}")
        axis.plot(history[f"val_{name}"], "--", color=VALIDATION, label=f"validation {name}")
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
    words = [f"{share:.0%}" for share in shares.flat]
    if len(counts) <= 10:
        words = [f"{a}\n{b:,}" for a, b in zip(words, counts.to_numpy().flat, strict=True)]
    _cells(axis, picture, counts, words)
    axis.tick_params(axis="x", rotation=45)
    plt.setp(axis.get_xticklabels(), ha="right")
    axis.set(title=title, xlabel="predicted emotion", ylabel="true emotion")
    figure.colorbar(picture, ax=axis, label="share of the true emotion", shrink=0.8)
    return figure


def comparison(
    accuracies: Mapping[str, float],
    title: str,
    chance: float | None = None,
    intervals: Mapping[str, tuple[float, float]] | None = None,
    others: Collection[str] = (),
) -> Figure:
    """Horizontal bars of accuracies, in the order given.

    Parameters
    ----------
    accuracies
        Name -> share of images, 0 to 1.
    chance
        Accuracy of who always says the largest class: a dashed line.
    intervals
        Name -> lowest and highest value, where they are known: a thin line at the bar's end.
    others
        Names of bars that stand back.
    """
    lines = sum(1 + name.count("\n") for name in accuracies)
    figure, axis = plt.subplots(figsize=(9, 0.3 * len(accuracies) + 0.2 * lines + 1.8))
    values = np.array(list(accuracies.values()))
    known = intervals or {}
    ends = np.array([known.get(n, (v, v)) for n, v in accuracies.items()]).T
    error = np.abs(ends - values) if known else None
    fills = [FROZEN if name in others else TRAINING for name in accuracies]
    bars = axis.barh(list(accuracies), values, xerr=error, ecolor="#333333", color=fills)
    axis.bar_label(bars, [f"{value:.1%}" for value in values], padding=3)
    if chance is not None:
        axis.axvline(chance, color=ACCENT, linestyle="--", label="always the largest class")
        legend_above(axis)
    axis.invert_yaxis()
    axis.grid(axis="y", visible=False)
    axis.set(xlabel="accuracy (share of images)", xlim=(0, 1))
    figure.suptitle(title)
    return figure


def heat_maps(table: pd.DataFrame, parameters: Sequence[str], title: str) -> Figure:
    """All combinations of a grid search: one heat map per value of the further parameters.

    A row of the table has the columns `parameters`, `mean` and `spread` (0 to 1). The first
    parameter is the vertical axis, the second the horizontal one, the rest name the maps. After
    halving it has `images` too: how many a combination learnt from in its last round.
    """
    down, across, *further = parameters
    panels = list(table.groupby(further, sort=True)) if further else [((), table)]
    columns = min(4, len(panels))
    rows = -(-len(panels) // columns)
    size = (2.7 * columns + 1, 2.3 * rows + 1)
    figure, axes = plt.subplots(rows, columns, figsize=size, squeeze=False)
    low, high = table["mean"].min(), table["mean"].max()
    for axis in axes.flat[len(panels) :]:
        axis.set_axis_off()
    for axis, (values, part) in zip(axes.flat, panels, strict=False):
        name = "\n".join(f"{key} {value}" for key, value in zip(further, values, strict=True))
        words = [
            f"{mean:.1%}\n± {spread:.1%}" for mean, spread in part[["mean", "spread"]].to_numpy()
        ]
        if "images" in part:
            words = [f"{text}\nof {n:,.0f}" for text, n in zip(words, part["images"], strict=True)]
        cells = part.assign(words=words).pivot(index=down, columns=across)
        picture = axis.imshow(cells["mean"], cmap="viridis", vmin=low, vmax=high, aspect="auto")
        _cells(axis, picture, cells["mean"], cells["words"].to_numpy().ravel())
        axis.set(xlabel=across, ylabel=down)
        axis.set_title(name, fontsize=10)
    figure.colorbar(picture, ax=axes, label="mean accuracy")
    note = "\n(of …: images that a combination learnt from in its last round)"
    figure.suptitle(title + note * ("images" in table))
    return figure


def _cells(axis: Axes, picture: AxesImage, table: pd.DataFrame, words: Sequence[str]) -> None:
    """Name the rows and columns of a heat map; write words into its cells, in an ink that shows."""
    axis.grid(visible=False)
    axis.set_xticks(range(table.shape[1]), table.columns)
    axis.set_yticks(range(table.shape[0]), table.index)
    values = picture.get_array()
    for (row, column), value, text in zip(
        np.ndindex(values.shape), values.flat, words, strict=True
    ):
        colour = ink(picture.to_rgba(value))
        axis.text(column, row, text, ha="center", va="center", fontsize=9, color=colour)


def ladder(rungs: pd.DataFrame, title: str) -> Figure:
    """Bars of validation accuracy: a panel per weights, side by side, each rung in one row.

    Columns of the rungs: change, weights, accuracy_validation (0 to 1), minutes, settings: which
    ones the rung changes, in words, NaN if it is no training of its own.
    """
    names = _rung_names(rungs)
    kinds = list(dict.fromkeys(rungs["weights"]))
    trained = rungs.loc[rungs["settings"].notna(), "change"]
    lines = np.array([max(4, name.count("\n") + 2) for name in names.values()])
    middles = dict(zip(names, lines.cumsum() - lines / 2, strict=True))
    size = (5.2 + 3.4 * len(kinds), 1.3 + 0.18 * lines.sum())
    figure, axes = plt.subplots(1, len(kinds), figsize=size, sharey=True, squeeze=False)
    for axis, kind, colour in zip(axes.flat, kinds, itertools.cycle((TRAINING, FROZEN, ACCENT))):
        part = rungs[rungs["weights"] == kind]
        places = [middles[change] for change in part["change"]]
        values = 100 * part["accuracy_validation"].to_numpy()
        axis.barh(places, values, 2.4, color=colour)
        for place, value, minutes in zip(places, values, part["minutes"], strict=True):
            text = f"{value:.1f} %" + (f"\n{minutes:.0f} min" if minutes == minutes else "")
            axis.text(value + 1, place, text, va="center", fontsize=9)
        for place in {middles[change] for change in trained} - set(places):
            axis.text(1, place, "not climbed", va="center", fontsize=9, color="#555555")
        axis.set_title(f"weights: {short(kind)}", fontsize=12)
        axis.set(xlim=(0, 100), xlabel="validation accuracy (%)")
        axis.grid(axis="y", visible=False)
    axes[0, 0].set_yticks([*middles.values()], [*names.values()], fontsize=9)
    axes[0, 0].set_ylim(lines.sum(), 0)
    figure.suptitle(title)
    return figure


def _rung_names(rungs: pd.DataFrame) -> dict[str, str]:
    """Return for each change what stands beside its rung: the change, below that the settings."""
    pairs = rungs["settings"].fillna("").str.replace(" ", "\xa0")
    pairs = pairs.str.replace(",\xa0", ", ")  # a line breaks between the pairs alone
    settings = dict(zip(rungs["change"], pairs, strict=True))
    return {
        change: "\n".join([*textwrap.wrap(change, 66), *textwrap.wrap(text, 66)])
        for change, text in settings.items()
    }


def against_minutes(curves: pd.DataFrame, title: str) -> Figure:
    """Draw validation accuracy against minutes, one line per run of `runs.learning_curves`.

    Runs of one recipe from the same weights look alike and have one entry in the legend.
    """
    figure, axis = plt.subplots(figsize=(11, 5))
    looks = {
        recipe: {"color": f"C{number}", "marker": "osD^vP"[number % 6]}
        for number, recipe in enumerate(curves["recipe"].unique())
    }
    for (recipe, weights), alike in curves.groupby(["recipe", "weights"], sort=False):
        seeds = alike["random_seed"].nunique()
        label = f"{recipe}, {short(weights)}" + (f", {seeds} random seeds" if seeds > 1 else "")
        look = looks[recipe] | {"linestyle": ":" if weights.startswith("random") else "-"}
        for number, (_, run) in enumerate(alike.groupby("random_seed", sort=False)):
            values = 100 * run["accuracy_validation"]
            name = label if number == 0 else None
            look["markevery"] = max(1, len(run) // 8)  # those of a long run would hide its line
            axis.plot(run["minutes"], values, label=name, markersize=5, **look)
    axis.axhline(PEOPLE, color="#555555", linestyle="--", label=f"people: {PEOPLE} %")
    axis.set(xlabel="minutes since the data were loaded", ylabel="validation accuracy (%)")
    axis.set_xscale("log")
    axis.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axis.xaxis.set_major_formatter("{x:g}")
    axis.xaxis.set_minor_formatter("")
    axis.set_title(title)
    axis.legend(loc="upper left", bbox_to_anchor=(1, 1), fontsize=9)
    return figure
