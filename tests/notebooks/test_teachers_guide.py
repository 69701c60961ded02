"""The teacher's guide says what is in the notebooks, and the course fits twice 90 minutes."""

import re

import nbformat
import pytest
from course import NOTEBOOKS, course_notebooks

GUIDE = (NOTEBOOKS / "README.md").read_text(encoding="utf-8")
ROWS = {
    cells[0].split("](")[1].rstrip(")"): cells
    for line in GUIDE.splitlines()
    if line.startswith("| [")
    for cells in [[cell.strip() for cell in line.strip("|").split("|")]]
}


def minutes(file: str) -> int:
    return int(ROWS[file][2])


def test_every_notebook_has_one_row_in_the_order_of_the_course():
    assert list(ROWS) == [notebook.name for notebook in course_notebooks()]
    assert all(len(row) == 6 and all(row) for row in ROWS.values())


@pytest.mark.parametrize("notebook", course_notebooks(), ids=lambda file: file.stem)
def test_the_number_of_exercises_is_the_notebooks(notebook):
    cells = nbformat.read(notebook, as_version=4).cells
    tasks = sum("task" in cell.metadata.get("tags", []) for cell in cells)
    assert int(ROWS[notebook.name][3]) == tasks


@pytest.mark.parametrize("notebook", course_notebooks(), ids=lambda file: file.stem)
def test_a_notebook_has_the_name_of_its_first_heading(notebook):
    cells = nbformat.read(notebook, as_version=4).cells
    heading = re.match(r"# (.+)", cells[0].source)[1]
    name = re.match(r"\[(.+?)\]", ROWS[notebook.name][0])[1]
    assert heading.startswith(name) or "report" in heading


def test_the_minutes_are_those_of_the_map_and_fit_twice_ninety():
    cells = nbformat.read(course_notebooks()[0], as_version=4).cells
    text = "\n".join(cell.source for cell in cells)
    on_the_map = dict(re.findall(r"\]\((\w+\.ipynb)\).*?\| (\d+) min \|", text))
    assert {file: str(minutes(file)) for file in list(ROWS)[1:]} == on_the_map
    halves = re.findall(r"^\| (?:first|second) \| (\d) to (\d) \| (\d+) \|", GUIDE, re.MULTILINE)
    assert [(int(a), int(b)) for a, b, _ in halves] == [(0, 4), (5, 9)]
    files = list(ROWS)
    for first, last, named in halves:
        together = sum(minutes(file) for file in files[int(first) : int(last) + 1])
        assert together == int(named) <= 90


def test_links_and_files_that_the_guide_names_are_there():
    for link in re.findall(r"\]\(([^)]+)\)", GUIDE):
        assert (NOTEBOOKS / link).is_file()
    for path in re.findall(r"`(tests/[\w/]+\.py|emotions/\w+/)`", GUIDE):
        assert (NOTEBOOKS / path).exists() or (NOTEBOOKS.parent / path).exists()
