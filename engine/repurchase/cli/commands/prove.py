"""`repurchase prove`: what a rule file guarantees, whatever arrives."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from repurchase.cli.files import check_written_beside, editions_of, rule_file
from repurchase.cli.interrupts import interruptible, milliseconds, seconds_option
from repurchase.cli.options import file_option, json_option
from repurchase.cli.output import answer, remark

if TYPE_CHECKING:
    from repurchase.proof.proof import Proof

EXIT_HISTORY = 1
EXIT_NOT_PROVED = 2


@click.command("prove")
@click.argument("rules", metavar="FILE")
@seconds_option
@file_option(
    "--certificate",
    metavar="OUT.json",
    help="Write what was proved to this file, for lint, adopt and verify to check.",
)
@json_option
def command(rules: str, seconds: float | None, certificate: Path | None) -> int:
    """Prove that no sequence of orders gets past the caps and the window of a rule file.

    \b
    repurchase prove iij-2008
    repurchase prove rules/my-program.yaml --seconds 10
    repurchase prove rules/my-program.yaml --certificate my-program.proof.json
    repurchase lint rules/my-program.yaml --certificate my-program.proof.json

    It is proved of every period, over all positions and events: what is approved keeps to
    max_shares, max_amount, first_day and last_day, these on both clocks, and is a purchase. Where
    that is not so, a short history of events shows it, which the engine has judged again.

    Exit codes: 0 proved; 1 a history that should have been stopped; 2 not proved. It needs
    pip install 'repurchase[prove]'.
    """
    from repurchase.proof.proof import proved
    from repurchase.report.proofs import proof_object, proof_view

    editions = editions_of(rules)
    if certificate is not None:
        check_written_beside(certificate, "proofs", None, rule_file(rules))
    proof = interruptible(lambda clock: proved(editions, clock, milliseconds(seconds)))
    authorization = editions.authorization
    answer(proof_object(proof, authorization), lambda: proof_view(proof, authorization))
    if certificate is not None:
        _certify(proof, certificate)
    if proof.holds:
        return 0
    is_shown = all(one.history is not None for one in proof.failures)
    return EXIT_HISTORY if is_shown else EXIT_NOT_PROVED


def _certify(proof: Proof, path: Path) -> None:
    """Write the certificate of *proof* to *path*; what is not proved has none."""
    from repurchase.proof.certificate import certificate_text
    from repurchase.report.written import whole_file

    if not proof.holds:
        remark(f"{path}: no certificate is written of what is not proved")
        return
    with whole_file(path, "the certificate") as add:
        add(certificate_text(proof.certificate(datetime.now(UTC).date())))
    remark(f"{path}: certified; who doubts it proves the file again")
