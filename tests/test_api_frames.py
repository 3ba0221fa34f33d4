"""Frames of pandas, polars, DuckDB and pyarrow: read exactly, and answered row by row."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any, Final
from zoneinfo import ZoneInfo

import duckdb
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from repurchase import Decision, InputError, Position, Rules, UsageError
from repurchase.api.arrow import opened
from repurchase.api.events import read
from repurchase.rulebook.library import sample_path

TOKYO: Final = ZoneInfo("Asia/Tokyo")
STARTER: Final = Rules(sample_path("starter.yaml"))
NINE: Final = datetime(2026, 5, 18, 9, tzinfo=TOKYO)
COLUMNS: Final[Mapping[str, Any]] = {
    "id": pa.array(["a", "b", "a", "c"]),
    "time": pa.array([NINE, NINE + timedelta(minutes=1), NINE, NINE + timedelta(hours=1)]),
    "quantity": pa.array([100, 200_000, 100, 7], pa.int32()),
    "price": pa.array([Decimal("1000.50"), Decimal(1000), Decimal("1000.50"), None]),
    "order": pa.array([None, None, None, "a"]),
    "kind": pa.array(["order", "order", "order", "fill"]).dictionary_encode(),
    "order_type": pa.array(["limit", "limit", "limit", None]),
    "symbol": pa.array(["9999"] * 3 + [None]),
    "side": pa.array(["buy"] * 3 + [None]),
}
OUTCOMES: Final = ["approved", "denied", "approved", "approved"]


def table(**changes: Any) -> pa.Table:
    """Return the events as a table of pyarrow, with *changes*; `None` takes a column out."""
    columns = {**COLUMNS, **changes}
    return pa.table({name: column for name, column in columns.items() if column is not None})


def as_pandas(given: pa.Table) -> Any:
    """Return *given* as a frame of pandas, its integers as those that may be absent."""
    return given.to_pandas(types_mapper={pa.int32(): pd.Int32Dtype()}.get)


def as_duckdb(given: pa.Table) -> Any:
    """Return *given* as a relation of DuckDB."""
    connection = duckdb.connect()
    connection.register("given", given)
    return connection.sql("FROM given")


def read_by_pandas(found: Any) -> Any:
    """Return the rows of *found* as pandas reads them."""
    frame: Any = pd.DataFrame
    return frame.from_arrow(found).to_dict("records")


def read_by_duckdb(found: Any) -> Any:
    """Return the rows of *found* as DuckDB reads them."""
    connection = duckdb.connect()
    connection.register("found", found)
    return connection.sql("FROM found").to_arrow_table().to_pylist()


FRAMES: Final[Mapping[str, Callable[[pa.Table], Any]]] = {
    "pandas": as_pandas,
    "polars": pl.from_arrow,
    "duckdb": as_duckdb,
    "pyarrow": lambda given: given,
    "reader": lambda given: given.to_reader(max_chunksize=1),
    "slice": lambda given: pa.concat_tables([given, given]).slice(4),
}
READERS: Final[Mapping[str, Callable[[Any], list[dict[str, Any]]]]] = {
    "pandas": read_by_pandas,
    "polars": lambda found: pl.DataFrame(found).to_dicts(),
    "duckdb": read_by_duckdb,
    "pyarrow": lambda found: pa.table(found).to_pylist(),
}


@pytest.mark.parametrize("frame", FRAMES.values(), ids=FRAMES)
def test_every_frame_gives_the_same_decisions(frame: Callable[[pa.Table], Any]) -> None:
    """Whatever library made the frame, its rows are decided as the same events one by one."""
    program = STARTER.program()
    decisions = program.replay(frame(table()))
    assert len(decisions) == 4
    rows = pa.table(decisions).to_pylist()
    other = STARTER.program()
    events = ({name: cell for name, cell in row.items() if cell} for row in table().to_pylist())
    expected = [other.decide(event) for event in events]
    assert [row["outcome"] for row in rows] == OUTCOMES
    assert rows == [as_row(one) for one in expected]
    assert (program.summary, program.position) == (other.summary, other.position)


def as_row(decision: Decision) -> dict[str, Any]:
    """Return *decision* as a row of a frame."""
    return {
        "id": decision.id,
        "kind": decision.kind,
        "outcome": decision.outcome,
        "denied_by": list(decision.denied_by),
        **{name: getattr(decision.position, name) for name in Position.__struct_fields__},
        "edition": decision.edition,
        "halted_by": list(decision.halted_by),
        "repeated": decision.repeated,
        "findings": [
            {
                name: list(finding.missing) if name == "missing" else getattr(finding, name)
                for name in finding.__struct_fields__
            }
            for finding in decision.findings
        ],
    }


@pytest.mark.parametrize("read", READERS.values(), ids=READERS)
def test_every_library_reads_the_decisions(read: Callable[[Any], list[dict[str, Any]]]) -> None:
    """The decisions are a frame, which can be read more than once."""
    decisions = STARTER.program().replay(table())
    for _ in range(2):
        rows = read(decisions)
        assert [row["outcome"] for row in rows] == OUTCOMES
        assert [row["id"] for row in rows] == ["a", "b", "a", "c"]
        assert [row["repeated"] for row in rows] == [False, False, True, False]
        assert list(rows[1]["denied_by"]) == ["amount-cap", "share-cap"]
        assert [one["rule"] for one in rows[1]["findings"]] == ["amount-cap", "share-cap"]
        assert rows[3]["executed_shares"] == "7"


def test_columns_constants_and_ignored_columns_are_arguments() -> None:
    """A frame has its own names: they are given, and so is what all rows share."""
    frame = pl.DataFrame({"ref": ["x"], "units": [5], "day": [date(2026, 5, 18)], "note": [1.5]})
    decisions = STARTER.program().replay(
        frame,
        columns={"id": "ref", "quantity": "units", "date": "day"},
        constants={"symbol": "9999", "side": "buy", "price": Decimal(1000)},
        ignore=["note"],
    )
    assert pl.DataFrame(decisions)["executed_amount"].to_list() == ["5000"]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"price": pa.array([1.5] * 4)}, "the column `price` holds floating-point numbers"),
        ({"price": pa.array([None] * 4, pa.float32())}, "the column `price` holds floating-point"),
        ({"time": pa.array([datetime(2026, 5, 18)] * 4)}, "`time` holds times without a zone"),  # noqa: DTZ001
        ({"price": pa.array([[1]] * 4)}, "the column `price` holds values of type List"),
        ({"symbol": pa.array([b"9999"] * 4)}, "the column `symbol` holds values of type Binary"),
        ({"price": pa.array([1.5] * 4).dictionary_encode()}, "floating-point numbers"),
        ({"expires": pa.array([timedelta(1)] * 4)}, "holds values of type Duration"),
        ({"nothing": pa.array([1] * 4)}, "`nothing` is not an event field"),
        ({"quantity": None}, "`quantity` is missing"),
        ({"time": None}, "`time` or `date` is missing"),
    ],
)
def test_column_that_cannot_be_exact_is_refused(changes: dict[str, Any], said: str) -> None:
    """A column is refused by its name before any row is read, and nothing has happened."""
    program = STARTER.program()
    with pytest.raises(InputError) as raised:
        program.replay(table(**changes))
    assert said in str(raised.value)
    assert program.summary.events == 0


def test_all_columns_that_cannot_be_exact_are_named() -> None:
    """Two wrong columns are two problems; an ignored one is none."""
    floats = pa.array([1.5] * 4)
    with pytest.raises(InputError) as raised:
        STARTER.program().replay(table(price=floats, fees=floats, note=floats), ignore=["note"])
    assert len(raised.value.problems) == 2


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"quantity": pa.array([100, 1, -5, 7])}, "frame:3: `quantity` is `-5`"),
        ({"quantity": pa.array([100, 1, None, 7])}, "frame:3: `quantity` is missing"),
        ({"quantity": pa.array([2**64 - 1] * 4, pa.uint64())}, "frame:1: `quantity` is a number"),
        (
            {"time": pa.array([2**62] * 4, pa.timestamp("s", "UTC"))},
            "frame:1: `time` is a time beyond the calendar",
        ),
        (
            {"price": pa.array([Decimal(10) ** 30] * 4, pa.decimal128(38, 0))},
            "frame:1: `price` is `1000000000000000000000000000000`, too large",
        ),
        ({"side": pa.array(["buy", "", "buy", None])}, "frame:2: `side` is empty"),
        ({"id": pa.array(["a", "b", "b", "c"])}, "frame:3: the id `b` was used before"),
        ({"time": pa.array([NINE, NINE - timedelta(1), NINE, NINE])}, "goes backwards: line 1"),
        ({"symbol": pa.array(["9999", "8888", "9999", None])}, "frame:2: `8888` is not a symbol"),
    ],
)
def test_row_that_is_wrong_is_named_and_nothing_happens(changes: dict[str, Any], said: str) -> None:
    """A row that cannot be read is named by its number, and no row has been decided."""
    program = STARTER.program()
    before = program.position
    with pytest.raises(InputError) as raised:
        program.replay(table(**changes))
    assert said in str(raised.value)
    assert "there is no conclusion from this log" in str(raised.value)
    assert (program.summary.events, program.position) == (0, before)
    assert len(program.replay(table())) == 4


def test_first_twenty_wrong_rows_are_listed() -> None:
    """Of many wrong rows twenty are listed, and all are counted."""
    frame = pl.DataFrame({"date": [date(2026, 5, 18)] * 50, "quantity": [0] * 50})
    with pytest.raises(InputError) as raised:
        STARTER.program().replay(frame, constants={"symbol": "9999", "side": "buy", "price": 1})
    assert len(raised.value.problems) == 21
    assert "50 rows cannot be used" in str(raised.value)


@pytest.mark.parametrize("option", ["sort", "skip_other_symbols"])
def test_frame_keeps_its_rows(option: str) -> None:
    """Each row has its decision, so that none is moved or skipped; the frame can do that itself."""
    options: Any = {option: True}
    with pytest.raises(UsageError, match="sort or filter the frame itself"):
        STARTER.program().replay(table(), **options)
    with pytest.raises(InputError, match="use the frame's own filter"):
        STARTER.program().replay(table(symbol=pa.array(["1111"] * 4)))


def test_frame_without_rows_is_an_error() -> None:
    """Of no row nothing is concluded."""
    with pytest.raises(InputError, match="has no rows"):
        STARTER.program().replay(table().slice(4))


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
@pytest.mark.parametrize("zone", ["UTC", "Asia/Tokyo", "+09:00"])
def test_time_is_the_same_moment_in_every_unit_and_zone(unit: str, zone: str) -> None:
    """A time of a frame is exact: `expires` in Tokyo's next day ends the order a day later."""
    late = datetime(2026, 9, 30, 23, 59, 59, tzinfo=TOKYO)
    for moment, outcome in ((late, "approved"), (late + timedelta(seconds=1), "denied")):
        expires = pa.array([moment], pa.timestamp(unit, zone))
        frame = table().slice(0, 1).append_column("expires", expires)
        assert pa.table(STARTER.program().replay(frame))["outcome"].to_pylist() == [outcome]


