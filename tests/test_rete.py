"""What rete.py rests on, measured on the C core itself; and what it makes of facts and faults."""

from __future__ import annotations

import json
import resource
import threading
from collections.abc import Callable, Iterable, Mapping
from fractions import Fraction
from itertools import count
from pathlib import Path
from typing import Any, Final

import durable_rules_engine as core
import pytest
from hypothesis import given
from hypothesis import strategies as st

from repurchase.domain.errors import EngineFault, RuleFileError, Wrong
from repurchase.domain.quantities import Exact
from repurchase.evaluation.rete import PROPERTIES_MAX, RULES_MAX, Network, sent
from repurchase.evaluation.step import Step, step
from repurchase.intake.objects import event_from_json
from repurchase.language.expression import Operator
from repurchase.language.linear import (
    CONSTANT_MAX,
    FALSE,
    GROUPS_MAX,
    TRUE,
    WEIGHT_MAX,
    AllOf,
    AnyOf,
    Atom,
    Form,
    Undecided,
    check_size,
    engine_form,
    negated,
)
from repurchase.ledger.position import Position
from repurchase.rulebook.editions import Edition, load_text
from repurchase.rulebook.life import Life

# --- the C core itself

Test = dict[str, Any]
STACK: Final = "303"
EXPRESSION: Final = "113"
PROPERTIES: Final = "302"


def at_least(name: str, constant: int = 0) -> Test:
    return {"$gte": {name: constant}}


def loaded(**tests: Test) -> int:
    """Return the handle of a rule set with a rule for each of *tests*."""
    definition = {name: {"all": [{"m": test}]} for name, test in tests.items()}
    handle: int = core.create_ruleset("rules", json.dumps(definition))
    return handle


def fact(**values: object) -> str:
    return json.dumps({"id": 1, "sid": "0", "one": 1, **values}, separators=(",", ":"))


def firings(handle: int, text: str) -> list[str]:
    """Return the rule of every action that the fact *text* starts, and take the fact back."""
    result, state = core.assert_fact(handle, text)
    names: list[str] = []
    if result == 1:
        return names
    first = core.start_action_for_state(handle, state)
    action = first[1] if first else None
    while action:
        names.append(next(iter(json.loads(action))))
        action = core.complete_and_start_action(handle, state)
    core.retract_fact(handle, text)
    return names


def error_of(call: Callable[[], object]) -> str:
    """Return the number of the error that *call* ends in, or `none`."""
    try:
        call()
    except core.error as error:
        return str(error).rsplit(maxsplit=1)[-1]
    return "none"


@pytest.mark.parametrize(("rules", "error"), [(64, "none"), (65, STACK)])
def test_core_takes_64_alternatives_at_once(rules: int, error: str) -> None:
    """The fact that meets one rule more is lost with error 303."""
    handle = loaded(**{f"r{number}": at_least(f"p{number}") for number in range(rules)})
    text = fact(**{f"p{number}": 0 for number in range(rules)})
    assert error_of(lambda: firings(handle, text)) == error


@pytest.mark.parametrize(("branches", "error"), [(64, "none"), (65, STACK)])
def test_core_takes_64_branches_at_once(branches: int, error: str) -> None:
    """Branches of one rule count as rules do."""
    handle = loaded(rule={"$or": [at_least(f"p{number}") for number in range(branches)]})
    text = fact(**{f"p{number}": 0 for number in range(branches)})
    assert error_of(lambda: firings(handle, text)) == error


def nested(groups: int) -> Test:
    """Return a condition of *groups* groups, each inside the other."""
    test = at_least("p0")
    for number in range(1, groups + 1):
        test = {"$or" if number % 2 else "$and": [at_least(f"p{number}"), test]}
    return test


def in_a_row(groups: int) -> Test:
    """Return a condition of *groups* groups, all but one side by side."""
    pairs = [{"$and": [at_least(f"p{number}"), at_least("q")]} for number in range(1, groups)]
    return {"$or": pairs}


@pytest.mark.parametrize("shape", [nested, in_a_row])
@pytest.mark.parametrize(("groups", "error"), [(15, "none"), (16, EXPRESSION)])
def test_core_takes_15_groups_a_rule(shape: Callable[[int], Test], groups: int, error: str) -> None:
    """A sixteenth group is refused with error 113, wherever it stands."""
    assert error_of(lambda: loaded(rule=shape(groups))) == error


def test_groups_stay_within_what_the_core_takes() -> None:
    """The bound of a rule leaves one group to spare, and its weight eight alternatives."""
    assert (GROUPS_MAX, WEIGHT_MAX) == (14, 56)


