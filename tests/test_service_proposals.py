"""Rules change without a restart: what is weighed, proposed, confirmed, and watched meanwhile."""

from __future__ import annotations

import json
import os
import re
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import pytest

from desk_events import RULES
from repurchase.journal.records import Rules
from repurchase.report.problems import Trouble
from repurchase.service.logged import Log
from repurchase.service.process import Process
from repurchase.service.questions import Prove
from services import ROOMY, Service, order, serving
from stores import Store
from test_cli import run

PLACE: Final = "/v1/rules/acme-2008/proposals"
TIGHT: Final = RULES.replace("value: 40 shares", "value: 10 shares")
SMALL: Final = RULES.replace(
    "rules:\n", "rules:\n  - {id: small, at: order, require: trade.shares <= 3 shares}\n"
)
PACK: Final = """\
repurchase: 1
pack: house
title: rules of the house
rules:
  - {id: round, at: order, require: trade.shares <= 100 shares}
"""
CASES: Final = """\
cases:
  - name: four shares are approved
    event: {kind: order, id: c, date: 2008-11-17, symbol: "9999", venue: XTKS, side: buy,
      quantity: 4, price: 10, fees: 0, broker: north, method: auction}
    expect: approved
"""


@pytest.fixture
def service(tmp_path: Path, sqlite: Store) -> Iterator[Service]:
    """Give a service of a program that has an order of eight shares open."""
    with serving(tmp_path, sqlite.url, rules=RULES) as running:
        running.submit(**order("o-8", 8))
        yield running


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """Give a service to which only such drafts are sent as it does not take."""
    folder = tmp_path_factory.mktemp("drafts")
    with serving(folder, str(folder / "journal.db"), rules=ROOMY) as running:
        running.submit(**order("o-1"))
        yield running


def propose(service: Service, text: str, role: str = "compliance", **more: Any) -> Any:
    """Send the rule file *text*, and return what is answered."""
    found = service.call("POST", PLACE, role, {"text": text, **more})
    assert found.status_code == 200, found.text
    return found.json()


def confirm(service: Service, of: str, by: str = "compliance", name: str = "c-1") -> Any:
    """Confirm the proposal *of*, and return the decision on it."""
    return service.submit(by, kind="confirm", id=name, date="2008-11-17", of=of, reason="read")


def second(service: Service) -> str:
    """Give another person of the compliance department a key, and return her name as a role."""
    made = run("token", "new", "--keys", str(service.keys), "--by", "dora", "--role", "compliance")
    service.tokens["second"] = made.out.strip()
    return "second"


def test_draft_is_weighed_and_nothing_is_recorded(service: Service) -> None:
    """Without a reason it is only looked at: by lint, cases, prover, desk and what-if."""
    text = SMALL.replace("40 shares", "6 shares").replace("60 shares", "7 shares")
    found = propose(service, text, cases=CASES)
    assert (found["adopted"], found["pending"]) == (False, None)
    weighing = found["weighing"]
    assert [one["name"] for one in weighing["cases"]] == ["four shares are approved"]
    assert "denied" in weighing["cases"][0]["wrong"]
    assert weighing["proof"]["proved"] is True
    assert weighing["diff"]["verdict"] == "tighter"
    assert weighing["adoption"]["use_fits"] is False
    what_if = weighing["what_if"]
    assert [one["id"] for one in what_if["changed"]] == ["o-8"]
    assert (what_if["after"], what_if["until"], what_if["is_end"]) == (1, 2, True)
    assert service.get("/v1/program")["records"] == 2
    assert service.get(PLACE) == []


def test_second_person_confirms_what_is_looser(service: Service) -> None:
    """The proposal waits; its author cannot confirm it; then it is in force, by record."""
    pending = propose(service, ROOMY, reason="the board's resolution of 12-01")["pending"]
    assert service.submit(**order("o-40", 40))["outcome"] == "denied"
    assert confirm(service, pending)["outcome"] == "denied"
    assert confirm(service, pending, second(service), "c-2")["outcome"] == "recorded"
    assert service.submit(**order("o-41", 40))["outcome"] == "approved"
    found = service.get(f"{PLACE}/{pending}")
    assert (found["proposal"]["standing"], found["shadow"]) == ("confirmed", None)
    last = service.get("/v1/adoptions")[-1]
    assert (last["of"], last["by"], last["confirmed_by"]) == (pending, "carl", "dora")
    assert run("verify", "--journal", service.journal).code == 0


