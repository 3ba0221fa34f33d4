"""Check share repurchases against the board's authorization, rule by rule.

`Rules` loads a rule file, and checks, tests, compares or proves it. `Rules.program` is a program in
memory, `Desk` one with a journal. Answers are frozen values; quantities are exact strings. Every
error is a `RepurchaseError`, which lists its `problems`.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Final

from repurchase.domain.version import __version__

if TYPE_CHECKING:
    from repurchase.api.answers import Decision, Finding, Position
    from repurchase.api.desk import Desk
    from repurchase.api.headroom import Headroom
    from repurchase.api.program import Program
    from repurchase.api.proving import Diff, Proof
    from repurchase.api.rules import CaseResult, Rules
    from repurchase.domain.errors import (
        EngineFault,
        InputError,
        JournalError,
        Problem,
        RepurchaseError,
        RuleFileError,
        UsageError,
    )
    from repurchase.replay.run import Summary

__all__ = [
    "CaseResult",
    "Decision",
    "Desk",
    "Diff",
    "EngineFault",
    "Finding",
    "Headroom",
    "InputError",
    "JournalError",
    "Position",
    "Problem",
    "Program",
    "Proof",
    "RepurchaseError",
    "RuleFileError",
    "Rules",
    "Summary",
    "UsageError",
    "__version__",
]

# Each is loaded when it is first used, so that the command line loads only what it needs.
_MODULES: Final = {
    "api.answers": ("Decision", "Finding", "Position"),
    "api.desk": ("Desk",),
    "api.headroom": ("Headroom",),
    "api.program": ("Program",),
    "api.proving": ("Diff", "Proof"),
    "api.rules": ("CaseResult", "Rules"),
    "domain.errors": (
        "EngineFault",
        "InputError",
        "JournalError",
        "Problem",
        "RepurchaseError",
        "RuleFileError",
        "UsageError",
    ),
    "replay.run": ("Summary",),
}

if not TYPE_CHECKING:

    def __getattr__(name):
        """Return the public *name*, loaded now; raise AttributeError for another."""
        module = next((one for one, names in _MODULES.items() if name in names), None)
        if module is None:
            raise AttributeError(f"module `repurchase` has no attribute `{name}`")
        found = globals()[name] = getattr(import_module(f"repurchase.{module}"), name)
        return found


def __dir__() -> list[str]:
    return sorted(__all__)
