"""The trade log of a command: the options for reading it, and the log that they open."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, nullcontext
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import click

from repurchase.cli.files import check_written_beside, message_name, standard_input
from repurchase.cli.options import Option, file_option, single_option
from repurchase.cli.output import warn
from repurchase.domain.errors import InputError, Problem, UsageError

if TYPE_CHECKING:
    from repurchase.intake.log import Log
    from repurchase.intake.mapping import Expected
    from repurchase.market.feed import Feed
    from repurchase.replay.run import Reading


class LogOptions(NamedTuple):
    """The options of a call for its log, for earlier use and for market facts."""

    mapping: Path | None = None
    expect: str | None = None
    columns: tuple[str, ...] = ()
    constants: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    brought_forward: str | None = None
    market: tuple[Path, ...] = ()
    sort: bool = False
    skip_other_symbols: bool = False
    quarantine: Path | None = None
    tolerance: str | None = None

    @contextmanager
    def open(self, log: str, *rules: Path) -> Iterator[Log]:
        """Yield the log *log*, which is standard input for `-`.

        Quarantined messages are written to their file, which must not be one of *rules*.
        """
        from repurchase.intake.log import open_log
        from repurchase.intake.totals import tolerances
        from repurchase.report.written import whole_file
        from repurchase.rulebook.mapping_file import read_mapping

        others = (self.columns, self.constants, self.ignore, self.tolerance)
        if self.mapping is not None and any(others):
            what = "--mapping takes no --column, --set, --ignore or --tolerance"
            raise UsageError(Problem(what, "say it in the mapping"))
        if self.mapping is not None and self.quarantine is not None:
            raise UsageError(Problem("--mapping takes no --quarantine", "a FIX log has no mapping"))
        if self.quarantine is not None:
            noun, market = "quarantined messages", self.market
            check_written_beside(self.quarantine, noun, log, *rules, others=market)
        with (
            nullcontext()
            if self.quarantine is None
            else whole_file(self.quarantine, "the quarantined messages") as add,
            open_log(
                standard_input() if log == "-" else log,
                message_name(log),
                mapping=None if self.mapping is None else read_mapping(self.mapping),
                columns=_pairs(self.columns, "--column"),
                constants=_pairs(self.constants, "--set"),
                ignore=frozenset(self.ignore),
                quarantine=None if add is None else _quarantine(add),
                checks=tolerances(self.tolerance),
            ) as opened,
        ):
            yield opened
            warn(opened.noted.remarks(opened.name))

    def files(self) -> tuple[Path | None, ...]:
        """Return the files, beside the log, that these options name; no output may be one."""
        return self.mapping, self.quarantine, *self.market

    def reading(self) -> Reading:
        """Return how to read the log; raise UsageError if --brought-forward is not two numbers."""
        from repurchase.replay.run import Reading, brought_forward

        before = self.brought_forward
        return Reading(
            brought_forward=brought_forward(before) if before is not None else None,
            sort=self.sort,
            skip_other_symbols=self.skip_other_symbols,
        )

    def expected(self) -> Expected:
        """Return the totals that are expected; raise UsageError if --expect gives none."""
        from repurchase.intake.totals import expected

        return expected(self.expect)

    def check_totals(self, log: Log | None) -> None:
        """Raise InputError if figures in *log* differ from what its rows come to."""
        if log is None:
            return
        found = log.differences(self.reading().brought_forward)
        if found:
            raise InputError(one.problem(log.name) for one in found)

    def feed(self) -> Feed:
        """Return the market facts of the files and of the tables of sessions."""
        from repurchase.market.feed import read_feed

        return read_feed(self.market)


market_option: Option = click.option(
    "--market",
    type=click.Path(path_type=Path),
    multiple=True,
    metavar="FILE",
    help="Daily bars, trades, quotes or issuer facts, as CSV or Parquet. What the file supplies"
    " counts, not what an event states.",
)
_READING: Final = (
    file_option(
        "--mapping",
        metavar="FILE.yaml",
        help="Which column of the log holds which field, and how; `repurchase map` drafts it.",
    ),
    click.option(
        "--column",
        "columns",
        multiple=True,
        metavar="OURS=THEIRS",
        help="The log's name for a field, e.g. quantity=shares.",
    ),
    click.option(
        "--set",
        "constants",
        multiple=True,
        metavar="OURS=VALUE",
        help="A field with one value for every row, e.g. side=buy.",
    ),
    click.option("--ignore", multiple=True, metavar="COLUMN", help="A column to ignore."),
    single_option(
        "--tolerance",
        metavar="NAME=VALUE,..",
        help="By how much figures may differ, e.g. row=0.5. `row`: price times quantity from the"
        " amount of a row; `amount` and `price`: the totals of --expect. Default: 0.",
    ),
)
_SELECTING: Final = (
    click.option("--sort", is_flag=True, help="Sort the rows by time first."),
    click.option(
        "--skip-other-symbols",
        is_flag=True,
        help="Skip rows whose symbol the rule file does not list.",
    ),
    file_option(
        "--quarantine",
        metavar="FILE",
        help="Write the messages of a FIX log that cannot be read to this file, and evaluate the"
        " others. Without it, there is no conclusion from such a log.",
    ),
)
_OPTIONS: Final = (
    *_READING,
    single_option(
        "--expect",
        metavar="NAME=VALUE,..",
        help="The totals that the program must have after the log, e.g."
        " shares=6875,amount=434324.02.",
    ),
    single_option(
        "--brought-forward",
        metavar="SHARES,AMOUNT",
        help="Shares and money executed before the log begins, e.g. 1671100,1809601097.",
    ),
    market_option,
    *_SELECTING,
)


def log_options(command: Callable[..., int]) -> Callable[..., int]:
    """Return *command* with the options of a log, which it gets as `options`."""
    return _with(command, _OPTIONS)


def file_options(command: Callable[..., int]) -> Callable[..., int]:
    """Return *command* with the options of a log that is only read, which it gets as `options`."""
    return _with(command, (*_READING, *_SELECTING))


def _with(command: Callable[..., int], options: Iterable[Option]) -> Callable[..., int]:
    @wraps(command)
    def with_options(**parameters: Any) -> int:
        given = {name: parameters.pop(name) for name in LogOptions._fields if name in parameters}
        return command(**parameters, options=LogOptions(**given))

    for option in options:
        with_options = option(with_options)
    return with_options


def _quarantine(add: Callable[[str], None]) -> Callable[[bytes], None]:
    """Return what adds a message to the file of *add*, with its bytes as they are, on one line."""

    def put(raw: bytes) -> None:
        add(b"".join(raw.splitlines()).decode(errors="surrogateescape"))

    return put


def _pairs(values: tuple[str, ...], option: str) -> dict[str, str]:
    """Return `name=value` texts as a mapping; raise UsageError for any other text."""
    found: dict[str, str] = {}
    for text in values:
        name, equals, value = text.partition("=")
        if not equals or not name or not value:
            raise UsageError(
                Problem(f"`{option} {text}` has no name or no value", f"write {option} name=value")
            )
        if name in found:
            raise UsageError(Problem(f"`{option}` gives `{name}` twice", "give it once"))
        found[name] = value
    return found
