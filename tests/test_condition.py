"""Trees as the engine takes them: exact integers, negation, and what is too much to write out."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from repurchase.domain.errors import RuleFileError, Wrong
from repurchase.domain.quantities import BARE, DATE, RATIO, SHARES, Exact, money
from repurchase.language.expression import Comparison, Names, Operator, parse
from repurchase.language.linear import (
    COMPARISONS_MAX,
    CONSTANT_MAX,
    FALSE,
    TRUE,
    AllOf,
    AnyOf,
    Atom,
    Constants,
    Form,
    Undecided,
    all_of,
    any_of,
    atoms,
    comparisons,
    engine_form,
    evaluated,
    expanded,
    form,
    holds,
    negated,
)
from repurchase.rulebook.editions import load_text

NAMES: Final = Names(
    {
        "terms.max_shares": SHARES,
        "terms.max_amount": money("JPY"),
        "terms.first_day": DATE,
        "terms.rate": RATIO,
        "terms.count": BARE,
        "terms.later": SHARES,
        "terms.later_rate": RATIO,
    },
    ("common", "ads"),
    "JPY",
)
CONSTANTS: Final = Constants(
    {
        "terms.max_shares": 4000,
        "terms.max_amount": 400_000_000,
        "terms.first_day": 733_000,
        "terms.rate": Fraction(1, 3),
        "terms.count": 7,
        "terms.later": None,
        "terms.later_rate": None,
    },
    {"buy": 1, "sell": 2, "common": 3, "ads": 4},
)


def formed(text: str) -> Form:
    return form(parse(text, NAMES).root, CONSTANTS)


def shown(shape: Form) -> str:
    """Return *shape* as text: `a*fact + b*other OP constant`, `!` where it is whole."""
    if isinstance(shape, Atom):
        total = " + ".join(f"{coefficient}*{name}" for name, coefficient in shape.terms)
        return f"{total} {shape.operator} {shape.constant}{'!' if shape.whole else ''}"
    if isinstance(shape, Undecided):
        return f"without {', '.join(shape.constants)}"
    joint = " and " if isinstance(shape, AllOf) else " or "
    return f"({joint.join(map(shown, shape.parts))})" if shape.parts else str(shape == TRUE)


S: Final = "trade.shares"
U: Final = "trade.units"
FORMS: Final = [
    # Both sides come to integers, multiplied by their denominators.
    (f"{S} <= terms.max_shares", f"1*{S} <= 4000"),
    (f"terms.max_shares >= {S}", f"1*{S} <= 4000"),
    (f"terms.max_shares > {S}", f"1*{S} < 4000"),
    (f"-{S} <= -5 shares", f"1*{S} >= 5"),
    (f"-{S} == -5 shares", f"1*{S} == 5"),
    (f"{S} <= 0.5 shares", f"2*{S} <= 1"),
    (f"{S} <= 1/3 * 5 shares", f"3*{S} <= 5"),
    (f"25% * {S} <= terms.max_shares", f"1*{S} <= 16000"),
    (f"{S} <= 25% * terms.max_shares", f"1*{S} <= 1000"),
    (f"{S} <= terms.rate * terms.max_shares", f"3*{S} <= 4000"),
    (f"{S} / 3 <= terms.rate * 5 shares", f"1*{S} <= 5"),
    (f"{S} / 4 + program.shares / 6 <= 1", f"2*program.shares + 3*{S} <= 12"),
    (f"{S} - program.shares <= 0 shares", f"-1*program.shares + 1*{S} <= 0"),
    (f"{S} + {S} <= 4 shares", f"2*{S} <= 4"),
    (f"0.000000000001 * {S} <= 1 shares", f"1*{S} <= 1000000000000"),
    ("trade.date <= terms.first_day + 5", "1*trade.date <= 733005!"),
    ("trade.date - terms.first_day <= 5.5", "2*trade.date <= 1466011"),
    # What is whole is kept as an equation; what may be broken is not.
    (f"{U} == 5", f"1*{U} == 5!"),
    (f"{U} == 2.5", f"2*{U} == 5"),
    (f"{S} == 5 shares", f"1*{S} == 5"),
    ("trade.side == buy", "1*trade.side == 1!"),
    ("trade.side != buy", "1*trade.side != 1!"),
    (
        "trade.share_class in [common, ads]",
        "(1*trade.share_class == 3! or 1*trade.share_class == 4!)",
    ),
    (
        "trade.share_class not in [common, ads]",
        "(1*trade.share_class != 3! and 1*trade.share_class != 4!)",
    ),
    ("issuer.closed_period", "1*issuer.closed_period >= 1!"),
    ("not issuer.closed_period", "1*issuer.closed_period < 1!"),
    # Groups are flat where they can be, and say nothing twice.
    (f"1 <= {U} <= 5", f"(1*{U} >= 1! and 1*{U} <= 5!)"),
    (f"({U} <= 5 and {U} >= 1) and {U} <= 5", f"(1*{U} <= 5! and 1*{U} >= 1!)"),
    (f"{U} <= 5 and {U} <= 5", f"1*{U} <= 5!"),
    (f"not ({U} <= 5 and not {U} >= 1)", f"(1*{U} > 5! or 1*{U} >= 1!)"),
    # Constants fold.
    (f"{U} <= 5 and 1 < 2", f"1*{U} <= 5!"),
    (f"{U} <= 5 or 1 < 2", "True"),
    (f"{U} <= 5 and 2 < 1", "False"),
    (f"{U} <= 5 or 2 < 1", f"1*{U} <= 5!"),
    ("1.935% * terms.max_shares <= 77.4 shares", "True"),
    ("terms.max_shares != terms.max_shares", "False"),
    ("min(terms.max_shares, 5 shares) == 5 shares", "True"),
    # A fact that comes to nothing is still needed.
    (f"0 * {S} <= 5 shares", f"0*{S} <= 5"),
    (f"{S} - {S} <= 5 shares", f"0*{S} <= 5"),
    # min and max are written out.
    (f"min({U}, 5) <= 3", f"1*{U} <= 3!"),
    (f"max({U}, 5) <= 7", f"1*{U} <= 7!"),
    (f"{S} <= min(terms.max_shares, 5 shares)", f"(1*{S} <= 4000 and 1*{S} <= 5)"),
    (f"{S} <= max(terms.max_shares, 5 shares)", f"(1*{S} <= 4000 or 1*{S} <= 5)"),
    (f"-min({S}, program.shares) <= 3 shares", f"(1*{S} >= -3 and 1*program.shares >= -3)"),
    (
        f"min({S}, program.shares) == 3 shares",
        f"((1*{S} <= 3 or 1*program.shares <= 3) and 1*{S} >= 3 and 1*program.shares >= 3)",
    ),
    (
        f"max({S}, program.shares) != 3 shares",
        f"((1*{S} < 3 and 1*program.shares < 3) or 1*{S} > 3 or 1*program.shares > 3)",
    ),
    # What is not in force settles nothing.
    (f"{S} <= terms.later", "without terms.later"),
    (f"not {S} <= terms.later", "without terms.later"),
    (f"{S} <= terms.later_rate * terms.later", "without terms.later_rate, terms.later"),
    (f"terms.later_rate * {S} <= 5 shares", "without terms.later_rate"),
    (f"{S} <= 5 shares or {S} <= terms.later", f"(1*{S} <= 5 or without terms.later)"),
    (f"{S} <= max(5 shares, terms.later)", f"(1*{S} <= 5 or without terms.later)"),
    # Of two constants the one in force scales, on whichever side it stands.
    (f"{S} <= min(2 shares, terms.later) * 3", f"(1*{S} <= 6 and without terms.later)"),
    (f"{S} <= 3 * min(2 shares, terms.later)", f"(1*{S} <= 6 and without terms.later)"),
    (f"{S} <= -3 * min(2 shares, terms.later)", f"(1*{S} <= -6 or without terms.later)"),
    (f"{S} * min(2, terms.later_rate) <= 5 shares", "without terms.later_rate"),
    (f"min(2, terms.later_rate) * {S} <= 5 shares", "without terms.later_rate"),
    ("terms.later <= 5 shares or 1 < 2", "True"),
]


@pytest.mark.parametrize(("text", "expected"), FORMS)
def test_form_is_exact(text: str, expected: str) -> None:
    """Each comparison comes to integers without losing anything."""
    assert shown(formed(text)) == expected


@pytest.mark.parametrize("text", [text for text, _ in FORMS])
def test_negation_of_a_negation_is_the_form_itself(text: str) -> None:
    """To deny twice is to say it once."""
    assert negated(negated(formed(text))) == formed(text)


@pytest.mark.parametrize(
    ("number", "holding"),
    [
        (-1, {"<", "<=", "!="}),
        (Fraction(-1, 10**12), {"<", "<=", "!="}),
        (0, {"<=", ">=", "=="}),
        (Fraction(1, 10**12), {">", ">=", "!="}),
        (1, {">", ">=", "!="}),
    ],
)
def test_number_stands_to_zero_in_the_ways_that_it_does(number: Exact, holding: set[str]) -> None:
    """A trillionth is not nothing."""
    operators: tuple[Operator, ...] = ("<", "<=", ">", ">=", "==", "!=")
    assert {one for one in operators if holds(number, one)} == holding


def test_groups_without_parts_are_true_and_false() -> None:
    """All of nothing holds, one of nothing does not; either decides what it stands in."""
    atom = Atom((("x", 1),), "<=", 5, whole=True)
    assert (all_of(()), any_of(())) == (TRUE, FALSE)
    assert (all_of((atom, TRUE)), any_of((atom, FALSE))) == (atom, atom)
    assert (all_of((atom, FALSE)), any_of((atom, TRUE))) == (FALSE, TRUE)
    assert list(atoms(all_of((atom, any_of((atom, TRUE)))))) == [atom]


TOO_LARGE: Final = "its figures are too large to compare exactly"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"{S} / 0 <= 5 shares", "it divides by zero"),
        (f"{S} / (3 - 3) <= 5 shares", "it divides by zero"),
        (f"{S} / (terms.count - 7) <= 5 shares", "it divides by zero"),
        (f"0.000000000001 * {S} <= 999,999,999,999,999,999 shares", TOO_LARGE),
        (f"{S} <= 999,999,999,999,999,999 * terms.max_shares", TOO_LARGE),
    ],
)
def test_condition_that_cannot_be_is_refused(text: str, expected: str) -> None:
    """Division by zero and figures past 2**61 are errors, with their reason."""
    with pytest.raises(Wrong) as refusal:
        formed(text)
    assert str(refusal.value) == expected


@pytest.mark.parametrize(("figure", "taken"), [(CONSTANT_MAX - 1, True), (CONSTANT_MAX, False)])
def test_constant_up_to_the_bound_is_taken(figure: int, taken: bool) -> None:
    """What the engine compares is below 2**61."""
    constants = Constants({**CONSTANTS.terms, "terms.max_shares": figure}, CONSTANTS.words)
    root = parse(f"{S} <= terms.max_shares", NAMES).root
    try:
        found = shown(form(root, constants))
    except Wrong:
        found = "refused"
    assert found == (f"1*{S} <= {figure}" if taken else "refused")


@pytest.mark.parametrize(
    ("text", "count"),
    [
        (f"{S} <= 5 shares", 1),
        (f"1 <= {U} <= 5", 2),
        (f"{U} <= 5 and not ({U} >= 1 or {U} == 3)", 3),
        ("issuer.closed_period", 1),
        (f"{U} in [1, 2, 3]", 3),
        (f"min({S}, program.shares) <= 5 shares", 2),
        (f"min({S}, program.shares) <= max(5 shares, terms.max_shares)", 4),
        (f"min({S}, program.shares) == 5 shares", 4),
        (f"min({S}, program.shares) + min({S}, 2 shares) <= 5 shares", 4),
        (f"min({S}, max(program.shares, 5 shares)) <= 5 shares", 3),
        (f"2 * min({S}, program.shares) <= 5 shares", 2),
    ],
)
def test_comparisons_are_counted_once_written_out(text: str, count: int) -> None:
    """What min, max and lists come to is counted, not how they are written."""
    assert comparisons(parse(text, NAMES)) == count


@pytest.mark.parametrize(
    "text",
    [
        f"min({S}, program.shares) in [1 shares, 2 shares]",
        f"min({S}, program.shares) not in [1 shares, 2 shares]",
        f"max({S}, program.shares) in [min(5 shares, program.shares), 2 shares]",
        f"min({S}, program.shares) + max({S}, 2 shares) != 5 shares",
        f"1 <= min({U}, 5) <= max({U}, 7)",
    ],
)
def test_count_is_no_less_than_what_is_written_out(text: str) -> None:
    """The bound of 24 holds for what the engine is given."""
    expression = parse(text, NAMES)
    written = sum(1 for _ in atoms(form(expression.root, CONSTANTS)))
    assert comparisons(expression) >= written


def minima(count: int) -> str:
    return " + ".join([f"min({U}, 1)"] * count) + " <= 5"


@pytest.mark.parametrize("count", [2, 4, 5, 10, 50, 85])
def test_sums_of_extremes_are_counted_without_writing_them_out(count: int) -> None:
    """A sum of minima doubles with each; the number is known at once, however large."""
    assert comparisons(parse(minima(count), NAMES)) == 2**count


def load_problems(text: str, section: str = "rules") -> list[str]:
    """Return what is wrong with a rule file whose only condition is *text*."""
    content = f"""\