def test_what_is_proven_no_looser_is_in_force_at_once_unless_it_waits(service: Service) -> None:
    """Whoever wants to watch it first says so."""
    pending = propose(service, TIGHT, reason="less", seconds=1, wait=True)["pending"]
    assert service.submit(**order("o-4", 4))["outcome"] == "approved"
    found = propose(service, TIGHT, reason="less")
    assert (found["adopted"], found["pending"]) == (True, None)
    assert service.submit(**order("o-5", 1))["outcome"] == "denied"
    assert service.get(f"{PLACE}/{pending}")["proposal"]["standing"] == "lapsed"


def test_shadow_tells_its_flips_and_changes_no_answer(service: Service) -> None:
    """Each event since the proposal is decided by both, from two positions."""
    pending = propose(service, TIGHT, reason="less", seconds=1, wait=True)["pending"]
    for size in (4, 1):
        assert service.submit(**order(f"o-{size}", size))["outcome"] == "approved"
    found = service.get(f"{PLACE}/{pending}", "auditor")["shadow"]
    flips = [(one["record"], one["id"], one["direct"]) for one in found["changed"]]
    assert flips == [(4, "o-4", True)]
    service.submit("operations", kind="cancel", id="x", date="2008-11-17", order="o-8")
    assert service.submit(**order("o-9", 9))["outcome"] == "approved"
    found = service.get(f"{PLACE}/{pending}", "auditor")["shadow"]
    assert [one["id"] for one in found["changed"]] == ["o-4"]
    assert (found["until"], found["is_end"], found["changes"]["events"]) == (7, True, 4)


def test_answers_are_the_same_byte_for_byte_with_a_shadow(tmp_path: Path) -> None:
    """Two services get the same events and proposal; one of them is asked about its shadow."""
    answers = []
    for name in ("watched", "alone"):
        folder = tmp_path / name
        folder.mkdir()
        with serving(folder, str(folder / "journal.db"), rules=RULES) as service:
            service.submit(**order("o-8", 8))
            pending = propose(service, TIGHT, reason="less", wait=True, seconds=1)["pending"]
            found = []
            for number in range(24):
                if name == "watched":
                    service.get(f"{PLACE}/{pending}")
                sent = order(f"o-{number}x", 1 + number % 4)
                found.append(service.call("POST", "/v1/events", "trader", sent).content)
            answers.append(found)
    # Each record has a salt of its own, and so another hash.
    bare = [[re.sub(rb'"hash":"[0-9a-f]{64}"', b"", one) for one in found] for found in answers]
    assert bare[0] == bare[1]
    assert answers[0] != answers[1]


def test_flips_are_those_of_what_if_over_the_same_events(service: Service) -> None:
    """The history of the journal, as a log, has the same changes of outcome."""
    events = [order("o-8", 8)]
    for number in range(12):
        events.append(order(f"o-{number}a", 1 + number % 5))
        if number % 3:
            ended = {"date": "2008-11-17", "order": events[-1]["id"]}
            events.append({"kind": "cancel", "id": f"x-{number}", **ended})
    for one in events[1:]:
        service.submit("trader" if one["kind"] == "order" else "operations", **one)
    text = SMALL.replace("value: 40 shares", "value: 16 shares")
    found = propose(service, text, seconds=2)["weighing"]["what_if"]
    folder = service.keys.parent
    log, new, old, flips = (folder / name for name in ("l.jsonl", "n.yaml", "o.yaml", "f.jsonl"))
    log.write_text("".join(json.dumps({**one, "by": "ann"}) + "\n" for one in events))
    new.write_text(text)
    old.write_text(RULES)
    command = ("what-if", str(log), "--rules", str(new), "--against", str(old), "--json")
    told = run(*command, "--changes", str(flips))
    changes = json.loads(told.out)
    names = ("events", "edited", "changed", "direct", "knock_on", "by_direction", "other_findings")
    assert {one: changes[one] for one in names} == {one: found["changes"][one] for one in names}
    assert changes["direct"] > 0 < changes["knock_on"]
    listed = [json.loads(line) for line in flips.read_text().splitlines()]
    # The first record adopts the rule file: the event of line 1 is record 2.
    moved = [{**one, "line": None, "record": one["line"] + 1} for one in listed]
    assert moved == found["changed"]


