"""The JSON Schema of each kind of event, from the tables that its readers use."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from repurchase.domain.events import JUDGED, KINDS
from repurchase.facts.averages import NAMES
from repurchase.facts.domains import (
    FIELDS,
    OF_KIND,
    TEXTS,
    VENUES,
    YES_OR_NO,
    Domain,
    Numbers,
    Words,
)
from repurchase.facts.outside import is_outside
from repurchase.facts.table import TABLE
from repurchase.intake.fields import ANY, FORMS, TEXT_LENGTH_MAX, VENUES_MAX

Schema = dict[str, Any]

_TEXT: Final[Schema] = {
    "type": "string",
    "minLength": 1,
    "maxLength": TEXT_LENGTH_MAX,
    # Something to be seen, and no NUL.
    "pattern": "^[^\\u0000]*[^\\s\\u0000][^\\u0000]*$",
}
_NUMBER: Final = "[0-9]{1,18}(\\.[0-9]{1,12})?"
_WHOLE: Final = "[0-9]{1,18}"
_YEAR: Final = "(19|20|21)[0-9]{2}"
_CLOCK: Final = "T[0-9]{2}:[0-9]{2}:[0-9]{2}(\\.[0-9]{1,9})?(Z|[+-](0[0-9]|1[01]):[0-5][0-9])"
DAY: Final[Schema] = {"type": "string", "format": "date", "pattern": f"^{_YEAR}-"}
_MOMENT: Final[Schema] = {
    "type": "string",
    "format": "date-time",
    "pattern": f"^{_YEAR}-[0-9]{{2}}-[0-9]{{2}}{_CLOCK}$",
}
WHEN: Final[Schema] = {"anyOf": [DAY, _MOMENT]}
# How days and moments are written is no matter of their domain.
_WRITTEN: Final[Mapping[str, Schema]] = {
    "time": _MOMENT,
    "date": DAY,
    "expires": WHEN,
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
    if kind == "prepaid":
        properties["amount"] = _field("amount", OF_KIND[kind, "amount"])
    if kind in JUDGED:
        outside = (name for name in TABLE if is_outside(name))
        properties |= {name: _field(name, TABLE[name].domain) for name in outside}
        average = _number(Numbers("", least=0))
        yield "patternProperties", {f"^({NAMES})$": _or_absent(average)}
    asked = {names[0] for names in form.needed if len(names) == 1} - {"by"}
    properties = {
        name: one if name in asked else _or_absent(one) for name, one in properties.items()
    }
    properties["kind"] = {"const": kind}
    yield "title", form.called
    yield "type", "object"
    yield "properties", properties
    needed = (names[0] for names in form.needed if len(names) == 1 and names != ("by",))
    yield "required", ["kind", *needed]
    several = [names for names in form.needed if len(names) > 1]
    if several:
        yield "allOf", [{"anyOf": [_given(one) for one in names]} for names in several]
    if {"time", "date"} <= properties.keys():
        yield "not", _given("time", "date")
    yield "additionalProperties", False


def _given(*names: str) -> Schema:
    """Return the schema of an event that gives all the fields *names*."""
    is_something = {"not": {"type": "null"}}
    return {"required": list(names), "properties": dict.fromkeys(names, is_something)}


def _or_absent(schema: Schema) -> Schema:
    """Return the schema of what *schema* says, or of `null`, which leaves the field out."""
    return {"anyOf": [schema, {"type": "null"}]}


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
    sign = "-?" if domain.least is None and domain.above != 0 else ""
    some = "(?=.*[1-9])" if domain.above == 0 else ""
    text = {"type": "string", "pattern": f"^{some}{sign}{_WHOLE if domain.is_whole else _NUMBER}$"}
    return {"anyOf": [number | known, text]}