@pytest.mark.slow
@given(
    rows=st.lists(st.tuples(st.integers(1, 50_000), st.none() | st.integers(1, 3000)), min_size=1),
    size=st.integers(1, 5),
)
def test_batches_do_not_matter(rows: list[tuple[int, int | None]], size: int) -> None:
    """However a frame is cut into batches, absent cells included, the decisions are the same."""
    quantities, prices = zip(*rows, strict=True)
    frame = pa.table(
        {
            "id": [f"o-{number}" for number in range(len(rows))],
            "quantity": quantities,
            "price": pa.array(prices, pa.decimal128(10, 2)),
            "time": pa.array([NINE] * len(rows)),
        }
    )
    shared = {"kind": "order", "symbol": "9999", "side": "buy", "order_type": "limit"}
    whole = STARTER.program().replay(frame, constants=shared)
    cut = STARTER.program().replay(frame.to_reader(max_chunksize=size), constants=shared)
    assert pa.table(whole).equals(pa.table(cut))
    assert pa.table(whole)["id"].to_pylist() == frame["id"].to_pylist()


@pytest.mark.slow
def test_many_decisions_are_given_in_batches() -> None:
    """More decisions than one batch holds come out in order, and are pickled with nothing lost."""
    count = 20_001
    days = pl.DataFrame({"quantity": [1] * count}).with_columns(date=pl.lit(date(2026, 5, 18)))
    program = STARTER.program()
    decisions = program.replay(days, constants={"symbol": "9999", "side": "buy", "price": 1})
    found = pl.DataFrame(decisions)
    assert found["id"].to_list() == [f"row-{number}" for number in range(1, count + 1)]
    assert found["executed_shares"].to_list()[-1] == str(count)
    assert pickle.loads(pickle.dumps(program)).summary == program.summary


