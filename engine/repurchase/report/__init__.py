"""What people read of decisions: JSON for programs, tables and bars for a terminal.

Text from files and events is shown as plain text: never as markup, control characters escaped.
"""

from __future__ import annotations

from repurchase.report.decisions import decision_view
from repurchase.report.explained import (
    authorization_view,
    fact_view,
    own_finding_view,
    pack_view,
    views_of,
)
from repurchase.report.headroom import headroom_json, headroom_view
from repurchase.report.programs import (
    adoption_view,
    adoptions_view,
    position_view,
    story_json,
    story_view,
    unadopted_view,
    verified_view,
)
from repurchase.report.summaries import Denials, bar, summary_view
from repurchase.report.written import (
    DecisionsFile,
    WholeFile,
    decided_json,
    json_text,
    problems_json,
)

__all__ = [
    "DecisionsFile",
    "Denials",
    "WholeFile",
    "adoption_view",
    "adoptions_view",
    "authorization_view",
    "bar",
    "decided_json",
    "decision_view",
    "fact_view",
    "headroom_json",
    "headroom_view",
    "json_text",
    "own_finding_view",
    "pack_view",
    "position_view",
    "problems_json",
    "story_json",
    "story_view",
    "summary_view",
    "unadopted_view",
    "verified_view",
    "views_of",
]
