"""`repurchase check`: ask about one event."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import click

from repurchase.cli.replay import log_options, opened
from repurchase.cli.show import (
    draw,
    json_option,
    known_at_option,
    rule_file,
    rules_option,
    say,
    standard_input,
    warn,
)
from repurchase.errors import Problem, UsageError, reason


@click.command("check")
@rules_option
@click.option("--event", required=True, metavar="FILE|-", help="The event, a JSON object.")
@click.option("--log", metavar="LOG", help="What came before it: a trade log, judged first.")
@log_options
@known_at_option
@json_option
def command(
    rules: str,
    event: str,
    log: str | None,
    columns: tuple[str, ...],
    constants: tuple[str, ...],
    ignore: tuple[str, ...],
    brought_forward: str | None,
    sort: bool,
    skip_other_symbols: bool,
    known_at: date | None,
    as_json: bool,
) -> int:
    """Judge one event by a rule file, and show what every rule says of it.

    \b
    echo '{"kind": "order", "id": "o-1", "time": "2008-11-14T09:30:00+09:00", \\
        "symbol": "3774", "side": "buy", "quantity": 60, "price": 100000}' |
        repurchase check --rules iij-2008 --event -
    repurchase check --rules iij-2008 --event order.json --log trades.csv

    Nothing is recorded. Without --log the program is taken to have used nothing so far.
    """
    from repurchase.cli.progress import watched
    from repurchase.edition import load
    from repurchase.logs import event_from_json
    from repurchase.replay import Program, Reading, checked, replay
    from repurchase.replay import brought_forward as forward
    from repurchase.report import decided_json, decision_view
    from repurchase.rulefile import gaps

    editions = load(rule_file(rules), known_at)
    warn(gaps(editions.authorization))
    asked = event_from_json(_content(event))
    program = Program(editions, every_rule=True)
    reading = Reading(
        brought_forward=forward(brought_forward) if brought_forward is not None else None,
        sort=sort,
        skip_other_symbols=skip_other_symbols,
    )
    if log is None and reading.brought_forward is None:
        say("no log is given: the program is taken to have used nothing so far")
    if log is not None:
        with opened(log, columns, constants, ignore) as trades:
            for _ in watched(replay(trades, program, reading), trades):
                pass
    elif reading.brought_forward is not None:
        program.decide(reading.brought_forward)
    decided = checked(program, asked)
    if as_json:
        click.echo(decided_json(decided))
    else:
        draw(decision_view(decided))
    return 0 if decided.decision.outcome in ("approved", "recorded") else 1


def _content(event: str) -> bytes:
    try:
        return standard_input().read() if event == "-" else Path(event).read_bytes()
    except OSError as error:
        raise UsageError(
            Problem(f"the event cannot be read: {reason(error)}", file=event)
        ) from error
