"""What rule files and packs are both made of: figures and when they hold, quotes, rules."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from typing import Any, Final, Generic, TypeVar

from pydantic import BaseModel, ValidationError

from repurchase.domain.errors import nearest, short
from repurchase.domain.quantities import Dimension, date_number
from repurchase.domain.terms import Figure, Quote, Source, Term, Validity, Version
from repurchase.language.expression import Expression, ExpressionError, Names, on_one_line, parse
from repurchase.language.linear import COMPARISONS_MAX, comparisons
from repurchase.rulebook.model import Rule
from repurchase.rulebook.schema import (
    FORMAT,
    CheckFields,
    PackFields,
    PackRuleFields,
    RuleFields,
    RuleFileFields,
    VersionFields,
    told,
)
from repurchase.rulebook.yaml_reader import Document, Path, Place, ticked

M = TypeVar("M", bound=BaseModel)
F = TypeVar("F", bound=RuleFileFields | PackFields)

# The code of ISO 4217 for no currency.
NO_CURRENCY: Final = "XXX"
# What stands in for a part that is wrong, so that the errors of the other parts are told too.
_STAND_INS: Final[Mapping[str, object]] = {
    "repurchase": str(FORMAT),
    "authorization": "unnamed",
    "pack": "unnamed",
    "title": "untitled",
    "timezone": "UTC",
    "currency": NO_CURRENCY,
    "instruments": {"unnamed": {"symbol": "unnamed", "venues": ["XTKS"]}},
}
_LISTS: Final = ("checks", "rules", "include")
_NAMED: Final = ("sources", "instruments", "terms", "limits", "options")
_ALL_ELSE_RESTS_ON: Final[tuple[Path, ...]] = (("terms",), ("limits",), ("currency",), ())
_READ: Final = re.compile(r"\b(?:terms|limits)\.[a-z][a-z0-9_]*")
# A figure of each kind, in words and as it is written.
EXAMPLES: Final[Mapping[str, tuple[str, str]]] = {
    "shares": ("a number of shares", "4,000 shares"),
    "money": ("an amount of money", "JPY 400,000,000"),
    "date": ("a date", "2008-11-14"),
    "time": ("a time of day", "09:30"),
    "ratio": ("a percentage", "25%"),
    "number": ("a number without a unit", "400"),
}


def usable(model: type[M], document: Document) -> tuple[M | None, dict[str, list[int]], set[Path]]:
    """Return what *model* makes of *document* without the parts that are wrong.

    With it come, for each list, the places in the file that its items had, and the paths that
    were left out. The errors are added to *document*.
    """
    kept: dict[str, list[int]] = {}
    try:
        return model.model_validate(document.value), kept, set(document.broken)
    except ValidationError as error:
        found = told(error, document, model)
        document.problems += [problem for _, problem in found]
        lost = {path for path, _ in found} | document.broken
    try:
        return model.model_validate(_without(model, document.value, lost, kept)), kept, lost
    except ValidationError:
        return None, kept, lost


def _without(
    model: type[BaseModel],
    value: Mapping[str, object],
    lost: set[Path],
    kept: dict[str, list[int]],
) -> dict[str, Any]:
    rest: dict[str, Any] = {key: copy.copy(held) for key, held in value.items()}
    for path in lost:
        if path:
            _leave_out(rest, path)
    for key in _LISTS:
        if isinstance(rest.get(key), list):
            kept[key] = [index for index, item in enumerate(rest[key]) if item is not None]
            rest[key] = [item for item in rest[key] if item is not None]
    for key, stand_in in _STAND_INS.items():
        if key in model.model_fields and not rest.get(key):
            rest[key] = stand_in
    return rest


def _leave_out(rest: dict[str, Any], path: Path) -> None:
    key, part = str(path[0]), path[1] if len(path) > 1 else None
    # What is around a part may be left out already, or be of another kind than it should be.
    held = rest.get(key)
    if part is not None and key in _NAMED and isinstance(held, dict):
        held.pop(part, None)
    elif isinstance(part, int) and key in _LISTS and isinstance(held, list):
        held[part] = None
    else:
        rest.pop(key, None)


class Parts(Generic[F]):
    """The parts of one file; every problem is noted, and the next part is read."""

    def __init__(self, model: type[F], document: Document) -> None:
        """Take what *model* makes of *document*; raise RuleFileError where nothing can be made."""
        fields, self._kept, self._lost = usable(model, document)
        if fields is None:
            document.refuse()
        self._fields: F = fields
        self._document = document
        self._unread: list[str] = []

    def _tell(self, place: Place, what: str, hint: str | None = None) -> None:
        self._document.problems.append(self._document.problem(place, what, hint))

    def sources(self) -> tuple[Source, ...]:
        """Return the documents that the file quotes."""
        return tuple(
            Source(name, source.title, source.sha256, source.url)
            for name, source in self._fields.sources.items()
        )

    def _version_path(self, path: Path, index: int) -> Path:
        listed = (*path, index)
        return listed if listed in self._document.places else path

    def _versions(self, path: Path, fields: list[VersionFields]) -> tuple[Version, ...]:
        versions = []
        for index, each in enumerate(fields):
            own = self._version_path(path, index)
            validity, quote = self._validity(own, each), self._quote(own, each)
            versions.append(Version(each.value, validity, quote, cite=each.cite))
        for earlier, later in _clashes(versions):
            place = self._document.place(self._version_path(path, later))
            first = self._document.place(self._version_path(path, earlier))
            what = f"two versions of `{path[-1]}` hold on the same day"
            hint = f"the other is at {first.line}:{first.column}; set `until`, `from` or `known`"
            self._tell(place, what, hint)
        return tuple(versions)

    def _figured(self, path: Path, fields: list[VersionFields], expected: Dimension | None) -> Term:
        """Return the figure at *path*, each version of which is of one dimension."""
        name, versions = str(path[-1]), self._versions(path, fields)
        dimension = expected or versions[0].figure.dimension
        for index, version in enumerate(versions):
            if self._misfits(version.figure, dimension):
                place = self._document.place((*self._version_path(path, index), "value"))
                self._tell(place, *_wrong_dimension(name, version.figure, dimension))
        place = self._document.key_place(path)
        return Term(name, dimension, versions, place.line, place.column)

    def _misfits(self, figure: Figure, expected: Dimension) -> bool:
        # Which currency would be right is not known while that of the program is wrong.
        if ("currency",) in self._lost and figure.dimension.kind == expected.kind:
            return False
        return figure.dimension != expected

    def _validity(self, path: Path, fields: VersionFields | RuleFields) -> Validity:
        first, last, known = fields.first, fields.last, fields.known
        if first is not None and last is not None and last < first:
            place = self._document.place((*path, "until"))
            self._tell(place, f"`until` {last} is before `from` {first}")
        if known is not None and last is not None and last < known:
            place = self._document.place((*path, "known"))
            self._tell(place, f"`known` {known} is after `until` {last}")
        return Validity(first, last, known)

    def _quote(self, path: Path, fields: VersionFields | RuleFields | CheckFields) -> Quote | None:
        source = fields.source
        if source is not None and ("sources", source) not in self._document.places:
            place = self._document.place((*path, "source"))
            known = self._fields.sources
            self._tell(place, f"unknown source {ticked(source)}", nearest(source, known))
        if fields.quote is None:
            for key in ("figure", "source"):
                if getattr(fields, key) is not None:
                    place = self._document.key_place((*path, key))
                    self._tell(place, f"`{key}` stands without a `quote`", "add the quote")
            return None
        place = self._document.place((*path, "quote"))
        return Quote(fields.quote, fields.figure, source, place.line, place.column)

    def _paths(self, key: str, many: Sequence[object]) -> Iterator[Path]:
        yield from ((key, index) for index in self._kept.get(key, range(len(many))))

    def _rules(self, names: Names) -> tuple[Rule, ...]:
        paths = self._paths("rules", self._fields.rules)
        rules = (
            self._rule(path, fields, names)
            for path, fields in zip(paths, self._fields.rules, strict=True)
        )
        return tuple(rule for rule in rules if rule is not None)

    def _rule(self, path: Path, fields: RuleFields, names: Names) -> Rule | None:
        validity, quote = self._validity(path, fields), self._quote(path, fields)
        require = self._expression((*path, "require"), fields.require, names)
        when = self._expression((*path, "when"), fields.when, names)
        if require is None or (when is None and fields.when is not None):
            return None
        place = self._document.place(path)
        rule = Rule(
            id=names.called(fields.id),
            require=require,
            when=when,
            effect=fields.effect,
            at=fields.at,
            validity=validity,
            title=fields.title,
            cite=fields.cite,
            why=fields.why,
            quote=quote,
            unverified=fields.unverified if isinstance(fields, PackRuleFields) else None,
            line=place.line,
            column=place.column,
        )
        if not rule.facts:
            place = self._document.place((*path, "require"))
            self._tell(place, "a rule reads a fact, and this reads none", "make it a check")
        return rule

    def _expression(self, path: Path, text: str | None, names: Names) -> Expression | None:
        if text is None:
            return None
        if self._reads_lost(text):
            self._unread.append(text)
            return None
        place = self._document.place(path)
        # Where columns can be counted, the text stays as it is: an offset is a column.
        written = text if place.inner is not None else on_one_line(text)
        try:
            expression = parse(str(written), names)
            count = comparisons(expression)
        except ExpressionError as error:
            self._unread.append(text)
            for flaw in error.flaws:
                self._tell(self._document.place(path, flaw.offset), flaw.what, flaw.hint)
            return None
        if count > COMPARISONS_MAX:
            what = f"the expression comes to {count} comparisons"
            self._tell(place, what, f"at most {COMPARISONS_MAX} are taken: make it several rules")
        return expression

    def _reads_lost(self, text: str) -> bool:
        """Return whether *text* reads a term of which an error is told already."""
        if not self._lost.isdisjoint(_ALL_ELSE_RESTS_ON):
            return True
        lost = {path[:2] for path in self._lost}
        return any(tuple(name.split(".")) in lost for name in read_in(text))

    def _ids(self) -> Iterator[tuple[Path, str]]:
        for key, many in self._named():
            paths = self._paths(key, many)
            yield from ((path, one.id) for path, one in zip(paths, many, strict=True))

    def _named(self) -> Iterator[tuple[str, Sequence[CheckFields | RuleFields]]]:
        yield "rules", self._fields.rules

    def _ids_once(self) -> None:
        first: dict[str, Place] = {}
        for path, name in self._ids():
            place = self._document.place((*path, "id"))
            before = first.setdefault(name, place)
            if before != place:
                hint = f"it is that of {before.line}:{before.column} already"
                self._tell(place, f"the id `{short(name)}` stands here again", hint)


def _wrong_dimension(name: str, figure: Figure, expected: Dimension) -> tuple[str, str | None]:
    found = EXAMPLES[figure.dimension.kind][0]
    if figure.dimension.kind == expected.kind == "money":
        what = f"`{name}` is in {figure.dimension.currency}"
        return what, f"the program's currency is {expected.currency}"
    right, example = EXAMPLES[expected.kind]
    if expected.currency is not None:
        example = example.replace("JPY", expected.currency)
    return f"`{name}` takes {right}, and {found} stands here", f"write it as `{example}`"


def read_in(text: str) -> list[str]:
    """Return the terms and limits that *text* seems to read, also where it is no expression."""
    return _READ.findall(text)


def _clashes(versions: Sequence[Version]) -> Iterator[tuple[int, int]]:
    """Yield the versions, by number, that hold on a day on which one known as late holds."""
    furthest: dict[date | None, tuple[int, int]] = {}
    for index, version in sorted(
        enumerate(versions), key=lambda each: date_number(each[1].validity.first or date.min)
    ):
        validity = version.validity
        begins = date_number(validity.first or date.min)
        ends = date_number(validity.last or date.max)
        until, holder = furthest.get(validity.known, (0, index))
        if begins <= until:
            yield min(holder, index), max(holder, index)
        if ends > until:
            furthest[validity.known] = (ends, index)
