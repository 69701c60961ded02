"""Trains recipes and rungs, keeps each classifier, and measures them all alike.

    python notebooks/run_recipes.py train best --weights hed --seeds 2013 2014
    python notebooks/run_recipes.py train hour --weights hed --refit
    python notebooks/run_recipes.py ladder --weights hed random --rungs seed mean pool3
    python notebooks/run_recipes.py evaluate       writes output/<data set>/results.json
    python notebooks/run_recipes.py ship           writes output/<data set>/classifier.safetensors
    python notebooks/run_recipes.py check          measures the shipped classifier again

Only a finished training counts. One that was stopped says so, and goes on where it was when the
same command is given again. Rows of runs that are not kept on this machine stay as they are.
"""

import argparse
import hashlib
import os
import sys
import time
from collections.abc import Sequence
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
from course import clear_endings
from emotions.course import opening
from emotions.files import DataError, read_json, replacing, write_json, write_table, write_text
from emotions.measuring import classifier, ladder, model_card, runs, scores
from emotions.network import backbone as backbones
from emotions.recipes import RECIPES
from emotions.settings import WEIGHTS, Settings, read_settings
from emotions.showing.progress import Progress
from emotions.training import task as training


def runs_folder(course: opening.Course) -> Path:
    """Return where the runs of a data set are kept."""
    return course.settings.data / "runs" / course.data.name


def train_one(name: str, changes: dict, chosen: Path | None = None) -> Path:
    """Train with some settings and keep the classifier in a folder of that name; return it.

    A refit learns from all training images what an equal run, kept in the folder `chosen`, has
    shown on its validation split; that one's accuracy and temperature are kept with it. If the
    training is stopped, the command ends: the checkpoint stays, and nothing is kept as a
    result. It also ends where a finished training of that name had other settings.
    """
    course = opening.open_course(**changes)
    settings, data = course.settings, course.data
    folder = runs_folder(course) / name
    if runs.is_finished(folder):
        refuse_other_settings(folder, settings)
        print(f"{name}: there already.")
        return folder
    refit = chosen is not None
    repeated = _shown_by(course, chosen) if refit else {"minutes": 0.0}
    start = time.monotonic()
    backbone, policy = opening.open_backbone(course)
    left_out = course.left_out()
    task = training.prepare(
        settings, data, backbone, policy, left_out=left_out, refit=refit, progress=Progress
    )
    prepared = time.monotonic() - start
    run = training.train(task, on_epoch=_say, keep_checkpoint=True)
    if run.stopped:
        sys.exit(
            f"{name}: stopped after epoch {len(run.history)} of {settings.epochs}. It does not "
            "count yet; give the same command again, and it goes on from its last checkpoint."
        )
    if refit:
        known = {name: repeated[name] for name in ("accuracy_validation", "temperature")}
    else:
        known = {"accuracy_validation": float(run.history["val_accuracy"].max())}
        labels, images = data.train.labels[task.validation], data.train.images[task.validation]
        known["temperature"] = scores.temperature(labels, scores.predict(task.whole, images))
        write_table(folder / "history.csv", run.history)
    details = course.provenance(
        backbone,
        precision=policy,
        refit=refit,
        **settings.of("training"),
        best_epoch=run.best_epoch,
        epochs_run=len(run.history),
        **known,
        minutes=(prepared + run.seconds) / 60 + repeated["minutes"],
        minutes_preparing=prepared / 60,
        images_per_second=len(task.training) * len(run.history) / run.seconds,
        processor=runs.processor(),
    )
    for stale in folder.glob("predictions_*.npz"):
        stale.unlink()
    classifier.save(folder / classifier.SHIPPED, task, details, np.float16)
    run.forget_checkpoint()
    words = (
        "kept" if refit else f"{details['accuracy_validation']:.1%} of the validation split right"
    )
    print(f"{name}: {words}.")
    return folder


def refuse_other_settings(folder: Path, settings: Settings) -> None:
    """End the command if a kept run had other settings."""
    other = runs.other_settings(runs.details(folder), settings)
    if other:
        differ = (f"{each} {had} instead of {now}" for each, (had, now) in other.items())
        sys.exit(
            f"{folder} holds a training with {', '.join(differ)}: move that folder away, or "
            "give the settings that it has, then give the same command again."
        )


def _shown_by(course: opening.Course, chosen: Path) -> dict:
    """Return the details of a kept run, with the temperature of what its file says."""
    rows, found, _ = runs.predictions(course.data, course.settings, chosen, 1, Progress)
    warmth = scores.temperature(course.data.train.labels[rows], found)
    return runs.details(chosen) | {"temperature": warmth}