@pytest.mark.parametrize(("properties", "error"), [(254, "none"), (255, PROPERTIES)])
def test_core_takes_254_properties_a_fact(properties: int, error: str) -> None:
    """What a fact of rete holds, with the three that each has, is far below."""
    handle = loaded(rule=at_least("p0"))
    text = fact(**{f"p{number}": 1 for number in range(properties - 3)})
    assert (error_of(lambda: firings(handle, text)), PROPERTIES_MAX + 3 < 254) == (error, True)


@pytest.mark.parametrize("value", [{}, {"p": None}, {"p": []}, {"p": {}}])
def test_core_fires_neither_side_without_a_number(value: dict[str, object]) -> None:
    """A missing or empty property is neither within its limit nor past it."""
    handle = loaded(within={"$lte": {"p": 100}}, past={"$gt": {"p": 100}})
    assert firings(handle, fact(**value)) == []


def test_core_fires_every_rule_for_a_fact() -> None:
    """A fact is not used up by the first rule that it meets."""
    handle = loaded(a=at_least("p"), b=at_least("p"), c=at_least("p", 2))
    assert sorted(firings(handle, fact(p=1))) == ["a", "b"]


def test_core_fires_one_rule_alone_for_an_event() -> None:
    """An event is used up, which is why rete sends facts."""
    handle = loaded(a=at_least("p"), b=at_least("p"))
    _, state = core.assert_event(handle, fact(p=1))
    assert core.start_action_for_state(handle, state)[1] is not None
    assert core.complete_and_start_action(handle, state) is None


def test_core_fires_a_rule_once_a_true_branch() -> None:
    """A rule with three true branches of four fires three times, so names go into a set."""
    branches = [at_least("a"), at_least("b"), at_least("c"), at_least("d", 9)]
    assert firings(loaded(rule={"$or": branches}), fact(a=1, b=1, c=1, d=1)) == ["rule"] * 3


def test_core_fires_a_rule_once_a_combination_of_true_branches() -> None:
    """Groups of alternatives multiply: two of three and two of two fire six times."""
    test = {"$and": [{"$or": [at_least(x) for x in "abc"]}, {"$or": [at_least(x) for x in "de"]}]}
    assert firings(loaded(rule=test), fact(a=1, b=1, c=1, d=1, e=1)) == ["rule"] * 6


@pytest.mark.parametrize("about", [2**31, 2**53, 10**17, 2**61 - 1, -(2**53), -(2**61) + 1, 0])
def test_core_compares_integers_exactly(about: int) -> None:
    """One more or less is told apart in each of the six ways, up to the largest constant."""
    signs = {"lt": "$lt", "lte": "$lte", "gt": "$gt", "gte": "$gte", "eq": "$eq", "neq": "$neq"}
    handle = loaded(**{name: {sign: {"p": about}} for name, sign in signs.items()})
    answers = [sorted(firings(handle, fact(p=about + one))) for one in (-1, 0, 1)]
    assert answers == [["lt", "lte", "neq"], ["eq", "gte", "lte"], ["gt", "gte", "neq"]]


@pytest.mark.parametrize("text", ["1e22", "1e-7", "Infinity", "0x10", "--1", "1_000"])
def test_core_refuses_numbers_of_another_form(text: str) -> None:
    """An exponent or its like is an error of the core, never a number."""
    handle = loaded(low=at_least("p"), high={"$lt": {"p": 0}})
    assert error_of(lambda: firings(handle, fact(p=0).replace('"p":0', f'"p":{text}'))) != "none"


def test_core_goes_on_after_a_lost_fact() -> None:
    """What one fact did is gone with it, for a new rule set."""
    tests = {f"r{number}": at_least("p", number) for number in range(65)}
    assert error_of(lambda: firings(loaded(**tests), fact(p=100))) == STACK
    assert firings(loaded(**tests), fact(p=0)) == ["r0"]


def fnv_1a(name: str) -> int:
    """Return the number by which the C core knows the property *name* (its fnv1Hash32)."""
    number = 0x811C9DC5
    for byte in name.encode():
        number = (number ^ byte) * 16777619 % 2**32
    return number


def test_hash_here_is_that_of_the_core() -> None:
    """The core's header states the numbers of `id` and `sid`."""
    assert (fnv_1a("id"), fnv_1a("sid")) == (926444256, 3593476751)


def test_core_takes_names_of_one_hash_for_one_property() -> None:
    """Two names with one number are one property to it: the hazard that the next test excludes."""
    one, other = "costarring", "liquid"
    assert fnv_1a(one) == fnv_1a(other)
    assert firings(loaded(rule=at_least(one)), fact(**{other: 1})) == ["rule"]


