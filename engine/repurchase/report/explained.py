"""What rule files, packs and facts say, for a terminal."""

from __future__ import annotations

from collections.abc import Iterable

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from repurchase.errors import plain
from repurchase.expression import on_one_line
from repurchase.facts import TABLE, Fact
from repurchase.quantities import value_written
from repurchase.report.tables import plain_table
from repurchase.rulefile import Authorization, Pack, Rule
from repurchase.terms import Span, Term
from repurchase.wording import ENGINE, unit


def fact_view(fact: Fact) -> RenderableType:
    """Return what a fact means and where it comes from, for a terminal."""
    words = f"\nis one of {', '.join(fact.words)}" if fact.words else ""
    return Text.assemble(
        (fact.name, "bold"),
        f"\n{fact.meaning}",
        f"\ndimension: {_dimension(fact)}",
        f"\ncomes from the event's {', '.join(fact.given_by)}",
        words,
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
        _figures(authorization.terms, "term"),
        _rules(authorization.rules),
        *(pack_view(pack) for pack in authorization.packs),
        _facts(authorization),
    )
    return Group(*(part for view in (heading, *views) for part in (view, Text())))


def pack_view(pack: Pack) -> RenderableType:
    """Return a pack of law in words: its options, its dated limits, its rules."""
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
    parts += [Text(), _rules(pack.rules)]
    if pack.off:
        parts += [Text("\nnot in force, by its options:"), _rules(pack.off)]
    return Group(*parts)


def rule_view(rule: Rule, limits: Iterable[Term]) -> RenderableType:
    """Return one rule in words, with the *limits* that it reads, for a terminal."""
    said = [
        ("", rule.title),
        ("requires ", on_one_line(rule.require.text)),
        ("where ", None if rule.when is None else on_one_line(rule.when.text)),
        ("effect: ", f"{rule.effect}, at {rule.at}{_when(rule.span)}"),
        ("stands in ", rule.cite),
        ("", rule.why),
        ("unverified: ", rule.unverified),
    ]
    lines = (plain(f"{before}{text}") for before, text in said if text is not None)
    read = {name.rpartition(".")[2] for name in rule.constants if ".limits." in name}
    facts = plain_table("fact that is read", "meaning", "given by")
    for name in sorted(rule.facts):
        facts.add_row(Text(name), Text(TABLE[name].meaning), Text(", ".join(TABLE[name].given_by)))
    figures = [_figures([one for one in limits if one.name in read], "limit"), Text()]
    return Group(
        Text.assemble((plain(rule.id), "bold")),
        *(Text(line) for line in lines),
        Text(),
        *(figures if read else ()),
        facts,
    )


def limit_view(limit: Term, name: str) -> RenderableType:
    """Return a limit of a pack, called *name*, with its days, for a terminal."""
    return Group(Text(plain(name), style="bold"), _figures([limit], "limit"))


def _figures(figures: Iterable[Term], called: str) -> Table:
    table = plain_table(called, "figure", "where it stands")
    for one in figures:
        for version in one.versions:
            exact = value_written(version.figure.value, version.figure.dimension)
            figure = unit(exact, str(version.figure.dimension))
            quote = f"“{version.quote.text}”" if version.quote is not None else None
            stands = "; ".join(said for said in (quote, version.cite) if said is not None)
            table.add_row(Text(one.name), Text(figure + _when(version.span)), Text(plain(stands)))
    return table


def _rules(rules: Iterable[Rule]) -> Table:
    table = plain_table("rule", "effect", "requires", "title")
    for rule in rules:
        effect = rule.effect if rule.at == "both" else f"{rule.effect} at {rule.at}"
        requires = on_one_line(rule.require.text)
        if rule.when is not None:
            requires += f" when {on_one_line(rule.when.text)}"
        table.add_row(
            Text(rule.id),
            Text(effect + _when(rule.span)),
            Text(plain(requires)),
            Text(plain(rule.title or "") + (" (unverified)" if rule.unverified else "")),
        )
    return table


def _when(span: Span) -> str:
    dates = (("from", span.first), ("until", span.last), ("known", span.known))
    return "".join(f", {word} {day}" for word, day in dates if day is not None)


def _facts(authorization: Authorization) -> Table:
    table = plain_table("fact that is read", "meaning", "given by")
    for name in sorted({name for rule in authorization.all_rules() for name in rule.facts}):
        fact = TABLE[name]
        table.add_row(Text(name), Text(fact.meaning), Text(", ".join(fact.given_by)))
    return table


def _dimension(fact: Fact) -> str:
    if fact.dimension.currency == "program":
        return f"{fact.dimension.kind} in the program's currency"
    return str(fact.dimension)
