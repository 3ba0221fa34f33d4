"""`repurchase verify`: judge a journal again, from its first record."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from repurchase.cli.journal_options import (
    chosen,
    journal_option,
    opened,
    program_option,
    tells_tampering,
)
from repurchase.cli.output import draw, json_option, say, single
from repurchase.domain.errors import Problem, UsageError

if TYPE_CHECKING:
    from repurchase.audit.checkpoint import Checkpoint


@click.command("verify")
@journal_option
@program_option
@single(
    "--checkpoint",
    "checkpoint_file",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="A checkpoint that was kept elsewhere: the chain must contain it.",
)
@single(
    "--public-key",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="The public key that the checkpoint is to be signed by.",
)
@click.option(
    "--certificate",
    "certificates",
    type=click.Path(path_type=Path),
    metavar="FILE.json",
    multiple=True,
    help="What `repurchase prove` certified; give each, of all rule files that judged an event.",
)
@json_option
@tells_tampering
def command(
    journal: str,
    authorization: str | None,
    checkpoint_file: Path | None,
    public_key: Path | None,
    certificates: tuple[Path, ...],
    as_json: bool,
) -> int:
    """Judge every record of a journal again, and check that they form one chain.

    \b
    repurchase verify --journal program.db
    repurchase verify --journal program.db --checkpoint 2026-03.json --public-key audit.key.pub
    repurchase verify --journal program.db --certificate my-program.proof.json

    Each record's hash and place, the rule files and editions kept beside it, its verdict and the
    position after it are worked out again; the first that differs is named, with exit code 1.
    Whoever can write the journal could make all of it anew: only a checkpoint shows that.
    """
    from repurchase.audit.verify import check_strays, verify
    from repurchase.cli.progress import counted
    from repurchase.proof.certificate import read_certificate, uncovered
    from repurchase.report.programs import verified_view
    from repurchase.report.written import json_text

    checkpoint = _checkpoint(checkpoint_file, public_key)
    certified = [read_certificate(one) for one in certificates]
    with opened(journal) as kept:
        check_strays(kept)
        # Also one that is gone from the journal: the checkpoint says that it was there.
        named = authorization or (checkpoint and checkpoint.program)
        program = named or chosen(kept, None)
        verified = verify(kept, program, checkpoint, counted)
    if as_json:
        click.echo(json_text(verified))
    else:
        draw(verified_view(verified))
    missing = uncovered(certified, verified.editions) if certified else []
    for one in missing:
        say(f"events were judged by the edition {one}, which no certificate tells of")
    if certified and not missing:
        say("each event was judged by what is certified")
    return 1 if missing else 0


def _checkpoint(file: Path | None, key: Path | None) -> Checkpoint | None:
    if (file is None) != (key is None):
        hint = "a checkpoint proves nothing without the key that it must be signed by"
        raise UsageError(Problem("--checkpoint and --public-key go together", hint))
    if file is None or key is None:
        return None
    from repurchase.audit.signatures import public_key, read_checkpoint

    return read_checkpoint(file, public_key(key))
