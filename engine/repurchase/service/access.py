"""Who may do what: whose request it is, which roles each kind of event takes, and how often."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Final

import msgspec
from msgspec.structs import replace
from starlette.requests import Request

from repurchase.domain.errors import Problem
from repurchase.domain.events import REPORTS, Event
from repurchase.domain.people import is_same_person
from repurchase.domain.roles import ROLES, Role
from repurchase.report.problems import Trouble
from repurchase.service.keys import KeyRing

_TRADER: Final[frozenset[Role]] = frozenset(("trader",))
_OPERATIONS: Final[frozenset[Role]] = frozenset(("operations",))
COMPLIANCE: Final[frozenset[Role]] = frozenset(("compliance",))
# Who may submit each kind of event, and ask about it.
OF_KIND: Final[Mapping[str, frozenset[Role]]] = {
    **dict.fromkeys(("order", "replace", "cancel_requested", "prepaid"), _TRADER),
    **dict.fromkeys((*sorted(REPORTS), "split", "brought_forward"), _OPERATIONS),
    **dict.fromkeys(("release", "resume", "confirm"), COMPLIANCE),
    "halt": frozenset(ROLES) - {"auditor"},
}
SENDERS: Final[frozenset[Role]] = frozenset(role for roles in OF_KIND.values() for role in roles)
READERS: Final[frozenset[Role]] = frozenset(ROLES) - {"admin"}
KEEPERS: Final[frozenset[Role]] = frozenset(ROLES) - {"trader"}
ADMIN: Final[frozenset[Role]] = frozenset(("admin",))

_LOCAL: Final = re.compile(r"(?:localhost|127\.0\.0\.1|\[::1\])(?::[0-9]{1,5})?", re.ASCII)
_SECOND: Final = 10**9


class Caller(msgspec.Struct, frozen=True):
    """Whose request it is, by which *key*, and with which *roles* for which *programs*.

    *programs* is empty if it is for all. *by* is `None` only if there are no keys at all.
    """

    key: str
    by: str | None
    roles: frozenset[Role]
    programs: tuple[str, ...] = ()

    def check(self, roles: frozenset[Role], what: str) -> None:
        """Raise Trouble unless one of *roles*, which may do *what*, is the caller's."""
        if self.roles.isdisjoint(roles):
            hint = f"this is for the roles {', '.join(sorted(roles))}"
            raise Trouble("role", Problem(f"the key has no role that may {what}", hint))

    def check_all(self) -> None:
        """Raise Trouble unless the caller may see what is of all programs."""
        if self.programs:
            hint = "use a key that is for all programs"
            raise Trouble("other-program", Problem("this is of all programs", hint))

    def signed(self, event: Event) -> Event:
        """Return *event* with the name of the caller; raise Trouble if it names another person.

        A halt stops under any name, and gets the true one.
        """
        self.check(OF_KIND[event.kind], f"submit `{event.kind}`")
        return self.asks(event)

    def asks(self, event: Event) -> Event:
        """Return *event*, about which the caller only asks, with the name of the caller."""
        if self.by is None:
            return event
        if event.kind != "halt":
            self.person(event.by, f"`by` of the event `{event.id}`")
        return replace(event, by=self.by)

    def person(self, said: str | None, where: str) -> str | None:
        """Return the caller, or without keys whom the request has *said*.

        Raise Trouble, which names the place *where* it is said, if that is another person.
        """
        if self.by is not None and said is not None and not is_same_person(said, self.by):
            what = f"{where} is not the person to whom the key belongs"
            raise Trouble("other-person", Problem(what, "leave `by` out"))
        return self.by or said


class Proxy(msgspec.Struct, frozen=True):
    """A proxy at *address* that says in the *header* who the caller is."""

    address: ipaddress.IPv4Address | ipaddress.IPv6Address
    header: str


