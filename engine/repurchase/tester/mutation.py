"""What the cases beside a rule file or a pack notice: each mutant of it judged by all of them.

A mutant that does not load is noticed by who reads it, checks included; one under which a case
comes to something else, by that case. Of the others, those that prove equal are set apart.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Literal, Protocol, TypeVar

import msgspec
from msgspec.structs import replace

from repurchase.domain.errors import RuleFileError
from repurchase.evaluation.judge import forget
from repurchase.rulebook.editions import Editions
from repurchase.rulebook.model import Authorization, Case, Pack
from repurchase.tester.cases import CaseResult, Tested, result, results, tested
from repurchase.tester.edits import Mutant
from repurchase.tester.mutants import mutants

T = TypeVar("T")
Fate = Literal["invalid", "killed", "equivalent", "survived"]
Same = Callable[[Editions, Editions], bool]


class Watch(Protocol):
    """Hands on items one by one, and may show how far they have come."""

    def __call__(self, items: Iterator[T], total: int, /) -> Iterable[T]:
        """Hand on *items*, of which there are to be *total*."""


def unwatched(items: Iterator[T], _: int, /) -> Iterator[T]:
    """Hand *items* on."""
    return items


class Tried(msgspec.Struct, frozen=True):
    """What came of a mutant: *refused* where it does not load, else noticed by *case*, or not."""

    mutant: Mutant
    fate: Fate
    case: Case | None = None


class Mutation(msgspec.Struct, frozen=True):
    """What the cases of a rule file or a pack notice of its mutants, by their place.

    None was tried where cases fail of the file as it is: those are *wrong*.
    """

    tested: Tested
    wrong: tuple[CaseResult, ...]
    tried: tuple[Tried, ...]

    def come_to(self, fate: Fate) -> tuple[Tried, ...]:
        """Return those that came to *fate*."""
        return tuple(one for one in self.tried if one.fate == fate)


def mutation(rules: Path, cases: Path, watch: Watch = unwatched) -> Mutation:
    """Return what *cases* notice of each mutant of the file *rules*.

    Raise RuleFileError where a file cannot be used.
    """
    of = tested(rules, cases)
    wrong = tuple(one for one in results(of, cases) if one.wrong is not None)
    tried: Iterable[Tried] = ()
    if not wrong:
        asked = _Asked(of)
        made = mutants(of.file, [one.authorization for one in of.editions.values()])
        tried = watch((_tried(one, asked) for one in made), len(made))
    return Mutation(of, wrong, tuple(tried))


def apart(found: Mutation, same: Same, watch: Watch = unwatched) -> Mutation:
    """Return *found* with the mutants that are the *same* as the file, if unnoticed, set apart.

    One of a pack is so under each rule file under which cases are, with all its rules in force.
    """
    of = found.tested
    unnoticed = found.come_to("survived")

    def proved() -> Iterator[Tried]:
        for one in unnoticed:
            text = one.mutant.of(of.file.text)
            pairs = ((old, of.changed(by, text)) for by, old in of.editions.items())
            is_same = all(_is_same(of.file, *pair, same) for pair in pairs)
            yield replace(one, fate="equivalent") if is_same else one

    told = {one.mutant: one for one in watch(proved(), len(unnoticed))}
    return replace(found, tried=tuple(told.get(one.mutant, one) for one in found.tried))


def _is_same(file: Authorization | Pack, old: Editions, new: Editions, same: Same) -> bool:
    if not same(old, new):
        return False
    before, after = (_pack(file, editions) for editions in (old, new))
    if before is None or after is None:
        return True
    if _turned(before) != _turned(after):
        return False
    if not (before.off or after.off):
        return True
    # No case and no proof reads a rule that is off, and another rule file may turn it on.
    if [one.id for one in before.rules] != [one.id for one in after.rules]:
        return False
    try:
        return same(_with(before, old.authorization), _with(after, new.authorization))
    except RuleFileError:
        # A rule that is off cannot be used as it is now.
        return False


def _pack(file: Authorization | Pack, editions: Editions) -> Pack | None:
    packs = editions.authorization.packs
    return next((one for one in packs if one.file == file.file), None)


def _turned(pack: Pack) -> list[tuple[str, tuple[str, ...]]]:
    """Return which rules each option turns on or off."""
    return [(one.name, one.turns) for one in pack.options]


def _with(pack: Pack, authorization: Authorization) -> Editions:
    """Return the editions of *authorization* with all rules of its *pack* in force."""
    whole = replace(pack, rules=(*pack.rules, *pack.off), off=())
    packs = tuple(whole if one is pack else one for one in authorization.packs)
    return Editions(replace(authorization, packs=packs))


class _Asked:
    """The cases in the order in which they are asked: what noticed one mutant first of the next."""

    def __init__(self, of: Tested) -> None:
        self._of = of
        self._cases = [*of.cases]

    def notices(self, mutant: Mutant) -> Case | None:
        """Return a case that comes to something else under *mutant*, if one does.

        Raise RuleFileError where it does not load.
        """
        text = mutant.of(self._of.file.text)

        @cache
        def changed(by: str) -> Editions:
            return self._of.changed(by, text)

        for index, case in enumerate(self._cases):
            if result(case, changed(self._of.by(case))).wrong is not None:
                self._cases.insert(0, self._cases.pop(index))
                return case
        return None


def _tried(mutant: Mutant, asked: _Asked) -> Tried:
    try:
        case = asked.notices(mutant)
    except RuleFileError:
        return Tried(mutant, "invalid")
    finally:
        # Its rule sets are asked for once.
        forget()
    return Tried(mutant, "survived" if case is None else "killed", case)
