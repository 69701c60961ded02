"""What all measurements share: where results go, other processes, medians."""

import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
MEASURED = HERE / "measured"
sys.path.insert(0, str(ROOT / "notebooks"))


def write(name: str, content: dict[str, Any]) -> None:
    """Write what was measured as `measured/<name>.json`, with machine, its load and date."""
    from emotions import results
    from emotions.files import write_json

    facts = {"machine": results.processor(), "date": time.strftime("%Y-%m-%d"), "load": load()}
    write_json(MEASURED / f"{name}.json", {**facts, **content})
    print(f"{name}: {json.dumps(content, default=str)[:400]}", flush=True)


def load() -> float | None:
    """Return how many processes wanted to run in the last minute; None where nobody counts."""
    file = Path("/proc/loadavg")
    return float(file.read_text().split()[0]) if file.is_file() else None


def median(values: Sequence[float]) -> float:
    """Return the median as a plain number."""
    return float(statistics.median(values))


def seconds(function: Callable[[], Any]) -> float:
    """Return how long a call takes."""
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


class Measured:
    """Another process that measures something each time it is asked.

    Parameters
    ----------
    python
        The interpreter, of the course's environment or the peers'.
    arguments
        Script and its arguments. It prints one JSON line when it is ready and one per question.
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


def answer(about: dict[str, Any], measure: Callable[[], dict[str, Any]]) -> None:
    """Be the other end of `Measured`: one line now, one per line that comes in."""
    print(json.dumps(about), flush=True)
    for _ in sys.stdin:
        print(json.dumps(measure()), flush=True)
