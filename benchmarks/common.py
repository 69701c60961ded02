"""What all measurements share: where results go, other processes, the course's task."""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
MEASURED = HERE / "measured"
WORK = Path(tempfile.gettempdir()) / "emotions-benchmarks"  # caches and made-up sets
sys.path.insert(0, str(ROOT / "notebooks"))


def write(name: str, content: dict[str, Any]) -> None:
    """Write what was measured as `measured/<name>.json`, with machine, its load and date.

    What was only tried goes to the benchmarks' own folder instead.
    """
    from emotions.files import write_json
    from emotions.measuring import runs

    facts = {"machine": runs.processor(), "date": time.strftime("%Y-%m-%d"), "load": load()}
    folder = WORK / "tried" if "--quick" in sys.argv else MEASURED
    write_json(folder / f"{name}.json", {**facts, **content})
    print(f"{name}: {json.dumps(content, default=str)[:400]}", flush=True)


def load() -> float | None:
    """Return how many processes wanted to run in the last minute; None where nobody counts."""
    file = Path("/proc/loadavg")
    return float(file.read_text().split()[0]) if file.is_file() else None


def seconds(function: Callable[[], Any]) -> float:
    """Return how long a call takes."""
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


class Measured:
    """Another process that measures something each time it is asked.

    `python` is the interpreter, of the course's environment or the peers'; `arguments` are a script
    and its own. It prints one JSON line when it is ready and one per question.
    """

    def __init__(self, python: str, *arguments: str) -> None:
        self.process = subprocess.Popen(
            [python, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            cwd=HERE,
        )
        self.about = self._answer()

    def __call__(self) -> dict[str, Any]:
        """Measure once more."""
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        return self._answer()

    def _answer(self) -> dict[str, Any]:
        for line in self.process.stdout:
            if line.startswith("{"):
                return json.loads(line)
        raise RuntimeError(f"{self.process.args} ended with status {self.process.wait()}")

    def close(self) -> None:
        """End the process."""
        self.process.stdin.close()
        self.process.wait()


def once(*arguments: str) -> dict[str, Any]:
    """Return what a script measures in a process of its own."""
    process = Measured(sys.executable, *arguments)
    found = process()
    process.close()
    return found


def in_turns(
    engines: dict[str, tuple[str, str]], peers: str, task: list[str], count: int, rounds: int
) -> dict[str, Any]:
    """Return images per second of each engine in each round, all of them asked in turns.

    Each is a process of this script, `--serve` with the task, engine, kind and number of images.
    """
    started, answers = {}, {}
    for name, (engine, kind) in engines.items():
        python = sys.executable if engine == "keras" else peers
        serve = [Path(sys.argv[0]).name, "--serve", *task, engine, kind, str(count)]
        try:
            started[name] = Measured(python, *serve)
        except RuntimeError as error:
            print(f"{name} does not run here: {error}")
    for _ in range(rounds):
        for name, engine in started.items():
            answers.setdefault(name, []).append(engine())
    for engine in started.values():
        engine.close()
    return {
        name: {
            "rounds": [x["images_per_second"] for x in all_rounds],
            "peak_mib": all_rounds[-1]["peak"],
            **started[name].about,
        }
        for name, all_rounds in answers.items()
    }


def with_peers(about: str, words: int) -> argparse.Namespace:
    """Return the arguments of a script that measures engines; `words` say which one to serve."""
    parser = argparse.ArgumentParser(description=about)
    parser.add_argument("--peers", default=sys.executable, help="interpreter that has the peers")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--quick", action="store_true", help="tiny, to see that it runs")
    parser.add_argument("--serve", nargs=words, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    arguments.peers = os.path.abspath(arguments.peers)  # it is started in another folder
    arguments.rounds = 1 if arguments.quick else arguments.rounds
    return arguments


def rate(images: int, work: Callable[[], Any]) -> dict[str, float]:
    """Return images per second of a call that works on so many, and the peak of memory in MiB."""
    return {"images_per_second": images / seconds(work), "peak": peak()}


def answer(about: dict[str, Any], measure: Callable[[], dict[str, Any]]) -> None:
    """Be the other end of `Measured`: one line now, one per line that comes in."""
    print(json.dumps(about), flush=True)
    for _ in sys.stdin:
        print(json.dumps(measure()), flush=True)


def peak() -> float:
    """Return the most memory this process has had in RAM so far, in MiB."""
    import resource

    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # macOS counts bytes, Linux KiB
    return most / (2**20 if sys.platform == "darwin" else 2**10)


def course_settings(**changes: Any) -> Any:
    """Return settings for the course's images, with caches in the benchmarks' own folder."""
    from emotions.course import opening
    from emotions.settings import read_settings

    train, test = opening.find_folders(read_settings())
    own = {"data": WORK / "data", "weights": "hed", "recipe": "seed"}
    (WORK / "data").mkdir(parents=True, exist_ok=True)
    return read_settings(train_data=train, val_data=test, **own | changes)


def prepared(**changes: Any) -> Any:
    """Return the course's training task: images decoded, features computed, or all from caches."""
    from emotions.data.faces import load_faces
    from emotions.network import backbone
    from emotions.training import task as training

    settings = course_settings(**changes)
    folder = settings.data / "cache" / "images"
    data = load_faces(settings.train_data, settings.val_data, folder)
    policy = backbone.choose_precision(settings.precision)
    with backbone.precision(policy):
        made = backbone.build(settings.weights, settings.image_size, settings.data, 2013)
    return training.prepare(settings, data, made, policy), data
