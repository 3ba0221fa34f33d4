"""The editions that judge an event: of a request, all in which what it asks for can still fill.

An approval holds for an order's whole life, from the request to the last moment at which it can
fill. Each edition in force in that time judges the request, as known when it was made. While other
orders are open for longer, the caps of their days must hold with this request, too: its fills
come before theirs.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, datetime
from typing import Final
from zoneinfo import ZoneInfo

import msgspec
from msgspec.structs import replace

from repurchase.domain.calendars import day_at
from repurchase.domain.decisions import Decision, Finding
from repurchase.domain.events import Event
from repurchase.domain.terms import CountingRules
from repurchase.ledger.orders import Order
from repurchase.ledger.position import Position
from repurchase.ledger.trades import Trade, at_each_venue, trade
from repurchase.rulebook.caps import Of
from repurchase.rulebook.editions import Edition, Editions, Turn

_REQUESTS: Final = frozenset(("order", "replace", "release", "prepaid"))
_NONE: Final[frozenset[Of]] = frozenset()
_ANYWHERE: Final[frozenset[str]] = frozenset()


class Later(msgspec.Struct, frozen=True):
    """An edition that comes into force on *day*, while a request or another order can still fill.

    *is_own* is whether the request itself can; otherwise only the caps of the edition bind it. If
    the request names several venues, *venues* are those at which the edition judges it.
    """

    day: date
    edition: Edition
    is_own: bool = True
    venues: frozenset[str] = _ANYWHERE

    def is_at(self, there: Trade) -> bool:
        """Return whether this judges a request as it is *there*, at one of its venues."""
        return _is_at(self.venues, there)


class Life(msgspec.Struct, frozen=True):
    """The *edition* of an event's own moment, and those *later* ones that judge it with that.

    *limited* says which of shares and amount the file ever caps for the whole program: then it must
    on each day. If a request names several venues, *venues* are those at which *edition* judges it:
    at another it can be another day, with another edition.
    """

    edition: Edition
    later: tuple[Later, ...] = ()
    limited: frozenset[Of] = _NONE
    venues: frozenset[str] = _ANYWHERE

    def judges(self, views: Sequence[Trade]) -> Iterator[tuple[Later | None, Trade]]:
        """Yield each edition that judges a request, `None` for its own, with each of its *views*.

        They are the request as it is at each of its venues, the first one first.
        """
        yield from ((None, there) for there in views if _is_at(self.venues, there))
        for one in self.later:
            # Only the caps of the program bind what cannot fill then: they are the same everywhere.
            bound = views if one.is_own else views[:1]
            yield from ((one, there) for there in bound if one.is_at(there))

    def words_for(self, finding: Finding) -> Edition:
        """Return the edition that has the words for *finding*: that which made it."""
        if finding.since is None:
            return self.edition
        of_day = [one.edition for one in self.later if one.day == finding.since]
        # By the day at the venue, a second edition can come into force on one day.
        having = (one for one in of_day if any(rule.rule.id == finding.rule for rule in one.rules))
        return next(having, of_day[0] if of_day else self.edition)

    @property
    def hashes(self) -> tuple[str, ...]:
        """Return the hashes of the editions, that of the event's own moment first."""
        return (self.edition.hash, *(one.edition.hash for one in self.later))

    @property
    def counting(self) -> tuple[tuple[date, CountingRules], ...]:
        """Return how a unit counts later on, from each day on which that changes."""
        return tuple((one.day, one.edition.counting) for one in self.later if one.is_own)


def _is_at(venues: frozenset[str], there: Trade) -> bool:
    return not venues or there.listing is None or there.listing.venue in venues


def life(editions: Editions, event: Event, position: Position) -> Life:
    """Return the editions that judge *event* at *position*, as known at its moment.

    Raise RuleFileError if one of them does not compile.
    """
    edition = editions.of(event, position)
    alone = Life(edition, (), editions.limited())
    day = editions.day_of(event)
    if event.kind not in _REQUESTS:
        is_anytime = event.time is None and editions.has_minutes
        return _of_its_day(event, alone, editions, position) if is_anytime else alone
    end = _end(event, day, position, editions.zone)
    if editions.is_own_settled(day) and editions.is_settled(day, end):
        return alone
    asked = trade(event, edition.counting, position)
    # A fault denies a request before any rule is asked.
    return life_of(asked, edition, editions, position) if isinstance(asked, Trade) else alone


