"""Proofs of rule files: what is broken is found, what is sound is proved, whoever reads it."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any, Final

import pytest
import z3
from hypothesis import given

from repurchase.evaluation import judge
from repurchase.proof import free, obligations, proof, search
from repurchase.proof.claims import ASSUMPTIONS, Claim, claims
from repurchase.proof.engine import confirmed
from repurchase.proof.logic import Fact, holds, number
from repurchase.proof.model import Request
from repurchase.proof.proof import Proof, proved
from repurchase.rulebook.editions import Edition, load, load_text
from repurchase.rulebook.foreseen import judging
from repurchase.rulebook.library import rule_names, rule_path
from repurchase.rulebook.packs import kept
from strategies import Case, cases
from test_cli import run
from test_verdicts import check_verdict, coded, loaded

SOUND: Final = """\
repurchase: 1
authorization: acme
timezone: Asia/Tokyo
currency: JPY
instruments:
  common: {symbol: "1111", venues: [XTKS]}
  ads: {symbol: ACME, venues: [XNAS], currency: USD, per_share: 400}
terms:
  max_shares: {value: "4,000 shares"}
  max_amount: {value: "JPY 400,000,000"}
  first_day: {value: 2008-11-14}
  last_day: {value: 2009-01-30}
rules:
  - {id: share-cap, require: program.shares_after <= terms.max_shares}
  - {id: amount-cap, require: program.amount_after <= terms.max_amount}
  - {id: window, require: terms.first_day <= trade.date and trade.last_date <= terms.last_day}
  - id: window-at-venue
    require: terms.first_day <= trade.venue_date and trade.venue_last_date <= terms.last_day
  - {id: share-class, require: "trade.share_class in [common, ads]"}
  - {id: buys-only, require: trade.side == buy}
