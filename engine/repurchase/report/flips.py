"""What an edit would have changed in a log, for a terminal and for programs."""

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

# So many flips of either sort a terminal shows; --flips writes them all.
LISTED: Final = 20
_REASONS: Final = 3


class Flip(msgspec.Struct, frozen=True):
    """An event with both its decisions in words: what programs read of it."""

    line: int | None
    id: str
    kind: str
    own: bool | None
    differing: tuple[str, ...]
    old: WordedDecision
    new: WordedDecision


def flip(compared: Compared) -> Flip:
    """Return *compared* with both decisions in words."""
    old, new = compared.old, compared.new
    return Flip(
        compared.line,
        old.decision.id,
        old.decision.kind,
        compared.own,
        compared.differing,
        worded(old.decision, old.edition),
        worded(new.decision, new.edition),
    )


class Flips:
    """The first flips of a log, those of their own and those that follow from them apart."""

    def __init__(self) -> None:
        self._listed: dict[bool, list[Compared]] = {True: [], False: []}

    def add(self, compared: Compared) -> None:
        """Note *compared*, which flips, while there is room for it."""
        assert compared.own is not None, "what does not flip is no flip"
        listed = self._listed[compared.own]
        if len(listed) < LISTED:
            listed.append(compared)

    def view(self, changes: Changes) -> Iterator[RenderableType]:
        """Yield both lists, each with its heading and the number of those that it leaves out."""
        own = "of its own" if changes.own == 1 else "of their own"
        for is_own, count, why in (
            (True, changes.own, own),
            (False, changes.consequent, "only because an earlier one did"),
        ):
            listed = self._listed[is_own]
            if not listed:
                continue
            yield Text(f"{count:,} {_flip(count)} {why}:", style="bold")
            yield _table(listed)
            if count > len(listed):
                yield Text(f"and {count - len(listed):,} more, which --flips writes to a file")


def _table(listed: list[Compared]) -> RenderableType:
    rows = (
        (
            "" if one.line is None else f"{one.line:,}",
            f"{one.old.decision.kind} {one.old.decision.id}",
            _cell(one.old, one.differing),
            _cell(one.new, one.differing),
        )
        for one in listed
    )
    return plain_table("line", "event", "old", "new", rows=rows, right=(0,))


def changes_object(changes: Changes) -> dict[str, Any]:
    """Return *changes* as programs read them, the first events with their decisions in words."""
    return structs.asdict(changes) | {
        "first": _first(changes.first),
        "other_findings": structs.asdict(changes.other_findings)
        | {"first": _first(changes.other_findings.first)},
    }


def changes_view(what_if: WhatIf, changes: Changes, flips: Flips, title: str) -> RenderableType:
    """Return the same for a terminal."""
    parts: list[RenderableType] = [Text(plain(title), style="bold")]
    named = (changes.old.authorization, changes.new.authorization)
    if named[0] != named[1]:
        warning = f"The files are of two authorizations, {named[0]} and {named[1]}."
        parts.append(Text(plain(warning), style="yellow"))
    parts.append(Text(f"{headline(changes)}."))
    if changes.first is not None:
        parts += [Text(f"The first is {sentence(changes.first)}."), _reasons(changes.first)]
        parts.append(_directions(changes))
    parts += flips.view(changes)
    parts += _others(changes.other_findings)
    return Group(*parts, _totals(what_if, changes))


def headline(changes: Changes) -> str:
    """Return in a sentence how many verdicts flip."""
    events, flips = counted(changes.events, "event"), changes.flips
    if not flips and not changes.edited:
        return f"No verdict of {events} flips: on their days both files say the same"
    if not flips:
        return f"No verdict of {events} flips"
    own = "of its own" if changes.own == 1 else "of their own"
    head = f"{flips:,} {'verdict' if flips == 1 else 'verdicts'} of {events} {_flip(flips)}"
    if not changes.consequent:
        return f"{head}, {own if flips == 1 else 'each of its own'}"
    return f"{head}: {changes.own:,} {own}, {changes.consequent:,} only because an earlier one did"


