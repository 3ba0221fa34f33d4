"""`repurchase adopt`: record that a program uses another rule file, or show what that changes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click
from msgspec import structs

from repurchase.cli.certificates import certificate_key_option, read_certified, said_of
from repurchase.cli.commands.submit import read_rules
from repurchase.cli.interrupts import seconds_option
from repurchase.cli.journal_options import journal_option, now, program_named, rules_compared
from repurchase.cli.log_options import market_option
from repurchase.cli.options import file_option, json_option, single_option
from repurchase.cli.output import answer, draw, remark, wants_json, warn
from repurchase.domain.errors import UsageError

if TYPE_CHECKING:
    from rich.console import RenderableType

    from repurchase.journal.book import Book
    from repurchase.journal.desk import Adopting, Desk
    from repurchase.journal.records import Rules
    from repurchase.journal.rule_texts import RuleText
    from repurchase.journal.store import Journal
    from repurchase.rulebook.editions import Editions


@click.command("adopt")
@click.argument("rules", metavar="FILE")
@journal_option
@single_option("--by", metavar="NAME", help="Who adopts FILE. Required, except with --dry-run.")
@single_option("--reason", metavar="TEXT", help="Why. Required, except with --dry-run.")
@click.option("--dry-run", is_flag=True, help="Check and show everything, but adopt nothing.")
@click.option(
    "--what-if",
    is_flag=True,
    help="Decide every recorded event by FILE, too, and show which outcomes differ.",
)
@market_option
@file_option(
    "--certificate",
    metavar="FILE.json",
    help="The certificate from `repurchase prove`. Adopt FILE only if it is the file certified.",
)
@certificate_key_option
@seconds_option
@json_option
def command(
    rules: str,
    journal: str,
    by: str | None,
    reason: str | None,
    dry_run: bool,
    what_if: bool,
    market: tuple[Path, ...],
    certificate: Path | None,
    public_key: Path | None,
    seconds: float | None,
) -> int:
    """Record that a program uses another rule FILE from now on, and show what that changes.

    \b
    repurchase adopt iij-2008.yaml --journal desk.db --dry-run --what-if
    repurchase adopt iij-2008.yaml --journal desk.db --by Tanaka --reason "resolution of 12-01"

    Earlier decisions stay as they were, under the earlier rules. The command names each open order
    that no longer fits the caps or the window, and says what FILE makes of its fill. Cancel those
    that do not fit, or whose fill would halt the program. The command also compares the two files
    as `repurchase diff` does: which events are approved now that were not, and the reverse. The
    comparison needs pip install 'repurchase[prove]'. With --dry-run, the command checks and shows
    the same, but writes nothing to the journal.

    With --what-if, the command also decides every recorded event by FILE, as the desk would have:
    what it would have denied was never open, and a fill of it halts. Facts that FILE reads and
    the records do not hold come from --market.

    \b
    Exit codes:
      0    adopted, or proposed: FILE is not proven equivalent or tighter, so that a second
           person must confirm it (`repurchase confirm`), unless the program has only one
      1    adopted, but the shares or money used exceed a new cap or are unknown,
           or open orders no longer fit, or their fills would halt the program
      2    refused, and nothing is adopted
      130  stopped with Ctrl-C

    With --dry-run, the codes are those that the adoption would have. If Ctrl-C stops the
    comparison, nothing is adopted.
    """
    from repurchase.cli.progress import folded
    from repurchase.journal.desk import Desk
    from repurchase.journal.queries import adoption, edition_at
    from repurchase.journal.store import Journal
    from repurchase.report.programs import adoption_view, unadopted_view

    _check_named(by, reason, dry_run=dry_run)
    text = read_rules(rules)
    _check_certified(text, certificate, public_key)
    with Journal(journal) as kept:
        desk = Desk(kept, program_named(kept, text.editions.authorization.name), now, watch=folded)
        would = desk.would_adopt(text)
        assert would.before.editions is not None, "only a program that has begun can adopt another"
        try:
            compared = _compared(would.before.editions, text.editions, seconds)
        except KeyboardInterrupt:
            remark("nothing was adopted; the comparison of the two rule files was stopped")
            raise
        beside = _beside(kept, would.before, text, market) if what_if else _Beside({}, None)
        taken = would
        if not dry_run:
            base = would.before.rules if compared.is_no_looser else None
            taken = _adopted(desk, text, by, reason, base)
    is_done = not dry_run and taken.pending is None
    found = adoption(taken.before, taken.after, now())
    summary = {"adopted": is_done, **structs.asdict(found), **compared.object, **beside.object}
    if taken.pending is not None:
        summary |= {"pending": True, "id": taken.pending}
    if not wants_json():
        draw(adoption_view(found, edition_at(taken.after, now()), is_done=is_done))
        if compared.view is not None:
            draw(compared.view)
        if beside.view is not None:
            draw(beside.view)
        if not is_done:
            draw(unadopted_view(taken.pending))
    answer(summary)
    return 0 if found.fits else 1


def _check_named(by: str | None, reason: str | None, *, dry_run: bool) -> None:
    """Raise UsageError if *by* or *reason* is missing or not valid text."""
    from repurchase.journal.desk import check_said

    for name, value in (("by", by), ("reason", reason)):
        if value is not None:
            check_said(name, value.strip())
        elif not dry_run:
            raise click.UsageError(f"Missing option '--{name}'.", click.get_current_context())


def _check_certified(text: RuleText, certificate: Path | None, key: Path | None) -> None:
    """Show the gaps of *text*; raise UsageError if the *certificate* does not certify it."""
    from repurchase.proof.certificate import uncertified
    from repurchase.rulebook.lint import lint_findings

    warn(lint_findings(text.editions))
    found = read_certified(certificate, key)
    if found is not None:
        problems = tuple(uncertified(found, text.editions))
        if problems:
            raise UsageError(problems)
        remark(f"{certificate} {said_of(key)} this rule file")


class _Beside(NamedTuple):
    """What a rule file would have changed on the journal, for people and programs."""

    object: dict[str, Any]
    view: RenderableType | None


def _beside(journal: Journal, before: Book, text: RuleText, market: tuple[Path, ...]) -> _Beside:
    """Return what *text* would have decided on the records of the program, as it is *before*."""
    from rich.text import Text

    from repurchase.audit.shadow import Shadow
    from repurchase.cli.progress import folded
    from repurchase.market.feed import read_feed
    from repurchase.report.outcomes import Listed, changes_view
    from repurchase.report.weighed import Watched

    name, last = text.editions.authorization.name, before.head.sequence
    watched = Watched(Shadow(journal, name, text.editions, read_feed(market)))
    listed, what_if = Listed(""), watched.shadow.what_if
    for compared in folded(watched.follow(last), last):
        if compared.direct is not None:
            listed.add(compared)
    found = {"what_if": watched.beside(last)}
    changes = what_if.changes()
    if not changes.events:
        return _Beside(found, Text("The journal has no event that FILE could have decided."))
    title = f"the records of {name}: OLD is what was decided, NEW is {text.name}"
    return _Beside(found, changes_view(what_if, changes, listed, title))


class _Compared(NamedTuple):
    """What `diff` shows of two rule files, for people and programs."""

    is_no_looser: bool
    object: dict[str, Any]
    view: RenderableType | None


def _adopted(
    desk: Desk, text: RuleText, by: str | None, reason: str | None, base: Rules | None
) -> Adopting:
    """Record that *text* is adopted, or proposed if it is not proven no looser than *base*."""
    assert by is not None, "`_check_named` requires --by"
    assert reason is not None, "`_check_named` requires --reason"
    return desk.adopt(text, by.strip(), reason.strip(), no_looser_than=base)


def _compared(old: Editions, new: Editions, seconds: float | None) -> _Compared:
    """Return what *new* changes for events; with a warning only, if the prover is not installed.

    *seconds* is the time limit.
    """
    found = rules_compared(old, new, seconds)
    if found is None:
        # Without the comparison, a second person decides.
        return _Compared(False, {}, None)
    from repurchase.report.diffs import compared_view, diff_object

    compared = diff_object(found)
    return _Compared(
        found.is_no_looser,
        {name: compared[name] for name in ("verdict", "compared")},
        compared_view(found, old.authorization, new.authorization),
    )
