"""Any photo: find the faces, crop them as FER-2013 does, say seven probabilities for each."""

import io
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
from PIL import Image, ImageOps

from emotions.data.drawn import EXPRESSIONS, draw_face
from emotions.data.folders import is_hidden
from emotions.data.pixels import FORMATS, grey_or_rgb, open_image
from emotions.files import DataError, write_table
from emotions.measuring import scores
from emotions.network.quiet_keras import keras

# Of the last three no photo can be read; each gets a row that says so.
SUFFIXES = (".png", ".jpg", ".jpeg", ".jfif", ".bmp", ".webp", ".tif", ".tiff", ".gif",
            ".heic", ".heif", ".avif")  # fmt: skip
PHOTO_FORMATS = (*FORMATS, "WEBP", "TIFF", "GIF")
LARGEST_FILE = 50_000_000  # bytes
LARGEST_SIDE = 1600  # pixels; larger photos are made smaller before the search
SMALLEST_FACE = 32  # pixels
AGREEMENT = 6  # how many overlapping windows must agree on a face
WHOLE = "whole picture"
BOX = ("left", "top", "width", "height")  # what says where a face is


@dataclass(frozen=True)
class Photo:
    """A photo and the faces found in it."""

    name: str  # of its file
    pixels: np.ndarray  # uint8 (height, width, 3), RGB, turned upright as its EXIF tag says
    boxes: np.ndarray  # int (faces, 4): left, top, width, height in pixels, the largest face first
    whole: bool = False  # no face was found, so the only box is all of the picture

    def crops(self, side: int, channels: int) -> np.ndarray:
        """Return the faces as a data set's images, uint8 (faces, side, side, channels)."""
        image = Image.fromarray(self.pixels).convert("L" if channels == 1 else "RGB")
        lanczos = Image.Resampling.LANCZOS
        faces = [
            np.asarray(image.resize((side, side), lanczos, (left, top, left + width, top + height)))
            for left, top, width, height in self.boxes
        ]
        return np.array(faces, np.uint8).reshape(len(faces), side, side, channels)

    def as_one_face(self) -> "Photo":
        """Return the same photo with one box around all of it, for a face that was not found."""
        height, width = self.pixels.shape[:2]
        return Photo(self.name, self.pixels, np.array([[0, 0, width, height]]), whole=True)


def examples(folder: Path) -> Path:
    """Write two pictures into a folder, a drawn face and one without; return the face's file."""
    folder.mkdir(parents=True, exist_ok=True)
    face = draw_face(dict.fromkeys(EXPRESSIONS["happy"], 0.8))
    Image.fromarray(np.asarray(face)).resize((256, 256)).save(folder / "drawn_photo.png")
    Image.new("RGB", (200, 150), "grey").save(folder / "no_face.png")
    return folder / "drawn_photo.png"


def read_photo(source: Path | str | bytes, name: str = "photo") -> Photo:
    """Read a photo of any usual format, or its bytes of that name, and find the faces in it."""
    if isinstance(source, bytes):
        pixels = _decode(io.BytesIO(source), len(source), name)
    else:
        file = Path(source)
        if file.is_dir():
            raise DataError(f"{file} is a folder: name one photo, or use the cell for folders.")
        if not file.is_file():
            raise DataError(f"There is no file {file}: check the path.")
        name, pixels = file.name, _decode(file, file.stat().st_size, str(file))
    return Photo(name, pixels, find_faces(pixels))


def _decode(source: Path | io.BytesIO, size: int, name: str) -> np.ndarray:
    """Return an image of so many bytes upright, in colour and not too large."""
    if size > LARGEST_FILE:
        raise DataError(
            f"The photo {name} has {size / 1e6:.0f} MB, and {LARGEST_FILE / 1e6:.0f} MB is the "
            "most: save it smaller, for instance as JPEG."
        )
    with open_image(source, PHOTO_FORMATS, name) as image:
        image.draft("RGB", (LARGEST_SIDE, LARGEST_SIDE))
        upright, _ = grey_or_rgb(ImageOps.exif_transpose(image))
        if max(upright.size) > LARGEST_SIDE:
            upright = ImageOps.contain(upright, (LARGEST_SIDE, LARGEST_SIDE))
        return np.asarray(upright.convert("RGB"))


