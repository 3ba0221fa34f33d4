"""The service: HTTP in front of the desk, for those whose keys say that they may.

Only this room needs the packages Starlette, uvicorn, uvloop and httptools. Without one of them, no
module of this room can be imported: the error says what to install.
"""

from __future__ import annotations

from importlib.util import find_spec

from repurchase.domain.errors import Problem, UsageError

_NEEDED = {
    "starlette": "Starlette",
    "uvicorn": "uvicorn",
    "uvloop": "uvloop",
    "httptools": "httptools",
}
for _module, _package in _NEEDED.items():
    if find_spec(_module) is None:
        _what_to_do = "install it with: pip install 'repurchase[service]'"
        raise UsageError(Problem(f"the service needs the package {_package}", _what_to_do))
