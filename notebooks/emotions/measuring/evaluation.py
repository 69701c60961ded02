"""How good is it: probabilities, the report, the confusion matrix, mistakes, baselines."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from sklearn.decomposition import PCA
from sklearn.dummy import DummyClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, classification_report
from sklearn.metrics import confusion_matrix as count_confusions
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from emotions.data.faces import ImageSet
from emotions.files import give_pages_back
from emotions.network.quiet_keras import keras


def probabilities(model: keras.Model, inputs: np.ndarray, batch: int = 512) -> np.ndarray:
    """Return float32 (n, classes) for inputs (n, ...), read batch by batch.

    Parameters
    ----------
    model
        From inputs to probabilities.
    inputs
        In memory or memory-mapped.
    batch
        Inputs in memory at a time.
    """
    parts = []
    for start in range(0, len(inputs), batch):
        part = inputs[start : start + batch].astype(np.float32)
        missing = batch - len(part)  # one shape, so that Keras traces the model once
        full = np.pad(part, [(0, missing)] + [(0, 0)] * (part.ndim - 1))
        parts.append(np.asarray(model.predict_on_batch(full))[: len(part)])
        give_pages_back(inputs)
    return np.concatenate(parts)


def report(labels: np.ndarray, predicted: np.ndarray, classes: Sequence[str]) -> pd.DataFrame:
    """Return scikit-learn's classification report as a table, with the seed's rows and columns.

    Parameters
    ----------
    labels, predicted
        int (n,): true and predicted class, an index into `classes`.
    classes
        Names, in the order of the labels.

    Returns
    -------
    pandas.DataFrame
        precision, recall, f1-score, support; one row per class, then accuracy, macro avg and
        weighted avg. The row `accuracy` has the accuracy in each score and the number of images.
    """
    content = classification_report(
        labels,
        predicted,
        labels=range(len(classes)),
        target_names=list(classes),
        output_dict=True,
        zero_division=0,
    )
    # scikit-learn leaves the row out, and names it differently, if all labels are given
    accuracy = accuracy_score(labels, predicted)
    content.pop("micro avg", None)
    averages = {name: content.pop(name) for name in ("macro avg", "weighted avg")}
    content["accuracy"] = dict.fromkeys(("precision", "recall", "f1-score"), accuracy)
    content["accuracy"]["support"] = len(labels)
    table = pd.DataFrame({**content, **averages}).T
    return table.astype({"support": int})


def confusion_matrix(
    labels: np.ndarray, predicted: np.ndarray, classes: Sequence[str]
) -> pd.DataFrame:
    """Return counts: a row per true class, a column per predicted class."""
    counts = count_confusions(labels, predicted, labels=range(len(classes)))
    return pd.DataFrame(counts, index=pd.Index(classes, name="true"), columns=list(classes))


def confident_mistakes(images: ImageSet, predicted: np.ndarray, how_many: int = 12) -> pd.DataFrame:
    """Return the wrongly classified images with the highest probability for the wrong class.

    Parameters
    ----------
    images
        With their true labels.
    predicted
        float (n, classes), probabilities.
    how_many
        At most.

    Returns
    -------
    pandas.DataFrame
        row, file, true, predicted, probability (of the predicted class).
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


def pixel_baseline(components: int, random_seed: int) -> Pipeline:
    """Return logistic regression on principal components of raw pixels, not yet fitted."""
    return make_pipeline(
        PCA(components, svd_solver="randomized", random_state=random_seed),
        StandardScaler(),
        LogisticRegression(max_iter=1000),
    )


def baselines(
    train: ImageSet, rows: np.ndarray, test: ImageSet, random_seed: int
) -> dict[str, float]:
    """Return the test accuracy of two classifiers that know nothing of faces.

    Parameters
    ----------
    train, rows
        Images to fit on.
    test
        Images to score on.
    random_seed
        For the randomized PCA.

    Returns
    -------
    dict
        Name -> accuracy, 0 to 1: the largest class always, and logistic regression on 100
        principal components of the pixels (fewer if there are fewer images).
    """
    train_pixels = _pixels(train.images[rows])
    test_pixels = _pixels(test.images)
    components = min(100, len(rows), train_pixels.shape[1])
    models = {
        "always the largest class": DummyClassifier(strategy="most_frequent"),
        "logistic regression on pixels": pixel_baseline(components, random_seed),
    }
    labels = train.labels[rows]
    return {
        name: float(model.fit(train_pixels, labels).score(test_pixels, test.labels))
        for name, model in models.items()
    }


def _pixels(images: np.ndarray) -> np.ndarray:
    return images.reshape(len(images), -1).astype(np.float32) / 255
