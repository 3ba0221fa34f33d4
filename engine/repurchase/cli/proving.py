"""What ends a proof early: the time that it was given, or Ctrl-C."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Event, Thread
from typing import Final

import click

from repurchase.cli.show import single

_AGAIN_SECONDS: Final = 0.05

seconds_option = single(
    "--seconds",
    type=click.FloatRange(min=0, min_open=True),
    metavar="NUMBER",
    help="Look no longer than this, 60 if not given: what is not proved by then is not proved.",
)


def milliseconds(seconds: float | None) -> int:
    """Return how long a proof may take where *seconds* are given, and where they are not."""
    from repurchase.prove import MILLISECONDS

    return MILLISECONDS if seconds is None else int(seconds * 1000)


@contextmanager
def stoppable() -> Iterator[Callable[[], int]]:
    """Yield a clock for proofs, counting nanoseconds, that heeds Ctrl-C when it is read.

    Amid a call of z3 no handler of Python's runs, so that a thread breaks the call off.
    """
    is_stopped = Event()

    def now() -> int:
        if is_stopped.is_set():
            raise KeyboardInterrupt
        return time.monotonic_ns()

    with _heeded(is_stopped):
        try:
            yield now
        finally:
            # What was broken off may have come out as an answer, or as an error.
            now()


@contextmanager
def _heeded(is_stopped: Event) -> Iterator[None]:
    """Set *is_stopped* at Ctrl-C, and break off whatever z3 does from then on."""
    before = signal.getsignal(signal.SIGINT)
    if before is signal.SIG_IGN:
        yield
        return
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    ended = Event()
    thread = Thread(target=_break_off, args=(reading, is_stopped, ended), daemon=True)
    thread.start()
    wakened = signal.set_wakeup_fd(writing)
    signal.signal(signal.SIGINT, lambda *_: is_stopped.set())
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
        signal.set_wakeup_fd(wakened)
        ended.set()
        os.close(writing)
        thread.join()
        os.close(reading)


def _break_off(reading: int, is_stopped: Event, ended: Event) -> None:
    """Wait for the number of a signal that is Ctrl-C, then break off z3 until it has *ended*."""
    from repurchase.prove import interrupt

    while number := os.read(reading, 1):
        if number[0] == signal.SIGINT:
            is_stopped.set()
            while not ended.wait(_AGAIN_SECONDS):
                interrupt()
