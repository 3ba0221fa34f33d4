"""What Schemathesis needs besides the document of the service: lines of JSON, and one check.

It loads this module itself, as SCHEMATHESIS_HOOKS says.
"""

from __future__ import annotations

import json
import re
from typing import Any, Final

import schemathesis
from schemathesis.specs.openapi.checks import positive_data_acceptance

# Why an event that fits its schema may be refused all the same. JSON Schema knows the value of a
# number and not how it is written, compares no two values with each other, and has no clock.
BEYOND: Final = re.compile(
    r"`[\w.]+` is `-?[0-9.]+(?:e[-+]?[0-9]+)?`, not a number"
    r"|`(?:causes|venues)` (?:names `.*` twice|is not a list of different texts)"
    r"|`market\.\w+` and `averages\.\w+` are both given"
    r"|`new` is equal to `old`"
    r"|the event `.*` is dated ",
    re.DOTALL,
)


@schemathesis.serializer("application/x-ndjson")
def lines(_: schemathesis.SerializationContext, value: Any) -> bytes:
    """Return *value*, an event, as one line."""
    return json.dumps(value).encode()


@schemathesis.check
def valid_data_is_taken(
    ctx: schemathesis.CheckContext, response: schemathesis.Response, case: schemathesis.Case[Any]
) -> bool | None:
    """Check as Schemathesis does that what fits the document is taken, but for BEYOND."""
    if response.status_code == 400:
        found = response.json().get("errors", [])
        if found and all(BEYOND.match(one["what"]) for one in found):
            return None
    return positive_data_acceptance(ctx, response, case)
