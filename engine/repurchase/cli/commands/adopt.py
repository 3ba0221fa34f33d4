"""`repurchase adopt`: put a program under another rule file, on the record, or see what it does."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from msgspec import structs

from repurchase.cli.commands.submit import read_rules
from repurchase.cli.interrupts import interruptible, milliseconds, seconds_option
from repurchase.cli.journal_options import journal_option, now, program_named
from repurchase.cli.options import certificate_option, json_option, single_option
from repurchase.cli.output import answer, draw, remark, wants_json, warn
from repurchase.domain.errors import UsageError

if TYPE_CHECKING:
    from repurchase.journal.book import Book
    from repurchase.journal.desk import Desk, RuleText
    from repurchase.rulebook.editions import Editions


@click.command("adopt")
@click.argument("rules", metavar="FILE")
@journal_option
@single_option("--by", metavar="NAME", help="Who adopts it; left out only with --dry-run.")
@single_option("--reason", metavar="TEXT", help="Why; left out only with --dry-run.")
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
    from repurchase.journal.desk import Desk
    from repurchase.journal.queries import adoption, edition_at
    from repurchase.journal.store import Journal
    from repurchase.report.programs import adoption_view, unadopted_view

    _check_named(by, reason, dry_run=dry_run)
    text = read_rules(rules)
    _check_certified(text, certificate)
    with Journal(journal) as kept:
        desk = Desk(kept, program_named(kept, text.editions.authorization.name), now)
        before, after = _adopted(desk, text, by, reason, dry_run=dry_run)
    assert before.editions is not None, "a program that adopts another rule file has begun"
    found = adoption(before, after, now())
    summary = {"adopted": not dry_run, **structs.asdict(found)}
    if not wants_json():
        draw(adoption_view(found, edition_at(after, now()), is_done=not dry_run))
    try:
        summary |= _changed(before.editions, text.editions, seconds)
    except KeyboardInterrupt:
        done = "nothing was adopted" if dry_run else "it is adopted"
        remark(f"{done}; what changes for events was not compared")
        raise
    finally:
        # It is done, whatever ends the comparison.
        answer(summary)
    if dry_run and not wants_json():
        draw(unadopted_view())
    return 0 if found.fits else 1


def _check_named(by: str | None, reason: str | None, *, dry_run: bool) -> None:
    """Raise UsageError if *by* or *reason* is missing, or could not be recorded."""
    from repurchase.journal.desk import check_said

    for name, value in (("by", by), ("reason", reason)):
        if value is not None:
            check_said(name, value.strip())
        elif not dry_run:
            raise click.UsageError(f"Missing option '--{name}'.", click.get_current_context())


def _check_certified(text: RuleText, certificate: Path | None) -> None:
    """Show the gaps of *text*; raise UsageError if it is not as the *certificate* says."""
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


def _changed(old: Editions, new: Editions, seconds: float | None) -> dict[str, Any]:
    """Return what *new* changes for events, and show it unless the call asks for JSON."""
    try:
        from repurchase.proof.diff import diff
    except UsageError as error:
        # It is adopted all the same.
        warn(error.problems)
        return {}
    from repurchase.report.diffs import compared_view, diff_object

    found = interruptible(lambda clock: diff(old, new, clock, milliseconds(seconds)))
    if not wants_json():
        draw(compared_view(found, old.authorization, new.authorization))
    compared = diff_object(found)
    return {name: compared[name] for name in ("verdict", "compared")}
