"""Small grey faces that the course draws, to run on when FER-2013 is not at hand.

In: action units, a person, a view. Out: uint8 pictures, or a whole data set of them. `anatomy` says
where a face's landmarks lie and what moves them, `canvas` how a picture is taken, `painting` what a
face looks like, and `people` who is drawn.
"""

from emotions.data.drawn.anatomy import ACTION_UNITS, EXPRESSIONS
from emotions.data.drawn.painting import draw_face
from emotions.data.drawn.people import draw_data_set

__all__ = ["ACTION_UNITS", "EXPRESSIONS", "draw_data_set", "draw_face"]
