"""Kinds of files that `map` meets: each loads by its answers, or is refused; none is misread."""

from __future__ import annotations

from datetime import date
from fractions import Fraction
from pathlib import Path
from typing import Any, Final, NamedTuple
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from repurchase.domain.errors import RuleFileError, Wrong
from repurchase.domain.quantities import written
from repurchase.intake.dates import Printed, day_reader, moment_reader
from repurchase.intake.draft.answers import Answers
from repurchase.intake.draft.draft import draft
from repurchase.intake.draft.patterns import patterns
from repurchase.intake.draft.questions import Known
from repurchase.intake.draft.rows import decoded, separated, table_of
from repurchase.intake.months import MONTHS, WEEKDAYS
from repurchase.intake.printed import Typed
from repurchase.report.mappings import mapping_text
from repurchase.rulebook.mapping_file import check_draft, read_mapping_text
from test_cli import run
from test_mapping import PATTERNS, STYLES, TRADES, grouped, paid, printed_day, read, refused
from test_workbooks import Cell, number, workbook

# -- days and times -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("pattern", "language", "text", "day"),
    [
        ("EEE d MMM yyyy", "en", "Mon 2 Mar 2020", "2020-03-02"),
        ("EEEE, MMMM d, yyyy", "en", "Monday, March 2, 2020", "2020-03-02"),
        ("EEE, dd.MM.yyyy", "de", "Mo., 02.03.2020", "2020-03-02"),
        ("yyyy年M月d日(E)", "en", "2020年3月2日(月)", "2020-03-02"),
        ("Gy年M月d日", "en", "令和\uff16年4月1日", "2024-04-01"),
        ("Gy年M月d日", "en", "令和元年5月1日", "2019-05-01"),
        ("d. MMMM yyyy", "de", "4. März 2020", "2020-03-04"),
        ("d MMMM yyyy", "pl", "4 marca 2020", "2020-03-04"),
        ("d MMMM yyyy", "fr", "1er mars 2020", "2020-03-01"),
        ("MMMM d, yyyy", "en", "March 2nd, 2020", "2020-03-02"),
    ],
)
def test_day_of_each_country_is_read(pattern: str, language: str, text: str, day: str) -> None:
    """With weekdays, eras and ordinal numbers."""
    assert day_reader(Printed(pattern, language))(text) == day


@pytest.mark.parametrize(
    ("pattern", "text", "said"),
    [
        ("EEE d MMM yyyy", "Tue 2 Mar 2020", "2020-03-02 is a Monday"),
        ("EEE d MMM yyyy", "Lun 2 Mar 2020", "`Lun` is not a weekday in `en`"),
        ("Gy年M月d日", "令和6年13月1日", "no day that exists"),
        ("Gy年M月d日", "令和0年4月1日", "no day that exists"),
    ],
)
def test_weekday_of_another_day_is_refused(pattern: str, text: str, said: str) -> None:
    """The day and its weekday contradict each other: one of the two is wrong."""
    with pytest.raises(Wrong, match=said):
        day_reader(Printed(pattern))(text)


@pytest.mark.parametrize("names", WEEKDAYS.values())
def test_weekday_is_known_in_words_of_each_language(names: dict[str, int]) -> None:
    """Three letters tell seven days apart."""
    assert sorted({*names.values()}) == [*range(1, 8)]
    assert {number for name, number in names.items() if len(name) == 3} == {*range(1, 8)}


ZONED: Final = {"CET": "Europe/Paris", "CEST": "Europe/Paris"}


@pytest.mark.parametrize(
    ("pattern", "text", "moment"),
    [
        ("yyyy-MM-dd'T'HH:mm:ss[.S]X", "2024-03-04T10:15:30.12Z", "2024-03-04T10:15:30.12+00:00"),
        ("yyyy-MM-dd'T'HH:mm:ss[.S]X", "2024-03-04T10:15:30Z", "2024-03-04T10:15:30+00:00"),
        ("yyyy-MM-dd'T'HH:mm:ss,SX", "2020-03-04T10:15:30,123+01", "2020-03-04T10:15:30.123+01:00"),
        ("dd/MM/yyyy HH:mm X", "04/03/2020 10:15 -0530", "2020-03-04T10:15:00-05:30"),
        ("d/M/yy h:mm a", "4/3/20 10:30 PM", "2020-03-04T22:30:00+09:00"),
        ("d/M/yy h:mm a", "4/3/20 12:30 am", "2020-03-04T00:30:00+09:00"),
        ("dd.MM.yyyy HH:mm z", "27.03.2020 16:29 CET", "2020-03-27T16:29:00+01:00"),
        ("dd.MM.yyyy HH:mm z", "30.03.2020 16:29 CEST", "2020-03-30T16:29:00+02:00"),
        ("dd.MM.yyyy HH:mm z", "25.10.2020 02:30 CEST", "2020-10-25T02:30:00+02:00"),
        ("dd.MM.yyyy HH:mm z", "25.10.2020 02:30 CET", "2020-10-25T02:30:00+01:00"),
        ("dd.MM.yyyy HH:mm z", "30.03.2020 16:29 Europe/London", "2020-03-30T16:29:00+01:00"),
        ("epoch", "1709547330", "2024-03-04T10:15:30+00:00"),
        ("epoch-ms", "1709547330123", "2024-03-04T10:15:30.123+00:00"),
    ],
)
def test_time_with_its_offset_or_zone_is_that_moment(pattern: str, text: str, moment: str) -> None:
    """A word for the zone also tells the two moments apart that a clock shows alike."""
    clock = ZoneInfo("Asia/Tokyo") if "a" in pattern else None
    assert moment_reader(Printed(pattern, zones=ZONED), lambda: clock)(text) == moment


@pytest.mark.parametrize(
    ("pattern", "text", "said"),
    [
        ("dd.MM.yyyy HH:mm z", "30.03.2020 16:29 CET", "shows CEST then"),
        ("dd.MM.yyyy HH:mm z", "30.03.2020 16:29 IST", "does not say which clock `IST` is"),
        ("dd.MM.yyyy HH:mm z", "29.03.2020 02:30 CET", "skips that day"),
        ("dd.MM.yyyy HH:mm[X]", "30.03.2020 16:29", "says no offset"),
        ("epoch-ms", "1709547330", "not written as `epoch-ms`"),
        ("epoch", "1709547330123", "not written as `epoch`"),
    ],
)
def test_time_whose_clock_is_not_known_is_refused(pattern: str, text: str, said: str) -> None:
    """An hour more or less may be another day."""
    with pytest.raises(Wrong, match=said):
        moment_reader(Printed(pattern, zones=ZONED), lambda: None)(text)


