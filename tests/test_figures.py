"""The figures that `replay --by` groups: against a slow recount, and as each kind of output."""

from __future__ import annotations

import csv
import io
import json
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from repurchase.domain.errors import UsageError
from repurchase.domain.quantities import rounded, written
from repurchase.intake.fields import event
from repurchase.ledger import position as positions
from repurchase.replay.figures import PARTS, Figures, Grouping, Row, parts_of
from repurchase.replay.run import Program, Summary
from repurchase.report.figures import figures_csv, figures_object
from repurchase.report.sheets import sheet
from repurchase.rulebook.editions import Editions, load_text
from test_cli import run

RULES: Final = """\
repurchase: 1
authorization: grouped
timezone: Asia/Tokyo
currency: JPY
unlimited: [amount]
instruments:
  common: {symbol: "1", venues: [XTKS, XNGO]}
  ads: {symbol: A, venues: [XNAS], currency: USD, per_share: 4}
terms:
  max_shares: {value: "10,000 shares"}
  shares_outstanding: {value: "300,000 shares"}
rules:
  - {id: share-cap, require: program.shares_after <= terms.max_shares}
  - {id: last-day, require: trade.last_date <= 2026-12-31}
"""
EDITIONS: Final = load_text(RULES.encode(), "grouped.yaml")
BEGIN: Final = datetime(2026, 1, 29, 14, tzinfo=UTC)
# The hours from UTC to the day of each venue; winter lasts all along.
HOURS: Final = {"XTKS": 9, "XNGO": 9, "XNAS": -5}
BY: Final = ("day", "week,venue", "month,instrument", "venue", "day,venue,instrument", "instrument")


def row(**cells: object) -> dict[str, Any]:
    """Return an event of the log, without the fields that are `None`."""
    return {name: str(cell) for name, cell in cells.items() if cell is not None}


