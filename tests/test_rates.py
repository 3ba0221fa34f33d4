"""Bounds on a rate of exchange: what they deny, how that is said, and what a lower rate must pass.

A rate that is inverted or mistaken reserves too little money, and nothing else about the order
looks wrong. The venue knows of no rate, so only the rule file can bound it.
"""

from __future__ import annotations

import itertools
import time
from datetime import UTC, datetime
from fractions import Fraction
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from repurchase.domain.decisions import Finding
from repurchase.domain.errors import RuleFileError
from repurchase.domain.events import Event
from repurchase.domain.quantities import Exact
from repurchase.evaluation.step import Step, step
from repurchase.evaluation.wording import sentence
from repurchase.ledger.position import Position
from repurchase.proof.diff import Diff, diff
from repurchase.proof.equal import same
from repurchase.proof.proof import proved
from repurchase.rulebook.changes import changes
from repurchase.rulebook.editions import Editions, load_text
from repurchase.rulebook.life import Life, life

RULES: Final = """\
repurchase: 1
authorization: rates
timezone: Asia/Tokyo
currency: JPY
instruments:
  common: {symbol: "3774", venues: [XTKS]}
  ads: {symbol: IIJI, venues: [XNAS], currency: USD, per_share: 400, fx_between: [80, 120]}
terms:
  max_shares: {value: "1,000 shares"}
  max_amount: {value: "JPY 100,000,000"}
  first_day: {value: 2008-11-14}
  last_day: {value: 2009-01-30}
rules:
  - {id: share-cap, require: program.shares_after <= terms.max_shares}
  - {id: amount-cap, require: program.amount_after <= terms.max_amount}
  - {id: window, require: terms.first_day <= trade.date and trade.last_date <= terms.last_day}
  - id: window-at-venue
    require: terms.first_day <= trade.venue_date and trade.venue_last_date <= terms.last_day
  - {id: buys-only, require: trade.side == buy}
"""
BOUNDS: Final = ", fx_between: [80, 120]"
OUT: Final = "engine.rate-out-of-bounds"
MINUTE: Final = 60_000
_ids: Final = itertools.count()


def editions(old: str = BOUNDS, new: str = BOUNDS) -> Editions:
    """Return the editions of RULES with *new* instead of *old*."""
    assert RULES.count(old) == 1, old
    return load_text(RULES.replace(old, new).encode(), "rates.yaml")


BOUNDED: Final = editions()


def event(kind: str, **fields: Any) -> Event:
    noon = datetime(2008, 12, 1, 15, tzinfo=UTC)
    given: dict[str, Any] = {"kind": kind, "id": f"{kind}-{next(_ids)}", "time": noon}
    return Event(**(given | fields))


def order(fx: Exact | None = 100, quantity: int = 400, **fields: Any) -> Event:
    given: dict[str, Any] = {"symbol": "IIJI", "side": "buy", "by": "ann", "price": 2}
    return event("order", **(given | {"id": "o", "quantity": quantity, "fx": fx} | fields))


def after(*events: Event, by: Editions = BOUNDED) -> Step:
    """Return the last step of *events* at a desk."""
    position, found = Position(), None
    for one in events:
        found = step(one, position, life(by, one, position), live=True)
        position = found.position
    assert found is not None, "there is an event"
    return found


def stopping(found: Step) -> list[str]:
    return [one.rule for one in found.decision.findings if one.effect == "deny"]


@pytest.mark.parametrize("fx", [80, Fraction(8001, 100), 100, 120])
def test_rate_within_the_bounds_is_approved(fx: Exact) -> None:
    """Both bounds are included."""
    assert after(order(fx)).decision.outcome == "approved"


@pytest.mark.parametrize(
    "fx", [1, Fraction(104, 10000), Fraction(799999, 10000), Fraction(120000001, 1000000), 9999]
)
def test_rate_out_of_bounds_is_denied(fx: Exact) -> None:
    """Nothing else is wrong with the order, and it reserves nothing."""
    found = after(order(fx))
    assert found.decision.outcome == "denied"
    assert stopping(found) == [OUT]
    assert found.position.reserved_amount == 0


def test_missing_rate_is_undecided_and_not_out_of_bounds() -> None:
    """A rate that nobody states is missing; the rules that read money say so."""
    assert stopping(after(order(None))) == ["amount-cap"]


def test_bounds_are_on_the_rate_without_its_margin() -> None:
    """An order at the upper bound may settle above it by the margin: the bound is on `fx`."""
    with_margin = editions(BOUNDS, f"{BOUNDS}, fx_margin: 2%")
    found = after(order(120), by=with_margin)
    assert found.decision.outcome == "approved"
    assert found.position.reserved_amount == 400 * 2 * 120 * Fraction(102, 100)
    assert stopping(after(order(121), by=with_margin)) == [OUT]


