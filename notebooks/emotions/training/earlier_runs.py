"""Curves of trainings that are over: those of notebook 4, and those of the recipes."""

import hashlib
from pathlib import Path
from typing import Any

import pandas as pd

from emotions.files import DataError, read_json, write_json
from emotions.settings import Settings

COLUMNS = ["loss", "accuracy", "val_loss", "val_accuracy"]
FOLDER = "notebook_4"


def keep(settings: Settings, data_name: str, weights: str, history: pd.DataFrame) -> Path:
    """Keep the curve of a training in `data/runs/<data set>/`; the same parameters replace it.

    Parameters
    ----------
    settings
        That it was trained with.
    data_name, weights
        Of the data set and of the backbone.
    history
        From `fit.Run`.
    """
    made_with = {**settings.of("training"), "weights": weights}
    made_with["random_seed"] = settings.random_seed
    key = hashlib.sha256(repr(sorted(made_with.items())).encode()).hexdigest()[:12]
    file = settings.data / "runs" / data_name / FOLDER / f"{key}.json"
    write_json(file, {"made_with": made_with, "history": history[COLUMNS].to_dict("list")})
    return file


def read(settings: Settings, data_name: str) -> dict[str, pd.DataFrame]:
    """Return the curves of all runs on a data set, by a name that tells them apart.

    Those of notebook 4 come first, the latest one at the head; then those of the recipes, and the
    one in the folder of the results if it is none of these.

    Raises
    ------
    DataError
        With one sentence, if a file was changed and cannot be read any more.
    """
    runs = settings.data / "runs" / data_name
    own = sorted((runs / FOLDER).glob("*.json"), key=lambda file: -file.stat().st_mtime_ns)
    curves = _told_apart([_read_own(file) for file in own])
    for file in (*sorted(runs.glob("*/history.csv")),
                 settings.output / data_name / "training_history.csv"):  # fmt: skip
        name = f"recipe {file.parent.name}" if file.name == "history.csv" else "in output/"
        curve = _read_table(file) if file.is_file() else None
        if curve is not None and not any(_same(curve, other) for other in curves.values()):
            curves[name] = curve
    return curves


def _read_own(file: Path) -> tuple[dict[str, Any], pd.DataFrame]:
    content = read_json(file)
    try:
        history = pd.DataFrame(content["history"], dtype=float)[COLUMNS]
        return dict(content["made_with"]), _by_epoch(history)
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(f"{file} holds no curve of a training; delete it.") from error


def _read_table(file: Path) -> pd.DataFrame:
    try:
        return _by_epoch(pd.read_csv(file)[COLUMNS].astype(float))
    except (KeyError, ValueError, UnicodeDecodeError) as error:
        raise DataError(f"{file} holds no curve of a training; delete it.") from error


def _by_epoch(history: pd.DataFrame) -> pd.DataFrame:
    return history.set_axis(pd.RangeIndex(1, len(history) + 1, name="epoch"))


def _same(one: pd.DataFrame, other: pd.DataFrame) -> bool:
    return one.shape == other.shape and bool((one - other).abs().to_numpy().max(initial=0) < 1e-5)


def _told_apart(runs: list[tuple[dict[str, Any], pd.DataFrame]]) -> dict[str, pd.DataFrame]:
    """Name each run by the parameters in which the runs differ."""
    keys = dict.fromkeys(key for made_with, _ in runs for key in made_with)
    differ = [key for key in keys if len({str(made_with.get(key)) for made_with, _ in runs}) > 1]
    always = [key for key in ("optimizer", "learning_rate") if key not in differ]
    curves: dict[str, pd.DataFrame] = {}
    for number, (made_with, history) in enumerate(runs):
        words = ", ".join(f"{key} {made_with.get(key)}" for key in (*always, *differ))
        curves[f"last: {words}" if number == 0 else words] = history
    return curves
