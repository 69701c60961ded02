"""Puts the course's package on the path, as Jupyter does for the notebooks, and brings data."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "notebooks"))
sys.path.append(str(ROOT / "setup"))  # its scripts import each other, as when they are called
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

# Your own parameters must not change what the tests see, not even while fixtures are made.
for _name in [name for name in os.environ if name.upper().startswith("EMOTIONS_")]:
    del os.environ[_name]


# The longest files, from six minutes to twenty seconds. A file is one piece of work for a worker:
# who begins with the longest ends with short ones, and no worker waits long for the other.
LONGEST = (
    *("test_notebooks", "test_browser", "test_other_data", "test_reliability", "test_engines"),
    *("test_measuring", "test_learning", "test_origin", "test_course", "test_cluster", "test_fit"),
    *("test_backbone", "test_slim", "test_two_runs", "test_widgets", "test_copies"),
    "test_editions",
)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the longest files."""
    places = {name: place for place, name in enumerate(LONGEST)}
    items.sort(key=lambda item: places.get(item.path.stem, len(places)))  # in a file they stay


@pytest.fixture(scope="session")
def tracked() -> list[str]:
    """Return the names of the committed files; skip where this is no checkout, or no git is."""
    if shutil.which("git") is None or not (ROOT / ".git").exists():
        pytest.skip("this is no git checkout, so nothing is committed")
    listed = ["git", "-c", "core.quotePath=off", "ls-files"]
    listed = subprocess.run(listed, cwd=ROOT, capture_output=True, text=True, check=True)
    return listed.stdout.splitlines()


@pytest.fixture(scope="session")
def fer2013_archive() -> Path:
    """Return the genuine archive of FER-2013; skip without it, unless it is required to be there.

    COURSE_FER2013_ARCHIVE names it; with COURSE_REQUIRE_FER2013=1 its absence is a failure.
    """
    usual = ROOT.parent / "shared" / "fer2013" / "archive.zip"
    archive = Path(os.environ.get("COURSE_FER2013_ARCHIVE", usual))
    if not archive.is_file():
        reason = f"the FER-2013 archive is not at {archive} (COURSE_FER2013_ARCHIVE names it)"
        if os.environ.get("COURSE_REQUIRE_FER2013") == "1":
            pytest.fail(reason)
        pytest.skip(reason)
    return archive


@pytest.fixture(scope="session")
def fer2013_folder(fer2013_archive: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the archive's content, unpacked once: a folder with train and test."""
    from emotions.data.sources import unpack_archive
    from emotions.files import alone

    folder = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        folder = folder.parent  # of all workers of this run
    folder = folder / "fer2013" / "faces"
    with alone(folder):
        if not folder.is_dir():
            unpack_archive(fer2013_archive, folder)
    return folder


@pytest.fixture(scope="session")
def fer2013(fer2013_folder: Path):
    """Return the genuine FER-2013, loaded; its cache is beside the folder."""
    from emotions.data.faces import load_faces
    from emotions.files import alone

    train, test = fer2013_folder / "train", fer2013_folder / "test"
    with alone(fer2013_folder):
        return load_faces(train, test, fer2013_folder.parent / "cache")


@pytest.fixture(scope="session")
def tiny_faces(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a small drawn data set: a folder with train (140 images) and test (70)."""
    from emotions.data.drawn import draw_data_set

    folder = tmp_path_factory.mktemp("tiny") / "faces"
    draw_data_set(folder, train=140, test=70)
    return folder


@pytest.fixture(scope="session")
def tiny_course(tiny_faces: Path, tmp_path_factory: pytest.TempPathFactory):
    """Return a function that opens the course on the small drawn data set with some settings."""
    from emotions.course import opening

    home = tmp_path_factory.mktemp("home")

    def opened(**changes):
        places = {"data": home / "data", "output": home / "output"}
        return opening.open_course(
            train_data=tiny_faces / "train", val_data=tiny_faces / "test", **places | changes
        )

    return opened
