"""Dask workers for the grid search: on this machine, or on others behind a scheduler."""

import contextlib
import re
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import joblib
import numpy as np
from distributed import Client, LocalCluster
from distributed.security import Security
from joblib._dask import DaskDistributedBackend

from emotions.files import one_line
from emotions.settings import LOCAL_WORKERS, Settings

PACKAGE = Path(__file__).resolve().parents[1]
SECONDS = 15  # to wait for a scheduler or a worker
# A worker does one fit at a time on one core. Several threads in each would wait for each other.
ONE_THREAD = {"TF_NUM_INTRAOP_THREADS": "1", "TF_NUM_INTEROP_THREADS": "1"}


class ClusterError(RuntimeError):
    """The workers cannot be used; the message says why and what to do."""


@contextlib.contextmanager
def connect(settings: Settings) -> Iterator[Client | None]:
    """Yield a client of the workers that the setting `scheduler` names; None for this process.

    Workers on this machine end with the context; those of a scheduler go on.
    """
    if settings.scheduler is None:
        yield None
        return
    with contextlib.ExitStack() as stack:
        if settings.scheduler.startswith("local"):
            local = stack.enter_context(_local_workers(settings.scheduler))
            client = stack.enter_context(Client(local, set_as_default=False))
        else:
            client = stack.enter_context(_of_scheduler(settings))
            _hand_over_code(client)
        _check_workers(client)
        yield client


def _local_workers(scheduler: str) -> LocalCluster:
    count = re.fullmatch(LOCAL_WORKERS, scheduler)[1]
    return LocalCluster(
        n_workers=int(count or joblib.cpu_count(only_physical_cores=True)),
        threads_per_worker=1,
        env=ONE_THREAD,
        dashboard_address="127.0.0.1:0",  # the link is for this machine, on any free port
        silence_logs="CRITICAL",
    )


def _of_scheduler(settings: Settings) -> Client:
    security = None
    try:
        if settings.scheduler.startswith("tls://"):
            security = Security(
                tls_ca_file=str(settings.tls_ca),
                tls_client_cert=str(settings.tls_certificate),
                tls_client_key=str(settings.tls_key),
                require_encryption=True,
            )
        return Client(settings.scheduler, security=security, timeout=SECONDS, set_as_default=False)
    except (OSError, ValueError) as error:
        raise ClusterError(
            f"The Dask scheduler {settings.scheduler} cannot be used "
            f"({one_line(error)}): start it with `dask scheduler`, check address and "
            "certificates, or leave the setting scheduler out."
        ) from None


def _hand_over_code(client: Client) -> None:
    """Give the workers of other machines this package, as it is here."""
    with tempfile.TemporaryDirectory() as folder:
        name = str(Path(folder) / PACKAGE.name)
        client.upload_file(shutil.make_archive(name, "zip", PACKAGE.parent, PACKAGE.name))


def _check_workers(client: Client) -> None:
    try:
        client.wait_for_workers(1, timeout=SECONDS)
        client.get_versions(check=True, packages=["keras", "tensorflow", "sklearn"])
    except TimeoutError:
        raise ClusterError(
            f"The scheduler {client.scheduler.address} has no worker after {SECONDS} s: start one "
            f"with `dask worker {client.scheduler.address} --nthreads 1`."
        ) from None
    except ValueError as error:  # Dask's table of versions
        raise ClusterError(
            "The workers have other packages than this notebook; install requirements.lock on "
            f"all machines:\n{error}"
        ) from None


class _AlsoOne(DaskDistributedBackend):
    """Gives the fits to a single worker too; where one job is enough, joblib does it itself."""

    def effective_n_jobs(self, n_jobs: int) -> int:
        return max(2, super().effective_n_jobs(n_jobs))


@contextlib.contextmanager
def doing_all(client: Client | None, arrays: list[np.ndarray]) -> Iterator[None]:
    """Let scikit-learn's fits run on Dask's workers, if there are any.

    All arrays go to each worker once. That is for speed, and so that nothing is lost with a
    worker: joblib itself would give each array to a single one, and Dask's memory manager would
    take away what it holds for spare copies.
    """
    if client is None:
        yield
        return
    manages_memory = client.amm.running()
    client.amm.stop()
    try:
        with joblib.parallel_config(_AlsoOne(client=client, scatter=arrays)):
            yield
    finally:
        if manages_memory:
            client.amm.start()


def describe(client: Client | None) -> str:
    """Return who does the fits, and where to watch them."""
    if client is None:
        return "The fits run in this kernel."
    names = sorted(str(x["name"]) for x in client.scheduler_info(n_workers=-1)["workers"].values())
    return f"{len(names)} workers ({', '.join(names)}). Dashboard: {client.dashboard_link}"
