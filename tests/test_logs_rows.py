"""Tests of logs as streams of rows, in CSV and as JSON lines."""

from __future__ import annotations

import io
import json
import os
from datetime import date
from pathlib import Path

import pytest

from repurchase.domain.errors import InputError, UsageError
from repurchase.domain.events import Event
from repurchase.intake.log import Log, Row, open_log

KINDS = (
    "`brought_forward`, `order`, `replace`, `replaced`, `rejected`, `cancel_requested`, `cancel`, "
    "`expire`, `fill`, "
    "`bust`, `correct`, `release`, `halt`, `resume`, `confirm`, `split` or `prepaid`"
)
HEADER = "id,date,symbol,side,quantity,price\n"
GOOD = "f1,2008-11-14,3774,buy,5,100\n"
FILL = Event(
    kind="fill",
    id="f1",
    date=date(2008, 11, 14),
    symbol="3774",
    side="buy",
    quantity=5,
    price=100,
)
LINE = (
    '{"kind":"fill","id":"f1","date":"2008-11-14","symbol":"3774",'
    '"side":"buy","quantity":5,"price":100}\n'
)


def opened(text: str | bytes, **options: object) -> Log:
    data = text if isinstance(text, bytes) else text.encode()
    return open_log(io.BytesIO(data), "log", **options)  # type: ignore[arg-type]


def rows(text: str | bytes, **options: object) -> list[Row]:
    return list(opened(text, **options).rows())


def wrong(text: str | bytes, **options: object) -> list[str]:
    """Return what is wrong with the log *text*: with its file as a whole, or with its rows."""
    try:
        return [str(problem) for row in rows(text, **options) for problem in row.problems]
    except InputError as error:
        return [str(problem) for problem in error.problems]


def misused(text: str = HEADER, **options: object) -> list[str]:
    with pytest.raises(UsageError) as caught:
        opened(text, **options)
    return [str(problem) for problem in caught.value.problems]


def test_csv_row_is_an_event_with_its_line() -> None:
    """The header counts as a line, and a CSV log without kinds holds fills."""
    (row,) = rows(HEADER + GOOD)
    assert (row.number, row.event, row.problems) == (2, FILL, ())


def test_json_line_is_an_event_with_its_line() -> None:
    """A file of JSON lines has no header."""
    (row,) = rows(LINE)
    assert (row.number, row.event, row.problems) == (1, FILL, ())


def test_row_over_several_lines_has_the_number_of_its_first() -> None:
    """A text in quotes may hold a line break, and what follows is counted on."""
    found = rows('id,date,symbol,quantity,reason\nf1,2008-11-14,x,5,"a\nb"\nf2,2008-11-14,x,5,c\n')
    assert [(row.number, row.event and row.event.reason) for row in found] == [
        (2, "a\nb"),
        (4, "c"),
    ]


def test_blank_lines_are_no_rows() -> None:
    """A blank line says nothing, so nothing is lost by passing over it."""
    assert [row.number for row in rows(HEADER + "\n" + GOOD + "\r\n\n" + GOOD)] == [3, 6]
    assert [row.number for row in rows(LINE + " \n\n" + LINE)] == [1, 4]


def test_last_line_may_lack_its_line_feed() -> None:
    """A row that is complete is read, whether or not a line feed follows."""
    assert [row.event for row in rows(HEADER + GOOD.strip())] == [FILL]
    assert [row.event for row in rows(LINE.strip())] == [FILL]


@pytest.mark.parametrize("text", [HEADER + GOOD, LINE])
def test_byte_order_mark_of_utf8_is_read_over(text: str) -> None:
    """Spreadsheets write one at the start of a file in UTF-8."""
    assert [row.event for row in rows("\ufeff" + text)] == [FILL]


def test_carriage_returns_before_line_feeds_are_read_over() -> None:
    """Windows ends its lines with both."""
    assert [row.event for row in rows((HEADER + GOOD).replace("\n", "\r\n"))] == [FILL]
    assert [row.event for row in rows(LINE.replace("\n", "\r\n"))] == [FILL]


