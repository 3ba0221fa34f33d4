"""`repurchase submit`: record live events in a journal, and show each decision."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final, Generic, TypeVar

import click
import msgspec
from click.core import ParameterSource

from repurchase.cli.files import content, message_name, standard_input
from repurchase.cli.journal_options import (
    journal_or_server_option,
    named_journal,
    now,
    program_option,
    server_option,
)
from repurchase.cli.log_options import market_option
from repurchase.cli.options import json_option, single_option
from repurchase.cli.output import answer, remark, wants_json, warn, write_errors
from repurchase.cli.servers import ask, opened_server, refuse_beside_a_server, show
from repurchase.domain.errors import InputError, Problem, RepurchaseError
from repurchase.rulebook.library import rule_file

if TYPE_CHECKING:
    from repurchase.domain.events import Event
    from repurchase.domain.people import Identity
    from repurchase.evaluation.step import Decided
    from repurchase.intake.log import Log, Row
    from repurchase.journal.desk import Desk
    from repurchase.journal.rule_texts import RuleText


T = TypeVar("T")
EXIT_UNDECIDED: Final = 2


@click.command("submit")
@click.argument("events", metavar="FILE|-")
@journal_or_server_option
@server_option
@single_option(
    "--rules",
    metavar="FILE",
    help="The rule file. The first submission adopts it; later it must be the adopted one.",
)
@single_option(
    "--by", metavar="NAME", help="The person who adopts the rule file with the first submission."
)
@click.option(
    "--one-person",
    is_flag=True,
    help="The program has only one person: nobody else confirms what loosens. Said when it begins.",
)
@single_option(
    "--identity",
    type=click.Choice(["os", "database"]),
    help="Who sends an event is the operating system's user, or the database's role, and an event"
    " cannot say another. Said when the program begins.",
)
@click.option(
    "--keep-going",
    is_flag=True,
    help="Report each line that cannot be taken, and go on with the next. The exit code is then 2.",
)
@market_option
@program_option
@json_option
def command(
    events: str,
    journal: str | None,
    server: str | None,
    rules: str | None,
    by: str | None,
    one_person: bool,
    identity: Identity | None,
    keep_going: bool,
    market: tuple[Path, ...],
    authorization: str | None,
) -> int:
    """Record live events (JSON lines; - for standard input) and show each decision.

    \b
    repurchase submit orders.jsonl --journal desk.db --rules iij-2008 --by Tanaka
    repurchase submit orders.jsonl --journal desk.db --market bars.csv
    some-order-system | repurchase submit - --journal desk.db --json
    repurchase submit orders.jsonl --server https://desk.example:8080

    A decision is shown only after its record is on disk. An event that is sent again gets the same
    decision and no second record, so events without a decision can always be sent again.

    A line cannot be taken if it cannot be read, or if its event has no id, is dated in the future
    or is of another authorization. The events before this line are decided and recorded. Then the
    command stops, because later events may depend on the line, or goes on if you give --keep-going.
    """
    from repurchase.api.desk import program_of
    from repurchase.cli.progress import folded
    from repurchase.journal.desk import Desk, check_said
    from repurchase.journal.store import Journal
    from repurchase.market.feed import read_feed
    from repurchase.rulebook.lint import lint_findings

    if server is not None:
        context = click.get_current_context()
        is_given = context.get_parameter_source("journal") is ParameterSource.COMMANDLINE
        journal = journal if is_given else None
        persons = {"--by": by, "--one-person": one_person, "--identity": identity}
        files = {"--journal": journal, "--rules": rules, "--market": market}
        refuse_beside_a_server({**files, **persons})
        with opened_server(server, authorization) as client:
            far = partial(ask, client, records=True)
            return _Answers(far, show, _log(events), keep_going=keep_going).run()
    journal = named_journal(journal)
    # Before the journal is opened: a refused call need not make one and remove it again.
    if by is not None:
        check_said("by", by)
    text = read_rules(rules) if rules is not None else None
    if text is not None:
        warn(lint_findings(text.editions))
    feed = read_feed(market)
    if text is not None:
        feed.of(text.editions.authorization)
    # A pipe may deliver late: a missing journal is reported before that.
    log = None if events == "-" else _log(events)
    with Journal(journal, create=text is not None) as kept:
        program = program_of(kept, text, authorization)
        desk = Desk(
            *(kept, program, now, text, by, feed),
            one_person=one_person,
            identity=identity,
            watch=folded,
        )
        has_begun = program in kept.programs()
        for option, given in (("one-person", one_person), ("identity", identity)):
            if given and has_begun:
                remark(f"--{option} has no effect: that is said when a program begins")
        if by is not None and has_begun:
            remark(
                "--by has no effect: the program has adopted its rule file; name the requester in"
                " the field `by` of each event"
            )
        begins = _Begins(desk, text)
        code = _Answers(desk.answer, begins.show, log or _log(events), keep_going=keep_going).run()
        desk.close()
        return code


def _log(events: str) -> Log:
    from repurchase.intake.log import open_log

    source = standard_input() if events == "-" else events
    return open_log(source, message_name(events), form="jsonl", has_ids=True)


def read_rules(name: str) -> RuleText:
    """Return the rule file *name*, a shipped one or a path, as a program adopts it."""
    from repurchase.journal.rule_texts import rule_text
    from repurchase.rulebook.yaml_reader import BYTES_MAX

    path = str(rule_file(name))
    return rule_text(content(path, "the rule file", BYTES_MAX), path)


class _Begins:
    """Shows what *desk* decides, and first that its program begins with the rule file *text*."""

    def __init__(self, desk: Desk, text: RuleText | None) -> None:
        self._desk = desk
        self._text = text

    def show(self, decided: Decided) -> bool:
        """Write *decided*; return whether its event is stopped."""
        from repurchase.report.ways import answer_object, answer_view

        if self._desk.has_begun_it and self._text is not None:
            name = self._text.editions.authorization.name
            remark(f"the program `{name}` begins and adopts {self._text.name}")
            self._text = None
        answer(answer_object(decided), partial(answer_view, decided))
        return decided.decision.outcome not in ("approved", "recorded")


class _Answers(Generic[T]):
    """The decisions on the events of a log, shown so far, and the lines that could not be taken.

    *ask* returns the answers to events, all recorded or none, and *show* writes one.
    """

    def __init__(
        self,
        ask: Callable[[Sequence[Event]], Sequence[T]],
        show: Callable[[T], bool],
        log: Log,
        *,
        keep_going: bool,
    ) -> None:
        self._ask = ask
        self._shows = show
        self._log = log
        self._keeps_going = keep_going
        self._count = 0
        self._bad = 0
        self._stopped = False

    def run(self) -> int:
        """Submit the events, those that wait in one transaction; return the exit code."""
        try:
            for rows in _groups(self._log):
                self._take(rows)
        except KeyboardInterrupt:
            remark(self._recorded())
            raise
        except (RepurchaseError, OSError) as error:
            # The fault is written first, and then what it left behind.
            error.add_note(self._recorded(is_shown=not isinstance(error, OSError)))
            raise
        if self._bad:
            remark(self._recorded())
            return EXIT_UNDECIDED
        if not self._count:
            hint = "write each on its own line"
            raise InputError(Problem("there is no event", hint, self._log.name))
        return 1 if self._stopped else 0

    def _take(self, rows: Sequence[Row]) -> None:
        """Decide the events of *rows* in their order, and refuse those that cannot be read."""
        readable: list[Row] = []
        for row in rows:
            if row.event is not None:
                readable.append(row)
                continue
            self._answer(readable)
            readable = []
            self._refuse(InputError(row.problems))
        self._answer(readable)

    def _answer(self, rows: Sequence[Row]) -> None:
        """Decide the events of *rows* in one transaction; in several if one cannot be taken."""
        events = [row.event for row in rows if row.event is not None]
        if not events:
            return
        try:
            answers = self._ask(events)
        except InputError as error:
            # Nothing of the group was recorded.
            if len(rows) == 1:
                self._refuse(self._placed(error, rows[0]))
                return
            middle = len(rows) // 2
            self._answer(rows[:middle])
            self._answer(rows[middle:])
            return
        self._show(answers)

    def _placed(self, error: InputError, row: Row) -> InputError:
        """Return *error* of the desk with the place of *row*, which caused it."""
        return InputError(
            msgspec.structs.replace(one, file=self._log.name, line=row.number)
            for one in error.problems
        )

    def _refuse(self, error: InputError) -> None:
        """Report *error*, of one line, in the place of a decision; raise it to stop."""
        if not self._keeps_going:
            raise error
        self._bad += 1
        write_errors(error.problems, as_json=wants_json())

    def _recorded(self, *, is_shown: bool = True) -> str:
        if not self._count and not self._bad:
            return "no event was recorded; fix the fault and send the events again"
        said = _counted(self._count, "event was recorded", "events were recorded")
        if self._bad:
            refused = _counted(self._bad, "line was not taken", "lines were not taken")
            return f"{said} and {refused}; fix the fault and send the events again"
        if is_shown:
            return f"{said}; send the events again, and the others are recorded too"
        return f"{said}, but the last decision was not shown; send the events again"

    def _show(self, answers: Iterable[T]) -> None:
        for one in answers:
            self._count += 1
            self._stopped |= self._shows(one)


def _counted(count: int, one: str, several: str) -> str:
    if count == 1:
        return f"1 {one}"
    return f"{count:,} {several}" if count else f"no {one}"


def _groups(log: Log) -> Iterator[list[Row]]:
    """Yield the rows of *log* in groups: those that can be read without waiting for more.

    Raise the error, after the rows before it, that keeps the rest of *log* from being read.
    """
    from repurchase.journal.desk import GROUP_MAX

    rows: queue.Queue[Row | BaseException | None] = queue.Queue(GROUP_MAX)
    # A daemon: a thread that waits for a line does not keep the process alive.
    threading.Thread(target=_read, args=(log, rows), daemon=True).start()
    group: list[Row] = []
    while (row := rows.get()) is not None and not isinstance(row, BaseException):
        group.append(row)
        if len(group) == GROUP_MAX or rows.empty():
            yield group
            group = []
    if group:
        yield group
    if row is not None:
        raise row


def _read(log: Log, rows: queue.Queue[Row | BaseException | None]) -> None:
    end: BaseException | None = None
    try:
        # Only this thread closes it: another would wait for a reader that waits for its sender.
        with log:
            for row in log.rows():
                rows.put(row)
    except BaseException as error:  # noqa: BLE001 - it is raised where the rows are taken
        end = error
    finally:
        rows.put(end)
