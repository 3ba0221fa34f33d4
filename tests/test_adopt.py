"""`repurchase adopt`: a dry run shows what an adoption does, and no answer is lost."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Final

import pytest

from repurchase.rulebook.library import rule_path
from test_cli import COMMAND, Run, errors_of, run
from test_cli_desk import EVENTS as LAWFUL
from test_prove import SHARES
from test_prove import SOUND as OF_BOTH_CLASSES

# Comparing shares of one class takes a third of the time.
SOUND: Final = re.sub("  ads: .*\n", "", OF_BOTH_CLASSES).replace("[common, ads]", "[common]")
EVENTS: Final = (
    {
        "kind": "order",
        "id": "o-1",
        "date": "2008-11-14",
        "symbol": "1111",
        "side": "buy",
        "quantity": 100,
        "price": 1000,
    },
    {"kind": "fill", "id": "f-1", "date": "2008-11-14", "order": "o-1", "quantity": 60},
)
SIGNED: Final = ("--by", "Abe", "--reason", "so it was resolved")
# Where it is not what changes for events that matters.
AT_ONCE: Final = ("--seconds", "0.001")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Give a folder with a rule file, and a journal in which 100 shares are used and on order."""
    (tmp_path / "acme.yaml").write_text(SOUND)
    begin(tmp_path, "acme.yaml", *EVENTS)
    return tmp_path


def begin(folder: Path, rules: str, *events: dict[str, Any]) -> None:
    lines = "".join(json.dumps(event) + "\n" for event in events)
    call = ("submit", "-", "--journal", "desk.db", "--rules", rules, "--one-person")
    assert run(*call, cwd=folder, stdin=lines).code == 0


def contents(folder: Path) -> dict[str, bytes]:
    """Return each file in *folder*, the journal and whatever lies beside it among them."""
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def adopt(folder: Path, *arguments: str) -> Run:
    return run("adopt", "new.yaml", "--journal", "desk.db", *arguments, cwd=folder)


def adoptions(folder: Path) -> int:
    return len(run("show", "--adoptions", "--journal", "desk.db", "--json", cwd=folder).json)


# What is edited, the exit code, and the verdict or what is said of it.
EDITS: Final[dict[str, tuple[str, str, int, str]]] = {
    "more shares": ("4,000 shares", "4,001 shares", 0, "looser"),
    "as many as are used": ("4,000 shares", "100 shares", 0, "tighter"),
    "fewer than are used": ("4,000 shares", "99 shares", 1, "tighter"),
    "a cap that nothing holds to": (SHARES, "{id: any, require: trade.shares > 0}", 0, "looser"),
    "other words": ("id: share-class", "title: Both, id: share-class", 0, "equivalent"),
    "nothing": ("4,000 shares", "4,000 shares", 2, "this rule file is already in force"),
    "what is no rule file": ("rules:", "rule:", 2, "`rule`"),
    "another program": ("acme", "acme-2", 2, "the journal has no program `acme-2`"),
    "another money": (
        "currency: JPY",
        "currency: JPY\namount_basis: with_fees",
        2,
        "`amount_basis` differs",
    ),
}


def without_histories(answer: dict[str, Any]) -> dict[str, Any]:
    """Return *answer* but for the examples, of which another may be found on a busy machine."""
    compared = [
        {name: one[name] for name in ("kind", "flag", "verdict", "days")}
        for one in answer["compared"]
    ]
    return {**answer, "compared": compared}


