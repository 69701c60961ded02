"""Trains the classifier with your parameters (notebooks/04_training.ipynb), renews the report.

python notebooks/train.py -optim SGD -lr 0.003 -ep 100
python notebooks/train.py --help
"""

import argparse
import sys
from collections.abc import Sequence

from course import NOTEBOOKS, clear_endings, prepare, run_notebooks, seen_from_here
from emotions.settings import PREFIX, Settings, SettingsError, names, read_settings
from pages import REPORT

# Notebook 7 looks into the new classifier; the report is to show the new results.
TO_RUN = [NOTEBOOKS / f"{name}.ipynb" for name in ("04_training", "07_looking_inside", REPORT)]
# What the seed project calls them (github.com/Rutatu/cds-visual_Self_assigned_project).
SEED_FLAGS = {
    "train_data": "trd",
    "val_data": "vald",
    "optimizer": "optim",
    "learning_rate": "lr",
    "epochs": "ep",
}


def command_line(arguments: Sequence[str] | None = None) -> Settings:
    """Return the settings from a command line, with the seed's flags and long names.

    It ends after `--help`, and with one sentence for a value that cannot be used.
    """
    of_search = ", ".join(PREFIX + name.upper() for name in names("search"))
    parser = argparse.ArgumentParser(
        description="Train the emotion classifier by running notebooks/04_training.ipynb.",
        epilog=f"Every parameter can also be an environment variable, as {PREFIX}EPOCHS=10. The "
        f"grid search's are environment variables only: {of_search}.",
        argument_default=argparse.SUPPRESS,
        allow_abbrev=False,
    )
    for name in names("training", "given", "place"):  # those of a search are notebook 05's
        field = Settings.model_fields[name]
        flags = [f"--{name}"] + ([f"-{SEED_FLAGS[name]}"] if name in SEED_FLAGS else [])
        text = f"{field.description} (default: {field.default})".replace("%", "%%")
        parser.add_argument(*flags, dest=name, help=text, metavar=name.upper())
    try:
        return read_settings(**vars(parser.parse_args(arguments)))
    except SettingsError as error:
        parser.exit(2, f"{error}\n")


def main(arguments: Sequence[str] | None = None) -> None:
    """Train with the parameters of the command line and say where the results are."""
    settings = command_line(arguments)
    with clear_endings():
        course = prepare(settings)
        written = run_notebooks(TO_RUN, course)
    print("Written:")
    for file in written:
        print(f"  {seen_from_here(file)}")


if __name__ == "__main__":
    main(sys.argv[1:])
