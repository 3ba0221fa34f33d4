"""Rule files: what a good one comes to, and what is said of each fault, with its place."""

from __future__ import annotations

import json
import os
from datetime import date
from fractions import Fraction
from pathlib import Path
from typing import Final

import pytest
from msgspec.structs import replace

from repurchase.domain.errors import RuleFileError, UsageError
from repurchase.domain.quantities import DATE, SHARES, money
from repurchase.domain.terms import Validity
from repurchase.rulebook.build import read, read_authorization, read_text
from repurchase.rulebook.editions import load_text
from repurchase.rulebook.lint import lint_findings
from repurchase.rulebook.model import Authorization
from repurchase.rulebook.schema import json_schema
from repurchase.rulebook.yaml_reader import read_document

SAMPLE: Final = """\
repurchase: 1                                   # version of this format
authorization: iij-2008
issuer: Internet Initiative Japan Inc.
resolved: 2008-10-28
basis: Corporation Law, Article 156(1) as applied by Article 165(3)
sources:
  announcement:
    title: Exhibit 1, repurchase of own shares, Tokyo, 2008-10-28
    sha256: 16cc850002889cb03c68d8cd77443da627e339ce43713d277cdcaebc46b5a036
timezone: Asia/Tokyo
currency: JPY
amount_basis: contract

instruments:
  common: {symbol: "3774", venues: [XTKS]}
  ads: {symbol: IIJI, venues: [XNAS], currency: USD, per_share: 400, fx_margin: 0%}

terms:
  max_shares: {value: "4,000 shares", quote: "Up to 4,000 shares"}
  max_amount: {value: "JPY 400,000,000", quote: "Up to JPY 400,000,000"}
  first_day: {value: 2008-11-14, quote: "From November 14, 2008"}
  last_day: {value: 2009-01-30, quote: "to January 30, 2009"}
  shares_outstanding: {value: "206,478 shares", quote: "206,478 shares"}
  treasury_shares: {value: 0 shares, quote: "0 shares"}

checks:
  - id: stated-percentage
    quote: "Equivalent to 1.94% of the common shares outstanding"
    require: 1.935% * terms.shares_outstanding <= terms.max_shares

rules:
  - id: share-cap
    require: program.shares_after <= terms.max_shares
  - id: amount-cap
    require: program.amount_after <= terms.max_amount
  - id: window
    require: terms.first_day <= trade.date and trade.last_date <= terms.last_day
  - id: share-class
    quote: "may include IIJ's American Depository Shares"
    require: trade.share_class in [common, ads]
  - id: buys-only
    require: trade.side == buy
"""
UNREAD: Final = (
    "%s:3: no rule that denies orders reads `terms.%s`, so it limits no order; "
    "add a rule that reads it"
)
ENDLESS: Final = (
    " nothing limits %s; add a rule that requires `program.%s_after <= ` a figure, or write"
    " `unlimited: [%s]`"
)
CAP: Final = "program.shares_after <= terms.max_shares"
BUYS: Final = "require: trade.side == buy"
MAX_SHARES: Final = 'max_shares: {value: "4,000 shares", quote: "Up to 4,000 shares"}'
FIRST: Final = 'first_day: {value: 2008-11-14, quote: "From November 14, 2008"}'
LAST: Final = 'last_day: {value: 2009-01-30, quote: "to January 30, 2009"}'


def changed(old: str, new: str) -> str:
    """Return the sample with its first *old* replaced."""
    assert old in SAMPLE
    return SAMPLE.replace(old, new, 1)


def load(text: str) -> Authorization:
    return read_text(text.encode(), "iij.yaml")


def problems(text: str) -> list[str]:
    """Return what is said of the rule file *text*, without its name; nothing where it loads."""
    try:
        load(text)
    except RuleFileError as error:
        return [str(problem).removeprefix("iij.yaml:") for problem in error.problems]
    return []


def left_open(text: str) -> list[str]:
    found = lint_findings(load_text(text.encode(), "iij.yaml"))
    return [str(gap).removeprefix("iij.yaml:") for gap in found]


def test_sample_loads_without_gaps() -> None:
    """The rule file of the documentation has neither an error nor a gap."""
    assert (problems(SAMPLE), left_open(SAMPLE)) == ([], [])


