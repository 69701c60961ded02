"""Every solution passes its check, every open exercise and typical mistake gets its remark."""

import inspect
import json
from functools import cache
from pathlib import Path
from types import SimpleNamespace

import course
import editions
import nbformat
import numpy as np
import pages
import pandas as pd
import pytest
from emotions.exercises.verdict import Verdict, exercise
from emotions.network import inputs as preprocessing
from emotions.network.quiet_keras import keras
from nbconvert import NotebookExporter

CLASSES = ["angry", "happy", "sad"]


class Exercise:
    """The cells of one exercise, as they lie in a notebook."""

    def __init__(self, notebook: str, cells: list[nbformat.NotebookNode]):
        self.notebook = notebook
        self.task, self.solution, self.stub, self.check = cells
        self.name = self.check.source.split("check.")[1].split("(")[0]

    def verdict(self, answer: str) -> Verdict:
        """Return what the check cell says after a cell with this answer."""
        names = surroundings(self.notebook)
        exec(compile(names["imports"], "import", "exec"), names)
        exec(compile(answer, "answer", "exec"), names)
        return eval(compile(self.check.source, "check", "eval"), names)


def tags(cell: nbformat.NotebookNode) -> list[str]:
    return cell.metadata.get("tags", [])


@cache
def exercises() -> list[Exercise]:
    """Return all exercises of the course: each task cell with the three cells after it."""
    found = []
    for file in course.course_notebooks():
        cells = nbformat.read(file, as_version=4).cells
        starts = [row for row, cell in enumerate(cells) if "task" in tags(cell)]
        found += [Exercise(file.stem, cells[row : row + 4]) for row in starts]
    return found


def surroundings(notebook: str) -> dict:
    """Return what a notebook has made before its exercises, on a small scale."""
    names = {"np": np, "pd": pd, "keras": keras, "preprocessing": preprocessing}
    counts = pd.DataFrame({"train": [10, 30, 20], "test": [5, 12, 8]}, index=CLASSES)
    faces = [np.full((4, 4, 1), grey) for grey in (100.0, 120.0, 130.0)]
    faces[0][:2] += 60  # darker and lighter pixels that cancel in a mean without absolute values
    faces[0][2:] -= 31
    history = pd.DataFrame(
        {
            "loss": [2.0, 1.5, 1.2, 1.0],
            "accuracy": [0.2, 0.4, 0.6, 0.8],
            "val_loss": [1.9, 1.6, 1.7, 1.8],
            "val_accuracy": [0.2, 0.3, 0.4, 0.35],
        },
        index=pd.RangeIndex(1, 5, name="epoch"),
    )
    table = pd.DataFrame(
        {
            "optimizer": ["SGD", "SGD", "SGD", "Adam", "Adam", "Adam"],
            "mean": [0.39, 0.2, 0.25, 0.37, 0.36, 0.3],
            "spread": [0.01, 0.02, 0.03, 0.04, 0.05, 0.06],
        }
    )
    part = SimpleNamespace(classes=CLASSES)
    rungs = pd.DataFrame(
        {
            "rung": ["mean", "pool3", "views", "mean", "pool3"],
            "weights": ["hed"] * 3 + ["random"] * 2,
            "accuracy_validation": [0.37, 0.52, 0.53, 0.2, 0.6],
        }
    )
    answers = np.array([[0.8, 0.1, 0.1], [0.2, 0.7, 0.1], [0.1, 0.6, 0.3], [0.5, 0.3, 0.2]])
    names |= {
        "rungs": rungs, "before": answers, "labels": np.array([0, 1, 2, 0]),
        "counts": counts, "means": faces, "emotions": 3, "table": table,
        "data": SimpleNamespace(train=part, test=part),
        "settings": SimpleNamespace(units=256, grid={"optimizer": ["SGD", "Adam"]}),
        "features": np.zeros((1, 512)),
        "task": SimpleNamespace(classes=CLASSES), "run": SimpleNamespace(history=history),
    }  # fmt: skip
    file = course.NOTEBOOKS / f"{notebook}.ipynb"
    cells = nbformat.read(file, as_version=4).cells
    names["imports"] = next(cell.source for cell in cells if cell.id == "try-import")
    return names


def of_name(name: str) -> Exercise:
    return next(one for one in exercises() if one.name == name)


each = pytest.mark.parametrize("one", exercises(), ids=lambda one: f"{one.notebook[:2]}-{one.name}")


