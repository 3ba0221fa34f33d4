"""Bad logs through the command: the line, the exit code, and nothing concluded from a guess."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Final

import pytest

from test_cli import COMMAND, LOG, RULES, Run, errors_of, run

HEADER: Final = "id,date,symbol,side,quantity,price\n"
GOOD: Final = "f-1,2026-05-15,1,buy,45,5\n"
REPLAY: Final = ("replay", "log.csv", "--rules", "rules.yaml")
CONCLUDED: Final = "log.csv: 1 row cannot be used, so there is no conclusion from this log"


@pytest.fixture
def here(tmp_path: Path) -> Path:
    """Return a folder with a rule file."""
    (tmp_path / "rules.yaml").write_text(RULES, encoding="utf-8")
    return tmp_path


def row(**changes: str) -> str:
    """Return a row of the log with *changes* to its cells."""
    cells = {"id": "f-2", "date": "2026-05-18", "symbol": "1", "side": "buy", "quantity": "5"}
    return ",".join(({**cells, "price": "5"} | changes).values()) + "\n"


# The log that cannot be read at all, and what is said of it.
NO_LOG: Final = [
    ("empty", b"", "log.csv: the file is empty"),
    ("blank", b"\n\n", "log.csv:2: the file is blank"),
    ("binary", b"\x00\x01\x02\xff", "log.csv: the file contains NUL bytes"),
    ("spreadsheet", b"PK\x03\x04xyz", "log.csv: the file is a zip archive or a spreadsheet"),
    ("UTF-16", (HEADER + GOOD).encode("utf-16"), "log.csv: the file is UTF-16, not UTF-8"),
    ("header not UTF-8", b"id,dat\xe9\n", "log.csv:1: the header is not UTF-8"),
    ("no header", GOOD.encode(), "log.csv:1: the header does not name any known column"),
    (
        "missing column",
        b"id,date,symbol,price\n",
        "log.csv:1: `quantity` is missing; a `fill` event needs it",
    ),
    (
        "doubled column",
        b"id,date,symbol,quantity,quantity\n",
        "log.csv:1: `quantity` is given by 2 columns; keep one",
    ),
    (
        "unknown column",
        b"id,date,symbol,qantity\n",
        "log.csv:1: `qantity` is not an event field; did you mean `quantity`?",
    ),
    (
        "nameless column",
        b"id,date,symbol,quantity,\n",
        "log.csv:1: a column has no name; name it, or remove it",
    ),
    (
        "semicolons",
        (HEADER + GOOD).replace(",", ";").encode(),
        (
            "log.csv:1: the header has no comma; the separator seems to be `;`: "
            "write the log with commas"
        ),
    ),
    ("tabs", (HEADER + GOOD).replace(",", "\t").encode(), "log.csv:1: the header has no comma"),
    (
        "open quote",
        b'id,date,"symbol,quantity\n',
        "log.csv:1: the header has a quote that is not closed",
    ),
    (
        "two byte-order marks",
        b"\xef\xbb\xbf\xef\xbb\xbf" + HEADER.encode(),
        "log.csv:1: `\\ufeffid` is not an event field",
    ),
]


@pytest.mark.parametrize(("name", "data", "said"), NO_LOG, ids=[name for name, _, _ in NO_LOG])
def test_log_that_is_none_is_told(here: Path, name: str, data: bytes, said: str) -> None:
    """A file without a usable header ends with 2, its line and its reason."""
    (here / "log.csv").write_bytes(data)
    ended = run(*REPLAY, cwd=here)
    assert (ended.code, ended.out) == (2, ""), name
    assert any(line.startswith(said) for line in ended.lines), ended.err


BAD_ROWS: Final = [
    ("wrong date", row(date="2026-02-30"), "`date` is `2026-02-30`, which is no day that exists"),
    ("other date", row(date="18/05/2026"), "`date` is `18/05/2026`"),
    ("no date", row(date=""), "`time` or `date` is missing; a `fill` event needs one of them"),
    ("exponent", row(quantity="1e5"), "`quantity` is `1e5`, not a number; write it in full"),
    ("full width", row(quantity="\uff15"), "`quantity` is `\uff15`, not a number; write 5 in ASC"),
    ("negative", row(quantity="-5"), "`quantity` is `-5`, but must be a whole number above zero"),
    ("zero", row(quantity="0"), "`quantity` is `0`, but must be a whole number above zero"),
    ("no quantity", row(quantity=""), "`quantity` is missing; a `fill` event needs it"),
    (
        "half a share",
        row(quantity="0.5"),
        "`quantity` is `0.5`, but must be a whole number above zero",
    ),
    ("grouped", row(quantity='"1,000"'), "`quantity` is `1,000`, not a number; write 1000 with"),
    ("not a number", row(quantity="NaN"), "`quantity` is `NaN`, not a number"),
    ("hexadecimal", row(quantity="0x10"), "`quantity` is `0x10`, not a number"),
    ("10**30", row(quantity=str(10**30)), f"`quantity` is `{10**30}`, not a number; write at mo"),
    ("true", row(quantity="true"), "`quantity` is `true`, not a number"),
    ("price below zero", row(price="-5"), "`price` is `-5`, but must be above zero"),
    ("wrong side", row(side="bye"), "`side` is `bye`, not `buy` or `sell`; did you mean `buy`?"),
    ("cell too many", row(price="5,5"), "the row has 7 cells, but the header has 6"),
    ("cell too few", "f-2,2026-05-18,1,buy,5\n", "the row has 5 cells, but the header has 6"),
    (
        "cut off",
        "f-2,2026-05-18,1,bu",
        "the row has 4 cells, but the header has 6; the file seems to",
    ),
    (
        "comment",
        "# end\n",
        "the row has 1 cell, but the header has 6; remove it: a log cannot have comments",
    ),
    ("open quote", 'f-2,2026-05-18,"1,buy,5,5\n', "the row has a quote that is not closed"),
    (
        "not UTF-8",
        "f-2,2026-05-18,\udce9,buy,5,5\n",
        "the line is not UTF-8: its byte 16 is 0xe9",
    ),
    ("zero byte", row(symbol="\0"), "`symbol` "),
    ("long text", row(id="x" * 201), "`id` "),
    ("long line", row(id="x" * 70_000), "the line is longer than 65536 bytes"),
    ("backwards", row(date="2026-05-14"), "`2026-05-14` goes backwards: line 2 has `2026-05-15`"),
    ("same id", row(id="f-1"), "the id `f-1` was used before with other content"),
    ("other symbol", row(symbol="2"), "`2` is not a symbol of the rule file"),
]


@pytest.mark.parametrize(("name", "text", "said"), BAD_ROWS, ids=[name for name, _, _ in BAD_ROWS])
def test_bad_row_is_told_and_nothing_concluded(here: Path, name: str, text: str, said: str) -> None:
    """A row that cannot be used ends with 2, its line and reason; OUT stays OUT.partial."""
    (here / "log.csv").write_bytes((HEADER + GOOD + text).encode(errors="surrogateescape"))
    ended = run(*REPLAY, "--decisions", "out.jsonl", cwd=here)
    assert (ended.code, ended.out) == (2, ""), name
    assert ended.lines[0].startswith(f"log.csv:3: {said}"), ended.err
    assert ended.lines[-1] == CONCLUDED
    assert sorted(path.name for path in here.iterdir()) == [
        "log.csv",
        "out.jsonl.partial",
        "rules.yaml",
    ]
    partial = (here / "out.jsonl.partial").read_text(encoding="utf-8")
    assert [json.loads(line)["id"] for line in partial.splitlines()] == ["f-1"]


def test_bad_rows_are_told_as_json(here: Path) -> None:
    """The machine-readable form has file, line, words and hint, and no summary."""
    (here / "log.csv").write_text(HEADER + GOOD + row(quantity="1e5"), encoding="utf-8")
    ended = run(*REPLAY, "--json", cwd=here)
    first, last = errors_of(ended)
    assert (ended.code, ended.err) == (2, "")
    assert first == {
        "file": "log.csv",
        "line": 3,
        "column": None,
        "what": "`quantity` is `1e5`, not a number",
        "hint": "write it in full, without an exponent",
    }
    assert last["what"] == "1 row cannot be used, so there is no conclusion from this log"


@pytest.mark.parametrize(("bad", "listed"), [(19, 19), (20, 20), (21, 20), (500, 20)])
def test_first_twenty_bad_rows_are_listed_and_all_counted(
    here: Path, bad: int, listed: int
) -> None:
    """A log that is wrong throughout says so in twenty lines and a number."""
    rows = "".join(row(id=f"g-{number}", quantity="1e5") for number in range(bad))
    (here / "log.csv").write_text(HEADER + GOOD + rows, encoding="utf-8")
    ended = run(*REPLAY, cwd=here)
    assert (ended.code, ended.out, len(ended.lines)) == (2, "", listed + 1)
    assert [line.split(":")[1] for line in ended.lines[:-1]] == [
        str(number + 3) for number in range(listed)
    ]
    more = " (the first 20 are listed)" if bad > 20 else ""
    expected = f"log.csv: {bad} rows cannot be used{more}, so there is no conclusion from this log"
    assert ended.lines[-1] == expected


def test_existing_decisions_are_kept_until_all_new_ones_are_there(here: Path) -> None:
    """A replay that fails leaves the last complete file alone; one that does not replaces it."""
    (here / "out.jsonl").write_text("old\n", encoding="utf-8")
    (here / "log.csv").write_text(HEADER + GOOD + row(quantity="1e5"), encoding="utf-8")
    assert run(*REPLAY, "--decisions", "out.jsonl", cwd=here).code == 2
    assert (here / "out.jsonl").read_text(encoding="utf-8") == "old\n"
    (here / "log.csv").write_text(HEADER + GOOD, encoding="utf-8")
    assert run(*REPLAY, "--decisions", "out.jsonl", cwd=here).code == 0
    assert json.loads((here / "out.jsonl").read_text(encoding="utf-8"))["id"] == "f-1"
    assert not (here / "out.jsonl.partial").exists()


def test_byte_order_mark_is_no_part_of_the_first_column(here: Path) -> None:
    """What spreadsheets put before a file is left out."""
    (here / "log.csv").write_bytes(b"\xef\xbb\xbf" + LOG.replace("\n", "\r\n").encode())
    ended = run(*REPLAY, "--json", cwd=here)
    assert (ended.code, ended.json["events"], ended.json["executed_shares"]) == (0, 2, "90")


def test_last_line_without_a_line_feed_is_read_where_it_is_whole(here: Path) -> None:
    """A file need not end with a line feed."""
    (here / "log.csv").write_text(LOG.rstrip("\n"), encoding="utf-8")
    assert run(*REPLAY, "--json", cwd=here).json["executed_shares"] == "90"


def test_rows_out_of_order_are_sorted_when_asked(here: Path) -> None:
    """With --sort the day before comes first, and everything is judged in its order."""
    (here / "log.csv").write_text(HEADER + GOOD + row(date="2026-05-14"), encoding="utf-8")
    refused = run(*REPLAY, cwd=here)
    ended = run(*REPLAY, "--sort", "--decisions", "out.jsonl", "--json", cwd=here)
    written = (here / "out.jsonl").read_text(encoding="utf-8").splitlines()
    assert (refused.code, refused.out) == (2, "")
    assert [json.loads(line)["id"] for line in written] == ["f-2", "f-1"]
    assert ended.json["executed_shares"] == "50"


def test_duplicate_rows_count_once(here: Path) -> None:
    """The same id with the same content is counted beside the events."""
    (here / "log.csv").write_text(HEADER + GOOD + GOOD + GOOD + row(), encoding="utf-8")
    summary = run(*REPLAY, "--json", cwd=here).json
    assert (summary["events"], summary["duplicates"], summary["executed_shares"]) == (2, 2, "50")


def test_duplicate_row_may_come_later(here: Path) -> None:
    """A row sent again after later ones is a duplicate, and does not go backwards."""
    rows = GOOD + row() + GOOD + row(id="f-3")
    (here / "log.csv").write_text(HEADER + rows, encoding="utf-8")
    summary = run(*REPLAY, "--json", cwd=here).json
    assert (summary["events"], summary["duplicates"], summary["executed_shares"]) == (3, 1, "55")


def test_rows_of_other_symbols_are_skipped_when_asked(here: Path) -> None:
    """With --skip-other-symbols they are left out, and counted."""
    (here / "log.csv").write_text(HEADER + GOOD + row(symbol="2"), encoding="utf-8")
    ended = run(*REPLAY, "--skip-other-symbols", "--json", cwd=here)
    assert (ended.code, ended.json["events"], ended.json["skipped"]) == (0, 1, 1)
    assert "1 of other symbols skipped" in run(*REPLAY, "--skip-other-symbols", cwd=here).out


def test_columns_are_named_set_and_ignored(here: Path) -> None:
    """A log with names of its own is read as it is told."""
    (here / "log.csv").write_text("day,shares,note,price\n2026-05-15,45,x,5\n", encoding="utf-8")
    named = ("--column", "date=day", "--column", "quantity=shares", "--ignore", "note")
    ended = run(*REPLAY, *named, "--set", "symbol=1", "--set", "side=buy", "--json", cwd=here)
    assert (ended.code, ended.json["executed_shares"]) == (0, "45")


@pytest.mark.parametrize(
    ("row_first", "option", "code"), [(True, False, 1), (False, True, 1), (True, True, 2)]
)
def test_what_is_brought_forward_comes_once(
    here: Path, row_first: bool, option: bool, code: int
) -> None:
    """From a row or an option, but not from both."""
    header = "kind,id,date,symbol,side,quantity,price,shares,amount\n"
    before = "brought_forward,b,,,,,,60,100\n" if row_first else ""
    fill = "fill,f-1,2026-05-15,1,buy,45,5,,\n"
    (here / "log.csv").write_text(header + before + fill, encoding="utf-8")
    options = ("--brought-forward", "60,100") if option else ()
    ended = run(*REPLAY, *options, "--json", cwd=here)
    assert ended.code == code
    if code == 1:
        assert ended.json["executed_shares"] == "105"


@pytest.mark.parametrize(
    "first", ["fill,f-1,2026-05-15,1,buy,45,5,,\n", "brought_forward,a,,,,,,6,10\n"]
)
def test_brought_forward_after_the_first_event_is_a_bad_row(here: Path, first: str) -> None:
    """What a program had used cannot turn up later, when orders were approved without it."""
    header = "kind,id,date,symbol,side,quantity,price,shares,amount\n"
    rows = first + "brought_forward,b,,,,,,60,100\n"
    (here / "log.csv").write_text(header + rows, encoding="utf-8")
    ended = run(*REPLAY, cwd=here)
    assert (ended.code, ended.out) == (2, "")
    assert ended.lines == [
        "log.csv:3: a `brought_forward` event follows other events; put it first",
        CONCLUDED,
    ]


def test_brought_forward_twice_the_same_counts_once(here: Path) -> None:
    """Sent again it is the same event, and not another one too late."""
    header = "kind,id,date,symbol,side,quantity,price,shares,amount\n"
    before, fill = "brought_forward,b,,,,,,60,100\n", "fill,f-1,2026-05-15,1,buy,5,5,,\n"
    (here / "log.csv").write_text(header + before + fill + before, encoding="utf-8")
    summary = run(*REPLAY, "--json", cwd=here).json
    assert (summary["duplicates"], summary["executed_shares"]) == (1, "65")


BAD_LINES: Final = [
    ("[]\n", "the line is not a JSON object"),
    ("{\n", "the line ends in the middle of its JSON object"),
    ('{"kind":"fill","id":"f-2","id":"f-3"}\n', "`id` is given twice"),
    ('{"kind":"fill","id":"f-2","quantity":NaN}\n', "`quantity` is `NaN`, not a number"),
    ('{"kind":"fill","id":"f-2","quantity":true}\n', "`quantity` is `true`, not a number"),
    ('{"kind":"fill","id":"f-2","quantity":[1]}\n', "`quantity` is an object or an array"),
    ('{"kind":"fill","id":"f-2","quantity":1e5}\n', "`quantity` is `1e5`, not a number"),
    ("[" * 60_000 + "\n", "the line is not a JSON object"),
    ('{"a":' * 12_000 + "\n", "the line is nested too deep"),
]


@pytest.mark.parametrize(("text", "said"), BAD_LINES, ids=range(len(BAD_LINES)))
def test_bad_line_of_json_is_told(here: Path, text: str, said: str) -> None:
    """A log of JSON lines is held to the same."""
    first = json.dumps(dict(zip(HEADER.strip().split(","), GOOD.strip().split(","), strict=True)))
    (here / "log.jsonl").write_text(
        first.replace("{", '{"kind": "fill", ', 1) + "\n" + text, encoding="utf-8"
    )
    ended = run("replay", "log.jsonl", "--rules", "rules.yaml", cwd=here)
    assert (ended.code, ended.out) == (2, "")
    assert any(line.startswith(f"log.jsonl:2: {said}") for line in ended.lines), ended.err


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("missing", "no such file or directory"),
        ("folder", "is a directory"),
        ("dangling", "no such file or directory"),
        ("loop", "too many levels of symbolic links"),
        ("long", "file name too long"),
    ],
)
def test_log_that_is_no_file_is_refused(here: Path, kind: str, said: str) -> None:
    """What cannot be opened is told with the system's reason."""
    path = here / ("x" * 300 if kind == "long" else "log.csv")
    if kind == "folder":
        path.mkdir()
    elif kind in ("dangling", "loop"):
        path.symlink_to("nowhere" if kind == "dangling" else "log.csv")
    ended = run("replay", path.name, "--rules", "rules.yaml", cwd=here)
    assert ended == (2, "", f"{path.name}: the log cannot be read: {said}\n")