def test_fill_out_of_bounds_counts_as_stated_and_halts() -> None:
    """It happened. It is denied, counted at the stated rate, and halts the desk."""
    found = after(order(), event("fill", id="f", order="o", quantity=400, price=2, fx=79))
    assert found.decision.outcome == "denied"
    assert stopping(found) == [OUT]
    assert found.position.executed_amount == 400 * 2 * 79
    assert found.position.halted_by


def test_correct_brings_a_rate_back_within_the_bounds() -> None:
    """A correct is judged by the rate that it states, not by that of its fill."""
    fill = event("fill", id="f", order="o", quantity=400, price=2, fx=Fraction(1, 100))
    resume = event("resume", by="bob", reason="seen")
    right = event("correct", fill="f", fx=100)
    wrong = event("correct", fill="f", fx=121)
    # A correct that raises the money is judged by all rules, as ever.
    assert OUT not in stopping(after(order(), fill, resume, right))
    assert OUT in stopping(after(order(), fill, resume, wrong))


def test_release_is_judged_by_the_rate_of_its_order() -> None:
    """The rate of a held order is judged once more when it is released."""
    review = RULES + "  - {id: seen, require: trade.units <= 10, effect: review}\n"
    by = load_text(review.encode(), "rates.yaml")
    denied = after(order(1), by=by)
    assert denied.decision.outcome == "denied"
    released = event("release", order="o", by="bob", reason="seen")
    assert after(order(), released, by=by).decision.outcome == "approved"


# -- how it is said -------------------------------------------------------------------------------


def said(fx: Exact) -> str:
    (finding,) = (one for one in after(order(fx)).decision.findings if one.rule == OUT)
    return sentence(finding, Life(BOUNDED.on(datetime(2008, 12, 1, tzinfo=UTC).date())))


def test_sentence_names_the_rate_and_the_bounds() -> None:
    """The fault comes first, with both values."""
    assert said(125).startswith("`fx` is 125, outside 80 to 120; state the program currency")


def test_sentence_names_the_inverse_that_is_inside() -> None:
    """A rate that was divided instead of multiplied is told by its inverse."""
    assert said(Fraction(104, 10000)).startswith(
        "`fx` is 0.0104, outside 80 to 120; its inverse, 96.1539, is inside: state"
    )
    assert "inverse" not in said(Fraction(1, 200))


def test_finding_holds_the_exact_rate_and_its_bounds() -> None:
    """Programs read them as they are."""
    (finding,) = (one for one in after(order(Fraction(1, 8))).decision.findings)
    assert finding == Finding(OUT, "fail", "deny", observed="0.125", limit="80 to 120")


# -- the rule file --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("[120, 80]", "the first rate of `fx_between`, 120, is above the second; write [80, 120]"),
        ("[0, 80]", "a rate of `fx_between` is not above zero"),
        ("[80]", "the list has 1 of 2 entries; give 2"),
        ("[80, 100, 120]", "there are 3 entries; give at most 2"),
        ("[80, 25%]", "`fx_between` takes numbers, but this value is a percentage"),
        ("80", "`fx_between` takes a list, but its value is text"),
    ],
)
def test_bounds_that_make_no_sense_do_not_load(text: str, what: str) -> None:
    """Each fault names its place and what would be right."""
    with pytest.raises(RuleFileError) as error:
        editions(BOUNDS, f", fx_between: {text}")
    assert what in str(error.value)


def test_instrument_in_the_program_currency_has_no_rate() -> None:
    """A bound on a rate that is always 1 is a mistake."""
    with pytest.raises(RuleFileError, match="has no rate to bound; leave `fx_between` out"):
        editions("venues: [XTKS]", "venues: [XTKS], fx_between: [1, 2]")


def test_edition_differs_if_its_bounds_do() -> None:
    """The hash of an edition holds the bounds; a file without any keeps the hash that it had."""
    files = [BOUNDED, editions(BOUNDS, ", fx_between: [80, 121]"), editions(BOUNDS, "")]
    hashes = {of.all()[0].hash for of in files}
    assert len(hashes) == 3
    assert "fx_between" not in files[2].all()[0].content


def test_changes_name_the_bounds() -> None:
    """Whoever compares two files reads both bounds."""
    old, new = BOUNDED, editions(BOUNDS, ", fx_between: [80.5, 121]")
    (change,) = changes(old.authorization, new.authorization)
    assert change.before is not None
    assert change.before.endswith("rate 80 to 120")
    assert change.after is not None
    assert change.after.endswith("rate 80.5 to 121")


# -- what is proved -------------------------------------------------------------------------------


