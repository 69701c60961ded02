"""The data set of drawn faces: who is drawn, with which expression, and how often."""

import re
from pathlib import Path

import numpy as np
from PIL import Image

from emotions.data.drawn.anatomy import ACTION_UNITS, EXPRESSIONS, Identity
from emotions.data.drawn.canvas import View
from emotions.data.drawn.painting import draw_face
from emotions.files import alone, new_folder
from emotions.loops import Progress, with_progress

PEOPLE = {"train": 300, "test": 100}
MINIMUM_PER_CLASS = 2
# Share of each expression beyond the 5 % that all of them get, in percent: as in FER-2013
# happy is the most frequent and disgust the rarest, but less extremely so.
EXTRA_PERCENT = dict(angry=9, disgust=0, fear=9, happy=18, neutral=11, sad=11, surprise=7)
MISSING_UNIT_CHANCE = 0.18
STRAY_UNIT_CHANCE = 0.06


def random_action_units(expression: str, rng: np.random.Generator) -> dict[int, float]:
    """Act out an expression the way people do: more or less strongly, and not by the book.

    The active units get their intensities. One unit of the prototype is always there; any other
    may be missing, and weak units that do not belong to it may turn up.
    """
    prototype = EXPRESSIONS[expression]
    effort = rng.uniform(0.5, 1.0)
    always = rng.choice(prototype) if prototype else None
    intensities = {}
    for unit in ACTION_UNITS:
        if unit in prototype:
            if unit == always or rng.random() >= MISSING_UNIT_CHANCE:
                intensities[unit] = effort * rng.uniform(0.7, 1.0)
        elif rng.random() < STRAY_UNIT_CHANCE:
            intensities[unit] = rng.uniform(0.1, 0.5)
    return intensities


def plan_example(
    split: str, expression: str, number: int, seed: int = 2013
) -> tuple[dict[int, float], Identity, View]:
    """Work out one picture of the data set from its name alone; its number counts from 1.

    Train and test are different people.
    """
    split_number = list(PEOPLE).index(split)
    # The last key tells streams of people (0) from streams of pictures (1 and up) apart.
    person_key = (split_number, (number - 1) % PEOPLE[split], 0)
    person_stream = np.random.SeedSequence(seed, spawn_key=person_key)
    place = 1 + list(EXPRESSIONS).index(expression)
    picture_stream = np.random.SeedSequence(seed, spawn_key=(split_number, number, place))
    rng = np.random.default_rng(picture_stream)
    person = Identity.random(np.random.default_rng(person_stream))
    return random_action_units(expression, rng), person, View.random(rng)


def class_counts(total: int) -> dict[str, int]:
    """Divide the pictures of a split among the expressions.

    Each gets at least 2 and at least 5 %, disgust no more than that; ValueError if the total is
    too small for it.
    """
    least = max(MINIMUM_PER_CLASS, -(-total // 20))
    rest = total - least * len(EXPRESSIONS)
    if rest < 0:
        raise ValueError(
            f"A split of {total} pictures is too small: "
            f"every one of the {len(EXPRESSIONS)} expressions needs at least {least}."
        )
    percent = np.array([EXTRA_PERCENT[name] for name in EXPRESSIONS])
    borders = np.cumsum(percent) * rest // percent.sum()
    extra = np.diff(borders, prepend=0).tolist()
    return {name: least + more for name, more in zip(EXPRESSIONS, extra, strict=True)}


def draw_data_set(
    folder: Path,
    *,
    train: int = 2100,
    test: int = 700,
    seed: int = 2013,
    progress: Progress | None = None,
) -> None:
    """Draw a data set with the folder layout of FER-2013, unless it is there already.

    It gets ``train/<expression>/drawn_00001.png`` and so on, and ``test/...`` likewise: 8-bit grey
    PNG, 48 x 48 pixels, `train` and `test` of them. A folder with the final name is always
    complete. ValueError if a split is too small for two pictures of every expression.
    """
    names = [
        (split, expression, number)
        for split, total in zip(PEOPLE, (train, test), strict=True)
        for expression, count in class_counts(total).items()
        for number in range(1, count + 1)
    ]
    with alone(folder):
        if folder.exists():
            return
        with new_folder(folder) as unfinished:
            steps = with_progress(names, progress, len(names), "Drawing faces")
            for split, expression, number in steps:
                action_units, identity, view = plan_example(split, expression, number, seed)
                pixels = draw_face(action_units, identity, view=view)
                target = unfinished / split / expression
                target.mkdir(parents=True, exist_ok=True)
                Image.fromarray(pixels).save(target / f"drawn_{number:05d}.png")


def is_drawn(split: str, file: str, pixels: np.ndarray) -> bool:
    """Tell whether uint8 (side, side, channels) are what `draw_data_set` draws for a file's name.

    They may differ by less than a grey level on average, as other versions of the libraries round
    otherwise. The name is like ``"happy/drawn_00001.png"``.
    """
    name = re.fullmatch(r"([^/]+)/drawn_(\d{1,5})\.png", file)
    if not name or name[1] not in EXPRESSIONS or int(name[2]) < 1:
        return False
    action_units, identity, view = plan_example(split, name[1], int(name[2]))
    drawn = draw_face(action_units, identity, view=view)[..., None]
    return pixels.shape == drawn.shape and np.abs(pixels.astype(int) - drawn).mean() < 1
