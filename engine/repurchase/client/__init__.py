"""A client of the service: what a desk answers, from another machine; sent again until it is known.

Only this room needs the package httpx. Sending an event again is safe, because its ID stands for
it: what was recorded gets the recorded decision.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Mapping
from typing import Final, Self, TypeVar, overload

from repurchase.api.answers import Decision, Position
from repurchase.api.events import EventLike, Tick
from repurchase.api.headroom import Headroom
from repurchase.domain.errors import Problem, UsageError
from repurchase.report.served import Decisions, Story

try:
    import httpx
except ModuleNotFoundError as _error:
    _what_to_do = "install it with: pip install 'repurchase[client]'"
    raise UsageError(Problem("a client needs the package httpx", _what_to_do)) from _error

from repurchase.client.calls import TRIES, At, Call, Calls

T = TypeVar("T")
SECONDS: Final = 30
_SECOND: Final = 1_000


class Client(Calls):
    """A service at a URL, which answers as a `Desk` does. Threads may share it.

    Use it in a `with` statement, or close it.
    """

    def __init__(
        self,
        url: str,
        token: str | None = None,
        *,
        authorization: str | None = None,
        tries: int = TRIES,
        http: httpx.Client | None = None,
    ) -> None:
        """Call the service at *url* with the *token* of a key.

        *authorization* says which program is meant, if there are several. Each request is sent at
        most *tries* times. *http* sends them, if it needs other certificates, a proxy or patience.
        """
        super().__init__(url, token, authorization, tries)
        self._http = http or httpx.Client(timeout=SECONDS)

    # A text is a sequence of texts too: it is one event.
    @overload
    def submit(self, events: EventLike) -> Decision: ...  # type: ignore[overload-overlap]

    @overload
    def submit(self, events: Iterable[EventLike]) -> tuple[Decision, ...]: ...

    def submit(self, events: EventLike | Iterable[EventLike]) -> Decision | tuple[Decision, ...]:
        """Return the decision on an event, or those on several, once all are on disk.

        Several are recorded together or not at all. Raise InputError for an event that cannot be
        read, UsageError if the key does not permit it, and JournalError if the service did not
        answer: then submit the events again as they are.
        """
        if isinstance(events, str | bytes | Mapping):
            return self._sent(self._one("/v1/events", events))
        return self._sent(self._several(events))

    def check(self, event: EventLike) -> Decision:
        """Return the decision that `submit` would return now, with every rule; record nothing."""
        return self._sent(self._one("/v1/check", event))

    def headroom(self, order: Mapping[str, object], *, tick: Tick | None = None) -> Headroom:
        """Return the largest quantity or the highest price at which *order* would be approved."""
        return self._sent(self._headroom(order, tick))

    def position(self) -> Position:
        """Return what the program has used and has left now."""
        return self._sent(self._get("/v1/position", At)).position

    def decisions(self, after: int = 0, **wanted: object) -> Decisions:
        """Return a page of decisions after the record *after*.

        What may be *wanted* are a `day`, a `rule`, an `outcome`, an `order` and a `limit`.
        """
        return self._sent(self._page(after, wanted))

    def story(self, name: str) -> Story:
        """Return the decisions on the event *name*, and all records connected with it."""
        return self._sent(self._story(name))

    def answers(self, events: Iterable[EventLike], *, records: bool) -> list[bytes]:
        """Return the answers to *events* as the service writes them, each on a line of JSON.

        If it *records* them, they are recorded together, and otherwise only asked about, alone.
        """
        if records:
            return self._sent(Call(self._several(events).request, bytes.splitlines))
        calls = (self._one("/v1/check", one).request for one in events)
        return [self._sent(Call(one, bytes)) for one in calls]

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _sent(self, call: Call[T]) -> T:
        plan = self._plan()
        pause = next(plan)
        while True:
            time.sleep(pause / _SECOND)
            found: httpx.Response | httpx.TransportError
            try:
                found = self._http.send(call.request)
            except httpx.TransportError as error:
                found = error
            try:
                pause = plan.send(found)
            except StopIteration as end:
                return call.read(end.value.content)


class AsyncClient(Calls):
    """The same for asyncio: each method is awaited."""

    def __init__(
        self,
        url: str,
        token: str | None = None,
        *,
        authorization: str | None = None,
        tries: int = TRIES,
        http: httpx.AsyncClient | None = None,
    ) -> None:
        """Call the service at *url*; see `Client`."""
        super().__init__(url, token, authorization, tries)
        self._http = http or httpx.AsyncClient(timeout=SECONDS)

    async def submit(self, event: EventLike) -> Decision:
        """Return the decision on *event*; see `Client.submit`."""
        return await self._sent(self._one("/v1/events", event))

    async def submit_all(self, events: Iterable[EventLike]) -> tuple[Decision, ...]:
        """Return the decisions on *events*, recorded together; see `Client.submit`."""
        return await self._sent(self._several(events))

    async def check(self, event: EventLike) -> Decision:
        """Return the decision that `submit` would return now; record nothing."""
        return await self._sent(self._one("/v1/check", event))

    async def headroom(self, order: Mapping[str, object], *, tick: Tick | None = None) -> Headroom:
        """Return the largest quantity or the highest price at which *order* would be approved."""
        return await self._sent(self._headroom(order, tick))

    async def position(self) -> Position:
        """Return what the program has used and has left now."""
        return (await self._sent(self._get("/v1/position", At))).position

    async def decisions(self, after: int = 0, **wanted: object) -> Decisions:
        """Return a page of decisions after the record *after*; see `Client.decisions`."""
        return await self._sent(self._page(after, wanted))

    async def story(self, name: str) -> Story:
        """Return the decisions on the event *name*, and all records connected with it."""
        return await self._sent(self._story(name))

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def _sent(self, call: Call[T]) -> T:
        plan = self._plan()
        pause = next(plan)
        while True:
            await asyncio.sleep(pause / _SECOND)
            found: httpx.Response | httpx.TransportError
            try:
                found = await self._http.send(call.request)
            except httpx.TransportError as error:
                found = error
            try:
                pause = plan.send(found)
            except StopIteration as end:
                return call.read(end.value.content)
