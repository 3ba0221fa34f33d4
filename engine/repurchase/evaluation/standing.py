"""Open orders that no longer fit: a cap, or the window, has fallen below what they may still do.

A cap and the window are checked when an order is requested. They can fall later: another rule file
is adopted, or a version becomes known. So each open order is asked for again, as it stands, by the
rules that cap the program and by those that bound its days.
"""

from __future__ import annotations

from datetime import date

import msgspec
from msgspec.structs import replace

from repurchase.domain.calendars import day_at
from repurchase.domain.decisions import Finding
from repurchase.domain.events import Event
from repurchase.evaluation.judge import judge
from repurchase.evaluation.step import edition_findings, judging, worst
from repurchase.facts.fact import Situation
from repurchase.ledger.fold import after
from repurchase.ledger.orders import Order, Terms, closed, with_worst_case
from repurchase.ledger.position import Position
from repurchase.ledger.trades import at_each_venue, order_trade, renewed
from repurchase.rulebook.editions import Edition, Editions, with_rules
from repurchase.rulebook.life import Life, life_of


class Unfit(msgspec.Struct, frozen=True):
    """Why an open order no longer fits: *findings*, and the editions with the words for them."""

    findings: tuple[Finding, ...]
    life: Life


def unfit(order: Order, position: Position, editions: Editions, day: date) -> Unfit | None:
    """Return why the open *order* of *position* no longer fits from *day* on; `None` if it does.

    The editions are as known on *day*. An order that can no longer fill by then is not asked.
    """
    for terms in order.in_play():
        if terms.last_date >= day:
            found = _asked_again(terms, order, position, editions, day)
            if found.findings:
                return found
    return None


def _asked_again(
    terms: Terms, order: Order, position: Position, editions: Editions, day: date
) -> Unfit:
    again = Event(kind="replace", id=terms.event.id, date=day)
    asked_at = terms.event.time
    if asked_at is not None and editions.has_minutes and day_at(asked_at, editions.zone) == day:
        # Without a time, the figures of parts of the day before its request would count, too.
        again = replace(again, date=None, time=asked_at)
    event = renewed(terms, again)
    edition = editions.of(event, position)
    life = life_of(order_trade(event, edition.counting), edition, editions, position)
    asked = order_trade(event, edition.counting, life.counting)
    # A ratio that became known since then can make it count more than it reserved.
    assert asked.order is not None, "an order is always a trade with an order"
    each = max(terms.shares_each, asked.order.terms.shares_each)
    part = "asked" if terms is order.asked else "terms"
    counted = with_worst_case(replace(order, **{part: replace(terms, shares_each=each)}))
    asked = replace(
        asked,
        before=order,
        order=counted,
        shares=counted.reserved_shares,
        amount=counted.reserved_amount,
    )
    without = after(position, replace(asked, order=closed(order, "cancelled")))
    following = after(position, asked)
    found: list[tuple[Finding, ...]] = []
    for one, there in life.judges(at_each_venue(asked, edition.counting)):
        if one is None:
            found.append(_findings(Situation(there, without, following), edition, life))
        elif one.is_own:
            later, then = judging(one, there)
            findings = _findings(Situation(then, without, following), later, life)
            found.append(tuple(replace(finding, since=one.day) for finding in findings))
    return Unfit(worst(found), life)


def _findings(situation: Situation, edition: Edition, life: Life) -> tuple[Finding, ...]:
    limits = {of.rule.id for of in edition.rules if of.bounds.is_limiting}
    found = judge(with_rules(edition, limits), "order", situation)
    return (*edition_findings(situation.trade, edition, life), *found)
