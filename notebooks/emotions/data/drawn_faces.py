"""Draw small grey faces whose expressions are put together from facial action units.

The course runs on these faces when FER-2013 is not at hand. Every face starts from a handful of
landmarks (brow, eye, nose, mouth, jaw). Each *action unit* of the Facial Action Coding System
(FACS) moves some of them, an expression is a set of action units, and the rest is painting.

A picture is described in *face units*: the origin is the middle of the picture, ``x`` grows to
the right, ``y`` grows downwards, and 1 is half the width of the picture. Landmarks are kept for
the right half of the face only and mirrored for the left half, so in :data:`MOVEMENTS` a
positive first number means "outwards" and a positive second number means "down".

Sources
-------
P. Ekman, W. V. Friesen: *Facial Action Coding System*. Consulting Psychologists Press, 1978.
P. Ekman, W. V. Friesen, J. C. Hager: *Facial Action Coding System: The Manual*, 2nd edition.
Research Nexus, 2002. The expressions are the EMFACS prototypes (*Emotional FACS*) from there.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from emotions.files import alone, new_folder

# --------------------------------------------------------------------------------------
# What the action units are, what they move, and which of them make an expression
# --------------------------------------------------------------------------------------

ACTION_UNITS: dict[int, str] = {
    1: "inner brow raiser: the inner ends of the brows go up",
    2: "outer brow raiser: the outer ends of the brows go up",
    4: "brow lowerer: the brows go down and together, upright furrows appear between them",
    5: "upper lid raiser: the upper eyelids go up and the eyes open wide",
    6: "cheek raiser: the cheeks and lower eyelids go up, crow's feet appear beside the eyes",
    7: "lid tightener: the upper and lower eyelids close in on each other",
    9: "nose wrinkler: the nose wings and upper lip go up, creases appear beside the nose",
    12: "lip corner puller: the mouth corners go up and out",
    15: "lip corner depressor: the mouth corners go down",
    16: "lower lip depressor: the lower lip goes down and shows the lower teeth",
    17: "chin raiser: the chin and lower lip are pushed up",
    20: "lip stretcher: the mouth corners are pulled straight out",
    23: "lip tightener: the lips become narrow and thin",
    25: "lips part: the lips open a little and show the upper teeth",
    26: "jaw drop: the chin and lower lip go down and the mouth opens",
}

EXPRESSIONS: dict[str, tuple[int, ...]] = {
    "angry": (4, 5, 7, 23),
    "disgust": (9, 15, 16),
    "fear": (1, 2, 4, 5, 7, 20, 26),
    "happy": (6, 12),
    "neutral": (),
    "sad": (1, 4, 15),
    "surprise": (1, 2, 5, 26),
}

# Action unit -> landmark -> how far it moves at full intensity (outwards, down), in face units.
MOVEMENTS: dict[int, dict[str, tuple[float, float]]] = {
    1: {"brow_inner": (0.00, -0.18), "brow_middle": (0.00, -0.05)},
    2: {"brow_outer": (0.00, -0.11), "brow_middle": (0.00, -0.09), "brow_inner": (0.00, -0.02)},
    4: {"brow_inner": (-0.05, 0.09), "brow_middle": (-0.03, 0.06), "brow_outer": (-0.01, 0.00)},
    5: {"upper_lid": (0.00, -0.075)},
    6: {
        "lower_lid": (0.00, -0.055),
        "upper_lid": (0.00, 0.015),
        "eye_outer": (0.01, 0.01),
        "cheek": (0.01, -0.08),
    },
    7: {"lower_lid": (0.00, -0.03), "upper_lid": (0.00, 0.025)},
    9: {
        "nose_wing": (0.035, -0.07),
        "upper_lip_top": (0.00, -0.08),
        "upper_lip_edge": (0.00, -0.06),
        "brow_inner": (-0.03, 0.07),
        "brow_middle": (0.00, 0.04),
        "lower_lid": (0.00, -0.04),
        "upper_lid": (0.00, 0.03),
        "cheek": (0.00, -0.05),
    },
    12: {
        "mouth_corner": (0.13, -0.14),
        "upper_lip_top": (0.00, 0.01),
        "upper_lip_edge": (0.00, 0.02),
        "lower_lip_edge": (0.00, 0.02),
        "cheek": (0.03, -0.06),
        "nose_wing": (0.02, -0.01),
    },
    15: {"mouth_corner": (0.01, 0.13), "lower_lip_bottom": (0.00, -0.01)},
    16: {"lower_lip_edge": (0.00, 0.09), "lower_lip_bottom": (0.00, 0.08)},
    17: {
        "lower_lip_edge": (0.00, -0.05),
        "lower_lip_bottom": (0.00, -0.05),
        "upper_lip_edge": (0.00, -0.03),
        "mouth_corner": (0.00, 0.03),
        "chin": (0.00, -0.05),
    },
    20: {"mouth_corner": (0.13, 0.02)},
    23: {
        "upper_lip_top": (0.00, 0.035),
        "lower_lip_bottom": (0.00, -0.05),
        "mouth_corner": (-0.06, 0.01),
    },
    25: {
        "upper_lip_top": (0.00, -0.02),
        "upper_lip_edge": (0.00, -0.03),
        "lower_lip_edge": (0.00, 0.06),
        "lower_lip_bottom": (0.00, 0.05),
    },
    26: {
        "upper_lip_edge": (0.00, -0.02),
        "lower_lip_edge": (0.00, 0.22),
        "lower_lip_bottom": (0.00, 0.20),
        "mouth_corner": (-0.05, 0.08),
        "jaw": (0.00, 0.06),
        "chin": (0.00, 0.11),
    },
}

# --------------------------------------------------------------------------------------
# Who is drawn and how the picture is taken
# --------------------------------------------------------------------------------------

HAIR_STYLES = ("short", "long", "fringe", "bald")
OCCLUSIONS = ("none", "hair", "hand", "scarf")


@dataclass(frozen=True)
class Identity:
    """What belongs to a person and stays the same in all their pictures.

    Plain numbers are factors of the average face, where 1 is average. ``brow_tilt`` and
    ``mouth_tilt`` are distances in face units: how much higher the outer brow ends and the
    mouth corners of this person rest. Tones are grey values from 0 (black) to 255 (white).
    """

    face_width: float = 1.0
    face_length: float = 1.0
    jaw_width: float = 1.0
    eye_distance: float = 1.0
    eye_size: float = 1.0
    brow_thickness: float = 1.0
    brow_height: float = 1.0
    brow_tilt: float = 0.0
    nose_width: float = 1.0
    nose_length: float = 1.0
    mouth_width: float = 1.0
    mouth_tilt: float = 0.0
    lip_thickness: float = 1.0
    skin_tone: int = 190
    hair_tone: int = 60
    hair_style: str = "short"
    beard: bool = False
    glasses: bool = False

    @classmethod
    def random(cls, rng: np.random.Generator) -> Identity:
        """Invent a person.

        Parameters
        ----------
        rng : np.random.Generator
            The only source of chance.

        Returns
        -------
        Identity
            A person whose features lie around the average face.
        """
        skin_tone = int(rng.integers(125, 226))
        hair_style = str(rng.choice(HAIR_STYLES, p=[0.40, 0.32, 0.20, 0.08]))
        return cls(
            face_width=rng.uniform(0.92, 1.08),
            face_length=rng.uniform(0.94, 1.06),
            jaw_width=rng.uniform(0.88, 1.12),
            eye_distance=rng.uniform(0.93, 1.08),
            eye_size=rng.uniform(0.90, 1.12),
            brow_thickness=rng.uniform(0.65, 1.35),
            brow_height=rng.uniform(0.88, 1.10),
            brow_tilt=rng.uniform(-0.025, 0.025),
            nose_width=rng.uniform(0.85, 1.20),
            nose_length=rng.uniform(0.88, 1.12),
            mouth_width=rng.uniform(0.85, 1.15),
            mouth_tilt=rng.uniform(-0.02, 0.02),
            lip_thickness=rng.uniform(0.75, 1.30),
            skin_tone=skin_tone,
            # Clearly darker than the skin, so that the hairline stays visible.
            hair_tone=int(rng.integers(20, skin_tone - 60)),
            hair_style=hair_style,
            beard=hair_style in ("short", "bald") and bool(rng.random() < 0.25),
            glasses=bool(rng.random() < 0.15),
        )


@dataclass(frozen=True)
class View:
    """How a picture of a face is taken; ``View()`` is frontal, evenly lit and clean.

    ``shift_right`` and ``shift_down`` are in face units, ``scale`` is a factor. ``roll`` (the
    head leans in the picture plane), ``yaw`` (the head turns aside) and ``light_direction``
    (0 is from the right, 90 from below) are in degrees. ``light_strength`` is how much
    brighter the lit edge of the picture is than its middle, as a fraction. ``exposure`` is a
    factor on all tones. ``occlusion`` is one of :data:`OCCLUSIONS`; ``occlusion_side`` is 1 for
    the right and -1 for the left. ``noise`` is a standard deviation in grey values, and
    ``noise_seed`` makes the noise repeatable.
    """

    shift_right: float = 0.0
    shift_down: float = 0.0
    scale: float = 1.0
    roll: float = 0.0
    yaw: float = 0.0
    light_direction: float = 0.0
    light_strength: float = 0.0
    exposure: float = 1.0
    background_tone: int = 120
    occlusion: str = "none"
    occlusion_side: int = 1
    noise: float = 0.0
    noise_seed: int = 0

    @classmethod
    def random(cls, rng: np.random.Generator) -> View:
        """Choose a camera position, light, occlusion and noise by chance.

        Parameters
        ----------
        rng : np.random.Generator
            The only source of chance.

        Returns
        -------
        View
            A view from which most expressions can still be recognised.
        """
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


AVERAGE_FACE = Identity()
PLAIN_VIEW = View()

# --------------------------------------------------------------------------------------
# Landmarks
# --------------------------------------------------------------------------------------

Landmarks = dict[str, np.ndarray]


def resting_landmarks(identity: Identity) -> Landmarks:
    """Place the landmarks of a relaxed face.

    Parameters
    ----------
    identity : Identity
        The person.

    Returns
    -------
    dict of str to np.ndarray, shape (2,)
        Right half of the face, in face units.
    """
    eye_x, eye_half = 0.30 * identity.eye_distance, 0.145 * identity.eye_size
    brow_y = -0.16 - 0.21 * identity.brow_height
    nose_y = 0.20 * identity.nose_length
    mouth_y = 0.49 * identity.face_length
    jaw_x = 0.50 * identity.face_width * identity.jaw_width
    places = {
        "brow_inner": (eye_x - 0.16, brow_y + 0.03),
        "brow_middle": (eye_x + 0.02, brow_y - 0.04),
        "brow_outer": (eye_x + 0.19, brow_y + 0.04 - identity.brow_tilt),
        "eye_inner": (eye_x - eye_half, -0.10),
        "eye_outer": (eye_x + eye_half, -0.115),
        "upper_lid": (eye_x, -0.12 - 0.075 * identity.eye_size),
        "lower_lid": (eye_x, -0.12 + 0.065 * identity.eye_size),
        "nose_root": (0.07, -0.12),
        "nose_wing": (0.115 * identity.nose_width, nose_y),
        "cheek": (0.42 * identity.face_width, 0.20),
        "mouth_corner": (0.25 * identity.mouth_width, mouth_y - identity.mouth_tilt),
        "upper_lip_top": (0.0, mouth_y - 0.065 * identity.lip_thickness),
        "upper_lip_edge": (0.0, mouth_y),
        "lower_lip_edge": (0.0, mouth_y),
        "lower_lip_bottom": (0.0, mouth_y + 0.085 * identity.lip_thickness),
        "forehead": (0.50 * identity.face_width, -0.68),
        "temple": (0.66 * identity.face_width, -0.30),
        "cheekbone": (0.66 * identity.face_width, 0.10),
        "jaw": (jaw_x, 0.58 * identity.face_length),
        "chin": (0.20 * identity.jaw_width, 0.86 * identity.face_length),
    }
    return {name: np.array(place) for name, place in places.items()}


def move_landmarks(landmarks: Landmarks, action_units: Mapping[int, float]) -> Landmarks:
    """Let action units pull at the landmarks of a relaxed face.

    Parameters
    ----------
    landmarks : dict of str to np.ndarray, shape (2,)
        The relaxed face, in face units; left unchanged.
    action_units : mapping of int to float
        Intensity (0..1) of each active unit.

    Returns
    -------
    dict of str to np.ndarray, shape (2,)
        The face with its expression; lids and lips touch at most, they never cross.
    """
    moved = {name: place.copy() for name, place in landmarks.items()}
    for unit, intensity in action_units.items():
        for name, movement in MOVEMENTS[unit].items():
            moved[name] += intensity * np.array(movement)
    moved["lower_lid"][1] = max(moved["lower_lid"][1], moved["upper_lid"][1] + 0.03)
    moved["lower_lip_edge"][1] = max(moved["lower_lip_edge"][1], moved["upper_lip_edge"][1])
    moved["upper_lip_top"][1] = min(moved["upper_lip_top"][1], moved["upper_lip_edge"][1] - 0.02)
    moved["lower_lip_bottom"][1] = max(
        moved["lower_lip_bottom"][1], moved["lower_lip_edge"][1] + 0.02
    )
    return moved


# --------------------------------------------------------------------------------------
# Curves
# --------------------------------------------------------------------------------------

ARC_STEPS = np.linspace(0.0, 1.0, 13)[:, np.newaxis]
BROW_TAPER = (0.042 - 0.028 * ARC_STEPS) * (0.0, 1.0)
OUTLINE_STEPS = np.linspace(0.0, 1.0, 6, endpoint=False)[:, np.newaxis]
CIRCLE = np.stack(
    [np.cos(np.linspace(0.0, 2.0 * np.pi, 24)), np.sin(np.linspace(0.0, 2.0 * np.pi, 24))], axis=1
)


def arc(start: np.ndarray, middle: np.ndarray, end: np.ndarray) -> np.ndarray:
    """Draw a parabola through three points, shape (13, 2)."""
    t = ARC_STEPS
    handle = 2.0 * np.asarray(middle) - 0.5 * (np.asarray(start) + np.asarray(end))
    return (1 - t) ** 2 * start + 2 * t * (1 - t) * handle + t**2 * end


def smooth_outline(corners: np.ndarray) -> np.ndarray:
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


def mirror(points: np.ndarray) -> np.ndarray:
    """Flip points to the other half of the face and reverse their order, shape (n, 2)."""
    return (np.asarray(points) * (-1.0, 1.0))[::-1]


def both_sides(right_half: np.ndarray) -> np.ndarray:
    """Complete an outline that is given for the right half only, shape (2n, 2)."""
    return np.concatenate([right_half, mirror(right_half)])


def ring(centre: np.ndarray, radius_x: float, radius_y: float) -> np.ndarray:
    """Outline of an ellipse, shape (24, 2)."""
    return np.asarray(centre) + CIRCLE * (radius_x, radius_y)


def keep_between(points: np.ndarray, upper: np.ndarray, lower: np.ndarray) -> np.ndarray:
    """Squeeze points between two left-to-right curves, as eyelids cover an iris."""
    x = np.clip(points[:, 0], upper[0, 0], upper[-1, 0])
    top = np.interp(x, upper[:, 0], upper[:, 1])
    bottom = np.interp(x, lower[:, 0], lower[:, 1])
    return np.stack([x, np.clip(points[:, 1], top, bottom)], axis=1)


# --------------------------------------------------------------------------------------
# Canvas
# --------------------------------------------------------------------------------------

SUPERSAMPLING = 4


def darker(tone: float, fraction: float) -> int:
    """Take a fraction of the light away from a grey value."""
    return int(tone * (1.0 - fraction))


class Canvas:
    """A large picture to paint on in face units; it applies the pose of the view.

    Parameters
    ----------
    size : int
        Side of the finished picture in pixels; the canvas is four times as large, because
        Pillow draws hard edges and shrinking turns them into soft ones.
    view : View
        Its shift, scale, roll, yaw and background tone are used.
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

    def project(self, points: np.ndarray, bulge: float) -> list[float]:
        """Turn face units, shape (n, 2), into canvas pixels ``[x, y, x, y, ...]``.

        A turned head moves what lies in front (the nose, by ``bulge``) more than its sides.
        Whole pixels keep rounding errors of different processors out of the picture.
        """
        x, y = points[:, 0], points[:, 1]
        depth = 0.5 + bulge - 0.4 * x * x - 0.15 * y * y
        x = x * self.turn_aside[0] + depth * self.turn_aside[1]
        placed = np.empty(points.shape)
        placed[:, 0] = x * self.lean[0] - y * self.lean[1] + self.middle[0]
        placed[:, 1] = x * self.lean[1] + y * self.lean[0] + self.middle[1]
        return np.rint(placed).ravel().tolist()

    def fill(self, points: np.ndarray, tone: int, *, bulge: float = 0.0) -> None:
        """Fill the inside of an outline, shape (n, 2)."""
        self.pen.polygon(self.project(points, bulge), fill=tone)

    def stroke(self, points: np.ndarray, tone: int, width: float, *, bulge: float = 0.0) -> None:
        """Draw a line along points, shape (n, 2); ``width`` is in face units."""
        pixels = max(1, round(width * self.pixels_per_unit))
        self.pen.line(self.project(points, bulge), fill=tone, width=pixels, joint="curve")

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


