"""The mutants of a rule file: which are made, where, and what becomes of each."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Final

import msgspec
import pytest
import yaml
from hypothesis import given, reject, settings
from hypothesis import strategies as st

from repurchase.domain.errors import RuleFileError
from repurchase.domain.quantities import BARE
from repurchase.proof.equal import same
from repurchase.rulebook import library
from repurchase.rulebook.build import read_authorization, read_text
from repurchase.rulebook.cases_file import cases_path
from repurchase.rulebook.editions import Editions, load, load_document
from repurchase.rulebook.figures import read_figure
from repurchase.rulebook.model import Authorization
from repurchase.rulebook.yaml_reader import Document, read_document
from repurchase.tester import operators
from repurchase.tester.edits import Mutant
from repurchase.tester.mutants import mutants
from repurchase.tester.mutation import Mutation, apart, mutation
from strategies import RuleFile, rule_files
from test_cli import run
from test_rete import resident

DESK: Final = """\
repurchase: 1
pack: desk
title: The desk's own
options:
  calm: {title: Half as much}
  wild: {title: Twice as much}
rules:
  - {id: size, require: trade.shares <= 500 shares}
"""


def became(column: int, old: str, *others: str) -> list[str]:
    """Return that *old*, at *column*, became each of *others*."""
    return [f"{column}: `{old}` became `{other}`" for other in others]


# Everything that a rule file can have, in every way to write it. Of each line with a mutant it is
# said what becomes of it; the others have none, whatever figures and words they hold.
EVERYTHING: Final[list[tuple[str, list[str]]]] = [
    ("# at most 4,000 shares <= terms.max_shares, from 2008-11-14", []),
    ("repurchase: 1", []),
    ("authorization: everything", []),
    ("issuer: 株式会社 <= 4,000 buy", []),
    ("resolved: 2008-10-28", []),
    ("announced: 2008-10-29", []),
    ("sources: {paper: {title: 'Resolution, 2008-10-28, 4,000 shares'}}", []),
    ("timezone: Asia/Tokyo  # not UTC", became(11, "Asia/Tokyo", "America/New_York", "UTC")),
    ('currency: "JPY"', ["12: `JPY` became `USD`"]),
    ("amount_basis: with_fees", ["15: `with_fees` became `contract`"]),
    ("instruments:", []),
    (
        '  common: {symbol: "37\\x374", venues: [XTKS, XNGO]}',
        [
            "3: instrument `common` was left out",
            "20: `3774` became `3774x`",
            "40: venue `XTKS` was left out",
            *became(40, "XTKS", "XNGO", "XNAS"),
            "46: venue `XNGO` was left out",
            *became(46, "XNGO", "XTKS", "XNAS"),
        ],
    ),
    ("  ads:", ["3: instrument `ads` was left out"]),
    ("    symbol: IIJI", ["13: `IIJI` became `IIJIx`"]),
    ("    venues:", []),
    ("      - XNAS", became(9, "XNAS", "XNYS", "XTKS")),
    ("    currency: USD", ["15: `USD` became `JPY`"]),
    (
        "    per_share:",
        ["5: `per_share` became `shares_each`", "5: `per_share` of instrument `ads` was left out"],
    ),
    (
        "      - {value: 400, until: 2008-12-31}",
        [
            "9: version `400` of `per_share` was left out",
            *became(17, "400", "399", "401", "40", "4000"),
            "22: `until: 2008-12-31` was left out",
            *became(29, "2008-12-31", "2008-12-30", "2009-01-01", "2007-12-31", "2009-12-31"),
        ],
    ),
    (
        "      - {value: 0.5, from: 2009-01-01, known: 2008-12-20}",
        [
            "9: version `0.5` of `per_share` was left out",
            *became(17, "0.5", "0.4", "0.6", "0.05", "5"),
            "22: `from: 2009-01-01` was left out",
            *became(28, "2009-01-01", "2008-12-31", "2009-01-02", "2008-01-01", "2010-01-01"),
            "40: `known: 2008-12-20` was left out",
            *became(47, "2008-12-20", "2008-12-19", "2008-12-21", "2007-12-20", "2009-12-20"),
        ],
    ),
    ("    fx_margin: 0%", ["16: `0%` became `1%`"]),
    (
        "    fx_between: [80, 120.5]",
        [
            "5: `fx_between` of instrument `ads` was left out",
            *became(18, "80", "79", "81", "8", "800"),
            *became(22, "120.5", "120.4", "120.6", "12.05", "1205"),
        ],
    ),
    ("terms:", []),
    ("  # a term is what the board granted: 4,000 shares", []),
    ("  max_shares:", []),
    (
        '    - {value: "1,000 shares", until: 2008-12-31, quote: "up to 1,000 shares"}',
        [
            "7: version `1,000 shares` of `max_shares` was left out",
            *became(
                16, "1,000 shares", "999 shares", "1,001 shares", "100 shares", "10,000 shares"
            ),
            "31: `until: 2008-12-31` was left out",
            *became(38, "2008-12-31", "2008-12-30", "2009-01-01", "2007-12-31", "2009-12-31"),
        ],
    ),
    (
        "    - value: 2 shares",
        [
            "7: version `2 shares` of `max_shares` was left out",
            *became(14, "2 shares", "1 shares", "3 shares", "0.2 shares", "20 shares"),
        ],
    ),
    (
        "      from: 2009-01-01",
        [
            "7: `from: 2009-01-01` was left out",
            *became(13, "2009-01-01", "2008-12-31", "2009-01-02", "2008-01-01", "2010-01-01"),
        ],
    ),
    ("  max_amount:", []),
    ("    value: >-", []),
    ("      JPY 9.99", became(7, "JPY 9.99", "JPY 9.98", "JPY 10.00", "JPY 0.999", "JPY 99.9")),
    (
        "  first_day: {value: 2008-11-14, quote: 'from 2008-11-14', cite: Article 4}",
        became(22, "2008-11-14", "2008-11-13", "2008-11-15", "2007-11-14", "2009-11-14"),
    ),
    (
        "  last_day: {value: 2009-01-30}",
        became(21, "2009-01-30", "2009-01-29", "2009-01-31", "2008-01-30", "2010-01-30"),
    ),
    (
        "  portion: {value: 1.94%}",
        became(20, "1.94%", "1.93%", "1.95%", "0.194%", "19.4%", "1.94"),
    ),
    ('  noon: {value: "12:00"}', became(18, "12:00", "11:59", "12:01")),
    ('  midnight: {value: "23:59:59"}', ["22: `23:59:59` became `23:59:58`"]),
    ("checks:", []),
    ('  - {id: sound, require: "terms.max_shares <= terms.portion * 400,000 shares"}', []),
    ("include:", []),
    ("  - jp-companies-act", ["5: pack `jp-companies-act` was left out"]),
    (
        "  - us-10b-18",
        ["5: pack `us-10b-18` was left out", "5: option `actively-traded` was turned on"],
    ),
    (
        "  - {pack: ./desk, options: [wild]}",
        [
            "5: pack `./desk` was left out",
            "29: option `calm` was turned on",
            "30: option `wild` was left out",
        ],
    ),
    ("rules:", []),
    (
        "  - id: share-cap",
        [
            "5: rule `share-cap` was left out",
            "5: rule `share-cap` was given `effect: review`",
            "5: rule `share-cap` was given `effect: flag`",
            "5: rule `share-cap` was given `at: order`",
            "5: rule `share-cap` was given `at: fill`",
        ],
    ),
    ("    title: program.shares <= terms.max_shares, until 2009-01-30", []),
    ("    why: 4,000 shares < 5,000 shares", []),
    (
        "    when: not issuer.closed_period and trade.side == buy",
        [
            "11: `when` of rule `share-cap` was left out",
            "11: `not` was left out",
            "11: `not issuer.closed_period` was left out",
            "15: `issuer.closed_period` became `issuer.undisclosed_material_fact`",
            "36: `and` became `or`",
            *became(
                40,
                "trade.side",
                "trade.share_class",
                "trade.symbol",
                "trade.venue",
                "trade.venue_country",
                "trade.venue_area",
                "trade.venue_market",
                "trade.broker",
                "trade.order_type",
                "trade.method",
                "trade.phase",
                "trade.counterparty",
                "trade.by",
            ),
            "40: `trade.side == buy` was left out",
            "51: `==` became `!=`",
            "54: `buy` became `sell`",
        ],
    ),
    (
        "    require: program.shares_after + 1 share < terms.max_shares",
        [
            *became(
                14,
                "program.shares_after",
                "program.executed_shares",
                "program.reserved_shares",
                "program.reserved_shares_after",
                "program.shares",
                "trade.shares",
                "day.ordered_shares_after",
                "day.executed_shares_after",
            ),
            "35: `+` became `-`",
            *became(37, "1 share", "0 share", "2 share", "0.1 share", "10 share"),
            *became(45, "<", "<=", "!=", ">"),
        ],
    ),
    (
        '  - {id: desk, effect: review, at: order, from: 2009-01-05, require: "trade.shares',
        [
            "5: rule `desk` was left out",
            *became(24, "review", "deny", "flag"),
            *became(36, "order", "fill", "both"),
            "43: `from: 2009-01-05` was left out",
            *became(49, "2009-01-05", "2009-01-04", "2009-01-06", "2008-01-05", "2010-01-05"),
            *became(
                71,
                "trade.shares",
                "program.reserved_shares_after",
                "program.shares_after",
                "day.ordered_shares_after",
                "day.executed_shares_after",
            ),
            "71: `trade.shares <= min(9 shares, 50% * program.shares)` was left out",
        ],
    ),
    (
        '      <= min(9 shares, 50% * program.shares) or trade.amount <= JPY 5"}',
        [
            *became(7, "<=", "<", "==", ">="),
            "10: `min` became `max`",
            *became(14, "9 shares", "8 shares", "10 shares", "0.9 shares", "90 shares"),
            "14: `9 shares` was left out",
            *became(24, "50%", "49%", "51%", "5%", "500%", "50"),
            "24: `50% * program.shares` was left out",
            "28: `*` became `/`",
            *became(
                30,
                "program.shares",
                "program.executed_shares",
                "program.reserved_shares",
                "program.reserved_shares_after",
                "program.shares_after",
                "day.ordered_shares",
                "day.executed_shares",
            ),
            "46: `or` became `and`",
            "49: `trade.amount` became `program.reserved_amount_after`",
            "49: `trade.amount` became `program.amount_after`",
            "49: `trade.amount <= JPY 5` was left out",
            *became(62, "<=", "<", "==", ">="),
            *became(65, "JPY 5", "JPY 4", "JPY 6", "JPY 0.5", "JPY 50"),
        ],
    ),
    (
        "  - id: words",
        [
            "5: rule `words` was left out",
            "5: rule `words` was given `effect: review`",
            "5: rule `words` was given `effect: flag`",
            "5: rule `words` was given `at: order`",
            "5: rule `words` was given `at: fill`",
        ],
    ),
    ("    require: >-  # trade.side == sell", []),
    (
        "      trade.method in [auction, block] and trade.broker not in [North, 'South Sea']",
        [
            *became(
                7,
                "trade.method",
                "trade.side",
                "trade.share_class",
                "trade.symbol",
                "trade.venue",
                "trade.venue_country",
                "trade.venue_area",
                "trade.venue_market",
                "trade.broker",
                "trade.order_type",
                "trade.phase",
                "trade.counterparty",
                "trade.by",
            ),
            "7: `trade.method in [auction, block]` was left out",
            "20: `in` became `not in`",
            *became(24, "auction", "off_auction", "tender", "prepaid"),
            "24: `auction` was left out",
            *became(33, "block", "off_auction", "tender", "prepaid"),
            "33: `block` was left out",
            "40: `and` became `or`",
            *became(
                44,
                "trade.broker",
                "trade.side",
                "trade.share_class",
                "trade.symbol",
                "trade.venue",
                "trade.venue_country",
                "trade.venue_area",
                "trade.venue_market",
                "trade.order_type",
                "trade.method",
                "trade.phase",
                "trade.counterparty",
                "trade.by",
            ),
            "44: `trade.broker not in [North, 'South Sea']` was left out",
            "57: `not` was left out",
            "65: `North` became `Northx`",
            "65: `North` was left out",
            "72: `'South Sea'` became `'South Seax'`",
            "72: `'South Sea'` was left out",
        ],
    ),
    (
        "      and trade.venue in [XTKS] and trade.venue_time >= 9:05",
        [
            "7: `and` became `or`",
            *became(
                11,
                "trade.venue",
                "trade.side",
                "trade.share_class",
                "trade.symbol",
                "trade.venue_country",
                "trade.venue_area",
                "trade.venue_market",
                "trade.broker",
                "trade.order_type",
                "trade.method",
                "trade.phase",
                "trade.counterparty",
                "trade.by",
            ),
            "11: `trade.venue in [XTKS]` was left out",
            "23: `in` became `not in`",
            *became(27, "XTKS", "XNGO", "XNAS"),
            "33: `and` became `or`",
            "37: `trade.venue_time >= 9:05` was left out",
            *became(54, ">=", ">", "==", "<="),
            *became(57, "9:05", "09:04", "09:06"),
        ],
    ),
    (
        "      and (trade.date > terms.first_day or trade.date != 2008-12-01)",
        [
            "7: `and` became `or`",
            (
                "11: the brackets around `trade.date > terms.first_day or trade.date != 2008-12-01`"
                " were left out"
            ),
            "11: `(trade.date > terms.first_day or trade.date != 2008-12-01)` was left out",
            *became(
                12, "trade.date", "trade.last_date", "trade.venue_date", "trade.venue_last_date"
            ),
            "12: `trade.date > terms.first_day` was left out",
            *became(23, ">", ">=", "!=", "<"),
            "25: `terms.first_day` became `terms.last_day`",
            "41: `or` became `and`",
            *became(
                44, "trade.date", "trade.last_date", "trade.venue_date", "trade.venue_last_date"
            ),
            "44: `trade.date != 2008-12-01` was left out",
            *became(55, "!=", "==", "<", ">"),
            *became(58, "2008-12-01", "2008-11-30", "2008-12-02", "2007-12-01", "2009-12-01"),
        ],
    ),
    (
        "      and issuer.undisclosed_material_fact",
        [
            "7: `and` became `or`",
            *became(
                11,
                "issuer.undisclosed_material_fact",
                "not issuer.undisclosed_material_fact",
                "issuer.closed_period",
            ),
            "11: `issuer.undisclosed_material_fact` was left out",
        ],
    ),
    (
        '  - {id: rest, until: 2009-01-29, known: 2008-12-20, require: "trade.broker != \\"N\\""}',
        [
            "5: rule `rest` was left out",
            "5: rule `rest` was given `effect: review`",
            "5: rule `rest` was given `effect: flag`",
            "5: rule `rest` was given `at: order`",
            "5: rule `rest` was given `at: fill`",
            "16: `until: 2009-01-29` was left out",
            *became(23, "2009-01-29", "2009-01-28", "2009-01-30", "2008-01-29", "2010-01-29"),
            "35: `known: 2008-12-20` was left out",
            *became(42, "2008-12-20", "2008-12-19", "2008-12-21", "2007-12-20", "2009-12-20"),
            *became(
                63,
                "trade.broker",
                "trade.side",
                "trade.share_class",
                "trade.symbol",
                "trade.venue",
                "trade.venue_country",
                "trade.venue_area",
                "trade.venue_market",
                "trade.order_type",
                "trade.method",
                "trade.phase",
                "trade.counterparty",
                "trade.by",
            ),
            "63: `!=` became `==`",
            '63: `"N"` became `"Nx"`',
        ],
    ),
    (
        '  - {"id": "clock", "require": "terms.noon <= trade.venue_time <= terms.midnight"}',
        [
            "5: rule `clock` was left out",
            "5: rule `clock` was given `effect: review`",
            "5: rule `clock` was given `effect: flag`",
            "5: rule `clock` was given `at: order`",
            "5: rule `clock` was given `at: fill`",
            "33: `terms.noon` became `terms.midnight`",
            "33: `terms.noon <=` was left out",
            *became(44, "<=", "<", "==", ">="),
            *became(64, "<=", "<", "==", ">="),
            "64: `<= terms.midnight` was left out",
            "67: `terms.midnight` became `terms.noon`",
        ],
    ),
]
TEXT: Final = "".join(f"{line}\n" for line, _ in EVERYTHING)


def authorization(folder: Path, text: str) -> Authorization:
    """Return what the rule file *text* says, written to *folder* beside the pack that it has."""
    (folder / "desk.yaml").write_text(DESK, encoding="utf-8")
    path = folder / "everything.yaml"
    path.write_bytes(text.encode())
    return load(path).authorization


def read(text: str) -> Document:
    """Return what *text* holds, which reads without an error."""
    document = read_document(text.encode(), "f")
    assert document.problems == []
    return document


def differences(old: object, new: object) -> int:
    """Return in how many places *new* is not what *old* is."""
    if isinstance(old, dict) and isinstance(new, dict):
        return _of_mappings(old, new)
    if isinstance(old, list) and isinstance(new, list):
        if len(old) == len(new):
            return sum(differences(*both) for both in zip(old, new, strict=True))
        longer, shorter = (old, new) if len(old) > len(new) else (new, old)
        without = [longer[:index] + longer[index + 1 :] for index in range(len(longer))]
        return 1 if shorter in without else 2
    return int(old != new)


def _of_mappings(old: dict[str, object], new: dict[str, object]) -> int:
    gone, come = old.keys() - new.keys(), new.keys() - old.keys()
    renamed = [old[key] for key in gone] == [new[key] for key in come]
    apart = len(gone) if renamed else len(gone) + len(come)
    return apart + sum(differences(old[key], new[key]) for key in old.keys() & new.keys())


# -- which are made -------------------------------------------------------------------------------


@pytest.mark.parametrize("line_end", ["\n", "\r\n"], ids=["LF", "CRLF"])
def test_every_kind_of_mutant_is_made_at_its_place(tmp_path: Path, line_end: str) -> None:
    """Each line has the mutants that are said of it, and none has any other."""
    made = mutants(authorization(tmp_path, TEXT.replace("\n", line_end)))
    told = {
        line: [f"{one.column}: {one.what}" for one in made if one.line == number]
        for number, (line, _) in enumerate(EVERYTHING, 1)
    }
    assert told == dict(EVERYTHING)


def files(folder: Path) -> Iterator[Authorization]:
    yield authorization(folder, TEXT)
    yield authorization(folder, TEXT.replace("\n", "\r\n"))
    for name in library.rule_names():
        yield load(library.rule_path(name)).authorization
    yield load(library.sample_path("starter.yaml")).authorization


def test_mutant_differs_in_one_place(tmp_path: Path) -> None:
    """Each is nested as the file is, with one value, key or entry changed, added or gone."""
    for file in files(tmp_path):
        old = read(file.text)
        made = mutants(file)
        assert len(made) > 80
        changed = [(one, differences(old.value, one.of(old).value)) for one in made]
        assert [(one.what, count) for one, count in changed if count != 1] == []
        assert len({repr(one.of(old).value) for one in made}) == len(made)
        assert old == read(file.text)


def test_same_file_by_two_changes_is_one_mutant(tmp_path: Path) -> None:
    """Of two parts that are alike either may go: the file that is left is tried once."""
    twice = "rules: [{id: twice, require: trade.units == 1 and trade.units == 1}]\n"
    made = mutants(authorization(tmp_path, HEAD + twice))
    gone = [shown(one) for one in made if one.what == "`trade.units == 1` was left out"]
    assert gone == ["10:30: `trade.units == 1` was left out"]


STYLES: Final = ("", "'", '"', ">", "|")


@settings(max_examples=40)
@given(
    file=rule_files(most=1),
    style=st.sampled_from(STYLES),
    width=st.sampled_from((20, 60, 10_000)),
    flow=st.sampled_from((True, False, None)),
    line_end=st.sampled_from(("\n", "\r\n")),
)
def test_any_file_in_any_style_has_mutants_that_differ_in_one_place(
    file: RuleFile, style: str, width: int, flow: bool | None, line_end: str
) -> None:
    """Folded, quoted or in brackets: a mutant has one thing else than the file, and its place."""
    text = yaml.safe_dump(
        {**file.mapping(), "issuer": "株式会社 「é」 & co."},
        default_style=style,
        default_flow_style=flow,
        width=width,
        sort_keys=False,
        allow_unicode=width > 20,
    )
    # A number in a style is given a tag, which the format has no use for.
    text = re.sub(r"!!int ", "", text).replace("\n", line_end)
    try:
        means = read_text(text.encode(), "f")
    except RuleFileError:
        # Terms are drawn each by itself: some windows end before they begin.
        reject()
    old = read(text)
    lines = text.split("\n")
    for one in mutants(means):
        assert differences(old.value, one.of(old).value) == 1, one.what
        letters = lines[one.line - 1][one.column - 1 :]
        changed = re.match(r"`([^`\s]+)[^`]*` (?:became|was left out)", one.what)
        # With an escaped letter in it a text is told where it begins.
        assert changed is None or letters.startswith((changed[1], '"', "'", ">", "|")), one.what


SAID: Final = ("issuer", "resolved", "announced", "sources", "checks", "title", "why", "cite")


def said(value: object) -> Iterator[object]:
    """Yield what the nested *value* only says: titles, quotes, reasons, checks."""
    entries = value.items() if isinstance(value, dict) else ()
    for key, held in entries:
        yield from [held] if key in (*SAID, "quote") else said(held)
    for held in value if isinstance(value, list) else ():
        yield from said(held)


def test_nothing_that_is_only_said_is_changed(tmp_path: Path) -> None:
    """Titles, quotes, reasons and checks keep each letter."""
    for file in files(tmp_path):
        document = read(file.text)
        old = [*said(document.value)]
        assert len(old) > 5
        for one in mutants(file):
            new = [*said(one.of(document).value)]
            # What is left out whole, as a rule, takes what it says with it.
            assert all(text in old for text in new), one.what
            assert len(new) == len(old) or one.what.endswith(" was left out"), one.what


def test_condition_that_is_written_otherwise_than_read_is_changed_as_it_is_read(
    tmp_path: Path,
) -> None:
    """Where letters are escaped the new condition means the same."""
    file = authorization(tmp_path, TEXT)
    changed = [one for one in mutants(file) if one.what == '`"N"` became `"Nx"`']
    assert [one.value for one in changed] == ['trade.broker != "Nx"']


LISTS: Final = {
    "include: [us-10b-18]": "include: [{pack: us-10b-18, options: [actively-traded]}]",
    "include: [{pack: us-10b-18}]": ("include: [{options: [actively-traded], pack: us-10b-18}]"),
    "include: [{pack: us-10b-18, options: []}]": (
        "include: [{pack: us-10b-18, options: [actively-traded]}]"
    ),
    "include:\n  - pack: us-10b-18": (
        "include:\n  - options: [actively-traded]\n    pack: us-10b-18"
    ),
    "include:\n  - pack: ./desk\n    options:\n      - wild": (
        "include:\n  - pack: ./desk\n    options:\n      - wild\n      - calm"
    ),
    "include:\n  - pack: ./desk\n    options: [wild]": (
        "include:\n  - pack: ./desk\n    options: [wild, calm]"
    ),
}
HEAD: Final = """\
repurchase: 1
authorization: small
timezone: Asia/Tokyo
currency: JPY
instruments:
  common: {symbol: "1", venues: [XTKS]}