@pytest.mark.slow
@pytest.mark.parametrize("edit", EDITS)
def test_dry_run_shows_what_the_adoption_does(folder: Path, edit: str) -> None:
    """Same code, same answer and same messages, but that nothing is written before the second."""
    old, new, code, said = EDITS[edit]
    assert old in SOUND
    (folder / "new.yaml").write_text(SOUND.replace(old, new, 1))
    before = contents(folder)
    tried = adopt(folder, "--dry-run", "--json")
    assert contents(folder) == before
    done = adopt(folder, *SIGNED, "--json")
    assert (tried.code, tried.err) == (done.code, done.err)
    assert (done.code, adoptions(folder)) == (code, 1 if code == 2 else 2)
    if code == 2:
        assert errors_of(tried) == errors_of(done)
        assert said in errors_of(done)[0]["what"]
        return
    assert (tried.json.pop("adopted"), done.json["adopted"]) == (False, True)
    assert without_histories({**tried.json, "adopted": True}) == without_histories(done.json)
    assert (done.json["verdict"], done.json["fits"]) == (said, code == 0)
    position = run("position", "--journal", "desk.db", "--json", cwd=folder).json
    assert [position[name] for name in ("rule_file", "position")] == [
        tried.json[name] for name in ("rule_file", "position")
    ]


def test_what_if_decides_the_records_by_the_new_file(folder: Path) -> None:
    """What is adopted is not changed by it, and the journal is only read."""
    (folder / "new.yaml").write_text(SOUND.replace("4,000 shares", "99 shares"))
    before = contents(folder)
    found = adopt(folder, "--dry-run", "--what-if", "--json", *AT_ONCE).json["what_if"]
    assert contents(folder) == before
    assert (found["after"], found["until"], found["is_end"]) == (1, len(EVENTS) + 1, True)
    assert found["changes"]["events"] == len(EVENTS)
    assert [(one["record"], one["direct"]) for one in found["changed"]] == [(2, True), (3, True)]
    shown = adopt(folder, "--dry-run", "--what-if", *AT_ONCE).out
    assert "2 of 2 events change outcome" in shown
    assert "in record 2, approved by the old file and denied by the new one" in shown


@pytest.mark.slow
def test_dry_run_ends_with_what_is_looser_and_that_nothing_is_adopted(folder: Path) -> None:
    """Nobody has to look for it: both stand in the last two lines."""
    (folder / "new.yaml").write_text(SOUND.replace("4,000 shares", "4,001 shares"))
    tried = adopt(folder, "--dry-run")
    lines = tried.out.splitlines()
    assert (tried.code, tried.err) == (0, "")
    assert lines[0].startswith("acme would use the rule file ")
    assert lines[-2:] == [
        "LOOSER (more permissive): the new file approves an event that the old one does not",
        "NOT ADOPTED: nothing was written to the journal",
    ]
    done = adopt(folder, *SIGNED).out.splitlines()
    assert [lines[0].replace("would use", "uses"), *lines[1:-1]] == done


def test_dry_run_says_that_nothing_would_be_approved(folder: Path) -> None:
    """More is used than the new cap allows: it says so of what would be, and ends with 1."""
    (folder / "new.yaml").write_text(SOUND.replace("4,000 shares", "99 shares"))
    tried = adopt(folder, "--dry-run", *AT_ONCE)
    exceeds = "The shares or the money used would exceed a new cap or are unknown"
    assert (tried.code, exceeds in tried.out) == (1, True)
    assert "nothing would be approved until that changes" in tried.out
    assert "nothing is approved until that changes" in adopt(folder, *SIGNED, *AT_ONCE).out


def test_dry_run_asks_for_no_right_to_write(folder: Path) -> None:
    """Whoever may read the journal may ask what an edit would change."""
    (folder / "new.yaml").write_text(SOUND.replace("4,000 shares", "3,000 shares"))
    (folder / "desk.db").chmod(0o400)
    folder.chmod(0o500)
    try:
        tried, done = (adopt(folder, *one, "--json", *AT_ONCE) for one in (["--dry-run"], SIGNED))
    finally:
        folder.chmod(0o700)
    assert (tried.code, tried.json["adopted"], done.code) == (0, False, 2)


