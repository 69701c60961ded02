"""The drawn faces: what moves, what may be asked for, and the data set made of them."""

import dataclasses
import hashlib

import numpy as np
import pytest
from emotions.data.drawn import anatomy, canvas, painting, people
from emotions.data.drawn.anatomy import ACTION_UNITS, EXPRESSIONS, MOVEMENTS, Identity
from emotions.data.drawn.canvas import View
from emotions.data.drawn.painting import draw_face
from PIL import Image
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

FER_2013_FOLDERS = ["angry", "disgust", "fear", "happy", "neutral", "sad", "surprise"]
# sha256 of the names and pixels of 70 and 35 pictures
DRAWN = "e011e20696125a002e97576eb4d5abdb4a6362beab7f06906eb791643e90c5ad"


def prototype(expression):
    """Return an expression at full strength."""
    return dict.fromkeys(EXPRESSIONS[expression], 1.0)


def change(first, second):
    """Absolute difference of two pictures, pixel by pixel."""
    return np.abs(first.astype(int) - second.astype(int))


def files_below(folder):
    """Relative paths of all files, sorted."""
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


# ---------------------------------------------------------------- one face


def test_face_is_a_48_by_48_grey_picture_with_contrast():
    pixels = draw_face({})
    assert pixels.shape == (48, 48)
    assert pixels.dtype == np.uint8
    assert np.ptp(pixels) > 150


def test_average_face_is_symmetric_when_lit_evenly():
    # The catch lights in the eyes and Pillow's pixel edges are the only asymmetries.
    pixels = draw_face({})
    assert change(pixels, pixels[:, ::-1]).mean() < 6
    turned = draw_face({}, view=View(yaw=15))
    assert change(turned, turned[:, ::-1]).mean() > 10


def test_same_request_gives_same_pixels_whatever_the_global_random_state():
    view = View(noise=6.0, noise_seed=3, roll=4.0, occlusion="hand")
    np.random.seed(1)
    first = draw_face({12: 0.7}, Identity(beard=True), view=view)
    np.random.seed(2)
    second = draw_face({12: 0.7}, Identity(beard=True), view=view)
    assert np.array_equal(first, second)


def test_random_identity_and_view_depend_on_the_generator_only():
    for kind in (Identity, View):
        first, again, other = (kind.random(np.random.default_rng(seed)) for seed in (5, 5, 6))
        assert first == again
        assert first != other


@pytest.mark.parametrize("unit", ACTION_UNITS)
def test_every_action_unit_shows_and_shows_more_when_stronger(unit):
    relaxed = draw_face({})
    weak, strong = (change(relaxed, draw_face({unit: amount})).sum() for amount in (0.3, 1.0))
    assert 0 < weak < strong


@pytest.mark.parametrize("unit", [1, 2, 4, 5])
def test_brows_and_upper_lids_are_in_the_upper_half(unit):
    changed = change(draw_face({}), draw_face({unit: 1.0}))
    assert changed[:24].sum() > 10 * changed[24:].sum()


@pytest.mark.parametrize("unit", [12, 15, 16, 17, 20, 23, 25, 26])
def test_mouth_and_chin_are_in_the_lower_half(unit):
    changed = change(draw_face({}), draw_face({unit: 1.0}))
    assert changed[24:].sum() > 10 * changed[:24].sum()


def test_landmarks_move_the_way_the_descriptions_say():
    relaxed = anatomy.resting_landmarks(Identity())

    def movement(unit, name):
        return anatomy.move_landmarks(relaxed, {unit: 1.0})[name] - relaxed[name]

    out, down = movement(12, "mouth_corner")
    assert out > 0 > down
    assert movement(15, "mouth_corner")[1] > 0
    assert movement(1, "brow_inner")[1] < movement(1, "brow_outer")[1]
    assert movement(2, "brow_outer")[1] < movement(2, "brow_inner")[1]
    assert movement(26, "chin")[1] > 0
    assert movement(4, "brow_inner")[1] > 0 > movement(4, "brow_inner")[0]


