"""The mutants of a rule file or a pack: each its text with one figure, word or sign changed.

They are of what decides: figures, days, instruments, conditions, effects, options. What a file only
says, such as a title, a quote or the day of the resolution, decides nothing, nor does how a pack is
`judged`; and a check is, as a case is, what notices.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from repurchase.domain.quantities import Dimension
from repurchase.rulebook.model import Authorization, Option, Pack
from repurchase.rulebook.schema import BASES
from repurchase.rulebook.yaml_reader import Path
from repurchase.tester import operators
from repurchase.tester.edits import Edits, Mutant

_RATIOS: Final = ("per_share", "shares_each")
_OPTIONAL: Final = ("option", "without")


def mutants(
    file: Authorization | Pack, programs: Sequence[Authorization] = ()
) -> tuple[Mutant, ...]:
    """Return the mutants of the text of *file*, by their place.

    The conditions of a pack read the terms of the *programs* that include it.
    """
    made: dict[tuple[int, int, str], Mutant] = {}
    of = _OfPack(file, programs) if isinstance(file, Pack) else _OfAuthorization(file)
    for one in of.mutants():
        made.setdefault((one.start, one.end, one.instead), one)
    return tuple(sorted(made.values(), key=lambda one: (one.line, one.column)))


class _OfAuthorization(Edits):
    """The changes of a rule file, beside what it means."""

    def __init__(self, authorization: Authorization) -> None:
        instruments = tuple(one.name for one in authorization.instruments)
        super().__init__(authorization, _terms(authorization), instruments)
        self._means = authorization

    def mutants(self) -> Iterator[Mutant]:
        """Yield all of them, some perhaps twice."""
        means = self._means
        venues = tuple(venue for one in means.instruments for venue in one.venues)
        yield from self._changed(("timezone",), operators.of_zone(means.timezone, venues))
        if self._has_money():
            yield from self._changed(("currency",), [operators.of_currency(means.currency)])
        yield from self._choice(("amount_basis",), BASES)
        for path in self._paths("instruments"):
            yield from self._instrument(path)
        for path in self._paths("terms"):
            yield from self._figures(path)
        for path in self._paths("include"):
            yield from self._included(path)
        for path in self._paths("rules"):
            yield from self._rule(path)

    def _has_money(self) -> bool:
        """Return whether the program's currency decides anything, rather than being said."""
        means = self._means
        foreign = any(one.currency != means.currency for one in means.instruments)
        return foreign or any(one.dimension.kind == "money" for one in means.terms)

    def _instrument(self, path: Path) -> Iterator[Mutant]:
        yield from self._changed(
            (*path, "symbol"), [operators.of_text(self._text((*path, "symbol")))]
        )
        venues = (*path, "venues")
        for one in self._paths(*venues):
            venue = self._text(one)
            yield from self._changed(one, operators.of_venue(venue))
            if len(self._paths(*venues)) > 1:
                yield self._left_out(one, f"venue `{venue}`")
        currency = self._text((*path, "currency"))
        if currency:
            other = operators.of_currency(currency, self._means.currency)
            yield from self._changed((*path, "currency"), [other])
        for key in _RATIOS:
            if self._written.value((*path, key)) is not None:
                yield from self._renamed((*path, key), operators.of_choice(key, _RATIOS)[0])
                yield from self._figures((*path, key))
        yield from self._figure((*path, "fx_margin"))

    def _included(self, path: Path) -> Iterator[Mutant]:
        asked = self._text((*path, "pack")) or self._text(path)
        yield self._left_out(path, f"pack `{asked}`")
        pack = next(one for one in self._means.packs if one.included == asked)
        for option in pack.options:
            yield self._turned(path, option)

    def _turned(self, path: Path, option: Option) -> Mutant:
        options = (*path, "options")
        if option.on:
            named = next(one for one in self._paths(*options) if self._text(one) == option.name)
            return self._left_out(named, f"option `{option.name}`")
        start = end = self._written.span(path)[0]
        if isinstance(self._written.value(path), str):
            start, end = self._written.span(path)
            written = self._written.text[start:end]
            instead = f"{{pack: {written}, options: [{option.name}]}}"
        elif self._written.value(options) is not None:
            end, joint = self._written.closing(options)
            start, instead = end, joint + option.name
        else:
            end, joint = self._written.opening(path)
            start, instead = end, f"options: [{option.name}]{joint}"
        return self._mutant((start, end), instead, f"option `{option.name}` was turned on")


class _OfPack(Edits):
    """The changes of a pack."""

    def __init__(self, pack: Pack, programs: Sequence[Authorization]) -> None:
        terms = {name: one for program in programs for name, one in _terms(program).items()}
        super().__init__(pack, terms | {f"limits.{one.name}": one.dimension for one in pack.limits})
        self._options = tuple(one.name for one in pack.options)

    def mutants(self) -> Iterator[Mutant]:
        """Yield all of them, some perhaps twice."""
        for path in self._paths("limits"):
            yield from self._figures(path)
        yield from self._scope(("when",), "the pack")
        for path in self._paths("rules"):
            yield from self._rule(path)
            yield from self._optional(path)

    def _optional(self, path: Path) -> Iterator[Mutant]:
        """Yield the rule at *path* with another option than its own, or with none."""
        for key, other in zip(_OPTIONAL, reversed(_OPTIONAL), strict=True):
            name = self._text((*path, key))
            if name:
                rule = self._text((*path, "id"))
                yield self._left_out((*path, key), f"`{key}` of rule `{rule}`")
                yield from self._renamed((*path, key), other)
                yield from self._changed((*path, key), operators.of_choice(name, self._options))


def _terms(authorization: Authorization) -> dict[str, Dimension]:
    return {f"terms.{one.name}": one.dimension for one in authorization.terms}
