"""How much is used of the sums that a rule file watches, and which percentages are news.

Each percentage is sent once a period, whatever is taken back and used again. If the cap changes,
those below which the use falls can be sent again. A window has no period to be sent once in: what
falls below is sent again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date, datetime
from typing import Final

import msgspec
from msgspec.structs import replace

from repurchase.domain.calendars import day_at, zone
from repurchase.domain.counters import Counter
from repurchase.domain.events import Event
from repurchase.domain.quantities import Exact, quotient, written
from repurchase.facts.counters import known_of
from repurchase.journal.book import Book
from repurchase.ledger.position import Position
from repurchase.rulebook.caps import whole
from repurchase.rulebook.model import Authorization, Watched

_WHOLE: Final = 100
# More than there are days for which reports may be late.
_PERIODS_KEPT: Final = 400


class Use(msgspec.Struct, frozen=True, omit_defaults=True):
    """A use that reached *percent* of its *whole*, the cap; `None` if it became unknown.

    *name* is that of the sum, *part* the instrument or venue that its counter counts apart. *share*
    is what is *used* as a percentage of the whole. If not *is_known*, at least so much is used.
    """

    name: str
    used: str
    whole: str
    share: str
    is_known: bool
    percent: int | None = None
    part: str | None = None
    period: str | None = None


class Sent(msgspec.Struct, frozen=True):
    """The percentages of a *whole* that were sent; and that the use *is_unknown*, if it is."""

    whole: str
    percents: tuple[int, ...] = ()
    is_unknown: bool = False


# By the name of a sum with its part, and then by period.
History = Mapping[str, Mapping[str, Sent]]


class _Level(msgspec.Struct, frozen=True):
    """How much is *used* of a *whole*, in a *period* or in the window that ends with it."""

    used: Exact
    whole: Exact
    is_known: bool
    part: str | None = None
    period: str | None = None
    is_window: bool = False

    def sent_after(self, before: Sent, at: tuple[int, ...]) -> Sent:
        """Return what is sent of the percentages *at* once this level is, with that sent *before*.

        Those below which the use falls are kept, unless they can be sent again.
        """
        reached = (one for one in at if self.used * _WHOLE >= self.whole * one)
        all_of_it = written(self.whole)
        is_anew = self.is_window or before.whole != all_of_it
        percents = {*reached, *(() if is_anew else before.percents)}
        return Sent(all_of_it, tuple(sorted(percents)), not self.is_known)

    def use(self, name: str) -> Use:
        """Return this level of the sum *name* in words."""
        share = written(quotient(self.used * _WHOLE, self.whole))
        texts = written(self.used), written(self.whole), share
        return Use(name, *texts, self.is_known, part=self.part, period=self.period)


def news(book: Book, event: Event | None, sent: History) -> tuple[list[Use], History]:
    """Return what the last record of *book*, of *event*, makes news, and what is *sent* then."""
    found: list[Use] = []
    for name, at, level in _levels(book, event):
        place = name if level.part is None else f"{name} {level.part}"
        periods = sent.get(place, {})
        period = "" if level.is_window or level.period is None else level.period
        before = periods.get(period, Sent(written(level.whole)))
        after, use = level.sent_after(before, at), level.use(name)
        if after.is_unknown and not before.is_unknown:
            found.append(use)
        found += (replace(use, percent=one) for one in after.percents if one not in before.percents)
        if after != before:
            kept = [*{**periods, period: after}.items()][-_PERIODS_KEPT:]
            sent = {**sent, place: dict(kept)}
    return found, sent


def _levels(book: Book, event: Event | None) -> Iterator[tuple[str, tuple[int, ...], _Level]]:
    """Yield the sums that are watched, with their percentages, in the periods of *event*."""
    editions, position = book.editions, book.position
    if editions is None or not editions.authorization.notify:
        return
    day, time = position.today, None
    if event is not None:
        counted = position.fills.get(event.id)
        # A correction is of the day of the fill that it corrects.
        event = event if counted is None else counted.event
        day, time = editions.day_of(event), event.time
    # A split moves no day, but the caps of its day are in its units.
    splits = (one.day for one in position.splits)
    today = max(position.today if position.started else day, *splits, date.min)
    caps = editions.on(today, moment=time if day == today else None).caps
    for one in editions.authorization.notify:
        most = whole(caps, f"{one.name}_after")
        if most:
            for level in _each(one, most, position, editions.authorization, (day, time)):
                yield one.name, one.at, level


def _each(
    one: Watched,
    most: Exact,
    position: Position,
    authorization: Authorization,
    then: tuple[date, datetime | None],
) -> Iterator[_Level]:
    """Yield the levels of the sum *one*: of a counter, those of each part in the period of *then*.

    All of it is *most*.
    """
    _, *counter, figure = one.name.split(".")
    if not counter:
        used = getattr(position, f"executed_{figure}") + getattr(position, f"reserved_{figure}")
        total = position.used_shares() if figure == "shares" else position.used_amount()
        yield _Level(used, most, total is not None)
        return
    for part in authorization.parts():
        name, _, apart = part.name.partition(" ")
        uses = position.counters.get(part.name)
        if name != counter[0] or uses is None:
            continue
        for day in _days(part, authorization, *then):
            when = uses.latest(part.when(day, then[1]))
            known, number = known_of(position, uses, figure, when), part.period(when)
            if known is not None and number is not None:
                shown = part.shown(number)
                yield _Level(known[0], most, known[1], apart or None, shown, part.is_rolling)


def _days(
    part: Counter, authorization: Authorization, day: date, time: datetime | None
) -> list[date]:
    """Return *day*; if *part* has the clocks of the venues, the days at all of them at *time*."""
    if time is None or part.zone is not None:
        return [day]
    venues = {venue for one in authorization.instruments for venue in one.venues}
    return sorted({day_at(time, zone(authorization.zone_of(one))) for one in venues})
