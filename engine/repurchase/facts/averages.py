"""Facts of averages: each average that a rule file or a pack declares is one, by its name.

A name alone does not say what its average measures. `average_fact` with a declaration does; without
one, it gives the fact as any reader of events knows it: a number that is not below zero.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Final

from repurchase.domain.averages import ALL, LAST_PRICE, LISTING, Average, Before, Of, Without
from repurchase.domain.quantities import PRICE, SHARES, Dimension
from repurchase.facts.domains import ABOVE_ZERO, ZERO_OR_MORE
from repurchase.facts.fact import Fact, Situation, Value
from repurchase.facts.outside import supplied
from repurchase.facts.trade import PROGRAM_MONEY

FAMILY: Final = "averages"
# The length of a name, so that no event makes one of its own length.
_NAME: Final = "[a-z][a-z0-9_]{0,199}"
_NAMED: Final = re.compile(rf"{FAMILY}\.{_NAME}")
# Averages were facts of the market once: rule files and events may keep their former names.
_FORMER: Final = re.compile(r"market\.((?:adv|amv|avg)_[a-z0-9_]{1,196})")
_MANY: Final = 1 << 10
# What matches the name of an average, and a former one.
NAMES: Final = rf"{_NAMED.pattern}|{_FORMER.pattern}"

# The dimension of what is measured, and what it is called.
_MEASURED: Final[Mapping[Of, tuple[Dimension, str]]] = {
    "volume": (SHARES, "volume"),
    "turnover": (PROGRAM_MONEY, "turnover"),
    "close": (PRICE, "closing price"),
    "high": (PRICE, "highest price"),
    "mid": (PRICE, "middle price at the close"),
    "vwap": (PRICE, "price, weighted by volume,"),
    "last_price": (PRICE, "last price"),
}
_BEFORE: Final[Mapping[Before, str]] = {
    "trade": "the trade",
    "announced": "the announcement",
    "resolved": "the resolution",
    "date": "the date",
}
_VENUES: Final[Mapping[str | None, str]] = {
    None: "at the venue of the event",
    LISTING: "at the first venue of the instrument",
    ALL: "at all venues of the instrument",
}
_WITHOUT: Final[Mapping[Without, str]] = {
    "off_auction": "what was traded off the auction",
    "own": "what the issuer bought",
}
_EXAMPLES: Final = {
    SHARES: "trade.shares <= 25% * {}",
    PRICE: "trade.price <= 105% * {}",
    PROGRAM_MONEY: "trade.amount <= 25% * {}",
}


@lru_cache(_MANY)
def is_average(name: str) -> bool:
    """Return whether the fact or event field *name* is an average, by its name or its former."""
    return bool(_NAMED.fullmatch(name) or _FORMER.fullmatch(name))


@lru_cache(_MANY)
def present(name: str) -> str:
    """Return the present name of the fact *name*, if that is the former name of an average."""
    former = _FORMER.fullmatch(name)
    return name if former is None else f"{FAMILY}.{former[1]}"


def average_of(fact: str) -> str | None:
    """Return the name of the average that *fact* is; `None` if it is not one."""
    family, _, name = fact.partition(".")
    return name if family == FAMILY else None


def meaning(average: Average) -> str:
    """Return a phrase that says what *average* measures."""
    venue = _VENUES.get(average.venue, f"at {average.venue}")
    if average.of == LAST_PRICE:
        return f"last price {str(average.over).removesuffix(' ago')} before the trade, {venue}"
    per = "" if average.per == "session" else f" a {average.per}"
    unit, over = average.over.unit, str(average.over).removeprefix("1 ")
    of = unit.removeprefix("calendar ") if unit.startswith("calendar") else "day"
    day = "" if average.day is None else f" ({average.day})"
    before = f"the {of} of {_BEFORE[average.before]}{day}"
    without = " and ".join(_WITHOUT[one] for one in average.without)
    return f"average {_MEASURED[average.of][1]}{per} of the {over} before {before}, {venue}" + (
        f", without {without}" if without else ""
    )


def dimension_of(average: Average) -> Dimension:
    """Return the dimension of *average*."""
    return _MEASURED[average.of][0]


@lru_cache(_MANY)
def average_fact(name: str, average: Average | None = None) -> Fact:
    """Return the fact *name*, declared as *average*; raise KeyError if it is none of an average."""
    if not _NAMED.fullmatch(name):
        raise KeyError(name)
    own = name.partition(".")[2]
    dimension = SHARES if average is None else dimension_of(average)
    domain = ABOVE_ZERO if dimension == PRICE else ZERO_OR_MORE
    of = supplied(name)

    def within(now: Situation) -> Value | None:
        # An event states a number, and whether it can be one of this average shows only here.
        value = of(now)
        return None if domain is ABOVE_ZERO and value == 0 else value

    return Fact(
        name,
        dimension,
        domain,
        f"average `{own}` of a rule file or a pack" if average is None else meaning(average),
        f"the average `{own}`",
        within if average is not None else of,
        (name,),
        _EXAMPLES[dimension].format(name),
    )
