"""Two epochs of small recipes on the engine that KERAS_BACKEND names; see test_engines.py.

    KERAS_BACKEND=jax python engine_run.py folder recipe ...

The folder has one for each recipe, which holds drawn `faces`, the head's `start.npz` and
TensorFlow's `tensorflow.safetensors`.
"""

import os
import sys
import threading
from importlib.machinery import ModuleSpec
from pathlib import Path

import numpy as np

ENGINE = os.environ.get("KERAS_BACKEND", "tensorflow")


class NoTensorFlow:
    """Finds no TensorFlow, as if it were not installed; Keras asks `sys.modules` for it too."""

    @classmethod
    def find_spec(cls, name: str, *_: object) -> ModuleSpec | None:
        return ModuleSpec(name, cls) if name == "tensorflow" else None  # PyTorch asks for it

    @staticmethod
    def create_module(spec: ModuleSpec) -> None:
        raise ModuleNotFoundError(f"something imports {spec.name}")

    exec_module = create_module  # a loader has both


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "notebooks"))
    if ENGINE != "tensorflow":
        sys.meta_path.insert(0, NoTensorFlow)

from emotions.course.opening import open_backbone, open_course  # noqa: E402
from emotions.data.pixels import read_image  # noqa: E402
from emotions.measuring import classifier  # noqa: E402
from emotions.training import fit  # noqa: E402
from emotions.training.search import HeadClassifier  # noqa: E402
from emotions.training.task import Task, prepare  # noqa: E402

# Without dropout: its random numbers are each engine's own. All else must agree.
RECIPES = {
    "head": {"units": 32, "learning_rate": 0.003, "batch_size": 32},
    "everything": {
        "recipe": "ten_minutes", "width": 0.25, "dropout": 0, "batch_size": 32, "warmup": 1,
        "learning_rate": 0.003, "moving_average": 0.5, "backbone_rate": 0.9,
    },
}  # fmt: skip


def prepared(recipe: str, folder: Path) -> Task:
    """Return a task on the faces in a folder, by the course's own steps; its caches lie there."""
    course = open_course(
        train_data=folder / "faces" / "train",
        val_data=folder / "faces" / "test",
        data=folder / ENGINE,
        output=folder / ENGINE,
        weights="hed",
        precision="float32",
        deterministic=ENGINE != "tensorflow",  # there it holds for all later tests,
        validation_share=0.2,
        **RECIPES[recipe] | {"epochs": 2},
    )
    model, policy = open_backbone(course)
    return prepare(course.settings, course.data, model, policy)


def keep_the_last(keeper: fit.Keeper, logs: dict) -> None:
    """Keep the weights as they were tested, in place of `Keeper.on_test_end`.

    Which epoch is best hangs on single images of these few, and not on the engine alone.
    """
    keeper.best_weights = keeper.task.model.get_weights()


def head(task: Task):  # noqa: ANN201
    """Return the new layers, the only ones that start at random."""
    return task.whole.get_layer("head")


def finish(task: Task, run: fit.Run, folder: Path) -> dict[str, np.ndarray]:
    """Save the classifier; return the history and its probabilities, before and after."""
    file = classifier.save(folder / f"{ENGINE}.safetensors", task, {})
    return {
        "history": run.history.to_numpy(),
        "probabilities": probabilities(task.whole, folder),
        "loaded": probabilities(classifier.load(file).model, folder),
    }


def probabilities(model, folder: Path) -> np.ndarray:  # noqa: ANN001
    """Return what a classifier says of some of the faces."""
    files = sorted((folder / "faces" / "test").rglob("*.*"))[::5]
    faces = [read_image(file, 48, model.input_shape[-1]) for file in files]
    return np.asarray(model.predict(np.stack(faces).astype("f4"), verbose=0))


def of_a_search() -> np.ndarray:
    """Return what a head of the grid search says of random numbers of two kinds."""
    labels = np.arange(200) % 2
    numbers = np.random.default_rng(0).normal(labels[:, None], 1, (200, 4)).astype(np.float32)
    fit_of_a_search = HeadClassifier(epochs=20, units=0, learning_rate=0.03, batch_size=50)
    return fit_of_a_search.fit(numbers, labels).predict_proba(numbers)


def main(recipe: str, folder: Path) -> None:
    """Start with TensorFlow's head, stop after an epoch, go on; write what came out."""
    stop, fit.Keeper.on_test_end = threading.Event(), keep_the_last
    for on_epoch in (lambda history: stop.set(), None):
        task = prepared(recipe, folder)
        with np.load(folder / "start.npz") as start:
            head(task).set_weights(list(start.values()))
        run = fit.train(task, on_epoch=on_epoch, stop=stop)
        assert run.stopped == stop.is_set() and len(run.history) == 2 - run.stopped
        stop.clear()
    found = finish(task, run, folder)
    found["of_tensorflow"] = probabilities(
        classifier.load(folder / "tensorflow.safetensors").model, folder
    )
    found["of_a_search"] = of_a_search()
    np.savez(folder / "found.npz", **found)


if __name__ == "__main__":
    for each in sys.argv[2:]:
        main(each, Path(sys.argv[1]) / each)
