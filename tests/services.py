"""A service in a process of its own, with keys for every role, as the tests call it."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import httpx

from desk_events import RULES
from repurchase.domain.roles import ROLES, Role
from repurchase.service.keys import change_keys, new_key
from test_cli import COMMAND

# Whose the key of each role is.
OWNERS: Final[Mapping[Role, str]] = {
    "trader": "ann",
    "operations": "olga",
    "compliance": "carl",
    "auditor": "aude",
    "admin": "adam",
}
# How the program is called; tests of the tests call one that is broken on purpose.
CALLED = (COMMAND,)
ROOMY: Final = RULES.replace("value: 40 shares", "value: 400 shares")


@dataclass
class Service:
    """A service that runs, and the tokens of its keys by role."""

    process: subprocess.Popen[bytes]
    url: str
    journal: str
    keys: Path
    tokens: dict[str, str]
    log: Path
    client: httpx.Client

    def call(
        self,
        method: str,
        path: str,
        role: str | None = "trader",
        body: object = None,
        **headers: str,
    ) -> httpx.Response:
        """Return what is answered to the *role*; a *body* that is no bytes is sent as JSON."""
        sent = dict(headers)
        if role is not None:
            sent["authorization"] = f"Bearer {self.tokens[role]}"
        content = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        if content is not None:
            sent.setdefault("content-type", "application/json")
        return self.client.request(method, self.url + path, content=content, headers=sent)

    def get(self, path: str, role: str | None = "trader") -> Any:
        """Return the JSON that stands at *path*."""
        found = self.call("GET", path, role)
        assert found.status_code == 200, found.text
        return found.json()

    def submit(self, role: str = "trader", **fields: Any) -> Any:
        """Return the decision on the event with *fields*."""
        found = self.call("POST", "/v1/events", role, fields)
        assert found.status_code == 200, found.text
        return found.json()

    def lines(self, what: str) -> list[dict[str, Any]]:
        """Return the lines of the log that say *what* happened."""
        found = [json.loads(line) for line in self.log.read_text(encoding="utf-8").splitlines()]
        return [one for one in found if one["what"] == what]

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Send a signal, and return how the process ends."""
        self.process.send_signal(number)
        return self.process.wait()


def made_keys(path: Path, programs: tuple[str, ...] = ()) -> dict[str, str]:
    """Write a key for each role into the file *path*, and return their tokens."""
    now = datetime.now(UTC)
    made = {role: new_key(OWNERS[role], role, programs, now, timedelta(1)) for role in ROLES}
    change_keys(path, lambda known: (*known, *(key for key, _ in made.values())))
    return {role: token for role, (_, token) in made.items()}


@contextmanager
def serving(
    folder: Path,
    journal: str,
    *options: str,
    rules: str | tuple[str, ...] = RULES,
    has_keys: bool = True,
    program: tuple[str, ...] | None = None,
) -> Iterator[Service]:
    """Run a service of *journal* in *folder*; what still runs at the end is killed.

    *rules* are the text of a rule file, or the options that name others. *program* is what runs.
    """
    keys, file, log = folder / "keys.json", folder / "acme-2008.yaml", folder / "log.jsonl"
    if isinstance(rules, str):
        file.write_text(rules, encoding="utf-8")
        rules = ("--rules", str(file))
    tokens = made_keys(keys) if not keys.exists() else {}
    door = ("--keys", str(keys)) if has_keys else ("--insecure-local",)
    begin = (*rules, "--by", "tess", "--port", "0")
    command = (*(program or CALLED), "serve", "--journal", journal, *begin, *door, *options)
    with log.open("wb") as stream:
        process = subprocess.Popen(command, stderr=stream, cwd=folder, env={**os.environ})
    try:
        address = _address(process, log)
        # To make one takes longer than most calls.
        with httpx.Client(timeout=None, verify=False, trust_env=False) as client:
            yield Service(process, address, journal, keys, tokens, log, client)
    finally:
        process.kill()
        process.wait()


def _address(process: subprocess.Popen[bytes], log: Path) -> str:
    """Wait until the service listens, and return where."""
    while process.poll() is None:
        for line in log.read_bytes().splitlines(keepends=True):
            if line.endswith(b"\n") and line.startswith(b"{"):
                found = json.loads(line)
                if found["what"] == "listening":
                    return str(found["address"])
        time.sleep(0.01)
    raise AssertionError(log.read_text(encoding="utf-8"))


def told(found: httpx.Response) -> tuple[int, str]:
    """Return the status of an answer, and the code of its problem, if it is one."""
    is_problem = found.headers["content-type"] == "application/problem+json"
    return found.status_code, str(found.json()["code"]) if is_problem else ""


def order(name: str, quantity: object = 1, **changes: Any) -> dict[str, Any]:
    """Return an order that every rule lets pass, while there is room for it."""
    own = {"kind": "order", "id": name, "date": "2008-11-17", "symbol": "9999", "venue": "XTKS"}
    terms = {"side": "buy", "quantity": quantity, "price": "10", "fees": 0}
    return {**own, **terms, "broker": "north", "method": "auction", **changes}


def fill(name: str, of: str, quantity: int = 1, **changes: Any) -> dict[str, Any]:
    """Return a fill of the order *of*."""
    own = {"kind": "fill", "id": name, "date": "2008-11-17", "order": of, "quantity": quantity}
    return {**own, "price": "10", "fees": 0, **changes}


def lines(*events: Mapping[str, Any]) -> bytes:
    """Return *events*, each on a line of JSON."""
    return b"".join(json.dumps(one).encode() + b"\n" for one in events)


def raw(service: Service, *parts: bytes) -> bytes:
    """Return all that is answered to *parts*, which are sent one after the other."""
    host, port = service.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port))) as connection:
        with suppress(BrokenPipeError, ConnectionResetError):
            for part in parts:
                connection.sendall(part)
        found = bytearray()
        with suppress(ConnectionResetError):
            while part := connection.recv(1 << 16):
                found += part
    return bytes(found)


def head(service: Service, *others: str) -> bytes:
    """Return the head of a submission, with *others* among its headers."""
    token = service.tokens["trader"]
    own = ("Host: localhost", f"Authorization: Bearer {token}", "Content-Type: application/json")
    return "\r\n".join(("POST /v1/events HTTP/1.1", *own, *others, "", "")).encode()


def problem(answer: bytes) -> str:
    """Return the code of the problem in *answer*."""
    return str(json.loads(answer.partition(b"\r\n\r\n")[2])["code"])
