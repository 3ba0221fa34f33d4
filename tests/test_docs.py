"""The documents tell the truth: tables, commands and options are those of the program."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Final, get_args

import msgspec
import pytest

from repurchase.cli.main import commands
from repurchase.domain.decisions import EFFECTS, PositionReport
from repurchase.domain.errors import Problem
from repurchase.evaluation.wording import ENGINE, Worded, WordedDecision
from repurchase.facts.table import TABLE
from repurchase.ledger.trades import Fault
from repurchase.market.feed import CLOSE, KINDS
from repurchase.market.tape import QUOTE_FACTS, TAPE_FACTS
from repurchase.replay.run import RuleCount, Summary
from repurchase.replay.what_if import Changes, Direction, OtherFindings, RuleFindings
from repurchase.report.outcomes import ChangedOutcome
from repurchase.rulebook.library import pack_names
from repurchase.rulebook.schema import OPTION, PACK, PACK_RULE, json_schema
from scripts import script
from test_cli import order, run

ROOT = Path(__file__).parents[1]
MANUAL = (ROOT / "rules" / "README.md").read_text()
SOURCES = sorted((ROOT / "engine" / "repurchase").rglob("*.py"))
README = (ROOT / "README.md").read_text()
FORMATS = (ROOT / "docs" / "formats.md").read_text()


GENERATOR: Final = script("manual")


def cells(heading: str) -> list[list[str]]:
    """Return the rows of the manual's table that begins with *heading*, each as its cells."""
    rows = MANUAL[MANUAL.index(heading) :].split("\n\n")[0].splitlines()[2:]
    return [row.strip("| ").split(" | ") for row in rows]


def test_manual_has_the_tables_of_the_program() -> None:
    """`make manual` would change nothing: each table says what the program says."""
    assert GENERATOR.rewritten(MANUAL) == MANUAL
    proof = (ROOT / "docs" / "proof.md").read_text(encoding="utf-8")
    assert GENERATOR.rewritten(proof, GENERATOR.OF_PROOFS) == proof


@pytest.mark.parametrize("heading", GENERATOR.TABLES)
def test_table_that_is_wrong_is_written_anew(heading: str) -> None:
    """A row that is missing comes back, and a table that is missing is an error."""
    assert cells(heading)
    lines = MANUAL.splitlines(keepends=True)
    del lines[lines.index(f"{heading}\n") + 2]
    assert GENERATOR.rewritten("".join(lines)) == MANUAL
    with pytest.raises(ValueError, match="not found"):
        GENERATOR.rewritten(MANUAL.replace(heading, ""))


@pytest.mark.parametrize(
    ("heading", "names"),
    [
        ("| fact | dimension |", TABLE),
        ("| finding | meaning |", ENGINE),
        ("| pack | law |", pack_names()),
        ("| key of a file |", json_schema()["properties"]),
    ],
)
def test_manual_lists_every_name(heading: str, names: Iterable[str]) -> None:
    """What can be written, or met in a decision, has a row, in the order of the program."""
    assert [row[0] for row in cells(heading)] == [f"`{name}`" for name in names]


# -- the examples of the manual -------------------------------------------------------------------

FENCES: Final = re.findall(r"^```yaml\n(.*?)^```$", MANUAL, re.DOTALL | re.MULTILINE)
FILES: Final = {
    named[1]: fence for fence in FENCES if (named := re.match(r"# ([a-z.-]+\.yaml)\n", fence))
}


@pytest.fixture
def example(tmp_path: Path) -> Path:
    """Give a folder with the files of the manual's worked example."""
    for name, text in FILES.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    return tmp_path


def test_worked_example_is_what_the_manual_says(example: Path) -> None:
    """Its files are sound, also the pack alone, and all its cases pass."""
    names = ["acme.cases.yaml", "acme.yaml", "my-desk.cases.yaml", "my-desk.yaml"]
    assert sorted(FILES) == names
    linted = run("lint", "acme.yaml", "my-desk.yaml", cwd=example)
    assert linted == (0, "", "2 files have no errors or gaps\n")
    assert run("test", "acme.yaml", cwd=example) == (0, "", "3 of 3 cases pass\n")
    assert run("test", "my-desk.yaml", cwd=example) == (0, "", "2 of 2 cases pass\n")
    assert run("explain", "./my-desk.yaml", "size", cwd=example).code == 0


@pytest.mark.parametrize(
    ("more", "known_at", "stopped"),
    [
        (1000, [], {"my-desk.size": "fail"}),
        (300, [], {}),
        (300, ["--known-at", "2008-12-20"], {}),
        (
            300,
            ["--known-at", "2008-12-19"],
            {"share-cap": "fail", "my-desk.size": "indeterminate"},
        ),
    ],
)
def test_editions_of_the_worked_example_are_those_of_the_manual(
    example: Path, more: int, known_at: list[str], stopped: dict[str, str]
) -> None:
    """The amendment counts from the day on which it is known, and no old figure in its place."""
    asked = order(date="2009-01-05", symbol="3774", quantity=more, price=1000)
    arguments = ("check", "--rules", "acme.yaml", "--event", "-", "--json", *known_at)
    used = ("--brought-forward", f"{5000 - more},1000")
    findings = run(*arguments, *used, stdin=asked, cwd=example).json["findings"]
    results = {one["rule"]: one["result"] for one in findings}
    assert {name: result for name, result in results.items() if result != "pass"} == stopped


def test_option_of_the_worked_example_is_off_until_it_is_named(example: Path) -> None:
    """The line that the manual shows turns it on."""
    line = "include: [{pack: ./my-desk, options: [calm]}]"
    assert f"`{line}`" in MANUAL
    assert "Option calm is off" in run("explain", "acme.yaml", cwd=example).out
    (example / "acme.yaml").write_text(FILES["acme.yaml"].replace("include: [./my-desk]", line))
    assert "Option calm is on" in run("explain", "acme.yaml", cwd=example).out


