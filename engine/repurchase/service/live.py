"""The programs of one journal as the service holds them: desks, the writer and the readers."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, ParamSpec, TypeVar

import msgspec

from repurchase.domain.errors import Problem, UsageError
from repurchase.domain.events import Event
from repurchase.evaluation.step import Decided
from repurchase.journal.book import Book, RuleTexts
from repurchase.journal.desk import Desk
from repurchase.journal.records import Rules
from repurchase.journal.store import Journal
from repurchase.market.feed import Feed
from repurchase.report.measures import Measures
from repurchase.report.problems import AGAIN_SECONDS, Trouble
from repurchase.report.served import Check
from repurchase.report.weighed import Proved
from repurchase.service.access import Caller, Door
from repurchase.service.logged import Log
from repurchase.service.process import Process
from repurchase.service.questions import Prove
from repurchase.service.rule_files import RuleFiles
from repurchase.service.writer import Clock, Taken, Writer

P = ParamSpec("P")
R = TypeVar("R")
READERS: Final = 4
READS_MAX: Final = 256
# So many questions about rules may wait: one is answered after the other.
ASKS_MAX: Final = 8
# Another process may record events, too; so often a stream looks for them.
POLL_SECONDS: Final = 1
# The names of the programs are not read for each request.
NAMED_NS: Final = 10**9


class Loaded(msgspec.Struct, frozen=True):
    """A market file that was read, and when it was *changed_at* last, in nanoseconds."""

    path: Path
    changed_at: int


class Beginning(msgspec.Struct, frozen=True):
    """How programs begin that have not: by which *rules*, who adopts them, for how many persons.

    *feed* is what the *market* files supply to all programs.
    """

    rules: RuleFiles
    by: str | None
    one_person: bool
    feed: Feed
    market: tuple[Loaded, ...]


class Bounds(msgspec.Struct, frozen=True):
    """How many events may be *waiting*, and how many seconds a request may take to arrive."""

    waiting: int
    patience: int


def now() -> datetime:
    """Return the present moment, which is recorded with each event."""
    return datetime.now(UTC)


class Live:
    """The programs of one journal, with all that their requests share.

    *probed* is when the programs were probed last, and what was found. Whoever reads many records
    holds *searching*: several at once would leave the writer little of the processor.
    """

    door: Door
    log: Log
    beginning: Beginning
    bounds: Bounds
    feed: Feed
    measures: Measures
    stopping: asyncio.Event
    streams: int
    probed: tuple[int, tuple[Check, ...]] | None
    probing: asyncio.Lock
    searching: asyncio.Lock
    journal: Journal
    texts: RuleTexts
    writer: Writer
    process: Process

    def __init__(
        self, url: str, beginning: Beginning, door: Door, log: Log, bounds: Bounds
    ) -> None:
        """Open the journal at *url* and each of its programs.

        Raise UsageError if a program cannot be served, and JournalError if the journal cannot be
        read or its records contradict each other.
        """
        self._clock = Clock()
        self.door, self.log, self.beginning, self.bounds = door, log, beginning, bounds
        self.feed = beginning.feed
        self.probed = None
        self.probing = asyncio.Lock()
        self.searching = asyncio.Lock()
        self.measures = Measures()
        self.stopping = asyncio.Event()
        self.streams = 0
        self._reads = self._asks = 0
        self._bells: dict[str, set[asyncio.Event]] = {}
        self._desks: dict[str, Desk] = {}
        self._proved: dict[tuple[str, ...], Proved] = {}
        self._proving: set[asyncio.Future[None]] = set()
        self._opening_desk = threading.Lock()
        self._named: tuple[int, tuple[str, ...]] | None = None
        create = bool(beginning.rules.files)
        self.journal = Journal(url, create=create, reached=self._clock.reached)
        try:
            self.texts = RuleTexts(self.journal.text)
            for program in self.programs():
                self._check(program)
        except BaseException:
            self.journal.close()
            raise
        self.writer = Writer(
            self._record, self._clock, lambda error: log.fault("writer", error), bounds.waiting
        )
        self._readers = ThreadPoolExecutor(READERS, thread_name_prefix="reader")
        self.process = Process(url, tuple(one.path for one in beginning.market), log)
        # They wait for the process, and must not keep the readers waiting.
        self._askers = ThreadPoolExecutor(ASKS_MAX, thread_name_prefix="asker")

    def _check(self, program: str) -> None:
        """Raise UsageError if *program* cannot be served with the keys that there are."""
        book = self.desk(program).refresh()
        if self.door.keys is None:
            return
        if book.editions is None and self.beginning.by is None:
            hint = "name who adopts its rule file with --by"
            raise UsageError(Problem(f"the program `{program}` has not begun", hint))
        if book.position.identity is not None:
            what = f"the program `{program}` takes `by` from the operating system or the database"
            hint = "submit its events with `repurchase submit`"
            raise UsageError(Problem(what, hint))

    def programs(self) -> tuple[str, ...]:
        """Return the names of the programs that have begun, and of those that can.

        Those that another process began within the last second may be missing.
        """
        at = time.monotonic_ns()
        if self._named is None or at - self._named[0] > NAMED_NS:
            can_begin = self.beginning.rules.by_name()
            self._named = at, tuple(sorted({*self.journal.programs(), *can_begin}))
        return self._named[1]

    def desk(self, program: str) -> Desk:
        """Return the desk of *program*, which it opens at the first call."""
        with self._opening_desk:
            if program not in self._desks:
                has_begun = program in self.journal.programs()
                self._desks[program] = Desk(
                    self.journal,
                    program,
                    now,
                    None if has_begun else self.beginning.rules.by_name().get(program),
                    self.beginning.by,
                    self.feed,
                    one_person=self.beginning.one_person,
                )
            return self._desks[program]

    def at_desk(self, program: str, act: Callable[[Desk], R]) -> R:
        """Return what *act* does at the desk of *program*; at another one if that is refused.

        Another process may have begun the program, and adopted another rule file since.
        """
        try:
            return act(self.desk(program))
        except UsageError:
            with self._opening_desk:
                self._desks.pop(program, None)
            return act(self.desk(program))

    def book(self, program: str) -> Book:
        """Return *program* as it is now; raise Trouble if it has not begun."""
        book = self.desk(program).refresh()
        if book.editions is None:
            hint = "its first event adopts the rule file"
            raise Trouble("conflict", Problem("the program has not begun", hint))
        return book

    def named(self, caller: Caller, name: str | None) -> str:
        """Return the program *name*, or the only one of *caller*; raise Trouble otherwise."""
        if name is not None and caller.programs and name not in caller.programs:
            raise Trouble("other-program", Problem("the key is not for this program"))
        known = [one for one in self.programs() if not caller.programs or one in caller.programs]
        if name is None and len(known) == 1:
            return known[0]
        if name is None:
            what = "the request does not say which program it means"
            raise Trouble("unreadable", Problem(what, "name it in `authorization`"))
        if name not in known:
            raise Trouble("not-found", Problem("the journal has no program of this name"))
        return name

    async def submit(self, program: str, events: Sequence[Event]) -> Taken:
        """Return the decisions on *events* of *program* after their commit.

        Raise Trouble if none of them was recorded.
        """
        taken = await asyncio.shield(self.writer.put(program, events))
        for bell in self._bells.get(program, ()):
            bell.set()
        self._measure(program, taken)
        return taken

    async def read(self, function: Callable[P, R], *given: P.args, **named: P.kwargs) -> R:
        """Return what *function* returns in a reader's thread; raise Trouble if too many wait."""
        if self._reads >= READS_MAX:
            problem = Problem("too many questions wait", "ask again")
            raise Trouble("busy", problem, AGAIN_SECONDS)
        self._reads += 1
        try:
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(self._readers, lambda: function(*given, **named))
        finally:
            self._reads -= 1

    async def ask(self, function: Callable[P, R], *given: P.args, **named: P.kwargs) -> R:
        """Return what *function* of the process returns, which can take long.

        Raise Trouble if too many wait.
        """
        if self._asks >= ASKS_MAX:
            problem = Problem(f"{self._asks} questions about rules wait", "ask again later")
            raise Trouble("busy", problem, AGAIN_SECONDS)
        self._asks += 1
        try:
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(self._askers, lambda: function(*given, **named))
        finally:
            self._asks -= 1

    def proved(self, rules: Rules) -> Proved:
        """Return whether *rules* are proved; if that is not known, let it be found out."""
        key = rules.hashes()
        if key not in self._proved:
            self._proved[key] = "not proved yet"
            asking = asyncio.ensure_future(self._prove(rules))
            # The loop alone would not keep it.
            self._proving.add(asking)
            asking.add_done_callback(self._proving.discard)
        return self._proved[key]

    async def _prove(self, rules: Rules) -> None:
        key = rules.hashes()
        try:
            self._proved[key] = await self.ask(self.process.proved, Prove(rules))
        except Trouble:
            # Whoever asks next lets it be tried again.
            del self._proved[key]

    def refresh_rules(self) -> None:
        """Read again the rule files that were changed, for programs that have not begun."""
        changed = self.beginning.rules.refresh()
        if changed:
            # Reading took its time outside of the lock, for which submissions wait.
            with self._opening_desk:
                for name in changed.difference(self.journal.programs()):
                    self._desks.pop(name, None)
            self._named = None

    @contextmanager
    def listening(self, program: str) -> Iterator[asyncio.Event]:
        """Yield what is set each time that this process records something of *program*."""
        bells = self._bells.setdefault(program, set())
        bell = asyncio.Event()
        bells.add(bell)
        try:
            yield bell
        finally:
            bells.discard(bell)

    async def news(self, bell: asyncio.Event) -> None:
        """Return once *bell* is set, other processes may have recorded something, or all stops."""
        waits = [asyncio.ensure_future(one.wait()) for one in (bell, self.stopping)]
        await asyncio.wait(waits, timeout=POLL_SECONDS, return_when=asyncio.FIRST_COMPLETED)
        for one in waits:
            one.cancel()

    def close(self) -> None:
        """Record what waits, and close the journal."""
        self.writer.close()
        self.process.close()
        self._askers.shutdown()
        self._readers.shutdown()
        for desk in self._desks.values():
            desk.close()
        self.journal.close()

    def _record(self, program: str, events: Sequence[Event]) -> list[Decided]:
        return self.at_desk(program, lambda desk: desk.answer(events))

    def _measure(self, program: str, taken: Taken) -> None:
        stages = msgspec.structs.asdict(taken.stages)
        for stage, nanoseconds in stages.items():
            self.measures.time("repurchase_stage_seconds", nanoseconds, stage=stage)
        if taken.group:
            self.measures.group(taken.group)
        for one in taken.decisions:
            if one.repeated:
                continue
            decision = one.decision
            labels = {"program": program, "kind": decision.kind, "outcome": decision.outcome}
            self.measures.count("repurchase_decisions_total", **labels)
            for found in decision.findings:
                labels = {"program": program, "rule": found.rule, "result": found.result}
                self.measures.count("repurchase_findings_total", **labels)
