"""What each rule of an edition can do: whether any order fails it, passes it, or needs it."""

from __future__ import annotations

from typing import NamedTuple

from repurchase.proof.approval import evaluating
from repurchase.proof.logic import holds
from repurchase.proof.model import unlisted
from repurchase.proof.questions import Questions
from repurchase.proof.solver import Known, Term, z3


class OfRules(NamedTuple):
    """The rules of an edition that every order passes, that none passes, and that are redundant.

    A redundant rule denies nothing that the other `deny` rules permit.
    """

    always_satisfied: tuple[str, ...]
    unsatisfiable: tuple[str, ...]
    redundant: tuple[str, ...]


def of_rules(questions: Questions) -> OfRules:
    """Return what is proved of the rules of the edition that *questions* are about."""
    asked = questions.asked()
    rules = evaluating(questions.edition, "order")
    passing = {of.rule.id: holds(of.passes, asked.facts) for of in rules}
    known = questions.kept().also(asked.listed)
    elsewhere = unlisted(asked)
    always_satisfied = tuple(
        of.rule.id
        for of in rules
        if known.never(z3.Not(passing[of.rule.id]))
        and known.never(z3.Not(holds(of.passes, elsewhere)))
    )
    deny = {of.rule.id: passing[of.rule.id] for of in rules if of.rule.effect == "deny"}
    return OfRules(
        always_satisfied,
        _never_passed(known, passing),
        tuple(
            name
            for name, condition in deny.items()
            if name not in always_satisfied
            and known.never(*(of for other, of in deny.items() if other != name), z3.Not(condition))
        ),
    )


def _never_passed(known: Known, passing: dict[str, Term]) -> tuple[str, ...]:
    """Return the rules that no order passes, by their names in *passing*."""
    # Of most files, one order passes all rules, so that each need not be asked of alone.
    if known.check(*passing.values()) == z3.sat:
        return ()
    return tuple(name for name, condition in passing.items() if known.never(condition))
