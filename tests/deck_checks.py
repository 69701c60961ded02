"""Looks at a deck of slides as the people in the room do: in a browser, without a network."""

import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Browser, BrowserContext, sync_playwright

CHROMIUM = Path(os.environ.get("COURSE_CHROMIUM", "/usr/bin/chromium"))
WIDTH, HEIGHT, STRIP = 1280, 720, 60  # the strip at the bottom holds arrows and number
EVERY = 6  # slides of which one is looked at pixel by pixel
LOOK = """() => {
  const slide = Reveal.getCurrentSlide();
  const boxes = [...slide.querySelectorAll("img,pre,p,table,h1,h2,h3,li,summary")]
    .filter((one) => one.checkVisibility()).map((one) => one.getBoundingClientRect())
    .filter((box) => box.width && box.height);
  const edge = (side, choose) => choose(...boxes.map((box) => box[side]));
  const seen = (box) => slide.contains(document.elementFromPoint(
    box.left + box.width / 2, box.top + box.height / 2));
  return {
    things: boxes.length, seen: boxes.filter(seen).length,
    left: edge("left", Math.min), top: edge("top", Math.min),
    right: edge("right", Math.max), bottom: edge("bottom", Math.max),
    scale: Number(slide.firstElementChild.style.zoom),
    empty: [...slide.querySelectorAll("img")].filter((one) => !one.naturalWidth).length,
  };
}"""


@contextmanager
def chromium() -> Iterator[Browser]:
    """Yield Debian's Chromium; skip without one, unless it is required to be there."""
    if not CHROMIUM.is_file():
        reason = f"there is no browser at {CHROMIUM} (COURSE_CHROMIUM names another)"
        (pytest.fail if os.environ.get("COURSE_REQUIRE_BROWSER") == "1" else pytest.skip)(reason)
    with sync_playwright() as playwright:
        camera = ("--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream")
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", *camera]
        )
        yield browser
        browser.close()


@contextmanager
def offline_browser() -> Iterator[BrowserContext]:
    """Yield Chromium without a network, as large as a slide."""
    with chromium() as browser:
        size = {"width": WIDTH, "height": HEIGHT}
        yield browser.new_context(viewport=size, offline=True)


def check_deck(context, deck: Path, smallest_scale: float) -> int:
    """Assert that each slide shows its content whole, large enough; return how many there are."""
    page = context.new_page()
    complaints = []
    page.on("console", lambda said: said.type == "error" and complaints.append(said.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(deck.as_uri())
    page.wait_for_selector("body[data-ready=yes]")
    total = page.evaluate("Reveal.getTotalSlides()")
    for number in range(total):
        look = page.evaluate(LOOK)
        where = (deck.name, number + 1, look)
        assert look["things"] and look["seen"] == look["things"], where
        assert look["left"] >= 0 and look["top"] >= 0, where
        assert look["right"] <= WIDTH and look["bottom"] <= HEIGHT - STRIP + 1, where
        assert look["scale"] >= smallest_scale and not look["empty"], where
        if number % EVERY == 0:
            assert _ink(page) > 0.001, where
        page.evaluate("Reveal.next()")
    assert complaints == []
    page.close()
    return total


def _ink(page) -> float:
    """Return the share of the slide's pixels that are not white."""
    area = {"x": 0, "y": 0, "width": WIDTH, "height": HEIGHT - STRIP}
    pixels = np.asarray(Image.open(io.BytesIO(page.screenshot(clip=area))).convert("L"))
    return float((pixels < 200).mean())