def test_head_of_the_file_is_kept_as_written() -> None:
    """What identifies the authorization stands in it, and the text to the letter."""
    found = load(SAMPLE)
    assert (
        found.name,
        found.issuer,
        found.resolved,
        found.timezone,
        found.currency,
        found.with_fees,
        found.sources[0].name,
        found.file,
        found.text,
    ) == (
        "iij-2008",
        "Internet Initiative Japan Inc.",
        date(2008, 10, 28),
        "Asia/Tokyo",
        "JPY",
        False,
        "announcement",
        "iij.yaml",
        SAMPLE,
    )


def test_programme_is_announced_on_the_day_of_its_resolution_or_later() -> None:
    """The day is kept; where the file does not have it, it is not known."""
    for day in ("2008-10-28", "2008-11-13"):
        text = changed("basis:", f"announced: {day}\nbasis:")
        assert (problems(text), load(text).announced) == ([], date.fromisoformat(day))
    assert load(SAMPLE).announced is None
    assert load(changed("resolved: 2008-10-28", "announced: 2008-10-27")).resolved is None


def test_terms_are_exact_figures_with_dimensions() -> None:
    """Shares, money and dates are read from their text, digit by digit."""
    figures = {
        term.name: (term.versions[0].figure.value, term.dimension) for term in load(SAMPLE).terms
    }
    assert figures == {
        "max_shares": (4000, SHARES),
        "max_amount": (400_000_000, money("JPY")),
        "first_day": (date(2008, 11, 14).toordinal(), DATE),
        "last_day": (date(2009, 1, 30).toordinal(), DATE),
        "shares_outstanding": (206_478, SHARES),
        "treasury_shares": (0, SHARES),
    }


def test_instruments_have_exact_ratios() -> None:
    """Without a ratio a unit is one share; 400 units a share make a 400th each."""
    ratios = {
        one.name: (one.symbol, one.currency, one.shares_each[0].figure.value, one.fx_margin)
        for one in load(SAMPLE).instruments
    }
    assert ratios == {
        "common": ("3774", "JPY", 1, 0),
        "ads": ("IIJI", "USD", Fraction(1, 400), 0),
    }


def test_shares_each_is_taken_as_it_stands() -> None:
    """A unit of ten shares is ten shares."""
    found = load(changed("per_share: 400", "shares_each: 10"))
    assert found.instruments[1].shares_each[0].figure.value == 10


def test_rule_keeps_all_that_it_says() -> None:
    """Each key of a rule arrives in its noun, with the place of the rule."""
    text = changed(
        BUYS,
        "title: Buys\n    cite: Article 155\n    why: It is a repurchase.\n    effect: review\n"
        "    at: order\n    from: 2008-11-14\n    until: 2008-12-31\n    known: 2008-10-28\n"
        "    quote: own shares\n    figure: own\n    source: announcement\n"
        f"    when: trade.venue == XTKS\n    {BUYS}",
    )
    rule = load(text).rules[-1]
    assert rule.quote is not None
    assert rule.when is not None
    assert (
        rule.title,
        rule.cite,
        rule.why,
        rule.effect,
        rule.at,
        rule.validity,
        (rule.quote.text, rule.quote.figure, rule.quote.source),
        rule.when.text,
        (rule.line, rule.column),
    ) == (
        "Buys",
        "Article 155",
        "It is a repurchase.",
        "review",
        "order",
        Validity(date(2008, 11, 14), date(2008, 12, 31), date(2008, 10, 28)),
        ("own shares", "own", "announcement"),
        "trade.venue == XTKS",
        (41, 5),
    )


def test_rule_has_stated_defaults() -> None:
    """A rule that says no more denies orders and fills, always."""
    rule = load(SAMPLE).rules[0]
    assert (rule.effect, rule.at, rule.validity, rule.when) == ("deny", "both", Validity(), None)


def test_folded_expression_is_kept_on_one_line() -> None:
    """A long condition may go over several lines."""
    found = load(changed(CAP, ">\n      program.shares_after\n      <= terms.max_shares"))
    assert found.rules[0].require.text == CAP


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        (">\n      trade.broker  == 'A  B'\n      or trade.side == buy", "A  B"),
        ("|\n      trade.broker\n      == 'A\u3000B'", "A\u3000B"),
        ("\"trade.broker == 'A\\_ B'\"", "A\u00a0 B"),
        ("trade.broker  ==  'A  B'", "A  B"),
    ],
)
def test_white_space_in_quotes_is_kept(written: str, kept: str) -> None:
    """However an expression is written down, its quoted words are taken to the letter."""
    assert kept in load(changed("trade.side == buy", written)).rules[-1].require.words


