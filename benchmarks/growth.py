"""Time and memory against the number of images: 1, 4 and 16 times FER-2013.

    .venv/bin/python benchmarks/growth.py

The sets are made up and lie on the disk, as the course's caches do. Heads are trained on features
of 1, 4 and 16 times as many images as FER-2013 has. Sending 16 times as many through the backbone
would take half an hour, so extraction is measured at a sixteenth, a quarter and once its size.
Each measurement has a process of its own.
"""

import argparse
import shutil
from pathlib import Path
from typing import Any

import numpy as np
from common import WORK, answer, once, peak, seconds, write

FER_2013 = 28_709
FACTORS = (1, 4, 16)
CHUNK = 4096
# Shape and number type of an image, share of FER-2013 at factor 1, epochs at the largest. Smaller
# sets have more: as many steps, so that what differs is the size alone.
KINDS = {
    "head on channel means of pool5": ((512,), "f2", 1, 3),
    "head on flattened pool4": ((4608,), "f2", 1, 1),
    "feature extraction": ((48, 48, 1), "u1", 1 / 16, 1),
}


def make_up(file: Path, images: int, shape: tuple[int, ...], number: str) -> None:
    """Write random features or images to a file, part by part.

    Not by a map of the file: its pages would count as memory of the processes that start from here.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    part = np.random.default_rng(1).integers(0, 256, (CHUNK, *shape)).astype(number)
    header = np.lib.format.header_data_from_array_1_0(part) | {"shape": (images, *shape)}
    with file.open("wb") as whole:
        np.lib.format.write_array_header_1_0(whole, header)
        for start in range(0, images, CHUNK):
            part[: images - start].tofile(whole)


def train_head(file: Path, epochs: int) -> dict[str, Any]:
    """Train a head on a file of features."""
    from emotions.network import head as classifier
    from emotions.network.quiet_keras import keras
    from emotions.training.batches import Batches

    features = np.load(file, mmap_mode="r")
    width = features.shape[1]
    statistics = (np.full(width, 127.5), np.full(width, 5461.0))
    head = classifier.head(
        (width,), 7, units=256, dropout=0.0, statistics=statistics, random_seed=1
    )
    head.compile(
        keras.optimizers.Adam(1e-3),
        "sparse_categorical_crossentropy",
        jit_compile=False,
        steps_per_execution=100,
    )
    labels, rows = np.arange(len(features)) % 7, np.arange(len(features))
    head.fit(Batches(features, labels, rows[:8192], 64, 1), shuffle=False, verbose=0)  # traces
    batches = Batches(features, labels, rows, 64, 1)
    taken = seconds(lambda: head.fit(batches, epochs=epochs, shuffle=False, verbose=0))
    return {"seconds": taken / epochs, "peak_mib": peak()}


def extract(file: Path) -> dict[str, Any]:
    """Compute the features of a file of images."""
    from emotions.data.faces import ImageSet
    from emotions.network import backbone, features

    images = np.load(file, mmap_mode="r")
    policy = backbone.choose_precision("auto")
    with backbone.precision(policy):
        made = backbone.build("random", 48, WORK, 1)
    spec = features.FeatureSpec("pool5", "average", 48, (127.5, 127.5, 127.5), policy)

    def of(part: np.ndarray, key: str) -> None:
        names = tuple(f"{n}.png" for n in range(len(part)))
        labels = np.zeros(len(part), int)
        chosen = ImageSet(part, labels, ("one",), names)
        shutil.rmtree(WORK / "growth-features", ignore_errors=True)
        features.features(chosen, key, made, [spec], WORK / "growth-features")

    of(images[: features.BATCH], "first")  # traces
    taken = seconds(lambda: of(images, "all"))
    return {"seconds": taken, "peak_mib": peak()}


def measured(kind: str, factor: int, share: float) -> dict[str, Any]:
    """Return images, seconds and peak memory of one kind at one size."""
    shape, number, base, epochs = KINDS[kind]
    images = round(FER_2013 * base * factor * share)
    file = WORK / "growth.npy"
    make_up(file, images, shape, number)
    found = once("growth.py", "--serve", kind, str(file), str(epochs * max(FACTORS) // factor))
    file.unlink()
    return {"images": images, **found}


def exponent(rows: list[dict[str, Any]]) -> float:
    """Return the power of the size with which the time grows, by least squares of logarithms."""
    sizes, times = (np.log([row[name] for row in rows]) for name in ("images", "seconds"))
    return float(np.polyfit(sizes, times, 1)[0])


def main() -> None:
    """Measure and write `measured/growth.json`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="tiny, to see that it runs")
    parser.add_argument("--serve", nargs=3, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.serve:
        kind, file, epochs = arguments.serve
        extraction = kind == "feature extraction"
        answer(
            {}, lambda: extract(Path(file)) if extraction else train_head(Path(file), int(epochs))
        )
        return
    share = 1 / 16 if arguments.quick else 1
    table = {kind: [measured(kind, factor, share) for factor in FACTORS] for kind in KINDS}
    sizes = {
        kind: {
            "exponent": exponent(rows),
            "memory_ratio": rows[-1]["peak_mib"] / rows[0]["peak_mib"],
        }
        for kind, rows in table.items()
    }
    write("growth", {"factors": FACTORS, "rows": table, "growth": sizes})


if __name__ == "__main__":
    main()
