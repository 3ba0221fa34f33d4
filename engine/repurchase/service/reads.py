"""The routes that read: positions, orders, headroom, decisions, rules, market facts, keys."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime
from typing import Final

from starlette.responses import Response

from repurchase.api.headroom import headroom_of, question
from repurchase.domain.calendars import day_at, read_day, read_moment
from repurchase.domain.decisions import Outcome
from repurchase.domain.errors import Problem
from repurchase.domain.quantities import written
from repurchase.evaluation.headroom import headroom as found_headroom
from repurchase.journal import queries
from repurchase.journal.pages import Wanted, page
from repurchase.journal.queries import StoryLine, edition_at, overview
from repurchase.market.supplied import supplied
from repurchase.report.market import market_object
from repurchase.report.programs import story_object
from repurchase.report.served import (
    Decisions,
    EditionSince,
    KeyLine,
    ProgramNow,
    Recorded,
    RulesInForce,
    Story,
)
from repurchase.rulebook.caps import Window
from repurchase.rulebook.life import life
from repurchase.service.asked import Asked, answered, whole
from repurchase.service.live import Live, now
from repurchase.service.problems import Trouble

LIMIT: Final = 100
LIMIT_MAX: Final = 500
OUTCOMES: Final[tuple[Outcome, ...]] = ("approved", "denied", "held", "recorded", "refused")


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
    return await asked.told(lambda: program_now(live, name))


def program_now(live: Live, name: str) -> ProgramNow:
    """Return how the program *name* stands."""
    book, moment = live.book(name), now()
    edition, found = edition_at(book, moment), overview(book, moment)
    first, last = _days(edition.window)
    today = day_at(moment, edition.counting.zone)
    authorization = edition.authorization
    return ProgramNow(
        authorization=authorization.name,
        issuer=authorization.issuer,
        currency=authorization.currency,
        timezone=authorization.timezone,
        rule_file=found.rule_file,
        edition=edition.hash,
        first_day=first,
        last_day=last,
        days_left=None if last is None else (last - today).days,
        max_shares=None if edition.max_shares is None else written(edition.max_shares),
        max_amount=None if edition.max_amount is None else written(edition.max_amount),
        halts=found.halts,
        proposals=found.proposals,
        one_person=found.one_person,
        records=found.records,
        head=found.head,
    )


def _days(window: Window) -> tuple[date | None, date | None]:
    first, last = (
        None if one is None else date.fromordinal(int(one)) for one in (window.first, window.last)
    )
    return first, last


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
    limit = asked.value("limit", whole)
    most = min(LIMIT if limit is None else max(limit, 1), LIMIT_MAX)
    wanted = Wanted(
        asked.value("day", read_day),
        next((one for one in OUTCOMES if one == asked.given.get("outcome")), None),
        asked.given.get("rule"),
        asked.given.get("order"),
    )
    if wanted.outcome is None and "outcome" in asked.given:
        what = f"`outcome` is not one of {', '.join(OUTCOMES)}"
        raise Trouble("unreadable", Problem(what, "name one of them"))
    live, name = asked.live, asked.program

    def told() -> Decisions:
        found = page(live.journal, name, live.texts, after, most, wanted)
        return Decisions(recorded(found.lines), None if found.is_end else found.last)

    return await asked.told(told)


def recorded(lines: Iterable[StoryLine]) -> tuple[Recorded, ...]:
    """Return *lines* of a journal as they are answered, with their findings in words."""
    return tuple(Recorded(**one) for one in story_object(lines))


async def decision(asked: Asked) -> Response:
    """Answer the decisions on one event, and its whole story."""
    name, program_ = str(asked.request.path_params["id"]), asked.program
    journal = asked.live.journal

    def told() -> Story:
        found = recorded(queries.story(journal, program_, name))
        own = tuple(one for one in found if one.event.get("id") == name)
        if not own:
            hint = "check its letters: IDs are case-sensitive"
            raise Trouble("not-found", Problem("the journal has no event of this ID", hint))
        return Story(name, own, found)

    return await asked.told(told)


async def rules(asked: Asked) -> Response:
    """Answer the rule file in force, and its editions."""
    live, name = asked.live, asked.program
    return await asked.told(lambda: _rules(live, name))


def _rules(live: Live, name: str) -> RulesInForce:
    book = live.book(name)
    assert book.editions is not None, "`book` makes sure of it"
    assert book.rules is not None, "a program that has begun has rules"
    days = book.editions.change_days()
    return RulesInForce(
        book.editions.authorization.name,
        book.rules.file,
        dict(book.rules.packs),
        tuple(EditionSince(day, book.editions.on(day).hash) for day in days),
        book.editions.authorization.text,
    )


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
        return market_object(supplied(live.feed, editions, at, *places))

    return await asked.told(told)


def _moment(text: str) -> datetime | date:
    return read_day(text) if len(text) <= len("2008-11-14") else read_moment(text)


async def tokens(asked: Asked) -> Response:
    """Answer the keys, without their secrets."""
    ring, moment = asked.live.door.keys, now()
    keys = () if ring is None else ring.all()
    return answered(
        [
            KeyLine(one.id, one.by, one.role, one.programs, one.made, one.expires, standing)
            for one in keys
            for standing in (one.standing(moment),)
        ]
    )
