"""Pipes that close, signals, and streams that are not there, with the installed command itself."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import shutil
import signal
import stat
import subprocess
import sys
import termios
import threading
from contextlib import suppress
from pathlib import Path
from typing import IO, Any, Final

import pytest

from test_cli import COMMAND, LOG, RULES, order, run

REPLAY: Final = ("replay", "log.csv", "--rules", "rules.yaml")
WHAT_IF: Final = ("what-if", "log.csv", "--rules", "rules.yaml", "--against", "lower.yaml")
CASES: Final = """\
cases:
  - name: ten fit
    event: {kind: order, date: 2026-05-15, symbol: "1", side: buy, quantity: 10, price: 5}
    expect: approved
"""
HEADER: Final = LOG.splitlines()[0] + "\n"
PIPED: Final = ("replay", "-", "--rules", "rules.yaml", "--decisions", "out.jsonl")
FLIPPING: Final = (
    *("what-if", "-", "--rules", "rules.yaml", "--against", "lower.yaml"),
    *("--changes", "out.jsonl"),
)


@pytest.fixture
def here(tmp_path: Path) -> Path:
    """Return a folder with a rule file, a log and an event."""
    (tmp_path / "rules.yaml").write_text(RULES, encoding="utf-8")
    (tmp_path / "lower.yaml").write_text(RULES.replace("100 shares", "60 shares"), "utf-8")
    (tmp_path / "log.csv").write_text(LOG, encoding="utf-8")
    (tmp_path / "order.json").write_text(order(), encoding="utf-8")
    return tmp_path


def started(here: Path, *arguments: str, **streams: Any) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [COMMAND, *arguments], cwd=here, stderr=subprocess.PIPE, bufsize=0, **streams
    )


def into_a_closed_pipe(here: Path, *arguments: str) -> tuple[int, str]:
    """Return the code and the errors of a command whose reader is gone before it writes."""
    reader, writer = os.pipe()
    os.close(reader)
    with started(here, *arguments, stdout=writer, stdin=subprocess.DEVNULL) as process:
        os.close(writer)
        _, err = process.communicate()
    return process.returncode, err.decode()


@pytest.mark.slow
@pytest.mark.parametrize(
    "arguments",
    [
        [*REPLAY, "--json"],
        [*REPLAY],
        [*WHAT_IF, "--json"],
        [*WHAT_IF],
        ["check", "--rules", "rules.yaml", "--event", "order.json", "--brought-forward", "5,5"],
        ["lint", "--schema"],
        ["lint", "none.yaml", "--json"],
        ["explain", "rules.yaml"],
        ["demo"],
        ["--help"],
        ["completion", "bash"],
    ],
)
def test_closed_pipe_ends_quietly_and_is_no_answer(here: Path, arguments: list[str]) -> None:
    """Whoever stops reading has no answer: 2, since 0 and 1 are answers, and no traceback."""
    code, err = into_a_closed_pipe(here, *arguments)
    assert (code, err) == (2, "")


def test_reader_that_takes_one_byte_leaves_no_traceback(here: Path) -> None:
    """`| head -c1` ends the pipe, not the peace."""
    with started(here, "lint", "--schema", stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.read(1)
        process.stdout.close()
        err = process.stderr.read().decode()
    assert (err, process.returncode in (0, 2)) == ("", True)


@pytest.mark.parametrize("kind", ["pipe", "link"])
def test_decisions_never_replace_what_is_no_file(here: Path, kind: str) -> None:
    """A named pipe or a stream given as OUT stays what it is."""
    out = here / "out"
    if kind == "pipe":
        os.mkfifo(out)
        reader = os.open(out, os.O_RDONLY | os.O_NONBLOCK)
    else:
        # As /dev/stdout is; that itself is not put at risk here.
        out.symlink_to("/proc/self/fd/1")
        reader = os.open(os.devnull, os.O_RDONLY)
    before = out.lstat()
    try:
        ended = run(*REPLAY, "--decisions", "out", cwd=here, fresh=True)
    finally:
        os.close(reader)
    after = out.lstat()
    assert (stat.S_IFMT(after.st_mode), after.st_ino) == (
        stat.S_IFMT(before.st_mode),
        before.st_ino,
    )
    assert ended.code == 0


def test_decisions_into_a_closing_pipe_are_no_answer(here: Path) -> None:
    """Decisions that nobody takes end with 2 and no traceback."""
    (here / "out").symlink_to("/proc/self/fd/1")
    code, err = into_a_closed_pipe(here, *REPLAY, "--decisions", "out")
    assert (code, "Traceback" in err) == (2, False)


# --- Ctrl-C


def fed(
    here: Path, rows: int, arguments: tuple[str, ...] = PIPED
) -> tuple[subprocess.Popen[bytes], IO[bytes]]:
    """Start a command on a log whose pipe stays open after *rows*, and wait until it runs.

    After rows it is waited for until some of what it writes of them is there.
    """
    process = started(here, *arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdin is not None
    process.stdin.write(HEADER.encode())
    for number in range(rows):
        process.stdin.write(f"f-{number},2026-05-15,1,buy,1,5\n".encode())
    pause = threading.Event()
    partial = here / "out.jsonl.partial"
    while not (partial.exists() and bool(partial.stat().st_size) == bool(rows)):
        assert process.poll() is None, "the command ended before it read its log"
        pause.wait(0.02)
    return process, process.stdin


@pytest.mark.parametrize("rows", [0, 2_000])
def test_interrupt_stops_a_replay_with_a_sentence(here: Path, rows: int) -> None:
    """Ctrl-C ends with 130, one sentence, no summary, and OUT.partial in its place."""
    process, stdin = fed(here, rows)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate()
    stdin.close()
    assert (process.returncode, out, err.decode().strip()) == (
        130,
        b"",
        "stopped",
    )
    assert sorted(path.name for path in here.iterdir() if path.name.startswith("out")) == [
        "out.jsonl.partial"
    ]
    written = (here / "out.jsonl.partial").read_text(encoding="utf-8").splitlines()
    decisions = [json.loads(line) for line in written]
    assert [(one["id"], one["outcome"]) for one in decisions] == [
        (f"f-{number}", "approved" if number < 100 else "denied")
        for number in range(len(decisions))
    ]
    assert bool(decisions) == bool(rows)


def test_interrupt_stops_a_what_if_with_a_sentence(here: Path) -> None:
    """So does Ctrl-C while two files judge: no answer, and what flipped so far in OUT.partial."""
    process, stdin = fed(here, 2_000, FLIPPING)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate()
    stdin.close()
    assert (process.returncode, out, err.decode().strip()) == (130, b"", "stopped")
    assert not (here / "out.jsonl").exists()
    written = (here / "out.jsonl.partial").read_text(encoding="utf-8").splitlines()
    changes = [json.loads(line) for line in written]
    assert [one["id"] for one in changes] == [f"f-{60 + number}" for number in range(len(changes))]
    assert len(changes) > 0


def test_interrupt_of_a_check_waiting_for_its_event(here: Path) -> None:
    """Ctrl-C before an event has come ends with 130 too."""
    fifo = here / "event.json"
    os.mkfifo(fifo)
    # Open for both, so that it has a writer before the command looks for one.
    writer = os.open(fifo, os.O_RDWR)
    os.write(writer, b"{")
    arguments = ("check", "--rules", "rules.yaml", "--event", fifo.name)
    with started(here, *arguments, stdout=subprocess.PIPE) as process:
        wait_until_read(writer, process)
        while process.poll() is None:
            # Python does not wake for one that comes just before it reads: another is needed.
            process.send_signal(signal.SIGINT)
            with suppress(subprocess.TimeoutExpired):
                process.wait(10)
        out, err = process.communicate()
        os.close(writer)
    assert (process.returncode, out) == (130, b"")
    assert err.decode().strip().splitlines()[-1] == "stopped"


def wait_until_read(fifo: int, process: subprocess.Popen[bytes]) -> None:
    """Wait until *process* has read what is in *fifo*."""
    pause = threading.Event()
    while process.poll() is None:
        waiting = fcntl.ioctl(fifo, termios.FIONREAD, bytes(4))
        if not int.from_bytes(waiting, sys.byteorder):
            return
        pause.wait(0.02)
    raise AssertionError("the command ended before it asked for its event")


# What comes before the command line itself: its imports. What is looked for is not found here,
# and the process interrupts itself as it looks.
INTERRUPTED: Final = """
import signal, sys, threading
class Finder:
    def find_spec(self, name, *_):
        if name == "repurchase.cli":
            sys.meta_path.remove(self)
            {interrupt}
