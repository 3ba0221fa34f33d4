"""An order as it stands: its terms, what was asked of it since, and the worst case it reserves."""

from __future__ import annotations

import datetime
from typing import Final, Literal

import msgspec
from msgspec.structs import replace

from repurchase.events import Event
from repurchase.quantities import Exact
from repurchase.terms import Listing

OrderState = Literal["open", "held", "denied", "filled", "cancelled", "expired", "rejected"]


class Terms(msgspec.Struct, frozen=True, gc=False):
    """What an order may buy and at most cost.

    *event* is the order as these terms have it, *price* what bounds it (instrument's currency);
    one unit is *shares_each* ordinary shares and
    costs at most *amount_each* (program currency, margin included); *fees* are the most they may
    be, 0 where they do not count. What cannot be computed is `None`.
    """

    event: Event
    listing: Listing | None
    quantity: int
    shares_each: Exact
    price: Exact | None
    fx: Exact | None
    amount_each: Exact | None
    fees: Exact | None
    last_date: datetime.date
    venue_last_date: datetime.date | None

    @property
    def shares(self) -> Exact:
        """Return the ordinary-share equivalents of all of it."""
        return self.quantity * self.shares_each


class Order(msgspec.Struct, frozen=True, gc=False):
    """An order as it stands; only an open one reserves.

    *asked* are the terms of a replace that the venue has not answered: until then either may
    hold. *held* is the order as a replace that waits for its release has it. *reserved_shares* and
    *reserved_money* (program currency, without *fees_left*) are its worst case.
    """

    terms: Terms
    state: OrderState
    filled: int = 0
    fees_used: Exact = 0
    asked: Terms | None = None
    held: Event | None = None
    reserved_shares: Exact = 0
    reserved_money: Exact | None = 0
    fees_left: Exact | None = 0

    @property
    def is_open(self) -> bool:
        """Return whether it can still fill."""
        return self.state == "open"

    @property
    def reserved_amount(self) -> Exact | None:
        """Return the program currency that it may still use; `None` where that is unbounded."""
        if self.reserved_money is None or self.fees_left is None:
            return None
        return self.reserved_money + self.fees_left

    @property
    def open_quantity(self) -> int:
        """Return the most units that it may still fill."""
        return max(terms.quantity for terms in self.in_play()) - self.filled if self.is_open else 0

    @property
    def fees_lent(self) -> Exact | None:
        """Return the fees of a fill that does not say its own, `None` where they are not known.

        What is closed has set its fees free, unless nothing of it was ever open.
        """
        if self.state in ("held", "denied"):
            return self.terms.fees
        return self.fees_left if self.is_open else None

    def lent(self) -> Event:
        """Return the order as a fill takes from it what it does not say itself, at the worst.

        That is the higher price and rate of two terms, and no price of a market order.
        """
        own = self.terms
        if self.asked is None:
            return own.event if own.price == own.event.price else replace(own.event, price=None)
        price = _highest(own.price, self.asked.price)
        return replace(own.event, price=price, fx=_highest(own.event.fx, self.asked.event.fx))

    def in_play(self) -> tuple[Terms, ...]:
        """Return the terms that may hold at the venue: one or, while a replace is pending, two."""
        return (self.terms,) if self.asked is None else (self.terms, self.asked)


_NOTHING: Final = (0, 0, 0)


def opened(terms: Terms) -> Order:
    """Return the order of *terms*, open and unfilled."""
    return standing(Order(terms, "open"))


def closed(order: Order, state: OrderState) -> Order:
    """Return *order* once nothing more of it can fill."""
    return standing(replace(order, state=state, asked=None, held=None))


def after_fill(order: Order, quantity: int, fees: Exact | None) -> Order:
    """Return the open *order* once *quantity* more of it has filled for *fees*."""
    filled = order.filled + quantity
    done = all(filled >= terms.quantity for terms in order.in_play())
    return standing(
        Order(
            order.terms,
            "filled" if done else "open",
            filled,
            order.fees_used + (fees or 0),
            None if done else order.asked,
            None if done else order.held,
        )
    )


def standing(order: Order) -> Order:
    """Return *order* with what it reserves: the most that it can come to, whatever the venue does.

    While a replace is pending, the old terms may fill up to any part before the new ones hold for
    the rest. What that costs is largest at one of the ends.
    """
    shares, money, fees = _worst(order) if order.is_open else _NOTHING
    return Order(
        order.terms,
        order.state,
        order.filled,
        order.fees_used,
        order.asked,
        order.held,
        shares,
        money,
        fees,
    )


def _worst(order: Order) -> tuple[Exact, Exact | None, Exact | None]:
    old, new = order.terms, order.asked
    rest = max(old.quantity - order.filled, 0)
    shares, money = rest * old.shares_each, _times(rest, old.amount_each)
    fees = old.fees
    if new is not None:
        new_rest = max(new.quantity - order.filled, 0)
        both = min(rest, new_rest)
        shares = _mixed(shares, both * old.shares_each, both, new_rest, new.shares_each)
        if money is None or new.amount_each is None or old.amount_each is None:
            money = None
        else:
            money = _mixed(money, both * old.amount_each, both, new_rest, new.amount_each)
        fees = None if fees is None or new.fees is None else max(fees, new.fees)
    return shares, money, None if fees is None else max(fees - order.fees_used, 0)


def _mixed(old: Exact, part: Exact, both: int, rest: int, each: Exact) -> Exact:
    """Return the most of: all by the *old* terms, all by the new, the old *part* and then new."""
    return max(old, rest * each, part + (rest - both) * each)


def _highest(one: Exact | None, other: Exact | None) -> Exact | None:
    return None if one is None or other is None else max(one, other)


def _times(quantity: int, each: Exact | None) -> Exact | None:
    return None if each is None else quantity * each
