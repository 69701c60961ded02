"""The course's commands: `python notebooks/course.py --help` lists them."""

import argparse
import asyncio
import json
import logging
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import editions
import nbformat
from emotions.files import DataError, alone, read_json, write_json
from emotions.settings import PREFIX, ROOT, Settings, SettingsError, read_settings
from jupyter_client import KernelManager
from nbconvert.preprocessors import (
    CellExecutionError,
    CoalesceStreamsPreprocessor,
    ExecutePreprocessor,
    TagRemovePreprocessor,
)
from pages import REPORT, configuration, write_decks, write_pages, write_site

NOTEBOOKS = Path(__file__).resolve().parent
BACKEND = "MPLBACKEND"  # of matplotlib; Jupyter shows figures by its own, unless this names another


class NotebookError(RuntimeError):
    """A notebook that stopped with an error; the message names it and shows the error's end."""


@dataclass(frozen=True)
class Prepared:
    """What all notebooks of one run share, decided before the first one."""

    settings: Settings  # with the folders of the data and the weights decided
    folder: Path  # of this data set's results: output/<data set>


def prepare(settings: Settings) -> Prepared:
    """Prepare data and weights once for all notebooks, and say what they are."""
    # imported here because TensorFlow takes seconds, which `lab` and `--help` need not wait for
    from emotions.course import opening
    from emotions.network import backbone

    weights_folder = settings.data / "weights"
    train, test = opening.find_folders(settings)
    data = opening.load_data(settings.changed(train_data=train, val_data=test))
    weights, sentence = backbone.choose_weights(settings.weights, weights_folder)
    # built once here, so that a missing or broken file shows before the first notebook
    backbone.build(weights, settings.image_size, weights_folder, settings.random_seed)
    print(f"Data: {data.title}.")
    opening.examine(settings, data)
    print(sentence)
    print(f"Precision: {backbone.choose_precision(settings.precision)}.", flush=True)
    decided = settings.changed(train_data=train, val_data=test, weights=weights)
    return Prepared(decided, decided.output / data.name)


def course_notebooks(folder: Path = NOTEBOOKS) -> list[Path]:
    """Return the notebooks in a folder in the order of the course."""
    found = folder.glob("0*.ipynb")  # also what JupyterLab calls 04_training-Copy1.ipynb
    return sorted(file for file in found if re.fullmatch(r"\w+", file.stem))


def run_notebooks(notebooks: Sequence[Path], course: Prepared) -> list[Path]:
    """Run notebooks one after the other; write their pages, durations and the report.

    Return what was written to `course.folder`. A second run for the same folder waits until this
    one has ended, so that they do not mix their results.
    """
    with alone(course.folder):
        began = time.time()
        durations = course.folder / "durations.json"
        whole = set(course_notebooks(notebooks[0].parent)) <= set(notebooks)
        with closing(execute(notebooks, course.settings)) as executed:
            for notebook in notebooks:
                print(f"{notebook.stem} … ", end="", flush=True)
                started = time.monotonic()
                write_pages(next(executed), notebook, course.folder)
                seconds = time.monotonic() - started
                print(f"{seconds:.0f} s", flush=True)
                # of a whole run the sum is to be of this run alone
                anew = whole and notebook == notebooks[0]
                note_duration(durations, notebook.stem, seconds, anew=anew)
        files = sorted(path for path in course.folder.rglob("*") if path.is_file())
        return [path for path in files if path.stat().st_mtime >= began]


def execute(notebooks: Sequence[Path], settings: Settings) -> Iterator[nbformat.NotebookNode]:
    """Yield each notebook with its outputs, run in a fresh kernel, in its own folder.

    The next one's kernel starts meanwhile: that and its imports take five seconds.
    """
    if sys.platform == "win32":  # the loop that a kernel's sockets need, as nbconvert sets it too
        asyncio.set_event_loop_policy(asyncio.WindowsSelectorEventLoopPolicy())
    starting = (start_kernel(notebook.parent, settings) for notebook in notebooks)
    following = next(starting, None)
    try:
        for notebook in notebooks:
            kernel, following = following, None
            try:
                following = next(starting, None)
                executed = run_in(kernel, notebook)
            finally:
                kernel.shutdown_kernel(now=True)
            yield executed
    finally:
        if following is not None:
            following.shutdown_kernel(now=True)


