"""The installed command: what each command answers, with which exit code, and on which stream.

`run` and `text_of` serve the other test_cli files as well.
"""

from __future__ import annotations

import atexit
import hashlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from datetime import date, datetime
from functools import cache
from pathlib import Path
from typing import Any, Final, NamedTuple

import click
import pytest

import repurchase
from repurchase.cli.files import editions_of
from repurchase.cli.main import commands
from repurchase.domain.errors import UsageError
from repurchase.evaluation.wording import ENGINE
from repurchase.rulebook.library import rule_names, sample_path

COMMAND: Final = str(Path(sys.executable).with_name("repurchase"))
COMMANDS: Final = (
    "demo",
    "diff",
    "init",
    "lint",
    "test",
    "explain",
    "prove",
    "check",
    "replay",
    "what-if",
    "map",
    "market",
    "submit",
    "halt",
    "resume",
    "confirm",
    "evidence",
    "recover",
    "reconcile",
    "position",
    "headroom",
    "show",
    "adopt",
    "verify",
    "checkpoint",
    "export",
    "import",
    "serve",
    "notify",
    "token",
    "completion",
)


class Run(NamedTuple):
    """How a command ended, and what it wrote."""

    code: int
    out: str
    err: str

    @property
    def lines(self) -> list[str]:
        """Return the lines on standard error."""
        return self.err.splitlines()

    @property
    def json(self) -> Any:
        """Return the one JSON value that stands on standard output."""
        return json.loads(self.out)


# Most of a command's time goes into starting Python, so one process that has loaded everything
# is forked for each call. `fresh` starts the installed command itself, which comes to the same.
#
# The superuser passes over every permission, so that a test of one would test nothing. That right
# is given up (capset, its third version, of this process: nothing is left), and not the user:
# another one might not reach the installation, nor the tests' folders.
_SERVER: Final = """
import ctypes, importlib, json, os, pkgutil, sys, traceback
import repurchase
for module in pkgutil.walk_packages(repurchase.__path__, "repurchase."):
    importlib.import_module(module.name)
from repurchase.cli.main import main
from repurchase.rulebook import editions, library
# What a process reads once: the grammar, the tables of zones and venues.
editions.load(library.rule_path("iij-2008"))
if os.geteuid() == 0:
    this, nothing = (ctypes.c_uint32 * 2)(0x20080522, 0), (ctypes.c_uint32 * 6)()
    if ctypes.CDLL(None).capset(this, nothing):
        sys.exit("the superuser's rights cannot be given up")
for line in sys.stdin:
    call = json.loads(line)
    child = os.fork()
    if not child:
        code = 70
        try:
            os.environ.update(call["environment"])
            os.chdir(call["cwd"])
            os.dup2(os.open(call["files"][0], os.O_RDONLY), 0)
            for stream in (1, 2):
                os.dup2(os.open(call["files"][stream], os.O_WRONLY | os.O_TRUNC), stream)
            sys.stdin, sys.stdout, sys.stderr = open(0), open(1, "w"), open(2, "w")
            sys.argv = ["repurchase", *call["arguments"]]
            code = main()
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


@cache
def _server() -> subprocess.Popen[str]:
    server = subprocess.Popen(
        [sys.executable, "-c", _SERVER],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    atexit.register(server.communicate)
    return server


def _forked(arguments: list[str], stdin: bytes, cwd: Path, environment: dict[str, str]) -> Run:
    server = _server()
    assert server.stdin is not None
    assert server.stdout is not None
    with tempfile.TemporaryDirectory() as folder:
        files = [Path(folder, name) for name in ("in", "out", "err")]
        for file, content in zip(files, (stdin, b"", b""), strict=True):
            file.write_bytes(content)
        call = {
            "arguments": arguments,
            "cwd": str(cwd),
            "files": [str(file) for file in files],
            "environment": environment,
        }
        server.stdin.write(json.dumps(call) + "\n")
        server.stdin.flush()
        code = int(server.stdout.readline())
        return Run(code, files[1].read_bytes().decode(), files[2].read_bytes().decode())


def run(
    *arguments: object,
    stdin: bytes | str = b"",
    cwd: Path | None = None,
    fresh: bool = False,
    **environment: str,
) -> Run:
    """Run a command to its end; it never shows a traceback."""
    words = [str(one) for one in arguments]
    content = stdin.encode() if isinstance(stdin, str) else stdin
    # Python itself reads these as it starts.
    if not fresh and not any(name.startswith(("PYTHON", "LC_", "LANG")) for name in environment):
        ended = _forked(words, content, cwd or Path.cwd(), environment)
    else:
        done = subprocess.run(
            [COMMAND, *words],
            input=content,
            capture_output=True,
            check=False,
            cwd=cwd,
            env={**os.environ, **environment},
        )
        ended = Run(done.returncode, done.stdout.decode(), done.stderr.decode())
    assert "Traceback" not in ended.err, ended.err
    assert ended.code in (0, 1, 2, 130), ended
    return ended


def errors_of(ended: Run) -> list[dict[str, Any]]:
    """Return the errors that stand as JSON on standard output, and check their form."""
    found: list[dict[str, Any]] = ended.json["errors"]
    assert list(ended.json) == ["errors"]
    for error in found:
        assert set(error) == {"file", "line", "column", "what", "hint"}
    return found


RULES: Final = """\
repurchase: 1
authorization: tiny
currency: JPY
timezone: Asia/Tokyo
unlimited: [amount]
instruments: {common: {symbol: "1", venues: [XTKS]}}
terms:
  max_shares: {value: "100 shares", quote: "up to 100 shares"}
rules:
  - id: share-cap
    require: program.shares_after <= terms.max_shares
  - id: last-day
    effect: flag
    require: trade.last_date <= 2026-12-31
  - id: second-pair-of-eyes
    effect: review
    at: order
    when: trade.shares >= 50 shares
    require: trade.order_type == limit
  - id: this-century
    require: trade.last_date <= 2099-12-31
