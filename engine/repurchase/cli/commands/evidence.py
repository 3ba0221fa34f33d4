"""`repurchase evidence`: show one record of a journal without the others, or check one shown so."""

from __future__ import annotations

from pathlib import Path

import click

from repurchase.cli.checkpoints import public_key_option, read_checkpoints
from repurchase.cli.files import check_overwritten
from repurchase.cli.journal_options import (
    ends_with_1_if_tampered,
    opened_program,
    program_option,
)
from repurchase.cli.options import file_option, single_option
from repurchase.cli.output import remark
from repurchase.domain.errors import Problem, UsageError


@click.command("evidence")
@click.argument("record", type=click.IntRange(min=1), required=False)
@single_option(
    "--journal",
    envvar="REPURCHASE_JOURNAL",
    show_envvar=True,
    metavar="FILE|URL",
    help="The journal that holds the record: a file, or postgresql://user@host/name.",
)
@file_option("--check", "file", help="Check the evidence in this file. No journal is needed.")
@file_option("--checkpoint", required=True, help="The checkpoint that confirms the record.")
@public_key_option
@program_option
@file_option("--output", help="Write the evidence to this file, not to standard output.")
@ends_with_1_if_tampered
def command(
    record: int | None,
    journal: str | None,
    file: Path | None,
    checkpoint: Path,
    public_key: Path | None,
    authorization: str | None,
    output: Path | None,
) -> int:
    """Show that RECORD, a number as in a receipt, is in a checkpoint, without any other record.

    \b
    repurchase evidence 12 --journal desk.db --checkpoint 2026-03.json --public-key audit.key.pub
    repurchase evidence --check 12.json --checkpoint 2026-03.json --public-key audit.key.pub

    Who checks the evidence needs the checkpoint and the public key alone. With --check, the command
    writes the record that it confirms.
    """
    from repurchase.audit.evidence import evidence, read_evidence, shown
    from repurchase.report.written import json_text, whole_file

    (known,) = read_checkpoints([checkpoint], public_key)
    if file is not None:
        if record is not None or output is not None:
            hint = "leave out RECORD and --output: the file says which record it shows"
            raise UsageError(Problem("--check stands alone", hint))
        found = read_evidence(file)
        shown(found, known, str(file))
        click.echo(found.body)
        remark(f"record {found.record:,} of {known.program} is in the checkpoint")
        return 0
    if record is None or journal is None:
        hint = "or give --check with a file of evidence"
        raise UsageError(Problem("RECORD or --journal is missing", hint))
    with opened_program(journal, authorization or known.program) as (kept, program):
        if output is not None:
            check_overwritten(output, kept.files())
        stored = kept.numbered(program, record)
        if stored is None:
            raise UsageError(Problem(f"the journal has no record {record:,}", file=kept.url))
        text = json_text(evidence(kept, stored, known))
    if output is None:
        click.echo(text)
        return 0
    with whole_file(output, "the evidence") as add:
        add(text)
    return 0
