"""Soft labels: what classifiers that are trained already, the teachers, say of training images.

A face between two emotions has one label in the data, and many have a wrong one. A network that
learns from another's probabilities learns both (Hinton, Vinyals and Dean 2015, "Distilling the
knowledge in a neural network", arXiv:1503.02531), and can end better than a teacher of its own form
(Furlanello et al. 2018, "Born again neural networks", arXiv:1805.04770).
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from emotions.data.faces import FaceData
from emotions.files import DataError, replacing
from emotions.settings import Settings


@dataclass(frozen=True)
class SoftLabels:
    """The teachers' probabilities, and who they are."""

    probabilities: np.ndarray  # float32 (n, classes), of every training image
    teachers: tuple[str, ...]  # recipe, weights and random seed of each
    minutes: float  # that all of them took to learn
    # What decides which images they have not learnt from: those that a student is chosen by.
    random_seed: int
    validation_share: float

    def mixed(self, labels: np.ndarray, share: float) -> np.ndarray:
        """Return targets (n, classes): labels, int (n,), a share of each replaced by these."""
        hard = np.eye(self.probabilities.shape[1], dtype=np.float32)[labels]
        return (1 - np.float32(share)) * hard + np.float32(share) * self.probabilities


def file_of(settings: Settings, data: FaceData) -> Path:
    """Return where the soft labels of a data set are kept."""
    return settings.data / "runs" / data.name / "soft_labels.npz"


def write(settings: Settings, data: FaceData, soft: SoftLabels) -> Path:
    """Keep soft labels for the trainings to come; return the file."""
    about: dict[str, Any] = dict(vars(soft), data_fingerprint=_mark(data))
    file, probabilities = file_of(settings, data), about.pop("probabilities")
    with replacing(file) as temporary:
        np.savez(temporary, probabilities=probabilities, about=np.array(json.dumps(about)))
    return file


def _mark(data: FaceData) -> str:
    """Return what tells these training images, in this order, from others."""
    return f"{data.fingerprint}-{data.train.order()}"


def read(settings: Settings, data: FaceData) -> SoftLabels:
    """Return the kept soft labels, or raise a `DataError` if there are none that can be used."""
    file, again = file_of(settings, data), "run `python notebooks/run_recipes.py teach`"
    try:
        with np.load(file, allow_pickle=False) as kept:
            about, probabilities = json.loads(kept["about"].item()), kept["probabilities"]
    except FileNotFoundError:
        raise DataError(
            f"distillation needs {file}, what trained classifiers say of the images: train some, "
            f"then {again}; or set distillation to 0."
        ) from None
    except Exception as error:  # zip and numpy raise nearly everything for altered files
        raise DataError(f"{file} cannot be read: {again} to make it anew.") from error
    if about.pop("data_fingerprint") not in (_mark(data), data.fingerprint):
        raise DataError(f"{file} is of other images than {data.title}: {again} to make it anew.")
    soft = SoftLabels(probabilities, tuple(about.pop("teachers")), **about)
    for name in ("random_seed", "validation_share"):
        if getattr(soft, name) != getattr(settings, name):
            raise DataError(
                f"The teachers of {file} learnt from images that this training would be chosen by: "
                f"set {name} to {getattr(soft, name)}, or EMOTIONS_{name.upper()} to "
                f"{getattr(settings, name)} and {again}."
            )
    return soft
