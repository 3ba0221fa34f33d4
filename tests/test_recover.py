"""The walk through `recover`: what it says to submit brings the desk back after each halt."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import pytest

from desk_events import RULES
from test_cli import run

NOON: Final = "2008-11-17T12:00:00+09:00"
ORDER: Final = {
    "kind": "order",
    "time": NOON,
    "symbol": "9999",
    "side": "buy",
    "quantity": 2,
    "price": 10,
    "fees": 0,
    "method": "auction",
    "broker": "north",
    "by": "Ann",
}
FILL: Final = {"kind": "fill", "time": NOON, "quantity": 2, "price": 10, "fees": 0}

Desk = Callable[..., Any]
Event = dict[str, Any]


def order(name: str, **fields: Any) -> Event:
    """Return an order that is approved."""
    return ORDER | {"id": name} | fields


def fill(name: str, **fields: Any) -> Event:
    """Return a fill of the order `o1`."""
    return FILL | {"id": name, "order": "o1"} | fields


# What goes wrong, and the words of each way back, in order.
HALTS: Final[Mapping[str, tuple[list[Event], list[str]]]] = {
    "a halt": (
        [order("o1"), {"kind": "halt", "id": "h", "time": NOON, "by": "Cho"}],
        ["the order o1 is still open", "lift them: h"],
    ),
    "an overrun": (
        [order("o1"), fill("f", quantity=3)],
        ["f failed engine.overrun", "lift them: f"],
    ),
    "a fill of no order": (
        [order("o1"), FILL | {"id": "f", "symbol": "9999", "side": "buy"}],
        ["f failed engine.overrun", "the order o1 is still open", "lift them: f"],
    ),
    "two breaches": (
        [order("o1"), order("o2"), fill("f", quantity=3), fill("g", order="o2", quantity=9)],
        ["f failed engine.overrun", "g failed engine.overrun", "lift them: f, g"],
    ),
    "two reports that contradict each other": (
        [order("o1"), fill("f", quantity=1), fill("f", quantity=2)],
        ["f contradicts an earlier report", "the order o1 is still open", "lift them: f"],
    ),
    "an unknown rate": (
        [order("o1"), fill("f", order="no", quantity=1, symbol="ACME", venue="XNAS", side="buy")],
        ["what the fill f used is unknown", "o1 is still open", "lift them: f"],
    ),
    "a resume that waits": (
        [
            {"kind": "halt", "id": "h", "time": NOON, "by": "Cho"},
            {"kind": "resume", "id": "r", "time": NOON, "by": "Cho", "reason": "x"},
        ],
        ["r, proposed by Cho, waits"],
    ),
    "an order past its day": ([order("o1")], ["the order o1 is past its last day"]),
}


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    """Return a command on a journal of two persons in an empty folder."""
    (tmp_path / "acme.yaml").write_text(RULES)

    def called(*arguments: str, events: list[Event] | None = None) -> Any:
        stdin = "".join(json.dumps(one) + "\n" for one in events or ())
        return run(*arguments, "--journal", "desk.db", stdin=stdin, cwd=tmp_path)

    return called


def ways(desk: Desk, by: str) -> tuple[int, list[dict[str, Any]]]:
    """Return the exit code of `recover`, and the ways back, signed by a person."""
    ended = desk("recover", "--by", by, "--reason", "seen", "--json")
    return ended.code, ended.json["ways"]


@pytest.mark.parametrize("name", HALTS)
def test_recover_leads_back_to_an_approval(desk: Desk, name: str) -> None:
    """Each way is named; what it says is submitted as it stands; then an order is approved."""
    events, said = HALTS[name]
    desk("submit", "-", "--rules", "acme.yaml", events=events)
    code, found = ways(desk, "Bob")
    assert code == 1
    assert [word for word, way in zip(said, found, strict=True) if word not in way["what"]] == []
    for _ in range(4):
        code, found = ways(desk, "Bob")
        if code == 0:
            break
        # The first of each: the others are instead of it.
        for event in (event for way in found for event in way.get("events", [])[:1]):
            submit(desk, event)
    assert ways(desk, "Bob") == (0, []), found
    ended = desk("submit", "-", "--json", events=[order("again", time="2026-01-05T12:00:00+09:00")])
    assert "engine.halted" not in ended.out
    assert desk("verify").code == 0


def test_contradiction_is_submitted_once(desk: Desk) -> None:
    """Whatever happened counts once, however often the ways back are walked."""
    events, _ = HALTS["two reports that contradict each other"]
    desk("submit", "-", "--rules", "acme.yaml", events=events)
    first, *_ = ways(desk, "Bob")[1]
    own, correct = first["events"]
    assert (own["id"], correct["kind"], correct["fill"]) == ("f-own", "correct", "f")
    for _ in range(2):
        desk("submit", "-", events=[own])
        again, *_ = ways(desk, "Bob")[1]
        assert (again["what"], again.get("events")) == ("f counts as f-own", None)
    assert desk("position", "--json").json["position"]["executed_shares"] == "3"


def test_breach_is_corrected_with_the_figures_it_has(desk: Desk) -> None:
    """The correct that is offered has every figure of the fill: a person changes the wrong one."""
    events, _ = HALTS["an overrun"]
    desk("submit", "-", "--rules", "acme.yaml", events=events)
    first, *_ = ways(desk, "Bob")[1]
    bust, correct = first["events"]
    assert (bust["kind"], bust["fill"]) == ("bust", "f")
    figures = ("kind", "fill", "quantity", "price", "fees")
    assert [correct[name] for name in figures] == ["correct", "f", 3, "10", "0"]
    desk("submit", "-", events=[correct | {"quantity": 2}])
    assert desk("position", "--json").json["position"]["executed_shares"] == "2"


def test_headroom_is_offered_only_if_another_quantity_may_help(desk: Desk) -> None:
    """A rule that reads no quantity denies each of them."""
    other = {"symbol": "ACME", "venue": "XNAS", "fx": 100}
    events = [order("o1", quantity=41), order("o2", time="2009-02-02T12:00:00+09:00"), order("o3")]
    events[2] |= other | {"time": "2009-02-02T12:00:00+09:00", "quantity": 4_000}
    ended = desk("submit", "-", "--rules", "acme.yaml", "--json", events=events)
    said = [json.loads(line)["next"]["what"] for line in ended.out.splitlines()]
    assert said[0].startswith("`repurchase headroom` finds the most")
    for one in said[1:]:
        assert one.startswith("no other quantity would help: change what fails window")


def submit(desk: Desk, event: Event) -> None:
    """Submit *event* with what only a person knows: all of it happened, and Dora confirms."""
    known = {name: 100 if value == "VALUE" else value for name, value in event.items()}
    if known["kind"] == "confirm":
        known["by"] = "Dora"
    if known["kind"] != "bust":
        desk("submit", "-", events=[known])


def test_nothing_to_recover_is_said(desk: Desk) -> None:
    """A desk that works needs nothing, and the command ends with 0."""
    events = [order("o1"), {"kind": "cancel", "id": "c", "order": "o1", "time": NOON}]
    desk("submit", "-", "--rules", "acme.yaml", events=events)
    ended = desk("recover")
    assert (ended.code, ended.out) == (0, "acme-2008: nothing is to be recovered\n")


def test_each_answer_that_is_no_approval_says_what_is_next(desk: Desk) -> None:
    """A denial, a breach, a held order and a refusal each come with the event to submit."""
    events = [
        order("o1"),
        order("o2", quantity=41),
        order("o3", method="block"),
        order("o1", quantity=1),
        fill("f", quantity=3),
        order("o4"),
    ]
    ended = desk("submit", "-", "--rules", "acme.yaml", "--json", events=events)
    answers = [json.loads(line) for line in ended.out.splitlines()]
    following = [answer.get("next", {}).get("events", ()) for answer in answers]
    found = [[one["kind"] for one in events] for events in following]
    assert found == [[], ["order"], ["release"], ["order"], ["resume"], []]
    assert answers[-1]["next"]["what"].startswith("the program is halted: `repurchase recover`")
