"""Mutation testing of a rule file or a pack: run its cases against each mutant.

A mutant that does not load, or fails a check, is invalid: its author would see the error. A mutant
is killed if a case fails under it. The others survive, unless they are proved equivalent.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Literal

import msgspec
from msgspec.structs import replace

from repurchase.domain.decisions import Finding
from repurchase.domain.errors import RuleFileError
from repurchase.domain.progress import Watch, unwatched
from repurchase.evaluation.judge import forget
from repurchase.evaluation.step import step
from repurchase.rulebook.editions import Edition, Editions, load_document, with_rules
from repurchase.rulebook.life import Life, life
from repurchase.rulebook.model import Authorization, Case, Pack
from repurchase.rulebook.packs import instead
from repurchase.rulebook.yaml_reader import Document
from repurchase.tester.cases import CaseResult, Tested, market_of, result, results, tested
from repurchase.tester.edits import Mutant, document_of
from repurchase.tester.mutants import mutants

Fate = Literal["invalid", "killed", "equivalent", "survived"]
Same = Callable[[Editions, Editions], bool]


class Tried(msgspec.Struct, frozen=True):
    """The *fate* of a mutant, and the *case* that killed it, if one did."""

    mutant: Mutant
    fate: Fate
    case: Case | None = None


class Mutation(msgspec.Struct, frozen=True):
    """The fates of the mutants of a rule file or a pack, in the order of their places.

    If cases fail under the unchanged file, they are in *wrong*, and no mutant was tried.
    """

    tested: Tested
    wrong: tuple[CaseResult, ...]
    tried: tuple[Tried, ...]

    def come_to(self, fate: Fate) -> tuple[Tried, ...]:
        """Return the mutants with this *fate*."""
        return tuple(one for one in self.tried if one.fate == fate)


def mutation(
    rules: Path, cases: Path, watch: Watch = unwatched, part: slice = slice(None)
) -> Mutation:
    """Return the fate of each mutant of the file *rules*, or of a *part* of them, under *cases*.

    Raise UsageError if a file cannot be opened, RuleFileError if one has errors.
    """
    of = tested(rules, cases)
    found = results(of, cases)
    wrong = tuple(one for one in found if one.wrong is not None)
    if wrong:
        return Mutation(of, wrong, ())
    made = mutants(of.file, of.programs())[part]
    tried = map(_Trial(of, found).tried, made)
    return Mutation(of, (), tuple(watch(tried, len(made))))


class _Trial:
    """The cases in the order in which they are tried: the case that killed last comes first."""

    def __init__(self, of: Tested, found: Sequence[CaseResult]) -> None:
        self._of = of
        self._document = document_of(of.file)
        self._found = [*found]

    def tried(self, mutant: Mutant) -> Tried:
        """Return the fate of *mutant*."""
        try:
            case = self._killer(mutant)
        except RuleFileError:
            return Tried(mutant, "invalid")
        finally:
            # The rule sets of a mutant are not used again.
            forget()
        return Tried(mutant, "survived" if case is None else "killed", case)

    def _killer(self, mutant: Mutant) -> Case | None:
        """Return a case that fails under *mutant*; `None` if there is none.

        Raise RuleFileError if the mutant does not load.
        """

        @cache
        def changed(by: str | None) -> Editions:
            return _changed(self._of, by, mutant.of(self._document))

        for index, old in enumerate(self._found):
            new = changed(old.case.by)
            if _may_differ(old, new) and result(old.case, new).wrong is not None:
                self._found.insert(0, self._found.pop(index))
                return old.case
        return None


def _may_differ(old: CaseResult, new: Editions) -> bool:
    """Return whether *new* may decide a step of the case differently from *old*.

    Most mutants change one rule, so only the rules that differ are evaluated.
    """
    market = market_of(new)
    for one in old.steps:
        old_life, new_life = one.life, life(new, one.event, one.position)
        if old_life.later or new_life.later or old_life.limited != new_life.limited:
            return True
        edition = new_life.edition
        if edition.hash == old_life.edition.hash:
            continue
        if edition.counting != old_life.edition.counting:
            return True
        before, after = (
            step(one.event, one.position, Life(part), market=market).decision.findings
            for part in _apart(old_life.edition, edition)
        )
        if list(map(_effect, before)) != list(map(_effect, after)):
            return True
    return False


def _apart(old: Edition, new: Edition) -> tuple[Edition, Edition]:
    """Return both editions, each with only the rules that are not identical in both."""
    rules = {one.rule.id: one for one in old.rules}
    others = {one.rule.id: one for one in new.rules}
    names = {name for name in rules.keys() | others if rules.get(name) != others.get(name)}
    return with_rules(old, names), with_rules(new, names)


def _effect(finding: Finding) -> tuple[str, str, str]:
    return finding.rule, finding.result, finding.effect


def apart(found: Mutation, same: Same, watch: Watch = unwatched) -> Mutation:
    """Return *found* with those survivors as equivalent that *same* proves to be the same.

    A mutant of a pack must be the same under each rule file that its cases name, with all rules of
    the pack in force.
    """
    of, document = found.tested, document_of(found.tested.file)

    def proved(one: Tried) -> Tried:
        pairs = (
            (old, _changed(of, by, one.mutant.of(document))) for by, old in of.editions.items()
        )
        is_same = all(_is_same(of.file, *pair, same) for pair in pairs)
        return replace(one, fate="equivalent") if is_same else one

    survivors = found.come_to("survived")
    apart = iter([*watch(map(proved, survivors), len(survivors))])
    tried = tuple(next(apart) if one.fate == "survived" else one for one in found.tried)
    return replace(found, tried=tried)


def _changed(of: Tested, by: str | None, document: Document) -> Editions:
    """Return the editions called *by* with *document* in place of the file's own.

    Raise RuleFileError if they do not load.
    """
    old = of.editions[by]
    rules, packs = document, None
    if isinstance(of.file, Pack):
        rules = document_of(old.authorization)
        packs = instead(rules.name, document)
    return load_document(rules, packs=packs, like=old)


def _is_same(file: Authorization | Pack, old: Editions, new: Editions, same: Same) -> bool:
    if not same(old, new):
        return False
    if isinstance(file, Authorization):
        return True
    before, after = (
        next(one for one in editions.authorization.packs if one.file == file.file)
        for editions in (old, new)
    )
    if _turned(before) != _turned(after):
        return False
    if not (before.off or after.off):
        return True
    # No case and no proof evaluates a rule that is off, but another rule file may turn it on.
    if [one.id for one in before.rules] != [one.id for one in after.rules]:
        return False
    try:
        return same(_with(before, old.authorization), _with(after, new.authorization))
    except RuleFileError:
        # A rule that is off is invalid with the change.
        return False


def _turned(pack: Pack) -> list[tuple[str, tuple[str, ...]]]:
    """Return the options of *pack*, each with the rules that it turns on or off."""
    return [(one.name, one.turns) for one in pack.options]


def _with(pack: Pack, authorization: Authorization) -> Editions:
    """Return the editions of *authorization* with all rules of its *pack* in force."""
    whole = replace(pack, rules=(*pack.rules, *pack.off), off=())
    packs = tuple(whole if one is pack else one for one in authorization.packs)
    return Editions(replace(authorization, packs=packs))
