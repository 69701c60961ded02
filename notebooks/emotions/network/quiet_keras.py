"""Imports Keras: quick on any processor, and without the lines that TensorFlow writes at its start.

TensorFlow 2.21 writes about its processor and its missing graphics card straight to the standard
error stream, before any setting can stop it. In a notebook they stand red below the first cell.

It uses oneDNN's operations by itself only where the processor has AVX512-VNNI. On two cores with
AVX2 alone they train the recipe `hour` at 134 images/s, TensorFlow's own at 47.
"""

import logging
import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")


_kept = os.dup(2)  # the standard error stream
with open(os.devnull, "wb") as _nowhere:
    os.dup2(_nowhere.fileno(), 2)
try:
    import keras

    keras.ops.zeros(1)  # the engine below Keras starts with its first operation
finally:
    os.dup2(_kept, 2)
    os.close(_kept)

# It also warns of every further model that is traced, which a course on models cannot avoid.
logging.getLogger("tensorflow").setLevel(logging.ERROR)

__all__ = ["keras"]
