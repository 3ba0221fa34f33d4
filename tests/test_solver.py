"""The solver: conditions that several questions share, the time that is left, joined conditions."""

from __future__ import annotations

import time
from typing import Any, Final

import pytest

from repurchase.proof.logic import chosen, number
from repurchase.proof.solver import Time, every, some, z3

MINUTE: Final = 60_000


def time_left(milliseconds: int = MINUTE) -> Time:
    """Return the time for a proof, of so many *milliseconds*."""
    return Time(milliseconds, time.monotonic_ns)


def test_questions_share_what_is_known_and_nothing_else() -> None:
    """A question is asked with all that is known, and without the questions before it."""
    x = z3.Real("x")
    known = time_left().knowing([x > 0])
    assert known.never(x < 0)
    assert known.check(x == 2) == z3.sat
    assert known.check(x == 1) == z3.sat
    assert known.also(x == 3).never(x == 1)
    assert known.check(x == 1) == z3.sat


def test_question_that_one_way_does_not_decide_is_asked_the_other_way() -> None:
    """z3 decides powers with quantifiers only if it reads all at once."""
    x, y, w = z3.Reals("x y w")
    quantified = z3.ForAll([x], z3.Exists([y], y > x))
    solver = z3.Solver()
    solver.set("timeout", 500)
    solver.add(quantified)
    solver.push()
    solver.add(w * w * w == 5)
    assert solver.check() == z3.unknown
    assert time_left(4_000).knowing([quantified]).check(w * w * w == 5) == z3.sat


def test_without_time_nothing_is_known_of_a_question() -> None:
    """When the time is over, a question is neither answered yes nor no."""
    known = time_left(0).knowing([z3.Real("x") > 0])
    assert known.check(z3.Real("x") < 0) == z3.unknown
    assert not known.never(z3.Real("x") < 0)


@pytest.mark.parametrize(("ours", "theirs"), [(every, z3.And), (some, z3.Or)], ids=["and", "or"])
@pytest.mark.parametrize("count", [1, 2, 5])
def test_joined_conditions_are_those_of_z3(ours: Any, theirs: Any, count: int) -> None:
    """A joined condition is true whenever that of z3's own function is, which checks its parts."""
    parts = [z3.Bool(f"b{index}") for index in range(count)]
    assert time_left().never(ours(parts) != theirs(parts))
    assert ours(parts).children() == ([] if count == 1 else parts)


def test_no_conditions_are_all_true_and_none_of_them_is() -> None:
    """Without parts, the condition is written `true` or `false`, as each solver reads it."""
    assert (every([]).sexpr(), some([]).sexpr()) == ("true", "false")


def test_chosen_value_is_the_one_at_the_index() -> None:
    """Values that are equal to the last one share its case."""
    index, values = z3.Int("i"), [number(one) for one in (7, 0, 5, 0)]
    found = chosen(index, values)
    assert str(found).count("If") == 2
    assert all(time_left().never(index == at, found != value) for at, value in enumerate(values))
