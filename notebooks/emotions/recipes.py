"""Named sets of parameters: each says only what it changes in the seed project's recipe."""

from typing import Any

# A narrow VGG with batch normalisation, all of which learns: half the width, grey squares of 44
# pixels, large steps that fall to 0, soft labels, and the moving average of the weights in the end.
NORMALISED: dict[str, Any] = {
    "trainable": "everything",
    "width": 0.5,
    "normalisation": "batch",
    "rescale": True,
    "crop": 44,
    "image_size": 44,
    "mean": "training",
    "layer": "pool5",
    "pooling": "average",
    "units": 0,
    "optimizer": "SGD",
    "momentum": 0.9,
    "learning_rate": 0.1,
    "batch_size": 128,
    "warmup": 2,
    "schedule": "cosine",
    "weight_decay": 0.005,
    "label_smoothing": 0.1,
    "moving_average": 0.998,
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
    # so narrow and so short that nothing needs to keep it from learning by heart
    "ten_minutes": NORMALISED | {"width": 0.25, "epochs": 18, "warmup": 1, "augmentation": "light"},
    "hour": NORMALISED | {"epochs": 40, "dropout": 0.5, "augmentation": "erase_half"},
    # so many epochs that faces are blended too, or it would know them all by heart
    "best": NORMALISED
    | {"epochs": 100, "dropout": 0.5, "augmentation": "erase_half", "mixup": 0.4},
}
