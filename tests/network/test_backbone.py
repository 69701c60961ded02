"""The bridge to keras-vggface, the weights and their checks, the precision."""

import functools
import http.server
import socket
import socketserver
import sys
import threading
from pathlib import Path

import h5py
import numpy as np
import pytest
from emotions.network import backbone
from emotions.network.vggface_bridge import import_keras_vggface


def write_legacy_file(
    file: Path, random_seed: int = 5, *, leave: str = "", narrow: str = ""
) -> dict:
    """Write a weights file of the layout that keras-vggface's has (Keras 1 and 2, by layer)."""
    models = import_keras_vggface()
    model = models.VGG16(include_top=False, weights=None, input_shape=(48, 48, 3))
    random = np.random.default_rng(random_seed)
    written = {}
    with h5py.File(file, "w") as content:
        layers = [layer for layer in model.layers if layer.name != leave]
        # of fixed length, as h5py 2 wrote them in those days
        content.attrs["layer_names"] = np.array([layer.name for layer in layers], "S")
        content.attrs["backend"], content.attrs["keras_version"] = b"tensorflow", b"2.0.6"
        for layer in layers:
            group = content.create_group(layer.name)
            names = [f"{layer.name}_{part}:0" for part in ("W_1", "b_1")[: len(layer.weights)]]
            group.attrs["weight_names"] = np.array(names, "S")
            for name, weight in zip(names, layer.weights, strict=True):
                shape = tuple(weight.shape[:-1]) + (3,) if layer.name == narrow else weight.shape
                array = random.normal(0, 0.02, shape).astype(np.float32)
                group.create_dataset(name, data=array)
                written[name] = array
    return written


@pytest.fixture(scope="module")
def legacy_file(tmp_path_factory):
    folder = tmp_path_factory.mktemp("weights")
    return folder, write_legacy_file(folder / backbone.WEIGHTS_FILE)


def test_the_bridge_builds_keras_vggface_itself_and_leaves_no_alias():
    models = import_keras_vggface()
    model = models.VGG16(include_top=False, weights=None, input_shape=(48, 48, 3))
    assert "site-packages" in models.__file__
    assert model.count_params() == 14_714_688
    assert [layer.name for layer in model.layers][1] == "conv1_1"
    assert model.layers[-1].name == "pool5"
    assert "keras.engine.topology" not in sys.modules
    assert "keras_applications" not in sys.modules


def test_the_whole_network_can_be_built_too():
    models = import_keras_vggface()
    full = models.VGG16(include_top=True, weights=None, input_shape=(48, 48, 3), classes=5)
    assert {"fc6", "fc7", "fc8", "fc6_relu"} <= {layer.name for layer in full.layers}


def test_vggface_takes_a_file_of_keras_vggfaces_layout(legacy_file):
    folder, written = legacy_file
    built = backbone.build("vggface", 48, folder, 1)
    assert built.weights == "VGG-Face"
    kernel, bias = built.model.get_layer("conv4_2").get_weights()
    np.testing.assert_array_equal(kernel, written["conv4_2_W_1:0"])
    np.testing.assert_array_equal(bias, written["conv4_2_b_1:0"])


def test_a_path_is_never_called_vggface_and_other_weights_of_that_name_are_told_apart(
    legacy_file, tmp_path
):
    folder, _ = legacy_file
    mine, other = tmp_path / "mine.h5", tmp_path / "other" / "mine.h5"
    mine.write_bytes((folder / backbone.WEIGHTS_FILE).read_bytes())
    built = backbone.build(str(mine), 48, tmp_path, 1)
    assert built.weights == f"file mine.h5 ({built.digest[:8]})"
    other.parent.mkdir()
    write_legacy_file(other, random_seed=6)
    assert backbone.build(str(other), 48, tmp_path, 1).weights != built.weights


