"""The command line: each command parses, calls one function and shows what comes back.

Heavy parts are imported inside the commands, so that `--help` and completion answer at once.
"""

from __future__ import annotations

import os
import sys

import click

from repurchase import __version__
from repurchase.cli import check, completion, demo, explain, init, lint, replay, test
from repurchase.cli.show import fail, failed
from repurchase.errors import Problem, RepurchaseError

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
    try:
        code = commands.main(prog_name="repurchase", standalone_mode=False)
    except click.exceptions.Abort:
        code = _stopped()
    except KeyboardInterrupt:
        code = _stopped()
    except click.ClickException as error:
        code = _misused(error)
    except RepurchaseError as error:
        code = fail(error)
    except BrokenPipeError:
        # Nobody reads on, so what was not written has not been decided for anyone.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = EXIT_UNDECIDED
    sys.exit(code)


def _stopped() -> int:
    click.echo("stopped; nothing is concluded", err=True)
    return EXIT_STOPPED


def _misused(error: click.ClickException) -> int:
    if "--json" in sys.argv[1:]:
        return failed([Problem(error.format_message())])
    error.show()
    return EXIT_UNDECIDED
