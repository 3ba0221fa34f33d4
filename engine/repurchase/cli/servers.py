"""What the commands with --server share: the client, and what its answers look like."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final

import click

from repurchase.cli.output import draw, wants_json
from repurchase.domain.errors import Problem, UsageError

if TYPE_CHECKING:
    from repurchase.client import Client
    from repurchase.domain.events import Event

TOKEN: Final = "REPURCHASE_TOKEN"


def opened_server(url: str, authorization: str | None) -> Client:
    """Return a client of the service at *url*; raise UsageError if the token is missing.

    A service on this machine may ask for none.
    """
    from repurchase.client import Client

    token = os.environ.get(TOKEN)
    return Client(url, token or None, authorization=authorization)


def refuse_beside_a_server(given: Mapping[str, object]) -> None:
    """Raise UsageError if one of the options is *given*, which only a journal has."""
    problems = [
        Problem(f"`{option}` cannot be given with --server", "leave it out; the service has it")
        for option, value in given.items()
        if value not in (None, (), False)
    ]
    if problems:
        raise UsageError(problems)


def ask(client: Client, events: Sequence[Event], *, records: bool) -> list[bytes]:
    """Return what the service of *client* answers to *events*, each as JSON."""
    from repurchase.journal.records import event_object
    from repurchase.report.written import json_text

    return client.answers([json_text(event_object(one)) for one in events], records=records)


def show(content: bytes) -> bool:
    """Write the answer *content*; return whether its event is stopped."""
    from repurchase.client.calls import read_decision
    from repurchase.report.decisions import told_view

    decision = read_decision(content)
    if wants_json():
        click.echo(content)
    else:
        receipt = decision.receipt
        place = "" if receipt is None else f" (record {receipt.record:,})"
        draw(told_view(decision, f"{place}, as before" if decision.repeated else place))
    return decision.outcome not in ("approved", "recorded")