"""
SHARES: Final = "{id: share-cap, require: program.shares_after <= terms.max_shares}"
AMOUNT: Final = "{id: amount-cap, require: program.amount_after <= terms.max_amount}"
WINDOW: Final = (
    "{id: window, require: terms.first_day <= trade.date and trade.last_date <= terms.last_day}"
)
VENUE: Final = (
    "id: window-at-venue\n"
    "    require: terms.first_day <= trade.venue_date and trade.venue_last_date <= terms.last_day"
)
BUYS: Final = "{id: buys-only, require: trade.side == buy}"
NOTHING: Final = "{id: nothing, require: trade.units > 0}"


def shares(rest: str) -> dict[str, str]:
    return {SHARES: "{id: share-cap, " + rest + "}"}


def amount(rest: str) -> dict[str, str]:
    return {AMOUNT: "{id: amount-cap, " + rest + "}"}


OK_SHARES: Final = "require: program.shares_after <= terms.max_shares"
OK_AMOUNT: Final = "require: program.amount_after <= terms.max_amount"
BOUNDS: Final = "terms.first_day <= trade.date and trade.last_date <= terms.last_day"
TERM: Final = 'max_shares: {value: "4,000 shares"}'

SUMS: Final = ("shares", "amount", "days")
# A defect that people make, what it breaks (a claim, or the sum that nothing limits any more), and
# what it puts in the place of what.
BROKEN: Final[dict[str, tuple[str, dict[str, str]]]] = {
    "a missing cap on shares": ("shares", {SHARES: NOTHING}),
    "a missing cap on money": ("amount", {AMOUNT: NOTHING}),
    "no window": ("days", {WINDOW: NOTHING, VENUE: NOTHING.replace("nothing", "none")}),
    "no side": ("buys", {BUYS: NOTHING}),
    "before for after, shares": (
        "shares",
        shares("require: program.shares <= terms.max_shares"),
    ),
    "before for after, money": ("amount", amount("require: program.amount <= terms.max_amount")),
    "executed for after": (
        "shares",
        shares("require: program.executed_shares + trade.shares <= terms.max_shares"),
    ),
    "executed for after, money": (
        "amount",
        amount("require: program.executed_amount + trade.amount <= terms.max_amount"),
    ),
    "reserved for after": (
        "shares",
        shares("require: program.reserved_shares + trade.shares <= terms.max_shares"),
    ),
    "reserved for after, money": (
        "amount",
        amount("require: program.reserved_amount + trade.amount <= terms.max_amount"),
    ),
    "a cap on each order": ("shares", shares("require: trade.shares <= terms.max_shares")),
    "a cap on the money of each order": (
        "amount",
        amount("require: trade.amount <= terms.max_amount"),
    ),
    "a cap on each day": (
        "shares",
        shares("require: day.ordered_shares_after <= terms.max_shares"),
    ),
    "a cap on units": ("shares", shares("require: trade.units <= 4000")),
    "a cap but at noon": ("shares", shares(f"when: trade.venue_time != 12:00, {OK_SHARES}")),
    "the wrong way round": ("shares", shares("require: program.shares_after >= terms.max_shares")),
    "a cap that flags": ("shares", shares(f"effect: flag, {OK_SHARES}")),
    "a cap on money that flags": ("amount", amount(f"effect: flag, {OK_AMOUNT}")),
    "a cap that a person may waive": ("shares", shares(f"effect: review, {OK_SHARES}")),
    "money that a person may waive": ("amount", amount(f"effect: review, {OK_AMOUNT}")),
    "a cap on fills alone": ("shares", shares(f"at: fill, {OK_SHARES}")),
    "money of fills alone": ("amount", amount(f"at: fill, {OK_AMOUNT}")),
    "a cap for one class": (
        "shares",
        shares(f"when: trade.share_class == common, {OK_SHARES}"),
    ),
    "money of one class": ("amount", amount(f"when: trade.share_class == common, {OK_AMOUNT}")),
    "small orders let go": ("shares", shares(f"when: trade.units > 10, {OK_SHARES}")),
    "cheap orders let go": ("amount", amount(f'when: "trade.amount > JPY 1,000", {OK_AMOUNT}')),
    "a cap until it is reached": (
        "shares",
        shares(f"when: program.executed_shares < terms.max_shares, {OK_SHARES}"),
    ),
    "a cap in the morning": ("shares", shares(f"when: trade.venue_time < 12:00, {OK_SHARES}")),
    "a cap for all brokers but one": (
        "shares",
        shares(f'when: trade.broker != "Acme Securities", {OK_SHARES}'),
    ),
    "a cap for limit orders": (
        "shares",
        {**shares(f"when: trade.order_type == limit, {OK_SHARES}"), AMOUNT: NOTHING},
    ),
    "a way around by method": (
        "amount",
        amount("require: program.amount_after <= terms.max_amount or trade.method == tender"),
    ),
    "a way around by the market": (
        "amount",
        amount(f"when: market.minutes_to_close > 30, {OK_AMOUNT}"),
    ),
    "a way around by the issuer": (
        "shares",
        shares(f"when: not issuer.closed_period, {OK_SHARES}"),
    ),
    "or for and, shares and money": (
        "shares",
        {
            SHARES: "{id: caps, require: program.shares_after <= terms.max_shares or "
            "program.amount_after <= terms.max_amount}",
            AMOUNT: NOTHING,
        },
    ),
    "or for and in the window": (
        "window",
        {WINDOW: "{id: window, require: " + BOUNDS.replace(" and ", " or ") + "}"},
    ),
    "one clock only, the venue's": ("window", {WINDOW: NOTHING}),
    "one clock only, Tokyo's": ("window-at-venue", {VENUE: NOTHING}),
    "orders that outlive the window": (
        "window",
        {
            WINDOW: "{id: window, require: terms.first_day <= trade.date <= terms.last_day}",
            VENUE: NOTHING,
        },
    ),
    "a window that flags": (
        "days",
        {WINDOW: "{id: window, effect: flag, require: " + BOUNDS + "}", VENUE: NOTHING},
    ),
    "a sale is no purchase": (
        "buys",
        {BUYS: "{id: buys-only, effect: flag, require: trade.side == buy}"},
    ),
    "a window that a person may waive": (
        "window",
        {WINDOW: "{id: window, effect: review, require: " + BOUNDS + "}"},
    ),
    "a window of fills alone": (
        "window",
        {WINDOW: "{id: window, at: fill, require: " + BOUNDS + "}"},
    ),
    "a window that flags, on one clock": (
        "window",
        {WINDOW: "{id: window, effect: flag, require: " + BOUNDS + "}"},
    ),
    "a window for small orders": (
        "window",
        {WINDOW: "{id: window, when: trade.units <= 10, require: " + BOUNDS + "}"},
    ),
    "a window for new orders": (
        "window",
        {
            WINDOW: "{id: window, when: program.shares_after == program.shares + trade.shares, "
            "require: " + BOUNDS + "}"
        },
    ),
    "a window that ends too soon": (
        "window",
        {WINDOW: "{id: window, until: 2008-12-31, require: " + BOUNDS + "}"},
    ),
    "a rule that ends too soon": ("shares", shares(f"until: 2008-12-31, {OK_SHARES}")),
    "a rule that begins too late": ("amount", amount(f"from: 2008-12-01, {OK_AMOUNT}")),
    "a rule known too late": (
        "shares",
        shares(f"known: 2008-12-01, {OK_SHARES}"),
    ),
}


def text_of(changes: dict[str, str]) -> str:
    text = SOUND
    for old, new in changes.items():
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    return text


def proof_of(text: str) -> Proof:
    return proved(load_text(text.encode(), "acme.yaml"), time.monotonic_ns)


@cache
def proof_of_defect(name: str) -> Proof:
    return proof_of(text_of(BROKEN[name][1]))


@pytest.mark.slow
@pytest.mark.parametrize("name", BROKEN)
def test_defect_is_found(name: str) -> None:
    """Each is not proved: nothing limits a sum, or a history that the engine confirms shows why."""
    broken, changes = BROKEN[name]
    found = proof_of_defect(name)
    assert not found.holds
    if broken in SUMS:
        open_ = [one for one in found.gaps if one.of == broken]
        assert open_
        assert (open_[0].history is not None) is (name in SHOWN)
        return
    shown = [one for one in found.failures if one.claim == broken]
    assert shown
    (history, *_) = (one.history for one in shown)
    assert history is not None
    assert len(history.events) <= 4
    editions = load_text(text_of(changes).encode(), "acme.yaml")
    assert confirmed(history.events, editions, broken) == history


# The defects of which a history shows an approval beyond the limit that a rule names in some cases.
SHOWN: Final = {
    "a cap but at noon",
    "a cap for one class",
    "money of one class",
    "small orders let go",
    "cheap orders let go",
    "a cap until it is reached",
    "a cap in the morning",
    "a cap for all brokers but one",
    "a cap for limit orders",
    "a way around by method",
    "a way around by the market",
    "a way around by the issuer",
    "or for and, shares and money",
}


def test_there_are_enough_defects() -> None:
    """They are as many as were asked for, and of every claim and sum."""
    assert len(BROKEN) >= 40
    assert {broken for broken, _ in BROKEN.values()} == {
        *SUMS,
        "window",
        "window-at-venue",
        "buys",
    }


# A rule that bounds otherwise than the term is called: the claim says what it really bounds.
OTHERWISE: Final[dict[str, tuple[Claim, dict[str, str]]]] = {
    "a cap with slack": (
        Claim("cap", "program.shares_after", "4001", "share-cap"),
        shares("require: program.shares_after <= terms.max_shares + 1 share"),
    ),
    "a cap with a hundredth more": (
        Claim("cap", "program.amount_after", "404000000", "amount-cap"),
        amount("require: program.amount_after <= 101% * terms.max_amount"),
    ),
    "half a yen more": (
        Claim("cap", "program.amount_after", "400000000.5", "amount-cap"),
        amount('require: "program.amount_after <= terms.max_amount + JPY 0.5"'),
    ),
    "a third of it": (
        Claim("cap", "program.shares_after", "4000/3", "share-cap"),
        shares("require: 3 * program.shares_after <= terms.max_shares"),
    ),
    "a zero too many": (
        Claim("cap", "program.amount_after", "4000000000", "amount-cap"),
        amount('require: "program.amount_after <= JPY 4,000,000,000"'),
    ),
    "the parts of the sum": (
        Claim("cap", "program.shares_after", "4000", "share-cap"),
        shares("require: program.shares + trade.shares <= terms.max_shares"),
    ),
    "a cap by cases": (
        Claim("cap", "program.shares_after", "4000", "share-cap"),
        shares(
            "require: trade.share_class == ads and program.shares_after <= 3000 shares "
            "or program.shares_after <= terms.max_shares"
        ),
    ),
    "a day too late": (
        Claim("window", first="2008-11-14", last="2009-01-31"),
        {
            WINDOW: "{id: window, require: " + BOUNDS + " + 1}",
            VENUE: VENUE + " + 1",
        },
    ),
    "a cap for some": (
        Claim("cap", "program.shares_after", "3000", "also", "trade.share_class == ads"),
        {
            BUYS: BUYS + "\n  - {id: also, when: trade.share_class == ads, "
            "require: program.shares_after <= 3000 shares}"
        },
    ),
    "a cap of the day": (
        Claim("cap", "day.ordered_shares_after", "500", "also"),
        {BUYS: BUYS + "\n  - {id: also, require: day.ordered_shares_after <= 500 shares}"},
    ),
    "a cap that the market moves": (
        Claim("cap", "day.ordered_shares_after", None, "also"),
        {
            BUYS: BUYS + "\n  - {id: also, "
            "require: day.ordered_shares_after <= 25% * market.adv_us_4_weeks}"
        },
    ),
}


@pytest.mark.parametrize(("claim", "changes"), OTHERWISE.values(), ids=OTHERWISE)
def test_claim_is_what_a_rule_bounds(claim: Claim, changes: dict[str, str]) -> None:
    """Neither the name of a term nor that of a rule means anything; only what is required does."""
    found = proof_of(text_of(changes))
    assert found.holds
    assert claim in found.editions[0].claims


def test_terms_and_rules_may_have_any_name() -> None:
    """Under other names, the same is proved."""
    renamed = re.sub(r"\bmax_shares\b", "ceiling", SOUND).replace("first_day", "begin")
    renamed = renamed.replace("share-cap", "our-limit").replace("last_day", "finish")
    assert proof_of(renamed).holds
    figures = {(one.sum, one.figure) for one in proof_of(SOUND).editions[0].claims}
    assert {(one.sum, one.figure) for one in proof_of(renamed).editions[0].claims} == figures


@cache
def proof_shipped(name: str) -> Proof:
    return proved(load(rule_path(name)), time.monotonic_ns, 300_000)


@pytest.mark.slow
@pytest.mark.parametrize("name", rule_names())
def test_shipped_file_is_proved(name: str) -> None:
    """Whatever arrives, and in whatever order: none gets past its caps and its window."""
    found = proof_shipped(name)
    assert found.holds
    assert all(one.approves == one.in_window == (one.example is not None) for one in found.editions)
    for one in found.editions:
        capped = {claim.sum for claim in one.claims if claim.figure and claim.when is None}
        assert {"program.shares_after", "program.amount_after"} <= capped
        assert {"window", "window-at-venue", "buys"} <= {claim.kind for claim in one.claims}


def test_sound_file_is_proved_and_says_what_is_idle() -> None:
    """What stops nothing, lets nothing pass or is said twice is reported, and fails nothing."""
    assert proof_of(SOUND).holds
    more = SOUND + (
        "  - {id: idle, require: trade.units > 0 or trade.method == prepaid}\n"
        "  - {id: again, require: program.shares_after <= 2 * terms.max_shares}\n"
    )
    (edition,) = proof_of(more).editions
    assert edition.always_satisfied == ("idle",)
    assert "again" in edition.redundant
    assert "share-cap" not in edition.redundant
    (shut,) = proof_of(SOUND + "  - {id: shut, require: trade.units < 0}\n").editions
    assert (shut.unsatisfiable, shut.approves) == (("shut",), False)


def test_instrument_without_a_ratio_on_some_days_is_none_on_them() -> None:
    """Before the ratio is in force no ADS can be bought; the common share can."""
    dated = SOUND.replace("per_share: 400", "per_share: [{value: 400, from: 2008-12-01}]")
    found = proof_of(dated)
    assert found.holds
    assert [one.approves for one in found.editions] == [True, True]
    alone = "\n".join(line for line in dated.splitlines() if not line.startswith("  common"))
    found = proof_of(alone.replace("[common, ads]", "[ads]"))
    assert [one.approves for one in found.editions] == [False, True]


def test_word_that_no_rule_names_is_tried_whatever_they_name() -> None:
    """A broker that is called as the model would call any other hides none."""
    window = "{id: window, when: trade.broker == Other, require: " + BOUNDS + "}"
    (failure,) = proof_of(text_of({WINDOW: window})).failures
    assert failure.history is not None
    assert failure.history.events[-1]["broker"] not in ("Other", None)


@pytest.mark.slow
def test_day_that_is_another_at_the_venue_is_proved_too() -> None:
    """A cap of law that ends with a year, and one of the file that begins with the next: on the
    evening between them in New York it is the new year in Tokyo, and neither is in force.
    """
    law = (
        "repurchase: 1\npack: law\ntitle: Law\nrules:\n"
        "  - {id: cap, until: 2008-12-31, require: program.shares_after <= terms.max_shares}\n"
    )
    text = text_of(shares(f"from: 2009-01-01, {OK_SHARES}")).replace(
        "rules:", "include: [./law]\nrules:"
    )
    packs = kept({"./law": law.encode()})

    def gaps(zone_: str) -> set[tuple[str, date, date | None]]:
        said = text.replace("Asia/Tokyo", zone_).encode()
        editions = load_text(said, "acme.yaml", packs=packs)
        found = proved(editions, time.monotonic_ns).gaps
        return {(one.of, one.first, one.venue_day) for one in found}

    assert gaps("Asia/Tokyo") == set()
    assert ("shares", date(2008, 12, 31), date(2009, 1, 1)) in gaps("America/New_York")


# -- one reading ----------------------------------------------------------------------------------


@pytest.mark.slow
@given(case=cases())
def test_z3_reads_conditions_as_the_engine_does(case: Case) -> None:
    """Of each rule they and the oracle say that it passes, that it fails, or neither."""
    check_verdict(case)
    editions = loaded(case.file, case.known_at)
    if editions is None:
        return
    now = editions.on(case.day)
    compiled = judge.Compiled(now, "all")
    for facts in case.facts:
        values = {name: facts[name] for name in compiled.facts}
        found = {one.rule: one.result for one in compiled.found(values, every_rule=True)}
        known = {
            name: Fact(
                z3.BoolVal(value is not None), number(coded(value, dict(now.constants.words)) or 0)
            )
            for name, value in values.items()
        }
        for rule in compiled.rules:
            passing, failing = (
                z3.is_true(z3.simplify(holds(shape, known))) for shape in (rule.passes, rule.fails)
            )
            said = found[rule.rule.id]
            assert passing is (said in ("pass", "not_applicable"))
            assert failing is (said == "fail")


# -- provers that are weaker ----------------------------------------------------------------------


def _without_claim(left_out: str) -> Callable[[Edition], tuple[Claim, ...]]:
    return lambda edition: tuple(one for one in claims(edition) if one.name != left_out)


class _OfFewUnits(Request):
    """A request of a narrower domain than that which the readers accept."""

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self.assumed = (*self.assumed, self.units <= 10)


WEAKENED: Final[dict[str, tuple[str, Callable[[pytest.MonkeyPatch], None]]]] = {
    "no releases": (
        "a window that a person may waive",
        lambda patch: patch.setattr(obligations, "KINDS", ("order", "replace")),
    ),
    "no replaces": (
        "a window for new orders",
        lambda patch: patch.setattr(obligations, "KINDS", ("order", "release")),
    ),
    "no claim on purchases": (
        "no side",
        lambda patch: patch.setattr(obligations, "claims", _without_claim("buys")),
    ),
    "no clock of the venue": (
        "one clock only, Tokyo's",
        lambda patch: patch.setattr(obligations, "claims", _without_claim("window-at-venue")),
    ),
    "one clock for both": (
        "one clock only, the venue's",
        lambda patch: patch.setattr(free, "ahead", lambda *_: ()),
    ),
    "rules of fills judge orders": (
        "a window of fills alone",
        lambda patch: patch.setattr(obligations, "passes", _all_rules),
    ),
    "flags deny": (
        "a window that flags, on one clock",
        lambda patch: patch.setattr(obligations, "passes", _all_rules),
    ),
    "the first edition alone": (
        "a window that ends too soon",
        lambda patch: patch.setattr(proof, "judging", lambda of: [*judging(of)][:1]),
    ),
    "a narrower domain": (
        "a window for small orders",
        lambda patch: patch.setattr(obligations, "Request", _OfFewUnits),
    ),
    "no gaps": (
        "a missing cap on shares",
        lambda patch: patch.setattr(proof, "open_in", lambda *_: ()),
    ),
}


def _all_rules(asked: Any, _: object = None) -> Any:
    return z3.And([holds(rule.passes, asked.facts) for rule in asked.edition.rules])


@pytest.mark.slow
@pytest.mark.parametrize(("defect", "weaken"), WEAKENED.values(), ids=WEAKENED)
def test_weaker_prover_misses_what_this_one_finds(
    monkeypatch: pytest.MonkeyPatch, defect: str, weaken: Callable[[pytest.MonkeyPatch], None]
) -> None:
    """The break: without a kind, a claim, a clock or an effect a defect would be called proved."""
    assert not proof_of_defect(defect).holds
    weaken(monkeypatch)
    assert proof_of(text_of(BROKEN[defect][1])).holds


def test_history_that_the_engine_does_not_confirm_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the model is wrong, the answer is not proved, and no history is shown."""
    monkeypatch.setattr(proof, "confirmed", lambda *_: None)
    monkeypatch.setattr(search, "SHAPES", search.SHAPES[:2])
    (failure, *_) = proof_of(text_of(BROKEN["no side"][1])).failures
    assert failure.history is None
    order = {"kind": "order", "id": "o", "date": "2008-11-14", "symbol": "1111", "side": "buy"}
    events = [{**order, "quantity": 1, "price": 1}]
    editions = load_text(SOUND.encode(), "acme.yaml")
    assert confirmed(events, editions, "buys") is None


