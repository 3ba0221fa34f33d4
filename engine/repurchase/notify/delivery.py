"""One notification sent to one address: until it is taken, with growing pauses."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from itertools import count
from typing import Final

import httpx

from repurchase.domain.errors import Problem, UsageError
from repurchase.domain.version import __version__
from repurchase.notify.signature import signed
from repurchase.report.notices import Notice
from repurchase.report.written import json_text

Say = Callable[..., None]
_HERE: Final = ("localhost", "127.0.0.1", "::1")
# The receiver's answer that it wants nothing any more.
_GONE: Final = 410
# The first pause, the longest one, and the longest that a receiver may ask for, in milliseconds.
_PAUSE: Final = 250
_PAUSE_MAX: Final = 60_000
_ASKED_MAX: Final = 3_600_000
_SECOND: Final = 1_000


class Receiver:
    """The address to which notifications go; `close` it at the end. Only the main thread may."""

    def __init__(
        self,
        url: str,
        secrets: Sequence[bytes],
        now: Callable[[], datetime],
        say: Say,
        patience: int,
    ) -> None:
        """Send to *url*, signed with each of *secrets*; *say* what fails.

        An answer must be there within so many seconds as the *patience*. Raise UsageError unless
        the *url* is `https`, or `http` on this machine.
        """
        self._secrets = secrets
        self._now = now
        self._say = say
        self._patience = patience
        self._url = _checked(url)
        # A proxy of the environment is for other machines alone.
        is_far = self._url.scheme == "https"
        self._http = httpx.Client(timeout=patience, follow_redirects=False, trust_env=is_far)
        signal.signal(signal.SIGALRM, _too_late)

    def deliver(self, notice: Notice, taken: Callable[[], None], tries: int | None = None) -> None:
        """Send *notice* until it is taken, but no more than so many *tries*; then call *taken*.

        A signal to end waits for the answer, or what is taken would come again. Raise UsageError if
        the receiver does not take it, or wants nothing any more.
        """
        body, pause = json_text(notice).encode(), _PAUSE
        named = {"id": notice.id, "type": notice.type, "record": notice.record}
        for number in count(1):
            with _undisturbed():
                failed = self._failed(notice.id, body)
                if failed is None:
                    taken()
                    self._say("delivered", **named)
                    return
                why, asked = failed
                again = max(pause, asked)
                self._say("not-delivered", level="warning", **named, why=why, again_ms=again)
            if number == tries:
                what = f"the receiver did not take the notification of record {notice.record:,}"
                raise UsageError(Problem(what, "run it again: it goes on from there"))
            time.sleep(again / _SECOND)
            pause = min(2 * pause, _PAUSE_MAX)

    def _failed(self, name: str, body: bytes) -> tuple[str, int] | None:
        """Send *body* once; return why it is not taken, and what pause is asked for."""
        headers = {
            **signed(self._secrets, name, int(self._now().timestamp()), body),
            "content-type": "application/json",
            "user-agent": f"repurchase/{__version__}",
        }
        try:
            # A timeout of httpx is for each part of an answer, of which there can be many.
            signal.alarm(self._patience)
            try:
                # What the answer says besides is not read.
                with self._http.stream("POST", self._url, content=body, headers=headers) as answer:
                    status, asked = answer.status_code, answer.headers.get("retry-after", "")
            finally:
                signal.alarm(0)
        except (httpx.HTTPError, TimeoutError) as error:
            return str(error) or type(error).__name__, 0
        if status == _GONE:
            hint = "give another address with --to"
            raise UsageError(Problem("the receiver answers 410: it wants nothing any more", hint))
        seconds = int(asked[:9]) if asked.isascii() and asked.isdigit() else 0
        is_taken = status in range(200, 300)
        return None if is_taken else (f"status {status}", min(seconds * _SECOND, _ASKED_MAX))

    def close(self) -> None:
        """Close the connection."""
        self._http.close()


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Let signals to end wait until the end of the block."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGTERM, signal.SIGINT))
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _too_late(*_: object) -> None:
    raise TimeoutError("no answer within the patience")


def _checked(text: str) -> httpx.URL:
    """Return the address *text*; raise UsageError unless what is sent to it is private."""
    try:
        url = httpx.URL(text)
    except httpx.InvalidURL:
        url = httpx.URL("")
    is_private = url.scheme == "https" or (url.scheme == "http" and url.host in _HERE)
    if not (is_private and url.host) or url.userinfo or url.fragment:
        # What else it holds may be a secret.
        hint = "write https://HOST/PATH without a user; http works only to this machine"
        raise UsageError(Problem("--to is not an address that can be sent to", hint))
    return url
