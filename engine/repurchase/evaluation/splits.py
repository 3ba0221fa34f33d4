"""What a split asks of the rule file: each figure in shares must follow it from its day on.

The program does not change what the board granted. After a split that lowers the sums, a figure in
old shares would be too wide, so nothing is approved until each figure follows.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Final

from repurchase.domain.quantities import SHARES
from repurchase.domain.terms import Term, in_force
from repurchase.facts.table import TABLE
from repurchase.language.expression import Constant, Node, parts_of, sides_of
from repurchase.ledger.position import Split
from repurchase.rulebook.model import Authorization, Rule

_DAY: Final = timedelta(1)


def is_followed(split: Split, file: Authorization) -> bool:
    """Return whether each figure in shares that limits orders under *file* follows *split*.

    It must have a version from the day of the split that is no more than that of the day before in
    new shares. A figure that a rule itself states has no versions.
    """
    limiting = [
        rule
        for rule in file.rules
        if rule.effect != "flag" and rule.at != "fill" and any(map(_is_shares, rule.facts))
    ]
    if any(map(_states_shares, limiting)):
        return False
    read = {name for rule in limiting for name in rule.constants}
    return all(
        _follows(term, split)
        for term in file.terms
        if term.dimension == SHARES and f"terms.{term.name}" in read
    )


def _is_shares(fact: str) -> bool:
    # Of averages, the bars say which units they have.
    return not fact.startswith("averages.") and TABLE[fact].dimension == SHARES


def _follows(term: Term, split: Split) -> bool:
    if all(version.validity.first != split.day for version in term.versions):
        return False
    before = in_force(term.versions, split.day - _DAY, split.day)
    after = in_force(term.versions, split.day, split.day)
    if before is None or after is None:
        return True
    return after.figure.value <= before.figure.value * split.ratio


def _states_shares(rule: Rule) -> bool:
    trees = (rule.require.root,) if rule.when is None else (rule.require.root, rule.when.root)
    return any(
        isinstance(node, Constant) and node.dimension == SHARES and node.value != 0
        for tree in trees
        for side in sides_of(tree)
        for node in _all_of(side)
    )


def _all_of(node: Node) -> Iterator[Node]:
    yield node
    for part in parts_of(node):
        yield from _all_of(part)
