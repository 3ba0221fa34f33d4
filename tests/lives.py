"""Random rule files with several editions, random histories, and what must hold of each approval.

The caps and the window are reckoned here day by day from the raw versions, without the package. A
run by itself counts histories: `make histories`.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from fractions import Fraction
from functools import partial
from random import Random
from typing import Any, Final
from zoneinfo import ZoneInfo

from msgspec.structs import replace

from repurchase.domain.errors import RuleFileError
from repurchase.domain.events import Event
from repurchase.evaluation.step import Step, step
from repurchase.ledger.orders import Order, Terms
from repurchase.ledger.position import Position
from repurchase.rulebook.editions import Editions, load_text
from repurchase.rulebook.life import life

BEGIN: Final = date(2020, 1, 6)
SPAN: Final = 40
TOKYO, NEW_YORK = ZoneInfo("Asia/Tokyo"), ZoneInfo("America/New_York")
HISTORIES_A_FILE: Final = 250
# The histories that one process runs before it tells of them.
A_TASK: Final = 2_500


def day(number: int) -> date:
    return BEGIN + timedelta(number)


@dataclass(frozen=True)
class Dated:
    """A figure or a rule with its days of validity and the day on which it became public."""

    value: int
    first: int | None = None
    last: int | None = None
    known: int | None = None

    def holds(self, on: int, known_at: int) -> bool:
        return (
            (self.first is None or self.first <= on)
            and (self.last is None or on <= self.last)
            and (self.known is None or self.known <= known_at)
        )

    def dates(self) -> str:
        """Return the dates as a rule file writes them."""
        words = (("from", self.first), ("until", self.last), ("known", self.known))
        return "".join(f", {name}: {day(at)}" for name, at in words if at is not None)


def in_force(versions: list[Dated], on: int, known_at: int) -> Dated | None:
    """Return the version that counts: of several, the one that became known last."""
    found = [one for one in versions if one.holds(on, known_at)]
    return max(found, key=lambda one: -99 if one.known is None else one.known, default=None)


@dataclass(frozen=True)
class Rule:
    """A cap that a rule sets on *of*, with the versions of its figure."""

    name: str
    of: str
    dated: Dated
    versions: list[Dated]
    form: str

    def text(self) -> str:
        after, before = f"program.{self.of}_after", f"program.{self.of}"
        ask = {
            "after": f"{after} <= terms.{self.name}",
            "sum": f"{before} + trade.{self.of} <= terms.{self.name}",
            "parts": f"program.executed_{self.of} + program.reserved_{self.of} + trade.{self.of}"
            f" <= terms.{self.name}",
            "either": f"(trade.share_class == ads and {after} <= 50% * terms.{self.name})"
            f" or (trade.share_class != ads and {after} <= terms.{self.name})",
            "both": f"trade.units < 10,000 and 2 * {after} <= 2 * terms.{self.name}",
        }[self.form]
        return f'  - {{id: {self.name.replace("_", "-")}, require: "{ask}"{self.dated.dates()}}}'


@dataclass(frozen=True)
class File:
    """A rule file as it was drawn, with all that is needed to reckon its limits by hand."""

    rules: list[Rule]
    window: tuple[list[Dated], list[Dated]]
    ratios: list[Dated]
    unlimited: bool
    limited: dict[str, bool] = field(default_factory=dict)

    def text(self) -> str:
        def versions(name: str, found: list[Dated], unit: str) -> str:
            each = ", ".join(f'{{value: "{unit.format(one.value)}"{one.dates()}}}' for one in found)
            return f"  {name}: [{each}]"

        def days(name: str, found: list[Dated]) -> str:
            each = ", ".join(f"{{value: {day(one.value)}{one.dates()}}}" for one in found)
            return f"  {name}: [{each}]"

        ratios = ", ".join(f"{{value: {one.value}{one.dates()}}}" for one in self.ratios)
        units = {"shares": "{} shares", "amount": "JPY {}"}
        return "\n".join(
            (
                "repurchase: 1",
                "authorization: drawn",
                "timezone: Asia/Tokyo",
                "currency: JPY",
                *(["unlimited: [amount]"] if self.unlimited else []),
                "instruments:",
                '  common: {symbol: "1111", venues: [XTKS]}',
                f"  ads: {{symbol: ADS, venues: [XNAS], shares_each: [{ratios}]}}",
                "terms:",
                *(versions(one.name, one.versions, units[one.of]) for one in self.rules),
                days("opens", self.window[0]),
                days("closes", self.window[1]),
                "rules:",
                *(one.text() for one in self.rules),
                '  - {id: days, require: "terms.opens <= trade.date"}',
                '  - {id: ends, require: "trade.last_date <= terms.closes"}',
                "  - {id: buys-only, require: trade.side == buy}",
                "",
            )
        )

    def cap(self, of: str, on: int, known_at: int) -> Fraction | int | None:
        """Return the cap on a day as known on another: `None` without one, -1 if none can pass."""
        caps: list[int] = []
        for rule in self.rules:
            if rule.of == of and rule.dated.holds(on, known_at):
                version = in_force(rule.versions, on, known_at)
                caps.append(-1 if version is None else version.value)
        return min(caps, default=None)

    def is_limited(self, of: str) -> bool:
        """Return whether a rule caps *of* on some day, whenever that is known."""
        if of not in self.limited:
            days = range(-3, SPAN + 20)
            found = (self.cap(of, on, known) for on in days for known in days)
            self.limited[of] = any(cap is not None and cap >= 0 for cap in found)
        return self.limited[of]

    def ratio(self, on: int, known_at: int) -> int:
        found = in_force(self.ratios, on, known_at)
        return 0 if found is None else found.value


def _dated(value: int, first: int | None, last: int | None, known: int | None = None) -> Dated:
    """Return *value* with its dates; an end before its begin is none."""
    is_turned = first is not None and last is not None and last < first
    return Dated(value, first, None if is_turned else last, known)


def draw_file(chance: Random) -> File:
    """Return a rule file with dated terms, lapsing rules, and caps that fall and rise."""

    def some_day(rate: float = 0.5) -> int | None:
        return chance.randrange(SPAN) if chance.random() < rate else None

    def versions(most: int) -> list[Dated]:
        first = Dated(chance.randrange(1, most) * 10, last=some_day(0.2))
        others = [
            _dated(chance.randrange(1, most) * 10, chance.randrange(SPAN), some_day(0.1), known)
            for known in chance.sample(range(SPAN), chance.randrange(3))
        ]
        return [first, *others]

    rules = []
    names = ["max_shares", "ceiling", "limit_of_year_2", "max_amount", "budget"]
    for name in names:
        is_first = name in ("max_shares", "max_amount")
        if chance.random() < (0.85 if is_first else 0.3):
            lapses = _dated(0, some_day(0.15), some_day(0.15), some_day(0.1))
            of = "amount" if name in ("max_amount", "budget") else "shares"
            form = chance.choice(["after", "after", "sum", "parts", "either", "both"])
            most = 60 if of == "shares" else 150
            rules.append(Rule(name, of, lapses, versions(most), form))
    closes = [Dated(SPAN + 15)]
    if chance.random() < 0.5:
        closes.append(Dated(chance.randrange(SPAN), some_day(), known=chance.randrange(SPAN)))
    opens = [Dated(chance.randrange(5))]
    if chance.random() < 0.2:
        opens.append(Dated(chance.randrange(SPAN), some_day(), known=chance.randrange(SPAN)))
    turn = chance.randrange(SPAN)
    ratios = [Dated(chance.randrange(1, 6), last=turn), Dated(chance.randrange(1, 6), turn + 1)]
    if chance.random() < 0.3:
        ratios.append(Dated(chance.randrange(1, 9), some_day(), None, chance.randrange(SPAN)))
    return File(rules, (opens, closes), ratios, chance.random() < 0.3)


class History:
    """A history by one file: each event that is sent is checked against the limits by hand."""

    def __init__(self, file: File, editions: Editions, chance: Random) -> None:
        self.file, self.editions, self.chance = file, editions, chance
        self.position = Position()
        self.now, self.count = 0, 0
        self.approved_at = 0
        self.seen: Counter[str] = Counter()
        self.sent: list[Event] = []

    def run(self, events: int) -> None:
        for _ in range(events):
            self.now += self.chance.choice((0, 0, 1, 1, 2, 5))
            if self.now < SPAN:
                self._next()

    def _open(self) -> Iterator[tuple[str, Order]]:
        return ((name, one) for name, one in self.position.orders.items() if one.is_open)

    def _next(self) -> None:
        chance = self.chance
        orders = sorted(self._open())
        kinds = ["order", "order", "fill", "fill", "replace", "replaced", "rejected", "cancel"]
        kind = chance.choice(kinds) if orders else "order"
        self.count += 1
        name = f"{kind}-{self.count}"
        if kind == "order":
            is_ads = chance.random() < 0.4
            asked = Event(
                kind="order",
                id=name,
                symbol="ADS" if is_ads else "1111",
                side="buy",
                quantity=chance.randrange(1, 25),
                price=chance.randrange(1, 5),
                expires=self._end(),
            )
            self._send(replace(asked, **self._moment(is_ads=is_ads)))
            return
        order, own = chance.choice(orders)
        moment = self._moment(is_ads=own.terms.event.symbol == "ADS")
        if kind == "fill" and self._last(own) >= self.now:
            quantity = chance.randrange(1, int(own.open_quantity) + 1)
            asked = Event(kind="fill", id=name, order=order, quantity=quantity)
            self._send(replace(asked, **moment))
        elif kind == "replace":
            quantity = max(int(own.filled), 1) + chance.randrange(25)
            price = chance.choice((None, chance.randrange(1, 5)))
            end = chance.choice((None, self._end()))
            asked = Event(
                kind="replace", id=name, order=order, quantity=quantity, price=price, expires=end
            )
            self._send(replace(asked, **moment))
        elif kind == "fill":
            self._send(replace(Event(kind="expire", id=name, order=order), **moment))
        else:
            self._send(replace(Event(kind=kind, id=name, order=order), **moment))

    def _end(self) -> date | None:
        chance = self.chance
        return None if chance.random() < 0.3 else day(self.now + chance.randrange(25))

    def _moment(self, *, is_ads: bool) -> dict[str, Any]:
        """Return the moment of an event on the day *now* in Tokyo; New York may be a day behind."""
        if not is_ads or self.chance.random() < 0.3:
            return {"date": day(self.now)}
        # Until 10:00 in New York, Tokyo has the same day; later, the next one.
        early = self.chance.random() < 0.5
        on = day(self.now if early else self.now - 1)
        moment = datetime(on.year, on.month, on.day, 9 if early else 15, 45, tzinfo=NEW_YORK)
        return {"time": moment}

    def _send(self, event: Event) -> None:
        self.sent.append(event)
        before = self.position
        taken = step(event, before, life(self.editions, event, before))
        self.position = taken.position
        outcome = taken.decision.outcome
        self.seen[f"{event.kind} {outcome}"] += 1
        self.seen["by a later edition"] += any(one.since for one in taken.decision.findings)
        if event.kind in ("order", "replace") and outcome == "approved":
            self.approved_at = self.now
            self._check_request(event)
        elif event.kind == "fill":
            self._check_fill(event, before, taken)
        elif outcome == "recorded" and event.kind != "replace":
            assert self._used() <= _used_of(before), "what is only recorded raises nothing"

    def _used(self) -> tuple[Fraction | int, Fraction | int]:
        return _used_of(self.position)

    def _days(self, order: Order) -> range:
        """Return the days in Tokyo on which *order* can still fill."""
        return range(self.now, max(self._last(order), self.now) + 1)

    def _last(self, order: Order) -> int:
        """Return the last day in Tokyo on which *order* can fill, reckoned by hand."""
        return max(map(self._last_of, order.in_play()))

    def _last_of(self, terms: Terms) -> int:
        own = terms.event
        clock = NEW_YORK if own.symbol == "ADS" else TOKYO
        asked_on = own.date if own.time is None else own.time.astimezone(clock).date()
        assert asked_on is not None, "each event has a day"
        assert not isinstance(own.expires, datetime), "each order ends with a day"
        end = max(own.expires or asked_on, asked_on)
        # The last moment of a day in New York is on the next day in Tokyo.
        return (end - BEGIN).days + (clock is NEW_YORK)

    def _check_request(self, event: Event) -> None:
        shares, amount = self._used()
        name = event.order or event.id
        own = self.position.orders[name]
        for on in self._days(own):
            for of in ("shares", "amount"):
                cap = self.file.cap(of, on, self.now)
                assert cap is not None or not self.file.is_limited(of), f"nothing caps {of} on {on}"
            opens, closes = (in_force(one, on, self.now) for one in self.file.window)
            assert opens is not None, "the window has a first day"
            assert closes is not None, "the window has a last day"
            assert opens.value <= self.now, f"before the first day by the edition of {on}"
            asked = own.in_play()[-1]
            assert (asked.last_date - BEGIN).days <= closes.value, f"too late by that of {on}"
        for terms in own.in_play() if own.terms.event.symbol == "ADS" else ():
            for on in range(self.now, self._last_of(terms) + 1):
                worst = (terms.quantity - own.filled) * self.file.ratio(on, self.now)
                assert own.reserved_shares >= worst, f"reserves too little for {on}"
        for _, order in self._open():
            for on in self._days(order):
                for of, used in (("shares", shares), ("amount", amount)):
                    cap = self.file.cap(of, on, self.now)
                    # Where no figure is in force, the order that can fill then was judged by that.
                    is_within = cap is None or cap < 0 or used <= cap
                    assert is_within, f"{used} {of} pass the cap {cap} of {on}"

    def _check_fill(self, event: Event, before: Position, taken: Step) -> None:
        """A fill within its order raises nothing, and passes no cap known at the last approval."""
        if any(one.rule == "engine.overrun" for one in taken.decision.findings):
            self.seen["overrun"] += 1
            # Only a change of ratio that became known later, or a late day, makes one here.
            self.position = before
            return
        assert self._used() <= _used_of(before), f"the fill {event.id} raises what is used"
        for of, used in zip(("shares", "amount"), self._used(), strict=True):
            cap = self.file.cap(of, self.now, self.approved_at)
            is_within = cap is None or cap < 0 or used <= cap
            assert is_within, f"a fill passes the cap on {of}: {used} of {cap}"


def _used_of(position: Position) -> tuple[Fraction | int, Fraction | int]:
    return (
        position.executed_shares + position.reserved_shares,
        position.executed_amount + position.reserved_amount,
    )


def run(
    seed: int, histories: int, events: int = 8, of_a_file: int = HISTORIES_A_FILE
) -> Counter[str]:
    """Return what became of *histories* of *events* by files drawn from *seed* on."""
    seen: Counter[str] = Counter()
    while seen["histories"] < histories:
        chance = Random(f"{seed} {seen['files']}")
        file = draw_file(chance)
        seen["files"] += 1
        try:
            editions = load_text(file.text().encode(), "drawn.yaml")
        except RuleFileError:
            # Its dates contradict each other, and its author is told so.
            seen["files that do not load"] += 1
            continue
        for _ in range(min(of_a_file, histories - seen["histories"])):
            history = History(file, editions, chance)
            try:
                history.run(events)
            except AssertionError as error:
                told = "\n".join(map(str, history.sent))
                raise AssertionError(f"{error}\n{file.text()}\n{told}") from error
            seen += history.seen
            seen["histories"] += 1
    return seen


def main(histories: int, first: int) -> None:
    """Run so many *histories* on all processors, with seeds from *first* on, and say what came."""
    seen: Counter[str] = Counter()
    seeds = range(first, first - -histories // A_TASK)
    with ProcessPoolExecutor() as pool:
        for one in pool.map(partial(run, histories=A_TASK), seeds):
            seen += one
            sys.stderr.write(f"\r{seen['histories']:,} histories")
    sys.stderr.write("\n")
    for what, count in sorted(seen.items()):
        sys.stdout.write(f"{count:12,} {what}\n")


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 0)
