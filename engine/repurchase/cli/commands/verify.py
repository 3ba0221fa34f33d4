"""`repurchase verify`: re-evaluate a journal from its first record."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from repurchase.cli.journal_options import (
    ends_with_1_if_tampered,
    journal_option,
    program_named,
    program_option,
    rules_compared,
)
from repurchase.cli.options import file_option, json_option
from repurchase.cli.output import answer, remark, warn
from repurchase.domain.errors import Problem, UsageError

if TYPE_CHECKING:
    from repurchase.audit.checkpoint import Checkpoint


@click.command("verify")
@journal_option
@program_option
@file_option(
    "--checkpoint",
    "checkpoint_file",
    help="A checkpoint that was kept elsewhere. The journal's chain must contain it.",
)
@file_option("--public-key", help="The public key that checks the signature of the checkpoint.")
@click.option(
    "--certificate",
    "certificates",
    type=click.Path(path_type=Path),
    metavar="FILE.json",
    multiple=True,
    help="A certificate from `repurchase prove`. Give one for each rule file that was in force.",
)
@click.option(
    "--repairable",
    is_flag=True,
    help="Of a damaged journal, say which records are whole, which are lost, and how to restore.",
)
@json_option
@ends_with_1_if_tampered
def command(
    journal: str,
    authorization: str | None,
    checkpoint_file: Path | None,
    public_key: Path | None,
    certificates: tuple[Path, ...],
    *,
    repairable: bool,
) -> int:
    """Re-evaluate every record of a journal, and check that the records form one chain.

    \b
    repurchase verify --journal program.db
    repurchase verify --journal program.db --checkpoint 2026-03.json --public-key audit.key.pub
    repurchase verify --journal program.db --certificate my-program.proof.json
    repurchase verify --journal program.db --repairable

    The command recomputes each record's hash and place, its rule file and edition, its decision
    and the position after it. It names the first record that differs, and ends with exit code 1.
    Someone who can write the journal could rewrite all of it. Only a checkpoint kept elsewhere
    shows that.
    """
    from repurchase.audit.verify import audited, check_strays
    from repurchase.cli.progress import counted
    from repurchase.journal.store import Journal
    from repurchase.proof.certificate import read_certificate, uncovered
    from repurchase.report.programs import verified_view

    if repairable:
        return _remains(journal, authorization)
    checkpoint = _checkpoint(checkpoint_file, public_key)
    certified = [read_certificate(one) for one in certificates]
    with Journal(journal) as kept:
        check_strays(kept)
        # The checkpoint also names a program that someone removed from the journal.
        named = authorization or (checkpoint and checkpoint.program)
        program = named or program_named(kept, None)
        audit = audited(kept, program, checkpoint, counted, rules_compared)
    verified = audit.verified()
    answer(verified, lambda: verified_view(verified))
    missing = list(uncovered(certified, audit.adopted, verified.editions)) if certified else []
    warn(missing)
    if certified and not missing:
        remark("the certificates cover every edition that evaluated an event")
    return 1 if missing else 0


def _remains(journal: str, authorization: str | None) -> int:
    """Show what is left of a damaged program; return 0 if nothing is lost."""
    from repurchase.audit.repair import remains
    from repurchase.cli.progress import counted
    from repurchase.journal.store import Journal
    from repurchase.report.programs import remains_view

    with Journal(journal) as kept:
        found = remains(kept, program_named(kept, authorization), counted)
    answer(found, lambda: remains_view(found))
    return 1 if found.problems else 0


def _checkpoint(file: Path | None, key: Path | None) -> Checkpoint | None:
    if (file is None) != (key is None):
        missing = "--public-key" if key is None else "--checkpoint"
        hint = f"give {missing}, too: the key checks the signature of the checkpoint"
        raise UsageError(Problem(f"{missing} is missing", hint))
    if file is None or key is None:
        return None
    from repurchase.audit.signatures import public_key, read_checkpoint

    return read_checkpoint(file, public_key(key))
