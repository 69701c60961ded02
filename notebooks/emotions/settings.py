"""Every parameter of the course, once, validated.

A parameter comes from, in rising order: the default here, an `EMOTIONS_*` environment variable,
the command line (`notebooks/train.py`), a widget in a notebook. Its text, the values that its
widget offers, its flag and its row in the report are all made from its field here; by default a
field is a parameter of a training, and a mark says what else it is.
"""

import difflib
import json
import os
import re
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar, get_args, get_origin

from pydantic import AfterValidator, Field, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from emotions.recipes import RECIPES

ROOT = Path(__file__).resolve().parents[2]
PREFIX = "EMOTIONS_"
FEATURE_LAYERS = ("pool3", "pool4", "conv5_3", "pool5")
# What learns beside the head -> the numbers of the backbone's blocks that do.
LEARNING_BLOCKS = dict(head="", block5="5", block4="45", block3="345", everything="12345")
LOCAL_WORKERS = r"local(?::([1-9]\d{0,2}))?"
AUGMENTED = ("none", "mirror", "light", "strong", "erase_quarter", "erase_half")
WEIGHTS = ("auto", "vggface", "hed", "random")

# Marks of what a field is; without one it is a parameter of a training.
T = TypeVar("T")
Form = Annotated[T, "training", "form"]  # of a training, and a saved classifier is built by it
Given = Annotated[T, "given"]  # decides a training's result, but is written down in its own words
Common = Annotated[T, "training", "given"]  # of a training, the same for all rungs of a ladder
Search = Annotated[T, "search"]  # how a grid is searched
Place = Annotated[T, "place"]  # where things lie


class SettingsError(ValueError):
    """A parameter has a value that cannot be used; the message says which and what can."""


def absolute(path: Path) -> Path:
    """Return an absolute path: as seen from here if it exists, else from the root.

    So that `data/faces` means the same folder in `notebooks/`, where notebooks run, and above. A
    ValueError if it cannot be looked up.
    """
    try:
        path = path.expanduser()
        from_here = Path.cwd() / path
        return from_here.resolve() if from_here.exists() else (ROOT / path).resolve()
    except (OSError, RuntimeError) as error:  # not allowed, too long, nobody's home
        raise ValueError(f"it cannot be looked up, {error}") from None


Folder = Annotated[Path, AfterValidator(absolute)]  # or a file


