"""The mutation operators: what can replace one figure, name, word or sign.

Each replacement is plausible, so that only a case or a check can show that it is wrong.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Final

from repurchase.domain.calendars import read_day, zone
from repurchase.domain.quantities import FLAG, Dimension
from repurchase.domain.venues import country_codes, listed_venue
from repurchase.facts.counters import counter_of, facts_of
from repurchase.facts.day import OF_DAY
from repurchase.facts.table import TABLE, present
from repurchase.language.expression import Piece

_OPERATORS: Final[Mapping[str, tuple[str, ...]]] = {
    "<=": ("<", "==", ">="),
    "<": ("<=", "!=", ">"),
    ">=": (">", "==", "<="),
    ">": (">=", "!=", "<"),
    "==": ("!=", "<=", ">="),
    "!=": ("==", "<", ">"),
}
_SIGNS: Final[Mapping[str, str]] = {
    "and": "or",
    "or": "and",
    "+": "-",
    "-": "+",
    "*": "/",
    "/": "*",
    "min": "max",
    "max": "min",
}
_SIGN_KINDS: Final = ("_AND", "_OR", "SIGN", "STAR", "SLASH", "EXTREME")
_WORD_KINDS: Final = ("WORD", "STRING")
_FIGURE_KINDS: Final = ("DATE", "TIME", "PERCENT", "SHARES", "MONEY", "PRICE", "DURATION", "NUMBER")

_DATE: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_TIME: Final = re.compile(r"([0-9]{1,2}):([0-9]{2})(?::([0-9]{2}))?")
_NUMBER: Final = re.compile(r"[0-9][0-9,]*(?:\.[0-9]+)?")
_TO: Final = ".."
_DAY_SECONDS: Final = 24 * 3600
# Whatever a zone's offset, at least one of these has another.
_FAR_ZONES: Final = ("UTC", "Asia/Tokyo")
_WINTER: Final = datetime(2000, 1, 1)  # noqa: DTZ001 - local time of whichever zone
_CURRENCIES: Final = ("JPY", "USD")
_COUNTRIES: Final = ("JP", "US")
# The venues that take the place of others, so that most zones have two.
_VENUES: Final = (
    *("XTKS", "XNGO", "XNAS", "XNYS", "XTSE", "XLON", "BATE", "XDUB", "XETR", "XFRA", "XPAR"),
    *("XAMS", "XBRU", "XLIS", "XMIL", "XMAD", "XSWX", "XWBO", "XSTO", "XCSE", "XHEL", "XOSL"),
    *("XHKG", "XSES", "XKRX", "XTAI", "XASX"),
)
# The families of facts that count shares or money: of the program, of one day, of one event.
_COUNTING: Final = ("program", "day", "trade")


def of_figure(text: str) -> tuple[str, ...]:
    """Return what a slip makes of the figure *text*.

    It is one less and one more in its last place, a tenth and ten times as much, and a percentage
    without `%`. Of a date it is a day and a year before and after, of a time the minutes or seconds
    beside it, and of a period what it is of each of its ends.
    """
    if _TO in text:
        first, _, last = text.partition(_TO)
        begins = (f"{other}{_TO}{last}" for other in of_figure(first.strip()))
        return (*begins, *(f"{first}{_TO}{other}" for other in of_figure(last.strip())))
    if _DATE.fullmatch(text):
        return tuple(_days(read_day(text)))
    if _TIME.fullmatch(text):
        return tuple(_clocks(text))
    found = _NUMBER.search(text)
    if found is None:
        return ()
    begin, end = text[: found.start()], text[found.end() :]
    others = tuple(begin + one + end for one in _numbers(found[0]))
    is_percentage = end == "%" and found[0].strip("0.,")
    return (*others, found[0]) if is_percentage else others


def _days(day: date) -> Iterator[str]:
    for days in (-1, 1):
        yield str(day + timedelta(days=days))
    for years in (-1, 1):
        is_leap_day = (day.month, day.day) == (2, 29)
        yield str(day.replace(year=day.year + years, day=28 if is_leap_day else day.day))


def _clocks(text: str) -> Iterator[str]:
    hours, minutes, *seconds = (int(part) for part in text.split(":"))
    moment = hours * 3600 + minutes * 60 + sum(seconds)
    step = 1 if seconds else 60
    for other in (moment - step, moment + step):
        if 0 <= other < _DAY_SECONDS:
            parts = (other // 3600, other % 3600 // 60, other % 60)
            yield ":".join(f"{part:02}" for part in parts[: 3 if seconds else 2])


def _numbers(digits: str) -> Iterator[str]:
    """Yield the number *digits* one less and one more, a tenth of it and ten times as much."""
    places = len(digits.partition(".")[2])
    value = int(digits.replace(",", "").replace(".", ""))
    is_grouped = "," in digits
    if value:
        yield _written(value - 1, places, is_grouped=is_grouped)
    yield _written(value + 1, places, is_grouped=is_grouped)
    if not value:
        return
    # The point moves; without decimals, a zero goes or comes if that is enough.
    is_round = not places and not value % 10
    tenth = (value // 10, 0) if is_round else (value, places + 1)
    tenfold = (value, places - 1) if places else (value * 10, 0)
    for other, its_places in (tenth, tenfold):
        yield _written(other, its_places, is_grouped=is_grouped)


def _written(value: int, places: int, *, is_grouped: bool) -> str:
    """Return *value* with its last *places* digits as decimals, its thousands grouped if asked."""
    whole, decimals = divmod(value, 10**places)
    grouped = f"{whole:,}" if is_grouped else str(whole)
    return f"{grouped}.{decimals:0{places}}" if places else grouped


def of_piece(
    piece: Piece, before: Piece | None, after: Piece | None, names: Mapping[str, Dimension]
) -> tuple[str, ...]:
    """Return the texts that can replace *piece* of a condition, between *before* and *after*.

    *names* are the terms and limits that the condition may read.
    """
    if piece.kind in _FIGURE_KINDS:
        return of_figure(piece.text)
    if piece.kind in _SIGN_KINDS:
        return (_SIGNS[piece.text],)
    if piece.kind == "OPERATOR":
        return _of_operator(piece.text, before, after)
    is_denied = before is not None and before.kind == "_NOT"
    if piece.kind == "_IN":
        return () if is_denied else ("not in",)
    if piece.kind == "NAME":
        flag = TABLE.get(piece.text)
        denied = (f"not {piece.text}",) if flag and flag.dimension == FLAG else ()
        return (*(() if is_denied else denied), *_of_name(piece.text, names))
    return ()


def _of_operator(text: str, before: Piece | None, after: Piece | None) -> tuple[str, ...]:
    sides = {side.kind for side in (before, after) if side is not None}
    # Words can only be equal or not; they have no order.
    return _OPERATORS[text][:1] if sides & {*_WORD_KINDS} else _OPERATORS[text]


def _of_name(name: str, terms: Mapping[str, Dimension]) -> tuple[str, ...]:
    """Return the other names of the dimension of *name*.

    They are those of its family, and those of the other families that count the same, but for the
    counter of the day: that counts what the program does, in part. Of a counter, they are its own.
    """
    now = present(name)
    counter = counter_of(now)
    if counter is not None:
        its = TABLE[now].dimension
        return tuple(one for one in facts_of(counter) if one != now and TABLE[one].dimension == its)
    known = {fact.name: fact.dimension for fact in TABLE.values()} | dict(terms)
    alike = [other for other, its in known.items() if other != now and its == known.get(now)]
    own = [other for other in alike if _family(other) == _family(now)]
    counted = _counted(name)
    others = (other for other in alike if counted is not None and _counted(other) == counted)
    return (*own, *(other for other in others if other not in {*own, *OF_DAY}))


def _family(name: str) -> str:
    return name.partition(".")[0]


def _counted(name: str) -> str | None:
    """Return `after` if the fact *name* counts this event, `before` if it counts earlier ones.

    Return `None` if the family of *name* counts no shares or money.
    """
    family = _family(name)
    if family not in _COUNTING:
        return None
    return "after" if family == "trade" or name.endswith("_after") else "before"


def is_word(piece: Piece) -> bool:
    """Return whether *piece* is a word that is compared with a fact, with or without quotes."""
    return piece.kind in _WORD_KINDS


def of_word(piece: Piece, instruments: tuple[str, ...]) -> tuple[str, ...]:
    """Return the texts that can replace the word *piece*: the other words of its kind, if known."""
    text, quote = piece.text, ""
    if piece.kind == "STRING":
        text, quote = text[1:-1], text[0]
    return tuple(f"{quote}{other}{quote}" for other in _others(text, instruments))


def _others(word: str, instruments: tuple[str, ...]) -> tuple[str, ...]:
    if listed_venue(word) is not None:
        return of_venue(word)
    if word in country_codes():
        return of_choice(word, _COUNTRIES)[:1]
    closed = (instruments, *dict.fromkeys(fact.words for fact in TABLE.values()))
    known = dict.fromkeys(other for words in closed if word in words for other in words)
    return of_choice(word, tuple(known)) or of_text(word)


def of_text(text: str) -> tuple[str]:
    """Return *text* with one more letter."""
    return (f"{text}x",)


def of_choice(word: str, choices: tuple[str, ...]) -> tuple[str, ...]:
    """Return the *choices* other than *word*."""
    return tuple(other for other in choices if other != word)


def of_venue(venue: str) -> tuple[str, ...]:
    """Return another venue with the time zone of *venue*, if any, and one with another zone."""
    clock = _clock(venue)
    alike = (other for other in _VENUES if _clock(other) == clock and other != venue)
    apart = (other for other in _VENUES if _clock(other) != clock)
    return tuple(other for other in (next(alike, None), next(apart, None)) if other is not None)


def _clock(code: str) -> str | None:
    """Return the name of the zone of the venue *code*; `None` if the table does not say it."""
    found = listed_venue(code)
    return None if found is None else found.zone


def of_zone(name: str, venues: Sequence[str]) -> tuple[str, ...]:
    """Return the other time zones of *venues* than *name*, and one that is far from it."""
    here = zone(name).utcoffset(_WINTER)
    far = next(other for other in _FAR_ZONES if zone(other).utcoffset(_WINTER) != here)
    zones = dict.fromkeys((*filter(None, map(_clock, venues)), far))
    return of_choice(name, tuple(zones))


def of_currency(currency: str, program: str | None = None) -> tuple[str]:
    """Return another currency than *currency*: that of the *program*, if it differs."""
    known = (program or currency, *_CURRENCIES)
    return (next(other for other in known if other != currency),)
