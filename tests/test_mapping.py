"""Files as people send them, read by a mapping: equal to what was written, or refused."""

from __future__ import annotations

import gzip
import io
import itertools
import json
import re
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

import duckdb
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from repurchase.domain.errors import InputError, RuleFileError, UsageError, Wrong
from repurchase.domain.events import Event
from repurchase.domain.quantities import written
from repurchase.intake.dates import Printed, day_reader, moment_reader
from repurchase.intake.log import open_log
from repurchase.intake.months import MONTHS, WEEKDAYS
from repurchase.intake.printed import Style, number_reader
from repurchase.intake.totals import Difference
from repurchase.replay.run import brought_forward
from repurchase.rulebook.mapping_file import read_mapping, read_mapping_text
from repurchase.rulebook.schema import json_schema
from test_cli import run

MAPPINGS: Final = Path(__file__).parent / "mappings"
SHARED: Final = Path(__file__).resolve().parent.parent.parent / "shared" / "data" / "files"
REAL: Final = sorted(MAPPINGS.glob("*.yaml"))


def read(
    data: bytes | str, mapping: str, name: str = "log.csv"
) -> tuple[list[Event], list[str], tuple[Difference, ...]]:
    """Return the events of *data* by *mapping*, what is wrong with rows, and what differs."""
    source = io.BytesIO(data.encode() if isinstance(data, str) else data)
    with open_log(
        io.BufferedReader(source), name, mapping=read_mapping_text(mapping.encode(), "m.yaml")
    ) as log:
        rows = list(log.rows())
        differences = log.differences()
    events = [row.event for row in rows if row.event is not None]
    return events, [one.what for row in rows for one in row.problems], differences


def refused(mapping: str) -> str:
    """Return what is wrong with *mapping*."""
    with pytest.raises(RuleFileError) as caught:
        read_mapping_text(mapping.encode(), "m.yaml")
    return "\n".join(map(str, caught.value.problems))


# -- files that companies and brokers published ---------------------------------------------------


@pytest.mark.parametrize("path", REAL, ids=lambda path: path.stem)
def test_published_file_comes_to_what_its_company_reported(path: Path) -> None:
    """Each row is read, each printed total agrees, and the whole is the reported one, exactly."""
    if not SHARED.is_dir():
        pytest.skip("the folder `shared`, with the published files, is not beside this checkout")
    file = next(one for one in SHARED.glob(f"{path.stem}*") if one.suffix in (".csv", ".tsv"))
    cases = json.loads((SHARED / "expected.json").read_text(encoding="utf-8"))
    case: dict[str, Any] = next((one for one in cases if one["file"] == file.name), {})
    beside = case.get("brought_forward")
    before = None if beside is None else brought_forward(beside)
    with open_log(file, mapping=read_mapping(path)) as log:
        rows = list(log.rows())
        assert [one.what for row in rows for one in row.problems] == []
        assert log.differences(before) == ()
    events = [row.event for row in rows if row.event is not None]
    fills = [one for one in events if one.kind == "fill"]
    if path.stem.startswith(("04", "16")):
        # The opening balance is in the file itself.
        assert before is not None
        assert (events[0].shares, events[0].amount) == (before.shares, before.amount)
    assert fills
    want = case.get("reported") or case.get("extract") or {}
    if "shares" in want:
        opening = (before.shares or 0, before.amount or 0) if before is not None else (0, 0)
        shares = sum(one.quantity or 0 for one in fills)
        money = sum(paid(one) for one in fills)
        known = 1 if case["case"].startswith("05") else 0
        assert (len(fills), str(shares + opening[0])) == (want["rows"], want["shares"])
        assert abs(money + opening[1] - Fraction(want["amount"])) <= known


def paid(fill: Event) -> Fraction:
    """Return the money of *fill*."""
    if fill.amount is not None:
        return Fraction(fill.amount)
    return Fraction(fill.price or 0) * (fill.quantity or 0)


@pytest.mark.parametrize(
    ("name", "mapping", "said"),
    [
        ("19_us_item703_butler.csv", "columns: {quantity: 2}\nignore: [all]", "`time` or `date`"),
        (
            "21_ibkr_activity.csv",
            'columns: {quantity: 8, time: {column: 7, pattern: "yyyy-MM-dd, HH:mm:ss"}}',
            "no `zone` says whose clock it is",
        ),
    ],
)
def test_file_without_days_or_a_clock_is_refused(name: str, mapping: str, said: str) -> None:
    """Nothing can be made up for it."""
    if not SHARED.is_dir():
        pytest.skip("the folder `shared`, with the published files, is not beside this checkout")
    text = f"mapping: 1\n{mapping}\nset: {{side: buy, symbol: x}}\n"
    try:
        _, wrong, _ = read((SHARED / name).read_bytes(), text)
    except RuleFileError as error:
        wrong = [one.what for one in error.problems]
    assert any(said in one for one in wrong)


