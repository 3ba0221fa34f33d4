"""The engine and an independent evaluator give random rules the same three-valued verdict."""

from __future__ import annotations

import copy
import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta, timezone
from fractions import Fraction

import pytest
from hypothesis import Phase, event, given, settings
from hypothesis import strategies as st
from msgspec import structs

import oracle
from ledger import (
    HOURS,
    Book,
    Entry,
    Instrument,
    Ledger,
    Listed,
    bounded,
    day_on,
    last_days,
    of_instrument,
)
from oracle import Value
from repurchase.domain.counters import Kept
from repurchase.domain.decisions import Finding
from repurchase.domain.errors import RuleFileError, Wrong
from repurchase.domain.events import Event
from repurchase.domain.people import plain_name
from repurchase.domain.venues import area_of, country_of, market_of
from repurchase.evaluation import judge, rete
from repurchase.evaluation.judge import Scope
from repurchase.evaluation.step import step
from repurchase.facts.table import TABLE
from repurchase.intake import fields
from repurchase.language import linear
from repurchase.language.expression import Word
from repurchase.ledger.position import Position
from repurchase.rulebook import editions as edition
from repurchase.rulebook.life import Life
from strategies import Case, History, Question, RuleFile, cases, histories, questions, rule_files

# How a rule is refused that means something, but more than the engine can be given.
LIMITS = (
    "its figures are too large to compare exactly",
    "it nests too many groups of and/or",
    "it expands to too many comparisons",
    "its alternatives combine in too many ways",
    "the expression expands to ",
)
AMOUNT = re.compile(r"\b(?:trade|program)\.\w*amount")
UNKNOWN = "engine.unknown-amount"
TRUTHS = {frozenset({"pass"}): True, frozenset({"fail"}): False, frozenset(): None}


def check_condition(question: Question) -> None:
    """Assert that the engine and the oracle tell alike whether a condition holds."""
    shaped = forms(question)
    if shaped is None:
        return
    form, contrary, codes = shaped
    network = rete.Network((("pass", form), ("fail", contrary)))
    for facts in question.facts:
        fired = network.fired({name: coded(fact, codes) for name, fact in facts.items()})
        answer = TRUTHS.get(frozenset(fired), "contradiction")
        event(f"answer: {answer}")
        assert answer == oracle.truth(question.tree, facts, question.terms)


def forms(question: Question) -> tuple[linear.Form, linear.Form, dict[str, int]] | None:
    """Return a linear, its contrary and its words' codes; `None` where they are too much."""
    words = sorted({one.text for one in oracle.sides_in(question.tree) if isinstance(one, Word)})
    codes = {word: code for code, word in enumerate(words, 1)}
    try:
        form = linear.form(question.tree, linear.Constants(question.terms, codes))
        contrary = linear.negated(form)
        for shape in (form, contrary):
            linear.check_size(shape)
    except Wrong as error:
        if not is_limit(str(error)):
            raise
        event(f"refused: {error}")
        return None
    return form, contrary, codes


def is_limit(what: str) -> bool:
    """Return whether *what* refuses for more than the engine can be given, and nothing else."""
    return any(limit in what for limit in LIMITS)


def coded(fact: Value | None, codes: Mapping[str, int]) -> Fraction | int | None:
    """Return the number that stands for *fact* in the engine."""
    if isinstance(fact, str):
        return codes.get(unicodedata.normalize("NFC", fact), 0)
    return int(fact) if isinstance(fact, bool) else fact


def check_verdict(case: Case) -> None:
    """Assert that a rule file says of facts what the oracle says of its text, rule by rule."""
    editions = loaded(case.file, case.known_at)
    if editions is None:
        return
    now = editions.on(case.day)
    compiled = judge.Compiled(now, case.scope)
    terms = case.file.terms_on(case.day, case.known_at)
    clauses = [
        clause
        for clause in case.file.clauses_on(case.day, case.known_at)
        if case.scope == "all" or clause.at in (case.scope, "both")
    ]
    for facts in case.facts:
        values = {name: facts[name] for name in compiled.facts}
        answers = sorted(
            (oracle.found(clause, facts, terms) for clause in clauses), key=lambda one: one.rule
        )
        findings = compiled.found(values, every_rule=True)
        event(f"outcome: {judge.outcome(findings)}")
        assert told(findings) == (oracle.outcome(answers), answers)
        short = compiled.found(values)
        # The second time in a run the rules that pass are asked together.
        assert compiled.found(values) == short
        left = [one for one in answers if one.result in ("fail", "indeterminate")]
        assert told(short) == (oracle.outcome(answers), left)


