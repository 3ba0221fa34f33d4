"""Every hazard of the engine end to end: a right verdict, a denial with its reason, or an error.

What is asked is a rule file as text and an event as JSON text; what answers is `step`. A
fault injected between facts and result is in test_rete.py.
"""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Iterable
from datetime import date
from decimal import Decimal
from functools import cache
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from repurchase.domain.decisions import Decision
from repurchase.domain.errors import InputError, RuleFileError
from repurchase.evaluation.step import step
from repurchase.facts.day import OF_DAY
from repurchase.facts.table import TABLE
from repurchase.facts.trade import SECONDS_SINCE_SAME
from repurchase.intake.objects import event_from_json
from repurchase.ledger.position import Position
from repurchase.rulebook.editions import Editions, load_text
from repurchase.rulebook.life import life

KINDS: Final = (
    "`brought_forward`, `order`, `replace`, `replaced`, `rejected`, `cancel_requested`, `cancel`, "
    "`expire`, `fill`, "
    "`bust`, `correct`, `release`, `halt`, `resume`, `confirm`, `split` or `prepaid`"
)
HEAD: Final = """\
repurchase: 1
authorization: hazards
currency: JPY
timezone: Asia/Tokyo
instruments:
  common: {symbol: "1", venues: [XTKS]}
  ads: {symbol: "A", venues: [XNAS], currency: USD, per_share: 400}
terms:
  max_shares: {value: "4,000 shares"}
  max_amount: {value: "JPY 400,000,000"}
  first_day: {value: 2008-11-14}
  last_day: {value: 2009-01-30}
rules:
"""
PLAIN: Final = (
    "program.shares_after <= terms.max_shares",
    "program.amount_after <= terms.max_amount",
    "terms.first_day <= trade.date and trade.last_date <= terms.last_day",
    "trade.share_class in [common, ads]",
    "trade.side == buy",
)
IDS: Final = ("0-shares", "1-amount", "2-window", "3-class", "4-buys")
SHARES, AMOUNT, WINDOW, CLASS, BUYS = IDS


def editions_of(requirements: Iterable[str], ids: Iterable[str] | None = None) -> Editions:
    """Return the editions of a rule file with a rule for each of *requirements*."""
    texts = list(requirements)
    names = list(ids or (f"r-{number:03}" for number in range(len(texts))))
    rules = [
        f"  - id: {name}\n    require: {json.dumps(text, ensure_ascii=False)}\n"
        for name, text in zip(names, texts, strict=True)
    ]
    return load_text((HEAD + "".join(rules)).encode(), "hazards.yaml")


@cache
def plain_editions() -> Editions:
    return editions_of(PLAIN, (f"r{name}" for name in IDS))


def order(**changes: str | None) -> str:
    """Return an order as JSON text; *changes* are values as JSON text, `None` leaves one out."""
    fields: dict[str, str | None] = {
        "kind": '"order"',
        "id": '"o-1"',
        "date": '"2008-11-14"',
        "symbol": '"1"',
        "side": '"buy"',
        "quantity": "60",
        "price": "100000",
    }
    fields |= changes
    written = [f"{json.dumps(name)}: {text}" for name, text in fields.items() if text is not None]
    return "{" + ", ".join(written) + "}"


def decided(text: str, editions: Editions, position: Position | None = None) -> Decision:
    asked = event_from_json(text)
    return step(
        asked, position or Position(), life(editions, asked, position or Position())
    ).decision


def stopped(decision: Decision) -> dict[str, str]:
    """Return each rule that did not pass, and whether it failed or was indeterminate."""
    return {finding.rule.removeprefix("r"): finding.result for finding in decision.findings}


def refusal(text: str) -> str:
    """Return why the event *text* is refused, or what is decided of it."""
    try:
        return decided(text, plain_editions()).outcome
    except InputError as error:
        return str(error)


def load_errors(requirements: Iterable[str]) -> list[str]:
    """Return why a rule file with *requirements* does not load, nothing where it does."""
    try:
        editions_of(requirements)
    except RuleFileError as error:
        return [problem.what for problem in error.problems]
    return []