@pytest.mark.parametrize(
    ("mapping", "said"),
    [
        ("columns: {time: {column: a, pattern: 'dd.MM.yyyy HH:mm X', zone: UTC}}", "keep one"),
        ("columns: {time: {column: a, pattern: 'dd.MM.yyyy HH:mm X z'}}", "an offset and a zone"),
        ("columns: {time: {column: a, pattern: 'dd.MM.yyyy [HH:mm', zone: UTC}}", "bracket"),
        ("authorization: x\ncolumns: {date: a}", "this is a rule file, not a mapping"),
    ],
)
def test_fault_of_a_mapping_is_told(mapping: str, said: str) -> None:
    """In one sentence."""
    assert said in refused(f"mapping: 1\n{mapping}\n")


# -- which rows are trades ------------------------------------------------------------------------

BASE: Final = """\
mapping: 1
columns: {date: d, quantity: q}
dates: {pattern: yyyy-MM-dd}
set: {symbol: X, side: buy}
"""


def test_row_is_read_or_skipped_by_what_a_column_says() -> None:
    """A text that is not listed is an error: it may be another word for cancelled."""
    rows = "rows: {words: {State: {Filled: read, Cancelled: skip}}}\n"
    lines = ["d,q,state", "2020-01-02,5,FILLED", "2020-01-02,6,cancelled"]
    events, wrong, _ = read("\n".join(lines), BASE + rows)
    assert ([one.quantity for one in events], wrong) == ([5], [])
    _, wrong, _ = read("\n".join([*lines, "2020-01-02,6,Busted"]), BASE + rows)
    assert wrong == ["the row has `Busted`, which `words` under `rows` does not list"]


@pytest.mark.parametrize(("name", "count"), [("TotalEnergies", 2), ("Total", 1), ("Total SE", 1)])
def test_total_row_begins_with_whole_words(name: str, count: int) -> None:
    """The name of a company that only begins alike is no total."""
    lines = ["n,d,q", f"{name},2020-01-02,5", "Other,2020-01-02,6", "Total,,11"]
    mapping = f"{BASE}ignore: [n]\nrows: {{totals: [{{row: total}}]}}\n"
    events, _, differences = read("\n".join(lines), mapping)
    assert (len(events), bool(differences)) == (count, count == 1)


def test_two_signs_of_an_apostrophe_group_digits_alike() -> None:
    """A file of Switzerland may have both."""
    lines = ["d,q", "2020-01-02,1'234", "2020-01-02,1\u2019234"]
    events, wrong, _ = read("\n".join(lines), BASE + 'numbers: {thousands: "\'"}\n')
    assert ([one.quantity for one in events], wrong) == ([1234, 1234], [])


# -- files of each kind ---------------------------------------------------------------------------

BUY: Final = {"set.side": "buy", "set.symbol": "X"}


class Kind(NamedTuple):
    """A file of one kind: its lines, its answers beside BUY, and its shares, money and trades."""

    lines: str
    answers: dict[str, Any]
    shares: int
    money: str
    trades: int
    encoding: str = "utf-8"


