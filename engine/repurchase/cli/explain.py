"""`repurchase explain`: what a fact or a rule file means."""

from __future__ import annotations

from pathlib import Path

import click

from repurchase.cli.show import draw, is_file, looks_like_a_file, rule_file, rule_files
from repurchase.errors import Problem, UsageError, nearest


@click.command("explain")
@click.argument("name", metavar="NAME|FILE")
def command(name: str) -> int:
    """Explain a fact or a finding by its name, or a rule file: its terms, its rules, and what
    events must say.

    \b
    repurchase explain program.shares_after
    repurchase explain engine.overrun
    repurchase explain iij-2008
    repurchase explain rules/my-program.yaml
    """
    from repurchase.facts import TABLE
    from repurchase.report import authorization_view, fact_view, own_finding_view
    from repurchase.shipped import rule_names
    from repurchase.wording import ENGINE

    if name in TABLE:
        draw(fact_view(TABLE[name]))
        return 0
    if name in ENGINE:
        draw(own_finding_view(name))
        return 0
    path = Path(name)
    if name not in rule_names() and not (is_file(path) or looks_like_a_file(path)):
        hint = nearest(name, (*TABLE, *ENGINE, *rule_files()))
        raise UsageError(Problem(f"`{name}` is no fact and no rule file", hint))
    from repurchase.edition import load

    draw(authorization_view(load(rule_file(name)).authorization))
    return 0
