"""The checks of notebook 7."""

from collections.abc import Callable
from typing import Any

import numpy as np

from emotions.exercises.verdict import Verdict, call, exercise, judge, number


@exercise("Replace the three dots by a number from 0 to 1: what is left when all are alike?")
def very_hot(answer: Any, classes: int) -> Verdict:
    """Check the confidence that is left at a very high temperature."""
    return judge(
        number(answer),
        1 / classes,
        f"All {classes} emotions get the same. The order stays, so the accuracy stays: "
        "temperature changes how sure, never what.",
        (0.0, "The probabilities still sum to 1, so the largest cannot be 0."),
        (1.0, "That is the other end: a temperature near 0 makes every answer certain."),
        (0.5, "That would be right for two emotions."),
        (classes, "Turn it round: one divided by how many?"),
        otherwise=f"A high temperature makes {classes} probabilities alike. They sum to 1.",
        tolerance=0.005,
    )


@exercise("Replace the three dots by a number: how sure on average, minus how often right.")
def too_sure(answer: Any, labels: np.ndarray, probabilities: np.ndarray) -> Verdict:
    """Check the mean confidence minus the accuracy, a difference of shares."""
    confidence, accuracy = probabilities.max(1).mean(), (probabilities.argmax(1) == labels).mean()
    gap = float(confidence - accuracy)
    kind = "surer than it is right" if gap > 0 else "less sure than it could be"
    return judge(
        number(answer),
        gap,
        f"{confidence:.1%} sure, {accuracy:.1%} right: on these images it is {kind}.",
        (-gap, "The sign is turned: too sure should be positive."),
        (confidence, "This is the confidence. Take the accuracy away."),
        (accuracy, "This is the accuracy. Take it away from the mean confidence."),
        (probabilities.mean() - accuracy, "`mean()` over all probabilities is one divided by the "
         "number of emotions. The confidence is the *largest* of each row: `max(axis=1)` first."),
        otherwise="The mean of the largest probability of each row of `before`, minus the share of "
        "rows in which it stands at the label.",
        tolerance=1e-4,
    )  # fmt: skip


@exercise("Write the function: it returns probabilities of the same shape.")
def cooled(answer: Callable[[np.ndarray, float], np.ndarray]) -> Verdict:
    """Check a function that applies a temperature to probabilities."""
    before = np.array([[0.7, 0.2, 0.1], [0.05, 0.9, 0.05]])
    by = 2.0
    rooted, squared = before ** (1 / by), before**by
    exponential = np.exp(before / by)

    def shares(values: np.ndarray) -> np.ndarray:
        return values / values.sum(axis=1, keepdims=True)

    return judge(
        call(answer, before.copy(), by),
        shares(rooted),
        "The same as dividing the logarithms, which is where the name comes from (Guo et al. "
        "2017).",
        (rooted, "The power is right. Now the rows sum to more than 1: divide each by its sum."),
        (rooted / rooted.sum(), "You divide by the sum of everything. Each row is one face and "
         "sums to 1: `sum(axis=1, keepdims=True)`."),
        (shares(squared), "This makes it surer: 1 / temperature belongs into the power."),
        (before / by, "You divide the probabilities: then they sum to 1 / temperature. Divide "
         "their logarithms, or take a power."),
        (before, "Nothing has changed: dividing by a number and then by the sum takes it out "
         "again. Divide the logarithms, or take a power."),
        (shares(exponential), "You treat the probabilities as if they were logarithms. Take the "
         "logarithm of them first."),
        otherwise="Take each probability to the power 1 / temperature, then divide each row by "
        "its sum.",
    )  # fmt: skip


@exercise("The function returns nothing: is its `return` still there?")
def honest_temperature(answer: Callable[[Callable, tuple, tuple], float]) -> Verdict:
    """Check a function that looks for the temperature on one of two splits."""
    validation, test = ("labels to choose by", "answers to them"), ("test labels", "test answers")

    def find(labels: str, probabilities: str) -> float:
        pairs = {validation: 1.3, test: 1.7}
        return pairs.get((labels, probabilities), 0.0)

    return judge(
        number(call(answer, find, validation, test)),
        1.3,
        "What was found on the validation split is now tried on images that chose nothing.",
        (
            1.7,
            "You look for it on the test images, and then measure on the same ones how well it "
            "mends. That is tuning on the test set, with one number only.",
        ),
        (1.5, "Half of it still comes from the test images. They may only be used to measure."),
        (
            0.0,
            "Labels and answers of two different splits, or in another order: hand over both of "
            "one split, labels first.",
        ),
        otherwise="Return what `find` gives for the validation split.",
    )
