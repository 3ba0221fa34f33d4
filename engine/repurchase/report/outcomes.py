"""Which outcomes an edit would have changed in a log, for a terminal and for programs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import msgspec
from msgspec import structs
from rich.console import Group, RenderableType
from rich.text import Text

from repurchase.domain.decisions import EFFECTS
from repurchase.domain.errors import plain
from repurchase.domain.formats import unit
from repurchase.evaluation.step import Decided
from repurchase.evaluation.wording import Worded, WordedDecision, worded
from repurchase.replay.run import Program, Summary
from repurchase.replay.what_if import Changes, Compared, OtherFindings, WhatIf
from repurchase.report.decisions import MARKS, remaining
from repurchase.report.tables import counted, plain_table, quoted

# A terminal shows so many changes of each sort; --changes writes all of them.
LISTED: Final = 20
_REASONS: Final = 3


class ChangedOutcome(msgspec.Struct, frozen=True):
    """One event with both decisions in words, as programs read it."""

    line: int | None
    record: int | None
    id: str
    kind: str
    direct: bool | None
    differing: tuple[str, ...]
    old: WordedDecision
    new: WordedDecision


def changed_outcome(compared: Compared) -> ChangedOutcome:
    """Return *compared* with both decisions in words."""
    old, new = compared.old, compared.new
    return ChangedOutcome(
        compared.line,
        compared.record,
        old.decision.id,
        old.decision.kind,
        compared.direct,
        compared.differing,
        worded(old.decision, old.life),
        worded(new.decision, new.life),
    )


class Listed:
    """The first changes of a log that a terminal lists: direct and knock-on changes apart."""

    def __init__(self, more: str) -> None:
        """List none yet; *more* says where all changes are, after the number that is left out."""
        self._more = more
        self._listed: dict[bool, list[Compared]] = {True: [], False: []}

    def add(self, compared: Compared) -> None:
        """Add *compared*, whose outcome changed, if its list is not full."""
        assert compared.direct is not None, "its outcome did not change"
        listed = self._listed[compared.direct]
        if len(listed) < LISTED:
            listed.append(compared)

    def view(self, changes: Changes) -> Iterator[RenderableType]:
        """Yield both lists, each with its heading and the number of the changes it leaves out."""
        for is_direct, count, sort, why in (
            (True, changes.direct, "direct change", ""),
            (False, changes.knock_on, "knock-on change", ", explained by an earlier change"),
        ):
            listed = self._listed[is_direct]
            if not listed:
                continue
            yield Text(f"{counted(count, sort)}{why}:", style="bold")
            yield _table(listed)
            if count > len(listed):
                yield Text(f"and {count - len(listed):,} more{self._more}")


def _table(listed: list[Compared]) -> RenderableType:
    rows = (
        (
            _number(one),
            f"{one.old.decision.kind} {one.old.decision.id}",
            _cell(one.old, one.differing),
            _cell(one.new, one.differing),
        )
        for one in listed
    )
    heading = "line" if listed[0].record is None else "record"
    return plain_table(heading, "event", "old", "new", rows=rows, right=(0,))


def _number(one: Compared) -> str:
    number = one.line if one.record is None else one.record
    return "" if number is None else f"{number:,}"


def changes_object(changes: Changes) -> dict[str, Any]:
    """Return *changes* as programs read them, the first events with their decisions in words."""
    return structs.asdict(changes) | {
        "first": _first(changes.first),
        "other_findings": structs.asdict(changes.other_findings)
        | {"first": _first(changes.other_findings.first)},
    }


def changes_view(what_if: WhatIf, changes: Changes, listed: Listed, title: str) -> RenderableType:
    """Return the same for a terminal."""
    parts: list[RenderableType] = [Text(plain(title), style="bold")]
    named = (changes.old.authorization, changes.new.authorization)
    if named[0] != named[1]:
        warning = f"The two files are of different authorizations, {named[0]} and {named[1]}."
        parts.append(Text(plain(warning), style="yellow"))
    parts.append(Text(f"{headline(changes)}."))
    if changes.first is not None:
        first = f"The first is {sentence(changes.first)}."
        parts += [Text(first), _reasons(changes.first)]
        parts.append(_directions(changes))
    parts += listed.view(changes)
    parts += _others(changes.other_findings)
    return Group(*parts, _totals(what_if, changes))


def headline(changes: Changes) -> str:
    """Return in a sentence how many events change outcome."""
    events, count = counted(changes.events, "event"), changes.changed
    if not count and not changes.edited:
        return f"None of {events} changes outcome: both files are the same on these days"
    if not count:
        return f"None of {events} changes outcome"
    verb = "changes" if count == 1 else "change"
    sorts = f"{changes.direct:,} direct, {changes.knock_on:,} knock-on"
    return f"{count:,} of {events} {verb} outcome: {sorts}"


def sentence(compared: Compared) -> str:
    """Return in a sentence the outcome of an event by both files."""
    old, new = compared.old.decision, compared.new.decision
    number, where = _number(compared), "on line" if compared.record is None else "in record"
    event = plain(f"{old.kind} {old.id} {where} {number}" if number else f"{old.kind} {old.id}")
    if old.outcome == new.outcome:
        return f"{event}, {old.outcome} by both files"
    return f"{event}, {old.outcome} by the old file and {new.outcome} by the new one"


def _reasons(compared: Compared) -> RenderableType:
    """Return the findings that only one file has for an event, with the quotes of their rules."""
    rows = (
        (name, _named(one), Text(one.message), quoted(one.quote))
        for name, decided in (("old", compared.old), ("new", compared.new))
        for one in _findings(decided, compared.differing)
    )
    return plain_table("file", "rule", "what", "quote", rows=rows, headed=False)


def _findings(decided: Decided, differing: tuple[str, ...]) -> list[Worded]:
    """Return the findings that only this file has: by effect, `deny` first, then failed first."""
    found = worded(decided.decision, decided.life).findings
    return sorted(
        (one for one in found if one.rule in differing),
        key=lambda one: (EFFECTS.index(one.effect), one.result != "fail", one.rule),
    )


def _cell(decided: Decided, differing: tuple[str, ...]) -> Text:
    """Return an outcome, and below it the findings that only this file has."""
    text = Text(*MARKS[decided.decision.outcome])
    found = _findings(decided, differing)
    for one in found[:_REASONS]:
        text.append_text(Text.assemble("\n", _named(one), f": {one.message}"))
    if len(found) > _REASONS:
        text.append(f"\nand {counted(len(found) - _REASONS, 'more finding')}", style="default")
    return text


def _named(finding: Worded) -> Text:
    effect = "" if finding.effect == "deny" else f" ({finding.effect})"
    return Text(f"{plain(finding.rule)}{effect}", style="red")


def _directions(changes: Changes) -> RenderableType:
    rows = (
        (Text(*MARKS[one.old]), Text(*MARKS[one.new]), f"{one.direct:,}", f"{one.knock_on:,}")
        for one in changes.by_direction
    )
    return plain_table("old", "new", "direct", "knock-on", rows=rows, right=(2, 3))


def _others(others: OtherFindings) -> Iterator[RenderableType]:
    """Yield the findings that differ although the outcome is the same."""
    if others.first is None:
        return
    have = "has" if others.events == 1 else "have"
    head = f"{counted(others.events, 'event')} {have} the same outcome with other findings"
    yield Text(f"{head}. The first is {sentence(others.first)}.", style="yellow")
    yield _reasons(others.first)
    rows = ((rule, f"{count.old:,}", f"{count.new:,}") for rule, count in others.by_rule.items())
    yield plain_table("different results", "old", "new", rows=rows, right=(1, 2))


def _totals(what_if: WhatIf, changes: Changes) -> RenderableType:
    """Return the totals of the log by each file, side by side."""
    old, new = changes.old, changes.new
    names = ("approved", "held", "denied", "refused", "recorded", "duplicates", "skipped")
    counts = [(name, getattr(old, name), getattr(new, name)) for name in names]
    # Their shares or money are unknown, and so are the totals below.
    counts.append(("unknown fills", len(old.unknown), len(new.unknown)))
    rows = [(name, f"{one:,}", f"{other:,}") for name, one, other in counts if one or other]
    figures = ("shares executed", "money executed", "shares remaining", "money remaining")
    rows += zip(figures, _figures(what_if.old, old), _figures(what_if.new, new), strict=True)
    return plain_table("in all", "old", "new", rows=rows, right=(1, 2))


def _figures(program: Program, summary: Summary) -> tuple[str, ...]:
    """Return the shares and the money executed, and the shares and the money remaining."""
    edition = program.edition
    assert edition is not None, "an event was decided"
    return (
        unit(summary.executed_shares, "shares"),
        unit(summary.executed_amount, edition.authorization.currency),
        *remaining(summary, edition, "no cap"),
    )


def _first(compared: Compared | None) -> ChangedOutcome | None:
    return None if compared is None else changed_outcome(compared)