# -- any style ------------------------------------------------------------------------------------

STYLES: Final = (
    (".", None),
    (".", ","),
    (".", "space"),
    (",", None),
    (",", "."),
    (",", "space"),
    (".", "'"),
)
PATTERNS: Final = (
    *("yyyy-MM-dd", "dd/MM/yyyy", "d.M.yy", "d MMMM yyyy", "MMM d, yyyy", "serial"),
    *("EEE dd.MM.yyyy", "d. MMMM yyyy", "Gy年M月d日"),
)
ZONES: Final = ("Europe/London", "Asia/Tokyo", "America/New_York")
SPACES: Final = (" ", "\u00a0", "\u202f")


def grouped(value: Fraction, style: tuple[str, str | None], space: str) -> str:
    """Return *value* as printed in *style*."""
    whole, _, part = written(value).partition(".")
    if style[1] is not None:
        mark = space if style[1] == "space" else style[1]
        whole = f"{int(whole):,}".replace(",", mark)
    return f"{whole}{style[0]}{part}" if part else whole


def printed_day(day: date, pattern: str, language: str) -> str:
    """Return *day* as printed by *pattern*, with the month in words if it says so."""
    name = next(name for name, number in MONTHS[language].items() if number == day.month)
    if pattern == "serial":
        return str((day - date(1899, 12, 30)).days)
    if pattern == "EEE dd.MM.yyyy":
        days = WEEKDAYS[language].items()
        weekday = next(name for name, number in days if number == day.isoweekday())
        return f"{weekday.title()} {day:%d.%m.%Y}"
    if pattern == "d. MMMM yyyy":
        return f"{day.day}. {name} {day.year}"
    if pattern == "Gy年M月d日":
        era, before = ("令和", 2018) if day.year > 2018 else ("平成", 1988)
        return f"{era}{day.year - before}年{day.month}月{day.day}日"
    if pattern == "MMM d, yyyy":
        return f"{name} {day.day}, {day.year}"
    if pattern == "d MMMM yyyy":
        return f"{day.day} {name.upper()} {day.year}"
    return {
        "yyyy-MM-dd": day.isoformat(),
        "dd/MM/yyyy": f"{day:%d/%m/%Y}",
        "d.M.yy": f"{day.day}.{day.month}.{day:%y}",
    }[pattern]


DECIMALS: Final = st.integers(1, 10**9).map(lambda number: Fraction(number, 1000))
TRADES: Final = st.lists(
    st.tuples(st.integers(1, 10**7), DECIMALS, st.dates(date(1990, 1, 1), date(2070, 12, 31))),
    min_size=1,
    max_size=6,
)


@given(
    TRADES,
    st.sampled_from(STYLES),
    st.sampled_from(PATTERNS),
    st.sampled_from(sorted(MONTHS)),
    st.sampled_from(SPACES),
    st.sampled_from((";", "tab", "|")),
    st.sampled_from(("utf-8", "utf-16", "cp1252")),
    st.sampled_from((None, "thousands", "pence")),
    st.booleans(),
)
def test_known_log_in_any_style_is_read_back(
    trades: list[tuple[int, Fraction, date]],
    style: tuple[str, str | None],
    pattern: str,
    language: str,
    space: str,
    separator: str,
    encoding: str,
    unit: str | None,
    repeats: bool,
) -> None:
    """Marks, languages, units, encodings, merged cells and repeated heads change no figure."""
    mark = "\t" if separator == "tab" else separator
    if encoding == "cp1252":
        space = "\u00a0" if space == "\u202f" else space
        encoding = "utf-16" if language == "pl" or pattern.startswith("G") else encoding
    factor = {None: Fraction(1), "thousands": Fraction(1, 1000), "pence": Fraction(100)}[unit]
    head = mark.join(("Day", "Side", "Nominal  Amount", "Cours"))
    lines = ["A title", head]
    for at, (quantity, price, day) in enumerate(trades):
        side = "Köp" if at == 0 else ""
        shown = grouped(price * factor, style, space)
        cells = (
            printed_day(day, pattern, language),
            side,
            grouped(Fraction(quantity), style, space),
        )
        lines.append(mark.join((*cells, f"kr {shown}")))
        lines += [head.upper()] if repeats else []
    total = sum(quantity for quantity, _, _ in trades)
    lines.append(mark.join(("Summa", "", grouped(Fraction(total), style, space), "")))
    thousands = "" if style[1] is None else f', thousands: "{style[1]}"'
    mapping = f"""\
mapping: 1
encoding: {encoding}
separator: "{separator}"
header: 2
numbers: {{decimal: "{style[0]}"{thousands}, around: [kr]}}
dates: {{pattern: "{pattern}", language: "{language}"}}
columns:
  date: day
  side: {{column: SIDE, words: {{köp: buy, sälj: sell}}}}
  quantity: nominal amount
  price: {{column: 4{"" if unit is None else f", unit: {unit}"}}}
set: {{symbol: X}}
rows: {{totals: [{{row: summa}}], filled_down: [Side]}}
"""
    events, wrong, differences = read("\r\n".join(lines).encode(encoding), mapping)
    assert (wrong, differences) == ([], ())
    found = [(one.quantity, one.price, one.date, one.side) for one in events]
    assert found == [(*trade, "buy") for trade in trades]


