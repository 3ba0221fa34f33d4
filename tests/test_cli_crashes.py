"""A fault of ours, or of the installation, is never taken for a verdict."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

import pytest

from test_cli import COMMAND, LOG, RULES, Run, errors_of

REPLAY: Final = ("replay", "log.csv", "--rules", "rules.yaml")
# Each breaks what the command calls as soon as its log is read.
BROKEN: Final = """
import sys
from repurchase.replay import run
def broken(*_):
    raise {error}
run.replay_by_line = broken
from repurchase.__main__ import main
sys.exit(main())
"""
PLACELESS: Final = {"file": None, "line": None, "column": None}


@pytest.fixture
def here(tmp_path: Path) -> Path:
    """Return a folder with a rule file and a log."""
    (tmp_path / "rules.yaml").write_text(RULES, encoding="utf-8")
    (tmp_path / "log.csv").write_text(LOG, encoding="utf-8")
    return tmp_path


def ended(here: Path, *command: str, **settings: Any) -> Run:
    """Return how a command ended that may show a traceback."""
    done = subprocess.run(command, cwd=here, capture_output=True, check=False, **settings)
    return Run(done.returncode, done.stdout.decode(), done.stderr.decode())


def crashed(here: Path, error: str, *options: str, debug: str = "0") -> Run:
    """Return how `replay` ends if *error* is raised within it."""
    environment = {**os.environ, "REPURCHASE_DEBUG": debug}
    code = BROKEN.format(error=error)
    return ended(here, sys.executable, "-c", code, *REPLAY, *options, env=environment)


# Some exceptions of libraries are no `Exception`: those of Rust code, for one.
@pytest.mark.parametrize("error", ["ZeroDivisionError('by 0')", "BaseException()"])
def test_crash_is_2_with_a_sentence(here: Path, error: str) -> None:
    """It says what to send to whom, and has neither an answer nor a traceback."""
    run = crashed(here, error)
    assert (run.code, run.out) == (2, "")
    (sentence,) = run.lines
    name = error.partition("(")[0]
    assert sentence.startswith(f"repurchase failed, which is a fault of its own: {name}")
    assert "; report it to its maintainers, with `repurchase --version`, the call" in sentence
    assert sentence.endswith("the traceback that REPURCHASE_DEBUG=1 shows")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("error", "said"),
    [
        ("MemoryError()", "this command needs more memory than there is; give it more memory"),
        ("RecursionError()", "an input of this command is nested too deeply to be read; write it"),
    ],
)
def test_crash_by_an_input_says_what_to_do_with_it(here: Path, error: str, said: str) -> None:
    """Too large and too deep are faults of the input, as far as anybody can tell."""
    run = crashed(here, error)
    assert (run.code, run.out, len(run.lines)) == (2, "", 1)
    assert run.err.startswith(said)


def test_crash_shows_its_traceback_on_request(here: Path) -> None:
    """The sentence comes last, so that it is seen."""
    run = crashed(here, "ZeroDivisionError('by 0')", debug="1")
    assert run.err.startswith("Traceback (most recent call last):\n")
    assert "in broken\n" in run.err
    assert run.lines[-1].startswith("repurchase failed, which is a fault of its own: ZeroDivision")
    assert crashed(here, "KeyError()", debug="").lines == crashed(here, "KeyError()").lines


@pytest.mark.parametrize("debug", ["0", "1"])
def test_crash_is_told_as_json(here: Path, debug: str) -> None:
    """Who asks for JSON gets one error, without a place; a traceback is beside it."""
    run = crashed(here, "ZeroDivisionError('by 0')", "--json", debug=debug)
    (error,) = errors_of(run)
    what = "repurchase failed, which is a fault of its own: ZeroDivisionError: by 0"
    assert (run.code, error) == (2, PLACELESS | {"what": what, "hint": error["hint"]})
    assert error["hint"].startswith("report it to its maintainers")
    assert run.err.startswith("Traceback (most recent call last):\n") is (debug == "1")
    assert what not in run.err


@pytest.mark.parametrize("options", [(), ("--json",)])
def test_crash_that_quotes_a_file_does_not_command_the_terminal(
    here: Path, options: tuple[str, ...]
) -> None:
    """What an exception says may be what stood in a file."""
    run = crashed(here, r"ValueError('\x1b[2J\u202e\udcff')", *options, debug="1")
    assert (run.code, "\x1b" in run.out + run.err, "\u202e" in run.out + run.err) == (
        2,
        False,
        False,
    )
    assert r"\x1b[2J\u202e\udcff" in run.err
    if options:
        (error,) = errors_of(run)
        assert error["what"].endswith("ValueError: \x1b[2J\u202e\udcff")


@pytest.mark.parametrize("module", ["click", "msgspec"])
def test_broken_installation_is_no_verdict(here: Path, module: str) -> None:
    """It is a crash before there is a command, and ends as any other."""
    (here / f"{module}.py").write_text("raise ImportError('it is damaged')\n", encoding="utf-8")
    environment = {**os.environ, "PYTHONPATH": str(here)}
    run = ended(here, COMMAND, *REPLAY, env=environment)
    assert (run.code, run.out) == (2, "")
    assert run.lines[-1].startswith("repurchase failed, which is a fault of its own: ImportError")
    run = ended(here, COMMAND, *REPLAY, "--json", env=environment)
    (error,) = errors_of(run)
    assert (run.code, error["what"].endswith("ImportError: it is damaged")) == (2, True)


@pytest.mark.slow
@pytest.mark.parametrize("streams", [">&-", "2>&-", ">/dev/full", "2>/dev/full", ">/dev/full 2>&-"])
def test_crash_that_nobody_hears_is_2_too(here: Path, streams: str) -> None:
    """The exit code says it alone then."""
    if not Path("/dev/full").is_char_device():
        pytest.skip("this system has no /dev/full")
    code = BROKEN.format(error="ZeroDivisionError")
    script = f'exec "$0" -c "$1" {" ".join(REPLAY)} --json {streams}'
    assert ended(here, "sh", "-c", script, sys.executable, code).code == 2


# What reads the events of a desk is a thread of its own.
READS_NOTHING: Final = """
import sys
from repurchase.intake.log import Log
def broken(self):
    raise {error}
    yield