def find_faces(pixels: np.ndarray) -> np.ndarray:
    """Return where the frontal faces of a picture are; pixels and boxes as in `Photo`.

    OpenCV's cascade for frontal faces, which its package ships (Viola and Jones 2001, "Rapid
    object detection using a boosted cascade of simple features"). It misses turned and small
    faces, and now and then it sees a face in a pattern.
    """
    cascade = _cascade()
    grey = cv2.equalizeHist(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY))
    found = cascade.detectMultiScale(
        grey, scaleFactor=1.1, minNeighbors=AGREEMENT, minSize=(SMALLEST_FACE, SMALLEST_FACE)
    )
    boxes = np.array(found, dtype=int).reshape(-1, 4)
    return boxes[np.argsort(-boxes[:, 2], kind="stable")]


def _cascade() -> cv2.CascadeClassifier:
    """Return OpenCV's cascade, read by Python: on Windows OpenCV opens no path with accents."""
    text = (Path(cv2.data.haarcascades) / "haarcascade_frontalface_default.xml").read_text()
    content = cv2.FileStorage(text, cv2.FILE_STORAGE_READ | cv2.FILE_STORAGE_MEMORY)
    cascade = cv2.CascadeClassifier()
    cascade.read(content.getFirstTopLevelNode())
    return cascade


def emotions_in(photo: Photo, model: keras.Model, classes: Iterable[str]) -> pd.DataFrame:
    """Return the probability of each emotion for each face of a photo, averaged over two views.

    A row per face (from 1, the largest first), a column per emotion; no row without a face. The row
    of a photo that is taken as one face is called `WHOLE`.
    """
    _, side, _, channels = model.input_shape
    names = list(classes)
    faces = photo.crops(side, channels)
    index = pd.Index([WHOLE] if photo.whole else range(1, len(faces) + 1), name="face")
    if len(faces) == 0:
        return pd.DataFrame(columns=names, index=index, dtype=float)
    return pd.DataFrame(scores.predict(model, faces, 2, batch=8), index, names)


def folder_table(
    folder: Path, model: keras.Model, classes: Iterable[str], output: Path | None = None
) -> pd.DataFrame:
    """Return the emotions of all faces in all photos of a folder, and write them as CSV if asked.

    Folders inside are not searched, hidden files not read.

    Returns
    -------
    pandas.DataFrame
        A row per face: file, face, left, top, width, height, emotion, then each probability, and
        a note. A photo without a face, or one that cannot be read, has one row with a note alone.
        A class that has the name of another column is called `name (class)`.
    """
    folder, taken = Path(folder), {"file", "face", *BOX, "emotion", "note"}
    names = [f"{name} (class)" if name in taken else name for name in classes]
    if not folder.is_dir():
        raise DataError(f"There is no folder {folder}: check the path.")
    shown = (path for path in folder.iterdir() if not is_hidden(path.name))
    files = sorted(path for path in shown if path.suffix.lower() in SUFFIXES and path.is_file())
    if not files:
        raise DataError(f"There is no image in {folder}: put photos there ({', '.join(SUFFIXES)}).")
    rows = [row for file in files for row in _rows_of(file, model, names)]
    columns = ["file", "face", *BOX, "emotion", *names, "note"]
    table = pd.DataFrame(rows, columns=columns).set_index("file")
    table = table.astype(dict.fromkeys(("face", *BOX), "Int64"))
    if output is not None:
        write_table(Path(output), table)
    return table


def _rows_of(file: Path, model: keras.Model, names: list[str]) -> list[dict]:
    try:
        photo = read_photo(file)
    except DataError as error:
        return [{"file": file.name, "note": str(error)}]
    table = emotions_in(photo, model, names)
    if table.empty:
        return [{"file": file.name, "note": "no face found"}]
    return [
        {
            "file": file.name,
            "face": face,
            **dict(zip(BOX, map(int, box), strict=True)),
            "emotion": values.idxmax(),
            **values,
            "note": "",
        }
        for (face, values), box in zip(table.iterrows(), photo.boxes, strict=True)
    ]
