"""A training while it goes on, and beside those before it."""

import asyncio
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import ipywidgets
import pandas as pd
from IPython.display import display
from matplotlib.figure import Figure

from emotions.files import DataError
from emotions.network.movement import Movement
from emotions.showing import quick, style
from emotions.showing.widgets.explorer import LABELLED, Explorer, Shown, dropdown, saying, sentence
from emotions.training import fit
from emotions.training import task as training

LOOK_AGAIN = 0.1  # seconds between two looks at the training
DRAW_AGAIN = 2.0  # seconds between two figures
MEASURES = {
    "validation accuracy": "val_accuracy",
    "training accuracy": "accuracy",
    "validation loss": "val_loss",
    "training loss": "loss",
}


def progress(history: pd.DataFrame, epochs: int) -> str:
    """Return in words how far a training is."""
    last = history.iloc[-1]
    return (
        f"Epoch {len(history)} of {epochs}: accuracy {last['accuracy']:.1%} in training, "
        f"{last['val_accuracy']:.1%} in validation"
    )


class LiveTraining(Shown):
    """A training with its curves, what moves in the network, and a button that stops it.

    The training has a thread of its own. The cell waits for it, but lets the kernel hear what the
    controls say meanwhile; that is why the cell says `await`.
    """

    def __init__(self, task: training.Task, title: str) -> None:
        super().__init__(faces=False)
        self.task, self.title = task, title
        self.stop = threading.Event()
        self.movement = Movement(task.whole, task.start)
        self.button = ipywidgets.Button(
            description="Stop training",
            icon="stop",
            tooltip="Ends the training after its current steps; the best epoch so far is kept",
            layout={"width": "14em"},
        )
        self.button.on_click(self._ask_to_stop)
        self.message = ipywidgets.HTML("The first epoch has begun.")
        self.place(self.button, self.message)
        self._history, self._moved, self._shown = pd.DataFrame(), pd.DataFrame(), None
        self._measured = float("-inf")
        self.show(sentence("The first epoch has begun: the curves come when it is over."))

    async def train(self) -> fit.Run:
        """Train to the end, or until someone stops it; show what happens meanwhile."""
        run = await self.watch(training.train, self.task, on_epoch=self.note, stop=self.stop)
        return self.finish(run)

    async def watch(self, train: Callable, *arguments: Any, **options: Any) -> Any:
        """Call what trains in a thread and show what happens meanwhile; return what it returns.

        It calls `note` after each epoch and looks at `stop`, such as `fit` with a `Keeper`. Both
        the button and the ■ of the toolbar stop it: what was learnt is kept.
        """
        self._shown = display(self, display_id=True)
        with ThreadPoolExecutor(1, "training") as thread:
            future = thread.submit(train, *arguments, **options)
            try:
                await self._watch(future)
            finally:
                self.stop.set()  # also if a figure cannot be drawn: no thread stays behind
                self.button.disabled = True
                # ipywidgets keeps every button, which would keep this training and its model
                self.button.on_click(self._ask_to_stop, remove=True)
        return future.result()

    async def _watch(self, future: Future) -> None:
        drawn, seen = 0.0, 0
        while not future.done():
            try:
                await asyncio.sleep(LOOK_AGAIN)
            except asyncio.CancelledError:  # the ■ of the toolbar
                self._ask_to_stop()
            history = self._history
            if len(history) > seen:
                seen = len(history)
                self.message.value = progress(history, self.task.settings.epochs)
            if len(history) and time.monotonic() - drawn > DRAW_AGAIN:
                self._draw(history)
                drawn = time.monotonic()

    def note(self, history: pd.DataFrame) -> None:
        """Keep the history; called in the training's thread, where nothing may be drawn.

        What has moved is measured here: while JAX trains, the layers do not hold their weights.
        """
        if time.monotonic() - self._measured > DRAW_AGAIN:
            self._moved, self._measured = self.movement.table(), time.monotonic()
        self._history = history

    def _ask_to_stop(self, button: Any = None) -> None:
        self.stop.set()
        self.button.description = "Stopping …"  # not disabled: that would lose the keyboard's focus

    def _draw(self, history: pd.DataFrame, best_epoch: int | None = None) -> None:
        title = f"{self.title}\n{progress(history, self.task.settings.epochs)}"
        self.show(quick.training(history, self._moved, title, best_epoch))

    def finish(self, run: fit.Run) -> fit.Run:
        """Show what came out, and return it."""
        self.button.description = how = "Stopped" if run.stopped else "Trained"
        if len(run.history):
            far = progress(run.history, self.task.settings.epochs)
            best = run.history["val_accuracy"].max()
            self.message.value = f"{how}. {far}. Kept: epoch {run.best_epoch} with {best:.1%}."
            self._moved = self.movement.table()
            self._draw(run.history, run.best_epoch)
        else:
            self.show(sentence("No epoch was trained: nothing has moved."))
        if self._shown is not None:  # None where no notebook runs
            self._shown.update(self)  # the picture for pages without a kernel is the last one
        return run


def compare_runs(curves: Mapping[str, pd.DataFrame], footer: str) -> Explorer:
    """Choose a measure and some runs of `earlier_runs.read`, see their curves together."""
    if not curves:
        return saying("No run is kept yet: train once, then its curve is here.")
    names = list(curves)

    def draw(measure: str, runs: tuple[str, ...]) -> Figure:
        if not runs:
            raise DataError("Choose at least one run (several with Ctrl, ⌘ or Shift).")
        title = f"{measure.capitalize()} of {len(runs)} of {len(names)} runs"
        if len(names) == 1:
            title += "\nTrain again with other parameters: its curve comes beside this one"
        chosen = {name: curves[name][MEASURES[measure]] for name in runs}
        return style.with_footer(quick.runs(chosen, title, measure), footer)

    several = ipywidgets.SelectMultiple(
        options=names,
        value=names[:5],
        rows=min(8, len(names) + 1),
        description="runs",
        style=LABELLED,
        layout={"width": "60em", "max_width": "100%"},
    )
    return Explorer(draw, faces=False, measure=dropdown("measure", MEASURES), runs=several)