def loaded(file: RuleFile, known_at: date | None = None) -> edition.Editions | None:
    """Return the editions of *file*, `None` where it says more than the engine can be given."""
    try:
        return edition.load_text(file.text(), "random.yaml", known_at)
    except RuleFileError as error:
        for problem in error.problems:
            assert is_limit(problem.what), problem
        event("refused")
        return None


def told(findings: Iterable[Finding]) -> tuple[str, list[oracle.Found]]:
    """Return what *findings* come to, and themselves, in the oracle's words."""
    return judge.outcome(findings), findings_told(findings)


def findings_told(findings: Iterable[Finding]) -> list[oracle.Found]:
    """Return *findings* in the oracle's words; of what is missing, the facts and the terms."""
    return [
        oracle.Found(
            one.rule, one.effect, one.result, tuple(name for name in one.missing if "." in name)
        )
        for one in findings
    ]


@settings(max_examples=4 * settings().max_examples)
@given(question=questions())
def test_condition_holds_as_plain_arithmetic_says(question: Question) -> None:
    """The engine and plain Fractions never differ on whether a condition holds."""
    check_condition(question)


@given(case=cases())
def test_rule_file_judges_as_plain_arithmetic_says(case: Case) -> None:
    """Outcome, result of each rule and names of what is missing are those of the oracle."""
    check_verdict(case)


# --- whole histories ---------------------------------------------------------------------------


def check_history(history: History) -> None:
    """Assert that each event is decided as the oracle decides on facts of a hand-kept ledger."""
    editions = loaded(history.file)
    if editions is None or editions.authorization.kept() != Kept():
        # `test_counters` recounts what is kept because a rule reads it.
        return
    diary, position = Diary(with_fees=history.file.basis == "with_fees"), Position()
    # If no rule of any day reads an amount, one that is not known is nobody's concern.
    unread = set() if AMOUNT.search(str(history.file.mapping()["rules"])) else {UNKNOWN}
    for row in history.rows:
        happened = fields.event(row)
        now = editions.of(happened, position)
        taken = step(happened, position, Life(now), every_rule=True)
        position = taken.position
        decision = taken.decision
        if happened.kind == "brought_forward":
            assert (decision.outcome, diary.brought_forward(happened)) == ("recorded", True)
            continue
        day = editions.day_of(happened)
        note = diary.note(happened)
        terms, in_force = history.file.terms_on(day, day), history.file.clauses_on(day, day)
        asked = [one for one in in_force if note.scope == "all" or one.at in (note.scope, "both")]
        answers = sorted(
            (oracle.found(clause, note.facts, terms) for clause in asked), key=lambda one: one.rule
        )
        rules = [one for one in decision.findings if not one.rule.startswith("engine.")]
        own = {one.rule for one in decision.findings} - {one.rule for one in rules}
        if "engine.sale" in own:
            # A sale is denied and counts nothing: whether it would be covered is nobody's concern.
            own.discard("engine.overrun")
        # A fill of an order that some rule approved may be one that no rule is asked of.
        judged = asked if note.scope == "order" else in_force
        expected = (note.own - unread) | (set() if judged else {"engine.no-rule"})
        event(f"outcome: {happened.kind} {decision.outcome}")
        assert (findings_told(rules), own) == (answers, expected)
        outcome = "denied" if expected else oracle.outcome(answers)
        if happened.kind == "fill" and outcome == "held":
            # What happened cannot wait for anyone.
            outcome = "approved"
        assert decision.outcome == outcome
        diary.write(happened, outcome)