def test_names_of_rete_have_no_hash_in_common() -> None:
    """Each property that a rule set can have is known by a number of its own."""
    names = [f"p{number}" for number in range(PROPERTIES_MAX + 1)]
    names += ["one", "end", "id", "sid", "$s", "$m", "m"]
    assert len({fnv_1a(name) for name in names}) == len(names)


# --- what rete makes of it


def atom(name: str, operator: Operator, constant: int, *, whole: bool = False) -> Atom:
    return Atom(((name, 1),), operator, constant, whole)


def fired(rules: Mapping[str, Form], facts: Mapping[str, Exact | None]) -> set[str]:
    return Network(rules.items()).fired(facts)


def states(operator: Operator, constant: int, value: Exact) -> tuple[bool, bool]:
    """Return whether `value OP constant` fires, and whether its negation does."""
    test = atom("x", operator, constant)
    names = fired({"yes": test, "no": negated(test)}, {"x": value})
    return "yes" in names, "no" in names


EXACT: Final = {
    "<": lambda x, c: x < c,
    "<=": lambda x, c: x <= c,
    ">": lambda x, c: x > c,
    ">=": lambda x, c: x >= c,
    "==": lambda x, c: x == c,
    "!=": lambda x, c: x != c,
}
NEAR: Final = st.sampled_from([0, 1, 2**31, 2**53, 10**17, 2**61 - 1, -(2**53), -(2**61) + 1])
OFF: Final = st.sampled_from(
    [*map(Fraction, range(-2, 3)), Fraction(1, 3), Fraction(-1, 3), Fraction(1, 10**12)]
)


@given(st.sampled_from(sorted(EXACT)), NEAR, OFF)
def test_comparison_agrees_with_exact_arithmetic(
    operator: Operator, constant: int, off: Fraction
) -> None:
    """However close an exact quantity is to a constant, rounding changes no verdict."""
    value = constant + off
    expected: bool = EXACT[operator](value, constant)
    assert states(operator, constant, value) == (expected, not expected)


@pytest.mark.parametrize("value", [2**61, 2**62, 2**63, 2**64, 10**30, Fraction(10**31, 7)])
@pytest.mark.parametrize("constant", [0, 2**53, CONSTANT_MAX - 1, 1 - CONSTANT_MAX])
def test_quantity_past_64_bits_keeps_its_verdict(value: Exact, constant: int) -> None:
    """What is past every constant compares so on both ends, however large."""
    answers = [states(operator, constant, value)[0] for operator in ("<=", ">", "==")]
    mirrored = [states(operator, constant, -value)[0] for operator in (">=", "<", "==")]
    assert (answers, mirrored) == ([False, True, False], [False, True, False])


@pytest.mark.parametrize(
    ("value", "coefficient", "up", "expected"),
    [
        (7, 1, True, 7),
        (7, -3, False, -21),
        (Fraction(1, 3), 1, True, 1),
        (Fraction(1, 3), 1, False, 0),
        (Fraction(1, 3), 3, True, 1),
        (Fraction(-1, 3), 1, True, 0),
        (Fraction(-1, 3), 1, False, -1),
        (2**61 - 1, 1, True, 2**61 - 1),
        (2**61, 1, True, 2**61),
        (2**61 + 1, 1, True, 2**61),
        (2**63, 1, False, 2**61),
        (10**30, 1, True, 2**61),
        (-(10**30), 1, True, -(2**61)),
        (2**60, 4, True, 2**61),
        (2**60, -4, True, -(2**61)),
    ],
)
def test_integer_sent_is_rounded_as_asked_and_bounded(
    value: Exact, coefficient: int, up: bool, expected: int
) -> None:
    """Nothing past 2**61 is sent, and nothing is rounded but the way its comparison needs."""
    assert sent(value, coefficient, up=up) == expected


class Whole(int):
    """An integer that is not quite one."""


@pytest.mark.parametrize(
    "value", [1.0, float("nan"), float("inf"), True, False, None, "1", b"1", 1j, Whole(1), [1]]
)
def test_what_is_no_exact_quantity_is_refused(value: Any) -> None:
    """A float, a truth value and a text have no place among quantities."""
    with pytest.raises(EngineFault) as refusal:
        sent(value, 1, up=True)
    assert str(refusal.value) == f"a {type(value).__name__} is not an exact quantity"


