"""How good a classifier is, and how sure that is: mistakes, views, intervals, calibration."""

from collections.abc import Iterator, Sequence
from itertools import chain, product

import cv2
import numpy as np
import pandas as pd
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax, softmax
from scipy.stats import bootstrap
from sklearn.decomposition import PCA
from sklearn.dummy import DummyClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import balanced_accuracy_score, classification_report, f1_score, log_loss
from sklearn.metrics import confusion_matrix as count_confusions
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from emotions.data.copies import copy_groups
from emotions.data.faces import FaceData, ImageSet
from emotions.files import row_by_row
from emotions.loops import Progress, with_progress
from emotions.network.features import forward
from emotions.network.quiet_keras import keras

VIEWS = (1, 2, 10)
SHIFT = 1 / 16  # of the side: how far the crops of the ten views lie from the middle
RESAMPLES = 2000
LINEAR_SIDE = 48  # pixels; larger images are shrunk for the linear model, or they fill memory
BINS = 15  # of the expected calibration error, as in Guo et al. 2017, arXiv:1706.04599


def probabilities(model: keras.Model, inputs: np.ndarray, batch: int = 512) -> np.ndarray:
    """Return float32 (n, classes) for inputs (n, ...), which may be memory-mapped.

    Only one batch of them is read at a time.
    """
    return np.concatenate([values for (values,) in forward(model, inputs, batch)])


def class_report(labels: np.ndarray, predicted: np.ndarray, classes: Sequence[str]) -> pd.DataFrame:
    """Return scikit-learn's classification report as a table, with the seed's rows and columns.

    precision, recall, f1-score, support; one row per class, then accuracy, macro avg and weighted
    avg. The row `accuracy` has the accuracy in each score and the number of images.
    """
    content = classification_report(
        labels,
        predicted,
        labels=range(len(classes)),
        target_names=list(classes),
        output_dict=True,
        zero_division=0,
    )
    table = pd.DataFrame(content).T  # the accuracy, one number, stands in each of its columns
    table.loc["accuracy", "support"] = len(labels)
    return table.astype({"support": int})


def confusion_matrix(
    labels: np.ndarray, predicted: np.ndarray, classes: Sequence[str]
) -> pd.DataFrame:
    """Return counts: a row per true class, a column per predicted class."""
    counts = count_confusions(labels, predicted, labels=range(len(classes)))
    return pd.DataFrame(counts, index=pd.Index(classes, name="true"), columns=list(classes))


def confident_mistakes(images: ImageSet, predicted: np.ndarray, how_many: int = 12) -> pd.DataFrame:
    """Return the wrongly classified images with the highest probability for the wrong class.

    From probabilities (n, classes) to row, file, true, predicted, probability (of the predicted
    class).
    """
    guess = predicted.argmax(axis=1)
    wrong = np.flatnonzero(guess != images.labels)
    order = wrong[np.argsort(-predicted[wrong, guess[wrong]], kind="stable")][:how_many]
    return pd.DataFrame(
        {
            "row": order,
            "file": [images.files[i] for i in order],
            "true": [images.classes[i] for i in images.labels[order]],
            "predicted": [images.classes[i] for i in guess[order]],
            "probability": predicted[order, guess[order]],
        }
    )


def linear_classifier(components: int, random_seed: int) -> Pipeline:
    """Return logistic regression on principal components of its inputs, not yet fitted.

    Fewer components than inputs to learn from: the last one would be rounding, scaled up.
    """
    return make_pipeline(
        PCA(components, svd_solver="randomized", random_state=random_seed),
        StandardScaler(),
        LogisticRegression(max_iter=1000),
    )


def baselines(
    train: ImageSet, rows: np.ndarray, test: ImageSet, random_seed: int
) -> dict[str, float]:
    """Return the test accuracy, 0 to 1, of two classifiers that know nothing of faces.

    The largest class always, and logistic regression on 100 principal components of the pixels
    (fewer if there are fewer images), fitted on some rows of the training images. Images larger
    than 48 pixels are shrunk to that.
    """
    train_pixels = _pixels(train.images, rows)
    test_pixels = _pixels(test.images, np.arange(len(test)))
    components = max(1, min(100, len(rows) - 1, train_pixels.shape[1]))
    models = {
        "always the largest class": DummyClassifier(strategy="most_frequent"),
        "logistic regression on pixels": linear_classifier(components, random_seed),
    }
    labels = train.labels[rows]
    return {
        name: float(model.fit(train_pixels, labels).score(test_pixels, test.labels))
        for name, model in models.items()
    }


