"""Views, intervals, calibration, augmentation, recipes, the saved file, Grad-CAM, photos."""

import json
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import run_recipes
from emotions.course import opening
from emotions.data.faces import ImageSet
from emotions.data.pixels import read_image
from emotions.files import DataError
from emotions.measuring import classifier, ladder, photos, runs, scores
from emotions.network import backbone as backbones
from emotions.network import inside as looking_inside
from emotions.network import slim
from emotions.network.backbone import build
from emotions.network.quiet_keras import keras
from emotions.recipes import RECIPES
from emotions.settings import SettingsError, read_settings
from emotions.training import optimizer
from emotions.training import task as training
from emotions.training.augmentation import AUGMENTATIONS, Augmentation, mixup
from PIL import Image
from safetensors.numpy import save_file


def test_two_views_are_the_image_and_its_mirror_image():
    images = np.arange(2 * 4 * 4).reshape(2, 4, 4, 1)
    one, mirrored = scores.views_of(images, 2)
    assert (one == images).all() and (mirrored == images[:, :, ::-1]).all()
    assert len(list(scores.views_of(images, 10))) == 10
    with pytest.raises(ValueError, match="choose 1, 2 or 10"):
        list(scores.views_of(images, 3))


def test_accuracy_by_half_of_the_contests_test():
    files = ("a/PublicTest_1.jpg", "b/PrivateTest_2.png", "c/Training_3.jpg", "d/PublicTest.jpg")
    found = scores.accuracy_by_part((*files, files[0]), np.array([1, 0, 1, 1, 0], bool))
    assert list(found.items()) == [("public", 0.5), ("private", 0.0)]
    assert scores.accuracy_by_part(files[2:], np.ones(2, bool)) == {}
    assert scores.accuracy_by_part((), np.ones(2, bool)) == {}


def test_a_moved_view_repeats_the_edge():
    images = np.arange(16 * 16).reshape(1, 16, 16, 1)
    up_left = list(scores.views_of(images, 10))[2]  # moved by one pixel up and to the left
    assert (up_left[0, :-1, :-1] == images[0, 1:, 1:]).all()
    assert (up_left[0, -1, :-1] == images[0, -1, 1:]).all()


def test_the_interval_holds_the_accuracy_and_shrinks_with_more_images():
    random = np.random.default_rng(0)
    few, many = random.random(100) < 0.6, random.random(5000) < 0.6
    low, high = scores.interval(many, 1)
    assert low < many.mean() < high
    assert high - low == pytest.approx(2 * 1.96 * np.sqrt(0.24 / 5000), rel=0.1)
    assert np.diff(scores.interval(few, 1))[0] > 4 * (high - low)


def test_an_honest_classifier_has_no_calibration_error_and_a_boaster_has():
    random = np.random.default_rng(0)
    sure = random.uniform(0.5, 1, 20_000)
    labels = (random.random(20_000) > sure).astype(int)
    honest = np.stack([sure, 1 - sure], axis=1)
    assert scores.calibration_error(labels, honest) < 0.01
    assert scores.temperature(labels, honest) == pytest.approx(1, abs=0.05)
    boaster = scores.cooled(honest, 0.5)
    assert scores.calibration_error(labels, boaster) > 0.05
    warmth = scores.temperature(labels, boaster)
    assert warmth == pytest.approx(2, abs=0.1)
    assert scores.calibration_error(labels, scores.cooled(boaster, warmth)) < 0.01


def test_scores_count_parts_and_leave_copies_out():
    labels = np.array([0, 0, 1, 1])
    probabilities = np.array([[0.9, 0.1], [0.2, 0.8], [0.1, 0.9], [0.3, 0.7]])
    files = [
        "a/PublicTest_1.jpg",
        "a/PublicTest_2.jpg",
        "b/PrivateTest_3.jpg",
        "b/PrivateTest_4.jpg",
    ]
    copies = np.array([False, True, False, False])
    found = scores.summary(labels, probabilities, files=files, copies=copies)
    assert found["accuracy_test"] == 0.75
    assert (found["accuracy_public"], found["accuracy_private"]) == (0.5, 1.0)
    assert found["accuracy_test_without_copies"] == 1.0
    assert found["balanced_accuracy"] == 0.75
    every = scores.summary(labels, probabilities, files=files, copies=np.ones(4, bool))
    assert found.keys() - every.keys() == {"accuracy_test_without_copies"}


def test_test_images_that_are_training_images_too_are_known():
    pixels = np.random.default_rng(0).integers(0, 256, (7, 8, 8, 1)).astype(np.uint8)
    pixels[5] = pixels[1]
    train, test = (
        ImageSet(part, np.zeros(len(part), np.int64), ("calm",), tuple(map(str, range(len(part)))))
        for part in (pixels[:4], pixels[4:])
    )
    data = SimpleNamespace(train=train, test=test)
    assert scores.seen_in_training(data).tolist() == [False, True, False]


def test_augmentation_mirrors_exactly_and_repeats_with_the_same_seed():
    images = np.random.default_rng(0).integers(0, 255, (64, 48, 48, 1)).astype(np.uint8)
    changed = AUGMENTATIONS["mirror"](images, np.random.default_rng(1))
    same = (changed == images).all(axis=(1, 2, 3))
    turned = (changed == images[:, :, ::-1]).all(axis=(1, 2, 3))
    assert (same | turned).all() and 16 < turned.sum() < 48
    for name in ("light", "strong"):
        one, other = (AUGMENTATIONS[name](images, np.random.default_rng(5)) for _ in range(2))
        assert (one == other).all() and one.min() >= 0 and one.max() <= 255
        assert (one != images).any()
    assert (Augmentation()(images, np.random.default_rng(0)) == images).all()


def test_augmentation_keeps_three_channels():
    images = np.zeros((2, 32, 32, 3), np.uint8)
    assert AUGMENTATIONS["strong"](images, np.random.default_rng(0)).shape == images.shape


def test_mixup_blends_inputs_and_labels_alike():
    inputs, targets = np.eye(4, dtype=np.float32), np.eye(4, dtype=np.float32)
    blend, labels = mixup(inputs, targets, 1.0, np.random.default_rng(3))
    assert np.allclose(blend, labels) and np.allclose(labels.sum(axis=1), 1)
    assert not np.allclose(blend, inputs)


def test_every_recipe_is_valid_and_what_you_say_wins(monkeypatch):
    for name, values in RECIPES.items():
        settings = read_settings(recipe=name)
        assert all(getattr(settings, key) == value for key, value in values.items())
    assert read_settings(recipe="best", epochs=2).epochs == 2
    hour = read_settings(recipe="hour", units=64, folds=4)
    for name in RECIPES:  # what only the earlier recipe set goes with it, what you set stays
        assert hour.changed(recipe=name) == read_settings(recipe=name, folds=4)
    monkeypatch.setenv("EMOTIONS_RECIPE", "best")
    monkeypatch.setenv("EMOTIONS_EPOCHS", "4")
    assert read_settings().epochs == 4 and read_settings().trainable == "everything"
    with pytest.raises(SettingsError, match="recipe.*'seed', 'frozen_plus'"):
        read_settings(recipe="magic")


