"""The documents tell the truth: tables, commands and options are those of the program."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from repurchase.cli import commands
from repurchase.facts import TABLE, Fact
from repurchase.rulefile.schema import json_schema

ROOT = Path(__file__).parents[1]
MANUAL = (ROOT / "rules" / "README.md").read_text()
README = (ROOT / "README.md").read_text()


def rows() -> Iterator[str]:
    """Yield the rows that the manual's table of facts must have."""
    for fact in TABLE.values():
        given = ", ".join(f"`{name}`" for name in fact.given_by)
        yield f"| `{fact.name}` | {dimension(fact)} | {fact.meaning} | {given} |"


def dimension(fact: Fact) -> str:
    """Return how the manual calls the dimension of *fact*."""
    kind = fact.dimension.kind
    return f"{kind}, program currency" if fact.dimension.currency == "program" else kind


def test_manual_lists_every_fact() -> None:
    """The table of facts in the manual is the table of facts in the program."""
    table = MANUAL[MANUAL.index("| fact | dimension |") :].splitlines()
    assert table[2:] == list(rows())


@pytest.mark.parametrize("name", sorted(commands.commands))
def test_readme_or_help_shows_every_command(name: str) -> None:
    """Every command is in the README, and its help says what it does."""
    assert f"repurchase {name}" in README or f"`{name}`" in README
    assert commands.commands[name].help


def test_readme_names_no_command_that_is_not() -> None:
    """Each `repurchase NAME` of the documents is a command."""
    named = set(re.findall(r"repurchase ([a-z-]+)", README + MANUAL))
    assert named <= {*commands.commands, "checker"}


def test_readme_names_no_option_that_is_not() -> None:
    """Each long option in the documents is one of some command."""
    known = {
        option
        for command in commands.commands.values()
        for parameter in command.params
        for option in parameter.opts
    }
    assert set(re.findall(r"--[a-z-]{2,}", README + MANUAL)) <= known


def test_manual_names_every_key_of_a_rule() -> None:
    """Each key that a rule file and a rule may have is in the manual."""
    schema = json_schema()
    keys = {key for part in schema["$defs"].values() for key in part.get("properties", ())}
    assert {key for key in (*schema["properties"], *keys) if f"`{key}" not in MANUAL} <= {"include"}
