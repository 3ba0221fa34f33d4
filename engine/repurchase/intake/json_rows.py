"""A log of JSON objects, one a line."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from typing import Any

from repurchase.domain import errors
from repurchase.domain.errors import Wrong
from repurchase.intake import fields, objects
from repurchase.intake.fields import READERS, Complaint
from repurchase.intake.lines import Lines
from repurchase.intake.rows import Layout, Record, Row, digest, refused


class JsonRows:
    """The rows of the log *name* of JSON objects.

    Whether its rows are numbered, for want of ids, is seen at the first: the others must do as it
    does.
    """

    def __init__(self, name: str, lines: Lines, layout: Layout) -> None:
        self._name = name
        self._lines = lines
        self._layout = layout
        self._fields = {
            theirs: (ours, READERS[ours])
            for theirs in (*READERS, *layout.columns.values())
            if (ours := layout.ours(theirs)) is not None and ours not in layout.constants
        }
        self._shared = {name: READERS[name](text) for name, text in layout.constants.items()}
        self._numbered: bool | None = None

    def records(self) -> Iterator[Record]:
        """Yield the text of each line, or what is wrong with it; a blank line is no row."""
        lines = self._lines
        index = 0
        while True:
            try:
                for text in lines:
                    lines.begun = lines.bytes_read
                    if not text.isspace():
                        index += 1
                        yield Record(lines.number, index, text)
                return
            except Wrong as wrong:
                problem = refused(self._name, lines.number, "the line", wrong)
            lines.begun = lines.bytes_read
            index += 1
            yield Record(lines.number, index, "", problem)

    def row(self, record: Record) -> Row:
        """Return the row that the line of *record* makes, `null` being an absent value."""
        if record.problem is not None:
            return Row(record.number, None, (record.problem,))
        try:
            found = self._pairs(record)
        except Wrong as wrong:
            return Row(
                record.number, None, (refused(self._name, record.number, "the line", wrong),)
            )
        try:
            read = self._read(found)
            if self._numbered:
                if "id" in read:
                    return self._refused(record, found)
                read["id"] = f"row-{record.index}"
                return Row(record.number, fields.built(read))
            return Row(record.number, fields.built(read), (), _digest(found))
        # An array or an object among the values cannot be looked up by those readers that
        # remember what they read, which is a TypeError.
        except (Wrong, KeyError, TypeError):
            return self._refused(record, found)

    def _pairs(self, record: Record) -> objects.Pairs:
        assert isinstance(record.texts, str)
        found = objects.pairs(record.texts)
        if self._layout.ignore:
            found = tuple(pair for pair in found if pair[0] not in self._layout.ignore)
        if self._numbered is None:
            self._numbered = not any(self._layout.ours(theirs) == "id" for theirs, _ in found)
        return found

    def _read(self, found: objects.Pairs) -> dict[str, Any]:
        ours_and_reader = self._fields
        read: dict[str, Any] = {}
        for theirs, value in found:
            ours, reader = ours_and_reader[theirs]
            if value is not None:
                read[ours] = reader(value)
        if len(read) != len(found) and len(dict(found)) != len(found):
            raise Wrong("has a name twice")
        if self._shared:
            read |= self._shared
        return read

    def _refused(self, record: Record, found: objects.Pairs) -> Row:
        # Reading it again, field by field, finds all that is wrong with it.
        constants = self._layout.constants
        values, complaints = objects.named(found)
        complaints += self._layout.unknown(values)
        known = [(ours, theirs) for theirs in values if (ours := self._layout.ours(theirs))]
        ours_values = {ours: values[theirs] for ours, theirs in known if ours not in constants}
        hint = "leave it out, or do not set it"
        complaints += [
            Complaint(ours, "is given, and is set for all rows", hint)
            for ours, _ in known
            if ours in constants
        ]
        if self._numbered and ours_values.get("id") is not None:
            hint = "give all rows an `id`, or none"
            complaints.append(Complaint("id", "is given, though the first row has none", hint))
        elif self._numbered:
            ours_values["id"] = f"row-{record.index}"
        complaints += fields.judged({**ours_values, **constants})[1]
        if not complaints:
            raise errors.EngineFault(f"row {record.index} was refused for no reason")
        labels = self._layout.labels()
        problems = fields.problems(complaints, labels, file=self._name, line=record.number)
        return Row(record.number, None, problems)


def _digest(found: objects.Pairs) -> bytes:
    texts: Any = chain.from_iterable(sorted(found))
    try:
        return digest("\0".join(texts))
    except TypeError:
        given = sorted((name, str(value)) for name, value in found if value is not None)
        return digest("\0".join(chain.from_iterable(given)))
