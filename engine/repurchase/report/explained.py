"""Rule files, packs, facts and findings explained, for a terminal."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Final

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from repurchase.domain.counters import Counter
from repurchase.domain.decisions import listed
from repurchase.domain.errors import plain
from repurchase.domain.formats import unit
from repurchase.domain.quantities import value_written
from repurchase.domain.terms import Term, Validity, Version
from repurchase.evaluation.wording import ENGINE
from repurchase.facts.averages import FAMILY as AVERAGES
from repurchase.facts.counters import FAMILY, facts_of
from repurchase.facts.fact import Fact
from repurchase.language.expression import All, Expression, on_one_line
from repurchase.market.feed import is_by_kind, source_of
from repurchase.report.examples import example
from repurchase.report.tables import plain_table, quoted
from repurchase.report.written import json_text
from repurchase.rulebook.model import Authorization, Check, Pack, Rule, fact_in

_BUILT_IN: Final = (
    "The program itself makes a built-in finding, whatever the rules say. It keeps the event from"
    " being approved; test cases list it under `rules`."
)


def fact_view(fact: Fact) -> RenderableType:
    """Return what a fact means, where it comes from and how a rule reads it, for a terminal."""
    # An event can have any text as its venue.
    is_venue = fact.name == "trade.venue"
    words = "\na rule compares it with codes of ISO 10383 and of `venues`" if is_venue else ""
    return Text.assemble(
        (fact.name, "bold"),
        f"\n{fact.meaning}",
        f"\ndimension: {_dimension(fact)}",
        f"\ndomain: {fact.domain.said}",
        f"\n{_source(fact)}",
        words,
        f"\nexample: require: {fact.example}",
    )


def own_finding_view(name: str) -> RenderableType:
    """Return what the built-in finding *name* means, for a terminal."""
    return Text.assemble((name, "bold"), f"\n{ENGINE[name]}", f"\n{_BUILT_IN}")


def own_findings_view() -> RenderableType:
    """Return what each built-in finding means, for a terminal."""
    rows = ENGINE.items()
    return Group(Text(_BUILT_IN), plain_table("finding", "meaning", rows=rows))


def authorization_view(authorization: Authorization) -> RenderableType:
    """Return an authorization in words: its terms, its rules by pack, and the facts that they read.

    It shows every version of a term and every rule, whatever the days of their validity.
    """
    heading = Text.assemble(
        (plain(authorization.name), "bold"),
        plain(f"  {authorization.issuer or ''}"),
        f"\nclock: {authorization.timezone}; currency: {authorization.currency}",
        _listed(authorization.feed_only),
    )
    views = (
        heading,
        _figures(authorization.terms, "term"),
        *([_counters(authorization.counters)] if authorization.counters else []),
        _rules(authorization.rules),
        *(_stated(pack) for pack in authorization.packs),
        _facts(authorization.all_rules(), authorization),
    )
    return _apart(views)


def _listed(feed_only: Collection[str]) -> str:
    """Return a line that says which facts only a feed may supply; nothing if none are listed."""
    return f"\nonly a feed may supply: {', '.join(feed_only)}" if feed_only else ""


def pack_view(pack: Pack) -> RenderableType:
    """Return a rule pack in words, with the facts that it reads and how to include it."""
    rules = _all_rules(pack)
    views = (
        _stated(pack),
        *([_facts(rules, pack)] if rules else []),
        *_terms_asked(rules),
        Text(plain(f"To use it, write in a rule file: {_inclusion(pack)}")),
    )
    return _apart(views)


def _terms_asked(rules: Iterable[Rule]) -> Iterator[Text]:
    """Yield the terms that *rules* of a pack need from the rule file that includes it, if any."""
    terms = sorted({name for rule in rules for name in rule.constants if _called(name) == "term"})
    if terms:
        yield Text(f"The rule file that includes it must have {', '.join(terms)}.")


def _inclusion(pack: Pack) -> str:
    if not pack.options:
        return f"include: [{pack.included}]"
    options = ", ".join(option.name for option in pack.options)
    return f"include: [{{pack: {pack.included}, options: [{options}]}}]"


def _stated(pack: Pack) -> RenderableType:
    """Return a pack in words: its options, its dated limits, its rules."""
    heading = Text.assemble((plain(pack.name), "bold"), plain(f"  {pack.title}"))
    if pack.by_day:
        heading.append(
            "\nIf one purchase fails a rule, all of that day's are outside the safe harbour."
        )
    heading.append(_listed(pack.feed_only))
    options = [
        Text(plain(f"Option {one.name} is {'on' if one.on else 'off'}: {one.title}"))
        for one in pack.options
    ]
    parts: list[RenderableType] = [heading, *options]
    if pack.limits:
        parts += [Text(), _figures(pack.limits, "limit")]
    parts += [Text(), _rules(pack.rules)]
    if pack.off:
        parts += [Text("\nSwitched off by its options:"), _rules(pack.off)]
    return Group(*parts)


Views = Mapping[str, Callable[[], RenderableType]]


def views_of(file: Authorization | Pack) -> Views:
    """Return a function that shows each part of *file*, by the name of the part in the file.

    Parts are rules, checks, terms, limits, counters and averages. Those of an included pack have
    its name before their own.
    """
    views: Views = {
        **{rule.id: partial(_rule, rule, file) for rule in _all_rules(file)},
        **{name: partial(_figure, [one], name, file) for name, one in _figures_of(file).items()},
        **{name: partial(_figure, ends, name, file) for name, ends in _lists_of(file).items()},
        **{name: partial(fact_view, fact) for name, fact in _own_averages(file).items()},
    }
    if isinstance(file, Pack):
        return {name.removeprefix(f"{file.name}."): view for name, view in views.items()}
    checks = {check.id: partial(_check, check, file) for check in file.checks}
    counters = {f"{FAMILY}.{of.name}": partial(_counter, of, file) for of in file.counters}
    return {**views, **checks, **counters}


def _own_averages(file: Authorization | Pack) -> dict[str, Fact]:
    """Return the facts of the averages that *file* and its packs declare."""
    names = (f"{AVERAGES}.{name}" for name in file.own_averages())
    return {name: fact_in(file.averages, name) for name in names}


def _all_rules(file: Authorization | Pack) -> tuple[Rule, ...]:
    """Return the rules of *file* and of its packs, including those that options switch off."""
    if isinstance(file, Pack):
        return (*file.rules, *file.off)
    return (*file.rules, *(rule for pack in file.packs for rule in _all_rules(pack)))


def _lists_of(file: Authorization | Pack) -> dict[str, list[Term]]:
    """Return the ends of the periods in each list of *file* and its packs, by its name."""
    lists: dict[str, list[Term]] = {}
    for name, one in _figures_of(file).items():
        if "." in one.name:
            lists.setdefault(name.rsplit(".", 2)[0], []).append(one)
    return lists


def _figures_of(file: Authorization | Pack) -> dict[str, Term]:
    """Return the terms of *file* and the limits of its packs, by the names that rules read."""
    packs = (file,) if isinstance(file, Pack) else file.packs
    terms = () if isinstance(file, Pack) else file.terms
    limits = {f"{pack.name}.limits.{one.name}": one for pack in packs for one in pack.limits}
    return {f"terms.{one.name}": one for one in terms} | limits


def _rule(rule: Rule, file: Authorization | Pack) -> RenderableType:
    """Return one rule in words, what it reads, and an event that has all of that."""
    effect = f"effect: {rule.effect}, at {rule.at}{_when(rule.validity)}"
    example_line = f"Example: {json_text(example(rule, file))}"
    views = (
        _in_words(rule, effect, when=rule.when, unverified=rule.unverified),
        *_figures_read(rule.constants, file),
        _facts([rule], file),
        *(_terms_asked([rule]) if isinstance(file, Pack) else ()),
        *_asked_outside(rule, _feed_only(file)),
        # Users copy it, and a broken line is not a line of JSON.
        Text(example_line, no_wrap=True, overflow="ignore"),
    )
    return _apart(views)


def _check(check: Check, file: Authorization) -> RenderableType:
    """Return one check in words, and the terms that it reads."""
    words = _in_words(check, "checked when the file is loaded")
    return _apart((words, *_figures_read(check.require.constants, file)))


def _in_words(
    one: Rule | Check,
    effect: str,
    when: Expression | None = None,
    unverified: str | None = None,
) -> RenderableType:
    """Return what a rule or a check requires, its *effect*, and the words that it rests on."""
    quote = one.quote
    lines = (
        ("", one.title),
        ("requires ", on_one_line(one.require.text)),
        ("applies if ", None if when is None else on_one_line(when.text)),
        ("", effect),
        ("quote: ", None if quote is None else quoted(quote.text)),
        ("source: ", None if quote is None else quote.source),
        ("cite: ", one.cite),
        ("", one.why),
        ("unverified: ", unverified),
    )
    texts = (Text(plain(f"{before}{text}")) for before, text in lines if text is not None)
    return Group(Text(plain(one.id), style="bold"), *texts)


def _figures_read(constants: frozenset[str], file: Authorization | Pack) -> Iterator[Table]:
    """Yield a table of the terms and one of the limits in *constants*, if there are any."""
    read = {name: one for name, one in _figures_of(file).items() if name in constants}
    for called in ("term", "limit"):
        figures = [one for name, one in read.items() if _called(name) == called]
        if figures:
            yield _figures(figures, called)


def _feed_only(file: Authorization | Pack) -> Collection[str]:
    return file.feed_only if isinstance(file, Pack) else file.all_feed_only()


def _asked_outside(rule: Rule, feed_only: Collection[str]) -> Iterator[Text]:
    by_source: dict[str, list[str]] = {}
    for name in sorted(fact for fact in rule.facts if source_of(fact) is not None):
        by_source.setdefault(_supplied(name, "the event", feed_only), []).append(name)
    for source, names in by_source.items():
        yield Text(f"{' and '.join(names)}: {source}")


def _figure(ends: Sequence[Term], name: str, file: Authorization | Pack) -> RenderableType:
    """Return a term or a limit, called *name*, with its dates and the rules that read it.

    A list of periods has several *ends*, and rules that read it read the first one.
    """
    called, read = _called(name), name if len(ends) == 1 else f"{name}.1.first"
    rules = [one for one in _all_rules(file) if read in one.constants]
    readers = [one.id for one in rules]
    checks = file.checks if isinstance(file, Authorization) else ()
    readers += [f"the check {one.id}" for one in checks if read in one.require.constants]
    parts: list[RenderableType] = [Text(plain(name), style="bold"), _figures(ends, called)]
    parts.append(Text(f"Read by {', '.join(readers) or 'no rule'}."))
    if rules:
        requires = on_one_line(rules[0].require.text)
        parts.append(Text(plain(f"Example: {rules[0].id} requires {requires}")))
    return Group(*parts)


def _counter(counter: Counter, file: Authorization) -> RenderableType:
    """Return what *counter* counts, its facts, and the rules that read them."""
    facts = facts_of(counter.name)
    readers = [rule.id for rule in file.all_rules() if not rule.facts.isdisjoint(facts)]
    return Group(
        Text(plain(f"{FAMILY}.{counter.name}"), style="bold"),
        Text(plain(_counts(counter))),
        Text(f"Rules read it as {', '.join(facts)}."),
        Text(f"Read by {', '.join(readers) or 'no rule'}."),
    )


def _counters(counters: Iterable[Counter]) -> Table:
    rows = ((plain(one.name), plain(_counts(one))) for one in counters)
    return plain_table("counter", "what it counts", rows=rows)


def _counts(counter: Counter) -> str:
    """Return a sentence that says what *counter* counts."""
    scope = "".join(
        f" {word} {listed(names)}"
        for word, names in (
            ("of", counter.instruments),
            ("at", counter.venues),
            ("by", counter.methods),
            ("from the broker", counter.brokers),
        )
        if names
    )
    days = _when(Validity(counter.first, counter.last)).replace(",", "")
    clock = "" if counter.zone is not None else ", by the days at the venue"
    return f"What is bought and on order{scope}{days}{_periods(counter)}{clock}."


def _periods(counter: Counter) -> str:
    per = counter.per
    if per is None:
        return ""
    if per.many is None:
        return f", each {per} apart" + (" (from Monday)" if per.unit == "week" else "")
    return f", in the {per} that end with the day of the event"


def _called(name: str) -> str:
    return "term" if name.startswith("terms.") else "limit"


def _apart(views: Iterable[RenderableType]) -> RenderableType:
    """Return *views* with an empty line after each."""
    return Group(*(part for view in views for part in (view, Text())))


def _figures(figures: Iterable[Term], called: str) -> Table:
    by_name: dict[str, list[Term]] = {}
    for one in figures:
        # The ends of the periods of a list come in order.
        by_name.setdefault(one.name.partition(".")[0], []).append(one)
    rows = (
        (name, _figure_of(versions), _place(versions[0]))
        for name, terms in by_name.items()
        for versions in zip(*(term.versions for term in terms), strict=True)
    )
    return plain_table(called, "value", "quote or citation", rows=rows)


def _figure_of(versions: Sequence[Version]) -> str:
    """Return the value of a version, or the periods of which *versions* are the ends."""
    version, dimension = versions[0], versions[0].figure.dimension
    ends = [unit(value_written(one.figure.value, dimension), str(dimension)) for one in versions]
    pairs = dict.fromkeys("..".join(ends[at : at + 2]) for at in range(0, len(ends), 2))
    figure = ", ".join(pairs)
    formula = "" if version.formula is None else f" = {on_one_line(version.formula)}"
    people = "".join(
        f", {word} {name}"
        for word, name in (("asked for by", version.by), ("approved by", version.approved_by))
        if name is not None
    )
    return plain(figure + formula + _when(version.validity) + people)


def _place(version: Version) -> str:
    quote = None if version.quote is None else quoted(version.quote.text)
    return "; ".join(text for text in (quote, version.cite) if text is not None)


def _rules(rules: Sequence[Rule]) -> RenderableType:
    """Return *rules* in words, each with its effect, its title and what it requires."""
    common = _common_condition(rules)
    parts: list[RenderableType] = [] if common is None else [Text(plain(f"applies if {common}"))]
    for rule in rules:
        effect = rule.effect if rule.at == "both" else f"{rule.effect} at {rule.at}"
        unverified = " (unverified)" if rule.unverified else ""
        heading = f"  {effect}{_when(rule.validity)}{unverified}"
        parts.append(Text.assemble((plain(rule.id), "bold"), heading))
        parts += [] if rule.title is None else [_indented(rule.title)]
        parts.append(_indented(f"requires {on_one_line(rule.require.text)}"))
        own = None if rule.when is None else on_one_line(rule.when.text)
        if own is not None and own != common:
            parts.append(_indented(f"applies if {own.removeprefix(f'{common} and ')}"))
    return Group(*parts)


def _common_condition(rules: Sequence[Rule]) -> str | None:
    """Return the condition under which each of *rules* applies at most, as all of a pack may."""
    whens = [rule.when for rule in rules if rule.when is not None]
    if not whens or len(whens) < len(rules):
        return None
    common = min((on_one_line(when.text) for when in whens), key=len)
    texts = [(when, on_one_line(when.text)) for when in whens]
    is_common = all(
        text == common or (isinstance(when.root, All) and text.startswith(f"{common} and "))
        for when, text in texts
    )
    return common if is_common and len(rules) > 1 else None


def _indented(text: str) -> RenderableType:
    return Padding(Text(plain(text)), (0, 0, 0, 4))


def _when(validity: Validity) -> str:
    begin, end = validity.hours or (validity.first, validity.last)
    dates = (("from", begin), ("until", end), ("known", validity.known))
    return "".join(f", {word} {day}" for word, day in dates if day is not None)


def _facts(rules: Iterable[Rule], file: Authorization | Pack) -> Table:
    names = sorted({name for rule in rules for name in rule.facts})
    feed_only, facts = _feed_only(file), (fact_in(file.averages, name) for name in names)
    rows = ((fact.name, f"{fact.meaning} ({_source(fact, feed_only)})") for fact in facts)
    return plain_table("fact that rules read", "meaning", rows=rows)


def _source(fact: Fact, feed_only: Collection[str] = ()) -> str:
    fields = f"the event's {', '.join(fact.given_by)}"
    is_fed = source_of(fact.name) is not None
    return _supplied(fact.name, fields, feed_only) if is_fed else f"from {fields}"


def _supplied(name: str, event: str, feed_only: Collection[str]) -> str:
    """Return which feed supplies the fact *name*, and if an *event* may state it, when it counts.

    *feed_only* are the facts that only a feed may supply by the rule file.
    """
    source = source_of(name)
    if name in feed_only:
        return f"from {source} only (`feed_only`)"
    if is_by_kind(name):
        return f"from {source}; without such a file, from {event}"
    return f"from {source}; if it has no value, from {event}"


def _dimension(fact: Fact) -> str:
    if fact.dimension.currency == "program":
        return f"{fact.dimension.kind} in the program's currency"
    return str(fact.dimension)
