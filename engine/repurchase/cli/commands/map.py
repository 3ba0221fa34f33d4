"""`repurchase map`: draft how a file expresses events, and show how its rows are read."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import click

from repurchase.cli.files import check_overwritten, content, editions_of, message_name
from repurchase.cli.options import file_option, json_option, single_option
from repurchase.cli.output import answer, remark, wants_json, warn
from repurchase.domain.currencies import PARTS
from repurchase.domain.errors import InputError, Problem, UsageError, Wrong, reason

if TYPE_CHECKING:
    from repurchase.domain.events import Event
    from repurchase.intake.draft import Draft, Known, Row

_SHOWN: Final = 5
_FIRST_BYTES: Final = 1_000
_BYTES_MAX: Final = 20_000_000
_LISTED: Final = 20
_EXIT_OPEN: Final = 1


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
@json_option
def command(log: str, rules: str | None, answers: tuple[str, ...], output: Path | None) -> int:
    """Draft a mapping of FILE, which says how the file expresses events.

    \b
    repurchase map daily.csv --rules my-program.yaml
    repurchase map daily.csv --answer set.side=buy --answer set.symbol=KARO \\
        --output daily.mapping.yaml

    The mapping goes to standard output, or to --output. Beside it the command shows the first rows
    as they stand and as they are read. What the file does not settle is a question with its
    candidates: 03/04/2020, 160.000, or a time without its zone. A mapping with an open question
    does not load. Answer with --answer, or in the file.

    Exit codes: 0 the mapping is complete and reads the file; 1 questions are open, or rows or
    totals do not fit; 2 no table was found.
    """
    from repurchase.report.mappings import mapping_text, open_lines, preview_lines
    from repurchase.report.written import whole_file

    given = dict(map(_pair, answers))
    data, name = _content(log), message_name(log)
    drafted, rows = _drafted(data, name, rules)
    text = mapping_text(drafted, given)
    open_ = [one for one in drafted.questions if not one.is_answered(given)]
    read = _Read([], []) if open_ else _read(data, name, text, dict(rows))
    if output is not None:
        check_overwritten(output, [log])
        with whole_file(output, "the mapping") as add:
            add(text.rstrip("\n"))
    if wants_json():
        answer({"mapping": text, "questions": open_, "settled": drafted.settled})
    elif output is None:
        click.echo(text, nl=False)
    for line in (*open_lines(drafted, given), *preview_lines(read.rows)):
        remark(line)
    warn(read.problems)
    if open_:
        remark(f"{len(open_)} of {len(drafted.questions)} questions are open")
    return _EXIT_OPEN if open_ or read.problems else 0


def _pair(text: str) -> tuple[str, str]:
    key, equals, value = text.rpartition("=") if text.count("=") == 1 else text.partition("=")
    if not equals or not key or not value.strip():
        hint = "write --answer KEY=VALUE"
        raise UsageError(Problem(f"`--answer {text}` has no key or no value", hint))
    return key, value


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
        what, hint = "this is a FIX log, which needs no mapping", "replay it as it is"
        raise UsageError(Problem(what, hint, message_name(log)))
    if len(data) > _BYTES_MAX:
        what = f"the file is longer than {_BYTES_MAX:,} bytes"
        raise InputError(Problem(what, "draft the mapping from its first part", message_name(log)))
    return data


def _drafted(data: bytes, name: str, rules: str | None) -> tuple[Draft, list[Row]]:
    """Return the draft of the file *name*, and its rows."""
    from repurchase.intake.cells import WORKBOOK
    from repurchase.intake.draft import decoded, draft, separated

    values: dict[str, Any] = {}
    try:
        if data.startswith(WORKBOOK):
            rows = list(_sheet(name, data))
        else:
            values["encoding"], text = decoded(data)
            values["separator"], rows = separated(text)
        return draft(rows, values, _known(rules)), rows
    except Wrong as wrong:
        raise InputError(Problem(f"the file {wrong.what}", wrong.hint, name)) from None


def _sheet(name: str, data: bytes) -> Iterator[Row]:
    from repurchase.intake.workbook import workbook_cells

    for number, cells in workbook_cells(name, io.BytesIO(data), None):
        if isinstance(cells, Problem):
            raise InputError(cells)
        yield number, cells


def _known(rules: str | None) -> Known:
    """Return the symbols and the zones of the rule file *rules*; nothing without one."""
    from repurchase.intake.draft import Known

    if rules is None:
        return Known()
    editions = editions_of(rules, None)
    authorization = editions.authorization
    found = authorization.instruments
    venues = dict.fromkeys(venue for one in found for venue in one.venues)
    zones = dict.fromkeys((*(authorization.zone_of(one) for one in venues), editions.zone.key))
    return Known(
        tuple(dict.fromkeys(one.symbol for one in found)),
        tuple(zones),
        in_hundredths=all(one.currency in PARTS for one in found),
    )


class _Read(NamedTuple):
    """What a complete mapping makes of the file: its first rows, and what is wrong with it."""

    rows: list[tuple[int, str, Event | None, str]]
    problems: list[Problem]


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
    return _Read(first, problems)


def _said(problems: Sequence[Problem]) -> list[str]:
    return [one.what for one in problems]
