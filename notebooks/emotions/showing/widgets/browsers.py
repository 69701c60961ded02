"""Explorers: images, a grid search, a confusion matrix, what the network sees, a drawn face."""

from collections.abc import Mapping
from typing import Any

import ipywidgets
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from emotions.data.drawn import ACTION_UNITS, EXPRESSIONS, draw_face
from emotions.data.faces import ImageSet
from emotions.files import DataError
from emotions.measuring import scores
from emotions.network.backbone import LAYERS, Backbone
from emotions.network.inputs import Mean
from emotions.network.responses import Responses
from emotions.showing import plots, quick, style
from emotions.showing.widgets.explorer import Explorer, dropdown, saying, slider

PER_PAGE = 24
MISTAKES_PER_PAGE = 16
LEGEND = "  =  copy    ≠  copies with different labels    !  another problem"
SIZES = (48, 96, 224)  # pixels; the last one is what VGG-Face was trained with
NOTHING_YET = "There is no network or no image yet: run the cells above first."
OWN = "your own"  # no expression that has a name


def image_browser(images: ImageSet, problems: pd.DataFrame, footer: str) -> Explorer:
    """Browse the images of one split by class, all of them or only those with a problem.

    The problems have a row per image, in their order, from `copies.find_problems`.
    """
    if len(images) == 0:
        return saying("There are no images yet: put some into data/, or let the course draw faces.")
    kinds = [column for column in problems.columns if problems[column].dtype == bool]
    marks = problem_marks(problems)
    pager = slider("page", 1, 1)

    def draw(emotion: str, show: str, page: int) -> Figure:
        wanted = images.labels == images.classes.index(emotion)
        if show != "all images":
            wanted &= problems[show.replace(" ", "_")].to_numpy()
        chosen = _page(np.flatnonzero(wanted), pager, PER_PAGE)
        if len(chosen) == 0:
            raise DataError(f"{emotion}: no image with {show}. Choose another emotion or problem.")
        title = f"{emotion}, {show}: page {pager.value} of {pager.max}\n{LEGEND}"
        figure = plots.pictures(
            [images.images[row] for row in chosen],
            [_caption(row, marks[row], problems) for row in chosen],
            title,
            columns=8,
            marks=[marks[row] for row in chosen],
        )
        return style.with_footer(figure, footer)

    return Explorer(
        draw,
        emotion=dropdown("emotion", images.classes),
        show=dropdown("show", ["all images", *(kind.replace("_", " ") for kind in kinds)]),
        page=pager,
    )


def problem_marks(problems: pd.DataFrame) -> list[str]:
    """Return a mark per image: `≠` conflicting labels, `=` a copy, `!` another problem, or none.

    The problems are from `copies.find_problems`, of one split or both.
    """
    kinds = problems.select_dtypes(bool)
    copy = problems["copy_in_other_split"] | problems.duplicated("copy_group", keep=False)
    conflict = problems["conflicting_label"]
    return np.select([conflict, copy, kinds.any(axis=1)], ["≠", "=", "!"], "").tolist()


def _caption(row: int, mark: str, problems: pd.DataFrame) -> str:
    """Return the number of an image, its mark and, of conflicting copies, the other labels."""
    if mark != "≠":
        return f"{row} {mark}".strip()
    own = problems.iloc[row]
    group = problems[problems["copy_group"] == own["copy_group"]]
    others = sorted(set(group["label"]) - {own["label"]})
    return f"{row} ≠\n{', '.join(others) or 'in the other split'}"


