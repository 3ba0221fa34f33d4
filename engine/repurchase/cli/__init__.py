"""The command line: each command parses, calls one function and shows what comes back.

Heavy parts are imported inside the commands, so that `--help` and completion answer at once.
"""

from __future__ import annotations

import io
import os
import sys

import click

from repurchase import __version__
from repurchase.cli import check, completion, demo, explain, init, lint, replay, test
from repurchase.cli.show import as_json, fail, failed
from repurchase.errors import Problem, RepurchaseError, reason

EXIT_UNDECIDED = 2
EXIT_STOPPED = 130


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="repurchase")
def commands() -> None:
    """Check share repurchases against the board's authorization, rule by rule.

    \b
    repurchase demo                                 see it at work
    repurchase init my-program                      start a rule file of your own
    repurchase check --rules F.yaml --event E.json  ask about one order
    repurchase replay LOG.csv --rules F.yaml        judge a whole trade log

    \b
    Exit codes: 0 all approved or recorded; 1 something denied, held or refused, or a rule file
    with errors or gaps given to lint; 2 what could not be decided; 130 stopped.
    """


for command in (
    demo.command,
    init.command,
    lint.command,
    test.command,
    explain.command,
    check.command,
    replay.command,
    completion.command,
):
    commands.add_command(command)


def main() -> None:
    """Run the command line and end the process with its exit code."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # A letter that the terminal cannot show is shown escaped.
            stream.reconfigure(errors="backslashreplace")
    try:
        code = _run()
        sys.stdout.flush()
    except OSError as error:
        # One that names a file was told already: this is of standard output.
        code = _unsaid(error)
    sys.exit(code)


def _run() -> int:
    try:
        return int(commands.main(prog_name="repurchase", standalone_mode=False) or 0)
    except (click.exceptions.Abort, KeyboardInterrupt):
        click.echo("stopped; nothing is concluded", err=True)
        return EXIT_STOPPED
    except SystemExit as end:
        # Click ends completion with 0 and a closed pipe with 1, which would be an answer of ours.
        return EXIT_UNDECIDED if end.code else 0
    except click.ClickException as error:
        return _misused(error)
    except RepurchaseError as error:
        return fail(error)
    except OSError as error:
        if error.filename is None:
            raise
        return failed([Problem(f"it cannot be used: {reason(error)}", file=str(error.filename))])


def _unsaid(error: OSError) -> int:
    """Return the exit code of an answer that could not be written: it is none."""
    # What is left in the buffer would fail once more when the interpreter ends.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    if not isinstance(error, BrokenPipeError):
        click.echo(f"the answer cannot be written: {reason(error)}", err=True)
    return EXIT_UNDECIDED


def _misused(error: click.ClickException) -> int:
    if isinstance(error, click.UsageError) and error.ctx is not None and not as_json():
        click.echo(error.ctx.get_usage(), err=True)
    return failed([Problem(error.format_message())])
