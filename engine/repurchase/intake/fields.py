"""One event from named texts: each field has its reader, and each kind its fields."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Collection, Iterable, Mapping
from functools import lru_cache
from typing import Any, Final, NamedTuple

from repurchase.domain import errors
from repurchase.domain.calendars import read_day, read_moment
from repurchase.domain.errors import Wrong
from repurchase.domain.events import JUDGED, KINDS, METHODS, ORDER_TYPES, SIDES, Event
from repurchase.domain.quantities import DECIMALS_MAX, DIGITS_MAX, NUMBER, Exact, exact
from repurchase.facts.table import TABLE

TEXT_LENGTH_MAX: Final = 200
_SHOWN_LENGTH_MAX: Final = 40
# A comma can group or divide: taken for the wrong one, it makes another number.
_GROUPED: Final = re.compile(r"-?[1-9][0-9]{0,2}(?:,[0-9]{3})+(?:\.[0-9]{1,12})?")
_CACHED: Final = 1 << 16
# An order and its fills often share a second; later ones never do.
_CACHED_MOMENTS: Final = 1 << 10

# One log has one shape or a few; a log that makes up a new one for each row gains nothing.
_SHAPES_CACHED: Final = 1024


class Number(str):
    """A JSON number, kept as the text that wrote it."""

    __slots__ = ()


class Complaint(NamedTuple):
    """A field, what is wrong with it, as the end of a sentence, and what would be right."""

    field: str
    what: str
    hint: str | None = None


def event(values: Mapping[str, object]) -> Event:
    """Return the event that the named *values* describe, `None` meaning that one is absent.

    A value is a `str`, a `Number`, a `bool` or `None`. Raise InputError with all that is wrong.
    """
    found, complaints = judged(values)
    if found is None:
        raise errors.InputError(problems(complaints))
    return found


def judged(values: Mapping[str, object]) -> tuple[Event | None, list[Complaint]]:
    """Return the event that *values* describe, or `None` and all that is wrong with them."""
    complaints = []
    read: dict[str, Any] = {}
    given = [name for name, value in values.items() if value is not None]
    for name in given:
        try:
            read[name] = _read(name, values[name])
        except Wrong as wrong:
            complaints.append(Complaint(name, wrong.what, wrong.hint))
    if values.get("kind") is None:
        complaints.append(Complaint("kind", "is missing", f"write {_either(KINDS)}"))
    elif "kind" in read:
        known = tuple(name for name in given if name in READERS)
        complaints += shape(read["kind"], known).complaints
        complaints += _amount_complaints(read)
    return (None, complaints) if complaints else (built(read), [])


def built(read: dict[str, Any]) -> Event:
    """Return the event of the values *read*, each by its reader in `READERS`.

    Raise Wrong where they do not go together, KeyError where there is no kind: `judged` says
    all that is wrong.
    """
    form = shape(read["kind"], tuple(read))
    if form.complaints or ("amount" in read and _amount_complaints(read)):
        raise Wrong("does not go together")
    if form.outside:
        read["outside"] = {name: read.pop(name) for name in form.outside}
    return Event(**read)


def problems(
    complaints: Iterable[Complaint],
    labels: Mapping[str, str] | None = None,
    *,
    file: str | None = None,
    line: int | None = None,
) -> tuple[errors.Problem, ...]:
    """Return *complaints* as sentences with their place, fields called by their *labels*."""
    called = labels or {}
    return tuple(
        errors.Problem(
            f"{called.get(field) or f'`{errors.short(field)}`'} {what}", hint, file=file, line=line
        )
        for field, what, hint in complaints
    )


def nearest_name(word: str, known: Iterable[str]) -> str | None:
    """Return a hint at the *known* name closest to *word*, in whatever case it is written."""
    return errors.nearest(word[:TEXT_LENGTH_MAX].strip().lower(), known)


class Shape(NamedTuple):
    """What follows from a kind and the names that are given, whatever their values."""

    complaints: tuple[Complaint, ...]
    outside: tuple[str, ...]


_TRADE: Final = frozenset(
    ("symbol", "venue", "side", "quantity", "price", "fees", "fx", "order_type", "broker", "method")
)
_ANY: Final = frozenset(("kind", "id", "authorization", "time", "date", "by", "reason"))
_FIELDS: Final = {
    "brought_forward": _ANY | {"shares", "amount"},
    "order": _ANY | _TRADE | {"expires"},
    "replace": _ANY | {"order", "quantity", "price", "fx", "fees", "expires"},
    "replaced": _ANY | {"order"},
    "rejected": _ANY | {"order"},
    "cancel": _ANY | {"order"},
    "expire": _ANY | {"order"},
    "fill": _ANY | _TRADE | {"amount", "order"},
    "bust": _ANY | {"fill"},
    "correct": _ANY | _TRADE | {"amount", "fill"},
    "release": _ANY | {"order"},
    "halt": _ANY,
    "resume": _ANY,
}
_OF_ORDER: Final = (("id",), ("time", "date"), ("order",))
# Of each set one must be given.
_NEEDED: Final[Mapping[str, tuple[tuple[str, ...], ...]]] = {
    "brought_forward": (("id",), ("shares",), ("amount",)),
    "order": (("id",), ("time", "date"), ("symbol",), ("quantity",)),
    "replace": _OF_ORDER,
    "replaced": _OF_ORDER,
    "rejected": _OF_ORDER,
    "cancel": _OF_ORDER,
    "expire": _OF_ORDER,
    "fill": (("id",), ("time", "date"), ("symbol", "order"), ("quantity",)),
    "bust": (("id",), ("time", "date"), ("fill",)),
    "correct": (("id",), ("time", "date"), ("fill",)),
    "release": (*_OF_ORDER, ("by",), ("reason",)),
    "halt": (("id",), ("time", "date")),
    "resume": (("id",), ("time", "date"), ("by",), ("reason",)),
}
_CALLED: Final = {
    "brought_forward": "brought_forward",
    "order": "an order",
    "replace": "a replace",
    "replaced": "a replaced",
    "rejected": "a rejected",
    "cancel": "a cancel",
    "expire": "an expire",
    "fill": "a fill",
    "bust": "a bust",
    "correct": "a correct",
    "release": "a release",
    "halt": "a halt",
    "resume": "a resume",
}


@lru_cache(_SHAPES_CACHED)
def shape(kind: str, given: tuple[str, ...]) -> Shape:
    """Return what is wrong with an event of *kind* that has the fields *given*."""
    complaints = misplaced(kind, given) + missing(kind, given)
    if "time" in given and "date" in given:
        complaints.append(Complaint("time", "and `date` are both given", "give one of them"))
    return Shape(tuple(complaints), tuple(name for name in given if "." in name))


def misplaced(kind: str, given: Iterable[str]) -> list[Complaint]:
    """Return a complaint for each of the fields *given* that *kind* does not have."""
    return [
        Complaint(name, f"is no field of {_CALLED[kind]}", _misplaced_hint(kind, name))
        for name in given
        if not (name in _FIELDS[kind] or ("." in name and kind in JUDGED))
    ]


def missing(kind: str, given: Collection[str]) -> list[Complaint]:
    """Return a complaint for each field that *kind* needs and that is not among *given*."""
    return [
        Complaint(
            names[0],
            "".join(f"or `{name}` " for name in names[1:]) + "is missing",
            f"{_CALLED[kind]} needs {'one of them' if names[1:] else 'it'}",
        )
        for names in _NEEDED[kind]
        if not any(name in given for name in names)
    ]


def _misplaced_hint(kind: str, name: str) -> str:
    if kind == "order" and name == "amount":
        return "give `price`, the most that a unit may cost"
    if kind == "order" and name == "order":
        return "an order's own name is its `id`"
    return "leave it out"


def _amount_complaints(read: Mapping[str, object]) -> list[Complaint]:
    # What a program brings forward may be nothing; what is paid for a fill may not.
    if read.get("amount") == 0 and read["kind"] != "brought_forward":
        return [Complaint("amount", "is `0`, which is not above zero")]
    return []


def _read(name: str, value: object) -> object:
    reader = READERS.get(name)
    if reader is None:
        raise Wrong("is no field of an event", _nested(name) or nearest_name(name, READERS))
    if not isinstance(value, str | bool):
        raise Wrong("is an object or an array", "an event is flat: write a text or a number")
    return reader(value)


def _nested(name: str) -> str | None:
    whole = next((each for each in READERS if each.startswith(f"{name}.")), None)
    return None if whole is None else f"an event is flat: write whole names, such as `{whole}`"


def _text(value: object) -> str:
    if type(value) is not str:
        raise Wrong(f"is `{_literal(value)}`, not a text", "write it in quotes")
    if not value or value.isspace():
        raise Wrong("is empty", "write a text, or leave the field out")
    if len(value) > TEXT_LENGTH_MAX:
        raise Wrong(f"has {len(value)} characters", f"write at most {TEXT_LENGTH_MAX}")
    if "\0" in value:
        raise Wrong("holds a NUL character", "write printable text")
    if not value.isascii() and any("\ud800" <= sign <= "\udfff" for sign in value):
        raise Wrong("holds half of a surrogate pair", "write whole characters")
    return value


# For the texts of which a log has few; a number is not the text of its digits, so by type.
_name = lru_cache(_CACHED, typed=True)(_text)


def _one_of(words: tuple[str, ...]) -> Callable[[object], str]:
    def read(value: object) -> str:
        if type(value) is str and value in words:
            return value
        text = _text(value)
        hint = nearest_name(text, words) or f"write {_either(words)}"
        raise Wrong(f"is `{errors.short(text)}`, not {_either(words)}", hint)

    return read


def _either(words: Collection[str]) -> str:
    *first, last = (f"`{word}`" for word in words)
    return f"{', '.join(first)} or {last}"


def _literal(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return errors.short(str(value))


def _number(value: object) -> Exact:
    if isinstance(value, str):
        try:
            return exact(value)
        except ValueError:
            raise Wrong(f"is `{errors.short(value)}`, not a number", _number_hint(value)) from None
    raise Wrong(f"is `{_literal(value)}`, not a number", "write it in digits")


def _number_hint(text: str) -> str:
    if _GROUPED.fullmatch(text[:TEXT_LENGTH_MAX]):
        return f"write {text.replace(',', '')} without commas"
    pointed = text[:TEXT_LENGTH_MAX].replace(",", ".")
    if "." not in text and NUMBER.fullmatch(pointed):
        return f"write {pointed} with a point"
    if not text.isascii():
        ascii_text = unicodedata.normalize("NFKC", text[:TEXT_LENGTH_MAX])
        if NUMBER.fullmatch(ascii_text):
            return f"write {ascii_text} in ASCII digits"
    if text[:1] in "-0123456789" and any(sign in text for sign in "eE"):
        return "write it in full, without an exponent"
    if text.strip() != text:
        return "write it without spaces"
    digits = text.removeprefix("-").replace(".", "", 1)
    if digits.isascii() and digits.isdigit() and len(digits) > DECIMALS_MAX:
        return f"write at most {DIGITS_MAX} digits and {DECIMALS_MAX} decimals"
    return "write digits alone, such as 1234 or 1234.5"


@lru_cache(_CACHED)
def _above_zero(value: object) -> Exact:
    number = _number(value)
    if number <= 0:
        raise Wrong(f"is `{value}`, which is not above zero")
    return number


@lru_cache(_CACHED)
def _zero_or_more(value: object) -> Exact:
    number = _number(value)
    if number < 0:
        raise Wrong(f"is `{value}`, which is below zero")
    return number


@lru_cache(_CACHED)
def _quantity(value: object) -> int:
    number = _number(value)
    if type(number) is not int:
        raise Wrong(f"is `{value}`, not a whole number", "write the instrument's own units")
    if number <= 0:
        hint = "write the units traded; `side` says whether they were bought or sold"
        raise Wrong(f"is `{value}`, which is not above zero", hint)
    return number


def _flag(value: object) -> bool:
    if isinstance(value, bool):
        return value
    if value in ("true", "false"):
        return value == "true"
    raise Wrong(f"is `{_literal(value)}`, not a flag", "write true or false")


@lru_cache(_CACHED)
def _day(value: object) -> object:
    return _calendar(value, read_day, "not a date", "write it as 2008-11-14")


@lru_cache(_CACHED_MOMENTS)
def _moment(value: object) -> object:
    if type(value) is str and len(value) <= _SHOWN_LENGTH_MAX:
        try:
            return read_moment(value)
        except ValueError:
            pass
    hint = "write it as 2008-11-14T09:30:00+09:00"
    if type(value) is str and len(value) == len("2008-11-14") and value[4:5] == "-":
        hint = "write a day without a time of day as `date`"
    return _calendar(value, read_moment, "not a time with an offset", hint)


def _expiry(value: object) -> object:
    if type(value) is str and len(value) > len("2008-11-14"):
        return _moment(value)
    return _day(value)


def _calendar(value: object, read: Callable[[str], object], what: str, hint: str) -> object:
    text = _text(value)
    if len(text) > _SHOWN_LENGTH_MAX:
        raise Wrong(f"is `{errors.short(text)}`, {what}", hint)
    try:
        return read(text)
    except Wrong as wrong:
        # The reader knows best why a text of the right form will not do.
        reason = wrong.what.removeprefix(f"`{text}` ")
        if not reason.startswith("is not "):
            raise Wrong(f"is `{errors.short(text)}`, which {reason}", hint) from None
        raise Wrong(f"is `{errors.short(text)}`, {what}", hint) from None


def _outside_readers() -> dict[str, Callable[[Any], object]]:
    return {
        name: _flag if fact.dimension.kind == "flag" else lru_cache(_CACHED)(_number)
        for name, fact in TABLE.items()
        if name.startswith(("market.", "issuer."))
    }


READERS: Final[Mapping[str, Callable[[Any], Any]]] = {
    "kind": _one_of(KINDS),
    "id": _text,
    "authorization": _text,
    "time": _moment,
    "date": _day,
    "symbol": _name,
    "venue": _name,
    "side": _one_of(SIDES),
    "quantity": _quantity,
    "price": _above_zero,
    "amount": _zero_or_more,
    "fees": _zero_or_more,
    "fx": _above_zero,
    "order": _text,
    "fill": _text,
    "expires": _expiry,
    "order_type": _one_of(ORDER_TYPES),
    "broker": _name,
    "method": _one_of(METHODS),
    "by": _text,
    "reason": _text,
    "shares": _zero_or_more,
    **_outside_readers(),
}
