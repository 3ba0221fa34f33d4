"""Columns in and out by the Arrow C stream interface, with arro3-core.

Without the package `arro3-core` this module cannot be imported, and says what to install.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final, NamedTuple

from repurchase.api.answers import Decision, Finding, Position
from repurchase.api.events import ArrowStream, read
from repurchase.domain.errors import InputError, Problem, UsageError, Wrong, short
from repurchase.domain.moments import Moment

try:
    from arro3.core import (
        Array,
        DataType,
        Field,
        RecordBatch,
        RecordBatchReader,
        Schema,
        Table,
        list_array,
        struct_array,
    )
except ImportError as _missing:
    what_to_do = "install it with: pip install 'repurchase[frames]'"
    raise UsageError(Problem("frames need the package arro3-core", what_to_do)) from _missing

_NAME: Final = "frame"
_ROWS_AT_ONCE: Final = 10_000
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
# How many nanoseconds a unit is.
_UNITS: Final = {"s": 1_000_000_000, "ms": 1_000_000, "us": 1_000, "ns": 1}
_MICROSECOND: Final = 1_000

# In the types of the package itself `-> bool` names the class method `bool`, which is never false.
_IS: Final[Any] = DataType
_TEXTS: Final = (_IS.is_string, _IS.is_large_string, _IS.is_string_view)
_EXACT: Final = (*_TEXTS, _IS.is_boolean, _IS.is_null)
_READ: Final = (_IS.is_integer, _IS.is_decimal, _IS.is_date)

# Gives the cells of a part of one column, as the reader of events takes them.
_Cells = Callable[[Array], Iterable[object]]


class Columns(NamedTuple):
    """The columns of a frame: its whole *header*, and the *names* and *rows* of those kept."""

    header: Sequence[str]
    names: Sequence[str]
    rows: Iterator[tuple[object, ...]]


def opened(frame: ArrowStream, ignore: Collection[str]) -> Columns:
    """Return the columns of *frame*, those to *ignore* left out.

    Raise InputError with all columns whose values are not exact, UsageError for what is no frame.
    """
    if not hasattr(frame, "__arrow_c_stream__"):
        what = f"a value of type `{short(type(frame).__qualname__)}` is not a log"
        hint = "give the path of a file, or a frame of pandas, polars, DuckDB or pyarrow"
        raise UsageError(Problem(what, hint))
    try:
        source = RecordBatchReader.from_arrow(frame)
    except Exception as error:
        # Code of another library: whatever goes wrong in it, it gives no columns.
        what = f"the frame does not give its columns: {short(str(error))}"
        raise UsageError(Problem(what, "install what its `__arrow_c_stream__` needs")) from error
    header = source.schema.names
    fields = [
        (at, source.schema.field(at)) for at in range(len(header)) if header[at] not in ignore
    ]
    wrong = [problem for _, field in fields if (problem := _refused(field)) is not None]
    if wrong:
        raise InputError(wrong)
    readers = [(at, _cells(field.type)) for at, field in fields]
    return Columns(header, [field.name for _, field in fields], _rows(source, readers))


def _rows(
    source: RecordBatchReader, readers: Sequence[tuple[int, _Cells]]
) -> Iterator[tuple[object, ...]]:
    for batch in _batches(source):
        for start in range(0, batch.num_rows, _ROWS_AT_ONCE):
            length = min(_ROWS_AT_ONCE, batch.num_rows - start)
            parts = ((batch.column(at).slice(start, length), cells) for at, cells in readers)
            yield from zip(*(cells(part) for part, cells in parts), strict=True)


def _batches(source: RecordBatchReader) -> Iterator[RecordBatch]:
    try:
        yield from source
    except Exception as error:
        what = f"the frame ends in an error: {short(str(error))}"
        raise InputError(Problem(what, "give a frame that can be read whole", _NAME)) from error


def _refused(field: Any) -> Problem | None:
    """Return why the values of *field* cannot be read exactly, `None` if they can."""
    kind = _values(field.type)
    if _IS.is_floating(kind):
        holds = "floating-point numbers"
        hint = "convert it to Decimal, to a text or to an integer that may be absent"
    elif _IS.is_timestamp(kind) and not kind.tz:
        holds, hint = "times without a zone", "give them their zone, or give a text"
    elif _IS.is_timestamp(kind) or any(is_one(kind) for is_one in (*_EXACT, *_READ)):
        return None
    else:
        holds, hint = f"values of type {_named(kind)}", "give texts, numbers, dates or times"
    return Problem(f"the column `{short(field.name)}` holds {holds}", hint, _NAME)


def _values(kind: Any) -> Any:
    """Return *kind*, or of a dictionary that of its values."""
    return kind.value_type if _IS.is_dictionary(kind) else kind


def _named(kind: DataType) -> str:
    return str(kind).strip().removeprefix("arro3.core.DataType<").removesuffix(">")


def _cells(kind: Any) -> _Cells:
    """Return what gives the cells of a column of *kind*."""
    values = _values(kind)
    if _IS.is_timestamp(values):
        unit = str(values.time_unit)
        return lambda part: _moments(part, unit)
    if any(is_one(values) for is_one in _EXACT):
        return Array.to_pylist
    return lambda part: map(read, part.to_pylist())


def _moments(part: Array, unit: str) -> Iterator[object]:
    # By itself arro3 drops what is finer than a microsecond, and what is beyond the calendar.
    return (_moment(number, unit) for number in part.cast(DataType.int64()).to_pylist())


def _moment(number: int | None, unit: str) -> object:
    """Return the moment that lies *number* times *unit* after 1970, as RFC 3339 writes it."""
    if number is None:
        return None
    microseconds, finer = divmod(number * _UNITS[unit], _MICROSECOND)
    try:
        moment = _EPOCH + timedelta(microseconds=microseconds)
        return (Moment.after(moment, finer) if finer else moment).isoformat()
    except OverflowError:
        return Wrong("is a time beyond the calendar", "give a time from 1900 to 2199")


def batch_of(decisions: Sequence[Decision]) -> RecordBatch:
    """Return *decisions* as a batch of rows."""
    positions = [one.position for one in decisions]
    columns = [
        *(_texts(decisions, name) for name in ("id", "kind", "outcome")),
        _lists([one.denied_by for one in decisions], _array),
        *(_texts(positions, name) for name in Position.__struct_fields__),
        _texts(decisions, "edition"),
        _lists([one.halted_by for one in decisions], _array),
        Array([one.repeated for one in decisions], DataType.bool()),
        _lists([one.findings for one in decisions], _findings),
    ]
    return RecordBatch.from_arrays(columns, schema=_SCHEMA)


def stream_of(batches: Sequence[RecordBatch], requested_schema: object | None) -> object:
    """Return a capsule with an Arrow C stream of *batches*, which `batch_of` made."""
    return Table.from_batches(batches, schema=_SCHEMA).__arrow_c_stream__(requested_schema)


def _findings(found: Sequence[Finding]) -> Array:
    columns = [
        _lists([one.missing for one in found], _array) if name == "missing" else _texts(found, name)
        for name in Finding.__struct_fields__
    ]
    return struct_array(columns, fields=_FINDING)


def _texts(values: Sequence[object], name: str) -> Array:
    return _array([getattr(one, name) for one in values])


def _array(values: Sequence[str | None]) -> Array:
    return Array(values, DataType.string())


def _lists(rows: Sequence[Sequence[Any]], of: Callable[[Sequence[Any]], Array]) -> Array:
    """Return the lists *rows*, of whose items *of* makes one array."""
    ends = [0]
    for row in rows:
        ends.append(ends[-1] + len(row))
    items = of([item for row in rows for item in row])
    return list_array(Array(ends, DataType.int32()), items, type=_list_of(items.type))


def _list_of(kind: DataType) -> DataType:
    return DataType.list(Field("item", kind, nullable=True))


def _field(name: str, kind: DataType) -> Field:
    return Field(name, kind, nullable=True)


def _of_texts(names: Iterable[str]) -> list[Field]:
    return [_field(name, DataType.string()) for name in names]


_FINDING: Final = [
    _field(name, _list_of(DataType.string()) if name == "missing" else DataType.string())
    for name in Finding.__struct_fields__
]
_SCHEMA: Final = Schema(
    [
        *_of_texts(("id", "kind", "outcome")),
        _field("denied_by", _list_of(DataType.string())),
        *_of_texts((*Position.__struct_fields__, "edition")),
        _field("halted_by", _list_of(DataType.string())),
        _field("repeated", DataType.bool()),
        _field("findings", _list_of(DataType.struct(_FINDING))),
    ]
)
