"""Is it the data you think: altered copies are told from the genuine set, whatever was altered."""

import io
import os
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import make_sketch
import numpy as np
import pytest
from emotions.data import origin, sketch, statistics
from emotions.data.drawn import draw_data_set
from emotions.data.faces import FaceData, ImageSet, load_faces
from PIL import Image, ImageFilter, ImageOps

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def drawn(tmp_path_factory) -> FaceData:
    folder = tmp_path_factory.mktemp("origin")
    draw_data_set(folder / "faces", train=420, test=210)
    data = load_faces(folder / "faces/train", folder / "faces/test", folder / "cache")
    return replace(data, name="faces")


@pytest.fixture(scope="module")
def genuine(drawn) -> origin.Sketch:
    return origin.sketch_of(drawn)


def test_images_are_counted_per_class_also_where_there_are_none():
    labels = {"one": np.array([0, 1, 1]), "two": np.array([2])}
    counts = statistics.images_per_class(["a", "b", "c"], labels)
    assert counts.index.tolist() == ["a", "b", "c"]
    assert counts.to_dict("list") == {"one": [1, 2, 0], "two": [0, 0, 1]}


def each(change):
    """Return a function that changes images one by one with Pillow."""
    return lambda images: np.stack(
        [np.asarray(change(Image.fromarray(image[..., 0])))[..., None] for image in images]
    )


def compressed(image: Image.Image) -> Image.Image:
    memory = io.BytesIO()
    image.save(memory, "JPEG", quality=50)
    return Image.open(memory).convert("L")


def noisy(images: np.ndarray) -> np.ndarray:
    noise = np.random.default_rng(0).normal(0, 5, images.shape)
    return np.clip(images + noise, 0, 255).astype(np.uint8)


def framed(images: np.ndarray) -> np.ndarray:
    changed = images.copy()
    changed[:, [0, -1]] = changed[:, :, [0, -1]] = 0
    return changed


ALTERATIONS = {
    "blurred": each(lambda image: image.filter(ImageFilter.GaussianBlur(0.7))),
    "equalised": each(ImageOps.equalize),
    "stretched in contrast": each(ImageOps.autocontrast),
    "saved as JPEG": each(compressed),
    "noisy": noisy,
    "brighter": lambda images: np.clip(images.astype(int) + 20, 0, 255).astype(np.uint8),
    "gamma": lambda images: (255 * (images / 255) ** 0.7).astype(np.uint8),
    "posterised": lambda images: images & 0xF0,
    "inverted": lambda images: 255 - images,
    "enlarged and shrunk": each(lambda i: i.resize((96, 96), 3).resize((48, 48), 3)),
    "sharpened": each(lambda image: image.filter(ImageFilter.SHARPEN)),
    "median filter": each(lambda image: image.filter(ImageFilter.MedianFilter(3))),
    "turned a little": each(lambda image: image.rotate(5, Image.Resampling.BICUBIC)),
    "cropped": each(lambda image: image.crop((2, 2, 46, 46)).resize((48, 48))),
    "framed": framed,
    "mosaic": lambda images: images[:, ::2, ::2].repeat(2, 1).repeat(2, 2),
}


def unforeseen(number: int):
    """Return an alteration made up at random: a filter, a curve of grey levels and a warp."""
    random = np.random.default_rng(number)
    kernel = random.normal(0, 0.15, 9)
    kernel[4] += 1
    curve = np.interp(np.arange(256), np.linspace(0, 255, 6), np.sort(random.uniform(0, 255, 6)))
    warp = (1, *random.normal(0, 0.03, 1), 1, *random.normal(0, 0.03, 1), 1, 0)

    def change(image: Image.Image) -> Image.Image:
        filtered = image.filter(ImageFilter.Kernel((3, 3), kernel.tolist(), kernel.sum()))
        warped = filtered.transform(image.size, Image.Transform.AFFINE, warp, 2)
        return warped.point(curve.round().astype(int).tolist())

    return each(change)


def with_images(data: FaceData, train: np.ndarray | None, test: np.ndarray | None) -> FaceData:
    parts = zip((data.train, data.test), (train, test), strict=True)
    one, other = (part if new is None else replace(part, images=new) for part, new in parts)
    return replace(data, train=one, test=other)


def rows(part: ImageSet, chosen: np.ndarray) -> ImageSet:
    files = tuple(part.files[row] for row in chosen)
    return ImageSet(part.images[chosen], part.labels[chosen], part.classes, files)