def test_half_the_intensity_moves_a_landmark_half_as_far():
    relaxed = anatomy.resting_landmarks(Identity())
    corner = [
        anatomy.move_landmarks(relaxed, {12: amount})["mouth_corner"] for amount in (0.0, 0.5, 1.0)
    ]
    assert corner[1] == pytest.approx((corner[0] + corner[2]) / 2)
    assert not np.allclose(corner[0], corner[2])


def test_lids_and_lips_never_cross():
    rng = np.random.default_rng(0)
    for _ in range(200):
        units = {unit: 1.0 for unit in ACTION_UNITS if rng.random() < 0.5}
        relaxed = anatomy.resting_landmarks(Identity.random(rng))
        face = anatomy.move_landmarks(relaxed, units)
        heights = [face[name][1] for name in ("upper_lid", "lower_lid")]
        lips = ("upper_lip_top", "upper_lip_edge", "lower_lip_edge", "lower_lip_bottom")
        assert heights == sorted(heights)
        assert [face[name][1] for name in lips] == sorted(face[name][1] for name in lips)


def test_tables_speak_of_the_same_action_units_and_landmarks():
    landmarks = anatomy.resting_landmarks(Identity())
    assert set(MOVEMENTS) == set(ACTION_UNITS)
    assert {name for moves in MOVEMENTS.values() for name in moves} <= set(landmarks)
    assert {unit for units in EXPRESSIONS.values() for unit in units} <= set(ACTION_UNITS)
    assert set(painting.OCCLUDERS) | {"none"} == set(canvas.OCCLUSIONS)


def test_expressions_are_the_fer_2013_folders_in_order():
    assert list(EXPRESSIONS) == FER_2013_FOLDERS
    assert EXPRESSIONS["neutral"] == ()


@pytest.mark.parametrize("expression", [name for name in EXPRESSIONS if name != "neutral"])
def test_every_expression_differs_visibly_from_all_others(expression):
    face = draw_face(prototype(expression))
    for other in EXPRESSIONS:
        if other != expression:
            assert change(face, draw_face(prototype(other))).mean() > 1.5


@pytest.mark.parametrize("style", anatomy.HAIR_STYLES)
def test_every_hair_style_is_another_picture(style):
    others = [name for name in anatomy.HAIR_STYLES if name != style]
    face = draw_face({}, Identity(hair_style=style))
    assert all(change(face, draw_face({}, Identity(hair_style=name))).mean() > 1 for name in others)


@pytest.mark.parametrize(
    ("field", "value"),
    [("beard", True), ("glasses", True), ("skin_tone", 130), ("brow_thickness", 1.4)]
    + [(name, 1.12) for name in ("face_width", "jaw_width", "mouth_width", "eye_distance")],
)
def test_every_feature_of_a_person_shows(field, value):
    assert change(draw_face({}), draw_face({}, Identity(**{field: value}))).max() > 20


@pytest.mark.parametrize(
    "changes",
    [
        {"shift_right": 0.1},
        {"shift_down": 0.1},
        {"scale": 1.1},
        {"roll": 8.0},
        {"yaw": 10.0},
        {"light_strength": 0.3},
        {"exposure": 0.8},
        {"background_tone": 30},
        {"occlusion": "hair"},
        {"occlusion": "hand"},
        {"occlusion": "scarf"},
        {"noise": 5.0},
    ],
)
def test_every_part_of_a_view_shows(changes):
    assert change(draw_face({}), draw_face({}, view=View(**changes))).mean() > 1


def test_positive_shift_and_light_point_right_and_down():
    pixels, rows = draw_face({}).astype(int), slice(8, 40)
    moved = draw_face({}, view=View(shift_right=2 / 24)).astype(int)
    assert change(moved[rows, 12:36], pixels[rows, 10:34]).mean() < 1
    lit = draw_face({}, view=View(light_strength=0.3, light_direction=0.0)).astype(int)
    assert (lit - pixels)[:, 36:].mean() > 0 > (lit - pixels)[:, :12].mean()
    lit = draw_face({}, view=View(light_strength=0.3, light_direction=90.0)).astype(int)
    assert (lit - pixels)[36:].mean() > 0 > (lit - pixels)[:12].mean()