def test_rows_without_ids_are_numbered() -> None:
    """The number counts rows, not lines, and then no content is compared."""
    found = rows("date,symbol,quantity\n\n2008-11-14,x,5\nbad\n2008-11-14,x,5\n")
    assert [(row.number, row.event and row.event.id, row.digest) for row in found] == [
        (3, "row-1", None),
        (4, None, None),
        (5, "row-3", None),
    ]
    line = '{"kind":"fill","date":"2008-11-14","symbol":"x","quantity":5}\n'
    assert [(row.event and row.event.id, row.digest) for row in rows(line * 2)] == [
        ("row-1", None),
        ("row-2", None),
    ]


def test_some_json_lines_with_ids_and_some_without_are_refused() -> None:
    """All rows have an id or none has, as the first does."""
    bare = '{"kind":"fill","date":"2008-11-14","symbol":"x","quantity":5}\n'
    assert wrong(bare + LINE) == [
        "log:2: `id` is given, but the first row has no `id`; give every row an `id`, or no row"
    ]
    assert wrong(LINE + bare) == ["log:2: `id` is missing; a `fill` event needs it"]


def test_columns_and_constants_make_a_monthly_report_readable() -> None:
    """Names and values that a file lacks are given beside it."""
    (row,) = rows(
        "date,shares,amount_jpy\n2017-08-01,16500,18695399\n",
        columns={"quantity": "shares", "amount": "amount_jpy"},
        constants={"symbol": "8591", "side": "buy"},
    )
    assert row.event == Event(
        kind="fill",
        id="row-1",
        date=date(2017, 8, 1),
        symbol="8591",
        side="buy",
        quantity=16500,
        amount=18695399,
    )


def test_columns_and_constants_serve_json_lines_too() -> None:
    """What can be said of a column can be said of a name in an object."""
    (row,) = rows(
        '{"id":"f1","date":"2008-11-14","shares":5,"x":{}, "price":100}',
        columns={"quantity": "shares"},
        constants={"symbol": "3774", "side": "buy", "kind": "fill"},
        ignore=frozenset({"x"}),
    )
    assert row.event == FILL


def test_ignored_columns_do_not_count() -> None:
    """Neither the event nor the content that is compared holds them."""
    plain = rows(HEADER + GOOD)
    noted = rows(
        "note," + HEADER + 'a,f1,2008-11-14,3774,buy,5,100\n"b",f1,2008-11-14,3774,buy,5,100\n',
        ignore=frozenset({"note"}),
    )
    assert [(row.event, row.digest) for row in noted] == [
        (row.event, row.digest) for row in plain * 2
    ]


def test_same_content_has_the_same_digest_and_other_content_another() -> None:
    """An id that comes twice with other content is told by it."""
    digests = [row.digest for row in rows(HEADER + GOOD + GOOD + GOOD.replace(",5,", ",6,"))]
    assert (digests[0] == digests[1], digests[0] == digests[2]) == (True, False)
    digests = [row.digest for row in rows(LINE + LINE + LINE.replace(":5", ":6"))]
    assert (digests[0] == digests[1], digests[0] == digests[2]) == (True, False)
    assert len(digests[0] or b"") == 16


def test_order_of_keys_flags_and_absent_values_do_not_change_the_digest() -> None:
    """Content is what is said, in whatever order it is said."""
    values = json.loads(LINE)
    other = json.dumps(dict(reversed(values.items())) | {"fees": None})
    assert len({row.digest for row in rows(LINE + other)}) == 1
    flagged = json.dumps(values | {"issuer.closed_period": False})
    assert len({row.digest for row in rows(flagged + "\n" + LINE)}) == 2


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.csv", HEADER + GOOD),
        ("a.CSV", HEADER + GOOD),
        ("a.jsonl", LINE),
        ("a.ndjson", LINE),
        ("a.json", LINE),
        ("a", HEADER + GOOD),
        ("a.log", " " + LINE),
    ],
)
def test_form_follows_from_the_name_or_the_first_character(
    tmp_path: Path, name: str, text: str
) -> None:
    """Nobody has to say what a file is called already."""
    path = tmp_path / name
    path.write_text(text, "utf-8")
    with open_log(path) as log:
        assert [row.event for row in log.rows()] == [FILL]
        assert (log.bytes_read, log.bytes_total) == (len(text), len(text))


