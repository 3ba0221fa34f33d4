"""A program in memory: events in, decisions out, each ID once and in order of time."""

from __future__ import annotations

import re
import threading
from collections.abc import Generator, Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from datetime import date
from os import PathLike
from pathlib import Path
from typing import Any, Final, NamedTuple, overload

from msgspec.structs import replace

from repurchase.api.answered import Answered, decision_of, kept
from repurchase.api.answers import Decision, Position, answer_of, position_of
from repurchase.api.events import ArrowStream, EventLike, Tick, event_of, fields_of, read
from repurchase.api.frames import Decisions, Frame
from repurchase.api.headroom import Headroom, headroom_of, question
from repurchase.api.pickling import pickled, unpickled
from repurchase.domain.errors import InputError, Problem, RepurchaseError, UsageError, Wrong, short
from repurchase.domain.events import Event, key_of
from repurchase.evaluation import headroom as room
from repurchase.evaluation.step import Decided, position_report, refusal
from repurchase.intake.fields import problems
from repurchase.intake.ids import digest
from repurchase.intake.layout import Layout
from repurchase.intake.log import Row, open_log
from repurchase.intake.order import Latest, Order
from repurchase.ledger.position import Position as Used
from repurchase.market.feed import Feed
from repurchase.replay.run import Program as Run
from repurchase.replay.run import Reader, Reading, Source, Summary, Tally, completed
from repurchase.rulebook.editions import Edition, Editions
from repurchase.rulebook.life import Life, life, life_then
from repurchase.rulebook.model import Authorization

_NOTHING: Final[Mapping[str, Any]] = {}
# The days by which an edition is found again: the authorization's, and the venue's.

# The options of the command line, and what stands for them here: of a file, and of a frame.
_OPTIONS: Final = re.compile(r"--(column|set|ignore|sort|skip-other-symbols)(?: [a-z_]+=COLUMN)?")
_ARGUMENTS: Final = {
    "column": "`columns`",
    "set": "`constants`",
    "ignore": "`ignore`",
    "sort": "`sort=True`",
    "skip-other-symbols": "`skip_other_symbols=True`",
}
_OF_A_FRAME: Final = _ARGUMENTS | {
    "sort": "the frame's own sort",
    "skip-other-symbols": "the frame's own filter",
}


