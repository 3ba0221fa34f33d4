"""The one pure step of a program: from an event and a position to a decision and a position."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from fractions import Fraction
from itertools import chain
from typing import Final

import msgspec
from msgspec.structs import asdict, replace

from repurchase.domain.decisions import (
    Decision,
    Finding,
    Judge,
    Outcome,
    PositionReport,
    Receipt,
    listed,
)
from repurchase.domain.events import EXECUTIONS, JUDGED, MESSAGES, REPORTS, Event
from repurchase.domain.quantities import Exact, written
from repurchase.evaluation.judge import Scope, judge, outcome
from repurchase.evaluation.owners import owner_findings
from repurchase.evaluation.splits import is_followed
from repurchase.facts.fact import Market, Situation
from repurchase.facts.table import TABLE
from repurchase.ledger.fold import (
    after,
    asked,
    is_arrived,
    proposed,
    refused,
    settled,
    since_opening,
)
from repurchase.ledger.halts import acquainted, halted, lookalike, stopping
from repurchase.ledger.position import Position
from repurchase.ledger.splits import after_split, split_of
from repurchase.ledger.trades import (
    Excess,
    Fault,
    Trade,
    at_each_venue,
    backdated,
    listed_by,
    raises,
    trade,
)
from repurchase.rulebook.caps import CALLED
from repurchase.rulebook.editions import Edition, with_rules
from repurchase.rulebook.life import Later, Life

# The approver must not be the requester: if the requester is not named, nobody can release.
_REQUESTER_MISSING: Final = Finding("engine.requester-missing", "indeterminate", "review")
_RANKS: Final = {"fail": 3, "indeterminate": 2, "pass": 1, "not_applicable": 0}
# What happened is never refused; a breach among it halts the program.
_HAPPENED: Final = ("brought_forward", "fill", "correct")
# No name keeps these from taking effect.
_TAKE_EFFECT: Final = REPORTS | {"brought_forward", "halt", "cancel_requested"}
_OF_ORDER: Final = ("symbol", "venue", "side")
# What a report of an execution says happened.
_FIGURES: Final = (
    "kind",
    "order",
    "fill",
    "symbol",
    "venue",
    "side",
    "quantity",
    "price",
    "amount",
    "fees",
    "fx",
    "time",
    "date",
)


class Stopped(msgspec.Struct, frozen=True, gc=False):
    """That the last order is closed that was open when the event *cause* halted the program.

    *seconds* passed since then, as an exact string; `None` if a time is not known.
    """

    cause: str
    seconds: str | None


class Decided(msgspec.Struct, frozen=True, gc=False):
    """A decision and the editions of the event's *life*, which have the words for it.

    *event* is what was decided, if it is at hand. *repeated* is whether this is the decision that
    the same event had before; *place* then says where that one stands: `line 3 of trades.csv`, and
    *order_state* how its order stands now, if that has changed. A halt leaves open orders *to
    cancel*, and *stopped* says whose orders are all closed. *one_person* is whether the program
    has only one, who may loosen alone. *receipt* names the record, if there is one.
    """

    decision: Decision
    life: Life
    repeated: bool = False
    event: Event | None = None
    place: str | None = None
    order_state: str | None = None
    to_cancel: tuple[str, ...] = ()
    stopped: tuple[Stopped, ...] = ()
    one_person: bool = False
    receipt: Receipt | None = None

    @property
    def edition(self) -> Edition:
        """Return the edition of the event's own moment."""
        return self.life.edition

    @property
    def is_drill(self) -> bool:
        """Return whether the event is the rehearsal of a halt, which stops nothing."""
        return self.event is not None and self.event.drill is True


class Step(msgspec.Struct, frozen=True, gc=False):
    """The decision on one event, and the position after it."""

    decision: Decision
    position: Position


class Applied(msgspec.Struct, frozen=True, gc=False):
    """The position after an event with a decision, and the *outcome* that its findings give."""

    position: Position
    outcome: Outcome


