"""Random archives, tables, images, lists and settings: read, or refused in one sentence.

Hypothesis makes them, mostly by damaging sound ones. `FUZZ_EXAMPLES=2000` tries more of each.
"""

import csv
import io
import os
import tempfile
import zipfile
from pathlib import Path

import bad_data
import numpy as np
import pytest
from emotions.data import pixels, sources
from emotions.data.copies import read_leave_out
from emotions.data.faces import load_faces
from emotions.files import DataError
from emotions.settings import Settings, SettingsError, read_settings
from emotions.training import fit
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "60"))
fuzzing = settings(
    max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck), database=None
)


def one_sentence(error: Exception) -> None:
    said = str(error)
    assert "\n" not in said and said.endswith((".", "?")) and said.isprintable(), ascii(said)


@st.composite
def damaged(draw, sound: bytes) -> bytes:
    """Overwrite, insert, drop or repeat a few stretches of some sound bytes."""
    data = bytearray(sound)
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(data)))
        length = draw(st.integers(0, 40))
        new = draw(st.binary(max_size=40) | st.sampled_from([b"\0", b",", b"\n", b'"', b"\xff"]))
        how = draw(st.sampled_from(["overwrite", "insert", "drop", "cut", "repeat"]))
        if how == "overwrite":
            data[start : start + len(new)] = new
        elif how == "insert":
            data[start:start] = new
        elif how == "drop":
            del data[start : start + length]
        elif how == "cut":
            del data[start:]
        else:
            data[start:start] = data[start : start + length]
    return bytes(data)


def sound_zip() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        return bad_data.sound_archive(Path(folder) / "a.zip").read_bytes()


def check_zip(data: bytes) -> None:
    """Unpack what may be an archive: nothing is written outside its folder, nothing half."""
    with tempfile.TemporaryDirectory() as name:
        home = Path(name) / "home"
        home.mkdir()
        (home / "archive.zip").write_bytes(data)
        try:
            sources.unpack_archive(home / "archive.zip", home / "faces")
            left = {"archive.zip", "faces"}
        except DataError as error:
            one_sentence(error)
            left = {"archive.zip"}
        assert {path.name for path in home.iterdir()} == left
        assert [path.name for path in Path(name).iterdir()] == ["home"]


@fuzzing
@given(damaged(sound_zip()))
def test_damaged_archives(data):
    check_zip(data)


@fuzzing
@given(
    st.lists(
        st.tuples(
            st.lists(
                st.sampled_from(["train", "test", "..", "", ".", "C:", "a", "a.png", "b.PNG", "\\"])
                | st.text(max_size=6),
                max_size=5,
            ).map("/".join),
            st.binary(max_size=30),
            st.sampled_from([0, 0o120777, 0o40755, 0o20644]),
        ),
        max_size=8,
    )
)
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_archives_with_any_names(members):
    memory = io.BytesIO()
    with zipfile.ZipFile(memory, "w") as archive:
        archive.writestr("train/a/0.png", b"x")
        archive.writestr("test/a/0.png", b"x")
        for name, data, mode in members:
            member = zipfile.ZipInfo("x")
            member.filename, member.external_attr = name, mode << 16
            try:
                archive.writestr(member, data)
            except (UnicodeEncodeError, ValueError):  # no archive can hold such a name
                continue
    check_zip(memory.getvalue())


def check_csv(data: bytes) -> None:
    with tempfile.TemporaryDirectory() as name:
        file = Path(name) / "fer2013.csv"
        file.write_bytes(data)
        try:
            sources.convert_csv(file, Path(name) / "faces")
        except DataError as error:
            one_sentence(error)
            assert [path.name for path in Path(name).iterdir()] == ["fer2013.csv"]


@fuzzing
@given(damaged("\n".join(["emotion,pixels,Usage", *bad_data.ROWS, ""]).encode()))
def test_damaged_tables(data):
    check_csv(data)


CELL = st.text(max_size=8) | st.sampled_from(
    ["0", "6", "7", "NaN", "-1", "Training", "PublicTest", bad_data.PIXELS, "1e3", "=1+1", "\0"]
)