def test_log_without_permission_is_refused(here: Path) -> None:
    """What may not be read is not guessed at."""
    (here / "log.csv").write_text(LOG, encoding="utf-8")
    (here / "log.csv").chmod(0)
    ended = run(*REPLAY, cwd=here)
    assert ended == (2, "", "log.csv: the log cannot be read: permission denied\n")


@pytest.mark.parametrize(
    ("kind", "said"),
    [("missing", "no such file or directory"), ("folder", "is a directory")],
)
def test_event_that_is_no_file_is_refused(here: Path, kind: str, said: str) -> None:
    """So is an event."""
    if kind == "folder":
        (here / "order.json").mkdir()
    ended = run("check", "--rules", "rules.yaml", "--event", "order.json", cwd=here)
    assert (ended.code, ended.out) == (2, "")
    assert ended.lines[-1] == f"order.json: the event cannot be read: {said}"


@pytest.mark.parametrize(
    ("out", "said"),
    [
        ("none/out.jsonl", "none/out.jsonl.partial: the decisions cannot be written: no such file"),
        ("folder", "folder: the decisions cannot be written: is a directory"),
        ("x" * 300, f"{'x' * 300}: the decisions cannot be written: file name too long"),
        (".", ".: the decisions cannot be written: is a directory"),
        ("..", "..: the decisions cannot be written: is a directory"),
        ("/", "/: the decisions cannot be written: is a directory"),
    ],
)
def test_decisions_that_cannot_be_written_are_told(here: Path, out: str, said: str) -> None:
    """A place where OUT cannot be is an error, told without a traceback."""
    (here / "log.csv").write_text(LOG, encoding="utf-8")
    (here / "folder").mkdir()
    ended = run(*REPLAY, "--decisions", out, cwd=here)
    assert (ended.code, ended.out) == (2, "")
    assert ended.err.startswith(said)


