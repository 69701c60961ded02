"""The checks of notebook 2."""

from collections.abc import Callable
from typing import Any

import numpy as np

from emotions.exercises.verdict import UnusableError, Verdict, call, exercise, judge, number, same
from emotions.network.inputs import VGGFACE_MEAN


@exercise("Replace the three dots by a number: what is left of 255 in the channel red?")
def white_in_red(answer: Any) -> Verdict:
    """Check the network's input for a white pixel, in the channel red."""
    blue, green, red = VGGFACE_MEAN
    return judge(
        number(answer),
        255 - red,
        f"255 - {red:.1f}. The same pixel is {255 - blue:.1f} in blue: not grey any more.",
        (255 - blue, "This is the channel blue. VGG-Face reads blue, green, red: red comes last."),
        (255 - green, "This is the channel green. VGG-Face reads blue, green, red."),
        (red - 255, "The sign is turned: the mean is subtracted from the pixel."),
        (255, "The mean of the channel is still to be subtracted."),
        (1, "This is the seed's [0, 1]. VGG-Face was trained on 0 to 255 with the mean taken off."),
        otherwise="Take the mean of the channel red from 255: `preprocessing.VGGFACE_MEAN` has the "
        "means in the order blue, green, red.",
        tolerance=0.5,
    )


@exercise("Replace the three dots by a number of pixels. Change `sizes` above and run it again.")
def smallest_input(answer: Any) -> Verdict:
    """Check the smallest input side with which `pool5` keeps 3x3 positions."""
    side = number(answer)
    if not side.is_integer() or side < 1:
        raise UnusableError("A side is a whole number of pixels.")
    positions = int(side) // 32
    if positions < 3:
        rest = " A side that is no multiple of 32 loses its rest." if side > 64 else ""
        return Verdict(False, f"With {side:.0f} pixels pool5 keeps {positions}x{positions}: five "
                       f"layers halve the side, each rounded down.{rest}")  # fmt: skip
    if positions > 3:
        return Verdict(False, f"With {side:.0f} pixels pool5 keeps {positions}x{positions} "
                       "positions: smaller is enough.")  # fmt: skip
    if side > 96:
        return Verdict(False, f"{side:.0f} pixels give 3x3, but fewer do so too: the halving "
                       "rounds down. What is the smallest side?")  # fmt: skip
    return Verdict(True, "3 x 2 x 2 x 2 x 2 x 2 = 96. Four times the work of 48 pixels, for nine "
                   "positions instead of one.")  # fmt: skip


@exercise("Write the function: it returns how many rows on the right have a copy on the left.")
def leaked(answer: Callable[[np.ndarray, np.ndarray, np.ndarray], int]) -> Verdict:
    """Check a function of copy groups and two lists of rows: how many rows on the right leak."""
    groups = np.array([7, 7, 3, 4, 4, 4, 9, 9, 1, 7, 4])
    left, right = np.array([0, 2, 3, 6, 9, 10]), np.array([1, 4, 5, 7, 8])
    return judge(
        number(call(answer, groups, left, right)),
        4,
        "Four of five images on the right were learnt from, pixel for pixel. With groups kept "
        "together the function gives 0.",
        (0, "You compare row numbers. No row is on both sides; a copy has another row. Compare "
         "`groups[left]` with `groups[right]`."),
        (3, "You count pictures. Two rows on the right are copies of the same one: count rows."),
        (5, "You count rows on the left, or all of the right. Which rows of `right` have their "
         "group among `groups[left]`?"),
        (0.8, "This is the share; the number of rows is asked for."),
        otherwise="For each row on the right ask whether its group is among the groups of the "
        "left: `np.isin` does that.",
    )  # fmt: skip


@exercise("Repair the function: for now it returns nothing.")
def repaired_input(answer: Callable[[np.ndarray], np.ndarray]) -> Verdict:
    """Check a function from a grey image to VGG-Face's input."""
    grey = np.linspace(0, 255, 12).reshape(3, 4)
    try:
        found = np.asarray(call(answer, grey.copy()), dtype=float)
    except (TypeError, ValueError, OverflowError):
        raise UnusableError("Return an array of numbers.") from None
    if found.shape != (3, 4, 3):
        shape = "x".join(map(str, found.shape)) or "a single number"
        return Verdict(False, f"A face of 3x4 pixels gives {shape}; the network reads three "
                       "channels, 3x4x3. `np.stack` puts the grey picture on itself, axis=-1 makes "
                       "the channels the last axis.")  # fmt: skip
    three, mean = np.stack([grey] * 3, axis=-1), np.array(VGGFACE_MEAN)
    if same(found, three - mean, 0.5):
        return Verdict(True, "0 to 255 with the mean of VGG-Face's faces taken off. What the "
                       "first layer learnt to see is there again.")  # fmt: skip
    mistakes = (
        (three / 255, "This is the seed's recipe: all faces arrive between 0 and 1, where the "
         "network learnt from numbers on both sides of 0, far apart."),
        (three / 255 - mean, "The pixels are divided by 255, the mean is not: what arrives is the "
         "mean and nothing else, every face nearly the same black."),
        ((three - mean) / 255, "The mean is right. The division by 255 is too much: VGG-Face "
         "learnt from differences of up to 255."),
        (three - mean[::-1], "The order is turned: the means are blue, green, red, and so are the "
         "channels."),
        (three - mean.mean(), "One mean for all channels; VGG-Face has one for each."),
        (three, "The mean is still to be subtracted."),
    )  # fmt: skip
    otherwise = (
        f"Black should become {-mean[0]:.1f} in blue; yours is {found[0, 0, 0]:.3g}. White should "
        f"become {255 - mean[0]:.1f}; yours is {found[-1, -1, 0]:.3g}."
    )
    remarks = (remark for value, remark in mistakes if same(found, value, 0.005))
    return Verdict(False, next(remarks, otherwise))
