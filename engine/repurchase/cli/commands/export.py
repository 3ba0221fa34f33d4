"""`repurchase export`: write a program of a journal to a file."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path

import click

from repurchase.cli.files import check_overwritten
from repurchase.cli.journal_options import (
    ends_with_1_if_tampered,
    journal_option,
    program_named,
    program_option,
    rules_compared,
)
from repurchase.cli.options import file_option
from repurchase.cli.output import remark


@click.command("export")
@journal_option
@program_option
@file_option("--output", help="Write to this file; it appears only when it is complete.")
@ends_with_1_if_tampered
def command(journal: str, authorization: str | None, output: Path | None) -> int:
    """Re-evaluate every record of a program, then write the program as JSON lines.

    \b
    repurchase export --journal program.db --output program.jsonl
    repurchase export --journal program.db | gzip > program.jsonl.gz

    The lines hold the exact text of every record, rule file and edition. `import` into another
    journal therefore gives the same chain, and other software can check the hashes.
    """
    from repurchase.audit.transfer import export
    from repurchase.audit.verify import check_strays
    from repurchase.cli.progress import counted
    from repurchase.journal.store import Journal
    from repurchase.report.written import whole_file

    with Journal(journal) as kept:
        if output is not None:
            check_overwritten(output, kept.files())
        check_strays(kept)
        program = program_named(kept, authorization)
        verified, lines = export(kept, program, counted, rules_compared)
        with nullcontext(click.echo) if output is None else whole_file(output, "the export") as add:
            for line in lines:
                add(line)
    for text in verified.remarks:
        remark(text)
    remark(f"{verified.program}: {verified.records:,} records, head {verified.head}")
    return 0
