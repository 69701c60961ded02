"""The table of results: every kept classifier, measured alike."""

import platform
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from emotions.course.opening import Course
from emotions.files import DataError, replacing
from emotions.measuring import compact, ladder
from emotions.measuring import scores as measuring
from emotions.network import backbone as backbones
from emotions.training import task as training

ENSEMBLE_RECIPES = ("best", "fine_tune_10_minutes", "frozen_plus")


def processor() -> str:
    """Return the processor's name and number of cores."""
    import psutil

    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.is_file() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    name = names[0] if names else platform.processor() or platform.machine()
    fast = {"amx_bf16": "AMX", "avx512_bf16": "AVX512-BF16"}
    units = [title for flag, title in fast.items() if flag in backbones.processor_flags()]
    return f"{psutil.cpu_count()} cores of {name}" + (f" ({units[0]})" if units else "")


def predictions(
    course: Course,
    folder: Path,
    views: int,
    progress: Callable[..., Iterable] | None = None,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return a kept classifier's probabilities, computed once.

    Parameters
    ----------
    course
        The data that it was trained on.
    folder
        Of the run.
    views
        Averaged; see `measuring.views_of`.
    progress
        Wraps an iterable, like tqdm.

    Returns
    -------
    validation rows, probabilities of these, probabilities of the test images
    """
    file = folder / f"predictions_{views}.npz"
    if not file.is_file():
        details = compact.read_details(folder / "classifier.safetensors")
        model, _ = compact.load(folder / "classifier.safetensors", details["precision"])
        rows = _validation_rows(course, details)
        validation = measuring.predict(
            model, course.data.train.images[rows], views, progress=progress
        )
        test = measuring.predict(model, course.data.test.images, views, progress=progress)
        with replacing(file) as temporary:
            np.savez(temporary, rows=rows, validation=validation, test=test)
    with np.load(file, allow_pickle=False) as kept:
        return kept["rows"], kept["validation"], kept["test"]


def _validation_rows(course: Course, details: dict[str, Any]) -> np.ndarray:
    """Return the rows that the classifier was chosen by; refuse other data.

    Raises
    ------
    DataError
        If the classifier was trained on other images.
    """
    if details["data_fingerprint"] != course.data.fingerprint:
        raise DataError(
            f"The classifier was trained on {details['data']}, but these are other images "
            f"({course.data.title}): give the same data."
        )
    settings = course.settings.changed(random_seed=details["random_seed"])
    return training.split_rows(course.data, settings)[1]


def entry(
    course: Course,
    details: dict[str, Any],
    probabilities: tuple[np.ndarray, np.ndarray, np.ndarray],
    views: int,
    copies: np.ndarray,
    ensemble: int = 1,
) -> dict[str, Any]:
    """Return one row of `results.json`."""
    rows, validation, test = probabilities
    right = validation.argmax(axis=1) == course.data.train.labels[rows]
    labels = course.data.test.labels
    found = measuring.scores(
        labels,
        test,
        files=course.data.test.files,
        copies=copies,
        random_seed=details["random_seed"],
    )
    warmth = measuring.temperature(course.data.train.labels[rows], validation)
    return {
        **{name: details[name] for name in ("recipe", "weights", "random_seed")},
        "views": views,
        "ensemble": ensemble,
        "accuracy_validation": float(right.mean()),
        **found,
        "temperature": warmth,
        "expected_calibration_error_after_scaling": measuring.calibration_error(
            labels, measuring.cooled(test, warmth)
        ),
        **{name: details[name] for name in ("minutes", "images_per_second", "processor")},
    }


def entries_of(
    course: Course,
    folder: Path,
    copies: np.ndarray,
    progress: Callable[..., Iterable] | None = None,
) -> list[dict[str, Any]]:
    """Return the rows of one kept recipe, one per number of views; rungs are not reported."""
    if folder.name.startswith("rung_"):
        return []
    details = compact.read_details(folder / "classifier.safetensors")
    views = (1, 2, 10) if details["recipe"] == "best" else (1, 2)
    return [
        entry(course, details, predictions(course, folder, v, progress), v, copies) for v in views
    ]


def members(runs: Path) -> list[Path]:
    """Return the runs that the ensemble is made of: all pre-trained ones with a good recipe."""
    folders = [file.parent for file in sorted(runs.glob("*/classifier.safetensors"))]
    return [
        folder
        for folder in folders
        if folder.name.startswith(tuple(f"{recipe}-" for recipe in ENSEMBLE_RECIPES))
        and "-random-" not in folder.name
    ]


def ensemble(runs: Path) -> list[Path]:
    """Return the runs that are averaged: those with the validation split of the best one."""
    if not members(runs):
        return []
    seed = compact.read_details(best_run(runs) / "classifier.safetensors")["random_seed"]
    return [folder for folder in members(runs) if folder.name.endswith(f"-{seed}")]


def ensemble_entries(course: Course, runs: Path, copies: np.ndarray) -> list[dict[str, Any]]:
    """Return the row of the ensemble, two views, if there are enough runs for one."""
    folders = ensemble(runs)
    if len(folders) < 2:
        return []
    kept = [predictions(course, folder, 2) for folder in folders]
    mean = (kept[0][0], *(np.mean([each[part] for each in kept], axis=0) for part in (1, 2)))
    each = [compact.read_details(folder / "classifier.safetensors") for folder in folders]
    details = each[0] | {
        "recipe": "+".join(one["recipe"] for one in each),
        "minutes": sum(one["minutes"] for one in each),
    }
    return [entry(course, details, mean, 2, copies, ensemble=len(each))]


def best_run(runs: Path) -> Path:
    """Return the run with the highest validation accuracy among the recipes.

    Raises
    ------
    DataError
        If nothing was trained yet.
    """
    folders = members(runs)
    if not folders:
        raise DataError(f"There is no run in {runs}: train a recipe first.")
    return max(
        folders,
        key=lambda f: compact.read_details(f / "classifier.safetensors")["accuracy_validation"],
    )


def ladder_rows(runs: Path, random_seed: int) -> list[dict[str, Any]]:
    """Return the climbed rungs as rows for `ladder.table`, read from the kept runs."""
    rows = []
    for rung in ladder.RUNGS:
        for file in sorted(runs.glob(f"{rung.run()}-*-{random_seed}/classifier.safetensors")):
            details = compact.read_details(file)
            rows.append(
                {
                    "rung": rung.name,
                    "change": rung.change,
                    "weights": details["weights"],
                    "accuracy_validation": details["accuracy_validation"],
                    "minutes": details["minutes"],
                }
            )
    return rows


def averaging_rows(measured: pd.DataFrame) -> list[dict[str, Any]]:
    """Return the rungs above the last recipe: more views of a face, then the ensemble.

    Parameters
    ----------
    measured
        From `read`. The single run that is best on the validation split is followed.
    """
    single = measured[measured["ensemble"] == 1]
    best = single.loc[single["accuracy_validation"].idxmax()]
    names = ["recipe", "weights", "random_seed"]
    same = (single[names] == best[names]).all(axis=1)
    steps = [
        (f"views_{row.views}", f"{row.recipe}: {row.views} views averaged", row)
        for row in single[same & (single["views"] > 1)].itertuples()
    ]
    steps += [
        ("ensemble", f"ensemble of {row.ensemble} runs, {row.views} views", row)
        for row in measured[measured["ensemble"] > 1].itertuples()
    ]
    return [
        {
            "rung": rung,
            "change": change,
            "weights": row.weights,
            "accuracy_validation": row.accuracy_validation,
            "minutes": row.minutes,
        }
        for rung, change, row in steps
    ]


def learning_curves(runs: Path) -> pd.DataFrame:
    """Return validation accuracy against minutes for each kept run of a recipe.

    Returns
    -------
    pandas.DataFrame
        A row per epoch: recipe, weights, random_seed, epoch, minutes since the data were loaded,
        accuracy_validation (0 to 1). Preparing (features, and the head that learns first) comes
        before the first epoch; the epochs of a run count as equally long.
    """
    parts = []
    for folder in sorted(file.parent for file in runs.glob("*/classifier.safetensors")):
        details = compact.read_details(folder / "classifier.safetensors")
        if folder.name.startswith("rung_"):
            continue
        history = pd.read_csv(folder / "history.csv", index_col="epoch")
        fitting = details["minutes"] - details["minutes_preparing"]
        rows = {name: details[name] for name in ("recipe", "weights", "random_seed")}
        rows["epoch"] = history.index
        rows["minutes"] = details["minutes_preparing"] + fitting * history.index / len(history)
        parts.append(pd.DataFrame({**rows, "accuracy_validation": history["val_accuracy"]}))
    return pd.concat(parts, ignore_index=True)


def averaged(table: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of `read` that average several views, weights by their first word."""
    rows = table[table["views"] > 1]
    return rows.assign(weights=rows["weights"].str.split().str[0])


def spread(measured: pd.DataFrame) -> pd.DataFrame:
    """Return the recipes that were trained with several random seeds, and how far these differ.

    Parameters
    ----------
    measured
        From `read`.

    Returns
    -------
    pandas.DataFrame
        A row per recipe, weights and views: seeds, mean and standard deviation (n - 1) of the
        accuracy on the test images, and its lowest and highest value, 0 to 1.
    """
    single = measured[measured["ensemble"] == 1]
    groups = single.groupby(["recipe", "weights", "views"])["accuracy_test"]
    table = groups.agg(seeds="count", mean="mean", deviation="std", lowest="min", highest="max")
    return table[table["seeds"] > 1].reset_index()


def read(file: Path) -> pd.DataFrame:
    """Return `results.json` as a table.

    Raises
    ------
    FileNotFoundError
        If it was not written yet.
    """
    return pd.read_json(file)
