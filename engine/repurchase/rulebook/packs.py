"""Packs, the rules and dated limits of one body of law: how they are found and read."""

from __future__ import annotations

import os
import pathlib
import re
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from functools import cache
from itertools import product
from typing import Final
from zoneinfo import ZoneInfo

from msgspec.structs import replace

from repurchase.domain.calendars import zone
from repurchase.domain.counters import Counter
from repurchase.domain.errors import UsageError, Wrong, nearest
from repurchase.domain.quantities import BARE, DATE, RATIO, SHARES, TIME, money
from repurchase.domain.terms import DATED, Figure, Term, known_dimensions
from repurchase.facts.counters import facts_of
from repurchase.language.expression import Expression, ExpressionError, Names, both, parse
from repurchase.rulebook.keys import Part
from repurchase.rulebook.library import former_path, pack_names, pack_path
from repurchase.rulebook.model import Declared, Option, Pack, Rule
from repurchase.rulebook.parts import Parts, dimensions, read_in
from repurchase.rulebook.schema import NO_CURRENCY, PACK
from repurchase.rulebook.yaml_reader import Document, open_document, read_document

# Returns the pack that a rule file includes by a name. Raises Wrong if there is none, RuleFileError
# if it is not YAML.
PackDocument = Callable[[str], Document]
_OWN = "./"
_MONEY: Final = re.compile(r"\b([A-Z]{3}) +[0-9]")
# So many terms of a condition are tried as every kind of figure; further ones as shares only.
_TRIED_MAX: Final = 3


def shipped_or_beside(file: str) -> PackDocument:
    """Return the lookup of packs for the rule file *file*: shipped ones, and those beside it."""

    def document(name: str) -> Document:
        if name.startswith(_OWN):
            path = pathlib.Path(file).parent / f"{name.removeprefix(_OWN)}.yaml"
        elif name in pack_names():
            path = pack_path(name)
        else:
            beside = pathlib.Path(file).parent / f"{name}.yaml"
            hint = f"for the pack beside this file, write `./{name}`" if beside.exists() else None
            raise _not_shipped(name, hint)
        try:
            return open_document(path)
        except UsageError as error:
            what = f"the pack `{name}` cannot be read: {error.problems[0].what}"
            raise Wrong(what, f"it must be at {path}") from error

    return document


def _not_shipped(name: str, hint: str | None = None) -> Wrong:
    known = ", ".join(f"`{one}`" for one in pack_names())
    hint = hint or nearest(name, pack_names()) or f"the shipped packs are {known}"
    return Wrong(f"there is no pack `{name}`", hint)


def shipped_or_given(texts: Mapping[str, bytes]) -> PackDocument:
    """Return the lookup of packs that reads no other file: shipped ones, and the *texts* by name.

    The name of one of the *texts* is that by which the rule file includes it: `./NAME`.
    """

    def document(name: str) -> Document:
        if name in texts:
            return read_document(texts[name], f"the pack {name}")
        if name.startswith(_OWN):
            raise Wrong(f"the text of the pack `{name}` is not given", "send it with the rule file")
        if name not in pack_names():
            raise _not_shipped(name)
        return open_document(pack_path(name))

    return document


def instead(file: str, pack: Document) -> PackDocument:
    """Return the lookup of packs for the rule file *file* that uses *pack* instead of its file.

    It also uses *pack* instead of the shipped pack with the same name, so that an edited copy of a
    shipped pack can be tested.
    """
    others = shipped_or_beside(file)
    place, name = pathlib.Path(pack.name).resolve(), pathlib.Path(pack.name).stem

    def document(asked: str) -> Document:
        beside = pathlib.Path(file).parent / f"{asked.removeprefix(_OWN)}.yaml"
        is_own = asked.startswith(_OWN) and beside.resolve() == place
        is_shipped = asked == name and asked in pack_names()
        return pack if is_own or is_shipped else others(asked)

    return document


def kept(texts: dict[str, bytes]) -> PackDocument:
    """Return the lookup of the packs *texts*, by the names by which rule files include them."""

    def document(name: str) -> Document:
        if name not in texts:
            raise Wrong(f"the pack `{name}` is not stored with the rule file")
        return read_document(texts[name], f"the pack {name}")

    return document


