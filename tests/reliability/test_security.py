"""What is loaded runs no code, and what is shown names no one."""

import ast
import contextlib
import io
import json
import os
import pickle
import subprocess
import sys
import zipfile
from pathlib import Path

import bad_data
import course
import nbformat
import numpy as np
import pages
import pytest
from emotions.data import origin
from emotions.files import DataError
from emotions.measuring import classifier
from emotions.measuring.photos import read_photo
from emotions.network.quiet_keras import keras
from emotions.settings import ROOT
from emotions.training import fit

SOURCES = sorted(
    path
    for folder in ("notebooks", "setup")
    for path in (ROOT / folder).rglob("*.py")
    if ".ipynb_checkpoints" not in path.parts
)
FORBIDDEN = {"pickle", "cPickle", "dill", "shelve", "marshal", "cloudpickle"}
NO_CALLS = {"eval", "exec", "compile", "__import__"}


class Trap:
    """Unpickling this makes a folder of the given name: code of a stranger would have run."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self):
        return os.mkdir, (str(self.mark),)


# What the course's own code calls ------------------------------------------------------


def calls(path: Path) -> list[ast.Call]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return [node for node in ast.walk(tree) if isinstance(node, ast.Call)]


def notebook_code(path: Path) -> str:
    cells = nbformat.read(path, as_version=4).cells
    return "\n".join(cell.source for cell in cells if cell.cell_type == "code")


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_no_module_unpickles_or_runs_text(path: Path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    imported = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            imported |= {name.name.split(".")[0] for name in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            imported.add(node.module.split(".")[0])
    assert not imported & FORBIDDEN
    for call in calls(path):
        name = ast.unparse(call.func)
        assert name not in NO_CALLS, f"{name} in line {call.lineno}"
        assert name not in ("os.system", "joblib.load"), f"line {call.lineno}"
        assert not name.endswith("read_pickle"), f"line {call.lineno}"
        words = {word.arg: ast.unparse(word.value) for word in call.keywords}
        assert words.get("shell") in (None, "False"), f"a shell in line {call.lineno}"
        assert words.get("allow_pickle") in (None, "False"), f"line {call.lineno}"
        if name.endswith("load_model"):
            assert words.get("safe_mode") == "True", f"line {call.lineno}"
        if name.endswith("yaml.load"):
            assert "Safe" in words.get("Loader", ""), f"line {call.lineno}"


@pytest.mark.parametrize("path", course.course_notebooks(), ids=lambda path: path.stem)
def test_no_notebook_does_either(path: Path):
    tree = ast.parse(notebook_code(path))
    names = {ast.unparse(n.func) for n in ast.walk(tree) if isinstance(n, ast.Call)}
    assert not names & NO_CALLS
    assert not any(name.endswith(("read_pickle", "pickle.load", "os.system")) for name in names)


# Malicious files ----------------------------------------------------------------------


def test_arrays_with_objects_are_not_unpickled(tmp_path, monkeypatch):
    mark = tmp_path / "ran"
    np.save(tmp_path / "features.npy", np.array([Trap(mark)], dtype=object))
    from emotions.network import features

    assert features._cached(tmp_path, 1) is None
    np.savez(tmp_path / "a.npz", state=np.array([Trap(mark)], dtype=object))
    assert fit.read_checkpoint(tmp_path / "a.npz", [], []) is None
    with pytest.raises(ValueError, match="allow_pickle"):
        origin.read_sketch(tmp_path / "a.npz")
    assert not mark.exists()


def test_a_model_with_code_in_it_is_not_opened(tmp_path):
    file = tmp_path / "Emotions_classifier.keras"
    inputs = keras.Input((4,))
    code = keras.layers.Lambda(lambda x: x + 1)
    keras.Model(inputs, keras.layers.Dense(2)(code(inputs))).save(file)
    with pytest.raises(DataError, match=r"damaged .*run notebook 04 again"):
        classifier.load(file)
    shipped, words = classifier.own_or_shipped(tmp_path)
    assert shipped.details["data"] == "FER-2013"
    assert words.startswith("You have trained none yet")


@pytest.mark.parametrize("kind", ["pickle", "zip", "web page", "nothing", "cut"])
def test_other_files_named_like_a_classifier_are_refused(kind, tmp_path):
    mark, file = tmp_path / "ran", tmp_path / classifier.OWN
    memory = io.BytesIO()
    with zipfile.ZipFile(memory, "w") as archive:
        archive.writestr("course.json", '{"classes": ["a", "b"]}')
        archive.writestr("data.pkl", pickle.dumps(Trap(mark)))
    file.write_bytes(
        {
            "pickle": pickle.dumps(Trap(mark)),
            "zip": memory.getvalue(),
            "web page": bad_data.HTML,
            "nothing": b"",
            "cut": memory.getvalue()[:100],
        }[kind]
    )
    with pytest.raises(DataError, match="is damaged"):
        classifier.own_or_shipped(tmp_path)
    assert not mark.exists()


def test_a_shipped_classifier_that_lies_about_its_form_is_refused(tmp_path):
    from safetensors.numpy import save_file

    file = tmp_path / "classifier.safetensors"
    for details in ("[]", "{}", '{"layer": "pool3"}'):
        save_file({"a": np.zeros(1)}, file, {"classifier": details})
        with pytest.raises(DataError):
            classifier.load(file)


# Photos -------------------------------------------------------------------------------


def test_a_bomb_of_a_photo_is_refused(tmp_path):
    bomb = tmp_path / "bomb.png"
    bomb.write_bytes(bad_data.png_of(20_000, 20_000))
    with pytest.raises(DataError):
        read_photo(bomb)


# What is shown ------------------------------------------------------------------------


def test_pages_carry_no_path_user_or_host(tmp_path):
    import getpass
    import platform

    user, host, home = getpass.getuser(), platform.node(), str(Path.home())
    said = f"{home}/data {sys.prefix}/lib {ROOT}/output {tmp_path}/x"
    output = nbformat.v4.new_output("stream", name="stdout", text=said)
    cells = [nbformat.v4.new_markdown_cell("# A"), nbformat.v4.new_code_cell("1", outputs=[output])]
    file = tmp_path / "01_a.ipynb"
    pages.write_pages(nbformat.v4.new_notebook(cells=cells), file, tmp_path / "out")
    (page,) = (tmp_path / "out").rglob("*.html")
    text = page.read_text(encoding="utf-8")
    for private in (f"{home}/", sys.prefix + "/lib", str(ROOT) + "/", str(tmp_path)):
        assert private not in text
    if len(host) > 5 and host != "localhost":
        assert host not in text
    if len(user) > 5:
        assert user not in text


def test_a_notebook_of_a_stranger_runs_nothing_when_it_becomes_a_page(tmp_path):
    mark = tmp_path / "ran"
    code = f"import os; os.mkdir({str(mark)!r})"
    cells = [nbformat.v4.new_code_cell(code)]
    pages.write_pages(nbformat.v4.new_notebook(cells=cells), tmp_path / "01_x.ipynb", tmp_path)
    assert not mark.exists()


def test_committed_notebooks_are_not_trusted_beforehand():
    for path in course.course_notebooks():
        notebook = json.loads(path.read_text(encoding="utf-8"))
        assert "signature" not in notebook["metadata"]
        assert not any(cell["metadata"].get("trusted") for cell in notebook["cells"])


def test_the_laboratory_keeps_its_token_and_stays_on_this_computer(monkeypatch):
    asked, answers = [], [KeyboardInterrupt, 3]

    class Server(contextlib.nullcontext):
        def __init__(self, command, **_):
            super().__init__(self)
            asked.append(command)

        def wait(self):
            answer = answers.pop(0)
            if answer is KeyboardInterrupt:
                raise answer  # which JupyterLab has got too, and asks what it shall do
            return answer

    monkeypatch.setattr(course.subprocess, "Popen", Server)
    assert course.lab([]) == 3
    words = " ".join(asked[0])
    for weakening in ("token", "password", "--ip", "allow_origin", "allow-root", "disable_check"):
        assert weakening not in words
    from jupyter_server.serverapp import ServerApp

    for path in Path(sys.prefix, "etc", "jupyter").rglob("*.*"):
        if path.is_file() and path.suffix in (".py", ".json"):
            text = path.read_text(encoding="utf-8")
            assert "token" not in text and "allow_origin" not in text, path
    assert ServerApp.ip.default_value == "localhost"
    assert ServerApp.allow_remote_access.default_value is not True


def test_the_laboratory_refuses_without_its_token(tmp_path):
    """A real server, started as the course starts it, answers strangers with a refusal."""
    import socket
    import time
    import urllib.error
    import urllib.request

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, str(ROOT / "notebooks" / "course.py"), "lab", "--no-browser",
               f"--ServerApp.port={port}", "--ServerApp.port_retries=0"]  # fmt: skip
    if hasattr(os, "getuid") and os.getuid() == 0:
        command.append("--allow-root")
    around = {**os.environ, "JUPYTER_RUNTIME_DIR": str(tmp_path), "JUPYTER_DATA_DIR": str(tmp_path)}
    server = subprocess.Popen(
        command, env=around, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        start_new_session=True,
    )  # fmt: skip
    try:
        status = None
        for _ in range(240):
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/api/contents", timeout=2)
                status = 200
                break
            except urllib.error.HTTPError as error:
                status = error.code
                break
            except OSError:
                time.sleep(0.25)
        assert status == 403
    finally:
        os.killpg(server.pid, 15)
        server.wait(20)
