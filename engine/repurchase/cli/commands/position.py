"""`repurchase position`: where a program stands."""

from __future__ import annotations

import click

from repurchase.cli.journal_options import chosen, journal_option, now, opened, program_option
from repurchase.cli.output import draw, json_option


@click.command("position")
@journal_option
@program_option
@json_option
def command(journal: str, authorization: str | None, as_json: bool) -> int:
    """Show what a program has used, which orders are open or held, and what is unknown.

    \b
    repurchase position --journal desk.db
    REPURCHASE_JOURNAL=desk.db repurchase position --json

    Orders past their last day still reserve: they end when an `expire` or a `cancel` is submitted.
    """
    from repurchase.journal.book import stored_book
    from repurchase.journal.queries import edition_at, overview
    from repurchase.report.programs import position_view
    from repurchase.report.written import json_text

    moment = now()
    with opened(journal) as kept:
        book = stored_book(kept, chosen(kept, authorization))
    found = overview(book, moment)
    if as_json:
        click.echo(json_text(found))
    else:
        draw(position_view(found, edition_at(book, moment)))
    return 0