class _Proposal(msgspec.Struct, frozen=True, gc=False):
    """An event before its decision: the *position* after it, if it is accepted; see `proposed`.

    The rules evaluate *trade*; it is `None` for an event that they do not evaluate. *fault* says
    why the event is not allowed; *position* is then the one after its denial.
    """

    position: Position
    trade: Trade | None = None
    fault: Fault | None = None


def step(
    event: Event,
    position: Position,
    life: Life,
    *,
    every_rule: bool = False,
    live: bool = False,
    market: Market | None = None,
) -> Step:
    """Return the decision on *event* at *position* by the editions of its *life*, and what follows.

    An approved order reserves its worst case; a denied or held order reserves nothing. A fill is
    counted even if it is denied: it happened. If *live*, a fill or correct that fails a `deny` rule
    halts the program; in a log of the past only a `halt` event does. *market* supplies facts beside
    the event, which the event cannot replace. *every_rule* also lists the rules that pass or do not
    apply.
    """
    edition = life.edition
    alike = _lookalike(event, position) if live else None
    if alike is not None:
        decision = _decision(event, "refused", (alike,), position, edition)
        return Step(decision, position)
    arrived, position = position, since_opening(position, event, edition.counting.zone)
    proposal = _proposal(event, position, life)
    proposed = proposal.trade
    result: Outcome = "recorded"
    findings = _remarks_on(event, edition)
    later: tuple[Later, ...] = ()
    if proposal.fault is not None:
        result, findings = "denied", (_fault_finding(proposal.fault, event, position, edition),)
    elif proposed is not None and (event.kind != "replace" or raises(proposed)):
        situation = Situation(proposed, position, proposal.position, market)
        own = own_findings(event, proposed, position, life, live=live)
        found = judge(edition, scope_of(proposed), situation, every_rule=every_rule)
        of_feed = owner_findings(proposed, market, edition.facts)
        findings = (*own, *of_feed, *found, *session_findings(proposed, market))
        later = life.later
        if later or proposed.event.venues:
            others = _other_findings(situation, life, every_rule)
            findings = worst((findings, *others))
        findings = in_order(findings, proposed)
        result = outcome_of(event, findings)
        if live and result == "held" and proposed.event.by is None:
            findings = in_order((*findings, _REQUESTER_MISSING), proposed)
    kept = findings if live else ()
    following = _applied(event, proposal, position, result, kept)
    if position is not arrived and following.today == arrived.today:
        # What moves no day says nothing of when the earlier purchases were.
        following = _applied(event, _proposal(event, arrived, life), arrived, result, kept)
    decision = _decision(event, result, findings, following, edition)
    return Step(_with_more(decision, event, following, later), following)


def _with_more(
    decision: Decision, event: Event, following: Position, later: tuple[Later, ...]
) -> Decision:
    """Return *decision*, of a resume that waits for a second person, or by *later* editions too."""
    if event.kind == "resume" and event.id in following.proposals:
        decision = replace(decision, pending=decision.outcome == "recorded")
    if later:
        judges = tuple(Judge(one.day, one.edition.hash) for one in later)
        decision = replace(decision, editions=judges)
    return decision


def session_findings(proposed: Trade, market: Market | None) -> tuple[Finding, ...]:
    """Return the finding that a fill happened outside the sessions of its venue, if it did."""
    if market is None or proposed.event.kind != "fill":
        return ()
    found = market.outside_session(proposed)
    if found is None:
        return ()
    return (Finding("engine.outside-session", "fail", "flag", *found, "word"),)


def _other_findings(
    situation: Situation, life: Life, every_rule: bool
) -> Iterator[tuple[Finding, ...]]:
    """Yield the findings on a request at its other venues, and by each later edition at each."""
    views = at_each_venue(situation.trade, life.edition.counting)
    for one, there in life.judges(views):
        if one is not None:
            edition, then = judging(one, there)
            found = _findings_at(then, edition, situation, life, every_rule, is_own=one.is_own)
            yield tuple(replace(finding, since=one.day) for finding in found)
        elif there.other_venue is not None:
            yield _findings_at(there, life.edition, situation, life, every_rule)


