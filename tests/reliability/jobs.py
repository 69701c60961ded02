"""Parts of the course as jobs that can be killed at any moment, run again, and compared.

Each job works in a folder of its own, `home`, and does what a notebook does there. `result` says
what came out, down to the bytes, so that two runs can be compared.
"""

import hashlib
import json
import os
import subprocess
import sys
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
TRAIN, TEST = 280, 140  # drawn faces
SMALL = {
    "EMOTIONS_WEIGHTS": "hed", "EMOTIONS_PRECISION": "float32", "EMOTIONS_EPOCHS": "3",
    "EMOTIONS_GRID": '{"optimizer": ["SGD", "Adam"]}', "EMOTIONS_GRID_EPOCHS": "2",
    "EMOTIONS_FOLDS": "2",
}  # fmt: skip


@dataclass(frozen=True)
class Job:
    """Something that may be killed.

    Attributes
    ----------
    name
        In words.
    run
        Does the work in a folder; run again it goes on or starts anew.
    finished
        The files and folders whose presence means that they are whole.
    """

    name: str
    run: Callable[[Path], None]
    finished: Callable[[Path], list[Path]]

    def result(self, home: Path) -> dict[str, str]:
        """Return the digest of every file that the job has finished."""
        files: list[Path] = []
        for path in self.finished(home):
            files += [p for p in path.rglob("*") if p.is_file()] if path.is_dir() else [path]
        whole = [f for f in files if f.is_file() and ".unfinished-" not in str(f)]
        return {f.relative_to(home).as_posix(): digest(f) for f in sorted(whole)}


def digest(file: Path) -> str:
    """Return the sha256 of a file; not of durations.json, which holds nothing but times."""
    if file.name == "durations.json":
        return "times"
    return hashlib.sha256(file.read_bytes()).hexdigest()


def prepare(home: Path) -> None:
    """Draw the faces that the jobs work on, as folders and as an archive."""
    from emotions.data.drawn import draw_data_set

    draw_data_set(home / "faces", train=TRAIN, test=TEST)
    with zipfile.ZipFile(home / "archive.zip", "w") as archive:
        for path in sorted((home / "faces").rglob("*.png")):
            archive.write(path, path.relative_to(home / "faces").as_posix())


def link_faces(home: Path, source: Path) -> None:
    """Give a job's folder the faces and the archive, without copying them."""
    (home / "data").mkdir(parents=True)
    os.link(source / "archive.zip", home / "data" / "archive.zip")
    (home / "faces").symlink_to(source / "faces")


def open_course(home: Path, **changes: object):
    """Open the course in `home` on the drawn faces."""
    import matplotlib

    matplotlib.use("agg")
    from emotions.course import opening

    base = {
        "train_data": home / "faces/train", "val_data": home / "faces/test",
        "data": home / "data", "output": home / "output", "weights": "hed",
        "precision": "float32", "epochs": 12, "batch_size": 32,
    }  # fmt: skip
    return opening.open_course(**(base | changes))


def unpack(home: Path) -> None:
    """Unpack archive.zip, as the first notebook does."""
    from emotions.data import sources

    sources.prepare_folders(home / "data")


def draw(home: Path) -> None:
    """Draw the faces of the course's own sample, fewer of them."""
    from emotions.data.drawn import draw_data_set

    draw_data_set(home / "drawn", train=TRAIN, test=TEST)


def read(home: Path) -> None:
    """Read all images into the cache."""
    from emotions.data.faces import load_faces

    load_faces(home / "faces/train", home / "faces/test", home / "cache")


def features(home: Path) -> None:
    """Compute the features of three layers."""
    from emotions.course import opening
    from emotions.training import task as training

    course = open_course(home)
    model, policy = opening.open_backbone(course)
    training.compute_features(course.settings, course.data, model, policy, None)


def train(home: Path) -> None:
    """Train a head with dropout, a checkpoint after every epoch, and save it."""
    from emotions.course import opening
    from emotions.files import write_table
    from emotions.measuring import classifier
    from emotions.training import task as training

    course = open_course(home, dropout=0.5, width=0.25)
    model, policy = opening.open_backbone(course)
    task = training.prepare(course.settings, course.data, model, policy)
    run = training.train(task, checkpoint_every=0)
    write_table(course.folder / "training_history.csv", run.history)
    classifier.save(course.folder / classifier.OWN, task, {"weights": model.weights})


def grid(home: Path) -> None:
    """Search a small grid and write its table."""
    from emotions.files import write_table
    from emotions.showing.progress import Progress
    from emotions.training import search as grid_search

    random = np.random.default_rng(3)
    labels = np.arange(210) % 7
    inputs = (random.normal(size=(210, 24)) + np.eye(24)[labels]).astype(np.float32)
    searcher = grid_search.search(
        inputs, labels, np.arange(210), {"optimizer": ["SGD", "Adam"], "units": [8, 16]},
        epochs=4, folds=2, random_seed=1, progress=Progress,
    )  # fmt: skip
    write_table(home / "output" / "grid_search.csv", grid_search.results_table(searcher))


def export(home: Path) -> None:
    """Write figures, tables and the pages of a notebook that has run."""
    import matplotlib

    matplotlib.use("agg")
    sys.path.insert(0, str(ROOT / "notebooks"))
    import course as commands
    import nbformat
    import pandas as pd
    from emotions.files import write_json, write_table
    from emotions.showing import plots, style

    counts = pd.DataFrame({"train": [3, 4], "test": [1, 2]}, index=["calm", "wild"])
    folder = home / "output" / "sample"
    for number in range(3):
        style.save(plots.class_counts(counts, "Counts"), folder / f"{number}.png", "data: x")
        write_table(folder / f"{number}.csv", counts)
        write_json(folder / f"{number}.json", counts.to_dict())
    notebook = nbformat.read(ROOT / "notebooks" / "09_report.ipynb", as_version=4)
    commands.write_pages(notebook, ROOT / "notebooks" / "09_report.ipynb", folder)


def report(home: Path) -> None:
    """Run the course's own command: all notebooks, on few faces."""
    environment = {**os.environ, **SMALL}
    environment |= {
        "EMOTIONS_TRAIN_DATA": str(home / "faces/train"), "EMOTIONS_OUTPUT": str(home / "output"),
        "EMOTIONS_VAL_DATA": str(home / "faces/test"), "EMOTIONS_DATA": str(home / "data"),
    }  # fmt: skip
    command = [sys.executable, str(ROOT / "notebooks" / "course.py"), "report"]
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if ended.returncode:
        raise RuntimeError(ended.stderr)


def reported(home: Path) -> list[Path]:
    """Return the tables and numbers that the report is made of."""
    folder = home / "output" / "sample"
    return [*folder.glob("*.csv"), *folder.glob("*.json")]


JOBS = {
    "unpack": Job("unpacking an archive", unpack, lambda h: [h / "data/Face_emotions"]),
    "draw": Job("drawing the faces", draw, lambda h: [h / "drawn"]),
    "read": Job("reading the images", read, lambda h: sorted((h / "cache").glob("[!.]*/*.npy"))),
    "features": Job(
        "computing features", features, lambda h: sorted((h / "data/cache/features").glob("[!.]*"))
    ),
    "train": Job("a training", train, lambda h: [h / "output"]),
    "grid": Job("a grid search", grid, lambda h: [h / "output"]),
    "export": Job("writing figures, tables and pages", export, lambda h: [h / "output"]),
    "report": Job("the whole course (course.py report)", report, reported),
}


def as_text(result: dict[str, str]) -> str:
    """Return a result as one line, to print and to compare."""
    return json.dumps(result, sort_keys=True)
