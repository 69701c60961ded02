"""Features, surgery, training, grid search, evaluation: on a few drawn faces."""

import threading
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from emotions.course import opening
from emotions.data.copies import copy_groups
from emotions.files import DataError
from emotions.measuring import classifier, scores
from emotions.network import backbone, features, slim
from emotions.network import head as surgery
from emotions.network import inputs as preprocessing
from emotions.network.quiet_keras import keras
from emotions.showing import network_plots, plots, style
from emotions.training import fit, optimizer
from emotions.training import search as grid_search
from emotions.training import task as training
from sklearn.base import clone
from test_cluster import Bar

WIDTH = 0.25  # what is tested here depends on no layer's number of filters
WITHIN = 0.03  # bound for bfloat16 against float32, as a share of the features' spread


@pytest.fixture(scope="module")
def make_course(tiny_faces, tmp_path_factory):
    """Return a function that opens a course on the tiny set with some settings."""
    folder = tmp_path_factory.mktemp("course")

    def make(**changes):
        base = {
            "train_data": tiny_faces / "train", "val_data": tiny_faces / "test",
            "data": folder / "data", "output": folder / "output", "weights": "hed",
            "precision": "float32", "epochs": 6, "batch_size": 32, "validation_share": 0.2,
            "width": WIDTH,
        }  # fmt: skip
        return opening.open_course(**(base | changes))

    return make


@pytest.fixture(scope="module")
def hed(make_course):
    """Return the backbone that most tests share; heads are trained on it, itself it stays."""
    return opening.open_backbone(make_course())[0]


def narrow(course):
    """Return a new backbone with random weights."""
    return slim.slim(backbone.build("random", 48, course.settings.data, 3), WIDTH)


def new_task(course, model, **changes):
    return training.prepare(course.settings.changed(**changes), course.data, model, "float32")


# ---------------------------------------------------------------- pre-processing and split


def test_preprocessing_is_keras_vggfaces_own():
    from emotions.network.vggface_bridge import import_keras_vggface

    random = np.random.default_rng(0)
    rgb = random.integers(0, 256, (3, 48, 48, 3)).astype(np.float32)
    own = preprocessing.network_input((48, 48, 3), 48, preprocessing.VGGFACE_MEAN)
    theirs = import_keras_vggface().utils.preprocess_input(rgb, version=1)
    np.testing.assert_allclose(own.predict(rgb, verbose=0), theirs, atol=1e-4)


def test_grey_becomes_three_channels_and_zero_one_divides():
    grey = np.full((1, 48, 48, 1), 51.0, np.float32)
    mean = preprocessing.network_input((48, 48, 1), 48, (1.0, 2.0, 3.0)).predict(grey, verbose=0)
    np.testing.assert_allclose(mean[0, 0, 0], [50, 49, 48])
    scaled = preprocessing.network_input((48, 48, 1), 48, None).predict(grey, verbose=0)
    np.testing.assert_allclose(scaled[0, 5, 5], [0.2] * 3, rtol=1e-6)


def test_training_mean_is_in_the_order_blue_green_red():
    images = np.zeros((2, 4, 4, 3), np.uint8)
    images[..., 0], images[..., 2] = 200, 10
    assert preprocessing.training_mean(images) == (10.0, 0.0, 200.0)


def test_the_split_keeps_copies_together_and_classes_in_their_share():
    random = np.random.default_rng(1)
    labels = random.choice(3, 600, p=[0.6, 0.3, 0.1])
    groups = np.arange(600)
    groups[1::5] = groups[0::5]  # many pairs of copies
    learn, choose = preprocessing.split_off_validation(labels, groups, 0.2, 7)
    assert sorted([*learn, *choose]) == list(range(600))
    assert not set(groups[learn]) & set(groups[choose])
    shares = [np.bincount(labels[rows]) / len(rows) for rows in (learn, choose)]
    np.testing.assert_allclose(shares[0], shares[1], atol=0.04)
    again = preprocessing.split_off_validation(labels, groups, 0.2, 7)
    np.testing.assert_array_equal(choose, again[1])