def test_plain_order_is_approved() -> None:
    """What is changed below, one hazard at a time, is approved as it stands."""
    assert stopped(decided(order(), plain_editions())) == {}


ORDER_NEEDS: Final = "is missing; an `order` event needs"
DIGITS: Final = "not a number; write only digits, such as 1234 or 1234.5"
IN_FULL: Final = "not a number; write it in full, without an exponent"
IN_DIGITS: Final = "not a number; write it in digits"
AT_MOST: Final = "not a number; write at most 18 digits and 12 decimals"
FLAT: Final = "is an object or an array; write a text or a number: an event is flat"
REFUSED: Final = [
    ("quantity", None, f"`quantity` {ORDER_NEEDS} it"),
    ("quantity", "null", f"`quantity` {ORDER_NEEDS} it"),
    ("quantity", '"sixty"', f"`quantity` is `sixty`, {DIGITS}"),
    ("quantity", '""', f"`quantity` is ``, {DIGITS}"),
    ("quantity", "true", f"`quantity` is `true`, {IN_DIGITS}"),
    ("quantity", "false", f"`quantity` is `false`, {IN_DIGITS}"),
    ("quantity", str(2**62), f"`quantity` is `{2**62}`, {AT_MOST}"),
    ("quantity", str(2**63), f"`quantity` is `{2**63}`, {AT_MOST}"),
    ("quantity", str(10**30), f"`quantity` is `{10**30}`, {AT_MOST}"),
    ("quantity", "NaN", f"`quantity` is `NaN`, {DIGITS}"),
    ("quantity", '"NaN"', f"`quantity` is `NaN`, {DIGITS}"),
    ("quantity", "Infinity", f"`quantity` is `Infinity`, {DIGITS}"),
    ("quantity", "-Infinity", f"`quantity` is `-Infinity`, {DIGITS}"),
    ("quantity", "1e5", f"`quantity` is `1e5`, {IN_FULL}"),
    ("quantity", '"1E+5"', f"`quantity` is `1E+5`, {IN_FULL}"),
    ("quantity", "[60]", f"`quantity` {FLAT}"),
    ("quantity", '{"a": 1}', f"`quantity` {FLAT}"),
    (
        "quantity",
        '"\uff16\uff10"',
        "`quantity` is `\uff16\uff10`, not a number; write 60 in ASCII digits",
    ),
    (
        "quantity",
        '"1,000"',
        (
            "`quantity` is `1,000`, not a number; write 1000 without commas, "
            "or 1.000 if it marks decimals"
        ),
    ),
    ("price", "true", f"`price` is `true`, {IN_DIGITS}"),
    ("price", str(2**62), f"`price` is `{2**62}`, {AT_MOST}"),
    ("price", str(2**63), f"`price` is `{2**63}`, {AT_MOST}"),
    ("price", str(10**30), f"`price` is `{10**30}`, {AT_MOST}"),
    ("price", "NaN", f"`price` is `NaN`, {DIGITS}"),
    ("price", "1e-7", f"`price` is `1e-7`, {IN_FULL}"),
    ("price", "0.0000000000001", f"`price` is `0.0000000000001`, {AT_MOST}"),
    ("price", "0", "`price` is `0`, but must be above zero; leave it out if it is not known"),
    ("price", "-5", "`price` is `-5`, but must be above zero; leave it out if it is not known"),
    ("price", '"cheap"', f"`price` is `cheap`, {DIGITS}"),
    ("fees", "true", f"`fees` is `true`, {IN_DIGITS}"),
    ("fx", "NaN", f"`fx` is `NaN`, {DIGITS}"),
    ("date", None, f"`time` or `date` {ORDER_NEEDS} one of them"),
    ("date", "null", f"`time` or `date` {ORDER_NEEDS} one of them"),
    ("date", "20081114", "`date` is `20081114`, not text; write it in quotes"),
    ("date", "true", "`date` is `true`, not text; write it in quotes"),
    ("side", "1", "`side` is `1`, not text; write it in quotes"),
    ("side", "true", "`side` is `true`, not text; write it in quotes"),
    ("side", '"Buy"', "`side` is `Buy`, not `buy` or `sell`; did you mean `buy`?"),
    ("symbol", "1", "`symbol` is `1`, not text; write it in quotes"),
    ("symbol", None, f"`symbol` {ORDER_NEEDS} it"),
    ("kind", "null", f"`kind` is missing; write {KINDS}"),
    ("id", "true", "`id` is `true`, not text; write it in quotes"),
    ("issuer.closed_period", "1", None),
    ("issuer.closed_period", '"yes"', None),
    ("market.day_high", "true", f"`market.day_high` is `true`, {IN_DIGITS}"),
    ("market.day_high", "NaN", f"`market.day_high` is `NaN`, {DIGITS}"),
]


