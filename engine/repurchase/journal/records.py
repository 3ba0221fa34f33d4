"""The data types of a journal: records, each chained to the one before by SHA-256, as bytes.

A record's body is JSON with its keys in one order. The record's hash is that of its body, and the
body contains the hash of the record before. To change one record, someone must therefore rewrite
all that follow.
"""

from __future__ import annotations

import hashlib
import re
from datetime import date, datetime
from fractions import Fraction
from typing import Annotated, Any, Final

import msgspec
from rpds import HashTrieMap

from repurchase.domain.decisions import Decision, Finding, Judge, Outcome, PositionReport
from repurchase.domain.errors import Problem, Tampering
from repurchase.domain.events import Event, key_of
from repurchase.domain.people import Identity
from repurchase.domain.quantities import Exact, simplest, written
from repurchase.intake.fields import decode
from repurchase.ledger.position import Proposal

BEGINNING: Final = "0" * 64
_NUMBER: Final = re.compile(r"-?[0-9]+(?:\.[0-9]+|/[0-9]*[1-9][0-9]*)?", re.ASCII)
# The fields of an event that hold numbers, except `quantity`, which is a whole number.
_NUMBERS: Final = frozenset(("price", "amount", "fees", "fx", "shares", "new", "old"))
_DATES: Final = frozenset(("time", "date", "expires"))


class Rules(msgspec.Struct, frozen=True):
    """The rules of a program: the SHA-256 of its rule file, and of each included pack by name."""

    file: str
    packs: dict[str, str] = {}

    def hashes(self) -> tuple[str, ...]:
        """Return the hash of the rule file, then those of the packs in the order of their names."""
        return (self.file, *(self.packs[name] for name in sorted(self.packs)))

    def proposal(self, by: str | None, reason: str | None) -> Proposal:
        """Return the proposal of *by* to adopt these rules."""
        return Proposal(by, reason, rules=self.file, packs=HashTrieMap(self.packs))


def rules_of(proposal: Proposal) -> Rules:
    """Return the rules that an adoption *proposal* is about."""
    assert proposal.rules is not None, "it is a proposal to adopt a rule file"
    return Rules(proposal.rules, dict(proposal.packs.items()))


class Adoption(msgspec.Struct, frozen=True, omit_defaults=True):
    """The rules that govern a program from this record on, who adopted them, and why.

    The first adoption says whether the program has only *one_person*, who may loosen its rules
    alone, and whether an *identity* tells who sends an event. With two persons, rules that are not
    *proven_no_looser* than those before are *pending* under this name, and govern nothing, until
    another record adopts them as the confirmed proposal *of* that name.
    """

    authorization: str
    rules: Rules
    by: str | None = None
    reason: str | None = None
    one_person: bool = False
    identity: Identity | None = None
    proven_no_looser: bool = False
    pending: str | None = None
    of: str | None = None


class Sum(msgspec.Struct, frozen=True):
    """The fills of one instrument: their number, their units, and their cost in its currency.

    The *amount* is an exact string; `None` if it is unknown of one fill.
    """

    fills: int
    quantity: int
    amount: str | None


class Sides(msgspec.Struct, frozen=True):
    """The fills of one instrument in the *journal*, and in the *file* that it was compared with."""

    journal: Sum
    file: Sum


