"""Which module may import which, and how long a module may be."""

import ast
import json
import re
from pathlib import Path

import pytest
from emotions.settings import ROOT

PACKAGE = ROOT / "notebooks" / "emotions"
# From the bottom to the top: a module may import from its own room and from those before it.
ROOMS = ("root", "data", "network", "training", "measuring", "showing", "course")
EXERCISES = "exercises"
LONGEST = 400  # lines


def name_of(file: Path) -> str:
    """Return the dotted name of a module inside the package, such as "data.faces"."""
    parts = file.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {name_of(file): file for file in sorted(PACKAGE.rglob("*.py"))}


def imported(code: str) -> set[str]:
    """Return which modules of the package a module's code imports, wherever in it that stands."""
    found = set()
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, "name the package: the rooms are read from whole names"
            # `from emotions.data import faces` is the module, `... import EXPRESSIONS` is not
            inner = {f"{node.module}.{alias.name}" for alias in node.names}
            modules = {name for name in inner if name.removeprefix("emotions.") in MODULES}
            found |= modules or {node.module}
    return {name.removeprefix("emotions.") for name in found if name.startswith("emotions.")}


def room_of(module: str) -> str:
    """Return the room of a module; those beside the rooms are the root."""
    room = module.split(".")[0]
    return room if (PACKAGE / room).is_dir() else "root"


ARROWS = {
    (name, other)
    for name, file in MODULES.items()
    for other in imported(file.read_text(encoding="utf-8"))
}


@pytest.mark.parametrize(
    ("line", "modules"),
    [
        ("from emotions.data import faces, folders", {"data.faces", "data.folders"}),
        ("from emotions.data.faces import load_faces", {"data.faces"}),
        ("def later():\n    import emotions.data.faces", {"data.faces"}),
        ("from emotions.data.drawn import EXPRESSIONS", {"data.drawn"}),
        ("import numpy", set()),
    ],
)
def test_imports_are_found(line, modules):
    assert imported(line) == modules


def test_every_room_has_a_place_in_the_order():
    assert {room_of(name) for name in MODULES if name} == {*ROOMS, EXERCISES}


def test_imports_go_one_way():
    against = {
        (name, other)
        for name, other in ARROWS
        if EXERCISES not in (room_of(name), room_of(other))
        and ROOMS.index(room_of(name)) < ROOMS.index(room_of(other))
    }
    assert not against


def test_a_check_needs_only_what_a_student_sees():
    seen = set()
    for file in (ROOT / "notebooks").glob("0*.ipynb"):
        for cell in json.loads(file.read_text(encoding="utf-8"))["cells"]:
            code = "".join(cell["source"])
            lines = re.findall(r"^(?:from|import) emotions[^\n(]*(?:\([^)]*\))?", code, re.M)
            seen |= {module for line in lines for module in imported(line)}
    hidden = {
        (name, other)
        for name, other in ARROWS
        if room_of(name) == EXERCISES and room_of(other) != EXERCISES and other not in seen
    }
    assert hidden == set()


def test_the_package_knows_nothing_of_the_exercises():
    into = {(name, other) for name, other in ARROWS if room_of(other) == EXERCISES}
    assert {arrow for arrow in into if room_of(arrow[0]) != EXERCISES} == set()


def test_no_module_is_too_long():
    lines = {name: len(file.read_text("utf-8").splitlines()) for name, file in MODULES.items()}
    assert {name for name, count in lines.items() if count > LONGEST} == set()


@pytest.mark.parametrize("room", [*ROOMS[1:], EXERCISES])
def test_each_room_says_what_it_is_for(room):
    """In a few lines at its door."""
    words = ast.get_docstring(ast.parse((PACKAGE / room / "__init__.py").read_text("utf-8")))
    assert words and len(words.splitlines()) <= 8
