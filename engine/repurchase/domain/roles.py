"""What a person may do who has a key of the service: five roles."""

from __future__ import annotations

from typing import Final, Literal, get_args

Role = Literal["trader", "operations", "compliance", "auditor", "admin"]
ROLES: Final[tuple[Role, ...]] = get_args(Role)
