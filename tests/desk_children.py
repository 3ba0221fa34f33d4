"""Processes that submit to one program, for the tests that kill them or let them compete.

Run as a program, it imports everything once and forks: a child costs milliseconds. What a child
was answered it writes to a pipe, a line each, as soon as it has it.
"""

from __future__ import annotations

import itertools
import json
import os
import random
import resource
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from functools import partial
from typing import Any, Final

import msgspec

from desk_breaks import BREAKS
from desk_events import PROGRAM, about, clock, name_of, order, roomy_rules, rules
from repurchase.audit.verify import verify
from repurchase.domain.errors import RepurchaseError
from repurchase.domain.events import Event
from repurchase.journal.book import stored_book
from repurchase.journal.desk import Desk
from repurchase.journal.records import read_record
from repurchase.journal.store import Journal
from repurchase.ledger.position import Position

# So many threads of a child submit at once.
THREADS: Final = 3
# A journal is killed so often; then another is begun, or each opening would read ever more.
KILLS_A_JOURNAL: Final = 10
# A child tells so much at most before it is killed, and lives so long after that.
LINES_MAX: Final = 12
LIFE_MAX_S: Final = 0.01


def main() -> None:
    """Do what the command line says and write what came of it as JSON."""
    _, what, *arguments = sys.argv[1:]
    sys.stdout.write(json.dumps(_COMMANDS[what](*arguments)))


# -- killed at any moment -------------------------------------------------------------------------


def killed(place: str, kills: str, seed: str) -> dict[str, int]:
    """Kill *kills* children at random moments while they submit; return what was checked.

    Raise AssertionError where an answer that left has no record, or an event has not just one.
    """
    chance = random.Random(int(seed))
    counts = {"kills": 0, "answered": 0, "unanswered": 0, "recorded unanswered": 0}
    warm()
    for number in range(int(kills)):
        url = place if "://" in place else f"{place}{number // KILLS_A_JOURNAL}.db"
        lines, life = chance.randint(1, LINES_MAX), chance.uniform(0, LIFE_MAX_S)
        started, acknowledged = kill_one(url, number, lines, life)
        _check_after_kill(url, started, acknowledged, counts)
        counts["kills"] += 1
    return counts


def warm() -> None:
    """Compile the rules, so that no child has to."""
    rules().editions.of(order("warm"), Position())


def kill_one(
    url: str, number: int, lines_min: int, life: float
) -> tuple[list[Event], dict[str, str]]:
    """Let a child submit until it told *lines_min* lines and *life* seconds more, and kill it.

    Return what it set out to submit, and what it was answered, by id. Counting what it tells
    kills it amid its work on a slow machine too.
    """
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        _end_with(lambda: _submit_from_threads(url, number, write))
    os.close(write)
    said = b""
    while said.count(b"\n") < lines_min and (more := os.read(read, 1 << 16)):
        said += more
    time.sleep(life)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    with os.fdopen(read, "rb") as rest:
        said += rest.read()
    # A line is written at once, so none is half there.
    told = [json.loads(line) for line in said.splitlines()]
    started = [event_named(name) for name in dict.fromkeys(name for name, _ in told if name)]
    return started, {name: answer for name, answer in told if answer}


def event_named(name: str) -> Event:
    """Return the event that a child submits as *name*: each thread stops, resumes and goes on."""
    thread, _, number = name.rpartition("-")
    before = f"{thread}-{int(number) - 1}"
    fill = {"order": before, "quantity": 1, "price": 10, "fees": 0}
    return (
        order(name, 1),
        about("fill", name, **fill),
        about("halt", name),
        about("resume", name, causes=(before,)),
        about("confirm", name, of=before, by="cid"),
        order(name, 1),
        about("cancel", name, order=before),
    )[int(number) % 7]


def _submit_from_threads(url: str, number: int, write: int) -> None:
    journal = Journal(url, create=True)
    desk = Desk(journal, PROGRAM, clock(), rules(), "ann")
    _tell(write, "", "")

    def submit_all(thread: int) -> None:
        for count in range(10_000):
            name = f"o{number}-{thread}-{count}"
            _tell(write, name, "")
            decision = desk.submit(event_named(name)).decision
            _tell(write, name, msgspec.json.encode(decision).decode())

    _in_threads(THREADS, submit_all)


