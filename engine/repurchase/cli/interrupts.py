"""What ends a proof early: the time that it was given, or Ctrl-C."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from threading import Event
from typing import Final, TypeVar

import click

from repurchase.cli.options import single_option

T = TypeVar("T")
_AGAIN_SECONDS: Final = 0.05

seconds_option = single_option(
    "--seconds",
    type=click.FloatRange(min=0, min_open=True),
    metavar="NUMBER",
    help="Look no longer than this, 60 if not given: what is not proved by then is not proved.",
)


def milliseconds(seconds: float | None) -> int:
    """Return how long a proof may take if *seconds* are given, and if they are not."""
    from repurchase.proof.proof import MILLISECONDS

    return MILLISECONDS if seconds is None else int(seconds * 1000)


def interruptible(work: Callable[[Callable[[], int]], T]) -> T:
    """Return what *work* returns, a proof that is given a clock which counts nanoseconds.

    It works in a thread of its own, because Python hears Ctrl-C in the main thread alone, and not
    amid a call of z3. At Ctrl-C z3 is broken off and the clock raises, until the work has ended.
    """
    from repurchase.proof.solver import interrupt

    is_stopped = Event()

    def clock() -> int:
        if is_stopped.is_set():
            raise KeyboardInterrupt
        return time.monotonic_ns()

    with ThreadPoolExecutor(max_workers=1) as pool:
        try:
            done = pool.submit(work, clock)
            # A signal that comes just before a wait without end would not wake it.
            while not done.done():
                wait([done], _AGAIN_SECONDS)
            return done.result()
        except KeyboardInterrupt:
            is_stopped.set()
            # The thread comes to nothing else before the work has ended.
            ended = pool.submit(is_stopped.is_set)
            while not ended.done():
                # z3 forgets it if it comes between two calls, so it is repeated.
                interrupt()
                wait([ended], _AGAIN_SECONDS)
            raise
