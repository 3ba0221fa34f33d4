"""A program's journal as people ask for it: where it stands, and the whole story of one event."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime
from typing import Any

import msgspec

from repurchase.domain.calendars import day_at
from repurchase.domain.decisions import Decision, PositionReport
from repurchase.domain.errors import InputError, JournalError, Problem, UsageError
from repurchase.domain.events import Event
from repurchase.domain.quantities import Exact, written
from repurchase.evaluation.step import Decided, position_report, refusal, step
from repurchase.journal.book import (
    Book,
    RuleTexts,
    edition_then,
    following,
    misplaced,
    recorded,
    stored_book,
)
from repurchase.journal.desk import other_rules
from repurchase.journal.records import Rules, event_object, event_of
from repurchase.journal.store import Head, Journal
from repurchase.ledger.orders import Order
from repurchase.market.feed import Feed, read_feed
from repurchase.rulebook.changes import Change, changes
from repurchase.rulebook.editions import Edition

_ABOUT = ("id", "order", "fill")


class OrderLine(msgspec.Struct, frozen=True):
    """An order that is open or held, its quantities as exact strings.

    *is_past* is whether its last day is over, *replace_quantity* that of a replace which waits for
    the venue, *replace_is_held* whether one waits for its release.
    """

    id: str
    state: str
    symbol: str | None
    venue: str | None
    quantity: int
    filled: int
    open_quantity: int
    price: str | None
    reserved_shares: str
    reserved_amount: str | None
    last_date: date
    is_past: bool
    replace_quantity: int | None
    replace_is_held: bool


class Overview(msgspec.Struct, frozen=True):
    """Where a program stands: its records, what it has used, what is open and what is unknown."""

    authorization: str
    rule_file: str
    packs: dict[str, str]
    records: int
    head: str
    latest: date | None
    position: PositionReport
    unknown: tuple[str, ...]
    orders: tuple[OrderLine, ...]


class StoryLine(msgspec.Struct, frozen=True):
    """One record of a story: when it was recorded, the event and its answer.

    *outside* are the facts that its rules read and that feeds supplied.
    """

    sequence: int
    at: datetime
    event: dict[str, Any]
    outside: dict[str, Any]
    decision: Decision
    edition: Edition


def overview(book: Book, now: datetime) -> Overview:
    """Return where the program of *book* stands at *now*; raise JournalError before its first."""
    edition = edition_at(book, now)
    position = book.position
    today = day_at(now, edition.counting.zone)
    return Overview(
        authorization=edition.authorization.name,
        rule_file="" if book.rules is None else book.rules.file,
        packs={} if book.rules is None else book.rules.packs,
        records=book.head.sequence,
        head=book.head.hash,
        latest=None if position.latest == date.min else position.latest,
        position=position_report(position, edition),
        unknown=tuple(dict.fromkeys((*position.unknown_shares, *position.unknown_amount))),
        orders=tuple(
            _line(name, order, today)
            for name, order in sorted(position.orders.items())
            if order.state in ("open", "held")
        ),
    )


def edition_at(book: Book, now: datetime) -> Edition:
    """Return the edition that the program of *book* goes by at *now*."""
    if book.editions is None:
        raise JournalError(Problem("the program has not begun"))
    return book.editions.on(day_at(now, book.editions.zone))


def asked(
    journal: Journal,
    program: str,
    event: Event,
    rules: Rules | None = None,
    feed: Feed | None = None,
) -> Decided:
    """Return what *program* would answer to *event* now, with every rule; nothing is recorded.

    What the event does not say of the market comes from *feed*; what is recorded already has its
    answer. Raise InputError for an event of another program, and UsageError if it goes by other
    *rules*.
    """
    if event.authorization not in (None, program):
        what = f"the event is of authorization `{event.authorization}`"
        raise InputError(Problem(what, f"the program is that of `{program}`"))
    book = stored_book(journal, program)
    if book.editions is None:
        raise JournalError(Problem("the program has not begun", file=journal.url))
    if rules is not None and rules != book.rules:
        hint = "leave --rules out, or record the change with `repurchase adopt`"
        raise UsageError(Problem(other_rules(book.rules, rules), hint, journal.url))
    edition = book.editions.of(event, book.position)
    stored = journal.record(program, event.id)
    if stored is None:
        market = (feed or read_feed(())).of(edition.authorization)
        taken = step(event, book.position, edition, every_rule=True, live=True, market=market)
        return Decided(taken.decision, edition)
    record = recorded(stored, journal.url)
    if record.event != event_object(event):
        return Decided(refusal(event, book.position, edition), edition)
    then = edition_then(journal, program, RuleTexts(journal.text), record, event)
    return Decided(record.decision(), then, repeated=True)


def story(journal: Journal, program: str, name: str) -> Iterator[StoryLine]:
    """Yield what the journal tells of the event *name*: of the order or fill it is about too.

    So the story of an order is that of its fills, and of what took them back. Raise JournalError
    if the records do not form one chain.
    """
    texts = RuleTexts(journal.text)
    met = _led_to(journal, program, name)
    head, rules = Head(), Rules("")
    for stored in journal.records(program):
        try:
            record = following(head, stored)
            head = Head(stored.sequence, stored.hash)
            if record.adoption is not None:
                rules = record.adoption.rules
            event = record.event
            if event is None or met.isdisjoint(_about(event)):
                continue
            decision = record.decision()
            edition = texts.editions(rules).named(decision.edition, event_of(event))
        except JournalError as error:
            raise misplaced(error, journal.url, stored.sequence) from error
        met.add(event["id"])
        outside = record.outside or {}
        yield StoryLine(record.sequence, record.at, event, outside, decision, edition)


class AdoptedThen(msgspec.Struct, frozen=True):
    """That a program went by the rule file with the hash *rule_file* from this *record* on.

    *packs* are the hashes of those that the file includes, by name.
    """

    record: int
    at: datetime
    rule_file: str
    packs: dict[str, str]
    by: str | None
    reason: str | None


def adoptions(journal: Journal, program: str) -> list[AdoptedThen]:
    """Return the adoptions of *program*, in their order; raise Tampering for a changed record."""
    records = (recorded(stored, journal.url) for stored in journal.of_no_event(program))
    return [
        AdoptedThen(one.sequence, one.at, new.rules.file, new.rules.packs, new.by, new.reason)
        for one in records
        if (new := one.adoption) is not None
    ]


def _led_to(journal: Journal, program: str, name: str) -> set[str]:
    """Return the ids of the event *name*, of what it is about, of what that is about, and so on."""
    met: set[str] = set()
    asked_for = {name}
    while asked_for - met:
        one = (asked_for - met).pop()
        met.add(one)
        stored = journal.record(program, one)
        if stored is not None:
            asked_for |= _about(recorded(stored, journal.url).event or {})
    return met


def _about(event: dict[str, Any]) -> set[str]:
    return {name for field in _ABOUT if isinstance(name := event.get(field), str)}


class Adopted(msgspec.Struct, frozen=True):
    """What a program goes by now: what changed, and whether what it has used fits the caps."""

    authorization: str
    rule_file: str
    packs: dict[str, str]
    changed: tuple[Change, ...]
    position: PositionReport
    fits: bool


def adoption(before: Book, after: Book, now: datetime) -> Adopted:
    """Return what changed for the program from *before* to *after* it adopted a rule file."""
    new, old = edition_at(after, now), edition_at(before, now).authorization
    left = position_report(after.position, new)
    return Adopted(
        authorization=new.authorization.name,
        rule_file="" if after.rules is None else after.rules.file,
        packs={} if after.rules is None else after.rules.packs,
        changed=changes(old, new.authorization),
        position=left,
        # What is not known may be past its cap.
        fits=not any(
            cap is not None and (rest is None or rest.startswith("-"))
            for cap, rest in (
                (new.max_shares, left.remaining_shares),
                (new.max_amount, left.remaining_amount),
            )
        ),
    )


def _line(name: str, order: Order, today: date) -> OrderLine:
    event = order.terms.event
    last = max(terms.last_date for terms in order.in_play())
    return OrderLine(
        id=name,
        state=order.state,
        symbol=event.symbol,
        venue=event.venue,
        quantity=order.terms.quantity,
        filled=order.filled,
        open_quantity=order.open_quantity,
        price=_text(order.terms.price),
        reserved_shares=written(order.reserved_shares),
        reserved_amount=_text(order.reserved_amount),
        last_date=last,
        is_past=last < today,
        replace_quantity=None if order.asked is None else order.asked.quantity,
        replace_is_held=order.held is not None,
    )


def _text(value: Exact | None) -> str | None:
    return None if value is None else written(value)