def _findings_at(
    there: Trade,
    edition: Edition,
    situation: Situation,
    life: Life,
    every_rule: bool,
    *,
    is_own: bool = True,
) -> tuple[Finding, ...]:
    """Return the findings of *edition* on a request as it is *there*, at one of its venues.

    Unless the edition *is_own*, only caps bind the request, and the program finds nothing itself.
    """
    now = replace(situation, trade=there)
    found = judge(edition, scope_of(there), now, every_rule=every_rule)
    if is_own:
        of_feed = owner_findings(there, situation.market, edition.facts)
        found = (*edition_findings(there, edition, life), *of_feed, *found)
    venue = there.other_venue
    return found if venue is None else tuple(replace(one, venue=venue) for one in found)


def judging(one: Later, request: Trade) -> tuple[Edition, Trade]:
    """Return what a *later* edition judges a request by, and the request as it sees it.

    If only other orders can still fill then, those are the caps that the file always sets.
    """
    if one.is_own:
        return one.edition, listed_by(one.edition.counting, request)
    standing = {cap.rule for cap in one.edition.caps if cap.is_standing}
    return with_rules(one.edition, standing), request


def worst(found: Iterable[tuple[Finding, ...]]) -> tuple[Finding, ...]:
    """Return of each rule its worst finding; of equal ones, that of the earliest edition."""
    kept: dict[str, Finding] = {}
    for finding in chain.from_iterable(found):
        before = kept.setdefault(finding.rule, finding)
        if _RANKS[finding.result] > _RANKS[before.result]:
            kept[finding.rule] = finding
    return tuple(kept.values())


def apply(
    event: Event, decision: Decision, position: Position, life: Life, *, live: bool = True
) -> Applied:
    """Return what follows from *event*, given the *decision* made at the time. Evaluate no rule.

    Use this to rebuild a position from recorded decisions, which other rules may have made. If
    *live*, a breach halts the program, as it did at the desk.
    """
    if decision.outcome == "refused":
        # A report that contradicts an earlier one counts nothing; it halts.
        is_report = event.kind in REPORTS and bool(decision.findings)
        following = halting(position, event, decision.findings) if is_report else position
        return Applied(following, "refused" if is_report else "recorded")
    proposal = _proposal(event, position, life)
    findings = decision.findings if live else ()
    following = _applied(event, proposal, position, decision.outcome, findings)
    return Applied(following, _given(event, decision, proposal, position, life, live=live))


def _given(
    event: Event,
    decision: Decision,
    proposal: _Proposal,
    position: Position,
    life: Life,
    *,
    live: bool,
) -> Outcome:
    """Return the outcome that the findings of *decision* give, and those of the program itself."""
    proposed = proposal.trade
    if proposal.fault is not None:
        return "denied"
    if proposed is None or (event.kind == "replace" and not raises(proposed)):
        return "recorded"
    own = own_findings(event, proposed, position, life, live=live)
    return outcome_of(event, (*decision.findings, *own))


def refusal(
    event: Event, position: Position, edition: Edition, before: Event | None = None
) -> Step:
    """Return the decision on an *event* whose id was used for another event.

    At the desk, that is the event *before*. If both are reports of the venue that contradict each
    other, the program halts: something may have happened that nobody counts.
    """
    finding = _denial("engine.used-id")
    differing = [] if before is None else _contradicted(event, before)
    if differing:
        told = ", ".join(f"{name} {_said(now)}" for name, now, _ in differing)
        known = ", ".join(f"{name} {_said(then)}" for name, _, then in differing)
        finding = replace(finding, observed=told, limit=known)
        position = halting(position, event, (finding,))
    return Step(_decision(event, "refused", (finding,), position, edition), position)


