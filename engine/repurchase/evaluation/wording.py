"""Findings to sentences: which fact, its value, its bound and the words of the source.

Sentences are rendered from an edition each time; they are never stored, hashed or compared.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction
from typing import Final

import msgspec
from msgspec.structs import asdict, replace

from repurchase.domain.decisions import Decision, Finding, choices_of, listed
from repurchase.domain.errors import plain
from repurchase.domain.events import Event
from repurchase.domain.formats import unit
from repurchase.domain.quantities import value_written, written
from repurchase.domain.terms import Quote, Version
from repurchase.evaluation.comparisons import (
    Candidate,
    Compared,
    Relation,
    alternatives,
    candidates,
    constant_limit,
    fitting,
    is_of_facts,
    number,
    together,
)
from repurchase.evaluation.names import constant_name, fact_name, listing, named
from repurchase.facts.counters import counter_of
from repurchase.facts.outside import is_outside
from repurchase.facts.table import TABLE
from repurchase.language.expression import Name, Node
from repurchase.rulebook.editions import Edition
from repurchase.rulebook.life import Life
from repurchase.rulebook.model import Rule

ENGINE: Final = {
    "engine.backdated": (
        "the request is dated before the program's latest day; date it that day or later"
    ),
    "engine.below-filled": (
        "the replace asks for less than has already filled, so the order stays as it is"
    ),
    "engine.contradicted": (
        "the event states a market or issuer fact with another value than the feed; the feed's"
        " value is used; leave the fact out of the event, or correct the feed"
    ),
    "engine.fault": "the rule engine gave no usable answer, so the event is denied",
    "engine.feed-only": (
        "the event states a fact that only a feed may supply, and no feed supplies it; the event's"
        " value is not used; supply the fact by a file of `--market`"
    ),
    "engine.fill-settled": (
        "the fill that `fill` names was busted or corrected before; its bust is denied,"
        " and a correct of it counts in full on top of the correction"
    ),
    "engine.halted": "the program is halted, so it approves nothing; submit a `resume` first",
    "engine.has-orders": (
        "who confirms has an open or held order, or an order does not say whose it is; a person"
        " without one must confirm"
    ),
    "engine.lookalike": (
        "`by` looks like a name recorded before, but is spelled otherwise; write that name"
    ),
    "engine.no-cap": (
        "on a day on which the order can fill, no rule caps what the file caps on other days; end"
        " the order earlier, or add a rule for that day"
    ),
    "engine.no-replace": (
        "the venue acknowledged a replace, but no replace of this order waits for that"
    ),
    "engine.no-rule": "no rule evaluates this event, so it is denied; add a rule that does",
    "engine.not-first": (
        "the program has begun already; `brought_forward` can only be its first event"
    ),
    "engine.not-held": "nothing of the order that `order` names is held, so nothing is released",
    "engine.not-prepaid": (
        "`method` is prepaid, but `order` names no `prepaid` event that is open; name the one that"
        " paid for these shares"
    ),
    "engine.order-closed": "the order that `order` names is not open; a fill of it counts in full",
    "engine.order-ended": "the order had ended before this request; submit one that ends later",
    "engine.other-venue": (
        "the fill is at a venue that its order does not name; it counts, its order shrinks, and all"
        " rules evaluate it; name each venue of a routed order in `venues`"
    ),
    "engine.outside-session": (
        "the fill is outside the sessions of its venue; it counts as it is; correct its time or its"
        " venue, or state its `method` if it was off the auction"
    ),
    "engine.overrun": (
        "the fill exceeds what its order reserved, is of another instrument or side, or names no"
        " order; it counts in full"
    ),
    "engine.prepaid-stays": (
        "`order` names a prepayment, which cannot be replaced; report a further `prepaid` event"
    ),
    "engine.proposal-pending": (
        "another proposal with this `id` waits for its confirmation; give this one its own `id`"
    ),
    "engine.rate-out-of-bounds": (
        "`fx` is outside `fx_between` of its instrument; state the program currency paid for one"
        " unit of the instrument's currency"
    ),
    "engine.replace-pending": (
        "another replace of this order waits for the venue or for its release; settle that first"
    ),
    "engine.sale": "`side` is sell, but a program only buys; a sale is denied and counts nothing",
    "engine.requester-missing": (
        "`by` is missing, so nobody can release this order; submit it with a new `id` and with"
        " `by` (the old `id` is refused)"
    ),
    "engine.same-person": (
        "the requester and the approver are the same person, or one of them is not named;"
        " another person must approve, and both need `by`"
    ),
    "engine.split-caps": (
        "not every figure in shares of the rule file follows the split from its day on, so its caps"
        " are in old units; adopt a rule file with a version `from` that day"
    ),
    "engine.split-others": (
        "the split is of one instrument alone; report that of each other instrument which split too"
    ),
    "engine.split-twice": (
        "the rule file has dated ratios for this instrument, or a split of this day was reported"
        " already; state a split once"
    ),
    "engine.stops-nothing": (
        "no instrument of the rule file has this symbol at this venue, so the halt stops nothing;"
        " correct it, or halt everything"
    ),
    "engine.unknown-amount": (
        "the money that the fill cost cannot be computed, so it counts as unknown"
    ),
    "engine.unknown-cause": (
        "nothing halts the program by what the resume names; `repurchase position` lists the causes"
    ),
    "engine.unknown-fill": (
        "`fill` names a fill that is unknown or no longer kept; its bust is denied, and a correct"
        " of it counts in full on top of it"
    ),
    "engine.unknown-instrument": (
        "`symbol` at `venue` is not listed; correct them, or list the instrument in the rule file"
    ),
    "engine.unknown-order": (
        "`order` names an order that is unknown or no longer kept; a fill of it counts in full"
    ),
    "engine.unknown-proposal": (
        "`of` names nothing that waits for a confirmation; `repurchase position` lists what does"
    ),
    "engine.used-id": (
        "this `id` was used before for another event; submit this one with a new `id`"
    ),
    "engine.wrong-rate": (
        "`fx` is not 1, but the instrument trades in the program's currency; leave `fx` out"
    ),
}
# The same with the values that the finding has.
_WITH_VALUES: Final = {
    "engine.contradicted": (
        "the event states {0}, but the feed supplies {1}; the feed's value is used; leave the fact"
        " out of the event, or correct the feed"
    ),
    "engine.feed-only": (
        "the event states {0}, but only a feed may supply this, and no feed does; the event's value"
        " is not used; supply the fact by a file of `--market`"
    ),
    "engine.lookalike": (
        "`by` is `{0}`, which looks like `{1}`, a name recorded before, but is spelled otherwise;"
        " write `{1}` if that is the person"
    ),
    "engine.unknown-instrument": (
        "`{0}` is listed at {1} only; correct `venue` if it is wrong, or list the instrument at it"
        " in the rule file"
    ),
    "engine.used-id": (
        "this `id` was used before for another report: now it says {0}, then it said {1}; if both"
        " happened, submit this one with a new `id`"
    ),
    "engine.no-cap": (
        "no rule caps {0} on a day on which the event can fill, although the file caps it on other"
        " days; end the order earlier, or add a rule for that day"
    ),
    "engine.backdated": (
        "the request is dated {0}, before the program's latest day, {1}; date it {1} or later"
    ),
    "engine.rate-out-of-bounds": (
        "`fx` is {0}, outside {1}; state the program currency paid for one unit of the"
        " instrument's currency"
    ),
    "engine.other-venue": (
        "the fill is at {0}, but its order names {1}; it counts, its order shrinks, and all rules"
        " evaluate it; name each venue of a routed order in `venues`"
    ),
    "engine.outside-session": (
        "the fill is dated {0}, outside the sessions of its venue ({1}); it counts as it is;"
        " correct its time or its venue, or state its `method` if it was off the auction"
    ),
    "engine.overrun": (
        "the fill exceeds what its order reserved: {0}; reserved: {1}; it counts in full"
    ),
}
_RATE: Final = "engine.rate-out-of-bounds"
_BOUNDS: Final[dict[Relation, str]] = {
    "<=": "at most {}",
    "<": "less than {}",
    ">=": "at least {}",
    ">": "more than {}",
    "==": "{}",
    "!=": "not {}",
    "in": "one of {}",
    "not in": "not one of {}",
}
_MOMENTS: Final = _BOUNDS | {
    "<=": "{} or earlier",
    "<": "before {}",
    ">=": "{} or later",
    ">": "after {}",
}
_BEYOND: Final[dict[Relation | None, str]] = {
    "<=": "over",
    "<": "not under",
    ">=": "under",
    ">": "not over",
}
# The extreme of which one known part can decide such a relation to it.
_ANY_OF: Final[dict[Relation, str]] = {"<=": "max", "<": "max", ">=": "min", ">": "min"}
_YES_OR_NO: Final = {"true": "yes", "false": "no"}
_CURRENCY: Final = re.compile("[A-Z]{3}")
_PRICE: Final = " a share or unit"
_DAYS: Final = ("trade.date", "trade.last_date", "trade.venue_date", "trade.venue_last_date")


class Worded(Finding, frozen=True, kw_only=True):
    """A finding with its sentence, and the words and the law that its rule rests on."""

    message: str
    quote: str | None
    cite: str | None


class WordedDecision(Decision, frozen=True):
    """A decision with its findings in words: what `check` and `replay` write."""

    findings: tuple[Worded, ...]


def worded(decision: Decision, life: Life, event: Event | None = None) -> WordedDecision:
    """Return *decision* with each finding in words; *event* says in which currency prices are."""
    findings = worded_findings(decision.findings, life, event)
    return WordedDecision(**asdict(decision) | {"findings": findings})


def worded_findings(
    findings: Iterable[Finding], life: Life, event: Event | None = None
) -> tuple[Worded, ...]:
    """Return each of *findings* in words; *event* says in which currency prices are."""
    currency = currency_of(life.edition, event)
    return tuple(_worded(finding, life, currency) for finding in findings)


def currency_of(edition: Edition, event: Event | None = None) -> str | None:
    """Return the currency of the instrument of *event*, `None` if it may be one of several."""
    listings = edition.counting.listings
    if event is not None and (event.symbol or "", event.at_venues[0]) in listings:
        return listings[event.symbol or "", event.at_venues[0]].currency
    several = {one.currency for one in listings.values()}
    return several.pop() if len(several) == 1 else None


def _worded(finding: Finding, life: Life, currency: str | None) -> Worded:
    quote = quote_of(finding, life)
    return Worded(
        **asdict(finding),
        message=sentence(finding, life, currency),
        quote=quote.text if quote is not None else None,
        cite=_cite(finding, life.words_for(finding)),
    )


def quote_of(finding: Finding, life: Life) -> Quote | None:
    """Return the words that *finding* rests on: its rule's, else those of a figure it read."""
    edition = life.words_for(finding)
    rule = _rule(finding.rule, edition)
    if rule is None or rule.quote is not None:
        return rule.quote if rule is not None else None
    quoted = (one.quote for one in _figures(finding, rule, edition) if one.quote is not None)
    return next(quoted, None)


