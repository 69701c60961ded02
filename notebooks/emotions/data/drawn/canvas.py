"""How a picture of a face is taken: curves to paint along, a canvas with a pose, and the light."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from PIL import Image, ImageDraw, ImageFilter

OCCLUSIONS = ("none", "hair", "hand", "scarf")
SUPERSAMPLING = 4
SIDES = ((-1, 1), (1, 1))  # factors that put points of the right half on the left and on the right
ARC_STEPS = np.linspace(0.0, 1.0, 13)[:, np.newaxis]
OUTLINE_STEPS = np.linspace(0.0, 1.0, 6, endpoint=False)[:, np.newaxis]
ANGLES = np.linspace(0.0, 2.0 * np.pi, 24)
CIRCLE = np.stack([np.cos(ANGLES), np.sin(ANGLES)], axis=1)


@dataclass(frozen=True)
class View:
    """How a picture of a face is taken; ``View()`` is frontal, evenly lit and clean."""

    shift_right: float = 0.0  # in face units, as the next
    shift_down: float = 0.0
    scale: float = 1.0  # a factor
    roll: float = 0.0  # degrees by which the head leans in the picture plane
    yaw: float = 0.0  # degrees by which it turns aside
    light_direction: float = 0.0  # degrees: 0 is from the right, 90 from below
    light_strength: float = 0.0  # how much brighter the lit edge is than the middle, a fraction
    exposure: float = 1.0  # a factor on all tones
    background_tone: int = 120
    occlusion: str = "none"  # one of `OCCLUSIONS`
    occlusion_side: int = 1  # 1 for the right and -1 for the left
    noise: float = 0.0  # standard deviation in grey values
    noise_seed: int = 0

    @classmethod
    def random(cls, rng: np.random.Generator) -> "View":
        """Choose by chance a view from which most expressions can still be recognised."""
        return cls(
            shift_right=rng.normal(0.0, 0.025),
            shift_down=rng.normal(0.0, 0.025),
            scale=rng.uniform(1.02, 1.14),
            roll=rng.normal(0.0, 3.0),
            yaw=rng.normal(0.0, 5.0),
            light_direction=rng.uniform(0.0, 360.0),
            light_strength=rng.uniform(0.0, 0.30),
            exposure=rng.uniform(0.75, 1.10),
            background_tone=int(rng.integers(70, 186)),
            occlusion=str(rng.choice(OCCLUSIONS, p=[0.88, 0.04, 0.05, 0.03])),
            occlusion_side=int(rng.choice([-1, 1])),
            noise=rng.uniform(2.0, 7.0),
            noise_seed=int(rng.integers(2**31)),
        )


PLAIN_VIEW = View()


def arc(start: ArrayLike, middle: ArrayLike, end: ArrayLike) -> np.ndarray:
    """Draw a parabola through three points, shape (13, 2)."""
    t = ARC_STEPS
    handle = 2.0 * np.asarray(middle) - 0.5 * (np.asarray(start) + np.asarray(end))
    return (1 - t) ** 2 * start + 2 * t * (1 - t) * handle + t**2 * end


def smooth_outline(corners: ArrayLike) -> np.ndarray:
    """Round a closed outline: a Catmull-Rom curve through its corners, shape (6 * corners, 2)."""
    corners = np.asarray(corners, dtype=float)
    before, after = np.roll(corners, 1, axis=0), np.roll(corners, -1, axis=0)
    after_next = np.roll(corners, -2, axis=0)
    t = OUTLINE_STEPS
    pieces = 0.5 * (
        2 * corners[:, np.newaxis]
        + t * (after - before)[:, np.newaxis]
        + t**2 * (2 * before - 5 * corners + 4 * after - after_next)[:, np.newaxis]
        + t**3 * (3 * corners - before - 3 * after + after_next)[:, np.newaxis]
    )
    return pieces.reshape(-1, 2)


def mirror(points: ArrayLike) -> np.ndarray:
    """Flip points to the other half of the face and reverse their order, shape (n, 2)."""
    return (np.asarray(points) * (-1.0, 1.0))[::-1]


def both_sides(right_half: ArrayLike) -> np.ndarray:
    """Complete an outline that is given for the right half only, shape (2n, 2)."""
    return np.concatenate([right_half, mirror(right_half)])


def round_sides(right_half: ArrayLike) -> np.ndarray:
    """Complete an outline that is given for the right half only, and round it."""
    return smooth_outline(both_sides(right_half))


def ring(centre: ArrayLike, radius_x: float, radius_y: float) -> np.ndarray:
    """Outline of an ellipse, shape (24, 2)."""
    return np.asarray(centre) + CIRCLE * (radius_x, radius_y)


def keep_between(points: np.ndarray, upper: np.ndarray, lower: np.ndarray) -> np.ndarray:
    """Squeeze points between two left-to-right curves, as eyelids cover an iris."""
    x = np.clip(points[:, 0], upper[0, 0], upper[-1, 0])
    top = np.interp(x, upper[:, 0], upper[:, 1])
    bottom = np.interp(x, lower[:, 0], lower[:, 1])
    return np.stack([x, np.clip(points[:, 1], top, bottom)], axis=1)


def darker(tone: float, fraction: float) -> int:
    """Take a fraction of the light away from a grey value."""
    return int(tone * (1.0 - fraction))


class Canvas:
    """A large picture to paint on in face units; it applies the pose and background of the view.

    `size` is the side of the finished picture in pixels; the canvas is four times as large,
    because Pillow draws hard edges and shrinking turns them into soft ones.
    """

    def __init__(self, size: int, view: View) -> None:
        side = size * SUPERSAMPLING
        self.pixels_per_unit = side / 2
        self.image = Image.new("L", (side, side), view.background_tone)
        self.pen = ImageDraw.Draw(self.image)
        roll, yaw = math.radians(view.roll), math.radians(view.yaw)
        self.turn_aside = (math.cos(yaw), math.sin(yaw))
        pixels = view.scale * self.pixels_per_unit
        self.lean = (pixels * math.cos(roll), pixels * math.sin(roll))
        self.middle = (
            (1.0 + view.shift_right) * self.pixels_per_unit,
            (1.0 + view.shift_down) * self.pixels_per_unit,
        )

    def project(self, points: ArrayLike, bulge: float) -> list[float]:
        """Turn face units, shape (n, 2), into canvas pixels ``[x, y, x, y, ...]``.

        A turned head moves what lies in front (the nose, by ``bulge``) more than its sides.
        Whole pixels keep rounding errors of different processors out of the picture.
        """
        points = np.asarray(points)
        x, y = points[:, 0], points[:, 1]
        depth = 0.5 + bulge - 0.4 * x * x - 0.15 * y * y
        x = x * self.turn_aside[0] + depth * self.turn_aside[1]
        placed = np.empty(points.shape)
        placed[:, 0] = x * self.lean[0] - y * self.lean[1] + self.middle[0]
        placed[:, 1] = x * self.lean[1] + y * self.lean[0] + self.middle[1]
        return np.rint(placed).ravel().tolist()

    def fill(self, points: ArrayLike, tone: int, *, bulge: float = 0.0) -> None:
        """Fill the inside of an outline, shape (n, 2)."""
        self.pen.polygon(self.project(points, bulge), fill=tone)

    def fill_both(self, points: ArrayLike, tone: int, *, bulge: float = 0.0) -> None:
        """Fill an outline of the right half of the face and its mirror image."""
        for side in SIDES:
            self.fill(np.asarray(points) * side, tone, bulge=bulge)

    def stroke(self, points: ArrayLike, tone: int, width: float, *, bulge: float = 0.0) -> None:
        """Draw a line along points, shape (n, 2); ``width`` is in face units."""
        pixels = max(1, round(width * self.pixels_per_unit))
        self.pen.line(self.project(points, bulge), fill=tone, width=pixels, joint="curve")

    def stroke_both(self, points: ArrayLike, tone: int, width: float, *, bulge: float = 0) -> None:
        """Draw a line on the right half of the face and its mirror image."""
        for side in SIDES:
            self.stroke(np.asarray(points) * side, tone, width, bulge=bulge)

    def shade(self, patches: list[tuple[np.ndarray, float]], tone: int) -> None:
        """Blend soft patches into the picture; each is an outline and an opacity from 0 to 1."""
        mask = Image.new("L", self.image.size, 0)
        pen = ImageDraw.Draw(mask)
        for points, opacity in patches:
            pen.polygon(self.project(points, 0.0), fill=round(255 * opacity))
        # Blurring a small mask looks the same and is several times faster.
        small = mask.reduce(SUPERSAMPLING)
        radius = 0.045 * self.pixels_per_unit / SUPERSAMPLING
        blurred = small.filter(ImageFilter.GaussianBlur(radius))
        self.image.paste(tone, mask=blurred.resize(mask.size, Image.Resampling.BILINEAR))


def expose(pixels: np.ndarray, view: View) -> np.ndarray:
    """Light a clean picture, uint8 (size, size), from one side and add the noise of a camera."""
    size = len(pixels)
    places = (2.0 * np.arange(size) + 1.0) / size - 1.0
    angle = np.radians(view.light_direction)
    slope = np.cos(angle) * places[np.newaxis, :] + np.sin(angle) * places[:, np.newaxis]
    lit = pixels * view.exposure * (1.0 + view.light_strength * slope)
    grain = np.random.default_rng(view.noise_seed).standard_normal((size, size))
    return np.clip(np.rint(lit + view.noise * grain), 0, 255).astype(np.uint8)
