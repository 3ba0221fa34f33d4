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
@click.option(
    "--reconciliations",
    is_flag=True,
    help="List the recorded comparisons with files of brokers and custodians.",
)
@journal_option
@program_option
@json_option
def command(
    name: str | None,
    adoptions: bool,
    reconciliations: bool,
    journal: str,
    authorization: str | None,
) -> int:
    """Show the records of one event: the request, the decision and why, and what followed.

    \b
    repurchase show o-1 --journal desk.db
    repurchase show --adoptions --journal desk.db
    repurchase show adoption-12 --journal desk.db
    repurchase show --reconciliations --journal desk.db

    Of a rule file that was proposed, it shows what the file changes and what became of it. With
    --json, the answer contains the text of the file.
    """
    from repurchase.journal import queries
    from repurchase.report.programs import (
        adoptions_view,
        proposed_view,
        reconciliations_view,
        story_object,
        story_view,
    )

    _check_one(name, adoptions, reconciliations)
    with opened_program(journal, authorization) as (kept, program):
        if reconciliations:
            compared = queries.reconciliations(kept, program)
            answer(compared, lambda: reconciliations_view(compared))
            return 0
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


def _check_one(name: str | None, adoptions: bool, reconciliations: bool) -> None:
    """Raise UsageError unless just one of the three is to be shown."""
    given = [
        text
        for text, is_given in (
            ("an event ID", name is not None),
            ("--adoptions", adoptions),
            ("--reconciliations", reconciliations),
        )
        if is_given
    ]
    if len(given) != 1:
        found = f"{' and '.join(given)} are" if given else "neither an event ID nor a list is"
        hint = "give one of them: an event ID, --adoptions or --reconciliations"
        raise UsageError(Problem(f"{found} given", hint))
