"""A decision for a terminal: a sentence, the rules that brought it about, and what remains."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from fractions import Fraction
from functools import partial
from typing import TYPE_CHECKING, Final

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from repurchase.domain.decisions import Decision, Finding, PositionReport
from repurchase.domain.errors import plain
from repurchase.domain.events import Event
from repurchase.domain.formats import unit
from repurchase.domain.quantities import Exact, percent, shown
from repurchase.evaluation.step import Decided
from repurchase.evaluation.wording import (
    ENGINE,
    Worded,
    WordedDecision,
    currency_of,
    headline,
    worded,
)
from repurchase.market.feed import source_of
from repurchase.report.tables import counted, plain_table, quoted
from repurchase.rulebook.caps import LIMITED, Of
from repurchase.rulebook.editions import Edition
from repurchase.rulebook.life import Life

if TYPE_CHECKING:
    from repurchase.replay.run import Summary

MARKS: Final = {
    "approved": ("approved", "green"),
    "recorded": ("recorded", "green"),
    "held": ("held", "yellow"),
    "denied": ("DENIED", "bold red"),
    "refused": ("REFUSED", "bold red"),
}
# Of these kinds no review rule keeps an event from being approved.
_NOT_HELD: Final = ("release", "fill", "correct")


def decision_view(decided: Decided, *, every_rule: bool = False, note: str = "") -> RenderableType:
    """Return one decision for a terminal: a sentence, then what failed, is undecided or flagged.

    If *every_rule*, the rules that pass or do not apply are listed, too. A *note* follows what
    remains.
    """
    decision = worded(decided.decision, decided.life, decided.event)
    what = "decided before" if decided.repeated else "its id was used before"
    place = f" ({what}, {decided.place})" if decided.place else ""
    return Group(
        opening(decision, decided.life, decided.event, place),
        *reasons(decision, decided.edition, every_rule=every_rule),
        remainder(decision, decided.edition, note),
        *_following(decided),
    )


def _following(decided: Decided) -> Iterator[Text]:
    """Yield what has changed since, what is to be cancelled, what waits, and the receipt."""
    decision = decided.decision
    if decided.order_state is not None:
        text = f"This is no new decision: the order is {decided.order_state} by now."
        yield Text(text, style="bold yellow")
    if decision.pending:
        text = f"PENDING until another person submits a `confirm` of {plain(decision.id)}."
        yield Text(text, style="bold yellow")
    named = ", ".join(map(plain, decided.to_cancel))
    if decided.is_drill:
        text = f"REHEARSAL: nothing is stopped. A halt would cancel: {named or 'no order'}."
        yield Text(text, style="bold yellow")
    elif named:
        yield Text(f"Cancel at the venue: {named}.", style="bold red")
    for one in decided.stopped:
        took = "" if one.seconds is None else f", {one.seconds} seconds after it"
        text = f"All orders that were open at {plain(one.cause)} are closed{took}."
        yield Text(text, style="green")
    if decided.one_person:
        yield Text("This program has one person: nobody else confirms what loosens.")
    if decided.receipt is not None:
        text = f"Receipt: record {decided.receipt.record:,}, {decided.receipt.hash}"
        yield Text(text, style="dim")


def opening(
    decision: WordedDecision, life: Life, event: Event | None = None, place: str = ""
) -> Text:
    """Return the sentence that opens *decision*: what was decided of which event, and why."""
    word, style = MARKS[decision.outcome]
    text = plain(f"  {decision.kind} {decision.id}{place}")
    why = _why(decision, life, event)
    return Text.assemble((word.upper(), style), text, f": {why}." if why else ".")


def told_view(decision: WordedDecision, place: str = "") -> RenderableType:
    """Return a *decision* that another machine made, which has the rule file, for a terminal."""
    word, style = MARKS[decision.outcome]
    text = plain(f"  {decision.kind} {decision.id}{place}")
    lines = [Text.assemble((word.upper(), style), text)]
    lines += (
        Text(plain(f"  {one.rule} ({one.effect}): {one.message}"))
        for one in decision.findings
        if _does_not_pass(one)
    )
    return Group(*lines)


def _why(decision: WordedDecision, life: Life, event: Event | None) -> str:
    found = deciding(decision)
    if found is None:
        flags = sum(map(_does_not_pass, decision.findings))
        used = _used(decision.position, life.edition)
        return ". ".join((*used, *([f"Flagged by {counted(flags, 'rule')}"] if flags else ())))
    why = headline(found, life, currency_of(life.edition, event))
    return f"{why}; another person must release it" if decision.outcome == "held" else why


def deciding(decision: Decision) -> Finding | None:
    """Return the finding that tells best why *decision* is not an approval, `None` if it is one."""
    effect = {"denied": "deny", "refused": "deny", "held": "review"}.get(decision.outcome)
    stopping = (one for one in decision.findings if _does_not_pass(one) and one.effect == effect)
    return min(stopping, key=_weight, default=None)


def _does_not_pass(finding: Finding) -> bool:
    return finding.result in ("fail", "indeterminate")


def _weight(finding: Finding) -> tuple[bool, bool, bool, str]:
    """Return what sorts the finding first that says most: a failure, then one of the file's own."""
    is_own = finding.rule in ENGINE
    is_of_pack = "." in finding.rule and not is_own
    # That nobody can release an order explains less than why it is held.
    is_last = is_own and finding.effect == "review"
    return is_last, finding.result != "fail", is_of_pack, finding.rule


