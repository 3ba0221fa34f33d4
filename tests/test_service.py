"""The service: what it answers over HTTP is what the desk records, and reads are what it has."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import jsonschema
import jsonschema_rs
import pytest

from desk_events import PROGRAM
from services import Service, fill, lines, order, serving, told
from stores import Store
from test_cli import run

NDJSON = "application/x-ndjson"


@pytest.fixture
def service(tmp_path: Path, sqlite: Store) -> Iterator[Service]:
    """Give a service whose program has not begun."""
    with serving(tmp_path, sqlite.url) as running:
        yield running


def test_what_is_answered_is_recorded(tmp_path: Path, store: Store) -> None:
    """Each answer is a receipt that `verify` finds; the same event again leaves no record."""
    with serving(tmp_path, store.url) as running:
        first = running.submit(**order("o-1"))
        assert (first["outcome"], first["record"]) == ("approved", 2)
        assert running.submit(**order("o-1")) == {**first, "repeated": True}
        assert running.submit(**order("o-1", 2))["outcome"] == "refused"
        assert running.submit(**order("o-2", 50))["outcome"] == "denied"
        done = running.submit("operations", **fill("f-1", "o-1"))
        assert (done["outcome"], done["position"]["executed_shares"]) == ("approved", "1")
        assert running.stop() == 0
    receipts = tmp_path / "receipts.jsonl"
    receipts.write_text(json.dumps(first) + "\n" + json.dumps(done) + "\n", encoding="utf-8")
    # Only a process of its own may reach the server that the tests started.
    fresh = store.kind == "postgres"
    assert run("verify", "--journal", store.url, "--receipts", receipts, fresh=fresh).code == 0
    story = run("show", "f-1", "--journal", store.url, "--json", fresh=fresh).json
    assert [(one["event"]["id"], one["event"]["by"]) for one in story] == [
        ("o-1", "ann"),
        ("f-1", "olga"),
    ]
    adopted = run("show", "--adoptions", "--journal", store.url, "--json", fresh=fresh).json
    assert adopted[0]["by"] == "tess"


def test_lines_of_events_are_recorded_together_or_not_at_all(service: Service) -> None:
    """One decision a line; with one that cannot be read, nothing is recorded, and all are named."""
    head = {"content-type": NDJSON}
    good = lines(order("o-1"), order("o-2"))
    found = service.call("POST", "/v1/events", body=good, **head)
    assert (found.status_code, found.headers["content-type"]) == (200, NDJSON)
    decided = [json.loads(line) for line in found.text.splitlines()]
    assert [(one["id"], one["record"]) for one in decided] == [("o-1", 2), ("o-2", 3)]
    bad = lines(order("o-3"), order("o-4", quantity="1e3"), {"kind": "ordr"})
    found = service.call("POST", "/v1/events", body=bad, **head)
    assert told(found) == (400, "unreadable")
    assert [(one["line"], one["what"].split()[0]) for one in found.json()["errors"]] == [
        (2, "`quantity`"),
        (3, "`kind`"),
    ]
    late = lines(order("o-5"), order("o-6", date="2100-01-01"))
    found = service.call("POST", "/v1/events", body=late, **head)
    assert told(found) == (400, "unreadable")
    many = lines(*(order(f"m-{number}") for number in range(257)))
    found = service.call("POST", "/v1/events", body=many, **head)
    assert found.json()["errors"][0]["what"] == "the body has 257 events"
    assert service.get("/v1/position")["records"] == 3


def test_question_is_answered_as_submission_would_be_and_leaves_no_record(
    service: Service,
) -> None:
    """`check` lists every rule, of a program that has not begun, too."""
    asked = service.call("POST", "/v1/check", body=order("o-1")).json()
    assert len(asked["findings"]) == 8
    assert "record" not in asked
    assert service.get("/v1/decisions")["decisions"] == []
    assert service.call("GET", "/v1/position").json()["code"] == "conflict"
    told = service.submit(**order("o-1"))
    assert (told["outcome"], told["position"]) == (asked["outcome"], asked["position"])
    assert service.call("POST", "/v1/check", body=order("o-2", 99)).json()["outcome"] == "denied"
    assert service.get("/v1/position")["records"] == 2


def test_reads_are_what_the_commands_show(service: Service) -> None:
    """Position, adoptions, market facts, headroom and stories are those of the command line."""
    for number in range(3):
        service.submit(**order(f"o-{number}"))
    service.submit("operations", **fill("f-1", "o-1"))
    journal = ("--journal", service.journal, "--json")
    position = run("position", *journal).json
    assert {**service.get("/v1/position"), "since": 0} == {**position, "since": 0}
    assert service.get("/v1/orders") == position["orders"]
    assert [one["id"] for one in position["orders"]] == ["o-0", "o-2"]
    assert service.get("/v1/adoptions") == run("show", "--adoptions", *journal).json
    story = service.get("/v1/decisions/f-1")
    assert story["story"] == run("show", "f-1", *journal).json
    assert [one["record"] for one in story["decisions"]] == [5]
    asked = ("symbol=9999", "price=10", "fees=0", "broker=north", "method=auction")
    shown = run("headroom", *asked, "date=2008-11-17", *journal).json
    found = service.get(f"/v1/headroom?{'&'.join(asked)}&date=2008-11-17")
    assert (found["quantity"], found["proof"]) == (shown["quantity"], shown["proof"])
    at = "2008-11-17T10:00:00%2B09:00"
    facts = service.get(f"/v1/market?at={at}&venue=XTKS")
    assert [(one["symbol"], one["venue"]) for one in facts] == [("9999", "XTKS")]
    rules = service.get("/v1/rules")
    assert rules["rule_file"] == position["rule_file"]
    assert rules["text"].startswith("repurchase: 1\nauthorization: acme-2008\n")
    assert "2008-12-01" in [one["since"] for one in rules["editions"]]
    program = service.get(f"/v1/program?authorization={PROGRAM}")
    assert (program["first_day"], program["last_day"]) == ("2008-11-14", "2009-01-30")
    assert program["edition"] in {one["edition"] for one in rules["editions"]}


def test_decisions_are_paged_and_filtered(service: Service) -> None:
    """The pages together have each decision once, in order; each filter leaves what it names."""
    for number in range(5):
        service.submit(**order(f"o-{number}", date=f"2008-11-{17 + number // 3}"))
    service.submit(**order("o-9", 99, date="2008-11-18"))
    service.submit("operations", **fill("f-1", "o-3", date="2008-11-18"))
    found: list[str] = []
    after: int | None = 0
    while after is not None:
        page = service.get(f"/v1/decisions?after={after}&limit=2")
        assert len(page["decisions"]) <= 2
        found += (one["event"]["id"] for one in page["decisions"])
        after = page["next"]
    assert found == ["o-0", "o-1", "o-2", "o-3", "o-4", "o-9", "f-1"]

    def those(query: str) -> list[str]:
        decisions = service.get(f"/v1/decisions?{query}")["decisions"]
        return [one["event"]["id"] for one in decisions]

    assert those("day=2008-11-17") == ["o-0", "o-1", "o-2"]
    assert those("outcome=denied") == ["o-9"]
    assert those("rule=share-cap") == ["o-9"]
    assert those("order=o-3") == ["o-3", "f-1"]
    assert those("day=2008-11-18&outcome=approved") == ["o-3", "o-4", "f-1"]
    assert those("after=99") == []


@pytest.mark.parametrize(
    ("query", "what"),
    [
        ("/v1/decisions?outcom=denied", "`outcom` is not a parameter of this address"),
        ("/v1/decisions?day=2008-11-17&day=2008-11-18", "`day` is given twice"),
        ("/v1/decisions?after=-1", "`after` is `-1`, not a whole number"),
        ("/v1/decisions?outcome=good", "`outcome` is not one of"),
        ("/v1/decisions?limit=501", "`limit` is 501"),
        (f"/v1/decisions?rule={'x' * 401}", "`rule` has 401 characters"),
        ("/v1/market?symbol=nothing", "no instrument of the rule file has this symbol"),
        ("/v1/headroom?symbol=9999", "neither `price` nor `quantity` is given"),
        ("/v1/position?authorization=other", "the journal has no program of this name"),
        ("/v1/decisions/nothing", "the journal has no event of this ID"),
    ],
)
def test_question_that_cannot_be_read_is_a_problem(shared: Service, query: str, what: str) -> None:
    """The answer says what is wrong, and names the request as the log does."""
    found = shared.call("GET", query, **{"x-request-id": "q-1"})
    assert found.headers["content-type"] == "application/problem+json"
    said = found.json()
    assert said["status"] == found.status_code
    assert said["errors"][0]["what"].startswith(what)
    assert (said["instance"], found.headers["x-request-id"]) == ("q-1", "q-1")


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """Give a service with one order, for tests that only read."""
    folder = tmp_path_factory.mktemp("shared")
    with serving(folder, str(folder / "journal.db")) as running:
        running.submit(**order("o-1"))
        yield running


def test_stream_sends_each_decision_once_and_resumes(service: Service) -> None:
    """A reader has what came before from its last record on, then the news, and at last `stop`."""
    for number in range(3):
        service.submit(**order(f"o-{number}"))
    head = {"authorization": f"Bearer {service.tokens['auditor']}", "last-event-id": "3"}
    with service.client.stream("GET", f"{service.url}/v1/stream", headers=head) as stream:
        found = _sent(stream)
        assert next(found) == ("decision", "4", "o-2")
        service.submit(**order("o-3"))
        assert next(found) == ("decision", "5", "o-3")
        # What another process records is sent, too.
        other = json.dumps(order("o-4", by="bea"))
        assert run("submit", "-", "--journal", service.journal, stdin=other).code == 0
        assert next(found) == ("decision", "6", "o-4")
        service.process.send_signal(signal.SIGTERM)
        assert next(found) == ("stop", None, None)
        assert next(found, None) is None
    assert service.process.wait() == 0


def _sent(stream: httpx.Response) -> Iterator[tuple[str, str | None, str | None]]:
    """Yield the kind of each event of *stream*, its ID, and the ID of what was decided."""
    event: dict[str, str] = {}
    for line in stream.iter_lines():
        name, _, value = line.partition(": ")
        if name:
            event[name] = value
        elif "event" in event:
            data: dict[str, Any] = json.loads(event["data"])
            yield event["event"], event.get("id"), data.get("event", {}).get("id")
            event = {}


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/nothing", 404, "not-found"),
        ("POST", "/v1/events/", 404, "not-found"),
        ("GET", "/v1/events", 405, "method"),
        ("DELETE", "/v1/orders", 405, "method"),
    ],
)
def test_address_that_is_not_there_is_a_problem(
    shared: Service, method: str, path: str, status: int, code: str
) -> None:
    """Whoever has no key learns no more than whoever has one."""
    for role in ("trader", None):
        found = shared.call(method, path, role)
        assert told(found) == (status, code)


def test_searches_at_once_are_all_answered(shared: Service) -> None:
    """One waits for the other; one that finds nothing keeps none of them waiting."""
    paths = ("/v1/decisions?rule=share-cap", "/v1/decisions/o-1", "/v1/decisions/nothing")
    with ThreadPoolExecutor(9) as callers:
        found = list(callers.map(lambda path: shared.call("GET", path).status_code, paths * 9))
    assert found == [200, 200, 404] * 9


def test_stream_from_a_record_that_is_not_there_is_refused(shared: Service) -> None:
    """A reader of another journal, or of one that was cut short, is not left without news."""
    found = shared.call("GET", "/v1/stream", **{"last-event-id": "99"})
    assert told(found) == (409, "conflict")


def test_document_describes_the_routes_and_every_kind_of_event(shared: Service) -> None:
    """It needs no key; each event that tests send fits the schema of its kind, and no other."""
    found = shared.get("/v1/openapi.json", None)
    assert found["openapi"] == "3.1.0"
    schemas = found["components"]["schemas"]
    absent = order("o-1", time=None, broker=None)
    for event in (order("o-1"), fill("f-1", "o-1"), order("o-1", price=2.5), absent):
        _fits(event, schemas[f"event.{event['kind']}"])
    both = order("o-1", time="2008-11-17T10:00:00Z")
    wrong = (order("o-1", price="1e2"), order("o-1", quantity=0), order("o-1", amount=1), both)
    for event in (*wrong, order("o-1", date=None), order(" "), order("o-1", date="1492-01-01")):
        with pytest.raises(jsonschema.ValidationError):
            _fits(event, schemas["event.order"])
    page = shared.call("GET", "/docs", None)
    assert page.headers["content-security-policy"] == "default-src 'none'"
    assert "POST /v1/events" in page.text
    assert "<script" not in page.text


def _fits(event: dict[str, Any], schema: dict[str, Any]) -> None:
    jsonschema.Draft202012Validator(schema).validate(event)


def test_answers_fit_the_document(shared: Service) -> None:
    """What each address answers has the form that the document says."""
    document = shared.get("/v1/openapi.json", None)
    for path in ("position", "orders", "program", "rules", "adoptions", "decisions"):
        said = document["paths"][f"/v1/{path}"]["get"]["responses"]["200"]["content"]
        schema = {**said["application/json"]["schema"], "components": document["components"]}
        jsonschema.Draft202012Validator(schema).validate(shared.get(f"/v1/{path}"))


@pytest.mark.parametrize(
    "at",
    [
        {"date": "2008-11-17"},
        {"time": "2008-11-17T10:00:00Z"},
        {"time": "2008-11-17T10:00:00.123456789+09:00"},
    ],
    ids=["day", "moment", "nanosecond"],
)
def test_moment_of_a_halt_is_told_exactly(service: Service, at: dict[str, str]) -> None:
    """Here and on the command line, however fine it is; it fits the document."""
    service.submit(**order("o-1"))
    service.submit("operations", kind="halt", id="h-1", **at)
    (given,) = at.values()
    (halt,) = service.get("/v1/position")["halts"]
    assert halt["at"] == given
    assert run("position", "--journal", service.journal, "--json").json["halts"] == [halt]
    components = service.get("/v1/openapi.json", None)["components"]
    schema = {**components["schemas"]["HaltLine"], "components": components}
    valid = jsonschema_rs.validator_for(schema, validate_formats=True)
    valid.validate(halt)
    assert not valid.is_valid({**halt, "at": "yesterday"})


def test_market_files_count_and_show_their_age(tmp_path: Path, sqlite: Store) -> None:
    """What a file supplies is read at a moment; readiness says how old it is, and if it changed."""
    bars = tmp_path / "bars.csv"
    head = "date,symbol,venue,close,volume\n"
    bars.write_text(f"{head}2008-11-14,9999,XTKS,11,1000\n", encoding="utf-8")
    with serving(tmp_path, sqlite.url, "--market", str(bars)) as running:
        running.submit(**order("o-1"))
        (found,) = running.get("/v1/market?at=2008-11-17&venue=XTKS")
        facts = {one["fact"]: (one["value"], one["files"]) for one in found["facts"]}
        assert facts["market.previous_close"] == ("11", [str(bars)])
        assert running.get("/readyz", "admin")["market"][0]["changed"] is False
        bars.write_text(head, encoding="utf-8")
        (told,) = running.get("/readyz", "admin")["market"]
        assert (told["file"], told["age_seconds"] >= 0, told["changed"]) == ("bars.csv", True, True)
        assert running.get("/readyz", None)["market"] == []


def test_service_says_whether_it_is_ready_and_what_it_measured(shared: Service) -> None:
    """Readiness names each program; the measures count the order and what it uses."""
    assert shared.get("/healthz", None) == {"alive": True}
    own = ["writer", "keys", "accepting"]
    # Without a key, no name is told.
    for role, last in (("auditor", f"program {PROGRAM}"), (None, "programs")):
        ready = shared.get("/readyz", role)
        assert ready["ready"]
        assert [one["name"] for one in ready["checks"]] == [*own, last]
    text = shared.call("GET", "/metrics", "auditor").text
    assert 'repurchase_decisions_total{program="acme-2008",kind="order",outcome="approved"} 1' in (
        text.splitlines()
    )
    assert 'repurchase_used_ratio{program="acme-2008",cap="shares"} 0.016666' in text
    assert 'repurchase_stage_seconds_count{stage="journal"} 1' in text
    assert 'repurchase_halts{program="acme-2008"} 0' in text
