"""The checks of the exercises, one module for each notebook.

A check looks at an answer and says what is wrong with it, not only that it is wrong. It never stops
a notebook: an exercise that is left open gives a remark.
"""