def _cite(finding: Finding, edition: Edition) -> str | None:
    """Return the citations that *finding* rests on: of its rule, and of the figures it read."""
    rule = _rule(finding.rule, edition)
    if rule is None:
        return None
    cites = (rule.cite, *(one.cite for one in _figures(finding, rule, edition)))
    return "; ".join(dict.fromkeys(cite for cite in cites if cite is not None)) or None


def _rule(name: str, edition: Edition) -> Rule | None:
    """Return the rule called *name*, `None` if the program itself made the finding."""
    return edition.by_name.get(name)


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


class _Said(msgspec.Struct, frozen=True):
    """A comparison in words: what is compared, its *value*, and the *bound* that a rule sets.

    *shown* is the comparison, `None` if several fit what is known. *limit* is the value of the
    bound; *bare* are both values without their unit. *others* says what may hold instead, each
    way in words.
    """

    shown: Compared | None
    name: str
    value: str
    bound: str
    limit: str
    bare: tuple[str, str]
    others: tuple[str, ...]

    @property
    def operator(self) -> Relation | None:
        """Return the relation that the rule requires, `None` if it may be one of several."""
        return None if self.shown is None else self.shown.operator

    def must(self) -> str:
        """Return what the rule requires: `must be at most 4,000 shares`."""
        return "; or ".join((_must(self.bound, self.operator), *self.others))


