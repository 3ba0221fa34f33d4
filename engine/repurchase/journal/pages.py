"""The decisions of a program in the order of their records, a page at a time."""

from __future__ import annotations

from datetime import date
from typing import Final

import msgspec

from repurchase.domain.decisions import Decision, Outcome
from repurchase.domain.errors import JournalError
from repurchase.journal.book import RuleTexts, following, misplaced, rules_at
from repurchase.journal.queries import StoryLine, about
from repurchase.journal.records import Record, Rules, event_of
from repurchase.journal.store import Head, Journal, Stored
from repurchase.rulebook.editions import Editions
from repurchase.rulebook.life import life_then

# One page reads no more records than this, even if none of them is wanted.
READ_MAX: Final = 2_000


class Wanted(msgspec.Struct, frozen=True):
    """Which decisions are wanted: of this *day*, *outcome*, *rule* and *order*, each if given.

    The day is that of the event on the authorization's clock. A *rule* is one among the findings.
    The *order* is the event itself, or one that its event names.
    """

    day: date | None = None
    outcome: Outcome | None = None
    rule: str | None = None
    order: str | None = None

    def takes(self, record: Record, decision: Decision, day: date) -> bool:
        """Return whether the *decision* of *record*, on an event of *day*, is wanted."""
        return (
            self.day in (None, day)
            and self.outcome in (None, decision.outcome)
            and (self.rule is None or any(one.rule == self.rule for one in decision.findings))
            and (self.order is None or self.order in about(record.event or {}))
        )


class Page(msgspec.Struct, frozen=True):
    """Some decisions, and the *last* record that was read; *is_end* if no later one was there."""

    lines: tuple[StoryLine, ...]
    last: int
    is_end: bool


def page(
    journal: Journal, program: str, texts: RuleTexts, after: int, most: int, wanted: Wanted
) -> Page:
    """Return at most *most* decisions of *program* that are *wanted*, from records after *after*.

    *texts* are the rule files of *journal*. Raise Tampering if a record was changed or does not
    follow the one before.
    """
    end = journal.head(program).sequence
    hash_ = journal.hash_of(program, after) if after else Head().hash
    if hash_ is None:
        return Page((), after, is_end=True)
    head, rules = Head(after, hash_), rules_at(journal, program, after) if after else Rules("")
    lines: list[StoryLine] = []
    for stored in journal.records(program, after, min(end, after + READ_MAX)):
        record = _next(journal, head, stored)
        head = Head(stored.sequence, stored.hash)
        if record.adoption is not None and record.adoption.pending is None:
            rules = record.adoption.rules
        line = _line(record, rules, texts, wanted)
        if line is not None:
            lines.append(line)
            if len(lines) == most:
                break
    return Page(tuple(lines), head.sequence, head.sequence >= end)


def _next(journal: Journal, head: Head, stored: Stored) -> Record:
    try:
        return following(head, stored)
    except JournalError as error:
        raise misplaced(error, journal.url, stored.sequence) from error


def _line(record: Record, rules: Rules, texts: RuleTexts, wanted: Wanted) -> StoryLine | None:
    """Return the decision of *record*, by *rules*, if it is *wanted*."""
    if record.event is None:
        return None
    editions = texts.editions(rules)
    if not wanted.takes(record, record.decision(), editions.day_of(event_of(record.event))):
        return None
    return decided_line(record, editions)


def decided_line(record: Record, editions: Editions) -> StoryLine:
    """Return the decision of *record*, which is of an event, by *editions*."""
    assert record.event is not None, "only an event has a decision"
    decision, outside = record.decision(), record.outside or {}
    then = life_then(editions, decision, editions.day_of(event_of(record.event)))
    return StoryLine(
        record.sequence, record.at, record.event, outside, decision, then, record.feeds
    )