repurchase: 1
authorization: minima
currency: JPY
timezone: Asia/Tokyo
instruments:
  common: {{symbol: "1", venues: [XTKS]}}
{section}:
  - id: one
    require: {text}
"""
    try:
        load_text(content.encode(), "minima.yaml")
    except RuleFileError as error:
        return [problem.what for problem in error.problems]
    return []


@pytest.mark.parametrize("count", [5, 50, 85])
def test_sum_of_extremes_is_an_error_at_load(count: int) -> None:
    """A rule that would come to more than 24 comparisons is refused before it is written out."""
    expected = [f"the expression expands to {2**count} comparisons"]
    assert (load_problems(minima(count)), COMPARISONS_MAX) == (expected, 24)


def test_check_of_many_extremes_is_an_error_at_load() -> None:
    """A check is bounded as a rule is."""
    text = " + ".join(["min(1, 2)"] * 100) + " <= 5"
    assert load_problems(text, "checks") == [f"the expression expands to {2**100} comparisons"]


def test_nested_extremes_are_bounded_too() -> None:
    """However extremes are put into one another, the file is refused."""
    text = U
    for _ in range(12):
        text = f"min({text}, max({text}, 1))" if len(text) < 600 else f"min({text}, 2)"
    assert load_problems(f"{text} <= 5") != []


@pytest.mark.parametrize(
    ("text", "facts", "expected"),
    [
        (f"{S} <= 5 shares", {S: 3}, 3),
        (f"{S} <= 5 shares", {S: None}, None),
        (f"{S} <= 5 shares", {}, None),
        (f"0 * {S} <= 5 shares", {S: None}, None),
        (f"{S} / 3 <= 5 shares", {S: 4}, Fraction(4, 3)),
        (f"min({S}, program.shares) <= 5 shares", {S: 4, "program.shares": 3}, 3),
        (f"max({S}, program.shares) <= 5 shares", {S: 4, "program.shares": 3}, 4),
        (f"max({S}, program.shares) <= 5 shares", {S: 4, "program.shares": None}, None),
        (f"{S} + terms.later <= 5 shares", {S: 4}, None),
    ],
)
def test_value_of_a_side_is_exact_or_missing(
    text: str, facts: Mapping[str, Exact | None], expected: Exact | None
) -> None:
    """What a finding shows is the exact value, and nothing where a part is missing."""
    root = parse(text, NAMES).root
    assert isinstance(root, Comparison)
    assert evaluated(expanded(root.left, CONSTANTS), facts) == expected


# --- any form over any facts, beside plain arithmetic

A, B, C = "trade.units", "day.blocks", "day.brokers"
TERMS: Final = st.recursive(
    st.sampled_from([A, "1", "2", "0.5", "terms.count", "0"]),
    lambda parts: (
        st.tuples(parts, parts).map(lambda two: f"({two[0]} + {two[1]})")
        | st.tuples(parts, parts).map(lambda two: f"({two[0]} - {two[1]})")
        | parts.map(lambda one: f"(-2 * {one})")
        | parts.map(lambda one: f"({one} / 3)")
        | st.tuples(parts, parts).map(lambda two: f"min({two[0]}, {two[1]})")
        | st.tuples(parts, parts).map(lambda two: f"max({two[0]}, {two[1]})")
    ),
    max_leaves=4,
)
COMPARED: Final = st.tuples(TERMS, st.sampled_from(["<=", "<", ">=", ">", "==", "!="]), TERMS).map(
    " ".join
)
CONDITIONS: Final = st.recursive(
    COMPARED,
    lambda parts: (
        st.tuples(parts, parts).map(lambda two: f"({two[0]} and {two[1]})")
        | st.tuples(parts, parts).map(lambda two: f"({two[0]} or {two[1]})")
        | parts.map(lambda one: f"(not ({one}))")
    ),
    max_leaves=4,
)


def truth(shape: Form, facts: Mapping[str, Exact | None]) -> bool | None:
    """Return whether *shape* holds, in three values."""
    if isinstance(shape, AllOf | AnyOf):
        settled = isinstance(shape, AnyOf)
        found = [truth(part, facts) for part in shape.parts]
        return settled if settled in found else None if None in found else not settled
    if isinstance(shape, Undecided):
        return None
    total: Exact = 0
    for name, coefficient in shape.terms:
        fact = facts[name]
        if fact is None:
            return None
        total += coefficient * fact
    return holds(total - shape.constant, shape.operator)


@given(CONDITIONS, st.fractions(-9, 9, max_denominator=6) | st.integers(-9, 9))
def test_form_agrees_with_plain_arithmetic(text: str, units: Exact) -> None:
    """A condition, its negation and its engine form say what Python says of the same text."""
    python = text.replace(A, "units").replace("0.5", "half").replace("terms.count", "seven")
    for figure in ("0", "1", "2", "3"):
        python = python.replace(f"{figure}", f"Fraction({figure})")
    scope = {"units": Fraction(units), "half": Fraction(1, 2), "seven": Fraction(7)}
    expected = eval(python, {"Fraction": Fraction, "min": min, "max": max}, scope)
    shape = formed(text)
    facts = {A: units}
    assert truth(shape, facts) is expected
    assert truth(negated(shape), facts) is (not expected)
    assert truth(engine_form(shape), facts) is expected


@given(CONDITIONS)
def test_nothing_is_decided_without_the_fact(text: str) -> None:
    """Without its one fact a condition is true, false or open, and never both ways."""
    shape = formed(text)
    one, other = truth(shape, {A: None}), truth(negated(shape), {A: None})
    assert (one, other) in ((None, None), (True, False), (False, True))
    assert (one is None) == (A in text and shape not in (TRUE, FALSE))
