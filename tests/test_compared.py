"""What a log says twice is compared, and the answer says by which tolerance and how it differs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

import pytest

from test_cli import Run, run
from test_mapping import RULES

MAPPING: Final = """\
mapping: 1
columns: {date: d, quantity: q, price: p, amount: a}
dates: {pattern: yyyy-MM-dd}
set: {symbol: X, side: buy}
"""
TOTALS: Final = "rows: {totals: [{row: total}]}\n"


@pytest.fixture
def here(tmp_path: Path) -> Path:
    """Return a folder with the rule file `x.yaml`."""
    (tmp_path / "x.yaml").write_text(RULES)
    return tmp_path


def replay(here: Path, rows: list[str], mapping: str | None, *more: str) -> Run:
    """Replay *rows* by *mapping*, or as they are, and return what came of it."""
    (here / "log.csv").write_text("\n".join(rows) + "\n")
    by: tuple[str, ...] = ()
    if mapping is not None:
        (here / "m.yaml").write_text(mapping)
        by = ("--mapping", "m.yaml")
    return run("replay", "log.csv", "--rules", "x.yaml", *by, *more, cwd=here)


def test_answer_says_what_was_compared_and_by_which_tolerance(here: Path) -> None:
    """A total that is one off is allowed, and both the tolerance and the one are said."""
    rows = ["d,q,p,a", "2020-01-02,10,10,100.4", "2020-01-03,10,20,200", "total,20,15.02,301"]
    mapping = MAPPING + TOTALS + 'tolerances: {row: "0.5", amount: 0.3%, price: "0.1"}\n'
    ended = replay(here, rows, mapping, "--json")
    assert ended.code == 0
    assert ended.json["differences"] == []
    assert ended.json["compared"] == {
        "rows": {"rows": 2, "equal": 1, "within": 1, "largest": "0.4", "tolerance": "0.5"},
        "known": [],
        "totals": [
            {
                "of": "the shares in `total`",
                "printed": "20",
                "found": "20",
                "difference": "0",
                "tolerance": "0",
                "line": 4,
            },
            {
                "of": "the money in `total`",
                "printed": "301",
                "found": "300.4",
                "difference": "-0.6",
                "tolerance": "0.3%",
                "line": 4,
            },
            {
                "of": "the price in `total`",
                "printed": "15.02",
                "found": "15.02",
                "difference": "0",
                "tolerance": "0.1",
                "line": 4,
            },
        ],
    }
    told = replay(here, rows, mapping).out
    assert (
        "equals the amount in 1 of 2 rows. In 1 it differs by at most 0.4; tolerance 0.5." in told
    )
    assert "the money in `total`" in told
    assert "-0.6       0.3%" in told


def test_total_that_differs_stands_in_both_lists(here: Path) -> None:
    """What was compared has it with its tolerance, and the differences with what explains it."""
    rows = ["d,q,p,a", "2020-01-02,10,10,100", "2020-01-03,1,20,20", "total,11,,101"]
    ended = replay(here, rows, MAPPING + TOTALS + "tolerances: {amount: 1}\n", "--json")
    assert ended.code == 1
    (compared,) = (one for one in ended.json["compared"]["totals"] if one["difference"] != "0")
    assert (compared["difference"], compared["tolerance"]) == ("19", "1")
    (difference,) = ended.json["differences"]
    assert (difference["of"], difference["found"]) == (compared["of"], "120")


def test_shares_are_not_explained_by_the_money_of_a_row(here: Path) -> None:
    """20 shares too many are the row of 20 shares, not the one that cost 20."""
    rows = ["d,q,p,a", "2020-01-02,2,10,20", "2020-01-03,20,1,20", "total,2,,"]
    (found,) = replay(here, rows, MAPPING + TOTALS, "--json").json["differences"]
    assert found["why"].startswith("row 3 ")


@pytest.mark.parametrize(
    ("expect", "why"),
    [
        ("shares=25", "row 3 comes to just that: is it read twice, or not printed?"),
        ("shares=60", "row 5 comes to just that: is it not read?"),
        ("amount=200.5", "row 3 comes to just that: is it read twice, or not printed?"),
        ("amount=351.2", "3 figures, each rounded to a whole, can differ by so much"),
        ("amount=353", None),
    ],
)
def test_what_is_expected_and_not_found_is_explained_by_a_row_or_by_rounding(
    here: Path, expect: str, why: str | None
) -> None:
    """In a log without a mapping, too."""
    rows = ["date,symbol,quantity,price,amount", "2020-01-02,X,5,0.1,", "2020-01-03,X,15,10,"]
    rows += ["", "2020-01-04,X,20,,200"]
    given = "shares=40" if expect.startswith("amount") else "amount=350.5"
    ended = replay(here, rows, None, "--expect", f"{expect},{given}", "--json")
    (found,) = ended.json["differences"]
    assert (ended.code, found["why"]) == (1, why)


@pytest.mark.parametrize(
    ("expect", "tolerance", "code", "differences"),
    [
        ("amount=301", "", 1, ["-1"]),
        ("amount=301", "amount=1", 0, ["-1"]),
        ("amount=301", "amount=0.3%", 1, ["-1"]),
        ("amount=301", "amount=0.4%", 0, ["-1"]),
        ("vwap=15.1,shares=20", "price=0.1", 0, ["0", "-0.1"]),
        ("vwap=15.1,shares=19", "price=0.1", 1, ["1", "-0.1"]),
    ],
)
def test_what_is_expected_may_differ_by_a_tolerance_that_is_given(
    here: Path, expect: str, tolerance: str, code: int, differences: list[str]
) -> None:
    """Shares never may."""
    rows = ["date,symbol,quantity,price", "2020-01-02,X,10,10", "2020-01-03,X,10,20"]
    given = ("--tolerance", tolerance) if tolerance else ()
    ended = replay(here, rows, None, "--expect", expect, *given, "--json")
    totals = ended.json["compared"]["totals"]
    assert (ended.code, [one["difference"] for one in totals]) == (code, differences)


def test_tolerance_of_a_mapping_is_that_of_what_is_expected_too(here: Path) -> None:
    """Said once, it holds for all that is compared."""
    rows = ["d,q,p,a", "2020-01-02,10,10,100"]
    mapping = MAPPING + "tolerances: {amount: 1}\n"
    assert replay(here, rows, mapping, "--expect", "amount=101").code == 0
    assert replay(here, rows, mapping, "--expect", "amount=102").code == 1


@pytest.mark.parametrize(
    ("printed", "mark", "code"),
    [
        ("15", ".", 0),
        ("15.0", ".", 1),
        ("15.1", ".", 0),
        ("15.10", ".", 1),
        ("15.07", ".", 0),
        ("15.070", ".", 1),
        ("15.067", ".", 0),
        ("15,07", ",", 0),
        ("15,10", ",", 1),
    ],
)
def test_average_may_be_off_by_half_of_its_last_decimal(
    here: Path, printed: str, mark: str, code: int
) -> None:
    """A zero at its end is a decimal, too: the average is 15.0666..., and not 15.0 or 15.10."""
    rows = ["d;q;p;a", "2020-01-02;10;10;", "2020-01-03;10;20;", "2020-01-04;10;15,2;"]
    rows = [one.replace(",", mark) for one in rows]
    shape = f'mapping: 1\nseparator: ";"\nnumbers: {{decimal: "{mark}"}}'
    mapping = MAPPING.replace("mapping: 1", shape)
    assert replay(here, [*rows, f"total;30;{printed};"], mapping + TOTALS).code == code
    stated = printed.replace(",", ".")
    assert replay(here, rows, mapping, "--expect", f"vwap={stated}").code == code
    assert replay(here, rows, f'{mapping}expect: [{{vwap: "{stated}"}}]\n').code == code


def test_average_in_pence_has_the_decimals_of_a_pound(here: Path) -> None:
    """1,507 pence are 15.07 pounds, and are off by half a penny at most."""
    pence = "price: {column: p, unit: pence}"
    mapping = MAPPING.replace("price: p", pence) + TOTALS
    rows = ["d,q,p,a", "2020-01-02,10,1000,", "2020-01-03,10,2000,", "2020-01-04,10,1520,"]
    assert replay(here, [*rows, "total,30,1507,"], mapping).code == 0
    assert replay(here, [*rows, "total,30,1510,"], mapping).code == 1


def test_rows_that_are_not_listed_are_counted(here: Path) -> None:
    """Twenty are listed."""
    rows = ["date,symbol,quantity,price,amount", *["2020-01-02,X,1,1,2"] * 25]
    ended = replay(here, rows, None)
    assert ended.code == 1
    assert ended.err.count("by its price and quantity") == 20
    assert "the amounts of 5 more rows differ from price times quantity" in ended.err


def test_totals_of_money_that_is_unknown_are_not_agreed(here: Path) -> None:
    """A fill without a price comes to no money."""
    rows = ["date,symbol,quantity", "2020-01-02,X,10"]
    ended = replay(here, rows, None, "--expect", "shares=10,amount=1", "--json")
    assert ended.code == 1
    (found,) = ended.json["differences"]
    assert (found["of"], found["found"]) == ("the money expected", "unknown")
    assert ended.json["compared"]["totals"][1]["difference"] is None


# --- price times quantity, and the amount ---------------------------------------------------------

ROW: Final = {"date": "2020-01-02", "symbol": "X", "quantity": 10, "price": 10}


@pytest.mark.parametrize("form", ["csv", "jsonl"])
@pytest.mark.parametrize(
    ("amount", "tolerance", "code"),
    [
        ("100", "", 0),
        ("100.4", "", 1),
        ("100.4", "row=0.4", 0),
        ("100.4", "row=0.39", 1),
        ("99.6", "row=0.4", 0),
        ("100.4", "row=0.4%", 0),
        ("100.4", "amount=1,price=1", 1),
    ],
)
def test_amount_of_a_plain_log_is_compared_with_price_times_quantity(
    here: Path, form: str, amount: str, tolerance: str, code: int
) -> None:
    """By nothing, or by the tolerance that is given; both ways of writing a log are alike."""
    row = ROW | {"amount": amount}
    lines = [",".join(row), ",".join(str(cell) for cell in row.values())]
    if form == "jsonl":
        lines = [json.dumps({"kind": "fill"} | row)]
    given = ("--tolerance", tolerance) if tolerance else ()
    (here / f"log.{form}").write_text("\n".join(lines) + "\n")
    ended = run("replay", f"log.{form}", "--rules", "x.yaml", *given, "--json", cwd=here)
    assert ended.code == code
    rows = ended.json["compared"]["rows"]
    assert rows["rows"] == 1
    assert [one["of"] for one in ended.json["differences"]] == (
        ["the amount of `row-1`, by its price and quantity"] if code else []
    )
    assert (rows["equal"], rows["within"]) == (amount == "100", amount != "100" and not code)


@pytest.mark.parametrize(
    ("amount", "is_explained"),
    [("1005", True), ("1005.1", False), ("1006", False), ("995", True), ("994", False)],
)
def test_rounding_explains_a_row_if_it_can(here: Path, amount: str, is_explained: bool) -> None:
    """10 shares at 100 cost from 995 to 1,005, and the amount is rounded, too."""
    rows = ["date,symbol,quantity,price,amount", f"2020-01-02,X,10,100,{amount}"]
    (found,) = replay(here, rows, None, "--json").json["differences"]
    assert (found["why"] is not None) is is_explained


def test_correct_is_compared_and_an_order_states_no_amount(here: Path) -> None:
    """A correction is a row that says what a trade cost, too."""
    lines = [
        {"kind": "order", "id": "o", "quantity": 20, "price": 10, "side": "buy"},
        {"kind": "fill", "id": "f", "order": "o", "quantity": 10, "price": 10, "amount": 100},
        {"kind": "correct", "id": "c", "fill": "f", "quantity": 10, "price": 9, "amount": 100},
    ]
    text = "\n".join(json.dumps(one | {"date": "2020-01-02", "symbol": "X"}) for one in lines)
    (here / "log.jsonl").write_text(text)
    ended = run("replay", "log.jsonl", "--rules", "x.yaml", "--json", cwd=here)
    (found,) = ended.json["differences"]
    assert (found["of"], found["line"]) == ("the amount of `c`, by its price and quantity", 3)
    assert ended.json["compared"]["rows"]["rows"] == 2


def test_question_after_a_log_that_contradicts_itself_is_not_answered(here: Path) -> None:
    """What is used so far is not known then; with a tolerance, it is."""
    row = ROW | {"amount": "100.4"}
    (here / "log.jsonl").write_text(json.dumps({"kind": "fill"} | row))
    order = json.dumps({"kind": "order", "id": "o", "side": "buy"} | ROW)
    call = ("check", "--rules", "x.yaml", "--log", "log.jsonl", "--event", "-")
    assert run(*call, stdin=order, cwd=here).code == 2
    assert run(*call, "--tolerance", "row=0.4", stdin=order, cwd=here).code == 0


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("0.5", "is not NAME=VALUE"),
        ("shares=1", "is not NAME=VALUE"),
        ("row=1,row=2", "is not NAME=VALUE"),
        ("row=", "is not a tolerance"),
        ("row=-1", "compares nothing"),
        ("row=1000%", "compares nothing"),
    ],
)
def test_tolerance_that_says_nothing_is_refused(here: Path, text: str, said: str) -> None:
    """Before anything is read."""
    ended = replay(here, ["date,quantity"], None, "--tolerance", text)
    assert (ended.code, said in ended.err) == (2, True)


# --- rows that are known to differ ----------------------------------------------------------------

KNOWN: Final = 'tolerances: {known: [{row: "2 Jan", why: "a typo of the issuer"}]}\n'
SAID: Final = MAPPING.replace("yyyy-MM-dd", "d MMM").replace("d MMM}", "d MMM, year: 2020}")


def test_reason_of_a_known_row_stands_in_the_answer(here: Path) -> None:
    """With its figures: whoever reads the answer need not know the mapping."""
    rows = ["d,q,p,a", "2 Jan,10,10,104"]
    ended = replay(here, rows, SAID + KNOWN, "--json")
    assert (ended.code, ended.json["differences"]) == (0, [])
    assert ended.json["compared"]["known"] == [
        {
            "row": "2 Jan",
            "line": 2,
            "printed": "104",
            "found": "100",
            "why": "a typo of the issuer",
        }
    ]
    told = replay(here, rows, SAID + KNOWN).out
    assert "a typo of the issuer" in told


@pytest.mark.parametrize("day", ["20 Jan", "2 Jan.", "12 Jan"])
def test_known_row_is_named_by_its_whole_cell(here: Path, day: str) -> None:
    """The 20th is not the 2nd, though it begins with the same letter."""
    mapping = SAID.replace("d MMM,", "d MMM.,") if day.endswith(".") else SAID
    known = KNOWN.replace("2 Jan", "2") if day == "20 Jan" else KNOWN
    ended = replay(here, ["d,q,p,a", f"{day},10,10,104"], mapping + known)
    assert (ended.code, "by its price and quantity: 104" in ended.err) == (1, True)


def test_known_row_is_one_row(here: Path) -> None:
    """A second one that begins so differs for no reason that anybody gave, unless named as well."""
    rows = ["d,q,p,a", "2 Jan,10,10,104", "2 Jan,10,10,90"]
    ended = replay(here, rows, SAID + KNOWN)
    assert (ended.code, "`known` excuses another row" in ended.err) == (1, True)
    twice = 'tolerances: {known: [{row: "2 Jan", why: one}, {row: "2 Jan", why: other}]}\n'
    found = replay(here, rows, SAID + twice, "--json")
    assert found.code == 0
    assert [one["why"] for one in found.json["compared"]["known"]] == ["one", "other"]


# --- files that are written -----------------------------------------------------------------------

PACK: Final = """\
repurchase: 1
pack: own
title: What the desk adds
rules:
  - {id: side, require: trade.side == buy, cite: the desk}
