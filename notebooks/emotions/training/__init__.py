"""Learning: from settings and data to weights.

In: `Settings`, `FaceData`, a backbone. Out: a trained model with its history, or the table of a
grid search.
"""
