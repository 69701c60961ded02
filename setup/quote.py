"""Write into README.md, between its marks, the numbers of output/fer2013: quote.py."""

import re
import sys
from pathlib import Path
from textwrap import fill
from typing import Any

import pandas as pd

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "notebooks"))

from emotions.files import read_json, write_text
from emotions.measuring import ladder, runs
from emotions.measuring.model_card import markdown_table
from emotions.settings import ROOT
from emotions.showing import standing

FOLDER = ROOT / "output" / "fer2013"
README = ROOT / "README.md"


def best(folder: Path) -> str:
    """Return how good the best recipe is."""
    images = read_json(folder / "exploration.json")["test_images"]
    return fill(standing.recipe_in_words(folder / "results.json", images), 100)


def sources(folder: Path) -> str:
    """Return the bars of the first figure and where they come from."""
    found = standing.of_recipes(folder / "results.json").fillna({"weights": ""})
    rows = [
        (row.classifier, row.weights, f"{row.accuracy:.1%}", row.source)
        for row in found.itertuples()
    ]
    return markdown_table(("held against each other", "weights", "accuracy", "source"), rows)


def seed(folder: Path) -> str:
    """Return what notebooks 4 and 5 found, beside baselines and the seed's own report."""
    training, grid = (read_json(folder / f"{name}.json") for name in ("training", "grid_search"))
    weights, baselines = runs.short(training["weights"]), training["baselines"]
    best = ", ".join(f"{k.replace('_', ' ')} {v}" for k, v in grid["best_parameters"].items())
    rows = [
        ("always the largest class", "none", baselines["always the largest class"]),
        ("logistic regression on 100 principal components of the pixels", "none",
         baselines["logistic regression on pixels"]),
        (f"the seed's recipe: head on `{training['layer']}`, {training['optimizer']}, "
         f"{training['learning_rate']:g}, {training['epochs_run']} epochs (kept: epoch "
         f"{training['best_epoch']})", weights, training["accuracy_test"]),
        (f"best of {grid['fits'] // grid['folds']} combinations of the grid search, "
         f"{grid['grid_epochs']} epochs each ({best})", weights, grid["accuracy_test"]),
        (f"**head on `{grid['best_layer']}`, flattened, chosen by validation**", weights,
         grid["best_layer_test"]),
        ("the seed project's own report, as published in 2021", "VGG-Face",
         standing.published_by_the_seed()),
    ]  # fmt: skip
    copied = read_json(folder / "exploration.json")["findings"]["test_images_copied_from_train"]
    parts = training["accuracy_test_parts"]
    below = (
        f"Public part {parts['public']:.1%}, private part {parts['private']:.1%} for the third "
        f"row. {copied} test images ({copied / training['test_images']:.1%}) have an exact copy in "
        "the training set; the numbers are not corrected for them."
    )
    shown = [(*row[:2], f"{row[2]:.1%}") for row in rows]
    found = markdown_table(("classifier", "weights", "test accuracy"), shown)
    return f"{found}\n\n{fill(below, 100)}"


def known(folder: Path) -> str:
    """Return how much the network already knew."""
    rungs, measured = pd.read_csv(folder / "ladder.csv"), runs.read(folder / "results.json")
    return fill(ladder.already_known(rungs, measured), 100)


def recipes(folder: Path) -> str:
    """Return the rows of `results.json` that average several views."""
    head = ("recipe", "weights", "random seed", "views", "validation", "PrivateTest",
            "both (95 % interval)", "without copies", "minutes")  # fmt: skip
    rows = []
    for row in read_json(folder / "results.json"):
        low, high = row["interval_95"]
        several = f"ensemble of {row['ensemble']}"
        cells = [runs.called(row) if row["ensemble"] == 1 else several]
        cells += [runs.short(row["weights"]), row["random_seed"], row["views"]]
        cells += [f"{row[name]:.1%}" for name in ("accuracy_validation", "accuracy_private")]
        cells += [f"{row['accuracy_test']:.1%} ({low:.1%} to {high:.1%})"]
        cells += [f"{row['accuracy_test_without_copies']:.1%}", f"{row['minutes']:.0f}"]
        rows += [cells] if row["views"] > 1 else []
    return markdown_table(head, rows)


def reached(folder: Path) -> str:
    """Return the highest PrivateTest accuracy and what ten minutes gave, beside what was asked."""
    rows = read_json(folder / "results.json")
    top, *_ = sorted(rows, key=lambda row: (row["ensemble"] > 1, -row["accuracy_private"]))
    said = (
        "The goal on PrivateTest was the 73.28 % that Khaireddin and Chen (2021, arXiv:2105.03588) "
        "report for one VGG that saw no other data; within ten minutes the 65 % of people, within "
        "an hour 70 % in two views and 71 % in ten. Measured from "
        f"{runs.short(top['weights'])}: at most {top['accuracy_private']:.1%} "
        f"(`{runs.called(top)}`, {top['views']} views, {top['minutes']:.0f} minutes)."
    )
    for name in ("ten_minutes", "hour"):
        of_name = [row for row in rows if row["ensemble"] == 1 and runs.called(row) == name]
        for first in sorted(of_name, key=lambda row: row["accuracy_validation"])[-1:]:
            alike = [row for row in of_name if row["weights"] == first["weights"]]
            two, ten = ([row for row in alike if row["views"] == views] for views in (2, 10))
            said += (
                f" Recipe `{name}` from {runs.short(first['weights'])} (random seeds: {len(two)}): "
                f"{between(two, 'accuracy_private', '.1%')} in two views, "
                f"{between(ten, 'accuracy_private', '.1%')} in ten, after "
                f"{between(alike, 'minutes', '.0f')} minutes on "
                f"{' or '.join(sorted({row['processor'] for row in alike}))}."
            )
    for row in rows:
        if row["ensemble"] > 1:
            said += (
                f" {row['ensemble']} classifiers averaged ({runs.short(row['weights'])}, "
                f"{row['views']} views): {row['accuracy_private']:.1%} after {row['minutes']:.0f} "
                "minutes."
            )
    return fill(said, 100)


def between(rows: list[dict[str, Any]], name: str, form: str) -> str:
    """Return the lowest and the highest value of some rows; one if they look alike."""
    low, high = (format(end(row[name] for row in rows), form) for end in (min, max))
    return low if low == high else f"{low} to {high}"


def durations(folder: Path) -> str:
    """Return how long the notebooks took."""
    took = read_json(folder / "durations.json")
    each = ", ".join(f"{name[:2]} {seconds:.0f}" for name, seconds in took["notebooks"].items())
    return fill(
        f"On FER-2013 all ten took {took['total'] / 60:.1f} minutes, in seconds: {each}. The "
        f"largest process held {took['peak_memory_mb'] / 1000:.1f} GB.",
        100,
    )


BLOCKS = {each.__name__: each for each in (best, sources, seed, known, recipes, reached, durations)}


def quoted(text: str, folder: Path = FOLDER) -> str:
    """Return a text with what stands between `<!-- begin name -->` and its end made anew.

    A `ValueError` if it has not each mark once.
    """
    for name, make in BLOCKS.items():
        pattern = rf"(<!-- begin {name} -->\n).*?(<!-- end {name} -->)"
        content = make(folder)
        text, times = re.subn(
            pattern, lambda m, c=content: f"{m[1]}{c}\n{m[2]}", text, flags=re.DOTALL
        )
        if times != 1:
            raise ValueError(f"README.md has the marks of {name} {times} times, not once.")
    return text


if __name__ == "__main__":
    write_text(README, quoted(README.read_text(encoding="utf-8")))
