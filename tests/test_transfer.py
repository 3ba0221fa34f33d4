"""A program taken from one journal to another, and checkpoints: whole, as it was, or not at all."""

from __future__ import annotations

import hashlib
import io
import json
import os
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO, Final, cast

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from hypothesis import assume, example, given
from hypothesis import strategies as st

from repurchase.audit.checkpoint import Checkpoint, unsigned
from repurchase.audit.merkle import leaf
from repurchase.audit.signatures import (
    new_key,
    public_key,
    read_checkpoint,
    signed,
    signing_key,
)
from repurchase.audit.transfer import ExportFile, export, imported
from repurchase.audit.verify import Verified
from repurchase.domain.errors import InputError, Tampering, UsageError
from repurchase.journal.store import Head, Journal, Writer
from repurchase.report.written import json_text
from stores import KINDS, Stores
from test_audit import (
    EVENTS,
    NAME,
    RECORDS,
    bodies,
    changed,
    finding_softened,
    forged,
    no_judging,
    record,
    verified,
)

AT: Final = datetime(2026, 4, 1, tzinfo=UTC)
HEAD: Final = Head(20, "ab" * 32)
# A header, two rule files, two editions, and the records.
LINES: Final = 1 + 2 + 2 + RECORDS


def exported(url: str) -> list[bytes]:
    """Return the lines of the export of the journal at *url*."""
    with closing(Journal(url)) as journal:
        return [line.encode() + b"\n" for line in export(journal, NAME)[1]]


def let_in(lines: list[bytes], url: str) -> Verified:
    """Import *lines* into the journal at *url*, a new one if need be."""
    file = ExportFile(io.BytesIO(b"".join(lines)), "acme.jsonl")
    with closing(Journal(url, create=True)) as journal:
        return imported(file, journal)


def held(url: str) -> tuple[tuple[str, ...], int]:
    """Return what the journal at *url* holds: its programs, and the records of ours.

    An import that fails leaves no file of a journal that it made.
    """
    if "://" not in url and not Path(url).exists():
        return (), 0
    with closing(Journal(url)) as journal:
        return journal.programs(), len(list(journal.records(NAME)))


@pytest.fixture(scope="module")
def lines(tmp_path_factory: pytest.TempPathFactory) -> list[bytes]:
    """Give the lines of the export of the program of test_audit.py."""
    url = str(tmp_path_factory.mktemp("exported") / "journal.db")
    record(url)
    return exported(url)


@pytest.fixture(scope="module")
def new_url(tmp_path_factory: pytest.TempPathFactory) -> Callable[[], str]:
    """Give the name of a SQLite file that is not there yet, each time it is called."""
    folder = tmp_path_factory.mktemp("imports")
    numbers = iter(range(1_000_000))
    return lambda: str(folder / f"{next(numbers)}.db")


@pytest.mark.parametrize("there", KINDS)
@pytest.mark.parametrize("here", KINDS)
def test_program_taken_elsewhere_is_the_same_to_the_byte(
    stores: Stores, here: str, there: str
) -> None:
    """From any store to any other: the same head, the same export."""
    one, other = stores(here), stores(there)
    head = record(one)
    found = let_in(exported(one), other)
    assert (found.records, found.head) == (head.sequence, head.hash)
    assert exported(other) == exported(one)
    assert verified(other) == verified(one)


def test_export_is_what_its_readers_are_told(lines: list[bytes]) -> None:
    """The first line says what follows, and every text stands in it as it was hashed."""
    first, *rest = (json.loads(line) for line in lines)
    assert len(lines) == LINES
    assert (first["format"], first["program"]) == ("repurchase export 12", NAME)
    assert (first["records"], first["head"]) == (RECORDS, rest[-1]["hash"])
    kinds = [one["line"] for one in rest]
    assert kinds == ["text"] * 2 + ["edition"] * 2 + ["record"] * RECORDS


def test_journal_that_was_tampered_with_is_not_exported(store_url: str) -> None:
    """What is not right is not handed on."""
    record(store_url)
    changed(store_url, "DELETE FROM records WHERE sequence = 7")
    with pytest.raises(Tampering, match="record 7: it is missing"):
        exported(store_url)


