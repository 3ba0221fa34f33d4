"""A program verified: each of its records evaluated again, and the tables around them compared.

A chain alone proves that it agrees with itself. What a forger made anew from the first record to
the last agrees too: checkpoints that are kept elsewhere find that.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

import msgspec
from msgspec.structs import replace

from repurchase.audit.checkpoint import Checkpoint
from repurchase.domain.decisions import Decision
from repurchase.domain.errors import JournalError, Problem, Tampering, UsageError, short
from repurchase.domain.progress import Watch, unwatched
from repurchase.domain.version import __version__
from repurchase.evaluation.step import step
from repurchase.journal.book import Book, RuleTexts, following
from repurchase.journal.outside import NotedMarket, RecordedMarket
from repurchase.journal.records import (
    Adoption,
    Answer,
    Record,
    Sealed,
    Snapshot,
    digest,
    event_of,
    record_bytes,
)
from repurchase.journal.snapshot import position_bytes
from repurchase.journal.store import Extent, Head, Journal
from repurchase.rulebook.editions import Edition, canonical


class Verified(msgspec.Struct, frozen=True):
    """A program whose every record was found right: its length, its head, and when it was kept.

    *editions* are the hashes of those that its events were evaluated by. *remarks* are what a
    person should know; *checkpoint* is what confirmed it from outside.
    """

    program: str
    records: int
    head: str
    editions: tuple[str, ...]
    first: datetime
    last: datetime
    remarks: tuple[str, ...] = ()
    checkpoint: Checkpoint | None = None


def verify(
    journal: Journal,
    program: str,
    checkpoint: Checkpoint | None = None,
    watch: Watch = unwatched,
) -> Verified:
    """Return what *program* of *journal* comes to, once each of its records was evaluated again.

    With a *checkpoint*, the chain must contain it. Raise Tampering with the first record that is
    wrong, JournalError if it cannot be evaluated.
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
            raise _found(1, _missing(checkpoint), journal)
        raise UsageError(Problem(f"it holds no program `{short(program)}`", file=journal.url))
    audit = Audit(program, journal.text, journal.edition, checkpoint)
    try:
        for _ in watch(_taken(audit, journal, last), last):
            pass
        check_end(audit, extent, journal)
    except JournalError as error:
        raise placed(error, audit.head.sequence + 1, journal.url) from error
    check_strays(journal)
    return audit


def _taken(audit: Audit, journal: Journal, last: int) -> Iterator[None]:
    """Let *audit* take all records up to the number *last*, and yield once for each.

    What is wrong or stops the work is raised within what watches it, which then ends too.
    """
    for stored in journal.records(audit.program, until=last):
        if stored.sequence != audit.head.sequence + 1:
            raise Tampering(Problem("it is missing"))
        audit.take(Sealed(following(audit.head, stored), stored.body, stored.hash))
        yield


def check_end(audit: Audit, extent: Extent, journal: Journal) -> None:
    """Raise Tampering if *audit* came to another end than the tables around the records say."""
    head = extent.head
    if audit.head.sequence < head.sequence:
        raise Tampering(Problem(f"it is missing: the program has {head.sequence}"))
    if audit.head != head:
        raise _found(head.sequence, "the head of the program is another", journal)
    if extent.first is not None and extent.first < 1:
        raise _found(extent.first, "it stands before the first", journal)
    if extent.beyond is not None:
        what = f"it stands after the head of the program, which is record {head.sequence}"
        raise _found(extent.beyond, what, journal)
    again = journal.repeated(audit.program)
    if again is not None:
        raise _found(again, "its event has the id of an earlier one", journal)
    check_snapshot(audit.snapshot, extent.snapshot, journal)
    checkpoint = audit.checkpoint
    if checkpoint is not None and checkpoint.records > head.sequence:
        raise Tampering(Problem(_missing(checkpoint)))
    journal.check_tables()


def check_snapshot(
    named: tuple[int, bytes] | None, kept: tuple[int, bytes] | None, journal: Journal
) -> None:
    """Raise Tampering unless the snapshot *kept* in the table is the last one *named*."""
    if named == kept:
        return
    if named is None:
        assert kept is not None, "two that are absent are equal"
        raise _found(kept[0], "a snapshot is kept for it, and it names none", journal)
    what = "the snapshot kept for it " + ("is missing" if kept is None else "was changed")
    raise _found(named[0], what, journal)


def check_strays(journal: Journal) -> None:
    """Raise Tampering if *journal* has records of a program that it does not list."""
    stray = journal.stray()
    if stray is not None:
        program, sequence = stray
        what = f"it is of `{short(program)}`, which is no program of this journal"
        raise _found(sequence, what, journal)


def placed(error: JournalError, sequence: int, file: str, line: int | None = None) -> JournalError:
    """Return *error* with the record that it is about and its place, unless it has a place."""
    return type(error)(
        Problem(f"record {sequence}: {one.what}", one.hint, file, line) if one.file is None else one
        for one in error.problems
    )


