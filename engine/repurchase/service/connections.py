"""The connections of the HTTP server: how much, and how long, a request may be before it is whole.

The parser in C bounds neither its headers nor its time, so both are bounded here.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from uvicorn.protocols.http.flow_control import service_unavailable
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

if TYPE_CHECKING:
    from uvicorn._types import ASGI3Application

HEAD_BYTES_MAX: Final = 1 << 15
HEADERS_MAX: Final = 100
_TOO_LARGE: Final = "the head of the request is too large"


class TooLarge(Exception):
    """The head of a request is larger than it may be; the parser takes it for an invalid one."""


class Connection(HttpToolsProtocol):
    """One connection, which is closed if a request on it is too large or too slow."""

    def __init__(
        self,
        seconds_max: int,
        unreadable: Callable[[str], bytes],
        crowded: Callable[[], Any],
        **named: Any,
    ) -> None:
        """Give each request *seconds_max* from its first byte to its last one.

        *unreadable* returns the answer to what is not a request, with what is wrong, and *crowded*
        what answers a request beyond those that are answered at once.
        """
        super().__init__(**named)
        self._unreadable = unreadable
        self._fault = "this is not a request of HTTP"
        self._crowded = crowded
        self._seconds_max = seconds_max
        self._in_head = False
        self._head = 0
        self._deadline: asyncio.TimerHandle | None = None
        self._unread: asyncio.TimerHandle | None = None
        self._answered: RequestResponseCycle | None = None

    # As the server declares it: asyncio knows a wider type.
    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Start counting, even if nothing is sent."""
        super().connection_made(transport)
        self._start()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop counting, and tell the request that is being answered, which may be waiting."""
        self._stop()
        if self._answered is not None:
            self._answered.disconnected = True
            self._answered.message_event.set()
        super().connection_lost(exc)

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        self._answered = cycle
        super()._start_asgi_task(cycle, self._crowded() if app is service_unavailable else app)

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 - it says less than is known here
        """Answer that what came is not a request; what came whole before is answered first."""
        cycle = self._answered
        if cycle is None or cycle.response_complete:
            self._refuse()
        elif cycle is not self.cycle or not cycle.more_body:
            self.flow.pause_reading()
            cycle.keep_alive = False
        elif cycle.response_started:
            self.transport.close()
        else:
            self._refuse()

    def _refuse(self) -> None:
        self.transport.write(self._unreadable(self._fault))
        self.transport.close()

    def shutdown(self) -> None:
        """Let a request that was taken be answered; end a connection on which there is none."""
        if self.scheme == "https" and getattr(self.cycle, "response_complete", True):
            # In order, TLS would wait for the other end to say that it ends, too.
            self.transport.abort()
        else:
            super().shutdown()

    def data_received(self, data: bytes) -> None:
        """Take *data*; refuse it if the head of the request is too large and has no end yet."""
        if self._deadline is None:
            self._start()
        was_in_head = self._in_head
        super().data_received(data)
        if was_in_head and self._in_head and not self.transport.is_closing():
            # The parser holds all of it, as the head has no end yet.
            self._head += len(data)
            if self._head > HEAD_BYTES_MAX:
                self._fault = _TOO_LARGE
                self.send_400_response(_TOO_LARGE)

    def on_message_begin(self) -> None:
        """Begin the head of a request."""
        self._in_head, self._head = True, 0
        super().on_message_begin()

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header; raise TooLarge if there are too many, or too long ones."""
        super().on_header(name, value)
        self._head += len(name) + len(value)
        if len(self.headers) > HEADERS_MAX or self._head > HEAD_BYTES_MAX:
            self._fault = _TOO_LARGE
            raise TooLarge

    def on_headers_complete(self) -> None:
        """End the head of a request."""
        self._in_head = False
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """End a request: the next one has a time of its own."""
        self._stop()
        super().on_message_complete()

    def pause_writing(self) -> None:
        """Give the other end its time to read what was answered."""
        self._unread = self.loop.call_later(self._seconds_max, self.transport.abort)
        super().pause_writing()

    def resume_writing(self) -> None:
        """Go on, as the other end reads."""
        if self._unread is not None:
            self._unread.cancel()
            self._unread = None
        super().resume_writing()

    def _start(self) -> None:
        self._deadline = self.loop.call_later(self._seconds_max, self.transport.close)

    def _stop(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
