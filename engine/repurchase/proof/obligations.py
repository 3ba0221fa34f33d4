"""What z3 must show of an edition, question by question, and the same as SMT-LIB text.

A property is proved of an edition if it is proved for each kind of request. Nothing here is a
counterexample search: each obligation is that some formulas are never all true.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Final, NamedTuple

from repurchase.proof.approval import HELD, KINDS, is_within, meets, passes, relied_on
from repurchase.proof.claims import Sum, claims, widest
from repurchase.proof.fields import Kind, scope_of_any_life
from repurchase.proof.model import Request, any_sums, lives_in
from repurchase.proof.solver import Term, every, some, z3
from repurchase.rulebook.editions import Edition
from repurchase.rulebook.foreseen import Judging

# z3 prints an empty conjunction or disjunction as a bare word, which other solvers do not read.
_BARE: Final = re.compile(r"(?<=\s)(and|or)(?=[\s)])")
_WORDS: Final = {"and": "true", "or": "false"}
# It numbers its `let` names by what it has built before; the text must not depend on that.
_LET: Final = re.compile(r"(?<=[\s(])[$?]x[0-9]+(?=[\s)])")
_NOT_IN_NAMES: Final = re.compile(r"[^A-Za-z0-9_.]+")


class Obligation(NamedTuple):
    """*never* must never hold of a request of *kind*, about which *given* is always true.

    *about* names the property. *edition* is the hash of the edition that is asked.
    """

    edition: str
    kind: Kind
    about: str
    given: Sequence[Term]
    never: Term


class Asked:
    """An arbitrary request of each kind, as an edition evaluates it."""

    def __init__(self, edition: Edition) -> None:
        self.edition = edition
        self._requests: dict[Kind, Request] = {}
        self._passes: dict[Kind, Term] = {}

    def of(self, kind: Kind) -> Request:
        """Return the request that one of *kind* is, or releases, at any position."""
        model = HELD.get(kind, kind)
        if model not in self._requests:
            scope = scope_of_any_life(self.edition)
            self._requests[model] = Request(self.edition, any_sums("s"), "r", model, scope=scope)
        return self._requests[model]

    def passes(self, kind: Kind) -> Term:
        """Return the condition under which the request of *kind* is approved."""
        if kind not in self._passes:
            self._passes[kind] = passes(self.of(kind), kind)
        return self._passes[kind]

    def claimed(self) -> Iterator[Obligation]:
        """Yield the obligation of each property of the edition, kind by kind."""
        for kind in KINDS:
            asked = self.of(kind)
            for claim in claims(self.edition):
                relied = relied_on(asked, kind, claim)
                approved = self.passes(kind) if relied is None else relied
                never = z3.And(approved, z3.Not(meets(asked, claim)))
                yield self._never(kind, claim.name, never)

    def unlimited(self, of: Sum, when: Iterable[Judging]) -> Iterator[Obligation]:
        """Yield the obligations that nothing is approved *when* no rule alone limits *of*.

        If rules name a limit in some cases, nothing must be approved beyond the widest.
        """
        periods = [one.period for one in when]
        limit = widest(self.edition, of)
        for kind in KINDS:
            asked = self.of(kind)
            lives = some([every([*lives_in(period, asked)]) for period in periods])
            beyond = [] if limit is None else [z3.Not(is_within(asked, limit))]
            never = every([self.passes(kind), lives, *beyond])
            yield self._never(kind, f"unlimited {of}", never)

    def _never(self, kind: Kind, about: str, never: Term) -> Obligation:
        return Obligation(self.edition.hash, kind, about, self.of(kind).assumed, never)


def file_name(obligation: Obligation) -> str:
    """Return the name of the file that holds *obligation*."""
    about = _NOT_IN_NAMES.sub("-", obligation.about)
    return f"{obligation.edition[:12]}-{about}-{obligation.kind}.smt2"


def smt_text(obligation: Obligation) -> str:
    """Return *obligation* as SMT-LIB 2; the answer of a solver must be `unsat`."""
    # What z3 abbreviates depends on what else it holds; in a new context it holds nothing else.
    alone = z3.Context()
    solver = z3.Solver(ctx=alone)
    solver.add([one.translate(alone) for one in (*obligation.given, obligation.never)])
    _, _, text = solver.to_smt2().partition("(set-info :status unknown)\n")
    body = _BARE.sub(lambda found: _WORDS[found[1]], text)
    names: dict[str, str] = {}
    body = _LET.sub(lambda found: names.setdefault(found[0], f"?{len(names)}"), body)
    about = f"; edition {obligation.edition}, {obligation.kind}: {obligation.about}\n"
    return f"{about}(set-info :status unsat)\n(set-logic ALL)\n{body}".rstrip()


def digest(obligations: Iterable[Obligation]) -> str:
    """Return the SHA-256, in hexadecimal, of the files of *obligations*, one after the other.

    The files are in order of their names, each with a line end after its text.
    """
    texts = sorted((file_name(one), smt_text(one)) for one in obligations)
    return hashlib.sha256("".join(f"{text}\n" for _, text in texts).encode()).hexdigest()
