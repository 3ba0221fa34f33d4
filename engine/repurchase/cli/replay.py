"""`repurchase replay`: judge a whole trade log."""

from __future__ import annotations

from contextlib import nullcontext, suppress
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import click

from repurchase.cli.show import (
    draw,
    json_option,
    known_at_option,
    rule_file,
    rules_option,
    standard_input,
    warn,
)
from repurchase.errors import Problem, UsageError

if TYPE_CHECKING:
    from repurchase.logs import Log


def pairs(values: tuple[str, ...], option: str) -> dict[str, str]:
    """Return `name=value` texts as a mapping; raise UsageError for one that is not."""
    found: dict[str, str] = {}
    for text in values:
        name, equals, value = text.partition("=")
        if not equals or not name or not value:
            raise UsageError(Problem(f"`{option} {text}` is no pair", f"write {option} name=value"))
        if name in found:
            raise UsageError(Problem(f"`{option}` gives `{name}` twice", "give it once"))
        found[name] = value
    return found


def log_options(command: click.decorators.FC) -> click.decorators.FC:
    """Add the options that say how a log names its fields."""
    for option in (
        click.option(
            "--column",
            "columns",
            multiple=True,
            metavar="OURS=THEIRS",
            help="What the log calls a field, e.g. quantity=shares.",
        ),
        click.option(
            "--set",
            "constants",
            multiple=True,
            metavar="OURS=VALUE",
            help="A field that is the same in every row, e.g. side=buy.",
        ),
        click.option("--ignore", multiple=True, metavar="COLUMN", help="A column to leave out."),
        click.option(
            "--brought-forward",
            metavar="SHARES,AMOUNT",
            help="What was executed before the log begins, e.g. 1671100,1809601097.",
        ),
        click.option("--sort", is_flag=True, help="Put the rows in order of time first."),
        click.option(
            "--skip-other-symbols",
            is_flag=True,
            help="Leave out rows whose symbol the rule file does not list.",
        ),
    ):
        command = option(command)
    return command


@click.command("replay")
@click.argument("log", metavar="LOG")
@rules_option
@log_options
@click.option(
    "--decisions",
    type=click.Path(path_type=Path),
    metavar="OUT.jsonl",
    help="Write every decision to this file, a line each.",
)
@click.option(
    "--findings",
    type=click.Choice(["stopping", "all"]),
    default="stopping",
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
    from repurchase.edition import load
    from repurchase.replay import Program, Reading, replay
    from repurchase.replay import brought_forward as forward
    from repurchase.report import DecisionsFile, Denials, json_text, summary_view
    from repurchase.rulefile import gaps

    editions = load(rule_file(rules), known_at)
    warn(gaps(editions.authorization))
    if decisions is not None:
        keep_apart(log, decisions)
    reading = Reading(
        brought_forward=forward(brought_forward) if brought_forward is not None else None,
        sort=sort,
        skip_other_symbols=skip_other_symbols,
    )
    program = Program(editions, every_rule=findings == "all")
    denials = Denials()
    with (
        opened(log, columns, constants, ignore) as trades,
        DecisionsFile(decisions) if decisions is not None else nullcontext() as sink,
    ):
        for decided in watched(replay(trades, program, reading), trades):
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


def keep_apart(log: str, decisions: Path) -> None:
    """Raise UsageError where the decisions would be written over the log."""
    partial = decisions.with_name(f"{decisions.name}.partial") if decisions.name else decisions
    for written in (decisions, partial):
        # What is not there yet cannot be the log.
        with suppress(OSError):
            if written.samefile(log):
                raise UsageError(Problem("the decisions would be written over it", file=log))


def opened(
    log: str, columns: tuple[str, ...], constants: tuple[str, ...], ignore: tuple[str, ...]
) -> Log:
    """Return the log called *log*, `-` being standard input, with its fields named as told."""
    from repurchase.logs import open_log

    source = standard_input() if log == "-" else log
    return open_log(
        source,
        "<standard input>" if log == "-" else log,
        columns=pairs(columns, "--column"),
        constants=pairs(constants, "--set"),
        ignore=frozenset(ignore),
    )