@st.composite
def logs(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Draw a log: fills at three venues, some of unknown money or venue, busts and corrects."""
    rows: list[dict[str, Any]] = []
    moment = BEGIN
    if draw(st.booleans()):
        rows.append(row(kind="brought_forward", id="b", shares="70.5", amount="1000"))
    for number in range(draw(st.integers(0, 14))):
        moment += timedelta(hours=draw(st.integers(0, 60)))
        own = {"id": f"e{number}", "time": moment.isoformat()}
        kind = draw(st.sampled_from(["fill", "fill", "fill", "fill", "bust", "correct", "correct"]))
        price = draw(st.sampled_from(["5", "5.25", "4", "6.125"]))
        units = draw(st.integers(1, 40))
        money = draw(st.sampled_from([{"price": price}, {"amount": price}, {"price": price}, {}]))
        if kind == "fill":
            venue = draw(st.sampled_from([*HOURS, *HOURS, "XLON"]))
            of = {"symbol": "A" if venue == "XNAS" else "1", "side": "buy", "venue": venue}
            of |= {"side": draw(st.sampled_from(["buy"] * 7 + ["sell"])), "quantity": str(units)}
            if venue == "XNAS":
                money |= draw(st.sampled_from([{"fx": "150"}, {"fx": "150.5"}, {}]))
            rows.append(row(kind=kind, **own, **of, **money))
            continue
        about = {"fill": f"e{draw(st.integers(0, max(number, 1)))}"}
        if kind == "correct":
            about |= draw(st.sampled_from([{}, {"quantity": str(units)}, money]))
        rows.append(row(kind=kind, **own, **about))
    return rows


@dataclass
class Slow:
    """One execution as it was told, and what became of it."""

    told: Mapping[str, Any]
    settled: bool = False
    corrected_by: str | None = None

    def get(self, name: str) -> Fraction | None:
        return None if self.told.get(name) is None else Fraction(self.told[name])

    @property
    def cost(self) -> Fraction | None:
        amount, price = self.get("amount"), self.get("price")
        return amount if amount is not None else price and price * Fraction(self.told["quantity"])

    @property
    def price(self) -> Fraction | None:
        units, price = Fraction(self.told["quantity"]), self.get("price")
        if not units:
            return None
        return price if price is not None else self.cost and self.cost / units

    @property
    def instrument(self) -> str | None:
        return {"XTKS": "common", "XNGO": "common", "XNAS": "ads"}.get(self.told["venue"])

    @property
    def shares(self) -> Fraction | None:
        each = {"common": Fraction(1), "ads": Fraction(1, 4)}.get(self.instrument or "")
        return each and each * Fraction(self.told["quantity"])

    @property
    def amount(self) -> Fraction | None:
        rate = {"common": Fraction(1), "ads": self.get("fx")}.get(self.instrument or "")
        return None if rate is None or self.cost is None else rate * self.cost

    def named(self, part: str) -> str | None:
        """Return what the group of this fill is called by *part*."""
        if part in ("venue", "instrument"):
            return self.told["venue"] if part == "venue" else self.instrument
        hours = HOURS.get(self.told["venue"], 9)
        day = (datetime.fromisoformat(self.told["time"]) + timedelta(hours=hours)).date()
        year, week, _ = day.isocalendar()
        return {"day": str(day), "month": str(day)[:7], "week": f"{year}-W{week:02}"}[part]


@dataclass
class Recount:
    """A log counted anew, one event after the other, in lists."""

    told: dict[str, Slow] = field(default_factory=dict)
    forward: tuple[Fraction, Fraction] = (Fraction(0), Fraction(0))

    def last(self, name: str) -> Slow | None:
        found = self.told.get(name)
        while found is not None and found.corrected_by is not None:
            found = self.told[found.corrected_by]
        return found

    def count(self, one: Mapping[str, Any]) -> None:
        """Count the event *one*."""
        if one["kind"] == "brought_forward":
            self.forward = Fraction(one["shares"]), Fraction(one["amount"])
        elif one["kind"] == "fill":
            if one["side"] == "buy":
                self.told[one["id"]] = Slow(one)
        else:
            old = self.last(one["fill"])
            if old is None or old.settled:
                if one["kind"] == "correct":
                    # It counts in full on top, for a fill of nobody knows what.
                    unknown = {"venue": None, "quantity": "0", **one}
                    self.told[one["id"]] = Slow(unknown)
                return
            old.settled = True
            if one["kind"] == "correct":
                old.corrected_by = one["id"]
                self.told[one["id"]] = Slow(corrected(one, old.told))

    def rows(self, by: tuple[str, ...]) -> Iterator[Row]:
        """Yield the row of each group of *by*, and then that of all of them."""
        live = [one for one in self.told.values() if not one.settled]
        keys = {tuple(one.named(part) for part in by) for one in live}
        sums: list[Fraction | None] = [*self.forward]
        for key in sorted(keys, key=lambda key: [(name is None, name or "") for name in key]):
            fills = [one for one in live if tuple(one.named(part) for part in by) == key]
            yield self._row(key, fills, sums)
        yield self._row((), live, [*self.forward])

    def _row(self, key: tuple[str | None, ...], fills: list[Slow], sums: list[Any]) -> Row:
        shares, amount = total([one.shares for one in fills]), total([one.amount for one in fills])
        for at, more in enumerate((shares, amount)):
            sums[at] = None if more is None or sums[at] is None else sums[at] + more
        return Row(
            key=key,
            trades=len(fills),
            shares=shares,
            amount=amount,
            prices=None,
            cumulative_shares=sums[0],
            cumulative_amount=sums[1],
            max_shares=10_000,
            max_amount=None,
            capital=300_000,
        )

    def prices(self, key: tuple[str | None, ...], by: tuple[str, ...]) -> tuple[Any, ...] | None:
        """Return the average, the highest and the lowest price of the group *key* of *by*."""
        live = [one for one in self.told.values() if not one.settled]
        fills = [one for one in live if not key or tuple(map(one.named, by)) == key]
        instruments = {one.instrument for one in fills}
        found = [one.price for one in fills]
        if None in found or len(instruments) != 1 or None in instruments:
            return None
        cost, units = (
            total([one.cost for one in fills]),
            sum(int(one.told["quantity"]) for one in fills),
        )
        known = [price for price in found if price is not None]
        return (cost or 0) / Fraction(units), max(known), min(known)


def corrected(one: Mapping[str, Any], old: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the correct *one* of the fill *old* says happened."""
    told = dict(old) | {name: one[name] for name in ("quantity", "price", "amount") if name in one}
    says_cost = "price" in one or "amount" in one
    if says_cost:
        told = {name: cell for name, cell in told.items() if name not in ("price", "amount")}
        told |= {name: one[name] for name in ("price", "amount") if name in one}
    elif told["quantity"] != old["quantity"]:
        # What the old quantity cost is not what the new one did.
        told.pop("amount", None)
    return told | {"id": one["id"], "kind": "fill"}


def total(values: list[Fraction | None]) -> Fraction | None:
    """Return the sum of *values*; `None` if one of them is unknown."""
    known = [value for value in values if value is not None]
    return sum(known, Fraction(0)) if len(known) == len(values) else None


def grouped(
    rows: list[dict[str, Any]], by: str, editions: Editions = EDITIONS
) -> tuple[Figures, Summary, list[str]]:
    """Return the figures of the log *rows* by *by*, its summary, and the outcomes."""
    program, grouping = Program(editions), Grouping(parts_of(by))
    outcomes: list[str] = []
    for one in rows:
        before, happened = program.position, event(one)
        outcomes.append(program.decide(happened).decision.outcome)
        grouping.add(happened, before, program.position)
    return grouping.figures(editions, program.latest_edition), program.summary(), outcomes


def check(rows: list[dict[str, Any]], by: str) -> None:
    """Assert that the figures of *rows* are those of the recount, and the sums the summary's."""
    found, summary, _ = grouped(rows, by)
    recount = Recount()
    for one in rows:
        recount.count(one)
    *expected, whole = recount.rows(found.parts)
    got = (*found.rows, found.total)
    assert [plain(one) for one in got] == [plain(one) for one in (*expected, whole)]
    for each in got:
        prices = each.prices and (each.prices.average, each.prices.high, each.prices.low)
        assert prices == recount.prices(each.key, found.parts)
    sums = found.total.cumulative_shares, found.total.cumulative_amount
    texts = tuple(None if value is None else written(value) for value in sums)
    assert texts == (summary.executed_shares, summary.executed_amount)
    used = figures_object(found, 2)["total"]["shares_used_percent"]
    assert used == summary.shares_used_percent


def plain(one: Row) -> tuple[object, ...]:
    """Return what *one* says, but for its prices."""
    return (
        *(one.key, one.trades, one.shares, one.amount),
        *(one.cumulative_shares, one.cumulative_amount),
        *(one.max_shares, one.max_amount, one.capital),
    )


@settings(max_examples=settings().max_examples // 2)
@given(rows=logs(), by=st.sampled_from(BY))
def test_figures_are_those_of_a_slow_recount(rows: list[dict[str, Any]], by: str) -> None:
    """Busts and corrects count on the day of their fill, and the totals are the summary's."""
    check(rows, by)


def test_bust_of_the_highest_price_leaves_the_second_highest() -> None:
    """High and low are those of the fills that count."""
    rows = [
        *(fill(number, price=price) for number, price in enumerate(("5", "9", "7", "1"))),
        row(kind="bust", id="b1", fill="f1", date="2026-03-02"),
        row(kind="correct", id="c3", fill="f3", price="6", date="2026-03-02"),
    ]
    (day,) = grouped(rows, "day")[0].rows
    assert day.prices is not None
    assert (day.trades, day.prices.high, day.prices.low) == (3, 7, 5)
    assert (day.key, day.prices.average) == (("2026-03-02",), 6)


@pytest.mark.parametrize("number", range(1, 30))
def test_price_of_a_fill_that_no_bust_takes_back_any_more_stays(
    number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the position forgets still counts for high and low, and later busts are none of it."""
    monkeypatch.setattr(positions, "FILLS_REMEMBERED", 3)
    rows = [fill(at, price=str(5 + at * 7 % 11)) for at in range(number)]
    busts = [
        row(kind="bust", id=f"b{at}", fill=f"f{at}", date="2026-03-02") for at in range(number)
    ]
    found, summary, outcomes = grouped([*rows, *busts], "day")
    kept = [
        int(one["price"])
        for one, outcome in zip(rows, outcomes[number:], strict=True)
        if outcome == "denied"
    ]
    # Two generations of three at most are remembered, and the newest always is.
    assert number - 6 <= len(kept) <= number - min(number, 3)
    assert [one.trades for one in found.rows] == ([len(kept)] if kept else [])
    for one in found.rows:
        assert one.prices is not None
        assert (one.prices.high, one.prices.low) == (max(kept), min(kept))
    assert summary.executed_shares == str(len(kept) * 10)


def fill(number: int, **changes: object) -> dict[str, Any]:
    """Return a fill of 10 shares with *changes*."""
    own = {"kind": "fill", "id": f"f{number}", "date": "2026-03-02", "symbol": "1", "side": "buy"}
    return row(**{**own, "venue": "XTKS", "quantity": "10", "price": "5", **changes})


def test_cap_of_a_row_is_that_of_its_last_day() -> None:
    """If the cap is amended, each day is compared with the cap in force on it."""
    versions = '[{value: "100 shares", until: 2026-03-02}, {value: "400 shares", from: 2026-03-03}]'
    editions = load_text(RULES.replace('{value: "10,000 shares"}', versions).encode(), "a.yaml")
    rows = [fill(1), fill(2, date="2026-03-03")]
    found, _, _ = grouped(rows, "day", editions)
    object_ = figures_object(found, None)
    assert [one["shares_used_percent"] for one in object_["rows"]] == ["10", "5"]
    assert object_["total"]["shares_used_percent"] == "5"
    assert object_["rows"][0]["capital_percent"] == "1/300"


@pytest.mark.parametrize(
    ("text", "parts"),
    [("venue,day", ("day", "venue")), ("instrument, month", ("month", "instrument"))],
)
def test_period_comes_first(text: str, parts: tuple[str, ...]) -> None:
    """Rows are in order of time, so that what is cumulative is so over time."""
    assert parts_of(text) == parts


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "`` is not what figures are grouped by"),
        ("day,year", "`year` is not what figures are grouped by"),
        ("day,day", "names a part twice"),
        ("day,week", "names two periods"),
    ],
)
def test_parts_that_mean_nothing_are_refused(text: str, said: str) -> None:
    """The message says what there is."""
    with pytest.raises(UsageError, match=said):
        parts_of(text)


def test_week_is_that_of_iso_8601() -> None:
    """The first days of a year can be in the last week of the year before."""
    rows = [fill(1, date="2026-12-31"), fill(2, date="2027-01-03"), fill(3, date="2027-01-04")]
    found, _, _ = grouped(rows, "week")
    assert [one.key for one in found.rows] == [("2026-W53",), ("2027-W01",)]


@given(
    value=st.fractions(min_value=0, max_value=10**9, max_denominator=1000),
    decimals=st.integers(0, 12),
)
def test_rounding_is_half_up(value: Fraction, decimals: int) -> None:
    """What is rounded is within half a unit of its last place, and a half goes up."""
    text = rounded(value, decimals)
    assert len(text.partition(".")[2]) == decimals
    error = Fraction(text) - value
    half = Fraction(1, 2 * 10**decimals)
    assert -half < error <= half


LOG: Final = """\
id,date,symbol,side,quantity,price,venue
f-1,2026-03-02,1,buy,45,5,XTKS
f-2,2026-03-03,1,buy,15,5.1,XTKS
f-3,2026-03-03,1,buy,7,5.3,XNGO
"""


@pytest.fixture
def here(tmp_path: Path) -> Path:
    """Return a folder with a rule file and a log."""
    (tmp_path / "own.yaml").write_text(RULES, encoding="utf-8")
    (tmp_path / "log.csv").write_text(LOG, encoding="utf-8")
    return tmp_path


REPLAY: Final = ("replay", "log.csv", "--rules", "own.yaml")


def test_figures_stand_beside_the_summary(here: Path) -> None:
    """In JSON, exact or as rounded; the answer says which."""
    exact = run(*REPLAY, "--by", "day", "--json", cwd=here)
    found = exact.json["figures"]
    assert (exact.code, found["by"], found["decimals"]) == (0, ["day"], None)
    assert found["rounding"] is None
    assert [one["average"] for one in found["rows"]] == ["5", "284/55"]
    assert found["total"]["cumulative_shares"] == exact.json["executed_shares"] == "67"
    cents = run(*REPLAY, "--by", "day", "--round", "2", "--json", cwd=here).json["figures"]
    assert [one["average"] for one in cents["rows"]] == ["5.00", "5.16"]
    assert (cents["decimals"], cents["rounding"], cents["rows"][1]["shares"]) == (
        2,
        "half up",
        "22",
    )
    assert "figures" not in run(*REPLAY, "--json", cwd=here).json


def test_figures_are_a_table_on_a_terminal(here: Path) -> None:
    """With the total below, and how it was rounded."""
    ended = run(*REPLAY, "--by", "day,venue", cwd=here)
    lines = [line.split() for line in ended.out.splitlines()]
    assert lines[-4][:7] == ["2026-03-03", "XNGO", "1", "7", "37.1", "JPY", "5.3"]
    assert lines[-2][:4] == ["total", "3", "67", "338.6"]
    assert "prices are cut off" in ended.out
    rounded_ = run(*REPLAY, "--by", "day", "--round", "1", cwd=here)
    assert "rounded half up to 1 decimals" in rounded_.out


@pytest.mark.parametrize("suffix", ["csv", "json", "xlsx"])
def test_figures_go_to_a_file(here: Path, suffix: str) -> None:
    """It is written whole, for its owner alone, and equal input gives equal bytes."""
    out = here / f"figures.{suffix}"
    for _ in range(2):
        before = out.read_bytes() if out.exists() else None
        ended = run(*REPLAY, "--by", "day", "--figures", out.name, cwd=here)
        assert (ended.code, "so far" in ended.out) == (0, False)
        assert before in (None, out.read_bytes())
    assert out.stat().st_mode & 0o777 == 0o600
    if suffix == "csv":
        rows = [*csv.DictReader(io.StringIO(out.read_text()))]
        assert [one["day"] for one in rows] == ["2026-03-02", "2026-03-03", "total"]
        assert [one["average"] for one in rows] == ["5", "'284/55", "'1693/335"]
    elif suffix == "json":
        assert json.loads(out.read_text())["total"]["trades"] == 3
    else:
        with zipfile.ZipFile(out) as book:
            page = book.read("xl/worksheets/sheet1.xml").decode()
        assert ("<v>113.6</v>" in page, "<f>" in page) == (True, False)


@pytest.mark.parametrize("cell", ["=1+1", "+1", "-1", "@x", "10/3"])
def test_text_is_no_formula_and_no_date_in_a_spreadsheet(cell: str) -> None:
    """A venue that a log names so does nothing to whoever opens the file."""
    found, _, _ = grouped([fill(1, venue=cell)], "venue")
    assert found.rows[0].key == (cell,)
    line = [*csv.reader(io.StringIO(figures_csv(found, None), newline=""))][1]
    assert line[0] == f"'{cell}"
    content = sheet("figures", [[cell, cell, "7"]], texts=2)
    with zipfile.ZipFile(io.BytesIO(content)) as book:
        page = book.read("xl/worksheets/sheet1.xml").decode()
    assert ("<f>" in page, page.count('t="s"'), "<v>7</v>" in page) == (False, 2, True)


def test_control_characters_of_a_name_are_escaped() -> None:
    """A line end or a tab in front hides nothing."""
    found, _, _ = grouped([fill(1, venue="\t=1\r\n+1")], "venue")
    (_, line, _) = csv.reader(io.StringIO(figures_csv(found, None), newline=""))
    assert line[0] == "\\t=1\\r\\n+1"


def test_number_that_a_spreadsheet_would_cut_is_text() -> None:
    """Fifteen digits are kept; sixteen are not, so that they are written as they are."""
    content = sheet("figures", [["", "123456789012345", "1234567890123456"]], texts=1)
    with zipfile.ZipFile(io.BytesIO(content)) as book:
        page = book.read("xl/worksheets/sheet1.xml").decode()
        texts = book.read("xl/sharedStrings.xml").decode()
    assert ("<v>123456789012345</v>" in page, "1234567890123456<" in texts) == (True, True)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--round", "2"), "`--round` has no figures to write"),
        (("--figures", "f.csv"), "`--figures` has no figures to write"),
        (("--by", "day", "--figures", "f.txt"), "figures are not written to such a file"),
        (("--by", "day", "--figures", "log.csv"), "the figures would overwrite this file"),
        (("--by", "day", "--figures", "own.yaml"), "the figures would overwrite this file"),
        (("--by", "year"), "`year` is not what figures are grouped by"),
        (
            ("--by", "day", "--figures", "f.json", "--decisions", "f.json"),
            "the figures would overwrite this file",
        ),
    ],
)
def test_options_that_do_not_fit_are_refused_before_the_log_is_read(
    here: Path, options: tuple[str, ...], said: str
) -> None:
    """Nothing is written, and no conclusion is drawn."""
    ended = run(*REPLAY, *options, cwd=here)
    assert (ended.code, ended.out, said in ended.err) == (2, "", True)
    assert sorted(one.name for one in here.iterdir()) == ["log.csv", "own.yaml"]


def test_figures_are_not_written_if_a_row_is_bad(here: Path) -> None:
    """There is no conclusion from such a log."""
    (here / "log.csv").write_text(LOG + "f-4,2026-03-04,1,buy,x,5,XTKS\n")
    ended = run(*REPLAY, "--by", "day", "--figures", "f.csv", cwd=here)
    assert (ended.code, (here / "f.csv").exists()) == (2, False)


@pytest.mark.slow
def test_spreadsheet_without_its_package_says_what_to_install(here: Path) -> None:
    """Before the log is read; CSV and JSON need nothing."""
    fake = here / "fake" / "xlsxwriter"
    fake.mkdir(parents=True)
    (fake / "__init__.py").write_text("raise ImportError('not installed')\n")
    asked = (*REPLAY, "--by", "day", "--figures")
    ended = run(*asked, "f.xlsx", cwd=here, PYTHONPATH=str(fake.parent))
    said = "a spreadsheet needs XlsxWriter; install it with: pip install 'repurchase[report]'\n"
    assert (ended.code, ended.out, ended.err) == (2, "", said)
    assert run(*asked, "f.csv", cwd=here, PYTHONPATH=str(fake.parent)).code == 0


def test_every_part_is_offered() -> None:
    """The help names each part that figures can be grouped by."""
    said = " ".join(run("replay", "--help").out.split())
    assert [part for part in PARTS if part not in said] == []
