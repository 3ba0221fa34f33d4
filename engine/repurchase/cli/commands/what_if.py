"""`repurchase what-if`: decide a whole trade log by two rule files, and compare."""

from __future__ import annotations

from contextlib import nullcontext
from datetime import date
from pathlib import Path

import click
from msgspec.structs import replace

from repurchase.cli.files import check_written_beside, editions_of, remark_known_at, rule_files
from repurchase.cli.log_options import LogOptions, log_options
from repurchase.cli.options import file_option, json_option, known_at_option, single_option
from repurchase.cli.output import answer


@click.command("what-if")
@click.argument("log", metavar="LOG")
@single_option(
    "--rules",
    required=True,
    metavar="NEW",
    help="The edited rule file, or the name of a shipped one.",
)
@single_option(
    "--against",
    required=True,
    metavar="OLD",
    help="The rule file before the edit, or the name of a shipped one.",
)
@log_options
@file_option(
    "--changes",
    metavar="OUT.jsonl",
    help="Write every event that changes outcome to this file, one a line, with both decisions.",
)
@known_at_option
@json_option
def command(
    log: str,
    rules: str,
    against: str,
    changes: Path | None,
    known_at: date | None,
    options: LogOptions,
) -> int:
    """Decide every event of LOG by two rule files, and show which outcomes differ.

    \b
    repurchase what-if trades.csv --rules edited.yaml --against iij-2008
    repurchase what-if daily.csv --rules edited.yaml --against jp-2017 \\
        --column quantity=shares --column amount=amount_jpy --set symbol=common \\
        --set side=buy --brought-forward 1671100,1809601097 --changes changes.jsonl

    An event changes outcome if the two files decide it differently. A change is direct if NEW
    decides differently even from the position that the decisions of OLD left. Otherwise it is a
    knock-on change: only an earlier change explains it. If a symbol is in only one of the files,
    both files still decide its events.

    Exit codes: 0 no event changes outcome; 1 at least one does; 2 no conclusion, for example
    because a row of the log cannot be read.
    """
    from repurchase.cli.progress import watched
    from repurchase.replay.run import Program, completed
    from repurchase.replay.what_if import WhatIf
    from repurchase.report.outcomes import (
        Listed,
        changed_outcome,
        changes_object,
        changes_view,
    )
    from repurchase.report.written import json_text, whole_file

    old, new = editions_of(against, known_at), editions_of(rules, known_at)
    remark_known_at(known_at)
    read = (*rule_files(rules, new), *rule_files(against, old))
    if changes is not None:
        check_written_beside(changes, "changes", log, *read, others=options.files())
    feed = options.feed()
    programs = Program(old, feed=feed), Program(new, feed=feed)
    what_if = WhatIf(*programs, options.reading())
    listed = Listed("; --changes writes all to a file")
    with (
        options.open(log, *read) as trades,
        nullcontext() if changes is None else whole_file(changes, "the changes") as add,
    ):
        for compared in watched(what_if.compared(trades), trades):
            if compared.direct is None:
                continue
            listed.add(compared)
            if add is not None:
                add(json_text(changed_outcome(compared)))
        options.check_totals(trades)
    found, before = what_if.changes(), options.reading().brought_forward
    found = replace(
        found,
        old=completed(found.old, programs[0], trades, before),
        new=completed(found.new, programs[1], trades, before),
    )
    title = f"{trades.name}: OLD is {against}, NEW is {rules}"
    answer(changes_object(found), lambda: changes_view(what_if, found, listed, title))
    return 1 if found.changed else 0
