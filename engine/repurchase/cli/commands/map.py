"""`repurchase map`: draft how a file expresses events, and show how its rows are read."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import click

from repurchase.cli.files import (
    check_written_beside,
    content,
    editions_of,
    is_file,
    message_name,
    rule_files,
)
from repurchase.cli.options import file_option, json_option, single_option
from repurchase.cli.output import answer, remark, wants_json, warn
from repurchase.domain.currencies import PARTS, whole
from repurchase.domain.errors import InputError, Problem, UsageError, Wrong, reason

if TYPE_CHECKING:
    from repurchase.domain.events import Event
    from repurchase.intake.draft.answers import Answers
    from repurchase.intake.draft.draft import Draft
    from repurchase.intake.draft.questions import Known
    from repurchase.intake.draft.rows import Row

_SHOWN: Final = 5
_FIRST_BYTES: Final = 1_000
_BYTES_MAX: Final = 20_000_000
_LISTED: Final = 20
_EXIT_OPEN: Final = 1
# The units in which exchanges print prices that are in these currencies.
_PART_UNITS: Final = {"GBP": "pence", "ZAR": "cents", "ILS": "cents"}
# A longer number is not the place of a column.
_PLACE_DIGITS: Final = 5
# What some files are whose names say that they are tables.
_OTHER_FORMATS: Final = {
    b"%pdf": "a PDF document",
    b"\xd0\xcf\x11\xe0": "a workbook of an old format (.xls)",
    b"par1": "a Parquet file",
    b"<": "a page of HTML or XML",
}


@click.command("map")
@click.argument("log", metavar="FILE")
@single_option("--rules", metavar="FILE", help="The rule file: its symbols, and its venues' zones.")
@click.option(
    "--answer",
    "answers",
    multiple=True,
    metavar="KEY=VALUE",
    help="The answer to a question, or the value of another key, as YAML: set.side=buy.",
)
@file_option("--output", metavar="FILE.yaml", help="Write the mapping to this file.")
@click.option("--force", is_flag=True, help="Replace the file of --output.")
@json_option
def command(
    log: str, rules: str | None, answers: tuple[str, ...], output: Path | None, *, force: bool
) -> int:
    """Draft a mapping of FILE, which says how the file expresses events.

    \b
    repurchase map daily.csv --rules my-program.yaml
    repurchase map daily.csv --answer set.side=buy --answer set.symbol=KARO \\
        --output daily.mapping.yaml

    The mapping goes to standard output, or to --output. What the file does not settle is a question
    with its candidates: 03/04/2020, 160.000, or a time without its zone. A mapping with an open
    question does not load. Answer with --answer, or in the file. An answer may raise another
    question. An answer can also correct the draft: header=3, or columns.price=Kurs. If no question
    is open, the command also shows the first rows, as they stand and as they are read.

    --output replaces a draft without answers, and another file only with --force.

    Exit codes: 0 the mapping is complete and reads the file; 1 questions are open, or rows or
    totals do not fit; 2 no table was found, or an answer is wrong.
    """
    from repurchase.intake.draft.answers import Answers
    from repurchase.intake.mapping import OPEN
    from repurchase.report.mappings import mapping_text, open_lines, preview_lines
    from repurchase.report.written import whole_file
    from repurchase.rulebook.mapping_file import check_draft

    given = Answers(dict(map(_pair, answers)))
    check_draft(mapping_text({"columns": OPEN} | given.over({}, "")).encode(), "the answers")
    data, name = _content(log), message_name(log)
    drafted, rows = _drafted(data, name, rules, given)
    text = mapping_text(drafted.values, drafted.questions)
    read = _Read([], [], []) if drafted.questions else _read(data, name, text, dict(rows))
    if output is not None:
        _check_output(output, log, rules)
        if not force and is_file(output):
            first = _drafted(data, name, rules, Answers({}))[0]
            _check_replaced(output, mapping_text(first.values, first.questions))
        with whole_file(output, "the mapping") as add:
            add(text.rstrip("\n"))
    if wants_json():
        settled = drafted.settled
        answer({"mapping": text, "questions": drafted.questions, "settled": settled})
    elif output is None:
        click.echo(text, nl=False)
    for line in (*open_lines(drafted), *preview_lines(read.rows)):
        remark(line)
    warn((*read.problems, *read.remarks))
    if drafted.questions:
        count = len(drafted.questions)
        remark("1 question is open" if count == 1 else f"{count} questions are open")
    return _EXIT_OPEN if drafted.questions or read.problems else 0


def _pair(text: str) -> tuple[str, Any]:
    """Return the key and the value of an answer: nested text, in which a column may be a place."""
    from repurchase.rulebook.yaml_reader import read_document

    key, equals, value = text.partition("=")
    if not equals or not key or not value.strip():
        hint = "write --answer KEY=VALUE"
        raise UsageError(Problem(f"`--answer {text}` has no key or no value", hint))
    document = read_document(f"answer: {value}\n".encode(), f"--answer {key}")
    if document.problems:
        raise UsageError(document.problems)
    return key, _placed(document.value["answer"])


def _placed(value: object) -> Any:
    """Return *value*, in which a number without quotes is the place of a column."""
    from repurchase.rulebook.yaml_reader import Plain

    if isinstance(value, dict):
        return {name: _placed(one) for name, one in value.items()}
    if isinstance(value, list):
        return [_placed(one) for one in value]
    is_place = isinstance(value, Plain) and value.isdecimal() and len(value) < _PLACE_DIGITS
    return int(str(value)) if is_place else str(value)


def _check_output(output: Path, log: str, rules: str | None) -> None:
    """Raise UsageError if *output* is what the command reads: the *log*, or one of the *rules*."""
    from repurchase.api.rules import opened

    if str(output) == "-":
        hint = "leave out --output to write the mapping to standard output"
        raise UsageError(Problem("`--output -` names no file", hint))
    read = () if rules is None else rule_files(rules, opened(rules))
    check_written_beside(output, "mapping", log, *read)


def _check_replaced(output: Path, untouched: str) -> None:
    """Raise UsageError unless the file *output* is an *untouched* draft of the same file."""
    if output.read_bytes() != untouched.encode():
        raise UsageError(
            Problem("this file exists already", "give --force to replace it", str(output))
        )


def _content(log: str) -> bytes:
    """Return the content of the file *log*, unpacked; raise InputError if it is too long."""
    from repurchase.intake.fix.messages import IN_FIRST_LINE as FIX_BEGINS
    from repurchase.intake.packed import is_packed, unpacked

    data = content(log, "the log", _BYTES_MAX)
    if is_packed(data):
        try:
            data = unpacked(io.BytesIO(data), data[:4]).read(_BYTES_MAX + 1)
        except OSError as error:
            what = f"the log cannot be read: {reason(error)}"
            raise UsageError(Problem(what, file=message_name(log))) from error
    if FIX_BEGINS.search(data[:_FIRST_BYTES]):
        what, hint = "this is a FIX log, which does not need a mapping", "replay it as it is"
        raise UsageError(Problem(what, hint, message_name(log)))
    if len(data) > _BYTES_MAX:
        what = f"the file is longer than {_BYTES_MAX:,} bytes"
        raise InputError(Problem(what, "draft the mapping from its first part", message_name(log)))
    return data


def _drafted(data: bytes, name: str, rules: str | None, given: Answers) -> tuple[Draft, list[Row]]:
    """Return the draft of the file *name*, and its rows."""
    from repurchase.intake.cells import WORKBOOK
    from repurchase.intake.draft.draft import draft
    from repurchase.intake.draft.rows import decoded, separated

    values: dict[str, Any] = {}
    try:
        if data.startswith(WORKBOOK):
            values, rows, open_ = _sheet(name, data, given.get("sheet"))
            if open_ is not None:
                return open_, []
        else:
            _check_table(data)
            values["encoding"], text = decoded(data, given.get("encoding"))
            values["separator"], rows = separated(text, given.get("separator"))
        return draft(rows, values, _known(rules, given), given), rows
    except Wrong as wrong:
        raise InputError(Problem(f"the file {wrong.what}", wrong.hint, name)) from None


def _check_table(data: bytes) -> None:
    """Raise Wrong if *data* is in a format that is not a table of text."""
    start = data[:_FIRST_BYTES].lstrip(b"\xef\xbb\xbf \r\n\t")
    if start.startswith(b"{"):
        what = "has JSON lines, which do not need a mapping"
        raise Wrong(what, "replay it with --column, --set and --ignore")
    for sign, what in _OTHER_FORMATS.items():
        if start[: len(sign)].lower() == sign:
            raise Wrong(f"is {what}", "save it as CSV or as a workbook (.xlsx)")


def _sheet(
    name: str, data: bytes, sheet: str | None
) -> tuple[dict[str, Any], list[Row], Draft | None]:
    """Return what says which *sheet* is read, and its rows; or the question which one it is."""
    from repurchase.intake.draft.draft import Draft
    from repurchase.intake.draft.questions import Question, flow
    from repurchase.intake.workbook import sheet_names, workbook_cells

    every = sheet_names(name, data)
    shown = [one for one, is_visible in every if is_visible]
    if sheet is None and len(every) > 1:
        hidden = len(every) - len(shown)
        what = f"the workbook has {len(every)} sheets" + (f", {hidden} hidden" if hidden else "")
        asked = Question(("sheet",), what, tuple(flow(one) for one, _ in every))
        return {}, [], Draft({"sheet": "?"}, (asked,), ())
    rows: list[Row] = []
    for number, cells in workbook_cells(name, io.BytesIO(data), sheet):
        if isinstance(cells, Problem):
            raise InputError(cells)
        rows.append((number, cells))
    return {} if sheet is None else {"sheet": sheet}, rows, None


def _known(rules: str | None, given: Answers) -> Known:
    """Return what the rule file *rules* knows of a log; nothing without one.

    If an answer has the symbol, only its instruments count.
    """
    from repurchase.intake.draft.questions import Known

    if rules is None:
        return Known()
    editions = editions_of(rules, None)
    authorization = editions.authorization
    every = authorization.instruments
    symbol = given.get("set", "symbol")
    found = [one for one in every if one.symbol == symbol] or every
    venues = dict.fromkeys(venue for one in found for venue in one.venues)
    zones = dict.fromkeys((*(authorization.zone_of(one) for one in venues), editions.zone.key))
    return Known(
        tuple(dict.fromkeys(one.symbol for one in every)),
        tuple(zones),
        in_hundredths=all(one.currency in PARTS for one in found),
        venues=tuple(venues),
        currencies=tuple(dict.fromkeys(whole(one.currency) for one in found)),
        part=next(iter({_PART_UNITS.get(one.currency) for one in found}), None),
    )


class _Read(NamedTuple):
    """What a complete mapping makes of the file: its first rows, and what is wrong with it.

    *remarks* are what a person must know of it beside that.
    """

    rows: list[tuple[int, str, Event | None, str]]
    problems: list[Problem]
    remarks: list[Problem]


def _read(data: bytes, name: str, text: str, rows: dict[int, Sequence[str]]) -> _Read:
    """Return what the mapping *text* makes of the file *name*, whose cells are *rows* by line."""
    from repurchase.intake.log import open_log
    from repurchase.rulebook.mapping_file import read_mapping_text

    mapping = read_mapping_text(text.encode(), "the draft")
    first: list[tuple[int, str, Event | None, str]] = []
    problems: list[Problem] = []
    with open_log(io.BufferedReader(io.BytesIO(data)), name, mapping=mapping) as log:
        for row in log.rows():
            if len(first) < _SHOWN:
                cells = " | ".join(rows.get(row.number, ()))
                first.append((row.number, cells, row.event, "; ".join(_said(row.problems))))
            problems += row.problems[: _LISTED - len(problems)]
        problems += (one.problem(name) for one in log.differences())
        return _Read(first, problems, list(log.noted.remarks(name)))


def _said(problems: Sequence[Problem]) -> list[str]:
    return [one.what for one in problems]
