"""`repurchase reconcile`: the desk's record beside a broker's or a custodian's."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING

import click

from repurchase.cli.journal_options import opened_program, program_option
from repurchase.cli.log_options import LogOptions, file_options
from repurchase.cli.options import Day, json_option, single_option
from repurchase.cli.output import answer

if TYPE_CHECKING:
    from repurchase.replay.reconcile import Fill
    from repurchase.rulebook.editions import Editions

_SECONDS_MAX = 86_400


@click.command("reconcile")
@click.argument("journal", metavar="JOURNAL")
@click.argument("file", metavar="FILE")
@file_options
@single_option(
    "--within",
    type=click.IntRange(0, _SECONDS_MAX),
    metavar="SECONDS",
    help="How far the times of one trade may be apart. Default: 0.",
)
@single_option("--from", "first", type=Day(), metavar="DAY", help="Compare from this day on.")
@single_option("--until", "last", type=Day(), metavar="DAY", help="Compare until this day.")
@program_option
@json_option
def command(
    journal: str,
    file: str,
    within: int | None,
    first: date | None,
    last: date | None,
    authorization: str | None,
    options: LogOptions,
) -> int:
    """Compare the fills of JOURNAL with those of FILE, a broker's or custodian's (CSV, JSON lines).

    \b
    repurchase reconcile desk.db broker.csv --column quantity=shares --set side=buy
    repurchase reconcile desk.db broker.csv --from 2026-03-02 --until 2026-03-06 --within 5

    A fill of each is matched by its ID if both have it, and else by its instrument, side, venue,
    quantity, price and time. Busts and corrections count in both. To match by fields alone, leave
    the IDs of FILE out: --ignore id. Nothing is recorded.

    \b
    Exit codes:
      0    both have the same fills
      1    a fill is missing in one of them, or differs
      2    the journal or the file cannot be read
    """
    from repurchase.cli.progress import folded
    from repurchase.journal.executed import executed
    from repurchase.replay.reconcile import fill_of, has_ids, reconciled
    from repurchase.report.reconciled import Asked, reconciled_object, reconciled_view

    with opened_program(journal, authorization) as (kept, program):
        found = executed(kept, program, folded)
    editions = found.book.editions
    assert editions is not None, "a program of a journal has begun"
    theirs = _fills(file, options, editions)
    ours = [
        fill_of(one.event, one.venue_date or one.date, one.listing) for one in found.fills.values()
    ]
    ours, theirs = (
        [one for one in fills if (first or one.day) <= one.day <= (last or one.day)]
        for fills in (ours, theirs)
    )
    seconds = within or 0
    result = reconciled(ours, theirs, timedelta(seconds=seconds), by_id=has_ids(theirs))
    asked = Asked(program, file, seconds, first, last)
    answer(reconciled_object(result, asked), lambda: reconciled_view(result, asked))
    return 1 if result.differences else 0


def _fills(file: str, options: LogOptions, editions: Editions) -> list[Fill]:
    """Return the fills of *file* that count; raise InputError if a row cannot be read."""
    from repurchase.domain.calendars import day_at
    from repurchase.replay.reconcile import fill_of, netted
    from repurchase.replay.run import Reader

    found = []
    # A row that is repeated is a fill that the file has twice.
    reader = Reader(options.reading(), editions, repeats=True)
    with options.open(file) as log:
        rows = ((line or 0, event) for line, event in reader.events(log, may_be_empty=True))
        for line, event in netted(rows, log.name):
            day = editions.day_of(event)
            listing = editions.on(day).counting.listings.get((event.symbol or "", event.venue))
            if listing is not None and event.time is not None:
                day = day_at(event.time, listing.zone)
            found.append(fill_of(event, day, listing, line))
        options.check_totals(log)
    return found
