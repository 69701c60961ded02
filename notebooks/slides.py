"""Turns a notebook that has run into a deck of slides: one file, one idea a slide, no network."""

import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import nbformat
from emotions.files import write_text
from nbconvert import SlidesExporter

TEMPLATES = Path(__file__).resolve().parent / "templates"
LEFT_OUT = {"solution", "exercise", "check", "navigation"}
MOST_ROWS = 18  # of code, text or table on one slide; more becomes small
LONGEST_TABLE = 24  # rows of a table on one slide; a longer one goes on on the next
LINE = 75  # characters of text in a row of a slide
PLUMBING = re.compile(r"course\.record\(|from emotions\.(exercises|files) import")
PROGRESS_BAR = re.compile(r"<pre>[^<]*\d+%\|")


def write(notebook: nbformat.NotebookNode, deck: Path, title: str) -> None:
    """Write a deck as one HTML file that needs no other file and no network."""
    exporter = SlidesExporter(
        template_name="slides",
        extra_template_basedirs=[str(TEMPLATES)],
        exclude_anchor_links=True,  # reveal.js has addresses of its own for slides
    )
    shown = nbformat.from_dict({**notebook, "cells": slides_of(notebook.cells)})
    html, _ = exporter.from_notebook_node(shown, resources={"metadata": {"name": title}})
    write_text(deck, re.sub(r'(href="\d\d_\w+)\.ipynb', r"\1.slides.html", html))


def slides_of(cells: list[nbformat.NotebookNode]) -> list[nbformat.NotebookNode]:
    """Return the pieces of a notebook's cells, each with the slide type that it is to get.

    A heading begins a slide, and short code below it stays there. A picture gets a slide to itself,
    with what the text after it says about it. Answers, checks and plumbing are left out. A type
    that somebody chose in JupyterLab is kept.
    """
    made = [(cell, piece) for cell in cells for piece in _pieces(cell)]
    for (_, above), (cell, piece) in pairwise(made):
        below_a_heading = above.cell_type == "markdown" and _type(above) == "slide"
        plain = piece.cell_type == "code" and not any(map(_is_picture, piece.outputs))
        free = below_a_heading and plain and not _type(cell)
        if free and _rows(above) + _rows(piece) <= MOST_ROWS:
            piece.metadata.slideshow.slide_type = "-"
    pieces = [piece for _, piece in made]
    for number, piece in enumerate(pieces):  # the pieces of one cell must not share its id
        piece["id"] = f"{piece['id'][:50]}-{number}"
    return pieces


def _pieces(cell: nbformat.NotebookNode) -> Iterator[nbformat.NotebookNode]:
    if LEFT_OUT & set(cell.metadata.get("tags", [])):
        return
    if cell.metadata.get("slideshow", {}).get("slide_type"):
        yield nbformat.from_dict(cell)
    elif cell.cell_type == "markdown":
        for text in re.split(r"\n+(?=#{1,3} )", cell.source):
            yield _piece(cell, "slide" if text.startswith("#") else "-", source=text)
    elif cell.cell_type == "code" and not PLUMBING.match(cell.source):
        yield from _code_pieces(cell)


def _code_pieces(cell: nbformat.NotebookNode) -> Iterator[nbformat.NotebookNode]:
    outputs = [output for output in cell.outputs if not _is_progress(output)]
    words = [output for output in outputs if not _is_picture(output)]
    whole = _piece(cell, "subslide", outputs=words)
    if not words or _rows(whole) <= MOST_ROWS:
        yield whole
    else:
        yield _piece(cell, "subslide", outputs=[])
        shown = [[]]  # the outputs of each slide
        for output in words:
            part, *further = _table_in_parts(output)
            shown[-1].append(part)
            shown += [[part] for part in further]
        for outputs_of_one in shown:
            yield _piece(cell, "subslide", without_code=True, outputs=outputs_of_one)
    for picture in filter(_is_picture, outputs):
        yield _piece(cell, "subslide", without_code=True, outputs=[picture])


def _table_in_parts(output: nbformat.NotebookNode) -> list[nbformat.NotebookNode]:
    """Return an output, a long table as several with the same head."""
    html = output.get("data", {}).get("text/html", "")
    table = re.fullmatch(r"(.*<tbody>)(.*)(</tbody>.*)", html, re.DOTALL)
    rows = re.findall(r"<tr>.*?</tr>", table[2], re.DOTALL) if table else []
    if len(rows) <= LONGEST_TABLE:
        return [output]
    each = -(-len(rows) // -(-len(rows) // LONGEST_TABLE))  # about as many on each slide
    starts = range(0, len(rows), each)
    tables = ["".join([table[1], *rows[start : start + each], table[3]]) for start in starts]
    return [nbformat.from_dict({**output, "data": {"text/html": html}}) for html in tables]


def _piece(
    cell: nbformat.NotebookNode, slide_type: str, without_code: bool = False, **changes
) -> nbformat.NotebookNode:
    """Return a copy of a cell with some fields changed and a slide type."""
    metadata = {**cell.metadata, "slideshow": {"slide_type": slide_type}}
    if without_code:
        metadata["transient"] = {"remove_source": True}
    return nbformat.from_dict({**cell, **changes, "metadata": metadata})


def _type(piece: nbformat.NotebookNode) -> str:
    return piece.metadata.get("slideshow", {}).get("slide_type", "")


def _is_picture(output: nbformat.NotebookNode) -> bool:
    return "image/png" in output.get("data", {})


def _is_progress(output: nbformat.NotebookNode) -> bool:
    return bool(PROGRESS_BAR.match(output.get("data", {}).get("text/html", "")))


def _rows(cell: nbformat.NotebookNode) -> int:
    """Return about how many rows of a slide a cell takes."""
    if cell.cell_type == "markdown":
        return sum(2 + len(text) // LINE for text in cell.source.split("\n\n"))
    rows = len(cell.source.splitlines())
    for output in cell.outputs:
        table = output.get("data", {}).get("text/html", "")
        text = output.get("text", output.get("data", {}).get("text/plain", ""))
        wide = 1 + table.count("<th") // 9  # the words of a wide table break into several lines
        rows += wide * table.count("<tr") or len(text.splitlines())
    return rows
