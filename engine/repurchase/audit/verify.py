"""Verification of a program: re-evaluate each record, and compare the tables around the records.

A chain alone proves only that it agrees with itself. A chain that a forger rewrote from the first
record to the last agrees, too. Only a checkpoint kept elsewhere shows that.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

import msgspec
from msgspec.structs import replace

from repurchase.audit.checkpoint import Checkpoint, check_chain, leaf_of
from repurchase.audit.feeds import MarketFiles
from repurchase.audit.merkle import Tree
from repurchase.domain.decisions import Decision
from repurchase.domain.errors import JournalError, Problem, Tampering, UsageError, short
from repurchase.domain.events import Event, key_of
from repurchase.domain.progress import Watch, unwatched
from repurchase.domain.quantities import written
from repurchase.domain.version import __version__
from repurchase.evaluation.step import refusal, step
from repurchase.journal.book import Book, RuleTexts, adopting, following, remember_book
from repurchase.journal.book import recorded as recorded_as
from repurchase.journal.outside import NotedMarket
from repurchase.journal.records import (
    Adoption,
    Answer,
    Reconciliation,
    Record,
    Sealed,
    Sum,
    answered,
    digest,
    event_of,
    record_bytes,
)
from repurchase.journal.store import Extent, Head, Journal
from repurchase.ledger.changes import DaySums
from repurchase.ledger.halts import is_agreed
from repurchase.ledger.position import Position
from repurchase.rulebook.editions import Edition, Editions, canonical
from repurchase.rulebook.life import life

if TYPE_CHECKING:
    from repurchase.proof.diff import Diff


_NO_FILLS: Final = Sum(0, 0, "0")
# Compares two rule files; returns `None` if the prover is not installed.
Compare = Callable[[Editions, Editions], "Diff | None"]


def uncompared(_: Editions, __: Editions, /) -> Diff | None:
    """Return `None`: compare nothing, so that what one person adopted is not proved again."""
    return None


class Verified(msgspec.Struct, frozen=True):
    """A program whose records were all verified: its length, its head, and its period.

    *editions* are the hashes of the editions that evaluated its events. *first* and *last* are
    the times of its first and its last record. *remarks* are sentences for people. *taken_back*
    says by person how often a bust or a correction took purchases back. *checkpoint* is the last
    checkpoint that the chain contains, if one was given, and *receipts* says how many answers that
    somebody kept it holds.
    """

    program: str
    records: int
    head: str
    editions: tuple[str, ...]
    first: datetime
    last: datetime
    remarks: tuple[str, ...] = ()
    taken_back: dict[str, int] = {}
    checkpoint: Checkpoint | None = None
    receipts: int = 0


def verify(
    journal: Journal,
    program: str,
    checkpoints: Sequence[Checkpoint] = (),
    watch: Watch = unwatched,
    compare: Compare = uncompared,
) -> Verified:
    """Return the summary of *program* in *journal*, after re-evaluating each of its records.

    The chain must contain each of the *checkpoints*, which must follow each other. *compare* proves
    again that what one person alone adopted is no looser. Raise Tampering with the first wrong
    record, JournalError if a record cannot be evaluated, and UsageError if the journal does not
    have *program*.
    """
    return audited(journal, program, checkpoints, watch, compare).verified()


def audited(
    journal: Journal,
    program: str,
    checkpoints: Sequence[Checkpoint] = (),
    watch: Watch = unwatched,
    compare: Compare = uncompared,
    files: MarketFiles | None = None,
) -> Audit:
    """Return the audit of all records of *program* in *journal*; raise as `verify` does.

    *files* are market files to compare the records with, if any are given.
    """
    extent = journal.extent(program)
    last = extent.head.sequence
    if last < 1:
        check_strays(journal)
        if checkpoints and checkpoints[0].program == program:
            raise _found(1, _missing(checkpoints[0]), journal)
        what = f"the journal has no program `{short(program)}`"
        raise UsageError(Problem(what, file=journal.url))
    audit = Audit(program, journal.text, journal.edition, checkpoints, files)
    try:
        for _ in watch(_taken(audit, journal, last), last):
            pass
        check_end(audit, extent, journal)
        audit.prove_no_looser(compare, journal.url)
    except JournalError as error:
        raise placed(error, audit.head.sequence + 1, journal.url) from error
    check_strays(journal)
    remember_book(journal, program, audit.book, 0)
    return audit


def _taken(audit: Audit, journal: Journal, last: int) -> Iterator[None]:
    """Give *audit* all records up to number *last*, and yield once for each.

    Errors are raised inside this iterator, so that a progress bar around it ends, too.
    """
    for stored in journal.records(audit.program, until=last):
        if stored.sequence != audit.head.sequence + 1:
            raise Tampering(Problem("it is missing"))
        audit.take(Sealed(following(audit.head, stored), stored.body, stored.hash))
        yield


def check_end(audit: Audit, extent: Extent, journal: Journal) -> None:
    """Raise Tampering if *audit* ended otherwise than the tables around the records say."""
    head = extent.head
    if audit.head.sequence < head.sequence:
        raise Tampering(Problem(f"it is missing, although the last record is {head.sequence}"))
    if audit.head != head:
        what = "its hash is not that of the program's head"
        raise _found(head.sequence, what, journal)
    if extent.first is not None and extent.first < 1:
        raise _found(extent.first, "it is numbered before record 1", journal)
    if extent.beyond is not None:
        what = f"it is beyond the program's last record, {head.sequence}"
        raise _found(extent.beyond, what, journal)
    for record in audit.contradicting:
        _check_contradicted(record, audit.program, journal)
    again = journal.repeated(audit.program)
    if again is not None:
        raise _found(again, "its event has the same id as an earlier event", journal)
    audit.check_contained(journal.url)
    journal.check_tables()


def _check_contradicted(record: Record, program: str, journal: Journal) -> None:
    """Raise Tampering unless the event that *record* contradicts is recorded before it."""
    event = record.event or {}
    stored = journal.record(program, key_of(event["kind"], event["id"]))
    told = None if stored is None else recorded_as(stored, journal.url)
    if told is None or told.sequence > record.sequence or told.event != record.against:
        what = "the event that it contradicts is not recorded before it"
        raise _found(record.sequence, what, journal)


def check_strays(journal: Journal) -> None:
    """Raise Tampering if *journal* has records of a program that it does not list."""
    stray = journal.stray()
    if stray is not None:
        program, sequence = stray
        what = f"it is of `{short(program)}`, which this journal does not list as a program"
        raise _found(sequence, what, journal)


def placed(error: JournalError, sequence: int, file: str, line: int | None = None) -> JournalError:
    """Return *error* with the record's number and place added, unless it has a place already."""
    return type(error)(
        Problem(f"record {sequence}: {one.what}", one.hint, file, line) if one.file is None else one
        for one in error.problems
    )


