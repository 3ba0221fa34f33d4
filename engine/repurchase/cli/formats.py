"""The option `--format`: the answer as text, as GitHub annotations or as JUnit XML."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from repurchase.cli.options import Option, single_option
from repurchase.cli.output import wants_json
from repurchase.domain.errors import Problem, RepurchaseError, UsageError

if TYPE_CHECKING:
    from repurchase.report.checked import Checked

format_option: Option = single_option(
    "--format",
    "form",
    type=click.Choice(["text", "github", "junit"]),
    help="Write the answer as text (default), as GitHub annotations or as JUnit XML.",
)


def is_report(form: str | None) -> bool:
    """Return whether *form* is a report of checks, and not text."""
    return form not in (None, "text")


def write_checks(form: str | None, checks: Sequence[Checked]) -> None:
    """Write *checks* in the format *form*, `github` or `junit`."""
    from repurchase.report.checked import github_lines, junit_text

    for line in [junit_text(checks)] if form == "junit" else github_lines(checks):
        click.echo(line)


@contextmanager
def errors_written(command: str, form: str | None) -> Iterator[None]:
    """Write an error that ends *command* in the format *form* too, and raise it again.

    Raise UsageError if the call asks for JSON as well.
    """
    if is_report(form) and wants_json():
        raise UsageError(Problem(f"`--json` and `--format {form}` exclude each other", "give one"))
    try:
        yield
    except RepurchaseError as error:
        if is_report(form):
            from repurchase.report.checked import Checked

            whole = Checked(command, f"repurchase {command}", None, error.problems, "error")
            write_checks(form, [whole])
        raise
