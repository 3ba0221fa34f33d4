"""The one pure step of a program: an event and a position to a decision and the next position."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import msgspec
from msgspec.structs import replace

from repurchase.domain.decisions import Decision, Finding, Outcome, PositionReport
from repurchase.domain.events import JUDGED, Event
from repurchase.domain.quantities import Exact, written
from repurchase.evaluation.judge import Scope, judge, outcome
from repurchase.facts.fact import Market, Situation
from repurchase.facts.table import TABLE
from repurchase.ledger.fold import after, brought_forward, refused, settled
from repurchase.ledger.position import Position
from repurchase.ledger.trades import Fault, Trade, day_of, raises, trade
from repurchase.rulebook.editions import Edition

# Who releases is not who ordered: where that is not said, nobody can.
_REQUESTER_MISSING: Final = Finding("engine.requester-missing", "indeterminate", "review")


class Decided(msgspec.Struct, frozen=True, gc=False):
    """A decision and the edition that made it, which has the words for it.

    *repeated* is whether it is the one that the same event was given before.
    """

    decision: Decision
    edition: Edition
    repeated: bool = False


class Step(msgspec.Struct, frozen=True, gc=False):
    """The decision of one event and the position that it leaves."""

    decision: Decision
    position: Position


def step(
    event: Event,
    position: Position,
    edition: Edition,
    *,
    every_rule: bool = False,
    live: bool = False,
    market: Market | None = None,
) -> Step:
    """Return the decision of *edition* on *event* at *position*, and the position after it.

    An order that is approved reserves its worst case; one that is not changes no figure. A fill
    counts whatever the verdict: it happened. Where the program is *live*, a fill that is a breach
    halts it; in a log of the past only the log itself does. *market* gives the facts of the market
    that the event does not carry.
    """
    if event.kind == "brought_forward":
        return _brought_forward(event, position, edition, live=live)
    if event.kind not in JUDGED:
        following = settled(position, event, edition.counting.zone)
        if isinstance(following, str):
            return _faulty(event, following, position, edition)
        return _recorded(event, following, edition)
    proposed = trade(event, edition.counting, position)
    if isinstance(proposed, str):
        return _faulty(event, proposed, position, edition)
    following = after(position, proposed)
    if event.kind == "replace" and not raises(proposed):
        return _recorded(event, following, edition)
    found = judge(
        edition,
        _scope(proposed),
        Situation(proposed, position, following, market),
        every_rule=every_rule,
    )
    own = _own_findings(event, proposed, position, edition, live=live)
    findings = _told((*own, *found), proposed)
    result = _outcome(event, findings)
    if live:
        following = _halting(following, event, findings) if proposed.is_fill else following
        findings = _with_requester_missing(findings, result, proposed)
    if not proposed.is_fill and result != "approved":
        following = refused(position, proposed, "held" if result == "held" else "denied")
    return Step(_decision(event, result, findings, following, edition), following)


def apply_recorded(
    event: Event, decision: Decision, position: Position, edition: Edition, *, live: bool = True
) -> Position:
    """Return the position after *event* by the *decision* of then, of a desk where it is *live*.

    Nothing is judged again: see `step` for that. The decision may be one of other rules.
    """
    # In a log of the past nothing that happened halts the program.
    breaking = decision.findings if live else ()
    if event.kind == "brought_forward":
        if decision.outcome == "recorded":
            return brought_forward(position, event)
        return _halting(position, event, breaking)
    if event.kind not in JUDGED:
        following = settled(position, event, edition.counting.zone)
        return _begun(position) if isinstance(following, str) else following
    proposed = trade(event, edition.counting, position)
    if isinstance(proposed, str):
        return _begun(position)
    if proposed.is_fill:
        return _halting(after(position, proposed), event, breaking)
    if decision.outcome in ("approved", "recorded"):
        return after(position, proposed)
    return refused(position, proposed, "held" if decision.outcome == "held" else "denied")


def refusal(event: Event, position: Position, edition: Edition) -> Decision:
    """Return the answer to an *event* whose id was used before, with other content."""
    return _decision(event, "refused", (_denial("engine.used-id"),), position, edition)


def position_report(position: Position, edition: Edition) -> PositionReport:
    """Return what *position* has used and has left under the caps of *edition*."""
    return PositionReport(
        _text(position.known_executed_shares()),
        _text(position.reserved_shares),
        _text(position.known_executed_amount()),
        _text(position.known_reserved_amount()),
        _text(_left(edition.max_shares, position.used_shares())),
        _text(_left(edition.max_amount, position.used_amount())),
        position.halted,
    )


def _scope(proposed: Trade) -> Scope:
    if not proposed.is_fill:
        return "order"
    # A fill without an open order is judged as if it were asked for at that moment.
    return "all" if proposed.is_new_use else "fill"


def _outcome(event: Event, findings: tuple[Finding, ...]) -> Outcome:
    if event.kind in ("release", "fill", "correct"):
        # Whoever releases answers for what is to be reviewed; what happened cannot wait for it.
        findings = tuple(finding for finding in findings if finding.effect != "review")
    return outcome(findings)


def _halting(position: Position, event: Event, findings: tuple[Finding, ...]) -> Position:
    """Return *position* after what happened at the desk, halted where it is a breach."""
    if position.halted is not None or not _is_breach(findings):
        return position
    return replace(position, halted=event.id)


def _is_breach(findings: tuple[Finding, ...]) -> bool:
    return any(finding.effect == "deny" and finding.result == "fail" for finding in findings)


def _own_findings(
    event: Event, proposed: Trade, position: Position, edition: Edition, *, live: bool
) -> Iterator[Finding]:
    """Yield what the program itself finds, whatever the rules say."""
    if position.halted is not None and not proposed.is_fill:
        yield _denial("engine.halted")
    if proposed.fault is not None:
        yield _with_excess(_mismatch(proposed.fault, event, position, edition), proposed)
    elif live and event.kind == "fill" and event.order is None:
        # At the desk each fill has an order; without one nothing was reserved for it.
        yield _denial("engine.overrun")
    if not _judged(proposed, edition):
        yield _denial("engine.no-rule")
    yield from _flaws(proposed)


def _flaws(proposed: Trade) -> Iterator[Finding]:
    """Yield what is amiss with a trade in itself."""
    if proposed.listing is None:
        yield _denial("engine.unknown-instrument")
    elif proposed.fx is None and proposed.event.fx is not None:
        # The rate is not known, rather than a limit passed.
        yield Finding("engine.wrong-rate", "indeterminate", "deny")
    if not proposed.counts:
        yield _denial("engine.sale")
    elif proposed.is_fill and proposed.amount is None:
        yield Finding("engine.unknown-amount", "indeterminate", "deny", missing=("trade.amount",))


def _with_requester_missing(
    findings: tuple[Finding, ...], result: Outcome, proposed: Trade
) -> tuple[Finding, ...]:
    """Return *findings*, and of what waits for its release in vain that it does."""
    if result != "held" or proposed.event.by is not None:
        return findings
    return _told((*findings, _REQUESTER_MISSING), proposed)


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


def _mismatch(fault: Fault, event: Event, position: Position, edition: Edition) -> Finding:
    """Return the finding of *fault*, with the days where it is about days."""
    finding = _denial(f"engine.{fault}")
    if fault != "backdated":
        return finding
    day = day_of(event, edition.counting.zone)
    return replace(finding, observed=str(day), limit=str(position.latest), dimension="date")


def _with_excess(finding: Finding, proposed: Trade) -> Finding:
    excess = proposed.excess
    if excess is None:
        return finding
    return replace(
        finding,
        observed=excess.observed,
        limit=excess.limit,
        dimension=excess.dimension,
    )


def _denial(name: str) -> Finding:
    return Finding(name, "fail", "deny")


def _brought_forward(event: Event, position: Position, edition: Edition, *, live: bool) -> Step:
    if position.started:
        found = (_denial("engine.not-first"),)
        # Something was bought that no one counts: a person must look before more is.
        following = _halting(position, event, found) if live else position
        return Step(_decision(event, "denied", found, following, edition), following)
    return _recorded(event, brought_forward(position, event), edition)


def _recorded(event: Event, following: Position, edition: Edition) -> Step:
    return Step(_decision(event, "recorded", (), following, edition), following)


def _faulty(event: Event, fault: Fault, position: Position, edition: Edition) -> Step:
    """Return the step of an event that is not allowed at *position*: it changes nothing."""
    following = _begun(position)
    found = (_mismatch(fault, event, position, edition),)
    return Step(_decision(event, "denied", found, following, edition), following)


def _begun(position: Position) -> Position:
    # What is brought forward can no longer be the first.
    return position if position.started else replace(position, started=True)


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
        position=position_report(position, edition),
        edition=edition.hash,
    )


def _left(cap: Exact | None, used: Exact | None) -> Exact | None:
    return None if cap is None or used is None else cap - used


def _text(value: Exact | None) -> str | None:
    if type(value) is int:
        return str(value)
    return None if value is None else written(value)