@pytest.mark.filterwarnings("error")
def test_a_split_is_as_near_to_its_share_as_whole_folds_allow():
    labels = np.append(np.arange(60) % 2, 2)  # one image of the third class
    for wanted, found in ((0.1, 1 / 10), (0.4, 1 / 3), (0.5, 1 / 2)):
        _, choose = preprocessing.split_off_validation(labels, np.arange(61), wanted, 7)
        assert len(choose) / 61 == pytest.approx(found, abs=0.03)
    rare = np.append(labels, 2)  # two, which a half would have to share between them
    _, choose = preprocessing.split_off_validation(rare, np.arange(62), 0.1, 7)
    assert len(choose) / 62 == pytest.approx(1 / 10, abs=0.03)
    with pytest.raises(DataError, match="one training image"):
        preprocessing.split_off_validation(np.arange(5), np.arange(5), 0.1, 7)
    with pytest.raises(DataError, match="one picture"):
        preprocessing.split_off_validation(np.array([0, 0, 1]), np.zeros(3, int), 0.1, 7)


def test_features_of_renamed_images_are_computed_anew(make_course, hed, monkeypatch):
    """A fingerprint does not tell their order, by which the features lie."""
    course, keys = make_course(), []
    monkeypatch.setattr(training, "features", lambda images, key, *_: keys.append(key) or [])
    train = course.data.train
    for files in (train.files, train.files, train.files[::-1]):
        data = replace(course.data, train=replace(train, files=files))
        training.kept_features(course.settings, data, "train", hed, [])
    assert keys[0] == keys[1] != keys[2]


# ---------------------------------------------------------------- features


def test_features_are_computed_once(make_course, hed, monkeypatch):
    course = make_course()
    spec = training.feature_spec(course.settings, course.data, "float32", layer="pool4")
    folder = course.settings.data / "cache" / "features"
    first = features.features(course.data.test, "once", hed, [spec], folder)[0]
    monkeypatch.setattr(features, "extractor", lambda *a: pytest.fail("computed again"))
    again = features.features(course.data.test, "once", hed, [spec], folder)[0]
    np.testing.assert_array_equal(first, again)
    assert first.dtype == np.float16 and first.shape == (70, 512 * WIDTH)


def test_an_interrupted_computation_leaves_no_feature(make_course, hed, tmp_path):
    course = make_course()
    spec = training.feature_spec(course.settings, course.data, "float32")

    def killed(steps, **keywords):
        yield next(iter(steps))
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        features.features(course.data.train, "k", hed, [spec], tmp_path, killed)
    assert not list(tmp_path.iterdir())


def test_nothing_is_computed_ahead_for_a_training_that_starts_from_images(
    make_course, hed, tmp_path
):
    course = make_course()
    for learns, computed in (("everything", False), ("head", True)):
        settings = course.settings.changed(trainable=learns, data=tmp_path)
        training.compute_features(settings, course.data, hed, "float32")
        assert (tmp_path / "cache/features").is_dir() == computed


def test_another_mean_weight_or_layer_is_another_feature(make_course, hed):
    course = make_course()
    spec = training.feature_spec(course.settings, course.data, "float32")
    others = [
        ("other", hed.digest, spec),
        ("d", "0" * 16, spec),
        *(("d", hed.digest, training.feature_spec(course.settings.changed(**change), course.data,
                                                  "float32"))
          for change in ({"mean": "training"}, {"layer": "pool3"}, {"image_size": 96},
                         {"pooling": "flatten"})),
        ("d", hed.digest, training.feature_spec(course.settings, course.data, "mixed_bfloat16")),
    ]  # fmt: skip
    keys = {features.cache_key("d", hed.digest, spec)} | {features.cache_key(*o) for o in others}
    assert len(keys) == len(others) + 1


