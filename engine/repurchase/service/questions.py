"""What the service asks the process that weighs proposed rules, and what it answers."""

from __future__ import annotations

from typing import Final

import msgspec

from repurchase.domain.errors import Problem
from repurchase.journal.queries import AdoptedThen
from repurchase.journal.records import Rules
from repurchase.journal.rule_texts import RuleText, rule_text
from repurchase.report.weighed import Beside, Proved, Weighing
from repurchase.rulebook.packs import shipped_or_given

SECONDS: Final = 20
SECONDS_MAX: Final = 600


class Draft(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A proposed rule file: its *text*, its test *cases*, and the *packs* that it has of its own.

    The name of a pack is that by which the file includes it: `./NAME`. With a *reason* it is
    proposed, *by* the person to whom the key belongs, and without one only weighed. It takes effect
    at once if it is proven no looser, unless it is to *wait* for a second person. The prover, and
    then the records, take at most so many *seconds* each.
    """

    text: str
    cases: str | None = None
    packs: dict[str, str] = {}
    reason: str | None = None
    by: str | None = None
    wait: bool = False
    seconds: int = SECONDS

    def rules(self, program: str) -> RuleText:
        """Return the rule file of *program*; raise RuleFileError with every fault in it."""
        texts = {name: text.encode() for name, text in self.packs.items()}
        return rule_text(self.text.encode(), f"{program}.yaml", shipped_or_given(texts))


class Weigh(msgspec.Struct, frozen=True):
    """The question what the *draft* would change in the program."""

    program: str
    draft: Draft


class Weighed(msgspec.Struct, frozen=True):
    """The answer, and whether the draft is proven *no_looser_than* the rules in force then."""

    weighing: Weighing
    no_looser_than: Rules | None


class Watch(msgspec.Struct, frozen=True):
    """The question what the rules of a *proposal* have decided since it was made."""

    program: str
    proposal: AdoptedThen


class Prove(msgspec.Struct, frozen=True):
    """The question whether the *rules* in force of a program are proved."""

    rules: Rules


class Unanswered(msgspec.Struct, frozen=True):
    """Why a question has no answer: the parts of a trouble.

    If nothing foresaw it, *trace* says where it happened.
    """

    code: str
    problems: tuple[Problem, ...]
    again: int | None = None
    trace: str | None = None


Question = Weigh | Watch | Prove
Answer = Weighed | Beside | Proved
