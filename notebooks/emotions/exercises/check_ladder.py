"""The checks of notebook 6."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from emotions.exercises.verdict import UnusableError, Verdict, call, exercise, judge, number, pair


@exercise("Replace the three dots by two factors, as (2, 3): training first, then testing.")
def cost_of_views(answer: Any) -> Verdict:
    """Check by which factors ten averaged views lengthen training and testing."""
    return judge(
        pair(answer, "Two factors belong here, as (2, 3): training first, then testing."),
        [1, 10],
        "Views are averaged after training. Each test image passes through the network ten times.",
        ([10, 10], "Training does not change: the views are averaged when the network is ready."),
        ([10, 1], "It is the wrong way round: the views are made of *test* images."),
        ([1, 1], "Averaging is cheap, but each of the ten views has to pass through the network."),
        ([1, 2], "Two views are the image and its mirror image. Here there are ten."),
        ([1, 5], "Five places, and each of them mirrored too."),
        otherwise="When are the views made, while the network learns or after it? How many "
        "pictures pass through the network for one answer?",
    )


@exercise("Replace the three dots by the name of a rung, as it stands in the column `rung`.")
def largest_step(answer: Any, rungs: pd.DataFrame) -> Verdict:
    """Check which rung, a row per weights, gained most against the one before, for the first."""
    own = rungs[rungs["weights"] == rungs["weights"].iloc[0]]
    accuracy = own.set_index("rung")["accuracy_validation"]
    steps = accuracy.diff()
    if not isinstance(answer, str) or answer not in steps:
        raise UnusableError(f"The name of a rung belongs here: {', '.join(steps.index)}.")
    if answer == accuracy.index[0]:
        return Verdict(False, "This is the rung on which the others stand; nothing is before it.")
    words = f"{answer} changed the accuracy by {100 * steps[answer]:+.1f} points"
    if answer == steps.idxmax():
        return Verdict(True, f"{words}, more than any other rung.")
    if answer == accuracy.idxmax():
        return Verdict(
            False,
            f"{words}. It stands highest, but on the shoulders of the others: "
            "take the difference to the rung before.",
        )
    return Verdict(False, f"{words}; there is a larger step. `diff()` finds it.")


@exercise("Write the function: it returns one number.")
def deviations_apart(answer: Callable[[np.ndarray, np.ndarray], float]) -> Verdict:
    """Check a function of two recipes' accuracies over seeds: their distance in deviations."""
    first, second = np.array([0.570, 0.574, 0.566, 0.572]), np.array([0.581, 0.579, 0.586])
    gap = second.mean() - first.mean()
    deviation = first.std(ddof=1)
    return judge(
        number(call(answer, first.copy(), second.copy())),
        gap / deviation,
        "A gain of a single deviation can be the seed alone. A few of them are worth a sentence.",
        (-gap / deviation, "The sign is turned: a better second recipe should be positive."),
        (gap, "This is the gain. How many standard deviations of the first recipe is that?"),
        (gap / first.std(), "`std()` divides by n; for a few seeds take n - 1, `std(ddof=1)`."),
        (gap / second.std(ddof=1), "Take the deviation of the first recipe, the one that you want "
         "to beat."),
        (gap / first.var(ddof=1), "This is the variance; its square root is the deviation."),
        ((second.max() - first.max()) / deviation, "You compare the best seeds. Choosing the best "
         "seed is luck; take the means."),
        (gap * deviation, "Divide by the deviation."),
        otherwise="The mean of the second minus the mean of the first, divided by the standard "
        "deviation (n - 1) of the first.",
        tolerance=0.001,
    )  # fmt: skip


@exercise("The function returns nothing: is its `return` still there?")
def two_views(answer: Callable[[np.ndarray, np.ndarray], np.ndarray]) -> Verdict:
    """Check a function that answers from the probabilities of an image and its mirror image."""
    image = np.array([[0.1, 0.8, 0.1], [0.4, 0.0, 0.6], [0.5, 0.1, 0.4], [0.2, 0.5, 0.3]])
    mirror = np.array([[0.2, 0.6, 0.2], [0.8, 0.1, 0.1], [0.1, 0.1, 0.8], [0.6, 0.4, 0.0]])
    both = image + mirror
    places = (image.argmax(1) + mirror.argmax(1)) // 2
    return judge(
        call(answer, image.copy(), mirror.copy()),
        both.argmax(1),
        "The surer view counts for more. It costs no training, and it often gains a point.",
        (places, "One view says 0 (angry), the other 2 (fear), and the answer is 1: another "
         "emotion, which neither has seen."),
        (image.argmax(1), "The mirror image is not used."),
        (mirror.argmax(1), "The image itself is not used."),
        (both / 2, "These are the mean probabilities: very good. Which class is it?"),
        (both.argmax(0), "You look for the largest along the images; along the classes it is "
         "axis 1."),
        (both.max(1) / 2, "This is how sure it is. Which class is it? `argmax`, not `max`."),
        otherwise="Average the two arrays, then take the place of the largest in each row.",
    )  # fmt: skip
