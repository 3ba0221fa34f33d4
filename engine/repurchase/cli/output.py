"""How commands speak: answers on standard output, everything else on standard error."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, TextIO, TypeVar

import click

from repurchase.domain.calendars import read_day
from repurchase.domain.errors import Problem, RepurchaseError, UsageError, nearest, plain

if TYPE_CHECKING:
    from rich.console import RenderableType

    from repurchase.rulebook.editions import Editions


F = TypeVar("F", bound=Callable[..., Any])


def once(_context: click.Context, option: click.Parameter, values: tuple[Any, ...]) -> Any:
    """Return the one of *values* that *option* was given; of two, nobody knows which is meant."""
    if len(values) > 1:
        raise UsageError(
            Problem(f"`{option.opts[0]}` is given {len(values)} times", "give it once")
        )
    return values[0] if values else None


def single(*names: str, **settings: Any) -> Callable[[F], F]:
    """Return an option that takes one value, and is refused where two are given."""
    return click.option(*names, multiple=True, callback=once, **settings)


json_option = click.option(
    "--json", "as_json", is_flag=True, help="Write the answer as JSON, errors included."
)
rules_option = single(
    "--rules",
    required=True,
    metavar="FILE",
    help="The rule file of the authorization, or the name of a shipped one.",
)


def certificate_option(said: str) -> Callable[[F], F]:
    """Return `--certificate`, which *said* tells what it is checked against."""
    what = f"What `repurchase prove` certified, of {said}; it needs no prover."
    return single("--certificate", type=click.Path(path_type=Path), metavar="FILE.json", help=what)


def known_at_option(command: Any) -> Any:
    """Add `--known-at` to *command*."""
    return single(
        "--known-at",
        type=KnownAt(),
        metavar="DATE|now",
        help="Judge by what was known then. Default: what was known on the trade date.",
    )(command)


class KnownAt(click.ParamType[date]):
    """A day, or the present moment for `now`: which day that is, the authorization's clock says."""

    name = "date"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> date:
        """Return the day or the moment that *value* names."""
        if isinstance(value, date):
            return value
        if value == "now":
            return datetime.now(UTC)
        try:
            return read_day(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)


def fail(error: RepurchaseError) -> int:
    """Show *error* and return the exit code of what could not be decided."""
    return failed(error.problems)


def failed(problems: Iterable[Problem]) -> int:
    """Show *problems*, all of them, and return the exit code of what could not be decided."""
    if as_json():
        from repurchase.report.written import problems_json

        click.echo(problems_json(problems))
    else:
        warn(problems)
    return 2


def as_json() -> bool:
    """Return whether the call asks for JSON: also where it is wrong before options are read."""
    return "--json" in sys.argv[1:]


def warn(problems: Iterable[Problem]) -> None:
    """Show *problems* on standard error."""
    for problem in problems:
        tell(str(problem))


def say(message: str) -> None:
    """Show a remark on standard error."""
    tell(plain(message))


def tell(text: str) -> None:
    """Write *text* to standard error; where that takes nothing, the exit code says it alone."""
    try:
        click.echo(text, err=True)
    except OSError:
        silence(sys.stderr)


def silence(stream: TextIO) -> None:
    """Let nothing more come of *stream*: what it still holds would fail once more at the end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def draw(view: RenderableType) -> None:
    """Show *view* on standard output: as wide as the terminal, or wide enough for a pipe."""
    from rich.console import Console

    console = Console(highlight=False, markup=False, emoji=False)
    if not console.is_terminal:
        console = Console(highlight=False, markup=False, emoji=False, width=160)
    # Rich ends the process itself where the pipe is closed; `main` has a better answer.
    with console.capture() as drawn:
        console.print(view, crop=False)
    sys.stdout.write(drawn.get())
    # Whoever reads a pipe waits for this answer, not for a full buffer.
    sys.stdout.flush()


def rule_file(name: str) -> Path:
    """Return the path of the rule file *name*: a shipped one of that name, else the file.

    Raise UsageError where it is neither, and its name looks like that of a shipped one.
    """
    from repurchase.rulebook.library import pack_names, rule_names, rule_path

    if name in rule_names():
        return rule_path(name)
    if name in pack_names():
        what = "this is a pack of law, and a pack alone grants nothing to judge by"
        hint = f"judge by a rule file that says `include: [{name}]`"
        raise UsageError(Problem(what, hint, name))
    path = Path(name)
    if not (looks_like_a_file(path) or is_there(path)):
        shipped = ", ".join(f"`{one}`" for one in rule_names())
        hint = nearest(name, rule_files()) or f"shipped are {shipped}"
        raise UsageError(Problem("there is no such file", hint, name))
    return path


def file_named(name: str) -> Path:
    """Return the path of the rule file or pack *name*: a shipped one of that name, else the file.

    Raise UsageError where it is neither, and its name looks like that of a shipped one.
    """
    from repurchase.rulebook.library import pack_names, pack_path

    return pack_path(name) if name in pack_names() else rule_file(name)


def rule_files() -> tuple[str, ...]:
    """Return what a rule file can be called here: those that are shipped, and the YAML files."""
    from repurchase.rulebook.cases_file import CASES
    from repurchase.rulebook.library import rule_names

    here = (path.name for path in Path().glob("*.yaml") if not path.name.endswith(CASES))
    return (*rule_names(), *here)


def looks_like_a_file(path: Path) -> bool:
    """Return whether *path* is written as that of a file is, whether or not there is one."""
    return len(path.parts) > 1 or path.suffix in (".yaml", ".yml")


def is_there(path: Path) -> bool:
    """Return whether something is at *path*; what the system will not say is told when read."""
    try:
        return path.exists()
    except OSError:
        return True


def is_file(path: Path) -> bool:
    """Return whether *path* is a file; what the system will not say is told when it is read."""
    try:
        return path.is_file()
    except OSError:
        return False


def judged_by(rules: str, known_at: date | None) -> Editions:
    """Return the editions of the rule file *rules*, and show its gaps on standard error."""
    from repurchase.domain.calendars import day_at, zone
    from repurchase.rulebook.build import read
    from repurchase.rulebook.editions import load
    from repurchase.rulebook.lint import lint_findings

    path = rule_file(rules)
    if isinstance(known_at, datetime):
        known_at = day_at(known_at, zone(read(path).timezone))
    editions = load(path, known_at)
    warn(lint_findings(editions.authorization))
    return editions


def called(name: str) -> str:
    """Return how messages call the file *name*, `-` being standard input."""
    return "<standard input>" if name == "-" else name


def standard_input() -> BinaryIO:
    """Return standard input, as bytes; raise UsageError where there is none.

    It has a buffer of its own: a thread that waits for input would keep that of `sys.stdin`, for
    which Python waits when it ends.
    """
    if sys.stdin is None:
        raise UsageError(Problem("there is no standard input", "name a file instead of -"))
    return open(0, "rb", closefd=False)
