"""`repurchase import`: an exported program into a journal."""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO

import click

from repurchase.cli.files import message_name, standard_input
from repurchase.cli.journal_options import ends_with_1_if_tampered, journal_option
from repurchase.cli.options import json_option
from repurchase.cli.output import answer
from repurchase.domain.errors import Problem, UsageError, reason


@click.command("import")
@click.argument("file", metavar="FILE")
@journal_option
@json_option
@ends_with_1_if_tampered
def command(file: str, journal: str) -> int:
    """Take an exported program (FILE, or - for standard input) into a journal.

    \b
    repurchase import program.jsonl --journal postgresql://desk@db/buybacks
    gunzip -c program.jsonl.gz | repurchase import - --journal copy.db

    Every record is judged again on the way, all are written in one transaction, and they are
    read back and judged once more. A program that has begun there is left alone.
    """
    from repurchase.audit.transfer import ExportFile, imported
    from repurchase.cli.progress import counted
    from repurchase.journal.store import Journal
    from repurchase.report.programs import verified_view

    with standard_input() if file == "-" else _open(file) as stream:
        # Before the journal: a file that is no export does not leave an empty one.
        export = ExportFile(stream, message_name(file))
        with Journal(journal, create=True) as kept:
            verified = imported(export, kept, counted)
    answer(verified, lambda: verified_view(verified))
    return 0


def _open(file: str) -> BinaryIO:
    try:
        return Path(file).open("rb")
    except OSError as error:
        raise UsageError(Problem(f"it cannot be read: {reason(error)}", file=file)) from error
