"""The cases beside a rule file or a pack: each an event, what came before, the answer expected."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

from repurchase.domain.decisions import Decision
from repurchase.domain.errors import InputError, Problem, RuleFileError, UsageError, nearest, short
from repurchase.domain.events import KINDS, Event
from repurchase.evaluation.step import step
from repurchase.facts.fact import Market
from repurchase.intake.fields import READERS, event, misplaced
from repurchase.ledger.position import Position
from repurchase.market.feed import read_feed
from repurchase.rulebook.cases_file import read_cases
from repurchase.rulebook.editions import Edition, Editions, load, load_pack, load_text
from repurchase.rulebook.model import Authorization, Case, Pack, Under
from repurchase.rulebook.packs import instead, is_pack_file
from repurchase.rulebook.yaml_reader import read_bytes
from repurchase.tester.edits import document_of


class CaseStep(msgspec.Struct, frozen=True):
    """An event of a case, the *position* before it, and the *edition* that decided it."""

    event: Event
    position: Position
    edition: Edition
    decision: Decision


class CaseResult(msgspec.Struct, frozen=True):
    """What came of one case: *wrong* says how it differs from what was expected, if it does."""

    case: Case
    steps: tuple[CaseStep, ...]
    wrong: str | None

    @property
    def decision(self) -> Decision:
        """Return the decision on the event that the case asks about."""
        return self.steps[-1].decision


def run(rules: Path, cases: Path) -> tuple[CaseResult, ...]:
    """Return what comes of each of *cases* under *rules*; raise RuleFileError if one has errors.

    Errors of all cases are raised at once.
    """
    return results(tested(rules, cases), cases)


def results(of: Tested, cases: Path) -> tuple[CaseResult, ...]:
    """Return what comes of each case *of* what is tested, which the file *cases* holds."""
    found: list[CaseResult] = []
    problems: list[Problem] = []
    for case in of.cases:
        try:
            found.append(result(case, of.editions[case.by]))
        except InputError as error:
            told = ((f"case `{case.name}`: {one.what}", one.hint) for one in error.problems)
            problems += [_at(cases, case, *one) for one in told]
    if problems:
        raise RuleFileError(problems)
    return tuple(found)


class Tested(msgspec.Struct, frozen=True):
    """A rule file or a pack, and the *cases* beside it.

    *editions* are those by which they are judged: the rule file's own, under no name, or, as a pack
    judges nothing alone, those of each rule file under which a case of it is, by what it is called.
    """

    file: Authorization | Pack
    cases: tuple[Case, ...]
    editions: Mapping[str | None, Editions]

    def programs(self) -> list[Authorization]:
        """Return the rule files by which the cases are judged."""
        return [one.authorization for one in self.editions.values()]


def tested(rules: Path, cases: Path) -> Tested:
    """Return the rule file or pack *rules* with its *cases*.

    Raise UsageError if one cannot be opened, RuleFileError if one has errors, or is not under
    what it must be.
    """
    if is_pack_file(rules):
        pack = load_pack(rules)
        found = read_cases(cases)
        return Tested(pack, found, _programs(pack, found, cases))
    editions = load(rules)
    found = read_cases(cases)
    what = "`under` is for the cases of a pack, and a rule file judges its own"
    needless = dict.fromkeys(one.under for one in found if one.under is not None)
    if needless:
        raise RuleFileError(_at(cases, one, what, "leave it out") for one in needless)
    return Tested(editions.authorization, found, {None: editions})


def _programs(pack: Pack, found: Sequence[Case], cases: Path) -> dict[str | None, Editions]:
    """Return the editions of each rule file under which a case is, by what the case calls it."""
    programs: dict[str | None, Editions] = {}
    problems: list[Problem] = []
    for case in found:
        if case.under is None:
            what = f"the case `{case.name}` is under no rule file, and a pack alone judges nothing"
            hint = "above `cases` write `under: FILE`, one that includes the pack"
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
        raise RuleFileError(_at(cases, under, what, f"it would be {path}")) from error
    editions = load_text(data, str(path), packs=instead(str(path), document_of(pack)))
    if all(one.file != pack.file for one in editions.authorization.packs):
        what = f"the rule file `{short(under.path)}` does not include the pack"
        raise RuleFileError(_at(cases, under, what, f"it would say `include: [{pack.included}]`"))
    return editions


def _at(cases: Path, one: Case | Under, what: str, hint: str | None) -> Problem:
    return Problem(what, hint, str(cases), one.line, one.column)


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
    events = [*given, _event(case.event, case.usual, "event")]
    _check_ids(events)
    market = market_of(editions)
    steps = []
    for one in events:
        edition = editions.of(one, position)
        taken = step(one, position, edition, market=market)
        steps.append(CaseStep(one, position, edition, taken.decision))
        position = taken.position
    return CaseResult(case, tuple(steps), _wrong(case, steps[-1].decision))


def market_of(editions: Editions) -> Market:
    """Return what a case knows of the market beside what its events say: the tables' sessions."""
    return read_feed(()).of(editions.authorization)


def _event(values: Mapping[str, str], usual: Mapping[str, str], name: str) -> Event:
    """Return the event of *values*, and of what is *usual* where it can say that and does not."""
    unknown = [field for field in usual if field not in READERS]
    if unknown:
        hint = nearest(unknown[0], READERS) or "write the fields of an event"
        raise InputError(Problem(f"`{short(unknown[0])}`, said to be usual, is no field", hint))
    kind = values.get("kind")
    cannot = {field for field, _ in misplaced(kind, usual)} if kind in KINDS else usual.keys()
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
