"""What is known of the orders in a FIX log: their terms, their fills, and what a message says."""

from __future__ import annotations

import msgspec

from repurchase.domain.errors import Wrong
from repurchase.domain.quantities import Exact

Values = dict[str, object]
# The parties of an order, the desk first, and the desk's or the broker's name for something.
Key = tuple[str, str, str]


class Terms(msgspec.Struct, frozen=True, gc=False):
    """The quantity and the limit price of an order; without a price it is a market order."""

    quantity: Exact
    price: Exact | None


class Order(msgspec.Struct):
    """An order of the log: its event, its terms, and what its fills add up to.

    *asked* are the terms of each replace request without an answer. *value* is the sum of price
    times quantity; it is `None` once a report contradicted it. *unexplained* is by how much the
    broker's reports say more is filled than the log does. *taken* is what all fills took of the
    order: a bust does not give it back. *names* are all its ClOrdIDs, and *requests* are its
    replace requests by theirs.
    """

    event: Values
    terms: Terms
    day: str
    currency: str
    is_of_the_day: bool
    names: list[Key]
    asked: dict[str, Terms] = msgspec.field(default_factory=dict)
    requests: dict[str, Values] = msgspec.field(default_factory=dict)
    filled: Exact = 0
    unexplained: Exact = 0
    taken: Exact = 0
    value: Exact | None = 0
    is_closed: bool = False

    @property
    def id(self) -> str:
        """Return what events call it."""
        return str(self.event["id"])

    @property
    def quantities(self) -> list[Exact]:
        """Return its quantity, and those of the replace requests without an answer."""
        return [self.terms.quantity, *(terms.quantity for terms in self.asked.values())]

    def asks_for(self, name: str) -> bool:
        """Return whether *name* is the ClOrdID of the order or of one of its replace requests."""
        return name == self.names[0][-1] or name in self.requests

    def count(self, quantity: Exact, price: Exact) -> None:
        """Add a fill of *quantity* at *price*, or take one back if *quantity* is negative."""
        self.filled += quantity
        if self.value is not None:
            self.value += quantity * price


class Execution(msgspec.Struct, gc=False):
    """A fill, bust or correct as reported; nothing can name it again once it *is_settled*.

    *sum* is the CumQty (14) beside it. If it *hides* another one, that has the same ExecID and is
    of another day, but of the same order.
    """

    event: Values
    order: Order
    quantity: Exact
    price: Exact
    is_settled: bool
    sum: str = ""
    hides: bool = False


class Dispute(msgspec.Struct, frozen=True):
    """A fill that the desk disputes, by the message on *line*."""

    fill: Execution
    line: int


class Found(msgspec.Struct, frozen=True):
    """What a message says: its events, the order, and how it contradicts what came before.

    *lost* says that the order has other fills than the log, which a late message may still bring.
    *is_repeat* is true if the message says once more what another one said. *remarks* say what it
    holds that no event can have.
    """

    events: tuple[Values, ...] = ()
    order: Order | None = None
    differences: tuple[Wrong, ...] = ()
    lost: Wrong | None = None
    is_repeat: bool = False
    remarks: tuple[str, ...] = ()
