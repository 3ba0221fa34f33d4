"""Facts of counters: each counter that a rule file declares has the same few, by its name.

A fact's name alone says what it is, so that none has to be carried about: what its counter counts
is in the position.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date
from functools import lru_cache
from typing import Final, NamedTuple

from repurchase.domain.counters import Counter, When, day_over, part_names
from repurchase.domain.quantities import COUNT, FLAG, SHARES, Dimension, Exact
from repurchase.facts.domains import COUNTED, YES_OR_NO, ZERO_OR_MORE
from repurchase.facts.fact import Fact, Situation, Value
from repurchase.facts.trade import PROGRAM_MONEY
from repurchase.ledger.counters import Span, Sum, Uses, is_in_scope, is_unknown
from repurchase.ledger.position import Position
from repurchase.ledger.trades import Trade

FAMILY: Final = "counters"
# Some counters were facts of the day once: rule files may keep their former names.
_FORMER: Final = re.compile(r"day\.([a-z_]+?)_((?:ordered_)?shares(?:_after)?)")
_MANY: Final = 1 << 10
_READ_BY: Final = ("symbol", "venue", "method", "broker")
_QUANTITY: Final = ("quantity",)
_MONEY: Final = ("quantity", "price", "amount", "fx", "fees")


class _Figure(NamedTuple):
    """A figure of each counter: its dimension, the event fields that give it, and what it reads.

    Sentences call it *short* before a value.
    """

    dimension: Dimension
    given_by: tuple[str, ...]
    short: str
    meaning: str
    of: Callable[[Sum], Exact | None]


def _brokers(found: Sum) -> int | None:
    return None if is_unknown(found.brokers) else len(found.brokers)


_FIGURES: Final[dict[str, _Figure]] = {
    "shares": _Figure(
        SHARES,
        _QUANTITY,
        "shares bought and on order",
        "shares bought and on order",
        lambda of: of.shares,
    ),
    "amount": _Figure(
        PROGRAM_MONEY,
        _MONEY,
        "money spent and on order",
        "money spent and on order",
        lambda of: of.amount,
    ),
    "ordered_shares": _Figure(
        SHARES,
        _QUANTITY,
        "shares ordered",
        "shares ordered, including cancelled ones, and shares filled without an order",
        lambda of: of.ordered_shares,
    ),
    "orders": _Figure(COUNT, (), "orders", "orders approved", lambda of: of.orders),
    "messages": _Figure(
        COUNT, (), "messages", "orders, replaces and cancels requested", lambda of: of.messages
    ),
    "cancels": _Figure(COUNT, (), "cancels requested", "cancels requested", lambda of: of.cancels),
    "open_orders": _Figure(
        COUNT, (), "open orders", "orders that can still fill", lambda of: of.open_orders
    ),
    "brokers": _Figure(COUNT, (), "brokers", "different brokers used", _brokers),
}
_MOMENTS: Final[dict[str, tuple[str, Callable[[Situation], Position]]]] = {
    "": ("before this event", lambda now: now.before),
    "_after": ("if this event is accepted", lambda now: now.after),
}
APPLIES: Final = "applies"
# What each counter counts, and each of its facts.
FIGURES: Final = tuple(_FIGURES)
NAMES: Final = (*(f"{name}{suffix}" for name in FIGURES for suffix in _MOMENTS), APPLIES)


def present(name: str) -> str:
    """Return the present name of the fact *name*, if that may be the former name of a counter."""
    former = _FORMER.fullmatch(name)
    return name if former is None else f"{FAMILY}.day_{former[1]}.{former[2]}"


def facts_of(counter: str) -> tuple[str, ...]:
    """Return the names of the facts of *counter*."""
    return tuple(f"{FAMILY}.{counter}.{name}" for name in NAMES)


def counter_of(fact: str) -> str | None:
    """Return the name of the counter whose fact *fact* is; `None` if it is not of a counter."""
    family, _, rest = fact.partition(".")
    return rest.rpartition(".")[0] if family == FAMILY else None


@lru_cache(_MANY)
def counter_fact(name: str) -> Fact:
    """Return the fact *name*; raise KeyError if it is none of a counter."""
    counter, of = counter_of(name), name.rpartition(".")[2]
    if not counter or of not in NAMES:
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
    figure = _FIGURES[of.removesuffix(suffix)]
    moment, position = _MOMENTS[suffix]
    is_count = figure.dimension == COUNT
    return Fact(
        name,
        figure.dimension,
        COUNTED if is_count else ZERO_OR_MORE,
        f"{figure.meaning} that the counter `{counter}` counts, {moment}",
        f"{figure.short} in `{counter}`" + ("" if suffix else " before this event"),
        lambda now: (
            figure_of(position(now), now.trade, counter, of.removesuffix(suffix))
            if not of.endswith("shares_after") or now.adds_known_shares
            else None
        ),
        (*_READ_BY, *figure.given_by),
        f"{name} <= "
        + ("50" if is_count else f"terms.max_{of.removesuffix(suffix).split('_')[-1]}"),
    )


def _applies(now: Situation, name: str) -> Value | None:
    uses = uses_of(now.after, now.trade, name)
    return None if uses is None else applies(uses.counter, now.trade)


def uses_of(position: Position, trade: Trade, name: str) -> Uses | None:
    """Return what the counter *name* holds, or its part for the listing of *trade*."""
    found = position.counters.get(name)
    if found is not None or trade.listing is None:
        return found
    names = part_names(name, trade.listing.instrument, trade.listing.venue)
    return next((uses for one in names if (uses := position.counters.get(one))), None)


def figure_of(position: Position, trade: Trade, name: str, figure: str) -> Exact | None:
    """Return the *figure* that the counter *name* has for *trade* at *position*; `None` if unknown.

    It is the largest in any period that *trade* can touch.
    """
    uses = uses_of(position, trade, name)
    if uses is None:
        return None
    if not _is_said(uses.counter, trade) and applies(uses.counter, trade) is None:
        return None
    span = span_of(uses.counter, trade)
    if span is None or not _is_known(position, uses, figure, span[0]):
        return None
    most = uses.most(uses.counter.within(*span) or span)
    return None if most is None else _FIGURES[figure].of(most)


def known_of(position: Position, uses: Uses, figure: str, when: When) -> tuple[Exact, bool] | None:
    """Return what is known of the *figure* in the period of *when*, and whether that is all of it.

    Return `None` if the period is forgotten, or does not show.
    """
    found = uses.of(when)
    if found is None:
        return None
    if figure == "brokers":
        unknown = is_unknown(found.brokers)
        return len(found.brokers) - unknown, not unknown
    return _FIGURES[figure].of(found) or 0, _is_known(position, uses, figure, when)


def _is_known(position: Position, uses: Uses, figure: str, when: When) -> bool:
    """Return whether nothing leaves the *figure* unknown in the period of *when*."""
    if figure == "ordered_shares" and not uses.knows_ordered(when):
        return False
    if figure.endswith("shares"):
        return not position.unknown_shares
    return figure != "amount" or position.used_amount() is not None


def applies(counter: Counter, trade: Trade) -> bool | None:
    """Return whether *counter* counts *trade*; `None` if the trade does not say what it asks."""
    days = _days(counter, trade)
    if days is not None and counter.within(When(days[0]), When(days[1])) is None:
        return False
    listings = () if trade.listing is None else (trade.listing,)
    found = is_in_scope(counter, trade.event, listings)
    is_known = days is not None and not (counter.is_short and trade.event.time is None)
    return found if is_known or found is False else None


def _is_said(counter: Counter, trade: Trade) -> bool:
    """Return whether *trade* says all that the scope and the periods of *counter* ask."""
    event = trade.event
    return (
        trade.listing is not None
        and trade.venue_date is not None
        and not (counter.methods and event.method is None)
        and not (counter.brokers and event.broker is None)
        and not (event.time is None and counter.is_short)
    )


def span_of(counter: Counter, trade: Trade) -> Span | None:
    """Return when *trade* begins and ends, on the clock of *counter*; `None` if unknown."""
    days = _days(counter, trade)
    if days is None:
        return None
    first = counter.when(days[0], trade.event.time)
    return first, first if trade.is_fill else day_over(days[1])


def _days(counter: Counter, trade: Trade) -> tuple[date, date] | None:
    """Return the first and the last day of *trade* on the clock of *counter*; `None` if unknown."""
    if counter.zone is not None:
        return trade.date, trade.last_date
    if trade.venue_date is None or trade.venue_last_date is None:
        return None
    return trade.venue_date, trade.venue_last_date