CELLS: Final[Mapping[str, tuple[pa.DataType, st.SearchStrategy[Any]]]] = {
    "text": (pa.string(), st.text("aé株\U0001f600", max_size=20)),
    "long text": (pa.large_string(), st.text(max_size=20)),
    "view": (pa.string_view(), st.text(max_size=20)),
    "small": (pa.int8(), st.integers(-(2**7), 2**7 - 1)),
    "whole": (pa.int64(), st.integers(-(2**63), 2**63 - 1)),
    "natural": (pa.uint64(), st.integers(0, 2**64 - 1)),
    "decimal": (pa.decimal128(38, 6), st.decimals(-(10**30), 10**30, places=6)),
    "short decimal": (pa.decimal128(9, 2), st.decimals(-(10**6), 10**6, places=2)),
    "wide decimal": (pa.decimal256(50, 4), st.decimals(-(10**30), 10**30, places=4)),
    "flag": (pa.bool_(), st.booleans()),
    "day": (pa.date32(), st.dates()),
    "long day": (pa.date64(), st.dates()),
    "time": (pa.timestamp("us", "UTC"), st.datetimes(timezones=st.just(UTC))),
    "early time": (pa.timestamp("s", "UTC"), st.datetimes(timezones=st.just(UTC))),
}


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "values"), CELLS.values(), ids=CELLS)
@given(data=st.data())
def test_cells_are_those_that_pyarrow_reads(
    kind: pa.DataType, values: st.SearchStrategy[Any], data: st.DataObject
) -> None:
    """Wherever a batch begins and ends, each cell is read as pyarrow reads it, or is refused."""
    given_values = data.draw(st.lists(st.none() | values, min_size=1, max_size=30))
    if pa.types.is_timestamp(kind) and kind.unit == "s":
        given_values = [one and one.replace(microsecond=0) for one in given_values]
    start = data.draw(st.integers(0, len(given_values) - 1))
    sizes = data.draw(st.integers(1, 7))
    column = pa.array(given_values, kind)
    both = pa.table({"price": column, "quantity": column.slice(0)}).slice(start)
    for frame in (both, both.to_reader(max_chunksize=sizes)):
        _, names, rows = opened(frame, ())
        found = list(rows)
        expected = [as_cell(one) for one in both["price"].to_pylist()]
        assert names == ["price", "quantity"]
        assert [str(first) for first, _ in found] == [str(one) for one in expected]
        assert [str(second) for _, second in found] == [str(one) for one in expected]


