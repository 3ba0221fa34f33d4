"""Tests of the property tests of verdicts: each deliberate break of the engine is caught."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final, TypeVar

import pytest
from hypothesis import strategies as st
from msgspec.structs import replace

from chance import run_check
from repurchase.domain.decisions import Finding, Result
from repurchase.domain.errors import EngineFault, InputError, Problem
from repurchase.domain.events import Event
from repurchase.domain.terms import Validity
from repurchase.evaluation import judge, rete, step
from repurchase.facts.fact import Situation
from repurchase.facts.table import TABLE
from repurchase.intake import tables
from repurchase.intake.lines import Lines
from repurchase.language import expression
from repurchase.language import linear as condition
from repurchase.language.linear import AllOf, AnyOf, Form, Undecided
from repurchase.ledger import fold, trades
from repurchase.ledger.position import Day, Position
from repurchase.ledger.trades import Trade
from repurchase.rulebook import editions
from strategies import Case, History, cases, histories, questions, word_leaves
from test_orderings import check_rewritten, check_shuffled, replayed, rewritings, shuffles
from test_verdicts import check_condition, check_history, check_verdict

T = TypeVar("T")
# The engine notices some breaks itself, and then judges nothing.
NOTICED: Final = (AssertionError, EngineFault)
Break = Callable[[pytest.MonkeyPatch], None]


def caught(
    check: Callable[[T], None],
    drawn: st.SearchStrategy[T],
    examples: int,
    failures: tuple[type[Exception], ...] = NOTICED,
) -> bool:
    """Return whether *check* fails for one of so many *examples*, the same on every run."""
    try:
        run_check(check, drawn, examples)
    except failures:
        return True
    return False


# --- breaks of what a condition means ----------------------------------------------------------


def drop_negations(patch: pytest.MonkeyPatch) -> None:
    """A `not` has no effect, and a rule fails where it passes."""
    patch.setattr(condition, "negated", lambda form: form)
    patch.setattr(editions, "negated", lambda form: form)


def negate_without_de_morgan(patch: pytest.MonkeyPatch) -> None:
    """The contrary of `a and b` is taken to be `not a and not b`."""

    def negated(form: Form) -> Form:
        if isinstance(form, AllOf | AnyOf):
            return type(form)(tuple(negated(part) for part in form.parts))
        return whole(form)

    whole = condition.negated
    patch.setattr(condition, "negated", negated)
    patch.setattr(editions, "negated", negated)


def compare_strictly(patch: pytest.MonkeyPatch) -> None:
    """What is at a limit is past it: `<` is sent for `<=`."""
    patch.setitem(rete.SIGNS, "<=", "$lt")


def compare_loosely(patch: pytest.MonkeyPatch) -> None:
    """What is at a limit is below it: `<=` is sent for `<`."""
    patch.setitem(rete.SIGNS, "<", "$lte")


def negate_strictly(patch: pytest.MonkeyPatch) -> None:
    """The contrary of `<=` is taken to be `>=`."""
    patch.setitem(condition.NEGATED, "<=", ">=")


def round_once(patch: pytest.MonkeyPatch) -> None:
    """An equation is decided on one rounding, so that a half equals a whole number."""

    def engine_form(form: Form) -> Form:
        if isinstance(form, AllOf):
            return condition.all_of(engine_form(part) for part in form.parts)
        if isinstance(form, AnyOf):
            return condition.any_of(engine_form(part) for part in form.parts)
        return condition.FALSE if isinstance(form, Undecided) else form

    patch.setattr(rete, "engine_form", engine_form)


def round_the_other_way(patch: pytest.MonkeyPatch) -> None:
    """A sum is rounded down where it must be rounded up, and up where down."""
    sent = rete.sent
    patch.setattr(rete, "sent", lambda value, by, *, up: sent(value, by, up=not up))


def send_zero_for_silence(patch: pytest.MonkeyPatch) -> None:
    """A fact that no source gave is sent as zero."""
    fired = rete.Network.fired

    def with_zeros(network: rete.Network, facts: Mapping[str, Any]) -> set[str]:
        given = {name: 0 if fact is None else fact for name, fact in facts.items()}
        return fired(network, given)

    patch.setattr(rete.Network, "fired", with_zeros)


def forget_a_coefficient_of_zero(patch: pytest.MonkeyPatch) -> None:
    """A fact that cancels out is not asked for."""
    added = condition.added

    def forgetful(left: condition.Lattice, right: condition.Lattice) -> condition.Lattice:
        total = added(left, right)
        if not isinstance(total, condition.Linear):
            return total
        rest = {name: one for name, one in total.coefficients.items() if one}
        return replace(total, coefficients=rest)

    patch.setattr(condition, "added", forgetful)


def take_the_largest_for_the_smallest(patch: pytest.MonkeyPatch) -> None:
    """`min` means `max`."""
    patch.setattr(condition, "Lowest", condition.Highest)


def keep_extremes_under_a_minus(patch: pytest.MonkeyPatch) -> None:
    """`-min(a, b)` is taken to be `min(-a, -b)`."""
    scaled = condition.scaled

    def kept(lattice: condition.Lattice, factor: Any) -> condition.Lattice:
        if isinstance(lattice, condition.Linear):
            return scaled(lattice, factor)
        return type(lattice)(tuple(kept(part, factor) for part in lattice.parts))

    patch.setattr(condition, "scaled", kept)


def take_missing_terms_for_one(patch: pytest.MonkeyPatch) -> None:
    """A term that is not in force counts as one; as zero it would be noticed where it divides."""
    named = condition.named

    def unset(node: expression.Name, constants: condition.Constants) -> condition.Linear:
        linear = named(node, constants)
        return condition.Linear({}, 1) if linear.missing else linear

    patch.setattr(condition, "named", unset)


def forget_scale(patch: pytest.MonkeyPatch) -> None:
    """A limit that is no whole number is rounded instead of multiplied out."""

    def atom(linear: condition.Linear, operator: expression.Operator) -> Form:
        whole = replace(linear, constant=linear.constant.__floor__())
        return exact(whole, operator)

    exact = condition.atom
    patch.setattr(condition, "atom", atom)


CONDITION_BREAKS: Final[tuple[Break, ...]] = (
    drop_negations,
    negate_without_de_morgan,
    compare_strictly,
    compare_loosely,
    negate_strictly,
    round_once,
    round_the_other_way,
    send_zero_for_silence,
    forget_a_coefficient_of_zero,
    take_the_largest_for_the_smallest,
    keep_extremes_under_a_minus,
    take_missing_terms_for_one,
    forget_scale,
)


# --- breaks of what a rule file means ----------------------------------------------------------


def approve_silence(patch: pytest.MonkeyPatch) -> None:
    """A rule that cannot be decided passes."""
    decided = judge.result_of

    def result(rule: str, fired: set[str]) -> Result:
        answer = decided(rule, fired)
        return "pass" if answer == "indeterminate" else answer

    patch.setattr(judge, "result_of", result)


def trust_the_absence_of_failures(patch: pytest.MonkeyPatch) -> None:
    """An event passes at once where no rule failed, whether or not all passed."""
    screen = judge.screen_of
    patch.setattr(judge, "screen_of", lambda *given: (set(), screen(*given)[1]))


def ignore_when(patch: pytest.MonkeyPatch) -> None:
    """A rule applies also where its `when` does not hold."""
    rule = editions.compiled_rule
    patch.setattr(
        editions, "compiled_rule", lambda one, known: rule(replace(one, when=None), known)
    )


def let_one_code_stand_for_all_words(patch: pytest.MonkeyPatch) -> None:
    """Two words have one code, so that each passes for the other."""
    codes = editions.word_codes
    patch.setattr(editions, "word_codes", lambda rules: dict.fromkeys(codes(rules), 1))


def compare_words_as_they_are_encoded(patch: pytest.MonkeyPatch) -> None:
    """An accent of its own makes another word."""
    patch.setattr(judge, "composed", lambda word: word)


def invert_flags(patch: pytest.MonkeyPatch) -> None:
    """A flag that is true is sent as one that is false."""
    code = judge.word_code

    def inverted(fact: Any, constants: condition.Constants) -> Any:
        return code(not fact if isinstance(fact, bool) else fact, constants)

    patch.setattr(judge, "word_code", inverted)


def let_a_review_pass(patch: pytest.MonkeyPatch) -> None:
    """What a `review` rule holds is approved."""
    outcome = judge.outcome

    def lenient(findings: tuple[Finding, ...]) -> str:
        return "approved" if (answer := outcome(findings)) == "held" else answer

    patch.setattr(judge, "outcome", lenient)


def take_the_first_version(patch: pytest.MonkeyPatch) -> None:
    """A term that was amended keeps the figure it had."""

    def first(versions: Any, day: Any, known_at: Any, _: Any = None) -> Any:
        return next((one for one in versions if one.validity.holds(day, known_at)), None)

    patch.setattr(editions, "in_force", first)


def forget_rules_that_end(patch: pytest.MonkeyPatch) -> None:
    """A rule holds for ever, whatever its dates say."""
    compiled = editions.compile_edition

    def timeless(authorization: Any, *when: Any) -> editions.Edition:
        rules = tuple(replace(rule, validity=Validity()) for rule in authorization.rules)
        return compiled(replace(authorization, rules=rules), *when)

    patch.setattr(editions, "compile_edition", timeless)


def name_all_facts_as_missing(patch: pytest.MonkeyPatch) -> None:
    """An undecided rule names what it reads instead of what it lacks."""
    patch.setattr(judge, "missing_of", lambda rule, _, __: tuple(sorted(rule.facts)))


ANY: Final = cases(4)
ON_WORDS: Final = cases(2, word_leaves())
ON_TERMS: Final = cases(
    2,
    st.sampled_from(
        (
            "program.shares_after <= terms.max_shares",
            "trade.amount < terms.max_amount",
            "terms.first_day <= trade.date and trade.last_date <= terms.last_day",
        )
    ),
)
# With each break, the rule files among which it is looked for.
VERDICT_BREAKS: Final[tuple[tuple[Break, st.SearchStrategy[Case]], ...]] = (
    (drop_negations, ANY),
    (compare_strictly, ANY),
    (send_zero_for_silence, ANY),
    (approve_silence, ANY),
    (trust_the_absence_of_failures, ANY),
    (ignore_when, ANY),
    (let_one_code_stand_for_all_words, ANY),
    (compare_words_as_they_are_encoded, ON_WORDS),
    (invert_flags, ANY),
    (let_a_review_pass, ANY),
    (take_the_first_version, ON_TERMS),
    (forget_rules_that_end, ANY),
    (name_all_facts_as_missing, ON_TERMS),
)


@pytest.fixture(autouse=True)
def own_rule_sets() -> Iterator[None]:
    """Let no break find rule sets that were made without it, and leave none that it made."""
    judge.forget()
    yield
    judge.forget()


@pytest.mark.parametrize("broken", CONDITION_BREAKS, ids=lambda broken: broken.__name__)
def test_broken_condition_is_caught(broken: Break, monkeypatch: pytest.MonkeyPatch) -> None:
    """The property of single conditions fails on an engine with this break."""
    broken(monkeypatch)
    assert caught(check_condition, questions(), 1000)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("broken", "drawn"), VERDICT_BREAKS, ids=[broken.__name__ for broken, _ in VERDICT_BREAKS]
)
def test_broken_verdict_is_caught(
    broken: Break, drawn: st.SearchStrategy[Case], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The property of whole rule files fails on an engine with this break."""
    broken(monkeypatch)
    assert caught(check_verdict, drawn, 1000)