Log.rows = broken
from repurchase.__main__ import main
sys.exit(main())
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("error", "said"),
    [("MemoryError", "this command needs more memory"), ("KeyError('a')", "repurchase failed")],
)
def test_crash_of_what_reads_the_events_ends_the_submission(
    here: Path, error: str, said: str
) -> None:
    """Nobody waits for a thread that is gone, and what it died of is told once."""
    code = READS_NOTHING.format(error=error)
    (here / "events.jsonl").write_text("{}\n", encoding="utf-8")
    submit = ("submit", "events.jsonl", "--journal", "new.db", "--rules", "rules.yaml")
    run = ended(here, sys.executable, "-c", code, *submit, "--by", "Ann")
    assert (run.code, run.out, "Traceback" in run.err) == (2, "", False)
    assert run.lines[-1].startswith(said)


SWALLOWING: Final = """
import signal, sys
from repurchase.replay import run
replay = run.replay_by_line
def swallowing(*arguments):
    try:
        signal.raise_signal(signal.SIGINT)
    except BaseException:
        pass
    return replay(*arguments)
run.replay_by_line = swallowing
from repurchase.__main__ import main
sys.exit(main())
"""


def test_interrupt_that_other_code_swallows_is_130(here: Path) -> None:
    """It is never lost: what the command answers all the same is no answer."""
    run = ended(here, sys.executable, "-c", SWALLOWING, *REPLAY)
    assert (run.code, run.err) == (130, "stopped\n")


LOADED: Final = """
import json, sys
from repurchase.__main__ import main
code = main()
heavy = {"sqlalchemy", "z3", "duckdb", "cryptography", "psycopg"}
print(json.dumps([code, sorted(heavy & sys.modules.keys())]), file=sys.stderr)
"""


@pytest.mark.parametrize(
    "arguments",
    [
        REPLAY,
        ("what-if", "log.csv", "--rules", "rules.yaml", "--against", "rules.yaml"),
        ("check", "--rules", "rules.yaml", "--event", "order.json", "--log", "log.csv"),
        ("lint", "rules.yaml", "--json"),
        ("explain", "rules.yaml"),
    ],
)
def test_command_without_a_journal_loads_no_database(
    here: Path, arguments: tuple[str, ...]
) -> None:
    """What is not used costs no time: SQLAlchemy alone takes as long as all else."""
    event = '{"kind": "order", "id": "o", "date": "2026-05-18", "symbol": "1", "side": "buy"'
    (here / "order.json").write_text(event + ', "quantity": 1, "price": 5}')
    run = ended(here, sys.executable, "-c", LOADED, *arguments)
    assert json.loads(run.lines[-1]) == [0, []], run.err
