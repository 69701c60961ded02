"""Turns a notebook that has run into a deck of slides: one file, one idea a slide, no network."""

import re
from collections.abc import Iterator
from pathlib import Path

import nbformat
from emotions.files import replacing
from nbconvert import SlidesExporter

TEMPLATES = Path(__file__).resolve().parent / "templates"
LEFT_OUT = {"solution", "exercise", "check", "navigation"}
MOST_LINES_BESIDE_OUTPUT = 6
PLUMBING = re.compile(r"course\.write\(")


def write(notebook: nbformat.NotebookNode, deck: Path, title: str) -> None:
    """Write a deck as one HTML file that needs no other file and no network.

    Parameters
    ----------
    notebook
        With its outputs.
    deck
        The file to write.
    title
        What the browser's tab says.
    """
    exporter = SlidesExporter(template_name="slides", extra_template_basedirs=[str(TEMPLATES)])
    pieces = [piece for cell in notebook.cells for piece in slides_of(cell)]
    for number, piece in enumerate(pieces):  # the pieces of one cell must not share its id
        piece["id"] = f"{piece['id'][:50]}-{number}"
    shown = nbformat.from_dict({**notebook, "cells": pieces})
    html, _ = exporter.from_notebook_node(shown, resources={"metadata": {"name": title}})
    html = re.sub(r'(href="\d\d_\w+)\.ipynb', r"\1.slides.html", html)
    with replacing(deck) as temporary:
        temporary.write_text(html, encoding="utf-8", newline="\n")


def slides_of(cell: nbformat.NotebookNode) -> Iterator[nbformat.NotebookNode]:
    """Yield a cell's pieces, each with the slide type that reveal.js is to give it.

    A heading begins a slide; what a text says about a picture stays below that picture; long code
    and its output get a slide each. A type that somebody chose in JupyterLab is kept.
    """
    if LEFT_OUT & set(cell.metadata.get("tags", [])):
        return
    if cell.metadata.get("slideshow", {}).get("slide_type"):
        yield cell
    elif cell.cell_type == "markdown":
        for text in re.split(r"\n+(?=#{1,3} )", cell.source):
            yield _piece(cell, "slide" if text.startswith("#") else "-", source=text)
    elif cell.cell_type == "code" and not PLUMBING.match(cell.source):
        yield from _code_slides(cell)


def _code_slides(cell: nbformat.NotebookNode) -> Iterator[nbformat.NotebookNode]:
    lines = len(cell.source.splitlines())
    pictured = any("image/png" in output.get("data", {}) for output in cell.outputs)
    if not cell.outputs or (lines <= MOST_LINES_BESIDE_OUTPUT and not pictured):
        yield _piece(cell, "subslide")
        return
    yield _piece(cell, "subslide", outputs=[])
    for output in cell.outputs:
        yield _piece(cell, "subslide", outputs=[output], transient={"remove_source": True})


def _piece(cell: nbformat.NotebookNode, slide_type: str, **changes) -> nbformat.NotebookNode:
    """Return a copy of a cell with some fields changed and a slide type."""
    metadata = {**cell.metadata, "slideshow": {"slide_type": slide_type}}
    return nbformat.from_dict({**cell, **changes, "metadata": metadata})
