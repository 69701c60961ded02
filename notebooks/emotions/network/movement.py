"""What moves when a network trains: how far the weights of each layer went from where they were."""

from collections.abc import Iterator

import numpy as np
import pandas as pd

from emotions.network.quiet_keras import keras


class Movement:
    """Remembers the weights of a model as they are now, to compare later ones with.

    Parameters
    ----------
    model
        Any; of models inside it every layer counts.
    """

    def __init__(self, model: keras.Model) -> None:
        self._layers = {layer.name: layer for layer in _with_kernel(model)}
        self._before = {name: _weights(layer) for name, layer in self._layers.items()}

    def table(self) -> pd.DataFrame:
        """Return how far each layer has moved.

        Returns
        -------
        pandas.DataFrame
            A row per layer in the order of the network: `change`, the length of the difference
            over the length of the weights before (0: not at all, 1: as far as they were from 0),
            and `learns`, whether it is allowed to move.
        """
        rows = {
            name: {
                "change": _distance(self._before[name], _weights(layer)),
                "learns": bool(layer.trainable_weights),
            }
            for name, layer in self._layers.items()
        }
        return pd.DataFrame.from_dict(rows, orient="index").rename_axis("layer")


def _with_kernel(layer: keras.layers.Layer) -> Iterator[keras.layers.Layer]:
    """Give the convolutions and dense layers of a model and of the models inside it."""
    if hasattr(layer, "kernel"):
        yield layer
    for part in getattr(layer, "layers", ()):
        yield from _with_kernel(part)


def _weights(layer: keras.layers.Layer) -> np.ndarray:
    return np.concatenate([np.asarray(array, np.float32).ravel() for array in layer.get_weights()])


def _distance(before: np.ndarray, after: np.ndarray) -> float:
    return float(np.linalg.norm(after - before) / max(np.linalg.norm(before), 1e-12))
