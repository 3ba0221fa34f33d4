"""Where `repurchase` and `python -m repurchase` begin, and how they end whatever happens.

Ctrl-C ends either with 130, and a crash with 2. What takes time is imported within `_code`, so that
both hold meanwhile too.
"""

from __future__ import annotations

import os
import signal
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Final, NoReturn, TextIO

if TYPE_CHECKING:
    from types import FrameType

_EXIT_UNDECIDED: Final = 2
_EXIT_STOPPED: Final = 130
_AGAIN_SECONDS: Final = 1
# If it is set, and not to 0, a crash shows its traceback.
_DEBUG: Final = "REPURCHASE_DEBUG"


def main() -> int:
    """Run the command line and return its exit code."""
    try:
        # `nohup` and `&` in a script have it ignored.
        if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            signal.signal(signal.SIGINT, _interrupt)
            sys.unraisablehook = _report_unraisable
        code = _code()
        # Only the interpreter is left to end: nothing is interrupted any more.
        if signal.signal(signal.SIGINT, signal.SIG_IGN) is not _end:
            return code
        # It was pressed, and code that is not ours let the KeyboardInterrupt go no further.
    except KeyboardInterrupt:
        pass
    _stop()


def _code() -> int:
    try:
        from repurchase.cli.main import main as command_line

        return command_line()
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # noqa: BLE001 - Python would end with 1, which is a verdict
        _report_crash(error)
        return _EXIT_UNDECIDED


def _interrupt(_number: int, _frame: FrameType | None) -> NoReturn:
    """Interrupt what runs; whoever presses it again does not wait for files to be closed."""
    signal.signal(signal.SIGINT, _end)
    raise KeyboardInterrupt


def _end(_number: int, _frame: FrameType | None) -> NoReturn:
    os._exit(_EXIT_STOPPED)


def _stop() -> NoReturn:
    _write(sys.stderr, "stopped\n")
    # What standard output still holds is no whole answer.
    os._exit(_EXIT_STOPPED)


def _report_unraisable(unraisable: sys.UnraisableHookArgs) -> None:
    """Report what a destructor raised, which Python lets no further."""
    if unraisable.exc_type is KeyboardInterrupt:
        if not hasattr(signal, "SIGALRM"):
            _stop()
        # What runs is interrupted once more, so that it can say what it has done.
        signal.signal(signal.SIGALRM, _interrupt)
        signal.alarm(_AGAIN_SECONDS)
    # An object whose making was interrupted may fail to be unmade, which is no fault.
    if signal.getsignal(signal.SIGINT) is not _end:
        sys.__unraisablehook__(unraisable)


def _report_crash(error: BaseException) -> None:
    """Report *error*, which nothing foresaw, in a sentence; on request with its traceback."""
    import json
    import traceback

    what, hint = _sentence(error)
    if os.environ.get(_DEBUG, "0") not in ("", "0"):
        _write(sys.stderr, "".join(traceback.format_exception(error)))
    if "--json" in sys.argv[1:]:
        place = {"file": None, "line": None, "column": None}
        _write(sys.stdout, json.dumps({"errors": [{"what": what, "hint": hint, **place}]}) + "\n")
    else:
        _write(sys.stderr, f"{what}; {hint}\n")


def _sentence(error: BaseException) -> tuple[str, str]:
    """Return the fault that *error* is, and what to do about it."""
    import traceback

    if isinstance(error, RecursionError):
        what = "an input of this command is nested too deeply to be read"
        return what, f"write it flatter; {_DEBUG}=1 shows where it was read"
    if isinstance(error, MemoryError):
        what = "this command needs more memory than there is"
        return what, f"give it more memory or smaller files; {_DEBUG}=1 shows where it ran out"
    name = " ".join("".join(traceback.format_exception_only(error)).split())
    hint = "report it to its maintainers, with `repurchase --version`, the call, its files and the"
    return (
        f"repurchase failed, which is a fault of its own: {name}",
        f"{hint} traceback that {_DEBUG}=1 shows",
    )


def _write(stream: TextIO | None, text: str) -> None:
    """Write *text* with its control characters escaped; if nobody takes it, the code says it."""
    shown = "".join(one if one.isprintable() or one == "\n" else ascii(one)[1:-1] for one in text)
    with suppress(OSError):
        if stream is not None:
            os.write(stream.fileno(), shown.encode())


if __name__ == "__main__":
    sys.exit(main())
