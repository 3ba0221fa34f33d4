"""The solver z3 with a time limit.

To import this module raises UsageError, which says what to install, if z3 is missing.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from repurchase.domain.errors import Problem, UsageError

try:
    import z3
except ImportError as _missing:
    what_to_do = "install it with: pip install 'repurchase[prove]'"
    raise UsageError(Problem("a proof needs the package z3-solver", what_to_do)) from _missing

__all__ = ["Term", "Time", "interrupt", "z3"]

# z3 has no type annotations.
Term = Any

_NANOSECONDS: Final = 1_000_000

# By default z3 handles Ctrl-C itself, and loses it if it has just found a result.
z3.set_param("ctrl_c", False)
# Created at import, so that two threads do not create one each.
_CONTEXT: Final = z3.main_ctx()


def interrupt() -> None:
    """Stop the call of z3 that another thread makes at this moment; its result is unknown."""
    _CONTEXT.interrupt()


class Time:
    """The remaining time of a proof."""

    def __init__(self, milliseconds: int, now: Callable[[], int]) -> None:
        self._now = now
        self._until = now() + milliseconds * _NANOSECONDS

    def milliseconds(self) -> int:
        """Return the remaining milliseconds; 0 if the time is over."""
        return max((self._until - self._now()) // _NANOSECONDS, 0)

    def check(self, formulas: list[Term]) -> object:
        """Return z3's result for all *formulas* together: sat, unsat, or unknown if out of time."""
        left = self.milliseconds()
        if not left:
            return z3.unknown
        solver = z3.Solver()
        solver.set("timeout", left)
        solver.add(formulas)
        return solver.check()

    def never(self, *formulas: Term) -> bool:
        """Return whether it is proved that *formulas* are never all true; `False` if unknown."""
        return bool(self.check([*formulas]) == z3.unsat)
