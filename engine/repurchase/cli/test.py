"""`repurchase test`: run the cases that lie beside rule files."""

from __future__ import annotations

from pathlib import Path

import click

from repurchase.cli.show import is_file, json_option, rule_file, say
from repurchase.errors import Problem, UsageError, plain


@click.command("test")
@click.argument("files", nargs=-1, metavar="FILE..")
@json_option
def command(files: tuple[str, ...], as_json: bool) -> int:
    """Run the cases beside rule files: NAME.cases.yaml for NAME.yaml.

    \b
    repurchase test                          every NAME.cases.yaml here and in rules/
    repurchase test rules/my-program.yaml
    """
    from repurchase.cases import run
    from repurchase.report import json_text

    wrong, count = [], 0
    for rules, cases in _pairs(files):
        for result in run(rules, cases):
            count += 1
            if result.wrong is not None:
                wrong.append((cases, result))
    if as_json:
        failures = [
            {"file": str(cases), "line": one.case.line, "name": one.case.name, "wrong": one.wrong}
            for cases, one in wrong
        ]
        click.echo(json_text({"cases": count, "failed": failures}))
    for cases, one in wrong:
        say(f"{cases}:{one.case.line}: {one.case.name}: {one.wrong}")
    say(f"{count - len(wrong)} of {count} cases pass")
    return 1 if wrong else 0


def _pairs(files: tuple[str, ...]) -> list[tuple[Path, Path]]:
    from repurchase.rulefile import CASES

    paths = [rule_file(name) for name in files]
    if not files:
        paths = sorted({*Path().glob(f"*{CASES}"), *Path("rules").glob(f"*{CASES}")})
    found = [_pair(path) for path in paths]
    if not found:
        raise UsageError(Problem("there are no cases here", "name a rule file or a cases file"))
    return found


def _pair(path: Path) -> tuple[Path, Path]:
    from repurchase.rulefile import CASES, cases_path

    if path.name.endswith(CASES):
        return path.with_name(path.name.removesuffix(CASES) + ".yaml"), path
    cases = cases_path(path)
    if is_file(path) and not is_file(cases):
        what = f"`{plain(path.name)}` has no cases"
        raise UsageError(Problem(what, f"write them in {cases.name} beside it", str(path)))
    return path, cases
