"""Tests of one event from named texts and from one JSON object."""

from __future__ import annotations

import io
import json
from datetime import UTC, date, datetime
from fractions import Fraction

import pytest

from repurchase.domain.errors import InputError
from repurchase.domain.events import Event
from repurchase.intake.fields import Number, event
from repurchase.intake.log import open_log
from repurchase.intake.objects import event_from_json

FILL = {
    "kind": "fill",
    "id": "f1",
    "date": "2008-11-14",
    "symbol": "3774",
    "quantity": "5",
    "price": "100.5",
}
ORDER = {**FILL, "kind": "order", "id": "o1"}
KINDS = (
    "`brought_forward`, `order`, `replace`, `replaced`, `rejected`, `cancel_requested`, `cancel`, "
    "`expire`, `fill`, "
    "`bust`, `correct`, `release`, `halt`, `resume`, `confirm`, `split` or `prepaid`"
)
FORWARD = {"kind": "brought_forward", "id": "b", "shares": "0", "amount": "0"}


def complaints(values: dict[str, object]) -> list[str]:
    with pytest.raises(InputError) as caught:
        event(values)
    return [str(problem) for problem in caught.value.problems]


def json_complaints(text: str | bytes) -> list[str]:
    with pytest.raises(InputError) as caught:
        event_from_json(text)
    return [str(problem) for problem in caught.value.problems]


def test_every_field_of_an_order_is_read() -> None:
    """Each text becomes the value that it writes, exactly."""
    values: dict[str, object] = {
        "kind": "order",
        "id": "o1",
        "authorization": "iij-2008",
        "time": "2008-11-14T09:00:00.5Z",
        "symbol": "IIJI",
        "venue": "XNAS",
        "side": "buy",
        "quantity": Number("5.0"),
        "price": Number("1.10"),
        "fees": "0",
        "fx": "99.125",
        "expires": "2008-11-15",
        "order_type": "limit",
        "broker": "Nomura 野村",
        "method": "auction",
        "by": "ann",
        "reason": None,
        "market.minutes_to_close": "-0.5",
        "issuer.closed_period": False,
        "issuer.undisclosed_material_fact": "true",
    }
    assert event(values) == Event(
        kind="order",
        id="o1",
        authorization="iij-2008",
        time=datetime(2008, 11, 14, 9, 0, 0, 500_000, tzinfo=UTC),
        symbol="IIJI",
        venue="XNAS",
        side="buy",
        quantity=5,
        price=Fraction(11, 10),
        fees=0,
        fx=Fraction(793, 8),
        expires=date(2008, 11, 15),
        order_type="limit",
        broker="Nomura 野村",
        method="auction",
        by="ann",
        outside={
            "market.minutes_to_close": Fraction(-1, 2),
            "issuer.closed_period": False,
            "issuer.undisclosed_material_fact": True,
        },
    )


def test_brought_forward_may_be_nothing_and_needs_no_day() -> None:
    """A program that starts from nothing can say so."""
    assert event(dict(FORWARD)) == Event(kind="brought_forward", id="b", shares=0, amount=0)


def test_expires_may_be_a_time() -> None:
    """An order may end within a day."""
    read = event({**ORDER, "expires": "2008-11-14T15:00:00+00:00"})
    assert read.expires == datetime(2008, 11, 14, 15, tzinfo=UTC)