@pytest.mark.parametrize("value", [1.0, float("nan"), True, "1"])
@pytest.mark.parametrize(
    "test",
    [
        atom("x", "<=", 100),
        Atom((("x", 1), ("y", 1)), "<=", 100, whole=False),
        Atom((("y", 1), ("x", 1)), "<=", 100, whole=False),
    ],
)
def test_what_is_no_exact_quantity_reaches_no_comparison(test: Atom, value: Any) -> None:
    """A fact of another type is a fault, alone and in a sum, and the next fact is judged."""
    network = Network([("rule", test)])
    with pytest.raises(EngineFault, match="not an exact quantity"):
        network.fired({"x": value, "y": 1})
    assert network.fired({"x": 1, "y": 1}) == {"rule"}


def test_missing_fact_silences_what_reads_it_alone() -> None:
    """A sum with a missing part is no number; what does not need it fires."""
    rules: dict[str, Form] = {
        "sum": Atom((("x", 1), ("y", 1)), "<=", 100, whole=False),
        "sum-not": Atom((("x", 1), ("y", 1)), ">", 100, whole=False),
        "x": atom("x", "<=", 100),
        "either": AnyOf((atom("x", ">", 100), atom("y", "<=", 100))),
        "x-or-y": AnyOf((atom("x", "<=", 100), atom("y", "<=", 100))),
    }
    assert fired(rules, {"x": 1, "y": None}) == {"x", "x-or-y"}


def test_fact_with_coefficient_zero_is_still_needed() -> None:
    """`0 * x <= 5` holds of any x, and of no x that is missing."""
    zero = Atom((("x", 0),), "<=", 5, whole=False)
    network = Network([("rule", zero)])
    assert (network.fired({"x": 10**30}), network.fired({"x": None})) == ({"rule"}, set())


def test_true_always_fires_and_false_never() -> None:
    """A rule without comparisons is decided all the same."""
    rules: dict[str, Form] = {"true": TRUE, "false": FALSE, "open": Undecided(("terms.x",))}
    assert fired(rules, {"x": None}) == {"true"}


@pytest.mark.parametrize("rules", [49, 50, 51, 80, 300])
@pytest.mark.parametrize("held", ["all", "none", "one"])
def test_many_rules_are_all_heard(rules: int, held: str) -> None:
    """However many rules hold at once, none is lost between the rule sets."""
    forms: dict[str, Form] = {f"r{number}": atom("x", ">=", number) for number in range(rules)}
    value = {"all": rules, "none": -1, "one": 0}[held]
    expected = {"all": set(forms), "none": set(), "one": {"r0"}}[held]
    assert (fired(forms, {"x": value}), RULES_MAX) == (expected, 50)


def test_300_facts_are_spread_over_rule_sets() -> None:
    """No fact sent holds more properties than the engine takes."""
    forms: dict[str, Form] = {f"r{number}": atom(f"f{number}", "<=", 5) for number in range(300)}
    facts: dict[str, Exact | None] = {f"f{number}": number % 10 for number in range(300)}
    assert fired(forms, facts) == {f"r{number}" for number in range(300) if number % 10 <= 5}


def test_rule_of_weight_56_is_heard_with_all_branches_true() -> None:
    """The largest rule that is taken stays below what the engine holds at once."""
    branches = tuple(atom(f"f{number}", ">=", 0) for number in range(WEIGHT_MAX - 1))
    form = AnyOf(branches)
    check_size(form)
    facts: dict[str, Exact | None] = {f"f{number}": 1 for number in range(WEIGHT_MAX)}
    assert fired({"rule": form, "other": atom("f0", ">=", 0)}, facts) == {"rule", "other"}


def test_rule_past_weight_56_is_refused() -> None:
    """One comparison more is an error at load."""
    with pytest.raises(Wrong) as refusal:
        check_size(AnyOf(tuple(atom(f"f{number}", ">=", 0) for number in range(WEIGHT_MAX))))
    assert str(refusal.value) == "it expands to too many comparisons; split it into two rules"


def alternating(groups: int) -> Form:
    """Return *groups* groups, each inside the other, that hold where `f0` is above zero."""
    form: Form = atom("f0", ">", 0)
    for number in range(1, groups + 1):
        side = atom(f"f{number}", ">", 0)
        form = AnyOf((side, form)) if number % 2 else AllOf((side, form))
    return form


def known(form: Form, facts: Mapping[str, Exact | None]) -> bool:
    """Return whether *form* is known to hold, by plain arithmetic."""
    if isinstance(form, AllOf):
        return all(known(part, facts) for part in form.parts)
    if isinstance(form, AnyOf):
        return any(known(part, facts) for part in form.parts)
    if isinstance(form, Undecided):
        return False
    values = [facts[name] for name, _ in form.terms]
    if any(value is None for value in values):
        return False
    total = sum(value * one for value, (_, one) in zip(values, form.terms, strict=True) if value)
    return bool(EXACT[form.operator](total, form.constant))