@pytest.mark.parametrize("side", [52, 96])
def test_larger_inputs_give_flattened_maps_of_the_same_side(make_course, side):
    course = make_course(image_size=side, layer="pool3", pooling="flatten")
    model = backbone.build("random", side, course.settings.data, 3)
    spec = training.feature_spec(course.settings, course.data, "float32")
    large = features.extractor(course.data.train.images.shape[1:], model, [spec])
    assert large.output_shape == (None, 6, 6, 256)


def test_a_head_may_have_as_many_units_as_there_are_classes():
    statistics = np.zeros(12), np.ones(12)
    head = surgery.head((12,), 7, units=7, dropout=0, statistics=statistics, random_seed=1)
    assert head.output_shape == (None, 7) and head.layers[-2].units == 7


def test_both_precisions_agree_within_the_bound(make_course, hed):
    course = make_course()
    images = course.data.test.images[:32]
    found = {}
    for policy in ("float32", "mixed_bfloat16"):
        with backbone.precision(policy):
            model = backbone.build("hed", 48, course.settings.data, 1)
            specs = [training.feature_spec(course.settings, course.data, policy, layer=layer)
                     for layer in ("pool3", "pool5")]  # fmt: skip
            outputs = features.extractor(images.shape[1:], model, specs)
            found[policy] = [np.asarray(x, np.float32) for x in outputs.predict_on_batch(images)]
    for exact, fast in zip(*found.values(), strict=True):
        assert np.abs(exact - fast).mean() < WITHIN * exact.std()
        assert not np.array_equal(exact, fast), "bfloat16 was not used"


def test_channel_statistics_are_numpys():
    maps = np.random.default_rng(0).normal(3, 2, (50, 2, 2, 4)).astype(np.float16)
    rows = np.arange(0, 50, 2)
    mean, variance = features.channel_statistics(maps, rows)
    wanted = maps[rows].astype(np.float64)
    np.testing.assert_allclose(mean, wanted.mean((0, 1, 2)), rtol=1e-5)
    np.testing.assert_allclose(variance, wanted.var((0, 1, 2)), rtol=1e-4)


# ---------------------------------------------------------------- surgery and training


@pytest.mark.parametrize("part, learning", [("head", 0), ("block5", 3), ("block4", 6)])
def test_only_what_should_learn_moves(make_course, part, learning):
    course = make_course(trainable=part, epochs=1)
    model = narrow(course)
    before = {w.path: w.numpy() for w in model.model.weights}
    task = training.prepare(course.settings, course.data, model, "float32")
    head = {w.path: w.numpy() for layer in task.model.layers for w in layer.trainable_weights}
    training.train(task)
    moved = {w.path.split("/")[0] for w in model.model.weights
             if not np.array_equal(before[w.path], w.numpy())}  # fmt: skip
    assert len(moved) == learning
    assert all(name.startswith(("conv4", "conv5")) for name in moved)
    new_head = task.model if part == "head" else task.model.layers[-1]
    assert all(not np.array_equal(head[w.path], w.numpy()) for w in new_head.trainable_weights)


def test_a_task_names_the_weights_and_the_precision_that_it_starts_from(make_course, hed):
    task = new_task(make_course(), hed)
    assert (task.weights, task.precision) == (hed.digest, "float32")


def test_everything_can_learn(make_course):
    course = make_course(trainable="everything", epochs=1)
    model = narrow(course)
    before = model.model.get_layer("conv1_1").get_weights()[0]
    task = training.prepare(course.settings, course.data, model, "float32")
    training.train(task)
    assert not np.array_equal(before, model.model.get_layer("conv1_1").get_weights()[0])


def test_the_whole_classifier_says_what_its_parts_say(make_course, hed):
    course = make_course(layer="pool3", pooling="flatten")
    task = new_task(course, hed)
    training.train(task)
    by_parts = scores.probabilities(task.model, task.test_inputs)
    as_a_whole = scores.probabilities(task.whole, course.data.test.images, 64)
    np.testing.assert_allclose(by_parts, as_a_whole, atol=5e-3)  # features are kept as float16
    np.testing.assert_allclose(by_parts.sum(axis=1), 1, rtol=1e-5)


