"""What the outside keeps: receipts, checkpoints as a chain, evidence, and what a user has read."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from msgspec.structs import replace

from desk_events import PROGRAM, about, clock, order, rules
from repurchase.audit.receipts import check_receipts, read_receipts
from repurchase.audit.verify import verify
from repurchase.domain.errors import InputError, Tampering, UsageError
from repurchase.evaluation.step import Decided
from repurchase.journal import book
from repurchase.journal.book import stored_book
from repurchase.journal.desk import Desk
from repurchase.journal.records import (
    BEGINNING,
    Record,
    read_record,
    sealed,
)
from repurchase.journal.seen import seen
from repurchase.journal.store import Journal
from repurchase.report.ways import answer_object
from repurchase.report.written import json_text
from stores import Store
from test_cli import Run, run


@pytest.fixture
def journal(store: Store) -> Iterator[Journal]:
    """Give a journal in each kind of store, in which the program has begun."""
    with store.journal() as kept:
        Desk(kept, PROGRAM, clock(), rules(), "ann").submit(order("o1"))
        yield kept


def a_desk(journal: Journal) -> Desk:
    return Desk(journal, PROGRAM, clock())


def kept(path: Path, answers: list[Decided]) -> Path:
    """Write *answers* to *path* as the command `submit --json` writes them."""
    path.write_text("".join(f"{json_text(answer_object(one))}\n" for one in answers))
    return path


# -- receipts -------------------------------------------------------------------------------------


def test_each_live_answer_names_its_record(journal: Journal) -> None:
    """The number and hash are those of the record, and a repeated answer names the same."""
    desk = a_desk(journal)
    for event in (order("o2"), about("halt", "h1"), order("o3")):
        answer = desk.submit(event)
        assert answer.receipt is not None
        stored = next(journal.records(PROGRAM, answer.receipt.record - 1))
        assert (stored.sequence, stored.hash) == (answer.receipt.record, answer.receipt.hash)
        assert read_record(stored.body).event is not None
    assert desk.submit(order("o2")).receipt == desk.submit(order("o2")).receipt
    told = json.loads(json_text(answer_object(desk.submit(order("o2")))))
    assert (told["record"], told["repeated"]) == (3, True)
    # What leaves no record has no receipt.
    assert desk.submit(order("o2", quantity=2)).receipt is None


def test_receipts_confirm_a_journal_that_holds_them(journal: Journal, tmp_path: Path) -> None:
    """All answers are there; those without a record are left out."""
    desk = a_desk(journal)
    events = (order("o2"), order("o2", quantity=2), about("halt", "h1"), order("o3"))
    file = kept(tmp_path / "answers.jsonl", [desk.submit(one) for one in events])
    assert check_receipts(journal, PROGRAM, read_receipts(file)) == 3


def test_answer_that_the_journal_lost_is_found(journal: Journal, tmp_path: Path) -> None:
    """Another history, consistent in itself, and a shorter one: both lack what was answered."""
    file = kept(tmp_path / "answers.jsonl", [a_desk(journal).submit(order("o2"))])
    other = str(tmp_path / "other.db")
    with Journal(other, create=True) as forged:
        Desk(forged, PROGRAM, clock(), rules(), "ann").submit(order("o1"))
        with pytest.raises(Tampering, match=r"answers\.jsonl:1: record 3, of o2, is not in the j"):
            check_receipts(forged, PROGRAM, read_receipts(file))
        a_desk(forged).submit(order("o9"))
        assert verify(forged, PROGRAM).records == 3
        with pytest.raises(Tampering, match="record 3, of o2, has another content than was answ"):
            check_receipts(forged, PROGRAM, read_receipts(file))


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ('"outcome":"approved"', '"outcome":"denied"'),
        ('"id":"o2"', '"id":"o3"'),
        ('"remaining_shares":"38"', '"remaining_shares":"99"'),
    ],
)
def test_receipt_says_what_its_record_says(
    journal: Journal, tmp_path: Path, before: str, after: str
) -> None:
    """The number and hash of a record confirm no other answer."""
    file = kept(tmp_path / "answers.jsonl", [a_desk(journal).submit(order("o2"))])
    text = file.read_text()
    assert before in text
    file.write_text(text.replace(before, after))
    with pytest.raises(Tampering, match="says another `"):
        check_receipts(journal, PROGRAM, read_receipts(file))


@pytest.mark.parametrize(
    "text", ["[" * 100_000, "{}x", "o1,approved", '{"record": "3", "hash": "x"}', "\xff"]
)
def test_what_is_no_answer_is_named_by_its_line(tmp_path: Path, text: str) -> None:
    """A file of receipts that cannot be read confirms nothing."""
    file = tmp_path / "answers.jsonl"
    file.write_text(f'{{"id": "o1"}}\n\n{text}\n', encoding="latin-1")
    with pytest.raises(InputError, match=r"answers\.jsonl:3: this is not an answer of the desk"):
        list(read_receipts(file))
    with pytest.raises(UsageError, match="does not exist"):
        list(read_receipts(tmp_path / "none"))


# -- what the store does with a record -------------------------------------------------------------


def test_record_that_does_not_stay_is_never_answered(
    store: Store, journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A record that the store has changed by the time of its commit has no answer.

    What changes it here is found before; another time it may be nothing that is looked at.
    """
    monkeypatch.setattr(Journal, "_refuse", lambda *_: None)
    desk = a_desk(journal)
    before = journal.head(PROGRAM)
    lost = (
        "CREATE TRIGGER lost AFTER UPDATE ON programs WHEN NEW.sequence > OLD.sequence BEGIN"
        " DELETE FROM records WHERE sequence > OLD.sequence;"
        " UPDATE programs SET sequence = OLD.sequence, head = OLD.head; END"
    )
    if store.kind != "sqlite":
        lost = (
            "CREATE FUNCTION lost() RETURNS trigger LANGUAGE plpgsql AS"
            " 'BEGIN DELETE FROM records WHERE sequence > OLD.sequence; RETURN OLD; END';"
            "CREATE TRIGGER lost BEFORE UPDATE ON programs FOR EACH ROW EXECUTE FUNCTION lost()"
        )
    store.change(lost)
    with pytest.raises(Tampering, match="are not in the journal as they were written"):
        desk.submit(order("o2"))
    assert journal.head(PROGRAM) == before