def _used(position: PositionReport, edition: Edition) -> list[str]:
    """Return one text, how much of each cap is used, the tightest first; none without a cap."""
    rows = (
        ("shares", edition.max_shares, position.remaining_shares),
        (edition.authorization.currency, edition.max_amount, position.remaining_amount),
    )
    uses = [
        (dimension, cap - Fraction(rest), cap)
        for dimension, cap, rest in rows
        if cap and rest is not None
    ]
    uses.sort(key=lambda use: use[1] / use[2], reverse=True)
    return [f"with it, {' and '.join(of_cap(*use) for use in uses)} are used"] if uses else []


def of_cap(dimension: str, used: Exact, cap: Exact) -> str:
    """Return what is *used* of a *cap*: `400 of 4,000 shares (10.00%)`, `JPY 4 of 40 (10.00%)`."""
    whole = f"{shown(used)} of {shown(cap)}"
    named = f"{whole} shares" if dimension == "shares" else f"{dimension} {whole}"
    return f"{named} ({percent(used, cap)}%)"


def reasons(
    decision: WordedDecision, edition: Edition, *, every_rule: bool = False
) -> Iterator[RenderableType]:
    """Yield the findings of *decision* in groups, those that decided first, if there are any."""
    groups: dict[str, list[Worded]] = {}
    for found in sorted(decision.findings, key=_weight):
        groups.setdefault(_group(found, decision), []).append(found)
    listed = (*_GROUPS, *(_REST if every_rule else ()))
    width = max((len(one.rule) for name in listed for one in groups.get(name, ())), default=0)
    for name in listed:
        if name in groups:
            yield Text(name, style=_STYLES.get(name, "bold"))
            yield _table(groups[name], edition, width)
    passing, others = (len(groups.get(name, ())) for name in _REST)
    if (passing or others) and not every_rule:
        passes, do = "passes" if passing == 1 else "pass", "does" if others == 1 else "do"
        count = counted(passing, "rule")
        yield Text(f"{count} {passes}; {others:,} {do} not apply. --all lists them.")


_FAILS: Final = "Fails"
_UNKNOWN: Final = "Undecided"
_REVIEW: Final = "Review: another person must release it"
_WAIVED: Final = "Review: not a reason to deny"
_FLAGS: Final = "Flags: not a reason to deny"
_GROUPS: Final = (_FAILS, _UNKNOWN, _REVIEW, _WAIVED, _FLAGS)
_REST: Final = ("Passes", "Not applicable")
_STYLES: Final = {_FAILS: "bold red", _UNKNOWN: "bold red", _REVIEW: "bold yellow"}


def _group(found: Worded, decision: WordedDecision) -> str:
    if not _does_not_pass(found):
        return _REST[found.result != "pass"]
    if found.effect == "deny":
        return _FAILS if found.result == "fail" else _UNKNOWN
    if found.effect == "flag":
        return _FLAGS
    return _WAIVED if decision.kind in _NOT_HELD else _REVIEW


def _table(findings: Iterable[Worded], edition: Edition, width: int) -> Table:
    """Return *findings* in words, a row each; what says the same as one above says only that.

    The column of the rules is *width* wide at least.
    """
    said: set[tuple[str, str]] = set()
    rows = []
    for found in findings:
        is_same = (found.result, found.message) in said
        said.add((found.result, found.message))
        text = f"the same; {found.cite}" if is_same and found.cite else _words(found, edition)
        rows.append((f"  {found.rule}".ljust(width + 2), Text(plain(text))))
    return plain_table("rule", "what", rows=rows, headed=False)


def _words(found: Worded, edition: Edition) -> str:
    """Return what *found* says, where the missing facts come from, and the words of the source."""
    text = found.message
    if found.effect == "deny" or found.result == "not_applicable":
        # The group is called so.
        text = text.removeprefix("undecided: ").removeprefix("not applicable: ")
    harbours = {pack.name for pack in edition.authorization.packs if pack.by_day}
    if found.result == "fail" and found.rule.partition(".")[0] in harbours:
        text = f"outside the safe harbour: {text}"
    sources = dict.fromkeys(of for name in found.missing if (of := source_of(name)) is not None)
    if sources:
        text += f" ({' and '.join(sources)})"
    return f"{text}   {quoted(found.quote)}" if found.quote else text


def remainder(decision: WordedDecision, edition: Edition, note: str = "") -> Text:
    """Return what remains after *decision*, and which event halted the program, if one did."""
    rest = Text(f"Remaining: {', '.join(remaining(decision.position, edition))}.")
    if note:
        rest.append(f" {note}")
    halted = decision.halted_by
    return Text("\n").join([rest, halted_line(halted)]) if halted else rest


def remaining(
    position: PositionReport | Summary, edition: Edition, none: str = "no cap on {}"
) -> tuple[str, str]:
    """Return how many shares and how much money remain, or that *none* limits them."""
    # What remains is rounded down: nobody may use what is not there.
    down = partial(shown, up=False)
    shares = no_cap(edition, "shares", none.format("shares"))
    amount = no_cap(edition, "amount", none.format("money"))
    if edition.max_shares is not None:
        shares = unit(position.remaining_shares, "shares", down)
    if edition.max_amount is not None:
        amount = unit(position.remaining_amount, edition.authorization.currency, down)
    return shares, amount


def halted_line(by: Iterable[str]) -> Text:
    """Return that the events *by* halt the program."""
    named = ", ".join(map(plain, by))
    text = f"Halted by {named}: nothing that it stops is approved until a `resume` lifts it."
    return Text(text, style="bold red")


def no_cap(edition: Edition, of: Of, none: str) -> str:
    """Return that there is *none* on the shares or the money, or none that applies that day."""
    if any(cap.fact == LIMITED[of] for cap in edition.caps):
        return f"{none} that always applies"
    rules = edition.authorization.all_rules()
    is_read = any(LIMITED[of] in rule.require.facts for rule in rules)
    return f"{none} known and in force" if is_read else none
