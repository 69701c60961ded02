"""The two editions of the course: one source, two views of it.

A notebook has each exercise as cells with a tag: `task`, then `solution` (folded), `exercise` (what
the student fills in) and `check`. The student's edition leaves out `solution`, the teacher's leaves
out `exercise`, so that each check meets one answer. A zip of an edition has all that it needs.
"""

import shutil
import zipfile
from collections.abc import Iterator
from pathlib import Path

import nbformat
from emotions.files import replacing, write_text
from emotions.settings import ROOT
from nbconvert.preprocessors import ClearOutputPreprocessor, TagRemovePreprocessor

LEFT_OUT = {"student": "solution", "teacher": "exercise"}
README = Path(__file__).resolve().parent / "templates" / "edition.md"
ABOUT = {
    "student": "This is the student's edition: the exercises are open.",
    "teacher": "This is the teacher's edition: each exercise is answered. "
    "[notebooks/README.md](notebooks/README.md) is the teacher's guide.",
}
PACKED = (  # beside the notebooks: what they, the two commands and the shipped classifier need
    *("LICENSE", "CITATION.cff", "Makefile", "environment.yml", "postBuild", "pyproject.toml"),
    *(".gitignore", "requirements.lock", "data/README.md", "output/README.md", "setup/*.py"),
    *("notebooks/*.py", "notebooks/emotions/**/*", "notebooks/templates/**/*"),
    *("output/fer2013/*.json", "output/fer2013/*.csv", "output/fer2013/*.md"),
    "output/fer2013/classifier.safetensors",
)


def edition(notebook: nbformat.NotebookNode, name: str) -> nbformat.NotebookNode:
    """Return a notebook's view of `student` or `teacher`, else a KeyError; it has no outputs."""
    remover = TagRemovePreprocessor(enabled=True, remove_cell_tags={LEFT_OUT[name]})
    view, _ = remover.preprocess(nbformat.from_dict(notebook), {})
    view, _ = ClearOutputPreprocessor().preprocess(view, {})  # faces, paths, the teacher's answers
    view.metadata.pop("widgets", None)
    for cell in view.cells:
        cell.metadata.pop("jupyter", None)  # a solution that is there is not folded
        if "solution" in cell.metadata.get("tags", []):
            cell.metadata.tags = ["answer"]  # or reports made of this edition would leave it out
    return view


def write(notebooks: list[Path], folder: Path) -> list[Path]:
    """Write both editions of some notebooks to the folders `student` and `teacher`; return these.

    What an earlier run left there is taken away.
    """
    for name in LEFT_OUT:
        shutil.rmtree(folder / name, ignore_errors=True)
        for notebook in notebooks:
            view = edition(nbformat.read(notebook, as_version=4), name)
            write_text(folder / name / notebook.name, nbformat.writes(view))
    return [folder / name for name in LEFT_OUT]


def pack(edition: Path) -> Path:
    """Write an edition's notebooks and all that they need as a zip beside their folder; return it.

    The same course gives the same bytes.
    """
    packed = edition.with_suffix(".zip")
    with (
        replacing(packed) as temporary,
        zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED) as archive,
    ):
        for name, content in sorted(contents(edition)):
            entry = zipfile.ZipInfo(f"emotions_{edition.name}/{name}")  # dated 1980, always
            entry.compress_type, entry.external_attr = zipfile.ZIP_DEFLATED, 0o644 << 16
            archive.writestr(entry, content)
    return packed


def contents(edition: Path) -> Iterator[tuple[str, bytes]]:
    """Yield the name and the content of each file of an edition's zip."""
    readme = README.read_text(encoding="utf-8").format(about=ABOUT[edition.name])
    yield "README.md", readme.encode()
    for notebook in edition.glob("*.ipynb"):
        yield f"notebooks/{notebook.name}", notebook.read_bytes()
    patterns = (*PACKED, "notebooks/README.md") if edition.name == "teacher" else PACKED
    for file in (file for pattern in patterns for file in ROOT.glob(pattern)):
        name = file.relative_to(ROOT)
        unwanted = any(part.startswith((".", "__pycache__")) for part in name.parts)
        if file.is_file() and (not unwanted or name.as_posix() == ".gitignore"):
            yield name.as_posix(), file.read_bytes()
