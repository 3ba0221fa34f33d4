"""Random events under each shipped pack that counts what a day had, and what is decided of them.

Their outcomes were recorded before the packs declared their counters: they must stay the same.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from random import Random
from typing import Final

from repurchase.evaluation.step import step
from repurchase.intake import fields
from repurchase.ledger.fold import counting
from repurchase.ledger.position import Position
from repurchase.rulebook.editions import load_text
from repurchase.rulebook.life import life

SEQUENCES: Final = 400
RULES: Final = """\
repurchase: 1
authorization: random
timezone: {clock}
currency: {currency}
resolved: 2024-05-01
announced: 2024-05-15
instruments:
  common: {{symbol: ACME, venues: [{venues}]}}
  other: {{symbol: BCME, venues: [{venue}]}}
terms:
  max_shares: {{value: "1,000,000 shares"}}
  max_amount: {{value: "{currency} 900,000,000"}}
  trading_unit: {{value: "100 shares"}}
  first_day: {{value: 2024-05-16}}
  last_day: {{value: 2024-12-31}}
include: [{pack}]
rules:
  - {{id: share-cap, require: program.shares_after <= terms.max_shares}}
  - {{id: amount-cap, require: program.amount_after <= terms.max_amount}}
  - {{id: window, require: terms.first_day <= trade.date and trade.last_date <= terms.last_day}}
"""
# Each pack with a clock, a currency, venues and the hours that the clock is ahead of UTC.
PACKS: Final = {
    "jp-order-59": ("Asia/Tokyo", "JPY", ("XTKS", "XNGO"), 9),
    "us-10b-18": ("America/New_York", "USD", ("XNYS", "XNAS"), -4),
    "eu-mar": ("Europe/Paris", "EUR", ("XPAR", "XAMS"), 2),
    "uk": ("Europe/London", "GBP", ("XLON",), 1),
}
KINDS: Final = (
    *["order"] * 5,
    *["fill"] * 5,
    *("alone", "replace", "replaced", "rejected", "cancel", "correct", "expire"),
)
FACTS: Final = {
    "market.previous_close": ("100",),
    "market.day_high": ("100", "99"),
    "market.last_price": ("100", "99"),
    "market.last_independent_price": ("100",),
    "market.best_independent_bid": ("100", "99"),
    "market.minutes_from_open": ("60", "-1"),
    "market.minutes_to_close": ("240", "5"),
    "averages.adv_jp_4_weeks": ("400", "800", ""),
    "averages.amv_jp_6_months": ("8400", "45000", ""),
    "averages.adv_us_4_weeks": ("400", "800"),
    "averages.adv_eu_20_days": ("400", "800"),
    "averages.adv_eu_month_before": ("400",),
    "issuer.announced_shares": ("100", "300", ""),
    "issuer.undisclosed_material_fact": ("false",),
    "issuer.closed_period": ("false",),
}


def outcomes(pack: str) -> Iterator[str]:
    """Yield what becomes of each event of SEQUENCES random sequences under *pack*."""
    clock, currency, venues, ahead = PACKS[pack]
    text = RULES.format(
        clock=clock, currency=currency, venues=", ".join(venues), venue=venues[0], pack=pack
    )
    editions = load_text(text.encode(), "random.yaml")
    for number in range(SEQUENCES):
        position = counting(Position(), editions.authorization.kept())
        for row in _rows(Random(f"{pack} {number}"), venues, ahead):  # not a secret
            event = fields.event(row)
            taken = step(event, position, life(editions, event, position))
            position = taken.position
            yield f"{number} {event.id} {event.kind} {taken.decision.outcome}"


def _rows(chance: Random, venues: tuple[str, ...], ahead: int) -> Iterator[dict[str, str]]:
    """Yield the rows of a log: events that follow each other by minutes, hours or a day."""
    now = datetime(2024, 6, 3, 10, tzinfo=timezone(timedelta(hours=ahead)))
    orders: list[str] = []
    fills: list[str] = []
    if chance.random() < 0.3:
        shares = chance.choice(("100", "5000"))
        yield {"kind": "brought_forward", "id": "before", "shares": shares, "amount": "1000"}
    for number in range(chance.randint(4, 18)):
        now += timedelta(minutes=chance.choice((1, 5, 30, 180, 1440)))
        row = _row(chance, venues, now, (orders[-4:], fills[-4:]))
        row = {"id": f"e{number}", "time": now.isoformat()} | row
        if "kind" not in row:
            continue
        if row["kind"] == "order":
            orders.append(row["id"])
        if row["kind"] in ("fill", "correct"):
            fills.append(row["id"])
        yield {name: value for name, value in row.items() if value}


def _row(
    chance: Random, venues: tuple[str, ...], now: datetime, known: tuple[list[str], list[str]]
) -> dict[str, str]:
    """Return a row without its id and time; without a kind if it is about nothing *known*."""
    orders, fills = known
    kind = chance.choice(KINDS)
    facts = {name: chance.choice(values) for name, values in FACTS.items()}
    made = {
        "broker": chance.choice(("North", "North", "South")),
        "method": chance.choice(("auction", "auction", "off_auction", "block")),
        "quantity": chance.choice(("10", "40", "60", "100", "150")),
        "price": chance.choice(("100", "99", "101")),
    }
    symbol = chance.choice(("ACME", "ACME", "BCME"))
    place = {"symbol": symbol, "venue": chance.choice(venues if symbol == "ACME" else venues[:1])}
    lasts = chance.choice((0, 0, 0, 1, 3))
    own = chance.choice(("", "", "", "method", "broker"))
    if kind == "order":
        ends = {"expires": (now + timedelta(lasts)).isoformat()} if lasts else {}
        return {"kind": kind, "side": "buy", "order_type": "limit"} | place | made | facts | ends
    if kind == "alone":
        return {"kind": "fill", "side": "buy"} | place | made | facts
    if kind == "correct":
        told = {"quantity": made["quantity"], "price": "99"}
        return {"kind": kind, "fill": chance.choice(fills)} | told | facts if fills else {}
    if not orders:
        return {}
    about = {"kind": kind, "order": chance.choice(orders)}
    if kind == "fill":
        otherwise = {own: made[own]} if own else {}
        return about | {"quantity": made["quantity"], "price": "99"} | otherwise | facts
    return about | ({"quantity": made["quantity"]} | facts if kind == "replace" else {})
