"""What z3 can say of formulas in the time that there is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import z3

from repurchase.prove.logic import Term

_NANOSECONDS: Final = 1_000_000


def found(solver: Any) -> object:
    """Return what *solver* finds; raise KeyboardInterrupt where Ctrl-C stopped it.

    z3 takes the signal for itself while it looks, and says no more than that it was interrupted.
    """
    answer = solver.check()
    if answer == z3.unknown and "interrupt" in solver.reason_unknown():
        raise KeyboardInterrupt
    return answer


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
        return found(solver)

    def never(self, *formulas: Term) -> bool:
        """Return whether *formulas* are proved never to hold together."""
        return bool(self.check([*formulas]) == z3.unsat)
