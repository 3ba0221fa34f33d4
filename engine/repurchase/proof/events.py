"""Translation of a model that z3 found into events, as a sender would write them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from fractions import Fraction
from typing import Any, Final
from zoneinfo import ZoneInfo

from repurchase.domain.clocks import days_shown, end_of_day
from repurchase.domain.currencies import whole
from repurchase.domain.quantities import Exact, simplest, written
from repurchase.facts.outside import is_outside
from repurchase.facts.table import TABLE
from repurchase.proof.exact import RATE
from repurchase.proof.fields import FILLS, REPLACES, Kind, Word
from repurchase.proof.model import Request
from repurchase.proof.solver import Term, z3

# The kind of event to write. A release is written as the held request; its release follows.
_CALLED: Final[Mapping[Kind, str]] = {
    "release": "order",
    "release-replace": "replace",
    "fill-alone": "fill",
}
# Facts that need the time of day.
_TIMES: Final = ("trade.venue_time", "trade.seconds_since_same")
# The words that an event about another may state for itself, besides a method.
_OWN: Final[Mapping[Kind, tuple[str, ...]]] = {
    "fill": ("broker", "phase"),
    "correct": ("by",),
    **dict.fromkeys(REPLACES, ("by", "phase")),
}
_HALF_HOURS: Final = [timedelta(minutes=30 * number) for number in range(48)]


class Model:
    """A model that z3 found: a value for each term."""

    def __init__(self, found: Any) -> None:
        self._found = found

    def holds(self, term: Term) -> bool:
        """Return whether the condition *term* is true."""
        return bool(z3.is_true(self._found.eval(term, True)))

    def exact(self, term: Term) -> Exact:
        """Return the exact value of *term*."""
        found = self._found.eval(z3.ToReal(term) if z3.is_int(term) else term, True)
        return simplest(Fraction(found.numerator_as_long(), found.denominator_as_long()))

    def whole(self, term: Term) -> int:
        """Return the value of *term*, a whole number."""
        return int(self.exact(term))

    def word(self, word: Word) -> str | None:
        """Return the value of *word*, one of its choices; `None` if the event has none."""
        at = self.whole(word.chosen)
        return word.choices[at] if at >= 0 else None


def event_of(model: Model, each: Sequence[Request], name: str, about: str | None) -> dict[str, Any]:
    """Return the event *name* of *model*, given the request that *each* edition makes of it.

    *about* is the id of the order or the fill that the event names, if it names one.
    """
    asked = each[0]
    kind = _CALLED.get(asked.kind, asked.kind)
    read = {fact for one in each for fact in one.edition.facts}
    # Some fields also give facts of the day.
    fields_read = {field for fact in read for field in TABLE[fact].given_by}
    event: dict[str, Any] = {"kind": kind, "id": name, **_moments(model, each, read)}
    if about is None:
        event |= _described(model, each, fields_read)
    else:
        event |= _about(model, asked, about, fields_read)
    if asked.kind in FILLS:
        event.pop("expires", None)
    event["quantity"] = model.whole(asked.units)
    if model.holds(asked.has_price):
        event["price"] = written(model.exact(asked.price))
    if asked.kind in REPLACES and asked.rate is not None and model.holds(asked.has_rate):
        event["fx"] = written(model.exact(asked.rate))
    with_fees = any(one.edition.counting.with_fees for one in each)
    if with_fees and model.holds(asked.has_fees) and not (about and kind == "fill"):
        event["fees"] = written(model.exact(asked.fees))
    for fact in sorted(one for one in read if is_outside(one)):
        # An average is a fact of the editions that read it.
        present, value = next(one.facts[fact] for one in each if fact in one.facts)
        if model.holds(present):
            is_flag = TABLE[fact].dimension.kind == "flag"
            event[fact] = bool(model.whole(value)) if is_flag else written(model.exact(value))
    is_prepaid = asked.kind == "order" and model.holds(asked.ahead)
    return _paid_ahead(model, asked, event) if is_prepaid else event


def _paid_ahead(model: Model, asked: Request, order: dict[str, Any]) -> dict[str, Any]:
    """Return *order* as a prepayment: a purchase by a method that it need not state."""
    event = {name: value for name, value in order.items() if name not in ("side", "method")}
    amount = written(model.exact(asked.price) * model.exact(asked.units))
    event |= {"kind": "prepaid", "amount": amount, "reason": "agreed"}
    event.setdefault("by", "Ann")
    if not model.holds(asked.has_units):
        del event["quantity"]
    return event


def _about(model: Model, asked: Request, about: str, fields_read: set[str]) -> dict[str, Any]:
    """Return the field that names *about*, and the words that the event has of its own."""
    event: dict[str, Any] = {"fill" if asked.kind == "correct" else "order": about}
    for field in _OWN[asked.kind]:
        word = model.word(asked.words[f"trade.{field}"])
        if word is not None and field in fields_read:
            event[field] = word
    if asked.kind != "fill":
        return event
    if model.holds(asked.otherwise):
        event["method"] = model.word(asked.words["trade.method"])
    return event


def _described(model: Model, each: Sequence[Request], fields_read: set[str]) -> dict[str, Any]:
    """Return the fields of an event that names no other event: instrument, side and the like."""
    asked = each[0]
    listing = model.whole(asked.listing)
    symbol, venue = asked.scope.pairs[listing]
    described: dict[str, Any] = {"symbol": symbol} | ({} if venue is None else {"venue": venue})
    for fact, word in asked.words.items():
        field, value = fact.removeprefix("trade."), model.word(word)
        if value is not None and (field in {*fields_read, "side"} or value == "market"):
            described[field] = value
    present, solicited = asked.facts["trade.solicited"]
    if "solicited" in fields_read and model.holds(present):
        described["solicited"] = bool(model.whole(solicited))
    if model.holds(asked.has_rate) and any(
        (of := one.listings[listing]) is not None
        and whole(of.currency) != one.edition.counting.currency
        for one in each
    ):
        other = str(RATE) if asked.rate is None else written(model.exact(asked.rate))
        described["fx"] = "1" if model.holds(asked.is_even) else other
    return described


def _moments(model: Model, each: Sequence[Request], read: set[str]) -> dict[str, str]:
    """Return the fields of time: a `date`, or a `time` if only that gives the right days."""
    asked = each[0]
    venue = asked.scope.clocks[model.whole(asked.listing)]
    begin, end = ([_shown(model, one, name) for one in each] for name in ("date", "last_date"))
    there, there_last = (
        date.fromordinal(model.whole(asked.day(name))) for name in ("venue_date", "venue_last_date")
    )
    seconds = None
    has_short = any(of.is_short for one in each for of in one.edition.authorization.counters)
    if (has_short or not read.isdisjoint(_TIMES)) and model.holds(asked.timed):
        seconds = model.whole(asked.seconds)
    when = {"date": str(there)}
    if seconds is not None or any(day != there for _, day in begin):
        when = {"time": _moment(begin, there, venue, seconds).isoformat()}
    is_own = there == there_last and asked.kind not in REPLACES
    return when | _end(end, there_last, venue, is_own=is_own)


# A time zone, and the day that its clock shows.
_Clock = tuple[ZoneInfo, date]


def _shown(model: Model, asked: Request, name: str) -> _Clock:
    return asked.edition.counting.zone, date.fromordinal(model.whole(asked.day(name)))


def _end(end: Sequence[_Clock], there: date, venue: ZoneInfo, *, is_own: bool) -> dict[str, str]:
    """Return the field `expires`; nothing if *is_own*, for an end with its own day at the venue."""
    if _is_shown(end_of_day(there, venue), end):
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
    """Return a moment of the day *there* at *venue* on which all *clocks* show their day.

    *seconds* is the time of day, if it is fixed. Without such a moment, return the day's start.
    """
    begin = datetime.combine(there, time.min, venue)
    after = _HALF_HOURS if seconds is None else [timedelta(seconds=seconds)]
    moments = [begin + each for each in (reversed(after) if is_late else after)]
    if seconds is None:
        # Clocks can show their days for less than half an hour.
        moments += _first_moments([clock for clock, _ in clocks], there, venue)
    return next((one for one in moments if _is_shown(one, clocks)), begin)


def _first_moments(clocks: Iterable[ZoneInfo], there: date, venue: ZoneInfo) -> Iterator[datetime]:
    """Yield each moment of the day *there* at *venue* at which one of *clocks* has a new day."""
    noon = datetime.combine(there, time(12), UTC)
    around = noon - timedelta(days=2), noon + timedelta(days=2)
    for clock in clocks:
        shown = days_shown(clock, venue, *around)
        yield from (one.first.astimezone(venue) for one in shown if one.there == there)


def _is_shown(moment: datetime, clocks: Sequence[_Clock]) -> bool:
    return all(moment.astimezone(clock).date() == day for clock, day in clocks)
