"""The cases beside a rule file or a pack: each an event, what came before, the answer expected."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import msgspec

from repurchase.domain.decisions import Decision
from repurchase.domain.errors import InputError, Problem, RuleFileError, UsageError, nearest, short
from repurchase.domain.events import KINDS, Event
from repurchase.evaluation.step import step
from repurchase.intake.fields import READERS, event, misplaced
from repurchase.ledger.position import Position
from repurchase.market.feed import read_feed
from repurchase.rulebook.cases_file import read_cases
from repurchase.rulebook.editions import Editions, load, load_pack, load_text
from repurchase.rulebook.model import Authorization, Case, Pack, Under
from repurchase.rulebook.packs import instead, is_pack_file
from repurchase.rulebook.yaml_reader import read_bytes, read_document

_OWN: Final = ""


class CaseResult(msgspec.Struct, frozen=True):
    """What came of one case: *wrong* says how it differs from what was expected, if it does."""

    case: Case
    decision: Decision
    wrong: str | None


def run(rules: Path, cases: Path) -> tuple[CaseResult, ...]:
    """Return what comes of each of *cases* under *rules*; raise RuleFileError where one is amiss.

    Errors of all cases are told at once.
    """
    return results(tested(rules, cases), cases)


def results(of: Tested, cases: Path) -> tuple[CaseResult, ...]:
    """Return what comes of each case *of* what is tested, which the file *cases* holds."""
    found: list[CaseResult] = []
    problems: list[Problem] = []
    for case in of.cases:
        try:
            found.append(result(case, of.editions[of.by(case)]))
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
    return tuple(found)


class Tested(msgspec.Struct, frozen=True):
    """A rule file or a pack, and the *cases* beside it.

    *editions* are those by which they are judged: the rule file's own, or, as a pack judges nothing
    alone, those of each rule file under which a case of it is, by what the case calls it.
    """

    file: Authorization | Pack
    cases: tuple[Case, ...]
    editions: Mapping[str, Editions]

    def by(self, case: Case) -> str:
        """Return under which of *editions* the *case* is."""
        return _OWN if case.under is None else case.under.path

    def changed(self, by: str, text: str) -> Editions:
        """Return those called *by*, were *text* what the file says.

        Raise RuleFileError where that does not load.
        """
        judge = self.editions[by].authorization
        if isinstance(self.file, Authorization):
            return load_text(text.encode(), judge.file)
        packs = instead(judge.file, read_document(text.encode(), self.file.file))
        return load_text(judge.text.encode(), judge.file, packs=packs)


def tested(rules: Path, cases: Path) -> Tested:
    """Return the rule file or pack *rules* with its *cases*.

    Raise UsageError where one cannot be opened, RuleFileError where one is amiss, or is not under
    what it must be.
    """
    if is_pack_file(rules):
        pack = load_pack(rules)
        found = read_cases(cases)
        return Tested(pack, found, _programs(pack, found, cases))
    editions = load(rules)
    found = read_cases(cases)
    if needless := dict.fromkeys(one.under for one in found if one.under is not None):
        what = "`under` is for the cases of a pack, and a rule file judges its own"
        raise RuleFileError(_at(cases, one, what, "leave it out") for one in needless)
    return Tested(editions.authorization, found, {_OWN: editions})


def _programs(pack: Pack, found: Sequence[Case], cases: Path) -> Mapping[str, Editions]:
    """Return the editions of each rule file under which a case is, by what the case calls it."""
    alone = next((case for case in found if case.under is None), None)
    if alone is not None:
        what = f"the case `{alone.name}` is under no rule file, and a pack alone judges nothing"
        hint = "above `cases` write `under: FILE`, one that includes the pack"
        raise RuleFileError(Problem(what, hint, str(cases), alone.line, alone.column))
    programs: dict[str, Editions] = {}
    problems: list[Problem] = []
    for under in dict.fromkeys(case.under for case in found if case.under is not None):
        if under.path in programs:
            continue
        try:
            programs[under.path] = _program(pack, under, cases)
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
    packs = instead(str(path), read_document(pack.text.encode(), pack.file))
    editions = load_text(data, str(path), packs=packs)
    if all(one.file != pack.file for one in editions.authorization.packs):
        what = f"the rule file `{short(under.path)}` does not include the pack"
        raise RuleFileError(_at(cases, under, what, f"it would say `include: [{pack.included}]`"))
    return editions


def _at(cases: Path, under: Under, what: str, hint: str) -> Problem:
    return Problem(what, hint, str(cases), under.line, under.column)


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