def test_dry_run_holds_the_rule_file_to_its_certificate(folder: Path) -> None:
    """All editions that are not certified are told, as the adoption tells them."""
    assert run("prove", "acme.yaml", "--certificate", "acme.json", cwd=folder).code == 0
    dated = "[{value: 3 shares, until: 2008-12-31}, {value: 4 shares, from: 2009-01-01}]"
    (folder / "new.yaml").write_text(SOUND.replace('{value: "4,000 shares"}', dated))
    before = contents(folder)
    tried, done = (
        adopt(folder, *one, "--certificate", "acme.json", "--json")
        for one in (["--dry-run"], SIGNED)
    )
    assert (tried.code, tried) == (2, done)
    assert [one["what"] for one in errors_of(done)] == [
        "the certificate does not cover the edition in force until 2008-12-31",
        "the certificate does not cover the edition in force from 2009-01-01 on",
        "the certificate lists editions on days on which the file does not have them",
    ]
    assert contents(folder) == before


def test_only_a_dry_run_is_by_nobody(folder: Path) -> None:
    """An adoption says who and why; a dry run that does is held to the same."""
    (folder / "new.yaml").write_text(SOUND + "# seen\n")
    before = contents(folder)
    for left_out, given in (("by", SIGNED[2:]), ("reason", SIGNED[:2])):
        ended = adopt(folder, *given)
        assert (ended.code, f"Missing option '--{left_out}'." in ended.err) == (2, True)
        blank = adopt(folder, f"--{left_out}", " ", "--dry-run")
        assert (blank.code, f"`{left_out}` is empty" in blank.err) == (2, True)
    assert contents(folder) == before
    named = adopt(folder, *SIGNED, "--dry-run", "--json", *AT_ONCE)
    assert (named.code, named.json["adopted"], adoptions(folder)) == (0, False, 1)


@pytest.mark.slow
def test_without_the_prover_it_is_answered_without_a_comparison(folder: Path) -> None:
    """What to install is said; the rest of the answer, and the code, are as they would be."""
    (folder / "new.yaml").write_text(SOUND.replace("4,000 shares", "4,001 shares"))
    (folder / "z3.py").write_text("raise ImportError\n")
    for one, adopted in ((["--dry-run"], False), (SIGNED, True)):
        call = ("adopt", "new.yaml", "--journal", "desk.db", "--json", *one)
        ended = run(*call, cwd=folder, PYTHONPATH=str(folder))
        assert (ended.code, "pip install 'repurchase[prove]'" in ended.err) == (0, True)
        assert (ended.json["adopted"], ended.json["fits"]) == (adopted, True)
        assert {"verdict", "compared"} & ended.json.keys() == set()


# -- Ctrl-C ---------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="it is seen in /proc that the prover is loaded")
@pytest.mark.parametrize("seconds", [0, 0.7, 1.5])
@pytest.mark.parametrize("is_dry", [False, True], ids=["adopted", "tried"])
def test_ctrl_c_adopts_nothing(tmp_path: Path, is_dry: bool, seconds: float) -> None:
    """Stopped while both files are compared, it says that nothing was adopted."""
    text = rule_path("iij-2008").read_text()
    (tmp_path / "old.yaml").write_text(text)
    (tmp_path / "new.yaml").write_text(text.replace('"4,000 shares"', '"3,999 shares"'))
    begin(tmp_path, "old.yaml", LAWFUL[0])
    call = ["adopt", "new.yaml", "--journal", "desk.db", "--json"]
    process = subprocess.Popen(
        [COMMAND, *call, *(["--dry-run"] if is_dry else SIGNED)],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    loaded = Path(f"/proc/{process.pid}/maps")
    while process.poll() is None and "libz3" not in loaded.read_text():
        time.sleep(0.01)
    time.sleep(seconds)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate()
    assert process.returncode == 130, err
    said = "nothing was adopted; the comparison"
    assert (out, said in err, err.splitlines()[-1]) == ("", True, "stopped"), err
    assert "Traceback" not in err
    assert adoptions(tmp_path) == 1