# --- breaks of what follows from a history -----------------------------------------------------


def _read_instead(patch: pytest.MonkeyPatch, name: str, of: Callable[[Situation], Any]) -> None:
    patch.setitem(TABLE, name, replace(TABLE[name], of=of))


def compute_shares_before_the_event(patch: pytest.MonkeyPatch) -> None:
    """The shares after an event are those before it."""
    _read_instead(patch, "program.shares_after", lambda now: now.before.used_shares())


def compute_the_amount_before_the_event(patch: pytest.MonkeyPatch) -> None:
    """The money after an event is that before it."""
    _read_instead(patch, "program.amount_after", lambda now: now.before.used_amount())


def compute_the_day_before_the_event(patch: pytest.MonkeyPatch) -> None:
    """What was ordered on a day leaves out the event itself."""
    _read_instead(patch, "day.ordered_shares_after", TABLE["day.ordered_shares"].of)


def forget_what_is_reserved(patch: pytest.MonkeyPatch) -> None:
    """Open orders do not count."""
    _read_instead(patch, "program.shares_after", lambda now: now.after.known_executed_shares())


def count_units_as_shares(patch: pytest.MonkeyPatch) -> None:
    """A depositary share counts as a share."""
    _read_instead(patch, "trade.shares", lambda now: now.trade.event.quantity)


