"""Named sets of parameters: each says only what it changes in the seed project's recipe."""

from typing import Any

RECIPES: dict[str, dict[str, Any]] = {
    # the seed's own: pool5, averaged, Adam 0.001, 50 epochs
    "seed": {},
    # nothing of the backbone learns, but the head reads the maps that know where a mouth is
    "frozen_plus": {
        "layer": "pool3",
        "pooling": "flatten",
        "dropout": 0.5,
        "learning_rate": 5e-4,
        "weight_decay": 0.01,
        "epochs": 15,
        "schedule": "cosine",
        "augmentation": "mirror",
    },
    # blocks 4 and 5 learn from the maps of pool3, computed once for each image and its mirror image
    "fine_tune_10_minutes": {
        "trainable": "block4",
        "layer": "conv5_3",
        "pooling": "flatten",
        "rescale": True,
        "dropout": 0.5,
        "learning_rate": 5e-4,
        "weight_decay": 0.05,
        "label_smoothing": 0.1,
        "batch_size": 128,
        "epochs": 3,
        "schedule": "cosine",
        "warmup": 0.3,
        "augmentation": "mirror",
    },
    # blocks 3 to 5 learn from faces that are changed anew in each epoch
    "best": {
        "trainable": "block3",
        "layer": "conv5_3",
        "pooling": "flatten",
        "rescale": True,
        "dropout": 0.5,
        "learning_rate": 4e-4,
        "weight_decay": 0.05,
        "label_smoothing": 0.1,
        "batch_size": 128,
        "epochs": 9,
        "schedule": "cosine",
        "warmup": 0.5,
        "augmentation": "light",
    },
}
