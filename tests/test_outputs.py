"""Files that commands write: their owner's alone, one writer each, and never through a link."""

from __future__ import annotations

import json
import os
import stat
import subprocess
from pathlib import Path
from typing import Final

import pytest

from repurchase.domain.errors import UsageError
from repurchase.report.outputs import make_folder
from repurchase.report.written import whole_file
from test_cli import COMMAND, LOG, RULES, run

REPLAY: Final = ("replay", "log.csv", "--rules", "rules.yaml", "--decisions", "out.jsonl")
OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO


@pytest.fixture
def here(tmp_path: Path) -> Path:
    """Return a folder with a rule file and a log."""
    (tmp_path / "rules.yaml").write_text(RULES, encoding="utf-8")
    (tmp_path / "log.csv").write_text(LOG, encoding="utf-8")
    return tmp_path


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def refusal(path: Path) -> str:
    """Return why the lines of the file *path* are refused."""
    with pytest.raises(UsageError) as caught, whole_file(path, "the lines"):
        pass
    (problem,) = caught.value.problems
    return problem.what.removeprefix("the lines cannot be written: ")


def test_output_is_its_owners_alone(here: Path) -> None:
    """Nobody else reads decisions, not even if the file that they replace was open to all."""
    before = os.umask(0)
    try:
        (here / "out.jsonl").write_text("old")
        assert run(*REPLAY, cwd=here, fresh=True).code == 0
        assert run("init", "far/off/new", cwd=here, fresh=True).code == 0
    finally:
        os.umask(before)
    assert mode(here / "out.jsonl") == 0o600
    assert [mode(here / one) for one in ("far", "far/off", "far/off/new")] == [0o700] * 3
    assert {mode(one) for one in (here / "far/off/new").iterdir()} == {0o600}


def test_partial_output_is_its_owners_alone_from_the_start(tmp_path: Path) -> None:
    """There is no moment at which others could open it."""
    before = os.umask(0)
    try:
        with whole_file(tmp_path / "out", "the lines") as add:
            add("a")
            assert mode(tmp_path / "out.partial") == 0o600
    finally:
        os.umask(before)
    assert (tmp_path / "out").read_text() == "a\n"


def test_two_writers_of_one_file_do_not_share_it(tmp_path: Path) -> None:
    """The second is refused while the first writes, and each file is that of one writer."""
    out = tmp_path / "out"
    with whole_file(out, "the lines") as add:
        add("first")
        assert refusal(out) == (
            "another process is writing it; wait until it ends, or give another name"
        )
        add("first again")
    assert out.read_text() == "first\nfirst again\n"
    with whole_file(out, "the lines") as add:
        add("second")
    assert (out.read_text(), [*tmp_path.iterdir()]) == ("second\n", [out])


@pytest.mark.slow
def test_two_replays_at_once_keep_their_answers_apart(here: Path) -> None:
    """The one that waits for its log holds OUT; the other ends with 2, and says so."""
    waiting = ("replay", "-", *REPLAY[2:])
    first = subprocess.Popen([COMMAND, *waiting], cwd=here, stdin=subprocess.PIPE)
    assert first.stdin is not None
    header, row, *_ = LOG.splitlines(keepends=True)
    first.stdin.write(header.encode())
    first.stdin.flush()
    while not (here / "out.jsonl.partial").exists():
        assert first.poll() is None
    second = run(*REPLAY, cwd=here, fresh=True)
    assert (second.code, second.out) == (2, "")
    assert second.err.startswith("out.jsonl.partial: the decisions cannot be written: another pro")
    first.communicate(row.encode())
    assert first.returncode == 0
    (line,) = (here / "out.jsonl").read_text(encoding="utf-8").splitlines()
    assert json.loads(line)["id"] == "f-1"


@pytest.mark.parametrize("left", ["plain", "open to all", "hard link"])
def test_leftover_of_an_interrupted_run_is_replaced(tmp_path: Path, left: str) -> None:
    """What stood in it, and who may read it, has no effect; another name of it keeps its file."""
    partial, other = tmp_path / "out.partial", tmp_path / "other"
    other.write_text("left\n")
    other.chmod(0o666)
    if left == "hard link":
        partial.hardlink_to(other)
    else:
        partial.write_text("left behind, and longer than what is written\n")
        partial.chmod(0o600 if left == "plain" else 0o666)
    with whole_file(tmp_path / "out", "the lines") as add:
        add("new")
    assert ((tmp_path / "out").read_text(), mode(tmp_path / "out")) == ("new\n", 0o600)
    assert other.read_text() == "left\n"


@pytest.mark.parametrize("name", ["out", "out.partial"])
@pytest.mark.parametrize("target", ["kept", "nowhere"])
def test_output_is_not_written_through_a_link(tmp_path: Path, name: str, target: str) -> None:
    """Whoever may make a link in a folder does not choose what is overwritten elsewhere."""
    (tmp_path / "kept").write_text("kept")
    (tmp_path / name).symlink_to(tmp_path / target)
    said = {
        ("out", "kept"): "this is a link; name the file that it leads to",
        ("out", "nowhere"): "this is a link to a file that does not exist",
    }
    what = said.get((name, target), "this is not a regular file; remove it")
    assert refusal(tmp_path / "out") == what
    assert ((tmp_path / "kept").read_text(), (tmp_path / "nowhere").exists()) == ("kept", False)


def test_output_is_not_a_folder_or_a_device(tmp_path: Path) -> None:
    """A device that nobody named as a terminal is left alone, unopened."""
    assert refusal(tmp_path) == "is a directory"
    (tmp_path / "out.partial").mkdir()
    assert refusal(tmp_path / "out") == "this is not a regular file; remove it"
    for device in filter(os.path.exists, ("/dev/random", "/dev/urandom", "/dev/mem", "/dev/ptmx")):
        assert refusal(Path(device)) == "this is a device or a socket"


def test_output_to_the_null_device_is_written(here: Path) -> None:
    """It is not replaced, and nothing stands beside it."""
    before = Path(os.devnull).stat()
    replay = (*REPLAY[:-1], os.devnull)
    assert run(*replay, cwd=here, fresh=True).code == 0
    assert Path(os.devnull).stat().st_rdev == before.st_rdev
    assert not Path(f"{os.devnull}.partial").exists()


def test_folder_that_is_there_keeps_its_mode(tmp_path: Path) -> None:
    """Only folders that are made are closed to others."""
    tmp_path.chmod(0o755)
    make_folder(tmp_path / "a")
    make_folder(tmp_path)
    assert (mode(tmp_path), mode(tmp_path / "a")) == (0o755, 0o700)
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match="File exists"):
        make_folder(tmp_path / "file")