def test_large_picture_shows_the_same_face():
    large = draw_face(prototype("happy"), size=192)
    assert large.shape == (192, 192)
    small = np.asarray(Image.fromarray(large).resize((48, 48), Image.Resampling.LANCZOS))
    assert change(small, draw_face(prototype("happy"))).mean() < 4
    assert change(small, draw_face(prototype("surprise"))).mean() > 4


@pytest.mark.parametrize("unit", [3, 0, -1, 99])
def test_unknown_action_unit_is_refused(unit):
    with pytest.raises(ValueError, match=f"Action unit {unit} is unknown"):
        draw_face({unit: 0.5})


@pytest.mark.parametrize("intensity", [-0.1, 1.01, float("nan")])
def test_intensity_outside_0_to_1_is_refused(intensity):
    with pytest.raises(ValueError, match="intensity of action unit 12"):
        draw_face({12: intensity})


# ---------------------------------------------------------------- acting


def test_acted_expressions_vary_but_keep_a_unit_of_the_prototype():
    rng = np.random.default_rng(0)
    acted = [people.random_action_units("happy", rng) for _ in range(400)]
    happy = set(EXPRESSIONS["happy"])
    assert all(happy & set(units) for units in acted)
    assert any(happy - set(units) for units in acted), "no unit is ever missing"
    assert any(set(units) - happy for units in acted), "no stray unit ever turns up"
    assert all(0 <= amount <= 1 for units in acted for amount in units.values())


# ---------------------------------------------------------------- the data set


@pytest.mark.parametrize("total", [14, 15, 35, 42, 70, 139, 700, 2100])
def test_class_counts_add_up_and_no_class_is_too_small(total):
    counts = people.class_counts(total)
    assert list(counts) == FER_2013_FOLDERS
    assert sum(counts.values()) == total
    assert min(counts.values()) >= max(2, 0.05 * total)
    assert min(counts.values()) == counts["disgust"]


def test_full_size_classes_are_mildly_unbalanced():
    counts = people.class_counts(2100)
    assert max(counts, key=counts.get) == "happy"
    assert all(counts["disgust"] < counts[name] for name in counts if name != "disgust")


def test_too_small_split_is_refused_and_leaves_nothing(tmp_path):
    with pytest.raises(ValueError, match="13 pictures is too small"):
        people.draw_data_set(tmp_path / "faces", train=70, test=13)
    assert list(tmp_path.iterdir()) == []


def test_small_data_set_has_the_fer_2013_layout(tmp_path):
    folder = tmp_path / "below" / "faces"
    people.draw_data_set(folder, train=70, test=35)
    expected = [
        f"{split}/{name}/drawn_{number:05d}.png"
        for split, total in (("train", 70), ("test", 35))
        for name, count in people.class_counts(total).items()
        for number in range(1, count + 1)
    ]
    assert files_below(folder) == sorted(expected)
    assert [path.name for path in folder.parent.iterdir()] == ["faces"]
    with Image.open(folder / expected[0]) as picture:
        assert (picture.format, picture.mode, picture.size) == ("PNG", "L", (48, 48))


def test_each_picture_can_be_drawn_again_alone(tmp_path):
    people.draw_data_set(tmp_path / "faces", train=14, test=14, seed=7)
    for split, expression in (("train", "sad"), ("test", "fear")):
        action_units, identity, view = people.plan_example(split, expression, 2, seed=7)
        again = draw_face(action_units, identity, view=view)
        path = tmp_path / "faces" / split / expression / "drawn_00002.png"
        assert np.array_equal(np.asarray(Image.open(path)), again)