@pytest.mark.parametrize(("field", "text", "expected"), REFUSED)
def test_value_that_cannot_be_read_is_refused(
    field: str, text: str | None, expected: str | None
) -> None:
    """Nothing is decided on an event with a value of another kind, and the reason names it."""
    said = refusal(order(**{field: text}))
    if expected is None:
        assert said.startswith(f"`{field}` is ")
        return
    assert said == expected


DENIED: Final = [
    ({"price": None}, {AMOUNT: "indeterminate"}),
    ({"price": "null"}, {AMOUNT: "indeterminate"}),
    ({"side": None}, {BUYS: "indeterminate"}),
    ({"side": "null"}, {BUYS: "indeterminate"}),
    ({"side": '"sell"'}, {BUYS: "fail", "engine.sale": "fail"}),
    ({"symbol": '"A"'}, {AMOUNT: "indeterminate"}),
    ({"symbol": '"A"', "fx": "null"}, {AMOUNT: "indeterminate"}),
    ({"quantity": "4001", "price": "1"}, {SHARES: "fail"}),
    ({"quantity": "4001", "price": None}, {SHARES: "fail", AMOUNT: "indeterminate"}),
    ({"quantity": "1", "price": "400000000.000000000001"}, {AMOUNT: "fail"}),
    ({"quantity": "999999999999999999"}, {SHARES: "fail", AMOUNT: "fail"}),
    ({"price": "999999999999999999.999999999999"}, {AMOUNT: "fail"}),
    ({"date": '"2008-11-13"'}, {WINDOW: "fail"}),
    ({"date": '"2009-01-31"'}, {WINDOW: "fail"}),
    (
        {"symbol": '"1 "'},
        {
            "engine.unknown-instrument": "fail",
            SHARES: "indeterminate",
            AMOUNT: "indeterminate",
            CLASS: "indeterminate",
        },
    ),
]


@pytest.mark.parametrize(("changes", "expected"), DENIED)
def test_missing_or_excessive_value_denies_with_its_reason(
    changes: dict[str, str | None], expected: dict[str, str]
) -> None:
    """What is missing leaves its rule undecided, what is too much fails it; both deny."""
    decision = decided(order(**changes), plain_editions())
    assert (decision.outcome, stopped(decision)) == ("denied", expected)


@pytest.mark.parametrize(
    "changes",
    [
        {"quantity": '"60"', "price": '"100000"'},
        {"quantity": "60.0", "price": "100000.00"},
        {"quantity": "4000"},
        {"quantity": "1", "price": "400000000"},
        {"quantity": "1", "price": "399999999.999999999999"},
        {"price": "0.000000000001"},
        {"symbol": '"A"', "quantity": "1600000", "price": "2.5", "fx": "100"},
        {"date": '"2009-01-30"'},
        {"issuer.closed_period": "true", "market.day_high": "null"},
    ],
)
def test_value_at_its_limit_is_approved(changes: dict[str, str | None]) -> None:
    """The last share and the last yen fit, however they are written."""
    decision = decided(order(**changes), plain_editions())
    assert (decision.outcome, stopped(decision)) == ("approved", {})


