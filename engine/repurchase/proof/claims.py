"""What must hold of every request that is approved, whatever came before."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal, NamedTuple

from repurchase.domain.quantities import Exact
from repurchase.rulebook.editions import Edition


class Bound(NamedTuple):
    """That a *fact* is known and within a *limit*, or is a word."""

    fact: str
    operator: Literal["<=", ">=", "=="]
    limit: Exact | str


# Each claim, and the bounds that it consists of: by the name of a term those that terms give.
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
    """Return the claims of *edition*, with the bounds of the terms that it has."""
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
    """Return *bound* with the value of its term, `None` while no value is in force."""
    if bound.operator == "==":
        return bound
    value = edition.constants.terms.get(str(bound.limit))
    return None if value is None else bound._replace(limit=value)


def window(edition: Edition) -> tuple[Exact | None, Exact | None]:
    """Return the first and the last day that *edition* has, counted; `None` if it has none."""
    terms = edition.constants.terms
    return terms.get("terms.first_day"), terms.get("terms.last_day")
