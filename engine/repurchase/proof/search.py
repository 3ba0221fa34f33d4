"""The search for a short history: a sequence of events whose last one meets a given condition.

A history consists of an amount brought forward, at most two orders with what happened to them, and
the last event. Its model is exact, unlike that of the proof. The caller lets the engine evaluate
the history, and uses it only if the engine confirms it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date, timedelta
from functools import partial
from itertools import chain
from math import ceil
from typing import Any, Final, NamedTuple

from repurchase.domain.people import plain_name
from repurchase.facts.averages import is_average
from repurchase.proof.approval import HELD, passes
from repurchase.proof.events import Model, event_of
from repurchase.proof.exact import (
    EARLIEST,
    Past,
    Prior,
    dated,
    figures,
    follows,
    later,
    past_of,
    sums_after,
    used_facts,
)
from repurchase.proof.fields import OTHER, REPLACES, Kind, scope_of, scope_of_lives, scope_then
from repurchase.proof.logic import number
from repurchase.proof.model import Request, Sums
from repurchase.proof.solver import Term, z3
from repurchase.proof.stages import Stage, ratio_ties
from repurchase.rulebook.editions import Edition
from repurchase.rulebook.periods import Period

# A part of a day is at least a minute long.
_BRIEF: Final = timedelta(seconds=59)
# The steps that z3 may spend on each wish for a simpler history. A limit in steps, not in time,
# gives the same history on a busy machine.
_PATIENCE: Final = 500_000
# One shape may take the remaining time divided by this number.
_SHARE: Final = 8
# An amount is price times quantity times rate. If one of the first two is 1, it is linear.
_AT_ONE: Final = ("quantity", "price")
_ASKED: Final[Mapping[Prior, Kind]] = {"released": "release"}
_ABOUT: Final = (*REPLACES, "fill", "correct")
_LETTERS: Final[Mapping[str, str]] = {
    "replace": "n",
    "release-replace": "n",
    "fill": "f",
    "fill-alone": "f",
    "correct": "c",
}


class Shape(NamedTuple):
    """A form of history to search for.

    *priors* says what happened to each event before the last. *at_one* names the field that is 1,
    and numbers are multiples of 1/*grid*. *is_forward* says whether the history may begin with a
    brought_forward.
    """

    priors: tuple[Prior, ...]
    at_one: str
    grid: int
    is_forward: bool = False


# The likely ones first. Numbers are whole, or have the most decimals that an event may have.
_PRIORS: Final[tuple[tuple[tuple[Prior, ...], int, bool], ...]] = (
    ((), 1, True),
    (("open",), 1, True),
    ((), 10**12, True),
    (("breach",), 1, False),
    (("open", "open"), 1, True),
    (("filled",), 1, True),
    (("filled", "open"), 1, True),
    (("released",), 1, False),
    (("open", "breach"), 1, False),
    (("cancelled",), 1, False),
    (("cancelled", "open"), 1, False),
    (("open",), 10**12, True),
)
SHAPES: Final = tuple(
    Shape(priors, at_one, grid, is_forward)
    for priors, grid, is_forward in _PRIORS
    for at_one in _AT_ONE
)
# The shapes of one event, with or without a brought_forward.
ALONE: Final = tuple(shape for shape in SHAPES if not shape.priors)
_CAN_FILL: Final = ("open", "released", "filled")

# The shapes with one earlier event and whole numbers.
PLAIN: Final = tuple(
    shape
    for shape in SHAPES
    if shape.priors in (("open",), ("released",), ("breach",)) and shape.grid == 1
)

# The condition on the last event, given the request that each edition makes of it.
Goal = Callable[[Sequence[Request]], Term]


class Course(NamedTuple):
    """How the earlier events come about: they are dated in *period*.

    *approving* are the places of the editions that approve the orders among them. *is_late* says
    whether the last event is dated before them. If *is_brief*, what the last event requests can
    fill in no later period. If *asked* is given, the last event is a request of that earlier
    period, approved by its editions, and can still fill in the period of the search.
    """

    period: Period
    approving: tuple[int, ...]
    is_late: bool = False
    is_brief: bool = False
    asked: Period | None = None


def histories(
    period: Period,
    kind: Kind,
    goal: Goal,
    remaining: Callable[[], int],
    shapes: Sequence[Shape] | None = None,
    course: Course | None = None,
) -> Iterator[list[dict[str, Any]]]:
    """Yield histories whose last event is of *kind* and meets *goal*, the likeliest shapes first.

    An edition of *period* evaluates the last event. Without a *course*, the earlier events are in
    the same period, and every edition approves the orders. *remaining* returns the milliseconds
    that are left. Without *shapes*, all shapes are tried.
    """
    course = course or Course(period, tuple(range(len(period.editions))))
    for shape in SHAPES if shapes is None else shapes:
        if _is_one(shape, kind) and remaining():
            yield from _found(_Search(period, kind, goal, shape, course), remaining)


def in_part_of_day(period: Period, events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return *events* with the last one within the part of a day that *period* is, if it is one.

    What it requests ends within that part, too.
    """
    if period.moment is None:
        return events
    *others, last = events
    times = {"time": period.moment.isoformat()}
    if last["kind"] in ("order", "replace"):
        times["expires"] = (period.moment + _BRIEF).isoformat()
    return [*others, {name: one for name, one in last.items() if name != "date"} | times]


class _Search(NamedTuple):
    """One search: what the last event is, and which earlier events there are."""

    period: Period
    kind: Kind
    goal: Goal
    shape: Shape
    course: Course


def _is_one(shape: Shape, kind: Kind) -> bool:
    """Return whether a history of *shape* can end with *kind*, which may need an earlier event."""
    if kind == "fill":
        return shape.priors in (("open",), ("released",), ("open", "breach"), ("open", "open"))
    if kind == "correct":
        return "breach" in shape.priors
    if kind in REPLACES:
        return "open" in shape.priors or shape.priors in (("released",), ("filled",))
    return shape.priors != ("released",)


def _found(search: _Search, remaining: Callable[[], int]) -> Iterator[list[dict[str, Any]]]:
    """Yield the histories of one *search*, first those without a brought_forward."""
    forward = z3.Ints("forward.shares forward.amount")
    formulas, events = _all(search, forward)
    # First look for a history with known amounts: it explains more than one with unknown amounts.
    known = [past.asked.amount_present for past in events[-1]]
    for is_any in (False, True)[: 1 + search.shape.is_forward]:
        brought = _brought(forward, search.course.period.editions, is_any=is_any)
        for more in ([*known, *formulas, *brought], [*formulas, *brought]):
            solver = z3.Solver()
            # The limit leaves time for other shapes, which may be quicker.
            solver.set("timeout", max(remaining() // _SHARE, 1))
            solver.add(more)
            if solver.check() == z3.sat:
                model = _plainest(solver, [event[0].asked for event in events])
                yield _written(model, events, forward if is_any else None, _own_day(search))
                break


def _own_day(search: _Search) -> date | None:
    """Return the day on which the last event is reported, if it is about another day."""
    is_own = search.kind == "correct" and search.course.period is not search.period
    return max(search.period.first, EARLIEST) if is_own else None


def _all(search: _Search, forward: Sequence[Term]) -> tuple[list[Term], list[list[Past]]]:
    """Return the conditions of a history that meets the goal of *search*, and its events.

    The events are listed by their place in the history, then by edition.
    """
    brought = Sums(z3.ToReal(forward[0]), z3.ToReal(forward[1]), number(0), number(0))
    formulas: list[Term] = []
    each: list[list[Past]] = []
    for at in range(len(search.period.editions)):
        past, ties = _past(search, at, brought)
        formulas += ties
        each.append(past)
    events = [list(event) for event in zip(*each, strict=True)]
    formulas += chain.from_iterable(_stated([one.asked for one in event]) for event in events)
    return [*formulas, search.goal([one.asked for one in events[-1]])], events


def _stated(asked: Sequence[Request]) -> Iterator[Term]:
    """Yield the conditions that one event states the averages that each edition has of it.

    Editions can declare an average differently, but an event states each only once.
    """
    first, *others = (one.facts for one in asked)
    for other in others:
        for fact in filter(is_average, first.keys() & other.keys()):
            yield first[fact].present == other[fact].present
            yield first[fact].value == other[fact].value


def _past(search: _Search, at: int, sums: Sums) -> tuple[list[Past], list[Term]]:
    """Return the events of *search* as the editions at the place *at* count them, and their ties.

    *sums* are those before the first event.
    """
    period, kind, _, shape, course = search
    editions = [*course.period.editions, *period.editions]
    scope = scope_of(editions)
    scopes = {
        "correct": scope_then(scope, editions),
        **dict.fromkeys(("fill", "fill-alone"), scope),
    }
    in_life = scope_of_lives(scope, editions)
    lives = [[Stage(of, date.min, date.max) for of in (course.period, period)]]
    past, formulas = list[Past](), list[Term]()
    for index, prior in enumerate((*shape.priors, None)):
        own_kind: Kind = kind if prior is None else "order" if prior != "breach" else "fill-alone"
        within = period if prior is None else course.period
        one = Request(
            within.editions[at],
            sums,
            f"r{index}",
            own_kind,
            scope=scopes.get(own_kind, in_life),
            own=f"'{at}",
            exact=partial(used_facts, past=tuple(past)),
        )
        about = past[_about(past, own_kind)] if own_kind in _ABOUT else None
        formulas += [
            *one.ties,
            *ratio_ties(one, lives),
            *figures(one, shape.at_one, shape.grid),
            *follows(one, about),
        ]
        if own_kind == "correct":
            # A correct has the days of its fill.
            within = course.period
        if prior is None:
            formulas += _of_life(search, at, one, sums, about)
            within = course.asked or within
        formulas += dated(one, within.first, within.last, within.venue_day)
        formulas += later(one, past, is_late=prior is None and course.is_late)
        now, ties = past_of(one, prior or "open", f"r{index}")
        if prior is not None:
            # Earlier events have known amounts, so that they leave no sum unknown.
            formulas += [*ties, one.amount_present]
            if own_kind == "order":
                formulas.append(z3.Not(one.ahead))
            if prior != "breach" and at in course.approving:
                formulas.append(passes(one, _ASKED.get(prior)))
            sums = sums_after(sums, now)
        past.append(now)
    return past, formulas


def _of_life(search: _Search, at: int, last: Request, sums: Sums, about: Past | None) -> list[Term]:
    """Return the conditions on how long the *last* event, or the order that it changes, can fill.

    *sums* are those before it. Its own editions approve a request of an earlier period.
    """
    course, last_date = search.course, last.day("last_date")
    if course.asked is None:
        return [last_date <= search.period.last.toordinal()] if course.is_brief else []
    used = {name: of for name, of in last.facts.items() if name.startswith(("day.", "counters."))}
    own = Request(
        course.asked.editions[at],
        sums,
        last.name,
        last.kind,
        scope=last.scope,
        own=f"'{at}",
        exact=lambda *_: used,
    )
    ends = [last_date, *([] if about is None else [about.asked.day("last_date")])]
    return [z3.Or([end >= search.period.first.toordinal() for end in ends]), passes(own)]


def _about(past: Sequence[Past], kind: Kind) -> int:
    """Return the index in *past* of the event that one of *kind* names: the last possible one."""
    priors = ("breach",) if kind == "correct" else _CAN_FILL
    return max(at for at, one in enumerate(past) if one.prior in priors)


def _brought(forward: Sequence[Term], editions: Sequence[Edition], *, is_any: bool) -> list[Term]:
    """Return the conditions on what is brought forward: if *is_any*, within the caps; else zero."""
    if not is_any:
        return [one == 0 for one in forward]
    within = [one >= 0 for one in forward]
    for edition in editions:
        caps = (edition.max_shares, edition.max_amount)
        within += [
            one <= number(cap) for one, cap in zip(forward, caps, strict=True) if cap is not None
        ]
    return within


def _plainest(solver: Any, events: Sequence[Request]) -> Model:
    """Return the simplest model found for *solver*: expected field values and small numbers."""
    model = Model(solver.model())
    solver.set("rlimit", _PATIENCE)
    for event in events:
        for wish in _wishes(event):
            if solver.check(wish) == z3.sat:
                model = Model(solver.model())
                solver.add(wish)
        for figure in (event.units, event.price):
            low, high = 0, ceil(model.exact(figure))
            while high - low > 1:
                middle = (low + high) // 2
                if solver.check(figure <= number(middle)) == z3.sat:
                    model = Model(solver.model())
                    high = ceil(model.exact(figure))
                else:
                    low = middle
            solver.add(figure <= number(high))
    return model


def _wishes(event: Request) -> Iterator[Term]:
    """Yield the conditions that make *event* easy to read, the most important first."""
    yield z3.Not(event.ahead)
    yield event.has_units
    yield event.listing == 0
    yield z3.Not(event.timed)
    broker = event.words["trade.broker"]
    if OTHER in broker.choices:
        # Any broker would do; the name of a venue or a symbol would mislead.
        yield broker.is_one(OTHER)
    yield z3.Not(event.otherwise)
    yield event.day("venue_last_date") == event.day("venue_date")
    yield event.day("last_date") == event.day("date")
    first, last = event.edition.window.first, event.edition.window.last
    if first is not None:
        yield event.day("date") >= number(first)
    if last is not None:
        yield event.day("date") <= number(last) + 1


def _written(
    model: Model,
    events: Sequence[Sequence[Past]],
    forward: Sequence[Term] | None,
    own_day: date | None,
) -> list[dict[str, Any]]:
    """Return the events of *model* as a sender would write them.

    *own_day* is the day on which the last is reported, if it is not that of its facts.
    """
    written: list[dict[str, Any]] = []
    is_otherwise = model.holds(events[-1][0].asked.otherwise)
    if forward is not None:
        shares, amount = (str(model.whole(figure)) for figure in forward)
        written.append(
            {"kind": "brought_forward", "id": "before", "shares": shares, "amount": amount}
        )
    for index, each in enumerate(events):
        past, kind = each[0], each[0].asked.kind
        about = None
        if kind in _ABOUT:
            number_about = 1 + _about([earlier for earlier, *_ in events[:index]], kind)
            about = f"{'f' if kind == 'correct' else 'o'}-{number_about}"
        name = f"{_LETTERS.get(kind, 'o')}-{index + 1}"
        event = event_of(model, [one.asked for one in each], name, about)
        if is_otherwise and (method := model.word(past.asked.words["trade.method"])) is not None:
            # The last event is by another method than the event that it is about.
            event["method"] = method
        written.append(event)
        if index < len(events) - 1:
            written += _became(model, past, event)
        elif kind in HELD:
            written.append(_released(event))
    if own_day is not None:
        written[-1].pop("time", None)
        written[-1]["date"] = str(own_day)
    return written


def _released(order: dict[str, Any]) -> dict[str, Any]:
    """Return the release of *order* by another person, at the moment of the order."""
    order.setdefault("by", "Ann")
    other = "Bob" if plain_name(order["by"]) != plain_name("Bob") else "Ann"
    # The release of a replace names the order.
    named = order.get("order", order["id"])
    release = {"kind": "release", "id": f"r-{order['id']}", "order": named, "by": other}
    own = {"phase": order["phase"]} if "phase" in order else {}
    return {**release, "reason": "seen", **own, **_moment_of(order)}


def _became(model: Model, past: Past, order: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the events that happened to *order*, if any, at the moment of the order."""
    of = {"order": order["id"], **_moment_of(order)}
    if past.prior == "cancelled":
        when = {name: value for name, value in of.items() if "." not in name}
        yield {"kind": "cancel", "id": f"c-{order['id']}", **when}
    elif past.prior == "released":
        yield _released(order)
    elif past.prior == "filled":
        quantity = model.whole(past.units)
        fill = {"kind": "fill", "id": f"f-{order['id']}", **of, "quantity": quantity}
        yield {**fill, "price": order["price"]}


def _moment_of(event: Mapping[str, Any]) -> dict[str, Any]:
    return {name: event[name] for name in event if name in ("time", "date") or "." in name}