CLOCKS: Final = ("HH:mm:ss", "h:mm:ss a", "HH.mm.ss[,S]", "HHmmss")
OFFSETS: Final = ("X", "z", "")


def printed_time(moment: datetime, pattern: str, fraction: str) -> str:
    """Return the time of day of *moment* as printed by *pattern*."""
    return {
        "HH:mm:ss": f"{moment:%H:%M:%S}",
        "h:mm:ss a": f"{moment.hour % 12 or 12}:{moment:%M:%S %p}",
        "HH.mm.ss[,S]": f"{moment:%H.%M.%S}{',' if fraction else ''}{fraction}",
        "HHmmss": f"{moment:%H%M%S}",
    }[pattern]


@given(
    st.lists(st.integers(0, 366 * 86_400), min_size=1, max_size=5),
    st.sampled_from(CLOCKS),
    st.sampled_from(OFFSETS),
    st.sampled_from((*ZONES, "Europe/Paris")),
    st.sampled_from(("", "5", "123456")),
    st.booleans(),
)
def test_known_times_in_any_style_are_read_back(
    seconds: list[int], pattern: str, offset: str, zone: str, fraction: str, is_apart: bool
) -> None:
    """With halves of days, fractions, and the clock as an offset or a word, also in a column."""
    clock = ZoneInfo(zone)
    begin = datetime(2024, 1, 1, tzinfo=UTC)
    moments = [(begin + timedelta(seconds=one)).astimezone(clock) for one in seconds]
    cells = [
        [
            f"{one:%d/%m/%Y}",
            printed_time(one, pattern, fraction),
            {"X": f"{one:%z}", "z": str(one.tzname()), "": ""}[offset],
        ]
        for one in moments
    ]
    if not is_apart:
        cells = [[" ".join(row).strip(), "", ""] for row in cells]
    words = json.dumps({str(one.tzname()): zone for one in moments})
    place = "columns: [d, t, z]" if is_apart else "column: d"
    whole = f"dd/MM/yyyy {pattern} {offset}".strip()
    beside = {"X": "", "z": f", zones: {words}", "": f", zone: {zone}, twice: earlier"}[offset]
    mapping = f"""\
mapping: 1
separator: ";"
columns: {{time: {{{place}, pattern: "{whole}"{beside}}}, quantity: q}}
set: {{symbol: X, side: buy}}
ignore: [{"" if is_apart else "t, z"}]
"""
    lines = ["d;t;z;q", *(";".join([*row, "5"]) for row in cells)]
    events, wrong, _ = read("\n".join(lines), mapping)
    assert wrong == []
    shown = Fraction(int(fraction), 10 ** len(fraction)) if fraction and "S" in pattern else 0
    for found, moment in zip(events, moments, strict=True):
        assert found.time is not None
        apart = Fraction(str(found.time.timestamp())) - int(moment.timestamp())
        is_second = not offset and moment.fold
        assert round(apart - shown, 6) == (-3600 if is_second else 0)


@given(TRADES, st.data())
def test_changed_digit_changes_a_total(
    trades: list[tuple[int, Fraction, date]], data: st.DataObject
) -> None:
    """Whatever is typed wrongly in a quantity is refused, or differs from the printed total."""
    rows = [["2020-01-02", str(quantity)] for quantity, _, _ in trades]
    total = sum(quantity for quantity, _, _ in trades)
    at = data.draw(st.integers(0, len(rows) - 1))
    text = rows[at][1]
    place = data.draw(st.integers(0, len(text) - 1))
    sign = data.draw(st.sampled_from("0123456789., -(x"))
    rows[at][1] = text[:place] + sign + text[place + 1 :]
    lines = "\n".join(";".join(row) for row in [["d", "q"], *rows, ["total", str(total)]])
    mapping = """\
mapping: 1
separator: ";"
dates: {pattern: yyyy-MM-dd}
columns: {date: d, quantity: q}
set: {symbol: X, side: buy}
rows: {totals: [{row: total}]}
"""
    events, wrong, differences = read(lines, mapping)
    is_same = [one.quantity for one in events] == [quantity for quantity, _, _ in trades]
    assert is_same or wrong or differences