# --------------------------------------------------------------------------------------
# Painting the parts of a face, from back to front
# --------------------------------------------------------------------------------------


def paint_hair_behind(canvas: Canvas, identity: Identity) -> None:
    """Paint the hair that lies behind the head."""
    width = 0.80 * identity.face_width
    if identity.hair_style in ("long", "fringe"):
        outline = [(0.35, -1.00), (width, -0.55), (width + 0.04, 0.20), (width, 0.95), (0.3, 1.0)]
        canvas.fill(smooth_outline(both_sides(np.array(outline))), identity.hair_tone)
    elif identity.hair_style == "short":
        outline = [(0.35, -1.00), (width - 0.04, -0.60), (width - 0.06, -0.10), (0.3, 0.0)]
        canvas.fill(smooth_outline(both_sides(np.array(outline))), identity.hair_tone)


def paint_head(canvas: Canvas, face: Landmarks, identity: Identity) -> None:
    """Paint clothes, neck, ears and the bare shape of the face."""
    skin = identity.skin_tone
    canvas.fill(
        np.array([(-1.6, 1.6), (-1.1, 1.0), (-0.3, 0.85), (0.3, 0.85), (1.1, 1.0), (1.6, 1.6)]),
        darker(identity.hair_tone, 0.25),
    )
    canvas.fill(
        np.array([(-0.34, 0.5), (0.34, 0.5), (0.38, 1.05), (-0.38, 1.05)]), darker(skin, 0.28)
    )
    for side in (-1, 1):
        ear = face["cheekbone"] * (side, 1) + (side * 0.03, -0.12)
        canvas.fill(ring(ear, 0.09, 0.17), darker(skin, 0.15))
    parts = ("forehead", "temple", "cheekbone", "jaw", "chin")
    half = [(0.22, -0.88), *(face[part] for part in parts)]
    canvas.fill(smooth_outline(both_sides(np.array(half))), skin)