terms:
  max_shares: {value: 100 shares}
  last_day: {value: 2026-06-30}
"""
SMALL: Final = f"""\
{HEAD}rules:
  - id: share-cap
    require: program.shares_after <= terms.max_shares
  - {{id: window, require: trade.last_date <= terms.last_day}}
  - id: market-orders
    effect: review
    at: order
    when: trade.order_type == market
    require: trade.shares <= 5 shares
"""


@pytest.mark.parametrize("written", LISTS)
def test_option_is_turned_on_however_the_pack_is_included(tmp_path: Path, written: str) -> None:
    """The option is added to the list that there is, or with a list of its own."""
    file = authorization(tmp_path, f"{SMALL}{written}\n")
    (turned,) = (one for one in mutants(file) if one.what.endswith("was turned on"))
    document = turned.of(read(file.text))
    assert document.value == read(f"{SMALL}{LISTS[written]}\n").value
    option = turned.what.split("`")[1]
    packs = load_document(msgspec.structs.replace(document, name=file.file)).authorization.packs
    assert [one.on for one in packs[0].options if one.name == option] == [True]


ONE: Final = "  - id: one\n    require: trade.units < 2\n"
LEFT_OUT: Final = [
    ("rules: [{id: one, require: trade.units < 2}]\n", "rule `one`", ""),
    (f"include: [uk]\nrules:\n{ONE}", "pack `uk`", f"rules:\n{ONE}"),
    (f"rules:\n{ONE}  - {{id: two, require: trade.units < 3}}\n", "rule `two`", f"rules:\n{ONE}"),
    (f"rules:\n  - {{id: two, require: trade.units < 3}}\n{ONE}", "rule `two`", f"rules:\n{ONE}"),
    (f"rules:\n{ONE}    when: >\n      trade.side == buy\n", "`when`", f"rules:\n{ONE}"),
    (
        "rules:\n  - when: trade.side == buy\n    id: one\n    require: trade.units < 2\n",
        "`when`",
        f"rules:\n{ONE}",
    ),
    (
        "rules: [{id: one, when: trade.side == buy, require: trade.units < 2}]\n",
        "`when`",
        "rules: [{id: one, require: trade.units < 2}]\n",
    ),
]


@pytest.mark.parametrize(("rules", "what", "left"), LEFT_OUT)
def test_what_is_left_out_leaves_the_rest(tmp_path: Path, rules: str, what: str, left: str) -> None:
    """The only entry goes with its key; the first, a middle one and the last by themselves."""
    file = authorization(tmp_path, HEAD + rules)
    gone = [one for one in mutants(file) if re.fullmatch(f"{what}.* was left out", one.what)]
    document = read(file.text)
    assert [one.of(document).value for one in gone] == [read(HEAD + left).value]


# -- what is written in the place of a figure -----------------------------------------------------

UNITS: Final = ("{} shares", "JPY {}", "{}%", "{}")


@given(
    digits=st.integers(0, 10**12),
    places=st.integers(0, 6),
    is_grouped=st.booleans(),
    unit=st.sampled_from(UNITS),
)
def test_figure_is_one_off_in_its_last_place_or_its_point_is(
    digits: int, places: int, is_grouped: bool, unit: str
) -> None:
    """In its place is a figure one unit less or more, a tenth, ten times, or a bare percentage."""
    whole, rest = divmod(digits, 10**places)
    written = f"{whole:,}" if is_grouped else str(whole)
    text = unit.format(f"{written}.{rest:0{places}}" if places else written)
    step = read_figure(unit.format(Decimal(1).scaleb(-places)))
    figures = [read_figure(other) for other in operators.of_figure(text)]
    value = read_figure(text).value
    near = [value - step.value, value + step.value] if digits else [step.value]
    far = [value / Fraction(10), value * 10] if digits else []
    whole = [value * 100] if digits and unit == "{}%" else []
    assert [one.value for one in figures] == [*near, *far, *whole]
    assert {one.dimension for one in figures[: len(near + far)]} == {step.dimension}
    assert [one.dimension for one in figures[len(near + far) :]] == [BARE] * len(whole)


@pytest.mark.parametrize(
    ("text", "others"),
    [
        ("2008-03-01", ("2008-02-29", "2008-03-02", "2007-03-01", "2009-03-01")),
        ("2008-02-29", ("2008-02-28", "2008-03-01", "2007-02-28", "2009-02-28")),
        ("09:00", ("08:59", "09:01")),
        ("9:00", ("08:59", "09:01")),
        ("00:00", ("00:01",)),
        ("23:59", ("23:58",)),
        ("09:59:59", ("09:59:58", "10:00:00")),
        ("999 shares", ("998 shares", "1000 shares", "99.9 shares", "9990 shares")),
        ("1,000", ("999", "1,001", "100", "10,000")),
        ("1,000.5", ("1,000.4", "1,000.6", "100.05", "10,005")),
        ("9.99%", ("9.98%", "10.00%", "0.999%", "99.9%", "9.99")),
        ("25%", ("24%", "26%", "2.5%", "250%", "25")),
        ("0", ("1",)),
        ("0%", ("1%",)),
        ("0.0%", ("0.1%",)),
    ],
)
def test_figure_has_its_neighbours(text: str, others: tuple[str, ...]) -> None:
    """A day and a year, a minute or a second, a unit of the last place, ten times and a tenth."""
    assert operators.of_figure(text) == others


@pytest.mark.parametrize(
    ("zone", "venues", "others"),
    [
        ("Asia/Tokyo", ("XTKS",), ("UTC",)),
        ("Asia/Tokyo", ("XTKS", "XNAS"), ("America/New_York", "UTC")),
        ("Europe/London", ("XLON",), ("Asia/Tokyo",)),
        ("UTC", ("XLON",), ("Europe/London", "Asia/Tokyo")),
    ],
)
def test_clock_is_exchanged_for_those_of_the_venues_and_one_far_away(
    zone: str, venues: tuple[str, ...], others: tuple[str, ...]
) -> None:
    """A clock that shows the same day all winter would hardly be told from the other."""
    assert operators.of_zone(zone, venues) == others


# -- what becomes of them -------------------------------------------------------------------------

CASES: Final = """\
usual:
  {time: 2026-06-30T23:59:59+09:00, symbol: "1", venue: XTKS, side: buy, quantity: 1, price: 5,
  order_type: limit}
