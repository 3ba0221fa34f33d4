"""The table of venues: what ISO 10383 lists, the clock of each, and codes that it lacks."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path
from typing import Final

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from repurchase.domain.calendars import read_day, zone, zone_names
from repurchase.domain.errors import Problem, RuleFileError, Wrong
from repurchase.domain.venues import listed_venue, market_of, venue_codes, zone_name
from repurchase.intake.fields import READERS
from repurchase.rulebook.build import read_text
from repurchase.rulebook.editions import load_text
from repurchase.rulebook.figures import read_date, read_number
from repurchase.rulebook.lint import lint_findings
from repurchase.rulebook.packs import pack_alone, shipped_pack
from repurchase.rulebook.reach import can_apply
from scripts import script
from test_cli import run

ROOT: Final = Path(__file__).parents[1]
GENERATOR: Final = script("venues")
VENUES: Final = tuple(one for code in sorted(venue_codes()) if (one := listed_venue(code)))
# What this program said of venues before it had the table.
BEFORE: Final = {
    "Asia/Tokyo": "XTKS XNGO XFKA XSAP XOSE",
    "America/New_York": "XNAS XNYS XASE ARCX BATS IEXG",
    "America/Toronto": "XTSE",
    "Europe/London": "XLON BATE CHIX AQXE",
    "Europe/Dublin": "XDUB",
    "Europe/Berlin": "XETR XFRA",
    "Europe/Paris": "XPAR",
    "Europe/Amsterdam": "XAMS",
    "Europe/Brussels": "XBRU",
    "Europe/Lisbon": "XLIS",
    "Europe/Rome": "XMIL",
    "Europe/Madrid": "XMAD",
    "Europe/Zurich": "XSWX",
    "Europe/Vienna": "XWBO",
    "Europe/Stockholm": "XSTO",
    "Europe/Copenhagen": "XCSE",
    "Europe/Helsinki": "XHEL",
    "Europe/Oslo": "XOSL",
    "Asia/Hong_Kong": "XHKG",
    "Asia/Singapore": "XSES",
    "Asia/Seoul": "XKRX",
    "Asia/Taipei": "XTAI",
    "Australia/Sydney": "XASX",
}
FILE: Final = """\
repurchase: 1
authorization: acme-2024
timezone: Europe/Paris
currency: EUR
unlimited: [amount]
instruments:
  common: {symbol: ACME, venues: [XPAR, AQEU]}
terms:
  max_shares: {value: 1000 shares}
  first_day: {value: 2024-01-02}
  last_day: {value: 2024-12-31}
rules:
  - {id: share-cap, require: program.shares_after <= terms.max_shares}
  - {id: window, require: terms.first_day <= trade.date and trade.last_date <= terms.last_day}
  - {id: place, require: "trade.venue in [XPAR, AQEU]"}
