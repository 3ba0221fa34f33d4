"""A program as a file and back: JSON lines, with the exact text of every record.

The first line says which program it is and where its chain ends; the rule files, editions and
records follow. It is judged again before it is written, and once more before it is let in.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Annotated, BinaryIO, Final, Literal

import msgspec

from repurchase.audit.verify import Audit, Verified, audited, placed, verify
from repurchase.domain.errors import InputError, JournalError, Problem, Tampering, UsageError, short
from repurchase.domain.progress import Watch, unwatched
from repurchase.journal.book import chained, following
from repurchase.journal.records import Sealed
from repurchase.journal.store import Head, Journal, Writer

FORMAT: Final = "repurchase export 4"
LINE_BYTES_MAX: Final = 1 << 24
TOGETHER: Final = 1_000

_Hash = Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")]


class _Line(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="line"):
    """One line of an export."""


class Header(_Line, frozen=True, tag="export"):
    """The first line: the program, how many records it has, and the hash of the last."""

    format: Literal["repurchase export 4"]
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
    journal: Journal, program: str, watch: Watch = unwatched
) -> tuple[Verified, Iterator[str]]:
    """Return what *program* comes to, judged again from its first record, and its export's lines.

    Raise as `verify` does; the lines do if the journal is changed while they are written.
    """
    audit = audited(journal, program, watch=watch)
    return audit.verified(), _lines(journal, program, audit)


class ExportFile:
    """An export that is read line by line; its first line is read at once."""

    def __init__(self, stream: BinaryIO, name: str) -> None:
        """Read the first line of *stream*; raise InputError if it is none of an export."""
        self._stream = stream
        self.name = name
        self.line = 1
        try:
            header = _DECODER.decode(self._read())
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise self._no_export() from error
        if not isinstance(header, Header):
            raise self._no_export()
        self.header = header

    def lines(self) -> Iterator[_Line]:
        """Yield the lines after the first; raise Tampering for one that cannot be read."""
        while text := self._read():
            self.line += 1
            if not text.endswith(b"\n"):
                raise self.wrong("the line is cut off")
            try:
                yield _DECODER.decode(text)
            except (msgspec.DecodeError, UnicodeDecodeError) as error:
                raise self.wrong("the line is none of an export") from error

    def wrong(self, what: str) -> Tampering:
        """Return the error of *what* is wrong with the line that was read last."""
        return Tampering(Problem(what, "nothing was imported", self.name, self.line))

    def _read(self) -> bytes:
        return self._stream.readline(LINE_BYTES_MAX)

    def _no_export(self) -> InputError:
        hint = "make one with `repurchase export`"
        return InputError(Problem("it is no export of a journal", hint, self.name, 1))


def imported(file: ExportFile, journal: Journal, watch: Watch = unwatched) -> Verified:
    """Return what the program of *file* comes to, once it is in *journal*, judged again there.

    All of it is let in, or nothing. Raise UsageError if the program has begun there, Tampering
    with the first line that is wrong.
    """
    program = file.header.program
    with journal.writing(program) as writer:
        if writer.head.sequence:
            what = f"the program `{short(program)}` has begun in it"
            raise UsageError(Problem(what, "import into a new journal", journal.url))
        _Import(file, writer).run(watch)
    return verify(journal, program, watch=watch)


class _Import:
    """The lines of an export on their way into a transaction."""

    def __init__(self, file: ExportFile, writer: Writer) -> None:
        self._file = file
        self._writer = writer
        self._texts: dict[str, bytes] = {}
        self._editions: dict[str, str] = {}
        self._audit = Audit(file.header.program, self._texts.get, self._editions.get)

    def run(self, watch: Watch) -> None:
        """Write all that the file holds once it was judged; raise Tampering otherwise."""
        header = self._file.header
        records = iter(watch(self._records(), header.records))
        while together := list(islice(records, TOGETHER)):
            self._writer.append(together)
        audit = self._audit
        if audit.head != Head(header.records, header.head):
            self._file.line += 1
            what = f"it ends after {audit.head.sequence} records, not with its record"
            raise self._file.wrong(f"{what} {header.records}")
        if (*audit.rules, *audit.editions) != (*self._texts, *self._editions):
            what = "its rule files and editions are not those that its records name, in their order"
            raise self._file.wrong(what)
        self._keep()

    def _records(self) -> Iterator[Sealed]:
        for line in self._file.lines():
            if isinstance(line, _Record):
                yield self._taken(line)
            elif self._audit.head.sequence:
                raise self._file.wrong("it stands between or after the records")
            elif isinstance(line, _Text):
                if self._editions:
                    raise self._file.wrong("it stands after an edition")
                self._once(line.hash in self._texts)
                self._texts[line.hash] = line.body.encode()
            elif isinstance(line, _Edition):
                self._once(line.hash in self._editions)
                self._editions[line.hash] = line.content
            else:
                raise self._file.wrong("it is a second first line")

    def _taken(self, line: _Record) -> Sealed:
        audit, file = self._audit, self._file
        if audit.head.sequence == file.header.records:
            raise file.wrong("it stands after the last record")
        body = line.body.encode()
        try:
            sealed = Sealed(chained(audit.head, line.hash, body), body, line.hash)
            audit.take(sealed)
        except JournalError as error:
            raise placed(error, audit.head.sequence + 1, file.name, file.line) from error
        return sealed

    def _once(self, known: bool) -> None:
        if known:
            raise self._file.wrong("it is there twice")

    def _keep(self) -> None:
        audit = self._audit
        for hash_ in audit.rules:
            self._writer.keep_text(hash_, self._texts[hash_])
        for hash_ in audit.editions:
            self._writer.keep_edition(hash_, self._editions[hash_])
        if audit.snapshot is not None:
            self._writer.keep_snapshot(*audit.snapshot)


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
        problem = Problem("it was changed while it was exported")
        raise placed(Tampering(problem), whole.sequence, journal.url)


def _line(line: _Line) -> str:
    return msgspec.json.encode(line).decode()
