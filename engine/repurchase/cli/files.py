"""The files that commands name: rule files, input, and files that output must not overwrite."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from contextlib import suppress
from datetime import date
from os import fstat
from os.path import samestat
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final

from repurchase.cli.output import remark, warn
from repurchase.domain.errors import Problem, UsageError, reason
from repurchase.rulebook.library import pack_names, pack_path, rule_file

if TYPE_CHECKING:
    from repurchase.rulebook.editions import Editions

# What nobody can make again, by a sign near its begin.
_PRECIOUS: Final = {
    b"KEY-----": "key",
    b"SQLite format 3": "journal",
    b'"format":"repurchase checkpoint': "checkpoint",
}
# The longest first line of a key file is `-----BEGIN ENCRYPTED PRIVATE KEY-----`.
_BEGINS_WITHIN: Final = 64


def editions_of(rules: str, known_at: date | None = None, *, of_limits: bool = True) -> Editions:
    """Return the editions of the rule file *rules*, and show its gaps on standard error.

    If not *of_limits*, the caller itself shows what nothing limits.
    Raise UsageError if it is not a file, RuleFileError if it has errors.
    """
    from repurchase.api.rules import opened
    from repurchase.rulebook.lint import lint_findings

    editions = opened(rules, known_at)
    warn(lint_findings(editions, of_limits=of_limits))
    return editions


def remark_known_at(known_at: date | None) -> None:
    """Say on standard error that a proof does not cover decisions as known on *known_at*."""
    if known_at is not None:
        what = "each event is evaluated by what was known on that day; a proof of the rule file"
        remark(f"--known-at {known_at}: {what} (`prove`) does not cover these decisions")


def rule_file_or_pack(name: str) -> Path:
    """Return the path of the shipped pack *name*, or of a rule file as `library.rule_file` does."""
    return pack_path(name) if name in pack_names() else rule_file(name)


def is_file(path: Path) -> bool:
    """Return whether *path* is a file; `False` if that cannot be found out."""
    try:
        return path.is_file()
    except OSError:
        return False


def message_name(name: str) -> str:
    """Return the name of the file *name* in messages; `-` is standard input."""
    return "<standard input>" if name == "-" else name


def standard_input() -> BinaryIO:
    """Return standard input as a stream of bytes; raise UsageError if it is closed.

    The stream has its own buffer. A thread that waits for input would hold the lock of the buffer
    of `sys.stdin`, and Python waits for that lock when it ends.
    """
    if sys.stdin is None:
        raise UsageError(Problem("standard input is closed", "give a file instead of -"))
    return open(0, "rb", closefd=False)


def opened(name: str, what: str) -> BinaryIO:
    """Return the file *name*, or a pipe that has a writer, open to read; `-` is standard input.

    Raise UsageError, which calls the file *what*, if it cannot be opened.
    """
    from repurchase.intake.sources import open_stream

    try:
        return standard_input() if name == "-" else open_stream(name)
    except OSError as error:
        problem = Problem(f"{what} cannot be read: {reason(error)}", file=name)
        raise UsageError(problem) from error


def content(name: str, what: str, bytes_max: int) -> bytes:
    """Return the content of the file *name*; `-` is standard input.

    Read no more than *bytes_max* bytes and one more, which shows that the file is longer. Raise
    UsageError, which calls the file *what*, if it cannot be read.
    """
    try:
        with opened(name, what) as stream:
            return stream.read(bytes_max + 1)
    except OSError as error:
        problem = Problem(f"{what} cannot be read: {reason(error)}", file=name)
        raise UsageError(problem) from error


def check_overwritten(
    output: Path, kept: Iterable[str | Path], what: str = "the output would overwrite this file"
) -> None:
    """Raise UsageError if *output* is a key, a checkpoint, a journal, or a file to be *kept*.

    The message about a kept file is *what*. `-` is standard input.
    """
    partial = output.with_name(f"{output.name}.partial") if output.name else output
    for path in filter(is_file, (output, partial)):
        for name in kept:
            # A path that cannot be inspected is not this file.
            with suppress(OSError):
                if samestat(path.stat(), fstat(0) if name == "-" else Path(name).stat()):
                    raise UsageError(Problem(what, file=str(name)))
        with path.open("rb") as file:
            begin = file.read(_BEGINS_WITHIN)
        for sign, called in _PRECIOUS.items():
            if sign in begin:
                what = f"this file is a {called}, which is never overwritten"
                raise UsageError(Problem(what, "give another name", str(output)))


def rule_files(rules: str, editions: Editions) -> tuple[Path, ...]:
    """Return the path of the rule file *rules*, of these *editions*, and those of its own packs."""
    path = rule_file(rules)
    packs = (pack.included for pack in editions.authorization.packs)
    own = (path.parent / f"{name}.yaml" for name in packs if name.startswith("./"))
    return path, *own


def check_written_beside(
    output: Path, noun: str, log: str | None, *rules: Path, others: Iterable[Path | None] = ()
) -> None:
    """Raise UsageError if *output* is standard output, the *log*, a rule file or its cases file.

    *noun* is the plural noun for what is written to *output*. Nor may *output* be one of *others*,
    which the command reads or writes, too.
    """
    from repurchase.rulebook.cases_file import cases_path

    if str(output) == "-":
        hint = "give the name of a file, since the summary goes to standard output"
        raise UsageError(Problem(f"the {noun} cannot go to standard output", hint))
    kept: list[str | Path] = [] if log is None else [log]
    kept += [path for file in rules for path in (file, cases_path(file))]
    what = f"the {noun} would overwrite this file"
    for other in filter(None, others):
        # Of two outputs, neither is there yet.
        if output.absolute() == other.absolute():
            raise UsageError(Problem(what, "give each output its own file", str(other)))
        kept.append(other)
    check_overwritten(output, kept, what)
