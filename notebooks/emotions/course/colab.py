"""Google Colab: installs what it lacks; everywhere else this does nothing."""

import importlib.metadata
import subprocess
import sys

import yaml
from packaging.requirements import Requirement

from emotions.settings import ROOT

# Colab's own, and what only the tests need.
NOT_THERE = {
    *("jupyterlab", "ipykernel", "pytest", "pytest-xdist", "hypothesis", "playwright"),
    *("scikit-image", "ruff"),
}


def missing() -> list[str]:
    """Return the packages of `environment.yml` that are not here, or in another version."""
    content = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))
    needed = map(Requirement, content["dependencies"][-1]["pip"])
    return [str(one) for one in needed if one.name not in NOT_THERE and not _fits(one)]


def _fits(needed: Requirement) -> bool:
    try:
        return importlib.metadata.version(needed.name) in needed.specifier
    except importlib.metadata.PackageNotFoundError:
        return False


def set_up() -> None:
    """Install on Colab what is missing and let it show widgets; say what to do next.

    Raises
    ------
    RuntimeError
        If pip cannot install it; its own words stand above.
    """
    if "google.colab" not in sys.modules:
        return
    from google.colab import output

    output.enable_custom_widget_manager()
    needed = missing()
    if not needed:
        print("Colab has all that the course needs.")
        return
    print("Installing on Colab, for some minutes: " + ", ".join(needed), flush=True)
    command = [sys.executable, "-m", "pip", "install", "--quiet", *needed]
    if subprocess.run(command, check=False).returncode:
        raise RuntimeError(
            "Colab could not install the packages: see pip's words above, then run this cell again."
        )
    print("Done. Now choose Runtime > Restart session, then run this cell again.")
