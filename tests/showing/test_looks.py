"""Figures: told apart by the colour-blind, legible on a dark screen, no word on another word."""

import inspect
from collections.abc import Iterator
from itertools import combinations

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from emotions import settings
from emotions.measuring import ladder, scores
from emotions.network import backbone
from emotions.network.quiet_keras import keras
from emotions.showing import network_plots, plots, quick, style
from legible import LEAST_CONTRAST, contrast, linear
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.legend import Legend
from matplotlib.path import Path as Outline
from matplotlib.text import Text
from matplotlib.transforms import Bbox
from PIL import Image
from skimage.color import deltaE_ciede2000, rgb2lab
from sklearn.model_selection import ParameterGrid

# Machado, Oliveira and Fernandes 2009, "A physiologically-based model for simulation of color
# vision deficiency", severity 1.0, for linear RGB
VISION = {
    "usual": np.eye(3),
    "protanopia": np.array([[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216],
                            [-0.003882, -0.048116, 1.051998]]),
    "deuteranopia": np.array([[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413],
                              [-0.011820, 0.042940, 0.968881]]),
    "tritanopia": np.array([[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602],
                            [0.004733, 0.691367, 0.303900]]),
}  # fmt: skip
LEAST_DIFFERENCE = 10.0  # CIEDE2000; about 1 is the least that a trained eye sees side by side
NAMES = [
    "Begeisterungsfähigkeit", "Niedergeschlagenheit", "Unvoreingenommenheit",
    "Geringschätzigkeit", "Überraschung", "Gleichgültigkeit", "Entschlossenheit",
    "Hilfsbereitschaft", "Rücksichtslosigkeit", "Aufgeschlossenheit", "Zurückhaltung",
    "Schadenfreude", "Selbstzufriedenheit", "Enttäuschung", "Verlegenheit", "Fassungslosigkeit",
    "Ausgeglichenheit", "Missbilligung", "Verunsicherung", "Hoffnungslosigkeit",
]  # fmt: skip
TITLE = "Aufmerksamkeitserhebung mit zwanzig Gemütszuständen"
FOOTER = f"data: {TITLE} · weights: hed (stand-in: ImageNet, then edge detection)"
DICE = np.random.default_rng(0)
FACES = [DICE.integers(0, 256, (48, 48, 1), dtype=np.uint8) for _ in NAMES]
SHARES = DICE.dirichlet(np.ones(20), size=3)


def seen(colour: str, vision: str) -> np.ndarray:
    """Return the CIELAB colour that somebody with this vision sees."""
    light = np.clip(VISION[vision] @ linear(to_rgb(colour)), 0, 1)
    encoded = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
    return rgb2lab(encoded)


def test_a_dollar_in_a_name_is_a_dollar():
    style.use_style()
    figure = plots.class_counts(pd.DataFrame({"train": [3]}, index=["$20$ and $"]), "under $10$")
    labels = figure.axes[0].get_xticklabels() + figure.axes[0].get_yticklabels()
    assert "$20$ and $" in [label.get_text() for label in labels]
    assert not any(label.get_parse_math() for label in [*labels, figure.axes[0].title])
    plt.close(figure)


@pytest.mark.parametrize("vision", VISION)
def test_emotions_are_told_apart_with_every_vision(vision):
    lab = {name: seen(colour, vision) for name, colour in style.EMOTION_COLOURS.items()}
    apart = {pair: deltaE_ciede2000(lab[pair[0]], lab[pair[1]]) for pair in combinations(lab, 2)}
    closest = min(apart, key=apart.get)
    assert apart[closest] >= LEAST_DIFFERENCE, (closest, apart[closest])


@pytest.mark.parametrize("vision", VISION)
def test_training_and_validation_are_told_apart_with_every_vision(vision):
    roles = (style.TRAINING, style.VALIDATION, style.ACCENT, style.FROZEN)
    for one, other in combinations(roles, 2):
        apart = deltaE_ciede2000(seen(one, vision), seen(other, vision))
        assert apart >= LEAST_DIFFERENCE, (one, other)


def network_drawn(layer: str = "pool5", side: int = 48) -> Figure:
    """Return the drawing of a network with a head for twenty classes."""
    made = backbone.build("random", side, settings.ROOT, 0)
    dense = keras.layers.Dense
    head = keras.Sequential([dense(256, "relu", name="fc-256"), dense(20, "softmax", name="fc-20")])
    return network_plots.architecture(made.model, head, layer, TITLE)


@pytest.mark.parametrize("side", [48, 96])
def test_the_drawing_of_a_network_is_as_high_as_its_boxes(side):
    (axis,) = network_drawn(side=side).axes
    low, high = axis.get_ylim()
    ends = [(patch.get_y(), patch.get_y() + patch.get_height()) for patch in axis.patches]
    assert low < min(end[0] for end in ends) and max(end[1] for end in ends) < high