def test_journal_that_is_changed_while_it_is_exported_is_found(store_url: str) -> None:
    """The lines are read once more after the judging, and must be those that were judged."""
    record(store_url)
    with closing(Journal(store_url)) as journal:
        _, found = export(journal, NAME)
        changed(store_url, "DELETE FROM records WHERE sequence = 7")
        with pytest.raises(Tampering, match="record 7: record 7 is missing"):
            list(found)


def test_program_that_has_begun_is_left_alone(store_url: str, lines: list[bytes]) -> None:
    """An import never adds to a chain, not even the same one."""
    record(store_url, EVENTS[:3])
    before = held(store_url)
    with pytest.raises(UsageError, match="the journal already has the program `acme-2026`"):
        let_in(lines, store_url)
    assert held(store_url) == before


def refused(lines: list[bytes], url: str) -> int:
    """Return the line by which *lines* are refused; nothing of them is in the journal then."""
    with pytest.raises(Tampering) as caught:
        let_in(lines, url)
    assert held(url) == ((), 0)
    (problem,) = caught.value.problems
    assert problem.line is not None
    return problem.line


@pytest.mark.parametrize("kept", range(1, LINES))
def test_export_cut_off_is_refused(
    lines: list[bytes], new_url: Callable[[], str], kept: int
) -> None:
    """Whatever the line after which it ends, that end is named."""
    assert refused(lines[:kept], new_url()) == kept + 1


@pytest.mark.parametrize("at", [1, 4, 5, LINES - 1])
def test_export_cut_off_within_a_line_is_refused(
    lines: list[bytes], new_url: Callable[[], str], at: int
) -> None:
    """A line without its end is none, were it all there but that."""
    for end in (-1, -2, 1):
        assert refused([*lines[:at], lines[at][:end]], new_url()) == at + 1


@pytest.mark.slow
@given(one=st.integers(1, LINES - 1), other=st.integers(1, LINES - 1))
@example(one=1, other=2)
@example(one=2, other=3)
def test_export_with_lines_swapped_is_refused(
    lines: list[bytes], new_url: Callable[[], str], one: int, other: int
) -> None:
    """No line may stand in the place of another."""
    assume(one < other)
    swapped = list(lines)
    swapped[one], swapped[other] = lines[other], lines[one]
    assert one + 1 <= refused(swapped, new_url()) <= LINES + 1


@pytest.mark.slow
@given(at=st.integers(1, LINES - 1))
def test_export_with_a_line_twice_or_missing_is_refused(
    lines: list[bytes], new_url: Callable[[], str], at: int
) -> None:
    """Every line stands there once."""
    refused([*lines[: at + 1], *lines[at:]], new_url())
    refused([*lines[:at], *lines[at + 1 :]], new_url())


@pytest.mark.slow
@given(at=st.integers(1, LINES - 1), place=st.integers(0, 1 << 16), bit=st.integers(0, 7))
def test_export_that_was_edited_is_refused(
    lines: list[bytes], new_url: Callable[[], str], at: int, place: int, bit: int
) -> None:
    """No byte of a line can be another, but where that leaves its texts as they were."""
    line = lines[at]
    where = place % len(line)
    edited = line[:where] + bytes([line[where] ^ 1 << bit]) + line[where + 1 :]
    with suppress(ValueError):
        assume(json.loads(edited) != json.loads(line))
    refused([*lines[:at], edited, *lines[at + 1 :]], new_url())


@pytest.mark.parametrize(
    "first",
    [
        b"",
        b"kind,id\n",
        b"{}\n",
        b'{"line":"record","hash":"00","body":""}\n',
        b"\xff\n",
        b'{"line":"export","format":"repurchase export 12","program":"a","records":1,"head":"0"}\n',
    ],
)
def test_what_is_no_export_is_not_read(first: bytes) -> None:
    """A file of another kind is told at its first line, before a journal is opened."""
    with pytest.raises(InputError, match=r"acme\.jsonl:1: this is not an export of a journal"):
        ExportFile(io.BytesIO(first), "acme.jsonl")


NESTED: Final = b"[" * 100_000 + b"]" * 100_000


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (NESTED, "this is not a line of an export"),
        (
            json.dumps(
                {
                    "line": "record",
                    "hash": hashlib.sha256(b'{"event":{"id":' + NESTED + b"}}").hexdigest(),
                    "body": '{"event":{"id":' + NESTED.decode() + "}}",
                }
            ).encode(),
            "the record cannot be read: it is nested too deeply",
        ),
    ],
)
def test_export_that_is_nested_too_deeply_is_refused(
    lines: list[bytes], new_url: Callable[[], str], line: bytes, said: str
) -> None:
    """It is a wrong line like any other, not a fault of the program."""
    with pytest.raises(Tampering, match=said):
        let_in([*lines[:1], line + b"\n", *lines[1:]], new_url())


