"""Tests of findings in words: each sentence is true, names its fact and shows what differs."""

from __future__ import annotations

import json
import operator
import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from fractions import Fraction
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

import oracle
from oracle import Value
from repurchase.domain.decisions import Finding, choices_of, listed
from repurchase.evaluation import judge
from repurchase.evaluation.comparisons import Compared, candidates, fitting
from repurchase.evaluation.names import fact_name
from repurchase.evaluation.step import step
from repurchase.evaluation.wording import ENGINE, currency_of, headline, sentence, short
from repurchase.facts.table import TABLE
from repurchase.intake.fields import event
from repurchase.language.expression import Comparison, Member, Not, Truth, Word
from repurchase.ledger.position import Position
from repurchase.rulebook.editions import Edition, load_text
from repurchase.rulebook.life import Life
from repurchase.rulebook.model import Rule
from strategies import Case, cases
from test_verdicts import loaded

HEAD: Final = """\
repurchase: 1
authorization: words
timezone: Asia/Tokyo
currency: JPY
instruments:
  common: {symbol: "1", venues: [XTKS]}
  ads: {symbol: A, venues: [XNAS], currency: USD, per_share: 400}
terms:
  lot: [{value: "100 shares", from: 2020-01-01}]
  most: {value: 150 shares}
  end: {value: 2008-11-10}
rules:
  - {id: lots, effect: flag, require: terms.lot <= trade.shares <= terms.most}
  - {id: days, effect: flag, require: trade.date <= terms.end}
"""
ORDER: Final = {
    "kind": "order",
    "id": "o-1",
    "date": "2008-11-14",
    "symbol": "1",
    "side": "buy",
    "quantity": "200",
    "price": "5",
}


def asked(require: str, **changes: str) -> tuple[Finding, Edition]:
    """Return what a rule that has *require* finds of an order with *changes*, and its edition."""
    rules = f"  - id: r\n    require: {json.dumps(require, ensure_ascii=False)}\n"
    editions = load_text((HEAD + rules).encode(), "words.yaml")
    order = event({name: value for name, value in (ORDER | changes).items() if value})
    edition = editions.of(order, Position())
    decision = step(order, Position(), Life(edition), every_rule=True).decision
    return next(finding for finding in decision.findings if finding.rule == "r"), edition


def said(require: str, **changes: str) -> str:
    """Return the sentence on an order with *changes* by a rule that has *require*."""
    finding, edition = asked(require, **changes)
    return sentence(finding, Life(edition), currency_of(edition, event(ORDER)))


@pytest.mark.parametrize(
    ("require", "changes", "result", "limit"),
    [
        ("trade.shares in [terms.lot, 200]", {}, "pass", "200"),
        ("trade.shares in [terms.lot, 300]", {}, "indeterminate", "300"),
        ("trade.shares not in [terms.lot, 200]", {}, "fail", "200"),
        ("trade.shares in [terms.lot, terms.lot]", {}, "indeterminate", None),
        (
            "trade.price in [market.last_price, market.day_high]",
            {"market.day_high": "5"},
            "pass",
            "5",
        ),
        (
            "trade.price in [market.last_price, market.day_high]",
            {"market.day_high": "6"},
            "indeterminate",
            "6",
        ),
        ("trade.price in [market.last_price, market.day_high]", {}, "indeterminate", None),
    ],
)
def test_choice_that_is_not_known_is_left_out(
    require: str, changes: dict[str, str], result: str, limit: str | None
) -> None:
    """A list of which some choices are unknown is decided, and shown, by the known ones."""
    finding, edition = asked(require, **changes)
    assert (finding.result, finding.limit) == (result, limit)
    assert "None" not in sentence(finding, Life(edition))