"""


def problems_of(text: str) -> tuple[Problem, ...]:
    """Return what is wrong with the rule file *text*."""
    with pytest.raises(RuleFileError) as caught:
        load_text(text.encode(), "f")
    return caught.value.problems


def problems(old: str, new: str) -> list[str]:
    """Return what is wrong with FILE once *new* takes the place of *old*."""
    return [str(one) for one in problems_of(FILE.replace(old, new))]


@pytest.mark.parametrize(("name", "codes"), BEFORE.items())
def test_venues_known_before_the_table_keep_their_clocks(name: str, codes: str) -> None:
    """No day of an older rule file changes."""
    assert [zone_name(code) for code in codes.split()] == [name] * len(codes.split())


def test_each_venue_has_a_code_an_operator_and_a_clock_that_exists() -> None:
    """Only what is no market of any country has no clock."""
    assert len(VENUES) == len(venue_codes()) > 2_500
    for one in VENUES:
        assert (len(one.mic), one.mic.isalnum(), one.mic) == (4, True, one.mic.upper())
        assert one.operating in venue_codes()
        assert one.is_segment is (one.operating != one.mic)
        assert (one.status == "expired") is (one.expired is not None)
        assert one.expired is None or one.created <= one.expired
        assert one.zone is None or zone(one.zone).key == one.zone
    assert {one.zone for one in VENUES} - {None} <= zone_names()
    assert [one.mic for one in VENUES if one.zone is None] == ["BILT", "XOFF", "XXXX"]


def test_clocks_are_those_of_the_countries_and_the_cities() -> None:
    """The table has the zones that `make venues` derives, from the release of the time zones."""
    assert [one.zone for one in VENUES] == [
        GENERATOR.zone_of(one.mic, one.country, one.city) for one in VENUES
    ]
    pinned = {
        name: [
            line for line in (ROOT / ".ci" / name).read_text().splitlines() if "tzdata==" in line
        ]
        for name in ("dev.in", "venues.in")
    }
    assert pinned["dev.in"] == pinned["venues.in"] != []


def test_book_knows_its_market() -> None:
    """A dark and a periodic book name the market that operates them; a market names itself."""
    assert [market_of(code) for code in ("BATP", "BATE", "CEUX", "XETR", "QQQQ")] == [
        "BCXE",
        "BCXE",
        "CCXE",
        "XETR",
        None,
    ]
    jasdaq = listed_venue("XJAS")
    assert jasdaq is not None
    assert (jasdaq.status, jasdaq.expired, jasdaq.operating, jasdaq.country) == (
        "expired",
        date(2022, 4, 4),
        "XJPX",
        "JP",
    )


@pytest.mark.parametrize("code", ["", "XTKX", "xtks", "XTKS ", "AQEU\t"])
def test_code_that_is_not_listed_has_no_clock(code: str) -> None:
    """What looks like a code is not taken for it."""
    assert listed_venue(code) is None
    with pytest.raises(Wrong, match="ISO 10383 does not list it"):
        zone_name(code)


def test_venue_that_exists_is_taken() -> None:
    """A venue that no list of ours had, such as AQEU, has the clock of its city."""
    listings = load_text(FILE.encode(), "f").on(date(2024, 5, 1)).counting.listings
    assert listings["ACME", "AQEU"].zone.key == "Europe/Paris"


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        (
            "venues: [XPAR, AQEU]",
            "venues: [XPAR, AQEX]",
            (
                "f:7:41: unknown venue `AQEX`; ISO 10383 does not list it; correct it, or add it"
                " under `venues`: {AQEX: Asia/Tokyo}, with its time zone"
            ),
        ),
        (
            "venues: [XPAR, AQEU]",
            "venues: [XPAR, XOFF]",
            (
                "f:7:41: the venue `XOFF` has no clock in the table; add it under `venues`:"
                " {XOFF: Asia/Tokyo}, with its time zone"
            ),
        ),
        (
            "[XPAR, AQEU]}\nterms",
            "[XPAR, aqeu]}\nterms",
            "f:7:41: `aqeu` is not a valid market identifier code; write it as `XTKS`",
        ),
        (
            'in [XPAR, AQEU]"',
            'in [XPAR, AQEX]"',
            (
                "f:15:49: `trade.venue` cannot be `AQEX`; ISO 10383 does not list it; correct it,"
                " or add it under `venues`"
            ),
        ),
        (
            "instruments:",
            "venues: {XPAR: Europe/Paris}\ninstruments:",
            "f:6:10: ISO 10383 lists `XPAR` already; its clock is Europe/Paris; remove it",
        ),
        (
            "instruments:",
            "venues: {XLIJ: Asia/Tokio}\ninstruments:",
            "f:6:16: unknown time zone `Asia/Tokio`; did you mean `Asia/Tokyo`?",
        ),
        (
            "instruments:",
            "venues: {xlij: Asia/Tokyo}\ninstruments:",
            "f:6:10: `xlij` is not a valid market identifier code; write it as `XTKS`",
        ),
    ],
)
def test_code_that_does_not_exist_is_refused_at_its_place(old: str, new: str, told: str) -> None:
    """The message names the code and how to add it, and never another code."""
    assert problems(old, new) == [told]


def test_venue_that_the_file_adds_has_the_clock_given() -> None:
    """It may be bought on, and rules may name it; the edition holds it."""
    text = FILE.replace(
        "instruments:", "venues: {XLIJ: Asia/Tokyo, XOFF: Europe/Paris}\ninstruments:"
    )
    text = text.replace("XPAR, AQEU", "XPAR, XLIJ, XOFF")
    edition = load_text(text.encode(), "f").on(date(2024, 5, 1))
    listings = edition.counting.listings
    assert listings["ACME", "XLIJ"].zone.key == "Asia/Tokyo"
    assert listings["ACME", "XOFF"].zone.key == "Europe/Paris"
    assert '"venues":{"XLIJ":"Asia/Tokyo","XOFF":"Europe/Paris"}' in edition.content


def test_file_that_adds_no_venue_has_no_such_content() -> None:
    """The hash of an older file stays as it was."""
    assert not read_text(FILE.encode(), "f").venues
    assert '},"venues":{' not in load_text(FILE.encode(), "f").on(date(2024, 5, 1)).content


# --- venues of events ----------------------------------------------------------------------------

HEADER: Final = "id,kind,time,symbol,venue,venues,side,quantity,price\n"


def replayed(tmp_path: Path, *rows: str, file: str = FILE) -> tuple[int, str]:
    """Return the exit code and the errors of `replay` over *rows*: kind, symbol and places."""
    (tmp_path / "f.yaml").write_text(file)
    lines = (
        f"{number},{kind},2024-05-02T10:00:00+02:00,{symbol},{places},"
        f"{',,' if kind == 'halt' else 'buy,1,5'}\n"
        for number, (kind, symbol, places) in enumerate(row.split("|") for row in rows)
    )
    (tmp_path / "log.csv").write_text(HEADER + "".join(lines))
    result = run("replay", tmp_path / "log.csv", "--rules", tmp_path / "f.yaml")
    return result.code, result.err


@pytest.mark.parametrize("row", ["fill|ACME|AQEX,", "order|ACME|,XPAR AQEX", "halt||AQEX,"])
def test_unknown_code_in_a_log_is_refused_with_its_row(tmp_path: Path, row: str) -> None:
    """No conclusion is drawn from a log with a venue that does not exist, and none is proposed."""
    code, said = replayed(tmp_path, "fill|ACME|XPAR,", row)
    assert code == 2
    assert "log.csv:3: unknown venue `AQEX`; ISO 10383 does not list it; correct it, or" in said
    assert "AQXE" not in said
    assert "AQEU" not in said


def test_code_that_exists_or_that_the_file_adds_is_judged(tmp_path: Path) -> None:
    """A venue that the instrument does not list is denied, as an event is, and the log is read."""
    added = FILE.replace("instruments:", "venues: {AQEX: Europe/Paris}\ninstruments:")
    added = added.replace("AQEU", "AQEX")
    assert replayed(tmp_path, "fill|ACME|AQEX,", file=added)[0] == 0
    code, said = replayed(tmp_path, "fill|ACME|TQEX,")
    assert (code, "unknown venue" in said) == (1, False)


def test_desk_denies_a_code_that_does_not_exist(tmp_path: Path) -> None:
    """What a desk is told happened may have happened: it is denied, not refused unread."""
    (tmp_path / "f.yaml").write_text(FILE)
    event = (
        '{"kind": "fill", "id": "1", "time": "2024-05-02T10:00:00+02:00", "symbol": "ACME",'
        ' "venue": "AQEX", "side": "buy", "quantity": 1, "price": 5}'
    )
    result = run("check", "--rules", tmp_path / "f.yaml", "--event", "-", "--json", stdin=event)
    assert result.code == 1
    assert "engine.unknown-instrument" in result.out
    assert "`ACME` is listed at AQEU, XPAR only; correct `venue` if it is wrong" in result.out


def test_expired_code_is_told_by_lint_alone() -> None:
    """A code that was out of use before the first day is a gap of the file; later it is none."""
    text = FILE.replace("AQEU", "XJAS")
    found = lint_findings(load_text(text.encode(), "f"))
    assert [one.what for one in found] == [
        "ISO 10383 lists the venue `XJAS` as expired on 2022-04-04"
    ]
    before = text.replace("2024-01-02", "2021-01-04")
    assert not lint_findings(load_text(before.encode(), "f"))


# --- hints ---------------------------------------------------------------------------------------

# A value that someone may write, and the values that may be meant: none other may be named.
MEANT: Final = [
    ("12,50", {"12.50", "12.5"}),
    ("1,500", {"1500", "1.500"}),
    ("160,000", {"160000", "160.000"}),
    ("4,00,000", set[str]()),
    ("0,125", {"0.125"}),
    ("18,695,399.5", {"18695399.5"}),
    ("4²", set()),
    ("①", set()),
    ("1e5", set()),
    ("\uff11\uff10", {"10"}),
    ("1.234,5", set()),
    ("GBp 5", set()),
]
# Numbers that messages show as a form, or as a bound.
FORM: Final = re.compile(r"such as \S+ or \S+|as in `4,000`|write it as .*")


@pytest.mark.parametrize(("written", "meant"), MEANT)
def test_hint_on_a_number_names_only_what_may_be_meant(written: str, meant: set[str]) -> None:
    """Both readers of numbers, of events and of rule files, name no other number."""
    with pytest.raises(Wrong) as of_event:
        READERS["price"](written)
    hints = [of_event.value.hint or ""]
    # A rule file may group thousands by commas.
    if not re.fullmatch(r"[1-9][0-9]{0,2}(,[0-9]{3})+(\.[0-9]+)?", written):
        with pytest.raises(Wrong) as of_file:
            read_number(written)
        hints.append(of_file.value.hint or "")
    named = re.findall(r"[0-9][0-9.,]*[0-9]|[0-9]", FORM.sub("", " ".join(hints)))
    assert set(named) <= meant


@pytest.mark.parametrize("written", ["03/04/2020", "2020-13-04", "2023-02-29", "20200304", "4 May"])
def test_hint_on_a_date_names_no_other_date(written: str) -> None:
    """It shows the form of a date alone."""
    for read in (READERS["date"], read_day, read_date):
        with pytest.raises(Wrong) as caught:
            read(written)
        assert not re.findall("[0-9]+", FORM.sub("", caught.value.hint or ""))


@given(st.text("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789", min_size=4, max_size=4))
def test_no_message_on_a_venue_names_another(code: str) -> None:
    """Whatever code is wrong, in an instrument or in a rule, no code that exists is proposed."""
    assume(listed_venue(code) is None)
    wrong = FILE.replace("XPAR, AQEU]}", f'XPAR, "{code}"]}}').replace("AQEU", f"'{code}'")
    told = [str(one) for one in problems_of(wrong)]
    named = {word for one in told for word in re.findall("[A-Z0-9]{4,}", one)}
    assert (len(told) >= 1, named - {code, "10383"}) == (True, set())


# --- what applies where --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "at", "elsewhere"),
    [
        ("eu-mar", "XETR AQEU CEUX TQEX XATH XOSL XLIJ", "XLON XSWX XTKS BATE"),
        ("uk", "XLON BATE BATP TRQX XLIJ XOFF", "AQEU XSWX"),
        ("us-10b-18", "XNAS BATY MEMX XLIJ", "XTSE XTKS"),
        ("jp-order-59", "XTKS SIGJ XJAS XLIJ", "XHKG XNAS"),
    ],
)
def test_shipped_pack_applies_by_country(name: str, at: str, elsewhere: str) -> None:
    """No venue of its country is left out, and one whose country is not known may be any."""
    pack = shipped_pack(name)
    assert [code for code in at.split() if not can_apply(pack, code)] == []
    assert [code for code in elsewhere.split() if can_apply(pack, code)] == []


@pytest.mark.parametrize(
    ("condition", "codes"),
    [
        ("trade.venue == XPAR", "XPAR"),
        ("XPAR == trade.venue", "XPAR"),
        ("trade.venue != XPAR", "XLON BATP XTKS"),
        ("trade.venue not in [XPAR, XLON]", "BATP XTKS"),
        ("trade.venue_market == BCXE or trade.venue_country == JP", "BATP XTKS"),
        ("not (trade.venue_area == EEA)", "XLON BATP XTKS"),
        ("trade.side == buy and trade.venue_country == GB", "XLON BATP"),
        ("trade.side == buy or trade.venue_country == GB", "XPAR XLON BATP XTKS"),
        ("trade.units > 5 and not trade.venue_country == GB", "XPAR XTKS"),
    ],
)
def test_pack_applies_where_its_condition_may_be_true(
    tmp_path: Path, condition: str, codes: str
) -> None:
    """Only what the venue decides leaves it out."""
    path = tmp_path / "own.yaml"
    path.write_text(
        f"repurchase: 1\npack: own\ntitle: Own\nwhen: {condition}\nrules:\n"
        "  - {id: buys, require: trade.side == buy}\n"
    )
    pack = pack_alone(path)
    assert [
        one for one in ["XPAR", "XLON", "BATP", "XTKS"] if can_apply(pack, one)
    ] == codes.split()


@pytest.mark.parametrize(
    ("condition", "told"),
    [
        ("trade.venue_country == UK", "`trade.venue_country` cannot be `UK`; write the code of a"),
        ("trade.venue_market == XLNO", "`trade.venue_market` cannot be `XLNO`; ISO 10383 does"),
        ("trade.venue_area == EU", "`trade.venue_area` cannot be `EU`; it can be `EEA`, `other`"),
    ],
)
def test_word_that_no_venue_has_is_refused(condition: str, told: str) -> None:
    """A country, a market or an area that does not exist would never apply."""
    (said,) = problems('"trade.venue in [XPAR, AQEU]"', condition)
    assert told in said


def test_rules_read_the_country_the_area_and_the_market_of_a_venue(tmp_path: Path) -> None:
    """A venue that the file adds has neither, so that the rules are undecided and deny."""
    rules = '"trade.venue_country == FR and trade.venue_area == EEA and trade.venue_market == AQEU"'
    file = FILE.replace('"trade.venue in [XPAR, AQEU]"', rules)
    assert replayed(tmp_path, "fill|ACME|AQEU,", file=file)[0] == 0
    assert replayed(tmp_path, "fill|ACME|XPAR,", file=file)[0] == 1
    file = file.replace("AQEU]", "XLIJ]").replace(
        "instruments:", "venues: {XLIJ: Asia/Tokyo}\ninstruments:"
    )
    assert replayed(tmp_path, "fill|ACME|XLIJ,", file=file)[0] == 1
    result = run("replay", tmp_path / "log.csv", "--rules", tmp_path / "f.yaml", "--json")
    assert result.json["by_rule"] == {"place": {"fail": 0, "indeterminate": 1}}


def test_content_names_the_markets_only_if_a_rule_reads_them() -> None:
    """A later table with another operator would be another edition; other files keep their hash."""
    text = FILE.replace('"trade.venue in [XPAR, AQEU]"', "trade.venue_country == FR")
    content = load_text(text.encode(), "f").on(date(2024, 5, 1)).content
    assert '"markets":{"AQEU":["FR","AQEU"],"XPAR":["FR","XPAR"]}' in content
    assert '"markets"' not in load_text(FILE.encode(), "f").on(date(2024, 5, 1)).content


def test_summary_says_which_pack_judges_none_of_the_venues(tmp_path: Path) -> None:
    """A pack for another country would be silent; so would a code that is out of use."""
    file = FILE.replace("rules:\n", "include: [uk, eu-mar]\nrules:\n", 1)
    file = file.replace("AQEU", "XJAS")
    assert replayed(tmp_path, "fill|ACME|XPAR,", "fill|ACME|XJAS,", file=file)[0] == 0
    command = ("replay", tmp_path / "log.csv", "--rules", tmp_path / "f.yaml")
    summary = run(*command, "--json").json
    assert (summary["idle_packs"], summary["expired_venues"]) == (["uk"], ["XJAS"])
    shown = run(*command).out
    assert "Packs without a rule for any venue of this log: `uk`." in shown
    assert "ISO 10383 lists as expired before an event here: XJAS." in shown
    assert replayed(tmp_path, "fill|ACME|XPAR,", file=FILE)[0] == 0
    assert run(*command, "--json").json["idle_packs"] == []