def test_the_learning_rate_rises_and_falls():
    settings = read_settings(learning_rate=0.1, epochs=10, warmup=1, schedule="cosine")
    rate = optimizer.learning_rate(settings, 100)
    values = [float(rate(step)) for step in (0, 50, 100, 550, 1000)]
    assert values == pytest.approx([0, 0.05, 0.1, 0.05, 0], abs=2e-3)
    assert optimizer.learning_rate(settings.changed(schedule="constant", warmup=0), 100) == 0.1


def test_rescaled_channels_have_mean_0_and_spread_1():
    backbone = build("random", 48, None, 0)
    faces = np.random.default_rng(0).normal(0, 60, (16, 48, 48, 3)).astype(np.float32)
    before = backbone.digest
    scaled = slim.rescale(backbone, faces)
    assert scaled.digest != before
    layer = scaled.model.get_layer("conv2_1")
    maps = keras.Model(scaled.model.input, scaled.model.get_layer("pool1").output)(faces)
    kernel, bias = layer.get_weights()
    values = np.asarray(keras.ops.conv(maps, kernel, padding="same")) + bias
    assert np.abs(values.mean((0, 1, 2))).max() < 0.02
    assert np.median(values.std((0, 1, 2))) == pytest.approx(1, abs=0.05)


@pytest.fixture(scope="module")
def trained(tiny_course):
    """A classifier with every kind of parameter, trained for an epoch, and its course."""
    course = tiny_course(
        trainable="block5", layer="pool5", pooling="flatten", epochs=1, batch_size=16,
        augmentation="light", label_smoothing=0.1, mixup=0.2, schedule="cosine", warmup=0.5,
        backbone_rate=0.5, weight_decay=0.01, weights="random", head_epochs=1, precision="float32",
        width=0.25,
    )  # fmt: skip
    backbone, policy = opening.open_backbone(course)
    old = {w.path: np.asarray(w) for w in backbone.model.weights}
    task = training.prepare(course.settings, course.data, backbone, policy)
    run = training.train(task)
    moved = {w.path for w in backbone.model.weights if (np.asarray(w) != old[w.path]).any()}
    return course, task, run, moved


def test_only_the_wanted_block_learns_with_all_of_it_switched_on(trained):
    _, _, run, moved = trained
    assert len(run.history) == 1 and np.isfinite(run.history.to_numpy()).all()
    assert moved and all(path.startswith("conv5") for path in moved)


def test_a_saved_file_gives_the_same_probabilities(trained, tmp_path):
    course, task, _, _ = trained
    images = course.data.test.images[:8].astype(np.float32)
    whole = classifier.save(tmp_path / "whole.safetensors", task, {"minutes": 3})
    read = classifier.load(whole)
    np.testing.assert_allclose(read.model(images), task.whole(images), atol=1e-5)
    assert read.classes == task.classes and read.details["minutes"] == 3
    assert read.details["left_out"] == []
    fewer = replace(task, training=task.training[1:])
    about = classifier.read_details(classifier.save(tmp_path / "fewer.safetensors", fewer, {}))
    assert about["left_out"] == [task.training[0]]
    assert read.details["mean_bgr"] == pytest.approx([93.5940, 104.7624, 129.1863])
    file = classifier.save(tmp_path / "half.safetensors", task, {}, np.float16)
    assert file.stat().st_size < 0.51 * whole.stat().st_size
    assert np.allclose(classifier.load(file).model(images), task.whole(images), atol=0.02)
    file.write_bytes(file.read_bytes()[:1000])
    with pytest.raises(DataError, match="damaged"):
        classifier.load(file)
    with pytest.raises(DataError, match="There is no classifier"):
        classifier.load(tmp_path / "missing.safetensors")


def test_the_temperature_is_found_on_rows_that_the_classifier_has_not_learnt(trained, monkeypatch):
    """Also for a classifier that was trained with another random seed than today's."""
    course, *_ = trained
    details = {"data_fingerprint": course.data.fingerprint, "random_seed": 5}
    learnt, chosen_by = training.split_rows(course.data, course.settings.changed(random_seed=5))
    rows = classifier.validation_rows(course.data, course.settings, details)
    assert (rows == chosen_by).all() and not set(rows) & set(learnt)
    faulty = {**details, "left_out": [int(rows[0]), int(learnt[0])]}  # it was not chosen by these
    assert (classifier.validation_rows(course.data, course.settings, faulty) == rows[1:]).all()
    own = training.split_rows(course.data, course.settings)[1]
    assert set(own) & set(learnt)  # what notebook 7 took before
    found = []  # what notebook 7 calls takes them, in an order of its own
    monkeypatch.setattr(scores, "temperature", lambda *given: found.append(given))
    monkeypatch.setattr(scores, "predict", lambda model, images: images)
    made = classifier.Classifier(None, course.data.train.classes, details)
    random = np.random.default_rng(3)
    classifier.temperature(made, course.data, course.settings, random)
    shuffled = np.random.default_rng(3).permutation(rows)
    [(labels, images)] = found
    assert (labels == course.data.train.labels[shuffled]).all()
    assert (images == course.data.train.images[shuffled]).all()
    details["data_order"] = course.data.train.order()
    assert (classifier.validation_rows(course.data, course.settings, details) == rows).all()
    with pytest.raises(DataError, match="have other names than when"):
        renamed = details | {"data_order": "of other names"}
        classifier.validation_rows(course.data, course.settings, renamed)
    details["data_fingerprint"] = "other images"
    assert (classifier.validation_rows(course.data, course.settings, details) == own).all()


def test_grad_cam_finds_the_place_that_decides():
    """A network whose class 1 reads one corner alone: the heat must lie in that corner."""
    images = keras.Input((8, 8, 1))
    maps = keras.layers.Conv2D(1, 1, use_bias=False, kernel_initializer="ones", name="maps")(images)
    flat = keras.layers.Flatten()(maps)
    model = keras.Model(images, keras.layers.Dense(2, activation="softmax", use_bias=False)(flat))
    weights = np.zeros((64, 2), np.float32)
    weights[0, 1] = 1
    model.layers[-1].set_weights([weights])
    picture = np.zeros((1, 8, 8, 1), np.float32)
    picture[0, 0, 0] = 3
    settings = read_settings(recipe="hour")  # whose optimizer is of no class that Keras can find
    model.compile(**optimizer.compiling(model, settings, 10, {}))
    heat = looking_inside.activation_maps(model, "maps", picture)
    assert heat.shape == (1, 8, 8) and heat[0].argmax() == 0 and heat[0, 4:, 4:].max() == 0


