"""The orders in a FIX log: each message about one as events, compared with what came before."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Final

from repurchase.domain.errors import Wrong, short
from repurchase.domain.quantities import written
from repurchase.facts.outside import is_outside
from repurchase.intake.fields import misplaced
from repurchase.intake.fix.fields import Fields
from repurchase.intake.fix.messages import Message
from repurchase.intake.fix.reports import (
    about,
    answered,
    contradictions,
    counted,
    effect_of,
    not_in_log,
)
from repurchase.intake.fix.states import Dispute, Execution, Found, Key, Order, Terms, Values
from repurchase.intake.fix.words import (
    APPLICATIONS,
    OF_THE_DAY,
    SETTABLE,
    SIDES,
    SKIPPED,
    TOLD,
)

# As many fills as a program keeps; a bust of an older one is refused.
FILLS_KEPT: Final = 1 << 16
CLOSED_KEPT: Final = 1 << 14


class Orders:
    """The orders and executions so far, read by the *columns*, *constants* and *ignore* given."""

    def __init__(
        self, columns: Mapping[str, str], constants: Mapping[str, str], ignore: frozenset[str]
    ) -> None:
        self._ignore = ignore
        self._columns = columns
        self._constants = constants
        self._symbol = columns.get("symbol", "55")
        self._orders: dict[Key, Order] = {}
        self._closed: deque[Order] = deque()
        self._executions: dict[Key, Execution] = {}
        self._ids: set[str] = set()
        # Who sent orders, and who received them.
        self._desks: set[str] = set()
        self._brokers: set[str] = set()
        self._disputes: dict[str, Dispute] = {}

    def open(self) -> Iterator[Order]:
        """Yield the orders that no message has ended, in the order in which they were sent."""
        of = {order.id: order for order in self._orders.values() if not order.is_closed}
        yield from of.values()

    def disputes(self) -> Iterator[Dispute]:
        """Yield the fills that the desk disputes and that nobody busted or corrected."""
        yield from (one for one in self._disputes.values() if not one.fill.is_settled)

    def found(self, message: Message, *, is_late: bool = False) -> Found:
        """Return what *message* says; raise Wrong if it cannot be read.

        The sums of a report that *is_late* are not compared: the reports before it in the log came
        after it, and have counted it.
        """
        kind = message.fields["35"]
        _check_application(message)
        if message.fields.get("464") == "Y":
            what = "TestMessageIndicator (464) is `Y`: this is a session for tests"
            raise Wrong(what, "give the log of a session in which orders were real")
        if kind in SKIPPED:
            return Found()
        if kind in TOLD:
            return Found(remarks=(TOLD[kind],))
        read = Fields(message, self._ignore)
        if kind == "8":
            return self._report(read, is_late=is_late)
        return self._request(kind, read, message.line)

    def _request(self, kind: str, read: Fields, line: int) -> Found:
        """Return what a message of *kind* on *line* says; it is not a report."""
        match kind:
            case "D":
                return self._order(read)
            case "G":
                return self._replace(read)
            case "F":
                order = self._known(read, read.sender, "41")
                self._name(order, read)
                return Found((), order)
            case "9":
                return self._cancel_rejected(read)
            case "Q":
                return self._disputed(read, line)
        what = f"MsgType (35) is `{short(kind)}`, which is not read"
        raise Wrong(what, "it may ask for an order or report a trade")

    def check_repeat(self, message: Message) -> None:
        """Raise Wrong if *message*, sent as a possible duplicate, says what none said before it."""
        if message.fields["35"] != "8":
            return
        read = Fields(message, self._ignore)
        if effect_of(read) not in ("fill", "bust", "correct"):
            return
        known = self._executions.get((*read.target, read.text("17")))
        name = short(read.text("17"))
        what = f"PossDupFlag (43) marks this as a repeat, but ExecID (17) `{name}`"
        if known is None and len(self._executions) < FILLS_KEPT:
            raise Wrong(f"{what} is not known", "the log has another message of this number")
        if known is None or known.event["id"] != read.id() or known.event["kind"] == "bust":
            return
        if (known.quantity, known.price) != (read.figure("32"), read.figure("31")):
            raise Wrong(f"{what} was reported before with other figures")

    def _order(self, read: Fields) -> Found:
        self._check_stage(read)
        key = (*read.sender, read.text("11"))
        event, terms = self._asked(read, "order")
        read.check_share(is_named=self._symbol != "55")
        event |= {"symbol": read.once(self._symbol) or read.text(self._symbol), "side": read.side()}
        self._complete(event, read, venue="100")
        known = self._orders.get(key)
        if known is not None:
            # A message that is sent again may have another time; a new order has the next one.
            time = event["time"] if read.get("97") == "Y" else known.event["time"]
            if {**known.event, "time": time} == {"id": known.id, **event}:
                return Found((), known, is_repeat=True)
            self._check_free(known, read)
        event["id"] = self._new_id(read)
        is_of_the_day = read.get("59") in OF_THE_DAY
        order = Order(event, terms, read.day, read.get("15"), is_of_the_day, [key])
        self._orders[key] = order
        return Found((event,), order, remarks=read.remarks())

    def _replace(self, read: Fields) -> Found:
        order = self._known(read, read.sender, "41")
        name = read.text("11")
        self._check(read, order)
        event, terms = self._asked(read, "replace")
        if self._orders.get((*read.sender, name)) is order:
            known = order.requests.get(name, {})
            time = event["time"] if read.get("97") == "Y" else known.get("time")
            if {**known, "time": time} == event:
                return Found((), order, is_repeat=True)
            what = f"ClOrdID (11) `{short(name)}` was used before for the same order"
            raise Wrong(what, "each request about an order must have a name of its own")
        if terms.price is None and order.terms.price is not None:
            what = "OrdType (40) makes a limit order a market order, which is not read"
            raise Wrong(what, "it needs an order of its own")
        order.requests[name] = dict(event)
        event["order"] = order.id
        self._complete(event, read)
        self._name(order, read)
        event["id"] = self._new_id(read)
        order.asked[name] = terms
        order.is_of_the_day = order.is_of_the_day and read.get("59") in OF_THE_DAY
        return Found((event,), order, remarks=read.remarks())

    def _asked(self, read: Fields, kind: str) -> tuple[Values, Terms]:
        """Return what an order and a replace request have in common."""
        is_market, price = read.limit()
        event: Values = {"kind": kind, "time": read.time, "quantity": read.number("38")}
        if kind == "order":
            event["order_type"] = "market" if is_market else "limit"
        if price is not None:
            event["price"] = price
        if (expires := read.expires()) is not None:
            event["expires"] = expires
        terms = Terms(read.figure("38"), None if price is None else read.figure("44"))
        return event, terms

    def _cancel_rejected(self, read: Fields) -> Found:
        order = self._known(read, read.target, "11", "41")
        if read.text("434") != "2":
            return Found((), order)
        if order.asked.pop(read.text("11"), None) is None:
            raise Wrong("it rejects a replace request that is not known, or was answered before")
        event = about(order, "rejected", read, f"reject {read.text('11')}")
        return Found((event,), order)

    def _report(self, read: Fields, *, is_late: bool) -> Found:
        order = self._known(read, read.target, "11", "41")
        self._check(read, order)
        effect = effect_of(read)
        if effect is None:
            what = f"ExecType (150) is `{short(read.text('150'))}`, which is not read"
            raise Wrong(what, "what it changes is not known")
        was_closed, filled = order.is_closed, order.filled
        if effect in ("fill", "bust", "correct"):
            events = self._executed(effect, read, order)
            is_repeat = not events
        else:
            events, is_repeat = answered(effect, read, order), False
        lost: Wrong | None = None
        differences: tuple[Wrong, ...] = ()
        if is_late and order.unexplained:
            order.unexplained -= order.filled - filled
        elif not (is_late or is_repeat):
            lost = not_in_log(read, order)
            differences = tuple(contradictions(read, order, effect))
        if effect in ("fill", "replaced", "restated") and order.taken >= max(order.quantities):
            order.is_closed = True
        if order.is_closed and not was_closed:
            self._keep_closed(order)
        return Found(events, order, differences, lost, is_repeat, read.remarks() if events else ())

    def _executed(self, effect: str, read: Fields, order: Order) -> tuple[Values, ...]:
        """Return the event of a fill, bust or correct; nothing if it was reported before."""
        key = (*read.target, read.text("17"))
        event: Values = {"kind": effect, "id": read.id(), "time": read.time}
        named = None if effect == "fill" else self._named(read, order, effect)
        event |= {"order": order.id} if named is None else {"fill": named.event["id"]}
        if effect != "bust":
            read.check_executed()
            event |= {"symbol": order.event["symbol"], "side": order.event["side"]}
            event |= {"quantity": read.number("32"), "price": read.number("31")}
        self._complete(event, read, venue="30", fx=order.event.get("fx"))
        known = self._executions.get(key)
        if known is not None and known.event["id"] == event["id"]:
            if (known.event, known.sum) != (event, read.get("14")):
                raise Wrong(f"ExecID (17) `{short(key[-1])}` was used with other content")
            return ()
        made = counted(effect, read, order, event, named)
        made.hides = known is not None and known.order is order and not known.is_settled
        self._executions[key] = made
        if len(self._executions) > FILLS_KEPT:
            del self._executions[next(iter(self._executions))]
        return (event,)

    def _named(self, read: Fields, order: Order, effect: str) -> Execution:
        """Return the fill that a bust or correct names; raise Wrong if it contradicts that fill."""
        name = read.text("19")
        named = self._executions.get((*read.target, name))
        if named is None or named.order is not order:
            raise Wrong(f"ExecRefID (19) `{short(name)}` is not a known fill of this order")
        if named.hides:
            what = f"ExecRefID (19) `{short(name)}` is the name of two fills of this order"
            raise Wrong(what, "an ExecID must be used once, not once a day")
        if effect == "bust":
            for tag, figure in (("32", named.quantity), ("31", named.price)):
                stated = read.figure(tag) if read.get(tag) else 0
                if stated not in (0, figure):
                    raise read.other(tag, f"the fill has {written(figure)}")
        return named

    def _complete(
        self, event: Values, read: Fields, venue: str | None = None, fx: object = None
    ) -> None:
        """Add to *event* what else *read*, the columns and the constants give for its kind.

        *venue* is the tag of its venue. Commission is multiplied by the rate, or by *fx*.
        """
        kind = str(event["kind"])
        tags = {"venue": venue} if venue else {}
        for ours, tag in {**tags, **self._columns}.items():
            if tag and ours != "symbol" and _has(kind, ours) and (text := read.once(tag)):
                event[ours] = text
        if "broker" not in event and _has(kind, "broker") and (broker := read.broker()):
            event["broker"] = broker
        for ours, text in self._constants.items():
            if _has(kind, ours) and event.setdefault(ours, text) != text:
                what = f"the message gives `{ours}`, which is set for all messages"
                raise Wrong(what, "remove --set, or name another tag with --column")
        if "fees" not in event and _has(kind, "fees") and (fees := read.commission()) is not None:
            event["fees"] = read.in_currency(fees, event.get("fx", fx))

    def _known(self, read: Fields, parties: tuple[str, str], *tags: str) -> Order:
        """Return the order that one of *tags* names; raise Wrong if none does."""
        names = [text for tag in tags if (text := read.get(tag))]
        found = [one for name in names if (one := self._orders.get((*parties, name)))]
        if not found:
            raise Wrong(
                f"its order `{short(names[0])}` is not known" if names else "it names no order",
                "the log must begin before the order",
            )
        if found[0] is not found[-1]:
            raise Wrong("ClOrdID (11) and OrigClOrdID (41) name two orders")
        return found[0]

    def _disputed(self, read: Fields, line: int) -> Found:
        """Note that the desk disputes a fill, which counts until the broker takes it back.

        By the standard, such a message rejects a report. It does not undo the trade: the broker
        answers with a bust or a correction, or the two go on to disagree.
        """
        name = read.text("17")
        known = self._executions.get((*read.sender, name))
        if known is None:
            what = f"ExecID (17) `{short(name)}`, which the desk disputes, is not in the log"
            raise Wrong(what, "add the report of the fill to the log")
        for tag, figure in (("32", known.quantity), ("31", known.price)):
            if read.get(tag) and read.figure(tag) != figure:
                raise read.other(tag, f"the fill has {written(figure)}")
        self._disputes[str(known.event["id"])] = Dispute(known, line)
        return Found((), known.order)

    def _check_stage(self, read: Fields) -> None:
        """Raise Wrong if one party sends orders and receives them.

        Its orders may be those that it received, passed on, and each fill would count twice.
        """
        desk, broker = read.sender
        self._desks.add(desk)
        self._brokers.add(broker)
        for party in (desk, broker):
            if party in self._desks and party in self._brokers:
                what = f"`{short(party)}` receives orders and sends orders"
                raise Wrong(what, "give the sessions of one side only, or fills would count twice")

    def _name(self, order: Order, read: Fields) -> None:
        """Let the ClOrdID of a request name *order*, too."""
        key = (*read.sender, read.text("11"))
        known = self._orders.get(key)
        if known is order:
            return
        if known is not None:
            self._check_free(known, read)
        self._orders[key] = order
        order.names.append(key)

    def _check_free(self, known: Order, read: Fields) -> None:
        """Raise Wrong if the ClOrdID of *known* may not name another order yet."""
        if not (known.is_closed and read.day > known.day):
            raise Wrong(f"ClOrdID (11) `{short(read.text('11'))}` names an earlier order")

    def _check(self, read: Fields, order: Order) -> None:
        """Raise Wrong if the symbol, side or currency of a message is not that of *order*."""
        event, side = order.event, read.get("54")
        if (symbol := read.once(self._symbol)) and symbol != event["symbol"]:
            raise read.other(self._symbol, f"the order has `{short(str(event['symbol']))}`")
        if side and SIDES.get(side) != event["side"]:
            raise read.other("54", f"the order is a {event['side']} order")
        if currency := read.get("15"):
            order.currency = order.currency or currency
            if currency != order.currency:
                raise read.other("15", f"the order is in `{short(order.currency)}`")

    def _new_id(self, read: Fields) -> str:
        """Return the ID of a request: its ClOrdID, with desk and day if another request has it."""
        own = name = read.text("11")
        if name in self._ids:
            name = f"{read.sender[0]}/{read.day}/{own}"
        if name in self._ids:
            name = f"{read.sender[0]}/{read.sender[1]}/{read.day}/{own}"
        if name in self._ids:
            raise Wrong(f"ClOrdID (11) `{short(name)}` was used before on this day")
        self._ids.add(name)
        return name

    def _keep_closed(self, order: Order) -> None:
        """Remember *order*, which has ended, and forget the one that ended first of too many."""
        self._closed.append(order)
        if len(self._closed) > CLOSED_KEPT:
            oldest = self._closed.popleft()
            for key in oldest.names:
                if self._orders.get(key) is oldest:
                    del self._orders[key]


@cache
def _has(kind: str, name: str) -> bool:
    """Return whether an event of *kind* can have the field *name*."""
    return not misplaced(kind, (name,))


def is_settable(name: str) -> bool:
    """Return whether a column or a constant may give the event field *name*."""
    return name in SETTABLE or is_outside(name)


def _check_application(message: Message) -> None:
    """Raise Wrong if ApplVerID or DefaultApplVerID names a version that is not read."""
    for tag in ("1128", "1137"):
        text = message.fields.get(tag)
        if text is not None and text not in APPLICATIONS:
            what = f"the version of the application ({tag}) is `{short(text)}`"
            raise Wrong(what, "4 (4.2), 6 (4.4), and 7 to 9 (5.0) are read")
