"""Feature extraction and fine-tuning: the course's engine against others, in turns.

    .venv/bin/python benchmarks/engines.py --peers .venv-peers/bin/python

Every engine has a process of its own with the same network, weights and images. In each round all
of them are asked once, one after the other, so that a busy or warm machine meets all alike.
"""

import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import vgg16
from common import Measured, answer, in_turns, rate, seconds, with_peers, write

Rates = dict[str, float]
EXTRACTORS = {
    "ours, bfloat16": ("keras", "bfloat16"),
    "ours, float32": ("keras", "float32"),
    "PyTorch, bfloat16": ("torch", "bfloat16"),
    "PyTorch, bfloat16, compiled": ("torch", "compiled"),
    "ONNX Runtime, float32": ("onnxruntime", "float32"),
    "OpenVINO, bfloat16": ("openvino", "bfloat16"),
}
TRAINERS = {
    "ours, bfloat16": ("keras", "bfloat16"),
    "PyTorch, bfloat16": ("torch", "bfloat16"),
    "PyTorch, bfloat16, compiled": ("torch", "compiled"),
}


# ---------------------------------------------------------------- ours


def keras_model(policy: str) -> Any:
    """Return the course's backbone with the weights of all engines."""
    from emotions.network import backbone

    with backbone.precision({"bfloat16": "mixed_bfloat16"}.get(policy, policy)):
        made = backbone.build("random", vgg16.SIZE, Path(tempfile.gettempdir()), 1)
    names = [name for name, *_ in vgg16.convolutions()]
    for name, arrays in zip(names, vgg16.weights(), strict=True):
        made.model.get_layer(name).set_weights(arrays)
    return made.model


def keras_extractor(policy: str) -> Callable[[np.ndarray], np.ndarray]:
    """Return the course's way from prepared images to pool5's channel means."""
    backbone = keras_model(policy)
    from emotions.network.quiet_keras import keras

    pooled = keras.layers.GlobalAveragePooling2D(dtype="float32")(backbone.output)
    model = keras.Model(backbone.input, pooled)
    return lambda batch: np.asarray(model.predict_on_batch(batch))


def keras_trainer(policy: str) -> Callable[[np.ndarray, np.ndarray], None]:
    """Return the course's training of all layers, over all images once."""
    backbone = keras_model(policy)
    from emotions.network.quiet_keras import keras
    from emotions.training.batches import Batches

    backbone.trainable = True
    x = keras.layers.GlobalAveragePooling2D(dtype="float32")(backbone.output)
    x = keras.layers.Dense(vgg16.UNITS, activation="relu")(x)
    x = keras.layers.Dense(vgg16.CLASSES, activation="softmax")(x)
    model = keras.Model(backbone.input, x)
    model.compile(keras.optimizers.Adam(1e-5), "sparse_categorical_crossentropy", jit_compile=False)

    def train(inputs: np.ndarray, labels: np.ndarray) -> None:
        rows = np.arange(len(labels))
        batches = Batches(inputs, labels, rows, vgg16.TRAINING_BATCH, 1)
        model.fit(batches, shuffle=False, verbose=0)

    return train


def keras_limit() -> Rates:
    """Return the GFLOP/s of TensorFlow's largest matrix products."""
    import tensorflow as tf

    @tf.function
    def product(a: Any, b: Any) -> Any:
        return tf.reduce_sum(tf.matmul(a, b))

    def of(kind: Any, side: int) -> Callable[[], Any]:
        a = tf.cast(tf.random.normal((side, side)), kind)
        return lambda: product(a, a).numpy()

    return fastest(lambda kind, side: of(getattr(tf, kind), side))


# ---------------------------------------------------------------- PyTorch


def torch_backbone() -> Any:
    """Return the network in PyTorch, channels last."""
    import torch
    from torch import nn

    arrays = iter(vgg16.weights())
    layers, channels = [], 3
    for out, count in vgg16.BLOCKS:
        for _ in range(count):
            layer = nn.Conv2d(channels, out, 3, padding=1)
            kernel, bias = next(arrays)
            layer.weight.data = torch.from_numpy(kernel.transpose(3, 2, 0, 1).copy())
            layer.bias.data = torch.from_numpy(bias)
            layers += [layer, nn.ReLU(inplace=True)]
            channels = out
        layers.append(nn.MaxPool2d(2))
    layers += [nn.AdaptiveAvgPool2d(1), nn.Flatten()]
    return nn.Sequential(*layers).to(memory_format=torch.channels_last)


