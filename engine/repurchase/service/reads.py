"""The routes that read: positions, orders, headroom, decisions, rules, market facts, keys."""

from __future__ import annotations

from datetime import date, datetime
from typing import Final

from starlette.responses import Response

from repurchase.api.headroom import headroom_of, question
from repurchase.domain.calendars import read_day, read_moment
from repurchase.domain.decisions import OUTCOMES, Outcome
from repurchase.domain.errors import Problem, UsageError, Wrong, nearest
from repurchase.evaluation.headroom import headroom as found_headroom
from repurchase.journal import queries
from repurchase.journal.pages import Wanted, page
from repurchase.journal.queries import overview
from repurchase.market.supplied import supplied
from repurchase.report.market import market_object
from repurchase.report.problems import Trouble, trouble_of
from repurchase.report.served import Decisions, Story, program_now, recorded, rules_in_force
from repurchase.rulebook.life import life
from repurchase.service.asked import Asked, answered, whole
from repurchase.service.keys import listed
from repurchase.service.live import now

LIMIT: Final = 100
LIMIT_MAX: Final = 500


async def position(asked: Asked) -> Response:
    """Answer what the program has used, its open orders, and what is unknown."""
    live, name = asked.live, asked.program
    return await asked.told(lambda: overview(live.book(name), now()))


async def orders(asked: Asked) -> Response:
    """Answer the open and the held orders."""
    live, name = asked.live, asked.program
    return await asked.told(lambda: overview(live.book(name), now()).orders)


async def program(asked: Asked) -> Response:
    """Answer what was granted, and how the program stands."""
    live, name = asked.live, asked.program
    return await asked.told(lambda: program_now(live.book(name), now()))


async def headroom(asked: Asked) -> Response:
    """Answer the largest quantity, or the highest price, with the proof that none is larger."""
    name = asked.program
    return await asked.told(lambda: _headroom(asked, name))


def _headroom(asked: Asked, name: str) -> object:
    values = {one: of for one, of in asked.given.items() if one not in ("authorization", "tick")}
    if "time" not in values and "date" not in values:
        values["time"] = now().isoformat()
    order, grid = question(values, asked.given.get("tick"))
    order = asked.caller.asks(order)
    book = asked.live.book(name)
    assert book.editions is not None, "`book` makes sure of it"
    its = life(book.editions, order, book.position)
    market = asked.live.feed.of(its.edition.authorization)
    return headroom_of(found_headroom(order, book.position, its, market, grid), order)


async def decisions(asked: Asked) -> Response:
    """Answer a page of decisions in the order of their records."""
    after = asked.value("after", whole) or 0
    most = asked.value("limit", _limit) or LIMIT
    wanted = Wanted(
        asked.value("day", read_day),
        asked.value("outcome", _outcome),
        asked.given.get("rule"),
        asked.given.get("order"),
    )
    live, name = asked.live, asked.program

    def told() -> Decisions:
        found = page(live.journal, name, live.texts, after, most, wanted)
        return Decisions(recorded(found.lines), None if found.is_end else found.last)

    return await asked.searched(told)


def _limit(text: str) -> int:
    number = whole(text)
    if not 1 <= number <= LIMIT_MAX:
        raise Wrong(f"is {number:,}", f"write 1 to {LIMIT_MAX}")
    return number


def _outcome(text: str) -> Outcome:
    for one in OUTCOMES:
        if one == text:
            return one
    raise Wrong(f"is not one of {', '.join(OUTCOMES)}", nearest(text[:20], OUTCOMES))


async def decision(asked: Asked) -> Response:
    """Answer the decisions on one event, and its whole story."""
    name, program_ = str(asked.request.path_params["id"]), asked.program
    journal = asked.live.journal

    def told() -> Story:
        found = recorded(queries.story(journal, program_, name, whole=False))
        own = tuple(one for one in found if one.event.get("id") == name)
        if not own:
            hint = "check its letters: IDs are case-sensitive"
            raise Trouble("not-found", Problem("the journal has no event of this ID", hint))
        return Story(name, own, found)

    return await asked.searched(told)


async def rules(asked: Asked) -> Response:
    """Answer the rule file in force, and its editions."""
    live, name = asked.live, asked.program
    return await asked.told(lambda: rules_in_force(live.book(name)))


async def adoptions(asked: Asked) -> Response:
    """Answer which rule files were adopted: when, by whom and why."""
    journal, name = asked.live.journal, asked.program
    return await asked.told(lambda: queries.adoptions(journal, name))


async def market(asked: Asked) -> Response:
    """Answer what the market files supply at a moment, and what is missing."""
    at, given = asked.value("at", _moment) or now(), asked.given
    live, name = asked.live, asked.program

    def told() -> object:
        editions = live.book(name).editions
        assert editions is not None, "`book` makes sure of it"
        places = given.get("symbol"), given.get("venue")
        try:
            return market_object(supplied(live.feed, editions, at, *places))
        except UsageError as error:
            raise trouble_of(error, usage="not-found") from error

    return await asked.told(told)


def _moment(text: str) -> datetime | date:
    return read_day(text) if len(text) <= len("2008-11-14") else read_moment(text)


async def tokens(asked: Asked) -> Response:
    """Answer the keys, without their secrets."""
    asked.caller.check_all()
    ring = asked.live.door.keys
    return answered([] if ring is None else listed(ring.all(), now()))
