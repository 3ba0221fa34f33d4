"""What the API answers: frozen values, their quantities exact strings, their findings in words."""

from __future__ import annotations

import msgspec

from repurchase.domain.decisions import PositionReport, Receipt
from repurchase.evaluation.step import Decided
from repurchase.evaluation.wording import Worded, WordedDecision, worded


class Finding(Worded, frozen=True, kw_only=True):
    """What one rule found of an event.

    *rule* is its ID. *result* is `pass`, `fail`, `indeterminate` (a fact is missing) or
    `not_applicable`. *effect* is `deny`, `review` (hold for a second person) or `flag` (report
    only). *observed* and *limit* are the two sides compared, as exact strings; `None` if the rule
    compared nothing. *dimension* is their unit: `shares`, `units`, a currency such as `JPY`, a
    price per share or unit, `date`, `time`, `count`, `ratio`, `word` or `flag`. *missing* names the
    facts without which the rule is undecided, and the event fields that would supply them. *since*
    is the day from which the rules that found it are in force, if that is later than the event.
    *venue* is its venue, if the order names several and it is not the first.
    *message* is one sentence; *quote* and *cite* are the words of the source and their place, if
    the rule file gives them.
    """


class Position(PositionReport, frozen=True, gc=False):
    """What a program has used and has left, as exact strings such as `"3999.5"` or `"1/3"`.

    *executed_shares*, *reserved_shares* and *remaining_shares* are in ordinary-share equivalents;
    *executed_amount*, *reserved_amount* and *remaining_amount* are in the program's currency. Open
    orders reserve their worst case; what remains is the cap less both. A figure is `None` if it is
    unknown, or if no cap limits it.
    """


class Decision(WordedDecision, frozen=True, omit_defaults=True):
    """What the program says about one event.

    *id* and *kind* are the event's. *outcome* is `approved`, `denied`, `held` (until another person
    releases it), `recorded` (no rule evaluates this kind) or `refused` (the ID was used for another
    event). *findings* are sorted by rule; rules that pass or do not apply are left out, unless
    every rule was asked for. *position* is the program's after the event. *edition* is the SHA-256
    of the rules in force, and *editions* are those in force later, while an order can still fill:
    they judged it, too. *halted_by* are the IDs of the events that halt the program now. If
    *pending*, the event only proposes, and waits for a second person's `confirm`. *repeated* is
    whether the event was decided before, with this decision; *order_state* is how its order stands
    now, if that has changed. *to_cancel* are the open orders that a halt leaves to be cancelled.
    *one_person* is whether nobody else confirms what loosens. *receipt* names the record that holds
    the decision, by which a journal can be held to it; `None` if there is none.
    """

    findings: tuple[Finding, ...]
    position: Position
    repeated: bool = False
    order_state: str | None = None
    to_cancel: tuple[str, ...] = ()
    one_person: bool = False
    receipt: Receipt | None = None

    @property
    def denied_by(self) -> tuple[str, ...]:
        """Return the IDs of the `deny` rules that failed or are undecided."""
        return tuple(
            found.rule
            for found in self.findings
            if found.effect == "deny" and found.result in ("fail", "indeterminate")
        )


def answer_of(decided: Decided) -> Decision:
    """Return what was *decided*, in words."""
    decision = decided.decision
    # Most events pass all rules: then there is nothing to put in words.
    found = worded(decision, decided.life, decided.event).findings if decision.findings else ()
    return Decision(
        id=decision.id,
        kind=decision.kind,
        outcome=decision.outcome,
        findings=tuple(Finding(**msgspec.structs.asdict(one)) for one in found),
        position=position_of(decision.position),
        edition=decision.edition,
        editions=decision.editions,
        halted_by=decision.halted_by,
        pending=decision.pending,
        repeated=decided.repeated,
        order_state=decided.order_state,
        to_cancel=decided.to_cancel,
        one_person=decided.one_person,
        receipt=decided.receipt,
    )


def position_of(report: PositionReport) -> Position:
    """Return what a *report* of the inner rooms says."""
    return Position(*msgspec.structs.astuple(report))
