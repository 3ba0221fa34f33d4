"""What a repository of rule files uses: folders, formats for CI services, and git revisions."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
from pathlib import Path
from typing import Final
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from repurchase.domain.errors import Problem
from repurchase.report.checked import Checked, Level, github_lines, junit_text
from repurchase.rulebook.library import sample_path
from test_cli import COMMAND, run

STARTER: Final = sample_path("starter.yaml").read_text(encoding="utf-8")
STARTER_CASES: Final = sample_path("starter.cases.yaml").read_text(encoding="utf-8")
PACK: Final = """\
repurchase: 1
pack: desk
title: Limits of the desk
limits:
  largest: {value: "1,000,000"}
rules:
  - {id: size, require: trade.units <= limits.largest}
"""
WITH_PACK: Final = STARTER.replace("rules:\n", "include: [./desk]\nrules:\n", 1)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with `rules/`: a rule file with its cases and its pack, and another file."""
    rules = tmp_path / "rules"
    (rules / "more").mkdir(parents=True)
    (rules / "program.yaml").write_text(WITH_PACK, encoding="utf-8")
    (rules / "program.cases.yaml").write_text(STARTER_CASES, encoding="utf-8")
    (rules / "desk.yaml").write_text(PACK, encoding="utf-8")
    (rules / "more" / "second.yaml").write_text(STARTER, encoding="utf-8")
    (rules / "settings.yaml").write_text("colour: green\n", encoding="utf-8")
    return tmp_path


# -- folders --------------------------------------------------------------------------------------


def test_folder_stands_for_its_rule_files_packs_and_cases(folder: Path) -> None:
    """Each is read as what it is, also below; other YAML is named and left out."""
    ended = run("lint", "rules", cwd=folder)
    skipped = "skipped, neither a rule file nor a pack nor cases: rules/settings.yaml"
    assert (ended.code, ended.lines) == (0, [skipped, "4 files have no errors or gaps"])


@pytest.mark.parametrize(
    ("name", "before", "after", "said"),
    [
        ("program.yaml", "terms:", "term:", "unknown key `term`"),
        ("program.cases.yaml", "expect: approved", "expect: allowed", "`allowed`"),
        ("desk.yaml", "rules:", "rulez:", "unknown key `rulez`"),
        ("more/second.yaml", "require:", "require", ""),
    ],
)
def test_fault_of_any_file_of_a_folder_is_found(
    folder: Path, name: str, before: str, after: str, said: str
) -> None:
    """A file that is not YAML any more, or is no rule file any more, does not go unseen."""
    path = folder / "rules" / name
    text = path.read_text(encoding="utf-8")
    assert before in text
    path.write_text(text.replace(before, after, 1), encoding="utf-8")
    ended = run("lint", "rules", cwd=folder)
    found = [line for line in ended.lines if line.startswith(f"rules/{name}:") and said in line]
    assert (ended.code, bool(found)) == (1, True), ended.err


INDENTED: Final = "".join(f"  {line}" for line in STARTER.splitlines(keepends=True))


@pytest.mark.parametrize(
    "data",
    [
        INDENTED.encode(),
        STARTER.replace("repurchase: 1", '"repurchase": 1').encode(),
        b"# a comment\n\n---\n" + STARTER.encode(),
        STARTER.encode().replace(b"\n", b"\r\n"),
        json.dumps({"repurchase": 1, "authorization": "a"}, indent=4).encode(),
        b'{"authorization": a}',
        STARTER.encode("utf-16"),
        STARTER.encode("utf-8-sig"),
        b"authorization: [",
        b"pack: one\nauthorization: two\n",
    ],
)
def test_rule_file_is_found_however_it_is_written(tmp_path: Path, data: bytes) -> None:
    """`lint` reads it in a folder as by its name, and `diff` takes it for no pack."""
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "a.yml").write_bytes(data)
    (tmp_path / "rules" / "b.yaml").write_text("jobs:\n  pack: {run: x}\n", encoding="utf-8")
    named, found = (run("lint", name, cwd=tmp_path) for name in ("rules/a.yml", "rules"))
    assert (found.code, found.lines[1:]) == (named.code, named.lines)
    compared = run("diff", "--git", "HEAD", "rules", cwd=tmp_path)
    assert "there is no rule file here" not in compared.err


