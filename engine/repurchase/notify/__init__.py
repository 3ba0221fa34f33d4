"""Notifications: the news of a journal, sent to one address, signed and at least once.

Only this room and `client` need the package httpx.
"""

from __future__ import annotations

from importlib.util import find_spec

from repurchase.domain.errors import Problem, UsageError

if find_spec("httpx") is None:
    _what_to_do = "install it with: pip install 'repurchase[client]'"
    raise UsageError(Problem("a notifier needs the package httpx", _what_to_do))
