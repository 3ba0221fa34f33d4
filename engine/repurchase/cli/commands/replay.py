"""`repurchase replay`: judge a whole trade log."""

from __future__ import annotations

from contextlib import nullcontext
from datetime import date
from pathlib import Path

import click

from repurchase.cli.log_options import feed, keep_apart, log_options, opened, reading
from repurchase.cli.output import (
    draw,
    json_option,
    judged_by,
    known_at_option,
    rule_file,
    rules_option,
    single,
)


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
    from repurchase.replay.run import Program, replay
    from repurchase.report.summaries import Denials, summary_view
    from repurchase.report.written import DecisionsFile, json_text

    editions = judged_by(rules, known_at)
    if decisions is not None:
        keep_apart(decisions, "decisions", log, rule_file(rules))
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
