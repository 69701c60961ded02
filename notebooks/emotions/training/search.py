"""The grid search that the seed promised: scikit-learn's, over Keras heads."""

import functools
import math
import threading
import uuid
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.model_selection import GridSearchCV, HalvingGridSearchCV, ParameterGrid
from sklearn.utils.multiclass import unique_labels
from sklearn.utils.validation import check_is_fitted, validate_data

from emotions.data import copies
from emotions.network import head as surgery
from emotions.network.features import channel_statistics
from emotions.network.quiet_keras import keras
from emotions.settings import Settings
from emotions.training import optimizer as updates
from emotions.training import workers
from emotions.training.batches import Batches

if TYPE_CHECKING:
    from distributed import Client

FACTOR = 3  # halving keeps a third of the combinations and trains them on three times the images
STEPS = 100  # per call of TensorFlow, which takes as long as a step of a small head
FEWEST_PER_CLASS = 10  # images that halving starts with, on average
_TAKING_TURNS = threading.RLock()  # a worker may have several threads, a model has one state


@dataclass(eq=False, repr=False)
class HeadClassifier(ClassifierMixin, BaseEstimator):
    """The Keras head as a scikit-learn classifier with plain parameters.

    Keras' own `SKLearnClassifier` loses its epochs when scikit-learn clones it, and SciKeras does
    not work with scikit-learn 1.9; a clone of this one has all its parameters, because they are
    plain.
    """

    optimizer: str = "Adam"
    learning_rate: float = 0.001
    units: int = 256
    dropout: float = 0.0
    batch_size: int = 64
    weight_decay: float = 0.0
    epochs: int = 50
    images: int | None = None  # train on so many, drawn at random; None, or too many: on all
    random_state: int = 2013

    def fit(self, X: np.ndarray, y: np.ndarray) -> "HeadClassifier":  # noqa: N803
        """Train a new head on features X, float (n, channels), and labels y (n,).

        If they do not fit together or y has only one class, it is a ValueError.
        """
        X, y = validate_data(self, X, y, dtype=np.float32)  # noqa: N806
        self.classes_ = unique_labels(y)
        if len(self.classes_) < 2:
            raise ValueError("The head needs at least two classes, but y has 1 class only.")
        rows = np.random.default_rng(self.random_state).permutation(len(X))[: self.images]
        X, y = X[rows], y[rows]  # noqa: N806
        every = np.arange(len(X))
        self.mean_, self.variance_ = channel_statistics(X, every)
        inputs, labels = self._scaled(X), np.searchsorted(self.classes_, y)
        with _TAKING_TURNS:
            model = self._start()
            batches = Batches(
                inputs, labels, every, self.batch_size, self.random_state, together=self.epochs
            )
            model.fit(batches.source(), callbacks=[batches.callback()], shuffle=False, verbose=0)
            self.weights_ = model.get_weights()
        return self

    def predict_proba(self, X: np.ndarray) -> np.ndarray:  # noqa: N803
        """Return probabilities (n, classes) for features X, float (n, channels)."""
        check_is_fitted(self)
        X = validate_data(self, X, dtype=np.float32, reset=False)  # noqa: N806
        parts = np.array_split(self._scaled(X), -(-len(X) // 4096))
        with _TAKING_TURNS:
            model = self._shared()
            model.set_weights(self.weights_)
            outputs = [keras.ops.convert_to_numpy(model(part)) for part in parts]
        return np.concatenate(outputs).astype(np.float64)

    def _scaled(self, values: np.ndarray) -> np.ndarray:
        return (values - self.mean_) / np.sqrt(self.variance_)

    def _shared(self) -> keras.Model:
        shape = (self.n_features_in_, len(self.classes_), self.units, self.dropout)
        return _traced_head(*shape, self.optimizer, self.weight_decay)

    def _start(self) -> keras.Model:
        """Return the shared model as if it were new: weights, dropout, optimizer."""
        model = self._shared()
        shape = (self.n_features_in_, len(self.classes_), self.units, self.dropout)
        for variable, value in zip(
            model.variables, _first_values(*shape, self.random_state), strict=True
        ):
            variable.assign(value)
        updates.forget(model.optimizer)
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


@functools.lru_cache(maxsize=8)
def _first_values(*form: Any) -> list[np.ndarray]:
    """Return all that a new head of a form has; to make one takes half as long as to train it."""
    return [keras.ops.convert_to_numpy(variable) for variable in _new_head(*form).variables]


@functools.lru_cache(maxsize=32)
def _traced_head(
    channels: int, classes: int, units: int, dropout: float, optimizer: str, weight_decay: float
) -> keras.Model:
    """Return the one model that all heads of this form take turns in.

    A graph is traced for every new model, which takes longer than a small head trains.
    """
    model = _new_head(channels, classes, units, dropout, random_seed=0)
    how = Settings.model_construct(optimizer=optimizer, weight_decay=weight_decay)
    engine = keras.backend.backend()
    model.compile(
        updates.optimizer(how, 1, {}),
        "sparse_categorical_crossentropy",
        jit_compile=False if engine == "tensorflow" else "auto",
        steps_per_execution=1 if engine == "torch" else STEPS,  # PyTorch knows no more
    )
    model.optimizer.build(model.trainable_variables)
    return model


class FitCounter:
    """A scikit-learn callback that counts the fits of a search in a progress bar like tqdm's.

    The methods are those that scikit-learn 1.9 asks of a callback (`sklearn.callback`). Its own
    `ProgressBar` draws with rich, repaints the cell for every level of the search, and listens on
    a socket of this machine alone. A worker has a copy of this callback, without the bar, and
    reports through Dask's own events.
    """

    def __init__(
        self, progress: Callable[..., Any], fits: int, client: "Client | None" = None
    ) -> None:
        self.progress, self.fits, self.client = progress, fits, client
        self.topic = f"fits-{uuid.uuid4().hex}"
        self.workers: dict[tuple, str] = {}  # number of a fit -> who did it
        self._bar: Any = None

    def __getstate__(self) -> dict[str, Any]:
        """Return what a worker needs of it."""
        away = {"progress": None, "client": None, "_bar": None, "workers": {}}
        return {**self.__dict__, **away}

    def setup(self, estimator: BaseEstimator, context: Any) -> None:
        """Open the bar."""
        self._bar = self.progress(total=self.fits, desc="Grid search", unit="fit")
        if self.client is not None:
            self.client.subscribe_topic(self.topic, lambda event: self._count(*event[1]))

    def on_fit_task_begin(self, estimator: BaseEstimator, context: Any) -> None:
        """Do nothing: only finished fits are counted."""

    def on_fit_task_end(self, estimator: BaseEstimator, context: Any) -> None:
        """Count one fit of one combination on one fold."""
        if context.task_name != "candidate-split-evaluation":
            return
        fit = (context.parent.task_id, context.task_id)
        if self._bar is not None:
            self._count(fit, "this process")
            return
        from distributed import get_worker

        worker = get_worker()
        worker.log_event(self.topic, (fit, str(worker.name)))

    def _count(self, fit: tuple, worker: str) -> None:
        """Count a fit once, also if a second worker had to do it again."""
        if tuple(fit) in self.workers or self._bar is None:
            return
        self.workers[tuple(fit)] = worker
        if self.client is not None:
            shares = sorted(Counter(self.workers.values()).items())
            done = ", ".join(f"worker {name}: {fits}" for name, fits in shares)
            self._bar.set_postfix_str(done, refresh=False)
        self._bar.update(1)

    def teardown(self, estimator: BaseEstimator, context: Any) -> None:
        """Close the bar."""
        if self.client is not None:
            self.client.unsubscribe_topic(self.topic)
        self._bar.update(self.fits - self._bar.n)  # reports may be later than results
        self._bar.close()


def count_fits(searcher: GridSearchCV | HalvingGridSearchCV) -> int:
    """Return how many trainings a search has compared, on all folds and in all rounds."""
    return len(searcher.cv_results_["params"]) * searcher.n_splits_


def halving_rounds(combinations: int, images: int, classes: int) -> list[tuple[int, int]]:
    """Return for each round of successive halving how many combinations train on how many images.

    Each round keeps the best third and gives it three times the images, until the last one has
    all of them (Jamieson and Talwalkar 2016, "Non-stochastic best arm identification and
    hyperparameter optimization", arXiv:1502.07943).
    """
    most = min(combinations, images // (FEWEST_PER_CLASS * classes))
    last = int(math.log(most, FACTOR)) if most else 0  # as scikit-learn counts, and rounds
    first = -(-images // FACTOR**last)
    powers = [FACTOR**number for number in range(last + 1)]
    return [(-(-combinations // power), first * power) for power in powers]


def share_of_work(rounds: list[tuple[int, int]], images: int) -> float:
    """Return the images that halving trains on, as a share of those of the full grid.

    One fit of the full grid trains on `images`: those of all folds but one.
    """
    return sum(fits * min(wanted, images) for fits, wanted in rounds) / (rounds[0][0] * images)


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
    kind: str = "full",
    refit: bool = True,
    client: "Client | None" = None,
    data_folder: Path | None = None,
) -> GridSearchCV | HalvingGridSearchCV:
    """Compare combinations by cross-validation on the training images, then fit the best.

    Parameters
    ----------
    features, labels, groups
        Of the training images: float (n, channels), int (n,), int (n,). Images of one group
        (copies of each other) stay in one fold.
    grid
        Parameter of `HeadClassifier` -> values to try.
    kind
        `full`: every combination on all images. `halving`: rounds, see `halving_rounds`.
    refit
        Whether the best one is then trained on all the images; else it cannot predict.
    client
        Of the Dask workers that do the fits (`emotions.training.workers`); None: this process.
    data_folder
        Keeps the folds, see `copies.folds`.

    If no class has as many images as there are folds, or there are fewer groups, it is a
    ValueError.
    """
    features = np.asarray(features)
    splits = copies.folds(labels, groups, folds, random_seed, data_folder)
    estimator = HeadClassifier(epochs=epochs, random_state=random_seed)
    how = {"scoring": "accuracy", "cv": splits, "error_score": "raise", "refit": refit}
    combinations = len(ParameterGrid(grid))
    if kind == "halving":
        classes = len(np.unique(labels))
        rounds = halving_rounds(combinations, len(labels), classes)
        searcher = HalvingGridSearchCV(
            estimator,
            grid,
            factor=FACTOR,
            resource="images",
            min_resources=rounds[0][1],
            # one more than the last round has: scikit-learn divides by the first, takes the
            # logarithm, and of an exact 243 would find 4.99 threes
            max_resources=rounds[-1][1] + rounds[0][1],
            random_state=random_seed,
            return_train_score=False,
            **how,
        )
        fits = sum(kept for kept, _ in rounds) * folds
    else:
        searcher = GridSearchCV(estimator, grid, **how)
        fits = combinations * folds
    searcher.set_callbacks(FitCounter(progress, fits, client))
    arrays = [features, labels, *(rows for split in splits for rows in split)]
    with workers.doing_all(client, arrays):
        searcher.fit(features, labels)
    best = searcher.best_params_.items()  # a row of the table of all, which keeps its images
    searcher.best_params_ = {name: value for name, value in best if name != "images"}
    return searcher


def summary(searcher: GridSearchCV | HalvingGridSearchCV) -> dict[str, Any]:
    """Return what a search has tried and found, as JSON values; accuracies are shares of 0 to 1."""
    table = results_table(searcher)
    return {
        "search": "full" if isinstance(searcher, GridSearchCV) else "halving",
        "grid": searcher.param_grid,
        "grid_epochs": searcher.estimator.epochs,
        "folds": searcher.n_splits_,
        "fits": count_fits(searcher),
        "best_parameters": searcher.best_params_,
        "accuracy_cross_validated": table["mean"].iloc[0],
        "spread": table["spread"].iloc[0],
        "worst_accuracy_cross_validated": table["mean"].iloc[-1],
    }


def results_table(searcher: GridSearchCV | HalvingGridSearchCV) -> pd.DataFrame:
    """Return all combinations, the best first, with their accuracy in each fold, by their rank.

    Behind the parameters come `fold_1` ..., `mean`, `spread` (standard deviation over the folds),
    all shares of 0 to 1. After halving also `images` before `fold_1`: what the combination trained
    on in its last round, which decides first.
    """
    results = searcher.cv_results_
    table = pd.DataFrame(results["params"])
    for fold in range(searcher.n_splits_):
        table[f"fold_{fold + 1}"] = results[f"split{fold}_test_score"]
    table["mean"] = results["mean_test_score"]
    table["spread"] = results["std_test_score"]
    order = ["mean"]
    if "images" in table:
        order = ["images", "mean"]
        table = table.drop_duplicates(list(searcher.param_grid), keep="last")
    table = table.sort_values(order, ascending=False, kind="stable")
    return table.set_index(pd.RangeIndex(1, len(table) + 1, name="rank"))