def test_grad_cam_of_the_shipped_classifier_and_of_a_head_on_two_layers(tiny_faces):
    """The first is put together from another model; in the second a path leads past the layer."""
    files = sorted((tiny_faces / "test").rglob("*.*"))[::35]
    faces = np.stack([read_image(file, 48, 1) for file in files]).astype(np.float32)
    shipped = classifier.load()
    layer = looking_inside.layers_with_places(shipped.model)[0]
    heat = looking_inside.activation_maps(shipped.model, layer, faces)
    assert heat.shape[0] == 2 and np.isfinite(heat).all() and heat.max() == 1
    # it cuts 44 of 48 pixels out, and has 11 places of 4 pixels, 5 of 8, 2 of 16
    for name, last in (("pool2", 46), ("conv4_2", 42), ("pool4", 34)):
        assert looking_inside.seen_by(shipped.model, name) == pytest.approx((2 / 48, last / 48))

    images = keras.Input((48, 48, 1))
    early = keras.layers.MaxPooling2D(4, name="early")(images)
    late = keras.layers.Conv2D(3, 4, 4, name="late")(early)
    both = keras.layers.Concatenate()([keras.layers.Flatten()(each) for each in (early, late)])
    model = keras.Model(images, keras.layers.Dense(2, activation="softmax")(both))
    assert looking_inside.activation_maps(model, "late", faces).shape == (2, 3, 3)


@pytest.mark.parametrize(
    "layer, side, last",
    [("pool5", 48, "conv5_3"), ("pool5", 44, "conv5_3"), ("pool4", 32, "pool4"),
     ("pool3", 48, "pool3")],
)  # fmt: skip
def test_grad_cam_has_the_deepest_layer_that_still_has_places(layer, side, last):
    settings = read_settings(layer=layer, image_size=side, normalisation="batch", width=0.25)
    details = settings.of("form") | {"classes": list("abc"), "image_shape": [48, 48, 1]}
    statistics = np.zeros(128), np.ones(128)
    statistics = statistics if layer != "pool3" else (np.zeros(64), np.ones(64))
    model = classifier.build(details | {"mean_bgr": None}, statistics, "float32")
    assert looking_inside.layers_with_places(model)[0] == last
    faces = np.random.default_rng(0).integers(0, 256, (5, 48, 48, 1)).astype(np.float32)
    chosen, heats = looking_inside.grad_cam(model, faces)
    assert chosen in looking_inside.layers_with_places(model)
    if side != 44:  # which is odd at the third pooling
        assert looking_inside.seen_by(model, chosen) == (0, 1)
    assert (np.ptp(heats, axis=(1, 2)) > looking_inside.LEAST_CONTRAST).all()  # no face of one heat


def test_grad_cam_goes_to_an_earlier_layer_where_the_deepest_has_one_heat_only():
    """The last layer gives the same everywhere: it would colour a whole face alike."""
    images = keras.Input((8, 8, 1))
    maps = keras.layers.Conv2D(1, 1, kernel_initializer="ones", name="conv1_1")(images)
    zeros = keras.layers.Conv2D(1, 1, kernel_initializer="zeros", name="conv1_2")(maps)
    both = keras.layers.Flatten()(keras.layers.Add()([maps, zeros]))
    model = keras.Model(images, keras.layers.Dense(2, activation="softmax")(both))
    weights = np.zeros((64, 2), np.float32)
    weights[:8, 1] = 1
    model.layers[-1].set_weights([weights, np.zeros(2)])
    faces = np.random.default_rng(0).integers(0, 3, (2, 8, 8, 1)).astype(np.float32)
    layer, heats = looking_inside.grad_cam(model, faces)
    assert layer == "conv1_1" and (np.ptp(heats, axis=(1, 2)) > 0.1).all()


def test_labels_are_judged_though_a_class_between_others_has_no_image():
    random = np.random.default_rng(0)
    labels = np.repeat([0, 2], 30)
    features = random.normal(size=(60, 2)) + 4 * labels[:, None]
    labels[5] = 2  # a wrong one
    files = tuple(f"{k}.png" for k in range(60))
    images = ImageSet(np.zeros((60, 8, 8, 1), np.uint8), labels, ("angry", "calm", "sad"), files)
    judge = scores.linear_classifier(2, 0)
    first = looking_inside.doubtful_labels(judge, features, images, np.arange(60)).iloc[0]
    assert (first["row"], first["label"], first["suggested"]) == (5, "sad", "angry")


def test_a_classifier_fits_data_of_its_emotions_and_form(trained):
    course, task, _, _ = trained
    made = classifier.Classifier(task.whole, task.classes, {})
    assert made.fits(course.data)
    train = course.data.train
    larger = replace(train, images=np.zeros((len(train), 64, 64, 1), np.uint8))
    assert not made.fits(replace(course.data, train=larger))
    assert not replace(made, classes=("a", "b")).fits(course.data)


def test_a_calibrated_classifier_says_the_same_less_or_more_surely(trained):
    course, task, *_ = trained
    first = classifier.Classifier(task.whole, task.classes, {})
    second = classifier.calibrated(first, course.data, course.settings)
    images = course.data.test.images
    before, after = (scores.predict(each.model, images) for each in (first, second))
    assert np.allclose(after, scores.cooled(before, second.details["temperature"]), atol=1e-4)
    assert "temperature" not in first.details and second.classes == first.classes


def test_a_classifier_that_brings_its_temperature_keeps_it_for_photos_alone(trained):
    """Beside other data it is right for what it was trained on; on them another one is found."""
    course, task, *_ = trained
    details = {"temperature": 3.0, "data_fingerprint": "another"}
    made = classifier.Classifier(task.whole, task.classes, details)
    kept = classifier.calibrated(made, course.data, course.settings)
    assert kept.details["temperature"] == 3.0
    random = np.random.default_rng(0)
    assert classifier.temperature(made, course.data, course.settings, random) != 3.0
    own = replace(made, details=details | {"data_fingerprint": course.data.fingerprint})
    assert classifier.temperature(own, course.data, course.settings, random) == 3.0


def test_a_refit_gets_the_temperature_of_the_run_that_it_repeats(trained, monkeypatch):
    course, *_ = trained
    found = np.tile([0.8, 0.2], (6, 1))
    labels = course.data.train.labels[np.arange(6)]
    assert len(set(labels)) == 1
    monkeypatch.setattr(runs, "details", lambda folder: {"minutes": 2.0})
    monkeypatch.setattr(runs, "predictions", lambda *given: (np.arange(6), found, found))
    about = run_recipes._shown_by(course, Path("kept"))
    assert about == {"minutes": 2.0, "temperature": scores.temperature(labels, found)}


