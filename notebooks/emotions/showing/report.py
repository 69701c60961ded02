"""Gathers what the other notebooks left in `output/<data set>/` for the report; trains nothing."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import pandas as pd
from IPython.display import HTML, Image, Markdown, display

from emotions.files import DataError, read_json
from emotions.measuring import ladder, runs
from emotions.measuring.classifier import REFERENCE
from emotions.settings import names
from emotions.showing import standing, style
from emotions.showing.standing import SEED_REPORT

RESULT_COLUMNS = {
    "accuracy_validation": "validation",
    "accuracy_private": "PrivateTest",
    "accuracy_test": "both",
    "accuracy_test_without_copies": "without copies",
    "macro_f1": "macro F1",
    "minutes": "minutes",
}
DESCRIPTIONS = {
    "best": "Bars: test accuracy of the best classifier and of what it is held against",
    "baselines": "Bars: test accuracy of this network and of two baselines",
    "class_counts": "Bars: number of training and test images of each emotion",
    "mean_faces": "The average training image of each emotion",
    "architecture": "Blocks: the frozen convolutions and the new layers of the network",
    "preprocessing_effect": "Bars: validation accuracy by pre-processing and layer",
    "Emotions_classifier_performance": "Curves: loss and accuracy against the epoch",
    "confusion_matrix": "Matrix: true emotion against predicted emotion",
    "grid_search": "Heat maps: cross-validated accuracy of all combinations of the grid",
    "layers": "Bars: validation accuracy of the grid search and of three layers",
    "grid_search_layer": "Heat maps: cross-validated accuracy of a small grid on the best layer",
    "ladder": "Bars: validation accuracy after each change of the recipe, a panel per weights",
    "reliability": "Curves: accuracy against confidence; bars: images at each confidence",
}


def needs(*names: str) -> Callable[[Callable], Callable]:
    """Let a method of `Results` say which of these notebooks' results is missing, if one is."""

    def decorate(show: Callable) -> Callable:
        @wraps(show)
        def shown(results: "Results") -> HTML | Markdown:
            there = all(results.content[name] for name in names)
            return show(results) if there else results._missing(*names)

        return shown

    return decorate


