"""One JSON object, read strictly: every name once, nothing nested, numbers as their text."""

from __future__ import annotations

import json
from typing import Final

from repurchase.domain import errors
from repurchase.domain.errors import Wrong
from repurchase.domain.events import Event
from repurchase.intake import fields
from repurchase.intake.fields import Complaint, Number

TEXT_BYTES_MAX: Final = 1 << 16
_SPACE: Final = " \t\r\n"

Pairs = tuple[tuple[str, object], ...]


def event_from_json(text: str | bytes, name: str | None = None) -> Event:
    """Return the event that *text* writes as one JSON object; *name* is its file in messages.

    Raise InputError with all that is wrong.
    """
    try:
        values, complaints = named(pairs(_decoded(text)))
    except Wrong as wrong:
        problem = errors.Problem(f"the event {wrong.what}", wrong.hint, name)
        raise errors.InputError(problem) from None
    found, more = fields.judged(values)
    if found is None or complaints:
        raise errors.InputError(fields.problems(complaints + more, file=name))
    return found


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
        raise Wrong(*_invalid(error)) from None
    except RecursionError:
        raise Wrong("is nested too deep", "an event is flat: write texts and numbers") from None
    rest = text[end:]
    if rest != "\n" and rest.strip(_SPACE):
        raise Wrong("goes on after its JSON object", "write one object")
    return found  # type: ignore[no-any-return]


def named(found: Pairs) -> tuple[dict[str, object], list[Complaint]]:
    """Return the pairs *found* by name, and a complaint for each name that comes twice."""
    values: dict[str, object] = {}
    complaints = []
    for name, value in found:
        if name in values:
            complaints.append(Complaint(name, "is given twice", "give it once"))
        values[name] = value
    return values, complaints


def _decoded(text: str | bytes) -> str:
    if len(text) > TEXT_BYTES_MAX:
        raise Wrong(f"is longer than {TEXT_BYTES_MAX} bytes", "an event is one flat object")
    if isinstance(text, str):
        return text.removeprefix("\ufeff")
    try:
        return text.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Wrong(*not_utf8(text, error.start)) from None


def not_utf8(line: bytes, place: int) -> tuple[str, str]:
    """Return what is wrong with the byte of *line* at *place*, and what would be right."""
    if line[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return "is UTF-16, not UTF-8", "save it as UTF-8"
    return f"is not UTF-8: byte {place + 1} of it is 0x{line[place]:02x}", "save it as UTF-8"


def _not_an_object_hint(first: str) -> str:
    if first == "[":
        return "write each event as an object on a line of its own, without an array around them"
    return 'write it as {"kind": "fill", "id": "f1", ...}'


def _invalid(error: json.JSONDecodeError) -> tuple[str, str]:
    if error.pos >= len(error.doc.rstrip(_SPACE)) or error.msg.startswith("Unterminated"):
        return "ends in the middle of its JSON object", "it seems to be cut off"
    reason = error.msg[:1].lower() + error.msg[1:].removesuffix(" at")
    return f"is not valid JSON: {reason} at character {error.pos + 1}", "write one flat JSON object"


# An object comes out as a tuple and an array as a list, so that they can be told apart. `NaN` and
# its like come out as the texts that they are, and no reader takes them.
_DECODER: Final = json.JSONDecoder(
    object_pairs_hook=tuple,
    parse_int=Number,
    parse_float=Number,
    parse_constant=Number,
)
