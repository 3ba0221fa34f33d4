"""Ctrl-C while z3 looks: it is never lost, wherever it falls, and is heeded soon."""

from __future__ import annotations

import contextlib
import gc
import os
import random
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Event, Thread, Timer
from time import sleep
from typing import Any, Final

import pytest

from repurchase.api.proving import interruptible
from repurchase.proof.solver import z3
from repurchase.rulebook.library import rule_path


@pytest.fixture(autouse=True)
def no_destructors() -> Iterator[None]:
    """Let no solver of an earlier test end meanwhile: its destructor would swallow Ctrl-C.

    At the command line `__main__` hears of that and interrupts once more.
    """
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def _solver(*formulas: Any) -> Any:
    solver = z3.Solver()
    solver.add(*formulas)
    return solver


def _quick() -> Any:
    first, second = z3.Reals("first second")
    return _solver(first > 0, second > first, first * second == 2)


def _endless() -> Any:
    """Return a solver that would look for more hours than anyone has waited."""
    one = z3.Ints("x y z")
    return _solver(sum(each * each * each for each in one) == 114)


def _sent(seconds: float) -> Timer:
    timer = Timer(seconds, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    return timer


def _stopped(seconds: float, work: Callable[[Callable[[], int]], object]) -> None:
    """Do *work* and press Ctrl-C after so many *seconds* of it."""
    timer = _sent(seconds)
    try:
        interruptible(work)
    finally:
        timer.join()


@pytest.mark.parametrize("seed", range(30))
def test_ctrl_c_between_calls_and_amid_them_is_heeded(seed: int) -> None:
    """Much of the time of a proof is many short calls."""
    begun, ended = Event(), Event()

    def work(clock: Callable[[], int]) -> None:
        begun.set()
        try:
            # An interrupt can also end what makes the solver.
            solver = _quick()
            while True:
                clock()
                solver.check()
        finally:
            ended.set()

    with pytest.raises(KeyboardInterrupt):
        _stopped(random.Random(seed).uniform(0, 0.05), work)
    # It may come before the work does, which then never begins.
    assert ended.is_set() is begun.is_set()


def test_ctrl_c_amid_the_start_of_a_thread_leaves_no_work_behind(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A thread that has started although its start was stopped goes on with nothing."""
    begun, ended = Event(), Event()
    start = Thread.start

    def stopped(thread: Thread) -> None:
        start(thread)
        raise KeyboardInterrupt

    def work(clock: Callable[[], int]) -> None:
        begun.set()
        try:
            while True:
                clock()
                sleep(0.2)
        finally:
            ended.set()

    with monkeypatch.context() as patched:
        patched.setattr(Thread, "start", stopped)
        with pytest.raises(KeyboardInterrupt):
            interruptible(work)
        assert ended.is_set() is begun.is_set()


@pytest.mark.parametrize("make", [z3.Solver, z3.Optimize])
def test_long_call_is_broken_off(make: Any) -> None:
    """Nobody waits for what z3 would find in its own time."""
    solver = make()
    solver.add(_endless().assertions())
    with pytest.raises(KeyboardInterrupt):
        _stopped(0.2, lambda _: solver.check())


def _fails_when_stopped(clock: Callable[[], int]) -> None:
    try:
        while True:
            clock()
    finally:
        raise z3.Z3Exception("canceled")


def _fails(_clock: Callable[[], int]) -> None:
    raise z3.Z3Exception("canceled")


def test_error_that_ctrl_c_caused_is_no_error() -> None:
    """What is broken off amid other work of z3 comes out as an exception of its own."""
    with pytest.raises(KeyboardInterrupt):
        _stopped(0, _fails_when_stopped)
    with pytest.raises(z3.Z3Exception):
        interruptible(_fails)


def test_answer_that_is_broken_off_is_no_answer() -> None:
    """z3 answers that it knows nothing then, which nobody is to take for what was found."""
    found: list[object] = []
    with pytest.raises(KeyboardInterrupt):
        _stopped(0.1, lambda _: found.append(_endless().check()))
    assert found == [z3.unknown]


def test_ctrl_c_as_the_last_proof_ends_is_heeded() -> None:
    """It may come when all is found, and before another hears it."""
    with pytest.raises(KeyboardInterrupt):
        interruptible(lambda _: signal.raise_signal(signal.SIGINT))


HEEDLESS: Final = """
import sys
from repurchase import __main__
from repurchase.cli import main
from repurchase.api.proving import interruptible
def heedless(clock):
    print("begun", flush=True)
    while True: pass
main.main = lambda: interruptible(heedless)
sys.exit(__main__.main())
"""


def test_ctrl_c_pressed_twice_ends_what_heeds_nothing(tmp_path: Path) -> None:
    """If the first one is not heeded, nobody has to wait."""
    process = subprocess.Popen(
        [sys.executable, "-c", HEEDLESS], cwd=tmp_path, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "begun\n"
    while process.poll() is None:
        process.send_signal(signal.SIGINT)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(0.2)
    assert process.returncode == 130
    process.stdout.close()


def test_proof_off_the_main_thread_is_no_error() -> None:
    """Only the main thread hears signals, and a library may prove in another."""
    found: list[object] = []

    def work(clock: Callable[[], int]) -> None:
        clock()
        found.append(_quick().check())

    thread = Thread(target=interruptible, args=(work,))
    thread.start()
    thread.join()
    assert found == [z3.sat]


def test_ctrl_c_that_is_ignored_stays_so() -> None:
    """A shell starts what runs behind with Ctrl-C ignored."""

    def work(clock: Callable[[], int]) -> object:
        _sent(0).join()
        clock()
        return _quick().check()

    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        assert interruptible(work) == z3.sat
    finally:
        signal.signal(signal.SIGINT, before)


@pytest.mark.slow
@pytest.mark.parametrize("seconds", [1.5, 2.5, 3.5])
def test_command_that_is_stopped_ends_with_130(tmp_path: Path, seconds: float) -> None:
    """The whole command says that it was stopped, and nothing else."""
    text = rule_path("iij-2008").read_text().replace('"4,000 shares"', '"3,999 shares"')
    (tmp_path / "new.yaml").write_text(text)
    command = [str(Path(sys.executable).parent / "repurchase"), "diff", "iij-2008", "new.yaml"]
    process = subprocess.Popen(
        command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(seconds)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate()
    assert (process.returncode, out) == (130, "")
    assert err.endswith("stopped\n")
    assert "Traceback" not in err