def _must(bound: str, operator: Relation | None) -> str:
    if operator in ("!=", "not in"):
        return f"must not be {bound.removeprefix('not ')}"
    return f"must be {bound}"


def sentence(finding: Finding, life: Life, currency: str | None = None) -> str:
    """Return what *finding* says, in one plain sentence without a period.

    It names the fact, its value with its unit, and the bound of the rule in the edition of *life*
    that made it. Prices of instruments are in *currency*, if that is known.
    """
    return _sentence(finding, life.words_for(finding), currency) + _from(finding)


def _from(finding: Finding) -> str:
    """Return at which other venue *finding* holds, and from which day on by a later edition."""
    at = [] if finding.venue is None else [f"at {finding.venue}"]
    since = [] if finding.since is None else [f"from {finding.since} on"]
    return plain(f" ({', '.join((*at, *since))})") if at or since else ""


def _sentence(finding: Finding, edition: Edition, currency: str | None) -> str:
    if finding.rule in ENGINE:
        return plain(_own_sentence(finding))
    if finding.result == "indeterminate":
        return f"undecided: {_decided_by(finding.missing)}"
    said = _said(finding, edition, currency)
    if finding.result == "pass":
        return plain(f"{said.name}: {_passed(finding, said, edition)}")
    if finding.result == "fail":
        return plain(f"{said.name}: {said.value}; {said.must()}")
    needed = "; or if ".join((f"it is {said.bound}", *said.others))
    return plain(f"not applicable: {said.name}: {said.value}; applies only if {needed}")


