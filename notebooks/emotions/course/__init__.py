"""What a notebook starts with, and whether everything it needs is there.

In: settings. Out: a `Course` with the data loaded and the folders of the results.
"""
