"""Records of a program judged again, one after the other: whether each says what its rules say."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime
from functools import lru_cache
from typing import Any, Final

import msgspec

from repurchase.audit.checkpoint import Checkpoint
from repurchase.domain.decisions import Decision
from repurchase.domain.errors import JournalError, Problem, Tampering, UsageError, Wrong, short
from repurchase.domain.events import Event
from repurchase.domain.version import __version__
from repurchase.evaluation.step import step
from repurchase.intake.fields import READERS, built
from repurchase.journal.book import Book, RuleTexts
from repurchase.journal.outside import NotedMarket, RecordedMarket
from repurchase.journal.records import Adoption, Answer, Record, Snapshot, digest, record_bytes
from repurchase.journal.snapshot import position_bytes
from repurchase.journal.store import Head
from repurchase.rulebook.editions import Edition, canonical


class Verified(msgspec.Struct, frozen=True):
    """A program whose every record was found right: its length, its head, and when it was kept.

    *editions* are the hashes of those that judged its events. *remarks* are what a person should
    know; *checkpoint* is what confirmed it from outside.
    """

    program: str
    records: int
    head: str
    editions: tuple[str, ...]
    first: datetime
    last: datetime
    remarks: tuple[str, ...] = ()
    checkpoint: Checkpoint | None = None


def placed(error: JournalError, sequence: int, file: str, line: int | None = None) -> JournalError:
    """Return *error* with the record that it is about and its place, where it has none."""
    return type(error)(
        Problem(f"record {sequence}: {one.what}", one.hint, file, line) if one.file is None else one
        for one in error.problems
    )


_BEGINNING: Final = Book()


class Part(msgspec.Struct, frozen=True):
    """What was found of some records that follow each other; see `Audit` for the names."""

    head: Head
    rules: dict[str, None]
    editions: dict[str, None]
    snapshot: tuple[int, bytes] | None
    first: datetime | None
    last: datetime | None
    set_back: int
    remarks: dict[str, None]


class Audit:
    """The records of a program, each taken after the one before and judged again.

    *program* is its name, and *head* how far it has come. *rules* and *editions* are the hashes of
    those that the records name, in that order; *snapshot* is the last position that a record
    names, with the record's number.
    """

    def __init__(
        self,
        program: str,
        text: Callable[[str], bytes | None],
        edition: Callable[[str], str | None],
        checkpoint: Checkpoint | None = None,
        start: Book = _BEGINNING,
    ) -> None:
        """Begin after *start*; *text* and *edition* give what is kept beside the records."""
        if checkpoint is not None and checkpoint.program != program:
            what = f"the checkpoint is of the program `{short(checkpoint.program)}`"
            raise UsageError(Problem(what, f"this one is `{short(program)}`"))
        self.head = start.head
        self.rules: dict[str, None] = {}
        self.editions: dict[str, None] = {}
        self.snapshot: tuple[int, bytes] | None = None
        self.program = program
        self._texts = RuleTexts(text)
        self._kept = edition
        self._checkpoint = checkpoint
        self._position = start.position
        self._adopted = start.editions
        self._adopted_rules = start.rules
        self._agreed: set[tuple[str, str]] = set()
        self._first: datetime | None = None
        self._last: datetime | None = None
        self._set_back = 0
        self._remarks: dict[str, None] = {}

    def take(self, record: Record, hash_: str, body: bytes) -> None:
        """Take *record*, which follows the one before.

        Raise Tampering where it is not what its event comes to by its rule file.
        """
        if record_bytes(record) != body:
            # Two readers could read two things in it.
            raise Tampering(Problem("it is not written as this package writes records"))
        try:
            if record.event is not None:
                self._judge(record, record.event)
            elif record.adoption is not None:
                self._adopt(record.adoption)
            elif record.snapshot is not None:
                self._compare_snapshot(record.sequence, record.snapshot)
        except Tampering as error:
            raise _by_another(error, record.version) from error
        checkpoint = self._checkpoint
        if (
            checkpoint is not None
            and checkpoint.records == record.sequence
            and checkpoint.head != hash_
        ):
            what = f"it is not the one that {_named(checkpoint)} names"
            raise Tampering(Problem(f"{what}: the chain was made anew, or is another"))
        self._note_time(record.at)
        self.head = Head(record.sequence, hash_)

    def book(self) -> Book:
        """Return the program as far as its records were taken."""
        return Book(self.head, self._position, self._adopted, self._adopted_rules)

    def part(self) -> Part:
        """Return what was found of the records that were taken."""
        return Part(
            self.head,
            self.rules,
            self.editions,
            self.snapshot,
            self._first,
            self._last,
            self._set_back,
            self._remarks,
        )

    def join(self, part: Part) -> None:
        """Take *part*, judged from where this one ends, as if its records had been taken here."""
        self.head = part.head
        self.rules |= part.rules
        self.editions |= part.editions
        self.snapshot = part.snapshot or self.snapshot
        if part.first is not None and part.last is not None:
            self._note_time(part.first)
            self._last = part.last
        self._set_back += part.set_back
        self._remarks |= part.remarks

    def position_hash(self) -> str:
        """Return the hash of the position so far, as a snapshot's record would name it."""
        return digest(position_bytes(self._position))

    def check_length(self) -> None:
        """Raise Tampering where the checkpoint is of more records than there are."""
        checkpoint = self._checkpoint
        if checkpoint is not None and checkpoint.records > self.head.sequence:
            raise Tampering(Problem(named_missing(checkpoint)))

    def verified(self) -> Verified:
        """Return what the records come to; there is at least one."""
        assert self._first is not None, "a program has its adoption at least"
        assert self._last is not None, "and so a last record"
        remarks = list(self._remarks)
        if self._set_back:
            records = "1 record was" if self._set_back == 1 else f"{self._set_back:,} records were"
            remarks.append(f"{records} made before the one before, by the clock of then")
        return Verified(
            program=self.program,
            records=self.head.sequence,
            head=self.head.hash,
            editions=tuple(self.editions),
            first=self._first,
            last=self._last,
            remarks=tuple(remarks),
            checkpoint=self._checkpoint,
        )

    def _judge(self, record: Record, told: dict[str, Any]) -> None:
        answer = record.answer
        if self._adopted is None or answer is None:
            raise Tampering(Problem("no rule file was adopted before it"))
        event = _event(told)
        if event.authorization is not None and event.authorization != self.program:
            what = f"its event is of the authorization `{short(event.authorization)}`"
            raise Tampering(Problem(what))
        edition = self._adopted.of(event, self._position)
        if (answer.edition, edition.hash) not in self._agreed:
            self._agree(answer.edition, edition)
        noted = NotedMarket(RecordedMarket(record.outside))
        taken = step(event, self._position, edition, live=True, market=noted)
        if noted.outside() != record.outside:
            raise Tampering(Problem("it tells facts from outside that its rules do not read"))
        found = taken.decision
        if (
            found.outcome != answer.outcome
            or found.position != answer.position
            or found.findings != answer.findings
        ):
            raise Tampering(Problem(f"judged again, {_difference(answer, found)}"))
        self._position = taken.position

    def _agree(self, recorded: str, edition: Edition) -> None:
        """Find *edition* to be the one *recorded*, but for the version of its time zones."""
        content = self._kept(recorded)
        if content is None:
            raise Tampering(Problem(f"the edition {recorded} that it names is missing"))
        if digest(content.encode("utf-8", "surrogateescape")) != recorded:
            raise Tampering(Problem(f"the edition {recorded} that it names was changed"))
        if recorded != edition.hash:
            then, now = _zones(content), _zones(edition.content)
            if _with_zones(edition.content, then) != content:
                what = "it names another edition than its rule file gives on its day"
                raise Tampering(Problem(what))
            self._remarks[
                f"what was judged by the time zones of tzdata {short(str(then))} was judged again "
                f"by those of {now}"
            ] = None
        self._agreed.add((recorded, edition.hash))
        self.editions[recorded] = None

    def _adopt(self, adoption: Adoption) -> None:
        editions = self._texts.editions(adoption.rules)
        name = editions.authorization.name
        if not name == adoption.authorization == self.program:
            what = f"it adopts the rule file of `{short(name)}`, another program"
            raise Tampering(Problem(what))
        if self._adopted is not None and not (adoption.by and adoption.reason):
            raise Tampering(Problem("it does not say who changed the rule file, and why"))
        self._adopted, self._adopted_rules = editions, adoption.rules
        self.rules |= dict.fromkeys(adoption.rules.hashes())

    def _compare_snapshot(self, sequence: int, snapshot: Snapshot) -> None:
        body = position_bytes(self._position)
        if digest(body) != snapshot.position:
            what = "its snapshot is of another position than the events so far come to"
            raise Tampering(Problem(what))
        if snapshot.rules != self._adopted_rules:
            what = "its snapshot names another rule file than the program goes by"
            raise Tampering(Problem(what))
        self.snapshot = (sequence, body)

    def _note_time(self, at: datetime) -> None:
        if self._last is None:
            self._first = at
        elif at < self._last:
            self._set_back += 1
        self._last = at