def paint_beard(canvas: Canvas, face: Landmarks, identity: Identity) -> None:
    """Paint a short beard from ear to ear and round the mouth."""
    lip = face["upper_lip_top"]
    half = [
        lip + (0.02, -0.07),
        face["mouth_corner"] + (0.06, -0.06),
        face["jaw"] + (0.02, -0.30),
        face["jaw"] + (0.0, 0.03),
        face["chin"] + (0.02, 0.02),
    ]
    tone = round(0.55 * identity.hair_tone + 0.45 * darker(identity.skin_tone, 0.3))
    canvas.shade([(both_sides(np.array(half)), 0.65)], tone)


def paint_shading(canvas: Canvas, face: Landmarks, identity: Identity) -> None:
    """Model the head with soft shadows and lights, so that it does not look cut from paper."""
    shadows, lights = [], []
    for side in (1, -1):
        flip = np.array([side, 1.0])
        edge = [
            face["temple"],
            face["cheekbone"],
            face["jaw"],
            face["jaw"] + (-0.10, -0.10),
            face["cheekbone"] + (-0.13, 0.10),
            face["temple"] + (-0.08, 0.0),
        ]
        shadows.append((np.array(edge) * flip, 0.30))
        socket = 0.5 * (face["upper_lid"] + face["brow_middle"]) + (-0.02, 0.02)
        shadows.append((ring(socket * flip, 0.17, 0.06), 0.28))
        flank = [face["nose_root"], face["nose_wing"] + (0.01, 0.0), face["nose_wing"] * (0.4, 1)]
        shadows.append((np.array(flank) * flip, 0.30))
        lights.append((ring(face["cheek"] * flip + (-0.04 * side, -0.02), 0.12, 0.09), 0.45))
    below_lip = face["lower_lip_bottom"] + (0.0, 0.05)
    shadows.append((ring(below_lip, 0.13, 0.035), 0.35))
    lights.append((ring((0.0, face["chin"][1] - 0.10), 0.10, 0.05), 0.30))
    lights.append((ring((0.0, -0.55), 0.28, 0.10), 0.30))
    canvas.shade(shadows, darker(identity.skin_tone, 0.55))
    canvas.shade(lights, min(255, round(1.15 * identity.skin_tone) + 10))


