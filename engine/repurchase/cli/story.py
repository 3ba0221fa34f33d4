"""`repurchase show`: the whole story of one event."""

from __future__ import annotations

import click

from repurchase.cli.journal import chosen, journal_option, opened, program_option
from repurchase.cli.show import draw, json_option
from repurchase.errors import Problem, UsageError


@click.command("show")
@click.argument("name", metavar="ID")
@journal_option
@program_option
@json_option
def command(name: str, journal: str, authorization: str | None, as_json: bool) -> int:
    """Tell the story of one event: what was asked, the answer and why, and what came of it.

    \b
    repurchase show o-1 --journal desk.db
    """
    from repurchase.overview import story
    from repurchase.report import story_json, story_view

    with opened(journal) as kept:
        told = list(story(kept, chosen(kept, authorization), name))
    if not told:
        hint = "ids are case-sensitive"
        raise UsageError(Problem(f"no event `{name}` is recorded", hint))
    if as_json:
        click.echo(story_json(told))
    else:
        draw(story_view(told))
    return 0
