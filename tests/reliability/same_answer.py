"""Trains the tiny course's head under changed circumstances and compares the results.

    .venv/bin/python tests/reliability/same_answer.py          everything; writes same_answer.json
    .venv/bin/python tests/reliability/same_answer.py once     one training; prints its digits

Each training is a process of its own: the same again, another working folder, another locale, time
zone and hash seed, 1 and 2 threads; then in bfloat16, and without determinism for its cost.
"""

import argparse
import hashlib
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "notebooks"), str(Path(__file__).parent)]

import jobs  # noqa: E402
from emotions.files import write_json  # noqa: E402

RESULTS = ROOT / "output" / "reliability"
CIRCUMSTANCES = {
    "the same again": {},
    "another working folder": {"cwd": "/"},
    "another locale, time zone and hash seed": {
        "LC_ALL": "C", "LANG": "de_DE.UTF-8", "TZ": "Pacific/Apia", "PYTHONHASHSEED": "7",
    },
    "1 thread": {"OMP_NUM_THREADS": "1", "TF_NUM_INTRAOP_THREADS": "1",
                 "TF_NUM_INTEROP_THREADS": "1"},
    "2 threads": {"OMP_NUM_THREADS": "2", "TF_NUM_INTRAOP_THREADS": "2",
                  "TF_NUM_INTEROP_THREADS": "2"},
}  # fmt: skip


def once(home: Path, precision: str, determinism: bool, trainable: str) -> dict[str, object]:
    """Train once in this process; return what came out, with all its digits."""
    import numpy as np
    from emotions.course import opening
    from emotions.measuring import scores
    from emotions.network.quiet_keras import keras
    from emotions.training import task as training

    course = jobs.open_course(
        home, precision=precision, deterministic=determinism, epochs=20, dropout=0.5,
        trainable=trainable, learning_rate=3e-4, layer="pool4" if trainable == "head" else "pool5",
    )  # fmt: skip
    model, policy = opening.open_backbone(course)
    task = training.prepare(course.settings, course.data, model, policy)
    began = time.monotonic()
    run = training.train(task, checkpoint_every=1e9)
    seconds = time.monotonic() - began
    probabilities = scores.probabilities(task.model, task.test_inputs)
    weights = b"".join(keras.ops.convert_to_numpy(v).tobytes() for v in task.model.variables)
    return {
        "val_loss": [float(x) for x in run.history["val_loss"]],
        "accuracy_test": float((probabilities.argmax(axis=1) == task.test_labels).mean()),
        "probabilities": np.asarray(probabilities, np.float64).round(9).tolist(),
        "weights": hashlib.sha256(weights).hexdigest(),
        "seconds": seconds,
    }


def in_a_process(home: Path, faces: Path, around: dict[str, str], *options: str) -> dict:
    """Train in a process of its own under some circumstances."""
    home.mkdir()
    jobs.link_faces(home, faces)
    around = dict(around)
    command = [sys.executable, str(Path(__file__).resolve()), "once", "--home", str(home), *options]
    ended = subprocess.run(
        command, cwd=around.pop("cwd", home), env={**os.environ, **around},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if ended.returncode:
        raise RuntimeError(ended.stderr[-2000:])
    return json.loads(ended.stdout.splitlines()[-1])


def compare(faces: Path, trainable: str = "head") -> dict[str, object]:
    """Train under all circumstances; return which results are equal to the first."""
    folder = faces.parent
    options = ("--trainable", trainable)

    def train(name: str, around: dict[str, str], *more: str) -> dict:
        return in_a_process(folder / f"{trainable}-{name}", faces, around, *options, *more)

    first = train("first", {})
    found: dict[str, object] = {
        "accuracy_test": first["accuracy_test"],
        "val_loss_last": first["val_loss"][-1],
        "seconds": round(first["seconds"], 2),
    }
    equal = {}
    for number, (name, around) in enumerate(CIRCUMSTANCES.items()):
        other = train(str(number), around)
        same = all(other[key] == first[key] for key in ("weights", "val_loss", "probabilities"))
        equal[name] = same
        print(f"{trainable}, {name}: {'equal' if same else 'DIFFERENT'}", flush=True)
    fast = train("fast", {}, "--precision", "mixed_bfloat16")
    free = train("free", {}, "--free")
    return found | {
        "equal": equal,
        "bfloat16": {"accuracy_test": fast["accuracy_test"], **differences(first, fast)},
        "without_determinism": {"seconds": round(free["seconds"], 2)},
    }


def differences(one: dict, other: dict) -> dict[str, float]:
    """Return how far two results are apart: the losses at most, the probabilities on average."""
    import numpy as np

    losses = np.abs(np.subtract(one["val_loss"], other["val_loss"]))
    probabilities = np.abs(np.subtract(one["probabilities"], other["probabilities"]))
    return {"loss": float(losses.max()), "probability": float(probabilities.mean())}


def main() -> int:
    """Train once, or under all circumstances; return 1 if a result differs."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", nargs="?", choices=["once", "all"], default="all")
    parser.add_argument("--home", type=Path)
    parser.add_argument("--precision", default="float32")
    parser.add_argument("--trainable", default="head")
    parser.add_argument("--free", action="store_true", help="without determinism")
    chosen = parser.parse_args()
    if chosen.what == "once":
        made = once(chosen.home, chosen.precision, not chosen.free, chosen.trainable)
        print("\n" + json.dumps(made))
        return 0
    with tempfile.TemporaryDirectory(prefix="same-") as folder:
        faces = Path(folder) / "made"
        faces.mkdir()
        jobs.prepare(faces)
        found = {}
        for part in ("head", "block5"):
            found[part] = compare(faces, part)
            write_json(RESULTS / "same_answer.json", found)
    return int(not all(all(part["equal"].values()) for part in found.values()))


if __name__ == "__main__":
    sys.exit(main())
