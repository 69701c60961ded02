"""Finding copies and leaving them out, on made pictures whose answer is known."""

import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from emotions.data import copies
from emotions.data.faces import FaceData, ImageSet
from emotions.files import DataError
from PIL import Image
from sklearn.model_selection import StratifiedGroupKFold

ROOT = Path(__file__).resolve().parents[2]


def picture(seed: int, channels: int = 1) -> np.ndarray:
    """Return a smooth random picture, uint8 (48, 48, channels), like a photo out of focus."""
    coarse = np.random.default_rng(seed).integers(30, 226, (12, 12, 3), dtype=np.uint8)
    fine = np.asarray(Image.fromarray(coarse).resize((48, 48), Image.Resampling.BICUBIC))
    return fine[..., :channels].copy()


def changed(image: np.ndarray) -> np.ndarray:
    """Return the picture paler, and with a small mark in it."""
    pale = (image * 0.8 + 40).astype(np.uint8)
    pale[20:22, 10:16] = 255
    return pale


def grey(level: int) -> np.ndarray:
    return np.full((48, 48, 1), level, np.uint8)


def near_copy_groups(images: np.ndarray, **options) -> np.ndarray:
    """Return the groups of near copies that `find_problems` writes."""
    half = len(images) // 2
    parts = [
        ImageSet(part, np.zeros(len(part), np.int64), ("calm",), ("calm/0.png",) * len(part))
        for part in (images[:half], images[half:])
    ]
    data = FaceData(*parts, "made", "Made", "0" * 64, ())
    return copies.find_problems(data, **options)["near_copy_group"].to_numpy()


# Folds --------------------------------------------------------------------------------


def test_folds_are_those_of_scikit_learn_and_are_kept(tmp_path, monkeypatch):
    random = np.random.default_rng(1)
    labels, groups = random.choice(3, 200, p=[0.6, 0.3, 0.1]), np.arange(200)
    groups[4::5] = groups[0::5]  # pairs of copies
    splitter = StratifiedGroupKFold(4, shuffle=True, random_state=7)
    wanted = list(splitter.split(labels, labels, groups))
    for folder in (None, tmp_path):
        found = copies.folds(labels, groups, 4, 7, folder)
        np.testing.assert_equal(found, wanted)
    (kept,) = tmp_path.rglob("*.npy")
    whole, number = kept.read_bytes(), np.load(kept)
    other_fold = (1 - number[-1] % 2).tobytes()  # a copy of the last image stays where it was
    for damaged in (
        *(b"", b"PK", whole[:-1], whole.replace(b"(", b" ", 1), whole.replace(b"<i8", b"<f8")),
        *(whole[:-8] + b"\xff" * 8, whole[:-8] + other_fold),
    ):
        kept.write_bytes(damaged)
        np.testing.assert_equal(copies.folds(labels, groups, 4, 7, tmp_path), wanted)
    assert kept.read_bytes() == whole
    for other in ((1 - labels % 2, groups, 4, 7), (labels, groups, 5, 7), (labels, groups, 4, 8)):
        copies.folds(*other, tmp_path)
    assert len(list(tmp_path.rglob("*.npy"))) == 4
    monkeypatch.setattr(copies, "StratifiedGroupKFold", None)  # not asked again
    np.testing.assert_equal(copies.folds(labels, groups, 4, 7, tmp_path), wanted)


# Groups -------------------------------------------------------------------------------


def test_copy_groups_are_numbered_by_appearance():
    a, b, c = picture(1), picture(2), picture(3)
    one_off = a.copy()
    one_off[0, 0, 0] ^= 1
    groups = copies.copy_groups(np.stack([b, a, b, c, one_off, a]))
    assert groups.dtype == np.int64
    assert groups.tolist() == [0, 1, 0, 2, 3, 1]


def test_copy_groups_take_images_one_by_one():
    assert copies.copy_groups(iter([picture(1), picture(2), picture(1)])).tolist() == [0, 1, 0]


def test_copy_groups_tell_black_from_nearly_black():
    almost = grey(0)
    almost[-1, -1] = 1
    assert copies.copy_groups(np.stack([grey(0), almost, grey(0)])).tolist() == [0, 1, 0]