@pytest.mark.parametrize("command", ["lint", "test"])
def test_cases_named_by_hand_are_read_as_cases(folder: Path, command: str) -> None:
    """Who passes every changed file passes cases too."""
    assert run(command, "rules/program.cases.yaml", cwd=folder).code == 0
    path = folder / "rules" / "program.cases.yaml"
    path.write_text(STARTER_CASES + "  - {name: nothing}\n", encoding="utf-8")
    ended = run(command, "rules/program.cases.yaml", cwd=folder)
    assert ended.code == {"lint": 1, "test": 2}[command]
    assert "the key `event` is missing" in ended.err


def test_cases_of_a_folder_are_tested_once(folder: Path) -> None:
    """A folder, a file in it and its cases name the same cases."""
    names = ("rules", "rules/program.yaml", "rules/program.cases.yaml")
    once = run("test", "rules/program.yaml", cwd=folder)
    assert (once.code, run("test", *names, cwd=folder).lines[1:]) == (0, once.lines)


@pytest.mark.parametrize("name", [".hidden", "more"])
def test_folder_without_one_of_ours_is_an_error(tmp_path: Path, name: str) -> None:
    """A name that is misspelt or a folder that was moved is no success."""
    (tmp_path / "rules" / name).mkdir(parents=True)
    (tmp_path / "rules" / "a.yaml").write_text("colour: green\n", encoding="utf-8")
    if name == ".hidden":
        (tmp_path / "rules" / name / "b.yaml").write_text(STARTER, encoding="utf-8")
    said = "rules: the folder has no rule file, pack or cases file; name another folder, or a file"
    assert run("lint", "rules", cwd=tmp_path) == (2, "", f"{said}\n")


@pytest.mark.parametrize("command", ["lint", "test"])
def test_shipped_name_is_no_folder(tmp_path: Path, command: str) -> None:
    """A folder that has the name of a shipped file takes nothing away from it."""
    (tmp_path / "uk").mkdir()
    assert run(command, "uk", cwd=tmp_path).code == 0


def test_folder_that_cannot_be_read_is_an_error(folder: Path) -> None:
    """What is in it is not guessed at."""
    (folder / "rules" / "more").chmod(0)
    ended = run("lint", "rules", cwd=folder)
    (folder / "rules" / "more").chmod(0o700)
    assert (ended.code, ended.lines) == (
        2,
        ["rules/more: the folder cannot be read: permission denied"],
    )


# -- formats --------------------------------------------------------------------------------------

ANNOTATION: Final = re.compile(r"::(error|notice|warning) ?([^:]*)::(.*)")


def annotated(text: str) -> list[tuple[str, dict[str, str], str]]:
    """Return the workflow commands in *text*, read back as GitHub reads them."""
    found = []
    for line in text.splitlines():
        matched = ANNOTATION.fullmatch(line)
        assert matched is not None, line
        pairs = (pair.split("=", 1) for pair in matched[2].split(",") if pair)
        properties = {name: unescaped(value) for name, value in pairs}
        found.append((matched[1], properties, unescaped(matched[3])))
    return found


def unescaped(text: str) -> str:
    for code, letter in (("%0D", "\r"), ("%0A", "\n"), ("%3A", ":"), ("%2C", ","), ("%25", "%")):
        text = text.replace(code, letter)
    return text


def suites(text: str) -> dict[str, dict[str, list[str]]]:
    """Return each suite of the JUnit XML *text*: its cases, each with what is within it."""
    found: dict[str, dict[str, list[str]]] = {}
    for suite in ElementTree.fromstring(text):
        cases = found.setdefault(suite.attrib["name"], {})
        for case in suite:
            cases[case.attrib["name"]] = [one.tag for one in case]
        tags = [tag for within in cases.values() for tag in within]
        assert suite.attrib["tests"] == str(len(suite))
        assert suite.attrib["failures"] == str(tags.count("failure"))
        assert suite.attrib["errors"] == str(tags.count("error"))
    return found


