"""Explorers of what the network gets to see, and what it makes of it."""

from collections.abc import Mapping
from typing import Any

from matplotlib.figure import Figure

from emotions.data.faces import ImageSet
from emotions.network.backbone import LAYERS, Backbone
from emotions.network.inputs import Mean
from emotions.network.responses import Responses
from emotions.showing import quick, style
from emotions.showing.widgets.explorer import Explorer, dropdown, saying, slider

SIZES = (48, 96, 224)  # pixels; the last one is what VGG-Face was trained with
NOTHING_YET = "There is no network or no image yet: run the cells above first."


def feature_map_explorer(
    backbone: Backbone | None, images: ImageSet, mean: Mean, footer: str
) -> Explorer:
    """Choose a face, a layer and a channel; see its map, and the most active ones beside it.

    It begins with the channel of pool3 that is most active for the first face.
    """
    if backbone is None or len(images) == 0:
        return saying(NOTHING_YET)
    responses = Responses(backbone.model, images.images)
    size = backbone.model.input_shape[1]
    layers = [name for name in responses.layers if not name.endswith("_relu")]  # in their maps
    layer = dropdown("layer", layers, "pool3")
    activity = responses.maps(0, size, mean)["pool3"].mean(axis=(0, 1))
    channel = slider("channel", 0, len(activity) - 1)
    channel.value = int(activity.argmax())

    def fit(change: Any) -> None:
        channel.max = responses.layers[change["new"]].output.shape[-1] - 1

    layer.observe(fit, "value")  # before the explorer looks at the two

    def draw(layer: str, face: int, channel: int) -> Figure:
        maps = responses.maps(face, size, mean)[layer]
        title = f"{layer} sees a face ({images.classes[images.labels[face]]})"
        figure = quick.feature_maps(images.images[face], maps, channel, title)
        return style.with_footer(figure, footer)

    return Explorer(draw, layer=layer, face=slider("face", 0, len(images) - 1), channel=channel)


def input_explorer(
    backbone: Backbone | None, images: ImageSet, means: Mapping[str, Mean], footer: str
) -> Explorer:
    """Choose what is subtracted and how large a face enters; see how far the answers move.

    The means have a name and what is subtracted from B, G, R; None divides by 255. The answers are
    compared with those to the first one, at 48 pixels; it begins with the last one.
    """
    if backbone is None or len(images) == 0:
        return saying(NOTHING_YET)
    responses = Responses(backbone.model, images.images)
    reference = next(iter(means))

    def draw(preparation: str, size: int, face: int) -> Figure:
        seen = responses.network_input(face, size, means[preparation])
        start, now = (SIZES[0], means[reference]), (size, means[preparation])
        change = responses.change(face, start, now, ("conv1_1", *LAYERS))
        title = f"A face ({images.classes[images.labels[face]]}), {preparation}, {size} pixels"
        figure = quick.prepared(
            seen, change, title, f"Answers, against {reference} at {SIZES[0]} pixels"
        )
        return style.with_footer(figure, footer)

    return Explorer(
        draw,
        preparation=dropdown("preparation", means, list(means)[-1]),
        size=dropdown("size", SIZES),
        face=slider("face", 0, len(images) - 1),
    )