def headline(finding: Finding, life: Life, currency: str | None = None) -> str:
    """Return the words that open a decision which *finding* brought about, without a period."""
    return _headline(finding, life.words_for(finding), currency) + _from(finding)


def _headline(finding: Finding, edition: Edition, currency: str | None) -> str:
    if finding.rule in ENGINE or finding.result == "indeterminate":
        return _sentence(finding, edition, currency)
    said = _said(finding, edition, currency)
    beyond = _days_beyond(finding, said)
    if beyond is None:
        return plain(f"{said.name} {said.value}; {said.must()}")
    days, way, end = beyond
    place = "at the venue" if "venue" in said.name else f"in {_city(edition)}"
    count = "one day" if days == 1 else f"{days:,} days"
    return plain(f"on {said.value} {place}, {count} {way} {end and f'the {end} day, '}{said.limit}")


def short(finding: Finding, life: Life, currency: str | None = None) -> str:
    """Return why *finding* is not a pass in a few words, for a row of a table."""
    return _short(finding, life.words_for(finding), currency) + _from(finding)


def _short(finding: Finding, edition: Edition, currency: str | None) -> str:
    if finding.rule in ENGINE:
        return plain(_own_sentence(finding).partition(";")[0])
    if finding.result == "indeterminate":
        fields = [name for name in finding.missing if "." not in name]
        named = [f"`{name}`" for name in fields or finding.missing]
        return f"undecided: {_are(named, 'missing')}"
    said = _said(finding, edition, currency)
    beyond = _days_beyond(finding, said)
    if beyond is not None and beyond[2]:
        return plain(f"on {said.value}; {beyond[2]} day {said.limit}")
    if said.operator in _BEYOND and _has_unit(finding.dimension):
        return plain(f"{said.value}, {_BEYOND[said.operator]} {said.bare[1]}")
    is_count = finding.dimension == "count" and not said.others
    required = said.bound if is_count else said.must()
    return plain(f"{said.name} {said.value}; {required}")


def _own_sentence(finding: Finding) -> str:
    """Return what the program itself found, with the values that it stored."""
    text, values = ENGINE[finding.rule], _WITH_VALUES.get(finding.rule)
    if values is not None and finding.observed is not None:
        if finding.rule == _RATE:
            values = _with_inverse(values, finding.observed, finding.limit or "")
        # Without a dimension it is words, which say what is missing.
        dimension = finding.dimension
        sides = (finding.observed, finding.limit)
        return values.format(*(one if dimension is None else unit(one, dimension) for one in sides))
    if finding.observed is not None:
        return f"{text}: {finding.observed}"
    fields = [name for name in finding.missing if "." not in name]
    return f"{text}; {_decided_by(fields)}" if fields else text


def _with_inverse(text: str, rate: str, bounds: str) -> str:
    """Return *text* with the inverse of *rate*, if that is within *bounds*: `80 to 120`."""
    low, high = (Fraction(bound) for bound in bounds.split(" to "))
    inverse = 1 / Fraction(rate)
    if not low <= inverse <= high:
        return text
    figure = unit(written(inverse), "number")
    fault, _, remedy = text.partition("; ")
    return f"{fault}; its inverse, {figure}, is inside: {remedy}"


