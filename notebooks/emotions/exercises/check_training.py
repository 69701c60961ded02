"""The checks of notebook 4."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from emotions.exercises.verdict import UnusableError, Verdict, call, exercise, judge, number, pair


@exercise("Replace the three dots by a number: minus the logarithm of what?")
def first_loss(answer: Any, classes: int) -> Verdict:
    """Check the cross-entropy of a network that gives every emotion the same probability."""
    wanted = float(np.log(classes))
    return judge(
        number(answer),
        wanted,
        f"-ln(1/{classes}) = {wanted:.2f}. A first loss far above it points to a mistake in the "
        "input or the learning rate; a loss that stays at it, to a network that learns nothing.",
        (1 / classes, "This is the probability of the right emotion. The loss is minus its "
         "logarithm."),
        (-wanted, "The sign is turned: the loss is *minus* the logarithm."),
        (np.log2(classes), "This is the logarithm to the base 2; Keras takes the natural one."),
        (np.log10(classes), "This is the logarithm to the base 10; Keras takes the natural one, "
         "`np.log`."),
        (1 - 1 / classes, "This is the share of wrong answers. The loss asks how improbable the "
         "right one was: minus a logarithm."),
        (classes * wanted, "The loss looks at the probability of the right emotion only. Do not "
         "sum over the emotions."),
        otherwise=f"Each of {classes} emotions gets the probability 1/{classes}. The loss of one "
        "image is minus the natural logarithm of what its own emotion got.",
        tolerance=0.005,
    )  # fmt: skip


@exercise("Replace the three dots by two epochs, counted from 1: (by accuracy, by loss).")
def best_epochs(answer: Any, history: pd.DataFrame) -> Verdict:
    """Check which epochs, counted from 1, are best by validation accuracy and validation loss."""
    if not len(history):
        raise UnusableError("No epoch has run yet: train first.")
    epochs = pair(answer, "Two epochs belong here, as (3, 2): by accuracy, by loss.")
    at = {name: values.to_numpy() for name, values in history.items()}
    accuracy, loss = at["val_accuracy"].argmax() + 1, at["val_loss"].argmin() + 1
    agree = "the same epoch" if accuracy == loss else "not the same epoch"
    return judge(
        epochs,
        [accuracy, loss],
        f"{agree.capitalize()}. Loss also asks how sure the network is: it can rise while the "
        "accuracy still stands, when wrong answers become surer.",
        ([accuracy - 1, loss - 1], "You count from 0, as numpy does; the table counts epochs from "
         "1."),
        ([at["accuracy"].argmax() + 1, at["loss"].argmin() + 1], "You look at the training "
         "images. They say how well the network remembers: take the columns val_."),
        ([accuracy, at["val_loss"].argmax() + 1], "The second one is the epoch with the highest "
         "loss: the lowest is the best."),
        ([loss, accuracy], "The two are swapped: first by accuracy, then by loss."),
        ([at["val_accuracy"].max(), at["val_loss"].min()], "These are the values. In which epochs "
         "were they reached? `idxmax` and `idxmin` say so."),
        ([len(history), len(history)], "This is the last epoch. The best one may have been "
         "earlier."),
        otherwise="In `run.history` look for the row with the highest val_accuracy, and for the "
        "one with the lowest val_loss. If there are several, take the first.",
    )  # fmt: skip


@exercise("Write the function: it returns one number for each emotion.")
def recall_per_emotion(answer: Callable[[np.ndarray], np.ndarray]) -> Verdict:
    """Check a function from a confusion matrix to the recall of each emotion."""
    matrix = np.array([[6, 2, 2], [1, 3, 0], [5, 5, 10]])  # a row per true emotion
    right, rows, columns = np.diag(matrix), matrix.sum(axis=1), matrix.sum(axis=0)
    return judge(
        call(answer, matrix.copy()),
        right / rows,
        "Of the faces of one emotion, how many were found? Their plain mean is the balanced "
        "accuracy.",
        (right / columns, "This is the precision: you divide by the columns, by how often an "
         "emotion was *called*. Divide by the rows, by how often it was *there*."),
        (right / matrix.sum(), "You divide by all images. Each emotion is to be divided by its "
         "own."),
        (right, "This is how many were found. Divide by how many there are in each row."),
        (right.sum() / matrix.sum(), "This is the accuracy, one number for all. One number for "
         "each emotion is asked for."),
        ((right / rows).mean(), "This is the mean over the emotions. One number for each of them "
         "is asked for."),
        (matrix / matrix.sum(axis=1, keepdims=True), "Each row is divided by its sum: very good. "
         "Now take the diagonal of it."),
        (1 - right / rows, "This is the share that was missed."),
        otherwise="The diagonal counts the faces that were found, the sum of a row all faces of "
        "that emotion: `np.diag(matrix)` and `matrix.sum(axis=1)`.",
    )  # fmt: skip


@exercise("Write the function: it returns half the width of the interval, a share from 0 to 1.")
def half_width(answer: Callable[[float, int], float]) -> Verdict:
    """Check a function from accuracy and number of images to half a 95 % interval."""
    share, images = 0.4, 1000
    error = float(np.sqrt(share * (1 - share) / images))
    return judge(
        number(call(answer, share, images)),
        1.96 * error,
        f"With {images:,} images an accuracy of {share:.0%} is sure to ± {1.96 * error:.1%}. For "
        "half of that you need four times the images.",
        (2 * error, "2 is the rounded factor; take 1.96."),
        (error, "This is one standard error. 95 % need 1.96 of them."),
        (2 * 1.96 * error, "This is the whole width; half of it is asked for."),
        (1.96 * error**2, "The square root is missing."),
        (1.96 * np.sqrt(share * (1 - share)) / images, "The number of images stands below the "
         "square root too."),
        (1.96 * np.sqrt(share / images), "Below the root stands share x (1 - share): an accuracy "
         "of 100 % leaves no doubt about its images."),
        otherwise="The standard error is the square root of share x (1 - share) / images; take "
        "1.96 of it.",
        tolerance=1e-5,
    )  # fmt: skip


@exercise("The function returns nothing: is its `return matrix` still there?")
def counted(answer: Callable[[np.ndarray, np.ndarray, int], np.ndarray]) -> Verdict:
    """Check a function that counts confusions: a row per true class, a column per guess."""
    true, guess = np.array([0, 0, 0, 1, 1, 2, 2, 2]), np.array([0, 0, 1, 1, 2, 2, 2, 2])
    wanted = np.zeros((3, 3))
    np.add.at(wanted, (true, guess), 1)
    once = (wanted > 0).astype(float)
    return judge(
        call(answer, true, guess, 3),
        wanted,
        "All images are counted. That the sum of the matrix is the number of images is a check "
        "that costs one line.",
        (once.T, f"Two things are wrong. Of {len(true)} images you count {once.sum():.0f}, each "
         "cell at most once. And two faces of class 1, of which one was called 2, do not stand in "
         "row 1."),
        (once, f"Of {len(true)} images you count {once.sum():.0f}: `+= 1` with lists of places "
         "adds to each cell once. `np.add.at` adds every time."),
        (wanted.T, "All images are counted, but rows and columns are swapped: a row is the true "
         "emotion, or recall and precision change places."),
        (wanted / len(true), "These are shares; counts are asked for."),
        (np.diag(np.diag(wanted)), "You count the right answers only."),
        otherwise=f"The sum of the matrix should be {len(true)}, one for each image; the row is "
        "the true class, the column the guess.",
    )  # fmt: skip
