"""The ways back: after a denial, a halt or an unknown figure, what to do next and what to submit.

A placeholder in capitals stands for what only a person knows.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import date, datetime
from typing import Any, Final

import msgspec
from rich.console import Group, RenderableType
from rich.text import Text

from repurchase.domain.currencies import whole
from repurchase.domain.decisions import Decision, Finding
from repurchase.domain.errors import plain
from repurchase.domain.events import Event
from repurchase.domain.people import is_same_person
from repurchase.domain.terms import CountingRules
from repurchase.evaluation.step import Decided, is_breach
from repurchase.facts.table import TABLE
from repurchase.intake.fields import misplaced
from repurchase.journal.book import Book
from repurchase.journal.queries import Overview
from repurchase.journal.records import event_object
from repurchase.ledger.halts import left_to_cancel
from repurchase.ledger.position import Cause, Counted, Position
from repurchase.report.decisions import decision_view
from repurchase.report.written import decision_object, json_text
from repurchase.rulebook.life import Life

NAME: Final = "NAME"
WHY: Final = "WHY"
_VALUE: Final = "VALUE"
_NAMED_MAX: Final = 100
_FIGURES: Final = ("quantity", "price", "amount", "fees", "fx")

Fields = dict[str, Any]

_ANSWERS: Final = ("replaced", "rejected")
# After what the program itself denies of a request: what to do, and what to change in the event.
# In the changes, `None` leaves a field out; without changes there is nothing to submit again.
_OWN: Final[Mapping[str, tuple[str, Fields | None]]] = {
    "engine.has-orders": ("another person confirms it", {"by": NAME}),
    "engine.same-person": ("another person submits it", {"by": NAME}),
    "engine.requester-missing": ("submit it with the name of who orders", {"by": NAME}),
    "engine.unknown-proposal": ("`repurchase position` lists what waits; name it", {"of": _VALUE}),
    "engine.proposal-pending": ("submit it under an id of its own", {}),
    "engine.unknown-cause": (
        "`repurchase position` lists the causes; name them",
        {"causes": [_VALUE]},
    ),
    "engine.unknown-order": ("`repurchase position` lists the orders; name it", {"order": _VALUE}),
    "engine.order-closed": (
        "`repurchase show` tells how the order ended; name the one that is open",
        {"order": _VALUE},
    ),
    "engine.not-held": ("`repurchase position` lists what is held; name it", {"order": _VALUE}),
    "engine.no-replace": ("`repurchase show` tells what the order waits for", None),
    "engine.below-filled": (
        "ask for at least what has filled, or cancel the rest",
        {"quantity": _VALUE},
    ),
    "engine.unknown-fill": (
        "`repurchase show` lists the fills of an order; name it",
        {"fill": _VALUE},
    ),
    "engine.fill-settled": ("name the last correction of the fill", {"fill": _VALUE}),
    "engine.not-first": ("use `correct` and `bust` for fills that are recorded wrongly", None),
    "engine.backdated": ("submit it with the program's latest day, or a later one", {}),
    "engine.order-ended": ("submit it with a later end", {"expires": _VALUE}),
    "engine.no-cap": ("submit it with an earlier end", {"expires": _VALUE}),
    "engine.unknown-instrument": (
        "submit it with a symbol and a venue of the rule file; `repurchase explain` lists them",
        {"symbol": _VALUE, "venue": _VALUE, "venues": None},
    ),
    "engine.prepaid-stays": ("pay more by another `prepaid` event", None),
    "engine.split-caps": (
        "adopt a rule file whose caps have a version from the day of the split: `repurchase adopt`",
        None,
    ),
    "engine.split-twice": ("nothing is to be submitted: the split counts already", None),
    "engine.wrong-rate": ("submit it without a rate", {"fx": None}),
    "engine.contradicted": ("submit it without what the feed supplies, or correct the feed", {}),
    "engine.rate-out-of-bounds": ("submit it with the true rate", {"fx": _VALUE}),
    "engine.sale": ("nothing is to be submitted: a program only buys", None),
    "engine.no-rule": ("adopt a rule file with a rule for this event: `repurchase adopt`", None),
    "engine.fault": ("submit it again, and report the fault if that does not help", {}),
}


class Way(msgspec.Struct, frozen=True, omit_defaults=True):
    """One thing to do about the event or order *about*: a sentence, and what to submit then.

    *events* are alternatives or follow each other, as *what* says.
    """

    about: str
    what: str
    events: tuple[Fields, ...] = ()


def ways_back(book: Book, found: Overview, now: datetime, by: str, reason: str) -> tuple[Way, ...]:
    """Return what is to be done about the program of *book*, of which *found* is known at *now*.

    *by* and *reason* go into the events of persons. There is nothing to do if nothing is returned.
    """
    signed = {"by": by, "reason": reason}
    ways = (
        *_unknown(book, found, now),
        *_causes(book.position, found, now, signed),
        *_proposals(found, now, by),
        *_orders(found, now),
    )
    of_orders = {way.about: way for way in reversed(ways) if way.about in book.position.orders}
    # Of an order that a halt cancels, and that is past its last day too, the first is enough.
    return tuple(way for way in ways if of_orders.get(way.about, way) is way)


def _unknown(book: Book, found: Overview, now: datetime) -> Iterator[Way]:
    """Yield for each fill whose shares or money are unknown which report makes them known."""
    position, editions = book.position, book.editions
    for name in found.unknown:
        fill = position.fills.get(name)
        if fill is None or editions is None:
            continue
        lacking = _lacking(fill, editions.on(fill.date).counting)
        figures = ", ".join(f"`{one}`" for one in lacking)
        what = (
            f"what the fill {name} used is unknown, so nothing is approved: correct it with"
            f" {figures}, or bust it if it did not happen"
        )
        correct = _new("correct", name, now, fill=name)
        bust = _new("bust", name, now, fill=name)
        yield Way(name, what, (correct | dict.fromkeys(lacking, _VALUE), bust))


def _lacking(fill: Counted, counting: CountingRules) -> tuple[str, ...]:
    """Return the fields without which *fill* cannot be computed."""
    event, listing = fill.event, fill.listing
    if listing is None:
        return ("symbol", "venue")
    given = {
        "price": event.price if event.amount is None else event.amount,
        "fx": 1 if whole(listing.currency) == counting.currency else event.fx,
        "fees": event.fees if counting.with_fees else 0,
    }
    return tuple(name for name, value in given.items() if value is None) or ("fx",)


def _causes(position: Position, found: Overview, now: datetime, signed: Fields) -> Iterator[Way]:
    """Yield what to look at for each cause of a halt, and then the resume that lifts them all."""
    for cause in position.halts:
        # What happened counts best while its order is open. What is unknown was listed before.
        if cause.rules and cause.event.id not in found.unknown:
            yield _breach(position, cause, now)
        yield from _cancels(position, cause, now)
    waiting = {name for one in position.proposals.values() for name in one.causes}
    names = [name for name in position.halted_by if name not in waiting]
    if names:
        resume = _new("resume", names[0], now, causes=names) | signed
        what = f"when each cause is settled or true, lift them: {', '.join(names)}"
        if position.two_persons:
            what += "; a second person confirms it"
        yield Way(", ".join(names), what, (resume,))


def _cancels(position: Position, cause: Cause, now: datetime) -> Iterator[Way]:
    for name in sorted(left_to_cancel(position, cause)):
        what = f"the order {name} is still open: cancel it at the venue, then submit this"
        yield Way(name, what, (_new("cancel", name, now, order=name),))


def _breach(position: Position, cause: Cause, now: datetime) -> Way:
    event = cause.event
    rules = ", ".join(sorted(cause.rules))
    if "engine.used-id" in cause.rules:
        return _contradiction(position, cause, now)
    fill = position.fills.last(event.id)
    if fill is None or fill.settled:
        return Way(cause.name, f"{cause.name} failed {rules}; nothing of it counts any more")
    what = (
        f"{cause.name} failed {rules} and is counted in full: if it did not happen, bust it; if its"
        " figures are wrong, correct it; if it is true, only resume"
    )
    bust = _new("bust", event.id, now, fill=event.id)
    return Way(cause.name, what, (bust, _corrected(event, now)))


def _contradiction(position: Position, cause: Cause, now: datetime) -> Way:
    """Return what to do about a report whose id an earlier one has, with other figures."""
    event = cause.event
    own = f"{cause.name[:_NAMED_MAX]}-own"
    if position.fills.get(own) is not None:
        return Way(cause.name, f"{cause.name} counts as {own}")
    what = (
        f"{cause.name} contradicts an earlier report with this id and was not counted: if both"
        " happened, submit it under an id of its own; if it is the true one, correct the earlier"
    )
    told = event_object(event)
    if position.fills.last(event.id) is None:
        return Way(cause.name, what.partition("; if it")[0], (told | {"id": own},))
    return Way(cause.name, what, (told | {"id": own}, _corrected(event, now)))


def _corrected(event: Event, now: datetime) -> Fields:
    """Return a correct of the fill *event* with its figures, of which a person changes some."""
    told = event_object(event)
    figures = {name: told[name] for name in _FIGURES if name in told}
    return _new("correct", event.id, now, fill=event.id) | figures


def _proposals(found: Overview, now: datetime, by: str) -> Iterator[Way]:
    for one in found.proposals:
        # Who proposed it cannot confirm it.
        other = NAME if is_same_person(by, one.by) else by
        confirm = _new("confirm", one.id, now, of=one.id, by=other)
        what = f"{one.id}, proposed by {one.by}, waits: a second person without orders confirms it"
        yield Way(one.id, what, (confirm,))


def _orders(found: Overview, now: datetime) -> Iterator[Way]:
    """Yield for each order that is past its last day or no longer fits how it ends."""
    for one in found.orders:
        if one.is_past and one.state == "open":
            what = f"the order {one.id} is past its last day: submit that it has expired"
            yield Way(one.id, what, (_new("expire", one.id, now, order=one.id),))
        elif one.unfit:
            rules = ", ".join(sorted({of.rule for of in one.unfit}))
            what = f"the order {one.id} no longer fits {rules}: cancel it, or replace it by less"
            yield Way(one.id, what, (_new("cancel", one.id, now, order=one.id),))


def way_on(decided: Decided) -> Way | None:
    """Return what to do after what was *decided* at the desk, if something is to be done."""
    decision, event = decided.decision, decided.event
    if event is None or decided.repeated or (_is_fine(decision) and not decision.pending):
        return None
    now = event.time or event.date
    if now is None:
        return None
    if decision.pending:
        confirm = _new("confirm", event.id, now, of=event.id, by=NAME)
        return Way(event.id, "another person confirms it", (confirm,))
    names = [one for one in decision.halted_by if one.partition("#")[0] == event.id]
    if names and is_breach(decision.findings):
        resume = _new("resume", event.id, now, causes=names[-1:], by=NAME, reason=WHY)
        what = "look at it; `repurchase recover` lists the ways; then lift the halt"
        return Way(event.id, what, (resume,))
    if decision.outcome == "held" and not _is_nameless(decision):
        order = event.order or event.id
        release = _new("release", order, now, order=order, by=NAME, reason=WHY)
        return Way(event.id, "another person releases it", (release,))
    return _denied(decided, event, now)


def _is_nameless(decision: Decision) -> bool:
    """Return whether nobody can release what is held, since its requester is not named."""
    return any(one.rule == "engine.requester-missing" for one in decision.findings)


def _is_fine(decision: Decision) -> bool:
    return decision.outcome in ("approved", "recorded")


def answer_object(decided: Decided) -> object:
    """Return what the desk answers, as programs read it."""
    return decision_object(decided, way_on(decided))


def answer_view(decided: Decided) -> RenderableType:
    """Return what the desk answers, for a terminal."""
    way = way_on(decided)
    shown = decision_view(decided)
    return shown if way is None else Group(shown, way_view(way))


def _denied(decided: Decided, event: Event, now: date) -> Way:
    """Return what to do after a denial or a refusal."""
    findings = {one.rule: one for one in decided.decision.findings if one.result != "pass"}
    if "engine.halted" in findings:
        return Way(event.id, "the program is halted: `repurchase recover` shows the ways back")
    again = event_object(event) | {"id": _new(event.kind, event.id, now)["id"]}
    if "engine.lookalike" in findings:
        again |= {"id": event.id, "by": findings["engine.lookalike"].limit}
        return Way(event.id, "if that is the person, submit it with the name recorded", (again,))
    if decided.decision.outcome == "refused":
        return Way(event.id, "if it is another event, submit it under an id of its own", (again,))
    fields = (name for one in findings.values() for name in one.missing if "." not in name)
    lacking = dict.fromkeys(fields, _VALUE)
    if event.kind in ("fill", "correct"):
        what = "it counts, and halts nothing: correct it with what is missing, or keep why it is"
        correct = _new("correct", event.id, now, fill=event.id)
        return Way(event.id, what, (correct | lacking,) if lacking else ())
    own = _own_way(event, findings, again, now)
    if own is not None or not lacking:
        return own or _ruled(event, _of_no_quantity(findings.values(), decided.life), again)
    return Way(event.id, "submit it again with what is missing", (again | lacking,))


def _own_way(event: Event, findings: Mapping[str, Finding], again: Fields, now: date) -> Way | None:
    """Return what to do about the first of *findings* that the program itself makes, if any."""
    if "engine.replace-pending" in findings:
        answers = tuple(_new(one, event.id, now, order=event.order) for one in _ANSWERS)
        return Way(event.id, "submit what the venue answered to the earlier replace", answers)
    own = next((name for name in _OWN if name in findings), None)
    if own is None:
        return None
    what, changes = _OWN[own]
    changes = _changes_of(findings[own]) or changes
    if changes is None:
        return Way(event.id, what)
    if misplaced(event.kind, changes):
        # Its order says that, and it cannot.
        return _held(event, again) if event.kind == "release" else Way(event.id, what)
    changed = {name: of for name, of in (again | changes).items() if of is not None}
    return Way(event.id, what, (changed,))


def _changes_of(finding: Finding) -> Fields | None:
    """Return what to change in the event by the values of *finding*; `None` if it is in `_OWN`."""
    if finding.rule == "engine.backdated":
        return {"time": None, "date": finding.limit}
    if finding.rule == "engine.unknown-instrument" and finding.limit is not None:
        # The symbol is known.
        return {"venue": _VALUE, "venues": None}
    if finding.rule == "engine.contradicted":
        # It names each fact before the event's value.
        stated = (finding.observed or "").split(", ")
        return {one.partition(" ")[0]: None for one in stated}
    return None


def _held(event: Event, again: Fields) -> Way:
    what = "the order stays held: cancel it, or replace it by what the rules allow"
    return Way(event.id, what, (again | {"kind": "cancel"},))


def _of_no_quantity(findings: Iterable[Finding], life: Life) -> tuple[str, ...]:
    """Return the rules of those *findings* that stop the event whatever its quantity is."""
    of_quantity = {
        of.rule.id: any("quantity" in TABLE[fact].given_by for fact in of.facts)
        for of in life.edition.rules
    }
    return tuple(
        one.rule for one in findings if one.effect != "flag" and not of_quantity.get(one.rule, True)
    )


def _ruled(event: Event, fixed: tuple[str, ...], again: Fields) -> Way:
    """Return what to do about the rules that deny *event*, submitted *again*.

    The rules *fixed* deny it whatever its quantity is.
    """
    if event.kind == "release":
        return _held(event, again)
    if fixed:
        what = f"no other quantity would help: change what fails {', '.join(fixed)}"
        return Way(event.id, what, (again,))
    what = "`repurchase headroom` finds the most that would be approved, if anything; submit that"
    return Way(event.id, what, (again | {"quantity": _VALUE},))


def _new(kind: str, about: str, when: date, **fields: Any) -> Fields:
    """Return an event of *kind* about the event or order *about*, under an id of its own.

    *when* is its time, or its day alone.
    """
    if isinstance(when, datetime):
        moment, stamp = {"time": when.isoformat(timespec="seconds")}, f"{when:%Y%m%d%H%M%S}"
    else:
        moment, stamp = {"date": when.isoformat()}, f"{when:%Y%m%d}"
    # Long names have the ids of some senders already; the moment makes it another each time.
    return {"kind": kind, "id": f"{kind}-{about[:_NAMED_MAX]}-{stamp}", **moment, **fields}


def way_view(way: Way) -> Text:
    """Return *way* for a terminal: the sentence, and each event on a line of its own."""
    text = Text.assemble(("Next: ", "bold"), plain(way.what))
    for fields in way.events:
        text.append(f"\n  {json_text(fields)}")
    return text


def ways_view(name: str, ways: Iterable[Way]) -> RenderableType:
    """Return all *ways* back of the program *name*, numbered, for a terminal."""
    lines = [
        Text.assemble((f"{number}. ", "bold"), plain(way.what)).append(
            "".join(f"\n   {json_text(fields)}" for fields in way.events)
        )
        for number, way in enumerate(ways, 1)
    ]
    if not lines:
        return Text(f"{plain(name)}: nothing is to be recovered")
    return Group(*lines)
