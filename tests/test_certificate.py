"""What was proved, written down: commands that prove nothing hold a rule file to it."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any, Final

import msgspec
import pytest

from repurchase.domain.errors import InputError, UsageError
from repurchase.domain.version import __version__
from repurchase.proof.certificate import (
    Certificate,
    certificate_text,
    read_certificate,
    uncertified,
    uncovered,
)
from repurchase.proof.claims import claims
from repurchase.proof.engine import answered
from repurchase.proof.proof import proved
from repurchase.report.proofs import remarks
from repurchase.rulebook.editions import Editions, load, load_text
from repurchase.rulebook.library import rule_names, rule_path
from test_cli import run
from test_prove import BROKEN, SHARES, SOUND, TERM, proof_shipped, text_of

DAY = date(2026, 11, 26)
# A certificate as an earlier version wrote it, of another program and of no property.
OLD: Final = json.dumps(
    {
        "format": "1",
        "authorization": "other",
        "editions": [
            {
                "edition": "0" * 64,
                "first": "0001-01-01",
                "last": "9999-12-31",
                "claims": [],
                "venue_day": None,
                "example": None,
            }
        ],
        "statement": "whatever came before, nothing gets past",
        "solver": "z3 5.4.1",
        "version": "9.9.9",
        "day": "2026-11-29",
    }
)
ORDER = {
    "kind": "order",
    "id": "o-1",
    "date": "2008-11-14",
    "symbol": "1111",
    "side": "buy",
    "quantity": 1,
    "price": 1,
}


def sound(**changes: str) -> Editions:
    text = SOUND
    for old, new in changes.items():
        assert text.count(old) == 1
        text = text.replace(old, new)
    return load_text(text.encode(), "acme.yaml")


def certificate() -> Certificate:
    return proved(sound(), time.monotonic_ns, 600_000).certificate(DAY, sound())


def test_certificate_is_of_the_file_that_was_proved() -> None:
    """It names claims, edition, solver, version and day, and agrees with its own file alone."""
    made = certificate()
    (one,) = made.editions
    edition = sound().on(date(2008, 11, 14))
    assert (one.edition, one.claims) == (edition.hash, claims(edition))
    assert (made.authorization, made.day) == ("acme", DAY)
    assert made.solver.startswith("z3 ")
    assert list(uncertified(made, sound())) == []
    (problem,) = uncertified(made, sound(**{"4,000 shares": "4,001 shares"}))
    assert problem.what == "the certificate does not cover the edition in force on all days"
    (problem,) = uncertified(made, sound(**{"authorization: acme": "authorization: other"}))
    assert problem.what == "the certificate is of `acme`"


@pytest.mark.slow
@pytest.mark.parametrize("name", rule_names())
def test_certificate_shows_an_order_that_is_approved(name: str) -> None:
    """A file that approved nothing would be proved, too: what is certified is of some use."""
    editions = load(rule_path(name))
    made = proof_shipped(name).certificate(DAY, editions)
    found = [one for one in made.editions if one.example]
    assert found
    for one in found:
        assert one.example is not None
        decided = answered(one.example, editions)
        assert decided is not None
        assert (decided.decision.outcome, decided.decision.kind) == ("approved", "order")
        assert one.first <= date.fromisoformat(one.example[-1]["date"]) <= one.last
        assert editions.on(date.fromisoformat(one.example[-1]["date"])).hash == one.edition


@pytest.mark.slow
def test_proof_says_on_which_days_of_the_window_nothing_is_approved() -> None:
    """Outside the window that goes without saying."""
    hole = "  - {id: hole, from: 2008-12-01, until: 2008-12-31, require: trade.units < 0}\n"
    editions = load_text((SOUND + hole).encode(), "acme.yaml")
    proof = proved(editions, time.monotonic_ns, 600_000)
    said = [said for _, said in remarks(proof, editions.authorization) if "approved" in said]
    assert said[0] == "from 2008-12-01 to 2008-12-31 no order can be approved"
    assert [one.startswith("for example, order o-1 (buy") for one in said] == [False, True]
    examples = [one.example is not None for one in proof.editions]
    assert examples == [one.approves for one in proof.editions] == [True, False, True]


@pytest.mark.slow
def test_each_edition_of_a_file_must_be_certified() -> None:
    """An amendment that came later is another edition, and it is said from when."""
    amended = sound(
        **{
            TERM: TERM.replace("{", "[{")
            + ', {value: "3,000 shares", from: 2008-12-01, known: 2008-12-01}]'
        }
    )
    problems = [problem.what for problem in uncertified(certificate(), amended)]
    assert problems == [
        "the certificate does not cover the edition in force until 2008-11-30",
        "the certificate does not cover the edition in force from 2008-12-01 on",
        "the certificate lists editions on days on which the file does not have them",
    ]
    whole = proved(amended, time.monotonic_ns, 600_000).certificate(DAY, amended)
    assert list(uncertified(whole, amended)) == []


@pytest.mark.slow
def test_shipped_file_with_packs_is_certified_on_mixed_days_too() -> None:
    """Where law turns with the venue's day, that day's edition is in the certificate."""
    editions = load(rule_path("iij-2008"))
    made = proof_shipped("iij-2008").certificate(DAY, editions)
    assert any(one.venue_day is not None for one in made.editions)
    assert list(uncertified(made, editions)) == []


ALTERED: Final[dict[str, tuple[str, Callable[[dict[str, Any]], object]]]] = {
    "another authorization": (
        "the certificate is of `other`",
        lambda made: made.update(authorization="other"),
    ),
    "another version": (
        f"the certificate is from version 0.0.1 of the package, and this is {__version__}",
        lambda made: made.update(version="0.0.1"),
    ),
    "no claims": (
        (
            "the certificate does not prove `program.amount_after by amount-cap` for the edition in"
            " force on all days"
        ),
        lambda made: made["editions"][0].update(claims=[]),
    ),
    "one claim less": (
        "the certificate does not prove `window` for the edition in force on all days",
        lambda made: made["editions"][0]["claims"].pop(2),
    ),
    "a claim of another figure": (
        (
            "the certificate does not prove `program.shares_after by share-cap` for the edition in"
            " force on all days"
        ),
        lambda made: made["editions"][0]["claims"][1].update(figure="4001"),
    ),
    "a claim more": (
        "the certificate states more than was proved of the edition in force on all days",
        lambda made: made["editions"][0]["claims"].append({"kind": "cap", "sum": "day.blocks"}),
    ),
    "no editions": (
        "the certificate does not cover the edition in force on all days",
        lambda made: made.update(editions=[]),
    ),
    "other days": (
        "the certificate does not cover the edition in force on all days",
        lambda made: made["editions"][0].update(last="2008-12-31"),
    ),
    "an edition twice": (
        "the certificate lists editions on days on which the file does not have them",
        lambda made: made["editions"].append(made["editions"][0]),
    ),
    "another edition": (
        "the certificate does not cover the edition in force on all days",
        lambda made: made["editions"][0].update(edition="f" * 64),
    ),
    "a sum that it leaves unlimited": (
        "the certificate is of a file that leaves other sums without a limit",
        lambda made: made.update(unlimited=["shares"]),
    ),
}


@pytest.mark.parametrize(("said", "alter"), ALTERED.values(), ids=ALTERED)
def test_altered_certificate_certifies_nothing(
    said: str, alter: Callable[[dict[str, Any]], object]
) -> None:
    """Whatever it says less, more or otherwise than the proof is named, for lint and for verify."""
    written = json.loads(certificate_text(certificate()))
    alter(written)
    (problem, *_) = uncertified(_read(written), sound())
    assert problem.what == said
    hashes = [sound().on(date(2008, 11, 14)).hash]
    (refused, missing) = uncovered([_read(written)], [sound()], hashes)
    assert refused == problem
    assert missing.what == f"no certificate covers the edition {hashes[0]}, which evaluated events"


@pytest.mark.slow
def test_certificate_must_name_each_edition_that_judges_ahead() -> None:
    """What judges requests only before it is known otherwise is an edition as any other."""
    amended = sound(
        **{
            TERM: TERM.replace("{", "[{") + ', {value: "3,000 shares", from: 2008-12-10, '
            "known: 2008-12-01}]"
        }
    )
    whole = proved(amended, time.monotonic_ns, 600_000).certificate(DAY, amended)
    assert {one.known is None for one in whole.editions} == {True}
    rest = sound(
        **{
            SHARES: SHARES.replace("require", "until: 2008-12-09, require")
            + "\n  - "
            + SHARES.replace("share-cap", "other-cap").replace(
                "require", "from: 2008-12-10, known: 2008-12-01, require"
            )
        }
    )
    whole = proved(rest, time.monotonic_ns, 600_000).certificate(DAY, rest)
    ahead = [one for one in whole.editions if one.known is not None]
    assert [str(one.known[1]) for one in ahead if one.known] == ["2008-11-30"]
    assert list(uncertified(whole, rest)) == []
    without = msgspec.structs.replace(
        whole, editions=tuple(one for one in whole.editions if one.known is None)
    )
    (problem,) = uncertified(without, rest)
    assert problem.what == (
        "the certificate does not cover the edition in force from 2008-12-10 on,"
        " for requests until 2008-11-30"
    )


def _read(content: object) -> Certificate:
    return msgspec.json.decode(json.dumps(content), type=Certificate)


def test_written_certificate_is_read_back(tmp_path: Path) -> None:
    """The file holds it whole; what is no certificate is refused with what to do."""
    made = certificate()
    path = tmp_path / "acme.proof.json"
    path.write_text(certificate_text(made))
    assert read_certificate(path) == made
    more = json.loads(certificate_text(made))
    more["editions"][0]["claims"][0]["note"] = "as good as proved"
    less = json.loads(certificate_text(made)) | {"assumptions": []}
    old = certificate_text(made).replace('"format": "3"', '"format": "1"')
    for text in ("", "{}", old, OLD, json.dumps(more), json.dumps(less)):
        path.write_text(text)
        with pytest.raises(InputError, match="not a certificate of this version"):
            read_certificate(path)
    with pytest.raises(UsageError):
        read_certificate(tmp_path / "nothing.json")


def test_editions_of_records_are_looked_up() -> None:
    """What events were judged by and nobody certified is named."""
    made = certificate()
    (one,) = made.editions
    (problem,) = uncovered([made], [sound()], [one.edition, "f" * 64])
    assert problem.what == f"no certificate covers the edition {'f' * 64}, which evaluated events"
    assert list(uncovered([made], [sound()], [one.edition])) == []


# -- the commands ---------------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "acme.yaml").write_text(SOUND)
    (tmp_path / "other.yaml").write_text(SOUND.replace("4,000 shares", "3,000 shares"))
    ended = run("prove", "acme.yaml", "--certificate", "acme.proof.json", cwd=tmp_path)
    assert ended.code == 0
    return tmp_path


@pytest.mark.slow
def test_lint_holds_a_file_to_its_certificate(folder: Path) -> None:
    """The file that was proved is sound, and one that was edited since is not."""
    call = ("--certificate", "acme.proof.json")
    assert run("lint", "acme.yaml", *call, cwd=folder).code == 0
    ended = run("lint", "other.yaml", *call, cwd=folder)
    assert (ended.code, "the certificate does not cover the edition in force" in ended.err) == (
        1,
        True,
    )
    both = run("lint", "acme.yaml", "other.yaml", *call, cwd=folder)
    assert (both.code, "a certificate is for one rule file" in both.err) == (2, True)
    none = run("lint", "acme.yaml", "--certificate", "acme.yaml", cwd=folder)
    assert (none.code, "this is not a certificate of this version" in none.err) == (2, True)


@pytest.mark.slow
def test_adoption_and_audit_hold_a_program_to_its_certificate(folder: Path) -> None:
    """What is not certified is not adopted, and events judged by it are found."""
    journal = ("--journal", "acme.db")
    begin = ("submit", "-", *journal, "--rules", "acme.yaml", "--one-person")
    begun = run(*begin, cwd=folder, stdin=json.dumps(ORDER) + "\n")
    assert begun.code == 0
    call = ("--certificate", "acme.proof.json")
    ended = run("verify", *journal, *call, cwd=folder)
    assert (
        ended.code,
        "the certificates claim to cover every edition that evaluated an event" in ended.err,
    ) == (0, True)
    adoption = ("adopt", "other.yaml", *journal, "--by", "Abe", "--reason", "fewer")
    refused = run(*adoption, *call, cwd=folder)
    assert (refused.code, "the certificate does not cover the edition in force" in refused.err) == (
        2,
        True,
    )
    assert len(run("show", "--adoptions", *journal, "--json", cwd=folder).json) == 1
    assert run(*adoption, "--seconds", "0.001", cwd=folder).code == 0
    later = json.dumps({**ORDER, "id": "o-2"}) + "\n"
    assert run("submit", "-", *journal, cwd=folder, stdin=later).code == 0
    ended = run("verify", *journal, *call, cwd=folder)
    assert (ended.code, "no certificate covers the edition" in ended.err) == (1, True)
    assert run("prove", "other.yaml", "--certificate", "other.json", cwd=folder).code == 0
    assert run("verify", *journal, *call, "--certificate", "other.json", cwd=folder).code == 0


@pytest.mark.slow
def test_signed_certificate_certifies_and_an_unsigned_one_claims(folder: Path) -> None:
    """Each command says which it is; another key, a changed word or no signature is found."""
    for name in ("key", "other"):
        assert run("checkpoint", "--new-key", name, cwd=folder).code == 0
    signing = ("prove", "acme.yaml", "--certificate", "signed.json", "--key", "key")
    made = run(*signing, cwd=folder)
    assert (made.code, "signed.json: signed certificate written" in made.err) == (0, True)
    journal = ("--journal", "acme.db")
    begin = ("submit", "-", *journal, "--rules", "acme.yaml", "--one-person")
    assert run(*begin, cwd=folder, stdin=json.dumps(ORDER) + "\n").code == 0
    adoption = ("adopt", "acme.yaml", *journal, "--dry-run")
    (folder / "acme.yaml").write_text(SOUND + "\n")
    for given, word in (
        (("acme.proof.json",), "claims to certify"),
        (("signed.json", "--public-key", "key.pub"), "certifies"),
    ):
        said = run("lint", "acme.yaml", "--certificate", *given, cwd=folder)
        assert (said.code, f"{word} this rule file" in said.err) == (0, True)
        said = run(*adoption, "--certificate", *given, cwd=folder)
        assert (said.code, f"{word} this rule file" in said.err) == (0, True)
    said = run(
        "verify", *journal, "--certificate", "signed.json", "--public-key", "key.pub", cwd=folder
    )
    assert (said.code, "the certificates cover every edition" in said.err) == (0, True)
    changed = (folder / "signed.json").read_text().replace("z3 ", "z4 ")
    (folder / "changed.json").write_text(changed)
    for file, key in (
        ("acme.proof.json", "key"),
        ("signed.json", "other"),
        ("changed.json", "key"),
    ):
        call = ("--certificate", file, "--public-key", f"{key}.pub")
        ended = run("lint", "acme.yaml", *call, cwd=folder)
        assert (ended.code, "signed" in ended.err) == (2, True), file
    alone = run("lint", "acme.yaml", "--public-key", "key.pub", cwd=folder)
    assert (alone.code, "--certificate is missing" in alone.err) == (2, True)
    alone = run("prove", "acme.yaml", "--key", "key", cwd=folder)
    assert (alone.code, "--certificate is missing" in alone.err) == (2, True)


@pytest.mark.slow
def test_nothing_is_certified_that_is_not_proved(folder: Path) -> None:
    """No file is written, and it is said why."""
    (folder / "broken.yaml").write_text(text_of(BROKEN["a missing cap on money"][1]))
    ended = run("prove", "broken.yaml", "--certificate", "broken.proof.json", cwd=folder)
    assert (ended.code, "no certificate was written" in ended.err) == (2, True)
    assert not (folder / "broken.proof.json").exists()
    over = run("prove", "acme.yaml", "--certificate", "acme.yaml", cwd=folder)
    assert (over.code, "the proofs would overwrite this file" in over.err) == (2, True)
    full = run("prove", "acme.yaml", "--certificate", "/dev/full", cwd=folder)
    assert (full.code, "the certificate cannot be written" in full.err) == (2, True)
