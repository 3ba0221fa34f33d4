"""Rule files: YAML text to an authorization and its cases, with a place for every message."""

from __future__ import annotations

from repurchase.rulefile.build import read, read_text
from repurchase.rulefile.cases import CASES, cases_path, read_cases, read_cases_text
from repurchase.rulefile.gaps import check_source, gaps
from repurchase.rulefile.nouns import Authorization, Case, Check, Option, Pack, Rule
from repurchase.rulefile.packs import PackText, kept, shipped_pack
from repurchase.rulefile.schema import FORMAT, json_schema

__all__ = [
    "CASES",
    "FORMAT",
    "Authorization",
    "Case",
    "Check",
    "Option",
    "Pack",
    "PackText",
    "Rule",
    "cases_path",
    "check_source",
    "gaps",
    "json_schema",
    "kept",
    "read",
    "read_cases",
    "read_cases_text",
    "read_text",
    "shipped_pack",
]