KINDS: Final = {
    "London, in pence": Kind(
        """\
Transaction in Own Shares,,,,
Date of purchase,Number of shares purchased,Highest price (GBp),Average price (GBp),Trading venue
2 March 2020,"12,345",742.50,735.20,XLON
2 March 2020,"1,655",742.00,736.00,BATE
Total,"14,000",,,
""",
        {"columns.price.unit": "pence", "ignore": ["Highest price (GBp)"]},
        14_000,
        "102941.24",
        2,
    ),
    "Paris, with a total that has no name": Kind(
        """\
Émetteur;LEI;Jour de la transaction;Volume (en nombre d'actions);Prix moyen des actions;Marché
TOTALENERGIES SE;5299;04/03/2024;412 345;59,8123;XPAR
TOTALENERGIES SE;5299;15/03/2024;150 000;59,8011;AQEU
;;;562 345;;
""",
        {"ignore": ["Émetteur", "LEI"]},
        562_345,
        "33633467.8435",
        2,
        "cp1252",
    ),
    "a company called Total": Kind(
        """\
Issuer;Date;Shares;Price
TOTAL SE;2024-03-04;1000;60
TOTAL SE;2024-03-05;2000;61
""",
        {"ignore": ["Issuer"]},
        3_000,
        "182000",
        2,
    ),
    "Frankfurt": Kind(
        """\
Handelstag;Volumen (Stück);Kurs (EUR);Börse
04.03.2024;1.234;45,67;Xetra
05.03.2024;2.000;46,00;Tradegate
Gesamt;3.234;;
""",
        {"columns.venue.words": {"Xetra": "XETR", "Tradegate": "XGAT"}},
        3_234,
        "148356.78",
        2,
    ),
    "Milan": Kind(
        """\
Data;Numero azioni ordinarie acquistate;Prezzo medio (Euro);Controvalore (Euro)
4 marzo 2024;10.000;3,5512;35.512,00
5 marzo 2024;12.500;3,5600;44.500,00
Totale;22.500;3,5561;80.012,00
""",
        {},
        22_500,
        "80012",
        2,
    ),
    "Madrid": Kind(
        """\
Fecha;Valor;Operación;Centro de negociación;Número de acciones;Precio medio (€)
04/03/2024;TEF;Compra;XMAD;120.000;3,8450
15/03/2024;TEF;Compra;CEUX;80.000;3,8500
TOTAL;;;;200.000;
""",
        {"columns.symbol": "Valor"},
        200_000,
        "769400",
        2,
    ),
    "Amsterdam": Kind(
        """\
Datum;Aantal ingekochte aandelen;Gemiddelde prijs (€);Totaalbedrag (€)
4 mrt 2024;55.000;12,345;678.975,00
5 maart 2024;45.000;12,400;558.000,00
Totaal;100.000;12,370;1.236.975,00
""",
        {},
        100_000,
        "1236975",
        2,
    ),
    "Helsinki": Kind(
        """\
Päivämäärä;Osakemäärä, kpl;Keskihinta, EUR;Kokonaishinta, EUR
4.3.2024;10 000;21,5000;215 000,00
15.3.2024;11 000;21,6000;237 600,00
Yhteensä;21 000;;452 600,00
""",
        {},
        21_000,
        "452600",
        2,
    ),
    "Copenhagen, with an opening balance": Kind(
        """\
Dato;Antal aktier;Gennemsnitlig købspris (DKK);Transaktionsværdi (DKK)
Akkumuleret, seneste meddelelse;1.000.000;150,00;150.000.000
4. marts 2024;5.000;151,20;756.000
5. marts 2024;5.000;152,00;760.000
Akkumuleret i alt;1.010.000;150,02;151.516.000
""",
        {},
        10_000,
        "1516000",
        2,
    ),
    "Warsaw": Kind(
        "Data;Liczba akcji;Cena;Wartość\n4 marca 2024;1 000;45,60;45 600,00\n",
        {},
        1_000,
        "45600",
        1,
    ),
    "Zurich, with two apostrophes": Kind(
        "Datum;Anzahl Aktien;Kurs in CHF\n04.03.2024;12\u2019500;95.20\n15.03.2024;10'000;95.50\n",
        {},
        22_500,
        "2145000",
        2,
    ),
    "Tokyo, with eras and wide digits": Kind(
        """\
取得日,株数,取得価額の総額
令和6年4月1日,"\uff11\uff11\uff15,700","566,949,400円"
令和6年4月2日,"116,400","568,889,000円"
計,"232,100","1,135,838,400円"
""",
        {},
        232_100,
        "1135838400",
        2,
        "cp932",
    ),
    "New York, by day": Kind(
        """\
Trade Date,ADSs Repurchased,Average Price per ADS (US$),Total Cost (US$)
"March 4, 2024","10,000",$75.20,"$752,000.00"
"March 5, 2024","12,000",$76.00,"$912,000.00"
""",
        {},
        22_000,
        "1664000",
        2,
    ),
    "a custodian's three dates": Kind(
        """\
Trade Date,Settle Date,Value Date,B/S,Shares,Price,Amount
13/04/2024,15/04/2024,15/04/2024,B,1000,7.35,7350.00
14/04/2024,16/04/2024,16/04/2024,B,2000,7.40,14800.00
""",
        {"columns.date": "Trade Date", "ignore": ["Settle Date", "Value Date"]},
        3_000,
        "22150",
        2,
    ),
    "a broker's fills": Kind(
        """\
Status,Side,Amount,Filled,Avg Price,Ticker,Broker,Fill Time,Fill Date,Limit Price
Filled,BUY,5000,2000,735.2,X,GSCO,10:15:30.123,2024-03-04,740
Filled,BUY,5000,3000,735.4,X,GSCO,10:16:31.001,2024-03-04,740
""",
        {"columns.time.zone": "Europe/London", "ignore": ["Status", "Amount", "Limit Price"]},
        5_000,
        "3676600",
        2,
    ),
    "a statement in sections": Kind(
        """\
Statement,Header,Field Name,Field Value
Statement,Data,BrokerName,Some Broker
Trades,Header,Kind,Currency,Symbol,Date/Time,Quantity,T. Price,Proceeds
Trades,Data,Order,USD,X,"2021-10-05, 10:46:40",13,74.06,-962.78
Trades,Data,Order,USD,X,"2021-10-05, 10:47:40",100,74.10,-7410
Trades,SubTotal,,USD,X,,113,,-8372.78
Fees,Header,Subtitle
""",
        {"columns.time.zone": "America/New_York", "ignore": ["Kind", "Currency", "Proceeds"]},
        113,
        "8372.78",
        2,
    ),
    "offsets, with and without fractions": Kind(
        """\
trade_time,qty,px,venue
2024-03-04T10:15:30.123456Z,100,7.35,XLON
2024-03-04T10:15:31Z,200,7.36,XLON
2024-03-04T11:15:32.5+01:00,350,7.36,XLON
""",
        {},
        650,
        "4783",
        3,
    ),
    "milliseconds since 1970": Kind(
        "timestamp,quantity,price\n1709547330123,100,7.35\n1709547331123,200,7.36\n",
        {},
        300,
        "2207",
        2,
    ),
    "halves of the day": Kind(
        "Date/Time,Shares,Price\n03/14/2024 10:30 PM,100,50.1\n03/14/2024 12:30 AM,100,50.1\n",
        {"columns.time.zone": "America/New_York"},
        200,
        "10020",
        2,
    ),
    "compact days and times": Kind(
        "DATE;TIME;QTY;PX\n20200304;93015;100;7.35\n20200304;101531;200;7.36\n",
        {"columns.time.zone": "Europe/London"},
        300,
        "2207",
        2,
    ),
    "dots in times": Kind(
        "Dato;Tid;Antal;Kurs\n04.03.2024;10.30.15;100;151,5\n15.03.2024;10.30.16;200;151,6\n",
        {"columns.time.zone": "Europe/Copenhagen"},
        300,
        "45470",
        2,
    ),
    "a zone in a column": Kind(
        """\
Date,Time,Time zone,Shares,Price
27/03/2020,16:29:55,CET,100,7.35
30/03/2020,16:29:55,CEST,200,7.36
""",
        {"columns.time.zones": {"CET": "Europe/Paris", "CEST": "Europe/Paris"}},
        300,
        "2207",
        2,
    ),
    "weekdays": Kind(
        "Date,Shares,Price\nMon 2 Mar 2020,100,7.35\nTue 3 Mar 2020,200,7.36\n",
        {},
        300,
        "2207",
        2,
    ),
    "two bytes a letter, without a mark": Kind(
        "Date\tShares\tPrice\r\n2020-03-02\t100\t7.35\r\n2020-03-03\t200\t7.36\r\n",
        {},
        300,
        "2207",
        2,
        "utf-16-le",
    ),
    "names over two lines and two rows": Kind(
        """\
Date,Volume,,"Price
(EUR)",
,Number,Percent,Average,Highest
2020-03-02,100,1.5,7.35,7.40
2020-03-03,200,2.5,7.36,7.42
""",
        {"ignore": ["Percent", "Highest"]},
        300,
        "2207",
        2,
    ),
    "titles and a footnote": Kind(
        """\
Some company
Programme

Weekly report
Date,Shares,Price
2020-03-02,100,7.35
2020-03-03,200,7.36
* In pounds
""",
        {"rows.lone": "skip"},
        300,
        "2207",
        2,
    ),
    "subtotals by day, and merged days": Kind(
        """\
Date,Venue,Shares,Price
02/03/2020,XLON,100,7.35
,CHIX,50,7.35
02/03/2020 Total,,150,
13/03/2020,XLON,200,7.36
13/03/2020 Total,,200,
""",
        {"rows.filled_down": ["Date"]},
        350,
        "2574.5",
        3,
    ),
    "cancelled rows": Kind(
        """\
Date,Shares,Price,Status
2020-03-02,100,7.35,Filled
2020-03-02,900,7.35,Cancelled
2020-03-03,200,7.36,Filled
""",
        {"rows.words.Status": {"Filled": "read", "Cancelled": "skip"}},
        300,
        "2207",
        2,
    ),
    "two classes": Kind(
        "Date,Share class,Shares,Price\n2020-03-02,A,100,7.35\n2020-03-02,B,100,7.25\n",
        {"columns.symbol": {"column": "Share class", "words": {"A": "RDSA", "B": "RDSB"}}},
        200,
        "1460",
        2,
    ),
    "prices in a part of the currency": Kind(
        "Date,Shares,Price,Currency\n2020-03-02,100,735,GBX\n2020-03-03,200,736,GBX\n",
        {"columns.price.unit": "pence", "ignore": ["Currency"]},
        300,
        "2207",
        2,
    ),
    "no names at all": Kind(
        "2020-03-02;100;7,35\n2020-03-03;200;7,36\n",
        {"columns.quantity": 2, "columns.price": 3},
        300,
        "2207",
        2,
    ),
    "a form for each company": Kind(
        """\
Daily notice,Before previous day,Previous day
Some Company Limited 18-Sep-19,,
3 Number of shares bought back,"23,606,160","360,482"
4 Total consideration paid for the shares,"A$274,604,281.66","A$4,051,132.76"
5 Highest price paid:,$13.0000,$11.2900
Another Company 9/11/20,,
3 Number of shares bought back,"16,333,239","814,767"
4 Total consideration paid for the shares,"A$28,726,972.59","A$1,434,804.69"
""",
        {
            "rows.select": "Some Company",
            "rows.opening": "Before previous day",
            "columns.date": {"title": "Some Company Limited {}", "pattern": "d-MMM-yy"},
            "ignore": ["Daily notice", "5 Highest price paid:"],
        },
        360_482,
        "4051132.76",
        1,
    ),
    "a form of names and values": Kind(
        """\
Date of purchase:,17 July 2023
Number of ordinary shares purchased:,"20,000"
Highest price paid per share:,163.20 pence
Average price paid per share (pence):,162.50
""",
        {"columns.price.unit": "pence", "ignore": ["Highest price paid per share:"]},
        20_000,
        "32500",
        1,
    ),
    "a day in a sentence above, and times": Kind(
        """\
"The Company announces that on 16 January 2020 it purchased 300 shares, for cancellation.",,
Number of shares,Price (pence),Time of transaction
100,735,16:23:24
200,736,8:01:02
""",
        {"columns.price.unit": "pence", "columns.time.zone": "Europe/London"},
        300,
        "2207",
        2,
    ),
    "a day of the announcement, and of the trades": Kind(
        """\
London 17 January 2020,
Date of purchase:,16 January 2020
Number of shares,Price
100,7.35
200,7.36
""",
        {"columns.date": {"title": "Date of purchase: {}", "pattern": "d MMM yyyy"}},
        300,
        "2207",
        2,
    ),
    "days without a year": Kind(
        """\
Återköp av egna aktier vecka 10 2024;;
Datum;Antal;Kurs
4 mars;1 000;101,50
5 mars;2 000;102,00
""",
        {"columns.date.year": 2024},
        3_000,
        "305500",
        2,
    ),
    "times twice, and a reference": Kind(
        """\
Date de transaction;Heure (UTC);Quantité;Prix unitaire;Code MIC;Référence
2024-03-04T09:00:12Z;09:00:12;120;59,81;XPAR;A1
2024-03-04T09:00:15Z;09:00:15;80;59,82;XPAR;A2
""",
        {"ignore": ["Heure (UTC)"]},
        200,
        "11962.8",
        2,
    ),
    "numbers of days": Kind(
        "Date;Shares;Price\n43892;100;7.35\n43893;200;7.36\n",
        {"columns.date.pattern": "serial"},
        300,
        "2207",
        2,
    ),
}


