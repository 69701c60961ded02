"""The grid search: one fit, all fits, halving, one Dask worker against two.

.venv/bin/python benchmarks/grid.py
"""

import argparse
import time
from functools import partial
from statistics import median
from typing import Any

import numpy as np
from common import course_settings, peak, prepared, seconds, write
from sklearn.model_selection import ParameterGrid
from tqdm import tqdm

FOLDS, EPOCHS = 3, 10
GRID = {
    "optimizer": ["SGD", "Adam"],
    "learning_rate": [0.001, 0.01],
    "units": [64, 256],
    "batch_size": [128, 256, 512],
}
PARTS = {  # the same grid with fewer values: 6, 12 and all 24 combinations
    6: GRID | {"optimizer": ["Adam"], "learning_rate": [0.001]},
    12: GRID | {"optimizer": ["Adam"]},
    24: GRID,
}


class Searches:
    """Searches on the cached features of the training images."""

    def __init__(self) -> None:
        from emotions.data.copies import copy_groups

        task, data = prepared()
        self.title = data.title
        self.features = np.asarray(task.inputs, np.float32)
        self.labels, self.groups = task.labels, copy_groups(data.train.images)

    def __call__(self, grid: dict, epochs: int, **how: Any) -> tuple[float, Any]:
        """Search and return seconds and the fitted search."""
        from emotions.training import search as grid_search

        kept = []
        silent = partial(tqdm, disable=True)
        shared = {"epochs": epochs, "folds": FOLDS, "random_seed": 2013, "progress": silent}
        images = (self.features, self.labels, self.groups)
        taken = seconds(lambda: kept.append(grid_search.search(*images, grid, **shared, **how)))
        return taken, kept[0]

    def one_fit(self, epochs: int) -> float:
        """Return the seconds of a fit whose form was traced before."""
        from emotions.training.search import HeadClassifier

        head = HeadClassifier(epochs=epochs, batch_size=128)
        some = slice(None, None, max(1, len(self.labels) // 512))  # of all classes
        head.fit(self.features[some], self.labels[some])
        return seconds(lambda: head.fit(self.features, self.labels))


def combinations(searches: Searches, epochs: int) -> list[dict[str, Any]]:
    """Measure the full search by the number of its combinations."""
    rows = []
    for count, grid in PARTS.items():
        taken, found = searches(grid, epochs)
        best = found.best_params_
        rows.append({"combinations": count, "fits": count * FOLDS, "seconds": taken})
        rows[-1] |= {"best": best, "mean_accuracy": found.best_score_}
        rows[-1]["spread"] = float(found.cv_results_["std_test_score"][found.best_index_])
    return rows


def workers(searches: Searches, epochs: int, rounds: int) -> list[dict[str, Any]]:
    """Measure the search on one Dask worker and on two, in turns; starting them is not counted.

    Beside the seconds stand the cores that the workers kept busy.
    """
    from emotions.training import workers as cluster

    rows, busy = {1: [], 2: []}, {1: [], 2: []}
    for _ in range(rounds):
        for count in rows:
            with cluster.connect(course_settings(scheduler=f"local:{count}")) as client:
                client.wait_for_workers(count)
                searches(GRID, 1, client=client)  # engines imported, graphs traced
                before = sum(client.run(time.process_time).values())
                rows[count].append(searches(GRID, epochs, client=client)[0])
                worked = sum(client.run(time.process_time).values()) - before
                busy[count].append(worked / rows[count][-1])
    shared = {"fits": len(ParameterGrid(GRID)) * FOLDS}
    return [
        {"workers": count, **shared, "seconds": median(times), "cores": median(busy[count])}
        for count, times in rows.items()
    ]


def main() -> None:
    """Measure and write `measured/grid.json`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=1, help="of the search on workers")
    parser.add_argument("--quick", action="store_true", help="fewer epochs, to see that it runs")
    arguments = parser.parse_args()
    epochs = 1 if arguments.quick else EPOCHS
    searches = Searches()
    full = combinations(searches, epochs)
    halved_seconds, halved = searches(GRID, epochs, kind="halving")
    on_workers = workers(searches, epochs, 1 if arguments.quick else arguments.rounds)
    write(
        "grid",
        {
            "data": searches.title,
            "images": len(searches.labels),
            "epochs": epochs,
            "one_fit_seconds": median([searches.one_fit(epochs) for _ in range(3)]),
            "combinations": full,
            "halving": {
                "seconds": halved_seconds,
                "share_of_time": halved_seconds / full[-1]["seconds"],
                "candidates": list(map(int, halved.n_candidates_)),
                "best": halved.best_params_,
                "mean_accuracy": halved.best_score_,
            },
            "workers": on_workers,
            "two_worker_speedup": on_workers[0]["seconds"] / on_workers[1]["seconds"],
            "peak_mib": peak(),
        },
    )


if __name__ == "__main__":
    main()
