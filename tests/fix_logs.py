"""FIX logs for tests: what a desk and its broker send each other, with sums that are true.

`Wire` writes the messages of one session and keeps for each order what a broker would report.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Final

VERSIONS: Final = ("FIX.4.2", "FIX.4.4", "FIXT.1.1")
SOH: Final = b"\x01"
# The codes of what is executed: in 4.2 ExecTransType (20) and ExecType (150), later ExecType alone.
_OLD: Final = {"fill": ("0", "1"), "bust": ("1", "1"), "correct": ("2", "1")}
_NEW: Final = {"fill": "F", "bust": "H", "correct": "G"}
_OTHER: Final = {
    "new": "0",
    "cancelled": "4",
    "replaced": "5",
    "rejected": "8",
    "expired": "C",
    "done": "3",
    "pending": "E",
    "restated": "D",
    "status": "I",
}

# The tags of the header: `Wire.written` gives them anew.
_HEADER: Final = (34, 35, 43, 49, 52, 56)

Field = tuple[int, object]


def framed(version: str, fields: Iterable[Field]) -> bytes:
    """Return a message of *fields* with its length and checksum."""
    body = "".join(f"{tag}={value}\x01" for tag, value in fields)
    head = f"8={version}\x019={len(body.encode())}\x01{body}".encode()
    return head + f"10={sum(head) % 256:03d}\x01".encode()


@dataclass
class Sent:
    """An order at the broker: its names, terms and sums."""

    first: str
    quantity: int
    price: Decimal | None
    symbol: str = "ACME"
    side: str = "1"
    names: list[str] = field(default_factory=list)
    filled: int = 0
    value: Decimal = Decimal(0)
    is_over: bool = False
    fills: dict[str, tuple[int, Decimal]] = field(default_factory=dict)

    @property
    def left(self) -> int:
        """Return what may still fill."""
        return 0 if self.is_over else max(self.quantity - self.filled, 0)


class Wire:
    """One session between a desk and a broker, whose messages are in *sent*, in their order."""

    def __init__(
        self,
        version: str = "FIX.4.4",
        desk: str = "DESK",
        broker: str = "BROKER",
        start: datetime = datetime(2024, 3, 4, 9, 0, tzinfo=UTC),
        currency: str = "EUR",
    ) -> None:
        self.version = version
        self.desk, self.broker = desk, broker
        self.clock = start
        self.currency = currency
        self.next = {True: 1, False: 1}
        self.sent: list[bytes] = []
        self._executions = 0

    def send(self, kind: str, *fields: Field, by_desk: bool = True) -> bytes:
        """Send a message of *kind*, and return it."""
        self.clock += timedelta(milliseconds=250)
        message = self.written(kind, self.next[by_desk], fields, by_desk=by_desk)
        self.next[by_desk] += 1
        self.sent.append(message)
        return message

    def written(
        self, kind: str, number: int, fields: Iterable[Field], *, by_desk: bool, dup: bool = False
    ) -> bytes:
        """Return a message with its header."""
        sender, target = (self.desk, self.broker) if by_desk else (self.broker, self.desk)
        header: list[Field] = [(35, kind), (34, number), (49, sender), (56, target)]
        header += [(43, "Y")] if dup else []
        header += [(52, self.now())]
        return framed(self.version, [*header, *fields])

    def now(self) -> str:
        """Return the time as FIX writes it."""
        return self.clock.strftime("%Y%m%d-%H:%M:%S.%f")[:-3]

    def logon(self) -> None:
        """Begin the session, in both directions."""
        for by_desk in (True, False):
            self.send("A", (98, 0), (108, 30), by_desk=by_desk)

    def resend(self, message: bytes) -> None:
        """Send *message* again with its number, as PossDupFlag says."""
        fields = [part.split(b"=", 1) for part in message.split(SOH)[2:-2]]
        pairs: list[Field] = [(int(tag), text.decode()) for tag, text in fields]
        (_, kind), (_, number), (_, sender), *_ = pairs
        body = [pair for pair in pairs if pair[0] not in _HEADER]
        self.clock += timedelta(milliseconds=250)
        self.sent.append(
            self.written(str(kind), int(str(number)), body, by_desk=sender == self.desk, dup=True)
        )

    def order(
        self,
        name: str,
        quantity: int,
        price: Decimal | str | None,
        *more: Field,
        symbol: str = "ACME",
        side: str = "1",
    ) -> Sent:
        """Send an order, and return it as the broker keeps it."""
        limit = None if price is None else Decimal(price)
        made = Sent(name, quantity, limit, symbol, side, [name])
        terms = self._terms(quantity, limit)
        self.send(
            "D",
            *((11, name), (21, 1), (55, symbol), (54, side), (60, self.now()), *terms),
            *((15, self.currency), *more),
        )
        return made

    def replace(self, order: Sent, name: str, quantity: int, price: Decimal | str) -> None:
        """Ask for other terms of *order*."""
        fields: list[Field] = [(11, name), (41, order.names[-1]), (21, 1), (55, order.symbol)]
        fields += [(54, order.side), (60, self.now()), *self._terms(quantity, Decimal(price))]
        self.send("G", *fields)

    def cancel(self, order: Sent, name: str) -> None:
        """Ask for the end of *order*."""
        fields: list[Field] = [(11, name), (41, order.names[-1]), (55, order.symbol)]
        self.send("F", *fields, (54, order.side), (60, self.now()), (38, order.quantity))

    def refuse(self, order: Sent, name: str, of: str = "2") -> None:
        """Reject a request about *order*: a cancel (1) or a replace (2)."""
        names: list[Field] = [(37, f"X-{order.first}"), (11, name), (41, order.names[-1])]
        self.send("9", *names, (39, "1"), (434, of), by_desk=False)

    def fill(self, order: Sent, quantity: int, price: Decimal | str, *more: Field) -> str:
        """Report a fill, and return its ExecID."""
        price = Decimal(price)
        order.filled += quantity
        order.value += quantity * price
        name = self._execution()
        order.fills[name] = quantity, price
        self._report(order, "fill", name, [(32, quantity), (31, price), *more])
        return name

    def bust(self, order: Sent, fill: str, *more: Field) -> str:
        """Report that *fill* never happened."""
        quantity, price = order.fills.pop(fill)
        order.filled -= quantity
        order.value -= quantity * price
        name = self._execution()
        self._report(order, "bust", name, [(19, fill), *(more or [(32, quantity), (31, price)])])
        return name

    def correct(self, order: Sent, fill: str, quantity: int, price: Decimal | str) -> str:
        """Report that *fill* happened otherwise, and return the ExecID of what happened."""
        price = Decimal(price)
        old, old_price = order.fills.pop(fill)
        order.filled += quantity - old
        order.value += quantity * price - old * old_price
        name = self._execution()
        order.fills[name] = quantity, price
        self._report(order, "correct", name, [(19, fill), (32, quantity), (31, price)])
        return name

    def report(self, order: Sent, what: str, *more: Field, name: str | None = None) -> str:
        """Report that something else happened to *order*, and return the ExecID."""
        if what in ("cancelled", "expired", "rejected", "done"):
            order.is_over = True
        ids: list[Field] = [(11, name), (41, order.names[-1])] if name else []
        execution = self._execution()
        self._report(order, what, execution, list(more), ids)
        return execution

    def replaced(self, order: Sent, name: str, quantity: int, price: Decimal | str) -> None:
        """Report that *order* has the terms that were asked for as *name*."""
        order.quantity, order.price = quantity, Decimal(price)
        ids: list[Field] = [(11, name), (41, order.names[-1])]
        order.names.append(name)
        self._report(order, "replaced", self._execution(), [], ids)

    def _terms(self, quantity: int, price: Decimal | None) -> list[Field]:
        kind: list[Field] = [(40, 1)] if price is None else [(40, 2), (44, price)]
        return [(38, quantity), *kind]

    def _execution(self) -> str:
        self._executions += 1
        return f"E{self._executions}"

    def _report(
        self, order: Sent, what: str, execution: str, more: list[Field], ids: Sequence[Field] = ()
    ) -> None:
        codes: list[Field]
        if self.version == "FIX.4.2":
            transaction, kind = _OLD.get(what, ("0", _OTHER.get(what, "")))
            codes = [(20, "3" if what == "status" else transaction), (150, kind)]
        else:
            codes = [(150, _NEW.get(what) or _OTHER[what])]
        average = order.value / order.filled if order.filled else Decimal(0)
        limit: list[Field] = [] if order.price is None else [(44, order.price)]
        self.send(
            "8",
            *((37, f"X-{order.first}"), *(ids or [(11, order.names[-1])]), (17, execution)),
            *(*codes, (39, 1), (55, order.symbol), (54, order.side), (38, order.quantity)),
            *(*limit, *more, (151, order.left), (14, order.filled)),
            *((6, average.quantize(Decimal("0.000001"), ROUND_HALF_UP)), (60, self.now())),
            by_desk=False,
        )


def logged(messages: Iterable[bytes], separator: bytes = SOH, prefix: str = "") -> bytes:
    """Return *messages* as a log has them: one a line, after *prefix*."""
    lines = (prefix.encode() + message.replace(SOH, separator) + b"\n" for message in messages)
    return b"".join(lines)
