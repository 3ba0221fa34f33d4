"""`repurchase check`: ask about one event."""

from __future__ import annotations

from contextlib import nullcontext
from datetime import date
from pathlib import Path

import click

from repurchase.cli.log import log_options, opened, reading
from repurchase.cli.show import (
    draw,
    json_option,
    judged_by,
    known_at_option,
    rules_option,
    say,
    standard_input,
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
    from repurchase.logs import event_from_json
    from repurchase.replay import Program, Reader
    from repurchase.report import decided_json, decision_view

    if log is None:
        _refuse_options_of_a_log(columns, constants, ignore, sort, skip_other_symbols)
    editions = judged_by(rules, known_at)
    asked = event_from_json(_content(event))
    taken = reading(brought_forward, sort, skip_other_symbols)
    if log is None and brought_forward is None:
        say("no log is given: the program is taken to have used nothing so far")
    reader = Reader(Program(editions, every_rule=True), taken, asked)
    with opened(log, columns, constants, ignore) if log is not None else nullcontext() as trades:
        for _ in watched(reader.decisions(trades), trades):
            pass
    answer = reader.answer()
    if answer.repeated:
        say(f"the log holds `{asked.id}` already: this is the decision that it had")
    if as_json:
        click.echo(decided_json(answer.decided))
    else:
        draw(decision_view(answer.decided))
    return 0 if answer.decided.decision.outcome in ("approved", "recorded") else 1


def _refuse_options_of_a_log(
    columns: tuple[str, ...],
    constants: tuple[str, ...],
    ignore: tuple[str, ...],
    sort: bool,
    skip_other_symbols: bool,
) -> None:
    given = {
        "--column": columns,
        "--set": constants,
        "--ignore": ignore,
        "--sort": sort,
        "--skip-other-symbols": skip_other_symbols,
    }
    # Whoever says how a log is read means one, and its shares would not be counted.
    problems = [
        Problem(f"`{option}` says how a log is read, and none is given", "name it with --log")
        for option, value in given.items()
        if value
    ]
    if problems:
        raise UsageError(problems)


def _content(event: str) -> bytes:
    from repurchase.logs.objects import TEXT_BYTES_MAX

    try:
        with nullcontext(standard_input()) if event == "-" else Path(event).open("rb") as stream:
            # One byte more tells that it is too long, however long it is.
            return stream.read(TEXT_BYTES_MAX + 1)
    except OSError as error:
        raise UsageError(
            Problem(f"the event cannot be read: {reason(error)}", file=event)
        ) from error