def test_export_of_more_rule_files_than_fit_in_memory_is_refused(
    lines: list[bytes], new_url: Callable[[], str]
) -> None:
    """Gigabytes of texts that no record names are not read to their end."""
    read = 0

    def texts() -> Iterator[bytes]:
        nonlocal read
        yield lines[0]
        for number in range(400):
            read += 1
            hash_ = hashlib.sha256(str(number).encode()).hexdigest()
            yield json.dumps({"line": "text", "hash": hash_, "body": "x" * 8_000_000}).encode()

    class Endless(io.RawIOBase):
        """The lines, made when they are read."""

        lines = texts()

        def readline(self, _: int | None = -1, /) -> bytes:
            return next(self.lines).rstrip(b"\n") + b"\n"

    url = new_url()
    said = "the rule files and editions are longer than 67,108,864 bytes together"
    with closing(Journal(url, create=True)) as journal:
        file = ExportFile(cast("BinaryIO", Endless()), "texts.jsonl")
        with pytest.raises(InputError, match=said):
            imported(file, journal)
    assert (held(url), read) == (((), 0), 9)


def test_header_that_was_edited_is_refused(lines: list[bytes], new_url: Callable[[], str]) -> None:
    """The first line is bound to the others: its count, its head and its program."""
    told = json.loads(lines[0])
    for change in ({"records": 19}, {"records": 21}, {"head": "0" * 64}, {"program": "other"}):
        first = json.dumps(told | change).encode() + b"\n"
        url = new_url()
        with pytest.raises(Tampering):
            let_in([first, *lines[1:]], url)
        assert held(url) == ((), 0)


