"""`repurchase import`: read an exported program into a journal."""

from __future__ import annotations

from pathlib import Path

import click

from repurchase.cli.checkpoints import checkpoints_option, public_key_option, read_checkpoints
from repurchase.cli.files import message_name, opened
from repurchase.cli.journal_options import (
    ends_with_1_if_tampered,
    journal_option,
    rules_compared,
)
from repurchase.cli.options import json_option
from repurchase.cli.output import answer


@click.command("import")
@click.argument("file", metavar="FILE")
@journal_option
@checkpoints_option
@public_key_option
@json_option
@ends_with_1_if_tampered
def command(
    file: str, journal: str, checkpoint_files: tuple[Path, ...], public_key: Path | None
) -> int:
    """Import an exported program (FILE, or - for standard input) into a journal.

    \b
    repurchase import program.jsonl --journal postgresql://desk@db/buybacks
    gunzip -c program.jsonl.gz | repurchase import - --journal copy.db

    The command re-evaluates every record, writes all of them in one transaction, and then
    verifies what it wrote. If the journal already has this program, nothing is imported. Whoever
    made the file could have made up all of it: only a checkpoint kept elsewhere confirms it.
    """
    from repurchase.audit.transfer import ExportFile, imported
    from repurchase.cli.progress import counted
    from repurchase.journal.store import Journal
    from repurchase.report.programs import verified_view

    checkpoints = read_checkpoints(checkpoint_files, public_key)
    with opened(file, "the file") as stream:
        # Read the file first, so that a file that is not an export creates no empty journal.
        export = ExportFile(stream, message_name(file))
        with Journal(journal, create=True) as kept:
            verified = imported(export, kept, counted, rules_compared, checkpoints)
    answer(verified, lambda: verified_view(verified))
    return 0
