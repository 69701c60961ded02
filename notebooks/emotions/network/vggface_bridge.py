"""Lets keras-vggface 0.6, written for Keras 2 in 2019, run on Keras 3.

The package imports four modules that Keras 3 no longer has. Each stands here with what Keras 3
calls the same thing today. And Keras 3 forbids the slash in the layer names `fc6/relu`,
`fc7/relu` and `fc8/softmax` of the whole network; they get an underscore. These layers have no
weights, so that weights files, which go by name, still fit.
"""

import importlib
import sys
from types import ModuleType

from emotions.network.quiet_keras import keras


def _input_shape(
    input_shape: tuple[int, int, int] | None, default_size: int, **_: object
) -> tuple[int, int, int]:
    """Return the shape of an image; Keras 2 also looked whether it is one, which Keras 3 does."""
    return input_shape or (default_size, default_size, 3)


_ALIASES = {
    "keras.engine": {},
    "keras.engine.topology": {"get_source_inputs": keras.utils.get_source_inputs},
    "keras.utils.data_utils": {"get_file": keras.utils.get_file},
    "keras.utils.layer_utils": {},
    "keras_applications": {},
    "keras_applications.imagenet_utils": {"_obtain_input_shape": _input_shape},
}


def import_keras_vggface() -> ModuleType:
    """Return the module `keras_vggface.models` of the real package, imported under Keras 3.

    The aliases are there only while it is imported, so that no other code meets them.
    """
    if "keras_vggface.models" in sys.modules:
        return sys.modules["keras_vggface.models"]
    added = [name for name in _ALIASES if name not in sys.modules]
    for name in added:
        sys.modules[name] = ModuleType(name)
        vars(sys.modules[name]).update(_ALIASES[name])
    try:
        models = importlib.import_module("keras_vggface.models")
        models.Activation = lambda kind, name=None: keras.layers.Activation(
            kind, name=name and name.replace("/", "_")
        )
        return models
    finally:
        for name in added:
            del sys.modules[name]