@dataclass(frozen=True)
class Results:
    """The results of one data set."""

    folder: Path  # output/<data set>
    content: dict[str, dict[str, Any]]  # a notebook's JSON file; empty if it has not run

    def heading(self) -> Markdown:
        """Return which data and which weights this report is about."""
        facts = self._facts()
        warnings = "".join(f"\n\n**{text}**" for text in facts.get("data_warnings", ()))
        known = facts.get("data_origin", facts["data"])  # whether the pixels are the genuine ones
        origin = "" if known == facts["data"] else f" ({known})"
        return Markdown(
            f"**Data: {facts['data']}**{origin}, {facts['training_images']:,} training and "
            f"{facts['test_images']:,} test images. **Weights of the backbone: "
            f"{facts.get('weights', 'none')}.**{warnings}"
        )

    def best(self) -> HTML | Markdown:
        """Return how good the best classifier of these data is, in a few sentences."""
        facts = self._facts()
        if self._recipes:
            return Markdown(
                standing.recipe_in_words(
                    self._recipes, facts["test_images"], self.content["training"]
                )
            )
        if (table := self._standing()) is None:
            return self._missing("training", "grid_search")
        return Markdown(standing.trained_in_words(table, facts["test_images"], facts["data"]))

    def best_picture(self) -> Image | Markdown:
        """Draw `best.png`, the best classifier and what it is held against, and return it."""
        if (table := self._standing()) is not None:
            style.use_style()
            title = f"Test accuracy on {self._facts()['data']}"
            figure = standing.figure(table, title)
            footer = f"data: {self._facts()['data']} · weights: at each bar"
            style.save(figure, self.folder / "best.png", footer)
            plt.close(figure)
        return self.picture("best")

    def sources_table(self) -> HTML | Markdown:
        """Return where each bar of the first figure comes from."""
        if (table := self._standing()) is None:
            return self._missing("training", "grid_search")
        shown = table.set_index("classifier")[["weights", "accuracy", "source"]].fillna("")
        return _table(shown, {"accuracy": "{:.1%}"})

    @needs("training", "grid_search")
    def summary(self) -> HTML | Markdown:
        """Return what the parameters of notebook 4 are worth, made from the numbers."""
        training, grid = self.content["training"], self.content["grid_search"]
        combinations = math.prod(map(len, grid["grid"].values()))  # by halving, more than fits
        linear = training["baselines"]["logistic regression on pixels"]
        own = f"{standing.in_notebook_4(training)}: " if standing.is_own(training) else ""
        layer = f"{own}{training['layer']} {training['pooling']}"
        moral = (
            "the layer that feeds the head is a choice like any other, and here is what it is worth"
        )
        if standing.more_than_a_head(training):
            moral = "with frozen layers the one that feeds the head is what counts most"
        ahead = training["accuracy_test"] - linear
        verdict = "beats" if ahead > 0.03 else "is hardly better than"
        if ahead <= 0:
            verdict = "is no better than"
        return Markdown(
            f"The network of notebook 4 ({layer}, {training['optimizer']}, "
            f"learning rate {training['learning_rate']:g}, {_epochs(training)} epochs) gets "
            f"**{training['accuracy_test']:.1%}** of the test images right. It {verdict} logistic "
            f"regression on pixels, which gets {linear:.1%}. The best of {combinations} "
            f"combinations of the grid search gets {grid['accuracy_test']:.1%}. A head on "
            f"{grid['best_layer']}, flattened, gets **{grid['best_layer_test']:.1%}**: {moral}."
        )

    @needs("training", "grid_search")
    def accuracy_table(self) -> HTML:
        """Return the test accuracy of every classifier, with the weights it stands on."""
        training, grid = self.content["training"], self.content["grid_search"]
        rows = standing.of_notebooks(training, grid)[["classifier", "weights", "accuracy"]]
        if self._facts()["data"] == "FER-2013":
            accuracy = standing.published_by_the_seed()
            rows.loc[len(rows)] = ["seed project, as published (2021)", "VGG-Face", accuracy]
        table = rows.set_index("classifier").rename(columns={"accuracy": "test accuracy"})
        return _table(table, {"test accuracy": "{:.1%}"})

    @needs("exploration")
    def data_table(self) -> HTML:
        """Return the number of images of each emotion."""
        counts = pd.DataFrame(self.content["exploration"]["counts"]).rename_axis("emotion")
        return _table(counts, dict.fromkeys(counts, "{:,}"))

    @needs("exploration")
    def problems_table(self) -> HTML:
        """Return what notebook 1 found wrong with the images."""
        found = self.content["exploration"]["findings"]
        findings = {name.replace("_", " "): n for name, n in found.items()}
        table = pd.Series(findings, name="images or groups").rename_axis("found").to_frame()
        return _table(table, {"images or groups": "{:,}"})

    @needs("training")
    def training_table(self) -> HTML:
        """Return the parameters of the training."""
        training = self.content["training"]
        rows = [name for name in (*names("training"), "weights", "precision") if name in training]
        shown = {name.replace("_", " "): str(training[name]) for name in rows}
        return _table(pd.Series(shown, name="value").rename_axis("parameter").to_frame())

    @needs("training")
    def training_result(self) -> HTML:
        """Return what came out of the training."""
        training = self.content["training"]
        rows = ["epochs_run", "best_epoch", "accuracy_validation", "accuracy_test"]
        values = {name.replace("_", " "): training[name] for name in rows}
        values["epochs run"] = _epochs(training)
        values |= {f"accuracy on the {part} part of the test": value
                   for part, value in training["accuracy_test_parts"].items()}  # fmt: skip
        shown = {k: f"{v:.1%}" if k.startswith("accuracy") else str(v) for k, v in values.items()}
        return _table(pd.Series(shown, name="value").rename_axis("result").to_frame())

    @needs("grid_search")
    def grid_table(self) -> HTML:
        """Return the best parameters and the best ten combinations."""
        grid = self.content["grid_search"]
        how = " by halving" if grid.get("search") == "halving" else ""
        best = ", ".join(f"{k.replace('_', ' ')} {v}" for k, v in grid["best_parameters"].items())
        display(
            Markdown(
                f"{grid['fits']} fits{how} of {grid['grid_epochs']} epochs on "
                f"{grid['features']}, "
                f"{grid['folds']} folds of the training images. **Best parameters: {best}**, "
                f"cross-validated {grid['accuracy_cross_validated']:.1%} ± {grid['spread']:.1%}; "
                f"on the test images {grid['accuracy_test']:.1%}. The ten best:"
            )
        )
        table = pd.read_csv(self.folder / "grid_search.csv", index_col=0).head(10)
        shares = [name for name in table if name.startswith(("fold", "mean", "spread"))]
        return _table(table, dict.fromkeys(shares, "{:.1%}"))

    def classification_report(self, name: str) -> HTML | Markdown:
        """Return one of the classification reports, as scikit-learn made it."""
        file = self.folder / f"{name}.csv"
        if not file.is_file():
            return Markdown(f"*{file.name} is not there: run its notebook first.*")
        # an emotion may be called None
        table = pd.read_csv(file, index_col=0, keep_default_na=False)
        table = table.rename_axis(name.replace("_", " "))
        scores = dict.fromkeys(("precision", "recall", "f1-score"), "{:.3f}")
        return _table(table, scores | {"support": "{:,}"})

    def seed_table(self) -> HTML | Markdown:
        """Return the F1 scores beside those that the seed project published."""
        if self._facts()["data"] != "FER-2013":
            return Markdown(
                f"Its figures are for FER-2013; these results are for {self._facts()['data']}, so "
                "they cannot be compared."
            )
        seed = pd.read_csv(SEED_REPORT, index_col=0)["f1-score"].rename("seed project")
        columns = [seed]
        for name, title in (("Emotions_classifier_report", "notebook 4"),
                            ("best_layer_report", "best layer")):  # fmt: skip
            file = self.folder / f"{name}.csv"
            if file.is_file():
                columns.append(pd.read_csv(file, index_col=0)["f1-score"].rename(title))
        table = pd.concat(columns, axis=1).rename_axis("F1 score (row accuracy: accuracy)")
        return _table(table, dict.fromkeys(table, "{:.3f}"))

    def recipes_table(self) -> HTML | Markdown:
        """Return what the recipes were measured to be worth on FER-2013."""
        file = REFERENCE.parent / "results.json"
        if not file.is_file():
            return Markdown("*results.json is not there: run `run_recipes.py evaluate`.*")
        table = runs.read(file)
        display(
            Markdown(
                "Measured on FER-2013 by `notebooks/run_recipes.py`; a refit's validation accuracy "
                "is that of the run that it repeats; each row used the test images "
                "once. Two views: a face and its mirror image, averaged; the file has the rows of "
                "one view too. A + joins the models of an ensemble. Notebook 6 tells the story. "
                f"Weights: {'; '.join(table['weights'].unique())}."
            )
        )
        return recipes_table(table)

    def already_known(self) -> Markdown:
        """Return how much the network already knew, by the rungs that were climbed on FER-2013."""
        measured = runs.read(REFERENCE.parent / "results.json")
        rungs = pd.read_csv(REFERENCE.parent / "ladder.csv")
        return Markdown(ladder.already_known(rungs, measured))

    def provenance_table(self) -> HTML:
        """Return versions, seed, fingerprint and durations."""
        facts = self._facts()
        rows = {
            "data fingerprint": facts["data_fingerprint"],
            "weights digest": facts.get("weights_digest", ""),
            "random seed": facts["random_seed"],
            **facts["versions"],
        }
        durations = self.folder / "durations.json"
        if durations.is_file():
            seconds = read_json(durations)["notebooks"]
            rows |= {f"{name}, seconds": f"{value:.0f}" for name, value in seconds.items()}
        table = pd.Series(rows, name="value").astype(str).rename_axis("what").to_frame()
        return _table(table)

    def picture(self, name: str) -> Image | Markdown:
        """Return a figure that shows no single face, described in words."""
        file = self.folder / f"{name}.png"
        if not file.is_file():
            return Markdown(f"*{file.name} is not there: run its notebook first.*")
        words = DESCRIPTIONS[name]
        if name == "layers":  # which no table of the report has
            found = self.content["grid_search"].get("layers_validation", {})
            words += "".join(f", {layer} {share:.1%}" for layer, share in found.items())
        return Image(file, metadata=style.metadata(words, faces=False)["image/png"])

    @property
    def _recipes(self) -> Path | None:
        """The recipes' results, if they can be held against what others published."""
        file = self.folder / "results.json"
        return file if file.is_file() and self._facts()["data"] == "FER-2013" else None

    def _standing(self) -> pd.DataFrame | None:
        """Return the classifiers of the first figure; None if nothing was trained on these data."""
        if self._recipes:
            return standing.of_recipes(self._recipes, self.content["training"])
        training, grid = self.content["training"], self.content["grid_search"]
        return standing.of_notebooks(training, grid) if training and grid else None

    def _facts(self) -> dict[str, Any]:
        """Return the provenance of the latest notebook that ran."""
        return self.content["training"] or self.content["surgery"] or self.content["exploration"]

    def _missing(self, *names: str) -> HTML:
        name = next((name for name in names if not self.content.get(name)), names[0])
        return HTML(f"<p><em>{name}.json is not there: run its notebook first.</em></p>")