@pytest.fixture
def server(legacy_file):
    """Serve the made file on localhost, as GitHub serves the real one."""
    folder, _ = legacy_file
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=str(folder))
    handler.log_message = lambda *words: None
    with socketserver.TCPServer(("127.0.0.1", 0), handler) as serving:
        threading.Thread(target=serving.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{serving.server_address[1]}"
        serving.shutdown()


def point_to(monkeypatch, address):
    utils = import_keras_vggface().utils
    monkeypatch.setattr(utils, "VGG16_WEIGHTS_PATH_NO_TOP", address)


def test_auto_downloads_from_keras_vggfaces_address_when_the_server_answers(
    server, monkeypatch, tmp_path
):
    point_to(monkeypatch, f"{server}/{backbone.WEIGHTS_FILE}")
    chosen, sentence = backbone.choose_weights("auto", tmp_path)
    assert chosen == "vggface"
    assert "VGG-Face" in sentence
    built = backbone.build(chosen, 48, tmp_path, 1)
    assert built.weights == "VGG-Face"
    assert (tmp_path / backbone.WEIGHTS_FILE).is_file()
    assert (tmp_path / ".downloaded").is_file()
    assert not list(tmp_path.glob(".*unfinished*"))


def test_a_server_that_speaks_no_http_is_no_server(monkeypatch):
    def answer(listening):
        with listening.accept()[0] as caller:
            caller.recv(1000)
            caller.sendall(b"220 mail ready\r\n")

    with socket.create_server(("127.0.0.1", 0)) as listening:
        threading.Thread(target=answer, args=(listening,), daemon=True).start()
        point_to(monkeypatch, f"http://127.0.0.1:{listening.getsockname()[1]}/weights.h5")
        assert not backbone.server_answers()


def test_auto_falls_back_to_hed_and_says_how_to_get_the_real_ones(monkeypatch, tmp_path):
    point_to(monkeypatch, "http://127.0.0.1:9/nothing.h5")
    chosen, sentence = backbone.choose_weights("auto", tmp_path)
    assert chosen == "hed"
    assert str(tmp_path) in sentence and "VGG-Face" in sentence


@pytest.mark.parametrize("served, reason", [(None, "404"), (b"x" * 1000, "cut off at 0.0 MB")])
def test_a_download_that_fails_is_one_sentence_and_leaves_nothing(
    served, reason, server, legacy_file, monkeypatch, tmp_path
):
    point_to(monkeypatch, f"{server}/short.h5")
    if served:
        (legacy_file[0] / "short.h5").write_bytes(served)
    with pytest.raises(backbone.WeightsError, match="by hand, or choose the weights hed") as caught:
        backbone.build("vggface", 48, tmp_path, 1)
    said = str(caught.value)
    assert reason in said and said.count("choose the weights hed") == 1
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("damage", ["missing", "cut", "no_h5", "layer", "shape"])
def test_weights_are_checked_before_use(damage, tmp_path):
    file = tmp_path / "weights.h5"
    if damage == "cut":
        file.write_bytes(b"x" * 1000)
    elif damage == "no_h5":
        file.write_bytes(b"<html>" + b"x" * backbone.SMALLEST_SIZE)
    elif damage in ("layer", "shape"):
        write_legacy_file(file, **{"leave" if damage == "layer" else "narrow": "conv3_2"})
        with file.open("ab") as end:  # as large as it should be
            end.write(b"\0" * 20_000_000)
    said = {
        "missing": "There is no weights file",
        "cut": "is cut off at 0.0 MB",
        "no_h5": "is not in Keras' h5 layout",
        "layer": "has nothing for layer conv3_2",
        "shape": "for layer conv3_2",
    }[damage]
    with pytest.raises(backbone.WeightsError, match=said) as caught:
        backbone.build(str(file), 48, tmp_path, 1)
    assert str(file) in str(caught.value)
    assert "choose the weights hed" in str(caught.value)


def test_a_name_by_which_keras_takes_the_file_for_another_is_refused(tmp_path):
    for name in ("faces.weights.h5", "faces.H5"):
        write_legacy_file(tmp_path / name)
        with pytest.raises(backbone.WeightsError, match="rename it") as caught:
            backbone.build(str(tmp_path / name), 48, tmp_path, 1)
        assert name in str(caught.value)


def test_hed_fills_all_thirteen_convolutions_in_order(tmp_path):
    built = backbone.build("hed", 48, tmp_path, 1)
    untrained = backbone.build("random", 48, tmp_path, 1)
    for layer in built.model.layers:
        if layer.weights:
            assert not np.array_equal(
                layer.get_weights()[0], untrained.model.get_layer(layer.name).get_weights()[0]
            )
    first = built.model.get_layer("conv1_1").get_weights()[0]
    assert np.abs(np.corrcoef(first[:-1].ravel(), first[1:].ravel())[0, 1]) > 0.05  # no noise
    assert built.digest == backbone.build("hed", 96, tmp_path, 7).digest
    assert built.digest != untrained.digest


def test_random_weights_follow_the_seed(tmp_path):
    one, same, other = (backbone.build("random", 48, tmp_path, s).digest for s in (1, 1, 2))
    assert one == same != other


def test_precision_follows_the_processor(monkeypatch):
    devices = ["cpu:0"]
    monkeypatch.setattr(backbone.keras.distribution, "list_devices", lambda: devices)
    monkeypatch.setattr(backbone, "cpuinfo", lambda name: "sse2 amx_bf16")
    assert backbone.choose_precision("auto") == "mixed_bfloat16"
    monkeypatch.setattr(backbone, "cpuinfo", lambda name: "sse2 avx2")
    assert backbone.choose_precision("auto") == "float32"
    assert backbone.choose_precision("mixed_bfloat16") == "mixed_bfloat16"
    devices.append("gpu:0")
    assert backbone.choose_precision("auto") == "mixed_bfloat16"
