"""Every parameter: defaults, names, environment, command line, and what is said of bad values."""

import os
import runpy
import sys
from pathlib import Path

import pytest
from course import as_environment
from emotions.recipes import RECIPES
from emotions.settings import (
    LEARNING_BLOCKS,
    ROOT,
    Settings,
    SettingsError,
    choices,
    names,
    read_settings,
)
from emotions.showing.report import Results
from emotions.showing.widgets.pickers import HyperparameterPicker
from train import command_line

NOT_DEFAULT = {
    "train_data": "notebooks",
    "val_data": "tests",
    "optimizer": "SGD",
    "learning_rate": "0.003",
    "epochs": "100",
}
SEED_FLAGS = {
    "-trd": "train_data",
    "-vald": "val_data",
    "-optim": "optimizer",
    "-lr": "learning_rate",
    "-ep": "epochs",
}


def expected(name: str) -> object:
    """Return the value that the text in NOT_DEFAULT stands for."""
    value = NOT_DEFAULT[name]
    kinds = {"learning_rate": float, "epochs": int, "optimizer": str}
    return kinds[name](value) if name in kinds else ROOT / value


def arguments_with(flag: str, name: str) -> list[str]:
    """Return a command line with one flag, and the other data folder where both are needed."""
    partners = {"train_data": "val_data", "val_data": "train_data"}
    other = partners.get(name)
    return [flag, NOT_DEFAULT[name], *([f"--{other}", NOT_DEFAULT[other]] if other else [])]


def test_defaults_are_the_seeds():
    settings = read_settings()
    assert (settings.optimizer, settings.learning_rate, settings.epochs) == ("Adam", 0.001, 50)
    assert settings.train_data is None
    assert settings.val_data is None


@pytest.mark.parametrize(("flag", "name"), SEED_FLAGS.items())
def test_a_seed_flag_sets_its_parameter(flag: str, name: str):
    assert getattr(command_line(arguments_with(flag, name)), name) == expected(name)


@pytest.mark.parametrize("name", NOT_DEFAULT)
def test_a_long_name_sets_its_parameter(name: str):
    assert getattr(command_line(arguments_with(f"--{name}", name)), name) == expected(name)