def _of_its_day(event: Event, alone: Life, editions: Editions, position: Position) -> Life:
    """Return *alone* with the editions of all parts of the day of *event*, which has no time."""
    happened = trade(event, alone.edition.counting, position)
    if not isinstance(happened, Trade) or happened.listing is None:
        return alone
    days = (happened.date, happened.venue_date or happened.date)
    turns = editions.later(days, days, happened.listing.zone, happened.date)
    found = {turn.edition.hash: Later(*turn) for turn in turns}
    found.pop(alone.edition.hash, None)
    return replace(alone, later=tuple(found.values()))


def life_of(asked: Trade, edition: Edition, editions: Editions, position: Position) -> Life:
    """Return the editions that judge the request *asked* at *position*, its own *edition* first."""
    found = _judging(editions, asked, edition, position)
    own = found.pop(edition.hash, None)
    venues = _ANYWHERE if own is None else own.venues
    return Life(edition, tuple(found.values()), editions.limited(), venues)


def _end(event: Event, day: date, position: Position, clock: ZoneInfo) -> date:
    """Return a day on *clock* after which nothing that *event* of *day* asks for can fill."""
    order = position.orders.get(event.order or "")
    asked = [event.expires]
    ends = [day]
    if order is not None:
        ends += (terms.last_date for terms in order.in_play())
        asked += () if order.held is None else (order.held.expires,)
    ends += (day_at(end, clock) if isinstance(end, datetime) else end for end in asked if end)
    return max(ends)


def life_then(editions: Editions, decision: Decision, day: date) -> Life:
    """Return the editions that made *decision* on an event of *day*, and have the words for it."""
    then = (Later(one.since, editions.named(one.edition, one.since)) for one in decision.editions)
    return Life(editions.named(decision.edition, day), tuple(then))


def _judging(
    editions: Editions, asked: Trade, edition: Edition, position: Position
) -> dict[str, Later]:
    """Return the editions in force while *asked*, or another open order, can fill, by their hash.

    That of the request's own moment may be among them.
    """
    order = asked.order
    if asked.listing is None or order is None:
        return {}
    found: dict[str, Later] = {}
    views = at_each_venue(asked, edition.counting)
    for there in views:
        for turn in _turns_at(there, order, edition, editions):
            one = found.setdefault(turn.edition.hash, Later(*turn))
            if len(views) > 1 and there.listing is not None:
                venues = one.venues | {there.listing.venue}
                found[turn.edition.hash] = replace(one, venues=venues)
    last = max(one.last_date for one in order.in_play())
    latest = max(position.open_until, default=last)
    # Within the last day, something can change only for another order that lasts as long.
    is_beside = any(day >= last for day in position.open_until) or not editions.has_minutes
    if is_beside and not editions.is_own_settled(last):
        # Only the file's own caps bind then, and these go by its own clock.
        for turn in editions.later((last, last), (latest, latest), editions.zone, asked.date):
            found.setdefault(turn.edition.hash, Later(*turn, is_own=False))
    return found


def _turns_at(there: Trade, order: Order, edition: Edition, editions: Editions) -> Iterator[Turn]:
    """Yield the editions in force while a request can fill as it is *there*, at one of its venues.

    If it names several, the first of them is that of its own moment there.
    """
    listing, day = there.listing, there.venue_date
    assert listing is not None, "each venue of a listed instrument lists it"
    assert day is not None, "a listed instrument has a clock"
    if order.terms.places:
        # It can be another day there, on which a pack has other limits.
        is_first = there.other_venue is None
        yield Turn(there.date, edition if is_first else editions.on(there.date, day))
    ends = [terms.end_at(listing.venue) for terms in order.in_play()]
    last = max(end for end, _ in ends)
    venue_last = max(there_end or end for end, there_end in ends)
    asked_until = [terms.event.expires for terms in order.in_play()]
    until = [one for one in asked_until if isinstance(one, datetime)]
    end = max(until) if len(until) == len(asked_until) else None
    days = ((there.date, day), (last, venue_last))
    yield from editions.later(*days, listing.zone, there.date, (there.event.time, end))
