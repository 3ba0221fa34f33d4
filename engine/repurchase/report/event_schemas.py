"""The JSON Schema of each kind of event, from the tables that its readers use."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from repurchase.domain.events import JUDGED, KINDS
from repurchase.facts.domains import FIELDS, TEXTS, VENUES, YES_OR_NO, Domain, Numbers, Words
from repurchase.facts.outside import is_outside
from repurchase.facts.table import TABLE
from repurchase.intake.fields import ANY, FORMS, TEXT_LENGTH_MAX, VENUES_MAX

Schema = dict[str, Any]

_TEXT: Final[Schema] = {"type": "string", "minLength": 1, "maxLength": TEXT_LENGTH_MAX}
_NUMBER: Final = "-?[0-9]{1,18}(\\.[0-9]{1,12})?"
_WHOLE: Final = "[0-9]{1,18}"
_DAY: Final[Schema] = {"type": "string", "format": "date"}
_MOMENT: Final[Schema] = {"type": "string", "format": "date-time"}
# How days and moments are written is no matter of their domain.
_WRITTEN: Final[Mapping[str, Schema]] = {
    "time": _MOMENT,
    "date": _DAY,
    "expires": {"anyOf": [_DAY, _MOMENT]},
}


def event_schemas() -> dict[str, Schema]:
    """Return the schema of each kind of event, by its name.

    The key says who sends an event, so `by` is never needed.
    """
    return {kind: dict(_parts(kind)) for kind in KINDS}


def _parts(kind: str) -> Iterator[tuple[str, Any]]:
    form = FORMS[kind]
    fields = [name for name in FIELDS if name in ANY or name in form.fields]
    if kind == "split":
        fields.remove("time")
    properties = {name: _field(name, FIELDS[name]) for name in fields}
    properties["kind"] = {"const": kind}
    if kind in JUDGED:
        outside = (name for name in TABLE if is_outside(name))
        properties |= {name: _field(name, TABLE[name].domain) for name in outside}
        yield "patternProperties", {"^averages\\.": _number(Numbers("", least=0))}
    yield "title", form.called
    yield "type", "object"
    yield "properties", properties
    needed = (names[0] for names in form.needed if len(names) == 1 and names != ("by",))
    yield "required", ["kind", *needed]
    several = [names for names in form.needed if len(names) > 1]
    if several:
        yield "allOf", [{"anyOf": [{"required": [one]} for one in names]} for names in several]
    if {"time", "date"} <= properties.keys():
        yield "not", {"required": ["time", "date"]}
    yield "additionalProperties", False


def _field(name: str, domain: Domain) -> Schema:
    if name in _WRITTEN:
        return {"description": domain.said, **_WRITTEN[name]}
    if domain is YES_OR_NO:
        return {"enum": [True, False, "true", "false"]}
    if isinstance(domain, Numbers):
        return {"description": domain.said, **_number(domain)}
    if isinstance(domain, Words) and domain.words:
        return {"enum": list(domain.words)}
    if domain in (TEXTS, VENUES):
        several = {"type": "array", "items": _TEXT, "minItems": 1, "uniqueItems": True}
        return {"anyOf": [several | {"maxItems": VENUES_MAX}, _TEXT]}
    return _TEXT


def _number(domain: Numbers) -> Schema:
    """Return the schema of a number of *domain*, written as a JSON number or as a text."""
    ends = {
        "minimum": domain.least,
        "exclusiveMinimum": domain.above,
        "maximum": domain.most,
        "exclusiveMaximum": domain.below,
    }
    number = {"type": "integer" if domain.is_whole else "number"}
    known = {name: int(end) for name, end in ends.items() if end is not None}
    text = {"type": "string", "pattern": f"^{_WHOLE if domain.is_whole else _NUMBER}$"}
    return {"anyOf": [number | known, text]}
