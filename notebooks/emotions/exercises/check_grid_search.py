"""The checks of notebook 5."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from emotions.exercises.verdict import UnusableError, Verdict, call, exercise, judge, number


@exercise("Replace the three dots by a number: combinations, folds, and then?")
def count_all_fits(answer: Any) -> Verdict:
    """Check the number of trainings of a grid of 3 x 2 x 4 values with 5 folds."""
    return judge(
        number(answer),
        121,
        "24 combinations x 5 folds, and the best one once more on all training images. One more "
        "parameter with three values, and it would be 361.",
        (120, "One is missing: at the end `GridSearchCV` trains the best combination again, on "
         "all training images."),
        (24, "These are the combinations. Each is trained once for each fold."),
        (25, "The last training is counted. But each combination is trained once for each fold."),
        (45, "You add the values, 3 + 2 + 4. Every value meets every other one: multiply."),
        (46, "You add the values, 3 + 2 + 4. Every value meets every other one: multiply."),
        (9, "You add the values; multiply them, and think of the folds."),
        (29, "The folds multiply: each combination is trained on every one of them."),
        otherwise="3 x 2 x 4 combinations, each with 5 folds, then one last training.",
    )  # fmt: skip


@exercise("Replace the three dots: `table.groupby(name)['mean']` has what you need.")
def best_of_each(answer: Any, table: pd.DataFrame, name: str) -> Verdict:
    """Check a Series or dictionary from each value of one parameter to its best accuracy.

    The table has a row per combination, with its parameters and `mean`.
    """
    try:
        found = pd.Series(answer, dtype=float).sort_index()
    except (TypeError, ValueError, OverflowError):
        raise UnusableError(f"One accuracy for each value of {name} belongs here.") from None
    means = table.groupby(name)["mean"]
    wanted = means.max()
    if list(found.index) != list(wanted.index):
        values = ", ".join(map(str, wanted.index))
        raise UnusableError(f"One accuracy for each value of {name} belongs here: {values}.")
    gap = wanted.max() - wanted.min()
    return judge(
        found,
        wanted,
        f"Between the best values of {name} lie {gap:.1%}; between their means "
        f"{means.mean().max() - means.mean().min():.1%}. A bad partner spoils a mean, and you "
        "would use the value with its best partner.",
        (means.mean(), "This is the mean over all partners, the bad ones too. You would use a "
         "value with its best partner: take the largest."),
        (means.min(), "This is the worst combination of each value."),
        (means.median(), "This is the median over all partners; take the largest."),
        (table.groupby(name)["spread"].max(), "This is the spread; take the column `mean`."),
        (means.size(), "This is how many combinations there are; take their largest mean."),
        otherwise="For each value take the largest number in the column `mean`.",
    )  # fmt: skip


@exercise("Write the function: it returns how many combinations are as good as the best.")
def as_good(answer: Callable[[np.ndarray, np.ndarray], int]) -> Verdict:
    """Check a function that counts the combinations within one spread of the best one."""
    means = np.array([0.31, 0.41, 0.35, 0.42, 0.36, 0.40, 0.37, 0.32, 0.38])
    spreads = np.array([0.105, 0.03, 0.03, 0.08, 0.04, 0.05, 0.04, 0.06, 0.07])
    best = means.argmax()
    wanted = int((means > means[best] - spreads[best]).sum())
    return judge(
        number(call(answer, means.copy(), spreads.copy())),
        wanted,
        f"{wanted} of {len(means)}, the best one included. Among them take the one that costs "
        "least.",
        (wanted - 1, "You leave out the best one itself: it is as good as itself."),
        (int((means + spreads > means[best]).sum()), "You take each combination's own spread: then "
         "the most uncertain ones look good. The spread of the best one is the measure."),
        (int((means > means[best] - spreads.max()).sum()), "You take the largest of all spreads; "
         "take the one of the best combination."),
        (int((means >= means[best] - spreads.mean()).sum()), "You take the mean of all spreads; "
         "take the one of the best combination."),
        (int((means > means[0] - spreads[0]).sum()), "You take the first row as the best. Here the "
         "rows are in no order: `means.argmax()` finds it."),
        (len(means) - wanted, "This is how many are worse. Turn the condition."),
        (1, "This is the best one alone. Which others are less than its spread behind?"),
        otherwise="Find the best mean. Subtract *its* spread. Count the means above that.",
    )  # fmt: skip


@exercise("The function returns nothing: is its `return` still there?")
def honest_score(answer: Callable[[np.ndarray, np.ndarray], float]) -> Verdict:
    """Check a function that chooses one of many models and reports its test accuracy."""
    random = np.random.default_rng(2013)
    validation, test = random.binomial(200, 0.4, (2, 40)) / 200  # forty equally good models
    found = call(answer, validation.copy(), test.copy())
    gain = test.max() - 0.4
    return judge(
        number(found),
        test[validation.argmax()],
        f"All 40 models of the check are right in 40 % of the cases. Choosing on the test images "
        f"would have reported {test.max():.1%}: {gain:.1%} of pure luck.",
        (test.max(), f"You choose on the test images: {test.max():.1%}, though each of the 40 "
         "models of the check is right in 40 % of the cases."),
        (validation.max(), "This is the validation accuracy of the winner. It was chosen for "
         "being high there; report its *test* accuracy."),
        (validation[test.argmax()], "The two are swapped: the validation split chooses, the test "
         "images report."),
        (test.mean(), "This is the mean of all models; report the chosen one."),
        (test[-1], "This is the last model; choose by validation accuracy."),
        (int(validation.argmax()), "This is the number of the model; report its test accuracy."),
        (test[((validation + test) / 2).argmax()], "Half of your choice still looks at the test "
         "images. Only the validation split may choose."),
        otherwise="Which model has the highest validation accuracy? Report `test` of that one.",
    )  # fmt: skip
