"""The nouns of an authorization: figures and when they hold, terms, instruments, sources."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Final, TypeVar
from zoneinfo import ZoneInfo

import msgspec

from repurchase.domain.quantities import DATE, SHARES, Dimension, Exact, money

# The names that an authorization may give a figure to without a rule that reads it.
CAPS: Final = ("max_shares", "max_amount")
WINDOW: Final = ("first_day", "last_day")
KNOWN_TERMS: Final = (*CAPS, *WINDOW, "shares_outstanding", "treasury_shares", "trading_unit")


class Source(msgspec.Struct, frozen=True):
    """A document that the rule file quotes; it stays with its owner, pinned by its hash."""

    name: str
    title: str
    sha256: str | None = None
    url: str | None = None


class Quote(msgspec.Struct, frozen=True):
    """Words of a source, and the part of them that says the figure where it is spelt out."""

    text: str
    figure: str | None = None
    source: str | None = None
    line: int = 0
    column: int = 0


class Validity(msgspec.Struct, frozen=True):
    """When something holds, both days included, and the day on which it became public."""

    first: date | None = None
    last: date | None = None
    known: date | None = None

    def holds(self, day: date, known_at: date) -> bool:
        """Return whether it holds on *day*, as known at *known_at*."""
        return (
            (self.first is None or self.first <= day)
            and (self.last is None or day <= self.last)
            and (self.known is None or self.known <= known_at)
        )


class Figure(msgspec.Struct, frozen=True):
    """A value with its dimension; days count from 0001-01-01, times from midnight in seconds."""

    value: Exact
    dimension: Dimension


class Version(msgspec.Struct, frozen=True):
    """One figure of a term or a ratio, with the days on which it holds and its words.

    *stated* is the figure as its words have it where *figure* is counted from it: 400 for 1/400.
    """

    figure: Figure
    validity: Validity = Validity()
    quote: Quote | None = None
    stated: Figure | None = None
    cite: str | None = None


class Term(msgspec.Struct, frozen=True):
    """A figure of the authorization; it has several versions where it was amended."""

    name: str
    dimension: Dimension
    versions: tuple[Version, ...]
    line: int = 0
    column: int = 0


class Instrument(msgspec.Struct, frozen=True):
    """A class of security that may be bought; *shares_each* is ordinary shares a unit."""

    name: str
    symbol: str
    venues: tuple[str, ...]
    currency: str
    shares_each: tuple[Version, ...]
    fx_margin: Exact = 0


class Listing(msgspec.Struct, frozen=True):
    """An instrument on one venue, as it stands on one day."""

    instrument: str
    symbol: str
    venue: str
    zone: ZoneInfo
    currency: str
    shares_each: Exact
    fx_margin: Exact


class CountingRules(msgspec.Struct, frozen=True):
    """How the shares, the money and the days of an event are counted on one day.

    *listings* is keyed by symbol and venue, and by symbol and `None` where it has one venue.
    *dated* are the instruments that are another number of shares on another day.
    """

    zone: ZoneInfo
    currency: str
    with_fees: bool
    listings: Mapping[tuple[str, str | None], Listing]
    dated: frozenset[str] = frozenset()


V = TypeVar("V", bound=Version)


def in_force(versions: Sequence[V], day: date, known_at: date) -> V | None:
    """Return the version that holds on *day* as known at *known_at*: the one known last."""
    holding = [version for version in versions if version.validity.holds(day, known_at)]
    return max(holding, key=lambda version: version.validity.known or date.min, default=None)


def known_dimensions(currency: str) -> dict[str, Dimension]:
    """Return the dimension that each known term must have in a program in *currency*."""
    return {
        **dict.fromkeys(KNOWN_TERMS, SHARES),
        **dict.fromkeys(WINDOW, DATE),
        "max_amount": money(currency),
    }
