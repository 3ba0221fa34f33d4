"""`repurchase submit`: record live events in a journal, and show each decision."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from repurchase.cli.files import content, message_name, standard_input
from repurchase.cli.journal_options import journal_option, now, program_option
from repurchase.cli.log_options import market_option
from repurchase.cli.options import json_option, single_option
from repurchase.cli.output import answer, remark, warn
from repurchase.domain.errors import EngineFault, InputError, Problem, RepurchaseError
from repurchase.rulebook.library import rule_file

if TYPE_CHECKING:
    from repurchase.domain.events import Event
    from repurchase.evaluation.step import Decided
    from repurchase.intake.log import Log, Row
    from repurchase.journal.desk import Desk, RuleText


@click.command("submit")
@click.argument("events", metavar="FILE|-")
@journal_option
@single_option(
    "--rules",
    metavar="FILE",
    help="The rule file. The first submission adopts it; later it must be the adopted one.",
)
@single_option(
    "--by", metavar="NAME", help="The person who adopts the rule file with the first submission."
)
@market_option
@program_option
@json_option
def command(
    events: str,
    journal: str,
    rules: str | None,
    by: str | None,
    market: tuple[Path, ...],
    authorization: str | None,
) -> int:
    """Record live events (JSON lines; - for standard input) and show each decision.

    \b
    repurchase submit orders.jsonl --journal desk.db --rules iij-2008.yaml --by Tanaka
    repurchase submit orders.jsonl --journal desk.db --market bars.csv
    some-order-system | repurchase submit - --journal desk.db --json

    A decision is shown only after its record is on disk. An event that is sent again gets the same
    decision and no second record, so events without a decision can always be sent again. If a line
    cannot be read, the command stops there: later events may depend on that line.
    """
    from repurchase.api.desk import program_of
    from repurchase.journal.desk import Desk, check_said
    from repurchase.journal.store import Journal
    from repurchase.market.feed import read_feed
    from repurchase.rulebook.lint import lint_findings

    # Before the journal is opened: a refused call leaves no empty journal.
    if by is not None:
        check_said("by", by)
    text = read_rules(rules) if rules is not None else None
    if text is not None:
        warn(lint_findings(text.editions))
    feed = read_feed(market)
    if text is not None:
        feed.of(text.editions.authorization)
    # A missing file leaves no empty journal. A pipe may deliver late: a missing journal is reported
    # before that.
    log = None if events == "-" else _log(events)
    with Journal(journal, create=text is not None) as kept:
        program = program_of(kept, text, authorization)
        desk = Desk(kept, program, now, text, by, feed)
        if by is not None and program in kept.programs():
            remark(
                "--by has no effect: the program has adopted its rule file; name the requester in"
                " the field `by` of each event"
            )
        return _Answers().run(desk, log or _log(events), text)


def _log(events: str) -> Log:
    from repurchase.intake.log import open_log

    source = standard_input() if events == "-" else events
    return open_log(source, message_name(events), form="jsonl")


def read_rules(name: str) -> RuleText:
    """Return the rule file *name*, a shipped one or a path, as a program adopts it."""
    from repurchase.journal.desk import rule_text

    path = str(rule_file(name))
    return rule_text(content(path, "the rule file"), path)


class _Answers:
    """The decisions shown so far."""

    def __init__(self) -> None:
        self._count = 0
        self._stopped = False

    def run(self, desk: Desk, log: Log, text: RuleText | None) -> int:
        """Submit the events of *log*, those that wait in one transaction; return the exit code."""
        try:
            for group in _groups(log):
                answers = desk.answer(group)
                if desk.has_begun_it and text is not None and not self._count:
                    name = text.editions.authorization.name
                    remark(f"the program `{name}` begins and adopts {text.name}")
                for decided in answers:
                    self._show(decided)
        except KeyboardInterrupt:
            remark(self._recorded())
            raise
        except (RepurchaseError, OSError) as error:
            # The fault is written first, and then what it left behind.
            error.add_note(self._recorded(is_shown=not isinstance(error, OSError)))
            raise
        if not self._count:
            raise InputError(Problem("there is no event", "write each on its own line", log.name))
        return 1 if self._stopped else 0

    def _recorded(self, *, is_shown: bool = True) -> str:
        if not self._count:
            return "no event was recorded; fix the fault and send the events again"
        events = "1 event was" if self._count == 1 else f"{self._count:,} events were"
        if is_shown:
            return f"{events} recorded; send the events again, and the others are recorded too"
        return f"{events} recorded, but the last decision was not shown; send the events again"

    def _show(self, decided: Decided) -> None:
        from repurchase.report.decisions import decision_view
        from repurchase.report.written import decision_object

        self._count += 1
        self._stopped |= decided.decision.outcome not in ("approved", "recorded")
        answer(decision_object(decided), lambda: decision_view(decided))


def _groups(log: Log) -> Iterator[list[Event]]:
    """Yield the events of *log* in groups: those that can be read without waiting for more.

    Raise InputError at the first row that cannot be read.
    """
    from repurchase.journal.desk import GROUP_MAX

    rows: queue.Queue[Row | RepurchaseError | None] = queue.Queue(GROUP_MAX)
    # A daemon: a thread that waits for a line does not keep the process alive.
    threading.Thread(target=_read, args=(log, rows), daemon=True).start()
    group: list[Event] = []
    while (row := rows.get()) is not None:
        try:
            group.append(_event(row, log.name))
        except RepurchaseError:
            # The events before it are decided first.
            if group:
                yield group
            raise
        if len(group) == GROUP_MAX or rows.empty():
            yield group
            group = []
    if group:
        yield group


def _read(log: Log, rows: queue.Queue[Row | RepurchaseError | None]) -> None:
    end: RepurchaseError | None = EngineFault("the events can no longer be read")
    try:
        # Only this thread closes it: another would wait for a reader that waits for its sender.
        with log:
            for row in log.rows():
                rows.put(row)
        end = None
    except RepurchaseError as error:
        end = error
    finally:
        rows.put(end)


def _event(row: Row | RepurchaseError, name: str) -> Event:
    if isinstance(row, RepurchaseError):
        raise row
    if row.problems:
        raise InputError(row.problems)
    if row.digest is None:
        hint = "give each event its own `id`, so that it counts once if it is sent again"
        raise InputError(Problem("the event has no `id`", hint, name, row.number))
    assert row.event is not None, "a row without problems has an event"
    return row.event
