"""The exact model of an event sequence: its numbers, its days, and what happened before.

The model of a proof allows more than can happen. A sequence to show to people must leave nothing
open, so that it can be written as events and evaluated by the engine.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import date
from fractions import Fraction
from itertools import chain
from typing import Final, Literal, NamedTuple

from repurchase.domain.calendars import YEAR_MAX, YEAR_MIN
from repurchase.domain.counters import DAY, Counter, Each
from repurchase.domain.currencies import factor
from repurchase.domain.quantities import DECIMALS_MAX, Exact, simplest
from repurchase.domain.terms import Listing
from repurchase.facts.outside import is_outside
from repurchase.ledger.position import SINCE_NONE
from repurchase.proof.counted import Used, clocks, facts_of, is_in_scope, touches
from repurchase.proof.fields import FILLS, OF_MOMENT, REPLACES
from repurchase.proof.logic import Fact, number
from repurchase.proof.model import Request, Sums, known_sums, states_same
from repurchase.proof.solver import Term, z3

# What happened to an event before the last. An order is open, at once or after its release, or is
# filled in part or in full, or is cancelled. A breach is a fill without an order.
Prior = Literal["open", "released", "filled", "cancelled", "breach"]

# The first and the last day that an event may have here, with a year to spare.
EARLIEST: Final = date(YEAR_MIN + 1, 1, 1)
LATEST: Final = date(YEAR_MAX - 1, 1, 1)

# The rate of exchange where it is not 1.
RATE: Final = 2
# An event can state a rate with at most so many decimals.
DECIMAL: Final = 10**DECIMALS_MAX

# So many days before the first event is what was brought forward, for a counter of days.
_SINCE_OPENING: Final = 2
_OWN_PHASE: Final = ("fill", "trade.phase")
_NOTHING: Final = number(0)
_ONE: Final = number(1)
_ALWAYS: Final = z3.BoolVal(True)
_NEVER: Final = z3.BoolVal(False)


class Past(NamedTuple):
    """An event before the last, what happened to it, and how many *units* of it are filled."""

    asked: Request
    prior: Prior
    units: Term

    def filled_shares(self) -> Term:
        """Return the filled shares, as ordinary-share equivalents."""
        return self.asked.shares_of(z3.ToReal(self.units))


def figures(event: Request, at_one: str, grid: int) -> list[Term]:
    """Return the conditions that make the numbers of *event* writable, and its products linear.

    Its price or its quantity, whichever *at_one* names, is 1, and its rate is 1 or 2, or at or
    beside a bound on rates. Prices, fees and facts are multiples of 1/*grid*.
    """
    is_price_one = at_one == "price"
    figure = z3.ToReal(event.units) if is_price_one else event.price
    return [
        event.price == 1 if is_price_one else event.units == 1,
        _on_grid(event.price, grid),
        _on_grid(event.fees, grid),
        _on_grid(event.seconds, 1),
        event.paid == _at_rate(event, event.price),
        event.cost == _at_rate(event, figure),
        *_rated(event),
        z3.Not(event.has_amount),
        # No two requests are equal.
        event.facts["trade.seconds_since_same"].value == number(SINCE_NONE),
        *(
            z3.Implies(fact.present, _on_grid(fact.value, grid))
            for name, fact in event.facts.items()
            if is_outside(name)
        ),
    ]


def _on_grid(value: Term, grid: int) -> Term:
    """Return the condition that *value* is a multiple of 1/*grid*."""
    # With an integer variable, z3 finds quickly what it may never find with `IsInt`.
    return value * grid == z3.ToReal(z3.Int(f"{value} of 1/{grid}"))


def _at_rate(event: Request, money: Term) -> Term:
    """Return *money*, in units of prices, times the rate of *event*, which is 1 if it has none."""
    money = event.by_listing(lambda of: number(factor(of.currency)) * money, money)
    has_other_rate = z3.And(event.has_rate, z3.Not(event.is_even))
    if event.rate is None:
        return z3.If(has_other_rate, RATE * money, money)
    found = money
    for rate in _rates(event):
        is_this = z3.And(has_other_rate, event.rate == number(rate))
        found = z3.If(is_this, number(rate) * money, found)
    return found


def _rated(event: Request) -> list[Term]:
    """Return the condition that the rate of *event* is one of few, if any edition bounds rates."""
    if event.rate is None:
        return []
    return [z3.Or([event.rate == number(rate) for rate in _rates(event)])]


def _rates(event: Request) -> list[Exact]:
    """Return the rates that *event* can have: 1, 2, each bound on rates, and one beside each."""
    bounds = event.scope.rates
    beside = (rate for low, high in bounds for rate in (low / Fraction(2), 2 * high))
    decimal = (simplest(one) for one in beside if simplest(one * DECIMAL).denominator == 1)
    return sorted({1, RATE, *(rate for pair in bounds for rate in pair), *decimal})


def past_of(event: Request, prior: Prior, name: str) -> tuple[Past, list[Term]]:
    """Return *event* with what happened to it, and the conditions for that."""
    if prior != "filled":
        units = event.units if prior == "breach" else z3.IntVal(0)
        return Past(event, prior, units), []
    units = z3.Int(f"{name}.filled")
    ties = [units >= 1, units <= event.units, event.fees == 0]
    return Past(event, prior, units), ties


def sums_after(before: Sums, past: Past) -> Sums:
    """Return the sums after *past*, given the sums *before* it."""
    asked, filled = past.asked, past.filled_shares()
    if past.prior == "cancelled":
        return before
    if past.prior != "filled":
        return asked.after
    cost = _cost_of_part(asked, past.units)
    return Sums(
        before.executed_shares + filled,
        before.executed_amount + cost,
        before.reserved_shares + asked.shares - filled,
        before.reserved_amount + asked.reserved(asked.cost - cost, _NOTHING),
    )


def _cost_of_part(order: Request, units: Term) -> Term:
    """Return the cost of *units* of *order*, whose price or quantity is 1."""
    is_whole = units == order.units
    return z3.If(is_whole, order.cost, _at_rate(order, z3.ToReal(units)))


def follows(event: Request, about: Past | None) -> list[Term]:
    """Return the conditions that tie *event* to the one it is *about*, and fix what it adds."""
    money = _money(event)
    if about is None:
        return [event.more[0] == event.shares, event.more[1] == money]
    own = about.asked
    ties = [
        _is_listed_as(event, own),
        own.has_price,
        event.has_price,
        *_has_rate_of(event, own),
        event.has_fees == own.has_fees,
        *(_has_word_of(event, own, name) for name in event.words),
        *states_same(event, own),
    ]
    if event.kind != "fill":
        ties += [event.day(day) == own.day(day) for day in ("date", "venue_date")]
    if event.kind == "correct":
        return [
            *ties,
            z3.Not(event.otherwise),
            *(
                event.facts[f"{of}_after"].value == event.facts[of].value
                for of in ("program.reserved_shares", "program.reserved_amount")
            ),
            event.more[0] == event.shares - own.shares,
            event.more[1] == money - _money(own),
        ]
    ties.append(about.units < own.units)
    if event.kind == "fill":
        reserved = own.reserved(_cost_of_part(own, event.units), own.fees)
        return [
            *ties,
            event.units <= own.units,
            event.price <= own.price,
            event.fees == own.fees,
            z3.Or(event.units == own.units, own.fees == 0),
            event.day("date") <= own.day("last_date"),
            event.day("venue_date") <= own.day("venue_last_date"),
            event.more[0] == _past_reserved(event, own),
            event.more[1] == money - reserved,
        ]
    raised = [
        event.units > own.units,
        event.price > own.price,
        event.fees > own.fees,
        *(event.day(day) > own.day(day) for day in ("last_date", "venue_last_date")),
        *([] if event.rate is None else [event.rate != own.rate]),
    ]
    return [
        *ties,
        event.units >= about.units,
        z3.Or(raised),
        event.more[0] == _above(event.shares, own.shares),
        event.more[1] == _above(money, _money(own)),
    ]


def _has_rate_of(event: Request, own: Request) -> list[Term]:
    """Return the conditions that *event* has the rate of *own*; a replace may have another."""
    ties = [event.has_rate == own.has_rate]
    if event.rate is None:
        return [*ties, event.is_even == own.is_even]
    return ties if event.kind in REPLACES else [*ties, event.rate == own.rate]


def _is_listed_as(event: Request, own: Request) -> Term:
    """Return the condition that *event* has the symbol and venue of *own*, which it is about.

    A correct also keeps the instrument and the share ratio of its fill.
    """
    if event.scope is own.scope:
        return event.listing == own.listing
    pairs = zip(event.scope.pairs, event.listings, strict=True)
    owns = list(zip(own.scope.pairs, own.listings, strict=True))
    return z3.Or(
        [
            z3.And(event.listing == here, own.listing == there)
            for here, listed in enumerate(pairs)
            for there, other in enumerate(owns)
            if listed == other
        ]
    )


def _past_reserved(fill: Request, order: Request) -> Term:
    """Return by how many shares *fill* exceeds what *order* reserved: fewer by another ratio."""
    if order.each is None:
        return _NOTHING
    return fill.shares - order.shares_of(z3.ToReal(fill.units))


def _money(event: Request) -> Term:
    return z3.If(event.amount_present, event.amount, 0)


def _has_word_of(event: Request, order: Request, name: str) -> Term:
    """Return the condition that a word is the order's, unless the event has its own.

    A fill may differ in broker and method, and a replace in who asks.
    """
    word, own = event.words[name].chosen, order.words[name].chosen
    if name in OF_MOMENT and (event.kind in REPLACES or (event.kind, name) == _OWN_PHASE):
        return _ALWAYS
    if event.kind == "fill" and name == "trade.method":
        is_other = z3.And(word != own, own >= 0, word >= 0)
        return z3.If(event.otherwise, is_other, word == own)
    if event.kind == "fill" and name == "trade.broker":
        return z3.Or(word == own, word >= 0)
    return word == own


def _above(new: Term, old: Term) -> Term:
    """Return by how much *new* exceeds *old*, or 0: the larger of both stays reserved."""
    return z3.If(new > old, new - old, _NOTHING)


def dated(event: Request, first: date, last: date, venue_day: date | None) -> list[Term]:
    """Return the conditions that *event* is dated from *first* to *last*.

    Its day at the venue is *venue_day*, if given.
    """
    return [
        *([] if venue_day is None else [event.day("venue_date") == venue_day.toordinal()]),
        event.day("date") >= max(first, EARLIEST).toordinal(),
        event.day("date") <= min(last, LATEST).toordinal(),
        event.day("venue_last_date") <= LATEST.toordinal(),
    ]


def later(now: Request, past: Sequence[Past], *, is_late: bool = False) -> list[Term]:
    """Return the conditions that tie *now* to all events of the *past*.

    If *is_late*, it is reported after an event of a later day.
    """
    if not past:
        return []
    days = past[-1].asked.day("date"), now.day("date")
    # A log is in order of time, on the authorization's clock.
    ties = [days[0] > days[1] if is_late else days[0] <= days[1]]
    if now.kind == "fill":
        return ties
    # One broker in the whole sequence, so that a rule on brokers does not fail by chance.
    broker = now.words["trade.broker"].chosen
    return [*ties, *(of.asked.words["trade.broker"].chosen == broker for of in past)]


def used_facts(now: Request, before: Sums, past: Sequence[Past]) -> dict[str, Fact]:
    """Return the exact facts of the day and of the counters, after *past* and the sums *before*."""
    counters = now.edition.authorization.counters
    each = (_counter_facts(now, before, past, counter) for counter in counters)
    of_day = _limits_of_day(now, before, past)
    return {**_day_facts(now, past), **dict(of_day), **dict(chain.from_iterable(each))}


def _limits_of_day(now: Request, before: Sums, past: Sequence[Past]) -> Iterator[tuple[str, Fact]]:
    """Yield the facts of the counter of the day, of the instrument and the venue of *now*."""
    at, known = now.day("venue_date"), known_sums(before, now.after)
    for name, more in zip(_READ, now.more, strict=True):
        each = [_READ[name](of) for of in past]
        # What was brought forward is of an earlier day.
        total = _NOTHING
        for of, (executed, reserved) in zip(past, each, strict=True):
            begin, end = of.asked.day("venue_date"), of.asked.day("venue_last_date")
            done = z3.If(begin == at, executed, _NOTHING)
            open_ = z3.If(z3.And(begin <= at, at <= end), reserved, _NOTHING)
            total += z3.If(_is_listed_as(now, of.asked), done + open_, _NOTHING)
        yield f"day.{name}", Fact(known[name][0], total)
        yield f"day.{name}_after", Fact(known[name][1], total + more)


def _counter_facts(
    now: Request, before: Sums, past: Sequence[Past], counter: Counter
) -> Iterator[tuple[str, Fact]]:
    """Yield the facts of *counter*; what was brought forward is of no later day than all events."""
    first, last = (now.day(day) for day in clocks(counter))
    at = first if counter.first is None else _highest(first, counter.first.toordinal())
    is_counted = z3.And(is_in_scope(now, counter), touches(counter, first, last))
    opening = (past[0].asked if past else now).day("date")
    opening = opening - _SINCE_OPENING if counter.is_of_days else opening
    is_brought = z3.And(
        touches(counter, opening, opening), _is_in_period(counter, opening, at, (now, now))
    )

    def counted(of: Past, done: Term, open_: Term) -> Term:
        begin, end = (of.asked.day(day) for day in clocks(counter))
        is_own = z3.And(
            is_in_scope(of.asked, counter),
            touches(counter, begin, end),
            *(_has_same(each, of.asked, now) for each in counter.each),
        )
        is_now = _is_in_period(counter, begin, at, (of.asked, now))
        is_within = z3.And(touches(counter, begin, begin), is_now)
        can_fill = _ALWAYS if counter.is_rolling or counter.is_short else end >= at
        done = z3.If(is_within, done, _NOTHING)
        return z3.If(is_own, done + z3.If(can_fill, open_, _NOTHING), _NOTHING)

    def sum_of(name: str, executed: Term, more: Term) -> Used:
        each = [_READ[name](of) for of in past]
        brought = executed - z3.Sum([_NOTHING, *(done for done, _ in each)])
        brought = z3.If(is_brought, brought, _NOTHING)
        used = [counted(of, *one) for of, one in zip(past, each, strict=True)]
        added = z3.If(is_counted, more, _NOTHING)
        return (name, *known[name], z3.Sum([brought, *used]), added)

    def ordered() -> Used:
        each = [counted(of, of.asked.shares, _NOTHING) for of in past]
        is_fill, is_change = now.kind == "fill", now.kind in (*REPLACES, "correct")
        more = _above(now.more[0], _NOTHING) if is_change else now.shares
        if is_fill:
            # Another method than that of its order is of another scope, if that names methods.
            is_other = now.otherwise if counter.methods else _NEVER
            is_ordered = z3.And(z3.Or([_NEVER, *(one > 0 for one in each)]), z3.Not(is_other))
            more = z3.If(is_ordered, _NOTHING, more)
        added = z3.If(is_counted, more, _NOTHING)
        return "ordered_shares", *known["shares"], z3.Sum([_NOTHING, *each]), added

    def count_of(name: str, more: int) -> Used:
        each = [counted(of, *_COUNTED[name](of)) for of in past]
        added = z3.If(is_counted, number(more), _NOTHING)
        return name, _ALWAYS, _ALWAYS, z3.Sum([_NOTHING, *each]), added

    known = known_sums(before, now.after)
    is_new = now.kind in ("order", "release")
    used = [
        sum_of("shares", before.executed_shares, now.more[0]),
        sum_of("amount", before.executed_amount, now.more[1]),
        ordered(),
        count_of("orders", int(is_new)),
        count_of("messages", int(now.kind not in FILLS)),
        count_of("cancels", 0),
        count_of("open_orders", int(is_new)),
    ]
    # Every event of a sequence names the same broker.
    first_one = z3.If(used[3][3] > 0, _NOTHING, _ONE)
    named = now.words["trade.broker"].chosen >= 0
    used.append(("brokers", named, named, _ONE - first_one, z3.If(is_counted, first_one, _NOTHING)))
    yield from facts_of(now, counter, is_counted, used)


def _is_in_period(counter: Counter, day: Term, at: Term, events: tuple[Request, Request]) -> Term:
    """Return a condition under which *day* is in the period of *at*, which is not before it.

    Of weeks and months, and of seconds and minutes, which *events* show, it is a part: the engine
    confirms what is found.
    """
    if counter.per is None:
        return _ALWAYS
    if counter.per.is_short:
        then, now = events
        is_at_once = z3.And(then.timed, now.timed, then.seconds == now.seconds)
        return z3.And(day == at, is_at_once, _is_listed_as(now, then))
    return at - day < (counter.per.length[0] // DAY if counter.is_rolling else 1)


def _has_same(each: Each, one: Request, other: Request) -> Term:
    """Return the condition that *one* and *other* are of the same instrument, or venue."""
    names = sorted({getattr(of, each) for of in (*one.listings, *other.listings) if of is not None})

    def number_of(of: Listing) -> Term:
        return number(names.index(getattr(of, each)))

    return one.by_listing(number_of, number(-1)) == other.by_listing(number_of, number(-2))


def _orders_of(of: Past) -> tuple[Term, Term]:
    return (_NOTHING if of.prior == "breach" else _ONE), _NOTHING


def _messages_of(of: Past) -> tuple[Term, Term]:
    return number({"breach": 0, "released": 2}.get(of.prior, 1)), _NOTHING


def _open_orders_of(of: Past) -> tuple[Term, Term]:
    if of.prior in ("cancelled", "breach"):
        return _NOTHING, _NOTHING
    return _NOTHING, z3.If(of.units < of.asked.units, _ONE, _NOTHING)


_COUNTED: Final = {
    "orders": _orders_of,
    "messages": _messages_of,
    "cancels": lambda _: (_NOTHING, _NOTHING),
    "open_orders": _open_orders_of,
}


def _shares_of(of: Past) -> tuple[Term, Term]:
    """Return the shares that are executed and reserved of a past event."""
    done = of.filled_shares()
    return done, _NOTHING if of.prior in ("cancelled", "breach") else of.asked.shares - done


def _amount_of(of: Past) -> tuple[Term, Term]:
    """Return the money that is executed and reserved of a past event."""
    asked = of.asked
    if of.prior == "breach":
        return asked.amount, _NOTHING
    if of.prior == "cancelled":
        return _NOTHING, _NOTHING
    if of.prior != "filled":
        return _NOTHING, asked.amount
    cost = _cost_of_part(asked, of.units)
    return cost, asked.reserved(asked.cost - cost, _NOTHING)


_READ: Final = {"shares": _shares_of, "amount": _amount_of}


def _highest(day: Term, other: int) -> Term:
    return z3.If(day >= other, day, number(other))


def _day_facts(now: Request, past: Sequence[Past]) -> dict[str, Fact]:
    """Return the exact facts of the day of *now*, after the events *past*."""
    same_day = [
        z3.And(
            _is_listed_as(now, of.asked),
            of.asked.day("venue_date") == now.day("venue_date"),
        )
        for of in past
    ]
    is_fill, is_change = now.kind == "fill", now.kind in (*REPLACES, "correct")
    any_before = z3.Or([_NEVER, *same_day])
    is_made = now.otherwise if is_fill else z3.BoolVal(not is_change)
    shares = now.more[0] if is_change else z3.If(now.has_units, now.shares, _NOTHING)
    ordered = {"fill": _NOTHING, "correct": _above(shares, _NOTHING)}.get(now.kind, shares)

    def total(of: Callable[[Past], Term]) -> Term:
        each = zip(past, same_day, strict=True)
        return z3.Sum([_NOTHING, *(z3.If(is_same, of(one), _NOTHING) for one, is_same in each)])

    def known(fact: str) -> tuple[Term, Term]:
        each = zip(past, same_day, strict=True)
        has_word = [z3.Implies(is_same, one.asked.words[fact].chosen >= 0) for one, is_same in each]
        return z3.And(has_word), z3.And([*has_word, now.words[fact].chosen >= 0])

    first = z3.If(any_before, _NOTHING, _ONE)
    of_method, sure = known("trade.method"), (_ALWAYS, _ALWAYS)
    counts: dict[str, tuple[Term, Term, tuple[Term, Term]]] = {
        "ordered_shares": (total(lambda of: of.asked.shares), ordered, sure),
        "executed_shares": (
            total(Past.filled_shares),
            shares if now.kind in FILLS else _NOTHING,
            sure,
        ),
        "brokers": (_ONE - first, first, known("trade.broker")),
        "blocks": (
            total(lambda of: _if_by("block", of.asked, _ONE)),
            z3.If(is_made, _if_by("block", now, _ONE), _NOTHING),
            of_method,
        ),
    }
    facts: dict[str, Fact] = {}
    for name, (before, more, (is_known, is_known_after)) in counts.items():
        facts[f"day.{name}"] = Fact(is_known, before)
        facts[f"day.{name}_after"] = Fact(is_known_after, before + more)
    return facts


def _if_by(method: str, event: Request, value: Term) -> Term:
    return z3.If(event.words["trade.method"].is_one(method), value, _NOTHING)