@pytest.mark.parametrize(
    ("require", "broker", "limit", "text"),
    [
        ('trade.broker in ["A, B", C]', "A, B", '"A, B", C', '"A, B"; one of "A, B", C'),
        ('trade.broker in ["A, B", C]', "C", '"A, B", C', 'C; one of "A, B", C'),
        ('trade.broker in ["A, B", C]', "A", '"A, B", C', 'A; must be one of "A, B", C'),
        ('trade.broker == "A, B"', "A, B", '"A, B"', '"A, B"; required: "A, B"'),
        ('trade.broker == "A, B"', "B", '"A, B"', 'B; must be "A, B"'),
        ("trade.broker in ['say \"hi\"', C]", 'say "hi"', '"say ""hi""", C', None),
        ("trade.broker in [nomura, mita]", "mita", "nomura, mita", "mita; one of nomura, mita"),
        ("trade.broker in [nomura]", "mita", "nomura", "mita; must be nomura"),
        ("trade.broker not in [mita, A]", "mita", "mita, A", "mita; must not be one of mita, A"),
        ("trade.broker != mita", "mita", "mita", "mita; must not be mita"),
        ('trade.broker != ""', "A", '""', 'A; not ""'),
        ('trade.broker == "not you"', "A", "not you", "A; must be not you"),
    ],
)
def test_words_with_commas_are_told_apart(
    require: str, broker: str, limit: str, text: str | None
) -> None:
    """A comma within a word is not a comma between two."""
    finding, edition = asked(require, broker=broker)
    assert finding.limit == limit
    text = text or f'"say ""hi"""; one of {limit}'
    assert sentence(finding, Life(edition)) == f"broker: {text}"


def test_word_in_either_spelling_of_unicode_is_the_same() -> None:
    """The sentence says what the engine decided on: an accent of its own is not another word."""
    broker = unicodedata.normalize("NFD", "café")
    finding, edition = asked("trade.broker in [café, nomura]", broker=broker)
    assert finding.result == "pass"
    assert sentence(finding, Life(edition)) == f"broker: {broker}; one of café, nomura"


@given(choices=st.lists(st.text(alphabet='ab ,"\n', max_size=5), min_size=1, max_size=4))
def test_choices_are_told_apart_again(choices: list[str]) -> None:
    """Whatever signs words are made of, their list can be taken apart."""
    assert choices_of(listed(choices)) == tuple(choices)


MONEY: Final = "money of this event: "
SHARES: Final = "shares of this event: "
ORDERED: Final = "shares ordered that day: "
LISTED: Final = "price one of last price, highest price of the day"
TOO_MANY: Final = "quantity: 200 units; must be 1 unit" + "".join(
    f"; or quantity must be {one} units" for one in (2, 3, 4)
)
VOLUME: Final = "(25% of the average `adv_us_4_weeks`)"


@pytest.mark.parametrize(
    ("require", "changes", "text"),
    [
        (
            "trade.amount <= JPY 1,000.00001",
            {"quantity": "1", "price": "1000.00002"},
            f"{MONEY}JPY 1000.00002; must be at most JPY 1000.00001",
        ),
        (
            "trade.amount not in [JPY 1.00001, JPY 7]",
            {"quantity": "1", "price": "1.00002"},
            f"{MONEY}JPY 1.00002; not one of JPY 1.00001, JPY 7",
        ),
        (
            "trade.shares <= 0.33334 shares",
            {"symbol": "A", "quantity": "133", "fx": "1"},
            f"{SHARES}0.3325 of 0.3334 shares",
        ),
        (
            "trade.shares / 3,000,000 shares <= 0.00661%",
            {},
            "shares of this event divided by 3,000,000 shares: 1/150%; must be at most 0.00661%",
        ),
        ("trade.amount <= JPY 1,000", {}, f"{MONEY}JPY 1,000 of 1,000"),
        ("trade.amount <= JPY 2,000", {}, f"{MONEY}JPY 1,000 of 2,000"),
        ("trade.amount < JPY 1,000", {}, f"{MONEY}JPY 1,000; must be less than JPY 1,000"),
        ("JPY 2,000 <= trade.amount", {}, f"{MONEY}JPY 1,000; must be at least JPY 2,000"),
        ("not trade.shares <= 300 shares", {}, f"{SHARES}200 shares; must be more than 300 shares"),
        ("trade.units == 200", {}, "quantity: 200 units; required: 200 units"),
    ],
)
def test_values_that_differ_look_different(
    require: str, changes: dict[str, str], text: str
) -> None:
    """Two values that would be rounded alike are shown exactly; a part is shown of its whole."""
    assert said(require, **changes) == text


