"""Training by Keras' own `fit`: keep the best epoch, show, stop at any time, go on after a kill."""

import hashlib
import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from emotions.files import replacing
from emotions.network.backbone import MOMENTUM
from emotions.network.quiet_keras import keras
from emotions.training.batches import Batches
from emotions.training.optimizer import forget

if TYPE_CHECKING:
    from emotions.training.task import Task

OnEpoch = Callable[[pd.DataFrame], None]
COLUMNS = ["loss", "accuracy", "val_loss", "val_accuracy"]


@dataclass
class Run:
    """A finished or stopped training; the model has the weights of its best epoch."""

    history: pd.DataFrame  # loss, accuracy, val_loss, val_accuracy of each epoch, from 1
    best_epoch: int  # the first of the highest validation accuracy, of a refit the last; 0: none
    seconds: float  # spent fitting, interrupted parts included
    stopped: bool  # before its last epoch; then its checkpoint is kept, to go on from
    checkpoint: Path  # there if it was stopped, or if `keep_checkpoint` asked for it

    def forget_checkpoint(self) -> None:
        """Delete the checkpoint of a training that has ended, once its result lies elsewhere."""
        if not self.stopped:
            self.checkpoint.unlink(missing_ok=True)


def train(
    task: "Task",
    *,
    on_epoch: OnEpoch | None = None,
    stop: threading.Event | None = None,
    checkpoint_every: float = 5.0,
    keep_checkpoint: bool = False,
) -> Run:
    """Fit the part that learns; the model ends with the weights of its best epoch.

    Interrupt the kernel or set `stop` to end early, within a second or a batch and the scoring of
    the validation images behind it: what was learnt is kept. A training that was stopped or killed
    goes on from its last checkpoint, to the same result; one that has ended begins anew. `on_epoch`
    gets the history so far; `checkpoint_every` is in seconds. With `keep_checkpoint` the last one
    stays until `Run.forget_checkpoint`, so that what was learnt is not lost before it is saved.
    """
    keeper = Keeper(task, on_epoch, stop, checkpoint_every)
    call = arguments(task, keeper)
    try:
        task.model.fit(**call)
    except KeyboardInterrupt:  # which keeps Keras from telling its callbacks that it has ended
        for callback in call["callbacks"]:
            callback.on_train_end()
    return keeper.finish(keep_checkpoint=keep_checkpoint)


def arguments(task: "Task", keeper: "Keeper") -> dict:
    """Return what `fit` is called with: data, number of epochs, callbacks."""
    settings, targets = task.settings, task.targets()
    batches = Batches(
        task.inputs,
        targets,
        task.training,
        settings.batch_size,
        settings.random_seed,
        epoch=keeper.first,
        change=task.change,
    )
    validation = Batches(task.inputs, targets, task.validation, 512)
    callbacks = [batches.callback(), validation.callback(), keeper]
    if settings.moving_average:  # behind the keeper, which reads the weights that were tested
        callbacks.append(AveragedWeights(batches))
    return {
        "x": batches.source(),
        "validation_data": validation.source(),
        "epochs": settings.epochs,
        "initial_epoch": keeper.first,
        "class_weight": class_weights(task) if settings.class_weights else None,
        "callbacks": callbacks,
        "shuffle": False,  # the batches have the order of their epoch; Keras would mix them again
        "verbose": 0,
    }


def class_weights(task: "Task") -> dict[int, float]:
    """Return a weight per class, so that each class has the same total over the training rows."""
    counts = np.bincount(task.labels[task.training], minlength=len(task.classes))
    return {k: len(task.training) / (len(counts) * max(1, int(n))) for k, n in enumerate(counts)}


class AveragedWeights(keras.callbacks.SwapEMAWeights):
    """Tests the moving average of the weights, normalised by its own maps' mean and variance.

    Those that a network with batch normalisation follows while it learns are of other weights, the
    last ones. Some batches of the epoch give the average's (Izmailov et al. 2018, "Averaging
    weights leads to wider optima and better generalization", arXiv:1803.05407, section 3.2).
    """

    def __init__(self, batches: Batches, most: int = 10) -> None:
        super().__init__()
        self.batches, self.most = batches, most

    def on_train_begin(self, logs: dict | None = None) -> None:
        """Find what is followed; frozen layers follow nothing, and stay as they are."""
        ends = ("moving_mean", "moving_variance")
        variables = self.model.non_trainable_variables
        self.followed = [variable for variable in variables if variable.path.endswith(ends)]

    def on_test_begin(self, logs: dict | None = None) -> None:
        """Put the averaged weights into the model, and follow their maps alone."""
        super().on_test_begin()
        self.kept = [keras.ops.convert_to_numpy(variable) for variable in self.followed]
        if not self.kept:
            return
        count = min(self.most, len(self.batches))
        for number in range(count):
            self.model(self.batches[number][0], training=True)
        rest = MOMENTUM**count  # the share that still is of the last weights
        for variable, kept in zip(self.followed, self.kept, strict=True):
            variable.assign((variable - rest * kept) / (1 - rest))

    def on_test_end(self, logs: dict | None = None) -> None:
        """Put both back."""
        super().on_test_end()
        for variable, kept in zip(self.followed, self.kept, strict=True):
            variable.assign(kept)


