"""The widgets: their handlers are called as a browser would, and the figure is seen to change."""

import asyncio
import gc
import io
import json
import os
import re
import threading
import weakref
from html import unescape

import ipywidgets
import numpy as np
import pandas as pd
import pytest
from emotions.course import opening
from emotions.data import copies
from emotions.data.drawn import EXPRESSIONS, draw_face
from emotions.data.faces import FaceData, ImageSet
from emotions.measuring import photos
from emotions.measuring.classifier import Classifier
from emotions.network import inputs as preprocessing
from emotions.network.movement import Movement
from emotions.network.quiet_keras import keras
from emotions.network.responses import Responses
from emotions.showing import widgets
from emotions.showing.widgets import browsers, explorer
from emotions.showing.widgets import live as live_training
from emotions.showing.widgets.browsers import problem_marks
from emotions.training import earlier_runs
from emotions.training import task as training
from PIL import Image

CLASSES = tuple(sorted(EXPRESSIONS))


def image_set(images: int, first: int = 0) -> ImageSet:
    """Return drawn faces, one emotion after the other."""
    labels = np.arange(first, first + images) % len(CLASSES)
    faces = [
        draw_face(dict.fromkeys(EXPRESSIONS[CLASSES[label]], 0.3 + 0.05 * (row % 10)))
        for row, label in enumerate(labels)
    ]
    stacked = np.array(faces, np.uint8).reshape(images, 48, 48, 1)
    files = tuple(f"{CLASSES[label]}/{row}.png" for row, label in enumerate(labels))
    return ImageSet(stacked, labels, CLASSES, files)


@pytest.fixture(scope="module")
def faces():
    return image_set(70)


@pytest.fixture(scope="module")
def tiny_classifier():
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [keras.Input((48, 48, 1)), keras.layers.Flatten(), keras.layers.Rescaling(1 / 255)]
        + [keras.layers.Dense(len(CLASSES), activation="softmax")]
    )
    return Classifier(model, CLASSES, {"weights": "none"})


def as_file(pixels: np.ndarray, kind: str = "PNG") -> bytes:
    content = io.BytesIO()
    Image.fromarray(pixels).save(content, kind)
    return content.getvalue()


def upload(taker: widgets.PhotoTaker, content: bytes, name: str) -> None:
    """Do what the browser's upload does."""
    file = {"name": name, "type": "image/png", "size": len(content), "content": memoryview(content)}
    taker.upload.set_trait("value", ({**file, "last_modified": pd.Timestamp.now("UTC")},))


def shown(widget) -> bytes:
    """Return the static picture, after a look at its description."""
    data, metadata = widget._repr_mimebundle_()
    assert data["application/vnd.jupyter.widget-view+json"]
    assert len(metadata["image/png"]["alt"]) > 10
    assert alternative(widget) == metadata["image/png"]["alt"]
    assert data["image/png"] in widget.picture.value
    return data["image/png"]


def alternative(widget) -> str:
    """Return the words of the live picture for who does not see it, as a browser reads them."""
    return unescape(re.search(r'<img [^>]*alt="([^"]*)"', widget.picture.value)[1])


def test_an_uploaded_photo_gets_seven_probabilities_for_each_face(tiny_classifier):
    taker = widgets.PhotoTaker(tiny_classifier)
    before = shown(taker)
    assert "No photo yet" in taker.message.value
    upload(taker, as_file(draw_face(dict.fromkeys(EXPRESSIONS["happy"], 0.8))), "me & <b>you.png")
    assert shown(taker) != before
    assert taker.table.shape == (1, 7) and taker.table.sum(axis=1).round(5).eq(1).all()
    assert all(name in taker.message.value for name in CLASSES)
    assert "me &amp; &lt;b&gt;you.png" in taker.message.value
    assert taker.upload.value == ()  # nothing of the picture stays


def test_a_photo_without_a_face_is_called_a_whole_picture(tiny_classifier):
    photo = photos.read_photo(as_file(np.full((64, 90, 3), 90, np.uint8)), "grey.png")
    for given in (photo, photo.as_one_face()):
        taker = widgets.PhotoTaker(tiny_classifier, given)
        assert list(taker.table.index) == ["whole picture"] and "whole picture." in taker.words
        assert "faces: none found" in taker.message.value and "Face 1" not in taker.message.value


