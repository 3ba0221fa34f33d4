"""From a read file to an authorization, with every error that its parts make together."""

from __future__ import annotations

import os
import pathlib
from collections.abc import Iterator, Sequence
from datetime import date
from fractions import Fraction
from typing import Final

from repurchase.domain.errors import Problem, RuleFileError, Wrong, nearest, short
from repurchase.domain.quantities import BARE, simplest, value_written
from repurchase.domain.terms import (
    CAPS,
    KNOWN_TERMS,
    Figure,
    Instrument,
    Term,
    Version,
    in_force,
    term_dimension,
)
from repurchase.language.expression import Names
from repurchase.rulebook.model import Authorization, Check, Pack, Rule
from repurchase.rulebook.packs import PackText, is_pack, read_pack, shipped_or_beside
from repurchase.rulebook.parts import EXAMPLES, Parts, read_in
from repurchase.rulebook.schema import (
    CheckFields,
    IncludeFields,
    InstrumentFields,
    RuleFields,
    RuleFileFields,
    VersionFields,
)
from repurchase.rulebook.yaml_reader import (
    Document,
    Path,
    Place,
    read_bytes,
    read_document,
)

_READERS_OF_TERMS: Final = (("rules",), ("checks",), ("include",), ())


def read(path: str | os.PathLike[str]) -> Authorization:
    """Return the authorization in the rule file *path*.

    Raise UsageError where the file cannot be opened, RuleFileError with all that is wrong in it.
    """
    return read_text(read_bytes(path), os.fspath(path))


def read_text(data: bytes, name: str, packs: PackText | None = None) -> Authorization:
    """Return the authorization that *data* writes; *name* is the file in messages.

    *packs* gives the text of each pack that it includes; without it, those shipped and those
    beside the file. Raise RuleFileError with all that is wrong, by place.
    """
    document = read_document(data, name)
    if is_pack(document.value):
        what = "this is a pack of law, and a pack alone grants nothing to judge by"
        hint = f"judge by a rule file that has it under `include`, as `{_asked_for(name)}`"
        raise RuleFileError(document.problem(document.key_place(("pack",)), what, hint))
    builder = _Builder(RuleFileFields, document)
    return builder.authorization(packs or shipped_or_beside(name))


def _asked_for(file: str) -> str:
    """Return the name by which a rule file beside *file*, a pack, asks for it."""
    return f"./{short(pathlib.Path(file).stem)}"