class Program:
    """A program in memory, made by `Rules.program`.

    It takes each event once, in order of time. The same event again gets the decision that it had;
    its ID with other content is refused. Threads may share it: one event is decided at a time. It
    can be pickled at any moment, and the copy goes on alike.

    >>> import repurchase
    >>> program = repurchase.Rules("iij-2008").program()
    >>> order = {"kind": "order", "id": "o-1", "time": "2008-11-14T10:00:00-05:00", "side": "buy"}
    >>> order |= {"symbol": "IIJI", "quantity": 400, "price": "2.65", "fx": 96}
    >>> program.decide(order).outcome
    'approved'
    >>> program.position.reserved_shares, program.position.remaining_shares
    ('1', '3999')
    >>> program.decide(order).repeated
    True
    """

    def __init__(self, editions: Editions, feed: Feed, *, every_rule: bool = False) -> None:
        """Begin unused, by the rules of *editions*, with what *feed* supplies."""
        self._lock = threading.RLock()
        self._is_replaying = False
        self._editions = editions
        self._feed = feed
        self._every_rule = every_rule
        self._run = Run(editions, every_rule=every_rule, feed=feed)
        self._asked = Reader(Reading(), editions)
        self._order = Order(editions.zone)
        self._answered = Answered()
        self._duplicates = self._skipped = 0

    def decide(self, event: EventLike) -> Decision:
        """Return the decision on *event*, and go on from the position that it leaves.

        *event* is one JSON object as text or bytes, or a mapping of its fields. Raise InputError,
        and change nothing, if it cannot be read, is dated before an earlier event or is of another
        authorization.
        """
        asked = event_of(event)
        with self._turn(), self._all_or_nothing():
            return answer_of(self._decided(asked))

    @overload
    def replay(
        self,
        log: str | PathLike[str],
        *,
        columns: Mapping[str, str] = ...,
        constants: Mapping[str, object] = ...,
        ignore: Iterable[str] = ...,
        sort: bool = ...,
        skip_other_symbols: bool = ...,
    ) -> Summary: ...

    @overload
    def replay(
        self,
        log: ArrowStream,
        *,
        columns: Mapping[str, str] = ...,
        constants: Mapping[str, object] = ...,
        ignore: Iterable[str] = ...,
    ) -> Decisions: ...

    def replay(
        self,
        log: str | PathLike[str] | ArrowStream,
        *,
        columns: Mapping[str, str] = _NOTHING,
        constants: Mapping[str, object] = _NOTHING,
        ignore: Iterable[str] = (),
        sort: bool = False,
        skip_other_symbols: bool = False,
    ) -> Summary | Decisions:
        """Decide every row of *log* in order, and return what they come to.

        *log* is the path of a CSV or JSON-lines file, or a frame that gives its columns by Arrow:
        of pandas, polars, DuckDB or pyarrow. For a file this returns the summary of the program;
        for a frame it returns the decisions, one for each row, in their order. *columns* gives the
        log's name for each of our fields that it calls otherwise, *constants* the fields that all
        rows share; *ignore* names columns to leave out. For a file, *sort* puts its rows in order
        of time first, and *skip_other_symbols* leaves out rows whose symbol the rules do not list.

        Raise InputError with the first 20 wrong rows, and change nothing, if one cannot be read.
        """
        shared = {name: _constant(name, value) for name, value in constants.items()}
        if isinstance(ignore, str):
            # Each of its letters would be a column.
            what = f"`ignore` is the text `{short(ignore)}`, not names of columns"
            raise UsageError(Problem(what, "give a list, even of one name"))
        layout = Layout(dict(columns), shared, frozenset(ignore))
        if isinstance(log, str | PathLike):
            reading = Reading(sort=sort, skip_other_symbols=skip_other_symbols)
            return self._file(Path(log), layout, reading)
        if sort or skip_other_symbols:
            what = "a frame gives one decision for each row, in the order of its rows"
            raise UsageError(Problem(what, "sort or filter the frame itself"))
        return self._frame(log, layout)

    def headroom(self, order: Mapping[str, object], *, tick: Tick | None = None) -> Headroom:
        """Return the largest quantity or the highest price at which *order* would be approved.

        *order* are its fields without `kind` and `id`; of `price` and `quantity` it leaves out the
        one to be found. It buys unless it has a `side`. *tick* is the tick size, 0.01 if
        not given. Nothing is decided. Raise UsageError for a question that has no answer,
        InputError for a field that cannot be read.
        """
        asked, grid = question(fields_of(order), tick_of(tick))
        with self._turn():
            position, market = self._run.position, self._feed.of(self._editions.authorization)
            its = life(self._editions, asked, position)
            return headroom_of(room.headroom(asked, position, its, market, grid), asked)

    @property
    def position(self) -> Position:
        """Return what the program has used and has left, by the rules of its latest event's day."""
        with self._turn():
            used = self._run.position
            return position_of(position_report(used, self._edition_now()))

    @property
    def summary(self) -> Summary:
        """Return what the events so far came to."""
        with self._turn():
            return self._run.summary(duplicates=self._duplicates, skipped=self._skipped)

    def __repr__(self) -> str:
        return f"<Program of {self._editions.authorization.name!r}: {len(self._answered)} events>"

    def __getstate__(self) -> bytes:
        with self._turn():
            edition = self._run.edition
            state = _State(
                authorization=self._editions.authorization,
                known_at=self._editions.known_at,
                feed=self._feed,
                every_rule=self._every_rule,
                position=self._run.position,
                edition=None if edition is None else edition.hash,
                last_day=self._run.last_day,
                tally=self._run.tally,
                latest=self._order.last,
                answered=tuple(self._answered.rows()),
                left_out=(self._duplicates, self._skipped),
            )
            return pickled(state)

    def __setstate__(self, body: bytes) -> None:
        state: _State = unpickled(body)
        editions = Editions(state.authorization, state.known_at)
        Program.__init__(self, editions, state.feed, every_rule=state.every_rule)
        self._run.position = state.position
        if state.edition is not None:
            day = state.last_day or self._editions.first_day()
            self._run.edition = self._editions.named(state.edition, day)
        self._run.last_day = state.last_day
        self._run.tally = state.tally
        self._order = Order(editions.zone, state.latest)
        self._answered.take(state.answered)
        self._duplicates, self._skipped = state.left_out

    def _file(self, path: Path, layout: Layout, reading: Reading) -> Summary:
        columns, constants = layout.columns, layout.constants
        with (
            self._turn(),
            _in_words(_ARGUMENTS),
            open_log(path, columns=columns, constants=constants, ignore=layout.ignore) as file,
            closing(self._taken(file, reading)) as taken,
        ):
            for _ in taken:
                pass
            return completed(self.summary, self._run, file)

    def _frame(self, log: ArrowStream, layout: Layout) -> Decisions:
        found = Decisions()
        with (
            self._turn(),
            _in_words(_OF_A_FRAME),
            closing(self._taken(Frame(log, layout), Reading())) as taken,
        ):
            for decided in taken:
                found.add(answer_of(decided))
        return found

    @contextmanager
    def _turn(self) -> Iterator[None]:
        """Keep other threads out; raise UsageError if this one is amid a replay of the program.

        A frame is code of its own, which could ask for a decision that the replay then takes back.
        """
        with self._lock:
            if self._is_replaying:
                what = "the program is replaying a log, and one of its rows asks the program"
                raise UsageError(Problem(what, "ask when the replay has ended"))
            yield

    @contextmanager
    def _all_or_nothing(self) -> Iterator[None]:
        """Take back all that changed if what follows ends with an error, Ctrl-C included."""
        run, order, answered = self._run, self._order.last, len(self._answered)
        before = run.position, run.edition, run.last_day, run.tally.copy()
        left_out = self._duplicates, self._skipped
        try:
            yield
        except BaseException:
            run.position, run.edition, run.last_day, run.tally = before
            self._order.last = order
            self._duplicates, self._skipped = left_out
            self._answered.cut(answered)
            raise

    def _decided(self, event: Event) -> Decided:
        """Return what is decided of *event*, as it was before if it was; raise InputError."""
        content, before = digest(event), self._answered.of(key_of(event.kind, event.id))
        if before is not None:
            return self._again(event, content, before)
        self._check(event)
        decided = self._run.decide(event)
        self._order.backwards(event, len(self._answered) + 1)
        self._answered.add(key_of(event.kind, event.id), kept(content, decided.decision))
        return decided

    def _again(self, event: Event, content: bytes, before: tuple[bytes, bytes]) -> Decided:
        """Return what was decided *before* of the event with this ID, if it is the same event."""
        if before[0] == content:
            self._duplicates += 1
            decision = decision_of(before)
            then = life_then(self._editions, decision, self._editions.day_of(event))
            return Decided(decision, then, repeated=True)
        edition = self._editions.of(event, self._run.position)
        refused = refusal(event, self._run.position, edition)
        return Decided(refused.decision, Life(edition))

    def _check(self, event: Event) -> None:
        """Raise InputError unless *event* may follow those before."""
        try:
            self._asked.check(event)
        except Wrong as wrong:
            raise InputError(Problem(wrong.what, wrong.hint)) from None
        if event.kind == "brought_forward" and len(self._answered):
            what = "a `brought_forward` event follows other events"
            raise InputError(Problem(what, "put it first"))
        later = self._order.later_one(event)
        if later is not None:
            dated = event.time or event.date
            what = f"the event is dated {dated}, before an earlier event, dated {later[0]}"
            raise InputError(Problem(what, "give the events in order of time"))

    def _taken(self, log: Source, reading: Reading) -> Generator[Decided]:
        """Yield what is decided of each row of *log*; if one is wrong, nothing has happened."""
        rows = _Rows(log)
        reader = Reader(reading, self._editions, repeats=True)
        self._is_replaying = True
        try:
            with self._all_or_nothing():
                for line, event in reader.events(rows):
                    try:
                        yield self._of_row(event, has_id=rows.has_ids)
                    except InputError as error:
                        placed = (replace(one, file=log.name, line=line) for one in error.problems)
                        raise InputError(placed) from None
                self._skipped += reader.skipped
        finally:
            self._is_replaying = False

    def _of_row(self, event: Event, *, has_id: bool) -> Decided:
        """Return what is decided of *event*, a row of a log; raise InputError for a used ID."""
        decided = self._decided(event)
        if decided.decision.outcome == "refused":
            what = f"the id `{event.id}` was used before with other content"
            raise InputError(Problem(what, "give each event its own id"))
        if decided.repeated and not has_id:
            what = f"the row has no `id`, and `{event.id}` would be an earlier event"
            raise InputError(Problem(what, "give each row an `id` of its own"))
        return decided

    def _edition_now(self) -> Edition:
        return self._run.edition or self._editions.on(self._editions.first_day())


