"""Loops that take a while: who starts one may hand over a progress bar."""

from collections.abc import Callable, Iterable

Progress = Callable[..., Iterable]  # called like tqdm; what it returns is iterated


def with_progress(
    items: Iterable, progress: Progress | None, total: int | None, description: str, **unit: str
) -> Iterable:
    """Return `items`, in a progress bar if there is one; `unit` says what one of them is."""
    return progress(items, total=total, desc=description, **unit) if progress else items