def test_import_that_does_not_judge_would_let_a_forgery_in(
    new_url: Callable[[], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is the judging on the way that stops a forged chain before its commit."""
    url = new_url()
    record(url)
    forged(url, [finding_softened(one) or one for one in bodies(url)])
    with monkeypatch.context() as patch:
        no_judging(patch)
        softened = exported(url)
        let_in(softened, new_url())
    assert refused(softened, new_url()) == 5 + 4


def test_import_is_read_back(
    lines: list[bytes], new_url: Callable[[], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A store that keeps something else than it was given is found at once."""
    kept = Writer.keep_edition

    def forgetful(writer: Writer, hash_: str, content: str) -> None:
        kept(writer, hash_, content + " ")

    monkeypatch.setattr(Writer, "keep_edition", forgetful)
    with pytest.raises(Tampering, match=r"record 2: the edition that it names, .*, was changed"):
        let_in(lines, new_url())


@pytest.fixture
def keys(tmp_path: Path) -> tuple[Path, Path]:
    """Give a key pair: the private and the public file."""
    return tmp_path / "audit.key", new_key(tmp_path / "audit.key")


def made_of(program: str) -> Checkpoint:
    """Return a checkpoint of *program* that nobody has signed."""
    leaves = [leaf(bytes([number])) for number in range(HEAD.sequence)]
    return unsigned(program, HEAD, leaves, AT, None)


def test_signed_checkpoint_is_read_with_its_key(keys: tuple[Path, Path], tmp_path: Path) -> None:
    """What one key signed is what its public key confirms."""
    made = signed(made_of(NAME), signing_key(keys[0]))
    file = written(tmp_path / "checkpoint.json", made)
    assert read_checkpoint(file, public_key(keys[1])) == made


def written(path: Path, checkpoint: object) -> Path:
    path.write_text(json_text(checkpoint) + "\n")
    return path


def test_signature_is_over_what_the_manual_says(keys: tuple[Path, Path]) -> None:
    """Any software can check it: JSON with sorted keys, no white space, in UTF-8."""
    made = signed(made_of("é-1"), signing_key(keys[0]))
    told = {
        "format": "repurchase checkpoint 2",
        "program": "é-1",
        "records": 20,
        "head": "ab" * 32,
        "root": made.root,
        "previous": None,
        "consistency": [],
        "time": "2026-04-01T00:00:00Z",
    }
    text = json.dumps(told, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    assert made.signed_bytes() == text.encode()


def test_checkpoint_of_another_key_is_found(keys: tuple[Path, Path], tmp_path: Path) -> None:
    """Anyone can sign anything with a key of their own: it confirms nothing."""
    other = new_key(tmp_path / "other.key")
    file = written(tmp_path / "checkpoint.json", signed(made_of(NAME), signing_key(keys[0])))
    with pytest.raises(Tampering, match="not signed by this key, or it was changed"):
        read_checkpoint(file, public_key(other))


@given(place=st.integers(0, 1 << 16), bit=st.integers(0, 7))
def test_checkpoint_that_was_changed_is_found(
    tmp_path_factory: pytest.TempPathFactory, place: int, bit: int
) -> None:
    """No bit of it can be another without its signature failing, or it being none at all."""
    folder = tmp_path_factory.mktemp("changed")
    public = public_key(new_key(folder / "key"))
    made = signed(made_of(NAME), signing_key(folder / "key"))
    file = written(folder / "checkpoint.json", made)
    content = bytearray(file.read_bytes())
    content[place % len(content)] ^= 1 << bit
    file.write_bytes(content)
    with suppress(Tampering, InputError):
        # It is still to be read where that was white space, or another way to write the same.
        assert read_checkpoint(file, public) == made


def test_keys_are_kept_from_others_and_never_overwritten(tmp_path: Path) -> None:
    """The private key is its owner's alone from the first moment; what is there stays there."""
    private = tmp_path / "audit.key"
    before = os.umask(0)
    try:
        public = new_key(private)
    finally:
        os.umask(before)
    assert (private.stat().st_mode & 0o777, public.stat().st_mode & 0o777) == (0o600, 0o644)
    content = private.read_bytes(), public.read_bytes()
    with pytest.raises(UsageError, match="never overwritten"):
        new_key(private)
    assert (private.read_bytes(), public.read_bytes()) == content
    private.unlink()
    with pytest.raises(UsageError, match=r"audit\.key\.pub: the file exists already"):
        new_key(private)
    assert not private.exists()


def private_pem(kind: str) -> bytes:
    if kind == "another kind":
        return ec.generate_private_key(ec.SECP256R1()).private_bytes(
            Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
        )
    return b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"


def test_unusable_signing_keys_are_refused(keys: tuple[Path, Path], tmp_path: Path) -> None:
    """A key that others may read, a locked one, one of another kind, and none at all."""
    private, public = keys
    locked = load_pem_private_key(private.read_bytes(), None).private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"x")
    )
    for content, why in (
        (locked, "protected by a password"),
        (private_pem("another kind"), "not an Ed25519 key"),
        (private_pem("broken"), "this is not a private key"),
        (public.read_bytes(), "this is not a private key"),
        (b"", "this is not a private key"),
    ):
        private.write_bytes(content)
        with pytest.raises(UsageError, match=why):
            signing_key(private)
    with pytest.raises(UsageError, match="the file does not exist"):
        signing_key(tmp_path / "nowhere")
    with pytest.raises(UsageError, match="not a regular file"):
        signing_key(tmp_path)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o601])
def test_key_that_others_may_use_is_refused(keys: tuple[Path, Path], mode: int) -> None:
    """A key that was open to others may have been copied: nothing is signed with it."""
    keys[0].chmod(mode)
    with pytest.raises(UsageError, match="other users can read or change this key"):
        signing_key(keys[0])


def test_unusable_public_keys_are_refused(keys: tuple[Path, Path]) -> None:
    """Where the private key is given for the public one, that is said."""
    private, _ = keys
    with pytest.raises(
        UsageError, match=r"this is not a public key; give the file that ends in \.pub"
    ):
        public_key(private)


@pytest.mark.parametrize(
    "content", [b"", b"[]", b"{}", b'{"format":"repurchase checkpoint 2"}', b"\xff", b"[" * 9999]
)
def test_what_is_no_checkpoint_is_not_read(
    keys: tuple[Path, Path], tmp_path: Path, content: bytes
) -> None:
    """A file of another kind is no checkpoint, and no tampering either."""
    file = tmp_path / "checkpoint.json"
    file.write_bytes(content)
    with pytest.raises(InputError, match="this is not a checkpoint of this package"):
        read_checkpoint(file, public_key(keys[1]))
