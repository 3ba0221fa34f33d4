"""What the commands on a journal share: which journal, which program of it, and the clock."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, ParamSpec

import click

from repurchase.cli.output import fail, single
from repurchase.domain.errors import Problem, Tampering, UsageError, plain

if TYPE_CHECKING:
    from repurchase.journal.store import Journal

P = ParamSpec("P")
EXIT_TAMPERED = 1
# `-----BEGIN ENCRYPTED PRIVATE KEY-----` is the longest first line of one.
_KEY_BEGINS_WITHIN = 64


class _Whole(click.types.StringParamType):
    """A text that is one value, also in a variable of the environment: a path may hold spaces."""

    def split_envvar_value(self, rv: str) -> list[str]:
        """Return *rv* as the only value."""
        return [rv]


journal_option = single(
    "--journal",
    required=True,
    type=_Whole(),
    envvar="REPURCHASE_JOURNAL",
    show_envvar=True,
    metavar="FILE|URL",
    help="The journal: a file, or postgresql://user@host/name.",
)
program_option = single(
    "--authorization",
    metavar="NAME",
    help="Which program of the journal, where it holds several.",
)


def opened(url: str, *, create: bool = False) -> Journal:
    """Return the journal at *url*; the caller closes it."""
    from repurchase.journal.store import Journal

    return Journal(url, create=create)


def chosen(journal: Journal, name: str | None) -> str:
    """Return the program *name* of *journal*, or its only one; raise UsageError otherwise."""
    programs = journal.programs()
    held = ", ".join(f"`{plain(one)}`" for one in programs)
    if name is None and len(programs) == 1:
        return programs[0]
    if name in programs:
        return name
    if not programs:
        raise UsageError(Problem("the journal holds no program yet", file=journal.url))
    if name is None:
        problem = Problem(f"it holds several programs: {held}", "name one with --authorization")
        raise UsageError(problem)
    raise UsageError(Problem(f"it holds no program `{plain(name)}`, but {held}", file=journal.url))


def now() -> datetime:
    """Return the time of day, to be recorded with what happens now."""
    return datetime.now(UTC)


def tells_tampering(command: Callable[P, int]) -> Callable[P, int]:
    """Let *command* end with the exit code of tampering where it finds some."""

    @wraps(command)
    def told(*arguments: P.args, **options: P.kwargs) -> int:
        try:
            return command(*arguments, **options)
        except Tampering as error:
            fail(error)
            return EXIT_TAMPERED

    return told


def kept_apart(output: Path | None, journal: Journal, *others: Path | None) -> Path | None:
    """Return *output*; raise UsageError where writing it would destroy *journal* or *others*."""
    if output is None:
        return None
    partial = output.with_name(f"{output.name}.partial") if output.name else output
    for kept in (*journal.files(), *others):
        if kept is not None and any(_same(kept, written) for written in (output, partial)):
            raise UsageError(Problem("it would be written over", file=str(kept)))
    if any(_is_key(written) for written in (output, partial)):
        what = "it is a key, which is never overwritten"
        raise UsageError(Problem(what, "name another file", str(output)))
    return output


def _is_key(path: Path) -> bool:
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return b"KEY-----" in file.read(_KEY_BEGINS_WITHIN)


def _same(kept: Path, written: Path) -> bool:
    try:
        return written.samefile(kept)
    except OSError:
        # What is not there yet is not the other.
        return False
