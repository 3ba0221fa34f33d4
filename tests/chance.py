"""Look for a failure in many short runs of a property, the same on every run of the tests.

A long run of hypothesis says much twice: it begins with a tenth of small examples, and makes five
in six of the rest out of the one before. To find what fails, a new start is worth more, so each
of these runs ends before either begins.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final, TypeVar

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, run_state_machine_as_test

T = TypeVar("T")
# From ten on a tenth of a run is small, and what comes after ten is made of what came before.
AFRESH: Final = 9


def run_machine(machine: type[RuleBasedStateMachine], examples: int, steps: int) -> None:
    """Run *machine* for so many *examples*, each of so many *steps*, or until one fails.

    Raises what the first that fails raises.
    """
    for number, short in _runs(examples):
        seed(number)(machine)
        run_state_machine_as_test(machine, settings=settings(short, stateful_step_count=steps))


def run_check(check: Callable[[T], None], drawn: st.SearchStrategy[T], examples: int) -> None:
    """Check so many *examples* of what is *drawn*, or until one fails.

    Raises what the first that fails raises.
    """
    for number, short in _runs(examples):
        seed(number)(short(given(drawn)(check)))()


def _runs(examples: int) -> Iterator[tuple[int, settings]]:
    """Yield the number and the settings of each run: nothing is kept, and nothing shrunk."""
    for number in range(0, examples, AFRESH):
        yield (
            number,
            settings(
                max_examples=min(AFRESH, examples - number),
                database=None,
                phases=[Phase.generate],
                report_multiple_bugs=False,
                suppress_health_check=list(HealthCheck),
            ),
        )
