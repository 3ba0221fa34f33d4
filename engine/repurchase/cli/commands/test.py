"""`repurchase test`: run the cases beside rule files and packs, and see which mutants they kill."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from repurchase.cli.files import is_file, rule_file_or_pack
from repurchase.cli.interrupts import interruptible
from repurchase.cli.options import json_option
from repurchase.cli.output import answer, remark, warn
from repurchase.domain.errors import Problem, UsageError, plain

if TYPE_CHECKING:
    from repurchase.tester.cases import CaseResult
    from repurchase.tester.mutation import Mutation

    Failed = list[tuple[Path, CaseResult]]

# So long it may take to show that a mutant comes to the same as its file.
_MILLISECONDS: Final = 10_000
# Where cases lie of which none is named.
_FOLDERS: Final = (".", "packs", "rules", "rules/packs")


@click.command("test")
@click.argument("files", nargs=-1, metavar="FILE..")
@click.option(
    "--mutate",
    is_flag=True,
    help="Change each figure, date, word and sign of the files, one at a time, and list the "
    "mutants that survive all cases.",
)
@json_option
def command(files: tuple[str, ...], mutate: bool) -> int:
    """Run the cases beside rule files and packs: NAME.cases.yaml for NAME.yaml.

    \b
    repurchase test                  every NAME.cases.yaml here, in rules/, and in packs/ of either
    repurchase test rules/my-program.yaml
    repurchase test rules/my-program.yaml --mutate
    repurchase test my-desk.yaml --mutate    a pack, under what its cases say: `under: acme.yaml`

    With --mutate it is the cases that are tested. Each mutant of a file has one cap, date,
    operator, instrument, effect or word changed. It is invalid if the file does not load so, and
    killed if a case comes to something else. Other mutants survive, unless they prove to be
    equivalent to the file, which needs pip install 'repurchase[prove]'.

    Exit codes: 0 all cases pass, and no mutant survives; 1 one fails, or a mutant survives;
    2 errors.
    """
    pairs = _pairs(files)
    return _mutated(pairs) if mutate else _tested(pairs)


def _tested(pairs: list[tuple[Path, Path]]) -> int:
    from repurchase.tester.cases import run

    wrong: Failed = []
    count = 0
    for rules, cases in pairs:
        results = run(rules, cases)
        count += len(results)
        wrong += [(cases, one) for one in results if one.wrong is not None]
    answer(_failures(count, wrong))
    _report(count, wrong)
    return 1 if wrong else 0


def _mutated(pairs: list[tuple[Path, Path]]) -> int:
    from repurchase.cli.progress import counted
    from repurchase.report.mutants import mutation_json, mutation_view
    from repurchase.tester.mutation import mutation

    watch = partial(counted, doing="trying", noun="mutants")
    found = [(cases, mutation(rules, cases, watch)) for rules, cases in pairs]
    wrong = [(cases, one) for cases, mutated in found for one in mutated.wrong]
    count = sum(len(mutated.tested.cases) for _, mutated in found)
    mutations, is_proved = _apart([mutated for _, mutated in found])
    tried = [one for one in mutations if not one.wrong]
    answer(
        _failures(count, wrong) | mutation_json(mutations, is_proved=is_proved),
        partial(mutation_view, tried) if tried else None,
    )
    _report(count, wrong)
    for cases in dict.fromkeys(cases for cases, _ in wrong):
        remark(f"{cases}: nothing was changed, as its cases do not pass")
    return 1 if wrong or any(one.come_to("survived") for one in mutations) else 0


def _apart(found: list[Mutation]) -> tuple[list[Mutation], bool]:
    """Return *found* with what proves equal set apart, and whether that could be done."""
    if not any(one.come_to("survived") for one in found):
        return found, True
    try:
        from repurchase.proof.equal import same
    except UsageError as error:
        warn(error.problems)
        return found, False
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
    from repurchase.rulebook.cases_file import CASES

    paths = [rule_file_or_pack(name) for name in files]
    if not files:
        paths = sorted({path for folder in _FOLDERS for path in Path(folder).glob(f"*{CASES}")})
    found = [_pair(path) for path in paths]
    if not found:
        raise UsageError(Problem("there are no cases here", "name a rule file or a cases file"))
    return found


def _pair(path: Path) -> tuple[Path, Path]:
    from repurchase.rulebook.cases_file import CASES, cases_path

    if path.name.endswith(CASES):
        return path.with_name(path.name.removesuffix(CASES) + ".yaml"), path
    cases = cases_path(path)
    if is_file(path) and not is_file(cases):
        what = f"`{plain(path.name)}` has no cases"
        raise UsageError(Problem(what, f"write them in {cases.name} beside it", str(path)))
    return path, cases