BAD: Final = [
    # The keys and kinds of value.
    ("issuer:", "isuer:", ["3:1: unknown key `isuer`; did you mean `issuer`?"]),
    ("issuer: Internet Initiative Japan Inc.", "issuer:", ["3:8: `issuer` has no value"]),
    ("issuer: Internet Initiative Japan Inc.", 'issuer: ""', ["3:9: `issuer` has no value"]),
    (
        "issuer: Internet Initiative Japan Inc.",
        "issuer: [a]",
        ["3:9: `issuer` takes text, but its value is a list"],
    ),
    (
        "issuer: Internet Initiative Japan Inc.",
        f"issuer: {'x' * 201}",
        ["3:9: the text has 201 characters; write at most 200"],
    ),
    (
        "basis: Corp",
        f"basis: {'x' * 2000}",
        ["5:8: the text has 2,056 characters; write at most 2,000"],
    ),
    ("timezone: Asia/Tokyo\n", "", ["1:1: the key `timezone` is missing"]),
    (BUYS, "effect: deny", ["41:5: the key `require` is missing"]),
    (
        "  - id: buys-only\n",
        "  - buys-only\n  - id: x\n",
        ["41:5: an entry of `rules` takes a mapping, but its value is text"],
    ),
    (
        MAX_SHARES,
        "max_shares: 4000 shares",
        [
            (
                "19:15: `max_shares` takes a mapping, but its value is text; "
                "write `{value: 4000 shares}`"
            )
        ],
    ),
    (
        "per_share: 400",
        "per_share: [{valu: 400, value: 400}]",
        ["16:67: unknown key `valu`; did you mean `value`?"],
    ),
    # The head.
    (
        "repurchase: 1",
        "repurchase: 2",
        ["1:13: the format version `2` is unknown; write `repurchase: 1`"],
    ),
    (
        "authorization: iij-2008",
        "authorization: IIJ",
        [
            (
                "2:16: `IIJ` is not a valid name; use lower-case letters, digits and "
                "hyphens, with a letter first"
            )
        ],
    ),
    ("2008-10-28", "2008-02-30", ["4:11: `2008-02-30` is no day that exists"]),
    ("2008-10-28", "yesterday", ["4:11: `yesterday` is not a date; write it as 2008-11-14"]),
    # What the user wrote is shown whole, whatever stands in it.
    (
        "2008-10-28",
        '"soon; or later"',
        ["4:11: `soon; or later` is not a date; write it as 2008-11-14"],
    ),
    (
        "sha256: 16cc",
        "sha256: 16CC",
        [
            (
                "9:13: `16CC850002889cb03c68d8cd77443da627e339ce43713d277cdcaebc46b…` is not "
                "a valid SHA-256; write its 64 hexadecimal digits, as sha256sum does"
            )
        ],
    ),
    (
        "Asia/Tokyo",
        "Asia/Tokio",
        ["10:11: unknown time zone `Asia/Tokio`; did you mean `Asia/Tokyo`?"],
    ),
    (
        "currency: JPY",
        "currency: yen",
        ["11:11: `yen` is not a valid currency code; write three capital letters, such as `JPY`"],
    ),
    (
        "amount_basis: contract",
        "amount_basis: with_fee",
        ["12:15: `with_fee` is not one of the choices; did you mean `with_fees`?"],
    ),
    # Instruments.
    (
        "[XTKS]",
        "[XTKX]",
        [
            (
                "15:37: unknown venue `XTKX`; ISO 10383 does not list it; correct it, or add it "
                "under `venues`: {XTKX: Asia/Tokyo}, with its time zone"
            )
        ],
    ),
    ("[XTKS]", "[]", ["15:36: the list is empty; name at least one"]),
    ("[XTKS]", "XTKS", ["15:36: `venues` takes a list, but its value is text"]),
    (
        "[XTKS]",
        "[XTKS, XTKS]",
        ["15:43: `3774` on `XTKS` is listed twice; see instrument `common`"],
    ),
    (
        "symbol: IIJI, venues: [XNAS]",
        'symbol: "3774", venues: [XNAS, XTKS]',
        ["16:40: `3774` on `XTKS` is listed twice; see instrument `common`"],
    ),
    (
        "per_share: 400",
        "per_share: 400, shares_each: 2",
        ["16:70: `per_share` and `shares_each` are both given; keep one"],
    ),
    ("per_share: 400", "per_share: 0", ["16:65: `per_share` is not above zero"]),
    (
        "per_share: 400",
        "per_share: 4 shares",
        ["16:65: `per_share` takes a number, but its value is a number of shares"],
    ),
    ("fx_margin: 0%", "fx_margin: 2", ["16:81: `2` is not a percentage; write it as `25%`"]),
    (
        "per_share: 400",
        "per_share: [{value: 400, until: 2008-12-31}, {value: 200, from: 2008-12-31}]",
        [
            (
                "16:99: two versions of `per_share` are in effect on the same day; the "
                "other is at 16:66; "
                "set `until`, `from` or `known`"
            )
        ],
    ),
    (
        "instruments:\n  common",
        "instruments:\n  not",
        [
            (
                "15:3: `not` is not a valid instrument name; "
                "use lower-case letters, digits and underscores, with a letter first"
            ),
            "40:36: `trade.share_class` cannot be `common`; it can be `not`, `ads`",
        ],
    ),
    # Terms.
    (
        MAX_SHARES,
        f'{MAX_SHARES}\n  "[key]": {{value: 4 shares, "(mapping)": 1}}',
        [
            (
                "20:3: `[key]` is not a valid term name; "
                "use lower-case letters, digits and underscores, with a letter first"
            ),
            (
                "20:30: unknown key `(mapping)`; the keys here are "
                "`quote`, `figure`, `source`, `from`, `until`, `known`, `by`, `approved_by`, "
                "`value`, `cite`"
            ),
        ],
    ),
    (
        "JPY 400,000,000",
        "4 shares",
        [
            (
                "20:23: `max_amount` takes an amount of money, but its value is a "
                "number of shares; "
                "write it as `JPY 400,000,000`"
            )
        ],
    ),
    (
        "value: 2009-01-30",
        'value: "09:30"',
        [
            (
                "22:21: `last_day` takes a date, but its value is a time of day; write "
                "it as `2008-11-14`"
            )
        ],
    ),
    (
        '"4,000 shares"',
        "12:30",
        ['19:23: `12:30` is not text to every reader of YAML; write "12:30"'],
    ),
    (
        "issuer: Internet",
        "issuer: |\n  Two\n  lines\n#",
        ["3:9: the text has more than one line; write it on one line"],
    ),
    (
        "2008-10-28",
        "'\uff12\uff10\uff10\uff18-10-28'",
        ["4:11: `\uff12\uff10\uff10\uff18-10-28` is not a date; write it as `2008-11-14`"],
    ),
    (
        '"4,000 shares"',
        "4000",
        [
            (
                "19:23: `max_shares` takes a number of shares, but its value is a number without "
                "a unit; write it as `4,000 shares`"
            )
        ],
    ),
    ('"4,000 shares"', "0 shares", ["19:23: the cap `max_shares` is not above zero"]),
    ("JPY 400,000,000", "JPY 0", ["20:23: the cap `max_amount` is not above zero"]),
    (
        "JPY 400,000,000",
        "USD 400",
        ["20:23: `max_amount` is in USD; the program's currency is JPY"],
    ),
    (
        "value: 2008-11-14",
        "value: 2009-01-31",
        ["21:22: `first_day` 2009-01-31 is after `last_day` 2009-01-30"],
    ),
    (
        "basis: Corporation Law, Article 156(1) as applied by Article 165(3)",
        "announced: 2008-10-27",
        ["5:12: `announced` 2008-10-27 is before `resolved` 2008-10-28"],
    ),
    (
        MAX_SHARES,
        "max_shares: [{value: 4 shares}, {value: 5 shares}]",
        [
            (
                "19:35: two versions of `max_shares` are in effect on the same day; "
                "the other is at 19:16; "
                "set `until`, `from` or `known`"
            )
        ],
    ),
    (
        MAX_SHARES,
        "max_shares: [{value: 4 shares}, {value: JPY 5, known: 2008-12-01}]",
        [
            (
                "19:43: `max_shares` takes a number of shares, but its value is an "
                "amount of money; "
                "write it as `4,000 shares`"
            )
        ],
    ),
    (MAX_SHARES, "max_shares: []", ["19:15: the list has 0 versions; give 1 to 40"]),
    (
        MAX_SHARES,
        "max_shares: {value: 4 shares, from: 2009-01-02, until: 2009-01-01}",
        ["19:58: `until` 2009-01-01 is before `from` 2009-01-02"],
    ),
    (
        MAX_SHARES,
        "max_shares: {value: 4 shares, known: 2009-01-02, until: 2009-01-01}",
        ["19:40: `known` 2009-01-02 is after `until` 2009-01-01"],
    ),
    (
        'quote: "0 shares"}',
        'quote: "0 shares", source: announcment}',
        ["24:65: unknown source `announcment`; did you mean `announcement`?"],
    ),
    (
        'quote: "0 shares"}',
        "figure: nought}",
        ["24:38: `figure` is given without a `quote`; add the quote"],
    ),
    (
        "  treasury_shares",
        "  treasure_shares",
        [
            (
                "24:3: no rule and no check reads the term `treasure_shares`; "
                "did you mean `treasury_shares`?"
            )
        ],
    ),
    (
        "  treasury_shares",
        "  treasury-shares",
        [
            (
                "24:3: `treasury-shares` is not a valid term name; "
                "use lower-case letters, digits and underscores, with a letter first"
            )
        ],
    ),
    # Checks and rules.
    (
        "1.935% * terms.shares_outstanding",
        "program.shares",
        [
            (
                "29:14: the check reads the fact `program.shares`, but may read only "
                "terms; make it a rule"
            )
        ],
    ),
    (
        "id: share-cap",
        "id: window",
        ["36:9: the id `window` is used twice; choose another id: the first is at 32:9"],
    ),
    (
        "id: share-cap",
        "id: stated-percentage",
        ["32:9: the id `stated-percentage` is used twice; choose another id: the first is at 27:9"],
    ),
    (CAP, "1 < 2", ["33:14: the rule does not read any fact; make it a check"]),
    (
        BUYS,
        f"{BUYS}\n    effect: dney",
        ["43:13: `dney` is not one of the choices; did you mean `deny`?"],
    ),
    (
        BUYS,
        f"{BUYS}\n    at: fills",
        ["43:9: `fills` is not one of the choices; did you mean `fill`?"],
    ),
    (
        BUYS,
        f"{BUYS}\n    from: 2009-01-02\n    until: 2009-01-01",
        ["44:12: `until` 2009-01-01 is before `from` 2009-01-02"],
    ),
    (BUYS, f"{BUYS}\n    when:", ["43:10: `when` has no value"]),
    (
        "rules:",
        "include: [jp-ordr-59, ./own, ../other, {pack: jp-order-59, option: [x]}]\nrules:",
        [
            "31:11: there is no pack `jp-ordr-59`; did you mean `jp-order-59`?",
            (
                "31:23: the pack `./own` cannot be read: the file does not exist; it "
                "must be at own.yaml"
            ),
            (
                "31:30: `../other` is not a valid pack name; write it as `jp-order-59` "
                "or `./own-rules`"
            ),
            "31:60: unknown key `option`; did you mean `options`?",
        ],
    ),
    # Expressions, with the column inside the text.
    (
        CAP,
        "program.shares_aftr <= terms.max_shares",
        ["33:14: unknown fact `program.shares_aftr`; did you mean `program.shares_after`?"],
    ),
    (
        CAP,
        "program.shares_after <= terms.max_share",
        ["33:38: unknown term `terms.max_share`; did you mean `terms.max_shares`?"],
    ),
    (
        CAP,
        '"program.shares_after <= terms.max_share"',
        ["33:39: unknown term `terms.max_share`; did you mean `terms.max_shares`?"],
    ),
    (
        CAP,
        "'trade.symbol != ''x'' and 1 < terms.max_share'",
        ["33:14: unknown term `terms.max_share`; did you mean `terms.max_shares`?"],
    ),
    (
        CAP,
        ">\n      program.shares_after\n      <= terms.max_share",
        ["33:14: unknown term `terms.max_share`; did you mean `terms.max_shares`?"],
    ),
    (
        CAP,
        "trade.symbol != 'a  b'   and 1 < terms.max_share",
        ["33:47: unknown term `terms.max_share`; did you mean `terms.max_shares`?"],
    ),
    (
        CAP,
        "|\n      trade.broker != 'a\n      b'",
        ["33:14: `'` does not belong here; close the quotes, on the same line"],
    ),
    (
        BUYS,
        f"{BUYS}\n    when: trade.side == by",
        ["43:25: `trade.side` cannot be `by`; did you mean `buy`?"],
    ),
]


