"""What a trained classifier is worth.

In: a trained model, test images. Out: scores with intervals, the saved classifier, the results of
recipes, the faces of a photo.
"""
