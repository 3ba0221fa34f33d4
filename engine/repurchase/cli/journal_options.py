"""What the commands on a journal share: the journal, the program in it, and the clock."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import wraps
from typing import TYPE_CHECKING, Final, ParamSpec

import click

from repurchase.cli.interrupts import milliseconds
from repurchase.cli.options import Option, single_option
from repurchase.cli.output import wants_json, warn, write_errors
from repurchase.domain.errors import Tampering, UsageError

if TYPE_CHECKING:
    from repurchase.journal.book import Book
    from repurchase.journal.store import Journal
    from repurchase.proof.diff import Diff
    from repurchase.rulebook.editions import Editions

P = ParamSpec("P")
_EXIT_TAMPERED: Final = 1


class _Whole(click.types.StringParamType):
    """A text that is one value in an environment variable, too: a path may contain spaces."""

    def split_envvar_value(self, rv: str) -> list[str]:
        """Return *rv* as the only value."""
        return [rv]


def _journal_option(*, required: bool) -> Option:
    return single_option(
        "--journal",
        required=required,
        type=_Whole(),
        envvar="REPURCHASE_JOURNAL",
        show_envvar=True,
        metavar="FILE|URL",
        help="The journal: a file, or postgresql://user@host/name.",
    )


journal_option: Option = _journal_option(required=True)
# For a command that may ask a service instead.
journal_or_server_option: Option = _journal_option(required=False)
server_option: Option = single_option(
    "--server",
    metavar="URL",
    help="A service (`repurchase serve`) instead of a journal. The environment variable"
    " REPURCHASE_TOKEN holds the token of a key.",
)
program_option: Option = single_option(
    "--authorization",
    metavar="NAME",
    help="The program, if the journal has several.",
)


def named_journal(journal: str | None) -> str:
    """Return the *journal*; raise a usage error of click if none is named."""
    if journal is not None:
        return journal
    context = click.get_current_context()
    (missing,) = (one for one in context.command.params if one.name == "journal")
    raise click.MissingParameter(ctx=context, param=missing)


def now() -> datetime:
    """Return the present moment, which is recorded with each event."""
    return datetime.now(UTC)


@contextmanager
def opened_program(url: str, name: str | None) -> Iterator[tuple[Journal, str]]:
    """Yield the journal at *url*, and the name of its program *name*, or of its only one."""
    from repurchase.journal.store import Journal

    with Journal(url) as journal:
        yield journal, program_named(journal, name)


def stored_program(url: str, name: str | None) -> Book:
    """Return the program *name* of the journal at *url*, or its only one."""
    from repurchase.cli.progress import folded
    from repurchase.journal.book import stored_book

    with opened_program(url, name) as (journal, program):
        return stored_book(journal, program, folded)


def program_named(journal: Journal, name: str | None) -> str:
    """Return the program *name* of *journal*, or its only one; raise UsageError otherwise."""
    from repurchase.api import desk

    return desk.program_named(journal, name)


def rules_compared(old: Editions, new: Editions, seconds: float | None = None) -> Diff | None:
    """Return how two rule files differ, found in so many *seconds*.

    Return `None`, with a warning, if the prover is not installed.
    """
    try:
        from repurchase.api.proving import interruptible
        from repurchase.proof.diff import diff
    except UsageError as error:
        warn(error.problems)
        return None
    return interruptible(lambda clock: diff(old, new, clock, milliseconds(seconds)))


def ends_with_1_if_tampered(command: Callable[P, int]) -> Callable[P, int]:
    """Return *command*, which then ends with 1, not 2, if the journal was tampered with."""

    @wraps(command)
    def wrapped(*arguments: P.args, **options: P.kwargs) -> int:
        try:
            return command(*arguments, **options)
        except Tampering as error:
            write_errors(error.problems, as_json=wants_json())
            return _EXIT_TAMPERED

    return wrapped