def _decided_by(missing: Iterable[str]) -> str:
    """Return what would decide a finding: the fields, market facts and terms that are *missing*."""
    names = tuple(missing)
    fields = [f"`{name}`" for name in names if "." not in name]
    outside = [f"`{name}`" for name in names if is_outside(name)]
    unset = [f"`{name}`" for name in names if "." in name and not _is_fact(name)]
    parts = []
    if fields:
        parts.append(f"add the event field{'s' * (len(fields) > 1)} {listing(fields)}")
    if outside:
        parts.append(f"supply {listing(outside)}")
    if unset:
        parts.append(_are(unset, "not in force"))
    if not parts:
        unknown = [f"{fact_name(name)} (`{name}`)" for name in names]
        parts.append(_are(unknown, "unknown"))
    return "; ".join(parts)


def _is_fact(name: str) -> bool:
    return name in TABLE or is_outside(name) or counter_of(name) is not None


def _are(names: Sequence[str], what: str) -> str:
    return f"{listing(names)} {'are' if len(names) > 1 else 'is'} {what}"


def _said(finding: Finding, edition: Edition, currency: str | None) -> _Said:
    """Return the words for the comparison that *finding* shows."""
    rule = _rule(finding.rule, edition)
    fit = [] if rule is None else fitting(finding, _candidates(finding, rule, edition))
    found = tuple(dict.fromkeys(one.shown for one in fit))
    value, limit = _sides(finding, _priced(finding.dimension, currency))
    names = dict.fromkeys(_name(one.observed, edition) for one in found)
    bounds = dict.fromkeys(_bound(one, limit, finding, edition) for one in found)
    return _Said(
        shown=found[0] if len(found) == 1 else None,
        # Without the rule, only the values are known.
        name=listing(tuple(names), "or") or "value",
        value=value,
        bound=listing(tuple(bounds), "or") or limit,
        limit=limit,
        bare=_sides(finding, "number") if _has_unit(finding.dimension) else (value, limit),
        others=tuple(_others(finding, fit, edition)),
    )


def _candidates(finding: Finding, rule: Rule, edition: Edition) -> tuple[Candidate, ...]:
    """Return the comparisons of *rule* that can decide as in *finding*; they are found once."""
    kept, key = edition.kept, (rule.id, finding.result)
    found: tuple[Candidate, ...] | None = kept.get(key)
    if found is None:
        found = kept[key] = candidates(rule, finding.result, edition.constants)
    return found


def _others(finding: Finding, fit: Sequence[Candidate], edition: Edition) -> Iterator[str]:
    """Yield what may hold instead of what *finding* shows, each way in words."""
    ways, are_more = alternatives(fit)
    for way in ways:
        yield " and ".join(_needed(one, finding, edition) for one in way)
    if are_more:
        yield f"another alternative {'must hold' if finding.result == 'fail' else 'holds'}"


def _needed(one: Compared, finding: Finding, edition: Edition) -> str:
    name, bound = _beside(one, finding, edition)
    return f"{name} {_must(bound, one.operator) if finding.result == 'fail' else f'is {bound}'}"


def _name(node: Node, edition: Edition) -> str:
    if isinstance(node, Name) and not node.is_fact:
        return constant_name(node)
    return named(node, edition.constants)


def _bound(one: Compared, limit: str, finding: Finding, edition: Edition) -> str:
    """Return the bound of *one* in words, and what it is if it is computed from facts."""
    text = (_MOMENTS if finding.dimension in ("date", "time") else _BOUNDS)[one.operator]
    if one.operator in ("in", "not in") and len(choices_of(finding.limit or "")) == 1:
        text = _BOUNDS["==" if one.operator == "in" else "!="]
    if not is_of_facts(one) or len(one.limits) > 1:
        return text.format(limit)
    relation = (one if finding.result == "pass" else one.contrary()).operator
    of = named(one.limits[0], edition.constants, any_of=_ANY_OF.get(relation))
    return text.format(of if finding.limit is None else f"{limit} ({of})")


def _passed(finding: Finding, said: _Said, edition: Edition) -> str:
    """Return the value of its limit, and what else the rule requires."""
    rule = _rule(finding.rule, edition)
    required = () if rule is None else together(rule)
    besides = required[1:] if said.shown in required[:1] else ()
    if len(besides) == 1 and _is_range(said.shown, besides[0]):
        return f"{said.value}; from {said.limit} to {_limit(besides[0], edition)}"
    if said.operator == "<=" and _is_amount(finding.dimension) and _is_part(finding):
        is_money = said.value != said.bare[0] and said.value.endswith(said.bare[0])
        text = f"{said.value} of {said.bare[1]}" if is_money else f"{said.bare[0]} of {said.limit}"
    else:
        text = f"{said.value}; {'required: ' * (said.operator == '==')}{said.bound}"
    return "; ".join((text, *(" ".join(_beside(one, finding, edition)) for one in besides)))


