"""Writes tests/RELIABILITY.md from what the other scripts of this folder found.

    .venv/bin/python tests/reliability/page.py

Reads output/reliability/*.json, and tries every kind of bad data in tests/bad_data.py anew.
"""

import os
import sys
import tempfile
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "notebooks"), str(ROOT / "tests")]
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import bad_data  # noqa: E402
from emotions.files import read_json, replacing  # noqa: E402
from emotions.measuring.runs import processor  # noqa: E402

PAGE = ROOT / "tests" / "RELIABILITY.md"
RESULTS = ROOT / "output" / "reliability"
NOT_MEASURED = "Not measured yet.\n"
HEAD = """# What was tried, and what was lost

Written by `tests/reliability/page.py` from the runs of the scripts beside it, on {processor}, other
work running there at the same time. No result here is typed by hand.

"""
AGAIN = """## To do it again

| what | command | about |
|---|---|---|
| kills of each job | `.venv/bin/python tests/reliability/kills.py --kills 50` | 1 h |
| of the whole course | `.venv/bin/python tests/reliability/kills.py --kills 9 report` | 2 h |
| the same answer | `.venv/bin/python tests/reliability/same_answer.py` | 6 min |
| long runs | `.venv/bin/python tests/reliability/long_runs.py` | 15 min |
| more fuzzing | `FUZZ_EXAMPLES=3000 PYTEST tests/reliability/test_fuzzing.py` | 6 min |
| disk, network | `COURSE_LONG_TESTS=1 PYTEST tests/reliability/test_faults.py` | 3 min |
| this page | `.venv/bin/python tests/reliability/page.py` | 20 s |

A sample of each is part of `make test`.

Known vulnerabilities of the locked packages: `pip-audit -r requirements.lock --disable-pip` asks a
database on the network; pip-audit is no part of this environment, and the database was not asked
for this page. What stands in for it until somebody asks: every package is locked to one version
with its hashes, and pip refuses any other file.
""".replace("PYTEST", ".venv/bin/python -m pytest")


def table(head: list[str], rows: list[list[object]]) -> str:
    """Return a Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(map(cell, line))} |\n" for line in lines)


def cell(value: object) -> str:
    """Return a value as the text of a cell."""
    return str(value).replace("|", "\\|").replace("<", "&lt;").replace("\n", " ")


def kept(name: str) -> dict | None:
    """Return what a script found, None if it has not run."""
    file = RESULTS / f"{name}.json"
    return read_json(file) if file.is_file() else None


def kills() -> str:
    """Return what happened to killed jobs."""
    found = kept("kills")
    text = (
        "## Kills\n\nSIGKILL at a random moment, to the job and all its children. Then nothing may "
        "be half-written, and the same job, run again in the same folder, must end with the result "
        "of an undisturbed run, byte by byte, and leave nothing unfinished behind. Each run but "
        "the whole course is a fork of a process that has imported TensorFlow already.\n\n"
    )
    if not found:
        return text + NOT_MEASURED
    rows = [
        [one["job"], one["kills"], one["survived"], len(one["lost"]),
         ", ".join(map(str, one["seeds"])), f"{one['seconds_undisturbed']:.1f}"]
        for one in found.values()
    ]  # fmt: skip
    total = [sum(row[column] for row in rows) for column in (1, 2, 3)]
    head = ["job", "kills", "survived", "lost", "random seeds", "seconds undisturbed"]
    return text + table(head, [*rows, ["**all**", *total, "", ""]])


def same_answer() -> str:
    """Return which results are equal to the last digit."""
    found = kept("same_answer")
    text = (
        "## The same answer\n\nTwenty epochs on 280 drawn faces with dropout, each training a "
        "process of its own, float32 and `EMOTIONS_DETERMINISTIC=true`. Equal means all weights, "
        "losses and probabilities, to the last digit. Another kind of processor may differ in the "
        "last digits; `tests/reliability/test_reliability.py` bounds that.\n\n"
    )
    if not found:
        return text + NOT_MEASURED
    names = list(next(iter(found.values()))["equal"])
    rows = [[name, *("equal" if f["equal"][name] else "DIFFERENT" for f in found.values())]
            for name in names]  # fmt: skip
    rows += [
        ["seconds of training, deterministic", *(f["seconds"] for f in found.values())],
        ["seconds of training, free", *(f["without_determinism"]["seconds"]
                                        for f in found.values())],
        ["bfloat16: largest difference of a validation loss",
         *(f"{f['bfloat16']['loss']:.4f}" for f in found.values())],
        ["bfloat16: mean difference of a probability",
         *(f"{f['bfloat16']['probability']:.4f}" for f in found.values())],
        ["test accuracy, float32 / bfloat16", *(
            f"{f['accuracy_test']:.1%} / {f['bfloat16']['accuracy_test']:.1%}"
            for f in found.values())],
    ]  # fmt: skip
    return text + table(["circumstance", *(f"training {part}" for part in found)], rows)


def long_runs() -> str:
    """Return what a process held after many trainings."""
    found = kept("long_runs")
    text = "## Long runs\n\nWhat one process holds after so many trainings, or runs of notebook 04."
    if not found:
        return text + "\n\n" + NOT_MEASURED
    parts = []
    for name, one in found.items():
        head = list(one["held"][0])
        parts.append(f"\n\n{name.capitalize()}:\n\n")
        parts.append(table([h.replace("_", " ") for h in head],
                           [[seen[h] for h in head] for seen in one["held"]]))  # fmt: skip
        first, last = one["held"][min(1, len(one["held"]) - 1)], one["held"][-1]
        unit = head[0]
        rounds = last[unit] - first[unit]
        if rounds:
            each = (last["memory_mb"] - first["memory_mb"]) / rounds
            parts.append(
                f"\nAfter the second, memory grows by {each:.1f} MB with each of the {unit}.\n"
            )
    return text + "".join(parts)


def kinds() -> str:
    """Try every kind of bad data; return what each got."""
    rows, outcomes = [], Counter()
    for number, one in enumerate(bad_data.KINDS):
        with tempfile.TemporaryDirectory() as home:
            place = Path(home) / str(number)
            place.mkdir()
            said = bad_data.outcome(one, place)
        outcome = "handled" if one.refused is None else "refused"
        outcomes[outcome] += 1
        rows.append([one.group, one.name, outcome, said if len(said) < 220 else said[:217] + "..."])
    text = (
        f"## Bad data\n\n{len(rows)} kinds: {outcomes['handled']} handled, {outcomes['refused']} "
        "refused in one sentence. Beside these, hypothesis damages archives, tables, images, "
        "lists, caches, checkpoints and settings at random "
        "(`tests/reliability/test_fuzzing.py`).\n\n"
    )
    return text + table(["of", "kind", "outcome", "what is said"], rows)


def main() -> None:
    """Write the page."""
    parts = [kills(), same_answer(), long_runs(), AGAIN, kinds()]
    with replacing(PAGE) as temporary:
        text = HEAD.format(processor=processor()) + "\n".join(parts)
        temporary.write_text(text, encoding="utf-8", newline="\n")
    print(f"Written: {PAGE.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
