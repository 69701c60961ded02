"""The network and the batch that all engines are measured with: VGG16's convolutions, 48 pixels."""

import numpy as np

SIZE, CLASSES, UNITS = 48, 7, 256
BATCH = 256  # images at a time in feature extraction, as the course does it
TRAINING_BATCH = 64
BLOCKS = ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3))  # channels, convolutions


def convolutions() -> list[tuple[str, int, int, int]]:
    """Return name, side of the maps in pixels, channels in and channels out of each convolution."""
    layers, channels, side = [], 3, SIZE
    for block, (out, count) in enumerate(BLOCKS, start=1):
        for number in range(1, count + 1):
            layers.append((f"conv{block}_{number}", side, channels, out))
            channels = out
        side //= 2
    return layers


def flop(side: int, channels: int, out: int) -> int:
    """Return the floating-point operations of one 3x3 convolution for one image."""
    return 2 * 9 * channels * out * side * side


FLOP_PER_IMAGE = sum(flop(*shape) for _, *shape in convolutions())


def weights() -> list[tuple[np.ndarray, np.ndarray]]:
    """Return kernel (3, 3, in, out) and bias of each convolution: random, the same everywhere."""
    random = np.random.default_rng(2013)
    return [
        (
            random.normal(0, np.sqrt(2 / (9 * channels)), (3, 3, channels, out)).astype("f4"),
            np.zeros(out, "f4"),
        )
        for _, _, channels, out in convolutions()
    ]


def images(count: int) -> np.ndarray:
    """Return prepared network inputs, float32 (count, 48, 48, 3), around 0."""
    random = np.random.default_rng(7)
    return random.normal(0, 60, (count, SIZE, SIZE, 3)).astype("f4")
