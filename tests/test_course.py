"""The commands: notebooks run, pages and durations are written, cleaning spares what is yours."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import clean
import course
import nbformat
import pages
import psutil
import pytest
import run_recipes
import train
from configure_jupyter import configure
from emotions.course import opening
from emotions.files import DataError
from emotions.measuring import runs
from emotions.settings import ROOT, read_settings

PICTURE = (
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNgAAAAAgABSK+kcQAAAABJRU5ErkJggg=="
)
WIDGET = f"""
import ipywidgets
from IPython.display import display
slider = ipywidgets.IntSlider()
view = {{"version_major": 2, "version_minor": 0, "model_id": slider.model_id}}
bundle = {{
    "application/vnd.jupyter.widget-view+json": view,
    "image/png": {PICTURE!r},
    "text/plain": "slider",
}}
display(bundle, raw=True, metadata={{"alt": "a slider <at zero>"}})
"""
FIRST = """
import os, pathlib
print("optimizer", os.environ["EMOTIONS_OPTIMIZER"])
print("here", pathlib.Path.cwd().name)
print("root", os.environ["EMOTIONS_DATA"])
"""
LAST = """
import json, os, pathlib
durations = pathlib.Path(os.environ["EMOTIONS_OUTPUT"], "toy", "durations.json")
print("noted:", *json.loads(durations.read_text())["notebooks"])
"""


def write_notebook(file: Path, heading: str, *codes: str) -> Path:
    """Write a notebook with a heading and code cells."""
    cells = [nbformat.v4.new_markdown_cell(f"# {heading}\n\nSee [next](09_report.ipynb).")]
    cells += [nbformat.v4.new_code_cell(code.strip()) for code in codes]
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    notebook = nbformat.v4.new_notebook(cells=cells, metadata={"kernelspec": kernel})
    nbformat.write(notebook, file)
    return file


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> course.Prepared:
    """Run a made-up course of two notebooks once; return where its results are."""
    folder = tmp_path_factory.mktemp("toy_notebooks")
    write_notebook(folder / "01_first.ipynb", "The *first* one", FIRST)
    write_notebook(folder / "09_report.ipynb", "A report", LAST, WIDGET)
    output = tmp_path_factory.mktemp("output")
    made = course.Prepared(read_settings(optimizer="SGD", output=output), output / "toy")
    course.run_notebooks(course.course_notebooks(folder), made)
    return made


def text_of(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def network_references(html: str) -> list[str]:
    """Return the tags of a page that load something from elsewhere, and its imports."""
    tags = re.findall(r"<(?:script|link|img|iframe|source)\b[^>]*>", html)
    loading = [tag for tag in tags if re.search(r"""(?:src|href)\s*=\s*(?!["']?data:)""", tag)]
    return loading + re.findall(r"@import[^;]*;|url\(\s*['\"]?(?:https?:)?//[^)]*\)", html)


def test_a_network_reference_would_be_found():
    html = '<script src="https://x/y.js"></script><link href="//x/z.css"><img src="data:a">'
    assert len(network_references(html)) == 2


def test_every_notebook_becomes_a_page_with_its_title(ran: course.Prepared):
    first = text_of(ran.folder / "notebooks" / "01_first.html")
    assert "<title>The first one</title>" in first
    assert "<title>A report</title>" in text_of(ran.folder / "notebooks" / "09_report.html")
    assert 'href="09_report.html"' in first


def test_what_jupyterlab_copies_is_no_notebook_of_the_course(tmp_path: Path):
    for name in ("04_training", "04_training-Copy1", "Untitled", "09_report"):
        write_notebook(tmp_path / f"{name}.ipynb", name)
    found = course.course_notebooks(tmp_path)
    assert [file.stem for file in found] == ["04_training", "09_report"]


def test_notebooks_get_the_settings_and_run_in_their_folder(ran: course.Prepared):
    first = text_of(ran.folder / "notebooks" / "01_first.html")
    assert "optimizer SGD" in first
    assert "here toy_notebooks" in first


def test_pages_do_not_tell_whose_computer_it_was(ran: course.Prepared):
    pages = list(ran.folder.rglob("*.html"))
    assert len(pages) == 3
    for page in pages:
        assert str(ROOT) not in text_of(page)
        assert str(Path.home()) + os.sep not in text_of(page)
    assert f"root .{os.sep}data" in text_of(ran.folder / "notebooks" / "01_first.html")


