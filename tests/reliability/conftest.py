"""Brings what the jobs of this folder work on."""

from pathlib import Path

import jobs
import pytest


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with drawn faces, as folders and as an archive."""
    folder = tmp_path_factory.mktemp("made")
    jobs.prepare(folder)
    return folder


@pytest.fixture
def home(made: Path, tmp_path: Path) -> Path:
    """Return a folder for a job, with the faces in it."""
    folder = tmp_path / "home"
    folder.mkdir()
    jobs.link_faces(folder, made)
    return folder
