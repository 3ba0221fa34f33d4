"""The client: it answers as a desk does, and sends again until it has an answer."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable, Iterator
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final

import httpx
import pytest

from repurchase import Desk, InputError, JournalError, Rules, UsageError
from repurchase.client import AsyncClient, Client
from services import Service, fill, lines, order, serving
from stores import Store
from test_cli import run


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """Give a service with one order."""
    folder = tmp_path_factory.mktemp("client")
    with serving(folder, str(folder / "journal.db")) as running:
        running.submit(**order("o-1"))
        yield running


def client(service: Service, role: str = "trader") -> Client:
    """Return a client with the key of *role*."""
    return Client(service.url, service.tokens[role])


def test_answers_are_those_of_a_desk(tmp_path: Path, sqlite: Store) -> None:
    """The same events through HTTP and at a desk of this process get the same decisions."""
    rules = tmp_path / "acme-2008.yaml"
    with serving(tmp_path, sqlite.url) as running, client(running) as far:
        with Desk(tmp_path / "own.db", Rules(rules), by="tess") as near:
            events = [order("o-1"), order("o-2", 99), order("o-3", price=Decimal("2.5"))]
            there, here = far.submit(events), near.submit([one | {"by": "ann"} for one in events])
            for one, other in zip(there, here, strict=True):
                assert one.receipt is not None
                assert other.receipt is not None
                assert one.receipt.record == other.receipt.record
                assert (one.outcome, one.findings) == (other.outcome, other.findings)
                assert one.position == other.position
            assert far.position() == near.position
            asked = order("o-4", price="3")
            assert far.check(asked).findings == near.check(asked | {"by": "ann"}).findings
            own = {name: value for name, value in order("o-5").items() if name != "quantity"}
            del own["kind"], own["id"]
            assert far.headroom(own) == near.headroom(own | {"by": "ann"})
        again = far.submit(json.dumps(events[0], indent=1))
        assert (again.repeated, again.receipt) == (True, there[0].receipt)
        odd = "a/b c?d#e%20ü"
        far.submit(order(odd))
        assert [one.event["id"] for one in far.story(odd).story] == [odd]
        page = far.decisions(limit=2)
        assert [one.record for one in page.decisions] == [2, 3]
        assert far.decisions(page.next or 0).decisions[0].event["id"] == "o-3"


def test_answers_can_be_awaited(service: Service) -> None:
    """Many wait at once, and each gets the answer to its own event."""

    async def asked() -> list[str]:
        async with AsyncClient(service.url, service.tokens["trader"]) as far:
            sent = (far.submit(order(f"a-{number}")) for number in range(8))
            found = [one.id for one in await asyncio.gather(*sent)]
            several = await far.submit_all([order("a-8"), order("a-9")])
            found += (one.id for one in several)
            assert (await far.check(order("a-9"))).repeated
            assert (await far.story("a-9")).decisions[0].record > 0
            assert len((await far.decisions(1)).decisions) > 1
            own = {"symbol": "9999", "price": "10", "fees": 0, "date": "2008-11-17"}
            assert (await far.headroom(own)).price == "10"
            assert (await far.position()).executed_shares == "0"
            return found

    assert asyncio.run(asked()) == [f"a-{number}" for number in range(10)]


@pytest.mark.parametrize(
    ("role", "ask", "error", "said"),
    [
        ("trader", lambda far: far.submit("{}"), InputError, "`kind` is missing"),
        ("trader", lambda far: far.submit({"price": 1.5}), InputError, "is the float 1.5"),
        ("trader", lambda far: far.submit(fill("f-1", "o-1")), UsageError, "no role"),
        ("auditor", lambda far: far.submit(order("x")), UsageError, "no role"),
        ("trader", lambda far: far.story("nothing"), UsageError, "no event of this ID"),
        ("trader", lambda far: far.headroom({"symbol": "9999"}), InputError, "neither `price`"),
    ],
)
def test_problem_raises_the_error_of_whoever_can_act(
    service: Service, role: str, ask: Callable[[Client], object], error: type, said: str
) -> None:
    """Sender, operator or keeper of the journal: each has an error of its own."""
    with client(service, role) as far, pytest.raises(error, match=said):
        ask(far)


def test_fault_of_a_line_names_the_line(service: Service) -> None:
    """Of several events, the one that cannot be read is told by its number."""
    with client(service) as far, pytest.raises(InputError) as caught:
        far.submit([order("x"), "{}"])
    assert {one.line for one in caught.value.problems} == {2}


class _Script(BaseHTTPRequestHandler):
    """Answers with what stands next in the script; `None` ends the connection without an answer."""

    script: list[tuple[int, dict[str, str], bytes] | None]
    bodies: list[bytes]

    def do_POST(self) -> None:
        self.bodies.append(self.rfile.read(int(self.headers["content-length"])))
        said = self.script.pop(0)
        if said is None:
            self.close_connection = True
            return
        status, headers, body = said
        self.send_response(status)
        for name, value in (*headers.items(), ("content-length", str(len(body)))):
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Write nothing."""


