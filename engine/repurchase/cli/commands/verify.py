"""`repurchase verify`: judge a journal again, from its first record."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from repurchase.cli.journal_options import (
    ends_with_1_if_tampered,
    journal_option,
    program_named,
    program_option,
)
from repurchase.cli.options import file_option, json_option
from repurchase.cli.output import answer, remark
from repurchase.domain.errors import Problem, UsageError

if TYPE_CHECKING:
    from repurchase.audit.checkpoint import Checkpoint


@click.command("verify")
@journal_option
@program_option
@file_option(
    "--checkpoint",
    "checkpoint_file",
    help="A checkpoint that was kept elsewhere: the chain must contain it.",
)
@file_option("--public-key", help="The public key that the checkpoint is to be signed by.")
@click.option(
    "--certificate",
    "certificates",
    type=click.Path(path_type=Path),
    metavar="FILE.json",
    multiple=True,
    help="What `repurchase prove` certified; give each, of all rule files that judged an event.",
)
@json_option
@ends_with_1_if_tampered
def command(
    journal: str,
    authorization: str | None,
    checkpoint_file: Path | None,
    public_key: Path | None,
    certificates: tuple[Path, ...],
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
    from repurchase.journal.store import Journal
    from repurchase.proof.certificate import read_certificate, uncovered
    from repurchase.report.programs import verified_view

    checkpoint = _checkpoint(checkpoint_file, public_key)
    certified = [read_certificate(one) for one in certificates]
    with Journal(journal) as kept:
        check_strays(kept)
        # Also one that is gone from the journal: the checkpoint says that it was there.
        named = authorization or (checkpoint and checkpoint.program)
        program = named or program_named(kept, None)
        verified = verify(kept, program, checkpoint, counted)
    answer(verified, lambda: verified_view(verified))
    missing = uncovered(certified, verified.editions) if certified else []
    for edition in missing:
        remark(f"events were judged by the edition {edition}, which no certificate tells of")
    if certified and not missing:
        remark("each event was judged by what is certified")
    return 1 if missing else 0


def _checkpoint(file: Path | None, key: Path | None) -> Checkpoint | None:
    if (file is None) != (key is None):
        hint = "a checkpoint proves nothing without the key that it must be signed by"
        raise UsageError(Problem("--checkpoint and --public-key go together", hint))
    if file is None or key is None:
        return None
    from repurchase.audit.signatures import public_key, read_checkpoint

    return read_checkpoint(file, public_key(key))
