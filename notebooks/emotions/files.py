"""Writing files and folders: each appears whole or not at all, and only one process makes it."""

import hashlib
import json
import mmap
import os
import platform
import re
import shutil
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import psutil
from filelock import FileLock, Timeout

SECONDS_BEFORE_SAYING_SO = 1.0
PATIENCE = 5.0  # seconds in which a scanner of viruses has read a new file
BYTES_AT_ONCE = 2**23  # 56 images of 224x224 in colour


class DataError(ValueError):
    """The data cannot be used or kept.

    Functions that read or write what is yours raise it, with one sentence that names the file or
    folder and the mend.
    """


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`; what is written there becomes `path` at the end.

    After an error, and after the process was killed, `path` is as it was before.
    """
    with scratch(path) as temporary:
        temporary.touch()
        usual = temporary.stat().st_mode
        yield temporary
        with suppress(OSError):  # safetensors lets nobody else read; some disks know no modes
            temporary.chmod(usual)
        _rename(temporary, path)


@contextmanager
def new_folder(target: Path) -> Iterator[Path]:
    """Yield an empty folder to fill; it gets the name `target` when everything went well.

    If another process was faster, its folder stays and this one goes.
    """
    with scratch(target) as unfinished:
        unfinished.mkdir()
        yield unfinished
        try:
            _rename(unfinished, target)
        except OSError:
            if not target.is_dir():
                raise


def _rename(path: Path, target: Path) -> None:
    """Rename a file or folder, in the place of what is there; on Windows a scanner may hold it."""
    late = time.monotonic() + (PATIENCE if os.name == "nt" else 0)
    while True:
        try:
            return os.replace(path, target)
        except PermissionError:
            if time.monotonic() >= late:
                raise
            time.sleep(0.1)


@contextmanager
def scratch(target: Path) -> Iterator[Path]:
    """Yield a hidden path beside `target` for a file or a folder; it is gone afterwards.

    What a killed process left beside `target` goes as well.
    """
    process = psutil.Process()
    mark = f"{process.pid}-{process.create_time():.0f}-{_machine()}-{uuid.uuid4().hex[:8]}"
    temporary = target.with_name(f".{target.stem[:40]}.unfinished-{mark}{target.suffix}")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        remove_leftovers(target.parent)
        yield temporary
    except OSError as error:
        raise DataError(
            f"{target} cannot be written ({error.strerror or one_line(error)}); "
            "free some space, close it in other programs, or allow writing there."
        ) from error
    finally:
        _remove(temporary)


def one_line(error: Exception) -> str:
    """Return the first line of an error's message, printable and without its full stop."""
    lines = str(error).strip().splitlines() or [type(error).__name__]
    plain = "".join(letter if letter.isprintable() else "?" for letter in lines[0])
    return plain.rstrip(".")


def _machine() -> str:
    """Return a short name of this machine: a shared folder may be in use on another one."""
    return hashlib.sha256(platform.node().encode()).hexdigest()[:8]


def remove_leftovers(folder: Path) -> None:
    """Remove the unfinished files and folders of processes of this machine that were killed."""
    for path in folder.glob(".*.unfinished-*"):
        mark = re.search(r"\.unfinished-(\d+)-(\d+)-([0-9a-f]{8})-[0-9a-f]{8}", path.name)
        if mark and mark[3] == _machine() and not _is_running(int(mark[1]), int(mark[2])):
            _remove(path)


def _is_running(process_id: int, start: int) -> bool:
    """Say whether the process with this id that began at `start` (s since 1970) still runs."""
    try:
        return abs(psutil.Process(process_id).create_time() - start) < 2
    except psutil.Error:
        return False


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
        return
    with suppress(OSError):  # a read-only folder: it stays, as everything else there
        path.unlink(missing_ok=True)


@contextmanager
def alone(target: Path) -> Iterator[None]:
    """Wait until no other thread or process of yours is in such a block for the same `target`.

    The system itself ends the lock of a process that dies. Where no lock can be had, or from
    another machine, two processes may make the same thing, and the first to finish it counts.
    """
    with ExitStack() as held:
        with suppress(OSError):
            lock = FileLock(_lock_file(target))
            try:
                held.enter_context(lock.acquire(timeout=SECONDS_BEFORE_SAYING_SO))
            except Timeout:
                print(f"Another run is making {target.name}; this one waits for it.", flush=True)
                held.enter_context(lock.acquire())
        yield


def _lock_file(target: Path) -> Path:
    """Return a file to lock for `target`, in a temporary folder that only this user can write to.

    OSError says that there is no such folder.
    """
    user = os.getuid() if hasattr(os, "getuid") else 0  # Windows: 0 is also what lstat says
    folder = Path(tempfile.gettempdir()) / f"emotions-course-{user}"
    folder.mkdir(mode=0o700, exist_ok=True)
    if folder.lstat().st_uid != user:
        raise PermissionError("the folder of the locks is somebody else's")
    name = hashlib.sha256(str(target.resolve()).encode("utf-8", "surrogateescape")).hexdigest()
    return folder / f"{name[:32]}.lock"


def write_text(path: Path, text: str) -> None:
    """Write a text in UTF-8, its lines as they are on every system."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="\n")


def write_json(path: Path, content: Any) -> None:
    """Write `content` as JSON, keys in their order, numbers with six decimals or digits."""
    write_text(path, json.dumps(_rounded(content), indent=1, ensure_ascii=False) + "\n")


def read_json(path: Path) -> Any:
    """Return what `write_json` wrote; FileNotFoundError if there is no such file."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise DataError(
            f"{path} is damaged ({one_line(error)}); delete it and run again."
        ) from None


def write_table(path: Path, table: pd.DataFrame) -> None:
    """Write a table with its index as CSV, numbers with at most six decimals."""
    with replacing(path) as temporary:
        table.round(6).to_csv(temporary, lineterminator="\n", encoding="utf-8")


def _rounded(content: Any) -> Any:
    if isinstance(content, dict):
        return {str(key): _rounded(value) for key, value in content.items()}
    if isinstance(content, (list, tuple)):
        return [_rounded(value) for value in content]
    if hasattr(content, "item"):  # a NumPy scalar
        content = content.item()
    if not isinstance(content, float):
        return content
    return round(content, 6) if abs(content) >= 1e-3 else float(f"{content:.6g}")


def give_pages_back(array: Any) -> None:
    """Let go of a memory-mapped file's pages that this process has read or written.

    They come back from the file when they are needed; without this they stay, and count as this
    process' memory until the whole file is in it. A view counts as its map; other arrays and None
    stay as they are.
    """
    while array is not None and not isinstance(array, mmap.mmap):
        array = getattr(array, "base", None)  # the last base of a memory map is the map itself
    if array is not None and hasattr(mmap, "MADV_DONTNEED"):
        array.madvise(mmap.MADV_DONTNEED)


def read_rows(array: Any, rows: Any) -> np.ndarray:
    """Return `array[rows]`; of a memory-mapped file without mapping its pages.

    One touched byte of a map brings up to 2 MiB of the file into this process' memory (Linux maps
    a whole large folio), so that a few thousand scattered rows would bring all of a file. `array`
    is a map of a whole file as `numpy.load` makes it, and `rows` are numbers of rows, int of any
    shape; other arrays, or by another index, are asked themselves. IndexError if there is no such
    row.
    """
    whole = isinstance(array, np.memmap) and isinstance(array.base, mmap.mmap)
    in_rows = whole and array.flags.c_contiguous and array.ndim > 1 and array.size
    numbered = isinstance(rows, np.ndarray) and rows.dtype.kind in "iu"
    if not (in_rows and numbered and array.filename and Path(array.filename).is_file()):
        return array[rows]
    for row in (rows.min(), rows.max()) if rows.size else ():
        if not -len(array) <= row < len(array):
            raise IndexError(f"{array.filename} has {len(array)} rows, but not row {row}.")
    numbers = rows.astype(np.int64) % len(array)  # from the end too
    found = np.empty((*rows.shape, *array.shape[1:]), array.dtype)
    places = found.view(np.uint8).reshape(rows.size, array.strides[0])
    with open(array.filename, "rb", buffering=0) as file:
        for row, place in zip(numbers.ravel().tolist(), places, strict=True):
            file.seek(array.offset + row * array.strides[0])
            if file.readinto(place) < place.size:
                raise DataError(f"{array.filename} became shorter while it was read: run again.")
    return found


def batches(array: np.ndarray) -> list[slice]:
    """Return slices of an array's rows, each of at most `BYTES_AT_ONCE` or one row."""
    step = max(1, BYTES_AT_ONCE // max(1, array[:1].nbytes))
    return [slice(start, start + step) for start in range(0, len(array), step)]


def row_by_row(array: np.ndarray) -> Iterator[np.ndarray]:
    """Yield the rows of an array; of a memory-mapped one only `BYTES_AT_ONCE` are in memory."""
    for rows in batches(array):
        yield from array[rows]
        give_pages_back(array)