@pytest.mark.parametrize("channels", [1, 3])
def test_near_copies_are_found(channels):
    a, b, c = (picture(seed, channels) for seed in (1, 2, 3))
    images = np.stack([a, b, changed(b), c, a, changed(a), c[:, ::-1]])  # the last is mirrored
    groups = near_copy_groups(images)
    assert groups.dtype == np.int64
    assert groups.tolist() == [0, 1, 1, 2, 0, 0, 3]


def test_other_pictures_are_no_near_copies():
    images = np.stack([picture(seed) for seed in range(700)])  # more than one block of rows
    assert near_copy_groups(images).tolist() == list(range(700))


def test_near_copies_are_found_across_blocks():
    late = [changed(picture(5)), changed(picture(590))]  # of the first and of their own block
    images = np.stack([picture(seed) for seed in range(600)] + late)
    assert near_copy_groups(images)[-2:].tolist() == [5, 590]


def test_near_copies_are_chained(monkeypatch):
    def equal(thumbnails):
        return np.zeros(len(list(thumbnails)), dtype=np.uint64)

    monkeypatch.setattr(copies, "_perceptual_hashes", equal)
    first, last = picture(1).astype(float), picture(2).astype(float)
    middle = ((first + last) / 2).astype(np.uint8)
    images = np.stack([picture(1), picture(2), middle])
    monkeypatch.setattr(copies, "LEAST_CORRELATION", 0.5)
    assert near_copy_groups(images[:2]).tolist() == [0, 1]
    assert near_copy_groups(images).tolist() == [0, 0, 0]


def test_equal_hashes_alone_are_not_enough(monkeypatch):
    hashes = np.zeros(2, dtype=np.uint64)
    monkeypatch.setattr(copies, "_perceptual_hashes", lambda thumbnails: hashes)
    assert near_copy_groups(np.stack([picture(1), picture(2)])).tolist() == [0, 1]


def test_single_greys_are_near_copies_of_their_like_only():
    images = np.stack([grey(0), grey(9), grey(0), picture(1)])
    assert near_copy_groups(images).tolist() == [0, 1, 0, 2]


def test_near_copies_of_other_sizes():
    large = np.asarray(Image.fromarray(picture(1, 3)).resize((100, 100)))
    other = np.asarray(Image.fromarray(picture(2, 3)).resize((100, 100)))
    images = np.stack([large, other, changed(large)])
    assert near_copy_groups(images).tolist() == [0, 1, 0]


def test_near_copies_tell_their_progress():
    calls = []

    def progress(items, *, total, desc):
        calls.append((total, desc))
        return items

    near_copy_groups(np.stack([picture(1), picture(2), picture(1)]), progress=progress)
    assert calls == [(2, "Hashing images"), (1, "Comparing images")]


# Problems -----------------------------------------------------------------------------

TEXT = grey(255)
TEXT[20:24, 4:44] = 0

TRAIN = {  # file: image
    "calm/a.png": picture(1),
    "calm/a_again.png": picture(1),
    "calm/both_labels.png": picture(2),
    "calm/fine.png": picture(3),
    "wild/both_labels.png": picture(2),
    "wild/grey.png": grey(7),
    "wild/in_test.png": picture(4),
    "wild/near_fine.png": changed(picture(3)),
    "wild/text.png": TEXT,
}
TEST = {
    "calm/b.png": picture(5),
    "calm/b_again.png": picture(5),
    "wild/in_train.png": picture(4),
    "wild/other.png": picture(6),
}


def image_set(images: dict[str, np.ndarray]) -> ImageSet:
    classes = ("calm", "wild")
    labels = np.array([classes.index(file.split("/")[0]) for file in images], dtype=np.int64)
    return ImageSet(np.stack(list(images.values())), labels, classes, tuple(images))


@pytest.fixture
def data():
    return FaceData(image_set(TRAIN), image_set(TEST), "made", "Made", "0" * 64, ())


def marked(problems: pd.DataFrame, column: str) -> list[str]:
    rows = problems[problems[column]]
    return (rows["split"] + "/" + rows["file"]).tolist()


