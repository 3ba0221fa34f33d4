"""One event from named values: the reader of each field, and the fields of each kind."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Collection, Iterable, Mapping
from functools import lru_cache
from typing import Any, Final, NamedTuple

from repurchase.domain import errors
from repurchase.domain.calendars import read_day, read_moment
from repurchase.domain.errors import Wrong
from repurchase.domain.events import JUDGED, Event
from repurchase.domain.quantities import (
    DECIMALS_MAX,
    DIGITS_MAX,
    NUMBER,
    Exact,
    exact,
    has_plain_digits,
    written,
)
from repurchase.facts.averages import is_average, present
from repurchase.facts.domains import (
    FIELDS,
    OF_KIND,
    YES_OR_NO,
    ZERO_OR_MORE,
    Domain,
    Numbers,
    Words,
)
from repurchase.facts.outside import is_outside
from repurchase.facts.table import TABLE

TEXT_LENGTH_MAX: Final = 200
FAULTS_MAX: Final = 50
VENUES_MAX: Final = 50
_SHOWN_LENGTH_MAX: Final = 40
# A comma can group thousands or mark decimals. Read wrongly, it gives another number.
_GROUPED: Final = re.compile(r"-?[1-9][0-9]{0,2}(?:,[0-9]{3})+(?:\.[0-9]{1,12})?")
_BETWEEN_VENUES: Final = re.compile("[ ;]+")
_CACHED: Final = 1 << 16
# An order and its fills often share a second; later events do not return to it.
_CACHED_MOMENTS: Final = 1 << 10

# A log has one shape or a few. A log with a new shape in each row gains nothing from the cache.
_SHAPES_CACHED: Final = 1024
_NO_LABELS: Final[Mapping[str, str]] = {}


class Number(str):
    """A JSON number, kept as its text."""

    __slots__ = ()


# The name of a field, and what is wrong with it.
Fault = tuple[str, Wrong]


def event(values: Mapping[str, object]) -> Event:
    """Return the event that the named *values* describe; see `decode`.

    Raise InputError with every fault of *values*.
    """
    found, faults = decode(values)
    if found is None:
        raise errors.InputError(problems(faults))
    return found


def decode(values: Mapping[str, object]) -> tuple[Event | None, list[Fault]]:
    """Return the event that *values* describe, or `None` and every fault of *values*.

    A value is a `str`, a `Number` or a `bool`; `None` means that the field is absent. A `Wrong`
    stands for a value that the caller could not bring to one of these, and says why.
    """
    read, faults = _read(values)
    kind = read.get("kind")
    if kind is None:
        if "kind" not in read:
            faults.append(("kind", Wrong("is missing", f"write {FIELDS['kind'].said}")))
        return None, faults
    misfits, outside = shape(kind, tuple(read))
    faults += misfits
    domain, amount = OF_KIND.get((kind, "amount")), read.get("amount")
    is_paid = amount == 0 and read.get("method") == "prepaid"
    if domain is not None and amount is not None and amount not in domain and not is_paid:
        faults.append(("amount", Wrong(f"is `{written(amount)}`, but must be {domain.said}")))
    if kind == "order" and read.get("method") == "prepaid":
        faults.append(("method", Wrong("is `prepaid`, but an order pays nothing ahead", _PREPAID)))
    if kind == "split" and read.get("new") is not None and read.get("new") == read.get("old"):
        faults.append(("new", Wrong("is equal to `old`, so nothing splits", _SPLIT)))
    if faults:
        return None, faults
    if outside:
        read["outside"] = {present(name): read.pop(name) for name in outside}
    return Event(**read), faults


def problems(
    faults: Iterable[Fault],
    labels: Mapping[str, str] = _NO_LABELS,
    *,
    file: str | None = None,
    line: int | None = None,
) -> tuple[errors.Problem, ...]:
    """Return *faults* as problems with their place; *labels* says what to call a field.

    Of more than fifty faults, the last problem only says how many more there are.
    """
    every = list(faults)
    found = [
        errors.Problem(
            f"{labels.get(name) or f'`{errors.short(name)}`'} {wrong.what}", wrong.hint, file, line
        )
        for name, wrong in every[:FAULTS_MAX]
    ]
    if len(every) > FAULTS_MAX:
        what = f"{len(every) - FAULTS_MAX:,} more faults are not shown"
        found.append(errors.Problem(what, None, file, line))
    return tuple(found)


def nearest_name(word: str, known: Iterable[str]) -> str | None:
    """Return a hint with the *known* name closest to *word*, ignoring case; `None` without one."""
    return errors.nearest(word[:TEXT_LENGTH_MAX].strip().lower(), known)


class Form(NamedTuple):
    """The form of one event kind: what messages call it, its fields besides `ANY`, and its needs.

    An event must give at least one field of each tuple in *needed*.
    """

    called: str
    fields: frozenset[str]
    needed: tuple[tuple[str, ...], ...]


ANY: Final = frozenset(("kind", "id", "authorization", "time", "date", "by", "reason"))
_TRADE: Final = frozenset(
    ("symbol", "venue", "side", "quantity", "price", "fees", "fx", "order_type", "broker", "method")
) | {"phase", "solicited", "counterparty"}
_ORDER: Final = frozenset(("order",))
_CHANGE: Final = frozenset(("order", "quantity", "price", "fx", "fees", "expires", "phase"))
_SCOPE: Final = frozenset(("symbol", "venue", "broker", "person"))
_DATED: Final = (("id",), ("time", "date"))
_OF_ORDER: Final = (*_DATED, ("order",))
_OF_FILL: Final = (*_DATED, ("fill",))
_SIGNED: Final = (("by",), ("reason",))
_TRADED: Final = (*_DATED, ("symbol", "order"), ("quantity",))
_OPENING: Final = (("id",), ("shares",), ("amount",))
_PREPAID: Final = "write a `prepaid` event with its `amount`"
_SPLIT: Final = "write `new: 2` and `old: 1` if two units stand for one"
FORMS: Final[Mapping[str, Form]] = {
    "brought_forward": Form("a `brought_forward` event", frozenset(("shares", "amount")), _OPENING),
    "order": Form(
        "an `order` event", _TRADE | {"expires", "venues"}, (*_DATED, ("symbol",), ("quantity",))
    ),
    "replace": Form("a `replace` event", _CHANGE, _OF_ORDER),
    "replaced": Form("a `replaced` event", _ORDER, _OF_ORDER),
    "rejected": Form("a `rejected` event", _ORDER, _OF_ORDER),
    "cancel_requested": Form("a `cancel_requested` event", _ORDER, _OF_ORDER),
    "cancel": Form("a `cancel` event", _ORDER, _OF_ORDER),
    "expire": Form("an `expire` event", _ORDER, _OF_ORDER),
    "fill": Form("a `fill` event", _TRADE | {"amount", "order"}, _TRADED),
    "bust": Form("a `bust` event", frozenset(("fill",)), _OF_FILL),
    "correct": Form("a `correct` event", _TRADE | {"amount", "fill"}, _OF_FILL),
    "release": Form("a `release` event", _ORDER | {"phase"}, (*_OF_ORDER, *_SIGNED)),
    "halt": Form("a `halt` event", _SCOPE | {"drill"}, _DATED),
    "resume": Form("a `resume` event", _SCOPE | {"causes"}, (*_DATED, *_SIGNED)),
    "confirm": Form("a `confirm` event", frozenset(("of",)), (*_DATED, ("of",), ("by",))),
    "prepaid": Form(
        "a `prepaid` event",
        (_TRADE - {"side", "price", "order_type", "method"}) | {"amount", "expires"},
        (*_DATED, ("symbol",), ("amount",), *_SIGNED),
    ),
    "split": Form(
        "a `split` event",
        frozenset(("symbol", "venue", "new", "old")),
        (("id",), ("date",), ("symbol",), ("new",), ("old",)),
    ),
}


@lru_cache(_SHAPES_CACHED)
def shape(kind: str, given: tuple[str, ...]) -> tuple[list[Fault], list[str]]:
    """Return the faults of the fields *given* for *kind*, and which fields are outside facts."""
    faults = misplaced(kind, given) + missing(kind, given)
    if "time" in given and "date" in given:
        faults.append(("time", Wrong("and `date` are both given", "give only one of them")))
    if "venue" in given and "venues" in given:
        hint = "name every venue in `venues`"
        faults.append(("venue", Wrong("and `venues` are both given", hint)))
    outside = [name for name in given if "." in name]
    for name in outside:
        if present(name) != name and present(name) in given:
            faults.append((name, Wrong(f"and `{present(name)}` are both given", "give only one")))
    return faults, outside


def misplaced(kind: str, given: Iterable[str]) -> list[Fault]:
    """Return a fault for each of the fields *given* that *kind* does not have."""
    form = FORMS[kind]
    return [
        (name, Wrong(f"is not a field of {form.called}", _misplaced_hint(kind, name)))
        for name in given
        if not (name in ANY or name in form.fields or ("." in name and kind in JUDGED))
        or (name, kind) == ("time", "split")
    ]


def missing(kind: str, given: Collection[str]) -> list[Fault]:
    """Return a fault for each field that *kind* needs and that is not among *given*."""
    form = FORMS[kind]
    faults = []
    for name, *others in form.needed:
        if name not in given and not any(other in given for other in others):
            what = "".join(f"or `{other}` " for other in others) + "is missing"
            hint = f"{form.called} needs {'one of them' if others else 'it'}"
            faults.append((name, Wrong(what, hint)))
    return faults


def _misplaced_hint(kind: str, name: str) -> str:
    if kind == "order" and name == "amount":
        return "give `price`, the highest price of one unit"
    if name == "venues" and kind in ("fill", "correct"):
        return "name the one venue of the fill in `venue`"
    if name == "venues" and kind == "replace":
        return "an order keeps its venues; cancel it, and submit another"
    if kind == "order" and name == "order":
        return "an order is named by its `id`"
    if kind == "split" and name == "time":
        return "name in `date` the first day on which the new units trade"
    return "leave it out"


def _read(values: Mapping[str, object]) -> tuple[dict[str, Any], list[Fault]]:
    """Return the content of each of *values*, `None` if it is wrong, and the faults."""
    read: dict[str, Any] = {}
    faults: list[Fault] = []
    for name, value in values.items():
        if value is None:
            continue
        try:
            read[name] = READERS[name](value)
        # A cached reader raises TypeError for an array, which cannot be hashed. A reader that
        # shows an object in a message raises RecursionError if it is nested too deep.
        except (Wrong, KeyError, TypeError, RecursionError) as error:
            faults.append((name, _explained(name, value, error)))
            if name in READERS:
                # The field is given, although wrongly: it is not reported as missing too.
                read[name] = None
    return read, faults


def _explained(name: str, value: object, error: Exception) -> Wrong:
    """Return what is wrong with the *value* of the field *name*, whose reader raised *error*."""
    if name not in READERS:
        return Wrong("is not an event field", _nested(name) or nearest_name(name, READERS))
    if isinstance(value, Wrong):
        return value
    if not isinstance(value, str | bool) and READERS[name] not in (_texts, _venues):
        return Wrong("is an object or an array", "write a text or a number: an event is flat")
    if isinstance(error, Wrong):
        return error
    raise error


def _nested(name: str) -> str | None:
    whole = next((each for each in READERS if each.startswith(f"{name}.")), None)
    return None if whole is None else f"write the full name, such as `{whole}`: an event is flat"


def _text(value: object) -> str:
    if type(value) is not str:
        raise Wrong(f"is `{_literal(value)}`, not text", "write it in quotes")
    if not value or value.isspace():
        raise Wrong("is empty", "write a text, or leave the field out")
    if len(value) > TEXT_LENGTH_MAX:
        raise Wrong(f"has {len(value)} characters", f"write at most {TEXT_LENGTH_MAX}")
    if "\0" in value:
        raise Wrong("contains a NUL character", "remove it")
    if not value.isascii() and any("\ud800" <= sign <= "\udfff" for sign in value):
        raise Wrong("contains half of a surrogate pair", "write whole characters")
    return value


def _texts(value: object) -> tuple[str, ...]:
    """Return the texts of an array, or of one text that separates them by semicolons."""
    parts = value if type(value) is list else _text(value).split(";")
    found = tuple(_text(part.strip() if type(part) is str else part) for part in parts)
    if not found or len(set(found)) < len(found):
        raise Wrong("is not a list of different texts", 'write it as ["o-1", "o-2"]')
    return found


def _venues(value: object) -> tuple[str, ...]:
    """Return the venues of an array, or of a text that separates them by blanks or semicolons."""
    names = value if isinstance(value, list) else _BETWEEN_VENUES.split(_text(value).strip(" ;"))
    if not 1 <= len(names) <= VENUES_MAX:
        raise Wrong(f"names {len(names)} venues", f"name 1 to {VENUES_MAX}")
    found = tuple(map(_text, names))
    twice = next((name for at, name in enumerate(found) if name in found[:at]), None)
    if twice is not None:
        raise Wrong(f"names `{errors.short(twice)}` twice", "name each venue once")
    return found


# For fields that have few values in a log. A number differs from the text of its digits, so the
# type is part of the key.
_name = lru_cache(_CACHED, typed=True)(_text)


def _one_of(domain: Words) -> Callable[[object], str]:
    def read(value: object) -> str:
        if type(value) is str and value in domain:
            return value
        text = _text(value)
        hint = nearest_name(text, domain.words) or f"write {domain.said}"
        raise Wrong(f"is `{errors.short(text)}`, not {domain.said}", hint)

    return read


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
        whole = f"write {text.replace(',', '')} without commas"
        is_one = text.count(",") + text.count(".") > 1
        return whole if is_one else f"{whole}, or {text.replace(',', '.')} if it marks decimals"
    pointed = text[:TEXT_LENGTH_MAX].replace(",", ".")
    if "." not in text and NUMBER.fullmatch(pointed):
        return f"write {pointed} with a decimal point"
    if not text.isascii():
        ascii_text = unicodedata.normalize("NFKC", text[:TEXT_LENGTH_MAX])
        if NUMBER.fullmatch(ascii_text) and has_plain_digits(text):
            return f"write {ascii_text} in ASCII digits"
    if text[:1] in "-0123456789" and any(sign in text for sign in "eE"):
        return "write it in full, without an exponent"
    if text.strip() != text:
        return "write it without spaces"
    digits = text.removeprefix("-").replace(".", "", 1)
    if digits.isascii() and digits.isdigit() and len(digits) > DECIMALS_MAX:
        return f"write at most {DIGITS_MAX} digits and {DECIMALS_MAX} decimals"
    return "write only digits, such as 1234 or 1234.5"


def _within(domain: Numbers, hint: str | None = None) -> Callable[[object], Exact]:
    """Return a reader of the numbers in *domain*; for any other, it raises Wrong with *hint*."""

    @lru_cache(_CACHED)
    def read(value: object) -> Exact:
        number = _number(value)
        if number not in domain:
            raise Wrong(f"is `{value}`, but must be {domain.said}", hint)
        return number

    return read


def _flag(value: object) -> bool:
    if isinstance(value, bool):
        return value
    if value in ("true", "false"):
        return value == "true"
    raise Wrong(f"is `{_literal(value)}`, not {YES_OR_NO.said}", f"write {YES_OR_NO.said}")


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
        hint = "give a date without a time of day in `date`"
    return _calendar(value, read_moment, "not a time with an offset", hint)


def _expiry(value: object) -> object:
    if type(value) is str and len(value) > len("2008-11-14"):
        return _moment(value)
    return _day(value)


def _calendar(value: object, read: Callable[[str], object], what: str, hint: str) -> object:
    text = _text(value)
    try:
        return read(text)
    except Wrong as wrong:
        reason = wrong.what.removeprefix(f"`{text}` ")
        if reason == f"is {what}":
            raise Wrong(f"is `{errors.short(text)}`, {what}", hint) from None
        # The form of the text is right, and the reader says what else is wrong.
        raise Wrong(f"is `{errors.short(text)}`, which {reason}", wrong.hint or hint) from None


def _reader(name: str, domain: Domain) -> Callable[[Any], object]:
    """Return the reader of the field *name*, which accepts the values in *domain* alone."""
    if name in _READERS:
        return _READERS[name]
    if domain is YES_OR_NO:
        return _flag
    if isinstance(domain, Numbers):
        return _within(domain, _HINTS.get(name))
    return _one_of(domain) if isinstance(domain, Words) and domain.words else _text


# The readers of days and times, and of texts that a log repeats.
_READERS: Final[Mapping[str, Callable[[Any], object]]] = {
    "time": _moment,
    "date": _day,
    "expires": _expiry,
    "symbol": _name,
    "venue": _name,
    "venues": _venues,
    "broker": _name,
    "counterparty": _name,
    "causes": _texts,
}
_OUTSIDE: Final = {name: fact.domain for name, fact in TABLE.items() if is_outside(name)}
# What to do about a number outside its domain.
_HINTS: Final = {
    "quantity": "write whole units; `side` says whether they are bought or sold",
    **dict.fromkeys(("price", "fx", *_OUTSIDE), "leave it out if it is not known"),
}


class _Readers(dict[str, Callable[[Any], Any]]):
    """The readers of all fields; an event may state any average, by its name."""

    def __missing__(self, name: str) -> Callable[[Any], Any]:
        """Return the reader of the average *name*; raise KeyError if it is none."""
        if not is_average(name):
            raise KeyError(name)
        return _AVERAGE

    def __contains__(self, name: object) -> bool:
        """Return whether *name* is a field."""
        return super().__contains__(name) or (isinstance(name, str) and is_average(name))


_AVERAGE: Final = _within(ZERO_OR_MORE, "leave it out if it is not known")
READERS: Final[Mapping[str, Callable[[Any], Any]]] = _Readers(
    {name: _reader(name, domain) for name, domain in {**FIELDS, **_OUTSIDE}.items()}
)