# The clock of the file is an hour ahead of Amsterdam in one night of 1924 only, because it is set
# back later than Amsterdam's: at 23:15 UTC it shows the next day.
TWO_CLOCKS: Final = """\
repurchase: 1
authorization: two-clocks
timezone: Africa/Ceuta
currency: EUR
instruments:
  common: {symbol: "1111", venues: [XAMS]}
terms:
  max_shares: {value: 100 shares}
  max_amount: {value: "EUR 1,000"}
  first_day: {value: 1924-09-01}
  last_day: {value: 1924-10-04}
rules:
  - {id: shares, require: program.shares_after <= terms.max_shares}
  - {id: amount, require: program.amount_after <= terms.max_amount}
  - {id: first, require: terms.first_day <= trade.date}
  - id: window
    require: terms.first_day <= trade.venue_date and trade.venue_last_date <= terms.last_day
  - {id: buys-only, require: trade.side == buy}
"""


def test_change_of_clocks_in_one_night_is_seen() -> None:
    """An order in the one hour of a night in which two clocks show two days breaks the window."""
    (failure,) = proof_of(TWO_CLOCKS).failures
    assert (failure.claim, failure.history is not None) == ("window", True)


def test_clocks_are_apart_only_in_the_years_that_they_are() -> None:
    """The two clocks were never on different days after 1985: one rule is enough for both."""
    assert proof_of(TWO_CLOCKS.replace("1924-", "2024-")).holds