@given(st.integers(0, 366 * 24 * 60), st.sampled_from(ZONES), st.sampled_from(("earlier", "later")))
def test_time_of_a_clock_is_that_moment_or_is_refused(minutes: int, zone: str, twice: str) -> None:
    """A time that the clock skips is refused; of two moments, the mapping says which is meant."""
    clock = ZoneInfo(zone)
    shown = datetime(2024, 1, 1) + timedelta(minutes=minutes)  # noqa: DTZ001 - what a clock shows
    text = f"{shown:%d.%m.%Y %H:%M}"
    reader, unsaid = (
        moment_reader(Printed("dd.MM.yyyy HH:mm", twice=one), lambda: clock)
        for one in (twice, None)
    )
    first, second = (shown.replace(tzinfo=clock, fold=fold) for fold in (0, 1))
    exists = first.astimezone(ZoneInfo("UTC")).astimezone(clock).replace(tzinfo=None) == shown
    if not exists:
        with pytest.raises(Wrong, match="skips that day"):
            reader(text)
        return
    meant = first if twice == "earlier" else second
    assert datetime.fromisoformat(reader(text) or "").timestamp() == meant.timestamp()
    if first.timestamp() != second.timestamp():
        with pytest.raises(Wrong, match="shows twice that day"):
            unsaid(text)


# -- what is never guessed ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("style", "text", "value"),
    [
        (Style(), "160.000", "160"),
        (Style(",", "."), "160.000", "160000"),
        (Style(), "100.0000000000", "100"),
        (Style(",", "space"), "1\u202f234\u00a0567,50", "1234567.5"),
        (Style(around=("A$", "CUFS")), "A$13.50", "13.5"),
        (Style(thousands=",", around=("A$", "CUFS")), "7,516,387 CUFS", "7516387"),
        (Style(), "\u22125", "-5"),
        (Style(none=("-",)), " - ", None),
        (Style(), "  ", None),
    ],
)
def test_number_is_read_in_its_style(style: Style, text: str, value: str | None) -> None:
    """What the style says counts, and nothing else."""
    assert number_reader(style)(text) == value


@pytest.mark.parametrize(
    ("style", "text"),
    [
        (Style(), "1,234"),
        (Style(thousands=","), "12,34"),
        (Style(thousands=","), "3.365,476"),
        (Style(thousands=","), "1,2345"),
        (Style(), "(5)"),
        (Style(), "1e5"),
        (Style(), "USD 5"),
        (Style(), "5 %"),
        (Style(), "1.2.3"),
        (Style(",", "."), "1.23"),
        (Style(), "1" * 19),
        (Style(), "0." + "1" * 13),
    ],
)
def test_number_in_another_style_is_refused(style: Style, text: str) -> None:
    """No other reading is tried."""
    with pytest.raises(Wrong):
        number_reader(style)(text)


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        ("dd/MM/yyyy", "13/31/2020"),
        ("dd/MM/yyyy", "3/4/2020"),
        ("d MMMM yyyy", "3 mars 2020"),
        ("d MMM yyyy", "3 ju 2020"),
        ("yyyy-MM-dd", "2020-02-30"),
        ("yyyy-MM-dd", "2020-02-03x"),
        ("serial", "60"),
        ("serial", "43,269"),
    ],
)
def test_day_that_is_printed_otherwise_is_refused(pattern: str, text: str) -> None:
    """It may be another day."""
    with pytest.raises(Wrong):
        day_reader(Printed(pattern))(text)


def test_month_is_known_in_words_of_each_language() -> None:
    """No short name stands for two months, and no name for another month than its place."""
    for names in MONTHS.values():
        assert sorted({*names.values()}) == [*range(1, 13)]
        for one, other in itertools.combinations(names, 2):
            if one.startswith(other) or other.startswith(one):
                assert names[one] == names[other]


ZULU: Final = """\
mapping: 1
columns: {time: {column: a, zone: Asia/Tokyo, pattern: "yyyy-MM-dd HH:mm'Z'"}}
"""
COLUMNS: Final = "columns: {date: d, quantity: q}\ndates: {pattern: yyyy-MM-dd}\n"