class Reconciliation(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a comparison of the program's fills with a file came to, and who made it.

    *file* is the SHA-256 of the file. The fills are those of the venue's days from *first* to
    *last*, each without a bound if it is `None`. Times up to *within_seconds* apart are the same.
    """

    file: str
    by: str
    within_seconds: int
    matched: int
    different: int
    missing_in_journal: int
    missing_in_file: int
    totals: dict[str, Sides]
    first: date | None = None
    last: date | None = None


class Answer(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """The decision on one event, without the fields that the event itself states."""

    outcome: Outcome
    findings: tuple[Finding, ...]
    position: PositionReport
    edition: str
    editions: tuple[Judge, ...] = ()
    halted_by: tuple[str, ...] = ()
    pending: bool = False


def answered(decision: Decision) -> Answer:
    """Return *decision* without what its event states."""
    return Answer(
        decision.outcome,
        decision.findings,
        decision.position,
        decision.edition,
        decision.editions,
        decision.halted_by,
        decision.pending,
    )


class Record(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """One step of a program: an event with its decision, an adoption or a reconciliation.

    *sequence* counts from 1. *previous* is the hash of the record before, *at* the time of
    recording, and *version* the version of the package that recorded it. *outside* are the facts
    that the event's rules read and that neither the event nor the position gave. *feeds* are the
    SHA-256 of the market files that were asked for them, in order. *against* is the
    earlier event that a refused report of the venue contradicts. If *again*, an earlier record has
    the event's id, and only that one is found by it. The *salt* is chance, so that nobody can guess
    a record from its hash.
    """

    sequence: int
    previous: str
    at: Annotated[datetime, msgspec.Meta(tz=True)]
    version: str
    event: dict[str, Any] | None = None
    outside: dict[str, Any] | None = None
    against: dict[str, Any] | None = None
    answer: Answer | None = None
    adoption: Adoption | None = None
    reconciliation: Reconciliation | None = None
    again: bool = False
    feeds: tuple[str, ...] = ()
    salt: str | None = None

    def decision(self) -> Decision:
        """Return the recorded decision; call this only for the record of an event."""
        assert self.event is not None, "an adoption has no decision"
        assert self.answer is not None, "each recorded event has a decision"
        answer = self.answer
        return Decision(
            id=self.event["id"],
            kind=self.event["kind"],
            outcome=answer.outcome,
            findings=answer.findings,
            position=answer.position,
            edition=answer.edition,
            editions=answer.editions,
            halted_by=answer.halted_by,
            pending=answer.pending,
        )

    @property
    def key(self) -> str | None:
        """Return under which key the record is found; `None` if another record has its key."""
        if self.event is None or self.again:
            return None
        return key_of(self.event["kind"], self.event["id"])


class Sealed(msgspec.Struct, frozen=True, gc=False):
    """A record with its body as stored, and the hash of the body."""

    record: Record
    body: bytes
    hash: str


_ENCODER: Final = msgspec.json.Encoder()
_DECODER: Final = msgspec.json.Decoder(Record)


def sealed(record: Record) -> Sealed:
    """Return *record* with its body and the body's hash."""
    body = record_bytes(record)
    return Sealed(record, body, digest(body))


def record_bytes(record: Record) -> bytes:
    """Return the body of *record* as stored; the same record gives the same bytes."""
    return _ENCODER.encode(record)


def digest(body: bytes) -> str:
    """Return the SHA-256 of *body* in hexadecimal."""
    return hashlib.sha256(body).hexdigest()


def read_record(body: bytes) -> Record:
    """Return the record that *body* encodes; raise Tampering if it does not encode one."""
    try:
        return _DECODER.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Tampering(Problem(f"the record cannot be read: {error}")) from error
    except RecursionError as error:
        raise Tampering(Problem("the record cannot be read: it is nested too deeply")) from error


def number(text: str) -> Exact:
    """Return the number that `written` wrote as *text*; raise ValueError for any other text."""
    if text.isascii() and text.isdigit():
        return int(text)
    if not _NUMBER.fullmatch(text):
        raise ValueError(f"`{text}` is not a number")
    return simplest(Fraction(text))


def event_object(event: Event) -> dict[str, Any]:
    """Return *event* as the JSON object that a sender would write, numbers as exact strings."""
    found: dict[str, Any] = {}
    for name, value in zip(Event.__struct_fields__, msgspec.structs.astuple(event), strict=True):
        if value is None or value == ():
            continue
        if name in _NUMBERS:
            found[name] = str(value) if type(value) is int else written(value)
        elif name in _DATES:
            found[name] = value.isoformat()
        elif isinstance(value, tuple):
            found[name] = list(value)
        else:
            found[name] = value
    outside = found.pop("outside")
    for fact, value in sorted(outside.items()):
        found[fact] = value if isinstance(value, bool) else written(value)
    return found


def event_of(fields: dict[str, Any]) -> Event:
    """Return the event of the recorded *fields*; raise Tampering if they are not a valid event."""
    # `quantity` is the only number that a record holds as a number; the others are exact strings.
    quantity = fields.get("quantity", 0)
    if type(quantity) is int and None not in fields.values():
        plain = fields | {"quantity": str(quantity)} if "quantity" in fields else fields
        event, _ = decode(plain)
        if event is not None:
            return event
    raise Tampering(Problem("its event is not a valid event"))