"""
GAPPY: Final = RULES.replace(', quote: "up to 100 shares"', ', quote: "up to a hundred shares"')
GAP: Final = "rules.yaml:8:44: "
ORDER: Final = {
    "kind": "order",
    "id": "o-1",
    "date": "2026-05-15",
    "symbol": "1",
    "side": "buy",
    "quantity": 10,
    "price": 5,
}
LOG: Final = """\
id,date,symbol,side,quantity,price
f-1,2026-05-15,1,buy,45,5
f-2,2026-05-18,1,buy,45,5
"""


def order(**changes: Any) -> str:
    """Return an order as JSON text; a change to `None` leaves its field out."""
    return json.dumps(
        {name: value for name, value in {**ORDER, **changes}.items() if value is not None}
    )


@pytest.fixture
def here(tmp_path: Path) -> Path:
    """Return a folder with a rule file, an event and a log."""
    (tmp_path / "rules.yaml").write_text(RULES, encoding="utf-8")
    (tmp_path / "order.json").write_text(order(), encoding="utf-8")
    (tmp_path / "log.csv").write_text(LOG, encoding="utf-8")
    return tmp_path


@pytest.mark.slow
@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        ["--version"],
        ["lint", "rules.yaml"],
        ["explain", "rules.yaml"],
        ["completion", "bash"],
        ["demo"],
        ["check", "--rules", "rules.yaml", "--event", "order.json"],
        ["check", "--rules", "rules.yaml", "--event", "-", "--json"],
        ["replay", "log.csv", "--rules", "rules.yaml"],
        ["replay", "none.csv", "--rules", "rules.yaml", "--json"],
        ["what-if", "log.csv", "--rules", "rules.yaml", "--against", "iij-2008"],
        ["test", "--json"],
        ["nonsense"],
    ],
)
def test_installed_command_says_the_same_as_the_forked_one(
    here: Path, arguments: list[str]
) -> None:
    """What the tests of this folder call in a fork is what users get."""
    asked = order()
    assert run(*arguments, stdin=asked, cwd=here) == run(
        *arguments, stdin=asked, cwd=here, fresh=True
    )


# --- help, version, completion


def test_help_names_every_command_and_exit_code() -> None:
    """Who asks for help sees what there is, how it is called, and what its codes mean."""
    ended = run("--help")
    assert (ended.code, ended.err) == (0, "")
    listed = ended.out.split("Commands:")[1]
    assert [line.split()[0] for line in listed.splitlines() if line.startswith("  ")] == sorted(
        COMMANDS
    )
    assert "repurchase replay LOG.csv --rules F.yaml" in ended.out
    assert "Exit codes:" in ended.out
    assert "0    everything was approved, recorded, verified or proved" in ended.out


@pytest.mark.parametrize("command", COMMANDS)
def test_help_of_each_command_shows_how_it_is_called(command: str) -> None:
    """Each command explains itself with an example."""
    ended = run(command, "--help")
    assert (ended.code, ended.err) == (0, "")
    assert ended.out.startswith(f"Usage: repurchase {command}")
    body = ended.out.split("\n", 2)[2]
    assert f"repurchase {command}" in body or command == "demo"


@pytest.mark.parametrize("option", ["-h", "--help"])
def test_help_is_had_either_way(option: str) -> None:
    """The short form says the same."""
    assert run(option) == run("--help")


SEVERAL: Final = {
    *("answers", "certificates", "checkpoint_files", "columns", "constants"),
    *("ignore", "market", "outcomes", "programs", "receipts"),
}


@pytest.mark.parametrize(
    "option",
    [
        pytest.param(option, id=f"{name} {option.opts[0]}")
        for name, group in sorted(commands.commands.items())
        for command in (group, *getattr(group, "commands", {}).values())
        for option in command.params
        if isinstance(option, click.Option) and not option.is_flag and option.expose_value
    ],
)
def test_option_that_takes_one_value_is_refused_twice(option: click.Option) -> None:
    """Of two values nobody knows which is meant; a few options are for several."""
    assert option.multiple
    context = click.Context(click.Command("any"))
    if option.name in SEVERAL:
        of = option.type
        given = list(of.choices[:2]) if isinstance(of, click.Choice) else ["a=b", "c=d"]
        assert [str(value) for value in option.process_value(context, given)] == given
        return
    assert option.callback is not None
    with pytest.raises(UsageError, match="is given 2 times; give it once"):
        option.callback(context, option, ("a", "b"))


def test_no_command_shows_the_help() -> None:
    """Alone, the command shows what it can do, as --help does; nothing was decided."""
    assert run() == Run(2, "", run("--help").out)


def test_version_is_that_of_the_package() -> None:
    """What is installed tells its version."""
    expected = f"repurchase, version {repurchase.__version__}\n"
    assert run("--version") == Run(0, expected, "")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_script_of_each_shell_is_written(shell: str) -> None:
    """A shell can be taught the commands."""
    ended = run("completion", shell)
    assert (ended.code, ended.err) == (0, "")
    assert f"_REPURCHASE_COMPLETE={shell}_complete" in ended.out


def test_completion_answers_with_the_commands() -> None:
    """What the script asks for is answered."""
    ended = run(COMP_WORDS="repurchase re", COMP_CWORD="1", _REPURCHASE_COMPLETE="bash_complete")
    assert (ended.code, ended.out) == (
        0,
        "plain,reconcile\nplain,recover\nplain,replay\nplain,resume\n",
    )


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nonsense"], "No such command 'nonsense'"),
        (["lint", "--nonsense"], "No such option"),
        (["check", "--rules", "rules.yaml"], "Missing option '--event'"),
        (["check", "--event", "-"], "neither a rule file nor a journal is given"),
        (["replay", "--rules", "rules.yaml"], "Missing argument 'LOG'"),
        (["replay", "log.csv", "log.csv", "--rules", "rules.yaml"], "unexpected extra argument"),
        (["replay", "log.csv", "--rules"], "requires an argument"),
        (["replay", "log.csv", "--rules", "rules.yaml", "--findings", "some"], "some"),
        (["replay", "log.csv", "--rules", "rules.yaml", "--known-at", "soon"], "soon"),
        (["replay", "log.csv", "--rules", "rules.yaml", "--known-at", "2026-02-30"], "2026-02-30"),
        (["explain"], "Missing argument"),
        (["init"], "Missing argument 'DIR'"),
        (["init", "a", "b"], "unexpected extra argument"),
        (["demo", "now"], "unexpected extra argument"),
        (["completion", "tcsh"], "'tcsh' is not one of"),
        (
            ["replay", "log.csv", "--rules", "rules.yaml", "--rules", "rules.yaml"],
            "`--rules` is given 2 times; give it once",
        ),
        (
            ["check", "--rules", "rules.yaml", "--event", "-", "--event", "order.json"],
            "`--event` is given 2 times",
        ),
        (["completion"], "Missing argument '{bash|zsh|fish}'. Choose from: bash, zsh, fish\n"),
        (["lint"], "no file is named; write repurchase lint FILE.yaml"),
        (["test"], "there are no cases here; name a rule file or a cases file"),
        (
            ["explain", "trade.shars"],
            "is not a fact, a finding, a pack or a rule file; did you mean `trade.shares`?",
        ),
    ],
)
def test_wrong_call_is_told_and_decides_nothing(
    here: Path, arguments: list[str], said: str
) -> None:
    """A call that cannot be understood ends with 2 and one sentence that says why."""
    ended = run(*arguments, cwd=here)
    assert (ended.code, ended.out) == (2, "")
    assert said in ended.err


@pytest.mark.parametrize(
    "arguments",
    [
        ["lint", "no\udcff.yaml"],
        ["replay", "no\udcff.csv", "--rules", "rules.yaml"],
        ["check", "--rules", "rules.yaml", "--event", "no\udcff.json"],
        ["check", "--rules", "no\udcff.yaml", "--event", "order.json"],
        ["replay", "log.csv", "--rules", "rules.yaml", "--column", "no\udcff"],
        ["no\udcff"],
    ],
)
def test_name_that_is_not_utf8_is_told_as_json(here: Path, arguments: list[str]) -> None:
    """A name that UTF-8 cannot write is escaped, in JSON too."""
    ended = run(*arguments, "--json", cwd=here)
    assert (ended.code, "no\\udcff" in ended.out.replace("\\\\", "\\")) == (2, True)


def test_wrong_call_is_told_as_json(here: Path) -> None:
    """Who asks for JSON gets JSON, also for a wrong call."""
    ended = run("check", "--rules", "rules.yaml", "--json", cwd=here)
    (error,) = errors_of(ended)
    assert (ended.code, ended.err, error["what"]) == (2, "", "Missing option '--event'.")


# --- init


def test_init_starts_a_program_that_works_at_once(tmp_path: Path) -> None:
    """The files that it writes lint, pass their cases and replay."""
    started = run("init", "my", cwd=tmp_path)
    assert (started.code, started.out) == (0, "")
    assert sorted(path.name for path in (tmp_path / "my").iterdir()) == [
        "my-program.cases.yaml",
        "my-program.yaml",
        "trades.csv",
    ]
    rules = "my/my-program.yaml"
    assert run("lint", rules, cwd=tmp_path) == Run(0, "", "the file has no errors or gaps\n")
    assert run("test", rules, cwd=tmp_path) == Run(0, "", "18 of 18 cases pass\n")
    replayed = run("replay", "my/trades.csv", "--rules", rules, "--json", cwd=tmp_path)
    assert (replayed.code, replayed.json["events"], replayed.err) == (1, 5, "")
    for said in started.lines[1:]:
        assert "my/" in said


def test_init_twice_overwrites_nothing(tmp_path: Path) -> None:
    """What is there stays as it is, and the second call says so."""
    run("init", "my", cwd=tmp_path)
    edited = tmp_path / "my" / "my-program.yaml"
    edited.write_text("mine\n", encoding="utf-8")
    (tmp_path / "my" / "trades.csv").unlink()
    again = run("init", "my", cwd=tmp_path)
    assert (again.code, again.out, edited.read_text(encoding="utf-8")) == (2, "", "mine\n")
    assert again.err.startswith("my: ")
    assert not (tmp_path / "my" / "trades.csv").exists()


def test_init_where_a_file_stands_is_refused(tmp_path: Path) -> None:
    """A file cannot be a folder."""
    (tmp_path / "my").write_text("", encoding="utf-8")
    ended = run("init", "my", cwd=tmp_path)
    assert (ended.code, ended.out, len(ended.lines)) == (2, "", 1)


def test_init_in_a_folder_without_permission_is_refused(tmp_path: Path) -> None:
    """A folder that may not be written is left alone."""
    tmp_path.chmod(0o500)
    ended = run("init", tmp_path / "my")
    tmp_path.chmod(0o700)
    assert ended == Run(
        2, "", f"{tmp_path / 'my'}: the files cannot be written: permission denied\n"
    )
    assert list(tmp_path.iterdir()) == []


def test_init_without_room_leaves_nothing(tmp_path: Path) -> None:
    """What could not be written in whole is not there, so that it can be tried again."""
    arguments = [COMMAND, "init", "my"]
    done = subprocess.run(
        ["sh", "-c", 'ulimit -f 1; exec "$0" "$@"', *arguments],
        cwd=tmp_path,
        capture_output=True,
        check=False,
    )
    assert (done.returncode, done.stderr.decode()) == (
        2,
        "my: the files cannot be written: file too large\n",
    )
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
@pytest.mark.parametrize("name", ["My Program 2", "-x", "a'b", "."])
def test_init_says_commands_that_can_be_pasted(tmp_path: Path, name: str) -> None:
    """Whatever the folder is called, a shell takes the next steps as they stand."""
    started = run("init", "--", name, cwd=tmp_path)
    assert started.code == 0
    for said in started.lines[2:]:
        step = said.replace("repurchase", COMMAND, 1)
        done = subprocess.run(step, shell=True, cwd=tmp_path, capture_output=True, check=False)
        assert done.returncode in (0, 1), done.stderr.decode()


def test_init_in_a_folder_without_a_name_is_refused(tmp_path: Path) -> None:
    """A shell variable that was never set is not this folder."""
    ended = run("init", "", cwd=tmp_path)
    assert ended == Run(2, "", "the name of the folder is empty; write . for the current one\n")
    assert list(tmp_path.iterdir()) == []


# --- lint, test, explain, demo


def test_sound_rule_files_lint_clean(here: Path) -> None:
    """Nothing to say is said in one line."""
    assert run("lint", "rules.yaml", cwd=here) == Run(0, "", "the file has no errors or gaps\n")
    assert run("lint", "rules.yaml", "./rules.yaml", "iij-2008", cwd=here) == Run(
        0, "", "2 files have no errors or gaps\n"
    )
    assert run("lint", "rules.yaml", "--json", cwd=here) == Run(0, '{"errors":[]}\n', "")


@pytest.mark.parametrize("name", rule_names())
def test_shipped_rule_file_loads_by_name(name: str) -> None:
    """What ships is called by its name, without a gap, and its cases pass."""
    assert run("lint", name) == Run(0, "", "the file has no errors or gaps\n")
    ended = run("test", name)
    assert (ended.code, ended.err.endswith(" cases pass\n")) == (0, True)


def test_lint_tells_gaps_and_ends_with_1(here: Path) -> None:
    """A quote without its figure loads, and is told with its place."""
    (here / "rules.yaml").write_text(GAPPY, encoding="utf-8")
    ended = run("lint", "rules.yaml", cwd=here)
    assert (ended.code, ended.out, ended.err.startswith(GAP)) == (1, "", True)
    told = errors_of(run("lint", "rules.yaml", "--json", cwd=here))
    assert [(error["file"], error["line"], error["column"]) for error in told] == [
        ("rules.yaml", 8, 44)
    ]


def test_other_commands_repeat_gaps_on_standard_error(here: Path) -> None:
    """A gap is never hidden, and changes no answer."""
    (here / "rules.yaml").write_text(GAPPY, encoding="utf-8")
    checked = run("check", "--rules", "rules.yaml", "--event", "order.json", "--json", cwd=here)
    replayed = run("replay", "log.csv", "--rules", "rules.yaml", "--json", cwd=here)
    assert (checked.code, checked.json["outcome"], checked.lines[0][:17]) == (0, "approved", GAP)
    assert (replayed.code, replayed.json["approved"], replayed.lines[0][:17]) == (0, 2, GAP)


def test_lint_reads_every_file_before_it_ends(here: Path) -> None:
    """All errors of all files are told at once."""
    (here / "bad.yaml").write_text(RULES.replace("currency", "curency"), encoding="utf-8")
    (here / "worse.yaml").write_text("- a\n", encoding="utf-8")
    ended = run("lint", "bad.yaml", "rules.yaml", "worse.yaml", cwd=here)
    assert ended.code == 1
    assert {line.split(":")[0] for line in ended.lines} == {"bad.yaml", "worse.yaml"}


def test_lint_checks_quotes_against_their_source(here: Path) -> None:
    """A document that says it is sound, one that does not is a gap, none at all is no answer."""
    said = "The company buys up to\n  100 shares.\n"
    (here / "said.txt").write_text(said, encoding="utf-8")
    (here / "other.txt").write_text(said.replace("100", "200"), encoding="utf-8")
    pinned = hashlib.sha256(said.encode()).hexdigest()
    source = f"sources: {{said: {{title: Said, sha256: {pinned}}}}}\ntimezone:"
    (here / "rules.yaml").write_text(RULES.replace("timezone:", source), encoding="utf-8")
    assert run("lint", "rules.yaml", "--source", "said.txt", cwd=here).code == 0
    other = run("lint", "rules.yaml", "--source", "other.txt", cwd=here)
    missing = run("lint", "rules.yaml", "--source", "none.txt", cwd=here)
    assert (
        other.code,
        other.lines[0].startswith("other.txt: no source of the rule file has the SHA-256"),
    ) == (
        1,
        True,
    )
    assert (missing.code, missing.err) == (
        2,
        "none.txt: the source cannot be read: no such file or directory\n",
    )


def test_lint_writes_the_schema_for_editors() -> None:
    """The schema is JSON and needs no rule file."""
    ended = run("lint", "--schema")
    assert (ended.code, ended.err, ended.json["type"]) == (0, "", "object")


CASES: Final = """\
cases:
  - name: ten fit
    event: {kind: order, date: 2026-05-15, symbol: "1", quantity: 10, price: 5}
    expect: approved
  - name: a hundred and one do not
    event: {kind: order, date: 2026-05-15, symbol: "1", quantity: 101, price: 5, order_type: limit}
    expect: approved
