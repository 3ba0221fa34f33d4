"""`repurchase checkpoint`: sign the length and head of a journal, to be kept elsewhere."""

from __future__ import annotations

from pathlib import Path

import click

from repurchase.cli.files import check_overwritten
from repurchase.cli.journal_options import (
    ends_with_1_if_tampered,
    journal_option,
    now,
    program_named,
    program_option,
    rules_compared,
)
from repurchase.cli.options import file_option
from repurchase.cli.output import remark


def _make_key(context: click.Context, _: click.Parameter, value: Path | None) -> None:
    if value is None or context.resilient_parsing:
        return
    from repurchase.audit.signatures import new_key

    public = new_key(value)
    remark(f"{value} is the private key, which signs: keep it secret, and away from the journal")
    remark(f"{public} is the public key, which checks signatures: give it to the auditor")
    context.exit()


@click.command("checkpoint")
@journal_option
@program_option
@file_option("--key", required=True, help="The private key to sign with.")
@click.option(
    "--new-key",
    type=click.Path(path_type=Path),
    metavar="FILE",
    is_eager=True,
    expose_value=False,
    callback=_make_key,
    help="Make a key pair, FILE and FILE.pub, then end.",
)
@file_option("--output", help="Write the checkpoint to this file, not to standard output.")
@ends_with_1_if_tampered
def command(journal: str, authorization: str | None, key: Path, output: Path | None) -> int:
    """Verify a journal, and write its signed length and head as one JSON object.

    \b
    repurchase checkpoint --new-key audit.key
    repurchase checkpoint --journal program.db --key audit.key --output 2026-03.json
    repurchase verify --journal program.db --checkpoint 2026-03.json --public-key audit.key.pub

    Keep checkpoints where people who can write the journal cannot change them. If someone later
    truncates or rewrites the chain, it no longer contains them, and `verify` says so. Signing
    needs pip install 'repurchase[sign]'.
    """
    from repurchase.audit.signatures import signed, signing_key
    from repurchase.audit.verify import check_strays, verify
    from repurchase.cli.progress import counted
    from repurchase.journal.store import Head, Journal
    from repurchase.report.written import json_text, whole_file

    signing = signing_key(key)
    with Journal(journal) as kept:
        if output is not None:
            check_overwritten(output, (*kept.files(), key))
        check_strays(kept)
        program = program_named(kept, authorization)
        verified = verify(kept, program, watch=counted, compare=rules_compared)
    head = Head(verified.records, verified.head)
    text = json_text(signed(verified.program, head, now(), signing))
    for each in verified.remarks:
        remark(each)
    if output is None:
        click.echo(text)
        return 0
    with whole_file(output, "the checkpoint") as add:
        add(text)
    remark(f"{output}: {verified.program}, {verified.records:,} records, head {verified.head}")
    return 0
