"""Who sends an event, if the journal does not take anybody's word for it.

A program may begin with `by` bound to the operating system's user or to the database's role. An
event then cannot say another name.
"""

from __future__ import annotations

import os
import pwd

from msgspec.structs import replace

from repurchase.domain.errors import InputError, Problem, UsageError
from repurchase.domain.events import REPORTS, Event
from repurchase.domain.people import Identity, is_same_person
from repurchase.journal.store import Journal

_CALLED = {"os": "the operating system, whose user", "database": "the database, whose role"}


def user(identity: Identity, journal: Journal) -> str:
    """Return the name of whoever sends to *journal*, as *identity* tells it.

    Raise UsageError if the journal is in no database that has roles.
    """
    if identity == "os":
        number = os.getuid()
        try:
            return pwd.getpwuid(number).pw_name
        except KeyError:
            return str(number)
    role = journal.role()
    if role is None:
        hint = "bind `by` with --identity os"
        raise UsageError(Problem("SQLite has no roles", hint, journal.url))
    return role


def named(by: str | None, identity: Identity | None, journal: Journal) -> str | None:
    """Return the name that *by* stands for; raise UsageError if it is another than *identity*'s."""
    if identity is None:
        return by
    name = user(identity, journal)
    if by is not None and not is_same_person(by, name):
        what = f"`by` is `{by}`, but this program takes it from {_CALLED[identity]} is `{name}`"
        raise UsageError(Problem(what, "leave `by` out"))
    return name


def sent(event: Event, identity: Identity | None, journal: Journal) -> Event:
    """Return *event* with the name of whoever sends it; raise InputError if it says another.

    A report of the venue need not name anyone. A halt stops under any name, and gets the true one.
    """
    if identity is None or (event.by is None and event.kind in REPORTS):
        return event
    by = None if event.kind == "halt" else event.by
    try:
        return replace(event, by=named(by, identity, journal))
    except UsageError as error:
        if by is None:
            raise
        raise InputError(error.problems) from error
