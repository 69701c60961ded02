"""The landmarks of a face, the action units that move them, and the expressions these make.

Every face starts from a handful of landmarks (brow, eye, nose, mouth, jaw). Each *action unit* of
the Facial Action Coding System (FACS) moves some of them, and an expression is a set of action
units.

Places are in *face units*: the origin is the middle of the picture, ``x`` grows to the right,
``y`` grows downwards, and 1 is half the width of the picture. Landmarks are kept for the right half
of the face only and mirrored for the left half, so in :data:`MOVEMENTS` a positive first number
means "outwards" and a positive second number means "down".

Sources
-------
P. Ekman, W. V. Friesen: *Facial Action Coding System*. Consulting Psychologists Press, 1978.
P. Ekman, W. V. Friesen, J. C. Hager: *Facial Action Coding System: The Manual*, 2nd edition.
Research Nexus, 2002. The expressions are the EMFACS prototypes (*Emotional FACS*) from there.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

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

HAIR_STYLES = ("short", "long", "fringe", "bald")

Landmarks = dict[str, np.ndarray]


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
    def random(cls, rng: np.random.Generator) -> "Identity":
        """Invent a person whose features lie around the average face."""
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


AVERAGE_FACE = Identity()


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


def resting_landmarks(identity: Identity) -> Landmarks:
    """Place the landmarks of a relaxed face: right half, each float (2,) in face units."""
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
    """Return what action units, unit -> intensity (0 to 1), make of a relaxed face's landmarks.

    Lids and lips touch at most, they never cross.
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