NUMBER_TABLE: list[tuple[str, object, str]] = [
    ("price", "1e5", "is `1e5`, not a number; write it in full, without an exponent"),
    ("price", Number("1E5"), "is `1E5`, not a number; write it in full, without an exponent"),
    ("price", "NaN", "is `NaN`, not a number; write only digits, such as 1234 or 1234.5"),
    (
        "price",
        "Infinity",
        "is `Infinity`, not a number; write only digits, such as 1234 or 1234.5",
    ),
    ("price", "\uff11\uff10", "is `\uff11\uff10`, not a number; write 10 in ASCII digits"),
    ("price", "\u0663", "is `\u0663`, not a number; write only digits, such as 1234 or 1234.5"),
    ("price", True, "is `true`, not a number; write it in digits"),
    ("price", "18,695,399.5", "is `18,695,399.5`, not a number; write 18695399.5 without commas"),
    (
        "price",
        "1,500",
        "is `1,500`, not a number; write 1500 without commas, or 1.500 if it marks decimals",
    ),
    ("price", "1,5", "is `1,5`, not a number; write 1.5 with a decimal point"),
    ("price", "0,125", "is `0,125`, not a number; write 0.125 with a decimal point"),
    ("price", "1500,250", "is `1500,250`, not a number; write 1500.250 with a decimal point"),
    ("price", "1,5,000", "is `1,5,000`, not a number; write only digits, such as 1234 or 1234.5"),
    ("price", "1.234,5", "is `1.234,5`, not a number; write only digits, such as 1234 or 1234.5"),
    ("price", " 5", "is ` 5`, not a number; write it without spaces"),
    ("price", "+5", "is `+5`, not a number; write only digits, such as 1234 or 1234.5"),
    ("price", "5.", "is `5.`, not a number; write only digits, such as 1234 or 1234.5"),
    ("price", "0x10", "is `0x10`, not a number; write only digits, such as 1234 or 1234.5"),
    ("price", "", "is ``, not a number; write only digits, such as 1234 or 1234.5"),
    (
        "price",
        "1234567890123456789",
        "is `1234567890123456789`, not a number; write at most 18 digits and 12 decimals",
    ),
    (
        "price",
        "0.1234567890123",
        "is `0.1234567890123`, not a number; write at most 18 digits and 12 decimals",
    ),
    ("price", "0", "is `0`, but must be above zero; leave it out if it is not known"),
    ("price", "-0.0", "is `-0.0`, but must be above zero; leave it out if it is not known"),
    ("fx", "-1", "is `-1`, but must be above zero; leave it out if it is not known"),
    ("fees", "-0.1", "is `-0.1`, but must be zero or more"),
    ("amount", "0", "is `0`, but must be above zero"),
    ("amount", "-1", "is `-1`, but must be zero or more"),
    (
        "quantity",
        "5.5",
        (
            "is `5.5`, but must be a whole number above zero; "
            "write whole units; `side` says whether they are bought or sold"
        ),
    ),
    (
        "quantity",
        "-5",
        (
            "is `-5`, but must be a whole number above zero; "
            "write whole units; `side` says whether they are bought or sold"
        ),
    ),
    ("quantity", "five", "is `five`, not a number; write only digits, such as 1234 or 1234.5"),
    ("market.day_high", "x", "is `x`, not a number; write only digits, such as 1234 or 1234.5"),
    ("issuer.closed_period", "yes", "is `yes`, not true or false; write true or false"),
    ("issuer.closed_period", Number("1"), "is `1`, not true or false; write true or false"),
]


@pytest.mark.parametrize(("field", "value", "sentence"), NUMBER_TABLE)
def test_wrong_number_is_refused(field: str, value: object, sentence: str) -> None:
    """What is not exactly a number, or not one that can be, says what would be right."""
    assert complaints({**FILL, field: value}) == [f"`{field}` {sentence}"]


TEXT_TABLE: list[tuple[str, object, str]] = [
    ("symbol", Number("3774"), "is `3774`, not text; write it in quotes"),
    ("symbol", False, "is `false`, not text; write it in quotes"),
    ("id", "", "is empty; write a text, or leave the field out"),
    ("id", "  ", "is empty; write a text, or leave the field out"),
    ("id", "x" * 201, "has 201 characters; write at most 200"),
    ("id", "a\0b", "contains a NUL character; remove it"),
    ("id", "\ud800", "contains half of a surrogate pair; write whole characters"),
    ("side", "buu", "is `buu`, not `buy` or `sell`; did you mean `buy`?"),
    ("side", "BUY", "is `BUY`, not `buy` or `sell`; did you mean `buy`?"),
    ("side", "x", "is `x`, not `buy` or `sell`; write `buy` or `sell`"),
    ("side", "\x1b[31m", "is `\\x1b[31m`, not `buy` or `sell`; write `buy` or `sell`"),
    ("method", "blok", ("is `blok`, not `auction`, `off_auction`, `block`, `tender` or `prepaid`; "
     "did you mean `block`?")),
    ("kind", "fil", f"is `fil`, not {KINDS}; did you mean `fill`?"),
    ("kind", None, f"is missing; write {KINDS}"),
    ("date", "2017-13-01", "is `2017-13-01`, which is no day that exists; write it as 2008-11-14"),
    ("date", "01/08/2017", "is `01/08/2017`, not a date; write it as 2008-11-14"),
    ("date", "1899-12-31", ("is `1899-12-31`, which is outside the years 1900 to 2199; "
     "write it as 2008-11-14")),
    ("date", Number("20170801"), "is `20170801`, not text; write it in quotes"),
    ("date", "x" * 80, f"is `{'x' * 59}…`, not a date; write it as 2008-11-14"),
    ("broker", ["x"], "is an object or an array; write a text or a number: an event is flat"),
    ("prize", "1", "is not an event field; did you mean `price`?"),
    ("market.day_hihg", "1", "is not an event field; did you mean `market.day_high`?"),
    ("trade.date", "1", "is not an event field"),
    (
        "issuer",
        "1",
        (
            "is not an event field; write the full name, such as "
            "`issuer.announced_shares`: an event is flat"
        ),
    ),
    ("expires", "2008-11-14", "is not a field of a `fill` event; leave it out"),
    ("fill", "f0", "is not a field of a `fill` event; leave it out"),
    ("shares", "5", "is not a field of a `fill` event; leave it out"),
]  # fmt: skip