def test_mean_and_changed_faces_keep_their_colours():
    """Of colours matplotlib takes numbers with a point for fractions: 200.0 would be white."""
    face = np.full((4, 4, 3), 200.0)
    (axis,) = plots.pictures([face], ["mean"], TITLE).axes
    assert (np.asarray(axis.images[0].get_array()) == 200).all()


def searched(**more: object) -> Figure:
    """Return the heat maps of the whole default grid; its table has further columns."""
    grid = {"learning_rate": [0.001, 0.01], "optimizer": ["Adam", "SGD"]}
    grid |= {"batch_size": [128, 512], "units": [64, 256], "dropout": [0.0, 0.5]}
    table = pd.DataFrame(list(ParameterGrid(grid)))
    table["mean"], table["spread"] = np.linspace(0.1, 0.6, len(table)), 0.021
    return plots.heat_maps(table.assign(**more), list(grid), TITLE)


def test_after_halving_each_cell_says_how_many_images_it_learnt_from():
    """Few images make a combination look worse than its parameters are."""
    words = [text.get_text() for text in searched(images=[234] * 31 + [6318]).axes[0].texts]
    assert all(text.endswith("\nof 234") for text in words)
    assert "last round" in searched(images=234).get_suptitle()
    assert not any("of" in text.get_text() for text in searched().axes[0].texts)


def history() -> pd.DataFrame:
    """Return fifty epochs."""
    falling = np.linspace(2, 0.1, 50)
    columns = {"loss": falling, "val_loss": falling + 0.5}
    columns |= {"accuracy": 1 - falling / 3, "val_accuracy": 0.9 - falling / 3}
    return pd.DataFrame(columns, index=range(1, 51))


def movement() -> pd.DataFrame:
    """Return how far the layers of a whole network with a head have moved."""
    names = [f"conv{block}_{k}" for block in range(1, 6) for k in range(1, 4)][:13]
    change = np.linspace(0, 0.123456, 15)
    return pd.DataFrame({"change": change, "learns": change > 0.05}, [*names, "fc-256", "fc-7"])


def rungs() -> pd.DataFrame:
    """Return a ladder of four rungs, each with three kinds of weights."""
    changes = ["right pre-processing: the mean is subtracted", *NAMES[:3]]
    kinds = ["VGG-Face", "hed (stand-in: ImageNet, then edge detection)", "random"]
    rows = [
        {
            "change": change,
            "weights": kind,
            "accuracy_validation": 0.99 - 0.1 * k,
            "minutes": 128,
            "settings": ", ".join(NAMES[3:]),
        }
        for change in changes
        for k, kind in enumerate(kinds)
    ]
    return pd.DataFrame(rows)


def curves() -> pd.DataFrame:
    """Return the learning curves of six runs."""
    rows = [
        {"recipe": f"fine_tune_{name}", "weights": "hed", "random_seed": seed, "minutes": minute,
         "accuracy_validation": 0.4 + minute / 100}
        for name in NAMES[:2] for seed in (1, 2, 3) for minute in range(20)
    ]  # fmt: skip
    return pd.DataFrame(rows)


def bins() -> pd.DataFrame:
    """Return a reliability curve whose bins are all full."""
    middle = (np.arange(scores.BINS) + 0.5) / scores.BINS
    images = 1_000 + np.arange(scores.BINS)
    return pd.DataFrame({"confidence": middle, "accuracy": middle**2, "images": images})


