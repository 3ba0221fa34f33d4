"""The JSON Schema of each kind of event, from the tables that its readers use."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any, Final

from repurchase.domain.events import JUDGED, KINDS, METHODS
from repurchase.domain.quantities import DECIMALS_MAX, DIGITS_MAX
from repurchase.facts.averages import NAMES
from repurchase.facts.domains import (
    ABOVE_ZERO,
    FIELDS,
    OF_KIND,
    TEXTS,
    VENUES,
    YES_OR_NO,
    ZERO_OR_MORE,
    Domain,
    Numbers,
    Words,
)
from repurchase.facts.outside import is_outside
from repurchase.facts.table import TABLE
from repurchase.intake.fields import ANY, FORMS, TEXT_LENGTH_MAX, VENUES_MAX

Schema = dict[str, Any]

# What Python takes for a space; other languages leave the last five out.
_SPACE: Final = "\\s\\u001c-\\u001f\\u0085"
_TEXT: Final[Schema] = {
    "type": "string",
    "minLength": 1,
    "maxLength": TEXT_LENGTH_MAX,
    # Something to be seen, and no NUL.
    "pattern": f"^[^\\u0000]*[^{_SPACE}\\u0000][^\\u0000]*$",
}
_PART: Final = f"[^;\\u0000]*[^{_SPACE};\\u0000][^;\\u0000]*"
_VENUE: Final = f"[^ ;\\u0000]*[^{_SPACE};\\u0000][^ ;\\u0000]*"
# Several texts in one, as a log has them.
_JOINED: Final[Mapping[Domain, str]] = {
    TEXTS: f"^{_PART}(?:;{_PART})*$",
    VENUES: f"^[ ;]*{_VENUE}(?:[ ;]+{_VENUE}){{0,{VENUES_MAX - 1}}}[ ;]*$",
}
_FLAGS: Final = ("true", "false")
_YEAR: Final = "(?:19|20|21)[0-9]{2}"
_OF_YEAR: Final = f"{_YEAR}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01])"
_CLOCK: Final = "(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:\\.[0-9]{1,9})?"
# From -12:00 to +14:00.
_OFFSET: Final = (
    "(?:[Zz]|-(?:0[0-9]|1[01]):[0-5][0-9]|-12:00|\\+(?:0[0-9]|1[0-3]):[0-5][0-9]|\\+14:00)"
)
DAY: Final[Schema] = {"type": "string", "format": "date", "pattern": f"^{_OF_YEAR}$"}
_MOMENT: Final[Schema] = {
    "type": "string",
    "format": "date-time",
    "pattern": f"^{_OF_YEAR}[Tt]{_CLOCK}{_OFFSET}$",
}
WHEN: Final[Schema] = {"anyOf": [DAY, _MOMENT]}
# How days and moments are written is no matter of their domain.
_WRITTEN: Final[Mapping[str, Schema]] = {
    "time": _MOMENT,
    "date": DAY,
    "expires": WHEN,
}
# An order pays nothing ahead.
_METHOD: Final[Schema] = {"enum": [one for one in METHODS if one != "prepaid"]}
# Fields of which an event has one or the other.
_EITHER: Final = (("time", "date"), ("venue", "venues"))


def event_schemas() -> dict[str, Schema]:
    """Return the schema of each kind of event, by its name.

    The key says who sends an event, so `by` is never needed.
    """
    return {kind: dict(_parts(kind)) for kind in KINDS}


def _parts(kind: str) -> Iterator[tuple[str, Any]]:
    form = FORMS[kind]
    alone = [names[0] for names in form.needed if len(names) == 1 and names != ("by",)]
    fields = {name: _schema_of(kind, name) for name in _fields(kind)}
    properties = {name: one if name in alone else _or_absent(one) for name, one in fields.items()}
    if kind in JUDGED:
        yield "patternProperties", {f"^(?:{NAMES})$": _or_absent(_number(ZERO_OR_MORE))}
    yield "title", form.called
    yield "type", "object"
    yield "properties", {**properties, "kind": {"const": kind}}
    yield "required", ["kind", *alone]
    conditions = list(_conditions(kind, properties.keys()))
    if conditions:
        yield "allOf", conditions
    # A field of another kind that is left out with `null` is left out.
    yield "additionalProperties", {"type": "null"}


def _fields(kind: str) -> Iterator[str]:
    """Yield the names of all fields that an event of *kind* may have, but for averages."""
    own = FORMS[kind].fields | (ANY - {"time"} if kind == "split" else ANY)
    yield from (name for name in FIELDS if name in own)
    if kind in JUDGED:
        yield from (name for name in TABLE if is_outside(name))


def _schema_of(kind: str, name: str) -> Schema:
    """Return the schema of the field *name* of an event of *kind* that gives it."""
    if (kind, name) == ("order", "method"):
        return _METHOD
    if (kind, name) == ("prepaid", "amount"):
        return _field(name, OF_KIND[kind, name])
    return _field(name, FIELDS[name] if name in FIELDS else TABLE[name].domain)


def _conditions(kind: str, names: Collection[str]) -> Iterator[Schema]:
    """Yield what an event of *kind*, which may have the fields *names*, must fulfil besides."""
    for needed in FORMS[kind].needed:
        if len(needed) > 1:
            yield {"anyOf": [_given(one) for one in needed]}
    for either in _EITHER:
        if {*either} <= {*names}:
            yield {"not": _given(*either)}
    if (kind, "amount") in OF_KIND and kind != "prepaid":
        # What was paid for ahead costs nothing more.
        is_paid = {"required": ["method"], "properties": {"method": {"const": "prepaid"}}}
        above_zero = {"properties": {"amount": _or_absent(_number(OF_KIND[kind, "amount"]))}}
        yield {"anyOf": [is_paid, above_zero]}


def question_schema() -> Schema:
    """Return the schema of an order about which a query asks, each field as a text of its own.

    Of price and quantity, the one that is not given is asked for; of a market order, the quantity.
    """
    names = {*ANY, *FORMS["order"].fields} - {"kind", "id", "authorization"}
    fields = {name: _field(name, FIELDS[name], of_text=True) for name in FIELDS if name in names}
    tick = {"description": "the tick size of the highest price", **_number_text(ABOVE_ZERO)}
    return {
        "type": "object",
        "properties": {**fields, "method": _METHOD, "tick": tick},
        "required": ["symbol"],
        "allOf": [{"not": {"required": list(names)}} for names in _EITHER],
        "oneOf": [
            {"required": ["price"], "properties": {"quantity": False, "tick": False}},
            {
                "required": ["quantity"],
                "properties": {"price": False, "order_type": {"const": "limit"}},
            },
            {
                "required": ["order_type"],
                "properties": {
                    "order_type": {"const": "market"},
                    **dict.fromkeys(("price", "quantity", "tick"), False),
                },
            },
        ],
        "additionalProperties": False,
    }


def _given(*names: str) -> Schema:
    """Return the schema of an event that gives all the fields *names*."""
    is_something = {"not": {"type": "null"}}
    return {"required": list(names), "properties": dict.fromkeys(names, is_something)}


def _or_absent(schema: Schema) -> Schema:
    """Return the schema of what *schema* says, or of `null`, which leaves the field out."""
    return {"anyOf": [schema, {"type": "null"}]}


def _field(name: str, domain: Domain, *, of_text: bool = False) -> Schema:
    """Return the schema of the field *name*, *of_text* if its value can be a text alone."""
    if name in _WRITTEN:
        return {"description": domain.said, **_WRITTEN[name]}
    if domain is YES_OR_NO:
        return {"enum": [*_FLAGS] if of_text else [True, False, *_FLAGS]}
    if isinstance(domain, Numbers):
        found = _number_text(domain) if of_text else _number(domain)
        return {"description": domain.said, **found}
    if isinstance(domain, Words) and domain.words:
        return {"enum": list(domain.words)}
    if domain in _JOINED:
        joined = {**_TEXT, "pattern": _JOINED[domain]}
        several = {"type": "array", "items": _TEXT, "minItems": 1, "uniqueItems": True}
        most = {"maxItems": VENUES_MAX} if domain is VENUES else {}
        return joined if of_text else {"anyOf": [several | most, joined]}
    return _TEXT


def _number(domain: Numbers) -> Schema:
    """Return the schema of a number of *domain*, written as a JSON number or as a text."""
    ends = {
        "minimum": domain.least,
        "exclusiveMinimum": domain.above,
        "maximum": domain.most,
        "exclusiveMaximum": 10**DIGITS_MAX if domain.below is domain.most else domain.below,
    }
    number = {
        "description": f"at most {DECIMALS_MAX} decimals, and no exponent",
        "type": "integer" if domain.is_whole else "number",
    }
    known = {name: int(end) for name, end in ends.items() if end is not None}
    return {"anyOf": [number | known, _number_text(domain)]}


def _number_text(domain: Numbers) -> Schema:
    """Return the schema of a number of *domain*, written as a text."""
    highest = domain.most if domain.below is None else domain.below - 1
    whole = f"[0-9]{{1,{DIGITS_MAX}}}"
    if highest is not None and highest < 10**DIGITS_MAX - 1:
        # Zeros may lead, as long as there are not too many digits.
        whole = f"(?=[0-9]{{1,{DIGITS_MAX}}}(?:\\.|$))0*(?:{_up_to(int(highest))})"
    decimals = f"(?:\\.{'0' if domain.is_whole else '[0-9]'}{{1,{DECIMALS_MAX}}})?"
    if 0 not in domain:
        pattern = f"^(?=.*[1-9]){whole}{decimals}$"
    elif domain.least == 0:
        pattern = f"^(?:(?=-[0.]+$)-)?{whole}{decimals}$"
    else:
        pattern = f"^-?{whole}{decimals}$"
    return {"type": "string", "pattern": pattern}


def _up_to(number: int) -> str:
    """Return a pattern of the whole numbers from zero to *number*, of which none begins with 0."""
    digits = str(number)
    found = [f"[0-9]{{1,{len(digits) - 1}}}"] if len(digits) > 1 else []
    for at, digit in enumerate(digits):
        first, rest = "0" if at else "1", len(digits) - at - 1
        if digit > first:
            found.append(f"{digits[:at]}[{first}-{int(digit) - 1}][0-9]{{{rest}}}")
    return "|".join((*found, digits))
