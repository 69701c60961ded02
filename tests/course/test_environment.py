"""The environment: one list of requirements, a lock that satisfies it, and what is installed."""

import ast
import os
import re
import shutil
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import install
import lock
import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[2]
MISSION = (
    *("jupyterlab", "tensorflow", "keras-vggface", "ipywidgets"),
    *("matplotlib", "scikit-learn", "nbconvert"),
)


def locked() -> list[tuple[Requirement, int]]:
    """Return every entry of the lock with the number of its hashes."""
    text = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    without_comments = re.sub(r"^\s*#.*\n", "", text, flags=re.MULTILINE)
    entries = re.split(r"\n(?=\S)", without_comments.strip())
    return [
        (Requirement(entry.split("--hash")[0].replace("\\", "").strip()), entry.count("--hash="))
        for entry in entries
    ]


def environment() -> dict:
    """Return the content of environment.yml."""
    return yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))


DIRECT = [Requirement(text) for text in lock.pip_requirements(ROOT / "environment.yml")]
LOCKED = locked()


def test_the_lock_was_read():
    assert len(LOCKED) > len(DIRECT) > len(MISSION)


@pytest.mark.parametrize("wanted", DIRECT, ids=str)
def test_the_lock_satisfies_the_environment(wanted: Requirement):
    name = canonicalize_name(wanted.name)
    pins = [pin for pin, _ in LOCKED if canonicalize_name(pin.name) == name]
    assert pins, f"{wanted.name} is not in the lock: run `make lock`"
    for pin in pins:
        (exact,) = pin.specifier
        assert exact.operator == "=="
        assert wanted.specifier.contains(exact.version, prereleases=True)


@pytest.mark.skipif(Path(sys.prefix, "conda-meta").is_dir(), reason="conda chooses in the ranges")
@pytest.mark.parametrize("wanted", DIRECT, ids=str)
def test_what_is_installed_is_what_is_locked(wanted: Requirement):
    name = canonicalize_name(wanted.name)
    pins = [pin for pin, _ in LOCKED if canonicalize_name(pin.name) == name]
    here = [pin for pin in pins if pin.marker is None or pin.marker.evaluate()]
    assert [str(pin.specifier) for pin in here] == [f"=={version(wanted.name)}"]


def test_every_entry_of_the_lock_has_hashes():
    assert [pin.name for pin, hashes in LOCKED if hashes == 0] == []


@pytest.mark.parametrize("name", MISSION)
def test_a_package_of_the_course_is_required(name: str):
    assert name in {canonicalize_name(wanted.name) for wanted in DIRECT}


@pytest.mark.parametrize("wanted", DIRECT, ids=lambda wanted: wanted.name)
def test_a_comment_says_why_a_package_is_needed(wanted: Requirement):
    text = (ROOT / "environment.yml").read_text(encoding="utf-8")
    assert re.search(rf"^ +- {re.escape(wanted.name)} .*# \w.{{8,}}$", text, re.MULTILINE)


@pytest.mark.parametrize(
    "name",
    [
        *("requirements.lock", "environment.yml", "pyproject.toml", "Makefile", ".ci/run"),
        *(path.relative_to(ROOT).as_posix() for path in sorted((ROOT / "setup").glob("*.py"))),
    ],
)
def test_no_file_names_a_package_index(name: str):
    text = (ROOT / name).read_text(encoding="utf-8")
    assert "://" not in text
    assert not re.search(r"(?<!no-emit-)(index-url|find-links|trusted-host)", text)


def test_the_bounds_of_python_stand_once():
    bound = next(text for text in environment()["dependencies"] if str(text).startswith("python "))
    allowed = SpecifierSet(bound.removeprefix("python "))
    minors = [minor for minor in range(40) if allowed.contains(f"3.{minor}")]
    assert ((3, minors[0]), (3, minors[-1])) == (install.OLDEST, install.NEWEST)
    assert install.OLDEST <= sys.version_info[:2] <= install.NEWEST


def test_the_environment_is_made_again_where_its_packages_or_its_place_have_changed(tmp_path: Path):
    here, script = tmp_path / "here", "import sys; open('made', 'a').write(' '.join(sys.argv[1:]))"
    (here / "setup").mkdir(parents=True)
    (here / "env").mkdir()
    (here / "setup" / "install.py").write_text(script)
    (here / "requirements.lock").write_text("one")
    shutil.copy(ROOT / "Makefile", here)

    def made(folder: Path) -> int:
        command = ["make", f"PYTHON={sys.executable}", "VENV=env", "env/.ready"]
        subprocess.run(command, cwd=folder, check=True)
        return (folder / "made").read_text().count("env requirements.lock")

    assert [made(here), made(here)] == [1, 1]
    (here / "requirements.lock").write_text("two")
    os.utime(here / "requirements.lock", (1e9, 1e9))  # as if it were unpacked
    assert [made(here), made(here)] == [2, 2]
    there = here.rename(tmp_path / "there")
    assert [made(there), made(there)] == [3, 3]


@pytest.mark.parametrize("wrong", [(3, 10), (3, 14), (3, 7)])
def test_a_wrong_python_is_told_the_mend(wrong: tuple[int, int]):
    complaint = install.complain_about_python(wrong)
    assert f"This is Python {wrong[0]}.{wrong[1]}" in complaint
    assert "make PYTHON=python3.12" in complaint and "py -3.12 setup" in complaint


@pytest.mark.parametrize("name", ["install", "configure_jupyter", "clean"])
def test_a_script_of_the_system_s_python_is_read_by_an_old_one(name: str):
    """Up to 3.9 `str | None` is an error where Python looks at it, so that no mend is told."""
    code = (ROOT / "setup" / f"{name}.py").read_text(encoding="utf-8")
    assert "\nfrom __future__ import annotations\n" in code
    ast.parse(code, feature_version=(3, 7))


@pytest.mark.parametrize(
    "said, words",
    [
        ("The virtual environment was not created because ensurepip is not\navailable.", "-venv`"),
        ("Error: [Errno 28] No space left on device: '/x/.venv'", "No space left on device"),
        ("", "does not say why"),
    ],
)
def test_an_environment_that_cannot_be_made_has_the_mend_of_its_reason(monkeypatch, said, words):
    ended = subprocess.CompletedProcess([], 1, stdout=said)
    monkeypatch.setattr(install.subprocess, "run", lambda *command, **options: ended)
    with pytest.raises(SystemExit, match=re.escape(words)) as told:
        install.make_environment(Path(".venv"))
    assert ("apt install" in str(told.value)) == ("ensurepip" in said)


def test_a_mac_without_packages_is_told_where_to_go():
    assert "Colab" in install.complain_about_python(install.NEWEST, "Darwin x86_64")
    assert install.complain_about_python(install.NEWEST, "Darwin arm64") is None


def test_a_right_python_hears_nothing():
    assert install.complain_about_python(install.OLDEST) is None
    assert install.complain_about_python(install.NEWEST) is None
