"""Trains the emotion classifier with your parameters by running notebooks/04_training.ipynb.

python notebooks/train.py -optim SGD -lr 0.003 -ep 100
python notebooks/train.py --help
"""

import sys
import time
from collections.abc import Sequence
from pathlib import Path

from course import NOTEBOOKS, clear_endings, prepare, run_notebooks, seen_from_here
from emotions.settings import command_line

NOTEBOOK = NOTEBOOKS / "04_training.ipynb"


def written_since(folder: Path, moment: float) -> list[Path]:
    """Return the files in a folder and below it that were written after a moment."""
    files = [path for path in folder.rglob("[!.]*") if path.is_file()]
    return sorted(path for path in files if path.stat().st_mtime >= moment)


def main(arguments: Sequence[str] | None = None) -> None:
    """Train with the parameters of the command line and say where the results are."""
    settings = command_line(arguments)
    with clear_endings():
        course = prepare(settings)
        moment = time.time() - 1  # some file systems count whole seconds
        run_notebooks([NOTEBOOK], course)
    print("Written:")
    for file in written_since(course.folder, moment):
        print(f"  {seen_from_here(file)}")


if __name__ == "__main__":
    main(sys.argv[1:])
