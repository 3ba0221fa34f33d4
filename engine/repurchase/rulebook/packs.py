"""Packs: rules and dated limits of one body of law, from where they lie to what they come to."""

from __future__ import annotations

import os
import pathlib
import re
from collections.abc import Callable, Container, Iterator
from itertools import product
from typing import Final

from msgspec.structs import replace

from repurchase.domain.errors import UsageError, Wrong, nearest
from repurchase.domain.quantities import BARE, DATE, RATIO, SHARES, TIME, Dimension, money
from repurchase.domain.terms import KNOWN_TERMS, Term, term_dimension
from repurchase.language.expression import Expression, ExpressionError, Names, both, parse
from repurchase.rulebook.library import pack_names, pack_path
from repurchase.rulebook.model import Option, Pack, Rule
from repurchase.rulebook.parts import NO_CURRENCY, Parts, read_in
from repurchase.rulebook.schema import PackFields, PackRuleFields, RuleFields
from repurchase.rulebook.yaml_reader import Path, Place, read_bytes, read_document

# The text of the pack that is asked for by a name, and the name of its file; Wrong where there is
# none.
PackText = Callable[[str], tuple[bytes, str]]
_OWN = "./"
_MONEY: Final = re.compile(r"\b([A-Z]{3}) +[0-9]")
# Of one condition so many terms are tried as every kind of figure; the others as shares.
_TRIED_MAX: Final = 3


def shipped_or_beside(file: str) -> PackText:
    """Return what gives the packs of the rule file *file*: shipped ones, and those beside it."""

    def text(name: str) -> tuple[bytes, str]:
        if name.startswith(_OWN):
            path = pathlib.Path(file).parent / f"{name.removeprefix(_OWN)}.yaml"
        elif name in pack_names():
            path = pack_path(name)
        else:
            known = ", ".join(f"`{one}`" for one in pack_names())
            beside = pathlib.Path(file).parent / f"{name}.yaml"
            hint = f"for the file beside this one, write `./{name}`" if beside.exists() else None
            hint = hint or nearest(name, pack_names()) or f"shipped are {known}"
            raise Wrong(f"there is no pack `{name}`", hint)
        try:
            return read_bytes(path), str(path)
        except UsageError as error:
            what = f"the pack `{name}` cannot be read: {error.problems[0].what}"
            raise Wrong(what, f"it would be {path}") from error

    return text


def instead(file: str, pack: str, data: bytes) -> PackText:
    """Return what gives the packs of the rule file *file*, *data* in the place of the file *pack*.

    It also stands in the place of the shipped one of its name: who edits a copy means the copy.
    """
    others = shipped_or_beside(file)
    place, name = pathlib.Path(pack).resolve(), pathlib.Path(pack).stem

    def text(asked: str) -> tuple[bytes, str]:
        beside = pathlib.Path(file).parent / f"{asked.removeprefix(_OWN)}.yaml"
        is_own = asked.startswith(_OWN) and beside.resolve() == place
        is_shipped = asked == name and asked in pack_names()
        return (data, pack) if is_own or is_shipped else others(asked)

    return text


def kept(texts: dict[str, bytes]) -> PackText:
    """Return what gives the packs *texts*, each by the name by which it is asked for."""

    def text(name: str) -> tuple[bytes, str]:
        if name not in texts:
            raise Wrong(f"the pack `{name}` is not kept with it")
        return texts[name], f"the pack {name}"

    return text


def read_pack(data: bytes, file: str, included: str, options: list[str], names: Names) -> Pack:
    """Return the pack that *data* writes with *options* on, for who includes it by *included*.

    *names* are those of the authorization. Raise RuleFileError with all that is wrong.
    """
    return _Builder(PackFields, read_document(data, file)).pack(included, options, names)


def is_pack(keys: Container[str]) -> bool:
    """Return whether a file with *keys* at its top is a pack, and no authorization."""
    return "pack" in keys and "authorization" not in keys


def is_pack_file(path: str | os.PathLike[str]) -> bool:
    """Return whether the file *path* is a pack.

    Raise UsageError where it cannot be opened, RuleFileError where it is no YAML.
    """
    return is_pack(read_document(read_bytes(path), os.fspath(path)).value)


def pack_alone(path: str | os.PathLike[str]) -> Pack:
    """Return the pack in the file *path* as it is with no option on, whoever includes it.

    Raise UsageError where the file cannot be opened, RuleFileError with all that is wrong in it.
    """
    file = pathlib.Path(path)
    included = file.stem if file == pack_path(file.stem) else f"{_OWN}{file.stem}"
    builder = _Alone(PackFields, read_document(read_bytes(path), os.fspath(path)))
    return builder.pack(included, [], Names({}, (), builder.currency()))


