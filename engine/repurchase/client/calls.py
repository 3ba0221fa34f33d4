"""The requests to a service, how often each is sent, and what the answers mean."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Mapping
from contextlib import suppress
from typing import Any, Final, Generic, NamedTuple, TypeVar
from urllib.parse import quote

import httpx
import msgspec
from msgspec.structs import replace

from repurchase.api.answers import Decision, Position
from repurchase.api.events import EventLike, Tick, fields_of
from repurchase.api.headroom import Headroom
from repurchase.domain.decisions import Receipt
from repurchase.domain.errors import (
    InputError,
    JournalError,
    Problem,
    RepurchaseError,
    UsageError,
    Wrong,
)
from repurchase.domain.version import __version__
from repurchase.intake.fields import problems
from repurchase.report.served import Decisions, Story

T = TypeVar("T")
TRIES: Final = 8
SECONDS: Final = 30
# The answers after which the same request may be sent again.
_AGAIN: Final = (408, 429, 502, 503, 504)
# The longest pause between two tries, and the first one, in milliseconds.
_PAUSE_MAX: Final = 5_000
_PAUSE: Final = 100
_SECOND: Final = 1_000
# The answers that the sender of an event must act on.
_OF_SENDERS: Final = (400, 413, 415)

# Is sent each response, or why there is none; yields the milliseconds to wait before each try.
_Plan = Generator[int, httpx.Response | httpx.TransportError, httpx.Response]


class At(msgspec.Struct, frozen=True):
    """The position within an overview."""

    position: Position


class _Fault(msgspec.Struct, frozen=True):
    """One fault within problem details."""

    what: str
    hint: str | None = None
    line: int | None = None


class _Numbered(msgspec.Struct, frozen=True):
    """The receipt within a decision, if it has a record."""

    record: int | None = None
    hash: str | None = None


class _Problem(msgspec.Struct, frozen=True):
    """What the service says of a request that it did not answer."""

    errors: tuple[_Fault, ...]


class Call(NamedTuple, Generic[T]):
    """A request, and what reads the content of its answer."""

    request: httpx.Request
    read: Callable[[bytes], T]


class Calls:
    """The requests to one service, and what their answers mean."""

    def __init__(self, url: str, token: str | None, authorization: str | None, tries: int) -> None:
        self._url = url.rstrip("/")
        self._headers = {"user-agent": f"repurchase/{__version__}"}
        if token is not None:
            self._headers["authorization"] = f"Bearer {token}"
        self._of = {} if authorization is None else {"authorization": authorization}
        self._tries = tries

    def _one(self, path: str, event: EventLike) -> Call[Decision]:
        return Call(self._post(path, _line(event), "application/json"), read_decision)

    def _several(self, events: Iterable[EventLike]) -> Call[tuple[Decision, ...]]:
        body = b"\n".join(map(_line, events))
        return Call(self._post("/v1/events", body, "application/x-ndjson"), _decisions)

    def _headroom(self, order: Mapping[str, object], tick: Tick | None) -> Call[Headroom]:
        return self._get("/v1/headroom", Headroom, **_plain(order), tick=tick)

    def _page(self, after: int, wanted: Mapping[str, object]) -> Call[Decisions]:
        return self._get("/v1/decisions", Decisions, after=after, **wanted)

    def _story(self, name: str) -> Call[Story]:
        return self._get(f"/v1/decisions/{quote(name, safe='')}", Story)

    def _get(self, path: str, kind: type[T], **given: object) -> Call[T]:
        known = {name: str(value) for name, value in given.items() if value is not None}
        params = {**self._of, **known}
        request = httpx.Request("GET", self._url + path, params=params, headers=self._headers)
        return Call(request, lambda content: _decoded(content, kind))

    def _post(self, path: str, body: bytes, kind: str) -> httpx.Request:
        headers = {**self._headers, "content-type": kind}
        return httpx.Request("POST", self._url + path, content=body, headers=headers)

    def _plan(self) -> _Plan:
        """Yield how many milliseconds to wait before each try; return the first answer.

        Raise the error that the last response, or its absence, stands for.
        """
        pause = 0
        for left in reversed(range(max(self._tries, 1))):
            found = yield pause
            pause = min(max(_PAUSE, 2 * pause), _PAUSE_MAX)
            if isinstance(found, httpx.Response):
                if found.is_success:
                    return found
                if found.status_code not in _AGAIN or not left:
                    raise _error_of(found)
                with suppress(ValueError):
                    pause = max(pause, int(found.headers.get("retry-after", 0)) * _SECOND)
            elif not left:
                what = f"the service at {self._url} does not answer: {found}"
                raise JournalError(Problem(what, "send the events again unchanged")) from found
        raise AssertionError("a request is tried at least once")


def _line(event: EventLike) -> bytes:
    """Return *event* on one line of JSON; raise InputError for a value that is not exact."""
    if isinstance(event, str | bytes):
        body = event.encode() if isinstance(event, str) else event
        # Between the parts of a JSON text, a line break is a space; within them there is none.
        return body.replace(b"\r", b" ").replace(b"\n", b" ")
    return msgspec.json.encode(_plain(event))


def _plain(fields: Mapping[str, object]) -> dict[str, Any]:
    """Return *fields* with each number as its exact text; raise InputError for any other value."""
    found = fields_of(fields)
    faults = [(name, value) for name, value in found.items() if isinstance(value, Wrong)]
    if faults:
        raise InputError(problems(faults))
    return {
        name: str(value) if isinstance(value, str) else value
        for name, value in found.items()
        if value is not None
    }


def read_decision(content: bytes) -> Decision:
    """Return the decision that *content* is; raise JournalError if it is not one."""
    found, receipt = _decoded(content, Decision), _decoded(content, _Numbered)
    if receipt.record is None or receipt.hash is None:
        return found
    return replace(found, receipt=Receipt(receipt.record, receipt.hash))


def _decisions(content: bytes) -> tuple[Decision, ...]:
    return tuple(map(read_decision, content.splitlines()))


def _decoded(content: bytes, kind: type[T]) -> T:
    """Return the *kind* that *content* is; raise JournalError if it is not one."""
    try:
        return msgspec.json.decode(content, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        what = f"the service answers what this version does not read: {error}"
        raise JournalError(Problem(what, "use a client of the service's version")) from error


def _error_of(response: httpx.Response) -> RepurchaseError:
    """Return the error that *response* stands for, by who can act on it."""
    try:
        said = msgspec.json.decode(response.content, type=_Problem).errors
    except (msgspec.DecodeError, UnicodeDecodeError):
        said = (_Fault(f"the service answers with the status {response.status_code}"),)
    found = [Problem(one.what, one.hint, line=one.line) for one in said]
    if response.status_code in _AGAIN or response.is_server_error:
        return JournalError(found)
    return InputError(found) if response.status_code in _OF_SENDERS else UsageError(found)