def drafted(kind: Kind, answers: dict[str, Any]) -> tuple[bytes, str, set[str]]:
    """Return the content of a file, its drafted mapping, and the keys that are open."""
    data = kind.lines.encode(kind.encoding)
    encoding, text = decoded(data)
    separator, rows = separated(text)
    said = {"encoding": encoding, "separator": separator}
    found = draft(rows, said, Known(), Answers(answers))
    open_ = {one.key for one in found.questions}
    return data, mapping_text(found.values, found.questions), open_


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_file_of_each_kind_loads_by_answers(kind: Kind) -> None:
    """Nothing is edited by hand; each answer is to a question, and none is left open."""
    answers = kind.answers | BUY
    _, first, open_ = drafted(kind, {})
    with pytest.raises(RuleFileError, match="this question is open"):
        read_mapping_text(first.encode(), "m.yaml")
    # Some questions come up once others are answered.
    later = {"ignore", "columns.symbol", "rows.opening"}
    later |= {"columns.date"} if "rows.select" in kind.answers else set()
    assert kind.answers.keys() - later <= open_
    symbolic = {"columns.symbol"} & answers.keys()
    answers = {key: of for key, of in answers.items() if key != "set.symbol" or not symbolic}
    is_named = {key for key in ("set.side", "set.symbol") if key not in open_}
    answers = {key: of for key, of in answers.items() if key not in is_named}
    data, mapping, open_ = drafted(kind, answers)
    assert open_ == set()
    events, wrong, differences = read(data, mapping)
    trades = [one for one in events if one.kind == "fill"]
    assert (wrong, differences) == ([], ())
    money = sum(paid(one) for one in trades)
    found = (sum(one.quantity or 0 for one in trades), written(money))
    assert (*found, len(trades)) == (kind.shares, kind.money, kind.trades)


# -- what the file does not settle ----------------------------------------------------------------


def asked(lines: str, known: Known | None = None, **answers: Any) -> dict[str, tuple[str, ...]]:
    """Return the candidates of each question about *lines*; in a key, `__` is a point."""
    _, rows = separated(lines)
    given = Answers({key.replace("__", "."): of for key, of in answers.items()})
    found = draft(rows, {}, known or Known(), given)
    return {one.key: one.candidates for one in found.questions}


RULED: Final = Known(("X",), ("Europe/London",), venues=("XLON", "CHIX"), part="pence")


