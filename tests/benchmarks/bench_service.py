"""The service at a steady rate: the wait for an answer, from the moment at which it was due.

Orders are sent when they are due, whether or not earlier ones were answered. So a service that
stalls is measured with all that came to wait meanwhile.
"""

from __future__ import annotations

import asyncio
import json
import os
import platform
import statistics
import time
from collections import deque
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from bench_desk import roomy

from services import Service, order, serving
from stores import Store

RATES: Final = tuple(map(int, os.environ.get("RATES", "100 500 1000 2000 3000").split()))
SECONDS: Final = int(os.environ.get("DURATION", "10"))
CONNECTIONS: Final = 64
STAGES: Final = ("queue", "lock", "judge", "journal")
ROOM: Final = roomy().body.decode()
PLACE: Final = "/v1/rules/acme-2008/proposals"


class Connection(asyncio.Protocol):
    """One connection, which sends an order when it is free; *answers* are kept as they come."""

    def __init__(self, load: Load) -> None:
        self._load = load
        self._found = bytearray()
        self._due = 0.0
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Wait for an order."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._load.free.append(self)

    def send(self, due: float, request: bytes) -> None:
        """Send *request*, which was *due* then."""
        self._due = due
        self._transport.write(request)

    def close(self) -> None:
        """Close the connection."""
        self._transport.close()

    def data_received(self, data: bytes) -> None:
        """Take an answer as soon as it is whole."""
        self._found += data
        head, end, body = self._found.partition(b"\r\n\r\n")
        length = head.lower().partition(b"content-length: ")[2].split(b"\r")[0]
        if not end or len(body) < int(length):
            return
        self._load.answered(self._due, bytes(head.split(b" ", 2)[1]), bytes(body))
        self._found.clear()
        self._load.free.append(self)


class Load:
    """So many orders a second for a while, and how long each answer took."""

    free: deque[Connection]
    waits: list[float]
    bodies: list[bytes]

    def __init__(self, service: Service) -> None:
        host, port = service.url.removeprefix("http://").split(":")
        self._address = host, int(port)
        self._token = service.tokens["trader"]
        self.free = deque()
        self.waits, self.bodies = [], []

    def answered(self, due: float, status: bytes, body: bytes) -> None:
        """Note the answer to an order that was *due* then."""
        assert status == b"200", body
        self.waits.append(time.perf_counter() - due)
        self.bodies.append(body)

    async def run(self, rate: int, names: Sequence[str]) -> float:
        """Send an order of each of *names*, so many a second; return how many were answered."""
        loop = asyncio.get_running_loop()
        for _ in range(CONNECTIONS):
            await loop.create_connection(lambda: Connection(self), *self._address)
        requests = deque(map(self._request, names))
        began = time.perf_counter()
        for number in range(len(requests)):
            due = began + number / rate
            while (now := time.perf_counter()) < due or not self.free:
                await asyncio.sleep(max(due - now, 0))
            self.free.popleft().send(due, requests.popleft())
        while len(self.waits) < len(names):
            await asyncio.sleep(0)
        took = time.perf_counter() - began
        for one in self.free:
            one.close()
        # The loop closes what is to be closed when it goes round next.
        await asyncio.sleep(0)
        return len(names) / took

    def _request(self, name: str) -> bytes:
        body = json.dumps(order(name)).encode()
        head = (
            "POST /v1/events HTTP/1.1",
            "Host: localhost",
            f"Authorization: Bearer {self._token}",
            "Content-Type: application/json",
            f"Content-Length: {len(body)}",
        )
        return "\r\n".join((*head, "", "")).encode() + body


def sent(service: Service, rate: int, prefix: str, seconds: int = SECONDS) -> tuple[float, Load]:
    """Send orders at *rate* for so many *seconds*; return the rate of the answers, and the load."""
    load = Load(service)
    names = [f"{prefix}-{number}" for number in range(rate * seconds)]
    return asyncio.run(load.run(rate, names)), load