# -- what is folded is checked --------------------------------------------------------------------


def forged(journal: Journal, record: Record) -> None:
    """Put *record* in the place of the last one, as someone who can write the database would."""
    made = sealed(record)
    with closing(sqlite3.connect(journal.url, isolation_level=None)) as file:
        file.execute(
            "UPDATE records SET body = ?, hash = ? WHERE sequence = ?",
            (made.body, made.hash, record.sequence),
        )
        file.execute("UPDATE programs SET head = ?", (made.hash,))


def test_outcome_that_its_findings_do_not_give_is_not_believed(tmp_path: Path) -> None:
    """A denial turned into an approval, and an approval into a denial, stop the next command."""
    for event, outcome in ((order("o2", 41), "approved"), (order("o2"), "denied")):
        url = str(tmp_path / f"{outcome}.db")
        with Journal(url, create=True) as journal:
            desk = Desk(journal, PROGRAM, clock(), rules(), "ann")
            assert desk.submit(event).decision.outcome != outcome
            record = read_record(list(journal.records(PROGRAM))[-1].body)
            assert record.answer is not None
            forged(journal, replace(record, answer=replace(record.answer, outcome=outcome)))
            with pytest.raises(Tampering, match="its outcome is not the one that its findings gi"):
                stored_book(journal, PROGRAM)


def test_approval_during_a_halt_is_not_believed(tmp_path: Path) -> None:
    """What the program itself finds is found again, whatever the record leaves out."""
    with Journal(str(tmp_path / "halted.db"), create=True) as journal:
        desk = Desk(journal, PROGRAM, clock(), rules(), "ann")
        desk.submit(about("halt", "h1"))
        desk.submit(order("o1"))
        record = read_record(list(journal.records(PROGRAM))[-1].body)
        assert record.answer is not None
        forged(
            journal, replace(record, answer=replace(record.answer, outcome="approved", findings=()))
        )
        with pytest.raises(Tampering, match="its outcome is not the one"):
            stored_book(journal, PROGRAM)


# -- what a user has read -------------------------------------------------------------------------


