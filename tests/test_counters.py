"""Counters: sums over part of a program, by a recount of all that happened, and caps on them."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs
from rpds import HashTrieMap

from desk_events import AMENDED, DAYS, LAST, RULES, Draft, about, drafts, order
from refinement import Refinement
from repurchase.domain.counters import DAY, Counter, Kept, Per, When, moment_of
from repurchase.domain.decisions import Outcome
from repurchase.domain.errors import RuleFileError
from repurchase.domain.events import MESSAGES, Event
from repurchase.evaluation.step import Step, step
from repurchase.facts.fact import Situation
from repurchase.facts.table import TABLE
from repurchase.journal.snapshot import position_bytes, read_position
from repurchase.ledger.counters import Sum, Uses
from repurchase.ledger.fold import counting
from repurchase.ledger.orders import Order, Terms
from repurchase.ledger.position import Counted, Position
from repurchase.ledger.trades import Trade, trade
from repurchase.proof.diff import Comparison
from repurchase.proof.proof import proved
from repurchase.proof.solver import Time
from repurchase.report.proofs import held, sentence_of
from repurchase.rulebook.editions import Editions, load, load_text
from repurchase.rulebook.life import life
from repurchase.rulebook.lint import lint_findings
from test_cli import run

# The days of the drafts' events, and days after them.
REQUESTS: Final = ("order", "replace", "release")
APPROVED: Final = ("approved", "recorded")
CHECKED: Final = sorted({day + timedelta(later) for day in DAYS for later in (0, 1, 6, 13, 19, 31)})
LISTED: Final = (("common", "XTKS"), ("ads", "XNAS"), ("ads", "BATS"))
HOURS: Final = {"XTKS": 9, "XNAS": -5, "BATS": -5}
PERS: Final = (None, "day", "week", "month", "2 days", "20 days", "2 weeks", "1 month", "12 months")


@dataclass(frozen=True)
class Declared:
    """A counter as a rule file declares it, with the cap that a rule sets on its shares."""

    name: str
    cap: int
    instruments: tuple[str, ...] = ()
    venues: tuple[str, ...] = ()
    methods: tuple[str, ...] = ()
    brokers: tuple[str, ...] = ()
    first: date | None = None
    last: date | None = None
    per: str | None = None
    at_venue: bool = False
    each: tuple[str, ...] = ()

    def parts(self) -> Iterator[Declared]:
        """Yield what it counts apart, called as a position calls it; itself if that is nothing."""
        if not self.each:
            yield self
            return
        found = {}
        for instrument, venue in LISTED:
            own = {"instrument": instrument, "venue": venue}
            name = " ".join((self.name, *(own[each] for each in self.each)))
            has = {
                each: not getattr(self, f"{each}s") or own[each] in getattr(self, f"{each}s")
                for each in self.each
            }
            if all(has.values()):
                scope = {f"{each}s": (own[each],) for each in self.each}
                found[name] = Declared(**{**vars(self), **scope, "name": name, "each": ()})
        yield from found.values()

    def text(self) -> str:
        """Return its declaration."""
        lists = {
            name: f"[{', '.join(getattr(self, name))}]"
            for name in ("instruments", "venues", "methods", "brokers", "each")
            if getattr(self, name)
        }
        words = {"from": self.first, "until": self.last, "per": self.per}
        said = lists | {name: str(one) for name, one in words.items() if one is not None}
        said |= {"clock": "venue"} if self.at_venue else {}
        return f"  {self.name}: {{{', '.join(f'{name}: {one}' for name, one in said.items())}}}"

    # -- what it counts, said a second time -----------------------------------------------------

    def has(self, day: date) -> bool:
        """Return whether it counts *day* at all."""
        return (self.first or date.min) <= day <= (self.last or date.max)

    def period(self, day: date) -> tuple[date, date]:
        """Return the first and the last day of the period of *day*."""
        if self.per is None:
            return date.min, date.max
        many, _, unit = self.per.rpartition(" ")
        if many:
            return _back(day, int(many), unit.rstrip("s")) + timedelta(1), day
        if unit == "day":
            return day, day
        if unit == "week":
            monday = day - timedelta(day.weekday())
            return monday, monday + timedelta(6)
        following = (day.replace(day=28) + timedelta(4)).replace(day=1)
        return day.replace(day=1), following - timedelta(1)

    @property
    def is_rolling(self) -> bool:
        """Return whether its periods end with each day."""
        return self.per is not None and self.per[0].isdigit()

    def counts(self, event: Event, instrument: str | None, venues: set[str]) -> bool:
        """Return whether a trade may be in its scope: what it does not say, it may be."""
        return (
            (not self.instruments or instrument in (None, *self.instruments))
            and (not self.venues or not venues or bool(venues & {*self.venues}))
            and (not self.methods or event.method in (None, *self.methods))
            and (not self.brokers or event.broker in (None, *self.brokers))
        )

    def day_of(self, event: Event, venue: str | None) -> date:
        """Return the day of *event*, on the authorization's clock or on the venue's."""
        if event.time is None:
            return event.date or date.min
        hours = HOURS[venue] if self.at_venue and venue is not None else 9
        return (event.time.astimezone(UTC) + timedelta(hours=hours)).date()


def _back(day: date, many: int, unit: str) -> date:
    """Return the day *many* units before *day*; of a shorter month, its last day."""
    if unit != "month":
        return day - timedelta(many * (7 if unit == "week" else 1))
    months = day.year * 12 + day.month - 1 - many
    first = date(months // 12, months % 12 + 1, 1)
    last = (first.replace(day=28) + timedelta(4)).replace(day=1) - timedelta(1)
    return min(first.replace(day=min(day.day, last.day)), last)


class Recount:
    """What *declared* counts of all that happened, added up anew for each period."""

    def __init__(self, declared: Declared, position: Position, brought: Iterable[Event]) -> None:
        self._declared = declared
        self._done = [*self._executed(position)]
        self._done += [
            (declared.day_of(one, None), Fraction(one.shares or 0))
            for one in brought
            if declared.has(declared.day_of(one, None))
        ]
        self._open = [*self._reserved(position)]

    def of(self, day: date) -> Fraction:
        """Return the shares that are executed and on order in the period of *day*."""
        first, last = self._declared.period(day)
        if self._declared.is_rolling:
            # What is dated later is in later windows, which must hold, too.
            last = date.max
        done = (shares for on, shares in self._done if first <= on <= last)
        open_ = (
            shares
            for days, shares in self._open
            if self._declared.is_rolling or any(first <= one <= last for one in days)
        )
        return sum((*done, *open_), Fraction(0))

    def touched(self, order: Order, event: Event) -> Iterator[Fraction]:
        """Yield the shares in each period that *order* can touch as *event* asks for it.

        What may have filled before was judged before.
        """
        venues = [one.venue for terms in order.in_play() for one in terms.listings]
        since = min(self._declared.day_of(event, one) for one in venues)
        days = (day for day in self._days_of(order) if day >= since)
        yield from map(self.of, {self._declared.period(day): day for day in days}.values())

    def _executed(self, position: Position) -> Iterator[tuple[date, Fraction]]:
        for fill in position.fills.counting():
            venue = None if fill.listing is None else fill.listing.venue
            instrument = None if fill.listing is None else fill.listing.instrument
            venues = set() if venue is None else {venue}
            day = self._declared.day_of(fill.event, venue)
            if self._declared.counts(fill.event, instrument, venues) and self._declared.has(day):
                yield day, Fraction(fill.shares or 0)

    def _reserved(self, position: Position) -> Iterator[tuple[list[date], Fraction]]:
        for one in position.orders.values():
            if one.is_open and (days := self._days_of(one)):
                yield days, Fraction(one.reserved_shares)

    def _days_of(self, order: Order) -> list[date]:
        """Return the days on which *order* counts."""
        ends = [day for terms in order.in_play() for day in self._ends(terms)]
        if not ends:
            return []
        first, last = min(ends), max(ends)
        days = (first + timedelta(number) for number in range((last - first).days + 1))
        return [*filter(self._declared.has, days)]

    def _ends(self, terms: Terms) -> Iterator[date]:
        """Yield days between which lie those of *terms*, if they are in the counter's scope."""
        venues = {one.venue for one in terms.listings}
        instrument = None if terms.listing is None else terms.listing.instrument
        if self._declared.counts(terms.event, instrument, venues):
            yield from (self._declared.day_of(terms.event, one) for one in (*venues,) or (None,))
            yield (terms.venue_last if self._declared.at_venue else None) or terms.last_date


