"""Trains the emotion classifier with your parameters by running notebooks/04_training.ipynb.

python notebooks/train.py -optim SGD -lr 0.003 -ep 100
python notebooks/train.py --help
"""

import sys
from collections.abc import Sequence

from course import NOTEBOOKS, clear_endings, prepare, run_notebooks, seen_from_here
from emotions.settings import command_line

NOTEBOOK = NOTEBOOKS / "04_training.ipynb"


def main(arguments: Sequence[str] | None = None) -> None:
    """Train with the parameters of the command line and say where the results are."""
    settings = command_line(arguments)
    with clear_endings():
        course = prepare(settings)
        written = run_notebooks([NOTEBOOK], course)
    print("Written:")
    for file in written:
        print(f"  {seen_from_here(file)}")


if __name__ == "__main__":
    main(sys.argv[1:])
