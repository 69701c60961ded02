"""A notebook that has run as HTML: one file that needs no other and tells nobody's name."""

import re
import sys
import tempfile
from pathlib import Path
from typing import Any

import nbformat
from emotions.files import replacing
from emotions.settings import ROOT
from nbconvert import HTMLExporter
from traitlets.config.loader import PyFileConfigLoader

CONFIGURATION = Path(__file__).with_name("jupyter_nbconvert_config.py").resolve()
REPORT = "09_report"


def write_pages(executed: nbformat.NotebookNode, notebook: Path, folder: Path) -> None:
    """Write a notebook that has run as HTML; of the report also a page without code."""
    cells = [without_paths(cell, private_paths()) for cell in executed.cells]
    shown = nbformat.from_dict({**executed, "cells": cells})
    name = f"{notebook.stem}.html"
    with replacing(folder / "notebooks" / notebook.name) as temporary:  # `slides` reads it again
        temporary.write_text(nbformat.writes(shown), encoding="utf-8", newline="\n")
    write_page(shown, folder / "notebooks" / name, notebook.parent, with_code=True)
    if notebook.stem == REPORT:
        # what you hand in stands alone: the pages that its navigation names do not travel with it
        kept = [cell for cell in shown.cells if "navigation" not in cell.metadata.get("tags", [])]
        shown = nbformat.from_dict({**executed, "cells": kept})
        write_page(shown, folder / "report.html", notebook.parent, with_code=False)


def write_page(
    notebook: nbformat.NotebookNode, page: Path, pictures: Path, *, with_code: bool
) -> None:
    """Write a notebook as one HTML file that needs no other file and no network.

    Parameters
    ----------
    notebook
        With its outputs.
    page
        The file to write.
    pictures
        The folder from which Markdown cells name pictures.
    with_code
        Whether code cells and prompts are shown.
    """
    loader = PyFileConfigLoader(CONFIGURATION.name, path=str(CONFIGURATION.parent))
    exporter = HTMLExporter(
        config=loader.load_config(),
        exclude_input=not with_code,
        exclude_input_prompt=not with_code,
        exclude_output_prompt=not with_code,
    )
    about = {"name": title(notebook, page.stem), "path": str(pictures)}
    html, _ = exporter.from_notebook_node(notebook, resources={"metadata": about})
    # links between notebooks become links between their pages
    html = re.sub(r'(href="\d\d_\w+)\.ipynb', r"\1.html", html)
    with replacing(page) as temporary:
        temporary.write_text(html, encoding="utf-8", newline="\n")


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
    longest_first = sorted(replacements, key=lambda path: len(str(path)), reverse=True)
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
