"""`repurchase check`: ask about one event."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import nullcontext
from datetime import date
from typing import TYPE_CHECKING, Final

import click

from repurchase.cli.commands.submit import read_rules
from repurchase.cli.files import content, editions_of, message_name, remark_known_at
from repurchase.cli.journal_options import now, opened_program, program_option, server_option
from repurchase.cli.log_options import LogOptions, log_options
from repurchase.cli.options import json_option, known_at_option, single_option
from repurchase.cli.output import answer, remark, wants_json
from repurchase.cli.servers import ask, opened_server, refuse_beside_a_server, show
from repurchase.domain.errors import Problem, UsageError

if TYPE_CHECKING:
    from repurchase.domain.events import Event
    from repurchase.evaluation.step import Decided
    from repurchase.journal.records import Rules
    from repurchase.market.feed import Feed
    from repurchase.rulebook.editions import Editions

_ASSUMED: Final = "No --log or --journal: the program is assumed unused."


@click.command("check")
@single_option(
    "--rules",
    metavar="FILE",
    help="The rule file, or the name of a shipped one. With --journal: the adopted one.",
)
@single_option("--event", required=True, metavar="FILE|-", help="The event, a JSON object.")
@single_option(
    "--log", metavar="LOG", help="The earlier events: a trade log, which is evaluated first."
)
@single_option(
    "--journal",
    metavar="FILE|URL",
    help="The earlier events: a program's journal. Default, without --rules and --log: "
    "REPURCHASE_JOURNAL.",
)
@server_option
@program_option
@log_options
@known_at_option
@click.option(
    "--all", "every_rule", is_flag=True, help="List also the rules that pass or do not apply."
)
@json_option
def command(
    rules: str | None,
    event: str,
    log: str | None,
    journal: str | None,
    server: str | None,
    authorization: str | None,
    known_at: date | None,
    every_rule: bool,
    options: LogOptions,
) -> int:
    """Evaluate one event: show the decision and the rules that brought it about.

    \b
    echo '{"kind": "order", "id": "o-1", "time": "2008-11-14T10:00:00-05:00", \\
        "symbol": "IIJI", "side": "buy", "quantity": 400, "price": 2.65, "fx": 96}' |
        repurchase check --rules iij-2008 --event -
    repurchase check --rules iij-2008 --event order.json --log trades.csv
    repurchase check --event order.json --journal desk.db --market bars.csv

    Nothing is recorded. Without --log and --journal, the program is assumed unused. --json lists
    the result of every rule.
    """
    from repurchase.report.decisions import decision_view
    from repurchase.report.written import decision_object

    if log is None:
        _refuse_options_of_a_log(options)
    if server is not None:
        files = {"--rules": rules, "--log": log, "--journal": journal}
        others = {"--market": options.market, "--brought-forward": options.brought_forward}
        refuse_beside_a_server({**files, **others, "--known-at": known_at})
        return _by_server(server, authorization, event)
    if event == log == "-":
        hint = "name a file for one of them"
        raise UsageError(Problem("`--event` and `--log` are both `-`", hint))
    if rules is None and log is None:
        journal = journal or os.environ.get("REPURCHASE_JOURNAL")
    is_assumed = journal is None and log is None and options.brought_forward is None
    if journal is not None:
        _refuse_beside_a_journal(log, options, known_at)
        own = read_rules(rules).rules if rules is not None else None
        decided = _by_journal(journal, authorization, _event(event), own, options.feed())
    elif rules is not None:
        remark_known_at(known_at)
        decided = _by_rules(editions_of(rules, known_at), log, _event(event), options)
    else:
        hint = "name one with --rules or --journal"
        raise UsageError(Problem("neither a rule file nor a journal is given", hint))
    note = _ASSUMED if is_assumed else ""
    if wants_json():
        _remark(decided, note)
    answer(
        decision_object(decided), lambda: decision_view(decided, every_rule=every_rule, note=note)
    )
    return 0 if decided.decision.outcome in ("approved", "recorded") else 1


def _remark(decided: Decided, note: str) -> None:
    """Write what the answer says beside the decision, which JSON has no place for."""
    if note:
        remark(note)
    if decided.repeated:
        remark(f"{decided.place} has this event: the decision is the one made there")


def _by_server(server: str, authorization: str | None, event: str) -> int:
    """Show the decision of the service at *server*; return the exit code."""
    with opened_server(server, authorization) as client:
        (found,) = ask(client, [_event(event)], records=False)
    return 1 if show(found) else 0


def _by_journal(
    journal: str, authorization: str | None, event: Event, rules: Rules | None, feed: Feed
) -> Decided:
    """Return the decision of the program of *journal* on *event*."""
    from repurchase.journal.desk import check_dates
    from repurchase.journal.queries import asked

    check_dates([event], now())
    with opened_program(journal, authorization) as (kept, program):
        return asked(kept, program, event, rules, feed)


def _by_rules(editions: Editions, log: str | None, event: Event, options: LogOptions) -> Decided:
    """Return the decision of *editions* on *event* after the events of *log*."""
    from repurchase.cli.progress import watched
    from repurchase.replay.run import Program, Question

    reading = options.reading()
    program = Program(editions, every_rule=True, feed=options.feed())
    question = Question(event, program, reading)
    with nullcontext() if log is None else options.open(log) as trades:
        for _ in watched(question.decisions(trades), trades):
            pass
        options.check_totals(trades)
    return question.answer()


def _event(name: str) -> Event:
    from repurchase.intake.lines import TEXT_BYTES_MAX
    from repurchase.intake.objects import event_from_json

    return event_from_json(content(name, "the event", TEXT_BYTES_MAX), message_name(name))


def _refuse_beside_a_journal(log: str | None, options: LogOptions, known_at: date | None) -> None:
    given = {
        "--log": log,
        "--brought-forward": options.brought_forward,
        "--known-at": known_at,
    }
    _refuse(given, "cannot be given with --journal", "leave it out; the journal has it")


def _refuse_options_of_a_log(options: LogOptions) -> None:
    given = {
        "--mapping": options.mapping,
        "--expect": options.expect,
        "--column": options.columns,
        "--set": options.constants,
        "--ignore": options.ignore,
        "--sort": options.sort,
        "--skip-other-symbols": options.skip_other_symbols,
        "--quarantine": options.quarantine,
    }
    # Such an option means that there is a log, whose shares would not be counted.
    _refuse(given, "says how to read a log, but no log is given", "name it with --log")


def _refuse(given: Mapping[str, object], what: str, hint: str) -> None:
    """Raise UsageError if any of the options is *given*."""
    problems = [
        Problem(f"`{option}` {what}", hint)
        for option, value in given.items()
        if value not in (None, (), False)
    ]
    if problems:
        raise UsageError(problems)
