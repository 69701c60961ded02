"""A progress bar with the time left that looks right in JupyterLab, in a terminal and in HTML."""

import io
import sys
from html import escape
from typing import Any

from IPython import get_ipython
from IPython.display import HTML, display
from tqdm.std import tqdm


class Progress(tqdm):
    """tqdm that repaints one line of text in a notebook, and is plain tqdm elsewhere.

    tqdm's own notebook bar is a widget, of which an exported page keeps nothing but "0%".
    """

    def __init__(self, *args: Any, **keywords: Any) -> None:
        notebook = getattr(get_ipython(), "kernel", None) is not None
        self._line = display(HTML(""), display_id=True) if notebook else None
        keywords.setdefault("file", io.StringIO() if notebook else sys.stderr)
        keywords.setdefault("mininterval", 0.3)
        keywords.setdefault("ascii", False)
        keywords.setdefault("ncols", 90 if notebook else None)
        super().__init__(*args, **keywords)

    def display(self, msg: str | None = None, pos: int | None = None) -> None:
        """Show the bar as it is now."""
        if self._line is None:
            super().display(msg, pos)
        elif msg != "":
            self._line.update(HTML(f"<pre>{escape(msg or str(self))}</pre>"))
