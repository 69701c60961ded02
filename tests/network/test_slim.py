"""Surgery on the backbone: fewer filters, batch normalisation, cropped and small inputs."""

import numpy as np
import pytest
import tensorflow as tf
from emotions.course import opening
from emotions.measuring import classifier
from emotions.network import head as surgery
from emotions.network.backbone import (
    BatchNormalization,
    WeightsError,
    activated,
    build,
    copy,
    precision,
)
from emotions.network.inputs import network_input
from emotions.network.inside import activation_maps
from emotions.network.quiet_keras import keras
from emotions.network.responses import Responses
from emotions.network.slim import normalise, rescale, slim
from emotions.training import task as training
from emotions.training.optimizer import block_rates


def some_faces(side=44, count=16):
    return np.random.default_rng(0).normal(0, 60, (count, side, side, 3)).astype(np.float32)


def maps_of(backbone, layer, faces):
    output = backbone.model.get_layer(activated(backbone.model, layer)).output
    return np.asarray(keras.Model(backbone.model.input, output)(faces))


def apart(found, wanted):
    """Return the largest difference as a share of the largest value."""
    return np.abs(found - wanted).max() / np.abs(wanted).max()


@pytest.mark.parametrize("weights", ["hed", "random"])
@pytest.mark.parametrize("rescaled", [False, True])
def test_a_normalised_network_says_what_it_said_before(weights, rescaled):
    faces = some_faces()
    backbone = build(weights, 44, None, 0)
    backbone = rescale(backbone, faces) if rescaled else backbone
    normalised = normalise(backbone, faces)
    others = some_faces(count=20)[16:]
    for layer in ("pool1", "conv5_3", "pool5"):
        assert apart(maps_of(normalised, layer, others), maps_of(backbone, layer, others)) < 1e-3
    assert normalised.digest != backbone.digest
    assert normalised.weights.endswith(", batch normalisation")
    assert not normalised.model.get_layer("conv3_1").use_bias


def test_behind_rescale_the_normalisation_is_fresh_and_each_filter_of_the_same_length():
    faces = some_faces()
    model = normalise(rescale(build("hed", 44, None, 0), faces), faces).model
    for name in ("conv1_1", "conv3_2", "conv5_3"):
        gamma, beta, mean, variance = model.get_layer(f"{name}_norm").get_weights()
        assert np.median(gamma) == pytest.approx(1, abs=0.05) and np.abs(beta).max() < 0.02
        (kernel,) = model.get_layer(name).get_weights()
        length = np.sqrt((kernel**2).sum((0, 1, 2)))
        np.testing.assert_allclose(length, np.sqrt(2), rtol=1e-4)


def test_slimming_keeps_the_strongest_filters_in_order_and_what_they_read():
    backbone = build("hed", 48, None, 0)
    half = slim(backbone, 0.5)
    sizes = [x.filters for x in half.model.layers if isinstance(x, keras.layers.Conv2D)]
    assert sizes == [32, 32, 64, 64, *[128] * 3, *[256] * 6]
    assert half.model.count_params() < 3.7e6
    assert half.weights == f"{backbone.weights}, half width"
    assert half.weights.split(" (")[0] == "hed" and half.digest != backbone.digest
    first, _ = backbone.model.get_layer("conv1_1").get_weights()
    second, bias = backbone.model.get_layer("conv1_2").get_weights()
    read = np.sort(np.argsort(np.abs(first).sum((0, 1, 2)))[32:])
    kept = np.sort(np.argsort(np.abs(second).sum((0, 1, 2)))[32:])
    kernel, kept_bias = half.model.get_layer("conv1_2").get_weights()
    np.testing.assert_array_equal(kernel, second[:, :, read][..., kept])
    np.testing.assert_array_equal(kept_bias, bias[kept])


def test_dead_filters_can_go_without_a_change_and_one_always_stays():
    backbone = build("random", 48, None, 0)
    for layer in backbone.model.layers:
        if isinstance(layer, keras.layers.Conv2D):
            kernel, bias = layer.get_weights()
            kernel[..., ::2] = 0  # every second filter says nothing
            layer.set_weights([kernel, bias])
    faces = some_faces(48)
    before, after = (maps_of(b, "pool5", faces) for b in (backbone, slim(backbone, 0.5)))
    np.testing.assert_allclose(after, before[..., 1::2], rtol=1e-4, atol=1e-5)
    assert slim(backbone, 0.001).model.output_shape[-1] == 1


@pytest.mark.parametrize("size, side", [(32, 1), (44, 1), (48, 1), (96, 3)])
def test_inputs_smaller_than_keras_vggface_takes(size, side):
    backbone = build("hed", size, None, 0)
    assert backbone.model.output_shape[1:] == (side, side, 512)
    assert backbone.digest == build("hed", 48, None, 0).digest