def test_photos(trained, tmp_path):
    """Faces of a package's photograph; none, several, turned by EXIF, broken."""
    from skimage import data

    _, task, _, _ = trained
    person = Image.fromarray(data.astronaut())
    person.save(tmp_path / "one.png")
    pair = Image.new("RGB", (1024, 512))
    pair.paste(person, (0, 0))
    pair.paste(person, (512, 0))
    pair.save(tmp_path / "two.png")
    Image.new("RGB", (300, 200), "grey").save(tmp_path / "none.png")
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was held on its side
    person.rotate(90, expand=True).save(tmp_path / "turned.jpg", exif=exif, quality=95)
    (tmp_path / "broken.jpg").write_bytes(b"\xff\xd8\xff nothing")
    (tmp_path / "phone.heic").write_bytes(b"\0\0\0\x18ftypheic")  # which Pillow cannot read
    faces = {name: len(photos.read_photo(tmp_path / name).boxes)
             for name in ("one.png", "two.png", "none.png", "turned.jpg")}  # fmt: skip
    assert faces == {"one.png": 1, "two.png": 2, "none.png": 0, "turned.jpg": 1}
    left, top, width, height = photos.read_photo(tmp_path / "one.png").boxes[0]
    assert left < 225 < left + width and top < 120 < top + height  # the astronaut's face
    table = photos.folder_table(tmp_path, task.whole, task.classes, tmp_path / "faces.csv")
    assert table.loc["none.png", "note"] == "no face found"
    assert "delete it or" in table.loc["broken.jpg", "note"]
    assert "phone.heic" in table.loc["phone.heic", "note"]
    assert len(table.loc[["two.png"]]) == 2
    shares = table.loc[["one.png", "two.png"], list(task.classes)].astype(float)
    assert np.allclose(shares.sum(axis=1), 1)
    assert len(pd.read_csv(tmp_path / "faces.csv")) == len(table)
    sides = ["left", "file", *task.classes[2:]]  # as columns of the table are called
    table = photos.folder_table(tmp_path, task.whole, sides)
    assert table["left"].dtype == "Int64" and {"left (class)", "file (class)"} <= set(table)


def test_a_photo_that_is_none_gets_one_sentence(tmp_path):
    for file, words in ((tmp_path / "no.jpg", "There is no file"), (tmp_path, "is a folder")):
        with pytest.raises(DataError, match=words):
            photos.read_photo(file)
    with pytest.raises(DataError, match="There is no image in"):
        photos.folder_table(tmp_path, None, [])


def test_details_travel_as_json(trained):
    course, *_ = trained
    assert json.loads(json.dumps(course.settings.of("training")))


def test_each_rung_names_all_settings_that_it_changes_and_no_other(monkeypatch):
    shown = ladder.changes()["settings"]
    below = {name: str(value) for name, value in read_settings().of("training").items()}
    for rung in ladder.RUNGS:
        here = {k: str(v) for k, v in read_settings(**rung.settings).of("training").items()}
        named = dict(part.split(" ", 1) for part in shown[rung.name].split(", ") if part)
        assert below | named | {"recipe": here["recipe"]} == here
        assert all(below[name] != value for name, value in named.items())
        below = here
    assert shown["mean"] == "mean vggface"
    assert shown["larger"] == "image_size 96"
    monkeypatch.setenv("EMOTIONS_LAYER", "pool4")  # of the notebook's own training
    assert ladder.changes()["settings"].equals(shown)
    assert "head_epochs 8" in shown["block3"] and shown["longer"] == "epochs 24, trainable block3"


def test_rungs_are_looked_for_with_the_courses_own_split(monkeypatch, tmp_path):
    seen = []
    monkeypatch.setattr(runs, "made_with", lambda kept, wanted: seen.append(wanted) or [])
    monkeypatch.setenv("EMOTIONS_VALIDATION_SHARE", "0.2")
    monkeypatch.setenv("EMOTIONS_EPOCHS", "3")  # a notebook's own training is no rung
    ladder.rows_of(tmp_path, 1)
    assert {(x.validation_share, x.random_seed) for x in seen} == {(0.2, 1)}
    assert seen[0].epochs == 50


def test_a_rung_that_nobody_climbed_leaves_its_changes_to_the_next_one():
    shown = ladder.changes({"mean", "mirror"})["settings"]
    assert list(shown.index) == ["mean", "mirror"]
    assert shown["mean"] == ""  # against the defaults, which it is
    assert "layer pool3" in shown["mirror"] and "augmentation mirror" in shown["mirror"]


def climbed(**accuracies: tuple[float, float | None]) -> pd.DataFrame:
    """Return a ladder: name of a rung -> accuracy from hed, and from random weights if climbed."""
    rows = [
        {"rung": name, "change": name, "weights": weights, "accuracy_validation": value}
        for weights, part in (("hed (stand-in)", 0), ("random (not pre-trained)", 1))
        for name, values in accuracies.items()
        if (value := values[part]) is not None
    ]
    return ladder.table(rows)


def test_what_pretraining_is_worth_is_counted_where_both_were_climbed():
    rungs = climbed(mean=(0.3, 0.35), pool3=(0.5, None), mirror=(0.55, 0.45), longer=(0.6, None))
    both = ladder.pretraining(rungs)
    assert list(both.index) == ["mean", "mirror"]
    assert both["points"].tolist() == pytest.approx([-5, 10])
    said = ladder.already_known(rungs, of_seeds(hed=(0.7,), random=(0.5,)))
    assert "random seeds" not in said
    assert "2 rungs" in said and "most on `mirror`, +10.0 points (55.0% against 45.0%)" in said
    assert "least on `mean`, -5.0 points" in said and "highest, on `mirror`, it is" in said
    assert "60.0% of the validation split (`longer`, weights hed)" in said
    several = of_seeds(hed=(0.7, 0.72, 0.71), random=(0.5, 0.52))
    one = ladder.already_known(climbed(mean=(0.3, 0.2), pool3=(0.5, None)), several)
    assert "1 rung " in one and "least" not in one
    assert "views: `hour` 71.0% ± 1.0% from hed (3 seeds), 51.0% ± 1.4% from random (2" in one


def of_seeds(**shares) -> pd.DataFrame:
    """Return rows of `runs.read`: test accuracies by weights, one for each random seed."""
    return pd.DataFrame(
        {"recipe": "hour", "weights": weights, "views": views, "ensemble": 1, "refit": False,
         "accuracy_test": share}
        for weights, all_seeds in shares.items() for share in all_seeds for views in (1, 2)
    )  # fmt: skip


def test_the_ladder_goes_on_from_the_weights_that_a_slimmed_network_started_from():
    title = "hed (stand-in: ImageNet, then edge detection)"
    for done in ("", ", half width", ", batch normalisation", ", 40 % of the width",
                 ", a quarter of the width, batch normalisation"):  # fmt: skip
        assert runs.started_from(title + done) == title
    rows = [{"rung": name, "change": name, "weights": title + done, "accuracy_validation": 0.5}
            for name, done in (("ten_minutes", ", half width, batch normalisation"),
                               ("seed", ""))]  # fmt: skip
    made = ladder.table(rows)
    assert made["rung"].tolist() == ["seed", "ten_minutes"] and made["weights"].nunique() == 1


@pytest.mark.parametrize("values", [(0.3, None), (None, 0.3)])
def test_a_ladder_of_one_kind_of_weights_says_that_it_cannot_tell(values):
    rungs = climbed(mean=values, pool3=values)
    assert "cannot tell yet" in ladder.already_known(rungs, of_seeds(hed=(0.7, 0.72)))


def test_every_rung_is_a_valid_set_of_parameters():
    for rung in ladder.RUNGS:
        assert read_settings(**rung.settings)
    assert len({rung.name for rung in ladder.RUNGS}) == len(ladder.RUNGS)