cases:
  - name: the last share fits
    given: {executed_shares: 99}
    event: {kind: order}
    expect: approved
  - name: one more does not
    given: {executed_shares: 100}
    event: {kind: order}
    expect: denied
    rules: [share-cap]
"""
STRONG: Final = f"""\
{CASES}
  - name: nor does a fill beyond its order
    given: [{{kind: order, id: o-1, quantity: 100}}]
    event: {{kind: fill, order: o-1, quantity: 101}}
    expect: denied
    rules: [engine.overrun, share-cap]
  - name: the next day is too late, in Tokyo
    event: {{kind: order, time: 2026-07-01T00:00:00+09:00}}
    expect: denied
    rules: [window]
  - name: also for an order of the day before
    event: {{kind: order, expires: 2026-07-01}}
    expect: denied
    rules: [window]
  - name: also for a fill
    given: [{{kind: order, id: o-1}}]
    event: {{kind: fill, order: o-1, time: 2026-07-01T00:00:00+09:00}}
    expect: denied
    rules: [engine.overrun, window]
  - name: an order of the day before in time
    event: {{kind: order, time: 2026-06-29T10:00:00+09:00}}
    expect: approved
  - name: on no other venue
    event: {{kind: order, venue: XNYS}}
    expect: denied
    rules: [engine.unknown-instrument, share-cap]
  - name: five shares at any price
    event: {{kind: order, quantity: 5, order_type: market, price: ""}}
    expect: approved
  - name: or four
    event: {{kind: order, quantity: 4, order_type: market, price: ""}}
    expect: approved
  - name: six are held
    event: {{kind: order, quantity: 6, order_type: market, price: ""}}
    expect: held
    rules: [market-orders]
  - name: of other orders any number fits
    event: {{kind: order, quantity: 6}}
    expect: approved
  - name: five shares after six of that day
    given: [{{kind: order, id: o-1, quantity: 6}}]
    event: {{kind: order, quantity: 5, order_type: market, price: ""}}
    expect: approved
  - name: what has happened is not held
    given: [{{kind: order, id: o-1, quantity: 5, order_type: market, price: ""}}]
    event: {{kind: fill, order: o-1, quantity: 6, order_type: market}}
    expect: denied
    rules: [engine.overrun]
