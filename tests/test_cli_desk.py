"""The commands of a desk, by the installed command, on real journals."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
from pathlib import Path
from typing import Any, Final

import pytest

from repurchase.rulebook.library import rule_path
from test_audit import changed
from test_cli import COMMAND, run

# What the law in Tokyo asks of each order beside, so large that it stops none.
MARKET: Final = {
    "order_type": "limit",
    "method": "auction",
    "broker": "North",
    "market.last_price": 500000000,
    "market.day_high": 500000000,
    "market.adv_jp_4_weeks": 5000,
}
EVENTS: Final[tuple[dict[str, Any], ...]] = (
    {
        "kind": "order",
        "id": "o-1",
        "time": "2008-11-14T09:30:00+09:00",
        "symbol": "3774",
        "side": "buy",
        "quantity": 60,
        "price": 100000,
        "by": "Sato",
        **MARKET,
    },
    {
        "kind": "fill",
        "id": "f-1",
        "time": "2008-11-14T09:31:00+09:00",
        "order": "o-1",
        "quantity": 20,
        "price": 99000,
    },
    {
        "kind": "replace",
        "id": "r-1",
        "time": "2008-11-14T09:32:00+09:00",
        "order": "o-1",
        "quantity": 5000,
        **{name: told for name, told in MARKET.items() if name.startswith("market.")},
    },
)
LATER: Final = {**EVENTS[0], "id": "o-2", "time": "2008-11-14T09:40:00+09:00", "quantity": 10}


def lines(*events: dict[str, Any]) -> str:
    """Return *events* as JSON lines."""
    return "".join(json.dumps(event) + "\n" for event in events)


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    """Return a journal with three events, the last of them denied."""
    path = tmp_path / "desk.db"
    ended = run(
        "submit", "-", "--journal", path, "--rules", "iij-2008", stdin=lines(*EVENTS), cwd=tmp_path
    )
    assert ended.code == 1
    return path


def answers(out: str) -> list[tuple[str, str]]:
    """Return the id and the outcome of each decision in *out*."""
    decisions = (json.loads(line) for line in out.splitlines())
    return [(one["id"], one["outcome"]) for one in decisions]


def test_submit_answers_each_event_in_turn(tmp_path: Path) -> None:
    """Each event has its line, denials with the rule and the words of the source."""
    path = tmp_path / "desk.db"
    said = ("submit", "-", "--journal", path, "--rules", "iij-2008", "--json")
    ended = run(*said, stdin=lines(*EVENTS))
    expected = [("o-1", "approved"), ("f-1", "approved"), ("r-1", "denied")]
    assert (ended.code, answers(ended.out)) == (1, expected)
    assert "the program `iij-2008` begins and adopts " in ended.err
    shown = run("submit", "-", "--journal", path, stdin=lines(*EVENTS))
    assert "DENIED  replace r-1 (decided before, record 4): " in shown.out
    assert "“Up to 4,000 shares”" in shown.out


def test_event_sent_again_has_the_same_answer_and_no_second_record(journal: Path) -> None:
    """What was answered is answered alike, byte for byte, and changes nothing."""
    before = run("position", "--journal", journal, "--json").json["records"]
    first = run("submit", "-", "--journal", journal, "--json", stdin=lines(*EVENTS))
    second = run("submit", "-", "--journal", journal, "--json", stdin=lines(*EVENTS))
    assert (first.out, first.code) == (second.out, 1)
    assert run("position", "--journal", journal, "--json").json["records"] == before


def test_id_with_other_content_is_refused(journal: Path) -> None:
    """An id stands for one event only, and the exit code tells of the other."""
    other = {**EVENTS[0], "quantity": 1}
    ended = run("submit", "-", "--journal", journal, "--json", stdin=lines(other))
    assert (ended.code, answers(ended.out)) == (1, [("o-1", "refused")])


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        ("{", "the line ends in the middle of its JSON object"),
        (json.dumps({**LATER, "price": "1e5"}), "write it in full, without an exponent"),
        (json.dumps({**LATER, "prise": 1}), "did you mean `price`?"),
        ("kind,id\n", "is not a JSON object"),
    ],
)
def test_bad_event_stops_the_rest(tmp_path: Path, bad: str, said: str) -> None:
    """What comes after a line that cannot be read may rest on it: nothing more is recorded."""
    path = tmp_path / "desk.db"
    text = lines(*EVENTS[:2]) + bad + "\n" + lines(LATER)
    ended = run("submit", "-", "--journal", path, "--rules", "iij-2008", "--json", stdin=text)
    assert (ended.code, said in ended.out + ended.err) == (2, True)
    assert "2 events were recorded" in ended.err
    records = run("position", "--journal", path, "--json").json["records"]
    assert records == 1 + len(EVENTS[:2])


def test_event_without_an_id_is_refused(tmp_path: Path) -> None:
    """A live event without an id could not be sent again."""
    path = tmp_path / "desk.db"
    nameless = {name: value for name, value in EVENTS[0].items() if name != "id"}
    text = lines(nameless)
    ended = run("submit", "-", "--journal", path, "--rules", "iij-2008", stdin=text)
    assert (ended.code, "`id` is missing; an `order` event needs it" in ended.err) == (2, True)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("submit", "-", "--journal", "no.db"), "the journal does not exist"),
        (("position", "--journal", "no.db"), "the journal does not exist"),
        (("verify", "--journal", "."), "."),
        (("show", "o-1"), "--journal"),
        (("position", "--journal", "a.db", "--journal", "b.db"), "given 2 times"),
        (("position", "--journal", ""), "the name of the journal is empty"),
        (("check", "--event", "-"), "neither a rule file nor a journal is given"),
        (("check", "--event", "-", "--journal", "no.db", "--log", "l.csv"), "--log"),
        (("position", "--journal", "mysql://sato:secret@host/name"), "mysql://sato:***@host/name"),
        (("position", "--journal", "postgresql://sato:secret@127.0.0.1:1/no"), "sato:***@"),
    ],
)
def test_wrong_call_is_told_and_decides_nothing(
    tmp_path: Path, arguments: tuple[str, ...], said: str
) -> None:
    """A call that cannot be carried out ends with 2, a reason and no password."""
    ended = run(*arguments, cwd=tmp_path, stdin=lines(LATER))
    assert (ended.code, ended.out) == (2, "")
    assert said in ended.err
    assert "secret" not in ended.err


def test_journal_may_come_from_the_environment(journal: Path) -> None:
    """The journal's name need not be said each time."""
    ended = run("position", "--json", REPURCHASE_JOURNAL=str(journal))
    assert ended.json["authorization"] == "iij-2008"


