"""One JSON object, read strictly: every name once, nothing nested, numbers as their text."""

from __future__ import annotations

import json
from typing import Final

from repurchase.domain import errors
from repurchase.domain.errors import Wrong
from repurchase.domain.events import Event
from repurchase.intake import fields
from repurchase.intake.fields import Fault, Number
from repurchase.intake.lines import TEXT_BYTES_MAX, not_utf8

_SPACE: Final = " \t\r\n"

Pairs = tuple[tuple[str, object], ...]


def event_from_json(text: str | bytes, name: str | None = None) -> Event:
    """Return the event that *text* writes as one JSON object; *name* is its file in messages.

    Raise InputError with all that is wrong.
    """
    try:
        found = pairs(_decoded(text))
    except Wrong as wrong:
        problem = errors.Problem(f"the event {wrong.what}", wrong.hint, name)
        raise errors.InputError(problem) from None
    event, faults = fields.decode(dict(found))
    faults = given_twice(found) + faults
    if event is None or faults:
        raise errors.InputError(fields.problems(faults, file=name))
    return event


def pairs(text: str) -> Pairs:
    """Return the names and values of the JSON object that *text* is, in its own order.

    An array among the values is a list, an object a tuple. Raise Wrong where it is none.
    """
    start = 0 if text[:1] == "{" else len(text) - len(text.lstrip(_SPACE))
    if text[start : start + 1] != "{":
        raise Wrong("is not a JSON object", _not_an_object_hint(text[start : start + 1]))
    try:
        found, end = _DECODER.raw_decode(text, start)
    except json.JSONDecodeError as error:
        raise _invalid(error) from None
    except RecursionError:
        raise Wrong("is nested too deep", "an event is flat: write texts and numbers") from None
    rest = text[end:]
    if rest != "\n" and rest.strip(_SPACE):
        raise Wrong("goes on after its JSON object", "write one object")
    return found  # type: ignore[no-any-return]


def given_twice(found: Pairs) -> list[Fault]:
    """Return each name that is not the first of its kind among the pairs *found*."""
    names = [name for name, _ in found]
    if len(set(names)) == len(names):
        return []
    wrong = Wrong("is given twice", "give it once")
    return [(name, wrong) for at, name in enumerate(names) if name in names[:at]]


def _decoded(text: str | bytes) -> str:
    if len(text) > TEXT_BYTES_MAX:
        raise Wrong(f"is longer than {TEXT_BYTES_MAX} bytes", "an event is one flat object")
    if isinstance(text, str):
        return text.removeprefix("\ufeff")
    try:
        return text.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise not_utf8(text, error.start) from None


def _not_an_object_hint(first: str) -> str:
    if first == "[":
        return "write each event as an object on a line of its own, without an array around them"
    return 'write it as {"kind": "fill", "id": "f1", ...}'


def _invalid(error: json.JSONDecodeError) -> Wrong:
    if error.pos >= len(error.doc.rstrip(_SPACE)) or error.msg.startswith("Unterminated"):
        return Wrong("ends in the middle of its JSON object", "it seems to be cut off")
    reason = error.msg[:1].lower() + error.msg[1:].removesuffix(" at")
    what = f"is not valid JSON: {reason} at character {error.pos + 1}"
    return Wrong(what, "write one flat JSON object")


# An object comes out as a tuple and an array as a list, which keeps them distinct. `NaN` and
# its like come out as the texts that they are, and no reader takes them.
_DECODER: Final = json.JSONDecoder(
    object_pairs_hook=tuple,
    parse_int=Number,
    parse_float=Number,
    parse_constant=Number,
)
