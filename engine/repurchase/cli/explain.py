"""`repurchase explain`: what a fact or a rule file means."""

from __future__ import annotations

from pathlib import Path

import click

from repurchase.cli.show import draw, is_file, rule_file
from repurchase.errors import Problem, UsageError, nearest


@click.command("explain")
@click.argument("name", metavar="NAME|FILE")
def command(name: str) -> int:
    """Explain a fact by its name, or a rule file: its terms, its rules, and what events must say.

    \b
    repurchase explain program.shares_after
    repurchase explain iij-2008
    repurchase explain rules/my-program.yaml
    """
    from repurchase.facts import TABLE
    from repurchase.report import authorization_view, fact_view
    from repurchase.shipped import rule_names

    if name in TABLE:
        draw(fact_view(TABLE[name]))
        return 0
    path = rule_file(name)
    if name not in rule_names() and not _looks_like_a_file(path):
        hint = nearest(name, (*TABLE, *rule_names()))
        raise UsageError(Problem(f"`{name}` is no fact and no rule file", hint))
    from repurchase.edition import load

    draw(authorization_view(load(path).authorization))
    return 0


def _looks_like_a_file(path: Path) -> bool:
    return is_file(path) or len(path.parts) > 1 or path.suffix in (".yaml", ".yml")
