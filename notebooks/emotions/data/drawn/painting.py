"""Paint a face: its parts from back to front, then what hides some of them."""

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import ArrayLike
from PIL import Image

from emotions.data.drawn.anatomy import (
    ACTION_UNITS,
    AVERAGE_FACE,
    Identity,
    Landmarks,
    check_action_units,
    move_landmarks,
    resting_landmarks,
)
from emotions.data.drawn.canvas import (
    ARC_STEPS,
    PLAIN_VIEW,
    SIDES,
    Canvas,
    View,
    arc,
    both_sides,
    darker,
    expose,
    keep_between,
    mirror,
    ring,
    round_sides,
    smooth_outline,
)

BROW_TAPER = (0.042 - 0.028 * ARC_STEPS) * (0.0, 1.0)


def paint_hair_behind(canvas: Canvas, identity: Identity) -> None:
    """Paint the hair that lies behind the head."""
    width = 0.80 * identity.face_width
    if identity.hair_style in ("long", "fringe"):
        half = [(0.35, -1.00), (width, -0.55), (width + 0.04, 0.20), (width, 0.95), (0.3, 1.0)]
        canvas.fill(round_sides(half), identity.hair_tone)
    elif identity.hair_style == "short":
        half = [(0.35, -1.00), (width - 0.04, -0.60), (width - 0.06, -0.10), (0.3, 0.0)]
        canvas.fill(round_sides(half), identity.hair_tone)


def paint_head(canvas: Canvas, face: Landmarks, identity: Identity) -> None:
    """Paint clothes, neck, ears and the bare shape of the face."""
    skin = identity.skin_tone
    clothes = [(-1.6, 1.6), (-1.1, 1.0), (-0.3, 0.85), (0.3, 0.85), (1.1, 1.0), (1.6, 1.6)]
    canvas.fill(clothes, darker(identity.hair_tone, 0.25))
    canvas.fill([(-0.34, 0.5), (0.34, 0.5), (0.38, 1.05), (-0.38, 1.05)], darker(skin, 0.28))
    for side in (-1, 1):
        ear = face["cheekbone"] * (side, 1) + (side * 0.03, -0.12)
        canvas.fill(ring(ear, 0.09, 0.17), darker(skin, 0.15))
    parts = ("forehead", "temple", "cheekbone", "jaw", "chin")
    half = [(0.22, -0.88), *(face[part] for part in parts)]
    canvas.fill(round_sides(half), skin)


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
    canvas.shade([(both_sides(half), 0.65)], tone)


def paint_shading(canvas: Canvas, face: Landmarks, identity: Identity) -> None:
    """Model the head with soft shadows and lights, so that it does not look cut from paper."""
    shadows, lights = [], []
    for flip in SIDES[::-1]:
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
        cheek = (face["cheek"] + (-0.04, -0.02)) * flip
        lights.append((ring(cheek, 0.12, 0.09), 0.45))
    below_lip = face["lower_lip_bottom"] + (0.0, 0.05)
    shadows.append((ring(below_lip, 0.13, 0.035), 0.35))
    lights.append((ring((0.0, face["chin"][1] - 0.10), 0.10, 0.05), 0.30))
    lights.append((ring((0.0, -0.55), 0.28, 0.10), 0.30))
    canvas.shade(shadows, darker(identity.skin_tone, 0.55))
    canvas.shade(lights, min(255, round(1.15 * identity.skin_tone) + 10))


def paint_eyes(canvas: Canvas, face: Landmarks, identity: Identity) -> None:
    """Paint the whites, irises and lids of both eyes."""
    skin = identity.skin_tone
    upper = arc(face["eye_inner"], face["upper_lid"], face["eye_outer"])
    lower = arc(face["eye_inner"], face["lower_lid"], face["eye_outer"])
    canvas.fill_both(np.concatenate([upper, lower[::-1]]), min(250, skin + 70))
    centre = np.array([face["upper_lid"][0], -0.125])
    for radius, tone in ((0.075 * identity.eye_size, 70), (0.038 * identity.eye_size, 12)):
        canvas.fill_both(keep_between(ring(centre, radius, radius), upper, lower), tone)
    for flip in SIDES:  # the catch light sits on the same side in both eyes
        glint = ring(centre * flip + (0.025, -0.025), 0.018, 0.018)
        canvas.fill(keep_between(glint * flip, upper, lower) * flip, 235)
    canvas.stroke_both(lower, darker(skin, 0.35), 0.018)
    canvas.stroke_both(upper, darker(skin, 0.80), 0.036)


def paint_brows(canvas: Canvas, face: Landmarks, identity: Identity) -> None:
    """Paint both brows, thick at the inner end and thin at the outer one."""
    tone = min(identity.hair_tone, darker(identity.skin_tone, 0.45))
    line = arc(face["brow_inner"], face["brow_middle"], face["brow_outer"])
    offset = identity.brow_thickness * BROW_TAPER
    brow = np.concatenate([line - offset, (line + offset)[::-1]])
    canvas.fill_both(brow, tone)


def paint_nose(canvas: Canvas, face: Landmarks, identity: Identity) -> None:
    """Paint the ridge, wings and nostrils of the nose."""
    skin = identity.skin_tone
    wing = face["nose_wing"]
    ridge = ring((0.0, wing[1] - 0.12), 0.03, 0.13)
    canvas.shade([(ridge, 0.5)], min(255, round(1.15 * skin) + 12))
    outline = arc(wing + (-0.01, -0.07), wing + (0.012, -0.015), wing + (-0.035, 0.02))
    canvas.stroke_both(outline, darker(skin, 0.40), 0.024, bulge=0.10)
    nostril = ring(wing * (0.48, 1) + (0.0, 0.012), 0.030, 0.018)
    canvas.fill_both(nostril, darker(skin, 0.65), bulge=0.10)


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


