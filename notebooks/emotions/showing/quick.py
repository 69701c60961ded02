"""Figures that a widget draws anew at every move: few axes, so that the answer comes at once."""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from emotions.showing import plots as figures
from emotions.showing.plots import ACCENT, FROZEN, TRAINING

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


def _flat(image: np.ndarray) -> np.ndarray:
    """Return an image of one channel without the axis for it."""
    return image[..., 0] if image.ndim == 3 and image.shape[-1] == 1 else image


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
        axis.imshow(_flat(image), vmin=low, vmax=high, extent=extent, interpolation="nearest")
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


def feature_maps(face: np.ndarray, maps: np.ndarray, channel: int, title: str) -> Figure:
    """Return a face, one channel of a layer's maps for it, and the 16 most active channels.

    Parameters
    ----------
    face
        (height, width) or with channels, grey levels 0 to 255.
    maps
        (rows, columns, channels).
    channel
        The one to show large.
    title
        Of the figure.
    """
    activity = maps.mean(axis=(0, 1))
    order = np.argsort(-activity, kind="stable")
    place = int(np.flatnonzero(order == channel)[0]) + 1
    rows, columns, channels = maps.shape
    # places by hand: to find them costs more time than all the rest
    figure = plt.figure(figsize=(12, 4.4), layout="none")
    left, middle, bar, right = (
        figure.add_axes(place)
        for place in (
            (0.0, 0.05, 0.29, 0.76),
            (0.31, 0.05, 0.29, 0.76),
            (0.605, 0.1, 0.012, 0.66),
            (0.70, 0.02, 0.3, 0.79),
        )
    )
    left.imshow(_flat(face), vmin=0, vmax=255, interpolation="nearest")
    left.set_axis_off()
    left.set_title("the face", fontsize=11)
    shown = middle.imshow(maps[..., channel], interpolation="nearest", vmin=0)
    middle.set_axis_off()
    middle.set_title(f"channel {channel}: number {place} of {channels} by activity", fontsize=11)
    figure.colorbar(shown, cax=bar, label="activation (no unit)")
    most = order[:16]
    captions = [str(number) for number in most]
    tiles(right, [maps[..., number] for number in most], captions, 4, 0.22, None)
    right.set_title("the 16 most active, each on its own scale", fontsize=11)
    figure.suptitle(f"{title}: {channels} maps of {rows}x{columns}")
    return figure


def prepared(seen: np.ndarray, change: pd.Series, title: str, against: str) -> Figure:
    """Return the three channels that a network gets, and how far its answers moved.

    Parameters
    ----------
    seen
        (size, size, 3), BGR, as the network gets it.
    change
        Per layer, 0 for not at all; from `responses.Responses.change`.
    title
        Of the figure.
    against
        What the change is measured from.
    """
    figure = plt.figure(figsize=(12, 3.6), layout="none")  # as in `feature_maps`
    left, bar, right = (
        figure.add_axes(place)
        for place in ((0.0, 0.0, 0.55, 0.8), (0.56, 0.15, 0.01, 0.5), (0.69, 0.17, 0.31, 0.6))
    )
    digits = 2 if np.ptp(seen) < 2 else 0
    captions = [
        f"{name}: {seen[..., k].min():.{digits}f} to {seen[..., k].max():.{digits}f}"
        for k, name in enumerate(("blue", "green", "red"))
    ]
    channels = [seen[..., k] for k in range(3)]
    tiles(left, channels, captions, 3, 0.12, (-130, 165))
    left.set_title("what the network gets, all on one scale", fontsize=11)
    scale = plt.cm.ScalarMappable(plt.Normalize(-130, 165), "gray")
    figure.colorbar(scale, cax=bar, label="after subtraction")
    bars = right.barh(list(change.index), 100 * change, color=ACCENT)
    right.bar_label(bars, fmt="%.0f %%", padding=3, fontsize=10)
    right.invert_yaxis()
    right.set_xlim(0, max(110, 125 * change.max()))
    right.grid(axis="y", visible=False)
    right.set_title(against, fontsize=11)
    right.set(xlabel="change of the channels' mean activation (%)")
    figure.suptitle(title)
    return figure
