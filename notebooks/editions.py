"""The two editions of the course: one source, two views of it.

A notebook has each exercise as cells with a tag: `task`, then `solution` (folded), `exercise` (what
the student fills in) and `check`. The student's edition leaves out `solution`, the teacher's leaves
out `exercise`, so that each check meets one answer.
"""

import shutil
from pathlib import Path

import nbformat
from emotions.files import replacing
from nbconvert.preprocessors import TagRemovePreprocessor

LEFT_OUT = {"student": "solution", "teacher": "exercise"}


def edition(notebook: nbformat.NotebookNode, name: str) -> nbformat.NotebookNode:
    """Return the student's or the teacher's view of a notebook, without outputs.

    Raises
    ------
    KeyError
        For the name of another edition.
    """
    remover = TagRemovePreprocessor(enabled=True, remove_cell_tags={LEFT_OUT[name]})
    view, _ = remover.preprocess(nbformat.from_dict(notebook), {})
    for cell in view.cells:
        cell.metadata.pop("jupyter", None)  # a solution that is there is not folded
        if "solution" in cell.metadata.get("tags", []):
            cell.metadata.tags = ["answer"]  # or reports made of this edition would leave it out
    return view


def write(notebooks: list[Path], folder: Path) -> list[Path]:
    """Write both editions of some notebooks to a folder each.

    Parameters
    ----------
    notebooks
        The sources.
    folder
        Gets the folders `student` and `teacher`; what an earlier run left there is taken away.

    Returns
    -------
    list of Path
        The two folders.
    """
    for name in LEFT_OUT:
        shutil.rmtree(folder / name, ignore_errors=True)
        for notebook in notebooks:
            view = edition(nbformat.read(notebook, as_version=4), name)
            with replacing(folder / name / notebook.name) as temporary:
                temporary.write_text(nbformat.writes(view), encoding="utf-8", newline="\n")
    return [folder / name for name in LEFT_OUT]
