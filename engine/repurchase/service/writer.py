"""The one thread that records events: what waits together shares a commit, in bounded numbers.

An answer leaves only after its commit. Whoever waits for it may leave; the record stands.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Final

import msgspec

from repurchase.domain.errors import (
    InputError,
    Problem,
    RepurchaseError,
    Tampering,
)
from repurchase.domain.events import Event
from repurchase.evaluation.step import Decided
from repurchase.journal.desk import GROUP_MAX
from repurchase.report.problems import AGAIN_SECONDS, Trouble, trouble_of

# The steps of a transaction, as the journal names them, that end a stage.
_STEPS: Final = ("locked", "written", "committed")

# Records events of a program, all or none, and returns the decisions.
Record = Callable[[str, Sequence[Event]], list[Decided]]
Faulty = Callable[[BaseException], None]


class Stages(msgspec.Struct, frozen=True):
    """How many nanoseconds a submission took: in the queue, for the lock, to judge, to commit."""

    queue: int
    lock: int
    judge: int
    journal: int


class Taken(msgspec.Struct, frozen=True):
    """The decisions on what was submitted together, and how long they took.

    *group* is how many events a commit held; it is 0 except for the first submission of the commit.
    """

    decisions: tuple[Decided, ...]
    stages: Stages
    group: int


class Clock:
    """Notes when a transaction reached each step; a journal calls `reached`."""

    def __init__(self) -> None:
        self.begin()

    def begin(self) -> None:
        """Start anew."""
        self._began = time.perf_counter_ns()
        self._at: dict[str, int] = {}

    def reached(self, step: str) -> None:
        """Note that *step* was reached; the reading of a journal reaches none."""
        self._at[step] = time.perf_counter_ns()

    def stages(self, waiting_since: int) -> Stages:
        """Return how long each stage took for what waited since then."""
        locked, written, committed = (self._at.get(step, self._began) for step in _STEPS)
        return Stages(
            max(self._began - waiting_since, 0),
            max(locked - self._began, 0),
            max(written - locked, 0),
            max(committed - written, 0),
        )


class _Waiting(msgspec.Struct):
    """Events that wait together, and where their decisions go."""

    program: str
    events: Sequence[Event]
    future: asyncio.Future[Taken]
    since: int

    def settle(self, found: Taken | Trouble) -> None:
        """Hand over what was *found*, unless nobody waits any more."""
        if self.future.done():
            return
        if isinstance(found, Trouble):
            self.future.set_exception(found)
        else:
            self.future.set_result(found)


class Writer:
    """Records what is put into its queue, program by program, in the order in which it came.

    *waiting* events wait, and *recording* ones are in the commit that is under way. *trouble* is
    why the last group could not be recorded, if it could not.
    """

    thread: threading.Thread
    waiting: int
    recording: int
    trouble: Trouble | None

    def __init__(self, record: Record, clock: Clock, faulty: Faulty, waiting_max: int) -> None:
        """Start the thread. Past *waiting_max* events in the queue, no more are taken.

        Each group goes to *record*. A fault that nothing foresaw goes to *faulty*.
        """
        self._record = record
        self._clock = clock
        self._faulty = faulty
        self._waiting_max = waiting_max
        self._queue: deque[_Waiting] = deque()
        self._turn = threading.Condition()
        self._stops = False
        self.thread = threading.Thread(target=self._run, name="writer", daemon=True)
        self.waiting = self.recording = 0
        self.trouble = None
        self.thread.start()

    def put(self, program: str, events: Sequence[Event]) -> asyncio.Future[Taken]:
        """Return what will hold the decisions on *events*, recorded together or not at all.

        Raise Trouble, and take none of them, if too much waits already. Call it in the thread of
        the event loop.
        """
        loop = asyncio.get_running_loop()
        with self._turn:
            if self._stops or self.waiting + len(events) > self._waiting_max:
                what = "the service stops" if self._stops else f"{self.waiting:,} events wait"
                problem = Problem(f"{what}, and nothing was taken", "send it again unchanged")
                raise Trouble("busy", problem, AGAIN_SECONDS)
            one = _Waiting(program, events, loop.create_future(), time.perf_counter_ns())
            self._queue.append(one)
            self.waiting += len(events)
            self._turn.notify()
        return one.future

    def close(self) -> None:
        """Record what waits, and end the thread."""
        with self._turn:
            self._stops = True
            self._turn.notify()
        self.thread.join()

    def _run(self) -> None:
        while group := self._next():
            self._clock.begin()
            found = self._answered(group)
            self.recording = 0
            with suppress(RuntimeError):
                # The loop is closed if nobody waited for the rest.
                group[0].future.get_loop().call_soon_threadsafe(_settle, group, found)

    def _next(self) -> list[_Waiting]:
        """Return what shares the next commit, of one program; nothing at the end."""
        with self._turn:
            while not self._queue and not self._stops:
                self._turn.wait()
            group: list[_Waiting] = []
            size = 0
            others: deque[_Waiting] = deque()
            while self._queue and size < GROUP_MAX:
                one = self._queue.popleft()
                if group and (
                    one.program != group[0].program or size + len(one.events) > GROUP_MAX
                ):
                    others.append(one)
                    # What came later for this program must not overtake it.
                    if one.program == group[0].program:
                        break
                    continue
                group.append(one)
                size += len(one.events)
            self._queue.extendleft(reversed(others))
            self.waiting -= size
            self.recording = size
            return group

    def _answered(self, group: Sequence[_Waiting]) -> list[Taken | Trouble]:
        """Return what each of *group* gets: recorded in one transaction, or each in its own."""
        try:
            found = self._recorded(group)
        except (InputError, Tampering) as error:
            # What is wrong with one must not stop the others.
            if len(group) > 1:
                return [self._answered([one])[0] for one in group]
            self.trouble = trouble_of(error) if isinstance(error, Tampering) else None
            return [trouble_of(error)]
        except RepurchaseError as error:
            self.trouble = trouble_of(error, usage="conflict")
            return [self.trouble] * len(group)
        except Exception as error:  # noqa: BLE001 - the thread must go on, and its owner is told
            self._faulty(error)
            problem = Problem("the service failed", "send it again unchanged; the log says why")
            self.trouble = Trouble("fault", problem)
            return [self.trouble] * len(group)
        self.trouble = None
        return found

    def _recorded(self, group: Sequence[_Waiting]) -> list[Taken | Trouble]:
        events = [event for one in group for event in one.events]
        decisions = iter(self._record(group[0].program, events))
        return [
            Taken(
                tuple(next(decisions) for _ in one.events),
                self._clock.stages(one.since),
                len(events) if one is group[0] else 0,
            )
            for one in group
        ]


def _settle(group: Sequence[_Waiting], found: Sequence[Taken | Trouble]) -> None:
    for one, its in zip(group, found, strict=True):
        one.settle(its)