@pytest.fixture
def scripted() -> Iterator[tuple[str, type[_Script]]]:
    """Give a server that does what a script says."""
    script = type("Script", (_Script,), {"script": [], "bodies": []})
    with ThreadingHTTPServer(("127.0.0.1", 0), script) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}", script
        server.shutdown()
        thread.join()


DECIDED: Final = json.dumps(
    {
        "id": "o-1",
        "kind": "order",
        "outcome": "approved",
        "findings": [],
        "edition": "e",
        "position": dict.fromkeys(
            f"{part}_{of}"
            for part in ("executed", "reserved", "remaining")
            for of in ("shares", "amount")
        ),
    }
).encode()
BUSY: Final = 503, {"retry-after": "0"}, b'{"errors": [{"what": "too much waits"}]}'


def test_event_is_sent_again_until_it_is_answered(scripted: tuple[str, type[_Script]]) -> None:
    """A connection that ends, a full queue and a proxy without a service are no answers."""
    url, script = scripted
    script.script += [None, BUSY, (502, {}, b"no service"), (200, {}, DECIDED)]
    with Client(url) as far:
        assert far.submit(order("o-1")).outcome == "approved"
    assert len(script.bodies) == 4
    assert len(set(script.bodies)) == 1


def test_event_is_not_sent_for_ever(scripted: tuple[str, type[_Script]]) -> None:
    """After its tries, the last reason is raised; what is wrong with the event is sent once."""
    url, script = scripted
    with Client(url, tries=2) as far:
        script.script += [BUSY, BUSY]
        with pytest.raises(JournalError, match="too much waits"):
            far.submit(order("o-1"))
        script.script += [None, None]
        with pytest.raises(JournalError, match="does not answer"):
            far.submit(order("o-1"))
        script.script += [(418, {}, b"a teapot")]
        with pytest.raises(UsageError, match="the status 418"):
            far.submit(order("o-1"))
        script.script += [(200, {}, b"<html>")]
        with pytest.raises(JournalError, match="this version does not read"):
            far.submit(order("o-1"))
    assert script.script == []


def test_commands_ask_a_service(tmp_path: Path, sqlite: Store) -> None:
    """`submit` and `check` show what the service answers, and keep their exit codes."""
    with serving(tmp_path, sqlite.url) as running:
        at = ("--server", running.url)
        token = running.tokens["trader"]
        events = lines(order("o-1"), order("o-2", 99), order("o-3"))
        sent = run("submit", "-", *at, "--json", stdin=events, REPURCHASE_TOKEN=token)
        assert (sent.code, sent.err) == (1, "")
        decided = [json.loads(line) for line in sent.out.splitlines()]
        assert [(one["id"], one["record"]) for one in decided] == [
            ("o-1", 2),
            ("o-2", 3),
            ("o-3", 4),
        ]
        again = run(
            "submit", "-", *at, stdin=events, REPURCHASE_JOURNAL="other.db", REPURCHASE_TOKEN=token
        )
        shown = again.out.splitlines()
        assert shown[0] == "APPROVED  order o-1 (record 2), as before"
        assert shown[2].startswith("  share-cap (deny): shares bought and on order: 100")
        asked = run(
            "check", "--event", "-", *at, stdin=json.dumps(order("o-4")), REPURCHASE_TOKEN=token
        )
        assert (asked.code, asked.out) == (0, "APPROVED  order o-4\n")
        mixed = lines(order("o-5"), order("o-6", date="2100-01-01"), order("o-7"))
        some = run("submit", "-", *at, "--keep-going", stdin=mixed, REPURCHASE_TOKEN=token)
        assert (some.code, "dated 2100-01-01" in some.err) == (2, True)
        assert [line.split()[2] for line in some.out.splitlines()] == ["o-5", "o-7"]
        refused = run("submit", "-", *at, stdin=events)
        assert (refused.code, "the request has no key" in refused.err) == (2, True)
        for option in (("--journal", "a.db"), ("--rules", "iij-2008"), ("--one-person",)):
            ended = run("submit", "-", *at, *option, stdin=events, REPURCHASE_TOKEN=token)
            assert f"`{option[0]}` cannot be given with --server" in ended.err
        ended = run(
            "check", "--event", "-", *at, "--rules", "iij-2008", stdin=b"{}", REPURCHASE_TOKEN=token
        )
        assert "`--rules` cannot be given with --server" in ended.err


def test_client_of_its_own_certificates_can_be_given(service: Service) -> None:
    """What sends the requests is the caller's, and closed with the client."""
    own = httpx.Client(timeout=None, verify=False, trust_env=False)
    with Client(service.url, service.tokens["auditor"], http=own) as far:
        assert far.position().executed_shares == "0"
    assert own.is_closed
