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
from repurchase.domain.errors import Problem, UsageError


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
@file_option(
    "--previous",
    help="The checkpoint made before. The journal must contain it; the new one names it.",
)
@click.option("--first", is_flag=True, help="Say that this is the program's first checkpoint.")
@file_option(
    "--public-key",
    help="The public key that checks the previous checkpoint, if another key signed it.",
)
@file_option("--output", help="Write the checkpoint to this file, not to standard output.")
@ends_with_1_if_tampered
def command(
    journal: str,
    authorization: str | None,
    key: Path,
    previous: Path | None,
    public_key: Path | None,
    output: Path | None,
    *,
    first: bool,
) -> int:
    """Verify a journal, and write its signed length, head and Merkle root as one JSON object.

    \b
    repurchase checkpoint --new-key audit.key
    repurchase checkpoint --journal program.db --key audit.key --first --output 2026-03.json
    repurchase checkpoint --journal program.db --key audit.key --previous 2026-03.json \\
        --output 2026-04.json
    repurchase verify --journal program.db --checkpoint 2026-03.json --public-key audit.key.pub

    Keep checkpoints where people who can write the journal cannot change them. If someone later
    truncates or rewrites the chain, it no longer contains them, and `verify` says so. Each
    checkpoint names the one before, so that none can be left out. Signing needs
    pip install 'repurchase[sign]'.
    """
    from repurchase.audit.checkpoint import leaf_of, unsigned
    from repurchase.audit.signatures import public_key as read_key
    from repurchase.audit.signatures import read_checkpoint, signed, signing_key
    from repurchase.audit.verify import check_strays, verify
    from repurchase.cli.progress import counted
    from repurchase.journal.store import Head, Journal
    from repurchase.report.written import json_text, whole_file

    if first is (previous is not None):
        what = "--first and --previous are both given" if first else "neither is given"
        hint = "give --previous FILE, or --first if the program has no checkpoint yet"
        raise UsageError(Problem(f"which checkpoint this one follows is not clear: {what}", hint))
    signing = signing_key(key)
    checking = signing.public_key() if public_key is None else read_key(public_key)
    before = None if previous is None else read_checkpoint(previous, checking)
    with Journal(journal) as kept:
        if output is not None:
            known = [one for one in (key, previous, public_key) if one is not None]
            check_overwritten(output, (*kept.files(), *known))
        check_strays(kept)
        program = program_named(kept, authorization)
        contained = () if before is None else (before,)
        verified = verify(kept, program, contained, counted, rules_compared)
        leaves = [leaf_of(one) for one in kept.hashes(program, verified.records)]
    head = Head(verified.records, verified.head)
    text = json_text(signed(unsigned(program, head, leaves, now(), before), signing))
    for each in verified.remarks:
        remark(each)
    if output is None:
        click.echo(text)
        return 0
    with whole_file(output, "the checkpoint") as add:
        add(text)
    remark(f"{output}: {verified.program}, {verified.records:,} records, head {verified.head}")
    return 0