@pytest.mark.parametrize(("old", "new", "said"), BAD, ids=[said[0] for *_, said in BAD])
def test_fault_is_told_with_its_place(old: str, new: str, said: list[str]) -> None:
    """Each fault is told at its line and column, with what would be right, and nothing else."""
    assert problems(changed(old, new)) == said


def test_all_faults_are_told_at_once() -> None:
    """A wrong figure, an unknown key and a wrong expression need one run, not three."""
    text = changed(MAX_SHARES, 'max_shares: {value: "4,00 shares"}')
    text = text.replace("\nbasis:", "\nbases:").replace("trade.side == buy", "trade.sid == buy")
    assert problems(text) == [
        "5:1: unknown key `bases`; did you mean `basis`?",
        (
            "19:23: `4,00` is not grouped by thousands; "
            "group thousands by commas, as in `4,000`, or not at all"
        ),
        "42:14: unknown fact `trade.sid`; did you mean `trade.side`?",
    ]


def test_places_hold_behind_a_rule_that_is_left_out() -> None:
    """A rule that cannot be read shifts no place of those after it."""
    text = changed("id: share-cap", "id: Share").replace("trade.side == buy", "1 < 2")
    assert problems(text) == [
        (
            "32:9: `Share` is not a valid name; use lower-case letters, digits and "
            "hyphens, with a letter first"
        ),
        "42:14: the rule does not read any fact; make it a check",
    ]


