"""Currencies of ISO 4217, and prices in pence and cents, which are hundredths of a currency."""

from __future__ import annotations

import json
import time
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

import pytest

from repurchase.domain.currencies import PARTS, currency_codes, factor, whole
from repurchase.domain.errors import RuleFileError
from repurchase.proof.proof import proved
from repurchase.rulebook.editions import load_text
from test_cli import run

# A program in pounds, whose shares are priced in pence; MORE takes the place of `currency: GBX`.
FILE: Final = """\
repurchase: 1
authorization: pence-2018
timezone: Europe/London
currency: GBP
instruments:
  common: {symbol: PSON, venues: [XLON, BATE, CHIX], currency: GBX}
terms:
  max_shares: {value: 1000 shares}
  max_amount: {value: "GBP 1,000"}
  first_day: {value: 2018-01-02}
  last_day: {value: 2018-02-28}
rules:
  - {id: share-cap, require: program.shares_after <= terms.max_shares}
  - {id: amount-cap, require: program.amount_after <= terms.max_amount}
  - {id: dear, require: trade.price_per_share <= GBP 8}
  - {id: window, require: terms.first_day <= trade.date and trade.last_date <= terms.last_day}
  - id: at-venue
    require: terms.first_day <= trade.venue_date and trade.venue_last_date <= terms.last_day
  - {id: buys-only, require: trade.side == buy}
"""
# The latest trades of one day, as the company reported them: quantity, pence, venue.
TRADES: Final = """\
33 735.40 CHIX
133 735.20 BATE
191 735.20 CHIX
395 735.20 XLON
618 735.20 CHIX
488 735.20 BATE
319 735.20 XLON
98 735.00 CHIX
6 734.80 BATE
583 734.60 CHIX
395 734.40 XLON
395 734.40 CHIX
10 734.60 CHIX
23 734.60 BATE
271 734.80 XLON
110 735.40 BATE
55 735.40 BATE
404 735.40 BATE
179 735.00 XLON
"""


def order(**fields: object) -> str:
    """Return an order for 100 shares at 700 pence, as JSON, with other *fields*."""
    event: dict[str, object] = {
        "kind": "order",
        "id": "o-1",
        "time": "2018-01-04T10:00:00+00:00",
        "symbol": "PSON",
        "venue": "XLON",
        "side": "buy",
        "quantity": 100,
        "price": 700,
    }
    return json.dumps({**event, **fields})


def checked(tmp_path: Path, event: str, file: str = FILE) -> Any:
    """Return the answer of `check --json` on *event* under *file*."""
    (tmp_path / "f.yaml").write_text(file)
    return run("check", "--rules", tmp_path / "f.yaml", "--event", "-", "--json", stdin=event).json


def failing(answer: Any) -> list[str]:
    """Return the rules that *answer* does not pass."""
    return [one["rule"] for one in answer["findings"] if one["result"] in ("fail", "indeterminate")]


def problems(old: str, new: str) -> list[str]:
    """Return what is wrong with FILE once *new* takes the place of *old*."""
    with pytest.raises(RuleFileError) as caught:
        load_text(FILE.replace(old, new, 1).encode(), "f")
    return [str(one) for one in caught.value.problems]


def test_trades_in_pence_come_to_pounds(tmp_path: Path) -> None:
    """Nineteen trades of one afternoon come to GBP 34,588.038, to the last tenth of a penny."""
    file = FILE.replace("1000 shares", "1000000 shares").replace("GBP 1,000", "GBP 300,000,000")
    rows = (
        f"{number},2018-01-04T16:20:00+00:00,PSON,{venue},buy,{quantity},{price}\n"
        for number, (quantity, price, venue) in enumerate(map(str.split, TRADES.splitlines()))
    )
    (tmp_path / "f.yaml").write_text(file)
    (tmp_path / "log.csv").write_text("id,time,symbol,venue,side,quantity,price\n" + "".join(rows))
    ended = run("replay", tmp_path / "log.csv", "--rules", tmp_path / "f.yaml", "--json")
    summary = ended.json
    assert (ended.code, summary["approved"]) == (0, 19)
    assert (summary["executed_shares"], summary["executed_amount"]) == ("4706", "34588.038")


@pytest.mark.parametrize(
    ("fields", "failed", "remaining"),
    [
        ({}, [], "300"),
        ({"fx": 1}, [], "300"),
        ({"quantity": 142}, [], "6"),
        ({"quantity": 143}, ["amount-cap"], "1000"),
        ({"price": 800}, [], "200"),
        ({"price": "800.01"}, ["dear"], "1000"),
        ({"fx": "0.01"}, ["amount-cap", "dear", "engine.wrong-rate"], "1000"),
    ],
)
def test_order_in_pence_counts_a_hundredth(
    tmp_path: Path, fields: dict[str, object], failed: list[str], remaining: str
) -> None:
    """Its price is in pence, the caps in pounds; no rate is needed, and none but 1 is taken."""
    answer = checked(tmp_path, order(**fields))
    assert failing(answer) == failed
    assert answer["position"]["remaining_amount"] == remaining