def test_journal_of_the_environment_may_have_spaces_in_its_name(tmp_path: Path) -> None:
    """A variable holds one name, whole."""
    path = tmp_path / "a desk.db"
    submitted = ("submit", "-", "--rules", "iij-2008", "--json")
    ended = run(*submitted, stdin=lines(EVENTS[0]), REPURCHASE_JOURNAL=str(path))
    assert (ended.code, path.exists()) == (0, True)


def test_program_is_said_to_begin_once_it_has(tmp_path: Path) -> None:
    """Nothing begins with an event that is not recorded, and everything begins once."""
    path, begins = tmp_path / "desk.db", "the program `iij-2008` begins"
    said = ("submit", "-", "--journal", path, "--rules", "iij-2008")
    future = {**EVENTS[0], "time": "2199-01-01T09:00:00+09:00"}
    ended = run(*said, stdin=lines(future))
    assert (ended.code, begins in ended.err) == (2, False)
    assert "is dated 2199-01-01 09:00:00+09:00, but now is" in ended.err
    assert begins in run(*said, stdin=lines(EVENTS[0])).err
    assert begins not in run(*said, stdin=lines(EVENTS[1])).err


def test_adopter_is_told_when_there_is_nothing_to_adopt(journal: Path) -> None:
    """Whoever is named where nobody is needed hears of it."""
    ended = run("submit", "-", "--journal", journal, "--by", "Sato", stdin=lines(EVENTS[0]))
    assert "--by has no effect" in ended.err
    new = journal.with_name("new.db")
    blank = run("submit", "-", "--journal", new, "--by", " ", "--rules", "iij-2008", stdin="")
    assert (blank.code, "`by` is empty" in blank.err, new.exists()) == (2, True, False)