def read_pack(
    document: Document, included: str, options: Sequence[str], names: Names, clock: ZoneInfo
) -> Pack:
    """Return the pack in *document* with *options* on, which a rule file includes as *included*.

    *names* holds the names of the authorization, and *clock* is its time zone.
    Raise RuleFileError with every fault.
    """
    return _Builder(PACK, document).pack(included, options, names, clock)


def is_pack(keys: Container[str]) -> bool:
    """Return whether a file with the top-level *keys* is a pack, not an authorization."""
    return "pack" in keys and "authorization" not in keys


def is_pack_file(path: str | os.PathLike[str]) -> bool:
    """Return whether the file *path* is a pack.

    Raise UsageError if it cannot be opened, RuleFileError if it is not YAML.
    """
    return is_pack(open_document(path).value)


def pack_alone(path: str | os.PathLike[str]) -> Pack:
    """Return the pack in the file *path* with all options off, without an authorization.

    Raise UsageError if the file cannot be opened, RuleFileError with every fault in it.
    """
    file = pathlib.Path(path)
    included = file.stem if file == pack_path(file.stem) else f"{_OWN}{file.stem}"
    builder = _Alone(PACK, open_document(path))
    return builder.pack(included, [], Names({}, (), builder.currency()), zone("UTC"))


@cache
def shipped_averages() -> Mapping[str, Declared]:
    """Return the averages that every file may read: those that the program itself had once."""
    path = former_path()
    found = _former().averages()
    return {name: replace(one, file=path.name) for name, one in found.items()}


@cache
def shipped_counters() -> tuple[Counter, ...]:
    """Return the counters that every file may read: facts of the day that the program once had."""
    return _former().counters()


def shipped_facts() -> tuple[str, ...]:
    """Return the facts of the counters that every file may read."""
    return tuple(fact for one in shipped_counters() for fact in facts_of(one.name))


def _former() -> _Builder:
    return _Builder(PACK, open_document(former_path()))


def shipped_pack(name: str) -> Pack:
    """Return the shipped pack *name*, one of `pack_names`, with all options off."""
    return pack_alone(pack_path(name))


