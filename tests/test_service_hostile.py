"""Hostile requests: each has a clear answer, nothing is recorded, and memory is bounded."""

from __future__ import annotations

import json
import re
import resource
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Final

import pytest

from repurchase.service.server import CONNECTIONS_MAX
from services import Service, head, order, problem, raw, serving, told

MEGABYTE: Final = 1 << 20
# What the process may take on top of what it took before anybody was hostile.
MORE_MAX: Final = 32 * MEGABYTE
CLOSE: Final = "Connection: close"
PLAIN: Final = b"Host: localhost\r\nConnection: close\r\n\r\n"


def highest(service: Service) -> int:
    """Return the most memory that the process had at once, in bytes."""
    status = Path(f"/proc/{service.process.pid}/status").read_text("ascii")
    found = re.search(r"VmHWM:\s+(\d+) kB", status)
    assert found is not None
    return int(found[1]) << 10


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """Give a service that waits a second for a request; at the end it is what it was."""
    folder = tmp_path_factory.mktemp("hostile")
    with serving(folder, str(folder / "journal.db"), "--patience", "1") as running:
        running.submit(**order("o-1"))
        before = highest(running) if sys.platform == "linux" else 0
        yield running
        assert running.submit(**order("o-1"))["repeated"]
        assert running.get("/v1/position")["records"] == 2
        assert "error" not in [one.get("level") for one in running.lines("server")]
        assert not [one for one in running.lines("request") if one["status"] == 500]
        if sys.platform == "linux":
            assert highest(running) - before < MORE_MAX
        assert running.stop() == 0


def status(answer: bytes) -> int:
    """Return the status of the first *answer*."""
    assert answer.startswith(b"HTTP/1.1 "), answer[:80]
    return int(answer.split(b" ", 2)[1])


NOT_HTTP: Final = {
    "no words": b"\x00\x01\x02\r\n\r\n",
    "a method that is none": b"FOO /healthz HTTP/1.1\r\n" + PLAIN,
    "a method in small letters": b"get /healthz HTTP/1.1\r\n" + PLAIN,
    "a very long method": b"G" * 40_000 + b" /healthz HTTP/1.1\r\n" + PLAIN,
    "another version": b"GET /healthz HTTP/9.9\r\n" + PLAIN,
    "the beginning of HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(64),
    "a header without a name": b"GET /healthz HTTP/1.1\r\n: x\r\n" + PLAIN,
    "a header with NUL": b"GET /healthz HTTP/1.1\r\nX-A: a\0b\r\n" + PLAIN,
    "a folded header": b"GET /healthz HTTP/1.1\r\nX-A: a\r\n b\r\nX B: c\r\n" + PLAIN,
    "a very long path": b"GET /" + b"x" * 70_000 + b" HTTP/1.1\r\n" + PLAIN,
    "a length that is none": b"POST /v1/events HTTP/1.1\r\nContent-Length: -1\r\n" + PLAIN,
    "a length beyond all": b"POST / HTTP/1.1\r\nContent-Length: " + b"9" * 40 + b"\r\n" + PLAIN,
}


@pytest.mark.parametrize("name", NOT_HTTP)
def test_what_is_no_request_is_a_problem(service: Service, name: str) -> None:
    """The answer is one for programs, like any other, and the log has it under its name."""
    found = raw(service, NOT_HTTP[name])
    assert (status(found), problem(found)) == (400, "unreadable")
    assert found.lower().count(b"\r\nconnection: close\r\n") == 1
    said = json.loads(found.partition(b"\r\n\r\n")[2])
    # The log is written after the answer.
    while said["instance"] not in [one["request"] for one in service.lines("request")]:
        time.sleep(0.01)


@pytest.mark.parametrize(
    "headers",
    [
        ("Transfer-Encoding: chunked", "Content-Length: 5"),
        ("Content-Length: 5", "Transfer-Encoding: chunked"),
        ("Content-Length: 5", "Content-Length: 6"),
        ("Transfer-Encoding: chunked, identity",),
        ("Transfer-Encoding: xchunked",),
        ("Transfer-Encoding : chunked",),
    ],
)
def test_length_that_can_be_read_two_ways_is_refused(
    service: Service, headers: tuple[str, ...]
) -> None:
    """What a proxy takes for one request must not be two here."""
    hidden = b"0\r\n\r\nGET /v1/orders HTTP/1.1\r\nHost: localhost\r\n\r\n"
    found = raw(service, head(service, *headers, CLOSE), hidden)
    assert (status(found), found.count(b"HTTP/1.1 ")) == (400, 1)


@pytest.mark.parametrize(
    "body",
    [
        b"zz\r\n",
        b"-1\r\n{}\r\n0\r\n\r\n",
        b"f" * 40 + b"\r\n",
        b"2\r\n{}}\r\n0\r\n\r\n",
        b"2\r\n{}\r\n0\r\n" + b"X-A: 1\r\n" * 2_000 + b"\r\n",
        b"2\r\n{}\r\n0\r\nX-A: " + b"x" * 70_000 + b"\r\n\r\n",
    ],
    ids=["no number", "below zero", "beyond all", "too long", "many trailers", "a long trailer"],
)
def test_chunks_that_are_wrong_are_refused(service: Service, body: bytes) -> None:
    """A body that cannot be read has an answer, and nothing of it counts."""
    found = raw(service, head(service, "Transfer-Encoding: chunked", CLOSE), body)
    assert (status(found), problem(found)) == (400, "unreadable")


