"""What a rule file says otherwise than another, in words: its terms, limits, dates and rules."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date
from fractions import Fraction

import msgspec

from repurchase.domain.formats import unit
from repurchase.domain.quantities import exact, shown, value_written, written
from repurchase.domain.terms import Instrument, Quote, Term, Validity, Version
from repurchase.language.expression import on_one_line
from repurchase.rulebook.model import Authorization, Check, Pack, Rule


class Change(msgspec.Struct, frozen=True):
    """One thing that is said otherwise: `None` where it is not said at all.

    *line* and *old_line* are where each file says it, 0 where that is not known.
    """

    name: str
    before: str | None
    after: str | None
    old_line: int = 0
    line: int = 0


class _Said(msgspec.Struct, frozen=True):
    text: str
    line: int = 0


def changes(old: Authorization, new: Authorization) -> tuple[Change, ...]:
    """Return what *new* says otherwise than *old*, in the order of the file."""
    before, after = dict(_said(old)), dict(_said(new))
    found = []
    for name in dict.fromkeys((*after, *before)):
        was, now = before.get(name), after.get(name)
        if (was and was.text) != (now and now.text):
            found.append(
                Change(
                    name,
                    None if was is None else was.text,
                    None if now is None else now.text,
                    0 if was is None else was.line,
                    0 if now is None else now.line,
                )
            )
    return tuple(found)


def _said(of: Authorization) -> Iterator[tuple[str, _Said]]:
    yield from _headed(of)
    for instrument in of.instruments:
        yield f"instrument {instrument.name}", _Said(_instrument(instrument))
    for term in of.terms:
        yield from _term(f"terms.{term.name}", term)
    for check in of.checks:
        yield f"check {check.id}", _Said(on_one_line(check.require.text), check.line)
        yield from _words(f"check {check.id}", check)
    for rule in of.rules:
        yield from _rule(rule)
    for pack in of.packs:
        yield from _pack(pack)


def _headed(of: Authorization) -> Iterator[tuple[str, _Said]]:
    said = {
        "authorization": of.name,
        "issuer": of.issuer,
        "resolved": of.resolved,
        "announced": of.announced,
        "basis": of.basis,
        "timezone": of.timezone,
        "currency": of.currency,
        "amount_basis": "with_fees" if of.with_fees else "contract",
    }
    yield from ((name, _Said(str(value))) for name, value in said.items() if value is not None)
    for source in of.sources:
        told = (source.title, source.sha256, source.url)
        yield f"source {source.name}", _Said(", ".join(one for one in told if one))


def _pack(pack: Pack) -> Iterator[tuple[str, _Said]]:
    options = [f"{one.name} {'on' if one.on else 'off'}" for one in pack.options]
    yield f"pack {pack.name}", _Said(", ".join((pack.title, *options)))
    for limit in pack.limits:
        yield from _term(f"{pack.name}.limits.{limit.name}", limit)
    for rule in pack.rules:
        yield from _rule(rule)


def _instrument(of: Instrument) -> str:
    each = "; ".join(f"{_ratio(one)}{_validity(one.validity)}" for one in of.shares_each)
    told = [f"{of.symbol} on {' and '.join(of.venues)}", of.currency, each]
    if of.fx_margin:
        told.append(f"margin {shown(of.fx_margin * 100)}%")
    return ", ".join(told)


def _ratio(version: Version) -> str:
    if version.stated is not None:
        return f"{_exactly(Fraction(version.stated.value))} are one share"
    value = Fraction(version.figure.value)
    return f"one is {_exactly(value)} {'share' if value == 1 else 'shares'}"


def _term(name: str, term: Term) -> Iterator[tuple[str, _Said]]:
    yield name, _Said(_versions(term.versions), term.line)
    quotes = [words for one in term.versions for words in (_quote(one.quote), one.cite) if words]
    if quotes:
        yield f"{name}, words", _Said("; ".join(quotes), term.line)


def _versions(versions: Sequence[Version]) -> str:
    return "; ".join(_figure(one) + _validity(one.validity) for one in versions)


def _figure(version: Version) -> str:
    stated = version.stated or version.figure
    text = value_written(stated.value, stated.dimension)
    return unit(text, str(stated.dimension), _exactly)


def _exactly(value: Fraction) -> str:
    # What is rounded for people may look the same and be another.
    rounded = shown(value)
    return rounded if exact(rounded.replace(",", "")) == value else written(value)


def _validity(validity: Validity) -> str:
    days: tuple[tuple[str, date | None], ...] = (
        ("from", validity.first),
        ("until", validity.last),
        ("known", validity.known),
    )
    return "".join(f" {word} {day}" for word, day in days if day is not None)


def _rule(rule: Rule) -> Iterator[tuple[str, _Said]]:
    told = on_one_line(rule.require.text)
    if rule.when is not None:
        told += f" when {on_one_line(rule.when.text)}"
    if rule.effect != "deny":
        told += f", effect {rule.effect}"
    if rule.at != "both":
        told += f", at {rule.at}"
    yield f"rule {rule.id}", _Said(told + _validity(rule.validity), rule.line)
    yield from _words(f"rule {rule.id}", rule)


def _words(name: str, of: Rule | Check) -> Iterator[tuple[str, _Said]]:
    unverified = of.unverified if isinstance(of, Rule) else None
    told = (of.title, of.cite, of.why, _quote(of.quote), unverified)
    words = "; ".join(one for one in told if one)
    if words:
        yield f"{name}, words", _Said(words, of.line)


def _quote(quote: Quote | None) -> str | None:
    if quote is None:
        return None
    return " ".join(one for one in (f'"{quote.text}"', quote.figure, quote.source) if one)
