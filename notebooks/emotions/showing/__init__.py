"""What a person sees: figures, widgets, progress bars, the report.

In: tables, images, histories. Out: pictures and widgets; nothing here computes a result.
"""