def test_a_copy_in_another_precision_and_size_keeps_shape_and_weights():
    faces = some_faces(count=4)
    backbone = normalise(slim(build("random", 44, None, 0), 0.25), faces)
    with precision("mixed_bfloat16"):
        copied = copy(backbone, 48)
    assert copied.model.get_layer("conv1_1_norm").compute_dtype == "bfloat16"
    for one, other in zip(copied.model.weights, backbone.model.weights, strict=True):
        assert one.path == other.path and one.dtype == other.dtype == "float32"
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("trainable, learning", [("head", ""), ("block4", "45")])
def test_freezing_a_block_freezes_its_normalisation(trainable, learning):
    faces = some_faces(count=4)
    model = normalise(slim(build("random", 44, None, 0), 0.1), faces).model
    surgery.freeze(model, trainable)
    learns = {layer.name[4] for layer in model.layers if layer.trainable_weights}
    assert learns == set(learning)
    frozen, wanted = model.get_layer("conv2_1_norm"), model(faces, training=False)
    before = frozen.get_weights()
    found = model(faces * 2, training=True)
    for one, other in zip(frozen.get_weights(), before, strict=True):
        np.testing.assert_array_equal(one, other)
    assert found.shape == wanted.shape
    assert block_rates(model, 0.5, "pool5")["conv4_1_norm/gamma"] == 0.25


def test_cropping_cuts_the_middle():
    images = np.random.default_rng(0).integers(0, 256, (2, 48, 48, 1)).astype(np.float32)
    cropped = network_input((48, 48, 1), 44, None, 44)(images)
    assert np.allclose(np.asarray(cropped)[..., 0], images[:, 2:-2, 2:-2, 0] / 255, atol=1e-6)
    assert network_input((48, 48, 1), 48, None, 44)(images).shape == (2, 48, 48, 3)
    for shape, left in (((40, 47), (40, 44)), ((96, 96), (88, 88)), ((224, 224), (205, 205))):
        model = network_input((*shape, 1), 44, None, 44)
        assert model.get_layer("crop").output.shape[1:3] == left  # as much of a larger image


def test_of_a_larger_image_no_pixel_is_left_out():
    noise = np.random.default_rng(0).normal(size=(1, 192, 192, 1)).astype(np.float32)
    smaller = np.asarray(network_input((192, 192, 1), 48, None)(noise)) * 255
    assert smaller.std() < 0.35  # of four pixels by four, not of two by two: 0.5


def test_cropping_lets_no_layer_run_as_if_it_trained():
    preparation = network_input((48, 48, 1), 44, None, 44)
    dropped = keras.layers.Dropout(0.5)(preparation.output)
    images = np.ones((2, 48, 48, 1), np.float32)
    found = keras.Model(preparation.input, dropped)(images)
    np.testing.assert_array_equal(found, preparation(images))


def test_a_head_without_hidden_layer():
    statistics = np.zeros(8, np.float32), np.ones(8, np.float32)
    head = surgery.head(
        (8,), 7, units=0, dropout=0.5, statistics=statistics, random_seed=0
    )  # fmt: skip
    assert [layer.name for layer in head.layers] == ["features", "scale", "dropout", "fc-7"]


# ---------------------------------------------------------------------------------------------
# The quick layer against Keras' own


def twins(**options):
    """Return two small networks with the same weights, Keras' own normalisation and the quick."""
    made = []
    for kind in (keras.layers.BatchNormalization, BatchNormalization):
        keras.utils.set_random_seed(3)
        layers = [
            keras.layers.Conv2D(4, 3, use_bias=False, name="conv"),
            kind(momentum=0.9, name="norm", **options),
            keras.layers.ReLU(),
            keras.layers.GlobalAveragePooling2D(),
            keras.layers.Dense(3, name="dense"),
        ]
        made.append(keras.Sequential([keras.Input((8, 8, 2)), *layers], name="twin"))
    return made


def small_batch():
    random = np.random.default_rng(1)
    return random.normal(3, 5, (5, 8, 8, 2)).astype("f4"), np.array([0, 1, 2, 0, 1])


def loss_of():
    return keras.losses.SparseCategoricalCrossentropy(from_logits=True)


@pytest.mark.parametrize("frozen", [False, True])
def test_two_steps_of_training_are_those_of_keras_own_layer(frozen):
    images, labels = small_batch()
    for model in (models := twins()):
        model.get_layer("norm").trainable = not frozen
        model.compile(keras.optimizers.SGD(0.1), loss_of(), jit_compile=False)
        for _ in range(2):
            model.train_on_batch(images, labels)
    own, quick = models
    assert "twin/norm/moving_mean" in {weight.path for weight in quick.weights}
    for one, other in zip(own.weights, quick.weights, strict=True):
        assert one.path == other.path
        np.testing.assert_allclose(other, one, rtol=1e-4, atol=1e-5)
    moved = np.abs(np.asarray(quick.get_layer("norm").moving_mean)).max() > 0
    assert moved != frozen
    np.testing.assert_allclose(quick(images), own(images), rtol=1e-4, atol=1e-5)


