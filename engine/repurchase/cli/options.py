"""The options that several commands share."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import click

from repurchase.cli.output import note_json
from repurchase.domain.calendars import read_day
from repurchase.domain.errors import Problem, UsageError

F = TypeVar("F", bound=Callable[..., Any])
if TYPE_CHECKING:
    _Days = click.ParamType[date]
else:
    # Before click 8.4 it says nothing of what it returns.
    _Days = click.ParamType


class Option(Protocol):
    """What adds an option to a command."""

    def __call__(self, command: F, /) -> F:
        """Return *command* with the option."""


def _only(_context: click.Context, option: click.Parameter, values: tuple[Any, ...]) -> Any:
    """Return the only one of *values*; raise UsageError if there are two."""
    if len(values) > 1:
        raise UsageError(
            Problem(f"`{option.opts[0]}` is given {len(values)} times", "give it once")
        )
    return values[0] if values else None


def single_option(*names: str, **settings: Any) -> Callable[[F], F]:
    """Return an option that takes one value; two are an error."""
    return click.option(*names, multiple=True, callback=_only, **settings)


def file_option(*names: str, **settings: Any) -> Callable[[F], F]:
    """Return an option that takes the path of one file."""
    return single_option(*names, type=click.Path(path_type=Path), **{"metavar": "FILE", **settings})


json_option: Option = click.option(
    "--json",
    is_flag=True,
    expose_value=False,
    callback=note_json,
    help="Write the answer, or the errors, as JSON.",
)
rules_option: Option = single_option(
    "--rules",
    required=True,
    metavar="FILE",
    help="The rule file of the authorization, or the name of a shipped one.",
)


def certificate_option(subject: str) -> Callable[[F], F]:
    """Return the option `--certificate`, which is checked against the *subject*."""
    what = f"The certificate from `repurchase prove` of {subject}. Does not need the prover."
    return file_option("--certificate", metavar="FILE.json", help=what)


class Day(_Days):
    """A day of the calendar."""

    name = "date"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> date:
        """Return the day that *value* names."""
        if isinstance(value, date):
            return value
        try:
            return read_day(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)


class KnownAt(Day):
    """A day, or the present moment for `now`, whose day is that of the authorization's clock."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> date:
        """Return the day or the moment that *value* names."""
        return datetime.now(UTC) if value == "now" else super().convert(value, param, ctx)


known_at_option: Option = single_option(
    "--known-at",
    type=KnownAt(),
    metavar="DATE|now",
    help="The knowledge date: use the terms that were public then. Default: the trade date.",
)
