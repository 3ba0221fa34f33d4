"""`repurchase import`: an exported program into a journal."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import BinaryIO

import click

from repurchase.cli.journal_options import journal_option, opened, tells_tampering
from repurchase.cli.output import draw, json_option, standard_input
from repurchase.domain.errors import Problem, UsageError, reason


@click.command("import")
@click.argument("file", metavar="FILE")
@journal_option
@json_option
@tells_tampering
def command(file: str, journal: str, as_json: bool) -> int:
    """Take an exported program (FILE, or - for standard input) into a journal.

    \b
    repurchase import program.jsonl --journal postgresql://desk@db/buybacks
    gunzip -c program.jsonl.gz | repurchase import - --journal copy.db

    Every record is judged again on the way, all are written in one transaction, and they are
    read back and judged once more. A program that has begun there is left alone.
    """
    from repurchase.audit.transfer import ExportFile, imported
    from repurchase.cli.progress import counted
    from repurchase.report.programs import verified_view
    from repurchase.report.written import json_text

    with ExitStack() as closing:
        stream = standard_input() if file == "-" else closing.enter_context(_open(file))
        # Before the journal: a file that is no export does not leave an empty one.
        export = ExportFile(stream, "<standard input>" if file == "-" else file)
        kept = closing.enter_context(opened(journal, create=True))
        verified = imported(export, kept, counted)
    if as_json:
        click.echo(json_text(verified))
    else:
        draw(verified_view(verified))
    return 0


def _open(file: str) -> BinaryIO:
    try:
        return Path(file).open("rb")
    except OSError as error:
        raise UsageError(Problem(f"it cannot be read: {reason(error)}", file=file)) from error
