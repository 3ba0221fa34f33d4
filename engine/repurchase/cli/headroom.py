"""`repurchase headroom`: the largest order that would pass now."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import click

from repurchase.cli.journal import chosen, journal_option, now, opened, program_option
from repurchase.cli.log import feed, market_option
from repurchase.cli.show import draw, json_option
from repurchase.errors import Problem, UsageError


@click.command("headroom")
@click.argument("fields", metavar="NAME=VALUE...", nargs=-1, required=True)
@journal_option
@market_option
@program_option
@json_option
def command(
    fields: tuple[str, ...],
    journal: str,
    market: tuple[Path, ...],
    authorization: str | None,
    as_json: bool,
) -> int:
    """Show the largest quantity of an order that would pass now, and the rule that binds.

    \b
    repurchase headroom symbol=IIJI price=3.25 fx=96.70 --journal desk.db
    repurchase headroom symbol=3774 price=100000 time=2008-11-14T09:35:00+09:00 broker=North \\
        method=auction order_type=limit --journal desk.db --market bars.csv

    The order is given by its fields; without others it buys, now. Nothing is recorded.
    """
    from repurchase.headroom import headroom
    from repurchase.journal import stored_book
    from repurchase.logs import event
    from repurchase.report import headroom_json, headroom_view

    values = _values(fields)
    if "time" not in values and "date" not in values:
        values["time"] = now().isoformat()
    order = event(values)
    told = feed(market)
    with opened(journal) as kept:
        book = stored_book(kept, chosen(kept, authorization))
    assert book.editions is not None, "a program that is held has begun"
    edition = book.editions.of(order, book.position)
    found = headroom(order, book.position, edition, told.of(edition.authorization))
    if as_json:
        click.echo(headroom_json(found))
    else:
        draw(headroom_view(found, order))
    return 0 if found.quantity else 1


# Which program it is of, the option says.
_NOT_ASKED: Final = ("kind", "id", "quantity", "authorization")


def _values(fields: tuple[str, ...]) -> dict[str, str]:
    values: dict[str, str] = {}
    for field in fields:
        name, sign, value = field.partition("=")
        if not sign or not name or name in _NOT_ASKED:
            hint = "write a field of an order, such as price=100000"
            raise UsageError(Problem(f"`{field}` is no field to ask with", hint))
        if name in values:
            raise UsageError(Problem(f"`{name}` is given twice", "give it once"))
        values[name] = value
    return {"kind": "order", "id": "headroom", "side": "buy", "quantity": "1"} | values
