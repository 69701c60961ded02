"""The notebooks as they lie in the repository: no outputs, no traces of a run, short cells."""

import ast
import re
from pathlib import Path
from statistics import median

import nbformat
import pytest

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
MOST_LINES = {"median": 4, "longest": 15, "longest import cell": 8}
COURSE = (
    *("00_start_here", "01_data_exploration", "02_preprocessing", "03_model_surgery"),
    *("04_training", "05_grid_search", "06_ladder", "07_looking_inside", "08_your_photo"),
    "09_report",
)

for_each_notebook = pytest.mark.parametrize("file", NOTEBOOKS, ids=lambda file: file.stem)


def read(file: Path) -> nbformat.NotebookNode:
    """Return a notebook as it is on disk, not brought up to date by nbformat."""
    return nbformat.read(file, as_version=nbformat.NO_CONVERT)


def code_cells(file: Path) -> list[nbformat.NotebookNode]:
    """Return the code cells of a notebook."""
    return [cell for cell in read(file).cells if cell.cell_type == "code"]


def test_the_course_is_complete():
    assert set(COURSE) <= {file.stem for file in NOTEBOOKS}


@for_each_notebook
def test_no_outputs_are_stored(file: Path):
    assert [cell.id for cell in code_cells(file) if cell.outputs or cell.execution_count] == []


@for_each_notebook
def test_it_is_a_valid_notebook_with_ids(file: Path):
    notebook = read(file)
    nbformat.validate(notebook)
    ids = [cell.get("id") for cell in notebook.cells]
    assert None not in ids
    assert len(set(ids)) == len(ids)


@for_each_notebook
def test_the_kernel_is_the_one_everybody_has(file: Path):
    metadata = read(file).metadata
    assert metadata.kernelspec.name == "python3"
    assert "widgets" not in metadata


@for_each_notebook
def test_code_cells_are_short(file: Path):
    """Plumbing belongs into the package; lines that are not empty count, exercises do not."""
    own = {"solution", "exercise", "check"}
    cells = [x.source for x in code_cells(file) if not own & set(x.metadata.get("tags", []))]
    lines = [sum(bool(line.strip()) for line in source.splitlines()) for source in cells]
    imports = [n for n, source in zip(lines, cells, strict=True) if begins_with_an_import(source)]
    measured = {"median": median(lines), "longest": max(lines), "longest import cell": max(imports)}
    assert {name: n for name, n in measured.items() if n > MOST_LINES[name]} == {}


def begins_with_an_import(source: str) -> bool:
    """Tell whether the first statement of a cell is an import."""
    first = ast.parse(source).body[0]  # a top-level await is no error of the grammar
    return isinstance(first, (ast.Import, ast.ImportFrom))


@for_each_notebook
def test_no_cell_needs_a_shell(file: Path):
    """Shell commands and magics differ between systems; Python runs the same on Windows."""
    cells = code_cells(file)
    shell = re.compile(r"^\s*[!%]|os\.system|shell=True", re.MULTILINE)
    assert [x.source for x in cells if shell.search(x.source)] == []
    plain = re.compile(r"['\"](?:/(?:tmp|home|usr)/|[A-Z]:\\)")
    assert [x.source for x in cells if plain.search(x.source)] == []
