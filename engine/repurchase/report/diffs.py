"""What an edit of a rule file changes, for a terminal and for programs."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Any, Final

from rich.console import Group, RenderableType
from rich.text import Text

from repurchase.compare.diff import Compared, Diff, Shown, Verdict
from repurchase.errors import plain
from repurchase.report.changes import moved_view
from repurchase.report.histories import last_asked, place
from repurchase.report.tables import plain_table
from repurchase.report.written import json_text
from repurchase.rulefile import Authorization
from repurchase.wording import WordedDecision, worded

_STYLES: Final[dict[Verdict, str]] = {
    "equivalent": "green",
    "tighter": "yellow",
    "looser": "bold red",
    "incomparable": "bold red",
    "undecided": "bold red",
}
_KINDS: Final = {
    "fill": "fill of an open order",
    "fill-alone": "fill without an order",
    "correct": "correct of a fill",
    "release-replace": "release of a replace",
}


def diff_view(found: Diff, old: Authorization, new: Authorization) -> RenderableType:
    """Return what moved from *old* to *new*, and what that changes, for a terminal."""
    return Group(moved_view(found.moved), compared_view(found, old, new))


def compared_view(found: Diff, old: Authorization, new: Authorization) -> RenderableType:
    """Return what changed for each kind of event, and a history for each change."""
    table = plain_table("kind of event", "is now", "in the editions of")
    for one in found.compared:
        days = ", ".join(_days(*each) for each in one.days)
        mark = Text(one.verdict, style=_STYLES[one.verdict])
        table.add_row(Text(plain(_kind(one))), mark, Text(days))
    shown = (text for one in found.compared for text in _shown(one, old, new))
    verdict = found.verdict
    parts: list[RenderableType] = [table, *shown]
    if not found.alike:
        parts.append(Text(_OTHERWISE))
    return Group(*parts, Text.assemble((verdict.upper(), _STYLES[verdict]), _SUMS[verdict]))


_OTHERWISE: Final = (
    "both count days, shares or money otherwise, so that the same events come to other positions:"
    " nothing is proved equivalent, and `what-if` tells what that does to a log"
)
_SUMS: Final[dict[Verdict, str]] = {
    "equivalent": ": at any position both files approve the same events",
    "tighter": ": at the same position the new file approves nothing that the old one does not",
    "looser": ": at the same position the new file approves what the old one does not",
    "incomparable": ": at the same position each file approves what the other does not",
    "undecided": ": of something it is neither proved nor shown whether it is looser",
}


def diff_json(found: Diff) -> str:
    """Return the same as one line of JSON, the findings in words."""
    return json_text(diff_object(found))


def diff_object(found: Diff) -> dict[str, Any]:
    """Return what `diff` finds as programs read it."""
    return {
        "verdict": found.verdict,
        "alike": found.alike,
        "moved": found.moved,
        "compared": [
            {
                "kind": one.kind,
                "flag": one.flag,
                "verdict": one.verdict,
                "days": [{"first": first, "last": last} for first, last in one.days],
                "looser": _object(one.looser.shown),
                "tighter": _object(one.tighter.shown),
            }
            for one in found.compared
        ],
    }


def _object(shown: Shown | None) -> dict[str, Any] | None:
    if shown is None:
        return None
    old, new = (worded(one.decision, one.edition) for one in (shown.old, shown.new))
    return {"history": shown.events, "old": old, "new": new}


def _kind(one: Compared) -> str:
    kind = _KINDS.get(one.kind, one.kind)
    return kind if one.flag is None else f"{kind}, flag {one.flag}"


def _shown(one: Compared, old: Authorization, new: Authorization) -> Iterator[Text]:
    """Yield the events that show how *one* changed, each history after a sentence."""
    for word, side in (("looser", one.looser), ("tighter", one.tighter)):
        if side.shown is not None:
            yield Text(f"{word}: {sentence(side.shown, one.flag, old, new)}", style="bold")
            yield from (Text(plain(json_text(event))) for event in side.shown.events)
        elif not side.never:
            yield Text(f"{_kind(one)}: it is not known whether it is {word}", style="bold red")


def sentence(shown: Shown, flag: str | None, old: Authorization, new: Authorization) -> str:
    """Return which file approves what the other one stops, and by which rule it does."""
    said = last_asked(shown.events, new)
    is_now = shown.new.decision.outcome == "approved"
    if flag is not None:
        is_now = all(one.rule != flag for one in shown.new.decision.findings)
    passing, stopping = (new, old) if is_now else (old, new)
    passed, stopped = (shown.new, shown.old) if is_now else (shown.old, shown.new)
    # What is not held cannot be released: why it was not says more.
    stopped = shown.held or stopped
    decision = worded(stopped.decision, stopped.edition)
    also = {one.rule for one in passed.decision.findings}
    verb = "flags" if flag is not None else "holds" if decision.outcome == "held" else "denies"
    about = f"{decision.kind} {plain(decision.id)}" if shown.held else "it"
    why = "; ".join(_why(decision, flag, also, stopping))
    approves = "does not flag" if flag is not None else "approves"
    return f"{plain(passing.file)} {approves} {said}; the other file {verb} {about}: {why}"


def _why(
    decision: WordedDecision, flag: str | None, also: set[str], of: Authorization
) -> Iterator[str]:
    """Yield which rules stop it, each with its place: but for those that both files find."""
    found = [
        one
        for one in decision.findings
        if one.result != "pass" and (one.effect != "flag" if flag is None else one.rule == flag)
    ]
    for one in [each for each in found if each.rule not in also] or found:
        yield f"{place(one.rule, of)}: {plain(one.rule)}, {one.message}"


def _days(first: date, last: date) -> str:
    begin = "" if first == date.min else f"from {first}"
    end = "" if last == date.max else f"until {last}"
    return f"{begin} {end}".strip() or "all"
