"""Facts of counters: each counter that a rule file declares has the same few, by its name.

A fact's name alone says what it is, so that none has to be carried about: what its counter counts
is in the position.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Final

from repurchase.domain.counters import Counter
from repurchase.domain.quantities import FLAG, SHARES, Dimension, Exact
from repurchase.facts.domains import YES_OR_NO, ZERO_OR_MORE
from repurchase.facts.fact import Fact, Situation, Value
from repurchase.facts.trade import PROGRAM_MONEY
from repurchase.ledger.counters import Days, Sum, is_in_scope
from repurchase.ledger.position import Position
from repurchase.ledger.trades import Trade

FAMILY: Final = "counters"
_MANY: Final = 1 << 10
_READ_BY: Final = ("symbol", "venue", "method", "broker")

# The name of a sum, its dimension, the event fields that give it, and what it reads.
_SUMS: Final[dict[str, tuple[Dimension, tuple[str, ...], str]]] = {
    "shares": (SHARES, ("quantity",), "shares bought and on order"),
    "amount": (
        PROGRAM_MONEY,
        ("quantity", "price", "amount", "fx", "fees"),
        "money spent and on order",
    ),
}
_MOMENTS: Final[dict[str, tuple[str, Callable[[Situation], Position]]]] = {
    "": ("before this event", lambda now: now.before),
    "_after": ("if this event is accepted", lambda now: now.after),
}
APPLIES: Final = "applies"
# What each counter has.
SUMS: Final = (*(f"{name}{suffix}" for name in _SUMS for suffix in _MOMENTS), APPLIES)


def facts_of(counter: str) -> tuple[str, ...]:
    """Return the names of the facts of *counter*."""
    return tuple(f"{FAMILY}.{counter}.{name}" for name in SUMS)


def counter_of(fact: str) -> str | None:
    """Return the name of the counter whose fact *fact* is; `None` if it is not of a counter."""
    family, _, rest = fact.partition(".")
    return rest.rpartition(".")[0] if family == FAMILY else None


@lru_cache(_MANY)
def counter_fact(name: str) -> Fact:
    """Return the fact *name*; raise KeyError if it is none of a counter."""
    counter, of = counter_of(name), name.rpartition(".")[2]
    if not counter or of not in SUMS:
        raise KeyError(name)
    if of == APPLIES:
        return Fact(
            name,
            FLAG,
            YES_OR_NO,
            f"whether the counter `{counter}` counts this event",
            f"whether `{counter}` counts it",
            lambda now: _applies(now, counter),
            _READ_BY,
            f"{name} and trade.side == buy",
        )
    suffix = "_after" if of.endswith("_after") else ""
    sum_ = of.removesuffix(suffix)
    dimension, given_by, said = _SUMS[sum_]
    moment, position = _MOMENTS[suffix]
    return Fact(
        name,
        dimension,
        ZERO_OR_MORE,
        f"{said} that the counter `{counter}` counts, {moment}",
        f"{said} by `{counter}`" + ("" if suffix else " before this event"),
        lambda now: _sum(position(now), now.trade, counter, sum_),
        (*_READ_BY, *given_by),
        f"{name} <= terms.max_{sum_}",
    )


def _applies(now: Situation, name: str) -> Value | None:
    uses = now.after.counters.get(name)
    return None if uses is None else applies(uses.counter, now.trade)


def _sum(position: Position, trade: Trade, name: str, sum_: str) -> Exact | None:
    uses = position.counters.get(name)
    if uses is None or applies(uses.counter, trade) is None:
        return None
    if position.unknown_shares if sum_ == "shares" else position.used_amount() is None:
        return None
    days = _days(uses.counter, trade)
    if days is None:
        return None
    counted = uses.counter.within(*days)
    most: Sum = uses.most(days if counted is None else counted)
    return most.shares if sum_ == "shares" else most.amount


def applies(counter: Counter, trade: Trade) -> bool | None:
    """Return whether *counter* counts *trade*; `None` if the trade does not say what it asks."""
    days = _days(counter, trade)
    if days is not None and counter.within(*days) is None:
        return False
    listings = () if trade.listing is None else (trade.listing,)
    found = is_in_scope(counter, trade.event, listings)
    return None if days is None and found is not False else found


def _days(counter: Counter, trade: Trade) -> Days | None:
    """Return the first and the last day of *trade* on the clock of *counter*; `None` if unknown."""
    if counter.zone is not None:
        return trade.date, trade.last_date
    if trade.venue_date is None or trade.venue_last_date is None:
        return None
    return trade.venue_date, trade.venue_last_date
