"""A position as bytes and back, exactly. Snapshots only save time: records alone are enough.

The same position gives the same bytes. They are JSON: a struct is an object of its fields, a map
with names as its keys is an object with sorted names, any other map is a sorted list of pairs, and
a number that is not whole is a string. The types of the structs' own fields say how to read them.
An order or fill is read when it is first asked for, because a program remembers many more than an
event concerns.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from fractions import Fraction
from functools import cache, lru_cache
from types import NoneType, UnionType
from typing import Any, Final, Literal, TypeVar, Union, get_args, get_origin, get_type_hints
from zoneinfo import ZoneInfo

import msgspec
from rpds import HashTrieMap, Queue

from repurchase.domain.calendars import zone
from repurchase.domain.errors import JournalError, Problem
from repurchase.domain.moments import Moment, moment_of
from repurchase.domain.quantities import written
from repurchase.domain.terms import Listing
from repurchase.journal.records import number
from repurchase.ledger.position import Position

_Read = Callable[[Any], Any]
Pause = Callable[[], object]
# So many orders or fills are written between two pauses: a third of a millisecond.
_BETWEEN: Final = 32
_CACHED: Final = 1 << 10
# The persistent types take no type parameters at run time, so these plain types stand in for them.
# No field of a position is a plain `dict` or `list`.
_ROWS: Final[Mapping[Any, Callable[[list[Any]], Any]]] = {
    list: Queue,
    frozenset: frozenset,
    tuple: tuple,
}
_STANDING_IN: Final = {"HashTrieMap": dict, "Queue": list}
# In a StoredMap, marks a name that was not inserted or removed since the bytes were written.
_AS_STORED: Final = object()

V = TypeVar("V")


class StoredMap(Mapping[str, V]):
    """A persistent map like HashTrieMap, whose values are read from bytes when they are needed."""

    def __init__(self, stored: Mapping[str, msgspec.Raw], read: Callable[[msgspec.Raw], V]) -> None:
        """Take the *stored* values, each of which *read* can read."""
        self._stored = stored
        self._read = read
        self._known: dict[str, V] = {}
        # What was inserted since then, or `None` for what was removed.
        self._since: HashTrieMap[str, V | None] = HashTrieMap()
        self._length = len(stored)

    def __getitem__(self, name: str) -> V:
        """Return the value of *name*; raise JournalError if its bytes do not encode one."""
        found: Any = self._since.get(name, _AS_STORED)
        if found is None:
            raise KeyError(name)
        if found is _AS_STORED:
            found = self._known.get(name)
        if found is None:
            raw = self._stored[name]
            with _reading():
                found = self._known[name] = self._read(raw)
        read: V = found
        return read

    def __contains__(self, name: object) -> bool:
        """Return whether *name* is in the map."""
        found = self._since.get(name, _AS_STORED)  # type: ignore[call-overload] # any key will do
        return name in self._stored if found is _AS_STORED else found is not None

    def __iter__(self) -> Iterator[str]:
        """Yield the names, in no particular order."""
        yield from (name for name in self._stored if name not in self._since)
        yield from (name for name, value in self._since.items() if value is not None)

    def __len__(self) -> int:
        """Return the number of names."""
        return self._length

    def __hash__(self) -> int:
        """Return the hash of the names: equal maps have equal ones."""
        return hash(frozenset(self))

    def __repr__(self) -> str:
        """Return the names and values as text."""
        return f"StoredMap({dict(self)})"

    def insert(self, name: str, value: V) -> StoredMap[V]:
        """Return this map with *value* under *name*."""
        return self._with(self._since.insert(name, value), int(name not in self))

    def remove(self, name: str) -> StoredMap[V]:
        """Return this map without *name*; raise KeyError if it is not there."""
        if name not in self:
            raise KeyError(name)
        is_stored = name in self._stored
        since = self._since.insert(name, None) if is_stored else self._since.remove(name)
        return self._with(since, -1)

    def update(self, values: Mapping[str, V]) -> StoredMap[V]:
        """Return this map with all of *values*."""
        new = sum(name not in self for name in values)
        return self._with(self._since.update(values), new)

    def unread(self) -> Iterator[tuple[str, V | msgspec.Raw]]:
        """Yield the names with their values, each as it was stored or was inserted since."""
        yield from (each for each in self._stored.items() if each[0] not in self._since)
        yield from ((name, value) for name, value in self._since.items() if value is not None)

    def _with(self, since: HashTrieMap[str, V | None], more: int) -> StoredMap[V]:
        made = StoredMap(self._stored, self._read)
        made._known, made._since, made._length = self._known, since, self._length + more
        return made


def unpaused() -> None:
    """Go on at once."""


def position_bytes(position: Position, pause: Pause = unpaused) -> bytes:
    """Return *position* as bytes; the same position gives the same bytes.

    Call *pause* between any two parts of a long one.
    """

    def plain(value: object) -> object:
        entries = _by_name(value)
        return _plain(value) if entries is None else _in_parts(entries, pause)

    return msgspec.json.Encoder(enc_hook=plain, order="deterministic").encode(position)


def _by_name(value: object) -> Iterable[tuple[str, object]] | None:
    """Return the entries of *value* if it is a map with names as its keys, `None` otherwise."""
    if isinstance(value, StoredMap):
        return value.unread()
    # All keys of a map are of one type.
    if isinstance(value, HashTrieMap) and type(next(iter(value), "")) is str:
        return value.items()
    return None


def _in_parts(entries: Iterable[tuple[str, object]], pause: Pause) -> dict[str, msgspec.Raw]:
    """Return *entries* with each value as bytes."""
    found: dict[str, msgspec.Raw] = {}
    for count, (name, value) in enumerate(entries):
        if count % _BETWEEN == 0:
            pause()
        found[name] = (
            value if isinstance(value, msgspec.Raw) else msgspec.Raw(_ENCODER.encode(value))
        )
    return found


def read_position(body: bytes) -> Position:
    """Return the position that *body* encodes; raise JournalError if it does not encode one.

    An order or fill that is not one raises its JournalError when it is asked for.
    """
    with _reading():
        plain = _OUTLINE.decode(body)
        position: Position = _POSITION[type(plain)](plain)
    return position


@contextmanager
def _reading() -> Iterator[None]:
    try:
        yield
    except (msgspec.DecodeError, ValueError, LookupError, TypeError, RecursionError) as error:
        raise JournalError(Problem(f"the stored position cannot be read: {error}")) from error


def _plain(value: object) -> object:
    """Return *value*, of a type that JSON lacks, as a JSON value; raise TypeError if unknown."""
    if isinstance(value, Fraction):
        # Equal numbers must give equal bytes: a whole number is written as an integer.
        return value.numerator if value.denominator == 1 else written(value)
    entries = _by_name(value)
    if entries is not None:
        return dict(entries)
    if isinstance(value, HashTrieMap):
        return sorted(value.items())
    if isinstance(value, Queue):
        return list(value)
    if isinstance(value, ZoneInfo):
        return value.key
    if isinstance(value, Moment):
        return value.isoformat()
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
    # A union with words in it has another type than one of classes.
    if outer in (UnionType, Union):
        return {plain: read for each in inner for plain, read in _readers(each).items()}
    if outer is Literal:
        return {str: {word: word for word in inner}.__getitem__}
    is_row = outer in (list, frozenset) or inner[-1:] == (Ellipsis,)
    parts = [_readers(each) for each in inner if each is not Ellipsis]
    if outer is dict:
        return _map_readers(kind, *parts)
    if outer is Mapping:
        _, values = parts
        return {dict: lambda plain: {key: values[type(one)](one) for key, one in plain.items()}}
    if is_row:
        (items,) = parts
        made = _ROWS[outer]
        return {list: lambda plain: made([items[type(one)](one) for one in plain])}
    if outer is tuple:
        return {
            list: lambda plain: tuple(
                part[type(one)](one) for part, one in zip(parts, plain, strict=True)
            )
        }
    return {dict: _struct_reader(kind), _outline(kind): _outlined_reader(kind)}


def _map_readers(
    kind: Any, keys: Mapping[type, _Read], values: Mapping[type, _Read]
) -> Mapping[type, _Read]:
    if _is_stored(kind):
        read = _value_reader(get_args(kind)[1], values)
        return {dict: lambda stored: StoredMap(stored, read)}
    return {
        list: lambda plain: HashTrieMap(
            {keys[type(key)](key): values[type(one)](one) for key, one in plain}
        ),
        dict: _empty,
    }


def _is_stored(kind: Any) -> bool:
    """Return whether *kind* is a map whose values are read one by one."""
    return get_origin(kind) is dict and get_args(kind)[0] is str


@cache
def _outline(kind: Any) -> Any:
    """Return the type by which msgspec reads a value of *kind*, and no further than its maps."""
    if _is_stored(kind):
        return dict[str, msgspec.Raw]
    if not isinstance(kind, type) or not issubclass(kind, msgspec.Struct):
        return object
    fields = [(name, _outline(hint)) for name, hint in _hints(kind).items()]
    if all(outline is object for _, outline in fields):
        return object
    return msgspec.defstruct(kind.__name__, fields, forbid_unknown_fields=True)


def _outlined_reader(kind: type[msgspec.Struct]) -> _Read:
    fields = {name: _readers(hint) for name, hint in _hints(kind).items()}
    return lambda outline: kind(
        **{name: read[type(one := getattr(outline, name))](one) for name, read in fields.items()}
    )


def _value_reader(kind: Any, readers: Mapping[type, _Read]) -> Callable[[msgspec.Raw], Any]:
    decoder = msgspec.json.Decoder(_outline(kind))

    def read(raw: msgspec.Raw) -> Any:
        plain = decoder.decode(raw)
        return readers[type(plain)](plain)

    return read


def _hints(kind: type[msgspec.Struct]) -> dict[str, Any]:
    return get_type_hints(kind, localns=_STANDING_IN)


def _struct_reader(kind: type[msgspec.Struct]) -> _Read:
    fields = {name: _readers(hint) for name, hint in _hints(kind).items()}
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
    return datetime.date.fromisoformat(text) if is_day else moment_of(text)


def _empty(plain: dict[str, Any]) -> HashTrieMap[Any, Any]:
    """Return an empty map: one without keys is written like one that has names as its keys."""
    if plain:
        raise ValueError("its keys are not names")
    return HashTrieMap()


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
    datetime.datetime: {str: moment_of},
    datetime.datetime | datetime.date | None: {NoneType: _nothing, str: _moment_or_day},
    ZoneInfo: {str: zone},
    Listing: {dict: _listing},
}
_POSITION: Final = _readers(Position)
_OUTLINE: Final = msgspec.json.Decoder(_outline(Position))