def _say(history: pd.DataFrame) -> None:
    last = history.iloc[-1]
    print(
        f"epoch {len(history)}: loss {last['loss']:.3f}, accuracy {last['accuracy']:.1%}, "
        f"validation {last['val_accuracy']:.1%}",
        flush=True,
    )


def train(
    recipes: Sequence[str], weights: Sequence[str], seeds: Sequence[int], *, refit: bool
) -> None:
    """Train recipes with each of some weights and random seeds; then, if wanted, refit each."""
    for recipe, start, seed in product(recipes, chosen(weights), seeds):
        wanted = {"recipe": recipe, "weights": start, "random_seed": seed}
        name = f"{recipe}-{in_a_name(start)}-{seed}"
        folder = train_one(name, wanted)
        if refit:
            print("Now with the validation images, so their accuracy says nothing from here on.")
            train_one(name + runs.REFIT, wanted, folder)


def chosen(weights: Sequence[str]) -> list[str]:
    """Return weights with what `auto` stands for today in its place, files by their whole path."""
    folder = read_settings().data / "weights"
    found = [read_settings(weights=start).weights for start in weights]
    return [backbones.choose_weights(start, folder)[0] for start in found]


def in_a_name(weights: str) -> str:
    """Return weights as part of a folder's name; of a file its name and the mark of its content."""
    file = Path(weights)
    if weights in WEIGHTS or not file.is_file():
        return weights.replace(os.sep, "_")
    return f"{file.stem}_{hashlib.sha256(file.read_bytes()).hexdigest()[:8]}"


def climb(names: Sequence[str], weights: Sequence[str]) -> None:
    """Train the rungs of the ladder that no kept run is equal to, and write `ladder.csv`."""
    course = opening.open_course()
    seed = course.settings.random_seed
    for start in chosen(weights):
        title = backbones.TITLES.get(start)
        if title is None:  # of a file, whose content tells it from others of its name
            size, weights_folder = course.settings.image_size, course.settings.data / "weights"
            title = backbones.build(start, size, weights_folder, seed).weights
        for name in names:
            wanted = ladder.settings_of(ladder.BY_NAME[name], seed)
            equal = runs.made_with(runs_folder(course), wanted)
            starts = [runs.started_from(runs.details(folder)["weights"]) for folder in equal]
            if title in starts:
                print(f"{name}, {start}: there already.")
            else:
                own = wanted.of("training") | {"weights": start, "random_seed": seed}
                train_one(f"rung_{name}-{in_a_name(start)}-{seed}", own)
    write_ladder()


def write_ladder() -> None:
    """Write `ladder.csv` of all rungs so far; averaged views and the ensemble once measured."""
    course = opening.open_course()
    climbed = ladder.rows_of(runs_folder(course), course.settings.random_seed)
    rows = ladder.table(climbed).to_dict("records")
    file = course.folder / "ladder.csv"
    if file.is_file():
        earlier = pd.read_csv(file)
        known = earlier[earlier["rung"].isin(ladder.BY_NAME)]
        known = known.assign(change=[ladder.BY_NAME[rung].change for rung in known["rung"]])
        rows = runs.with_earlier(rows, known.to_dict("records"), ("rung", "weights"))
    if (course.folder / "results.json").is_file():
        rows += ladder.averaging_rows(runs.read(course.folder / "results.json"))
    write_table(file, ladder.table(rows).set_index("rung"))


def evaluate() -> None:
    """Measure every kept classifier; write `results.json`, `curves.csv` and `ladder.csv`."""
    course = opening.open_course()
    kept, data, settings = runs_folder(course), course.data, course.settings
    folders = runs.finished(kept, rungs=False)
    if not folders:
        raise DataError(f"There is no finished training of a recipe in {kept}: train one first.")
    copies = scores.seen_in_training(data)
    for folder in folders:  # a trial must not stand for the recipe
        about = runs.details(folder)
        if about["recipe"] in RECIPES:  # an earlier one has a name of its own
            usual = read_settings(recipe=about["recipe"], random_seed=about["random_seed"])
            refuse_other_settings(folder, usual)
    entries = []
    for folder in folders:
        entries += runs.entries_of(data, settings, folder, copies, Progress)
    together = runs.ensemble_entries(data, settings, kept, copies)
    results, curves = course.folder / "results.json", course.folder / "curves.csv"
    earlier = read_json(results) if results.is_file() else []
    earlier = runs.without_outdated(earlier, entries)
    if together:  # the best one stays: the others say nothing more
        together += [row for row in earlier if row["ensemble"] > 1]
        together = [max(together, key=lambda row: round(row["accuracy_validation"], 6))]
        earlier = [row for row in earlier if row["ensemble"] == 1]
    rows = runs.with_earlier(entries + together, earlier, (*runs.KEPT, "ensemble"))
    write_json(results, runs.in_order(rows))
    points = runs.learning_curves(kept).to_dict("records")
    earlier = pd.read_csv(curves).to_dict("records") if curves.is_file() else []
    table = pd.DataFrame(runs.in_order(runs.with_earlier(points, earlier, runs.RUN)))
    write_table(curves, table.set_index("recipe"))
    write_ladder()


