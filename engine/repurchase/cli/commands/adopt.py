"""`repurchase adopt`: put a program under another rule file, on the record, or see what it does."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from msgspec import structs

from repurchase.cli.commands.submit import read_rules
from repurchase.cli.interrupts import milliseconds, seconds_option, stoppable
from repurchase.cli.journal_options import journal_option, now, opened
from repurchase.cli.output import certificate_option, draw, json_option, say, single, warn
from repurchase.domain.errors import UsageError

if TYPE_CHECKING:
    from repurchase.journal.book import Book
    from repurchase.journal.desk import Desk, RuleText
    from repurchase.rulebook.editions import Editions


@click.command("adopt")
@click.argument("rules", metavar="FILE")
@journal_option
@single("--by", metavar="NAME", help="Who adopts it; left out only with --dry-run.")
@single("--reason", metavar="TEXT", help="Why; left out only with --dry-run.")
@click.option("--dry-run", is_flag=True, help="Check and show all of it, and adopt nothing.")
@certificate_option("this rule file: without it, or of another, nothing is adopted")
@seconds_option
@json_option
def command(
    rules: str,
    journal: str,
    by: str | None,
    reason: str | None,
    dry_run: bool,
    certificate: Path | None,
    seconds: float | None,
    as_json: bool,
) -> int:
    """Record that a program goes by another rule FILE from now on, and show what that changes.

    \b
    repurchase adopt iij-2008.yaml --journal desk.db --dry-run
    repurchase adopt iij-2008.yaml --journal desk.db --by Tanaka --reason "resolution of 12-01"

    What was decided before stays as it was, under the rules of then. Which events are approved now
    and were not is shown as `repurchase diff` shows it; it needs pip install 'repurchase[prove]'.
    With --dry-run all is checked and shown as it would be, and nothing is written to the journal.

    Exit codes, with --dry-run those that there would be, were the journal writable: 0
    adopted, also where the file is looser; 1 adopted, but what is used is past a new cap or not
    known, and nothing is approved until that changes; 2 refused, and nothing is adopted; 130
    stopped with Ctrl-C: what had been answered by then holds, and only what changes for events was
    not compared. Without any answer, `show --adoptions` tells whether it is adopted.
    """
    from repurchase.cli.journal_options import chosen
    from repurchase.journal.desk import Desk
    from repurchase.journal.queries import adoption, edition_at
    from repurchase.report.programs import adoption_view, unadopted_view
    from repurchase.report.written import json_text

    _check_named(by, reason, dry_run=dry_run)
    text = read_rules(rules)
    _check_certified(text, certificate)
    with opened(journal) as kept:
        desk = Desk(kept, chosen(kept, text.editions.authorization.name), now)
        before, after = _adopted(desk, text, by, reason, dry_run=dry_run)
    assert before.editions is not None, "a program that adopts another rule file has begun"
    found = adoption(before, after, now())
    answer = {"adopted": not dry_run, **structs.asdict(found)}
    if not as_json:
        draw(adoption_view(found, edition_at(after, now()), is_done=not dry_run))
    try:
        answer |= _changed(before.editions, text.editions, seconds, as_json=as_json)
    except KeyboardInterrupt:
        done = "nothing was adopted" if dry_run else "it is adopted"
        say(f"{done}; what changes for events was not compared")
        raise
    finally:
        # It is done, whatever ends the comparison.
        if as_json:
            click.echo(json_text(answer))
    if dry_run and not as_json:
        draw(unadopted_view())
    return 0 if found.fits else 1


def _check_named(by: str | None, reason: str | None, *, dry_run: bool) -> None:
    """Raise UsageError where *by* or *reason* is missing, or could not be recorded."""
    from repurchase.journal.desk import check_said

    for name, said in (("by", by), ("reason", reason)):
        if said is not None:
            check_said(name, said.strip())
        elif not dry_run:
            raise click.UsageError(f"Missing option '--{name}'.", click.get_current_context())


def _check_certified(text: RuleText, certificate: Path | None) -> None:
    """Show the gaps of *text*; raise UsageError where it is not as the *certificate* says."""
    from repurchase.proof.certificate import read_certificate, uncertified
    from repurchase.rulebook.lint import lint_findings

    warn(lint_findings(text.editions.authorization))
    if certificate is not None:
        problems = tuple(uncertified(read_certificate(certificate), text.editions))
        if problems:
            raise UsageError(problems)


def _adopted(
    desk: Desk, text: RuleText, by: str | None, reason: str | None, *, dry_run: bool
) -> tuple[Book, Book]:
    """Return the program before and after it adopts *text*, which is recorded unless *dry_run*."""
    if dry_run:
        return desk.would_adopt(text)
    assert by is not None, "who adopts it was asked for"
    assert reason is not None, "why it is adopted was asked for"
    return desk.adopt(text, by.strip(), reason.strip())


def _changed(
    old: Editions, new: Editions, seconds: float | None, *, as_json: bool
) -> dict[str, Any]:
    """Return what *new* changes for events, and show it where it is not for programs."""
    try:
        from repurchase.proof.diff import diff
    except UsageError as error:
        # It is adopted all the same.
        warn(error.problems)
        return {}
    from repurchase.report.diffs import compared_view, diff_object

    with stoppable() as clock:
        found = diff(old, new, clock, milliseconds(seconds))
    if not as_json:
        draw(compared_view(found, old.authorization, new.authorization))
    told = diff_object(found)
    return {"verdict": told["verdict"], "compared": told["compared"]}
