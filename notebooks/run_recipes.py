"""Trains recipes and rungs, keeps each classifier, and measures them all alike.

    python notebooks/run_recipes.py train best --weights hed --seeds 2013 2014
    python notebooks/run_recipes.py ladder --weights hed random --rungs seed mean pool3
    python notebooks/run_recipes.py evaluate       writes output/<data set>/results.json
    python notebooks/run_recipes.py ship           writes output/<data set>/classifier.safetensors
    python notebooks/run_recipes.py check          measures the shipped classifier again

A training that was stopped goes on from its last epoch when the same command is given again.
"""

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from emotions.course import opening as course_setup
from emotions.files import replacing, write_json, write_table
from emotions.measuring import compact, inference, ladder, model_card, results
from emotions.measuring import scores as measuring
from emotions.network import backbone as backbones
from emotions.network.inputs import channel_mean
from emotions.recipes import RECIPES
from emotions.settings import read_settings
from emotions.showing.progress import Progress
from emotions.training import task as training


def runs_folder(course: course_setup.Course) -> Path:
    """Return where the runs of a data set are kept."""
    return course.settings.data / "runs" / course.data.name


def train_one(name: str, changes: dict) -> Path:
    """Train with some settings and keep the classifier in a folder of that name; return it."""
    course = course_setup.open_course(**changes)
    settings, data = course.settings, course.data
    folder = runs_folder(course) / name
    if (folder / "classifier.safetensors").is_file():
        print(f"{name}: there already.")
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
        processor=results.processor(),
    )
    write_table(folder / "history.csv", run.history)
    compact.save(folder / "classifier.safetensors", task.whole, details)
    print(f"{name}: {details['accuracy_validation']:.1%} of the validation split right.")
    return folder


def _say(history: pd.DataFrame) -> None:
    last = history.iloc[-1]
    print(
        f"epoch {len(history)}: loss {last['loss']:.3f}, accuracy {last['accuracy']:.1%}, "
        f"validation {last['val_accuracy']:.1%}",
        flush=True,
    )


def train(
    recipes: Sequence[str],
    weights: Sequence[str],
    seeds: Sequence[int],
) -> None:
    """Train recipes with each of some weights and random seeds."""
    for recipe in recipes:
        for start in weights:
            for seed in seeds:
                wanted = {"recipe": recipe, "weights": start, "random_seed": seed}
                train_one(f"{recipe}-{start}-{seed}", wanted)


def climb(names: Sequence[str], weights: Sequence[str]) -> None:
    """Train rungs of the ladder and write `ladder.csv`."""
    seed = read_settings().random_seed
    for start in weights:
        for name in names:
            rung = ladder.rung(name)
            train_one(f"{rung.run()}-{start}-{seed}", {**rung.settings, "weights": start})
    write_ladder()


def write_ladder() -> None:
    """Write `ladder.csv` of all rungs so far; averaged views and the ensemble once measured."""
    course = course_setup.open_course()
    rows = results.ladder_rows(runs_folder(course), course.settings.random_seed)
    if (course.folder / "results.json").is_file():
        rows += results.averaging_rows(results.read(course.folder / "results.json"))
    write_table(course.folder / "ladder.csv", ladder.table(rows).set_index("rung"))


def evaluate() -> None:
    """Measure every kept classifier; write `results.json`, `curves.csv` and `ladder.csv`."""
    course = course_setup.open_course()
    copies = measuring.seen_in_training(course.data)
    entries = []
    for folder in sorted(runs_folder(course).glob("*/classifier.safetensors")):
        entries += results.entries_of(course, folder.parent, copies, Progress)
    entries += results.ensemble_entries(course, runs_folder(course), copies)
    write_json(course.folder / "results.json", entries)
    curves = results.learning_curves(runs_folder(course))
    write_table(course.folder / "curves.csv", curves.set_index("recipe"))
    write_ladder()


def ship() -> None:
    """Copy the single classifier with the best validation accuracy to the results, with a card."""
    course = course_setup.open_course()
    best = results.best_run(runs_folder(course))
    target = course.folder / inference.SHIPPED
    with replacing(target) as temporary:
        temporary.write_bytes((best / "classifier.safetensors").read_bytes())
    card = model_card.write(compact.read_details(target), course.folder / "results.json")
    with replacing(course.folder / "MODEL_CARD.md") as temporary:
        temporary.write_text(card, encoding="utf-8")
    print(f"{best.name}: {target.stat().st_size / 1e6:.1f} MB in {target}.")


def check() -> None:
    """Measure the shipped classifier on the test images, two views, and print the numbers."""
    course = course_setup.open_course()
    start = time.monotonic()
    policy = backbones.choose_precision(course.settings.precision)
    model, details = compact.load(course.folder / inference.SHIPPED, policy)
    predicted = measuring.predict(model, course.data.test.images, 2, progress=Progress)
    found = measuring.scores(
        course.data.test.labels,
        predicted,
        files=course.data.test.files,
        copies=measuring.seen_in_training(course.data),
        random_seed=details["random_seed"],
    )
    for name, value in found.items():
        print(f"{name}: {np.round(value, 4)}")
    print(f"{time.monotonic() - start:.0f} s, {results.processor()}.")


def main(arguments: Sequence[str] | None = None) -> None:
    """Do what the command line asks for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", required=True)
    one = commands.add_parser("train", help="train recipes")
    one.add_argument("recipes", nargs="+", choices=list(RECIPES))
    one.add_argument("--weights", nargs="+", default=["auto"])
    one.add_argument("--seeds", type=int, nargs="+", default=[2013])
    rungs = commands.add_parser("ladder", help="train rungs of the ladder")
    rungs.add_argument("--weights", nargs="+", default=["auto"])
    names = [rung.name for rung in ladder.RUNGS]
    rungs.add_argument("--rungs", nargs="+", choices=names, default=names)
    for name, action in (("evaluate", evaluate), ("ship", ship), ("check", check)):
        commands.add_parser(name, help=action.__doc__)
    wanted = parser.parse_args(arguments)
    if wanted.command == "train":
        train(wanted.recipes, wanted.weights, wanted.seeds)
    elif wanted.command == "ladder":
        climb(wanted.rungs, wanted.weights)
    else:
        {"evaluate": evaluate, "ship": ship, "check": check}[wanted.command]()


if __name__ == "__main__":
    main(sys.argv[1:])
