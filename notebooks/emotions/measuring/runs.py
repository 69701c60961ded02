"""The kept runs of the recipes, measured alike: the table of results and the learning curves."""

import math
import platform
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import psutil

from emotions.data.faces import FaceData
from emotions.files import DataError, replacing
from emotions.loops import Progress
from emotions.measuring import scores
from emotions.measuring.classifier import SHIPPED as FILE
from emotions.measuring.classifier import load, read_details, validation_rows
from emotions.network import backbone as backbones
from emotions.recipes import RECIPES
from emotions.settings import Settings

RUN = ("recipe", "weights", "random_seed")  # what tells runs apart
KEPT = (*RUN, "refit")  # what tells kept classifiers apart
REFIT = "-refit"  # ends the folder's name of a run that learnt from the validation images too


def processor() -> str:
    """Return the processor's name and number of cores."""
    name = backbones.cpuinfo("model name") or platform.processor() or platform.machine()
    fast = {"amx_bf16": "AMX", "avx512_bf16": "AVX512-BF16"}
    flags = backbones.cpuinfo("flags").split()
    units = [title for flag, title in fast.items() if flag in flags]
    return f"{psutil.cpu_count()} cores of {name}" + (f" ({units[0]})" if units else "")


def finished(runs: Path, *, rungs: bool = True, refits: bool = True) -> list[Path]:
    """Return the folders of the trainings that went to their end, of recipes alone without rungs.

    A stopped training does not count. A refit has no validation accuracy of its own.
    """
    folders = [file.parent for file in sorted(runs.glob(f"*/{FILE}"))]
    kept = [folder for folder in folders if rungs or not folder.name.startswith("rung_")]
    ended = [folder for folder in kept if is_finished(folder)]
    return [folder for folder in ended if refits or not details(folder)["refit"]]


def details(folder: Path) -> dict[str, Any]:
    """Return what was saved with the classifier of a kept run."""
    return {"refit": False} | read_details(folder / FILE)


def is_finished(folder: Path) -> bool:
    """Tell whether a folder holds a training that went to its end.

    A refit counts only beside the run that it repeats: what it is worth is told by that.
    """
    if not (folder / FILE).is_file():
        return False
    about = details(folder)
    ended = about["epochs_run"] == about["epochs"]
    if not about["refit"]:
        return ended
    first, told = _repeated(folder), "accuracy_validation"
    return ended and is_finished(first) and details(first)[told] == about[told]


def _repeated(refit: Path) -> Path:
    return refit.with_name(refit.name.removesuffix(REFIT))


