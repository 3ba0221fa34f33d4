"""The editions that judge an event: of a request, all in which what it asks for can still fill.

An approval holds for an order's whole life, from the request to the last moment at which it can
fill. Each edition in force in that time judges the request, as known when it was made. While other
orders are open for longer, the caps of their days must hold with this request, too: its fills
come before theirs.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Final
from zoneinfo import ZoneInfo

import msgspec

from repurchase.domain.calendars import day_at
from repurchase.domain.decisions import Decision, Finding
from repurchase.domain.events import Event
from repurchase.domain.terms import CountingRules
from repurchase.ledger.position import Position
from repurchase.ledger.trades import Trade, trade
from repurchase.rulebook.caps import Of
from repurchase.rulebook.editions import Edition, Editions

_REQUESTS: Final = frozenset(("order", "replace", "release"))
_NONE: Final[frozenset[Of]] = frozenset()


class Later(msgspec.Struct, frozen=True):
    """An edition that comes into force on *day*, while a request or another order can still fill.

    *is_own* is whether the request itself can; otherwise only the caps of the edition bind it.
    """

    day: date
    edition: Edition
    is_own: bool = True


class Life(msgspec.Struct, frozen=True):
    """The *edition* of an event's own moment, and those *later* ones that judge it with that.

    *limited* says which of shares and amount the file ever caps for the whole program: then it must
    on each day.
    """

    edition: Edition
    later: tuple[Later, ...] = ()
    limited: frozenset[Of] = _NONE

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


def life(editions: Editions, event: Event, position: Position) -> Life:
    """Return the editions that judge *event* at *position*, as known at its moment.

    Raise RuleFileError if one of them does not compile.
    """
    edition = editions.of(event, position)
    alone = Life(edition, (), editions.limited())
    if event.kind not in _REQUESTS:
        return alone
    day = editions.day_of(event)
    end = _end(event, day, position, editions.zone)
    if editions.is_own_settled(day) and editions.is_settled(day, end):
        return alone
    asked = trade(event, edition.counting, position)
    # A fault denies a request before any rule is asked.
    return life_of(asked, edition, editions, position) if isinstance(asked, Trade) else alone


def life_of(asked: Trade, edition: Edition, editions: Editions, position: Position) -> Life:
    """Return the editions that judge the request *asked* at *position*, its own *edition* first."""
    later = _later(editions, asked, edition, position)
    return Life(edition, tuple(later), editions.limited())


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


def _later(editions: Editions, asked: Trade, edition: Edition, position: Position) -> list[Later]:
    listing, order = asked.listing, asked.order
    if listing is None or order is None or asked.venue_date is None:
        return []
    last = max(one.last_date for one in order.in_play())
    venue_last = max(one.venue_last_date or one.last_date for one in order.in_play())
    begin, end = (asked.date, asked.venue_date), (last, venue_last)
    found: dict[str, Later] = {}
    for turn in editions.later(begin, end, listing.zone, asked.date):
        found.setdefault(turn.edition.hash, Later(*turn))
    if not editions.is_own_settled(last):
        others = (of for one in position.orders.values() if one.is_open for of in one.in_play())
        latest = max((terms.last_date for terms in others), default=last)
        # Only the file's own caps bind then, and these go by its own clock.
        for turn in editions.later((last, last), (latest, latest), editions.zone, asked.date):
            found.setdefault(turn.edition.hash, Later(*turn, is_own=False))
    return [one for name, one in found.items() if name != edition.hash]