def _page(rows: np.ndarray, pager: ipywidgets.IntSlider, per_page: int) -> np.ndarray:
    """Return the rows on the pager's page; it gets as many pages as there are, and stays on one."""
    pager.max = max(1, -(-len(rows) // per_page))
    return rows[(pager.value - 1) * per_page :][:per_page]


def grid_explorer(table: pd.DataFrame, parameters: list[str], footer: str) -> Explorer:
    """Choose two parameters of a grid search, see the mean accuracy over all the others."""
    if len(table) == 0 or len(parameters) < 2:
        return saying("There is no grid of two parameters yet: run the search above first.")

    def draw(down: str, across: str) -> Figure:
        if down == across:
            raise DataError("Choose two different parameters.")
        shown = [name for name in ("mean", "spread", "images") if name in table]
        means = table.groupby([down, across], as_index=False)[shown].mean()
        title = f"Grid search: {down} against {across}, mean over the other parameters"
        return style.with_footer(plots.heat_maps(means, [down, across], title), footer)

    return Explorer(
        draw,
        faces=False,
        down=dropdown("down", parameters),
        across=dropdown("across", parameters, parameters[1]),
    )


def confusion_explorer(images: ImageSet, probabilities: np.ndarray | None, footer: str) -> Explorer:
    """Choose a true and a predicted emotion, see the faces in that cell of the confusion matrix.

    It begins with the most frequent confusion. Of the probabilities, (n, classes), the surest come
    first. None: nothing is predicted yet.
    """
    if probabilities is None or len(images) == 0:
        return saying("Nothing is predicted yet: let a classifier look at the test images first.")
    guess, pager = probabilities.argmax(axis=1), slider("page", 1, 1)
    confused = scores.confusion_matrix(images.labels, guess, images.classes)
    most, mistaken = confused.where(~np.eye(len(confused), dtype=bool), 0).stack().idxmax()

    def draw(true: str, predicted: str, page: int) -> Figure:
        label, other = images.classes.index(true), images.classes.index(predicted)
        rows = np.flatnonzero((images.labels == label) & (guess == other))
        rows = rows[np.argsort(-probabilities[rows, guess[rows]], kind="stable")]
        chosen = _page(rows, pager, MISTAKES_PER_PAGE)
        if len(chosen) == 0:
            raise DataError(f"No {true} face is taken for {predicted}.")
        captions = [f"{row}: {probabilities[row, guess[row]]:.0%}" for row in chosen]
        faces = "1 face" if len(rows) == 1 else f"{len(rows)} faces"
        title = f"{true}, taken for {predicted}: {faces}, page {pager.value} of {pager.max}"
        shown = [images.images[row] for row in chosen]
        return style.with_footer(plots.pictures(shown, captions, title, 8), footer)

    return Explorer(
        draw,
        true=dropdown("true", images.classes, most),
        predicted=dropdown("predicted", images.classes, mistaken),
        page=pager,
    )


def feature_map_explorer(
    backbone: Backbone | None, images: ImageSet, mean: Mean, footer: str
) -> Explorer:
    """Choose a face, a layer and a channel; see its map, and the most active ones beside it.

    It begins with the channel of pool3 that is most active for the first face.
    """
    if backbone is None or len(images) == 0:
        return saying(NOTHING_YET)
    responses = Responses(backbone.model, images.images)
    size = backbone.model.input_shape[1]
    layers = [name for name in responses.layers if not name.endswith("_relu")]  # in their maps
    layer = dropdown("layer", layers, "pool3")
    activity = responses.maps(0, size, mean)["pool3"].mean(axis=(0, 1))
    channel = slider("channel", 0, len(activity) - 1)
    channel.value = int(activity.argmax())

    def fit(change: Any) -> None:
        channel.max = responses.layers[change["new"]].output.shape[-1] - 1

    layer.observe(fit, "value")  # before the explorer looks at the two

    def draw(layer: str, face: int, channel: int) -> Figure:
        maps = responses.maps(face, size, mean)[layer]
        title = f"{layer} sees a face ({images.classes[images.labels[face]]})"
        figure = quick.feature_maps(images.images[face], maps, channel, title)
        return style.with_footer(figure, footer)

    return Explorer(draw, layer=layer, face=slider("face", 0, len(images) - 1), channel=channel)


def input_explorer(
    backbone: Backbone | None, images: ImageSet, means: Mapping[str, Mean], footer: str
) -> Explorer:
    """Choose what is subtracted and how large a face enters; see how far the answers move.

    The means have a name and what is subtracted from B, G, R; None divides by 255. The answers are
    compared with those to the first one, at 48 pixels; it begins with the last one.
    """
    if backbone is None or len(images) == 0:
        return saying(NOTHING_YET)
    responses = Responses(backbone.model, images.images)
    reference = next(iter(means))

    def draw(preparation: str, size: int, face: int) -> Figure:
        seen = responses.network_input(face, size, means[preparation])
        start, now = (SIZES[0], means[reference]), (size, means[preparation])
        change = responses.change(face, start, now, ("conv1_1", *LAYERS))
        title = f"A face ({images.classes[images.labels[face]]}), {preparation}, {size} pixels"
        figure = quick.prepared(
            seen, change, title, f"Answers, against {reference} at {SIZES[0]} pixels"
        )
        return style.with_footer(figure, footer)

    return Explorer(
        draw,
        preparation=dropdown("preparation", means, list(means)[-1]),
        size=dropdown("size", SIZES),
        face=slider("face", 0, len(images) - 1),
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
        self.expression = dropdown("expression", [OWN, *EXPRESSIONS])
        super().__init__(self._draw, faces=False, **sliders)  # of no data, but drawn
        self.expression.observe(self._pose, "value")
        self.place(self.expression)
        self.expression.value = "happy"

    def update(self, change: Any = None) -> None:
        """Draw the face, and name the expression that has these units."""
        super().update(change)
        if not self._moving:
            named = (name for name, units in EXPRESSIONS.items() if set(units) == self._active())
            self.expression.value = next(named, OWN)

    def _active(self) -> set[int]:
        return {int(name.removeprefix("unit_")) for name, value in self.values().items() if value}

    def _pose(self, change: Any) -> None:
        chosen = EXPRESSIONS.get(change["new"], self._active())
        if set(chosen) != self._active():  # else it only names what the sliders show
            units = {f"unit_{number}" for number in chosen}
            self.move(**{name: 0.8 * (name in units) for name in self.controls})

    @staticmethod
    def _draw(**values: float) -> Figure:
        units = {int(name.removeprefix("unit_")): value for name, value in values.items()}
        active = " + ".join(f"AU{number}" for number, value in units.items() if value)
        figure, axis = plt.subplots(figsize=(3.2, 3.6))
        axis.imshow(draw_face(units), vmin=0, vmax=255, interpolation="nearest")
        axis.set_axis_off()
        axis.set_title(f"A face with {active or 'no action unit: neutral'}", fontsize=10, wrap=True)
        return figure
