"""The one writer: bounded, in groups, and never an answer without a record, whatever ends."""

from __future__ import annotations

import json
import random
import resource
import signal
import socket
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from desk_events import PROGRAM
from repurchase.journal.store import Journal
from services import ROOMY, Service, fill, head, lines, order, problem, raw, serving, told
from stores import Store
from test_cli import run

CALLERS: Final = 8


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """Give a service that waits a second for a request, and whose program has begun."""
    folder = tmp_path_factory.mktemp("bounds")
    with serving(folder, str(folder / "journal.db"), "--patience", "1") as running:
        running.submit(**order("o-1"))
        yield running
        # Whatever the tests sent, it lives, and is what it was.
        assert running.get("/v1/position")["records"] == 2
        assert "error" not in [one["level"] for one in running.lines("server")]
        assert running.stop() == 0


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", "is not a JSON object"),
        (b"[" * 10_000, "is not a JSON object"),
        (b'{"kind": ' + b"[" * 10_000 + b"]" * 10_000 + b"}", "is nested too deep"),
        (b'{"kind": "order", "kind": "fill"}', "`kind` is given twice"),
        (b'{"kind": "\xff"}', "is not UTF-8"),
        (b'{"kind": "order", "quantity": NaN}', "`quantity` is `NaN`"),
        (b'{"kind": "order", "quantity": 1e2}', "`quantity` is `1e2`"),
        (b'{"kind": "order"} {"kind": "order"}', "has text after its JSON object"),
        (b" " * 70_000 + b"{}", "is longer than 65536 bytes"),
    ],
)
def test_body_that_is_not_an_event_is_a_problem(shared: Service, body: bytes, said: str) -> None:
    """The project's own reader finds the fault, and nothing is recorded."""
    found = shared.call("POST", "/v1/events", body=body)
    assert told(found) == (400, "unreadable")
    assert any(said in one["what"] for one in found.json()["errors"]), found.text


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", ""])
def test_body_of_another_type_is_refused(shared: Service, kind: str) -> None:
    """A page in a browser can send no event without asking first."""
    found = shared.call("POST", "/v1/events", body=b"{}", **{"content-type": kind})
    assert told(found) == (415, "media-type")


def test_body_that_is_too_long_is_refused_before_it_is_read(shared: Service) -> None:
    """By its length if that is told; otherwise as soon as it is too long."""
    long = raw(shared, head(shared, "Content-Length: 104857600", "Connection: close"))
    assert problem(long) == "too-large"
    chunk = b"100000\r\n" + b"x" * (1 << 20) + b"\r\n"
    several = (chunk for _ in range(100))
    untold = raw(shared, head(shared, "Transfer-Encoding: chunked", "Connection: close"), *several)
    assert untold.startswith(b"HTTP/1.1 413 ")
    packed = shared.call("POST", "/v1/events", body=b"x", **{"content-encoding": "gzip"})
    assert told(packed) == (415, "media-type")


def test_request_that_comes_too_slowly_is_ended(shared: Service) -> None:
    """A body has an answer; a head, or a connection that says nothing, is only closed."""
    body = head(shared, "Content-Length: 10", "Connection: close")
    with ThreadPoolExecutor(3) as callers:
        sent = [callers.submit(raw, shared, *parts) for parts in ((body,), (body[:40],), ())]
        late, *silent = (one.result() for one in sent)
    assert problem(late) == "late"
    assert silent == [b"", b""]


@pytest.mark.parametrize(
    "flood",
    [
        b"X-Long: " + b"x" * (1 << 17),
        b"".join(b"X-%d: 1\r\n" % number for number in range(101)),
    ],
)
def test_flood_of_headers_is_ended(shared: Service, flood: bytes) -> None:
    """Neither one that has no end nor very many of them are kept."""
    parts = [flood[at : at + 16_384] for at in range(0, len(flood), 16_384)]
    found = raw(
        shared, b"GET /healthz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n", *parts, b"\r\n\r\n"
    )
    assert found.startswith(b"HTTP/1.1 400 ") or found == b""


