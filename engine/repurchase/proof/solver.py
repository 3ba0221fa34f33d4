"""The solver z3 with a time limit.

To import this module raises UsageError, which says what to install, if z3 is missing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

from repurchase.domain.errors import Problem, UsageError

try:
    import z3
except ImportError as _missing:
    what_to_do = "install it with: pip install 'repurchase[prove]'"
    raise UsageError(Problem("a proof needs the package z3-solver", what_to_do)) from _missing

__all__ = ["Known", "Term", "Time", "every", "interrupt", "some", "z3"]

# z3 has no type annotations.
Term = Any

_NANOSECONDS: Final = 1_000_000
# A question with what is known may take the remaining time divided by this number.
_SHARE: Final = 8

# By default z3 handles Ctrl-C itself, and loses it if it has just found a result.
z3.set_param("ctrl_c", False)
# Created at import, so that two threads do not create one each.
_CONTEXT: Final = z3.main_ctx()


def interrupt() -> None:
    """Stop the call of z3 that another thread makes at this moment; its result is unknown."""
    _CONTEXT.interrupt()


def every(conditions: Sequence[Term]) -> Term:
    """Return the condition that all *conditions* are true, each of them a z3 condition."""
    return _joined(z3.Z3_mk_and, conditions)


def some(conditions: Sequence[Term]) -> Term:
    """Return the condition that one of *conditions* is true, each of them a z3 condition."""
    return _joined(z3.Z3_mk_or, conditions)


def _joined(join: Callable[..., Term], conditions: Sequence[Term]) -> Term:
    """Return *conditions* joined, without the checks of `z3.And`, which take ten times as long."""
    if len(conditions) < 2:
        # Of none, z3 would write a bare `and`, which other solvers refuse.
        return conditions[0] if conditions else z3.BoolVal(join is z3.Z3_mk_and)
    parts = (z3.Ast * len(conditions))(*(one.as_ast() for one in conditions))
    return z3.BoolRef(join(_CONTEXT.ref(), len(conditions), parts), _CONTEXT)


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

    def knowing(self, formulas: Sequence[Term]) -> Known:
        """Return the conditions *formulas*, of which several questions are then asked."""
        return Known(self, formulas)


class Known:
    """Conditions that are true in each of several questions.

    z3 reads them once, and keeps what it learns from one question to the next. A proof from nothing
    would spend most of its time reading.
    """

    def __init__(self, time: Time, formulas: Sequence[Term]) -> None:
        self._time = time
        self._formulas = [*formulas]
        self._solver = z3.Solver()
        self._solver.add(self._formulas)

    def check(self, *formulas: Term) -> object:
        """Return z3's result for *formulas* with all that is known: sat, unsat or unknown."""
        left = self._time.milliseconds()
        if not left:
            return z3.unknown
        self._solver.push()
        # Most of the time is left for a proof from nothing, which may take another way.
        self._solver.set("timeout", max(left // _SHARE, 1))
        self._solver.add(formulas)
        found: object = self._solver.check()
        self._solver.pop()
        return self._time.check([*self._formulas, *formulas]) if found == z3.unknown else found

    def never(self, *formulas: Term) -> bool:
        """Return whether it is proved that *formulas* are never all true; `False` if unknown."""
        return bool(self.check(*formulas) == z3.unsat)

    def also(self, *formulas: Term) -> Known:
        """Return these conditions and *formulas*."""
        return Known(self._time, [*self._formulas, *formulas])
