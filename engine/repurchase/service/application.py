"""The application: it lets each request in or refuses it, answers, measures and logs it."""

from __future__ import annotations

import itertools
import re
import secrets
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

import msgspec
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route as Path
from starlette.routing import Router
from starlette.types import Receive, Scope, Send

from repurchase.domain.errors import Problem, RepurchaseError
from repurchase.report.problems import AGAIN_SECONDS, KEPT_OUT, MEDIA_TYPE, Trouble, trouble_of
from repurchase.report.written import json_text
from repurchase.service.access import Caller
from repurchase.service.asked import Asked
from repurchase.service.live import Live
from repurchase.service.routes import ROUTES, Route

_NAME: Final = re.compile(r"[A-Za-z0-9._-]{1,64}", re.ASCII)
# A draw for each request would let the writer run before its answer.
_PROCESS: Final = secrets.token_hex(4)
_NUMBERS: Final = itertools.count(1)
_NOBODY: Final = Caller("", None, frozenset())
_HEADERS: Final = {"cache-control": "no-store", "x-content-type-options": "nosniff"}

Handler = Callable[[Request], Awaitable[Response]]


def application(live: Live) -> Router:
    """Return the application that serves *live*."""
    handlers: dict[str, dict[str, Handler]] = {}
    for one in ROUTES:
        handlers.setdefault(one.path, {})[one.method] = _handler(live, one)
    found = [Path(path, _Address(live, of), name=path) for path, of in handlers.items()]
    # An address with a slash too many is another one, and not worth a second request.
    return Router(found, redirect_slashes=False, default=_Address(live, {}))


class _Address:
    """One address: a request goes to the handler of its method, without other layers between.

    If there are none, nothing is at this address.
    """

    def __init__(self, live: Live, handlers: Mapping[str, Handler]) -> None:
        self._live = live
        # Where something can be got, its head can be asked for, too.
        heads = {"HEAD": handlers["GET"]} if "GET" in handlers else {}
        self._handlers = {**handlers, **heads}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive, send)
        handler = self._handlers.get(request.method)
        response = self._strayed(request) if handler is None else await handler(request)
        await response(scope, receive, send)

    def _strayed(self, request: Request) -> Response:
        code = "method" if self._handlers else "not-found"
        what = f"{request.method} is not known here"
        allow = {"allow": ", ".join(sorted(self._handlers))} if self._handlers else None
        return _Visit(self._live, request, "").refused(
            Trouble(code, Problem(what, "see /docs")), allow
        )


def _handler(live: Live, route: Route) -> Handler:
    async def handle(request: Request) -> Response:
        visit = _Visit(live, request, route.path)
        try:
            return visit.answered(await visit.run(route))
        except Trouble as trouble:
            return visit.refused(trouble)
        except RepurchaseError as error:
            return visit.refused(trouble_of(error))
        except ClientDisconnect:
            return visit.refused(Trouble("late", Problem("the sender left")))
        except Exception as error:  # noqa: BLE001 - the sender is told, and the log says why
            live.log.fault("request", error, request=visit.name)
            problem = Problem("the service failed", "send it again unchanged; the log says why")
            return visit.refused(Trouble("fault", problem))

    return handle


def unreadable(live: Live, what: str) -> bytes:
    """Return the answer to what is not a request of HTTP, after it was written down."""
    trouble = Trouble("unreadable", Problem(what, "send a request of HTTP/1.1"))
    response = _unrouted(live, trouble)
    lines = [b"HTTP/1.1 400 Bad Request", *(b": ".join(one) for one in response.raw_headers)]
    return b"\r\n".join((*lines, b"connection: close", b"", bytes(response.body)))


def crowded(live: Live) -> Response:
    """Return the answer to a request beyond those that are answered at once."""
    problem = Problem("too many connections are open", "send it again unchanged")
    return _unrouted(live, Trouble("busy", problem, AGAIN_SECONDS))


def _unrouted(live: Live, trouble: Trouble) -> Response:
    """Return the answer to a request that met with *trouble* before it had an address."""
    name = _name()
    live.measures.count("repurchase_problems_total", code=trouble.code)
    live.log.say("request", request=name, status=trouble.status, code=trouble.code)
    response = _details(trouble, name)
    response.headers.update({**_HEADERS, "x-request-id": name})
    return response


def _name() -> str:
    return f"{_PROCESS}-{next(_NUMBERS)}"


def _details(trouble: Trouble, name: str, headers: Any = None) -> Response:
    """Return *trouble* as the answer to the request *name*."""
    body = json_text(trouble.details(name)).encode()
    response = Response(body, trouble.status, headers, MEDIA_TYPE)
    if trouble.status == 401:
        response.headers["www-authenticate"] = "Bearer"
    if trouble.again is not None:
        response.headers["retry-after"] = str(trouble.again)
    return response


class _Visit:
    """One request from its arrival to the line in the log."""

    name: str

    def __init__(self, live: Live, request: Request, route: str) -> None:
        given = request.headers.get("x-request-id", "")
        self.name = given if _NAME.fullmatch(given) else _name()
        self._live = live
        self._request = request
        self._route = route
        self._began = time.perf_counter_ns()
        self._caller = _NOBODY
        self._asked: Asked | None = None

    async def run(self, route: Route) -> Response:
        """Return what *route* answers; raise Trouble if the caller may not ask that."""
        if route.roles:
            self._caller = self._live.door.caller(self._request)
            self._live.door.check_rate(self._caller, self._began)
            self._caller.check(route.roles, f"{route.method} {route.path}")
        self._asked = Asked(self._request, self._live, self._caller, route.parameters)
        return await route.run(self._asked)

    def answered(self, response: Response) -> Response:
        """Return *response*, after it was written down."""
        self._end(response, None)
        return response

    def refused(self, trouble: Trouble, headers: Any = None) -> Response:
        """Return the answer to a request that met with *trouble*, after it was written down."""
        response = _details(trouble, self.name, headers)
        self._live.measures.count("repurchase_problems_total", code=trouble.code)
        if trouble.code in KEPT_OUT or trouble.code == "too-many":
            self._live.log.refuse(**self._line(response, trouble))
        self._end(response, trouble)
        return response

    def _end(self, response: Response, trouble: Trouble | None) -> None:
        response.headers.update({**_HEADERS, "x-request-id": self.name})
        took = time.perf_counter_ns() - self._began
        method, status = self._request.method, str(response.status_code)
        measures = self._live.measures
        labels = {"route": self._route, "method": method if self._route else ""}
        measures.count("repurchase_requests_total", **labels, status=status)
        measures.time("repurchase_request_seconds", took, route=self._route)
        if self._asked is not None and "stages" in self._asked.noted:
            measures.time("repurchase_stage_seconds", took, stage="http")
        self._live.log.say("request", **self._line(response, trouble), microseconds=took // 1000)

    def _line(self, response: Response, trouble: Trouble | None) -> dict[str, Any]:
        """Return the line of the log: no token, no header and no body is in it."""
        client = self._request.client
        noted = {} if self._asked is None else self._asked.noted
        return {
            "request": self.name,
            "method": self._request.method,
            "route": self._route or None,
            "status": response.status_code,
            "code": None if trouble is None else trouble.code,
            "key": self._caller.key or None,
            "by": self._caller.by,
            "from": None if client is None else client.host,
            **{name: msgspec.to_builtins(value) for name, value in noted.items()},
        }