@each
def test_the_cells_are_a_task_a_folded_solution_an_answer_and_a_check(one):
    assert [tags(c) for c in (one.task, one.solution, one.stub, one.check)] == [
        ["task"], ["solution"], ["exercise"], ["check"],
    ]  # fmt: skip
    assert one.solution.metadata.jupyter.source_hidden
    assert "<details><summary>Hint</summary>" in one.task.source


@each
def test_the_solution_passes(one):
    verdict = one.verdict(one.solution.source)
    assert verdict.right, verdict.remark


@each
def test_the_open_exercise_gets_a_remark_that_helps(one):
    verdict = one.verdict(one.stub.source)
    assert not verdict.right
    assert len(verdict.remark) > 40
    assert "✗" in verdict._repr_markdown_() and "Not yet" in repr(verdict)


@each
def test_an_answer_of_another_kind_gets_a_remark_and_stops_nothing(one):
    for nonsense in answers_of_another_kind(one):
        verdict = one.verdict(nonsense)
        assert not verdict.right, nonsense
        assert len(verdict.remark) > 20, nonsense


def answers_of_another_kind(one: Exercise) -> list[str]:
    """Return answers that are text, nothing, an array, or a function that gives none of use."""
    name = one.check.source.split("(", 1)[1].split(",")[0].rstrip(")")
    first = one.stub.source.split("=")[0].strip()
    before = one.stub.source.rsplit("\n", 1)[0] if first == "inputs" else ""
    broken = [f"def {name}(*inputs):\n    {end} 1 / 0" for end in ("return", "yield")]
    values = ["'many'", "None", "[]", "np.zeros(3)", "float('nan')", "10**400"]
    given = (
        "'many'",
        "np.array(['angry', 'sad'])",
        "dict.fromkeys(['happy', 'sad', 'angry', 'fear'])",
    )
    values += [f"lambda *inputs: {value}" for value in given]
    answers = [*(f"{name} = {value}" for value in values), *broken]
    return [f"{before}\n{answer}" for answer in answers]


