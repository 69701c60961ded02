"""Soft labels: a student learns what its teachers say, and never from those of other images."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from emotions.files import DataError
from emotions.settings import read_settings
from emotions.training import distillation, fit
from emotions.training import task as training
from emotions.training.batches import Changes
from test_fit import assert_equal, digits, some_task

PROBABILITIES = np.tile(np.array([0.1, 0.2, 0.7], "f4"), (150, 1))
OTHERS = {"title": "Others"}
SOFT = distillation.SoftLabels(PROBABILITIES, ("hour (hed, 3)",), 50.0, 3, 0.1)
IMAGES = SimpleNamespace(order=lambda: "one order")
DATA = SimpleNamespace(name="faces", title="Faces", fingerprint="abc", train=IMAGES)


def test_a_share_of_each_label_is_the_teachers():
    mixed = SOFT.mixed(np.array([0, 1] * 75), 0.6)
    np.testing.assert_allclose(mixed[:2], [[0.46, 0.12, 0.42], [0.06, 0.52, 0.42]], rtol=1e-6)


def taught(folder, teachers=SOFT, share=1.0, **changes):
    """Return a task whose labels are wholly the teachers', or as much as is said."""
    changes |= {"label_smoothing": 0.0, "class_weights": False, "distillation": share}
    task = some_task(folder, **changes)
    return replace(task, teachers=teachers)


def test_a_student_learns_what_its_teachers_say_and_is_judged_by_the_labels(tmp_path):
    wrong = np.eye(3, dtype="f4")[(np.arange(150) + 1) % 3]  # another class's name
    task = taught(tmp_path, replace(SOFT, probabilities=wrong), epochs=20, dropout=0.0)
    last = training.train(replace(task, change=Changes())).history.iloc[-1]
    assert last["accuracy"] > 0.65 and last["val_accuracy"] < 0.36  # by the labels alone: 0.5


def test_no_share_of_the_teachers_is_a_training_without_them(tmp_path):
    """One-hot labels give the digits that they give with the teachers' share at 0."""
    alone = taught(tmp_path, teachers=None, share=0.5)
    ignored = replace(taught(tmp_path), settings=alone.settings.changed(distillation=0.0))
    ignored = replace(ignored, settings=ignored.settings.changed(label_smoothing=1e-9))
    assert_equal(*(digits(task, training.train(task)) for task in (alone, ignored)))


def test_trainings_with_other_teachers_have_checkpoints_of_their_own(tmp_path):
    other = replace(SOFT, probabilities=PROBABILITIES[:, ::-1])
    tasks = [taught(tmp_path), taught(tmp_path, other), taught(tmp_path, None)]
    assert len({fit.training_key(task) for task in tasks}) == 3


def test_soft_labels_that_cannot_be_used_end_in_one_sentence(tmp_path):
    settings = read_settings(data=tmp_path, random_seed=3, distillation=0.5)
    with pytest.raises(DataError, match=r"train some, then run .*run_recipes.py teach"):
        distillation.read(settings, DATA)
    file = distillation.write(settings, DATA, SOFT)
    kept = distillation.read(settings, DATA)
    np.testing.assert_array_equal(kept.probabilities, PROBABILITIES)
    assert replace(kept, probabilities=PROBABILITIES) == SOFT
    with pytest.raises(DataError, match="of other images than Others"):
        distillation.read(settings, SimpleNamespace(**vars(DATA) | {"fingerprint": "x", **OTHERS}))
    renamed = SimpleNamespace(order=lambda: "another order")
    with pytest.raises(DataError, match="of other images than Others"):
        distillation.read(settings, SimpleNamespace(**vars(DATA) | {"train": renamed, **OTHERS}))
    with pytest.raises(DataError, match=r"set random_seed to 3, or run .* with 4"):
        distillation.read(settings.changed(random_seed=4), DATA)
    with pytest.raises(DataError, match=r"set validation_share to 0\.1"):
        distillation.read(settings.changed(validation_share=0.2), DATA)
    file.write_bytes(b"x")
    with pytest.raises(DataError, match="cannot be read"):
        distillation.read(settings, DATA)
