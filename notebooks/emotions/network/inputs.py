"""From image to network input: three channels, BGR, mean subtracted; and the validation split."""

import warnings
from pathlib import Path

import numpy as np

from emotions.data.copies import folds
from emotions.files import DataError, row_by_row
from emotions.network.quiet_keras import keras

# B, G, R; what keras_vggface.utils.preprocess_input(version=1) subtracts, the mean of the
# 2.6 million faces that VGG-Face was trained on (Parkhi, Vedaldi and Zisserman 2015).
VGGFACE_MEAN = (93.5940, 104.7624, 129.1863)
FER_SIDE = 48  # pixels of FER-2013's images
Mean = tuple[float, float, float] | None  # what is subtracted from B, G, R; None divides by 255


def training_mean(images: np.ndarray) -> tuple[float, float, float]:
    """Return the mean of training images, uint8 (n, height, width, 1 or 3) RGB, as B, G, R."""
    total = sum(image.sum(axis=(0, 1), dtype=np.float64) for image in row_by_row(images))
    mean = total / (len(images) * images.shape[1] * images.shape[2])
    return tuple(np.broadcast_to(mean[::-1], 3).tolist())


def channel_mean(name: str, images: np.ndarray) -> Mean:
    """Return the mean that the setting `mean` names, as B, G, R; None for `zero_one`."""
    if name == "training":
        return training_mean(images)
    return {"vggface": VGGFACE_MEAN, "zero_one": None}[name]


def network_input(
    image_shape: tuple[int, int, int], image_size: int, mean: Mean, crop: int = 0
) -> keras.Model:
    """Return a model from images as loaded to float32 (n, image_size, image_size, 3), BGR.

    Plain Keras layers without weights, so that they travel inside the saved classifier.

    Parameters
    ----------
    image_shape
        Height, width and channels (1 or 3) of the images, grey levels 0 to 255, RGB.
    mean
        Subtracted from B, G, R. None divides by 255 instead, as the seed's code did.
    crop
        Side of the middle square that is cut from each image first, in pixels of an image whose
        shorter side is `FER_SIDE`, and as much of a larger one; 0 takes the whole.
    """
    images = x = keras.Input(image_shape, name="images")
    if crop:
        square = round(crop * max(1, min(image_shape[:2]) / FER_SIDE))
        # not Keras' CenterCrop: it lets the whole model run as if it trained, unless told otherwise
        edges = [divmod(max(0, side - square), 2) for side in image_shape[:2]]
        around = [(half, half + odd) for half, odd in edges]
        x = keras.layers.Cropping2D(around, dtype="float32", name="crop")(x)
    if x.shape[1:3] != (image_size, image_size):
        smaller = max(x.shape[1:3]) > image_size  # then each new pixel is a mean, not a sample
        resizing = keras.layers.Resizing(
            image_size, image_size, antialias=smaller, dtype="float32", name="resize"
        )
        resizing.supports_jit = not smaller  # XLA has no such operation of TensorFlow's
        x = resizing(x)
    if image_shape[-1] == 1:
        x = keras.layers.Concatenate(dtype="float32", name="grey_to_bgr")([x, x, x])
    else:
        x = keras.ops.flip(x, axis=-1)  # RGB as loaded, BGR as VGG-Face was trained
    if mean is None:
        x = keras.layers.Rescaling(1 / 255, dtype="float32", name="zero_to_one")(x)
    else:
        x = keras.layers.Normalization(
            mean=mean, variance=(1.0, 1.0, 1.0), dtype="float32", name="subtract_mean"
        )(x)
    return keras.Model(images, x, name="network_input")


def split_off_validation(
    labels: np.ndarray,
    groups: np.ndarray,
    share: float,
    random_seed: int,
    data_folder: Path | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Return the rows to train on and those to validate on, sorted; copies stay on one side.

    Labels and groups of copies are int (n,); `data_folder` as of `copies.folds`. The split is
    stratified by class, and comes as near to the validation share as whole folds allow. The same
    seed gives the same split. A class of fewer images than folds may be missing from the
    validation. If no class has two images, or all are copies, it is a DataError.
    """
    largest = np.unique(labels, return_counts=True)[1].max()
    most = min(largest, len(np.unique(groups)))  # folds that scikit-learn can make
    if most < 2:
        raise DataError(
            "Each emotion has one training image, or all of them show one picture: too few to "
            "choose by, add some."
        )
    count = min(range(2, most + 1), key=lambda count: abs(1 / count - share))
    with warnings.catch_warnings():  # it complains of each class with fewer images than folds
        warnings.filterwarnings("ignore", "The least populated class")
        return folds(labels, groups, count, random_seed, data_folder)[0]
