"""The table of venues: what ISO 10383 lists, the clock of each, and codes that it lacks."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Final

import pytest

from repurchase.domain.calendars import zone, zone_names
from repurchase.domain.errors import RuleFileError, Wrong
from repurchase.domain.venues import listed_venue, operating_market, venue_codes, zone_name
from repurchase.rulebook.build import read_text
from repurchase.rulebook.editions import load_text
from scripts import script

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


def problems(old: str, new: str) -> list[str]:
    """Return what is wrong with FILE once *new* takes the place of *old*."""
    with pytest.raises(RuleFileError) as caught:
        load_text(FILE.replace(old, new).encode(), "f")
    return [str(one) for one in caught.value.problems]


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
    assert [operating_market(code) for code in ("BATP", "BATE", "CEUX", "XETR", "QQQQ")] == [
        "BCXE",
        "BCXE",
        "CCXE",
        "XETR",
        "QQQQ",
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