class Ordered:
    """What was ordered of what *declared* counts: each event noted, and added up for a period."""

    def __init__(self, declared: Declared) -> None:
        self._declared = declared
        self._noted: list[tuple[date, Fraction]] = []

    def of(self, day: date) -> Fraction:
        """Return the shares that were ordered in the period of *day*."""
        first, last = self._declared.period(day)
        last = date.max if self._declared.is_rolling else last
        return sum((shares for on, shares in self._noted if first <= on <= last), Fraction(0))

    def note(self, happened: Event, before: Position, taken: Step) -> None:
        """Note what *happened* orders: a request by its increase, a fill what nothing ordered."""
        if happened.kind in REQUESTS and taken.decision.outcome in APPROVED:
            old = before.orders.get(happened.order or "")
            old = None if old is None or old.state == "held" else old
            self._request(old, taken.position.orders[happened.order or happened.id])
        new = taken.position.fills.get(happened.id)
        if happened.kind in ("fill", "correct") and new is not None:
            self._fill(new, happened, before, taken.position)

    def _request(self, old: Order | None, now: Order) -> None:
        terms = now.asked or now.terms
        day = self._asked_on(terms)
        if day is None:
            return
        shares = Fraction(terms.shares)
        if old is not None:
            is_anew = not self._is_in_one(self._asked_on(old.terms), day)
            had = max(one.shares for one in old.in_play())
            shares = Fraction(now.reserved_shares if is_anew else max(terms.shares - had, 0))
        self._noted.append((day, shares))

    def _fill(self, new: Counted, happened: Event, before: Position, after: Position) -> None:
        day, covered = self._filled_on(new), Fraction(0)
        if day is None:
            return
        corrected = before.fills.last(happened.fill or "")
        order = before.orders.get(new.event.order or "")
        if happened.kind == "correct":
            if corrected is not None and self._is_in_one(self._filled_on(corrected), day):
                covered = Fraction(corrected.shares or 0)
        elif order is not None and order.is_open:
            later = after.orders[order.terms.event.id]
            if self._is_in_one(self._asked_on(order.terms), day):
                covered = Fraction(order.reserved_shares - later.reserved_shares)
        self._noted.append((day, max(Fraction(new.shares or 0) - covered, Fraction(0))))

    def _is_in_one(self, earlier: date | None, day: date) -> bool:
        """Return whether the period of *day* has the day *earlier*."""
        if earlier is None:
            return False
        first, last = self._declared.period(day)
        return first <= earlier <= (date.max if self._declared.is_rolling else last)

    def _asked_on(self, terms: Terms) -> date | None:
        """Return the day on which the request of *terms* counts; `None` if it does not."""
        venues = {one.venue for one in terms.listings}
        instrument = None if terms.listing is None else terms.listing.instrument
        if not self._declared.counts(terms.event, instrument, venues):
            return None
        own = venues & {*self._declared.venues} if self._declared.venues else venues
        day = min(self._declared.day_of(terms.event, one) for one in (*own,) or (None,))
        return day if self._declared.has(day) else None

    def _filled_on(self, fill: Counted) -> date | None:
        """Return the day on which *fill* counts; `None` if it does not."""
        venue = None if fill.listing is None else fill.listing.venue
        instrument = None if fill.listing is None else fill.listing.instrument
        venues = set() if venue is None else {venue}
        day = self._declared.day_of(fill.event, venue)
        is_counted = self._declared.counts(fill.event, instrument, venues)
        return day if is_counted and self._declared.has(day) else None


def counters() -> st.SearchStrategy[list[Declared]]:
    """Generate one or two declared counters."""

    def some(*words: str) -> st.SearchStrategy[tuple[str, ...]]:
        return st.sampled_from(((), (), (), words, *((word,) for word in words)))

    day = st.sampled_from((None, None, date(2008, 11, 17), date(2008, 11, 18), AMENDED, LAST))
    one = st.builds(
        Declared,
        name=st.just("one"),
        cap=st.sampled_from((5, 8, 20, 30)),
        instruments=some("common", "ads"),
        venues=some("XTKS", "XNAS", "BATS"),
        methods=some("auction", "block"),
        brokers=some("north", "south"),
        first=day,
        last=day,
        per=st.sampled_from(PERS),
        at_venue=st.booleans(),
        each=st.sampled_from((*[()] * 5, ("instrument",), ("venue",), ("instrument", "venue"))),
    ).filter(lambda of: (of.first or date.min) <= (of.last or date.max))
    return st.lists(one, min_size=1, max_size=2).map(_named)


def _named(found: list[Declared]) -> list[Declared]:
    return [
        Declared(**{**vars(one), "name": name})
        for one, name in zip(found, ("one", "two"), strict=False)
    ]


# Nothing but the counters limits an order, so that most are approved.
OPEN_RULES: Final = f"""{RULES.partition("rules:")[0]}rules:
  - {{id: buys-only, require: trade.side == buy}}
"""
# What counters count happens more often.
COUNTED: Final = (
    *("order", "order", "order", "order", "fill", "fill", "fill", "fill", "bust", "correct"),
    *("replace", "replace", "replaced", "rejected", "cancel", "expire", "release", "release"),
    *("halt", "resume", "brought_forward"),
)
# What is ordered as a block waits for a second person.
SEEN: Final = "  - {id: seen, effect: review, at: order, require: trade.method == auction}\n"


def rule_file(declared: list[Declared], effect: str = "deny") -> Editions:
    """Return a rule file with the counters *declared*, and a cap on each of this *effect*."""
    section = "\n".join(("counters:", *(one.text() for one in declared)))
    caps = "\n".join(
        f"  - {{id: cap-{one.name}, effect: {effect}, require: counters.{one.name}.shares_after"
        f" <= {one.cap} shares}}"
        for one in declared
    )
    text = OPEN_RULES.replace("rules:\n", f"{section}\nrules:\n{caps}\n{SEEN}")
    return load_text(text.encode(), "counters.yaml")


