"""What an edit of a rule file changes, for a terminal and for programs."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Any, Final, NamedTuple

from rich.console import Group, RenderableType
from rich.text import Text

from repurchase.domain.errors import Problem, plain
from repurchase.evaluation.wording import Worded, WordedDecision, worded
from repurchase.proof.diff import Compared, Diff, Shown, Side, Verdict
from repurchase.report.changes import changed_view
from repurchase.report.checked import Checked, Level
from repurchase.report.histories import last_asked, log_lines, place
from repurchase.report.tables import plain_table
from repurchase.rulebook.model import Authorization

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
    """Return what changed from *old* to *new*, and its effect on events, for a terminal."""
    return Group(changed_view(found.changed), compared_view(found, old, new))


def compared_view(found: Diff, old: Authorization, new: Authorization) -> RenderableType:
    """Return the verdict for each kind of event, and a list of events that shows each change."""
    table = plain_table("kind of event", "the new file is", "on the days")
    for one in found.compared:
        days = ", ".join(_days(*each) for each in one.days)
        mark = Text(one.verdict, style=_STYLES[one.verdict])
        table.add_row(Text(plain(_kind(one))), mark, Text(days))
    verdict = found.verdict
    parts: list[RenderableType] = [table, *_shown(found, old, new), *_unknown(found)]
    if not found.same_accounting:
        parts.append(Text(_OTHERWISE))
    parts += [Text(f"{names}: {what}") for names, what in _supplied(found)]
    return Group(*parts, Text.assemble((verdict.upper(), _STYLES[verdict]), _sum(found)))


def _supplied(found: Diff) -> Iterator[tuple[str, str]]:
    """Yield the facts that others may supply by the new file than by the old one, and who."""
    if found.freed:
        yield ", ".join(found.freed), "an event may state it, not only a feed (looser)"
    if found.reserved:
        yield ", ".join(found.reserved), "only a feed may supply it, and no event (tighter)"


_OTHERWISE: Final = (
    "the files do not use the same accounting basis for days, shares or money: nothing is proved"
    " equivalent; `what-if` shows the effect on a log"
)
_SUMS: Final[dict[Verdict, str]] = {
    "equivalent": (
        ": from every position under either file, both approve the same events, and both halt the"
        " desk for the same fills"
    ),
    "tighter": (
        " (less permissive): the old file approves every event that the new one approves, and halts"
        " the desk for no other fills"
    ),
    "looser": " (more permissive): the new file approves an event that the old one does not",
    "incomparable": ": each file approves an event that the other does not",
    "undecided": ": for some events it is neither proved nor disproved that the new file is looser",
}
_HALTS: Final = (
    " (more permissive): the new file does not halt the desk for a fill; the old one does"
)


def _sum(found: Diff) -> str:
    """Return what the verdict of *found* means."""
    shown = [one.looser.shown for one in found.compared if one.looser.shown is not None]
    is_halt = found.verdict == "looser" and bool(shown) and all(one.is_halt for one in shown)
    return _HALTS if is_halt else _SUMS[found.verdict]


def diff_object(found: Diff) -> dict[str, Any]:
    """Return the same as programs read it, with the findings in words."""
    return {
        "verdict": found.verdict,
        "same_accounting": found.same_accounting,
        "feed_only": {"dropped": found.freed, "added": found.reserved},
        "changed": found.changed,
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


def diff_checks(found: Diff, old: Authorization, new: Authorization) -> list[Checked]:
    """Return a check for each kind of event: it fails if the new file is looser for that kind."""
    return [_checked(one, old, new) for one in found.compared]


def _checked(one: Compared, old: Authorization, new: Authorization) -> Checked:
    problems: list[Problem] = []
    for word, side in (("looser", one.looser), ("tighter", one.tighter)):
        if side.shown is not None:
            answers = answers_of(side.shown, one.flag, old, new)
            lines = (rule.line for rule in new.all_rules() if rule.id in answers.rules)
            what = f"{word}: {answers.sentence}"
            problems.append(Problem(what, None, new.file, next(lines, 0) or 1))
    if one.verdict == "undecided":
        problems.append(Problem("undecided whether looser", None, new.file, 1))
    levels: dict[Verdict, Level] = {"tighter": "notice", "undecided": "error"}
    return Checked(new.file, _kind(one), None, tuple(problems), levels.get(one.verdict, "failure"))


def _object(shown: Shown | None) -> dict[str, Any] | None:
    if shown is None:
        return None
    old, new = (worded(one.decision, one.life) for one in (shown.old, shown.new))
    return {
        "history": shown.events,
        "old": old,
        "new": new,
        "is_halt": shown.is_halt,
        "approved_by": shown.approved_by,
    }


def _kind(one: Compared) -> str:
    kind = _KINDS.get(one.kind, one.kind)
    return kind if one.flag is None else f"{kind}, flag {one.flag}"


def _sides(found: Diff) -> Iterator[tuple[Compared, str, Side]]:
    for one in found.compared:
        yield one, "looser", one.looser
        yield one, "tighter", one.tighter


def _shown(found: Diff, old: Authorization, new: Authorization) -> Iterator[Text]:
    """Yield for each cause a sentence, its events, and the other kinds of event that it changes."""
    causes: dict[tuple[str, ...], list[tuple[str, Shown, Answers]]] = {}
    for one, word, side in _sides(found):
        if side.shown is not None:
            answers = answers_of(side.shown, one.flag, old, new)
            cause = (word, one.flag or "", *answers.rules)
            causes.setdefault(cause, []).append((_kind(one), side.shown, answers))
    for (word, *_), ones in causes.items():
        (_, first, answers), *others = ones
        kinds = plain(", ".join(kind for kind, *_ in ones))
        yield Text()
        yield Text(f"{word} for {kinds}: {answers.sentence}", style="bold")
        yield from log_lines(first.events)
        if others:
            also = ", ".join(last_asked(shown.events, new) for _, shown, _ in others)
            yield Text(f"likewise {also}; --json lists the events before each")
    if causes:
        yield Text()


def _unknown(found: Diff) -> Iterator[Text]:
    unknown: dict[str, list[str]] = {}
    for one, word, side in _sides(found):
        if side.shown is None and not side.never:
            unknown.setdefault(word, []).append(_kind(one))
    for word, kinds in unknown.items():
        text = f"undecided whether {word}: {', '.join(kinds)}"
        yield Text(plain(text), style="bold red")


class Answers(NamedTuple):
    """How the decisions of two files on one event differ, in a *sentence*, and by which *rules*."""

    sentence: str
    rules: tuple[str, ...]


def answers_of(shown: Shown, flag: str | None, old: Authorization, new: Authorization) -> Answers:
    """Return which file approves the event, and by which rules the other one does not."""
    asked = last_asked(shown.events, new)
    passing, stopping = (new, old) if shown.is_looser else (old, new)
    passed, stopped = (shown.new, shown.old) if shown.is_looser else (shown.old, shown.new)
    # An event that is not held cannot be released: the decision on the event itself says why.
    stopped = shown.held or stopped
    decision = worded(stopped.decision, stopped.life)
    also = {one.rule for one in passed.decision.findings}
    about = f"{decision.kind} {plain(decision.id)}" if shown.held else "it"
    found = _stopping(decision, flag, also, is_halt=shown.is_halt)
    why = "; ".join(
        f"{place(one.rule, stopping)}: {plain(one.rule)}, {one.message}" for one in found
    )
    permits, stops = _verbs(shown, flag, decision.outcome)
    sentence = (
        f"{_adopted(shown, old, new)}{plain(passing.file)} {permits} {asked};"
        f" {plain(stopping.file)} {stops} {about}: {why}"
    )
    return Answers(sentence, tuple(one.rule for one in found))


def _verbs(shown: Shown, flag: str | None, outcome: str) -> tuple[str, str]:
    """Return what the more permissive file does with the event, and what the other one does."""
    if shown.is_halt:
        return "does not halt the desk for", "halts for"
    if flag is not None:
        return "does not flag", "flags"
    return "approves", "holds" if outcome == "held" else "denies"


def _adopted(shown: Shown, old: Authorization, new: Authorization) -> str:
    """Return that only one file approved the order, if so, as the beginning of a sentence."""
    if shown.approved_by is None:
        return ""
    file = plain((old if shown.approved_by == "old" else new).file)
    return f"only {file} approves the order; while it is open, "


def _stopping(
    decision: WordedDecision, flag: str | None, also: set[str], *, is_halt: bool
) -> list[Worded]:
    """Return the findings that keep it from approval, without those that both files have.

    If *is_halt*, return those that halt the desk.
    """
    found = [
        one
        for one in decision.findings
        if one.result != "pass" and (one.effect != "flag" if flag is None else one.rule == flag)
    ]
    if is_halt:
        return [one for one in found if one.effect == "deny" and one.result == "fail"]
    return [one for one in found if one.rule not in also] or found


def _days(first: date, last: date) -> str:
    begin = "" if first == date.min else f"from {first}"
    end = "" if last == date.max else f"until {last}"
    return f"{begin} {end}".strip() or "all"