@pytest.mark.parametrize(
    ("require", "changes", "text"),
    [
        (
            "2008-11-01 <= trade.date and trade.last_date <= 2008-11-30",
            {},
            "day of the trade: 2008-11-14; from 2008-11-01 to 2008-11-30",
        ),
        (
            "2008-11-01 <= trade.date and trade.last_date <= 2008-11-13",
            {},
            "last day it can execute: 2008-11-14; must be 2008-11-13 or earlier",
        ),
        ("trade.date < 2008-11-14", {}, "day of the trade: 2008-11-14; must be before 2008-11-14"),
        (
            "trade.shares <= 500 shares and trade.side == buy and trade.units >= 5",
            {},
            f"{SHARES}200 of 500 shares; side buy; quantity at least 5 units",
        ),
        (
            "trade.price <= max(market.best_independent_bid, market.last_independent_price)",
            {"market.last_independent_price": "6"},
            "price: JPY 5; at most JPY 6 (best independent bid or last independent price)",
        ),
        (
            "trade.units <= max(trade.units - 9, 4)",
            {},
            "quantity: 200 units; must be at most 191 units (the higher of quantity minus 9 and 4)",
        ),
        (
            "trade.price <= min(market.best_independent_bid, market.last_independent_price)",
            {"market.last_independent_price": "4"},
            "price: JPY 5; must be at most JPY 4 (best independent bid or last independent price)",
        ),
        (
            "program.executed_shares + trade.shares <= 25% * market.adv_us_4_weeks",
            {"market.adv_us_4_weeks": "400"},
            f"shares bought so far plus {SHARES}200 shares; must be at most 100 shares {VOLUME}",
        ),
        (
            "not issuer.closed_period",
            {"issuer.closed_period": "true"},
            "closed period: yes; must be no",
        ),
        (
            "issuer.closed_period",
            {"issuer.closed_period": "true"},
            "closed period: yes; required: yes",
        ),
        (
            "not issuer.closed_period and not issuer.undisclosed_material_fact",
            {"issuer.closed_period": "false", "issuer.undisclosed_material_fact": "false"},
            "closed period: no; required: no; undisclosed material fact no",
        ),
        (
            "issuer.closed_period and issuer.undisclosed_material_fact",
            {"issuer.closed_period": "true", "issuer.undisclosed_material_fact": "true"},
            "closed period: yes; required: yes; undisclosed material fact yes",
        ),
        (
            "trade.units >= 5 and trade.price in [market.last_price, market.day_high]",
            {"market.last_price": "5"},
            f"quantity: 200 units; at least 5 units; {LISTED}",
        ),
        # Any branch of a failed `or` would do, so all are named.
        (
            "trade.date < 2008-11-10 or trade.date > 2008-11-20",
            {},
            (
                "day of the trade: 2008-11-14; must be before 2008-11-10;"
                " or day of the trade must be after 2008-11-20"
            ),
        ),
        (
            "trade.shares <= 100 shares or trade.side == sell",
            {},
            f"{SHARES}200 shares; must be at most 100 shares; or side must be sell",
        ),
        (
            "not (trade.shares >= 100 shares and trade.side == buy)",
            {},
            f"{SHARES}200 shares; must be less than 100 shares; or side must not be buy",
        ),
        (
            "trade.units <= 9 or (trade.side == sell and not issuer.closed_period)",
            {"issuer.closed_period": "true"},
            (
                "quantity: 200 units; must be at most 9 units;"
                " or side must be sell and closed period must be no"
            ),
        ),
        (
            " or ".join(f"trade.units == {one}" for one in range(1, 7)),
            {},
            f"{TOO_MANY}; or another alternative must hold",
        ),
        # Which of two comparisons decided cannot be known: both are named.
        (
            "trade.shares <= 100 shares and day.ordered_shares_after <= 100 shares",
            {},
            f"shares of this event or {ORDERED}200 shares; must be at most 100 shares",
        ),
        # A comparison of constants alone does not say why an event fails.
        (
            "terms.most == 0 shares or trade.shares <= terms.most",
            {},
            f"{SHARES}200 shares; must be at most 150 shares",
        ),
    ],
)
def test_sentence_names_the_fact_and_the_bound(
    require: str, changes: dict[str, str], text: str
) -> None:
    """A sentence has the fact, its value with its unit, and the bound as the rule has it."""
    assert said(require, **changes) == text