def recipes_table(measured: pd.DataFrame) -> HTML:
    """Return the rows of `runs.read` that average several views, as percentages."""
    several = measured[measured["views"] > 1]
    table = several.assign(
        recipe=several.apply(runs.called, axis=1).str.replace("+", " + "),  # so that it can break
        weights=several["weights"].map(runs.short),
    )
    shares = {name: title for name, title in RESULT_COLUMNS.items() if name in table}
    shown = table[["recipe", "weights", "random_seed", "views", *shares]]
    shown = shown.rename(columns=shares | {"random_seed": "random seed"})
    formats = {title: "{:.0f}" if title == "minutes" else "{:.1%}" for title in shares.values()}
    return _table(shown.set_index("recipe"), formats)


def _epochs(training: dict[str, Any]) -> str:
    """Return how many epochs a training had; of a stopped one also how many it was to have."""
    run = training["epochs_run"]
    return f"{run} of {training['epochs']} (stopped)" if training.get("stopped") else str(run)


def _table(table: pd.DataFrame, formats: dict[str, str] | None = None) -> HTML:
    """Return a table as plain HTML, without the random ids of pandas' styler."""
    formatters = {name: text.format for name, text in (formats or {}).items()}
    table = table.rename_axis(index=None, columns=table.index.name)  # or its name has a row alone
    return HTML(table.to_html(formatters=formatters, border=0))


def collect(folder: Path) -> Results:
    """Read the results in `output/<data set>`, or raise a `DataError`."""
    names = ("exploration", "surgery", "training", "grid_search")
    files = {name: folder / f"{name}.json" for name in names}
    content = {name: read_json(f) if f.is_file() else {} for name, f in files.items()}
    if not (content["training"] or content["exploration"] or content["surgery"]):
        raise DataError(f"There are no results in {folder}: run notebooks 1 to 5 first.")
    return Results(folder, content)
