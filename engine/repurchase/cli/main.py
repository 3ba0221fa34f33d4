"""The command line: each command parses, calls one function and shows the result.

Heavy parts are imported inside the commands, so that `--help` and completion answer at once.
"""

from __future__ import annotations

import io
import os
import sys
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules

import click

from repurchase.cli import commands as folder
from repurchase.cli.output import silence, write_errors, write_message
from repurchase.domain.errors import Problem, RepurchaseError, reason
from repurchase.domain.version import __version__

EXIT_UNDECIDED = 2


@click.group(
    # Without a command click 8.1 would answer, and end with 0.
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(__version__, prog_name="repurchase")
@click.pass_context
def commands(context: click.Context) -> int:
    """Check share repurchases against the board's authorization, rule by rule.

    \b
    repurchase demo                                 see what it does
    repurchase init my-program                      write a rule file to start from
    repurchase prove F.yaml                         can any sequence of events exceed the caps?
    repurchase diff OLD.yaml NEW.yaml               what does an edit permit or deny?
    repurchase check --rules F.yaml --event E.json  evaluate one order
    repurchase replay LOG.csv --rules F.yaml        evaluate a whole trade log
    repurchase map LOG.csv                          how does a broker's file express events?
    repurchase market BARS.csv --rules F.yaml --at TIME   what does it supply, and what is missing?
    repurchase what-if LOG.csv --rules NEW.yaml --against OLD.yaml   what does an edit change in it?
    repurchase submit E.jsonl --journal desk.db --rules F.yaml   record live events
    repurchase verify --journal desk.db             re-evaluate the journal

    \b
    Exit codes:
      0    everything was approved, recorded, verified or proved
      1    an event was denied, held or refused; an outcome changed (what-if); a rule file has
           errors or gaps (lint) or a counterexample (prove); a journal was tampered with
      2    the input could not be decided or read
      130  stopped with Ctrl-C
    """
    if context.invoked_subcommand is None:
        write_message(context.get_help())
    # What a command returns takes the place of this.
    return EXIT_UNDECIDED


for _module in iter_modules(folder.__path__, f"{folder.__name__}."):
    commands.add_command(import_module(_module.name).command)


def main() -> int:
    """Run the command line and return its exit code."""
    if sys.stdout is None:
        write_message("the answer cannot be written: there is no standard output")
        return EXIT_UNDECIDED
    if sys.stderr is None:
        # The caller closed it and wants no messages; what writes to it must find a file.
        sys.stderr = Path(os.devnull).open("w")  # noqa: SIM115 - it ends with the process
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # A character that the terminal lacks is escaped.
            stream.reconfigure(errors="backslashreplace")
    try:
        code = _code(as_json="--json" in sys.argv[1:])
        sys.stdout.flush()
    except OSError as error:
        # An error that names a file was reported already: this one is of standard output.
        silence(sys.stdout)
        if not isinstance(error, BrokenPipeError):
            write_message(f"the answer cannot be written: {reason(error)}")
        _write_notes(error)
        return EXIT_UNDECIDED
    return code


def _code(*, as_json: bool) -> int:
    """Run the command and return its exit code; report what kept it from an answer."""
    try:
        return int(commands.main(prog_name="repurchase", standalone_mode=False) or 0)
    except click.exceptions.Abort as error:
        # Click's word for Ctrl-C.
        raise KeyboardInterrupt from error
    except SystemExit as end:
        # Click ends completion with 0, and a closed pipe with 1, which means a denial here.
        return EXIT_UNDECIDED if end.code else 0
    except click.ClickException as error:
        return _misused(error, as_json=as_json)
    except RepurchaseError as error:
        write_errors(error.problems, as_json=as_json)
        _write_notes(error)
    except OSError as error:
        if error.filename is None:
            raise
        problem = Problem(f"the file cannot be used: {reason(error)}", file=str(error.filename))
        write_errors([problem], as_json=as_json)
    return EXIT_UNDECIDED


def _write_notes(error: BaseException) -> None:
    """Write what *error* left behind, as the command noted it."""
    for note in getattr(error, "__notes__", ()):
        write_message(note)


def _misused(error: click.ClickException, *, as_json: bool) -> int:
    if isinstance(error, click.UsageError) and error.ctx is not None and not as_json:
        write_message(error.ctx.get_usage())
    # Click lists choices on lines of their own.
    write_errors([Problem(error.format_message().replace("\n\t", " "))], as_json=as_json)
    return EXIT_UNDECIDED
