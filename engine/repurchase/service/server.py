"""The process: it listens, hands requests to the application, and ends in order on a signal."""

from __future__ import annotations

import gc
import logging
import signal
import socket
import ssl
from functools import partial
from pathlib import Path
from typing import Any, Final

import msgspec
import uvicorn

from repurchase.domain.errors import Problem, UsageError, reason
from repurchase.service.application import application, crowded, unreadable
from repurchase.service.connections import Connection
from repurchase.service.live import Live
from repurchase.service.logged import ServerLog

CONNECTIONS_MAX: Final = 1_024
IDLE_SECONDS: Final = 30
# What does not end by itself by then, such as a stream that nobody reads, is ended.
STOPPING_SECONDS: Final = 20


class Address(msgspec.Struct, frozen=True):
    """Where the service listens, and its certificate and key if it speaks TLS itself."""

    host: str
    port: int
    certificate: Path | None = None
    key: Path | None = None


class _Server(uvicorn.Server):
    """A server that tells the streams that it stops before it waits for them."""

    def __init__(self, config: uvicorn.Config, live: Live) -> None:
        super().__init__(config)
        self._live = live

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Take no more connections, answer what was taken, and end the streams."""
        self._live.stopping.set()
        self._live.log.say("stopping")
        await super().shutdown(sockets)


def listen(address: Address) -> socket.socket:
    """Return the socket of *address*; raise UsageError if it cannot be had."""
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((address.host, address.port))
    except OSError as error:
        listening.close()
        what = f"{address.host} port {address.port} cannot be listened to: {reason(error)}"
        raise UsageError(Problem(what, "name another with --host and --port")) from error
    return listening


def serve(live: Live, address: Address, listening: socket.socket) -> None:
    """Serve *live* at *listening* until SIGTERM or SIGINT; then answer what was taken.

    SIGINT raises KeyboardInterrupt at the end. Raise UsageError if the certificate is invalid.
    """
    # A body that comes too slowly has an answer before its connection ends.
    connection: Any = partial(
        Connection,
        2 * live.bounds.patience,
        lambda what: unreadable(live, what),
        lambda: crowded(live),
    )
    config = uvicorn.Config(
        application(live),
        loop="uvloop",
        http=connection,
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        # The door alone says whose request it is.
        proxy_headers=False,
        server_header=False,
        limit_concurrency=CONNECTIONS_MAX,
        timeout_keep_alive=IDLE_SECONDS,
        timeout_graceful_shutdown=STOPPING_SECONDS,
        ssl_certfile=address.certificate,
        ssl_keyfile=address.key,
    )
    try:
        config.load()
    except (OSError, ssl.SSLError) as error:
        what = f"the certificate cannot be used: {reason(error)}"
        raise UsageError(Problem(what, file=str(address.certificate))) from error
    logger = logging.getLogger("uvicorn.error")
    logger.addHandler(ServerLog(live.log))
    logger.propagate = False
    host, port = listening.getsockname()[:2]
    scheme = "http" if address.certificate is None else "https"
    shown = f"[{host}]" if ":" in host else host
    # The server raises the signal again when all is answered: that must not end the process.
    signal.signal(signal.SIGTERM, lambda *_: None)
    listening.listen()
    # All that was loaded stays: no collection of garbage need look at it again.
    gc.collect()
    gc.freeze()
    live.log.say("listening", address=f"{scheme}://{shown}:{port}")
    _Server(config, live).run([listening])