@pytest.mark.parametrize(
    "fence", [one for one in FENCES if one not in FILES.values()], ids=lambda one: one.split()[0]
)
def test_part_of_a_file_in_the_manual_loads(example: Path, fence: str) -> None:
    """What is shown of a file, and is none, can stand in one."""
    begun = FILES["acme.yaml"].split("terms:\n")[0]
    figures = {
        "max_shares": "4,000 shares",
        "max_amount": "JPY 400,000,000",
        "shares_outstanding": "206,478 shares",
    }
    each = (f'  {name}: {{value: "{value}"}}\n' for name, value in figures.items())
    terms = "".join(("terms:\n", *each))
    if fence.lstrip().startswith("-"):
        terms = f"{terms}rules:\n"
    elif not fence.startswith(("counters:", "announced:")):
        terms = "terms:\n"
    (example / "part.yaml").write_text(begun + terms + fence)
    assert run("explain", "part.yaml", cwd=example).code == 0


@pytest.mark.parametrize("effect", EFFECTS)
def test_effects_are_those_of_the_manual(tmp_path: Path, effect: str) -> None:
    """A rule that fails, and one that cannot be decided, come to what the table says."""
    (row,) = (row for row in cells("| effect | if") if row[0] == f"`{effect}`")
    for column, condition in ((1, "trade.units < 1"), (2, "market.minutes_to_close > 1")):
        text = FILES["acme.yaml"].replace("include: [./my-desk]\n", "").split("rules:\n")[0]
        rule = f"rules: [{{id: one, effect: {effect}, require: {condition}}}]\n"
        (tmp_path / "acme.yaml").write_text(text + rule)
        asked = order(date="2009-01-05", symbol="3774")
        arguments = ("check", "--rules", "acme.yaml", "--event", "-", "--json")
        answer = run(*arguments, stdin=asked, cwd=tmp_path).json
        (finding,) = answer["findings"]
        assert finding["result"] == {1: "fail", 2: "indeterminate"}[column]
        assert row[column].split(",")[0] == f"`{answer['outcome']}`"


# -- files, findings and answers ------------------------------------------------------------------


def test_manual_lists_every_file_of_the_market_with_its_columns() -> None:
    """The table of the files is that of the program, and each fact from outside has its file."""
    found = cells("| file | columns |")
    columns = {
        name: (re.findall("`(.*?)`", a), re.findall("`(.*?)`", b)) for name, a, b, _ in found
    }
    assert columns == {kind.name: (list(kind.needed), list(kind.optional)) for kind in KINDS}
    given = {name: set(re.findall("`(.*?)`", facts)) for name, *_, facts in found}
    issuer = {f"issuer.{column}" for column in KINDS[-1].optional}
    bars, trades, quotes = {CLOSE}, set(TAPE_FACTS), set(QUOTE_FACTS)
    assert list(given.values()) == [bars, trades, quotes, issuer]
    outside = {name for name in TABLE if name.startswith(("market.", "issuer."))}
    minutes = {"market.minutes_from_open", "market.minutes_to_close"}
    assert bars | trades | quotes | issuer | minutes == outside


def test_every_finding_of_the_program_has_a_sentence() -> None:
    """None is made under a name that has no words."""
    made = {
        name
        for module in SOURCES
        for name in re.findall(r'"(engine\.[a-z-]+)"', module.read_text(encoding="utf-8"))
    }
    assert made | {f"engine.{fault}" for fault in get_args(Fault)} == set(ENGINE)


def test_every_field_of_an_answer_is_documented() -> None:
    """A programmer who reads the JSON finds each of its names on the page of formats."""
    section = FORMATS[FORMATS.index("## Answers in JSON") :].split("\n## ")[0]
    answers: tuple[type[msgspec.Struct], ...] = (
        *(WordedDecision, Worded, PositionReport, Summary, RuleCount, Problem),
        *(Changes, Direction, OtherFindings, RuleFindings, ChangedOutcome),
    )
    names = {name for answer in answers for name in answer.__struct_fields__}
    assert {name for name in names if not re.search(rf'[`"]{name}[`"]', section)} == set()


@pytest.mark.parametrize(
    ("command", "code", "said"),
    [
        ("check", 1, "on 2009-01-31 in Tokyo, one day after the last day, 2009-01-30"),
        ("replay", 0, "1,959,000 shares"),
    ],
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
    named = set(
        re.findall(r"(?:`|^ *)repurchase ([a-z-]+)", README + MANUAL + FORMATS, re.MULTILINE)
    )
    assert len(named) > 10
    assert named <= {*commands.commands}


def test_readme_names_no_option_that_is_not() -> None:
    """Each long option in the documents is one of some command."""
    known = {
        option
        for command in commands.commands.values()
        for one in (command, *getattr(command, "commands", {}).values())
        for parameter in one.params
        for option in parameter.opts
    }
    assert set(re.findall(r"--[a-z0-9-]{2,}", README + MANUAL + FORMATS)) <= known


def test_manual_names_every_key_of_a_rule() -> None:
    """Each key that a rule file and a rule may have is in the manual."""
    schema = json_schema()
    keys = {key for part in schema["$defs"].values() for key in part.get("properties", ())}
    assert {key for key in (*schema["properties"], *keys) if f"`{key}" not in MANUAL} == set()


def test_manual_names_every_key_of_a_pack() -> None:
    """Each key that a pack may have is in the manual."""
    keys = {key.name for table in (PACK, PACK_RULE, OPTION) for key in table.keys}
    assert {key for key in keys if f"`{key}" not in MANUAL} == set()