class _State(NamedTuple):
    """All that a copy of a program needs to go on alike; engine handles are made anew."""

    authorization: Authorization
    known_at: date | None
    feed: Feed
    every_rule: bool
    position: Used
    edition: str | None
    last_day: date | None
    tally: Tally
    latest: Latest
    answered: tuple[tuple[str, tuple[bytes, bytes]], ...]
    left_out: tuple[int, int]


class _Rows:
    """The rows of a *log*, and whether they have IDs of their own, as far as they were read."""

    def __init__(self, log: Source) -> None:
        self.name = log.name
        self.has_ids = True
        self._log = log

    def rows(self) -> Iterator[Row]:
        """Yield the rows."""
        for row in self._log.rows():
            if row.event is not None:
                self.has_ids = row.digest is not None
            yield row


def tick_of(tick: Tick | None) -> str | None:
    """Return the tick size *tick* as a text, `None` if there is none; raise InputError."""
    return None if tick is None else _constant("tick", tick)


def _constant(name: str, value: object) -> str:
    """Return *value* as the text of the field *name*; raise InputError if it has none."""
    given = read(value)
    if given is None:
        given = Wrong("is `None`", "leave it out")
    elif isinstance(given, bool):
        return "true" if given else "false"
    elif isinstance(given, str):
        return given
    elif not isinstance(given, Wrong):
        given = Wrong("is an object or an array", "give a text or a number")
    raise InputError(problems([(name, given)]))


@contextmanager
def _in_words(of: Mapping[str, str]) -> Iterator[None]:
    """Let errors that name an option of the command line name what stands for it here."""

    def renamed(text: str) -> str:
        return _OPTIONS.sub(lambda match: of[match[1]], text)

    try:
        yield
    except RepurchaseError as error:
        found = [
            replace(one, what=renamed(one.what), hint=one.hint and renamed(one.hint))
            for one in error.problems
        ]
        raise type(error)(found) from error
