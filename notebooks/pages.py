"""Notebooks that have run as HTML, each a file that needs no other; all of them as a site."""

import re
import shutil
import sys
import tempfile
from collections.abc import Mapping
from html import escape
from pathlib import Path
from typing import Any

import nbformat
import slides
from emotions.files import write_text
from emotions.settings import ROOT
from nbconvert import HTMLExporter
from traitlets.config.loader import Config, PyFileConfigLoader

REPORT = "09_report"
TAG = r"<(?:img|svg|canvas|video)\b"
PICTURE = re.compile(rf"{TAG}|!\[")
WHOLE_PICTURE = re.compile(rf"{TAG}[^>]*>|!\[[^\]]*\](?:\([^)]*\)|\[[^\]]*\])?")
PHOTO = "08_your_photo"
HIDDEN = "Not shown here, because it may show a person's face, which is not to be published:"


def configuration() -> Config:
    """Return the settings of nbconvert that lie beside this file."""
    folder = str(Path(__file__).resolve().parent)
    return PyFileConfigLoader("jupyter_nbconvert_config.py", path=folder).load_config()


def write_pages(executed: nbformat.NotebookNode, notebook: Path, folder: Path) -> None:
    """Write a notebook that has run as HTML; of the report also a page without code."""
    cells = [without_paths(cell, private_paths()) for cell in executed.cells]
    shown = with_cells(executed, cells)
    write_text(folder / "notebooks" / notebook.name, nbformat.writes(shown))  # read again by others
    page = folder / "notebooks" / f"{notebook.stem}.html"
    write_page(shown, page, notebook.parent, with_code=True)
    if notebook.stem == REPORT:
        write_report(shown, folder / "report.html", notebook.parent)


def write_report(executed: nbformat.NotebookNode, page: Path, pictures: Path) -> None:
    """Write what you hand in: without code, and without links to what does not travel with it."""
    kept = [cell for cell in executed.cells if "navigation" not in cell.metadata.get("tags", [])]
    write_page(with_cells(executed, kept), page, pictures, with_code=False)


def write_site(
    executed: Mapping[Path, nbformat.NotebookNode], folder: Path, *, faces: bool
) -> None:
    """Write a folder to publish as it is: a start page, the pages, the decks and the report.

    The notebooks have their outputs, as `write_pages` left them; what an earlier run left in the
    folder is taken away. Single faces of the data may be shown only if they are drawn; a photo may
    be one of yours.
    """
    shown = {
        file: one if faces and file.stem != PHOTO else without_faces(one)
        for file, one in executed.items()
    }
    shutil.rmtree(folder, ignore_errors=True)
    write_decks(shown, folder)
    for file, notebook in shown.items():
        write_page(notebook, folder / f"{file.stem}.html", file.parent, with_code=True)
        if file.stem == REPORT:
            write_report(notebook, folder / "report.html", file.parent)
    first, *_, report = shown.values()
    page = start_page(first, report)
    write_page(page, folder / "index.html", next(iter(shown)).parent, with_code=False)


def write_decks(executed: Mapping[Path, nbformat.NotebookNode], folder: Path) -> None:
    """Write a deck of slides of each notebook, which has its outputs."""
    for file, notebook in executed.items():
        slides.write(notebook, folder / f"{file.stem}.slides.html", title(notebook, file.stem))


def start_page(
    first: nbformat.NotebookNode, report: nbformat.NotebookNode
) -> nbformat.NotebookNode:
    """Return the site's first page: what the course is, the report's first section, the way on."""
    about, course_map = first.cells[:2]
    sections = [k for k, cell in enumerate(report.cells) if cell.source.startswith("## ")]
    rows = re.sub(
        r"^(\| \[.+\]\((\w+)\.ipynb\) .+)$", r"\1 [slides](\2.slides.html) |",
        course_map.source.split("\n\n")[1], flags=re.MULTILINE,
    )  # fmt: skip
    head, line, *rows = rows.split("\n")
    table = "\n".join([f"{head} for the projector |", f"{line}---|", *rows])
    texts = (
        re.sub(r"^# .+", "# Emotions in faces: a course on transfer learning", about.source),
        f"## The notebooks, as they ran\n\n{table}\n\nThey begin with "
        "[0 · Start here](00_start_here.ipynb) ([slides](00_start_here.slides.html)).",
        "The whole report is [on a page of its own](report.html). Code and texts may be used under "
        "the MIT licence; the pictures of a data set belong to their owners.",
    )
    opening, way, end = map(nbformat.v4.new_markdown_cell, texts)
    result = report.cells[1 : sections[1] if len(sections) > 1 else None]
    return with_cells(report, [opening, *result, end, way])


