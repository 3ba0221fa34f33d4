"""What the desk answers: a decision with its receipt, what it stops, and an earlier decision."""

from __future__ import annotations

from fractions import Fraction
from typing import Final

from msgspec.structs import replace

from repurchase.domain.decisions import Receipt
from repurchase.domain.errors import (
    JournalError,
    Problem,
)
from repurchase.domain.events import EXECUTIONS, REPORTS, Event, key_of
from repurchase.domain.moments import NANOSECONDS, instant
from repurchase.domain.quantities import written
from repurchase.evaluation.step import Decided, Step, Stopped, is_same_news, refusal, step
from repurchase.journal.book import (
    Book,
    RuleTexts,
    judged_then,
    sealed_as,
)
from repurchase.journal.records import (
    Record,
    Sealed,
    event_of,
)
from repurchase.journal.store import Journal
from repurchase.ledger.halts import ended, is_repeated, to_cancel
from repurchase.ledger.position import Position
from repurchase.market.feed import Feed
from repurchase.rulebook.life import Life, life

# How an order stands just after the decision on it, by its outcome.
_STATES: Final = {"approved": "open", "held": "held", "denied": "denied"}


def would_decide(journal: Journal, program: str, book: Book, event: Event, feed: Feed) -> Decided:
    """Return the decision on *event* by *program*, which is as *book* says, with every finding.

    Write nothing. If the event is already recorded in *journal*, return its recorded decision.
    Raise JournalError if *book* has not begun, Tampering if the event's record was changed.
    """
    if book.editions is None:
        raise JournalError(Problem("the program has not begun", file=journal.url))
    was = book.position
    its = life(book.editions, event, was)
    stored = journal.record(program, key_of(event.kind, event.id))
    before = None if stored is None else sealed_as(stored, journal.url)
    if before is None or is_decided_anew(event, before.record, was, its):
        market = feed.of(its.edition.authorization)
        taken = step(event, was, its, every_rule=True, live=True, market=market)
        return answer_of(event, taken, was, its)
    record = before.record
    told = event_of(record.event or {})
    if not is_same_news(event, told):
        refused = refusal(event, was, its.edition, told)
        return replace(answer_of(event, refused, was, its), place=place_of(record))
    then = judged_then(journal, program, RuleTexts(journal.text), record, event)
    return repeated(event, before, then, was)


def answer_of(event: Event, taken: Step, was: Position, its: Life) -> Decided:
    """Return what is answered to *event*, given the step *taken* and the position before it."""
    now = taken.position
    is_stop = event.kind == "halt" or len(now.halts) > len(was.halts)
    return Decided(
        taken.decision,
        its,
        repeated=event.kind == "halt" and not event.drill and is_repeated(was, event),
        event=event,
        to_cancel=to_cancel(now, event) if is_stop else (),
        stopped=tuple(Stopped(one.event.id, _seconds(one.event, event)) for one in ended(was, now)),
        one_person=not now.two_persons,
    )


def receipt_of(record: Sealed) -> Receipt:
    """Return the number and the hash of *record*: who keeps them can show what a journal lost."""
    return Receipt(record.record.sequence, record.hash)


def repeated(event: Event, before: Sealed, then: Life, now: Position) -> Decided:
    """Return the decision that *event* had *before*, and how its order stands *now*."""
    decision = before.record.decision()
    order = now.orders.get(event.order or event.id)
    state = None if order is None or event.kind in REPORTS else order.state
    return Decided(
        decision,
        then,
        repeated=True,
        event=event,
        place=place_of(before.record),
        receipt=receipt_of(before),
        order_state=None if state == _STATES.get(decision.outcome) else state,
        one_person=not now.two_persons,
    )


def place_of(record: Record) -> str:
    return f"record {record.sequence:,}"


def _seconds(first: Event, last: Event) -> str | None:
    """Return how many seconds passed from *first* to *last*; `None` if a time is not known."""
    if first.time is None or last.time is None or last.time < first.time:
        return None
    return written(Fraction(instant(last.time) - instant(first.time), NANOSECONDS))


def is_decided_anew(event: Event, before: Record, now: Position, its: Life) -> bool:
    """Return whether *event* is decided at the position *now*, although *before* has its id.

    A halt stops whatever its id. An answer of the venue that came too early may be in order now.
    """
    if event.kind == "halt":
        return True
    was_denied = before.answer is not None and before.answer.outcome == "denied"
    if not was_denied or event.kind not in REPORTS - EXECUTIONS:
        return False
    is_said_again = is_same_news(event, event_of(before.event or {}))
    return is_said_again and step(event, now, its, live=True).decision.outcome == "recorded"
