"""The log of the service: a line of JSON for each request, and for what happens besides.

No line holds a token, a header or a body. What was refused to a caller also goes into a file of its
own, if one is named.
"""

from __future__ import annotations

import logging
import os
import queue
import sys
import threading
import traceback
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Final

from repurchase.domain.errors import Problem, UsageError, reason
from repurchase.report.written import log_line

# So many lines may wait for whoever reads the log; more are lost, and no answer waits for them.
_WAITING_MAX: Final = 1 << 16


class Log:
    """Writes lines to standard error, and refused calls also to the file *refusals*.

    A thread writes what is said: a reader that is slow to take it delays no answer.
    """

    def __init__(self, now: Callable[[], datetime], refusals: Path | None = None) -> None:
        """Open the file *refusals* to add to it; raise UsageError if it cannot be opened."""
        self._now = now
        self._said: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="log", daemon=True)
        self._refusals: int | None = None
        if refusals is not None:
            flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
            try:
                self._refusals = os.open(refusals, flags, 0o600)
            except OSError as error:
                what = f"the refused calls cannot be written: {reason(error)}"
                raise UsageError(Problem(what, file=str(refusals))) from error
        self._thread.start()

    def say(self, what: str, **fields: object) -> None:
        """Write a line that says *what* happened, with those *fields* that are not `None`."""
        if self._said.qsize() < _WAITING_MAX:
            self._said.put(self._line(what, fields))

    def refuse(self, **fields: object) -> None:
        """Write down a call that was refused, with *fields*, where refused calls are kept."""
        if self._refusals is not None:
            _write(self._refusals, self._line("refused", fields))

    def fault(self, what: str, error: BaseException, **fields: object) -> None:
        """Write a line about *error*, a fault of the service itself, with its traceback."""
        trace = "".join(traceback.format_exception(error))
        self.say(what, level="error", fault=type(error).__name__, trace=trace, **fields)

    def close(self) -> None:
        """Write what was said, and close the file of refused calls."""
        self._said.put(None)
        self._thread.join()
        if self._refusals is not None:
            os.close(self._refusals)
            self._refusals = None

    def _run(self) -> None:
        while (line := self._said.get()) is not None:
            _write(sys.stderr.fileno(), line)

    def _line(self, what: str, fields: dict[str, object]) -> bytes:
        return log_line(self._now(), what, fields)


class ServerLog(logging.Handler):
    """Writes what the HTTP server itself says into the same log; only faults have a place there."""

    def __init__(self, log: Log) -> None:
        super().__init__(logging.WARNING)
        self._log = log

    def emit(self, record: logging.LogRecord) -> None:
        """Write *record* as a line of the log."""
        error = record.exc_info[1] if record.exc_info else None
        if error is not None:
            self._log.fault("server", error, message=record.getMessage().strip())
        else:
            self._log.say("server", level=record.levelname.lower(), message=record.getMessage())


def _write(file: int, line: bytes) -> None:
    # A log that nobody takes any more stops no answer.
    with suppress(OSError):
        os.write(file, line)