@given(st.lists(st.sampled_from([0, 1, None]), min_size=15, max_size=15))
def test_groups_nested_to_the_limit_agree_with_plain_logic(values: list[Exact | None]) -> None:
    """Fourteen groups inside one another are judged as one line of Python judges them."""
    form = alternating(GROUPS_MAX)
    check_size(form)
    check_size(negated(form))
    facts = {f"f{number}": value for number, value in enumerate(values)}
    expected = {name for name, one in (("yes", form), ("no", negated(form))) if known(one, facts)}
    assert _DEEPEST.fired(facts) == expected


_DEEPEST: Final = Network(
    [("yes", alternating(GROUPS_MAX)), ("no", negated(alternating(GROUPS_MAX)))]
)


def test_one_group_more_is_refused() -> None:
    """The fifteenth group is an error at load, though the engine would take it."""
    with pytest.raises(Wrong) as refusal:
        check_size(alternating(GROUPS_MAX + 1))
    assert str(refusal.value) == "it nests too many groups of and/or; split it into two rules"


ATOMS: Final = st.builds(
    lambda names, operator, constant, whole: Atom(
        tuple((name, one) for name, one in names.items()), operator, constant, whole and False
    ),
    st.dictionaries(st.sampled_from("abc"), st.integers(-2, 2), min_size=1),
    st.sampled_from(sorted(EXACT)),
    st.integers(-4, 4),
    st.booleans(),
)
FORMS: Final[st.SearchStrategy[Form]] = st.recursive(
    ATOMS | st.just(Undecided(("terms.x",))),
    lambda parts: (
        st.builds(lambda found: AllOf(tuple(found)), st.lists(parts, min_size=1, max_size=3))
        | st.builds(lambda found: AnyOf(tuple(found)), st.lists(parts, min_size=1, max_size=3))
    ),
    max_leaves=8,
)
VALUES: Final = st.none() | st.fractions(-5, 5, max_denominator=4) | st.integers(-5, 5)


@given(st.lists(FORMS, min_size=1, max_size=4), st.fixed_dictionaries(dict.fromkeys("abc", VALUES)))
def test_network_agrees_with_plain_logic(forms: list[Form], facts: dict[str, Exact | None]) -> None:
    """Any rules over any facts, some missing: the Rete network and plain Python agree."""
    rules = {}
    for number, form in enumerate(forms):
        for name, one in ((f"{number}:pass", form), (f"{number}:fail", negated(form))):
            check_size(one)
            rules[name] = one
    assert fired(rules, facts) == {name for name, one in rules.items() if known(one, facts)}


def test_equation_of_a_broken_number_is_a_pair() -> None:
    """A half is not one, whichever way it is rounded."""
    assert engine_form(atom("x", "==", 1)) == AllOf((atom("x", "<=", 1), atom("x", ">=", 1)))
    assert engine_form(atom("x", "!=", 1)) == AnyOf((atom("x", "<", 1), atom("x", ">", 1)))
    assert engine_form(atom("x", "==", 1, whole=True)) == atom("x", "==", 1, whole=True)


def test_rule_names_of_any_permitted_form_come_back() -> None:
    """The name is cut out of the engine's text unharmed, colons and hyphens included."""
    names = {"a:pass", "a-b:fail", "a.b_c", "0:pass", "rule 1"}
    assert fired(dict.fromkeys(names, TRUE), {}) == names


