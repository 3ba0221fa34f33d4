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

from repurchase.domain.calendars import zone
from repurchase.evaluation import judge
from repurchase.proof import free, proof, search
from repurchase.proof.claims import CLAIMS, Bound, claims
from repurchase.proof.engine import confirmed
from repurchase.proof.free import differences
from repurchase.proof.logic import Fact, holds, number
from repurchase.proof.proof import Proof, proved
from repurchase.rulebook.editions import Edition, load, load_text
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

# A defect that people make, the claim that it breaks, and what it puts in the place of what.
BROKEN: Final[dict[str, tuple[str, dict[str, str]]]] = {
    "a missing cap on shares": ("shares", {SHARES: NOTHING}),
    "a missing cap on money": ("amount", {AMOUNT: NOTHING}),
    "no window": ("window", {WINDOW: NOTHING, VENUE: NOTHING.replace("nothing", "none")}),
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
    "a cap with slack": (
        "shares",
        shares("require: program.shares_after <= terms.max_shares + 1 share"),
    ),
    "a cap with a hundredth more": (
        "amount",
        amount("require: program.amount_after <= 101% * terms.max_amount"),
    ),
    "half a yen more": (
        "amount",
        amount('require: "program.amount_after <= terms.max_amount + JPY 0.5"'),
    ),
    "a cap but at noon": ("shares", shares(f"when: trade.venue_time != 12:00, {OK_SHARES}")),
    "a zero too many": ("amount", amount('require: "program.amount_after <= JPY 4,000,000,000"')),
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
    "a day too late": (
        "window",
        {WINDOW: "{id: window, require: " + BOUNDS + " + 1}", VENUE: NOTHING},
    ),
    "a day too early": (
        "window",
        {
            WINDOW: "{id: window, require: " + BOUNDS.replace("first_day", "first_day - 1") + "}",
            VENUE: NOTHING,
        },
    ),
    "orders that outlive the window": (
        "window",
        {
            WINDOW: "{id: window, require: terms.first_day <= trade.date <= terms.last_day}",
            VENUE: NOTHING,
        },
    ),
    "a window that flags": (
        "window",
        {WINDOW: "{id: window, effect: flag, require: " + BOUNDS + "}", VENUE: NOTHING},
    ),
    "a sale is no purchase": (
        "buys",
        {BUYS: "{id: buys-only, effect: flag, require: trade.side == buy}"},
    ),
    "a term amended from the wrong day": (
        "shares",
        {
            TERM: 'max_shares: [{value: "5,000 shares", until: 2008-12-31}, '
            '{value: "4,000 shares", from: 2009-01-01}]',
            SHARES: '{id: share-cap, require: "program.shares_after <= 4,500 shares"}',
        },
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
def test_defect_is_found_with_a_history(name: str) -> None:
    """Each is not proved, and a history that the engine confirms shows why."""
    claim, changes = BROKEN[name]
    found = proof_of_defect(name)
    shown = [one for one in found.failures if one.claim == claim]
    assert shown
    (history, *_) = (one.history for one in shown)
    assert history is not None
    assert len(history.events) <= 4
    editions = load_text(text_of(changes).encode(), "acme.yaml")
    assert confirmed(history.events, editions, claim) == history


def test_there_are_enough_defects() -> None:
    """They are as many as were asked for, and of every claim."""
    assert len(BROKEN) >= 40
    assert {claim for claim, _ in BROKEN.values()} == {*CLAIMS}


@cache
def proof_shipped(name: str) -> Proof:
    return proved(load(rule_path(name)), time.monotonic_ns, 300_000)


@pytest.mark.slow
@pytest.mark.parametrize("name", rule_names())
def test_shipped_file_is_proved(name: str) -> None:
    """Whatever arrives, and in whatever order: none gets past its caps and its window."""
    found = proof_shipped(name)
    assert found.failures == ()
    assert all(one.approves == one.in_window == (one.example is not None) for one in found.editions)
    assert all(set(one.claims) == {*CLAIMS} for one in found.editions)


def test_sound_file_is_proved_and_says_what_is_idle() -> None:
    """What stops nothing, lets nothing pass or is said twice is reported, and fails nothing."""
    assert proof_of(SOUND).holds
    more = SOUND + (
        "  - {id: idle, require: trade.units > 0}\n"
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
    rest = "when: trade.broker == Other, require: program.shares_after <= terms.max_shares"
    (failure,) = proof_of(text_of(shares(rest))).failures
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

    def failing(zone_: str) -> set[tuple[str, date]]:
        said = text.replace("Asia/Tokyo", zone_).encode()
        editions = load_text(said, "acme.yaml", packs=packs)
        found = proved(editions, time.monotonic_ns).failures
        return {(one.claim, one.first) for one in found if one.history is not None}

    assert failing("Asia/Tokyo") == set()
    assert ("shares", date(2008, 12, 31)) in failing("America/New_York")


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


def _without_claim(left_out: str) -> Callable[[Edition], dict[str, tuple[Bound, ...]]]:
    return lambda edition: {
        name: bounds for name, bounds in claims(edition).items() if name != left_out
    }


WEAKENED: Final[dict[str, tuple[str, Callable[[pytest.MonkeyPatch], None]]]] = {
    "no releases": (
        "a cap that a person may waive",
        lambda patch: patch.setattr(proof, "KINDS", ("order", "replace")),
    ),
    "no claim on money": (
        "a missing cap on money",
        lambda patch: patch.setattr(proof, "claims", _without_claim("amount")),
    ),
    "no clock of the venue": (
        "one clock only, Tokyo's",
        lambda patch: patch.setattr(proof, "claims", _without_claim("window-at-venue")),
    ),
    "one clock for both": (
        "one clock only, the venue's",
        lambda patch: patch.setattr(free, "differences", lambda *_: {0}),
    ),
    "rules of fills judge orders": (
        "a cap on fills alone",
        lambda patch: patch.setattr(proof, "passes", _all_rules),
    ),
    "flags deny": (
        "a cap that flags",
        lambda patch: patch.setattr(proof, "passes", _all_rules),
    ),
}


def _all_rules(asked: Any, _: object = None) -> Any:
    return z3.And([holds(rule.passes, asked.facts) for rule in asked.edition.rules])


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
    (failure, *_) = proof_of(text_of(BROKEN["a missing cap on shares"][1])).failures
    assert failure.history is None
    order = {"kind": "order", "id": "o", "date": "2008-11-14", "symbol": "1111", "side": "buy"}
    events = [{**order, "quantity": 1, "price": 1}]
    editions = load_text(SOUND.encode(), "acme.yaml")
    assert confirmed(events, editions, "shares") is None


def test_clocks_differ_as_their_zones_say() -> None:
    """Tokyo is never behind New York, and London and Berlin are never on other days by more."""
    names = ("Asia/Tokyo", "America/New_York", "Europe/London")
    tokyo, york, london = (zone(name) for name in names)
    assert differences(tokyo, tokyo) == {0}
    assert differences(tokyo, york) == {0, 1}
    assert differences(york, london) == {0, -1}


# -- the command ----------------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "sound.yaml").write_text(SOUND)
    (tmp_path / "broken.yaml").write_text(text_of(BROKEN["a missing cap on money"][1]))
    return tmp_path


@pytest.mark.slow
def test_command_says_what_is_proved(folder: Path) -> None:
    """A sound file is proved, with its claims, for people and for programs."""
    ended = run("prove", "sound.yaml", cwd=folder)
    assert (ended.code, ended.err) == (0, "")
    assert "PROVED by z3" in ended.out
    assert "shares, amount, window, window-at-venue, buys" in ended.out
    found = run("prove", "sound.yaml", "--json", cwd=folder).json
    assert (found["proved"], found["failures"], found["authorization"]) == (True, [], "acme")


@pytest.mark.slow
def test_command_shows_a_history(folder: Path) -> None:
    """A sentence says what happens, and the events can be given to another command as they are."""
    ended = run("prove", "broken.yaml", cwd=folder)
    assert ended.code == 1
    said = (
        r"broken\.yaml:10: no rule limits the amount: after order o-[12] \(buy .*, 2008-11-.*\) "
        r"the program may use JPY [0-9,.]+ of 400,000,000"
    )
    assert re.search(said, ended.out)
    assert "DISPROVED" in ended.out
    (failure,) = run("prove", "broken.yaml", "--json", cwd=folder).json["failures"]
    assert (failure["file"], failure["line"]) == ("broken.yaml", 10)
    log = "".join(json.dumps(event) + "\n" for event in failure["history"])
    replayed = run("replay", "-", "--rules", "broken.yaml", "--json", cwd=folder, stdin=log).json
    assert replayed["approved"] == sum(one["kind"] == "order" for one in failure["history"])


def test_command_that_runs_out_of_time_proves_nothing(folder: Path) -> None:
    """What is not proved by then is not proved, and no history is guessed."""
    ended = run("prove", "sound.yaml", "--seconds", "0.000001", cwd=folder)
    assert ended.code == 2
    assert "and no counterexample found" in ended.out


def test_command_without_its_package_says_what_to_install(folder: Path) -> None:
    """Nothing else of the program needs it."""
    (folder / "z3.py").write_text("raise ImportError\n")
    ended = run("prove", "sound.yaml", cwd=folder, PYTHONPATH=str(folder))
    assert (ended.code, "pip install 'repurchase[prove]'" in ended.err) == (2, True)