@pytest.mark.parametrize(
    ("lines", "key", "candidates"),
    [
        (
            "Trade Date,Settlement Date,Shares\n2020-03-02,2020-03-04,100\n",
            "columns.date",
            ('"Trade Date"', '"Settlement Date"'),
        ),
        ("Date,Ref,Shares\n2020-03-02,A,1\n2020-03-03,A,2\n", "ignore", ('["Ref"]',)),
        ("Date,Shares,Proceeds\n2020-03-02,9,-9\n", "ignore", ('["Proceeds"]',)),
        ("Date,A,B\n2020-03-02,1,2\n", "columns.quantity", ('"A"', '"B"')),
        ("Date,Shares,B\n2020-03-02,1,2\n", "columns.price", ('"B"',)),
        ("Date,ISIN,Shares\n2020-03-02,GB1,1\n2020-03-02,GB2,1\n", "columns.symbol", ()),
        (
            "Date,Shares,Price,Amount\n2020-03-02,1000,735,7350\n",
            "columns.price.unit",
            ("pence", "one"),
        ),
        ("Date,Shares,Price,Amount\n2020-03-02,1000,7,9\n", "columns.amount", ('"Amount"',)),
        ("Date;Shares;Price\n2020-03-02;100;1\n;200;1\n", "rows.filled_down", ('["Date"]',)),
        ("Date,Shares,State\n2020-03-02,1,X\n2020-03-03,2,Y\n", "rows.words.State", ()),
        ("Day,Shares\n43892,100\n", "columns.date.pattern", ('"serial"',)),
        (
            "Day;Shares;Price\n2020-03-02;1,234;7,3\n",
            "columns.quantity.unit",
            ("thousands", "one"),
        ),
        (
            "Day;Shares;Price\n2020-03-02;1,000;7,3\n",
            "columns.quantity.unit",
            ("thousands", "one"),
        ),
        ("Day,Shares,\n2020-03-02,100,CANCELLED\n", "ignore", ("[3]",)),
        ("Day,Shares,Price\n2020-03-02,100,1\n2020-03-03,0,-\n", "numbers.none", ('["-", "0"]',)),
        (
            "Day,Shares,Price\n2020-03-02,9,1\n2020-03-03,TBC,TBC\n" + "2020-03-04,8,1\n" * 5,
            "numbers.none",
            ('["TBC"]',),
        ),
        ("Month,Shares\nJanuary 2024,100\n", "columns.date", ()),
        (
            "Date and time,Shares\n2020-03-02 10:00 CET,1\n",
            "columns.time.zones",
            ('{"CET": "Europe/Paris"}',),
        ),
    ],
)
def test_what_may_be_misread_is_a_question(
    lines: str, key: str, candidates: tuple[str, ...]
) -> None:
    """With the candidates that fit, and none that would be wrong."""
    assert asked(lines)[key] == candidates


@pytest.mark.parametrize(
    ("price", "known", "candidates"),
    [
        ("Price", RULED, ("one", "pence")),
        ("Price (GBp)", RULED, ("pence", "one")),
        ("Price (GBP)", RULED, None),
        ("Price", Known(("X",), in_hundredths=True), ("one", "hundreds")),
        ("Price (GBp)", Known(("X",), in_hundredths=True), None),
        ("Price", Known(("X",)), None),
    ],
)
def test_unit_of_prices_is_asked_if_the_rule_file_may_have_another(
    price: str, known: Known, candidates: tuple[str, ...] | None
) -> None:
    """A hundredth of what was paid, or a hundred times as much, would pass any cap on money."""
    found = asked(f"Date,Shares,{price}\n2020-03-02,100,735\n", known)
    assert found.get("columns.price.unit") == candidates


def test_prices_are_divided_once_alone() -> None:
    """If the rule file has pence, too, an answer that divides them is refused."""
    lines = "Date,Shares,Price (GBp)\n2020-03-02,100,735\n"
    known = Known(("X",), in_hundredths=True)
    with pytest.raises(Wrong, match="divided, they would be a hundredth"):
        asked(lines, known, columns__price__unit="pence")


def test_column_without_a_name_is_read_or_empty() -> None:
    """What stands there may say that a trade was cancelled."""
    _, wrong, _ = read("d,q,\n2020-03-02,100,CANCELLED\n", BASE)
    assert wrong == ["the row has `CANCELLED` in column 3, which is not read"]
    events, wrong, _ = read("d,q,\n2020-03-02,100, \n", BASE)
    assert (len(events), wrong) == (1, [])
    events, wrong, _ = read("d,q,\n2020-03-02,100,CANCELLED\n", BASE + "ignore: [3]\n")
    assert (len(events), wrong) == (1, [])


def test_venue_that_the_program_needs_is_asked() -> None:
    """With the venues of the rule file."""
    assert asked("Date,Shares\n2020-03-02,100\n", RULED)["set.venue"] == ("XLON", "CHIX")
    assert "set.venue" not in asked("Date,MIC,Shares\n2020-03-02,XLON,100\n", RULED)
    assert "set.venue" not in asked("Date,Shares\n2020-03-02,100\n", Known(venues=("XLON",)))


def test_word_of_a_symbol_is_asked_if_the_rule_file_has_another() -> None:
    """The broker's name for the instrument is not the issuer's."""
    lines = "Date,Ticker,Shares\n2020-03-02,X LN Equity,100\n"
    assert "columns.symbol.words" in asked(lines, RULED)
    assert "columns.symbol.words" not in asked(lines.replace("X LN Equity", "X"), RULED)


def test_answer_is_taken_as_known_and_the_rest_is_drafted_from_it() -> None:
    """The unit and the style are those of the column that the answer names."""
    lines = "Date;Shares;Kurs;Kurs (GBp)\n2020-03-02;100;7;735,5\n"
    assert {"columns.price"} <= asked(lines).keys()
    found = asked(lines, None, columns__price="Kurs (GBp)")
    assert "columns.price" not in found
    assert found["columns.price.unit"] == ("pence", "one")
    with pytest.raises(Wrong, match="has no columns `Kurz`"):
        asked(lines, None, columns__price="Kurz")


@pytest.mark.parametrize(
    ("text", "pattern", "language"),
    [
        ("Di 09.01.2001", "EEE dd.MM.yyyy", "de"),
        ("Di 07.01.2001", "EEE dd.MM.yyyy", "fr"),
        ("Wed 04/03/2020", "EEE dd/MM/yyyy", "en"),
        ("Fri 04/03/2020", "EEE MM/dd/yyyy", "en"),
        ("20101011", "yyyyMMdd", "en"),
    ],
)
def test_only_reading_is_the_pattern(text: str, pattern: str, language: str) -> None:
    """One language or order has this weekday on this day, or this year in our time."""
    (found,) = patterns([text])
    assert (found.pattern, found.language) == (pattern, language)


@pytest.mark.parametrize(
    ("text", "readings"),
    [
        ("03-04-20", {"dd-MM-yy", "MM-dd-yy", "yy-MM-dd"}),
        ("20/04/03", {"dd/MM/yy", "yy/MM/dd"}),
        ("20.04.03", {"dd.MM.yy", "yy.MM.dd"}),
        ("03042020", {"ddMMyyyy", "MMddyyyy"}),
        ("20-04-99", {"dd-MM-yy"}),
    ],
)
def test_day_in_digits_has_each_order_as_a_reading(text: str, readings: set[str]) -> None:
    """The United States write the month first, and Japan the year."""
    assert {one.pattern for one in patterns([text])} == readings