def test_position_is_believed_only_by_who_has_read_the_chain(
    journal: Journal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The user who folded the chain goes on from the position kept; another one, from record 1."""
    monkeypatch.setattr(book, "KEEP_EVERY", 4)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "one"))
    desk = a_desk(journal)
    for number in range(2, 9):
        desk.submit(order(f"o{number}"))
    desk.close()
    assert stored_book(journal, PROGRAM).since == 9
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "other"))
    assert stored_book(journal, PROGRAM).since == 0
    assert stored_book(journal, PROGRAM).since == 9
    files = sorted((tmp_path / "other" / "repurchase").iterdir())
    assert [file.suffix for file in files] == [".json", ".position"]
    for file in files:
        assert file.stat().st_mode & 0o777 == 0o600
        assert (file.parent.stat().st_mode & 0o777) == 0o700
    known, _ = files
    # What cannot be read, or is of another chain, is as if nothing were remembered.
    for content in (b"", b"[", known.read_bytes().replace(b'"first":"', b'"first":"0')):
        known.write_bytes(content)
        assert seen(journal, PROGRAM) is None
        assert stored_book(journal, PROGRAM).since == 9
        assert seen(journal, PROGRAM) is not None


def test_records_that_a_user_has_read_may_not_vanish(journal: Journal, store: Store) -> None:
    """A tail cut off cleanly, and another in its place, are found without any checkpoint."""
    desk = a_desk(journal)
    heads = [desk.submit(order(f"o{number}")).receipt for number in range(2, 5)]
    desk.close()
    first = heads[0]
    assert first is not None
    store.change(f"DELETE FROM records WHERE sequence > {first.record}")
    store.change(f"UPDATE programs SET sequence = {first.record}, head = '{first.hash}'")
    for read in (stored_book, lambda one, name: Desk(one, name, clock()).submit(order("o9"))):
        with pytest.raises(Tampering, match="record 5 is gone, although this user has read it"):
            read(journal, PROGRAM)


def test_without_a_place_to_remember_everything_is_read(
    journal: Journal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A folder that cannot be made is no error, and the desk goes on."""
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "file"))
    desk = a_desk(journal)
    desk.submit(order("o2"))
    desk.close()
    assert stored_book(journal, PROGRAM).since == 0