def test_decisions_in_a_folder_without_permission_are_told(here: Path) -> None:
    """A folder that may not be written is left alone."""
    (here / "log.csv").write_text(LOG, encoding="utf-8")
    here.chmod(0o500)
    ended = run(*REPLAY, "--decisions", "out.jsonl", cwd=here)
    here.chmod(0o700)
    assert ended == (
        2,
        "",
        "out.jsonl.partial: the decisions cannot be written: permission denied\n",
    )
    assert sorted(path.name for path in here.iterdir()) == ["log.csv", "rules.yaml"]


def on_a_small_disk(here: Path, blocks: int, *arguments: str) -> Run:
    """Return how a replay ends that may write files of *blocks* of 512 bytes, and no longer ones.

    Nothing but the number of the error distinguishes this from a disk that is full.
    """
    script = f'ulimit -f {blocks} && exec "$0" "$@"'
    command = ["sh", "-c", script, COMMAND, *REPLAY, "--decisions", "out.jsonl", *arguments]
    done = subprocess.run(command, cwd=here, capture_output=True, text=True, check=False)
    return Run(done.returncode, done.stdout, done.stderr)


def test_disk_that_is_full_is_told(here: Path) -> None:
    """Decisions that find no room end with 2, and no summary stands for them."""
    (here / "log.csv").write_text(LOG, encoding="utf-8")
    ended = on_a_small_disk(here, 0)
    assert (ended.code, ended.out, ended.err) == (
        2,
        "",
        # OUT itself would be replaced at the end; what is written until then is OUT.partial.
        "out.jsonl.partial: the decisions cannot be written: file too large\n",
    )
    assert not (here / "out.jsonl").exists()


