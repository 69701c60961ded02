"""What is published: pictures of people are not in it. The whole site: test_notebooks.py."""

import course
import nbformat
import pages
import pytest
from emotions.showing import style
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

WORDS = "sad, taken for fear"
PNG = (  # one pixel
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR4nGNgYGBgAAAABQABh6FO1AAAAABJRU5ErkJg"
    "gg=="
)
MARKED = style.metadata(WORDS, faces=True)
OPEN = style.metadata(WORDS, faces=False)


def output(kind: str = "image/png", content: str = PNG, **metadata: dict) -> nbformat.NotebookNode:
    return new_output("display_data", data={kind: content}, metadata=metadata)


@pytest.mark.parametrize(
    "shown",
    [
        output(**MARKED),
        output(**{"image/png": {"alt": WORDS}}),
        output(),
        output("image/jpeg", **OPEN),
        output("image/svg+xml", "<svg></svg>"),
        output("text/html", f'<table><tr><td><img src="data:image/png;base64,{PNG}"></table>'),
        output("text/markdown", f"![face](data:image/png;base64,{PNG})"),
    ],
    ids=["marked", "not marked", "bare", "other mark", "drawing", "table", "markdown"],
)
def test_a_picture_that_may_show_a_face_becomes_words(shown):
    (cell,) = pages.without_faces(new_notebook(cells=[new_code_cell(outputs=[shown])])).cells
    (words,) = cell.outputs
    assert pages.HIDDEN in words.data["text/html"] and list(words.data) == ["text/html"]
    described = "image/png" in shown.data and "alt" in shown.metadata.get("image/png", {})
    assert (WORDS if described else "without a description") in words.data["text/html"]
    assert PNG not in str(cell)


@pytest.mark.parametrize(
    "shown",
    [output(**OPEN), output("text/html", "<table></table>"), new_output("stream", text="said")],
    ids=["picture", "table", "print"],
)
def test_what_shows_no_face_stays(shown):
    (cell,) = pages.without_faces(new_notebook(cells=[new_code_cell(outputs=[shown])])).cells
    assert cell.outputs == [shown]


def test_a_picture_in_a_text_is_not_published():
    texts = ("Words.", f"![me](data:image/png;base64,{PNG})", "![me](attachment:me.png)")
    cells = [new_markdown_cell(text) for text in texts]
    cells[2]["attachments"] = {"me.png": {"image/png": PNG}}
    first, *others = pages.without_faces(new_notebook(cells=cells)).cells
    assert first == cells[0]
    assert all(pages.HIDDEN in cell.source and PNG not in str(cell) for cell in others)


@pytest.fixture
def executed() -> dict:
    """Return three made-up notebooks with a picture of a face each."""
    names = ("00_start_here", "01_first", pages.REPORT)
    course_map = "## Map\n\n| | what | time |\n|---|---|---|\n| [1 · A](01_first.ipynb) | x | y |"
    result = [new_markdown_cell("## Result"), new_code_cell(outputs=[output(**OPEN)])]
    result += [new_markdown_cell("## Data"), new_markdown_cell("Much more.")]
    middle = {"00_start_here": [new_markdown_cell(course_map)], pages.REPORT: result}
    return {
        course.NOTEBOOKS / f"{name}.ipynb": new_notebook(
            cells=[new_markdown_cell(f"# {name}"), *middle.get(name, [])]
            + [new_code_cell(outputs=[output(**MARKED)])]
        )
        for name in names
    }


@pytest.mark.parametrize("faces", [True, False])
def test_a_site_has_all_pages_and_faces_only_if_they_are_drawn(executed, tmp_path, faces):
    site = tmp_path / "site"
    (site / "old").mkdir(parents=True)
    pages.write_site(executed, site, faces=faces)
    stems = [file.stem for file in executed]
    assert {file.name for file in site.iterdir()} == {
        "index.html", "report.html", *(f"{stem}.html" for stem in stems),
        *(f"{stem}.slides.html" for stem in stems),
    }  # fmt: skip
    for name in [f"{stem}{kind}.html" for stem in stems for kind in ("", ".slides")]:
        text = (site / name).read_text(encoding="utf-8")
        of_result = name.startswith(pages.REPORT)
        assert text.count(PNG) == faces + of_result, name
        assert (pages.HIDDEN in text) != faces, name


def test_a_photo_of_yours_is_not_published_beside_drawn_faces(executed, tmp_path):
    photo = course.NOTEBOOKS / f"{pages.PHOTO}.ipynb"
    assert photo.is_file()
    cells = [new_markdown_cell("# Photo"), new_code_cell(outputs=[output(**MARKED)])]
    first, *others = executed.items()
    shown = dict([first, (photo, new_notebook(cells=cells)), *others])
    pages.write_site(shown, tmp_path / "site", faces=True)
    for kind in ("", ".slides"):
        text = (tmp_path / "site" / f"{pages.PHOTO}{kind}.html").read_text(encoding="utf-8")
        assert PNG not in text and pages.HIDDEN in text


def test_the_start_page_begins_with_the_result_and_leads_on(executed, tmp_path):
    pages.write_site(executed, tmp_path / "site", faces=False)
    text = (tmp_path / "site" / "index.html").read_text(encoding="utf-8")
    assert "<title>Emotions in faces" in text
    order = ["Emotions in faces", "Result", PNG, "report.html", "01_first.html", "01_first.slides"]
    places = [text.rindex(words) for words in order]
    assert places == sorted(places)
    assert "Much more" not in text
