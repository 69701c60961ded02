"""The report: what it says of results, made up here."""

from pathlib import Path

import pytest
from emotions.showing import report

GRID = {"optimizer": ["SGD", "Adam"], "learning_rate": [0.001, 0.01, 0.1], "units": [8, 16]}


def halved(folder: Path, **changes: object) -> report.Results:
    """Return results whose grid was searched by halving: 12 + 4 + 2 combinations, 3 folds."""
    grid = {
        "grid": GRID, "fits": 54, "folds": 3, "grid_epochs": 10, "search": "halving",
        "features": "pool5 averaged", "best_parameters": {"units": 8}, "spread": 0.01,
        "accuracy_cross_validated": 0.4, "accuracy_test": 0.41, "best_layer": "pool3",
        "best_layer_test": 0.5,
    } | changes  # fmt: skip
    training = {
        "baselines": {"logistic regression on pixels": 0.3}, "layer": "pool5", "epochs_run": 3,
        "pooling": "average", "accuracy_test": 0.4, "optimizer": "Adam", "learning_rate": 0.001,
    }  # fmt: skip
    (folder / "grid_search.csv").write_text("rank,units,mean\n1,8,0.4\n", encoding="utf-8")
    return report.Results(folder, {"grid_search": grid, "training": training})


def test_after_halving_the_report_counts_the_fits_that_were_done(
    tmp_path: Path, capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch
):
    said = []
    monkeypatch.setattr(report, "display", said.append)
    results = halved(tmp_path)
    results.grid_table()
    assert said[0].data.startswith("54 fits by halving of 10 epochs")
    assert "best of 12 combinations" in results.summary().data
    halved(tmp_path, search="full", fits=36).grid_table()
    assert said[1].data.startswith("36 fits of 10 epochs")