class Settings(BaseSettings):
    """All parameters of the course; `read_settings` says in one sentence what cannot be used."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, extra="forbid")

    recipe: Literal[*RECIPES] = Field(
        "seed", description=f"a set of values for what you do not set: {', '.join(RECIPES)}"
    )
    train_data: Given[Folder | None] = Field(
        None, description="folder of training images, one folder per emotion in it"
    )
    val_data: Given[Folder | None] = Field(
        None,
        description="folder of images for the one evaluation at the end (the seed's validation "
        "data); nothing is ever tuned on it",
    )
    optimizer: Literal["SGD", "Adam"] = Field("Adam", description="how weights are updated")
    learning_rate: float = Field(0.001, gt=0, le=10, description="size of an update")
    epochs: int = Field(50, ge=1, le=10_000, description="passes through the training images")
    batch_size: int = Field(64, ge=1, le=65_536, description="images per update")
    trainable: Literal[*LEARNING_BLOCKS] = Field(
        "head",
        description="what learns: the head alone, with it block 5, blocks 4 and 5, blocks 3 to 5, "
        "or everything",
    )
    layer: Form[Literal[*FEATURE_LAYERS]] = Field(
        "pool5",
        description=f"layer of the backbone that feeds the head: {', '.join(FEATURE_LAYERS)}",
    )
    pooling: Form[Literal["average", "flatten"]] = Field(
        "average", description="how a feature map becomes a vector"
    )
    image_size: Form[int] = Field(
        48,
        ge=32,
        le=224,
        multiple_of=4,
        description="side of the network's input, in pixels",
        examples=[44, 48, 96, 224],
    )
    crop: Form[int] = Field(
        0,
        ge=0,
        le=48,
        description="side of the middle square that is cut out, in pixels of an image of 48; of a "
        "larger one as large a share; 0: the whole",
    )
    width: Form[float] = Field(
        1.0, gt=0, le=1, description="share of each convolution's filters kept, the largest ones"
    )
    normalisation: Form[Literal["none", "batch"]] = Field(
        "none", description="none, or a batch normalisation behind each convolution of the backbone"
    )
    head_epochs: int = Field(
        0, ge=0, le=1000, description="epochs in which the head learns alone before the blocks do"
    )
    rescale: bool = Field(
        False,
        description="scale the backbone's weights so that each channel has mean 0 and spread 1 "
        "over the training faces, as batch normalisation would at its start",
    )
    schedule: Literal["constant", "cosine"] = Field(
        "constant", description="how the learning rate goes on: it stays, or falls to 0 by a cosine"
    )
    warmup: float = Field(
        0.0, ge=0, le=100, description="epochs in which the learning rate first rises from 0"
    )
    backbone_rate: float = Field(
        1.0,
        gt=0,
        le=1,
        description="the learning rate of a block, as a share of the one after it; of the last "
        "block that the head reads, as a share of the head's",
    )
    momentum: float = Field(0.0, ge=0, lt=1, description="of SGD, in Nesterov's form")
    weight_decay: float = Field(
        0.0, ge=0, le=1, description="pulls weights towards 0, decoupled; in all blocks alike"
    )
    moving_average: float = Field(
        0.0, ge=0, lt=1, description="share of the weights' average that a step keeps; 0: none"
    )
    label_smoothing: float = Field(
        0.0, ge=0, lt=1, description="share of each label that is spread over all classes"
    )
    class_weights: bool = Field(False, description="weigh rare classes up, to an equal total each")
    augmentation: Literal[*AUGMENTED] = Field(
        "none",
        description="random changes of the training images: none, mirrored, also moved and shaded, "
        "more of it and partly erased, or light with a quarter or half partly erased",
    )
    mixup: float = Field(
        0.0, ge=0, le=10, description="alpha of mixup: how far two images are blended; 0 does not"
    )
    units: Form[int] = Field(
        256, ge=0, le=8192, description="units of the head's hidden layer; 0: no hidden layer"
    )
    dropout: Form[float] = Field(
        0.0, ge=0, lt=1, description="share of hidden units left out per step"
    )
    weights: Given[str] = Field(
        "auto", description=f"weights of the backbone: {', '.join(WEIGHTS)}, or an h5 file"
    )
    mean: Literal["vggface", "training", "zero_one"] = Field(
        "vggface",
        description="what is subtracted from the pixels: VGG-Face's published mean, the training "
        "set's own, or nothing but a division by 255, as the seed's code did",
    )
    precision: Given[Literal["auto", "float32", "mixed_bfloat16"]] = Field(
        "auto", description="number format of the backbone"
    )
    validation_share: Common[float] = Field(
        0.1, gt=0, le=0.5, description="share of the training images split off to choose by"
    )
    leave_out: bool = Field(
        False, description="leave out the training images that notebook 01 listed as faulty"
    )
    grid: Search[Annotated[dict[str, list[Any]], NoDecode]] = Field(
        {
            "optimizer": ["SGD", "Adam"],
            "learning_rate": [0.001, 0.003, 0.01],
            "units": [64, 256],
            "dropout": [0.0, 0.5],
            "batch_size": [256],
            "weight_decay": [0.0],
        },
        description="values that the grid search tries, as JSON",
    )
    grid_epochs: Search[int] = Field(5, ge=1, description="epochs of each fit of the grid search")
    folds: Search[int] = Field(3, ge=2, le=20, description="folds of the cross-validation")
    search: Search[Literal["full", "halving"]] = Field(
        "full",
        description="how the grid search goes: every combination on all images, or rounds in which "
        "the best third goes on with three times the images",
    )
    scheduler: Search[str | None] = Field(
        None,
        description="who does the fits of the grid search: nothing for this process, local for one "
        "Dask worker per core, local:3 for three, or the address of a Dask scheduler, tcp://… or "
        "tls://…",
        examples=["local", "local:2", "tcp://address:8786", "tls://address:8786"],
    )
    tls_ca: Search[Folder | None] = Field(
        None, description="certificate authority of a tls:// scheduler"
    )
    tls_certificate: Search[Folder | None] = Field(None, description="your certificate for it")
    tls_key: Search[Folder | None] = Field(None, description="the key of your certificate")
    random_seed: Given[int] = Field(2013, ge=0, lt=2**31, description="starts every random number")
    deterministic: Common[bool] = Field(
        False,
        description="give the same digits each time on one machine with as many threads; once on, "
        "it stays on until the kernel restarts",
    )
    data: Place[Folder] = Field(ROOT / "data", description="folder of the data and the caches")
    output: Place[Folder] = Field(ROOT / "output", description="folder of the results")

    @field_validator("optimizer", mode="before")
    @classmethod
    def _spell_optimizer(cls, value: Any) -> Any:
        return {"sgd": "SGD", "adam": "Adam"}.get(str(value).lower(), value)

    @field_validator("weights", mode="after")
    @classmethod
    def _find_weights(cls, value: str) -> str:
        return value if value in WEIGHTS else str(absolute(Path(value)))

    @field_validator("scheduler", mode="after")
    @classmethod
    def _check_scheduler(cls, value: str | None) -> str | None:
        known = rf"{LOCAL_WORKERS}|(tcp|tls)://[^\s/]+:\d+"
        if value and not re.fullmatch(known, value):
            raise ValueError("write local, local:3, tcp://address:port or tls://address:port")
        return value or None

    @field_validator("grid", mode="before")
    @classmethod
    def _read_grid(cls, value: Any) -> Any:
        try:
            return json.loads(value) if isinstance(value, str) else value
        except json.JSONDecodeError as error:
            raise ValueError(f"this is not JSON, {error}") from None

    @field_validator("grid", mode="after")
    @classmethod
    def _check_grid(cls, grid: dict[str, list[Any]]) -> dict[str, list[Any]]:
        allowed = cls.model_fields["grid"].default  # what a fit of the search has a parameter for
        for name, values in grid.items():
            if name not in allowed:
                raise ValueError(f"{name!r} is not one of {', '.join(allowed)}")
            if not values:
                raise ValueError(f"{name!r} has no values to try")
        if not grid:
            raise ValueError("there is no parameter to try")
        checked = {name: [cls._checked(name, x) for x in values] for name, values in grid.items()}
        return {name: list(dict.fromkeys(values)) for name, values in checked.items()}  # each once

    @classmethod
    def _checked(cls, name: str, value: Any) -> Any:
        try:
            checked = cls.__pydantic_validator__.validate_assignment(
                cls.model_construct(), name, value
            )
            return getattr(checked, name)
        except ValidationError as error:
            raise ValueError(f"{name} {value!r}: {error.errors()[0]['msg']}") from None

    @model_validator(mode="after")
    def _check_together(self) -> "Settings":
        if (self.train_data is None) != (self.val_data is None):
            raise ValueError("train_data and val_data belong together: give both, or neither")
        first = LEARNING_BLOCKS[self.trainable][:1]
        choices = [layer for layer in FEATURE_LAYERS if layer[4] >= first]
        if self.layer not in choices:
            raise ValueError(
                f"{self.trainable} lies behind {self.layer}, so it would not learn anything: "
                f"choose layer {' or '.join(choices)}, or trainable head"
            )
        if (self.scheduler or "").startswith("tls:"):
            files = (self.tls_ca, self.tls_certificate, self.tls_key)
            if not all(file and file.is_file() for file in files):
                needed = "tls_ca, tls_certificate and tls_key"
                raise ValueError(f"a tls:// scheduler needs three files that are there: {needed}")
        if self.mixup and self.class_weights:
            raise ValueError("class_weights and mixup do not go together: choose one of them")
        return self

    @property
    def start(self) -> str | None:
        """The layer whose cached maps the learning blocks start from; None: there is none."""
        blocks = LEARNING_BLOCKS[self.trainable]
        before = f"pool{int(blocks[0]) - 1}" if blocks else None
        return before if before in FEATURE_LAYERS else None

    @property
    def soft(self) -> bool:
        """Whether a label is a row of probabilities, one per class, not a number."""
        return bool(self.label_smoothing or self.mixup)

    def of(self, *parts: str) -> dict[str, Any]:
        """Return the values of all fields of some parts; see `names`."""
        return self.model_dump(include=set(names(*parts)))

    def changed(self, **changes: Any) -> "Settings":
        """Return these settings with some values replaced, or raise a `SettingsError`.

        A new `recipe` brings its own values with it; what only the one before set has its default.
        """
        values = changes
        if "recipe" in changes:
            earlier = {name: Settings.model_fields[name].default for name in RECIPES[self.recipe]}
            values = earlier | RECIPES.get(changes["recipe"], {}) | changes
        return read_settings(**{**self.model_dump(), **values})


def names(*parts: str) -> list[str]:
    """Return the names of the fields of some parts, in their order.

    "training" is what a training's result is written down with, "form" are those of them that a
    saved classifier is built from again; "given", "search" and "place" are as marked above.
    """
    marks = {
        name: {mark for mark in field.metadata if isinstance(mark, str)} or {"training"}
        for name, field in Settings.model_fields.items()
    }
    return [name for name, known in marks.items() if known & set(parts)]


def choices(name: str) -> tuple:
    """Return the values that a widget offers for a field; nothing if any number or path will do."""
    field = Settings.model_fields[name]
    if field.annotation is bool:
        return (False, True)
    known = get_args(field.annotation) if get_origin(field.annotation) is Literal else ()
    return tuple(field.examples or known)


def read_settings(**values: Any) -> Settings:
    """Return the settings: `values` first, then the environment, a recipe's, the defaults."""
    given = {name.upper(): text for name, text in os.environ.items()}  # pydantic takes any case
    for name in given:
        known = name.removeprefix(PREFIX).lower() in Settings.model_fields
        if name.startswith(PREFIX) and not known:
            raise SettingsError(f"The environment variable {name} {_suggest(name)}")
    recipe = values.get("recipe", given.get(f"{PREFIX}RECIPE", "seed"))
    wanted = RECIPES.get(recipe, {}) if isinstance(recipe, str) else {}
    below = {name: x for name, x in wanted.items() if PREFIX + name.upper() not in given}
    try:
        return Settings(**below | values)
    except ValidationError as error:
        raise SettingsError(_one_sentence(error)) from None


def _suggest(name: str) -> str:
    names = [PREFIX + field.upper() for field in Settings.model_fields]
    close = difflib.get_close_matches(name, names, n=1)
    all_known = "see `.venv/bin/python notebooks/train.py --help`."
    return f"is no setting of the course: {f'did you mean {close[0]}?' if close else all_known}"


def _one_sentence(error: ValidationError) -> str:
    first = error.errors()[0]
    if not first["loc"]:  # two parameters that do not fit together
        return first["msg"].removeprefix("Value error, ") + "."
    name = str(first["loc"][0])
    field = Settings.model_fields.get(name)
    if field is None:
        return f"{name!r} {_suggest(PREFIX + name.upper())}"
    what = first["msg"].removeprefix("Value error, ")
    return (
        f"The setting {name} ({PREFIX}{name.upper()}) cannot be {first['input']!r}: {what} "
        f"({name}: {field.description})."
    )