class Audit:
    """The records of a program, each taken after the one before and evaluated again.

    *program* is its name, and *book* what the records taken so far come to. *rules* and *editions*
    are the hashes of those that the records name, in that order; *snapshot* is the last position
    that a record names, with the record's number.
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
        self.program = program
        self.checkpoint = checkpoint
        self.book = Book()
        self.rules: dict[str, None] = {}
        self.editions: dict[str, None] = {}
        self.snapshot: tuple[int, bytes] | None = None
        self._texts = RuleTexts(text)
        self._content = edition
        self._agreed: set[tuple[str, str]] = set()
        self._first: datetime | None = None
        self._last: datetime | None = None
        self._set_back = 0
        self._remarks: dict[str, None] = {}

    @property
    def head(self) -> Head:
        """Return the end of the records that were taken."""
        return self.book.head

    def take(self, sealed: Sealed) -> None:
        """Take the record of *sealed*, which follows the one before.

        Raise Tampering if it is not what its event comes to by its rule file.
        """
        record = sealed.record
        if record_bytes(record) != sealed.body:
            # Two readers could read two things in it.
            raise Tampering(Problem("it is not written as this package writes records"))
        try:
            if record.event is not None:
                self.evaluate(record, record.event)
            elif record.adoption is not None:
                self._adopt(record.adoption)
            elif record.snapshot is not None:
                self.compare_snapshot(record.sequence, record.snapshot)
        except Tampering as error:
            raise _by_another(error, record.version) from error
        named = self.checkpoint
        if named is not None and named.records == record.sequence and named.head != sealed.hash:
            what = f"it is not the one that {_named(named)} names"
            raise Tampering(Problem(f"{what}: the chain was made anew, or is another"))
        self._note_time(record.at)
        self.book = replace(self.book, head=Head(record.sequence, sealed.hash))

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
            checkpoint=self.checkpoint,
        )

    def evaluate(self, record: Record, fields: dict[str, Any]) -> None:
        """Evaluate the event of *fields* again, and take the position after it.

        Raise Tampering if that is another decision than the one on *record*.
        """
        answer, editions = record.answer, self.book.editions
        if editions is None or answer is None:
            raise Tampering(Problem("no rule file was adopted before it"))
        event = event_of(fields)
        if event.authorization is not None and event.authorization != self.program:
            what = f"its event is of the authorization `{short(event.authorization)}`"
            raise Tampering(Problem(what))
        edition = editions.of(event, self.book.position)
        if (answer.edition, edition.hash) not in self._agreed:
            self.compare_edition(answer.edition, edition)
        noted = NotedMarket(RecordedMarket(record.outside))
        taken = step(event, self.book.position, edition, live=True, market=noted)
        if noted.outside() != record.outside:
            raise Tampering(Problem("it tells facts from outside that its rules do not read"))
        found = taken.decision
        if (
            found.outcome != answer.outcome
            or found.position != answer.position
            or found.findings != answer.findings
        ):
            raise Tampering(Problem(f"judged again, {_difference(answer, found)}"))
        self.book = replace(self.book, position=taken.position)

    def compare_edition(self, recorded: str, edition: Edition) -> None:
        """Raise Tampering unless *edition* is the one *recorded*, but for its time zones."""
        content = self._content(recorded)
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

    def compare_snapshot(self, sequence: int, snapshot: Snapshot) -> None:
        """Raise Tampering unless *snapshot*, record *sequence*, names the position so far."""
        body = position_bytes(self.book.position)
        if digest(body) != snapshot.position:
            what = "its snapshot is of another position than the events so far come to"
            raise Tampering(Problem(what))
        if snapshot.rules != self.book.rules:
            what = "its snapshot names another rule file than the program goes by"
            raise Tampering(Problem(what))
        self.snapshot = (sequence, body)

    def _adopt(self, adoption: Adoption) -> None:
        editions = self._texts.editions(adoption.rules)
        name = editions.authorization.name
        if not name == adoption.authorization == self.program:
            what = f"it adopts the rule file of `{short(name)}`, another program"
            raise Tampering(Problem(what))
        if self.book.editions is not None and not (adoption.by and adoption.reason):
            raise Tampering(Problem("it does not say who changed the rule file, and why"))
        self.book = replace(self.book, editions=editions, rules=adoption.rules)
        self.rules |= dict.fromkeys(adoption.rules.hashes())

    def _note_time(self, at: datetime) -> None:
        if self._last is None:
            self._first = at
        elif at < self._last:
            self._set_back += 1
        self._last = at


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


def _missing(checkpoint: Checkpoint) -> str:
    """Return that the record that *checkpoint* names is not there."""
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


def _found(sequence: int, what: str, journal: Journal) -> JournalError:
    return placed(Tampering(Problem(what)), sequence, journal.url)
