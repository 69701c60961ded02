"""Muscles of a drawn face as sliders."""

from typing import Any

import ipywidgets
import matplotlib.pyplot as plt
from matplotlib.figure import Figure

from emotions.data.drawn import ACTION_UNITS, EXPRESSIONS, draw_face
from emotions.showing.widgets.explorer import Explorer, dropdown

OWN = "your own"  # no expression that has a name


class ActionUnitSliders(Explorer):
    """One slider per facial action unit, and a drawn face that follows; or pick an expression."""

    def __init__(self) -> None:
        sliders = {
            f"unit_{number}": ipywidgets.FloatSlider(
                value=0.0,
                min=0.0,
                max=1.0,
                step=0.1,
                description=f"AU{number} {what.split(':')[0]}",
                style={"description_width": "15em"},
                layout=ipywidgets.Layout(width="30em"),
                tooltip=what,
            )
            for number, what in ACTION_UNITS.items()
        }
        self.expression = dropdown("expression", [OWN, *EXPRESSIONS])
        super().__init__(self._draw, faces=False, **sliders)  # of no data, but drawn
        self.expression.observe(self._pose, "value")
        self.place(self.expression)
        self.expression.value = "happy"

    def update(self, change: Any = None) -> None:
        """Draw the face, and name the expression that has these units."""
        super().update(change)
        if not self._moving:
            named = (name for name, units in EXPRESSIONS.items() if set(units) == self._active())
            self.expression.value = next(named, OWN)

    def _active(self) -> set[int]:
        return {int(name.removeprefix("unit_")) for name, value in self.values().items() if value}

    def _pose(self, change: Any) -> None:
        chosen = EXPRESSIONS.get(change["new"], self._active())
        if set(chosen) != self._active():  # else it only names what the sliders show
            units = {f"unit_{number}" for number in chosen}
            self.move(**{name: 0.8 * (name in units) for name in self.controls})

    @staticmethod
    def _draw(**values: float) -> Figure:
        units = {int(name.removeprefix("unit_")): value for name, value in values.items()}
        active = " + ".join(f"AU{number}" for number, value in units.items() if value)
        figure, axis = plt.subplots(figsize=(3.2, 3.6))
        axis.imshow(draw_face(units), vmin=0, vmax=255, interpolation="nearest")
        axis.set_axis_off()
        axis.set_title(f"A face with {active or 'no action unit: neutral'}", fontsize=10, wrap=True)
        return figure