def start_kernel(folder: Path, settings: Settings) -> KernelManager:
    """Start a kernel of this Python in a folder; it gets the settings and imports the course."""
    kernel = KernelManager(client_class="jupyter_client.asynchronous.AsyncKernelClient")
    kernel.start_kernel(
        cwd=str(folder),
        env=without(PREFIX, BACKEND) | as_environment(settings),
        extra_arguments=[
            "--HistoryManager.hist_file=:memory:",  # not among what you typed yourself
            "--IPKernelApp.exec_lines=import emotions.course.opening; del emotions",
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    return kernel


def without(*beginnings: str) -> dict[str, str]:
    """Return the environment without the variables whose names begin so, in any case of letters."""
    return {name: x for name, x in os.environ.items() if not name.upper().startswith(beginnings)}


def run_in(kernel: KernelManager, notebook: Path) -> nbformat.NotebookNode:
    """Run a notebook in a kernel as nbconvert does, and return it with its outputs."""
    how, about = {"config": configuration()}, {"metadata": {"path": str(notebook.parent)}}
    runner = ExecutePreprocessor(**how)
    try:
        read = nbformat.read(notebook, as_version=4)
        read.metadata.pop("widgets", None)  # what widgets showed when it was saved
        read, _ = TagRemovePreprocessor(**how).preprocess(read, about)
        read, _ = runner.preprocess(read, about, km=kernel)
    except (CellExecutionError, RuntimeError, ValueError) as error:  # a dead kernel, a damaged file
        raise NotebookError(f"{notebook.stem} stopped:\n{readable_error(str(error))}") from None
    finally:
        if runner.kc is not None:
            runner.kc.stop_channels()
    return CoalesceStreamsPreprocessor(**how).preprocess(read, about)[0]


def as_environment(settings: Settings) -> dict[str, str]:
    """Return the settings as `EMOTIONS_*` variables, to hand them to a notebook's kernel."""
    values = settings.model_dump(mode="json", exclude_none=True)
    return {
        PREFIX + name.upper(): value if isinstance(value, str) else json.dumps(value)
        for name, value in values.items()
    }


def readable_error(words: str) -> str:
    """Return the end of an error's message: its last 8 lines, without colours.

    Of an error that the course itself raises, its one sentence is enough.
    """
    plain = re.sub(r"\x1b\[[0-9;]*m", "", words)
    filled = [line.rstrip() for line in plain.splitlines() if line.strip()]
    ours = re.match(
        r"[\w.]*\b(?:Data|Weights|Settings|Cluster)Error: (.+)", filled[-1] if filled else ""
    )
    if ours:
        return f"    {ours[1]}"
    return "\n".join(f"    {line[:200]}" for line in filled[-8:])


def note_duration(file: Path, name: str, seconds: float, *, anew: bool = False) -> None:
    """Write a notebook's seconds, the sum and the peak of memory to `durations.json`.

    Those of other notebooks stay, unless it is to begin anew.
    """
    earlier = read_json(file) if file.is_file() and not anew else {}
    notebooks = dict(sorted({**earlier.get("notebooks", {}), name: round(seconds, 1)}.items()))
    durations = {"notebooks": notebooks, "total": round(sum(notebooks.values()), 1)}
    peak = max(peak_memory() or 0, earlier.get("peak_memory_mb", 0))
    if peak:
        durations["peak_memory_mb"] = peak
    write_json(file, durations)


def peak_memory() -> int | None:
    """Return the largest resident memory of any process of this run so far, in MB.

    Linux starts a child's count at what this process held when it started the child, so that the
    one that prepared the data is in it. Windows has no such count: None there.
    """
    try:
        import resource
    except ImportError:
        return None
    largest = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    return round(largest / (1e6 if sys.platform == "darwin" else 1e3 / 1.024))


def report(only: str | None, notebooks: Path = NOTEBOOKS) -> None:
    """Run all notebooks, or only one, with the parameters of the environment."""
    found = course_notebooks(notebooks)
    chosen = [each for each in found if only in (None, each.stem, each.stem.split("_")[0])]
    if not chosen:
        names = ", ".join(notebook.stem for notebook in found) or "none is there"
        raise DataError(f"There is no notebook {only or '0*.ipynb'} in {notebooks}: {names}.")
    course = prepare(read_settings())
    run_notebooks(chosen, course)
    if chosen[-1].stem == REPORT:
        print(f"Report: {seen_from_here(course.folder / 'report.html')}")


def check() -> None:
    """Print what this computer has, and what to do; run the first notebook."""
    from emotions.course import check as environment

    for what, line in environment.check(read_settings()).iterrows():
        print(f"{what + ':':<10} {line['found']}. To do: {line['what to do']}")
    report(course_notebooks()[0].stem)


def seen_from_here(path: Path) -> Path:
    """Return a path relative to the working directory if it lies inside it."""
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path


def lab(arguments: Sequence[str]) -> int:
    """Start JupyterLab on the first notebook; returns its exit status."""
    first = course_notebooks()[:1]
    command = [sys.executable, "-m", "jupyterlab", *(path.name for path in first)]
    with subprocess.Popen([*command, *arguments], cwd=NOTEBOOKS, env=without(BACKEND)) as server:
        while True:
            with suppress(KeyboardInterrupt):  # JupyterLab has it too, and asks what it shall do
                return server.wait()


def write_editions() -> None:
    """Write the student's and the teacher's edition, each as a folder and as a zip."""
    for edition in editions.write(course_notebooks(), read_settings().output / "editions"):
        zipped = seen_from_here(editions.pack(edition))
        print(f"{edition.name.capitalize()}'s edition: {seen_from_here(edition)}, {zipped}")


def executed_notebooks() -> tuple[Prepared, dict[Path, nbformat.NotebookNode]]:
    """Return what all notebooks share, and each with its outputs.

    What never ran, or was changed since, runs first.
    """
    course = prepare(read_settings())
    found, ran = course_notebooks(), course.folder / "notebooks"
    missing = [file for file in found if not is_newer(ran / file.name, file)]
    if missing:
        run_notebooks(missing, course)
    return course, {file: nbformat.read(ran / file.name, as_version=4) for file in found}


def is_newer(made: Path, source: Path) -> bool:
    """Tell whether a file is there that was made of another one as it is now."""
    changed = max(source.stat().st_mtime, source.stat().st_ctime)  # unpacked: with an old mtime
    return made.is_file() and made.stat().st_mtime >= changed


def write_slides() -> None:
    """Write a deck per notebook to `output/slides/<data set>`."""
    course, executed = executed_notebooks()
    decks = course.settings.output / "slides" / course.folder.name
    write_decks(executed, decks)
    print(f"Slides: {seen_from_here(decks)}")


def write_published() -> None:
    """Write what may be published to `output/site/<data set>`."""
    course, executed = executed_notebooks()
    folder = course.settings.output / "site" / course.folder.name
    drawn = course.folder.name == "sample"  # faces of people are not to be published
    write_site(executed, folder, faces=drawn)
    print(f"Site: {seen_from_here(folder / 'index.html')}")


def make_reference() -> None:
    """Make all of `output/fer2013` again, but for the shipped classifier and `results.json`.

    Default parameters, whatever the environment says; what no code writes any more is removed.
    `ladder.csv` and `curves.csv` come from the kept runs (`data/runs`), with `results.json`;
    without runs these three stay as they are.
    """
    for name in [name for name in os.environ if name.upper().startswith(PREFIX)]:
        del os.environ[name]
    import run_recipes
    from emotions.course import opening
    from emotions.measuring import runs

    found = opening.open_course()
    folder = ROOT / "output" / "fer2013"
    if found.origin != "genuine FER-2013" or found.folder != folder:
        raise DataError(f"The reference is of the genuine FER-2013, but here is {found.origin}.")
    if runs.finished(run_recipes.runs_folder(found), rungs=False):
        run_recipes.evaluate()
    else:
        print("No runs are kept here: results.json, ladder.csv and curves.csv stay as they are.")
    kept = {"classifier.safetensors", "results.json", "ladder.csv", "curves.csv"}
    earlier = {path.name for path in folder.iterdir() if path.is_file()} - kept
    run_recipes.write_card(folder)
    written = run_notebooks(course_notebooks(), prepare(read_settings()))
    for name in sorted(earlier - {path.name for path in written} - {"MODEL_CARD.md"}):
        print(f"No code writes {name} any more: removed.")
        (folder / name).unlink()


def download() -> None:
    """Download FER-2013 into the data folder."""
    from emotions.data import sources

    sources.download(read_settings().data)


@contextmanager
def clear_endings() -> Iterator[None]:
    """End with one readable message: status 2 for bad input, 1 for a notebook's error."""
    try:
        yield
    except (SettingsError, DataError) as error:
        print(error, file=sys.stderr)
        sys.exit(2)
    except NotebookError as error:
        print(f"\n{error}", file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        logging.getLogger("asyncio").setLevel(logging.CRITICAL)  # who watched the kernel complains
        print("\nStopped.", file=sys.stderr)
        sys.exit(130)


COMMANDS = {  # without parameters of their own
    "check": (check, "see what this computer has, and run the first notebook"),
    "editions": (write_editions, "write the notebooks without and with the solutions, also zipped"),
    "slides": (write_slides, "write a deck of slides of every notebook"),
    "site": (write_published, "write a folder to publish, without a face of a person"),
    "download": (download, "download FER-2013 into the data folder"),
    "reference": (make_reference, "make output/fer2013, the committed results, again"),
}


def command_line() -> argparse.ArgumentParser:
    """Describe the commands."""
    parser = argparse.ArgumentParser(
        description="Commands of the course on facial emotion recognition.",
        epilog="Parameters are environment variables, as EMOTIONS_EPOCHS=10; "
        "`.venv/bin/python notebooks/train.py --help` lists them.",
    )
    commands = parser.add_subparsers(dest="command", required=True)
    running = commands.add_parser("report", help="run the notebooks and write the report")
    running.add_argument(
        "--only", metavar="NOTEBOOK", help="run one notebook, as 04_training or 04"
    )
    commands.add_parser("lab", help="open the course; further arguments go to JupyterLab")
    for name, (_, words) in COMMANDS.items():
        commands.add_parser(name, help=words)
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit status."""
    parser = command_line()
    chosen, others = parser.parse_known_args(arguments)
    if others and chosen.command != "lab":
        parser.error(f"unrecognized arguments: {' '.join(others)}")
    with clear_endings():
        if chosen.command == "lab":
            return lab(others)
        if chosen.command == "report":
            report(chosen.only)
        else:
            COMMANDS[chosen.command][0]()
    return 0


if __name__ == "__main__":
    sys.exit(main())
