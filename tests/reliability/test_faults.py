"""Full disk, read-only folders, no home, no network: one sentence, and afterwards it works again.

The limit on the size of a file (RLIMIT_FSIZE) stands in for a full disk where no small disk can be
mounted: both make a write fail in the middle of a file. A child process takes the limit.
"""

import http.server
import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import bad_data
import numpy as np
import pytest
from emotions import files
from emotions.data import faces
from emotions.data.faces import load_faces
from emotions.files import DataError
from emotions.network import backbone, features
from emotions.settings import ROOT

LONG = pytest.mark.skipif("COURSE_LONG_TESTS" not in os.environ, reason="takes a minute")
PROGRAM = """
import errno, resource, signal, sys
from pathlib import Path
sys.path[:0] = [{notebooks!r}, {reliability!r}]
import jobs
from emotions.files import DataError
name, home, limit = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
if limit:
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
try:
    jobs.JOBS[name].run(home)
except DataError as error:
    print("refused:", error)
else:
    print("done", jobs.as_text(jobs.JOBS[name].result(home)))
""".format(notebooks=str(ROOT / "notebooks"), reliability=str(Path(__file__).parent))


def run(name: str, home: Path, limit: int = 0, **environment: str) -> str:
    """Run a job in a process that can write files of at most `limit` bytes; return its answer."""
    command = [sys.executable, "-c", PROGRAM, name, str(home), str(limit)]
    around = {**os.environ, **environment}
    ended = subprocess.run(command, env=around, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr[-2000:]
    return ended.stdout.splitlines()[-1]


# Full disk ----------------------------------------------------------------------------


@pytest.mark.skipif(sys.platform == "win32", reason="no such limit")
@pytest.mark.parametrize(
    "name, limit",
    [
        ("unpack", 1000),
        ("draw", 1000),
        ("read", 100_000),
        pytest.param("train", 30_000, marks=LONG),
        pytest.param("features", 30_000, marks=LONG),
    ],
)
def test_a_full_disk_is_one_sentence_and_afterwards_it_works(name, limit, home):
    said = run(name, home, limit)
    assert said.startswith("refused: ") and "cannot be written" in said, said
    assert "free some space" in said
    assert not list(home.rglob(".*.unfinished-*"))
    assert run(name, home).startswith("done {")


@pytest.mark.skipif(not os.access("/dev/shm", os.W_OK), reason="needs a file system to fill")
def test_a_disk_that_is_really_full(tmp_path):
    """Needs the right to mount; elsewhere the limit above stands for it."""
    disk = tmp_path / "disk"
    disk.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=200k", "tmpfs", str(disk)]
    if subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("mounting is not allowed here")
    try:
        made = bad_data.sound_faces(tmp_path / "faces")
        for split in ("train", "test"):
            for number in range(60):
                bad_data.picture(number, 64).save(made / split / "calm" / f"more{number}.png")
        with pytest.raises(DataError, match="No space left on device.*free some space"):
            load_faces(made / "train", made / "test", disk / "cache")
        with pytest.raises(DataError, match="No space left"):
            files.write_json(disk / "big.json", list(range(100_000)))
        assert [path.name for path in disk.rglob("*")] == ["cache"]
        subprocess.run(["mount", "-o", "remount,size=20m", str(disk)], check=True)
        assert len(load_faces(made / "train", made / "test", disk / "cache").train) == 64
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def test_a_table_that_does_not_fit_leaves_the_old_one(tmp_path, monkeypatch):
    files.write_json(tmp_path / "a.json", {"old": 1})

    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(DataError, match="a.json cannot be written .No space left on device."):
        files.write_json(tmp_path / "a.json", {"new": 2})
    assert json.loads((tmp_path / "a.json").read_bytes()) == {"old": 1}
    assert [path.name for path in tmp_path.iterdir()] == ["a.json"]


# Read-only folders and no home --------------------------------------------------------


@pytest.fixture
def read_only(tmp_path):
    """Return a folder with faces in it that cannot be written to, not even by root."""
    folder = tmp_path / "read_only"
    folder.mkdir()
    root = hasattr(os, "getuid") and os.getuid() == 0
    mount = ["mount", "-t", "tmpfs", "tmpfs", str(folder)]
    if root and subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("root may write everywhere, and mounting is not allowed here")
    bad_data.sound_faces(folder / "faces")
    if root:
        subprocess.run(["mount", "-o", "remount,ro", str(folder)], check=True)
    else:
        folder.chmod(0o555)
    yield folder
    if root:
        subprocess.run(["umount", str(folder)], check=True)
    else:
        folder.chmod(0o755)


def test_a_read_only_folder_is_one_sentence(read_only, tmp_path):
    folders = read_only / "faces" / "train", read_only / "faces" / "test"
    with pytest.raises(DataError, match="cannot be written .*or allow writing there.$"):
        load_faces(*folders, read_only / "cache")
    with pytest.raises(DataError, match="a.json cannot be written"):
        files.write_json(read_only / "a.json", 1)
    assert len(load_faces(*folders, tmp_path / "cache").train) == 4


def test_no_home_folder_and_no_place_for_locks(home):
    gone = {"HOME": "/nowhere", "MPLCONFIGDIR": "", "IPYTHONDIR": "/nowhere/ipython"}
    assert run("read", home, **gone).startswith("done {")


def test_without_locks_it_works_all_the_same(tmp_path, monkeypatch):
    monkeypatch.setattr(files.tempfile, "gettempdir", lambda: str(tmp_path / "not" / "there"))
    with files.alone(tmp_path / "x"):
        files.write_json(tmp_path / "x.json", 1)
    assert files.read_json(tmp_path / "x.json") == 1


def test_a_lock_folder_of_somebody_else_is_not_used(tmp_path, monkeypatch):
    monkeypatch.setattr(files.tempfile, "gettempdir", lambda: str(tmp_path))
    monkeypatch.setattr(files.os, "getuid", lambda: 4711)
    with files.alone(tmp_path / "x"):
        assert not list(tmp_path.glob("*/*.lock"))


# Network ------------------------------------------------------------------------------


class Answers(http.server.BaseHTTPRequestHandler):
    """Answers as told by the path: a web page, half a file, nothing for long."""

    def do_HEAD(self):  # noqa: N802
        self.send_response(200)
        size = len(bad_data.HTML) if self.path == "/page" else backbone.SMALLEST_SIZE + 100
        self.send_header("Content-Length", str(size))
        self.end_headers()

    def do_GET(self):  # noqa: N802
        self.do_HEAD()
        if self.path == "/page":
            self.wfile.write(bad_data.HTML)
        elif self.path == "/half":
            self.wfile.write(b"\x89HDF\r\n\x1a\n" + bytes(1_000_000))
        elif self.path == "/slow":
            self.wfile.write(b"\x89HDF")
            self.wfile.flush()
            time.sleep(5)

    def log_message(self, *_):
        pass


@pytest.fixture
def network(monkeypatch):
    """Return a function that puts keras-vggface's address on one path of a local server."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    threading.Thread(target=server.serve_forever, daemon=True).start()

    def point_to(path: str) -> None:
        address = f"http://127.0.0.1:{server.server_port}{path}"
        models = backbone.import_keras_vggface()
        for place in (models.utils, models):
            if hasattr(place, "VGG16_WEIGHTS_PATH_NO_TOP"):
                monkeypatch.setattr(place, "VGG16_WEIGHTS_PATH_NO_TOP", address)
        monkeypatch.setattr(models.utils, "VGG16_WEIGHTS_PATH_NO_TOP", address)

    yield point_to
    server.shutdown()
    server.server_close()


def test_a_proxy_that_answers_with_a_page_is_no_server_of_weights(network, tmp_path):
    network("/page")
    chosen, sentence = backbone.choose_weights("auto", tmp_path)
    assert chosen == "hed" and "put that file into" in sentence


@pytest.mark.parametrize("path", ["/page", "/half", "/slow"])
def test_a_bad_download_is_one_sentence_and_leaves_nothing(network, tmp_path, monkeypatch, path):
    monkeypatch.setattr(backbone, "LONGEST_SILENCE", 1.0)
    network(path)
    began = time.monotonic()
    with pytest.raises(backbone.WeightsError, match="by hand, or choose the weights hed.$"):
        backbone.vggface_file(tmp_path)
    assert time.monotonic() - began < 30
    assert list(tmp_path.iterdir()) == []


def test_a_weights_file_with_nan_in_it_is_refused(tmp_path):
    import h5py

    model = backbone.build("random", 48, tmp_path, 1).model
    file = tmp_path / "weights.h5"
    with h5py.File(file, "w") as content:
        layers = [layer for layer in model.layers if layer.weights]
        content.attrs["layer_names"] = [layer.name for layer in layers]
        for layer in layers:
            group = content.create_group(layer.name)
            names = [weight.path for weight in layer.weights]
            group.attrs["weight_names"] = names
            for name, values in zip(names, layer.get_weights(), strict=True):
                group[name] = values
        content[layers[3].name][layers[3].weights[0].path][0, 0, 0, 0] = np.nan
    with pytest.raises(backbone.WeightsError, match=f"layer {layers[3].name} holds values"):
        backbone.build(str(file), 48, tmp_path, 1)


# Caches of another version ------------------------------------------------------------


@pytest.mark.parametrize("content", [b"", b"\x93NUMPY", b"nonsense" * 40])
def test_features_that_are_not_whole_are_computed_again(content, tmp_path):
    home = tmp_path / "x"
    home.mkdir()
    (home / "features.npy").write_bytes(content)
    assert features._cached(home, 3) is None


def test_features_of_other_images_or_another_number_format_are_not_used(tmp_path):
    for count, kind in ((4, "f2"), (3, "f4")):
        np.save(tmp_path / "features.npy", np.zeros((count, 2), kind))
        assert features._cached(tmp_path, 3) is None
    np.save(tmp_path / "features.npy", np.zeros((3, 2), "f2"))
    assert features._cached(tmp_path, 3) is not None


def test_a_cache_of_images_of_another_version_is_not_read(tmp_path, monkeypatch):
    made = bad_data.sound_faces(tmp_path / "faces")
    folders = made / "train", made / "test", tmp_path / "cache"
    load_faces(*folders)
    monkeypatch.setattr(faces, "CACHE_VERSION", faces.CACHE_VERSION + 1)
    load_faces(*folders)
    assert len(list((tmp_path / "cache").iterdir())) == 2
