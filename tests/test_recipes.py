"""The recipes of docs/recipes/ at work: their steps, and pre-commit, on a good and on bad edits."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from importlib.metadata import metadata
from pathlib import Path
from typing import Any, Final
from xml.etree import ElementTree

import pytest
import yaml

from repurchase.rulebook.library import sample_path

ROOT: Final = Path(__file__).parents[1]
RECIPES: Final = ROOT / "docs" / "recipes"
BIN: Final = Path(sys.executable).parent
RULES: Final = sample_path("starter.yaml").read_text(encoding="utf-8")
CASES: Final = sample_path("starter.cases.yaml").read_text(encoding="utf-8")
CAP: Final = "100,000 shares"


# Each edit of the rule file, and of its cases.
GOOD: Final = (RULES.replace("issuer: Example K.K.", "issuer: Example Inc."), CASES)
BROKEN: Final = (RULES.replace("terms.max_shares\n", "terms.max_share\n"), CASES)
# What its own cases approve is looser all the same: only a comparison finds it.
LOOSER: Final = (
    RULES.replace("2026-09-30", "2026-10-01").replace("September 30", "October 1"),
    CASES.replace("2026-10-01", "2026-10-02"),
)
TIGHTER: Final = (RULES.replace(CAP, "50,000 shares"), CASES)


def installs(step: str) -> bool:
    """Return whether *step* only installs this package, with extras that it has."""
    if not step.startswith("pip install "):
        return False
    # The address is that of the reader's own copy.
    named = re.fullmatch(r'pip install "repurchase\[(.*)\] @ git\+https://\S+"', step)
    assert named is not None, step
    extras = set(metadata("repurchase").get_all("Provides-Extra") or ())
    assert set(named[1].split(",")) <= extras, step
    return True


def steps_of(name: str) -> list[str]:
    """Return the commands of the recipe *name* in order, without the one that installs."""
    recipe: Any = yaml.safe_load((RECIPES / name).read_text(encoding="utf-8"))
    if name == "github.yml":
        found = [step["run"] for step in recipe["jobs"]["rules"]["steps"] if "run" in step]
    else:
        found = recipe["rules"]["script"]
    steps = [step for step in found if not installs(step)]
    assert len(found) == len(steps) + 1
    return steps


def call(*command: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run *command* with this installation on the path, and with no settings of this machine."""
    known = {
        "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_AUTHOR_NAME": "a",
        "GIT_AUTHOR_EMAIL": "a@b",
        "GIT_COMMITTER_NAME": "a",
        "GIT_COMMITTER_EMAIL": "a@b",
    }
    return subprocess.run(
        command,
        cwd=cwd,
        env={**os.environ, **known, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def git(cwd: Path, *arguments: str) -> None:
    done = call("git", *arguments, cwd=cwd)
    assert done.returncode == 0, done.stderr


def write(repository: Path, edit: tuple[str, str]) -> None:
    folder = repository / "rules"
    folder.mkdir(exist_ok=True)
    for name, text in zip(("program.yaml", "program.cases.yaml"), edit, strict=True):
        (folder / name).write_text(text, encoding="utf-8")


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """Return a clone of a repository, on a branch of its own beside `main`."""
    origin, clone = tmp_path / "origin", tmp_path / "clone"
    origin.mkdir()
    git(origin, "init", "--quiet", "--initial-branch=main")
    write(origin, (RULES, CASES))
    git(origin, "add", ".")
    git(origin, "commit", "--quiet", "--message=one")
    git(tmp_path, "clone", "--quiet", str(origin), str(clone))
    git(clone, "switch", "--quiet", "--create", "edit")
    return clone


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "variable"),
    [
        ("github.yml", "GITHUB_BASE_REF"),
        ("gitlab.yml", "CI_MERGE_REQUEST_TARGET_BRANCH_NAME"),
    ],
)
@pytest.mark.parametrize(
    ("edit", "failing"),
    [(GOOD, None), (BROKEN, "lint"), (LOOSER, "diff")],
    ids=["good", "broken", "looser"],
)
def test_steps_of_a_recipe_stop_a_bad_edit(
    repository: Path, name: str, variable: str, edit: tuple[str, str], failing: str | None
) -> None:
    """Each step is run by bash as the service does; the first that fails ends the job."""
    write(repository, edit)
    git(repository, "commit", "--quiet", "--all", "--message=two")
    ended, said = None, ""
    for step in steps_of(name):
        done = call("bash", "-e", "-c", step, cwd=repository, **{variable: "main"})
        said += done.stdout + done.stderr
        if done.returncode:
            ended = step.split()[1]
            break
    assert ended == failing, said
    if name == "github.yml" and failing:
        assert "::error file=rules/program.yaml,line=" in said
    elif name == "gitlab.yml":
        reports = yaml.safe_load((RECIPES / name).read_text(encoding="utf-8"))
        for report in reports["rules"]["artifacts"]["reports"]["junit"]:
            if (repository / report).exists():
                top = ElementTree.parse(repository / report).getroot()
                is_bad = any(suite.attrib["failures"] != "0" for suite in top)
                assert is_bad is (report == f"{failing}.xml")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "variable"),
    [
        ("github.yml", "GITHUB_BASE_REF"),
        ("gitlab.yml", "CI_MERGE_REQUEST_TARGET_BRANCH_NAME"),
    ],
)
@pytest.mark.parametrize(
    ("edit", "base", "code"), [(GOOD, TIGHTER, 0), (LOOSER, LOOSER, 1)], ids=["good", "looser"]
)
def test_recipe_compares_with_where_the_branch_began(
    repository: Path,
    name: str,
    variable: str,
    edit: tuple[str, str],
    base: tuple[str, str],
    code: int,
) -> None:
    """What the target branch has changed since is neither held against an edit nor excuses it."""
    origin = repository.parent / "origin"
    write(origin, base)
    git(origin, "commit", "--quiet", "--all", "--message=three")
    write(repository, edit)
    git(repository, "commit", "--quiet", "--all", "--message=two")
    # A service checks out after the target branch has moved on.
    git(repository, "fetch", "--quiet", "origin")
    steps = [step for step in steps_of(name) if step.startswith(("git ", "repurchase diff "))]
    done = [call("bash", "-e", "-c", step, cwd=repository, **{variable: "main"}) for step in steps]
    assert [one.returncode for one in done] == [0] * (len(done) - 1) + [code], done[-1].stderr


