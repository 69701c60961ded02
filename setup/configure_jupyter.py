"""Registers the course's nbconvert settings in an environment, for JupyterLab's export too.

    python setup/configure_jupyter.py            (the environment of this Python)
    python setup/configure_jupyter.py .venv

nbconvert reads `etc/jupyter/` of the environment it is installed in, and nothing from the working
directory, so that a downloaded folder cannot run code. Afterwards a plain `jupyter nbconvert`, and
JupyterLab's *Save and Export Notebook As*, use notebooks/jupyter_nbconvert_config.py from every
folder. Needs nothing but the standard library.
"""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
NAME = "jupyter_nbconvert_config.py"
SERVER = "jupyter_server_config.py"


def configure(environment: Path, notebooks: Path = ROOT / "notebooks") -> Path:
    """Make nbconvert and JupyterLab in `environment` load the settings in the folder `notebooks`.

    Return the file that was written for nbconvert; the server's lies beside it. What else stands in
    them stays, before the course's lines.
    """
    folder = environment / "etc" / "jupyter"
    folder.mkdir(parents=True, exist_ok=True)
    begin = "# Written by setup/configure_jupyter.py of the emotions course.\n"
    text = (
        f"{begin}c = get_config()  # noqa: F821\n"
        f"load_subconfig({NAME!r}, path={str(notebooks)!r})  # noqa: F821\n"
    )
    for file in (folder / NAME, folder / SERVER):
        yours = file.read_text(encoding="utf-8").split(begin)[0] if file.is_file() else ""
        file.write_text(yours.rstrip() + "\n\n" * bool(yours.strip()) + text, encoding="utf-8")
    return folder / NAME


if __name__ == "__main__":
    configure(Path(sys.argv[1] if len(sys.argv) > 1 else sys.prefix))