def paint_eyes(canvas: Canvas, face: Landmarks, identity: Identity) -> None:
    """Paint the whites, irises and lids of both eyes."""
    skin = identity.skin_tone
    for side in (-1, 1):
        flip = np.array([side, 1.0])
        upper = arc(face["eye_inner"], face["upper_lid"], face["eye_outer"])
        lower = arc(face["eye_inner"], face["lower_lid"], face["eye_outer"])
        canvas.fill(np.concatenate([upper, lower[::-1]]) * flip, min(250, skin + 70))
        centre = np.array([face["upper_lid"][0], -0.125])
        for radius, tone in ((0.075 * identity.eye_size, 70), (0.038 * identity.eye_size, 12)):
            disc = keep_between(ring(centre, radius, radius), upper, lower)
            canvas.fill(disc * flip, tone)
        # The catch light sits on the same side in both eyes, so it is not mirrored.
        glint = ring(centre * flip + (0.025, -0.025), 0.018, 0.018)
        canvas.fill(keep_between(glint * flip, upper, lower) * flip, 235)
        canvas.stroke(lower * flip, darker(skin, 0.35), 0.018)
        canvas.stroke(upper * flip, darker(skin, 0.80), 0.036)


def paint_brows(canvas: Canvas, face: Landmarks, identity: Identity) -> None:
    """Paint both brows, thick at the inner end and thin at the outer one."""
    tone = min(identity.hair_tone, darker(identity.skin_tone, 0.45))
    line = arc(face["brow_inner"], face["brow_middle"], face["brow_outer"])
    offset = identity.brow_thickness * BROW_TAPER
    brow = np.concatenate([line - offset, (line + offset)[::-1]])
    for side in (-1, 1):
        canvas.fill(brow * (side, 1), tone)


