"""The pre-trained network and the operations on it.

In: the name of weights, an input size, images. Out: a backbone, its feature maps, a new head, and
pictures of what the network sees.
"""
