"""`repurchase halt`: stop a program, or a part of it, and say which orders are to be cancelled."""

from __future__ import annotations

import click

from repurchase.cli.journal_options import journal_option, program_option
from repurchase.cli.options import json_option, single_option
from repurchase.cli.said import by_option, submitted


@click.command("halt")
@journal_option
@by_option
@single_option("--reason", metavar="TEXT", help="Why.")
@single_option("--symbol", metavar="SYMBOL", help="Stop orders of this symbol alone.")
@single_option("--venue", metavar="MIC", help="Stop orders at this venue alone.")
@single_option("--broker", metavar="NAME", help="Stop orders by this broker alone.")
@single_option("--person", metavar="NAME", help="Stop orders of this person alone.")
@click.option("--drill", is_flag=True, help="Record a rehearsal: show the orders, stop nothing.")
@program_option
@json_option
def command(
    journal: str, by: str, authorization: str | None, *, drill: bool, **scope: str | None
) -> int:
    """Halt a program: no order is approved until the halt is lifted.

    \b
    repurchase halt --journal desk.db --by Ito --reason "price feed is wrong"
    repurchase halt --journal desk.db --by Ito --symbol IIJI --venue XNAS
    repurchase halt --journal desk.db --by Ito --drill

    The answer lists each open order that is to be cancelled at the venue. `repurchase position`
    shows which of them the venue has confirmed, and the answer to the last confirmation says so.
    What may fill until then still counts. `repurchase resume` lifts the halt.
    """
    return submitted(journal, authorization, "halt", {"by": by, "drill": drill or None, **scope})