@pytest.mark.parametrize(("field", "value", "sentence"), TEXT_TABLE)
def test_wrong_text_is_refused(field: str, value: object, sentence: str) -> None:
    """A text that cannot be says what would be right, in words that can be printed."""
    assert complaints({**FILL, field: value}) == [f"`{field}` {sentence}"]


@pytest.mark.parametrize(
    ("time", "sentence"),
    [
        (
            "2008-11-14",
            (
                "is `2008-11-14`, not a time with an offset; "
                "give a date without a time of day in `date`"
            ),
        ),
        (
            "2008-11-14T09:00:00",
            (
                "is `2008-11-14T09:00:00`, not a time with an offset; "
                "write it as 2008-11-14T09:30:00+09:00"
            ),
        ),
        (
            "9" * 80,
            f"is `{'9' * 59}…`, not a time with an offset; write it as 2008-11-14T09:30:00+09:00",
        ),
        (
            "2008-11-14T25:00:00Z",
            (
                "is `2008-11-14T25:00:00Z`, which is no time that exists; "
                "write it as 2008-11-14T09:30:00+09:00"
            ),
        ),
    ],
)
def test_wrong_time_is_refused(time: str, sentence: str) -> None:
    """A time needs its offset, and must exist."""
    assert complaints({**FILL, "date": None, "time": time}) == [f"`time` {sentence}"]


@pytest.mark.parametrize(
    ("values", "sentences"),
    [
        ({**FILL, "date": None}, ["`time` or `date` is missing; a `fill` event needs one of them"]),
        (
            {**FILL, "time": "2008-11-14T09:00:00Z"},
            ["`time` and `date` are both given; give only one of them"],
        ),
        (
            {**FILL, "symbol": None},
            ["`symbol` or `order` is missing; a `fill` event needs one of them"],
        ),
        ({**FILL, "quantity": None}, ["`quantity` is missing; a `fill` event needs it"]),
        ({**FILL, "id": None}, ["`id` is missing; a `fill` event needs it"]),
        ({**ORDER, "symbol": None}, ["`symbol` is missing; an `order` event needs it"]),
        (
            {**ORDER, "amount": "5"},
            [
                (
                    "`amount` is not a field of an `order` event; give `price`, the "
                    "highest price of one unit"
                )
            ],
        ),
        (
            {**ORDER, "order": "o0"},
            ["`order` is not a field of an `order` event; an order is named by its `id`"],
        ),
        ({**FORWARD, "amount": None}, ["`amount` is missing; a `brought_forward` event needs it"]),
        ({**FORWARD, "shares": "-1"}, ["`shares` is `-1`, but must be zero or more"]),
        (
            {**FORWARD, "market.day_high": "1", "symbol": "x"},
            [
                "`market.day_high` is not a field of a `brought_forward` event; leave it out",
                "`symbol` is not a field of a `brought_forward` event; leave it out",
            ],
        ),
    ],
)
def test_fields_that_do_not_go_together_are_refused(
    values: dict[str, object], sentences: list[str]
) -> None:
    """Each kind has its fields, some of which it needs."""
    assert complaints(values) == sentences


def test_all_that_is_wrong_is_told_at_once() -> None:
    """A sender mends an event once, not once for each of its faults."""
    assert complaints({"kind": "fill", "id": "", "quantity": "0", "sied": "buy"}) == [
        "`id` is empty; write a text, or leave the field out",
        (
            "`quantity` is `0`, but must be a whole number above zero; "
            "write whole units; `side` says whether they are bought or sold"
        ),
        "`sied` is not an event field; did you mean `side`?",
        "`time` or `date` is missing; a `fill` event needs one of them",
        "`symbol` or `order` is missing; a `fill` event needs one of them",
    ]