@pytest.mark.parametrize(
    ("texts", "candidates"),
    [
        (("Filled", "Cancelled"), ('{"Filled": "read", "Cancelled": "skip"}',)),
        (("NEWT", "CANC"), ()),
        (("New", "Cancel"), ('{"New": "read", "Cancel": "skip"}',)),
        (("New", "Fill"), ()),
        (("Fill", "Partially filled, rest cancelled"), ()),
        (("Filled", "Unfilled"), ()),
        (("Not cancelled", "Cancelled"), ()),
        (("Order", "Trade"), ()),
    ],
)
def test_state_that_may_mean_either_has_no_candidate(
    texts: tuple[str, str], candidates: tuple[str, ...]
) -> None:
    """A new order is not a purchase, and what was filled before a cancel is one."""
    rows = "".join(f'2020-03-02,{at},"{text}"\n' for at, text in enumerate(texts, 1))
    assert asked(f"Date,Shares,State\n{rows}")["rows.words.State"] == candidates


def test_total_that_another_column_names_is_asked() -> None:
    """Its row begins with a day, as a trade does; read as one, it counts its trades twice."""
    lines = """\
Date,Broker,Shares,Price
2020-03-02,GSCO,100,7
2020-03-02,Total,100,7
2020-03-13,MSCO,200,7
2020-03-13,Total,200,7
"""
    form = {"GSCO": "read", "Total": "skip", "MSCO": "read"}
    (what,) = [
        one.what
        for one in draft(separated(lines)[1], {}, Known()).questions
        if one.key == "rows.words.Broker"
    ]
    assert '{"GSCO": "?", "Total": "skip", "MSCO": "?"}' in what
    kind = Kind(lines, {}, 0, "0", 0)
    data, mapping, open_ = drafted(kind, BUY | {"rows.words.Broker": form})
    assert open_ == set()
    events, wrong, differences = read(data, mapping)
    assert ([one.quantity for one in events], wrong, differences) == ([100, 200], [], ())


def test_row_that_an_answer_skips_is_not_part_of_a_total() -> None:
    """The total is that of the rows that are read."""
    lines = "Date,Shares,Note\n2020-03-02,5,a\n2020-03-02,900,b\n2020-03-13,6,a\nTotal,11,\n"
    assert "rows.totals.Total.of" in asked(lines)
    assert "rows.totals.Total.of" not in asked(
        lines, rows__words={"Note": {"a": "read", "b": "skip"}}
    )


@pytest.mark.parametrize(
    ("answers", "path", "said"),
    [
        ({"rows.totals.v. Total.of": "program"}, ("rows", "totals", 1, "of"), "program"),
        ({"rows.totals.Sum.without": ["price"]}, ("rows", "totals", 2, "without"), ["price"]),
        ({"columns.price": {"unit": "pence"}}, ("columns", "price", "column"), "Kurs (GBp)"),
        ({"columns.price": {"column": 4}}, ("columns", "price", "column"), 4),
        ({"columns.price": {"unit": "pence"}, "columns.price.column": 3}, ("columns", "price"), 3),
    ],
)
def test_answer_is_put_beside_what_is_drafted(
    answers: dict[str, Any], path: tuple[str | int, ...], said: object
) -> None:
    """A part of a value replaces that part, and a column the column alone."""
    lines = "Date,Shares,Kurs (GBp),Note\n2020-03-13,10,7,8\nTotal,15,,\nv. Total,10,,\n"
    found: Any = draft(separated(lines)[1], {}, Known(), Answers(answers)).values
    for name in path:
        found = found[name]
    assert found == ({"column": said, "unit": "pence"} if said == 3 else said)


def test_usual_sign_for_no_number_is_not_a_question() -> None:
    """A dash, or the words that mean the same in each file."""
    for sign in ("-", "N/A", "nil", "\u2013"):
        lines = f"Day,Shares,Price\n2020-03-02,9,1\n2020-03-03,{sign},{sign}\n"
        assert "numbers.none" not in asked(lines)


def test_table_of_what_was_bought_before_asks_which_row_is_it() -> None:
    """If all rows sound like an opening balance, one of them may be, or none."""
    lines = "Day,Shares\nPrevious day,100\nBefore previous day,500\n"
    assert asked(lines)["rows.opening"] == ('"Previous day"', '"Before previous day"')
    assert "rows.opening" not in asked(lines, rows__opening="none")


@pytest.mark.parametrize(
    ("titles", "is_asked"),
    [
        (["London 17 January 2020"], True),
        (["Purchases on 17 January 2020"], False),
        (["Announcement of 17 January 2020", "Trades of 16 January 2020"], True),
    ],
)
def test_day_of_a_title_that_does_not_speak_of_trades_is_asked(
    titles: list[str], is_asked: bool
) -> None:
    """It may be the day of the announcement."""
    lines = "\n".join([*titles, "Shares,Price", "100,7"])
    assert ("columns.date" in asked(lines)) == is_asked
    answer = {"title": titles[-1].replace("17 January 2020", "{}"), "pattern": "d MMMM yyyy"}
    assert "columns.date" not in asked(lines, columns__date=answer)


def test_opening_balance_with_a_day_may_be_a_trade() -> None:
    """The name of a broker may sound like one; an opening balance is not checked by rules."""
    lines = """\
Broker,Date,Shares,Price
Prior Securities,2020-03-02,100,7
GSCO,2020-03-13,200,7
"""
    assert asked(lines)["rows.opening"] == ('"Prior Securities"',)
    kind = Kind(lines, {}, 0, "0", 0)
    data, mapping, open_ = drafted(kind, BUY | {"rows.opening": "none"})
    assert open_ == set()
    assert [one.quantity for one in read(data, mapping)[0]] == [100, 200]
    data, mapping, open_ = drafted(kind, BUY | {"rows.opening": "Prior Securities"})
    assert open_ == set()
    assert 'opening: "Prior Securities"' in mapping


