"""The desk of the Python API: what it records can be verified, and it refuses what cannot be."""

from __future__ import annotations

import json
import pickle
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

import pytest
from msgspec.structs import replace

from repurchase import (
    Desk,
    InputError,
    RepurchaseError,
    RuleFileError,
    Rules,
    UsageError,
)
from repurchase.api.events import event_of
from repurchase.journal.desk import Desk as Live
from repurchase.journal.rule_texts import adoptable
from repurchase.journal.store import Journal
from repurchase.rulebook.library import sample_path
from test_api import HOSTILE
from test_cli import run

RULES: Final = Rules("iij-2008")
NOW: Final = datetime(2008, 11, 14, 15, tzinfo=UTC)


def order(**changes: Any) -> dict[str, Any]:
    """Return an order of the program that iij-2008 authorizes, with *changes*."""
    own = {"kind": "order", "id": "o-1", "time": "2008-11-14T10:00:00-05:00", "symbol": "IIJI"}
    return {**own, "side": "buy", "quantity": 400, "price": "2.65", "fx": 96, **changes}


@pytest.fixture
def url(tmp_path: Path) -> str:
    """Return where a journal may be made."""
    return str(tmp_path / "desk.db")


@pytest.fixture
def desk(url: str) -> Iterator[Desk]:
    """Return a desk whose program has not begun."""
    with Desk(url, RULES, by="Tanaka") as opened:
        yield opened


def test_what_a_desk_records_is_verified(desk: Desk, url: str) -> None:
    """Events in every form that the API takes are recorded, and the command line verifies them."""
    decision = desk.submit(order())
    assert (decision.outcome, decision.position.reserved_shares) == ("approved", "1")
    assert desk.submit(json.dumps(order())) == replace(decision, repeated=True)
    several = desk.submit(order(id=f"o-{number}", price=Decimal("2.5")) for number in range(2, 5))
    assert [one.outcome for one in several] == ["approved"] * 3
    assert desk.submit(order(id="o-2", quantity=1)).outcome == "refused"
    assert desk.submit([]) == ()
    assert run("verify", "--journal", url).code == 0
    position = run("position", "--journal", url, "--json").json["position"]
    assert desk.position.reserved_shares == position["reserved_shares"] == "4"


def test_desk_sees_what_others_record(desk: Desk, url: str) -> None:
    """Two desks of one journal share its program; the second needs no rules."""
    desk.submit(order())
    with Desk(url) as other:
        assert other.submit(order()).repeated
        assert other.submit(order(id="o-2")).outcome == "approved"
    assert desk.position.reserved_shares == "2"


def test_position_and_headroom_need_no_event(desk: Desk) -> None:
    """A program that has not begun has used nothing, under the rules that it would adopt."""
    assert desk.position.executed_shares == "0"
    asked = {"symbol": "IIJI", "price": "2.65", "fx": 96, "time": "2008-11-14T10:00:00-05:00"}
    assert desk.headroom(asked).quantity == RULES.program().headroom(asked).quantity
    assert desk.headroom({"symbol": "IIJI", "quantity": 1, "fx": 96}).binding != ()


def test_headroom_is_what_the_command_answers(desk: Desk, url: str) -> None:
    """The API and `repurchase headroom` answer alike, the proof included."""
    desk.submit(order())
    asked = {"symbol": "IIJI", "price": "2.65", "fx": "96", "time": "2008-11-14T10:00:00-05:00"}
    found = desk.headroom(asked)
    fields = [f"{name}={value}" for name, value in asked.items()]
    told = run("headroom", *fields, "--journal", url, "--json").json
    assert (found.quantity, list(found.binding)) == (told["quantity"], told["binding"])
    assert [one.last for one in found.proof] == [one["last"] for one in told["proof"]]


def test_check_records_nothing(desk: Desk, url: str) -> None:
    """A desk answers what it would decide, with every rule, and its journal stays as it was."""
    desk.submit(order())
    before = Path(url).read_bytes()
    checked = desk.check(order(id="o-2"))
    assert {one.result for one in checked.findings} >= {"pass", "not_applicable"}
    assert Path(url).read_bytes() == before
    assert desk.check(order()) == desk.submit(order())
    assert desk.check(order(quantity=1)) == desk.submit(order(quantity=1))


def test_check_answers_before_the_program_begins(desk: Desk, url: str) -> None:
    """The rules that the desk was opened with are those that the first submission adopts."""
    checked = desk.check(order())
    assert (checked.outcome, checked.repeated) == ("approved", False)
    with Journal(url) as journal:
        assert journal.programs() == ()
    with Desk(url, RULES) as other:
        other.submit(order(id="o-2"))
    again = desk.check(order())
    assert (again.outcome, again.position.reserved_shares) == ("approved", "2")
    assert desk.submit(order()).position == again.position


def test_check_refuses_what_submit_refuses(desk: Desk, url: str, tmp_path: Path) -> None:
    """Rules that are not those adopted answer nothing, and neither does another program."""
    desk.submit(order())
    edited = tmp_path / "edited.yaml"
    text = RULES.editions.authorization.text
    edited.write_text(f"{text}# edited\n", encoding="utf-8")
    with Desk(url, edited) as other:
        for call in (other.submit, other.check):
            with pytest.raises(UsageError, match="the program uses another rule file"):
                call(order(id="o-2"))
    for wrong in ({"authorization": "another"}, {"time": "2999-01-04T10:00:00-05:00"}):
        said = []
        for call in (desk.submit, desk.check):
            with pytest.raises(InputError) as caught:
                call(order(id="o-2", **wrong))
            said.append(str(caught.value).split(", but now is")[0])
        assert said[0] == said[1]