@pytest.mark.parametrize("rescale", [False, True])
def test_features_that_16_bits_cannot_keep_are_refused(make_course, rescale):
    """Of a network cut so far the biases alone speak; rounded, they make another classifier."""
    course = make_course(layer="pool5", width=0.05, rescale=rescale)
    backbone, policy = opening.open_backbone(course)
    if rescale:
        training.prepare(course.settings, course.data, backbone, policy)
        return
    with pytest.raises(DataError, match="16 bits cannot keep: set rescale, or a larger width"):
        training.prepare(course.settings, course.data, backbone, policy)


def test_the_same_training_twice_is_the_same(make_course, hed):
    course = make_course(dropout=0.5)
    runs = [training.train(new_task(course, hed)) for _ in range(2)]
    pd.testing.assert_frame_equal(runs[0].history, runs[1].history, check_exact=True)


@pytest.mark.parametrize("stopped", [False, True])
def test_a_task_that_has_ended_begins_anew(make_course, hed, stopped, monkeypatch):
    """As when the cells of notebook 4 run again: not from the weights that were learnt."""
    monkeypatch.setattr(optimizer, "OPERATIONS_PER_CALL", 1)  # several calls an epoch
    course = make_course(epochs=2, dropout=0.5, optimizer="SGD", momentum=0.9, moving_average=0.9)
    task, end = training.prepare(course.settings, course.data, hed, "float32"), threading.Event()
    if stopped:  # within its first epoch, so that there is no checkpoint
        end.set()
    first = training.train(task, stop=end)
    assert first.stopped == stopped
    task.model.compile(**task.compiling())  # notebook 4 does so before `fit`
    second = training.train(task).history
    again = training.prepare(course.settings, course.data, hed, "float32")
    pd.testing.assert_frame_equal(second, training.train(again).history)


def test_a_killed_training_goes_on_to_the_same_result(make_course, hed):
    course = make_course(dropout=0.5, layer="pool4")
    undisturbed = new_task(course, hed)
    whole = training.train(undisturbed, checkpoint_every=1e9)

    def die(history):
        if len(history) == 4:
            raise RuntimeError("power cut")

    with pytest.raises(RuntimeError, match="power cut"):
        training.train(new_task(course, hed), on_epoch=die, checkpoint_every=0)
    seen = []
    resumed = new_task(course, hed)
    run = training.train(resumed, on_epoch=lambda history: seen.append(len(history)))
    assert seen[0] > 1, "it started from the beginning"
    pd.testing.assert_frame_equal(whole.history, run.history, check_exact=True)
    for one, other in zip(
        undisturbed.model.get_weights(), resumed.model.get_weights(), strict=True
    ):
        np.testing.assert_array_equal(one, other)


def test_other_parameters_do_not_resume_a_training(make_course, hed):
    course = make_course()
    one, other = (new_task(course, hed, learning_rate=rate) for rate in (0.001, 0.002))
    assert fit.training_key(one) != fit.training_key(other)


def test_stopping_keeps_what_was_learnt(make_course, hed):
    course = make_course(epochs=500, random_seed=1)
    stop = threading.Event()
    task = new_task(course, hed)
    run = training.train(task, on_epoch=lambda h: stop.set() if len(h) == 3 else None, stop=stop)
    assert run.stopped and 3 <= len(run.history) <= 4
    assert 1 <= run.best_epoch <= len(run.history)
    predicted = scores.probabilities(task.model, task.inputs[task.validation])
    right = (predicted.argmax(1) == task.labels[task.validation]).mean()
    assert right == pytest.approx(run.history["val_accuracy"].max())


def test_interrupting_the_kernel_keeps_what_was_learnt(make_course, hed):
    def interrupt(history):
        if len(history) == 2:
            raise KeyboardInterrupt

    run = training.train(new_task(make_course(epochs=500, random_seed=2), hed), on_epoch=interrupt)
    assert run.stopped and len(run.history) == 2