def test_durations_are_noted_before_the_report_runs(ran: course.Prepared):
    assert "noted: 01_first" in text_of(ran.folder / "report.html")
    durations = json.loads(text_of(ran.folder / "durations.json"))
    assert list(durations["notebooks"]) == ["01_first", "09_report"]
    assert durations["total"] == pytest.approx(sum(durations["notebooks"].values()), abs=0.1)
    assert min(durations["notebooks"].values()) > 0


def test_what_never_ran_or_was_changed_since_runs_before_slides_are_made(tmp_path, monkeypatch):
    sources = [write_notebook(tmp_path / f"0{n}_x.ipynb", "X") for n in range(3)]
    shared = course.Prepared(read_settings(), tmp_path / "results")
    ran_again = []

    def run(notebooks, prepared):
        ran_again.extend(notebooks)
        for notebook in notebooks:
            (prepared.folder / "notebooks" / notebook.name).write_bytes(notebook.read_bytes())

    (shared.folder / "notebooks").mkdir(parents=True)
    for name, function in (
        ("prepare", lambda settings: shared),
        ("course_notebooks", lambda: sources),
        ("run_notebooks", run),
    ):
        monkeypatch.setattr(course, name, function)
    run(sources[:2], shared)
    ran_again.clear()
    later = sources[1].stat().st_mtime + 5
    os.utime(sources[1], (later, later))
    _, executed = course.executed_notebooks()
    assert ran_again == sources[1:]
    assert list(executed) == sources


@pytest.mark.skipif(os.name == "nt", reason="Windows does not count the memory of ended processes")
def test_the_peak_of_memory_is_noted(ran: course.Prepared):
    assert 20 < json.loads(text_of(ran.folder / "durations.json"))["peak_memory_mb"] < 100_000


def test_the_report_loads_nothing_and_shows_no_code(ran: course.Prepared):
    report = text_of(ran.folder / "report.html")
    assert network_references(report) == []
    assert "ipywidgets" not in report
    assert "<h1" in report
    assert "ipywidgets" in text_of(ran.folder / "notebooks" / "09_report.html")


def test_a_widget_is_shown_by_its_picture_with_its_description(ran: course.Prepared):
    shown = re.findall(r"<img[^>]*>", text_of(ran.folder / "report.html"))
    assert len(shown) == 1
    assert PICTURE in shown[0]
    assert 'alt="a slider &lt;at zero&gt;"' in shown[0]


def test_no_page_is_left_half_written(ran: course.Prepared):
    assert [path.name for path in ran.folder.rglob(".*")] == []


def test_a_failing_notebook_stops_the_run_and_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
):
    write_notebook(tmp_path / "01_bad.ipynb", "Bad", "value = {}\nvalue['missing face']")
    write_notebook(tmp_path / "02_never.ipynb", "Never", "print('ran')")
    toy = course.Prepared(read_settings(output=tmp_path / "out"), tmp_path / "out" / "toy")
    monkeypatch.setattr(course, "prepare", lambda settings: toy)
    with pytest.raises(SystemExit) as ending, course.clear_endings():
        course.report(None, tmp_path)
    complaint = capsys.readouterr().err
    assert ending.value.code == 1
    assert "01_bad stopped" in complaint
    assert "KeyError: 'missing face'" in complaint.splitlines()[-1]
    assert len(complaint.splitlines()) <= 12
    assert "\x1b" not in complaint
    assert not toy.folder.exists()


def test_a_kernel_that_dies_stops_the_run_and_no_other_stays(tmp_path: Path):
    code = "import os; print(os.getpid()); os.kill(os.getpid(), 9)"
    notebooks = [write_notebook(tmp_path / "01_dies.ipynb", "Dies", code)]
    notebooks.append(write_notebook(tmp_path / "02_never.ipynb", "Never", "print('ran')"))
    before = set(psutil.Process().children())
    with pytest.raises(course.NotebookError, match=r"^01_dies stopped:\n +Kernel died$"):
        list(course.execute(notebooks, read_settings()))
    assert set(psutil.Process().children()) <= before


