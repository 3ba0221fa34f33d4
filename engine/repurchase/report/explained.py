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
from repurchase.domain.terms import Term, Validity, Version
from repurchase.evaluation.wording import ENGINE
from repurchase.facts.fact import Fact
from repurchase.facts.table import TABLE
from repurchase.language.expression import Expression, on_one_line
from repurchase.market.feed import SOURCES
from repurchase.report.examples import example
from repurchase.report.tables import plain_table, quoted
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
    views = (
        _stated(pack),
        *([_facts(rules)] if rules else []),
        *_terms_asked(rules),
        Text(plain(f"for example, in a rule file: {_inclusion(pack)}")),
    )
    return _apart(views)


def _terms_asked(rules: Iterable[Rule]) -> Iterator[Text]:
    """Yield which terms *rules* of a pack read of the authorization that includes it, if any."""
    terms = sorted({name for rule in rules for name in rule.constants if _called(name) == "term"})
    if terms:
        yield Text(f"the authorization that includes it gives {', '.join(terms)}")


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
    views: Views = {
        **{rule.id: partial(_rule, rule, file) for rule in _all_rules(file)},
        **{name: partial(_figure, one, name, file) for name, one in _figures_of(file).items()},
    }
    if isinstance(file, Pack):
        return {name.removeprefix(f"{file.name}."): view for name, view in views.items()}
    return {**views, **{check.id: partial(_check, check, file) for check in file.checks}}


def _all_rules(file: Authorization | Pack) -> tuple[Rule, ...]:
    """Return the rules of *file* and of its packs, those that options leave out too."""
    if isinstance(file, Pack):
        return (*file.rules, *file.off)
    return (*file.rules, *(rule for pack in file.packs for rule in _all_rules(pack)))


def _figures_of(file: Authorization | Pack) -> dict[str, Term]:
    """Return the terms of *file* and the limits of its packs, by the names that rules read."""
    packs = (file,) if isinstance(file, Pack) else file.packs
    terms = () if isinstance(file, Pack) else file.terms
    limits = {f"{pack.name}.limits.{one.name}": one for pack in packs for one in pack.limits}
    return {f"terms.{one.name}": one for one in terms} | limits


def _rule(rule: Rule, file: Authorization | Pack) -> RenderableType:
    """Return one rule in words, what it reads, and an event that gives all of that."""
    effect = f"effect: {rule.effect}, at {rule.at}{_when(rule.validity)}"
    example_line = f"for example: {json_text(example(rule, file))}"
    views = (
        _in_words(rule, effect, when=rule.when, unverified=rule.unverified),
        *_figures_read(rule.constants, file),
        _facts([rule]),
        *(_terms_asked([rule]) if isinstance(file, Pack) else ()),
        *_asked_outside(rule),
        # It is to be copied, and a line that is broken is no line of JSON.
        Text(example_line, no_wrap=True, overflow="ignore"),
    )
    return _apart(views)


def _check(check: Check, file: Authorization) -> RenderableType:
    """Return one check in words, and the terms that it reads."""
    words = _in_words(check, "decided when the file is read")
    return _apart((words, *_figures_read(check.require.constants, file)))


def _in_words(
    one: Rule | Check,
    effect: str,
    when: Expression | None = None,
    unverified: str | None = None,
) -> RenderableType:
    """Return what a rule or a check requires, to what *effect*, and the words that it rests on."""
    quote = one.quote
    lines = (
        ("", one.title),
        ("requires ", on_one_line(one.require.text)),
        ("where ", None if when is None else on_one_line(when.text)),
        ("", effect),
        ("the source says ", None if quote is None else quoted(quote.text)),
        ("in the source ", None if quote is None else quote.source),
        ("stands in ", one.cite),
        ("", one.why),
        ("unverified: ", unverified),
    )
    texts = (Text(plain(f"{before}{text}")) for before, text in lines if text is not None)
    return Group(Text(plain(one.id), style="bold"), *texts)


def _figures_read(constants: frozenset[str], file: Authorization | Pack) -> Iterator[Table]:
    """Yield a table of the terms and one of the limits that are read, if there are any."""
    read = {name: one for name, one in _figures_of(file).items() if name in constants}
    for called in ("term", "limit"):
        figures = [one for name, one in read.items() if _called(name) == called]
        if figures:
            yield _figures(figures, called)


def _asked_outside(rule: Rule) -> Iterator[Text]:
    by_source: dict[str, list[str]] = {}
    for name in sorted(rule.facts & SOURCES.keys()):
        by_source.setdefault(SOURCES[name], []).append(name)
    for source, names in by_source.items():
        yield Text(f"{' and '.join(names)}: from each event, or from {source}")


def _figure(figure: Term, name: str, file: Authorization | Pack) -> RenderableType:
    """Return a term or a limit, called *name*, with its days and the rules that read it."""
    called = _called(name)
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


def _called(name: str) -> str:
    return "term" if name.startswith("terms.") else "limit"


def _apart(views: Iterable[RenderableType]) -> RenderableType:
    """Return *views* with an empty line after each."""
    return Group(*(part for view in views for part in (view, Text())))


def _figures(figures: Iterable[Term], called: str) -> Table:
    rows = (
        (one.name, _figure_of(version), _place(version))
        for one in figures
        for version in one.versions
    )
    return plain_table(called, "figure", "where it stands", rows=rows)


def _figure_of(version: Version) -> str:
    dimension = version.figure.dimension
    figure = unit(value_written(version.figure.value, dimension), str(dimension))
    return figure + _when(version.validity)


def _place(version: Version) -> str:
    quote = None if version.quote is None else quoted(version.quote.text)
    return "; ".join(text for text in (quote, version.cite) if text is not None)


def _rules_table(rules: Iterable[Rule]) -> Table:
    return plain_table("rule", "effect", "requires", "title", rows=map(_rule_row, rules))


def _rule_row(rule: Rule) -> tuple[str, ...]:
    effect = rule.effect if rule.at == "both" else f"{rule.effect} at {rule.at}"
    requires = on_one_line(rule.require.text)
    if rule.when is not None:
        requires += f" when {on_one_line(rule.when.text)}"
    title = (rule.title or "") + (" (unverified)" if rule.unverified else "")
    return rule.id, effect + _when(rule.validity), requires, title


def _when(validity: Validity) -> str:
    dates = (("from", validity.first), ("until", validity.last), ("known", validity.known))
    return "".join(f", {word} {day}" for word, day in dates if day is not None)


def _facts(rules: Iterable[Rule]) -> Table:
    facts = (TABLE[name] for name in sorted({name for rule in rules for name in rule.facts}))
    rows = ((fact.name, fact.meaning, ", ".join(fact.given_by)) for fact in facts)
    return plain_table("fact that is read", "meaning", "given by", rows=rows)


def _dimension(fact: Fact) -> str:
    if fact.dimension.currency == "program":
        return f"{fact.dimension.kind} in the program's currency"
    return str(fact.dimension)