def torch_batch(batch: np.ndarray) -> Any:
    """Return images as a bfloat16 tensor, channels last."""
    import torch

    tensor = torch.from_numpy(batch).permute(0, 3, 1, 2).to(torch.bfloat16)
    return tensor.contiguous(memory_format=torch.channels_last)


def torch_extractor(kind: str) -> Callable[[np.ndarray], np.ndarray]:
    """Return PyTorch's way from prepared images to pool5's channel means."""
    import torch

    model = torch_backbone().to(torch.bfloat16).eval()
    model = torch.compile(model) if kind == "compiled" else model

    def extract(batch: np.ndarray) -> np.ndarray:
        with torch.inference_mode():
            return model(torch_batch(batch)).float().numpy()

    return extract


def torch_trainer(kind: str) -> Callable[[np.ndarray, np.ndarray], None]:
    """Return PyTorch's training of all layers: float32 weights, bfloat16 in between."""
    import torch
    from torch import nn

    head = (nn.Linear(512, vgg16.UNITS), nn.ReLU(), nn.Linear(vgg16.UNITS, vgg16.CLASSES))
    model = nn.Sequential(torch_backbone(), *head)
    optimizer = torch.optim.Adam(model.parameters(), 1e-5, fused=True)
    called = torch.compile(model) if kind == "compiled" else model

    def train(inputs: np.ndarray, labels: np.ndarray) -> None:
        order = np.random.default_rng(1).permutation(len(labels))
        for start in range(0, len(order), vgg16.TRAINING_BATCH):
            rows = np.sort(order[start : start + vgg16.TRAINING_BATCH])
            x = torch.from_numpy(inputs[rows]).permute(0, 3, 1, 2)
            x = x.contiguous(memory_format=torch.channels_last)
            optimizer.zero_grad(set_to_none=True)
            with torch.autocast("cpu", torch.bfloat16):
                loss = nn.functional.cross_entropy(called(x), torch.from_numpy(labels[rows]))
            loss.backward()
            optimizer.step()

    return train


def torch_limit() -> Rates:
    """Return the GFLOP/s of PyTorch's largest matrix products."""
    import torch

    def of(kind: str, side: int) -> Callable[[], Any]:
        a = torch.randn(side, side).to(getattr(torch, kind))
        return lambda: a @ a

    return fastest(of)


# ---------------------------------------------------------------- ONNX Runtime and OpenVINO


def onnx_file(folder: Path) -> Path:
    """Write the network as ONNX and return the file."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    nodes, constants, name = [], [], "images"
    arrays = iter(vgg16.weights())
    for block, (_, count) in enumerate(vgg16.BLOCKS, start=1):
        for number in range(1, count + 1):
            kernel, bias = next(arrays)
            key = f"conv{block}_{number}"
            constants.append(numpy_helper.from_array(kernel.transpose(3, 2, 0, 1).copy(), key))
            constants.append(numpy_helper.from_array(bias, key + "_bias"))
            inputs, kept = [name, key, key + "_bias"], key + "_out"
            nodes.append(helper.make_node("Conv", inputs, [kept], pads=[1] * 4))
            nodes.append(helper.make_node("Relu", [kept], [name := key + "_relu"]))
        pool = f"pool{block}"
        nodes.append(
            helper.make_node("MaxPool", [name], [pool], kernel_shape=[2, 2], strides=[2, 2])
        )
        name = pool
    nodes.append(helper.make_node("GlobalAveragePool", [name], ["mean"]))
    nodes.append(helper.make_node("Flatten", ["mean"], ["features"]))
    shape = [vgg16.BATCH, 3, vgg16.SIZE, vgg16.SIZE]
    graph = helper.make_graph(
        nodes,
        "vgg16",
        [helper.make_tensor_value_info("images", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("features", TensorProto.FLOAT, [vgg16.BATCH, 512])],
        constants,
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.save(made, folder / "vgg16.onnx")
    return folder / "vgg16.onnx"


def channels_first(batch: np.ndarray) -> np.ndarray:
    """Return images (n, channels, height, width)."""
    return np.ascontiguousarray(batch.transpose(0, 3, 1, 2))


def onnxruntime_extractor(kind: str) -> Callable[[np.ndarray], np.ndarray]:
    """Return ONNX Runtime's way; on processors it knows no bfloat16."""
    import onnxruntime

    with tempfile.TemporaryDirectory() as folder:
        session = onnxruntime.InferenceSession(
            str(onnx_file(Path(folder))), providers=["CPUExecutionProvider"]
        )
    return lambda batch: session.run(None, {"images": channels_first(batch)})[0]