def test_form_may_be_said() -> None:
    """What is said goes before what is seen."""
    assert wrong(LINE, form="csv") == [
        "log:1: the header has text after a closing quote; double each quote inside a quoted text"
    ]
    assert wrong(HEADER, form="jsonl")[0].startswith("log:1: the line is not a JSON object")


def test_progress_is_known_while_reading() -> None:
    """A pipe has no size, but what was read of it is counted."""
    read, write = os.pipe()
    with os.fdopen(write, "wb") as sink:
        sink.write((HEADER + GOOD + GOOD).encode())
    with open_log(os.fdopen(read, "rb"), "-") as log:
        seen = [log.bytes_read for _ in log.rows()]
        assert (seen, log.bytes_total) == (
            [len(HEADER + GOOD), len(HEADER + GOOD + GOOD)],
            None,
        )


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        (
            b"",
            ["log: the file is empty; write a header line and rows, or a JSON object on each line"],
        ),
        (
            b"\xef\xbb\xbf",
            ["log: the file is empty; write a header line and rows, or a JSON object on each line"],
        ),
        (
            "\n \n".replace(" ", ""),
            ["log:2: the file is blank; name the columns in its first line"],
        ),
        (
            (HEADER + GOOD).encode("utf-16"),
            [
                (
                    "log: the file is UTF-16, not UTF-8; save it as CSV or as JSON lines, in "
                    "UTF-8, or draft a mapping of it with `repurchase map`"
                )
            ],
        ),
        (
            (HEADER + GOOD).encode("utf-16-le"),
            [
                (
                    "log: the file contains NUL bytes; save it as CSV or as JSON lines, in "
                    "UTF-8, or draft a mapping of it with `repurchase map`"
                )
            ],
        ),
        (
            b"PK\x03\x04...",
            [
                (
                    "log: the file is a zip archive or a spreadsheet, not a text file; "
                    "save it as CSV or as JSON lines, in UTF-8, or draft a mapping of it with "
                    "`repurchase map`"
                )
            ],
        ),
        (
            b"\x1f\x8b\x08",
            [
                (
                    "log: the file is compressed, not a text file; save it as CSV or as "
                    "JSON lines, in UTF-8"
                )
            ],
        ),
        (
            HEADER.replace(",", ";"),
            [
                (
                    "log:1: the header has no comma; the separator seems to be `;`: write "
                    "the log with commas, or draft a mapping with `repurchase map`"
                )
            ],
        ),
        (
            HEADER.replace(",", "\t"),
            [
                (
                    "log:1: the header has no comma; the separator seems to be a tab: "
                    "write the log with commas, or draft a mapping with `repurchase map`"
                )
            ],
        ),
        (
            GOOD + GOOD,
            [
                (
                    "log:1: the header does not name any known column; "
                    "begin the log with a line such as time,symbol,quantity, "
                    "or draft a mapping with `repurchase map`"
                )
            ],
        ),
        (
            "shares outstanding\n",
            [
                (
                    "log:1: the header does not name any known column; "
                    "begin the log with a line such as time,symbol,quantity, "
                    "or draft a mapping with `repurchase map`"
                )
            ],
        ),
        (
            b"id,dat\xe9\n",
            ["log:1: the header is not UTF-8: its byte 7 is 0xe9; save it as UTF-8"],
        ),
        (
            b"id," + b"x" * 70_000,
            ["log:1: the header is longer than 65536 bytes; write each event on its own line"],
        ),
        (
            'id,"date',
            [
                (
                    "log:1: the header has a quote that is not closed; "
                    "close it, unless the file is truncated"
                )
            ],
        ),
        (
            "id,id,qty,date,symbol,\n",
            [
                (
                    "log:1: `qty` is not an event field; "
                    "name its field with --column, or skip it with --ignore"
                ),
                "log:1: a column has no name; name it, or remove it",
                "log:1: `id` is given by 2 columns; keep one",
                (
                    "log:1: `quantity` is missing; "
                    "a `fill` event needs it: name its column with --column quantity=COLUMN"
                ),
            ],
        ),
        (
            "Date,quantity,symbol,expires\n",
            [
                "log:1: `Date` is not an event field; did you mean `date`?",
                (
                    "log:1: `expires` is not a field of a `fill` event; "
                    "name its field with --column, or skip it with --ignore expires"
                ),
                (
                    "log:1: `time` or `date` is missing; "
                    "a `fill` event needs one of them: name its column with --column time=COLUMN"
                ),
            ],
        ),
        (
            "kind,reason\n",
            [
                (
                    "log:1: `time` or `date` is missing; "
                    "a `fill` event needs one of them: name its column with --column time=COLUMN"
                ),
                (
                    "log:1: `symbol` or `order` is missing; "
                    "a `fill` event needs one of them: name its column with --column symbol=COLUMN"
                ),
                (
                    "log:1: `quantity` is missing; "
                    "a `fill` event needs it: name its column with --column quantity=COLUMN"
                ),
            ],
        ),
    ],
)
def test_file_that_is_no_log_is_refused_once(text: str | bytes, sentences: list[str]) -> None:
    """What is wrong with the file or its header is said once, and not for each row."""
    assert wrong(text) == sentences


