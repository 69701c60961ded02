"""Training: prepare the inputs, fit, stop at any time, resume after an interruption."""

import hashlib
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from emotions.data.copies import copy_groups
from emotions.data.faces import FaceData
from emotions.files import DataError
from emotions.loops import Progress
from emotions.network import head as surgery
from emotions.network.backbone import Backbone, precision
from emotions.network.features import FeatureSpec, channel_statistics, feature_layer, features
from emotions.network.inputs import channel_mean, network_input, split_off_validation
from emotions.network.quiet_keras import keras
from emotions.settings import Settings
from emotions.training.augmentation import AUGMENTATIONS
from emotions.training.batches import Changes
from emotions.training.fit import train
from emotions.training.optimizer import block_rates, compiling

MOST_LEVEL = 200  # mean over deviation of a feature; float16 tells 2048 steps of the mean apart
STATISTICS_IMAGES = 2048  # images that scale the head's input if nothing is cached


@dataclass(frozen=True)
class Task:
    """All that a training needs, made by `prepare`."""

    settings: Settings  # what it was made from
    classes: tuple[str, ...]  # names of the emotions, sorted; label k is `classes[k]`
    inputs: np.ndarray  # (n, ...), what the trained part sees of the training folder
    labels: np.ndarray  # int (n,)
    test_inputs: np.ndarray  # the same of the folder for the one evaluation at the end
    test_labels: np.ndarray
    training: np.ndarray  # row numbers of `inputs`
    validation: np.ndarray
    model: keras.Model  # the part that learns, compiled: `inputs` -> probabilities (n, classes)
    whole: keras.Model  # image (n, h, w, c), 0 to 255 -> probabilities; shares `model`'s layers
    change: Changes
    rates: dict[str, float]  # path of a weight -> its share of the learning rate, if not 1
    weights: str  # digest of the backbone's weights at the start
    precision: str  # its dtype policy
    start: tuple[tuple[keras.Variable, np.ndarray], ...] = ()  # what `model` starts from
    refit: bool = False  # whether `training` has the validation images too: nothing is chosen
    data: str = ""  # fingerprint of the images, and a mark of their order
    begun: threading.Event = field(default_factory=threading.Event)  # whether it has ever trained

    def targets(self) -> np.ndarray:
        """Return the labels as the loss wants them: int (n,), or float (n, classes) if soft."""
        if not self.settings.soft:
            return self.labels
        return np.eye(len(self.classes), dtype=np.float32)[self.labels]

    def compiling(self) -> dict[str, Any]:
        """Return what `model` is compiled with."""
        steps_per_epoch = -(-len(self.training) // self.settings.batch_size)
        return compiling(self.model, self.settings, steps_per_epoch, self.rates)


def split_rows(
    data: FaceData, settings: Settings, left_out: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Return the row numbers to train on and to choose by, copies kept on one side.

    Neither has the training images that are `left_out`, bool (n,).
    """
    groups = copy_groups(data.train.images)
    training, validation = split_off_validation(
        data.train.labels, groups, settings.validation_share, settings.random_seed, settings.data
    )
    if left_out is None:
        return training, validation
    return training[~left_out[training]], validation[~left_out[validation]]


def feature_spec(settings: Settings, data: FaceData, policy: str, **changes: str) -> FeatureSpec:
    """Return the features that the settings want, some of it changed."""
    values = {"layer": settings.layer, "pooling": settings.pooling} | changes
    mean = channel_mean(settings.mean, data.train.images)
    size, crop = settings.image_size, settings.crop
    return FeatureSpec(image_size=size, mean=mean, precision=policy, crop=crop, **values)


def kept_features(
    settings: Settings,
    data: FaceData,
    part: str | np.ndarray,
    backbone: Backbone,
    specs: Sequence[FeatureSpec],
    progress: Progress | None = None,
) -> list[np.ndarray]:
    """Return what the cache keeps of some images; see `features.features`.

    They are all of `train` or `test`, `train-mirrored`, or some rows of the training images.
    """
    if not isinstance(part, str):
        rows, images = np.ascontiguousarray(part, dtype=np.int64), data.train.some(part)
        part = f"some-{hashlib.sha256(rows).hexdigest()[:16]}"
    elif part == "train-mirrored":
        images = replace(data.train, images=data.train.images[:, :, ::-1])
    else:
        images = {"train": data.train, "test": data.test}[part]
    folder = settings.data / "cache" / "features"
    return features(
        images, f"{data.fingerprint}-{images.order()}-{part}", backbone, specs, folder, progress
    )


def compute_features(
    settings: Settings,
    data: FaceData,
    backbone: Backbone,
    policy: str,
    progress: Progress | None = None,
) -> None:
    """Compute what is not cached yet: the settings' features and the flattened maps of 3 layers.

    One pass of an image through the backbone gives all of them, so that neither a training nor
    the comparison of layers sends it through again. Nothing is computed for a training that sends
    each image through in every epoch (see `starts_from_images`).
    """
    if starts_from_images(settings):
        return
    specs = {feature_spec(settings, data, policy)}
    layers = ("pool3", "pool4", "pool5")
    specs |= {feature_spec(settings, data, policy, layer=x, pooling="flatten") for x in layers}
    ordered = sorted(specs, key=lambda spec: (spec.layer, spec.pooling))
    for part in ("train", "test"):
        kept_features(settings, data, part, backbone, ordered, progress)


def prepare(
    settings: Settings,
    data: FaceData,
    backbone: Backbone,
    policy: str,
    *,
    left_out: np.ndarray | None = None,
    refit: bool = False,
    progress: Progress | None = None,
) -> Task:
    """Compute or load the features, split, operate, compile.

    The backbone is built for `settings.image_size` under the dtype policy `policy`; `left_out`,
    bool (n,), are training images to leave out. A `refit` learns the validation images too and
    ends with its last epoch, as scikit-learn's GridSearchCV trains what it has chosen once more.
    A backbone that has learnt since it was opened is a WeightsError, features that float16 cannot
    keep are a DataError.
    """
    backbone.check_unchanged()
    training, validation = split_rows(data, settings, left_out)
    if refit:
        training = np.sort(np.concatenate([training, validation]))
    pooling = pooling_model(settings, backbone, policy)
    inputs, test_inputs, change = _inputs(settings, data, backbone, policy, progress)
    if settings.trainable == "head" and not starts_from_images(settings):
        statistics = channel_statistics(inputs, training)
        mean, variance = statistics
        if np.median(np.abs(mean) / np.sqrt(variance)) > MOST_LEVEL:
            raise DataError(
                f"Half of the features of {settings.layer} vary by less than 1/{MOST_LEVEL} "
                "of their mean, which 16 bits cannot keep: set rescale, or a larger width."
            )
    else:
        sample = sample_features(settings, data, backbone, pooling, training)
        statistics = channel_statistics(sample, np.arange(len(sample)))
    head = surgery.head(
        pooling.output.shape[1:],
        len(data.train.classes),
        units=settings.units,
        dropout=settings.dropout,
        statistics=statistics,
        random_seed=settings.random_seed,
    )
    if settings.head_epochs and settings.trainable != "head":
        first = head_alone(settings)
        task = prepare(
            first, data, backbone, policy, left_out=left_out, refit=refit, progress=progress
        )
        if train(task).stopped:
            raise KeyboardInterrupt("The head has not learnt to its end; run this again to go on.")
        head.set_weights(task.model.get_weights())
    whole, model = _operate(settings, data, backbone, pooling, head, policy)
    surgery.freeze(backbone.model, settings.trainable)
    task = Task(
        settings,
        data.train.classes,
        inputs,
        data.train.labels,
        test_inputs,
        data.test.labels,
        training,
        validation,
        model,
        whole,
        change,
        block_rates(backbone.model, settings.backbone_rate, settings.layer),
        backbone.digest,
        policy,
        tuple((v, keras.ops.convert_to_numpy(v)) for v in model.variables),
        refit,
        f"{data.fingerprint}-{data.train.order()}",
    )
    model.compile(**task.compiling())
    return task


def starts_from_images(settings: Settings) -> bool:
    """Tell whether images pass through the network in each epoch, not once for all of them.

    They must if an early block learns, or if they are changed in more ways than mirroring.
    """
    early = settings.trainable != "head" and settings.start is None
    return early or settings.augmentation not in ("none", "mirror")


def head_alone(settings: Settings) -> Settings:
    """Return the settings of the head that learns alone, on cached features, before the blocks do.

    A new head's first, wild updates would otherwise destroy what the blocks below it know.
    """
    return settings.changed(
        trainable="head",
        head_epochs=0,
        epochs=settings.head_epochs,
        augmentation="none" if settings.augmentation == "none" else "mirror",
    )


def _inputs(
    settings: Settings, data: FaceData, backbone: Backbone, policy: str, progress: Progress | None
) -> tuple[np.ndarray, np.ndarray, Changes]:
    """Return what the part that learns sees of training and test images, and how it is changed.

    It sees the images, the head's features, or the maps that the first learning block starts from.
    """
    if starts_from_images(settings):
        change = Changes(AUGMENTATIONS[settings.augmentation], mixup=settings.mixup)
        return data.train.images, data.test.images, change
    maps = {"layer": settings.start, "pooling": "maps"} if settings.start else {}
    specs = [feature_spec(settings, data, policy, **maps)]

    def of(part: str) -> np.ndarray:
        return kept_features(settings, data, part, backbone, specs, progress)[0]

    train, test = of("train"), of("test")
    mirrored = of("train-mirrored") if settings.augmentation == "mirror" else None
    return train, test, Changes(mirrored=mirrored, mixup=settings.mixup)


def pooling_model(settings: Settings, backbone: Backbone, policy: str) -> keras.Model:
    """Return a model from the maps of the settings' layer to the head's features."""
    layer = settings.layer
    with precision(policy):
        maps = keras.Input(backbone.model.get_layer(layer).output.shape[1:], name=f"{layer}_maps")
        pooled = feature_layer(maps, layer, settings.pooling, settings.image_size)
        return keras.Model(maps, pooled, name="pooling")


def sample_features(
    settings: Settings, data: FaceData, backbone: Backbone, pooling: keras.Model, rows: np.ndarray
) -> np.ndarray:
    """Return the head's features of some random training images, to scale its input by."""
    random = np.random.default_rng(settings.random_seed)
    chosen = np.sort(random.permutation(rows)[:STATISTICS_IMAGES])
    maps = surgery.apply_layers(backbone.model, backbone.model.input, None, settings.layer)
    model = keras.Model(backbone.model.input, pooling(maps))
    parts = np.array_split(prepared_images(settings, data, chosen), -(-len(chosen) // 256))
    return np.concatenate([np.asarray(model.predict(part, verbose=0), "f4") for part in parts])


def _operate(
    settings: Settings,
    data: FaceData,
    backbone: Backbone,
    pooling: keras.Model,
    head: keras.Model,
    policy: str,
) -> tuple[keras.Model, keras.Model]:
    """Return the whole classifier and the part of it that learns."""
    mean = channel_mean(settings.mean, data.train.images)
    with precision(policy):
        image_shape = data.train.images.shape[1:]
        whole = surgery.classifier(image_shape, backbone, head, settings, mean, pooling)
        if starts_from_images(settings):
            return whole, whole
        if settings.trainable == "head":
            return whole, head
        start = settings.start
        inputs = keras.Input(backbone.model.get_layer(start).output.shape[1:])
        maps = surgery.apply_layers(backbone.model, inputs, start, settings.layer)
        model = keras.Model(inputs, head(pooling(maps)), name=f"{settings.trainable}_and_head")
        return whole, model


def prepared_images(settings: Settings, data: FaceData, rows: np.ndarray) -> np.ndarray:
    """Return some training images as the network's input, float32 (n, size, size, 3)."""
    mean = channel_mean(settings.mean, data.train.images)
    images = data.train.images[rows]
    model = network_input(images.shape[1:], settings.image_size, mean, settings.crop)
    return model.predict(images, verbose=0)