def write_page(
    notebook: nbformat.NotebookNode, page: Path, pictures: Path, *, with_code: bool
) -> None:
    """Write a notebook as one HTML file that needs no other file and no network.

    Its Markdown cells name pictures as seen from the folder `pictures`; without code, prompts are
    not shown either.
    """
    exporter = HTMLExporter(
        config=configuration(),
        exclude_input=not with_code,
        exclude_input_prompt=not with_code,
        exclude_output_prompt=not with_code,
    )
    about = {"name": title(notebook, page.stem), "path": str(pictures)}
    html, _ = exporter.from_notebook_node(notebook, resources={"metadata": about})
    # links between notebooks become links between their pages
    write_text(page, re.sub(r'(href="\d\d_\w+)\.ipynb', r"\1.html", html))


def with_cells(
    notebook: nbformat.NotebookNode, cells: list[nbformat.NotebookNode]
) -> nbformat.NotebookNode:
    """Return a notebook with other cells."""
    return nbformat.from_dict({**notebook, "cells": cells})


def without_faces(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """Return a notebook with words in the place of each picture that may show a face of the data.

    A picture stays only if it is marked as one without faces; see `style.metadata`. In a text none
    is marked.
    """
    return with_cells(notebook, [_without_faces(cell) for cell in notebook.cells])


def _without_faces(cell: nbformat.NotebookNode) -> nbformat.NotebookNode:
    if cell.cell_type == "code":
        return {**cell, "outputs": [hidden(output) for output in cell.outputs]}
    kept = {name: part for name, part in cell.items() if name != "attachments"}
    return kept | {"source": WHOLE_PICTURE.sub(f"*{HIDDEN} a picture.*", cell.source)}


def hidden(output: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """Return an output of a cell, or words in its place if it may show a face of the data."""
    data, metadata = output.get("data", {}), output.get("metadata", {})
    pictures = [kind for kind in data if kind.startswith("image/")]
    marked = all(metadata.get(kind, {}).get("faces") is False for kind in pictures)
    texts = (str(data.get(kind, "")) for kind in ("text/html", "text/markdown"))
    if marked and not any(map(PICTURE.search, texts)):
        return output
    words = " ".join(metadata.get(kind, {}).get("alt", "") for kind in pictures)
    said = f"<p><em>{HIDDEN}</em> {escape(words) or 'a picture without a description'}.</p>"
    return nbformat.v4.new_output("display_data", data={"text/html": said})


def title(notebook: nbformat.NotebookNode, otherwise: str) -> str:
    """Return the first top heading of a notebook as plain text."""
    texts = (cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    headings = (re.search(r"^# +(.+)$", text, re.MULTILINE) for text in texts)
    heading = next((found[1] for found in headings if found), otherwise)
    return re.sub(r"[*_`#]", "", heading).strip()


def private_paths() -> dict[str, str]:
    """Return the paths that tell whose computer this is, and what a page shows instead."""
    replacements = {
        Path(tempfile.gettempdir()).resolve(): "(temporary folder)",
        Path.home(): "~",
        Path(sys.prefix): "(environment)",
        ROOT: ".",
    }
    known = [path for path in replacements if path != Path(path.anchor)]  # HOME may be /
    longest_first = sorted(known, key=lambda path: len(str(path)), reverse=True)
    return {str(path): replacements[path] for path in longest_first}


def without_paths(content: Any, paths: dict[str, str]) -> Any:
    """Return JSON content with paths replaced in every text; pictures stay as they are."""
    if isinstance(content, str):
        for path, replacement in paths.items():
            for spelling in {path, path.replace("\\", "/"), path.replace("\\", "\\\\")}:
                whole = rf"(?<![\w.]){re.escape(spelling)}(?![\w.-])"
                content = re.sub(whole, lambda _, text=replacement: text, content)
        return content
    if isinstance(content, list):
        return [without_paths(part, paths) for part in content]
    if isinstance(content, dict):
        return {
            key: part if key in ("image/png", "image/jpeg") else without_paths(part, paths)
            for key, part in content.items()
        }
    return content
