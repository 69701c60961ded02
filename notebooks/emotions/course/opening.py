"""What every notebook starts with: settings, data, the folder of the results, the backbone."""

import platform
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
from ipywidgets import Widget
from matplotlib.figure import Figure

from emotions.data import copies, origin, sources
from emotions.data.faces import FaceData, load_faces
from emotions.files import write_json, write_table
from emotions.network import backbone
from emotions.network.quiet_keras import keras
from emotions.network.slim import operate
from emotions.settings import Settings, read_settings
from emotions.showing import style
from emotions.showing.progress import Progress
from emotions.training import task as training

ENGINE = keras.backend.backend()  # its package has the same name
PACKAGES = (ENGINE, "keras", "keras-vggface", "scikit-learn", "numpy", "pandas")


@dataclass(frozen=True)
class Course:
    """Settings, data and the folder of the results."""

    settings: Settings
    data: FaceData
    origin: str = ""  # which data: "genuine FER-2013", "FER-2013, altered: …", "other data", ...
    warnings: tuple[str, ...] = ()  # how training and test images differ, if they should not

    @property
    def folder(self) -> Path:
        """The folder `output/<data set>`, for results that show no single face."""
        return self.settings.output / self.data.name

    @property
    def faces_folder(self) -> Path:
        """The folder `output/<data set>/faces`, for figures that do; ignored by git."""
        return self.folder / "faces"

    def footer(self, weights: str | None = None, data: str | None = None) -> str:
        """Return what stands below a figure: the data and, if it depends on them, the weights."""
        return f"data: {data or self.data.title}" + (f" · weights: {weights}" if weights else "")

    def save(
        self,
        result: Figure | pd.DataFrame,
        name: str,
        weights: str | None = None,
        *,
        faces: bool = False,
        data: str | None = None,
    ) -> None:
        """Write a table as `name`.csv, or a figure as `name`.png and show it.

        Below a figure stand the weights, if it depends on them, and the data: the course's, if
        `data` names no others. `faces` says that it shows single faces.
        """
        if isinstance(result, pd.DataFrame):
            write_table(self.folder / f"{name}.csv", result)
            return
        folder = self.faces_folder if faces else self.folder
        style.save(result, folder / f"{name}.png", self.footer(weights, data))
        style.show(result, faces=faces)

    def split(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the rows of the training images to learn from, and those to choose by.

        Copies of one picture are on one side.
        """
        return training.split_rows(self.data, self.settings, self.left_out())

    def left_out(self) -> np.ndarray | None:
        """Return which training images to leave out by notebook 01's list, bool (n,), or None."""
        if not self.settings.leave_out:
            return None
        listed = copies.read_leave_out(self.folder / "leave_out.csv")
        return copies.left_out_rows(self.data.train, listed)

    def provenance(self, model: backbone.Backbone | None = None, **more: Any) -> dict[str, Any]:
        """Return what a result was made from: data, weights, seed, versions."""
        facts = {
            "data": self.data.title,
            "data_origin": self.origin,
            "data_warnings": list(self.warnings),
            "data_fingerprint": self.data.fingerprint,
            "data_order": self.data.train.order(),
            "training_images": len(self.data.train),
            "test_images": len(self.data.test),
            "random_seed": self.settings.random_seed,
        }
        if model is not None:
            facts |= {"weights": model.weights, "weights_digest": model.digest}
        versions = {package: version(package) for package in PACKAGES}
        return facts | more | {"versions": {"python": platform.python_version(), **versions}}

    def record(
        self, name: str, model: backbone.Backbone | None = None, **content: Any
    ) -> dict[str, Any]:
        """Write results as `name`.json, with what they were made from, and return all of it."""
        if model is not None:
            content = {"precision": backbone.choose_precision(self.settings.precision)} | content
        facts = self.provenance(model, **content)
        write_json(self.folder / f"{name}.json", facts)
        return facts

    def changed(self, settings: Settings) -> "Course":
        """Return the course with other settings; only other data are read again."""
        named = ("train_data", "val_data", "data")
        if any(getattr(settings, name) != getattr(self.settings, name) for name in named):
            return open_course(**settings.model_dump())
        if settings.deterministic:
            make_deterministic()
        return replace(self, settings=settings)

    def features(
        self,
        model: backbone.Backbone,
        rows: np.ndarray | Literal["train", "test"],
        layers: Sequence[str],
        pooling: str = "flatten",
        progress: Callable[..., Iterable] | None = Progress,
    ) -> list[np.ndarray]:
        """Return what each of some layers sees in some images, float32 (rows, numbers).

        The images are some rows of the training images, or all of "train" or "test"; the pooling
        is "average" or "flatten". It is computed once.
        """
        settings, data = self.settings, self.data
        policy = backbone.choose_precision(settings.precision)
        specs = [
            training.feature_spec(settings, data, policy, layer=layer, pooling=pooling)
            for layer in layers
        ]
        values = training.kept_features(settings, data, rows, model, specs, progress)
        return [np.asarray(each, np.float32).reshape(len(each), -1) for each in values]


def find_folders(settings: Settings) -> tuple[Path, Path]:
    """Return the folders of the training and the test images, made ready if none are named."""
    if settings.train_data and settings.val_data:
        return settings.train_data, settings.val_data
    return sources.prepare_folders(settings.data, progress=Progress)


def load_data(settings: Settings) -> FaceData:
    """Return the images that the settings name, or those that lie in `data/`, or drawn faces."""
    train, test = find_folders(settings)
    return load_faces(train, test, settings.data / "cache" / "images", progress=Progress)


def results_folder() -> Path:
    """Return where the results go of the data that the settings name."""
    settings = read_settings()
    return settings.output / load_data(settings).name


def open_course(**changes: Any) -> Course:
    """Read the settings, some of them changed, load the data, switch the figures' style on."""
    if not changes:  # the first cell: a notebook that runs again starts without earlier widgets
        Widget.close_all()
    style.use_style()
    pd.set_option("display.max_colwidth", None)  # a cut-off sentence teaches nothing
    settings = read_settings(**changes)
    if settings.deterministic:
        make_deterministic()
    data = load_data(settings)
    print(f"Data: {data.title}, {len(data.train):,} training and {len(data.test):,} test images.")
    found = examine(settings, data)
    return Course(settings, data, found.origin, found.warnings)


def make_deterministic() -> None:
    """Let the engine, from now on in this process, only compute what gives the same digits.

    Keras has no word for this. JAX does so on a processor by itself; for a graphics card it wants
    XLA_FLAGS=--xla_gpu_deterministic_ops=true before it starts.
    """
    if ENGINE == "tensorflow":
        import tensorflow as tf

        tf.config.experimental.enable_op_determinism()
    elif ENGINE == "torch":
        import torch

        torch.use_deterministic_algorithms(True)


def examine(settings: Settings, data: FaceData) -> origin.Findings:
    """Print what loading changed, which data these are, and what should make you suspicious."""
    found = origin.examine(data, settings.data / "cache" / "origin")
    print(*data.notes, f"Origin: {found.origin}.", *found.warnings, sep="\n")
    return found


def open_backbone(course: Course) -> tuple[backbone.Backbone, str]:
    """Return VGG-Face with the wanted weights, and the precision it computes in."""
    settings = course.settings
    folder = settings.data / "weights"
    weights, sentence = backbone.choose_weights(settings.weights, folder)
    policy = backbone.choose_precision(settings.precision)
    print(sentence)
    print(f"Precision: {policy}.")
    changed = settings.width < 1 or settings.rescale or settings.normalisation != "none"
    with backbone.precision("float32" if changed else policy):
        made = backbone.build(weights, settings.image_size, folder, settings.random_seed)
    return (operated(course, made, policy) if changed else made), policy


def operated(course: Course, made: backbone.Backbone, policy: str) -> backbone.Backbone:
    """Return the backbone changed as the settings say, by 512 training faces, for a precision.

    By fewer if they are larger than 48 pixels, so that their maps take as much memory.
    """
    settings = course.settings
    faces = max(32, 512 * 48**2 // max(48, settings.image_size) ** 2)
    random = np.random.default_rng(settings.random_seed)
    rows = random.permutation(course.split()[0])[:faces]
    faces = training.prepared_images(settings, course.data, np.sort(rows))
    changed = operate(made, settings, faces)
    if policy == "float32":
        return changed
    with backbone.precision(policy):
        return backbone.copy(changed, settings.image_size)