def test_disk_that_fills_up_in_the_middle_is_told(here: Path) -> None:
    """So do decisions that find no more room after thousands of them."""
    rows = "".join(row(id=f"g-{number}", quantity="1") for number in range(2_000))
    (here / "log.csv").write_text(HEADER + rows, encoding="utf-8")
    ended = on_a_small_disk(here, 200, "--json")
    (error,) = errors_of(ended)
    assert (ended.code, error["what"]) == (2, "the decisions cannot be written: file too large")
    assert (here / "out.jsonl.partial").stat().st_size == 200 * 512
    assert not (here / "out.jsonl").exists()


@pytest.mark.parametrize("out", ["/dev/full", "full"])
def test_device_that_takes_nothing_is_told(here: Path, out: str) -> None:
    """It is written to, as a terminal would be, also through a link."""
    if not Path("/dev/full").is_char_device():
        pytest.skip("this system has no /dev/full")
    (here / "log.csv").write_text(LOG, encoding="utf-8")
    (here / "full").symlink_to("/dev/full")
    ended = run(*REPLAY, "--decisions", out, cwd=here)
    said = f"{out}: the decisions cannot be written: no space left on device\n"
    assert (ended.code, ended.out, ended.err) == (2, "", said)


def test_log_and_decisions_are_not_one_file(here: Path) -> None:
    """A replay does not write over what it reads."""
    (here / "log.csv").write_text(LOG, encoding="utf-8")
    ended = run(*REPLAY, "--decisions", "log.csv", cwd=here)
    assert (here / "log.csv").read_text(encoding="utf-8") == LOG, ended


