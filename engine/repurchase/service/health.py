"""Whether the service lives, whether it can record events, and what it has measured."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Final

from starlette.responses import Response

from repurchase.domain.errors import RepurchaseError
from repurchase.journal.queries import overview
from repurchase.journal.records import Rules
from repurchase.report.measures import MEDIA_TYPE, Gauge
from repurchase.report.problems import Trouble, trouble_of
from repurchase.report.served import (
    Check,
    FileAge,
    FileFaults,
    ProgramRules,
    Ready,
    program_now,
    used,
)
from repurchase.service.asked import Asked, answered
from repurchase.service.live import Live, Loaded, now

_SECOND: Final = 10**9
# So long a probe of the programs counts: anybody may ask for it.
_PROBED_NS: Final = _SECOND


async def alive(_: Asked) -> Response:
    """Answer that the process lives."""
    return answered({"alive": True})


async def ready(asked: Asked) -> Response:
    """Answer whether events can be recorded: the journal, its chain, rules and market files."""
    live = asked.live
    own, others = tuple(_own(live)), await _of_programs(live)
    is_ready = all(one.is_met for one in (*own, *others))
    keys = "needed" if live.door.keys is not None else "none: this machine alone is let in"
    if _may_see(asked):
        rules = await live.read(lambda: tuple(_rules(live)))
        proved = tuple(ProgramRules(name, of.file, live.proved(of)) for name, of in rules)
        ages = tuple(map(_age, live.beginning.market))
        found = Ready(is_ready, keys, (*own, *others), proved, tuple(_files(live)), ages)
    else:
        # Whoever has no key learns no names.
        all_ready = Check("programs", all(one.is_met for one in others))
        found = Ready(is_ready, keys, (*own, all_ready), (), (), ())
    return answered(found, 200 if is_ready else 503)


def _may_see(asked: Asked) -> bool:
    """Return whether a key for all programs came with the request, which needs none."""
    try:
        asked.live.door.caller(asked.request).check_all()
    except Trouble:
        return False
    return True


def _own(live: Live) -> Iterator[Check]:
    """Yield what this process knows of itself."""
    writer, ring = live.writer, live.door.keys
    # What went wrong last may be over: whether it is, the programs show.
    what = None if writer.trouble is None else f"last time: {writer.trouble.code}"
    yield Check("writer", writer.thread.is_alive(), what)
    fault = None if ring is None else ring.fault()
    yield Check("keys", fault is None, fault)
    yield Check("accepting", not live.stopping.is_set())


async def _of_programs(live: Live) -> tuple[Check, ...]:
    """Return whether each program can be written; what was found a moment ago still counts."""
    async with live.probing:
        at = time.monotonic_ns()
        if live.probed is None or at - live.probed[0] > _PROBED_NS:
            live.probed = at, await live.read(lambda: tuple(_programs(live)))
        return live.probed[1]


def _programs(live: Live) -> Iterator[Check]:
    """Yield for each program whether it can be written, whether its chain is whole, its rules."""
    live.refresh_rules()
    given = {name: one.rules for name, one in live.beginning.rules.by_name().items()}
    for name in live.programs():
        try:
            book = live.desk(name).refresh()
            if book.rules is None:
                yield Check(f"program {name}", is_met=True, what="it has not begun")
                continue
            with live.journal.writing(name) as writer:
                writer.touch()
                is_whole = writer.head.sequence >= book.head.sequence
            other = given.get(name, book.rules) != book.rules
            what = "another rule file is in force than the one given: propose it" if other else None
            yield Check(f"program {name}", is_whole, what)
        except RepurchaseError as error:
            yield Check(f"program {name}", is_met=False, what=trouble_of(error).code)


def _rules(live: Live) -> Iterator[tuple[str, Rules]]:
    """Yield the rules in force of each program that can be read."""
    for name in live.programs():
        with suppress(RepurchaseError):
            book = live.desk(name).refresh()
            if book.rules is not None:
                yield name, book.rules


def _files(live: Live) -> Iterator[FileFaults]:
    """Yield the rule files that have a fault now; what could be read last still counts."""
    rules = live.beginning.rules
    for path, one in rules.files.items():
        if one.faults:
            yield FileFaults(path.name, tuple(map(str, one.faults)), is_in_use=True)
    for path, faults in rules.faults.items():
        yield FileFaults(path.name, tuple(map(str, faults)), is_in_use=False)


def _age(file: Loaded) -> FileAge:
    """Return how old the market *file* is, and whether it is another one than was read."""
    try:
        changed_at = file.path.stat().st_mtime_ns
    except OSError:
        changed_at = 0
    age = (time.time_ns() - file.changed_at) // _SECOND
    return FileAge(file.path.name, age, changed_at != file.changed_at)


async def metrics(asked: Asked) -> Response:
    """Answer what was counted and measured, for Prometheus."""
    asked.caller.check_all()
    live = asked.live
    gauges = [
        ("repurchase_waiting_events", (), str(live.writer.waiting)),
        ("repurchase_recording_events", (), str(live.writer.recording)),
        ("repurchase_streams", (), str(live.streams)),
        *await live.read(lambda: list(_gauges(live))),
        ("repurchase_rule_files_with_faults", (), str(len(tuple(_files(live))))),
    ]
    return Response(live.measures.text(gauges).encode(), media_type=MEDIA_TYPE)


def _gauges(live: Live) -> Iterator[Gauge]:
    live.refresh_rules()
    for name in live.programs():
        book = live.desk(name).refresh()
        if book.editions is None:
            continue
        found = overview(book, now())
        label = ("program", name)
        yield "repurchase_halts", (label,), str(len(found.halts))
        for of, part in used(found.position):
            yield "repurchase_used_ratio", (label, ("cap", of)), part
        left = program_now(book, now()).days_left
        if left is not None:
            yield "repurchase_days_left", (label,), str(left)
