"""Every notebook, headless in a fresh kernel, on a tiny drawn data set; and twice the same."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import course
import pages
import pandas as pd
import pytest
import train
from deck_checks import check_deck, offline_browser
from emotions.data.drawn import EXPRESSIONS
from emotions.settings import ROOT
from test_links import strays

SMALL = {
    "EMOTIONS_WEIGHTS": "hed",
    "EMOTIONS_PRECISION": "float32",
    "EMOTIONS_EPOCHS": "3",
    "EMOTIONS_GRID": '{"optimizer": ["SGD", "Adam"], "learning_rate": [0.001, 0.01]}',
    "EMOTIONS_GRID_EPOCHS": "2",
    "EMOTIONS_FOLDS": "2",
}
# As the seed's command line says it: equal results then show that its flags do the same.
BY_FLAG = {"EMOTIONS_OPTIMIZER": "SGD", "EMOTIONS_LEARNING_RATE": "0.003", "EMOTIONS_EPOCHS": "2"}
RESULTS = {
    "Emotions_classifier_performance.png", "Emotions_classifier_report.csv",
    "VGG-Face_CNN_architecture.png", "architecture.png", "baselines.png", "best_layer_report.csv",
    "class_counts.png", "confusion_matrix.csv", "confusion_matrix.png", "exploration.json",
    "filters.png", "grid_search.csv", "grid_search.json", "grid_search.png",
    "grid_search_layer.csv", "grid_search_layer.png", "grid_search_report.csv", "layers.png",
    "leave_out.csv", "mean_faces.png",
    "preprocessing.json", "preprocessing_effect.png", "surgery.json", "train_and_test.png",
    "training.json", "training_history.csv", "ladder.png", "ladder.json", "reliability.png",
    "looking_inside.json", "best.png", "minutes.png",
}  # fmt: skip


def run_course(
    script: str, folders: dict[str, Path], *arguments: str, **more: str
) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, str(ROOT / "notebooks" / script), *arguments], cwd=ROOT,
        env=os.environ | variables(folders) | more, capture_output=True, text=True, check=False,
    )  # fmt: skip


def variables(folders: dict[str, Path]) -> dict[str, str]:
    """Return what tells the course its folders, and that all is to be small."""
    places = ("TRAIN_DATA", "VAL_DATA", "DATA", "OUTPUT")
    return SMALL | {f"EMOTIONS_{name}": str(folders[name]) for name in places if name in folders}


@pytest.fixture(scope="module")
def folders(tiny_faces, tmp_path_factory):
    """Return folders with the course already run in them."""
    folder = tmp_path_factory.mktemp("headless")
    named = {
        "TRAIN_DATA": tiny_faces / "train", "VAL_DATA": tiny_faces / "test",
        "DATA": folder / "data", "OUTPUT": folder / "output",
    }  # fmt: skip
    ended = run_course("course.py", named, "report", **BY_FLAG)
    assert ended.returncode == 0, ended.stderr
    named["said"] = ended.stdout
    return named


@pytest.fixture(scope="module")
def again(folders, tmp_path_factory) -> tuple[Path, str]:
    """Return results of the two notebooks that train, trained anew, and what the script said."""
    home = tmp_path_factory.mktemp("again")
    named = {"DATA": home / "data", "OUTPUT": home / "output"}
    ended = run_course(  # where the environment says 3 epochs
        "train.py", named, "-trd", str(folders["TRAIN_DATA"]), "-vald", str(folders["VAL_DATA"]),
        "-optim", "SGD", "-lr", "0.003", "-ep", "2",
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr
    with pytest.MonkeyPatch.context() as patched:
        for name, value in (variables(folders | named) | BY_FLAG).items():
            patched.setenv(name, value)
        course.report("05_grid_search")
    return home / "output" / "sample", ended.stdout


def test_it_says_data_weights_precision_times_and_the_reports_path(folders):
    said = folders["said"]
    assert "Data: drawn faces" in said
    assert "hed" in said and "Precision: float32" in said
    for name in ("00_start_here", "01_data_exploration", "02_preprocessing",
                 "03_model_surgery", "04_training", "05_grid_search",
                 "06_ladder", "07_looking_inside", "08_your_photo",
                 "09_report"):  # fmt: skip
        assert re.search(rf"{name} … \d+ s", said), name
    assert said.rstrip().endswith("report.html")


def test_all_results_are_there(folders):
    found = {path.name for path in (folders["OUTPUT"] / "sample").iterdir() if path.is_file()}
    assert found >= RESULTS
    assert {"report.html", "durations.json", "Emotions_classifier.safetensors"} <= found


RED = 'data-mime-type="application/vnd.jupyter.stderr"'
# Of `run_recipes.py`, whose own tests compare them.
BY_RUNS = {"results.json", "ladder.csv", "curves.csv", "MODEL_CARD.md", "classifier.safetensors"}
# Their keys are those of the grid, or of the test images' names.
OPEN = {"grid", "best_parameters", "best_by_halving", "accuracy_test_parts", "notebooks"}


def test_the_committed_reference_is_what_the_code_writes(folders, tracked):
    """Names and keys, not digits; `course.py reference` makes it again."""
    committed = {Path(x).name for x in tracked if x.startswith("output/fer2013/")} - BY_RUNS
    reference, made = ROOT / "output" / "fer2013", folders["OUTPUT"] / "sample"
    written = {path.name for path in made.iterdir() if path.suffix in (".csv", ".json", ".png")}
    assert committed == written | {"report.html"}
    stale = [name for name in sorted(committed)
             if names_in(reference / name) != names_in(made / name)]  # fmt: skip
    assert stale == []


def names_in(file: Path) -> object:
    """Return the names and keys in a file of results, without its numbers."""
    if file.suffix == ".json":
        return keys(json.loads(file.read_text(encoding="utf-8")))
    if file.suffix == ".csv":
        table = pd.read_csv(file, index_col=0)
        columns = [column for column in table if not column.startswith("fold_")]
        if file.name == "grid_search.csv":
            columns = columns[columns.index("mean") :]
        named = "report" in file.name or "matrix" in file.name
        return columns, list(table.index) if named else table.index.name
    if file.suffix == ".html":
        text = file.read_text(encoding="utf-8")
        rows = re.search(r"<th>epochs</th>.*?</table>", text, re.DOTALL)
        names = re.findall(r"<th>(.*?)</th>", rows[0])
        of_all_data = [name for name in names if not name.startswith("accuracy on the")]
        return re.findall(r"<h[1-3][^>]*>(.*?)<", text), of_all_data
    return None


def keys(content: object) -> object:
    """Return the keys of JSON content, level by level."""
    if not isinstance(content, dict):
        return None
    return {key: None if key in OPEN else keys(value) for key, value in content.items()}


def test_pages_show_no_error_no_warning_and_no_hole(folders):
    for page in (folders["OUTPUT"] / "sample" / "notebooks").glob("*.html"):
        text = page.read_text(encoding="utf-8")
        assert "Traceback" not in text, page.name
        assert RED not in text, page.name
        # a widget without its static picture would leave its bare text
        assert not re.search(r"VBox\(children|Button\(description|Dropdown\(", text), page.name


def test_pages_need_no_network_and_name_no_one(folders):
    pages = [*(folders["OUTPUT"] / "sample").rglob("*.html")]
    assert len(pages) == 11
    for page in pages:
        text = page.read_text(encoding="utf-8")
        assert not re.search(r'<(script|img|iframe)[^>]+src="https?:', text), page.name
        assert not re.search(r'<link[^>]+href="https?:', text), page.name
        assert str(ROOT) not in text and str(Path.home()) + "/" not in text, page.name


def test_links_between_pages_lead_to_pages(folders):
    output = folders["OUTPUT"] / "sample"
    for page in output.rglob("*.html"):
        for link in re.findall(r'href="(\d\d_\w+[^"]*)"', page.read_text(encoding="utf-8")):
            assert (page.parent / link).is_file(), f"{page.name}: {link}"


def test_every_picture_of_the_report_is_described(folders):
    text = (folders["OUTPUT"] / "sample" / "report.html").read_text(encoding="utf-8")
    pictures = re.findall(r"<img[^>]*>", text)
    assert len(pictures) == 13
    for picture in pictures:
        description = re.search(r'alt="([^"]*)"', picture)
        assert description and len(description[1]) > 15, picture[:80]


def test_every_picture_of_every_page_is_described_and_shown_once(folders):
    for page in (folders["OUTPUT"] / "sample" / "notebooks").glob("*.html"):
        pictures = re.findall(r"<img[^>]*>", page.read_text(encoding="utf-8"))
        assert len(pictures) == len(set(pictures)), page.name
        for picture in pictures:
            words = re.search(r'alt="([^"]{15,})"', picture)
            assert words and "No description" not in words[1], (page.name, picture[:80])


def test_no_table_of_a_page_cuts_a_sentence_off(folders):
    for page in (folders["OUTPUT"] / "sample" / "notebooks").glob("*.html"):
        assert not re.search(r"\w\.\.\.</td>", page.read_text(encoding="utf-8")), page.name


def in_this_process(command: Callable[[], None], folders: dict[str, Path]) -> None:
    """Call what a command of course.py calls; no notebook may run again."""
    with pytest.MonkeyPatch.context() as patched:
        for name, value in variables(folders).items():
            patched.setenv(name, value)
        patched.setattr(
            course, "run_notebooks", lambda missing, _: pytest.fail(f"again: {missing}")
        )
        command()


@pytest.fixture(scope="module")
def decks(folders) -> list[Path]:
    """Return a deck of each notebook, made from the notebooks as they ran."""
    in_this_process(course.write_slides, folders)
    return sorted((folders["OUTPUT"] / "slides" / "sample").glob("*.slides.html"))


def test_slides_load_nothing_describe_every_picture_and_lead_to_slides(decks):
    assert len(decks) == 10
    for deck in decks:
        text = deck.read_text(encoding="utf-8")
        assert not re.search(r"<(script|img|link)[^>]+(src|href)=\"(?!data:)", text), deck.name
        for picture in re.findall(r"<img[^>]*>", text):
            words = re.search(r'alt="([^"]{15,})"', picture)
            assert words and "No description" not in words[1], (deck.name, picture[:80])
        for link in re.findall(r'href="(\d\d_\w+[^"]*)"', text):
            assert (deck.parent / link).is_file(), f"{deck.name}: {link}"


def test_slides_are_legible_and_whole(decks):
    with offline_browser() as browser:
        for deck in decks:
            assert check_deck(browser, deck, smallest_scale=0.6) >= 4


@pytest.fixture(scope="module")
def site(folders, decks) -> Path:
    """Return what may be published, made from the notebooks as they ran."""
    in_this_process(course.write_published, folders)
    return folders["OUTPUT"] / "site" / "sample"


def test_the_site_is_complete_and_every_link_leads_on(site, decks):
    names = {f"{file.stem}.html" for file in (ROOT / "notebooks").glob("0*.ipynb")}
    names |= {"index.html", "report.html", *(deck.name for deck in decks)}
    assert {file.name for file in site.rglob("*")} == names
    assert strays(site) == []
    for deck in decks:
        same = (site / deck.name).read_bytes() == deck.read_bytes()
        assert same != deck.name.startswith(pages.PHOTO)  # which may be of yours


def test_the_site_opens_without_a_network(site, decks):
    with offline_browser() as browser:
        page, complaints, wanted = browser.new_page(), [], []
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda message: complaints.append(message.text))
        page.on("request", lambda request: wanted.append(request.url[:100]))
        page.goto((site / "index.html").as_uri())
        targets = page.eval_on_selector_all("main a[href]", "all => all.map(one => one.href)")
        assert {f"{site.as_uri()}/{deck.name}" for deck in decks} <= set(targets)
        page.locator("a", has_text="1 · ").first.click()
        assert page.url.endswith("01_data_exploration.html")
        for target in dict.fromkeys(targets):
            page.goto(target)
            assert page.evaluate("() => [...document.images].every(image => image.naturalWidth)")
        assert not complaints
        assert all(url.startswith(("file:", "data:")) for url in wanted), wanted


def test_everything_says_drawn_faces_and_names_the_weights(folders):
    text = (folders["OUTPUT"] / "sample" / "report.html").read_text(encoding="utf-8")
    assert "drawn faces" in text and "hed (stand-in" in text
    for name in ("training", "grid_search", "surgery", "preprocessing"):
        content = json.loads((folders["OUTPUT"] / "sample" / f"{name}.json").read_text())
        assert content["data"] == "drawn faces"
        assert content["weights"].startswith("hed")


def test_the_report_names_the_classes_of_the_folders(folders):
    table = pd.read_csv(
        folders["OUTPUT"] / "sample" / "Emotions_classifier_report.csv", index_col=0
    )
    assert list(table.index[:7]) == sorted(EXPRESSIONS)
    assert table.loc[sorted(EXPRESSIONS), "support"].sum() == 70


def test_the_same_course_twice_gives_the_same_bytes(folders, again):
    """Here for the two notebooks that train; tests/reliability/kills.py compares whole courses."""
    folder, _ = again
    made = {path.name for path in folder.iterdir()} & RESULTS
    assert made >= {"training.json", "grid_search.csv", "best_layer_report.csv"}
    for name in sorted(made):
        if name.endswith((".csv", ".json")):
            first = (folders["OUTPUT"] / "sample" / name).read_bytes()
            assert first == (folder / name).read_bytes(), name


def test_the_seeds_command_line_trains_with_its_parameters(again):
    folder, said = again
    content = json.loads((folder / "training.json").read_text())
    assert (content["optimizer"], content["learning_rate"], content["epochs"]) == ("SGD", 0.003, 2)
    assert "Emotions_classifier_report.csv" in said
    assert (folder / "report.html").is_file()


def test_the_accuracies_of_the_report_are_those_of_its_tables(folders):
    results = folders["OUTPUT"] / "sample"
    for name, key, table in (
        ("training", "accuracy_test", "Emotions_classifier_report"),
        ("grid_search", "accuracy_test", "grid_search_report"),
        ("grid_search", "best_layer_test", "best_layer_report"),
    ):
        told = json.loads((results / f"{name}.json").read_text())[key]
        rows = pd.read_csv(results / f"{table}.csv", index_col=0)
        assert told == pytest.approx(rows.loc["accuracy", "precision"], abs=1e-6), (name, key)


@pytest.mark.parametrize("here, name, recipe, result", [
    (".", "notebooks/01_data_exploration.ipynb", "seed", "exploration.json"),
    ("notebooks", "03_model_surgery.ipynb", "ten_minutes", "surgery.json"),
])  # fmt: skip
def test_plain_nbconvert_works_from_both_folders(folders, tmp_path, here, name, recipe, result):
    environment = {**os.environ, **SMALL, "EMOTIONS_OUTPUT": str(tmp_path / "output")}
    environment["EMOTIONS_RECIPE"] = recipe
    environment |= {
        f"EMOTIONS_{key}": str(folders[key]) for key in ("TRAIN_DATA", "VAL_DATA", "DATA")
    }
    command = [sys.executable, "-m", "nbconvert", "--execute", "--to", "html"]
    ended = subprocess.run(
        [*command, "--output-dir", str(tmp_path), name],
        cwd=ROOT / here, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr[-2000:]
    page = (tmp_path / f"{Path(name).stem}.html").read_text(encoding="utf-8")
    assert RED not in page  # here the imports run in a cell
    assert (tmp_path / "output" / "sample" / result).is_file()


def test_bad_parameters_and_data_are_one_sentence(tmp_path, monkeypatch, capsys):
    named = {"DATA": tmp_path, "OUTPUT": tmp_path}
    bad = run_course("train.py", named, "-lr", "fast")
    assert bad.returncode == 2 and "learning_rate" in bad.stderr
    assert len(bad.stderr.strip().splitlines()) == 1
    for name, value in variables(named).items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SystemExit) as missing:
        train.main(["-trd", "nowhere/train", "-vald", "nowhere/test"])
    said = capsys.readouterr().err
    assert missing.value.code == 2 and "nowhere" in said and "Traceback" not in said
