"""What all widgets of the course share: controls, a figure that follows them, a static picture."""

import base64
import io
import struct
import textwrap
from collections.abc import Callable, Iterable
from html import escape
from pathlib import Path
from typing import Any

import anywidget
import ipywidgets
import matplotlib.pyplot as plt
from matplotlib.figure import Figure

from emotions.files import DataError
from emotions.showing import style

WIDE = {"width": "24em"}  # no widget: one would be closed when a notebook runs again
LABELLED = {"description_width": "9em"}


def as_png(figure: Figure) -> bytes:
    """Return a figure as the bytes of a PNG and close it."""
    content = io.BytesIO()
    # lightly packed and 100 dots per inch: the page is as near as the kernel, the answer is not
    figure.savefig(
        content, format="png", dpi=100, bbox_inches="tight", pil_kwargs={"compress_level": 1}
    )
    plt.close(figure)
    return content.getvalue()


def sentence(words: str) -> Figure:
    """Return a figure that says something instead of showing it."""
    lines = textwrap.wrap(words, 90)
    figure, axis = plt.subplots(figsize=(9, 0.6 + 0.3 * len(lines)))
    axis.set_title("\n".join(lines), fontsize=12, y=0.2, parse_math=False)
    axis.set_axis_off()
    return figure


class Keys(anywidget.AnyWidget):
    """Nothing to see: in the box that holds it, keys work the controls and not the notebook."""

    _esm = Path(__file__).with_name("keys.js")

    def __init__(self) -> None:
        super().__init__(layout={"display": "none"})


class Shown:
    """A picture that follows its controls, and stays as a picture where no kernel runs.

    `faces` says whether it may show single faces of the data.
    """

    def __init__(self, *, faces: bool = True) -> None:
        self.words, self.static, self.faces = "", "", faces
        self.picture = ipywidgets.HTML()  # ipywidgets' own Image takes no alternative text
        self.widget = ipywidgets.VBox([self.picture, Keys()])

    def place(self, *controls: ipywidgets.Widget) -> None:
        """Put controls above what is there."""
        self.widget.children = (*controls, *self.widget.children)

    def show(self, figure: Figure) -> None:
        """Put a figure, and in words what it shows, in the place of the one before."""
        self.words = " ".join(style.description(figure).split())
        png = as_png(figure)
        self.static = base64.b64encode(png).decode()
        width, height = struct.unpack(">II", png[16:24])  # of the PNG: no jump of the page
        self.picture.value = (
            f'<img class="shown" alt="{escape(self.words)}" width="{width}" height="{height}" '
            f'style="max-width: 100%; height: auto" src="data:image/png;base64,{self.static}">'
        )

    def _repr_mimebundle_(self, **keywords: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        live = self.widget._repr_mimebundle_(**keywords)
        return {**live, "image/png": self.static}, style.metadata(self.words, self.faces)


class Explorer(Shown):
    """Controls above a figure that is drawn anew whenever one of them moves.

    `draw` gets the controls' values by name, and may set limits to them; a `DataError` is shown as
    its sentence.
    """

    def __init__(
        self, draw: Callable[..., Figure], *, faces: bool = True, **controls: ipywidgets.Widget
    ) -> None:
        super().__init__(faces=faces)
        self.draw, self.controls, self._drawn, self._moving = draw, controls, None, False
        rows = ipywidgets.Layout(flex_flow="row wrap")
        self.place(ipywidgets.HBox(list(controls.values()), layout=rows))
        for control in controls.values():
            control.observe(self.update, "value")
        self.update()

    def update(self, change: Any = None) -> None:
        """Draw the figure with the controls as they are now, if that is not what it shows."""
        if self._moving or self.values() == self._drawn:  # one moved another, which has drawn
            return
        self._moving = True
        try:
            self.show(self.draw(**self.values()))
        except DataError as error:
            self.show(sentence(str(error)))
        finally:
            self._moving, self._drawn = False, self.values()

    def values(self) -> dict[str, Any]:
        """Return the controls' values by name."""
        return {name: control.value for name, control in self.controls.items()}

    def move(self, **values: Any) -> None:
        """Set several controls, draw once."""
        self._moving = True
        for name, value in values.items():
            self.controls[name].value = value
        self._moving = False
        self.update()


def saying(words: str) -> Explorer:
    """Return an explorer of nothing yet, which says what to do first."""
    return Explorer(lambda: sentence(words), faces=False)


def dropdown(name: str, options: Iterable, value: Any = None) -> ipywidgets.Dropdown:
    """Return a labelled list to choose from; the first option is chosen if none is named."""
    options = list(options)
    return ipywidgets.Dropdown(
        options=options,
        value=options[0] if value is None else value,
        description=name,
        style=LABELLED,
        layout=WIDE,
    )


def slider(name: str, low: int, high: int) -> ipywidgets.IntSlider:
    """Return a labelled slider of whole numbers that answers when it is let go."""
    return ipywidgets.IntSlider(
        low, low, max(low, high), description=name, style=LABELLED, layout=WIDE,
        continuous_update=False,
    )  # fmt: skip
