"""Explorers of tables and images: the data set, a grid search, a confusion matrix."""

import ipywidgets
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from emotions.data.faces import ImageSet
from emotions.files import DataError
from emotions.measuring import scores
from emotions.showing import plots, style
from emotions.showing.widgets.explorer import Explorer, dropdown, saying, slider

PER_PAGE = 24
MISTAKES_PER_PAGE = 16
LEGEND = "  =  copy    ≠  copies with different labels    !  another problem"


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
        means = table.groupby([down, across], as_index=False)[["mean", "spread"]].mean()
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
