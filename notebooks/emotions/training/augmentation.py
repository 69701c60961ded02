"""Change faces at random without changing their emotion, while the network trains.

OpenCV moves each face once, with one combined matrix: mirror, turn, shift and zoom together. That
takes microseconds a face and needs no particular engine below Keras.
"""

from dataclasses import dataclass, replace

import cv2
import numpy as np


@dataclass(frozen=True)
class Augmentation:
    """How far faces may be changed; each face draws its own values within these limits."""

    mirror: bool = False  # half of the faces, left to right
    degrees: float = 0.0  # turned by up to so many
    shift: float = 0.0  # moved by up to this share of the side, across and down
    zoom: float = 0.0  # enlarged or shrunk by up to this share
    contrast: float = 0.0  # changed by up to this share
    brightness: float = 0.0  # changed by up to this share of 128 grey levels
    # Share of the faces of which a rectangle, an eighth to three eighths of the side wide and high,
    # is painted over by noise (Zhong et al. 2020, "Random erasing", arXiv:1708.04896).
    erase: float = 0.0

    def __call__(self, images: np.ndarray, random: np.random.Generator) -> np.ndarray:
        """Return changed float32 copies of images (n, height, width, 1 or 3), 0 to 255.

        Another number of axes is a ValueError.
        """
        if images.ndim != 4:
            raise ValueError(f"images have 4 axes, these have the shape {images.shape}")
        changed = np.empty(images.shape, np.float32)
        matrices = self._matrices(len(images), images.shape[1:3], random)
        size = images.shape[2], images.shape[1]
        for number, (image, matrix) in enumerate(zip(images, matrices, strict=True)):
            moved = cv2.warpAffine(
                image.astype(np.float32), matrix, size, borderMode=cv2.BORDER_REPLICATE
            )
            changed[number] = moved.reshape(images.shape[1:])
        if self.contrast or self.brightness:
            changed = self._shade(changed, random)
        if self.erase:
            self._erase(changed, random)
        return changed

    def _matrices(
        self, count: int, shape: tuple[int, int], random: np.random.Generator
    ) -> np.ndarray:
        """Return one 2x3 matrix per image that turns, zooms, mirrors and moves about its middle."""
        height, width = shape
        angle = np.deg2rad(random.uniform(-self.degrees, self.degrees, count))
        zoom = 1 + random.uniform(-self.zoom, self.zoom, count)
        side = np.where(random.random(count) < 0.5 * self.mirror, -1.0, 1.0)
        moves = random.uniform(-self.shift, self.shift, (count, 2)) * (width, height)
        cosine, sine = zoom * np.cos(angle), zoom * np.sin(angle)
        turn = np.stack(
            [np.stack([side * cosine, -sine], -1), np.stack([side * sine, cosine], -1)], 1
        )
        middle = np.array([(width - 1) / 2, (height - 1) / 2])
        offset = middle + moves - turn @ middle
        return np.concatenate([turn, offset[..., None]], axis=2)

    def _shade(self, images: np.ndarray, random: np.random.Generator) -> np.ndarray:
        """Change contrast about each image's mean, and brightness."""
        shape = (len(images), 1, 1, 1)
        contrast = 1 + random.uniform(-self.contrast, self.contrast, shape).astype(np.float32)
        light = 128 * random.uniform(-self.brightness, self.brightness, shape).astype(np.float32)
        means = images.mean(axis=(1, 2, 3), keepdims=True)
        return np.clip((images - means) * contrast + means + light, 0, 255)

    def _erase(self, images: np.ndarray, random: np.random.Generator) -> None:
        """Paint noise over a rectangle of some of the images, in place."""
        height, width = images.shape[1:3]
        for number in np.flatnonzero(random.random(len(images)) < self.erase):
            tall = random.integers(height // 8, 3 * height // 8 + 1)
            wide = random.integers(width // 8, 3 * width // 8 + 1)
            top, left = random.integers(height - tall + 1), random.integers(width - wide + 1)
            noise = random.uniform(0, 255, (tall, wide, images.shape[-1]))
            images[number, top : top + tall, left : left + wide] = noise


LIGHT = Augmentation(mirror=True, degrees=10, shift=0.08, zoom=0.1, contrast=0.2, brightness=0.2)
# a fifth of the grey levels' standard deviation, which is about 64 in photographs of faces
ERASE = replace(LIGHT, shift=0.06, brightness=0.1)
AUGMENTATIONS = {
    "none": None,
    "mirror": Augmentation(mirror=True),
    "light": LIGHT,
    "strong": Augmentation(
        mirror=True, degrees=15, shift=0.1, zoom=0.15, contrast=0.3, brightness=0.3, erase=0.5
    ),
    "erase_quarter": replace(ERASE, erase=0.25),
    "erase_half": replace(ERASE, erase=0.5),
}


def mixup(
    inputs: np.ndarray, targets: np.ndarray, strength: float, random: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Return a batch in which each example is blended with another one, labels alike.

    Inputs and targets are float (n, ...) and (n, classes). The strength is alpha of the Beta
    distribution that the share is drawn from (Zhang et al. 2018, "mixup: beyond empirical risk
    minimization", arXiv:1710.09412).
    """
    share = np.float32(random.beta(strength, strength))
    partner = random.permutation(len(inputs))
    blend = share * inputs + (1 - share) * inputs[partner]
    return blend, share * targets + (1 - share) * targets[partner]
