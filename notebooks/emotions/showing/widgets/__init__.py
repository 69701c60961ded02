"""Pickers and explorers for the notebooks; no logic of their own.

Each one shows itself twice: as a live widget where a kernel runs, and as a plain picture or text
where none does (exported HTML), so that a page never has a hole.
"""

from emotions.showing.widgets.browsers import (
    ActionUnitSliders,
    confusion_explorer,
    feature_map_explorer,
    grid_explorer,
    image_browser,
    input_explorer,
)
from emotions.showing.widgets.live import LiveTraining, compare_runs
from emotions.showing.widgets.photo import PhotoTaker, Webcam
from emotions.showing.widgets.pickers import HyperparameterPicker, SearchPicker, describe