@pytest.mark.parametrize(
    ("require", "changes", "text"),
    [
        ("trade.amount <= JPY 9", {"price": ""}, "undecided: add the event field `price`"),
        (
            "trade.price <= market.last_price",
            {"price": ""},
            "undecided: add the event field `price`; supply `market.last_price`",
        ),
        (
            "trade.shares >= terms.lot",
            {},
            "undecided: `terms.lot` is not in force",
        ),
        (
            "program.amount_after <= JPY 9",
            {"fx": "2"},
            "undecided: money spent and on order (`program.amount_after`) is unknown",
        ),
    ],
)
def test_undecided_rule_says_what_would_decide_it(
    require: str, changes: dict[str, str], text: str
) -> None:
    """The field to add, the fact to supply or the term that is missing is named."""
    assert said(require, **changes) == text


def test_rule_that_does_not_apply_says_to_what_it_applies() -> None:
    """The condition of the rule is shown with the value that does not meet it."""
    rules = "  - {id: r, when: trade.side == sell, require: trade.shares <= 1 shares}\n"
    order = event(ORDER)
    edition = load_text((HEAD + rules).encode(), "words.yaml").of(order, Position())
    findings = step(order, Position(), Life(edition), every_rule=True).decision.findings
    text = sentence(next(one for one in findings if one.rule == "r"), Life(edition))
    assert text == "not applicable: side: buy; applies only if it is sell"


@pytest.mark.parametrize(
    ("require", "text"),
    [
        (
            "trade.date <= terms.end",
            "on 2008-11-14 in Tokyo, 4 days after the last day, 2008-11-10",
        ),
        ("trade.date <= 2008-11-13", "on 2008-11-14 in Tokyo, one day after 2008-11-13"),
        (
            "trade.date <= terms.end or trade.side == sell",
            "day of the trade 2008-11-14; must be 2008-11-10 or earlier; or side must be sell",
        ),
        (
            "trade.units <= 200 and trade.date <= terms.end",
            "on 2008-11-14 in Tokyo, 4 days after the last day, 2008-11-10",
        ),
    ],
)
def test_only_a_term_that_stands_alone_is_the_last_day(require: str, text: str) -> None:
    """A day that the rule has as a literal, or that an `or` goes beyond, is not the last one."""
    finding, edition = asked(require)
    assert headline(finding, Life(edition)) == text


def test_price_has_the_currency_of_its_instrument() -> None:
    """The price of an event whose instrument is known has that currency; others have none."""
    changes = {"symbol": "A", "fx": "1", "market.last_price": "1"}
    finding, edition = asked("trade.price <= market.last_price", **changes)
    assert currency_of(edition, event(ORDER | changes)) == "USD"
    assert sentence(finding, Life(edition), "USD") == (
        "price: USD 5; must be at most USD 1 (last price)"
    )
    assert sentence(finding, Life(edition)) == "price: 5; must be at most 1 (last price)"


