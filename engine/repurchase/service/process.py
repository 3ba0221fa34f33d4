"""The process beside the service that weighs proposed rules: it is started when it is asked."""

from __future__ import annotations

import subprocess
import sys
import threading
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Final

from repurchase.domain.errors import Problem
from repurchase.report.problems import AGAIN_SECONDS, Trouble
from repurchase.report.weighed import Beside, Proved
from repurchase.service.logged import Log
from repurchase.service.questions import (
    SECONDS_MAX,
    Prove,
    Question,
    Unanswered,
    Watch,
    Weigh,
    Weighed,
)

# The directory in which the service runs must add no modules to it.
_COMMAND: Final = (sys.executable, "-P", "-m", "repurchase.service.weighing")
# The prover proves and compares, and the records are read: each may take the longest time.
_PATIENCE_SECONDS: Final = 4 * SECONDS_MAX


class Process:
    """A process that answers one question after the other; a new one follows if it ends."""

    def __init__(self, url: str, market: tuple[Path, ...], log: Log) -> None:
        """Read the journal at *url* and the *market* files, once a question is asked.

        What goes wrong unforeseen is written to *log*.
        """
        self._given = url, market
        self._log = log
        self._turn = threading.Lock()
        self._is_closed = False
        self._running: tuple[subprocess.Popen[bytes], Connection] | None = None

    def weighed(self, question: Weigh) -> Weighed:
        """Return what a draft would change; raise Trouble if that cannot be found."""
        found: Weighed = self._answered(question)
        return found

    def watched(self, question: Watch) -> Beside:
        """Return what the rules of a proposal have decided; raise Trouble as `weighed` does."""
        found: Beside = self._answered(question)
        return found

    def proved(self, question: Prove) -> Proved:
        """Return whether rules are proved; raise Trouble as `weighed` does."""
        found: Proved = self._answered(question)
        return found

    def _answered(self, question: Question) -> Any:
        """Return the answer, which is of the kind that belongs to *question*."""
        with self._turn:
            found = self._asked(question)
        if isinstance(found, Unanswered):
            if found.trace is not None:
                self._log.say("process", level="error", trace=found.trace)
            raise Trouble(found.code, found.problems, found.again)
        return found

    def _asked(self, question: Question) -> object:
        if self._is_closed:
            raise Trouble("busy", Problem("the service stops", "ask again later"), AGAIN_SECONDS)
        process, questions = self._running or self._started()
        try:
            questions.send(question)
            if questions.poll(_PATIENCE_SECONDS):
                return questions.recv()
        except (EOFError, OSError):
            pass
        self._end(process, questions)
        problem = Problem("the process that weighs rules has ended", "ask again")
        raise Trouble("fault", problem)

    def _started(self) -> tuple[subprocess.Popen[bytes], Connection]:
        ours, theirs = Pipe()
        with theirs:
            number = theirs.fileno()
            # What a terminal sends to all of its processes does not end it.
            process = subprocess.Popen(  # noqa: S603 - a command of our own
                (*_COMMAND, str(number)), pass_fds=(number,), start_new_session=True
            )
        # What the address of a journal says is for no list of processes.
        ours.send(self._given)
        self._running = process, ours
        return self._running

    def _end(self, process: subprocess.Popen[bytes], questions: Connection) -> None:
        self._running = None
        questions.close()
        process.kill()
        process.wait()

    def close(self) -> None:
        """End the process, and start no other; a question that waits has no answer."""
        self._is_closed = True
        running = self._running
        if running is not None:
            running[0].kill()
            running[0].wait()
