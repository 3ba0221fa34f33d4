"""The figures of a log that people reconcile: by day, week or month, by venue and by instrument.

Fills count on the venue's own day; a bust or a correct changes the day of the fill that it is
about. Memory grows with the groups, not with the fills: only what a bust can still take back is
kept apart.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from datetime import date
from typing import Final

import msgspec

from repurchase.domain.errors import Problem, UsageError
from repurchase.domain.events import Event
from repurchase.domain.quantities import Exact, quotient
from repurchase.ledger.changes import changed
from repurchase.ledger.position import Counted, Fills, Position
from repurchase.ledger.trades import contract_of, price_of
from repurchase.rulebook.editions import Edition, Editions

CAPITAL: Final = "terms.shares_outstanding"

# What a group is called by one part of its key; `None` if a fill does not tell.
Name = str | None
Key = tuple[Name, ...]


def _week(day: date) -> str:
    year, week, _ = day.isocalendar()
    return f"{year:04d}-W{week:02d}"


def _venue(fill: Counted) -> Name:
    return fill.event.venue if fill.listing is None else fill.listing.venue


_PERIODS: Final[dict[str, Callable[[date], str]]] = {
    "day": date.isoformat,
    "week": _week,
    "month": lambda day: f"{day:%Y-%m}",
}
_OTHERS: Final[dict[str, Callable[[Counted], Name]]] = {
    "venue": _venue,
    "instrument": lambda fill: None if fill.listing is None else fill.listing.instrument,
}
PARTS: Final = (*_PERIODS, *_OTHERS)


class Basis(msgspec.Struct, frozen=True):
    """What prices must share to be compared: the instrument, its currency, and its ratio."""

    instrument: str
    currency: str
    shares_each: Exact


class Prices(msgspec.Struct, frozen=True):
    """Prices of one unit, in *currency*: the volume-weighted average, the highest, the lowest."""

    currency: str
    average: Exact
    high: Exact
    low: Exact


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """What the fills of one group came to, and the program with them.

    *shares* are ordinary-share equivalents, *amount* is in program currency; each is `None` if it
    is unknown of one fill. *prices* are `None` if a price is unknown, or if the fills are of
    several instruments. The *cumulative* sums are those of all rows up to this one, and of what was
    brought forward. *max_shares*, *max_amount* and *capital* are the tightest caps and the shares
    outstanding on the last day of the group; `None` if there are none.
    """

    key: Key
    trades: int
    shares: Exact | None
    amount: Exact | None
    prices: Prices | None
    cumulative_shares: Exact | None
    cumulative_amount: Exact | None
    max_shares: Exact | None
    max_amount: Exact | None
    capital: Exact | None


class Figures(msgspec.Struct, frozen=True):
    """The figures of a log by *parts*: a row a group, in order, and the *total* of all rows.

    *currency* is the program's. *forward_shares* and *forward_amount* were executed before the log
    began.
    """

    parts: tuple[str, ...]
    currency: str
    forward_shares: Exact
    forward_amount: Exact
    rows: tuple[Row, ...]
    total: Row


def parts_of(text: str) -> tuple[str, ...]:
    """Return the parts that *text* names, such as `day,venue`, with the period first.

    Raise UsageError for an unknown part, one that is named twice, or two periods.
    """
    parts = [part.strip() for part in text.split(",")]
    unknown = next((part for part in parts if part not in PARTS), None)
    hint = "write day, week or month, venue, instrument, or several of them with commas"
    if unknown is not None:
        raise UsageError(Problem(f"`{unknown}` is not what figures are grouped by", hint))
    if len({*parts}) < len(parts):
        raise UsageError(Problem(f"`{text}` names a part twice", "name it once"))
    if sum(part in _PERIODS for part in parts) > 1:
        raise UsageError(Problem(f"`{text}` names two periods", "name one of day, week, month"))
    return tuple(sorted(parts, key=lambda part: part not in _PERIODS))


class _Group:
    """The sums of one group's fills; of the latest of them, also each price."""

    def __init__(self) -> None:
        self.trades = 0
        self.shares: Exact = 0
        self.amount: Exact = 0
        self.units = 0
        self.cost: Exact = 0
        # How many fills have unknown shares, an unknown amount, an unknown price.
        self.unknown = [0, 0, 0]
        self.bases: Counter[Basis | None] = Counter()
        self.last_day = date.min
        self._latest: Counter[Exact] = Counter()
        self._ends: tuple[Exact, Exact] | None = None

    def add(self, fill: Counted, sign: int) -> None:
        """Count *fill*, or take it back if *sign* is -1."""
        price = price_of(fill.event)
        self.trades += sign
        self.shares += sign * (fill.shares or 0)
        self.amount += sign * (fill.amount or 0)
        for at, value in enumerate((fill.shares, fill.amount, price)):
            self.unknown[at] += sign * (value is None)
        self.bases[_basis(fill)] += sign
        self.last_day = max(self.last_day, fill.date)
        if price is not None:
            self.units += sign * (fill.event.quantity or 0)
            self.cost += sign * (contract_of(fill.event) or 0)
            self._latest[price] += sign

    def settle(self, fill: Counted) -> None:
        """Keep of the price of *fill*, which no bust takes back any more, only what it is worth."""
        price = price_of(fill.event)
        if price is None:
            return
        self._latest[price] -= 1
        if not self._latest[price]:
            del self._latest[price]
        self._ends = _spread((price, *(self._ends or ())))

    def include(self, ends: tuple[Exact, Exact] | None) -> None:
        """Count the lowest and the highest price *ends* of another group, if it has them."""
        self._ends = _spread((*(ends or ()), *(self._ends or ())))

    @property
    def ends(self) -> tuple[Exact, Exact] | None:
        """Return the lowest and the highest price; `None` if there is none."""
        return _spread((*+self._latest, *(self._ends or ())))

    @property
    def prices(self) -> Prices | None:
        """Return the prices of its fills; `None` if one is unknown, or if they do not compare."""
        bases = [*+self.bases]
        ends, basis = self.ends, bases[0] if len(bases) == 1 else None
        if self.unknown[2] or basis is None or ends is None:
            return None
        return Prices(basis.currency, quotient(self.cost, self.units), ends[1], ends[0])