def let_commands_use(faces: Path, home: Path, environment: pytest.MonkeyPatch, **more) -> None:
    """Let commands use these faces, and folders of their own in `home`."""
    names = {"TRAIN_DATA": faces / "train", "VAL_DATA": faces / "test"}
    for name, value in (names | {"DATA": home / "data", "OUTPUT": home / "output"} | more).items():
        environment.setenv(f"EMOTIONS_{name}", str(value))


@pytest.fixture
def at_home(tiny_faces, tmp_path, monkeypatch):
    """Let commands use the tiny faces; return the runs' folder."""
    parameters = {"BATCH_SIZE": 16, "EPOCHS": 4, "PRECISION": "float32", "WIDTH": 0.25}
    let_commands_use(tiny_faces, tmp_path, monkeypatch, **parameters)
    return tmp_path / "data" / "runs" / "sample"


def test_a_stopped_run_does_not_count_and_goes_on_to_the_same_result(at_home, monkeypatch, capsys):
    command = ["train", "seed", "--weights", "hed", "--seeds", "1"]
    train, say = training.train, run_recipes._say

    def stop_after_two(history):
        say(history)
        if len(history) == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(run_recipes, "_say", stop_after_two)
    often = {"checkpoint_every": 0}
    monkeypatch.setattr(training, "train", lambda task, **more: train(task, **(more | often)))
    with pytest.raises(SystemExit, match=r"stopped after epoch 2 of 4.*same command again"):
        run_recipes.main([*command, "2"])  # nor does it go on with the next seed
    assert runs.finished(at_home) == []
    monkeypatch.setattr(run_recipes, "_say", say)
    capsys.readouterr()
    run_recipes.main(command)
    said = capsys.readouterr().out
    assert "epoch 4:" in said and "epoch 1:" not in said  # it went on
    went_on = (at_home / "seed-hed-1" / "history.csv").read_bytes()
    assert [folder.name for folder in runs.finished(at_home)] == ["seed-hed-1"]
    run_recipes.main(command)
    assert "there already" in capsys.readouterr().out
    for file in (at_home / "seed-hed-1").iterdir():
        file.unlink()
    run_recipes.main(command)
    assert (at_home / "seed-hed-1" / "history.csv").read_bytes() == went_on


def test_a_refit_learns_all_images_and_is_told_by_what_was_chosen(at_home, monkeypatch, capsys):
    prepare, tasks = training.prepare, []
    monkeypatch.setattr(
        training, "prepare", lambda *a, **k: tasks.append(prepare(*a, **k)) or tasks[-1]
    )
    command = ["train", "frozen_plus", "--weights", "hed", "--seeds", "1"]
    run_recipes.main(command)
    run_recipes.main(["evaluate"])
    run_recipes.main([*command, "--refit"])
    assert "there already" in capsys.readouterr().out
    first, again = tasks
    assert list(again.training) == sorted([*first.training, *first.validation])
    chosen, refit = map(runs.details, runs.finished(at_home))
    assert not chosen["refit"] and refit["refit"] and refit["best_epoch"] == 4
    assert refit["accuracy_validation"] == chosen["accuracy_validation"]
    assert refit["minutes"] > chosen["minutes"]  # those of both
    folders = runs.finished(at_home)
    assert [(each / "history.csv").is_file() for each in folders] == [True, False]
    assert [folder.name for folder in runs.members(at_home)] == ["frozen_plus-hed-1-refit"]
    run_recipes.main(["evaluate"])
    run_recipes.main(["ship"])
    [results] = at_home.parents[2].glob("output/*/results.json")
    rows = {(row["views"], row["refit"]): row for row in json.loads(results.read_text())}
    assert list(rows) == [(1, False), (2, False), (1, True), (2, True)]
    for name in ("accuracy_validation", "temperature"):
        assert all(rows[n, True][name] == rows[n, False][name] for n in (1, 2)), name
    assert runs.called(runs.best_single(runs.read(results))) == "frozen_plus, refit"
    assert runs.spread(runs.read(results)).empty
    for name, count in (("curves.csv", 4), ("ladder.csv", 1)):
        assert len(pd.read_csv(results.with_name(name))) == count
    file = results.with_name(classifier.SHIPPED)
    (at_home / "frozen_plus-hed-1-refit").rename(at_home.parent / "away")
    run_recipes.main(["ship"])  # the run that it repeats is no better
    (at_home.parent / "away").rename(at_home / "frozen_plus-hed-1-refit")
    shipped = classifier.load(file)
    assert shipped.details["refit"]
    course = opening.open_course()
    warmth = classifier.calibrated(shipped, course.data, course.settings).details["temperature"]
    assert warmth == refit["temperature"] == pytest.approx(rows[1, False]["temperature"])
    (at_home / "frozen_plus-hed-1").rename(at_home / "elsewhere")  # then it is told by nothing
    assert [folder.name for folder in runs.finished(at_home)] == ["elsewhere"]
    rows = json.loads(results.read_text())
    results.write_text(json.dumps([row | {"minutes": 2 * row["minutes"]} for row in rows]))
    with pytest.raises(DataError, match="has no row of the classifier that ships"):
        run_recipes.write_card(file.parent)  # those rows are of another training of that name
    card = results.with_name("MODEL_CARD.md").read_text(encoding="utf-8")
    assert "--seeds 1 --refit\n" in card and "kept: epoch 4. This is a refit" in card


def test_what_was_learnt_is_not_lost_if_it_cannot_be_saved(at_home, monkeypatch, capsys):
    train, save, often = training.train, classifier.save, {"checkpoint_every": 0}
    monkeypatch.setattr(training, "train", lambda task, **more: train(task, **(more | often)))

    def full(*given):
        raise OSError("No space left on device")

    monkeypatch.setattr(classifier, "save", full)
    with pytest.raises(OSError, match="No space"):
        run_recipes.main(["train", "seed"])
    assert "epoch 4:" in capsys.readouterr().out
    monkeypatch.setattr(classifier, "save", save)
    run_recipes.main(["train", "seed"])
    assert "epoch" not in capsys.readouterr().out
    assert len(runs.finished(at_home)) == 1
    assert not list((at_home.parents[1] / "cache" / "training").iterdir())


def test_weights_and_seed_that_no_option_names_are_those_of_the_environment(at_home, monkeypatch):
    monkeypatch.setenv("EMOTIONS_WEIGHTS", "random")
    monkeypatch.setenv("EMOTIONS_RANDOM_SEED", "7")
    run_recipes.main(["train", "seed"])
    assert [folder.name for folder in runs.finished(at_home)] == ["seed-random-7"]


