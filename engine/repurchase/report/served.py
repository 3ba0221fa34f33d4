"""What the service answers besides decisions, as structs that its document describes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date, datetime
from fractions import Fraction
from typing import Any, Final, Literal

import msgspec

from repurchase.domain.calendars import day_at
from repurchase.domain.decisions import PositionReport
from repurchase.domain.quantities import written
from repurchase.domain.roles import Role
from repurchase.evaluation.wording import WordedDecision
from repurchase.journal.book import Book
from repurchase.journal.queries import (
    HaltLine,
    ProposalLine,
    StoryLine,
    edition_at,
    overview,
)
from repurchase.report.programs import story_object
from repurchase.report.weighed import Proved
from repurchase.rulebook.caps import Window

_MILLION: Final = 10**6

Standing = Literal["valid", "expired", "revoked"]


class Recorded(msgspec.Struct, frozen=True):
    """A decision with its event, its *record*, and what feeds supplied *outside* the event."""

    record: int
    at: datetime
    event: dict[str, Any]
    outside: dict[str, Any]
    feeds: tuple[str, ...]
    decision: WordedDecision


class Decisions(msgspec.Struct, frozen=True):
    """A page of decisions; *next* is the `after` of the next page, `None` at the end."""

    decisions: tuple[Recorded, ...]
    next: int | None


class Story(msgspec.Struct, frozen=True):
    """The decisions on the event *id*, and the records of all events connected with it."""

    id: str
    decisions: tuple[Recorded, ...]
    story: tuple[Recorded, ...]


class ProgramNow(msgspec.Struct, frozen=True):
    """A program: what was granted, by which edition it is judged today, what halts it."""

    authorization: str
    issuer: str | None
    currency: str
    timezone: str
    rule_file: str
    edition: str
    first_day: date | None
    last_day: date | None
    days_left: int | None
    max_shares: str | None
    max_amount: str | None
    halts: tuple[HaltLine, ...]
    proposals: tuple[ProposalLine, ...]
    one_person: bool
    records: int
    head: str


class EditionSince(msgspec.Struct, frozen=True):
    """An edition by its hash, and the first day on which it is in force."""

    since: date
    edition: str


class RulesInForce(msgspec.Struct, frozen=True):
    """The rule file in force, its packs by hash, its *text*, and its editions in order."""

    authorization: str
    rule_file: str
    packs: dict[str, str]
    editions: tuple[EditionSince, ...]
    text: str


def recorded(lines: Iterable[StoryLine]) -> tuple[Recorded, ...]:
    """Return *lines* of a journal with their findings in words."""
    return tuple(Recorded(**one) for one in story_object(lines))


def program_now(book: Book, moment: datetime) -> ProgramNow:
    """Return how the program of *book* stands at *moment*; raise JournalError if not begun."""
    edition, found = edition_at(book, moment), overview(book, moment)
    first, last = _days(edition.window)
    today = day_at(moment, edition.counting.zone)
    authorization = edition.authorization
    return ProgramNow(
        authorization=authorization.name,
        issuer=authorization.issuer,
        currency=authorization.currency,
        timezone=authorization.timezone,
        rule_file=found.rule_file,
        edition=edition.hash,
        first_day=first,
        last_day=last,
        days_left=None if last is None else (last - today).days,
        max_shares=None if edition.max_shares is None else written(edition.max_shares),
        max_amount=None if edition.max_amount is None else written(edition.max_amount),
        halts=found.halts,
        proposals=found.proposals,
        one_person=found.one_person,
        records=found.records,
        head=found.head,
    )


def _days(window: Window) -> tuple[date | None, date | None]:
    first, last = (
        None if one is None else date.fromordinal(int(one)) for one in (window.first, window.last)
    )
    return first, last


def rules_in_force(book: Book) -> RulesInForce:
    """Return the rules of the program of *book*, which has begun."""
    assert book.editions is not None, "a program that has begun has editions"
    assert book.rules is not None, "a program that has begun has rules"
    days = book.editions.change_days()
    return RulesInForce(
        book.editions.authorization.name,
        book.rules.file,
        dict(book.rules.packs),
        tuple(EditionSince(day, book.editions.on(day).hash) for day in days),
        book.editions.authorization.text,
    )


def used(report: PositionReport) -> Iterator[tuple[str, str]]:
    """Yield which cap is used, and how much of it; nothing if that is unknown or has no cap."""
    for of in ("shares", "amount"):
        parts = [getattr(report, f"{part}_{of}") for part in ("executed", "reserved", "remaining")]
        if None not in parts:
            executed, reserved, rest = map(Fraction, parts)
            cap = executed + reserved + rest
            if cap > 0:
                whole, part = divmod((executed + reserved) * _MILLION // cap, _MILLION)
                yield of, f"{whole}.{part:06}"


class KeyLine(msgspec.Struct, frozen=True):
    """A key without its secret, and whether it is valid."""

    id: str
    by: str
    role: Role
    programs: tuple[str, ...]
    made: datetime
    expires: datetime
    standing: Standing


class Check(msgspec.Struct, frozen=True, omit_defaults=True):
    """One condition of readiness, and what is wrong if it is not met."""

    name: str
    is_met: bool
    what: str | None = None


class FileAge(msgspec.Struct, frozen=True):
    """A market file: how many seconds ago it was written, and whether it was *changed* since."""

    file: str
    age_seconds: int
    changed: bool


class ProgramRules(msgspec.Struct, frozen=True):
    """The rule file in force of a program by its SHA-256, and whether it is proved."""

    program: str
    rule_file: str
    proof: Proved


class FileFaults(msgspec.Struct, frozen=True):
    """A rule file with faults; *is_in_use* is whether the text before them still counts."""

    file: str
    faults: tuple[str, ...]
    is_in_use: bool


class Ready(msgspec.Struct, frozen=True):
    """Whether the service can record events, whether it needs *keys*, and each of its *checks*.

    The *rules* in force, *rule_files* with faults and the age of *market* files do not decide that.
    """

    ready: bool
    keys: str
    checks: tuple[Check, ...]
    rules: tuple[ProgramRules, ...]
    rule_files: tuple[FileFaults, ...]
    market: tuple[FileAge, ...]
