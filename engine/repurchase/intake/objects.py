"""One JSON object, read strictly: each name once, no nesting, numbers kept as text."""

from __future__ import annotations

import json
from collections import Counter
from typing import Final

from repurchase.domain import errors
from repurchase.domain.errors import Wrong
from repurchase.domain.events import Event
from repurchase.intake import fields
from repurchase.intake.fields import Fault, Number
from repurchase.intake.lines import TEXT_BYTES_MAX, undecodable

# An event has a few dozen; each name that is not one of them costs a search for the nearest.
NAMES_MAX: Final = 500
_SPACE: Final = " \t\r\n"

Pairs = tuple[tuple[str, object], ...]


def event_from_json(text: str | bytes, name: str | None = None, *, by: str | None = None) -> Event:
    """Return the event that *text* holds as one JSON object; *name* is its file in messages.

    It is *by* that person, if given, unless it names another. Raise InputError with every fault.
    """
    try:
        found = pairs(_decoded(text))
    except Wrong as wrong:
        problem = errors.Problem(f"the event {wrong.what}", wrong.hint, name)
        raise errors.InputError(problem) from None
    values = dict(found)
    if by is not None and values.get("by") is None:
        values["by"] = by
    event, faults = fields.decode(values)
    faults = given_twice(found) + faults
    if event is None or faults:
        raise errors.InputError(fields.problems(faults, file=name))
    return event


def pairs(text: str) -> Pairs:
    """Return the names and values of the JSON object in *text*, in their order.

    An array among the values becomes a list, an object a tuple. Raise Wrong if *text* is not one
    JSON object.
    """
    start = 0 if text[:1] == "{" else len(text) - len(text.lstrip(_SPACE))
    if text[start : start + 1] != "{":
        raise Wrong("is not a JSON object", _not_an_object_hint(text[start : start + 1]))
    try:
        found, end = _DECODER.raw_decode(text, start)
    except json.JSONDecodeError as error:
        raise _invalid(error) from None
    except RecursionError:
        raise Wrong("is nested too deep", "write texts and numbers: an event is flat") from None
    rest = text[end:]
    if rest != "\n" and rest.strip(_SPACE):
        raise Wrong("has text after its JSON object", "write only one object")
    if len(found) > NAMES_MAX:
        what = f"has {len(found):,} names, more than {NAMES_MAX}"
        raise Wrong(what, "write only the fields of one event")
    return found  # type: ignore[no-any-return]


def given_twice(found: Pairs) -> list[Fault]:
    """Return a fault for each name that is repeated among the pairs *found*."""
    names = [name for name, _ in found]
    if len(set(names)) == len(names):
        return []
    wrong = Wrong("is given twice", "give it once")
    return [(name, wrong) for name, count in Counter(names).items() if count > 1]


def _decoded(text: str | bytes) -> str:
    if len(text) > TEXT_BYTES_MAX:
        raise Wrong(f"is longer than {TEXT_BYTES_MAX} bytes", "write the event as one flat object")
    if isinstance(text, str):
        return text.removeprefix("\ufeff")
    try:
        return text.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise undecodable(text, error.start) from None


def _not_an_object_hint(first: str) -> str:
    if first == "[":
        return "write each event as one object on its own line, without an array around them"
    return 'write it as {"kind": "fill", "id": "f1", ...}'


def _invalid(error: json.JSONDecodeError) -> Wrong:
    if error.pos >= len(error.doc.rstrip(_SPACE)) or error.msg.startswith("Unterminated"):
        return Wrong("ends in the middle of its JSON object", "it seems to be truncated")
    reason = error.msg[:1].lower() + error.msg[1:].removesuffix(" at")
    what = f"is not valid JSON: {reason} at character {error.pos + 1}"
    return Wrong(what, "write one flat JSON object")


# An object becomes a tuple and an array a list, so that they stay distinct. `NaN` and the like
# become a Number with that text, which no field accepts.
_DECODER: Final = json.JSONDecoder(
    object_pairs_hook=tuple,
    parse_int=Number,
    parse_float=Number,
    parse_constant=Number,
)
