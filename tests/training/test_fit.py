"""Training by Keras' `fit`: exact after a kill or a stop, averaged weights, rates, one key each."""

import os
import signal
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from emotions.files import read_json, write_json
from emotions.network import head as surgery
from emotions.network.backbone import MOMENTUM
from emotions.network.quiet_keras import keras
from emotions.settings import read_settings
from emotions.training import earlier_runs, fit, optimizer
from emotions.training import task as training
from emotions.training.batches import Changes

EVERYTHING = {
    "dropout": 0.3, "moving_average": 0.9, "weight_decay": 0.01, "label_smoothing": 0.1,
    "class_weights": True, "schedule": "cosine", "warmup": 1, "epochs": 6, "batch_size": 16,
    "random_seed": 3, "learning_rate": 0.01,
}  # fmt: skip


def some_task(folder: Path, **changes) -> training.Task:
    """Return a small head to train on 12 numbers, with all that a training may have."""
    settings = read_settings(data=folder, **EVERYTHING | changes)
    random = np.random.default_rng(2)
    labels = np.arange(150) % 3
    inputs = random.normal(size=(150, 12)).astype("f4") + np.eye(12, dtype="f4")[labels]
    statistics = np.zeros(12), np.ones(12)
    model = surgery.head(
        (12,), 3, units=16, dropout=settings.dropout, statistics=statistics, random_seed=4
    )
    rates = {model.get_layer("fc-16").kernel.path: 0.5}
    task = training.Task(
        settings, ("a", "b", "c"), inputs, labels, inputs, labels, np.arange(100),
        np.arange(100, 150), model, model, Changes(mirrored=inputs[:, ::-1].copy()), rates,
        "digest", "float32",
    )  # fmt: skip
    model.compile(**task.compiling())
    return task


def digits(task: training.Task, run: fit.Run) -> list:
    """Return all that came out: history and weights."""
    return [run.history.to_numpy(), *task.model.get_weights()]


def assert_equal(found: list, wanted: list) -> None:
    for one, other in zip(found, wanted, strict=True):
        np.testing.assert_array_equal(one, other)


def test_about_half_of_a_batch_is_mirrored():
    inputs, rows = np.arange(1.0, 201)[:, np.newaxis], np.arange(200)
    batch, targets = Changes(mirrored=-inputs)(inputs, rows, rows, np.random.default_rng(0))
    assert (abs(batch) == inputs).all() and (targets == rows).all()
    assert 70 < (batch < 0).sum() < 130


def test_sgd_has_nesterovs_momentum():
    settings = read_settings(optimizer="SGD", momentum=0.9, learning_rate=0.1)
    weight = keras.Variable(np.zeros(1, "f4"))
    updates = optimizer.optimizer(settings, 1, {})
    updates.build([weight])
    for _ in range(2):
        updates.apply([keras.ops.ones(1)])
    # the speed is 1 and then 1.9 times the step; each update goes on with 0.9 of it
    assert float(weight[0]) == pytest.approx(-0.1 * (1 + 0.9 + 1 + 0.9 * 1.9), rel=1e-5)


def test_rare_classes_are_weighed_up(tmp_path):
    task = some_task(tmp_path)
    task = replace(task, training=np.array([0, 1, 3, 4, 6, 7, 9, 2]))  # of labels 0, 1, 2, 0, 1 …
    wanted = {0: 8 / (3 * 4), 1: 8 / (3 * 3), 2: 8 / 3}
    assert fit.class_weights(task) == pytest.approx(wanted)
    assert fit.arguments(task, fit.Keeper(task))["class_weight"] == pytest.approx(wanted)


def test_smoothed_labels_ask_for_less_than_certainty(tmp_path):
    certain = np.eye(3, dtype="f4")
    for smoothing, low in ((0.0, 0.0), (0.1, 0.5)):
        loss = some_task(tmp_path, label_smoothing=smoothing, mixup=0.1, class_weights=False)
        found = float(loss.compiling()["loss"](certain, certain))
        assert low <= found < low + 1


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """Return what comes out of a training that nothing disturbs."""
    task = some_task(tmp_path_factory.mktemp("whole"))
    return digits(task, training.train(task))


KILLED = """
import os, signal, sys
from pathlib import Path
sys.path[:0] = [{notebooks!r}, {tests!r}]
import test_fit
def die(history):
    if len(history) == 4:
        os.kill(os.getpid(), signal.SIGKILL)
test_fit.training.train(
    test_fit.some_task(Path({folder!r})), on_epoch=die, checkpoint_every=0
)
"""