def forget_the_margin(patch: pytest.MonkeyPatch) -> None:
    """An order reserves no more than its rate says."""

    def flat(event: Event, counting: Any, *later: Any) -> Trade:
        listings = {
            key: replace(listing, fx_margin=0) for key, listing in counting.listings.items()
        }
        return whole(event, replace(counting, listings=listings), *later)

    whole = trades.order_trade
    patch.setattr(trades, "order_trade", flat)


def judge_fills_as_orders(patch: pytest.MonkeyPatch) -> None:
    """Rules for fills are not asked of them, and rules for orders are."""
    patch.setattr(step, "scope_of", lambda _: "order")


def forget_the_brokers_of_fills(patch: pytest.MonkeyPatch) -> None:
    """The broker of a fill is taken to be that of its order."""
    _filled_day(patch, lambda before, after, _: replace(after, brokers=before.brokers))


def forget_the_blocks_of_fills(patch: pytest.MonkeyPatch) -> None:
    """A fill by block of an order that was none is no block."""
    _filled_day(patch, lambda before, after, _: replace(after, blocks=before.blocks))


def count_blocks_again(patch: pytest.MonkeyPatch) -> None:
    """Each fill of a block order is a block of its own."""

    def again(before: Day, after: Day, now: Trade) -> Day:
        if before.blocks is None or now.event.method is None:
            return replace(after, blocks=None)
        return replace(after, blocks=before.blocks + (now.event.method == "block"))

    _filled_day(patch, again)


