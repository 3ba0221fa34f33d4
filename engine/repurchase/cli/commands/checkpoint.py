"""`repurchase checkpoint`: sign where a journal stands, to be kept elsewhere."""

from __future__ import annotations

from pathlib import Path

import click

from repurchase.cli.journal_options import (
    chosen,
    journal_option,
    kept_apart,
    now,
    opened,
    program_option,
    tells_tampering,
)
from repurchase.cli.output import say, single


def _make_key(context: click.Context, _: click.Parameter, value: Path | None) -> None:
    if value is None or context.resilient_parsing:
        return
    from repurchase.audit.signatures import new_key

    public = new_key(value)
    say(f"{value} signs: keep it secret, and away from the journal")
    say(f"{public} checks signatures: give it to whoever verifies")
    context.exit()


@click.command("checkpoint")
@journal_option
@program_option
@single(
    "--key",
    required=True,
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="The private key to sign with.",
)
@click.option(
    "--new-key",
    type=click.Path(path_type=Path),
    metavar="FILE",
    is_eager=True,
    expose_value=False,
    callback=_make_key,
    help="Make a key pair, FILE and FILE.pub, and nothing else.",
)
@single(
    "--output",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Write the checkpoint to this file.",
)
@tells_tampering
def command(journal: str, authorization: str | None, key: Path, output: Path | None) -> int:
    """Verify a journal and sign its length and head, as one JSON object.

    \b
    repurchase checkpoint --new-key audit.key
    repurchase checkpoint --journal program.db --key audit.key --output 2026-03.json
    repurchase verify --journal program.db --checkpoint 2026-03.json --public-key audit.key.pub

    Keep checkpoints where whoever writes the journal cannot: a chain that is cut off or made
    anew later does not contain them. Signing needs pip install 'repurchase[sign]'.
    """
    from repurchase.audit.signatures import signed, signing_key
    from repurchase.audit.verify import check_strays, verify
    from repurchase.cli.progress import counted
    from repurchase.journal.store import Head
    from repurchase.report.written import WholeFile, json_text

    signing = signing_key(key)
    with opened(journal) as kept:
        written = kept_apart(output, kept, key)
        check_strays(kept)
        verified = verify(kept, chosen(kept, authorization), watch=counted)
    head = Head(verified.records, verified.head)
    text = json_text(signed(verified.program, head, now(), signing))
    for remark in verified.remarks:
        say(remark)
    if written is None:
        click.echo(text)
        return 0
    with WholeFile(written, "the checkpoint") as file:
        file.add(text)
    say(f"{written}: {verified.program}, {verified.records:,} records, head {verified.head}")
    return 0
