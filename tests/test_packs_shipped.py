"""The law that is shipped: each rule on both sides of its limit, and days that lose a harbour.

The facts are those that a pack asks events for; `test_packs` has the first of them, jp-order-59.
"""

from __future__ import annotations

import json
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any, Final

import pytest

from repurchase.domain.decisions import Decision
from repurchase.evaluation.step import step
from repurchase.intake.fields import event
from repurchase.ledger.position import Position
from repurchase.replay.run import Program, Tainted
from repurchase.rulebook.editions import Editions, load_text
from repurchase.rulebook.library import pack_names
from repurchase.rulebook.life import life
from repurchase.rulebook.packs import shipped_pack
from test_cli import run

RULES: Final = """
repurchase: 1
authorization: acme
timezone: {zone}
currency: {currency}
instruments:
  common: {{symbol: ACME, venues: [{venue}]}}
terms:
  max_shares: {{value: "4,000 shares"}}
  max_amount: {{value: "{currency} 4,000,000"}}
  first_day: {{value: 2024-01-01}}
  last_day: {{value: {last}}}
include: [{pack}]
rules:
  - {{id: share-cap, require: program.shares_after <= terms.max_shares}}
"""
ACT: Final = "jp-companies-act"
PLACES: Final = {
    "us-10b-18": ("America/New_York", "USD", "XNAS"),
    "eu-mar": ("Europe/Berlin", "EUR", "XETR"),
    "uk": ("Europe/London", "GBP", "XLON"),
    "jp-companies-act": ("Asia/Tokyo", "JPY", "XTKS"),
}
FACTS: Final[dict[str, dict[str, object]]] = {
    "us-10b-18": {
        "market.minutes_from_open": 60,
        "market.minutes_to_close": 60,
        "market.best_independent_bid": 100,
        "market.last_independent_price": 99,
        "market.adv_us_4_weeks": 400,
    },
    "eu-mar": {
        "market.best_independent_bid": 99,
        "market.last_independent_price": 100,
        "market.adv_eu_20_days": 400,
        "issuer.closed_period": "false",
        "issuer.undisclosed_material_fact": "false",
    },
    "uk": {
        "market.best_independent_bid": 99,
        "market.last_independent_price": 100,
        "market.avg_close_5_days": 100,
        "market.adv_eu_20_days": 400,
        "issuer.closed_period": "false",
        "issuer.undisclosed_material_fact": "false",
    },
    "jp-companies-act": {},
}


# What the tables of sessions supply in a replay, an event need not state.
OF_THE_TABLES: Final[dict[str, object]] = {
    "market.minutes_from_open": None,
    "market.minutes_to_close": None,
}


@cache
def editions(pack: str, options: str = "", last: str = "2024-12-31") -> Editions:
    """Return the editions of an authorization that includes *pack* with *options*."""
    zone, currency, venue = PLACES[pack]
    included = f"{{pack: {pack}, options: [{options}]}}"
    text = RULES.format(zone=zone, currency=currency, venue=venue, pack=included, last=last)
    return load_text(text.encode(), "acme.yaml")


def fields(pack: str, name: str = "o", /, **changes: object) -> dict[str, str]:
    """Return the fields of an order that meets all of *pack*, with *changes*."""
    order: dict[str, object] = {"kind": "order", "id": name, "symbol": "ACME", "side": "buy"}
    order |= {"time": "2024-06-03T15:00:00Z", "quantity": 100, "price": 100, "broker": "A"}
    order |= FACTS[pack] | changes
    return {key: str(value) for key, value in order.items() if value is not None}


def decided(pack: str, options: str = "", **changes: object) -> Decision:
    """Return the answer to an order under *pack*."""
    asked = event(fields(pack, **changes))
    judged_by = editions(pack, options)
    return step(asked, Position(), life(judged_by, asked, Position())).decision


def found(decision: Decision) -> dict[str, str]:
    """Return the result of each rule that does not pass, without the name of its pack."""
    return {one.rule.partition(".")[2]: one.result for one in decision.findings}


