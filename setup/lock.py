"""Writes requirements.lock from environment.yml (`make lock`; needs the packages uv and PyYAML).

The pip section of environment.yml goes through `uv pip compile`, for every platform and for each
Python that environment.yml allows, with hashes and without the address of any index.
"""

import subprocess
import sys
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[1]


def pip_requirements(environment_file: Path) -> list[str]:
    """Return the pip section of a conda environment file, one requirement a string."""
    dependencies = yaml.safe_load(environment_file.read_text(encoding="utf-8"))["dependencies"]
    return next(entry["pip"] for entry in dependencies if isinstance(entry, dict))


def main() -> int:
    """Compile the lock; returns the exit status of uv."""
    command = [
        *(sys.executable, "-m", "uv", "pip", "compile", "-", "--universal"),
        *("--python-version", "3.11", "--generate-hashes", "--no-annotate", "--quiet"),
        *("--no-emit-index-url", "--no-emit-find-links", "--custom-compile-command", "make lock"),
        *("--output-file", str(ROOT / "requirements.lock")),
    ]
    requirements = "\n".join(pip_requirements(ROOT / "environment.yml"))
    return subprocess.run(command, input=requirements, text=True, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
