"""What holds of all histories: what a rule file guarantees, and how two compare, with z3."""

from repurchase.proof.engine import History
from repurchase.proof.proof import MILLISECONDS, Failure, Proof, Proved, proved
from repurchase.proof.solver import Time, interrupt

__all__ = [
    "MILLISECONDS",
    "Failure",
    "History",
    "Proof",
    "Proved",
    "Time",
    "interrupt",
    "proved",
]
