"""The append-only record of programs: each event, its decision, and the rules that made it.

Only this room and `audit` need the package SQLAlchemy, and a system with the file locks of POSIX.
Without either, no module of this room can be imported: the error says what to do.
"""

from __future__ import annotations

from importlib.util import find_spec

from repurchase.domain.errors import Problem, UsageError

# Looked for and not loaded: not all modules of this room use it.
if find_spec("sqlalchemy") is None:
    _what_to_do = "install it with: pip install 'repurchase[journal]'"
    raise UsageError(Problem("a journal needs the package SQLAlchemy", _what_to_do))
if find_spec("fcntl") is None:
    _what_to_do = "use a journal on Linux or macOS"
    raise UsageError(Problem("this system does not have the file locks of a journal", _what_to_do))