def test_missing_quantity_is_named() -> None:
    """An undecided rule says which fact it lacks, and which field would have given it."""
    findings = decided(order(price=None, side=None), plain_editions()).findings
    assert {finding.rule: finding.missing for finding in findings} == {
        "r1-amount": ("program.amount_after", "price"),
        "r4-buys": ("trade.side", "side"),
    }


def test_sums_past_64_bits_stay_exact() -> None:
    """Fifty fills of almost 10**18 shares come to more than 2**65, to the share."""
    editions = plain_editions()
    position = Position()
    for number in range(50):
        text = order(
            kind='"fill"', id=f'"f-{number}"', quantity="999999999999999999", price=str(10**17)
        )
        event = event_from_json(text)
        taken = step(event, position, life(editions, event, position))
        position = taken.position
        assert taken.decision.outcome == "denied"
    assert (position.executed_shares, position.executed_amount) == (
        50 * (10**18 - 1),
        50 * (10**18 - 1) * 10**17,
    )
    decision = decided(order(quantity="1", price="1"), editions, position)
    assert [(one.rule, one.observed) for one in decision.findings] == [
        ("r0-shares", str(50 * (10**18 - 1) + 1)),
        ("r1-amount", str(50 * (10**18 - 1) * 10**17 + 1)),
    ]


@pytest.mark.parametrize(
    ("requirement", "quantity", "expected"),
    [
        ("999,999,999,999,999,999 * trade.shares >= 999,999,999,999,999,999", "1", "approved"),
        ("999,999,999,999,999,999 * trade.shares > 999,999,999,999,999,999", "1", "denied"),
        (
            "999,999,999,999 * trade.shares <= 999,999,999,999,999,999",
            "999999999999999999",
            "denied",
        ),
        ("999,999,999,999 * trade.shares > 0 shares", "999999999999999999", "approved"),
        ("-999,999,999,999 * trade.shares < 0 shares", "999999999999999999", "approved"),
        ("-999,999,999,999 * trade.shares >= 0 shares", "999999999999999999", "denied"),
        ("trade.shares == 999,999,999,999,999,999 shares", "999999999999999999", "approved"),
        ("trade.shares == 999,999,999,999,999,999 shares", "999999999999999998", "denied"),
        ("trade.shares != 999,999,999,999,999,999 shares", "999999999999999998", "approved"),
        ("trade.shares / 3 == 333,333,333,333,333,333 shares", "999999999999999999", "approved"),
        ("trade.shares / 3 == 333,333,333,333,333,333 shares", "999999999999999998", "denied"),
    ],
)
def test_figures_near_the_bounds_of_integers_compare_exactly(
    requirement: str, quantity: str, expected: str
) -> None:
    """Products past 2**63 neither wrap around nor lose their last digit."""
    decision = decided(order(quantity=quantity), editions_of([requirement]))
    assert decision.outcome == expected


@pytest.mark.parametrize(
    "requirement",
    [
        "0.000000000001 * trade.shares <= 999,999,999,999,999,999 shares",
        "trade.shares / 999,999,999,999 <= 999,999,999,999 shares",
        "trade.shares <= 999,999,999,999,999,999 * 999,999,999,999,999,999 shares",
    ],
)
def test_limit_past_what_the_engine_compares_is_an_error_at_load(requirement: str) -> None:
    """A constant of 2**61 and beyond is refused with the file."""
    assert load_errors([requirement]) == [
        "rule `r-000` cannot be used: its figures are too large to compare exactly"
    ]


@pytest.mark.parametrize("figure", [str(2**62), str(2**63), str(10**30), "1e5", "NaN", "Infinity"])
def test_figure_of_another_form_is_an_error_at_load(figure: str) -> None:
    """A rule file states its figures in full, to 18 digits."""
    assert load_errors([f"trade.shares <= {figure} shares"]) != []


# --- many of them