def test_answer_that_was_given_before_says_so(journal: Path) -> None:
    """A person sees that nothing new was recorded."""
    ended = run("submit", "-", "--journal", journal, stdin=lines(EVENTS[0], LATER))
    first, *_, last = [line for line in ended.out.splitlines() if line.startswith("APPROVED")]
    assert first.startswith("APPROVED  order o-1 (decided before, record 2): ")
    assert last.startswith("APPROVED  order o-2: ")


def test_answer_tells_that_the_program_is_halted(journal: Path) -> None:
    """The fill that halts says so, and so does every answer until a second person confirms."""
    fill = {**LATER, "kind": "fill", "id": "f-9", "quantity": 1}
    resume = {"kind": "resume", "id": "go", "time": "2008-11-14T10:00:00+09:00"}
    resume |= {"by": "Abe", "reason": "looked into"}
    confirm = {"kind": "confirm", "id": "yes", "of": "go", "time": resume["time"], "by": "Cho"}
    events = lines(fill, {**LATER, "id": "o-3"}, resume, confirm)
    told = run("submit", "-", "--journal", journal, "--json", stdin=events)
    answers = [json.loads(line) for line in told.out.splitlines()]
    assert [one.get("halted_by") for one in answers] == [["f-9"], ["f-9"], ["f-9"], None]
    assert [one.get("pending") for one in answers] == [None, None, True, None]
    shown = run("submit", "-", "--journal", journal, stdin=events)
    assert (
        shown.out.count(
            "Halted by f-9: nothing that it stops is approved until a `resume` lifts it."
        )
        == 3
    )
    assert shown.out.count("PENDING until another person submits a `confirm` of go.") == 1


def test_request_of_an_earlier_day_is_told_which_day_it_is(journal: Path) -> None:
    """A denial for its date names the program's day, which the position has too."""
    early = {**LATER, "time": "2008-11-13T09:40:00+09:00"}
    shown = run("submit", "-", "--journal", journal, stdin=lines(early))
    assert (
        "the request is dated 2008-11-13, before the program's latest day, 2008-11-14;" in shown.out
    )
    assert run("position", "--journal", journal, "--json").json["latest"] == "2008-11-14"
    assert "Latest day: 2008-11-14." in run("position", "--journal", journal).out


def test_event_of_the_future_is_not_even_asked_about(journal: Path) -> None:
    """A check is held to the same dates as a submission."""
    future = {**LATER, "time": "2199-01-01T09:00:00+09:00"}
    ended = run("check", "--event", "-", "--journal", journal, stdin=json.dumps(future))
    assert (ended.code, "is dated 2199-01-01 09:00:00+09:00, but now is" in ended.err) == (2, True)


def test_order_that_nobody_can_release_says_so(tmp_path: Path) -> None:
    """What is held without a name waits in vain, and its answer says what to do."""
    rules = tmp_path / "rules.yaml"
    path = rule_path("iij-2008")
    assert path is not None
    seen = "rules:\n  - {id: seen, effect: review, require: 'trade.shares <= 5 shares'}"
    rules.write_text(path.read_text().replace("rules:", seen, 1))
    nameless = {name: value for name, value in LATER.items() if name != "by"}
    said = ("submit", "-", "--journal", tmp_path / "desk.db", "--rules", rules, "--json")
    ended = run(*said, stdin=lines(LATER, {**nameless, "id": "o-3"}))
    found = [json.loads(line) for line in ended.out.splitlines()]
    assert [one["outcome"] for one in found] == ["held", "held"]
    named, unnamed = ([one["rule"] for one in each["findings"]] for each in found)
    assert (named, unnamed) == (["seen"], ["engine.requester-missing", "seen"])


def test_position_shows_both_quantities_of_a_pending_replace(journal: Path) -> None:
    """More may be open than the order has: the replace is shown beside it."""
    more = {**EVENTS[2], "id": "r-2", "quantity": 90}
    assert run("submit", "-", "--journal", journal, stdin=lines(more)).code == 0
    assert "70 of 60 or 90" in run("position", "--journal", journal).out
    (order,) = run("position", "--journal", journal, "--json").json["orders"]
    assert (order["open_quantity"], order["quantity"], order["replace_quantity"]) == (70, 60, 90)


