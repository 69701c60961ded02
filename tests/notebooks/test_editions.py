"""A student's first minutes: the zip unpacked, its two commands, a notebook of it."""

import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import course
import editions
import nbformat
import pytest
from test_links import dead, in_markdown, notebook_text
from test_notebooks import SMALL


@pytest.fixture(scope="module")
def zips(tmp_path_factory) -> dict[str, Path]:
    """Return the zip of each edition, as `make editions` writes it."""
    folder = tmp_path_factory.mktemp("editions")
    with pytest.MonkeyPatch.context() as patches:
        patches.setenv("EMOTIONS_OUTPUT", str(folder))
        assert course.main(["editions"]) == 0
    return {name: folder / "editions" / f"{name}.zip" for name in ("student", "teacher")}


@pytest.fixture(scope="module")
def unpacked(zips, tmp_path_factory) -> dict[str, Path]:
    """Return the folder that each zip unpacks to."""
    folders = {}
    for name, file in zips.items():
        with zipfile.ZipFile(file) as archive:
            archive.extractall(place := tmp_path_factory.mktemp(name))
        (folders[name],) = place.iterdir()
    return folders


def run(command: list[str], folder: Path, faces: Path) -> subprocess.CompletedProcess:
    """Run a command in an unpacked edition on some faces; nothing tells it of this checkout."""
    clean = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    named = {"EMOTIONS_TRAIN_DATA": str(faces / "train"), "EMOTIONS_VAL_DATA": str(faces / "test")}
    return subprocess.run(
        command, cwd=folder, env=clean | SMALL | named, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize("name", ["student", "teacher"])
def test_an_edition_has_what_it_needs_and_nothing_of_yours(unpacked, name):
    files = {file.relative_to(unpacked[name]).as_posix() for file in unpacked[name].rglob("*")}
    assert {"Makefile", "requirements.lock", "README.md", "LICENSE", "data/README.md"} <= files
    assert {"setup/install.py", "notebooks/emotions/settings.py", "environment.yml"} <= files
    assert len([file for file in files if re.fullmatch(r"notebooks/0.*\.ipynb", file)]) == 10
    measured = {"results.json", "curves.csv", "ladder.csv", "classifier.safetensors"}
    assert {f"output/fer2013/{file}" for file in measured} <= files  # what notebooks 6 and 8 read
    assert ("notebooks/README.md" in files) == (name == "teacher")
    files.remove(".gitignore")  # with it no image is committed by mistake
    assert not [file for file in files if re.search(r"(^|/)[._]|\.(png|jpe?g|html)$|^tests", file)
                and not file.endswith("__init__.py")]  # fmt: skip


def test_an_edition_shows_nothing_of_what_was_run():
    shown = nbformat.v4.new_output("stream", text="/home/me")
    cells = [nbformat.v4.new_code_cell("1", execution_count=3, outputs=[shown])]
    notebook = nbformat.v4.new_notebook(cells=cells, metadata={"widgets": {"state": {}}})
    view = editions.edition(notebook, "student")
    assert (view.cells[0].outputs, view.cells[0].execution_count) == ([], None)
    assert "widgets" not in view.metadata and cells[0].outputs == [shown]


@pytest.mark.parametrize("name", ["student", "teacher"])
def test_links_of_an_edition_lead_to_files_in_it(unpacked, name):
    texts = [*unpacked[name].rglob("*.md"), *unpacked[name].rglob("*.ipynb")]
    texts = [file for file in texts if file.name != editions.README.name]  # is README.md up there
    assert len(texts) > 12
    for file in texts:
        text = notebook_text(file) if file.suffix == ".ipynb" else file.read_text("utf-8")
        assert dead(file, in_markdown(text)) == []


def test_the_same_course_gives_the_same_zip(zips, tmp_path, monkeypatch):
    monkeypatch.setenv("EMOTIONS_OUTPUT", str(tmp_path))
    course.main(["editions"])
    for name, file in zips.items():
        assert (tmp_path / "editions" / f"{name}.zip").read_bytes() == file.read_bytes()


def make(*words: str) -> list[str]:
    """Return a command of the Makefile with the present environment in the place of a new one."""
    return ["make", f"VENV={sys.prefix}", "-o", f"{sys.prefix}/.ready", *words]


def test_make_test_of_an_edition_does_what_its_readme_says(unpacked, tiny_faces):
    folder = unpacked["student"]
    assert "runs notebook 0" in (folder / "README.md").read_text(encoding="utf-8")
    ended = run(make("test"), folder, tiny_faces)
    assert ended.returncode == 0, ended.stderr
    assert re.search(r"^memory: .+ free\. To do: ", ended.stdout, re.MULTILINE)
    assert re.search(r"00_start_here … \d+ s", ended.stdout)
    assert (folder / "output/sample/notebooks/00_start_here.html").is_file()


def test_make_report_of_an_edition_is_that_of_the_course(unpacked, tiny_faces):
    command = [*make("report"), "--dry-run", "--no-print-directory"]
    said = run(command, unpacked["student"], tiny_faces).stdout
    assert said.strip() == f"{sys.prefix}/bin/python notebooks/course.py report"