def test_built_in_findings_name_the_fault_first() -> None:
    """Each has its sentence; the values that it has are part of it."""
    _, edition = asked("trade.side == buy")
    for name, text in ENGINE.items():
        assert sentence(Finding(name, "fail", "deny"), Life(edition)) == text
    late = Finding("engine.backdated", "fail", "deny", "2008-11-13", "2008-11-14", "date")
    assert sentence(late, Life(edition)) == (
        "the request is dated 2008-11-13, before the program's latest day, 2008-11-14;"
        " date it 2008-11-14 or later"
    )
    bare = Finding("engine.no-cap", "fail", "deny", "the shares")
    assert sentence(bare, Life(edition)).startswith("no rule caps the shares on a day on which")
    more = Finding("engine.overrun", "fail", "deny", "600", "500", "shares")
    assert sentence(more, Life(edition)) == (
        "the fill exceeds what its order reserved: 600 shares; reserved: 500 shares;"
        " it counts in full"
    )
    cost = Finding("engine.unknown-amount", "indeterminate", "deny", missing=("trade.amount", "fx"))
    assert sentence(cost, Life(edition)).endswith("; add the event field `fx`")


def test_finding_of_a_rule_that_the_edition_lacks_shows_its_values() -> None:
    """Without the rule, nothing is said of what its bound means."""
    _, edition = asked("trade.side == buy")
    finding = Finding("gone", "fail", "deny", "5", "4", "shares")
    assert sentence(finding, Life(edition)) == "value: 5 shares; must be 4 shares"


def test_part_that_is_too_large_to_compare_decides_nothing() -> None:
    """A constant decides the group before it; the rule is still put in words."""
    large = "trade.units * 100,000,000,000,000,000 <= 400 * 100,000,000,000,000,000.5"
    text = said(f"(1 == 2 and {large}) or trade.units <= 100")
    assert text == "quantity: 200 units; must be at most 100 units"


# --- whatever the rule and the event -------------------------------------------------------------

PHRASES: Final[Mapping[str, Callable[[Any, Any], bool]]] = {
    "at most ": operator.le,
    "less than ": operator.lt,
    "at least ": operator.ge,
    "more than ": operator.gt,
}


def findings_of(case: Case) -> Iterator[tuple[Finding, Edition, Mapping[str, Value | None]]]:
    """Yield what every rule of *case* finds of its facts, with its edition and the facts."""
    editions = loaded(case.file, case.known_at)
    if editions is None:
        return
    edition = editions.on(case.day)
    compiled = judge.Compiled(edition, case.scope)
    for facts in case.facts:
        values = {name: facts[name] for name in compiled.facts}
        for finding in compiled.found(values, every_rule=True):
            yield finding, edition, facts


def truth(one: Compared, facts: Mapping[str, Value | None], terms: oracle.Terms) -> bool | None:
    """Return whether *one* holds of *facts*, by the independent evaluator."""
    dimension = one.observed.dimension
    if dimension.kind == "flag":
        flag = Truth(one.observed.name)  # type: ignore[union-attr]
        return oracle.truth(flag if one.limits == (Word("true"),) else Not(flag), facts, terms)
    if one.operator in ("in", "not in"):
        member = Member(one.observed, one.limits, dimension)
        return oracle.truth(member if one.operator == "in" else Not(member), facts, terms)
    leaf = Comparison(one.observed, one.operator, one.limits[0], dimension)  # type: ignore[arg-type]
    return oracle.truth(leaf, facts, terms)


@pytest.mark.slow
@given(case=cases())
def test_sentence_never_contradicts_its_result(case: Case) -> None:
    """A pass requires nothing, a failure states a relation that is false by exact arithmetic."""
    for finding, edition, facts in findings_of(case):
        text = sentence(finding, Life(edition))
        headline(finding, Life(edition))
        assert short(finding, Life(edition))
        if finding.dimension == "time" and "/" in f"{finding.observed}{finding.limit}":
            # A drawn time between two microseconds, which no event can have.
            continue
        if finding.result == "indeterminate":
            assert text.startswith("undecided: ")
            continue
        assert ("; must " in text) == (finding.result == "fail")
        rule = next(one.rule for one in edition.rules if one.rule.id == finding.rule)
        every = candidates(rule, finding.result, edition.constants)
        found = tuple(one.shown for one in fitting(finding, every))
        names = {fact_name(name) for name in rule.facts}
        assert any(name in text for name in names) or not any(facts_of(one) for one in found)
        # One of the comparisons that the sentence names decided, and it stands as the result says.
        expected = finding.result == "pass"
        assert found, (finding, rule.require.text, rule.when and rule.when.text)
        terms = case.file.terms_on(case.day, case.known_at)
        states = {truth(one, facts, terms) for one in found}
        assert expected in states
        check_relation(finding, text)
        if finding.result == "pass":
            check_besides(text, facts)
            continue
        tree = rule.require.root
        if finding.result == "not_applicable" and rule.when is not None:
            tree = rule.when.root
        for changed in changes(case, rule, facts):
            is_met = oracle.truth(tree, changed, terms) is True
            if is_met and not any(truth(one, changed, terms) for one in found):
                check_alternatives(text, facts, changed)


