"""`repurchase reconcile`: the desk's record beside a broker's or a custodian's."""

from __future__ import annotations

import hashlib
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click
from msgspec.structs import replace

from repurchase.cli.journal_options import now, opened_program, program_option
from repurchase.cli.log_options import LogOptions, file_options
from repurchase.cli.options import Day, json_option, single_option
from repurchase.cli.output import answer, remark, warn
from repurchase.domain.errors import Problem, UsageError

if TYPE_CHECKING:
    from repurchase.domain.decisions import Receipt
    from repurchase.intake.totals import Difference
    from repurchase.journal.records import Reconciliation
    from repurchase.journal.store import Head
    from repurchase.replay.reconcile import Fill, Reconciled, Total
    from repurchase.report.reconciled import Asked
    from repurchase.rulebook.editions import Editions

_SECONDS_MAX: Final = 86_400
_BYTES_AT_ONCE: Final = 1 << 20
# How a file of SQLite begins.
_SQLITE: Final = b"SQLite format 3\0"


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
@click.option("--record", is_flag=True, help="Put the result into the journal as a record.")
@single_option("--by", metavar="NAME", help="Who reconciles; --record needs it.")
@program_option
@json_option
def command(
    journal: str,
    file: str,
    within: int | None,
    first: date | None,
    last: date | None,
    record: bool,
    by: str | None,
    authorization: str | None,
    options: LogOptions,
) -> int:
    """Compare the fills of JOURNAL with those in FILE, from a broker or a custodian.

    FILE is CSV, JSON lines or FIX, or any table with --mapping.

    \b
    repurchase reconcile desk.db broker.csv --column quantity=shares --set side=buy
    repurchase reconcile desk.db broker.csv --from 2026-03-02 --until 2026-03-06 --within 5
    repurchase reconcile desk.db broker.csv --record --by Ito

    Fills are matched by ID if FILE has IDs. Otherwise, they are matched by instrument, side, venue,
    quantity, price and time. Busts and corrections count on both sides. To match by fields alone,
    ignore the IDs of FILE: --ignore id. Without --record, nothing is recorded. If FILE does not add
    up to the totals that it prints, the result is not recorded.

    \b
    Exit codes:
      0    both have the same fills
      1    a fill is missing on one side or differs, or FILE contradicts itself
      2    JOURNAL or FILE cannot be read
    """
    if first is not None and last is not None and first > last:
        what = f"the days from {first} until {last} are none"
        raise UsageError(Problem(what, "give the earlier day with --from"))
    from repurchase.cli.progress import folded
    from repurchase.journal.executed import executed
    from repurchase.ledger.changes import day_of_fill
    from repurchase.replay.reconcile import fill_of, has_ids, reconciled
    from repurchase.report.reconciled import Asked, reconciled_object, reconciled_view

    _check_places(file)
    digest = _checked(file, record, by)
    with opened_program(journal, authorization) as (kept, program):
        found = executed(kept, program, folded)
    editions = found.book.editions
    assert editions is not None, "a program of a journal has begun"
    theirs, differences = _fills(file, options, editions)
    ours = [fill_of(one.event, day_of_fill(one), one.listing) for one in found.fills.values()]
    ours, theirs = (
        [one for one in fills if (first or one.day) <= one.day <= (last or one.day)]
        for fills in (ours, theirs)
    )
    seconds = within or 0
    result = reconciled(ours, theirs, timedelta(seconds=seconds), by_id=has_ids(theirs))
    asked = Asked(program, file, seconds, first, last, differences=differences)
    if by is not None and digest is not None and not differences:
        if _digest(file) != digest:
            raise UsageError(Problem("the file changed while it was read", "run it again", file))
        told = _reconciliation(result, asked, digest, by)
        asked = replace(asked, receipt=_recorded(journal, program, told, found.book.head))
    answer(reconciled_object(result, asked), lambda: reconciled_view(result, asked))
    warn(one.problem(file) for one in differences)
    if record and differences:
        remark(f"{file}: the result is not recorded, because the file contradicts itself")
    return 1 if result.differences or differences else 0


def _check_places(file: str) -> None:
    """Raise UsageError if *file* is a journal: it must come first."""
    is_journal = "://" in file
    if not is_journal and Path(file).is_file():
        from repurchase.cli.files import opened

        with opened(file, "the file") as stream:
            is_journal = stream.read(len(_SQLITE)) == _SQLITE
    if is_journal:
        hint = "give the journal first: repurchase reconcile JOURNAL FILE"
        raise UsageError(Problem("this is a journal, in the place of the file", hint, file))


def _checked(file: str, record: bool, by: str | None) -> str | None:
    """Return the SHA-256 of *file* if the result is to be recorded.

    Raise UsageError if --record and --by do not come together, or if *file* is standard input.
    """
    if record is (by is None):
        what = "`--record` and `--by` come together"
        raise UsageError(Problem(what, "say who reconciles with --by, or leave both out"))
    if record and file == "-":
        what = "a reconciliation of standard input cannot be recorded"
        raise UsageError(Problem(what, "give the name of a file, which can be kept"))
    return _digest(file) if record else None


def _digest(file: str) -> str:
    from repurchase.cli.files import opened

    digest = hashlib.sha256()
    with opened(file, "the file") as stream:
        while content := stream.read(_BYTES_AT_ONCE):
            digest.update(content)
    return digest.hexdigest()


def _reconciliation(result: Reconciled, asked: Asked, digest: str, by: str) -> Reconciliation:
    """Return what a journal records of *result*."""
    from repurchase.domain.quantities import written
    from repurchase.journal.records import Reconciliation, Sides, Sum

    def summed(total: Total) -> Sum:
        amount = None if total.amount is None else written(total.amount)
        return Sum(total.fills, total.quantity, amount)

    return Reconciliation(
        file=digest,
        by=by,
        within_seconds=asked.within_seconds,
        matched=result.matched,
        different=len(result.different),
        missing_in_journal=len(result.missing_in_journal),
        missing_in_file=len(result.missing_in_file),
        totals={
            name: Sides(summed(ours), summed(theirs))
            for name, (ours, theirs) in result.totals.items()
        },
        first=asked.first,
        last=asked.last,
    )


def _recorded(url: str, program: str, told: Reconciliation, head: Head) -> Receipt:
    """Record *told* in the journal at *url*, which must still end at *head*."""
    from repurchase.journal.desk import Desk

    with opened_program(url, program) as (journal, _):
        return Desk(journal, program, now).reconcile(told, head)


def _fills(
    file: str, options: LogOptions, editions: Editions
) -> tuple[list[Fill], tuple[Difference, ...]]:
    """Return the fills of *file* that count, and the figures that its rows do not come to.

    Raise InputError if a row cannot be read.
    """
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
        # A file that does not come to the totals that it prints was read wrongly, or is not whole.
        return found, log.differences()
