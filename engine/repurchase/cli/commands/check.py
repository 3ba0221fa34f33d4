"""`repurchase check`: ask about one event."""

from __future__ import annotations

import os
from contextlib import nullcontext
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import click

from repurchase.cli.commands.submit import read_rules
from repurchase.cli.journal_options import chosen, now, program_option
from repurchase.cli.journal_options import opened as opened_journal
from repurchase.cli.log_options import feed, log_options, opened, reading
from repurchase.cli.output import (
    called,
    draw,
    json_option,
    judged_by,
    known_at_option,
    say,
    single,
    standard_input,
)
from repurchase.domain.errors import Problem, UsageError, reason

if TYPE_CHECKING:
    from repurchase.domain.events import Event
    from repurchase.evaluation.step import Decided
    from repurchase.journal.records import Rules
    from repurchase.market.feed import Feed


@click.command("check")
@single(
    "--rules",
    metavar="FILE",
    help="The rule file, or the name of a shipped one. With --journal: the one adopted.",
)
@single(
    "--event",
    required=True,
    metavar="FILE|-",
    help="The event, a JSON object.",
)
@single(
    "--log",
    metavar="LOG",
    help="What came before it: a trade log, judged first.",
)
@single(
    "--journal",
    metavar="FILE|URL",
    help="What came before it: a program's journal. Without --rules and --log, REPURCHASE_JOURNAL.",
)
@program_option
@log_options
@known_at_option
@json_option
def command(
    rules: str | None,
    event: str,
    log: str | None,
    journal: str | None,
    authorization: str | None,
    columns: tuple[str, ...],
    constants: tuple[str, ...],
    ignore: tuple[str, ...],
    brought_forward: str | None,
    market: tuple[Path, ...],
    sort: bool,
    skip_other_symbols: bool,
    known_at: date | None,
    as_json: bool,
) -> int:
    """Judge one event by a rule file, and show what every rule says of it.

    \b
    echo '{"kind": "order", "id": "o-1", "time": "2008-11-14T10:00:00-05:00", \\
        "symbol": "IIJI", "side": "buy", "quantity": 400, "price": 2.65, "fx": 96}' |
        repurchase check --rules iij-2008 --event -
    repurchase check --rules iij-2008 --event order.json --log trades.csv
    repurchase check --event order.json --journal desk.db --market bars.csv

    Nothing is recorded. Without --log and --journal the program is taken to have used nothing.
    """
    from repurchase.cli.progress import watched
    from repurchase.intake.objects import event_from_json
    from repurchase.replay.run import Program, Reader

    if log is None:
        _refuse_options_of_a_log(columns, constants, ignore, sort, skip_other_symbols)
    if event == log == "-":
        hint = "standard input is one of them: name a file for the other"
        raise UsageError(Problem("the event and the log are both `-`", hint))
    journal = journal or _usual_journal(rules, log)
    if journal is not None:
        _refuse_beside_a_journal(log, brought_forward, known_at)
        given = read_rules(rules).rules if rules is not None else None
        asked = event_from_json(_content(event), called(event))
        return _asked_of(journal, authorization, asked, given, feed(market), as_json=as_json)
    if rules is None:
        hint = "name it with --rules, or a journal with --journal"
        raise UsageError(Problem("no rule file is named", hint))
    editions = judged_by(rules, known_at)
    asked = event_from_json(_content(event), called(event))
    taken = reading(brought_forward, sort, skip_other_symbols)
    if log is None and brought_forward is None:
        say("no log is given: the program is taken to have used nothing so far")
    program = Program(editions, every_rule=True, feed=feed(market))
    reader = Reader(program, taken, asked)
    with opened(log, columns, constants, ignore) if log is not None else nullcontext() as trades:
        for _ in watched(reader.decisions(trades), trades):
            pass
    answer = reader.answer()
    if answer.repeated:
        say(f"the log holds `{asked.id}` already: this is the decision that it had")
    return _shown(answer, as_json=as_json)


def _usual_journal(rules: str | None, log: str | None) -> str | None:
    """Return the journal of the environment, where nothing else says what came before."""
    return os.environ.get("REPURCHASE_JOURNAL") if rules is None and log is None else None


def _asked_of(
    journal: str,
    authorization: str | None,
    event: Event,
    rules: Rules | None,
    told: Feed,
    *,
    as_json: bool,
) -> int:
    from repurchase.journal.desk import check_dates
    from repurchase.journal.queries import asked

    check_dates([event], now())
    with opened_journal(journal) as kept:
        answer = asked(kept, chosen(kept, authorization), event, rules, told)
    if answer.repeated:
        say(f"`{event.id}` is recorded already: this is the answer that it had")
    return _shown(answer, as_json=as_json)


def _shown(decided: Decided, *, as_json: bool) -> int:
    from repurchase.report.decisions import decision_view
    from repurchase.report.written import decided_json

    if as_json:
        click.echo(decided_json(decided))
    else:
        draw(decision_view(decided))
    return 0 if decided.decision.outcome in ("approved", "recorded") else 1


def _refuse_beside_a_journal(
    log: str | None, brought_forward: str | None, known_at: date | None
) -> None:
    given = {
        "--log": log,
        "--brought-forward": brought_forward,
        "--known-at": known_at,
    }
    problems = [
        Problem(f"`{option}` cannot stand beside --journal", "the journal says it itself")
        for option, value in given.items()
        if value is not None
    ]
    if problems:
        raise UsageError(problems)


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
    from repurchase.intake.objects import TEXT_BYTES_MAX

    try:
        with nullcontext(standard_input()) if event == "-" else Path(event).open("rb") as stream:
            # One byte more tells that it is too long, however long it is.
            return stream.read(TEXT_BYTES_MAX + 1)
    except OSError as error:
        raise UsageError(
            Problem(f"the event cannot be read: {reason(error)}", file=event)
        ) from error
