"""A position as bytes and back, exactly. Snapshots only save time: records alone are enough.

The same position gives the same bytes, so that a record can contain their hash. The bytes are
JSON: a struct is an object of its fields, a map is a sorted list of pairs, and a number that is
not whole is a string. The types of the structs' own fields say how to read them.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Mapping
from fractions import Fraction
from functools import cache, lru_cache
from types import NoneType, UnionType
from typing import Any, Final, Literal, get_args, get_origin, get_type_hints
from zoneinfo import ZoneInfo

import msgspec
from rpds import HashTrieMap, Queue

from repurchase.domain.calendars import zone
from repurchase.domain.errors import JournalError, Problem
from repurchase.domain.quantities import written
from repurchase.domain.terms import Listing
from repurchase.journal.records import number
from repurchase.ledger.position import Position

_Read = Callable[[Any], Any]
_CACHED: Final = 1 << 10
# The persistent types take no type parameters at run time, so these plain types stand in for them.
# No field of a position is a plain `dict` or `list`.
_STANDING_IN: Final = {"HashTrieMap": dict, "Queue": list}


def position_bytes(position: Position) -> bytes:
    """Return *position* as bytes; the same position gives the same bytes."""
    return _ENCODER.encode(position)


def read_position(body: bytes) -> Position:
    """Return the position that *body* encodes; raise JournalError if it does not encode one."""
    try:
        plain = msgspec.json.decode(body)
        position: Position = _POSITION[type(plain)](plain)
    except (msgspec.DecodeError, ValueError, LookupError, TypeError, RecursionError) as error:
        raise JournalError(Problem(f"the stored position cannot be read: {error}")) from error
    return position


def _plain(value: object) -> object:
    """Return *value*, of a type that JSON lacks, as a JSON value; raise TypeError if unknown."""
    if isinstance(value, Fraction):
        # Equal numbers must give equal bytes: a whole number is written as an integer.
        return value.numerator if value.denominator == 1 else written(value)
    if isinstance(value, HashTrieMap):
        return sorted(value.items(), key=_first)
    if isinstance(value, Queue):
        return list(value)
    if isinstance(value, ZoneInfo):
        return value.key
    raise TypeError(f"a position cannot contain a {type(value).__name__}")


_ENCODER: Final = msgspec.json.Encoder(enc_hook=_plain, order="deterministic")


def _first(pair: tuple[Any, Any]) -> Any:
    return pair[0]


@cache
def _readers(kind: Any) -> Mapping[type, _Read]:
    """Return the readers of values of the field type *kind*, by the type of the JSON value."""
    if kind in _SIMPLE:
        return _SIMPLE[kind]
    outer, inner = get_origin(kind), get_args(kind)
    if outer is UnionType:
        return {plain: read for each in inner for plain, read in _readers(each).items()}
    if outer is Literal:
        return {str: {word: word for word in inner}.__getitem__}
    parts = [_readers(each) for each in inner]
    if outer is dict:
        keys, values = parts
        return {
            list: lambda plain: HashTrieMap(
                {keys[type(key)](key): values[type(one)](one) for key, one in plain}
            )
        }
    if outer is Mapping:
        _, values = parts
        return {dict: lambda plain: {key: values[type(one)](one) for key, one in plain.items()}}
    if outer is tuple:
        return {
            list: lambda plain: tuple(
                part[type(one)](one) for part, one in zip(parts, plain, strict=True)
            )
        }
    if outer in (list, frozenset):
        (items,) = parts
        made = Queue if outer is list else frozenset
        return {list: lambda plain: made([items[type(one)](one) for one in plain])}
    return {dict: _struct_reader(kind)}


def _struct_reader(kind: type[msgspec.Struct]) -> _Read:
    hints = get_type_hints(kind, localns=_STANDING_IN)
    fields = {name: _readers(hint) for name, hint in hints.items()}
    return lambda plain: kind(
        **{name: fields[name][type(value)](value) for name, value in plain.items()}
    )


def _listing(plain: dict[str, Any]) -> Listing:
    # Many orders and fills share a few listings; the cache lets them share again.
    return _listing_of(tuple(plain.items()))


@lru_cache(_CACHED, typed=True)
def _listing_of(fields: tuple[tuple[str, Any], ...]) -> Listing:
    found: Listing = _struct_reader(Listing)(dict(fields))
    return found


def _moment_or_day(text: str) -> datetime.date:
    is_day = len(text) == len("2008-11-14")
    return (datetime.date if is_day else datetime.datetime).fromisoformat(text)


def _nothing(_: None) -> None:
    return None


_SIMPLE: Final[Mapping[Any, Mapping[type, _Read]]] = {
    NoneType: {NoneType: _nothing},
    # Each of these types returns a value of its own type unchanged.
    bool: {bool: bool},
    str: {str: str},
    int: {int: int},
    Fraction: {str: number},
    datetime.date: {str: lru_cache(_CACHED)(datetime.date.fromisoformat)},
    datetime.time: {str: datetime.time.fromisoformat},
    datetime.datetime: {str: datetime.datetime.fromisoformat},
    datetime.datetime | datetime.date | None: {NoneType: _nothing, str: _moment_or_day},
    ZoneInfo: {str: zone},
    Listing: {dict: _listing},
}
_POSITION: Final = _readers(Position)
