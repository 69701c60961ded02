"""Figures that a widget draws anew at every move: few axes, so that the answer comes at once."""

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from emotions.figures import ACCENT, TRAINING

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