def paint_nose(canvas: Canvas, face: Landmarks, identity: Identity) -> None:
    """Paint the ridge, wings and nostrils of the nose."""
    skin = identity.skin_tone
    wing = face["nose_wing"]
    ridge = ring((0.0, wing[1] - 0.12), 0.03, 0.13)
    canvas.shade([(ridge, 0.5)], min(255, round(1.15 * skin) + 12))
    for side in (-1, 1):
        flip = np.array([side, 1.0])
        outline = arc(wing + (-0.01, -0.07), wing + (0.012, -0.015), wing + (-0.035, 0.02))
        canvas.stroke(outline * flip, darker(skin, 0.40), 0.024, bulge=0.10)
        nostril = ring(wing * (0.48, 1) + (0.0, 0.012), 0.030, 0.018)
        canvas.fill(nostril * flip, darker(skin, 0.65), bulge=0.10)


def paint_mouth(canvas: Canvas, face: Landmarks, identity: Identity) -> None:
    """Paint the lips, and the teeth and dark inside where the lips are apart."""
    skin = identity.skin_tone
    right = face["mouth_corner"]
    left = right * (-1, 1)
    top, bottom = (arc(left, face[name], right) for name in ("upper_lip_top", "lower_lip_bottom"))
    upper, lower = (arc(left, face[name], right) for name in ("upper_lip_edge", "lower_lip_edge"))
    # The notch in the middle of the upper lip, known as Cupid's bow.
    top[6] += (0.0, 0.015)
    canvas.fill(np.concatenate([top, upper[::-1]]), darker(skin, 0.42), bulge=0.05)
    canvas.fill(np.concatenate([lower, bottom[::-1]]), darker(skin, 0.30), bulge=0.05)
    canvas.fill(np.concatenate([upper, lower[::-1]]), darker(skin, 0.85), bulge=0.05)
    gap = face["lower_lip_edge"][1] - face["upper_lip_edge"][1]
    if gap > 0.03:
        teeth = np.concatenate([upper, upper[::-1] + (0.0, min(0.085, 0.8 * gap))])
        teeth = keep_between(teeth * (0.85, 1.0), upper, lower)
        canvas.fill(teeth, min(245, skin + 60), bulge=0.05)
    canvas.stroke(upper, darker(skin, 0.75), 0.026, bulge=0.05)
    if gap > 0.03:
        canvas.stroke(lower, darker(skin, 0.6), 0.016, bulge=0.05)


