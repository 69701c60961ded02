"""Pickers and explorers for the notebooks; no logic of their own.

Each one shows itself twice: as a live widget where a kernel runs, and as a plain picture or text
where none does (exported HTML), so that a page never has a hole.
"""

import base64
import io
import time
from collections.abc import Callable, Mapping
from typing import Any

import ipywidgets
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from IPython.display import HTML, display
from matplotlib.figure import Figure

from emotions import figures
from emotions.backbone import LAYERS, Backbone
from emotions.dataset import ImageSet
from emotions.drawn_faces import ACTION_UNITS, EXPRESSIONS, draw_face
from emotions.preprocessing import network_input
from emotions.quiet_keras import keras
from emotions.recipes import RECIPES
from emotions.settings import Settings, SettingsError

WIDE = {"width": "24em"}  # no widget: one would be closed when a notebook runs again
LABELLED = {"description_width": "9em"}


def as_png(figure: Figure) -> bytes:
    """Return a figure as the bytes of a PNG and close it."""
    content = io.BytesIO()
    figure.savefig(content, format="png", bbox_inches="tight")
    plt.close(figure)
    return content.getvalue()


class Explorer:
    """Controls above a figure that is drawn anew whenever one of them moves.

    Parameters
    ----------
    draw
        Gets the controls' values by name, returns a matplotlib figure.
    controls
        Name -> ipywidgets control.
    """

    def __init__(self, draw: Callable[..., Figure], **controls: ipywidgets.Widget) -> None:
        self.draw, self.controls = draw, controls
        self.picture = ipywidgets.Image(format="png")
        self.picture.layout = ipywidgets.Layout(max_width="100%", align_self="flex-start")
        rows = ipywidgets.Layout(flex_flow="row wrap")
        box = ipywidgets.HBox(list(controls.values()), layout=rows)
        self.widget = ipywidgets.VBox([box, self.picture])
        for control in controls.values():
            control.observe(self.update, "value")
        self.update()

    def update(self, change: Any = None) -> None:
        """Draw the figure with the controls as they are now."""
        values = {name: control.value for name, control in self.controls.items()}
        figure = self.draw(**values)
        self.metadata = figures.alternative(figure)
        self.picture.value = as_png(figure)

    def _repr_mimebundle_(self, **keywords: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        bundle = self.widget._repr_mimebundle_(**keywords)
        picture = base64.b64encode(self.picture.value).decode()
        return {**bundle, "image/png": picture}, self.metadata


def image_browser(images: ImageSet, problems: pd.DataFrame, footer: str) -> Explorer:
    """Browse the images of one split by class, all of them or only those with a problem.

    Parameters
    ----------
    images
        What to browse.
    problems
        A row per image, in the order of `images`, with columns of bool.
    footer
        Names the data.
    """
    per_page = 24
    kinds = [column for column in problems.columns if problems[column].dtype == bool]

    def draw(emotion: str, show: str, page: int) -> Figure:
        wanted = images.labels == images.classes.index(emotion)
        if show != "all images":
            wanted &= problems[show.replace(" ", "_")].to_numpy()
        rows = np.flatnonzero(wanted)
        pages = max(1, -(-len(rows) // per_page))
        chosen = rows[(page - 1) % pages * per_page :][:per_page]
        if len(chosen) == 0:
            return _nothing(f"{emotion}: no image with {show}")
        marks = ["*" if problems[kinds].iloc[row].any() else "" for row in chosen]
        captions = [f"{row}{mark}" for row, mark in zip(chosen, marks, strict=True)]
        title = f"{emotion}, {show}: page {(page - 1) % pages + 1} of {pages} (* = with a problem)"
        figure = figures.pictures([images.images[row] for row in chosen], captions, title, 8)
        figure.text(0.995, -0.01, footer, ha="right", va="top", fontsize=9)
        return figure

    return Explorer(
        draw,
        emotion=_dropdown("emotion", images.classes),
        show=_dropdown("show", ["all images", *(kind.replace("_", " ") for kind in kinds)]),
        page=ipywidgets.IntSlider(1, 1, 200, description="page", continuous_update=False),
    )


def _nothing(sentence: str) -> Figure:
    figure, axis = plt.subplots(figsize=(7, 1))
    axis.set_title(sentence, fontsize=12, y=0.3)
    axis.set_axis_off()
    return figure


def _dropdown(name: str, options: Any, value: Any = None) -> ipywidgets.Dropdown:
    options = list(options)
    return ipywidgets.Dropdown(
        options=options,
        value=options[0] if value is None else value,
        description=name,
        style=LABELLED,
        layout=WIDE,
    )


class ActionUnitSliders(Explorer):
    """One slider per facial action unit, and a drawn face that follows; or pick an expression."""

    def __init__(self) -> None:
        sliders = {
            f"unit_{number}": ipywidgets.FloatSlider(
                value=0.0,
                min=0.0,
                max=1.0,
                step=0.1,
                description=f"AU{number} {what.split(':')[0]}",
                style={"description_width": "15em"},
                layout=ipywidgets.Layout(width="30em"),
                tooltip=what,
            )
            for number, what in ACTION_UNITS.items()
        }
        self.expression = _dropdown("expression", EXPRESSIONS)
        super().__init__(self._draw, **sliders)
        self.expression.observe(self._pose, "value")
        self.widget.children = (self.expression, *self.widget.children)
        self.expression.value = "happy"

    def _pose(self, change: Any) -> None:
        for name, slider in self.controls.items():
            number = int(name.removeprefix("unit_"))
            slider.value = 0.8 if number in EXPRESSIONS[change["new"]] else 0.0

    @staticmethod
    def _draw(**values: float) -> Figure:
        units = {int(name.removeprefix("unit_")): value for name, value in values.items()}
        active = " + ".join(f"AU{number}" for number, value in units.items() if value)
        figure, axis = plt.subplots(figsize=(3.2, 3.6))
        axis.imshow(draw_face(units), vmin=0, vmax=255, interpolation="nearest")
        axis.set_axis_off()
        axis.set_title(f"A face with {active or 'no action unit: neutral'}", fontsize=10, wrap=True)
        return figure


def feature_map_explorer(backbone: Backbone, images: ImageSet, mean: Any, footer: str) -> Explorer:
    """Choose a face and a layer, see the most active feature maps.

    Parameters
    ----------
    backbone
        With any weights.
    images
        To choose from.
    mean
        Subtracted from B, G, R.
    footer
        Names data and weights.
    """
    size = backbone.model.input_shape[1]
    preparation = network_input(images.images.shape[1:], size, mean)
    outputs = [backbone.model.get_layer(name).output for name in LAYERS]
    every_layer = keras.Model(backbone.model.input, outputs)(preparation.output)
    model = keras.Model(preparation.input, every_layer)

    def draw(layer: str, face: int) -> Figure:
        maps = model.predict_on_batch(images.images[face : face + 1].astype(np.float32))
        chosen = np.asarray(maps[LAYERS.index(layer)][0], dtype=np.float32)
        emotion = images.classes[images.labels[face]]
        side, channels = chosen.shape[1:]
        title = f"{layer} sees a face ({emotion}): 16 of {channels} maps of {side}x{side}"
        figure = figures.feature_maps(chosen, title)
        figure.text(0.995, -0.01, footer, ha="right", va="top", fontsize=9)
        return figure

    return Explorer(
        draw,
        layer=_dropdown("layer", LAYERS, "pool3"),
        face=ipywidgets.IntSlider(
            0, 0, len(images) - 1, description="face", continuous_update=False
        ),
    )


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
            self.controls[name] = _dropdown(name, dict.fromkeys((*options, value)), value)
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


class LiveCurve:
    """Loss and accuracy while a model trains.

    Parameters
    ----------
    epochs
        How many are planned.
    title
        Of the figure.
    """

    def __init__(self, epochs: int, title: str) -> None:
        self.epochs, self.title = epochs, title
        self._drawn = 0.0
        self._text = display(HTML("<pre>Starting ...</pre>"), display_id=True)
        self._picture = display(HTML(""), display_id=True)

    def update(self, history: pd.DataFrame) -> None:
        """Show the history so far; the figure every two seconds, and at the end."""
        epoch, last = len(history), history.iloc[-1]
        self._text.update(
            HTML(
                f"<pre>Epoch {epoch} of {self.epochs}: accuracy {last['accuracy']:.1%} in "
                f"training, {last['val_accuracy']:.1%} in validation</pre>"
            )
        )
        if time.monotonic() - self._drawn > 2 or epoch == self.epochs:
            figure = figures.performance(history, self.title)
            self._picture.update(figure, metadata=figures.alternative(figure))
            plt.close(figure)
            self._drawn = time.monotonic()

    def finish(self, history: pd.DataFrame) -> None:
        """Show the last state."""
        if len(history):
            self._drawn = 0.0
            self.update(history)


def grid_explorer(table: pd.DataFrame, parameters: list[str], footer: str) -> Explorer:
    """Choose two parameters of a grid search, see the mean accuracy over all the others."""

    def draw(down: str, across: str) -> Figure:
        if down == across:
            return _nothing("Choose two different parameters.")
        means = table.groupby([down, across], as_index=False)[["mean", "spread"]].mean()
        title = f"Grid search: {down} against {across}, mean over the other parameters"
        figure = figures.heat_maps(means, [down, across], title)
        figure.text(0.995, -0.01, footer, ha="right", va="top", fontsize=9)
        return figure

    return Explorer(
        draw,
        down=_dropdown("down", parameters),
        across=_dropdown("across", parameters, parameters[1]),
    )


def confusion_explorer(
    images: ImageSet, probabilities: np.ndarray, footer: str, per_page: int = 16
) -> Explorer:
    """Choose a true and a predicted emotion, see the faces in that cell of the confusion matrix.

    Parameters
    ----------
    images
        With their true labels.
    probabilities
        float (n, classes); the surest come first.
    footer
        Names data and weights.
    per_page
        Faces at a time.
    """
    guess = probabilities.argmax(axis=1)

    def draw(true: str, predicted: str, page: int) -> Figure:
        cell = (images.labels == images.classes.index(true)) & (
            guess == images.classes.index(predicted)
        )
        rows = np.flatnonzero(cell)
        rows = rows[np.argsort(-probabilities[rows, guess[rows]], kind="stable")]
        if len(rows) == 0:
            return _nothing(f"No {true} face is taken for {predicted}.")
        pages = -(-len(rows) // per_page)
        chosen = rows[(page - 1) % pages * per_page :][:per_page]
        captions = [f"{row}: {probabilities[row, guess[row]]:.0%}" for row in chosen]
        title = f"{true}, taken for {predicted}: {len(rows)} faces, page {(page - 1) % pages + 1}"
        figure = figures.pictures([images.images[row] for row in chosen], captions, title, 8)
        figure.text(0.995, -0.01, footer, ha="right", va="top", fontsize=9)
        return figure

    second = images.classes[min(1, len(images.classes) - 1)]
    return Explorer(
        draw,
        true=_dropdown("true", images.classes),
        predicted=_dropdown("predicted", images.classes, second),
        page=ipywidgets.IntSlider(1, 1, 50, description="page", continuous_update=False),
    )


class SearchPicker:
    """How the grid search goes and who does its fits; `settings` are the picked ones."""

    WORKERS = ("", "local", "local:2", "tcp://address:8786", "tls://address:8786")

    def __init__(self, settings: Settings) -> None:
        self._start = settings
        self.controls = {
            "search": _dropdown("search", ("full", "halving"), settings.search),
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
