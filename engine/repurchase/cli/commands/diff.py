"""`repurchase diff`: what an edit of a rule file changes, for every event that there can be."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from repurchase.cli.interrupts import milliseconds, seconds_option, stoppable
from repurchase.cli.output import draw, json_option, judged_by, say, warn
from repurchase.domain.errors import UsageError

if TYPE_CHECKING:
    from repurchase.rulebook.model import Authorization

EXIT_LOOSER = 1
EXIT_UNDECIDED = 2


@click.command("diff")
@click.argument("old", metavar="OLD")
@click.argument("new", metavar="NEW")
@seconds_option
@json_option
def command(old: str, new: str, seconds: float | None, as_json: bool) -> int:
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
    before, after = judged_by(old, None), judged_by(new, None)
    try:
        from repurchase.proof.diff import diff
    except UsageError as error:
        _show_changed(before.authorization, after.authorization, as_json=as_json)
        say("what this changes for events was not compared")
        warn(error.problems)
        return EXIT_UNDECIDED
    from repurchase.report.diffs import diff_json, diff_view

    with stoppable() as clock:
        found = diff(before, after, clock, milliseconds(seconds))
    if as_json:
        click.echo(diff_json(found))
    else:
        draw(diff_view(found, before.authorization, after.authorization))
    if found.is_looser:
        return EXIT_LOOSER
    return EXIT_UNDECIDED if found.verdict == "undecided" else 0


def _show_changed(old: Authorization, new: Authorization, *, as_json: bool) -> None:
    from repurchase.report.changes import changed_view, uncompared_object
    from repurchase.report.written import json_text
    from repurchase.rulebook.changes import changes

    found = changes(old, new)
    if as_json:
        click.echo(json_text(uncompared_object(found)))
    else:
        draw(changed_view(found))