@pytest.mark.parametrize(("count", "said"), [(24, []), (25, ["33:14"])])
def test_comparisons_are_counted(count: int, said: list[str]) -> None:
    """Twenty-four comparisons are taken, one more is not."""
    text = changed(CAP, " or ".join(f"program.shares_after <= {n}" for n in range(count)))
    assert [told.split(": ")[0] for told in problems(text)] == said


def test_expansion_past_all_bounds_is_told() -> None:
    """An expression whose min and max multiply without end is refused, not written out."""
    sides = " + ".join("min(program.shares, 1, 2, 3)" for _ in range(40))
    (said,) = problems(changed(CAP, f"{sides} <= 4"))
    assert said.startswith("33:14: ")


def test_thousands_of_rules_are_refused() -> None:
    """A thousand rules are read at most."""
    assert problems(SAMPLE + "  - {}\n" * 996) == [
        "32:3: there are 1,001 entries; give at most 1,000"
    ]


def test_file_of_nothing_right_tells_what_is_missing() -> None:
    """A mapping without any key of ours is told the keys that it must have."""
    said = problems("<<: {a: b}\nc: d\n")
    assert said == ["1:1: the merge key `<<` is not allowed; write the keys themselves"]


@pytest.mark.parametrize(
    ("text", "count"),
    [
        # One of these was read to its end or not, as the order of a set had it.
        (
            "".join(f"{key}: !a {{one: !b x}}\n" for key in ("sources", "instruments", "terms"))
            + "".join(f"{key}: !a [!b x]\n" for key in ("checks", "rules")),
            10,
        ),
        ("<<: {a: b}\nterms: [!a x]\nrules: {one: !a x}\n", 3),
        ("terms: {<<: 1, one: !a 1}\nrules: [{<<: 1, id: !a x}]\n", 4),
    ],
)
def test_fault_within_a_fault_is_told(text: str, count: int) -> None:
    """A part that is wrong within another that is wrong makes errors, and nothing else."""
    said = problems(text)
    assert sum("the tag " in told or "the merge key " in told for told in said) == count