def decided(editions: Editions, event: Event, position: Position) -> Step:
    return step(event, position, life(editions, event, position))


def shares_of(position: Position, name: str, day: date) -> Fraction:
    """Return the shares that the counter *name* has in the period of *day*."""
    found = position.counters[name].of(When(day))
    assert found is not None
    return Fraction(found.shares)


@pytest.mark.parametrize("per", PERS)
def test_periods_are_those_of_the_calendar(per: str | None) -> None:
    """Each day is in the period that the calendar gives, over several years."""
    declared = Declared("one", 1, per=per)
    (counter,) = rule_file([declared]).authorization.counters
    days = [date(2007, 12, 20) + timedelta(number) for number in range(1_600)]
    for day in days:
        first, last = declared.period(day)
        if counter.is_rolling:
            assert counter.begin(When(day)) == first.toordinal()
        elif per is not None:
            number = counter.period(When(day))
            assert number is not None
            assert {counter.period(When(first)), counter.period(When(last))} == {number}
            assert counter.period(When(last + timedelta(1))) == number + 1
    if per is None:
        assert len({counter.period(When(day)) for day in days}) == 1


def varied() -> st.SearchStrategy[tuple[Draft, bool]]:
    """Generate drafts of which many last, and whether each is late: on another day at a venue."""
    lasting = st.sampled_from((0, 0, 1, 3, 20, 90))
    drawn = st.builds(lambda one, days: replace(one, lasting=days), drafts(COUNTED), lasting)
    return st.tuples(drawn, st.booleans())


def told(
    editions: Editions, events: list[tuple[Draft, bool]]
) -> Iterator[tuple[Event, Position, Step]]:
    """Yield each of *events*, the position before it and what follows from it."""
    position = counting(Position(), kept_by(editions))
    for number, (draft, is_late) in enumerate(events):
        event = draft.event(f"e{number}", position)
        if event.kind == "release":
            event = structs.replace(event, by="zoe", reason="seen")
        if event.time is not None and is_late:
            event = structs.replace(event, time=event.time + timedelta(hours=6))
        taken = decided(editions, event, position)
        yield event, position, taken
        position = taken.position


@given(counters(), st.lists(varied(), min_size=2, max_size=12), st.booleans())
def test_counters_are_a_recount(
    declared: list[Declared], events: list[tuple[Draft, bool]], is_capped: bool
) -> None:
    """After any events, each period holds what a recount finds, and no approval passes a cap."""
    editions = rule_file(declared, "deny" if is_capped else "flag")
    brought: tuple[Event, ...] = ()
    parts = [part for one in declared for part in one.parts()]
    ordered = {one.name: Ordered(one) for one in parts}
    for event, before, taken in told(editions, events):
        for each in ordered.values():
            each.note(event, before, taken)
        if event.kind == "brought_forward" and taken.decision.outcome == "recorded":
            brought = (event,)
        is_approved = taken.decision.outcome == "approved" and event.kind not in ("fill", "correct")
        asked = taken.position.orders[event.order or event.id] if is_approved else None
        for one in parts:
            recount = Recount(one, taken.position, brought)
            for day in filter(one.has, CHECKED):
                found = taken.position.counters[one.name].of(When(day))
                assert found is not None
                assert found.shares == recount.of(day), day
                assert found.ordered_shares == ordered[one.name].of(day), day
            if is_capped and asked is not None:
                assert all(shares <= one.cap for shares in recount.touched(asked, event))


@pytest.mark.slow
@given(counters(), st.lists(varied(), min_size=2, max_size=12))
def test_counters_are_kept_and_taken_up(
    declared: list[Declared], events: list[tuple[Draft, bool]]
) -> None:
    """A desk that opens again reads the same; one that adopts counters now counts no less."""
    editions = rule_file(declared, "flag")
    *_, (_, _, taken) = told(editions, events)
    position = taken.position
    assert read_position(position_bytes(position)).counters == position.counters
    again = counting(structs.replace(position, counters=HashTrieMap()), kept_by(editions))
    is_brought = any(draft.kind == "brought_forward" for draft, _ in events)
    for one in (part for each in declared for part in each.parts()):
        for day in filter(one.has, CHECKED):
            was, now = (shares_of(of, one.name, day) for of in (position, again))
            assert now >= was if is_brought else now == was


def kept_by(editions: Editions) -> Kept:
    return editions.authorization.kept()


# -- what the definition says, case by case -------------------------------------------------------


def outcomes(declared: str, cap: str, *events: Event) -> list[Outcome]:
    """Return the outcome of each event under a cap on a counter `one` that is *declared* so."""
    text = OPEN_RULES.replace("rules:\n", f"counters:\n  one: {{{declared}}}\nrules:\n")
    text += f"  - {{id: cap, require: counters.one.{cap}}}\n"
    editions = load_text(text.encode(), "one.yaml")
    position = counting(Position(), kept_by(editions))
    found = []
    for event in events:
        taken = decided(editions, event, position)
        position = taken.position
        found.append(taken.decision.outcome)
    return found


def on(day: str, **fields: object) -> dict[str, Any]:
    return {"date": date.fromisoformat(day), **fields}


CAP: Final = "shares_after <= 10 shares"


def test_order_counts_on_each_day_that_it_can_touch() -> None:
    """A tranche counts an order of the day before it that lasts into it."""
    tranche = "from: 2008-12-01, until: 2008-12-31"
    late: dict[str, Any] = {"expires": date(2008, 12, 2)}
    asked = (
        order("a", 11, **on("2008-11-20")),
        order("b", 11, **on("2008-11-20"), **late),
        order("c", 6, **on("2008-11-20"), **late),
        order("d", 5, **on("2008-12-03")),
        order("e", 4, **on("2008-12-03")),
        order("f", 99, **on("2009-01-05")),
    )
    expected = ["approved", "denied", "approved", "denied", "approved", "approved"]
    assert outcomes(tranche, CAP, *asked) == expected


def test_windows_move_with_the_day() -> None:
    """A purchase leaves a window of two weeks after its fourteenth day."""
    bought = order("f", 10, **on("2008-11-17"), kind="fill", by=None)
    asked = (order(f"o{day}", 1, **on(f"2008-{day}")) for day in ("11-30", "12-01"))
    assert outcomes("per: 2 weeks", CAP, bought, *asked) == ["approved", "denied", "approved"]


def test_day_is_that_of_the_clock_that_is_named() -> None:
    """After midnight in Tokyo, the day in New York is still that before."""
    fields: dict[str, Any] = {"symbol": "ACME", "venue": "XNAS", "fx": 100, "price": 1}
    fields |= {"date": None}
    moments = (datetime(2008, 11, 17, hour, tzinfo=UTC) for hour in (14, 20))
    bought, asked = (order(str(one), 24, **fields, time=one) for one in moments)
    bought = structs.replace(bought, kind="fill", by=None)
    assert outcomes("per: day", CAP, bought, asked) == ["approved", "approved"]
    assert outcomes("per: day, clock: venue", CAP, bought, asked) == ["approved", "denied"]