def test_misplaced_options_of_a_file_are_refused_once() -> None:
    """A column that is not there, and a value given twice, are told at the header."""
    assert wrong(HEADER, columns={"fees": "Fes", "price": "side"}) == [
        "log:1: `price` is in the log, and --column maps `side` to it; keep one of them",
        "log:1: `fees` is read from the column `Fes`, which is not in the header",
    ]
    assert wrong(HEADER, constants={"side": "buy"}) == [
        "log:1: `side` is a column and is also set for all rows; remove the column or the setting"
    ]
    assert wrong(LINE, constants={"side": "buy"}) == [
        (
            "log:1: `side` (set for all rows) is given in this row and is set for all rows; "
            "remove one of the two"
        )
    ]


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        (
            "f2,2008\n",
            [
                (
                    "log:3: the row has 2 cells, but the header has 6; leave the cell of "
                    "an absent value empty"
                )
            ],
        ),
        (
            "f2\n",
            [
                (
                    "log:3: the row has 1 cell, but the header has 6; leave the cell of an "
                    "absent value empty"
                )
            ],
        ),
        (
            "f2,2008-11-14,3774,buy,18,695,399\n",
            [
                (
                    "log:3: the row has 7 cells, but the header has 6; "
                    "write numbers as 1234.5, without commas; put a text with a comma in quotes"
                )
            ],
        ),
        (
            "# note\n",
            [
                (
                    "log:3: the row has 1 cell, but the header has 6; remove it: a log "
                    "cannot have comments"
                )
            ],
        ),
        (
            'f2,2008-11-14,3774,buy,"18,695,399",1e5\n',
            [
                "log:3: `quantity` is `18,695,399`, not a number; write 18695399 without commas",
                "log:3: `price` is `1e5`, not a number; write it in full, without an exponent",
            ],
        ),
        (
            "f2,2017-13-01,3774,bye,-5,\uff11\n",
            [
                (
                    "log:3: `date` is `2017-13-01`, which is no day that exists; "
                    "write it as 2008-11-14"
                ),
                "log:3: `side` is `bye`, not `buy` or `sell`; did you mean `buy`?",
                (
                    "log:3: `quantity` is `-5`, but must be a whole number above zero; "
                    "write whole units; `side` says whether they are bought or sold"
                ),
                "log:3: `price` is `\uff11`, not a number; write 1 in ASCII digits",
            ],
        ),
        (
            ",01/08/2017,3774,buy,,1\n",
            [
                "log:3: `date` is `01/08/2017`, not a date; write it as 2008-11-14",
                "log:3: `id` is missing; a `fill` event needs it",
                "log:3: `quantity` is missing; a `fill` event needs it",
            ],
        ),
        (b"\xff\n", ["log:3: the line is not UTF-8: its byte 1 is 0xff; save it as UTF-8"]),
        (
            "x" * 70_000 + "\n",
            ["log:3: the line is longer than 65536 bytes; write each event on its own line"],
        ),
        (
            'f2,"2008"x\n',
            [
                (
                    "log:3: the row has text after a closing quote; double each quote "
                    "inside a quoted text"
                )
            ],
        ),
        (
            "f2,2008\rf3\n",
            ["log:3: the row contains a lone carriage return; end each line with a line feed"],
        ),
        (
            b"f\0,2008-11-14,3774,buy,5,1\n",
            ["log:3: `id` contains a NUL character; remove it"],
        ),
        (
            'f2,"' + ("x" * 99 + "\n") * 700,
            [
                (
                    "log:3: the line begins a row of more than 65536 bytes; "
                    "close the quote that opens in it, or split the row"
                ),
                *[
                    f"log:{line}: the row has 1 cell, but the header has 6; "
                    "leave the cell of an absent value empty"
                    for line in range(659, 703)
                ],
            ],
        ),
    ],
)
def test_bad_row_is_told_with_its_line_and_the_rest_is_read(
    text: str | bytes, sentences: list[str]
) -> None:
    """One bad row costs no other, nor does an open quote swallow the file."""
    bad = text if isinstance(text, bytes) else text.encode()
    log = (HEADER + GOOD).encode() + bad + GOOD.encode()
    assert wrong(log) == sentences
    good = [row.event for row in rows(log) if row.event]
    assert good == [FILL, FILL]


