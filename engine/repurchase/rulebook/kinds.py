"""The kinds of text in a rule file, such as names, days and figures, and their error messages."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from datetime import date
from typing import Final

from repurchase.domain.averages import ALL, LISTING, Before, Span
from repurchase.domain.averages import UNITS as SPANS
from repurchase.domain.calendars import zone_names
from repurchase.domain.counters import UNITS, Per
from repurchase.domain.currencies import PARTS, SPELLED, currency_codes
from repurchase.domain.errors import Wrong, nearest, short
from repurchase.facts.averages import NAMES, is_average, present
from repurchase.facts.counters import FIGURES
from repurchase.facts.outside import FACTS
from repurchase.rulebook.figures import (
    read_date,
    read_day_or_minute,
    read_figure,
    read_percentage,
    read_periods,
    read_value,
)
from repurchase.rulebook.keys import Kind, Reading, named, text
from repurchase.rulebook.yaml_reader import Path, Plain, surprising, ticked

FORMAT: Final = 1
# An average, by its name or by its former one.
_AVERAGE: Final = {"type": "string", "pattern": f"^(?:{NAMES})$"}
SUPPLIED: Final = tuple(fact.name for fact in FACTS)
DAYS_MAX: Final = 366
LINE_CHARACTERS_MAX: Final = 200
PROSE_CHARACTERS_MAX: Final = 2000

_DATE: Final = r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
_FAMILIES: Final = (
    "engine", "terms", "limits", "trade", "program", "day", "counters", "averages", "market",
    "issuer",
)  # fmt: skip
_PER: Final = rf"({'|'.join(UNITS)})|([1-9][0-9]{{0,3}}) ({'|'.join(UNITS)})s?"
_MONTH: Final = "month"
_OVER: Final = rf"{_MONTH}|([1-9][0-9]{{0,2}}) ({'|'.join(SPANS)})"
_BEFORE: Final[tuple[Before, ...]] = ("announced", "resolved")
_RESERVED: Final = ("and", "or", "not", "in")
_WORDS_HINT: Final = "use lower-case letters, digits and hyphens, with a letter first"
_NAME_HINT: Final = "use lower-case letters, digits and underscores, with a letter first"
# The unquoted scalars that a field for a figure or a date accepts.
_PLAIN_FIGURE: Final = re.compile(
    rf"{_DATE}(?:T[0-9:]{{8}}(?:Z|[-+][0-9:]{{5}}))?|(?:0|[1-9][0-9]*|[1-9][0-9]{{0,2}}(?:,[0-9]{{3}})+)"
    r"(?:\.[0-9]+)?"
)
_PLAIN_IN_EVENT: Final = re.compile(
    rf"-?(?:{_PLAIN_FIGURE.pattern})|true|false|{_DATE}[Tt ][0-9:.]+(?:[Zz]|[-+][0-9:]+)"
)

# --- texts ---------------------------------------------------------------------------------------


def _unsurprising(raw: str) -> str:
    if isinstance(raw, Plain) and surprising(raw):
        what = f"{ticked(raw)} is not text to every reader of YAML"
        raise Wrong(what, f'write "{short(raw)}"')
    return str(raw).strip()


def _prose(raw: str, characters_max: int = PROSE_CHARACTERS_MAX) -> str:
    if len(raw.strip()) > characters_max:
        what = f"the text has {len(raw.strip()):,} characters"
        raise Wrong(what, f"write at most {characters_max:,}")
    return _unsurprising(raw)


def _line(raw: str) -> str:
    line = _prose(raw, LINE_CHARACTERS_MAX)
    if "\n" in line or "\t" in line:
        raise Wrong("the text has more than one line", "write it on one line")
    return line


def _event_text(raw: str) -> str:
    # The reader of logs knows which event fields are figures, times or yes/no facts.
    is_typed = isinstance(raw, Plain) and _PLAIN_IN_EVENT.fullmatch(raw)
    return _prose(str(raw) if is_typed else raw, LINE_CHARACTERS_MAX)


def _format(raw: str) -> str:
    if raw != str(FORMAT):
        raise Wrong(f"the format version {ticked(raw)} is unknown", f"write `repurchase: {FORMAT}`")
    return raw


def _whole(what: str, most: int, such_as: int) -> Kind:
    """Return the kind of a whole number from 1 to *most* of *what*, *such_as* this one."""

    def read(raw: str) -> int:
        if not (raw.isascii() and raw.isdigit() and 1 <= int(raw[:9]) <= most):
            hint = f"write it in digits: {such_as}"
            raise Wrong(f"is no whole number of {what} from 1 to {most}", hint)
        return int(raw)

    bounds = {"minimum": 1, "maximum": most, "pattern": "^[0-9]+$"}
    return text(read, {"type": ["integer", "string"], **bounds})


def _per(raw: str) -> Per:
    found = re.fullmatch(_PER, _line(raw))
    if found is None:
        named = ", ".join(f"`{one}`" for one in UNITS)
        hint = f"write {named}, or a window such as `20 days`"
        raise Wrong(f"{ticked(raw)} is not a period", hint)
    unit = next(one for one in UNITS if one in raw)
    return Per(unit, int(found[2]) if found[2] else None)


def _over(raw: str) -> Span:
    found = re.fullmatch(_OVER, raw.strip())
    if found is None:
        hint = (
            "write `20 sessions`, `5 sessions with trades`, `4 calendar weeks`, "
            "`6 calendar months`, `5 minutes ago`, or `month` for the calendar month before; at "
            "most 999 of them"
        )
        raise Wrong(f"{ticked(raw)} is not a time that an average is taken over", hint)
    if found[1] is None:
        return Span("calendar month", 1)
    return Span(SPANS[found[2]], int(found[1]))


def _before(raw: str) -> tuple[Before, date | None]:
    word = next((one for one in _BEFORE if one == raw), None)
    if word is not None:
        return word, None
    try:
        return "date", read_date(raw)
    except Wrong as wrong:
        raise Wrong(wrong.what, "write `announced`, `resolved` or a day as `2008-11-14`") from None


def _shape(pattern: str, kind: str, hint: str, never: Iterable[str] = ()) -> Callable[[str], str]:
    """Return the reader of a word that matches *pattern* and is not among the words *never*."""

    def read(raw: str) -> str:
        word = _line(raw)
        if not re.fullmatch(pattern, word) or word in never:
            raise Wrong(f"{ticked(word)} is not a valid {kind}", hint)
        return word

    return read


def _known(what: str, known: Callable[[], Iterable[str]], hint: str) -> Callable[[str], str]:
    """Return the reader of one of the *known* words."""

    def read(raw: str) -> str:
        word = _line(raw)
        if word not in known():
            raise Wrong(what.format(ticked(word)), nearest(word, known()) or hint)
        return word

    return read


def _figure(read: Callable[[str], object]) -> Callable[[str], object]:
    def plainly(raw: str) -> object:
        # Other YAML readers take `12:30` and `010` for other numbers; all take `25%` as text.
        value = read(str(raw).strip())
        if not _PLAIN_FIGURE.fullmatch(raw):
            _unsurprising(raw)
        return value

    return plainly


def _pack_name(raw: str) -> str:
    name = rule_id(raw)
    if name in _FAMILIES:
        what = f"the name `{name}` is reserved for built-in findings and facts"
        raise Wrong(what, "give the pack another name")
    return name


def _currency(raw: str) -> str:
    code = _currency_word(raw)
    part = SPELLED.get(code, code)
    if part in PARTS:
        what = f"`{code}` is a hundredth of {PARTS[part]}, and not a currency"
        raise Wrong(what, f"write `{PARTS[part]}` here; an instrument may have `currency: {part}`")
    if code not in currency_codes():
        raise Wrong(f"{ticked(code)} is not a currency", "ISO 4217 does not list it; correct it")
    return code


def _priced_in(raw: str) -> str:
    code = _line(raw)
    part = SPELLED.get(code, code)
    return part if part in PARTS else _currency(raw)


rule_id: Final[Callable[[str], str]] = _shape(r"[a-z][a-z0-9-]*", "name", _WORDS_HINT)

_currency_word: Final[Callable[[str], str]] = _shape(
    r"[A-Z]{3}|" + "|".join((*PARTS, *SPELLED)),
    "currency code",
    "write three capital letters, such as `JPY`",
)

# --- kinds of text -------------------------------------------------------------------------------


def _patterned(pattern: str, kind: str, hint: str, never: tuple[str, ...] = ()) -> Kind:
    schema = {"type": "string", "pattern": f"^(?:{pattern})$"}
    others = {"not": {"enum": list(never)}} if never else {}
    return text(_shape(pattern, kind, hint, never), schema | others)


def choice(words: tuple[str, ...]) -> Kind:
    hint = f"choose one of {', '.join(f'`{word}`' for word in words)}"
    read = _known("{} is not one of the choices", lambda: words, hint)
    return text(read, {"type": "string", "enum": list(words)})


def or_average(words: tuple[str, ...], what: str = "{} is not one of the choices") -> Kind:
    """Return the kind of one of *words*, or of an average by its name; it reads the present name.

    *what* says what is wrong with any other word.
    """
    listed = ", ".join(f"`{word}`" for word in words)
    read = _known(what, lambda: words, f"choose from {listed}, or `averages.` with a name")

    def name(raw: str) -> str:
        return present(raw) if is_average(raw) else read(raw)

    return text(name, {"anyOf": [{"type": "string", "enum": list(words)}, _AVERAGE]})


LINE: Final = text(_line, {"type": "string", "maxLength": LINE_CHARACTERS_MAX, "pattern": r"\S"})
PROSE: Final = text(_prose, {"type": "string", "maxLength": PROSE_CHARACTERS_MAX, "pattern": r"\S"})
CONDITION: Final = text(str, {"type": "string", "maxLength": 2000, "pattern": r"\S"})
ID: Final = _patterned(r"[a-z][a-z0-9-]*", "name", _WORDS_HINT)
SOURCE_NAME: Final = _patterned(r"[a-z][a-z0-9_-]*", "source name", _WORDS_HINT, _RESERVED)
INSTRUMENT_NAME: Final = _patterned(r"[a-z][a-z0-9_]*", "instrument name", _NAME_HINT, _RESERVED)
TERM_NAME: Final = _patterned(r"[a-z][a-z0-9_]*", "term name", _NAME_HINT, _RESERVED)
FINDING: Final = _patterned(r"[a-z][a-z0-9.-]*", "rule name", _WORDS_HINT)
PACK_NAME: Final = text(_pack_name, {**ID.schema, "not": {"enum": list(_FAMILIES)}})
PACK_ASKED: Final = _patterned(
    r"(?:\./)?[a-z0-9][a-z0-9._-]*", "pack name", "write it as `jp-order-59` or `./own-rules`"
)
CURRENCY: Final = text(_currency, {"type": "string", "pattern": "^[A-Z]{3}$"})
PRICED_IN: Final = text(
    _priced_in,
    {"type": "string", "pattern": f"^(?:[A-Z]{{3}}|{'|'.join((*PARTS, *SPELLED))})$"},
)
HASH: Final = _patterned(
    r"[0-9a-f]{64}", "SHA-256", "write its 64 hexadecimal digits, as sha256sum does"
)
DAY: Final = text(_figure(read_date), {"type": "string", "pattern": f"^{_DATE}$"})
_MINUTE: Final = rf"{_DATE}T[0-9]{{2}}:[0-9]{{2}}:00(?:Z|[-+][0-9]{{2}}:[0-9]{{2}})"
DAY_OR_MINUTE: Final = text(
    _figure(read_day_or_minute), {"type": "string", "pattern": f"^(?:{_DATE}|{_MINUTE})$"}
)
FIGURE: Final = text(_figure(read_figure), {"type": ["string", "number"]})
PERIODS_MAX: Final = 40
_VALUE: Final = text(_figure(read_value), FIGURE.schema)


def _value(reading: Reading, path: Path, raw: object) -> object:
    if not isinstance(raw, list):
        return _VALUE.read(reading, path, raw)
    if not 1 <= len(raw) <= PERIODS_MAX:
        raise Wrong(f"the list has {len(raw)} periods", f"give 1 to {PERIODS_MAX}")
    if not all(isinstance(one, str) for one in raw):
        raise Wrong("a period of the list is not text", "write it as `2017-04-14..2017-04-20`")
    return read_periods([str(one).strip() for one in raw])


VALUE: Final = Kind(
    _value, {"anyOf": [FIGURE.schema, {"type": "array", "items": {"type": "string"}}]}
)
MARGIN: Final = text(
    _figure(read_percentage),
    {"type": "string", "pattern": r"^[0-9][0-9,]*(\.[0-9]+)?%$", "default": "0%"},
)
ZONE: Final = text(
    _known("unknown time zone {}", zone_names, "write it as `Asia/Tokyo`"), {"type": "string"}
)
# Whether a venue exists is known only with those that the file adds.
VENUE: Final = _patterned("[A-Z0-9]{4}", "market identifier code", "write it as `XTKS`")
VENUE_OF_AVERAGE: Final = _patterned(
    f"[A-Z0-9]{{4}}|{LISTING}|{ALL}",
    "venue of an average",
    f"write the code of a venue, `{LISTING}` for the first venue of the instrument, or `{ALL}`",
)
OVER: Final = text(_over, {"type": "string", "pattern": f"^(?:{_OVER})$"})
BEFORE: Final = text(
    _figure(_before), {"type": "string", "pattern": f"^(?:{'|'.join(_BEFORE)}|{_DATE})$"}
)
_FIELD: Final = {"type": ["string", "number", "boolean"]}
EVENT: Final = named(text(_event_text, _FIELD, may_be_empty=True))
FED: Final = or_average(SUPPLIED, "{} is not a fact that a feed can supply")
PER: Final = text(_per, {"type": "string", "pattern": f"^(?:{_PER})$"})
COUNT_OF_DAYS: Final = _whole("days", DAYS_MAX, 28)
PERCENT: Final = _whole("percent", 100, 80)
SUM: Final = _patterned(
    rf"program\.(?:shares|amount)|counters\.[a-z][a-z0-9_]*\.(?:{'|'.join(FIGURES)})",
    "sum",
    "write `program.shares`, `program.amount`, or a counter such as `counters.tranche.shares`",
)
FORMAT_NUMBER: Final = text(_format, {"const": FORMAT})
