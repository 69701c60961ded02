"""Figures that a widget draws anew at every move: few axes, so that the answer comes at once."""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from emotions import figures
from emotions.figures import ACCENT, FROZEN, TRAINING

# A mark -> colour and kind of line of its frame: told apart without colours too.
FRAMES = {"=": (TRAINING, "-"), "≠": (ACCENT, "--"), "!": ("#555555", ":")}


def mosaic(
    images: Sequence[np.ndarray],
    captions: Sequence[str],
    title: str,
    marks: Sequence[str] = (),
    columns: int = 8,
) -> Figure:
    """Return images side by side on one pair of axes, each with its caption.

    Parameters
    ----------
    images
        Grey levels 0 to 255, each (height, width), (height, width, 1) or (height, width, 3).
    captions
        One above each image, of one or two lines.
    title
        Above all.
    marks
        Those of `FRAMES` get a frame; empty for none.
    columns
        Images per row.
    """
    columns = min(columns, max(1, len(images)))
    rows = max(1, -(-len(images) // columns))
    two_lines = any("\n" in caption for caption in captions)
    figure, axis = plt.subplots(figsize=(1.5 * columns, (1.95 if two_lines else 1.75) * rows + 0.7))
    tiles(axis, images, captions, columns, 0.34 if two_lines else 0.18, (0, 255))
    for number, mark in enumerate(marks):
        if mark in FRAMES:
            colour, line = FRAMES[mark]
            left, top = _corner(number, columns, 0.34 if two_lines else 0.18)
            frame = Rectangle((left, top), 1, 1, fill=False, color=colour, ls=line, lw=3)
            axis.add_patch(frame)
    axis.set_title(title, fontsize=12)
    return figure


def _corner(number: int, columns: int, gap: float) -> tuple[float, float]:
    """Return where tile `number` begins: from the left, from above; a tile's side is 1."""
    row, column = divmod(number, columns)
    return column * 1.08, row * (1 + gap)


def tiles(
    axis: Axes,
    images: Sequence[np.ndarray],
    captions: Sequence[str],
    columns: int,
    gap: float,
    levels: tuple[float, float] | None,
) -> None:
    """Draw images as tiles of side 1 on given axes.

    Parameters
    ----------
    gap
        Room above each row for the captions.
    levels
        What is black and white; None stretches each image to its own range.
    """
    low, high = levels or (None, None)
    for number, (image, caption) in enumerate(zip(images, captions, strict=True)):
        left, top = _corner(number, columns, gap)
        extent = (left, left + 1, top + 1, top)
        axis.imshow(np.squeeze(image), vmin=low, vmax=high, extent=extent, interpolation="nearest")
        axis.text(left + 0.5, top - 0.03, caption, ha="center", va="bottom", fontsize=9)
    rows = max(1, -(-len(images) // columns))
    axis.set(xlim=(-0.05, columns * 1.08), ylim=(rows * (1 + gap) - gap + 0.05, -gap))
    axis.set_axis_off()


def training(
    history: pd.DataFrame, movement: pd.DataFrame, title: str, best_epoch: int | None = None
) -> Figure:
    """Return the curves of a training above the bars of what has moved.

    Parameters
    ----------
    history
        One row per epoch.
    movement
        From `movement.Movement.table`.
    title
        Of the figure.
    best_epoch
        Marked in the curves, if known.
    """
    figure = plt.figure(figsize=(11, 7))
    axes = figure.subplot_mosaic([["loss", "accuracy"], ["moves", "moves"]], height_ratios=[3, 2])
    figures.curves(axes["loss"], axes["accuracy"], history, best_epoch)
    moves(axes["moves"], movement)
    figure.suptitle(title)
    return figure


def moves(axis: Axes, movement: pd.DataFrame) -> None:
    """Draw on given axes how far each layer has moved, in percent of its weights."""
    shares = 100 * movement["change"]
    learns = movement["learns"].to_numpy()
    bars = axis.bar(list(movement.index), shares, color=np.where(learns, ACCENT, FROZEN))
    axis.bar_label(bars, [f"{x:.2g}" if x else "0" for x in shares], fontsize=9)
    axis.tick_params(axis="x", labelrotation=45, labelsize=10)
    axis.margins(y=0.15)
    axis.set_ylim(bottom=0)
    axis.grid(axis="x", visible=False)
    axis.set(ylabel="change of the\nweights (%)")
    moved = ", ".join(movement.index[shares > 0]) if (shares > 0).sum() < 6 else "most layers"
    axis.set_title(
        f"What has moved: {moved or 'nothing yet'} (orange: learns, blue: frozen)", fontsize=12
    )


def runs(chosen: Mapping[str, pd.Series], title: str, measure: str) -> Figure:
    """Return one curve per run against the epoch; the first is drawn thickest.

    Parameters
    ----------
    chosen
        Name of the run -> value per epoch.
    measure
        Its name, for the vertical axis.
    """
    figure, axis = plt.subplots(figsize=(11, 4.4 + 0.25 * len(chosen)))
    lines = ("-", "--", ":", "-.")
    for number, (name, values) in enumerate(chosen.items()):
        axis.plot(
            values.index,
            values,
            color=f"C{number % 10}",
            linestyle=lines[number % 4],
            linewidth=3 if number == 0 else 1.8,
            marker="o" if len(values) == 1 else None,
            label=f"{name}: best {values.max() if 'acc' in measure else values.min():.3g}",
        )
    unit = "share of images" if "accuracy" in measure else "nats"
    axis.set(title=title, xlabel="epoch", ylabel=f"{measure} ({unit})")
    axis.legend(loc="upper left", bbox_to_anchor=(0, -0.16), fontsize=9, frameon=False)
    return figure