@pytest.mark.parametrize(
    ("mapping", "said"),
    [
        ("mapping: 2\ncolumns: {date: a}\n", "write `mapping: 1`"),
        ("mapping: 1\ncolumns: {dat: a}\n", "did you mean `date`?"),
        ("mapping: 1\ncolumns: {date: {column: a, columns: [b, c]}}\n", "keep one"),
        ("mapping: 1\ncolumns: {date: {unit: pence}}\n", "needs one of"),
        ("mapping: 1\ncolumns: {venue: {column: a, unit: pence}}\n", "is no number"),
        ("mapping: 1\ncolumns: {time: {column: a, pattern: 'dd.MM.yyyy HH:mm'}}\n", "no `zone`"),
        ("mapping: 1\ncolumns: {date: {column: a, pattern: 'dd.MM'}}\n", "has no y"),
        ("mapping: 1\ncolumns: {date: {column: a, pattern: 'dd.dd.MM.yyyy'}}\n", "`d` twice"),
        ("mapping: 1\nencoding: latin-99\n" + COLUMNS, "is no encoding"),
        ("mapping: 1\nencoding: rot13\n" + COLUMNS, "is no encoding"),
        ("mapping: 1\nencoding: undefined\n" + COLUMNS, "is no encoding"),
        ("mapping: 1\ntolerances: {row: some}\n" + COLUMNS, "is not a tolerance"),
        ("mapping: 1\nrows: {totals: [{of: rows}]}\n" + COLUMNS, "the key `row` is missing"),
        ("mapping: 1\nset: {quantity: 5}\n" + COLUMNS, "is a column, and is set for all rows"),
        ("mapping: 1\nignore: [Q]\n" + COLUMNS, "is read and ignored"),
        ("mapping: 1\ncolumns: {quantity: q, price: q}\n", "gives two fields"),
        ("mapping: 1\nrows: {select: x}\n" + COLUMNS, "`select` is for forms"),
        ("mapping: 1\ntolerances: {row: 1000%}\n" + COLUMNS, "compares nothing"),
        (
            "mapping: 1\ncolumns: {date: {column: a, pattern: 'dd.MM.yyyy HH:mm'}}\n",
            "map it to `time`",
        ),
        (ZULU, "says that times are in UTC"),
    ],
)
def test_fault_of_a_mapping_is_named(mapping: str, said: str) -> None:
    """With its place in the file."""
    assert said in refused(mapping)


BASE: Final = "mapping: 1\n" + COLUMNS + "set: {symbol: X, side: buy}\n"


@pytest.mark.parametrize(
    ("lines", "mapping", "said"),
    [
        (["d,q,extra", "2020-01-02,5,1"], BASE, "`extra` is neither read nor ignored"),
        (["d,quantity", "2020-01-02,5"], BASE, "has no column `q`"),
        (["d,q,q", "2020-01-02,5,5"], BASE, "is there 2 times"),
        (["d,q"], BASE.replace("mapping: 1", "mapping: 1\nheader: 9"), "has no row 9"),
    ],
)
def test_column_that_nothing_reads_ends_the_reading(
    lines: Sequence[str], mapping: str, said: str
) -> None:
    """A column may hold what changes the rest: a status, a sign, a currency."""
    with pytest.raises(Exception, match=said):
        read("\n".join(lines), mapping)


@pytest.mark.parametrize(
    ("rows", "mapping", "said"),
    [
        (
            ["2020-01-02,5", "total,6"],
            "rows: {totals: [{row: total}]}",
            "6, but the rows come to 5",
        ),
        (
            ["2020-01-02,5", "2020-01-02,6", "total,5"],
            "rows: {totals: [{row: total}]}",
            "5, but the rows come to 11",
        ),
        (["2020-01-02,5"], 'expect: [{shares: "6"}]', "6, but the rows come to 5"),
        (["2020-01-02,5"], 'expect: [{amount: "6"}]', "6, but the rows come to unknown"),
        (["2020-01-02,5"], 'expect: [{date: "2020-01-03", shares: "5"}]', "the rows come to 0"),
    ],
)
def test_total_that_differs_is_told(rows: Sequence[str], mapping: str, said: str) -> None:
    """With what is printed and what the rows come to."""
    _, wrong, differences = read("\n".join(["d,q", *rows]), f"{BASE}{mapping}\n")
    assert wrong == []
    assert any(said in one.problem("log").what for one in differences)


PRICED: Final = BASE.replace("quantity: q", "quantity: q, price: p, amount: a")


