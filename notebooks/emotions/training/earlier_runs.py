"""Curves of trainings that are over: those of notebook 4, and those of the recipes."""

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from emotions.files import DataError, read_json, write_json
from emotions.settings import Settings
from emotions.training.fit import COLUMNS

FOLDER = "notebook_4"


def keep(settings: Settings, data_name: str, weights: str, history: pd.DataFrame) -> Path:
    """Keep a run's history in `data/runs/<data set>/`; that of the same parameters goes."""
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
    """
    runs = settings.data / "runs" / data_name
    own = sorted((runs / FOLDER).glob("*.json"), key=lambda file: -file.stat().st_mtime_ns)
    curves = _told_apart([_read(file) for file in own])
    for file in (*sorted(runs.glob("*/history.csv")),
                 settings.output / data_name / "training_history.csv"):  # fmt: skip
        name = f"recipe {file.parent.name}" if file.name == "history.csv" else "in output/"
        if file.is_file():
            _, curve = _read(file)
            alike = [other for other in curves.values() if len(other) == len(curve)]
            if not any(np.allclose(curve, other, rtol=0, atol=1e-5) for other in alike):
                curves[name] = curve
    return curves


def _read(file: Path) -> tuple[dict[str, Any], pd.DataFrame]:
    """Return what a run was made with, a younger setting by its default, and its curve."""
    try:
        is_own = file.suffix == ".json"
        content = read_json(file) if is_own else {"made_with": {}, "history": pd.read_csv(file)}
        history = pd.DataFrame(content["history"])[COLUMNS].astype(float)
        made_with = Settings.model_construct().of("training") | content["made_with"]
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(f"{file} holds no curve of a training; delete it.") from error
    return made_with, history.set_axis(pd.RangeIndex(1, len(history) + 1, name="epoch"))


def _told_apart(runs: list[tuple[dict[str, Any], pd.DataFrame]]) -> dict[str, pd.DataFrame]:
    """Name each run by the parameters in which the runs differ."""
    keys = dict.fromkeys(key for made_with, _ in runs for key in made_with)
    differ = [key for key in keys if len({str(made_with.get(key)) for made_with, _ in runs}) > 1]
    always = [key for key in ("optimizer", "learning_rate") if key not in differ]
    curves: dict[str, pd.DataFrame] = {}
    for made_with, history in runs:
        words = ", ".join(f"{key} {made_with.get(key)}" for key in (*always, *differ))
        curves.setdefault(words, history)  # of two runs with the same parameters the later one
    return {f"last: {w}" if w == next(iter(curves)) else w: x for w, x in curves.items()}
