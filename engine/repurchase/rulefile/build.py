"""From a read file to an authorization, with every error that its parts make together."""

from __future__ import annotations

import copy
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from fractions import Fraction
from typing import Any, Final, TypeVar

from pydantic import BaseModel, ValidationError

from repurchase.condition import COMPARISONS_MAX, comparisons
from repurchase.errors import nearest, short
from repurchase.expression import Expression, ExpressionError, Names, on_one_line, parse
from repurchase.quantities import BARE, Dimension, date_number, simplest, value_written
from repurchase.rulefile.nouns import Authorization, Check, Rule
from repurchase.rulefile.reader import (
    Document,
    Path,
    Place,
    read_bytes,
    read_document,
    ticked,
)
from repurchase.rulefile.schema import (
    FORMAT,
    CheckFields,
    InstrumentFields,
    RuleFields,
    RuleFileFields,
    VersionFields,
    told,
)
from repurchase.terms import (
    CAPS,
    KNOWN_TERMS,
    Figure,
    Instrument,
    Quote,
    Source,
    Span,
    Term,
    Version,
    in_force,
    term_dimension,
)

M = TypeVar("M", bound=BaseModel)

# What stands in for a part that is wrong, so that the errors of the other parts are told too.
_STAND_INS: Final[Mapping[str, object]] = {
    "repurchase": str(FORMAT),
    "authorization": "unnamed",
    "timezone": "UTC",
    "currency": "XXX",
    "instruments": {"unnamed": {"symbol": "unnamed", "venues": ["XTKS"]}},
}
_LISTS: Final = ("checks", "rules")
_NAMED: Final = ("sources", "instruments", "terms")
_TERM_READ: Final = re.compile(r"\bterms\.([a-z][a-z0-9_]*)")


def read(path: str | os.PathLike[str]) -> Authorization:
    """Return the authorization in the rule file *path*.

    Raise UsageError where the file cannot be opened, RuleFileError with all that is wrong in it.
    """
    return read_text(read_bytes(path), os.fspath(path))


def read_text(data: bytes, name: str) -> Authorization:
    """Return the authorization that *data* writes; *name* is the file in messages.

    Raise RuleFileError with all that is wrong, by place.
    """
    return _Builder(read_document(data, name)).authorization()


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
        return model.model_validate(_without(document.value, lost, kept)), kept, lost
    except ValidationError:
        return None, kept, lost


