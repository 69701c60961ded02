"""A trained classifier in one small file: 16-bit weights, no pickle, no code."""

import json
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from emotions.data.dataset import DataError
from emotions.files import replacing
from emotions.network import backbone as backbones
from emotions.network import head as surgery
from emotions.network.quiet_keras import keras
from emotions.network.slim import operate
from emotions.settings import Settings
from emotions.training import task as training

# What the network's form depends on; all else in the file only describes it.
FORM = ("layer", "pooling", "image_size", "units", "dropout")
LATER = ("normalisation", "width", "crop")  # their defaults hold for files that lack them


def save(file: Path, model: keras.Model, details: dict) -> None:
    """Save a classifier's kernels as float16, its vectors as float32, in the safetensors format.

    Parameters
    ----------
    file
        Written whole, or not at all.
    model
        From image to probabilities, as `training.prepare` makes it.
    details
        Needs the settings in `FORM`, `classes`, `image_shape` and `mean_bgr` (None: pixels are
        divided by 255); the rest describes the classifier. JSON values.
    """
    weights = {
        # a vector's 32 bits cost little, and a moving variance can be too large for 16
        variable.path: np.asarray(
            keras.ops.convert_to_numpy(variable), np.float16 if variable.ndim > 1 else np.float32
        )
        for variable in _weights(model)
    }
    scale = model.get_layer("head").get_layer("scale")
    for name, values in (("scale/mean", scale.mean), ("scale/variance", scale.variance)):
        weights[name] = np.asarray(keras.ops.convert_to_numpy(values), np.float32).ravel()
    with replacing(file) as temporary:
        save_file(weights, temporary, {"classifier": json.dumps(details)})


def _weights(model: keras.Model) -> list:
    """Return all variables but the state of random numbers."""
    return [v for v in model.variables if not v.path.endswith("seed_generator_state")]


def read_details(file: Path) -> dict:
    """Return what was saved with a classifier.

    Raises
    ------
    DataError
        If the file is missing or damaged.
    """
    try:
        with safe_open(file, "numpy") as content:
            return json.loads(content.metadata()["classifier"])
    except FileNotFoundError:
        raise DataError(f"There is no classifier {file}: train one in notebook 04.") from None
    except (SafetensorError, OSError, TypeError, KeyError, ValueError) as error:
        raise DataError(
            f"The classifier {file} is damaged ({error}): get it again, or train one in "
            "notebook 04."
        ) from None


def load(file: Path, policy: str = "float32") -> tuple[keras.Model, dict]:
    """Return a saved classifier and its details.

    Parameters
    ----------
    file
        Written by `save`.
    policy
        Keras dtype policy of the backbone.

    Raises
    ------
    DataError
        If the file is missing or damaged, or does not hold what its details say.
    """
    details = read_details(file)
    try:
        with safe_open(file, "numpy") as content:
            names = ("scale/mean", "scale/variance")
            statistics = tuple(content.get_tensor(name) for name in names)
            model = build(details, statistics, policy)
            for variable in _weights(model):
                variable.assign(content.get_tensor(variable.path).astype(np.float32))
    except (SafetensorError, ValueError, KeyError) as error:
        raise DataError(
            f"The classifier {file} does not fit its own description ({error}): get it again, or "
            "train one in notebook 04."
        ) from None
    return model, details


def build(details: dict, statistics: tuple[np.ndarray, np.ndarray], policy: str) -> keras.Model:
    """Return a classifier of the form that `details` describe, with weights that mean nothing."""
    later = {name: details[name] for name in LATER if name in details}
    form = Settings.model_construct(**{name: details[name] for name in FORM}, **later)
    side = form.image_size
    with backbones.precision(policy):
        empty = backbones.build("random", side, Path(), 0)
        empty = operate(empty, form, np.zeros((1, side, side, 3), np.float32))
    pooling = training.pooling_model(form, empty, policy)
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
    with backbones.precision(policy):
        return surgery.classifier(image_shape, empty, head, form, mean, pooling)
