"""What a rule file leaves open though it loads, and whether its quotes stand in a source."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

from repurchase.domain.errors import Problem
from repurchase.domain.quantities import value_written
from repurchase.domain.terms import CAPS, WINDOW, Figure, Quote, Term, Validity
from repurchase.rulebook.model import Authorization, Pack
from repurchase.rulebook.quotes import holds, says
from repurchase.rulebook.yaml_reader import in_order, ticked

_LAST_DATE = "trade.last_date"


# What is read from one file, and may quote: an authorization, or a pack.
File = Authorization | Pack


def lint_findings(file: File) -> tuple[Problem, ...]:
    """Return what *file* leaves open, by place: words without figures, terms without rules.

    Those of the packs that an authorization includes follow its own.
    """
    return tuple(problem for one in _with_packs(file) for problem in in_order(_findings(one)))


def check_source(file: File, name: str, data: bytes) -> tuple[Problem, ...]:
    """Return what keeps the document *data*, called *name*, from bearing the quotes out.

    It must be a source of *file*, or of a pack that it includes, to the byte, and each quote of it
    must stand in it.
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
        return (Problem("the document is not UTF-8 text, so no quote can be found", file=name),)
    missing = (in_order(_missing_quotes(one, names, text)) for one, names in sources if names)
    return tuple(problem for problems in missing for problem in problems)


def _with_packs(file: File) -> tuple[File, ...]:
    return (file, *file.packs) if isinstance(file, Authorization) else (file,)


def _findings(file: File) -> Iterator[Problem]:
    for quote, figure in _quoted(file):
        yield from _unsaid(file, quote, figure)
    yield from _unheeded(file) if isinstance(file, Authorization) else _idle(file)


def _quoted(file: File) -> Iterator[tuple[Quote, Figure | None]]:
    """Yield every quote of the file, with the figure that it must say if there is one."""
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


def _idle(pack: Pack) -> Iterator[Problem]:
    if not (pack.rules or pack.off):
        yield Problem("the pack has no rule, so it changes nothing", file=pack.file)
    for option in pack.options:
        if not option.turns:
            what = f"no rule of the pack is turned on or off by its option `{option.name}`"
            hint = "name it as `option` or `without` of a rule, or leave it out"
            yield _at(pack, option.line, option.column, what, hint)


def _unsaid(file: File, quote: Quote, figure: Figure | None) -> Iterator[Problem]:
    if quote.figure is not None:
        if not holds(quote.text, quote.figure):
            what = f"the quote does not hold its figure's words, {ticked(quote.figure)}"
            yield _at(file, quote.line, quote.column, what)
    elif figure is not None and not says(quote.text, figure):
        shown = ticked(value_written(figure.value, figure.dimension))
        hint = 'add `figure: "the words that say it"` where the source spells it otherwise'
        what = f"the quote does not say its figure, {shown}"
        yield _at(file, quote.line, quote.column, what, hint)


def _unheeded(authorization: Authorization) -> Iterator[Problem]:
    if not authorization.all_rules():
        yield Problem("the file has no rule, so it denies everything", file=authorization.file)
        return
    # Only what can deny an order bounds the program: a fill counts whatever is said of it. The law
    # of a pack bounds it where it applies to everything, always.
    of_law = (rule for pack in authorization.packs for rule in pack.rules)
    always = (rule for rule in of_law if rule.when is None and rule.validity == Validity())
    bounds = [
        rule
        for rule in (*authorization.rules, *always)
        if rule.effect == "deny" and rule.at != "fill"
    ]
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


def _at(file: File, line: int, column: int, what: str, hint: str | None = None) -> Problem:
    return Problem(what, hint, file.file, line, column)


def _unpinned(file: File, name: str, digest: str) -> Problem:
    known = (source for one in _with_packs(file) for source in one.sources)
    pinned = [f"`{each.name}` {each.sha256}" for each in known if each.sha256]
    what = f"the document's SHA-256 is {digest}, which no source of the rule file has"
    hint = "no quote was looked for: write it as `sha256` of the source that this document is"
    return Problem(what, "; ".join(pinned) or hint, name)


def _missing_quotes(file: File, sources: tuple[str, ...], text: str) -> Iterator[Problem]:
    for quote, _ in _quoted(file):
        if quote.source is None and len(file.sources) > 1:
            what = "the quote names no source, so it was not looked for"
            listed = ", ".join(f"`{source.name}`" for source in file.sources)
            yield _at(file, quote.line, quote.column, what, f"it is one of {listed}")
        elif (quote.source is None or quote.source in sources) and not holds(text, quote.text):
            what = f"the quote {ticked(quote.text)} does not stand in `{sources[0]}`"
            yield _at(file, quote.line, quote.column, what)