def joined(one: ImageSet, other: ImageSet) -> ImageSet:
    images = np.concatenate([one.images, other.images])
    labels = np.concatenate([one.labels, other.labels])
    return ImageSet(images, labels, one.classes, one.files + other.files)


def chosen(data: origin.Sketch, some: np.ndarray) -> origin.Sketch:
    names = ("checksums", "signs", "numbers", "test", "labels", "measures")
    return replace(data, **{name: getattr(data, name)[some] for name in names})


def with_other_pixels(data: origin.Sketch, some: np.ndarray, bits: int) -> origin.Sketch:
    """Give some images another checksum, and turn the first `bits` of their 63 signs round."""
    sums, signs = data.checksums.copy(), data.signs.copy()
    sums[some] = np.random.default_rng(5).integers(0, 2**32, len(some), np.uint32)
    signs[some] ^= np.packbits(np.arange(64) < bits + 1).view(np.uint64)[0] & ~np.uint64(1)
    return replace(data, checksums=sums, signs=signs)


def some(count: int, data: origin.Sketch) -> np.ndarray:
    return np.random.default_rng(0).permutation(len(data.test))[:count]


# Train against test -------------------------------------------------------------------


def test_train_and_test_of_one_source_get_no_warning(drawn):
    assert statistics.split_warnings(drawn) == []


@pytest.mark.parametrize("name", ALTERATIONS)
def test_a_test_split_that_was_altered_gets_a_warning(drawn, name):
    altered = with_images(drawn, None, ALTERATIONS[name](np.asarray(drawn.test.images)))
    found = statistics.split_warnings(altered)
    assert found and all(text.startswith("Train and test do not look alike") for text in found)


@pytest.mark.parametrize("number", range(4))
def test_so_does_an_alteration_that_no_one_thought_of(drawn, number):
    altered = with_images(drawn, unforeseen(number)(np.asarray(drawn.train.images)), None)
    assert statistics.split_warnings(altered)


def test_few_images_get_no_false_warning(drawn):
    few = replace(
        drawn,
        train=rows(drawn.train, np.arange(0, 420, 10)),
        test=rows(drawn.test, np.arange(0, 210, 10)),
    )
    assert statistics.split_warnings(few) == []


def test_the_seed_does_not_decide(drawn):
    assert [statistics.split_warnings(drawn, seed) for seed in (1, 2, 3)] == [[], [], []]


# Altered copies -----------------------------------------------------------------------


def test_the_genuine_set_is_genuine_in_any_order(drawn, genuine):
    assert origin.origin_of(drawn, genuine) == "genuine FER-2013"
    order = np.random.default_rng(0).permutation(len(drawn.train))
    again = replace(drawn, train=rows(drawn.train, order))
    assert origin.origin_of(again, genuine) == "genuine FER-2013"


@pytest.mark.parametrize("name", ALTERATIONS)
def test_a_copy_with_other_pixels_is_not_genuine(drawn, genuine, name):
    change = ALTERATIONS[name]
    parts = (np.asarray(part.images) for part in (drawn.train, drawn.test))
    said = origin.origin_of(with_images(drawn, *map(change, parts)), genuine)
    assert said.startswith("FER-2013, altered: "), said
    assert "other pixels" in said or "beyond recognition" in said


@pytest.mark.parametrize("number", range(4))
def test_nor_is_one_that_was_altered_in_an_unforeseen_way(drawn, genuine, number):
    parts = (unforeseen(number)(np.asarray(p.images)) for p in (drawn.train, drawn.test))
    assert origin.origin_of(with_images(drawn, *parts), genuine).startswith("FER-2013, altered: ")


def test_one_changed_pixel_is_enough(drawn, genuine):
    images = drawn.train.images.copy()
    images[7, 3, 3] ^= 1
    said = origin.origin_of(with_images(drawn, images, None), genuine)
    assert said.startswith("FER-2013, altered: about 1 images with other pixels")


def test_the_direction_of_a_change_is_named(drawn, genuine):
    parts = [np.asarray(part.images) for part in (drawn.train, drawn.test)]
    softer = with_images(drawn, *map(ALTERATIONS["blurred"], parts))
    assert "softer" in origin.origin_of(softer, genuine)
    mirrored = with_images(drawn, *(part[:, :, ::-1] for part in parts))
    assert "(mirrored)" in origin.origin_of(mirrored, genuine)