@pytest.mark.parametrize(
    ("rows", "more", "said"),
    [
        (
            ["2020-01-02,5"],
            "rows: {totals: [{row: Total}]}",
            "not have a row that begins with `Total`",
        ),
        (["2020-01-02,5"], "rows: {opening: Before}", "not have a row that begins with `Before`"),
        (["2020-01-02,5", "Total,"], "rows: {totals: [{row: Total}]}", "missing in this total"),
        (["2020-01-02,5", "2020-01-03,"], "", "`quantity` is missing"),
    ],
)
def test_row_that_is_not_there_or_says_nothing_is_told(
    rows: Sequence[str], more: str, said: str
) -> None:
    """A file that was cut has no total, and a damaged cell is empty."""
    _, wrong, differences = read("\n".join(["d,q", *rows]), f"{BASE}{more}\n")
    assert said in "\n".join([*wrong, *(one.problem("log").what for one in differences)])


TITLED: Final = """\
mapping: 1
header: 2
columns: {date: {title: "Trades on {}", pattern: dd.MM.yyyy}, venue: v, quantity: q}
set: {symbol: X, side: buy}
"""


@pytest.mark.parametrize("between", ["Trade on 16.04.2024,", "Sales,", "", "v,q"])
@pytest.mark.parametrize("lone", ["", "rows: {lone: skip}\n"])
def test_title_in_other_words_gives_no_day_to_what_follows(between: str, lone: str) -> None:
    """The day above is that of its own table."""
    lines = ["Trades on 15.04.2024,", "v,q", "XETR,100", between, "v,q", "XETR,200"]
    events, wrong, _ = read("\n".join(lines), TITLED + lone)
    assert [one.quantity for one in events] == [100]
    assert wrong
    lines[3] = "Trades on 16.04.2024,"
    events, wrong, _ = read("\n".join(lines), TITLED + lone)
    assert ([one.date.day for one in events if one.date is not None], wrong) == ([15, 16], [])


@pytest.mark.parametrize(
    ("tolerance", "is_allowed"),
    [
        ("", False),
        ("tolerances: {row: 3}\n", False),
        ("tolerances: {row: 4}\n", True),
        ("tolerances: {row: 4%}\n", True),
        ("tolerances: {row: 3%}\n", False),
        ('tolerances: {known: [{row: "2020-01-02", why: typo}]}\n', True),
    ],
)
def test_amount_is_compared_with_price_times_quantity(tolerance: str, is_allowed: bool) -> None:
    """A difference is told unless a tolerance that is given allows it."""
    _, wrong, differences = read("d,q,p,a\n2020-01-02,10,10,104", PRICED + tolerance)
    assert (wrong, not differences) == ([], is_allowed)


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        (
            ["2020-01-02,5,2", "2020-01-03,6,3", "2020-01-03,11,2.545"],
            "looks like the total of the rows before it",
        ),
        (
            ["2020-01-02,11,2.2727", "2020-01-02,5,2", "2020-01-03,4,3", "2020-01-03,2,1.5"],
            "looks like the total of the rows after it",
        ),
        (["2020-01-02,5,2", "2020-01-03,6,2"] * 2, "the second half of the rows, which repeats"),
        (
            ["2020-01-02,5,2"] * 2 + ["2020-01-03,6,2"] * 2,
            "every second row, which repeats the row before",
        ),
    ],
)
def test_what_may_count_twice_is_told_unless_a_total_agrees(rows: list[str], said: str) -> None:
    """A total read as a trade, and a file that was pasted twice."""
    mapping = BASE.replace("quantity: q", "quantity: q, price: p")
    _, wrong, (found,) = read("\n".join(["d,q,p", *rows]), mapping)
    assert (wrong, said in found.problem("log").what) == ([], True)
    agreed = f'{mapping}expect: [{{shares: "22"}}]\n'
    assert read("\n".join(["d,q,p", *rows]), agreed)[2] == ()


@pytest.mark.parametrize(
    "rows",
    [
        ["2020-01-02,5,2"] * 4,
        ["2020-01-02,5,2", "2020-01-03,5,2"],
        ["2020-01-02,5,2", "2020-01-02,6,2", "2020-01-02,11,2"],
        ["2020-01-02,11,2", "2020-01-02,5,2", "2020-01-02,6,2"],
        ["2020-01-02,11,9", "2020-01-02,5,2", "2020-01-03,4,3", "2020-01-03,2,1.5"],
        ["2020-01-02,5,2", "2020-01-03,6,2", "2020-01-03,11,3"],
        ["2020-01-02,5,2", "2020-01-03,6,2", "2020-01-02,5,2", "2020-01-03,6,3"],
    ],
)
def test_trades_that_are_alike_are_several_trades(rows: list[str]) -> None:
    """Seven trades that are alike to the letter are seven trades."""
    mapping = BASE.replace("quantity: q", "quantity: q, price: p")
    events, wrong, differences = read("\n".join(["d,q,p", *rows]), mapping)
    assert (len(events), wrong, differences) == (len(rows), [], ())