def part(values: Sequence[float], thousandths: int) -> float:
    """Return the value below which so many *thousandths* of *values* are."""
    return sorted(values)[min(len(values) * thousandths // 1_000, len(values) - 1)]


def told(values: Sequence[float]) -> str:
    """Return the 50th, the 99th and the 99.9th percentile of *values*, seconds, in milliseconds."""
    return " ".join(f"{part(values, at) * 1e3:>8.2f}" for at in (500, 990, 999))


def stages(service: Service, after: int) -> Iterator[tuple[str, list[float]]]:
    """Yield how many seconds each stage took, of the submissions after line *after* of the log."""
    found = [one for one in service.lines("request")[after:] if "stages" in one]
    for stage in STAGES:
        yield stage, [one["stages"][stage] / 1e9 for one in found]
    yield "http", [one["microseconds"] / 1e6 for one in found]


def fsyncs(folder: Path) -> list[float]:
    """Return how many seconds each of 500 writes of 4 kB takes until it is on the disk."""
    times = []
    with (folder / "probe").open("wb", buffering=0) as file:
        for _ in range(500):
            start = time.perf_counter()
            file.write(b"x" * 4_096)
            os.fsync(file.fileno())
            times.append(time.perf_counter() - start)
    return times


def test_service_at_steady_rates(tmp_path: Path, store: Store) -> None:
    """Report the wait for an answer at each rate, by its stages, beside the disk's own time."""
    print(f"\n{platform.processor() or platform.machine()}, Python {platform.python_version()}")
    print(f"{store.kind}, {os.cpu_count()} cores, milliseconds:     p50      p99    p99.9")
    with serving(tmp_path, store.url, "--rate", "100000", rules=ROOM) as service:
        sent(service, 100, "warm", 2)
        for rate in RATES:
            print(f"{'fsync of 4 kB':34}{told(fsyncs(tmp_path))}")
            after = len(service.lines("request"))
            achieved, load = sent(service, rate, f"at-{rate}")
            print(f"{rate:>5} a second: {achieved:>7,.0f} answered  {told(load.waits)}")
            for stage, values in stages(service, after):
                print(f"{'':24}{stage:10}{told(values)}")


def test_service_with_a_shadow(tmp_path: Path, sqlite: Store) -> None:
    """Report the wait at 500 a second with and without a shadow, in turn."""
    waits: dict[bool, list[float]] = {True: [], False: []}
    each: dict[bool, list[float]] = {True: [], False: []}
    text = ROOM.replace("rules:\n", "rules:\n  - {id: odd, require: trade.shares <= 9 shares}\n")
    with serving(tmp_path, sqlite.url, "--rate", "100000", rules=ROOM) as service:
        sent(service, 500, "warm", 2)
        for turn in range(6):
            # The position grows from turn to turn, and meets both alike.
            has_shadow, made = turn % 4 in (1, 2), ""
            if has_shadow:
                draft = {"text": text, "reason": "a try", "wait": True, "seconds": 1}
                made = service.call("POST", PLACE, "compliance", draft).json()["pending"]
                service.get(f"{PLACE}/{made}")
            _, load = sent(service, 500, f"turn-{turn}")
            each[has_shadow].append(part(load.waits, 990))
            waits[has_shadow] += load.waits
            if has_shadow:
                found = service.get(f"{PLACE}/{made}")["shadow"]
                assert (found["changes"]["events"], found["is_end"]) == (500 * SECONDS, True)
                # Once other rules are in force, the proposal has lapsed, and its shadow ends.
                draft = {"text": f"{ROOM}# {turn}\n", "reason": "the same"}
                assert service.call("POST", PLACE, "compliance", draft).json()["adopted"]
    for has_shadow, found in waits.items():
        name = "with a shadow" if has_shadow else "without"
        print(f"\n500 a second {name:16}{told(found)} ms (p50, p99, p99.9)", end="")
    ratio = statistics.median(each[True]) / statistics.median(each[False])
    print(f"\np99 with a shadow: {ratio:.2f} of that without")
