"""The checks of notebook 8."""

from collections.abc import Callable
from typing import Any

import numpy as np

from emotions.exercises.verdict import Verdict, call, exercise, judge, number, same

NAMES = ("angry", "happy", "sad")


@exercise("Replace the three dots by a number: what do the probabilities of one face sum to?")
def sum_of_all(answer: Any) -> Verdict:
    """Check the sum of all probabilities in the table of a photo with three faces."""
    return judge(
        number(answer),
        3,
        "1 for each face. Even a face without any expression gets all of its 100 %: the "
        "classifier cannot say *none of these*.",
        (1, "That is one face. Each of the three is asked on its own."),
        (7, "There are seven probabilities for each face; together they are 1."),
        (21, "That is how many numbers the table has. What is their sum?"),
        (300, "These are percentages; as shares it is a hundredth of that."),
        otherwise="One row for each face, and each row sums to 1.",
    )


@exercise("Write the function: it returns left, top, width and height.")
def square(answer: Callable[[int, int, int, int], tuple[int, int, int, int]]) -> Verdict:
    """Check a function that makes the smallest square with the same middle around a box."""
    box = (100, 50, 40, 60)
    found, wide = call(answer, *box), call(answer, 100, 50, 60, 40)
    if same(found, (90, 50, 60, 60)) and not same(wide, (100, 40, 60, 60)):
        return Verdict(False, "A box that is higher than wide becomes the right square, a wider "
                       "one does not. Take the longer side, whichever it is.")  # fmt: skip
    return judge(
        found,
        (90, 50, 60, 60),
        "Nothing of the face is cut off and nothing is stretched. Training faces were square too.",
        ((100, 50, 60, 60), "It has the right size, but it grew to the right only: the middle "
         "moved. Go half of the difference to the left."),
        ((100, 60, 40, 40), "This square cuts off forehead and chin: take the longer side."),
        ((100, 50, 40, 40), "This cuts off the chin: take the longer side, and keep the middle."),
        (box, "This is the box as it was. At 48x48 its face would be stretched."),
        ((110, 50, 60, 60), "You move to the right; the middle stays if you move to the left."),
        ((80, 50, 60, 60), "You move by the whole difference; half of it is on each side."),
        otherwise="The side is the longer of width and height; the middle stays where it is.",
    )  # fmt: skip


@exercise("The function returns nothing: is its `return` still there?")
def careful(answer: Callable[[np.ndarray, tuple[str, ...], float], str]) -> Verdict:
    """Check a function that names an emotion, or says that it is unsure."""
    faces = np.array([[0.9, 0.05, 0.05], [0.05, 0.9, 0.05], [0.3, 0.3, 0.4], [0.4, 0.35, 0.25]])
    found = [call(answer, face, NAMES, 0.6) for face in faces]
    return judge(
        found,
        ["angry", "happy", "unsure", "unsure"],
        "A classifier that may keep silent is right more often when it speaks.",
        (["unsure", "happy", "sad", "unsure"], "Angry with a probability of 0.9 becomes 'unsure', "
         "sad with 0.4 gets its name: what is compared with the threshold?"),
        (["unsure", "unsure", "sad", "angry"], "It is the wrong way round: you name what is "
         "below the threshold."),
        (["angry", "happy", "sad", "angry"], "It always names an emotion: when does it say "
         "'unsure'?"),
        (["unsure"] * 4, "It never names an emotion: 0.9 is above the threshold of 0.6."),
        otherwise="If the largest probability is at least the threshold, return its name; else "
        "return 'unsure'.",
    )  # fmt: skip
