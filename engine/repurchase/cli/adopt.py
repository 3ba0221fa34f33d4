"""`repurchase adopt`: put a program under another rule file, on the record."""

from __future__ import annotations

import click

from repurchase.cli.journal import journal_option, now, opened
from repurchase.cli.show import draw, json_option, single, warn
from repurchase.cli.submit import read_rules


@click.command("adopt")
@click.argument("rules", metavar="FILE")
@journal_option
@single("--by", required=True, metavar="NAME", help="Who adopts it.")
@single("--reason", required=True, metavar="TEXT", help="Why.")
@json_option
def command(rules: str, journal: str, by: str, reason: str, as_json: bool) -> int:
    """Record that a program goes by another rule FILE from now on, and show what that changes.

    \b
    repurchase adopt iij-2008.yaml --journal desk.db --by Tanaka --reason "resolution of 12-01"

    What was decided before stays as it was, under the rules of then. Exit 1 where the program has
    used more than the new caps allow: it is adopted, and nothing is approved until that changes.
    """
    from repurchase.cli.journal import chosen
    from repurchase.desk import Desk
    from repurchase.overview import adoption, edition_at
    from repurchase.report import adoption_view, json_text
    from repurchase.rulefile import gaps

    text = read_rules(rules)
    warn(gaps(text.editions.authorization))
    with opened(journal) as kept:
        program = chosen(kept, text.editions.authorization.name)
        before, after = Desk(kept, program, now).adopt(text, by.strip(), reason.strip())
    found = adoption(before, after, now())
    if as_json:
        click.echo(json_text(found))
    else:
        draw(adoption_view(found, edition_at(after, now())))
    return 0 if found.fits else 1
