"""The log that a command judges: the options that say how it is read, and what they come to."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import click

from repurchase.cli.files import message_name, standard_input
from repurchase.cli.options import single_option
from repurchase.domain.errors import Problem, UsageError

if TYPE_CHECKING:
    from repurchase.intake.log import Log
    from repurchase.market.feed import Feed
    from repurchase.replay.run import Reading


class LogOptions(NamedTuple):
    """What a call says of its log, and of what was and is known beside it."""

    columns: tuple[str, ...] = ()
    constants: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    brought_forward: str | None = None
    market: tuple[Path, ...] = ()
    sort: bool = False
    skip_other_symbols: bool = False

    def open(self, log: str) -> Log:
        """Return the log called *log*, `-` being standard input; the caller closes it."""
        from repurchase.intake.log import open_log

        return open_log(
            standard_input() if log == "-" else log,
            message_name(log),
            columns=_pairs(self.columns, "--column"),
            constants=_pairs(self.constants, "--set"),
            ignore=frozenset(self.ignore),
        )

    def reading(self) -> Reading:
        """Return how the log is taken; raise UsageError for what cannot be brought forward."""
        from repurchase.replay.run import Reading, brought_forward

        before = self.brought_forward
        return Reading(
            brought_forward=brought_forward(before) if before is not None else None,
            sort=self.sort,
            skip_other_symbols=self.skip_other_symbols,
        )

    def feed(self) -> Feed:
        """Return what the market files give, beside the tables of sessions."""
        from repurchase.market.feed import read_feed

        return read_feed(self.market)


market_option = click.option(
    "--market",
    type=click.Path(path_type=Path),
    multiple=True,
    metavar="FILE",
    help="Daily bars, trades, quotes or issuer facts, CSV or Parquet, for what events do not say.",
)
_OPTIONS: Final = (
    click.option(
        "--column",
        "columns",
        multiple=True,
        metavar="OURS=THEIRS",
        help="What the log calls a field, e.g. quantity=shares.",
    ),
    click.option(
        "--set",
        "constants",
        multiple=True,
        metavar="OURS=VALUE",
        help="A field that is the same in every row, e.g. side=buy.",
    ),
    click.option("--ignore", multiple=True, metavar="COLUMN", help="A column to leave out."),
    single_option(
        "--brought-forward",
        metavar="SHARES,AMOUNT",
        help="What was executed before the log begins, e.g. 1671100,1809601097.",
    ),
    market_option,
    click.option("--sort", is_flag=True, help="Put the rows in order of time first."),
    click.option(
        "--skip-other-symbols",
        is_flag=True,
        help="Leave out rows whose symbol the rule file does not list.",
    ),
)


def log_options(command: Callable[..., int]) -> Callable[..., int]:
    """Add the options of a log to *command*, which is given them as `options`."""

    @wraps(command)
    def with_options(**parameters: Any) -> int:
        options = LogOptions(*(parameters.pop(name) for name in LogOptions._fields))
        return command(**parameters, options=options)

    for option in _OPTIONS:
        with_options = option(with_options)
    return with_options


def _pairs(values: tuple[str, ...], option: str) -> dict[str, str]:
    """Return `name=value` texts as a mapping; raise UsageError for one that is not."""
    found: dict[str, str] = {}
    for text in values:
        name, equals, value = text.partition("=")
        if not equals or not name or not value:
            raise UsageError(Problem(f"`{option} {text}` is no pair", f"write {option} name=value"))
        if name in found:
            raise UsageError(Problem(f"`{option}` gives `{name}` twice", "give it once"))
        found[name] = value
    return found
