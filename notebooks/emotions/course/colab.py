"""Google Colab: installs what it lacks; everywhere else this does nothing."""

import importlib.metadata
import subprocess
import sys
from pathlib import Path

import yaml
from packaging.requirements import Requirement

# not from the settings, whose packages are among those to install
ENVIRONMENT = Path(__file__).resolve().parents[3] / "environment.yml"
# Colab's own, and what only the tests need.
NOT_THERE = {
    *("jupyterlab", "jupyter_client", "ipykernel"),
    *("pytest", "pytest-xdist", "hypothesis", "playwright", "scikit-image", "ruff"),
}


def missing() -> dict[str, str]:
    """Return which packages of `environment.yml` are not here, or in which other version."""
    content = yaml.safe_load(ENVIRONMENT.read_text(encoding="utf-8"))
    found = {}
    for needed in map(Requirement, content["dependencies"][-1]["pip"]):
        if needed.name not in NOT_THERE:
            version = installed(needed.name)
            if version == "missing" or version not in needed.specifier:
                found[str(needed)] = version
    return found


def installed(name: str) -> str:
    """Return the version of a package, or "missing"."""
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return "missing"


def set_up() -> None:
    """Install on Colab what is missing and let it show widgets; say what to do next.

    If pip cannot install it, it is a RuntimeError; pip's own words stand above.
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