@pytest.mark.parametrize("quantity", [1, 40, 80, 81])
def test_80_rules_are_all_judged(quantity: int) -> None:
    """Each of 80 rules in one file is heard, whether it passes or fails."""
    editions = editions_of(f"trade.shares <= {number} shares" for number in range(1, 81))
    decision = decided(order(quantity=str(quantity)), editions)
    failing = {f"-{number:03}": "fail" for number in range(min(quantity - 1, 80))}
    expected = ("denied" if failing else "approved", failing)
    assert (decision.outcome, stopped(decision)) == expected


def test_80_rules_without_their_fact_are_all_undecided() -> None:
    """Silence of 80 rules is 80 findings."""
    editions = editions_of(f"trade.amount <= JPY {number}" for number in range(1, 81))
    decision = decided(order(price=None), editions)
    expected = {f"-{number:03}": "indeterminate" for number in range(80)}
    assert (decision.outcome, stopped(decision)) == ("denied", expected)


def test_300_sums_are_all_judged() -> None:
    """A rule file that compares 300 different quantities loses none of them."""
    editions = editions_of(
        f"{number} * trade.shares + program.shares <= 30,000 shares" for number in range(1, 301)
    )
    assert decided(order(quantity="100"), editions).outcome == "approved"
    over = {f"-{number - 1:03}": "fail" for number in range(1, 301) if number * 150 > 30_000}
    assert stopped(decided(order(quantity="150"), editions)) == over


def test_300_facts_that_are_none_are_counted() -> None:
    """An event that carries 300 unknown facts is refused; fifty are named, the others counted."""
    extra = {f"market.fact_{number}": "1" for number in range(300)}
    said = refusal(order(**extra))
    assert (said.count("is not an event field"), "250 more" in said) == (50, True)


def test_every_fact_can_be_read_by_one_file() -> None:
    """A rule for each fact there is: those that the event gives pass, the others are undecided."""
    tautologies = {
        "word": '{0} == "x" or {0} != "x"',
        "flag": "{0} or not {0}",
    }
    closed = {
        "trade.share_class": "common",
        "trade.venue": "XTKS",
        "trade.venue_country": "JP",
        "trade.venue_market": "XTKS",
    }
    requirements = []
    for name, fact in TABLE.items():
        text = tautologies.get(fact.dimension.kind, "{0} == {0}").format(name)
        if fact.words or name in closed:
            text = text.replace('"x"', closed.get(name) or fact.words[0])
        requirements.append(text)
    decision = decided(order(), editions_of(requirements))
    undecided = {list(TABLE)[int(rule[1:])] for rule in stopped(decision)}
    assert set(stopped(decision).values()) == {"indeterminate"}
    stated = (
        "broker",
        "method",
        "order_type",
        "venue_time",
        "phase",
        "solicited",
        "counterparty",
        "by",
    )
    given_ = {f"trade.{name}" for name in stated}
    outside = {name for name in TABLE if name.startswith(("market.", "issuer."))}
    told = ("brokers", "blocks", "auction_ordered_shares", "off_auction_shares")
    of_the_day = {f"day.{name}{suffix}" for name in told for suffix in ("", "_after")}
    # No position keeps these for a decision alone.
    kept = {*OF_DAY, SECONDS_SINCE_SAME}
    assert undecided - of_the_day - kept == given_ | outside


def compared(count: int, joint: str, comparison: str = "trade.shares {sign} {n} shares") -> str:
    sign = "<=" if joint == "and" else ">="
    return f" {joint} ".join(comparison.format(sign=sign, n=60 + n) for n in range(count))


AT_THE_BOUND: Final = [
    lambda n: compared(n, "and"),
    lambda n: compared(n, "or"),
    lambda n: " < ".join(["0 shares", *["trade.shares"] * n]).replace(" < ", " <= "),
    lambda n: f"max({', '.join(f'trade.shares - {one} shares' for one in range(n))}) <= 60 shares",
    lambda n: f"min({', '.join(f'trade.shares + {one} shares' for one in range(n))}) >= 60 shares",
    lambda n: f"trade.units in [{', '.join(str(60 + one) for one in range(n))}]",
    lambda n: f"trade.units not in [{', '.join(str(one + 1) for one in range(n))}]",
    lambda n: f"not ({compared(n, 'or', 'trade.units > {n}')})",
]