def test_lint_annotates_the_line_of_a_fault(folder: Path) -> None:
    """GitHub shows the message beside the line of the file."""
    path = folder / "rules" / "program.yaml"
    path.write_text(WITH_PACK.replace("terms.max_shares", "terms.max_share"), encoding="utf-8")
    plain = run("lint", "rules", cwd=folder)
    ended = run("lint", "rules", "--format", "github", cwd=folder)
    found = annotated(ended.out)
    expected = [line for line in plain.lines if line.startswith("rules/")]
    assert (ended.code, plain.code) == (1, 1)
    assert [
        f"{at['file']}:{at['line']}:{at['col']}: {said.removeprefix('rules/program.yaml: ')}"
        for _, at, said in found
    ] == expected


def test_lint_writes_a_case_for_each_file(folder: Path) -> None:
    """A reader of JUnit shows what passes as well, and what could not be read as an error."""
    (folder / "rules" / "desk.yaml").write_text(PACK.replace("rules:", "rulez:"), encoding="utf-8")
    ended = run("lint", "rules", "none.yaml", "--format", "junit", cwd=folder)
    assert ended.code == 2
    assert suites(ended.out) == {
        "rules/desk.yaml": {"rules/desk.yaml": ["failure"]},
        "rules/program.cases.yaml": {"rules/program.cases.yaml": []},
        "rules/program.yaml": {"rules/program.yaml": ["failure"]},
        "rules/more/second.yaml": {"rules/more/second.yaml": []},
        "none.yaml": {"none.yaml": ["error"]},
    }


def test_test_writes_a_case_for_each_case(folder: Path) -> None:
    """The case that fails has its line, and the others pass."""
    path = folder / "rules" / "program.cases.yaml"
    path.write_text(STARTER_CASES.replace("expect: approved", "expect: held", 1), encoding="utf-8")
    ended = run("test", "rules", "--format", "junit", cwd=folder)
    ((name, cases),) = suites(ended.out).items()
    failing = [case for case, within in cases.items() if within]
    assert (ended.code, name, len(failing)) == (1, "rules/program.cases.yaml", 1)
    ((level, at, said),) = annotated(run("test", "rules", "--format", "github", cwd=folder).out)
    assert (level, at["file"]) == ("error", "rules/program.cases.yaml")
    assert failing[0] in path.read_text(encoding="utf-8").splitlines()[int(at["line"]) - 1]
    assert said == f"{failing[0]}: expected held, got approved"


@pytest.mark.slow
def test_mutants_that_survive_are_failures(folder: Path) -> None:
    """A mutant is a check of its own, at the place that was changed."""
    cases = "  - name".join(STARTER_CASES.split("  - name")[:2])
    (folder / "rules" / "program.cases.yaml").write_text(cases, encoding="utf-8")
    ended = run("test", "rules/program.yaml", "--mutate", "--format", "github", cwd=folder)
    found = annotated(ended.out)
    as_json = run("test", "rules/program.yaml", "--mutate", "--json", cwd=folder).json
    assert ended.code == 1
    assert [(at["line"], at["col"]) for _, at, _ in found] == [
        (str(one["line"]), str(one["column"])) for one in as_json["survived"]
    ]


@pytest.mark.parametrize("command", ["lint", "test", "diff"])
def test_error_is_written_in_the_format_too(tmp_path: Path, command: str) -> None:
    """A job that reads the report learns why there is no answer."""
    for form, read in (("github", annotated), ("junit", suites)):
        ended = run(command, "--format", form, cwd=tmp_path)
        assert (ended.code, bool(read(ended.out)), bool(ended.err)) == (2, True, True)


@pytest.mark.parametrize("command", ["lint", "test", "diff"])
def test_two_formats_at_once_are_refused(tmp_path: Path, command: str) -> None:
    """JSON is one answer and a report another."""
    ended = run(command, "--json", "--format", "junit", cwd=tmp_path)
    assert "`--json` and `--format junit` exclude each other" in ended.json["errors"][0]["what"]


