"""What a rule file guarantees over all histories, by induction with z3.

Without the package `z3-solver` this cannot be imported, and says what to install.
"""

from repurchase.errors import Problem, UsageError

try:
    import z3
except ImportError as missing:
    what_to_do = "install it with: pip install 'repurchase[prove]'"
    raise UsageError(Problem("a proof needs the package z3-solver", what_to_do)) from missing

from repurchase.prove.engine import History
from repurchase.prove.proof import MILLISECONDS, Failure, Proof, Proved, proved
from repurchase.prove.solving import Time, interrupt

__all__ = [
    "MILLISECONDS",
    "Failure",
    "History",
    "Proof",
    "Proved",
    "Time",
    "interrupt",
    "proved",
    "z3",
]