# name of the check, a wrong answer, words of the remark that it deserves
MISTAKES = [
    ("balanced_floor", "guess = 12 / 25", "counts images"),
    ("balanced_floor", "guess = 100 / 3", "percentage"),
    ("balanced_floor", "guess = 0", "found every time"),
    ("balanced_floor", "guess = 1", "recall of the others"),
    ("most_alike", "pair = ('happy', 'happy')", "alike to itself"),
    ("most_alike", "pair = ('happy', 'joy')", "'joy' is no emotion"),
    ("most_alike", "pair = ('angry', 'sad')", "differ"),
    ("best_possible", "def best_possible(g, y):\n"
     "    s = pd.Series(y).groupby(g)\n    return s.agg(lambda x: x.value_counts().iloc[0]).sum()",
     "how many images"),
    *((name, answer, "percentage") for name, answer in (
        ("best_possible", "def best_possible(g, y):\n    return 75.0"),
        ("recall_per_emotion",
         "def recall_per_emotion(m):\n    return 100 * np.diag(m) / m.sum(axis=1)"),
        ("half_width", "def half_width(p, n):\n    return 196 * (p * (1 - p) / n) ** 0.5"),
        ("best_of_each", "best_each = 100 * table.groupby('optimizer')['mean'].max()"),
        ("honest_score", "def honest_score(v, t):\n    return 100 * t[v.argmax()]"),
        ("very_hot", "confidence = 100 / 3"),
        ("too_sure", "gap = 100 * (before.max(1).mean() - (before.argmax(1) == labels).mean())"),
    )),
    ("best_possible", "def best_possible(g, y):\n"
     "    return (pd.Series(y).groupby(g).transform('nunique') == 1).mean()", "as lost"),
    ("best_possible", "def best_possible(g, y):\n"
     "    return (pd.Series(y).groupby(g).nunique() == 1).mean()", "Count images"),
    ("best_possible", "def best_possible(g, y):\n    s = pd.Series(y).groupby(g).nunique()\n"
     "    return 1 - (s - 1).sum() / len(y)", "one image of each group"),
    ("class_numbers", "def class_numbers(n):\n"
     "    return {k: np.eye(4)[i] for i, k in enumerate(n)}", "one whole number"),
    ("class_numbers", "def class_numbers(n):\n    return {k: i + 1 for i, k in "
     "enumerate(sorted(n))}", "0, 1, 2, 3"),
    ("class_numbers", "def class_numbers(n):\n    return sorted(n)", "dictionary"),
    ("class_numbers", "def class_numbers(n):\n    found = {k: i for i, k in "
     "enumerate(sorted(n))}\n    return found if n[0] == 'happy' else found | {'new': 4}",
     "missing or new"),
    ("class_numbers", "def class_numbers(n):\n    return {k: i for i, k in "
     "enumerate(sorted(n, key=len))}", "order in which the disk"),
    ("white_in_red", "white = 255 - preprocessing.VGGFACE_MEAN[0]", "channel blue"),
    ("white_in_red", "white = 1.0", "[0, 1]"),
    ("white_in_red", "white = preprocessing.VGGFACE_MEAN[2] - 255", "sign"),
    ("smallest_input", "side = 48", "1x1"),
    ("smallest_input", "side = -5", "whole number of pixels"),
    ("smallest_input", "side = 144", "smaller is enough"),
    ("smallest_input", "side = 100", "smallest side"),
    ("smallest_input", "side = 80", "loses its rest"),
    ("leaked", "def leaked(g, a, b):\n    return len(set(a) & set(b))", "row numbers"),
    ("leaked", "def leaked(g, a, b):\n    return len(set(g[a]) & set(g[b]))", "count rows"),
    ("leaked", "def leaked(g, a, b):\n    return np.isin(g[b], g[a]).mean()", "share"),
    ("leaked", "def leaked(g, a, b):\n    return np.isin(g[a], g[b]).sum()", "rows on the left"),
    ("repaired_input", "def network_input(grey):\n    return grey / 255", "three channels"),
    ("repaired_input", "def network_input(grey):\n"
     "    return np.stack([grey] * 3, -1) / 255 - preprocessing.VGGFACE_MEAN", "same black"),
    ("repaired_input", "def network_input(grey):\n"
     "    return np.stack([grey] * 3, -1) - preprocessing.VGGFACE_MEAN[::-1]", "order is turned"),
    ("repaired_input", "def network_input(grey):\n"
     "    return np.stack([grey] * 3, -1) - grey.mean()", "White should become"),
    ("head_parameters", "inputs = 512\nparameters_of_head = 512 * 64 + 64 * 3", "biases"),
    ("head_parameters", "inputs = 512\nparameters_of_head = 513 * 64", "learns too"),
    ("head_parameters", "inputs = 512\nparameters_of_head = 512 + 64 + 3", "multiply"),
    ("numbers_per_face", "numbers = 512", "averaging"),
    ("numbers_per_face", "numbers = 3 * 3 * 512", "48 pixels"),
    ("numbers_per_face", "numbers = 12 * 12 * 512", "three times"),
    ("moved_weights", "def moved_weights(a, b):\n"
     "    return [p for p in a if (b[p] - a[p]).mean() != 0]", "absolute"),
    ("moved_weights", "def moved_weights(a, b):\n"
     "    return [p for p in a if (b[p] - a[p]).max() > 0]", "it falls"),
    ("moved_weights", "def moved_weights(a, b):\n    return np.array(3)", "list of paths"),
    ("moved_weights", "def moved_weights(a, b):\n    return [p for p in a if a[p] is not b[p]]",
     "two objects"),
    ("moved_weights", "def moved_weights(a, b):\n    return [p for p in a if np.all(a[p] != b[p])]",
     "np.any"),
    ("freeze_below", "def freeze_below(network, head):\n    network.layers[-1].trainable = True\n"
     "    for layer in network.layers[:-1]: layer.trainable = False\n    return network", "fc-3"),
    ("freeze_below", "def freeze_below(network, head):\n    return network", "Nothing is frozen"),
    ("freeze_below", "def freeze_below(network, head):\n    for layer in network.layers:\n"
     "        layer.trainable = layer.name.startswith('fc')\n    return network", "like theirs"),
    ("freeze_below", "def freeze_below(network, head):\n    for layer in network.layers:\n"
     "        layer.trainable = layer.name not in head\n    return network", "wrong way round"),
    ("first_loss", "loss = 1 / 3", "probability of the right"),
    ("first_loss", "loss = -np.log(3)", "sign"),
    ("first_loss", "loss = np.log2(3)", "base 2"),
    ("best_epochs", "epochs = (2, 1)", "count from 0"),
    ("best_epochs", "epochs = np.array(3)", "Two epochs belong here"),
    ("best_epochs", "epochs = (4, 4)", "training images"),
    ("best_epochs", "epochs = (2, 3)", "swapped"),
    ("recall_per_emotion", "def recall_per_emotion(m):\n    return np.diag(m) / m.sum(axis=0)",
     "precision"),
    ("recall_per_emotion", "def recall_per_emotion(m):\n    return np.diag(m).sum() / m.sum()",
     "accuracy"),
    ("half_width", "def half_width(p, n):\n    return (p * (1 - p) / n) ** 0.5", "1.96"),
    ("half_width", "def half_width(p, n):\n    return 1.96 * p * (1 - p) / n", "square root"),
    ("half_width", "def half_width(p, n):\n    return 3.92 * (p * (1 - p) / n) ** 0.5",
     "whole width"),
    ("counted", "def count(t, g, c):\n    m = np.zeros((c, c))\n    m[t, g] += 1\n    return m",
     "np.add.at"),
    ("counted", "def count(t, g, c):\n    m = np.zeros((c, c))\n    np.add.at(m, (g, t), 1)\n"
     "    return m", "swapped"),
    ("count_all_fits", "trainings = 120", "again"),
    ("count_all_fits", "trainings = 24", "fold"),
    ("count_all_fits", "trainings = 46", "multiply"),
    ("best_of_each", "best_each = table.groupby('optimizer')['mean'].mean()", "mean over all"),
    ("best_of_each", "best_each = table['mean'].max()", "One accuracy for each value"),
    ("best_of_each", "best_each = table.groupby('optimizer')['spread'].max()", "spread"),
    ("as_good", "def as_good(m, s):\n    return (m + s > m.max()).sum()", "own spread"),
    ("as_good", "def as_good(m, s):\n    return (m > m.max() - s[m.argmax()]).sum() - 1", "itself"),
    ("as_good", "def as_good(m, s):\n    return (m > m[0] - s[0]).sum()", "first row"),
    ("as_good", "def as_good(m, s):\n    return (m > m.max() - s.max()).sum()", "largest of all"),
    ("honest_score", "def honest_score(v, t):\n    return t.max()", "choose on the test"),
    ("honest_score", "def honest_score(v, t):\n    return v.max()", "validation accuracy"),
    ("honest_score", "def honest_score(v, t):\n    return t[((v + t) / 2).argmax()]", "Half"),
    ("cost_of_views", "factors = (10, 10)", "when the network is ready"),
    ("cost_of_views", "factors = (1, 2)", "mirror image"),
    ("largest_step", "step = 'views'", "shoulders"),
    ("largest_step", "step = 'mean'", "nothing is before it"),
    ("largest_step", "step = 'pool5'", "name of a rung"),
    ("deviations_apart", "def deviations_apart(a, b):\n    return b.mean() - a.mean()", "How many"),
    ("deviations_apart", "def deviations_apart(a, b):\n    return (b.mean() - a.mean()) / a.std()",
     "ddof=1"),
    ("deviations_apart", "def deviations_apart(a, b):\n"
     "    return (b.max() - a.max()) / a.std(ddof=1)", "best seeds"),
    ("two_views", "def two_views(a, b):\n    return a.argmax(1)", "mirror image is not used"),
    ("two_views", "def two_views(a, b):\n    return (a + b) / 2", "Which class"),
    ("very_hot", "confidence = 0", "sum to 1"),
    ("very_hot", "confidence = 1", "other end"),
    ("too_sure", "gap = (before.argmax(1) == labels).mean() - before.max(1).mean()", "sign"),
    ("too_sure", "gap = before.mean() - (before.argmax(1) == labels).mean()", "largest* of each"),
    ("cooled", "def cooled(p, t):\n    return p ** (1 / t)", "divide each by its sum"),
    ("cooled", "def cooled(p, t):\n    return p / t", "Divide their logarithms"),
    ("cooled", "def cooled(p, t):\n    return p ** t / (p ** t).sum(1, keepdims=True)", "surer"),
    ("honest_temperature", "def honest_temperature(find, v, t):\n"
     "    return (find(*v) + find(*t)) / 2", "Half"),
    ("honest_temperature", "def honest_temperature(find, v, t):\n    return find(v[0], t[1])",
     "two different splits"),
    ("sum_of_all", "total = 1", "one face"),
    ("sum_of_all", "total = 7", "for each face"),
    ("square", "def square(x, y, w, h):\n    s = max(w, h)\n    return x, y, s, s", "the middle"),
    ("square", "def square(x, y, w, h):\n    return x, y, w, h", "stretched"),
    ("square", "def square(x, y, w, h):\n    s = min(w, h)\n"
     "    return x + (w - s) // 2, y + (h - s) // 2, s, s", "longer side"),
    ("square", "def square(x, y, w, h):\n    return x - (h - w) // 2, y, h, h", "a wider one"),
    ("careful", "def careful(p, n, t):\n    return n[p.argmax()]", "always names"),
    ("careful", "def careful(p, n, t):\n    return np.array(n)[p >= t]", "return its name; else"),
    ("careful", "def careful(p, n, t):\n"
     "    return n[p.argmax()] if p.max() < t else 'unsure'", "wrong way round"),
]  # fmt: skip