TALL = pd.Index(NAMES, name="emotion")
DRAWN = {
    "class_counts": lambda: plots.class_counts(
        pd.DataFrame({"train": 7_178 + 500 * np.arange(20), "test": 7_178}, index=TALL), TITLE
    ),
    "pictures": lambda: plots.pictures(
        FACES, [f"{a}, taken for\n{b} (100%)" for a, b in zip(NAMES, NAMES[::-1], strict=True)],
        TITLE,
    ),
    "distributions": lambda: plots.distributions(
        {split: pd.DataFrame({f"{name} (grey levels)": DICE.normal(size=99) for name in NAMES[:3]})
         for split in ("train", "test")}, TITLE,
    ),
    "performance": lambda: plots.performance(history(), TITLE, 33),
    "confusion": lambda: plots.confusion(
        pd.DataFrame(7_178 * DICE.dirichlet(np.full(20, 0.1), 20), TALL, NAMES).astype(int), TITLE
    ),
    "confusion of seven": lambda: plots.confusion(
        pd.DataFrame(np.diag([9_999] * 7) + 4_999, NAMES[:7], NAMES[:7]), TITLE
    ),
    "comparison": lambda: plots.comparison(
        {f"{name}, weights hed": 0.99 - k / 25 for k, name in enumerate(NAMES)}, TITLE, 0.25
    ),
    "comparison with intervals": lambda: plots.comparison(
        {f"{name}\nwhich has weights of its own": 0.9 for name in NAMES[:5]}, TITLE,
        intervals={f"{NAMES[0]}\nwhich has weights of its own": (0.85, 0.95)}, others=NAMES,
    ),
    "heat_maps": lambda: searched(images=28_709),  # as after halving, which says more
    "architecture": network_drawn,
    "feature_maps": lambda: quick.feature_maps(FACES[0], DICE.random((6, 6, 512)), 3, TITLE),
    "prepared": lambda: quick.prepared(
        DICE.normal(0, 60, (48, 48, 3)),
        pd.Series(np.linspace(0, 2, 6), [f"conv{k}_1" for k in range(1, 7)]), TITLE,
        "Answers, against vggface at 48 pixels",
    ),
    "training": lambda: quick.training(history(), movement(), TITLE, 33),
    "runs": lambda: quick.runs(
        {name: history()["val_accuracy"] for name in NAMES[:5]}, TITLE, "validation accuracy"
    ),
    "ladder": lambda: plots.ladder(rungs(), TITLE),
    "against_minutes": lambda: plots.against_minutes(curves(), TITLE),
    "reliability": lambda: network_plots.reliability(
        {"as it is": bins(), NAMES[0]: bins()}, TITLE
    ),
    "heat_on_faces": lambda: network_plots.heat_on_faces(
        FACES[:12], DICE.random((12, 6, 6)),
        [f"{a}, called\n{b}" for a, b in zip(NAMES[:12], NAMES[8:], strict=True)], TITLE,
    ),
    "photo": lambda: network_plots.photo(
        DICE.integers(0, 256, (200, 300, 3), dtype=np.uint8),
        np.array([[10, 20, 50, 50], [90, 20, 50, 50], [200, 100, 50, 50]]),
        pd.DataFrame(SHARES, index=[1, 2, 3], columns=NAMES), TITLE,
    ),
}  # fmt: skip


def test_heat_lies_over_what_the_layer_has_seen():
    heats = DICE.random((1, 2, 2))
    figure = network_plots.heat_on_faces(FACES[:1], heats, [""], TITLE, (0.25, 0.5))
    face, heat = (np.array(image.get_extent()) for image in figure.axes[0].images)
    left, right, bottom, top = face
    across = left + np.array([0.25, 0.5]) * (right - left)
    down = top + np.array([0.5, 0.25]) * (bottom - top)
    assert heat == pytest.approx([*across, *down])


def test_the_ladder_names_every_setting_of_every_rung():
    steps = ladder.changes()
    rungs = steps.assign(weights="hed", accuracy_validation=0.5, minutes=3.0)
    axis = plots.ladder(rungs, TITLE).axes[0]
    shown = [" ".join(label.get_text().split()) for label in axis.get_yticklabels()]
    assert shown == [f"{row.change} {row.settings}".strip() for row in steps.itertuples()]


def test_a_bar_that_is_no_training_of_its_own_is_never_called_not_climbed():
    rows = [("a", "hed", "x 1"), ("b", "hed", "y 2"), ("b: 2 views", "hed", np.nan)]
    rows.append(("a", "random", "x 1"))
    made = pd.DataFrame(rows, columns=["change", "weights", "settings"])
    panel = plots.ladder(made.assign(accuracy_validation=0.5, minutes=1.0), TITLE).axes[1]
    assert [text.get_text() for text in panel.texts] == ["50.0 %\n1 min", "not climbed"]


def test_every_kind_of_weights_has_a_panel():
    one = rungs().query("weights == 'random'")
    four = pd.concat([rungs(), one.assign(weights="file x.h5")])
    titles = [axis.get_title() for axis in plots.ladder(four, TITLE).axes]
    assert titles[-1] == "weights: file x.h5"


@pytest.mark.parametrize(
    "layer, shown",
    [
        ("pool3", ["block 1", "block 2", "block 3"]),
        ("conv5_3", [f"block {number}" for number in range(1, 6)]),
    ],
)
def test_the_drawing_has_the_blocks_that_the_head_reads(layer, shown):
    texts = [text.get_text() for text in network_drawn(layer).axes[0].texts]
    assert [text.split("\n")[0] for text in texts if text.startswith("block")] == shown
    last = next(text for text in texts if text.startswith(shown[-1]))
    assert last.endswith("pool" if layer == "pool3" else "3 conv")  # conv5_3 is not pooled yet
    assert ("3x3x512" in texts) == (layer == "conv5_3")


