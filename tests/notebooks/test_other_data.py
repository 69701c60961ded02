"""The whole course on any other images: a file of its own, so that it runs beside the others."""

import base64
import io
import re
from pathlib import Path

import course
import nbformat
import numpy as np
import pandas as pd
import pytest
from PIL import Image
from test_notebooks import variables

BLOCK = 16  # pixels
# Averages of many images, and boxes with white words on red: they may be shown.
PLAIN = re.compile(r'alt="(Mean face|The average|Keras\W+ plot of the network)')
KINDS = 16  # of differences between red and green in a block of noise, at least


def in_one_kernel(emptied: Path):
    """Return a stand-in for `course.execute`: what takes fresh kernels is test_notebooks.py's."""

    def execute(notebooks, settings):
        kernel = course.start_kernel(notebooks[0].parent, settings)
        try:
            for notebook in notebooks:
                yield course.run_in(kernel, notebook)
                course.run_in(kernel, emptied)
        finally:
            kernel.shutdown_kernel(now=True)

    return execute


@pytest.fixture(scope="module")
def ran(tmp_path_factory) -> dict[str, Path]:
    """Run the course on pictures that are noise of two colours; return its folders."""
    folder, random = tmp_path_factory.mktemp("other"), np.random.default_rng(0)
    for split, images in (("train", 24), ("test", 8)):
        for tint, name in enumerate(("Begeisterung", "Langeweile")):
            place = folder / "pictures" / split / name
            place.mkdir(parents=True)
            for k in range(images):
                pixels = random.integers(0, 120, (60, 60, 3)).astype(np.uint8)
                pixels[..., tint] += 120
                Image.fromarray(pixels).save(place / f"{k}.png")
    named = {"TRAIN_DATA": folder / "pictures/train", "VAL_DATA": folder / "pictures/test",
             "DATA": folder / "data", "OUTPUT": folder / "output"}  # fmt: skip
    cell = nbformat.v4.new_code_cell("%reset -f")
    nbformat.write(nbformat.v4.new_notebook(cells=[cell]), folder / "emptied.ipynb")
    with pytest.MonkeyPatch.context() as patched:
        for name, value in variables(named).items():
            patched.setenv(name, value)
        patched.setattr(course, "execute", in_one_kernel(folder / "emptied.ipynb"))
        assert course.main(["site"]) == 0  # runs what has not run, which is all
    return named


def test_other_classes_other_sizes_and_colour(ran):
    (report,) = ran["OUTPUT"].glob("pictures_*/Emotions_classifier_report.csv")
    table = pd.read_csv(report, index_col=0)
    assert list(table.index[:2]) == ["Begeisterung", "Langeweile"]
    assert table.loc["accuracy", "precision"] > 0.9  # two colours: a network can tell them apart


def _blocks(pixels: np.ndarray) -> np.ndarray:
    """Return an array of two axes cut into squares, (n, BLOCK * BLOCK)."""
    rows, columns = (size // BLOCK for size in pixels.shape)
    blocks = pixels[: rows * BLOCK, : columns * BLOCK].reshape(rows, BLOCK, columns, BLOCK)
    return blocks.swapaxes(1, 2).reshape(-1, BLOCK * BLOCK)


def shows_an_image(picture: bytes) -> bool:
    """Tell whether a figure shows a single image of the data: their noise, not its average."""
    pixels = np.asarray(Image.open(io.BytesIO(picture)).convert("RGB")).astype(float)
    blocks, bluer = (_blocks(pixels[..., k] - pixels[..., 1]) for k in (0, 2))
    mean, spread = abs(blocks.mean(axis=1)), blocks.std(axis=1)
    kinds = np.array([len(np.unique(block)) for block in blocks])  # a bar and its edge have few
    noise = (mean > 80) & (mean < 160) & (spread > 30) & (spread < 70) & (kinds > KINDS)
    # a green noise has as little blue as red; the greens of a heat map have more
    noise &= (blocks.mean(axis=1) > 0) | (bluer.mean(axis=1) < -60)
    return bool(noise.sum() > 2)


def pictures_with_an_image(folder: Path) -> list[str]:
    """Return the pages of a folder with pictures that show a single image, once for each."""
    found = []
    for page in sorted(folder.rglob("*.html")):
        text = page.read_text(encoding="utf-8")
        for tag in re.findall(r"<img[^>]*>", text):
            content = re.search(r'src="data:image/\w+;base64,([^"]+)"', tag)
            if content and not PLAIN.search(tag) and shows_an_image(base64.b64decode(content[1])):
                found.append(page.name)
    return found


def test_what_is_published_shows_no_image_of_the_data(ran):
    """As it must be for FER-2013; drawn faces may be shown."""
    (own,) = ran["OUTPUT"].glob("pictures_*/notebooks")
    shown = set(pictures_with_an_image(own))
    assert {"01_data_exploration.html", "02_preprocessing.html"} <= shown
    assert '"faces": true' in (own / "03_model_surgery.ipynb").read_text(encoding="utf-8")
    (site,) = ran["OUTPUT"].glob("site/pictures_*")
    assert len(list(site.glob("*.html"))) == 22
    assert pictures_with_an_image(site) == []
    for name in shown | {"03_model_surgery.html"}:  # where a face is small, beside maps
        assert "Not shown here" in (site / name).read_text(encoding="utf-8"), name
