"""Trains many times in one process, and runs a notebook many times in one kernel; watches.

    .venv/bin/python tests/reliability/long_runs.py --trainings 200 --reruns 10

Watched: resident memory, threads, open files, open figures, widgets, models, graphs of TensorFlow.
Results: output/reliability/long_runs.json.
"""

import argparse
import gc
import json
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "notebooks"), str(Path(__file__).parent)]

import jobs  # noqa: E402
import nbformat  # noqa: E402
import psutil  # noqa: E402
from emotions.files import write_json  # noqa: E402
from nbclient import NotebookClient  # noqa: E402

RESULTS = ROOT / "output" / "reliability"
REPEATED = "04_training"


def held() -> dict[str, float]:
    """Return what this process holds now."""
    import matplotlib.pyplot as plt
    from emotions.network.quiet_keras import keras
    from ipywidgets.widgets.widget import _instances

    gc.collect()
    process, objects = psutil.Process(), gc.get_objects()
    return {
        "memory_mb": round(process.memory_info().rss / 1e6, 1),
        "threads": process.num_threads(),
        "files": process.num_fds() if hasattr(process, "num_fds") else process.num_handles(),
        "figures": len(plt.get_fignums()),
        "widgets": len(_instances),
        "models": sum(isinstance(one, keras.Model) for one in objects),
        "graphs": sum(type(one).__name__ == "FuncGraph" for one in objects),
    }


def trainings(home: Path, count: int) -> dict[str, object]:
    """Train a head again and again, as a reader does who turns one knob; return what is held."""
    from emotions.course import opening
    from emotions.training import task as training

    course = jobs.open_course(home, epochs=2, width=0.25)
    model, policy = opening.open_backbone(course)
    began, seen = time.monotonic(), []
    for number in range(count):
        settings = course.settings.changed(learning_rate=0.001 * (1 + number % 5))
        task = training.prepare(settings, course.data, model, policy)
        training.train(task)
        del task
        if number + 1 in {1, 2, 5, 10, 20, 50, 100, 150, 200, count}:
            seen.append({"trainings": number + 1, **held()})
            print(seen[-1], flush=True)
    return {"seconds": round(time.monotonic() - began, 1), "held": seen}


def reruns(home: Path, count: int) -> dict[str, object]:
    """Run the cells of a notebook again and again in one kernel; return what it holds."""
    path = ROOT / "notebooks" / f"{REPEATED}.ipynb"
    notebook = nbformat.read(path, as_version=4)
    values = {name: str(value) for name, value in (
        ("TRAIN_DATA", home / "faces/train"), ("VAL_DATA", home / "faces/test"),
        ("DATA", home / "data"), ("OUTPUT", home / "output"))}  # fmt: skip
    around = jobs.SMALL | {f"EMOTIONS_{name}": value for name, value in values.items()}
    watch = (
        f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r})\n"
        "import json, long_runs\nprint('HELD', json.dumps(long_runs.held()))"
    )
    notebook.cells.insert(0, nbformat.v4.new_code_cell(f"import os; os.environ.update({around!r})"))
    notebook.cells.append(nbformat.v4.new_code_cell(watch))
    return {"notebook": REPEATED, "held": _run_again(notebook, path, count)}


def _run_again(notebook: nbformat.NotebookNode, path: Path, count: int) -> list[dict]:
    """Execute all cells so many times in one kernel."""
    client = NotebookClient(
        notebook, timeout=None, resources={"metadata": {"path": str(path.parent)}}
    )
    seen = []
    with client.setup_kernel():
        for number in range(count):
            for index, cell in enumerate(notebook.cells):
                client.execute_cell(cell, index)
            said = "".join(o.get("text", "") for o in notebook.cells[-1].outputs)
            found = json.loads(said.split("HELD ", 1)[1])
            seen.append({"runs": number + 1, **found})
            print(seen[-1], flush=True)
    return seen


def growth(seen: list[dict]) -> dict[str, float]:
    """Return what grew between the settled second entry and the last one."""
    first, last = seen[min(1, len(seen) - 1)], seen[-1]
    return {name: round(last[name] - first[name], 1) for name in list(last)[1:]}


def main() -> int:
    """Watch trainings and reruns; write what was seen."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--trainings", type=int, default=200)
    parser.add_argument("--reruns", type=int, default=10)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="long-") as folder:
        made = Path(folder) / "made"
        made.mkdir()
        jobs.prepare(made)
        home = Path(folder) / "home"
        home.mkdir()
        jobs.link_faces(home, made)
        found: dict[str, object] = {}
        if chosen.trainings:
            found["trainings"] = trainings(home, chosen.trainings)
            write_json(RESULTS / "long_runs.json", found)
        if chosen.reruns:
            found["reruns"] = reruns(home, chosen.reruns)
            write_json(RESULTS / "long_runs.json", found)
    return 0


if __name__ == "__main__":
    sys.exit(main())