def _without(
    value: Mapping[str, object], lost: set[Path], kept: dict[str, list[int]]
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
        if not rest.get(key):
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


class _Builder:
    """What one file comes to; every problem is noted, and the next part is read."""

    def __init__(self, document: Document) -> None:
        self._document = document
        fields, self._kept, self._lost = usable(RuleFileFields, document)
        if fields is None:
            document.refuse()
        self._fields = fields
        self._unread: list[str] = []

    def authorization(self) -> Authorization:
        """Return the authorization; raise RuleFileError with all that is wrong."""
        fields = self._fields
        terms = self._terms()
        names = self._names(terms)
        checks, rules = self._checks(names), self._rules(names)
        instruments = tuple(self._instruments())
        self._ids_once()
        self._terms_read(terms, checks, rules)
        self._window_in_order(terms)
        if self._document.problems:
            self._document.refuse()
        return Authorization(
            name=fields.authorization,
            issuer=fields.issuer,
            resolved=fields.resolved,
            basis=fields.basis,
            sources=tuple(
                Source(name, source.title, source.sha256, source.url)
                for name, source in fields.sources.items()
            ),
            timezone=fields.timezone,
            currency=fields.currency,
            with_fees=fields.amount_basis == "with_fees",
            instruments=instruments,
            terms=terms,
            checks=checks,
            rules=rules,
            file=self._document.name,
            text=self._document.text,
        )

    def _tell(self, place: Place, what: str, hint: str | None = None) -> None:
        self._document.problems.append(self._document.problem(place, what, hint))

    # --- figures and when they hold

    def _terms(self) -> tuple[Term, ...]:
        return tuple(self._term(name, fields) for name, fields in self._fields.terms.items())

    def _term(self, name: str, fields: list[VersionFields]) -> Term:
        path: Path = ("terms", name)
        versions = self._versions(path, fields)
        expected = term_dimension(name, self._fields.currency) or versions[0].figure.dimension
        for index, version in enumerate(versions):
            place = self._document.place((*self._version_path(path, index), "value"))
            if self._misfits(version.figure, expected):
                self._tell(place, *self._wrong_dimension(name, version.figure, expected))
            elif name in CAPS and version.figure.value <= 0:
                self._tell(place, f"the cap `{name}` is not above zero")
        place = self._document.key_place(path)
        return Term(name, expected, versions, place.line, place.column)

    def _misfits(self, figure: Figure, expected: Dimension) -> bool:
        # Which currency would be right is not known while that of the program is wrong.
        if ("currency",) in self._lost and figure.dimension.kind == expected.kind:
            return False
        return figure.dimension != expected

    def _wrong_dimension(
        self, name: str, figure: Figure, expected: Dimension
    ) -> tuple[str, str | None]:
        found = _EXAMPLES[figure.dimension.kind][0]
        if figure.dimension.kind == expected.kind == "money":
            what = f"`{name}` is in {figure.dimension.currency}"
            return what, f"the program's currency is {expected.currency}"
        right, example = _EXAMPLES[expected.kind]
        if expected.currency is not None:
            example = example.replace("JPY", expected.currency)
        return f"`{name}` takes {right}, and {found} stands here", f"write it as `{example}`"

    def _version_path(self, path: Path, index: int) -> Path:
        listed = (*path, index)
        return listed if listed in self._document.places else path

    def _versions(self, path: Path, fields: list[VersionFields]) -> tuple[Version, ...]:
        versions = []
        for index, each in enumerate(fields):
            own = self._version_path(path, index)
            span, quote = self._span(own, each), self._quote(own, each)
            versions.append(Version(each.value, span, quote))
        for earlier, later in _clashes(versions):
            place = self._document.place(self._version_path(path, later))
            first = self._document.place(self._version_path(path, earlier))
            what = f"two versions of `{path[-1]}` hold on the same day"
            hint = f"the other is at {first.line}:{first.column}; set `until`, `from` or `known`"
            self._tell(place, what, hint)
        return tuple(versions)

    def _span(self, path: Path, fields: VersionFields | RuleFields) -> Span:
        first, last, known = fields.first, fields.last, fields.known
        if first is not None and last is not None and last < first:
            place = self._document.place((*path, "until"))
            self._tell(place, f"`until` {last} is before `from` {first}")
        if known is not None and last is not None and last < known:
            place = self._document.place((*path, "known"))
            self._tell(place, f"`known` {known} is after `until` {last}")
        return Span(first, last, known)

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

    # --- instruments

    def _instruments(self) -> Iterator[Instrument]:
        listed: dict[tuple[str, str], str] = {}
        for name, fields in self._fields.instruments.items():
            path: Path = ("instruments", name)
            for index, venue in enumerate(fields.venues):
                other = listed.setdefault((fields.symbol, venue), name)
                if other != name or venue in fields.venues[:index]:
                    place = self._document.place((*path, "venues", index))
                    what = f"`{short(fields.symbol)}` on `{venue}` is listed already"
                    self._tell(place, what, f"see instrument `{other}`")
            yield Instrument(
                name=name,
                symbol=fields.symbol,
                venues=tuple(fields.venues),
                currency=fields.currency or self._fields.currency,
                shares_each=self._ratio(path, fields),
                fx_margin=fields.fx_margin,
            )

    def _ratio(self, path: Path, fields: InstrumentFields) -> tuple[Version, ...]:
        if fields.per_share is not None and fields.shares_each is not None:
            place = self._document.key_place((*path, "shares_each"))
            self._tell(place, "`per_share` and `shares_each` are both given", "keep one")
        key = "shares_each" if fields.per_share is None else "per_share"
        given = fields.shares_each if fields.per_share is None else fields.per_share
        if given is None:
            return (Version(Figure(1, BARE)),)
        versions = self._versions((*path, key), given)
        return tuple(
            Version(
                self._each(key, index, version, path), version.span, version.quote, version.figure
            )
            for index, version in enumerate(versions)
        )

    def _each(self, key: str, index: int, version: Version, path: Path) -> Figure:
        value = version.figure.value
        place = self._document.place((*self._version_path((*path, key), index), "value"))
        if version.figure.dimension != BARE:
            found = _EXAMPLES[version.figure.dimension.kind][0]
            self._tell(place, f"`{key}` takes a number, and {found} stands here")
        if value <= 0:
            self._tell(place, f"`{key}` is not above zero")
            return version.figure
        return Figure(simplest(1 / Fraction(value)) if key == "per_share" else value, BARE)

    # --- conditions

    def _names(self, terms: Sequence[Term]) -> Names:
        written = self._document.value.get("instruments")
        instruments = written if isinstance(written, dict) else self._fields.instruments
        return Names(
            constants={f"terms.{term.name}": term.dimension for term in terms},
            instruments=tuple(instruments),
            currency=self._fields.currency,
        )

    def _paths(self, key: str, many: Sequence[object]) -> Iterator[Path]:
        yield from ((key, index) for index in self._kept.get(key, range(len(many))))

    def _checks(self, names: Names) -> tuple[Check, ...]:
        checks = []
        paths = self._paths("checks", self._fields.checks)
        for path, fields in zip(paths, self._fields.checks, strict=True):
            quote = self._quote(path, fields)
            require = self._expression((*path, "require"), fields.require, names)
            if require is None:
                continue
            if require.facts:
                place = self._document.place((*path, "require"))
                what = f"a check reads terms alone, and this reads `{min(require.facts)}`"
                self._tell(place, what, "make it a rule")
            place = self._document.place(path)
            checks.append(
                Check(
                    id=fields.id,
                    require=require,
                    title=fields.title,
                    cite=fields.cite,
                    why=fields.why,
                    quote=quote,
                    line=place.line,
                    column=place.column,
                )
            )
        return tuple(checks)

    def _rules(self, names: Names) -> tuple[Rule, ...]:
        paths = self._paths("rules", self._fields.rules)
        rules = (
            self._rule(path, fields, names)
            for path, fields in zip(paths, self._fields.rules, strict=True)
        )
        return tuple(rule for rule in rules if rule is not None)

    def _rule(self, path: Path, fields: RuleFields, names: Names) -> Rule | None:
        span, quote = self._span(path, fields), self._quote(path, fields)
        require = self._expression((*path, "require"), fields.require, names)
        when = self._expression((*path, "when"), fields.when, names)
        if require is None or (when is None and fields.when is not None):
            return None
        place = self._document.place(path)
        rule = Rule(
            id=fields.id,
            require=require,
            when=when,
            effect=fields.effect,
            at=fields.at,
            span=span,
            title=fields.title,
            cite=fields.cite,
            why=fields.why,
            quote=quote,
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
        whole = ("terms",) in self._lost or ("currency",) in self._lost or () in self._lost
        return whole or any(("terms", name) in self._lost_terms for name in _read_in(text))

    @property
    def _lost_terms(self) -> set[Path]:
        return {path[:2] for path in self._lost}

    # --- the whole

    def _ids_once(self) -> None:
        first: dict[str, Place] = {}
        checks, rules = self._fields.checks, self._fields.rules
        paths = (*self._paths("checks", checks), *self._paths("rules", rules))
        names = (*(check.id for check in checks), *(rule.id for rule in rules))
        for path, name in zip(paths, names, strict=True):
            place = self._document.place((*path, "id"))
            before = first.setdefault(name, place)
            if before != place:
                hint = f"it is that of {before.line}:{before.column} already"
                self._tell(place, f"the id `{short(name)}` stands here again", hint)

    def _terms_read(
        self, terms: Sequence[Term], checks: Sequence[Check], rules: Sequence[Rule]
    ) -> None:
        read = {name for check in checks for name in check.require.constants}
        for rule in rules:
            read |= rule.require.constants | (rule.when.constants if rule.when else frozenset())
        read |= {f"terms.{name}" for text in self._unread for name in _read_in(text)}
        if any(path[:1] in (("rules",), ("checks",), ()) for path in self._lost):
            return
        for term in terms:
            if term.name not in KNOWN_TERMS and f"terms.{term.name}" not in read:
                what = f"no rule and no check reads the term `{term.name}`"
                hint = nearest(term.name, KNOWN_TERMS) or "leave it out"
                self._tell(Place(term.line, term.column), what, hint)

    def _window_in_order(self, terms: Sequence[Term]) -> None:
        first, last = (
            next((term for term in terms if term.name == name), None)
            for name in ("first_day", "last_day")
        )
        if first is None or last is None:
            return
        told: set[tuple[int, int]] = set()
        for opens, closes in _together(first.versions, last.versions):
            pair = (first.versions.index(opens), last.versions.index(closes))
            dates = opens.figure.dimension == closes.figure.dimension == first.dimension
            if dates and opens.figure.value > closes.figure.value and pair not in told:
                told.add(pair)
                path = (*self._version_path(("terms", "first_day"), pair[0]), "value")
                begins, ends = (
                    value_written(each.figure.value, each.figure.dimension)
                    for each in (opens, closes)
                )
                what = f"`first_day` {begins} is after `last_day` {ends}"
                self._tell(self._document.place(path), what)


_EXAMPLES: Final[Mapping[str, tuple[str, str]]] = {
    "shares": ("a number of shares", "4,000 shares"),
    "money": ("an amount of money", "JPY 400,000,000"),
    "date": ("a date", "2008-11-14"),
    "time": ("a time of day", "09:30"),
    "ratio": ("a percentage", "25%"),
    "number": ("a number without a unit", "400"),
}


def _read_in(text: str) -> list[str]:
    return _TERM_READ.findall(text)


def _clashes(versions: Sequence[Version]) -> Iterator[tuple[int, int]]:
    """Yield the versions, by number, that hold on a day on which one known as late holds."""
    furthest: dict[date | None, tuple[int, int]] = {}
    for index, version in sorted(
        enumerate(versions), key=lambda each: date_number(each[1].span.first or date.min)
    ):
        span = version.span
        begins = date_number(span.first or date.min)
        ends = date_number(span.last or date.max)
        until, holder = furthest.get(span.known, (0, index))
        if begins <= until:
            yield min(holder, index), max(holder, index)
        if ends > until:
            furthest[span.known] = (ends, index)


def _together(
    first: Sequence[Version], last: Sequence[Version]
) -> Iterator[tuple[Version, Version]]:
    """Yield each pair that is in force on one day as known at one moment.

    What is in force changes only on the first day of a version, the day after its last one and
    the day on which it became known.
    """
    spans = [version.span for version in (*first, *last)]
    ends = (span.last for span in spans if span.last is not None)
    nexts = {date.fromordinal(day.toordinal() + 1) for day in ends}
    days = {date.min, *(span.first for span in spans if span.first is not None), *nexts}
    moments = {date.min, *(span.known for span in spans if span.known is not None)}
    for day in sorted(days):
        for moment in sorted(moments):
            opens, closes = in_force(first, day, moment), in_force(last, day, moment)
            if opens is not None and closes is not None:
                yield opens, closes