@dataclass(frozen=True, slots=True)
class Note:
    """What the diary makes of one event: its facts, how it is judged, what the program finds."""

    facts: dict[str, Value | None]
    scope: Scope
    own: set[str]


@dataclass(frozen=True, slots=True)
class Use:
    """What one instrument used on one venue and day; by whom and how, unless one did not say."""

    ordered: Fraction = Fraction(0)
    executed: Fraction = Fraction(0)
    brokers: frozenset[str | None] = frozenset()
    blocks: int | None = 0

    def facts(self, suffix: str) -> dict[str, Value | None]:
        """Return the facts of the day."""
        return {
            f"day.ordered_shares{suffix}": self.ordered,
            f"day.executed_shares{suffix}": self.executed,
            f"day.brokers{suffix}": None if None in self.brokers else len(self.brokers),
            f"day.blocks{suffix}": self.blocks,
        }


class Diary:
    """The books of one program in plain Fractions, and the facts that follow from them."""

    def __init__(self, *, with_fees: bool) -> None:
        always = date.min
        self._ledger = Ledger(
            Book(
                instruments=(
                    Instrument("common", "3774", ("XTKS",), ((always, Fraction(1)),)),
                    Instrument(
                        "ads",
                        "IIJI",
                        ("XNAS",),
                        ((always, Fraction(1, 400)),),
                        foreign=True,
                        margin=Fraction(2, 100),
                    ),
                    Instrument(
                        "second_class", "3774B", ("XTKS", "XNGO"), ((always, Fraction(10)),)
                    ),
                ),
                max_shares=Fraction(0),
                max_amount=None,
                first_day=always,
                last_day=always,
                with_fees=with_fees,
            )
        )
        self._with_fees = with_fees
        self._approved: set[str] = set()
        self._days: dict[tuple[str, str, date], Use] = {}

    def brought_forward(self, happened: Event) -> bool:
        """Count what *happened* brings forward, and return whether it came first."""
        return self._ledger.brought_forward(happened)

    def note(self, happened: Event) -> Note:
        """Return what follows from *happened*, before it is decided."""
        is_fill = happened.kind == "fill"
        self._ledger.begin(day_on(happened, "Asia/Tokyo"))
        order = self._ledger.orders.get(happened.order or "") if is_fill else None
        full = _completed(happened, order) if is_fill else bounded(happened)
        listed = self._ledger.book.find(full, day_on(full, "Asia/Tokyo"))
        money = _Money.of(full, listed, with_fees=self._with_fees)
        later = copy.deepcopy(self._ledger)
        covered = False
        if is_fill:
            covered = later.fill(happened).covered
        else:
            later.order(happened, "approved")
        taken = order is not None and _is_of(full, listed, order)
        known: dict[str, Value | None] = {
            **_trade_facts(full, listed, money),
            **_program_facts(self._ledger, later),
            **self._day_facts(full, listed, later, order if taken else None),
            **{
                name: happened.outside.get(name)
                for name in TABLE
                if name.split(".")[0] in ("market", "issuer")
            },
        }
        own = set() if listed is not None else {"engine.unknown-instrument"}
        if listed is not None and money.rate is None and full.fx is not None:
            own.add("engine.wrong-rate")
        if full.side == "sell":
            own.add("engine.sale")
        elif is_fill and money.amount is None:
            own.add(UNKNOWN)
        if is_fill:
            own |= self._mismatch(happened, order, covered or full.side == "sell")
        otherwise = order is not None and order.event.method not in (None, full.method)
        judged_as_ordered = taken and not otherwise
        scope: Scope = "order" if not is_fill else "fill" if judged_as_ordered else "all"
        return Note(known, scope, own)

    def write(self, happened: Event, outcome: str) -> None:
        """Count *happened* once its *outcome* is known."""
        is_fill = happened.kind == "fill"
        order = self._ledger.orders.get(happened.order or "") if is_fill else None
        full = _completed(happened, order)
        listed = self._ledger.book.find(full, day_on(full, "Asia/Tokyo"))
        taken = order is not None and _is_of(full, listed, order)
        if listed is not None and (is_fill or outcome == "approved"):
            key = _day_key(full, listed)
            of = order if taken else None
            self._days[key] = _used(self._days.get(key, Use()), full, listed, of)
        if is_fill:
            self._ledger.fill(happened)
            return
        self._ledger.order(happened, outcome)
        if outcome == "approved":
            self._approved.add(happened.id)

    def _mismatch(self, fill: Event, order: Entry | None, covered: bool) -> set[str]:
        if fill.order is None:
            return set()
        if order is None:
            return {"engine.unknown-order"}
        if not order.open_quantity and fill.order not in self._approved:
            return {"engine.order-closed"}
        return set() if covered else {"engine.overrun"}

    def _day_facts(
        self, full: Event, listed: Listed | None, later: Ledger, of: Entry | None
    ) -> dict[str, Value | None]:
        unknown = dict.fromkeys(Use().facts("")), dict.fromkeys(Use().facts("_after"))
        if listed is None:
            return {**unknown[0], **unknown[1]}
        use = self._days.get(_day_key(full, listed), Use())
        after = _used(use, full, listed, of)
        return {
            **(unknown[0] if self._ledger.unknown_shares else use.facts("")),
            **(unknown[1] if later.unknown_shares else after.facts("_after")),
        }


