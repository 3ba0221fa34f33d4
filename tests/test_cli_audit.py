"""The commands that judge a journal again: what each answers, and with which exit code."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Final

import pytest

from test_audit import EVENTS, NAME, changed, record
from test_cli import run

HINT: Final = "nothing outside confirms it"


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    """Give a folder with a journal, a key pair and a checkpoint of the journal."""
    record(str(tmp_path / "journal.db"))
    assert run("checkpoint", "--new-key", "audit.key", cwd=tmp_path).code == 0
    made = run(
        *("checkpoint", "--first", "--journal", "journal.db", "--key", "audit.key"),
        *("--output", "checkpoint.json"),
        cwd=tmp_path,
    )
    assert (made.code, made.out) == (0, "")
    assert made.err.startswith(f"checkpoint.json: {NAME}, 20 records, head ")
    return tmp_path


FIRST: Final = ("checkpoint", "--first")
AGAINST: Final = ("--checkpoint", "checkpoint.json", "--public-key", "audit.key.pub")


def test_verify_says_what_to_note_down(kept: Path) -> None:
    """Without a checkpoint the answer ends with what it is worth, and with what to keep."""
    found = run("verify", "--journal", "journal.db", cwd=kept)
    told = run("verify", "--journal", "journal.db", "--json", cwd=kept).json
    assert found.code == 0
    *_, note, worth = found.out.splitlines()
    assert note.strip() == f"Note down: 20 records, head {told['head']}, 2026-03-02"
    assert worth.strip() == f"The journal is consistent; {HINT}."
    assert (told["program"], told["records"], told["checkpoint"]) == (NAME, 20, None)


def test_verify_against_a_checkpoint_says_that_it_is_confirmed(kept: Path) -> None:
    """With a checkpoint the answer names it, also where the chain has gone on since."""
    found = run("verify", "--journal", "journal.db", *AGAINST, cwd=kept)
    assert (found.code, found.err) == (0, "")
    assert "Confirmed by the checkpoint of" in found.out
    assert HINT not in found.out


def test_journal_may_come_from_the_environment(kept: Path) -> None:
    """REPURCHASE_JOURNAL stands for --journal."""
    assert run("verify", cwd=kept, REPURCHASE_JOURNAL="journal.db").code == 0


def test_tampering_is_exit_code_1_with_its_place(kept: Path) -> None:
    """What was changed is told in one sentence, by every command that judges again."""
    changed(str(kept / "journal.db"), "DELETE FROM records WHERE sequence = 7")
    sentence = "journal.db: record 7: it is missing"
    calls = (
        ("verify",),
        ("verify", *AGAINST),
        ("checkpoint", "--first", "--key", "audit.key"),
        ("export",),
        ("export", "--output", "out.jsonl"),
    )
    for call in calls:
        found = run(*call, "--journal", "journal.db", cwd=kept)
        assert (found.code, found.out, found.lines) == (1, "", [sentence])
    found = run("verify", "--journal", "journal.db", "--json", cwd=kept)
    assert (found.code, found.json["errors"][0]["what"]) == (1, "record 7: it is missing")
    assert not (kept / "out.jsonl").exists()


def test_another_history_is_exit_code_1_against_the_checkpoint(kept: Path) -> None:
    """A journal that agrees with itself is not the one that was signed."""
    (kept / "journal.db").unlink()
    record(str(kept / "journal.db"), EVENTS[:5])
    assert run("verify", "--journal", "journal.db", cwd=kept).code == 0
    found = run("verify", "--journal", "journal.db", *AGAINST, cwd=kept)
    assert (found.code, found.out) == (1, "")


def test_journal_without_its_program_is_exit_code_1(kept: Path) -> None:
    """A list of programs that was emptied does not make the journal an empty one."""
    changed(str(kept / "journal.db"), "DELETE FROM programs")
    found = run("verify", "--journal", "journal.db", cwd=kept)
    assert found.code == 1
    assert "which this journal does not list as a program" in found.err


def test_program_that_is_gone_is_exit_code_1_against_its_checkpoint(kept: Path) -> None:
    """A checkpoint says that there was a program, also where no other trace is left."""
    changed(str(kept / "journal.db"), "DELETE FROM programs", "DELETE FROM records")
    found = run("verify", "--journal", "journal.db", *AGAINST, cwd=kept)
    assert (found.code, found.out) == (1, "")
    assert "record 1: it is missing, although the checkpoint of" in found.err


@pytest.mark.slow
@pytest.mark.parametrize(
    "arguments",
    [
        ("verify", "--journal", "nowhere.db"),
        ("verify", "--journal", "audit.key"),
        ("verify", "--journal", "journal.db", "--authorization", "other"),
        ("verify", "--journal", "journal.db", "--checkpoint", "checkpoint.json"),
        ("verify", "--journal", "journal.db", "--public-key", "audit.key.pub"),
        ("verify", "--journal", "journal.db", *AGAINST[:3], "audit.key"),
        ("verify", "--journal", "journal.db", "--checkpoint", "audit.key", *AGAINST[2:]),
        ("checkpoint", "--journal", "journal.db"),
        ("checkpoint", "--first", "--journal", "journal.db", "--key", "audit.key.pub"),
        ("checkpoint", "--journal", "journal.db", "--key", "audit.key"),
        (
            "checkpoint",
            "--first",
            "--journal",
            "journal.db",
            "--key",
            "audit.key",
            "--output",
            "audit.key",
        ),
        (
            "checkpoint",
            "--first",
            "--journal",
            "journal.db",
            "--key",
            "audit.key",
            "--output",
            "journal.db",
        ),
        ("checkpoint", "--new-key", "audit.key"),
        ("export", "--journal", "journal.db", "--output", "journal.db"),
        ("export", "--journal", "journal.db", "--output", "no/where.jsonl"),
        ("import", "nowhere.jsonl", "--journal", "new.db"),
        ("import", "audit.key", "--journal", "new.db"),
        ("import", "export.jsonl", "--journal", "journal.db"),
    ],
)
def test_what_cannot_be_decided_is_exit_code_2(kept: Path, arguments: tuple[str, ...]) -> None:
    """A wrong call says so in a sentence, concludes nothing and destroys nothing."""
    run("export", "--journal", "journal.db", "--output", "export.jsonl", cwd=kept)
    found = run(*arguments, cwd=kept)
    assert (found.code, found.out) == (2, "")
    assert found.err
    assert not (kept / "new.db").exists()
    assert run("verify", "--journal", "journal.db", *AGAINST, cwd=kept).code == 0


@pytest.mark.slow
def test_program_goes_to_another_journal_and_back(kept: Path) -> None:
    """What is exported, to a file or a pipe, is imported as it was."""
    piped = run("export", "--journal", "journal.db", cwd=kept)
    found = run("export", "--journal", "journal.db", "--output", "out.jsonl", cwd=kept)
    assert (piped.code, found.code, found.out) == (0, 0, "")
    assert (kept / "out.jsonl").read_text() == piped.out
    assert not (kept / "out.jsonl.partial").exists()
    for number, (name, stdin) in enumerate([("out.jsonl", ""), ("-", piped.out)]):
        journal = f"copy{number}.db"
        taken = run("import", name, "--journal", journal, "--json", stdin=stdin, cwd=kept)
        assert (taken.code, taken.json["records"]) == (0, 20)
        assert run("export", "--journal", journal, cwd=kept).out == piped.out
        assert run("verify", "--journal", journal, *AGAINST, cwd=kept).code == 0


def test_edited_export_is_exit_code_1_with_its_line(kept: Path) -> None:
    """An export that was edited is refused by its line, and the journal stays empty."""
    lines = run("export", "--journal", "journal.db", cwd=kept).out.splitlines(keepends=True)
    (kept / "cut.jsonl").write_text("".join(lines[:-1]))
    found = run("import", "cut.jsonl", "--journal", "copy.db", cwd=kept)
    said = "cut.jsonl:25: the file ends after 19 records, not with record 20 of its first line;"
    said += " nothing was imported"
    assert (found.code, found.out, found.lines) == (1, "", [said])
    assert run("verify", "--journal", "copy.db", cwd=kept).code == 2


@pytest.mark.slow
def test_signing_without_its_package_says_what_to_install(kept: Path, tmp_path: Path) -> None:
    """Without cryptography the journal is still verified, and signatures say what they need."""
    fake = tmp_path / "fake" / "cryptography"
    fake.mkdir(parents=True)
    (fake / "__init__.py").write_text("raise ImportError('not installed')\n")
    for call in (
        ("checkpoint", "--first", "--key", "audit.key"),
        ("checkpoint", "--new-key", "other.key"),
        ("verify", *AGAINST),
    ):
        found = run(*call, "--journal", "journal.db", cwd=kept, PYTHONPATH=str(fake.parent))
        said, hint = found.err.split("; ")
        assert (found.code, found.out) == (2, "")
        assert said == "signatures need the package cryptography"
        assert hint == "install it with: pip install 'repurchase[sign]'\n"
    assert run("verify", "--journal", "journal.db", cwd=kept, PYTHONPATH=str(fake.parent)).code == 0


@pytest.mark.slow
@pytest.mark.parametrize("command", ["verify", "export", "checkpoint"])
@pytest.mark.parametrize(
    "url",
    [
        "postgresql://desk:s3cret@127.0.0.1:1/none",
        "postgresql://desk:s3cret@127.0.0.1:none/none",
        "postgresql://desk:x@s3cret@127.0.0.1:1/none",
        "postgresql://127.0.0.1:1/none?password=s3cret",
        "postgresql://127.0.0.1:1/none?password=x@s3cret",
        "mysql://desk:s3cret@127.0.0.1/none",
        "nothing://desk:s3cret@",
    ],
)
def test_passwords_are_never_printed(kept: Path, command: str, url: str) -> None:
    """Whatever is wrong with a URL, its password is in no message."""
    key = ("--first", "--key", "audit.key") if command == "checkpoint" else ()
    for extra in ((), ("--json",)) if command == "verify" else ((),):
        found = run(command, "--journal", url, *key, *extra, cwd=kept)
        assert found.code == 2
        assert "s3cret" not in found.out + found.err
        assert found.out + found.err


def test_several_programs_are_told_apart_by_name(kept: Path) -> None:
    """A journal of several programs is verified one by one, and each by its own checkpoint."""
    text = (kept / "journal.db").name
    shutil.copy(kept / text, kept / "two.db")
    changed(str(kept / "two.db"), "INSERT INTO programs VALUES ('other', 1, 'x')")
    found = run("verify", "--journal", "two.db", cwd=kept)
    assert found.code == 2
    assert "--authorization" in found.err
    assert run("verify", "--journal", "two.db", "--authorization", NAME, cwd=kept).code == 0
    other = run("verify", "--journal", "two.db", "--authorization", "other", cwd=kept)
    assert (other.code, other.lines) == (
        1,
        ["two.db: record 1: it is missing, although the last record is 1"],
    )


@pytest.mark.parametrize("key", ["audit.key", "audit.key.pub"])
def test_key_is_never_written_over(kept: Path, key: str) -> None:
    """An export or a checkpoint in the place of a key would lose it."""
    before = (kept / key).read_bytes()
    for command in (("export",), ("checkpoint", "--first", "--key", "audit.key")):
        ended = run(*command, "--journal", "journal.db", "--output", key, cwd=kept)
        assert ended.code == 2
    assert (kept / key).read_bytes() == before


def test_public_key_does_not_sign(kept: Path) -> None:
    """Whoever names the public key is told which one is meant."""
    (kept / "audit.key.pub").chmod(0o600)
    said = ("checkpoint", "--first", "--journal", "journal.db", "--key", "audit.key.pub")
    assert (
        "this is not a private key; give the file without .pub at the end"
        in run(*said, cwd=kept).err
    )


def test_checkpoint_is_one_json_object(kept: Path) -> None:
    """A checkpoint is printed on one line, and says what it is."""
    found = run("checkpoint", "--first", "--journal", "journal.db", "--key", "audit.key", cwd=kept)
    told = json.loads((kept / "checkpoint.json").read_text())
    assert found.out.count("\n") == 1
    assert found.json | {"time": "", "signature": ""} == told | {"time": "", "signature": ""}
    said = ("consistency", "format", "head", "previous", "program", "records", "root")
    assert sorted(told) == [*said, "signature", "time"]
