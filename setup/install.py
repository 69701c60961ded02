"""Makes the virtual environment and installs the locked packages into it.

    python setup/install.py .venv requirements.lock

Needs nothing but Python's standard library, so that it runs on a fresh machine.
"""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from pathlib import Path

from configure_jupyter import configure

OLDEST, NEWEST = (3, 11), (3, 13)


def complain_about_python(version: tuple[int, int], machine: str = "") -> str | None:
    """Return one sentence with the mend if TensorFlow has no wheel for a computer, else None.

    `machine` is what `platform` calls it, such as "Darwin x86_64".
    """
    if machine == "Darwin x86_64":
        return (
            "TensorFlow comes no longer for Macs with Intel's processors: run the course on Colab "
            "or Binder (README.md), or in a container of Linux."
        )
    if OLDEST <= version <= NEWEST:
        return None
    return (
        f"This is Python {version[0]}.{version[1]}, but TensorFlow 2.21 needs Python 3.11, 3.12 "
        "or 3.13: install one of them and say `make PYTHON=python3.12 ...` (on Windows "
        "`py -3.12 setup/install.py .venv requirements.lock`)."
    )


def environment_python(folder: Path) -> Path:
    """Return the path of the interpreter inside a virtual environment."""
    return folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def make_environment(folder: Path) -> None:
    """Make a virtual environment with pip in it, over a broken one too."""
    made = subprocess.run(
        [sys.executable, "-m", "venv", "--clear", str(folder)],
        check=False,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    if made.returncode == 0:
        return
    said = made.stdout.strip()
    mend = f"{said.splitlines()[-1]}: mend that" if said else "it does not say why"
    if "ensurepip" in said or "No module named venv" in said:
        version = f"{sys.version_info.major}.{sys.version_info.minor}"
        package = f"`apt install python{version}-venv`"
        mend = f"on Debian and Ubuntu install its venv part with {package}"
    sys.exit(
        f"Python could not make the environment {folder}: {mend}, then call the same command again."
    )


def install(folder: Path, lock: Path) -> None:
    """Install the exact versions of `lock`, checked by their hashes."""
    print(f"Setting up {folder} from {lock} (once; about 700 MB to download) ...", flush=True)
    command = [str(environment_python(folder)), "-m", "pip", "install", "--quiet"]
    command += ["--no-user", "--disable-pip-version-check"]  # whatever pip's own settings say
    command += ["--require-hashes", "--requirement", str(lock)]
    if subprocess.run(command, check=False).returncode != 0:
        sys.exit(
            f"The packages of {lock} could not be installed: see pip's message above, check the "
            "network and the free disk space (3 GB), then call the same command again."
        )


def main(folder: Path, lock: Path) -> None:
    """Set up the environment `folder` from `lock`."""
    complaint = complain_about_python(
        sys.version_info[:2], f"{platform.system()} {platform.machine()}"
    )
    if complaint:
        sys.exit(complaint)
    make_environment(folder)
    install(folder, lock)
    configure(folder)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
