"""CONTRIBUTING.md walks through the code by the names of functions; here somebody walks along."""

import importlib
import re
import sys
from pathlib import Path

import pytest
from emotions.settings import ROOT

TEXT = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
PACKAGE = ROOT / "notebooks" / "emotions"


def walk(heading: str) -> list[str]:
    """Return the functions that a section names, in its order, as `room.module.function`."""
    section = TEXT.split(f"## {heading}\n")[1].split("\n## ")[0]
    return re.findall(r"`((?:\w+\.)+\w+)`", re.sub(r"`tests/[^`]+`", "", section))


def code_of(name: str):
    """Return the code object of a function, or of a method, of the package."""
    parts = name.split(".")
    depth = next(n for n in range(len(parts), 0, -1) if module_file(parts[:n]).is_file())
    found = importlib.import_module("emotions." + ".".join(parts[:depth]))
    for part in parts[depth:]:
        found = getattr(found, part)
    return found.__code__


def module_file(parts: list[str]) -> Path:
    return PACKAGE.joinpath(*parts).with_suffix(".py")


@pytest.fixture(scope="module")
def passed(tiny_course, tmp_path_factory):
    """Return which functions a small training passes, each with its place in their order."""
    from emotions.course import opening
    from emotions.measuring import scores
    from emotions.training import fit, task

    begun = {}

    def look(frame, event, _):
        if event == "call":
            begun.setdefault(frame.f_code, len(begun))

    sys.setprofile(look)
    try:
        fresh = tmp_path_factory.mktemp("walk")  # pictures that are cached are not decoded again
        course = tiny_course(epochs=2, weights="random", data=fresh)
        backbone, policy = opening.open_backbone(course)
        made = task.prepare(course.settings, course.data, backbone, policy)
        fit.train(made)
        guess = scores.probabilities(made.model, made.test_inputs).argmax(axis=1)
        scores.class_report(made.test_labels, guess, made.classes)
        course.record("training", backbone)
    finally:
        sys.setprofile(None)
    return begun


@pytest.mark.parametrize("heading", ["A picture's way", "A parameter's way"])
def test_the_walk_passes_what_it_names_in_this_order(passed, heading):
    names = walk(heading)
    assert len(names) >= 6
    assert not [name for name in names if code_of(name) not in passed]
    places = [passed[code_of(name)] for name in names]
    assert places == sorted(places)


def test_files_that_it_names_are_there():
    for path in re.findall(r"`((?:tests|emotions|training)/[\w/]+\.py|emotions/\w+/)`", TEXT):
        homes = (ROOT, ROOT / "notebooks", PACKAGE)
        assert any((home / path).exists() for home in homes), path