@pytest.mark.parametrize("write", AT_THE_BOUND)
def test_rule_at_24_comparisons_is_judged(write: Any) -> None:
    """As many comparisons as are allowed, however they come about, give a right verdict."""
    assert decided(order(), editions_of([write(24)])).outcome == "approved"


@pytest.mark.parametrize("write", AT_THE_BOUND)
def test_rule_past_24_comparisons_is_an_error_at_load(write: Any) -> None:
    """One comparison more and the file does not load."""
    assert load_errors([write(25)]) == ["the expression expands to 25 comparisons"]


@pytest.mark.parametrize("quantity", [59, 60, 61, 83, 84])
def test_24_comparisons_agree_with_plain_logic(quantity: int) -> None:
    """The rule at its bound is right on both sides of each of its limits."""
    editions = editions_of([compared(24, "and"), compared(24, "or")])
    expected = {}
    if quantity > 60:
        expected["-000"] = "fail"
    if quantity < 60:
        expected["-001"] = "fail"
    assert stopped(decided(order(quantity=str(quantity)), editions)) == expected


def nest(depth: int) -> str:
    """Return and/or nested *depth* deep: true for 1 share, and for an even number above 1."""
    text = "trade.units == 1"
    for number in range(depth):
        joint = "and" if number % 2 else "or"
        sign = "!=" if number % 2 else "=="
        text = f"(trade.units {sign} {number + 2} {joint} {text})"
    return text


@pytest.mark.parametrize("depth", [1, 5, 10, 13, 14])
def test_nested_groups_agree_with_plain_logic(depth: int) -> None:
    """Groups inside one another are judged as Python judges them."""
    editions = editions_of([nest(depth)])
    python = nest(depth).replace("trade.units", "units")
    found = [
        decided(order(quantity=str(units)), editions).outcome == "approved"
        for units in range(1, depth + 4)
    ]
    assert found == [bool(eval(python)) for units in range(1, depth + 4)]


def test_groups_past_the_bound_are_an_error_at_load() -> None:
    """One group more and the file does not load."""
    assert load_errors([nest(15)]) == [
        "rule `r-000` cannot be used: it nests too many groups of and/or; split it into two rules"
    ]


# --- words

COMPOSED: Final = unicodedata.normalize("NFC", "Société Générale")
DECOMPOSED: Final = unicodedata.normalize("NFD", COMPOSED)


@pytest.mark.parametrize("in_file", [COMPOSED, DECOMPOSED])
@pytest.mark.parametrize("in_event", [COMPOSED, DECOMPOSED])
@pytest.mark.parametrize("escaped", [True, False])
def test_accents_are_one_word_in_either_form(in_file: str, in_event: str, escaped: bool) -> None:
    """A letter with its accent is the same letter, composed or not, escaped in JSON or not."""
    editions = editions_of(
        [f'trade.broker == "{in_file}"', f'trade.broker != "{in_file}"'], ["is", "is-not"]
    )
    text = order(broker=json.dumps(in_event, ensure_ascii=escaped))
    assert stopped(decided(text, editions)) == {"is-not": "fail"}


@pytest.mark.parametrize("broker", ["Societe Generale", COMPOSED.upper(), f"{COMPOSED} "])
def test_word_that_only_looks_alike_is_another(broker: str) -> None:
    """Case, blanks and accents count."""
    editions = editions_of(
        [f'trade.broker == "{COMPOSED}"', f'trade.broker != "{COMPOSED}"'], ["is", "is-not"]
    )
    assert stopped(decided(order(broker=json.dumps(broker)), editions)) == {"is": "fail"}


def test_words_in_quotes_are_kept_on_several_lines() -> None:
    """A condition over several lines bars the broker that it names, to the last blank."""
    wide = "\u7532\u3000\u8a3c\u5238"
    rule = f'  - id: barred\n    require: >-\n      trade.broker not in ["{wide}", "B  B"]\n'
    text = f"{HEAD}{rule}      and  trade.side == buy\n"
    editions = load_text(text.encode(), "hazards.yaml")
    asked = {broker: order(broker=json.dumps(broker)) for broker in (wide, "B  B", "B B")}
    outcomes = [decided(text, editions).outcome for text in asked.values()]
    assert outcomes == ["denied", "denied", "approved"]


