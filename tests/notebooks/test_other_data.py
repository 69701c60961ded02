"""The whole course on any other images: a file of its own, so that it runs beside the others."""

import numpy as np
import pandas as pd
from PIL import Image
from test_notebooks import run_course


def test_other_classes_other_sizes_and_colour(tmp_path):
    random = np.random.default_rng(0)
    for split, images in (("train", 24), ("test", 8)):
        for tint, name in enumerate(("Begeisterung", "Langeweile")):
            folder = tmp_path / "pictures" / split / name
            folder.mkdir(parents=True)
            for k in range(images):
                pixels = random.integers(0, 120, (60, 60, 3)).astype(np.uint8)
                pixels[..., tint] += 120
                Image.fromarray(pixels).save(folder / f"{k}.png")
    named = {"TRAIN_DATA": tmp_path / "pictures/train", "VAL_DATA": tmp_path / "pictures/test",
             "DATA": tmp_path / "data", "OUTPUT": tmp_path / "output"}  # fmt: skip
    ended = run_course("course.py", named, "report")
    assert ended.returncode == 0, ended.stderr
    (report,) = tmp_path.glob("output/pictures_*/Emotions_classifier_report.csv")
    table = pd.read_csv(report, index_col=0)
    assert list(table.index[:2]) == ["Begeisterung", "Langeweile"]
    assert table.loc["accuracy", "precision"] > 0.9  # two colours: a network can tell them apart
