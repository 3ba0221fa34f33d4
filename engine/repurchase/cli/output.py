"""Output of the commands: answers to standard output, everything else to standard error."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Final, TextIO

import click

from repurchase.domain.errors import Problem, plain

if TYPE_CHECKING:
    from rich.console import RenderableType

_JSON: Final = "repurchase.json"
_WIDTH_OF_A_PIPE: Final = 160
_BLANKS: Final = re.compile(r" +$", re.MULTILINE)


def note_json(context: click.Context, _option: click.Parameter, value: bool) -> None:
    """Note in *context* whether the call asks for JSON."""
    context.meta[_JSON] = value


def wants_json() -> bool:
    """Return whether the running command was called with --json."""
    return bool(click.get_current_context().meta.get(_JSON))


def answer(value: object, view: Callable[[], RenderableType] | None = None) -> None:
    """Write the answer: *value* as a line of JSON if --json is given, otherwise *view* if any."""
    if wants_json():
        from repurchase.report.written import json_text

        click.echo(json_text(value))
    elif view is not None:
        draw(view())


def draw(view: RenderableType) -> None:
    """Write *view* to standard output: as wide as the terminal, or 160 columns into a pipe."""
    from rich.console import Console

    console = Console(highlight=False, markup=False, emoji=False)
    if not console.is_terminal:
        console.width = _WIDTH_OF_A_PIPE
    # If the pipe is closed, Rich would end the process itself; `main` handles that better.
    with console.capture() as drawn:
        console.print(view, crop=False)
    # Only a terminal needs the blanks that fill a table.
    text = drawn.get() if console.is_terminal else _BLANKS.sub("", drawn.get())
    sys.stdout.write(text)
    # The reader of a pipe needs this answer now, not when the buffer is full.
    sys.stdout.flush()


def write_errors(problems: Iterable[Problem], *, as_json: bool) -> None:
    """Write *problems* instead of an answer: as JSON to standard output, or to standard error."""
    if as_json:
        from repurchase.report.written import json_text

        click.echo(json_text({"errors": list(problems)}))
    else:
        warn(problems)


def warn(problems: Iterable[Problem]) -> None:
    """Write *problems* to standard error, one line each."""
    for problem in problems:
        write_message(str(problem))


def remark(text: str) -> None:
    """Write *text* to standard error, on one line and with its control characters escaped."""
    write_message(plain(text))


def write_message(text: str) -> None:
    """Write *text* to standard error; if that fails, only the exit code tells the result."""
    try:
        click.echo(text, err=True)
    except OSError:
        silence(sys.stderr)


def silence(stream: TextIO) -> None:
    """Send the rest of *stream* to nowhere, or flushing its buffer at exit would fail once more."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