@pytest.mark.parametrize(("event", "said"), HOSTILE.values(), ids=HOSTILE)
def test_hostile_event_is_not_recorded(desk: Desk, event: Any, said: str) -> None:
    """What no reader takes is an error, alone and among others, and none of them is recorded."""
    if not isinstance(event, list) and not hasattr(event, "__next__"):
        with pytest.raises(InputError) as raised:
            desk.submit(event)
        assert said in str(raised.value)
    with pytest.raises(InputError):
        desk.submit([order(), event])
    assert desk.position.reserved_shares == "0"


def test_events_from_a_generator_that_fails_are_not_recorded(desk: Desk) -> None:
    """A generator that raises has given nothing, whatever it gave before."""

    def events() -> Iterator[dict[str, Any]]:
        yield order()
        raise KeyError("the order system is gone")

    with pytest.raises(KeyError):
        desk.submit(events())
    assert desk.position.reserved_shares == "0"


@pytest.mark.parametrize(
    "changes",
    [
        {"price": Fraction(1, 3)},
        {"id": "x" * 300},
        {"quantity": -100_000},
        {"quantity": 0},
        {"quantity": True},
        {"price": 2.65},
        {"side": "hold"},
        {"time": datetime(2008, 11, 14, 10)},  # noqa: DTZ001
        {"time": datetime(2008, 11, 14, 10, tzinfo=UTC), "date": NOW.date()},
        {"symbol": None},
        {"kind": "wish"},
        {"fx": Fraction(1, 3)},
        {"outside": {"market.last_price": Fraction(1, 3)}},
        {"outside": {"market.nothing": 1}},
        {"amount": 5},
        {"expires": "tomorrow"},
    ],
)
def test_inner_desk_refuses_an_event_that_no_sender_can_write(
    url: str, changes: dict[str, Any]
) -> None:
    """An event that code made itself is recorded only if its record reads as the same event."""
    sound = event_of(order())
    with Journal(url, create=True) as journal:
        live = Live(journal, "iij-2008", lambda: NOW + timedelta(1), adoptable(RULES.editions))
        with pytest.raises(InputError, match="holds a value that no sender can write"):
            live.submit(replace(sound, **changes))
        with pytest.raises(InputError, match="holds a value that no sender can write"):
            live.answer([sound, replace(sound, **changes)])
        assert live.refresh().head.sequence == 0
        assert live.submit(sound).decision.outcome == "approved"
    assert run("verify", "--journal", url).code == 0


def test_event_of_the_future_is_not_recorded(desk: Desk) -> None:
    """What is dated after tomorrow has not happened."""
    late = datetime.now(UTC) + timedelta(days=3)
    with pytest.raises(InputError, match="submit it after it has happened"):
        desk.submit(order(time=late))


def test_closed_desk_answers_nothing(url: str) -> None:
    """After it is closed, once or twice, every call says so."""
    desk = Desk(url, RULES)
    desk.submit(order())
    desk.close()
    desk.close()
    calls: tuple[Callable[[], object], ...] = (
        lambda: desk.submit(order()),
        lambda: desk.submit([]),
        lambda: desk.check(order()),
        lambda: desk.position,
        lambda: desk.headroom({"symbol": "IIJI", "price": 1, "fx": 96}),
    )
    for call in calls:
        with pytest.raises(UsageError, match="the desk is closed"):
            call()


def test_desk_is_opened_only_by_its_own_rules(url: str, tmp_path: Path) -> None:
    """Other rules than those adopted, another program, or rules of one day are refused."""
    with pytest.raises(UsageError, match="the journal does not exist"):
        Desk(url)
    with pytest.raises(UsageError, match="load them without `known_at`"):
        Desk(url, Rules("iij-2008", known_at=NOW.date()))
    with pytest.raises(UsageError, match="`by` is empty"):
        Desk(url, RULES, by=" ")
    with pytest.raises(RuleFileError):
        Desk(url, sample_path("starter.cases.yaml"))
    assert not Path(url).exists()
    with Desk(url, RULES) as desk:
        desk.submit(order())
    with pytest.raises(UsageError, match="the journal has `iij-2008`"):
        Desk(url, "jp-2017")
    with pytest.raises(UsageError, match="has no program `other`"):
        Desk(url, authorization="other")
    edited = tmp_path / "iij-2008.yaml"
    edited.write_text(RULES.path.read_text(encoding="utf-8") + "# edited\n", encoding="utf-8")
    with Desk(url, edited) as desk, pytest.raises(UsageError, match="uses another rule file"):
        desk.submit(order(id="o-2"))


def test_desk_cannot_be_pickled(desk: Desk) -> None:
    """A desk belongs to its journal and its process: a copy of it would be neither's."""
    with pytest.raises(TypeError):
        pickle.dumps(desk)


def test_threads_share_a_desk_and_no_cap_is_exceeded(desk: Desk, url: str) -> None:
    """Four threads race for the last shares; the caps hold, and the journal is verified."""
    outcomes: list[str] = []
    start = threading.Barrier(4)

    def work(number: int) -> None:
        start.wait()
        for each in range(5):
            asked = order(id=f"{number}-{each}", quantity=150_000)
            outcomes.append(desk.submit(asked).outcome)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    most = 4000 * 400 // 150_000
    assert sorted(outcomes) == ["approved"] * most + ["denied"] * (20 - most)
    assert desk.position.reserved_shares == str(most * 150_000 // 400)
    assert run("verify", "--journal", url).code == 0


def test_every_error_of_a_desk_is_one_of_the_tree(tmp_path: Path) -> None:
    """What is no journal raises an error of the tree, and not one of the database."""
    file = tmp_path / "no.db"
    file.write_text("not a database")
    with pytest.raises(RepurchaseError):
        Desk(file)