def test_twenty_thousand_faults_are_told_in_part() -> None:
    """Past a hundred, only the number of further faults is told."""
    text = SAMPLE + "".join(f"key{number}: 1\n" for number in range(20_000))
    said = problems(text)
    assert (len(said), said[-1]) == (101, " 19,900 more problems are not shown")


@pytest.mark.parametrize(
    ("first", "last", "said"),
    [
        # Each amendment replaces both ends: no old end meets a new one.
        (
            "[{value: 2008-11-14}, {value: 2009-02-02, known: 2009-01-05}]",
            "[{value: 2009-01-30}, {value: 2009-03-31, known: 2009-01-05}]",
            [],
        ),
        # The new beginning is known before the new end.
        (
            "[{value: 2008-11-14}, {value: 2009-02-02, known: 2009-01-05}]",
            "[{value: 2009-01-30}, {value: 2009-03-31, known: 2009-01-06}]",
            ["21:44: `first_day` 2009-02-02 is after `last_day` 2009-01-30"],
        ),
        # A period for each year.
        (
            "[{value: 2008-11-14, until: 2008-12-31}, {value: 2009-02-02, from: 2009-01-01}]",
            "[{value: 2008-12-19, until: 2008-12-31}, {value: 2009-03-31, from: 2009-01-01}]",
            [],
        ),
        (
            "[{value: 2008-11-14, until: 2008-12-31}, {value: 2009-02-02, from: 2009-01-01}]",
            "[{value: 2008-12-19, until: 2009-01-01}, {value: 2009-03-31, from: 2009-01-02}]",
            ["21:63: `first_day` 2009-02-02 is after `last_day` 2008-12-19"],
        ),
        ("{value: 2009-01-30}", "{value: 2009-01-30}", []),
    ],
)
def test_period_is_in_order_at_every_moment(first: str, last: str, said: list[str]) -> None:
    """The first day is compared with the last one that is in force beside it, and no other."""
    text = changed(FIRST, f"first_day: {first}").replace(LAST, f"last_day: {last}")
    assert problems(text) == said