LETTERS: Final = st.one_of(
    st.sampled_from("a:,%=\n\r\t\0\x1b\x7f\u2028\u202e\ud800\ufffe<>&'\"[]-!é日🙂"),
    st.characters(),
)
HOSTILE: Final = st.text(LETTERS, max_size=30) | st.sampled_from(
    ["::error::x", "a\n::set-env name=A::b", "]]>", "%0A::error::", "##[error]x"]
)
PROBLEMS: Final = st.builds(
    Problem,
    HOSTILE,
    st.none() | HOSTILE,
    st.none() | HOSTILE,
    st.none() | st.integers(0, 9),
    st.none() | st.integers(0, 9),
)
LEVELS: Final[tuple[Level, ...]] = ("failure", "error", "notice")
CHECKS: Final = st.lists(
    st.builds(
        Checked,
        HOSTILE,
        HOSTILE,
        st.none() | st.integers(0, 9),
        st.lists(PROBLEMS, max_size=3).map(tuple),
        st.sampled_from(LEVELS),
    ),
    max_size=4,
)


def printable(text: str) -> str:
    """Return *text* as messages show it: what cannot be seen is escaped."""
    return "".join(
        one if one.isprintable() else one.encode("unicode_escape").decode() for one in text
    )


@given(CHECKS)
def test_hostile_text_stays_within_its_annotation(checks: list[Checked]) -> None:
    """Every line is one command, and GitHub reads back the very texts."""
    lines = list(github_lines(checks))
    assert all(line.isprintable() for line in lines)
    problems = [
        (one, problem)
        for is_notice in (False, True)
        for one in checks
        if (one.level == "notice") == is_notice
        for problem in one.problems
    ]
    found = annotated("\n".join(lines))
    assert len(found) == len(problems)
    for (command, at, said), (one, problem) in zip(found, problems, strict=True):
        assert command == ("notice" if one.level == "notice" else "error")
        assert at.get("file", "") == printable(problem.file or "")
        assert at.get("line", "0") == str(problem.line or 0)
        hint = f"; {problem.hint}" if problem.hint else ""
        assert said == printable(f"{one.name}: {problem.what}{hint}")


@given(CHECKS)
def test_hostile_text_stays_within_its_element(checks: list[Checked]) -> None:
    """The XML is well formed, and a reader gets back every name and the number of each sort."""
    top = ElementTree.fromstring(junit_text(checks))
    cases = [case for suite in top for case in suite]
    assert len(cases) == len(checks)
    names = sorted((printable(one.suite), printable(one.name)) for one in checks)
    assert sorted((case.attrib["classname"], case.attrib["name"]) for case in cases) == names
    tags = sorted(one.tag for case in cases for one in case)
    levels = [{"notice": "system-out"}.get(one.level, one.level) for one in checks if one.problems]
    assert tags == sorted(levels)


# -- git ------------------------------------------------------------------------------------------

CAP: Final = "100,000 shares"
LARGER: Final = WITH_PACK.replace(CAP, "200,000 shares")
OTHER: Final = STARTER.replace("authorization: ", "authorization: other-", 1)
SMALLER: Final = WITH_PACK.replace(CAP, "50,000 shares")