def test_replace_counts_from_the_day_of_its_order() -> None:
    """Until the venue answers, the old terms may have filled on their own day."""
    asked = (
        order("a", 4, **on("2008-11-17"), expires=date(2008, 11, 20)),
        Event(kind="replace", id="r", order="a", quantity=6, **on("2008-11-18")),
        order("b", 5, **on("2008-11-18")),
        Event(kind="replaced", id="s", order="a", **on("2008-11-18")),
        order("c", 4, **on("2008-11-18")),
    )
    expected = ["approved", "approved", "denied", "recorded", "approved"]
    assert outcomes("per: day", CAP, *asked) == expected
    late = order("f", 7, **on("2008-11-17"), kind="fill", by=None)
    assert outcomes("per: day", CAP, *asked[:2], late)[-1] == "denied"
    assert outcomes("per: day", CAP, asked[0], structs.replace(late, quantity=6))[-1] == "approved"


def test_event_that_does_not_say_is_undecided_and_counts() -> None:
    """A purchase without a broker is denied by a limit on brokers, and counts if it happened."""
    fields = on("2008-11-17")
    asked = (
        order("a", 1, **fields, broker=None),
        order("b", 1, **fields, kind="fill", by=None, broker=None),
        order("c", 10, **fields, broker="south"),
        order("d", 10, **fields, broker="north"),
        order("e", 9, **fields, broker="north"),
    )
    expected = ["denied", "denied", "approved", "denied", "approved"]
    assert outcomes("brokers: [north]", CAP, *asked) == expected


def test_bust_takes_back_on_the_day_of_its_fill() -> None:
    """What a bust takes back may be bought again in the same week, and no more in the next."""
    asked = (
        order("f", 10, **on("2008-11-17"), kind="fill", by=None),
        order("g", 10, **on("2008-11-24"), kind="fill", by=None),
        Event(kind="bust", id="x", fill="f", **on("2008-11-25")),
        order("a", 1, **on("2008-11-25")),
    )
    assert outcomes("per: week", CAP, *asked) == ["approved", "approved", "recorded", "denied"]


def test_brought_forward_counts_on_its_day_or_always() -> None:
    """Nobody says when it was bought before its day, so it counts on that day, or each day."""
    brought = Event(kind="brought_forward", id="b", shares=10, amount=1)
    later = order("a", 1, **on("2008-12-20"))
    assert outcomes("per: 20 days", CAP, brought, later) == ["recorded", "denied"]
    brought = structs.replace(brought, **on("2008-11-14"))
    assert outcomes("per: 20 days", CAP, brought, later) == ["recorded", "approved"]


# -- requests -------------------------------------------------------------------------------------

SHORT: Final = ("second", "minute", "10 seconds", "2 minutes")
# What desks ask for, more often.
ASKING: Final = (
    *("order", "order", "order", "replace", "replace", "cancel_requested", "cancel_requested"),
    *("release", "replaced", "cancel", "fill"),
)
MICROSECOND: Final = timedelta(microseconds=1)


@dataclass(frozen=True)
class Asked:
    """A request as it is recounted: when, of what, by whom, and whether it was approved."""

    event: Event
    own: Event
    instrument: str | None
    venues: frozenset[str]
    is_order: bool

    def is_in(self, declared: Declared, at: Event) -> bool:
        """Return whether *declared* counts it in its period of the moment of *at*."""
        venues: list[str | None] = [*self.venues] or [None]
        day = min(declared.day_of(self.event, one) for one in venues)
        if not declared.counts(self.own, self.instrument, {*self.venues}) or not declared.has(day):
            return False
        if declared.per not in SHORT:
            first, last = declared.period(declared.day_of(at, None))
            return first <= day <= (date.max if declared.is_rolling else last)
        if self.event.time is None or at.time is None:
            return True
        many, _, unit = declared.per.rpartition(" ")
        length = timedelta(seconds=int(many or 1) * (1 if unit.startswith("second") else 60))
        if many:
            return self.event.time > at.time - length
        begin = datetime(2008, 1, 1, tzinfo=UTC)
        return (self.event.time - begin) // length == (at.time - begin) // length


def asked_of(event: Event, before: Position, taken: Step) -> Asked:
    """Return the request *event*: what it does not say, the order that it names does."""
    order = taken.position.orders.get(event.order or event.id)
    own = event
    if event.kind != "order" and order is not None:
        own = order.terms.event
    listings = () if order is None else order.terms.listings
    is_approved = taken.decision.outcome == "approved"
    is_held = (was := before.orders.get(event.order or "")) is not None and was.state == "held"
    return Asked(
        event,
        own,
        listings[0].instrument if listings else None,
        frozenset(one.venue for one in listings),
        is_approved and (event.kind == "order" or (event.kind == "release" and is_held)),
    )


def asking(per: str | None) -> st.SearchStrategy[Declared]:
    some = st.sampled_from(((), (), ("common",), ("ads",)))
    return st.builds(
        Declared,
        name=st.just("one"),
        cap=st.just(1),
        instruments=some,
        brokers=st.sampled_from(((), ("north",))),
        per=st.just(per),
        last=st.sampled_from((None, AMENDED)),
    )


@given(
    st.sampled_from((*SHORT, *PERS)).flatmap(asking),
    st.lists(
        st.tuples(drafts(ASKING), st.sampled_from((0, 0, 1, 400_000, 999_999, 59_500_000))),
        min_size=2,
        max_size=12,
    ),
)
def test_requests_are_a_recount(declared: Declared, drawn: list[tuple[Draft, int]]) -> None:
    """Messages count whatever the answer, orders once they are approved, each at its moment."""
    editions = load_text(
        RULES.replace(
            "rules:\n",
            f"counters:\n{declared.text()}\nrules:\n"
            "  - {id: cap, effect: flag, require: counters.one.messages_after <= 50}\n",
        ).encode(),
        "one.yaml",
    )
    position = counting(Position(), kept_by(editions))
    made: list[Asked] = []
    for number, (draft, late) in enumerate(drawn):
        event = draft.event(f"e{number}", position)
        if event.time is not None:
            event = structs.replace(event, time=event.time + late * MICROSECOND)
        taken = decided(editions, event, position)
        if event.kind in MESSAGES:
            made.append(asked_of(event, position, taken))
        position = taken.position
        if event.kind == "brought_forward" or (declared.per in SHORT and event.time is None):
            continue
        moment = moment_of(event.time)
        found = position.counters["one"].of(When(declared.day_of(event, None), moment))
        assert found is not None
        counted = [one for one in made if one.is_in(declared, event)]
        assert found.messages == len(counted)
        assert found.orders == sum(one.is_order for one in counted)
        assert found.cancels == sum(one.event.kind == "cancel_requested" for one in counted)
    assert read_position(position_bytes(position)).counters == position.counters


def at(second: float, name: str, **fields: object) -> Event:
    """Return an order made so many seconds after nine in the morning in Tokyo."""
    moment = datetime(2008, 11, 17, 0, 0, tzinfo=UTC) + int(second * 1_000_000) * MICROSECOND
    return structs.replace(order(name), **{"date": None, "time": moment} | fields)