def openvino_extractor(kind: str) -> Callable[[np.ndarray], np.ndarray]:
    """Return OpenVINO's way."""
    import openvino

    with tempfile.TemporaryDirectory() as folder:
        model = openvino.Core().compile_model(
            str(onnx_file(Path(folder))),
            "CPU",
            {"INFERENCE_PRECISION_HINT": "bf16", "PERFORMANCE_HINT": "LATENCY"},
        )
    return lambda batch: model(channels_first(batch))[0]


# ---------------------------------------------------------------- measuring


def fastest(product: Callable[[str, int], Callable[[], Any]]) -> Rates:
    """Return the best GFLOP/s of square matrix products, for each number format."""
    found = {}
    for kind in ("bfloat16", "float32"):
        rates = []
        for side in (1024, 2048, 4096):
            call = product(kind, side)
            call()
            rates.append(2e-9 * side**3 / min(seconds(call) for _ in range(3)))
        found[kind] = max(rates)
    return found


def serve(task: str, engine: str, kind: str, count: int) -> None:
    """Be one engine: measure each time a line comes in."""
    here = globals()
    if task == "limit":
        answer({}, here[f"{engine}_limit"])
        return
    images = vgg16.images(count)
    if task == "extract":
        extract = here[f"{engine}_extractor"](kind)
        first = extract(images[: vgg16.BATCH])
        starts = range(0, count, vgg16.BATCH)

        def all_images() -> None:
            for start in starts:
                extract(images[start : start + vgg16.BATCH])

    else:
        train = here[f"{engine}_trainer"](kind)
        labels = np.arange(count) % vgg16.CLASSES
        first = np.zeros(1)

        def all_images() -> None:
            train(images, labels)

    all_images()  # once to warm up
    about = {"mean": float(np.mean(first)), "spread": float(np.std(first))}
    answer(about, lambda: rate(count, all_images))


def limits(peers: str, rounds: int) -> Rates:
    """Return the best matrix product of any engine, for each number format."""
    script = os.path.basename(__file__)
    engines = [
        Measured(sys.executable, script, "--serve", "limit", "keras", "", "0"),
        Measured(peers, script, "--serve", "limit", "torch", "", "0"),
    ]
    found = [engine() for _ in range(rounds) for engine in engines]
    for engine in engines:
        engine.close()
    return {kind: max(rates[kind] for rates in found) for kind in ("bfloat16", "float32")}


def layers(rounds: int) -> list[dict[str, Any]]:
    """Return for each convolution its share of the work, its time and its GFLOP/s, in bfloat16."""
    import tensorflow as tf

    rows = []
    for name, side, channels, out in vgg16.convolutions():
        x = tf.cast(tf.random.normal((vgg16.BATCH, side, side, channels)), tf.bfloat16)
        kernel = tf.cast(tf.random.normal((3, 3, channels, out)), tf.bfloat16)
        bias = tf.zeros(out, tf.bfloat16)

        @tf.function
        def layer(x: Any, kernel: Any, bias: Any) -> Any:
            return tf.nn.relu(tf.nn.bias_add(tf.nn.conv2d(x, kernel, 1, "SAME"), bias))

        layer(x, kernel, bias)
        best = median([seconds(lambda: layer(x, kernel, bias)) for _ in range(rounds)])  # noqa: B023
        work = vgg16.BATCH * vgg16.flop(side, channels, out)
        rows.append(
            {
                "layer": name,
                "side": side,
                "channels": f"{channels} to {out}",
                "gflop": work / 1e9,
                "seconds": best,
                "gflop_per_second": work / best / 1e9,
            }
        )
    return rows


def main() -> None:
    """Measure and write `measured/engines.json`."""
    arguments = with_peers(__doc__, words=4)
    if arguments.serve:
        task, engine, kind, count = arguments.serve
        serve(task, engine, kind, int(count))
        return
    peers, rounds = arguments.peers, arguments.rounds
    count = vgg16.BATCH if arguments.quick else 2 * vgg16.BATCH
    write(
        "engines",
        {
            "batch": vgg16.BATCH,
            "training_batch": vgg16.TRAINING_BATCH,
            "gflop_per_image": vgg16.FLOP_PER_IMAGE / 1e9,
            "limits": limits(peers, rounds),
            "extraction": in_turns(EXTRACTORS, peers, ["extract"], count, rounds),
            "fine_tuning": in_turns(TRAINERS, peers, ["train"], count // 2, rounds),
            "layers": layers(max(3, rounds)),
        },
    )


if __name__ == "__main__":
    main()