def test_adoptions_are_shown_with_who_and_why(journal: Path, tmp_path: Path) -> None:
    """An auditor sees which rule file was in force when, and who put it there."""
    path = rule_path("iij-2008")
    assert path is not None
    rules = tmp_path / "other.yaml"
    rules.write_text(path.read_text() + "# amended\n")
    assert run("adopt", rules, "--journal", journal, "--by", "Abe", "--reason", "so").code == 0
    first, second = run("show", "--adoptions", "--journal", journal, "--json").json
    assert (first["record"], first["by"], first["reason"]) == (1, None, None)
    assert (second["by"], second["reason"]) == ("Abe", "so")
    assert second["rule_file"] == run("position", "--journal", journal, "--json").json["rule_file"]
    shown = run("show", "--adoptions", "--journal", journal).out
    assert "not named" in shown
    assert run("show", "--journal", journal).code == 2
    assert run("show", "o-1", "--adoptions", "--journal", journal).code == 2


def test_position_beyond_the_head_is_refused(journal: Path) -> None:
    """Records that the program does not know of are told, not read over."""
    changed(
        str(journal),
        "UPDATE programs SET (sequence, head) ="
        " (SELECT sequence, hash FROM records WHERE sequence = 2)",
    )
    for command in (("position",), ("submit", "-", "--by", "Sato")):
        ended = run(*command, "--journal", journal, stdin=lines(LATER))
        assert (ended.code, "record 3: it is beyond the program's last record" in ended.err) == (
            2,
            True,
        )


def test_check_takes_the_journal_of_the_environment(journal: Path) -> None:
    """Asked without a rule file and a log, it is the program of the journal that is meant."""
    asked = json.dumps({**LATER, "id": "new"})
    ended = run("check", "--event", "-", "--json", stdin=asked, REPURCHASE_JOURNAL=str(journal))
    assert ended.json["position"]["executed_shares"] == "20"
    said = ("check", "--event", "-", "--rules", "iij-2008", "--json")
    ended = run(*said, stdin=asked, REPURCHASE_JOURNAL=str(journal))
    assert ended.json["position"]["executed_shares"] == "0"


def test_submission_of_nothing_says_so(journal: Path) -> None:
    """Blank lines are no events, and nothing is no success."""
    ended = run("submit", "-", "--journal", journal, stdin="\n\n")
    assert (ended.code, "there is no event" in ended.err) == (2, True)


@pytest.mark.parametrize(
    ("fill", "said"),
    [
        ({"quantity": 41}, "41 units; reserved: 40 units"),
        ({"price": 100001}, "JPY 100,001; reserved: JPY 100,000"),
        ({"time": "2008-11-15T09:31:00+09:00"}, "2008-11-15; reserved: 2008-11-14"),
    ],
)
def test_overrun_says_in_what_it_is_one(journal: Path, fill: dict[str, object], said: str) -> None:
    """A fill that goes beyond its order says what it has and what was reserved."""
    event = {**EVENTS[1], "id": "f-2", "quantity": 1, **fill}
    shown = run("submit", "-", "--journal", journal, stdin=lines(event))
    assert f"the fill exceeds what its order reserved: {said}; it" in " ".join(shown.out.split())


@pytest.mark.slow
def test_copy_of_the_file_alone_does_not_begin_anew(tmp_path: Path) -> None:
    """Without what lies beside it a copy lacks records, and not the program."""
    path, copy = tmp_path / "desk.db", tmp_path / "copy.db"
    with typing(path) as desk:
        assert desk.stdin is not None
        assert desk.stdout is not None
        desk.stdin.write(lines(EVENTS[0]))
        desk.stdin.flush()
        desk.stdout.readline()
        shutil.copy(path, copy)
        desk.communicate()
    said = ("submit", "-", "--journal", copy, "--rules", "iij-2008")
    assert "begins" not in run(*said, stdin=lines(LATER)).err