def test_the_best_run_is_that_with_the_best_row_whichever_views_it_has(monkeypatch, tmp_path):
    about = {"weights": "hed", "random_seed": 1, "refit": False, "minutes": 3.0}
    monkeypatch.setattr(runs, "members", lambda kept: [kept / "hour", kept / "best"])
    monkeypatch.setattr(runs, "details", lambda folder: about | {"recipe": folder.name})
    rows = [
        about | {"recipe": name, "views": views, "ensemble": 1, "accuracy_validation": share}
        for name, views, share in (("hour", 1, 0.7), ("hour", 10, 0.7), ("best", 1, 0.6),
                                   ("best", 10, 0.8))
    ]  # fmt: skip
    assert runs.best_run(tmp_path, rows).name == "best"
    another = rows[:3] + [rows[3] | {"minutes": 3.1}]  # of another training of that name
    assert runs.best_run(tmp_path, another).name == "hour"


def test_results_from_before_there_were_refits_stay(tmp_path):
    rows = [{"recipe": "hour", "weights": "hed", "random_seed": seed} for seed in (1, 2)]
    kept = runs.with_earlier([rows[0] | {"refit": False}], rows, runs.KEPT)
    assert kept == [rows[1], rows[0] | {"refit": False}]
    (tmp_path / "results.json").write_text(json.dumps(kept))
    assert runs.read(tmp_path / "results.json")["refit"].tolist() == [False, False]


def test_results_of_a_recipe_that_cuts_its_network_otherwise_now_go():
    old, new, other = (
        {"recipe": "hour", "weights": weights, "random_seed": 1, "refit": False, "minutes": minutes}
        for weights, minutes in (
            ("hed (x), half width", 50.00004),
            ("hed (x), a quarter of the width", 20),
            ("random", 50),
        )
    )
    assert runs.with_earlier([new], [old, other], runs.KEPT) == [other, new]
    earlier = [old | {"ensemble": 1}, *(
        {"recipe": name, "weights": "hed", "ensemble": 2, "minutes": 9}
        for name in ("best+hour", "best+ten")
    )]  # fmt: skip
    longer = old | {"minutes": 51}  # cut as before, but trained with other settings
    for trained in (new, longer):
        assert runs.without_outdated(earlier, [trained]) == [earlier[0], earlier[2]]
    assert runs.without_outdated(earlier, [old | {"minutes": 50.0}]) == earlier


@pytest.mark.parametrize("changed, said", [
    ({"width": 0.25}, "width 0.25 instead of 0.5: move that folder"),
    ({"mixup": 0.4}, "mixup 0.4 instead of 0.0: move that folder"),
    ({}, None), ({"recipe": "an earlier one", "width": 0.25}, None),
])  # fmt: skip
def test_a_run_that_was_trained_otherwise_than_its_recipe_says_is_refused(
    tmp_path, monkeypatch, changed, said
):
    about = {"recipe": "hour", "random_seed": 1, **RECIPES["hour"]} | changed
    course = SimpleNamespace(settings=read_settings(data=tmp_path), data=SimpleNamespace(name="x"))
    monkeypatch.setattr(opening, "open_course", lambda: course)
    monkeypatch.setattr(runs, "finished", lambda *_, **__: [tmp_path / "hour-hed-1"])
    monkeypatch.setattr(runs, "details", lambda _: about)
    monkeypatch.setattr(scores, "seen_in_training", lambda _: None)
    monkeypatch.setattr(runs, "entries_of", lambda *_: sys.exit("measured"))
    with pytest.raises(SystemExit, match=said or "measured"):
        run_recipes.evaluate()


def test_runs_of_one_recipe_stand_together_and_views_as_they_came():
    names = ("recipe", "weights", "refit", "random_seed", "views")
    found = [("ten", "hed", False, 2, 1), ("ten", "hed", False, 2, 10), ("hour", "hed", True, 1, 1),
             ("hour", "random", False, 1, 1), ("ten", "random", False, 1, 1),
             ("hour", "hed", False, 2, 1), ("ten", "hed", False, 1, 1)]  # fmt: skip
    rows = runs.in_order([dict(zip(names, values, strict=True)) for values in found])
    assert [tuple(row.values()) for row in rows] == [found[k] for k in (6, 0, 1, 4, 5, 2, 3)]
    mixed = [{"recipe": name, "weights": "hed", "random_seed": 1, "ensemble": 1 + ("+" in name)}
             for name in ("best", "best+hour", "old", "hour")]  # fmt: skip
    assert [row["recipe"] for row in runs.in_order(mixed)] == ["old", "hour", "best", "best+hour"]


def test_without_a_shipped_classifier_the_check_says_whose_there_is(at_home, capsys):
    with pytest.raises(SystemExit):
        run_recipes.main(["check"])
    said = capsys.readouterr().err.splitlines()[-1]
    assert said.startswith("No classifier ships for") and "Put FER-2013 into data/" in said


def test_an_earlier_run_that_was_stopped_is_trained_again(trained, tmp_path):
    """Earlier editions kept stopped trainings like finished ones."""
    _, task, _, _ = trained
    for name, epochs in (("seed-hed-1", 3), ("seed-hed-2", 4)):
        facts = {"epochs": 4, "epochs_run": epochs}
        (tmp_path / name).mkdir()
        classifier.save(tmp_path / name / classifier.SHIPPED, task, facts)
    assert [folder.name for folder in runs.finished(tmp_path)] == ["seed-hed-2"]


def test_runs_from_weights_files_lie_side_by_side_and_are_told_apart(tmp_path, monkeypatch):
    trained = []
    monkeypatch.setattr(run_recipes, "train_one", lambda name, *_: trained.append(name))
    files = [tmp_path / name / "x.h5" for name in ("one", "two")]
    for file in files:
        file.parent.mkdir()
        file.write_text(file.parent.name)
    command = ["train", "seed", "--seeds", "1", "--weights"]
    run_recipes.main([*command, *map(str, files), "hed"])
    assert len(set(trained)) == 3 and trained[2] == "seed-hed-1"
    for name in trained:
        assert (tmp_path / name).parent == tmp_path
        assert name.startswith("seed-") and name.endswith("-1")
    files[0].rename(tmp_path / "x.h5")  # elsewhere, and still the same weights
    run_recipes.main([*command, str(tmp_path / "x.h5")])
    assert trained[3] == trained[0]


def test_a_run_is_named_after_the_weights_that_auto_stands_for(tmp_path, monkeypatch):
    """Else the run from hed would be taken for one from VGG-Face, once its file has come."""
    trained = []
    monkeypatch.setattr(
        run_recipes, "train_one", lambda name, wanted: trained.append((name, wanted["weights"]))
    )
    monkeypatch.setattr(run_recipes, "write_ladder", lambda: None)
    monkeypatch.setattr(backbones, "server_answers", lambda *_: False)
    monkeypatch.setenv("EMOTIONS_DATA", str(tmp_path))
    course = SimpleNamespace(settings=read_settings(), data=SimpleNamespace(name="x"))
    monkeypatch.setattr(opening, "open_course", lambda: course)
    for chosen in ("hed", "vggface"):
        run_recipes.main(["train", "seed", "--seeds", "1"])
        run_recipes.main(["ladder", "--rungs", "mean"])
        wanted = [(f"seed-{chosen}-1", chosen), (f"rung_mean-{chosen}-2013", chosen)]
        assert trained[-2:] == wanted
        (tmp_path / "weights").mkdir(exist_ok=True)
        (tmp_path / "weights" / backbones.WEIGHTS_FILE).touch()


