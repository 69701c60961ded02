"""What a check says, and how it finds the words for a typical mistake."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import wraps
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Verdict:
    """What a check says about an answer."""

    right: bool
    remark: str  # what the right answer means, or what is wrong with this one

    def __repr__(self) -> str:
        return f"{'Right.' if self.right else 'Not yet.'} {self.remark}"

    def _repr_markdown_(self) -> str:
        return f"{'✓ **Right.**' if self.right else '✗ **Not yet.**'} {self.remark}"


class UnusableError(Exception):
    """An answer that cannot be compared: of another kind, or a function that stops."""


class OpenError(Exception):
    """An answer that still has its three dots."""


def exercise(unsolved: str) -> Callable[[Callable[..., Verdict]], Callable[..., Verdict]]:
    """Make a check that never raises because of an answer; `unsolved` is said of three dots."""

    def decorate(look: Callable[..., Verdict]) -> Callable[..., Verdict]:
        @wraps(look)
        def check(answer: Any, *context: Any) -> Verdict:
            try:
                if answer is ...:
                    raise OpenError
                return look(answer, *context)
            except OpenError:
                return Verdict(False, unsolved)
            except UnusableError as error:
                return Verdict(False, str(error))

        return check

    return decorate


def number(answer: Any) -> float:
    """Return an answer as a number, or raise an `UnusableError`."""
    try:
        return float(answer)
    except (TypeError, ValueError, OverflowError):
        kind = type(answer).__name__
        shown = repr(answer)[:80]
        raise UnusableError(f"A number belongs here; yours is a {kind}: {shown}.") from None


def pair(answer: Any, wanted: str) -> list[float]:
    """Return an answer as two numbers, or raise an `UnusableError` that says what is wanted."""
    answer = answer.tolist() if isinstance(answer, np.ndarray) else answer
    if not isinstance(answer, (tuple, list)) or len(answer) != 2:
        raise UnusableError(wanted)
    return [number(each) for each in answer]


def call(function: Any, *inputs: Any) -> Any:
    """Return what a function of the learner's gives.

    It is open if it gives nothing (its three dots are still there, or the `return` is missing),
    and unusable if it is no function, or stops.
    """
    if not callable(function):
        raise UnusableError("A function belongs here: leave its line with `def` as it was.")
    try:
        result = function(*inputs)
        result = list(result) if isinstance(result, Iterator) else result  # may stop only now
    except Exception as error:  # whatever a learner's function may do
        raise UnusableError(
            f"Your function stops with {type(error).__name__}: {error}. Try it on small inputs."
        ) from error
    if result is None or result is ...:
        raise OpenError
    return result


def same(found: Any, wanted: Any, tolerance: float = 1e-6) -> bool:
    """Say whether two numbers, arrays or other values are the same, up to rounding."""
    try:
        values, aim = np.asarray(found, dtype=float), np.asarray(wanted, dtype=float)
    except (TypeError, ValueError, OverflowError):
        try:
            values, aim = np.asarray(found, dtype=object), np.asarray(wanted, dtype=object)
            return type(found) is type(wanted) and np.array_equal(values, aim)
        except ValueError:  # arrays inside it, which are neither true nor false
            return False
    return values.shape == aim.shape and np.allclose(values, aim, rtol=0, atol=tolerance)


def judge(
    found: Any,
    wanted: Any,
    meaning: str,
    *mistakes: tuple[Any, str],
    otherwise: str,
    tolerance: float = 1e-6,
) -> Verdict:
    """Compare an answer with the right one, then with what typical mistakes give.

    Parameters
    ----------
    found, wanted
        The answer and the right one: numbers, arrays or other values.
    meaning
        The remark to the right answer: what it means.
    mistakes
        What a typical mistake gives, and the remark to it; the first one that fits is said. That
        shares are given as percentages, every check says.
    otherwise
        The remark to any other answer.
    tolerance
        How far two numbers that are the same may differ.
    """
    if same(found, wanted, tolerance):
        return Verdict(True, meaning)
    remarks = [remark for value, remark in mistakes if same(found, value, tolerance)]
    if not remarks and _is_share(wanted) and same(found, 100 * np.asarray(wanted), 100 * tolerance):
        remarks = ["This is a percentage; give a share from 0 to 1."]
    return Verdict(False, next(iter(remarks), otherwise))


def _is_share(wanted: Any) -> bool:
    values = np.asarray(wanted)
    return values.dtype.kind == "f" and np.abs(values).max(initial=0) <= 1
