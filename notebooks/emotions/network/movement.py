"""What moves when a network trains: how far the weights of each layer went from where they were."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import pandas as pd

from emotions.network.quiet_keras import keras


class Movement:
    """Remembers the weights of a model, and of those inside it, to compare later ones with.

    Of variables in `start` it is the value there that counts, not what they hold by now.
    """

    def __init__(
        self, model: keras.Model, start: Sequence[tuple[keras.Variable, np.ndarray]] = ()
    ) -> None:
        known = {id(variable): value for variable, value in start}
        self._layers = {layer.name: layer for layer in _with_kernel(model)}
        self._before = {name: _weights(layer, known) for name, layer in self._layers.items()}

    def table(self) -> pd.DataFrame:
        """Return for each layer its relative `change`, and whether it `learns`."""
        rows = {
            name: {
                "change": relative_change(self._before[name], _weights(layer, {})),
                "learns": bool(layer.trainable_weights),
            }
            for name, layer in self._layers.items()
        }
        return pd.DataFrame.from_dict(rows, orient="index").rename_axis("layer")


def _with_kernel(layer: keras.layers.Layer) -> Iterator[keras.layers.Layer]:
    """Yield the convolutions and dense layers of a model and of the models inside it."""
    if hasattr(layer, "kernel"):
        yield layer
    for part in getattr(layer, "layers", ()):
        yield from _with_kernel(part)


def _weights(layer: keras.layers.Layer, known: Mapping[int, np.ndarray]) -> np.ndarray:
    """Return a layer's weights in a row, those that are known by their variable's id as known."""
    values = [known.get(id(one), one) for one in layer.weights]
    return np.concatenate([keras.ops.convert_to_numpy(x).astype("f4").ravel() for x in values])


def relative_change(before: np.ndarray, after: np.ndarray) -> float:
    """Return the length of the difference over the length before.

    0 is no change at all, 1 is as far as it was from 0.
    """
    return float(np.linalg.norm(after - before) / max(np.linalg.norm(before), 1e-12))
