"""The ways in which two rule files can decide one event differently, in z3 and by the engine."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, Literal, NamedTuple

from repurchase.evaluation.step import Decided
from repurchase.proof.approval import HELD, by_moment, evaluating, halts, passes
from repurchase.proof.fields import FILLS, Kind
from repurchase.proof.logic import holds
from repurchase.proof.model import Request
from repurchase.proof.solver import Term, z3
from repurchase.rulebook.caps import Of

# What two decisions on one event can differ in.
Aspect = Literal["approved", "halted", "capped"]
# What each file ever caps for the whole program.
Limited = Sequence[frozenset[Of]]
# The kinds of events that can halt a desk. A fill without an open order always does.
_HALTING: Final = ("fill", "correct")


class Event(NamedTuple):
    """One event as each edition counts it, with the condition under which each permits it.

    The conditions are given for each aspect: that it is approved, that a fill or a correct does not
    halt a desk, and that a request is within the caps alone. These must hold on each day on which
    another order can fill, even if the request itself no longer can.
    """

    asked: Sequence[Request]
    permitted: Mapping[Aspect, Sequence[Term]]


def event_of(asked: Sequence[Request], limited: Limited) -> Event:
    """Return the event *asked*, with the conditions under which each edition permits it.

    *limited* says what each file ever caps: no request is approved on a day without such a cap.
    """
    each = tuple(zip(asked, limited, strict=True))
    found: dict[Aspect, Sequence[Term]] = {
        "approved": [z3.And(_is_capped(one, of), passes(one)) for one, of in each]
    }
    if asked[0].kind not in FILLS:
        found["capped"] = [_within_caps(one) for one in asked]
    elif asked[0].kind in _HALTING:
        found["halted"] = [z3.And(_is_capped(one, of), z3.Not(halts(one))) for one, of in each]
    return Event(asked, found)


def _is_capped(asked: Request, limited: frozenset[Of]) -> Term:
    """Return the condition that a cap is in force of each sum that its file ever limits.

    A fill of an approved order does not need one: its order needed it.
    """
    lacks = bool(limited & asked.edition.unbounded)
    return by_moment(asked, asked.kind, lambda kind: z3.BoolVal(not lacks or kind == "fill"))


def _within_caps(asked: Request) -> Term:
    standing = {cap.rule for cap in asked.edition.caps if cap.is_standing}
    rules = (rule for rule in asked.edition.rules if rule.rule.id in standing)
    return z3.And([holds(rule.passes, asked.facts) for rule in rules])


class Difference(NamedTuple):
    """That edition *which* permits an event of *kind*, in one *aspect*, and the other does not.

    With a *flag*, that both approve the event, and only the other raises the flag.
    """

    kind: Kind
    which: int
    aspect: Aspect = "approved"
    flag: str | None = None

    def apart(self, event: Event) -> Term:
        """Return the condition that the editions differ so on *event*."""
        permitted, both = event.permitted[self.aspect], [self.which, 1 - self.which]
        if self.flag is None:
            this, other = (permitted[at] for at in both)
        else:
            this, other = (_unflagged(event.asked[at], self.flag) for at in both)
        # Most rules are identical in both files.
        if this.eq(other):
            return z3.BoolVal(False)
        return z3.And([*(permitted if self.flag is not None else ()), this, z3.Not(other)])

    def goal(self, asked: Sequence[Request], limited: Limited, holding: int) -> Term:
        """Return the condition that a history shows this.

        If it ends with a release, edition *holding* must have held the released request.
        """
        apart, held = self.apart(event_of(asked, limited)), HELD.get(self.kind)
        return apart if held is None else z3.And(apart, z3.Not(passes(asked[holding], held)))

    def is_so(self, answers: Sequence[Decided], name: str) -> bool:
        """Return whether the engine's decisions on the event *name* differ so."""
        this, other = (answers[at].decision for at in (self.which, 1 - self.which))
        if self.aspect == "halted":
            # While an earlier event halts the desk, nothing shows whether this one would.
            return not this.halted_by and other.halted_by == (name,)
        approved = [one.outcome == "approved" for one in (this, other)]
        if self.flag is None:
            return approved == [True, False]
        flagged = [any(one.rule == self.flag for one in of.findings) for of in (this, other)]
        return all(approved) and flagged == [False, True]


def _unflagged(asked: Request, flag: str) -> Term:
    """Return the condition that the rule *flag* does not flag the event *asked*."""

    def without(kind: Kind) -> Term:
        return z3.And(
            [
                holds(of.passes, asked.facts)
                for of in evaluating(asked.edition, kind)
                if of.rule.id == flag and of.rule.effect == "flag"
            ]
        )

    return by_moment(asked, asked.kind, without)


def resumed(events: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Yield *events* with a resume after each fill without an order, which halts a desk."""
    *earlier, last = events
    for event in earlier:
        yield event
        if event["kind"] == "fill" and "order" not in event:
            resume = {"kind": "resume", "id": f"r-{event['id']}", "by": "Ann", "reason": "seen"}
            yield resume | {name: event[name] for name in ("time", "date") if name in event}
    yield last