def test_a_saved_classifier_names_the_classes_of_any_image_file(
    make_course, hed, tmp_path, tiny_faces
):
    course = make_course()
    task = new_task(course, hed)
    training.train(task)
    file = classifier.save(tmp_path / classifier.OWN, task, {"weights": hed.weights})
    trained = classifier.load(file)
    image = tiny_faces / "test" / course.data.test.files[0]
    found = trained.probabilities(image)
    expected = scores.probabilities(task.whole, course.data.test.images[:1], 1)[0]
    np.testing.assert_allclose(found[list(task.classes)], expected, atol=1e-5)
    assert trained.details["weights"] == hed.weights
    with pytest.raises(DataError, match="nothing.png"):
        trained.probabilities(tmp_path / "nothing.png")


def test_a_classifier_with_foreign_names_is_refused(make_course, hed, tmp_path):
    task = new_task(make_course(), hed)
    file = classifier.save(tmp_path / classifier.OWN, task, {"classes": ["a", "b"]})
    with pytest.raises(DataError, match="does not fit its own description .* run notebook 04"):
        classifier.load(file)
    file.unlink()
    with pytest.raises(DataError, match="run notebook 04"):
        classifier.load(file)


def test_images_on_the_list_are_left_out(make_course):
    course = make_course()
    out = np.zeros(len(course.data.train), bool)
    out[:20] = True
    learn, choose = training.split_rows(course.data, course.settings, out)
    assert min(*learn, *choose) >= 20
    assert len(learn) + len(choose) == len(out) - 20


# ---------------------------------------------------------------- grid search


def grid_data(images: int = 240):
    random = np.random.default_rng(3)
    labels = np.arange(images) % 3
    return random.normal(size=(images, 8)) + 2 * np.eye(8)[labels], labels


def test_a_clone_keeps_its_parameters_and_trains_all_epochs():
    inputs, labels = grid_data()
    short, long = (HeadOf(epochs=epochs).fit(inputs, labels) for epochs in (1, 30))
    assert clone(long).epochs == 30
    assert clone(long).fit(inputs, labels).score(inputs, labels) > short.score(inputs, labels)


def HeadOf(**parameters):  # noqa: N802
    return grid_search.HeadClassifier(batch_size=32, units=16, **parameters)


def test_heads_that_share_a_graph_do_not_disturb_each_other():
    inputs, labels = grid_data()
    first = HeadOf(epochs=3, dropout=0.3).fit(inputs, labels)
    before = first.predict_proba(inputs)
    other = HeadOf(epochs=9, dropout=0.3, learning_rate=0.01).fit(inputs, labels)
    assert not np.allclose(before, other.predict_proba(inputs))
    np.testing.assert_array_equal(before, first.predict_proba(inputs))
    again = HeadOf(epochs=3, dropout=0.3).fit(inputs, labels)
    np.testing.assert_array_equal(before, again.predict_proba(inputs))


def test_weight_decay_holds_a_heads_weights_down():
    inputs, labels = grid_data()
    free, held = (HeadOf(epochs=20, weight_decay=share).fit(inputs, labels) for share in (0, 1))
    kernels = [model.weights_[-2] for model in (free, held)]  # of the last layer; then its bias
    assert np.abs(kernels[1]).sum() < 0.95 * np.abs(kernels[0]).sum()


def test_a_fitted_head_lets_go_of_its_images(monkeypatch):
    """TensorFlow keeps the batches of every `fit`: 72 fits on FER-2013 held 42 MB each."""
    made = []

    class Noted(grid_search.Batches):
        def __init__(self, *arguments, **options):
            super().__init__(*arguments, **options)
            made.append(self)

    monkeypatch.setattr(grid_search, "Batches", Noted)
    HeadOf(epochs=1).fit(*grid_data())
    assert [batches.inputs.size for batches in made] == [0]


