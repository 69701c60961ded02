"""Sets larger than memory: what is read from a file does not stay in memory."""

import numpy as np
import psutil
import pytest
from emotions import files
from emotions.data import copies
from emotions.network import features
from emotions.network.quiet_keras import keras
from emotions.training.batches import Batches, Changes


def resident() -> int:
    """Return this process' memory in bytes."""
    return psutil.Process().memory_info().rss


def empty_map(file, shape, dtype="f2"):
    """Return a memory map of a file full of zeros, which takes no room on the disk."""
    np.lib.format.open_memmap(file, mode="w+", dtype=dtype, shape=shape).flush()
    return np.load(file, mmap_mode="r")


def test_an_epoch_over_a_large_file_stays_out_of_memory(tmp_path):
    inputs = empty_map(tmp_path / "features.npy", (20_000, 9216))
    epoch = Batches(inputs, np.zeros(len(inputs), int), np.arange(len(inputs)), 128, 1)
    before, most = resident(), 0
    for number in range(len(epoch)):
        epoch[number]
        most = max(most, resident())
    assert most - before < 100e6 < inputs.nbytes / 3


def test_statistics_copies_and_fingerprints_stay_out_of_memory(tmp_path):
    inputs = empty_map(tmp_path / "features.npy", (30_000, 2, 2, 1024))
    images = empty_map(tmp_path / "images.npy", (100_000, 48, 48, 1), "u1")
    before = resident()
    features.channel_statistics(inputs, np.arange(0, len(inputs), 4))
    assert len(set(copies.copy_groups(images))) == 1
    assert resident() - before < 200e6 < (inputs.nbytes + images.nbytes) / 2


def test_rows_of_a_file_are_what_indexing_gives(tmp_path):
    np.save(tmp_path / "a.npy", np.arange(4000, dtype="f4").reshape(100, 5, 8))
    array = np.load(tmp_path / "a.npy", mmap_mode="r")
    random = np.random.default_rng(3)
    for rows in (
        random.integers(0, 100, 30),
        random.integers(-100, 100, (3, 7)),
        np.array([], int),
    ):
        found = files.read_rows(array, rows)
        np.testing.assert_array_equal(found, array[rows])
        assert (found.dtype, found.flags.writeable) == (array.dtype, True)
    for other in (array[3:], np.asfortranarray(array), array.copy(), array.astype("f8")):
        np.testing.assert_array_equal(files.read_rows(other, rows), other[rows])
    np.testing.assert_array_equal(files.read_rows(array, slice(2, 4)), array[2:4])
    (tmp_path / "a.npy").unlink()
    np.testing.assert_array_equal(files.read_rows(array, np.array([99, 0])), array[[99, 0]])


@pytest.mark.parametrize("row", [100, -101])
def test_a_row_out_of_range_is_an_error_and_not_another_row(tmp_path, row):
    np.save(tmp_path / "a.npy", np.zeros((100, 5), "f4"))
    array = np.load(tmp_path / "a.npy", mmap_mode="r")
    with pytest.raises(IndexError, match=str(row)):
        files.read_rows(array, np.array([0, row]))


def test_pages_come_back_when_they_are_needed(tmp_path):
    np.save(tmp_path / "a.npy", np.arange(100_000))
    array = np.load(tmp_path / "a.npy", mmap_mode="r")
    view = array[10:]
    assert view.sum() == np.arange(10, 100_000).sum()
    files.give_pages_back(view)
    assert view.sum() == np.arange(10, 100_000).sum()
    own = np.ones(3)
    files.give_pages_back(own)
    np.testing.assert_array_equal(own, 1)


def test_batches_change_by_seed_epoch_and_number_alone():
    random = np.random.default_rng(2)
    inputs, labels = random.normal(size=(64, 12)).astype("f4"), np.eye(3)[np.arange(64) % 3]
    change = Changes(mirrored=-inputs, mixup=0.4)
    made, again = (Batches(inputs, labels, np.arange(64), 16, 7, change=change) for _ in range(2))
    first = [made[number] for number in range(4)]
    for number in (3, 0, 2, 1):  # in any order, as several threads would ask
        for one, other in zip(first[number], again[number], strict=True):
            np.testing.assert_array_equal(one, other)
    made.begin(1)
    assert not np.array_equal(made[0][0], first[0][0])
    made.begin(0)
    np.testing.assert_array_equal(made[0][0], first[0][0])


def test_an_epoch_has_every_row_once():
    made = Batches(np.arange(50.0)[:, None], np.arange(50), np.arange(3, 50), 8, 5)
    rows = np.concatenate([made[number][1] for number in range(len(made))])
    np.testing.assert_array_equal(np.sort(rows), np.arange(3, 50))


@pytest.mark.parametrize("together", [1, 2])
@pytest.mark.parametrize("soft", [False, True])
def test_what_tensorflow_gathers_itself_are_the_same_batches(tmp_path, together, soft):
    np.save(tmp_path / "a.npy", np.random.default_rng(1).normal(size=(50, 3, 2)).astype("f2"))
    inputs, labels = np.load(tmp_path / "a.npy", mmap_mode="r"), np.arange(50) % 4
    made = Batches(
        inputs, np.eye(4)[labels] if soft else labels, np.arange(3, 50), 8, 5, together=together
    )
    gathered = made.source()
    assert len(gathered) == len(made) == 6 * together
    for epoch in (0, 4):  # which the callback tells
        made.begin(epoch)
        for number, found in enumerate(gathered):
            for one, other in zip(found, made[number], strict=True):
                np.testing.assert_array_equal(one.numpy(), other)
                assert one.numpy().dtype == other.dtype


def test_tensorflow_gathers_neither_large_inputs_nor_what_changes(tmp_path, monkeypatch):
    inputs, labels = np.zeros((50, 2)), np.arange(50)
    mirrored = Changes(mirrored=-inputs)
    many = empty_map(tmp_path / "features.npy", (20_000, 9216))
    for made in (
        Batches(inputs, labels, np.arange(50), 8, 5, change=mirrored),
        Batches(many, labels, np.arange(50), 8, 5),
    ):
        assert made.source() is made
    monkeypatch.setattr(keras.backend, "backend", lambda: "jax")
    made = Batches(inputs, labels, np.arange(50), 8, 5)
    assert made.source() is made