def test_a_kernel_shows_figures_whatever_matplotlib_was_told_and_no_widget_as_it_was_saved(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("MPLBACKEND", "Agg")  # as on many clusters
    code = "import matplotlib; print(matplotlib.get_backend())"
    notebook = write_notebook(tmp_path / "01_x.ipynb", "X", code)
    saved = nbformat.read(notebook, as_version=4)
    saved.metadata.widgets = {"application/vnd.jupyter.widget-state+json": {"state": {}}}
    nbformat.write(saved, notebook)
    [executed] = course.execute([notebook], read_settings())
    assert "inline" in executed.cells[1].outputs[0].text
    assert "widgets" not in executed.metadata


def test_every_notebook_has_a_fresh_kernel_that_has_imported_the_course(tmp_path: Path):
    (tmp_path / "emotions" / "course").mkdir(parents=True)
    (tmp_path / "emotions" / "course" / "opening.py").touch()
    names = "sorted(name for name in globals() if name in ('emotions', 'kept'))"
    code = f"import sys; print({names}, Out, 'emotions.course.opening' in sys.modules); kept = 1"
    notebooks = [write_notebook(tmp_path / f"0{n}_x.ipynb", "X", code) for n in range(2)]
    executed = list(course.execute(notebooks, read_settings()))
    assert [one.cells[1].outputs[0].text for one in executed] == ["[] {} True\n"] * 2


def test_a_notebook_that_is_no_notebook_stops_the_run(tmp_path: Path):
    (tmp_path / "01_cut.ipynb").write_text('{"cells": [')
    with pytest.raises(course.NotebookError, match="^01_cut stopped:\n +Notebook does not appear"):
        list(course.execute([tmp_path / "01_cut.ipynb"], read_settings()))


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such signal for one process")
def test_a_stop_by_the_keyboard_ends_kernels_and_says_so_alone(tmp_path: Path):
    begun = tmp_path / "begun"
    code = f"import os, time; open({str(begun)!r}, 'w').write(str(os.getpid())); time.sleep(60)"
    notebook = write_notebook(tmp_path / "01_long.ipynb", "Long", code)
    program = (
        f"import signal, sys; sys.path.insert(0, {str(ROOT / 'notebooks')!r})\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)  # also behind nohup\n"
        "import course; from pathlib import Path; from emotions.settings import read_settings\n"
        "with course.clear_endings():\n"
        f"    list(course.execute([Path({str(notebook)!r})], read_settings()))"
    )
    with subprocess.Popen([sys.executable, "-c", program], stderr=subprocess.PIPE) as running:
        late = time.monotonic() + 60
        while not (begun.is_file() and begun.read_text()) and time.monotonic() < late:
            time.sleep(0.05)
        running.send_signal(signal.SIGINT)
        said = running.communicate(timeout=60)[1].decode()
    assert (running.returncode, said) == (130, "\nStopped.\n")
    assert not psutil.pid_exists(int(begun.read_text()))


def test_one_notebook_alone_keeps_the_durations_of_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
):
    write_notebook(tmp_path / "01_first.ipynb", "First", "print(1)")
    write_notebook(tmp_path / "02_second.ipynb", "Second", "print(2)")
    toy = course.Prepared(read_settings(output=tmp_path / "out"), tmp_path / "out" / "toy")
    course.note_duration(toy.folder / "durations.json", "01_first", 12.0)
    monkeypatch.setattr(course, "prepare", lambda settings: toy)
    course.report("02", tmp_path)
    noted = json.loads(text_of(toy.folder / "durations.json"))["notebooks"]
    assert noted["01_first"] == 12
    write_notebook(tmp_path / "03_third.ipynb", "Third", "print(3)")
    course.run_notebooks([tmp_path / "02_second.ipynb", tmp_path / "03_third.ipynb"], toy)
    noted = json.loads(text_of(toy.folder / "durations.json"))["notebooks"]
    assert noted.pop("03_third") and noted["01_first"] == 12
    assert set(noted) == {"01_first", "02_second"}
    assert re.search(r"^02_second … \d+ s$", capsys.readouterr().out, re.MULTILINE)
    assert not (toy.folder / "notebooks" / "01_first.html").exists()
    course.note_duration(toy.folder / "durations.json", "00_gone", 5.0)
    course.report(None, tmp_path)  # all of them: the sum is of this run alone
    noted = json.loads(text_of(toy.folder / "durations.json"))["notebooks"]
    assert list(noted) == ["01_first", "02_second", "03_third"] and noted["01_first"] != 12


