"""The checks of notebook 1."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from emotions.exercises.verdict import UnusableError, Verdict, call, exercise, judge, number, same


@exercise("Replace the three dots by a number from 0 to 1: your guess, before you calculate it.")
def balanced_floor(answer: Any, counts: pd.DataFrame) -> Verdict:
    """Check the balanced accuracy of always saying the largest class of `train` and `test`."""
    asked = counts.loc[counts["test"] > 0, "test"]
    accuracy = asked.get(counts["train"].idxmax(), 0) / asked.sum()
    balanced = 1 / len(asked)
    return judge(
        number(answer),
        balanced,
        f"One emotion is found always, the other {len(asked) - 1} never: 1/{len(asked)}. "
        f"Accuracy would say {accuracy:.1%}, because it counts images, not emotions.",
        (accuracy, "This is the accuracy: it counts images. Take the recall of each emotion first, "
         "then the mean of these."),
        (100 * accuracy, "This is the accuracy, as a percentage. Give a share from 0 to 1."),
        (0.0, "One emotion is found every time: the one that you always say. Its recall is 1."),
        (1.0, "This is the recall of the largest class alone. What is the recall of the others?"),
        otherwise="Write down the recall of each emotion: of its images, how many are found? "
        "Then take the mean of these numbers.",
        tolerance=0.005,  # two decimals will do
    )  # fmt: skip


@exercise("Replace the three dots by the names of two emotions, as ('sad', 'neutral').")
def most_alike(answer: Any, means: list[np.ndarray], classes: list[str]) -> Verdict:
    """Check which two emotions have the mean faces that differ least, `means` by class."""
    names = list(answer) if isinstance(answer, (tuple, list, set, frozenset)) else [answer]
    unknown = [name for name in names if not (isinstance(name, str) and name in classes)]
    if unknown or len(names) != 2:
        problem = f"{unknown[0]!r} is no emotion here" if unknown else f"these are {len(names)}"
        raise UnusableError(f"Two names belong here; {problem}: {', '.join(classes)}.")
    if names[0] == names[1]:
        return Verdict(False, "A mean face is always most alike to itself: leave these pairs out.")
    distances = {
        frozenset((classes[i], classes[j])): float(np.abs(means[i] - means[j]).mean())
        for i in range(len(classes))
        for j in range(i)
    }
    chosen, nearest = frozenset(names), min(distances, key=distances.__getitem__)
    words = f"{names[0]} and {names[1]} differ by {distances[chosen]:.1f} grey levels"
    if same(distances[chosen], distances[nearest]):
        return Verdict(
            True,
            f"{words} on average. Whether a classifier confuses them, "
            "only its confusion matrix says: notebook 4.",
        )
    if chosen == max(distances, key=distances.__getitem__):
        return Verdict(False, f"{words}: that is the largest difference. Look for the smallest.")
    return Verdict(
        False,
        f"{words}; there is a pair that differs less. Do you take the absolute difference before "
        "the mean? Else light and dark pixels cancel.",
    )


@exercise("Write the function: it returns the share of images that the best classifier gets right.")
def best_possible(answer: Callable[[np.ndarray, np.ndarray], float]) -> Verdict:
    """Check a function of copy groups and labels: the highest accuracy that anyone can reach."""
    groups = np.array([0, 0, 0, 0, 1, 1, 1, 2, 3, 3, 4, 5])
    labels = np.array([1, 1, 2, 2, 0, 3, 0, 2, 4, 4, 5, 6])
    return judge(
        number(call(answer, groups, labels)),
        0.75,
        "Where copies disagree, the most frequent label is the best that anyone can say. The "
        "others are lost, whatever the network.",
        (5 / 12, "You count every image of a group with two labels as lost. A classifier can still "
         "say the most frequent one of them, and be right about these."),
        (9.0, "You return how many images; a share from 0 to 1 is asked for."),
        (0.25, "This is the share that is lost. Subtract it from 1."),
        (10 / 12, "You take one image of each group with two labels as lost. Lost are all that do "
         "not have its most frequent label, in the first group two."),
        ((1 / 2 + 2 / 3 + 4) / 6, "You take the mean over the groups. A group of three images "
         "counts three times: sum over images first, divide by all images last."),
        (2 / 3, "You count the groups without a conflict. Count images: in a group with two "
         "labels the most frequent one is still right."),
        (1.0, "You find no conflict. Rows 4 to 6 of the check are copies with the labels 0, 3, 0: "
         "no classifier gets all three right."),
        otherwise="Take each group by itself: how often does its most frequent label occur? Sum "
        "this over the groups and divide by the number of images.",
    )  # fmt: skip


@exercise("Repair the function: for now it returns nothing. Keep what it returns a dictionary.")
def class_numbers(answer: Callable[[list[str]], dict[str, int]]) -> Verdict:
    """Check a function that numbers classes: the same number whatever the order of the folder."""
    train = ["happy", "sad", "angry", "fear"]  # as os.listdir may give the folders of one disk
    test = ["sad", "fear", "angry", "happy"]
    first, second = call(answer, list(train)), call(answer, list(test))
    if not (isinstance(first, dict) and isinstance(second, dict)):
        raise UnusableError("Return a dictionary from name to number, as {'angry': 0}.")
    if not all(isinstance(x, int | np.integer) for x in (*first.values(), *second.values())):
        raise UnusableError("Each name gets one whole number, as in {'angry': 0}.")
    for found in (first, second):
        if set(found) != set(train):
            return Verdict(False, f"A name is missing or new: {sorted(map(str, found))}.")
    if first != second:
        name = next(name for name in train if first[name] != second[name])
        return Verdict(False, f"{name} is {first[name]} in train and {second[name]} in test: "
                       "the number follows the order in which the disk names the "
                       "folders.")  # fmt: skip
    numbers = list(first.values())
    if len(numbers) != 4 or any(number not in numbers for number in range(4)):
        return Verdict(False, f"The numbers are {numbers}; a loss for class numbers wants 0, 1, "
                       "2, 3, each once.")  # fmt: skip
    return Verdict(
        True,
        "Now train and test agree on every disk. In the seed's recipe a network could learn happy "
        "and be marked for sad, without any error.",
    )
