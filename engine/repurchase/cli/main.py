"""The command line: each command parses, calls one function and shows what comes back.

Heavy parts are imported inside the commands, so that `--help` and completion answer at once.
"""

from __future__ import annotations

import io
import os
import sys
from pathlib import Path

import click

from repurchase.cli.commands import (
    adopt,
    check,
    checkpoint,
    completion,
    demo,
    diff,
    explain,
    export,
    headroom,
    import_,
    init,
    lint,
    position,
    prove,
    replay,
    show,
    submit,
    test,
    verify,
    what_if,
)
from repurchase.cli.output import as_json, fail, failed, silence, tell
from repurchase.domain.errors import Problem, RepurchaseError, reason
from repurchase.domain.version import __version__

EXIT_UNDECIDED = 2


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="repurchase")
def commands() -> None:
    """Check share repurchases against the board's authorization, rule by rule.

    \b
    repurchase demo                                 see it at work
    repurchase init my-program                      start a rule file of your own
    repurchase prove F.yaml                         what no history can get past
    repurchase diff OLD.yaml NEW.yaml               what an edit changes
    repurchase check --rules F.yaml --event E.json  ask about one order
    repurchase replay LOG.csv --rules F.yaml        judge a whole trade log
    repurchase what-if LOG.csv --rules NEW.yaml --against OLD.yaml   what an edit changes in it
    repurchase submit E.jsonl --journal desk.db --rules F.yaml   live, on the record
    repurchase verify --journal desk.db             judge the record again

    \b
    Exit codes: 0 all approved, recorded, verified or proved; 1 something denied, held or
    refused, a verdict that what-if shows flipping, a rule file with errors or gaps given to lint,
    one that prove shows a history against, or a journal that was tampered with; 2 what could not be
    decided; 130 stopped.
    """


for command in (
    demo.command,
    init.command,
    lint.command,
    test.command,
    explain.command,
    prove.command,
    diff.command,
    check.command,
    replay.command,
    what_if.command,
    submit.command,
    position.command,
    headroom.command,
    show.command,
    adopt.command,
    verify.command,
    checkpoint.command,
    export.command,
    import_.command,
    completion.command,
):
    commands.add_command(command)


def main() -> int:
    """Run the command line and return its exit code."""
    if sys.stdout is None:
        tell("the answer cannot be written: there is no standard output")
        return EXIT_UNDECIDED
    if sys.stderr is None:
        # Closed by the caller, who wants no messages; what draws on it must find something.
        sys.stderr = Path(os.devnull).open("w")  # noqa: SIM115 - it ends with the process
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # A letter that the terminal cannot show is shown escaped.
            stream.reconfigure(errors="backslashreplace")
    try:
        code = _run()
        sys.stdout.flush()
    except KeyboardInterrupt:
        silence(sys.stdout)
        raise
    except OSError as error:
        # One that names a file was told already: this is of standard output.
        code = _unsaid(error)
    return code


def _run() -> int:
    try:
        return int(commands.main(prog_name="repurchase", standalone_mode=False) or 0)
    except click.exceptions.Abort as error:
        # Click's word for Ctrl-C.
        raise KeyboardInterrupt from error
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
    silence(sys.stdout)
    if not isinstance(error, BrokenPipeError):
        tell(f"the answer cannot be written: {reason(error)}")
    return EXIT_UNDECIDED


def _misused(error: click.ClickException) -> int:
    if isinstance(error, click.exceptions.NoArgsIsHelpError):
        # Its message is the whole help, which is shown as it is.
        tell(error.format_message())
        return EXIT_UNDECIDED
    if isinstance(error, click.UsageError) and error.ctx is not None and not as_json():
        tell(error.ctx.get_usage())
    # Click lists choices on lines of their own.
    return failed([Problem(error.format_message().replace("\n\t", " "))])
