"""Rules beside those in force: each recorded event decided by both, each from its own position.

A journal holds the events as they came, with the facts that feeds supplied and the decisions. So
nothing has to run beside the desk: whoever reads the records afterwards finds what other rules
would have decided at the same moment.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from repurchase.domain.errors import JournalError, Problem
from repurchase.domain.events import Event
from repurchase.evaluation.step import Step, refusal, step
from repurchase.facts.fact import Market, Value
from repurchase.journal.book import Book, RuleTexts, after_record, book_at, following, misplaced
from repurchase.journal.outside import RecordedMarket
from repurchase.journal.records import Adoption, Record, event_of
from repurchase.journal.store import Journal
from repurchase.ledger.halts import adopted, proposed
from repurchase.ledger.position import Position
from repurchase.ledger.trades import Trade
from repurchase.market.feed import Feed
from repurchase.replay.run import Program
from repurchase.replay.what_if import Compared, WhatIf
from repurchase.rulebook.editions import Editions
from repurchase.rulebook.life import Life


class Shadow:
    """A program by other rules, from one of its records on.

    *what_if* compares it with the decisions in the records; *book* is the program as it is recorded
    up to where the shadow has come.
    """

    what_if: WhatIf
    book: Book

    def __init__(
        self, journal: Journal, program: str, rules: Editions, feed: Feed, after: int = 1
    ) -> None:
        """Begin after the record *after* of *program*, which must have begun by then.

        *feed* supplies the facts that *rules* read and the records do not hold. Raise JournalError
        if the records contradict each other.
        """
        self._journal = journal
        self._program = program
        self._texts = RuleTexts(journal.text)
        self._feed = feed.of(rules.authorization)
        self._feed_only = rules.authorization.all_feed_only()
        self.book = book_at(journal, program, self._texts, after)
        if self.book.editions is None:
            raise JournalError(Problem("the program has not begun", file=journal.url))
        # The record that is taken now.
        self._record: Record
        position = self.book.position
        self.what_if = WhatIf(
            Program(self.book.editions, judge=self._recorded, position=position),
            Program(rules, judge=self._judged, position=position),
            live=True,
        )

    def follow(self, until: int | None = None) -> Iterator[Compared]:
        """Take the later records, up to *until*; yield each event with both decisions."""
        program, journal = self._program, self._journal
        for stored in journal.records(program, self.book.head.sequence, until):
            try:
                self._record = following(self.book.head, stored)
                self.book = after_record(self.book, stored, self._record, self._texts)
            except JournalError as error:
                raise misplaced(error, journal.url, stored.sequence) from error
            if self._record.event is not None:
                yield self.what_if.decide(event_of(self._record.event), record=stored.sequence)
            elif self._record.adoption is not None:
                self._adopt(self._record.adoption)

    def _adopt(self, adoption: Adoption) -> None:
        """Take the rules in force after *adoption*; those beside them stay."""
        assert self.book.editions is not None, "it had begun before"
        told = partial(_told, adoption=adoption)
        self.what_if.adopt(self.book.editions, self.book.position, told)

    def _recorded(self, _: Event, __: Position, ___: Life) -> Step:
        """Return what the record says was decided."""
        return Step(self._record.decision(), self.book.position)

    def _judged(self, event: Event, position: Position, its: Life) -> Step:
        """Return what the other rules decide on the event of the record, with its facts."""
        record = self._record
        if record.against is not None:
            return refusal(event, position, its.edition, event_of(record.against))
        known = RecordedMarket(record.outside, self._feed_only)
        return step(event, position, its, live=True, market=_Market(known, self._feed))


def _told(position: Position, adoption: Adoption) -> Position:
    """Return *position*, whose rules stay, after an *adoption* that others know of."""
    if adoption.pending is None:
        return adopted(position, adoption.by)
    waiting = adoption.rules.proposal(adoption.by, adoption.reason)
    return proposed(position, adoption.pending, waiting)


class _Market:
    """The facts of a record, and from a feed those that its rules did not read."""

    def __init__(self, recorded: RecordedMarket, feed: Market) -> None:
        self._recorded = recorded
        self._feed = feed

    def fact(self, name: str, trade: Trade) -> Value | None:
        """Return the fact *name* of *trade*; `None` if it is unknown, or was then."""
        first = self._recorded if self._recorded.notes(name, trade) else self._feed
        return first.fact(name, trade)

    def owns(self, name: str) -> bool:
        """Return whether only a feed may supply the fact *name*."""
        return self._recorded.owns(name) or self._feed.owns(name)

    def outside_session(self, _: Trade) -> None:
        """Return `None`: the desk does not look for it, either."""
