"""`repurchase resume`: lift what halts a program, or propose it to a second person."""

from __future__ import annotations

import click

from repurchase.cli.journal_options import journal_option, program_option
from repurchase.cli.options import json_option, single_option
from repurchase.cli.said import by_option, submitted


@click.command("resume")
@click.argument("causes", nargs=-1, metavar="[CAUSE]...")
@journal_option
@by_option
@single_option("--reason", metavar="TEXT", required=True, help="Why nothing stands against it.")
@program_option
@json_option
def command(
    causes: tuple[str, ...], journal: str, by: str, reason: str, authorization: str | None
) -> int:
    """Lift the causes of a halt, each named by its event; without a CAUSE, the oldest one.

    \b
    repurchase position --journal desk.db                       lists the causes
    repurchase resume f-17 f-18 --journal desk.db --by Ito --reason "seen, both are true"

    A cause that is not named still halts. The resume waits until a second person confirms it by
    `repurchase confirm`, unless the program began as one of one person.
    """
    said = {"by": by, "reason": reason, "causes": list(causes)}
    return submitted(journal, authorization, "resume", said)
