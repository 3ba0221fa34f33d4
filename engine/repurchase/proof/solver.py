"""What z3 can say of formulas in the time that there is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from repurchase.domain.errors import Problem, UsageError

try:
    import z3
except ImportError as missing:
    what_to_do = "install it with: pip install 'repurchase[prove]'"
    raise UsageError(Problem("a proof needs the package z3-solver", what_to_do)) from missing

__all__ = ["Term", "Time", "interrupt", "z3"]

# What z3 hands out has no types of its own.
Term = Any

_NANOSECONDS: Final = 1_000_000

# z3 would take Ctrl-C for itself, and lose it where it has just found something.
z3.set_param("ctrl_c", False)
# Made here, so that two threads do not make one each.
_CONTEXT: Final = z3.main_ctx()


def interrupt() -> None:
    """Break off what z3 does at this moment in another thread, so that it finds nothing."""
    _CONTEXT.interrupt()


class Time:
    """What is left of the time for a proof."""

    def __init__(self, milliseconds: int, now: Callable[[], int]) -> None:
        self._now = now
        self._until = now() + milliseconds * _NANOSECONDS

    def milliseconds(self) -> int:
        """Return how many milliseconds are left, 0 where it is over."""
        return max((self._until - self._now()) // _NANOSECONDS, 0)

    def check(self, formulas: list[Term]) -> object:
        """Return what z3 finds of *formulas* together in what is left."""
        left = self.milliseconds()
        if not left:
            return z3.unknown
        solver = z3.Solver()
        solver.set("timeout", left)
        solver.add(formulas)
        return solver.check()

    def never(self, *formulas: Term) -> bool:
        """Return whether *formulas* are proved never to hold together."""
        return bool(self.check([*formulas]) == z3.unsat)
