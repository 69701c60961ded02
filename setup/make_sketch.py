"""Make the sketch of FER-2013 by which the course recognises its copies: make_sketch.py TRAIN TEST.

The folders are those of the genuine archive; notebooks/emotions/data/sketch.py reads the sketch.
"""

import sys
import tempfile
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "notebooks"))

from emotions.data import sketch
from emotions.data.faces import load_faces
from emotions.files import replacing


def write_sketch(made: sketch.Sketch, file: Path) -> None:
    """Write a sketch as an archive of arrays, without pickle.

    The images are sorted by the numbers of their names: the steps between these take 16 bits.
    """
    order = np.lexsort((made.checksums, made.numbers))
    arrays = {name: getattr(made, name)[order] for name in ("checksums", "signs", "test")}
    steps = np.diff(made.numbers[order], prepend=np.uint32(0))
    with replacing(file) as temporary:
        np.savez_compressed(
            temporary,
            **arrays,
            steps=steps.astype(np.min_scalar_type(steps.max())),
            labels=made.labels[order].astype(np.uint8),
            classes=np.array(made.classes),
            measures=np.median(made.measures, axis=0, keepdims=True).round(3),
        )


if __name__ == "__main__":
    train, test = map(Path, sys.argv[1:])
    with tempfile.TemporaryDirectory() as cache:
        data = load_faces(train, test, Path(cache))
        write_sketch(sketch.sketch_of(data), sketch.SKETCH)
