"""The schema of each kind of event: it takes what the reader of events takes, and nothing else."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, Final

import jsonschema_rs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from repurchase.domain.errors import InputError
from repurchase.domain.events import KINDS
from repurchase.intake.objects import event_from_json
from repurchase.report.event_schemas import event_schemas

SCHEMAS: Final = event_schemas()
VALID: Final = {
    kind: jsonschema_rs.validator_for(schema, validate_formats=True)
    for kind, schema in SCHEMAS.items()
}
# What the reader says of values that no schema compares with each other.
BEYOND: Final = re.compile(
    r"`(causes|venues)` (names `.*` twice|is not a list of different texts)"
    r"|`market\.\w+` and `averages\.\w+` are both given|`new` is equal to `old`"
)
LINES: Final = Path(__file__).with_name("every_kind.jsonl").read_text("utf-8").splitlines()
DATED: Final = {"date": "2008-11-17", "by": "ann"}
EVENTS: Final[list[dict[str, Any]]] = [
    *(json.loads(line) for line in LINES),
    {"kind": "cancel_requested", "id": "q-1", "order": "o-1", **DATED},
    {"kind": "confirm", "id": "c-1", "of": "s-1", **DATED},
    {"kind": "prepaid", "id": "p-1", "symbol": "9999", "amount": 1, "reason": "asr", **DATED},
    {"kind": "split", "id": "n-1", "symbol": "9999", "new": 2, "old": 1, **DATED},
]

# Texts at the edges of what numbers, days, times and names may be.
EDGES: Final = (
    *(
        "0",
        "-0",
        "-0.0",
        "00",
        "1.0",
        "1.5",
        "1.",
        ".5",
        "+1",
        "1e2",
        "1E-2",
        "1,000",
        "\uff11",
        " 1",
    ),
    *("9" * 18, "9" * 19, "0" * 17 + "1", "0" * 18 + "1", "0." + "0" * 11 + "1", "0." + "0" * 13),
    *("1439", "1439.9", "1440", "-1439.5", "-1440", "0001439", "999999", "1000000", "1000001"),
    *("2008-11-17", "1899-12-31", "1900-01-01", "2199-12-31", "2200-01-01", "2008-02-30"),
    *("2008-11-17T10:00:00Z", "2008-11-17t10:00:00.123456789z", "2008-11-17T10:00:00.1234567890Z"),
    *("2008-11-17T23:59:59+14:00", "2008-11-17T10:00:00+14:01", "2008-11-17T10:00:00-12:00"),
    *("2008-11-17T10:00:00-12:01", "2008-11-17T24:00:00Z", "2008-11-17T10:00:60Z"),
    *(
        "2008-11-17T10:00:00",
        "buy",
        "Buy",
        "limit",
        "prepaid",
        "true",
        "True",
        "",
        " ",
        "\t",
        "x\n",
    ),
    *(
        "\x1c",
        "\x1f",
        "\x85",
        "\u3000",
        "a\0b",
        "a;b",
        "a; b",
        "XTKS XNAS",
        ";",
        "x" * 200,
        "x" * 201,
    ),
)
NUMBERS: Final = st.one_of(
    st.sampled_from((0, 1, -1, 10**6, 10**6 + 1, 10**18 - 1, 10**18, 1439, 1440, -1440, 1.5, 1.0)),
    st.integers(-(10**19), 10**19),
    st.integers(-(10**8), 10**8).map(lambda number: number / 100),
)
VALUES: Final[st.SearchStrategy[Any]] = st.one_of(
    st.sampled_from(EDGES),
    st.text("0123456789.-T:Z +", max_size=12),
    NUMBERS,
    st.sampled_from((None, True, False, [], {}, [""], [" "], ["a"], ["a", "b"], ["a", "a"], [1])),
    st.lists(st.sampled_from(("a", "b", "c d")), max_size=3),
)


def faults(event: dict[str, Any]) -> list[str]:
    """Return what the reader of events finds wrong in *event*, whoever sends it."""
    try:
        event_from_json(json.dumps(event), by="ann")
    except InputError as error:
        return [one.what for one in error.problems]
    return []


@st.composite
def changed(draw: st.DrawFn) -> dict[str, Any]:
    """Draw an event with another value in one or two of the fields that its kind has, or lacks."""
    event = dict(draw(st.sampled_from(EVENTS)))
    names = sorted(SCHEMAS[event["kind"]]["properties"].keys() - {"kind"})
    others = ["averages.adv_20", "market.adv_20", "averages.Adv", "shares", "of", "none"]
    for name in draw(st.lists(st.sampled_from([*names, *others]), min_size=1, max_size=2)):
        event[name] = draw(VALUES)
    return event


def test_every_kind_has_an_event_that_both_take() -> None:
    """What is changed below was in order before."""
    assert {event["kind"] for event in EVENTS} == {*KINDS}
    for event in EVENTS:
        assert not faults(event)
        VALID[event["kind"]].validate(event)


@given(changed())
def test_schema_takes_what_the_reader_takes(event: dict[str, Any]) -> None:
    """They agree on each event, but for what no schema can compare."""
    found = faults(event)
    if found and all(BEYOND.match(one) for one in found):
        return
    assert VALID[event["kind"]].is_valid(event) == (not found), found


@pytest.mark.parametrize("text", ["1e2", "1E2", "1e-5", "1.0000000000001"])
def test_number_that_is_not_written_plainly_is_refused(text: str) -> None:
    """JSON Schema sees only the value of a number: the description says how it is written."""
    order = json.dumps(next(one for one in EVENTS if one["kind"] == "order") | {"price": 0})
    with pytest.raises(InputError, match="not a number"):
        event_from_json(order.replace('"price": 0', f'"price": {text}'))
    number, _ = SCHEMAS["fill"]["properties"]["price"]["anyOf"][0]["anyOf"]
    assert number["description"] == "at most 12 decimals, and no exponent"
