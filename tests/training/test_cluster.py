"""The grid search on Dask: a real scheduler, two worker processes, one of them killed; halving."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from unittest import mock

import joblib
import numpy as np
import pytest
from emotions.settings import SettingsError, read_settings
from emotions.training import search as grid_search
from emotions.training import workers as cluster
from sklearn.base import BaseEstimator, ClassifierMixin

GRID = {"learning_rate": [1e-6, 0.001, 0.01], "batch_size": [16, 32]}
SHARED = {"epochs": 20, "folds": 3, "random_seed": 1}


class Bar:
    """Counts like tqdm, and calls a function at each step."""

    def __init__(self, at_step=lambda bar: None):
        self.at_step, self.n, self.text = at_step, 0, ""

    def __call__(self, total, desc, unit):
        self.total = total
        return self

    def update(self, steps):
        self.n += steps
        if steps:
            self.at_step(self)

    def set_postfix_str(self, text, refresh):
        self.text = text

    def close(self):
        self.closed = True


def grid_data(images=240):
    random = np.random.default_rng(3)
    labels = np.arange(images) % 3
    return random.normal(size=(images, 8)).astype("f4") + 2 * np.eye(8, dtype="f4")[labels], labels


def run_search(bar=None, **changes):
    inputs, labels = grid_data()
    groups = np.arange(len(labels))
    how = {**SHARED, "progress": bar or Bar(), **changes}
    return grid_search.search(inputs, labels, groups, GRID, **how)


def start(command, folder, *options):
    """Start a Dask process that does not know this package."""
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    return subprocess.Popen(
        [sys.executable, "-m", "distributed.cli." + command, *options],
        cwd=folder, env=environment | cluster.ONE_THREAD,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip


def wait_for(file, seconds=60):
    end = time.monotonic() + seconds
    while not (file.is_file() and file.read_text().rstrip().endswith("}")):
        assert time.monotonic() < end, f"no {file.name} after {seconds} s"
        time.sleep(0.1)


@pytest.fixture
def processes(monkeypatch):
    """Return a list whose processes end with the test; on a busy machine they start slowly."""
    monkeypatch.setattr(cluster, "SECONDS", 120)
    started = []
    yield started
    for process in started:
        process.kill()
        process.wait()


def start_scheduler(folder, processes, *options):
    file = folder / "scheduler.json"
    where = ("--host", "127.0.0.1", "--port", "0", "--dashboard-address", "127.0.0.1:0")
    processes.append(
        start("dask_scheduler", folder, "--scheduler-file", str(file), *where, *options)
    )
    wait_for(file)
    return json.loads(file.read_text())["address"]


def start_worker(folder, processes, address, name, *options):
    process = start(
        "dask_worker", folder, address, "--name", name, "--nthreads", "1", "--no-nanny",
        "--no-dashboard", "--local-directory", str(folder), *options,
    )  # fmt: skip
    processes.append(process)
    return process


def test_a_killed_worker_costs_its_own_fits_only_and_the_answer_stays(tmp_path, processes):
    alone = run_search()
    address = start_scheduler(tmp_path, processes)
    workers = {name: start_worker(tmp_path, processes, address, name) for name in ("one", "two")}
    seen, holders = [], {}

    def look_and_kill():
        holders.update(client.who_has())
        os.kill(workers["two"].pid, signal.SIGKILL)
        workers["two"].wait()

    killer = threading.Thread(target=look_and_kill)

    def at_step(bar):  # called in Dask's own thread, which must not wait for Dask
        seen.append(bar.text)
        if "one" in bar.text and "two" in bar.text and killer.ident is None:
            killer.start()

    with cluster.connect(read_settings(scheduler=address)) as client:
        client.wait_for_workers(2, timeout=60)
        assert "one, two" in cluster.describe(client) and "http://" in cluster.describe(client)
        bar = Bar(at_step)
        together = run_search(bar, client=client)
        assert killer.ident, f"one worker did all fits: {seen}"
        killer.join()
        assert client.amm.running(), "Dask's memory manager was left off"
        left = [x["name"] for x in client.scheduler_info(n_workers=-1)["workers"].values()]
        halved = run_search(client=client, kind="halving", epochs=1, folds=2)  # by who is left
    assert left == ["one"], "the other worker was not killed"
    assert bar.n == bar.total == 18 and bar.closed
    assert any("one: " in text and "two: " in text for text in seen)
    arrays = {key: where for key, where in holders.items() if key.startswith("ndarray")}
    assert len(arrays) == 8  # features, labels, two arrays of rows per fold
    assert all(len(where) == 2 for where in arrays.values()), "not on each worker"
    assert together.best_params_ == alone.best_params_
    for fold in range(3):
        name = f"split{fold}_test_score"
        np.testing.assert_allclose(
            together.cv_results_[name], alone.cv_results_[name], atol=0.5 / 80
        )
    alone = run_search(kind="halving", epochs=1, folds=2)
    assert grid_search.count_fits(halved) == grid_search.count_fits(alone)
    assert halved.best_params_ == alone.best_params_


@pytest.fixture(scope="module")
def certificates(tmp_path_factory):
    """Return the files of a certificate authority and of one certificate that it signed."""
    folder = tmp_path_factory.mktemp("tls")
    made = {name: folder / f"{name}.pem" for name in ("tls_ca", "tls_certificate", "tls_key")}
    name = ("-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1")
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", *name,
         "-keyout", made["tls_key"], "-out", made["tls_certificate"]],
        check=True, capture_output=True,
    )  # fmt: skip
    made["tls_ca"].write_bytes(made["tls_certificate"].read_bytes())  # it signed itself
    return made


def test_tls_with_certificates_by_setting(tmp_path, processes, certificates):
    flags = ("--tls-ca-file", "--tls-cert", "--tls-key")
    options = [str(x) for pair in zip(flags, certificates.values(), strict=True) for x in pair]
    address = start_scheduler(tmp_path, processes, "--protocol", "tls", *options)
    start_worker(tmp_path, processes, address, "one", *options)
    assert address.startswith("tls://")
    with cluster.connect(read_settings(scheduler=address, **certificates)) as client:
        assert client.submit(os.getpid).result(timeout=30) == processes[-1].pid
        searched = run_search(client=client, epochs=1, folds=2)
    assert grid_search.count_fits(searched) == 2 * 6


@pytest.mark.parametrize(
    "lacking, error, words",
    [
        ("wait_for_workers", TimeoutError(), r"tcp://x:1 has no worker .*`dask worker tcp://x:1"),
        (
            "get_versions",
            ValueError("keras 2"),
            r"other packages .*requirements.lock(.|\n)*keras 2",
        ),
    ],
)
def test_workers_that_are_not_there_or_have_other_packages_are_one_sentence(lacking, error, words):
    client = mock.Mock(**{f"{lacking}.side_effect": error})
    client.scheduler.address = "tcp://x:1"
    with pytest.raises(cluster.ClusterError, match=words):
        cluster._check_workers(client)


def test_an_address_where_no_scheduler_is_is_one_sentence(monkeypatch):
    monkeypatch.setattr(cluster, "SECONDS", 1)
    with (
        pytest.raises(cluster.ClusterError, match=r"127.0.0.1:9 .*dask scheduler"),
        cluster.connect(read_settings(scheduler="tcp://127.0.0.1:9")),
    ):
        pass


@pytest.mark.parametrize("scheduler", ["here", "local:0", "tcp://", "http://a:1", "local:two"])
def test_a_scheduler_that_is_none_is_refused(scheduler):
    with pytest.raises(SettingsError, match="scheduler.*local:3"):
        read_settings(scheduler=scheduler)


def test_tls_without_certificates_is_refused():
    with pytest.raises(SettingsError, match="tls_certificate"):
        read_settings(scheduler="tls://127.0.0.1:8786")


def test_without_a_scheduler_the_kernel_does_the_fits():
    with cluster.connect(read_settings()) as client:
        assert client is None
        assert cluster.describe(client) == "The fits run in this kernel."


def test_workers_on_this_machine_start_and_end():
    with cluster.connect(read_settings(scheduler="local:1")) as client:
        pid = client.submit(os.getpid).result(timeout=60)
        assert pid != os.getpid()
        threads = client.submit(os.getenv, "TF_NUM_INTRAOP_THREADS").result(timeout=60)
        assert threads == "1"
        with cluster.doing_all(client, []):  # joblib itself would not bother a single worker
            assert joblib.Parallel()([joblib.delayed(os.getpid)()]) == [pid]
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


# ---------------------------------------------------------------- halving


def test_halving_ends_with_all_images_and_takes_a_quarter_of_the_work():
    rounds = grid_search.halving_rounds(32, 28_709, 7)
    assert [combinations for combinations, _ in rounds] == [32, 11, 4, 2]
    assert rounds[-1][1] >= 28_709
    assert grid_search.share_of_work(rounds, 28_709 * 2 // 3) < 0.25
    assert grid_search.halving_rounds(32, 100, 7) == [(32, 100)]  # too few to halve


class Constant(ClassifierMixin, BaseEstimator):
    """Learns nothing; of `images` it is told how many it would learn from."""

    def __init__(self, epochs=1, random_state=0, images=None, units=0):
        self.epochs, self.random_state, self.images, self.units = (
            epochs,
            random_state,
            images,
            units,
        )

    def fit(self, X, y):  # noqa: N803
        self.classes_ = np.unique(y)
        return self

    def predict(self, X):  # noqa: N803
        return np.full(len(X), self.units % 2)


@pytest.mark.parametrize("combinations", [243, 244, 9])  # log(243, 3) is 4.999... in floats
def test_halving_has_the_rounds_that_are_foretold(monkeypatch, combinations):
    monkeypatch.setattr(grid_search, "HeadClassifier", Constant)
    labels, grid = np.arange(60 * 250) % 2, {"units": list(range(combinations))}
    rounds = grid_search.halving_rounds(combinations, len(labels), 2)
    searched = grid_search.search(
        np.zeros((len(labels), 1)), labels, np.arange(len(labels)), grid,
        epochs=1, folds=2, random_seed=0, progress=Bar(), kind="halving",
    )  # fmt: skip
    assert list(zip(searched.n_candidates_, searched.n_resources_, strict=True)) == rounds
    assert rounds[-1][1] >= len(labels)


def test_halving_finds_what_the_full_grid_finds():
    images, grid = 1200, {"learning_rate": [1e-6, 1e-5, 1e-4, 0.001, 0.01], "batch_size": [16, 32]}
    inputs, labels = grid_data(images)
    groups = np.arange(images)
    full, halved = (
        grid_search.search(
            inputs,
            labels,
            groups,
            grid,
            kind=kind,
            progress=Bar(),
            **{**SHARED, "epochs": 4, "folds": 2},
        )
        for kind in ("full", "halving")
    )
    assert halved.n_candidates_ == [10, 4, 2]
    assert grid_search.count_fits(halved) == (10 + 4 + 2) * 2
    assert grid_search.count_fits(full) == 10 * 2
    table = grid_search.results_table(halved)
    assert len(table) == 10 and table["images"].is_monotonic_decreasing
    assert table["images"].iloc[0] >= images and not table.isna().any(axis=None)
    assert dict(table.iloc[0][list(grid)]) == halved.best_params_, "the winner is not first"
    best = grid_search.results_table(full)
    assert halved.best_params_["learning_rate"] == full.best_params_["learning_rate"]
    assert halved.best_score_ >= best["mean"].iloc[0] - best["spread"].iloc[0]
    assert len(halved.best_estimator_.weights_) == len(full.best_estimator_.weights_)