def predictions(
    data: FaceData, settings: Settings, folder: Path, views: int, progress: Progress | None = None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return validation rows, a kept classifier's probabilities of these, and of the test images.

    They are averaged over views (see `scores.views_of`) and computed once. Of a refit, which has
    learnt the validation images, those are of the run that it repeats.
    """
    file, about = folder / f"predictions_{views}.npz", details(folder)
    if about["data_fingerprint"] != data.fingerprint:
        raise DataError(
            f"The classifier in {folder} was trained on {about['data']}, but these are other "
            f"images ({data.title}): give the same data, or move that folder away."
        )
    order, known = f"{data.train.order()}-{data.test.order()}", False
    if file.is_file():
        with np.load(file, allow_pickle=False) as kept:
            known = str(kept.get("order", order)) == order
    if not known:  # or of the same images by other names, in another order
        model = load(folder / FILE, about["precision"]).model
        rows = validation_rows(data, settings, about)
        if about["refit"]:
            _, validation, _ = predictions(data, settings, _repeated(folder), views, progress)
        else:
            validation = scores.predict(model, data.train.images[rows], views, progress=progress)
        test = scores.predict(model, data.test.images, views, progress=progress)
        with replacing(file) as temporary:
            np.savez(temporary, rows=rows, validation=validation, test=test, order=order)
    with np.load(file, allow_pickle=False) as kept:
        return kept["rows"], kept["validation"], kept["test"]


def entry(
    data: FaceData,
    about: dict[str, Any],
    probabilities: tuple[np.ndarray, np.ndarray, np.ndarray],
    views: int,
    copies: np.ndarray,
    ensemble: int = 1,
) -> dict[str, Any]:
    """Return one row of `results.json`, of a classifier that `about` describes."""
    rows, validation, test = probabilities
    right = validation.argmax(axis=1) == data.train.labels[rows]
    labels = data.test.labels
    found = scores.summary(
        labels, test, files=data.test.files, copies=copies, random_seed=about["random_seed"]
    )
    warmth = scores.temperature(data.train.labels[rows], validation)
    return {
        **{name: about[name] for name in KEPT},
        "views": views,
        "ensemble": ensemble,
        "accuracy_validation": float(right.mean()),
        **found,
        "temperature": warmth,
        "expected_calibration_error_after_scaling": scores.calibration_error(
            labels, scores.cooled(test, warmth)
        ),
        **{name: about[name] for name in ("minutes", "images_per_second", "processor")},
    }


def entries_of(
    data: FaceData,
    settings: Settings,
    folder: Path,
    copies: np.ndarray,
    progress: Progress | None = None,
) -> list[dict[str, Any]]:
    """Return the rows of one kept recipe, one per number of views."""
    about = details(folder)
    views = (1, 2, 10) if about["trainable"] == "everything" else (1, 2)
    return [
        entry(data, about, predictions(data, settings, folder, v, progress), v, copies)
        for v in views
    ]


def with_earlier(
    rows: list[dict[str, Any]], earlier: list[dict[str, Any]], run: tuple[str, ...]
) -> list[dict[str, Any]]:
    """Return new rows, and before them the earlier ones of runs that have no new row.

    Runs are kept where they were trained, results wherever the course goes. `run` names the
    columns that tell runs apart. A recipe that cuts its network otherwise than before, from the
    same weights, has new rows.
    """
    new = {_uncut(row, run) for row in rows}
    return [row for row in earlier if _uncut(row, run) not in new] + rows


def without_outdated(
    earlier: list[dict[str, Any]], rows: list[dict[str, Any]]
) -> list[dict[str, Any]]:
    """Return the earlier rows without ensembles of a recipe that was trained anew since.

    A training of another recipe that had its name took another time.
    """
    minutes = {_uncut(row): row["minutes"] for row in rows}
    anew = {
        row["recipe"]
        for row in earlier
        if not _alike(minutes.get(_uncut(row), row["minutes"]), row["minutes"])
    }
    return [
        row for row in earlier if row["ensemble"] == 1 or anew.isdisjoint(row["recipe"].split("+"))
    ]


def in_order(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return rows of runs by recipe, weights and seed: earlier recipes first, ensembles last."""
    earlier = dict.fromkeys(row["recipe"] for row in rows if row["recipe"] not in RECIPES)
    places = {recipe: place for place, recipe in enumerate([*earlier, *RECIPES])}
    names = ("weights", "refit", "random_seed")

    def place(row: Mapping[str, Any]) -> tuple:
        return row.get("ensemble", 1) > 1, places[row["recipe"]], *key(row, names)

    return sorted(rows, key=place)


def key(row: Mapping[str, Any], names: tuple[str, ...] = KEPT) -> tuple:
    """Return what tells a kept classifier, or its row, from others; older ones know no refit."""
    return tuple(row.get(name, False) for name in names)


def rows_of(
    about: Mapping[str, Any], measured: Iterable[Mapping[str, Any]]
) -> list[Mapping[str, Any]]:
    """Return the rows of `results.json` that are of the single classifier with these details.

    Another training of the same recipe and seed took another time.
    """
    alike = [row for row in measured if row["ensemble"] == 1 and key(row) == key(about)]
    return [row for row in alike if _alike(row["minutes"], about["minutes"])]


def _alike(minutes: float, others: float) -> bool:
    """Tell whether two trainings took so equally long that they are one; files are rounded."""
    return math.isclose(minutes, others, rel_tol=1e-5)


def validation_of(about: Mapping[str, Any], measured: Iterable[Mapping[str, Any]]) -> float:
    """Return the best validation accuracy of a classifier, over its views; 0 if not measured."""
    found = rows_of(about, measured)
    return max((row["accuracy_validation"] for row in found), default=0.0)


def _uncut(row: Mapping[str, Any], names: tuple[str, ...] = KEPT) -> tuple:
    return key({**row, "weights": started_from(row["weights"])}, names)


def members(runs: Path) -> list[Path]:
    """Return the runs with a good recipe, of which the best ships: all pre-trained ones."""
    return [x for x in _good(runs) if not details(x)["weights"].startswith("random")]


def _good(runs: Path) -> list[Path]:
    """Return the runs with a good recipe; a refit stands for the run that it repeats."""
    good = tuple(f"{recipe}-" for recipe, values in RECIPES.items() if values)
    folders = [folder for folder in finished(runs) if folder.name.startswith(good)]
    return [folder for folder in folders if folder.with_name(folder.name + REFIT) not in folders]


def ensemble(data: FaceData, settings: Settings, runs: Path) -> list[Path]:
    """Return the runs that are averaged, also from random weights, chosen by their two views.

    To the best one that run is added which raises the accuracy of the average on the validation
    split most, until none does (Caruana et al. 2004, "Ensemble selection from libraries of
    models"). All have the validation split of the best one, so that none had learnt from it then.
    """
    kept = {folder: predictions(data, settings, folder, 2) for folder in _good(runs)}

    def accuracy(folders: list[Path]) -> float:
        rows, found = kept[folders[0]][0], sum(kept[folder][1] for folder in folders)
        return float((found.argmax(axis=1) == data.train.labels[rows]).mean())

    best = max(members(runs), key=lambda folder: accuracy([folder]), default=None)
    if best is None:
        return []
    same = [folder for folder in kept if _split(folder) == _split(best)]
    chosen = [best]
    while rest := [folder for folder in same if folder not in chosen]:
        another = max(rest, key=lambda folder: accuracy([*chosen, folder]))
        if accuracy([*chosen, another]) <= accuracy(chosen):
            break
        chosen.append(another)
    return chosen


def _split(folder: Path) -> tuple:
    """Return what decides which images a kept run is chosen by."""
    about = details(folder)
    return about["random_seed"], about["validation_share"], about.get("left_out", [])


def ensemble_entries(
    data: FaceData, settings: Settings, runs: Path, copies: np.ndarray
) -> list[dict[str, Any]]:
    """Return the rows of the ensemble, two and ten views, if there are enough runs for one."""
    kept = ensemble(data, settings, runs)
    if len(kept) < 2:
        return []
    each = [details(folder) for folder in kept]
    starts = dict.fromkeys(short(one["weights"]) for one in each)
    about = each[0] | {
        "recipe": "+".join(one["recipe"] for one in each),
        "minutes": sum(one["minutes"] for one in each),
    }
    if len(starts) > 1:
        about["weights"] = " + ".join(starts)
    entries = []
    for views in (2, 10):
        found = [predictions(data, settings, folder, views) for folder in kept]
        rows, validation, test = zip(*found, strict=True)
        mean = (rows[0], np.mean(validation, axis=0), np.mean(test, axis=0))
        entries.append(entry(data, about, mean, views, copies, ensemble=len(each)))
    return entries


def best_run(runs: Path, measured: Iterable[Mapping[str, Any]]) -> Path:
    """Return the run among `members` with the best row of `results.json` on validation images."""
    folders = members(runs)
    if not folders:
        good = " or ".join(recipe for recipe, values in RECIPES.items() if values)
        raise DataError(
            f"There is no finished training of {good} from pre-trained weights in {runs}: train "
            "one first."
        )
    return max(folders, key=lambda folder: validation_of(details(folder), measured))


def other_settings(about: Mapping[str, Any], settings: Settings) -> dict[str, tuple[Any, Any]]:
    """Return what a run was trained with otherwise: name -> (the run's value, the wanted).

    `about` are the run's details. A setting that is younger than the run had its default then.
    """
    wanted = settings.of("training") | {"random_seed": settings.random_seed}
    for name in ("recipe", "deterministic"):  # a name for the others; the last digits
        del wanted[name]
    had = Settings.model_construct().of("training", "given") | about
    return {name: (had[name], value) for name, value in wanted.items() if had[name] != value}


def made_with(runs: Path, settings: Settings) -> list[Path]:
    """Return the finished runs that were trained with these settings, under whatever name."""
    folders = finished(runs, refits=False)
    return [folder for folder in folders if not other_settings(details(folder), settings)]


def learning_curves(runs: Path) -> pd.DataFrame:
    """Return validation accuracy against minutes for each kept run of a recipe, refits aside.

    A row per epoch: recipe, weights, random_seed, epoch, minutes since the data were loaded,
    accuracy_validation (0 to 1). Preparing (features, and the head that learns first) comes before
    the first epoch; the epochs of a run count as equally long.
    """
    parts = []
    for folder in finished(runs, rungs=False, refits=False):
        about = details(folder)
        history = pd.read_csv(folder / "history.csv", index_col="epoch")
        before = about["minutes_preparing"]
        rows = {name: about[name] for name in RUN}
        rows["epoch"] = history.index
        rows["minutes"] = before + (about["minutes"] - before) * history.index / len(history)
        parts.append(pd.DataFrame({**rows, "accuracy_validation": history["val_accuracy"]}))
    return pd.concat(parts, ignore_index=True)


def best_single(measured: pd.DataFrame) -> pd.Series:
    """Return the row of `read` with the best validation accuracy, no ensemble.

    If the run was trained once more on all training images, it is the row of that.
    """
    single = measured[measured["ensemble"] == 1]
    best = single[single["accuracy_validation"] == single["accuracy_validation"].max()]
    return best.loc[best["refit"].idxmax()]


def called(run: Mapping[str, Any]) -> str:
    """Return the name of a row's recipe in tables; a single refit is another classifier."""
    single = run.get("ensemble", 1) == 1
    return run["recipe"] + (", refit" if run.get("refit") and single else "")


def started_from(weights: str) -> str:
    """Return what a network's weights were before it was slimmed and normalised, which rungs say.

    "hed (a stand-in), half width, batch normalisation" started from "hed (a stand-in)".
    """
    return re.sub(r"(, [^,()]*width)?(, batch normalisation)?$", "", weights)


def short(weights: str) -> str:
    """Return what weights are called where there is little room: hed, not hed (stand-in: …)."""
    return started_from(weights).split(" (")[0]


def spread(measured: pd.DataFrame) -> pd.DataFrame:
    """Return the recipes of `read` that were trained with several seeds, and how far these differ.

    A row per recipe, weights and views: seeds, mean and standard deviation (n - 1) of the accuracy
    on the test images, and its lowest and highest value, 0 to 1.
    """
    single = measured[(measured["ensemble"] == 1) & ~measured["refit"]]
    groups = single.groupby(["recipe", "weights", "views"])["accuracy_test"]
    table = groups.agg(seeds="count", mean="mean", deviation="std", lowest="min", highest="max")
    return table[table["seeds"] > 1].reset_index()


def read(file: Path) -> pd.DataFrame:
    """Return `results.json` as a table; if it is not there, that is a DataError."""
    if not file.is_file():
        raise DataError(
            f"{file} is not there: get that folder again (`git checkout output/fer2013`, or unpack "
            "the course once more)."
        )
    table = pd.read_json(file)
    refit = table["refit"].eq(True) if "refit" in table else False  # noqa: FBT003
    return table.assign(refit=refit)  # older results know none
