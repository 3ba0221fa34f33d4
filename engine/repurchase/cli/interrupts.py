"""The two ways to end a proof early: its time limit, and Ctrl-C."""

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
    help="Time limit in seconds. Default: 60. What is not proved by then is reported as not"
    " proved.",
)


def milliseconds(seconds: float | None) -> int:
    """Return the time limit of a proof in milliseconds: *seconds*, or the default if `None`."""
    from repurchase.proof.proof import MILLISECONDS

    return MILLISECONDS if seconds is None else int(seconds * 1000)


def interruptible(work: Callable[[Callable[[], int]], T]) -> T:
    """Return the result of *work*, a proof that takes a clock which counts nanoseconds.

    The proof runs in its own thread, because Python notices Ctrl-C only in the main thread, and
    not during a call of z3. At Ctrl-C, interrupt z3 and let the clock raise KeyboardInterrupt
    until the work has ended, then raise KeyboardInterrupt.
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
            # The waits are short, because a signal just before an endless wait would not end it.
            while not done.done():
                wait([done], _AGAIN_SECONDS)
            return done.result()
        except KeyboardInterrupt:
            is_stopped.set()
            # The pool's only thread takes this task when the work has ended.
            ended = pool.submit(is_stopped.is_set)
            while not ended.done():
                # z3 ignores an interrupt between two of its calls, so repeat it.
                interrupt()
                wait([ended], _AGAIN_SECONDS)
            raise
