"""The mutants of a rule file or a pack: each has one thing changed or left out.

Only what affects decisions is changed: figures, days, instruments, conditions, effects, options.
Titles, quotes, the day of the resolution and the key `judged` of a pack affect none. Checks are not
changed either: like cases, they are what kills a mutant.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from hashlib import sha256
from itertools import product
from typing import Final

from repurchase.domain.decisions import EFFECTS
from repurchase.domain.quantities import Dimension
from repurchase.rulebook.model import ATS, Authorization, Pack
from repurchase.rulebook.parts import dimensions
from repurchase.rulebook.schema import BASES
from repurchase.rulebook.yaml_reader import Path
from repurchase.tester import operators
from repurchase.tester.conditions import changes
from repurchase.tester.edits import (
    Mutant,
    document_of,
    left_out,
    letter_place,
    mutant,
    renamed,
    rewritten,
    value_at,
)

# Kinds of paths: `*` stands for any name that the file chooses, and for any index of a list.
_DAYS: Final = ("from", "until", "known")
_FIGURED: Final = (
    "terms.*",
    "limits.*",
    "instruments.*.per_share",
    "instruments.*.shares_each",
    "instruments.*.tick",
)
_VERSIONS: Final = tuple(f"{figured}.*" for figured in _FIGURED)
_DATES: Final = tuple(map(".".join, product(("rules.*", *_FIGURED, *_VERSIONS), _DAYS)))
_FIGURES: Final = (
    "instruments.*.fx_margin",
    "instruments.*.fx_between.*",
    *_FIGURED,
    *(f"{version}.value" for version in (*_FIGURED, *_VERSIONS)),
    *(f"{version}.value.*" for version in (*_FIGURED, *_VERSIONS)),
    *_DATES,
)
_CONDITIONS: Final = ("when", "rules.*.when", "rules.*.require")
_NAMED: Final = ("instruments", "terms", "limits")

_KEYS: Final = (("per_share", "shares_each"), ("option", "without"))
_OTHER_KEY: Final = {one: other for pair in _KEYS for one, other in (pair, pair[::-1])}
_DEFAULTS: Final = (("effect", EFFECTS, "deny"), ("at", ATS, "both"))


def mutants(
    file: Authorization | Pack, programs: Sequence[Authorization] = ()
) -> tuple[Mutant, ...]:
    """Return the mutants of *file*, sorted by their place.

    *programs* are the rule files that include *file*, a pack: its conditions read their terms.
    """
    made = _Mutants(file, programs).all()
    return tuple(sorted(made, key=lambda one: (one.line, one.column)))


class _Mutants:
    """The mutants of one file, made at each path of its document that affects decisions."""

    def __init__(self, file: Authorization | Pack, programs: Sequence[Authorization]) -> None:
        self._document = document_of(file)
        self._file = file
        self._constants = _constants(file, programs)
        self._instruments: tuple[str, ...] = ()
        if isinstance(file, Authorization):
            self._instruments = tuple(one.name for one in file.instruments)
        self._others = _others(file)
        self._entries: Mapping[str, Callable[[Path], Iterator[Mutant]]] = {
            "rules.*": self._rule,
            "rules.*.when": self._scope,
            "when": self._scope,
            "rules.*.option": self._option_of_rule,
            "rules.*.without": self._option_of_rule,
            "include.*": self._included,
            "include.*.options.*": self._option_on,
            "instruments.*": self._instrument,
            "instruments.*.venues.*": self._venue,
            "instruments.*.per_share": self._ratio,
            "instruments.*.shares_each": self._ratio,
            "instruments.*.fx_between": self._rates,
            **dict.fromkeys(_VERSIONS, self._version),
            **dict.fromkeys(_DATES, self._date),
        }

    def all(self) -> Iterator[Mutant]:
        """Yield all mutants, in the order of their paths; of those that are the same file, one."""
        made: set[tuple[Path, bytes]] = set()
        for one in self._made():
            # A list of rules can be long: keep its hash alone.
            file = (one.path, sha256(repr(one.value).encode()).digest())
            if file not in made:
                made.add(file)
                yield one

    def _made(self) -> Iterator[Mutant]:
        for path in _paths(self._document.value):
            kind = _kind(path)
            if kind in self._entries:
                yield from self._entries[kind](path)
            if kind in _CONDITIONS:
                yield from self._condition(path)
            elif kind in self._others and isinstance(value_at(self._document, path), str):
                yield from self._text(path, self._others[kind])

    # --- entries

    def _rule(self, path: Path) -> Iterator[Mutant]:
        rule, name = value_at(self._document, path), self._owner(path)
        yield left_out(self._document, path, name)
        for key, choices, default in _DEFAULTS:
            for other in operators.of_choice(default, choices) if key not in rule else ():
                what = f"{name} was given `{key}: {other}`"
                yield mutant(self._document.place(path), what, path, rule | {key: other})

    def _scope(self, path: Path) -> Iterator[Mutant]:
        yield left_out(self._document, path, f"`{path[-1]}` of {self._owner(path[:-1])}")

    def _option_of_rule(self, path: Path) -> Iterator[Mutant]:
        yield from self._scope(path)
        yield from self._renamed(path)

    def _renamed(self, path: Path) -> Iterator[Mutant]:
        yield renamed(self._document, path, _OTHER_KEY[str(path[-1])])

    def _venue(self, path: Path) -> Iterator[Mutant]:
        if len(value_at(self._document, path[:-1])) > 1:
            yield left_out(self._document, path, f"venue `{self._word(path)}`")

    def _instrument(self, path: Path) -> Iterator[Mutant]:
        if len(value_at(self._document, path[:-1])) > 1:
            place = self._document.key_place(path)
            yield left_out(self._document, path, f"instrument `{path[-1]}`", place)

    def _ratio(self, path: Path) -> Iterator[Mutant]:
        yield from self._renamed(path)
        yield from self._rates(path)

    def _rates(self, path: Path) -> Iterator[Mutant]:
        what = f"`{path[-1]}` of instrument `{path[-2]}`"
        yield left_out(self._document, path, what, self._document.key_place(path))

    def _version(self, path: Path) -> Iterator[Mutant]:
        if len(value_at(self._document, path[:-1])) > 1:
            value = self._word((*path, "value"))
            yield left_out(self._document, path, f"version `{value}` of `{path[-2]}`")

    def _date(self, path: Path) -> Iterator[Mutant]:
        what = f"`{path[-1]}: {self._word(path)}`"
        yield left_out(self._document, path, what, self._document.key_place(path))

    def _included(self, path: Path) -> Iterator[Mutant]:
        held = value_at(self._document, path)
        fields = {"pack": held} if isinstance(held, str) else held
        asked = fields["pack"].strip()
        yield left_out(self._document, path, f"pack `{asked}`")
        assert isinstance(self._file, Authorization), "a pack cannot include packs"
        pack = next(one for one in self._file.packs if one.included == asked)
        place, on = self._document.place((*path, "options")), fields.get("options", [])
        for name in (one.name for one in pack.options if not one.on):
            value = fields | {"options": [*on, name]}
            yield mutant(place, f"option `{name}` was turned on", path, value)

    def _option_on(self, path: Path) -> Iterator[Mutant]:
        yield left_out(self._document, path, f"option `{self._word(path)}`")

    # --- texts

    def _text(self, path: Path, others: Callable[[str], Sequence[str]]) -> Iterator[Mutant]:
        """Yield a mutant for each text that *others* gives to replace the text at *path*."""
        word = self._word(path)
        start = value_at(self._document, path).index(word)
        for other in others(word):
            yield rewritten(self._document, path, start, start + len(word), other)

    def _condition(self, path: Path) -> Iterator[Mutant]:
        text = value_at(self._document, path)
        for one in changes(text, self._constants, self._instruments):
            place = letter_place(self._document, path, one.offset)
            yield mutant(place, one.what, path, type(text)(one.text))

    def _word(self, path: Path) -> str:
        return str(value_at(self._document, path)).strip()

    def _owner(self, path: Path) -> str:
        return f"rule `{self._word((*path, 'id'))}`" if path else "the pack"


def _constants(
    file: Authorization | Pack, programs: Sequence[Authorization]
) -> dict[str, Dimension]:
    """Return the terms, limits and averages that the conditions of *file* may read."""
    read = [file] if isinstance(file, Authorization) else programs
    known = {f"terms.{term.name}": term.dimension for one in read for term in one.terms}
    limits = file.limits if isinstance(file, Pack) else ()
    known |= {f"limits.{limit.name}": limit.dimension for limit in limits}
    return known | dimensions(file.averages)


def _others(file: Authorization | Pack) -> Mapping[str, Callable[[str], Sequence[str]]]:
    """Return the mutation operators by the kind of path whose texts they replace."""
    of_choice = operators.of_choice
    common: dict[str, Callable[[str], Sequence[str]]] = {
        **dict.fromkeys(_FIGURES, operators.of_figure),
        "rules.*.effect": partial(of_choice, choices=EFFECTS),
        "rules.*.at": partial(of_choice, choices=ATS),
    }
    if isinstance(file, Pack):
        options = tuple(one.name for one in file.options)
        keys = ("rules.*.option", "rules.*.without")
        return common | dict.fromkeys(keys, partial(of_choice, choices=options))
    own: dict[str, Callable[[str], Sequence[str]]] = {
        "timezone": partial(
            operators.of_zone, venues=[venue for one in file.instruments for venue in one.venues]
        ),
        "amount_basis": partial(of_choice, choices=BASES),
        "instruments.*.symbol": operators.of_text,
        "instruments.*.venues.*": operators.of_venue,
        "instruments.*.currency": partial(operators.of_currency, program=file.currency),
    }
    if _has_money(file):
        own["currency"] = operators.of_currency
    return common | own


def _has_money(file: Authorization) -> bool:
    """Return whether the program's currency affects decisions."""
    foreign = any(one.currency != file.currency for one in file.instruments)
    return foreign or any(one.dimension.kind == "money" for one in file.terms)


def _paths(held: object, path: Path = ()) -> Iterator[Path]:
    """Yield the path of each value within *held*, outer values first."""
    entries: Sequence[tuple[str | int, object]] = ()
    if isinstance(held, dict):
        entries = tuple(held.items())
    elif isinstance(held, list):
        entries = tuple(enumerate(held))
    for part, value in entries:
        yield (*path, part)
        yield from _paths(value, (*path, part))


def _kind(path: Path) -> str:
    """Return *path* with `*` for the parts that differ between files, such as `terms.*.value`."""
    return ".".join(
        "*" if isinstance(part, int) or (index == 1 and path[0] in _NAMED) else part
        for index, part in enumerate(path)
    )
