"""What loosens takes two persons: no one alone lifts a halt or puts a looser rule file in force."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import pytest
from msgspec.structs import replace

from desk_events import OTHER_RULES, PROGRAM, RULES, about, clock, order, other_rules, rules
from repurchase.audit.transfer import export
from repurchase.audit.verify import verify
from repurchase.domain.errors import Tampering, UsageError
from repurchase.evaluation.step import Decided
from repurchase.journal.book import stored_book
from repurchase.journal.desk import Desk
from repurchase.journal.queries import adoption, adoptions, proposed
from repurchase.journal.records import Adoption, Record, read_record, sealed
from repurchase.journal.rule_texts import rule_text
from repurchase.journal.store import Journal
from test_cli import run

LOOSE: Final = RULES.replace("40 shares", "400 shares")
TIGHT: Final = RULES.replace("40 shares", "20 shares")
OVERRUN: Final = {
    "symbol": "9999",
    "side": "buy",
    "quantity": 1,
    "price": 10,
    "fees": 0,
}


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    """Return a new journal."""
    with Journal(str(tmp_path / "desk.db"), create=True) as opened:
        yield opened


@pytest.fixture
def desk(journal: Journal) -> Desk:
    """Return the desk of a program of two persons, which a fill without an order has halted."""
    found = Desk(journal, PROGRAM, clock(), rules(), "ann")
    found.submit(about("fill", "f1", **OVERRUN))
    return found


def findings(decided: Decided) -> list[str]:
    """Return the outcome and the rules that fail."""
    return [decided.decision.outcome, *(one.rule for one in decided.decision.findings)]


def resumed(desk: Desk, name: str = "r1", **fields: object) -> Decided:
    """Return what comes of a resume by bob."""
    return desk.submit(about("resume", name, **fields))


def confirmed(desk: Desk, by: str, of: str = "r1") -> Decided:
    """Return what comes of a confirmation by a person."""
    return desk.submit(about("confirm", f"{of} by {by}", of=of, by=by))


def test_resume_waits_for_another_person(desk: Desk) -> None:
    """The halt stays until a person confirms who did not propose, in whatever spelling."""
    assert (resumed(desk).decision.pending, desk.refresh().position.halted_by) == (True, ("f1",))
    assert findings(confirmed(desk, " BOB ")) == ["denied", "engine.same-person"]
    assert findings(confirmed(desk, "bоb")) == ["refused", "engine.lookalike"]  # noqa: RUF001
    assert desk.submit(order("o1")).decision.outcome == "denied"
    answer = confirmed(desk, "cid")
    assert (answer.decision.outcome, answer.decision.halted_by) == ("recorded", ())
    assert desk.submit(order("o2")).decision.outcome == "approved"
    assert findings(confirmed(desk, "dora")) == ["denied", "engine.unknown-proposal"]


@pytest.mark.parametrize("kind", ["open", "held", "asked"])
def test_who_has_an_order_confirms_nothing(journal: Journal, kind: str) -> None:
    """An open order, a held one and a replace that waits are reasons to want a halt lifted."""
    desk = Desk(journal, PROGRAM, clock(), rules(), "ann")
    by = "ann" if kind == "asked" else "cid"
    desk.submit(order("o1", method="block" if kind == "held" else "auction", by=by))
    if kind == "asked":
        desk.submit(about("replace", "more", order="o1", quantity=2, reason=None, by="cid"))
    desk.submit(about("halt", "h1"))
    resumed(desk)
    assert findings(confirmed(desk, "Cid")) == ["denied", "engine.has-orders"]
    desk.submit(about("cancel", "c1", order="o1"))
    assert findings(confirmed(desk, "CID")) == ["recorded"]


def test_halt_after_a_proposal_withdraws_it(desk: Desk) -> None:
    """Who presses stop again has not seen the proposal: it lifts nothing any more."""
    halt = about("halt", "stop")
    desk.submit(halt)
    resumed(desk, causes=("f1", "stop"))
    assert not desk.submit(halt).repeated
    assert findings(confirmed(desk, "cid")) == ["denied", "engine.unknown-proposal"]
    assert desk.refresh().position.halted_by == ("f1", "stop")
    assert desk.submit(halt).repeated


def test_cause_that_came_after_the_proposal_still_halts(desk: Desk) -> None:
    """A confirmation lifts what the proposal named, and nothing that nobody has looked at."""
    resumed(desk)
    desk.submit(about("fill", "f2", **OVERRUN))
    assert confirmed(desk, "cid").decision.halted_by == ("f2",)


@pytest.mark.parametrize("text", [LOOSE, OTHER_RULES, TIGHT])
def test_adoption_waits_unless_it_is_proven_no_looser(journal: Journal, text: str) -> None:
    """Without a proof the file before stays in force until another person confirms."""
    desk = Desk(journal, PROGRAM, clock(), rules(), "ann")
    desk.submit(order("o1"))
    new = rule_text(text.encode(), "new.yaml")
    taken = desk.adopt(new, "ann", "the board said so")
    assert (taken.pending, desk.refresh().rules) == ("adoption-3", rules().rules)
    assert findings(confirmed(desk, "ann", "adoption-3"))[0] == "denied"
    assert findings(confirmed(desk, "bob", "adoption-3")) == ["recorded"]
    assert desk.refresh().rules == new.rules
    assert desk.adopt(rules(), "bob", "back", no_looser_than=new.rules).pending is None
    assert stored_book(journal, PROGRAM).rules == rules().rules
    verify(journal, PROGRAM)


def test_proof_against_another_file_proves_nothing(journal: Journal) -> None:
    """A file that was compared with one that is not in force any more waits."""
    desk = Desk(journal, PROGRAM, clock(), rules(), "ann")
    desk.submit(order("o1"))
    taken = desk.adopt(other_rules(), "ann", "x", no_looser_than=other_rules().rules)
    assert taken.pending is not None


def test_adoption_in_force_withdraws_those_that_wait(journal: Journal) -> None:
    """They were compared with another file than the one they would follow."""
    desk = Desk(journal, PROGRAM, clock(), rules(), "ann")
    desk.submit(order("o1"))
    waiting = desk.adopt(rule_text(LOOSE.encode(), "l.yaml"), "ann", "x").pending
    other = desk.adopt(rule_text(LOOSE.encode() + b"# again", "l.yaml"), "ann", "x").pending
    tight = rule_text(TIGHT.encode(), "t.yaml")
    taken = desk.adopt(tight, "ann", "x", no_looser_than=rules().rules)
    assert adoption(taken.before, taken.after, datetime.now(UTC)).lapsed == (waiting, other)
    assert findings(confirmed(desk, "bob", waiting or ""))[1:] == ["engine.unknown-proposal"]
    standings = [one.standing for one in adoptions(journal, PROGRAM)]
    assert standings == ["replaced", "lapsed", "lapsed", "in force"]


def test_confirmed_adoption_lapses_the_others_and_not_itself(journal: Journal) -> None:
    """Whoever confirms is told which other proposals no longer wait."""
    desk = Desk(journal, PROGRAM, clock(), rules(), "ann")
    desk.submit(about("halt", "h1"))
    first, second = (
        desk.adopt(rule_text(text.encode(), "l.yaml"), "ann", "x").pending or ""
        for text in (LOOSE, LOOSE + "# again\n")
    )
    resumed(desk)
    before = desk.refresh()
    assert confirmed(desk, "cid", first).decision.outcome == "recorded"
    assert adoption(before, desk.refresh(), datetime.now(UTC)).lapsed == (second,)
    # A resume is about another thing, and still waits.
    assert set(desk.refresh().position.proposals) == {"r1"}
    standings = [one.standing for one in adoptions(journal, PROGRAM)]
    assert standings == ["replaced", "confirmed", "lapsed", "in force"]


def test_proposed_rule_file_can_be_read(journal: Journal) -> None:
    """Who is to confirm it sees what it changes, and its text; a resume proposes no file."""
    desk = Desk(journal, PROGRAM, clock(), rules(), "ann")
    desk.submit(about("halt", "h1"))
    name = desk.adopt(rule_text(LOOSE.encode(), "l.yaml"), "ann", "why").pending or ""
    found = proposed(journal, PROGRAM, name)
    assert found is not None
    assert (found.text, found.adoption.standing) == (LOOSE, "waits")
    assert [one.name for one in found.changed] == ["terms.max_shares"]
    resumed(desk)
    assert proposed(journal, PROGRAM, "r1") is None
    shown = run("show", name, "--journal", journal.url)
    assert (shown.code, "proposed by ann: waits" in shown.out) == (0, True)
    assert run("show", name, "--journal", journal.url, "--json").json["text"] == LOOSE
    assert f"see `repurchase show {name}`" in run("position", "--journal", journal.url).out


def test_one_person_says_so_in_each_answer(tmp_path: Path) -> None:
    """A program that has only one person resumes and adopts at once, and never hides it."""
    with Journal(str(tmp_path / "one.db"), create=True) as journal:
        desk = Desk(journal, PROGRAM, clock(), rules(), "ann", one_person=True)
        assert desk.submit(about("halt", "h1")).one_person
        assert resumed(desk).decision.halted_by == ()
        assert desk.adopt(rule_text(LOOSE.encode(), "l.yaml"), "bob", "x").pending is None
        again = Desk(journal, PROGRAM, clock())
        assert again.submit(order("o1")).one_person
        assert again.submit(order("o1")).one_person


def test_names_that_look_alike_are_not_taken(desk: Desk) -> None:
    """A request under a name that only looks like one recorded leaves no record."""
    before = desk.refresh()
    refused = desk.submit(order("o1", by="аnn"))  # noqa: RUF001
    assert findings(refused) == ["refused", "engine.lookalike"]
    assert desk.refresh() == before
    assert desk.submit(about("halt", "h1", by="аnn")).decision.outcome == "recorded"  # noqa: RUF001
    with pytest.raises(UsageError, match="looks like `ann`"):
        desk.adopt(other_rules(), "аnn", "x")  # noqa: RUF001


def appended(journal: Journal, adoption: Adoption) -> None:
    """Add the record of *adoption* to the chain, as a forger would who can write the file."""
    head = journal.head(PROGRAM)
    record = Record(head.sequence + 1, head.hash, clock()(), "0", adoption=adoption)
    with journal.writing(PROGRAM) as writer:
        writer.append([sealed(record)])


@pytest.mark.usefixtures("desk")
def test_forged_adoption_by_one_person_is_found(journal: Journal) -> None:
    """Opening and verifying both find a rule file that nobody confirmed."""
    looser = rule_text(LOOSE.encode(), "l.yaml")
    with journal.writing(PROGRAM) as writer:
        writer.keep_text(looser.rules.file, LOOSE.encode())
    adoption = Adoption(PROGRAM, looser.rules, "ann", "x")
    appended(journal, adoption)
    for read in (stored_book, verify):
        with pytest.raises(Tampering, match="one person alone adopts"):
            read(journal, PROGRAM)


@pytest.mark.parametrize("of", ["adoption-9", "adoption-3"])
def test_forged_confirmation_is_found(desk: Desk, journal: Journal, of: str) -> None:
    """An adoption needs the confirmation of its own proposal, and each confirmed one follows."""
    pending = desk.adopt(other_rules(), "bob", "x").pending
    adoption = Adoption(PROGRAM, other_rules().rules, "bob", "x", of=of)
    appended(journal, adoption)
    assert pending == "adoption-3"
    with pytest.raises(Tampering, match="no second person confirmed"):
        stored_book(journal, PROGRAM)


@pytest.mark.slow
def test_claimed_proof_is_proved_again(tmp_path: Path) -> None:
    """Whoever judges the records again does not believe that a file was proven to be no looser."""
    url = str(tmp_path / "desk.db")
    with Journal(url, create=True) as journal:
        desk = Desk(journal, PROGRAM, clock(), rules(), "ann")
        desk.submit(order("o1"))
        desk.adopt(rule_text(LOOSE.encode(), "l.yaml"), "ann", "x", no_looser_than=rules().rules)
        _, lines = export(journal, PROGRAM)
        exported = tmp_path / "desk.jsonl"
        exported.write_text("".join(f"{line}\n" for line in lines))
        found = verify(journal, PROGRAM).remarks
    doubt = "one person alone adopts a rule file, and it was not proved again that it is no looser"
    assert found == (f"record 3: {doubt}",)
    copy = str(tmp_path / "copy.db")
    for command in (
        ("verify", "--journal", url),
        ("export", "--journal", url),
        ("import", exported, "--journal", copy),
    ):
        ended = run(*command)
        assert ended.code == 1, command
        assert "record 3: one person alone adopts a rule file that is looser" in ended.err
    assert not Path(copy).exists()


@pytest.mark.slow
def test_adopt_proposes_what_is_looser_and_adopts_what_is_tighter(tmp_path: Path) -> None:
    """The command compares the files itself, and says who must confirm what."""
    files = {name: tmp_path / f"{name}.yaml" for name in ("base", "loose", "tight")}
    for name, text in (("base", RULES), ("loose", LOOSE), ("tight", TIGHT)):
        files[name].write_text(text)
    events = tmp_path / "events.jsonl"
    events.write_text(
        '{"kind": "order", "id": "o1", "date": "2008-11-17", "symbol": "9999", "side": "buy",'
        ' "quantity": 1, "price": 10, "fees": 0, "method": "auction", "by": "ann"}\n'
    )
    url = str(tmp_path / "desk.db")
    run("submit", events, "--journal", url, "--rules", files["base"], "--by", "ann")
    signed = ("--journal", url, "--by", "ann", "--reason", "x", "--json")
    loose = run("adopt", files["loose"], *signed)
    told = json.loads(loose.out)
    assert (loose.code, told["adopted"], told["pending"], told["verdict"]) == (
        0,
        False,
        True,
        "looser",
    )
    alone = run("confirm", told["id"], "--journal", url, "--by", "Ann")
    assert (alone.code, "same person" in alone.out) == (1, True)
    tight = json.loads(run("adopt", files["tight"], *signed).out)
    assert (tight["adopted"], tight["verdict"]) == (True, "tighter")
    assert tight["lapsed"] == [told["id"]]
    assert run("verify", "--journal", url).code == 0


def test_confirmation_of_an_adoption_survives_export(desk: Desk, journal: Journal) -> None:
    """The record after a confirmation adopts, and nothing stands between the two."""
    pending = desk.adopt(other_rules(), "bob", "x").pending or ""
    answers = desk.answer([about("confirm", "y", of=pending, by="cid"), order("o9")])
    assert [one.decision.outcome for one in answers] == ["recorded", "denied"]
    records = list(journal.records(PROGRAM))
    assert records[-2].key is None
    assert verify(journal, PROGRAM).records == len(records)
    again = desk.submit(replace(about("confirm", "y", of=pending, by="cid")))
    assert again.repeated


def test_stop_amid_fills_and_cancels_misses_no_open_order(tmp_path: Path) -> None:
    """Whatever other threads send meanwhile, the list of a stop is what is open at its record."""
    names = [f"o{number}" for number in range(24)]
    with Journal(str(tmp_path / "desk.db"), create=True) as journal:
        desk = Desk(journal, PROGRAM, clock(), rules(), "ann")
        desk.answer([order(name) for name in names])

        def busy(offset: int) -> None:
            for name in names[offset::3]:
                fill = about("fill", f"f-{name}", order=name, quantity=1, price=10, fees=0)
                desk.submit(fill if offset else about("cancel", f"c-{name}", order=name))

        with ThreadPoolExecutor(4) as pool:
            others = [pool.submit(busy, offset) for offset in range(3)]
            stop = pool.submit(desk.submit, about("halt", "stop")).result()
            for other in others:
                other.result()
        until = [read_record(one.body) for one in journal.records(PROGRAM)]
    (at,) = [number for number, one in enumerate(until) if one.event and one.event["id"] == "stop"]
    told = [one.event for one in until[:at] if one.event is not None]
    ended = {one["order"] for one in told if one["kind"] in ("fill", "cancel")}
    assert stop.to_cancel == tuple(sorted(set(names) - ended))
