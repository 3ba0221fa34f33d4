"""`repurchase show`: the whole story of one event, or of the rule files that were adopted."""

from __future__ import annotations

import click

from repurchase.cli.journal_options import chosen, journal_option, opened, program_option
from repurchase.cli.output import draw, json_option
from repurchase.domain.errors import Problem, UsageError


@click.command("show")
@click.argument("name", metavar="[ID]", required=False)
@click.option("--adoptions", is_flag=True, help="The rule files adopted: when, by whom and why.")
@journal_option
@program_option
@json_option
def command(
    name: str | None, adoptions: bool, journal: str, authorization: str | None, as_json: bool
) -> int:
    """Tell the story of one event: what was asked, the answer and why, and what came of it.

    \b
    repurchase show o-1 --journal desk.db
    repurchase show --adoptions --journal desk.db
    """
    from repurchase.journal.queries import adoptions as adopted
    from repurchase.journal.queries import story
    from repurchase.report.programs import adoptions_view, story_json, story_view
    from repurchase.report.written import json_text

    if (name is None) is not adoptions:
        raise UsageError(Problem("an event or --adoptions is to be shown", "name one of them"))
    with opened(journal) as kept:
        program = chosen(kept, authorization)
        if name is None:
            rules = adopted(kept, program)
            click.echo(json_text(rules)) if as_json else draw(adoptions_view(rules))
            return 0
        told = list(story(kept, program, name))
    if not told:
        hint = "ids are case-sensitive"
        raise UsageError(Problem(f"no event `{name}` is recorded", hint))
    if as_json:
        click.echo(story_json(told))
    else:
        draw(story_view(told))
    return 0