class Audit:
    """A verification in progress: it takes the records of a program in order, each re-evaluated.

    *book* is the program after the records taken so far. *rules* and *editions* are the hashes of
    the texts and the editions that the records name, in that order; *adopted* are the rule files
    that they adopt.
    """

    book: Book
    checkpoints: list[Checkpoint]

    def __init__(
        self,
        program: str,
        text: Callable[[str], bytes | None],
        edition: Callable[[str], str | None],
        checkpoints: Sequence[Checkpoint] = (),
        files: MarketFiles | None = None,
    ) -> None:
        """Begin before the first record; *text* and *edition* return stored content by its hash.

        The facts of records are compared with *files*, if they are given.
        Raise UsageError if one of *checkpoints* is of another program, Tampering if they do not
        follow each other.
        """
        for one in checkpoints:
            if one.program != program:
                what = f"the checkpoint is of the program `{short(one.program)}`"
                raise UsageError(Problem(what, f"give one of `{short(program)}`"))
        self.program = program
        self.checkpoints = sorted(checkpoints, key=lambda one: one.records)
        check_chain(self.checkpoints)
        self._tree = Tree()
        self._files = files or MarketFiles()
        self.book = Book()
        self.rules: dict[str, None] = {}
        self.adopted: list[Editions] = []
        self.editions: dict[str, None] = {}
        self.contradicting: list[Record] = []
        # What one person changed, since it was proven no looser: the record and both rule files.
        self._no_looser: list[tuple[int, Editions, Editions]] = []
        self._texts = RuleTexts(text)
        self._content = edition
        self._agreed: set[tuple[str, str]] = set()
        self._first: datetime | None = None
        self._last: datetime | None = None
        self._set_back = 0
        self._remarks: dict[str, None] = {}
        self._versions: dict[str, None] = {}
        self._sums = DaySums()
        # How often each person took purchases back, which frees what the caps allow.
        self._taken_back: Counter[str] = Counter()

    @property
    def head(self) -> Head:
        """Return the end of the records taken so far."""
        return self.book.head

    def take(self, sealed: Sealed) -> None:
        """Take the next record, *sealed*, which must follow the one before.

        Raise Tampering if the record is not what its event gives under the rules in force.
        """
        record = sealed.record
        if record_bytes(record) != sealed.body:
            # Two programs could read different content from such bytes.
            raise Tampering(Problem("its bytes are not as this package writes records"))
        try:
            if is_agreed(self.book.position) and record.adoption is None:
                what = "it does not adopt the rule file that a second person confirmed"
                raise Tampering(Problem(what))
            if record.event is not None:
                self.evaluate(record, record.event)
            elif record.adoption is not None:
                self._adopt(record.adoption)
            elif record.reconciliation is not None:
                self._compare_sums(record.reconciliation)
        except Tampering as error:
            raise _by_another(error, record.version) from error
        self._compare_checkpoints(sealed)
        self._versions[record.version] = None
        self._note_time(record.at)
        self.book = replace(self.book, head=Head(record.sequence, sealed.hash))

    def _compare_checkpoints(self, sealed: Sealed) -> None:
        """Raise Tampering unless a checkpoint of the record *sealed* is of the chain up to it."""
        self._tree.add(leaf_of(sealed.hash))
        for named in self.checkpoints:
            if named.records != sealed.record.sequence:
                continue
            if (named.head, named.root) != (sealed.hash, self._tree.root().hex()):
                what = f"its hash is not the one in {_named(named)}"
                raise Tampering(Problem(f"{what}: the chain was rewritten, or is another chain"))

    @property
    def last(self) -> datetime | None:
        """Return the time of the last record taken; `None` before the first."""
        return self._last

    def verified(self) -> Verified:
        """Return the summary of the records taken; there must be at least one."""
        assert self._first is not None, "a program has at least the record of its adoption"
        assert self._last is not None, "a program with a first record has a last one"
        remarks = [*self._remarks, *self._files.remarks()]
        if (versions := ", ".join(map(short, self._versions))) != __version__:
            remarks.append(f"recorded by version {versions} of this package; this is {__version__}")
        if self._set_back:
            records = "1 record has" if self._set_back == 1 else f"{self._set_back:,} records have"
            remarks.append(f"{records} an earlier time than the record before (clock set back)")
        return Verified(
            program=self.program,
            records=self.head.sequence,
            head=self.head.hash,
            editions=tuple(self.editions),
            first=self._first,
            last=self._last,
            remarks=tuple(remarks),
            taken_back=dict(sorted(self._taken_back.items())),
            checkpoint=self.checkpoints[-1] if self.checkpoints else None,
        )

    def check_contained(self, place: str) -> None:
        """Raise Tampering, with the *place*, unless each checkpoint names a record taken."""
        for checkpoint in self.checkpoints:
            if checkpoint.records > self.head.sequence:
                error = Tampering(Problem(_missing(checkpoint)))
                raise placed(error, self.head.sequence + 1, place)

    def prove_no_looser(self, compare: Compare, place: str) -> None:
        """Prove again that what one person alone adopted is no looser; raise Tampering if it is.

        *compare* compares two rule files, and *place* names the journal or the file in the error.

        What is not proved in time, or without the prover, is among the remarks.
        """
        for record, old, new in self._no_looser:
            what = "one person alone adopts a rule file"
            compared = compare(old, new)
            if compared is None or compared.verdict == "undecided":
                doubt = "and it was not proved again that it is no looser"
                self._remarks[f"record {record}: {what}, {doubt}"] = None
            elif not compared.is_no_looser:
                hint = "a second person must confirm it"
                error = Tampering(Problem(f"{what} that is {compared.verdict}", hint))
                raise placed(error, record, place)

    def evaluate(self, record: Record, fields: dict[str, Any]) -> None:
        """Re-evaluate the event of *fields*, and take the position after it.

        Raise Tampering if the decision is not the one in *record*.
        """
        answer, editions = record.answer, self.book.editions
        if editions is None or answer is None:
            raise Tampering(Problem("no earlier record adopts a rule file"))
        event = event_of(fields)
        if answer.outcome == "refused":
            self._refused(record, event, answer)
            return
        if event.authorization is not None and event.authorization != self.program:
            what = f"its event is of the authorization `{short(event.authorization)}`"
            raise Tampering(Problem(what))
        its = life(editions, event, self.book.position)
        self._compare(answer.edition, its.edition)
        noted = NotedMarket(self._files.market(record, its.edition.authorization))
        taken = step(event, self.book.position, its, live=True, market=noted)
        if noted.outside() != record.outside:
            raise Tampering(Problem("its `outside` holds facts that its rules do not read"))
        self._files.check(record, noted.feeds())
        found = taken.decision
        if [one.since for one in found.editions] != [one.since for one in answer.editions]:
            raise Tampering(Problem("other editions judge it than those that it names"))
        # None judged an event that was denied before any rule was asked.
        for judge, one in zip(answer.editions, its.later, strict=False):
            self._compare(judge.edition, one.edition)
        self._compare_answers(answer, found)
        if event.kind in ("bust", "correct") and _is_less(taken.position, self.book.position):
            self._taken_back[short(event.by or "nobody named")] += 1
        self._sums.add(event, self.book.position, taken.position)
        self.book = replace(self.book, position=taken.position)

    def _refused(self, record: Record, event: Event, answer: Answer) -> None:
        """Refuse *event* again, a report that contradicts an earlier one; see `evaluate`."""
        assert self.book.editions is not None, "`evaluate` makes sure of it"
        against = event_of(record.against or {})
        if key_of(event.kind, event.id) != key_of(against.kind, against.id):
            raise Tampering(Problem("the event that it contradicts has another id"))
        edition = self.book.editions.of(event, self.book.position)
        self._compare(answer.edition, edition)
        taken = refusal(event, self.book.position, edition, against)
        self._compare_answers(answer, taken.decision)
        self.contradicting.append(record)
        self.book = replace(self.book, position=taken.position)

    @staticmethod
    def _compare_answers(recorded: Answer, found: Decision) -> None:
        """Raise Tampering unless the decision *found* is the one *recorded*."""
        if answered(found) != replace(recorded, edition=found.edition, editions=found.editions):
            raise Tampering(Problem(f"re-evaluated, {_difference(recorded, found)}"))

    def _compare(self, recorded: str, edition: Edition) -> None:
        """Compare the edition *recorded* with *edition*, unless they were compared before."""
        if (recorded, edition.hash) not in self._agreed:
            self.compare_edition(recorded, edition)

    def compare_edition(self, recorded: str, edition: Edition) -> None:
        """Raise Tampering unless *edition* is the one *recorded*, apart from its time-zone version.

        A difference in the time-zone version is added to the remarks.
        """
        content = self._content(recorded)
        if content is None:
            raise Tampering(Problem(f"the edition that it names, {recorded}, is missing"))
        if digest(content.encode("utf-8", "surrogateescape")) != recorded:
            raise Tampering(Problem(f"the edition that it names, {recorded}, was changed"))
        if recorded != edition.hash:
            then, now = _zones(content), _zones(edition.content)
            if _with_zones(edition.content, then) != content:
                what = "its edition is not the one that its rule file gives for its day"
                raise Tampering(Problem(what))
            self._remarks[
                f"events decided with the time zones of tzdata {short(str(then))} were re-evaluated"
                f" with those of tzdata {now}"
            ] = None
        self._agreed.add((recorded, edition.hash))
        self.editions[recorded] = None

    def _compare_sums(self, found: Reconciliation) -> None:
        """Raise Tampering unless *found* has the fills that the events so far give, all counted."""
        if self.book.editions is None:
            raise Tampering(Problem("no earlier record adopts a rule file"))
        totals = {
            name: Sum(fills, units, None if cost is None else written(cost))
            for name, (fills, units, cost) in self._sums.totals(found.first, found.last).items()
        }
        # An instrument can be in the file alone.
        expected = dict.fromkeys(found.totals, _NO_FILLS) | totals
        if {name: of.journal for name, of in found.totals.items()} != expected:
            what = "the fills that it compared are not those that the events so far give"
            raise Tampering(Problem(what))
        paired = found.matched + found.different
        both = (
            (found.missing_in_file, sum(of.journal.fills for of in found.totals.values())),
            (found.missing_in_journal, sum(of.file.fills for of in found.totals.values())),
        )
        if any(paired + missing != fills for missing, fills in both):
            raise Tampering(Problem("its counts are not those of the fills that it compared"))

    def _adopt(self, adoption: Adoption) -> None:
        """Take *adoption*; raise Tampering if one person alone adopts what can be looser."""
        editions = self._texts.editions(adoption.rules)
        name = editions.authorization.name
        if not name == adoption.authorization == self.program:
            what = f"it adopts the rule file of `{short(name)}`, another program"
            raise Tampering(Problem(what))
        if self.book.editions is not None and not (adoption.by and adoption.reason):
            raise Tampering(Problem("it does not say who changed the rule file, and why"))
        before = self.book.editions
        if adoption.proven_no_looser and before is not None:
            self._no_looser.append((self.head.sequence + 1, before, editions))
        self.book = adopting(self.book, adoption, self._texts)
        self.adopted.append(editions)
        self.rules |= dict.fromkeys(adoption.rules.hashes())

    def _note_time(self, at: datetime) -> None:
        if self._last is None:
            self._first = at
        elif at < self._last:
            self._set_back += 1
        self._last = at