def test_keras_plot_has_white_paper(tmp_path):
    head = keras.Sequential([keras.layers.Input((2,)), keras.layers.Dense(1)])
    file = network_plots.keras_plot(head, tmp_path / "plot.png")
    plot = np.asarray(Image.open(file).convert("RGBA"))
    assert (plot[2:-2, 2:-2, 3] == 255).all()  # nothing shows through, but for the very edge


def test_every_kind_of_figure_is_looked_at():
    kinds = {
        name
        for module in (plots, network_plots, quick)
        for name, made in inspect.getmembers(module, inspect.isfunction)
        if made.__module__ == module.__name__
        and inspect.signature(made).return_annotation is Figure
    }
    assert kinds == {name.split(" ")[0] for name in DRAWN}


class Noted:
    """What was drawn where while a figure was saved: its texts and its legends.

    Attributes
    ----------
    texts
        Text -> its outline.
    legends
        Legend -> its box.
    """

    def __init__(self, patches: pytest.MonkeyPatch) -> None:
        self.texts: dict[Text, Outline] = {}
        self.legends: dict[Legend, Bbox] = {}
        draw_text, draw_legend = Text.draw, Legend.draw

        def text(one, renderer):
            if one.get_visible() and one.get_text().strip():
                self.texts[one] = outline(one)
            draw_text(one, renderer)

        def legend(one, renderer):
            self.legends[one] = one.get_window_extent()
            draw_legend(one, renderer)

        patches.setattr(Text, "draw", text)
        patches.setattr(Legend, "draw", legend)


def outline(text: Text) -> Outline:
    """Return the rectangle around a text, turned as the text is, a little smaller than it."""
    box, angle = text.get_window_extent(), text.get_rotation()
    text.set_rotation(0)
    level = text.get_window_extent()
    text.set_rotation(angle)
    half = 0.46 * np.array([level.width, level.height])
    corners = half * np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]])
    cosine, sine = np.cos(np.radians(angle)), np.sin(np.radians(angle))
    middle = [(box.x0 + box.x1) / 2, (box.y0 + box.y1) / 2]
    return Outline(corners @ np.array([[cosine, sine], [-sine, cosine]]) + middle)


@pytest.fixture(scope="module", params=DRAWN)
def drawn(request, tmp_path_factory) -> Iterator[tuple[Figure, Noted]]:
    """Return a figure as it was saved, where the user's own style is a dark one."""
    with plt.style.context("dark_background"), pytest.MonkeyPatch.context() as patches:
        style.use_style()
        plt.rcParams.update({"figure.dpi": 60, "savefig.dpi": 60})  # fast
        figure = DRAWN[request.param]()
        noted = Noted(patches)
        style.save(figure, tmp_path_factory.mktemp("looks") / "figure.png", FOOTER)
        yield figure, noted
    plt.close(figure)


def test_no_word_lies_on_another(drawn):
    _, noted = drawn
    for (one, first), (other, second) in combinations(noted.texts.items(), 2):
        apart = not first.intersects_path(second, filled=True)
        assert apart, f"{one.get_text()!r} lies on {other.get_text()!r}"
    for legend, box in noted.legends.items():
        for text in set(noted.texts) - set(legend.findobj(Text)):
            apart = not box.overlaps(noted.texts[text].get_extents())
            assert apart, f"the legend lies on {text.get_text()!r}"


def test_every_word_stands_out_and_the_paper_is_white(drawn):
    figure, noted = drawn
    for text in noted.texts:
        text.set_alpha(0)
    figure.canvas.draw()
    paper = np.asarray(figure.canvas.buffer_rgba())
    assert (paper[[0, 0, -1, -1], [0, -1, 0, -1]] == 255).all()
    for text in noted.texts:
        patch = text.get_bbox_patch()
        ground = patch.get_facecolor() if patch else behind(text, paper)
        assert contrast(to_rgb(text.get_color()), to_rgb(ground)) >= LEAST_CONTRAST, text.get_text()


def behind(text: Text, paper: np.ndarray) -> np.ndarray:
    """Return the colour, RGB from 0 to 1, on which a text stands; white beside the figure."""
    height, width = paper.shape[:2]
    box = text.get_window_extent()
    left, right = np.clip([int(box.x0), int(box.x1) + 1], 0, width)
    top, bottom = np.clip([height - int(box.y1) - 1, height - int(box.y0)], 0, height)
    pixels = paper[top:bottom, left:right, :3].reshape(-1, 3)
    return np.median(pixels, axis=0) / 255 if len(pixels) else np.ones(3)
