"""A decision for a terminal: its outcome, its findings, and what is left after it."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING, Final

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from repurchase.domain.decisions import PositionReport
from repurchase.domain.errors import plain
from repurchase.domain.formats import unit
from repurchase.domain.quantities import shown
from repurchase.evaluation.step import Decided
from repurchase.evaluation.wording import Worded, WordedDecision, worded
from repurchase.report.tables import plain_table, quoted
from repurchase.rulebook.editions import Edition

if TYPE_CHECKING:
    from repurchase.replay.run import Summary

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
    "not_applicable": ("not applicable", "dim"),
}


def decision_view(decided: Decided) -> RenderableType:
    """Return one decision with every rule, for a terminal."""
    decision = worded(decided.decision, decided.edition)
    remark = "  answered before" if decided.repeated else ""
    return Group(heading(decision, remark), *outcome(decision, decided.edition))


def heading(decision: WordedDecision, remark: str) -> Text:
    """Return what was decided of which event, and a *remark* on it."""
    return Text.assemble(
        MARKS[decision.outcome], plain(f" {decision.kind} {decision.id}"), (remark, "dim")
    )


def outcome(decision: WordedDecision, edition: Edition) -> Iterator[RenderableType]:
    """Yield the findings of *decision*, if there are any, and what is left after it."""
    if decision.findings:
        yield findings_table(decision)
    yield left_after(decision, edition)


def findings_table(decision: WordedDecision) -> Table:
    """Return the findings of *decision* in words, a row each."""
    rows = (
        (_result(found), found.rule, Text(found.message), quoted(found.quote))
        for found in decision.findings
    )
    return plain_table("result", "rule", "what", "quote", rows=rows, headed=False)


def _result(finding: Worded) -> Text:
    word, style = _RESULTS[finding.result]
    return Text(word if finding.effect == "deny" else f"{word} ({finding.effect})", style=style)


def left_after(decision: WordedDecision, edition: Edition) -> Text:
    """Return what is left after *decision*, and by what the program is halted, if it is."""
    left = Text(f"left after it: {', '.join(remaining(decision.position, edition))}")
    halted = decision.position.halted
    return left if halted is None else Text("\n").join([left, halted_line(halted)])


def remaining(
    position: PositionReport | Summary, edition: Edition, none: str = "no cap on {}"
) -> tuple[str, str]:
    """Return how many shares and how much money are left, or that *none* limits them."""
    # What is left is rounded down: nobody may use what is not there.
    down = partial(shown, up=False)
    shares = no_cap(edition, "max_shares", none.format("shares"))
    amount = no_cap(edition, "max_amount", none.format("money"))
    if edition.max_shares is not None:
        shares = unit(position.remaining_shares, "shares", down)
    if edition.max_amount is not None:
        amount = unit(position.remaining_amount, edition.authorization.currency, down)
    return shares, amount


def halted_line(by: str) -> Text:
    """Return that the program is halted *by* an event."""
    return Text(f"halted by {plain(by)}: nothing is approved until it is resumed", style="bold red")


def no_cap(edition: Edition, term: str, none: str) -> str:
    """Return that there is *none*, at least none that is known and in force."""
    named = any(one.name == term for one in edition.authorization.terms)
    return f"{none} known and in force" if named else none