def _check_after_kill(
    url: str, started: list[Event], acknowledged: dict[str, str], counts: dict[str, int]
) -> None:
    with Journal(url, create=True) as journal:
        # Raises where the chain is not whole, or a position not what its events come to.
        book = stored_book(journal, PROGRAM)
        assert book.head == journal.head(PROGRAM)
        before = _decisions(journal)
        for name, answer in acknowledged.items():
            assert before.get(name) == answer, f"the answer to {name} was lost"
        desk = Desk(journal, PROGRAM, clock(), rules(), "ann")
        for event in started:
            answered = desk.submit(event)
            if event.kind == "halt":
                # A stop that is sent again stops again.
                assert event.id in {one.partition("#")[0] for one in answered.decision.halted_by}
                continue
            decision = msgspec.json.encode(answered.decision).decode()
            assert decision == before.get(event.id, decision)
        after = _decisions(journal)
        assert before.items() <= after.items()
        assert {event.id for event in started} <= after.keys()
        recorded = sum(one.key is not None for one in journal.records(PROGRAM))
        assert recorded == len(after), "an event has two records"
    unanswered = [event.id for event in started if event.id not in acknowledged]
    counts["answered"] += len(acknowledged)
    counts["unanswered"] += len(unanswered)
    counts["recorded unanswered"] += sum(name in before for name in unanswered)


def _decisions(journal: Journal) -> dict[str, str]:
    return {
        name_of(one): msgspec.json.encode(read_record(one.body).decision()).decode()
        for one in journal.records(PROGRAM)
        if one.key is not None
    }


# -- ended at a named point -----------------------------------------------------------------------


def ended(url: str, failpoint: str) -> dict[str, Any]:
    """Submit one event, and a second in a child that ends at *failpoint*; return what is left."""
    first, second = order("o1"), order("o2")
    with Journal(url, create=True) as journal:
        Desk(journal, PROGRAM, clock(), rules()).submit(first)
    child = os.fork()
    if child == 0:
        _end_with(lambda: _end_at(url, failpoint, second))
    _, status = os.waitpid(child, 0)
    with Journal(url) as journal:
        left = list(_decisions(journal))
        desk = Desk(journal, PROGRAM, clock(), rules())
        outcome = desk.submit(second).decision.outcome
        ids = [one.key and name_of(one) for one in journal.records(PROGRAM)]
        position = str(stored_book(journal, PROGRAM).position.reserved_shares)
    return {
        "status": os.waitstatus_to_exitcode(status),
        "left": left,
        "outcome": outcome,
        "ids": ids,
        "reserved": position,
    }


def _end_at(url: str, failpoint: str, event: Event) -> None:
    def reached(name: str) -> None:
        if name == failpoint:
            os._exit(77)

    journal = Journal(url, reached=reached)
    Desk(journal, PROGRAM, clock(), rules()).submit(event)


# -- all at once ----------------------------------------------------------------------------------


def together(url: str, processes: str, threads: str) -> list[dict[str, Any]]:
    """Submit orders of one share from many processes until each thread is denied.

    All open the journal at once, which none has made yet, and begin to submit at once. Return for
    each how often it was approved, when each answer came, and when it was done.
    """
    roomy_rules().editions.of(order("warm"), Position())
    starts = [os.pipe(), os.pipe()]
    pipes = []
    for number in range(int(processes)):
        read, write = os.pipe()
        if os.fork() == 0:
            for _, end in starts:
                os.close(end)
            waits = [start for start, _ in starts]
            _end_with(partial(_compete, url, number, int(threads), waits, write))
        os.close(write)
        pipes.append(os.fdopen(read, encoding="utf-8"))
    os.close(starts[0][1])
    ready = [pipe.readline() for pipe in pipes]
    os.close(starts[1][1])
    found = []
    for pipe, said in zip(pipes, ready, strict=True):
        told = pipe.readline()
        found.append(json.loads(told) if told else {"error": said})
    for pipe in pipes:
        pipe.close()
        os.wait()
    return found


