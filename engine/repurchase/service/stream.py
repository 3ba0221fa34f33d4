"""The stream of decisions: each is sent once it is recorded, and a reader resumes where it was.

The journal is the only source, so a stream has what other processes record, too, in order.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Final

from starlette.responses import Response, StreamingResponse

from repurchase.domain.errors import Problem
from repurchase.journal.pages import Page, Wanted, page
from repurchase.report.problems import AGAIN_SECONDS, Trouble
from repurchase.report.served import recorded
from repurchase.report.written import json_text
from repurchase.service.asked import Asked, whole

STREAMS_MAX: Final = 64
PAGE: Final = 100
MEDIA_TYPE: Final = "text/event-stream"
RESUME: Final = "last-event-id"
# After so many empty looks, a comment keeps the connection open.
_QUIET_MAX: Final = 15


async def stream(asked: Asked) -> Response:
    """Send each decision as a server-sent event, from now on or after `Last-Event-ID`.

    The ID of an event is the number of its record. The stream ends with an event `stop`, also if
    the key does.
    """
    live, name = asked.live, asked.program
    resumed = asked.request.headers.get(RESUME)
    if resumed is not None:
        asked.given["after"] = resumed
    after = asked.value("after", whole)
    last = (await live.read(live.journal.head, name)).sequence
    if after is not None and after > last:
        what = f"the journal has no record {after:,}: its last is {last:,}"
        raise Trouble("conflict", Problem(what, "begin anew, without an ID"))
    if live.streams >= STREAMS_MAX:
        problem = Problem(f"{STREAMS_MAX} streams are open", "try again later")
        raise Trouble("busy", problem, AGAIN_SECONDS)
    if asked.request.method == "HEAD":
        return Response(media_type=MEDIA_TYPE)
    start = last if after is None else after
    return StreamingResponse(_events(asked, name, start), media_type=MEDIA_TYPE)


def _may_read_on(asked: Asked) -> bool:
    """Return whether the key, by which the stream began, is still valid."""
    try:
        asked.live.door.caller(asked.request)
    except Trouble:
        return False
    return True


def _sent(found: Page) -> bytes:
    lines = (
        f"id: {one.record}\nevent: decision\ndata: {json_text(one)}\n\n"
        for one in recorded(found.lines)
    )
    return "".join(lines).encode()


async def _events(asked: Asked, name: str, after: int) -> AsyncIterator[bytes]:
    live = asked.live
    live.streams += 1
    quiet = 0
    try:
        with live.listening(name) as bell:
            yield b"retry: 1000\n\n"
            while not live.stopping.is_set() and _may_read_on(asked):
                bell.clear()
                found = await live.read(page, live.journal, name, live.texts, after, PAGE, Wanted())
                after = found.last
                quiet = 0 if found.lines else quiet + 1
                if found.lines:
                    yield await live.read(_sent, found)
                if quiet and not quiet % _QUIET_MAX:
                    yield b": still here\n\n"
                if found.is_end:
                    await live.news(bell)
            yield b"event: stop\ndata: {}\n\n"
    finally:
        live.streams -= 1