def _is_less(after: Position, before: Position) -> bool:
    """Return whether a program has executed less *after* an event than *before* it."""
    return (
        after.executed_shares < before.executed_shares
        or after.executed_amount < before.executed_amount
    )


def _difference(recorded: Answer, found: Decision) -> str:
    """Return the sentence that says how the decision *found* differs from the one *recorded*."""
    if found.outcome != recorded.outcome:
        return f"the outcome is {found.outcome}, but the record says {recorded.outcome}"
    for name in found.position.__struct_fields__:
        now, then = getattr(found.position, name), getattr(recorded.position, name)
        if now != then:
            return f"`{name}` is {_shown(now)}, but the record says {_shown(then)}"
    if found.halted_by != recorded.halted_by:
        now, then = (_halted(one.halted_by) for one in (found, recorded))
        return f"the program is {now}, but the record says {then}"
    if found.pending != recorded.pending:
        return "it differs in whether it waits for a second person"
    rules = {one.rule for one in {*found.findings} ^ {*recorded.findings}}
    if not rules:
        return "the findings have another order than in the record"
    named = ", ".join(f"`{short(rule)}`" for rule in sorted(rules))
    return f"the findings differ from those in the record, of {named}"


def _shown(figure: str | None) -> str:
    return "unknown" if figure is None else short(figure)