"""


def small(folder: Path, cases: str) -> tuple[Path, Path]:
    """Write the small rule file and *cases* to *folder*, and return where they are."""
    rules, beside = folder / "small.yaml", folder / "small.cases.yaml"
    rules.write_text(SMALL)
    beside.write_text(cases)
    return rules, beside


def shown(mutant: Mutant) -> str:
    """Return *mutant* as the command lists it, its file aside."""
    return f"{mutant.line}:{mutant.column}: {mutant.what}"


def left(found: Mutation) -> list[str]:
    """Return the mutants of *found* that survive."""
    return [shown(one.mutant) for one in found.come_to("survived")]


# What two cases leave of the small file: its share cap is tested from both sides, and little else.
WEAK: Final = """\
3:11: `Asia/Tokyo` became `UTC`
9:21: `2026-06-30` became `2026-07-01`
9:21: `2026-06-30` became `2027-06-30`
11:5: rule `share-cap` was given `at: order`
12:35: `<=` became `==`
13:5: rule `window` was left out
13:5: rule `window` was given `effect: review`
13:5: rule `window` was given `effect: flag`
13:5: rule `window` was given `at: order`
13:5: rule `window` was given `at: fill`
13:27: `trade.last_date` became `trade.date`
13:27: `trade.last_date` became `trade.venue_date`
13:27: `trade.last_date` became `trade.venue_last_date`
13:43: `<=` became `==`
13:43: `<=` became `>=`
14:5: rule `market-orders` was left out
15:13: `review` became `deny`
15:13: `review` became `flag`
16:9: `order` became `fill`
16:9: `order` became `both`
17:11: `when` of rule `market-orders` was left out
17:11: `trade.order_type` became `trade.symbol`
17:11: `trade.order_type` became `trade.broker`
17:11: `trade.order_type` became `trade.counterparty`
17:11: `trade.order_type` became `trade.by`
17:28: `==` became `!=`
17:31: `market` became `limit`
18:14: `trade.shares` became `program.reserved_shares_after`
18:14: `trade.shares` became `program.shares_after`
18:14: `trade.shares` became `day.ordered_shares_after`
18:14: `trade.shares` became `day.executed_shares_after`
18:27: `<=` became `<`
18:27: `<=` became `==`
18:27: `<=` became `>=`
18:30: `5 shares` became `4 shares`
18:30: `5 shares` became `6 shares`
18:30: `5 shares` became `0.5 shares`
18:30: `5 shares` became `50 shares`
"""


def test_weak_cases_leave_what_they_do_not_look_at(tmp_path: Path) -> None:
    """Exactly the mutants survive that no case looks at."""
    found = mutation(*small(tmp_path, CASES))
    assert left(found) == WEAK.splitlines()
    refused = [one.mutant.what for one in found.come_to("invalid")]
    assert refused == [
        f"`trade.order_type` became `trade.{other}`"
        for other in (
            "side",
            "share_class",
            "venue",
            "venue_country",
            "venue_area",
            "venue_market",
            "method",
            "phase",
        )
    ]
    assert [one.case is not None for one in found.tried] == [
        one.fate == "killed" for one in found.tried
    ]


METHODS: Final = f"""\
{HEAD}rules:
  - {{id: how, require: trade.order_type == limit and trade.method == auction}}