SIDES: Final[list[tuple[str, str, dict[str, Any], dict[str, str], str]]] = [
    ("us-10b-18", "", {}, {}, "approved"),
    ("us-10b-18", "", {"market.minutes_from_open": 0}, {"opening": "fail"}, "approved"),
    ("us-10b-18", "", {"market.minutes_from_open": 1}, {}, "approved"),
    ("us-10b-18", "", {"market.minutes_to_close": 30}, {"closing": "fail"}, "approved"),
    ("us-10b-18", "", {"market.minutes_to_close": 31}, {}, "approved"),
    (
        "us-10b-18",
        "actively-traded",
        {"market.minutes_to_close": 10},
        {"closing-active": "fail"},
        "approved",
    ),
    ("us-10b-18", "actively-traded", {"market.minutes_to_close": 11}, {}, "approved"),
    ("us-10b-18", "", {"price": "100.01"}, {"price": "fail"}, "approved"),
    ("us-10b-18", "", {"market.best_independent_bid": 90}, {"price": "fail"}, "approved"),
    ("us-10b-18", "", {"quantity": 101}, {"volume": "fail"}, "approved"),
    # A quarter of 403 is 100.75: a whole share more is too much.
    ("us-10b-18", "", {"market.adv_us_4_weeks": 403}, {}, "approved"),
    (
        "us-10b-18",
        "",
        {"quantity": 101, "market.adv_us_4_weeks": 403},
        {"volume": "fail"},
        "approved",
    ),
    # What no source gives is a flag that cannot be decided, and no approval of anything.
    ("us-10b-18", "", {"market.adv_us_4_weeks": None}, {"volume": "indeterminate"}, "approved"),
    ("us-10b-18", "", {"broker": None}, {"one-broker": "indeterminate"}, "approved"),
    ("eu-mar", "", {}, {}, "approved"),
    ("eu-mar", "", {"price": "100.01"}, {"price": "fail"}, "approved"),
    ("eu-mar", "", {"quantity": 101}, {"volume": "fail"}, "approved"),
    ("eu-mar", "", {"issuer.closed_period": "true"}, {"closed-period": "fail"}, "approved"),
    (
        "eu-mar",
        "",
        {"issuer.undisclosed_material_fact": "true"},
        {"inside-information": "fail"},
        "approved",
    ),
    ("eu-mar", "month-before", {"market.adv_eu_month_before": 400}, {}, "approved"),
    (
        "eu-mar",
        "month-before",
        {"market.adv_eu_month_before": 399},
        {"volume-by-month": "fail"},
        "approved",
    ),
    ("uk", "", {}, {}, "approved"),
    ("uk", "", {"price": 105}, {"price": "fail"}, "approved"),
    ("uk", "", {"price": "105.01"}, {"listing-price": "fail", "price": "fail"}, "denied"),
    # The harbour's price may be above the average, and then it counts.
    ("uk", "", {"price": 110, "market.last_independent_price": 110}, {}, "approved"),
    (
        "uk",
        "",
        {"price": 104, "market.last_independent_price": None},
        {"price": "indeterminate"},
        "approved",
    ),
    (
        "uk",
        "",
        {"price": 106, "market.last_independent_price": None},
        {"listing-price": "indeterminate", "price": "indeterminate"},
        "denied",
    ),
    ("jp-companies-act", "", {"quantity": 4000}, {}, "approved"),
    ("jp-companies-act", "", {"price": 40_001}, {"amount": "fail"}, "denied"),
    ("jp-companies-act", "", {"side": "sell"}, {"acquisition": "fail", "sale": "fail"}, "denied"),
    ("jp-companies-act", "", {"time": "2023-12-31T14:59:59Z"}, {"period": "fail"}, "denied"),
    ("jp-companies-act", "", {"time": "2023-12-31T15:00:00Z"}, {}, "approved"),
    ("jp-companies-act", "", {"time": "2024-12-31T14:59:59Z"}, {}, "approved"),
]


@pytest.mark.parametrize(("pack", "options", "changes", "rules", "outcome"), SIDES)
def test_each_rule_on_both_sides_of_its_limit(
    pack: str, options: str, changes: dict[str, object], rules: dict[str, str], outcome: str
) -> None:
    """A limit is met exactly, and passed by the smallest step; a flag denies nothing."""
    answer = decided(pack, options, **changes)
    assert (found(answer), answer.outcome) == (rules, outcome)


@pytest.mark.parametrize(
    ("first", "end", "is_year"),
    [
        ("2025-01-01", "2025-12-31", True),
        ("2025-01-01", "2026-01-01", False),
        # A year with a leap day in it has a day more.
        ("2023-08-01", "2024-07-31", True),
        ("2023-08-01", "2024-08-01", False),
        ("2024-03-01", "2025-02-28", True),
        ("2024-03-01", "2025-03-01", False),
        ("2008-11-14", "2009-11-13", True),
        ("2008-11-14", "2009-11-14", False),
    ],
)
def test_year_ends_the_day_before_its_first_day_comes_again(
    first: str, end: str, is_year: bool
) -> None:
    """The day of the resolution's period that is one too many makes all of it void."""
    text = RULES.format(zone="Asia/Tokyo", currency="JPY", venue="XTKS", pack=ACT, last=end)
    judged_by = load_text(text.replace("2024-01-01", first).encode(), "acme.yaml")
    asked = event(fields(ACT, time=f"{first}T03:00:00Z"))
    rules = found(step(asked, Position(), life(judged_by, asked, Position())).decision)
    assert ("one-year" not in rules) is is_year


