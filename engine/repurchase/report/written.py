"""Answers for programs: JSON on one line, and files that are there whole or not at all."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Final, Self, TextIO

import msgspec

from repurchase.domain.errors import Problem, UsageError, reason
from repurchase.evaluation.step import Decided
from repurchase.evaluation.wording import worded

_NOT_PRINTABLE: Final = re.compile(r"[^\x20-\x7e]")


def json_text(value: object) -> str:
    """Return *value* as one line of JSON, without a character that a terminal could obey."""
    try:
        text = msgspec.json.encode(value).decode()
    except UnicodeEncodeError:
        text = msgspec.json.encode(_encodable(msgspec.to_builtins(value))).decode()
    return text if text.isprintable() else _NOT_PRINTABLE.sub(_escaped, text)


def _escaped(match: re.Match[str]) -> str:
    character = match.group()
    if character.isprintable():
        return character
    units = character.encode("utf-16-be").hex()
    return "".join(f"\\u{units[at : at + 4]}" for at in range(0, len(units), 4))


def _encodable(value: object) -> object:
    """Return *value* with each text escaped where it holds what UTF-8 does not, as a path may."""
    if isinstance(value, dict):
        return {_encodable(name): _encodable(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_encodable(one) for one in value]
    return value.encode(errors="backslashreplace").decode() if isinstance(value, str) else value


def decided_json(decided: Decided) -> str:
    """Return a decision with its findings in words, as one line of JSON."""
    decision = decided.decision
    # Most of a log passes: without findings there is nothing to put in words.
    return json_text(worded(decision, decided.edition) if decision.findings else decision)


def problems_json(problems: Iterable[Problem]) -> str:
    """Return *problems* as one line of JSON: `{"errors": [...]}`."""
    return json_text({"errors": list(problems)})


class WholeFile:
    """A file that is there whole or not at all: its lines stand in `NAME.partial` until then."""

    def __init__(self, path: Path, called: str) -> None:
        self._path = path
        self._called = called
        self._partial = path
        self._file: TextIO | None = None

    def add(self, line: str) -> None:
        """Add one line; raise UsageError where it cannot be written."""
        assert self._file is not None
        try:
            self._file.write(line + "\n")
        except OSError as error:
            raise self._unwritable(error) from error

    def __enter__(self) -> Self:
        path = self._path
        try:
            # What is there and is no file, a pipe or a stream, is written as it is.
            if path.name and (path.is_file() or not path.exists()):
                self._partial = path.with_name(f"{path.name}.partial")
            self._file = self._partial.open("w", encoding="utf-8", newline="\n")
        except OSError as error:
            raise self._unwritable(error) from error
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        assert self._file is not None
        if kind is not None:
            # It ends for another reason already: what is written stays in the partial file.
            with suppress(OSError):
                self._file.close()
            return
        try:
            self._finish(self._file)
        except OSError as unwritten:
            with suppress(OSError):
                self._file.close()
            raise self._unwritable(unwritten) from unwritten

    def _finish(self, file: TextIO) -> None:
        file.flush()
        if self._partial == self._path:
            file.close()
            return
        os.fsync(file.fileno())
        file.close()
        # A link stays one: what it leads to is replaced.
        self._partial.replace(self._path.resolve())

    def _unwritable(self, error: OSError) -> UsageError:
        what = f"{self._called} cannot be written: {reason(error)}"
        return UsageError(Problem(what, file=str(self._partial)))


class DecisionsFile(WholeFile):
    """The decisions of a replay, a line each."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, "the decisions")

    def write(self, decided: Decided) -> None:
        """Add one decision; raise UsageError where it cannot be written."""
        self.add(decided_json(decided))
