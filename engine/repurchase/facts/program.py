"""Facts of the program: shares and money executed and reserved, before and after this event."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from repurchase.domain.quantities import SHARES, Dimension
from repurchase.facts.domains import ZERO_OR_MORE
from repurchase.facts.fact import Fact, Situation, Value
from repurchase.facts.trade import PROGRAM_MONEY

_SHARES: Final = ("symbol", "venue", "quantity")
_AMOUNT: Final = (*_SHARES, "price", "amount", "fx", "fees")


def _fact(
    name: str,
    dimension: Dimension,
    meaning: str,
    short: str,
    of: Callable[[Situation], Value | None],
    example: str,
) -> Fact:
    given_by = _SHARES if dimension == SHARES else _AMOUNT
    return Fact(name, dimension, ZERO_OR_MORE, meaning, short, of, given_by, example)


FACTS: Final = (
    _fact(
        "program.executed_shares",
        SHARES,
        "shares bought so far",
        "shares bought so far",
        lambda now: now.before.known_executed_shares(),
        "program.executed_shares <= 90% * terms.max_shares",
    ),
    _fact(
        "program.reserved_shares",
        SHARES,
        "shares that open orders may still buy, before this event",
        "shares on order before this event",
        lambda now: now.before.reserved_shares,
        "program.reserved_shares <= 2,000 shares",
    ),
    _fact(
        "program.reserved_shares_after",
        SHARES,
        "shares that open orders may still buy, if this event is accepted",
        "shares on order",
        lambda now: now.after.reserved_shares if now.adds_known_shares else None,
        "program.reserved_shares_after <= 2,000 shares",
    ),
    _fact(
        "program.shares",
        SHARES,
        "executed and reserved shares, before this event",
        "shares bought and on order before this event",
        lambda now: now.before.used_shares(),
        "program.shares < terms.max_shares",
    ),
    _fact(
        "program.shares_after",
        SHARES,
        "executed and reserved shares, if this event is accepted",
        "shares bought and on order",
        lambda now: now.after.used_shares() if now.adds_known_shares else None,
        "program.shares_after <= terms.max_shares",
    ),
    _fact(
        "program.executed_amount",
        PROGRAM_MONEY,
        "money spent so far",
        "money spent so far",
        lambda now: now.before.known_executed_amount(),
        "program.executed_amount <= 90% * terms.max_amount",
    ),
    _fact(
        "program.reserved_amount",
        PROGRAM_MONEY,
        "money that open orders may still spend, before this event",
        "money on order before this event",
        lambda now: now.before.known_reserved_amount(),
        "program.reserved_amount <= 10% * terms.max_amount",
    ),
    _fact(
        "program.reserved_amount_after",
        PROGRAM_MONEY,
        "money that open orders may still spend, if this event is accepted",
        "money on order",
        lambda now: now.after.known_reserved_amount(),
        "program.reserved_amount_after <= 10% * terms.max_amount",
    ),
    _fact(
        "program.amount",
        PROGRAM_MONEY,
        "executed and reserved money, before this event",
        "money spent and on order before this event",
        lambda now: now.before.used_amount(),
        "program.amount < terms.max_amount",
    ),
    _fact(
        "program.amount_after",
        PROGRAM_MONEY,
        "executed and reserved money, if this event is accepted",
        "money spent and on order",
        lambda now: now.after.used_amount(),
        "program.amount_after <= terms.max_amount",
    ),
)
