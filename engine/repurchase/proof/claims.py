"""The properties to prove: what must hold of every approved request, whatever happened before."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal, NamedTuple

from repurchase.domain.quantities import Exact
from repurchase.rulebook.editions import Edition


class Bound(NamedTuple):
    """A condition of a property: *fact* is known, and within *limit* or equal to that word."""

    fact: str
    operator: Literal["<=", ">=", "=="]
    limit: Exact | str


# Each property by its name, with its bounds. A limit that a term gives is the name of that term.
CLAIMS: Final[Mapping[str, tuple[Bound, ...]]] = {
    "shares": (Bound("program.shares_after", "<=", "terms.max_shares"),),
    "amount": (Bound("program.amount_after", "<=", "terms.max_amount"),),
    "window": (
        Bound("trade.date", ">=", "terms.first_day"),
        Bound("trade.last_date", "<=", "terms.last_day"),
    ),
    "window-at-venue": (
        Bound("trade.venue_date", ">=", "terms.first_day"),
        Bound("trade.venue_last_date", "<=", "terms.last_day"),
    ),
    "buys": (Bound("trade.side", "==", "buy"),),
}


def claims(edition: Edition) -> dict[str, tuple[Bound, ...]]:
    """Return the properties to prove of *edition*, by name, with bounds from its terms."""
    found = {
        name: tuple(_resolved(bound, edition) for bound in bounds)
        for name, bounds in CLAIMS.items()
    }
    return {
        name: tuple(bound for bound in bounds if bound is not None)
        for name, bounds in found.items()
        if any(bounds)
    }


def _resolved(bound: Bound, edition: Edition) -> Bound | None:
    """Return *bound* with the value of its term; `None` if the term has no value in force."""
    if bound.operator == "==":
        return bound
    value = edition.constants.terms.get(str(bound.limit))
    return None if value is None else bound._replace(limit=value)


def window(edition: Edition) -> tuple[Exact | None, Exact | None]:
    """Return the first and last day of *edition*'s window as day numbers; `None` if it has none."""
    terms = edition.constants.terms
    return terms.get("terms.first_day"), terms.get("terms.last_day")