def test_rule_sets_of_one_file_judge_no_event_of_another() -> None:
    """Two files whose words differ in a blank alone are two editions, also in one process."""
    either = 'trade.broker != "A{}C" and (trade.broker == "A B" or trade.side == buy)'
    wide, narrow = (editions_of([either.format(blank)]) for blank in ("  ", " "))
    text = order(broker='"A C"')
    outcomes = [decided(text, editions).outcome for editions in (wide, narrow)]
    assert outcomes == ["approved", "denied"]
    assert wide.on(date(2008, 11, 14)).hash != narrow.on(date(2008, 11, 14)).hash


def test_blanks_between_words_make_no_other_edition() -> None:
    """How a condition is laid out changes nothing, so it changes no hash."""
    plain, laid_out = (editions_of([text]) for text in ("trade.side == buy", "trade.side  ==  buy"))
    assert plain.on(date(2008, 11, 14)).hash == laid_out.on(date(2008, 11, 14)).hash


def test_unquoted_word_may_be_of_any_letters() -> None:
    """Kanji need no quotes."""
    editions = editions_of(["trade.broker == 野村"])
    assert decided(order(broker='"野村"'), editions).outcome == "approved"
    assert decided(order(broker='"大和"'), editions).outcome == "denied"


# --- nothing is approved that plain arithmetic does not approve

NUMBERS: Final = st.sampled_from(["1", "60", "3999", "4000", "4001", "999999999999999999"])
PRICES: Final = st.none() | st.sampled_from(
    ["0.000000000001", "1", "99999.999999999999", "100000", "100000.000000000001", "400000000"]
)
DATES: Final = st.sampled_from(["2008-11-13", "2008-11-14", "2009-01-30", "2009-01-31"])
MAYBE_SIDES: Final = st.sampled_from(["buy", "sell", None])
SYMBOLS: Final = st.sampled_from(["1", "A", "B"])
RATES: Final = st.none() | st.sampled_from(["0.01", "100", "40000"])


def approves(fields: dict[str, str | None]) -> bool:
    """Return whether an order of *fields* is within the plain rules, by plain arithmetic."""
    symbol, fx = fields["symbol"], fields["fx"]
    if symbol == "1":
        # A rate between a currency and itself is none, unless it is 1.
        fx = "1" if fx is None else None
    day = date.fromisoformat(fields["date"] or "")
    if symbol == "B" or fields["price"] is None or fx is None or fields["side"] != "buy":
        return False
    quantity = int(fields["quantity"] or 0)
    shares = Decimal(quantity) / 400 if symbol == "A" else Decimal(quantity)
    scaled = quantity * int(Decimal(fields["price"]) * 10**12) * int(Decimal(fx) * 100)
    return (
        shares <= 4000
        and scaled <= 400_000_000 * 10**14
        and date(2008, 11, 14) <= day <= date(2009, 1, 30)
    )


@given(
    st.fixed_dictionaries(
        {
            "quantity": NUMBERS,
            "price": PRICES,
            "date": DATES,
            "side": MAYBE_SIDES,
            "symbol": SYMBOLS,
            "fx": RATES,
        }
    )
)
def test_approval_agrees_with_plain_arithmetic(fields: dict[str, str | None]) -> None:
    """An order is approved exactly where every quantity is given and within its limit."""
    text = order(
        **{name: None if value is None else json.dumps(value) for name, value in fields.items()}
    )
    decision = decided(text, plain_editions())
    if fields["symbol"] == "A" and fields["date"] == "2009-01-30":
        # The American day ends after midnight in Tokyo, so the order could execute outside.
        assert decision.outcome == "denied"
        return
    assert (decision.outcome == "approved") == approves(fields)
