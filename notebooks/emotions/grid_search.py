"""The grid search that the seed promised: scikit-learn's, over Keras heads."""

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.model_selection import GridSearchCV, StratifiedGroupKFold
from sklearn.utils.multiclass import unique_labels
from sklearn.utils.validation import check_is_fitted, validate_data

from emotions import classifier as surgery
from emotions.features import channel_statistics
from emotions.quiet_keras import keras


class HeadClassifier(ClassifierMixin, BaseEstimator):
    """The Keras head as a scikit-learn classifier with plain parameters.

    Keras' own `SKLearnClassifier` loses its epochs when scikit-learn clones it, and SciKeras does
    not work with scikit-learn 1.9; a clone of this one has all its parameters, because they are
    plain.

    Parameters
    ----------
    optimizer, learning_rate, units, dropout, batch_size, epochs
        As in `Settings`.
    random_state
        Starts weights, dropout and the order of the batches.
    """

    def __init__(
        self,
        optimizer: str = "Adam",
        learning_rate: float = 0.001,
        units: int = 256,
        dropout: float = 0.0,
        batch_size: int = 64,
        epochs: int = 50,
        random_state: int = 2013,
    ) -> None:
        self.optimizer = optimizer
        self.learning_rate = learning_rate
        self.units = units
        self.dropout = dropout
        self.batch_size = batch_size
        self.epochs = epochs
        self.random_state = random_state

    def fit(self, X: np.ndarray, y: np.ndarray) -> "HeadClassifier":  # noqa: N803
        """Train a new head on features X, float (n, channels), and labels y (n,).

        Raises
        ------
        ValueError
            If X and y do not fit together or y has only one class.
        """
        X, y = validate_data(self, X, y, dtype=np.float32)  # noqa: N806
        self.classes_ = unique_labels(y)
        if len(self.classes_) < 2:
            raise ValueError("The head needs at least two classes, but y has 1 class only.")
        self.mean_, self.variance_ = channel_statistics(X, np.arange(len(X)))
        model = self._start()
        labels = np.searchsorted(self.classes_, y)
        keras.utils.set_random_seed(self.random_state)  # decides the order of the batches
        model.fit(
            self._scaled(X), labels, batch_size=self.batch_size, epochs=self.epochs, verbose=0
        )
        self.weights_ = model.get_weights()
        return self

    def predict_proba(self, X: np.ndarray) -> np.ndarray:  # noqa: N803
        """Return probabilities (n, classes) for features X, float (n, channels)."""
        check_is_fitted(self)
        X = validate_data(self, X, dtype=np.float32, reset=False)  # noqa: N806
        model = self._shared()
        model.set_weights(self.weights_)
        parts = np.array_split(self._scaled(X), -(-len(X) // 4096))
        outputs = [keras.ops.convert_to_numpy(model(part)) for part in parts]
        return np.concatenate(outputs).astype(np.float64)

    def _scaled(self, values: np.ndarray) -> np.ndarray:
        return (values - self.mean_) / np.sqrt(self.variance_)

    def _shared(self) -> keras.Model:
        return _compiled_head(
            self.n_features_in_, len(self.classes_), self.units, self.dropout, self.optimizer
        )

    def _start(self) -> keras.Model:
        """Return the shared model as if it were new: weights, dropout, optimizer."""
        model = self._shared()
        shape = (self.n_features_in_, len(self.classes_), self.units, self.dropout)
        for variable, value in zip(
            model.variables, _new_head(*shape, self.random_state).variables, strict=True
        ):
            variable.assign(value)
        for variable in model.optimizer.variables:
            variable.assign(keras.ops.zeros_like(variable))
        model.optimizer.learning_rate = self.learning_rate
        return model

    def predict(self, X: np.ndarray) -> np.ndarray:  # noqa: N803
        """Return the most probable class of each row of features X, float (n, channels)."""
        return self.classes_[self.predict_proba(X).argmax(axis=1)]


def _new_head(
    channels: int, classes: int, units: int, dropout: float, random_seed: int
) -> keras.Model:
    """Return a head for features that are scaled already."""
    return surgery.head(
        (channels,),
        classes,
        units=units,
        dropout=dropout,
        statistics=(np.zeros(channels), np.ones(channels)),
        random_seed=random_seed,
    )


@functools.lru_cache(maxsize=32)
def _compiled_head(
    channels: int, classes: int, units: int, dropout: float, optimizer: str
) -> keras.Model:
    """Return the one model that all heads of this form take turns in.

    Keras traces a graph for every new model, which takes longer than a small head trains.
    """
    model = _new_head(channels, classes, units, dropout, random_seed=0)
    model.compile(
        surgery.OPTIMIZERS[optimizer](),
        "sparse_categorical_crossentropy",
        steps_per_execution=16,
        jit_compile=False,
    )
    model.optimizer.build(model.trainable_variables)
    return model


class FitCounter:
    """A scikit-learn callback that counts the fits of a search in a progress bar.

    Parameters
    ----------
    progress
        Makes the bar: called with `total` and `desc`, like tqdm.

    Notes
    -----
    The methods are those that scikit-learn 1.9 asks of a callback (`sklearn.callback`). Its own
    `ProgressBar` draws with rich and repaints the cell for every level of the search.
    """

    def __init__(self, progress: Callable[..., Any], fits: int) -> None:
        self.progress, self.fits = progress, fits
        self._bar: Any = None

    def setup(self, estimator: BaseEstimator, context: Any) -> None:
        """Open the bar."""
        self._bar = self.progress(total=self.fits, desc="Grid search", unit="fit")

    def on_fit_task_begin(self, estimator: BaseEstimator, context: Any) -> None:
        """Do nothing: only finished fits are counted."""

    def on_fit_task_end(self, estimator: BaseEstimator, context: Any) -> None:
        """Count one fit of one combination on one fold."""
        if context.max_subtasks == 0 and self._bar.n < self.fits:
            self._bar.update(1)

    def teardown(self, estimator: BaseEstimator, context: Any) -> None:
        """Close the bar."""
        self._bar.close()


def count_fits(grid: dict[str, list], folds: int) -> int:
    """Return the number of fits of a search: combinations times folds."""
    return int(np.prod([len(values) for values in grid.values()])) * folds


def search(
    features: np.ndarray,
    labels: np.ndarray,
    groups: np.ndarray,
    grid: dict[str, list],
    *,
    epochs: int,
    folds: int,
    random_seed: int,
    progress: Callable[..., Any],
) -> GridSearchCV:
    """Try every combination by cross-validation on the training images, then fit the best.

    Parameters
    ----------
    features, labels, groups
        Of the training images: float (n, channels), int (n,), int (n,). Images of one group
        (copies of each other) stay in one fold.
    grid
        Parameter of `HeadClassifier` -> values to try.
    epochs, folds, random_seed
        Of each fit, of the cross-validation, of everything random.
    progress
        Makes a progress bar, like tqdm.

    Returns
    -------
    GridSearchCV
        Fitted: `best_params_`, `best_score_`, `cv_results_`, `best_estimator_`.

    Raises
    ------
    ValueError
        If a class has fewer groups than there are folds.
    """
    searcher = GridSearchCV(
        HeadClassifier(epochs=epochs, random_state=random_seed),
        grid,
        scoring="accuracy",
        cv=StratifiedGroupKFold(folds, shuffle=True, random_state=random_seed),
        error_score="raise",
    )
    searcher.set_callbacks(FitCounter(progress, count_fits(grid, folds)))
    return searcher.fit(features, labels, groups=groups)


def results_table(searcher: GridSearchCV) -> pd.DataFrame:
    """Return all combinations, the best first, with their accuracy in each fold.

    Returns
    -------
    pandas.DataFrame
        One column per parameter, then `fold_1` ..., `mean`, `spread` (standard deviation over the
        folds), all shares of 0 to 1; the index is the rank from 1.
    """
    results = searcher.cv_results_
    table = pd.DataFrame(results["params"])
    for fold in range(searcher.n_splits_):
        table[f"fold_{fold + 1}"] = results[f"split{fold}_test_score"]
    table["mean"] = results["mean_test_score"]
    table["spread"] = results["std_test_score"]
    table = table.sort_values("mean", ascending=False, kind="stable")
    return table.set_index(pd.RangeIndex(1, len(table) + 1, name="rank"))
