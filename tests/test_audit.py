"""A journal judged again: whatever is changed in it is found, and the first place is named.

The program below is recorded by the desk itself. Then it is changed behind its back, in every
table, by hand or by a forger who makes the whole chain anew.
"""

from __future__ import annotations

import os
import re
import shutil
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec
import pytest
import sqlalchemy as sa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, reject
from hypothesis import strategies as st
from msgspec.structs import replace

from repurchase.audit import verify as verifying
from repurchase.audit.checkpoint import Checkpoint, leaf_of, unsigned
from repurchase.audit.signatures import signed
from repurchase.audit.verify import Audit, Verified, check_strays, verify
from repurchase.domain import calendars
from repurchase.domain.errors import JournalError, Tampering, UsageError
from repurchase.domain.events import Event
from repurchase.evaluation.step import apply
from repurchase.intake.objects import event_from_json
from repurchase.journal.book import stored_book
from repurchase.journal.desk import Desk
from repurchase.journal.records import Record, Rules, digest, event_of, read_record, sealed
from repurchase.journal.rule_texts import RuleText, rule_text
from repurchase.journal.store import Head, Journal
from repurchase.rulebook import editions as edition
from repurchase.rulebook.life import Life
from stores import Stores

Patch = pytest.MonkeyPatch
NAME: Final = "acme-2026"
RULES: Final = """
repurchase: 1
authorization: acme-2026
timezone: Asia/Tokyo
currency: JPY
instruments:
  common: {symbol: "1111", venues: [XTKS]}
terms:
  max_shares: {value: "1,000 shares"}
  max_amount: {value: "JPY 1,000,000"}
rules:
  - {id: share-cap, require: program.shares_after <= terms.max_shares}
  - {id: amount-cap, require: program.amount_after <= terms.max_amount}
  - {id: close, effect: flag, require: trade.price <= market.previous_close}
"""
AMENDED: Final = RULES.replace("1,000 shares", "900 shares")
SECRETS: Final = (b"\x00" * 32, b"\x01" * 32)


def told(number: int, kind: str, name: str, **fields: Any) -> Event:
    """Return an event as a sender writes it, each a minute after the one before."""
    moment = datetime(2026, 3, 2, 9, tzinfo=UTC) + timedelta(minutes=number)
    content = {"kind": kind, "id": name, "time": moment.isoformat(), **fields}
    return event_from_json(msgspec.json.encode(content))


def bought(quantity: int, price: str = "1000") -> dict[str, Any]:
    return {"symbol": "1111", "side": "buy", "quantity": quantity, "price": price}


EVENTS: Final[list[Event]] = [
    told(number, kind, name, **fields)
    for number, (kind, name, fields) in enumerate(
        [
            ("brought_forward", "bf", {"shares": 10, "amount": "9999.5"}),
            ("order", "o-1", bought(100) | {"market.previous_close": "1001"}),
            ("fill", "f-1", bought(40, "999.25") | {"order": "o-1"}),
            ("order", "o-2", bought(5000)),
            ("replace", "r-1", {"order": "o-1", "quantity": 200}),
            ("replaced", "r-2", {"order": "o-1"}),
            ("order", "n-1", bought(5001)),
            ("fill", "f-2", bought(30) | {"order": "o-1"}),
            ("bust", "b-1", {"fill": "f-1"}),
            ("cancel", "c-1", {"order": "o-1"}),
            ("cancel", "c-2", {"order": "o-1"}),
            ("order", "n-2", bought(5001)),
            ("order", "o-3", bought(100) | {"by": "Ann"}),
            ("fill", "f-3", bought(101) | {"order": "o-3"}),
            ("order", "o-4", bought(1)),
            ("resume", "u-1", {"by": "Bob", "reason": "looked into"}),
            ("order", "n-3", bought(5001)),
            ("order", "o-5", bought(7)),
        ]
    )
]
ADOPTED_AGAIN_AT: Final = 12


def ticking() -> Callable[[], datetime]:
    """Return a clock that is a second on at each look."""
    seconds = iter(range(1_000_000))
    return lambda: datetime(2026, 3, 2, 12, tzinfo=UTC) + timedelta(seconds=next(seconds))


def rules(text: str = RULES) -> RuleText:
    return rule_text(text.encode(), "acme.yaml")


def record(url: str, events: Iterable[Event] = EVENTS) -> Head:
    """Record the program in a new journal at *url*, with an adoption in between."""
    with closing(Journal(url, create=True)) as journal:
        program = Desk(journal, NAME, ticking(), rules(), "Ann", one_person=True)
        for number, event in enumerate(events):
            if number == ADOPTED_AGAIN_AT:
                program.adopt(rules(AMENDED), "Bob", "the board said so")
            program.answer([event])
        return journal.head(NAME)


