"""Data-parallel training with two processes: the answer of one; a killed one ends the other."""

import contextlib
import json
import os
import random
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from emotions.training import data_parallel
from emotions.training.batches import Batches
from safetensors.numpy import load_file

ROOT = Path(__file__).resolve().parents[2]
# no chance in the training but the order of the images, which all processes share
CERTAIN = {
    "EMOTIONS_TRAINABLE": "block5", "EMOTIONS_LAYER": "pool5", "EMOTIONS_AUGMENTATION": "none",
    "EMOTIONS_DROPOUT": "0", "EMOTIONS_HEAD_EPOCHS": "2", "EMOTIONS_EPOCHS": "3",
    "EMOTIONS_BATCH_SIZE": "25", "EMOTIONS_PRECISION": "float32", "EMOTIONS_IMAGE_SIZE": "48",
}  # fmt: skip


def free_ports(count: int) -> list[int]:
    """Return ports that nothing listens at, below those that systems hand out by themselves."""
    ports: list[int] = []
    for port in random.sample(range(20_000, 32_000), 100):
        with contextlib.suppress(OSError), socket.create_server(("127.0.0.1", port)):
            ports.append(port)
        if len(ports) == count:
            break
    return ports


def start(faces: Path, home: Path, **settings: str) -> subprocess.Popen:
    """Start a training as a user would."""
    environment = os.environ | CERTAIN | settings | {
        "EMOTIONS_TRAIN_DATA": str(faces / "train"), "EMOTIONS_VAL_DATA": str(faces / "test"),
        "EMOTIONS_DATA": str(home / "data"), "EMOTIONS_OUTPUT": str(home / "output"),
    }  # fmt: skip
    command = [sys.executable, "notebooks/run_recipes.py", "train", "fine_tune_10_minutes"]
    return subprocess.Popen(
        [*command, "--weights", "random"],
        cwd=ROOT, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip


def start_two(faces: Path, home: Path, *differing: dict) -> list[subprocess.Popen]:
    """Start two processes that train together, each with settings of its own."""
    workers = [f"127.0.0.1:{port}" for port in free_ports(2)]
    processes = []
    for number, settings in enumerate(differing or ({}, {})):
        config = {"cluster": {"worker": workers}, "task": {"type": "worker", "index": number}}
        processes.append(start(faces, home, TF_CONFIG=json.dumps(config), **settings))
    return processes


def finish(processes: list[subprocess.Popen], seconds: float = 240) -> list[str]:
    """Wait for processes; return what they said."""
    try:
        return [process.communicate(timeout=seconds)[0] for process in processes]
    finally:
        for process in processes:
            process.kill()


def result(home: Path) -> tuple[pd.DataFrame, dict[str, np.ndarray]]:
    (folder,) = (home / "data" / "runs").glob("*/fine_tune_10_minutes-random-2013")
    return pd.read_csv(folder / "history.csv"), load_file(folder / "classifier.safetensors")


@pytest.fixture(scope="module")
def alone(tiny_faces, tmp_path_factory):
    """Return what one process learns."""
    home = tmp_path_factory.mktemp("alone")
    process = start(tiny_faces, home)
    (said,) = finish([process])
    assert process.returncode == 0, said
    return result(home)


def assert_same(found, expected) -> None:
    pd.testing.assert_frame_equal(found[0], expected[0], rtol=2e-3, atol=2e-3)
    for name, values in expected[1].items():
        np.testing.assert_allclose(
            found[1][name].astype("f4"), values.astype("f4"), rtol=0.02, atol=2e-3, err_msg=name
        )


def wait_for(process: subprocess.Popen, words: str) -> None:
    said = []
    for line in process.stdout:
        said.append(line)
        if line.startswith(words):
            return
    raise AssertionError("".join(said))


def test_two_processes_learn_what_one_learns_and_go_on_after_a_kill(tiny_faces, tmp_path, alone):
    processes = start_two(tiny_faces, tmp_path, *[{"EMOTIONS_EPOCHS": "500"}] * 2)
    wait_for(processes[0], "epoch 2")
    processes[1].kill()
    (said, _) = finish(processes, seconds=120)
    assert processes[0].returncode != 0 and "epoch 500" not in said
    processes = start_two(tiny_faces, tmp_path)
    said = finish(processes)
    assert [process.returncode for process in processes] == [0, 0], said
    assert_same(result(tmp_path), alone)


def test_processes_that_train_different_things_say_so(tiny_faces, tmp_path):
    rates = [{"EMOTIONS_LEARNING_RATE": rate} for rate in ("0.001", "0.002")]
    processes = start_two(tiny_faces, tmp_path, *rates)
    for said, process in zip(finish(processes), processes, strict=True):
        assert process.returncode != 0 and "about to train different things" in said, said


@pytest.mark.parametrize(
    "config",
    ["", "{}", "[]", '{"cluster": {"worker": ["a:1"]}, "task": {"type": "worker", "index": 1}}'],
)
def test_a_config_without_this_process_is_refused(config, monkeypatch):
    monkeypatch.setenv("TF_CONFIG", config)
    with pytest.raises(data_parallel.DataParallelError, match="TF_CONFIG must name all workers"):
        data_parallel.Group()


def test_shares_of_a_batch_are_the_whole_batch():
    inputs, labels, rows = np.arange(23.0), np.arange(23), np.arange(23)
    whole = Batches(inputs, labels, rows, 7, 1)
    shares = [Batches(inputs, labels, rows, 7, 1, share=(k, 3)) for k in range(3)]
    assert [len(share) for share in shares] == [3, 3, 3]  # two rows are fewer than three shares
    for number in range(3):
        parts = [share.stacked(number, 1)[1][0] for share in shares]
        assert sorted(np.concatenate(parts)) == sorted(whole.stacked(number, 1)[1][0])