@lru_cache(1 << 16, typed=True)
def _quantity(value: object) -> object:
    # The one number that a record holds as such; the others are exact texts.
    if type(value) is not int:
        raise Wrong("is no whole number")
    return READERS["quantity"](str(value))


_READERS: Final[dict[str, Callable[[Any], Any]]] = {**READERS, "quantity": _quantity}


def _event(told: dict[str, Any]) -> Event:
    """Return the event of a record; raise Tampering where no sender can have sent it."""
    try:
        return built({name: _READERS[name](value) for name, value in told.items()})
    # What a reader remembers by value must be hashable, which a nested value is not.
    except (Wrong, KeyError, TypeError) as error:
        raise Tampering(Problem("its event is none that can be sent")) from error


def _difference(recorded: Answer, found: Decision) -> str:
    """Return in what *found* is another answer than the one *recorded*."""
    if found.outcome != recorded.outcome:
        return f"it is {found.outcome}, and it says {recorded.outcome}"
    for name in found.position.__struct_fields__:
        now, then = getattr(found.position, name), getattr(recorded.position, name)
        if now != then:
            if name == "halted":
                return f"the program is {_halted(now)}, and it says {_halted(then)}"
            named = name.replace("_", " ")
            return f"its {named} come to {_shown(now)}, and it says {_shown(then)}"
    rules = {one.rule for one in {*found.findings} ^ {*recorded.findings}}
    if not rules:
        return "its findings stand in another order"
    return f"it says something else of {', '.join(f'`{short(rule)}`' for rule in sorted(rules))}"


def _shown(figure: str | None) -> str:
    return "unknown" if figure is None else short(figure)


def _halted(by: str | None) -> str:
    return "not halted" if by is None else f"halted by {short(by)}"


def _by_another(error: Tampering, version: str) -> Tampering:
    if version == __version__:
        return error
    hint = f"version {short(version)} of this package recorded it, and this is {__version__}"
    return Tampering(Problem(one.what, one.hint or hint, one.file) for one in error.problems)


def named_missing(checkpoint: Checkpoint) -> str:
    """Return that the record which *checkpoint* is of is not there."""
    named = f"{_named(checkpoint)} of `{short(checkpoint.program)}`"
    return f"it is missing: {named} names record {checkpoint.records}"


def _named(checkpoint: Checkpoint) -> str:
    return f"the checkpoint of {checkpoint.time:%Y-%m-%d}"


def _zones(content: str) -> object:
    """Return the version of the time zones in the *content* of an edition."""
    try:
        return json.loads(content)["tzdata"]
    except (ValueError, LookupError, TypeError, RecursionError) as error:
        raise Tampering(Problem("the edition that it names cannot be read")) from error


def _with_zones(content: str, version: object) -> str:
    return canonical(json.loads(content) | {"tzdata": version})