def test_difference_names_the_row_that_explains_it() -> None:
    """The money of one row, or the rounding of several."""
    rows = ["2020-01-02,10,10,100", "2020-01-03,1,7,7", "total,11,,100"]
    _, _, (found,) = read(
        "\n".join(["d,q,p,a", *rows]), PRICED + "rows: {totals: [{row: total}]}\n"
    )
    assert found.why == "row 3 comes to just that: is it read twice, or not printed?"
    rows[2] = "total,11,,106"
    _, _, (found,) = read(
        "\n".join(["d,q,p,a", *rows]), PRICED + "rows: {totals: [{row: total}]}\n"
    )
    assert found.why == "2 figures, each rounded to a whole, can differ by so much"


# -- the page of the documentation ----------------------------------------------------------------

PAGE: Final = (Path(__file__).parents[1] / "docs" / "files.md").read_text(encoding="utf-8")
SHOWN: Final = re.findall(r"```text\n(.*?)```\n\n```yaml\n(.*?)```", PAGE, re.DOTALL)


@pytest.mark.parametrize(("text", "mapping"), SHOWN)
def test_mapping_of_the_page_reads_the_file_beside_it(text: str, mapping: str) -> None:
    """Each row is a trade, or is named by the mapping; printed totals agree."""
    encoding = "cp1252" if "cp1252" in mapping else "utf-8"
    events, wrong, differences = read(text.encode(encoding), mapping)
    assert (bool(events), wrong) == (True, [])
    assert all(one.of.endswith("expected") for one in differences)


def test_page_names_every_key_of_a_mapping() -> None:
    """A key that is not on the page would be found by nobody."""
    keys = {*json_schema("mapping")["properties"]} - {"mapping", "title"}
    assert [key for key in sorted(keys) if f"`{key}`" not in PAGE] == []


# -- on the command line --------------------------------------------------------------------------

RULES: Final = """\
repurchase: 1
authorization: x
issuer: X
timezone: Europe/London
currency: GBP
unlimited: [amount]
instruments:
  common: {symbol: X, venues: [XLON]}
terms:
  max_shares: {value: 400 shares}
rules:
  - {id: share-cap, require: program.shares_after <= terms.max_shares}
"""


def test_skipped_row_that_reads_as_a_trade_is_named(tmp_path: Path) -> None:
    """`skip: [2]` means the footnote 2, and names a day that begins with 2, too."""
    (tmp_path / "x.yaml").write_text(RULES)
    mapping = BASE.replace("yyyy-MM-dd", "d MMM yyyy") + 'rows: {skip: ["2"]}\n'
    (tmp_path / "m.yaml").write_text(mapping)
    head = b"d,q\n1 January 2020,5\n"
    log = tmp_path / "log.csv"
    call = ("replay", log, "--rules", tmp_path / "x.yaml", "--mapping", tmp_path / "m.yaml")
    for rows, said in (
        (b"2 as of the day of trade,\n", None),
        (b"2 January 2020,6\n", "this row, which has"),
        (b"2 January 2020,6\n2 March 2020,7\n", "this row and 1 more with"),
    ):
        log.write_bytes(head + rows)
        ended = run(*call)
        what = f"{log}:3: the mapping skips {said} a day and a quantity"
        lines = [] if said is None else [f"{what}; if it is a trade, give `skip` more words"]
        assert (ended.code, [one for one in ended.lines if "skips" in one]) == (0, lines)


@pytest.mark.parametrize("packed", ["plain", "gz", "zst"])
def test_replay_reads_by_a_mapping_and_compares_totals(tmp_path: Path, packed: str) -> None:
    """What agrees ends with 0, what differs with 1; a compressed file is the same file."""
    (tmp_path / "x.yaml").write_text(RULES)
    mapping = BASE.replace("quantity: q", "quantity: q, price: p")
    (tmp_path / "m.yaml").write_text(mapping + "rows: {totals: [{row: total}]}\n")
    data = b"d,q,p\n2020-01-02,5,1\n2020-01-03,6,1\ntotal,11,1\n"
    pack: dict[str, Callable[[bytes], bytes]] = {
        "plain": bytes,
        "gz": gzip.compress,
        "zst": zstandard.ZstdCompressor().compress,
    }
    log = tmp_path / f"log.csv{'' if packed == 'plain' else f'.{packed}'}"
    log.write_bytes(pack[packed](data))
    call = ("replay", log, "--rules", tmp_path / "x.yaml", "--mapping", tmp_path / "m.yaml")
    ended = run(*call, "--json", "--expect", "shares=11")
    assert (ended.code, ended.json["executed_shares"], ended.json["differences"]) == (0, "11", [])
    ended = run(*call, "--expect", "shares=12", "--json")
    (found,) = ended.json["differences"]
    assert (ended.code, found["printed"], found["found"]) == (1, "12", "11")
    log.write_bytes(pack[packed](data.replace(b"total,11", b"total,12")))
    ended = run(*call)
    assert (ended.code, "in `total`: 12, but the rows come to 11" in ended.err) == (1, True)
    if packed != "plain":
        log.write_bytes(log.read_bytes()[:-9])
        ended = run(*call)
        what = "the log cannot be read: the compressed file is damaged or cut off"
        assert (ended.code, ended.err.splitlines()[-1]) == (2, f"{log}: {what}")


