"""Features: what the frozen backbone makes of every image, computed once and kept on disk."""

import hashlib
import json
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from emotions.data.faces import ImageSet
from emotions.files import alone, give_pages_back, new_folder
from emotions.loops import Progress, with_progress
from emotions.network.backbone import Backbone, activated
from emotions.network.inputs import Mean, network_input
from emotions.network.quiet_keras import keras

FORMAT = 2  # change it and every cached feature is computed again
BATCH = 256
SEED_SIZE = 48  # flattened maps keep the side they have at this input size


@dataclass(frozen=True)
class FeatureSpec:
    """Which features: everything about them but the images and the weights."""

    layer: str  # one of `settings.FEATURE_LAYERS`
    pooling: str  # see `feature_layer`
    image_size: int  # side of the network's input in pixels
    mean: Mean
    precision: str  # Keras dtype policy of the backbone
    crop: int = 0  # as the mean, see `inputs.network_input`


def feature_layer(
    maps: keras.KerasTensor, layer: str, pooling: str, image_size: int
) -> keras.KerasTensor:
    """Return what a pooling makes of a layer's feature maps (n, height, width, channels).

    That is `average` (one number per channel), `flatten` (maps, averaged down to about the side
    that they have at 48 pixels), or `maps` (as they are, to train further blocks on).
    """
    if pooling == "average":
        name = f"{layer}_mean"
        return keras.layers.GlobalAveragePooling2D(dtype="float32", name=name)(maps)
    factor = max(1, round(image_size / SEED_SIZE))
    if pooling == "maps" or factor == 1:
        return maps
    return keras.layers.AveragePooling2D(
        factor, padding="same", dtype="float32", name=f"{layer}_{factor}x{factor}"
    )(maps)


def extractor(
    image_shape: tuple[int, int, int], backbone: Backbone, specs: Sequence[FeatureSpec]
) -> keras.Model:
    """Return one model that gives all wanted features of an image in a single pass.

    The features differ in layer and pooling alone; the backbone is built for their input size.
    """
    first = specs[0]
    preparation = network_input(image_shape, first.image_size, first.mean, first.crop)
    model = backbone.model
    layers = {s.layer: model.get_layer(activated(model, s.layer)).output for s in specs}
    maps = keras.Model(model.input, layers)(preparation.output)
    wanted = [feature_layer(maps[s.layer], s.layer, s.pooling, s.image_size) for s in specs]
    return keras.Model(preparation.input, wanted)


def features(
    images: ImageSet,
    data_key: str,
    backbone: Backbone,
    specs: Sequence[FeatureSpec],
    folder: Path,
    progress: Progress | None = None,
) -> list[np.ndarray]:
    """Return features of all images, from the cache or computed now in one pass.

    Each is a read-only memory map, float16 (n, ...), in a folder of its own that is written whole
    or not at all. One that is too large for float16 is an OverflowError, a backbone that has learnt
    meanwhile a WeightsError. `data_key` names the images: the data's fingerprint and the split.
    """
    homes = [folder / cache_key(data_key, backbone.digest, spec) for spec in specs]
    if any(_cached(home, len(images)) is None for home in homes):
        with alone(folder / "features"):  # another run may be computing them
            wanted = dict(zip(homes, specs, strict=True))
            missing = {h: spec for h, spec in wanted.items() if _cached(h, len(images)) is None}
            if missing:
                backbone.check_unchanged()
                model = extractor(images.images.shape[1:], backbone, list(missing.values()))
                _compute(model, images.images, missing, progress)
    return [np.load(home / "features.npy", mmap_mode="r") for home in homes]


def _cached(home: Path, images: int) -> np.ndarray | None:
    """Return the features of so many images from a cache folder, None if they are not whole."""
    try:
        array = np.load(home / "features.npy", mmap_mode="r")
    except (OSError, ValueError, EOFError):  # not there, cut off, or no such file
        return None
    return array if array.dtype == np.float16 and len(array) == images else None


def cache_key(data_key: str, weights_digest: str, spec: FeatureSpec) -> str:
    """Return the name of a cached feature's folder: readable, and different for each feature."""
    content = json.dumps([FORMAT, data_key, weights_digest, asdict(spec)], sort_keys=True)
    digest = hashlib.sha256(content.encode()).hexdigest()[:16]
    return f"{spec.layer}-{spec.pooling}-{spec.image_size}-{digest}"


def _compute(
    model: keras.Model,
    images: np.ndarray,
    homes: Mapping[Path, FeatureSpec],
    progress: Progress | None,
) -> None:
    description = f"Features of {len(images):,} images"
    batches = forward(model, images, BATCH)
    steps = with_progress(batches, progress, -(-len(images) // BATCH), description, unit="batch")
    with ExitStack() as stack:
        for home in homes:
            shutil.rmtree(home, ignore_errors=True)  # what is there is not whole
        temporary = [stack.enter_context(new_folder(home)) for home in homes]
        outputs = [stack.enter_context(open(t / "features.npy", "wb")) for t in temporary]
        for output, values in zip(outputs, model.outputs, strict=True):
            shape = (len(images), *values.shape[1:])
            header = {"descr": "<f2", "fortran_order": False, "shape": shape}
            np.lib.format.write_array_header_1_0(output, header)
        for batch in steps:
            for output, values, spec in zip(outputs, batch, homes.values(), strict=True):
                if not np.abs(values).max() < np.finfo(np.float16).max:
                    raise OverflowError(
                        f"Features of {spec.layer} reach {np.abs(values).max():g}, too large to be "
                        "kept as float16: check the weights file and the mean that is subtracted."
                    )
                output.write(np.ascontiguousarray(values, dtype="<f2"))


def forward(model: keras.Model, inputs: Any, batch: int) -> Iterator[list[np.ndarray]]:
    """Yield a model's outputs, float32, for some inputs at a time, which may be memory-mapped.

    All batches are of one size, the last one filled up, so that Keras traces the model only once;
    few inputs have smaller ones.
    """
    batches = max(1, -(-len(inputs) // batch))
    batch = min(batch, 32 * -(-len(inputs) // (32 * batches)))
    for start in range(0, len(inputs), batch):
        part = inputs[start : start + batch]
        full = np.zeros((batch, *part.shape[1:]), np.float32)
        full[: len(part)] = part
        outputs = keras.tree.flatten(model.predict_on_batch(full))
        give_pages_back(inputs)
        yield [np.asarray(output, dtype=np.float32)[: len(part)] for output in outputs]


def channel_statistics(maps: np.ndarray, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return mean and variance, float32 (channels,), of some rows of maps (n, ..., channels).

    Channels that never change get variance 1.
    """
    total = np.zeros(maps.shape[-1])
    squares = np.zeros(maps.shape[-1])
    count = 0
    for start in range(0, len(rows), 1024):
        part = maps[rows[start : start + 1024]].astype(np.float64).reshape(-1, maps.shape[-1])
        total += part.sum(axis=0)
        squares += np.square(part).sum(axis=0)
        count += len(part)
        give_pages_back(maps)
    mean = total / count
    variance = squares / count - mean**2
    variance[variance < 1e-12] = 1
    return mean.astype(np.float32), variance.astype(np.float32)
