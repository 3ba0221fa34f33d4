"""What the service answers besides decisions, as structs that its document describes."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any, Literal

import msgspec

from repurchase.domain.people import Role
from repurchase.evaluation.wording import WordedDecision
from repurchase.journal.queries import HaltLine, ProposalLine

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


class Ready(msgspec.Struct, frozen=True):
    """Whether the service can record events, whether it needs *keys*, and each of its *checks*."""

    ready: bool
    keys: str
    checks: tuple[Check, ...]
    market: tuple[FileAge, ...]
