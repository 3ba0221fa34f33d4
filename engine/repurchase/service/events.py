"""The routes that take events: submit one or several, or ask what would be decided."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from msgspec.structs import replace
from starlette.responses import Response

from repurchase.domain.errors import InputError, Problem, UsageError
from repurchase.domain.events import Event
from repurchase.evaluation.step import Decided
from repurchase.intake.objects import event_from_json
from repurchase.journal.desk import GROUP_MAX
from repurchase.report.problems import Trouble, trouble_of
from repurchase.report.ways import answer_object
from repurchase.report.written import decision_object, json_text
from repurchase.service.asked import Asked, answered

ONE: Final = "application/json"
LINES: Final = "application/x-ndjson"


async def submit(asked: Asked) -> Response:
    """Record one event, or several lines of events together, and answer after the commit.

    Several are recorded all or not at all. Each may be sent again unchanged: it then has the same
    decision, marked `repeated`.
    """
    kind, events = await _events(asked)
    program = _program(asked, events)
    taken = await asked.live.submit(program, [asked.caller.signed(one) for one in events])
    asked.noted |= {"events": len(events), "outcome": _outcomes(taken.decisions)}
    asked.noted["stages"] = taken.stages
    return _answer(kind, map(answer_object, taken.decisions))


async def check(asked: Asked) -> Response:
    """Answer what would be decided now, with every rule; record nothing."""
    kind, events = await _events(asked)
    program = _program(asked, events)
    signed = [asked.caller.signed(one) for one in events]
    if len(signed) != 1:
        problem = Problem("several events are asked about", "ask about one at a time")
        raise Trouble("unreadable", problem)
    live = asked.live
    try:
        decided = await live.read(live.at_desk, program, lambda desk: desk.would_answer(signed[0]))
    except UsageError as error:
        raise trouble_of(error, usage="conflict") from error
    asked.noted["outcome"] = decided.decision.outcome
    return _answer(kind, [decision_object(decided)])


async def _events(asked: Asked) -> tuple[str, list[Event]]:
    """Return the content type of the body, and its events; raise Trouble with every fault."""
    kind = asked.media(f"send one event as {ONE}, or one on each line as {LINES}", ONE, LINES)
    body = await asked.body()
    if kind == ONE:
        return kind, [_read(body, asked.caller.by)]
    lines = [(at, one) for at, one in enumerate(body.splitlines(), 1) if one.strip()]
    if not 1 <= len(lines) <= GROUP_MAX:
        hint = f"send 1 to {GROUP_MAX}"
        raise Trouble("unreadable", Problem(f"the body has {len(lines):,} events", hint))
    return kind, _each(lines, asked.caller.by)


def _read(body: bytes, by: str | None) -> Event:
    try:
        return event_from_json(body, by=by)
    except InputError as error:
        raise trouble_of(error) from error


def _each(lines: Iterable[tuple[int, bytes]], by: str | None) -> list[Event]:
    """Return the event of *by* on each of *lines*; raise Trouble with the faults of all."""
    events: list[Event] = []
    problems: list[Problem] = []
    for number, line in lines:
        try:
            events.append(_read(line, by))
        except Trouble as trouble:
            problems += (replace(one, line=number) for one in trouble.problems)
    if problems:
        raise Trouble("unreadable", problems)
    return events


def _program(asked: Asked, events: Iterable[Event]) -> str:
    """Return the program that all *events* are of; raise Trouble if they are of several."""
    names = {event.authorization for event in events}
    if len(names - {None}) > 1:
        problem = Problem("the events are of several programs", "send those of one at a time")
        raise Trouble("unreadable", problem)
    return asked.named(max(names, key=lambda name: name is not None))


def _answer(kind: str, answers: Iterable[object]) -> Response:
    if kind == ONE:
        return answered(next(iter(answers)))
    lines = (f"{json_text(one)}\n" for one in answers)
    return Response("".join(lines).encode(), media_type=LINES)


def _outcomes(decisions: Iterable[Decided]) -> str:
    return " ".join(sorted({one.decision.outcome for one in decisions}))