@pytest.mark.parametrize(
    ("body", "status", "what"),
    [
        ({"text": ROOMY + "\n x:"}, 422, "YAML"),
        ({"text": ROOMY.replace("trade.side == buy", "trade.sid == buy")}, 422, "trade.sid"),
        ({"text": ROOMY.replace("rules:\n", "include: [./house]\nrules:\n")}, 422, "not given"),
        ({"text": SMALL, "cases": "cases: 3"}, 422, "cases"),
        ({"text": ROOMY}, 409, "already in force"),
        ({"text": SMALL.replace("acme-2008", "acme-2009")}, 409, "acme-2009"),
        ({"text": SMALL.replace("with_fees", "contract")}, 409, "amount_basis"),
        ({"text": SMALL, "seconds": 0}, 400, "0 seconds"),
        ({"text": SMALL, "second": 1}, 400, "second"),
        ({"txt": SMALL}, 400, "txt"),
        ({"text": SMALL, "reason": ""}, 400, "reason"),
        ({"text": SMALL, "reason": "more", "by": "dora"}, 403, "key belongs"),
        (b'{"text": "a", "text": "b"}', 400, "twice"),
        (b'{"text": "a", "packs": {"./x": "1", "./x": "2"}}', 400, "twice"),
        (b'{"text": "\\ud800"}', 400, "cannot be read"),
        (b'{"text": "\xff"}', 400, "cannot be read"),
        (b"[" * 9_999, 400, "cannot be read"),
        (b"", 400, "cannot be read"),
    ],
)
def test_what_is_wrong_with_a_draft_is_said(
    shared: Service, body: object, status: int, what: str
) -> None:
    """The place in the text, or the field of the body; and nothing is recorded."""
    found = shared.call("POST", PLACE, "compliance", body)
    assert (found.status_code, what in found.text) == (status, True), found.text
    if status == 422:
        assert found.json()["errors"][0]["line"] >= 1
        assert found.json()["errors"][0]["file"].startswith("acme-2008")
    assert shared.get("/v1/program")["records"] == 2


def test_own_pack_comes_with_the_draft(service: Service) -> None:
    """It is read from the body alone, kept in the journal, and in force with the file."""
    text = RULES.replace("rules:\n", "include: [./house]\nrules:\n")
    draft: dict[str, Any] = {
        "packs": {"./house": PACK},
        "reason": "the house's own",
        "seconds": 1,
        "wait": True,
    }
    confirm(service, propose(service, text, **draft)["pending"], second(service))
    assert list(service.get("/v1/rules")["packs"]) == ["./house"]
    assert run("verify", "--journal", service.journal).code == 0


def test_end_of_the_process_that_weighs_reaches_only_the_one_who_asks(service: Service) -> None:
    """Live answers go on; the next question starts another process, with the same shadow."""
    pending = propose(service, TIGHT, reason="less", seconds=1, wait=True)["pending"]
    service.submit(**order("o-4", 4))
    before = service.get(f"{PLACE}/{pending}")
    for child in children(service.process.pid):
        os.kill(child, signal.SIGKILL)
    assert service.submit(**order("o-1"))["outcome"] == "approved"
    found = service.call("GET", f"{PLACE}/{pending}")
    assert (found.status_code, found.json()["code"]) == (500, "fault")
    after = service.get(f"{PLACE}/{pending}")
    assert after["shadow"]["changed"] == before["shadow"]["changed"]
    assert after["shadow"]["until"] == before["shadow"]["until"] + 1
    assert service.stop() == 0
    assert children(service.process.pid) == []


