"""Parameters as controls."""

from collections.abc import Callable, Sequence
from html import escape
from typing import Any

import ipywidgets
import pandas as pd

from emotions.recipes import RECIPES
from emotions.settings import Settings, SettingsError, choices, names, read_settings
from emotions.showing.widgets.explorer import LABELLED, WIDE, Keys, dropdown


class Picker:
    """The chosen settings as controls; `settings` are the picked ones, validated.

    `describe` puts what was picked into half a line of text.
    """

    def __init__(
        self, settings: Settings, chosen: Sequence[str], describe: Callable[[Settings], str]
    ) -> None:
        self._start, self._describe = settings, describe
        self.controls = {name: control(name, getattr(settings, name)) for name in chosen}
        for name, each in self.controls.items():
            each.tooltip = Settings.model_fields[name].description
            each.observe(self._check, "value")
        self.message = ipywidgets.HTML()
        grid = ipywidgets.Layout(
            grid_template_columns="repeat(auto-fill, minmax(min(25em, 100%), 25em))"
        )
        made = list(self.controls.values())
        rows = [one for one in made if isinstance(one, ipywidgets.ToggleButtons)]
        boxes = ipywidgets.GridBox([one for one in made if one not in rows], layout=grid)
        self.widget = ipywidgets.VBox([*rows, boxes, self.message, Keys()])
        self._check()

    @property
    def settings(self) -> Settings:
        """The picked parameters; if one cannot be used, a sentence below the widgets says so."""
        values = {name: each.value for name, each in self.controls.items()}
        return self._start.changed(**{k: None if v == "" else v for k, v in values.items()})

    def _check(self, change: Any = None) -> None:
        try:
            self.message.value = f"Ready: {self._describe(self.settings)}. Run the next cell."
        except SettingsError as error:
            self.message.value = f"<b>{escape(str(error))}</b>"

    def _repr_mimebundle_(self, **keywords: Any) -> dict[str, Any]:
        bundle = self.widget._repr_mimebundle_(**keywords)
        table = pd.Series({name: c.value for name, c in self.controls.items()}, name="value")
        return {**bundle, "text/html": table.rename_axis("parameter").to_frame().to_html()}


def control(name: str, value: Any) -> ipywidgets.ValueWidget:
    """Return the control of a setting: buttons, a list, a number, or a line that may stay empty."""
    offered = choices(name)
    if name == "recipe":  # one click sets all the others
        buttons = ipywidgets.ToggleButtons(
            options=offered, value=value, description=name, style=LABELLED
        )

        def mark(change: Any = None) -> None:  # in the dark theme its colour hardly shows
            buttons.icons = ["check" if each == buttons.value else "" for each in offered]

        buttons.observe(mark, "value")
        mark()
        return buttons
    if value is None or Settings.model_fields[name].default is None:
        return ipywidgets.Combobox(
            value="" if value is None else str(value),
            options=offered,
            placeholder="not set",
            description=name,
            style=LABELLED,
            layout=WIDE,
            continuous_update=False,
        )
    if offered:
        return dropdown(name, dict.fromkeys((*offered, value)), value)
    kind = ipywidgets.IntText if isinstance(value, int) else ipywidgets.FloatText
    return kind(value, description=name, style=LABELLED, layout=WIDE)


class HyperparameterPicker(Picker):
    """The data and the parameters of a training; a picked recipe sets the others."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings, ["train_data", "val_data", *names("training")], describe)
        self.controls["recipe"].observe(self._take_recipe, "value")

    def _take_recipe(self, change: Any) -> None:
        """Set every control to the picked recipe's value; the folders stay."""
        made = read_settings(**RECIPES[change["new"]], recipe=change["new"])
        for name in names("training"):
            self.controls[name].value = getattr(made, name)


def describe(settings: Settings) -> str:
    """Return a training's parameters as half a line of text."""
    return (
        f"{settings.optimizer}, learning rate {settings.learning_rate:g}, {settings.epochs} epochs,"
        f" {settings.layer} {settings.pooling} at {settings.image_size} pixels,"
        f" training {settings.trainable}"
    )


class SearchPicker(Picker):
    """How the grid search goes and who does its fits."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(
            settings,
            ["search", "scheduler"],
            lambda picked: f"{picked.search}, {picked.scheduler or 'in this kernel'}",
        )