def test_message_of_a_second_is_denied_whatever_was_answered() -> None:
    """What a limit denies counts, a request to cancel is never denied, the next second is free."""
    asked: tuple[Event, ...] = (
        at(0, "a"),
        at(0.2, "b"),
        at(0.4, "x", kind="cancel_requested", order="a", symbol=None),
        at(0.6, "c"),
        at(0.999999, "d"),
        at(1, "e"),
    )
    plain = {"symbol", "venue", "side", "quantity", "price", "fees", "broker", "method"}
    asked = tuple(
        structs.replace(one, **dict.fromkeys(plain)) if one.kind == "cancel_requested" else one
        for one in asked
    )
    found = outcomes("per: second", "messages_after <= 3", *asked)
    assert found == ["approved", "approved", "recorded", "denied", "denied", "approved"]
    found = outcomes("per: 1 second", "messages_after <= 3", *asked, at(1.4, "f"))
    assert found[-2:] == ["denied", "denied"]


def test_window_of_seconds_ends_with_the_moment() -> None:
    """Events at one instant are in one window, and one of ten seconds ago is in it no more."""
    asked = (at(0, "a"), at(0, "b"), at(0, "c"), at(10, "d"), at(10, "e"), at(10, "f"))
    found = outcomes("per: 10 seconds", "orders_after <= 2", *asked)
    assert found == ["approved", "approved", "denied", "approved", "approved", "denied"]


def test_limit_on_seconds_is_undecided_for_a_day() -> None:
    """An order of which only the day is known is denied, and counts in each second of a log."""
    asked = (order("a"), at(0, "b"), at(5, "c"))
    found = outcomes("per: second", "messages_after <= 1", *asked)
    assert found == ["denied", "denied", "denied"]


def test_open_orders_and_brokers() -> None:
    """An order is open until it is cancelled; its broker stays one of the day's."""
    cancel = Event(kind="cancel", id="x", order="a", **on("2008-11-17"))
    asked = (order("a"), order("b"), cancel, order("c", broker="south"), order("d"))
    found = outcomes("per: day", "open_orders_after <= 1", *asked)
    assert found == ["approved", "denied", "recorded", "approved", "denied"]
    found = outcomes("per: day", "brokers_after <= 1", *asked)
    assert found == ["approved", "approved", "recorded", "denied", "approved"]
    # A fill by another broker that its order does not name is one of the day's brokers.
    fill = order("f", kind="fill", order="a", by=None, broker="south")
    found = outcomes("per: day", "brokers_after <= 1", order("a", 5), fill, order("d"))
    assert found[-1] == "denied"
    assert outcomes("per: day", "brokers_after <= 1", order("a", broker=None)) == ["denied"]


def test_short_periods_are_forgotten_and_then_unknown() -> None:
    """What is remembered of seconds is bounded; an earlier second is undecided, never free."""
    (counter,) = rule_file([Declared("one", 1, per="second")]).authorization.counters
    uses = Uses(counter)
    day = date(2008, 11, 17)
    begin = day.toordinal() * DAY
    for second in range(1 << 14):
        uses = uses.with_done(When(day, begin + second * 1_000_000), Sum(messages=1))
    assert len(uses.done) == 3_601
    assert uses.of(When(day, begin)) is None
    last = uses.of(When(day, begin + ((1 << 14) - 1) * 1_000_000))
    assert last is not None
    assert last.messages == 1


# -- the day, and like requests -------------------------------------------------------------------


@pytest.mark.slow
@given(st.lists(varied(), min_size=2, max_size=12))
def test_limit_of_a_day_counts_open_orders(events: list[tuple[Draft, bool]]) -> None:
    """No two orders at once pass a limit on the day of an instrument at a venue."""
    text = OPEN_RULES + "  - {id: day, require: day.shares_after <= 8 shares}\n"
    editions = load_text(text.encode(), "day.yaml")
    for event, _, taken in told(editions, events):
        is_approved = taken.decision.outcome == "approved" and event.kind not in ("fill", "correct")
        asked = taken.position.orders[event.order or event.id] if is_approved else None
        for listing in () if asked is None else asked.terms.listings:
            declared = Declared(
                "day",
                8,
                instruments=(listing.instrument,),
                venues=(listing.venue,),
                per="day",
                at_venue=True,
            )
            recount = Recount(declared, taken.position, ())
            assert asked is not None
            assert all(shares <= 8 for shares in recount.touched(asked, event))


def test_second_of_two_like_orders_is_held() -> None:
    """It is like the first if it differs in its id, its time and the market alone."""
    text = OPEN_RULES + "  - {id: same, effect: review, require: trade.seconds_since_same >= 5}\n"
    editions = load_text(text.encode(), "same.yaml")
    release = about("release", "r", order="b", time=at(8, "").time, date=None)
    asked = (
        (at(0, "a"), "approved"),
        (at(1, "b", outside={"market.last_price": 10}), "held"),
        (at(2, "c", quantity=2), "approved"),
        (at(7, "d"), "approved"),
        (release, "approved"),
        (structs.replace(at(9, "e"), time=None, date=date(2008, 11, 17)), "held"),
    )
    position = counting(Position(), kept_by(editions))
    for event, expected in asked:
        taken = decided(editions, event, position)
        position = taken.position
        assert taken.decision.outcome == expected, event.id
    assert read_position(position_bytes(position)).requests == position.requests
    # What it leaves out counts as what that means, and a name in any spelling.
    for fields in (
        {"by": "bob", "reason": "again", "authorization": "acme-2008", "fees": 0, "fx": 1},
        {"venue": None, "venues": ("XTKS",), "broker": "North ", "expires": date(2008, 11, 17)},
    ):
        again = at(20, "z", **fields)
        first = decided(editions, at(19, "y"), position).position
        assert decided(editions, again, first).decision.outcome == "held", fields


def test_replace_takes_out_its_old_reservation() -> None:
    """What is on order after a replace holds the worst case of both, and the old one no more."""
    text = OPEN_RULES + "  - {id: credit, require: program.reserved_shares_after <= 12 shares}\n"
    editions = load_text(text.encode(), "credit.yaml")
    position = counting(Position(), kept_by(editions))
    found = []
    for event in (
        order("a", 10),
        Event(kind="replace", id="r", order="a", quantity=12, by="ann", **on("2008-11-17")),
        Event(kind="replaced", id="s", order="a", **on("2008-11-17")),
        Event(kind="replace", id="t", order="a", quantity=13, by="ann", **on("2008-11-17")),
        order("f", 12, kind="fill", order="a", by=None),
        order("b", 12),
    ):
        taken = decided(editions, event, position)
        position = taken.position
        found.append(taken.decision.outcome)
    assert found == ["approved", "approved", "recorded", "denied", "approved", "approved"]


# -- packs ----------------------------------------------------------------------------------------

PACK: Final = """\
repurchase: 1
pack: burst
title: Messages of a second
counters:
  burst: {per: second}
rules:
  - {id: burst, at: order, require: counters.burst.messages_after <= 2}
"""