def test_what_is_no_photo_gets_one_sentence(tiny_classifier, monkeypatch):
    taker = widgets.PhotoTaker(tiny_classifier)
    whole = as_file(np.full((64, 64, 3), 90, np.uint8))
    for content, name, words in (
        (b"no picture at all", "notes.png", "notes.png is no PNG, JPEG"),
        (whole[: len(whole) // 2], "half.png", "half.png is damaged"),
        (b"", "empty.png", "empty.png is no PNG"),
        (b"\0" * (photos.LARGEST_FILE + 1), "huge.png", "huge.png has 50 MB, and 50 MB is the"),
    ):
        upload(taker, content, name)
        assert words in taker.message.value and taker.message.value.count("<b>") == 1
        assert taker.table.empty
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
    upload(taker, whole, "wide.png")
    assert "wide.png has too many pixels" in taker.message.value


def test_a_picture_of_the_webcam_is_read_and_nothing_else_is(tiny_classifier):
    taker = widgets.PhotoTaker(tiny_classifier)
    jpeg = as_file(draw_face({}), "JPEG")
    taker.webcam._handle_custom_msg({"kind": "other"}, [memoryview(jpeg)])
    taker.webcam._handle_custom_msg({"kind": "picture"}, [])
    assert taker.table.empty
    taker.webcam._handle_custom_msg({"kind": "picture"}, [memoryview(jpeg)])
    assert taker.table.shape == (1, 7) and "webcam" in taker.message.value
    assert not any(isinstance(value, bytes) for value in taker.webcam.get_state().values())


def test_without_a_classifier_it_says_which_notebook_makes_one():
    taker = widgets.PhotoTaker(None)
    upload(taker, as_file(draw_face({})), "me.png")
    assert "run notebook 4" in taker.message.value and shown(taker)


def test_bytes_and_file_give_the_same_photo_and_a_too_large_file_is_refused(tmp_path, monkeypatch):
    content = as_file(np.random.default_rng(0).integers(0, 255, (90, 70, 3)).astype(np.uint8))
    (tmp_path / "one.png").write_bytes(content)
    one, other = photos.read_photo(tmp_path / "one.png"), photos.read_photo(content, "one.png")
    assert one.name == other.name and (one.pixels == other.pixels).all()
    assert one.as_one_face().boxes.tolist() == [[0, 0, 70, 90]]
    monkeypatch.setattr(photos, "LARGEST_FILE", 1000)
    with pytest.raises(photos.DataError, match=r"one\.png has 0 MB.*save it smaller"):
        photos.read_photo(tmp_path / "one.png")


def test_the_browser_marks_copies_and_conflicts_differently(faces):
    train = image_set(70)
    train.images[7], train.images[8] = train.images[0], train.images[9]  # a copy; a conflict: 8, 9
    data = FaceData(train, image_set(14, first=3), "drawn", "drawn faces", "x", ())
    problems = copies.find_problems(data)
    marks = problem_marks(problems[problems["split"] == "train"])
    assert marks[8] == marks[9] == "≠"
    assert marks[0] == marks[7] == "="
    browser = widgets.image_browser(train, problems[problems["split"] == "train"], "data: drawn")
    before = shown(browser)
    browser.controls["show"].value = "conflicting label"
    browser.controls["emotion"].value = CLASSES[1]
    assert shown(browser) != before
    assert "conflicting label: page 1 of 1" in browser.words
    browser.controls["show"].value = "single grey"
    assert "no image with single grey" in browser.words


def test_each_explorer_says_something_before_there_is_anything_to_show(faces):
    none = ImageSet(faces.images[:0], faces.labels[:0], CLASSES, ())
    empty = pd.DataFrame()
    for widget, words in (
        (widgets.image_browser(none, empty, ""), "no images yet"),
        (widgets.confusion_explorer(faces, None, ""), "Nothing is predicted yet"),
        (widgets.grid_explorer(empty, [], ""), "run the search"),
        (widgets.feature_map_explorer(None, faces, None, ""), "no network"),
        (widgets.input_explorer(None, faces, {}, ""), "no network"),
    ):
        assert words in widget.words
        assert shown(widget)


def test_the_confusion_explorer_turns_pages(faces, monkeypatch):
    monkeypatch.setattr(browsers, "MISTAKES_PER_PAGE", 1)
    chances = np.random.default_rng(0).dirichlet(np.ones(7), len(faces))
    explorer = widgets.confusion_explorer(faces, chances, "")
    guess = chances.argmax(axis=1)
    true = faces.labels[0]
    explorer.controls["true"].value = CLASSES[true]
    explorer.controls["predicted"].value = CLASSES[guess[0]]
    cell = ((faces.labels == true) & (guess == guess[0])).sum()
    assert f"{cell} face{'s' if cell > 1 else ''}, page 1 of {cell}" in explorer.words
    pager = explorer.controls["page"]
    pager.value = 99
    assert f"page {cell} of {cell}" in explorer.words and pager.value == pager.max == cell


def test_the_confusion_explorer_begins_with_the_most_frequent_mistake():
    faces = image_set(70)
    guess = faces.labels.copy()
    guess[np.flatnonzero(faces.labels == 5)[:3]] = 2
    guess[np.flatnonzero(faces.labels == 1)[:2]] = 0
    explorer = widgets.confusion_explorer(faces, np.eye(7)[guess], "")
    assert f"{CLASSES[5]}, taken for {CLASSES[2]}: 3 faces" in explorer.words


def test_a_pager_has_as_many_pages_as_the_cell_that_is_shown(monkeypatch):
    """Of a cell with one page, moving on would show the same picture again."""
    monkeypatch.setattr(browsers, "MISTAKES_PER_PAGE", 2)
    faces = image_set(70)
    guess = np.where(np.arange(70) < 58, faces.labels, 0)
    explorer = widgets.confusion_explorer(faces, np.eye(7)[guess], "")
    pager, drawn = explorer.controls["page"], []
    true, predicted = (explorer.controls[name] for name in ("true", "predicted"))
    for name in ("true", "predicted"):
        explorer.controls[name].value = CLASSES[0]
    pager.value = pager.max
    assert pager.value == 5
    monkeypatch.setattr(explorer, "show", lambda figure: drawn.append(figure))
    true.value = CLASSES[1]  # 1 face: one page, to which the pager goes back
    assert (pager.value, pager.max, len(drawn)) == (1, 1, 1)
    predicted.value = CLASSES[1]
    assert (pager.value, pager.max, len(drawn)) == (1, 5, 2)
    predicted.value = CLASSES[2]  # none
    assert (pager.max, len(drawn)) == (1, 3)


def test_action_units_move_the_face():
    sliders = widgets.ActionUnitSliders()
    before = shown(sliders)
    sliders.controls["unit_4"].value = 1.0
    assert shown(sliders) != before and "AU4" in sliders.words
    sliders.expression.value = "sad"
    assert {name for name, c in sliders.controls.items() if c.value} == {
        f"unit_{number}" for number in EXPRESSIONS["sad"]
    }
    sliders.controls["unit_4"].value = 0.0  # it still follows each of them
    assert "AU4" not in sliders.words and "AU1" in sliders.words


def test_every_control_has_a_label(faces, tiny_classifier):
    made = [
        widgets.image_browser(faces, problems_of(faces), ""),
        widgets.confusion_explorer(faces, np.eye(7)[faces.labels], ""),
        widgets.ActionUnitSliders(),
        widgets.PhotoTaker(tiny_classifier),
    ]
    controls = [each for widget in made for each in inside(widget.widget) if hasattr(each, "value")]
    controls = [c for c in controls if not isinstance(c, (ipywidgets.Image, ipywidgets.HTML))]
    assert len(controls) > 15
    assert [control for control in controls if not control.description] == []


def problems_of(images: ImageSet) -> pd.DataFrame:
    """Return the problems of one split alone."""
    data = FaceData(images, images, "drawn", "drawn faces", "x", ())
    return copies.find_problems(data).iloc[: len(images)]


def inside(widget: ipywidgets.Widget) -> list[ipywidgets.Widget]:
    """Return a widget and all that it holds."""
    return [widget, *(each for child in getattr(widget, "children", ()) for each in inside(child))]


def every_explorer(images: ImageSet, network, monkeypatch) -> dict:
    """Return for each explorer how it is made, and moves of which each changes its picture."""
    monkeypatch.setattr(browsers, "PER_PAGE", 4)
    monkeypatch.setattr(browsers, "MISTAKES_PER_PAGE", 4)
    means = {"vggface": preprocessing.VGGFACE_MEAN, "zero_one": None}
    return {
        "browser": (
            lambda: widgets.image_browser(images, problems_of(images), ""),
            [("emotion", CLASSES[3]), ("page", 2)],
        ),
        "confusion": (
            lambda: widgets.confusion_explorer(images, np.eye(7)[images.labels], ""),
            [("predicted", CLASSES[1]), ("predicted", CLASSES[0]), ("page", 2)],
        ),
        "units": (widgets.ActionUnitSliders, [("unit_4", 0.5), ("expression", "surprise")]),
        "maps": (
            lambda: widgets.feature_map_explorer(network, images, means["vggface"], ""),
            [("channel", 200), ("layer", "conv1_2"), ("face", 5)],
        ),
        "input": (
            lambda: widgets.input_explorer(network, images, means, ""),
            [("preparation", "vggface"), ("face", 5), ("size", 96)],
        ),
    }


@pytest.mark.parametrize("name", ["browser", "confusion", "units", "maps", "input"])
def test_a_move_draws_one_picture_of_few_axes(faces, network, monkeypatch, name):
    """Axes and drawings are what costs time: this counts them, `benchmarks/` has the seconds."""
    make, moves = every_explorer(faces, network, monkeypatch)[name]
    widget, drawn = make(), []
    as_png = explorer.as_png
    monkeypatch.setattr(
        explorer, "as_png", lambda figure: drawn.append(len(figure.axes)) or as_png(figure)
    )
    for control, value in moves:
        before, moved = shown(widget), widget.controls.get(control, getattr(widget, control, None))
        drawn.clear()
        moved.value = value
        assert len(drawn) == 1 and drawn[0] <= 2, (control, drawn)
        assert shown(widget) != before, (control, value)


def test_a_face_passes_through_the_network_once_per_size_and_preparation(
    faces, network, monkeypatch
):
    passes = []
    seen = Responses._channel_means
    monkeypatch.setattr(
        Responses, "_channel_means", lambda own, *way: passes.append(way) or seen(own, *way)
    )
    means = {"vggface": preprocessing.VGGFACE_MEAN, "zero_one": None}
    explorer = widgets.input_explorer(network, faces, means, "")
    for control, value, new in (("preparation", "vggface", 0), ("size", 96, 1), ("size", 48, 0),
                                ("size", 96, 0), ("face", 3, 2), ("preparation", "zero_one", 1),
                                ("face", 0, 1)):  # fmt: skip
        passes.clear()
        explorer.controls[control].value = value
        assert len(passes) == new, (control, value, passes)


@pytest.fixture(scope="module")
def to_train(tiny_course):
    """Return a function that prepares a training, ready in a second: random weights, tiny data."""
    course = tiny_course(weights="random", precision="float32", layer="pool3")
    backbone, policy = opening.open_backbone(course)

    def prepared(**changes):
        settings = course.settings.changed(**changes)
        return training.prepare(settings, course.data, backbone, policy)

    return prepared


def test_a_training_with_widgets_gives_the_same_digits_as_one_without(to_train):
    plain = training.train(to_train(epochs=3))
    task = to_train(epochs=3)
    live = widgets.LiveTraining(task, "three epochs")
    before, held = shown(live), weakref.ref(task)
    run = asyncio.run(live.train())
    pd.testing.assert_frame_equal(run.history, plain.history)
    assert not run.stopped and live.button.disabled and live.button.description == "Trained"
    assert f"Kept: epoch {run.best_epoch}" in live.message.value
    assert shown(live) != before and "Epoch 3 of 3" in live.words
    del task, live
    gc.collect()
    assert held() is None  # the next training has its memory


def test_what_moves_is_measured_where_the_network_trains(to_train, monkeypatch):
    """While JAX trains, its layers do not hold their weights: another thread would fail."""
    threads, table = [], Movement.table
    monkeypatch.setattr(
        Movement, "table", lambda self: threads.append(threading.current_thread()) or table(self)
    )
    monkeypatch.setattr(live_training, "DRAW_AGAIN", 0.0)
    live = widgets.LiveTraining(to_train(epochs=3), "three epochs")
    asyncio.run(live.watch(training.train, live.task, on_epoch=live.note))
    assert len(threads) == 3 and not {threading.main_thread()} & set(threads)
    assert list(live._moved["learns"][-2:]) == [True, True]


@pytest.mark.parametrize("how", ["button", "toolbar"])
def test_stop_ends_the_training_and_keeps_the_best_epoch(to_train, how):
    live = widgets.LiveTraining(to_train(epochs=10_000), "endless")

    async def someone_stops_it():
        waiting = asyncio.ensure_future(live.train())
        while len(live._history) < 3:
            await asyncio.sleep(0.05)
        live.button.click() if how == "button" else waiting.cancel()
        return await waiting

    run = asyncio.run(someone_stops_it())
    assert run.stopped and 3 <= len(run.history) < 10_000
    assert run.history["val_accuracy"].idxmax() == run.best_epoch
    task = live.task
    guess = task.model.predict(np.asarray(task.inputs[task.validation]), verbose=0).argmax(axis=1)
    right = (guess == task.labels[task.validation]).mean()
    assert right == pytest.approx(run.history["val_accuracy"].max(), abs=1e-6)
    assert live.button.description == "Stopped"
    assert not [t for t in threading.enumerate() if t.name.startswith("training")]


def test_a_training_that_fails_says_so_and_leaves_no_thread(to_train, monkeypatch):
    def broken(*_, **__):
        raise OSError("no room left")

    monkeypatch.setattr(training, "train", broken)
    with pytest.raises(OSError, match="no room left"):
        asyncio.run(widgets.LiveTraining(to_train(epochs=1), "broken").train())
    assert not [t for t in threading.enumerate() if t.name.startswith("training")]


def test_what_learns_moves_and_what_is_frozen_does_not(to_train):
    task = to_train(epochs=1)
    movement = Movement(task.whole)
    assert (movement.table()["change"] == 0).all()
    head = task.model.get_layer("fc-7")
    kernel, bias = head.get_weights()
    head.set_weights([kernel * 1.5, bias])
    table = movement.table()
    assert len(table) == 9 and list(table.index[-2:]) == ["fc-256", "fc-7"]  # conv1_1 to conv3_3
    assert table.loc["fc-7", "change"] == pytest.approx(0.5) and table["learns"].sum() == 2
    assert (table["change"].drop("fc-7") == 0).all()
    # a training that goes on, or begins anew, moves from where it started
    pd.testing.assert_frame_equal(Movement(task.whole, task.start).table(), table)


@pytest.fixture(scope="module")
def network(tiny_course):
    """Return a backbone with the stand-in's weights."""
    return opening.open_backbone(tiny_course(weights="hed", precision="float32"))[0]


def test_the_feature_map_explorer_goes_by_layer_and_channel(faces, network, monkeypatch):
    explorer = widgets.feature_map_explorer(network, faces, preprocessing.VGGFACE_MEAN, "drawn")
    assert "number 1 of 256 by activity" in explorer.words
    seen = [shown(explorer)]
    for name, value in (("channel", 200), ("layer", "conv1_1"), ("face", 3), ("layer", "pool5")):
        explorer.controls[name].value = value
        assert shown(explorer) not in seen, (name, value)
        seen.append(shown(explorer))
    assert explorer.controls["channel"].max == 511
    assert explorer.controls["channel"].value == 63  # conv1_1 has 64
    assert "pool5 sees a face" in explorer.words
    assert "channel 63: number" in explorer.words


def test_maps_are_those_of_the_model_and_computed_once(faces, network, monkeypatch):
    responses = Responses(network.model, faces.images)
    mean = preprocessing.VGGFACE_MEAN
    maps = responses.maps(5, 48, mean)
    batch = preprocessing.network_input((48, 48, 1), 48, mean)(faces.images[5:6].astype("float32"))
    np.testing.assert_allclose(
        responses.network_input(5, 48, mean), np.asarray(batch)[0], atol=1e-4
    )
    last = np.asarray(network.model(batch))[0]
    np.testing.assert_allclose(maps["pool5"], last, rtol=1e-3, atol=1e-3 * last.max())
    monkeypatch.setattr(responses, "layers", {})  # computing again would find no layer
    assert responses.maps(5, 48, mean) is maps


def test_the_input_explorer_shows_what_the_network_gets_and_how_far_answers_move(faces, network):
    means = {
        name: preprocessing.channel_mean(name, faces.images)
        for name in ("vggface", "training", "zero_one")
    }
    explorer = widgets.input_explorer(network, faces, means, "drawn")
    seen = [shown(explorer)]
    assert "zero_one, 48 pixels" in explorer.words  # the first with itself would show nothing
    for name, value in (("preparation", "vggface"), ("size", 96), ("face", 2)):
        explorer.controls[name].value = value
        assert shown(explorer) not in seen, (name, value)
        seen.append(shown(explorer))
    assert "vggface, 96 pixels" in explorer.words
    responses, start = Responses(network.model, faces.images), (48, means["vggface"])
    layers = ("conv1_1", "pool5")
    assert (responses.change(0, start, start, layers) == 0).all()
    seeds = responses.change(0, start, (48, means["zero_one"]), layers)
    larger = responses.change(0, start, (96, means["vggface"]), layers)
    assert seeds["conv1_1"] > 0.8  # [0, 1] is nearly no input at all
    assert 0 < larger["conv1_1"] < seeds["conv1_1"] and 0 < larger["pool5"] < 1


def history(*accuracies: float) -> pd.DataFrame:
    index = pd.RangeIndex(1, len(accuracies) + 1, name="epoch")
    columns = dict.fromkeys(("loss", "accuracy", "val_loss", "val_accuracy"), accuracies)
    return pd.DataFrame(columns, index=index)


def test_earlier_runs_are_named_by_what_differs_and_drawn_together(tiny_course, tmp_path):
    settings = tiny_course().settings.changed(data=tmp_path / "data", output=tmp_path / "output")
    assert earlier_runs.read(settings, "sample") == {}
    assert "No run is kept yet" in widgets.compare_runs({}, "").words
    earlier_runs.keep(settings, "sample", "hed", history(0.2, 0.3))
    one = widgets.compare_runs(earlier_runs.read(settings, "sample"), "data: drawn")
    assert "Train again" in one.words
    other = settings.changed(learning_rate=0.01)
    earlier_runs.keep(other, "sample", "hed", history(0.4))
    latest = earlier_runs.keep(other, "sample", "hed", history(0.4, 0.5))  # again: takes its place
    os.utime(latest, (2**31, 2**31))
    recipe = tmp_path / "data" / "runs" / "sample" / "best-hed-1"
    recipe.mkdir()
    history(0.6, 0.7).to_csv(recipe / "history.csv")
    (tmp_path / "output" / "sample").mkdir(parents=True)
    history(0.4, 0.5).to_csv(tmp_path / "output" / "sample" / "training_history.csv")
    curves = earlier_runs.read(settings, "sample")
    assert list(curves) == ["last: optimizer Adam, learning_rate 0.01",
                            "optimizer Adam, learning_rate 0.001", "recipe best-hed-1"]  # fmt: skip
    assert curves["last: optimizer Adam, learning_rate 0.01"]["val_accuracy"].tolist() == [0.4, 0.5]
    explorer = widgets.compare_runs(curves, "data: drawn")
    before = shown(explorer)
    explorer.controls["runs"].value = tuple(curves)[:2]
    assert shown(explorer) != before and "2 of 3 runs" in explorer.words
    explorer.controls["runs"].value = ()
    assert "Choose at least one run" in explorer.words


@pytest.mark.parametrize("content", ["{", "[]", json.dumps({"made_with": {}, "history": {}})])
def test_a_damaged_curve_gets_one_sentence_with_its_mend(tiny_course, tmp_path, content):
    settings = tiny_course().settings.changed(data=tmp_path, output=tmp_path)
    file = earlier_runs.keep(settings, "sample", "hed", history(0.2))
    file.write_text(content)
    with pytest.raises(photos.DataError, match=rf"{file.name}.*delete it"):
        earlier_runs.read(settings, "sample")


def test_opening_the_course_closes_all_widgets(tiny_classifier, tiny_faces, tmp_path, monkeypatch):
    taker = widgets.PhotoTaker(tiny_classifier)
    changes = {"weights": "random", "data": tmp_path, "output": tmp_path}
    places = {"train_data": tiny_faces / "train", "val_data": tiny_faces / "test"}
    opening.open_course(**changes, **places)  # in the middle of a notebook
    assert taker.webcam.comm is not None
    for name, value in (changes | places).items():
        monkeypatch.setenv(f"EMOTIONS_{name.upper()}", str(value))
    assert len(opening.open_course().data.train) == 140  # the first cell
    assert taker.webcam.comm is None and taker.upload.comm is None