def _is_held(port: int, other: int) -> bool:
    """Return whether a process holds the end at *port* of the connection from the port *other*."""
    rows = Path("/proc/net/tcp").read_text(encoding="ascii").splitlines()[1:]
    ends = ((row[1], row[2], row[9]) for row in map(str.split, rows))
    wanted = f":{port:04X}", f":{other:04X}"
    return any((one[-5:], two[-5:]) == wanted and held != "0" for one, two, held in ends)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux shows what a process has open")
def test_answers_that_nobody_reads_are_not_kept(shared: Service) -> None:
    """Whoever asks and does not read is cut off, with what waits to be read."""
    host, port = shared.url.removeprefix("http://").split(":")
    asked = b"GET /v1/openapi.json HTTP/1.1\r\nHost: localhost\r\n\r\n"
    with socket.create_connection((host, int(port))) as connection:
        connection.sendall(asked * 400)
        own = connection.getsockname()[1]
        while not _is_held(int(port), own):
            time.sleep(0.01)
        while _is_held(int(port), own):
            time.sleep(0.01)


def test_sender_that_leaves_loses_no_record(tmp_path: Path, sqlite: Store) -> None:
    """What was sent whole is recorded, and the same event again gets the decision."""
    with serving(tmp_path, sqlite.url) as running:
        body = json.dumps(order("o-1")).encode()
        host, port = running.url.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port))) as connection:
            connection.sendall(head(running, f"Content-Length: {len(body)}") + body)
        while not running.get("/v1/decisions")["decisions"]:
            time.sleep(0.01)
        assert running.submit(**order("o-1"))["repeated"]


def test_queue_that_is_full_takes_nothing(tmp_path: Path, sqlite: Store) -> None:
    """While the journal is held, so many wait; the next is told to come again, and all is well."""
    with (
        serving(tmp_path, sqlite.url, "--waiting", "3") as running,
        ThreadPoolExecutor(5) as callers,
    ):
        running.submit(**order("o-0"))
        with Journal(sqlite.url) as other, other.writing(PROGRAM):
            waits = _three_waiting(running, callers)
            found = running.call("POST", "/v1/events", body=order("o-5"))
            assert told(found) == (503, "busy")
            assert found.headers["retry-after"] == "1"
            batch = lines(order("o-6"), order("o-7"))
            kind = {"content-type": "application/x-ndjson"}
            assert running.call("POST", "/v1/events", body=batch, **kind).status_code == 503
            # What only reads is answered all the time.
            assert running.get("/v1/position")["records"] == 2
        assert {one.result()["outcome"] for one in waits} == {"approved"}
        ids = [one["event"]["id"] for one in running.get("/v1/decisions")["decisions"]]
        assert sorted(ids) == ["o-0", "o-1", "o-2", "o-3", "o-4"]
        # The three that waited shared a commit.
        text = running.call("GET", "/metrics", "auditor").text
        assert 'repurchase_group_events_bucket{le="2"} 2' in text
        assert 'repurchase_group_events_bucket{le="4"} 3' in text


def _three_waiting(service: Service, callers: ThreadPoolExecutor) -> list[Future[Any]]:
    """Send four orders while the journal is held; return once one is tried, and three wait."""
    sent = [callers.submit(service.submit, **order("o-1"))]
    _wait_for(service, "repurchase_recording_events 1")
    sent += (callers.submit(service.submit, **order(f"o-{number}")) for number in (2, 3, 4))
    _wait_for(service, "repurchase_waiting_events 3")
    return sent


def _wait_for(service: Service, line: str) -> None:
    while line not in service.call("GET", "/metrics", "auditor").text.splitlines():
        time.sleep(0.01)


