"""`repurchase what-if`: judge a whole trade log by two rule files."""

from __future__ import annotations

from contextlib import nullcontext
from datetime import date
from pathlib import Path

import click

from repurchase.cli.files import check_written_beside, editions_of, rule_file
from repurchase.cli.log_options import LogOptions, log_options
from repurchase.cli.options import file_option, json_option, known_at_option, single_option
from repurchase.cli.output import answer


@click.command("what-if")
@click.argument("log", metavar="LOG")
@single_option(
    "--rules",
    required=True,
    metavar="NEW",
    help="The rule file that is asked about, or the name of a shipped one.",
)
@single_option(
    "--against",
    required=True,
    metavar="OLD",
    help="The rule file that it is compared with: what the edit began from.",
)
@log_options
@file_option(
    "--flips",
    metavar="OUT.jsonl",
    help="Write every verdict that flips to this file, a line each, with both decisions.",
)
@known_at_option
@json_option
def command(
    log: str,
    rules: str,
    against: str,
    flips: Path | None,
    known_at: date | None,
    options: LogOptions,
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
    from repurchase.report.flips import Flips, changes_object, changes_view, flip
    from repurchase.report.written import json_text, whole_file

    old, new = editions_of(against, known_at), editions_of(rules, known_at)
    if flips is not None:
        check_written_beside(flips, "flips", log, rule_file(rules), rule_file(against))
    feed = options.feed()
    programs = Program(old, feed=feed), Program(new, feed=feed)
    what_if = WhatIf(*programs, options.reading())
    listed = Flips()
    with (
        options.open(log) as trades,
        nullcontext() if flips is None else whole_file(flips, "the flips") as add,
    ):
        for compared in watched(what_if.compared(trades), trades):
            if compared.own is None:
                continue
            listed.add(compared)
            if add is not None:
                add(json_text(flip(compared)))
    changes = what_if.changes()
    title = f"{trades.name}: the old file is {against}, the new one {rules}"
    answer(changes_object(changes), lambda: changes_view(what_if, changes, listed, title))
    return 1 if changes.flips else 0