def furrows(face: Landmarks, action_units: Mapping[int, float]) -> list[tuple[np.ndarray, float]]:
    """List the skin creases that the action units fold.

    Parameters
    ----------
    face : dict of str to np.ndarray, shape (2,)
        Moved landmarks, in face units.
    action_units : mapping of int to float
        Intensity (0..1) of each active unit.

    Returns
    -------
    list of (np.ndarray, shape (n, 2), float)
        A line on the right half of the face and its depth from 0 to 1, for each crease.
    """
    depth = {unit: action_units.get(unit, 0.0) for unit in ACTION_UNITS}
    eye, brow, wing = face["eye_outer"], face["brow_inner"], face["nose_wing"]
    corner = face["mouth_corner"]
    fold_end = np.array([corner[0] + 0.07, min(corner[1], face["upper_lip_edge"][1]) + 0.02])
    fold = arc(wing + (0.03, -0.04), 0.5 * (wing + fold_end) + (0.05, -0.02), fold_end)
    forehead = [
        arc(np.array([0.0, y - 0.01]), np.array([0.16, y - 0.02]), np.array([0.36, y]))
        for y in (-0.56, -0.64)
    ]
    return [
        *((line, 0.5 * max(depth[1], depth[2])) for line in forehead),
        (
            np.array([brow + (-0.03, -0.05), brow + (-0.035, 0.09)]),
            depth[4] * (1.0 - 0.6 * depth[1]),
        ),
        (np.array([eye + (0.04, -0.03), eye + (0.13, -0.07)]), 0.8 * depth[6]),
        (np.array([eye + (0.04, 0.02), eye + (0.13, 0.04)]), 0.8 * depth[6]),
        (
            face["lower_lid"] + np.array([(-0.10, 0.035), (0.0, 0.06), (0.11, 0.03)]),
            0.6 * max(depth[6], depth[7]),
        ),
        (np.array([(0.035, -0.02), (0.11, -0.08)]), depth[9]),
        (np.array([(0.045, 0.05), (0.12, -0.01)]), depth[9]),
        (fold, max(0.8 * depth[12], depth[9], 0.4 * depth[20])),
        (np.array([corner + (0.03, 0.0), corner + (0.045, 0.08)]), 0.7 * depth[15]),
        (np.array([(0.0, 0.09), (0.08, 0.11)]) + face["lower_lip_bottom"], 0.8 * depth[17]),
    ]


def paint_furrows(
    canvas: Canvas, face: Landmarks, identity: Identity, action_units: Mapping[int, float]
) -> None:
    """Paint the creases of the skin on both sides."""
    for line, depth in furrows(face, action_units):
        if depth > 0.0:
            tone = darker(identity.skin_tone, 0.42 * depth)
            canvas.stroke(line, tone, 0.026)
            canvas.stroke(mirror(line), tone, 0.026)


def paint_hair_in_front(canvas: Canvas, identity: Identity) -> None:
    """Paint the hair above the forehead."""
    width = 0.70 * identity.face_width
    hairlines = {
        "short": [(width + 0.02, -0.20), (width - 0.06, -0.46), (0.34, -0.64), (0.0, -0.68)],
        "long": [(width + 0.02, 0.45), (width - 0.06, -0.20), (0.30, -0.58), (0.0, -0.74)],
        "fringe": [(width + 0.02, 0.40), (width - 0.08, -0.25), (0.36, -0.52), (0.0, -0.55)],
    }
    if identity.hair_style in hairlines:
        crown = [(0.40, -1.00), (width + 0.06, -0.55)]
        half = np.array(crown + hairlines[identity.hair_style])
        canvas.fill(smooth_outline(both_sides(half)), identity.hair_tone)
        shine = arc(np.array([-0.34, -0.80]), np.array([0.0, -0.88]), np.array([0.34, -0.80]))
        canvas.shade([(np.concatenate([shine, shine[::-1] + (0.0, 0.07)]), 0.25)], 255)


def paint_glasses(canvas: Canvas, face: Landmarks) -> None:
    """Paint round spectacles with a thin dark frame."""
    eye_x = face["upper_lid"][0]
    for side in (-1, 1):
        canvas.stroke(ring((side * eye_x, -0.10), 0.215, 0.175), 35, 0.035, bulge=0.05)
        temple = np.array([(eye_x + 0.21, -0.13), (face["temple"][0], -0.17)])
        canvas.stroke(temple * (side, 1), 35, 0.03)
    bridge = arc(
        np.array([0.215 - eye_x, -0.12]), np.array([0.0, -0.15]), np.array([eye_x - 0.215, -0.12])
    )
    canvas.stroke(bridge, 35, 0.03, bulge=0.05)


# --------------------------------------------------------------------------------------
# Things in the way
# --------------------------------------------------------------------------------------


def paint_loose_hair(canvas: Canvas, identity: Identity, side: int) -> None:
    """Paint a strand of hair that hangs over one eye."""
    strand = np.array(
        [
            (0.05, -0.95),
            (0.62, -0.85),
            (0.68, -0.30),
            (0.60, 0.18),
            (0.47, 0.02),
            (0.22, -0.16),
            (0.10, -0.45),
        ]
    )
    canvas.fill(smooth_outline(strand) * (side, 1), identity.hair_tone, bulge=0.1)
    for start in (0.22, 0.38):
        gleam = arc(
            np.array([start, -0.8]), np.array([start + 0.12, -0.4]), np.array([start + 0.16, -0.1])
        )
        canvas.stroke(gleam * (side, 1), min(255, identity.hair_tone + 30), 0.02, bulge=0.1)


def paint_hand(canvas: Canvas, identity: Identity, side: int) -> None:
    """Paint a hand that is held to one cheek and hides one corner of the mouth."""
    skin = darker(identity.skin_tone, 0.06)
    palm = np.array([(0.20, 0.72), (0.72, 0.48), (0.95, 1.2), (0.25, 1.2)])
    canvas.fill(smooth_outline(palm) * (side, 1), skin, bulge=0.2)
    for tip, base in (
        ((0.12, 0.44), (0.40, 0.80)),
        ((0.26, 0.28), (0.50, 0.72)),
        ((0.43, 0.21), (0.61, 0.66)),
        ((0.60, 0.25), (0.70, 0.64)),
    ):
        finger = np.array([tip, base]) * (side, 1)
        for width, tone in ((0.17, darker(skin, 0.35)), (0.13, skin)):
            canvas.stroke(finger, tone, width, bulge=0.2)
            canvas.fill(ring(finger[0], width / 2, width / 2), tone, bulge=0.2)


