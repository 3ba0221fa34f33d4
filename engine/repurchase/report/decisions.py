"""A decision for a terminal: its outcome, its findings, and what is left after it."""

from __future__ import annotations

from functools import partial
from typing import Final

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from repurchase.domain.errors import plain
from repurchase.domain.formats import unit
from repurchase.domain.quantities import shown
from repurchase.evaluation.step import Decided
from repurchase.evaluation.wording import WordedDecision, worded
from repurchase.report.tables import plain_table
from repurchase.rulebook.editions import Edition

MARKS: Final = {
    "approved": ("approved", "green"),
    "recorded": ("recorded", "green"),
    "held": ("held", "yellow"),
    "denied": ("DENIED", "bold red"),
    "refused": ("REFUSED", "bold red"),
}
_RESULTS: Final = {
    "pass": ("passes", "green"),
    "fail": ("FAILS", "bold red"),
    "indeterminate": ("UNDECIDED", "bold red"),
    "not_applicable": ("not_applicable", "dim"),
}


def decision_view(decided: Decided) -> RenderableType:
    """Return one decision with every rule, for a terminal."""
    decision = worded(decided.decision, decided.edition)
    word, style = MARKS[decision.outcome]
    parts: list[RenderableType] = [
        Text.assemble(
            (word, style),
            " ",
            plain(f"{decision.kind} {decision.id}"),
            ("  answered before" if decided.repeated else "", "dim"),
        )
    ]
    if decision.findings:
        parts.append(findings_table(decision))
    return Group(*parts, left_after(decision, decided.edition))


def findings_table(decision: WordedDecision) -> Table:
    """Return the findings of *decision* in words, a row each."""
    table = plain_table("result", "rule", "what", "quote", headed=False)
    for found in decision.findings:
        word, style = _RESULTS[found.result]
        if found.effect != "deny":
            word = f"{word} ({found.effect})"
        quote = f"“{plain(found.quote)}”" if found.quote else ""
        table.add_row(
            Text(word, style=style), Text(plain(found.rule)), Text(found.message), Text(quote)
        )
    return table


def left_after(decision: WordedDecision, edition: Edition) -> Text:
    """Return what is left after *decision*, and by what the program is halted, if it is."""
    position, currency = decision.position, edition.authorization.currency
    # What is left is rounded down: nobody may use what is not there.
    down = partial(shown, up=False)
    shares = no_cap(edition, "max_shares", "no cap on shares")
    amount = no_cap(edition, "max_amount", "no cap on money")
    if edition.max_shares is not None:
        shares = unit(position.remaining_shares, "shares", down)
    if edition.max_amount is not None:
        amount = unit(position.remaining_amount, currency, down)
    left = Text(f"left after it: {shares}, {amount}")
    if position.halted is None:
        return left
    return Text("\n").join([left, halted_line(position.halted)])


def halted_line(by: str) -> Text:
    """Return that the program is halted *by* an event."""
    return Text(f"halted by {plain(by)}: nothing is approved until it is resumed", style="bold red")


def no_cap(edition: Edition, term: str, none: str) -> str:
    """Return that there is *none*; one that other days have, or that is not known yet, is told."""
    named = any(one.name == term for one in edition.authorization.terms)
    return f"{none} known and in force" if named else none
