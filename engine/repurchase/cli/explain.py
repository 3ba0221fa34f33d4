"""`repurchase explain`: what a fact or a rule file means."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from repurchase.cli.show import draw, is_file, looks_like_a_file, rule_file, rule_files
from repurchase.errors import Problem, UsageError, nearest

if TYPE_CHECKING:
    from rich.console import RenderableType


@click.command("explain")
@click.argument("name", metavar="NAME|FILE")
def command(name: str) -> int:
    """Explain a fact, a finding, a pack of law, a rule or a limit of one, or a rule file: its
    terms, its rules, its packs, and what events must say.

    \b
    repurchase explain program.shares_after
    repurchase explain engine.overrun
    repurchase explain jp-order-59
    repurchase explain jp-order-59.daily-volume
    repurchase explain iij-2008
    repurchase explain rules/my-program.yaml
    """
    from repurchase.facts import TABLE
    from repurchase.report import authorization_view, fact_view, own_finding_view
    from repurchase.shipped import pack_names, rule_names
    from repurchase.wording import ENGINE

    if name in TABLE:
        draw(fact_view(TABLE[name]))
        return 0
    if name in ENGINE:
        draw(own_finding_view(name))
        return 0
    if name.partition(".")[0] in pack_names():
        draw(_of_a_pack(*name.partition(".")[::2]))
        return 0
    path = Path(name)
    if name not in rule_names() and not (is_file(path) or looks_like_a_file(path)):
        hint = nearest(name, (*TABLE, *ENGINE, *pack_names(), *rule_files()))
        raise UsageError(Problem(f"`{name}` is no fact, no pack and no rule file", hint))
    from repurchase.edition import load

    draw(authorization_view(load(rule_file(name)).authorization))
    return 0


def _of_a_pack(name: str, part: str) -> RenderableType:
    from repurchase.report import limit_view, pack_view, rule_view
    from repurchase.rulefile import shipped_pack

    pack = shipped_pack(name)
    if not part:
        return pack_view(pack)
    rules = {rule.id.removeprefix(f"{name}."): rule for rule in (*pack.rules, *pack.off)}
    limits = {f"limits.{limit.name}": limit for limit in pack.limits}
    if part in rules:
        return rule_view(rules[part], pack.limits)
    if part in limits:
        return limit_view(limits[part], f"{name}.{part}")
    hint = nearest(part, (*rules, *limits)) or f"`repurchase explain {name}` lists what it has"
    raise UsageError(Problem(f"the pack `{name}` has no rule and no limit `{part}`", hint))