@pytest.mark.parametrize(
    ("head", "row", "key"),
    [
        ("Price (USD)", "7", "columns.price"),
        ("Price (US$)", "7", "columns.price"),
        ("Price (EUR)", "7", None),
        ("Kurs in €", "7", None),
        ("Price", "7", None),
        ("Price,Currency", "7,USD", "columns.price"),
        ("Price,Currency", "7,EUR", None),
        ("Price (EUR),Amount (USD)", "7,700", None),
        ("Amount (USD)", "700", "columns.amount"),
        ("Price (GBp)", "7", "columns.price"),
    ],
)
def test_price_in_another_currency_than_the_rule_file_is_asked(
    head: str, row: str, key: str | None
) -> None:
    """Dollars that are read as euros would keep to a cap that the program exceeds."""
    known = Known(("X",), currencies=("EUR",))
    found = asked(f"Date,Shares,{head}\n2020-03-02,100,{row}\n", known)
    assert found.keys() & {"columns.price", "columns.amount"} == ({key} if key else set())
    answers = {"columns__price": "Price (USD)"}
    lines = "Date,Shares,Price (USD)\n2020-03-02,100,7\n"
    assert "columns.price" not in asked(lines, known, **answers)


def test_columns_that_an_open_question_is_about_are_not_to_be_ignored() -> None:
    """Both answers together would contradict each other."""
    lines = "Date,Value Date,Shares,Amount,Net amount,Note\n2020-03-02,2020-03-04,1,2,2,x\n"
    found = asked(lines)
    assert found["columns.amount"] == ('"Amount"', '"Net amount"')
    assert found["ignore"] == ('["Note"]',)
    answers = {"columns__date": "Date", "columns__amount": "Amount"}
    assert asked(lines, None, **answers)["ignore"] == ('["Value Date", "Net amount", "Note"]',)
    # A column that another answer reads is not ignored.
    _, rows = separated(lines)
    given = Answers({"columns.amount": "Amount", "ignore": ["Amount", "Note"]})
    assert draft(rows, {}, Known(), given).values["ignore"] == ["Note"]


@pytest.mark.parametrize(
    ("days", "candidates"),
    [
        ([Typed("2020-03-02"), Typed("2020-03-13")], None),
        ([Typed("2020-03-02"), "13/03/2020"], ('"dd/MM/yyyy"',)),
        ([Typed("43892"), Typed("43893")], ('"serial"',)),
    ],
)
def test_day_of_a_workbook_beside_a_text_is_asked(
    days: list[str], candidates: tuple[str, ...] | None
) -> None:
    """A spreadsheet of another country makes 03/04 a day in March, and leaves 13/04 a text."""
    rows = [(1, ["Date", "Shares"]), *((2, [day, Typed("5")]) for day in days)]
    found = {one.key: one.candidates for one in draft(rows, {}, Known()).questions}
    assert found.get("columns.date.pattern") == candidates


def test_name_above_merged_cells_is_part_of_the_names_below() -> None:
    """A title over the whole table is not."""
    rows = [["All purchases", "", ""], ["", "Volume", ""], ["Date", "Number", "Percent"]]
    table = table_of([*enumerate(rows, 1), (4, ["2020-03-02", "5", "1"])])
    assert table.heads == ("Date", "Volume Number", "Volume Percent")
    table = table_of([*enumerate([rows[0], rows[2]], 1), (3, ["2020-03-02", "5", "1"])])
    assert table.heads == ("Date", "Number", "Percent")


def test_text_of_the_file_ends_no_comment() -> None:
    """What a cell says after a line feed would be a key of the mapping."""
    rows = [(1, ["Date", "Side", "Shares"]), (2, ["2020-03-02", "x\nset: {venue: XLON}", "5"])]
    found = draft(rows, {}, Known())
    assert any("venue: XLON" in one.what for one in found.questions)
    lines = mapping_text(found.values, found.questions).splitlines()
    assert [line for line in lines if line.startswith("set")] == ['set: {symbol: "?"}']


def test_failing_number_is_shown_and_not_the_first() -> None:
    """That one is to be looked at."""
    _, rows = separated("Date;Shares\n2020-03-02;100\n2020-03-03;(200)\n")
    (found,) = [one for one in draft(rows, {}, Known()).questions if one.key == "numbers"]
    assert "`(200)`" in found.what
    _, rows = separated("Date;Shares\n2020-03-02;100\nfoo 3;200\n")
    (found,) = [one for one in draft(rows, {}, Known()).questions if one.key.endswith("pattern")]
    assert "`foo 3`" in found.what


# -- on the command line --------------------------------------------------------------------------

RULES: Final = """\
repurchase: 1
authorization: x
timezone: Europe/London
currency: GBP
instruments: {common: {symbol: X, venues: [XLON]}}
"""


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ("foo.bar=1", "unknown key `foo`"),
        ("columns.dat=Date", "did you mean `date`?"),
        ("set.sied=buy", "did you mean `side`?"),
        ("rows.totals=5", "takes a list"),
        ("numbers=x", "takes a mapping"),
        ("set.side", "has no key or no value"),
        ("set.side=", "has no key or no value"),
        ("set={side: buy", "expected ',' or '}'"),
        ("columns.price=Kurz", "did you mean `Kurs`?"),
        ("header=7", "has no names in row 7"),
        ("encoding=ascii", "is in another than `ascii`"),
    ],
)
def test_wrong_answer_is_refused_in_a_sentence(tmp_path: Path, answer: str, said: str) -> None:
    """Before anything is drafted from it; it would be forgotten without a word."""
    (tmp_path / "log.csv").write_text("Date;Stück;Kurs\n2020-01-02;5;2\n")
    ended = run("map", "log.csv", "--answer", answer, "--output", "m.yaml", cwd=tmp_path)
    assert (ended.code, said in ended.err) == (2, True)
    assert not (tmp_path / "m.yaml").exists()


def test_currency_of_the_rule_file_is_compared_with_that_of_the_prices(tmp_path: Path) -> None:
    """It is that of the instruments; pence are pounds."""
    (tmp_path / "x.yaml").write_text(RULES)
    for code, is_asked in (("USD", True), ("GBX", False)):
        (tmp_path / "log.csv").write_text(f"Date,Shares,Price ({code})\n2020-01-02,5,2\n")
        found = run("map", "log.csv", "--rules", "x.yaml", "--json", cwd=tmp_path).json
        paths = [one["path"] for one in found["questions"]]
        assert (["columns", "price"] in paths) == is_asked


def test_output_replaces_nothing_but_an_untouched_draft(tmp_path: Path) -> None:
    """What a person wrote is replaced with --force alone."""
    (tmp_path / "log.csv").write_text("Date,Shares,Price\n2020-01-02,5,2\n")
    call = ("map", "log.csv", "--output", "m.yaml")
    answers = ("--answer", "set.side=buy", "--answer", "set.symbol=X")
    assert run(*call, cwd=tmp_path).code == 1
    assert run(*call, *answers, cwd=tmp_path).code == 0
    kept = (tmp_path / "m.yaml").read_bytes()
    ended = run(*call, cwd=tmp_path)
    assert (ended.code, "exists already; give --force" in ended.err) == (2, True)
    assert (tmp_path / "m.yaml").read_bytes() == kept
    assert run(*call, "--force", cwd=tmp_path).code == 1
    assert (tmp_path / "m.yaml").read_bytes() != kept


