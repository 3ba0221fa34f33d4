"""`repurchase adopt`: put a program under another rule file, on the record."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from msgspec import structs

from repurchase.cli.journal import journal_option, now, opened
from repurchase.cli.proving import milliseconds, seconds_option, stoppable
from repurchase.cli.show import certificate_option, draw, json_option, say, single, warn
from repurchase.cli.submit import read_rules
from repurchase.errors import UsageError

if TYPE_CHECKING:
    from repurchase.edition import Editions


@click.command("adopt")
@click.argument("rules", metavar="FILE")
@journal_option
@single("--by", required=True, metavar="NAME", help="Who adopts it.")
@single("--reason", required=True, metavar="TEXT", help="Why.")
@certificate_option("this rule file: without it, or of another, nothing is adopted")
@seconds_option
@json_option
def command(
    rules: str,
    journal: str,
    by: str,
    reason: str,
    certificate: Path | None,
    seconds: float | None,
    as_json: bool,
) -> int:
    """Record that a program goes by another rule FILE from now on, and show what that changes.

    \b
    repurchase adopt iij-2008.yaml --journal desk.db --by Tanaka --reason "resolution of 12-01"

    What was decided before stays as it was, under the rules of then. Which events are approved now
    and were not is shown as `repurchase diff` shows it, which you can ask before; it needs
    pip install 'repurchase[prove]'. Exit 1 where the program has used more than the new caps allow:
    it is adopted, and nothing is approved until that changes.
    """
    from repurchase.certificate import read_certificate, uncertified
    from repurchase.cli.journal import chosen
    from repurchase.desk import Desk
    from repurchase.overview import adoption, edition_at
    from repurchase.report import adoption_view, json_text
    from repurchase.rulefile import gaps

    text = read_rules(rules)
    warn(gaps(text.editions.authorization))
    if certificate is not None:
        problems = tuple(uncertified(read_certificate(certificate), text.editions))
        if problems:
            raise UsageError(*problems)
    with opened(journal) as kept:
        program = chosen(kept, text.editions.authorization.name)
        before, after = Desk(kept, program, now).adopt(text, by.strip(), reason.strip())
    assert before.editions is not None, "a program that adopts another rule file has begun"
    found = adoption(before, after, now())
    if not as_json:
        draw(adoption_view(found, edition_at(after, now())))
    changed = _changed(before.editions, text.editions, seconds, as_json=as_json)
    if as_json:
        click.echo(json_text({**structs.asdict(found), **changed}))
    return 0 if found.fits else 1


def _changed(
    old: Editions, new: Editions, seconds: float | None, *, as_json: bool
) -> dict[str, Any]:
    """Return what *new* changes for events, and show it where it is not for programs."""
    try:
        from repurchase.compare.diff import diff
    except UsageError as error:
        # It is adopted all the same.
        warn(error.problems)
        return {}
    from repurchase.report.diffs import compared_view, diff_object

    try:
        with stoppable() as clock:
            found = diff(old, new, clock, milliseconds(seconds))
    except KeyboardInterrupt:
        say("it is adopted; what it changes for events was not compared")
        raise
    if not as_json:
        draw(compared_view(found, old.authorization, new.authorization))
    told = diff_object(found)
    return {"verdict": told["verdict"], "compared": told["compared"]}