def _compete(url: str, number: int, threads: int, starts: list[int], write: int) -> None:
    # A read ends when the parent closes its end.
    os.read(starts[0], 1)
    try:
        journal = Journal(url, create=True)
        desk = Desk(journal, PROGRAM, clock(), roomy_rules())
    except RepurchaseError as error:
        os.write(write, f"{error}\n".encode())
        return
    os.write(write, b"ready\n")
    os.read(starts[1], 1)
    answers: list[tuple[float, str]] = []
    errors: list[str] = []

    def submit_until_denied(thread: int) -> None:
        for count in itertools.count():
            try:
                outcome = desk.submit(order(f"o{number}-{thread}-{count}", 1)).decision.outcome
            except RepurchaseError as error:
                errors.append(str(error))
                return
            answers.append((time.monotonic(), outcome))
            if outcome != "approved":
                return

    _in_threads(threads, submit_until_denied)
    told = {
        "approved": sum(outcome == "approved" for _, outcome in answers),
        "first": min((at for at, _ in answers), default=None),
        "done": max((at for at, _ in answers), default=None),
        "error": "; ".join(errors) or None,
    }
    os.write(write, (json.dumps(told) + "\n").encode())


# -- where nothing can be written -----------------------------------------------------------------


def full(url: str, bytes_max: str) -> dict[str, Any]:
    """Submit in a child that may write files of *bytes_max* bytes; return how far it came."""
    return _told(lambda: _fill_up(url, int(bytes_max)))


def unprivileged(url: str) -> dict[str, Any]:
    """Submit one event in a child that is nobody in particular; return what came of it."""
    return _told(lambda: _as_nobody(url))


def reading(url: str, who: str = "nobody") -> dict[str, Any]:
    """Judge a journal again in a child that is nobody in particular; return what came of it."""
    return _told(lambda: _read(url, who))


def _fill_up(url: str, bytes_max: int) -> dict[str, Any]:
    approved: list[str] = []
    with Journal(url, create=True) as journal:
        desk = Desk(journal, PROGRAM, clock(), rules())
        resource.setrlimit(resource.RLIMIT_FSIZE, (bytes_max, bytes_max))
        for count in range(40):
            try:
                decision = desk.submit(order(f"o{count}")).decision
            except RepurchaseError as error:
                return {"approved": approved, "error": str(error)}
            approved.extend([decision.id] * (decision.outcome == "approved"))
    return {"approved": approved, "error": None}


def _become_nobody() -> None:
    if os.getuid() == 0:
        os.setgroups([])
        os.setgid(65534)
        os.setuid(65534)


def _read(url: str, who: str) -> dict[str, Any]:
    # Nobody may not read what would be imported only then.
    with tempfile.TemporaryDirectory() as folder, Journal(f"{folder}/warm", create=True) as other:
        Desk(other, PROGRAM, clock(), rules()).submit(order("o1"))
        verify(other, PROGRAM)
    if who == "nobody":
        _become_nobody()
    try:
        with Journal(url) as journal:
            return {"records": verify(journal, PROGRAM).records, "error": None}
    except RepurchaseError as error:
        return {"records": None, "error": str(error)}


def _as_nobody(url: str) -> dict[str, Any]:
    # Nobody may not read what would be imported only then.
    with tempfile.TemporaryDirectory() as folder, Journal(f"{folder}/warm", create=True) as other:
        Desk(other, PROGRAM, clock(), rules()).submit(order("o1"))
    _become_nobody()
    try:
        with Journal(url, create=True) as journal:
            outcome = Desk(journal, PROGRAM, clock(), rules()).submit(order("o2")).decision.outcome
    except RepurchaseError as error:
        return {"outcome": None, "error": str(error)}
    return {"outcome": outcome, "error": None}


def _told(work: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """Return what *work* returns in a child."""
    warm()
    read, write = os.pipe()
    if os.fork() == 0:
        _end_with(lambda: os.write(write, json.dumps(work()).encode()))
    os.close(write)
    with os.fdopen(read, encoding="utf-8") as told:
        found: dict[str, Any] = json.loads(told.read())
    os.wait()
    return found


# -- what they share ------------------------------------------------------------------------------


def _tell(write: int, name: str, answer: str) -> None:
    os.write(write, (json.dumps([name, answer]) + "\n").encode())


def _in_threads(count: int, work: Callable[[int], None]) -> None:
    threads = [threading.Thread(target=work, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def _end_with(work: Callable[[], object]) -> None:
    """Do *work* in a child, broken as the command line says, and end it there in any case."""
    status = 1
    broken = sys.argv[1]
    try:
        if broken:
            BREAKS[broken](setattr)
        work()
        status = 0
    finally:
        sys.stderr.flush()
        os._exit(status)


_COMMANDS: Final[dict[str, Callable[..., Any]]] = {
    "killed": killed,
    "ended": ended,
    "together": together,
    "full": full,
    "unprivileged": unprivileged,
    "reading": reading,
}

if __name__ == "__main__":
    main()
