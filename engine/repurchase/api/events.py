"""Events from Python: JSON text, bytes, or a mapping of fields, by the reader of every event."""

from __future__ import annotations

import operator
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from math import isfinite
from os import PathLike
from typing import Final, Protocol, SupportsIndex, TypeAlias

from repurchase.domain.errors import InputError, Problem, Wrong, short
from repurchase.domain.events import Event
from repurchase.domain.quantities import DIGITS_MAX
from repurchase.intake.fields import Number, decode, problems
from repurchase.intake.objects import event_from_json, given_twice

# A tick size of prices.
Tick: TypeAlias = str | int | Decimal
# The values of a mapping are texts, ints, bools, Decimals, dates and datetimes with their zone;
# `None` says that the field is absent. A narrower type would refuse what is written as a literal.
EventLike: TypeAlias = str | bytes | Mapping[str, object]
Files: TypeAlias = str | PathLike[str] | Iterable[str | PathLike[str]]

_LIMIT: Final = 10**DIGITS_MAX
# Of what is nested, an event has lists alone; the reader refuses the rest, whatever it holds.
_NESTED: Final[tuple[object, ...]] = ()
_HINT: Final = "give a text, an int, a Decimal, a date or a datetime with its zone"


class ArrowStream(Protocol):
    """Whatever gives its columns by the Arrow C stream interface: a frame, a table, a relation."""

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        """Return a capsule with an Arrow C stream."""


def event_of(given: EventLike) -> Event:
    """Return the event *given*: one JSON object as text or as bytes, or a mapping of its fields.

    Raise InputError with all that is wrong.
    """
    if isinstance(given, str | bytes):
        return event_from_json(given)
    event, faults = decode(fields_of(given))
    if event is None:
        raise InputError(problems(faults))
    return event


def fields_of(given: object) -> dict[str, object]:
    """Return the fields *given* as the reader of events takes them; raise InputError for others."""
    if not isinstance(given, Mapping):
        what = f"the event is a value of type `{short(type(given).__qualname__)}`"
        raise InputError(Problem(what, "give JSON text, bytes, or a mapping of its fields"))
    named = tuple((_name(name), value) for name, value in given.items())
    # A mapping of several values for a name gives it more than once.
    if faults := given_twice(named):
        raise InputError(problems(faults))
    return {name: read(value) for name, value in named}


def _name(name: object) -> str:
    if not isinstance(name, str):
        what = f"the field name `{short(repr(name))}` is not a text"
        raise InputError(Problem(what, "name each field by a text, such as `quantity`"))
    return str.__str__(name)


def read(value: object) -> object:
    """Return *value* as the reader of events takes it; a `Wrong` if nothing exact stands for it."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        # The text alone: what a class of its own says of itself may be another.
        return str.__str__(value)
    try:
        return _figure(value)
    except Wrong as wrong:
        return wrong


def _figure(value: object) -> object:
    if isinstance(value, int):
        return _whole(value)
    if isinstance(value, Decimal):
        return decimal(value)
    if isinstance(value, float):
        raise _inexact(value)
    if isinstance(value, date):
        return _moment(value) if isinstance(value, datetime) else value.isoformat()
    if isinstance(value, SupportsIndex):
        return _whole(value)
    if isinstance(value, list | tuple):
        return [read(one) for one in value]
    if isinstance(value, Mapping | set | frozenset):
        return _NESTED
    raise Wrong(f"is a value of type `{short(type(value).__qualname__)}`", _HINT)


def _whole(value: SupportsIndex) -> Number:
    try:
        number = operator.index(value)
    except TypeError as error:
        raise Wrong(f"is a value of type `{short(type(value).__qualname__)}`", _HINT) from error
    if not -_LIMIT < number < _LIMIT:
        raise Wrong("is a number too large", f"write at most {DIGITS_MAX} digits")
    return Number(number)


def decimal(value: Decimal) -> Number:
    """Return *value* as a number of an event; raise Wrong for a NaN, an infinity or a huge one."""
    if not value.is_finite():
        raise _not_a_number(str(value))
    if value and abs(value.adjusted()) > DIGITS_MAX:
        raise Wrong(f"is `{value}`, too large or too small", f"write at most {DIGITS_MAX} digits")
    text = format(value, "f") if value else "0"
    # Zeros that a scale adds say nothing, and could be more than a number may have.
    return Number(text.rstrip("0").rstrip(".") if "." in text else text)


def _inexact(value: float) -> Wrong:
    text = float.__repr__(value)
    if not isfinite(value):
        return _not_a_number(text)
    return Wrong(f"is the float {text}, which is not exact", f'give Decimal("{text}") or "{text}"')


def _not_a_number(text: str) -> Wrong:
    hint = "leave the field out if the number is not known"
    return Wrong(f"is `{text}`, not a number", hint)


def _moment(value: datetime) -> str:
    """Return *value* as RFC 3339 writes it; raise Wrong if it does not name one moment."""
    # What stands for no time at all is a datetime too, which is not even equal to itself.
    if value != value:
        raise Wrong(f"is `{value}`, not a time", "leave the field out if the time is not known")
    offset = value.utcoffset()
    if value.tzinfo is None or offset is None:
        hint = 'give it a zone, such as tzinfo=ZoneInfo("Asia/Tokyo")'
        raise Wrong(f"is {short(str(value))} without its zone", hint)
    try:
        moment = value.astimezone(UTC)
        shown = moment.astimezone(value.tzinfo)
    except OverflowError as error:
        raise Wrong(f"is {short(str(value))}, beyond the calendar") from error
    if shown.replace(tzinfo=None) != value.replace(tzinfo=None):
        hint = "the clock skipped it; give a time that the clock showed"
        raise Wrong(f"is {short(str(value))}, a time that does not exist in its zone", hint)
    # Long ago clocks differed by seconds too, which RFC 3339 cannot write.
    return (moment if offset.seconds % 60 or offset.microseconds else value).isoformat()