def compared(old: Editions, new: Editions) -> Diff:
    return diff(old, new, time.monotonic_ns, MINUTE)


def is_same(old: Editions, new: Editions) -> bool:
    return same(old, new, time.monotonic_ns, MINUTE)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("old", "new", "verdict"),
    [
        ("", BOUNDS, "tighter"),
        (BOUNDS, "", "looser"),
        (BOUNDS, ", fx_between: [80, 121]", "looser"),
        (BOUNDS, ", fx_between: [81, 120]", "tighter"),
        (BOUNDS, ", fx_between: [81, 121]", "incomparable"),
    ],
)
def test_other_bounds_are_not_equivalent(old: str, new: str, verdict: str) -> None:
    """Events show the difference, each decided by the engine; nobody calls the files the same."""
    files = editions(BOUNDS, old), editions(BOUNDS, new)
    assert not is_same(*files)
    found = compared(*files)
    assert found.same_accounting
    assert found.verdict == verdict


def test_same_bounds_written_otherwise_are_the_same() -> None:
    """Figures are compared, not their texts."""
    assert is_same(BOUNDED, editions(BOUNDS, ", fx_between: [80.0, 120.00]"))


def test_file_with_bounds_is_proved_with_an_example_at_a_rate_inside() -> None:
    """Bounds take nothing from the proof, and an order within them is found."""
    ads_alone = load_text(
        RULES.replace('  common: {symbol: "3774", venues: [XTKS]}\n', "").encode(), "rates.yaml"
    )
    found = proved(ads_alone, time.monotonic_ns, MINUTE)
    assert found.holds
    examples = [one.example for one in found.editions if one.example is not None]
    assert examples
    assert all(80 <= Fraction(events[-1]["fx"]) <= 120 for events in examples)


# -- a lower rate, and lower fees -----------------------------------------------------------------


def test_lower_rate_is_judged_and_not_only_recorded() -> None:
    """An order at 100 must not free 99 of 100 of its money by a replace to 1."""
    free = editions(BOUNDS, "")
    lower = event("replace", order="o", fx=1)
    assert after(order(quantity=400), lower, by=free).decision.outcome == "approved"
    assert stopping(after(order(quantity=400), lower)) == [OUT]
    # A halted program approves no request, and a lower quantity is none.
    halt = event("halt")
    assert stopping(after(order(), halt, lower, by=free)) == ["engine.halted"]
    assert after(order(), halt, event("replace", order="o", quantity=1)).decision.outcome == (
        "recorded"
    )


def test_lower_fees_are_judged_where_they_count() -> None:
    """Fees of a program that does not count them say nothing."""
    fees = event("replace", order="o", fees=1)
    assert after(order(fees=2), fees).decision.outcome == "recorded"
    counted = editions("currency: JPY\n", "currency: JPY\namount_basis: with_fees\n")
    assert after(order(fees=2), fees, by=counted).decision.outcome == "approved"


RATES: Final = st.fractions(min_value=Fraction(1, 100), max_value=250, max_denominator=100)


@pytest.mark.slow
@given(
    low=RATES,
    high=RATES,
    fx=RATES,
    replaced=RATES,
    filled=RATES,
)
def test_no_request_out_of_bounds_is_ever_approved(
    low: Fraction, high: Fraction, fx: Fraction, replaced: Fraction, filled: Fraction
) -> None:
    """Of any bounds and rates: requests outside are denied, and fills are counted and denied."""
    low, high = min(low, high), max(low, high)
    hundredths = f"[{_decimal(low)}, {_decimal(high)}]"
    by = editions(BOUNDS, f", fx_between: {hundredths}")
    low, high = Fraction(_decimal(low)), Fraction(_decimal(high))
    events = [
        order(fx),
        event("replace", order="o", fx=replaced, quantity=401),
        event("fill", order="o", quantity=1, price=2, fx=filled),
    ]
    position = Position()
    for one, rate in zip(events, (fx, replaced, filled), strict=True):
        taken = step(one, position, life(by, one, position), live=True)
        is_out = not low <= rate <= high
        is_asked = one.kind != "replace" or "o" in position.orders
        if is_out and is_asked and position.reserved_amount:
            assert taken.decision.outcome == "denied"
            assert OUT in stopping(taken)
        if one.kind == "order":
            assert (taken.decision.outcome == "approved") == (not is_out)
        if one.kind == "fill":
            assert taken.position.executed_amount == 2 * rate
        position = taken.position


def _decimal(value: Fraction) -> str:
    """Return *value* as a rule file can write it, rounded to hundredths and above zero."""
    hundredths = max(round(value * 100), 1)
    return f"{hundredths // 100}.{hundredths % 100:02}"
