"""The nouns of a journal: records, each chained to the one before by SHA-256, and their bytes.

A record's body is JSON with its keys in one order. Its hash is that of the body, and the body
names the hash of the record before: whoever changes one changes all that follow.
"""

from __future__ import annotations

import hashlib
import re
from datetime import datetime
from fractions import Fraction
from typing import Annotated, Any, Final

import msgspec

from repurchase.domain.decisions import Decision, Finding, Outcome, PositionReport
from repurchase.domain.errors import Problem, Tampering
from repurchase.domain.events import Event
from repurchase.domain.quantities import Exact, simplest, written
from repurchase.intake.fields import decode

BEGINNING: Final = "0" * 64
_NUMBER: Final = re.compile(r"-?[0-9]+(?:\.[0-9]+|/[0-9]*[1-9][0-9]*)?", re.ASCII)
# The fields of an event that hold numbers, but for the whole number of its quantity.
_NUMBERS: Final = frozenset(("price", "amount", "fees", "fx", "shares"))
_DATES: Final = frozenset(("time", "date", "expires"))


class Rules(msgspec.Struct, frozen=True):
    """What a program goes by: the hashes of its rule file and of the packs it includes, by name."""

    file: str
    packs: dict[str, str] = {}

    def hashes(self) -> tuple[str, ...]:
        """Return the hashes of all of these texts."""
        return (self.file, *(self.packs[name] for name in sorted(self.packs)))


class Adoption(msgspec.Struct, frozen=True):
    """The rules that a program goes by from here on, who adopted them, and why."""

    authorization: str
    rules: Rules
    by: str | None = None
    reason: str | None = None


class Snapshot(msgspec.Struct, frozen=True):
    """Where a program stands: the hash of its position, and the rules that it goes by."""

    position: str
    rules: Rules


class Answer(msgspec.Struct, frozen=True, gc=False):
    """The verdict on one event: what a decision says but for what its event says itself."""

    outcome: Outcome
    findings: tuple[Finding, ...]
    position: PositionReport
    edition: str


class Record(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """One step of a program: an event with its answer, an adoption, or a snapshot.

    The position of a *snapshot* is kept beside the records, so that opening need not read them
    all. *sequence* counts from 1, *previous* is the hash of the
    record before, *at* is when it was recorded and *version* by which package. *outside* are the
    facts that the event's rules read and that neither it nor the position gave.
    """

    sequence: int
    previous: str
    at: Annotated[datetime, msgspec.Meta(tz=True)]
    version: str
    event: dict[str, Any] | None = None
    outside: dict[str, Any] | None = None
    answer: Answer | None = None
    adoption: Adoption | None = None
    snapshot: Snapshot | None = None

    def decision(self) -> Decision:
        """Return the decision that was recorded."""
        assert self.event is not None, "an adoption decides nothing"
        assert self.answer is not None, "each event was answered"
        answer = self.answer
        return Decision(
            id=self.event["id"],
            kind=self.event["kind"],
            outcome=answer.outcome,
            findings=answer.findings,
            position=answer.position,
            edition=answer.edition,
        )


class Sealed(msgspec.Struct, frozen=True, gc=False):
    """A record as it is stored: its body, and the hash of that."""

    record: Record
    body: bytes
    hash: str


_ENCODER: Final = msgspec.json.Encoder()
_DECODER: Final = msgspec.json.Decoder(Record)


def sealed(record: Record) -> Sealed:
    """Return *record* with its bytes and their hash."""
    body = record_bytes(record)
    return Sealed(record, body, digest(body))


def record_bytes(record: Record) -> bytes:
    """Return *record* as it is stored; the same record gives the same bytes."""
    return _ENCODER.encode(record)


def digest(body: bytes) -> str:
    """Return the SHA-256 of *body* in hexadecimal."""
    return hashlib.sha256(body).hexdigest()


def read_record(body: bytes) -> Record:
    """Return the record that *body* writes; raise Tampering if it is none."""
    try:
        return _DECODER.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Tampering(Problem(f"the record cannot be read: {error}")) from error


def number(text: str) -> Exact:
    """Return the number that `written` wrote as *text*; raise ValueError for any other text."""
    if text.isascii() and text.isdigit():
        return int(text)
    if not _NUMBER.fullmatch(text):
        raise ValueError(f"`{text}` is not a number")
    return simplest(Fraction(text))


def event_object(event: Event) -> dict[str, Any]:
    """Return *event* as the JSON object that a sender would write, its numbers as exact texts."""
    found: dict[str, Any] = {}
    for name, value in zip(Event.__struct_fields__, msgspec.structs.astuple(event), strict=True):
        if value is None:
            continue
        if name in _NUMBERS:
            found[name] = str(value) if type(value) is int else written(value)
        elif name in _DATES:
            found[name] = value.isoformat()
        else:
            found[name] = value
    outside = found.pop("outside")
    for fact, value in sorted(outside.items()):
        found[fact] = value if isinstance(value, bool) else written(value)
    return found


def event_of(fields: dict[str, Any]) -> Event:
    """Return the event of the recorded *fields*; raise Tampering if no sender can have sent it."""
    # The one number that a record holds as such; the others are exact texts.
    quantity = fields.get("quantity", 0)
    if type(quantity) is int and None not in fields.values():
        plain = fields | {"quantity": str(quantity)} if "quantity" in fields else fields
        event, _ = decode(plain)
        if event is not None:
            return event
    raise Tampering(Problem("its event is none that can be sent"))
