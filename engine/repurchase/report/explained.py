"""What rule files, packs and facts say, for a terminal."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from repurchase.domain.errors import plain
from repurchase.domain.formats import unit
from repurchase.domain.quantities import value_written
from repurchase.domain.terms import Term, Validity
from repurchase.evaluation.wording import ENGINE
from repurchase.facts.fact import Fact
from repurchase.facts.table import TABLE
from repurchase.language.expression import on_one_line
from repurchase.market.feed import SOURCES
from repurchase.report.examples import example
from repurchase.report.tables import plain_table
from repurchase.report.written import json_text
from repurchase.rulebook.model import Authorization, Check, Pack, Rule


def fact_view(fact: Fact) -> RenderableType:
    """Return what a fact means, where it comes from and how a rule reads it, for a terminal."""
    words = f"\nis one of {', '.join(fact.words)}" if fact.words else ""
    return Text.assemble(
        (fact.name, "bold"),
        f"\n{fact.meaning}",
        f"\ndimension: {_dimension(fact)}",
        f"\ncomes from the event's {', '.join(fact.given_by)}",
        f", or from {SOURCES[fact.name]}" if fact.name in SOURCES else "",
        words,
        f"\nfor example, require: {fact.example}",
    )


def own_finding_view(name: str) -> RenderableType:
    """Return what the finding *name* of the program itself means, for a terminal."""
    return Text.assemble(
        (name, "bold"),
        f"\n{ENGINE[name]}",
        "\nfound by the program itself, whatever the rules say; the event is not approved",
        "\nin cases it stands under `rules` like a rule",
    )


def authorization_view(authorization: Authorization) -> RenderableType:
    """Return an authorization in words: terms, rules, and the facts that its rules read.

    All that it says stands there, whenever it holds: each version of a term, each rule.
    """
    heading = Text.assemble(
        (plain(authorization.name), "bold"),
        plain(f"  {authorization.issuer or ''}"),
        f"\ndays are counted in {authorization.timezone}, money in {authorization.currency}",
    )
    views = (
        heading,
        _figures(authorization.terms, "term"),
        _rules_table(authorization.rules),
        *(_stated(pack) for pack in authorization.packs),
        _facts(authorization.all_rules()),
    )
    return _apart(views)


def pack_view(pack: Pack) -> RenderableType:
    """Return a pack of law in words, with the facts that it reads and how it is included."""
    rules = _all_rules(pack)
    parts: list[RenderableType] = [_stated(pack)]
    if rules:
        parts.append(_facts(rules))
    parts += map(Text, _terms_asked(rules))
    parts.append(Text(plain(f"for example, in a rule file: {_inclusion(pack)}")))
    return _apart(parts)


def _terms_asked(rules: Iterable[Rule]) -> Iterator[str]:
    """Yield which terms *rules* of a pack read of the authorization that includes it, if any."""
    terms = sorted({name for rule in rules for name in rule.constants if _is_term(name)})
    if terms:
        yield f"the authorization that includes it gives {', '.join(terms)}"


def _inclusion(pack: Pack) -> str:
    if not pack.options:
        return f"include: [{pack.included}]"
    options = ", ".join(option.name for option in pack.options)
    return f"include: [{{pack: {pack.included}, options: [{options}]}}]"


def _stated(pack: Pack) -> RenderableType:
    """Return what a pack says: its options, its dated limits, its rules."""
    heading = Text.assemble((plain(pack.name), "bold"), plain(f"  {pack.title}"))
    if pack.by_day:
        heading.append("\none purchase that fails taints all of its day")
    options = [
        Text(plain(f"option {one.name} is {'on' if one.on else 'off'}: {one.title}"))
        for one in pack.options
    ]
    parts: list[RenderableType] = [heading, *options]
    if pack.limits:
        parts += [Text(), _figures(pack.limits, "limit")]
    parts += [Text(), _rules_table(pack.rules)]
    if pack.off:
        parts += [Text("\nnot in force, by its options:"), _rules_table(pack.off)]
    return Group(*parts)


Views = Mapping[str, Callable[[], RenderableType]]


def views_of(file: Authorization | Pack) -> Views:
    """Return what shows each part of *file*, by the name that the part has in it.

    Parts are rules, checks, terms and limits; those of packs that an authorization includes are
    called by both names.
    """
    if isinstance(file, Pack):
        start = f"{file.name}."
        return {
            **{one.id.removeprefix(start): partial(_rule, one, file) for one in _all_rules(file)},
            **{
                f"limits.{one.name}": partial(_figure, one, f"{start}limits.{one.name}", file)
                for one in file.limits
            },
        }
    figures = {f"terms.{one.name}": one for one in file.terms} | _limits(file.packs)
    return {
        **{one.id: partial(_rule, one, file) for one in _all_rules(file)},
        **{one.id: partial(_check, one, file) for one in file.checks},
        **{name: partial(_figure, one, name, file) for name, one in figures.items()},
    }


def _all_rules(file: Authorization | Pack) -> tuple[Rule, ...]:
    """Return the rules of *file* and of its packs, those that options leave out too."""
    if isinstance(file, Pack):
        return (*file.rules, *file.off)
    return (*file.rules, *(rule for pack in file.packs for rule in _all_rules(pack)))


def _limits(packs: Iterable[Pack]) -> dict[str, Term]:
    return {f"{pack.name}.limits.{one.name}": one for pack in packs for one in pack.limits}


def _rule(rule: Rule, file: Authorization | Pack) -> RenderableType:
    """Return one rule in words, what it reads, and an event that says all of that."""
    effect = f"{rule.effect}, at {rule.at}{_when(rule.validity)}"
    said = (
        _said(rule, ("effect: ", effect)),
        *_figures_read(rule.constants, file),
        _facts([rule]),
        *map(Text, _terms_asked([rule]) if isinstance(file, Pack) else ()),
        *map(Text, _asked_outside(rule)),
        _on_one_line(f"for example: {json_text(example(rule, file))}"),
    )
    return _apart(said)


def _check(check: Check, file: Authorization) -> RenderableType:
    """Return one check in words, and the terms that it reads."""
    decided = ("decided when the file is read", "")
    return _apart((_said(check, decided), *_figures_read(check.require.constants, file)))


def _said(one: Rule | Check, what_follows: tuple[str, str]) -> RenderableType:
    when = one.when if isinstance(one, Rule) else None
    quote = one.quote
    said = [
        ("", one.title),
        ("requires ", on_one_line(one.require.text)),
        ("where ", None if when is None else on_one_line(when.text)),
        what_follows,
        ("the source says ", None if quote is None else f"“{quote.text}”"),
        ("in the source ", None if quote is None else quote.source),
        ("stands in ", one.cite),
        ("", one.why),
        ("unverified: ", one.unverified if isinstance(one, Rule) else None),
    ]
    lines = (plain(f"{before}{text}") for before, text in said if text is not None)
    return Group(Text(plain(one.id), style="bold"), *(Text(line) for line in lines))


def _figures_read(constants: frozenset[str], file: Authorization | Pack) -> Iterator[Table]:
    """Yield a table of the limits and one of the terms that are read, where there are any."""
    packs = (file,) if isinstance(file, Pack) else file.packs
    terms = {} if isinstance(file, Pack) else {f"terms.{one.name}": one for one in file.terms}
    for figures, called in ((terms, "term"), (_limits(packs), "limit")):
        read = [one for name, one in figures.items() if name in constants]
        if read:
            yield _figures(read, called)


def _asked_outside(rule: Rule) -> Iterator[str]:
    by_source: dict[str, list[str]] = {}
    for name in sorted(rule.facts & SOURCES.keys()):
        by_source.setdefault(SOURCES[name], []).append(name)
    for source, names in by_source.items():
        yield f"{' and '.join(names)}: from each event, or from {source}"


def _figure(figure: Term, name: str, file: Authorization | Pack) -> RenderableType:
    """Return a term or a limit, called *name*, with its days and the rules that read it."""
    called = "term" if _is_term(name) else "limit"
    rules = [one for one in _all_rules(file) if name in one.constants]
    readers = [one.id for one in rules]
    checks = file.checks if isinstance(file, Authorization) else ()
    readers += [f"the check {one.id}" for one in checks if name in one.require.constants]
    parts: list[RenderableType] = [Text(plain(name), style="bold"), _figures([figure], called)]
    parts.append(Text(f"read by {', '.join(readers) or 'no rule'}"))
    if rules:
        requires = on_one_line(rules[0].require.text)
        parts.append(Text(plain(f"for example, {rules[0].id} requires {requires}")))
    return Group(*parts)


def _is_term(name: str) -> bool:
    return name.startswith("terms.")


def _on_one_line(text: str) -> Text:
    # It is to be copied, and a line that is broken is no line of JSON.
    return Text(text, no_wrap=True, overflow="ignore")


def _apart(views: Iterable[RenderableType]) -> RenderableType:
    """Return *views* with an empty line after each."""
    return Group(*(part for view in views for part in (view, Text())))


def _figures(figures: Iterable[Term], called: str) -> Table:
    table = plain_table(called, "figure", "where it stands")
    for one in figures:
        for version in one.versions:
            exact = value_written(version.figure.value, version.figure.dimension)
            figure = unit(exact, str(version.figure.dimension))
            quote = f"“{version.quote.text}”" if version.quote is not None else None
            stands = "; ".join(said for said in (quote, version.cite) if said is not None)
            table.add_row(
                Text(one.name), Text(figure + _when(version.validity)), Text(plain(stands))
            )
    return table


def _rules_table(rules: Iterable[Rule]) -> Table:
    table = plain_table("rule", "effect", "requires", "title")
    for rule in rules:
        effect = rule.effect if rule.at == "both" else f"{rule.effect} at {rule.at}"
        requires = on_one_line(rule.require.text)
        if rule.when is not None:
            requires += f" when {on_one_line(rule.when.text)}"
        table.add_row(
            Text(rule.id),
            Text(effect + _when(rule.validity)),
            Text(plain(requires)),
            Text(plain(rule.title or "") + (" (unverified)" if rule.unverified else "")),
        )
    return table


def _when(validity: Validity) -> str:
    dates = (("from", validity.first), ("until", validity.last), ("known", validity.known))
    return "".join(f", {word} {day}" for word, day in dates if day is not None)


def _facts(rules: Iterable[Rule]) -> Table:
    table = plain_table("fact that is read", "meaning", "given by")
    for name in sorted({name for rule in rules for name in rule.facts}):
        fact = TABLE[name]
        table.add_row(Text(name), Text(fact.meaning), Text(", ".join(fact.given_by)))
    return table


def _dimension(fact: Fact) -> str:
    if fact.dimension.currency == "program":
        return f"{fact.dimension.kind} in the program's currency"
    return str(fact.dimension)