def forget_what_no_order_asked_for(patch: pytest.MonkeyPatch) -> None:
    """What a fill takes beyond its order was ordered by nobody, so it was not ordered."""
    _filled_day(
        patch, lambda before, after, _: replace(after, ordered_shares=before.ordered_shares)
    )


def _filled_day(patch: pytest.MonkeyPatch, changed: Callable[[Day, Day, Trade], Day]) -> None:
    """Change the day after a fill of an open order, given the day before it and the fill."""
    _changed_day(
        patch, lambda before, after, now: changed(before, after, now) if now.of_order else after
    )


def _changed_day(patch: pytest.MonkeyPatch, changed: Callable[[Day, Day, Trade], Day]) -> None:
    """Change the day after each trade, given the day before it and the trade."""

    def broken(
        whole: Callable[[Position, Trade], Position], position: Position, now: Trade
    ) -> Position:
        following = whole(position, now)
        if now.listing is None or now.venue_date is None:
            return following
        key = (now.listing.instrument, now.listing.venue, now.venue_date)
        if key not in following.days:
            return following
        day = changed(position.days.get(key, Day()), following.days[key], now)
        return replace(following, days=following.days.insert(key, day))

    patch.setattr(step, "proposed", partial(broken, fold.proposed))
    patch.setattr(step, "after", partial(broken, fold.after))