@pytest.mark.slow
@pytest.mark.parametrize(
    ("edit", "failing"),
    [
        (GOOD, set()),
        (BROKEN, {"repurchase-lint", "repurchase-test"}),
        ((RULES.replace(CAP, "100,001 shares"), CASES), {"repurchase-test"}),
        ((RULES, CASES.replace("expect: approved", "expect: held", 1)), {"repurchase-test"}),
    ],
    ids=["good", "broken", "looser", "cases"],
)
def test_pre_commit_stops_a_bad_edit(
    repository: Path, tmp_path: Path, edit: tuple[str, str], failing: set[str]
) -> None:
    """The real pre-commit runs both hooks on what is staged, and the commit is made or not."""
    config = (RECIPES / "pre-commit-local.yaml").read_text(encoding="utf-8")
    (repository / ".pre-commit-config.yaml").write_text(config, encoding="utf-8")
    home = {"PRE_COMMIT_HOME": str(tmp_path / "home")}
    assert call("pre-commit", "install", cwd=repository, **home).returncode == 0
    write(repository, edit)
    git(repository, "add", ".")
    done = call("git", "commit", "--message=two", cwd=repository, **home)
    said = done.stdout + done.stderr
    names = {"repurchase-lint", "repurchase-test"}
    assert {one for one in names if f"hook id: {one}" in said} == failing, said
    assert (done.returncode == 0) is (not failing)


def test_hooks_are_what_pre_commit_takes() -> None:
    """Other repositories name them by their ids, as the recipes do."""
    manifest = ROOT / ".pre-commit-hooks.yaml"
    done = call("pre-commit", "validate-manifest", str(manifest), cwd=ROOT)
    assert done.returncode == 0, done.stdout
    hooks = {hook["id"]: hook for hook in yaml.safe_load(manifest.read_text(encoding="utf-8"))}
    for name in ("pre-commit-config.yaml", "pre-commit-local.yaml"):
        path = RECIPES / name
        assert call("pre-commit", "validate-config", str(path), cwd=ROOT).returncode == 0
        (repo,) = yaml.safe_load(path.read_text(encoding="utf-8"))["repos"]
        assert [hook["id"] for hook in repo["hooks"]] == list(hooks)