class Door:
    """Finds whose request it is; without *keys*, only this machine's own are let in."""

    keys: KeyRing | None

    def __init__(
        self,
        keys: KeyRing | None,
        proxy: Proxy | None,
        rate: int,
        now: Callable[[], datetime],
    ) -> None:
        """Let a key send *rate* requests a second, and as many at once after a pause."""
        self.keys = keys
        self._proxy = proxy
        self._interval = _SECOND // rate
        self._burst = _SECOND
        self._now = now
        self._latest = now()
        # When the requests of each key so far would have been sent at an even pace.
        self._due: dict[str, int] = {}

    def caller(self, request: Request) -> Caller:
        """Return whose *request* it is; raise Trouble if nobody's who may come in."""
        if self.keys is None:
            _check_local(request)
            return Caller("local", None, frozenset(ROLES))
        named = self._named(request, self.keys)
        return named or self._by_token(request, self.keys)

    def _named(self, request: Request, keys: KeyRing) -> Caller | None:
        """Return whom the trusted proxy names in *request*; `None` if nobody is named."""
        proxy = self._proxy
        names = [] if proxy is None else request.headers.getlist(proxy.header)
        if proxy is None or not names:
            return None
        if len(names) > 1 or address_of(request) != proxy.address:
            what = f"the header `{proxy.header}` does not come from the trusted proxy"
            raise Trouble("forged-header", Problem(what, "leave it out"))
        # The bytes of a header come as the characters with their numbers.
        by = names[0].encode("latin-1").decode(errors="replace")
        held = keys.of(by, self._moment())
        if not held:
            raise Trouble("unknown-key", Problem("nobody with this name has a valid key"))
        programs = {name for one in held for name in one.programs}
        is_of_all = any(not one.programs for one in held)
        roles = frozenset(one.role for one in held)
        return Caller(f"proxy:{by}", by, roles, () if is_of_all else tuple(programs))

    def _by_token(self, request: Request, keys: KeyRing) -> Caller:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not token:
            hint = "send it as `Authorization: Bearer TOKEN`"
            raise Trouble("no-key", Problem("the request has no key", hint))
        key = keys.key(token.strip())
        if key is None:
            hint = "ask the administrator for another: `repurchase token new`"
            raise Trouble("unknown-key", Problem("no key has this token", hint))
        standing = key.standing(self._moment())
        if standing != "valid":
            hint = "ask the administrator for another: `repurchase token new`"
            raise Trouble(f"{standing}-key", Problem(f"the key {key.id} is {standing}", hint))
        return Caller(key.id, key.by, frozenset((key.role,)), key.programs)

    def _moment(self) -> datetime:
        """Return the latest moment so far: a clock that is set back makes no ended key valid."""
        self._latest = max(self._latest, self._now())
        return self._latest

    def check_rate(self, caller: Caller, at: int) -> None:
        """Count a request of *caller* at *at* nanoseconds; raise Trouble if it comes too soon."""
        due = max(self._due.get(caller.key, at), at)
        if due - at >= self._burst:
            what = f"the key {caller.key} sends more than {_SECOND // self._interval} a second"
            raise Trouble("too-many", Problem(what, "send more slowly"), again=1)
        self._due[caller.key] = due + self._interval


def address_of(request: Request) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """Return the address at the other end of the connection of *request*."""
    if request.client is None:
        return None
    found = ipaddress.ip_address(request.client.host)
    return getattr(found, "ipv4_mapped", None) or found


def _check_local(request: Request) -> None:
    """Raise Trouble unless a program on this machine asks, and not a page in its browser."""
    address = address_of(request)
    if address is None or not address.is_loopback:
        raise Trouble("not-local", Problem("the request comes from another machine"))
    if not _LOCAL.fullmatch(request.headers.get("host", "")) or "origin" in request.headers:
        what = "the request comes from a page in a browser, or names another host"
        raise Trouble("not-local", Problem(what, "name the host as 127.0.0.1"))
