"""What a program has used: events reckoned as trades, and the fold of events to a position."""

from repurchase.ledger.fold import after, arrived, brought_forward, day, refused, settled
from repurchase.ledger.orders import Order, OrderState, Terms
from repurchase.ledger.position import (
    FILLS_REMEMBERED,
    Counted,
    Day,
    DayKey,
    Fills,
    Position,
)
from repurchase.ledger.trades import Fault, Trade, day_of, raises, trade

__all__ = [
    "FILLS_REMEMBERED",
    "Counted",
    "Day",
    "DayKey",
    "Fault",
    "Fills",
    "Order",
    "OrderState",
    "Position",
    "Terms",
    "Trade",
    "after",
    "arrived",
    "brought_forward",
    "day",
    "day_of",
    "raises",
    "refused",
    "settled",
    "trade",
]