@dataclass(frozen=True, slots=True)
class _Money:
    """What a trade costs: in its instrument's currency, and in the program's."""

    rate: Fraction | None
    contract: Fraction | None
    amount: Fraction | None

    @classmethod
    def of(cls, full: Event, listed: Listed | None, *, with_fees: bool) -> _Money:
        """Return what *full* costs; of an order its worst case."""
        rate = None
        if listed is not None and listed.instrument.foreign:
            rate = _fraction(full.fx)
        elif listed is not None and full.fx in (None, 1):
            rate = Fraction(1)
        contract = _fraction(full.amount)
        if contract is None and full.price is not None:
            contract = Fraction(full.price) * (full.quantity or 0)
        amount = None
        if rate is not None and contract is not None and listed is not None:
            margin = listed.instrument.margin if full.kind == "order" else 0
            amount = contract * rate * (1 + margin)
        if with_fees and amount is not None:
            amount = None if full.fees is None else amount + Fraction(full.fees)
        return cls(rate, contract, amount)


def _price(full: Event) -> Fraction | None:
    """Return the price of a unit; where a fill says two, the higher."""
    price = _fraction(full.price)
    if full.kind != "fill" or price is None or full.amount is None or not full.quantity:
        return price
    return max(price, Fraction(full.amount) / full.quantity)


def _trade_facts(full: Event, listed: Listed | None, money: _Money) -> dict[str, Value | None]:
    day = day_on(full, "Asia/Tokyo")
    shares = None if listed is None else (full.quantity or 0) * listed.ratio
    price = None
    if shares and money.contract is not None and money.rate is not None:
        price = money.contract * money.rate / shares
    venue_day = None if listed is None else day_on(full, listed.venue)
    place = full.venue if listed is None else listed.venue
    last, venue_last = (day, venue_day) if full.kind == "fill" else last_days(full, listed)
    return {
        "trade.date": day.toordinal(),
        "trade.last_date": last.toordinal(),
        "trade.venue_date": None if venue_day is None else venue_day.toordinal(),
        "trade.venue_last_date": None if venue_last is None else venue_last.toordinal(),
        "trade.venue_time": _venue_time(full, listed),
        "trade.side": full.side,
        "trade.share_class": None if listed is None else listed.instrument.name,
        "trade.symbol": full.symbol,
        "trade.venue": place,
        "trade.venue_country": country_of(place) if place else None,
        "trade.venue_area": area_of(place) if place else None,
        "trade.venue_market": market_of(place) if place else None,
        "trade.broker": full.broker,
        "trade.order_type": full.order_type,
        "trade.method": full.method,
        "trade.phase": full.phase,
        "trade.solicited": full.solicited,
        "trade.counterparty": full.counterparty,
        "trade.by": None if full.by is None else plain_name(full.by),
        "trade.units": full.quantity,
        "trade.shares": shares,
        "trade.price": _price(full),
        "trade.price_per_share": price,
        "trade.amount": money.amount,
    }


