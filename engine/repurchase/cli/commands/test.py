"""`repurchase test`: run the test cases of rule files and packs, and find surviving mutants."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from repurchase.cli.files import is_file, rule_file_or_pack
from repurchase.cli.formats import errors_written, format_option, is_report, write_checks
from repurchase.cli.options import json_option
from repurchase.cli.output import answer, remark, warn
from repurchase.cli.targets import is_cases, is_folder, targets
from repurchase.domain.errors import Problem, UsageError, plain

if TYPE_CHECKING:
    from repurchase.report.checked import Checked
    from repurchase.tester.cases import CaseResult
    from repurchase.tester.mutation import Mutation

    Failed = list[tuple[Path, CaseResult]]

# The time for each proof that a mutant is equivalent to its file.
_MILLISECONDS: Final = 10_000
# Where cases are searched if no file is named.
_FOLDERS: Final = (".", "packs", "rules", "rules/packs")


@click.command("test")
@click.argument("files", nargs=-1, metavar="FILE..")
@click.option(
    "--mutate",
    is_flag=True,
    help="Change or leave out one figure, date, word, operator or part of the files at a time, and "
    "list the mutants that survive all cases.",
)
@format_option
@json_option
def command(files: tuple[str, ...], mutate: bool, form: str | None) -> int:
    """Run the test cases of rule files and packs: NAME.cases.yaml for NAME.yaml.

    \b
    repurchase test                  all cases here, in rules/, and in packs/ of either
    repurchase test rules/my-program.yaml
    repurchase test rules            all cases in a folder
    repurchase test rules --format junit > cases.xml
    repurchase test rules/my-program.yaml --mutate
    repurchase test my-desk.yaml --mutate    a pack, under the rule file that its cases name

    --mutate tests the cases themselves. A mutant is the file with one thing changed or left out:
    a cap, date, operator, word, effect, instrument, version, or part of a condition. It is invalid
    if it does not load, and killed if a case fails because of it. The other mutants survive, unless
    they are proved equivalent to the file; that proof needs pip install 'repurchase[prove]'.

    Exit codes: 0 all cases pass, and no mutant survives; 1 a case fails, or a mutant survives;
    2 errors.
    """
    with errors_written("test", form):
        pairs = _pairs(files)
        return _mutated(pairs, form) if mutate else _tested(pairs, form)


def _tested(pairs: list[tuple[Path, Path]], form: str | None) -> int:
    from repurchase.tester.cases import run

    found = [(cases, one) for rules, cases in pairs for one in run(rules, cases)]
    wrong = [(cases, one) for cases, one in found if one.wrong is not None]
    if is_report(form):
        write_checks(form, [_checked(cases, one) for cases, one in found])
    else:
        answer(_failures(len(found), wrong))
        _report(len(found), wrong)
    return 1 if wrong else 0


def _checked(cases: Path, one: CaseResult) -> Checked:
    from repurchase.report.checked import Checked

    problems = () if one.wrong is None else (Problem(one.wrong, None, str(cases), one.case.line),)
    return Checked(str(cases), one.case.name, one.case.line, problems)


def _mutated(pairs: list[tuple[Path, Path]], form: str | None) -> int:
    from repurchase.cli.progress import counted
    from repurchase.report.mutants import mutation_checks, mutation_json, mutation_view
    from repurchase.tester.mutation import mutation

    watch = partial(counted, doing="trying", noun="mutants")
    found = [(cases, mutation(rules, cases, watch)) for rules, cases in pairs]
    wrong = [(cases, one) for cases, mutated in found for one in mutated.wrong]
    count = sum(len(mutated.tested.cases) for _, mutated in found)
    mutations, is_proved = _apart([mutated for _, mutated in found])
    tried = [one for one in mutations if not one.wrong]
    if is_report(form):
        write_checks(form, [*(_checked(*one) for one in wrong), *mutation_checks(mutations)])
    else:
        answer(
            _failures(count, wrong) | mutation_json(mutations, is_proved=is_proved),
            partial(mutation_view, tried) if tried else None,
        )
        _report(count, wrong)
    for cases in dict.fromkeys(cases for cases, _ in wrong):
        remark(f"{cases}: no mutants were made, because its cases do not pass")
    return 1 if wrong or any(one.come_to("survived") for one in mutations) else 0


def _apart(found: list[Mutation]) -> tuple[list[Mutation], bool]:
    """Return *found* with the equivalent mutants marked, and whether a prover was there for it."""
    if not any(one.come_to("survived") for one in found):
        return found, True
    try:
        from repurchase.proof.equal import same
    except UsageError as error:
        warn(error.problems)
        return found, False
    from repurchase.api.proving import interruptible
    from repurchase.cli.progress import counted
    from repurchase.tester.mutation import apart

    watch = partial(counted, doing="proving", noun="survivors")

    def proved(clock: Callable[[], int]) -> list[Mutation]:
        proving = partial(same, now=clock, milliseconds=_MILLISECONDS)
        return [apart(one, proving, watch) for one in found]

    return interruptible(proved), True


def _failures(count: int, wrong: Failed) -> dict[str, Any]:
    failed = [
        {"file": str(cases), "line": one.case.line, "name": one.case.name, "wrong": one.wrong}
        for cases, one in wrong
    ]
    return {"cases": count, "failed": failed}


def _report(count: int, wrong: Failed) -> None:
    for cases, one in wrong:
        remark(f"{cases}:{one.case.line}: {one.case.name}: {one.wrong}")
    remark(f"{count - len(wrong)} of {count} cases pass")


def _pairs(files: tuple[str, ...]) -> list[tuple[Path, Path]]:
    """Return the rule files and packs to test, each with its cases file."""
    from repurchase.rulebook.cases_file import CASES

    if files:
        paths = [path for name in files for path in _named(name)]
    else:
        paths = sorted({path for folder in _FOLDERS for path in Path(folder).glob(f"*{CASES}")})
    found = list(dict.fromkeys(_pair(path) for path in paths))
    if not found:
        raise UsageError(Problem("there are no cases here", "name a rule file or a cases file"))
    return found


def _named(name: str) -> list[Path]:
    """Return the cases files in the folder *name*, or else the file of that name."""
    if is_folder(name):
        return [path for path in targets([name]) if is_cases(path)]
    return [rule_file_or_pack(name)]


def _pair(path: Path) -> tuple[Path, Path]:
    from repurchase.rulebook.cases_file import CASES, cases_path

    if path.name.endswith(CASES):
        return path.with_name(path.name.removesuffix(CASES) + ".yaml"), path
    cases = cases_path(path)
    if is_file(path) and not is_file(cases):
        what = f"`{plain(path.name)}` has no cases"
        raise UsageError(Problem(what, f"write them in {cases.name} beside it", str(path)))
    return path, cases
