"""Live events into a journal from Python: each decision is returned once its record is on disk."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from os import PathLike, fspath
from typing import TYPE_CHECKING, Any, Final, Literal, Self, overload

from repurchase.api.answers import Decision, Position, answer_of, position_of
from repurchase.api.events import EventLike, Files, Tick, event_of, fields_of
from repurchase.api.headroom import Headroom, headroom_of, question
from repurchase.api.program import tick_of
from repurchase.api.rules import Rules, feed_of
from repurchase.domain.errors import Problem, UsageError, plain
from repurchase.evaluation import headroom as room
from repurchase.evaluation.step import position_report
from repurchase.ledger.position import Position as Used

if TYPE_CHECKING:
    from repurchase.journal.book import Book
    from repurchase.journal.rule_texts import RuleText
    from repurchase.journal.store import Journal
from repurchase.rulebook.editions import Edition, Editions
from repurchase.rulebook.life import life

# Each can be iterated over, and is one event, or none.
_NOT_SEVERAL: Final = (str, bytes, bytearray, memoryview, Mapping)


class Desk:
    """One program's live events in a journal, which `repurchase verify` can verify.

    Use it in a `with` statement, or close it. Threads may share it: one call works at a time.

    >>> import repurchase, tempfile
    >>> order = {"kind": "order", "id": "o-1", "time": "2008-11-14T10:00:00-05:00", "side": "buy"}
    >>> order |= {"symbol": "IIJI", "quantity": 400, "price": "2.65", "fx": 96}
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with repurchase.Desk(f"{folder}/desk.db", repurchase.Rules("iij-2008")) as desk:
    ...         decision = desk.submit(order)
    >>> decision.outcome
    'approved'
    """

    def __init__(
        self,
        journal: str | PathLike[str],
        rules: Rules | str | PathLike[str] | None = None,
        *,
        by: str | None = None,
        authorization: str | None = None,
        market: Files = (),
        one_person: bool = False,
        identity: Literal["os", "database"] | None = None,
    ) -> None:
        """Open the *journal*: the path of a file, or postgresql://user@host/name.

        With *rules* a missing journal is made; the first submission adopts them, *by* a person.
        Later they must be the rules adopted, or left out. With *one_person*, the program begins as
        one in which nobody else confirms what loosens. With *identity*, who sends an event is the
        operating system's user or the database's role, and no event can say another.
        *authorization* says which program is meant, if the journal holds several. *market* names
        files of prices, volumes or issuer facts. Raise UsageError for a call that cannot be carried
        out, RuleFileError or InputError for a wrong file, JournalError for a journal that cannot be
        read.
        """
        from repurchase.journal.desk import Desk as Live
        from repurchase.journal.desk import check_said
        from repurchase.journal.rule_texts import adoptable
        from repurchase.journal.store import Journal

        if by is not None:
            check_said("by", by)
        given = rules if isinstance(rules, Rules | None) else Rules(rules)
        if given is not None and given.editions.known_at is not None:
            what = "the rules are those known on one day, and a desk goes by what is known now"
            raise UsageError(Problem(what, "load them without `known_at`"))
        self._lock = threading.RLock()
        self._rules = given
        self._feed = feed_of(market)
        text = None if given is None else adoptable(given.editions)
        if text is not None:
            self._feed.of(text.editions.authorization)
        self._is_open = True
        self._journal = Journal(fspath(journal), create=text is not None)
        try:
            self._program = program_of(self._journal, text, authorization)
            self._live = Live(
                self._journal,
                self._program,
                _now,
                text,
                by,
                self._feed,
                one_person=one_person,
                identity=identity,
            )
        except BaseException:
            self._journal.close()
            raise

    # A text is a sequence of texts too: it is one event.
    @overload
    def submit(self, events: EventLike) -> Decision: ...  # type: ignore[overload-overlap]

    @overload
    def submit(self, events: Iterable[EventLike]) -> tuple[Decision, ...]: ...

    def submit(self, events: EventLike | Iterable[EventLike]) -> Decision | tuple[Decision, ...]:
        """Return the decision on an event, or those on several, once all are on disk.

        Several are recorded together or not at all. The same event again gets the same decision and
        no second record; its ID with other content is refused. Raise InputError for an event that
        cannot be read, is of another authorization or dated in the future; JournalError if nothing
        could be recorded: then submit the events again as they are.
        """
        if isinstance(events, _NOT_SEVERAL) or not isinstance(events, Iterable):
            one: Any = events
            return self._submitted((one,))[0]
        return self._submitted(tuple(events))

    def check(self, event: EventLike) -> Decision:
        """Return the decision that `submit` would return now, with every rule; record nothing.

        A program that has not begun is asked by the rules that the desk was opened with. The same
        event again gets its recorded decision, with only the findings recorded. Raise InputError
        for an event that `submit` would not read, UsageError if the desk was opened with other
        rules than those adopted, JournalError if the journal cannot be read.
        """
        one = event_of(event)
        with self._lock:
            self._check_open()
            return answer_of(self._live.would_answer(one))

    def headroom(self, order: Mapping[str, object], *, tick: Tick | None = None) -> Headroom:
        """Return the largest quantity or the highest price at which *order* would be approved.

        *order* are its fields without `kind` and `id`; of `price` and `quantity` it leaves out the
        one to be found. It buys, now, unless it says otherwise. *tick* is the tick size, 0.01
        if not given. Nothing is recorded. Raise UsageError for a question that has no answer,
        InputError for a field that cannot be read.
        """
        values = fields_of(order)
        if values.get("time") is None and values.get("date") is None:
            values["time"] = _now().isoformat()
        asked, grid = question(values, tick_of(tick))
        with self._lock:
            editions, used = self._now_at()
            its = life(editions, asked, used)
            market = self._feed.of(editions.authorization)
            return headroom_of(room.headroom(asked, used, its, market, grid), asked)

    @property
    def position(self) -> Position:
        """Return what the program has used and has left now, with what others recorded."""
        with self._lock:
            editions, used = self._now_at()
            edition: Edition = editions.on(_now().astimezone(editions.zone).date())
            return position_of(position_report(used, edition))

    @property
    def halted_by(self) -> tuple[str, ...]:
        """Return the IDs of the events that halt the program now, the oldest first."""
        with self._lock:
            return self._now_at()[1].halted_by

    def close(self) -> None:
        """Close the journal; closing it again does nothing."""
        if self._is_open:
            self._live.close()
        self._is_open = False
        self._journal.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<Desk of {self._program!r}>"

    def _submitted(self, given: Iterable[EventLike]) -> tuple[Decision, ...]:
        events = [event_of(one) for one in given]
        with self._lock:
            self._check_open()
            answers = self._live.answer(events) if events else []
        return tuple(map(answer_of, answers))

    def _now_at(self) -> tuple[Editions, Used]:
        """Return the rules that the program goes by, and what it has used."""
        self._check_open()
        book: Book = self._live.refresh()
        if book.editions is not None:
            return book.editions, book.position
        assert self._rules is not None, "a program that has not begun was opened with its rules"
        return self._rules.editions, book.position

    def _check_open(self) -> None:
        if not self._is_open:
            raise UsageError(Problem("the desk is closed", "open the journal again"))


def program_of(journal: Journal, text: RuleText | None, authorization: str | None) -> str:
    """Return which program of *journal* is meant by the rules *text* and the name *authorization*.

    Raise UsageError if that is not clear, or if the rules are of another.
    """
    if text is None:
        return program_named(journal, authorization)
    name = text.editions.authorization.name
    if authorization not in (None, name):
        what = f"the rule file is of authorization `{name}`, not `{authorization}`"
        raise UsageError(Problem(what, file=text.name))
    held = journal.programs()
    if authorization is None and held and name not in held:
        # Under an edited name a new program would begin, with nothing used.
        what = f"the rule file is of authorization `{name}`, but the journal has `{held[0]}`"
        hint = f"to begin another program in this journal, add --authorization {name}"
        raise UsageError(Problem(what, hint, text.name))
    return name


def program_named(journal: Journal, name: str | None) -> str:
    """Return the program *name* of *journal*, or its only one; raise UsageError otherwise."""
    programs = journal.programs()
    held = ", ".join(f"`{plain(program)}`" for program in programs)
    if name is None and len(programs) == 1:
        return programs[0]
    if name in programs:
        return name
    if not programs:
        stray = journal.stray()
        if stray is None:
            raise UsageError(Problem("the journal has no program yet", file=journal.url))
        what = f"the journal lists no program, but has records of `{plain(stray[0])}`"
        raise UsageError(Problem(what, "run `repurchase verify` for details", journal.url))
    if name is None:
        what, hint = f"the journal has several programs: {held}", "name one with --authorization"
        raise UsageError(Problem(what, hint))
    what = f"the journal has no program `{plain(name)}`, only {held}"
    raise UsageError(Problem(what, file=journal.url))


def _now() -> datetime:
    return datetime.now(UTC)
