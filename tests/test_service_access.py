"""Who may use the service: every route and every kind of event, by every role and stranger."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import pytest

from desk_events import RULES
from repurchase.domain.events import KINDS
from repurchase.domain.roles import ROLES, Role
from repurchase.service.keys import change_keys, new_key, revoked
from services import OWNERS, ROOMY, Service, fill, lines, order, serving, told
from stores import Store
from test_cli import run

ALL: Final = frozenset(ROLES)
READ: Final = ALL - {"admin"}
SEND: Final = ALL - {"auditor"}
OPEN: Final = frozenset(("/healthz", "/readyz", "/docs", "/v1/openapi.json"))
# Every route, and the roles that may use it.
ROUTES: Final[Mapping[tuple[str, str], frozenset[str]]] = {
    ("POST", "/v1/events"): SEND,
    ("POST", "/v1/check"): SEND,
    ("GET", "/v1/orders"): READ,
    ("GET", "/v1/position"): READ,
    ("GET", "/v1/headroom?symbol=9999&price=10&fees=0"): READ,
    ("GET", "/v1/decisions"): READ,
    ("GET", "/v1/decisions/o-1"): READ,
    ("GET", "/v1/stream?after=99"): READ,
    ("GET", "/v1/program"): READ,
    ("GET", "/v1/rules"): READ,
    ("GET", "/v1/adoptions"): READ,
    ("GET", "/v1/market"): READ,
    ("POST", "/v1/rules/acme-2008/proposals"): frozenset(("compliance",)),
    ("GET", "/v1/rules/acme-2008/proposals"): READ,
    ("GET", "/v1/rules/acme-2008/proposals/adoption-3"): READ,
    ("GET", "/v1/tokens"): frozenset(("admin",)),
    ("GET", "/metrics"): ALL - {"trader"},
}
DATED: Final = {"date": "2008-11-17"}
# An event of each kind, and the roles that may submit it.
TRADER: Final = frozenset(("trader",))
OPERATIONS: Final = frozenset(("operations",))
COMPLIANCE: Final = frozenset(("compliance",))
EVENTS: Final[Mapping[str, tuple[dict[str, Any], frozenset[str]]]] = {
    "brought_forward": ({"shares": 1, "amount": 1}, OPERATIONS),
    "order": (order("x"), TRADER),
    "replace": ({**DATED, "order": "o-1", "quantity": 1}, TRADER),
    "replaced": ({**DATED, "order": "o-1"}, OPERATIONS),
    "rejected": ({**DATED, "order": "o-1"}, OPERATIONS),
    "cancel_requested": ({**DATED, "order": "o-1"}, TRADER),
    "cancel": ({**DATED, "order": "o-1"}, OPERATIONS),
    "expire": ({**DATED, "order": "o-1"}, OPERATIONS),
    "fill": (fill("x", "o-1"), OPERATIONS),
    "bust": ({**DATED, "fill": "f-1"}, OPERATIONS),
    "correct": ({**DATED, "fill": "f-1", "quantity": 1}, OPERATIONS),
    "release": ({**DATED, "order": "o-1", "reason": "seen"}, COMPLIANCE),
    "halt": (DATED, SEND),
    "resume": ({**DATED, "reason": "seen"}, COMPLIANCE),
    "confirm": ({**DATED, "of": "s-1"}, COMPLIANCE),
    "prepaid": ({**DATED, "symbol": "9999", "amount": 1, "reason": "asr"}, TRADER),
    "split": ({**DATED, "symbol": "9999", "new": 2, "old": 1}, OPERATIONS),
}
STRANGERS: Final = {
    "none": (401, "no-key"),
    "unknown": (401, "unknown-key"),
    "expired": (401, "expired-key"),
    "revoked": (401, "revoked-key"),
    "forged": (401, "forged-header"),
}


@contextmanager
def guarded(folder: Path) -> Iterator[Service]:
    """Run a service with keys of all sorts, and a proxy at an address that no test has."""
    proxy = ("--proxy", "10.9.8.7", "--proxy-header", "X-User", "--refusals", "refused.jsonl")
    with serving(folder, str(folder / "journal.db"), *proxy) as running:
        running.submit(**order("o-1"))
        draft = {"text": ROOMY, "reason": "more"}
        running.call("POST", "/v1/rules/acme-2008/proposals", "compliance", draft)
        _add_strangers(running)
        yield running


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """Give the service of `guarded`."""
    with guarded(tmp_path_factory.mktemp("access")) as running:
        yield running


def _add_strangers(running: Service) -> None:
    """Add tokens that open nothing, or only another program."""
    now = datetime.now(UTC)
    old, expired = new_key("ann", "trader", (), now - timedelta(2), timedelta(1))
    gone, ended = new_key("ann", "trader", (), now, timedelta(1))
    other, elsewhere = new_key("ann", "trader", ("other",), now, timedelta(1))
    judge, of_judge = new_key("carl", "compliance", ("other",), now, timedelta(1))
    change_keys(
        running.keys, lambda known: revoked((*known, old, gone, other, judge), gone.id, now)
    )
    running.tokens |= {
        "expired": expired,
        "revoked": ended,
        "other": elsewhere,
        "other judge": of_judge,
        "unknown": f"rp_{'0' * 12}_{'0' * 64}",
        "forged": running.tokens["trader"],
    }


def _body(method: str, path: str) -> object:
    if method == "POST" and path.endswith("proposals"):
        return {"text": ROOMY, "seconds": 1}
    return {"kind": "halt", "id": "h-1", **DATED, "drill": True} if path[4:] in TAKERS else None


TAKERS: Final = ("events", "check")


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize(("route", "roles"), ROUTES.items())
def test_route_is_for_its_roles_alone(
    service: Service, route: tuple[str, str], roles: frozenset[str], role: str
) -> None:
    """Whoever may use a route gets past the door; all others are told which roles may."""
    method, path = route
    found = service.call(method, path, role, _body(method, path))
    if role in roles:
        assert found.status_code in (200, 409), found.text
        return
    assert told(found) == (403, "role")
    assert found.json()["errors"][0]["hint"] == f"this is for the roles {', '.join(sorted(roles))}"


@pytest.mark.parametrize("stranger", STRANGERS)
@pytest.mark.parametrize("route", ROUTES)
def test_stranger_gets_no_answer(service: Service, route: tuple[str, str], stranger: str) -> None:
    """Without a key that is valid, and with a forged header even so, every route is closed."""
    method, path = route
    head = {"x-user": "ann"} if stranger == "forged" else {}
    role = None if stranger == "none" else stranger
    found = service.call(method, path, role, _body(method, path), **head)
    assert told(found) == STRANGERS[stranger]
    assert found.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize(
    "route", [one for one in ROUTES if one[1] not in ("/v1/tokens", "/metrics")]
)
def test_key_of_another_program_opens_nothing_of_this_one(
    service: Service, route: tuple[str, str]
) -> None:
    """Named or not, the program is not answered about."""
    method, path = route
    is_in_path, role = "acme-2008" in path, "other" if "trader" in ROUTES[route] else "other judge"
    named = path if is_in_path else f"{path}{'&' if '?' in path else '?'}authorization=acme-2008"
    body = _body(method, path)
    if isinstance(body, dict) and not is_in_path:
        named, body = path, {**body, "authorization": "acme-2008"}
    found = service.call(method, named, role, body)
    assert told(found) == (403, "other-program")
    if not is_in_path:
        assert service.call(method, path, "other", _body(method, path)).status_code == 400


@pytest.mark.parametrize(("path", "role"), [("/v1/tokens", "admin"), ("/metrics", "auditor")])
def test_what_is_of_all_programs_is_for_keys_of_all(
    service: Service, path: str, role: Role
) -> None:
    """The key of one program sees nothing of the others."""
    one, token = new_key("ann", role, ("acme-2008",), datetime.now(UTC), timedelta(1))
    change_keys(service.keys, lambda known: (*known, one))
    service.tokens["one"] = token
    found = service.call("GET", path, "one")
    assert told(found) == (403, "other-program")


@pytest.mark.parametrize("route", [one for one in ROUTES if one[0] == "GET"])
def test_head_of_a_route_passes_the_same_door(service: Service, route: tuple[str, str]) -> None:
    """Whoever may not read a route does not learn how long its answer is."""
    for role in (*ROLES, *STRANGERS, "other"):
        key = None if role == "none" else role
        name = {"x-user": "ann"} if role == "forged" else {}
        found = [service.call(method, route[1], key, **name) for method in ("HEAD", "GET")]
        head, whole = (one.status_code for one in found)
        assert head == whole, role


@pytest.mark.parametrize("stranger", [*STRANGERS, "other", "one"])
def test_stranger_learns_no_name_from_what_is_open(service: Service, stranger: str) -> None:
    """Readiness names programs and files only to a valid key that is for all programs."""
    one, token = new_key("ann", "auditor", ("acme-2008",), datetime.now(UTC), timedelta(1))
    change_keys(service.keys, lambda known: (*known, one))
    service.tokens["one"] = token
    head = {"x-user": "ann"} if stranger == "forged" else {}
    found = service.call("GET", "/readyz", None if stranger == "none" else stranger, **head)
    assert found.status_code == 200
    assert "acme" not in found.text


def test_header_of_the_proxy_alone_opens_nothing(service: Service) -> None:
    """From another address it is refused, whomever it names, and with a key or without one."""
    for key in (None, "trader", "admin"):
        for name in ("ann", "adam", ""):
            found = service.call("GET", "/v1/position", key, **{"x-user": name})
            assert told(found) == (401, "forged-header")


def test_every_route_is_in_the_matrix(service: Service) -> None:
    """A route that the document describes is open, or in the table of this test."""
    paths = service.get("/v1/openapi.json", None)["paths"]
    described = {(method.upper(), path) for path, one in paths.items() for method in one}
    tested = {(method, path.partition("?")[0]) for method, path in ROUTES}
    named = {"/o-1": "/{id}", "/adoption-3": "/{id}", "/acme-2008": "/{name}"}
    for value, name in named.items():
        tested = {(one, path.replace(value, name)) for one, path in tested}
    assert described == tested | {("GET", path) for path in OPEN}


@pytest.mark.parametrize("path", sorted(OPEN))
def test_route_without_secrets_needs_no_key(service: Service, path: str) -> None:
    """Who watches the process, or reads how it is used, needs no key."""
    assert service.call("GET", path, None).status_code == 200


@pytest.mark.parametrize("kind", KINDS)
def test_kind_of_event_is_for_its_roles_alone(service: Service, kind: str) -> None:
    """A role may ask about the kinds that it may submit, and about no others."""
    fields, roles = EVENTS[kind]
    event = {**fields, "kind": kind, "id": f"x-{kind}"}
    for path in ("/v1/check", "/v1/events"):
        for role in ROLES:
            if role in roles and path == "/v1/events":
                continue
            found = service.call("POST", path, role, event)
            expected = 200 if role in roles else 403
            assert found.status_code == expected, (role, found.text)


def test_kind_of_event_is_taken_from_each_of_its_roles(tmp_path: Path, sqlite: Store) -> None:
    """Each role may submit its kinds, and the record names whose key it was."""
    with serving(tmp_path, sqlite.url) as running:
        running.submit(**order("o-1"))
        asked = [(kind, role) for kind in KINDS for role in ROLES if role in EVENTS[kind][1]]
        for kind, role in asked:
            event = {**EVENTS[kind][0], "kind": kind, "id": f"{kind}-{role}"}
            found = running.call("POST", "/v1/events", role, event)
            assert found.status_code == 200, found.text
            story = running.get(f"/v1/decisions/{kind}-{role}")
            (own,) = (one for one in story["decisions"] if one["event"]["kind"] == kind)
            assert own["event"]["by"] == OWNERS[role]
        assert {kind for kind, _ in asked} == {*KINDS}


def test_record_names_whose_key_it_was(tmp_path: Path, sqlite: Store) -> None:
    """An event need not say who sends it, may say it, and cannot say another."""
    with serving(tmp_path, sqlite.url) as running:
        running.submit(**order("o-1"))
        assert running.submit(**order("o-1", by="ANN")).get("repeated")
        found = running.call("POST", "/v1/events", "trader", order("o-2", by="carl"))
        assert told(found) == (403, "other-person")
        # A halt stops, whatever name it gives.
        assert running.submit("operations", kind="halt", id="h-1", by="nobody", **DATED)["record"]
        held = order("o-3", method="block")
        assert running.submit(**held)["outcome"] == "denied"
        running.submit("compliance", kind="resume", id="s-1", reason="seen", **DATED)
    story = run("show", "h-1", "--journal", sqlite.url, "--json").json
    assert story[0]["event"]["by"] == "olga"
    assert run("show", "s-1", "--journal", sqlite.url, "--json").json[0]["event"]["by"] == "carl"


def test_report_that_a_colleague_sends_again_is_repeated(tmp_path: Path, sqlite: Store) -> None:
    """By another key of operations, alone or among others; an order of another trader is not."""
    with serving(tmp_path, sqlite.url) as running:
        now = datetime.now(UTC)
        otto, running.tokens["otto"] = new_key("otto", "operations", (), now, timedelta(1))
        art, running.tokens["art"] = new_key("art", "trader", (), now, timedelta(1))
        change_keys(running.keys, lambda known: (*known, otto, art))
        running.submit(**order("o-1", 2))
        reports = [
            fill("f-1", "o-1"),
            {**DATED, "kind": "correct", "id": "f-2", "fill": "f-1", "price": "9"},
            {**DATED, "kind": "bust", "id": "b-1", "fill": "f-2"},
            {**DATED, "kind": "cancel", "id": "c-1", "order": "o-1"},
        ]
        first = [running.submit("operations", **one) for one in reports]
        again = [running.submit("otto", **one) for one in reports]
        assert again == [{**one, "repeated": True} for one in first]
        kind = {"content-type": "application/x-ndjson"}
        found = running.call("POST", "/v1/events", "otto", lines(*reports), **kind)
        assert [json.loads(line) for line in found.text.splitlines()] == again
        assert running.submit("art", **order("o-1", 2))["outcome"] == "refused"
        assert running.get("/v1/position")["records"] == 6


def test_second_person_is_another_key(tmp_path: Path, sqlite: Store) -> None:
    """Who ordered cannot release, even with two keys; another person can."""
    with serving(tmp_path, sqlite.url) as running:
        assert running.submit(**order("o-1", method="block"))["outcome"] == "held"
        own, token = new_key("ann", "compliance", (), datetime.now(UTC), timedelta(1))
        change_keys(running.keys, lambda known: (*known, own))
        running.tokens["own"] = token
        release = {"kind": "release", "order": "o-1", "reason": "seen", **DATED}
        denied = running.submit("own", id="r-1", **release)
        assert denied["outcome"] == "denied"
        assert "engine.same-person" in [one["rule"] for one in denied["findings"]]
        assert running.submit("compliance", id="r-2", **release)["outcome"] == "approved"


def test_keys_change_while_the_service_runs(tmp_path: Path, sqlite: Store) -> None:
    """A key made, rotated or revoked with the command counts from the next request on."""
    with serving(tmp_path, sqlite.url) as running:
        keys = ("--keys", running.keys)
        made = run("token", "new", *keys, "--by", "dora", "--role", "auditor", "--json").json
        running.tokens["dora"] = made["token"]
        assert running.call("GET", "/healthz", "dora").status_code == 200
        assert running.get("/v1/decisions", "dora")["decisions"] == []
        turned = run("token", "rotate", made["id"], *keys, "--json").json
        running.tokens["turned"] = turned["token"]
        assert running.call("GET", "/v1/decisions", "dora").json()["code"] == "expired-key"
        assert running.call("GET", "/v1/decisions", "turned").status_code == 200
        assert run("token", "revoke", turned["id"], *keys).code == 0
        assert running.call("GET", "/v1/decisions", "turned").json()["code"] == "revoked-key"
        # A file that cannot be read leaves the keys as they were, and that shows.
        running.keys.write_text("{}", encoding="utf-8")
        assert running.call("GET", "/v1/decisions", "auditor").status_code == 200
        ready = running.call("GET", "/readyz", None).json()
        assert [one["is_met"] for one in ready["checks"] if one["name"] == "keys"] == [False]


def test_stream_ends_with_its_key(tmp_path: Path, sqlite: Store) -> None:
    """Whoever may read no longer is not sent what comes after."""
    with serving(tmp_path, sqlite.url) as running:
        running.submit(**order("o-1"))
        keys = ("--keys", running.keys)
        made = run("token", "new", *keys, "--by", "di", "--role", "auditor", "--json").json
        head = {"authorization": f"Bearer {made['token']}"}
        url = f"{running.url}/v1/stream?after=0"
        with running.client.stream("GET", url, headers=head) as stream:
            found = stream.iter_lines()
            while next(found) != "event: decision":
                pass
            assert run("token", "revoke", made["id"], *keys).code == 0
            assert "event: stop" in list(found)


def test_key_of_one_program_means_that_program(tmp_path: Path, sqlite: Store) -> None:
    """Of several programs, an event names its own, unless its key has only one."""
    (tmp_path / "rules").mkdir()
    for name in ("acme-2008", "acme-2009"):
        text = RULES.replace("authorization: acme-2008", f"authorization: {name}")
        (tmp_path / "rules" / f"{name}.yaml").write_text(text, encoding="utf-8")
    given = ("--rules", str(tmp_path / "rules"))
    with serving(tmp_path, sqlite.url, rules=given) as running:
        found = running.call("POST", "/v1/events", body=order("o-1"))
        assert told(found) == (400, "unreadable")
        assert "which program" in found.json()["errors"][0]["what"]
        assert running.submit(**order("o-1", authorization="acme-2008"))["record"] == 2
        one, token = new_key("ann", "trader", ("acme-2009",), datetime.now(UTC), timedelta(1))
        change_keys(running.keys, lambda known: (*known, one))
        running.tokens["one"] = token
        assert running.submit("one", **order("o-1"))["record"] == 2
        assert running.get("/v1/program", "one")["authorization"] == "acme-2009"
        assert running.get("/v1/position?authorization=acme-2008")["records"] == 2
        both = [order("o-2", authorization=name) for name in ("acme-2008", "acme-2009")]
        kind = {"content-type": "application/x-ndjson"}
        mixed = running.call("POST", "/v1/events", body=lines(*both), **kind)
        assert mixed.json()["errors"][0]["what"] == "the events are of several programs"


def test_program_whose_persons_the_system_tells_is_not_served(
    tmp_path: Path, sqlite: Store
) -> None:
    """Keys say who sends an event; a program that takes it from elsewhere would contradict them."""
    begun = json.dumps(order("o-1"))
    (tmp_path / "acme.yaml").write_text(RULES, encoding="utf-8")
    rules = ("--journal", sqlite.url, "--rules", tmp_path / "acme.yaml")
    assert run("submit", "-", *rules, "--identity", "os", stdin=begun).code == 0
    keys = tmp_path / "keys.json"
    assert run("token", "new", "--keys", keys, "--by", "ann", "--role", "trader").code == 0
    ended = run("serve", "--journal", sqlite.url, "--keys", keys, "--port", "0")
    assert (ended.code, "takes `by` from the operating system" in ended.err) == (2, True)


def test_listed_keys_have_no_secret(service: Service) -> None:
    """Neither the file, the command, the address nor a log has a token or its secret."""
    shown = run("token", "list", "--keys", service.keys, "--json").out
    listed = service.call("GET", "/v1/tokens", "admin").text
    assert json.loads(shown)[0]["by"] == json.loads(listed)[0]["by"] == "ann"
    logs = service.log.read_text() + (service.keys.parent / "refused.jsonl").read_text()
    file = service.keys.read_text()
    for token in service.tokens.values():
        secret = token.rpartition("_")[2]
        assert not any(secret in text for text in (shown, listed, logs, file))
    assert service.keys.stat().st_mode & 0o077 == 0


def test_refused_calls_are_kept(service: Service) -> None:
    """Each has a line that says who, what and why, under the name that the sender was told."""
    found = service.call("GET", "/v1/tokens", "trader")
    kept = [
        json.loads(line)
        for line in (service.keys.parent / "refused.jsonl").read_text().splitlines()
    ]
    (line,) = (one for one in kept if one["request"] == found.headers["x-request-id"])
    assert (line["code"], line["by"], line["route"]) == ("role", "ann", "/v1/tokens")
    assert {one["code"] for one in kept} <= {
        *("no-key", "unknown-key", "expired-key", "revoked-key", "forged-header"),
        *("role", "other-program", "other-person"),
    }


def test_trusted_proxy_names_the_caller(tmp_path: Path, sqlite: Store) -> None:
    """The named person may do what their keys say; nobody else is let in by a name."""
    proxy = ("--proxy", "127.0.0.1", "--proxy-header", "X-User")
    with serving(tmp_path, sqlite.url, *proxy) as running:
        sent = running.call("POST", "/v1/events", None, order("o-1"), **{"x-user": "ann"})
        assert sent.json()["outcome"] == "approved"
        found = running.call("GET", "/metrics", None, **{"x-user": "ann"})
        assert told(found) == (403, "role")
        found = running.call("GET", "/v1/orders", None, **{"x-user": "zoe"})
        assert told(found) == (401, "unknown-key")
        added, _ = new_key("田中", "auditor", (), datetime.now(UTC), timedelta(1))
        change_keys(running.keys, lambda known: (*known, added))
        head = {b"x-user": "田中".encode()}
        assert running.client.get(f"{running.url}/v1/decisions", headers=head).status_code == 200
        # Without the header, a key is needed as elsewhere.
        assert running.call("GET", "/v1/orders", None).json()["code"] == "no-key"


def test_key_that_sends_too_much_waits(tmp_path: Path, sqlite: Store) -> None:
    """Past its rate, a key is told when to come again; other keys are answered."""
    with serving(tmp_path, sqlite.url, "--rate", "1") as running:
        codes = [running.call("GET", "/v1/decisions").status_code for _ in range(2)]
        found = running.call("GET", "/v1/decisions")
        assert 429 in (*codes, found.status_code)
        assert running.call("GET", "/v1/decisions", "auditor").status_code == 200


def test_without_keys_only_this_machine_is_let_in(tmp_path: Path, sqlite: Store) -> None:
    """It says so on every start; no page in a browser is answered, and no other host."""
    with serving(tmp_path, sqlite.url, "--insecure-local", has_keys=False) as running:
        assert running.lines("insecure")[0]["level"] == "warning"
        assert running.call("POST", "/v1/events", None, order("o-1", by="sue")).status_code == 200
        for head in ({"origin": "http://a.example"}, {"host": "a.example"}, {"host": "[::1"}):
            found = running.call("GET", "/v1/orders", None, **head)
            assert told(found) == (403, "not-local")
        plain = running.call("POST", "/v1/events", None, b"{}", **{"content-type": "text/plain"})
        assert plain.status_code == 415
    story = run("show", "o-1", "--journal", sqlite.url, "--json").json
    assert story[0]["event"]["by"] == "sue"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ((), "it is not said who may come in; give either --keys FILE or --insecure-local"),
        (("--insecure-local", "--host", "0.0.0.0"), "without keys, 0.0.0.0 cannot be listened to"),
        (("--keys", "none.json"), "the keys cannot be read"),
        (("--insecure-local", "--proxy", "10.0.0.1"), "--proxy and --proxy-header belong together"),
        (("--insecure-local", "--tls-key", "a"), "--tls-certificate and --tls-key belong together"),
    ],
)
def test_service_that_is_not_closed_does_not_start(
    tmp_path: Path, options: tuple[str, ...], said: str
) -> None:
    """A start without keys, or with half of a setting, ends with a sentence, and makes nothing."""
    ended = run("serve", "--journal", "desk.db", *options, cwd=tmp_path)
    assert (ended.code, ended.out) == (2, "")
    assert said in ended.err
    assert list(tmp_path.iterdir()) == []


def test_program_that_begins_names_who_adopts(tmp_path: Path) -> None:
    """With keys, nobody adopts a rule file without a name."""
    (tmp_path / "keys.json").touch(0o600)
    (tmp_path / "keys.json").write_text('{"keys": []}', encoding="utf-8")
    given = ("--journal", "desk.db", "--rules", "iij-2008", "--keys", "keys.json", "--port", "0")
    ended = run("serve", *given, cwd=tmp_path)
    assert (ended.code, "name who adopts its rule file with --by" in ended.err) == (2, True)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "this is not a file of keys"),
        (b'{"keys": [], "format": 2}', "this is not a file of keys"),
        (b'{"keys": [{"id": "x"}]}', "this is not a file of keys"),
        (b"\xff", "this is not a file of keys"),
    ],
)
def test_file_that_is_not_of_keys_is_refused(tmp_path: Path, content: bytes, said: str) -> None:
    """Nothing is guessed from it, and nothing is written to it."""
    file = tmp_path / "keys.json"
    file.touch(0o600)
    file.write_bytes(content)
    ended = run("token", "new", "--keys", file, "--by", "ann", "--role", "trader")
    assert (ended.code, said in ended.err) == (2, True)
    assert file.read_bytes() == content


def test_file_of_keys_that_others_can_open_is_refused(tmp_path: Path) -> None:
    """A key that others could add would open the door to them."""
    file = tmp_path / "keys.json"
    assert run("token", "new", "--keys", file, "--by", "ann", "--role", "trader").code == 0
    file.chmod(0o644)
    ended = run("token", "list", "--keys", file)
    assert (ended.code, "others than its owner can open" in ended.err) == (2, True)


def test_key_that_is_not_there_is_not_changed(tmp_path: Path) -> None:
    """A misspelled ID says so; a key that ended cannot be rotated."""
    file = tmp_path / "keys.json"
    made = run("token", "new", "--keys", file, "--by", "ann", "--role", "trader", "--json").json
    before = file.read_bytes()
    for what in ("rotate", "revoke"):
        ended = run("token", what, "0" * 12, "--keys", file)
        assert (ended.code, "there is no key" in ended.err) == (2, True)
    assert file.read_bytes() == before
    assert run("token", "revoke", made["id"], "--keys", file).code == 0
    ended = run("token", "rotate", made["id"], "--keys", file)
    assert (ended.code, "is revoked" in ended.err) == (2, True)
    assert "revoked" in run("token", "list", "--keys", file).out


def test_clock_set_back_makes_no_ended_key_valid(tmp_path: Path, sqlite: Store) -> None:
    """It is answered on, with the moments that the clock shows; `verify` remarks on them."""
    shift = tmp_path / "shift"
    shift.write_text("0")
    program = (sys.executable, str(Path(__file__).with_name("clock_off.py")), str(shift))
    with serving(tmp_path, sqlite.url, program=program) as service:
        assert service.submit(**order("o-1"))["outcome"] == "approved"
        # The keys of the test are for a day.
        shift.write_text("100000")
        found = service.call("POST", "/v1/events", "trader", order("o-2"))
        assert (found.status_code, found.json()["code"]) == (401, "expired-key")
        shift.write_text("0")
        found = service.call("POST", "/v1/events", "trader", order("o-2"))
        assert (found.status_code, found.json()["code"]) == (401, "expired-key")
        now = datetime.now(UTC)
        key, service.tokens["trader"] = new_key("ann", "trader", (), now, timedelta(9))
        change_keys(service.keys, lambda known: (*known, key))
        shift.write_text("-3600000")
        assert service.submit(**order("o-2"))["outcome"] == "approved"
        ahead = order("o-3", date=f"{now:%Y-%m-%d}")
        found = service.call("POST", "/v1/events", "trader", ahead)
        assert (found.status_code, "is dated" in found.json()["detail"]) == (400, True)
        shift.write_text("0")
        # Sent again as it was, it is answered.
        assert service.submit(**ahead)["outcome"] == "denied"
        assert service.get("/readyz", None)["ready"] is True
        assert service.stop() == 0
    verified = run("verify", "--journal", sqlite.url)
    assert (verified.code, "clock set back" in verified.out + verified.err) == (0, True)