@pytest.mark.parametrize(
    ("last", "sentence"),
    [
        (
            "f2,2008-1",
            (
                "log:3: the row has 2 cells, but the header has 6; "
                "the file seems to be truncated: this row has no line feed"
            ),
        ),
        (
            'f2,"2008-1',
            "log:3: the row has a quote that is not closed; close it, unless the file is truncated",
        ),
    ],
)
def test_cut_last_row_is_wrong(last: str, sentence: str) -> None:
    """A file that ends in the middle of a row was not written to its end."""
    assert wrong(HEADER + GOOD + last) == [sentence]


@pytest.mark.parametrize(
    ("line", "sentences"),
    [
        (
            LINE[:40],
            ["log:2: the line ends in the middle of its JSON object; it seems to be truncated"],
        ),
        (
            "[1]\n",
            [
                ("log:2: the line is not a JSON object; write each event as one object "
                "on its own line, without an array around them")
            ],
        ),
        (
            LINE.strip() * 2 + "\n",
            ["log:2: the line has text after its JSON object; write only one object"],
        ),
        (
            LINE.replace('"id"', '"id":"f1","id"'),
            ["log:2: `id` is given twice; give it once"],
        ),
        (
            LINE.replace('"id"', '"by":null,"by":"x","id"'),
            ["log:2: `by` is given twice; give it once"],
        ),
        (
            LINE.replace("side", "sied"),
            ["log:2: `sied` is not an event field; did you mean `side`?"],
        ),
        (
            LINE.replace("5", "[5]"),
            [
                ("log:2: `quantity` is an object or an array; "
                "write a text or a number: an event is flat")
            ],
        ),
        (LINE.replace('"fill"', "null"), [
            f"log:2: `kind` is missing; write {KINDS}"]),
        (
            '{"a":' * 10_000 + "\n",
            ["log:2: the line is nested too deep; write texts and numbers: an event is flat"],
        ),
        (
            LINE.replace("f1", "x" * 70_000),
            ["log:2: the line is longer than 65536 bytes; write each event on its own line"],
        ),
    ],
)  # fmt: skip
def test_bad_json_line_is_told_with_its_line(line: str, sentences: list[str]) -> None:
    """One bad line costs no other."""
    assert wrong(LINE + line) == sentences
    assert [row.event for row in rows(LINE + line)] == [FILL, None]


def test_renamed_column_is_told_by_both_names() -> None:
    """Whoever mends the file looks for the name that it has there."""
    assert wrong("date,sym,n\n2008-11-14,x,1.5\n", columns={"symbol": "sym", "quantity": "n"}) == [
        (
            "log:2: `quantity` (column `n`) is `1.5`, but must be a whole number above zero; "
            "write whole units; `side` says whether they are bought or sold"
        )
    ]
    line = '{"kind":"fill","date":"2008-11-14","n":1,"symbol":"x","quantity":1}'
    assert wrong(line, columns={"quantity": "n"}) == [
        (
            "log:1: `quantity` (column `n`) is in the log, and --column maps `n` "
            "to it; keep one of them"
        )
    ]