def test_period_of_more_than_a_year_is_no_authorization() -> None:
    """What a resolution cannot grant is granted for none of its days."""
    judged_by = editions("jp-companies-act", last="2025-06-30")
    rules = []
    for day in ("2024-12-31", "2025-01-01"):
        asked = event(fields("jp-companies-act", time=f"{day}T03:00:00Z"))
        rules.append(found(step(asked, Position(), life(judged_by, asked, Position())).decision))
    assert rules == [{"one-year": "fail"}, {"one-year": "fail"}]


# -- what law judges by the day -------------------------------------------------------------------


def log() -> list[dict[str, str]]:
    """Return orders and fills of three days, of which the second has one that fails."""
    rows = []
    stated: dict[str, object] = {**FACTS["us-10b-18"], **OF_THE_TABLES}
    for day in (3, 4, 5):
        for number in (1, 2):
            name = f"o-{day}-{number}"
            # Half an hour before New York closes is too late.
            minute = "19:30" if (day, number) == (4, 2) else f"15:0{number}"
            moment, half = f"2024-06-0{day}T{minute}", {"quantity": 50}
            rows.append(fields("us-10b-18", name, time=f"{moment}:00Z", **stated | half))
            fill = {"kind": "fill", "order": name, **stated, **half, "price": 100}
            fill |= {"id": f"f-{day}-{number}", "time": f"{moment}:30Z"}
            rows.append({key: str(value) for key, value in fill.items() if value is not None})
    return rows


def test_one_purchase_that_fails_taints_its_whole_day() -> None:
    """The day is listed with the first event that failed, and no decision is another for it."""
    program = Program(editions("us-10b-18"))
    answers = [program.decide(event(row)).decision for row in log()]
    assert {one.outcome for one in answers} == {"approved"}
    flagged = [one.id for one in answers if found(one)]
    assert flagged == ["o-4-2", "f-4-2"]
    day = Tainted("us-10b-18", date(2024, 6, 4), ("us-10b-18.closing",), (), "o-4-2", 2)
    assert program.summary().days == (day,)


def test_day_that_is_tainted_is_that_of_the_venue() -> None:
    """Two in the morning in Tokyo is the day before in New York."""
    text = RULES.format(
        zone="Asia/Tokyo", currency="USD", venue="XNAS", pack="us-10b-18", last="2024-12-31"
    )
    program = Program(load_text(text.encode(), "acme.yaml"))
    late = {**OF_THE_TABLES, "time": "2024-06-04T19:55:00Z"}
    program.decide(event(fields("us-10b-18", **late)))
    assert [one.day for one in program.summary().days] == [date(2024, 6, 4)]
    assert program.last_day == date(2024, 6, 5)


def test_denied_order_taints_no_day() -> None:
    """What was never sent is no purchase."""
    program = Program(editions("us-10b-18"))
    late = {**OF_THE_TABLES, "time": "2024-06-04T19:55:00Z", "quantity": 4001}
    denied = program.decide(event(fields("us-10b-18", **late))).decision
    assert (denied.outcome, found(denied)) == (
        "denied",
        {"": "fail", "closing": "fail", "volume": "fail"},
    )
    assert program.summary().days == ()


def test_replay_lists_the_days(tmp_path: Path) -> None:
    """The summary has a row for the day, for people and for programs."""
    rules, trades = tmp_path / "acme.yaml", tmp_path / "log.jsonl"
    zone, currency, venue = PLACES["us-10b-18"]
    rules.write_text(
        RULES.format(zone=zone, currency=currency, venue=venue, pack="us-10b-18", last="2024-12-31")
    )
    trades.write_text("".join(json.dumps(row) + "\n" for row in log()))
    told = run("replay", trades, "--rules", rules, "--json").json
    assert told["days"] == [
        {
            "pack": "us-10b-18",
            "day": "2024-06-04",
            "failed": ["us-10b-18.closing"],
            "undecided": [],
            "first": "o-4-2",
            "events": 2,
        }
    ]
    shown = run("replay", trades, "--rules", rules).out
    assert "On these days all purchases are outside a safe harbour" in shown
    assert "2024-06-04" in shown


def test_manual_lists_the_packs() -> None:
    """Each pack that is shipped stands in the manual's table, and no other."""
    manual = (Path(__file__).parents[1] / "rules" / "README.md").read_text("utf-8")
    listed = [line.split("`")[1] for line in manual.splitlines() if line.startswith("| `")]
    assert [name for name in listed if name in pack_names()] == list(pack_names())


@pytest.mark.parametrize("name", pack_names())
def test_pack_says_where_each_rule_stands(name: str) -> None:
    """Each rule cites the law, itself or by its limits, or says why it does not."""
    pack = shipped_pack(name)
    cited = {
        f"{name}.limits.{limit.name}"
        for limit in pack.limits
        if all(version.cite for version in limit.versions)
    }
    for rule in (*pack.rules, *pack.off):
        assert rule.title
        assert rule.cite or rule.why or rule.constants & cited, rule.id
