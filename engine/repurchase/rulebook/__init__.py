"""Rule files: YAML text to an authorization and its cases, with a place for every message."""

from __future__ import annotations

from repurchase.rulebook.build import read, read_text
from repurchase.rulebook.cases_file import CASES, cases_path, read_cases, read_cases_text
from repurchase.rulebook.lint import check_source, gaps
from repurchase.rulebook.model import Authorization, Case, Check, Option, Pack, Rule, Under
from repurchase.rulebook.packs import (
    PackText,
    instead,
    is_pack_file,
    kept,
    pack_alone,
    shipped_pack,
)
from repurchase.rulebook.parts import NO_CURRENCY
from repurchase.rulebook.schema import FORMAT, json_schema
from repurchase.rulebook.yaml_reader import read_bytes

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