def test_labels_may_be_names_and_one_class_is_refused():
    inputs, labels = grid_data()
    names = np.array(["sad", "happy", "angry"])[labels]
    fitted = HeadOf(epochs=20).fit(inputs, names)
    assert set(fitted.predict(inputs)) <= set(names)
    assert list(fitted.classes_) == sorted(set(names))
    with pytest.raises(ValueError, match="two classes"):
        HeadOf().fit(inputs, np.zeros(len(inputs)))


def test_the_search_finds_the_learning_rate_that_learns_and_counts_its_fits():
    inputs, labels = grid_data()
    bar, groups = Bar(), np.arange(len(labels)) // 2
    searcher = grid_search.search(
        inputs, labels, groups, {"learning_rate": [1e-6, 0.01], "units": [8]},
        epochs=5, folds=3, random_seed=1, progress=bar,
    )  # fmt: skip
    assert searcher.best_params_ == {"learning_rate": 0.01, "units": 8}
    assert searcher.best_estimator_.epochs == 5
    assert (bar.n, bar.total, bar.closed) == (6, 6, True)
    table = grid_search.results_table(searcher)
    assert list(table.index) == [1, 2]
    assert table.loc[1, "mean"] == pytest.approx(
        table.loc[1, ["fold_1", "fold_2", "fold_3"]].mean()
    )
    for train, test in searcher.cv:
        assert not set(groups[train]) & set(groups[test])


# ---------------------------------------------------------------- evaluation and figures


def test_the_report_is_scikit_learns_with_the_right_names():
    labels = np.array([0, 0, 1, 2, 2, 2])
    guess = np.array([0, 1, 1, 2, 2, 0])
    table = scores.class_report(labels, guess, ["angry", "happy", "sad"])
    assert list(table.index) == ["angry", "happy", "sad", "accuracy", "macro avg", "weighted avg"]
    assert table.loc["sad", "recall"] == pytest.approx(2 / 3)
    assert table.loc["happy", "precision"] == pytest.approx(1 / 2)
    assert table.loc["accuracy", "f1-score"] == pytest.approx(4 / 6)
    assert table["support"].tolist() == [2, 1, 3, 6, 6, 6]


def test_a_class_that_is_never_met_is_still_in_the_report():
    table = scores.class_report(np.array([0, 0]), np.array([0, 2]), ["a", "b", "c"])
    assert table.loc["b"].tolist() == [0, 0, 0, 0]
    assert scores.confusion_matrix(np.array([0]), np.array([2]), ["a", "b", "c"]).loc["a", "c"] == 1


def test_confident_mistakes_are_wrong_and_sorted(make_course):
    images = make_course().data.test
    random = np.random.default_rng(0).dirichlet(np.ones(7), len(images))
    table = scores.confident_mistakes(images, random, 5)
    assert (table["true"] != table["predicted"]).all()
    assert table["probability"].is_monotonic_decreasing
    assert table["file"][0].startswith(table["true"][0])


def test_baselines_are_between_chance_and_perfect(make_course):
    course = make_course()
    rows = np.arange(len(course.data.train))
    found = scores.baselines(course.data.train, rows, course.data.test, 1)
    assert found["always the largest class"] == pytest.approx(
        np.bincount(course.data.test.labels).max() / len(course.data.test)
    )
    assert 0.25 < found["logistic regression on pixels"] < 1


def test_the_linear_baseline_sees_large_images_smaller():
    """All pixels of 5,000 colour photos of 224 pixels would be 3 GB."""
    small = np.random.default_rng(0).integers(0, 255, (5, 48, 48, 3)).astype(np.uint8)
    large = small.repeat(3, axis=1).repeat(3, axis=2)
    for images in (small, large):
        pixels = scores._pixels(images, np.array([3, 1]))
        np.testing.assert_array_equal(pixels, small[[3, 1]].reshape(2, -1).astype("f4") / 255)


