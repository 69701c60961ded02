"""Training: prepare the inputs, fit, stop at any time, resume after an interruption."""

import hashlib
import json
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from emotions.data.copies import copy_groups
from emotions.data.dataset import FaceData, ImageSet
from emotions.files import replacing
from emotions.network import head as surgery
from emotions.network.backbone import Backbone, precision
from emotions.network.features import FeatureSpec, channel_statistics, feature_layer, features
from emotions.network.inputs import channel_mean, network_input, split_off_validation
from emotions.network.quiet_keras import keras
from emotions.settings import Settings
from emotions.training.augmentation import AUGMENTATIONS
from emotions.training.batches import Batches, Changes, SideBySide
from emotions.training.engine import steps_of

if TYPE_CHECKING:
    from emotions.training.data_parallel import Group

OnEpoch = Callable[[pd.DataFrame], None]

STATISTICS_IMAGES = 2048  # images that scale the head's input if nothing is cached


@dataclass(frozen=True)
class Task:
    """All that a training needs, made by `prepare`.

    Attributes
    ----------
    settings
        What it was made from.
    classes
        Names of the emotions, sorted; label k is `classes[k]`.
    inputs, labels
        Of the training folder: what the trained part sees, (n, ...) and int (n,).
    test_inputs, test_labels
        The same of the folder for the one evaluation at the end.
    training, validation
        Row numbers of `inputs`.
    model
        The part that learns, compiled: `inputs` -> probabilities (n, classes).
    whole
        Image (n, height, width, channels), 0 to 255 -> probabilities; shares `model`'s layers.
    change
        How training batches are changed at random.
    group
        The processes that train together; None: this one alone.
    """

    settings: Settings
    classes: tuple[str, ...]
    inputs: np.ndarray
    labels: np.ndarray
    test_inputs: np.ndarray
    test_labels: np.ndarray
    training: np.ndarray
    validation: np.ndarray
    model: keras.Model
    whole: keras.Model
    change: Changes = Changes()
    group: "Group | None" = None

    @property
    def share(self) -> tuple[int, int]:
        """Number of this process, from 0, and how many train together."""
        return (0, 1) if self.group is None else (self.group.rank, self.group.size)


@dataclass
class Run:
    """A finished or stopped training; the model has the weights of its best epoch.

    Attributes
    ----------
    history
        One row per epoch (from 1): loss, accuracy, val_loss, val_accuracy.
    best_epoch
        The first epoch with the highest validation accuracy.
    seconds
        Time spent fitting, interrupted parts included.
    stopped
        Whether it was stopped before its last epoch.
    """

    history: pd.DataFrame
    best_epoch: int
    seconds: float
    stopped: bool
    details: dict = field(default_factory=dict)


