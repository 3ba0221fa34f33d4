"""A request as a route gets it: a bounded body, and parameters each known and given once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final, TypeVar

from starlette.requests import Request
from starlette.responses import Response

from repurchase.domain.errors import Problem, Wrong, nearest, short
from repurchase.report.openapi import VALUE_MAX, Parameter
from repurchase.report.problems import Trouble
from repurchase.report.written import json_text
from repurchase.service.access import Caller
from repurchase.service.live import Live

V = TypeVar("V")
BODY_BYTES_MAX: Final = 1 << 20
WHOLE_DIGITS_MAX: Final = 18
AUTHORIZATION: Final = Parameter("authorization", "The program, if there are several.")


class Asked:
    """One request, of a caller who may make it; *noted* goes into the line of the log."""

    request: Request
    live: Live
    caller: Caller
    noted: dict[str, object]
    given: dict[str, str]

    def __init__(
        self, request: Request, live: Live, caller: Caller, known: tuple[Parameter, ...]
    ) -> None:
        """Read the parameters; raise Trouble for one that is not *known*, or is given twice."""
        self.request = request
        self.live = live
        self.caller = caller
        self.noted = {}
        self.given = _parameters(request, tuple(name for one in known for name in one.names()))

    @property
    def program(self) -> str:
        """Return the program that is meant; raise Trouble if that is not clear."""
        given = self.given.get(AUTHORIZATION.name)
        return self.named(self.request.path_params.get("name", given))

    def named(self, name: str | None) -> str:
        """Return the program *name*, or the caller's only one; raise Trouble otherwise."""
        program = self.live.named(self.caller, name)
        self.noted["program"] = program
        return program

    def value(self, name: str, read: Callable[[str], V]) -> V | None:
        """Return what *read* makes of the parameter *name*, `None` if it is not given.

        Raise Trouble if *read* raises Wrong.
        """
        text = self.given.get(name)
        try:
            return None if text is None else read(text)
        except Wrong as wrong:
            problem = Problem(f"`{name}` {wrong.what}", wrong.hint)
            raise Trouble("unreadable", problem) from wrong

    async def told(self, function: Callable[[], object]) -> Response:
        """Return as an answer what *function* returns in a reader's thread."""
        text = await self.live.read(lambda: json_text(function()))
        return Response(text.encode(), media_type="application/json")

    def media(self, hint: str, *known: str) -> str:
        """Return the content type of the body; raise Trouble with *hint* unless it is *known*."""
        kind = self.request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind not in known:
            raise Trouble("media-type", Problem("the body has another content type", hint))
        return kind

    async def searched(self, function: Callable[[], object]) -> Response:
        """Return what `told` returns; of such functions, only one runs at a time."""
        async with self.live.searching:
            return await self.told(function)

    async def body(self) -> bytes:
        """Return the body; raise Trouble as soon as it is too large, or if it comes too slowly."""
        told = self.request.headers.get("content-length", "0")
        if told.isdecimal() and int(told) > BODY_BYTES_MAX:
            raise _too_large()
        if self.request.headers.get("content-encoding", "identity") != "identity":
            problem = Problem("the body is compressed", "send it as it is")
            raise Trouble("media-type", problem)
        found, patience = bytearray(), self.live.bounds.patience
        try:
            async with asyncio.timeout(patience):
                async for part in self.request.stream():
                    found += part
                    if len(found) > BODY_BYTES_MAX:
                        raise _too_large()
        except TimeoutError:
            what = f"the body did not arrive within {patience} seconds"
            raise Trouble("late", Problem(what, "send it again unchanged")) from None
        return bytes(found)


def _too_large() -> Trouble:
    what = f"the body is longer than {BODY_BYTES_MAX:,} bytes"
    return Trouble("too-large", Problem(what, "send fewer events at once"))


def _parameters(request: Request, known: tuple[str, ...]) -> dict[str, str]:
    given: dict[str, str] = {}
    for name, value in request.query_params.multi_items():
        if name not in known:
            what = f"`{short(name)}` is not a parameter of this address"
            raise Trouble("unreadable", Problem(what, nearest(name[:200], known)))
        if name in given:
            raise Trouble("unreadable", Problem(f"`{name}` is given twice", "give it once"))
        if not 1 <= len(value) <= VALUE_MAX:
            what = f"`{name}` has {len(value):,} characters"
            raise Trouble("unreadable", Problem(what, f"write 1 to {VALUE_MAX}"))
        given[name] = value
    return given


def answered(value: object, status: int = 200) -> Response:
    """Return *value* as the JSON of an answer."""
    return Response(json_text(value).encode(), status, media_type="application/json")


def whole(text: str) -> int:
    """Return the whole number *text*; raise Wrong if it is not one, or is too large."""
    if not (text.isascii() and text.isdecimal() and len(text) <= WHOLE_DIGITS_MAX):
        raise Wrong(f"is `{short(text)}`, not a whole number", "write digits alone")
    return int(text)
