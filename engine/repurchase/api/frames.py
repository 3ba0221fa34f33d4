"""Frames of pandas, polars, DuckDB or pyarrow as logs, and decisions as a frame, by Arrow."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from repurchase.api.answers import Decision
from repurchase.api.events import ArrowStream
from repurchase.domain.errors import InputError
from repurchase.intake.fields import decode, problems
from repurchase.intake.ids import digest
from repurchase.intake.layout import Layout, contradictions, header_faults
from repurchase.intake.log import Row

_NAME: Final = "frame"
# Decisions become a batch of Arrow arrays after so many, which takes far less memory.
_BATCH: Final = 10_000


class Frame:
    """A frame as a log: its rows once, in their order, read under *layout*."""

    name = _NAME

    def __init__(self, frame: ArrowStream, layout: Layout) -> None:
        """Open *frame*; raise InputError for columns that cannot be read, with all of them."""
        from repurchase.api.arrow import opened

        faults = list(contradictions(layout))
        if faults:
            raise InputError(problems(faults, layout.labels(), file=_NAME))
        self._layout = layout
        columns = opened(frame, layout.ignore)
        self._cells = columns.rows
        names = [name for one in columns.names if (name := layout.ours(one)) is not None]
        self._constants: dict[str, object] = dict(layout.constants)
        if "kind" not in names:
            self._constants.setdefault("kind", "fill")
        kind = self._constants.get("kind")
        shared = kind if isinstance(kind, str) else None
        faults = list(header_faults(layout, columns.header, names, shared))
        if faults:
            raise InputError(problems(faults, {"": "a column"}, file=_NAME))
        self._names = names

    def rows(self) -> Iterator[Row]:
        """Yield the rows, counted from 1; an empty cell says nothing."""
        names, labels = self._names, self._layout.labels()
        has_ids = "id" in names
        for number, cells in enumerate(self._cells, 1):
            named = zip(names, cells, strict=True)
            values = {name: cell for name, cell in named if cell is not None} | self._constants
            if not has_ids:
                values["id"] = f"row-{number}"
            event, faults = decode(values)
            if event is None:
                found = problems(faults, labels, file=_NAME, line=number)
                yield Row(number, None, found)
            else:
                yield Row(number, event, (), digest(event) if has_ids else None)


class Decisions:
    """Decisions as a frame, one for each row, in the order of the rows.

    It gives its columns by the Arrow C stream interface, so that `polars.DataFrame(decisions)`,
    `pandas.DataFrame.from_arrow(decisions)`, `pyarrow.table(decisions)` and
    `duckdb.sql("FROM decisions")` read it. The columns are `id`, `kind`, `outcome`, `denied_by` (a
    list of rule IDs), the fields of `Position` (texts: shares, or amounts in the program's
    currency), `edition`, `halted_by` (a list of IDs), `repeated` and `findings` (a list of structs,
    with the fields of `Finding`).
    """

    def __init__(self) -> None:
        """Begin without a decision."""
        self._batches: list[Any] = []
        self._open: list[Decision] = []
        self._count = 0

    def add(self, decision: Decision) -> None:
        """Add the *decision* on the next row."""
        self._open.append(decision)
        self._count += 1
        if len(self._open) == _BATCH:
            self._close()

    def __len__(self) -> int:
        return self._count

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        """Return a capsule with an Arrow C stream of all decisions."""
        from repurchase.api.arrow import stream_of

        self._close()
        return stream_of(self._batches, requested_schema)

    def _close(self) -> None:
        from repurchase.api.arrow import batch_of

        if self._open:
            self._batches.append(batch_of(self._open))
            self._open = []