def as_cell(value: Any) -> object:
    """Return *value* as a mapping of fields would have it."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    return read(value)


class Broken:
    """A frame whose library lacks what it needs, or fails on the way."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        raise self._error


@pytest.mark.parametrize("error", [ImportError("needs pyarrow"), ValueError("no"), TypeError("no")])
def test_frame_that_gives_no_columns_is_an_error(error: Exception) -> None:
    """What a library says when it cannot give its columns is told."""
    with pytest.raises(UsageError, match=str(error)):
        STARTER.program().replay(Broken(error))


def test_stream_that_fails_on_the_way_changes_nothing() -> None:
    """A frame that ends in an error has not been decided."""

    def batches() -> Iterator[pa.RecordBatch]:
        yield table().to_batches()[0]
        raise ValueError("the connection is gone")

    program = STARTER.program()
    with pytest.raises(InputError, match="the connection is gone"):
        program.replay(pa.RecordBatchReader.from_batches(table().schema, batches()))
    assert program.summary.events == 0


def test_frame_that_asks_its_own_program_is_refused() -> None:
    """A decision amid a replay could be taken back with it, after it was given away."""
    program = STARTER.program()

    def batches() -> Iterator[pa.RecordBatch]:
        yield table().to_batches()[0]
        program.decide({"kind": "halt", "id": "amid", "date": "2026-05-18"})

    with pytest.raises(InputError, match="the program is repla"):
        program.replay(pa.RecordBatchReader.from_batches(table().schema, batches()))
    assert program.summary.events == 0