def test_user_without_a_home_reads_everything(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A service may run as a user who has none."""
    monkeypatch.delenv("XDG_STATE_HOME")
    monkeypatch.delenv("HOME", raising=False)
    monkeypatch.setattr("os.getuid", lambda: 4_000_000)
    assert stored_book(journal, PROGRAM).since == 0


# -- checkpoints as a chain, and evidence ----------------------------------------------------------


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Give a folder with a journal, a key pair and its first checkpoint."""
    url = str(tmp_path / "desk.db")
    with Journal(url, create=True) as made:
        desk = Desk(made, PROGRAM, clock(), rules(), "ann")
        for number in range(5):
            desk.submit(order(f"o{number}"))
    assert run("checkpoint", "--new-key", "key", cwd=tmp_path).code == 0
    assert made_after(tmp_path, "1.json").code == 0
    return tmp_path


def made_after(folder: Path, name: str, *before: str) -> Run:
    which = ("--previous", *before) if before else ("--first",)
    said = ("checkpoint", "--journal", "desk.db", "--key", "key", *which, "--output", name)
    return run(*said, cwd=folder)


def submitted(folder: Path, *names: str) -> None:
    with Journal(str(folder / "desk.db")) as journal:
        for name in names:
            a_desk(journal).submit(order(name))


def checked(folder: Path, *files: str) -> Run:
    said = [word for file in files for word in ("--checkpoint", file)]
    return run("verify", "--journal", "desk.db", *said, "--public-key", "key.pub", cwd=folder)


def test_each_checkpoint_names_the_one_before(folder: Path) -> None:
    """A chain of three is confirmed in any order; with one left out, it is not."""
    for number in (2, 3):
        submitted(folder, f"p{number}")
        assert made_after(folder, f"{number}.json", f"{number - 1}.json").code == 0
    assert checked(folder, "2.json", "3.json", "1.json").code == 0
    told = checked(folder, "1.json", "3.json")
    assert told.code == 1
    assert "the checkpoint of record 8 does not name the one of record 6 as the one bef" in told.err
    again = made_after(folder, "4.json", "3.json")
    assert (again.code, "has no record since the checkpoint of record 8" in again.err) == (2, True)
    neither = run("checkpoint", "--journal", "desk.db", "--key", "key", cwd=folder)
    assert (
        neither.code,
        "which checkpoint this one follows is not clear: neither" in neither.err,
    ) == (2, True)


def test_checkpoint_does_not_follow_one_of_another_chain(folder: Path) -> None:
    """Whoever restored an older copy and went on cannot get it signed."""
    submitted(folder, "p2")
    assert made_after(folder, "2.json", "1.json").code == 0
    (folder / "desk.db").unlink()
    with Journal(str(folder / "desk.db"), create=True) as made:
        desk = Desk(made, PROGRAM, clock(), rules(), "ann")
        for number in range(8):
            desk.submit(order(f"q{number}"))
    told = made_after(folder, "3.json", "2.json")
    assert (told.code, "its hash is not the one in the checkpoint" in told.err) == (1, True)
    assert not (folder / "3.json").exists()


def test_one_record_is_shown_without_the_others(folder: Path) -> None:
    """Evidence holds one record and hashes; changed in anything, it shows nothing."""
    confirmed = ("--checkpoint", "1.json", "--public-key", "key.pub")
    made = ("evidence", "4", "--journal", "desk.db", *confirmed, "--output", "4.json")
    assert run(*made, cwd=folder).code == 0
    (folder / "desk.db").unlink()
    check = ("evidence", "--check", "4.json", *confirmed)
    shown = run(*check, cwd=folder)
    assert shown.code == 0
    assert json.loads(shown.out)["event"]["id"] == "o2"
    whole = json.loads((folder / "4.json").read_text())
    assert '"id":"o1"' not in json.dumps(whole)
    for field, value in (
        ("record", 3),
        ("body", whole["body"].replace("approved", "denied")),
        ("proof", whole["proof"][:-1]),
        ("proof", [BEGINNING, *whole["proof"][1:]]),
    ):
        (folder / "4.json").write_text(json.dumps(whole | {field: value}))
        assert run(*check, cwd=folder).code == 1, field
    for field, value in (("root", BEGINNING), ("records", 7), ("program", "x"), ("format", "x")):
        (folder / "4.json").write_text(json.dumps(whole | {field: value}))
        assert run(*check, cwd=folder).code == 2, field


@pytest.mark.parametrize("name", ["desk.db", "1.json", "key", "key.pub"])
def test_evidence_overwrites_nothing_that_is_kept(folder: Path, name: str) -> None:
    """Neither the journal, nor a checkpoint, nor a key; nor does a later checkpoint or export."""
    before = (folder / name).read_bytes()
    said = ("--journal", "desk.db", "--checkpoint", "1.json", "--public-key", "key.pub")
    for command in (
        ("evidence", "3", *said),
        ("checkpoint", "--journal", "desk.db", "--key", "key", "--first"),
        ("export", "--journal", "desk.db"),
    ):
        ended = run(*command, "--output", name, cwd=folder)
        assert (ended.code, "overwrit" in ended.err) == (2, True), command
        assert (folder / name).read_bytes() == before


def test_evidence_is_of_a_record_that_the_checkpoint_has(folder: Path) -> None:
    """A newer record, or none, has no evidence."""
    submitted(folder, "p2")
    said = ("--journal", "desk.db", "--checkpoint", "1.json", "--public-key", "key.pub")
    newer = run("evidence", "7", *said, cwd=folder)
    assert (newer.code, "the checkpoint ends with record 6" in newer.err) == (2, True)
    none = run("evidence", "99", *said, cwd=folder)
    assert (none.code, "the journal has no record 99" in none.err) == (2, True)
    both = run("evidence", "3", "--check", "3.json", *said[2:], cwd=folder)
    assert (both.code, "--check stands alone" in both.err) == (2, True)
    without = run("evidence", *said, cwd=folder)
    assert (without.code, "RECORD or --journal is missing" in without.err) == (2, True)


def test_import_is_confirmed_by_a_checkpoint(folder: Path) -> None:
    """A checkpoint of another chain keeps the import out; without one, nothing confirms it."""
    exported = run("export", "--journal", "desk.db", cwd=folder)
    (folder / "desk.jsonl").write_text(exported.out)
    said = ("import", "desk.jsonl", "--journal", "copy.db")
    confirmed = ("--checkpoint", "1.json", "--public-key", "key.pub")
    told = run(*said, *confirmed, cwd=folder)
    assert (told.code, "Confirmed by the checkpoint" in told.out) == (0, True)
    (folder / "copy.db").unlink()
    alone = run(*said, cwd=folder)
    assert (alone.code, "nothing outside confirms it" in alone.out) == (0, True)
    (folder / "copy.db").unlink()
    submitted(folder, "p2")
    assert made_after(folder, "2.json", "1.json").code == 0
    newer = ("--checkpoint", "2.json", "--public-key", "key.pub")
    refused = run(*said, *newer, cwd=folder)
    assert (refused.code, "names record 7" in refused.err) == (1, True)
    assert not (folder / "copy.db").exists()


def test_verify_takes_receipts(folder: Path) -> None:
    """The command compares answers kept elsewhere, and names those that are lost."""
    with Journal(str(folder / "desk.db")) as journal:
        kept(folder / "answers.jsonl", [a_desk(journal).submit(order("p2"))])
    said = ("verify", "--journal", "desk.db", "--receipts", "answers.jsonl")
    told = run(*said, cwd=folder)
    assert (told.code, "Confirmed by 1 receipt" in told.out) == (0, True)
    text = (folder / "answers.jsonl").read_text()
    (folder / "answers.jsonl").write_text(text.replace('"record":7', '"record":8'))
    lost = run(*said, cwd=folder)
    assert (lost.code, "record 8, of p2, is not in the journal" in lost.err) == (1, True)
