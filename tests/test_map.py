"""`repurchase map`: what it drafts is what the file shows; what is ambiguous is a question."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

import pytest

from repurchase.domain.errors import RuleFileError
from repurchase.intake.draft.draft import Draft, draft
from repurchase.intake.draft.questions import Known
from repurchase.intake.draft.rows import decoded, separated
from repurchase.intake.log import open_log
from repurchase.intake.printed import Typed
from repurchase.replay.run import brought_forward
from repurchase.rulebook.mapping_file import read_mapping_text
from test_cli import run
from test_mapping import RULES, paid

SHARED: Final = Path(__file__).resolve().parent.parent.parent / "shared" / "data" / "files"


def drafted(text: str, known: Known | None = None) -> Draft:
    """Return the draft of a text file."""
    _, rows = separated(text)
    return draft(rows, {}, known or Known())


def asked(text: str) -> dict[str, tuple[str, ...]]:
    """Return the candidates of each question about a text file."""
    return {one.key: one.candidates for one in drafted(text).questions}


# -- what is ambiguous ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rows", "key", "candidates"),
    [
        (["03/04/2020;5;1"], "columns.date.pattern", ('"dd/MM/yyyy"', '"MM/dd/yyyy"')),
        (["03/04/20;5;1"], "columns.date.pattern", ('"dd/MM/yy"', '"MM/dd/yy"')),
        (["2020-01-02;160.000;1"], "numbers", ("{}", '{decimal: ",", thousands: "."}')),
        (["2020-01-02;5;1.234"], "numbers", ("{}", '{decimal: ",", thousands: "."}')),
        (["2020-01-02;5;1,234"], "numbers", ('{thousands: ","}', '{decimal: ","}')),
    ],
)
def test_ambiguous_text_is_a_question(
    rows: Sequence[str], key: str, candidates: tuple[str, ...]
) -> None:
    """With each reading as a candidate."""
    found = asked("\n".join(["Date;Shares;Price", *rows]))
    assert set(candidates) <= set(found[key])


@pytest.mark.parametrize(
    ("rows", "key"),
    [
        (["03/04/2020;5;1", "13/04/2020;5;1"], "columns.date.pattern"),
        (["2020-01-02;160.000;1,50"], "numbers"),
        (["2020-01-02;1.234.567;1"], "numbers"),
    ],
)
def test_what_another_row_settles_is_no_question(rows: Sequence[str], key: str) -> None:
    """One reading alone fits all rows."""
    assert key not in asked("\n".join(["Date;Shares;Price", *rows]))


def test_question_shows_what_no_reading_fits() -> None:
    """A number that is not whole beside one that is; a day beside one of another pattern."""
    head, typed = ["Date", "Shares", "Price"], Typed("1")
    rows = [
        (1, head),
        (2, ["2020-01-02", Typed("200.5"), typed]),
        (3, ["02/01/2020", typed, typed]),
    ]
    said = {one.key: one.what for one in draft(rows, {}, Known()).questions}
    assert (
        said["numbers"] == "no known style reads all quantities as whole numbers, such as `200.5`"
    )
    what = "no known pattern reads both `2020-01-02` and `02/01/2020`"
    assert said["columns.date.pattern"] == what


def test_price_times_quantity_settles_the_marks() -> None:
    """160.000 is 160,000 if the amount says so, and the draft says what settled it."""
    head = "Date;Shares;Price;Amount"
    plain = drafted(f"{head}\n2020-01-02;160.000;2.000;320.000")
    grouped = drafted(f"{head}\n2020-01-02;160.000;2.000;320.000.000")
    unsettled = drafted(f"{head}\n2020-01-02;160.000;2.000;7.000")
    assert ("numbers" in plain.values, len(plain.settled)) == (False, 1)
    assert grouped.values["numbers"] == {"decimal": ",", "thousands": "."}
    assert "numbers" in {one.key for one in unsettled.questions}


@pytest.mark.parametrize(
    ("head", "row", "key"),
    [
        ("Date;Shares;Price (GBp)", "2020-01-02;5;1", "columns.price.unit"),
        ("Date;Shares;Amount (thousand)", "2020-01-02;5;1", "columns.amount.unit"),
        ("Date;Side;Shares", "2020-01-02;1;5", "columns.side.words"),
        ("Date;Venue;Shares", "2020-01-02;London;5", "columns.venue.words"),
        ("Time;Shares;Price", "2020-01-02 10:00:00;5;1", "columns.time.zone"),
        ("Date;Shares;Quantity", "2020-01-02;5;5", "columns.quantity"),
        ("Shares;Price", "5;1", "columns.date"),
        ("Date;Shares;Price;Amount", "2020-01-02;5;1;5.4", "tolerances.row"),
        ("Date;Shares;Price;Status", "2020-01-02;5;1;Cancelled", "ignore"),
        ("Date;Shares;Price;Typ", "2020-01-02;5;1;V", "ignore"),
        ("Date;Shares;Price", "2020-01-02;150k;1", "numbers.around"),
        ("Date;Shares;Price", "2020-01-02;5;735.0p", "numbers.around"),
        ("Date;Shares;Amount", "2020-01-02;5;18.75 Mio. EUR", "numbers.around"),
        ("Date;Shares;Price", "2020-01-02;5;1\nSales;;\n2020-01-03;5;1", "rows.lone"),
        ("Settlement Date;Shares;Price", "2020-01-02;5;1", "ignore"),
        ("Date;Cumulative shares;Price", "2020-01-02;5;1", "ignore"),
        ("Date;Order quantity;Price", "2020-01-02;5;1", "columns.quantity"),
        ("Date;Ordered shares;Price", "2020-01-02;5;1", "columns.quantity"),
        ("Date;Shares;Price per 100 shares", "2020-01-02;5;1", "columns.price"),
        ("Date;Shares;Price per 1,000", "2020-01-02;5;1", "columns.price"),
        ("Date;Treasury shares;Price", "2020-01-02;5;1", "columns.quantity"),
    ],
)
def test_unit_clock_word_or_column_is_not_guessed(head: str, row: str, key: str) -> None:
    """Each is a question: a wrong guess would be read without an error."""
    found = asked(f"{head}\n{row}")
    assert key in found
    assert {"set.symbol"} <= found.keys()


def test_prices_in_pence_of_an_instrument_in_pence_are_no_question() -> None:
    """Divided once more, they would be a hundredth of what was paid."""
    text = "Date;Shares;Price (GBp)\n2020-01-02;5;735"
    found = drafted(text, Known(("X",), (), in_hundredths=True))
    assert "columns.price.unit" not in {one.key for one in found.questions}
    assert found.values["columns"]["price"] == "Price (GBp)"
    assert len(found.settled) == 1


@pytest.mark.parametrize("column", ["Side", "Venue"])
def test_unknown_word_has_no_candidate(column: str) -> None:
    """One to paste would be the wrong one half of the time."""
    found = asked(f"Date;{column};Shares\n2020-01-02;2;5\n2020-01-03;1;5")
    assert found[f"columns.{column.lower()}.words"] == ()


def test_totals_are_named_by_what_they_add_up_to() -> None:
    """The rows since the last, or all with the opening balance; else it is asked."""
    lines = [
        "Date;Shares",
        "Total, latest announcement;100",
        "2020-01-02;5",
        "2020-01-03;6",
        "Total of the week;11",
        "Total of the program;111",
        "Total of something;7",
    ]
    found = drafted("\n".join(lines))
    assert found.values["rows"]["opening"] == "Total, latest announcement"
    totals = {one["row"]: one.get("of") for one in found.values["rows"]["totals"]}
    assert totals["Total of the program"] == "program"
    assert {one.key for one in found.questions} >= {"rows.totals.Total of something.of"}
    assert len(found.settled) == 2


def test_open_question_does_not_load() -> None:
    """With its place, and nothing else that is wrong."""
    with pytest.raises(RuleFileError) as caught:
        read_mapping_text(b'mapping: 1\ncolumns: {date: "?", dat: x}\nset: {side: "?"}\n', "m.yaml")
    found = [one.what for one in caught.value.problems]
    assert found == ["this question is open", "this question is open"]


# -- files that companies and brokers published ---------------------------------------------------

BUY: Final = {"set.side": "buy"}
# The answers for each file; what it comes to stands beside it, or in the rows themselves.
ANSWERS: Final[Mapping[str, dict[str, str]]] = {
    "01_karo_2018_daily.csv": BUY
    | {
        "set.symbol": "KARO",
        "tolerances.row": '"0.5"',
        "tolerances.known": "[{row: 25 juni 2018, why: published so}]",
    },
    "02_aurubis_2020w47_daily.csv": BUY | {"set.symbol": "NDA", "tolerances.row": '"0.02"'},
    "03_nokia_venue_days.csv": BUY
    | {
        "set.symbol": "NOKIA",
        "tolerances.price": '"0.01"',
        "tolerances.amount": "0.2%",
        "rows.lone": "skip",
    },
    "04_danske_2016w51.csv": BUY | {"set.symbol": "DANSKE", "tolerances.row": '"100000"'},
    "04_danske_2016w51.xlsx": BUY | {"set.symbol": "DANSKE", "tolerances.row": '"100000"'},
    "04c_danske_2017w19_holiday.csv": BUY
    | {"set.symbol": "DANSKE", "tolerances.row": '"100000"', "rows.lone": "skip"},
    "05_almbrand_2020w02.csv": BUY
    | {
        "set.symbol": "ALMB",
        "tolerances.row": '"100"',
        "tolerances.amount": "1",
        "rows.totals": "[{row: Accumulated during, without: [amount]},"
        " {row: Accumulated under, of: program}]",
    },
    "05c_almbrand_2020w09.csv": BUY
    | {
        "set.symbol": "ALMB",
        "tolerances.row": '"100"',
        "tolerances.amount": "1",
        "rows.totals.Accumulated under the share buyback programme.of": "program",
    },
    "08_genmab_20240318_trades.tsv": BUY
    | {
        "set.symbol": "GMAB",
        "columns.time.zone": "Europe/Copenhagen",
        "rows.lone": "skip",
    },
    "08c_genmab_20230223_trades.csv": BUY
    | {"set.symbol": "GMAB", "columns.time.zone": "Europe/Copenhagen"},
    "09_ihg_20241017_trades.csv": BUY
    | {"set.symbol": "IHG", "columns.time.zone": "Europe/London", "ignore": "[Time Zone]"},
    "10b_petershill_20230717_trades.csv": BUY
    | {
        "set.symbol": "PHLL",
        "columns.time.zone": "Europe/London",
        "columns.price.unit": "pence",
    },
    "11_pearson_20180104_trades.csv": BUY
    | {
        "set.symbol": "PSON",
        "columns.time.zone": "Europe/London",
        "columns.price.unit": "pence",
    },
    "14_hydro_2023_final_days.csv": BUY | {"set.symbol": "NHY", "tolerances.row": "1%"},
    "16_asx_3e_forms.csv": BUY
    | {
        "set.symbol": "BXB",
        "numbers": '{thousands: ",", around: ["A$", "$A", "$", CUFS]}',
        "columns": '{date: {title: "Brambles Limited {}", pattern: dd-MMM-yy},'
        " quantity: 3 Number of shares/units bought back,"
        " amount: 4 Total consideration paid or payable for the shares/units}",
        "rows": "{each: column, select: Brambles, opening: Before previous day}",
        "ignore": "[all]",
    },
    "18_jp_202404_edinet.csv": BUY
    | {
        "set.symbol": "common",
        "numbers": '{thousands: ","}',
        "columns.date": '{column: 2, pattern: "M月d日", year: 2024}',
        "ignore": "[区分]",
        "rows": "{skip: [取締役会, 自己株式取得の進捗], totals: [{row: 計},"
        " {row: 報告月末現在の累計, of: program}]}",
    },
    "20b_fix_columns.csv": {
        "columns.quantity": "LastShares",
        "columns.price": "LastPx",
        "columns.side.words": '{"1": buy, "2": sell}',
        "columns.time.zone": "UTC",
        "ignore": "[all]",
    },
}


@pytest.mark.slow
@pytest.mark.parametrize("name", ANSWERS)
def test_published_file_loads_once_its_questions_are_answered(tmp_path: Path, name: str) -> None:
    """Nothing is edited by hand, and what it comes to is what the company reported."""
    if not SHARED.is_dir():
        pytest.skip("the folder `shared`, with the published files, is not beside this checkout")
    output = tmp_path / "m.yaml"
    call = ("map", SHARED / name, "--output", output)
    assert run(*call).code == 1
    with pytest.raises(RuleFileError, match="this question is open"):
        read_mapping_text(output.read_bytes(), "m.yaml")
    answers = [part for key, of in ANSWERS[name].items() for part in ("--answer", f"{key}={of}")]
    ended = run(*call, *answers)
    cases = json.loads((SHARED / "expected.json").read_text(encoding="utf-8"))
    case: dict[str, Any] = next(
        (one for one in cases if name in (one["file"], one.get("xlsx"))), {}
    )
    before = case.get("brought_forward")
    opened = None if before is None else brought_forward(before)
    with open_log(SHARED / name, mapping=read_mapping_text(output.read_bytes(), "m.yaml")) as log:
        rows = list(log.rows())
        assert [one.what for row in rows for one in row.problems] == []
        assert log.differences(opened) == ()
    # A total of the program is compared once it is known what was brought forward.
    assert ended.code == 0 or (before is not None and "but the rows come to" in ended.err)
    fills = [row.event for row in rows if row.event is not None and row.event.kind == "fill"]
    want = case.get("reported") or case.get("extract") or {}
    if "shares" in want:
        had = (0, 0) if opened is None else (opened.shares or 0, opened.amount or 0)
        shares = sum(one.quantity or 0 for one in fills) + had[0]
        money = sum(paid(one) for one in fills) + had[1]
        assert (len(fills), str(shares)) == (want["rows"], want["shares"])
        assert abs(money - Fraction(want["amount"])) <= 1


# -- on the command line --------------------------------------------------------------------------


def test_map_shows_the_text_beside_how_it_is_read(tmp_path: Path) -> None:
    """The mapping alone goes to standard output, so that it can be kept."""
    (tmp_path / "log.csv").write_text("Date,Shares,Price\n2020-01-02,5,2\n")
    (tmp_path / "x.yaml").write_text(
        "repurchase: 1\nauthorization: x\ntimezone: Europe/London\ncurrency: GBP\n"
        "instruments: {common: {symbol: XYZ, venues: [XLON]}}\n"
    )
    call = ("map", "log.csv", "--rules", "x.yaml")
    first = run(*call, cwd=tmp_path)
    assert (first.code, "--answer 'set.side=buy'" in first.err) == (1, True)
    answers = ("--answer", "set.side=buy", "--answer", "columns.price.unit=one")
    ended = run(*call, *answers, cwd=tmp_path)
    assert ended.code == 0
    (tmp_path / "m.yaml").write_text(ended.out)
    assert "line 2: 2020-01-02 | 5 | 2" in ended.err
    assert "symbol XYZ, side buy, quantity 5, price 2" in ended.err
    found = run(*call, "--json", cwd=tmp_path).json
    paths = [one["path"] for one in found["questions"]]
    assert paths == [["columns", "price", "unit"], ["set", "side"]]
    replayed = run(
        *("replay", "log.csv", "--rules", "x.yaml", "--mapping", "m.yaml", "--json"), cwd=tmp_path
    )
    assert replayed.json["executed_shares"] == "5"


@pytest.mark.parametrize("content", [b"", b"a\n", b"only,words\nand,more\n", b"\0\xff" * 50])
def test_file_without_a_table_is_refused(tmp_path: Path, content: bytes) -> None:
    """With a sentence."""
    (tmp_path / "log.csv").write_bytes(content)
    ended = run("map", tmp_path / "log.csv")
    assert (ended.code, "has no table" in ended.err) == (2, True)


@pytest.mark.parametrize("read", ["log.csv", "x.yaml", "x.cases.yaml"])
def test_map_writes_over_nothing_that_a_person_wrote(tmp_path: Path, read: str) -> None:
    """Not over the file itself, nor over the rule file or its cases, even with --force."""
    texts = {"log.csv": "Date,Shares,Price\n2020-01-02,5,2\n", "x.yaml": RULES}
    texts |= {"x.cases.yaml": "cases: []\n"}
    for name, text in texts.items():
        (tmp_path / name).write_text(text)
    call = ("map", "log.csv", "--rules", "x.yaml", "--force", "--output")
    ended = run(*call, read, cwd=tmp_path)
    assert (ended.code, ended.err.splitlines()[-1]) == (
        2,
        f"{read}: the mapping would overwrite this file",
    )
    assert {name: (tmp_path / name).read_text() for name in texts} == texts


def test_dash_is_no_file_to_write_the_mapping_to(tmp_path: Path) -> None:
    """It would be a file of this name, which a person who means standard output does not find."""
    (tmp_path / "log.csv").write_text("Date,Shares,Price\n2020-01-02,5,2\n")
    ended = run("map", "log.csv", "--output", "-", cwd=tmp_path)
    assert (ended.code, "leave out --output" in ended.err) == (2, True)
    assert not (tmp_path / "-").exists()


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("Datum;Köp\n1;2\n", "utf-8"),
        ("Datum;Köp\n1;2\n", "cp1252"),
        ("日付;株式数\n1;2\n", "cp932"),
        ("日付;株式数\n1;2\n", "utf-16"),
    ],
)
def test_encoding_is_found(text: str, encoding: str) -> None:
    """What it is written in, by its marks and by how many letters are East Asian."""
    assert decoded(text.encode(encoding)) == (encoding, text)