@pytest.mark.parametrize("name, answer, words", MISTAKES)
def test_a_typical_mistake_gets_its_remark(name, answer, words):
    verdict = of_name(name).verdict(answer)
    assert not verdict.right
    assert words in verdict.remark


def test_each_notebook_has_three_to_five_exercises_and_five_typical_mistakes():
    for file in course.course_notebooks()[1:-1]:  # not the way in, not the report
        names = [one.name for one in exercises() if one.notebook == file.stem]
        assert 3 <= len(names) <= 5, file.stem
        assert sum(name in names for name, *_ in MISTAKES) >= 5, file.stem


def test_every_check_of_the_package_is_an_exercise_and_described():
    names = {one.name for one in exercises()}
    for one in exercises():
        module = surroundings(one.notebook)["imports"].split()[3]
        space = {}
        exec(f"from emotions.exercises import {module} as check", space)
        own = {
            name
            for name, value in vars(space["check"]).items()
            if inspect.isfunction(value) and hasattr(value, "__wrapped__")
        }
        assert own <= names
        assert getattr(space["check"], one.name).__doc__


def test_a_mistake_of_the_course_itself_is_not_hidden_as_the_learners():
    @exercise("Open.")
    def broken(answer):
        raise ZeroDivisionError

    assert not broken(...).right
    with pytest.raises(ZeroDivisionError):
        broken(1)


