"""The document of the service: what Schemathesis, which reads it, finds in a service that runs."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import jsonschema_rs
import pytest

from answers import lasting, played
from repurchase.domain.events import KINDS
from repurchase.report.calls import read_calls
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


def test_examples_are_answered_as_the_document_says(tmp_path: Path) -> None:
    """Made in their order to a new service, each has its status, and its answer but for moments.

    `make calls` writes the answers anew.
    """
    calls = read_calls()
    for call, said in zip(played(tmp_path, calls), calls.calls, strict=True):
        assert call.status == said.status, call.name
        assert lasting(call.answers) == lasting(said.answers), call.name


def test_document_has_an_example_of_everything(tmp_path: Path) -> None:
    """Each route has one that is answered, each kind of event one, and each fits its schema."""
    with serving(tmp_path, str(tmp_path / "journal.db")) as running:
        document = running.get("/v1/openapi.json", None)
    components = document["components"]
    for kind in KINDS:
        schema = components["schemas"][f"event.{kind}"]
        assert schema["examples"][0]["kind"] == kind
    fitted: Counter[str] = Counter()
    for path, methods in document["paths"].items():
        for operation in methods.values():
            # The document cannot hold itself.
            if path != "/v1/openapi.json":
                assert any(examples(of) for of in contents(operation["responses"]["200"])), path
            bodies = contents(operation.get("requestBody", {}))
            for response in operation["responses"].values():
                bodies += contents(response)
            for one in (*operation.get("parameters", ()), *bodies):
                schema = {**one["schema"], "components": components}
                valid = jsonschema_rs.validator_for(schema, validate_formats=True)
                for value in examples(one):
                    valid.validate(value)
                    fitted[path] += 1
    assert fitted["/v1/events"] > 2 * len(KINDS)


def contents(holder: dict[str, Any]) -> list[dict[str, Any]]:
    """Return what a body may be, by its media types."""
    return list(holder.get("content", {}).values())


def examples(holder: dict[str, Any]) -> list[Any]:
    """Return the values of the examples of a body or a parameter."""
    return [one["value"] for one in holder.get("examples", {}).values()]


@pytest.mark.parametrize("role", ["trader", pytest.param("none", marks=pytest.mark.slow)])
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


@pytest.mark.slow
@pytest.mark.long
@pytest.mark.parametrize("role", ENDS)
def test_every_edge_of_the_document_is_kept_to(service: Service, role: str) -> None:
    """Each keyword of each schema is met and missed, and many requests are drawn."""
    code, said = found(service, role, *ENDS[role], "-n", "100")
    assert code == 0, said