def is_same_news(event: Event, before: Event) -> bool:
    """Return whether *event* says what *before*, with its id, said already.

    That an order has ended, or that a replace was answered, is the same news at another time. What
    the venue executed is the same news whoever passes it on; a request is that of one person.
    """
    if event.kind not in REPORTS:
        return event == before
    if event.kind not in EXECUTIONS:
        return (event.kind, event.order) == (before.kind, before.order)
    return replace(event, by=None) == replace(before, by=None)


def _contradicted(event: Event, before: Event) -> list[tuple[str, object, object]]:
    """Return each figure in which two reports of the venue differ, with both values.

    Another text of the same report, such as a reason, contradicts nothing. Nor does the id of a
    request that a report has, too.
    """
    if not {event.kind, before.kind} <= REPORTS:
        return []
    both = ((name, getattr(event, name), getattr(before, name)) for name in _FIGURES)
    return [
        (name, one, other)
        for name, one, other in both
        # What a fill takes from its order may be said, too.
        if one != other and not (name in _OF_ORDER and None in (one, other))
    ]


def _remarks_on(event: Event, edition: Edition) -> tuple[Finding, ...]:
    """Return what is flagged of a halt, that it stops nothing, and of a split, what it leaves."""
    if event.kind == "split":
        return tuple(_left_by(event, edition))
    is_listed = event.kind != "halt" or any(
        event.symbol in (None, one.symbol) and event.venue in (None, one.venue)
        for one in edition.counting.listings.values()
    )
    return () if is_listed else (Finding("engine.stops-nothing", "fail", "flag"),)


def _left_by(event: Event, edition: Edition) -> Iterator[Finding]:
    """Yield what is flagged of a split: that the caps, or other instruments, stay as they are."""
    file = edition.authorization
    split = split_of(event, edition.counting)
    if split is not None and not is_followed(split, file):
        yield Finding("engine.split-caps", "fail", "flag")
    others = {one.name for one in file.instruments if one.symbol != event.symbol}
    if others:
        yield Finding(
            "engine.split-others", "fail", "flag", listed(sorted(others)), event.symbol, "word"
        )


def _said(value: object) -> str:
    if value is None:
        return "not given"
    return written(value) if isinstance(value, int | Fraction) else str(value)


def _lookalike(event: Event, position: Position) -> Finding | None:
    """Return the finding on a person whose name only looks like one recorded, if *event* has one.

    What a venue reports, and a halt, take effect whoever is named.
    """
    if event.by is None or event.kind in _TAKE_EFFECT:
        return None
    known = lookalike(position, event.by)
    if known is None:
        return None
    return replace(_denial("engine.lookalike"), observed=event.by, limit=known)


def position_report(position: Position, edition: Edition) -> PositionReport:
    """Return what *position* has used, and what remains under the caps of *edition*."""
    return PositionReport(
        _text(position.known_executed_shares()),
        _text(position.reserved_shares),
        _text(position.known_executed_amount()),
        _text(position.known_reserved_amount()),
        _text(_remaining(edition.max_shares, position.used_shares())),
        _text(_remaining(edition.max_amount, position.used_amount())),
    )


def _proposal(event: Event, position: Position, life: Life) -> _Proposal:
    found: Trade | Position | Fault
    counting = life.edition.counting
    if event.kind in JUDGED:
        found = trade(event, counting, position, life.counting)
    elif event.kind == "split":
        found = after_split(position, event, counting)
    else:
        found = settled(position, event, counting.zone)
    if isinstance(found, Trade):
        return _Proposal(proposed(position, found), found)
    if isinstance(found, Position):
        return _Proposal(found)
    # A later `brought_forward` is no longer the first event.
    begun = position if position.started else replace(position, started=True)
    if event.kind in MESSAGES:
        begun = asked(begun, event, counting.zone)
    return _Proposal(begun, fault=found)


