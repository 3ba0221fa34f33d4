"""The data types of an authorization: dated figures, terms, instruments and sources."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Final, TypeVar
from zoneinfo import ZoneInfo

import msgspec

from repurchase.domain.quantities import DATE, SHARES, Dimension, Exact, money

# The terms that an authorization may state although no rule reads them.
CAPS: Final = ("max_shares", "max_amount")
WINDOW: Final = ("first_day", "last_day")
# The dates of the file itself, which rules can read as terms.
DATED: Final = ("resolved", "announced")
KNOWN_TERMS: Final = (*CAPS, *WINDOW, "shares_outstanding", "treasury_shares", "trading_unit")


# Ten sessions, over the longest holidays of a venue.
LATE_DAYS: Final = 28


class Source(msgspec.Struct, frozen=True):
    """A document that the rule file quotes. The user keeps it; *sha256* identifies it."""

    name: str
    title: str
    sha256: str | None = None
    url: str | None = None


class Quote(msgspec.Struct, frozen=True):
    """Words of a source, and the part of them that states the figure if it is spelled out."""

    text: str
    figure: str | None = None
    source: str | None = None
    line: int = 0
    column: int = 0


class Validity(msgspec.Struct, frozen=True):
    """The first and last day of validity, both included, and the day on which it became public.

    *hours* are a first moment and the moment after the last, if it is valid for part of a day only.
    """

    first: date | None = None
    last: date | None = None
    known: date | None = None
    hours: tuple[datetime, datetime] | None = None

    def holds(self, day: date, known_at: date, moment: datetime | None = None) -> bool:
        """Return whether this is in effect on *day*, at *moment* of it, as known on *known_at*.

        Without a *moment*, what is valid for part of a day only is not in effect.
        """
        return (
            self._has(moment)
            and (self.first is None or self.first <= day)
            and (self.last is None or day <= self.last)
            and (self.known is None or self.known <= known_at)
        )

    def _has(self, moment: datetime | None) -> bool:
        if self.hours is None:
            return True
        return moment is not None and self.hours[0] <= moment < self.hours[1]


class Figure(msgspec.Struct, frozen=True):
    """A value with its dimension; days are counted from 0001-01-01, times are in seconds."""

    value: Exact
    dimension: Dimension


class Version(msgspec.Struct, frozen=True):
    """One figure of a term or a ratio, with its days of validity and its source.

    *stated* is the figure as the source states it, if *figure* is computed from it: 400 for 1/400.
    *formula* is how the file computes it from other terms, if it does. *by* asked for it, and
    *approved_by*, another person, approved it, if the file says so.
    """

    figure: Figure
    validity: Validity = Validity()
    quote: Quote | None = None
    stated: Figure | None = None
    cite: str | None = None
    formula: str | None = None
    by: str | None = None
    approved_by: str | None = None


class Term(msgspec.Struct, frozen=True):
    """A figure of the authorization, or a limit of a pack; if amended, it has several versions."""

    name: str
    dimension: Dimension
    versions: tuple[Version, ...]
    line: int = 0
    column: int = 0


class Instrument(msgspec.Struct, frozen=True):
    """A class of security that may be bought; *shares_each* is its ordinary shares per unit.

    *fx_between* are the lowest and the highest `fx` that an event may state; `None` without bounds.
    *tick* is the step of its prices; there is no version if the file does not state it.
    """

    name: str
    symbol: str
    venues: tuple[str, ...]
    currency: str
    shares_each: tuple[Version, ...]
    fx_margin: Exact = 0
    fx_between: tuple[Exact, Exact] | None = None
    tick: tuple[Version, ...] = ()


class Listing(msgspec.Struct, frozen=True):
    """An instrument at one venue, as it is on one day."""

    instrument: str
    symbol: str
    venue: str
    zone: ZoneInfo
    currency: str
    shares_each: Exact
    fx_margin: Exact


class CountingRules(msgspec.Struct, frozen=True):
    """How the shares, the money and the days of an event are counted on one day.

    The keys of *listings* are symbol and venue, and also symbol and `None` if the symbol has only
    one venue. *dated* names the instruments whose ratio to ordinary shares changes over time.
    An order that has ended is kept for *late_days* more, since a venue may report on it late.
    """

    zone: ZoneInfo
    currency: str
    with_fees: bool
    listings: Mapping[tuple[str, str | None], Listing]
    dated: frozenset[str] = frozenset()
    late_days: int = LATE_DAYS


V = TypeVar("V", bound=Version)


def in_force(
    versions: Sequence[V], day: date, known_at: date, moment: datetime | None = None
) -> V | None:
    """Return the version in effect at *moment* of *day*, as known on *known_at*; `None` without.

    If several are in effect, the one for part of the day applies, or else the one with the latest
    `known` day. Without a *moment*, none for part of a day is in effect.
    """
    holding = [version for version in versions if version.validity.holds(day, known_at, moment)]
    return max(holding, key=_precedence, default=None)


def _precedence(version: Version) -> tuple[bool, date]:
    return version.validity.hours is not None, version.validity.known or date.min


def known_dimensions(currency: str) -> dict[str, Dimension]:
    """Return the dimension that each known term must have if the program is in *currency*."""
    return {
        **dict.fromkeys(KNOWN_TERMS, SHARES),
        **dict.fromkeys(WINDOW, DATE),
        "max_amount": money(currency),
    }