def test_journal_that_cannot_be_opened_is_told_and_tried_again(
    service: Service, tmp_path: Path
) -> None:
    """The process stays, and answers the next question once the journal is there."""
    place = tmp_path / "later.db"
    place.write_text("this is no database " * 400)
    with closing(Log(lambda: datetime.now(UTC))) as log:
        process = Process(str(place), (), log)
        rules = Rules(service.get("/v1/rules")["rule_file"])
        with pytest.raises(Trouble) as told:
            process.proved(Prove(rules))
        assert (told.value.code, told.value.again) == ("journal", 1)
        assert service.stop() == 0
        Path(service.journal).rename(place)
        assert process.proved(Prove(rules)) == "proved"
        process.close()
        with pytest.raises(Trouble) as told:
            process.proved(Prove(rules))
        assert (told.value.code, told.value.again) == ("busy", 1)
        assert "weighing" not in " ".join(map(command_of, children(os.getpid())))


def command_of(process: int) -> str:
    return Path(f"/proc/{process}/cmdline").read_text(encoding="utf-8").replace("\0", " ")


def children(parent: int) -> list[int]:
    """Return the processes that *parent* has started and that still run."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            state, of = (folder / "stat").read_text().rpartition(")")[2].split()[:2]
        except OSError:
            continue
        if int(of) == parent and state != "Z":
            found.append(int(folder.name))
    return found


def test_faulty_rule_file_takes_nothing_down(tmp_path: Path, sqlite: Store) -> None:
    """What could be read last counts; the fault is shown; a program that is new can begin."""
    folder = tmp_path / "rules"
    folder.mkdir()
    file, other = folder / "acme-2008.yaml", folder / "other.yaml"
    file.write_text(RULES)
    with serving(tmp_path, sqlite.url, rules=("--rules", str(folder))) as service:
        file.write_text(RULES + "\n x:")
        other.write_text("authorization: [")
        ready = service.get("/readyz", "auditor")
        assert ready["ready"] is True
        assert [(one["file"], one["is_in_use"]) for one in ready["rule_files"]] == [
            ("acme-2008.yaml", True),
            ("other.yaml", False),
        ]
        metrics = service.call("GET", "/metrics", "auditor").text
        assert "repurchase_rule_files_with_faults 2" in metrics
        assert service.submit(**order("o-1"))["outcome"] == "approved"
        file.write_text(RULES)
        other.write_text(RULES.replace("acme-2008", "acme-2009"))
        # What was found within the last second still counts.
        while service.get("/readyz", "auditor")["rule_files"]:
            pass
        begun = service.submit(**order("o-1"), authorization="acme-2009")
        assert begun["outcome"] == "approved"


@pytest.mark.slow
def test_readiness_says_whether_the_rules_in_force_are_proved(service: Service) -> None:
    """The proof takes its time in another process; it is asked for once."""
    found = service.get("/readyz", "auditor")["rules"]
    while found[0]["proof"] == "not proved yet":
        found = service.get("/readyz", "auditor")["rules"]
    assert [(one["program"], one["proof"]) for one in found] == [("acme-2008", "proved")]
    # A file without a cap is not.
    uncapped = RULES.replace(
        "  - {id: share-cap, require: program.shares_after <= terms.max_shares}\n", ""
    )
    pending = propose(service, uncapped, reason="none")["pending"]
    confirm(service, pending, second(service))
    found = service.get("/readyz", "auditor")["rules"]
    while found[0]["proof"] == "not proved yet":
        found = service.get("/readyz", "auditor")["rules"]
    assert found[0]["proof"] == "not proved"


@pytest.mark.slow
def test_rules_change_under_load(tmp_path: Path, sqlite: Store) -> None:
    """Each decision is of one edition: of the one in force at its record, as `verify` finds."""
    with serving(tmp_path, sqlite.url, rules=ROOMY) as service:
        judge = second(service)

        def send(part: int) -> None:
            for number in range(30):
                service.submit(**order(f"o-{part}-{number}"))

        with ThreadPoolExecutor(8) as pool:
            sending = [pool.submit(send, part) for part in range(8)]
            for number, text in enumerate((TIGHT, ROOMY, SMALL, ROOMY)):
                pending = propose(service, text, reason="a change", seconds=1, wait=True)["pending"]
                confirm(service, pending, judge, f"c-{number}")
                broken = service.call("POST", PLACE, "compliance", {"text": text + "\n x:"})
                assert broken.status_code == 422
            for one in sending:
                one.result()
        assert service.stop() == 0
    assert run("verify", "--journal", sqlite.url).code == 0