def test_an_enlarged_copy_is_told_its_size(drawn, genuine):
    enlarge = each(lambda image: image.resize((96, 96), Image.Resampling.BICUBIC))
    parts = [enlarge(np.asarray(part.images)) for part in (drawn.train, drawn.test)]
    assert "resized to 96x96 pixels" in origin.origin_of(with_images(drawn, *parts), genuine)


def test_a_copy_that_was_split_anew(drawn, genuine):
    both = joined(drawn.train, drawn.test)
    order = np.random.default_rng(0).permutation(630)
    again = replace(drawn, train=rows(both, order[:420]), test=rows(both, order[420:]))
    said = origin.origin_of(again, genuine)
    moved = int((order[:420] >= 420).sum() + (order[420:] < 420).sum())
    assert said.startswith(f"FER-2013, altered: {moved} images moved between train and test (")


def test_a_copy_with_other_labels(drawn, genuine):
    labels = drawn.train.labels.copy()
    labels[:30] = (labels[:30] + 1) % 7
    other = replace(drawn, train=replace(drawn.train, labels=labels))
    assert origin.origin_of(other, genuine) == (
        "FER-2013, altered: 30 images in another class (train: 30 angry), recognised by pixels"
    )


def test_a_copy_with_augmented_and_doubled_images(drawn, genuine):
    part = rows(drawn.train, np.arange(100))
    turned = replace(part, images=part.images[:, :, ::-1].copy())
    said = origin.origin_of(replace(drawn, train=joined(drawn.train, turned)), genuine)
    # the drawn faces are so even that a mirrored one can be nearer to a face as it was
    assert "(mirrored)" in said and "missing" not in said
    assert sum(map(int, re.findall(r"about (\d+) images added that are copies", said))) == 100
    said = origin.origin_of(replace(drawn, train=joined(drawn.train, part)), genuine)
    assert said.startswith("FER-2013, altered: 100 exact copies added (train: ")


def test_half_of_the_set(drawn, genuine):
    half = replace(drawn, train=rows(drawn.train, np.arange(0, 420, 2)))
    assert "210 images missing (train: " in origin.origin_of(half, genuine)


def test_other_data_are_other_data(drawn):
    assert origin.origin_of(drawn) == "other data"
    random = np.random.default_rng(0)
    noise = [random.integers(0, 256, part.images.shape, np.uint8) for part in
             (drawn.train, drawn.test)]  # fmt: skip
    assert origin.origin_of(with_images(drawn, *noise)) == "other data"


def test_findings_are_made_once_and_damage_makes_them_anew(drawn, tmp_path, monkeypatch):
    first = origin.examine(drawn, tmp_path)
    assert first == origin.Findings("other data", ())
    with monkeypatch.context() as patched:
        patched.setattr(origin, "origin_of", lambda data: pytest.fail("made twice"))
        assert origin.examine(drawn, tmp_path) == first
    (file,) = tmp_path.iterdir()
    file.write_text("{")
    assert origin.examine(drawn, tmp_path) == first
    renamed = replace(drawn.train, files=tuple(f"{k}.png" for k in range(len(drawn.train))))
    origin.examine(replace(drawn, train=renamed), tmp_path)  # names are evidence
    assert len(list(tmp_path.iterdir())) == 2


@pytest.mark.parametrize("view", [*sketch.VIEWS][1:])
def test_the_signs_of_a_view_are_those_of_the_seen_images(drawn, view):
    images = drawn.test.images[..., 0]
    turns = [v for v in sketch.VIEWS if v.startswith("turned")]
    if view in turns:
        seen = np.rot90(images, turns.index(view) + 1, (1, 2))
    else:
        seen = images[:, :, ::-1] if view == "mirrored" else 255 - images
    wrong = sketch.low_signs(seen) ^ sketch.signs_of_view(sketch.low_signs(images), view)
    assert np.bitwise_count(wrong).max() <= 1


def test_one_image_less_in_one_class_is_not_genuine(drawn, genuine):
    less = replace(drawn, test=rows(drawn.test, np.arange(1, 210)))
    assert origin.origin_of(less, genuine) == (
        "FER-2013, altered: 1 images missing (test: 1 angry), recognised by pixels"
    )


