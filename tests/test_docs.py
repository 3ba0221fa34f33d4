"""The documents tell the truth: tables, commands and options are those of the program."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import pytest

from repurchase.cli import commands
from repurchase.decision import Standing
from repurchase.errors import Problem
from repurchase.facts import TABLE, Fact
from repurchase.position import Fault
from repurchase.replay import RuleCount, Summary
from repurchase.rulefile.schema import OptionFields, PackFields, PackRuleFields, json_schema
from repurchase.wording import ENGINE, Worded, WordedDecision

ROOT = Path(__file__).parents[1]
MANUAL = (ROOT / "rules" / "README.md").read_text()
SOURCES = sorted((ROOT / "engine" / "repurchase").rglob("*.py"))
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


def table(heading: str) -> list[str]:
    """Return the rows of the manual's table that begins with *heading*."""
    return MANUAL[MANUAL.index(heading) :].split("\n\n")[0].splitlines()[2:]


def test_manual_lists_every_fact() -> None:
    """The table of facts in the manual is the table of facts in the program."""
    assert table("| fact | dimension |") == list(rows())


def test_manual_lists_every_finding_of_the_program() -> None:
    """What a decision or a case can name is in the manual, with the sentence of the program."""
    found = [f"| `{name}` | {said} |" for name, said in ENGINE.items()]
    assert table("| finding | meaning |") == found


def test_every_finding_of_the_program_has_a_sentence() -> None:
    """None is made under a name that has no words."""
    made = {
        name
        for module in SOURCES
        for name in re.findall(r'"(engine\.[a-z-]+)"', module.read_text(encoding="utf-8"))
    }
    assert made | {f"engine.{fault}" for fault in get_args(Fault)} == set(ENGINE)


def test_readme_names_every_field_of_an_answer() -> None:
    """Who reads JSON with a program finds each name of it in the README."""
    section = README[README.index("## Answers for programs") :].split("\n## ")[0]
    answers = (WordedDecision, Worded, Standing, Summary, RuleCount, Problem)
    names = {name for answer in answers for name in answer.__struct_fields__}
    assert {name for name in names if not re.search(rf'[`"]{name}[`"]', section)} == set()


@pytest.mark.parametrize(
    ("command", "code", "said"),
    [("check", 1, "2009-01-31 is after 2009-01-30"), ("replay", 0, "1,959,000 shares")],
)
def test_readme_shows_commands_that_work(
    tmp_path: Path, command: str, code: int, said: str
) -> None:
    """Pasted from the README, an example answers as the README says."""
    blocks = re.findall(r"```sh\n(.*?)```", README, re.DOTALL)
    asked = (one for one in blocks if f"repurchase {command} " in one)
    block = next(one for one in asked if "my-program" not in one)
    (tmp_path / "engine").symlink_to(ROOT / "engine")
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        block,
        shell=True,
        cwd=tmp_path,
        env={**os.environ, "PATH": path},
        capture_output=True,
        check=False,
    )
    assert (done.returncode, said in done.stdout.decode()) == (code, True), done.stderr.decode()


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
    assert {key for key in (*schema["properties"], *keys) if f"`{key}" not in MANUAL} == set()


def test_manual_names_every_key_of_a_pack() -> None:
    """Each key that a pack may have is in the manual."""
    fields = (PackFields, PackRuleFields, OptionFields)
    keys = {key.alias or name for one in fields for name, key in one.model_fields.items()}
    assert {key for key in keys if f"`{key}" not in MANUAL} == set()