def test_keras_own_picture_needs_no_system_graphviz(tmp_path, hed, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    model = keras.Model(hed.model.input, hed.model.output)
    file = network_plots.keras_plot(model, tmp_path / "a.png")
    assert file.read_bytes().startswith(b"\x89PNG") and file.stat().st_size > 20_000


def test_saved_figures_are_the_same_bytes(tmp_path):
    counts = pd.DataFrame({"train": [3, 4], "test": [1, 2]}, index=["a", "b"])
    for name in ("one", "two"):
        style.save(plots.class_counts(counts, "t"), tmp_path / f"{name}.png", "data: x")
    assert (tmp_path / "one.png").read_bytes() == (tmp_path / "two.png").read_bytes()


def test_colours_are_fixed_per_emotion_and_enough_for_many_classes():
    assert style.colours(["sad", "happy"]) == style.colours(["happy", "sad"])[::-1]
    assert len(style.colours([f"class {k}" for k in range(45)])) == 45


def test_a_training_has_copies_on_one_side_none_that_is_left_out_and_rates_by_block(make_course):
    course = make_course(trainable="everything", backbone_rate=0.5)
    images = course.data.train.images.copy()
    images[1::2] = images[::2]
    train = replace(course.data.train, images=images)
    data = replace(course.data, train=train, fingerprint="of pairs of copies")
    groups, left_out = copy_groups(images), np.arange(len(images)) < 20
    model = narrow(course)
    task = training.prepare(course.settings, data, model, "float32", left_out=left_out)
    assert len(groups) == 2 * len(np.unique(groups))
    assert not set(groups[task.training]) & set(groups[task.validation])
    assert sorted([*task.training, *task.validation]) == list(range(20, len(images)))
    assert task.rates["conv5_3/kernel"] == 0.5 and task.rates["conv1_1/bias"] == 0.5**5
    again = training.prepare(course.settings, data, model, "float32", left_out=left_out, refit=True)
    assert again.training.tolist() == list(range(20, len(images)))


def test_mirrored_features_are_those_of_mirrored_images(make_course, hed):
    course = make_course(layer="pool4", pooling="flatten")
    task = new_task(course, hed, augmentation="mirror")
    turned = course.data.train.images[:, :, ::-1].copy()
    train = replace(course.data.train, images=turned)
    other = replace(course, data=replace(course.data, train=train, fingerprint="turned"))
    np.testing.assert_array_equal(task.change.mirrored, new_task(other, hed).inputs)
    assert not np.array_equal(task.change.mirrored, task.inputs)


def test_freeze_knows_five_choices(hed):
    with pytest.raises(KeyError):
        surgery.freeze(hed.model, "block1")
    convolutions = {"head": 0, "block5": 3, "block4": 6, "block3": 9, "everything": 13}
    assert list(surgery.LEARNING_BLOCKS) == list(convolutions)
    for choice, many in convolutions.items():
        surgery.freeze(hed.model, choice)
        assert len(hed.model.trainable_weights) == 2 * many, choice
    surgery.freeze(hed.model, "head")  # as the other tests leave it


def test_a_figure_of_no_image_says_none():
    figure = plots.pictures([], [], "Wrong, and sure of it")
    assert figure.axes[0].texts[0].get_text() == "none"


def test_an_interrupted_head_is_not_taken_as_trained_and_goes_on(make_course, monkeypatch):
    course = make_course(trainable="block5", head_epochs=4, epochs=1, random_seed=5)

    def prepared():
        model = narrow(course)
        return training.prepare(course.settings, course.data, model, "float32")

    original, seen = fit.train, []

    def train(task, **how):
        def note(history):
            seen.append(len(history))
            if len(seen) == 2:
                raise KeyboardInterrupt

        return original(task, on_epoch=note, **how)

    monkeypatch.setattr(training, "train", train)
    with pytest.raises(KeyboardInterrupt):
        prepared()
    assert seen == [1, 2]
    gone_on = prepared()
    assert seen == [1, 2, 3, 4]
    undisturbed = prepared()
    assert seen == [1, 2, 3, 4, 1, 2, 3, 4]
    for one, other in zip(
        gone_on.model.get_weights(), undisturbed.model.get_weights(), strict=True
    ):
        np.testing.assert_array_equal(one, other)