def _spread(prices: Iterable[Exact]) -> tuple[Exact, Exact] | None:
    kept = tuple(prices)
    return (min(kept), max(kept)) if kept else None


def _basis(fill: Counted) -> Basis | None:
    of = fill.listing
    return None if of is None else Basis(of.instrument, of.currency, of.shares_each)


class Grouping:
    """The figures of a log so far, by *parts*."""

    def __init__(self, parts: tuple[str, ...]) -> None:
        self.parts = parts
        self._groups: dict[Key, _Group] = {}
        self._forward: tuple[Exact, Exact] = (0, 0)

    def add(self, event: Event, before: Position, after: Position) -> None:
        """Count what *event* changed from the position *before* it to the one *after* it."""
        if event.kind in ("brought_forward", "prepaid"):
            # No fill has the money that is paid ahead.
            self._forward = (
                self._forward[0] + after.executed_shares - before.executed_shares,
                self._forward[1] + after.executed_amount - before.executed_amount,
            )
        known: Exact = 0
        for fill, sign in changed(event, before, after):
            self._group(fill).add(fill, sign)
            known += sign * (fill.shares or 0)
        if event.kind == "split":
            # What no remembered fill executed, such as what was brought forward, follows too.
            more = after.executed_shares - before.executed_shares - known
            self._forward = (self._forward[0] + more, self._forward[1])
        if after.fills.older is not before.fills.older:
            for fill in _forgotten(before.fills, after.fills):
                self._group(fill).settle(fill)

    def figures(self, editions: Editions, now: Edition) -> Figures:
        """Return the figures, with the caps of *editions*; the total has those of *now*."""
        shares, amount = self._forward
        sums: tuple[Exact | None, Exact | None] = self._forward
        rows, whole = [], _Group()
        for key in sorted(self._groups, key=_order):
            group = self._groups[key]
            if group.trades:
                row = _row(key, group, sums, editions.on(group.last_day))
                rows.append(row)
                sums = row.cumulative_shares, row.cumulative_amount
        for group in self._groups.values():
            _merge(whole, group)
        total = _row((), whole, self._forward, now)
        currency = editions.authorization.currency
        return Figures(self.parts, currency, shares, amount, tuple(rows), total)

    def _group(self, fill: Counted) -> _Group:
        key = tuple(_name(part, fill) for part in self.parts)
        return self._groups.setdefault(key, _Group())


def _forgotten(before: Fills, after: Fills) -> Iterator[Counted]:
    """Yield the fills that count and that the position no longer remembers."""
    for name, fill in before.older.items():
        if not fill.settled and name not in after.older:
            yield fill


def _name(part: str, fill: Counted) -> Name:
    period = _PERIODS.get(part)
    return _OTHERS[part](fill) if period is None else period(fill.venue_date or fill.date)


def _order(key: Key) -> list[tuple[bool, str]]:
    """Return what sorts the groups by the parts of their keys, the unknown ones last."""
    return [(name is None, name or "") for name in key]


def _merge(whole: _Group, group: _Group) -> None:
    """Add the sums of *group* to those of the *whole*."""
    whole.trades += group.trades
    whole.shares += group.shares
    whole.amount += group.amount
    whole.units += group.units
    whole.cost += group.cost
    whole.unknown = [one + other for one, other in zip(whole.unknown, group.unknown, strict=True)]
    whole.bases.update(group.bases)
    whole.include(group.ends)


def _row(
    key: Key, group: _Group, before: tuple[Exact | None, Exact | None], edition: Edition
) -> Row:
    """Return the row of *group*, after the cumulative sums *before* it."""
    shares = None if group.unknown[0] else group.shares
    amount = None if group.unknown[1] else group.amount
    capital = edition.terms.get(CAPITAL)
    return Row(
        key=key,
        trades=group.trades,
        shares=shares,
        amount=amount,
        prices=group.prices,
        cumulative_shares=_sum(before[0], shares),
        cumulative_amount=_sum(before[1], amount),
        max_shares=edition.max_shares,
        max_amount=edition.max_amount,
        capital=None if capital is None else capital.figure.value,
    )


def _sum(one: Exact | None, other: Exact | None) -> Exact | None:
    return None if one is None or other is None else one + other