IN_GENERAL: Final = histories()
ON_THE_DAY: Final = histories(
    requires=st.sampled_from(("day.ordered_shares_after <= day.ordered_shares",))
)
ON_BROKERS: Final = histories(requires=st.sampled_from(("day.brokers_after <= 1",)))
ON_BLOCKS: Final = histories(requires=st.sampled_from(("day.blocks_after <= day.blocks",)))
ON_MONEY: Final = histories(
    requires=st.sampled_from(
        ("trade.amount <= trade.price_per_share * 1 share", "trade.amount <= JPY 994,000")
    )
)
HISTORY_BREAKS: Final[tuple[tuple[Break, st.SearchStrategy[History]], ...]] = (
    (drop_negations, IN_GENERAL),
    (approve_silence, IN_GENERAL),
    (compute_shares_before_the_event, IN_GENERAL),
    (compute_the_amount_before_the_event, IN_GENERAL),
    (compute_the_day_before_the_event, ON_THE_DAY),
    (forget_the_brokers_of_fills, ON_BROKERS),
    (forget_the_blocks_of_fills, ON_BLOCKS),
    (count_blocks_again, ON_BLOCKS),
    (forget_what_no_order_asked_for, ON_THE_DAY),
    (forget_what_is_reserved, IN_GENERAL),
    (count_units_as_shares, IN_GENERAL),
    (forget_the_margin, ON_MONEY),
    (judge_fills_as_orders, IN_GENERAL),
)


# --- breaks of what does not depend on an order ------------------------------------------------


def keep_rules_as_they_are_written(patch: pytest.MonkeyPatch) -> None:
    """Rules and their findings stand in the order of the file."""
    patch.setattr(editions, "sorted", lambda rules, **_: list(rules), raising=False)


def hash_keys_as_they_are_written(patch: pytest.MonkeyPatch) -> None:
    """An edition's hash is that of its content in the order of the file."""

    def dumps(content: Any, **_: Any) -> str:
        return json.dumps(content, ensure_ascii=False)

    patch.setattr(editions, "json", SimpleNamespace(dumps=dumps))


def take_the_first_rule_alone(patch: pytest.MonkeyPatch) -> None:
    """Only the rule that is written first is judged."""
    compiled = editions.compiled_rules

    def first(authorization: Any, rules: list[Any], *others: Any) -> Any:
        return compiled(authorization, rules[:1], *others)

    patch.setattr(editions, "compiled_rules", first)


def forget_the_last_column(patch: pytest.MonkeyPatch) -> None:
    """What stands in the last column of a log is not read."""

    def misread(name: str, lines: Lines) -> tables.Table:
        table = tables.csv_table(name, lines)
        rows = ((line, [*row[:-1], ""]) for line, row in table.rows if not isinstance(row, Problem))
        return replace(table, rows=rows)

    patch.setattr("repurchase.intake.log.csv_table", misread)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("broken", "drawn"), HISTORY_BREAKS, ids=[broken.__name__ for broken, _ in HISTORY_BREAKS]
)
def test_broken_history_is_caught(
    broken: Break, drawn: st.SearchStrategy[History], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The property of whole histories fails on an engine with this break."""
    broken(monkeypatch)
    assert caught(check_history, drawn, 1000)


@pytest.mark.parametrize(
    "broken",
    [keep_rules_as_they_are_written, hash_keys_as_they_are_written, take_the_first_rule_alone],
    ids=lambda broken: broken.__name__,
)
def test_dependence_on_the_order_of_rules_is_caught(
    broken: Break, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The property of shuffled rule files fails on an engine with this break."""
    broken(monkeypatch)
    assert caught(check_shuffled, shuffles(), 300)


def test_dependence_on_the_order_of_columns_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    """The property of rewritten logs fails on a reader to which the place of a column matters."""
    forget_the_last_column(monkeypatch)
    assert caught(check_rewritten, rewritings(), 300, (AssertionError, InputError))


@pytest.mark.slow
def test_dependence_on_hashes_is_caught(tmp_path: Path) -> None:
    """Processes differ where names are told in the order in which a set holds them."""
    unsorted = "from repurchase.evaluation import judge; judge.sorted = list"
    decisions = {replayed(tmp_path, seed, unsorted) for seed in (0, 1, 2, 3)}
    assert len(decisions) > 1


@pytest.mark.slow
@pytest.mark.parametrize(
    ("check", "drawn"),
    [
        (check_condition, questions()),
        (check_verdict, ANY),
        (check_history, histories()),
        (check_shuffled, shuffles()),
    ],
    ids=["condition", "verdict", "history", "shuffled"],
)
def test_whole_engine_is_not_caught(check: Callable[[Any], None], drawn: Any) -> None:
    """The same check that catches every break passes on the engine as it is."""
    assert not caught(check, drawn, 25)
