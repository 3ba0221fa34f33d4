"""What people ask of a journal: a program's position, and all records that concern one event."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date, datetime
from typing import Annotated, Any, Literal

import msgspec
from msgspec.structs import replace

from repurchase.domain.calendars import day_at
from repurchase.domain.counters import When, moment_of
from repurchase.domain.decisions import Decision, Outcome, PositionReport
from repurchase.domain.errors import InputError, JournalError, Problem, UsageError
from repurchase.domain.events import Event, key_of
from repurchase.domain.quantities import Exact, written
from repurchase.evaluation.open_fills import fills_under
from repurchase.evaluation.standing import unfit
from repurchase.evaluation.step import Decided, position_report
from repurchase.evaluation.wording import Worded, worded_findings
from repurchase.journal.answers import would_decide
from repurchase.journal.book import (
    Book,
    RuleTexts,
    following,
    misplaced,
    recorded,
    rules_at,
    stored_book,
)
from repurchase.journal.records import Reconciliation, Rules, event_of, rules_of
from repurchase.journal.rule_texts import other_rules
from repurchase.journal.store import Head, Journal
from repurchase.ledger.counters import is_unknown
from repurchase.ledger.halts import left_to_cancel, scope_of
from repurchase.ledger.orders import Order
from repurchase.ledger.position import Cause, Position, Proposal
from repurchase.market.feed import Feed, read_feed
from repurchase.rulebook.changes import Change, changes
from repurchase.rulebook.editions import Edition, Editions
from repurchase.rulebook.life import Life, life_then

_NAMES = ("id", "order", "fill")
# A moment, or a day alone: of two kinds of text a JSON Schema made from a struct could tell one.
_WRITTEN = {"anyOf": [{"format": "date"}, {"format": "date-time"}]}
Dated = Annotated[date, msgspec.Meta(extra_json_schema=_WRITTEN)]


class OrderLine(msgspec.Struct, frozen=True):
    """An open or held order, its quantities as exact strings.

    *is_past* says whether its last day is over. *replace_quantity* is the quantity of a replace
    that the venue has not acknowledged. *replace_is_held* says whether a replace is held for
    second approval. *unfit* says why the order no longer fits a cap or the window that is in force
    or known by now, if it does not.
    """

    id: str
    state: str
    symbol: str | None
    venue: str | None
    venues: tuple[str, ...]
    quantity: int | str
    filled: int | str
    open_quantity: int | str
    price: str | None
    reserved_shares: str
    reserved_amount: str | None
    last_date: date
    is_past: bool
    replace_quantity: int | str | None
    replace_is_held: bool
    unfit: tuple[Worded, ...] = ()


class Stopping(msgspec.Struct, frozen=True):
    """An order that was open when a program was halted, and whether it is closed by now."""

    order: str
    is_closed: bool


class HaltLine(msgspec.Struct, frozen=True):
    """One cause that halts a program: the event, the `deny` rules it failed, what it stops.

    *scope* has the fields of a halt that does not stop everything. *orders* were open then.
    """

    id: str
    kind: str
    at: Dated | None
    by: str | None
    reason: str | None
    rules: tuple[str, ...]
    scope: dict[str, str]
    orders: tuple[Stopping, ...]


class ProposalLine(msgspec.Struct, frozen=True):
    """What waits for a second person: to lift *causes*, or to adopt *rule_file*."""

    id: str
    by: str | None
    reason: str | None
    causes: tuple[str, ...]
    rule_file: str | None


class CounterLine(msgspec.Struct, frozen=True):
    """What a counter of the rule file has counted in its period of now; exact numbers as texts.

    The *brokers* are `None` if one is unknown.
    """

    name: str
    shares: str
    amount: str
    orders: int
    messages: int
    cancels: int
    open_orders: int
    brokers: int | None


class Overview(msgspec.Struct, frozen=True):
    """A program's position: its records, what it has used, open orders, and unknown fills.

    Its position was folded from the one at record *since*, which this user had checked before, or
    from the first record if that is 0.
    """

    authorization: str
    rule_file: str
    packs: dict[str, str]
    records: int
    head: str
    latest: date | None
    position: PositionReport
    counters: tuple[CounterLine, ...]
    unknown: tuple[str, ...]
    orders: tuple[OrderLine, ...]
    halts: tuple[HaltLine, ...]
    proposals: tuple[ProposalLine, ...]
    one_person: bool
    since: int


class StoryLine(msgspec.Struct, frozen=True):
    """One record of a story: the time of recording, the event and its decision.

    *outside* are the facts that feeds supplied and that the event's rules read; one is `None` if
    only a feed may supply it and none did. *feeds* are the SHA-256 of the market files read.
    """

    sequence: int
    at: datetime
    event: dict[str, Any]
    outside: dict[str, Any]
    decision: Decision
    life: Life
    feeds: tuple[str, ...] = ()


def overview(book: Book, now: datetime) -> Overview:
    """Return the position of the program of *book* at *now*; raise JournalError if not begun."""
    edition, editions = edition_at(book, now), book.editions
    assert editions is not None, "`edition_at` makes sure of it"
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
        counters=tuple(_counted(position, edition, now)),
        unknown=position.unknown_fills(money=edition.judges_money),
        orders=tuple(
            _line(name, order, today, _unfit(order, position, editions, today))
            for name, order in sorted(position.orders.items())
            if order.state in ("open", "held")
        ),
        halts=tuple(halt_line(cause, position) for cause in position.halts),
        proposals=tuple(_proposal(name, one) for name, one in sorted(position.proposals.items())),
        one_person=not position.two_persons,
        since=book.since,
    )


def _counted(position: Position, edition: Edition, now: datetime) -> Iterator[CounterLine]:
    for counter in edition.authorization.parts():
        uses = position.counters.get(counter.name)
        day = day_at(now, counter.zone or edition.counting.zone)
        found = None if uses is None else uses.of(When(day, moment_of(now)))
        if found is not None:
            yield CounterLine(
                counter.name,
                written(found.shares),
                written(found.amount),
                found.orders,
                found.messages,
                found.cancels,
                found.open_orders,
                None if is_unknown(found.brokers) else len(found.brokers),
            )


def halt_line(cause: Cause, position: Position) -> HaltLine:
    """Return *cause*, and which of the orders it stops are closed at *position*."""
    event, left = cause.event, left_to_cancel(position, cause)
    orders = tuple(Stopping(name, name not in left) for name in sorted(cause.orders))
    return HaltLine(
        id=event.id,
        kind=event.kind,
        at=event.time or event.date,
        by=event.by,
        reason=event.reason,
        rules=tuple(sorted(cause.rules)),
        scope=dict(scope_of(event)) if event.kind == "halt" else {},
        orders=orders,
    )


def _proposal(name: str, one: Proposal) -> ProposalLine:
    return ProposalLine(name, one.by, one.reason, tuple(sorted(one.causes)), one.rules)


def edition_at(book: Book, now: datetime) -> Edition:
    """Return the edition in force at *now* for the program of *book*.

    Raise JournalError if the program has not begun.
    """
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
    """Return the decision that *program* would make on *event* now, with every finding.

    Record nothing. *feed* supplies market facts that the event lacks. If the event is already
    recorded, return its recorded decision. Raise InputError if the event is of another
    authorization, UsageError if the program uses other rules than *rules*, and JournalError if it
    has not begun.
    """
    if event.authorization not in (None, program):
        what = f"the event `{event.id}` is of authorization `{event.authorization}`"
        raise InputError(Problem(what, f"this program's is `{program}`"))
    book = stored_book(journal, program)
    if book.editions is None:
        raise JournalError(Problem("the program has not begun", file=journal.url))
    if rules is not None and rules != book.rules:
        hint = "omit --rules, or record the change with `repurchase adopt`"
        raise UsageError(Problem(other_rules(book.rules, rules), hint, journal.url))
    return would_decide(journal, program, book, event, feed or read_feed(()))


def story(journal: Journal, program: str, name: str, *, whole: bool = True) -> Iterator[StoryLine]:
    """Yield the records of the event *name* and of all events connected with it, in order.

    The story of an order therefore includes its fills, their busts and their corrections. Raise
    JournalError if the records do not form one chain: the *whole* one, or else that from the first
    of these events on.
    """
    texts = RuleTexts(journal.text)
    met = _led_to(journal, program, name)
    head, rules = Head(), Rules("")
    if not whole:
        first = _first_of(journal, program, met)
        hash_ = None if first is None else journal.hash_of(program, first - 1)
        if first is None or hash_ is None:
            return
        head, rules = Head(first - 1, hash_), rules_at(journal, program, first - 1)
    for stored in journal.records(program, head.sequence):
        try:
            record = following(head, stored)
            head = Head(stored.sequence, stored.hash)
            if record.adoption is not None and record.adoption.pending is None:
                rules = record.adoption.rules
            event = record.event
            if event is None or met.isdisjoint(about(event)):
                continue
            decision = record.decision()
            editions = texts.editions(rules)
            then = life_then(editions, decision, editions.day_of(event_of(event)))
        except JournalError as error:
            raise misplaced(error, journal.url, stored.sequence) from error
        met.add(event["id"])
        outside = record.outside or {}
        yield StoryLine(record.sequence, record.at, event, outside, decision, then, record.feeds)


# What became of the rule file of an adoption. A proposal lapses if another file is adopted first.
Standing = Literal["in force", "replaced", "waits", "confirmed", "lapsed"]


class AdoptedThen(msgspec.Struct, frozen=True):
    """An adoption: from *record* on, the rule file with the hash *rule_file* is in force.

    *packs* are the hashes of the packs that the file includes, by name. If *pending*, it was only
    proposed, under this name; *of* is the name of the proposal that was confirmed, and
    *confirmed_by* the person who did. *standing* is what became of it.
    """

    record: int
    at: datetime
    rule_file: str
    packs: dict[str, str]
    by: str | None
    reason: str | None
    pending: str | None = None
    of: str | None = None
    confirmed_by: str | None = None
    standing: Standing = "in force"


def adoptions(journal: Journal, program: str) -> list[AdoptedThen]:
    """Return the adoptions of *program* in order; raise Tampering if a record was changed."""
    last = journal.head(program).sequence
    records = (recorded(stored, journal.url) for stored in journal.without_key(program, last))
    found = [
        AdoptedThen(
            one.sequence,
            one.at,
            new.rules.file,
            new.rules.packs,
            new.by,
            new.reason,
            new.pending,
            new.of,
            None if new.of is None else _confirmer(journal, program, one.sequence),
        )
        for one in records
        if (new := one.adoption) is not None
    ]
    return list(_standing(found))[::-1]


def _standing(found: Iterable[AdoptedThen]) -> Iterator[AdoptedThen]:
    """Yield the adoptions *found*, the last one first, each with what became of it."""
    after: set[str | None] = set()
    is_followed = False
    for one in found:
        standing: Standing = "replaced" if is_followed else "in force"
        if one.pending is not None:
            is_confirmed = one.pending in after
            standing = "confirmed" if is_confirmed else "lapsed" if is_followed else "waits"
        else:
            after.add(one.of)
            is_followed = True
        yield replace(one, standing=standing)


class ReconciledThen(msgspec.Struct, frozen=True):
    """A *reconciliation* with a file, recorded *at* that time under the number *record*."""

    record: int
    at: datetime
    reconciliation: Reconciliation


def reconciliations(journal: Journal, program: str) -> list[ReconciledThen]:
    """Return the reconciliations of *program* in order; raise Tampering if a record was changed."""
    last = journal.head(program).sequence
    records = (recorded(stored, journal.url) for stored in journal.without_key(program, last))
    return [
        ReconciledThen(one.sequence, one.at, one.reconciliation)
        for one in records
        if one.reconciliation is not None
    ][::-1]


class Proposed(msgspec.Struct, frozen=True):
    """The rule file of a proposal: what it *changed* in the rules then in force, and its *text*."""

    adoption: AdoptedThen
    changed: tuple[Change, ...]
    text: str


def proposed(journal: Journal, program: str, name: str) -> Proposed | None:
    """Return the rule file that *name* proposed; `None` if *name* is no such proposal.

    Raise Tampering if a record or a text was changed.
    """
    found = adoptions(journal, program)
    one = next((one for one in found if one.pending == name), None)
    if one is None:
        return None
    texts = RuleTexts(journal.text)
    before = [of for of in found if of.pending is None and of.record < one.record][-1]
    old, new = (texts.editions(Rules(of.rule_file, of.packs)).authorization for of in (before, one))
    return Proposed(one, changes(old, new), new.text)


def _confirmer(journal: Journal, program: str, sequence: int) -> str | None:
    """Return who confirmed the adoption of record *sequence*: the record before it says it."""
    stored = journal.numbered(program, sequence - 1)
    event = None if stored is None else recorded(stored, journal.url).event
    return None if event is None else event.get("by")


def _led_to(journal: Journal, program: str, name: str) -> set[str]:
    """Return the ids of the event *name*, of the events it names, of those they name, and so on."""
    met: set[str] = set()
    asked_for = {name}
    while asked_for - met:
        one = (asked_for - met).pop()
        met.add(one)
        for kind in ("order", "fill"):
            stored = journal.record(program, key_of(kind, one))
            if stored is not None:
                asked_for |= about(recorded(stored, journal.url).event or {})
    return met


def _first_of(journal: Journal, program: str, names: Iterable[str]) -> int | None:
    """Return the number of the first record of the events *names*; `None` if there is none."""
    keys = [key_of(kind, one) for one in names for kind in ("order", "fill")]
    found = journal.with_keys(program, keys).values()
    return min((one.sequence for one in found), default=None)


def about(event: dict[str, Any]) -> set[str]:
    """Return the id of *event*, and the ids of the order and the fill that it names."""
    return {name for field in _NAMES if isinstance(name := event.get(field), str)}


class FillLine(msgspec.Struct, frozen=True):
    """What the rules in force make of a fill of all that is open of *order*, at its limit.

    *outcome* is `approved` or `denied`, by *findings*, on *day*. *halts* says whether the fill
    would halt the program.
    """

    order: str
    day: date
    outcome: Outcome
    halts: bool
    findings: tuple[Worded, ...]


class Adopted(msgspec.Struct, frozen=True):
    """The rules in force after an adoption: what changed, and whether the use fits the caps.

    *unfit* are the open orders that no longer fit a cap or the window. *fills* says of each open
    order what the new rules make of its fill. *use_fits* is false if the use exceeds a cap, or may;
    *fits* is also false if an order no longer fits, or if its fill would halt the program. *lapsed*
    are the proposals of other rule files: they no longer wait, since they were compared with the
    rules before.
    """

    authorization: str
    rule_file: str
    packs: dict[str, str]
    changed: tuple[Change, ...]
    position: PositionReport
    use_fits: bool
    fits: bool
    unfit: tuple[OrderLine, ...]
    fills: tuple[FillLine, ...]
    lapsed: tuple[str, ...]


def adoption(before: Book, after: Book, now: datetime) -> Adopted:
    """Return what an adoption changed, given the program *before* and *after* it.

    The caps are those in force at *now*.
    """
    new, old = edition_at(after, now), edition_at(before, now).authorization
    left = position_report(after.position, new)
    lines = overview(after, now).orders
    unfit_now = tuple(line for line in lines if line.unfit)
    fills = tuple(_fills(after, now))
    # An unknown remainder does not fit: the use may exceed its cap.
    use_fits = not any(
        cap is not None and (rest is None or rest.startswith("-"))
        for cap, rest in (
            (new.max_shares, left.remaining_shares),
            (new.max_amount, left.remaining_amount),
        )
    )
    return Adopted(
        authorization=new.authorization.name,
        rule_file="" if after.rules is None else after.rules.file,
        packs={} if after.rules is None else after.rules.packs,
        changed=changes(old, new.authorization),
        position=left,
        use_fits=use_fits,
        fits=use_fits and not unfit_now and not any(one.halts for one in fills),
        unfit=unfit_now,
        fills=fills,
        lapsed=tuple(_lapsed(before.position, after)),
    )


def _lapsed(before: Position, after: Book) -> Iterator[str]:
    """Yield the rule files that waited *before*, and will not once the rules of *after* hold."""
    for name, one in sorted(before.proposals.items()):
        if one.rules is not None and rules_of(one) != after.rules:
            yield name


def _fills(book: Book, now: datetime) -> Iterator[FillLine]:
    """Yield what the rules of *book* make of the fill of each open order."""
    assert book.editions is not None, "a rule file is adopted"
    for one in fills_under(book.position, book.editions, day_at(now, book.editions.zone)):
        event = book.position.orders[one.order].terms.event
        found = worded_findings(one.decision.findings, one.life, event)
        yield FillLine(one.order, one.day, one.decision.outcome, one.halts, found)


def _unfit(order: Order, position: Position, editions: Editions, today: date) -> tuple[Worded, ...]:
    """Return in words why *order*, if it is open, no longer fits."""
    found = unfit(order, position, editions, today) if order.is_open else None
    return () if found is None else worded_findings(found.findings, found.life, order.terms.event)


def _line(name: str, order: Order, today: date, why: tuple[Worded, ...]) -> OrderLine:
    event = order.terms.event
    last = max(terms.last_date for terms in order.in_play())
    return OrderLine(
        id=name,
        state=order.state,
        symbol=event.symbol,
        venue=event.venue,
        venues=event.venues,
        quantity=_units(order.terms.quantity),
        filled=_units(order.filled),
        open_quantity=_units(order.open_quantity),
        price=_text(order.terms.price),
        reserved_shares=written(order.reserved_shares),
        reserved_amount=_text(order.reserved_amount),
        last_date=last,
        is_past=last < today,
        replace_quantity=None if order.asked is None else _units(order.asked.quantity),
        replace_is_held=order.held is not None,
        unfit=why,
    )


def _units(value: Exact) -> int | str:
    """Return *value* as an integer, or as an exact string if a split left a part of a unit."""
    return value if isinstance(value, int) else written(value)


def _text(value: Exact | None) -> str | None:
    return None if value is None else written(value)