@pytest.mark.parametrize(
    ("part", "expected"),
    [
        (b"1\r\nx\r\n", (413, 408)),
        (b"1;" + b"x" * 65_536 + b"\r\n \r\n", (408,)),
        (b"100000\r\n" + b"x" * MEGABYTE + b"\r\n", (413, 408)),
    ],
    ids=["small ones", "with long remarks", "large ones"],
)
def test_chunks_without_end_are_ended(
    service: Service, part: bytes, expected: tuple[int, ...]
) -> None:
    """By how much they say, or at the latest by how long that takes."""
    several = (part * max(MEGABYTE // len(part) // 4, 1) for _ in range(10_000))
    found = raw(service, head(service, "Transfer-Encoding: chunked", CLOSE), *several)
    # Whoever sends on past the answer may lose it.
    assert found == b"" or status(found) in expected


def test_hundred_megabytes_are_not_kept(service: Service) -> None:
    """The answer comes at once, and what is sent all the same is thrown away."""
    told = head(service, f"Content-Length: {100 * MEGABYTE}", CLOSE)
    found = raw(service, told, *(b"x" * MEGABYTE for _ in range(100)))
    assert found == b"" or problem(found) == "too-large"


def test_packed_body_is_not_unpacked(service: Service) -> None:
    """A small body cannot become a large one; as it is, it may say so."""
    for name in ("gzip", "br", "deflate", "x-gzip"):
        found = service.call(
            "POST", "/v1/events", body=b"\x1f\x8b\x08", **{"content-encoding": name}
        )
        assert told(found) == (415, "media-type")
    plain = {"content-encoding": "identity"}
    assert service.call("POST", "/v1/check", body=order("o-2"), **plain).status_code == 200


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b'\xff\xfe{\x00"\x00', "is UTF-16, not UTF-8"),
        (b'{"kind": "order\x00"}', "is not valid JSON"),
        (b'{"kind": "order", "id": "a\\u0000b"}', "contains a NUL character"),
        (b'{"kind": "order", "id": "\\ud800"}', "contains half of a surrogate pair"),
        (b'{"kind": "order", "id": "\xed\xa0\x80"}', "is not UTF-8"),
        (b'{"kind": "order", "quantity": ' + b"9" * 60_000 + b"}", "not a number"),
        (b'{"kind": "order", "quantity": 1e999999999}', "not a number"),
        (b'{"kind": "order", "quantity": -Infinity}', "not a number"),
        (b'{"kind": "order", "\\u006bind": "fill"}', "`kind` is given twice"),
        (b'{"id": ' + b"[" * 10_000 + b"]" * 10_000 + b"}", "is nested too deep"),
        (b'{"id": ' + b'{"id": ' * 8_000 + b"1" + b"}" * 8_001, "is nested too deep"),
        (b'{"kind": {"kind": "order"}}', "is an object or an array"),
        (b"{" + b",".join(b'"x%d": 1' % number for number in range(501)) + b"}", "has 501 names"),
    ],
    ids=lambda one: one if isinstance(one, str) else "",
)
def test_body_with_odd_signs_is_a_problem(service: Service, body: bytes, said: str) -> None:
    """The fault is named, and nothing is recorded."""
    found = service.call("POST", "/v1/events", body=body)
    assert told(found) == (400, "unreadable")
    assert any(said in one["what"] for one in found.json()["errors"]), found.text


def test_mark_of_the_order_of_bytes_is_skipped(service: Service) -> None:
    """Some programs begin every text with it; the event is the same."""
    found = service.call(
        "POST", "/v1/events", body=b"\xef\xbb\xbf" + json.dumps(order("o-1")).encode()
    )
    assert found.json()["repeated"]


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("/v1/decisions/%zz", 404),
        ("/v1/decisions/%", 404),
        ("/v1/decisions/%ff%fe", 404),
        ("/v1/decisions/%00", 404),
        ("/v1/decisions/%ED%A0%80", 404),
        ("/v1/decisions/..%2f..%2fetc%2fpasswd", 404),
        ("/v1/decisions/" + "x" * 30_000, 404),
        ("/v1/../../etc/passwd", 404),
        ("//v1/orders", 404),
        ("/v1/orders%00", 404),
        ("/v1/decisions?order=%ff", 200),
        ("/v1/decisions?order=%zz", 200),
        ("/v1/decisions?rule=%00", 200),
        ("/v1/decisions?%00=1", 400),
        ("/v1/decisions?" + "&".join(f"a{number}=1" for number in range(3_000)), 400),
        ("/v1/decisions?" + "&" * 30_000, 200),
        ("/v1/decisions?after=" + "9" * 300, 400),
        ("/v1/decisions?after=%D9%A3", 400),
        ("/v1/market?at=" + "2" * 400, 400),
        ("http://localhost/v1/orders", 200),
        ("*", 404),
    ],
    ids=lambda one: str(one)[:40],
)
def test_odd_address_is_answered(service: Service, target: str, expected: int) -> None:
    """It is another address, or a wrong question; it is never a fault."""
    key = f"Authorization: Bearer {service.tokens['trader']}\r\n".encode()
    found = raw(service, f"GET {target} HTTP/1.1\r\n".encode() + key + PLAIN)
    assert status(found) == expected


