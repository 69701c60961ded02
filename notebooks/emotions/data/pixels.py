"""From image files to pixels: squares of one size, 8 bits, grey or RGB."""

import io
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path

import numpy as np
from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError

from emotions.data.folders import Listing
from emotions.files import DataError, one_line
from emotions.loops import Progress, with_progress

FORMATS = ("PNG", "JPEG", "BMP")
LARGEST_SIDE = 224  # pixels; what VGG-Face was trained with, more would not be used
BACKGROUND = "white"  # below transparent pixels
CHANGES = {
    "animated": "Took the first picture of {} animated images.",
    "turned": "Turned {} images as their EXIF orientation says.",
    "scaled": "Scaled the values of {} images from 16 bits to 8.",
    "dim": "{} images of 16 bits use 12 bits or fewer, and are nearly black: save them brighter.",
    "converted": "Converted {} images from inks (CMYK) or another colour space to RGB.",
    "transparent": f"Put {{}} images with transparent pixels on {BACKGROUND}.",
}


@dataclass(frozen=True)
class Decoded:
    """One image: uint8 (side, side) if it is grey, (side, side, 3) if it has colour."""

    pixels: np.ndarray
    size: tuple[int, int]  # of the file, in pixels
    changes: tuple[str, ...]  # keys of CHANGES, or "fitted"


@dataclass
class Counts:
    """What decoding found: how many images were changed, and how common each size is."""

    changes: Counter = field(default_factory=Counter)
    sizes: Counter = field(default_factory=Counter)
    plain: int = 0  # images of one single grey or colour

    def add(self, image: Decoded) -> None:
        """Count one more image."""
        self.changes.update(image.changes)
        self.sizes[image.size] += 1
        self.plain += bool((image.pixels == image.pixels[0, 0]).all())


@contextmanager
def open_image(
    source: Path | io.BytesIO, formats: Sequence[str] = FORMATS, name: str | None = None
) -> Iterator[Image.Image]:
    """Open an image; whatever goes wrong with it becomes a `DataError` that names it."""
    path = source if name is None else name
    try:
        with Image.open(source, formats=formats) as image:
            if image.width * image.height > (Image.MAX_IMAGE_PIXELS or float("inf")):
                # Up to twice its limit Pillow itself only warns.
                raise Image.DecompressionBombError
            yield image
    except Image.DecompressionBombError as error:
        raise DataError(f"The image {path} has too many pixels; shrink or delete it.") from error
    except UnidentifiedImageError as error:
        raise DataError(
            f"The file {path} is no {', '.join(formats[:-1])} or {formats[-1]} image; "
            "delete it or save it anew as PNG."
        ) from error
    except Exception as error:  # decoders raise nearly everything for damaged files
        raise DataError(
            f"The image {path} is damaged or cannot be read ({one_line(error)}); "
            "delete it or get it anew."
        ) from error