def split_rows(
    data: FaceData, settings: Settings, left_out: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Return the row numbers to train on and to choose by, copies kept on one side.

    Parameters
    ----------
    data
        The images.
    settings
        For the share and the random seed.
    left_out
        bool (n,): training images to use for neither; None leaves none out.
    """
    groups = copy_groups(data.train.images)
    training, validation = split_off_validation(
        data.train.labels, groups, settings.validation_share, settings.random_seed
    )
    if left_out is None:
        return training, validation
    return training[~left_out[training]], validation[~left_out[validation]]


def some_images(data: FaceData, rows: np.ndarray) -> tuple[ImageSet, str]:
    """Return some of the training images, and a key for the cache of their features."""
    train = data.train
    files = tuple(train.files[row] for row in rows)
    chosen = ImageSet(train.images[rows], train.labels[rows], train.classes, files)
    digest = hashlib.sha256(np.ascontiguousarray(rows, dtype=np.int64)).hexdigest()[:16]
    return chosen, f"{data.fingerprint}-some-{digest}"


def feature_spec(settings: Settings, data: FaceData, policy: str, **changes: str) -> FeatureSpec:
    """Return the features of the settings' deepest layer, some of it changed."""
    values = {"layer": settings.layers[-1], "pooling": settings.pooling} | changes
    mean = channel_mean(settings.mean, data.train.images)
    return FeatureSpec(image_size=settings.image_size, mean=mean, precision=policy, **values)


def compute_features(
    settings: Settings,
    data: FaceData,
    backbone: Backbone,
    policy: str,
    progress: Callable[..., Iterable] | None = None,
) -> None:
    """Compute what is not cached yet: the settings' features and the flattened maps of 3 layers.

    One pass of an image through the backbone gives all of them, so that neither a training nor
    the comparison of layers sends it through again.
    """
    specs = {feature_spec(settings, data, policy, layer=layer) for layer in settings.layers}
    layers = ("pool3", "pool4", "pool5")
    specs |= {feature_spec(settings, data, policy, layer=x, pooling="flatten") for x in layers}
    ordered = sorted(specs, key=lambda spec: (spec.layer, spec.pooling))
    folder = settings.data / "cache" / "features"
    for name, images in (("train", data.train), ("test", data.test)):
        features(images, f"{data.fingerprint}-{name}", backbone, ordered, folder, progress)


def prepare(
    settings: Settings,
    data: FaceData,
    backbone: Backbone,
    policy: str,
    *,
    left_out: np.ndarray | None = None,
    progress: Callable[..., Iterable] | None = None,
    group: "Group | None" = None,
) -> Task:
    """Compute or load the features, split, operate, compile.

    Parameters
    ----------
    settings
        What to train and how.
    data
        The images.
    backbone
        Built for `settings.image_size` under the dtype policy `policy`.
    left_out
        bool (n,): training images to leave out.
    progress
        Wraps an iterable, like tqdm.
    group
        The processes that train together, each of which calls this; None: this one alone.
    """
    training, validation = split_rows(data, settings, left_out)
    pooling = pooling_model(settings, backbone, policy)
    cached = not starts_from_images(settings)
    if cached:
        inputs = _cached_inputs(settings, data, backbone, policy, progress)
    else:
        inputs = _images(settings, data)
    if cached and settings.trainable == "head":
        statistics = channel_statistics(inputs.train, training)
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
        alone = head_alone(settings)
        task = prepare(
            alone, data, backbone, policy, left_out=left_out, progress=progress, group=group
        )
        train(task)
        head.set_weights(task.model.get_weights())
    whole, model = _operate(settings, data, backbone, pooling, head, policy)
    surgery.freeze(backbone.model, settings.trainable)
    surgery.compile_classifier(
        model,
        settings,
        steps_per_epoch=-(-len(training) // settings.batch_size),
        rates=surgery.block_rates(backbone.model, settings.backbone_rate),
    )
    return Task(
        settings,
        data.train.classes,
        inputs.train,
        data.train.labels,
        inputs.test,
        data.test.labels,
        training,
        validation,
        model,
        whole,
        inputs.change,
        group,
    )


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


@dataclass(frozen=True)
class _Inputs:
    """What the part that learns gets to see, and how it is changed while training."""

    train: np.ndarray
    test: np.ndarray
    change: Changes


def _images(settings: Settings, data: FaceData) -> _Inputs:
    """Return the images as they are."""
    change = Changes(AUGMENTATIONS[settings.augmentation], mixup=settings.mixup)
    return _Inputs(data.train.images, data.test.images, change)


def _cached_inputs(
    settings: Settings,
    data: FaceData,
    backbone: Backbone,
    policy: str,
    progress: Callable[..., Iterable] | None,
) -> _Inputs:
    """Return the head's features, or the maps that the first learning block starts from."""
    start = settings.start
    if start is None:
        specs = [feature_spec(settings, data, policy, layer=layer) for layer in settings.layers]
    else:
        specs = [feature_spec(settings, data, policy, layer=start, pooling="maps")]
    folder = settings.data / "cache" / "features"

    def of(images: ImageSet, name: str) -> np.ndarray:
        key = f"{data.fingerprint}-{name}"
        return side_by_side(features(images, key, backbone, specs, folder, progress))

    train, test = of(data.train, "train"), of(data.test, "test")
    mirrored = None
    if settings.augmentation == "mirror":
        turned = replace(data.train, images=data.train.images[:, :, ::-1])
        mirrored = of(turned, "train-mirrored")
    return _Inputs(train, test, Changes(mirrored=mirrored, mixup=settings.mixup))


def side_by_side(arrays: Sequence[np.ndarray]) -> np.ndarray | SideBySide:
    """Return features of several layers as one vector per image; those of one layer as they are."""
    return arrays[0] if len(arrays) == 1 else SideBySide(arrays)


def pooling_model(settings: Settings, backbone: Backbone, policy: str) -> keras.Model:
    """Return a model from the maps of the settings' layers to the head's features."""
    with precision(policy):
        maps = [
            keras.Input(backbone.model.get_layer(layer).output.shape[1:], name=f"{layer}_maps")
            for layer in settings.layers
        ]
        specs = [
            FeatureSpec(layer, settings.pooling, settings.image_size, None, policy)
            for layer in settings.layers
        ]
        pooled = [feature_layer(x, spec) for x, spec in zip(maps, specs, strict=True)]
        if len(pooled) > 1:
            flat = [keras.layers.Flatten()(x) for x in pooled]
            pooled = [keras.layers.Concatenate(name="side_by_side")(flat)]
        return keras.Model(maps, pooled[0], name="pooling")


def sample_features(
    settings: Settings,
    data: FaceData,
    backbone: Backbone,
    pooling: keras.Model,
    rows: np.ndarray,
) -> np.ndarray:
    """Return the head's features of some random training images, to scale its input by."""
    random = np.random.default_rng(settings.random_seed)
    chosen = np.sort(random.permutation(rows)[:STATISTICS_IMAGES])
    maps = surgery.apply_layers(backbone.model, backbone.model.input, None, settings.layers)
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
        maps = surgery.apply_layers(backbone.model, inputs, start, settings.layers)
        model = keras.Model(inputs, head(pooling(maps)), name=f"{settings.trainable}_and_head")
        return whole, model


def prepared_images(settings: Settings, data: FaceData, rows: np.ndarray) -> np.ndarray:
    """Return some training images as the network's input, float32 (n, size, size, 3)."""
    mean = channel_mean(settings.mean, data.train.images)
    images = data.train.images[rows]
    model = network_input(images.shape[1:], settings.image_size, mean)
    return model.predict(images, verbose=0)


def train(
    task: Task,
    *,
    on_epoch: OnEpoch | None = None,
    stop: threading.Event | None = None,
    checkpoint_every: float = 5.0,
) -> Run:
    """Fit the part that learns; the model ends with the weights of its best epoch.

    Interrupt the kernel or set `stop` to end early: what was learnt is kept. A training that was
    killed goes on from its last checkpoint, to the same result.

    Parameters
    ----------
    task
        From `prepare`.
    on_epoch
        Called after each epoch with the history so far.
    stop
        Set it from another thread to stop after the current steps, within a second or a batch.
    checkpoint_every
        Seconds between checkpoints.
    """
    keras.utils.set_random_seed(task.settings.random_seed)
    keeper = Keeper(task, on_epoch, stop, checkpoint_every)
    keeper.resume()
    first = len(keeper.history)
    if task.group is not None:
        task.group.check_same(f"{keeper.file.stem}{first:04x}")
    try:
        _fit(task, keeper, first)
    except KeyboardInterrupt:
        keeper.stopped = True
    return keeper.finish()


def _fit(task: Task, keeper: "Keeper", first: int) -> None:
    """Train epoch by epoch, from number `first` on."""
    settings = task.settings
    classes = len(task.classes) if settings.label_smoothing or settings.mixup else None
    weights = class_weights(task) if settings.class_weights else None
    steps = steps_of(task.model, one_hot=classes is not None, weights=weights, group=task.group)
    number, shares = task.share
    to_validate = task.validation[number::shares]
    validation = Batches(task.inputs, task.labels, to_validate, 512, classes=classes)
    for epoch in range(first, settings.epochs):
        batches = Batches(
            task.inputs,
            task.labels,
            task.training,
            settings.batch_size,
            settings.random_seed,
            epoch,
            change=task.change,
            classes=classes,
            share=task.share,
        )
        keeper.end_epoch(steps.train(batches, keeper.asked_to_stop) | steps.test(validation))
        if keeper.stopped:
            break


def class_weights(task: Task) -> list[float]:
    """Return a weight per class, so that each class has the same total over the training rows."""
    counts = np.bincount(task.labels[task.training], minlength=len(task.classes))
    return [len(task.training) / (len(counts) * max(1, int(n))) for n in counts]


class Keeper:
    """Keeps the history, the best weights and, every few seconds, a checkpoint on disk."""

    def __init__(
        self,
        task: Task,
        on_epoch: OnEpoch | None,
        stop: threading.Event | None,
        checkpoint_every: float,
    ) -> None:
        self.task, self.on_epoch, self.stop = task, on_epoch, stop
        self.checkpoint_every = checkpoint_every
        self.history: list[dict[str, float]] = []
        self.best_accuracy, self.best_weights = -1.0, task.model.get_weights()
        self.stopped = False
        self.earlier_seconds = 0.0
        self.started = self.saved = time.monotonic()
        self.file = task.settings.data / "cache" / "training" / f"{_training_key(task)}.npz"

    def resume(self) -> None:
        """Go on from the checkpoint of a killed training with the same parameters, if any."""
        kept = self._kept() if self.file.is_file() else None
        if kept is None:
            return
        state, variables, self.best_weights = kept
        for variable, value in zip(self._variables(), variables, strict=True):
            variable.assign(value)
        self.history, self.best_accuracy = state["history"], state["best_accuracy"]
        self.earlier_seconds = state["seconds"]

    def _kept(self) -> tuple[dict, list[np.ndarray], list[np.ndarray]] | None:
        """Return state, variables and best weights of the checkpoint, None if none fits."""
        self._build()
        try:
            with np.load(self.file, allow_pickle=False) as saved:
                state = json.loads(saved["state"].item())
                variables = [saved[f"variable_{i}"] for i in range(len(self._variables()))]
                best = [saved[f"best_{i}"] for i in range(len(self.best_weights))]
        except Exception:  # zip and numpy raise nearly everything for altered files
            return None
        shapes = [tuple(array.shape) for array in (*self._variables(), *self.best_weights)]
        fits = shapes == [array.shape for array in (*variables, *best)]
        return (state, variables, best) if fits else None

    def asked_to_stop(self) -> bool:
        """Tell whether the training should end, and remember it."""
        self.stopped = self.stopped or (self.stop is not None and self.stop.is_set())
        return self.stopped

    def end_epoch(self, logs: dict[str, float]) -> None:
        """Add to the history, keep the best weights, show, save."""
        self.history.append(logs)
        if logs["val_accuracy"] > self.best_accuracy:
            self.best_accuracy = logs["val_accuracy"]
            self.best_weights = self.task.model.get_weights()
        if self.on_epoch is not None:
            self.on_epoch(self.table())
        # half an epoch is no point to go on from
        if not self.stopped and time.monotonic() - self.saved > self.checkpoint_every:
            self.save()
            self.saved = time.monotonic()

    def table(self) -> pd.DataFrame:
        """Return the history with one row per epoch, from 1."""
        columns = ["loss", "accuracy", "val_loss", "val_accuracy"]
        index = pd.RangeIndex(1, len(self.history) + 1, name="epoch")
        return pd.DataFrame(self.history, index=index, columns=columns)

    def save(self) -> None:
        """Write a checkpoint: whole, or not at all; the first of several processes does it."""
        if self.task.share[0]:
            return
        seconds = self.earlier_seconds + time.monotonic() - self.started
        state = {
            "history": self.history,
            "best_accuracy": self.best_accuracy,
            "seconds": seconds,
        }
        values = [keras.ops.convert_to_numpy(variable) for variable in self._variables()]
        arrays = {f"variable_{number}": value for number, value in enumerate(values)}
        arrays |= {f"best_{number}": value for number, value in enumerate(self.best_weights)}
        with replacing(self.file) as temporary:
            np.savez(temporary, state=np.array(json.dumps(state)), **arrays)

    def _build(self) -> None:
        """Make the optimizer's variables, which Keras does only when training begins."""
        self.task.model.optimizer.build(self.task.model.trainable_variables)

    def _variables(self) -> list:
        """Return all that training changes: weights, the state of dropout, the optimizer."""
        return [*self.task.model.variables, *self.task.model.optimizer.variables]

    def finish(self) -> Run:
        """Put the best weights into the model and return the run."""
        self.task.model.set_weights(self.best_weights)
        if not self.task.share[0] and not self.stopped:
            self.file.unlink(missing_ok=True)
        history = self.table()
        best = int(history["val_accuracy"].idxmax()) if len(history) else 0
        seconds = self.earlier_seconds + time.monotonic() - self.started
        return Run(history, best, seconds, self.stopped)


def _training_key(task: Task) -> str:
    """Name a training by all that decides its result, so that only the same one is resumed."""
    content = hashlib.sha256()
    content.update(repr(task.settings.of("training", "given")).encode())
    for rows in (task.training, task.validation):
        content.update(rows.astype(np.int64).tobytes())
    content.update(repr((task.inputs.shape, task.classes)).encode())
    sample = task.inputs[:: max(1, len(task.inputs) // 64)]
    content.update(np.ascontiguousarray(sample).tobytes())
    return content.hexdigest()[:16]