def test_the_gradients_are_those_of_keras_own_layer():
    images, labels = small_batch()
    gradients = []
    for model in twins():
        with tf.GradientTape() as tape:
            loss = loss_of()(labels, model(images, training=True))
        gradients.append(tape.gradient(loss, [w.value for w in model.trainable_weights]))
    for one, other in zip(*gradients, strict=True):
        np.testing.assert_allclose(other, one, rtol=1e-3, atol=1e-5)


def test_in_bfloat16_the_averages_stay_float32():
    images, labels = small_batch()
    own, quick = twins(dtype="mixed_bfloat16")
    for model in (own, quick):
        model(images, training=True)
    for one, other in zip(own.weights, quick.weights, strict=True):
        assert other.dtype == "float32"
        np.testing.assert_allclose(other, one, rtol=0.01, atol=0.01)


def test_the_quick_layer_saves_and_loads_as_keras_own(tmp_path):
    images, labels = small_batch()
    own, quick = twins()
    quick(images, training=True)
    quick.save(tmp_path / "quick.keras")
    again = keras.models.load_model(tmp_path / "quick.keras")
    assert isinstance(again.get_layer("norm"), BatchNormalization)
    np.testing.assert_array_equal(again(images), quick(images))
    quick.save_weights(tmp_path / "quick.weights.h5")
    own.load_weights(tmp_path / "quick.weights.h5")
    np.testing.assert_allclose(own(images), quick(images), rtol=1e-4, atol=1e-5)
    config = own.get_layer("norm").get_config()
    assert quick.get_layer("norm").get_config() == config


# ---------------------------------------------------------------------------------------------
# Through the course


def test_the_whole_recipe_trains_saves_and_loads(tiny_course, tmp_path):
    course = tiny_course(
        weights="random", width=0.25, rescale=True, normalisation="batch", crop=44, image_size=44,
        trainable="everything", layer="pool5", units=0, dropout=0.5, optimizer="SGD", momentum=0.9,
        epochs=1, batch_size=32, augmentation="light", precision="float32",
    )  # fmt: skip
    backbone, policy = opening.open_backbone(course)
    assert backbone.weights.endswith("a quarter of the width, batch normalisation")
    norm = backbone.model.get_layer("conv3_1_norm")
    before = norm.get_weights()
    task = training.prepare(course.settings, course.data, backbone, policy)
    training.train(task)
    for one, other in zip(norm.get_weights(), before, strict=True):
        assert (one != other).any()  # scale, offset and both averages have learnt
    with pytest.raises(WeightsError, match="has learnt since it was opened: open it again"):
        training.prepare(course.settings, course.data, backbone, policy)
    with pytest.raises(WeightsError, match="has learnt since"):  # nor may the cache keep its maps
        course.features(backbone, np.arange(9), ["pool3"])
    classifier.save(tmp_path / "c.safetensors", task, {}, np.float16)
    model = classifier.load(tmp_path / "c.safetensors").model
    images = course.data.test.images[:8].astype(np.float32)
    np.testing.assert_allclose(model(images), task.whole(images), atol=0.01)
    heat = activation_maps(task.whole, "conv5_3", images[:2])
    assert heat.shape == (2, 2, 2) and np.isfinite(heat).all()


def test_a_normalised_layer_that_feeds_the_head_is_the_one_behind_the_relu(tiny_course):
    course = tiny_course(
        weights="random", width=0.1, normalisation="batch", layer="conv5_3", epochs=1,
        trainable="head", pooling="average", precision="float32",
    )  # fmt: skip
    backbone, policy = opening.open_backbone(course)
    task = training.prepare(course.settings, course.data, backbone, policy)
    assert np.asarray(task.inputs[:50]).min() >= 0 and np.asarray(task.inputs[:50]).max() > 0
    probabilities = np.asarray(task.whole(course.data.train.images[:4].astype("f4")))
    cached = np.asarray(task.model(np.asarray(task.inputs[:4], "f4")))
    np.testing.assert_allclose(probabilities, cached, atol=0.01)
    responses = Responses(backbone.model, course.data.train.images)
    seen = responses.maps(0, 48, None)
    answers = responses.channel_means(0, 48, None)["conv1_1"]
    np.testing.assert_allclose(answers, seen["conv1_1"].mean(axis=(0, 1)), rtol=0.05, atol=0.01)
    assert seen["conv1_1"].min() >= 0
