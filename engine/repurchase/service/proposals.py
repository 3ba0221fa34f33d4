"""The routes of proposed rules: weigh and propose a rule file, and watch what it would decide."""

from __future__ import annotations

import msgspec
from msgspec.structs import replace
from starlette.responses import Response

from repurchase.domain.errors import Problem, UsageError, Wrong
from repurchase.intake.objects import given_twice, pairs
from repurchase.journal import queries
from repurchase.journal.desk import Adopting, check_said
from repurchase.journal.queries import AdoptedThen
from repurchase.report.problems import Trouble, trouble_of
from repurchase.report.weighed import Proposed, Waiting
from repurchase.service.asked import Asked, answered
from repurchase.service.events import ONE
from repurchase.service.questions import SECONDS_MAX, Draft, Watch, Weigh, Weighed


async def propose(asked: Asked) -> Response:
    """Weigh a rule file beside the one in force; with a reason, propose it.

    The answer says whether it is in force now, or waits until a second person confirms it.
    """
    live, program = asked.live, asked.program
    draft = await _draft(asked)
    weighed = await live.ask(live.process.weighed, Weigh(program, draft))
    found = Proposed(adopted=False, pending=None, weighing=weighed.weighing)
    if draft.reason is not None:
        pending = (await live.read(_adopting, asked, program, draft, weighed)).pending
        asked.noted["proposal"] = pending or "adopted"
        found = replace(found, adopted=pending is None, pending=pending)
    return answered(found)


async def _draft(asked: Asked) -> Draft:
    """Return the draft that the caller sends; raise Trouble if it cannot be read."""
    asked.media(f"send it as {ONE}", ONE)
    body = await asked.body()
    try:
        draft = _read(body)
        for name in ("by", "reason"):
            value = getattr(draft, name)
            if value is not None:
                check_said(name, value)
    except Wrong as wrong:
        problem = Problem(f"the body {wrong.what}", wrong.hint)
        raise Trouble("unreadable", problem) from wrong
    except UsageError as error:
        raise trouble_of(error) from error
    by = asked.caller.person(draft.by, "`by`")
    if by is None and draft.reason is not None:
        raise Trouble("unreadable", Problem("nobody is named who proposes", "write `by`"))
    return replace(draft, by=by)


def _read(body: bytes) -> Draft:
    """Return the draft in *body*; raise Wrong if it is not one, or says a thing twice."""
    try:
        draft = msgspec.json.decode(body, type=Draft)
        found = pairs(body.decode())
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Wrong(f"cannot be read: {error}", "see /docs") from error
    packs = [value for name, value in found if name == "packs" and isinstance(value, tuple)]
    for each in (found, *packs):
        for name, wrong in given_twice(each):
            raise Wrong(f"says `{name}` twice", wrong.hint)
    if not 1 <= draft.seconds <= SECONDS_MAX:
        raise Wrong(f"asks for {draft.seconds:,} seconds", f"write 1 to {SECONDS_MAX}")
    return draft


def _adopting(asked: Asked, program: str, draft: Draft, weighed: Weighed) -> Adopting:
    """Record that somebody proposes *draft*; raise Trouble if the desk refuses that."""
    assert draft.by is not None, "`_draft` makes sure of it"
    assert draft.reason is not None, "only with a reason it is proposed"
    base = None if draft.wait else weighed.no_looser_than
    rules = draft.rules(program)
    try:
        return asked.live.desk(program).adopt(rules, draft.by, draft.reason, no_looser_than=base)
    except UsageError as error:
        raise trouble_of(error, usage="conflict") from error


async def proposals(asked: Asked) -> Response:
    """Answer which rule files were proposed, and what became of each."""
    name = asked.program
    return await asked.told(lambda: _proposals(asked, name))


def _proposals(asked: Asked, name: str) -> list[AdoptedThen]:
    return [one for one in queries.adoptions(asked.live.journal, name) if one.pending is not None]


async def proposal(asked: Asked) -> Response:
    """Answer one proposal; while it waits, also what it would have decided since.

    Each event since then is decided by the proposed rules, too, from their own position. This
    changes no answer of the service.
    """
    live, program = asked.live, asked.program
    name = str(asked.request.path_params["id"])
    made = await live.read(_proposals, asked, program)
    found = next((one for one in made if one.pending == name), None)
    if found is None:
        hint = "see the list of proposals"
        raise Trouble("not-found", Problem("the program has no proposal of this name", hint))
    shadow = None
    if found.standing == "waits":
        shadow = await live.ask(live.process.watched, Watch(program, found))
    return answered(Waiting(found, shadow))
