"""`repurchase replay`: judge a whole trade log."""

from __future__ import annotations

import os
from contextlib import nullcontext, suppress
from datetime import date
from pathlib import Path

import click

from repurchase.cli.log import feed, log_options, opened, reading
from repurchase.cli.show import (
    draw,
    json_option,
    judged_by,
    known_at_option,
    rule_file,
    rules_option,
    single,
)
from repurchase.errors import Problem, UsageError


@click.command("replay")
@click.argument("log", metavar="LOG")
@rules_option
@log_options
@single(
    "--decisions",
    type=click.Path(path_type=Path),
    metavar="OUT.jsonl",
    help="Write every decision to this file, a line each.",
)
@single(
    "--findings",
    type=click.Choice(["stopping", "all"]),
    default=("stopping",),
    show_default=True,
    help="Which rules a decision lists: those that do not pass, or all.",
)
@known_at_option
@json_option
def command(
    log: str,
    rules: str,
    columns: tuple[str, ...],
    constants: tuple[str, ...],
    ignore: tuple[str, ...],
    brought_forward: str | None,
    market: tuple[Path, ...],
    sort: bool,
    skip_other_symbols: bool,
    decisions: Path | None,
    findings: str,
    known_at: date | None,
    as_json: bool,
) -> int:
    """Judge every event of LOG (CSV or JSON lines; - for standard input) by a rule file.

    \b
    repurchase replay trades.csv --rules iij-2008.yaml
    repurchase replay daily.csv --rules jp-2017 --column quantity=shares \\
        --column amount=amount_jpy --set symbol=common --set side=buy \\
        --brought-forward 1671100,1809601097 --decisions decisions.jsonl

    Rows are judged in file order. One row that cannot be read, and nothing is concluded.
    """
    from repurchase.cli.progress import watched
    from repurchase.replay import Program, replay
    from repurchase.report import DecisionsFile, Denials, json_text, summary_view

    editions = judged_by(rules, known_at)
    if decisions is not None:
        keep_apart(decisions, log, rule_file(rules))
    taken = reading(brought_forward, sort, skip_other_symbols)
    program = Program(editions, every_rule=findings == "all", feed=feed(market))
    denials = Denials()
    with (
        opened(log, columns, constants, ignore) as trades,
        DecisionsFile(decisions) if decisions is not None else nullcontext() as sink,
    ):
        for decided in watched(replay(trades, program, taken), trades):
            if decided.decision.findings:
                denials.add(decided)
            if sink is not None:
                sink.write(decided)
    summary = program.summary()
    if as_json:
        click.echo(json_text(summary))
    else:
        draw(summary_view(program, summary, denials, f"{summary.authorization}: {trades.name}"))
    return 1 if summary.denied or summary.held or summary.refused else 0


def keep_apart(decisions: Path, log: str, rules: Path) -> None:
    """Raise UsageError where the decisions would be written over what they come from."""
    from repurchase.rulefile import cases_path

    if str(decisions) == "-":
        hint = "name one, since the summary goes to standard output"
        raise UsageError(Problem("the decisions go to a file", hint))
    partial = decisions.with_name(f"{decisions.name}.partial") if decisions.name else decisions
    for kept in (log, str(rules), str(cases_path(rules))):
        for written in (decisions, partial):
            # What is not there yet cannot be written over.
            with suppress(OSError):
                if written.is_file() and os.path.samestat(written.stat(), _status(kept)):
                    raise UsageError(Problem("the decisions would be written over it", file=kept))


def _status(name: str) -> os.stat_result:
    return os.fstat(0) if name == "-" else Path(name).stat()