def _is_range(first: Compared | None, last: Compared) -> bool:
    """Return whether *first* and *last* are the ends of one range, as the window is of days."""
    return (
        first is not None
        and (first.operator, last.operator) == (">=", "<=")
        and first.dimension == last.dimension
        and not is_of_facts(first)
        and not is_of_facts(last)
        and isinstance(first.observed, Name)
        and isinstance(last.observed, Name)
        # No day of a trade is after its last day.
        and first.observed.name == last.observed.name.replace("last_", "")
    )


def _limit(one: Compared, edition: Edition) -> str:
    limit = constant_limit(one, edition.constants)
    if limit is None or len(choices_of(limit)) < len(one.limits):
        return ", ".join(named(node, edition.constants) for node in one.limits)
    found = Finding("", "pass", "deny", limit=limit, dimension=one.dimension)
    return _sides(found, one.dimension)[1]


def _beside(one: Compared, finding: Finding, edition: Edition) -> tuple[str, str]:
    """Return the name and the bound of *one*, a comparison beside that which *finding* shows."""
    limit = constant_limit(one, edition.constants)
    found = replace(finding, observed=None, limit=limit, dimension=one.dimension)
    return _name(one.observed, edition), _bound(one, _limit(one, edition), found, edition)


def _is_amount(dimension: str | None) -> bool:
    """Return whether *dimension* is shares, units or money, of which a limit has parts."""
    return dimension in ("shares", "units") or _CURRENCY.fullmatch(dimension or "") is not None


def _has_unit(dimension: str | None) -> bool:
    return _is_amount(dimension) or str(dimension).endswith(_PRICE)


def _is_part(finding: Finding) -> bool:
    return (
        finding.observed is not None
        and finding.limit is not None
        and "-"
        not in (
            finding.observed[0],
            finding.limit[0],
        )
    )


def _priced(dimension: str | None, currency: str | None) -> str | None:
    """Return *dimension*, with the *currency* of a price in the instrument's own."""
    if currency is None or dimension is None or not dimension.startswith("own "):
        return dimension
    return f"{currency}{_PRICE}"


def _sides(finding: Finding, dimension: str | None) -> tuple[str, str]:
    """Return both sides for people, so that what differs looks different."""
    observed, limit = finding.observed, finding.limit
    choices = choices_of(limit) if limit is not None else ()
    if dimension == "word":
        # A word with a comma or without a letter is quoted.
        return "unknown" if observed is None else listed((observed,)), limit or "unknown"
    if dimension == "flag":
        return _YES_OR_NO.get(observed or "", "unknown"), _YES_OR_NO.get(limit or "", "unknown")
    one, others = _shown(observed, dimension), [_shown(choice, dimension) for choice in choices]
    if observed is not None and one in others and observed not in choices:
        # Rounded alike, `1.0001; must be at most 1.0001` would contradict itself.
        one = unit(observed, dimension, written)
        others = [unit(choice, dimension, written) for choice in choices]
    return one, ", ".join(others) or "unknown"


def _shown(text: str | None, dimension: str | None) -> str:
    return "unknown" if text is None else unit(text, dimension)


def _days_beyond(finding: Finding, said: _Said) -> tuple[int, str, str] | None:
    """Return by how many days a trade is too early or too late, which of them, and of which day.

    That is the `first` or the `last` day, and nothing if the rule has the day as a literal or
    computes it. Return `None` if the rule can also be met in another way.
    """
    one = said.shown
    is_day = one is not None and isinstance(one.observed, Name) and one.observed.name in _DAYS
    if one is None or not is_day or said.others or one.operator not in ("<=", ">="):
        return None
    if finding.observed is None or finding.limit is None:
        return None
    is_named = isinstance(one.limits[0], Name) and not one.limits[0].is_fact
    days = int(number(finding.observed, "date") - number(finding.limit, "date"))
    if one.operator == "<=":
        return days, "after", "last" * is_named
    return -days, "before", "first" * is_named


def _city(edition: Edition) -> str:
    return edition.authorization.timezone.rpartition("/")[2].replace("_", " ")
