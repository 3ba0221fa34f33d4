"""What a counter costs an event: the same orders, fills and cancels with and without counters."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Final

from repurchase.domain.events import Event
from repurchase.evaluation.step import step
from repurchase.ledger.fold import counting
from repurchase.ledger.position import Position
from repurchase.rulebook.editions import Editions, load_text
from repurchase.rulebook.life import life

DAYS: Final = 250
A_DAY: Final = 12
ROUNDS: Final = 5
RULES: Final = """\
repurchase: 1
authorization: counted
timezone: Asia/Tokyo
currency: JPY
instruments:
  common: {symbol: "9999", venues: [XTKS]}
terms:
  max_shares: {value: "1,000,000 shares"}
  max_amount: {value: "JPY 900,000,000"}
  first_day: {value: 2020-01-01}
  last_day: {value: 2021-12-31}
rules:
  - {id: share-cap, require: program.shares_after <= terms.max_shares}
  - {id: amount-cap, require: program.amount_after <= terms.max_amount}
  - {id: window, require: terms.first_day <= trade.date and trade.last_date <= terms.last_day}
  - {id: buys-only, require: trade.side == buy}
"""
# What a counter is declared as, and the rule on it.
KINDS: Final = {
    "a tranche": ("{from: 2020-03-01, until: 2020-06-30}", "shares_after <= 900,000 shares"),
    "a day": ("{per: day}", "shares_after <= 90,000 shares"),
    "twelve months": ("{per: 12 months}", "shares_after <= 900,000 shares"),
    "messages of a second": ("{per: second}", "messages_after <= 50"),
    "messages of ten minutes": ("{per: 10 minutes}", "messages_after <= 500"),
}


def test_cost_of_a_counter() -> None:
    """Report what each kind of counter, and ten of them, cost an event, as a ratio to none."""
    files = {"none": declared()}
    files |= {name: declared((name, 1)) for name in KINDS}
    files["ten of twelve months"] = declared(("twelve months", 10))
    files["a limit on a day"] = load_text(
        f'{RULES}  - {{id: day, require: "day.shares_after <= 90,000 shares"}}\n'.encode(), "day"
    )
    spent: dict[str, list[float]] = {name: [] for name in files}
    events = [*history()]
    for _ in range(ROUNDS):
        for name, editions in files.items():
            position = counting(Position(), editions.authorization.kept())
            start = time.perf_counter()
            for event in events:
                position = step(event, position, life(editions, event, position)).position
            spent[name].append((time.perf_counter() - start) / len(events))
    for name, each in spent.items():
        ratio = statistics.median(
            one / other for one, other in zip(each, spent["none"], strict=True)
        )
        micros = statistics.median(each) * 1e6
        print(f"\n{name:26}{micros:>8.0f} us an event{ratio:>8.2f} of none", end="")


def declared(*kinds: tuple[str, int]) -> Editions:
    """Return the rule file with so many counters of each of *kinds*."""
    counters, rules = [], []
    for kind, many in kinds:
        declaration, limit = KINDS[kind]
        for number in range(many):
            counters.append(f"  c{number}: {declaration}")
            rules.append(f'  - {{id: c{number}, require: "counters.c{number}.{limit}"}}')
    head, _, tail = RULES.partition("rules:")
    section = "\n".join(("counters:", *counters, "")) if counters else ""
    return load_text(f"{head}{section}rules:{tail}{chr(10).join(rules)}\n".encode(), "counted")


def history() -> Iterator[Event]:
    """Yield orders that fill or are cancelled, day after day."""
    for day in range(DAYS):
        begin = datetime(2020, 1, 6, 0, tzinfo=UTC) + timedelta(day)
        for number in range(A_DAY):
            name, moment = f"{day}-{number}", begin + timedelta(minutes=number)
            order = Event(
                kind="order",
                id=name,
                time=moment,
                symbol="9999",
                venue="XTKS",
                side="buy",
                quantity=100,
                price=500,
                broker="North",
                method="auction",
            )
            yield order
            if number % 3:
                yield Event(kind="fill", id=f"f{name}", time=moment, order=name, quantity=100)
            else:
                yield Event(kind="cancel", id=f"c{name}", time=moment, order=name)
