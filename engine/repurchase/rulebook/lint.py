"""The gaps of a rule file that loads, and whether a document contains its quotes."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import date
from typing import Final

from repurchase.domain.errors import Problem, nearest
from repurchase.domain.quantities import DATE, NO_DAY, SHARES, value_written
from repurchase.domain.terms import CAPS, WINDOW, Figure, Quote, Term, Validity
from repurchase.domain.venues import listed_venue
from repurchase.facts.counters import FAMILY
from repurchase.rulebook.caps import CALLED, how_to_cap
from repurchase.rulebook.editions import Editions
from repurchase.rulebook.model import Authorization, Pack, Rule
from repurchase.rulebook.periods import joined, periods
from repurchase.rulebook.quotes import holds, says
from repurchase.rulebook.yaml_reader import in_order, ticked

_LAST_DATE = "trade.last_date"


# The content of one file that may quote a source: an authorization or a pack.
File = Authorization | Pack


def lint_findings(of: Editions | Pack, *, of_limits: bool = True) -> tuple[Problem, ...]:
    """Return the gaps of a file, by place: quotes without their figures, terms that no rule reads.

    The gaps of the packs that an authorization includes follow its own. Last comes what nothing
    limits, unless the caller finds that out itself: then not *of_limits*.
    """
    file = of if isinstance(of, Pack) else of.authorization
    limits = () if isinstance(of, Pack) or not of_limits else (*_limits(of), *_unsent(of))
    own = (problem for one in _with_packs(file) for problem in in_order(_findings(one)))
    return (*own, *limits)


def check_source(file: File, name: str, data: bytes) -> tuple[Problem, ...]:
    """Return the quotes that the document *data*, called *name*, does not contain.

    The document must be a source of *file* or of a pack that it includes: the hashes must be equal.
    Otherwise the only problem is that no source has its hash.
    """
    digest = hashlib.sha256(data).hexdigest()
    sources = [
        (one, tuple(source.name for source in one.sources if source.sha256 == digest))
        for one in _with_packs(file)
    ]
    if not any(names for _, names in sources):
        return (_unpinned(file, name, digest),)
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        return (
            Problem(
                "the document is not UTF-8 text", "convert it, since no quote was searched", name
            ),
        )
    missing = (in_order(_missing_quotes(one, names, text)) for one, names in sources if names)
    return tuple(problem for problems in missing for problem in problems)


# Facts that count what a program uses.
_USES: Final = ("program.", "day.", f"{FAMILY}.")


def _with_packs(file: File) -> tuple[File, ...]:
    return (file, *file.packs) if isinstance(file, Authorization) else (file,)


def _findings(file: File) -> Iterator[Problem]:
    for quote, figure in _quoted(file):
        yield from _without_figure(file, quote, figure)
    for rule in file.rules:
        yield from _of_executed(file, rule)
    yield from _open_terms(file) if isinstance(file, Authorization) else _no_effect(file)


def _of_executed(file: File, rule: Rule) -> Iterator[Problem]:
    """Yield the problem that *rule* limits orders by what was executed, and by no open order."""
    uses = [name for name in rule.require.facts if name.startswith(_USES)]
    if rule.effect == "flag" or rule.at == "fill" or not uses:
        return
    if all("executed_" in name for name in uses):
        family = uses[0].partition(".")[0]
        what = f"the rule `{rule.id}` limits orders by what was executed, but not by open orders"
        hint = f"read `{family}.shares_after` or `{family}.amount_after`, which count both"
        yield _at(file, rule.line, rule.column, what, hint)


def _quoted(file: File) -> Iterator[tuple[Quote, Figure | None]]:
    """Yield every quote of the file, with the figure that it must contain, if any."""
    for quote, figure in _versions(file):
        if quote is not None:
            yield quote, figure
    others = file.checks if isinstance(file, Authorization) else file.off
    for one in (*file.rules, *others):
        if one.quote is not None:
            yield one.quote, None


def _versions(file: File) -> Iterator[tuple[Quote | None, Figure]]:
    for figure in file.terms if isinstance(file, Authorization) else file.limits:
        yield from ((version.quote, version.figure) for version in figure.versions)
    for instrument in file.instruments if isinstance(file, Authorization) else ():
        for version in instrument.shares_each:
            yield version.quote, version.stated or version.figure


def _no_effect(pack: Pack) -> Iterator[Problem]:
    if not (pack.rules or pack.off):
        yield Problem("the pack has no rule and therefore no effect", "add a rule", pack.file)
    for option in pack.options:
        if not option.turns:
            what = f"the option `{option.name}` turns no rule of the pack on or off"
            hint = "name it as `option` or `without` of a rule, or remove it"
            yield _at(pack, option.line, option.column, what, hint)


def _without_figure(file: File, quote: Quote, figure: Figure | None) -> Iterator[Problem]:
    if quote.figure is not None:
        if not holds(quote.text, quote.figure):
            what = f"the quote does not contain the words of its `figure`, {ticked(quote.figure)}"
            yield _at(file, quote.line, quote.column, what)
    elif figure is not None and not says(quote.text, figure):
        shown = ticked(value_written(figure.value, figure.dimension))
        hint = 'if the source writes it otherwise, add `figure: "those words"`'
        what = f"the quote does not contain its figure, {shown}"
        yield _at(file, quote.line, quote.column, what, hint)


def _limits(editions: Editions) -> Iterator[Problem]:
    """Yield a problem for shares and for money if no rule always limits them, and say when."""
    authorization = editions.authorization
    if not authorization.all_rules():
        return
    for of, called in CALLED.items():
        open_ = [
            period
            for period in periods(editions)
            if of in period.editions[0].unbounded
            and period.editions[0].window.is_open(period.first, period.last)
        ]
        capped = of in editions.limited()
        if open_ and of not in authorization.unlimited:
            days = f" {', '.join(map(str, joined(open_)))}" if capped else ""
            what = f"nothing limits {called}{days}"
            yield Problem(what, how_to_cap(of), authorization.file)
        if of in authorization.unlimited and capped:
            what = f"`unlimited` says that nothing limits {called}, but a rule does"
            yield Problem(what, f"remove `{of}` from it", authorization.file)


def _unsent(editions: Editions) -> Iterator[Problem]:
    """Yield a problem for each sum of `notify` that no rule ever caps."""
    authorization = editions.authorization
    if not authorization.notify:
        return
    caps = [cap for edition in editions.all() for cap in edition.caps if cap.figure is not None]
    capped = {cap.fact.removesuffix("_after") for cap in caps}
    for one in authorization.notify:
        if one.name not in capped:
            what = f"no rule caps `{one.name}_after`, so `notify` sends nothing of it"
            yield _at(authorization, one.line, one.column, what, nearest(one.name, capped))


def _open_terms(authorization: Authorization) -> Iterator[Problem]:
    if not authorization.all_rules():
        what = "the file has no rule, so every event is denied"
        yield Problem(what, "add a rule", authorization.file)
        return
    # Only a rule that can deny an order limits the program: a fill counts in any case. A rule of a
    # pack limits it if the rule applies to every event, on every day.
    of_law = (rule for pack in authorization.packs for rule in pack.rules)
    always = (rule for rule in of_law if rule.when is None and rule.validity == Validity())
    bounds = [
        rule
        for rule in (*authorization.rules, *always)
        if rule.effect == "deny" and rule.at != "fill"
    ]
    read = {name for rule in bounds for name in rule.require.constants}
    yield from _expired(authorization)
    yield from _split_twice(authorization)
    for term in authorization.terms:
        is_read = f"terms.{term.name}" in read or _is_endless(term)
        if term.name in (*CAPS, *WINDOW) and not is_read:
            yield _unread(authorization, term)
    is_endless = any(term.name == WINDOW[1] and _is_endless(term) for term in authorization.terms)
    if not is_endless and not any(_LAST_DATE in rule.require.facts for rule in bounds):
        what = f"no rule that denies orders reads `{_LAST_DATE}`: orders may fill too late"
        hint = f"require `{_LAST_DATE} <= terms.last_day`, or write `last_day: none`"
        yield Problem(what, hint, authorization.file)


def _is_endless(term: Term) -> bool:
    """Return whether *term* says on all days that there is no such day."""
    return all(version.figure == Figure(NO_DAY, DATE) for version in term.versions)


def _split_twice(authorization: Authorization) -> Iterator[Problem]:
    """Yield a problem for each figure in shares that changes on the day of a dated ratio."""
    changing = {
        version.validity.first: instrument.name
        for instrument in authorization.instruments
        for version in instrument.shares_each
        if version.validity.first is not None
    }
    for term in authorization.terms:
        for version in term.versions if term.dimension == SHARES else ():
            day = version.validity.first
            if day in changing:
                what = (
                    f"`terms.{term.name}` and the ratio of `{changing[day]}` both change on {day}"
                )
                hint = (
                    "a dated ratio counts all days in one unit, so the figure stays as it is; keep"
                    " one of the two, or report a `split` event instead of the ratio"
                )
                yield _at(authorization, term.line, term.column, what, hint)


def _expired(authorization: Authorization) -> Iterator[Problem]:
    """Yield a problem for each venue whose code was no longer in use on the first day."""
    first = _first_day(authorization)
    codes = {venue for one in authorization.instruments for venue in one.venues}
    for code in sorted(codes - authorization.venues.keys()):
        found = listed_venue(code)
        if found is None or found.expired is None or first is None or found.expired > first:
            continue
        what = f"ISO 10383 lists the venue `{code}` as expired on {found.expired}"
        hint = f"`first_day` is {first}; name the venue that took its place"
        yield Problem(what, hint, authorization.file)


def _first_day(authorization: Authorization) -> date | None:
    """Return the earliest first day of the program; `None` if the file does not state it."""
    of_terms = (term for term in authorization.terms if term.name == WINDOW[0])
    days = [int(one.figure.value) for term in of_terms for one in term.versions]
    return date.fromordinal(min(days)) if days else None


def _unread(authorization: Authorization, term: Term) -> Problem:
    what = f"no rule that denies orders reads `terms.{term.name}`, so it limits no order"
    return _at(authorization, term.line, term.column, what, "add a rule that reads it")


def _at(file: File, line: int, column: int, what: str, hint: str | None = None) -> Problem:
    return Problem(what, hint, file.file, line, column)


def _unpinned(file: File, name: str, digest: str) -> Problem:
    known = (source for one in _with_packs(file) for source in one.sources)
    pinned = [f"`{each.name}` {each.sha256}" for each in known if each.sha256]
    what = f"no source of the rule file has the SHA-256 of this document, {digest}"
    hint = "write it as `sha256` of its source; no quote was searched"
    return Problem(what, f"the sources are {', '.join(pinned)}" if pinned else hint, name)


def _missing_quotes(file: File, sources: tuple[str, ...], text: str) -> Iterator[Problem]:
    for quote, _ in _quoted(file):
        if quote.source is None and len(file.sources) > 1:
            what = "the quote names no source, so it was not searched"
            listed = ", ".join(f"`{source.name}`" for source in file.sources)
            yield _at(file, quote.line, quote.column, what, f"add `source`: one of {listed}")
        elif (quote.source is None or quote.source in sources) and not holds(text, quote.text):
            what = f"the quote {ticked(quote.text)} is not in `{sources[0]}`"
            yield _at(file, quote.line, quote.column, what)
