"""Run the benchmarks one after the other and write results.json, the figure and the tables.

    .venv/bin/python benchmarks/run.py all --peers .venv-peers/bin/python
    .venv/bin/python benchmarks/run.py head grid

They take about 45 minutes on two cores; nothing else should run meanwhile.
"""

import argparse
import os
import subprocess
import sys

from common import HERE

STEPS = ("engines", "recipe", "head", "grid", "growth", "widgets")
WITH_PEERS = ("engines", "recipe")


def main() -> None:
    """Run what is wanted; a script that fails leaves its earlier measurement."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("steps", nargs="+", choices=("all", *STEPS))
    parser.add_argument("--peers", default=sys.executable, help="interpreter that has the peers")
    parser.add_argument("--quick", action="store_true", help="tiny, to see that all of it runs")
    arguments = parser.parse_args()
    failed = []
    for step in STEPS if "all" in arguments.steps else arguments.steps:
        options = ["--quick"] * arguments.quick
        options += ["--peers", os.path.abspath(arguments.peers)] if step in WITH_PEERS else []
        script = [sys.executable, str(HERE / f"{step}.py"), *options]
        if subprocess.run(script, cwd=HERE, check=False).returncode:
            failed.append(step)
    if not arguments.quick:
        subprocess.run([sys.executable, str(HERE / "summary.py")], cwd=HERE, check=True)
    if failed:
        sys.exit(f"These did not run: {', '.join(failed)}.")


if __name__ == "__main__":
    main()