@pytest.mark.parametrize(
    ("versions", "said"),
    [
        ("{value: 1 shares, until: 2008-12-31}, {value: 2 shares, from: 2009-01-01}", 0),
        ("{value: 1 shares, until: 2009-01-01}, {value: 2 shares, from: 2009-01-01}", 1),
        ("{value: 1 shares}, {value: 2 shares, known: 2009-01-01}", 0),
        ("{value: 1 shares, known: 2009-01-01}, {value: 2 shares, known: 2009-01-01}", 1),
        # The long first one meets the third, with a short one between them.
        (
            (
                "{value: 1 shares}, {value: 2 shares, from: 2008-12-01, until: 2008-12-02},"
                " {value: 3 shares, from: 2009-01-01}"
            ),
            2,
        ),
    ],
)
def test_versions_never_contradict_each_other(versions: str, said: int) -> None:
    """On one day, as known at one moment, a term has one figure."""
    assert len(problems(changed(MAX_SHARES, f"max_shares: [{versions}]"))) == said


@pytest.mark.parametrize("versions", [40, 41])
def test_versions_are_few(versions: int) -> None:
    """Forty amendments are read, one more is not."""
    listed = ", ".join(
        f"{{value: {number} shares, known: 2008-12-{number % 28 + 1:02d}, "
        f"from: {2000 + number}-01-01, until: {2000 + number}-12-31}}"
        for number in range(1, versions + 1)
    )
    said = problems(changed(MAX_SHARES, f"max_shares: [{listed}]"))
    assert any("give 1 to 40" in told for told in said) == (versions > 40)


OPEN: Final = [
    (
        "Up to 4,000 shares",
        "Up to 14,000 shares",
        [
            (
                "19:46: the quote does not contain its figure, `4000`; "
                'if the source writes it otherwise, add `figure: "those words"`'
            )
        ],
    ),
    ('"Up to 4,000 shares"', '"Up to four thousand", figure: four thousand', []),
    (
        '"Up to 4,000 shares"',
        '"Up to fourteen thousand", figure: four thousand',
        ["19:46: the quote does not contain the words of its `figure`, `four thousand`"],
    ),
    (
        "per_share: 400",
        'per_share: {value: 400, quote: "400 ADSs per 1 share"}',
        [],
    ),
    (
        "per_share: 400",
        'per_share: {value: 400, quote: "40 ADSs per 10 shares"}',
        [
            (
                "16:85: the quote does not contain its figure, `400`; "
                'if the source writes it otherwise, add `figure: "those words"`'
            )
        ],
    ),
    ("per_share: 400", 'shares_each: {value: 0.5, quote: "each is 0.5 of a share"}', []),
    (
        "per_share: 400",
        'shares_each: {value: 0.5, quote: "two make a share, or 2 of them"}',
        [
            (
                "16:87: the quote does not contain its figure, `0.5`; "
                'if the source writes it otherwise, add `figure: "those words"`'
            )
        ],
    ),
    ("per_share: 400", 'per_share: {value: 0.5, quote: "0.5 of them make a share"}', []),
    (
        CAP,
        f"{CAP}\n    at: fill",
        [UNREAD % (19, "max_shares"), ENDLESS % ("the shares", "shares", "shares")],
    ),
    (CAP, f"{CAP}\n    at: order", []),
    (
        "terms.first_day <= trade.date and trade.last_date <= terms.last_day",
        (
            "terms.first_day <= trade.date <= terms.last_day\n  - id: lasting\n    effect: flag\n"
            "    require: trade.last_date <= terms.last_day"
        ),
        [
            (
                " no rule that denies orders reads `trade.last_date`: orders may fill too "
                "late; require `trade.last_date <= terms.last_day`, or write `last_day: none`"
            )
        ],
    ),
    (
        CAP,
        f"{CAP}\n    effect: flag",
        [UNREAD % (19, "max_shares"), ENDLESS % ("the shares", "shares", "shares")],
    ),
    (
        CAP,
        "program.shares_after <= 4000",
        [UNREAD % (19, "max_shares")],
    ),
    (
        "terms.first_day <= trade.date and ",
        "",
        [UNREAD % (21, "first_day")],
    ),
    (
        "trade.last_date <=",
        "trade.date <=",
        [
            (
                " no rule that denies orders reads `trade.last_date`: orders may fill too "
                "late; require `trade.last_date <= terms.last_day`, or write `last_day: none`"
            )
        ],
    ),
    (
        SAMPLE[SAMPLE.index("rules:") :],
        "",
        [" the file has no rule, so every event is denied; add a rule"],
    ),
    ('    quote: "Equivalent to 1.94% of the common shares outstanding"\n', "", []),
    # Only figures need their words: a rule's quote bears its wording out.
    (BUYS, f"{BUYS}\n    quote: its own shares", []),
    (
        BUYS,
        f"{BUYS}\n    quote: its own shares\n    figure: 25%",
        ["43:12: the quote does not contain the words of its `figure`, `25%`"],
    ),
]


