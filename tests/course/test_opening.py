"""What a notebook starts with: data that stay loaded, cached features, results with a source."""

import json
from dataclasses import replace
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from emotions.course import opening
from emotions.data import copies
from emotions.showing.report import Results
from emotions.training import task as training


@pytest.fixture
def course(tiny_course):
    return tiny_course(weights="random", precision="float32")


def test_other_settings_keep_the_data_and_other_folders_read_them(course, monkeypatch, tmp_path):
    reads = []
    load = opening.load_data
    monkeypatch.setattr(opening, "load_data", lambda s: reads.append(s) or load(s))
    settings = course.settings.changed(epochs=3, output=tmp_path)
    other = course.changed(settings)
    assert other.data is course.data and other.settings == settings and not reads
    assert other.folder == tmp_path / course.data.name
    assert other.faces_folder == other.folder / "faces"
    swapped = {"train_data": settings.val_data, "val_data": settings.train_data}
    turned = course.changed(settings.changed(**swapped))
    assert len(turned.data.train) == len(course.data.test) and len(reads) == 1
    assert turned.settings.epochs == 3


def test_features_are_those_of_the_layers_and_of_the_rows_in_their_order(course):
    model, policy = opening.open_backbone(course)
    rows = np.array([9, 2, 5])
    flat, pooled = (
        course.features(model, rows, ["pool5", "pool3"], pooling)
        for pooling in ("flatten", "average")
    )
    assert [values.shape for values in flat] == [(3, 512), (3, 6 * 6 * 256)]
    assert [values.shape for values in pooled] == [(3, 512), (3, 256)]
    assert all(values.dtype == np.float32 for values in (*flat, *pooled))
    images = training.prepared_images(course.settings, course.data, rows)
    maps = np.asarray(training.keras.Model(
        model.model.input, model.model.get_layer("pool3").output
    )(images))  # fmt: skip
    np.testing.assert_allclose(flat[1], maps.reshape(3, -1), rtol=0.01, atol=0.01 * maps.max())


def test_features_of_all_images_are_those_that_a_training_has_kept(course):
    model, policy = opening.open_backbone(course)
    training.compute_features(course.settings, course.data, model, policy)
    cache = course.settings.data / "cache" / "features"
    kept = set(cache.rglob("*"))
    for part in ("train", "test"):
        (maps,) = course.features(model, part, ["pool5"], "average", None)
        assert maps.shape == (len(getattr(course.data, part)), 512)
    assert kept and set(cache.rglob("*")) == kept
    (some,) = course.features(model, np.array([3, 1]), ["pool5"], "average", None)
    (all_of_them,) = course.features(model, "train", ["pool5"], "average", None)
    np.testing.assert_allclose(some, all_of_them[[3, 1]], rtol=1e-3, atol=1e-3)


def test_what_is_recorded_says_what_it_was_made_from(course, tmp_path):
    course = course.changed(course.settings.changed(output=tmp_path))
    model, _ = opening.open_backbone(course)
    facts = course.record("made_up", model, answer=42)
    assert json.loads((course.folder / "made_up.json").read_text()) == facts
    assert facts["answer"] == 42 and facts["precision"] == "float32"
    assert facts["data_fingerprint"] == course.data.fingerprint
    assert facts["weights_digest"] == model.digest and "keras" in facts["versions"]
    assert "weights" not in course.record("without", answer=1)


def test_a_table_is_saved_as_csv_and_a_figure_with_its_weights(course, tmp_path, monkeypatch):
    course = course.changed(course.settings.changed(output=tmp_path))
    course.save(pd.DataFrame({"share": [0.12345678]}, ["sad"]).rename_axis("emotion"), "shares")
    assert (course.folder / "shares.csv").read_text() == "emotion,share\nsad,0.123457\n"
    monkeypatch.setattr(opening.style, "show", lambda figure, **_: None)
    course.save(figure := plt.figure(), "drawing", "hed", faces=True)
    assert (course.faces_folder / "drawing.png").is_file()
    assert any("weights: hed" in text.get_text() for text in figure.texts)


def test_the_split_is_the_trainings_and_leaves_the_listed_images_out(course, tmp_path):
    course = course.changed(course.settings.changed(output=tmp_path))
    learn, choose = course.split()
    assert len(learn) + len(choose) == len(course.data.train)
    listed = pd.DataFrame(
        {"split": "train", "file": [course.data.train.files[learn[0]]], "reason": "made up"}
    )
    copies.save_leave_out(listed, course.folder / "leave_out.csv")
    fewer, _ = course.changed(course.settings.changed(leave_out=True)).split()
    assert set(learn) - set(fewer) == {learn[0]}


def contents(facts: dict) -> dict[str, dict]:
    return dict.fromkeys(("training", "exploration", "surgery"), facts)


def test_warnings_stand_in_the_results_and_at_the_head_of_the_report(tiny_course):
    course = replace(tiny_course(), warnings=("Train and test do not look alike: x.",))
    facts = course.provenance()
    assert facts["data_warnings"] == ["Train and test do not look alike: x."]
    heading = Results(Path(), contents(facts)).heading().data
    assert heading.endswith("\n\n**Train and test do not look alike: x.**")
    assert "look alike" not in Results(Path(), contents(tiny_course().provenance())).heading().data
