"""The table of routes: the address of each, who may use it, and what it answers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

import msgspec
from starlette.responses import HTMLResponse, Response

from repurchase.api.headroom import Headroom
from repurchase.domain.decisions import OUTCOMES
from repurchase.domain.roles import Role
from repurchase.journal.queries import AdoptedThen, OrderLine, Overview
from repurchase.report import measures, problems
from repurchase.report.calls import read_calls
from repurchase.report.event_schemas import DAY, WHEN, question_schema
from repurchase.report.openapi import Operation, Parameter, document, html_page
from repurchase.report.served import (
    Decisions,
    KeyLine,
    ProgramNow,
    Ready,
    RulesInForce,
    Story,
)
from repurchase.report.weighed import Proposed, Waiting
from repurchase.report.written import LiveDecision, json_text
from repurchase.service import events, health, proposals, reads
from repurchase.service.access import ADMIN, COMPLIANCE, KEEPERS, READERS, SENDERS
from repurchase.service.asked import AUTHORIZATION, WHOLE_DIGITS_MAX, Asked
from repurchase.service.questions import Draft
from repurchase.service.stream import MEDIA_TYPE, RESUME, stream

Run = Callable[[Asked], Awaitable[Response]]
_NUMBER: Final[Mapping[str, Any]] = {
    "type": "integer",
    "minimum": 0,
    "maximum": 10**WHOLE_DIGITS_MAX - 1,
}


class Route(msgspec.Struct, frozen=True):
    """What is done at an address: *run*, for those who have one of *roles*, or for everybody."""

    method: str
    path: str
    run: Run
    roles: frozenset[Role] = READERS
    parameters: tuple[Parameter, ...] = (AUTHORIZATION,)
    answer: Any = None
    media: tuple[str, ...] = (events.ONE,)
    takes: tuple[str, ...] = ()
    statuses: tuple[int, ...] = (200,)
    body: Any = None

    def operation(self) -> Operation:
        """Return the route as the document of the service describes it."""
        says = (self.run.__doc__ or "").partition("\n")[0]
        return Operation(
            self.method,
            self.path.replace(":path", ""),
            f"{self.run.__name__}",
            says,
            tuple(sorted(self.roles)),
            self.parameters,
            self.answer,
            self.media,
            self.takes,
            self.statuses,
            self.body,
        )


async def openapi(_: Asked) -> Response:
    """Answer this document."""
    return Response(_TEXT, media_type=events.ONE)


async def docs(_: Asked) -> Response:
    """Answer this document as a page."""
    # Nothing is loaded from anywhere, and nothing runs.
    policy = {"content-security-policy": "default-src 'none'"}
    return HTMLResponse(html_page(DOCUMENT, problems.CODES), headers=policy)


_EVERYBODY: Final[frozenset[Role]] = frozenset()
_BOTH: Final = (events.ONE, events.LINES)
_DECISIONS: Final = (
    AUTHORIZATION,
    Parameter("after", "The record after which the page begins.", _NUMBER),
    Parameter(
        "limit",
        "The most decisions of the page.",
        {**_NUMBER, "minimum": 1, "maximum": reads.LIMIT_MAX},
    ),
    Parameter("day", "The day of the event.", DAY),
    Parameter("outcome", "The outcome.", {"enum": list(OUTCOMES)}),
    Parameter("rule", "A rule among the findings."),
    Parameter("order", "The order, or an event that names it."),
)
_STREAM: Final = (
    *_DECISIONS[:2],
    Parameter(RESUME, "The record after which the stream goes on.", _NUMBER, "header"),
)
_HEADROOM: Final = (
    AUTHORIZATION,
    Parameter("order", "A field of the order.", question_schema()),
)
_MARKET: Final = (
    AUTHORIZATION,
    Parameter("at", "The moment with its offset, or the day; now, if it is not given.", WHEN),
    Parameter("symbol", "The symbol of an instrument."),
    Parameter("venue", "A venue."),
)
ROUTES: Final = (
    Route("POST", "/v1/events", events.submit, SENDERS, (), LiveDecision, _BOTH, _BOTH),
    Route("POST", "/v1/check", events.check, SENDERS, (), LiveDecision, _BOTH, _BOTH),
    Route("GET", "/v1/orders", reads.orders, answer=tuple[OrderLine, ...]),
    Route("GET", "/v1/position", reads.position, answer=Overview),
    Route("GET", "/v1/headroom", reads.headroom, READERS, _HEADROOM, Headroom),
    Route("GET", "/v1/decisions", reads.decisions, READERS, _DECISIONS, Decisions),
    Route("GET", "/v1/decisions/{id:path}", reads.decision, answer=Story),
    Route("GET", "/v1/stream", stream, READERS, _STREAM, media=(MEDIA_TYPE,)),
    Route("GET", "/v1/program", reads.program, answer=ProgramNow),
    Route("GET", "/v1/rules", reads.rules, answer=RulesInForce),
    Route(
        "POST",
        "/v1/rules/{name}/proposals",
        proposals.propose,
        COMPLIANCE,
        (),
        Proposed,
        takes=(events.ONE,),
        body=Draft,
    ),
    Route(
        "GET",
        "/v1/rules/{name}/proposals",
        proposals.proposals,
        parameters=(),
        answer=tuple[AdoptedThen, ...],
    ),
    Route(
        "GET",
        "/v1/rules/{name}/proposals/{id}",
        proposals.proposal,
        parameters=(),
        answer=Waiting,
    ),
    Route("GET", "/v1/adoptions", reads.adoptions, answer=tuple[AdoptedThen, ...]),
    Route("GET", "/v1/market", reads.market, READERS, _MARKET, list[dict[str, Any]]),
    Route("GET", "/v1/tokens", reads.tokens, ADMIN, (), tuple[KeyLine, ...]),
    Route("GET", "/metrics", health.metrics, KEEPERS, (), media=(measures.MEDIA_TYPE,)),
    Route("GET", "/healthz", health.alive, _EVERYBODY, (), dict[str, bool]),
    Route("GET", "/readyz", health.ready, _EVERYBODY, (), Ready, statuses=(200, 503)),
    Route("GET", "/v1/openapi.json", openapi, _EVERYBODY, (), dict[str, Any]),
    Route("GET", "/docs", docs, _EVERYBODY, (), media=("text/html",)),
)
DOCUMENT: Final = document(
    (one.operation() for one in ROUTES),
    problems.ProblemDetails,
    problems.MEDIA_TYPE,
    read_calls(),
)
_TEXT: Final = json_text(DOCUMENT).encode()