def test_find_problems(data):
    problems = copies.find_problems(data)
    assert list(problems.columns) == [
        "split",
        "file",
        "label",
        "copy_group",
        "near_copy_group",
        "surplus_copy",
        "copy_in_other_split",
        "conflicting_label",
        "single_grey",
        "low_detail",
    ]
    assert problems["split"].tolist() == ["train"] * 9 + ["test"] * 4
    assert problems["file"].tolist() == [*TRAIN, *TEST]
    assert problems["label"].tolist() == [file[:4] for file in (*TRAIN, *TEST)]
    assert problems["copy_group"].tolist() == [0, 0, 1, 2, 1, 3, 4, 5, 6, 7, 7, 4, 8]
    assert problems["near_copy_group"].tolist() == [0, 0, 1, 2, 1, 3, 4, 2, 5, 6, 6, 4, 7]
    assert marked(problems, "surplus_copy") == [
        "train/calm/a_again.png",
        "train/wild/both_labels.png",
        "test/calm/b_again.png",
    ]
    assert marked(problems, "copy_in_other_split") == [
        "train/wild/in_test.png",
        "test/wild/in_train.png",
    ]
    assert marked(problems, "conflicting_label") == [
        "train/calm/both_labels.png",
        "train/wild/both_labels.png",
    ]
    assert marked(problems, "single_grey") == ["train/wild/grey.png"]
    assert marked(problems, "low_detail") == ["train/wild/grey.png", "train/wild/text.png"]
    for column in problems.columns[5:]:
        assert problems[column].dtype == bool


def test_findings_are_counted(data):
    assert copies.count_findings(copies.find_problems(data)) == {
        "surplus_copies": 4,  # one of them is the test image that is in train too
        "test_images_copied_from_train": 1,
        "groups_of_copies_with_conflicting_labels": 1,
        "images_of_one_single_grey": 1,
        "surplus_near_copies": 1,
    }


def test_conflict_between_the_splits(data):
    test = dict(TEST)
    test["calm/b.png"] = picture(4)  # "wild" in train
    made = FaceData(data.train, image_set(test), "made", "Made", "0" * 64, ())
    problems = copies.find_problems(made)
    assert {"train/wild/in_test.png", "test/calm/b.png", "test/wild/in_train.png"} <= set(
        marked(problems, "conflicting_label")
    )


def test_one_colour_counts_as_single_grey_and_a_red_gradient_does_not():
    red, gradient = np.zeros((2, 48, 48, 3), np.uint8)
    red[..., 0] = 200
    gradient[..., 0] = np.arange(48)
    images = np.stack([red, gradient])
    one = ImageSet(images, np.array([0, 1]), ("calm", "wild"), ("calm/0.png", "wild/1.png"))
    problems = copies.find_problems(FaceData(one, one, "made", "Made", "0" * 64, ()))
    assert problems["single_grey"].tolist() == [True, False, True, False]


@pytest.mark.parametrize("share, expected", [(0.74, False), (0.76, True)])
@pytest.mark.parametrize("start", [0, 5, 240])  # 240: the last window ends at white
def test_low_detail_at_its_limit(share, expected, start):
    flat = np.random.default_rng(0).permutation(48 * 48) < share * 48 * 48
    levels = start + np.arange(48 * 48) % 16
    others = (start + 16 + 224 * (np.arange(48 * 48) % 15 + 0.5) / 15).astype(int) % 256
    pixels = np.where(flat, levels, others).astype(np.uint8).reshape(1, 48, 48)
    assert copies._low_detail(pixels).tolist() == [expected]


# Leaving out --------------------------------------------------------------------------


@pytest.fixture
def leave_out(data):
    return copies.leave_out_list(copies.find_problems(data))


def test_leave_out_list(leave_out):
    assert leave_out.to_numpy().tolist() == [
        ["train", "calm/a_again.png", "surplus copy"],
        ["train", "calm/both_labels.png", "conflicting label"],
        ["train", "wild/both_labels.png", "conflicting label"],
        ["train", "wild/grey.png", "single grey"],
        ["train", "wild/in_test.png", "copy in test"],
    ]
    assert list(leave_out.columns) == ["split", "file", "reason"]
    assert leave_out.index.tolist() == list(range(5))


def test_saved_list_is_the_same_after_reading(leave_out, tmp_path):
    path = tmp_path / "new folder" / "leave_out.csv"
    copies.save_leave_out(leave_out, path)
    pd.testing.assert_frame_equal(copies.read_leave_out(path), leave_out, check_dtype=False)
    assert [file.name for file in path.parent.iterdir()] == ["leave_out.csv"]


def test_saved_list_has_the_same_bytes_in_any_order(leave_out, tmp_path):
    copies.save_leave_out(leave_out, tmp_path / "one.csv")
    copies.save_leave_out(leave_out.iloc[::-1], tmp_path / "two.csv")
    content = (tmp_path / "one.csv").read_bytes()
    assert content == (tmp_path / "two.csv").read_bytes()
    assert content.startswith(b"split,file,reason\ntrain,calm/a_again.png,surplus copy\n")
    assert b"\r" not in content