def test_number_read_before_as_text_is_still_no_text() -> None:
    """What one event wrote does not change what another may write."""
    assert event({**FILL, "symbol": "5", "quantity": "5"}).quantity == 5
    assert complaints({**FILL, "symbol": Number("5")}) == [
        "`symbol` is `5`, not text; write it in quotes"
    ]


def test_json_object_is_read() -> None:
    """Numbers may be JSON numbers or strings, and null is absent."""
    text = '\ufeff {"kind":"fill","id":"f1","date":"2008-11-14","symbol":"3774","quantity":5,'
    text += '"price":"100.50","fees":null}\n'
    assert event_from_json(text) == event(dict(FILL))
    assert event_from_json(text.encode()) == event(dict(FILL))


def test_json_number_is_read_digit_by_digit() -> None:
    """No number passes through a float, which would round this one."""
    text = json.dumps({**FILL, "price": "?"}).replace('"?"', "123456789012345678.000000000001")
    assert event_from_json(text).price == Fraction("123456789012345678.000000000001")


JSON_TABLE: list[tuple[str | bytes, list[str]]] = [
    ("", ['the event is not a JSON object; write it as {"kind": "fill", "id": "f1", ...}']),
    (
        "[]",
        [
            ("the event is not a JSON object; write each event as one object on its own line, "
            "without an array around them")
        ],
    ),
    ("{", ["the event ends in the middle of its JSON object; it seems to be truncated"]),
    ("[" * 60_000, [("the event is not a JSON object; write each event as one object on its "
                    "own line, without an array around them")]),
    ('{"a":' * 10_000, ["the event is nested too deep; write texts and numbers: an event is flat"]),
    ('{"a":' + "[" * 60_000, [("the event is nested too deep; "
                              "write texts and numbers: an event is flat")]),
    ("{" * 200_000, ["the event is longer than 65536 bytes; write the event as one flat object"]),
    ("{} {}", ["the event has text after its JSON object; write only one object"]),
    (b"\xff", ["the event is not UTF-8: its byte 1 is 0xff; save it as UTF-8"]),
    (b"\xff\xfe{\0", ["the event is UTF-16, not UTF-8; save it as UTF-8"]),
    ('{"kind": "fi', ["the event ends in the middle of its JSON object; it seems to be truncated"]),
    ('{"kind":010}', [("the event is not valid JSON: expecting ',' delimiter at character 10; "
                      "write one flat JSON object")]),
    ('{"\\ud800":1}', ["`\\ud800` is not an event field",
                       f"`kind` is missing; write {KINDS}"]),
]  # fmt: skip


@pytest.mark.parametrize(("text", "sentences"), JSON_TABLE)
def test_wrong_json_is_refused(text: str | bytes, sentences: list[str]) -> None:
    """Whatever is no flat JSON object in UTF-8 is an input error, however deep or long."""
    assert json_complaints(text) == sentences


def test_json_faults_are_told_at_once() -> None:
    """Names given twice, constants and nesting are found beside each other."""
    text = '{"kind":"fill","id":"a","id":"a","symbol":{"x":1},"date":"2008-11-14",'
    text += '"quantity":NaN,"price":\uff11,"fx":[]}'
    assert json_complaints(text.replace("\uff11", "-Infinity")) == [
        "`id` is given twice; give it once",
        "`symbol` is an object or an array; write a text or a number: an event is flat",
        "`quantity` is `NaN`, not a number; write only digits, such as 1234 or 1234.5",
        "`price` is `-Infinity`, not a number; write only digits, such as 1234 or 1234.5",
        "`fx` is an object or an array; write a text or a number: an event is flat",
    ]
    assert json_complaints(text)[0].startswith("the event is not valid JSON: expecting value")


@pytest.mark.parametrize("name", ["side", "price", "unheard_of"])
@pytest.mark.parametrize("depth", [1, 100, 500, 700, 900])
def test_value_nested_to_any_depth_is_an_input_error(name: str, depth: int) -> None:
    """What the reader of JSON still takes, no reader of a field stumbles over."""
    nested = '{"a":' * depth + "1" + "}" * depth
    text = f'{{"kind": "order", "id": "o", "date": "2026-05-15", "{name}": {nested}}}'
    with pytest.raises(InputError):
        event_from_json(text.encode())
    with open_log(io.BytesIO(text.encode() + b"\n"), "log", form="jsonl") as log:
        (row,) = log.rows()
    assert row.problems