"""


def test_part_that_no_case_fails_alone_survives(tmp_path: Path) -> None:
    """Cases that only differ in the method say nothing of the order type beside it."""
    rules, cases = small(tmp_path, METHOD_CASES)
    rules.write_text(METHODS)
    gone = "11:24: `trade.order_type == limit` was left out"
    assert gone in left(mutation(rules, cases))
    cases.write_text(f"{METHOD_CASES}{MARKET_CASE}")
    assert gone not in left(mutation(rules, cases))


METHOD_CASES: Final = """\
usual: {date: 2026-06-01, symbol: "1", side: buy, quantity: 1, price: 5}
cases:
  - name: in the auction
    event: {kind: order, order_type: limit, method: auction}
    expect: approved
  - name: off the auction
    event: {kind: order, order_type: limit, method: off_auction}
    expect: denied
    rules: [how]
  - name: a block that fills an order in the auction
    given: [{kind: order, id: o-1, order_type: limit, method: auction}]
    event: {kind: fill, order: o-1, method: block}
    expect: denied
    rules: [how]
"""
MARKET_CASE: Final = """\
  - name: at any price
    event: {kind: order, order_type: market, method: auction, price: ""}
    expect: denied
    rules: [how]
"""


def test_strong_cases_kill_everything(tmp_path: Path) -> None:
    """Both sides of each limit, each effect and each kind of event: nothing is left."""
    found = mutation(*small(tmp_path, STRONG))
    assert (found.wrong, left(found)) == ((), [])
    assert {one.fate for one in found.tried} == {"invalid", "killed"}


def test_gap_kills_no_mutant(tmp_path: Path) -> None:
    """A quote that does not say the figure any more is for `lint` to tell: the file loads."""
    rules, cases = small(tmp_path, CASES)
    term = '{value: 2026-06-30, quote: "until June 30, 2026"}'
    rules.write_text(SMALL.replace("{value: 2026-06-30}", term))
    assert "9:21: `2026-06-30` became `2026-07-01`" in left(mutation(rules, cases))


def test_check_makes_a_mutant_invalid(tmp_path: Path) -> None:
    """A figure that a check holds to another is told on reading the file."""
    rules, cases = small(tmp_path, CASES)
    check = "checks: [{id: announced, require: terms.last_day == 2026-06-30}]\n"
    rules.write_text(SMALL + check)
    found = mutation(rules, cases)
    refused = [one.mutant.what for one in found.come_to("invalid")]
    others = ("2026-06-29", "2026-07-01", "2025-06-30", "2027-06-30")
    assert [what for what in refused if what.startswith("`2026")] == [
        f"`2026-06-30` became `{other}`" for other in others
    ]


def test_nothing_is_changed_while_a_case_fails(tmp_path: Path) -> None:
    """Cases that do not hold of the file as it is can say nothing of another."""
    found = mutation(*small(tmp_path, CASES.replace("expect: denied", "expect: held")))
    assert (len(found.wrong), found.tried) == (1, ())


def test_what_proves_equal_is_set_apart(tmp_path: Path) -> None:
    """Only survivors are asked about, with the file as it was beside it."""
    rules, cases = small(tmp_path, CASES)
    found = mutation(rules, cases)
    asked: list[tuple[Authorization, Authorization]] = []

    def same(old: Editions, new: Editions) -> bool:
        asked.append((old.authorization, new.authorization))
        return new.authorization.terms[1].versions[0].figure == read_figure("2026-07-01")

    proved = apart(found, same)
    survivors = [one.mutant for one in found.come_to("survived")]
    document = msgspec.structs.replace(read(SMALL), name=str(rules))
    means = load(rules).authorization
    assert asked == [(means, read_authorization(one.of(document))) for one in survivors]
    assert [one.mutant.what for one in proved.come_to("equivalent")] == [
        "`2026-06-30` became `2026-07-01`"
    ]
    assert [one.mutant for one in proved.tried] == [one.mutant for one in found.tried]
    assert len(left(proved)) == len(survivors) - 1


# No case can kill these, and they prove to be equivalent: `shares_outstanding` and
# `treasury_shares` are read by a check alone or
# by nothing, and what `share-class` requires holds of each fill of an open order, and of each
# correct that raises nothing, as only those of a listed instrument are such.
UNSEEN: Final = {
    "iij-2008": [
        "32:13: `206,478 shares` became `206,477 shares`",
        "32:13: `206,478 shares` became `206,479 shares`",
        "35:12: `0 shares` became `1 shares`",
        "67:5: rule `share-class` was given `at: order`",
    ],
    "jp-2017": ["36:5: rule `share-class` was given `at: order`"],
    "jp-2023": ["37:5: rule `share-class` was given `at: order`"],
}


@pytest.mark.slow
@pytest.mark.parametrize("name", library.rule_names())
def test_cases_of_shipped_files_leave_none(name: str) -> None:
    """Every figure, date, word and sign that decides anything is held by a case."""
    rules = library.rule_path(name)
    found = mutation(rules, cases_path(rules))
    assert left(found) == UNSEEN[name]
    assert left(apart(found, proved_same)) == []


def proved_same(old: Editions, new: Editions) -> bool:
    return same(old, new, time.monotonic_ns, 600_000)


def test_case_that_is_gone_is_missed(tmp_path: Path) -> None:
    """Without the case of an order that says no side, nobody sees whether its rule denies."""
    shipped_rules = library.rule_path("jp-2017")
    rules, cases = tmp_path / "jp-2017.yaml", tmp_path / "jp-2017.cases.yaml"
    rules.write_text(shipped_rules.read_text())
    text = cases_path(shipped_rules).read_text()
    case = text[text.index("  - name: a side that") : text.index("  - name: a purchase that")]
    cases.write_text(text.replace(case, ""))
    assert left(mutation(rules, cases)) == [
        *UNSEEN["jp-2017"],
        "40:5: rule `buys-only` was given `effect: review`",
        "40:5: rule `buys-only` was given `effect: flag`",
    ]


@pytest.mark.slow
def test_mutants_leave_no_rule_sets_behind(tmp_path: Path) -> None:
    """What was compiled for each is let go: hundreds more take no more room."""
    shipped_rules = library.rule_path("jp-2017")
    rules, cases = tmp_path / "rules.yaml", cases_path(shipped_rules)

    def try_all(name: str) -> int:
        # By another name each edition is another, and none is loaded already.
        rules.write_text(shipped_rules.read_text().replace("jp-2017", name))
        assert mutation(rules, cases).tried
        return resident()

    before = try_all("one")
    assert max(try_all("two"), try_all("three")) - before < 10_000


# -- the command ----------------------------------------------------------------------------------


@pytest.mark.slow
def test_command_lists_what_survives(tmp_path: Path) -> None:
    """Each has its place, with exit code 1; what is killed is counted."""
    small(tmp_path, CASES)
    ended = run("test", "--mutate", "small.yaml", cwd=tmp_path)
    assert (ended.code, ended.err) == (1, "2 of 2 cases pass\n")
    lines = ended.out.splitlines()
    assert lines[:-3] == [f"small.yaml:{line}, survived" for line in WEAK.splitlines()]
    assert lines[-2].split() == ["small.yaml", "69", "8", "23", "0", "38"]
    assert lines[-1] == "SURVIVED: 38 mutants"
    assert run("test", "--mutate", cwd=tmp_path) == ended


def test_command_answers_programs(tmp_path: Path) -> None:
    """Each mutant stands with its place and its fate, and with the case that killed it, if any."""
    small(tmp_path, CASES)
    ended = run("test", "--mutate", "small.yaml", "--json", cwd=tmp_path)
    answer = ended.json
    counts = {name: len(answer[name]) for name in ("invalid", "killed", "equivalent", "survived")}
    assert counts == {"invalid": 8, "killed": 23, "equivalent": 0, "survived": 38}
    assert (answer["mutants"], answer["cases"], answer["failed"]) == (69, 2, [])
    what = "`Asia/Tokyo` became `UTC`"
    assert answer["survived"][0] == {"file": "small.yaml", "line": 3, "column": 11, "what": what}
    assert {one["case"] for one in answer["killed"]} == {
        "the last share fits",
        "one more does not",
    }


def test_command_with_nothing_left_ends_with_0(tmp_path: Path) -> None:
    """All is killed, and it says so."""
    small(tmp_path, STRONG)
    ended = run("test", "--mutate", "small.yaml", cwd=tmp_path)
    assert (ended.code, ended.out.splitlines()[-1]) == (
        0,
        "KILLED: no mutant survived",
    )


def test_command_says_that_a_case_fails(tmp_path: Path) -> None:
    """It tells which, as without the option, and tries nothing."""
    small(tmp_path, CASES.replace("expect: denied", "expect: held"))
    ended = run("test", "--mutate", "small.yaml", cwd=tmp_path)
    assert ended.code == 1
    assert ended.lines == [
        "small.cases.yaml:9: one more does not: expected held, got denied, by share-cap",
        "1 of 2 cases pass",
        "small.cases.yaml: no mutants were made, because its cases do not pass",
    ]
    assert ended.out == ""


def test_command_with_a_file_that_has_errors_ends_with_2(tmp_path: Path) -> None:
    """What does not load cannot be changed by one thing."""
    rules, _ = small(tmp_path, CASES)
    rules.write_text(SMALL.replace("program.shares_after", "program.share_after"))
    ended = run("test", "--mutate", "small.yaml", cwd=tmp_path)
    assert (ended.code, ended.out) == (2, "")
    assert ended.err.startswith("small.yaml:12:14: unknown fact `program.share_after`")


def test_command_without_the_prover_says_what_to_install(tmp_path: Path) -> None:
    """All survivors are listed then, with what would set apart the equivalent ones."""
    small(tmp_path, CASES)
    (tmp_path / "z3.py").write_text("raise ImportError\n")
    arguments = ("test", "--mutate", "small.yaml", "--json")
    ended = run(*arguments, cwd=tmp_path, PYTHONPATH=str(tmp_path))
    assert (ended.code, "pip install 'repurchase[prove]'" in ended.err) == (1, True)
    assert (len(ended.json["survived"]), ended.json["equivalent"]) == (38, None)


@pytest.mark.slow
def test_command_that_is_stopped_ends_with_130() -> None:
    """Ctrl-C leaves at once, in the midst of the mutants."""
    command = [str(Path(sys.executable).parent / "repurchase"), "test", "--mutate", "iij-2008"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(2)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate()
    assert (process.returncode, out, err.strip()) == (130, b"", b"stopped")