@pytest.mark.parametrize("kept", ["log.csv", "rules.yaml", "rules.cases.yaml"])
@pytest.mark.parametrize("way", ["itself", "link", "hard link", "partial", "around"])
def test_decisions_are_not_written_over_what_they_come_from(
    here: Path, kept: str, way: str
) -> None:
    """Neither the log nor the rule file nor its cases are lost, by whatever name."""
    (here / "log.csv").write_text(LOG, encoding="utf-8")
    (here / "rules.cases.yaml").write_text("cases: []\n", encoding="utf-8")
    before = (here / kept).read_bytes()
    out = "out.jsonl"
    if way == "link":
        (here / out).symlink_to(kept)
    elif way == "hard link":
        (here / out).hardlink_to(here / kept)
    elif way == "partial":
        (here / f"{out}.partial").symlink_to(kept)
    else:
        out = kept if way == "itself" else f"../{here.name}/{kept}"
    ended = run(*REPLAY, "--decisions", out, cwd=here)
    assert ended == Run(2, "", f"{kept}: the decisions would overwrite this file\n")
    assert (here / kept).read_bytes() == before


def test_decisions_are_not_written_over_a_log_on_standard_input(here: Path) -> None:
    """`< log.csv` is that file too."""
    (here / "log.csv").write_text(LOG, encoding="utf-8")
    with (here / "log.csv").open("rb") as log:
        done = subprocess.run(
            [COMMAND, "replay", "-", "--rules", "rules.yaml", "--decisions", "log.csv"],
            cwd=here,
            stdin=log,
            capture_output=True,
            check=False,
        )
    assert (done.returncode, (here / "log.csv").read_text(encoding="utf-8")) == (2, LOG)


