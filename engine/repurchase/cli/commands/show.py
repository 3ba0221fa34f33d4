"""`repurchase show`: the whole story of one event, or of the rule files that were adopted."""

from __future__ import annotations

import click

from repurchase.cli.journal_options import journal_option, opened_program, program_option
from repurchase.cli.options import json_option
from repurchase.cli.output import answer
from repurchase.domain.errors import Problem, UsageError


@click.command("show")
@click.argument("name", metavar="[ID]", required=False)
@click.option("--adoptions", is_flag=True, help="The rule files adopted: when, by whom and why.")
@journal_option
@program_option
@json_option
def command(name: str | None, adoptions: bool, journal: str, authorization: str | None) -> int:
    """Tell the story of one event: what was asked, the answer and why, and what came of it.

    \b
    repurchase show o-1 --journal desk.db
    repurchase show --adoptions --journal desk.db
    """
    from repurchase.journal import queries
    from repurchase.report.programs import adoptions_view, story_object, story_view

    if (name is None) is not adoptions:
        raise UsageError(Problem("an event or --adoptions is to be shown", "name one of them"))
    with opened_program(journal, authorization) as (kept, program):
        if name is None:
            adopted = queries.adoptions(kept, program)
            answer(adopted, lambda: adoptions_view(adopted))
            return 0
        records = list(queries.story(kept, program, name))
    if not records:
        hint = "ids are case-sensitive"
        raise UsageError(Problem(f"no event `{name}` is recorded", hint))
    answer(story_object(records), lambda: story_view(records))
    return 0
