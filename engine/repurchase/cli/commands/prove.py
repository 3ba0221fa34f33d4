"""`repurchase prove`: what a rule file guarantees for every sequence of events."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from repurchase.cli.files import check_written_beside, editions_of
from repurchase.cli.interrupts import milliseconds, seconds_option
from repurchase.cli.options import file_option, json_option
from repurchase.cli.output import answer, remark
from repurchase.rulebook.library import rule_file

if TYPE_CHECKING:
    from repurchase.proof.proof import Proof


@click.command("prove")
@click.argument("rules", metavar="FILE")
@seconds_option
@file_option(
    "--certificate",
    metavar="OUT.json",
    help="Write a certificate of the proof to this file; lint, adopt and verify check it.",
)
@json_option
def command(rules: str, seconds: float | None, certificate: Path | None) -> int:
    """Prove that no sequence of events exceeds the caps or leaves the window of a rule file.

    \b
    repurchase prove iij-2008
    repurchase prove rules/my-program.yaml --seconds 10
    repurchase prove rules/my-program.yaml --certificate my-program.proof.json
    repurchase lint rules/my-program.yaml --certificate my-program.proof.json

    For every period and every position, `prove` shows that each approved request is a purchase
    within max_shares and max_amount, between first_day and last_day on both clocks. If that is not
    true, it prints a counterexample: a short list of events that the engine has evaluated.

    Exit codes: 0 proved; 1 a counterexample; 2 not proved. The proof needs
    pip install 'repurchase[prove]'.
    """
    from repurchase.api.proving import interruptible
    from repurchase.proof.proof import proved
    from repurchase.report.proofs import proof_code, proof_object, proof_view

    editions = editions_of(rules)
    if certificate is not None:
        check_written_beside(certificate, "proofs", None, rule_file(rules))
    proof = interruptible(lambda clock: proved(editions, clock, milliseconds(seconds)))
    authorization = editions.authorization
    answer(proof_object(proof, authorization), lambda: proof_view(proof, authorization))
    if certificate is not None:
        _certify(proof, certificate)
    return proof_code(proof)


def _certify(proof: Proof, path: Path) -> None:
    """Write the certificate of *proof* to *path*; without a proof, write none and say so."""
    from repurchase.proof.certificate import certificate_text
    from repurchase.report.written import whole_file

    if not proof.holds:
        remark(f"{path}: no certificate was written, because the file was not proved")
        return
    with whole_file(path, "the certificate") as add:
        add(certificate_text(proof.certificate(datetime.now(UTC).date())))
    remark(f"{path}: certificate written; to confirm it, run prove again")
