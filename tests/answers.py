"""Makes the calls of `report/calls.json` to a service; run as a program, it writes the answers."""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import httpx
import msgspec
from msgspec.structs import replace

from repurchase.report.calls import Call, Calls, read_calls
from repurchase.service.keys import change_keys, new_key
from services import Service, serving

FILE: Final = Path(__file__).parents[1] / "engine/repurchase/report/calls.json"
LINES: Final = "application/x-ndjson"
# What is another one each time: hashes with their salts, moments of now, the names of keys. And
# what the prover finds, which depends on how busy the machine is.
CHANGING: Final = frozenset(("hash", "head", "at", "made", "expires", "days_left", "proof", "diff"))


def played(folder: Path, calls: Calls) -> Iterator[Call]:
    """Yield *calls* as a new service answers them."""
    with serving(folder, str(folder / "journal.db"), rules=calls.rules) as service:
        second, token = new_key("cora", "compliance", (), datetime.now(UTC), timedelta(1))
        change_keys(service.keys, lambda known: (*known, second))
        for call in calls.calls:
            # Who proposed cannot confirm.
            is_second = any(event.get("kind") == "confirm" for event in call.events)
            yield _made(service, call, token if is_second else service.tokens.get(call.role or ""))


def _made(service: Service, call: Call, token: str | None) -> Call:
    headers = {"x-request-id": f"example-{call.name}"}
    if call.media is not None:
        headers["content-type"] = call.media
    if token is not None:
        headers["authorization"] = f"Bearer {token}"
    body = b"\n".join(json.dumps(one).encode() for one in call.events)
    params = {name: one for name, one in call.given.items() if f"{{{name}}}" not in call.path}
    url = service.url + call.path.format(**call.given)
    asked = service.client.build_request(
        call.method, url, params=params, headers=headers, content=body or None
    )
    found = service.client.send(asked, stream=True)
    try:
        return replace(call, status=found.status_code, answers=_answers(call, found))
    finally:
        found.close()


def _answers(call: Call, found: httpx.Response) -> tuple[Any, ...]:
    """Return what was answered: as JSON, in lines, or as much of the text as *call* has."""
    kind = found.headers["content-type"]
    if call.answers and isinstance(call.answers[0], str):
        text = ""
        parts = found.iter_text()
        while len(text) < len(call.answers[0]):
            text += next(parts)
        return (text[: len(call.answers[0])],)
    content = found.read()
    lines = content.splitlines() if kind == LINES else [content]
    return tuple(json.loads(line) for line in lines)


def lasting(value: Any) -> Any:
    """Return of an answer what is the same each time."""
    if isinstance(value, list | tuple):
        return [lasting(one) for one in value]
    if not isinstance(value, dict):
        return value
    left = {name: one for name, one in value.items() if name not in CHANGING}
    if {"id", "role", "standing"} <= value.keys():
        del left["id"]
    return {name: lasting(one) for name, one in left.items()}


if __name__ == "__main__":
    calls = read_calls()
    with tempfile.TemporaryDirectory() as folder:
        made = replace(calls, calls=tuple(played(Path(folder), calls)))
    FILE.write_bytes(msgspec.json.format(msgspec.json.encode(made), indent=1) + b"\n")
    sys.exit(0)
