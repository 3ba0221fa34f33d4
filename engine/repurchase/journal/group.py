"""The records that one transaction writes: decisions and adoptions."""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import datetime

from msgspec.structs import replace

from repurchase.domain.decisions import Receipt
from repurchase.domain.errors import (
    InputError,
    Problem,
)
from repurchase.domain.events import Event, key_of
from repurchase.domain.people import Identity
from repurchase.domain.version import __version__
from repurchase.evaluation.step import Decided, is_same_news, refusal, step
from repurchase.journal.answers import (
    answer_of,
    is_decided_anew,
    place_of,
    receipt_of,
    repeated,
)
from repurchase.journal.book import (
    Book,
    RuleTexts,
    adopting,
    counts_otherwise,
    judged_then,
    sealed_as,
)
from repurchase.journal.outside import NotedMarket
from repurchase.journal.records import (
    Adoption,
    Reconciliation,
    Record,
    Sealed,
    answered,
    digest,
    event_object,
    event_of,
    rules_of,
    sealed,
)
from repurchase.journal.rule_texts import (
    RuleText,
)
from repurchase.journal.store import Head, Stored, Writer
from repurchase.market.feed import Feed
from repurchase.rulebook.editions import Edition, Editions
from repurchase.rulebook.life import Life, life, life_then


