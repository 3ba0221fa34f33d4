"""What halts a program, what lifts a halt, and what waits for a second person's confirmation.

A program is halted while one cause is left. Each cause is an event: a `halt`, of all or of one
symbol, venue, broker or person, or a breach, which halts all. If a program has two persons, a
`resume` only proposes; the halt is lifted when another person confirms.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from typing import Final

from msgspec.structs import replace
from rpds import HashTrieMap, Queue

from repurchase.domain.events import Event
from repurchase.domain.people import Identity, is_same_person, plain_name, shapes
from repurchase.domain.terms import Listing
from repurchase.ledger.orders import Order
from repurchase.ledger.position import Cause, Position, Proposal
from repurchase.ledger.trades import Fault, Trade

_SCOPE: Final = ("symbol", "venue", "broker", "person")


def stopped_or_resumed(position: Position, event: Event) -> Position | Fault:
    """Return *position* after a halt, resume or confirm *event*, or the fault that denies it."""
    if event.kind == "halt":
        return position if event.drill else halted(position, event)
    return _resumed(position, event) if event.kind == "resume" else _confirmed(position, event)


def halted(position: Position, event: Event, rules: Iterable[str] = ()) -> Position:
    """Return *position* halted by *event*, which failed the `deny` *rules* if it is a breach.

    A cause that halts already stays one cause. A proposal to lift it is withdrawn: it was made
    before this halt.
    """
    known = _known(position, event)
    if known is not None:
        left = {
            name: one for name, one in position.proposals.items() if known.name not in one.causes
        }
        return replace(position, proposals=HashTrieMap(left))
    orders = frozenset(_open_orders(position, event))
    cause = Cause(_new_name(position, event.id), event, frozenset(rules), orders)
    return replace(position, halts=position.halts.enqueue(cause))


def is_repeated(position: Position, event: Event) -> bool:
    """Return whether *event* is a cause already, and nobody proposes to lift it."""
    known = _known(position, event)
    proposals = position.proposals.values()
    return known is not None and not any(known.name in one.causes for one in proposals)


def _known(position: Position, event: Event) -> Cause | None:
    return next((one for one in position.halts if _is_same(one.event, event)), None)


def _new_name(position: Position, name: str) -> str:
    """Return *name*, with a number if another cause has it: a resume must lift no other cause."""
    numbered = (name if number == 1 else f"{name}#{number}" for number in itertools.count(1))
    return next(one for one in numbered if one not in position.halted_by)


def stopping(position: Position, event: Event, trade: Trade) -> bool:
    """Return whether a cause stops the request *event*, which is the *trade*."""
    persons = [event.by, trade.event.by]
    if trade.before is not None:
        persons += requesters(trade.before)
    return any(_reaches(one.event, trade.event, trade.listing, persons) for one in position.halts)


def to_cancel(position: Position, event: Event) -> tuple[str, ...]:
    """Return the open orders that the halt or breach *event* stops, in order."""
    return tuple(sorted(_open_orders(position, event)))


def left_to_cancel(position: Position, cause: Cause) -> frozenset[str]:
    """Return the orders that were open when *cause* halted, and that can still fill."""
    found = ((name, position.orders.get(name)) for name in cause.orders)
    return frozenset(name for name, order in found if order is not None and order.is_open)


def ended(before: Position, after: Position) -> Iterator[Cause]:
    """Yield the causes whose last open order an event closed between *before* and *after*."""
    for cause in after.halts:
        if not left_to_cancel(after, cause) and left_to_cancel(before, cause):
            yield cause


def _resumed(position: Position, event: Event) -> Position | Fault:
    """Return *position* after the resume *event*, or the fault that denies it.

    It lifts the causes that it names, otherwise the oldest one of its scope. If the program has two
    persons, it waits for the confirmation of the other.
    """
    chosen = _chosen(position, event)
    if chosen is None:
        return "unknown-cause"
    if not position.two_persons or not chosen:
        return _lifted(position, chosen)
    if event.id in position.proposals:
        return "proposal-pending"
    proposal = Proposal(event.by, event.reason, chosen)
    return replace(position, proposals=position.proposals.insert(event.id, proposal))


def _confirmed(position: Position, event: Event) -> Position | Fault:
    """Return *position* after the confirm *event*, or the fault that denies it.

    The person who confirms is not the one who proposed, and has no open or held order. What is
    confirmed of an adoption stays until its rule file is adopted.
    """
    proposal = position.proposals.get(event.of or "")
    if proposal is None or proposal.is_confirmed:
        return "unknown-proposal"
    if is_same_person(proposal.by, event.by):
        return "same-person"
    if any(has_part(order, event.by) for order in position.orders.values()):
        return "has-orders"
    if proposal.rules is not None:
        agreed = replace(proposal, is_confirmed=True)
        return replace(position, proposals=position.proposals.insert(event.of or "", agreed))
    rest = position.proposals.remove(event.of or "")
    return _lifted(replace(position, proposals=rest), proposal.causes)


def proposed(position: Position, name: str, proposal: Proposal) -> Position:
    """Return *position* in which the adoption *proposal*, called *name*, waits for confirmation."""
    following = replace(position, proposals=position.proposals.insert(name, proposal))
    return acquainted(following, proposal.by)


def begun(position: Position, identity: Identity | None, *, two_persons: bool) -> Position:
    """Return *position* of a program that begins with *two_persons* or one, told by *identity*."""
    return replace(position, two_persons=two_persons, identity=identity)


def adopted(position: Position, by: str | None) -> Position:
    """Return *position* after *by* adopted a rule file.

    Other adoptions no longer wait: they were compared with a file that is not in force any more.
    """
    resumes = {name: one for name, one in position.proposals.items() if one.rules is None}
    following = replace(position, proposals=HashTrieMap(resumes))
    return acquainted(following, by)


def is_agreed(position: Position) -> bool:
    """Return whether an adoption was confirmed, and only its own record is missing."""
    return any(one.is_confirmed for one in position.proposals.values())


def has_part(order: Order, person: str | None) -> bool:
    """Return whether *person* requested what is open or held of *order*."""
    if order.state not in ("open", "held"):
        return False
    return any(is_same_person(one, person) for one in requesters(order))


def requesters(order: Order) -> tuple[str | None, ...]:
    """Return who requested what is open or held of *order*, also before it was replaced."""
    held = () if order.held is None else (order.held.by,)
    return (*(one for terms in order.in_play() for one in terms.requesters), *held)


def lookalike(position: Position, person: str) -> str | None:
    """Return the name of another person recorded that the name *person* looks like, if any."""
    plain = plain_name(person)
    found = (position.persons.get(shape) for shape in sorted(shapes(person)))
    return next((one for one in found if one is not None and plain_name(one) != plain), None)


def acquainted(position: Position, person: str | None) -> Position:
    """Return *position*, which knows the name *person* from now on unless it knows one like it."""
    if person is None or all(shape in position.persons for shape in shapes(person)):
        return position
    if lookalike(position, person) is not None:
        return position
    persons = position.persons.update(dict.fromkeys(shapes(person), person))
    return replace(position, persons=persons)


def _lifted(position: Position, causes: frozenset[str]) -> Position:
    """Return *position* without *causes*, and without proposals that have nothing left to lift."""
    halts = Queue(one for one in position.halts if one.name not in causes)
    left = {one.name for one in halts}
    proposals = HashTrieMap(
        {
            name: one
            for name, one in position.proposals.items()
            if one.rules is not None or not one.causes.isdisjoint(left)
        }
    )
    return replace(position, halts=halts, proposals=proposals)


def _chosen(position: Position, event: Event) -> frozenset[str] | None:
    """Return the causes that the resume *event* lifts; `None` if it names one that is none."""
    if event.causes is not None:
        named = frozenset(event.causes)
        return named if named <= set(position.halted_by) else None
    of_scope = (one for one in position.halts if _is_of_scope(one.event, event))
    oldest = next(of_scope, None)
    if oldest is None:
        return None if scope_of(event) else frozenset()
    return frozenset((oldest.name,))


def _is_of_scope(cause: Event, event: Event) -> bool:
    return not scope_of(event) or (cause.kind == "halt" and scope_of(cause) == scope_of(event))


def scope_of(event: Event) -> tuple[tuple[str, str], ...]:
    """Return what the halt or resume *event* is limited to, by field; nothing if it means all."""
    given = ((name, getattr(event, name)) for name in _SCOPE)
    return tuple(
        (name, plain_name(value) if name == "person" else value)
        for name, value in given
        if value is not None
    )


def _is_same(one: Event, other: Event) -> bool:
    """Return whether two events are one cause: the same breach, or one halt pressed again."""
    if one.kind != "halt" or other.kind != "halt":
        return one == other
    return (one.id, scope_of(one)) == (other.id, scope_of(other))


def _may_be(name: str, stopped: str, given: Iterable[str | None]) -> bool:
    """Return whether one value *given* of the field *name* is *stopped*, or may be."""
    known = (one if one is None or name != "person" else plain_name(one) for one in given)
    return any(one is None or one == stopped for one in known)


def _reaches(
    halt: Event, own: Event, listing: Listing | None, persons: Iterable[str | None]
) -> bool:
    """Return whether *halt* stops what *own* asks for, in the name of *persons*."""
    if halt.kind != "halt":
        return True
    given = {
        "symbol": (own.symbol,),
        # An order with several venues may fill at any of them.
        "venue": own.venues or (own.venue if listing is None else listing.venue,),
        "broker": (own.broker,),
        "person": tuple(persons),
    }
    return all(_may_be(name, value, given[name]) for name, value in scope_of(halt))


def _open_orders(position: Position, event: Event) -> Iterator[str]:
    """Yield the open orders that the halt or breach *event* stops."""
    for name, order in position.orders.items():
        terms = order.terms
        reached = requesters(order)
        if order.is_open and _reaches(event, terms.event, terms.listing, reached):
            yield name
