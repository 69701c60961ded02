"""Why does it say that: where the network looks, and which labels it doubts."""

import re

import numpy as np
import pandas as pd
from cleanlab.filter import find_label_issues
from cleanlab.rank import get_label_quality_scores
from sklearn.base import BaseEstimator
from sklearn.model_selection import cross_val_predict

from emotions.data.copies import folds
from emotions.data.faces import ImageSet
from emotions.network.backbone import activated
from emotions.network.quiet_keras import keras

LEAST_CONTRAST = 0.1  # between the coldest and the hottest place, of a scale from 0 to 1


def layers_with_places(model: keras.Model) -> list[str]:
    """Return the convolutions and poolings whose maps have several positions, deepest first."""
    return [
        layer.name
        for layer in reversed(model.layers)
        if re.fullmatch(r"conv\d_\d|pool\d", layer.name) and np.prod(layer.output.shape[1:-1]) > 1
    ]


def grad_cam(model: keras.Model, images: np.ndarray) -> tuple[str, np.ndarray]:
    """Return `activation_maps` of the deepest layer that tells places of every image apart.

    At the end of a small input's way the maps have one position, and a whole face one colour. The
    same if all that the layer sees in a face speaks against its class. If no layer will do for
    every image, it is the one where most images have a hotter and a colder place.
    """
    found = []
    for layer in layers_with_places(model):
        heats = activation_maps(model, layer, images)
        found.append((float(np.mean(np.ptp(heats, axis=(1, 2)) > LEAST_CONTRAST)), layer, heats))
        if found[-1][0] == 1:
            break
    _, layer, heats = max(found, key=lambda each: each[0])
    return layer, heats


def seen_by(model: keras.Model, layer: str) -> tuple[float, float]:
    """Return where the places of a layer's maps begin and end in an image, in shares of its side.

    A classifier that cuts the middle out sees no edge; of an odd number of places a pooling drops
    the last, so that the maps may end before the image does.
    """
    sizes = {each.name: each.output.shape[1] for each in model.layers}
    whole = sizes["images"]
    cut = sizes.get("crop", whole)
    halved = int(layer[4]) - layer.startswith("conv")  # by so many poolings
    reach = sizes[layer] * 2**halved / sizes["conv1_1"]  # of what the network sees
    begins = (whole - cut) // 2
    return begins / whole, (begins + cut * reach) / whole


def activation_maps(model: keras.Model, layer: str, images: np.ndarray) -> np.ndarray:
    """Return Grad-CAM: which places of a layer's maps raise the score of the most probable class.

    For a convolution or pooling layer, for instance `conv5_3`, of a model from images (n, height,
    width, channels), 0 to 255, to probabilities, that is float32 (n, rows, columns), each image's
    values from 0 to 1.

    Selvaraju et al. 2017, "Grad-CAM", arXiv:1610.02391: the maps are weighed by the mean slope of
    the class score with respect to each, added up, and what speaks against the class is cut off.
    The slope is found by Keras' backend in use (TensorFlow, JAX or PyTorch).
    """
    # The layers of a model that was put together from another one know both, so it is cut in a
    # copy, which has only its own, and no optimizer. `after` gets the images too: a head may read
    # earlier layers
    copy = keras.models.clone_model(keras.Model(model.input, model.output))
    copy.set_weights(model.get_weights())
    maps = copy.get_layer(activated(copy, layer)).output
    after = keras.Model([copy.input, maps], copy.output)
    images = keras.ops.convert_to_tensor(np.asarray(images, np.float32))
    values = keras.Model(copy.input, maps)(images)
    best = keras.ops.convert_to_numpy(after([images, values])).argmax(axis=1)
    chosen = keras.ops.one_hot(best, after.output.shape[-1], dtype="float32")

    def score(x):  # noqa: ANN001, ANN202
        return keras.ops.sum(keras.ops.log(after([images, x]) + 1e-7) * chosen)

    slopes = np.asarray(keras.ops.convert_to_numpy(_gradient(score, values)), np.float32)
    values = np.asarray(keras.ops.convert_to_numpy(values), np.float32)
    heat = np.maximum((values * slopes.mean(axis=(1, 2), keepdims=True)).sum(axis=-1), 0)
    return heat / np.maximum(heat.max(axis=(1, 2), keepdims=True), 1e-12)


def _gradient(function, x):  # noqa: ANN001, ANN202
    """Return the slope of a number with respect to an array, by the engine below Keras."""
    engine = keras.backend.backend()
    if engine == "jax":
        import jax

        return jax.grad(function)(x)
    if engine == "torch":
        import torch

        x = x.detach().requires_grad_(True)
        return torch.autograd.grad(function(x), x)[0]
    import tensorflow as tf

    with tf.GradientTape() as tape:
        tape.watch(x)
        value = function(x)
    return tape.gradient(value, x)


def doubtful_labels(
    estimator: BaseEstimator,
    features: np.ndarray,
    images: ImageSet,
    groups: np.ndarray,
    *,
    random_seed: int = 0,
) -> pd.DataFrame:
    """Return the images whose label cleanlab believes to be wrong, the worst first.

    Every image is judged by a classifier (with `predict_proba`) that has not seen it, from its
    features (n, ...); the copies of one group, int (n,), stay in one fold. The quality, 0 to 1,
    says how much a label deserves trust.

    Northcutt, Jiang and Chuang 2021, "Confident learning", arXiv:1911.00068.
    """
    flat = features.reshape(len(features), -1)
    known, labels = np.unique(images.labels, return_inverse=True)  # some may have no image here
    names = [images.classes[k] for k in known]
    splits = folds(labels, groups, 3, random_seed)
    predicted = cross_val_predict(estimator, flat, labels, cv=splits, method="predict_proba")
    wrong = find_label_issues(
        labels, predicted, return_indices_ranked_by="self_confidence", n_jobs=1
    )
    quality = get_label_quality_scores(labels, predicted)
    return pd.DataFrame(
        {
            "row": wrong,
            "file": [images.files[i] for i in wrong],
            "label": [names[i] for i in labels[wrong]],
            "suggested": [names[i] for i in predicted[wrong].argmax(axis=1)],
            "quality": quality[wrong],
        }
    )
