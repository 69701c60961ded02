"""One style, one colour per emotion, a footer that names data and weights, words for the blind."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from IPython.display import display
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.layout_engine import PlaceHolderLayoutEngine

from emotions.files import replacing

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
    "axes.titley": 1.0,  # said, not searched for: the search costs as much as all other drawing
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.alpha": 0.3,
    "image.cmap": "gray",
    "text.parse_math": False,  # a $ in a name is a dollar
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


def placed_by_hand(width: float, height: float) -> Figure:
    """Return a figure, sizes in inches, that leaves axes where they are put.

    To find their places takes longer than to draw them. Not `layout="none"`: matplotlib 3.11
    forgets it when the figure is saved.
    """
    engine = PlaceHolderLayoutEngine(adjust_compatible=True, colorbar_gridspec=True)
    return plt.figure(figsize=(width, height), layout=engine)


def save(figure: Figure, file: Path, footer: str) -> Figure:
    """Write a figure as PNG, with a footer; the same figure gives the same bytes. Return it."""
    with_footer(figure, footer)
    with replacing(file) as temporary:
        figure.savefig(temporary, bbox_inches="tight", metadata={"Software": None})
    return figure


def with_footer(figure: Figure, footer: str) -> Figure:
    """Write below a figure what it was made from, as `data: FER-2013 · weights: hed`."""
    figure.text(0.995, -0.01, footer, ha="right", va="top", fontsize=9, color="#555555")
    return figure


def show(figure: Figure, *, faces: bool = False) -> None:
    """Show a figure in a notebook, once; `faces` says that it shows single faces."""
    display(figure, metadata=metadata(description(figure), faces))
    plt.close(figure)


def metadata(words: str, faces: bool) -> dict[str, dict[str, str | bool]]:
    """Return what a notebook keeps beside a picture: its alternative text, and if it shows faces.

    What is published (`make site`) shows no other pictures of people than those marked here as
    without faces.
    """
    return {"image/png": {"alt": words, "faces": faces}}


def description(figure: Figure) -> str:
    """Return an alternative text for a figure: its titles, and what its axes show."""
    parts = [figure.get_suptitle()]
    for axes in figure.axes:
        shown = (axes.get_title(), axes.get_ylabel(), axes.get_xlabel())
        title, up, across = (" ".join(text.split()) for text in shown)
        parts += [title, f"{up} against {across}" if up and across else up or across]
    return ". ".join(dict.fromkeys(part for part in parts if part))


def legend_above(axes: Axes, **look: Any) -> None:
    """Put the legend between title and axes, where it covers nothing."""
    names = axes.get_legend_handles_labels()[1]
    axes.legend(loc="lower right", bbox_to_anchor=(1, 1), ncols=len(names), **look)