@pytest.fixture(scope="module")
def written(tmp_path_factory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("editions")
    student, teacher = editions.write(course.course_notebooks(), folder)
    return {"student": student, "teacher": teacher}


def test_the_students_edition_shows_no_solution(written):
    for one in exercises():
        text = (written["student"] / f"{one.notebook}.ipynb").read_text(encoding="utf-8")
        assert "solution" not in [t for c in json.loads(text)["cells"] for t in tags_of(c)]
        new = set(one.solution.source.splitlines()) - set(one.stub.source.splitlines())
        assert new
        told = {line for line in new if json.dumps(line, ensure_ascii=False)[1:-1] in text}
        assert told <= {"    matrix = np.zeros((classes, classes), dtype=int)"}, one.name


def test_the_command_says_where_the_editions_are(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("EMOTIONS_OUTPUT", str(tmp_path))
    assert course.main(["editions"]) == 0
    said = capsys.readouterr().out
    for name in ("student", "teacher"):
        assert str(tmp_path / "editions" / name) in said
        found = sorted(file.name for file in (tmp_path / "editions" / name).iterdir())
        assert found == [file.name for file in course.course_notebooks()]


def tags_of(cell: dict) -> list[str]:
    return cell["metadata"].get("tags", [])


def test_the_teachers_edition_has_each_solution_in_the_place_of_its_exercise(written):
    for file in course.course_notebooks():
        notebook = nbformat.read(written["teacher"] / file.name, as_version=4)
        nbformat.validate(notebook)
        here = [one for one in exercises() if one.notebook == file.stem]
        asked = [cell for cell in notebook.cells if set(tags(cell)) & {"answer", "exercise"}]
        assert [cell.source for cell in asked] == [one.solution.source for one in here]
        assert not any("jupyter" in cell.metadata for cell in notebook.cells)


def exported(notebook: Path) -> list[dict]:
    """Return the cells of which nbconvert makes pages, slides and runs."""
    text, _ = NotebookExporter(config=pages.configuration()).from_filename(str(notebook))
    return json.loads(text)["cells"]


def test_pages_and_slides_leave_solutions_out():
    for file in course.course_notebooks():
        cells = exported(file)
        assert "solution" not in {tag for cell in cells for tag in tags_of(cell)}
        left_out = sum(one.notebook == file.stem for one in exercises())
        assert len(cells) + left_out == len(nbformat.read(file, as_version=4).cells)


def test_reports_of_the_teachers_edition_keep_the_answers(written):
    for file in course.course_notebooks():
        whole = nbformat.read(written["teacher"] / file.name, as_version=4).cells
        assert len(exported(written["teacher"] / file.name)) == len(whole)
