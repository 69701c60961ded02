"""Trains recipes, keeps each classifier, and writes their table: output/<data>/results.json.

    python notebooks/run_recipes.py train best --weights hed --seeds 2013
    python notebooks/run_recipes.py evaluate

A training that was stopped goes on from its last epoch when the same command is given again.
"""

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from emotions import compact, course_setup, training
from emotions.files import write_table
from emotions.preprocessing import channel_mean
from emotions.progress import Progress
from emotions.recipes import RECIPES
from emotions.settings import Settings


def run_folder(settings: Settings, data_name: str) -> Path:
    """Return where a recipe's run is kept: by data, recipe, weights and random seed."""
    name = f"{settings.recipe}-{settings.weights}-{settings.random_seed}"
    return settings.data / "runs" / data_name / name


def train_one(settings_changes: dict) -> Path:
    """Train one recipe with one random seed and keep the classifier; returns its folder."""
    course = course_setup.open_course(**settings_changes)
    settings, data = course.settings, course.data
    folder = run_folder(settings, data.name)
    if (folder / "classifier.safetensors").is_file():
        print(f"{folder.name}: there already.")
        return folder
    start = time.monotonic()
    backbone, policy = course_setup.open_backbone(course)
    task = training.prepare(settings, data, backbone, policy, progress=Progress)
    prepared = time.monotonic() - start
    run = training.train(task, on_epoch=_say)
    mean = channel_mean(settings.mean, data.train.images)
    details = course.provenance(
        backbone,
        precision=policy,
        **settings.model_dump(include=training.PARAMETERS),
        classes=list(task.classes),
        image_shape=list(data.train.images.shape[1:]),
        mean_bgr=mean and list(mean),
        best_epoch=run.best_epoch,
        epochs_run=len(run.history),
        accuracy_validation=float(run.history["val_accuracy"].max()),
        minutes=(prepared + run.seconds) / 60,
        minutes_preparing=prepared / 60,
        images_per_second=len(task.training) * len(run.history) / run.seconds,
    )
    write_table(folder / "history.csv", run.history)
    compact.save(folder / "classifier.safetensors", task.whole, details)
    print(f"{folder.name}: {details['accuracy_validation']:.1%} of the validation split right.")
    return folder


def _say(history) -> None:  # noqa: ANN001
    last = history.iloc[-1]
    print(
        f"epoch {len(history)}: loss {last['loss']:.3f}, accuracy {last['accuracy']:.1%}, "
        f"validation {last['val_accuracy']:.1%}",
        flush=True,
    )


def main(arguments: Sequence[str] | None = None) -> None:
    """Do what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("recipe", choices=list(RECIPES))
    parser.add_argument("--weights", default="hed")
    parser.add_argument("--seeds", type=int, nargs="+", default=[2013])
    wanted = parser.parse_args(arguments)
    for seed in wanted.seeds:
        train_one({"recipe": wanted.recipe, "weights": wanted.weights, "random_seed": seed})


if __name__ == "__main__":
    main(sys.argv[1:])