def test_a_home_that_is_the_root_changes_no_slash(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("HOME", "/")
    assert pages.without_paths("len(x) // 2 / 3", pages.private_paths()) == "len(x) // 2 / 3"


def test_an_unknown_notebook_is_refused_with_the_names_there_are(tmp_path: Path):
    write_notebook(tmp_path / "01_first.ipynb", "First", "print(1)")
    with pytest.raises(DataError, match="04_trainning.*01_first"):
        course.report("04_trainning", tmp_path)


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [("EMOTIONS_EPOCHS", "none", "epochs"), ("EMOTIONS_EPOCH", "3", "EMOTIONS_EPOCHS")],
)
def test_a_bad_parameter_ends_with_one_sentence_and_status_2(name: str, value: str, words: str):
    ended = subprocess.run(
        [sys.executable, str(ROOT / "notebooks" / "course.py"), "download"],
        env={**os.environ, name: value},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 2
    assert words in ended.stderr
    assert len(ended.stderr.splitlines()) == 1


def test_bad_data_ends_with_one_sentence_and_status_2(
    tmp_path: Path, capsys: pytest.CaptureFixture
):
    for folder in ("train", "test"):
        (tmp_path / folder).mkdir()
    settings = read_settings(train_data=tmp_path / "train", val_data=tmp_path / "test")
    with pytest.raises(SystemExit) as ending, course.clear_endings():
        course.prepare(settings)
    complaint = capsys.readouterr().err
    assert ending.value.code == 2
    assert str(tmp_path) in complaint
    assert len(complaint.splitlines()) == 1


def test_preparing_decides_data_and_weights_once(
    tiny_faces: Path, tmp_path: Path, capsys: pytest.CaptureFixture
):
    wanted = {"weights": "random", "data": tmp_path / "data", "output": tmp_path / "output"}
    wanted |= {"train_data": tiny_faces / "train", "val_data": tiny_faces / "test"}
    made = course.prepare(read_settings(**wanted))
    assert made.folder.parent == tmp_path / "output"
    assert made.settings.weights == "random"
    assert made.settings.train_data == tiny_faces / "train"
    printed = capsys.readouterr().out
    assert [word in printed for word in ("Data: ", "Weights: ", "Precision: ")] == [True] * 3


def test_training_by_command_line_says_where_its_files_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
):
    code = (
        "import os, pathlib\nfolder = pathlib.Path(os.environ['EMOTIONS_OUTPUT'], 'toy')\n"
        "folder.mkdir()\n(folder / 'toy_report.csv').write_text(os.environ['EMOTIONS_EPOCHS'])"
    )
    notebook = write_notebook(tmp_path / "04_training.ipynb", "Training", code)
    report = write_notebook(tmp_path / "09_report.ipynb", "Report", LAST)
    monkeypatch.setattr(train, "TO_RUN", (notebook, report))
    monkeypatch.setattr(train, "prepare", lambda s: course.Prepared(s, s.output / "toy"))
    (tmp_path / "out").mkdir()
    train.main(["-ep", "100", "--output", str(tmp_path / "out")])
    printed = capsys.readouterr().out
    assert (tmp_path / "out" / "toy" / "toy_report.csv").read_text() == "100"
    assert "toy_report.csv" in printed
    assert "04_training.html" in printed
    assert "noted: 04_training" in text_of(tmp_path / "out" / "toy" / "report.html")


def test_training_by_command_line_renews_the_report():
    names = ["04_training", "07_looking_inside", pages.REPORT]  # 7 looks into the new classifier
    assert [file.stem for file in train.TO_RUN] == names
    assert all(file.is_file() for file in train.TO_RUN)


MEASURED = {
    *("classifier.safetensors", "results.json", "ladder.csv", "curves.csv", "MODEL_CARD.md")
}