def shipped_pack(name: str) -> Pack:
    """Return the shipped pack *name*, one of `pack_names`, as it is with no option on."""
    return pack_alone(pack_path(name))


class _Builder(Parts[PackFields]):
    """What a pack comes to."""

    _scope: Expression | None = None

    def pack(self, included: str, options: list[str], names: Names) -> Pack:
        """Return the pack with *options* on; raise RuleFileError with all that is wrong."""
        fields = self._fields
        limits = tuple(self._limits())
        known = self._names(limits, names)
        self._scope = self._expression(("when",), fields.when, known)
        rules = self._rules(known)
        self._ids_once()
        self._limits_read(limits, rules)
        if self._document.problems:
            self._document.refuse()
        on = {f"{fields.pack}.{one.id}" for one in fields.rules if _is_on(one, options)}
        return Pack(
            name=fields.pack,
            included=included,
            title=fields.title,
            by_day=fields.judged == "by_day",
            sources=self.sources(),
            limits=limits,
            options=tuple(self._options(options)),
            rules=tuple(rule for rule in rules if rule.id in on),
            off=tuple(rule for rule in rules if rule.id not in on),
            file=self._document.name,
            text=self._document.text,
        )

    def _options(self, on: list[str]) -> Iterator[Option]:
        fields = self._fields
        for name, one in fields.options.items():
            place = self._document.key_place(("options", name))
            turns = (rule.id for rule in fields.rules if name in (rule.option, rule.without))
            called = tuple(f"{fields.pack}.{rule}" for rule in turns)
            yield Option(name, one.title, one.cite, name in on, called, place.line, place.column)

    def _limits(self) -> Iterator[Term]:
        for name, versions in self._fields.limits.items():
            yield self._figured(("limits", name), versions, None)

    def _names(self, limits: tuple[Term, ...], names: Names) -> Names:
        """Return what the rules of the pack may name: its limits, and the terms of who has it."""
        known: dict[str, Dimension] = {}
        for name in KNOWN_TERMS:
            dimension = term_dimension(name, names.currency)
            assert dimension is not None, "a known term has a dimension"
            known[f"terms.{name}"] = dimension
        own = {f"limits.{limit.name}": limit.dimension for limit in limits}
        return Names({**known, **names.constants, **own}, (), names.currency, self._fields.pack)

    def _rule(self, path: Path, fields: RuleFields, names: Names) -> Rule | None:
        assert isinstance(fields, PackRuleFields), "it is of a pack"
        for key in ("option", "without"):
            name = getattr(fields, key)
            if name is not None and name not in self._fields.options:
                what = f"the pack has no option `{name}`"
                hint = nearest(name, self._fields.options) or "add it to `options`"
                self._tell(self._document.place((*path, key)), what, hint)
        if fields.unverified is not None and fields.effect == "deny":
            what = "what is not certain to be the law denies nothing"
            place = self._document.place((*path, "unverified"))
            self._tell(place, what, "write `effect: review` or `effect: flag`")
        rule = super()._rule(path, fields, names)
        if rule is None or self._scope is None:
            return rule
        own = rule.when
        return replace(rule, when=self._scope if own is None else both(self._scope, own))

    def _limits_read(self, limits: tuple[Term, ...], rules: tuple[Rule, ...]) -> None:
        if any(path[:1] in (("rules",), ()) for path in self._lost):
            return
        read = {name for rule in rules for name in rule.constants}
        read |= {f"{self._fields.pack}.{name}" for text in self._unread for name in read_in(text)}
        for limit in limits:
            if f"{self._fields.pack}.limits.{limit.name}" not in read:
                what = f"no rule reads the limit `{limit.name}`"
                self._tell(Place(limit.line, limit.column), what, "leave it out")


class _Alone(_Builder):
    """What a pack comes to by itself: its rules may read any term, which each includer has."""

    def currency(self) -> str:
        """Return the currency that its limits or conditions write: that of who includes it."""
        fields = self._fields
        figures = (version.value for limit in fields.limits.values() for version in limit)
        for figure in figures:
            if figure.dimension.currency is not None:
                return figure.dimension.currency
        own = (text for rule in fields.rules for text in (rule.require, rule.when))
        written = _MONEY.search(" ".join(text or "" for text in (fields.when, *own)))
        return NO_CURRENCY if written is None else written[1]

    def _expression(self, path: Path, text: str | None, names: Names) -> Expression | None:
        return super()._expression(path, text, _fitting(text or "", names))


def _fitting(text: str, names: Names) -> Names:
    """Return *names* with the other terms that *text* reads, each what it must be to fit."""
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


def _is_on(rule: PackRuleFields, options: list[str]) -> bool:
    return (rule.option is None or rule.option in options) and rule.without not in options