def test_decisions_go_to_a_file(here: Path) -> None:
    """`-` is not a name for one: the summary stands on standard output."""
    (here / "log.csv").write_text(LOG, encoding="utf-8")
    ended = run(*REPLAY, "--decisions", "-", cwd=here)
    assert (ended.code, ended.out, (here / "-").exists()) == (2, "", False)


@pytest.mark.parametrize(
    ("log", "options", "said"),
    [
        (HEADER, (), "the log has no rows, so there is no conclusion from it"),
        (HEADER, ("--brought-forward", "5,5"), "the log has no rows"),
        (
            HEADER + GOOD.replace(",1,", ",2,"),
            ("--skip-other-symbols",),
            "no row has a symbol of the rule file, so there is no conclusion from this log",
        ),
    ],
)
def test_log_of_which_nothing_is_judged_is_no_answer(
    here: Path, log: str, options: tuple[str, ...], said: str
) -> None:
    """A replay of nothing is no success: it is the wrong file, or its symbols are."""
    (here / "log.csv").write_text(log, encoding="utf-8")
    ended = run(*REPLAY, *options, "--decisions", "out.jsonl", cwd=here)
    assert (ended.code, ended.out, ended.err.startswith(f"log.csv: {said}")) == (2, "", True)
    assert not (here / "out.jsonl").exists()


def test_ignored_column_that_is_none_is_told(here: Path) -> None:
    """A slip in `--ignore` is told like one in `--column`."""
    (here / "log.csv").write_text("note," + LOG.replace("\nf", "\nx,f"), encoding="utf-8")
    ended = run(*REPLAY, "--ignore", "note", "--ignore", "notes", cwd=here)
    assert ended == Run(
        2,
        "",
        "log.csv:1: `notes` is ignored, but is not in the header; did you mean `note`?\n",
    )
