"""The seed's way of training a head against the course's, both from the image files on.

    .venv/bin/python benchmarks/head.py

The seed's way is measured for one epoch and multiplied by 50; the course's runs all 50 epochs.
Each has a process of its own, for its time and its peak memory.
"""

import argparse
import shutil
import time
from statistics import median
from typing import Any

from common import WORK, answer, course_settings, once, peak, prepared, seconds, write

EPOCHS, SEED_BATCH = 50, 64


def seed_epoch() -> dict[str, Any]:
    """Measure the seed's epoch: every image file read, and sent through the frozen backbone.

    Like the seed it keeps VGG-Face for 224 pixels in memory beside the network that it trains.
    """
    import tensorflow as tf
    from emotions.network import backbone
    from emotions.network.quiet_keras import keras

    settings = course_settings(precision="float32")
    both = [backbone.build("hed", side, settings.data, 1).model for side in (224, 48)]
    small = both[-1]
    small.trainable = False
    x = keras.layers.GlobalAveragePooling2D()(small.output)
    x = keras.layers.Dense(settings.units, activation="relu")(x)
    x = keras.layers.Dense(7, activation="softmax")(x)
    model = keras.Model(small.input, x)
    model.compile("adam", "categorical_crossentropy", metrics=["accuracy"])
    reader = tf.keras.preprocessing.image.ImageDataGenerator(rescale=1 / 255)
    how = {"target_size": (48, 48), "batch_size": SEED_BATCH}
    train = reader.flow_from_directory(settings.train_data, **how)
    test = reader.flow_from_directory(settings.val_data, shuffle=False, **how)
    taken = seconds(lambda: model.fit(train, epochs=1, validation_data=test, verbose=0))
    return {"epoch_seconds": taken, "images": train.n + test.n, "peak_mib": peak()}


def our_way() -> dict[str, Any]:
    """Measure the course's way: decode, compute features, train 50 epochs, evaluate once."""
    import numpy as np
    from emotions.training import task as training
    from emotions.training.batches import Batches

    shutil.rmtree(WORK / "data" / "cache", ignore_errors=True)
    start = time.perf_counter()
    task, data = prepared(epochs=EPOCHS)
    features = time.perf_counter() - start
    run = training.train(task)
    rows = np.arange(len(task.test_labels))
    test = Batches(task.test_inputs, task.test_labels, rows, 512)
    found = task.model.evaluate(test, return_dict=True, verbose=0)
    whole = time.perf_counter() - start
    return {
        "seconds": whole,
        "images_and_features_seconds": features,
        "head_and_evaluation_seconds": whole - features,
        "epochs": len(run.history),
        "data": data.title,
        "images": len(data.train) + len(data.test),
        "accuracy": found["accuracy"],
        "peak_mib": peak(),
    }


def head_alone() -> dict[str, Any]:
    """Measure the 50 epochs of the head once more, its features cached."""
    from emotions.training import task as training

    task, _ = prepared(epochs=EPOCHS)
    shutil.rmtree(WORK / "data" / "cache" / "training", ignore_errors=True)
    taken = seconds(lambda: training.train(task))
    parameters = task.model.count_params()
    return {"seconds": taken, "parameters": parameters, "peak_mib": peak()}


MEASURES = {"seed": seed_epoch, "ours": our_way, "head": head_alone}


def main() -> None:
    """Measure and write `measured/head.json`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--quick", action="store_true", help="once, to see that it runs")
    parser.add_argument("--serve", choices=MEASURES, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.serve:
        answer({}, MEASURES[arguments.serve])
        return
    ours, seed = (once("head.py", "--serve", name) for name in ("ours", "seed"))
    rounds = 1 if arguments.quick else arguments.rounds
    heads = [once("head.py", "--serve", "head") for _ in range(rounds)]
    write(
        "head",
        {
            "ours": ours,
            "seed": seed,
            "seed_seconds_50_epochs": EPOCHS * seed["epoch_seconds"],
            "speedup": EPOCHS * seed["epoch_seconds"] / ours["seconds"],
            "head": heads,
            "head_seconds": median([x["seconds"] for x in heads]),
        },
    )


if __name__ == "__main__":
    main()
