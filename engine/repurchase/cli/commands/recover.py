"""`repurchase recover`: what stands in the way of a program, and what to submit about it."""

from __future__ import annotations

import click

from repurchase.cli.journal_options import journal_option, now, program_option, stored_program
from repurchase.cli.options import json_option, single_option
from repurchase.cli.output import answer


@click.command("recover")
@journal_option
@single_option("--by", metavar="NAME", help="Who signs the events that are shown.")
@single_option("--reason", metavar="TEXT", help="The reason that they give.")
@program_option
@json_option
def command(journal: str, authorization: str | None, by: str | None, reason: str | None) -> int:
    """Show the ways back to work: what to settle, in order, and the exact events to submit.

    \b
    repurchase recover --journal desk.db
    repurchase recover --journal desk.db --by Ito --reason "seen with the broker"
    repurchase recover --journal desk.db --json

    It goes through the fills whose figures are unknown, the causes of a halt, and the orders to be
    cancelled for it. Then come what waits for a second person, and the orders that are past their
    last day or no longer fit. Nothing is recorded. Words in capitals stand for what you fill in.

    \b
    Exit codes:
      0    nothing is to be recovered
      1    something is
      2    the journal cannot be read
    """
    from repurchase.journal.queries import overview
    from repurchase.report.ways import NAME, WHY, ways_back, ways_view

    book = stored_program(journal, authorization)
    moment = now()
    found = overview(book, moment)
    ways = ways_back(book, found, moment, by or NAME, reason or WHY)
    answer(
        {"authorization": found.authorization, "ways": ways},
        lambda: ways_view(found.authorization, ways),
    )
    return 1 if ways else 0