def test_class_names_in_capitals_are_the_same_and_others_are_named(drawn, genuine):
    def named(classes):
        parts = (replace(part, classes=classes) for part in (drawn.train, drawn.test))
        return origin.origin_of(FaceData(*parts, "faces", "faces", "x", ()), genuine)

    assert named(tuple(name.title() for name in drawn.train.classes)) == "genuine FER-2013"
    swapped = ("Disgust", "Angry", "Fear", "Happy", "Neutral", "Sad", "Surprise")
    assert "images in another class" in named(swapped)
    said = named(("Wut", "Ekel", "fear", "happy", "neutral", "sad", "surprise"))
    assert said.startswith(
        "FER-2013, altered: other names of classes (Wut for angry, Ekel for disgust), recognised"
    )


def test_large_images_are_read_a_few_at_a_time(drawn, monkeypatch):
    images = np.zeros((200, 224, 224, 3), np.uint8)
    held = []
    monkeypatch.setattr(
        sketch, "small_grey", lambda part: held.append(part.nbytes) or part[:, :48, :48, 0]
    )
    labels, files = np.zeros(200, np.int64), ("a/0.png",) * 200
    part = ImageSet(images, labels, ("a",), files)
    sketch.sketch_of(replace(drawn, train=part, test=part))
    assert len(held) > 2 and max(held) <= 2**23
    monkeypatch.setattr(statistics, "texture", lambda some: held.append(some.nbytes) or some[:, :1])
    statistics._described(images, np.arange(200))
    assert max(held) <= 2**23


