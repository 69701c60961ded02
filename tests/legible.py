"""Looks at a page as somebody who reads it: each text must stand out, and none be cut off."""

import io
from pathlib import Path

import numpy as np
from PIL import Image
from playwright.sync_api import ElementHandle, Page

LEAST_CONTRAST = 4.5  # for text, WCAG 2.2, criterion 1.4.3
ENOUGH = 3  # pixels that make a text: fewer may be dirt
STRIP = 18  # pixels at the lower edge of a figure: what stands there is its footer or an axis
# Texts, what stands in fields, and the lower edge of figures: where each is on the screen. What is
# switched off need not stand out, says WCAG.
TEXTS = """([output, strip]) => {
  const found = [];
  const add = (words, box, one, kind) => {
    const [left, top, right, bottom] = [box.left, box.top, box.right, box.bottom];
    const hit = document.elementFromPoint((left + right) / 2, (top + bottom) / 2);
    const seen = hit && (one.contains(hit) || hit.contains(one)) && left >= 0 && top >= 0;
    if (seen && right - left > 3 && bottom - top > 5 && bottom <= innerHeight)
      found.push({words: words.trim().slice(0, 60), kind, left, top, right, bottom});
  };
  const texts = document.createTreeWalker(output, NodeFilter.SHOW_TEXT);
  for (let node; (node = texts.nextNode());) {
    const one = node.parentElement, range = document.createRange();
    if (!node.data.trim() || one.closest("select, style, script, :disabled")) continue;
    if (!one.checkVisibility({visibilityProperty: true})) continue;
    range.selectNodeContents(node);
    for (const box of range.getClientRects()) add(node.data, box, one, "text");
  }
  for (const one of output.querySelectorAll("input:enabled:not([type=range]), select:enabled")) {
    const box = one.getBoundingClientRect(), arrow = one.tagName === "SELECT" ? 24 : 6;
    const shown = one.value || one.placeholder;
    if (shown && one.checkVisibility())
      add(shown, new DOMRect(box.x + 4, box.y + 4, box.width - 4 - arrow, box.height - 8), one,
          "field");
  }
  for (const one of output.querySelectorAll("img")) {
    const box = one.getBoundingClientRect();
    add(one.alt, new DOMRect(box.x, box.bottom - strip, box.width, strip), one, "figure");
  }
  return found;
}"""
# Wider than its place: what one must scroll for, what is hidden, what sticks out.
CUT_OFF = """(output) => {
  const found = [], edge = output.getBoundingClientRect().right + 1;
  for (const one of [output, ...output.querySelectorAll("*:not(input, option, path)")]) {
    if (!one.checkVisibility({visibilityProperty: true})) continue;
    const hides = getComputedStyle(one).overflowX !== "visible";
    const sticks = one.getBoundingClientRect().right > edge;
    if (sticks || (hides && one.scrollWidth > one.clientWidth + 1 && one.clientWidth))
      found.push(`${one.tagName}.${one.className}: ${one.textContent.trim().slice(0, 60)}`);
  }
  return found;
}"""


def linear(colour: np.ndarray | tuple) -> np.ndarray:
    """Return colours (..., 3), 0 to 1, as linear RGB (IEC 61966-2-1)."""
    encoded = np.asarray(colour, float)
    return np.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4)


def contrast(one: np.ndarray | tuple, other: np.ndarray | tuple) -> np.ndarray:
    """Return the contrast of colours (..., 3), 0 to 1: from 1 to 21 (WCAG 2.2)."""
    lights = [linear(colour) @ (0.2126, 0.7152, 0.0722) for colour in (one, other)]
    return (np.maximum(*lights) + 0.05) / (np.minimum(*lights) + 0.05)


def contrast_of(pixels: np.ndarray) -> float:
    """Return the contrast of a text, uint8 (height, width, 3), with the ground that it stands on.

    The ground is the most frequent colour, the ink are the few pixels that differ most from it:
    smoothed edges lie between the two, and of a picture that is shown smaller no two are alike.
    """
    codes = pixels.reshape(-1, 3) @ (65536, 256, 1)  # numbers are counted faster than rows
    codes, counts = np.unique(codes, return_counts=True)
    colours = np.stack([codes >> 16, codes >> 8 & 255, codes & 255], axis=1)
    ground = colours[counts.argmax()] / 255
    found = contrast(colours / 255, ground)
    order = np.argsort(-found)
    return float(found[order][np.cumsum(counts[order]) >= ENOUGH][0])


def screenshot(page: Page, file: Path | None = None) -> np.ndarray:
    """Return what the page shows, uint8 (height, width, 3); keep it in a file, if one is named."""
    return np.asarray(Image.open(io.BytesIO(page.screenshot(path=file))).convert("RGB"))


def faint(page: Page, output: ElementHandle, file: Path | None = None) -> tuple[list[str], int]:
    """Return the texts of an output that do not stand out, and how many were looked at."""
    texts = page.evaluate(TEXTS, [output, STRIP])
    pixels, found = screenshot(page, file), []
    for text in texts:
        edges = [int(text[side]) for side in ("top", "bottom", "left", "right")]
        seen = pixels[edges[0] : edges[1] + 1, edges[2] : edges[3] + 1]
        ratio = contrast_of(seen)
        if text["kind"] == "figure":
            if ratio == 1:
                continue  # nothing is written there
            if not (seen[-2, 2] == 255).all():
                found.append(f"no white paper: {text['words']}")
        if ratio < LEAST_CONTRAST:
            found.append(f"{ratio:.1f}: {text['kind']} {text['words']!r}")
    return found, len(texts)
