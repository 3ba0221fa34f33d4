"""The files that a command names: rule files, what it reads, and what it must not write over."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from contextlib import suppress
from datetime import date, datetime
from os import fstat
from os.path import samestat
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final

from repurchase.cli.output import warn
from repurchase.domain.errors import Problem, UsageError, nearest, reason

if TYPE_CHECKING:
    from repurchase.rulebook.editions import Editions

# `-----BEGIN ENCRYPTED PRIVATE KEY-----` is the longest first line of one.
_KEY_BEGINS_WITHIN: Final = 64


def editions_of(rules: str, known_at: date | None = None) -> Editions:
    """Return the editions of the rule file *rules*, and show its gaps on standard error."""
    from repurchase.domain.calendars import day_at, zone
    from repurchase.rulebook.build import read
    from repurchase.rulebook.editions import load
    from repurchase.rulebook.lint import lint_findings

    path = rule_file(rules)
    if isinstance(known_at, datetime):
        known_at = day_at(known_at, zone(read(path).timezone))
    editions = load(path, known_at)
    warn(lint_findings(editions.authorization))
    return editions


def rule_file(name: str) -> Path:
    """Return the path of the rule file *name*: a shipped one of that name, else the file.

    Raise UsageError if it is neither, and its name looks like that of a shipped one.
    """
    from repurchase.rulebook.library import pack_names, rule_names, rule_path

    if name in rule_names():
        return rule_path(name)
    if name in pack_names():
        what = "this is a pack of law, and a pack alone grants nothing to judge by"
        hint = f"judge by a rule file that says `include: [{name}]`"
        raise UsageError(Problem(what, hint, name))
    path = Path(name)
    if not (looks_like_a_file(path) or _is_there(path)):
        shipped = ", ".join(f"`{one}`" for one in rule_names())
        hint = nearest(name, rule_files()) or f"shipped are {shipped}"
        raise UsageError(Problem("there is no such file", hint, name))
    return path


def rule_file_or_pack(name: str) -> Path:
    """Return the path of the shipped pack *name*, or of a rule file as `rule_file` does."""
    from repurchase.rulebook.library import pack_names, pack_path

    return pack_path(name) if name in pack_names() else rule_file(name)


def rule_files() -> tuple[str, ...]:
    """Return what a rule file can be called here: those that are shipped, and the YAML files."""
    from repurchase.rulebook.cases_file import CASES
    from repurchase.rulebook.library import rule_names

    here = (path.name for path in Path().glob("*.yaml") if not path.name.endswith(CASES))
    return (*rule_names(), *here)


def looks_like_a_file(path: Path) -> bool:
    """Return whether *path* is written as that of a file is, whether or not there is one."""
    return len(path.parts) > 1 or path.suffix in (".yaml", ".yml")


def is_file(path: Path) -> bool:
    """Return whether *path* is a file; what the system refuses to say is reported when read."""
    try:
        return path.is_file()
    except OSError:
        return False


def _is_there(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:
        return True


def message_name(name: str) -> str:
    """Return what messages call the file *name*, `-` being standard input."""
    return "<standard input>" if name == "-" else name


def standard_input() -> BinaryIO:
    """Return standard input, as bytes; raise UsageError if there is none.

    It has a buffer of its own: a thread that waits for input would keep that of `sys.stdin`, for
    which Python waits when it ends.
    """
    if sys.stdin is None:
        raise UsageError(Problem("there is no standard input", "name a file instead of -"))
    return open(0, "rb", closefd=False)


def content(name: str, what: str, bytes_max: int = -1) -> bytes:
    """Return what the file *name* holds, `-` being standard input, or as much as *bytes_max*.

    Raise UsageError, which calls it *what*, if it cannot be read.
    """
    try:
        with standard_input() if name == "-" else Path(name).open("rb") as stream:
            return stream.read(bytes_max)
    except OSError as error:
        problem = Problem(f"{what} cannot be read: {reason(error)}", file=name)
        raise UsageError(problem) from error


def check_overwritten(
    output: Path, kept: Iterable[str | Path], what: str = "it would be written over"
) -> None:
    """Raise UsageError if to write *output* would destroy a file that is *kept*, or a key.

    It says *what* would happen to that file. `-` is standard input.
    """
    partial = output.with_name(f"{output.name}.partial") if output.name else output
    for path in filter(is_file, (output, partial)):
        for name in kept:
            # What cannot be looked at is not that file.
            with suppress(OSError):
                if samestat(path.stat(), fstat(0) if name == "-" else Path(name).stat()):
                    raise UsageError(Problem(what, file=str(name)))
        with path.open("rb") as file:
            if b"KEY-----" in file.read(_KEY_BEGINS_WITHIN):
                what = "it is a key, which is never overwritten"
                raise UsageError(Problem(what, "name another file", str(output)))


def check_written_beside(output: Path, noun: str, log: str | None, *rules: Path) -> None:
    """Raise UsageError if *output* is no file, or is the *log*, one of the *rules* or their cases.

    *noun* is what is written to it.
    """
    from repurchase.rulebook.cases_file import cases_path

    if str(output) == "-":
        hint = "name one, since the summary goes to standard output"
        raise UsageError(Problem(f"the {noun} go to a file", hint))
    kept: list[str | Path] = [] if log is None else [log]
    kept += [path for file in rules for path in (file, cases_path(file))]
    check_overwritten(output, kept, f"the {noun} would be written over it")
