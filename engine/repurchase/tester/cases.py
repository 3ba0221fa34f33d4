"""The test cases of a rule file or a pack: an event, what came before it, the expected outcome."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Final

import msgspec

from repurchase.domain.calendars import zone
from repurchase.domain.decisions import Decision
from repurchase.domain.errors import InputError, Problem, RuleFileError, UsageError, nearest, short
from repurchase.domain.events import KINDS, Event
from repurchase.evaluation.step import step
from repurchase.facts.fact import Market
from repurchase.intake.fields import READERS, event, misplaced
from repurchase.ledger.fold import counting
from repurchase.ledger.orders import day_of
from repurchase.ledger.position import Position
from repurchase.market.feed import read_feed
from repurchase.market.stated import StatedMarket
from repurchase.rulebook.cases_file import read_cases
from repurchase.rulebook.editions import Editions, load, load_pack, load_text
from repurchase.rulebook.life import Life, life
from repurchase.rulebook.model import Authorization, Case, Pack, Under
from repurchase.rulebook.packs import instead, is_pack_file
from repurchase.rulebook.yaml_reader import read_bytes
from repurchase.tester.edits import document_of

_TWO_DAYS: Final = timedelta(2)


class CaseStep(msgspec.Struct, frozen=True):
    """An event of a case, the *position* before it, and its decision by the editions of *life*."""

    event: Event
    position: Position
    life: Life
    decision: Decision


class CaseResult(msgspec.Struct, frozen=True):
    """The result of one case; *wrong* says how it differs from the expectation, `None` if not."""

    case: Case
    steps: tuple[CaseStep, ...]
    wrong: str | None

    @property
    def decision(self) -> Decision:
        """Return the decision on the case's own event, the last one."""
        return self.steps[-1].decision


def run(rules: Path, cases: Path) -> tuple[CaseResult, ...]:
    """Return the result of each of *cases* under *rules*.

    Raise UsageError if a file cannot be opened, RuleFileError with the errors of all cases.
    """
    return results(tested(rules, cases), cases)


def results(of: Tested, cases: Path) -> tuple[CaseResult, ...]:
    """Return the result of each case of *of*, read from the file *cases*.

    Raise RuleFileError with the errors of all cases.
    """
    found: list[CaseResult] = []
    problems: list[Problem] = []
    for case in of.cases:
        try:
            found.append(result(case, of.editions[case.by]))
        except InputError as error:
            named = ((f"case `{case.name}`: {one.what}", one.hint) for one in error.problems)
            problems += [_at(cases, case, *one) for one in named]
    if problems:
        raise RuleFileError(problems)
    return tuple(found)


class Tested(msgspec.Struct, frozen=True):
    """A rule file or a pack, with its *cases*.

    *editions* are those that evaluate the cases. For a rule file, they are its own, under `None`.
    A pack cannot be evaluated alone: for a pack, they are those of each rule file that a case names
    in `under`, by that name.
    """

    file: Authorization | Pack
    cases: tuple[Case, ...]
    editions: Mapping[str | None, Editions]

    def programs(self) -> list[Authorization]:
        """Return the rule files that evaluate the cases."""
        return [one.authorization for one in self.editions.values()]


def tested(rules: Path, cases: Path) -> Tested:
    """Return the rule file or pack *rules* with its *cases*.

    Raise UsageError if a file cannot be opened. Raise RuleFileError if one has errors, if a case of
    a pack names no rule file in `under`, or if a case of a rule file names one.
    """
    if is_pack_file(rules):
        pack = load_pack(rules)
        found = read_cases(cases)
        return Tested(pack, found, _programs(pack, found, cases))
    editions = load(rules)
    found = read_cases(cases)
    what = "these are the cases of a rule file, and `under` is only for the cases of a pack"
    needless = dict.fromkeys(one.under for one in found if one.under is not None)
    if needless:
        raise RuleFileError(_at(cases, one, what, "remove `under`") for one in needless)
    return Tested(editions.authorization, found, {None: editions})


