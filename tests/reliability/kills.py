"""Kills the course's jobs with SIGKILL at random moments, runs them again and compares.

    .venv/bin/python tests/reliability/kills.py                    20 kills of each job
    .venv/bin/python tests/reliability/kills.py --kills 50 train   50 of one
    .venv/bin/python tests/reliability/kills.py --kills 2 report   of the whole course

After each kill: whatever stands under its final name is whole and equal to an undisturbed run's;
then the same job, run again in the same folder, finishes with an equal result and leaves nothing
unfinished behind. TensorFlow is imported once; each run is a fork of that process, killed alone.
The whole course is a command of its own and is killed with all its children.
Needs Linux or macOS. Results: output/reliability/kills.json.
"""

import argparse
import contextlib
import functools
import importlib
import json
import os
import random
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "notebooks"), str(Path(__file__).parent)]
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import jobs  # noqa: E402
from emotions.files import read_json, write_json  # noqa: E402

RESULTS = ROOT / "output" / "reliability"


# What takes long to import and starts no thread, so that forks need not.
IMPORTS = (
    *("keras", "tensorflow", "sklearn.model_selection", "matplotlib.pyplot", "nbconvert", "cv2"),
    *("imagehash", "h5py", "IPython.display", "scipy.stats", "emotions.data.drawn"),
    *("emotions.data.copies", "emotions.settings"),
)


def start(job: jobs.Job, home: Path) -> int:
    """Start a job in a forked process of its own group; return its process id."""
    sys.stdout.flush()
    process = os.fork()
    if process:
        return process
    os.setsid()
    status = 1
    try:
        with open(home / "said.txt", "w") as said:
            os.dup2(said.fileno(), 1)
            os.dup2(said.fileno(), 2)
            job.run(home)
            status = 0
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        os._exit(status)


def wait(process: int, home: Path) -> float:
    """Wait for a job; return its seconds.

    Raises
    ------
    RuntimeError
        If it did not finish well; with what it said.
    """
    began = time.monotonic()
    _, status = os.waitpid(process, 0)
    if status:
        raise RuntimeError(f"status {status}: {(home / 'said.txt').read_text()[-2000:]}")
    return time.monotonic() - began


def kill_after(process: int, seconds: float) -> bool:
    """Kill a job with all its children after some seconds; tell whether it still ran."""
    time.sleep(seconds)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process, signal.SIGKILL)
    _, status = os.waitpid(process, 0)
    return os.WIFSIGNALED(status)


def new_home(name: str, number: int, faces: Path) -> Path:
    """Return a fresh folder for a job."""
    home = faces.parent / f"{name}-{number}"
    home.mkdir()
    jobs.link_faces(home, faces)
    return home


def unfinished(home: Path) -> list[str]:
    """Return what was left unfinished."""
    return [path.name for path in home.rglob(".*.unfinished-*")]


def check_kill(job: jobs.Job, home: Path, seconds: float, expected: dict[str, str]) -> bool:
    """Kill a job after some seconds, run it again, compare; tell whether the kill hit it.

    Raises
    ------
    AssertionError
        If something was lost, half-written, different or left behind.
    """
    hit = kill_after(start(job, home), seconds)
    for file, found in job.result(home).items():
        assert expected.get(file) == found, f"{file} is not as an undisturbed run writes it"
    wait(start(job, home), home)
    assert job.result(home) == expected, "the second run's result differs"
    assert not unfinished(home), f"left behind: {unfinished(home)}"
    return hit


def try_job(
    name: str, kills: int, seed: int, faces: Path, note: Callable[[dict], None] = lambda _: None
) -> dict[str, object]:
    """Kill one job again and again; note and return what happened."""
    job, chance = jobs.JOBS[name], random.Random(f"{seed}-{name}")
    home = new_home(name, 0, faces)
    whole = wait(start(job, home), home)
    expected = job.result(home)
    assert expected, "the undisturbed run made nothing"
    count = {"kills": 0, "survived": 0, "ended_before_the_kill": 0, "lost": []}
    count |= {"job": job.name, "seeds": [seed], "seconds_undisturbed": whole}
    number = 0
    while count["kills"] < kills:
        number += 1
        moment = chance.uniform(0, whole)
        try:
            home = new_home(name, number, faces)
            hit = check_kill(job, home, moment, expected)
        except (AssertionError, RuntimeError) as error:
            count["lost"].append(f"after {moment:.3f} s: {error}")
            hit = True
        else:
            shutil.rmtree(home)
        count["kills" if hit else "ended_before_the_kill"] += 1
        count["survived"] = count["kills"] - len(count["lost"])
        note(count)
    return count


def keep(results: Path, name: str, earlier: dict | None, count: dict) -> None:
    """Write what happened to a job so far, added to earlier runs with other seeds."""
    if earlier:
        names = ("kills", "survived", "ended_before_the_kill", "lost", "seeds")
        count = count | {key: earlier[key] + count[key] for key in names}
    found = read_json(results) if results.is_file() else {}
    write_json(results, found | {name: count})


def main(arguments: list[str] | None = None) -> int:
    """Kill the named jobs; return 1 if anything was lost."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("jobs", nargs="*", help=", ".join(jobs.JOBS))
    parser.add_argument("--kills", type=int, default=20, help="of each job")
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--more", action="store_true", help="add to the results of earlier runs")
    parser.add_argument("--results", type=Path, default=RESULTS / "kills.json")
    chosen = parser.parse_args(arguments)
    names = chosen.jobs or [name for name in jobs.JOBS if name != "report"]
    print(f"Random seed: {chosen.seed}", flush=True)
    for module in IMPORTS:
        importlib.import_module(module)
    before = read_json(chosen.results) if chosen.results.is_file() and chosen.more else {}
    lost = False
    with tempfile.TemporaryDirectory(prefix="kills-") as folder:
        faces = Path(folder) / "made"
        faces.mkdir()
        jobs.prepare(faces)
        for name in names:
            note = functools.partial(keep, chosen.results, name, before.get(name))
            count = try_job(name, chosen.kills, chosen.seed, faces, note)
            print(json.dumps(count), flush=True)
            lost = lost or bool(count["lost"])
    return int(lost)


if __name__ == "__main__":
    sys.exit(main())