def grey_or_rgb(image: Image.Image) -> tuple[Image.Image, tuple[str, ...]]:
    """Return the image in mode L or RGB, and which of `CHANGES` that was."""
    if image.mode.startswith("I"):
        # Pillow cuts such values off at 255 when it converts them; they are to be scaled.
        wide = np.clip(np.asarray(image), 0, 65535).astype(np.uint32)
        dim = ("dim",) if 0 < wide.max() < 4096 else ()
        return Image.fromarray(((wide + 128) // 257).astype(np.uint8)), ("scaled", *dim)
    if image.has_transparency_data:
        layer = image.convert("RGBA")
        background = Image.new("RGBA", layer.size, BACKGROUND)
        seen_through = layer.getchannel("A").getextrema()[0] < 255
        flat = Image.alpha_composite(background, layer).convert("RGB")
        return flat, ("transparent",) if seen_through else ()
    if image.mode in ("L", "1"):
        return image.convert("L"), ()
    return image.convert("RGB"), () if image.mode in ("RGB", "P", "RGBA", "LA") else ("converted",)


def read_image(file: Path, side: int, channels: int) -> np.ndarray:
    """Read any image file as those of a data set are read: uint8 (side, side, channels).

    It is cut to a square and resized to `side` pixels; 1 channel is grey, 3 are RGB.
    """
    pixels = decode(file, side).pixels
    if channels == 1 and pixels.ndim == 3:
        pixels = np.asarray(Image.fromarray(pixels).convert("L"))
    return np.repeat(pixels[..., np.newaxis], channels, axis=-1) if pixels.ndim == 2 else pixels


def decode(path: Path, side: int) -> Decoded:
    """Read one image as a square of `side` pixels."""
    with open_image(path) as image:
        size = image.size
        changes = ["animated"] if getattr(image, "n_frames", 1) > 1 else []
        turn = image.getexif().get(ExifTags.Base.Orientation)
        for kept in ("exif", "Raw profile type exif"):  # or Pillow writes it anew, if it can
            image.info.pop(kept, None)
        changes += ["turned"] if turn in range(2, 9) else []  # 1 is upright; some cameras write 0
        ImageOps.exif_transpose(image, in_place=True)
        plain, change = grey_or_rgb(image)
        if plain.size != (side, side):
            plain = ImageOps.fit(plain, (side, side))
            changes.append("fitted")
        pixels = np.asarray(plain)
    if pixels.ndim == 3 and (pixels == pixels[..., :1]).all():
        pixels = pixels[..., 0]
    return Decoded(pixels, size, (*changes, *change))


def likely_side(listing: Listing) -> int:
    """Return the side in pixels that images will get, judged by about 100 of them.

    Opening all files only to see their sizes would take FER-2013 as long as half the decoding.
    """
    sizes: Counter[tuple[int, int]] = Counter()
    for path in listing.paths[:: max(1, len(listing.files) // 100)]:
        with open_image(path) as image:
            sizes[image.size] += 1
    return common_side(sizes)


def common_side(sizes: Counter[tuple[int, int]]) -> int:
    """Return the shorter side of the most common size in pixels, at most 224.

    Of sizes that are equally common, the one with the longest shorter side counts. If not even a
    tenth of the images have one size, as faces that were cut out of photos, it is chance which is
    the most common: then the median of the shorter sides counts.
    """
    size = max(sizes, key=lambda size: (sizes[size], min(size)))
    side = min(size)
    if sizes[size] < sizes.total() / 10:
        side = int(np.median([min(each) for each in sizes.elements()]))
    return min(side, LARGEST_SIDE)


def decode_split(
    listing: Listing, target: Path, side: int, channels: int, progress: Progress | None
) -> Counts | None:
    """Write all images of a split to the file `target` as uint8 (n, side, side, channels).

    None comes back if an image has colour although one channel was asked for.
    """
    paths = listing.paths
    shape = (len(paths), side, side, channels)
    header = {"descr": "|u1", "fortran_order": False, "shape": shape}
    counts = Counts()
    # Chunks, because handing over single small images takes longer than decoding them.
    chunks = [range(start, min(start + 64, len(paths))) for start in range(0, len(paths), 64)]
    pool = ThreadPoolExecutor(min(8, os.cpu_count() or 1))
    try:
        several = (chunks[first : first + 32] for first in range(0, len(chunks), 32))
        # no more at once: decoded images wait in memory where writing is slower
        done = (
            pool.map(lambda rows: [decode(paths[row], side) for row in rows], some)
            for some in several
        )
        images = chain.from_iterable(chain.from_iterable(done))
        description = f"Reading {listing.folder.name}"
        # A memory map would end the whole process when the disk is full; a plain file complains.
        with target.open("wb") as file:
            np.lib.format.write_array_header_1_0(file, header)
            for image in with_progress(images, progress, len(paths), description):
                if image.pixels.ndim > 2 and channels == 1:
                    return None
                grey_to_all = np.broadcast_to(image.pixels.reshape(side, side, -1), shape[1:])
                file.write(np.ascontiguousarray(grey_to_all))
                counts.add(image)
    finally:
        pool.shutdown(cancel_futures=True)
    return counts