"""


@pytest.mark.parametrize("output", ["--decisions", "--figures"])
@pytest.mark.parametrize("file", ["m.json", "bars.json", "own.yaml"])
def test_what_is_read_is_not_overwritten(here: Path, output: str, file: str) -> None:
    """A mapping, market facts and a pack are as hard to make again as a rule file."""
    (here / "own.yaml").write_text(PACK)
    (here / "x.yaml").write_text(RULES + "include: [./own]\n")
    (here / "m.json").write_text(MAPPING)
    (here / "bars.json").write_text("symbol,venue,date,close\nX,XLON,2020-01-02,5\n")
    (here / "log.csv").write_text("d,q,p,a\n2020-01-02,1,1,1\n")
    before = {path.name: path.read_bytes() for path in here.iterdir()}
    call = ("replay", "log.csv", "--rules", "x.yaml", "--mapping", "m.json", "--by", "day")
    ended = run(*call, "--market", "bars.json", output, file, cwd=here)
    said = f"{file}: the {output[2:]} would overwrite this file"
    assert (ended.code, said in ended.err) == (2, True), ended.err
    assert {path.name: path.read_bytes() for path in here.iterdir()} == before


def test_two_outputs_are_two_files(here: Path) -> None:
    """Whichever is written last would be all that is left."""
    log = Path(__file__).resolve().parents[1] / "examples" / "fix" / "day.fix"
    call = ("replay", log, "--rules", log.with_name("program.yaml"), "--by", "day")
    for one, other in (("--figures", "--quarantine"), ("--figures", "--decisions")):
        ended = run(*call, one, "out.json", other, "out.json", cwd=here)
        assert (ended.code, "give each output its own file" in ended.err) == (2, True), ended.err
    ended = run(*call[:4], "--decisions", "out.json", "--quarantine", "out.json", cwd=here)
    assert (ended.code, "give each output its own file" in ended.err) == (2, True), ended.err
    assert [*here.iterdir()] == [here / "x.yaml"]