def verified(url: str, checkpoint: Checkpoint | None = None) -> Verified:
    with closing(Journal(url)) as journal:
        check_strays(journal)
        return verify(journal, NAME, () if checkpoint is None else (checkpoint,))


def changed(url: str, *statements: str, **values: object) -> None:
    """Change the tables of the journal at *url* behind its back."""
    place = url.replace("postgresql:", "postgresql+psycopg:") if ":" in url else f"sqlite:///{url}"
    engine = sa.create_engine(place)
    try:
        with engine.begin() as connection:
            for statement in statements:
                connection.execute(sa.text(statement), values)
    finally:
        engine.dispose()


def bodies(url: str) -> list[Record]:
    with closing(Journal(url)) as journal:
        return [read_record(stored.body) for stored in journal.records(NAME)]


def forged(url: str, records: Iterable[Record]) -> None:
    """Put *records* in the place of those at *url*, each hash and the head made anew."""
    changed(url, "DELETE FROM records")
    head = Head()
    rows = []
    for number, one in enumerate(records, 1):
        linked = msgspec.structs.replace(one, sequence=number, previous=head.hash)
        made = sealed(linked)
        head = Head(number, made.hash)
        rows.append(made)
    with closing(Journal(url)) as journal, journal.writing(NAME) as writer:
        writer.append(rows)


def found(url: str, checkpoint: Checkpoint | None = None) -> str:
    """Return what is found to be wrong at *url*, in one sentence without its place."""
    with pytest.raises(Tampering) as caught:
        verified(url, checkpoint)
    (problem,) = caught.value.problems
    assert problem.file is not None
    return problem.what


def checkpoint_at(url: str, records: int | None = None) -> Checkpoint:
    """Return a checkpoint of the journal at *url*, of its whole chain or its first *records*."""
    with closing(Journal(url)) as journal:
        kept = list(journal.records(NAME))[:records]
    key = Ed25519PrivateKey.from_private_bytes(SECRETS[0])
    head, leaves = Head(kept[-1].sequence, kept[-1].hash), [leaf_of(one.hash) for one in kept]
    return signed(unsigned(NAME, head, leaves, datetime(2026, 4, 1, tzinfo=UTC), None), key)


@pytest.fixture
def recorded(store_url: str) -> str:
    """Give the URL of a journal with the program above, in each kind of store."""
    record(store_url)
    return store_url


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a SQLite file with the program above, of which tests make copies."""
    path = tmp_path_factory.mktemp("original") / "journal.db"
    record(str(path))
    changed(str(path), "PRAGMA wal_checkpoint(TRUNCATE)")
    return path


@pytest.fixture(scope="module")
def copied(original: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[], str]:
    """Give the URL of a fresh copy of the original, each time it is called."""
    folder = tmp_path_factory.mktemp("copies")
    numbers = iter(range(1_000_000))

    def copy() -> str:
        return str(shutil.copy(original, folder / f"{next(numbers)}.db"))

    return copy


RECORDS: Final = 20
ADOPTIONS: Final = (1, 14)


@pytest.mark.slow
def test_what_the_desk_recorded_is_verified(recorded: str) -> None:
    """An untouched journal is verified: its length, its head and its times are told."""
    told = verified(recorded)
    begun = datetime(2026, 3, 2, 12, tzinfo=UTC)
    assert (told.program, told.records, told.remarks, told.checkpoint) == (NAME, RECORDS, (), None)
    assert (told.first, told.last) == (begun, begun + timedelta(seconds=18))


@pytest.mark.slow
def test_both_stores_hold_one_chain(stores: Stores, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same events make the same head, whatever keeps them, but for the salt."""
    monkeypatch.setattr(os, "urandom", bytes)
    assert record(stores("sqlite")) == record(stores("postgres"))


def test_records_are_those_that_these_tests_count_on(original: Path) -> None:
    """The tests below name records by number: which are adoptions."""
    records = bodies(str(original))
    assert len(records) == RECORDS
    assert tuple(one.sequence for one in records if one.adoption is not None) == ADOPTIONS