def test_stop_answers_what_was_taken(tmp_path: Path, sqlite: Store) -> None:
    """On SIGTERM, what waits for the journal is recorded and answered before the process ends."""
    with serving(tmp_path, sqlite.url) as running, ThreadPoolExecutor(4) as callers:
        running.submit(**order("o-0"))
        with Journal(sqlite.url) as other, other.writing(PROGRAM):
            waits = _three_waiting(running, callers)
            running.process.send_signal(signal.SIGTERM)
            while not running.lines("stopping"):
                time.sleep(0.01)
            with pytest.raises(httpx.ConnectError):
                running.call("GET", "/healthz", None)
        assert {one.result()["outcome"] for one in waits} == {"approved"}
        assert running.process.wait() == 0
    records = run("position", "--journal", sqlite.url, "--json").json["records"]
    assert records == 6


def test_journal_that_cannot_be_written_is_told_and_comes_back(
    tmp_path: Path, sqlite: Store
) -> None:
    """Nothing is approved without a record; once the journal can be written, all goes on."""
    with serving(tmp_path, sqlite.url) as running:
        running.submit(**order("o-1"))
        place = Path(sqlite.url)
        aside = place.with_name("aside.db")
        place.rename(aside)
        found = running.call("POST", "/v1/events", body=order("o-2"))
        assert told(found) == (503, "journal")
        assert str(tmp_path) not in found.text
        assert running.call("GET", "/readyz", None).status_code == 503
        assert running.get("/healthz", None) == {"alive": True}
        aside.rename(place)
        running.submit(**order("o-2"))
        while running.call("GET", "/readyz", None).status_code != 200:
            time.sleep(0.05)
        assert running.lines("writer") == []


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux limits another process")
def test_disk_that_is_full_is_told_and_comes_back(tmp_path: Path, sqlite: Store) -> None:
    """Nothing is recorded and nothing approved, reads go on, and with room again so do writes."""
    with serving(tmp_path, sqlite.url) as running:
        running.submit(**order("o-1"))
        none, most = resource.prlimit(running.process.pid, resource.RLIMIT_FSIZE)
        # No byte may be written to any file, not even the log's.
        resource.prlimit(running.process.pid, resource.RLIMIT_FSIZE, (0, most))
        for name in ("o-2", "o-3"):
            found = running.call("POST", "/v1/events", body=order(name))
            assert told(found) == (503, "journal")
        assert running.get("/v1/position")["records"] == 2
        assert running.call("GET", "/readyz", None).status_code == 503
        resource.prlimit(running.process.pid, resource.RLIMIT_FSIZE, (none, most))
        assert running.submit(**order("o-2"))["outcome"] == "approved"
        assert running.get("/v1/position")["records"] == 3
    assert run("verify", "--journal", sqlite.url).code == 0


def _until_answered(service: Service, event: dict[str, Any], dead: threading.Event) -> Any:
    """Return the decision on *event*, sent again until it has one, or `None` once it is *dead*."""
    while not dead.is_set():
        with suppress(httpx.TransportError):
            found = service.call("POST", "/v1/events", body=event)
            if found.status_code == 200:
                return found.json()
    return None


@pytest.mark.slow
def test_killed_service_loses_no_answer(tmp_path: Path, sqlite: Store) -> None:
    """What was answered before SIGKILL is recorded; all events, sent again, count once."""
    events = [order(f"o-{number}") for number in range(24)]
    answered: dict[str, Any] = {}
    chance = random.Random(7)
    for _ in range(2):
        dead = threading.Event()
        with serving(tmp_path, sqlite.url, rules=ROOMY) as running:
            running.tokens = answered.setdefault("tokens", running.tokens)
            with ThreadPoolExecutor(CALLERS) as callers:
                left = [one for one in events if one["id"] not in answered]
                waits = {
                    one["id"]: callers.submit(_until_answered, running, one, dead) for one in left
                }
                time.sleep(chance.uniform(0.02, 0.08))
                running.process.kill()
                dead.set()
            answered |= {name: one.result() for name, one in waits.items() if one.result()}
    with serving(tmp_path, sqlite.url, rules=ROOMY) as running:
        running.tokens = answered.pop("tokens")
        for event in events:
            again = running.submit(**event)
            first = answered.get(event["id"], again)
            assert (again["record"], again["hash"]) == (first["record"], first["hash"])
        assert running.get("/v1/position")["position"]["reserved_shares"] == "24"
    assert run("verify", "--journal", sqlite.url).code == 0