def test_seed_decides_the_data_set(tmp_path):
    for name, seed in (("first", 1), ("again", 1), ("other", 2)):
        people.draw_data_set(tmp_path / name, train=14, test=14, seed=seed)
    first, again, other = (
        [(tmp_path / name / file).read_bytes() for file in files_below(tmp_path / "first")]
        for name in ("first", "again", "other")
    )
    assert first == again
    assert not set(first) & set(other)


def test_the_pictures_stay_as_they_were(tmp_path):
    folder = tmp_path / "faces"
    people.draw_data_set(folder, train=70, test=35)
    digest = hashlib.sha256()
    for file in files_below(folder):
        digest.update(file.encode() + np.asarray(Image.open(folder / file)).tobytes())
    assert digest.hexdigest() == DRAWN


def test_existing_folder_is_left_alone(tmp_path):
    (tmp_path / "faces").mkdir()
    people.draw_data_set(tmp_path / "faces", train=14, test=14)
    assert files_below(tmp_path) == []


def test_interrupted_run_leaves_no_data_set_and_the_next_run_starts_afresh(tmp_path):
    folder = tmp_path / "faces"

    def interrupt(iterable, **_):
        for position, item in enumerate(iterable):
            if position == 60:
                raise KeyboardInterrupt
            yield item

    with pytest.raises(KeyboardInterrupt):
        people.draw_data_set(folder, train=140, test=14, progress=interrupt)
    assert not folder.exists()
    assert list(tmp_path.iterdir()) == []
    # A smaller data set would show files that are left over from the larger one.
    people.draw_data_set(folder, train=14, test=14)
    assert len(files_below(tmp_path)) == len(files_below(folder)) == 28


def test_progress_is_called_like_tqdm(tmp_path):
    calls, steps = [], []

    def record(iterable, **options):
        calls.append(options)
        for item in iterable:
            steps.append(item)
            yield item

    people.draw_data_set(tmp_path / "faces", train=14, test=14, progress=record)
    assert [set(options) for options in calls] == [{"total", "desc"}]
    assert calls[0]["total"] == len(steps) == 28


def test_train_and_test_show_different_people():
    drawn = {
        split: {
            people.plan_example(split, expression, number)[1]
            for expression, count in people.class_counts(total).items()
            for number in range(1, count + 1)
        }
        for split, total in (("train", 2100), ("test", 700))
    }
    assert len(drawn["train"]) == 300
    assert len(drawn["test"]) == 100
    # Faces compared by shape alone, so that not only a tone or an accessory differs.
    shapes = {
        split: {dataclasses.astuple(person)[:6] for person in drawn[split]} for split in drawn
    }
    assert not shapes["train"] & shapes["test"]


@pytest.fixture(scope="module")
def full_data_set(tmp_path_factory):
    """Draw the data set that students get."""
    folder = tmp_path_factory.mktemp("full") / "faces"
    people.draw_data_set(folder)
    return folder


def load_split(folder):
    """Read all pictures, shape (n, 2304), and their expressions, shape (n,)."""
    paths = sorted(folder.glob("*/*.png"))
    pixels = np.stack([np.asarray(Image.open(path)).ravel() for path in paths]) / 255
    return pixels, np.array([path.parent.name for path in paths])


def test_full_data_set_is_complete_and_has_no_copies(full_data_set):
    pixels = {split: load_split(full_data_set / split)[0] for split in ("train", "test")}
    assert (len(pixels["train"]), len(pixels["test"])) == (2100, 700)
    hashes = {hashlib.sha256(row.tobytes()).digest() for rows in pixels.values() for row in rows}
    assert len(hashes) == 2800


def test_linear_model_finds_the_data_set_neither_trivial_nor_hopeless(full_data_set):
    model = make_pipeline(
        StandardScaler(), PCA(100, random_state=0), LogisticRegression(max_iter=2000)
    )
    # On so small a task several threads wait for each other most of the time.
    with threadpool_limits(1):
        model.fit(*load_split(full_data_set / "train"))
    assert 0.55 <= model.score(*load_split(full_data_set / "test")) <= 0.75
