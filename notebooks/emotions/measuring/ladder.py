"""From the seed's recipe upwards, one change at a time."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pandas as pd


@dataclass(frozen=True)
class Rung:
    """One step of the ladder.

    Attributes
    ----------
    name
        Short, for files and figures.
    change
        What changed, in half a sentence.
    settings
        Its parameters on top of the seed's.
    """

    name: str
    change: str
    settings: Mapping[str, Any] = field(default_factory=dict)

    def run(self) -> str:
        """Return what its runs are named after: the recipe's own run will do, if it is just that.

        A run's folder is `<this>-<weights>-<random seed>`.
        """
        whole_recipe = list(self.settings) == ["recipe"]
        return self.settings["recipe"] if whole_recipe else f"rung_{self.name}"


# A block below a fresh head learns slowly and from a standing start: with the recipe's own rate of
# 5e-4 and no warm-up the first steps destroyed it (every image got the name of the largest class).
BLOCKS: dict[str, Any] = {
    "recipe": "frozen_plus",
    "layer": "conv5_3",
    "rescale": True,
    "learning_rate": 1e-4,
    "warmup": 0.2,
    "epochs": 8,
}

RUNGS = (
    Rung("seed", "the seed's code: pool5, pixels divided by 255", {"mean": "zero_one"}),
    Rung("mean", "right pre-processing: VGG-Face's mean is subtracted"),
    Rung(
        "pool3",
        "a richer layer: pool3, flattened, with dropout",
        {
            "layer": "pool3",
            "pooling": "flatten",
            "dropout": 0.5,
            "learning_rate": 5e-4,
            "epochs": 15,
        },
    ),
    Rung("mirror", "mirrored faces, weight decay, falling rate", {"recipe": "frozen_plus"}),
    Rung("larger", "larger input: 96 pixels", {"recipe": "frozen_plus", "image_size": 96}),
    Rung(
        "block5",
        "48 pixels again: block 5 learns, slowly",
        BLOCKS | {"trainable": "block5"},
    ),
    Rung(
        "block4",
        "blocks 4 and 5 learn",
        BLOCKS | {"trainable": "block4"},
    ),
    Rung(
        "block3",
        "block 3 learns after the head, augmented",
        {"recipe": "fine_tune_10_minutes"},
    ),
    Rung(
        "all",
        "blocks 1 and 2 learn too",
        {"recipe": "fine_tune_10_minutes", "trainable": "everything"},
    ),
    Rung("longer", "block 3, more epochs", {"recipe": "best"}),
)
COLUMNS = ["rung", "change", "weights", "accuracy_validation", "minutes"]


def rung(name: str) -> Rung:
    """Return the rung of that name.

    Raises
    ------
    KeyError
        If there is none.
    """
    return {each.name: each for each in RUNGS}[name]


def table(rows: list[dict[str, Any]]) -> pd.DataFrame:
    """Return climbed rungs in the ladder's order, a row per rung and weights.

    Parameters
    ----------
    rows
        With the keys in `COLUMNS`, accuracy from 0 to 1.
    """
    order = [each.name for each in RUNGS]
    known = pd.DataFrame(rows, columns=COLUMNS)
    place = known["rung"].map(lambda name: order.index(name) if name in order else len(order))
    ordered = known.assign(place=place).sort_values(["weights", "place"], kind="stable")
    return ordered.drop(columns="place").reset_index(drop=True)
