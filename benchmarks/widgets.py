"""How soon the widgets answer, in a real JupyterLab and browser, with the course's data.

    .venv/bin/python benchmarks/widgets.py

Runs the browser tests that move every control, on the drawn faces and, if it is in `data`, on
FER-2013. The features of that should be cached: run the notebooks on it once before.
"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from common import ROOT, write

TESTS = "browsed or feature_maps or can_be_explored"
MARK = "slowest answer of "


def answers(folders: dict[str, Path]) -> dict[str, float]:
    """Return the seconds of the slowest answer of each widget, on the data in some folders."""
    with tempfile.TemporaryDirectory() as pictures:
        own = {f"EMOTIONS_{name}": str(folder) for name, folder in folders.items()}
        environment = os.environ | {
            "COURSE_REQUIRE_BROWSER": "1",
            "COURSE_SCREENSHOTS": pictures,
            "COURSE_BROWSER_SETTINGS": json.dumps(own | {"EMOTIONS_PRECISION": "auto"}),
        }
        tests = ["tests/notebooks/test_browser.py", "-n0", "-q", "-k", TESTS]
        command = [sys.executable, "-m", "pytest", *tests]
        subprocess.run(command, env=environment, cwd=ROOT, check=True)
        times = json.loads((Path(pictures) / "times.json").read_text())
    return {name.split(", ")[1]: took for name, took in times.items() if name.startswith(MARK)}


def main() -> None:
    """Measure and write `measured/widgets.json`."""
    found = {"drawn faces": answers({})}
    write("widgets", {"seconds": found})
    from emotions.course import opening
    from emotions.settings import read_settings

    settings = read_settings()
    train, test = opening.find_folders(settings)
    if opening.load_data(settings).name == "fer2013":
        found["FER-2013"] = answers({"TRAIN_DATA": train, "VAL_DATA": test, "DATA": settings.data})
        write("widgets", {"seconds": found})


if __name__ == "__main__":
    main()