READ_LARGE_IMAGES = """
import sys
import numpy as np
from emotions.data import copies, sketch, statistics
from emotions.data.faces import FaceData, ImageSet

def peak():
    lines = dict(line.split(":") for line in open("/proc/self/status"))
    return int(lines["VmHWM"].split()[0]) / 1024

parts = []
for file in sys.argv[2:]:
    images = np.load(file, mmap_mode="r")
    labels = np.arange(len(images)) % 2
    parts.append(ImageSet(images, labels, ("a", "b"), ("a/0.png",) * len(images)))
data = FaceData(*parts, "made", "Made", "0" * 64, ())
readers = {
    "sketch": sketch.sketch_of,
    "statistics": statistics.split_warnings,
    "copies": copies.find_problems,
}
before = peak()
readers[sys.argv[1]](data)
print(peak() - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a process its peak memory")
@pytest.mark.parametrize("reader", ["sketch", "statistics", "copies"])
def test_a_large_copy_is_never_in_memory_as_a_whole(tmp_path, reader):
    for name, count in (("train", 4000), ("test", 1000)):  # empty files, that need no disk
        shape = (count, 224, 224, 3)
        np.lib.format.open_memmap(tmp_path / f"{name}.npy", "w+", np.uint8, shape)
    files = [tmp_path / "train.npy", tmp_path / "test.npy"]
    ended = subprocess.run(
        [sys.executable, "-c", READ_LARGE_IMAGES, reader, *files],
        env=os.environ | {"PYTHONPATH": str(ROOT / "notebooks")},
        capture_output=True,
        text=True,
        check=True,
    )
    assert float(ended.stdout) < 300  # MiB; train.npy has 574


# The genuine data: its sketch is altered, which is as good as altering 35,887 files ------------


@pytest.fixture(scope="module")
def shipped() -> origin.Sketch:
    kept = origin.read_sketch()
    return replace(kept, measures=np.repeat(kept.measures, len(kept.test), axis=0))


@pytest.mark.parametrize("named", [True, False])
def test_a_class_that_was_thinned_out_of_a_copy_with_other_pixels(shipped, named):
    everything = np.arange(len(shipped.test))
    brighter = with_other_pixels(shipped, everything, 3)
    brighter = replace(brighter, numbers=shipped.numbers * named, measures=shipped.measures * 1.2)
    disgust = np.flatnonzero((shipped.labels == 1) & ~shipped.test)
    assert said(chosen(brighter, np.setdiff1d(everything, disgust[:350]))) == (
        "about 35,537 images with other pixels (brighter, more contrast, sharper), "
        "350 images missing (train: 350 disgust), pixels"
    )


def test_pixels_and_names_together_tell_a_copy(shipped):
    order = some(len(shipped.test) - 1, shipped)
    known, named, strange = np.split(order, [int(0.24 * len(order)), int(0.48 * len(order))])
    copy = with_other_pixels(shipped, np.append(named, strange), 25)
    numbers = np.zeros_like(copy.numbers)
    nameless = replace(copy, numbers=numbers)
    assert origin.differences(chosen(nameless, order), shipped) is None
    numbers[named] = copy.numbers[named]
    assert said(chosen(replace(copy, numbers=numbers), order)).endswith("pixels and file names")


@pytest.fixture(scope="module")
def faces(fer2013) -> origin.Sketch:
    return origin.sketch_of(fer2013)


@pytest.fixture(scope="module")
def nameless(faces) -> origin.Sketch:
    return replace(faces, numbers=np.zeros_like(faces.numbers))


def said(data: origin.Sketch) -> str:
    changes, grounds = origin.differences(data, origin.read_sketch())
    return ", ".join([*changes, grounds])


@pytest.mark.fer2013
def test_the_shipped_sketch_is_that_of_fer2013(fer2013, faces, tmp_path):
    make_sketch.write_sketch(faces, tmp_path / "sketch.npz")
    made, shipped = sketch.read_sketch(tmp_path / "sketch.npz"), origin.read_sketch()
    for name in ("checksums", "signs", "numbers", "test", "labels", "measures"):
        np.testing.assert_array_equal(getattr(made, name), getattr(shipped, name))
    assert origin.origin_of(fer2013) == "genuine FER-2013"
    assert origin.differences(faces, shipped) == ([], "pixels")
    assert statistics.split_warnings(fer2013) == []


@pytest.mark.fer2013
@pytest.mark.parametrize("split, count", [("train", 350), ("test", 110)])
def test_a_class_that_was_thinned_out(nameless, split, count):
    disgust = np.flatnonzero((nameless.labels == 1) & (nameless.test == (split == "test")))
    rest = np.setdiff1d(np.arange(len(nameless.test)), disgust[:count])
    assert said(chosen(nameless, rest)) == (
        f"{count} images missing ({split}: {count} disgust), pixels"
    )


@pytest.mark.fer2013
def test_images_replaced_by_others_are_not_called_missing(nameless):
    text = said(with_other_pixels(nameless, some(350, nameless), 25))
    assert text.startswith("350 images replaced or changed beyond recognition (train: ")
    assert "missing" not in text and "moved" not in text


@pytest.mark.fer2013
def test_file_names_tell_what_pixels_do_not(faces, nameless):
    most = some(32_000, faces)
    text = said(with_other_pixels(faces, most, 25))
    assert text == "32,000 images that only their file names tell, file names"
    half = chosen(with_other_pixels(nameless, most, 25), np.arange(0, len(faces.test), 2))
    assert origin.differences(half, origin.read_sketch()) is None


@pytest.mark.fer2013
def test_a_test_folder_of_training_images(nameless):
    train = np.flatnonzero(~nameless.test)
    again = chosen(nameless, np.concatenate([train, train[some(7178, chosen(nameless, train))]]))
    text = said(replace(again, test=np.arange(len(again.test)) >= len(train)))
    assert "moved" not in text
    for what in ("exact copies added", "images missing"):
        (number,) = re.findall(rf"([\d,]+) {what}", text)
        assert 0.95 * 7178 < int(number.replace(",", "")) <= 7178


@pytest.mark.fer2013
def test_moves_and_swaps_are_found_in_other_pixels_too(nameless):
    everything = np.arange(len(nameless.test))
    altered = with_other_pixels(nameless, everything, 3)
    other = some(3000, nameless)
    test, labels = altered.test.copy(), altered.labels.copy()
    test[other[:2000]] ^= True
    labels[other[2000:]] = (labels[other[2000:]] + 1) % 7
    text = said(replace(altered, test=test, labels=labels))
    for what, truth in (("moved between train and test", 2000), ("in another class", 1000)):
        (number,) = re.findall(rf"([\d,]+) images {what}", text)
        assert abs(int(number.replace(",", "")) - truth) <= 0.05 * truth
    text = said(altered)
    assert "moved" not in text and "class" not in text and "missing" not in text


@pytest.mark.fer2013
def test_a_checksum_that_collides_moves_no_image(nameless):
    altered = with_other_pixels(nameless, np.arange(len(nameless.test)), 3)
    altered.checksums[0] = nameless.checksums[-1]
    text = said(altered)
    assert "moved" not in text and "class" not in text


@pytest.mark.fer2013
def test_altered_copies_of_fer2013(fer2013):
    change, copy = ALTERATIONS["equalised"], replace(fer2013, name="fer2013_other")
    test = change(np.asarray(copy.test.images))
    text = origin.origin_of(with_images(copy, None, test))
    assert re.search("about 6,... images with other pixels [(]more contrast", text), text
    assert "1,078 images that only their file names tell" in text and "missing" not in text
    assert statistics.split_warnings(with_images(copy, None, test))