def furrows(face: Landmarks, action_units: Mapping[int, float]) -> list[tuple[ArrayLike, float]]:
    """List the skin creases that the action units, unit -> intensity (0 to 1), fold.

    Each is a line on the right half of the face, (n, 2) in face units, and its depth from 0 to 1.
    """
    depth = {unit: action_units.get(unit, 0.0) for unit in ACTION_UNITS}
    eye, brow, wing = face["eye_outer"], face["brow_inner"], face["nose_wing"]
    corner = face["mouth_corner"]
    fold_end = (corner[0] + 0.07, min(corner[1], face["upper_lip_edge"][1]) + 0.02)
    fold = arc(wing + (0.03, -0.04), 0.5 * (wing + fold_end) + (0.05, -0.02), fold_end)
    forehead = [arc((0.0, y - 0.01), (0.16, y - 0.02), (0.36, y)) for y in (-0.56, -0.64)]
    return [
        *((line, 0.5 * max(depth[1], depth[2])) for line in forehead),
        (brow + [(-0.03, -0.05), (-0.035, 0.09)], depth[4] * (1.0 - 0.6 * depth[1])),
        (eye + [(0.04, -0.03), (0.13, -0.07)], 0.8 * depth[6]),
        (eye + [(0.04, 0.02), (0.13, 0.04)], 0.8 * depth[6]),
        (
            face["lower_lid"] + [(-0.10, 0.035), (0.0, 0.06), (0.11, 0.03)],
            0.6 * max(depth[6], depth[7]),
        ),
        ([(0.035, -0.02), (0.11, -0.08)], depth[9]),
        ([(0.045, 0.05), (0.12, -0.01)], depth[9]),
        (fold, max(0.8 * depth[12], depth[9], 0.4 * depth[20])),
        (corner + [(0.03, 0.0), (0.045, 0.08)], 0.7 * depth[15]),
        (face["lower_lip_bottom"] + [(0.0, 0.09), (0.08, 0.11)], 0.8 * depth[17]),
    ]


def paint_furrows(
    canvas: Canvas, face: Landmarks, identity: Identity, action_units: Mapping[int, float]
) -> None:
    """Paint the creases of the skin on both sides."""
    for line, depth in furrows(face, action_units):
        if depth > 0.0:
            for crease in (line, mirror(line)):
                canvas.stroke(crease, darker(identity.skin_tone, 0.42 * depth), 0.026)


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
        canvas.fill(round_sides(crown + hairlines[identity.hair_style]), identity.hair_tone)
        shine = arc((-0.34, -0.80), (0.0, -0.88), (0.34, -0.80))
        canvas.shade([(np.concatenate([shine, shine[::-1] + (0.0, 0.07)]), 0.25)], 255)


def paint_glasses(canvas: Canvas, face: Landmarks) -> None:
    """Paint round spectacles with a thin dark frame."""
    eye_x = face["upper_lid"][0]
    for side in (-1, 1):
        canvas.stroke(ring((side * eye_x, -0.10), 0.215, 0.175), 35, 0.035, bulge=0.05)
    canvas.stroke_both([(eye_x + 0.21, -0.13), (face["temple"][0], -0.17)], 35, 0.03)
    bridge = arc((0.215 - eye_x, -0.12), (0.0, -0.15), (eye_x - 0.215, -0.12))
    canvas.stroke(bridge, 35, 0.03, bulge=0.05)


def paint_loose_hair(canvas: Canvas, identity: Identity, side: int) -> None:
    """Paint a strand of hair that hangs over one eye."""
    tip = [(0.60, 0.18), (0.47, 0.02), (0.22, -0.16)]
    strand = [(0.05, -0.95), (0.62, -0.85), (0.68, -0.30), *tip, (0.10, -0.45)]
    canvas.fill(smooth_outline(strand) * (side, 1), identity.hair_tone, bulge=0.1)
    for start in (0.22, 0.38):
        gleam = arc((start, -0.8), (start + 0.12, -0.4), (start + 0.16, -0.1))
        canvas.stroke(gleam * (side, 1), min(255, identity.hair_tone + 30), 0.02, bulge=0.1)


def paint_hand(canvas: Canvas, identity: Identity, side: int) -> None:
    """Paint a hand that is held to one cheek and hides one corner of the mouth."""
    skin = darker(identity.skin_tone, 0.06)
    palm = [(0.20, 0.72), (0.72, 0.48), (0.95, 1.2), (0.25, 1.2)]
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
    edge = arc((-0.80, 0.30 - 0.06 * side), (0.0, 0.36), (0.80, 0.30 + 0.06 * side))
    canvas.fill(np.concatenate([edge, [(0.9, 1.3), (-0.9, 1.3)]]), tone, bulge=0.1)
    for depth in (0.12, 0.28, 0.44):
        canvas.stroke(edge + (0.0, depth), darker(tone, 0.25), 0.04, bulge=0.1)


OCCLUDERS: dict[str, Callable[[Canvas, Identity, int], None]] = {
    "hair": paint_loose_hair,
    "hand": paint_hand,
    "scarf": paint_scarf,
}


def draw_face(
    action_units: Mapping[int, float],
    identity: Identity = AVERAGE_FACE,
    *,
    view: View = PLAIN_VIEW,
    size: int = 48,
) -> np.ndarray:
    """Draw a face that makes the expression given by its action units, uint8 (size, size).

    `action_units` are unit -> intensity (0 to 1), empty for a relaxed face; ValueError for an
    unknown unit or another intensity.
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
