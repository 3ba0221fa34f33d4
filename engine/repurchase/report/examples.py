"""Example events: for each rule an event that has every field that the rule reads."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date, datetime, time, timedelta
from typing import Final

from repurchase.domain.calendars import zone
from repurchase.domain.quantities import Exact, written
from repurchase.domain.terms import Instrument
from repurchase.domain.venues import AREAS, country_of, venue_codes, zone_name
from repurchase.facts.averages import is_average
from repurchase.facts.domains import Numbers
from repurchase.facts.table import TABLE
from repurchase.language.expression import (
    All,
    Comparison,
    Condition,
    Constant,
    Member,
    Name,
    Not,
    Truth,
    Word,
)
from repurchase.language.linear import holds
from repurchase.rulebook.model import Authorization, Pack, Rule, fact_in

# The fields of an example, in the order in which they are written. No rule has its own values.
VALUES: Final[Mapping[str, str | int | bool]] = {
    "kind": "order",
    "id": "o-1",
    "time": "2024-06-03T10:00:00+09:00",
    "symbol": "ACME",
    "venue": "XTKS",
    "side": "buy",
    "quantity": 100,
    "price": 1000,
    "fx": 1,
    "fees": 500,
    "expires": "2024-06-03",
    "order_type": "limit",
    "method": "auction",
    "broker": "Broker-A",
    "phase": "continuous",
    "solicited": True,
    "counterparty": "Seller-A",
    "by": "Ann Smith",
    "market.previous_close": 1000,
    "market.last_price": 1000,
    "market.last_independent_price": 1000,
    "market.best_independent_bid": 1000,
    "market.best_ask": 1000,
    "market.first_price_published": True,
    "market.last_price_age": 5,
    "market.quote_age": 5,
    "market.day_high": 1000,
    "market.minutes_from_open": 60,
    "market.minutes_to_close": 240,
    "issuer.announced_shares": 1000,
    "issuer.undisclosed_material_fact": False,
    "issuer.closed_period": False,
}
_AVERAGE: Final[Mapping[str, int]] = {"price": 1000, "money": 10_000_000}
_USUAL: Final = ("XTKS", "XNAS", "XLON", "XETR", "XPAR", "XWBO")
_ALWAYS: Final = ("kind", "id", "time", "symbol", "side", "quantity")
_DAY: Final = date(2024, 6, 3)
_HOUR: Final = time(10)
_SATURDAY: Final = 5
# What a kind of event has whether rules read it or not, and the fields that it cannot have.
_MORE: Final[Mapping[str, dict[str, object]]] = {
    "prepaid": {"amount": 1_000_000, "by": "Ann Smith", "reason": "accelerated repurchase"}
}
_LESS: Final = {
    "fill": {"expires"},
    "prepaid": {"side", "quantity", "price", "order_type", "method", "expires", "fees"},
}
# From a figure to the nearest whole one that meets the comparison with it.
_NEAREST: Final = {"<": -1, "<=": 0, "==": 0, ">=": 0, ">": 1, "!=": 1}


def example(rule: Rule, file: Authorization | Pack) -> dict[str, object]:
    """Return an event of *file* that decides *rule* if it is the first event of a program."""
    met = dict(_met(rule))
    values: dict[str, object] = {**VALUES, **met}
    kind = _kind(rule, values)
    values |= {"kind": kind, "id": f"{kind[0]}-1"}
    if (country := met.get("trade.venue_country")) is not None:
        values["venue"] = _venue_in(str(country))
    elif met.get("trade.venue_area") == AREAS[0]:
        values["venue"] = "XETR"
    if isinstance(file, Authorization):
        listed = _listed(file, met)
        values |= {"symbol": listed.symbol}
        if values["venue"] not in listed.venues:
            values |= {"venue": listed.venues[0]}
    day = _day(rule, file)
    name = file.zone_of if isinstance(file, Authorization) else zone_name
    clock = zone(name(str(values["venue"])))
    values |= {"time": datetime.combine(day, _HOUR, clock).isoformat(), "expires": str(day)}
    for fact in filter(is_average, rule.facts):
        values.setdefault(fact, _AVERAGE.get(fact_in(file.averages, fact).dimension.kind, 10_000))
    read = {*_ALWAYS, *(field for name in rule.facts for field in TABLE[name].given_by)}
    read -= _LESS.get(kind, set())
    said = {name: value for name, value in values.items() if name in read}
    return said | _MORE.get(kind, {})


def _kind(rule: Rule, values: Mapping[str, object]) -> str:
    """Return the kind of an event with these *values* that *rule* judges."""
    if rule.at == "fill":
        return "fill"
    if values["method"] == "prepaid":
        return "prepaid" if rule.at == "order" else "fill"
    return "order"


def _venue_in(country: str) -> str:
    """Return a venue of *country*: the usual one, or the first by its code."""
    usual = (code for code in _USUAL if country_of(code) == country)
    others = (code for code in sorted(venue_codes()) if country_of(code) == country)
    return next(usual, None) or next(others)


def _met(rule: Rule) -> Iterator[tuple[str, object]]:
    """Yield each field that *rule* compares with a word or a number, and a value that passes."""
    conditions = (rule.require, *(() if rule.when is None else (rule.when,)))
    for part in (part for one in conditions for part in _parts(one.root)):
        match part:
            case Member(Name(name, is_fact=True), (Word(text), *_)) | Comparison(
                Name(name, is_fact=True), "==", Word(text)
            ):
                # No event has an empty text.
                yield from [(_field(name), text)] if text else []
            case Comparison(Name(name, is_fact=True), operator, Constant(value)):
                usual, near = VALUES.get(_field(name)), value + _NEAREST[operator]
                if type(usual) is int and not holds(usual - value, operator):
                    yield from [(_field(name), _as_written(near))] if _can_be(name, near) else []
            case Truth(name):
                yield _field(name), True
            case Not(Truth(name)):
                yield _field(name), False
            case _:
                pass


def _parts(condition: Condition) -> Iterator[Condition]:
    if isinstance(condition, All):
        for part in condition.parts:
            yield from _parts(part)
    else:
        yield condition


def _field(fact: str) -> str:
    """Return the event field of *fact*; for a computed fact, a name that no event has."""
    own = fact.partition(".")[2]
    return own if own in TABLE[fact].given_by else fact


def _can_be(fact: str, value: Exact) -> bool:
    domain = TABLE[fact].domain
    return isinstance(domain, Numbers) and value in domain


def _as_written(value: Exact) -> str | int:
    return value if type(value) is int else written(value)


def _listed(authorization: Authorization, met: Mapping[str, object]) -> Instrument:
    """Return the instrument that a rule requires by class, symbol or venue, else the first."""

    def fits(one: Instrument) -> bool:
        return (
            met.get("trade.share_class", one.name) == one.name
            and met.get("symbol", one.symbol) == one.symbol
            and met.get("venue", one.venues[0]) in one.venues
        )

    first = authorization.instruments[0]
    return next((one for one in authorization.instruments if fits(one)), first)


def _day(rule: Rule, file: Authorization | Pack) -> date:
    """Return a weekday on which *rule* is in force, within the period of an authorization."""
    terms = file.terms if isinstance(file, Authorization) else ()
    ends = {
        term.name: [date.fromordinal(int(one.figure.value)) for one in term.versions]
        for term in terms
        if term.name in ("first_day", "last_day")
    }
    begun = (rule.validity.first, rule.validity.known, *ends.get("first_day", ()))
    over = {last for last in (rule.validity.last, *ends.get("last_day", ())) if last}
    day: date = min(max((_DAY, *(first for first in begun if first))), *over, date.max)
    step = timedelta(-1 if day in over else 1)
    while day.weekday() >= _SATURDAY:
        day += step
    return day
