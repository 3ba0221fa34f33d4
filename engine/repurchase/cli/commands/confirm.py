"""`repurchase confirm`: put in force what another person proposed."""

from __future__ import annotations

import click

from repurchase.cli.journal_options import journal_option, program_option
from repurchase.cli.options import json_option, single_option
from repurchase.cli.said import by_option, submitted


@click.command("confirm")
@click.argument("proposal")
@journal_option
@by_option
@single_option("--reason", metavar="TEXT", help="Why.")
@program_option
@json_option
def command(
    proposal: str, journal: str, by: str, reason: str | None, authorization: str | None
) -> int:
    """Confirm a resume, or the adoption of a rule file, that another person proposed.

    \b
    repurchase position --journal desk.db                       lists what waits
    repurchase confirm adoption-12 --journal desk.db --by Ito

    Who confirms is not the person who proposed, and has no open or held order. Until then a halt
    stays, and the rule file before stays in force. After it, a confirmed rule file is shown as
    `repurchase adopt` shows it.

    \b
    Exit codes:
      0    confirmed
      1    denied; or the rule file is in force, but the use or open orders no longer fit it
    """
    said = {"of": proposal, "by": by, "reason": reason}
    return submitted(journal, authorization, "confirm", said)
