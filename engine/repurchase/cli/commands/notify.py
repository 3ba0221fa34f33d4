"""`repurchase notify`: send denials, halts, new rules and percentages of use to an address."""

from __future__ import annotations

import os
import signal
import sys
from contextlib import closing, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from repurchase.cli.journal_options import (
    ends_with_1_if_tampered,
    journal_option,
    now,
    opened_program,
    program_option,
)
from repurchase.cli.options import file_option, single_option
from repurchase.domain.decisions import OUTCOMES

if TYPE_CHECKING:
    from repurchase.domain.decisions import Outcome

_PATIENCE: Final = 20
# Outcomes that a compliance officer must see, and no sender may expect.
_USUAL: Final = ("denied", "held", "refused")


@click.command("notify")
@journal_option
@single_option(
    "--to",
    required=True,
    metavar="URL",
    help="The address that takes the notifications: https, or http on this machine.",
)
@file_option(
    "--secret",
    required=True,
    help="The file of the secret (`whsec_..`) that signs them. A second line may hold the old one.",
)
@program_option
@single_option(
    "--name",
    metavar="NAME",
    help="The name under which it is remembered what was delivered. Default: the address.",
)
@click.option(
    "--outcome",
    "outcomes",
    multiple=True,
    type=click.Choice(OUTCOMES),
    default=_USUAL,
    show_default="denied, held, refused",
    help="Send decisions with this outcome; give it once for each.",
)
@single_option(
    "--patience",
    type=click.IntRange(1, 3600),
    metavar="SECONDS",
    help=f"How long the receiver may take to answer. Default: {_PATIENCE}.",
)
@click.option("--once", is_flag=True, help="Deliver what there is, and end.")
@ends_with_1_if_tampered
def command(
    journal: str,
    to: str,
    secret: Path,
    authorization: str | None,
    name: str | None,
    outcomes: tuple[Outcome, ...],
    patience: int | None,
    once: bool,
) -> int:
    """Follow a journal, and send its news to an address, each at least once.

    \b
    (umask 077; echo "whsec_$(openssl rand -base64 32)" > secret)
    repurchase notify --journal desk.db --to https://alerts.example.com/desk --secret secret

    News are decisions that are not approvals, halts, new rules, and the percentages of use that the
    rule file lists in `notify`. They are sent in the order of the records. Each is sent until the
    receiver answers 2xx; then the next one is sent. After a restart it goes on from there. What
    comes twice has the same ID. The first run begins with the first record.
    """
    from repurchase.notify.cursor import held_cursor
    from repurchase.notify.delivery import Receiver
    from repurchase.notify.follower import Follower
    from repurchase.notify.signature import read_secrets

    signal.signal(signal.SIGTERM, _end)
    with (
        closing(Receiver(to, read_secrets(secret), now, _say, patience or _PATIENCE)) as receiver,
        opened_program(journal, authorization) as (opened, program),
        held_cursor(opened, program, name or to) as file,
    ):
        Follower(opened, program, file, outcomes).run(receiver, _say, once=once)
    return 0


def _end(*_: object) -> None:
    """End in order, wherever the program is."""
    sys.exit(0)


def _say(what: str, **fields: object) -> None:
    """Write a line of JSON to standard error; no line holds a secret or a body."""
    from repurchase.report.written import log_line

    # A log that nobody takes any more stops no notification.
    with suppress(OSError):
        os.write(sys.stderr.fileno(), log_line(now(), what, fields))