class Keeper(keras.callbacks.Callback):
    """Keeps the history, the best weights and, every few seconds, a checkpoint on disk.

    One file holds all of them, and appears whole or not at all. Keras' `BackupAndRestore` writes
    weights and epoch in two, and neither the history nor the best weights.
    """

    def __init__(
        self,
        task: "Task",
        on_epoch: OnEpoch | None = None,
        stop: threading.Event | None = None,
        checkpoint_every: float = 5.0,
    ) -> None:
        super().__init__()
        self.task, self.on_epoch, self.stop = task, on_epoch, stop or threading.Event()
        self.checkpoint_every = checkpoint_every
        self.history: list[dict[str, float]] = []
        self.cut = False  # whether the last epoch of the history was stopped in the middle
        self.earlier_seconds = 0.0
        self.started = self.saved = time.monotonic()
        self.file = task.settings.data / "cache" / "training" / f"{training_key(task)}.npz"
        self._resume()
        task.begun.set()
        self.first = len(self.history)

    def _resume(self) -> None:
        """Go on from the checkpoint of a training with the same parameters, or else begin anew."""
        task = self.task
        task.model.optimizer.build(task.model.trainable_variables)
        variables, self.best_weights = self._variables(), task.model.get_weights()
        kept = read_checkpoint(self.file, variables, self.best_weights)
        ended = kept is not None and len(kept[0]["history"]) == task.settings.epochs
        if kept is not None and not (ended and task.begun.is_set()):
            state, values, self.best_weights = kept
            for variable, value in zip(variables, values, strict=True):
                variable.assign(value)
            self.history, self.earlier_seconds = state["history"], state["seconds"]
        elif task.begun.is_set():  # take back what this task has learnt before
            for variable, value in task.start:
                variable.assign(value)
            forget(task.model.optimizer)
            self.best_weights = task.model.get_weights()

    def _variables(self) -> list:
        """Return all that training changes: weights, the state of dropout, the optimizer."""
        return [*self.task.model.variables, *self.task.model.optimizer.variables]

    def on_train_batch_end(self, batch: int, logs: dict | None = None) -> None:
        """Stop if someone asks: within an epoch, unless this call of TensorFlow has ended it."""
        if self.stop.is_set():
            self.model.stop_training = True
            self.cut = batch + 1 < self.params["steps"]

    def on_test_end(self, logs: dict | None = None) -> None:
        """Keep the weights, as they were tested, if they are the best ones so far."""
        best = max((row["val_accuracy"] for row in self.history), default=-1.0)
        if logs["accuracy"] > best or self.task.refit:
            self.best_weights = self.task.model.get_weights()

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        """Add to the history, show it, save a checkpoint."""
        self.history.append({name: float(logs[name]) for name in COLUMNS})
        try:
            if self.on_epoch is not None:
                self.on_epoch(self.table())
        except KeyboardInterrupt:
            self.stop.set()
        if self.stop.is_set():
            self.model.stop_training = True
        late = time.monotonic() - self.saved > self.checkpoint_every
        if not self.cut and (late or self.stop.is_set()):
            self.save()

    def table(self) -> pd.DataFrame:
        """Return the history with one row per epoch, from 1."""
        index = pd.RangeIndex(1, len(self.history) + 1, name="epoch")
        return pd.DataFrame(self.history, index=index, columns=COLUMNS)

    def save(self) -> None:
        """Write a checkpoint: whole, or not at all."""
        state = {"history": self.history, "seconds": self.seconds()}
        values = [keras.ops.convert_to_numpy(variable) for variable in self._variables()]
        arrays = {f"variable_{number}": value for number, value in enumerate(values)}
        arrays |= {f"best_{number}": value for number, value in enumerate(self.best_weights)}
        with replacing(self.file) as temporary:
            np.savez(temporary, state=np.array(json.dumps(state)), **arrays)
        self.saved = time.monotonic()

    def seconds(self) -> float:
        """Return the time spent fitting so far, interrupted parts included."""
        return self.earlier_seconds + time.monotonic() - self.started

    def finish(self, *, keep_checkpoint: bool = False) -> Run:
        """Put the best weights into the model and return the run; see `train`."""
        self.task.model.set_weights(self.best_weights)
        stopped = self.cut or len(self.history) < self.task.settings.epochs
        history = self.table()
        best = int(history["val_accuracy"].idxmax()) if len(history) else 0
        best = len(history) if self.task.refit else best
        run = Run(history, best, self.seconds(), stopped, self.file)
        if not keep_checkpoint:
            run.forget_checkpoint()
        return run


def read_checkpoint(
    file: Path, variables: list, best: list[np.ndarray]
) -> tuple[dict, list[np.ndarray], list[np.ndarray]] | None:
    """Return state, variables and best weights of a checkpoint, if it has these shapes, or None."""
    try:
        with np.load(file, allow_pickle=False) as saved:
            state = json.loads(saved["state"].item())
            values = [saved[f"variable_{i}"] for i in range(len(variables))]
            best_values = [saved[f"best_{i}"] for i in range(len(best))]
    except Exception:  # zip and numpy raise nearly everything for altered files
        return None
    shapes = [tuple(array.shape) for array in (*variables, *best)]
    fits = shapes == [array.shape for array in (*values, *best_values)]
    return (state, values, best_values) if fits else None


def training_key(task: "Task") -> str:
    """Name a training by all that decides its result, so that only the same one is resumed."""
    content = hashlib.sha256()
    content.update(repr((task.data, task.settings.of("training", "given"))).encode())
    for rows in (task.training, task.validation):
        content.update(rows.astype(np.int64).tobytes())
    content.update(repr((task.inputs.shape, task.classes, task.weights, task.precision)).encode())
    return content.hexdigest()[:16]