@pytest.mark.parametrize(
    ("written", "shown"), [("GBX", "GBX"), ("GBp", "GBX"), ("ZAc", "ZAc"), ("ZAC", "ZAc")]
)
def test_part_is_shown_as_people_write_it(tmp_path: Path, written: str, shown: str) -> None:
    """Each spelling is the same part; a foreign one needs the rate of its whole currency."""
    file = FILE.replace("currency: GBX", f"currency: {written}")
    assert load_text(file.encode(), "f").authorization.instruments[0].currency == shown
    foreign = {"ZAc": ({"fx": "0.05"}, "965"), "GBX": ({}, "300")}
    fields, remaining = foreign[shown]
    answer = checked(tmp_path, order(**fields), file)
    assert (failing(answer), answer["position"]["remaining_amount"]) == ([], remaining)


def test_foreign_part_without_its_rate_is_undecided(tmp_path: Path) -> None:
    """Cents of another currency have no value in pounds without a rate."""
    answer = checked(tmp_path, order(), FILE.replace("GBX", "ILA"))
    assert answer["outcome"] == "denied"
    assert failing(answer) == ["amount-cap", "dear"]


def test_bounds_on_a_rate_are_those_of_the_whole_currency(tmp_path: Path) -> None:
    """A rate of cents, a hundred times too low, is outside them; pounds have no rate to bound."""
    file = FILE.replace("currency: GBX", "currency: ZAc, fx_between: [0.03, 0.08]")
    assert failing(checked(tmp_path, order(fx="0.05"), file)) == []
    assert failing(checked(tmp_path, order(fx="0.0005"), file)) == ["engine.rate-out-of-bounds"]
    (told,) = problems("currency: GBX", "currency: GBX, fx_between: [1, 2]")
    assert "the instrument is in the program's currency, GBP" in told


def test_fill_in_pence_keeps_to_its_order(tmp_path: Path) -> None:
    """The amount of a fill is in pence, too; what its order reserved is released in pounds."""
    events = [order(), order(kind="fill", id="f-1", order="o-1", price=690, amount=69_000)]
    (tmp_path / "log.jsonl").write_text("\n".join(events))
    (tmp_path / "f.yaml").write_text(FILE)
    ended = run("replay", tmp_path / "log.jsonl", "--rules", tmp_path / "f.yaml", "--json")
    assert (ended.code, ended.json["executed_amount"]) == (0, "690")
    assert ended.json["remaining_amount"] == "310"
    dear = order(kind="fill", id="f-1", order="o-1", price="700.01")
    (tmp_path / "log.jsonl").write_text(f"{events[0]}\n{dear}")
    found = run("replay", tmp_path / "log.jsonl", "--rules", tmp_path / "f.yaml")
    assert "GBX 70,001" in found.out


@pytest.mark.parametrize(
    ("amount", "executed"),
    [(70_000, "700"), (69_990, "699.9"), (7_000, "70"), (6_999, None), (700, None)],
)
def test_amount_in_pounds_beside_a_price_in_pence_is_unknown(
    tmp_path: Path, amount: int, executed: str | None
) -> None:
    """Counted as pence, it would use a hundredth of what was spent; an order is then denied."""
    events = [order(kind="fill", id="f-1", amount=amount), order(quantity=1)]
    (tmp_path / "log.jsonl").write_text("\n".join(events))
    (tmp_path / "f.yaml").write_text(FILE)
    summary = run("replay", tmp_path / "log.jsonl", "--rules", tmp_path / "f.yaml", "--json").json
    assert summary["executed_amount"] == executed
    assert (summary["unknown"], summary["denied"]) == (([], 0) if executed else (["f-1"], 2))


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        (
            "currency: GBX",
            "currency: GBQ",
            "f:6:64: `GBQ` is not a currency; ISO 4217 does not list it; correct it",
        ),
        (
            "currency: GBP",
            "currency: GBO",
            "f:4:11: `GBO` is not a currency; ISO 4217 does not list it; correct it",
        ),
        (
            "currency: GBP",
            "currency: GBp",
            (
                "f:4:11: `GBp` is a hundredth of GBP, and not a currency; write `GBP` here; an"
                " instrument may have `currency: GBX`"
            ),
        ),
        (
            "currency: GBX",
            "currency: gbx",
            (
                "f:6:64: `gbx` is not a valid currency code; write three capital letters, such as"
                " `JPY`"
            ),
        ),
    ],
)
def test_currency_that_does_not_exist_is_refused(old: str, new: str, told: str) -> None:
    """The message names the place and no other currency, but for the one of a part."""
    assert problems(old, new) == [told]


def test_table_has_currencies_in_use_and_withdrawn() -> None:
    """A program of the last century may be in one that is gone; a part is never a currency."""
    assert {"JPY", "USD", "EUR", "GBP", "DEM", "FRF", "TRL", "XXX"} <= currency_codes()
    assert not currency_codes() & PARTS.keys()
    assert {whole(part) for part in PARTS} <= currency_codes()
    assert [factor(one) for one in ("GBX", "ZAc", "ILA", "GBP")] == [Fraction(1, 100)] * 3 + [1]


def test_caps_on_prices_in_pence_are_proved() -> None:
    """What is approved keeps to both caps, whatever events arrive."""
    assert proved(load_text(FILE.encode(), "f"), time.monotonic_ns).holds


def test_counterexample_in_pence_is_one() -> None:
    """Without a cap on the money of small orders, the engine itself approves too much of it."""
    text = FILE.replace("<= terms.max_amount}", "<= terms.max_amount or trade.units < 50}")
    proof = proved(load_text(text.encode(), "f"), time.monotonic_ns)
    assert {one.of for one in proof.gaps} == {"amount"}
    history = next(one.history for one in proof.gaps if one.history is not None)
    assert all("fx" not in event for event in history.events)
