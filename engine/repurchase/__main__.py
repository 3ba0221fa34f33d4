"""Where `repurchase` and `python -m repurchase` begin: Ctrl-C ends either with 130, at any moment.

What takes time is imported within `main`, so that it is heeded meanwhile too.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Final, NoReturn

if TYPE_CHECKING:
    from types import FrameType

EXIT_STOPPED: Final = 130
_AGAIN_SECONDS: Final = 1


def main() -> int:
    """Run the command line and return its exit code."""
    ctrl_c = _CtrlC()
    code = EXIT_STOPPED
    try:
        ctrl_c.heed()
        from repurchase.cli.main import main as command_line

        code = command_line()
        ctrl_c.let_go()
    except KeyboardInterrupt:
        ctrl_c.asked = True
        ctrl_c.let_go()
        if sys.stderr is not None:
            _write(sys.stderr.fileno(), b"stopped\n")
    return EXIT_STOPPED if ctrl_c.asked else code


class _CtrlC:
    """Interrupts what runs; whoever presses it twice does not wait for files to be closed."""

    def __init__(self) -> None:
        self.asked = False

    def heed(self) -> None:
        """Take over from Python, unless it is ignored as by `nohup`."""
        import signal

        if signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
            return
        signal.signal(signal.SIGINT, self._stop)
        sys.unraisablehook = _without_ctrl_c
        if hasattr(signal, "setitimer"):
            signal.signal(signal.SIGALRM, _interrupt)

    def let_go(self) -> None:
        """Ignore it from now on: the code is known, and only the interpreter is left to end."""
        import signal

        signal.signal(signal.SIGINT, signal.SIG_IGN)
        if hasattr(signal, "setitimer"):
            signal.setitimer(signal.ITIMER_REAL, 0)

    def _stop(self, number: int, frame: FrameType | None) -> NoReturn:
        import signal

        if self.asked:
            os._exit(EXIT_STOPPED)
        self.asked = True
        # A destructor lets no exception out, and neither does some code of others: it is repeated.
        if hasattr(signal, "setitimer"):
            signal.setitimer(signal.ITIMER_REAL, _AGAIN_SECONDS, _AGAIN_SECONDS)
        _interrupt(number, frame)


def _interrupt(_number: int, _frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt


def _without_ctrl_c(unraisable: sys.UnraisableHookArgs) -> None:
    if unraisable.exc_type is not KeyboardInterrupt:
        sys.__unraisablehook__(unraisable)


def _write(descriptor: int, message: bytes) -> None:
    try:
        os.write(descriptor, message)
    except OSError:
        # Nobody hears it, and the exit code says the same.
        return


if __name__ == "__main__":
    sys.exit(main())