def test_options_that_cannot_be_are_refused() -> None:
    """All that is wrong with a call is told before the file is read."""
    assert misused(columns={"qty": "n", "price": "x", "fx": "x"}) == [
        "`qty` is not an event field",
        "`price` shares the column `x`; give each field a column of its own",
        "`fx` shares the column `x`; give each field a column of its own",
    ]
    assert misused(constants={"id": "x", "side": "Buy", "sied": "x"}) == [
        "`sied` is not an event field; did you mean `side`?",
        "`id` is set for all rows; give each row an `id` of its own, or none",
        "`side` is `Buy`, not `buy` or `sell`; did you mean `buy`?",
    ]
    assert misused(columns={"price": "x"}, constants={"price": "1"}, ignore=frozenset({"x"})) == [
        "`price` is the ignored column `x`; read the column or ignore it",
        "`price` is a column and is also set for all rows; use --column or --set, not both",
    ]


def test_line_of_very_many_names_is_one_fault() -> None:
    """The search for the field nearest to each would take longer than the whole log."""
    many = "{" + ",".join(f'"n{number}": 1' for number in range(501)) + "}\n"
    assert wrong(LINE + many) == [
        "log:2: the line has 501 names, more than 500; write only the fields of one event"
    ]


def test_faults_of_one_line_are_told_up_to_fifty() -> None:
    """Twenty lines are told; a terminal has no use for ten thousand faults."""
    many = "{" + ",".join(f'"quantit{number}": 1' for number in range(300)) + "}\n"
    told = wrong(LINE + many)
    ways = "name its field with --column, or skip it with --ignore"
    assert told[0] == "log:2: `quantit0` is not an event field; did you mean `quantity`?"
    assert told[20] == f"log:2: `quantit20` is not an event field; {ways}"
    # Without a kind, there is one more.
    assert (len(told), told[50]) == (51, "log:2: 251 more faults are not shown")


def test_name_given_often_is_one_fault() -> None:
    """However often it is."""
    often = LINE.replace("}", ', "by": "a"' * 400 + "}")
    assert wrong(LINE + often) == ["log:2: `by` is given twice; give it once"]


def test_file_that_cannot_be_opened_is_wrong(tmp_path: Path) -> None:
    """Neither a missing file nor a folder is a log."""
    for path, reason in [
        (tmp_path / "none.csv", "no such file or directory"),
        (tmp_path, "is a directory"),
    ]:
        with pytest.raises(UsageError) as caught:
            open_log(path)
        assert str(caught.value) == f"{path}: the log cannot be read: {reason}"


class _Failing(io.BytesIO):
    """A file on a disk that fails after the first row."""

    def readline(self, size: int | None = -1, /) -> bytes:
        if self.tell() >= len(HEADER + GOOD):
            raise OSError(5, "Input/output error")
        return super().readline(size)


def test_file_that_fails_while_it_is_read_is_wrong() -> None:
    """A log is never taken to end where its disk failed."""
    found = open_log(_Failing((HEADER + GOOD * 2).encode()), "log").rows()
    assert next(found).event == FILL
    with pytest.raises(UsageError, match="log: the log cannot be read: input/output error"):
        next(found)


def test_file_that_fails_at_its_start_is_wrong() -> None:
    """A disk that fails before the first line is no empty log."""
    stream = _Failing((HEADER + GOOD).encode())
    stream.seek(0, io.SEEK_END)
    with pytest.raises(UsageError, match="log: the log cannot be read: input/output error"):
        open_log(stream, "log")


def test_bad_file_is_closed_again(tmp_path: Path) -> None:
    """A file that is refused is not left open, which would be a warning, and so an error."""
    path = tmp_path / "a.csv"
    path.write_bytes(b"")
    with pytest.raises(InputError):
        open_log(str(path))