class Group:
    """The records that one transaction will write, and the program after them."""

    book: Book

    def __init__(
        self, book: Book, at: datetime, writer: Writer, texts: RuleTexts, feed: Feed
    ) -> None:
        self.book = book
        self.editions: dict[str, Edition] = {}
        self._at = at
        self._writer = writer
        self._texts = texts
        self._feed = feed
        self._records: list[Sealed] = []
        self._new: dict[str, tuple[Sealed, Editions]] = {}

    def adopt(
        self, rules: RuleText, by: str | None, identity: Identity | None, *, one_person: bool
    ) -> None:
        """Add the record that the program begins under *rules*, and store their texts."""
        self._keep(rules)
        name = rules.editions.authorization.name
        adoption = Adoption(name, rules.rules, by, one_person=one_person, identity=identity)
        self._adopt(adoption, rules.editions)

    def change(self, rules: RuleText, by: str, reason: str, *, proven: bool) -> str | None:
        """Add the record that *rules* govern the program, or wait; return the proposal's name then.

        *proven* is whether they are proven to be no looser than those in force.
        """
        self._keep(rules)
        adoption = Adoption(rules.editions.authorization.name, rules.rules, by, reason)
        if proven or not self.book.position.two_persons:
            self._adopt(replace(adoption, proven_no_looser=proven), rules.editions)
            return None
        pending = f"adoption-{self.book.head.sequence + 1}"
        while pending in self.book.position.proposals:
            # Somebody called a resume so: whoever confirms must mean one thing.
            pending += "-2"
        self._adopt(replace(adoption, pending=pending), rules.editions)
        return pending

    def reconcile(self, found: Reconciliation) -> Receipt:
        """Add the record of a reconciliation, and return which record it is."""
        return receipt_of(self._add(Record(*self._next(), reconciliation=found)))

    def answer(self, event: Event, known: Mapping[str, Stored]) -> Decided:
        """Return the decision on *event*: the recorded one, or a new one with its record.

        *known* holds the stored records by key. Raise Tampering if the event's was changed.
        """
        key = key_of(event.kind, event.id)
        stored = known.get(key)
        before = self._new[key][0] if key in self._new else None
        if before is None and stored is not None:
            before = sealed_as(stored, self._writer.url)
        was = self.book.position
        its = self._life(event)
        if before is not None and not is_decided_anew(event, before.record, was, its):
            return self.again(event, before)
        self._check_confirmed(event)
        noted = NotedMarket(self._feed.of(its.edition.authorization))
        taken = step(event, was, its, live=True, market=noted)
        decided = answer_of(event, taken, was, its)
        if decided.repeated or taken.decision.outcome == "refused":
            return decided
        for edition in (its.edition, *(one.edition for one in its.later)):
            self.editions[edition.hash] = edition
        answer = answered(taken.decision)
        said = event_object(event), noted.outside()
        again, feeds = before is not None, noted.feeds()
        content = Record(*self._next(), *said, answer=answer, again=again, feeds=feeds)
        record = self._add(content)
        if before is None and self.book.editions is not None:
            self._new[key] = record, self.book.editions
        self.book = replace(self.book, position=taken.position)
        if event.kind == "confirm":
            self._adopt_if_agreed(event)
        return replace(decided, receipt=receipt_of(record))

    def write(self, kept: frozenset[str]) -> None:
        """Write all records, and the editions that are not in *kept*."""
        if not self._records:
            return
        self._writer.append(self._records)
        for edition in self.editions.values():
            if edition.hash not in kept:
                self._writer.keep_edition(edition.hash, edition.content)

    def again(self, event: Event, before: Sealed) -> Decided:
        """Return the decision on an event whose id has a record.

        The same event gets its recorded decision again; another event with this id is refused. A
        report of the venue that contradicts the record leaves a record of its own, and halts.
        """
        was, record = self.book.position, before.record
        told = event_of(record.event or {})
        if is_same_news(event, told):
            return repeated(event, before, self._judged_then(event, record), was)
        its = self._life(event)
        taken = refusal(event, was, its.edition, told)
        decided = replace(answer_of(event, taken, was, its), place=place_of(record))
        if taken.decision.findings[0].observed is None:
            return decided
        self.editions[its.edition.hash] = its.edition
        answer = answered(taken.decision)
        said = event_object(event), None, record.event, answer
        refused = self._add(Record(*self._next(), *said, again=True))
        self.book = replace(self.book, position=taken.position)
        return replace(decided, receipt=receipt_of(refused))

    def _check_confirmed(self, event: Event) -> None:
        """Raise InputError if *event* confirms rules that count money otherwise than it is used."""
        proposal = self.book.position.proposals.get(event.of or "")
        if event.kind != "confirm" or proposal is None or proposal.rules is None:
            return
        if counts_otherwise(self._texts.editions(rules_of(proposal)), self.book):
            what = f"`{event.of}` has another `currency` or `amount_basis` than the money used"
            raise InputError(Problem(what, "begin another program, and bring forward the amount"))

    def _keep(self, rules: RuleText) -> None:
        for text in rules.texts():
            self._writer.keep_text(digest(text), text)

    def _adopt(self, adoption: Adoption, editions: Editions) -> None:
        self._texts.know(adoption.rules, editions)
        self._add(Record(*self._next(), adoption=adoption))
        self.book = adopting(self.book, adoption, self._texts)

    def _adopt_if_agreed(self, event: Event) -> None:
        """Add the adoption that *event* confirmed, if it did."""
        agreed = self.book.position.proposals.get(event.of or "")
        if agreed is None or not agreed.is_confirmed:
            return
        assert self.book.editions is not None, "only a program that has begun has proposals"
        rules, name = rules_of(agreed), self.book.editions.authorization.name
        adoption = Adoption(name, rules, agreed.by, agreed.reason, of=event.of)
        self._adopt(adoption, self._texts.editions(rules))

    def _life(self, event: Event) -> Life:
        assert self.book.editions is not None, "a rule file is adopted before the first event"
        return life(self.book.editions, event, self.book.position)

    def _judged_then(self, event: Event, record: Record) -> Life:
        key = key_of(event.kind, event.id)
        if key in self._new:
            # Its rule file may be adopted in this same transaction.
            editions = self._new[key][1]
            return life_then(editions, record.decision(), editions.day_of(event))
        return judged_then(self._writer, self._writer.program, self._texts, record, event)

    def _next(self) -> tuple[int, str, datetime, str]:
        """Return the first four fields of the next record."""
        head = self.book.head
        return head.sequence + 1, head.hash, self._at, __version__

    def _add(self, record: Record) -> Sealed:
        whole = sealed(replace(record, salt=os.urandom(16).hex()))
        self._records.append(whole)
        self.book = replace(self.book, head=Head(record.sequence, whole.hash))
        return whole