def test_names_that_look_like_missing_values_survive(tmp_path):
    table = pd.DataFrame({"split": ["train"], "file": ["NA/ü, 1.png"], "reason": ["nan"]})
    copies.save_leave_out(table, tmp_path / "list.csv")
    assert copies.read_leave_out(tmp_path / "list.csv").to_numpy().tolist() == [
        ["train", "NA/ü, 1.png", "nan"]
    ]


def test_empty_list(data, tmp_path):
    nothing = pd.DataFrame(columns=["split", "file", "reason"])
    copies.save_leave_out(nothing, tmp_path / "list.csv")
    read = copies.read_leave_out(tmp_path / "list.csv")
    assert len(read) == 0
    assert not copies.left_out_rows(data.train, read).any()


def test_failed_saving_keeps_the_old_list(leave_out, tmp_path, monkeypatch):
    path = tmp_path / "list.csv"
    path.write_text("old")

    def fail(*arguments, **options):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(pd.DataFrame, "to_csv", fail)
    with pytest.raises(DataError, match=r"list\.csv cannot be written .*allow writing there\.$"):
        copies.save_leave_out(leave_out, path)
    assert path.read_text() == "old"
    assert [file.name for file in tmp_path.iterdir()] == ["list.csv"]


def test_missing_list(tmp_path):
    with pytest.raises(DataError, match=r"list\.csv is not there; make it with notebook 01\.$"):
        copies.read_leave_out(tmp_path / "list.csv")


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"file,reason\na,b\n",
        b"split,file,reason\na,b,c,d\n",
        b"split,file,reason\na\n",
        b"split,file,reason\n\xff,b,c\n",
    ],
)
def test_damaged_list(tmp_path, content):
    (tmp_path / "list.csv").write_bytes(content)
    with pytest.raises(DataError, match=r"list\.csv .*; delete it and make it again .*\.$"):
        copies.read_leave_out(tmp_path / "list.csv")


def test_left_out_rows(data, leave_out):
    rows = copies.left_out_rows(data.train, leave_out)
    rest = [file for file, left_out in zip(data.train.files, rows, strict=True) if not left_out]
    assert rest == ["calm/a.png", "calm/fine.png", "wild/near_fine.png", "wild/text.png"]
    assert rows.sum() == 5


def test_list_of_other_data(data, leave_out):
    other = leave_out.assign(file=leave_out["file"].replace("wild/grey.png", "wild/no.png"))
    with pytest.raises(DataError, match=r"other data, it names wild/no\.png; make it again"):
        copies.left_out_rows(data.train, other)


def test_list_with_test_images(data, leave_out):
    with pytest.raises(DataError, match=r"names test images; make it again"):
        copies.left_out_rows(data.train, leave_out.assign(split="test"))


def test_list_that_empties_a_class(data):
    files = [file for file in TRAIN if file.startswith("calm")]
    everything = pd.DataFrame({"split": "train", "file": files, "reason": "x"})
    with pytest.raises(DataError, match=r"no image of the class calm; add images"):
        copies.left_out_rows(data.train, everything)


# The genuine data ---------------------------------------------------------------------


@pytest.mark.fer2013
def test_problems_of_fer2013(fer2013):
    begin = time.perf_counter()
    problems = copies.find_problems(fer2013)
    print(f"find_problems: {time.perf_counter() - begin:.1f} s")
    in_test = problems["split"] == "test"
    assert len(problems) - problems["copy_group"].nunique() == 1853
    assert (problems["copy_in_other_split"] & in_test).sum() == 568
    assert problems[problems["conflicting_label"]]["copy_group"].nunique() == 57
    assert problems["single_grey"].sum() == 12
    assert problems["low_detail"].sum() == 52
    leave_out = copies.leave_out_list(problems)
    rest = fer2013.train.images[~copies.left_out_rows(fer2013.train, leave_out)]
    left = set(copies.copy_groups(rest))
    assert len(left) == len(rest) == 28709 - len(leave_out) == 26912
    both = np.concatenate([rest, fer2013.test.images])
    groups = copies.copy_groups(both)
    assert not set(groups[: len(rest)]) & set(groups[len(rest) :])
