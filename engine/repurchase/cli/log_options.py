"""The log that a command judges: the options that say how it is read, and what they come to."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import click

from repurchase.cli.output import called, single, standard_input
from repurchase.domain.errors import Problem, UsageError

if TYPE_CHECKING:
    from repurchase.intake.log import Log
    from repurchase.market.feed import Feed
    from repurchase.replay.run import Reading


market_option = click.option(
    "--market",
    type=click.Path(path_type=Path),
    multiple=True,
    metavar="FILE",
    help="Daily bars, trades, quotes or issuer facts, CSV or Parquet, for what events do not say.",
)


def log_options(command: click.decorators.FC) -> click.decorators.FC:
    """Add the options that say how a log names its fields."""
    for option in (
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
        single(
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
    ):
        command = option(command)
    return command


def feed(market: tuple[Path, ...]) -> Feed:
    """Return what the files *market* tell, beside the tables of sessions."""
    from repurchase.market.feed import read_feed

    return read_feed(market)


def reading(brought_forward: str | None, sort: bool, skip_other_symbols: bool) -> Reading:
    """Return how a log is taken; raise UsageError where what is brought forward cannot be read."""
    from repurchase.replay.run import Reading
    from repurchase.replay.run import brought_forward as forward

    return Reading(
        brought_forward=forward(brought_forward) if brought_forward is not None else None,
        sort=sort,
        skip_other_symbols=skip_other_symbols,
    )


def opened(
    log: str, columns: tuple[str, ...], constants: tuple[str, ...], ignore: tuple[str, ...]
) -> Log:
    """Return the log called *log*, `-` being standard input, with its fields named as told."""
    from repurchase.intake.log import open_log

    source = standard_input() if log == "-" else log
    return open_log(
        source,
        called(log),
        columns=pairs(columns, "--column"),
        constants=pairs(constants, "--set"),
        ignore=frozenset(ignore),
    )


def pairs(values: tuple[str, ...], option: str) -> dict[str, str]:
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


def keep_apart(out: Path, called: str, log: str, *rules: Path) -> None:
    """Raise UsageError where *out* would be written over what it comes from.

    Messages call what is written to it the *called*.
    """
    from repurchase.rulebook.cases_file import cases_path

    if str(out) == "-":
        hint = "name one, since the summary goes to standard output"
        raise UsageError(Problem(f"the {called} go to a file", hint))
    partial = out.with_name(f"{out.name}.partial") if out.name else out
    for kept in (log, *(str(path) for one in rules for path in (one, cases_path(one)))):
        for written in (out, partial):
            # What is not there yet cannot be written over.
            with suppress(OSError):
                if written.is_file() and os.path.samestat(written.stat(), _status(kept)):
                    raise UsageError(Problem(f"the {called} would be written over it", file=kept))


def _status(name: str) -> os.stat_result:
    return os.fstat(0) if name == "-" else Path(name).stat()
