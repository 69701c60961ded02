"""Takes away what runs of the course made; never what you brought.

    python setup/clean.py                 caches, drawn faces, kept runs, outputs
    python setup/clean.py --everything    also the environment and what the course downloaded

The reference results of FER-2013, which are part of the repository, stay. Needs nothing but
Python's standard library.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
CACHES = {"__pycache__", ".pytest_cache", ".ruff_cache", ".hypothesis", ".ipynb_checkpoints"}
FOREIGN = {".git", ".venv", "data", "output"}  # of the root, they hold no such caches of ours
# what .gitignore keeps of output/fer2013
REFERENCE = (".csv", ".json", ".png")
REFERENCE_FILES = ("report.html", "classifier.safetensors", "MODEL_CARD.md")
WEIGHTS_FILE = "rcmalli_vggface_tf_notop_vgg16.h5"


def made_by_runs(root: Path) -> Iterator[Path]:
    """Give what any run can make again, if it is there: caches, drawn faces, results, leftovers."""
    data = root / "data"
    yield from (data / name for name in ("cache", "drawn_faces", "runs"))
    yield from sorted(data.glob(".*.unfinished*"))
    yield from sorted((data / "weights").glob(".*.unfinished*"))
    yield from results(root / "output")
    yield from tool_caches(root)


def results(output: Path) -> Iterator[Path]:
    """Give what lies in the output folder, without its README and the reference results."""
    for path in sorted(output.iterdir()) if output.is_dir() else ():
        if path.name == "fer2013" and not path.is_symlink():
            yield from (part for part in sorted(path.iterdir()) if not is_reference(part))
        elif path.name != "README.md":
            yield path


def is_reference(path: Path) -> bool:
    """Tell whether a file in output/fer2013 is part of the repository."""
    hidden = path.name.startswith(".")
    return not hidden and (path.suffix in REFERENCE or path.name in REFERENCE_FILES)


def tool_caches(root: Path) -> Iterator[Path]:
    """Give the caches that Python, pytest, ruff and Jupyter left in the repository."""
    for place, folders, _ in os.walk(root):
        here = Path(place)
        skipped = CACHES | (FOREIGN if here == root else set())
        yield from (here / name for name in sorted(CACHES.intersection(folders)))
        # another environment inside the repository is not ours either
        folders[:] = [
            name
            for name in folders
            if name not in skipped and not (here / name / "pyvenv.cfg").is_file()
        ]


def set_up(root: Path) -> Iterator[Path]:
    """Give the environment, and the data and weights that the course itself fetched or made."""
    weights, faces = root / "data" / "weights", root / "data" / "Face_emotions"
    yield root / ".venv"
    if (weights / ".downloaded").is_file():
        # the file and its marker alone: other weights in this folder are yours
        yield from (weights / name for name in (WEIGHTS_FILE, ".downloaded"))
    if can_be_made_again(faces):
        yield faces


def can_be_made_again(faces: Path) -> bool:
    """Tell whether the course made this folder from a file that still lies beside it."""
    marker = faces / ".made_by_course"
    if faces.is_symlink() or not marker.is_file():
        return False
    source = marker.read_text(encoding="utf-8").strip()
    return source == Path(source).name and (faces.parent / source).is_file()


def size(path: Path) -> int:
    """Return the bytes of a file, or of all files below a folder; links count nothing."""
    if path.is_symlink():
        return 0
    if path.is_file():
        return path.stat().st_size
    files = (Path(place) / name for place, _, names in os.walk(path) for name in names)
    return sum(file.stat().st_size for file in files if not file.is_symlink())


def remove(path: Path, root: Path) -> None:
    """Remove a file, a link or a folder, and print its name and size."""
    print(f"{size(path) / 1e6:10.1f} MB  {path.relative_to(root).as_posix()}")
    if path.is_symlink() or path.is_file():
        path.unlink()
    else:
        (path / ".ready").unlink(missing_ok=True)  # half an environment is none
        shutil.rmtree(path)


def clean(root: Path, everything: bool = False) -> None:
    """Take away what runs made below `root`; with `everything` also the environment."""
    found = [*made_by_runs(root), *(set_up(root) if everything else ())]
    chosen = [path for path in found if path.exists() or path.is_symlink()]
    for path in chosen:
        remove(path, root)
    weights = root / "data" / "weights"
    if everything and weights.is_dir() and not any(weights.iterdir()):
        weights.rmdir()
    if not chosen:
        print("Nothing to take away.")


def main() -> None:
    """Read the command line and clean the repository."""
    parser = argparse.ArgumentParser(description="Take away what runs of the course made.")
    parser.add_argument(
        "--everything",
        action="store_true",
        help="also the environment .venv, downloaded weights and faces unpacked by the course",
    )
    parser.add_argument("--root", type=Path, default=ROOT, help="the repository")
    arguments = parser.parse_args()
    try:
        clean(arguments.root.resolve(), arguments.everything)
    except OSError as error:
        sys.exit(
            f"{error.filename} cannot be taken away ({error.strerror}): close what uses it, or "
            "have its owner remove it, then call the same command again."
        )


if __name__ == "__main__":
    main()