def test_position_lists_what_is_open(journal: Path) -> None:
    """An order past its last day is listed as such, and still reserves."""
    found = run("position", "--journal", journal, "--json").json
    assert found["position"]["reserved_shares"] == "40"
    (order,) = found["orders"]
    assert (order["id"], order["open_quantity"], order["is_past"]) == ("o-1", 40, True)
    shown = run("position", "--journal", journal).out
    assert "past its last day: submit an expire" in shown


def test_check_asks_without_recording(journal: Path) -> None:
    """A check against a journal answers as a submission would, and leaves no record."""
    asked = ("check", "--event", "-", "--journal", journal, "--json")
    ended = run(*asked, stdin=json.dumps(LATER))
    assert (ended.code, ended.json["outcome"]) == (0, "approved")
    assert run("position", "--journal", journal, "--json").json["records"] == 1 + len(EVENTS)
    again = run(*asked, stdin=json.dumps(EVENTS[2]))
    assert (again.code, again.json["outcome"]) == (1, "denied")
    assert "has this event: the decision is the one made there" in again.err
    other = run(*asked, stdin=json.dumps({**EVENTS[0], "quantity": 1}))
    assert (other.code, other.json["outcome"]) == (1, "refused")


def test_show_tells_all_that_is_about_an_event(journal: Path) -> None:
    """The story of an order holds its fills and what was asked of it, with the reasons."""
    found = run("show", "o-1", "--journal", journal, "--json").json
    assert [one["event"]["id"] for one in found] == ["o-1", "f-1", "r-1"]
    shown = run("show", "o-1", "--journal", journal).out
    assert "shares bought and on order: 5,000 shares; must be at most 4,000 shares" in shown
    unknown = run("show", "o-9", "--journal", journal)
    assert (unknown.code, "the journal has no event `o-9`" in unknown.err) == (2, True)


@pytest.mark.slow
def test_another_rule_file_is_refused_until_it_is_adopted(journal: Path, tmp_path: Path) -> None:
    """A changed rule file decides nothing before it is on the record, by whom and why."""
    shipped = run("explain", "iij-2008")
    assert shipped.code == 0
    changed = tmp_path / "changed.yaml"
    text = _shipped_text().replace('value: "4,000 shares"', 'value: "3,000 shares"')
    changed.write_text(text.replace("Up to 4,000 shares", "Up to 3,000 shares"), encoding="utf-8")
    said = ("submit", "-", "--journal", journal, "--rules", changed)
    refused = run(*said, stdin=lines(LATER))
    assert (refused.code, "uses another rule file" in refused.err) == (2, True)
    call = ("adopt", changed, "--journal", journal, "--by", "Sato", "--reason", "halved")
    adopted = run(*call, "--seconds", "0.001", "--json")
    assert adopted.code == 0, adopted
    assert adopted.json["verdict"] == "undecided"
    assert "terms.max_shares" in [one["name"] for one in adopted.json["changed"]]
    assert adopted.json["position"]["remaining_shares"] == "2940"
    assert (adopted.json["adopted"], adopted.json["pending"]) == (False, True)
    confirm = ("confirm", adopted.json["id"], "--journal", journal, "--by", "Mori")
    confirmed = run(*confirm, "--json")
    assert (confirmed.code, confirmed.json["outcome"]) == (0, "recorded")
    # The decision is of the rule file before; what was adopted shows the new caps.
    assert confirmed.json["position"]["remaining_shares"] == "3940"
    assert confirmed.json["adopted"]["position"]["remaining_shares"] == "2940"
    assert run(*said, stdin=lines(LATER)).code == 0
    assert run("verify", "--journal", journal).code == 0
    again = run("adopt", changed, "--journal", journal, "--by", "Sato", "--reason", "again")
    assert (again.code, "this rule file is already in force" in again.err) == (2, True)


def _shipped_text() -> str:
    text = rule_path("iij-2008").read_text("utf-8")
    # The stated percentage no longer fits other shares.
    start = text.index("checks:")
    return text[:start] + text[text.index("rules:", start) :]


