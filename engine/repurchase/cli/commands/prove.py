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
from repurchase.domain.errors import Problem, UsageError, reason
from repurchase.rulebook.library import rule_file

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    from repurchase.proof.proof import Proof
    from repurchase.rulebook.editions import Editions


@click.command("prove")
@click.argument("rules", metavar="FILE")
@seconds_option
@file_option(
    "--certificate",
    metavar="OUT.json",
    help="Write a certificate of the proof to this file; lint, adopt and verify check it.",
)
@file_option(
    "--key",
    help="Sign the certificate with this private key, from `repurchase checkpoint --new-key`.",
)
@file_option(
    "--smt2",
    metavar="DIR",
    help="Write each obligation of the proof to this folder as SMT-LIB 2, for any other solver.",
)
@json_option
def command(
    rules: str,
    seconds: float | None,
    certificate: Path | None,
    key: Path | None,
    smt2: Path | None,
) -> int:
    """Prove that no sequence of events exceeds the caps or leaves the window of a rule file.

    \b
    repurchase prove iij-2008
    repurchase prove rules/my-program.yaml --seconds 10
    repurchase prove rules/my-program.yaml --certificate my-program.proof.json
    repurchase prove rules/my-program.yaml --certificate my-program.proof.json --key audit.key
    repurchase lint rules/my-program.yaml --certificate my-program.proof.json
    repurchase prove rules/my-program.yaml --smt2 obligations

    The caps and the window are read from the `deny` rules; the names of terms mean nothing. For
    every period and every position, `prove` shows that each approved request is a purchase within
    the caps and, on both clocks, within the window. If that is not true, it prints a
    counterexample: a short list of events that the engine has evaluated. If nothing limits the
    shares or the money on some days, it names the days; the file is then not proved unless it says
    `unlimited: [shares]` or `[amount]`.

    Exit codes: 0 proved; 1 a counterexample; 2 not proved. The proof needs
    pip install 'repurchase[prove]'.
    """
    from repurchase.api.proving import interruptible
    from repurchase.proof.proof import proved
    from repurchase.report.proofs import proof_code, proof_object, proof_view

    if key is not None and certificate is None:
        hint = "give --certificate, too: the key signs it"
        raise UsageError(Problem("--certificate is missing", hint))
    signing = None if key is None else _signing(key)
    editions = editions_of(rules, of_limits=False)
    if certificate is not None:
        check_written_beside(certificate, "proofs", None, rule_file(rules))
    proof = interruptible(lambda clock: proved(editions, clock, milliseconds(seconds)))
    authorization = editions.authorization
    answer(proof_object(proof, authorization), lambda: proof_view(proof, authorization))
    if certificate is not None:
        _certify(proof, editions, certificate, signing)
    if smt2 is not None:
        _write_obligations(editions, smt2)
    return proof_code(proof)


def _signing(key: Path) -> Ed25519PrivateKey:
    """Return the private key in the file *key*, before a proof takes its time."""
    from repurchase.audit.signatures import signing_key

    return signing_key(key)


def _certify(
    proof: Proof, editions: Editions, path: Path, signing: Ed25519PrivateKey | None
) -> None:
    """Write the certificate of *proof* to *path*; without a proof, write none and say so."""
    from repurchase.proof.certificate import certificate_text
    from repurchase.report.written import whole_file

    if not proof.holds:
        remark(f"{path}: no certificate was written, because the file was not proved")
        return
    dated = proof.certificate(datetime.now(UTC).date(), editions)
    word = "unsigned certificate written, a claim; to confirm it, run prove again"
    if signing is not None:
        from repurchase.audit.signatures import signed

        dated, word = signed(dated, signing), "signed certificate written"
    with whole_file(path, "the certificate") as add:
        add(certificate_text(dated))
    remark(f"{path}: {word}")


def _write_obligations(editions: Editions, folder: Path) -> None:
    """Write each obligation of *editions* to a file in *folder*, which is made if need be."""
    from repurchase.proof.obligations import file_name, smt_text
    from repurchase.proof.proof import obligations
    from repurchase.report.outputs import make_folder
    from repurchase.report.written import whole_file

    try:
        make_folder(folder)
    except OSError as error:
        problem = Problem(f"the folder cannot be made: {reason(error)}", file=str(folder))
        raise UsageError(problem) from error
    written = [*obligations(editions)]
    for one in written:
        with whole_file(folder / file_name(one), "the obligation") as add:
            add(smt_text(one))
    remark(f"{folder}: {len(written):,} obligations written; a solver must answer unsat to each")
