"""From the seed's recipe upwards, step by step, and which settings each step changes."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from emotions.measuring import runs
from emotions.recipes import RECIPES
from emotions.settings import Settings, names, read_settings


@dataclass(frozen=True)
class Rung:
    """One step of the ladder."""

    name: str  # short, for files and figures
    change: str  # in half a sentence
    settings: Mapping[str, Any] = field(default_factory=dict)  # on top of the seed's


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

# Block 3 learns with the head that has learnt alone before, from faces that change every time.
FINE_TUNE: dict[str, Any] = RECIPES["frozen_plus"] | {
    "trainable": "block3",
    "backbone_rate": 0.216,
    "head_epochs": 8,
    "epochs": 3,
    "warmup": 0.2,
    "augmentation": "light",
}

RUNGS = (
    Rung("seed", "the seed's code: pool5, pixels divided by 255", {"mean": "zero_one"}),
    Rung("mean", "VGG-Face's mean is subtracted, in place of a division by 255"),
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
    Rung("block5", "48 pixels again: block 5 learns, slowly", BLOCKS | {"trainable": "block5"}),
    Rung("block4", "blocks 4 and 5 learn", BLOCKS | {"trainable": "block4"}),
    Rung("block3", "block 3 learns after the head, augmented", FINE_TUNE),
    Rung("everything", "blocks 1 and 2 learn too", FINE_TUNE | {"trainable": "everything"}),
    Rung("longer", "block 3, more epochs", FINE_TUNE | {"epochs": 24}),
    Rung(
        "ten_minutes",
        "another network: a quarter of the width, batch normalised, all of it learns",
        {"recipe": "ten_minutes"},
    ),
    Rung("hour", "half of the width, more epochs, against learning by heart", {"recipe": "hour"}),
    Rung("best", "more epochs still, faces are blended (mixup)", {"recipe": "best"}),
)
BY_NAME = {rung.name: rung for rung in RUNGS}
COLUMNS = ["rung", "change", "weights", "accuracy_validation", "minutes"]


def table(rows: list[dict[str, Any]]) -> pd.DataFrame:
    """Return climbed rungs, with the keys in `COLUMNS`, in the order of weights and ladder."""
    places = {name: place for place, name in enumerate(BY_NAME)}
    known = pd.DataFrame(rows, columns=COLUMNS)
    known["weights"] = known["weights"].map(runs.started_from)
    known["place"] = known["rung"].map(places)  # averaged views have none, and come last
    return known.sort_values(["weights", "place"], ignore_index=True).drop(columns="place")


def settings_of(rung: Rung, random_seed: int | None = None) -> Settings:
    """Return a rung's settings, whatever the environment says of a notebook's own training."""
    changed = dict(rung.settings)
    if random_seed is not None:
        changed["random_seed"] = random_seed
    given = names("given")  # such as the split, which is the same for all rungs
    defaults = Settings.model_construct().of("training")
    own = {name: value for name, value in defaults.items() if name not in given}
    return read_settings(**own | RECIPES[changed.get("recipe", "seed")] | changed)


def changes(climbed: Collection[str] | None = None) -> pd.DataFrame:
    """Return which settings each rung changes against the one below it, and to what.

    A row per rung: change (in words) and settings (name and value, for the lowest against the
    defaults). A recipe is a name for other settings and is not among them. Of rungs that were not
    climbed, if it is said which were, nothing is told: the next one has their changes.
    """
    parameters = [name for name in names("training") if name != "recipe"]
    below, rows = settings_of(Rung("", "")), {}
    for each in RUNGS:
        if climbed is not None and each.name not in climbed:
            continue
        here = settings_of(each)
        differ = [name for name in parameters if getattr(here, name) != getattr(below, name)]
        words = ", ".join(f"{name} {getattr(here, name)}" for name in differ)
        rows[each.name] = {"change": each.change, "settings": words}
        below = here
    return pd.DataFrame(rows, index=["change", "settings"]).T.rename_axis("rung")


def pretraining(rungs: pd.DataFrame) -> pd.DataFrame:
    """Return what pre-training is worth on the trained rungs that random weights climbed too.

    A row per rung: pretrained and random (validation accuracy, 0 to 1; of several pre-trained
    weights the better), points (the one minus the other, in percentage points).
    """
    rungs = rungs[rungs["rung"].isin(BY_NAME)]  # more views of a face are no other training
    known = ~rungs["weights"].str.startswith("random")
    best = {
        name: part.groupby("rung", sort=False)["accuracy_validation"].max()
        for name, part in (("pretrained", rungs[known]), ("random", rungs[~known]))
    }
    both = pd.DataFrame(best).reindex(best["pretrained"].index).dropna()
    return both.assign(points=lambda x: 100 * (x["pretrained"] - x["random"]))


def already_known(rungs: pd.DataFrame, measured: pd.DataFrame) -> str:
    """Say in some sentences how much the network already knew.

    As far as rungs of `table` tell, and rows of `runs.read` of several random seeds.
    """
    both = pretraining(rungs)
    if both.empty:
        return (
            "How much the network already knew, this ladder cannot tell yet: no rung was climbed "
            "both with pre-trained and with random weights."
        )
    most, least = both["points"].idxmax(), both["points"].idxmin()
    top = rungs.loc[rungs["accuracy_validation"].idxmax()]
    rungs_of_both = "1 rung was" if len(both) == 1 else f"{len(both)} rungs were"
    also = f", and least on `{least}`, {_worth(both.loc[least])}" if least != most else ""
    highest = both["random"].idxmax()
    where = f"`{top['rung']}`, weights {runs.short(top['weights'])}"
    if top["rung"] == "ensemble":  # whose weights may be of several kinds
        where = top["change"]
    return (
        "How much did the network already know? It depends on what is read from it. "
        f"{rungs_of_both} climbed from random weights too, once each. Pre-training is worth most "
        f"on `{most}`, {_worth(both.loc[most])}{also}. Where random weights come highest, on "
        f"`{highest}`, it is {_worth(both.loc[highest])}. The top of the ladder is "
        f"{top['accuracy_validation']:.1%} of the validation split ({where})."
        f"{_over_seeds(measured)}"
    )


def _over_seeds(measured: pd.DataFrame) -> str:
    """Say what both starts came to where several random seeds climbed; nothing if none did."""
    spread = runs.spread(measured)
    found = []
    for recipe, part in spread[spread["views"] == 2].groupby("recipe", sort=False):
        if part["weights"].str.startswith("random").nunique() == 2:
            starts = [
                f"{row['mean']:.1%} ± {row['deviation']:.1%} from {runs.short(row['weights'])} "
                f"({row['seeds']} seeds)"
                for _, row in part.iterrows()
            ]
            found.append(f"`{recipe}` {', '.join(starts)}")
    if not found:
        return ""
    return (
        " Over several random seeds (mean ± standard deviation), on the test images in two views: "
        f"{'; '.join(found)}."
    )


def _worth(row: pd.Series) -> str:
    return f"{row['points']:+.1f} points ({row['pretrained']:.1%} against {row['random']:.1%})"


def rows_of(kept: Path, random_seed: int) -> list[dict[str, Any]]:
    """Return the climbed rungs as rows for `table`, read from the kept runs of a random seed.

    Of several equal runs from the same weights the last one counts.
    """
    rows = {}
    for each in RUNGS:
        for folder in runs.made_with(kept, settings_of(each, random_seed)):
            about = runs.details(folder)
            rows[each.name, runs.started_from(about["weights"])] = {
                "rung": each.name,
                "change": each.change,
                **{name: about[name] for name in ("weights", "accuracy_validation", "minutes")},
            }
    return list(rows.values())


def averaging_rows(measured: pd.DataFrame) -> list[dict[str, Any]]:
    """Return the rungs above the last one, of `runs.read`: more views of a face, then an ensemble.

    The single run that is best on the validation split is followed, as it was chosen: not what
    learnt from the validation images later; with it the same recipe from other weights. An
    ensemble without it is no step above it, and stands at its weights.
    """
    best, single = runs.best_single(measured), measured["ensemble"] == 1
    recipe, views = measured["recipe"], measured["views"].astype(str)
    members, starts = recipe.str.replace("+", ", "), measured["weights"].map(runs.short)
    members += (" (" + starts + ")").where(starts.str.contains("+", regex=False), "")
    seed = measured["random_seed"] == best["random_seed"]
    same = seed & ~measured["refit"] & (recipe == best["recipe"])
    followed = seed & recipe.str.split("+").map(lambda names: best["recipe"] in names)
    steps = measured.assign(
        # an ensemble's are in its change, if there are several
        weights=measured["weights"].where(single, best["weights"]),
        rung=("views_" + views).where(single, "ensemble"),
        change=(recipe + ": " + views + " views averaged").where(
            single, "ensemble, " + views + " views: " + members
        ),
    )[(single & same & (measured["views"] > 1)) | (~single & followed)]
    return steps.sort_values("ensemble", kind="stable")[COLUMNS].to_dict("records")
