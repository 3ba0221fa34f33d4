"""Findings to sentences: what was found, what the limit is, in the words of the source.

Sentences are rendered from an edition each time; they are never stored, hashed or compared.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Final

from msgspec.structs import asdict

from repurchase.domain.decisions import Decision, Finding, choices_of, listed
from repurchase.domain.errors import plain
from repurchase.domain.formats import unit
from repurchase.domain.quantities import value_written, written
from repurchase.domain.terms import Quote, Version
from repurchase.facts.table import TABLE
from repurchase.language.expression import composed
from repurchase.rulebook.editions import Edition
from repurchase.rulebook.model import Rule

ENGINE: Final = {
    "engine.backdated": "a request is made now, on the program's latest day or later",
    "engine.below-filled": "a replace cannot ask for less than has filled; the order stands",
    "engine.fault": "the rule engine gave no usable answer, so the event is denied",
    "engine.fill-settled": "the fill that it names was busted or corrected before",
    "engine.halted": "the program is halted: nothing is approved until it is resumed",
    "engine.no-replace": "no replace of the order waits for the venue's answer",
    "engine.no-rule": "no rule judges it, and silence is no approval",
    "engine.not-first": "what is brought forward can only be a program's first event",
    "engine.not-held": "nothing of the order it names is held, so there is nothing to release",
    "engine.order-closed": "the order it names is not open; a fill of it counts in full",
    "engine.order-ended": "it was to end before it is asked for, replaced or released",
    "engine.overrun": "the fill goes beyond what its order reserved; it is counted in full",
    "engine.replace-pending": "another replace of the order waits for its answer or its release",
    "engine.sale": "a program buys: a sale is denied and counts nothing",
    "engine.requester-missing": (
        "who ordered is not named, so nobody can release it: ask anew with `by`"
    ),
    "engine.same-person": "who ordered cannot release, and both must be named",
    "engine.unknown-amount": "the money it cost cannot be computed; it counts as unknown",
    "engine.unknown-fill": "no such fill is known, or not any more; a correct counts in full",
    "engine.unknown-instrument": "its symbol and venue are no instrument of the rule file",
    "engine.unknown-order": "no order of that name is known; a fill of it counts in full",
    "engine.used-id": "its id was used before, with other content",
    "engine.wrong-rate": "its `fx` is not 1, and its instrument is in the program's currency",
}
_MORE: Final = {"date": "after", "time": "later than"}
_LESS: Final = {"date": "before", "time": "earlier than"}


class Worded(Finding, frozen=True, kw_only=True):
    """A finding with its sentence, and the words and the law that its rule rests on."""

    message: str
    quote: str | None
    cite: str | None


class WordedDecision(Decision, frozen=True):
    """A decision with its findings in words: what `check` and `replay` write."""

    findings: tuple[Worded, ...]


def worded(decision: Decision, edition: Edition) -> WordedDecision:
    """Return *decision* with each finding in words."""
    findings = tuple(_worded(finding, edition) for finding in decision.findings)
    return WordedDecision(**asdict(decision) | {"findings": findings})


def _worded(finding: Finding, edition: Edition) -> Worded:
    quote = quote_of(finding, edition)
    return Worded(
        **asdict(finding),
        message=sentence(finding),
        quote=quote.text if quote is not None else None,
        cite=_cite(finding, edition),
    )


def quote_of(finding: Finding, edition: Edition) -> Quote | None:
    """Return the words that *finding* rests on: its rule's, else those of a figure it read."""
    rule = _rule(finding.rule, edition)
    if rule is None or rule.quote is not None:
        return rule.quote if rule is not None else None
    quoted = (one.quote for one in _figures(finding, rule, edition) if one.quote is not None)
    return next(quoted, None)


def _cite(finding: Finding, edition: Edition) -> str | None:
    """Return where it stands what *finding* rests on: its rule, and the figures it read."""
    rule = _rule(finding.rule, edition)
    if rule is None:
        return None
    cites = (rule.cite, *(one.cite for one in _figures(finding, rule, edition)))
    return "; ".join(dict.fromkeys(cite for cite in cites if cite is not None)) or None


def _rule(name: str, edition: Edition) -> Rule | None:
    """Return the rule called *name*, `None` where it is a finding of the program itself."""
    return next((one.rule for one in edition.rules if one.rule.id == name), None)


def _figures(finding: Finding, rule: Rule, edition: Edition) -> list[Version]:
    """Return the figures in force that *rule* requires, that which gave the limit first."""
    read = [
        one
        for name, one in edition.terms.items()
        if one is not None and name in rule.require.constants
    ]

    def is_other(one: Version) -> bool:
        return value_written(one.figure.value, one.figure.dimension) != finding.limit

    return sorted(read, key=is_other)


def sentence(finding: Finding) -> str:
    """Return what *finding* says, in one plain sentence without a period."""
    if finding.rule in ENGINE:
        text = ENGINE[finding.rule]
        if finding.limit is not None:
            return f"{text}: {_compared(finding)}"
        return plain(f"{text}: {finding.observed}") if finding.observed else text
    if finding.result == "indeterminate":
        return f"cannot be decided without {_named(finding.missing)}"
    if finding.result == "not_applicable":
        return "does not apply to this event"
    return _compared(finding)


def _compared(finding: Finding) -> str:
    observed, limit = _shown_sides(finding)
    return plain(f"{observed} {_relation(finding)} {limit}")


def _shown_sides(finding: Finding) -> tuple[str, str]:
    """Return both sides of the comparison for people, so that what differs looks different."""
    dimension, observed, limit = finding.dimension, finding.observed, finding.limit
    if observed is None or limit is None:
        return unit(observed, dimension), unit(limit, dimension)
    if dimension == "word":
        return plain(listed((observed,))), plain(limit)
    choices = choices_of(limit)
    one, others = unit(observed, dimension), [unit(choice, dimension) for choice in choices]
    if one in others and observed not in choices:
        # Rounded alike, `1.0001 is more than 1.0001` would contradict itself.
        one = unit(observed, dimension, written)
        others = [unit(choice, dimension, written) for choice in choices]
    return one, ", ".join(others)


def _relation(finding: Finding) -> str:
    """Return how the observed side stands to the other, seen from the figures alone."""
    dimension = finding.dimension or ""
    if finding.observed is None or finding.limit is None:
        return "against"
    observed, limit = finding.observed, finding.limit
    choices = choices_of(limit)
    if dimension in ("word", "flag") or len(choices) > 1:
        # One word has two spellings in Unicode, and the engine was given one code for both.
        named = composed(observed) in map(composed, choices)
        if len(choices) > 1:
            return "is one of" if named else "is none of"
        return "is" if named else "is not"
    if observed == limit:
        return "is exactly"
    if dimension in ("date", "time"):
        more = observed > limit
    else:
        more = Fraction(observed) > Fraction(limit)
    words = _MORE if more else _LESS
    return f"is {words.get(dimension, 'more than' if more else 'less than')}"


def _is_constant(name: str) -> bool:
    return name.startswith("terms.") or ".limits." in name


def _named(missing: tuple[str, ...]) -> str:
    facts = [f"`{name}` ({TABLE[name].meaning})" for name in missing if name in TABLE]
    terms = [
        f"`{name}`, which is not in force"
        for name in missing
        if name.startswith("terms.") or ".limits." in name
    ]
    fields = [f"`{name}`" for name in missing if "." not in name]
    text = " and ".join((*facts, *terms)) or "a fact that it needs"
    return f"{text}; the event gives no {' and no '.join(fields)}" if fields else text
