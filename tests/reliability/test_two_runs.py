"""Two runs at once on one checkout: both finish, and neither gets the other's results."""

import json
import subprocess
import sys
import threading
import time
from pathlib import Path

import course
import nbformat
import pytest
from emotions import files
from emotions.settings import ROOT, read_settings

PROGRAM = """
import sys
from pathlib import Path
sys.path[:0] = [{notebooks!r}, {reliability!r}]
import jobs
name, home = sys.argv[1], Path(sys.argv[2])
print("ready", flush=True)
sys.stdin.readline()
jobs.JOBS[name].run(home)
print(jobs.as_text(jobs.JOBS[name].result(home)))
""".format(notebooks=str(ROOT / "notebooks"), reliability=str(Path(__file__).parent))


@pytest.mark.parametrize("name", ["draw", "unpack", "read"])
def test_two_processes_make_the_same_folder(name, home):
    runs = [
        subprocess.Popen(
            [sys.executable, "-c", PROGRAM, name, str(home)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )
        for _ in range(2)
    ]  # fmt: skip
    for run in runs:
        assert run.stdout.readline() == "ready\n"
    for run in runs:
        run.stdin.write("go\n")
        run.stdin.flush()
    ended = [run.communicate(timeout=300) for run in runs]
    assert [run.returncode for run in runs] == [0, 0], [err for _, err in ended]
    results = [json.loads(out.splitlines()[-1]) for out, _ in ended]
    assert results[0] == results[1] and results[0]
    assert not list(home.rglob(".*.unfinished-*"))


def test_a_second_run_waits_and_says_so(tmp_path, capsys):
    order = []

    def second():
        with files.alone(tmp_path / "faces"):
            order.append("second")

    waiting = threading.Thread(target=second)
    said, late = "", time.monotonic() + 60
    with files.alone(tmp_path / "faces"):
        waiting.start()
        while "waits" not in said and time.monotonic() < late:
            waiting.join(0.05)
            said += capsys.readouterr().out
        assert waiting.is_alive()
        order.append("first")
    waiting.join(10)
    assert order == ["first", "second"]
    assert "Another run is making faces; this one waits for it." in said


def test_the_lock_of_a_killed_process_is_gone(tmp_path):
    program = (
        f"import os, sys; sys.path.insert(0, {str(ROOT / 'notebooks')!r})\n"
        "from pathlib import Path; from emotions.files import alone\n"
        "with alone(Path(sys.argv[1])):\n    os.kill(os.getpid(), 9)\n"
    )
    killed = subprocess.run([sys.executable, "-c", program, str(tmp_path / "x")])
    assert abs(killed.returncode) == 9, "it ended before it had the lock"
    done = threading.Event()

    def enter():
        with files.alone(tmp_path / "x"):
            done.set()

    threading.Thread(target=enter, daemon=True).start()
    assert done.wait(5)


FIRST = """
import os, pathlib, time
folder, meeting = pathlib.Path(os.environ["EMOTIONS_OUTPUT"], "toy"), pathlib.Path({meeting!r})
folder.mkdir(parents=True, exist_ok=True)
(folder / "training.json").write_text(os.environ["EMOTIONS_EPOCHS"])
(meeting / os.environ["EMOTIONS_EPOCHS"]).touch()
until = time.monotonic() + 10
while len(list(meeting.iterdir())) == 1 and time.monotonic() < until:
    time.sleep(0.1)  # for another run that could come in between
"""
LAST = """
import os, pathlib
folder = pathlib.Path(os.environ["EMOTIONS_OUTPUT"], "toy")
said = (folder / "training.json").read_text()
(folder / "report.json").write_text(said)
print("epochs", said, "of", os.environ["EMOTIONS_EPOCHS"])
assert said == os.environ["EMOTIONS_EPOCHS"], "another run wrote in between"
"""


def write_notebook(file: Path, code: str) -> None:
    cells = [nbformat.v4.new_markdown_cell("# Toy"), nbformat.v4.new_code_cell(code.strip())]
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata={"kernelspec": kernel}), file)


def test_two_reports_at_once_do_not_mix_their_results(tmp_path, capsys):
    for name in ("notebooks", "meeting", "output"):
        (tmp_path / name).mkdir()
    meeting = str(tmp_path / "meeting")
    write_notebook(tmp_path / "notebooks" / "01_first.ipynb", FIRST.format(meeting=meeting))
    write_notebook(tmp_path / "notebooks" / "09_report.ipynb", LAST)
    output, found = tmp_path / "output", {}

    def run(epochs: int) -> None:
        made = course.Prepared(read_settings(epochs=epochs, output=output), output / "toy")
        found[epochs] = course.run_notebooks(course.course_notebooks(tmp_path / "notebooks"), made)

    both = [threading.Thread(target=run, args=(epochs,)) for epochs in (3, 5)]
    for thread in both:
        thread.start()
    said = ""
    while "waits for it" not in said and any(thread.is_alive() for thread in both):
        time.sleep(0.05)
        said += capsys.readouterr().out
    (tmp_path / "meeting" / "the other one waits").touch()  # so that it cannot come in between
    for thread in both:
        thread.join()
    assert "Another run is making toy; this one waits for it." in said
    assert found.keys() == {3, 5}, "one of the runs did not finish"
    kept = (output / "toy" / "training.json").read_text()
    assert (output / "toy" / "report.json").read_text() == kept
    page = (output / "toy" / "report.html").read_text(encoding="utf-8")
    assert f"epochs {kept} of {kept}" in page
    assert not list(output.rglob(".*.unfinished-*"))
