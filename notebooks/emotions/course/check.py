"""What this computer has for the course, in plain words, with the mend for what is missing."""

import platform
import shutil
from pathlib import Path
from typing import NamedTuple

import joblib
import pandas as pd
import psutil

from emotions.course import colab
from emotions.data.sources import SOURCES
from emotions.network import backbone
from emotions.settings import Settings

MEMORY_NEEDED = 5.2  # GB: `make report` on FER-2013, all its processes together
DISK_NEEDED = 3.0  # GB: caches of pixels and features of FER-2013
MEMORY_LIMIT = Path("/sys/fs/cgroup/memory.max")  # of a container, for instance on Binder
KINDS = {
    "mixed_bfloat16": "16-bit numbers (bfloat16), which this processor multiplies itself",
    "float32": "32-bit numbers",
}


class Finding(NamedTuple):
    """One line of the check: what was looked at, what is there, and what to do about it, if so."""

    what: str
    found: str
    mend: str = ""


def check(settings: Settings) -> pd.DataFrame:
    """Return what is there and what to do, one row for each thing that the course needs."""
    findings = [data(settings), weights(settings), precision(settings)]
    findings += [memory(), cores(), disk(settings.data), packages()]
    pd.set_option("display.max_colwidth", None)  # half a mend mends nothing
    table = pd.DataFrame(findings, columns=["", "found", "what to do"]).set_index("")
    return table.replace({"what to do": {"": "nothing"}})


def data(settings: Settings) -> Finding:
    """Say which faces the notebooks will use, without opening them."""
    drawn = settings.data / "drawn_faces"  # what a run of the whole course names, without others
    if settings.train_data and not settings.train_data.is_relative_to(drawn):
        missing = [f for f in (settings.train_data, settings.val_data) if not f.is_dir()]
        mends = [
            f"There is no folder {folder}: correct EMOTIONS_TRAIN_DATA or EMOTIONS_VAL_DATA."
            for folder in missing
        ]
        return Finding("data", f"the folder {settings.train_data}", " ".join(mends))
    names = ("Face_emotions", *SOURCES)
    found = [name for name in names if (settings.data / name).exists()]
    if found:
        return Finding("data", f"{found[0]} in {settings.data}")
    return Finding(
        "data",
        "no data set; the course draws its own faces",
        f"For FER-2013 put Kaggle's archive.zip into {settings.data}, or run "
        "`make download`. Without it everything works, on drawn faces.",
    )


def weights(settings: Settings) -> Finding:
    """Say which weights the backbone will get, and how to get VGG-Face's own."""
    folder = settings.data / "weights"
    chosen, _ = backbone.choose_weights(settings.weights, folder)
    mend = ""
    if chosen == "hed":
        mend = (
            f"For VGG-Face leave EMOTIONS_WEIGHTS at auto, and go online or put "
            f"{backbone.WEIGHTS_FILE} into {folder}. Without it everything works, with stand-ins."
        )
    elif chosen not in backbone.TITLES and not Path(chosen).is_file():
        mend = f"There is no file {chosen}: correct EMOTIONS_WEIGHTS, or leave it out."
    return Finding("weights", backbone.TITLES.get(chosen, f"your file {chosen}"), mend)


def precision(settings: Settings) -> Finding:
    """Say in which numbers the backbone computes."""
    return Finding("numbers", KINDS[backbone.choose_precision(settings.precision)])


def memory() -> Finding:
    """Say how much memory is free."""
    free = psutil.virtual_memory().available / 1e9
    limit = MEMORY_LIMIT.read_text().strip() if MEMORY_LIMIT.is_file() else "max"
    if limit != "max":  # of a container; what its files left in memory can be had back
        lines = MEMORY_LIMIT.with_name("memory.stat").read_text().splitlines()
        cached = int(dict(line.split() for line in lines)["inactive_file"])
        used = int(MEMORY_LIMIT.with_name("memory.current").read_text()) - cached
        free = min(free, (int(limit) - used) / 1e9)
    mend = (
        "" if free >= MEMORY_NEEDED else f"The course needs {MEMORY_NEEDED} GB on FER-2013: "
        "close other programs, and other notebooks with Kernel, Shut Down All Kernels."
    )  # fmt: skip
    return Finding("memory", f"{free:.1f} GB free", mend)


def cores() -> Finding:
    """Say how many processor cores this process may use, in a container too."""
    allowed = joblib.cpu_count()
    mend = "" if allowed > 1 else "The times on the map are for 2 cores: allow twice as long."
    return Finding("cores", f"{allowed}, {platform.machine()}", mend)


def disk(folder: Path) -> Finding:
    """Say how much room there is for the course's caches."""
    there = next(place for place in (folder, *folder.parents) if place.exists())
    free = shutil.disk_usage(there).free / 1e9
    mend = (
        "" if free >= DISK_NEEDED else f"FER-2013 needs {DISK_NEEDED:.0f} GB in {folder}: make "
        "room; `make clean` takes away what earlier runs left, trained recipes too."
    )  # fmt: skip
    return Finding("disk", f"{free:.0f} GB free in {there}", mend)


def packages() -> Finding:
    """Compare the packages with what the course needs."""
    words = f"Python {platform.python_version()}, TensorFlow {colab.installed('tensorflow')}"
    if not colab.ENVIRONMENT.is_file():
        return Finding("packages", words, f"{colab.ENVIRONMENT} is gone: unpack the course again.")
    wrong = ", ".join(f"{needed} (found: {found})" for needed, found in colab.missing().items())
    mend = f"The course needs {wrong}: run `make uninstall`, then `make lab`." if wrong else ""
    return Finding("packages", words, mend)