def git(folder: Path, *arguments: str) -> str:
    """Run git as nobody in particular, whatever this machine's own settings are."""
    done = subprocess.run(
        ["git", *("-c", "user.name=a", "-c", "user.email=a@b"), *arguments],
        cwd=folder,
        env={**os.environ, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"},
        capture_output=True,
        check=True,
    )
    return done.stdout.decode()


@pytest.fixture
def repository(folder: Path) -> Path:
    """Return a git repository with one commit of the folder."""
    assert CAP in WITH_PACK
    git(folder, "init", "--quiet", "--initial-branch=main")
    git(folder, "add", ".")
    git(folder, "commit", "--quiet", "--message=one")
    return folder


def edit(repository: Path, text: str, name: str = "program.yaml") -> None:
    (repository / "rules" / name).write_text(text, encoding="utf-8")


@pytest.mark.slow
def test_edit_is_compared_with_the_revision(repository: Path) -> None:
    """What is not committed is compared with what is, and called by revision and path."""
    edit(repository, LARGER)
    ended = run("diff", "--git", "HEAD", "rules/program.yaml", cwd=repository)
    assert (ended.code, ended.lines) == (
        1,
        ["rules/program.yaml is compared with HEAD:rules/program.yaml"],
    )
    assert "HEAD:rules/program.yaml denies it: HEAD:rules/program.yaml:" in ended.out
    edit(repository, SMALLER)
    assert run("diff", "--git", "HEAD", "rules/program.yaml", cwd=repository).code == 0


@pytest.mark.slow
def test_packs_are_those_of_the_revision(repository: Path) -> None:
    """An edit of a pack alone is found, by each rule file that includes it."""
    edit(repository, PACK.replace("1,000,000", "50"), "desk.yaml")
    ended = run("diff", "--git", "main", "program.yaml", "--json", cwd=repository / "rules")
    (one,) = ended.json["files"]
    assert (one["file"], one["old"]) == ("program.yaml", "main:rules/program.yaml")
    assert (ended.code, one["verdict"]) == (0, "tighter")
    assert [each["name"] for each in one["changed"]] == ["desk.limits.largest"]


@pytest.mark.slow
def test_folder_is_compared_file_by_file(repository: Path) -> None:
    """The worst of its rule files counts; packs and cases have nothing to compare by themselves."""
    edit(repository, LARGER)
    ended = run("diff", "--git", "HEAD", "rules", "--format", "junit", cwd=repository)
    found = suites(ended.out)
    assert (ended.code, list(found)) == (1, ["rules/program.yaml", "rules/more/second.yaml"])
    assert found["rules/program.yaml"]["order"] == ["failure"]
    assert {tag for tags in found["rules/more/second.yaml"].values() for tag in tags} == set()


@pytest.mark.slow
def test_looser_edit_is_annotated_at_its_rule(repository: Path) -> None:
    """GitHub shows the sentence beside the rule that approves more now."""
    edit(repository, LARGER)
    ended = run("diff", "--git", "HEAD", "rules/program.yaml", "--format", "github", cwd=repository)
    level, at, said = annotated(ended.out)[0]
    line = LARGER.splitlines()[int(at["line"]) - 1]
    assert (level, at["file"], "share-cap" in line) == ("error", "rules/program.yaml", True)
    assert said.startswith("order: looser: rules/program.yaml approves order o-1 (buy")
    edit(repository, SMALLER)
    ended = run("diff", "--git", "HEAD", "rules/program.yaml", "--format", "github", cwd=repository)
    assert {level for level, _, _ in annotated(ended.out)} == {"notice"}


@pytest.mark.slow
def test_file_that_is_new_is_proved(repository: Path) -> None:
    """There is nothing to compare it with, so it must hold by itself."""
    edit(repository, OTHER, "new.yaml")
    ended = run("diff", "--git", "HEAD", "rules/new.yaml", cwd=repository)
    said = "rules/new.yaml is new since HEAD: there is nothing to compare, so it is proved"
    assert (ended.code, ended.lines, "PROVED by" in ended.out) == (0, [said], True)
    edit(repository, OTHER.replace("trade.side == buy", "trade.units > 0"), "new.yaml")
    ended = run("diff", "--git", "HEAD", "rules/new.yaml", "--format", "junit", cwd=repository)
    found = suites(ended.out)["rules/new.yaml"]
    kept = found["prove program.shares_after by share-cap"]
    assert (ended.code, found["prove buys"], kept) == (1, ["failure"], [])


@pytest.mark.slow
def test_file_that_was_renamed_is_compared_with_what_it_was(repository: Path) -> None:
    """A new name makes no new file."""
    git(repository, "mv", "rules/more/second.yaml", "rules/third.yaml")
    path = repository / "rules" / "third.yaml"
    path.write_text(STARTER.replace(CAP, "100,001 shares"), encoding="utf-8")
    ended = run("diff", "--git", "HEAD", "rules/third.yaml", cwd=repository)
    said = "rules/third.yaml was renamed; it is compared with HEAD:rules/more/second.yaml"
    assert (ended.code, ended.lines) == (1, [said])


@pytest.mark.slow
@pytest.mark.parametrize(
    "text",
    [
        LARGER,
        # So much is new that git does not take it for the same file.
        "".join(f"# A remark of some length, number {n}.\n" for n in range(400)) + LARGER,
    ],
    ids=["moved", "rewritten"],
)
def test_new_name_does_not_hide_an_edit(repository: Path, text: str) -> None:
    """The file that had the authorization is the one to compare with, whatever git knows of it."""
    (repository / "rules" / "program.yaml").unlink()
    edit(repository, text, "third.yaml")
    ended = run("diff", "--git", "HEAD", "rules/third.yaml", cwd=repository)
    said = "rules/third.yaml was renamed; it is compared with HEAD:rules/program.yaml"
    assert (ended.code, ended.lines) == (1, [said])


@pytest.mark.slow
def test_new_name_is_compared_with_the_only_file_of_its_authorization(repository: Path) -> None:
    """A looser copy beside the file is compared with it, and so is one of a broken file."""
    edit(repository, OTHER, "other.yaml")
    git(repository, "add", ".")
    git(repository, "commit", "--quiet", "--message=two")
    edit(repository, OTHER.replace(CAP, "200,000 shares"), "copy.yaml")
    ended = run("diff", "--git", "HEAD", "rules/copy.yaml", cwd=repository)
    said = "rules/copy.yaml was renamed; it is compared with HEAD:rules/other.yaml"
    assert (ended.code, ended.lines) == (1, [said])
    edit(repository, f"{OTHER}  - [\n", "other.yaml")
    git(repository, "add", "rules/other.yaml")
    git(repository, "commit", "--quiet", "--message=three")
    ended = run("diff", "--git", "HEAD", "rules/copy.yaml", cwd=repository)
    assert (ended.code, "HEAD:rules/other.yaml:" in ended.err) == (2, True), ended.err


def test_new_name_of_one_of_several_files_is_not_guessed(repository: Path) -> None:
    """Two files of the authorization are there still: neither is taken for the old version."""
    edit(repository, LARGER, "third.yaml")
    ended = run("diff", "--git", "HEAD", "rules/third.yaml", "--json", cwd=repository)
    (error,) = ended.json["files"][0]["errors"]
    assert (ended.code, error["what"].split(": ")[1]) == (
        2,
        "rules/more/second.yaml, rules/program.yaml",
    )


def test_deleted_rule_file_is_remarked(repository: Path) -> None:
    """What is gone is not approved in silence; the old name of a renamed file is not gone."""
    (repository / "rules" / "more" / "second.yaml").unlink()
    (repository / "rules" / "program.cases.yaml").unlink()
    said = (
        "rules/more/second.yaml was deleted since HEAD: "
        "nothing is compared with HEAD:rules/more/second.yaml"
    )
    ended = run("diff", "--git", "HEAD", "rules", cwd=repository)
    compared = "rules/program.yaml is compared with HEAD:rules/program.yaml"
    assert (ended.code, ended.lines[1:]) == (0, [compared, said])
    below = run("diff", "--git", "HEAD", ".", cwd=repository / "rules")
    assert below.lines[-1] == said.replace("rules/", "", 1)
    git(repository, "checkout", "--quiet", "rules/more/second.yaml")
    (repository / "rules" / "more" / "second.yaml").rename(repository / "rules" / "third.yaml")
    ended = run("diff", "--git", "HEAD", "rules", cwd=repository)
    assert (ended.code, "deleted" in ended.err) == (0, False)


@pytest.mark.slow
def test_link_is_followed_at_the_revision(repository: Path) -> None:
    """What a link led to then is compared with what it leads to now."""
    (repository / "rules" / "link.yaml").symlink_to("more/second.yaml")
    git(repository, "add", ".")
    git(repository, "commit", "--quiet", "--message=two")
    edit(repository, STARTER.replace(CAP, "100,001 shares"), "more/second.yaml")
    assert run("diff", "--git", "HEAD", "rules/link.yaml", cwd=repository).code == 1


@pytest.mark.slow
def test_error_of_one_file_keeps_nobody_from_hearing_of_others(repository: Path) -> None:
    """The answer to each is there, and the exit code is the highest."""
    edit(repository, LARGER)
    edit(repository, "repurchase: 1\n", "broken.yaml")
    names = ("rules/broken.yaml", "rules/program.yaml")
    ended = run("diff", "--git", "HEAD", *names, "--json", cwd=repository)
    broken, program = ended.json["files"]
    assert (ended.code, program["verdict"]) == (2, "looser")
    assert [one["what"] for one in broken["errors"]] == [
        line.removeprefix("rules/broken.yaml:1:1: ").split("; ")[0]
        for line in ended.lines
        if line.startswith("rules/broken.yaml:1:1: ")
    ]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--git", "HEAD"], "no file is named; write repurchase diff --git HEAD FILE"),
        (["--git", "--output=x", "rules/program.yaml"], "`--output=x` is not a git revision"),
        (["--git", "", "rules/program.yaml"], "`` is not a git revision"),
        (["--git", "none", "rules/program.yaml"], "`none` is not a git revision of "),
        (["--git", "HEAD:rules", "rules/program.yaml"], "`HEAD:rules` is not a git revision"),
        (["--git", "HEAD..HEAD", "rules/program.yaml"], "`HEAD..HEAD` is not a git revision of "),
        (["--git", "HEAD", "rules/none.yaml"], "the file does not exist"),
        (["--git", "HEAD", "rules/desk.yaml"], "there is no rule file here; name the rule files"),
        (["--git", "HEAD", "rules/program.cases.yaml"], "there is no rule file here; name one"),
        (["rules/program.yaml"], "1 file is named, but `diff` compares two"),
        ([], "0 files are named, but `diff` compares two"),
    ],
)
def test_wrong_call_with_a_revision_is_told(
    repository: Path, arguments: list[str], said: str
) -> None:
    """Nothing is compared on a guess, and what begins with a hyphen is no option of git."""
    before = sorted(path for path in repository.rglob("*") if ".git" not in path.parts)
    ended = run("diff", *arguments, cwd=repository)
    assert (ended.code, said in ended.err) == (2, True), ended.err
    after = sorted(path for path in repository.rglob("*") if ".git" not in path.parts)
    assert after == before