@pytest.mark.parametrize("name", ["optimizer", "learning_rate", "epochs"])
def test_the_environment_sets_a_parameter(name: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv(f"EMOTIONS_{name.upper()}", NOT_DEFAULT[name])
    assert getattr(read_settings(), name) == expected(name)


def test_a_grid_is_json_in_the_environment(monkeypatch: pytest.MonkeyPatch):
    assert read_settings(grid='{"units": [8, 16]}').grid == {"units": [8, 16]}
    spelt = read_settings(grid='{"optimizer": ["sgd", "adam"], "dropout": ["0.5"]}').grid
    assert spelt == {"optimizer": ["SGD", "Adam"], "dropout": [0.5]}
    monkeypatch.setenv("EMOTIONS_GRID", '{"units": [8, 16]}')
    assert read_settings().grid == {"units": [8, 16]}
    twice = read_settings(grid='{"optimizer": ["SGD", "sgd"], "dropout": [0, 0.0]}').grid
    assert twice == {"optimizer": ["SGD"], "dropout": [0.0]}  # each fit once
    with pytest.raises(SettingsError, match="no parameter to try"):
        read_settings(grid="{}")
    monkeypatch.setenv("EMOTIONS_GRID", "{units")
    with pytest.raises(SettingsError, match="JSON"):
        read_settings()


def test_the_command_line_wins_over_the_environment(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("EMOTIONS_EPOCHS", "7")
    assert command_line(["-ep", "8"]).epochs == 8


@pytest.mark.parametrize(
    ("name", "value", "mend"),
    [
        ("optimizer", "Adagrad", "'SGD' or 'Adam'"),
        ("learning_rate", "fast", "number"),
        ("learning_rate", "-1", "greater than 0"),
        ("learning_rate", "nan", "less than or equal to 10"),
        ("epochs", "0", "greater than or equal to 1"),
        ("epochs", "1.5", "integer"),
        ("image_size", "50", "multiple of 4"),
        ("validation_share", "1", "less than or equal to 0.5"),
    ],
)
def test_a_bad_value_gives_one_sentence_with_the_mend(
    name: str, value: str, mend: str, capsys: pytest.CaptureFixture
):
    with pytest.raises(SystemExit) as ending:
        command_line([f"--{name}", value])
    complaint = capsys.readouterr().err
    assert ending.value.code == 2
    assert name in complaint
    assert mend in complaint
    assert complaint.count("\n") == 1
    assert "Traceback" not in complaint


@pytest.mark.parametrize(
    ("grid", "mend"),
    [('{"speed": [1]}', "learning_rate"), ('{"units": []}', "no values"), ("units", "JSON"),
     ('{"units": [-1]}', "greater than or equal to 0")],
)  # fmt: skip
def test_a_bad_grid_gives_one_sentence_with_the_mend(grid: str, mend: str):
    with pytest.raises(SettingsError, match="grid") as refused:
        read_settings(grid=grid)
    assert mend in str(refused.value) and "\n" not in str(refused.value)


def test_every_parameter_of_a_training_has_a_control_a_row_and_a_flag(
    capsys: pytest.CaptureFixture,
):
    settings = read_settings()
    parameters = settings.of("training")
    assert {"recipe", "head_epochs", "backbone_rate", "augmentation", "mixup"} <= set(parameters)
    assert {"validation_share", "deterministic"} <= set(parameters)  # they decide digits too
    assert set(parameters) <= set(HyperparameterPicker(settings).controls)
    facts = {"epochs_run": 7, "best_epoch": 5, "weights": "hed", "precision": "float32"}
    training = {**parameters, **facts, "accuracy_validation": 0.5, "accuracy_test": 0.4}
    results = Results(Path(), {"training": training | {"accuracy_test_parts": {}}})
    table = results.training_table().data + results.training_result().data
    assert [name for name in training if f">{name.replace('_', ' ')}<" not in table] == []
    with pytest.raises(SystemExit):
        command_line(["--help"])
    assert {f"--{name}" for name in parameters} <= set(capsys.readouterr().out.split())


def test_a_picker_offers_what_the_settings_allow():
    controls = HyperparameterPicker(read_settings(image_size=64, layer="pool4")).controls
    assert controls["trainable"].options == tuple(LEARNING_BLOCKS)
    assert controls["image_size"].options == (44, 48, 96, 224, 64)
    assert controls["layer"].value == "pool4"
    for name in names("training"):
        for value in choices(name):
            learning = {"trainable": "head"} if name == "layer" else {}
            assert getattr(read_settings(**{name: value}, **learning), name) == value


def test_classes_are_not_weighed_where_labels_are_blends():
    with pytest.raises(SettingsError, match="class_weights and mixup do not go together"):
        read_settings(class_weights=True, mixup=0.5)


@pytest.mark.parametrize("before", ["seed", "hour"])
def test_one_click_on_a_recipe_sets_all_the_others(before: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("EMOTIONS_RECIPE", before)
    picker = HyperparameterPicker(read_settings())
    buttons = picker.controls["recipe"]
    assert buttons.options == tuple(RECIPES) and hasattr(buttons, "button_style")
    buttons.value = "ten_minutes"
    assert dict(zip(buttons.options, buttons.icons, strict=True))["ten_minutes"] == "check"
    assert buttons.icons.count("check") == 1
    assert picker.settings == read_settings(recipe="ten_minutes")
    buttons.value = "seed"
    assert picker.settings == read_settings(recipe="seed")


@pytest.mark.parametrize(
    ("trainable", "start", "refused"),
    [("head", None, ()), ("block5", "pool4", ("pool3", "pool4")), ("block4", "pool3", ("pool3",)),
     ("block3", None, ()), ("everything", None, ())],
)  # fmt: skip
def test_what_learns_says_where_it_starts_and_what_lies_before_it(
    trainable: str, start: str | None, refused: tuple[str, ...]
):
    assert read_settings(trainable=trainable).start == start
    for layer in ("pool3", "pool4", "conv5_3", "pool5"):
        if layer in refused:
            with pytest.raises(SettingsError, match="would not learn"):
                read_settings(trainable=trainable, layer=layer)
        else:
            assert read_settings(trainable=trainable, layer=layer).layer == layer


def test_one_data_folder_alone_is_refused():
    with pytest.raises(SettingsError, match="train_data and val_data belong together"):
        read_settings(train_data=Path("notebooks"))


def test_a_layer_before_what_learns_is_refused():
    with pytest.raises(SettingsError, match="choose layer conv5_3 or pool5, or trainable head"):
        read_settings(trainable="block5", layer="pool3")


def test_a_misspelt_variable_gets_a_suggestion(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("EMOTIONS_EPOCH", "3")
    with pytest.raises(SettingsError, match=r"EMOTIONS_EPOCH .*did you mean EMOTIONS_EPOCHS\?"):
        read_settings()


def test_a_variable_in_small_letters_is_heard_as_a_whole(monkeypatch: pytest.MonkeyPatch):
    if os.name == "nt":
        pytest.skip("Windows makes capitals of them")
    monkeypatch.setenv("emotions_recipe", "hour")
    monkeypatch.setenv("emotions_dropout", "0.1")
    settings = read_settings()
    assert (settings.recipe, settings.epochs, settings.dropout) == ("hour", 40, 0.1)
    monkeypatch.setenv("emotions_epoch", "3")
    with pytest.raises(SettingsError, match=r"EMOTIONS_EPOCH .*did you mean EMOTIONS_EPOCHS\?"):
        read_settings()


def test_settings_survive_the_way_through_the_environment(monkeypatch: pytest.MonkeyPatch):
    settings = read_settings(
        train_data=ROOT / "notebooks", val_data=ROOT / "tests", leave_out=True, dropout=0.25
    )
    for name, value in as_environment(settings).items():
        monkeypatch.setenv(name, value)
    assert read_settings() == settings


def test_help_lists_what_the_training_heeds_and_nothing_else(capsys: pytest.CaptureFixture):
    with pytest.raises(SystemExit) as ending:
        command_line(["--help"])
    words = capsys.readouterr().out.split()
    assert ending.value.code == 0
    ignored = {"grid", "grid_epochs", "folds", "search", "scheduler"}
    ignored |= {"tls_ca", "tls_certificate", "tls_key"}
    heeded = {f"--{name}" for name in set(Settings.model_fields) - ignored}
    assert {word.split("=")[0] for word in words if word.startswith("--")} == heeded | {"--help"}
    assert set(SEED_FLAGS) <= set(words)


@pytest.mark.parametrize("folder", ["data/my_faces", "tests", "notebooks/emotions"])
def test_a_relative_path_means_the_same_from_root_and_notebooks(
    folder: str, monkeypatch: pytest.MonkeyPatch
):
    for place in (ROOT, ROOT / "notebooks"):
        monkeypatch.chdir(place)
        settings = read_settings(train_data=folder, val_data=folder, output=folder)
        assert settings.train_data == settings.output == ROOT / folder


def test_settings_cannot_be_changed_in_place_but_checked_copies_can():
    settings = read_settings()
    assert settings.changed(epochs=3).epochs == 3
    assert settings.epochs == 50
    with pytest.raises(SettingsError, match="epochs"):
        settings.changed(epochs=0)


def test_the_users_variables_do_not_reach_the_tests(monkeypatch):
    monkeypatch.setenv("EMOTIONS_EPOCHS", "3")
    monkeypatch.setattr(sys, "path", sys.path[:])
    runpy.run_path(str(Path(__file__).with_name("conftest.py")))
    assert "EMOTIONS_EPOCHS" not in os.environ


@pytest.mark.parametrize("path", ["~nobody-of-this-name/faces", "x" * 300])
def test_a_path_that_cannot_be_looked_up_is_a_sentence(path):
    with pytest.raises(SettingsError, match=r"train_data .*cannot be looked up"):
        read_settings(train_data=path, val_data="tests")