def test_a_finished_run_counts_only_for_the_settings_it_was_trained_with(
    tmp_path, monkeypatch, capsys
):
    """A trial with EMOTIONS_EPOCHS=2 must not stand for the recipe ever after."""

    def opened(**changes):
        settings = read_settings(data=tmp_path, **changes)
        return SimpleNamespace(settings=settings, data=SimpleNamespace(name="x"))

    monkeypatch.setattr(opening, "open_course", opened)
    wanted = {"recipe": "seed", "weights": "random", "random_seed": 1}
    facts = read_settings(**wanted, epochs=2).of("training") | {"random_seed": 1, "epochs_run": 2}
    del facts["mixup"]  # a setting younger than the run had its default
    folder = tmp_path / "runs" / "x" / "seed-random-1"
    folder.mkdir(parents=True)
    about = {"classifier": json.dumps(facts)}
    save_file({"x": np.zeros(1)}, folder / classifier.SHIPPED, about)
    with pytest.raises(SystemExit) as ending:
        run_recipes.train_one("seed-random-1", wanted)
    said = str(ending.value)
    assert "seed-random-1" in said and "epochs 2 instead of 50" in said and "move" in said
    assert "mixup" not in said and said.count("instead of") == 1
    monkeypatch.setenv("EMOTIONS_EPOCHS", "2")
    assert run_recipes.train_one("seed-random-1", wanted) == folder
    assert "there already" in capsys.readouterr().out


def test_an_ensemble_takes_what_raises_its_accuracy_on_the_validation_split(monkeypatch, tmp_path):
    found = {  # of four images of the classes 0, 1, 0, 1: the probability of class 1
        "hour-hed-1": (0.1, 0.9, 0.4, 0.4), "hour-random-1": (0.6, 0.6, 0.4, 0.9),
        "ten_minutes-hed-1": (0.9, 0.1, 0.9, 0.9), "hour-hed-2": (0.0, 1.0, 0.0, 0.5),
        "hour-vggface-1": (0.1, 0.6, 0.6, 0.9),  # as good, but chosen by fewer images
    }  # fmt: skip
    labels = np.array([0, 1, 0, 1])

    def details(folder):
        right = (np.array(found[folder.name]).round() == labels).mean()
        seed = int(folder.name[-1])
        weights = folder.name.split("-")[1]
        return {"random_seed": seed, "validation_share": 0.1, "accuracy_validation": right,
                "weights": weights, "left_out": [7] if weights == "vggface" else []}  # fmt: skip

    def predictions(data, settings, folder, views):
        ones = np.array(found[folder.name])
        return np.arange(4), np.stack([1 - ones, ones], axis=1), None

    monkeypatch.setattr(runs, "finished", lambda folder: [folder / name for name in found])
    monkeypatch.setattr(runs, "details", details)
    monkeypatch.setattr(runs, "predictions", predictions)
    data = SimpleNamespace(train=SimpleNamespace(labels=labels))
    chosen = [folder.name for folder in runs.ensemble(data, None, tmp_path)]
    assert chosen == ["hour-hed-1", "hour-random-1"]
    assert [x.name for x in runs.members(tmp_path)] == [x for x in found if "random" not in x]


def test_an_ensemble_is_the_mean_of_its_members_and_costs_all_of_them(monkeypatch):
    """Each of three is wrong about another image, all together are right."""
    labels = np.array([0, 1, 0])
    sure = np.array([[0.6, 0.4], [0.4, 0.6], [0.6, 0.4]])
    members = {}
    for number, name in enumerate(("a", "b", "c")):
        found = sure.copy()
        found[number] = 1 - sure[number]
        members[name] = (np.arange(3), found, found)
    about = {"refit": False, "random_seed": 1, "images_per_second": 1.0, "processor": "x"}
    started = {"a": "hed (stand-in)", "b": "hed (stand-in)", "c": "random (not pre-trained)"}
    monkeypatch.setattr(runs, "ensemble", lambda *given: list(members))
    monkeypatch.setattr(runs, "predictions", lambda data, how, name, views: members[name])
    monkeypatch.setattr(
        runs,
        "details",
        lambda name: about | {"recipe": name, "weights": started[name], "minutes": 2},
    )
    part = SimpleNamespace(labels=labels, files=("x", "y", "z"))
    data = SimpleNamespace(train=part, test=part)
    row, of_ten = runs.ensemble_entries(data, None, None, np.zeros(3, bool))
    assert of_ten == row | {"views": 10}
    assert row["accuracy_validation"] == row["accuracy_test"] == 1
    assert (row["recipe"], row["minutes"], row["views"], row["ensemble"]) == ("a+b+c", 6, 2, 3)
    assert row["weights"] == "hed + random"


def test_weights_have_a_short_name():
    assert runs.short("hed (stand-in: ImageNet), half width, batch normalisation") == "hed"
    assert runs.short("VGG-Face, half width, batch normalisation") == "VGG-Face"


def test_the_ladder_ends_with_an_ensemble_of_the_run_that_it_follows():
    """Others are no step above it; and the bar says who is averaged."""
    rows = [
        {"recipe": name, "weights": "hed", "random_seed": 1, "views": views, "ensemble": several,
         "accuracy_validation": share, "minutes": 3.0, "refit": False}
        for name, views, several, share in (
            ("new", 1, 1, 0.7), ("new", 2, 1, 0.72), ("old", 1, 1, 0.6),
            ("old+older", 2, 2, 0.65), ("old+new", 2, 2, 0.74))
    ]  # fmt: skip
    rows.append(rows[-1] | {"recipe": "new+new", "weights": "hed + random"})
    rows.append(rows[1] | {"refit": True, "minutes": 6.0})  # chosen by the run before
    random = rows[1] | {"weights": "random", "accuracy_validation": 0.71}
    rows += [random, random | {"random_seed": 2}]
    made = ladder.averaging_rows(pd.DataFrame(rows))
    views = made.pop(1)
    assert [views[name] for name in ("rung", "weights", "accuracy_validation")] == [
        "views_2", "random", 0.71,
    ]  # fmt: skip
    assert [row["rung"] for row in made] == ["views_2", "ensemble", "ensemble"]
    assert made[0]["minutes"] == 3.0
    assert made[2]["change"] == "ensemble, 2 views: new, new (hed + random)"
    assert made[2]["weights"] == "hed"
    assert made[1] == {
        "rung": "ensemble", "change": "ensemble, 2 views: old, new", "weights": "hed",
        "accuracy_validation": 0.74, "minutes": 3.0,
    }  # fmt: skip


def test_the_committed_ladder_has_no_rung_that_today_s_code_would_train_otherwise():
    """`all` was measured when `backbone_rate` 0.6 gave blocks 1 and 2 other rates than today."""
    rungs = pd.read_csv(classifier.REFERENCE.parent / "ladder.csv")
    assert not (rungs["rung"] == "all").any()
    averaged = rungs[rungs["rung"].str.startswith("views_")]["change"].str.split(":").str[0]
    for change in rungs[rungs["rung"] == "ensemble"]["change"]:
        assert set(averaged) <= set(change.split(": ")[1].split(", "))