def _halted(by: tuple[str, ...]) -> str:
    return f"halted by {', '.join(map(short, by))}" if by else "not halted"


def _by_another(error: Tampering, version: str) -> Tampering:
    if version == __version__:
        return error
    hint = f"version {short(version)} of this package recorded it, but this is {__version__}"
    return Tampering(Problem(one.what, one.hint or hint, one.file) for one in error.problems)


def _missing(checkpoint: Checkpoint) -> str:
    """Return the sentence that says that the record which *checkpoint* names is missing."""
    named = f"{_named(checkpoint)} of `{short(checkpoint.program)}`"
    return f"it is missing, although {named} names record {checkpoint.records}"


def _named(checkpoint: Checkpoint) -> str:
    return f"the checkpoint of {checkpoint.time:%Y-%m-%d}"


def _zones(content: str) -> object:
    """Return the version of the time zones in the *content* of an edition.

    Raise Tampering if the content cannot be read.
    """
    try:
        return json.loads(content)["tzdata"]
    except (ValueError, LookupError, TypeError, RecursionError) as error:
        raise Tampering(Problem("the edition that it names cannot be read")) from error


def _with_zones(content: str, version: object) -> str:
    return canonical(json.loads(content) | {"tzdata": version})


def _found(sequence: int, what: str, journal: Journal) -> JournalError:
    return placed(Tampering(Problem(what)), sequence, journal.url)
