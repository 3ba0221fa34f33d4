"""`repurchase export`: a program of a journal as a file."""

from __future__ import annotations

from pathlib import Path

import click

from repurchase.cli.journal_options import (
    chosen,
    journal_option,
    kept_apart,
    opened,
    program_option,
    tells_tampering,
)
from repurchase.cli.output import say, single


@click.command("export")
@journal_option
@program_option
@single(
    "--output",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Write it to this file, which is there whole or not at all.",
)
@tells_tampering
def command(journal: str, authorization: str | None, output: Path | None) -> int:
    """Write a program with all its records as JSON lines, once they were judged again.

    \b
    repurchase export --journal program.db --output program.jsonl
    repurchase export --journal program.db | gzip > program.jsonl.gz

    The lines hold the exact text of every record, rule file and edition, so that `import` into
    another journal gives the same chain, and any other software can check the hashes.
    """
    from repurchase.audit.transfer import export
    from repurchase.audit.verify import check_strays
    from repurchase.cli.progress import counted
    from repurchase.report.written import WholeFile

    with opened(journal) as kept:
        written = kept_apart(output, kept)
        check_strays(kept)
        verified, lines = export(kept, chosen(kept, authorization), counted)
        if written is None:
            for line in lines:
                click.echo(line)
        else:
            with WholeFile(written, "the export") as file:
                for line in lines:
                    file.add(line)
    for remark in verified.remarks:
        say(remark)
    say(f"{verified.program}: {verified.records:,} records, head {verified.head}")
    return 0
