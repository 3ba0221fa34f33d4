"""What a report of the broker does to its order, and how it contradicts the log."""

from __future__ import annotations

from collections.abc import Iterator

from repurchase.domain.errors import Wrong, short
from repurchase.domain.quantities import Exact, quotient, written
from repurchase.intake.fix.fields import Fields
from repurchase.intake.fix.states import Execution, Order, Terms, Values
from repurchase.intake.fix.words import EFFECTS, ENDED, FILLED, TRANSACTIONS


def effect_of(read: Fields) -> str | None:
    """Return what a report does to its order; `None` if that is not known."""
    return TRANSACTIONS.get(read.get("20")) or EFFECTS.get(read.text("150"))


def answered(effect: str, read: Fields, order: Order) -> tuple[Values, ...]:
    """Return the events of a report that executes nothing, and change *order* accordingly."""
    if effect in ("replaced", "restated"):
        return _changed(read, order)
    if effect == "rejected" and order.asked.pop(read.get("11"), None) is not None:
        return (about(order, "rejected", read),)
    if effect == "nothing" or order.is_closed or (effect == "done" and not order.is_of_the_day):
        return ()
    name = read.get("11") or read.get("41")
    if effect == "rejected" and not order.asks_for(name):
        what = f"it rejects `{short(name)}`, which is neither an order nor a replace request"
        raise Wrong(what, "a cancel request is rejected by an OrderCancelReject (9)")
    if effect == "rejected" and order.filled:
        raise Wrong("it rejects an order that has fills")
    # A `rejected` event while a replace request waits is the answer to the request.
    refusal = "cancel" if order.asked else "rejected"
    kind = {"done": "expire", "rejected": refusal}.get(effect, effect)
    order.is_closed = True
    order.asked.clear()
    return (about(order, kind, read),)


def _changed(read: Fields, order: Order) -> tuple[Values, ...]:
    """Return the events of a report that *order* has other terms, asked for or not."""
    price = read.figure("44") if order.terms.price is not None and read.get("44") else None
    stated = Terms(read.figure("38"), price or order.terms.price)
    asked = order.asked.pop(read.text("11"), None)
    if asked is not None:
        stated = Terms(stated.quantity, price or asked.price)
        if stated != asked:
            order.asked[read.text("11")] = asked
            raise Wrong("OrderQty (38) or Price (44) is not what the replace request asked for")
        order.terms = asked
        return (about(order, "replaced", read),)
    if stated == order.terms:
        return ()
    if order.asked:
        raise Wrong("it changes the order while a replace request waits, which is not read")
    order.terms = stated
    request = about(order, "replace", read) | {"quantity": written(stated.quantity)}
    if stated.price is not None:
        request["price"] = written(stated.price)
    return (request, about(order, "replaced", read))


def about(order: Order, kind: str, read: Fields, name: str | None = None) -> Values:
    """Return the event of *kind* about *order*."""
    return {"kind": kind, "id": read.id(name), "time": read.time, "order": order.id}


def counted(
    effect: str, read: Fields, order: Order, event: Values, named: Execution | None
) -> Execution:
    """Return what *event* executed, after *order* counted it instead of what it *named*."""
    made = Execution(event, order, 0, 0, is_settled=True)
    if effect != "bust":
        made = Execution(event, order, read.above_zero("32"), read.above_zero("31"), False)
    made.sum = read.get("14")
    if named is not None:
        if named.is_settled:
            raise Wrong("ExecRefID (19) names a fill that was busted or corrected before")
        named.is_settled = True
        order.count(-named.quantity, named.price)
    order.count(made.quantity, made.price)
    if effect == "fill":
        order.taken += made.quantity
    return made


def contradictions(read: Fields, order: Order, effect: str) -> Iterator[Wrong]:
    """Yield how a report contradicts what the log says of *order*, and go on from the report."""
    if effect != "rejected":
        yield from _other_terms(read, order)
    filled = order.filled + order.unexplained
    yield from _other_sums(read, order, effect, filled)
    left = {max(quantity - filled, 0) for quantity in order.quantities}
    if effect in ("cancel", "expire", "rejected") and order.is_closed:
        left = {0}
    elif order.is_closed or effect in ("bust", "correct", "done") or read.get("39") in ENDED:
        left.add(0)
    if read.get("151") and read.figure("151") not in left:
        yield read.other("151", f"the log leaves {written(max(left))}")
    if not (order.value is None or not order.filled or read.is_average(order.value, order.filled)):
        average = written(quotient(order.value, order.filled))
        yield read.other("6", f"the fills in the log give {average}")
        order.value = None


def _other_sums(read: Fields, order: Order, effect: str, filled: Exact) -> Iterator[Wrong]:
    """Yield how a report contradicts that so much of *order* is *filled*, for so much money."""
    if read.get("39") == FILLED and filled < min(order.quantities):
        yield read.other("39", f"the fills in the log add up to {written(filled)}")
    if effect == "fill" and (gross := read.get("381")):
        own, decimals = read.figure("32") * read.figure("31"), len(gross.partition(".")[2])
        # It is the money of this fill, or of all fills of the order.
        sums = (own, own if order.value is None else order.value)
        if all(abs(read.figure("381") - one) * 10**decimals >= 1 for one in sums):
            yield read.other("381", f"LastQty (32) times LastPx (31) is {written(own)}")


def not_in_log(read: Fields, order: Order) -> Wrong | None:
    """Return how CumQty contradicts the fills in the log, if it did not do so before."""
    if not read.get("14"):
        return None
    unexplained = read.figure("14") - order.filled
    if unexplained == order.unexplained:
        return None
    order.unexplained, order.value = unexplained, None
    if not unexplained:
        # Reports before it differed; this one agrees again.
        return None
    return read.other("14", f"the fills in the log add up to {written(order.filled)}")


def _other_terms(read: Fields, order: Order) -> Iterator[Wrong]:
    """Yield which of the terms in a report the *order* does not have, nor was asked to have."""
    terms = [order.terms, *order.asked.values()]
    if read.get("38") and read.figure("38") not in order.quantities:
        yield read.other("38", f"the order has {written(order.terms.quantity)}")
    price = read.figure("44") if read.get("44") else 0
    prices = [one.price for one in terms]
    if price and prices[0] is not None and price not in prices:
        yield read.other("44", f"the order has {written(prices[0])}")