# What anyone who can write the tables may do, and where it is found.
CHANGES: Final = {
    "a body of another": (
        "record 5: its content was changed: its hash no longer matches",
        (
            "UPDATE records SET body = (SELECT body FROM records WHERE sequence = 4)"
            " WHERE sequence = 5"
        ),
    ),
    "body and hash of another": (
        "record 5: it does not follow the record before it",
        (
            "UPDATE records SET (hash, body) = (SELECT hash, body FROM records WHERE sequence = 4)"
            " WHERE sequence = 5"
        ),
    ),
    "a record deleted": ("record 5: it is missing", "DELETE FROM records WHERE sequence = 5"),
    "the first deleted": ("record 1: it is missing", "DELETE FROM records WHERE sequence = 1"),
    "the last deleted": (
        "record 20: it is missing, although the last record is 20",
        "DELETE FROM records WHERE sequence = 20",
    ),
    "the head set far back": (
        "record 12: it is beyond the program's last record, 11",
        (
            "UPDATE programs SET (sequence, head) ="
            " (SELECT sequence, hash FROM records WHERE sequence = 11)"
        ),
    ),
    "one more": (
        "record 21: it is beyond the program's last record, 20",
        (
            "INSERT INTO records SELECT program, 21, 'new', hash, body FROM records"
            " WHERE sequence = 20"
        ),
    ),
    "one before the first": (
        "record 0: it is numbered before record 1",
        (
            "INSERT INTO records SELECT program, 0, 'new', hash, body FROM records"
            " WHERE sequence = 20"
        ),
    ),
    "two swapped": (
        "record 5: it does not follow the record before it",
        "UPDATE records SET sequence = -5 WHERE sequence = 5",
        "UPDATE records SET sequence = 5 WHERE sequence = 9",
        "UPDATE records SET sequence = 9 WHERE sequence = -5",
    ),
    "the id beside it": (
        "record 5: it is stored in the place of another record",
        "UPDATE records SET key = 'request o-9' WHERE sequence = 5",
    ),
    "an adoption hidden": (
        "record 14: it is stored in the place of another record",
        "UPDATE records SET key = 'request o-9' WHERE sequence = 14",
    ),
    "the program of one": (
        "record 5: it is of `other`, which this journal does not list as a program",
        "UPDATE records SET program = 'other' WHERE sequence = 5",
    ),
    "the head": (
        "record 20: its hash is not that of the program's head",
        "UPDATE programs SET head = (SELECT hash FROM records WHERE sequence = 19)",
    ),
    "the head set back": (
        "record 19: its hash is not that of the program's head",
        "UPDATE programs SET sequence = 19",
    ),
    "the head wholly set back": (
        "record 20: it is beyond the program's last record, 19",
        "UPDATE programs SET sequence = 19, head = (SELECT hash FROM records WHERE sequence = 19)",
    ),
    "the head gone": (
        "record 1: it is of `acme-2026`, which this journal does not list as a program",
        "DELETE FROM programs",
    ),
    "a rule file gone": ("record 1: the rule file", "DELETE FROM texts"),
    "another rule file": ("record 1: the rule file", "UPDATE texts SET body = 'repurchase: 1'"),
    "an edition gone": ("record 2: the edition that it names", "DELETE FROM editions"),
    "another edition": (
        "record 2: the edition that it names",
        "UPDATE editions SET content = '{}'",
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("change", CHANGES)
def test_change_behind_its_back_is_found_and_placed(recorded: str, change: str) -> None:
    """Whatever is changed in a table, the first record that it is about is named."""
    what, *statements = CHANGES[change]
    changed(recorded, *statements)
    assert found(recorded).startswith(what)


# SQLite takes any value in any column.
TYPES: Final = {
    "a number as a text": (
        "record abc: its sequence has the wrong type",
        "UPDATE records SET sequence = 'abc' WHERE sequence = 20",
    ),
    "a number within as a text": (
        "record 5: it is missing",
        "UPDATE records SET sequence = 'abc' WHERE sequence = 5",
    ),
    "a number as bytes": (
        "record b'\\x00': its sequence has the wrong type",
        "UPDATE records SET sequence = x'00' WHERE sequence = 20",
    ),
    "a broken number": (
        "record 5.5: its sequence has the wrong type",
        "UPDATE records SET sequence = 5.5 WHERE sequence = 5",
    ),
    "an id as bytes": (
        "record 5: its key has the wrong type",
        "UPDATE records SET key = CAST(key AS BLOB) WHERE sequence = 5",
    ),
    "a hash as bytes": (
        "record 5: its hash has the wrong type",
        "UPDATE records SET hash = CAST(hash AS BLOB) WHERE sequence = 5",
    ),
    "a body as a text": (
        "record 5: its body has the wrong type",
        "UPDATE records SET body = CAST(body AS TEXT) WHERE sequence = 5",
    ),
    "a body that is no text": (
        "record 5: its body has the wrong type",
        "UPDATE records SET body = CAST(x'FF' AS TEXT) WHERE sequence = 5",
    ),
    "the head's number as a text": (
        "the head of the program `acme-2026` is not a record number and a hash",
        "UPDATE programs SET sequence = 'abc'",
    ),
    "the head's number broken": (
        "the head of the program `acme-2026` is not a record number and a hash",
        "UPDATE programs SET sequence = 20.5",
    ),
    "the head as bytes": (
        "the head of the program `acme-2026` is not a record number and a hash",
        "UPDATE programs SET head = CAST(head AS BLOB)",
    ),
    "a program's name as bytes": (
        "the name of a program in the journal is not text",
        "UPDATE records SET program = x'61' WHERE sequence = 5",
    ),
}


@pytest.mark.parametrize("change", TYPES)
def test_value_of_another_type_is_found_and_placed(copied: Callable[[], str], change: str) -> None:
    """A value that is no text, number or bytes any more is told, and no error of ours."""
    what, statement = TYPES[change]
    url = copied()
    changed(url, statement)
    assert found(url).startswith(what)
    # Who goes on from there is told too, or finds what the change does not touch.
    with closing(Journal(url)) as journal, suppress(JournalError):
        stored_book(journal, NAME)
    with closing(Journal(url)) as journal, suppress(JournalError):
        Desk(journal, NAME, ticking()).submit(told(90, "order", "o-9", **bought(1)))


def test_damaged_index_is_found(copied: Callable[[], str]) -> None:
    """An index that has another id would let an event be answered twice."""
    path = Path(copied())
    body = path.read_bytes()
    # Both columns of a row stand side by side in the index alone.
    at = body.index(f"{NAME}report c-2".encode())
    path.write_bytes(body[:at] + b"x" + body[at + 1 :])
    assert found(str(path)).startswith("the file is damaged: ")


@pytest.mark.parametrize(
    ("statement", "what"),
    [
        (
            "CREATE TRIGGER t AFTER INSERT ON records BEGIN DELETE FROM texts; END",
            "its trigger `t` is not of this package",
        ),
        ("CREATE TABLE more (x)", "its table `more` is not of this package"),
        ("CREATE INDEX i ON records (hash)", "its index `i` is not of this package"),
    ],
)
def test_table_that_is_not_ours_is_found(
    copied: Callable[[], str], statement: str, what: str
) -> None:
    """Whoever lets the database do something of its own is found."""
    url = copied()
    changed(url, statement)
    assert found(url).startswith(what)


def test_list_of_programs_with_another_type_is_told(copied: Callable[[], str]) -> None:
    """A program that is called by no text is told by whoever asks which there are."""
    url = copied()
    changed(url, "INSERT INTO programs VALUES (x'61', 3, 'x')")
    with (
        closing(Journal(url)) as journal,
        pytest.raises(Tampering, match="in the journal is not text"),
    ):
        journal.programs()


class Cell(NamedTuple):
    """A value in a table, and the record by which a change of it is found."""

    table: str
    row: int
    column: str
    record: int


def cells() -> Iterator[Cell]:
    for number in range(1, RECORDS + 1):
        for column in ("program", "sequence", "hash", "body"):
            yield Cell("records", number, column, number)
        if number not in ADOPTIONS:
            yield Cell("records", number, "key", number)
    for table, column, numbers in (
        ("texts", "hash", ADOPTIONS),
        ("texts", "body", ADOPTIONS),
        # The first event after each adoption names the edition.
        ("editions", "hash", (2, 15)),
        ("editions", "content", (2, 15)),
        ("programs", "name", (1,)),
        ("programs", "head", (RECORDS,)),
    ):
        for row, number in enumerate(numbers, 1):
            yield Cell(table, row, column, number)


def flipped(url: str, cell: Cell, place: int, bit: int) -> None:
    """Flip one bit of *cell*, of the byte at *place*, whatever it is then."""
    with closing(sqlite3.connect(url)) as connection:
        where = f"FROM {cell.table} ORDER BY rowid LIMIT 1 OFFSET {cell.row - 1}"
        query = f"SELECT rowid, typeof({cell.column}), {cell.column} {where}"
        connection.text_factory = bytes
        rowid, kind, value = connection.execute(query).fetchone()
        if kind == b"integer":
            # Of a number, a bit that no other record has for its own.
            new: object = value ^ 1 << (5 + bit)
            target = "?"
        else:
            at = place % len(value)
            new = value[:at] + bytes([value[at] ^ 1 << bit]) + value[at + 1 :]
            target = "CAST(? AS TEXT)" if kind == b"text" else "?"
        update = f"UPDATE {cell.table} SET {cell.column} = {target} WHERE rowid = ?"
        connection.execute(update, (new, rowid))
        connection.commit()


@pytest.mark.slow
@given(cell=st.sampled_from(list(cells())), place=st.integers(0, 1 << 16), bit=st.integers(0, 7))
def test_any_flipped_bit_is_found_and_placed(
    copied: Callable[[], str], cell: Cell, place: int, bit: int
) -> None:
    """No byte of any column can be another without the record being named that it is about."""
    url = copied()
    try:
        flipped(url, cell, place, bit)
    except sqlite3.IntegrityError:
        # The table itself refuses an id that another record has.
        reject()
    assert re.match(rf"record {cell.record}:", found(url)), (cell, place, bit)


def test_chain_cut_off_is_found_against_a_checkpoint_alone(recorded: str) -> None:
    """Who takes away the last records, and the head, is found by a checkpoint alone."""
    kept = checkpoint_at(recorded)
    forged(recorded, bodies(recorded)[:12])
    assert verified(recorded).records == 12
    assert found(recorded, kept) == (
        "record 13: it is missing, although the checkpoint of 2026-04-01 of `acme-2026` names"
        " record 20"
    )


def test_chain_made_anew_is_found_against_a_checkpoint_alone(stores: Stores) -> None:
    """Another history under the same rules agrees with itself, and not with the checkpoint."""
    url, other = stores("sqlite"), stores("sqlite")
    record(url)
    record(other, [one for one in EVENTS if one.id != "o-2"])
    for records in (5, 8, 20 - 1):
        kept = checkpoint_at(url, records)
        assert verified(other).checkpoint is None
        assert found(other, kept) == (
            f"record {records}: its hash is not the one in the checkpoint of 2026-04-01:"
            " the chain was rewritten, or is another chain"
        )


@pytest.mark.parametrize("records", [1, 12, 20])
def test_checkpoint_of_the_same_chain_confirms_it(original: Path, records: int) -> None:
    """A chain that goes on from where a checkpoint was made contains it."""
    kept = checkpoint_at(str(original), records)
    assert verified(str(original), kept).checkpoint == kept


@pytest.mark.parametrize("records", [1, 12, 20])
def test_checkpoint_of_another_chain_is_found(original: Path, records: int) -> None:
    """A checkpoint that names another hash is found at the record that it names."""
    other = replace(checkpoint_at(str(original), records), head="0" * 64)
    assert found(str(original), other).startswith(f"record {records}: its hash is not the one")


def test_checkpoint_of_another_program_is_refused(original: Path) -> None:
    """A checkpoint of another program confirms nothing, and is not taken for one of this."""
    other = msgspec.structs.replace(checkpoint_at(str(original)), program="other")
    with pytest.raises(UsageError, match="the checkpoint is of the program `other`"):
        verified(str(original), other)


Forgery = Callable[[Record], Record | None]


def with_answer(**changes: Any) -> Forgery:
    def forge(one: Record) -> Record | None:
        if one.answer is None:
            return None
        return replace(one, answer=replace(one.answer, **changes))

    return forge


def with_standing(name: str) -> Forgery:
    def forge(one: Record) -> Record | None:
        if one.answer is None:
            return None
        return with_answer(position=replace(one.answer.position, **{name: "77"}))(one)

    return forge


def with_event(**changes: Any) -> Forgery:
    def forge(one: Record) -> Record | None:
        return None if one.event is None else replace(one, event=one.event | changes)

    return forge


def without_findings(one: Record) -> Record | None:
    if one.answer is None or not one.answer.findings:
        return None
    return with_answer(findings=())(one)


def findings_turned(one: Record) -> Record | None:
    if one.answer is None or len(one.answer.findings) < 2:
        return None
    return with_answer(findings=one.answer.findings[::-1])(one)


def finding_softened(one: Record) -> Record | None:
    if one.answer is None or not one.answer.findings:
        return None
    first, *rest = one.answer.findings
    return with_answer(findings=(replace(first, observed="1"), *rest))(one)


def adoption_of_another(one: Record) -> Record | None:
    if one.adoption is None:
        return None
    return replace(one, adoption=replace(one.adoption, authorization="other"))


def adoption_without_name(one: Record) -> Record | None:
    if one.adoption is None or one.sequence == 1:
        return None
    return replace(one, adoption=replace(one.adoption, by=None))


FORGERIES: Final[dict[str, tuple[str, Forgery]]] = {
    "approved": ("re-evaluated, the outcome is", with_answer(outcome="approved")),
    "denied": ("re-evaluated, the outcome is", with_answer(outcome="denied")),
    "held": ("re-evaluated, the outcome is", with_answer(outcome="held")),
    "executed": ("re-evaluated, `executed_shares` is", with_standing("executed_shares")),
    "reserved": ("re-evaluated, `reserved_amount` is", with_standing("reserved_amount")),
    "left": ("re-evaluated, `remaining_shares` is", with_standing("remaining_shares")),
    "edition": ("the edition that it names", with_answer(edition="0" * 64)),
    "no findings": (
        "re-evaluated, the findings differ from those in the record, of",
        without_findings,
    ),
    "findings turned": ("re-evaluated, the findings have another order", findings_turned),
    "finding softened": (
        "re-evaluated, the findings differ from those in the record, of",
        finding_softened,
    ),
    "another's": ("its event is of the authorization `x`", with_event(authorization="x")),
    "no kind": ("its event is not a valid event", with_event(kind="gift")),
    "no number": ("its event is not a valid event", with_event(price="cheap")),
    "a list": ("its event is not a valid event", with_event(symbol=["1111"])),
    "no time zone": ("its event is not a valid event", with_event(time="2026-03-02T09:00:00")),
    "a text of a number": ("its event is not a valid event", with_event(quantity="100")),
    "adoption": ("it adopts the rule file of", adoption_of_another),
    "nobody's adoption": ("it does not say who changed the rule file", adoption_without_name),
}


@pytest.mark.slow
@given(name=st.sampled_from(sorted(FORGERIES)), start=st.integers(0, RECORDS - 1))
def test_forged_record_in_a_chain_made_anew_is_found_by_judging_again(
    copied: Callable[[], str], name: str, start: int
) -> None:
    """A verdict, a figure or an event that was changed differs from what its rules say of it."""
    what, forge = FORGERIES[name]
    url = copied()
    records = bodies(url)
    for at in (*range(start, RECORDS), *range(start)):
        forged_one = forge(records[at])
        if forged_one is not None and forged_one != records[at]:
            break
    else:
        raise AssertionError("no record can be forged so")
    forged(url, [*records[:at], forged_one, *records[at + 1 :]])
    assert found(url).startswith(f"record {at + 1}: {what}")


def test_forged_verdict_is_found_record_by_record(copied: Callable[[], str]) -> None:
    """A chain made anew around another verdict is found, whichever verdict it is."""
    whole = bodies(copied())
    for place, one in enumerate(whole):
        if one.answer is None:
            continue
        url = copied()
        outcome = "denied" if one.answer.outcome == "recorded" else "recorded"
        other = replace(one, answer=replace(one.answer, outcome=outcome))
        forged(url, [*whole[:place], other, *whole[place + 1 :]])
        assert found(url).startswith(f"record {place + 1}: ")


def test_record_written_otherwise_is_found(copied: Callable[[], str]) -> None:
    """Two readers cannot read two things in one record: it has one way to be written."""
    url = copied()
    last = bodies(url)[-1]
    body = sealed(last).body.replace(b'"approved"', b'"denied","outcome":"approved"', 1)
    assert read_record(body) == last
    changed(
        url,
        "UPDATE records SET hash = :hash, body = :body WHERE sequence = 20",
        hash=digest(body),
        body=body,
    )
    changed(url, "UPDATE programs SET head = :hash", hash=digest(body))
    assert found(url) == "record 20: its bytes are not as this package writes records"


def test_event_that_is_there_twice_is_found(copied: Callable[[], str]) -> None:
    """One event leaves one record: a forger who lifts the table's own guard is found.

    Putting it back afterwards does not help.
    """
    url = copied()
    records = bodies(url)
    again = replace(records[11], sequence=21, previous=sealed(records[-1]).hash)
    answer = again.answer
    assert answer is not None
    last = records[-1].answer
    assert last is not None
    made = sealed(replace(again, answer=replace(last, outcome="denied", findings=answer.findings)))
    path = Path(url)
    guards = _unguarded(path)
    changed(
        url,
        "INSERT INTO records VALUES (:name, 21, 'report c-2', :hash, :body)",
        "UPDATE programs SET sequence = 21, head = :hash",
        name=NAME,
        hash=made.hash,
        body=made.body,
    )
    assert found(url) == "its table `records` is not as this package creates it"
    _guard(path, guards)
    assert found(url).startswith("the file is damaged: row 21 missing from index")


def _unguarded(path: Path) -> list[tuple[Any, ...]]:
    """Take the key of events away from the table at *path*; return the catalog with it."""
    with closing(sqlite3.connect(path)) as forger:
        guards = forger.execute("SELECT * FROM sqlite_master").fetchall()
    plain = []
    for kind, name, table, page, sql in guards:
        if name != "sqlite_autoindex_records_2":
            less = sql and sql.replace(', \n\tUNIQUE (program, "key")', "")
            plain.append((kind, name, table, page, less))
    _guard(path, plain)
    return guards


def _guard(path: Path, catalog: list[tuple[Any, ...]]) -> None:
    """Write *catalog* to the file at *path* in place of its own."""
    with closing(sqlite3.connect(path)) as forger:
        forger.execute("PRAGMA writable_schema = ON")
        forger.execute("DELETE FROM sqlite_master")
        forger.executemany("INSERT INTO sqlite_master VALUES (?, ?, ?, ?, ?)", catalog)
        forger.commit()
        ((version,),) = forger.execute("PRAGMA schema_version")
        forger.execute(f"PRAGMA schema_version = {version + 1}")


def test_other_time_zones_are_told_and_the_rest_is_compared(
    recorded: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A newer tzdata makes other editions of the same rules: the verdicts are compared, and it
    is said.
    """
    now = calendars.TZDATA_VERSION
    monkeypatch.setattr(edition, "TZDATA_VERSION", "2031.1")
    assert verified(recorded).remarks == (
        (
            f"events decided with the time zones of tzdata {now} were re-evaluated"
            " with those of tzdata 2031.1"
        ),
    )
    forged(recorded, [with_answer(outcome="held")(one) or one for one in bodies(recorded)])
    assert (
        found(recorded)
        == "record 2: re-evaluated, the outcome is recorded, but the record says held"
    )


def test_clock_that_was_set_back_is_told(copied: Callable[[], str]) -> None:
    """A record may be made before the one before it by the clock of then: a person is told."""
    url = copied()
    records = bodies(url)
    records[11] = replace(records[11], at=records[11].at - timedelta(hours=1))
    forged(url, records)
    assert verified(url).remarks == (
        "1 record has an earlier time than the record before (clock set back)",
    )


def test_record_of_another_version_says_so(copied: Callable[[], str]) -> None:
    """Where a record of another version of the package differs, both versions are named."""
    url = copied()
    records = bodies(url)
    records[2] = replace(with_answer(outcome="denied")(records[2]) or records[2], version="9.9")
    forged(url, records)
    with pytest.raises(Tampering, match=r"version 9\.9 of this package recorded it, but this is"):
        verified(url)


def test_what_is_recorded_meanwhile_comes_after(recorded: str) -> None:
    """A program that goes on while it is verified is verified as it stood at the beginning."""
    later = told(60, "order", "o-6", **bought(1))

    def watch(items: Iterator[Any], total: int) -> Iterator[Any]:
        with closing(Journal(recorded)) as other:
            Desk(other, NAME, ticking()).submit(later)
        assert total == RECORDS
        return items

    with closing(Journal(recorded)) as journal:
        assert verify(journal, NAME, watch=watch).records == RECORDS
        assert verify(journal, NAME).records == RECORDS + 1


def test_each_record_is_counted_once(original: Path) -> None:
    """Who watches is handed one item for each record, and how many there are to be."""
    counts = []

    def watch(items: Iterator[Any], total: int) -> Iterator[Any]:
        for count, item in enumerate(items, 1):
            yield item
            counts.append((count, total))

    with closing(Journal(str(original))) as journal:
        verify(journal, NAME, watch=watch)
    assert counts == [(count, RECORDS) for count in range(1, RECORDS + 1)]


@pytest.mark.parametrize("error", [Tampering, KeyboardInterrupt])
def test_what_watches_ends_before_an_error_leaves(
    copied: Callable[[], str], monkeypatch: Patch, error: type[BaseException]
) -> None:
    """A progress bar is gone by the time that a forgery, or Ctrl-C, is reported."""
    url = copied()
    evaluate = Audit.evaluate
    ended = []

    def stopping(self: Audit, record: Record, fields: dict[str, Any]) -> None:
        if record.sequence == 5 and error is KeyboardInterrupt:
            raise KeyboardInterrupt
        evaluate(self, record, fields)

    def watch(items: Iterator[Any], _: int) -> Iterator[Any]:
        try:
            yield from items
        finally:
            ended.append(True)

    if error is Tampering:
        changed(url, *CHANGES["a record deleted"][1:])
    monkeypatch.setattr(Audit, "evaluate", stopping)
    with closing(Journal(url)) as journal, pytest.raises(error) as caught:
        verify(journal, NAME, watch=watch)
    # Asked while the error still holds every frame that it came through.
    assert caught.tb is not None
    assert ended == [True]


def test_journal_is_the_same_after_a_change_of_folder(
    copied: Callable[[], str], monkeypatch: Patch
) -> None:
    """A journal that was named from one folder is verified from another."""
    path = Path(copied())
    monkeypatch.chdir(path.parent)
    with closing(Journal(path.name)) as journal:
        monkeypatch.chdir("/")
        assert verify(journal, NAME).records == RECORDS


def test_rule_file_that_cannot_be_read_decides_nothing(copied: Callable[[], str]) -> None:
    """What was adopted and cannot be read by this package is no tampering: it is undecided."""
    url = copied()
    body = b"repurchase: 2"
    changed(url, "INSERT INTO texts VALUES (:hash, :body)", hash=digest(body), body=body)
    records = bodies(url)
    adoption = records[0].adoption
    assert adoption is not None
    unread = replace(adoption, rules=Rules(digest(body)))
    forged(url, [replace(records[0], adoption=unread), *records[1:]])
    with pytest.raises(JournalError) as caught:
        verified(url)
    assert not isinstance(caught.value, Tampering)


def test_program_that_is_not_there_is_no_tampering(original: Path) -> None:
    """A name that the journal does not hold is the caller's mistake."""
    with closing(Journal(str(original))) as journal, pytest.raises(UsageError, match="no program"):
        verify(journal, "acme-2027")


def no_hash(patch: Patch) -> None:
    """Bodies are not compared with their hashes, nor with the place where they stand."""
    patch.setattr(verifying, "following", lambda _, stored: read_record(stored.body))


def no_judging(patch: Patch) -> None:
    """The chain is followed, and its verdicts are believed."""

    def evaluate(self: Audit, record: Record, fields: dict[str, Any]) -> None:
        book = self.book
        assert book.editions is not None
        event = event_of(fields)
        kept = book.editions.of(event, book.position)
        self.editions[kept.hash] = None
        position = apply(event, record.decision(), book.position, Life(kept)).position
        self.book = replace(book, position=position)

    patch.setattr(Audit, "evaluate", evaluate)


def no_end(patch: Patch) -> None:
    """The head and what stands around the records are not looked at."""
    patch.setattr(verifying, "check_end", lambda *_: None)


def no_strays(patch: Patch) -> None:
    """Records of no program are not looked for."""
    patch.setattr(Journal, "stray", lambda _: None)


def no_texts(patch: Patch) -> None:
    """The editions that are kept are not looked at."""

    def believe(self: Audit, recorded: str, _: object) -> None:
        self.editions[recorded] = None

    patch.setattr(Audit, "compare_edition", believe)


def no_one_way(patch: Patch) -> None:
    """A record may be written in any way."""
    patch.setattr(verifying, "record_bytes", lambda _: AnyBytes())


class AnyBytes:
    """Bytes that are like any others."""

    def __ne__(self, _: object) -> bool:
        return False

    __hash__ = None  # type: ignore[assignment]


BREAKS: Final = [
    (no_hash, "an adoption hidden"),
    (no_hash, "the id beside it"),
    (no_end, "one more"),
    (no_end, "one before the first"),
    (no_end, "the last deleted"),
    (no_end, "the head"),
    (no_end, "the head wholly set back"),
    (no_texts, "an edition gone"),
    (no_texts, "another edition"),
]


@pytest.mark.parametrize(("broken", "change"), BREAKS)
def test_without_its_check_a_change_is_not_found(
    copied: Callable[[], str], monkeypatch: Patch, broken: Callable[[Patch], None], change: str
) -> None:
    """Each of these checks is what finds the change: an audit without it finds nothing."""
    url = copied()
    changed(url, *CHANGES[change][1:])
    broken(monkeypatch)
    assert verified(url).program == NAME


@pytest.mark.parametrize(
    ("broken", "forge"),
    [
        (no_judging, findings_turned),
        (no_judging, finding_softened),
        (no_judging, with_answer(edition="0" * 64)),
    ],
)
def test_without_judging_a_forgery_is_not_found(
    copied: Callable[[], str], monkeypatch: Patch, broken: Callable[[Patch], None], forge: Forgery
) -> None:
    """A chain that is only followed lets a forger's verdict stand: judging finds it."""
    url = copied()
    forged(url, [forge(one) or one for one in bodies(url)])
    found(url)
    broken(monkeypatch)
    assert verified(url).program == NAME


def test_without_its_check_a_stray_record_is_not_found(
    copied: Callable[[], str], monkeypatch: Patch
) -> None:
    """A record of a program that is not listed is found by looking for such."""
    url = copied()
    changed(
        url,
        "INSERT INTO records SELECT 'other', 1, key, hash, body FROM records WHERE sequence = 1",
    )
    assert found(url) == "record 1: it is of `other`, which this journal does not list as a program"
    no_strays(monkeypatch)
    assert verified(url).records == RECORDS


def test_without_its_check_a_record_written_otherwise_is_not_found(
    copied: Callable[[], str], monkeypatch: Patch
) -> None:
    """That a record has one way to be written is what finds a second reading of it."""
    no_one_way(monkeypatch)
    with pytest.raises(pytest.fail.Exception):
        test_record_written_otherwise_is_found(copied)