def _programs(pack: Pack, found: Sequence[Case], cases: Path) -> dict[str | None, Editions]:
    """Return the editions of each rule file that a case names in `under`, by that name."""
    programs: dict[str | None, Editions] = {}
    problems: list[Problem] = []
    for case in found:
        if case.under is None:
            what = f"the case `{case.name}` of a pack does not say which rule file evaluates it"
            hint = "above `cases` write `under: FILE`, with a rule file that includes the pack"
            raise RuleFileError(_at(cases, case, what, hint))
        try:
            if case.by not in programs:
                programs[case.by] = _program(pack, case.under, cases)
        except RuleFileError as error:
            problems += error.problems
    if problems:
        raise RuleFileError(dict.fromkeys(problems))
    return programs


def _program(pack: Pack, under: Under, cases: Path) -> Editions:
    path = cases.parent / under.path
    try:
        data = read_bytes(path)
    except UsageError as error:
        what = f"the rule file `{short(under.path)}` cannot be read: {error.problems[0].what}"
        hint = f"`under` means the file {path}"
        raise RuleFileError(_at(cases, under, what, hint)) from error
    editions = load_text(data, str(path), packs=instead(str(path), document_of(pack)))
    if all(one.file != pack.file for one in editions.authorization.packs):
        what = f"the rule file `{short(under.path)}` does not include the pack"
        hint = f"add `include: [{pack.included}]` to it"
        raise RuleFileError(_at(cases, under, what, hint))
    return editions


def _at(cases: Path, one: Case | Under, what: str, hint: str | None) -> Problem:
    return Problem(what, hint, str(cases), one.line, one.column)


def _opening(case: Case, asked: Event, editions: Editions) -> Iterator[Event]:
    """Yield what *case* says was executed before, on a day before that of *asked* on all clocks."""
    if case.given_shares is None and case.given_amount is None:
        return
    day = day_of(asked, zone(editions.authorization.timezone)) - _TWO_DAYS
    yield Event(
        kind="brought_forward",
        id="opening",
        date=day,
        shares=case.given_shares or 0,
        amount=case.given_amount or 0,
    )


def result(case: Case, editions: Editions) -> CaseResult:
    """Return the result of *case* under *editions*; raise InputError if an event is invalid."""
    given = [
        _event(values, case.usual, f"given-{number}")
        for number, values in enumerate(case.given_events, 1)
    ]
    asked = _event(case.event, case.usual, "event")
    events = [*_opening(case, asked, editions), *given, asked]
    _check_ids(events)
    market = market_of(editions)
    position = counting(Position(), editions.authorization.kept())
    steps = []
    for one in events:
        its = life(editions, one, position)
        taken = step(one, position, its, market=market)
        steps.append(CaseStep(one, position, its, taken.decision))
        position = taken.position
    return CaseResult(case, tuple(steps), _wrong(case, steps[-1].decision))


def market_of(editions: Editions) -> Market:
    """Return the market of a case: the facts that its events state, and the trading sessions."""
    return StatedMarket(read_feed(()).of(editions.authorization))


def _event(values: Mapping[str, str], usual: Mapping[str, str], name: str) -> Event:
    """Return the event of *values*, with each default of *usual* that its kind allows.

    Raise InputError if it is not a valid event.
    """
    unknown = [field for field in usual if field not in READERS]
    if unknown:
        hint = nearest(unknown[0], READERS) or "use the names of event fields"
        raise InputError(Problem(f"`{short(unknown[0])}` in `usual` is not an event field", hint))
    kind = values.get("kind")
    cannot = {field for field, _ in misplaced(kind, usual)} if kind in KINDS else usual.keys()
    said = {field: value for field, value in usual.items() if field not in cannot} | {**values}
    return event(
        {"id": name}
        | {field: value for field, value in said.items() if value or field not in usual}
    )


def _check_ids(events: Sequence[Event]) -> None:
    """Raise InputError if two events have the same id: a log or a desk would refuse the second."""
    used: set[str] = set()
    for one in events:
        if one.id in used:
            raise InputError(Problem(f"the id `{one.id}` is used twice", "give each its own"))
        used.add(one.id)


def _wrong(case: Case, decision: Decision) -> str | None:
    """Return how *decision* differs from what *case* expects; `None` if it does not."""
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
