"""Images of faces: from files on a disk to arrays.

In: folders, a zip archive, a CSV file, Kaggle, or nothing (then faces are drawn). Out: `FaceData`,
uint8 images with their labels, and what is known about them: copies, origin, faults. A picture
goes from `sources` to `folders` and `pixels`; `faces.load_faces` keeps it and hands it out.
"""