@pytest.fixture
def reference(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Let the reference be made in a folder of its own, by notebooks that write one file."""
    folder = tmp_path / "output" / "fer2013"
    (folder / "faces").mkdir(parents=True)
    for name in (*MEASURED, "training.json", "of_an_earlier_edition.json", "faces/one.png"):
        (folder / name).write_text("before", encoding="utf-8")

    def run(notebooks: list[Path], made: course.Prepared) -> list[Path]:
        assert notebooks == course.course_notebooks() and made.settings.epochs == 50
        (folder / "training.json").write_text("after", encoding="utf-8")
        return [folder / "training.json"]

    found = SimpleNamespace(
        settings=read_settings(data=tmp_path / "data"), origin="genuine FER-2013",
        data=SimpleNamespace(name="fer2013"), folder=folder,
    )  # fmt: skip
    monkeypatch.setattr(course, "ROOT", tmp_path)
    monkeypatch.setattr(course, "run_notebooks", run)
    monkeypatch.setattr(course, "prepare", lambda settings: course.Prepared(settings, folder))
    monkeypatch.setattr(opening, "open_course", lambda: found)
    monkeypatch.setattr(
        run_recipes, "write_card", lambda to: (to / "MODEL_CARD.md").write_text("after")
    )
    monkeypatch.setenv("EMOTIONS_EPOCHS", "3")  # of who makes it: the reference has the defaults
    return folder


def test_the_reference_keeps_what_runs_measured_and_drops_what_no_code_writes(
    reference: Path, capsys: pytest.CaptureFixture
):
    course.make_reference()
    assert files_below(reference) == {*MEASURED, "training.json", "faces/one.png"}
    after = {name for name in files_below(reference) if text_of(reference / name) == "after"}
    assert after == {"training.json", "MODEL_CARD.md"}
    said = capsys.readouterr().out
    assert "No code writes of_an_earlier_edition.json any more" in said
    assert "No runs are kept here" in said


def test_the_reference_measures_the_runs_that_are_kept(
    reference: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    measured = []
    monkeypatch.setattr(runs, "finished", lambda folder, rungs: [folder / "best-hed-1"])
    monkeypatch.setattr(run_recipes, "evaluate", lambda: measured.append(True))
    course.make_reference()
    assert measured == [True]


@pytest.mark.parametrize(
    "different", [{"origin": "drawn faces"}, {"folder": Path("elsewhere", "fer2013")}]
)
def test_the_reference_is_made_of_the_genuine_data_alone(
    reference: Path, monkeypatch: pytest.MonkeyPatch, different: dict
):
    other = SimpleNamespace(**vars(opening.open_course()) | different)
    monkeypatch.setattr(opening, "open_course", lambda: other)
    with pytest.raises(DataError, match="of the genuine FER-2013, but here is"):
        course.make_reference()
    assert {text_of(path) for path in reference.rglob("*") if path.is_file()} == {"before"}


def test_a_configuration_of_your_own_stays(tmp_path: Path):
    fresh = text_of(configure(tmp_path / "fresh"))
    own = configure(tmp_path / "own")
    own.write_text("c.Exporter.exclude_input = True\n", encoding="utf-8")
    for _ in range(2):
        assert text_of(configure(tmp_path / "own")) == f"c.Exporter.exclude_input = True\n\n{fresh}"


@pytest.mark.parametrize("place", ["root", "notebooks"])
def test_nbconvert_by_hand_uses_the_courses_settings(place: str, tmp_path: Path):
    notebook = write_notebook(tmp_path / "widget.ipynb", "Widget", WIDGET)
    registered = configure(tmp_path / "environment")
    subprocess.run(
        [
            *(sys.executable, "-m", "nbconvert", "--execute", "--to", "html"),
            *("--output-dir", str(tmp_path), str(notebook)),
        ],
        cwd={"root": ROOT, "notebooks": ROOT / "notebooks"}[place],
        env={**os.environ, "JUPYTER_CONFIG_PATH": str(registered.parent)},
        capture_output=True,
        check=True,
    )
    html = text_of(tmp_path / "widget.html")
    assert PICTURE in html
    assert network_references(html) == []


def test_prints_in_pieces_and_progress_bars_become_one_text(tmp_path: Path):
    code = (
        "import sys\nfor step in range(3):\n"
        "    print(f'\\rstep {step}', end='', flush=True)\nprint()\nprint('done')"
    )
    notebook = write_notebook(tmp_path / "01_bar.ipynb", "Bar", code)
    (executed,) = course.execute([notebook], read_settings())
    pages.write_page(executed, tmp_path / "bar.html", tmp_path, with_code=False)
    assert re.search(r"<pre>\s*step 2\n+done\s*</pre>", text_of(tmp_path / "bar.html"))


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Make a repository with things of the course, of runs and of the user in it."""
    for name in (*KEPT, *MADE, *SET_UP):
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("content", encoding="utf-8")
    (tmp_path / "data/Face_emotions/.made_by_course").write_text("archive.zip\n", encoding="utf-8")
    return tmp_path


KEPT = (
    *("README.md", "notebooks/emotions/files.py", ".git/config"),
    *("data/README.md", "data/archive.zip", "data/my_faces/train/happy/me.png", "data/.mine/note"),
    *("data/my_faces/__pycache__/mine.txt", "data/weights/my_own.h5"),
    *("output/README.md", "output/fer2013/report.html", "output/fer2013/durations.json"),
    *("output/fer2013/report.csv", "output/fer2013/graph.png"),
    *("another_environment/pyvenv.cfg", "another_environment/lib/__pycache__/x.pyc"),
)
MADE = (
    *("data/cache/features/a.npy", "data/drawn_faces/train/happy/1.png"),
    *("data/runs/sample/best-hed-1/history.csv", "data/runs/sample/notebook_4/1.json"),
    *(
        "data/.Face_emotions.unfinished-12-34-0123abcd/train/1.png",
        "data/weights/.x.unfinished-1-2/part",
    ),
    *("output/sample/report.html", "output/.leftover", "output/fer2013/model.keras"),
    *("output/fer2013/notebooks/01.html", "output/fer2013/.half.csv"),
    *("notebooks/emotions/__pycache__/files.pyc", "tests/__pycache__/x.pyc"),
    *(".pytest_cache/x", ".ruff_cache/x", "notebooks/.ipynb_checkpoints/01.ipynb"),
)
SET_UP = (
    *(".venv/pyvenv.cfg", ".venv/lib/__pycache__/x.pyc"),
    *(f"data/weights/{clean.WEIGHTS_FILE}", "data/weights/.downloaded"),
    *("data/Face_emotions/train/happy/1.png", "data/Face_emotions/.made_by_course"),
)


def files_below(root: Path) -> set[str]:
    return {path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file()}


def test_clean_takes_what_runs_made_and_nothing_else(tree: Path, capsys: pytest.CaptureFixture):
    clean.clean(tree)
    assert files_below(tree) == {*KEPT, *SET_UP}
    printed = capsys.readouterr().out
    assert re.search(r"\d\.\d MB  data/cache$", printed, re.MULTILINE)
    assert printed.count(" MB  ") == len(printed.splitlines()) == 15


def test_uninstall_also_takes_what_the_course_set_up(tree: Path):
    clean.clean(tree, everything=True)
    assert files_below(tree) == set(KEPT)


@pytest.mark.parametrize("reason", ["no marker", "source gone", "source elsewhere", "empty marker"])
def test_uninstall_leaves_faces_that_could_not_be_made_again(tree: Path, reason: str):
    marker = tree / "data/Face_emotions/.made_by_course"
    if reason == "no marker":
        marker.unlink()
    elif reason == "source gone":
        (tree / "data/archive.zip").unlink()
    else:
        marker.write_text("../README.md" if reason == "source elsewhere" else "", encoding="utf-8")
    clean.clean(tree, everything=True)
    assert (tree / "data/Face_emotions/train/happy/1.png").is_file()


def test_uninstall_leaves_weights_that_you_brought(tree: Path):
    (tree / "data/weights/.downloaded").unlink()
    clean.clean(tree, everything=True)
    assert (tree / "data/weights" / clean.WEIGHTS_FILE).is_file()


@pytest.mark.skipif(os.name == "nt", reason="links need special rights on Windows")
def test_clean_does_not_follow_links(tree: Path):
    outside = tree / "data" / "my_faces"
    (tree / "output" / "link").symlink_to(outside, target_is_directory=True)
    clean.clean(tree)
    assert not (tree / "output" / "link").is_symlink()
    assert (outside / "train/happy/me.png").is_file()


def test_cleaning_twice_finds_nothing(tree: Path, capsys: pytest.CaptureFixture):
    clean.clean(tree)
    capsys.readouterr()
    clean.clean(tree)
    assert capsys.readouterr().out == "Nothing to take away.\n"


def test_an_environment_that_cannot_be_taken_away_whole_is_made_again(tree: Path, monkeypatch):
    (tree / ".venv" / ".ready").touch()

    def refuse(folder):
        raise PermissionError(13, "Permission denied", f"{folder}/lib/in_use.so")

    monkeypatch.setattr(clean.shutil, "rmtree", refuse)
    monkeypatch.setattr(clean, "made_by_runs", lambda root: [])
    monkeypatch.setattr(sys, "argv", ["clean.py", "--everything", "--root", str(tree)])
    with pytest.raises(SystemExit, match=r"in_use\.so cannot be taken away \(Permission denied\)"):
        clean.main()
    assert not (tree / ".venv" / ".ready").exists()


def test_the_weights_file_has_the_same_name_everywhere():
    from emotions.network.backbone import WEIGHTS_FILE

    assert clean.WEIGHTS_FILE == WEIGHTS_FILE
