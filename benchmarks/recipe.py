"""The recipe `hour`: training images per second of the course and of PyTorch, in turns.

    .venv/bin/python benchmarks/recipe.py --peers .venv-peers/bin/python

The same network for both: VGG16 of half the width with batch normalisation, 44 pixels, batches of
128, SGD with momentum, soft labels, the moving average of the weights, bfloat16. Neither changes
its images; a third row is the course with the recipe's own changes.
"""

from collections.abc import Callable

import numpy as np
from common import answer, course_settings, in_turns, rate, with_peers, write

BLOCKS = ((32, 2), (64, 2), (128, 3), (256, 3), (256, 3))  # channels, convolutions
SIZE, CLASSES, BATCH = 44, 7, 128
ENGINES = {
    "ours, bfloat16": ("keras", "same"),
    "ours, bfloat16, images changed at random": ("keras", "changed"),
    "PyTorch, bfloat16": ("torch", "same"),
}


def keras_trainer(kind: str, count: int) -> Callable[[], None]:
    """Return the course's training, over so many images once."""
    from emotions.course import opening
    from emotions.training import task as training
    from emotions.training.batches import Batches, Changes

    how = {"recipe": "hour", "weights": "random", "precision": "mixed_bfloat16"}
    course = opening.open_course(**course_settings(**how).model_dump())
    backbone, policy = opening.open_backbone(course)
    task = training.prepare(course.settings, course.data, backbone, policy)
    change = task.change if kind == "changed" else Changes()
    rows = np.resize(task.training, count)

    def train_once() -> None:
        batches = Batches(task.inputs, task.targets(), rows, BATCH, 1, change=change)
        task.model.fit(batches, shuffle=False, verbose=0)

    return train_once


def torch_trainer(kind: str, count: int) -> Callable[[], None]:
    """Return PyTorch's training, over so many images once, all of them in memory as they are."""
    import torch
    from torch import nn

    layers, channels = [], 3
    for out, convolutions in BLOCKS:
        for _ in range(convolutions):
            layers += [nn.Conv2d(channels, out, 3, padding=1, bias=False)]
            layers += [nn.BatchNorm2d(out), nn.ReLU(inplace=True)]
            channels = out
        layers.append(nn.MaxPool2d(2))
    layers += [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(0.5), nn.Linear(256, CLASSES)]
    model = nn.Sequential(*layers).to(memory_format=torch.channels_last)
    how = {"lr": 0.1, "momentum": 0.9, "nesterov": True, "weight_decay": 5e-4}
    optimizer = torch.optim.SGD(model.parameters(), **how)
    averaged = [parameter.detach().clone() for parameter in model.parameters()]
    random = np.random.default_rng(7)
    images = torch.from_numpy(random.normal(size=(count, 3, SIZE, SIZE)).astype("f4"))
    images = images.contiguous(memory_format=torch.channels_last)
    labels = torch.from_numpy(np.arange(count) % CLASSES)

    def train_once() -> None:
        for rows in torch.randperm(count).split(BATCH):
            optimizer.zero_grad(set_to_none=True)
            with torch.autocast("cpu", torch.bfloat16):
                said = model(images[rows])
                loss = nn.functional.cross_entropy(said, labels[rows], label_smoothing=0.1)
            loss.backward()
            optimizer.step()
            torch._foreach_lerp_(averaged, list(model.parameters()), 0.002)

    return train_once


def main() -> None:
    """Measure and write `measured/recipe.json`."""
    arguments = with_peers(__doc__, words=3)
    if arguments.serve:
        engine, kind, count = *arguments.serve[:2], int(arguments.serve[2])
        train_once = globals()[f"{engine}_trainer"](kind, count)
        train_once()  # to warm up
        answer({"images": count}, lambda: rate(count, train_once))
        return
    count = BATCH if arguments.quick else 24 * BATCH
    write("recipe", {"training": in_turns(ENGINES, arguments.peers, [], count, arguments.rounds)})


if __name__ == "__main__":
    main()
