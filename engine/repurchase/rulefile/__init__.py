"""Rule files: YAML text to an authorization and its cases, with a place for every message."""

from __future__ import annotations

from repurchase.rulefile.build import read, read_text
from repurchase.rulefile.cases import CASES, cases_path, read_cases, read_cases_text
from repurchase.rulefile.gaps import check_source, gaps
from repurchase.rulefile.nouns import Authorization, Case, Check, Option, Pack, Rule, Under
from repurchase.rulefile.packs import (
    PackText,
    instead,
    is_pack_file,
    kept,
    pack_alone,
    shipped_pack,
)
from repurchase.rulefile.parts import NO_CURRENCY
from repurchase.rulefile.reader import read_bytes
from repurchase.rulefile.schema import FORMAT, json_schema

__all__ = [
    "CASES",
    "FORMAT",
    "NO_CURRENCY",
    "Authorization",
    "Case",
    "Check",
    "Option",
    "Pack",
    "PackText",
    "Rule",
    "Under",
    "cases_path",
    "check_source",
    "gaps",
    "instead",
    "is_pack_file",
    "json_schema",
    "kept",
    "pack_alone",
    "read",
    "read_bytes",
    "read_cases",
    "read_cases_text",
    "read_text",
    "shipped_pack",
]
