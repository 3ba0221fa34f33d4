"""The periods of all editions that can judge a request: on its day, and on later days of its life.

A request is judged by all editions of its life as known on its own day. A version or a rule that
becomes known later is not among them. So on one day, an edition that was foreseen can judge
besides the one that is in force by then.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta

import msgspec
from msgspec.structs import replace

from repurchase.rulebook.editions import Edition, Editions
from repurchase.rulebook.periods import Period, periods


class Judging(msgspec.Struct, frozen=True):
    """A *period* with the edition that judges requests which can fill in it.

    *known* are the first and the last day on which such a request can be made; `None` if the
    edition is that which is in force on the days of the period as known on each.
    """

    period: Period
    known: tuple[date, date] | None = None

    @property
    def edition(self) -> Edition:
        """Return the edition of the period."""
        return self.period.editions[0]


def judging(editions: Editions) -> Iterator[Judging]:
    """Yield each period of *editions*: first those as known on their days, then those foreseen.

    A foreseen edition that is in force on any day, as known on that day, is not yielded again.
    """
    in_force = [Judging(period) for period in periods(editions)]
    yield from in_force
    if editions.known_at is not None:
        return
    seen = {one.edition.hash for one in in_force}
    days = editions.knowledge_days()
    for first, after in zip(days, [*days[1:], None], strict=True):
        last = date.max if after is None else after - timedelta(1)
        then = Editions(editions.authorization, first, like=editions)
        for period in periods(then):
            if period.last > first and period.editions[0].hash not in seen:
                ahead = replace(period, first=max(period.first, first))
                yield Judging(ahead, (first, min(last, period.last)))