class Gone:
    def __del__(self):
        signal.raise_signal(signal.SIGINT)
sys.meta_path.insert(0, Finder())
from repurchase.__main__ import main
sys.exit(main())
"""


@pytest.mark.parametrize(
    ("interrupt", "said"),
    [
        ("signal.raise_signal(signal.SIGINT)", "stopped\n"),
        # Python lets no exception out of a destructor.
        ("Gone(); threading.Event().wait(60)", "stopped\n"),
        # The second finds files still being closed, which may take as long as it likes.
        ("""
            try:
                signal.raise_signal(signal.SIGINT)
            finally:
                signal.raise_signal(signal.SIGINT)
""", ""),
    ],
)  # fmt: skip
def test_interrupt_while_the_command_is_loaded(here: Path, interrupt: str, said: str) -> None:
    """Ctrl-C ends with 130 also before there is a command, and is never lost."""
    done = subprocess.run(
        [sys.executable, "-c", INTERRUPTED.format(interrupt=interrupt), *REPLAY],
        cwd=here,
        capture_output=True,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr.decode()) == (130, b"", said)


def test_interrupt_that_the_caller_has_ignored_stops_nothing(here: Path) -> None:
    """As under `nohup`, and behind `&` in a script."""
    call = INTERRUPTED.format(interrupt="signal.raise_signal(signal.SIGINT)")
    done = subprocess.run(
        [sys.executable, "-c", f"import signal\nsignal.signal(2, signal.SIG_IGN)\n{call}", *REPLAY],
        cwd=here,
        capture_output=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, b"")


def test_package_can_be_run_by_name(here: Path) -> None:
    """`python -m repurchase` is the command too, where no script is on the path."""
    done = subprocess.run(
        [sys.executable, "-m", "repurchase", *REPLAY], cwd=here, capture_output=True, check=False
    )
    assert (done.returncode, done.stdout.decode(), done.stderr) == (
        0,
        run(*REPLAY, cwd=here).out,
        b"",
    )


def test_log_that_ends_early_on_a_pipe_is_judged_as_far_as_it_is_whole(here: Path) -> None:
    """A pipe that ends within a row is a cut log: an error, and nothing concluded."""
    cut = LOG[: LOG.rindex("1,buy")]
    ended = run("replay", "-", "--rules", "rules.yaml", "--json", stdin=cut, cwd=here, fresh=True)
    (first, last) = ended.json["errors"]
    assert (ended.code, first["file"], first["line"]) == (2, "<standard input>", 3)
    assert last["what"].startswith("1 row cannot be used")


# --- streams that are not there, or cannot say everything


@pytest.mark.parametrize(
    "arguments",
    [
        ["replay", "-", "--rules", "rules.yaml"],
        ["what-if", "-", "--rules", "rules.yaml", "--against", "lower.yaml"],
        ["check", "--rules", "rules.yaml", "--event", "-"],
        ["check", "--rules", "rules.yaml", "--event", "order.json", "--log", "-"],
    ],
)
def test_standard_input_that_is_closed_is_told(here: Path, arguments: list[str]) -> None:
    """Without standard input `-` is nothing: 2 and a reason."""
    done = subprocess.run(
        ["sh", "-c", 'exec "$0" "$@" <&-', COMMAND, *arguments],
        cwd=here,
        capture_output=True,
        check=False,
    )
    err = done.stderr.decode()
    assert (done.returncode, done.stdout, "Traceback" in err, bool(err)) == (2, b"", False, True)


@pytest.mark.slow
def test_standard_output_that_is_full_is_no_answer(here: Path) -> None:
    """An answer that could not be written is none: 2, without a traceback."""
    if not Path("/dev/full").is_char_device():
        pytest.skip("this system has no /dev/full")
    for arguments in ([*REPLAY, "--json"], [*REPLAY], [*WHAT_IF, "--json"], [*WHAT_IF]):
        with Path("/dev/full").open("wb") as full:
            done = subprocess.run(
                [COMMAND, *arguments], cwd=here, stdout=full, stderr=subprocess.PIPE, check=False
            )
        assert (done.returncode, b"Traceback" in done.stderr) == (2, False), done.stderr


SPEAKING: Final = [
    # What each writes to standard error, and the code that it has with or without.
    (["test", "rules.yaml"], 0),
    (["lint", "rules.yaml"], 0),
    (["init", "mine"], 0),
    (["check", "--rules", "rules.yaml", "--event", "order.json"], 0),
    (["lint", "none.yaml"], 2),
    (["replay", "none.csv", "--rules", "rules.yaml"], 2),
    (["what-if", "none.csv", "--rules", "rules.yaml", "--against", "lower.yaml"], 2),
    (["nonsense"], 2),
    ([], 2),
]


@pytest.mark.slow
@pytest.mark.parametrize(("arguments", "code"), SPEAKING)
@pytest.mark.parametrize("stream", ["2>/dev/full", "2>&-"])
def test_messages_that_nobody_takes_change_no_code(
    here: Path, arguments: list[str], code: int, stream: str
) -> None:
    """Without standard error the answer and its code are the same."""
    if not Path("/dev/full").is_char_device():
        pytest.skip("this system has no /dev/full")
    (here / "rules.cases.yaml").write_text(CASES, encoding="utf-8")
    done = subprocess.run(
        ["sh", "-c", f'exec "$0" "$@" {stream}', COMMAND, *arguments],
        cwd=here,
        capture_output=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (code, b"")
    shutil.rmtree(here / "mine", ignore_errors=True)
    assert run(*arguments, cwd=here)[:2] == (code, done.stdout.decode())


@pytest.mark.parametrize(
    "arguments",
    [["explain", "rules.yaml"], ["lint", "rules.yaml"], [*REPLAY], [*WHAT_IF], ["--help"]],
)
def test_standard_output_that_is_closed_is_no_answer(here: Path, arguments: list[str]) -> None:
    """Where no answer can be written there is none: 2, and a sentence."""
    done = subprocess.run(
        ["sh", "-c", 'exec "$0" "$@" >&-', COMMAND, *arguments],
        cwd=here,
        capture_output=True,
        check=False,
    )
    assert (done.returncode, done.stderr.decode()) == (
        2,
        "the answer cannot be written: there is no standard output\n",
    )


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "shift_jis"])
def test_output_that_cannot_show_a_letter_shows_it_escaped(here: Path, encoding: str) -> None:
    """A terminal of another encoding gets the answer all the same."""
    done = subprocess.run(
        [COMMAND, "check", "--rules", "rules.yaml", "--event", "-", "--brought-forward", "5,5"],
        cwd=here,
        input=order(id="Société-規").encode(),
        capture_output=True,
        check=False,
        env={**os.environ, "PYTHONIOENCODING": encoding},
    )
    out = done.stdout.decode(encoding)
    assert (done.returncode, b"Traceback" in done.stderr) == (0, False), done.stderr.decode()
    assert "APPROVED  order" in out


def test_language_of_the_system_changes_nothing(here: Path) -> None:
    """Without a locale the output is the same, byte for byte."""
    asked = order(id="Société-規")
    arguments = ("check", "--rules", "rules.yaml", "--event", "-", "--json")
    usual = run(*arguments, stdin=asked, cwd=here)
    assert usual == run(*arguments, stdin=asked, cwd=here, LC_ALL="C", LANG="C")
    assert usual == run(*arguments, stdin=asked, cwd=here, TZ="America/New_York")


# --- at a terminal


def at_a_terminal(here: Path, *arguments: str, columns: int = 120) -> tuple[int, str]:
    """Return the code and all that the command wrote at a terminal of its own."""
    master, slave = pty.openpty()
    settings = termios.tcgetattr(slave)
    settings[1] &= ~termios.OPOST
    termios.tcsetattr(slave, termios.TCSANOW, settings)
    with subprocess.Popen(
        [COMMAND, *arguments],
        cwd=here,
        stdin=slave,
        stdout=slave,
        stderr=slave,
        env={**os.environ, "TERM": "xterm-256color", "COLUMNS": str(columns), "LINES": "40"},
    ) as process:
        os.close(slave)
        parts = []
        while True:
            try:
                part = os.read(master, 65536)
            except OSError:
                break
            if not part:
                break
            parts.append(part)
    os.close(master)
    return process.returncode, b"".join(parts).decode()


def test_terminal_shows_bars_in_color(here: Path) -> None:
    """At a terminal the summary is drawn, with colors."""
    code, shown = at_a_terminal(here, *REPLAY)
    assert (code, "\x1b[36m" in shown, "90 shares of 100 shares" in shown) == (0, True, True)


@pytest.mark.slow
@pytest.mark.parametrize("columns", [40, 60, 80])
@pytest.mark.parametrize(
    "arguments",
    [
        [*REPLAY],
        [*WHAT_IF],
        ["check", "--rules", "rules.yaml", "--event", "order.json", "--log", "log.csv"],
        ["explain", "rules.yaml"],
        ["explain", "market.last_independent_price"],
    ],
)
def test_narrow_terminal_breaks_words_and_cuts_none(
    here: Path, arguments: list[str], columns: int
) -> None:
    """A name or a figure without its last letters would be another one."""
    rules = "  - id: last\n    require: trade.price <= market.last_independent_price\n"
    (here / "rules.yaml").write_text(RULES + rules, encoding="utf-8")
    (here / "order.json").write_text(order(date="2026-05-18"), encoding="utf-8")
    code, shown = at_a_terminal(here, *arguments, columns=columns)
    assert (code in (0, 1), "…" in shown) == (True, False)


def test_narrow_terminal_has_shorter_bars(here: Path) -> None:
    """Figures are read, and bars are looked at: where both do not fit, bars give way."""
    shown = [at_a_terminal(here, *REPLAY, columns=columns)[1] for columns in (120, 60)]
    bars = [one.count("█") + one.count("░") for one in shown]
    assert ("90 shares of 100 shares" in shown[1], bars[0], bars[1] < 32) == (True, 32, True)


def test_terminal_without_color_is_respected(here: Path) -> None:
    """NO_COLOR is heeded as elsewhere."""
    done = run(*REPLAY, cwd=here, NO_COLOR="1")
    assert "\x1b" not in done.out
