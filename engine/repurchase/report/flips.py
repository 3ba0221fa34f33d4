"""What an edit would have changed in a log, for a terminal and for programs."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Final

import msgspec
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from repurchase.domain.decisions import EFFECTS
from repurchase.domain.errors import plain
from repurchase.domain.formats import unit
from repurchase.domain.quantities import shown
from repurchase.evaluation.step import Decided
from repurchase.evaluation.wording import Worded, WordedDecision, worded
from repurchase.replay.run import Program, Summary
from repurchase.replay.what_if import Changes, Compared, OtherFindings, WhatIf
from repurchase.report.decisions import MARKS, no_cap
from repurchase.report.tables import counted, plain_table
from repurchase.report.written import WholeFile, json_text

# So many flips of either sort a terminal shows; `FlipsFile` has them all.
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


class FlipsFile(WholeFile):
    """The verdicts that flip, a line each."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, "the flips")

    def write(self, compared: Compared) -> None:
        """Add one flip; raise UsageError where it cannot be written."""
        self.add(json_text(flip(compared)))


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
    table = plain_table("line", "event", "old", "new")
    table.columns[0].justify = "right"
    for one in listed:
        event = Text(plain(f"{one.old.decision.kind} {one.old.decision.id}"))
        old, new = _cell(one.old, one.differing), _cell(one.new, one.differing)
        table.add_row("" if one.line is None else f"{one.line:,}", event, old, new)
    return table


def changes_json(changes: Changes) -> str:
    """Return *changes* as one line of JSON, the first events with their decisions in words."""
    others = changes.other_findings
    named = {name: getattr(changes, name) for name in Changes.__struct_fields__}
    return json_text(
        {
            **named,
            "first": _first(changes.first),
            "other_findings": {
                "events": others.events,
                "by_rule": others.by_rule,
                "first": _first(others.first),
            },
        }
    )


def changes_view(what_if: WhatIf, changes: Changes, flips: Flips, title: str) -> RenderableType:
    """Return the same for a terminal."""
    parts: list[RenderableType] = [Text(plain(title), style="bold")]
    named = (changes.old.authorization, changes.new.authorization)
    if named[0] != named[1]:
        said = f"The files are of two authorizations, {named[0]} and {named[1]}."
        parts.append(Text(plain(said), style="yellow"))
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
    said = f"{flips:,} {'verdict' if flips == 1 else 'verdicts'} of {events} {_flip(flips)}"
    if not changes.consequent:
        return f"{said}, {own if flips == 1 else 'each of its own'}"
    return f"{said}: {changes.own:,} {own}, {changes.consequent:,} only because an earlier one did"


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
    table = plain_table("file", "rule", "what", "quote", headed=False)
    for name, decided in (("old", compared.old), ("new", compared.new)):
        for one in _findings(decided, compared.differing):
            quote = f"“{plain(one.quote)}”" if one.quote else ""
            table.add_row(name, _named(one), Text(one.message), Text(quote))
    return table


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
    table = plain_table("old", "new", "of its own", "only because an earlier one did")
    _to_the_right(table, 2)
    for one in changes.by_direction:
        marks = (Text(*MARKS[one.old]), Text(*MARKS[one.new]))
        table.add_row(*marks, f"{one.own:,}", f"{one.consequent:,}")
    return table


def _others(others: OtherFindings) -> Iterator[RenderableType]:
    """Yield what is found otherwise though the verdict stands."""
    if others.first is None:
        return
    have = "has" if others.events == 1 else "have"
    said = f"{counted(others.events, 'event')} {have} the same outcome with other findings"
    yield Text(f"{said}. The first is {sentence(others.first)}.", style="yellow")
    yield _reasons(others.first)
    table = plain_table("found otherwise", "old", "new")
    _to_the_right(table, 1)
    for rule, count in others.by_rule.items():
        table.add_row(Text(plain(rule)), f"{count.old:,}", f"{count.new:,}")
    yield table


def _to_the_right(table: Table, first: int) -> None:
    """Align the columns of figures, from the *first* on."""
    for column in table.columns[first:]:
        column.justify = "right"


def _totals(what_if: WhatIf, changes: Changes) -> RenderableType:
    """Return what the log comes to by each file, side by side."""
    table = plain_table("in all", "old", "new")
    _to_the_right(table, 1)
    old, new = changes.old, changes.new
    names = ("approved", "held", "denied", "refused", "recorded", "duplicates", "skipped")
    counts = [(name, getattr(old, name), getattr(new, name)) for name in names]
    # What they come to is unknown, and so are the figures below.
    counts.append(("unknown fills", len(old.unknown), len(new.unknown)))
    for name, one, other in counts:
        if one or other:
            table.add_row(name, f"{one:,}", f"{other:,}")
    figures = zip(_figures(what_if.old, old), _figures(what_if.new, new), strict=True)
    for (name, said), (_, otherwise) in figures:
        table.add_row(name, Text(said), Text(otherwise))
    return table


def _figures(program: Program, summary: Summary) -> Iterator[tuple[str, str]]:
    edition = program.edition
    assert edition is not None, "an event was judged"
    # What is left is rounded down: nobody may use what is not there.
    down = partial(shown, up=False)
    currency = edition.authorization.currency
    yield "shares executed", unit(summary.executed_shares, "shares")
    yield "money executed", unit(summary.executed_amount, currency)
    left = unit(summary.remaining_shares, "shares", down)
    yield "shares left", no_cap(edition, "max_shares", "no cap") if not edition.max_shares else left
    left = unit(summary.remaining_amount, currency, down)
    yield "money left", no_cap(edition, "max_amount", "no cap") if not edition.max_amount else left


def _first(compared: Compared | None) -> Flip | None:
    return None if compared is None else flip(compared)