SIMPLE: Final = st.sampled_from(
    [
        f"{no}{leaf}"
        for no in ("", "not ")
        for leaf in (
            "issuer.closed_period",
            "issuer.undisclosed_material_fact",
            "trade.units <= 5",
            "trade.units > 3",
        )
    ]
)


@pytest.mark.slow
@given(case=cases(most=4, requires=st.lists(SIMPLE, min_size=2, max_size=3).map(" and ".join)))
def test_all_that_a_pass_requires_is_told_truly(case: Case) -> None:
    """What follows the first comparison of a pass is known and true, of a yes/no fact, too."""
    for finding, edition, facts in findings_of(case):
        if finding.result == "pass":
            check_besides(sentence(finding, Life(edition)), facts)


def changes(
    case: Case, rule: Rule, facts: Mapping[str, Value | None]
) -> Iterator[Mapping[str, Value | None]]:
    """Yield *facts* with one or all values of the other facts of *case*, or a flag turned."""
    for other in case.facts:
        yield other
        for name in rule.facts:
            yield {**facts, name: other[name]}
    for name in rule.facts:
        if isinstance(facts[name], bool):
            yield {**facts, name: not facts[name]}


def check_alternatives(
    text: str, facts: Mapping[str, Value | None], changed: Mapping[str, Value | None]
) -> None:
    """Assert that *text* does not require what *changed* passes without, but names another way."""
    _, *others = text.split("; or ")
    assert others, text
    names = {fact_name(name) for name in facts if facts[name] != changed[name]}
    # What an event passes by was false before, so a fact of it has changed.
    said = " ".join(others)
    assert "another alternative" in said or any(name in said for name in names), text


def check_besides(text: str, facts: Mapping[str, Value | None]) -> None:
    """Assert that what a pass says after its first comparison is true of *facts*."""
    for part in text.split("; ")[2:]:
        assert "unknown" not in part, text
        for name, value in facts.items():
            stated = part.removeprefix(f"{fact_name(name)} ")
            if stated == part or value is None:
                continue
            if isinstance(value, bool):
                assert stated == ("yes" if value else "no"), text
            limit = re.fullmatch(r"(at most|less than|at least|more than) ([\d,]+) units?", stated)
            if limit is not None and name == "trade.units":
                number = Fraction(limit[2].replace(",", ""))
                assert PHRASES[f"{limit[1]} "](value, number), text


def facts_of(one: Compared) -> set[str]:
    """Return the facts that *one* reads."""
    return {fact for node in (one.observed, *one.limits) for fact in oracle.facts_in(node)}


def check_relation(finding: Finding, text: str) -> None:
    """Assert that the relation that *text* states is true of a pass, and false of a failure."""
    if finding.observed is None or finding.limit is None or finding.dimension in ("date", "time"):
        return
    stated = [name for name in PHRASES if f"; must be {name}" in text or f"; {name}" in text]
    if finding.dimension in ("word", "flag") or len(stated) != 1 or " or " in text:
        return
    one, other = Fraction(finding.observed), Fraction(finding.limit)
    assert PHRASES[stated[0]](one, other) == (finding.result == "pass")


def test_every_fact_has_a_name_without_a_comma() -> None:
    """A name stands in sentences and lists, so it has no comma and no semicolon."""
    for name in TABLE:
        assert not set(",;:(") & set(fact_name(name)), name
