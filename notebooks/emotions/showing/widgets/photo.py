"""Your own photo: uploaded, or taken with the webcam; it stays in memory."""

from collections.abc import Callable
from html import escape
from pathlib import Path
from typing import Any

import anywidget
import ipywidgets
import pandas as pd

from emotions.files import DataError
from emotions.measuring import photos
from emotions.measuring.classifier import Classifier
from emotions.showing import network_plots
from emotions.showing.widgets.explorer import Shown, sentence

LONGEST_NAME = 60  # letters of a file's name in a title


class Webcam(anywidget.AnyWidget):
    """A button that starts the camera and one that takes a picture.

    The picture comes as a message, so that it never is part of the widget's state, which
    JupyterLab may save with the notebook; `on_picture` gets the bytes of a JPEG. If the browser
    refuses the camera, the widget says why and what to do.
    """

    _esm = Path(__file__).with_name("webcam.js")

    def __init__(self, on_picture: Callable[[bytes], None]) -> None:
        super().__init__()
        self._on_picture = on_picture
        self.on_msg(self._receive)

    def _receive(self, widget: Any, content: Any, buffers: list[memoryview]) -> None:
        if content == {"kind": "picture"} and len(buffers) == 1:
            self._on_picture(bytes(buffers[0]))


class PhotoTaker(Shown):
    """Upload a photo or take one; see its faces, each with the probability of every emotion.

    Nothing is written to disk, and nothing is kept but the figure. Without a classifier, or a
    photo to begin with, a sentence says what to do.
    """

    def __init__(self, classifier: Classifier | None, photo: photos.Photo | None = None) -> None:
        super().__init__()
        self.classifier = classifier
        self.table = pd.DataFrame()
        self.upload = ipywidgets.FileUpload(
            accept="image/*",
            multiple=False,
            description="Upload a photo",
            tooltip="Choose one picture from your computer; it is not kept",
            layout={"width": "14em"},
        )
        self.upload.observe(self._uploaded, "value")
        self.webcam = Webcam(lambda content: self.take(content, "webcam"))
        self.message = ipywidgets.HTML()
        ways = ipywidgets.HBox([self.upload, self.webcam], layout={"flex_flow": "row wrap"})
        self.place(ways, self.message)
        if classifier is None:
            self._say("There is no classifier yet: run notebook 4, then this one again.")
        elif photo is None:
            self._say("No photo yet: upload one, or start the camera and take one.")
        else:
            self.look_at(photo)

    def _uploaded(self, change: Any) -> None:
        for file in change["new"]:
            self.take(bytes(file["content"]), file["name"])
        if change["new"]:
            self.upload.value = ()  # the same file can be chosen again, and no copy stays

    def take(self, content: bytes, name: str) -> None:
        """Show the faces of a picture of any usual format, or one sentence that says why not.

        Of its name, as the browser gives it, nothing stays that cannot be printed or is too long.
        """
        if self.classifier is None:
            return
        plain = "".join(letter if letter.isprintable() else "?" for letter in name)
        short = plain if len(plain) <= LONGEST_NAME else f"{plain[:LONGEST_NAME]}…"
        try:
            self.look_at(photos.read_photo(content, short))
        except DataError as error:
            self._say(str(error))

    def look_at(self, photo: photos.Photo) -> None:
        """Show the faces of a photo with their probabilities; without a face, of all of it."""
        photo = photo if len(photo.boxes) else photo.as_one_face()
        found = 0 if photo.whole else len(photo.boxes)
        self.table = photos.emotions_in(photo, self.classifier.model, self.classifier.classes)
        self.show(network_plots.photo(photo.pixels, photo.boxes, self.table, photo.name))
        how = f"{found} found" if found else "none found, so the whole picture is taken as one"
        self.message.value = f"<b>{escape(photo.name)}</b>, faces: {how}.{_as_list(self.table)}"

    def _say(self, words: str) -> None:
        self.table = pd.DataFrame()
        self.message.value = f"<b>{escape(words)}</b>"
        self.show(sentence(words))


def _as_list(table: pd.DataFrame) -> str:
    """Return the probabilities as text, for those who cannot read the bars."""
    rows = []
    for face, values in table.iterrows():
        ordered = values.sort_values(ascending=False, kind="stable")
        words = ", ".join(f"{escape(str(name))} {share:.0%}" for name, share in ordered.items())
        rows.append(f"<li>{network_plots.face_name(face).capitalize()}: {words}</li>")
    return f"<ul>{''.join(rows)}</ul>"
