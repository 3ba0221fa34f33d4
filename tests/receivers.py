"""A receiver of notifications over HTTP, in a thread, and the notifier as a process of its own."""

from __future__ import annotations

import itertools
import json
import os
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final

from test_cli import COMMAND

SECRET: Final = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"


@dataclass(frozen=True)
class Sent:
    """What came to a receiver, and what it answered."""

    path: str
    headers: dict[str, str]
    body: bytes
    status: int

    @property
    def name(self) -> str:
        """Return the ID of the notification."""
        return self.headers["webhook-id"]

    @property
    def notice(self) -> dict[str, Any]:
        """Return the notification itself."""
        found: dict[str, Any] = json.loads(self.body)
        return found


# A status with headers, or with what writes the answer.
Answer = tuple[int, dict[str, str] | Callable[[BaseHTTPRequestHandler], None]]


@dataclass
class Receiver:
    """A receiver that answers what *answer* says of the number of a request, from 0."""

    answer: Callable[[int], Answer]
    url: str = ""
    sent: list[Sent] = field(default_factory=list)
    came: threading.Condition = field(default_factory=threading.Condition)

    def taken(self) -> list[Sent]:
        """Return what was taken, in order."""
        return [one for one in self.sent if 200 <= one.status < 300]

    def wait(self, number: int) -> None:
        """Wait until so many requests came."""
        with self.came:
            self.came.wait_for(lambda: len(self.sent) >= number)


def taking(_: int) -> Answer:
    """Take everything."""
    return 200, {}


def _nothing(_: BaseHTTPRequestHandler) -> None:
    """Hang up."""


def _late(handler: BaseHTTPRequestHandler) -> None:
    """Wait until the other side hangs up."""
    handler.rfile.read(1)


def _endless(handler: BaseHTTPRequestHandler) -> None:
    """Write the head of an answer, a letter at a time, until the other side hangs up."""
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nx: ")
    while True:
        handler.wfile.write(b"a")
        time.sleep(0.1)


def _large(handler: BaseHTTPRequestHandler) -> None:
    """Write an answer until the other side hangs up."""
    handler.wfile.write(b"HTTP/1.1 200 OK\r\n\r\n")
    while True:
        handler.wfile.write(bytes(1 << 16))


NONE: Final[Answer] = (0, _nothing)
LATE: Final[Answer] = (0, _late)
ENDLESS: Final[Answer] = (0, _endless)
LARGE: Final[Answer] = (200, _large)


@contextmanager
def receiving(
    answer: Callable[[int], Answer] = taking,
    certificate: Path | None = None,
) -> Iterator[Receiver]:
    """Run a receiver, with TLS if there is a *certificate* with its key."""
    receiver, numbers = Receiver(answer), itertools.count()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            status, headers = receiver.answer(next(numbers))
            own = {name.lower(): value for name, value in self.headers.items()}
            with receiver.came:
                receiver.sent.append(Sent(self.path, own, body, status))
                receiver.came.notify_all()
            if not isinstance(headers, dict):
                self.close_connection = True
                with suppress(OSError):
                    headers(self)
                return
            self.send_response(status)
            for name, value in {"content-length": "0", **headers}.items():
                self.send_header(name, value)
            self.end_headers()

        def log_message(self, format: str, *_: object) -> None:
            """Say nothing."""

    class Server(ThreadingHTTPServer):
        def handle_error(self, *_: object) -> None:
            """Say nothing of a notifier that was killed."""

    with Server(("127.0.0.1", 0), Handler) as server:
        scheme = "http"
        if certificate is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            server.socket = context.wrap_socket(server.socket, server_side=True)
            scheme = "https"
        receiver.url = f"{scheme}://127.0.0.1:{server.server_port}/desk"
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield receiver
        finally:
            server.shutdown()
            thread.join()


@dataclass
class Notifier:
    """A notifier that runs, and the file of its log."""

    process: subprocess.Popen[bytes]
    log: Path

    def ended(self) -> int:
        """Return how it ends."""
        return self.process.wait()

    def lines(self, what: str) -> list[dict[str, Any]]:
        """Return the lines of its log that say *what* happened."""
        said = self.log.read_text("utf-8").splitlines()
        # What ended it is a sentence.
        found = [json.loads(line) for line in said if line.startswith("{")]
        return [one for one in found if one["what"] == what]


def notifier(
    folder: Path, journal: str, url: str, *options: str, name: str = "desk", **environment: str
) -> Notifier:
    """Start a notifier of *journal* to *url* that keeps its secret and its log in *folder*."""
    secret, log = folder / "secret", folder / "notify.jsonl"
    if not secret.exists():
        secret.touch(0o600)
        secret.write_text(SECRET + "\n", "utf-8")
    if "--patience" not in options:
        # A machine that is busy must not let a notification come twice.
        options = (*options, "--patience", "3600")
    command = (COMMAND, "notify", "--journal", journal, "--to", url, "--secret", str(secret))
    with log.open("wb") as stream:
        process = subprocess.Popen(
            (*command, "--name", name, *options), stderr=stream, env={**os.environ, **environment}
        )
    return Notifier(process, log)