def _applied(
    event: Event,
    proposal: _Proposal,
    position: Position,
    result: Outcome,
    findings: tuple[Finding, ...],
) -> Position:
    """Return the position after *event*, given its *result* and the *findings*, which may halt."""
    if event.kind in _HAPPENED:
        following = halting(_accepted(proposal, position), event, findings)
    elif proposal.trade is None or result in ("approved", "recorded"):
        following = _accepted(proposal, position)
    else:
        following = refused(position, proposal.trade, "held" if result == "held" else "denied")
    # A name that nobody checked teaches nothing about how a person is spelled.
    return following if event.kind in _TAKE_EFFECT else acquainted(following, event.by)


def _accepted(proposal: _Proposal, position: Position) -> Position:
    """Return the position after *proposal*, made at *position*, which is accepted."""
    asked = proposal.trade
    if asked is None or is_arrived(position, asked.date):
        return proposal.position
    return after(position, asked)


def scope_of(proposed: Trade) -> Scope:
    if not proposed.is_fill:
        return "order"
    # A fill without an open order is evaluated as if it were requested at that moment.
    return "all" if proposed.is_new_use else "fill"


def outcome_of(event: Event, findings: tuple[Finding, ...]) -> Outcome:
    if event.kind in ("release", "fill", "correct"):
        # The approver takes over the review; what happened cannot wait for one.
        findings = tuple(finding for finding in findings if finding.effect != "review")
    found = outcome(findings)
    # What is paid ahead is not held for a release.
    return "denied" if event.kind == "prepaid" and found == "held" else found


def halting(position: Position, event: Event, findings: tuple[Finding, ...]) -> Position:
    """Return *position* after what happened at the desk, halted if that is a breach."""
    if not is_breach(findings):
        return position
    return halted(position, event, (one.rule for one in findings if _is_breach(one)))


def is_breach(findings: tuple[Finding, ...]) -> bool:
    return any(map(_is_breach, findings))


def _is_breach(finding: Finding) -> bool:
    return finding.effect == "deny" and finding.result == "fail"


def own_findings(
    event: Event, proposed: Trade, position: Position, life: Life, *, live: bool
) -> Iterator[Finding]:
    """Yield the built-in findings, which the program makes whatever the rules say."""
    edition = life.edition
    if not proposed.is_fill and stopping(position, event, proposed):
        yield _denial("engine.halted")
    if not proposed.is_fill and _has_old_caps(position, edition):
        yield _denial("engine.split-caps")
    if proposed.fault is not None:
        yield _fault_finding(proposed.fault, event, position, edition, proposed.excess)
    elif live and event.kind == "fill" and proposed.event.order is None:
        # At the desk each fill has an order; without one nothing was reserved for it.
        yield _denial("engine.overrun")
    yield from edition_findings(proposed, edition, life)
    yield from _trade_findings(proposed, edition)


def edition_findings(proposed: Trade, edition: Edition, life: Life) -> Iterator[Finding]:
    """Yield the built-in findings on a trade that depend on the *edition* that judges it."""
    # The rules evaluated the order of a fill already, but for those `at: fill`.
    if not any(proposed.is_fill or rule.rule.at != "fill" for rule in edition.rules):
        yield _denial("engine.no-rule")
    if proposed.listing is None:
        yield _unlisted(proposed.event, edition)
    yield from _rate_findings(proposed, edition)
    lacking = sorted(life.limited & edition.unbounded)
    # A fill of an approved order was evaluated with its order.
    if lacking and (not proposed.is_fill or proposed.is_new_use):
        yield replace(_denial("engine.no-cap"), observed=" and ".join(CALLED[of] for of in lacking))


def _has_old_caps(position: Position, edition: Edition) -> bool:
    """Return whether a split lowered the sums, and the caps of *edition* do not know of it."""
    file = edition.authorization
    return any(one.ratio < 1 and not is_followed(one, file) for one in position.splits)


