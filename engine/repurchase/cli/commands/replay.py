"""`repurchase replay`: evaluate a whole trade log."""

from __future__ import annotations

from contextlib import nullcontext
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import click

from repurchase.cli.figure_options import FigureOptions, figure_options
from repurchase.cli.files import check_written_beside, editions_of, remark_known_at, rule_files
from repurchase.cli.log_options import LogOptions, log_options
from repurchase.cli.options import (
    file_option,
    json_option,
    known_at_option,
    rules_option,
    single_option,
)
from repurchase.cli.output import answer, remark, warn
from repurchase.domain.errors import Problem

if TYPE_CHECKING:
    from repurchase.evaluation.step import Decided
    from repurchase.replay.run import Reader


@click.command("replay")
@click.argument("log", metavar="LOG")
@rules_option
@log_options
@file_option(
    "--decisions", metavar="OUT.jsonl", help="Write every decision to this file, one line each."
)
@single_option(
    "--findings",
    type=click.Choice(["stopping", "all"]),
    default=("stopping",),
    show_default=True,
    help="The findings that a decision lists: those that do not pass, or all.",
)
@known_at_option
@figure_options
@json_option
def command(
    log: str,
    rules: str,
    decisions: Path | None,
    findings: str,
    known_at: date | None,
    options: LogOptions,
    figures: FigureOptions,
) -> int:
    """Evaluate every event of LOG (CSV, JSON lines or FIX; - for standard input) by a rule file.

    \b
    repurchase replay trades.csv --rules iij-2008
    repurchase replay daily.csv --rules jp-2017 --column quantity=shares \\
        --column amount=amount_jpy --set symbol=common --set side=buy \\
        --brought-forward 1671100,1809601097 --decisions decisions.jsonl
    repurchase replay trades.csv --rules iij-2008 --by week,venue --round 2
    repurchase replay session.fix --rules iij-2008 --skip-other-symbols --quarantine bad.fix

    Rows are evaluated in file order. If one row cannot be read, `replay` draws no conclusion and
    exits with 2.
    """
    from rich.console import Group

    from repurchase.cli.progress import watched
    from repurchase.replay.lane import Passed
    from repurchase.replay.run import Program, Reader, completed, replay, replay_by_line
    from repurchase.report.summaries import Denials, summary_view
    from repurchase.report.written import whole_file

    expected = options.expected()
    editions = editions_of(rules, known_at)
    remark_known_at(known_at)
    read, others = rule_files(rules, editions), options.files()
    if decisions is not None:
        check_written_beside(decisions, "decisions", log, *read, others=others)
    if figures.file is not None:
        others = (decisions, *others)
        check_written_beside(figures.file, "figures", log, *read, others=others)
    reader = Reader(options.reading(), editions)
    program = Program(editions, every_rule=findings == "all", feed=options.feed())
    denials, grouping = Denials(), figures.grouping()
    with (
        options.open(log, *read) as trades,
        nullcontext() if decisions is None else whole_file(decisions, "the decisions") as add,
    ):
        position = program.position
        line = None if add is None else _line
        # What is added up, or compared with what was expected, needs each event.
        is_each = grouping is not None or options.expect is not None
        of_log = (trades, program, reader)
        every = replay(*of_log) if is_each else replay_by_line(*of_log, line)
        for decided in watched(every, trades):
            if isinstance(decided, Passed):
                if add is not None:
                    add(decided.lines)
                continue
            denials.add(decided)
            if grouping is not None and decided.event is not None:
                grouping.add(decided.event, position, program.position)
                position = program.position
            if add is not None:
                add(_line(decided))
    _remark_repeated(reader, trades.name)
    noted = trades.noted
    summary = program.summary(
        duplicates=reader.duplicates + noted.repeats,
        skipped=reader.skipped,
        quarantined=noted.quarantined,
    )
    before = options.reading().brought_forward
    summary = completed(summary, program, trades, before, expected)
    title = f"{summary.authorization}: {trades.name}"
    found = None if grouping is None else grouping.figures(editions, program.latest_edition)
    figures.write(found)
    answer(
        figures.beside(summary, found),
        lambda: Group(summary_view(program, summary, denials, title), *figures.views(found)),
    )
    warn(one.problem(trades.name) for one in summary.differences)
    has_fault = summary.denied or summary.held or summary.refused or summary.differences
    return 1 if has_fault else 0


def _line(decided: Decided) -> str:
    from repurchase.report.written import decision_object, json_text

    return json_text(decision_object(decided))


def _remark_repeated(reader: Reader, log: str) -> None:
    """Write on which lines the first repeated events of *log* are."""
    warn(
        Problem(f"the event `{name}` is repeated; it counts once", file=log, line=line)
        for line, name in reader.repeated
    )
    more = reader.duplicates - len(reader.repeated)
    if more:
        remark(f"{log}: {more:,} more events are repeated")
