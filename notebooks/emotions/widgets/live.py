"""A training while it goes on."""

import time

import matplotlib.pyplot as plt
import pandas as pd
from IPython.display import HTML, display

from emotions import figures


class LiveCurve:
    """Loss and accuracy while a model trains.

    Parameters
    ----------
    epochs
        How many are planned.
    title
        Of the figure.
    """

    def __init__(self, epochs: int, title: str) -> None:
        self.epochs, self.title = epochs, title
        self._drawn = 0.0
        self._text = display(HTML("<pre>Starting ...</pre>"), display_id=True)
        self._picture = display(HTML(""), display_id=True)

    def update(self, history: pd.DataFrame) -> None:
        """Show the history so far; the figure every two seconds, and at the end."""
        epoch, last = len(history), history.iloc[-1]
        self._text.update(
            HTML(
                f"<pre>Epoch {epoch} of {self.epochs}: accuracy {last['accuracy']:.1%} in "
                f"training, {last['val_accuracy']:.1%} in validation</pre>"
            )
        )
        if time.monotonic() - self._drawn > 2 or epoch == self.epochs:
            figure = figures.performance(history, self.title)
            self._picture.update(figure, metadata=figures.alternative(figure))
            plt.close(figure)
            self._drawn = time.monotonic()

    def finish(self, history: pd.DataFrame) -> None:
        """Show the last state."""
        if len(history):
            self._drawn = 0.0
            self.update(history)
