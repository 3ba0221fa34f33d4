"""`repurchase check`: ask about one event."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import nullcontext
from datetime import date
from typing import TYPE_CHECKING

import click

from repurchase.cli.commands.submit import read_rules
from repurchase.cli.files import content, editions_of, message_name
from repurchase.cli.journal_options import now, opened_program, program_option
from repurchase.cli.log_options import LogOptions, log_options
from repurchase.cli.options import json_option, known_at_option, single_option
from repurchase.cli.output import answer, remark
from repurchase.domain.errors import Problem, UsageError

if TYPE_CHECKING:
    from repurchase.domain.events import Event
    from repurchase.evaluation.step import Decided
    from repurchase.journal.records import Rules
    from repurchase.market.feed import Feed
    from repurchase.rulebook.editions import Editions


@click.command("check")
@single_option(
    "--rules",
    metavar="FILE",
    help="The rule file, or the name of a shipped one. With --journal: the one adopted.",
)
@single_option("--event", required=True, metavar="FILE|-", help="The event, a JSON object.")
@single_option("--log", metavar="LOG", help="What came before it: a trade log, judged first.")
@single_option(
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
    known_at: date | None,
    options: LogOptions,
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
    from repurchase.report.decisions import decision_view
    from repurchase.report.written import decision_object

    if log is None:
        _refuse_options_of_a_log(options)
    if event == log == "-":
        hint = "standard input is one of them: name a file for the other"
        raise UsageError(Problem("the event and the log are both `-`", hint))
    if rules is None and log is None:
        journal = journal or os.environ.get("REPURCHASE_JOURNAL")
    if journal is not None:
        _refuse_beside_a_journal(log, options, known_at)
        own = read_rules(rules).rules if rules is not None else None
        decided = _by_journal(journal, authorization, _event(event), own, options.feed())
    elif rules is not None:
        decided = _by_rules(editions_of(rules, known_at), log, _event(event), options)
    else:
        hint = "name it with --rules, or a journal with --journal"
        raise UsageError(Problem("no rule file is named", hint))
    answer(decision_object(decided), lambda: decision_view(decided))
    return 0 if decided.decision.outcome in ("approved", "recorded") else 1


def _by_journal(
    journal: str, authorization: str | None, event: Event, rules: Rules | None, feed: Feed
) -> Decided:
    """Return what the program of *journal* decides on *event*."""
    from repurchase.journal.desk import check_dates
    from repurchase.journal.queries import asked

    check_dates([event], now())
    with opened_program(journal, authorization) as (kept, program):
        decided = asked(kept, program, event, rules, feed)
    if decided.repeated:
        remark(f"`{event.id}` is recorded already: this is the answer that it had")
    return decided


def _by_rules(editions: Editions, log: str | None, event: Event, options: LogOptions) -> Decided:
    """Return what *editions* decide on *event* after the events of *log*."""
    from repurchase.cli.progress import watched
    from repurchase.replay.run import Program, Question

    reading = options.reading()
    if log is None and reading.brought_forward is None:
        remark("no log is given: the program is taken to have used nothing so far")
    program = Program(editions, every_rule=True, feed=options.feed())
    question = Question(event, program, reading)
    with nullcontext() if log is None else options.open(log) as trades:
        for _ in watched(question.decisions(trades), trades):
            pass
    decided = question.answer()
    if decided.repeated:
        remark(f"the log holds `{event.id}` already: this is the decision that it had")
    return decided


def _event(name: str) -> Event:
    from repurchase.intake.lines import TEXT_BYTES_MAX
    from repurchase.intake.objects import event_from_json

    # One byte more shows that it is too long, however long it is.
    return event_from_json(content(name, "the event", TEXT_BYTES_MAX + 1), message_name(name))


def _refuse_beside_a_journal(log: str | None, options: LogOptions, known_at: date | None) -> None:
    given = {
        "--log": log,
        "--brought-forward": options.brought_forward,
        "--known-at": known_at,
    }
    _refuse(given, "cannot stand beside --journal", "the journal says it itself")


def _refuse_options_of_a_log(options: LogOptions) -> None:
    given = {
        "--column": options.columns,
        "--set": options.constants,
        "--ignore": options.ignore,
        "--sort": options.sort,
        "--skip-other-symbols": options.skip_other_symbols,
    }
    # Whoever says how a log is read means one, and its shares would not be counted.
    _refuse(given, "says how a log is read, and none is given", "name it with --log")


def _refuse(given: Mapping[str, object], what: str, hint: str) -> None:
    """Raise UsageError if any of the options is *given*."""
    problems = [
        Problem(f"`{option}` {what}", hint)
        for option, value in given.items()
        if value not in (None, (), False)
    ]
    if problems:
        raise UsageError(problems)
