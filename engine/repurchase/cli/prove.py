"""`repurchase prove`: what a rule file guarantees, whatever arrives."""

from __future__ import annotations

import time

import click

from repurchase.cli.show import draw, json_option, judged_by, milliseconds, seconds_option

EXIT_HISTORY = 1
EXIT_NOT_PROVED = 2


@click.command("prove")
@click.argument("rules", metavar="FILE")
@seconds_option
@json_option
def command(rules: str, seconds: float | None, as_json: bool) -> int:
    """Prove that no sequence of orders gets past the caps and the window of a rule file.

    \b
    repurchase prove iij-2008
    repurchase prove rules/my-program.yaml --seconds 10

    It is proved of every stretch of days, over all positions and events: what is approved keeps to
    max_shares, max_amount, first_day and last_day, these on both clocks, and is a purchase. Where
    that is not so, a short history of events shows it, which the engine has judged again.

    Exit codes: 0 proved; 1 a history that should have been stopped; 2 not proved. It needs
    pip install 'repurchase[prove]'.
    """
    from repurchase.prove import proved
    from repurchase.report.proofs import proof_json, proof_view

    editions = judged_by(rules, None)
    proof = proved(editions, time.monotonic_ns, milliseconds(seconds))
    if as_json:
        click.echo(proof_json(proof, editions.authorization))
    else:
        draw(proof_view(proof, editions.authorization))
    if proof.holds:
        return 0
    is_shown = not proof.raising and all(one.history is not None for one in proof.failures)
    return EXIT_HISTORY if is_shown else EXIT_NOT_PROVED
