"""The checks of notebook 3."""

from collections.abc import Callable
from typing import Any

import numpy as np

from emotions.exercises.verdict import UnusableError, Verdict, call, exercise, judge, number
from emotions.network.quiet_keras import keras


@exercise("Replace the three dots by a number: count the weights of both new layers.")
def head_parameters(answer: Any, inputs: int, classes: int) -> Verdict:
    """Check how many parameters a head has that makes `classes` of `inputs`, with 64 units."""
    hidden, last = inputs * 64, 64 * classes
    return judge(
        number(answer),
        hidden + 64 + last + classes,
        f"{inputs} x 64 + 64, then 64 x {classes} + {classes}. Nearly all of it is in the first "
        "layer: what feeds the head decides its size.",
        (hidden + last, f"The biases are missing: one for each of the 64 units and {classes} "
         "outputs."),
        (hidden + 64, f"This is the first new layer. The one with {classes} outputs learns too."),
        (hidden, f"This is the first layer without its biases; the one with {classes} outputs is "
         "missing."),
        (inputs + 64 + classes, "You add the sizes. Each input is joined to each unit: multiply."),
        (inputs * 64 * classes, "Two layers, one after the other: multiply within a layer, add "
         "the layers."),
        otherwise=f"{inputs} numbers go into 64 units, 64 numbers into {classes} outputs. Each "
        "layer has inputs x outputs weights, and one bias for each output.",
    )  # fmt: skip


@exercise("Replace the three dots by a number: positions times maps.")
def numbers_per_face(answer: Any) -> Verdict:
    """Check how many numbers `pool4` gives for a face of 96x96 pixels, flattened."""
    return judge(
        number(answer),
        6 * 6 * 512,
        "6 x 6 positions x 512 maps: four times what 48 pixels give. The head grows with it.",
        (512, "This is what averaging leaves: one number for each map. Flattened, each position "
         "keeps its own."),
        (6 * 6, "These are the positions of one map; pool4 has 512 maps."),
        (3 * 3 * 512, "This is pool4 with 48 pixels (or pool5 with 96). With 96 pixels the side is "
         "96 / 2 / 2 / 2 / 2."),
        (6 * 6 * 256, "The positions are right. 256 maps has pool3; pool4 has 512."),
        (6 * 512, "The maps have two sides: 6 x 6 positions."),
        (12 * 12 * 512, "You halve three times. In front of pool4 there are pool1, pool2, pool3: "
         "four halvings with its own."),
        otherwise="Four pooling layers halve 96 pixels to 6. How many maps has pool4? The table "
        "of all layers above says so.",
    )  # fmt: skip


@exercise("Write the function: it returns the list of the paths whose weights are different.")
def moved_weights(answer: Callable[[dict, dict], list[str]]) -> Verdict:
    """Check a function that compares the weights before and after a step of training."""
    before = {
        "conv/kernel": np.array([[1.0, -2.0], [0.5, 3.0]]),
        "fc/kernel": np.array([1.0, 2.0, 3.0]),
        "fc/bias": np.array([0.0, 0.0]),
        "out/kernel": np.array([3.0, 1.0]),
    }
    after = {path: values.copy() for path, values in before.items()}
    after["fc/kernel"] += [0.1, 0.0, 0.0]
    after["fc/bias"] += [0.2, -0.2]  # the changes cancel
    after["out/kernel"] -= [0.1, 0.0]
    found = call(answer, before, after)
    if isinstance(found, str) or not np.iterable(found):
        raise UnusableError(f"Return a list of paths; yours is {found!r}.")
    return judge(
        sorted(map(str, found)),
        ["fc/bias", "fc/kernel", "out/kernel"],
        "An assert on this list proves that the backbone is frozen, in every run.",
        (["fc/kernel", "out/kernel"], "fc/bias moved too: +0.2 and -0.2. Their mean is 0. Take the "
         "absolute value before you sum up, or compare element by element."),
        (["fc/bias", "fc/kernel"], "out/kernel moved too: it falls. Take the absolute value of the "
         "difference."),
        (["fc/bias", "out/kernel"], "fc/kernel moved too: it rises. Take the absolute value of the "
         "difference."),
        (["conv/kernel"], "These are the weights that stayed. Turn the condition."),
        (sorted(before), "conv/kernel holds the same numbers before and after. Two arrays with "
         "equal numbers are still two objects: compare the numbers."),
        (["fc/bias"], "fc/kernel moved too: one of its three numbers did. `np.any`, not `np.all`."),
        ([], "You find none, but three arrays changed. One number that moves is enough."),
        otherwise="Return the keys of the dictionaries, as 'fc/kernel', for the arrays that "
        "differ.",
    )  # fmt: skip


@exercise("The function returns nothing: is its `return network` still there?")
def freeze_below(answer: Callable[[keras.Model, list[str]], keras.Model]) -> Verdict:
    """Check a function that freezes all layers but those of the head, named one by one."""
    network = keras.Sequential(
        [
            keras.Input((4, 4, 1)),
            keras.layers.Conv2D(2, 3, name="conv1"),
            keras.layers.Conv2D(2, 2, name="conv2"),
            keras.layers.Flatten(name="flatten"),
            keras.layers.Dense(4, name="fc-6"),
            keras.layers.Dense(3, name="fc-3"),
            keras.layers.Dense(2, name="fc-2"),
        ]
    )
    found = call(answer, network, ["fc-3", "fc-2"])
    if not isinstance(found, keras.Model):
        raise UnusableError("Return the network itself, not one of its layers.")
    return judge(
        [layer.name for layer in found.layers if layer.trainable and layer.weights],
        ["fc-3", "fc-2"],
        "What you sewed on learns, what you kept stays. Compile after you freeze: Keras fixes at "
        "compile time what it trains.",
        ([], "Now nothing learns, the new layers neither: the loss would stay where it is, without "
         "an error."),
        (["conv1", "conv2", "fc-6", "fc-3", "fc-2"], "Nothing is frozen: the first steps of a head "
         "that knows nothing would shake the backbone."),
        (["conv1", "conv2", "fc-6"], "It is the wrong way round: the backbone learns and the head "
         "is frozen."),
        (["fc-2"], "fc-3 is frozen too. The head has two layers: ask whether the name is in "
         "`head`, not whether it is the last one."),
        (["fc-6", "fc-3", "fc-2"], "fc-6 still learns: its name is like theirs, but it is no layer "
         "of the head. Ask whether the name is in `head`."),
        otherwise="A layer learns if its name is in `head`: `layer.trainable = ...`.",
    )  # fmt: skip
