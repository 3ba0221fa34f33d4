"""`repurchase headroom`: the largest order that would be approved now, or its highest price."""

from __future__ import annotations

from pathlib import Path

import click

from repurchase.cli.journal_options import journal_option, now, program_option, stored_program
from repurchase.cli.log_options import market_option
from repurchase.cli.options import json_option, single_option
from repurchase.cli.output import answer
from repurchase.domain.errors import Problem, UsageError


@click.command("headroom")
@click.argument("fields", metavar="NAME=VALUE...", nargs=-1, required=True)
@single_option(
    "--tick",
    metavar="STEP",
    help="The tick size: the highest price is a multiple of it. Default: 0.01.",
)
@journal_option
@market_option
@program_option
@json_option
def command(
    fields: tuple[str, ...],
    tick: str | None,
    journal: str,
    market: tuple[Path, ...],
    authorization: str | None,
) -> int:
    """Show the largest quantity or the highest price with which an order is approved now.

    \b
    repurchase headroom symbol=IIJI price=3.25 fx=96.70 --journal desk.db
    repurchase headroom symbol=IIJI quantity=4000 fx=96.70 --journal desk.db
    repurchase headroom symbol=3774 price=100000 time=2008-11-14T09:35:00+09:00 broker=North \\
        method=auction order_type=limit --journal desk.db --market bars.csv
    repurchase headroom symbol=3774 quantity=60 time=2008-11-14T09:35:00+09:00 broker=North \\
        method=auction order_type=limit --tick 100 --journal desk.db --market bars.csv

    Give the order by its fields. By default its side is buy and its time is now. Omit `quantity` to
    get the largest quantity, or `price` to get the highest price. For a market order only the
    quantity can be computed: it has no limit price. The answer also names the rules that deny or
    hold one unit or one tick more, and shows that nothing larger is approved. Nothing is recorded.
    """
    from repurchase.api.headroom import headroom_of, question
    from repurchase.evaluation.headroom import headroom
    from repurchase.market.feed import read_feed
    from repurchase.report.headroom import headroom_view
    from repurchase.rulebook.life import life

    values = _values(fields)
    if "time" not in values and "date" not in values:
        values["time"] = now().isoformat()
    order, grid = question(values, tick)
    feed = read_feed(market)
    book = stored_program(journal, authorization)
    assert book.editions is not None, "a program that is held has begun"
    its = life(book.editions, order, book.position)
    found = headroom(order, book.position, its, feed.of(its.edition.authorization), grid)
    answer(headroom_of(found, order), lambda: headroom_view(found, order))
    return 0 if found.largest else 1


def _values(fields: tuple[str, ...]) -> dict[str, str]:
    values: dict[str, str] = {}
    for field in fields:
        name, sign, value = field.partition("=")
        if not sign or not name:
            hint = "write NAME=VALUE, such as price=100000"
            raise UsageError(Problem(f"`{field}` is not a field of an order", hint))
        if name in values:
            raise UsageError(Problem(f"`{name}` is given twice", "give it once"))
        values[name] = value
    return values