@fuzzing
@given(
    st.permutations(["emotion", "pixels", "Usage"]) | st.lists(CELL, max_size=4),
    st.lists(st.lists(CELL, max_size=5), max_size=5),
    st.sampled_from([",", ";", "\t"]),
)
def test_tables_with_any_cells(head, rows, delimiter):
    memory = io.StringIO(newline="")
    writer = csv.writer(memory, delimiter=delimiter, escapechar="\\", lineterminator="\n")
    writer.writerows([head, *rows])
    check_csv(memory.getvalue().encode("utf-8", "replace"))


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "BMP"])
@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
def test_damaged_images(kind):
    sound = bad_data.encoded(bad_data.picture(3, 24, 3), kind)

    @fuzzing
    @given(damaged(sound))
    def check(data):
        with tempfile.TemporaryDirectory() as name:
            file = Path(name) / f"a.{kind.lower()}"
            file.write_bytes(data)
            try:
                image = pixels.read_image(file, 24, 1)
                assert image.shape == (24, 24, 1) and image.dtype == np.uint8
            except DataError as error:
                one_sentence(error)

    check()


@fuzzing
@given(damaged(b"split,file,reason\ntrain,calm/0.png,single grey\ntrain,b,copy\n"))
def test_damaged_leave_out_lists(data):
    with tempfile.TemporaryDirectory() as name:
        file = Path(name) / "leave_out.csv"
        file.write_bytes(data)
        try:
            assert all(isinstance(x, str) for x in read_leave_out(file).to_numpy().ravel())
        except DataError as error:
            one_sentence(error)


VALUE = (
    st.text(max_size=20)
    | st.integers()
    | st.floats()
    | st.none()
    | st.booleans()
    | st.sampled_from(["nan", "1e309", "0x10", "٣", " 3 ", "[]", "{}", "null", "~", "a\0b", "💥"])
    | st.lists(st.integers(), max_size=2)
    | st.dictionaries(st.text(max_size=5), st.lists(st.integers(), max_size=2), max_size=2)
)


@fuzzing
@given(st.dictionaries(st.sampled_from([*Settings.model_fields, "x"]), VALUE, max_size=4))
def test_any_values_of_settings(values):
    try:
        made = read_settings(**values)
        assert read_settings(**made.model_dump()) == made
    except SettingsError as error:
        one_sentence(error)


@fuzzing
@given(
    st.dictionaries(
        st.sampled_from([*Settings.model_fields, "x", "epoch"]),
        st.text(st.characters(exclude_characters="\0", codec="utf-8"), max_size=30),
        max_size=3,
    )
)
def test_any_environment(values):
    names = {f"EMOTIONS_{name.upper()}": value for name, value in values.items()}
    os.environ.update(names)
    try:
        read_settings()
    except SettingsError as error:
        one_sentence(error)
    finally:
        for name in names:
            del os.environ[name]


def test_damaged_caches_of_images(tmp_path):
    faces = bad_data.sound_faces(tmp_path / "faces")
    folders = faces / "train", faces / "test", tmp_path / "cache"
    sound = load_faces(*folders)
    expected, mark = np.array(sound.train.images), sound.fingerprint
    (cache,) = (tmp_path / "cache").iterdir()
    contents = {path.name: path.read_bytes() for path in cache.iterdir()}

    @settings(fuzzing, max_examples=EXAMPLES // 2)
    @given(st.sampled_from(sorted(contents)), st.data())
    def check(name, data):
        for other, content in contents.items():
            (cache / other).write_bytes(content)
        (cache / name).write_bytes(data.draw(damaged(contents[name])))
        again = load_faces(*folders)
        assert np.array_equal(again.train.images, expected) and again.fingerprint == mark

    check()


def test_damaged_checkpoints_are_not_used(tmp_path):
    """A checkpoint is read whole or not at all: each array has a checksum."""
    file = tmp_path / "a.npz"
    variables = [np.arange(6.0).reshape(2, 3), np.ones(4)]
    arrays = {f"{name}_{i}": v for i, v in enumerate(variables) for name in ("variable", "best")}
    np.savez(file, state=np.array('{"history": []}'), **arrays)
    sound = file.read_bytes()
    assert fit.read_checkpoint(file, variables, variables) is not None

    @fuzzing
    @given(damaged(sound))
    def check(data):
        file.write_bytes(data)
        kept = fit.read_checkpoint(file, variables, variables)
        if kept is not None:
            for found, wanted in zip(kept[1], variables, strict=True):
                np.testing.assert_array_equal(found, wanted)

    check()


def test_a_bomb_of_an_image_is_not_decoded(tmp_path):
    file = tmp_path / "a.png"
    file.write_bytes(bad_data.png_of(20_000, 20_000))
    with pytest.raises(DataError, match="too many pixels"):
        pixels.read_image(file, 48, 1)
    assert Image.MAX_IMAGE_PIXELS < 20_000**2