def test_two_threads_with_a_network_each_do_not_disturb_one_another() -> None:
    """A rule set belongs to one thread; give each field a column of its own and hears its own."""
    wrong: list[set[str]] = []

    def judge(low: int) -> None:
        network = Network([("low", atom("x", "<=", low)), ("high", atom("x", ">", low))])
        for value in range(low - 200, low + 200):
            names = network.fired({"x": value})
            if names != {"low" if value <= low else "high"}:
                wrong.append(names)

    threads = [threading.Thread(target=judge, args=(number * 1000,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def resident() -> int:
    """Return the kilobytes that this process holds; where no system tells, its most so far.

    The most so far hides what is lost as long as an earlier test has held more.
    """
    sizes = Path("/proc/self/statm")
    if sizes.is_file():
        return int(sizes.read_text("ascii").split()[1]) * resource.getpagesize() // 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def test_memory_stays_flat_over_many_decisions() -> None:
    """Facts leave nothing behind: the second 20,000 take no more room than the first."""
    forms: dict[str, Form] = {f"r{number}": atom("x", ">=", number) for number in range(12)}
    forms["or"] = AnyOf((atom("x", "<", 5), atom("y", ">", 5)))
    network = Network(forms.items())

    def judge_many() -> int:
        for value in range(20_000):
            network.fired({"x": value % 20, "y": Fraction(value, 3)})
        return resident()

    first, second = judge_many(), judge_many()
    assert second - first < 2_000


def test_rule_sets_that_are_let_go_give_back_what_they_took() -> None:
    """A thousand that have judged, some of which fired and some did not, leave no room taken."""

    def judge_once(count: int) -> int:
        for number in range(count):
            network = Network([("low", atom("x", "<", 5)), ("high", atom("y", ">", number))])
            assert network.fired({"x": number % 10, "y": 0}) == (
                {"low"} if number % 10 < 5 else set()
            )
        return resident()

    first, second = judge_once(100), judge_once(1000)
    assert second - first < 10_000


def test_core_keeps_the_state_of_a_deleted_rule_set() -> None:
    """What `rete` empties by hand the core would keep: some 200 kB for each rule set."""
    before = resident()
    for _ in range(10):
        for _ in range(500):
            handle = loaded(low=at_least("x"))
            firings(handle, fact(x=1))
            core.delete_ruleset(handle)
        # What other tests of this process freed is used first.
        if resident() - before > 10_000:
            return
    pytest.fail("the core frees what it keeps of a rule set")


# --- a fault between facts and result

RULES: Final = b"""\
repurchase: 1
authorization: faulty
currency: JPY
timezone: Asia/Tokyo
instruments:
  common: {symbol: "1", venues: [XTKS]}
terms:
  max_shares: {value: "100 shares"}
rules:
  - id: share-cap
    require: program.shares_after <= terms.max_shares
  - id: class-or-side
    require: trade.share_class == common or trade.side == buy
  - id: price-bound
    require: trade.price_per_share <= JPY 1,000,000
  - id: noted
    effect: flag
    require: trade.price_per_share <= JPY 1,000
"""


def edition_of(data: bytes) -> Edition:
    editions = load_text(data, "rules.yaml")
    return editions.on(editions.first_day())


def edition_called(name: str) -> Edition:
    """Return an edition of its own for a test, so that it finds no rule sets of another."""
    return edition_of(RULES.replace(b"faulty", name.lower().replace("_", "-").encode(), 1))


def asked(edition: Edition, quantity: int, price: str | None = "10") -> Step:
    text = {"kind": "order", "id": f"o-{quantity}", "date": "2026-05-15", "symbol": "1"}
    text |= {"side": "buy", "quantity": str(quantity), "order_type": "limit"}
    text |= {"price": price} if price is not None else {}
    return step(event_from_json(json.dumps(text)), Position(), Life(edition))


def told(taken: Step) -> tuple[str, list[tuple[str, str]]]:
    """Return the outcome and each finding of a step, as rule and what was observed."""
    decision = taken.decision
    return decision.outcome, [(one.rule, one.observed or "") for one in decision.findings]


Arguments = tuple[Any, ...]


def nothing(*_: object) -> None:
    return None


def broken(*_: object) -> None:
    raise core.error("Could not do it, error code: 305")


def not_handled(*arguments: Any) -> Arguments:
    result = core_functions["assert_fact"](*arguments)
    return (1, result[1])


def half_read(*_: object) -> Arguments:
    return ("{}", "not what an action reads")


def contradicting(*arguments: Any) -> Arguments | None:
    """Start with an action of a deny rule that never fired."""
    first: Arguments | None = core_functions["start_action_for_state"](*arguments)
    return None if first is None else (first[0], '{"share-cap:fail":{"m":{}}}')


def unknown_rule(*arguments: Any) -> Arguments | None:
    first: Arguments | None = core_functions["start_action_for_state"](*arguments)
    return None if first is None else (first[0], '{"another:pass":{"m":{}}}')


core_functions: Final[dict[str, Callable[..., Any]]] = {
    name: getattr(core, name)
    for name in (
        "assert_fact",
        "start_action_for_state",
        "complete_and_start_action",
        "retract_fact",
        "create_ruleset",
    )
}
FAULTS: Final = [
    pytest.param("start_action_for_state", nothing, id="no-action-is-started"),
    pytest.param("start_action_for_state", broken, id="starting-an-action-raises"),
    pytest.param("start_action_for_state", half_read, id="an-action-cannot-be-read"),
    pytest.param("start_action_for_state", contradicting, id="a-deny-rule-fires-too"),
    pytest.param("start_action_for_state", unknown_rule, id="an-unknown-rule-fires"),
    pytest.param("complete_and_start_action", nothing, id="actions-stop-early"),
    pytest.param("complete_and_start_action", broken, id="completing-an-action-raises"),
    pytest.param("assert_fact", not_handled, id="a-fact-is-said-to-meet-nothing"),
    pytest.param("assert_fact", broken, id="a-fact-is-refused"),
    pytest.param("retract_fact", broken, id="a-fact-cannot-be-taken-back"),
]


@pytest.mark.parametrize(("function", "fault"), FAULTS)
@pytest.mark.parametrize("warmed", [True, False])
def test_fault_between_fact_and_result_denies(
    monkeypatch: pytest.MonkeyPatch, function: str, fault: Callable[..., Any], warmed: bool
) -> None:
    """Whatever the engine does wrong, the event is denied with a reason, and the next is right."""
    edition = edition_called(f"{function}-{fault.__name__}-{warmed}")
    if warmed:
        assert told(asked(edition, 1)) == ("approved", [])
    monkeypatch.setattr(core, function, fault)
    faulty = asked(edition, 2)
    outcome, findings = told(faulty)
    assert (outcome, faulty.position.reserved_shares) == ("denied", 0)
    assert findings != []
    assert {finding.effect for finding in faulty.decision.findings} != {"flag"}
    monkeypatch.undo()
    assert told(asked(edition, 3)) == ("approved", [])
    assert told(asked(edition, 101)) == ("denied", [("share-cap", "101")])


@pytest.mark.parametrize(("function", "fault"), FAULTS)
@pytest.mark.parametrize("warmed", [True, False])
def test_event_after_a_fault_borrows_nothing_from_the_faulty_one(
    monkeypatch: pytest.MonkeyPatch, function: str, fault: Callable[..., Any], warmed: bool
) -> None:
    """What was left of a fact that would pass does not approve one that cannot be decided."""
    edition = edition_called(f"after-{function}-{fault.__name__}-{warmed}")
    if warmed:
        assert told(asked(edition, 1))[0] == "approved"
        assert told(asked(edition, 101))[0] == "denied"
    monkeypatch.setattr(core, function, fault)
    assert told(asked(edition, 2))[0] == "denied"
    monkeypatch.undo()
    assert told(asked(edition, 3, price=None)) == ("denied", [("noted", ""), ("price-bound", "")])


def stopped_after(
    monkeypatch: pytest.MonkeyPatch, calls: int, edition: Edition, quantity: int
) -> bool:
    """Ask for an order, and press Ctrl-C after so many calls of the engine; return if it came."""
    done = count(1)

    def stopped(function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any) -> Any:
            answer = function(*arguments)
            if next(done) == calls:
                raise KeyboardInterrupt
            return answer

        return call

    with monkeypatch.context() as patched:
        for name, function in core_functions.items():
            patched.setattr(core, name, stopped(function))
        try:
            asked(edition, quantity)
        except KeyboardInterrupt:
            return True
    return False


def test_ctrl_c_amid_an_evaluation_changes_no_later_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """A decision that was stopped after any call of the engine leaves nothing to the next."""
    calls = 0
    while True:
        edition = edition_called(f"stopped-{calls}")
        assert told(asked(edition, 1)) == ("approved", [])
        # An order that is denied asks all rule sets of the edition.
        if not stopped_after(monkeypatch, calls + 1, edition, 101):
            break
        calls += 1
        for more in (2, 3):
            assert told(asked(edition, more)) == ("approved", [])
            assert told(asked(edition, 100 + more)) == ("denied", [("share-cap", str(100 + more))])
    assert calls > 10


@pytest.mark.parametrize(
    ("function", "fault", "rule", "observed"),
    [
        (
            "assert_fact",
            broken,
            "engine.fault",
            "durable-rules failed on a fact: Could not do it, error code: 305",
        ),
        (
            "retract_fact",
            broken,
            "engine.fault",
            "durable-rules failed on a fact: Could not do it, error code: 305",
        ),
        ("start_action_for_state", contradicting, "engine.fault", None),
    ],
)
def test_fault_is_named_in_the_decision(
    monkeypatch: pytest.MonkeyPatch,
    function: str,
    fault: Callable[..., Any],
    rule: str,
    observed: str | None,
) -> None:
    """The decision says that the engine gave no usable answer, and how it failed."""
    edition = edition_called(f"named-{fault.__name__}-{function}")
    asked(edition, 1)
    monkeypatch.setattr(core, function, fault)
    finding = asked(edition, 2).decision.findings[0]
    assert finding.rule in (rule, "share-cap")
    assert observed is None or finding.observed == observed


def test_rules_that_are_not_taken_deny(monkeypatch: pytest.MonkeyPatch) -> None:
    """An engine that cannot be given the rules denies, and judges once it can."""
    edition = edition_called("untaken")
    monkeypatch.setattr(core, "create_ruleset", broken)
    said = "durable-rules did not take the rules: Could not do it, error code: 305"
    assert told(asked(edition, 1)) == ("denied", [("engine.fault", said)])
    monkeypatch.undo()
    assert told(asked(edition, 1)) == ("approved", [])


def test_reload_that_fails_after_a_fault_approves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """A rule set that could not be replaced approves nothing that it should not, and recovers."""
    edition = edition_called("reload")
    assert told(asked(edition, 1)) == ("approved", [])
    monkeypatch.setattr(core, "retract_fact", broken)
    monkeypatch.setattr(core, "create_ruleset", broken)
    assert told(asked(edition, 2))[0] == "denied"
    monkeypatch.undo()
    assert told(asked(edition, 101))[0] == "denied"
    assert told(asked(edition, 3, price=None))[0] == "denied"
    assert told(asked(edition, 3)) == ("approved", [])


def rules_of(requirements: Iterable[str]) -> bytes:
    """Return a rule file with a rule for each of *requirements*."""
    head = RULES[: RULES.index(b"rules:\n") + len(b"rules:\n")].decode()
    rules = [f"  - id: r-{n:03}\n    require: {one}\n" for n, one in enumerate(requirements)]
    return (head + "".join(rules)).encode()


@pytest.mark.parametrize("count", [13, 14, 20, 40, 80])
@pytest.mark.parametrize("operator", ["==", "!=", "<=", "not =="])
def test_sound_rule_file_of_any_size_can_be_judged(count: int, operator: str) -> None:
    """Rules that are joined to be judged at once stay within what the engine takes."""
    negation, _, sign = operator.rpartition(" ")
    edition = edition_of(
        rules_of(f"{negation} trade.shares {sign} {n + 1} shares" for n in range(count))
    )
    quantity = 5
    expected = [
        f"r-{n:03}" for n in range(count) if not (EXACT[sign](quantity, n + 1) ^ bool(negation))
    ]
    outcome, findings = told(asked(edition, quantity))
    assert (outcome, [rule for rule, _ in findings]) == ("denied", expected)


@pytest.mark.parametrize("count", [13, 14, 20, 40, 80])
def test_many_inequalities_that_hold_approve(count: int) -> None:
    """A rule file of inequalities alone approves what meets them all."""
    edition = edition_of(rules_of(f"trade.shares != {n + 6} shares" for n in range(count)))
    assert told(asked(edition, 5)) == ("approved", [])


def alternatives(count: int, *, first: int = 0) -> list[str]:
    """Return *count* alternatives of which all three parts hold for what `asked` buys."""
    return [
        f"(trade.shares > {n} shares or trade.units > {n} or trade.amount > JPY {n})"
        for n in range(first, first + count)
    ]


def test_alternatives_that_multiply_are_refused() -> None:
    """A rule whose true branches combine a million times over would exhaust the memory."""
    when = " and ".join(alternatives(8))
    require = " or ".join(f"not {one}" for one in alternatives(5, first=8))
    with pytest.raises(RuleFileError) as refusal:
        edition_of(rules_of([f">-\n      {require}\n    when: >-\n      {when}"]))
    assert [(one.line, one.what) for one in refusal.value.problems] == [
        (
            10,
            (
                "rule `r-000` cannot be used: its alternatives combine in too many "
                "ways; write a rule for each"
            ),
        )
    ]


def test_most_alternatives_that_are_taken_are_judged_in_bounded_room() -> None:
    """Two to the ninth ways to hold, all of which do, are taken; the tenth pair is too many."""
    pairs = [f"(trade.shares > {n} shares or trade.units > {n})" for n in range(10)]
    edition = edition_of(rules_of([f">-\n      {' and '.join(pairs[:9])}"]))
    before = resident()
    assert told(asked(edition, 50)) == ("approved", [])
    assert told(asked(edition, 8))[0] == "denied"
    assert resident() - before < 10_000
    with pytest.raises(RuleFileError, match="its alternatives combine in too many ways"):
        edition_of(rules_of([f">-\n      {' and '.join(pairs)}"]))