def ship() -> None:
    """Copy the single classifier with the best validation accuracy to the results, with a card.

    The accuracy is that of `results.json`, of one view or several, whichever is best. A classifier
    from another machine that is there already stays if its is higher.
    """
    course = opening.open_course()
    target, results = course.folder / classifier.SHIPPED, course.folder / "results.json"
    measured = read_json(results) if results.is_file() else []
    for each in runs.members(runs_folder(course)):
        if not runs.rows_of(runs.details(each), measured):
            raise DataError(
                f"{results} has no row of {each.name}: run `run_recipes.py evaluate` first."
            )
    best = runs.best_run(runs_folder(course), measured)
    about = runs.details(best)
    shipped = classifier.read_details(target) if target.is_file() else {}
    found, before = (runs.validation_of(one, measured) for one in (about, shipped))
    if (before, shipped.get("refit", False)) > (found, about["refit"]):
        write_card(course.folder)
        print(
            f"{best.name} finds {found:.1%} of the validation split, what ships already "
            f"{before:.1%}: {target} stays."
        )
        return
    with replacing(target) as temporary:
        temporary.write_bytes((best / classifier.SHIPPED).read_bytes())
    write_card(course.folder)
    print(f"{best.name}: {target.stat().st_size / 1e6:.1f} MB in {target}.")


def write_card(folder: Path) -> None:
    """Write the card of the classifier that ships, from its own words and `results.json`."""
    details = classifier.read_details(folder / classifier.SHIPPED)
    write_text(folder / "MODEL_CARD.md", model_card.write(details, folder / "results.json"))


def check() -> None:
    """Measure the shipped classifier on the test images, two views, and print the numbers."""
    course = opening.open_course()
    start = time.monotonic()
    file = course.folder / classifier.SHIPPED
    if not file.is_file():
        raise DataError(
            f"No classifier ships for {course.data.title}: {file} is not there. Put FER-2013 into "
            "data/, of which one does, or train a recipe and say `run_recipes.py ship`."
        )
    policy = backbones.choose_precision(course.settings.precision)
    shipped = classifier.load(file, policy)
    predicted = scores.predict(shipped.model, course.data.test.images, 2, progress=Progress)
    found = scores.summary(
        course.data.test.labels,
        predicted,
        files=course.data.test.files,
        copies=scores.seen_in_training(course.data),
        random_seed=shipped.details["random_seed"],
    )
    for name, value in found.items():
        print(f"{name}: {np.round(value, 4)}")
    print(f"{time.monotonic() - start:.0f} s, {runs.processor()}.")


def main(arguments: Sequence[str] | None = None) -> None:
    """Do what the command line asks for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", required=True)
    one = commands.add_parser("train", help="train recipes")
    one.add_argument("recipes", nargs="+", choices=list(RECIPES))
    given = "where there are none, those of the EMOTIONS_* variables, or the course's own"
    one.add_argument("--weights", nargs="+", help=given)
    one.add_argument("--seeds", type=int, nargs="+", help=given)
    one.add_argument(
        "--refit", action="store_true", help="then train once more, on all training images"
    )
    rungs = commands.add_parser("ladder", help="train rungs of the ladder")
    rungs.add_argument("--weights", nargs="+", help=given)
    names = list(ladder.BY_NAME)
    rungs.add_argument("--rungs", nargs="+", choices=names, default=names)
    actions = {"evaluate": evaluate, "ship": ship, "check": check}
    for name, action in actions.items():
        commands.add_parser(name, help=action.__doc__)
    wanted = parser.parse_args(arguments)
    with clear_endings():
        usual = read_settings()
        if wanted.command == "train":
            weights, seeds = wanted.weights or [usual.weights], wanted.seeds or [usual.random_seed]
            train(wanted.recipes, weights, seeds, refit=wanted.refit)
        elif wanted.command == "ladder":
            climb(wanted.rungs, wanted.weights or [usual.weights])
        else:
            actions[wanted.command]()


if __name__ == "__main__":
    main(sys.argv[1:])
