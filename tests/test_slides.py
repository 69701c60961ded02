"""Decks of slides: offline, nothing cut off, no answer given away, every figure described."""

import os
import re
import shutil
from pathlib import Path

import course
import nbformat
import pytest
import slides
from emotions import figures
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

SMALLEST_SCALE = 0.5  # at 0.5 code has 10 of 720 pixels: the back row can still read it


def types(*cells: nbformat.NotebookNode) -> list[str]:
    pieces = [piece for cell in cells for piece in slides.slides_of(cell)]
    return [piece.metadata.slideshow.slide_type for piece in pieces]


def test_a_heading_begins_a_slide_and_a_remark_stays_with_its_figure():
    assert types(new_markdown_cell("**What to see.** A.\n\n## Next\n\nB.")) == ["-", "slide"]


def test_long_code_and_its_output_get_a_slide_each():
    long = new_code_cell("x\n" * 8, outputs=[new_output("stream", text="said")])
    short = new_code_cell("x", outputs=[new_output("stream", text="said")])
    assert types(long) == ["subslide", "subslide"]
    assert types(short) == ["subslide"]


def test_a_type_chosen_by_a_teacher_is_kept():
    assert types(new_code_cell("x", metadata={"slideshow": {"slide_type": "skip"}})) == ["skip"]


@pytest.mark.parametrize("tag", ["solution", "exercise", "check"])
def test_answers_and_checks_are_not_on_a_slide(tag: str):
    assert types(new_code_cell("answer", metadata={"tags": [tag]})) == []


@pytest.fixture(scope="module")
def decks(tiny_course, tmp_path_factory) -> list[Path]:
    """Return decks of a notebook that ran, and of one with the largest cells we allow."""
    folder = tmp_path_factory.mktemp("decks")
    source = course.NOTEBOOKS / "01_data_exploration.ipynb"
    executed = course.execute(source, tiny_course().settings)
    long = new_code_cell(
        "\n".join(["print('a line of code that is as long as the formatter allows', 1234567)"] * 25)
    )
    wide = "".join(f"{'Begeisterungsfähigkeit ' * 8}\n" for _ in range(30))
    table = new_code_cell("x", outputs=[new_output("stream", text=wide)])
    for notebook, name in ((executed, source.stem), (new_notebook(cells=[long, table]), "largest")):
        slides.write(notebook, folder / f"{name}.slides.html", name)
    return sorted(folder.glob("*.html"))


def test_a_deck_loads_nothing_and_describes_every_figure(decks):
    for deck in decks:
        text = deck.read_text(encoding="utf-8")
        assert not re.search(r"<(script|img|link)[^>]+(src|href)=\"(?!data:)", text), deck.name
        pictures = re.findall(r"<img[^>]*>", text)
        assert len(pictures) >= (3 if deck.stem.startswith("01") else 0)
        for picture in pictures:
            words = re.search(r'alt="([^"]{15,})"', picture)
            assert words and words[1] != "No description has been provided for this image"
        assert not re.search(r'href="\d\d_\w+\.ipynb', text)


def test_nothing_on_a_slide_is_cut_off(decks):
    browser_file = shutil.which("chromium")
    if browser_file is None:
        if os.environ.get("CI"):
            pytest.fail("chromium is not installed")
        pytest.skip("chromium is not installed")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=browser_file)
        context = browser.new_context(viewport={"width": 1280, "height": 720}, offline=True)
        for deck in decks:
            page = context.new_page()
            errors = []
            page.on("console", lambda message, e=errors: message.type == "error" and e.append(1))
            page.on("pageerror", lambda error, e=errors: e.append(error))
            page.goto(deck.as_uri())
            page.wait_for_selector("body[data-ready=yes]")
            total = page.evaluate("Reveal.getTotalSlides()")
            assert total >= (2 if deck.stem.startswith("largest") else 15)
            for number in range(total):
                place = page.evaluate(
                    "() => { const s = Reveal.getCurrentSlide(), r = s.getBoundingClientRect(),"
                    " c = [...s.querySelectorAll('img,pre,p,table,h1,h2,li')]"
                    ".map(e => e.getBoundingClientRect()); return {right: Math.max(...c.map("
                    "b => b.right)), bottom: Math.max(...c.map(b => b.bottom)), scale:"
                    " +s.firstElementChild.style.zoom} }"
                )
                assert place["right"] <= 1281 and place["bottom"] <= 721, (deck.name, number, place)
                if not deck.stem.startswith("largest"):
                    assert place["scale"] >= SMALLEST_SCALE, (deck.name, number, place)
                if os.environ.get("COURSE_SCREENSHOTS"):
                    folder = Path(os.environ["COURSE_SCREENSHOTS"])
                    page.screenshot(path=folder / f"{deck.stem}-{number:02}.png")
                page.evaluate("Reveal.next()")
            assert errors == []
        browser.close()


def test_a_figure_is_described_by_its_titles_and_axes():
    import pandas as pd

    figure = figures.class_counts(pd.DataFrame({"train": [3, 4]}, index=["a", "b"]), "How many")
    assert figures.description(figure) == "How many. emotion against images"