class _Builder(Parts[RuleFileFields]):
    """What a rule file comes to."""

    def __init__(self, model: type[RuleFileFields], document: Document) -> None:
        super().__init__(model, document)
        self._of_packs: list[Problem] = []

    def authorization(self, packs: PackText) -> Authorization:
        """Return the authorization; raise RuleFileError with all that is wrong."""
        fields = self._fields
        terms = self._terms()
        names = self._names(terms)
        checks, rules = self._checks(names), self._rules(names)
        instruments = tuple(self._instruments())
        self._ids_once()
        included = tuple(self._packs(packs, names))
        self._terms_read(terms, checks, (*rules, *(one for pack in included for one in pack.rules)))
        self._window_in_order(terms)
        self._announced_once_resolved()
        if self._document.problems or self._of_packs:
            self._document.refuse(self._of_packs)
        return Authorization(
            name=fields.authorization,
            issuer=fields.issuer,
            resolved=fields.resolved,
            announced=fields.announced,
            basis=fields.basis,
            sources=self.sources(),
            timezone=fields.timezone,
            currency=fields.currency,
            with_fees=fields.amount_basis == "with_fees",
            instruments=instruments,
            terms=terms,
            checks=checks,
            rules=rules,
            packs=included,
            file=self._document.name,
            text=self._document.text,
        )

    # --- figures and when they hold

    def _terms(self) -> tuple[Term, ...]:
        return tuple(self._term(name, fields) for name, fields in self._fields.terms.items())

    def _term(self, name: str, fields: list[VersionFields]) -> Term:
        path: Path = ("terms", name)
        term = self._figured(path, fields, term_dimension(name, self._fields.currency))
        for index, version in enumerate(term.versions):
            is_cap = name in CAPS and version.figure.dimension == term.dimension
            if is_cap and version.figure.value <= 0:
                place = self._document.place((*self._version_path(path, index), "value"))
                self._tell(place, f"the cap `{name}` is not above zero")
        return term

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
                self._each(key, index, version, path),
                version.validity,
                version.quote,
                version.figure,
            )
            for index, version in enumerate(versions)
        )

    def _each(self, key: str, index: int, version: Version, path: Path) -> Figure:
        value = version.figure.value
        place = self._document.place((*self._version_path((*path, key), index), "value"))
        if version.figure.dimension != BARE:
            found = EXAMPLES[version.figure.dimension.kind][0]
            self._tell(place, f"`{key}` takes a number, and {found} stands here")
        if value <= 0:
            self._tell(place, f"`{key}` is not above zero")
            return version.figure
        return Figure(simplest(1 / Fraction(value)) if key == "per_share" else value, BARE)

    # --- packs

    def _packs(self, texts: PackText, names: Names) -> Iterator[Pack]:
        first: dict[str, Place] = {}
        paths = self._paths("include", self._fields.include)
        for path, fields in zip(paths, self._fields.include, strict=True):
            place = self._document.place(path)
            try:
                pack = read_pack(*texts(fields.pack), fields.pack, fields.options, names)
            except Wrong as wrong:
                self._tell(place, wrong.what, wrong.hint)
                continue
            except RuleFileError as error:
                self._of_packs += error.problems
                continue
            self._options_known(path, fields, pack)
            before = first.setdefault(pack.name, place)
            if before != place:
                hint = f"it is that of {before.line}:{before.column} already"
                self._tell(place, f"the pack `{pack.name}` is included again", hint)
                continue
            yield pack

    def _options_known(self, path: Path, fields: IncludeFields, pack: Pack) -> None:
        known = tuple(option.name for option in pack.options)
        for index, name in enumerate(fields.options):
            if name not in known:
                place = self._document.place((*path, "options", index))
                what = f"the pack `{pack.name}` has no option `{short(name)}`"
                listed = ", ".join(f"`{one}`" for one in known)
                hint = nearest(name, known) or (f"it has {listed}" if known else "leave it out")
                self._tell(place, what, hint)

    # --- conditions

    def _named(self) -> Iterator[tuple[str, Sequence[CheckFields | RuleFields]]]:
        yield "checks", self._fields.checks
        yield "rules", self._fields.rules

    def _names(self, terms: Sequence[Term]) -> Names:
        written = self._document.value.get("instruments")
        instruments = written if isinstance(written, dict) else self._fields.instruments
        return Names(
            constants={f"terms.{term.name}": term.dimension for term in terms},
            instruments=tuple(instruments),
            currency=self._fields.currency,
        )

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

    # --- the whole

    def _terms_read(
        self, terms: Sequence[Term], checks: Sequence[Check], rules: Sequence[Rule]
    ) -> None:
        read = {name for check in checks for name in check.require.constants}
        for rule in rules:
            read |= rule.constants
        read |= {name for text in self._unread for name in read_in(text)}
        if self._of_packs or any(path[:1] in _READERS_OF_TERMS for path in self._lost):
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

    def _announced_once_resolved(self) -> None:
        resolved, announced = self._fields.resolved, self._fields.announced
        if resolved is not None and announced is not None and announced < resolved:
            place = self._document.place(("announced",))
            self._tell(place, f"`announced` {announced} is before `resolved` {resolved}")


def _together(
    first: Sequence[Version], last: Sequence[Version]
) -> Iterator[tuple[Version, Version]]:
    """Yield each pair that is in force on one day as known at one moment.

    What is in force changes only on the first day of a version, the day after its last one and
    the day on which it became known.
    """
    validities = [version.validity for version in (*first, *last)]
    ends = (validity.last for validity in validities if validity.last is not None)
    nexts = {date.fromordinal(day.toordinal() + 1) for day in ends}
    days = {
        date.min,
        *(validity.first for validity in validities if validity.first is not None),
        *nexts,
    }
    moments = {date.min, *(validity.known for validity in validities if validity.known is not None)}
    for day in sorted(days):
        for moment in sorted(moments):
            opens, closes = in_force(first, day, moment), in_force(last, day, moment)
            if opens is not None and closes is not None:
                yield opens, closes
