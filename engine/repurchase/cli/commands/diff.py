"""`repurchase diff`: what an edit of a rule file changes, for every event that can arrive."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from repurchase.cli.files import editions_of
from repurchase.cli.formats import errors_written, format_option, is_report, write_checks
from repurchase.cli.interrupts import milliseconds, seconds_option
from repurchase.cli.options import json_option, single_option
from repurchase.cli.output import answer, draw, remark, wants_json, warn
from repurchase.cli.targets import is_cases, is_folder, is_rule_file, targets
from repurchase.domain.errors import Problem, RepurchaseError, UsageError

if TYPE_CHECKING:
    from rich.console import RenderableType

    from repurchase.report.checked import Checked
    from repurchase.rulebook.editions import Editions

EXIT_LOOSER = 1
EXIT_UNDECIDED = 2


class _Answer(NamedTuple):
    """What is known of one edit: for programs, for a terminal and for a format, and its code."""

    code: int
    object: dict[str, Any]
    view: Callable[[], RenderableType] | None
    checks: list[Checked]


@click.command("diff")
@click.argument("files", nargs=-1, metavar="OLD NEW|FILE..")
@single_option(
    "--git",
    "base",
    metavar="BASE",
    help="Name FILE.. instead of OLD and NEW: each is compared with its version at this revision.",
)
@seconds_option
@format_option
@json_option
def command(
    files: tuple[str, ...], base: str | None, seconds: float | None, form: str | None
) -> int:
    """Show which events rule file NEW approves and OLD does not, and the reverse.

    \b
    repurchase diff rules/my-program.yaml my-draft.yaml
    repurchase diff --git HEAD rules/my-program.yaml
    repurchase diff --git origin/main rules --format github

    `diff` compares what the files do, not their text. For each kind of event it proves that NEW is
    equivalent to OLD or tighter (less permissive), from every position and on every day. It assumes
    that OLD or NEW approved each open order. Otherwise it shows a short list of events that makes
    NEW looser (more permissive) or tighter; the engine has evaluated the list by both files. A held
    event counts as not approved until its release. A file that halts the desk for a fill or a
    correct is tighter than one that only denies it.
    `diff` also lists the terms, limits, dates and rules that changed. If both files do not use the
    same accounting basis (ratio, margin or clock), nothing is proved equivalent; use `what-if`.

    With --git, FILE may be a folder: all rule files in it are compared. Packs beside a file are
    those of the revision too; shipped packs are those of the installed repurchase. A file with a
    new name is compared with the file that had its authorization at the revision. If there is none,
    it is proved, as by `prove`.

    Exit codes: 0 equivalent or tighter; 1 looser for any event; 2 undecided. Of several files, the
    highest. The proof needs pip install 'repurchase[prove]'; without it, `diff` lists the changes
    and exits with 2.
    """
    with errors_written("diff", form):
        if base is not None:
            return _since(base, files, seconds, form)
        if len(files) != 2:
            named = "1 file is" if len(files) == 1 else f"{len(files)} files are"
            what = f"{named} named, but `diff` compares two"
            hint = "write repurchase diff OLD NEW, or repurchase diff --git BASE FILE"
            raise UsageError(Problem(what, hint))
        found = _compared(editions_of(files[0]), editions_of(files[1]), seconds)
    if is_report(form):
        write_checks(form, found.checks)
    else:
        answer(found.object, found.view)
    return found.code


def _since(base: str, names: tuple[str, ...], seconds: float | None, form: str | None) -> int:
    """Compare each file of *names* with its version at *base*; return the highest exit code."""
    if not names:
        raise UsageError(Problem("no file is named", f"write repurchase diff --git {base} FILE"))
    found = []
    paths = targets(names)
    for path in filter(is_rule_file, paths):
        one = _edit(path, base, seconds)
        found.append(one)
        if one.view is not None and not (wants_json() or is_report(form)):
            draw(one.view())
    if not found:
        raise UsageError(Problem("there is no rule file here", _to_name(paths), names[0]))
    _remark_deleted(base, names, {one.object["old"] for one in found})
    if is_report(form):
        write_checks(form, [check for one in found for check in one.checks])
    else:
        answer({"base": base, "files": [one.object for one in found]})
    return max(one.code for one in found)


def _to_name(paths: list[Path]) -> str:
    """Return what to name instead of *paths*, of which none is a rule file."""
    if all(map(is_cases, paths)):
        return "name one"
    return "name the rule files that include the pack: they are compared with their packs"


def _remark_deleted(base: str, names: tuple[str, ...], compared: set[str | None]) -> None:
    """Say which rule files of the folders *names* are gone since *base*, but for the *compared*."""
    from repurchase.cli.revisions import deleted

    for folder in filter(is_folder, names):
        # Why git gives no answer was said of each file.
        with suppress(UsageError):
            for path, old in deleted(Path(folder), base):
                if old not in compared:
                    remark(f"{path} was deleted since {base}: nothing is compared with {old}")


def _edit(path: Path, base: str, seconds: float | None) -> _Answer:
    """Return what is known of the edit of *path* since *base*; errors of it are an answer too."""
    from repurchase.cli.revisions import old_version

    file = str(path)
    named: dict[str, Any] = {"file": file, "old": None}
    try:
        new = editions_of(file)
        old = old_version(path, base, new.authorization.name)
        if old is None:
            remark(f"{file} is new since {base}: there is nothing to compare, so it is proved")
            found = _proved(new, seconds)
        else:
            named["old"] = old.name
            verb = "was renamed; it is compared" if old.was_renamed else "is compared"
            remark(f"{file} {verb} with {old.name}")
            found = _compared(old.editions, new, seconds)
    except RepurchaseError as error:
        from repurchase.report.checked import Checked

        warn(error.problems)
        check = Checked(file, f"repurchase diff --git {base}", None, error.problems, "error")
        return _Answer(EXIT_UNDECIDED, named | {"errors": error.problems}, None, [check])
    return found._replace(object=named | found.object)


def _proved(new: Editions, seconds: float | None) -> _Answer:
    """Return what `prove` shows of *new*."""
    from repurchase.api.proving import interruptible
    from repurchase.proof.proof import proved
    from repurchase.report.proofs import proof_checks, proof_code, proof_object, proof_view

    proof = interruptible(lambda clock: proved(new, clock, milliseconds(seconds)))
    of = new.authorization
    proof_ = {"proof": proof_object(proof, of)}
    return _Answer(
        proof_code(proof), proof_, lambda: proof_view(proof, of), proof_checks(proof, of)
    )


def _compared(old: Editions, new: Editions, seconds: float | None) -> _Answer:
    """Return what *new* changes beside *old*; without a prover, what is written otherwise."""
    try:
        from repurchase.api.proving import interruptible
        from repurchase.proof.diff import diff
    except UsageError as error:
        return _uncompared(old, new, error)
    from repurchase.report.diffs import diff_checks, diff_object, diff_view

    found = interruptible(lambda clock: diff(old, new, clock, milliseconds(seconds)))
    files = old.authorization, new.authorization
    code = EXIT_UNDECIDED if found.verdict == "undecided" else 0
    return _Answer(
        EXIT_LOOSER if found.is_looser else code,
        diff_object(found),
        lambda: diff_view(found, *files),
        diff_checks(found, *files),
    )


def _uncompared(old: Editions, new: Editions, error: UsageError) -> _Answer:
    from repurchase.report.changes import changed_view, uncompared_object
    from repurchase.report.checked import Checked
    from repurchase.rulebook.changes import changes

    changed = changes(old.authorization, new.authorization)
    remark("the effect of the changes on events was not compared")
    warn(error.problems)
    check = Checked(new.authorization.file, "diff", None, error.problems, "error")
    view = partial(changed_view, changed)
    return _Answer(EXIT_UNDECIDED, uncompared_object(changed), view, [check])
