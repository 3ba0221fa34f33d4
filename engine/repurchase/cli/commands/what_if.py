"""`repurchase what-if`: judge a whole trade log by two rule files."""

from __future__ import annotations

from contextlib import nullcontext
from datetime import date
from pathlib import Path

import click

from repurchase.cli.log_options import feed, keep_apart, log_options, opened, reading
from repurchase.cli.output import (
    draw,
    json_option,
    judged_by,
    known_at_option,
    rule_file,
    single,
)


@click.command("what-if")
@click.argument("log", metavar="LOG")
@single(
    "--rules",
    required=True,
    metavar="NEW",
    help="The rule file that is asked about, or the name of a shipped one.",
)
@single(
    "--against",
    required=True,
    metavar="OLD",
    help="The rule file that it is compared with: what the edit began from.",
)
@log_options
@single(
    "--flips",
    type=click.Path(path_type=Path),
    metavar="OUT.jsonl",
    help="Write every verdict that flips to this file, a line each, with both decisions.",
)
@known_at_option
@json_option
def command(
    log: str,
    rules: str,
    against: str,
    columns: tuple[str, ...],
    constants: tuple[str, ...],
    ignore: tuple[str, ...],
    brought_forward: str | None,
    market: tuple[Path, ...],
    sort: bool,
    skip_other_symbols: bool,
    flips: Path | None,
    known_at: date | None,
    as_json: bool,
) -> int:
    """Judge every event of LOG by two rule files, and tell what the new one would have changed.

    \b
    repurchase what-if trades.csv --rules edited.yaml --against iij-2008.yaml
    repurchase what-if daily.csv --rules edited.yaml --against jp-2017 \\
        --column quantity=shares --column amount=amount_jpy --set symbol=common \\
        --set side=buy --brought-forward 1671100,1809601097 --flips flips.jsonl

    A verdict flips where the two outcomes differ. Those that flip only because an earlier one did
    are told apart: by the new file they would not, had every verdict before been the old file's.
    A symbol that either file lists is judged by both.

    Exit codes: 0 nothing flips; 1 something does; 2 nothing is concluded, as from a log with a row
    that cannot be read.
    """
    from repurchase.cli.progress import watched
    from repurchase.replay.run import Program
    from repurchase.replay.what_if import WhatIf
    from repurchase.report.flips import Flips, FlipsFile, changes_json, changes_view

    old, new = judged_by(against, known_at), judged_by(rules, known_at)
    if flips is not None:
        keep_apart(flips, "flips", log, rule_file(rules), rule_file(against))
    taken, told = reading(brought_forward, sort, skip_other_symbols), feed(market)
    what_if = WhatIf(Program(old, feed=told), Program(new, feed=told))
    listed = Flips()
    with (
        opened(log, columns, constants, ignore) as trades,
        FlipsFile(flips) if flips is not None else nullcontext() as sink,
    ):
        for compared in watched(what_if.compared(trades, taken), trades):
            if compared.own is None:
                continue
            listed.add(compared)
            if sink is not None:
                sink.write(compared)
    changes = what_if.changes()
    if as_json:
        click.echo(changes_json(changes))
    else:
        title = f"{trades.name}: the old file is {against}, the new one {rules}"
        draw(changes_view(what_if, changes, listed, title))
    return 1 if changes.flips else 0
