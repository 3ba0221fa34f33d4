"""`repurchase position`: what a program has used, and its open orders."""

from __future__ import annotations

import click

from repurchase.cli.journal_options import journal_option, now, program_option, stored_program
from repurchase.cli.options import json_option
from repurchase.cli.output import answer


@click.command("position")
@journal_option
@program_option
@json_option
def command(journal: str, authorization: str | None) -> int:
    """Show what a program has used, which orders are open or held, and what is unknown.

    \b
    repurchase position --journal desk.db
    REPURCHASE_JOURNAL=desk.db repurchase position --json

    An open order that no longer fits a cap or the window, because these fell, is named with the
    reason: cancel it. An order past its last day still reserves shares and money until an `expire`
    or a `cancel` of it is submitted.
    """
    from repurchase.journal.queries import edition_at, overview
    from repurchase.report.programs import position_view

    moment = now()
    book = stored_program(journal, authorization)
    found = overview(book, moment)
    answer(found, lambda: position_view(found, edition_at(book, moment)))
    return 0
