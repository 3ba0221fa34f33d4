"""Facts of the program: what it has executed and reserved, before this event and after it."""

from __future__ import annotations

from typing import Final

from repurchase.domain.quantities import SHARES
from repurchase.facts.fact import Fact
from repurchase.facts.trade import PROGRAM_MONEY

_SHARES: Final = ("symbol", "venue", "quantity")
_AMOUNT: Final = (*_SHARES, "price", "amount", "fx", "fees")

FACTS: Final = (
    Fact(
        "program.executed_shares",
        SHARES,
        "shares bought so far",
        lambda now: now.before.known_executed_shares(),
        _SHARES,
        "program.executed_shares <= 90% * terms.max_shares",
    ),
    Fact(
        "program.reserved_shares",
        SHARES,
        "shares that open orders may still buy",
        lambda now: now.before.reserved_shares,
        _SHARES,
        "program.reserved_shares + trade.shares <= 2,000 shares",
    ),
    Fact(
        "program.shares",
        SHARES,
        "executed and reserved shares, before this event",
        lambda now: now.before.used_shares(),
        _SHARES,
        "program.shares < terms.max_shares",
    ),
    Fact(
        "program.shares_after",
        SHARES,
        "executed and reserved shares, were this event accepted",
        lambda now: now.after.used_shares(),
        _SHARES,
        "program.shares_after <= terms.max_shares",
    ),
    Fact(
        "program.executed_amount",
        PROGRAM_MONEY,
        "money spent so far",
        lambda now: now.before.known_executed_amount(),
        _AMOUNT,
        "program.executed_amount <= 90% * terms.max_amount",
    ),
    Fact(
        "program.reserved_amount",
        PROGRAM_MONEY,
        "money that open orders may still spend",
        lambda now: now.before.known_reserved_amount(),
        _AMOUNT,
        "program.reserved_amount + trade.amount <= 10% * terms.max_amount",
    ),
    Fact(
        "program.amount",
        PROGRAM_MONEY,
        "executed and reserved money, before this event",
        lambda now: now.before.used_amount(),
        _AMOUNT,
        "program.amount < terms.max_amount",
    ),
    Fact(
        "program.amount_after",
        PROGRAM_MONEY,
        "executed and reserved money, were this event accepted",
        lambda now: now.after.used_amount(),
        _AMOUNT,
        "program.amount_after <= terms.max_amount",
    ),
)