def test_a_killed_process_goes_on_to_the_same_digits(tmp_path, undisturbed):
    here = Path(__file__).resolve()
    code = KILLED.format(
        notebooks=str(here.parents[2] / "notebooks"), tests=str(here.parent), folder=str(tmp_path)
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert ended.returncode == -signal.SIGKILL, ended.stderr
    seen = []
    task = some_task(tmp_path)
    run = training.train(task, on_epoch=lambda history: seen.append(len(history)))
    assert seen == [4, 5, 6] and not run.stopped
    assert_equal(digits(task, run), undisturbed)
    assert not list((tmp_path / "cache" / "training").iterdir())


@pytest.mark.parametrize("how", ["event", "keyboard"])
def test_a_stopped_training_goes_on_where_it_was(tmp_path, undisturbed, how):
    stop = threading.Event()

    def end(history):
        if len(history) == 3 and how == "keyboard":
            raise KeyboardInterrupt
        if len(history) == 3:
            stop.set()

    run = training.train(some_task(tmp_path), on_epoch=end, stop=stop)
    assert run.stopped and len(run.history) == 3
    task, seen = some_task(tmp_path), []
    run = training.train(task, on_epoch=lambda history: seen.append(len(history)))
    assert seen == [4, 5, 6] and not run.stopped
    assert_equal(digits(task, run), undisturbed)


def test_a_training_whose_batches_tensorflow_gathers_goes_on_to_the_same_digits(tmp_path):
    whole, first, second = (
        replace(some_task(folder), change=Changes())
        for folder in (tmp_path / "x", tmp_path, tmp_path)
    )
    wanted, stop = digits(whole, training.train(whole)), threading.Event()
    run = training.train(first, on_epoch=lambda history: stop.set(), stop=stop)
    assert run.stopped and len(run.history) == 1
    assert_equal(digits(second, training.train(second)), wanted)


def test_a_stop_within_an_epoch_does_not_wait_for_its_end_and_is_not_in_the_checkpoint(
    tmp_path, undisturbed
):
    task, stop = some_task(tmp_path), threading.Event()
    task.model.compile(**task.compiling() | {"steps_per_execution": 1})
    keeper = fit.Keeper(task, None, stop, checkpoint_every=0)
    steps = []

    def count(batch, logs):
        steps.append(batch)
        if len(steps) == 7 * 2 + 3:
            stop.set()

    how = fit.arguments(task, keeper)
    how["callbacks"].insert(0, keras.callbacks.LambdaCallback(on_train_batch_end=count))
    task.model.fit(**how)
    assert len(steps) == 7 * 2 + 3
    assert keeper.finish().stopped
    task = some_task(tmp_path)
    assert_equal(digits(task, training.train(task)), undisturbed)


def test_the_best_epoch_has_the_averaged_weights(tmp_path):
    task = some_task(tmp_path, moving_average=0.99, learning_rate=0.1)
    run = training.train(task)
    rows = task.validation
    plain = task.model.predict(task.inputs[rows], verbose=0).argmax(1)
    right = (plain == task.labels[rows]).mean()
    assert right == pytest.approx(run.history["val_accuracy"].max(), abs=1e-6)
    without = some_task(tmp_path, moving_average=0.0, learning_rate=0.1)
    other = training.train(without)
    assert not np.allclose(run.history["val_loss"], other.history["val_loss"], atol=1e-3)


def test_a_refit_keeps_its_last_epoch(tmp_path):
    """What it is scored on it has learnt, so that a better epoch before would be chance."""
    task = replace(some_task(tmp_path, learning_rate=10.0), refit=True)
    run = training.train(task)
    assert run.history["val_accuracy"].idxmax() < run.best_epoch == len(run.history) == 6
    found = task.model.predict(task.inputs[task.validation], verbose=0).argmax(axis=1)
    right = (found == task.labels[task.validation]).mean()
    assert right == pytest.approx(run.history["val_accuracy"].iloc[-1], abs=1e-6)


def test_averaged_weights_are_normalised_by_the_statistics_of_their_own_maps(tmp_path):
    layers = keras.layers
    model = keras.Sequential(
        [
            keras.Input((12,)),
            layers.Dense(4, name="maps"),
            layers.BatchNormalization(momentum=MOMENTUM, name="learning"),
            layers.BatchNormalization(momentum=MOMENTUM, name="frozen", trainable=False),
            layers.Dense(3, activation="softmax"),
        ]
    )
    task = some_task(tmp_path, moving_average=0.9, batch_size=100, epochs=3, learning_rate=0.1)
    task = replace(task, model=model, whole=model, rates={}, change=Changes())
    model.compile(**task.compiling())
    training.train(task)
    maps = np.asarray(model.get_layer("maps")(task.inputs[task.training]))
    learning, frozen = model.get_layer("learning"), model.get_layer("frozen")
    np.testing.assert_allclose(learning.moving_mean, maps.mean(axis=0), atol=1e-5)
    np.testing.assert_allclose(learning.moving_variance, maps.var(axis=0), rtol=1e-4)
    np.testing.assert_allclose(frozen.moving_mean, 0, atol=1e-6)
    np.testing.assert_allclose(frozen.moving_variance, 1, rtol=1e-6)


def test_a_training_of_few_steps_learns_in_spite_of_a_slow_average(tmp_path):
    """In 42 steps Keras' own average with 0.998 would keep 92 % of the first weights."""
    ends = {}
    for momentum in (0.0, 0.998):
        run = training.train(some_task(tmp_path, moving_average=momentum, warmup=0))
        ends[momentum] = run.history["val_loss"].iloc[-1]
    assert ends[0.998] == pytest.approx(ends[0.0], abs=0.1)


@pytest.mark.parametrize("steps, wanted", [(0, 0.1), (40, 0.82), (202 * 14, 0.99682), (1e5, 0.998)])
def test_the_average_spans_the_last_tenth_of_the_steps_and_then_what_the_settings_say(
    steps, wanted
):
    updates = optimizer.optimizer(read_settings(moving_average=0.998), 202, {})
    updates.iterations.assign(steps)
    assert float(updates.ema_momentum) == pytest.approx(wanted, abs=1e-5)


def test_the_digits_do_not_depend_on_how_many_steps_are_taken_at_once(tmp_path, undisturbed):
    task = some_task(tmp_path)
    assert task.compiling()["steps_per_execution"] > 1
    task.model.compile(**task.compiling() | {"steps_per_execution": 1})
    assert_equal(digits(task, training.train(task)), undisturbed)


def test_a_stop_in_an_epoch_that_is_one_call_keeps_it(tmp_path):
    task, stop = some_task(tmp_path), threading.Event()
    assert task.compiling()["steps_per_execution"] == 7  # all of an epoch
    stop.set()
    for epochs in range(1, 7):
        run = training.train(task, stop=stop, checkpoint_every=1e9)
        assert len(run.history) == epochs
        assert run.stopped == (epochs < 6)  # nothing is left to do after the last one


@pytest.mark.parametrize("name", ["weights", "precision", "data"])
def test_other_weights_precision_or_data_do_not_resume_a_training(tmp_path, name):
    task = some_task(tmp_path)
    assert fit.training_key(task) != fit.training_key(replace(task, **{name: "other"}))


def test_a_kept_curve_from_before_a_setting_was_there_had_its_default(tmp_path):
    settings = read_settings(data=tmp_path, output=tmp_path)
    history = pd.DataFrame([[0.1] * 4], columns=earlier_runs.COLUMNS)
    content = read_json(file := earlier_runs.keep(settings, "sample", "hed", history))
    del content["made_with"]["validation_share"], content["made_with"]["deterministic"]
    write_json(older := file.with_name("older.json"), content)
    os.utime(older, (0, 0))
    head = "optimizer Adam, learning_rate 0.001"
    assert list(earlier_runs.read(settings, "sample")) == [f"last: {head}"]
    file.unlink()
    earlier_runs.keep(settings.changed(validation_share=0.2), "sample", "hed", history)
    assert list(earlier_runs.read(settings, "sample")) == [
        f"last: {head}, validation_share 0.2", f"{head}, validation_share 0.1",
    ]  # fmt: skip


@pytest.mark.parametrize("kind", ["SGD", "Adam"])
def test_a_variable_learns_with_its_share_of_the_rate_and_only_kernels_decay(kind):
    settings = read_settings(optimizer=kind, learning_rate=0.1, weight_decay=0.5)
    layers = [keras.layers.Dense(2, bias_initializer="ones", name=name) for name in "ab"]
    for layer in layers:
        layer.build((None, 3))
    variables = [v for layer in layers for v in layer.weights]
    before = [v.numpy() for v in variables]
    made = optimizer.optimizer(settings, 1, {layers[0].kernel.path: 0.25, layers[0].bias.path: 0})
    made.apply([keras.ops.ones_like(v) for v in variables], variables)
    decayed = [b * (1 - 0.1 * 0.5 * (b.ndim == 2)) for b in before]
    moved = [d - v.numpy() for d, v in zip(decayed, variables, strict=True)]
    for found, share in zip(moved, (0.25, 0, 1, 1), strict=True):
        np.testing.assert_allclose(found, 0.1 * share, atol=1e-5)
