"""Figures that a widget draws anew at every move: few axes, so that the answer comes at once."""

from collections.abc import Mapping

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from emotions.showing.plots import curves, tile
from emotions.showing.style import ACCENT, FROZEN, placed_by_hand


def training(
    history: pd.DataFrame, movement: pd.DataFrame, title: str, best_epoch: int | None = None
) -> Figure:
    """Return the curves of a training above the bars of what has moved (`Movement.table`)."""
    figure = plt.figure(figsize=(11, 7))
    axes = figure.subplot_mosaic([["loss", "accuracy"], ["moves", "moves"]], height_ratios=[3, 2])
    curves(axes["loss"], axes["accuracy"], history, best_epoch)
    moves(axes["moves"], movement)
    figure.suptitle(title)
    return figure


def moves(axis: Axes, movement: pd.DataFrame) -> None:
    """Draw on given axes how far each layer has moved, in percent of its weights."""
    shares = 100 * movement["change"]
    learns = movement["learns"].to_numpy()
    bars = axis.bar(list(movement.index), shares, color=np.where(learns, ACCENT, FROZEN))
    words = [f"{x:.0f}" if x >= 10 or x == 0 else f"{x:.2g}" for x in shares]
    axis.bar_label(bars, words, fontsize=9)
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
    """Return one curve of a measure per run against the epoch; the first is drawn thickest."""
    figure, axis = plt.subplots(figsize=(11, 4.4 + 0.25 * len(chosen)))
    lines = ("-", "--", ":", "-.")
    for number, (name, values) in enumerate(chosen.items()):
        axis.plot(
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

    The face is as in `plots.pictures`, the maps are (rows, columns, channels), from 0 on.
    """
    activity = maps.mean(axis=(0, 1))
    order = np.argsort(-activity, kind="stable")
    rank = int(np.flatnonzero(order == channel)[0]) + 1
    rows, columns, channels = maps.shape
    shown = maps[..., channel]
    figure = placed_by_hand(12, 4)
    axis = figure.add_axes((0, 0, 1, 1))
    tile(axis, face, 0, 0, caption="the face")
    caption = f"channel {channel}: black is 0, white {shown.max():.3g}"
    tile(axis, shown, 1.1, 0, caption=caption, levels=(0, None))
    words = "the 16 most active: black is 0, white each one's highest"
    axis.text(2.67, -0.08, words, ha="center", va="bottom", fontsize=10)
    for number, each in enumerate(order[:16]):
        row, column = divmod(number, 4)
        left, top = 2.2 + 0.25 * column, 0.26 * row
        tile(axis, maps[..., each], left, top, 0.2, str(each), (0, None))
    axis.set(xlim=(0, 3.2), ylim=(1, -0.1))
    axis.set_axis_off()
    said = f"{title}: {channels} maps of {rows}x{columns}\n"
    said += f"channel {channel}: number {rank} of {channels} by activity"
    figure.suptitle(said, y=1.02, va="bottom")
    return figure


def prepared(seen: np.ndarray, change: pd.Series, title: str, against: str) -> Figure:
    """Return the three channels that a network gets, and how far its answers moved.

    What it has seen is (size, size, 3), BGR; the change is from `Responses.change`, and `against`
    says from what.
    """
    figure = placed_by_hand(12, 3.6)
    left = figure.add_axes((0.0, 0.0, 0.6, 0.75))
    right = figure.add_axes((0.69, 0.17, 0.31, 0.6))
    digits = 2 if np.ptp(seen) < 2 else 0
    for number, name in enumerate(("blue", "green", "red")):
        values = seen[..., number]
        caption = f"{name}: {values.min():.{digits}f} to {values.max():.{digits}f}"
        tile(left, values, 1.08 * number, 0, caption=caption, levels=(-130, 165))
    left.set(xlim=(0, 3.16), ylim=(1, 0))
    left.set_axis_off()
    left.set_title("what the network gets: black is -130, white 165", fontsize=11, pad=24)
    bars = right.barh(list(change.index), 100 * change, color=ACCENT)
    right.bar_label(bars, fmt="%.0f %%", padding=3, fontsize=10)
    right.invert_yaxis()
    right.set(xlim=(0, max(110, 125 * change.max())), xticks=[])  # the bars say it
    right.set_xlabel("change of the channels' mean activation (%)")
    right.set_title(against, fontsize=11)
    right.grid(axis="y", visible=False)
    figure.suptitle(title)
    return figure