class _Builder(Parts):
    """Builds a pack."""

    _scope: Expression | None = None

    def averages(self) -> dict[str, Declared]:
        """Return the averages that it declares; raise RuleFileError with every fault."""
        found = self._averages()
        self._reading.refuse_if_wrong()
        return found

    def counters(self) -> tuple[Counter, ...]:
        """Return the counters that it declares; raise RuleFileError with every fault."""
        # Their days are those of the venue, on no other clock.
        found = tuple(self._counters(zone("UTC")))
        self._reading.refuse_if_wrong()
        return found

    def pack(self, included: str, options: Sequence[str], names: Names, clock: ZoneInfo) -> Pack:
        """Return the pack with *options* on; raise RuleFileError with every fault."""
        file = self._file
        limits = tuple(self._figures("limits", {}))
        averages = self._one_namespace(self._averages(names.venues), shipped_averages())
        known = replace(self._names(limits, names), averages=dimensions(averages))
        self._scope = self._condition(file, "when", known)
        rules = self._rules(known)
        counters = tuple(self._counters(clock))
        for counted in file["counters"].values():
            for index, venue in enumerate(counted["venues"] or ()):
                if venue not in names.venues:
                    self._venue_listed(venue, (*counted.path, "venues", index))
        self._ids_once(file["rules"])
        self._limits_read(limits, rules)
        feed_only = self._feed_only(averages)
        self._reading.refuse_if_wrong()
        on = {known.called(part["id"]) for part in file["rules"] if _is_on(part, options)}
        return Pack(
            name=file["pack"],
            included=included,
            title=file["title"],
            by_day=file["judged"] == "by_day",
            sources=self._sources(),
            limits=limits,
            options=tuple(self._options(options)),
            rules=tuple(rule for rule in rules if rule.id in on),
            off=tuple(rule for rule in rules if rule.id not in on),
            file=self._document.name,
            text=self._document.text,
            feed_only=feed_only,
            counters=counters,
            averages=averages,
        )

    def _options(self, on: Sequence[str]) -> Iterator[Option]:
        for name, part in self._file["options"].items():
            place = self._document.key_place(part.path)
            turns = tuple(
                f"{self._file['pack']}.{rule['id']}"
                for rule in self._file["rules"]
                if name in (rule["option"], rule["without"])
            )
            yield Option(
                name, part["title"], part["cite"], name in on, turns, place.line, place.column
            )

    def _names(self, limits: tuple[Term, ...], names: Names) -> Names:
        """Return the names that its rules may use: its limits, and terms of the authorization."""
        dimensions = known_dimensions(names.currency)
        dimensions |= dict.fromkeys(DATED, DATE)
        known = {f"terms.{name}": dimension for name, dimension in dimensions.items()}
        own = {f"limits.{limit.name}": limit.dimension for limit in limits}
        constants = {**known, **names.constants, **own}
        return replace(
            names,
            constants=constants,
            instruments=(),
            pack=self._file["pack"],
            declared=(*self._declared(), *shipped_facts()),
            periods={**names.periods, **self._periods},
        )

    def _rule(self, part: Part, names: Names) -> Rule | None:
        options = self._file["options"]
        for key in ("option", "without"):
            name = part[key]
            if name is not None and name not in options:
                hint = nearest(name, options) or "add it to `options`"
                self._reading.note((*part.path, key), f"the pack has no option `{name}`", hint)
        if part["unverified"] is not None and part["effect"] == "deny":
            what = "the rule is `unverified`, so it cannot deny"
            hint = "write `effect: review` or `effect: flag`"
            self._reading.note((*part.path, "unverified"), what, hint)
        rule = super()._rule(part, names)
        if rule is None or self._scope is None:
            return rule
        own = rule.when
        return replace(rule, when=self._scope if own is None else both(self._scope, own))

    def _limits_read(self, limits: tuple[Term, ...], rules: tuple[Rule, ...]) -> None:
        if self._reading.is_lost(("rules",)):
            return
        pack = self._file["pack"]
        read = {name for rule in rules for name in rule.constants}
        read |= {f"{pack}.{name}" for text in self._unread for name in read_in(text)}
        for limit in limits:
            if f"{pack}.limits.{limit.name}" not in read:
                what = f"no rule reads the limit `{limit.name}`"
                self._reading.note_key(("limits", limit.name), what, "remove it")


class _Alone(_Builder):
    """Builds a pack alone: its rules may read any term, which each authorization must state."""

    def currency(self) -> str:
        """Return the currency in its limits or conditions, which an authorization must have."""
        for limit in self._file["limits"].values():
            for version in limit:
                value = version["value"]
                if isinstance(value, Figure) and value.dimension.currency is not None:
                    return str(value.dimension.currency)
        own = (part[key] for part in self._file["rules"] for key in ("require", "when"))
        written = _MONEY.search(" ".join(text or "" for text in (self._file["when"], *own)))
        return NO_CURRENCY if written is None else written[1]

    def _condition(self, part: Part, key: str, names: Names) -> Expression | None:
        return super()._condition(part, key, _fitting(part[key] or "", names))


def _fitting(text: str, names: Names) -> Names:
    """Return *names* with the other terms that *text* reads, each with a dimension that fits."""
    own = [name for name in dict.fromkeys(read_in(text)) if name.startswith("terms.")]
    unknown = [name for name in own if name not in names.constants]
    if not unknown:
        return names
    kinds = (SHARES, money(names.currency), DATE, TIME, RATIO, BARE)
    tried, rest = unknown[:_TRIED_MAX], unknown[_TRIED_MAX:]
    readings = [
        replace(
            names,
            constants={
                **names.constants,
                **dict(zip(tried, chosen, strict=True)),
                **dict.fromkeys(rest, SHARES),
            },
        )
        for chosen in product(kinds, repeat=len(tried))
    ]
    return next((one for one in readings if _fits(text, one)), readings[0])


def _fits(text: str, names: Names) -> bool:
    try:
        parse(text, names)
    except ExpressionError:
        return False
    return True


def _is_on(rule: Part, options: Sequence[str]) -> bool:
    return (rule["option"] is None or rule["option"] in options) and rule["without"] not in options
