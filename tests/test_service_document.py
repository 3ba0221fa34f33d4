"""The document of the service: what Schemathesis, which reads it, finds in a service that runs."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from services import Service, fill, order, serving

SCHEMATHESIS: Final = str(Path(sys.executable).with_name("schemathesis"))
# All checks: one of them as `document_checks` makes it.
CHECKS: Final = ("--checks", "all", "--exclude-checks", "positive_data_acceptance")
ALWAYS: Final = ("--no-color", "--generation-deterministic", "--continue-on-failure")
# Whoever may read the stream gets one that has no end.
ENDLESS: Final = ("--exclude-path", "/v1/stream")
# Between them, every route and every kind of event has one who may and one who may not.
ENDS: Final = {
    "trader": ENDLESS,
    "operations": ENDLESS,
    "compliance": ENDLESS,
    "auditor": ENDLESS,
    "admin": (),
    "none": (),
}


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    """Give a service with an order and its fill."""
    with serving(tmp_path, str(tmp_path / "journal.db"), "--rate", "100000") as running:
        running.submit(**order("o-1"))
        running.submit("operations", **fill("f-1", "o-1"))
        yield running
        assert "error" not in [one["level"] for one in running.lines("server")]
        assert not [one for one in running.lines("request") if one["status"] >= 500]
        assert running.stop() == 0


def found(service: Service, role: str, *options: str) -> tuple[int, str]:
    """Return how Schemathesis ends that asks as *role*, and what it says."""
    key = () if role == "none" else ("-H", f"Authorization: Bearer {service.tokens[role]}")
    document = f"{service.url}/v1/openapi.json"
    folder = Path(__file__).parent
    done = subprocess.run(
        [SCHEMATHESIS, "run", document, *CHECKS, *ALWAYS, *key, *options],
        cwd=service.keys.parent,
        env={**os.environ, "SCHEMATHESIS_HOOKS": "document_checks", "PYTHONPATH": str(folder)},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize("role", ["trader", "none"])
def test_document_is_kept_to(service: Service, role: str) -> None:
    """A few requests to each address, right ones and wrong ones, are answered as it says."""
    code, said = found(service, role, *ENDS[role], "--phases", "fuzzing", "-n", "3")
    assert code == 0, said


@pytest.mark.slow
@pytest.mark.parametrize("role", ["operations", "auditor", "admin"])
def test_document_is_kept_to_whoever_asks(service: Service, role: str) -> None:
    """Many requests, one after the other and each for itself, find nothing."""
    phases = ("--phases", "examples,fuzzing,stateful")
    code, said = found(service, role, *ENDS[role], *phases, "-n", "9")
    assert code == 0, said


@pytest.mark.long
@pytest.mark.parametrize("role", ENDS)
def test_every_edge_of_the_document_is_kept_to(service: Service, role: str) -> None:
    """Each keyword of each schema is met and missed, and many requests are drawn."""
    code, said = found(service, role, *ENDS[role], "-n", "100")
    assert code == 0, said
