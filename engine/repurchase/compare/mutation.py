"""What the cases beside a rule file notice: each mutant of the file judged by all of them.

A mutant that does not load is noticed by who reads it, checks included; one under which a case
comes to something else, by that case. Of the others, those that prove equal are set apart.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Literal, Protocol, TypeVar

import msgspec
from msgspec.structs import replace

from repurchase.cases import CaseResult, result, run
from repurchase.compare.mutants import Mutant, mutants
from repurchase.edition import Editions, load, load_text
from repurchase.errors import RuleFileError
from repurchase.judge import forget
from repurchase.rulefile import Authorization, Case

T = TypeVar("T")
Fate = Literal["refused", "noticed", "equal", "unnoticed"]
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
    """What the cases of a rule file notice of its mutants, by their place.

    None was tried where cases fail of the file as it is: those are *wrong*.
    """

    authorization: Authorization
    cases: int
    wrong: tuple[CaseResult, ...]
    tried: tuple[Tried, ...]

    def come_to(self, fate: Fate) -> tuple[Tried, ...]:
        """Return those that came to *fate*."""
        return tuple(one for one in self.tried if one.fate == fate)


def mutation(rules: Path, cases: Path, watch: Watch = unwatched) -> Mutation:
    """Return what *cases* notice of each mutant of the file *rules*.

    Raise RuleFileError where a file cannot be used.
    """
    results = run(rules, cases)
    authorization = load(rules).authorization
    wrong = tuple(one for one in results if one.wrong is not None)
    tried: Iterable[Tried] = ()
    if not wrong:
        asked = _Asked([one.case for one in results])
        made = mutants(authorization)
        tried = watch((_tried(one, authorization, asked) for one in made), len(made))
    return Mutation(authorization, len(results), wrong, tuple(tried))


def apart(found: Mutation, same: Same, watch: Watch = unwatched) -> Mutation:
    """Return *found* with the mutants that are the *same* as the file, if unnoticed, set apart."""
    original = _loaded(found.authorization, found.authorization.text)
    unnoticed = found.come_to("unnoticed")

    def proved() -> Iterator[Tried]:
        for one in unnoticed:
            text = one.mutant.of(found.authorization.text)
            is_same = same(original, _loaded(found.authorization, text))
            yield replace(one, fate="equal") if is_same else one

    told = {one.mutant: one for one in watch(proved(), len(unnoticed))}
    return replace(found, tried=tuple(told.get(one.mutant, one) for one in found.tried))


class _Asked:
    """The cases in the order in which they are asked: what noticed one mutant first of the next."""

    def __init__(self, cases: Sequence[Case]) -> None:
        self._cases = [*cases]

    def notices(self, editions: Editions) -> Case | None:
        """Return a case that comes to something else under *editions*, if one does."""
        for index, case in enumerate(self._cases):
            if result(case, editions).wrong is not None:
                self._cases.insert(0, self._cases.pop(index))
                return case
        return None


def _tried(mutant: Mutant, authorization: Authorization, asked: _Asked) -> Tried:
    try:
        editions = _loaded(authorization, mutant.of(authorization.text))
        case = asked.notices(editions)
    except RuleFileError:
        return Tried(mutant, "refused")
    finally:
        # Its rule sets are asked for once.
        forget()
    return Tried(mutant, "unnoticed" if case is None else "noticed", case)


def _loaded(authorization: Authorization, text: str) -> Editions:
    return load_text(text.encode(), authorization.file)
