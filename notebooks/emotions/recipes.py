"""Named sets of parameters: each says only what it changes in the seed project's recipe."""

from typing import Any

# then the block below that head learns too, more slowly, from faces that change every time
FINE_TUNE: dict[str, Any] = {
    "trainable": "block3",
    "layer": "pool3",
    "pooling": "flatten",
    "dropout": 0.5,
    "learning_rate": 5e-4,
    "backbone_rate": 0.216,
    "weight_decay": 0.01,
    "head_epochs": 8,
    "epochs": 3,
    "schedule": "cosine",
    "warmup": 0.2,
    "augmentation": "light",
}

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
    "fine_tune_10_minutes": FINE_TUNE,
    # the same for longer
    "best": FINE_TUNE | {"epochs": 24},
}