def paint_scarf(canvas: Canvas, identity: Identity, side: int) -> None:
    """Paint a scarf that is pulled up over the mouth and sits higher on one side."""
    tone = 255 - identity.hair_tone
    edge = arc(
        np.array([-0.80, 0.30 - 0.06 * side]),
        np.array([0.0, 0.36]),
        np.array([0.80, 0.30 + 0.06 * side]),
    )
    canvas.fill(np.concatenate([edge, [(0.9, 1.3), (-0.9, 1.3)]]), tone, bulge=0.1)
    for depth in (0.12, 0.28, 0.44):
        canvas.stroke(edge + (0.0, depth), darker(tone, 0.25), 0.04, bulge=0.1)


OCCLUDERS: dict[str, Callable[[Canvas, Identity, int], None]] = {
    "hair": paint_loose_hair,
    "hand": paint_hand,
    "scarf": paint_scarf,
}

# --------------------------------------------------------------------------------------
# One picture
# --------------------------------------------------------------------------------------


def check_action_units(action_units: Mapping[int, float]) -> None:
    """Raise ValueError for an unknown action unit or an intensity outside 0..1."""
    for unit, intensity in action_units.items():
        if unit not in ACTION_UNITS:
            known = ", ".join(map(str, ACTION_UNITS))
            raise ValueError(f"Action unit {unit} is unknown; choose from {known}.")
        if not 0.0 <= intensity <= 1.0:
            raise ValueError(
                f"The intensity of action unit {unit} is {intensity}; it must lie in 0..1."
            )


def expose(pixels: np.ndarray, view: View) -> np.ndarray:
    """Light a clean picture from one side and add the noise of a camera.

    Parameters
    ----------
    pixels : np.ndarray, uint8, shape (size, size)
        Evenly lit grey values.
    view : View
        Its light, exposure and noise are used.

    Returns
    -------
    np.ndarray, uint8, shape (size, size)
        Grey values as a camera would record them.
    """
    size = len(pixels)
    places = (2.0 * np.arange(size) + 1.0) / size - 1.0
    angle = np.radians(view.light_direction)
    slope = np.cos(angle) * places[np.newaxis, :] + np.sin(angle) * places[:, np.newaxis]
    lit = pixels * view.exposure * (1.0 + view.light_strength * slope)
    grain = np.random.default_rng(view.noise_seed).standard_normal((size, size))
    return np.clip(np.rint(lit + view.noise * grain), 0, 255).astype(np.uint8)


def draw_face(
    action_units: Mapping[int, float],
    identity: Identity = AVERAGE_FACE,
    *,
    view: View = PLAIN_VIEW,
    size: int = 48,
) -> np.ndarray:
    """Draw a face that makes the expression given by its action units.

    Parameters
    ----------
    action_units : mapping of int to float
        Intensity (0..1) of each active unit of :data:`ACTION_UNITS`; empty for a relaxed face.
    identity : Identity
        Whose face it is.
    view : View
        Pose, light, occlusion and noise.
    size : int
        Side of the picture in pixels.

    Returns
    -------
    np.ndarray, uint8, shape (size, size)
        Grey values, 0 is black.

    Raises
    ------
    ValueError
        For an unknown action unit or an intensity outside 0..1.
    """
    check_action_units(action_units)
    face = move_landmarks(resting_landmarks(identity), action_units)
    canvas = Canvas(size, view)
    paint_hair_behind(canvas, identity)
    paint_head(canvas, face, identity)
    paint_shading(canvas, face, identity)
    if identity.beard:
        paint_beard(canvas, face, identity)
    paint_nose(canvas, face, identity)
    paint_furrows(canvas, face, identity, action_units)
    paint_mouth(canvas, face, identity)
    paint_eyes(canvas, face, identity)
    paint_brows(canvas, face, identity)
    paint_hair_in_front(canvas, identity)
    if identity.glasses:
        paint_glasses(canvas, face)
    if view.occlusion != "none":
        OCCLUDERS[view.occlusion](canvas, identity, view.occlusion_side)
    small = canvas.image.resize((size, size), Image.Resampling.LANCZOS)
    return expose(np.asarray(small), view)


# --------------------------------------------------------------------------------------
# A data set
# --------------------------------------------------------------------------------------

SPLITS = ("train", "test")
PEOPLE = {"train": 300, "test": 100}
MINIMUM_PER_CLASS = 2
# Share of each expression beyond the 5 % that all of them get, in percent: as in FER-2013
# happy is the most frequent and disgust the rarest, but less extremely so.
EXTRA_PERCENT = {
    "angry": 9,
    "disgust": 0,
    "fear": 9,
    "happy": 18,
    "neutral": 11,
    "sad": 11,
    "surprise": 7,
}
MISSING_UNIT_CHANCE = 0.18
STRAY_UNIT_CHANCE = 0.06


class Example(NamedTuple):
    """Everything that makes one picture of the data set."""

    action_units: dict[int, float]
    identity: Identity
    view: View


