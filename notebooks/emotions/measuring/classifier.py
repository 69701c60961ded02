"""A trained classifier in one file, without pickle and without code: save, load, use."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from emotions.data.faces import FaceData
from emotions.data.pixels import read_image
from emotions.files import DataError, replacing
from emotions.measuring import scores
from emotions.network import backbone as backbones
from emotions.network import head as surgery
from emotions.network.quiet_keras import keras
from emotions.network.slim import operate
from emotions.settings import ROOT, Settings, names
from emotions.training import task as training

OWN = "Emotions_classifier.safetensors"
SHIPPED = "classifier.safetensors"
REFERENCE = ROOT / "output" / "fer2013" / SHIPPED


@dataclass(frozen=True)
class Classifier:
    """A trained network and what its outputs mean."""

    # image (n, height, width, channels), grey levels 0 to 255 -> probabilities (n, classes)
    model: keras.Model
    classes: tuple[str, ...]  # output k is the probability of classes[k]
    details: dict  # what else was saved beside it: data, weights, parameters

    def fits(self, data: FaceData) -> bool:
        """Tell whether it knows the emotions of a data set, and takes images of that form."""
        of_data = data.train.classes, data.train.images.shape[1:]
        return (self.classes, self.model.input_shape[1:]) == of_data

    def probabilities(self, image_file: Path) -> pd.Series:
        """Return the probability of each emotion for one image file, the highest first."""
        _, side, _, channels = self.model.input_shape
        image = read_image(Path(image_file), side, channels)
        values = self.model.predict_on_batch(image[np.newaxis].astype(np.float32))[0]
        return pd.Series(values, self.classes, name="probability").sort_values(ascending=False)


def save(file: Path, task: training.Task, details: dict, kernels: type = np.float32) -> Path:
    """Save a task's whole model in the safetensors format, and what it means; return the file.

    `details` describe the classifier beside its form, classes and split, as JSON values. `kernels`
    is the number format of all that is no vector: float16 halves the file, for one that ships.
    """
    model = task.whole
    weights = {}
    for variable in _weights(model):
        values = keras.ops.convert_to_numpy(variable)
        weights[variable.path] = np.asarray(values, kernels if values.ndim > 1 else np.float32)
    scale = model.get_layer("head").get_layer("scale")
    for name, values in (("scale/mean", scale.mean), ("scale/variance", scale.variance)):
        weights[name] = np.asarray(keras.ops.convert_to_numpy(values), np.float32).ravel()
    shift = [layer for layer in model.layers if layer.name == "subtract_mean"]  # else / 255
    split = np.concatenate([task.training, task.validation])
    about = {
        **task.settings.of("form"),
        "classes": list(task.classes),
        "image_shape": list(model.input_shape[1:]),
        "mean_bgr": np.asarray(shift[0].mean, np.float64).ravel().tolist() if shift else None,
        "validation_share": task.settings.validation_share,
        "left_out": np.setdiff1d(np.arange(len(task.labels)), split).tolist(),
        **details,
    }
    with replacing(file) as temporary:
        save_file(weights, temporary, {"classifier": json.dumps(about)})
    return file


def _weights(model: keras.Model) -> list:
    """Return all variables but the state of random numbers."""
    return [v for v in model.variables if not v.path.endswith("seed_generator_state")]


def read_details(file: Path) -> dict:
    """Return what was saved with a classifier."""
    try:
        with safe_open(file, "numpy") as content:
            return json.loads(content.metadata()["classifier"])
    except FileNotFoundError:
        mend = "run notebook 04 to train one"
        if file == REFERENCE:
            mend = "get that folder again (`git checkout output/fer2013`)"
        raise DataError(f"There is no classifier {file}: {mend}.") from None
    except (SafetensorError, OSError, TypeError, KeyError, ValueError) as error:
        raise DataError(
            f"The classifier {file} is damaged ({error}): get it again, or run notebook 04 again."
        ) from None


def load(file: Path = REFERENCE, precision: str = "float32") -> Classifier:
    """Load what `save` saved, by default what comes with the course; no code of the file is run.

    The precision is the Keras dtype policy of the backbone.
    """
    details = read_details(file)
    try:
        with safe_open(file, "numpy") as content:
            statistics = content.get_tensor("scale/mean"), content.get_tensor("scale/variance")
            model = build(details, statistics, precision)
            for variable in _weights(model):
                variable.assign(content.get_tensor(variable.path).astype(np.float32))
    except (SafetensorError, ValueError, KeyError, TypeError) as error:
        raise DataError(
            f"The classifier {file} does not fit its own description ({error}): get it again, or "
            "run notebook 04 again."
        ) from None
    return Classifier(model, tuple(details.pop("classes")), details)


def build(details: dict, statistics: tuple[np.ndarray, np.ndarray], precision: str) -> keras.Model:
    """Return a classifier of the form that `details` describe, with weights that mean nothing.

    Of a setting that is younger than the file, the default is what the file was made with.
    """
    form = Settings.model_construct(**{k: details[k] for k in names("form") if k in details})
    side = form.image_size
    with backbones.precision(precision):
        empty = backbones.build("random", side, Path(), 0)
        empty = operate(empty, form, np.zeros((1, side, side, 3), np.float32))
    pooling = training.pooling_model(form, empty, precision)
    head = surgery.head(
        pooling.output.shape[1:],
        len(details["classes"]),
        units=form.units,
        dropout=form.dropout,
        statistics=statistics,
        random_seed=0,
    )
    mean = details["mean_bgr"] and tuple(details["mean_bgr"])
    image_shape = tuple(details["image_shape"])
    with backbones.precision(precision):
        return surgery.classifier(image_shape, empty, head, form, mean, pooling)


def calibrated(classifier: Classifier, data: FaceData, settings: Settings) -> Classifier:
    """Return a classifier whose probabilities are divided by a temperature; see `scores.cooled`.

    It is the classifier's own, or found on data of the same emotions; the returned details say it.
    """
    random = np.random.default_rng(settings.random_seed)
    known = classifier.details.get("temperature")
    warmth = known or temperature(classifier, data, settings, random)
    image = classifier.model.input
    logarithms = keras.ops.log(keras.ops.maximum(classifier.model(image), 1e-12))
    model = keras.Model(image, keras.ops.softmax(logarithms / warmth), name="calibrated")
    return Classifier(model, classifier.classes, classifier.details | {"temperature": warmth})


def own_or_shipped(folder: Path) -> tuple[Classifier, str]:
    """Return the classifier that notebook 04 left in a folder, else the shipped one; say which."""
    own = folder / OWN
    if own.is_file():
        return load(own), f"Your own classifier, {own.name}."
    shipped = load()
    return shipped, (
        "You have trained none yet: this is the course's own, trained on "
        f"{shipped.details['data']} from the weights {shipped.details['weights']}."
    )


def temperature(
    classifier: Classifier, data: FaceData, settings: Settings, random: np.random.Generator
) -> float:
    """Return the temperature that fits up to 1,000 images that a classifier has not learnt.

    On its own data it is what the classifier brings, if it brings one: a refit has learnt them all.
    """
    own = classifier.details.get("data_fingerprint") == data.fingerprint
    if own and "temperature" in classifier.details:
        return classifier.details["temperature"]
    rows = random.permutation(validation_rows(data, settings, classifier.details))[:1000]
    predicted = scores.predict(classifier.model, data.train.images[rows])
    return scores.temperature(data.train.labels[rows], predicted)


def validation_rows(data: FaceData, settings: Settings, details: dict) -> np.ndarray:
    """Return the rows of the training images that a classifier was chosen by, not trained on.

    A refit has learnt them since; the run that it repeats had not. If the images were renamed, so
    that their rows are others, it is a DataError.

    Of other data than those in its details it has learnt no image: the settings' own split will do.
    """
    if details.get("data_fingerprint") == data.fingerprint:
        order = data.train.order()
        if details.get("data_order", order) != order:  # older files have none
            raise DataError(
                "The training images have other names than when this classifier was trained, so "
                "that it is not known which of them it learnt: give them their names back, or run "
                "notebook 04 again."
            )
        split = {"random_seed", "validation_share"} & set(details)
        settings = settings.changed(**{name: details[name] for name in split})
        return np.setdiff1d(training.split_rows(data, settings)[1], details.get("left_out", []))
    return training.split_rows(data, settings)[1]