def test_pack_declares_its_counters(tmp_path: Path) -> None:
    """Its rules read them; a file that declares one of them otherwise does not load."""
    (tmp_path / "burst.yaml").write_text(PACK, encoding="utf-8")
    file = tmp_path / "own.yaml"
    text = OPEN_RULES.replace("rules:\n", "include: [./burst]\nrules:\n")
    file.write_text(text, encoding="utf-8")
    editions = load(file)
    position = counting(Position(), kept_by(editions))
    found = []
    for event in (at(0, "a"), at(0.5, "b"), at(0.6, "c"), at(1, "d")):
        taken = decided(editions, event, position)
        position = taken.position
        found.append(taken.decision.outcome)
    assert found == ["approved", "approved", "denied", "approved"]
    for per, is_alike in (("second", True), ("minute", False)):
        own = text.replace("include:", f"counters: {{burst: {{per: {per}}}}}\ninclude:")
        file.write_text(own, encoding="utf-8")
        if is_alike:
            assert load(file).authorization.counters == editions.authorization.counters
            continue
        with pytest.raises(RuleFileError, match="declares the counter `burst`, too"):
            load(file)


# -- proofs ---------------------------------------------------------------------------------------

TRANCHES: Final = OPEN_RULES.replace(
    "rules:\n",
    """\
counters:
  first: {from: 2008-11-14, until: 2008-12-15}
  blocks: {methods: [block], instruments: [common], per: 2 weeks}
  day: {per: day, clock: venue}
rules:
  - {id: shares, require: program.shares_after <= terms.max_shares}
  - {id: money, require: program.amount_after <= terms.max_amount}
  - {id: first, require: counters.first.amount_after <= 30% * terms.max_amount}
  - {id: blocks, require: counters.blocks.shares_after <= 20 shares}
  - {id: day, require: counters.day.shares_after <= 12 shares}
  - {id: window, require: terms.first_day <= trade.date and trade.last_date <= terms.last_day}
  - id: window-at-venue
    require: terms.first_day <= trade.venue_date and trade.venue_last_date <= terms.last_day
""",
)


LONG: Final = (pytest.mark.slow, pytest.mark.long)


def test_caps_on_counters_are_proved() -> None:
    """Each is a claim like a cap of the program, and orders are still approved."""
    found = proved(load_text(TRANCHES.encode(), "t.yaml"), time.monotonic_ns)
    assert found.holds
    claimed = {claim.sum for one in found.editions for claim in one.claims}
    of_counters = {
        f"counters.{name}_after" for name in ("first.amount", "blocks.shares", "day.shares")
    }
    assert of_counters < claimed
    assert any(one.example is not None for one in found.editions)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("30% * terms", "31% * terms"),
        pytest.param("until: 2008-12-15", "until: 2008-12-14", marks=LONG),
        pytest.param("per: 2 weeks", "per: 13 days", marks=LONG),
    ],
)
def test_looser_counters_are_told(old: str, new: str) -> None:
    """What a changed counter permits is found, with a history that the engine confirms."""
    changed = TRANCHES.replace(old, new)
    assert changed != TRANCHES
    before, after = (load_text(text.encode(), "t.yaml") for text in (TRANCHES, changed))
    compared = Comparison(before, after, Time(60_000, time.monotonic_ns)).compared("order")
    assert compared.looser.shown is not None


@pytest.mark.slow
@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("30% * terms", "29% * terms"),
        ("until: 2008-12-15", "until: 2008-12-16"),
        ("per: 2 weeks", "per: 15 days"),
        ("[block], instruments: [common]", "[block, auction]"),
        ("per: day, clock: venue", "clock: venue"),
    ],
)
def test_tighter_counters_are_proved_to_be(old: str, new: str) -> None:
    """A counter that counts more, or in longer periods, is proved to permit no more."""
    changed = TRANCHES.replace(old, new)
    assert changed != TRANCHES
    before, after = (load_text(text.encode(), "t.yaml") for text in (TRANCHES, changed))
    comparison = Comparison(before, after, Time(60_000, time.monotonic_ns))
    for kind in ("order", "replace", "fill", "correct"):
        assert all(comparison.is_never(group, kind, 1) for group in comparison.groups(kind)), kind


@st.composite
def nested(draw: st.DrawFn) -> list[Declared]:
    """Generate two counters, of which the second contains the first."""
    (part, *_) = draw(counters())
    dropped: list[str] = draw(
        st.lists(st.sampled_from(("instruments", "venues", "methods", "brokers")))
    )
    longer = {"2 days": "20 days", "20 days": "3 weeks", "2 weeks": "1 month", "1 month": "40 days"}
    per = draw(st.sampled_from((part.per, longer.get(part.per or "", part.per))))
    ends = draw(st.sampled_from(((part.first, part.last), (None, part.last), (part.first, None))))
    loose: dict[str, Any] = dict.fromkeys(dropped, ())
    whole = replace(part, per=per, first=ends[0], last=ends[1], **loose)
    return _named([part, whole])


@pytest.mark.slow
@given(nested(), st.lists(varied(), min_size=2, max_size=10))
def test_part_of_a_counter_holds_no_more(
    both: list[Declared], events: list[tuple[Draft, bool]]
) -> None:
    """If one counter is part of another by what they declare, its sums are never larger."""
    editions = rule_file(both, "flag")
    part, whole = editions.authorization.counters
    assert part.is_part_of(whole)
    for event, before, taken in told(editions, events):
        if event.kind not in ("order", "fill"):
            continue
        asked = trade(event, life(editions, event, before).edition.counting, before)
        assert isinstance(asked, Trade)
        now = Situation(asked, before, taken.position)
        for sum_ in ("shares", "shares_after", "amount", "amount_after"):
            less, more = (TABLE[f"counters.{name}.{sum_}"].of(now) for name in ("one", "two"))
            if isinstance(less, int | Fraction) and isinstance(more, int | Fraction):
                assert less <= more


@pytest.mark.slow
@settings(max_examples=60)
@given(counters(), st.lists(varied(), min_size=2, max_size=8))
def test_model_has_every_event_of_counters(
    declared: list[Declared], events: list[tuple[Draft, bool]]
) -> None:
    """What the engine finds of any event by counters is in the model of a proof."""
    editions = rule_file(declared, "deny")
    refinement = Refinement(editions)
    for event, before, _ in told(editions, events):
        refinement.check(event, before)


@pytest.mark.parametrize(
    ("rule", "is_warned"),
    [
        ("require: day.executed_shares + trade.shares <= 9 shares", True),
        ("require: program.executed_amount <= JPY 9, effect: review, at: order", True),
        ("require: day.executed_shares_after <= 9 shares, at: fill", False),
        ("require: day.executed_shares_after <= 9 shares, effect: flag", False),
        ("require: day.executed_shares_after <= program.shares_after", False),
        ("require: day.shares_after <= 9 shares", False),
    ],
)
def test_limit_by_what_was_executed_alone_is_a_gap(rule: str, is_warned: bool) -> None:
    """Two open orders can pass such a limit together; `lint` names the sum that counts both."""
    editions = load_text(f"{OPEN_RULES}  - {{id: day, {rule}}}\n".encode(), "day.yaml")
    said = [
        problem.what
        for problem in lint_findings(editions)
        if "by what was executed" in problem.what
    ]
    assert len(said) == is_warned