def _unlisted(event: Event, edition: Edition) -> Finding:
    """Return the finding that no instrument is meant, with the venues that its symbol has."""
    finding = _denial("engine.unknown-instrument")
    venues = {
        listing.venue
        for (symbol, _), listing in edition.counting.listings.items()
        if symbol == event.symbol
    }
    if not venues:
        return finding
    return replace(finding, observed=event.symbol, limit=listed(sorted(venues)))


def _rate_findings(proposed: Trade, edition: Edition) -> Iterator[Finding]:
    """Yield the finding that the rate of *proposed* is outside the bounds of its instrument."""
    listing, rate = proposed.listing, proposed.event.fx
    bounds = None if listing is None else edition.rates.get(listing.instrument)
    if bounds is None or rate is None or bounds[0] <= rate <= bounds[1]:
        return
    limit = f"{written(bounds[0])} to {written(bounds[1])}"
    yield replace(_denial("engine.rate-out-of-bounds"), observed=written(rate), limit=limit)


def _trade_findings(proposed: Trade, edition: Edition) -> Iterator[Finding]:
    """Yield the built-in findings on a trade in itself."""
    if proposed.listing is not None and proposed.fx is None and proposed.event.fx is not None:
        # The rate is unknown: no limit is exceeded.
        yield Finding("engine.wrong-rate", "indeterminate", "deny")
    if proposed.is_elsewhere and proposed.listing is not None and proposed.before is not None:
        named = listed(one.venue for one in proposed.before.terms.listings)
        venue = proposed.listing.venue
        yield Finding("engine.other-venue", "fail", "flag", venue, named, "word")
    if not proposed.counts:
        yield _denial("engine.sale")
    elif proposed.amount is None and _must_know_money(proposed, edition):
        yield Finding("engine.unknown-amount", "indeterminate", "deny", missing=("trade.amount",))


def _must_know_money(proposed: Trade, edition: Edition) -> bool:
    """Return whether a trade of unknown money is denied: no later event could settle a payment."""
    return (proposed.is_fill and edition.judges_money) or proposed.event.kind == "prepaid"


def in_order(findings: tuple[Finding, ...], proposed: Trade) -> tuple[Finding, ...]:
    """Return *findings* by rule, each with the event fields that would decide it."""
    return tuple(
        _with_fields(finding, proposed) if finding.missing else finding
        for finding in sorted(findings, key=lambda finding: finding.rule)
    )


def _with_fields(finding: Finding, proposed: Trade) -> Finding:
    """Return *finding* with the missing fields that would decide it, but no wrong ones."""
    sources = {field for name in finding.missing if name in TABLE for field in TABLE[name].given_by}
    fields = (
        field
        for field in proposed.lacks()
        if field in sources
        and getattr(proposed.event, field) is None
        # Without an instrument there is no venue, and no clock for a time.
        and (field != "time" or proposed.listing is not None)
    )
    # A finding that is ordered among others a second time has its fields already.
    return replace(finding, missing=tuple(dict.fromkeys((*finding.missing, *fields))))


def _fault_finding(
    fault: Fault, event: Event, position: Position, edition: Edition, excess: Excess | None = None
) -> Finding:
    """Return the finding of *fault*, with what a fill exceeds or with the days of the request."""
    days = backdated(event, edition.counting, position) if fault == "backdated" else None
    if days is not None:
        excess = Excess(str(days[0]), str(days[1]), "date")
    return replace(_denial(f"engine.{fault}"), **({} if excess is None else asdict(excess)))


def _denial(name: str) -> Finding:
    return Finding(name, "fail", "deny")


def _decision(
    event: Event,
    result: Outcome,
    findings: tuple[Finding, ...],
    position: Position,
    edition: Edition,
) -> Decision:
    report = position_report(position, edition)
    return Decision(
        event.id,
        event.kind,
        result,
        findings,
        report,
        edition.hash,
        halted_by=position.halted_by,
    )


def _remaining(cap: Exact | None, used: Exact | None) -> Exact | None:
    return None if cap is None or used is None else cap - used


def _text(value: Exact | None) -> str | None:
    return None if value is None else written(value)
