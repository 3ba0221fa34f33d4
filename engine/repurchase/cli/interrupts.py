"""What ends a proof early: the time that it was given, or Ctrl-C."""

from __future__ import annotations

import os
import select
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Event, Thread, current_thread, main_thread
from typing import Final

import click

from repurchase.cli.output import single

# As `__main__` ends whatever is stopped.
_EXIT_STOPPED: Final = 130
_AGAIN_SECONDS: Final = 0.05

seconds_option = single(
    "--seconds",
    type=click.FloatRange(min=0, min_open=True),
    metavar="NUMBER",
    help="Look no longer than this, 60 if not given: what is not proved by then is not proved.",
)


def milliseconds(seconds: float | None) -> int:
    """Return how long a proof may take where *seconds* are given, and where they are not."""
    from repurchase.proof.proof import MILLISECONDS

    return MILLISECONDS if seconds is None else int(seconds * 1000)


@contextmanager
def stoppable() -> Iterator[Callable[[], int]]:
    """Yield a clock for proofs, counting nanoseconds, that heeds Ctrl-C when it is read.

    Amid a call of z3 no handler of Python's runs, so that a thread breaks the call off; pressed a
    second time, Ctrl-C ends the process.
    """
    is_stopped = Event()

    def now() -> int:
        if is_stopped.is_set():
            raise KeyboardInterrupt
        return time.monotonic_ns()

    try:
        with _heeded(is_stopped):
            yield now
    finally:
        # What was broken off may have come out as an answer, or as an error.
        now()


@contextmanager
def _heeded(is_stopped: Event) -> Iterator[None]:
    """Set *is_stopped* at Ctrl-C, and break off whatever z3 does from then on."""
    before = signal.getsignal(signal.SIGINT)
    is_heard = current_thread() is main_thread() and hasattr(os, "set_blocking")
    if before is signal.SIG_IGN or not is_heard:
        yield
        return
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    thread = Thread(target=_break_off, args=(reading, is_stopped), daemon=True)
    thread.start()
    wakened = signal.set_wakeup_fd(writing)
    signal.signal(signal.SIGINT, lambda *_: is_stopped.set())
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
        signal.set_wakeup_fd(wakened)
        os.close(writing)
        thread.join()
        os.close(reading)


def _break_off(reading: int, is_stopped: Event) -> None:
    """Break off z3 again and again, from Ctrl-C on, until nobody writes what is *reading*."""
    from repurchase.proof.solver import interrupt

    is_pressed = False
    while True:
        heard, _, _ = select.select([reading], [], [], _AGAIN_SECONDS if is_pressed else None)
        number = os.read(reading, 1) if heard else bytes([0])
        if not number:
            return
        if number[0] == signal.SIGINT:
            if is_pressed:
                os._exit(_EXIT_STOPPED)
            is_pressed = True
            is_stopped.set()
        if is_pressed:
            interrupt()
