"""Export of a program to a file and import from it: JSON lines with the exact text of each record.

The first line names the program and the end of its chain. The rule files, the editions and the
records follow. Export re-evaluates every record before it writes, and import before it commits.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Annotated, BinaryIO, Final, Literal

import msgspec
from msgspec.structs import replace

from repurchase.audit.checkpoint import Checkpoint
from repurchase.audit.verify import Audit, Compare, Verified, audited, placed, uncompared, verify
from repurchase.domain.errors import InputError, JournalError, Problem, Tampering, UsageError, short
from repurchase.domain.progress import Watch, unwatched
from repurchase.journal.book import chained, following
from repurchase.journal.records import Sealed
from repurchase.journal.store import Head, Journal, Writer

FORMAT: Final = "repurchase export 12"
_OTHER_FORMAT: Final = re.compile(rb'.{0,40}"repurchase export ([0-9]{1,3})"')
LINE_BYTES_MAX: Final = 1 << 24
TOGETHER: Final = 1_000
# All rule files, packs and editions are in memory while the records are re-evaluated. A rule file
# has at most a megabyte; most have a hundredth of it.
RULES_BYTES_MAX: Final = 1 << 26

_Hash = Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")]


class _Line(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="line"):
    """One line of an export."""


class Header(_Line, frozen=True, tag="export"):
    """The first line: the program, how many records it has, and the hash of the last."""

    format: Literal["repurchase export 12"]
    program: str
    records: Annotated[int, msgspec.Meta(ge=1)]
    head: _Hash


class _Text(_Line, frozen=True, tag="text"):
    hash: _Hash
    body: str


class _Edition(_Line, frozen=True, tag="edition"):
    hash: _Hash
    content: str


class _Record(_Line, frozen=True, gc=False, tag="record"):
    hash: _Hash
    body: str


_DECODER: Final = msgspec.json.Decoder(Header | _Text | _Edition | _Record)


def export(
    journal: Journal, program: str, watch: Watch = unwatched, compare: Compare = uncompared
) -> tuple[Verified, Iterator[str]]:
    """Return the summary of *program*, after re-evaluating each record, and the lines to write.

    Raise the errors of `verify`; the lines raise Tampering if the journal changes meanwhile.
    """
    audit = audited(journal, program, watch=watch, compare=compare)
    return audit.verified(), _lines(journal, program, audit)


class ExportFile:
    """An export file, read line by line."""

    line: int

    def __init__(self, stream: BinaryIO, name: str) -> None:
        """Read the first line of *stream*; raise InputError if it is not that of an export."""
        self._stream = stream
        self.name = name
        self.line = 1
        text = self._read()
        try:
            header = _DECODER.decode(text)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise self._no_export(text) from error
        if not isinstance(header, Header):
            raise self._no_export(text)
        self.header = header

    def lines(self) -> Iterator[_Line]:
        """Yield the lines after the first; raise Tampering if one cannot be read."""
        while text := self._read():
            self.line += 1
            if not text.endswith(b"\n"):
                raise self.wrong("the line is cut off")
            try:
                yield _DECODER.decode(text)
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
                raise self.wrong("this is not a line of an export") from error

    def wrong(self, what: str) -> Tampering:
        """Return the error that says *what* is wrong with the line read last."""
        return Tampering(Problem(what, "nothing was imported", self.name, self.line))

    def _read(self) -> bytes:
        return self._stream.readline(LINE_BYTES_MAX)

    def _no_export(self, text: bytes) -> InputError:
        what, hint = "this is not an export of a journal", "make one with `repurchase export`"
        other = _OTHER_FORMAT.match(text)
        own = FORMAT.rpartition(" ")[2]
        found = own if other is None else other[1].decode()
        if found != own:
            what = f"this is an export of format {found}, but this package reads {own}"
            hint = (
                "verify it with the version that wrote it; to go on here, begin the program with"
                " `brought_forward`, the shares and the amount it has executed"
            )
        return InputError(Problem(what, hint, self.name, 1))


def imported(
    file: ExportFile,
    journal: Journal,
    watch: Watch = unwatched,
    compare: Compare = uncompared,
    checkpoints: Sequence[Checkpoint] = (),
) -> Verified:
    """Import the program of *file* into *journal*, verify it there, and return its summary.

    It must contain each of the *checkpoints*. Import all of it or nothing. Raise UsageError if the
    journal already has the program, Tampering with the first wrong line, InputError if it has more
    rule files than are kept in memory.
    """
    program = file.header.program
    with journal.writing(program) as writer:
        if writer.head.sequence:
            what = f"the journal already has the program `{short(program)}`"
            raise UsageError(Problem(what, "import into a new journal", journal.url))
        found = _Import(file, writer, checkpoints).run(watch, compare)
    # What was proved of the file is proved of its copy.
    return replace(verify(journal, program, checkpoints, watch), remarks=found.remarks)


class _Import:
    """An import in progress: the lines of an export, inside one transaction."""

    def __init__(self, file: ExportFile, writer: Writer, checkpoints: Sequence[Checkpoint]) -> None:
        self._file = file
        self._writer = writer
        self._texts: dict[str, bytes] = {}
        self._editions: dict[str, str] = {}
        self._rules_bytes = 0
        program = file.header.program
        self._audit = Audit(program, self._texts.get, self._editions.get, checkpoints)

    def run(self, watch: Watch, compare: Compare) -> Verified:
        """Re-evaluate and write all records of the file; raise Tampering if one is wrong."""
        header = self._file.header
        records = iter(watch(self._records(), header.records))
        while together := list(islice(records, TOGETHER)):
            self._writer.append(together)
        audit = self._audit
        audit.check_contained(self._file.name)
        if audit.head != Head(header.records, header.head):
            self._file.line += 1
            what = f"the file ends after {audit.head.sequence} records"
            raise self._file.wrong(f"{what}, not with record {header.records} of its first line")
        if (*audit.rules, *audit.editions) != (*self._texts, *self._editions):
            what = "the rule files and editions are not those that the records name, in that order"
            raise self._file.wrong(what)
        audit.prove_no_looser(compare, self._file.name)
        self._keep()
        return audit.verified()

    def _records(self) -> Iterator[Sealed]:
        for line in self._file.lines():
            if isinstance(line, _Record):
                yield self._taken(line)
            elif self._audit.head.sequence:
                raise self._file.wrong("only records may follow the first record")
            elif isinstance(line, _Text):
                if self._editions:
                    raise self._file.wrong("a rule file or pack may not follow an edition")
                self._once(line.hash in self._texts)
                self._texts[line.hash] = self._bounded(line.body)
            elif isinstance(line, _Edition):
                self._once(line.hash in self._editions)
                self._bounded(line.content)
                self._editions[line.hash] = line.content
            else:
                raise self._file.wrong("this is a second header line")

    def _taken(self, line: _Record) -> Sealed:
        audit, file = self._audit, self._file
        if audit.head.sequence == file.header.records:
            raise file.wrong("the line follows the last record")
        body = line.body.encode()
        try:
            sealed = Sealed(chained(audit.head, line.hash, body), body, line.hash)
            audit.take(sealed)
        except JournalError as error:
            raise placed(error, audit.head.sequence + 1, file.name, file.line) from error
        return sealed

    def _bounded(self, text: str) -> bytes:
        """Return *text*, a rule file or an edition, as bytes; raise InputError if all are too long.

        Only the records, which come after it, show that it belongs to the program.
        """
        data = text.encode()
        self._rules_bytes += len(data)
        if self._rules_bytes > RULES_BYTES_MAX:
            what = f"the rule files and editions are longer than {RULES_BYTES_MAX:,} bytes together"
            hint = "nothing was imported; a program has a few megabytes of them"
            raise InputError(Problem(what, hint, self._file.name, self._file.line))
        return data

    def _once(self, known: bool) -> None:
        if known:
            raise self._file.wrong("the line repeats an earlier one")

    def _keep(self) -> None:
        audit = self._audit
        for hash_ in audit.rules:
            self._writer.keep_text(hash_, self._texts[hash_])
        for hash_ in audit.editions:
            self._writer.keep_edition(hash_, self._editions[hash_])


def _lines(journal: Journal, program: str, audit: Audit) -> Iterator[str]:
    whole = audit.head
    yield _line(Header(FORMAT, program, whole.sequence, whole.hash))
    for hash_ in audit.rules:
        yield _line(_Text(hash_, (journal.text(hash_) or b"").decode()))
    for hash_ in audit.editions:
        yield _line(_Edition(hash_, journal.edition(hash_) or ""))
    head = Head()
    for stored in journal.records(program, until=whole.sequence):
        try:
            following(head, stored)
        except JournalError as error:
            raise placed(error, head.sequence + 1, journal.url) from error
        head = Head(stored.sequence, stored.hash)
        yield _line(_Record(stored.hash, stored.body.decode()))
    if head != whole:
        problem = Problem("the journal changed during the export")
        raise placed(Tampering(problem), whole.sequence, journal.url)


def _line(line: _Line) -> str:
    return msgspec.json.encode(line).decode()
