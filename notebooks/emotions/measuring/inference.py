"""Using a trained classifier: load it, read any image file, get probabilities."""

import json
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from emotions.data.pixels import read_image
from emotions.files import DataError, one_line
from emotions.measuring import compact
from emotions.network.quiet_keras import keras
from emotions.settings import ROOT
from emotions.training.task import ABOUT

SHIPPED = "classifier.safetensors"
REFERENCE = ROOT / "output" / "fer2013" / SHIPPED


@dataclass(frozen=True)
class Classifier:
    """A trained network and what its outputs mean.

    Attributes
    ----------
    model
        Image (n, height, width, channels), grey levels 0 to 255 -> probabilities (n, classes).
    classes
        Output k is the probability of `classes[k]`.
    details
        What else was saved beside it: data, weights, parameters.
    """

    model: keras.Model
    classes: tuple[str, ...]
    details: dict

    def probabilities(self, image_file: Path) -> pd.Series:
        """Return the probability of each emotion for one image file, the highest first.

        Raises
        ------
        DataError
            If the file is not there or is no image.
        """
        _, side, _, channels = self.model.input_shape
        image = read_image(Path(image_file), side, channels)
        values = self.model.predict_on_batch(image[np.newaxis].astype(np.float32))[0]
        return pd.Series(values, self.classes, name="probability").sort_values(ascending=False)


def load_classifier(file: Path) -> Classifier:
    """Load what `training.save_classifier` saved; no code of the file is run.

    Parameters
    ----------
    file
        `Emotions_classifier.keras`.

    Raises
    ------
    DataError
        If it is missing, damaged, or no classifier of the course.
    """
    if not file.is_file():
        raise DataError(f"There is no {file}: run notebook 04 to train a classifier.")
    try:
        with zipfile.ZipFile(file) as archive:
            details = json.loads(archive.read(ABOUT))
        classes = tuple(details.pop("classes"))
        model = keras.saving.load_model(file, safe_mode=True, compile=False)
    except Exception as error:  # Keras raises nearly everything for altered files
        raise DataError(
            f"The classifier {file} cannot be loaded safely ({one_line(error)}): "
            "run notebook 04 again."
        ) from error
    if len(classes) != model.output_shape[-1]:
        raise DataError(
            f"{file} names {len(classes)} classes but has {model.output_shape[-1]} outputs: "
            "run notebook 04 again."
        )
    return Classifier(model, classes, details)


def load_shipped(file: Path = REFERENCE, precision: str = "float32") -> Classifier:
    """Load the classifier that comes with the course, trained on FER-2013.

    Parameters
    ----------
    file
        Written by `run_recipes.py ship`.
    precision
        Keras dtype policy of the backbone.

    Raises
    ------
    DataError
        If the file is missing or damaged.
    """
    model, details = compact.load(file, precision)
    return Classifier(model, tuple(details.pop("classes")), details)


def own_or_shipped(folder: Path) -> tuple[Classifier, str]:
    """Return your own classifier, or the shipped one if you have trained none, and say which.

    Parameters
    ----------
    folder
        Where notebook 04 leaves `Emotions_classifier.keras`.

    Raises
    ------
    DataError
        If there is neither.
    """
    own = folder / "Emotions_classifier.keras"
    if own.is_file():
        return load_classifier(own), f"Your own classifier, {own.name}."
    shipped = load_shipped()
    return shipped, (
        f"You have trained none yet: this is the course's own, trained on "
        f"{shipped.details['data']} from the weights {shipped.details['weights']}."
    )