def test_position_shows_what_counters_have_counted(tmp_path: Path) -> None:
    """Each declared counter has a line, and its figures in JSON."""
    text = OPEN_RULES.replace("rules:\n", "counters:\n  north: {brokers: [north]}\nrules:\n")
    text += "  - {id: north, require: counters.north.shares_after <= 10 shares}\n"
    (tmp_path / "r.yaml").write_text(text, encoding="utf-8")
    events = [order("a", 3), order("b", 2, broker="south"), order("c", 8)]
    lines = (msgspec.json.encode(msgspec.to_builtins(one)) for one in events)
    (tmp_path / "e.jsonl").write_bytes(b"\n".join(lines))
    journal = ("--journal", "j.db")
    sent = run("submit", "e.jsonl", "--rules", "r.yaml", "--one-person", *journal, cwd=tmp_path)
    assert sent.code == 1
    (north,) = run("position", *journal, "--json", cwd=tmp_path).json["counters"]
    told = {"shares": "3", "amount": "30", "orders": 1, "messages": 2, "open_orders": 1}
    assert told.items() <= north.items()
    assert "north" in run("position", *journal, cwd=tmp_path).out


# -- sessions -------------------------------------------------------------------------------------

# Tokyo was closed on 2008-11-24, the Monday after the sessions of the 20th and the 21st.
SESSIONS: Final = [
    ("2008-11-20", 1, "2008-11-20"),
    ("2008-11-25", 3, "2008-11-20"),
    ("2008-11-25", 2, "2008-11-21"),
    # On a day without a session, they are those before it.
    ("2008-11-24", 2, "2008-11-20"),
    ("2008-11-23", 1, "2008-11-21"),
]


@pytest.mark.parametrize(("day", "many", "first"), SESSIONS)
def test_windows_of_sessions_leave_out_days_without_one(day: str, many: int, first: str) -> None:
    """The window of a day begins with the first of so many sessions until then."""
    counter = Counter("one", per=Per("session", many)).parts([("common", "XTKS")])[0]
    begin = counter.begin(When(date.fromisoformat(day)))
    assert begin == date.fromisoformat(first).toordinal()


def test_window_of_sessions_is_the_widest_of_its_venues() -> None:
    """New York had a session on the day on which Tokyo had none, and none on Thanksgiving."""
    listed = [("common", "XTKS"), ("ads", "XNAS")]
    both = Counter("one", per=Per("session", 2)).parts(listed)[0]
    apart = Counter("one", per=Per("session", 2), each=("venue",)).parts(listed)
    days = [When(date(2008, 11, 25)), When(date(2008, 11, 28))]
    begins = [[date.fromordinal(of.begin(day) or 1) for day in days] for of in (both, *apart)]
    assert begins == [
        [date(2008, 11, 21), date(2008, 11, 26)],
        [date(2008, 11, 21), date(2008, 11, 27)],
        [date(2008, 11, 24), date(2008, 11, 26)],
    ]


def test_increase_of_an_order_is_ordered_and_a_cancel_is_not_taken_back() -> None:
    """What was ordered grows by each increase, and by a fill that no order of the day covers."""
    day, later = on("2008-11-17"), on("2008-11-18")
    lasts: dict[str, Any] = {"expires": date(2008, 11, 20)}
    asked = (
        order("a", 4, **day, **lasts),
        Event(kind="replace", id="r", order="a", quantity=6, **day),
        Event(kind="replaced", id="s", order="a", **day),
        Event(kind="cancel", id="c", order="a", **day),
        order("b", 5, **day),
        order("d", 4, **day, **lasts),
        # On another day, its fill is ordered anew.
        Event(kind="fill", id="f", order="d", quantity=3, **later),
        order("e", 8, **later),
        order("g", 7, **later),
    )
    expected = [
        *("approved", "approved", "recorded", "recorded", "denied", "approved"),
        *("approved", "denied", "approved"),
    ]
    assert outcomes("per: day", "ordered_shares_after <= 10 shares", *asked) == expected


def test_limit_on_sessions_skips_a_holiday() -> None:
    """What was bought two sessions ago no longer counts on the third, whatever lies between."""
    one = on("2008-11-20")
    bought = Event(kind="fill", id="f", symbol="9999", venue="XTKS", side="buy", quantity=10,
                   price=10, method="auction", broker="north", **one)  # fmt: skip
    asked = [order(f"o{day}", 1, **on(f"2008-11-{day}")) for day in (21, 25)]
    venue = ", venues: [XTKS]"
    assert outcomes(f"per: 2 sessions{venue}", CAP, bought, *asked)[1:] == ["denied", "approved"]
    assert outcomes(f"per: 3 sessions{venue}", CAP, bought, *asked)[1:] == ["denied", "denied"]
    assert outcomes(f"per: session{venue}", CAP, bought, *asked)[1:] == ["approved", "approved"]


def test_sessions_that_no_table_has_are_told() -> None:
    """A window of sessions of a venue without a table could never be decided."""
    text = OPEN_RULES.replace("rules:\n", "counters:\n  one: {per: 5 sessions}\nrules:\n")
    with pytest.raises(RuleFileError, match="no table has the sessions of `BATS`"):
        load_text(text.encode(), "one.yaml")


# -- what is counted apart ------------------------------------------------------------------------


def test_each_instrument_and_venue_is_counted_apart() -> None:
    """A cap on each venue leaves the others alone, and one on each instrument does, too."""
    day = on("2008-11-17")
    ads: dict[str, Any] = {"symbol": "ACME", "fx": 100, "price": 1}
    asked = (
        order("a", 6, **day),
        order("b", 24, **day, **ads, venue="XNAS"),
        order("c", 24, **day, **ads, venue="BATS"),
        order("d", 5, **day),
    )
    expected = {
        "per: day, each: [instrument, venue]": ["approved", "approved", "approved", "denied"],
        "per: day, each: [venue]": ["approved", "approved", "approved", "denied"],
        "per: day, each: [instrument]": ["approved", "approved", "denied", "denied"],
        "per: day": ["approved", "denied", "denied", "denied"],
        "per: day, each: [instrument], instruments: [ads]": [
            "approved", "approved", "denied", "approved",
        ],
    }  # fmt: skip
    assert {of: outcomes(of, CAP, *asked) for of in expected} == expected


def test_order_that_several_venues_can_fill_counts_at_each() -> None:
    """Whichever fills it, no venue passes its cap."""
    ads: dict[str, Any] = {"symbol": "ACME", "fx": 100, "price": 1, **on("2008-11-17")}
    asked = (
        order("a", 24, **ads, venue=None, venues=("XNAS", "BATS")),
        order("b", 20, **ads, venue="BATS"),
        order("c", 16, **ads, venue="XNAS"),
    )
    assert outcomes("per: day, each: [venue]", CAP, *asked) == ["approved", "denied", "approved"]


# -- what was brought forward ---------------------------------------------------------------------