"""


def test_cases_that_differ_are_told_with_their_place(here: Path) -> None:
    """A case names what was expected and what came, on its line."""
    (here / "rules.cases.yaml").write_text(CASES, encoding="utf-8")
    ended = run("test", "rules.yaml", cwd=here)
    assert ended == Run(
        1,
        "",
        "rules.cases.yaml:5: a hundred and one do not: expected approved, got denied, by "
        "share-cap\n1 of 2 cases pass\n",
    )
    assert run("test", cwd=here) == ended
    as_json = run("test", "rules.yaml", "--json", cwd=here)
    assert (as_json.code, as_json.json["cases"], len(as_json.json["failed"])) == (1, 2, 1)


@pytest.mark.parametrize(
    ("cases", "said"),
    [
        (CASES.replace("quantity: 10,", "quantity: ten,"), "rules.cases.yaml:2:"),
        (CASES.replace("expect: approved", "expect: aproved"), "rules.cases.yaml:4:13: "),
        (CASES.replace("cases:", "casses:"), "rules.cases.yaml:1:1: "),
        ("", "rules.cases.yaml:1:1: "),
    ],
)
def test_cases_file_with_an_error_ends_with_2(here: Path, cases: str, said: str) -> None:
    """Cases that cannot be read are no cases that fail."""
    (here / "rules.cases.yaml").write_text(cases, encoding="utf-8")
    ended = run("test", "rules.yaml", cwd=here)
    assert (ended.code, ended.out, ended.err.startswith(said)) == (2, "", True), ended.err


def test_rule_file_without_cases_ends_with_2(here: Path) -> None:
    """No cases are no success."""
    ended = run("test", "rules.yaml", cwd=here)
    assert ended == Run(
        2, "", "rules.yaml: `rules.yaml` has no cases; write them in rules.cases.yaml beside it\n"
    )


def test_explain_says_what_a_fact_means() -> None:
    """A fact is told with its dimension, its domain and the fields that give it."""
    ended = run("explain", "program.shares_after")
    assert (ended.code, ended.err) == (0, "")
    assert ended.out.splitlines()[0] == "program.shares_after"
    assert "dimension: shares\ndomain: zero or more\n" in ended.out


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("iij-2088", "did you mean `iij-2008`?"),
        ("rules", "did you mean `rules.yaml`?"),
        ("none", "the shipped rule files are `iij-2008`, `jp-2017`, `jp-2023`"),
    ],
)
def test_rule_file_that_is_none_is_told_with_those_that_are(
    here: Path, name: str, hint: str
) -> None:
    """A slip in a name is met with the nearest, also where the ending was left out."""
    (here / "rules.cases.yaml").write_text(CASES, encoding="utf-8")
    told = Run(2, "", f"{name}: the file does not exist; {hint}\n")
    assert run("lint", name, cwd=here) == told
    assert run("test", name, cwd=here) == told
    assert run("replay", "log.csv", "--rules", name, cwd=here) == told
    explained = run("explain", name, cwd=here)
    assert (explained.code, "is not a fact, a finding, a pack or a rule file" in explained.err) == (
        2,
        True,
    )
    assert hint in explained.err or name == "none"


def test_explain_says_what_a_finding_of_the_program_means() -> None:
    """A finding that no rule file has is explained all the same, and a slip in it told."""
    ended = run("explain", "engine.overrun")
    assert (ended.code, ended.err) == (0, "")
    assert ended.out.splitlines()[:2] == [
        "engine.overrun",
        ENGINE["engine.overrun"],
    ]
    assert "did you mean `engine.overrun`?" in run("explain", "engine.overun").err


@pytest.mark.parametrize("name", ["rules.yaml", "iij-2008"])
def test_explain_says_what_a_rule_file_means(here: Path, name: str) -> None:
    """A rule file is told with its rules, and the event fields that it needs."""
    ended = run("explain", name, cwd=here)
    assert (ended.code, ended.err) == (0, "")
    assert all(word in ended.out for word in ("share-cap", "program.shares_after", "quantity"))


def test_demo_replays_three_logs() -> None:
    """The demo shows the figures that the companies reported."""
    ended = run("demo")
    assert (ended.code, ended.err) == (0, "")
    assert all(figure in ended.out for figure in ("1,959,000", "2,137,650,389", "3,069,700"))


# --- check

CHECKED: Final[list[tuple[dict[str, Any], int, str, dict[str, str]]]] = [
    ({}, 0, "approved", {}),
    ({"quantity": 49}, 0, "approved", {}),
    ({"quantity": 100, "order_type": "limit"}, 0, "approved", {}),
    ({"quantity": 101, "order_type": "limit"}, 1, "denied", {"share-cap": "fail"}),
    ({"date": "2027-01-01"}, 0, "approved", {"last-day": "fail"}),
    (
        {"quantity": 50, "order_type": "market"},
        1,
        "held",
        {"second-pair-of-eyes": "fail"},
    ),
    ({"quantity": 50}, 1, "held", {"second-pair-of-eyes": "indeterminate"}),
    ({"kind": "fill", "quantity": 101}, 1, "denied", {"share-cap": "fail"}),
    ({"symbol": "2"}, 1, "denied", {"engine.unknown-instrument": "fail"}),
]


@pytest.mark.parametrize(("changes", "code", "outcome", "stopping"), CHECKED)
def test_check_answers_with_outcome_and_code(
    here: Path, changes: dict[str, Any], code: int, outcome: str, stopping: dict[str, str]
) -> None:
    """Flags leave the code at 0; what is held or denied ends with 1."""
    ended = run(
        "check", "--rules", "rules.yaml", "--event", "-", "--json", stdin=order(**changes), cwd=here
    )
    decision = ended.json
    found = {
        one["rule"]: one["result"]
        for one in decision["findings"]
        if one["result"] in ("fail", "indeterminate")
    }
    assert (ended.code, decision["outcome"]) == (code, outcome)
    assert stopping.items() <= found.items()
    made = ["id", "kind", "outcome", "findings", "position", "edition"]
    stated = {**ORDER, **changes}
    told = [name for name in ("date", "quantity", "price") if stated[name] is not None]
    assert list(decision) == [*made, *told]
    assert [decision[name] for name in told] == [str(stated[name]) for name in told]


def test_check_shows_every_rule_as_a_table(here: Path) -> None:
    """Who does not ask for JSON sees the outcome, and with --all each rule."""
    ended = run("check", "--rules", "rules.yaml", "--event", "order.json", "--all", cwd=here)
    assert ended.code == 0
    assert ended.out.startswith("APPROVED  order o-1: with it, 10 of 100 shares (10.00%) are used.")
    assert all(rule in ended.out for rule in ("share-cap", "last-day", "second-pair-of-eyes"))


NOTHING_USED: Final = "No --log or --journal: the program is assumed unused."


def test_check_without_a_log_says_so(here: Path) -> None:
    """The answer says if earlier use was not given; JSON has no place for that but beside it."""
    arguments = ("check", "--rules", "rules.yaml", "--event", "order.json")
    assert run(*arguments, cwd=here).out.rstrip().endswith(f". {NOTHING_USED}")
    assert run(*arguments, "--json", cwd=here).err == f"{NOTHING_USED}\n"
    (here / "log.csv").write_text(LOG.splitlines()[0] + "\n", encoding="utf-8")
    for given in (("--log", "log.csv"), ("--brought-forward", "5,5")):
        ended = run(*arguments, *given, cwd=here)
        assert (NOTHING_USED in ended.out, ended.err) == (False, "")


@pytest.mark.parametrize(("quantity", "code"), [(10, 0), (11, 1)])
def test_check_counts_what_came_before(here: Path, quantity: int, code: int) -> None:
    """The last share that the log leaves fits, and one more does not."""
    asked = order(quantity=quantity, date="2026-05-18")
    arguments = ("check", "--rules", "rules.yaml", "--event", "-", "--log", "log.csv")
    assert run(*arguments, stdin=asked, cwd=here).code == code


def test_check_before_the_logs_last_event_is_refused(here: Path) -> None:
    """An event of the past is judged by the log of its own time, or not at all."""
    arguments = ("check", "--rules", "rules.yaml", "--event", "order.json", "--log", "log.csv")
    ended = run(*arguments, cwd=here)
    assert ended == Run(
        2,
        "",
        "log.csv: the event's `2026-05-15` goes backwards: line 3 has `2026-05-18`; give the log "
        "as it was at the time of the event\n",
    )


@pytest.mark.parametrize("sort", [(), ("--sort",)])
@pytest.mark.parametrize(("moment", "code"), [("09:59:59", 2), ("10:00:00", 0)])
def test_check_before_the_logs_last_event_of_the_day_is_refused(
    here: Path, sort: tuple[str, ...], moment: str, code: int
) -> None:
    """Within a day it is the time that tells what came before."""
    rows = "id,time,symbol,side,quantity,price\nf-1,2026-05-15T10:00:00+09:00,1,buy,45,5\n"
    (here / "log.csv").write_text(rows, encoding="utf-8")
    asked = order(date=None, time=f"2026-05-15T{moment}+09:00")
    arguments = ("check", "--rules", "rules.yaml", "--event", "-", "--log", "log.csv", *sort)
    assert run(*arguments, stdin=asked, cwd=here).code == code


SAME: Final = {"kind": "fill", "id": "f-1", "quantity": 45}


@pytest.mark.parametrize(
    ("first", "changes", "code", "outcome"),
    [(45, {}, 0, "approved"), (101, {"quantity": 101}, 1, "denied"), (45, {"price": "5.0"}, 0, "")],
)
def test_event_that_the_log_holds_has_the_decision_that_it_had(
    here: Path, first: int, changes: dict[str, Any], code: int, outcome: str
) -> None:
    """The same event counts once, however often it is asked about."""
    log = LOG.replace("15,1,buy,45", f"15,1,buy,{first}")
    (here / "log.csv").write_text(log, encoding="utf-8")
    arguments = ("check", "--rules", "rules.yaml", "--event", "-", "--log", "log.csv", "--json")
    ended = run(*arguments, stdin=order(**SAME | changes), cwd=here)
    assert (ended.code, ended.json["outcome"]) == (code, outcome or "approved")
    assert ended.json["position"]["executed_shares"] == str(first)
    assert ended.err == ("line 2 of log.csv has this event: the decision is the one made there\n")


@pytest.mark.parametrize("changes", [{"quantity": 46}, {"price": "6.0"}, {"by": "someone"}])
def test_id_that_the_log_used_for_another_event_is_refused(
    here: Path, changes: dict[str, Any]
) -> None:
    """An id with other content is another event under a name that is taken."""
    arguments = ("check", "--rules", "rules.yaml", "--event", "-", "--log", "log.csv", "--json")
    ended = run(*arguments, stdin=order(**SAME | {"date": "2026-05-18"} | changes), cwd=here)
    (finding,) = ended.json["findings"]
    assert (ended.code, ended.json["outcome"], finding["rule"]) == (1, "refused", "engine.used-id")
    assert (finding["message"], ended.json["position"]["executed_shares"]) == (
        "this `id` was used before for another event; submit this one with a new `id`",
        "90",
    )


def test_cap_that_is_not_in_force_is_not_called_none(here: Path) -> None:
    """Who looks before a cap was public is not told that there was none."""
    dated = RULES.replace('"up to 100 shares"}', '"up to 100 shares", known: 2026-05-01}')
    (here / "rules.yaml").write_text(dated, encoding="utf-8")
    early = ("--rules", "rules.yaml", "--known-at", "2026-04-30")
    replayed = run("replay", "log.csv", *early, cwd=here)
    checked = run("check", "--event", "order.json", *early, cwd=here)
    assert "90 shares, no cap known and in force" in replayed.out
    assert "Remaining: no cap on shares known and in force, no cap on money." in checked.out


FORWARD: Final = '{"kind": "brought_forward", "id": "b", "shares": 60, "amount": 100}'


@pytest.mark.parametrize(
    ("options", "code", "said"),
    [
        ((), 0, ""),
        (("--log", "log.csv"), 2, "a `brought_forward` event follows other events; put it first"),
        (
            ("--brought-forward", "5,5"),
            2,
            (
                "two starting positions: this `brought_forward` event and `--brought-forward`;"
                " remove one"
            ),
        ),
    ],
)
def test_check_of_what_is_brought_forward(
    here: Path, options: tuple[str, ...], code: int, said: str
) -> None:
    """As in a log it can only be the first."""
    arguments = ("check", "--rules", "rules.yaml", "--event", "-", *options)
    ended = run(*arguments, stdin=FORWARD, cwd=here)
    assert (ended.code, said in ended.err) == (code, True)


def test_check_before_the_window_is_denied_whatever_is_brought_forward(here: Path) -> None:
    """What came before the log has no day that an event could lie before."""
    asked = order(date="2008-11-13", symbol="3774", price=100000)
    arguments = ("check", "--rules", "iij-2008", "--event", "-", "--json")
    ended = run(*arguments, "--brought-forward", "10,10", stdin=asked, cwd=here)
    failed = [one["rule"] for one in ended.json["findings"] if one["result"] == "fail"]
    assert (ended.code, failed) == (1, ["jp-companies-act.period", "window", "window-at-venue"])


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--column", "quantity=a"], ["--column"]),
        (["--sort", "--skip-other-symbols"], ["--sort", "--skip-other-symbols"]),
        (["--set", "side=buy", "--ignore", "note", "--brought-forward", "5,5"], ["--set", "--ign"]),
    ],
)
def test_options_of_a_log_need_a_log(here: Path, options: list[str], told: list[str]) -> None:
    """Whoever says how a log is read is not answered as if there were none."""
    ended = run("check", "--rules", "rules.yaml", "--event", "order.json", *options, cwd=here)
    assert (ended.code, ended.out, len(ended.lines)) == (2, "", len(told))
    for line, option in zip(ended.lines, told, strict=True):
        assert line.startswith(f"`{option}")
        assert line.endswith("says how to read a log, but no log is given; name it with --log")


def test_event_without_an_end_is_refused(here: Path) -> None:
    """No more is read of an event than one can be long, and nothing of a device."""
    (here / "long.json").write_text("{" + " " * 70_000, encoding="utf-8")
    check = ("check", "--rules", "rules.yaml", "--event")
    ended = run(*check, "long.json", cwd=here)
    assert (ended.code, ended.out) == (2, "")
    assert ended.lines == [
        "long.json: the event is longer than 65536 bytes; write the event as one flat object"
    ]
    ended = run(*check, "/dev/zero", cwd=here)
    assert (ended.code, ended.out) == (2, "")
    said = "this is a device or a socket, not a file; give - for standard input"
    assert ended.lines == [f"/dev/zero: the event cannot be read: {said}"]


def test_what_is_left_is_rounded_down_and_no_cap_is_called_so(here: Path) -> None:
    """A third of a share is not 0.3334 of one, and without a cap nothing is unknown."""
    (here / "rules.yaml").write_text(
        RULES.replace("venues: [XTKS]", "venues: [XTKS], per_share: 3"), encoding="utf-8"
    )
    arguments = ("check", "--rules", "rules.yaml", "--event", "-", "--brought-forward", "0,0")
    ended = run(*arguments, stdin=order(quantity=1), cwd=here)
    assert ended.out.splitlines()[-1].strip() == "Remaining: 99.6666 shares, no cap on money."


@pytest.mark.parametrize(
    ("moment", "day"), [("14:59:59", date(2026, 5, 15)), ("15:00:00", date(2026, 5, 16))]
)
def test_now_is_a_day_on_the_clock_of_the_authorization(moment: str, day: date) -> None:
    """In Tokyo it is tomorrow before it is in Greenwich."""
    now = datetime.fromisoformat(f"2026-05-15T{moment}+00:00")
    assert editions_of("iij-2008", now).known_at == day
    assert editions_of("iij-2008", day).known_at == day


def test_check_of_another_authorization_is_refused(here: Path) -> None:
    """An event for another program is not judged by these rules."""
    asked = order(authorization="other")
    ended = run("check", "--rules", "rules.yaml", "--event", "-", stdin=asked, cwd=here)
    assert (ended.code, ended.out, "`other`" in ended.err) == (2, "", True)


BAD_EVENTS: Final = [
    ("", "the event is not a JSON object"),
    ("{", "the event ends in the middle of its JSON object"),
    ("[]", "the event is not a JSON object"),
    ("null", "the event is not a JSON object"),
    (order() + order(), "the event has text after its JSON object"),
    ('{"kind": "order", "kind": "fill"}', "`kind` is given twice"),
    (order(quantity="1e5"), "`quantity` is `1e5`, not a number"),
    (order(quantity=True), "`quantity` is `true`, not a number"),
    (order(quantity="\uff15"), "`quantity` is `\uff15`, not a number"),
    (order(quantity=-5), "`quantity` is `-5`, but must be a whole number above zero"),
    (order(quantity=10**30), f"`quantity` is `{10**30}`, not a number"),
    (order(date="2026-02-30"), "`date` is `2026-02-30`"),
    (order(qantity=5), "`qantity` is not an event field; did you mean `quantity`?"),
    (order().replace("10", "NaN"), "`quantity` is `NaN`, not a number"),
    ("[" * 200_000, "the event is longer than 65536 bytes"),
    ('{"a":' * 10_000, "the event is nested too deep"),
    (b"\xff\xfe\x00", "the event is UTF-16, not UTF-8"),
    (b"\x00", "the event is not a JSON object"),
]


@pytest.mark.parametrize(("text", "said"), BAD_EVENTS)
def test_bad_event_is_told_and_not_judged(here: Path, text: str | bytes, said: str) -> None:
    """An event that cannot be read ends with 2 and a reason, and without an outcome."""
    ended = run("check", "--rules", "rules.yaml", "--event", "-", stdin=text, cwd=here)
    assert (ended.code, ended.out) == (2, "")
    assert any(line.startswith(f"<standard input>: {said}") for line in ended.lines), ended.err
    assert "approved" not in ended.err


def test_event_in_a_file_is_told_with_its_name(here: Path) -> None:
    """Who keeps events in files sees which one is wrong, and how facts are named."""
    nested = json.loads(order()) | {"market": {"day_high": 5}}
    (here / "order.json").write_text(json.dumps(nested), encoding="utf-8")
    arguments = ("check", "--rules", "rules.yaml", "--event", "order.json", "--json")
    (error,) = errors_of(run(*arguments, cwd=here))
    assert (error["file"], error["what"], error["hint"]) == (
        "order.json",
        "`market` is not an event field",
        "write the full name, such as `market.previous_close`: an event is flat",
    )


def test_event_and_log_cannot_both_be_standard_input(here: Path) -> None:
    """One stream holds one of them."""
    arguments = ("check", "--rules", "rules.yaml", "--event", "-", "--log", "-")
    assert run(*arguments, stdin=order(), cwd=here) == Run(
        2,
        "",
        "`--event` and `--log` are both `-`; name a file for one of them\n",
    )


def test_bad_event_is_told_as_json_in_full(here: Path) -> None:
    """Every error of an event is told at once."""
    asked = order(quantity=True, side="bye", date=None)
    ended = run("check", "--rules", "rules.yaml", "--event", "-", "--json", stdin=asked, cwd=here)
    said = [error["what"] for error in errors_of(ended)]
    assert (ended.code, [what.split("`")[1] for what in said]) == (2, ["side", "quantity", "time"])


# --- replay


def test_replay_tells_what_a_log_came_to(here: Path) -> None:
    """The summary has its counts, its use of the caps and its percentages."""
    ended = run("replay", "log.csv", "--rules", "rules.yaml", "--json", cwd=here)
    summary = ended.json
    assert (ended.code, ended.err) == (0, "")
    assert {name: summary[name] for name in ("authorization", "events", "approved", "denied")} == {
        "authorization": "tiny",
        "events": 2,
        "approved": 2,
        "denied": 0,
    }
    assert (summary["executed_shares"], summary["shares_used_percent"]) == ("90", "90.00")
    assert (summary["remaining_amount"], summary["amount_used_percent"]) == (None, None)
    assert (summary["first_denied"], summary["by_rule"]) == (None, {})


def test_replay_shows_the_same_as_a_table(here: Path) -> None:
    """Who does not ask for JSON sees the counts and the use."""
    ended = run("replay", "log.csv", "--rules", "rules.yaml", cwd=here)
    assert (ended.code, ended.err) == (0, "")
    assert all(word in ended.out for word in ("2 events: 2 approved", "90 shares of 100 shares"))


def test_one_event_is_called_one(here: Path) -> None:
    """A count and its noun agree."""
    (here / "log.csv").write_text("\n".join(LOG.splitlines()[i] for i in (0, 1, 1)), "utf-8")
    ended = run("replay", "log.csv", "--rules", "rules.yaml", cwd=here)
    assert "1 event: 1 approved, 1 duplicate" in " ".join(ended.out.split())


def test_replay_of_what_is_brought_forward_alone_has_no_last_event(here: Path) -> None:
    """What came before the log did not come on its first day."""
    (here / "log.jsonl").write_text(FORWARD, encoding="utf-8")
    ended = run("replay", "log.jsonl", "--rules", "iij-2008", cwd=here)
    assert (ended.code, "60 shares of 4,000 shares" in ended.out) == (0, True)
    assert "last event" not in ended.out


def test_replay_of_a_denied_fill_ends_with_1(here: Path) -> None:
    """A breach is counted, told by its rule, and ends with 1."""
    (here / "log.csv").write_text(LOG.replace("18,1,buy,45", "18,1,buy,56"), encoding="utf-8")
    ended = run("replay", "log.csv", "--rules", "rules.yaml", "--json", cwd=here)
    summary = ended.json
    assert (ended.code, summary["executed_shares"], summary["remaining_shares"]) == (1, "101", "-1")
    assert (summary["first_denied"], summary["by_rule"]) == (
        "f-2",
        {
            "second-pair-of-eyes": {"fail": 0, "indeterminate": 1},
            "share-cap": {"fail": 1, "indeterminate": 0},
        },
    )


@pytest.mark.parametrize("findings", ["stopping", "all"])
def test_decisions_are_written_a_line_each(here: Path, findings: str) -> None:
    """OUT holds each decision as JSON; with `--findings all` every rule stands in it."""
    ended = run(
        *("replay", "log.csv", "--rules", "rules.yaml", "--findings", findings),
        *("--decisions", "out.jsonl"),
        cwd=here,
    )
    lines = (here / "out.jsonl").read_text(encoding="utf-8").splitlines()
    decisions = [json.loads(line) for line in lines]
    assert (ended.code, [one["id"] for one in decisions]) == (0, ["f-1", "f-2"])
    assert [len(one["findings"]) for one in decisions] == [{"stopping": 0, "all": 4}[findings]] * 2
    assert not (here / "out.jsonl.partial").exists()


def test_log_comes_from_standard_input(here: Path) -> None:
    """`-` is a log as well, CSV or JSON lines."""
    from_file = run("replay", "log.csv", "--rules", "rules.yaml", "--json", cwd=here)
    from_pipe = run("replay", "-", "--rules", "rules.yaml", "--json", stdin=LOG, cwd=here)
    rows = [
        dict(zip(LOG.split("\n")[0].split(","), row.split(","), strict=True))
        for row in LOG.splitlines()[1:]
    ]
    lines = "".join(json.dumps({"kind": "fill", **row}) + "\n" for row in rows)
    from_lines = run("replay", "-", "--rules", "rules.yaml", "--json", stdin=lines, cwd=here)
    assert from_file == from_pipe == from_lines


def test_event_and_log_do_not_share_standard_input(here: Path) -> None:
    """Two readers of one pipe are an error, not a guess."""
    ended = run(
        "check", "--rules", "rules.yaml", "--event", "-", "--log", "-", stdin=order(), cwd=here
    )
    assert (ended.code, ended.out) == (2, "")


def pairs(option: str, values: Iterable[str]) -> list[str]:
    return [part for value in values for part in (option, value)]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (pairs("--column", ["quantity"]), "`--column quantity` has no name or no value"),
        (pairs("--column", ["quantity="]), "`--column quantity=` has no name or no value"),
        (pairs("--column", ["=shares"]), "`--column =shares` has no name or no value"),
        (pairs("--column", ["quantity=a", "quantity=b"]), "`--column` gives `quantity` twice"),
        (pairs("--column", ["qantity=a"]), "`qantity` is not an event field; did you mean"),
        (pairs("--column", ["quantity=a"]), "log.csv:1: "),
        (pairs("--set", ["side=bye"]), "`side` is `bye`"),
        (pairs("--set", ["id=x"]), "`id` is set for all rows"),
        (pairs("--set", ["side=buy"]), "log.csv:1: `side` is a column and is also set"),
        (["--brought-forward", "5"], "`5` is not SHARES,AMOUNT"),
        (["--brought-forward", "1,671,100"], "`1,671,100` is not SHARES,AMOUNT"),
        (["--brought-forward", "-5,5"], "`-5,5` is not SHARES,AMOUNT"),
        (["--brought-forward", "1e5,5"], "`1e5,5` is not SHARES,AMOUNT"),
    ],
)
def test_wrong_option_of_a_log_is_told(here: Path, options: list[str], said: str) -> None:
    """What a log is told to be must fit it."""
    ended = run("replay", "log.csv", "--rules", "rules.yaml", *options, cwd=here)
    assert (ended.code, ended.out, ended.err.startswith(said)) == (2, "", True), ended.err


def test_sample_logs_are_shipped() -> None:
    """What the demo shows can be replayed by hand."""
    names = ("jp-2017-08.csv", "jp-2023-11.csv", "iij-2008-invented.csv")
    assert [name for name in names if not sample_path(name).is_file()] == []