def test_database_that_ends_its_connections_is_found_again(tmp_path: Path, postgres: Store) -> None:
    """What is answered meanwhile says that nothing was recorded, and then all goes on."""
    with serving(tmp_path, postgres.url) as running:
        running.submit(**order("o-1"))
        ended = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        postgres.rows(f"{ended} WHERE datname = current_database() AND pid <> pg_backend_pid()")
        while (found := running.call("POST", "/v1/events", body=order("o-2"))).status_code != 200:
            assert told(found) == (503, "journal")
        while running.call("GET", "/readyz", None).status_code != 200:
            time.sleep(0.05)
        assert running.get("/v1/position")["records"] == 3


def test_service_speaks_tls(tmp_path: Path, sqlite: Store) -> None:
    """With a certificate of its own, it is asked over TLS and only so."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    made = x509.CertificateBuilder(name, name, key.public_key(), 1, now, now + timedelta(1))
    pem = serialization.Encoding.PEM
    (tmp_path / "cert.pem").write_bytes(made.sign(key, hashes.SHA256()).public_bytes(pem))
    form, without = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    (tmp_path / "key.pem").write_bytes(key.private_bytes(pem, form, without))
    tls = ("--tls-certificate", "cert.pem", "--tls-key", "key.pem")
    with serving(tmp_path, sqlite.url, *tls) as running:
        assert running.url.startswith("https://")
        assert running.submit(**order("o-1"))["outcome"] == "approved"
        assert running.stop(signal.SIGINT) == 130


def test_services_share_a_journal(tmp_path: Path, postgres: Store) -> None:
    """Two processes on one database use a cap to its last share, and never beyond it."""
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    with (
        serving(tmp_path / "one", postgres.url) as one,
        serving(tmp_path / "two", postgres.url) as two,
        ThreadPoolExecutor(CALLERS) as callers,
    ):
        sent = [
            callers.submit((one, two)[number % 2].submit, **order(f"o-{number % 15}", 4))
            for number in range(30)
        ]
        decided: dict[str, set[str]] = {}
        for each in sent:
            decision = each.result()
            decided.setdefault(decision["id"], set()).add(decision["outcome"])
        assert all(len(outcomes) == 1 for outcomes in decided.values())
        approved = [name for name, outcomes in decided.items() if outcomes == {"approved"}]
        assert (len(decided), len(approved)) == (15, 10)
        one.submit("operations", **fill("f-1", approved[0]))
        for service in (one, two):
            found = service.get("/v1/position")
            assert found["position"]["executed_shares"] == "1"
            assert found["records"] == 17
    assert run("verify", "--journal", postgres.url, fresh=True).code == 0


@pytest.mark.slow
def test_other_rules_adopted_elsewhere_are_taken(tmp_path: Path, sqlite: Store) -> None:
    """A service that began a program goes on after another process changed its rules."""
    with serving(tmp_path, sqlite.url, "--one-person") as running:
        running.submit(**order("o-1"))
        edited = tmp_path / "edited.yaml"
        text = (tmp_path / "acme-2008.yaml").read_text(encoding="utf-8")
        edited.write_text(text.replace("value: 40 shares", "value: 39 shares"), encoding="utf-8")
        said = ("--journal", sqlite.url, "--by", "tess", "--reason", "less", "--seconds", "1")
        assert run("adopt", edited, *said).code == 0
        asked = running.call("POST", "/v1/check", body=order("o-2"))
        assert asked.json()["outcome"] == "approved"
        assert running.submit(**order("o-2"))["outcome"] == "approved"
        assert running.submit(**order("o-3", 38))["outcome"] == "denied"
        ready = running.get("/readyz", "admin")["checks"][-1]
        assert ready["what"] == "another rule file is in force than the one given: propose it"
