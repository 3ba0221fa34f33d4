"""`repurchase explain`: what a fact, a finding, a rule file, a pack, or a part of one means."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click
from click.shell_completion import CompletionItem

from repurchase.cli.files import is_file, rule_file_or_pack
from repurchase.cli.output import draw
from repurchase.domain.errors import Problem, RepurchaseError, UsageError, nearest, short
from repurchase.rulebook.library import looks_like_a_file, rule_files

if TYPE_CHECKING:
    from rich.console import RenderableType

    from repurchase.facts.fact import Fact
    from repurchase.rulebook.model import Authorization, Pack

# Built-in findings are called `engine.x`.
_ENGINE: Final = "engine"


def _names(_context: click.Context, _argument: object, begun: str) -> list[CompletionItem]:
    """Return what a shell may complete *begun* to: names and files."""
    from repurchase.evaluation.wording import ENGINE
    from repurchase.facts.table import TABLE

    whole = begun.partition(".")[0]
    parts = (f"{whole}.{part}" for part in _part_names(whole)) if whole in _shipped() else ()
    names = (*TABLE, _ENGINE, *ENGINE, *_shipped(), *parts)
    return [CompletionItem(begun, type="file"), *_of(names, begun)]


def _parts(context: click.Context, _argument: object, begun: str) -> list[CompletionItem]:
    return _of(_part_names(context.params["name"]), begun)


def _of(names: Iterable[str], begun: str) -> list[CompletionItem]:
    return [CompletionItem(name) for name in names if name.startswith(begun)]


def _part_names(name: str) -> tuple[str, ...]:
    from repurchase.report.explained import views_of

    try:
        return tuple(views_of(_file(name)))
    except RepurchaseError:
        # A shell shows no message while it completes; the command itself will.
        return ()


@click.command("explain")
@click.argument("name", metavar="NAME|FILE", shell_complete=_names)
@click.argument("part", metavar="[PART]", required=False, shell_complete=_parts)
def command(name: str, part: str | None) -> int:
    """Explain a fact, a built-in finding, a rule file or a rule pack; or a PART of a file.

    A part is a rule, a check, a term or a limit. `explain engine` lists the built-in findings.

    \b
    repurchase explain program.shares_after
    repurchase explain engine.overrun
    repurchase explain jp-order-59
    repurchase explain jp-order-59.daily-volume
    repurchase explain iij-2008.terms.max_shares
    repurchase explain rules/my-program.yaml
    repurchase explain rules/my-program.yaml share-cap
    repurchase explain ./my-desk.yaml limits.largest_order

    The example of a rule is an event that has every field that the rule reads.
    """
    draw(_view(name, part))
    return 0


def _view(name: str, part: str | None) -> RenderableType:
    from repurchase.evaluation.wording import ENGINE
    from repurchase.facts.table import TABLE
    from repurchase.report.explained import (
        authorization_view,
        fact_view,
        own_finding_view,
        own_findings_view,
        pack_view,
    )
    from repurchase.rulebook.model import Pack

    shipped = None if part is not None else _shipped_fact(name)
    if shipped is not None:
        return fact_view(shipped)
    if part is not None and name in (*TABLE, *ENGINE, _ENGINE):
        raise UsageError(Problem(f"`{name}` has no parts", f"write repurchase explain {name}"))
    if name in TABLE:
        return fact_view(TABLE[name])
    if name in ENGINE:
        return own_finding_view(name)
    if name == _ENGINE:
        return own_findings_view()
    if part is None and not _is_whole(name):
        name, part = _parted(name)
    file = _file(name)
    if part is not None:
        return _part_view(file, name, part)
    return pack_view(file) if isinstance(file, Pack) else authorization_view(file)


def _shipped_fact(name: str) -> Fact | None:
    """Return the fact *name*, also a former one, if every file may read its declaration."""
    from repurchase.facts.averages import average_of
    from repurchase.facts.table import TABLE, present
    from repurchase.rulebook.model import fact_in
    from repurchase.rulebook.packs import shipped_averages, shipped_facts

    now = present(name)
    if average_of(now) in shipped_averages():
        return fact_in(shipped_averages(), now)
    return TABLE[now] if now in shipped_facts() else None


def _is_whole(name: str) -> bool:
    """Return whether *name* is a whole file: a shipped one, or one that is written as a path."""
    path = Path(name)
    return name in _shipped() or is_file(path) or looks_like_a_file(path)


def _parted(name: str) -> tuple[str, str]:
    """Return the shipped file and its part that *name* has before and after its first point."""
    from repurchase.evaluation.wording import ENGINE
    from repurchase.facts.table import TABLE

    whole, _, part = name.partition(".")
    if whole not in _shipped():
        hint = nearest(name, (*TABLE, *ENGINE, *_shipped(), *rule_files()))
        raise UsageError(Problem(f"`{name}` is not a fact, a finding, a pack or a rule file", hint))
    return whole, part


def _part_view(file: Authorization | Pack, name: str, part: str) -> RenderableType:
    from repurchase.report.explained import views_of

    views = views_of(file)
    called = part if part in views else part.removeprefix(f"{file.name}.")
    if called not in views:
        hint = nearest(called[:100], views) or f"`repurchase explain {name}` lists its parts"
        raise UsageError(Problem(f"`{file.name}` has no rule, term or limit `{short(part)}`", hint))
    return views[called]()


def _file(name: str) -> Authorization | Pack:
    from repurchase.rulebook.editions import load_file
    from repurchase.rulebook.model import Pack

    file = load_file(rule_file_or_pack(name))
    return file if isinstance(file, Pack) else file.authorization


def _shipped() -> tuple[str, ...]:
    from repurchase.rulebook.library import pack_names, rule_names

    return (*pack_names(), *rule_names())
