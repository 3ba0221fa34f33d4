"""One decision in process, twelve rules, facts ready: beside the public API and plain Python."""

from __future__ import annotations

import json
import platform
import statistics
import time
from collections.abc import Callable
from datetime import UTC, date, datetime
from itertools import cycle, islice
from typing import Any, Final

import durable_rules_engine as core
from durable.engine import Ruleset
from generate import RULES
from msgspec.structs import replace

from repurchase.domain.events import Event
from repurchase.domain.quantities import Exact
from repurchase.evaluation import judge
from repurchase.evaluation.step import step
from repurchase.ledger.position import Position
from repurchase.rulebook.editions import Edition, load_text
from repurchase.rulebook.life import Life

# The fields of an order, and the facts that come to something else with them.
Case = tuple[dict[str, Any], dict[str, Any]]

DECISIONS: Final = 20_000
ROUNDS: Final = 7
DENIALS: Final = 2_000
ORDER: Final = Event(
    kind="order",
    id="o",
    time=datetime(2020, 6, 1, 1, tzinfo=UTC),
    symbol="9999",
    venue="XTKS",
    side="buy",
    quantity=100,
    price=1_100,
    order_type="limit",
)


def test_decision_rate() -> None:
    """Report how many decisions a second each way makes, round by round in turn."""
    edition = load_text(RULES.encode(), "generated").on(date(2020, 6, 1))
    compiled = judge.compiled(edition, "all")
    facts = [_facts(number) for number in range(DECISIONS)]
    numbers = [_coded(edition, one) for one in facts]
    (rule_set,) = compiled.screen.rule_sets
    ready = [rule_set.fact(one) for one in numbers]
    ways: dict[str, Callable[[], int]] = {
        "this package, facts ready": lambda: sum(compiled.found(one) == () for one in facts),
        "durable-rules, Ruleset API": _public(rule_set.definition, [json.loads(x) for x in ready]),
        "durable-rules, C calls alone": lambda: _bare(rule_set.definition, ready),
        "plain Python, no engine": lambda: sum(_plain(edition, one) for one in numbers),
    }
    rates: dict[str, list[float]] = {way: [] for way in ways}
    for _ in range(ROUNDS):
        for way, run in ways.items():
            start = time.perf_counter()
            assert run() == DECISIONS
            rates[way].append(DECISIONS / (time.perf_counter() - start))
    _report(rates)


def test_denial_beside_approval() -> None:
    """Report what a denial costs beside an approval: the whole decision, and with facts ready."""
    edition = load_text(RULES.encode(), "generated").on(date(2020, 6, 1))
    compiled = judge.compiled(edition, "all")
    large: Case = ({"quantity": 3_000}, {"trade.shares": 3_000})
    dear: Case = ({"price": 1_600}, {"trade.price_per_share": 1_600})
    both: Case = (
        {"quantity": 6_000, "price": 1_600},
        {"trade.shares": 6_000, "trade.amount": 9_600_000, "trade.price_per_share": 1_600},
    )
    cases: dict[str, tuple[Case, ...]] = {
        "approved": (({}, {}),),
        "denied by one": (large,),
        "denied by three": (both,),
        "denied by turns": (large, dear),
    }
    spent: dict[tuple[str, str], list[float]] = {}
    for _ in range(ROUNDS):
        for name, turns in cases.items():
            drawn = list(islice(cycle(turns), DENIALS))
            orders = [
                replace(ORDER, id=f"o-{number}", **fields)
                for number, (fields, _) in enumerate(drawn)
            ]
            facts = [_facts(number) | changed for number, (_, changed) in enumerate(drawn)]
            start = time.perf_counter()
            outcomes = {step(order, Position(), Life(edition)).decision.outcome for order in orders}
            between = time.perf_counter()
            for one in facts:
                compiled.found(one)
            end = time.perf_counter()
            assert outcomes == {"approved" if name == "approved" else "denied"}
            spent.setdefault(("decision", name), []).append((between - start) / DENIALS)
            spent.setdefault(("facts ready", name), []).append((end - between) / DENIALS)
    for (what, name), each in spent.items():
        ratio = statistics.median(
            one / other for one, other in zip(each, spent[what, "approved"], strict=True)
        )
        micros = statistics.median(each) * 1e6
        print(f"\n{what:12}{name:24}{micros:>8.0f} us{ratio:>8.2f} of an approval", end="")


def _report(rates: dict[str, list[float]]) -> None:
    print(f"\n{platform.processor() or platform.machine()}, Python {platform.python_version()}")
    public = rates["durable-rules, Ruleset API"]
    for way, found in rates.items():
        ratio = statistics.median(one / other for one, other in zip(found, public, strict=True))
        print(f"{way:32}{statistics.median(found):>12,.0f} a second{ratio:>8.2f} of the API")


def _facts(number: int) -> dict[str, Any]:
    return {
        "program.shares_after": number * 100,
        "program.amount_after": number * 110_000,
        "trade.date": date(2020, 6, 1).toordinal(),
        "trade.last_date": date(2020, 6, 1).toordinal(),
        "trade.share_class": "common",
        "trade.side": "buy",
        "trade.order_type": "limit",
        "trade.shares": 100,
        "trade.amount": 110_000,
        "trade.price_per_share": 1_100,
        "day.ordered_shares_after": number,
        "program.reserved_shares": number % 1000,
    }


def _coded(edition: Edition, facts: dict[str, Any]) -> dict[str, Exact | None]:
    words = edition.constants.words
    return {name: words.get(value, value) for name, value in facts.items()}


def _public(definition: str, facts: list[dict[str, Any]]) -> Callable[[], int]:
    fired: list[object] = []

    def act(closure: object) -> None:
        fired.append(closure)

    rules = json.loads(definition)
    for rule in rules.values():
        rule["run"] = act
    rule_set = Ruleset("public", None, rules)

    def run() -> int:
        fired.clear()
        for fact in facts:
            state = rule_set.assert_fact(fact)
            rule_set.do_actions(state, lambda _error, _state: None)
            rule_set.retract_fact(fact)
        return len(fired)

    return run


def _bare(definition: str, facts: list[str]) -> int:
    handle = core.create_ruleset("bare", definition)
    fired = 0
    for fact in facts:
        _, state = core.assert_fact(handle, fact)
        action = core.start_action_for_state(handle, state)[1]
        while action:
            fired += action[2 : action.index('"', 2)] == "0:pass"
            action = core.complete_and_start_action(handle, state)
        core.retract_fact(handle, fact)
    core.delete_ruleset(handle)
    return fired


def _plain(edition: Edition, facts: dict[str, Any]) -> bool:
    terms, words = edition.constants.terms, edition.constants.words
    return bool(
        facts["program.shares_after"] <= terms["terms.max_shares"]
        and facts["program.amount_after"] <= terms["terms.max_amount"]
        and facts["trade.date"] >= terms["terms.first_day"]
        and facts["trade.last_date"] <= terms["terms.last_day"]
        and facts["trade.share_class"] == words["common"]
        and facts["trade.side"] == words["buy"]
        and facts["trade.order_type"] == words["limit"]
        and facts["trade.shares"] <= 2_500
        and facts["trade.amount"] <= 5_000_000
        and facts["trade.price_per_share"] <= 1_500
        and facts["day.ordered_shares_after"] <= 90_000_000
        and facts["program.reserved_shares"] <= 1_000_000
    )