@pytest.mark.parametrize(("old", "new", "said"), OPEN)
def test_gap_is_told_with_its_place(old: str, new: str, said: list[str]) -> None:
    """What a file leaves open is told where it can be mended, and nothing else is."""
    assert left_open(changed(old, new)) == said


def test_file_is_read_from_its_path(tmp_path: Path) -> None:
    """A path gives the same as its content, under the name of the path."""
    path = tmp_path / "iij.yaml"
    path.write_text(SAMPLE, encoding="utf-8")
    assert read(path) == read_text(SAMPLE.encode(), str(path))


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("absent.yaml", "the file does not exist"),
        ("folder", "this is not a regular file"),
        ("pipe", "this is not a regular file"),
        ("null\0byte", "the file cannot be opened"),
    ],
)
def test_what_is_no_file_is_not_waited_for(tmp_path: Path, name: str, said: str) -> None:
    """A missing file, a folder and a pipe without a writer are told at once."""
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(UsageError) as caught:
        read(f"{tmp_path}/{name}")
    assert caught.value.problems[0].what == said


def test_edited_document_is_read_as_the_edited_text() -> None:
    """What has a document in hand need not write it down: a value that is edited has its place."""
    document = read_document(SAMPLE.encode(), "iij.yaml")

    def edited(cap: str, timezone: str) -> Authorization:
        terms = document.value["terms"]
        assert isinstance(terms, dict)
        value = {**document.value, "terms": {**terms, "max_shares": {"value": cap}}}
        value["timezone"] = timezone
        return read_authorization(replace(document, value=value))

    again = load(changed(MAX_SHARES, 'max_shares: {value: "5,000 shares"}'))
    assert edited("5,000 shares", "Asia/Tokyo").terms == again.terms
    for _ in range(2):
        with pytest.raises(RuleFileError) as caught:
            edited("5,00 shares", "Asia/Tokio")
        assert [str(problem) for problem in caught.value.problems] == [
            "iij.yaml:10:11: unknown time zone `Asia/Tokio`; did you mean `Asia/Tokyo`?",
            (
                "iij.yaml:19:23: `5,00` is not grouped by thousands; "
                "group thousands by commas, as in `4,000`, or not at all"
            ),
        ]


def test_a_megabyte_is_the_bound(tmp_path: Path) -> None:
    """A file of the greatest length is read, and one byte more is not."""
    full = tmp_path / "full.yaml"
    full.write_text(SAMPLE + "#" * (1_000_000 - len(SAMPLE)), encoding="utf-8")
    assert read(full).name == "iij-2008"
    full.write_text(SAMPLE + "#" * (1_000_001 - len(SAMPLE)), encoding="utf-8")
    with pytest.raises(RuleFileError, match="the file is longer than 1,000,000 bytes"):
        read(full)


def test_json_schema_describes_every_key() -> None:
    """An editor shows a sentence for each key that may be written, and no class of ours."""
    schema = json_schema()
    mappings = [schema, *schema["$defs"].values()]
    silent = [
        key
        for mapping in mappings
        for key, field in mapping["properties"].items()
        if not field.get("description")
    ]
    assert silent == []
    assert schema["title"] == "Repurchase rule file"
    assert schema["properties"]["repurchase"]["const"] == 1
    assert [mapping["additionalProperties"] for mapping in mappings] == [False] * len(mappings)
    assert "null" not in json.dumps(schema)
