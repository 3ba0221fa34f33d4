"""`repurchase market`: what market files supply at a moment, and which bar is missing."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path
from typing import Final

import click

from repurchase.cli.files import editions_of
from repurchase.cli.options import json_option, rules_option, single_option
from repurchase.cli.output import answer
from repurchase.domain.calendars import read_day, read_moment
from repurchase.domain.errors import Problem, UsageError, Wrong

_DAY_LENGTH: Final = len("2008-11-14")


@click.command("market")
@click.argument(
    "files", metavar="FILE...", nargs=-1, required=True, type=click.Path(path_type=Path)
)
@rules_option
@single_option(
    "--at", required=True, metavar="TIME", help="The moment, with its offset, or the day."
)
@single_option("--symbol", metavar="SYMBOL", help="Show only the instruments with this symbol.")
@single_option("--venue", metavar="MIC", help="Show only this venue.")
@json_option
def command(
    files: tuple[Path, ...], rules: str, at: str, symbol: str | None, venue: str | None
) -> int:
    """Show every market fact and every average at a moment, and what each comes from.

    \b
    repurchase market bars.csv --rules my-program.yaml --at 2008-11-14T09:30:00+09:00
    repurchase market bars.csv tape.csv issuer.csv --rules iij-2008 --at 2008-11-14 --symbol IIJI
    repurchase market bars.csv --rules my-program.yaml --at 2008-11-14 --venue XTKS --json

    For each average it shows the sessions that count, and if the average is unknown, the bars or
    the columns of bars that are missing. On a day without a time, facts of a moment are unknown.
    The exit code is 1 if an average that a rule reads is unknown.
    """
    from repurchase.market.feed import read_feed
    from repurchase.market.supplied import supplied
    from repurchase.report.market import is_lacking, market_object, market_view

    moment = _moment(at)
    editions = editions_of(rules)
    found = supplied(read_feed(files), editions, moment, symbol, venue)
    answer(market_object(found), lambda: market_view(found, at))
    return 1 if is_lacking(found) else 0


def _moment(text: str) -> datetime | date:
    try:
        return read_day(text) if len(text) <= _DAY_LENGTH else read_moment(text)
    except Wrong as wrong:
        hint = wrong.hint or "write a time as 2008-11-14T09:30:00+09:00, or a day as 2008-11-14"
        raise UsageError(Problem(f"--at: {wrong.what}", hint)) from None