@pytest.mark.parametrize(
    "method", ["OPTIONS", "TRACE", "PUT", "PATCH", "DELETE", "PROPFIND", "PURGE"]
)
def test_other_method_is_told_which_there_are(service: Service, method: str) -> None:
    """No page of another host is told that it may ask, and nothing is echoed."""
    for path, known in (("/v1/orders", {"GET", "HEAD"}), ("/v1/events", {"POST"})):
        found = service.call(method, path, origin="http://a.example")
        assert told(found) == (405, "method")
        assert {*found.headers["allow"].split(", ")} == known
        assert not [name for name in found.headers if name.startswith("access-control-")]
        assert service.tokens["trader"] not in found.text


def test_head_is_answered_as_the_body_would_be(service: Service) -> None:
    """It has the status, the type and the length of the answer, and passes the same door."""
    paths = service.get("/v1/openapi.json", None)["paths"]
    reads = [path.replace("{id}", "o-1") for path, one in paths.items() if "get" in one]
    assert "/v1/stream" in reads
    for path in reads:
        role = "admin" if path in ("/v1/tokens", "/metrics") else "trader"
        found = service.call("HEAD", path, role)
        assert found.content == b""
        if path == "/v1/stream":
            assert (found.status_code, service.call("HEAD", path, None).status_code) == (200, 401)
            continue
        whole = service.call("GET", path, role)
        assert (found.status_code, found.headers["content-type"]) == (
            whole.status_code,
            whole.headers["content-type"],
        )
    assert service.call("HEAD", "/v1/orders", "admin").status_code == 403
    assert "repurchase_streams 0" in service.call("GET", "/metrics", "admin").text.splitlines()


def test_old_version_of_http_is_answered_and_closed(service: Service) -> None:
    """Without a host, and with the connection closed at the end."""
    for version in (b"", b" HTTP/1.0"):
        found = raw(service, b"GET /healthz" + version + b"\r\n\r\n")
        assert status(found) == 200
        assert b"\r\nconnection: close\r\n" in found.lower()


def test_requests_in_a_row_are_answered_in_their_order(service: Service) -> None:
    """However many come at once; what comes after the one that closes has no answer."""
    key = f"Authorization: Bearer {service.tokens['auditor']}\r\nHost: localhost\r\n\r\n".encode()
    several = b"".join(
        b"GET /v1/decisions?order=n%d HTTP/1.1\r\nX-Request-Id: n%d\r\n" % (number, number) + key
        for number in range(60)
    )
    found = raw(service, several + b"GET /healthz HTTP/1.1\r\n" + PLAIN + several)
    names = re.findall(rb"x-request-id: (n\d+)\r\n", found)
    assert names == [b"n%d" % number for number in range(60)]
    assert found.count(b"HTTP/1.1 200 OK") == 61


def test_request_before_a_wrong_one_has_its_own_answer(service: Service) -> None:
    """Whoever sent an order is not told that it was refused, if it was recorded."""
    body = json.dumps(order("o-1")).encode()
    asked = head(service, f"Content-Length: {len(body)}") + body
    for wrong in (b"\x00\x01\r\n\r\n", b"GET / HTTP/1.1\r\n" + b"X-A: 1\r\n" * 200 + b"\r\n"):
        found = raw(service, asked + wrong)
        assert (status(found), found.count(b"HTTP/1.1 ")) == (200, 1)
        assert json.loads(found.partition(b"\r\n\r\n")[2])["repeated"]


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux limits another process")
def test_connections_beyond_the_bound_are_told_to_come_again(service: Service) -> None:
    """The answer is that of a full queue; as soon as one is closed, there is room."""
    most = 4 * CONNECTIONS_MAX
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < most:
        pytest.skip("this machine lets no process open so many connections")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, most), hard))
    resource.prlimit(service.process.pid, resource.RLIMIT_NOFILE, (max(soft, most), hard))
    host, port = service.url.removeprefix("http://").split(":")
    # That of the other tests would be cut off with these.
    service.client.get(f"{service.url}/healthz", headers={"connection": "close"})
    try:
        with ExitStack() as stack:
            for _ in range(CONNECTIONS_MAX):
                stack.enter_context(socket.create_connection((host, int(port))))
            found = raw(service, b"GET /healthz HTTP/1.1\r\n" + PLAIN)
            assert (status(found), problem(found)) == (503, "busy")
            assert b"\r\nretry-after: 1\r\n" in found.lower()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    while status(raw(service, b"GET /healthz HTTP/1.1\r\n" + PLAIN)) != 200:
        pass
