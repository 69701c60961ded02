"""Every link leads somewhere: in the sources, in both editions, on exported pages, in decks."""

import re
from collections.abc import Iterator
from html import unescape
from pathlib import Path
from urllib.parse import unquote

import course
import editions
import nbformat
import pages
import pytest
import slides
from emotions.settings import ROOT

PUBLIC = re.compile(r"https://[^\s\"')>\\]+")
SOURCES = "\n".join(
    file.read_text(encoding="utf-8")
    for pattern in ("*.ipynb", "emotions/**/*.py")
    for file in (ROOT / "notebooks").glob(pattern)
)
ELSEWHERE = re.compile(r"[a-z]+:|//")  # with a network, or the content itself: https:, data:, ...


def in_markdown(text: str) -> Iterator[str]:
    """Yield the targets of links and pictures, but for those in code."""
    text = re.sub(r"```.*?```|`[^`\n]*`", "", text, flags=re.DOTALL)
    yield from re.findall(r"\]\(([^)\s]+)\)", text)


def in_html(text: str) -> Iterator[str]:
    """Yield the targets of links, pictures, scripts and styles."""
    text = re.sub(r"<(script|style)\b.*?</\1>", "", text, flags=re.DOTALL)
    for target in re.findall(r"<[^>]+\s(?:href|src)=\"([^\"]+)\"", text):
        yield unescape(target)


def anchors(file: Path) -> set[str]:
    """Return what a link into a file can name after its `#`."""
    text = file.read_text(encoding="utf-8")
    if file.suffix == ".html":
        return {unescape(name) for name in re.findall(r"\sid=\"([^\"]+)\"", text)}
    headings = re.findall(r"^#+ +(.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def dead(source: Path, targets: Iterator[str]) -> list[str]:
    """Return the relative links of a file that lead nowhere."""
    found = []
    for target in targets:
        if ELSEWHERE.match(target):
            continue
        path, _, anchor = target.partition("#")
        file = source.parent / unquote(path) if path else source
        named = anchor and file.suffix in (".html", ".md")
        if not file.exists() or (named and not {anchor, unquote(anchor)} & anchors(file)):
            found.append(f"{source.name}: {target}")
    return found


def strays(site: Path) -> list[str]:
    """Return the links of a folder of pages that lead out of it, but to pages the course names."""
    named, found = set(PUBLIC.findall(SOURCES)), []
    for page in site.rglob("*.html"):
        for target in in_html(page.read_text(encoding="utf-8")):
            if ELSEWHERE.match(target):
                stray = not target.startswith("data:") and target not in named
            else:
                file = (page.parent / unquote(target.partition("#")[0])).resolve()
                stray = not file.is_relative_to(site.resolve())
            found += [f"{page.name}: {target}"] if stray else []
        found += dead(page, in_html(page.read_text(encoding="utf-8")))
    return found


def notebook_text(file: Path) -> str:
    cells = nbformat.read(file, as_version=4).cells
    return "\n\n".join(cell.source for cell in cells if cell.cell_type == "markdown")


def test_the_checker_finds_what_is_dead(tmp_path):
    page = tmp_path / "page.html"
    page.write_text(
        '<h1 id="top"></h1><a class="x" href="#top"></a><a href="#bottom"></a>'
        '<a href="page.html#top"></a><img alt="" src="gone.png"/><a href="https://a.example"></a>'
    )
    assert dead(page, in_html(page.read_text())) == ["page.html: #bottom", "page.html: gone.png"]
    assert strays(tmp_path) == [
        "page.html: https://a.example", "page.html: #bottom", "page.html: gone.png"
    ]  # fmt: skip
    text = tmp_path / "text.md"
    text.write_text("# One *two*\n[a](#one-two) [b](#three) [c](page.html) `[d](e)` ![f](g.png)")
    assert dead(text, in_markdown(text.read_text())) == ["text.md: #three", "text.md: g.png"]


def test_links_of_texts_and_notebooks(tracked):
    files = [ROOT / name for name in tracked if name.endswith((".md", ".ipynb"))]
    assert len(files) > 12
    wrong = []
    for file in files:
        notebook = file.suffix == ".ipynb"
        text = notebook_text(file) if notebook else file.read_text(encoding="utf-8")
        place = ROOT / "README.md" if file == editions.README else file  # where it is written to
        wrong += dead(place, in_markdown(text))
    assert wrong == []


def test_links_of_both_editions(tmp_path):
    for folder in editions.write(course.course_notebooks(), tmp_path):
        files = sorted(folder.glob("*.ipynb"))
        assert len(files) == len(course.course_notebooks())
        assert [d for file in files for d in dead(file, in_markdown(notebook_text(file)))] == []


@pytest.fixture(scope="module")
def exported(tmp_path_factory) -> Path:
    """Return a folder with the pages, the report and the decks of all notebooks, as they are."""
    folder = tmp_path_factory.mktemp("exported")
    (folder / "notebooks").mkdir()
    for file in course.course_notebooks():
        notebook = nbformat.read(file, as_version=4)
        pages.write_pages(notebook, file, folder)
        slides.write(notebook, folder / f"{file.stem}.slides.html", file.stem)
    return folder


def test_links_of_pages_and_decks(exported):
    pages = sorted(exported.rglob("*.html"))
    notebooks = course.course_notebooks()
    assert len(pages) == 2 * len(notebooks) + 1  # and the report
    links = {page: list(in_html(page.read_text(encoding="utf-8"))) for page in pages}
    assert [d for page in pages for d in dead(page, iter(links[page]))] == []
    for file in notebooks[1:]:  # the map reaches every page and every deck
        assert f"{file.stem}.html" in links[exported / "notebooks" / f"{notebooks[0].stem}.html"]
        assert f"{file.stem}.slides.html" in links[exported / f"{notebooks[0].stem}.slides.html"]