def test_file_outside_of_a_repository_is_told(folder: Path) -> None:
    """Git says why, in its own words."""
    ended = run(
        "diff", "--git", "HEAD", "rules/program.yaml", cwd=folder, GIT_CEILING_DIRECTORIES="/"
    )
    assert (ended.code, "git: fatal: not a git repository" in ended.err) == (2, True)


@pytest.mark.slow
def test_revision_is_found_within_a_hook(repository: Path) -> None:
    """Git tells its hooks of a folder by a relative name, which is not that of the rule file."""
    edit(repository, SMALLER)
    ended = run(
        *("diff", "--git", "HEAD", "program.yaml"),
        cwd=repository / "rules",
        GIT_DIR=".git",
        GIT_INDEX_FILE=".git/index",
    )
    assert ended.code == 0, ended.err


@pytest.mark.slow
@pytest.mark.parametrize("seconds", [0.5, 1.5, 2.5])
def test_ctrl_c_leaves_nothing_behind(repository: Path, tmp_path: Path, seconds: float) -> None:
    """No file and no worktree is made for the old version, so none can stay."""
    edit(repository, LARGER)
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    before = git(repository, "status", "--porcelain"), git(repository, "worktree", "list")
    process = subprocess.Popen(
        [COMMAND, "diff", "--git", "HEAD", "rules"],
        cwd=repository,
        env={**os.environ, "TMPDIR": str(scratch)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGINT)
    assert process.wait() in (1, 130)
    assert list(scratch.iterdir()) == []
    assert (git(repository, "status", "--porcelain"), git(repository, "worktree", "list")) == before
