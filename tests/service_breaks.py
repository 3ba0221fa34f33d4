"""A service broken on purpose, each time in one promise of its door, to see that the tests notice.

Run as a program, it is given the name of a break, and what `repurchase` would be given.
"""

from __future__ import annotations

import ipaddress
import itertools
import sys
from collections.abc import Callable, Sequence
from typing import Any, Final

from msgspec.structs import replace

from desk_breaks import Set, answers_before_commit
from repurchase.domain.roles import ROLES
from repurchase.service import access, application, asked, connections, keys, writer
from repurchase.service.access import Caller, Door
from repurchase.service.live import Live


def roles_are_ignored(put: Set) -> None:
    """Whoever has a key may do everything."""
    put(Caller, "check", lambda *_: None)


def key_is_not_needed(put: Set) -> None:
    """Whoever comes is taken for somebody."""
    put(Door, "_by_token", lambda *_: Caller("key", "ann", frozenset(ROLES)))


def problems_are_plain_text(put: Set) -> None:
    """A problem has another type than the document says."""
    put(application, "MEDIA_TYPE", "text/plain")


def expiry_is_ignored(put: Set) -> None:
    """A key lasts for ever."""
    put(keys.Key, "standing", lambda key, _: "revoked" if key.revoked else "valid")


def revocation_is_ignored(put: Set) -> None:
    """A key that was revoked lasts until it expires."""
    put(keys.Key, "standing", lambda key, now: "expired" if key.expires <= now else "valid")


def programs_are_ignored(put: Set) -> None:
    """The key of one program opens all of them."""
    real = Live.named
    put(Live, "named", lambda live, caller, name: real(live, replace(caller, programs=()), name))


def proxy_may_be_anywhere(put: Set) -> None:
    """The header of the proxy is believed, wherever it comes from."""
    put(access, "address_of", lambda _: ipaddress.ip_address("10.9.8.7"))


def event_says_who_sent_it(put: Set) -> None:
    """The person in an event is believed, whosever the key is."""
    real = Caller.asks

    def asks(self: Caller, event: Any) -> Any:
        return event if event.by is not None else real(self, event)

    put(Caller, "asks", asks)


def anybody_is_local(put: Set) -> None:
    """Without keys, pages in a browser are let in."""
    put(access, "_check_local", lambda _: None)


def rate_is_unlimited(put: Set) -> None:
    """A key may send as much as it likes."""
    put(Door, "check_rate", lambda *_: None)


def body_is_unbounded(put: Set) -> None:
    """A body is read to its end, however long it is."""
    put(asked, "BODY_BYTES_MAX", 1 << 40)


def head_is_unbounded(put: Set) -> None:
    """Headers are kept, however many come."""
    put(connections, "HEADERS_MAX", 1 << 40)


def wrong_request_is_answered_first(put: Set) -> None:
    """What is wrong after a request is told as if it were the answer to that request."""

    def send(self: Any, _: str) -> None:
        vars(connections.Connection)["_refuse"](self)

    put(connections.Connection, "send_400_response", send)


def queue_is_unbounded(put: Set) -> None:
    """However much waits, more is taken."""
    real = writer.Writer.__init__

    def made(self: Any, record: Any, clock: Any, faulty: Any, _: int) -> None:
        real(self, record, clock, faulty, 1 << 40)

    put(writer.Writer, "__init__", made)


def batch_is_recorded_by_halves(put: Set) -> None:
    """Of several events, each is recorded for itself."""
    real = Live.submit

    async def submit(self: Live, program: str, events: Sequence[Any]) -> Any:
        found = [await real(self, program, [one]) for one in events]
        decisions = tuple(decision for one in found for decision in one.decisions)
        return replace(found[0], decisions=decisions)

    put(Live, "submit", submit)


def retry_is_recorded_again(put: Set) -> None:
    """Each event is taken for one that nobody has sent before."""
    real, numbers = vars(Live)["_record"], itertools.count(1)

    def record(self: Live, program: str, events: Sequence[Any]) -> Any:
        return real(self, program, [replace(one, id=f"{one.id}.{next(numbers)}") for one in events])

    put(Live, "_record", record)


def token_is_logged(put: Set) -> None:
    """A line of the log has what the request said of its key."""
    visit: Any = vars(application)["_Visit"]
    real = vars(visit)["_line"]

    def line(self: Any, *given: Any) -> dict[str, Any]:
        return {**real(self, *given), "key": self._request.headers.get("authorization")}

    put(visit, "_line", line)


BREAKS: Final[dict[str, Callable[[Set], None]]] = {
    one.__name__: one
    for one in (
        roles_are_ignored,
        key_is_not_needed,
        problems_are_plain_text,
        expiry_is_ignored,
        revocation_is_ignored,
        programs_are_ignored,
        proxy_may_be_anywhere,
        event_says_who_sent_it,
        anybody_is_local,
        rate_is_unlimited,
        body_is_unbounded,
        head_is_unbounded,
        wrong_request_is_answered_first,
        answers_before_commit,
        queue_is_unbounded,
        batch_is_recorded_by_halves,
        retry_is_recorded_again,
        token_is_logged,
    )
}

if __name__ == "__main__":
    from repurchase.__main__ import main

    name = sys.argv.pop(1)
    BREAKS[name](setattr)
    main()