def test_moment_of_a_history_may_be_any_second() -> None:
    """Paris was nine minutes ahead of London: only then is a day of Paris's window not London's."""
    text = (
        TWO_CLOCKS.replace("Africa/Ceuta", "Europe/Paris")
        .replace("XAMS", "XLON")
        .replace("1924-", "1905-")
        .replace("trade.venue_date and trade.venue_last_date", "trade.date and trade.last_date")
    )
    (failure,) = proof_of(text).failures
    assert failure.claim == "window-at-venue"
    assert failure.history is not None
    (order,) = failure.history.events
    assert order["time"] == "1905-08-31T23:50:39+00:00"


# -- the command ----------------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "sound.yaml").write_text(SOUND)
    (tmp_path / "broken.yaml").write_text(text_of(BROKEN["one clock only, the venue's"][1]))
    return tmp_path


@pytest.mark.slow
def test_command_says_what_is_proved(folder: Path) -> None:
    """A sound file is proved, with its claims, for people and for programs."""
    ended = run("prove", "sound.yaml", cwd=folder)
    assert (ended.code, ended.err) == (0, "")
    assert "PROVED by z3" in ended.out
    for said in (
        "shares bought and on order: at most 4,000 shares",
        "money spent and on order: at most JPY 400,000,000",
        "only from 2008-11-14 until 2009-01-30, on the venue's clock",
        "only purchases",
        "The proof does not cover --known-at",
    ):
        assert said in ended.out
    found = run("prove", "sound.yaml", "--json", cwd=folder).json
    assert (found["proved"], found["failures"], found["authorization"]) == (True, [], "acme")
    assert (found["gaps"], len(found["assumptions"])) == ([], len(ASSUMPTIONS))
    (capped,) = (one for one in found["claims"] if one["claim"]["rule"] == "share-cap")
    assert (capped["claim"]["figure"], capped["line"]) == ("4000", 14)
    assert capped["days"] == [
        {
            "first": "0001-01-01",
            "last": "9999-12-31",
            "venue_day": None,
            "known": None,
            "moment": None,
        }
    ]