@pytest.fixture(scope="module")
def results_folder(tiny_faces, tmp_path_factory):
    """Return the folder of the results after two seeds of a recipe and a rung, all kept."""
    home = tmp_path_factory.mktemp("runs")
    with pytest.MonkeyPatch.context() as environment:
        let_commands_use(tiny_faces, home, environment)
        with pytest.raises(SystemExit):
            run_recipes.main(["evaluate"])  # there is nothing yet
        run_recipes.main(["train", "frozen_plus", "--weights", "hed", "--seeds", "1", "2013"])
        environment.setenv("EMOTIONS_EPOCHS", "1")  # of a notebook's own training, not of a rung
        run_recipes.main(["ladder", "--weights", "hed", "--rungs", "mirror", "mean"])
        environment.delenv("EMOTIONS_EPOCHS")
        with pytest.raises(SystemExit):
            run_recipes.main(["ship"])  # before it is measured; it says so in a sentence
        run_recipes.main(["evaluate"])
        run_recipes.main(["ship"])
        run_recipes.main(["check"])
    return next(file.parent for file in home.glob("output/*/results.json"))


def test_recipes_from_the_command_line_to_the_shipped_classifier(results_folder):
    measured = runs.read(results_folder / "results.json")
    assert sorted(measured["random_seed"]) == [1, 1, 2013, 2013]
    assert sorted(measured["views"]) == [1, 1, 2, 2]
    rungs = pd.read_csv(results_folder / "ladder.csv")
    # the recipe's own run is the rung mirror
    assert rungs["rung"].tolist() == ["mean", "mirror", "views_2", "ensemble"][: len(rungs)]
    assert len(rungs) == 3  # two seeds have two validation splits: no ensemble of them
    details = classifier.load(results_folder / "classifier.safetensors").details
    best = measured.loc[measured["accuracy_validation"].idxmax()]
    assert details["accuracy_validation"] == pytest.approx(
        measured.query("views == 1")["accuracy_validation"].max(), abs=0.08
    )
    assert details["recipe"] == best["recipe"] == "frozen_plus"
    card = (results_folder / "MODEL_CARD.md").read_text(encoding="utf-8")
    assert f"--seeds {details['random_seed']}" in card and "PrivateTest" not in card


def test_the_committed_results_of_runs_have_the_names_that_the_code_writes(results_folder):
    of_fer2013 = {"accuracy_public", "accuracy_private"}  # no other data have these parts
    written = set(runs.read(results_folder / "results.json"))
    committed = classifier.REFERENCE.parent
    assert set(runs.read(committed / "results.json")) == written | of_fer2013
    for name in ("ladder.csv", "curves.csv"):
        assert list(pd.read_csv(committed / name)) == list(pd.read_csv(results_folder / name)), name
    changes = dict(ladder.changes()["change"])
    rungs = pd.read_csv(committed / "ladder.csv").set_index("rung")["change"]
    assert {name: words for name, words in rungs.items() if changes.get(name, words) != words} == {}


def test_results_of_runs_on_another_machine_stay(results_folder, tiny_faces, monkeypatch, capsys):
    home = results_folder.parents[1]
    let_commands_use(tiny_faces, home, monkeypatch)
    shipped = results_folder / "classifier.safetensors"
    seed = classifier.read_details(shipped)["random_seed"]
    before = {file.name: file.read_bytes() for file in results_folder.iterdir()}
    [run] = home.glob(f"data/runs/*/frozen_plus-hed-{seed}")
    run.rename(home / "elsewhere")
    run_recipes.main(["evaluate"])
    run_recipes.main(["ship"])
    (home / "elsewhere").rename(run)
    assert "stays" in capsys.readouterr().out
    for name in ("results.json", "ladder.csv", "curves.csv"):
        after = (results_folder / name).read_bytes()
        assert sorted(after.splitlines()) == sorted(before[name].splitlines()), name
    assert shipped.read_bytes() == before[shipped.name]


@pytest.mark.parametrize(("found", "stays"), [(0.99, 5), (0.01, 2)])
def test_of_two_ensembles_the_better_one_stays(
    results_folder, tiny_faces, monkeypatch, found, stays
):
    let_commands_use(tiny_faces, results_folder.parents[1], monkeypatch)
    results = results_folder / "results.json"
    before, rows = results.read_bytes(), json.loads(results.read_text())
    elsewhere = rows[0] | {"ensemble": 5, "recipe": "x+y", "accuracy_validation": found}
    here = rows[0] | {"ensemble": 2, "recipe": "x+z", "accuracy_validation": 0.5}
    results.write_text(json.dumps([*rows, elsewhere]))
    monkeypatch.setattr(runs, "ensemble_entries", lambda *_: [here])
    run_recipes.main(["evaluate"])
    several = [row["ensemble"] for row in json.loads(results.read_text()) if row["ensemble"] > 1]
    assert several == [stays]
    results.write_bytes(before)


def test_a_rung_of_a_slimmed_network_stays_one_row(tmp_path, monkeypatch):
    weights = "hed (a stand-in), half width, batch normalisation"
    row = {"rung": "ten_minutes", "change": "another network", "weights": weights}
    row |= {"accuracy_validation": 0.6, "minutes": 9.0}
    monkeypatch.setattr(ladder, "rows_of", lambda *_: [row])
    course = SimpleNamespace(
        folder=tmp_path, settings=read_settings(), data=SimpleNamespace(name="x")
    )
    monkeypatch.setattr(opening, "open_course", lambda: course)
    for _ in range(2):
        run_recipes.write_ladder()
    assert pd.read_csv(tmp_path / "ladder.csv")["weights"].tolist() == ["hed (a stand-in)"]


def test_the_spread_of_seeds(results_folder):
    table = runs.spread(runs.read(results_folder / "results.json"))
    assert table["seeds"].tolist() == [2, 2]
    one = runs.read(results_folder / "results.json").query("views == 1")["accuracy_test"]
    assert table.loc[0, "deviation"] == pytest.approx(abs(np.diff(one))[0] / np.sqrt(2))
    assert (table["lowest"] <= table["mean"]).all() and (table["mean"] <= table["highest"]).all()


def test_a_learning_curve_ends_with_the_run(results_folder):
    curves = pd.read_csv(results_folder / "curves.csv")
    assert set(curves["random_seed"]) == {1, 2013}
    run = curves[curves["random_seed"] == 2013]
    assert run["minutes"].is_monotonic_increasing and len(run) == RECIPES["frozen_plus"]["epochs"]
    rungs = pd.read_csv(results_folder / "ladder.csv").set_index("rung")
    assert run["minutes"].iloc[-1] == pytest.approx(rungs.loc["mirror", "minutes"], abs=1e-5)
    assert run["accuracy_validation"].max() == pytest.approx(
        rungs.loc["mirror", "accuracy_validation"], abs=1e-5
    )
