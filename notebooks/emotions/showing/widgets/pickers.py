"""Parameters as controls."""

from collections.abc import Mapping
from typing import Any

import ipywidgets
import pandas as pd

from emotions.recipes import RECIPES
from emotions.settings import Settings, SettingsError
from emotions.showing.widgets.explorer import LABELLED, WIDE, dropdown


class HyperparameterPicker:
    """The parameters of a training as widgets; `settings` are the picked ones, validated."""

    CHOICES: Mapping[str, tuple] = {
        "recipe": tuple(RECIPES),
        "optimizer": ("SGD", "Adam"),
        "trainable": ("head", "block5", "block4", "block3", "everything"),
        "layer": ("pool3", "pool4", "conv5_3", "pool5", "pool3+pool4", "pool3+pool4+pool5"),
        "pooling": ("average", "flatten"),
        "image_size": (48, 96, 224),
        "schedule": ("constant", "cosine"),
        "augmentation": ("none", "mirror", "light", "strong"),
        "rescale": (False, True),
        "class_weights": (False, True),
    }
    NUMBERS = (
        *("learning_rate", "epochs", "head_epochs", "batch_size", "units", "dropout"),
        *("momentum", "weight_decay", "label_smoothing", "mixup", "warmup", "backbone_rate"),
    )

    def __init__(self, settings: Settings) -> None:
        self._start = settings
        self.controls = {name: self._folder(name) for name in ("train_data", "val_data")}
        for name, options in self.CHOICES.items():
            value = getattr(settings, name)
            self.controls[name] = dropdown(name, dict.fromkeys((*options, value)), value)
        for name in self.NUMBERS:
            value = getattr(settings, name)
            kind = ipywidgets.IntText if isinstance(value, int) else ipywidgets.FloatText
            self.controls[name] = kind(value, description=name, style=LABELLED, layout=WIDE)
        for name, control in self.controls.items():
            control.tooltip = Settings.model_fields[name].description
            control.observe(self._check, "value")
        self.controls["recipe"].observe(self._take_recipe, "value")
        self.message = ipywidgets.HTML()
        grid = ipywidgets.Layout(grid_template_columns="repeat(2, 25em)")
        boxes = ipywidgets.GridBox(list(self.controls.values()), layout=grid)
        self.widget = ipywidgets.VBox([boxes, self.message])
        self._check()

    def _folder(self, name: str) -> ipywidgets.Text:
        value = getattr(self._start, name)
        return ipywidgets.Text(
            "" if value is None else str(value),
            placeholder="the course's own",
            description=name,
            style=LABELLED,
            layout=WIDE,
            continuous_update=False,
        )

    @property
    def settings(self) -> Settings:
        """The picked parameters.

        Raises
        ------
        SettingsError
            If a value cannot be used; the sentence stands below the widgets too.
        """
        values = {name: control.value for name, control in self.controls.items()}
        return self._start.changed(**{k: None if v == "" else v for k, v in values.items()})

    def _take_recipe(self, change: Any) -> None:
        """Set every control to the picked recipe's value; the folders stay."""
        made = Settings(**{"recipe": change["new"], **RECIPES[change["new"]]})
        for name in (*self.CHOICES, *self.NUMBERS):
            self.controls[name].value = getattr(made, name)

    def _check(self, change: Any = None) -> None:
        try:
            self.message.value = f"Ready: {describe(self.settings)}. Run the next cell."
        except SettingsError as error:
            self.message.value = f"<b>{error}</b>"

    def _repr_mimebundle_(self, **keywords: Any) -> dict[str, Any]:
        bundle = self.widget._repr_mimebundle_(**keywords)
        table = pd.Series({name: c.value for name, c in self.controls.items()}, name="value")
        return {**bundle, "text/html": table.rename_axis("parameter").to_frame().to_html()}


def describe(settings: Settings) -> str:
    """Return a training's parameters as half a line of text."""
    return (
        f"{settings.optimizer}, learning rate {settings.learning_rate:g}, {settings.epochs} epochs,"
        f" {settings.layer} {settings.pooling} at {settings.image_size} pixels,"
        f" training {settings.trainable}"
    )


class SearchPicker:
    """How the grid search goes and who does its fits; `settings` are the picked ones."""

    WORKERS = ("", "local", "local:2", "tcp://address:8786", "tls://address:8786")

    def __init__(self, settings: Settings) -> None:
        self._start = settings
        self.controls = {
            "search": dropdown("search", ("full", "halving"), settings.search),
            "scheduler": ipywidgets.Combobox(
                value=settings.scheduler or "",
                options=self.WORKERS,
                placeholder="this kernel",
                description="scheduler",
                style=LABELLED,
                layout=WIDE,
                continuous_update=False,
            ),
        }
        for name, control in self.controls.items():
            control.tooltip = Settings.model_fields[name].description
            control.observe(self._check, "value")
        self.message = ipywidgets.HTML()
        self.widget = ipywidgets.VBox([*self.controls.values(), self.message])
        self._check()

    @property
    def settings(self) -> Settings:
        """The picked settings.

        Raises
        ------
        SettingsError
            If a value cannot be used; the sentence stands below the widgets too.
        """
        values = {name: control.value for name, control in self.controls.items()}
        return self._start.changed(**{**values, "scheduler": values["scheduler"] or None})

    def _check(self, change: Any = None) -> None:
        try:
            picked = self.settings
            self.message.value = f"Ready: {picked.search}, {picked.scheduler or 'in this kernel'}."
        except SettingsError as error:
            self.message.value = f"<b>{error}</b>"

    def _repr_mimebundle_(self, **keywords: Any) -> dict[str, Any]:
        bundle = self.widget._repr_mimebundle_(**keywords)
        picked = {name: c.value or "this kernel" for name, c in self.controls.items()}
        picked = pd.Series(picked, name="value")
        return {**bundle, "text/html": picked.rename_axis("parameter").to_frame().to_html()}
