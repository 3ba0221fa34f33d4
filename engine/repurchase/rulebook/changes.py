"""The differences between two rule files, in words: terms, limits, dates and rules."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date
from fractions import Fraction
from typing import Final

import msgspec

from repurchase.domain.formats import unit
from repurchase.domain.quantities import Exact, exact, shown, value_written, written
from repurchase.domain.terms import Instrument, Quote, Term, Validity, Version
from repurchase.facts.averages import meaning
from repurchase.language.expression import on_one_line
from repurchase.rulebook.model import Authorization, Check, Pack, Rule


class Change(msgspec.Struct, frozen=True):
    """One difference: what the old and the new file state, `None` if a file does not state it.

    *old_line* and *line* are the lines on which the two files state it, 0 if unknown.
    """

    name: str
    before: str | None
    after: str | None
    old_line: int = 0
    line: int = 0


# What a file states under one name, in words, and the line of that statement.
Statement = tuple[str | None, int]
_NOTHING: Final[Statement] = (None, 0)


def changes(old: Authorization, new: Authorization) -> tuple[Change, ...]:
    """Return the differences of *new* from *old*, in the order of the files."""
    before, after = dict(_statements(old)), dict(_statements(new))
    found = []
    for name in dict.fromkeys((*after, *before)):
        was, old_line = before.get(name, _NOTHING)
        now, line = after.get(name, _NOTHING)
        if was != now:
            found.append(Change(name, was, now, old_line, line))
    return tuple(found)


def _statements(of: Authorization) -> Iterator[tuple[str, Statement]]:
    yield from _headed(of)
    for instrument in of.instruments:
        yield f"instrument {instrument.name}", (_instrument(instrument), 0)
    for term in of.terms:
        yield from _term(f"terms.{term.name}", term)
    for name, one in of.own_averages().items():
        yield f"averages.{name}", (meaning(one.average), one.line)
    for watched in of.notify:
        yield f"notify {watched.name}", (", ".join(f"{one}%" for one in watched.at), watched.line)
    for check in of.checks:
        yield f"check {check.id}", (on_one_line(check.require.text), check.line)
        yield from _words(f"check {check.id}", check)
    for rule in of.rules:
        yield from _rule(rule)
    for pack in of.packs:
        yield from _pack(pack)


def _headed(of: Authorization) -> Iterator[tuple[str, Statement]]:
    stated = {
        "authorization": of.name,
        "issuer": of.issuer,
        "resolved": of.resolved,
        "announced": of.announced,
        "basis": of.basis,
        "timezone": of.timezone,
        "currency": of.currency,
        "amount_basis": "with_fees" if of.with_fees else "contract",
        "late_days": of.late_days,
        "feed_only": ", ".join(of.feed_only) or None,
    }
    yield from ((name, (str(value), 0)) for name, value in stated.items() if value is not None)
    for source in of.sources:
        words = (source.title, source.sha256, source.url)
        yield f"source {source.name}", (", ".join(word for word in words if word), 0)


def _pack(pack: Pack) -> Iterator[tuple[str, Statement]]:
    options = [f"{one.name} {'on' if one.on else 'off'}" for one in pack.options]
    yield f"pack {pack.name}", (", ".join((pack.title, *options)), 0)
    if pack.feed_only:
        yield f"pack {pack.name}, feed_only", (", ".join(pack.feed_only), 0)
    for limit in pack.limits:
        yield from _term(f"{pack.name}.limits.{limit.name}", limit)
    for rule in pack.rules:
        yield from _rule(rule)


def _instrument(of: Instrument) -> str:
    ratios = (f"{_ratio(one)}{_validity(one.validity)}" for one in of.shares_each)
    parts = [f"{of.symbol} on {' and '.join(of.venues)}", of.currency, "; ".join(ratios)]
    if of.tick:
        ticks = (_exactly(Fraction(one.figure.value)) + _validity(one.validity) for one in of.tick)
        parts.append(f"tick {'; '.join(ticks)}")
    if of.fx_margin:
        parts.append(f"margin {shown(of.fx_margin * 100)}%")
    if of.fx_between is not None:
        low, high = (_exactly(Fraction(rate)) for rate in of.fx_between)
        parts.append(f"rate {low} to {high}")
    return ", ".join(parts)


def _ratio(version: Version) -> str:
    if version.stated is not None:
        return f"{_exactly(Fraction(version.stated.value))} units are one share"
    value = Fraction(version.figure.value)
    return f"one unit is {_exactly(value)} {'share' if value == 1 else 'shares'}"


def _term(name: str, term: Term) -> Iterator[tuple[str, Statement]]:
    yield name, (_versions(term.versions), term.line)
    quotes = [words for one in term.versions for words in (_quote(one.quote), one.cite) if words]
    if quotes:
        yield f"{name}, words", ("; ".join(quotes), term.line)


def _versions(versions: Sequence[Version]) -> str:
    return "; ".join(_figure(one) + _validity(one.validity) for one in versions)


def _figure(version: Version) -> str:
    stated = version.stated or version.figure
    text = value_written(stated.value, stated.dimension)
    return unit(text, str(stated.dimension), _exactly)


def _exactly(value: Exact) -> str:
    # A rounded figure may look the same as another, so a figure that would be rounded is exact.
    rounded = shown(value)
    return rounded if exact(rounded.replace(",", "")) == value else written(value)


def _validity(validity: Validity) -> str:
    begin, end = validity.hours or (validity.first, validity.last)
    days: tuple[tuple[str, date | None], ...] = (
        ("from", begin),
        ("until", end),
        ("known", validity.known),
    )
    return "".join(f" {word} {day}" for word, day in days if day is not None)


def _rule(rule: Rule) -> Iterator[tuple[str, Statement]]:
    text = on_one_line(rule.require.text)
    if rule.when is not None:
        text += f" when {on_one_line(rule.when.text)}"
    if rule.effect != "deny":
        text += f", effect {rule.effect}"
    if rule.at != "both":
        text += f", at {rule.at}"
    yield f"rule {rule.id}", (text + _validity(rule.validity), rule.line)
    yield from _words(f"rule {rule.id}", rule)


def _words(name: str, of: Rule | Check) -> Iterator[tuple[str, Statement]]:
    unverified = of.unverified if isinstance(of, Rule) else None
    texts = (of.title, of.cite, of.why, _quote(of.quote), unverified)
    words = "; ".join(text for text in texts if text)
    if words:
        yield f"{name}, words", (words, of.line)


def _quote(quote: Quote | None) -> str | None:
    if quote is None:
        return None
    return " ".join(one for one in (f'"{quote.text}"', quote.figure, quote.source) if one)