def random_action_units(expression: str, rng: np.random.Generator) -> dict[int, float]:
    """Act out an expression the way people do: more or less strongly, and not by the book.

    Parameters
    ----------
    expression : str
        A key of :data:`EXPRESSIONS`.
    rng : np.random.Generator
        The only source of chance.

    Returns
    -------
    dict of int to float
        Intensity of each active unit. One unit of the prototype is always there; any other
        may be missing, and weak units that do not belong to it may turn up.
    """
    prototype = EXPRESSIONS[expression]
    effort = rng.uniform(0.5, 1.0)
    always = rng.choice(prototype) if prototype else None
    intensities = {}
    for unit in ACTION_UNITS:
        if unit in prototype:
            if unit == always or rng.random() >= MISSING_UNIT_CHANCE:
                intensities[unit] = effort * rng.uniform(0.7, 1.0)
        elif rng.random() < STRAY_UNIT_CHANCE:
            intensities[unit] = rng.uniform(0.1, 0.5)
    return intensities


def plan_example(split: str, expression: str, number: int, seed: int = 2013) -> Example:
    """Work out one picture of the data set from its name alone.

    Parameters
    ----------
    split : str
        ``"train"`` or ``"test"``.
    expression : str
        A key of :data:`EXPRESSIONS`.
    number : int
        Which picture of this expression, from 1.
    seed : int
        Seed of the whole data set.

    Returns
    -------
    Example
        What :func:`draw_face` needs. Train and test are different people.
    """
    split_number = SPLITS.index(split)
    person = (number - 1) % PEOPLE[split]
    # The last key tells streams of people (0) from streams of pictures (1 and up) apart.
    person_stream = np.random.SeedSequence(seed, spawn_key=(split_number, person, 0))
    place = 1 + list(EXPRESSIONS).index(expression)
    picture_stream = np.random.SeedSequence(seed, spawn_key=(split_number, number, place))
    rng = np.random.default_rng(picture_stream)
    return Example(
        random_action_units(expression, rng),
        Identity.random(np.random.default_rng(person_stream)),
        View.random(rng),
    )


def class_counts(total: int) -> dict[str, int]:
    """Divide a number of pictures among the expressions.

    Parameters
    ----------
    total : int
        Number of pictures of one split.

    Returns
    -------
    dict of str to int
        At least 2 and at least 5 % for every expression; disgust gets no more than that.

    Raises
    ------
    ValueError
        If the total is too small for that.
    """
    least = max(MINIMUM_PER_CLASS, -(-total // 20))
    rest = total - least * len(EXPRESSIONS)
    if rest < 0:
        raise ValueError(
            f"A split of {total} pictures is too small: "
            f"every one of the {len(EXPRESSIONS)} expressions needs at least {least}."
        )
    percent = np.array([EXTRA_PERCENT[name] for name in EXPRESSIONS])
    borders = np.cumsum(percent) * rest // percent.sum()
    extra = np.diff(borders, prepend=0).tolist()
    return {name: least + more for name, more in zip(EXPRESSIONS, extra, strict=True)}


def draw_data_set(
    folder: Path,
    *,
    train: int = 2100,
    test: int = 700,
    seed: int = 2013,
    progress: Callable[..., Iterable] | None = None,
) -> None:
    """Draw a data set with the folder layout of FER-2013, unless it is there already.

    Pictures are drawn into a hidden folder next to the final one, which is renamed when all of
    them are there: a folder with the final name is always complete.

    Parameters
    ----------
    folder : Path
        Gets ``train/<expression>/drawn_00001.png`` and so on, and ``test/...`` likewise:
        8-bit grey PNG, 48 x 48 pixels.
    train, test : int
        Number of pictures of each split.
    seed : int
        The same seed gives the same pictures.
    progress : callable, optional
        Called like ``tqdm(iterable, total=..., desc=...)``; what it returns is iterated.

    Raises
    ------
    ValueError
        If a split is too small to hold two pictures of every expression.
    """
    folder = Path(folder)
    names = [
        (split, expression, number)
        for split, total in zip(SPLITS, (train, test), strict=True)
        for expression, count in class_counts(total).items()
        for number in range(1, count + 1)
    ]
    if folder.exists():
        return
    with alone(folder):
        if folder.exists():  # another run drew it meanwhile
            return
        with new_folder(folder) as unfinished:
            _draw_all(names, unfinished, seed, progress)


def _draw_all(
    names: list[tuple[str, str, int]],
    folder: Path,
    seed: int,
    progress: Callable[..., Iterable] | None,
) -> None:
    """Draw the named pictures (split, expression, number) into a folder."""
    steps = names if progress is None else progress(names, total=len(names), desc="Drawing faces")
    for split, expression, number in steps:
        action_units, identity, view = plan_example(split, expression, number, seed)
        pixels = draw_face(action_units, identity, view=view)
        target = folder / split / expression
        target.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(target / f"drawn_{number:05d}.png")


def is_drawn(split: str, file: str, pixels: np.ndarray) -> bool:
    """Tell whether an image of a data set is the one that :func:`draw_data_set` draws by its name.

    Parameters
    ----------
    split : str
        ``"train"`` or ``"test"``.
    file : str
        ``"happy/drawn_00001.png"``.
    pixels : np.ndarray
        uint8 (side, side, channels).

    Returns
    -------
    bool
        True if both differ by less than a grey level on average: other versions of the libraries
        may round otherwise.
    """
    name = re.fullmatch(r"([^/]+)/drawn_(\d{1,5})\.png", file)
    if not name or name[1] not in EXPRESSIONS or int(name[2]) < 1:
        return False
    action_units, identity, view = plan_example(split, name[1], int(name[2]))
    drawn = draw_face(action_units, identity, view=view)[..., None]
    return pixels.shape == drawn.shape and np.abs(pixels.astype(int) - drawn).mean() < 1