@pytest.mark.slow
def test_interrupt_of_a_submission_waiting_for_events(journal: Path) -> None:
    """Ctrl-C ends a submission that waits, says what is recorded, and loses nothing."""
    process = subprocess.Popen(
        [COMMAND, "submit", "-", "--journal", str(journal), "--json"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(lines(LATER))
    process.stdin.flush()
    # The answer comes without waiting for the end of the input.
    assert answers(process.stdout.readline()) == [("o-2", "approved")]
    process.send_signal(signal.SIGINT)
    _, err = process.communicate()
    assert (process.returncode, "1 event was recorded" in err) == (130, True)
    assert run("position", "--journal", journal, "--json").json["records"] == 2 + len(EVENTS)


def test_submit_into_a_folder_without_permission_is_told(tmp_path: Path) -> None:
    """A journal that cannot be made is told with the reason, and nothing is answered."""
    folder = tmp_path / "closed"
    folder.mkdir()
    folder.chmod(0o500)
    said = ("submit", "-", "--journal", folder / "desk.db", "--rules", "iij-2008")
    ended = run(*said, stdin=lines(LATER))
    assert (ended.code, ended.out, "permission denied" in ended.err) == (2, "", True)
    assert list(folder.iterdir()) == []


def typing(path: Path, *said: str, rules: str = "iij-2008") -> subprocess.Popen[str]:
    """Return a submission to *path* of which the sender has said so much, and says no more yet."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    started = subprocess.Popen(
        [COMMAND, "submit", "-", "--journal", str(path), "--rules", rules],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
    )
    assert started.stdin is not None
    started.stdin.write("".join(said))
    started.stdin.flush()
    return started


def test_answer_leaves_before_the_sender_says_more(tmp_path: Path) -> None:
    """A sender that waits for its answer gets it, for people too."""
    started = typing(tmp_path / "desk.db", lines(EVENTS[0]))
    assert started.stdout is not None
    assert "o-1" in started.stdout.readline()
    # Ctrl-C ends it though the sender may say more yet.
    started.send_signal(signal.SIGINT)
    assert started.wait() == 130
    started.communicate()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("said", "rules", "sentence"),
    [("{\n", "iij-2008", "JSON"), ("", "nowhere.yaml", "the rule file cannot be read")],
    ids=["a bad line", "no rule file"],
)
def test_error_ends_a_submission_that_the_sender_has_not(
    tmp_path: Path, said: str, rules: str, sentence: str
) -> None:
    """Whoever still has something to say learns that nobody listens."""
    started = typing(tmp_path / "desk.db", said, rules=rules)
    assert started.wait() == 2
    _, error = started.communicate()
    assert sentence in error


def test_edited_name_does_not_begin_anew(journal: Path, tmp_path: Path) -> None:
    """A rule file of another authorization is not taken for the program that the journal holds."""
    text = rule_path("iij-2008").read_text().replace("authorization: iij-2008", "authorization: x")
    (tmp_path / "x.yaml").write_text(text)
    call = ("submit", "-", "--journal", journal, "--rules", tmp_path / "x.yaml")
    refused = run(*call, stdin=lines(LATER))
    assert (refused.code, refused.out) == (2, "")
    assert "the journal has `iij-2008`" in refused.err
    begun = run(*call, "--authorization", "x", stdin=lines(LATER))
    assert begun.code == 0
    assert "the program `x` begins" in begun.err


def test_submission_repeats_what_the_rule_file_leaves_open(tmp_path: Path) -> None:
    """A cap that no rule reads is told before anything is approved past it."""
    text = rule_path("iij-2008").read_text()
    assert "program.shares_after <= terms.max_shares" in text
    text = text.replace("program.shares_after <= terms.max_shares", "trade.shares <= 9,999 shares")
    # The law that it includes reads the cap, too.
    text = text.replace("include: [jp-companies-act, ", "include: [")
    (tmp_path / "open.yaml").write_text(text)
    call = ("submit", "-", "--journal", tmp_path / "d.db", "--rules", tmp_path / "open.yaml")
    assert "max_shares" in run(*call, stdin=lines(LATER)).err


@pytest.mark.slow
def test_adoption_that_only_moves_a_date_shows_it(journal: Path, tmp_path: Path) -> None:
    """A rule that holds on other days is a change, though it says the same."""
    text = rule_path("iij-2008").read_text()
    (tmp_path / "dated.yaml").write_text(
        text.replace("- id: share-class\n", "- id: share-class\n    from: 2008-11-01\n")
    )
    call = ("adopt", tmp_path / "dated.yaml", "--journal", journal, "--by", "Mori")
    shown = run(*call, "--reason", "so it was resolved")
    assert shown.code == 0
    assert "trade.share_class in [common, ads] from 2008-11-01" in " ".join(shown.out.split())


def test_adoption_while_use_is_unknown_does_not_fit(journal: Path, tmp_path: Path) -> None:
    """What nobody knows may be past the cap."""
    unknown = {"kind": "fill", "id": "f-2", "time": EVENTS[2]["time"], "symbol": "IIJI"}
    unknown |= {"venue": "XNAS", "side": "buy", "quantity": 400, "price": 1}
    assert run("submit", "-", "--journal", journal, stdin=lines(unknown)).code == 1
    (tmp_path / "new.yaml").write_text(rule_path("iij-2008").read_text() + "# seen\n")
    call = ("adopt", tmp_path / "new.yaml", "--journal", journal, "--by", "Mori", "--reason", "x")
    shown = run(*call)
    assert shown.code == 1
    assert "The shares or the money used exceed a new cap or are unknown" in shown.out


@pytest.mark.parametrize("blank", ["", " ", "x" * 201])
def test_nobody_adopts_for_no_reason(journal: Path, tmp_path: Path, blank: str) -> None:
    """An adoption that no one signed would be no record: it is refused, and nothing is written."""
    (tmp_path / "new.yaml").write_text(rule_path("iij-2008").read_text() + "# seen\n")
    call = ("adopt", tmp_path / "new.yaml", "--journal", journal)
    assert run(*call, "--by", blank, "--reason", "x").code == 2
    assert run(*call, "--by", "Mori", "--reason", blank).code == 2
    assert run("verify", "--journal", journal).code == 0


def test_error_ends_a_submission_from_a_pipe_that_stays_open(journal: Path, tmp_path: Path) -> None:
    """A named pipe too is not waited for once nothing more is taken from it."""
    pipe = tmp_path / "events"
    os.mkfifo(pipe)
    started = subprocess.Popen(
        [COMMAND, "submit", str(pipe), "--journal", str(journal)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with pipe.open("w") as sender:
        sender.write(lines(LATER) + "{\n")
        sender.flush()
        assert started.wait() == 2
    out, err = started.communicate()
    assert ("APPROVED  order o-2" in out, "1 event was recorded" in err) == (True, True)


def test_error_early_in_a_long_file_is_all_that_is_told(journal: Path, tmp_path: Path) -> None:
    """What still reads the rest when the first line stopped everything has nothing to say."""
    (tmp_path / "long.jsonl").write_text("{\n" + lines({**LATER, "reason": "x" * 190}) * 1_000)
    ended = run("submit", tmp_path / "long.jsonl", "--journal", journal, fresh=True)
    assert (ended.code, len(ended.lines)) == (2, 2)


def test_submission_without_a_journal_is_told_before_its_events(tmp_path: Path) -> None:
    """Whoever named a journal that is not there learns so, before the first event comes."""
    started = subprocess.Popen(
        [COMMAND, "submit", "-", "--journal", str(tmp_path / "no.db")],
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert started.wait() == 2
    assert "create a journal with `repurchase submit --rules FILE`" in started.communicate()[1]


@pytest.mark.parametrize("content", [None, "buy milk", "PK\3\4"], ids=["none", "text", "zip"])
def test_file_without_events_leaves_no_journal(tmp_path: Path, content: str | None) -> None:
    """What cannot be submitted at all leaves nothing behind."""
    if content is not None:
        (tmp_path / "events").write_text(content)
    before = sorted(tmp_path.iterdir())
    call = ("submit", "events", "--journal", "new.db", "--rules", "iij-2008")
    assert run(*call, cwd=tmp_path).code == 2
    assert sorted(tmp_path.iterdir()) == before
