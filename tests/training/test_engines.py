"""Keras' other engines: the recipes run on them without TensorFlow, to the same numbers.

COURSE_OTHER_ENGINE_PYTHON names the interpreter of an environment with JAX or PyTorch; with
COURSE_REQUIRE_OTHER_ENGINE=1 its absence is a failure.
"""

import os
import shutil
import subprocess
from pathlib import Path

import engine_run
import numpy as np
import pytest
from emotions.measuring import classifier
from emotions.training import fit

SCRIPT = Path(engine_run.__file__)
# Relative: training loss, validation loss. Single precision, and Adam's division of a small
# gradient by itself, grow to these within two epochs; measured on JAX: up to 8e-5 and 2e-3 for the
# head, 2e-3 and 1.2e-2 for everything.
WITHIN = {"head": (1e-3, 1e-2), "everything": (1e-2, 5e-2)}


def call(*command: str | Path, **environment: str) -> subprocess.CompletedProcess:
    given = os.environ | environment
    return subprocess.run(command, env=given, capture_output=True, text=True, timeout=900)


@pytest.fixture(scope="module", params=["jax", "torch"])
def engine(request) -> tuple[str, str]:
    """Return an interpreter that has an engine, and the engine's name; skip where none has."""
    python = os.environ.get("COURSE_OTHER_ENGINE_PYTHON", "")
    if not python or call(python, "-c", f"import {request.param}").returncode:
        reason = f"COURSE_OTHER_ENGINE_PYTHON={python} names no interpreter with {request.param}"
        if request.param == "jax" and os.environ.get("COURSE_REQUIRE_OTHER_ENGINE") == "1":
            pytest.fail(reason)
        pytest.skip(reason)
    return python, request.param


@pytest.fixture(scope="module")
def trained(tiny_faces, tmp_path_factory) -> tuple[Path, dict[str, dict]]:
    """Return the folder in which TensorFlow has trained each recipe, and what came out."""
    home, found = tmp_path_factory.mktemp("engines"), {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fit.Keeper, "on_test_end", engine_run.keep_the_last)
        for recipe in engine_run.RECIPES:
            folder = home / recipe
            shutil.copytree(tiny_faces, folder / "faces")
            task = engine_run.prepared(recipe, folder)
            np.savez(folder / "start.npz", *engine_run.head(task).get_weights())
            found[recipe] = engine_run.finish(task, fit.train(task), folder)
    return home, found


@pytest.fixture(scope="module")
def elsewhere(engine, trained, tmp_path_factory) -> str:
    """Return the name of an engine that has trained the recipes too, in one process."""
    python, name = engine
    compiled = {  # JAX keeps what it has compiled, so that the training that goes on has it
        "JAX_COMPILATION_CACHE_DIR": str(tmp_path_factory.getbasetemp() / "jax"),
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
    }
    ended = call(python, SCRIPT, trained[0], *trained[1], KERAS_BACKEND=name, **compiled)
    assert ended.returncode == 0, ended.stderr
    return name


@pytest.mark.parametrize("recipe", engine_run.RECIPES)
def test_a_recipe_trains_stops_and_goes_on_as_on_tensorflow(trained, elsewhere, recipe):
    folder, wanted = trained[0] / recipe, trained[1][recipe]
    with np.load(folder / "found.npz") as file:
        found = dict(file)
    assert found["history"].shape == (2, 4) and np.isfinite(found["history"]).all()
    for column, within in zip((0, 2), WITHIN[recipe], strict=True):
        found_losses, losses = found["history"][:, column], wanted["history"][:, column]
        np.testing.assert_allclose(found_losses, losses, rtol=within)
    np.testing.assert_allclose(found["of_tensorflow"], wanted["probabilities"], atol=1e-4)
    for key in ("probabilities", "loaded"):
        np.testing.assert_allclose(found[key], wanted["probabilities"], atol=WITHIN[recipe][1])
    here = engine_run.of_a_search()  # other first weights: the engines' random numbers differ
    assert ((found["of_a_search"][:, 1] > 0.5) == (here[:, 1] > 0.5)).mean() > 0.95
    read = classifier.load(folder / f"{elsewhere}.safetensors").model
    np.testing.assert_allclose(
        engine_run.probabilities(read, folder), found["probabilities"], atol=1e-5
    )
