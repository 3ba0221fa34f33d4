"""The cases beside a rule file: each an event, what came before it, and the answer expected."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

from repurchase.decision import Decision
from repurchase.edition import Editions, load
from repurchase.errors import InputError, Problem, RuleFileError, nearest, short
from repurchase.events import KINDS, Event
from repurchase.feeds import read_feed
from repurchase.logs import event
from repurchase.logs.fields import READERS, misplaced
from repurchase.position import Position
from repurchase.program import step
from repurchase.rulefile import Case, read_cases


class CaseResult(msgspec.Struct, frozen=True):
    """What came of one case: *wrong* says how it differs from what was expected, if it does."""

    case: Case
    decision: Decision
    wrong: str | None


def run(rules: Path, cases: Path) -> tuple[CaseResult, ...]:
    """Return what comes of each of *cases* under *rules*; raise RuleFileError where one is amiss.

    Errors of all cases are told at once.
    """
    editions = load(rules)
    results: list[CaseResult] = []
    problems: list[Problem] = []
    for case in read_cases(cases):
        try:
            results.append(result(case, editions))
        except InputError as error:
            problems += [
                Problem(
                    f"case `{case.name}`: {problem.what}",
                    problem.hint,
                    str(cases),
                    case.line,
                    case.column,
                )
                for problem in error.problems
            ]
    if problems:
        raise RuleFileError(problems)
    return tuple(results)


def result(case: Case, editions: Editions) -> CaseResult:
    """Return what comes of *case*; raise InputError where one of its events is none."""
    position = Position()
    if case.given_shares is not None or case.given_amount is not None:
        position = Position(
            executed_shares=case.given_shares or 0,
            executed_amount=case.given_amount or 0,
            started=True,
        )
    given = [
        _event(values, case.usual, f"given-{number}")
        for number, values in enumerate(case.given_events, 1)
    ]
    asked = _event(case.event, case.usual, "event")
    _check_ids([*given, asked])
    # Sessions are those of the tables; what else an event's rules read of the market, it says.
    market = read_feed(()).of(editions.authorization)
    for before in given:
        position = step(before, position, editions.of(before, position), market=market).position
    decision = step(asked, position, editions.of(asked, position), market=market).decision
    return CaseResult(case, decision, _wrong(case, decision))


def _event(values: Mapping[str, str], usual: Mapping[str, str], name: str) -> Event:
    """Return the event of *values*, and of what is *usual* where it can say that and does not."""
    unknown = [field for field in usual if field not in READERS]
    if unknown:
        hint = nearest(unknown[0], READERS) or "write the fields of an event"
        raise InputError(Problem(f"`{short(unknown[0])}`, said to be usual, is no field", hint))
    kind = values.get("kind")
    cannot = {one.field for one in misplaced(kind, usual)} if kind in KINDS else usual.keys()
    said = {field: value for field, value in usual.items() if field not in cannot} | {**values}
    return event(
        {"id": name}
        | {field: value for field, value in said.items() if value or field not in usual}
    )


def _check_ids(events: Sequence[Event]) -> None:
    """Raise InputError where two events have one id: a log or a desk would refuse the second."""
    used: set[str] = set()
    for one in events:
        if one.id in used:
            raise InputError(Problem(f"the id `{one.id}` is used twice", "give each its own"))
        used.add(one.id)


def _wrong(case: Case, decision: Decision) -> str | None:
    stopped = sorted({finding.rule for finding in decision.findings})
    got = f"{decision.outcome}, by {', '.join(stopped)}" if stopped else decision.outcome
    if decision.outcome != case.expect:
        return f"expected {case.expect}, got {got}"
    if case.rules is not None and sorted(set(case.rules)) != stopped:
        expected = ", ".join(sorted(set(case.rules))) or "no rule"
        return f"expected {expected} not to pass, got {', '.join(stopped) or 'no rule'}"
    for finding in decision.findings:
        effect = case.effects.get(finding.rule, finding.effect)
        if finding.effect != effect:
            return f"expected `{effect}` of {finding.rule}, got `{finding.effect}`"
    return None