def _program_facts(before: Ledger, later: Ledger) -> dict[str, Value | None]:
    return {
        "program.executed_shares": before.known_executed_shares(),
        "program.reserved_shares": before.reserved_shares(),
        "program.reserved_shares_after": later.reserved_shares(),
        "program.shares": before.used_shares(),
        "program.shares_after": later.used_shares(),
        "program.executed_amount": before.known_executed_amount(),
        "program.reserved_amount": before.reserved_amount(),
        "program.reserved_amount_after": later.reserved_amount(),
        "program.amount": before.used_amount(),
        "program.amount_after": later.used_amount(),
    }


def _used(use: Use, full: Event, listed: Listed, of: Entry | None) -> Use:
    """Return *use* with *full*: what a fill takes *of* an open order was ordered with it.

    So was its block, where the order was one: the fills of a block order are no blocks again.
    """
    if full.kind == "fill" and full.side == "sell":
        return use
    quantity = full.quantity or 0
    asked = quantity if of is None else max(quantity - of.open_quantity, 0)
    blocks = use.blocks
    if of is None or of.event.method != "block":
        known = blocks is not None and full.method is not None
        blocks = (blocks or 0) + (full.method == "block") if known else None
    return Use(
        ordered=use.ordered + asked * listed.ratio,
        executed=use.executed + (quantity * listed.ratio if full.kind == "fill" else 0),
        brokers=use.brokers | {full.broker},
        blocks=blocks,
    )


def _completed(fill: Event, order: Entry | None) -> Event:
    """Return *fill* with what it does not say taken from its *order*, where it has one."""
    if order is None:
        return fill
    names = ["symbol", "side", "broker", "method", "order_type", *of_instrument(fill, order.event)]
    if fill.amount is None:
        names.append("price")
    lent = {name: getattr(order.event, name) for name in names if getattr(fill, name) is None}
    fees = {"fees": order.fees_left} if fill.fees is None else {}
    return structs.replace(fill, **lent, **fees)


def _is_of(full: Event, listed: Listed | None, order: Entry) -> bool:
    own = order.listed
    return (
        order.open_quantity > 0
        and listed is not None
        and own is not None
        and (listed.instrument, listed.venue) == (own.instrument, own.venue)
        and full.side == order.event.side
    )


def _day_key(full: Event, listed: Listed) -> tuple[str, str, date]:
    return listed.instrument.name, listed.venue, day_on(full, listed.venue)


def _venue_time(full: Event, listed: Listed | None) -> Fraction | None:
    if listed is None or full.time is None:
        return None
    clock = full.time.astimezone(timezone(timedelta(hours=HOURS[listed.venue])))
    return Fraction(clock.hour * 3600 + clock.minute * 60 + clock.second)


def _fraction(value: Fraction | int | None) -> Fraction | None:
    return None if value is None else Fraction(value)


@pytest.mark.slow
@settings(max_examples=2 * settings().max_examples)
@given(history=histories())
def test_history_is_decided_as_a_ledger_kept_by_hand_says(history: History) -> None:
    """Every order and fill of a log gets the verdict of plain arithmetic on plain books."""
    check_history(history)


def taken(drawn: RuleFile | Question) -> bool:
    """Return whether the engine can be given what was *drawn*."""
    return (loaded(drawn) if isinstance(drawn, RuleFile) else forms(drawn)) is not None


@pytest.mark.slow
@pytest.mark.parametrize(
    "strategy",
    [rule_files(), questions(), histories().map(lambda history: history.file)],
    ids=["rule files", "conditions", "histories"],
)
def test_most_that_is_drawn_is_judged(strategy: st.SearchStrategy[RuleFile | Question]) -> None:
    """The properties of this file are not empty: little is more than the engine takes."""
    answers: list[bool] = []

    @settings(max_examples=100, derandomize=True, database=None, phases=[Phase.generate])
    @given(drawn=strategy)
    def ask(drawn: RuleFile | Question) -> None:
        answers.append(taken(drawn))

    ask()
    assert (len(answers) >= 100, answers.count(False) <= 10) == (True, True)
