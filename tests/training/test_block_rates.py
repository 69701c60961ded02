"""How fast the blocks of the backbone learn beside the head."""

import pytest
from emotions import settings
from emotions.network import backbone
from emotions.training import optimizer


@pytest.fixture(scope="module")
def model():
    return backbone.build("random", 48, settings.ROOT, 0).model


@pytest.mark.parametrize(
    "layer, wanted",
    [
        ("pool3", {"conv3_3": 0.5, "conv2_2": 0.25, "conv1_1": 0.125}),
        ("conv5_3", {"conv5_3": 0.5, "conv4_1": 0.25, "conv3_1": 0.125}),
        ("pool5", {"conv5_1": 0.5, "conv4_1": 0.25}),
    ],
)
def test_the_deepest_block_that_the_head_reads_comes_first(model, layer, wanted):
    rates = optimizer.block_rates(model, 0.5, layer)
    kernels = {name: model.get_layer(name).kernel.path for name in wanted}
    assert {name: rates[path] for name, path in kernels.items()} == wanted
    assert optimizer.block_rates(model, 1.0, layer) == {}
