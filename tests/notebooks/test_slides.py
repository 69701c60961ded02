"""Decks of slides: offline, nothing cut off, no answer given away. All ten: test_notebooks.py."""

from pathlib import Path

import nbformat
import pytest
import slides
from deck_checks import check_deck, offline_browser
from emotions.showing import plots, style
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

SAID = new_output("stream", text="said")
PICTURE = new_output("display_data", data={"image/png": ""})


def types(*cells: nbformat.NotebookNode) -> list[str]:
    return [piece.metadata.slideshow.slide_type for piece in slides.slides_of(list(cells))]


def test_a_heading_begins_a_slide_and_a_remark_stays_with_its_figure():
    assert types(new_markdown_cell("**What to see.** A.\n\n## Next\n\nB.")) == ["-", "slide"]


def test_short_code_stays_below_its_heading_and_long_code_does_not():
    heading = new_markdown_cell("## Why?")
    assert types(heading, new_code_cell("x", outputs=[SAID])) == ["slide", "-"]
    assert types(heading, new_code_cell("x\n" * 20)) == ["slide", "subslide"]


def test_a_picture_has_a_slide_to_itself_without_its_code():
    pieces = slides.slides_of([new_code_cell("draw()", outputs=[SAID, PICTURE])])
    assert [len(piece.outputs) for piece in pieces] == [1, 1]
    assert pieces[1].metadata.transient.remove_source and "image/png" in pieces[1].outputs[0].data


def test_long_output_has_a_slide_to_itself():
    long = new_code_cell("x\n" * 8, outputs=[new_output("stream", text="row\n" * 15)])
    assert types(long) == ["subslide", "subslide"]


def test_a_long_table_goes_on_on_the_next_slide():
    rows = [f"<tr><td>{number}</td></tr>" for number in range(slides.LONGEST_TABLE + 5)]
    head = "<table><thead><tr><th>x</th></tr></thead><tbody>"
    html = f"{head}{''.join(rows)}</tbody></table>"
    cell = new_code_cell("x", outputs=[SAID, new_output("display_data", data={"text/html": html})])
    code, first, second = slides.slides_of([cell])
    assert not code.outputs and first.outputs[0] == SAID and len(second.outputs) == 1
    shown = [piece.outputs[-1].data["text/html"] for piece in (first, second)]
    assert all(each.startswith(head) and each.endswith("</tbody></table>") for each in shown)
    assert "".join(shown).count("<td>") == len(rows)
    assert abs(shown[0].count("<td>") - shown[1].count("<td>")) <= 1


def test_a_progress_bar_is_not_on_a_slide():
    bar = new_output("display_data", data={"text/html": "<pre>Reading: 100%|██| 3/3</pre>"})
    assert slides.slides_of([new_code_cell("x", outputs=[bar])])[0].outputs == []


def test_a_type_chosen_by_a_teacher_is_kept():
    chosen = {"slideshow": {"slide_type": "skip"}}
    for kind in (new_markdown_cell, new_code_cell):
        assert types(new_markdown_cell("# A"), kind("x", metadata=chosen))[1] == "skip"


@pytest.mark.parametrize("tag", ["solution", "exercise", "check"])
def test_answers_and_checks_are_not_on_a_slide(tag: str):
    assert types(new_code_cell("answer", metadata={"tags": [tag]})) == []


@pytest.fixture(scope="module")
def largest(tmp_path_factory) -> Path:
    """Return a deck with cells as large as they come."""
    code = new_code_cell(
        "\n".join(["print('a line of code that is as long as the formatter allows', 1234567)"] * 25)
    )
    wide = "".join(f"{'Begeisterungsfähigkeit ' * 8}\n" for _ in range(30))
    head = "".join(f"<th>a_column_with_a_long_name_{k}</th>" for k in range(12))
    rows = f"<tr>{head}</tr>" + f"<tr>{'<td>1,234.5678</td>' * 12}</tr>" * 12
    table = new_output("display_data", data={"text/html": f"<table>{rows}</table>"})
    cells = [
        new_markdown_cell("## Begeisterungsfähigkeit\n\n" + "One more sentence to read. " * 60),
        code,
        new_code_cell("x", outputs=[new_output("stream", text=wide)]),
        new_code_cell("x", outputs=[table]),
    ]
    deck = tmp_path_factory.mktemp("decks") / "largest.slides.html"
    slides.write(new_notebook(cells=cells), deck, "Largest")
    return deck


def test_nothing_is_cut_off_and_what_is_blank_is_noticed(largest, tmp_path):
    text = largest.read_text(encoding="utf-8")
    height = "html, body, main, .reveal { height: 100%; }"
    assert height in text
    blank = tmp_path / "blank.slides.html"
    blank.write_text(text.replace(height, ""), encoding="utf-8")
    with offline_browser() as browser:
        assert check_deck(browser, largest, smallest_scale=0.4) == 6
        with pytest.raises(AssertionError):
            check_deck(browser, blank, smallest_scale=0)


def test_a_figure_is_described_by_its_titles_and_axes():
    import pandas as pd

    figure = plots.class_counts(pd.DataFrame({"train": [3, 4]}, index=["a", "b"]), "How many")
    assert style.description(figure) == "How many. emotion against images"
