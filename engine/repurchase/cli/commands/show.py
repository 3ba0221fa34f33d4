"""`repurchase show`: the records of one event, a proposed rule file, or all that were adopted."""

from __future__ import annotations

from functools import partial

import click

from repurchase.cli.journal_options import journal_option, opened_program, program_option
from repurchase.cli.options import json_option
from repurchase.cli.output import answer
from repurchase.domain.errors import Problem, UsageError


@click.command("show")
@click.argument("name", metavar="[ID]", required=False)
@click.option(
    "--adoptions", is_flag=True, help="List the adopted rule files: when, by whom and why."
)
@journal_option
@program_option
@json_option
def command(name: str | None, adoptions: bool, journal: str, authorization: str | None) -> int:
    """Show the records of one event: the request, the decision and why, and what followed.

    \b
    repurchase show o-1 --journal desk.db
    repurchase show --adoptions --journal desk.db
    repurchase show adoption-12 --journal desk.db

    Of a rule file that was proposed, it shows what the file changes and what became of it. With
    --json, the answer contains the text of the file.
    """
    from repurchase.journal import queries
    from repurchase.report.programs import adoptions_view, proposed_view, story_object, story_view

    if (name is None) is not adoptions:
        both, neither = (
            "an event ID and --adoptions are both",
            "neither an event ID nor --adoptions is",
        )
        what = f"{neither if name is None else both} given"
        raise UsageError(Problem(what, "give either an event ID or --adoptions"))
    with opened_program(journal, authorization) as (kept, program):
        if name is None:
            adopted = queries.adoptions(kept, program)
            answer(adopted, lambda: adoptions_view(adopted))
            return 0
        records = list(queries.story(kept, program, name))
        proposed = None if records else queries.proposed(kept, program, name)
    if proposed is not None:
        answer(proposed, partial(proposed_view, proposed))
        return 0
    if not records:
        hint = "check its letters: IDs are case-sensitive"
        raise UsageError(Problem(f"the journal has no event `{name}`", hint))
    answer(story_object(records), lambda: story_view(records))
    return 0