def test_what_was_brought_forward_is_of_days_before_the_first() -> None:
    """It counts in each period that has the day of the first event, but not on that day itself."""
    brought = Event(kind="brought_forward", id="b", shares=Fraction(10), amount=Fraction(100))
    asked = order("a", 1, **on("2008-11-17"))
    later = order("c", 1, **on("2008-12-01"))
    expected = {
        "per: day": ["recorded", "approved", "approved"],
        # What is denied moves no day: the first event is that of December.
        "per: month": ["recorded", "denied", "denied"],
        "per: 12 months": ["recorded", "denied", "denied"],
        "from: 2008-11-16": ["recorded", "denied", "denied"],
        "until: 2008-11-16": ["recorded", "approved", "approved"],
        "until: 2008-12-31": ["recorded", "denied", "denied"],
    }
    assert {of: outcomes(of, CAP, brought, asked, later) for of in expected} == expected
    dated = structs.replace(brought, date=date(2008, 11, 17))
    assert outcomes("per: day", CAP, dated, asked, later) == ["recorded", "denied", "approved"]


def test_what_moves_no_day_does_not_date_what_was_brought_forward() -> None:
    """An order that is denied, or a halt, may name any day; the purchases need not be before it."""
    brought = Event(kind="brought_forward", id="b", shares=Fraction(10), amount=Fraction(100))
    early = order("a", 11, **on("2006-11-17"))
    halted = Event(kind="halt", id="h", by="ann", reason="check", **on("2006-11-17"))
    lifted = Event(kind="resume", id="l", by="bob", reason="done", **on("2006-11-18"))
    asked = order("c", 1, **on("2008-11-17"))
    told = outcomes("per: 12 months", CAP, brought, early, halted, lifted, asked)
    assert (told[1], told[-1]) == ("denied", "denied")


@pytest.mark.parametrize(
    ("per", "within"),
    [
        ("", [20, True]),
        # No table has the sessions of BATS, and a day alone shows no second.
        (", per: 2 sessions", [20, True]),
        (", per: 10 seconds", [None, None]),
    ],
)
def test_part_outside_the_scope_counts_nothing(per: str, within: list[object]) -> None:
    """Of a venue that a counter leaves out, it has no sum, and not that of the other venues."""
    text = OPEN_RULES.replace(
        "rules:\n", f"counters:\n  one: {{venues: [XNAS], each: [venue]{per}}}\nrules:\n"
    )
    text += "  - {id: own, require: counters.one.shares + trade.shares <= 30}\n"
    editions = load_text(text.encode(), "one.yaml")
    position = counting(Position(), kept_by(editions))
    ads: dict[str, Any] = {"symbol": "ACME", "fx": 100, "price": 1, **on("2008-11-17")}
    position = decided(editions, order("a", 80, **ads, venue="XNAS"), position).position
    found = {}
    for venue in ("XNAS", "BATS"):
        proposed = trade(
            order("b", 4, **ads, venue=venue),
            life(editions, order("b", 4, **ads), position).edition.counting,
            position,
        )
        assert isinstance(proposed, Trade)
        now = Situation(proposed, position, position)
        found[venue] = [TABLE[f"counters.one.{of}"].of(now) for of in ("shares", "applies")]
    assert found == {"XNAS": within, "BATS": [0, False]}


def test_what_was_ordered_before_an_adoption_is_unknown_in_its_periods() -> None:
    """An order that was lowered since is not remembered as it was; later periods are known."""
    text = OPEN_RULES.replace("rules:\n", "counters:\n  one: {per: day}\nrules:\n")
    text += "  - {id: own, require: counters.one.ordered_shares_after <= 10 shares}\n"
    before, after = (load_text(one.encode(), "one.yaml") for one in (OPEN_RULES, text))
    position = counting(Position(), kept_by(before))
    asked = (
        order("a", 9, **on("2008-11-17")),
        Event(kind="replace", id="r", order="a", quantity=1, **on("2008-11-17")),
        Event(kind="replaced", id="s", order="a", **on("2008-11-17")),
    )
    for event in asked:
        position = decided(before, event, position).position
    position = counting(position, kept_by(after))
    told = [
        decided(after, order("c", 5, **on(day)), position).decision
        for day in ("2008-11-17", "2008-11-18")
    ]
    assert [one.outcome for one in told] == ["denied", "approved"]
    assert [one.result for one in told[0].findings if one.rule == "own"] == ["indeterminate"]


def test_cap_on_what_was_ordered_is_proved_at_the_approval() -> None:
    """Its fill on another day is ordered anew, so the sum itself can pass the cap."""
    text = OPEN_RULES.replace("rules:\n", "counters:\n  one: {per: day}\nrules:\n")
    text += "  - {id: ordered, require: counters.one.ordered_shares_after <= 10 shares}\n"
    text += "  - {id: bought, require: counters.one.shares_after <= 10 shares}\n"
    editions = load_text(text.encode(), "one.yaml")
    found = {
        one.claim.rule: sentence_of(one.claim, editions.authorization)
        for one in held(proved(editions, time.monotonic_ns), editions.authorization)
    }
    assert "at most 10 shares, at the approval" in found["ordered"]
    assert "at the approval" not in found["bought"]


@pytest.mark.parametrize("per", ["10 seconds", "2 days"])
def test_window_long_ago_is_found_among_few_parts(per: str) -> None:
    """A late fill asks for a window with years after it, of which few have anything."""
    (counter,) = rule_file([Declared("one", 5, per=per)]).authorization.counters
    uses, first = Uses(counter), 63_000_000_000_000_000
    for number in (first, first + 400 * DAY):
        when = When(date(2008, 11, 17) + timedelta((number - first) // DAY), number)
        uses = uses.with_done(when, Sum(messages=1))
    found = uses.of(When(date(2008, 11, 17), first))
    assert found is not None
    assert found.messages == 2


@pytest.mark.parametrize(
    ("declared", "days"),
    [
        # Another clock can show the day after already.
        ("per: day", {"2008-11-16": 0, "2008-11-17": 9, "2008-11-18": 9, "2008-11-19": 0}),
        ("per: month", {"2008-10-31": 0, "2008-11-03": 9, "2008-12-01": 0}),
        ("per: 12 months", {"2008-11-17": 9, "2009-11-17": 9, "2009-11-18": 0}),
        # It may have been in a span that is over, and in none that is to come.
        ("until: 2008-11-10", {"2008-11-10": 9}),
        ("from: 2008-11-19", {"2008-11-19": 0}),
    ],
)
def test_what_is_remembered_no_more_counts_where_it_may_have_been(
    declared: str, days: dict[str, int]
) -> None:
    """A new counter holds what was paid or bought on an unknown day until the latest one."""
    text = OPEN_RULES.replace("rules:\n", f"counters:\n  one: {{{declared}}}\nrules:\n")
    text += "  - {id: own, require: counters.one.amount_after <= JPY 10}\n"
    editions = load_text(text.encode(), "one.yaml")
    past = structs.replace(Position(), executed_amount=9, started=True, today=date(2008, 11, 17))
    uses = counting(past, kept_by(editions)).counters["one"]
    found = {day: uses.of(When(date.fromisoformat(day))) for day in days}
    assert {day: one.amount for day, one in found.items() if one is not None} == days
