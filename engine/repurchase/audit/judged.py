"""Every record of a program judged again: whether it says what its rule file says of its event.

A chain alone proves that it agrees with itself. What a forger made anew from the first record to
the last agrees too: checkpoints that are kept elsewhere find that.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from functools import lru_cache
from typing import Any, Final, Protocol, TypeVar

import msgspec

from repurchase import __version__
from repurchase.audit.checkpoint import Checkpoint
from repurchase.decision import Decision
from repurchase.edition import Edition, Editions, canonical
from repurchase.errors import JournalError, Problem, Tampering, UsageError, short
from repurchase.events import Event
from repurchase.journal import (
    Adoption,
    Answer,
    Extent,
    Head,
    Journal,
    PositionWriter,
    Record,
    RuleTexts,
    Snapshot,
    Stored,
    digest,
    following,
    record_bytes,
)
from repurchase.logs.fields import READERS, Wrong, built
from repurchase.position import Position
from repurchase.program import step

T = TypeVar("T")


class Watch(Protocol):
    """Hands on items one by one, and may show how far they have come."""

    def __call__(self, items: Iterator[T], total: int, /) -> Iterable[T]:
        """Hand on *items*, of which there are to be *total*."""


class Verified(msgspec.Struct, frozen=True):
    """A program whose every record was found right: its length, its head, and when it was kept.

    *remarks* are what a person should know; *checkpoint* is what confirmed it from outside.
    """

    program: str
    records: int
    head: str
    first: datetime
    last: datetime
    remarks: tuple[str, ...] = ()
    checkpoint: Checkpoint | None = None


def unwatched(items: Iterator[T], _: int, /) -> Iterator[T]:
    """Hand *items* on."""
    return items


def verify(
    journal: Journal,
    program: str,
    checkpoint: Checkpoint | None = None,
    watch: Watch = unwatched,
) -> Verified:
    """Return what *program* of *journal* comes to, once each of its records was judged again.

    With a *checkpoint*, the chain must contain it. Raise Tampering with the first record that is
    wrong, JournalError where it cannot be judged.
    """
    return audited(journal, program, checkpoint, watch).verified()


def audited(
    journal: Journal,
    program: str,
    checkpoint: Checkpoint | None = None,
    watch: Watch = unwatched,
) -> Audit:
    """Return the audit of all records of *program* in *journal*; raise as `verify` does."""
    extent = journal.extent(program)
    last = extent.head.sequence
    if last < 1:
        check_strays(journal)
        if checkpoint is not None and checkpoint.program == program:
            what = f"it is missing: {_named(checkpoint)} names record {checkpoint.records}"
            raise _found(1, what, journal)
        raise UsageError(Problem(f"it holds no program `{short(program)}`", file=journal.url))
    audit = Audit(program, journal.text, journal.edition, checkpoint)
    try:
        for stored in watch(_up_to(journal.records(program), last), last):
            if stored.sequence != audit.head.sequence + 1:
                raise Tampering(Problem("it is missing"))
            audit.take(following(audit.head, stored), stored.hash, stored.body)
        _check_end(audit, extent, journal)
    except JournalError as error:
        raise placed(error, audit.head.sequence + 1, journal.url) from error
    check_strays(journal)
    return audit


def check_strays(journal: Journal) -> None:
    """Raise Tampering where *journal* has records of a program that it does not list."""
    stray = journal.stray()
    if stray is not None:
        program, sequence = stray
        what = f"it is of `{short(program)}`, which is no program of this journal"
        raise _found(sequence, what, journal)


def placed(error: JournalError, sequence: int, file: str, line: int | None = None) -> JournalError:
    """Return *error* with the record that it is about and its place, where it has none."""
    return type(error)(
        Problem(f"record {sequence}: {one.what}", one.hint, file, line) if one.file is None else one
        for one in error.problems
    )


class Audit:
    """The records of a program, each taken after the one before and judged again.

    *rules* and *editions* are the hashes of those that the records name, in that order; *snapshot*
    is the last position that a record names, with the record's number.
    """

    def __init__(
        self,
        program: str,
        text: Callable[[str], bytes | None],
        edition: Callable[[str], str | None],
        checkpoint: Checkpoint | None = None,
    ) -> None:
        """Begin before the first record; *text* and *edition* give what is kept beside them."""
        if checkpoint is not None and checkpoint.program != program:
            what = f"the checkpoint is of the program `{short(checkpoint.program)}`"
            raise UsageError(Problem(what, f"this one is `{short(program)}`"))
        self.head = Head()
        self.rules: dict[str, None] = {}
        self.editions: dict[str, None] = {}
        self.snapshot: tuple[int, bytes] | None = None
        self._program = program
        self._texts = RuleTexts(text)
        self._kept = edition
        self._checkpoint = checkpoint
        self._position = Position()
        self._writer = PositionWriter()
        self._adopted: Editions | None = None
        self._adopted_rules: str | None = None
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
            what = f"it is not the one that {_named(checkpoint)} names: the chain was made anew"
            raise Tampering(Problem(what))
        self._note_time(record.at)
        self.head = Head(record.sequence, hash_)

    def check_length(self) -> None:
        """Raise Tampering where the checkpoint is of more records than there are."""
        checkpoint = self._checkpoint
        if checkpoint is not None and checkpoint.records > self.head.sequence:
            what = f"it is missing: {_named(checkpoint)} names record {checkpoint.records}"
            raise Tampering(Problem(what))

    def verified(self) -> Verified:
        """Return what the records come to; there is at least one."""
        assert self._first is not None, "a program has its adoption at least"
        assert self._last is not None, "and so a last record"
        remarks = list(self._remarks)
        if self._set_back:
            records = "1 record was" if self._set_back == 1 else f"{self._set_back:,} records were"
            remarks.append(f"{records} made before the one before, by the clock of then")
        return Verified(
            program=self._program,
            records=self.head.sequence,
            head=self.head.hash,
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
        if event.authorization is not None and event.authorization != self._program:
            what = f"its event is of the authorization `{short(event.authorization)}`"
            raise Tampering(Problem(what))
        edition = self._adopted.of(event)
        if (answer.edition, edition.hash) not in self._agreed:
            self._agree(answer.edition, edition)
        taken = step(event, self._position, edition, live=True)
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
        if not name == adoption.authorization == self._program:
            what = f"it adopts the rule file of `{short(name)}`, another program"
            raise Tampering(Problem(what))
        if self._adopted is not None and not (adoption.by and adoption.reason):
            raise Tampering(Problem("it does not say who changed the rule file, and why"))
        self._adopted, self._adopted_rules = editions, adoption.rules
        self.rules[adoption.rules] = None

    def _compare_snapshot(self, sequence: int, snapshot: Snapshot) -> None:
        body = self._writer.written(self._position)
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


def _up_to(records: Iterator[Stored], last: int) -> Iterator[Stored]:
    """Yield *records* up to the number *last*: what is added meanwhile comes after it."""
    for stored in records:
        if stored.sequence <= last:
            yield stored
        if stored.sequence >= last:
            return


def _check_end(audit: Audit, extent: Extent, journal: Journal) -> None:
    """Raise Tampering where *audit* came to another end than the tables around the records say."""
    head = extent.head
    if audit.head.sequence < head.sequence:
        raise Tampering(Problem(f"it is missing: the program has {head.sequence}"))
    if audit.head != head:
        raise _found(head.sequence, "the head of the program is another", journal)
    if extent.first is not None and extent.first < 1:
        raise _found(extent.first, "it stands before the first", journal)
    if extent.last is not None and extent.last > head.sequence:
        what = f"it stands after the head of the program, which is record {head.sequence}"
        raise _found(extent.last, what, journal)
    again = journal.repeated(audit.verified().program)
    if again is not None:
        raise _found(again, "its event has the id of an earlier one", journal)
    _check_snapshot(audit.snapshot, extent.snapshot, journal)
    audit.check_length()
    journal.check_tables()


def _check_snapshot(
    named: tuple[int, bytes] | None, kept: tuple[int, bytes] | None, journal: Journal
) -> None:
    if named == kept:
        return
    if named is None:
        assert kept is not None, "two that are absent are equal"
        raise _found(kept[0], "a snapshot is kept for it, and it names none", journal)
    what = "the snapshot kept for it " + ("is missing" if kept is None else "was changed")
    raise _found(named[0], what, journal)


def _found(sequence: int, what: str, journal: Journal) -> JournalError:
    return placed(Tampering(Problem(what)), sequence, journal.url)


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
            named = name.replace("_", " ")
            return f"its {named} come to {_shown(now)}, and it says {_shown(then)}"
    rules = {one.rule for one in {*found.findings} ^ {*recorded.findings}}
    if not rules:
        return "its findings stand in another order"
    return f"it says something else of {', '.join(f'`{short(rule)}`' for rule in sorted(rules))}"


def _shown(figure: str | None) -> str:
    return "unknown" if figure is None else short(figure)


def _by_another(error: Tampering, version: str) -> Tampering:
    if version == __version__:
        return error
    hint = f"version {short(version)} of this package recorded it, and this is {__version__}"
    return Tampering(Problem(one.what, one.hint or hint, one.file) for one in error.problems)


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
