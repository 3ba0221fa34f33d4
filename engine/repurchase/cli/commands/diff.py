"""`repurchase diff`: what an edit of a rule file changes, for every event that there can be."""

from __future__ import annotations

import click

from repurchase.cli.files import editions_of
from repurchase.cli.interrupts import interruptible, milliseconds, seconds_option
from repurchase.cli.options import json_option
from repurchase.cli.output import answer, remark, warn
from repurchase.domain.errors import UsageError

EXIT_LOOSER = 1
EXIT_UNDECIDED = 2


@click.command("diff")
@click.argument("old", metavar="OLD")
@click.argument("new", metavar="NEW")
@seconds_option
@json_option
def command(old: str, new: str, seconds: float | None) -> int:
    """Show what rule file NEW changes beside OLD: which events it approves that OLD does not.

    \b
    repurchase diff rules/my-program.yaml my-draft.yaml
    git show HEAD:rules/my-program.yaml > before.yaml
    repurchase diff before.yaml rules/my-program.yaml

    It is not the text that is compared but what it does: of each kind of event, at the same
    position and on any day, NEW is proved equivalent to OLD or tighter, or a short history of
    events shows where it is looser or tighter, which the engine has judged by both files. What is
    held counts as not approved until it is released. Beside that stand the terms, limits, dates
    and rules that changed. Where shares or money are counted otherwise, by another ratio, margin or
    clock, nothing is proved equivalent: what-if tells what it does to a log.

    Exit codes: 0 equivalent or tighter; 1 looser in anything; 2 undecided. It needs
    pip install 'repurchase[prove]': without that it shows what changed, and is undecided.
    """
    before, after = editions_of(old), editions_of(new)
    try:
        from repurchase.proof.diff import diff
    except UsageError as error:
        from repurchase.report.changes import changed_view, uncompared_object
        from repurchase.rulebook.changes import changes

        changed = changes(before.authorization, after.authorization)
        answer(uncompared_object(changed), lambda: changed_view(changed))
        remark("what this changes for events was not compared")
        warn(error.problems)
        return EXIT_UNDECIDED
    from repurchase.report.diffs import diff_object, diff_view

    found = interruptible(lambda clock: diff(before, after, clock, milliseconds(seconds)))
    answer(diff_object(found), lambda: diff_view(found, before.authorization, after.authorization))
    if found.is_looser:
        return EXIT_LOOSER
    return EXIT_UNDECIDED if found.verdict == "undecided" else 0