def _pixels(images: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Return some images uint8 (n, side, side, channels) as float32 (rows, values), 0 to 1."""
    side, channels = min(images.shape[1], LINEAR_SIDE), images.shape[-1]
    pixels = np.empty((len(rows), side * side * channels), np.float32)
    for place, row in enumerate(rows):
        image = images[row]
        if side < len(image):
            image = cv2.resize(image, (side, side), interpolation=cv2.INTER_AREA)
        pixels[place] = image.ravel()
    return pixels / 255


def views_of(images: np.ndarray, views: int) -> Iterator[np.ndarray]:
    """Yield several versions of the same images, whose predictions are then averaged.

    1: the image; 2: with its mirror image; 10: both, in the middle and moved towards each corner
    (the ten crops of Krizhevsky, Sutskever and Hinton 2012, here at full size: what moves out of
    the picture is replaced by the nearest pixels). Another number raises a `ValueError`.
    """
    if views not in VIEWS:
        raise ValueError(f"{views} views: choose 1, 2 or 10.")
    pixels = max(1, round(images.shape[1] * SHIFT))
    yield images
    if views > 1:
        yield images[:, :, ::-1]
    if views == 10:
        wider = np.pad(images, [(0, 0), (pixels, pixels), (pixels, pixels), (0, 0)], "edge")
        height, width = images.shape[1:3]
        for top, left in product((2 * pixels, 0), repeat=2):
            moved = wider[:, top : top + height, left : left + width]
            yield moved
            yield moved[:, :, ::-1]


def predict(
    model: keras.Model,
    images: np.ndarray,
    views: int = 1,
    *,
    batch: int = 256,
    progress: Progress | None = None,
) -> np.ndarray:
    """Return float64 (n, classes) for images uint8 (n, ...), averaged over views of them."""
    versions = with_progress(
        views_of(images, views), progress, views, f"{len(images):,} images", unit="view"
    )
    outputs = [probabilities(model, version, batch) for version in versions]
    return np.mean(outputs, axis=0, dtype=np.float64)


def interval(correct: np.ndarray, random_seed: int) -> tuple[float, float]:
    """Return the 95 % bootstrap interval of an accuracy, from what is right, bool (n,)."""
    if correct.all() or not correct.any():  # all resamples are alike
        return float(correct.mean()), float(correct.mean())
    result = bootstrap(
        (correct.astype(np.float64),),
        np.mean,
        n_resamples=RESAMPLES,
        batch=100,
        confidence_level=0.95,
        method="percentile",
        rng=np.random.default_rng(random_seed),
    )
    return float(result.confidence_interval.low), float(result.confidence_interval.high)


def seen_in_training(data: FaceData) -> np.ndarray:
    """Return which test images have an exact copy among the training images, bool (n,)."""
    groups = copy_groups(chain(row_by_row(data.train.images), row_by_row(data.test.images)))
    return np.isin(groups[len(data.train) :], groups[: len(data.train)])


def accuracy_by_part(files: Sequence[str], correct: np.ndarray) -> dict[str, float]:
    """Return the accuracy on the public and the private half of FER-2013's test, if it is that.

    `files` are names of test images, those of other data belong to no half; `correct`, bool (n,),
    says whether each was classified right.
    """
    parts = pd.Series(files, dtype=str).str.extract("/(Public|Private)Test_")[0].str.lower()
    means = pd.Series(correct).groupby(parts).mean()
    return means.sort_index(ascending=False).to_dict()


def summary(
    labels: np.ndarray,
    probabilities: np.ndarray,
    *,
    files: Sequence[str],
    copies: np.ndarray,
    random_seed: int = 0,
) -> dict[str, float | list[float]]:
    """Return everything that the course reports about a classifier on the test images.

    Labels are int (n,), probabilities float (n, classes). `files` are the names of the images, of
    which FER-2013's tell the part of the test; `copies`, bool (n,), are those with an exact copy in
    the training set.
    """
    guess = probabilities.argmax(axis=1)
    correct, known = guess == labels, np.unique(labels)
    by_part = accuracy_by_part(files, correct)
    new = {} if copies.all() else {"accuracy_test_without_copies": float(correct[~copies].mean())}
    return {
        "accuracy_test": float(correct.mean()),
        "interval_95": list(interval(correct, random_seed)),
        **{f"accuracy_{part}": accuracy for part, accuracy in by_part.items()},
        **new,
        "balanced_accuracy": float(balanced_accuracy_score(labels, guess)),
        "macro_f1": float(f1_score(labels, guess, labels=known, average="macro")),
        "expected_calibration_error": calibration_error(labels, probabilities),
    }


def reliability(labels: np.ndarray, probabilities: np.ndarray) -> pd.DataFrame:
    """Return how often a classifier is right where it says how sure it is.

    A row per bin of confidence that has images: confidence (mean of the highest probability),
    accuracy (share that is right), images.
    """
    confidence = probabilities.max(axis=1)
    correct = probabilities.argmax(axis=1) == labels
    number = np.minimum((confidence * BINS).astype(int), BINS - 1)
    table = pd.DataFrame({"confidence": confidence, "accuracy": correct, "images": 1})
    return table.groupby(number).agg({"confidence": "mean", "accuracy": "mean", "images": "sum"})


def calibration_error(labels: np.ndarray, probabilities: np.ndarray) -> float:
    """Return the expected calibration error: the mean gap between confidence and accuracy, 0 to 1.

    Source: Naeini, Cooper and Hauskrecht 2015; with the bins of Guo et al. 2017, arXiv:1706.04599.
    """
    table = reliability(labels, probabilities)
    gaps = (table["confidence"] - table["accuracy"]).abs()
    return float((gaps * table["images"]).sum() / table["images"].sum())


def temperature(labels: np.ndarray, probabilities: np.ndarray) -> float:
    """Return the temperature that makes probabilities fit the labels best (Guo et al. 2017).

    Above 1 the classifier was too sure, below 1 not sure enough. Find it on the validation split.
    """
    scores_before = np.log(np.clip(probabilities, 1e-12, None))
    classes = np.arange(probabilities.shape[1])

    def loss(log_t: float) -> float:
        return log_loss(labels, softmax(scores_before / np.exp(log_t), axis=1), labels=classes)

    return float(np.exp(minimize_scalar(loss, bounds=(-3, 3), method="bounded").x))


def cooled(probabilities: np.ndarray, by: float) -> np.ndarray:
    """Return probabilities after temperature scaling; the order of the classes stays."""
    return np.exp(log_softmax(np.log(np.clip(probabilities, 1e-12, None)) / by, axis=1))