def sentence(compared: Compared) -> str:
    """Return in a sentence what both files say of an event."""
    old, new = compared.old.decision, compared.new.decision
    line = "" if compared.line is None else f" on line {compared.line:,}"
    event = plain(f"{old.kind} {old.id}{line}")
    if old.outcome == new.outcome:
        return f"{event}, {old.outcome} by both files"
    return f"{event}, {old.outcome} by the old file and {new.outcome} by the new one"


def _reasons(compared: Compared) -> RenderableType:
    """Return what only one of the files found of an event, with the words that it rests on."""
    rows = (
        (name, _named(one), Text(one.message), quoted(one.quote))
        for name, decided in (("old", compared.old), ("new", compared.new))
        for one in _findings(decided, compared.differing)
    )
    return plain_table("file", "rule", "what", "quote", rows=rows, headed=False)


def _findings(decided: Decided, differing: tuple[str, ...]) -> list[Worded]:
    """Return what the file found that the other did not, what denies first, what fails before."""
    found = worded(decided.decision, decided.edition).findings
    return sorted(
        (one for one in found if one.rule in differing),
        key=lambda one: (EFFECTS.index(one.effect), one.result != "fail", one.rule),
    )


def _cell(decided: Decided, differing: tuple[str, ...]) -> Text:
    """Return an outcome, and in lines below it what only this file found."""
    text = Text(*MARKS[decided.decision.outcome])
    found = _findings(decided, differing)
    for one in found[:_REASONS]:
        text.append_text(Text.assemble("\n", _named(one), f": {one.message}"))
    if len(found) > _REASONS:
        text.append(f"\nand {counted(len(found) - _REASONS, 'finding')} more", style="default")
    return text


def _named(finding: Worded) -> Text:
    effect = "" if finding.effect == "deny" else f" ({finding.effect})"
    return Text(f"{plain(finding.rule)}{effect}", style="red")


def _flip(count: int) -> str:
    return "flips" if count == 1 else "flip"


def _directions(changes: Changes) -> RenderableType:
    rows = (
        (Text(*MARKS[one.old]), Text(*MARKS[one.new]), f"{one.own:,}", f"{one.consequent:,}")
        for one in changes.by_direction
    )
    headings = ("old", "new", "of its own", "only because an earlier one did")
    return plain_table(*headings, rows=rows, right=(2, 3))


def _others(others: OtherFindings) -> Iterator[RenderableType]:
    """Yield what is found otherwise though the verdict stands."""
    if others.first is None:
        return
    have = "has" if others.events == 1 else "have"
    head = f"{counted(others.events, 'event')} {have} the same outcome with other findings"
    yield Text(f"{head}. The first is {sentence(others.first)}.", style="yellow")
    yield _reasons(others.first)
    rows = ((rule, f"{count.old:,}", f"{count.new:,}") for rule, count in others.by_rule.items())
    yield plain_table("found otherwise", "old", "new", rows=rows, right=(1, 2))


def _totals(what_if: WhatIf, changes: Changes) -> RenderableType:
    """Return what the log comes to by each file, side by side."""
    old, new = changes.old, changes.new
    names = ("approved", "held", "denied", "refused", "recorded", "duplicates", "skipped")
    counts = [(name, getattr(old, name), getattr(new, name)) for name in names]
    # What they come to is unknown, and so are the figures below.
    counts.append(("unknown fills", len(old.unknown), len(new.unknown)))
    rows = [(name, f"{one:,}", f"{other:,}") for name, one, other in counts if one or other]
    figures = ("shares executed", "money executed", "shares left", "money left")
    rows += zip(figures, _figures(what_if.old, old), _figures(what_if.new, new), strict=True)
    return plain_table("in all", "old", "new", rows=rows, right=(1, 2))


def _figures(program: Program, summary: Summary) -> tuple[str, ...]:
    """Return what is executed and what is left, of shares and of money."""
    edition = program.edition
    assert edition is not None, "an event was judged"
    return (
        unit(summary.executed_shares, "shares"),
        unit(summary.executed_amount, edition.authorization.currency),
        *remaining(summary, edition, "no cap"),
    )


def _first(compared: Compared | None) -> Flip | None:
    return None if compared is None else flip(compared)
