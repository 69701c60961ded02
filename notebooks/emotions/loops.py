"""Loops that take a while: who starts one may hand over a progress bar."""

from collections.abc import Callable, Iterable

Progress = Callable[..., Iterable]  # called like tqdm; what it returns is iterated


def with_progress(
    items: Iterable, progress: Progress | None, total: int | None, description: str, **unit: str
) -> Iterable:
    """Return `items`, wrapped in the caller's progress bar if there is one.

    Parameters
    ----------
    items
        What is looped over.
    progress
        The bar, called like ``tqdm(iterable, total=..., desc=...)``, or None.
    total
        How many items there are, or None if nobody knows.
    description
        What the bar is called.
    unit
        `unit`, what one item is, if that helps the reader.
    """
    if progress is None:
        return items
    return progress(items, total=total, desc=description, **unit)
