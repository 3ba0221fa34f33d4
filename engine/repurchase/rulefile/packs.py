"""Packs: rules and dated limits of one body of law, from where they lie to what they come to."""

from __future__ import annotations

import pathlib
from collections.abc import Callable, Iterator

from repurchase.errors import UsageError, nearest
from repurchase.expression import Names
from repurchase.quantities import Dimension
from repurchase.rulefile.figures import Wrong
from repurchase.rulefile.nouns import Option, Pack, Rule
from repurchase.rulefile.parts import NO_CURRENCY, Parts, read_in
from repurchase.rulefile.reader import Path, Place, read_bytes, read_document
from repurchase.rulefile.schema import PackFields, PackRuleFields, RuleFields
from repurchase.shipped import pack_names, pack_path
from repurchase.terms import KNOWN_TERMS, Term, term_dimension

# The text of the pack that is asked for by a name, and the name of its file; Wrong where there is
# none.
PackText = Callable[[str], tuple[bytes, str]]
_OWN = "./"


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


def shipped_pack(name: str) -> Pack:
    """Return the shipped pack *name*, one of `pack_names`, as it is with no option on."""
    path = pack_path(name)
    # Its rules read no instrument and no money of a program.
    return read_pack(read_bytes(path), str(path), name, [], Names({}, (), NO_CURRENCY))


class _Builder(Parts[PackFields]):
    """What a pack comes to."""

    def pack(self, included: str, options: list[str], names: Names) -> Pack:
        """Return the pack with *options* on; raise RuleFileError with all that is wrong."""
        fields = self._fields
        limits = tuple(self._limits())
        rules = self._rules(self._names(limits, names))
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
            options=tuple(
                Option(name, one.title, one.cite, name in options)
                for name, one in fields.options.items()
            ),
            rules=tuple(rule for rule in rules if rule.id in on),
            off=tuple(rule for rule in rules if rule.id not in on),
            file=self._document.name,
            text=self._document.text,
        )

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
        return super()._rule(path, fields, names)

    def _limits_read(self, limits: tuple[Term, ...], rules: tuple[Rule, ...]) -> None:
        if any(path[:1] in (("rules",), ()) for path in self._lost):
            return
        read = {name for rule in rules for name in rule.constants}
        read |= {f"{self._fields.pack}.{name}" for text in self._unread for name in read_in(text)}
        for limit in limits:
            if f"{self._fields.pack}.limits.{limit.name}" not in read:
                what = f"no rule reads the limit `{limit.name}`"
                self._tell(Place(limit.line, limit.column), what, "leave it out")


def _is_on(rule: PackRuleFields, options: list[str]) -> bool:
    return (rule.option is None or rule.option in options) and rule.without not in options
