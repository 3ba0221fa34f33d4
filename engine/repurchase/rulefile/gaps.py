"""What an authorization leaves open though it loads, and whether its quotes stand in a source."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

from repurchase.errors import Problem
from repurchase.quantities import value_written
from repurchase.rulefile.nouns import Authorization
from repurchase.rulefile.quotes import holds, says
from repurchase.rulefile.reader import in_order, ticked
from repurchase.terms import CAPS, WINDOW, Figure, Quote, Term

_LAST_DATE = "trade.last_date"


def gaps(authorization: Authorization) -> tuple[Problem, ...]:
    """Return what the file leaves open, by place: words without figures, terms without rules."""
    return in_order(_gaps(authorization))


def check_source(authorization: Authorization, name: str, data: bytes) -> tuple[Problem, ...]:
    """Return what keeps the document *data*, called *name*, from bearing the quotes out.

    It must be one of the file's sources to the byte, and each quote of it must stand in it.
    """
    digest = hashlib.sha256(data).hexdigest()
    sources = tuple(source.name for source in authorization.sources if source.sha256 == digest)
    if not sources:
        return (_unpinned(authorization, name, digest),)
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        return (Problem("the document is not UTF-8 text, so no quote can be found", file=name),)
    return in_order(_missing_quotes(authorization, sources, text))


def _gaps(authorization: Authorization) -> Iterator[Problem]:
    for quote, figure in _quoted(authorization):
        yield from _unsaid(authorization, quote, figure)
    yield from _unheeded(authorization)


def _quoted(authorization: Authorization) -> Iterator[tuple[Quote, Figure | None]]:
    """Yield every quote of the file, with the figure that it must say where there is one."""
    for quote, figure in _versions(authorization):
        if quote is not None:
            yield quote, figure
    for check in authorization.checks:
        if check.quote is not None:
            yield check.quote, None
    for rule in authorization.rules:
        if rule.quote is not None:
            yield rule.quote, None


def _versions(authorization: Authorization) -> Iterator[tuple[Quote | None, Figure]]:
    for term in authorization.terms:
        yield from ((version.quote, version.figure) for version in term.versions)
    for instrument in authorization.instruments:
        for version in instrument.shares_each:
            yield version.quote, version.stated or version.figure


def _unsaid(authorization: Authorization, quote: Quote, figure: Figure | None) -> Iterator[Problem]:
    if quote.figure is not None:
        if not holds(quote.text, quote.figure):
            what = f"the quote does not hold its figure's words, {ticked(quote.figure)}"
            yield _at(authorization, quote.line, quote.column, what)
    elif figure is not None and not says(quote.text, figure):
        shown = ticked(value_written(figure.value, figure.dimension))
        hint = 'add `figure: "the words that say it"` where the source spells it otherwise'
        what = f"the quote does not say its figure, {shown}"
        yield _at(authorization, quote.line, quote.column, what, hint)


def _unheeded(authorization: Authorization) -> Iterator[Problem]:
    if not authorization.rules:
        yield Problem("the file has no rule, so it denies everything", file=authorization.file)
        return
    # Only what can deny an order bounds the program: a fill counts whatever is said of it.
    bounds = [rule for rule in authorization.rules if rule.effect == "deny" and rule.at != "fill"]
    read = {name for rule in bounds for name in rule.require.constants}
    for term in authorization.terms:
        if term.name in (*CAPS, *WINDOW) and f"terms.{term.name}" not in read:
            yield _unread(authorization, term)
    if not any(_LAST_DATE in rule.require.facts for rule in bounds):
        what = f"no rule that denies orders reads `{_LAST_DATE}`, so they may outlive the period"
        hint = f"add a rule that requires `{_LAST_DATE} <= terms.last_day`"
        yield Problem(what, hint, authorization.file)


def _unread(authorization: Authorization, term: Term) -> Problem:
    what = f"no rule that denies orders reads `terms.{term.name}`"
    return _at(authorization, term.line, term.column, what, "it limits no order")


def _at(
    authorization: Authorization, line: int, column: int, what: str, hint: str | None = None
) -> Problem:
    return Problem(what, hint, authorization.file, line, column)


def _unpinned(authorization: Authorization, name: str, digest: str) -> Problem:
    pinned = [f"`{each.name}` {each.sha256}" for each in authorization.sources if each.sha256]
    what = f"the document's SHA-256 is {digest}, which no source of the rule file has"
    hint = "no quote was looked for: write it as `sha256` of the source that this document is"
    return Problem(what, "; ".join(pinned) or hint, name)


def _missing_quotes(
    authorization: Authorization, sources: tuple[str, ...], text: str
) -> Iterator[Problem]:
    for quote, _ in _quoted(authorization):
        if quote.source is None and len(authorization.sources) > 1:
            what = "the quote names no source, so it was not looked for"
            listed = ", ".join(f"`{source.name}`" for source in authorization.sources)
            yield _at(authorization, quote.line, quote.column, what, f"it is one of {listed}")
        elif (quote.source is None or quote.source in sources) and not holds(text, quote.text):
            what = f"the quote {ticked(quote.text)} does not stand in `{sources[0]}`"
            yield _at(authorization, quote.line, quote.column, what)
