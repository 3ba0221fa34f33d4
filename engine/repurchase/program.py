"""The one pure step of a program: an event and a position to a decision and the next position."""

from __future__ import annotations

import msgspec
from msgspec.structs import replace

from repurchase.decision import Decision, Finding, Outcome, Standing
from repurchase.edition import Edition
from repurchase.events import Event
from repurchase.facts import TABLE, Situation
from repurchase.judge import Scope, judge, outcome
from repurchase.position import Position, Trade, after, brought_forward, refused, trade
from repurchase.quantities import Exact, written


class Step(msgspec.Struct, frozen=True, gc=False):
    """The decision of one event and the position that it leaves."""

    decision: Decision
    position: Position


def step(event: Event, position: Position, edition: Edition, *, every_rule: bool = False) -> Step:
    """Return the decision of *edition* on *event* at *position*, and the position after it.

    An order that is approved reserves its worst case; one that is not changes no figure. A fill
    counts whatever the verdict: it happened.
    """
    if event.kind == "brought_forward":
        return _brought_forward(event, position, edition)
    proposed = trade(event, edition.reckoning, position)
    following = after(position, proposed)
    found = judge(
        edition, _scope(proposed), Situation(proposed, position, following), every_rule=every_rule
    )
    findings = _told((*_own_findings(proposed, edition), *found), proposed)
    result = outcome(findings)
    if not proposed.is_fill and result != "approved":
        following = refused(position, proposed, "held" if result == "held" else "denied")
    return Step(_decision(event, result, findings, following, edition), following)


def refusal(event: Event, position: Position, edition: Edition) -> Decision:
    """Return the answer to an *event* whose id was used before, with other content."""
    return _decision(event, "refused", (_denial("engine.used-id"),), position, edition)


def standing(position: Position, edition: Edition) -> Standing:
    """Return what *position* has used and has left under the caps of *edition*."""
    return Standing(
        _text(position.known_executed_shares()),
        _text(position.reserved_shares),
        _text(position.known_executed_amount()),
        _text(position.known_reserved_amount()),
        _text(_left(edition.max_shares, position.used_shares())),
        _text(_left(edition.max_amount, position.used_amount())),
    )


def _scope(proposed: Trade) -> Scope:
    if not proposed.is_fill:
        return "order"
    # A fill without an open order is judged as if it were asked for at that moment.
    return "fill" if proposed.of_order else "all"


def _own_findings(proposed: Trade, edition: Edition) -> tuple[Finding, ...]:
    """Return what the program itself finds, whatever the rules say."""
    found = []
    if proposed.fault is not None:
        found.append(_denial(f"engine.{proposed.fault}"))
    if proposed.listing is None:
        found.append(_denial("engine.unknown-instrument"))
    elif proposed.fx is None and proposed.event.fx is not None:
        found.append(_denial("engine.wrong-rate"))
    if not proposed.counts:
        found.append(_denial("engine.sale"))
    elif proposed.is_fill and proposed.amount is None:
        found.append(
            Finding("engine.unknown-amount", "indeterminate", "deny", missing=("trade.amount",))
        )
    if not _judged(proposed, edition):
        found.append(_denial("engine.no-rule"))
    return tuple(found)


def _judged(proposed: Trade, edition: Edition) -> bool:
    if proposed.is_fill:
        # That of an open order was judged as the order was, by what is not `at: fill`.
        return bool(edition.rules)
    return any(rule.rule.at != "fill" for rule in edition.rules)


def _told(findings: tuple[Finding, ...], proposed: Trade) -> tuple[Finding, ...]:
    """Return *findings* by rule, each with the fields named that the event would have to give."""
    if not findings:
        return findings
    lacking = _lacking(proposed)
    return tuple(
        _with_fields(finding, lacking) if finding.missing else finding
        for finding in sorted(findings, key=lambda one: one.rule)
    )


def _with_fields(finding: Finding, lacking: tuple[str, ...]) -> Finding:
    sources = {field for name in finding.missing if name in TABLE for field in TABLE[name].given_by}
    fields = (field for field in lacking if field in sources)
    return replace(finding, missing=(*finding.missing, *fields))


def _lacking(proposed: Trade) -> tuple[str, ...]:
    """Return the fields that would help, were they given: not those whose value is at fault."""
    return tuple(
        field
        for field in proposed.lacks()
        if getattr(proposed.event, field) is None
        # Without an instrument there is no venue whose clock could show a time.
        and (field != "time" or proposed.listing is not None)
    )


def _denial(name: str) -> Finding:
    return Finding(name, "fail", "deny")


def _brought_forward(event: Event, position: Position, edition: Edition) -> Step:
    if position.started:
        findings = (_denial("engine.not-first"),)
        return Step(_decision(event, "denied", findings, position, edition), position)
    following = brought_forward(position, event)
    return Step(_decision(event, "recorded", (), following, edition), following)


def _decision(
    event: Event,
    result: Outcome,
    findings: tuple[Finding, ...],
    position: Position,
    edition: Edition,
) -> Decision:
    return Decision(
        id=event.id,
        kind=event.kind,
        outcome=result,
        findings=findings,
        position=standing(position, edition),
        rules=edition.hash,
    )


def _left(cap: Exact | None, used: Exact | None) -> Exact | None:
    return None if cap is None or used is None else cap - used


def _text(value: Exact | None) -> str | None:
    if type(value) is int:
        return str(value)
    return None if value is None else written(value)