@pytest.mark.slow
def test_command_shows_a_history(folder: Path) -> None:
    """A sentence says what happens, and the events can be given to another command as they are."""
    ended = run("prove", "broken.yaml", cwd=folder)
    assert ended.code == 1
    said = r"broken\.yaml:\d+: no rule keeps orders within the window: order o-1 \(.*\) is approved"
    assert re.search(said, ended.out)
    assert "DISPROVED" in ended.out
    (failure,) = run("prove", "broken.yaml", "--json", cwd=folder).json["failures"]
    assert (failure["file"], failure["claim"]) == ("broken.yaml", "window")
    log = "".join(json.dumps(event) + "\n" for event in failure["history"])
    replayed = run("replay", "-", "--rules", "broken.yaml", "--json", cwd=folder, stdin=log).json
    assert replayed["approved"] == sum(one["kind"] == "order" for one in failure["history"])


def test_command_that_runs_out_of_time_proves_nothing(folder: Path) -> None:
    """What is not proved by then is not proved, and no history is guessed."""
    ended = run("prove", "sound.yaml", "--seconds", "0.000001", cwd=folder)
    assert ended.code == 2
    assert "neither proved nor refuted; more time may help" in ended.out


def test_command_without_its_package_says_what_to_install(folder: Path) -> None:
    """Nothing else of the program needs it."""
    (folder / "z3.py").write_text("raise ImportError\n")
    ended = run("prove", "sound.yaml", cwd=folder, PYTHONPATH=str(folder))
    assert (ended.code, "pip install 'repurchase[prove]'" in ended.err) == (2, True)
