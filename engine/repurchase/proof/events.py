"""Events out of a model of z3, as a sender would write them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime, time, timedelta
from fractions import Fraction
from typing import Any, Final
from zoneinfo import ZoneInfo

from repurchase.domain.quantities import Exact, simplest, written
from repurchase.facts.table import TABLE
from repurchase.proof.exact import RATE
from repurchase.proof.model import FILLS, REPLACES, Kind, Request
from repurchase.proof.solver import Term, z3

# What an event of a kind says that it is; what is released is told before.
_CALLED: Final[Mapping[Kind, str]] = {
    "release": "order",
    "release-replace": "replace",
    "fill-alone": "fill",
}
_HALF_HOURS: Final = [timedelta(minutes=30 * number) for number in range(48)]


def whole(model: Any, term: Term) -> int:
    """Return the whole number that *term* is in *model*."""
    return int(exact(model, term))


def exact(model: Any, term: Term) -> Exact:
    """Return the number that *term* is in *model*."""
    found = model.eval(z3.ToReal(term) if z3.is_int(term) else term, True)
    return simplest(Fraction(found.numerator_as_long(), found.denominator_as_long()))


def _is_so(model: Any, term: Term) -> bool:
    return bool(z3.is_true(model.eval(term, True)))


def event_of(model: Any, ones: Sequence[Request], name: str, about: str | None) -> dict[str, Any]:
    """Return the event that *ones* are in *model*, called *name*; *about* is the order it is of.

    They are one event, as each edition reckons it.
    """
    kind = _CALLED.get(ones[0].kind, ones[0].kind)
    said: dict[str, Any] = {"kind": kind, "id": name}
    said |= _moments(model, ones)
    if about is None:
        said |= _described(model, ones)
    else:
        said["fill" if kind == "correct" else "order"] = about
        broker = ones[0].said.words["trade.broker"]
        at = whole(model, broker.chosen)
        if kind == "fill" and at >= 0 and "broker" in _fields_read(ones):
            said["broker"] = broker.choices[at]
        if kind == "fill" and _is_so(model, ones[0].said.otherwise):
            method = ones[0].said.words["trade.method"]
            said["method"] = method.choices[whole(model, method.chosen)]
    if ones[0].kind in FILLS:
        said.pop("expires", None)
    one = ones[0]
    said["quantity"] = whole(model, one.said.units)
    if _is_so(model, one.facts["trade.price"].present):
        said["price"] = written(exact(model, one.facts["trade.price"].value))
    with_fees = any(each.edition.counting.with_fees for each in ones)
    if with_fees and _is_so(model, one.said.has_fees) and not (about and kind == "fill"):
        said["fees"] = written(exact(model, one.said.fees))
    return said | dict(_outside(model, ones))


def _described(model: Any, ones: Sequence[Request]) -> dict[str, Any]:
    """Return what an order says of itself that no other event about it repeats."""
    one = ones[0]
    symbol, venue = one.said.scope.pairs[whole(model, one.said.listing)]
    said: dict[str, Any] = {"symbol": symbol} | ({"venue": venue} if venue is not None else {})
    read = {*_fields_read(ones), "side"}
    for fact, word in one.said.words.items():
        field, at = fact.removeprefix("trade."), whole(model, word.chosen)
        if at >= 0 and (field in read or word.choices[at] == "market"):
            said[field] = word.choices[at]
    if _is_so(model, one.said.has_rate) and any(
        (listing := each.listings[whole(model, each.said.listing)]) is not None
        and listing.currency != each.edition.counting.currency
        for each in ones
    ):
        said["fx"] = "1" if _is_so(model, one.said.is_even) else str(RATE)
    return said


def _fields_read(ones: Sequence[Request]) -> set[str]:
    """Return the fields that give what the rules read: some give facts of the day, too."""
    facts = {fact for each in ones for fact in each.edition.facts}
    return {field for fact in facts for field in TABLE[fact].given_by}


def _outside(model: Any, ones: Sequence[Request]) -> dict[str, Any]:
    """Return the facts from outside that the rules read and the model has."""
    found: dict[str, Any] = {}
    for name in sorted({fact for each in ones for fact in each.edition.facts}):
        fact = ones[0].facts[name]
        if name.startswith(("market.", "issuer.")) and _is_so(model, fact.present):
            value = exact(model, fact.value)
            is_flag = TABLE[name].dimension.kind == "flag"
            found[name] = bool(value) if is_flag else written(value)
    return found


def _moments(model: Any, ones: Sequence[Request]) -> dict[str, str]:
    """Return the fields that say when, by days alone where no time is needed."""
    one = ones[0]
    venue = one.said.scope.clocks[whole(model, one.said.listing)]
    begin, end = ([_shown(model, each, name) for each in ones] for name in ("date", "last_date"))
    there, there_last = (
        date.fromordinal(whole(model, one.day(name))) for name in ("venue_date", "venue_last_date")
    )
    is_read = any("trade.venue_time" in each.edition.facts for each in ones)
    seconds = None
    if is_read and _is_so(model, one.said.timed):
        seconds = whole(model, one.facts["trade.venue_time"].value)
    said = {"date": str(there)}
    if seconds is not None or any(day != there for _, day in begin):
        said = {"time": _moment(begin, there, venue, seconds).isoformat()}
    is_own = there == there_last and one.kind not in REPLACES
    return said | _end(end, there_last, venue, is_own=is_own)


# What a clock shows.
_Clock = tuple[ZoneInfo, date]


def _shown(model: Any, one: Request, name: str) -> _Clock:
    return one.edition.counting.zone, date.fromordinal(whole(model, one.day(name)))


def _end(end: Sequence[_Clock], there: date, venue: ZoneInfo, *, is_own: bool) -> dict[str, str]:
    """Return the field that says until when, where it is not the end of its *own* venue's day."""
    midnight = datetime.combine(there + timedelta(1), time.min, venue) - timedelta(microseconds=1)
    if _is_shown(midnight, end):
        return {} if is_own else {"expires": str(there)}
    return {"expires": _moment(end, there, venue, None, is_late=True).isoformat()}


def _moment(
    clocks: Sequence[_Clock],
    there: date,
    venue: ZoneInfo,
    seconds: int | None,
    *,
    is_late: bool = False,
) -> datetime:
    """Return a moment of the day *there* at the *venue* that all *clocks* show, if there is one."""
    begin = datetime.combine(there, time.min, venue)
    after = _HALF_HOURS if seconds is None else [timedelta(seconds=seconds)]
    moments = [begin + each for each in (reversed(after) if is_late else after)]
    return next((one for one in moments if _is_shown(one, clocks)), begin)


def _is_shown(moment: datetime, clocks: Sequence[_Clock]) -> bool:
    return all(moment.astimezone(clock).date() == day for clock, day in clocks)