def test_difference_ends_a_check_without_a_conclusion(tmp_path: Path) -> None:
    """An order is approved only on a log whose totals agree."""
    (tmp_path / "x.yaml").write_text(RULES)
    (tmp_path / "m.yaml").write_text(BASE + "rows: {totals: [{row: total}]}\n")
    (tmp_path / "log.csv").write_text("d,q\n2020-01-02,5\ntotal,6\n")
    event = {"kind": "order", "id": "o", "date": "2020-01-03", "symbol": "X", "side": "buy"}
    ended = run(
        *("check", "--rules", "x.yaml", "--event", "-", "--log", "log.csv"),
        *("--mapping", "m.yaml"),
        stdin=json.dumps(event | {"quantity": 1}),
        cwd=tmp_path,
    )
    assert (ended.code, "6, but the rows come to 5" in ended.err) == (2, True)


def test_mapping_takes_no_other_option_of_columns(tmp_path: Path) -> None:
    """Two ways to say one thing would contradict each other."""
    (tmp_path / "x.yaml").write_text(RULES)
    (tmp_path / "m.yaml").write_text(BASE)
    (tmp_path / "log.csv").write_text("d,q\n")
    call = ("replay", "log.csv", "--rules", "x.yaml", "--mapping", "m.yaml", "--set", "side=buy")
    ended = run(*call, cwd=tmp_path)
    assert (ended.code, "takes no --column, --set, --ignore or --tolerance" in ended.err) == (
        2,
        True,
    )
    ended = run("replay", "log.csv", "--rules", "x.yaml", "--expect", "money=3", cwd=tmp_path)
    assert (ended.code, "is not NAME=VALUE" in ended.err) == (2, True)


@pytest.mark.parametrize("is_mapped", [False, True])
def test_parquet_log_is_the_same_log(tmp_path: Path, is_mapped: bool) -> None:
    """With a mapping, and with the names of the fields themselves."""
    rows = [("2020-01-02", "5", "2.5"), ("2020-01-03", "6", "1")]
    names = ("d", "q", "p") if is_mapped else ("date", "quantity", "price")
    csv, parquet = tmp_path / "a.csv", tmp_path / "a.parquet"
    csv.write_text("\n".join(map(",".join, (names, *rows))))
    values = ", ".join(
        f"(DATE '{day}', {quantity}, {price}::DECIMAL(9, 4))" for day, quantity, price in rows
    )
    with duckdb.connect() as connection:
        table = f"SELECT * FROM (VALUES {values}) AS t({', '.join(names)})"
        connection.execute(f"COPY ({table}) TO '{parquet}' (FORMAT parquet)")
    mapping = BASE.replace("quantity: q", "quantity: q, price: p")
    given: dict[str, Any] = {"constants": {"symbol": "X", "side": "buy"}}
    if is_mapped:
        given = {"mapping": read_mapping_text(mapping.encode(), "m.yaml")}
    found = []
    for path in (csv, parquet):
        with open_log(path, **given) as log:
            found.append([(row.event, row.problems) for row in log.rows()])
    assert found[0] == found[1]
    assert [event.quantity for event, _ in found[0] if event is not None] == [5, 6]


@pytest.mark.parametrize("cut", [b"", b"\x00"])
def test_text_in_another_wide_encoding_is_refused(cut: bytes) -> None:
    """Half of a letter at the end, or half of a pair of them, is a fault of the file."""
    data = "d,q\n2020-01-02,5\n".encode("utf-16") + b"\x00\xd8" + cut
    with pytest.raises(UsageError, match="it is not utf-16"):
        read(data, BASE.replace("mapping: 1", "mapping: 1\nencoding: utf-16"))


def test_json_lines_have_no_mapping(tmp_path: Path) -> None:
    """Their fields have names already, and options give them others."""
    log = tmp_path / "a.jsonl"
    log.write_text('{"kind": "fill"}\n')
    mapping = read_mapping_text(BASE.encode(), "m.yaml")
    with pytest.raises(InputError, match="these are JSON lines; give --column"):
        open_log(log, mapping=mapping)