def test_sheet_of_a_workbook_is_asked(tmp_path: Path) -> None:
    """With each sheet as a candidate; the answer is read, and kept in the mapping."""
    rows: list[list[Cell]] = [
        ["Date", "Shares", "Price"],
        [number("43892", 1), number("5"), number("2.5")],
    ]
    (tmp_path / "log.xlsx").write_bytes(workbook({"Notes": [["words"]], "Trades": rows}))
    found = run("map", "log.xlsx", "--json", cwd=tmp_path).json["questions"]
    assert [(one["path"], one["candidates"]) for one in found] == [
        (["sheet"], ['"Notes"', '"Trades"'])
    ]
    answers = ("--answer", "sheet=Trades", "--answer", "set.side=buy", "--answer", "set.symbol=X")
    ended = run("map", "log.xlsx", *answers, cwd=tmp_path)
    assert (ended.code, 'sheet: "Trades"' in ended.out) == (0, True)
    assert "is read as: date 2020-03-02" in ended.err


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b'{"kind": "fill"}\n', "has JSON lines, which do not need a mapping"),
        (b"%PDF-1.7", "is a PDF document"),
        (b"\xd0\xcf\x11\xe0", "an old format (.xls)"),
        (b"<html><table>", "is a page of HTML or XML"),
    ],
)
def test_file_that_has_no_mapping_is_refused(tmp_path: Path, content: bytes, said: str) -> None:
    """With what it is, and what to do."""
    (tmp_path / "log.csv").write_bytes(content)
    ended = run("map", "log.csv", cwd=tmp_path)
    assert (ended.code, said in ended.err) == (2, True)


def test_log_that_needs_a_mapping_points_to_map(tmp_path: Path) -> None:
    """So does a rule file that is given as a mapping."""
    (tmp_path / "x.yaml").write_text(RULES)
    (tmp_path / "log.xlsx").write_bytes(workbook({"Trades": [["Date", "Shares"]]}))
    ended = run("replay", "log.xlsx", "--rules", "x.yaml", cwd=tmp_path)
    assert (ended.code, "draft a mapping of it with `repurchase map`" in ended.err) == (2, True)
    call = ("replay", "log.xlsx", "--rules", "x.yaml", "--mapping", "x.yaml")
    ended = run(*call, cwd=tmp_path)
    assert (ended.code, "this is a rule file, not a mapping" in ended.err) == (2, True)


# -- any style ------------------------------------------------------------------------------------

HEADS: Final = (
    ("Date", "Number of shares", "Price", "Amount"),
    ("Handelstag", "Stück", "Kurs", "Betrag"),
    ("Fecha", "Número de acciones", "Precio medio", "Importe"),
    ("約定日", "株数", "単価", "総額"),
)


@pytest.mark.slow
@given(
    TRADES,
    st.sampled_from(STYLES),
    st.sampled_from(PATTERNS),
    st.sampled_from(sorted(MONTHS)),
    st.sampled_from(HEADS),
    st.sampled_from((";", "\t", "|")),
    st.booleans(),
    st.booleans(),
)
def test_log_in_any_style_is_drafted_as_it_was_meant_or_asked(
    trades: list[tuple[int, Fraction, date]],
    style: tuple[str, str | None],
    pattern: str,
    language: str,
    names: tuple[str, ...],
    separator: str,
    has_amounts: bool,
    has_total: bool,
) -> None:
    """A candidate of each question is the right one, or the draft reads the log itself."""
    rows = [
        [
            printed_day(day, pattern, language),
            grouped(Fraction(quantity), style, " "),
            grouped(price, style, " "),
            grouped(price * quantity, style, " "),
        ]
        for quantity, price, day in trades
    ]
    total = sum(quantity for quantity, _, _ in trades)
    rows += [["Total", grouped(Fraction(total), style, " "), "", ""]] if has_total else []
    width = 4 if has_amounts else 3
    lines = "\n".join(separator.join(row[:width]) for row in [names, *rows])
    name, parsed = separated(lines)
    values = {"separator": name}
    found = draft(parsed, values, Known(), Answers(BUY))
    open_ = {one.key: one.candidates for one in found.questions}
    if open_:
        assert open_.keys() <= {
            *("numbers", "columns.date.pattern", "columns.date.language"),
            *("columns.price.unit", "columns.amount.unit", "columns.quantity.unit"),
            *("columns.date", "rows.totals.Total.of"),
        }
        if style == (".", None) and "numbers" in open_:
            assert "{}" in open_["numbers"]
        return
    events, wrong, differences = read(lines, mapping_text(found.values))
    assert wrong == []
    assert [
        one for one in differences if "repeats" not in one.of and "looks like" not in one.of
    ] == []
    read_back = [(one.quantity, one.price, one.date) for one in events]
    assert read_back == trades


@given(st.sampled_from(sorted(KINDS)), st.data())
def test_damaged_file_is_drafted_or_refused(name: str, data: st.DataObject) -> None:
    """Whatever stands in it: with a draft that can be read, or with a sentence."""
    content = KINDS[name].lines.encode(KINDS[name].encoding)
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(content)))
        end = min(len(content), at + data.draw(st.integers(0, 20)))
        content = content[:at] + data.draw(st.sampled_from(DAMAGE)) + content[end:]
    try:
        encoding, text = decoded(content)
        separator, rows = separated(text)
        found = draft(rows, {"encoding": encoding, "separator": separator}, RULED)
    except Wrong:
        return
    written_out = mapping_text(found.values, found.questions)
    keys = [one.key for one in found.questions]
    assert len({*keys}) == len(keys)
    wrong = ""
    try:
        check_draft(written_out.encode(), "m.yaml")
        is_hidden = False
    except RuleFileError as error:
        hidden = ("is invisible", "not allowed", "can hide", "`columns` is missing")
        is_hidden = all(any(one in str(of) for one in hidden) for of in error.problems)
        wrong = str(error)
    assert not wrong or is_hidden, wrong


DAMAGE: Final = (
    *(b"", b";", b",", b'"', b"\n", b"\t", b"\x00", b"\xff", b"Total", b"2020-03-02", b"Date"),
    *(b"(", b"-", b"0", b"1,000", b"10:15", b"CET", b"43892", b"{}", b"?", b": ", b"all"),
)
