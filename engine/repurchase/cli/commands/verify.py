"""`repurchase verify`: re-evaluate a journal from its first record."""

from __future__ import annotations

from pathlib import Path

import click
from msgspec import structs

from repurchase.cli.certificates import read_certified
from repurchase.cli.checkpoints import checkpoints_option, public_key_option, read_checkpoints
from repurchase.cli.journal_options import (
    ends_with_1_if_tampered,
    journal_option,
    program_named,
    program_option,
    rules_compared,
)
from repurchase.cli.options import Option, json_option
from repurchase.cli.output import answer, remark, warn
from repurchase.domain.errors import Problem, UsageError

# Another help than that of the commands that evaluate events.
market_files_option: Option = click.option(
    "--market",
    type=click.Path(path_type=Path),
    multiple=True,
    metavar="FILE",
    help="Each market file that the desk used, in the desk's order. The records must agree.",
)


@click.command("verify")
@journal_option
@program_option
@checkpoints_option
@public_key_option
@click.option(
    "--receipts",
    type=click.Path(path_type=Path),
    metavar="FILE.jsonl",
    multiple=True,
    help="Answers of `repurchase submit --json` that were kept elsewhere, one on each line. The"
    " journal must hold the record of each.",
)
@click.option(
    "--certificate",
    "certificates",
    type=click.Path(path_type=Path),
    metavar="FILE.json",
    multiple=True,
    help="A certificate from `repurchase prove`. Give one for each rule file that was in force.",
)
@market_files_option
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
    checkpoint_files: tuple[Path, ...],
    public_key: Path | None,
    receipts: tuple[Path, ...],
    certificates: tuple[Path, ...],
    market: tuple[Path, ...],
    *,
    repairable: bool,
) -> int:
    """Re-evaluate every record of a journal, and check that the records form one chain.

    \b
    repurchase verify --journal program.db
    repurchase verify --journal program.db --checkpoint 2026-03.json --public-key audit.key.pub
    repurchase verify --journal program.db --receipts answers.jsonl
    repurchase verify --journal program.db --certificate my-program.proof.json
    repurchase verify --journal program.db --market bars.csv --market issuer.csv
    repurchase verify --journal program.db --repairable

    The command recomputes each record's hash and place, its rule file and edition, its decision
    and the position after it. It names the first record that differs, and ends with exit code 1.
    With --market, it also compares each record with the market files that the record names.
    Someone who can write the journal could rewrite all of it. Only a checkpoint or receipts kept
    elsewhere show that.
    """
    from repurchase.audit.feeds import MarketFiles
    from repurchase.audit.receipts import check_receipts, read_receipts
    from repurchase.audit.verify import audited, check_strays
    from repurchase.cli.progress import counted
    from repurchase.journal.store import Journal
    from repurchase.proof.certificate import uncovered
    from repurchase.report.programs import verified_view

    if repairable:
        if checkpoint_files or receipts or certificates or market:
            hint = "run `verify` with them after the journal is restored"
            raise UsageError(Problem("--repairable compares nothing from elsewhere", hint))
        return _remains(journal, authorization)
    # One key may have signed both.
    key = public_key if checkpoint_files or not certificates else None
    checkpoints = read_checkpoints(checkpoint_files, key)
    certified = [read_certified(one, public_key) for one in certificates]
    with Journal(journal) as kept:
        check_strays(kept)
        # The checkpoint also names a program that someone removed from the journal.
        named = authorization or (checkpoints[0].program if checkpoints else None)
        program = named or program_named(kept, None)
        files = MarketFiles(market or None)
        audit = audited(kept, program, checkpoints, counted, rules_compared, files)
        confirmed = [check_receipts(kept, program, read_receipts(one)) for one in receipts]
        rights = kept.remarks()
    verified = audit.verified()
    verified = structs.replace(
        verified, receipts=sum(confirmed), remarks=(*verified.remarks, *rights)
    )
    answer(verified, lambda: verified_view(verified))
    covering = [one for one in certified if one is not None]
    missing = list(uncovered(covering, audit.adopted, verified.editions)) if covering else []
    warn(missing)
    if covering and not missing:
        word = "claim to cover" if public_key is None else "cover"
        remark(f"the certificates {word} every edition that evaluated an event")
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
