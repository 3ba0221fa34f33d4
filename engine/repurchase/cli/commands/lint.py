"""`repurchase lint`: read rule files, packs and cases, and report all errors and gaps in them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from repurchase.cli.certificates import certificate_key_option, read_certified, said_of
from repurchase.cli.files import content
from repurchase.cli.formats import errors_written, format_option, is_report, write_checks
from repurchase.cli.options import certificate_option, file_option, json_option, single_option
from repurchase.cli.output import remark, wants_json, write_errors
from repurchase.cli.targets import is_cases, targets
from repurchase.domain.errors import Problem, RuleFileError, UsageError

if TYPE_CHECKING:
    from repurchase.proof.certificate import Certificate
    from repurchase.report.checked import Checked

_SOURCE_BYTES_MAX: Final = 32_000_000


@click.command("lint")
@click.argument("files", nargs=-1, metavar="FILE..")
@file_option("--source", help="The quoted document: check its hash, and that it has every quote.")
@certificate_option("the only rule file named: it must be the one that was proved")
@certificate_key_option
@single_option(
    "--schema",
    type=click.Choice(["rules", "pack", "cases", "mapping"]),
    is_flag=False,
    flag_value="rules",
    help="Write the JSON Schema of rule files, of packs or of cases files, for editors.",
)
@format_option
@json_option
def command(
    files: tuple[str, ...],
    source: Path | None,
    certificate: Path | None,
    public_key: Path | None,
    schema: str | None,
    form: str | None,
) -> int:
    """Report all errors and gaps in rule files, packs and cases files.

    A gap is, for example, a quote without its figure, or shares or money that no rule limits.

    \b
    repurchase lint rules/my-program.yaml
    repurchase lint rules                         all rule files, packs and cases in a folder
    repurchase lint ./my-desk.yaml
    repurchase lint rules/iij-2008.yaml --source announcement.txt
    repurchase lint my-program.yaml --certificate my-program.proof.json
    repurchase lint rules --format junit > lint.xml
    repurchase lint --schema > rule-file.schema.json

    A file with an error cannot be used. A gap is something that a file leaves open: a term whose
    quote does not contain it, a cap that no rule reads, an option that changes no rule. The gaps of
    the packs that a rule file includes are listed too. NAME.cases.yaml is read as a cases file.

    Exit codes: 0 no errors or gaps; 1 at least one; 2 a file cannot be opened.
    """
    from repurchase.rulebook.schema import json_schema

    if schema is not None:
        click.echo(json.dumps(json_schema(schema), indent=2, ensure_ascii=False))
        return 0
    with errors_written("lint", form):
        if not files:
            raise UsageError(Problem("no file is named", "write repurchase lint FILE.yaml"))
        document = _document(source)
        if certificate is not None and len(files) > 1:
            raise UsageError(Problem("a certificate is for one rule file", "name one file"))
        certified = read_certified(certificate, public_key)
        found = (one for name in files for one in _checked(name, document, certified))
        checks = list({one.name: one for one in found}.values())
    _write(checks, form)
    if certificate is not None and not any(one.problems for one in checks):
        remark(f"{certificate} {said_of(public_key)} this rule file")
    levels = {one.level for one in checks if one.problems}
    return 2 if "error" in levels else len(levels)


def _checked(
    name: str, document: tuple[str, bytes] | None, certificate: Certificate | None
) -> Iterator[Checked]:
    """Yield the check of each file that *name* stands for."""
    from repurchase.report.checked import Checked

    try:
        for path in targets([name]):
            try:
                problems = _problems(path, document, certificate)
            except RuleFileError as error:
                problems = error.problems
            yield Checked(str(path), str(path), None, problems)
    except UsageError as error:
        # The other files are checked although this one cannot be opened.
        yield Checked(name, name, None, error.problems, "error")


def _problems(
    path: Path, document: tuple[str, bytes] | None, certificate: Certificate | None
) -> tuple[Problem, ...]:
    """Return the gaps of the file *path*; raise RuleFileError with its errors."""
    from repurchase.proof.certificate import uncertified
    from repurchase.rulebook.cases_file import read_cases
    from repurchase.rulebook.editions import load_file
    from repurchase.rulebook.lint import File, check_source, lint_findings
    from repurchase.rulebook.model import Pack

    if is_cases(path):
        _uncertifiable(path, certificate)
        read_cases(path)
        return ()
    found = load_file(path)
    proved: tuple[Problem, ...] = ()
    if isinstance(found, Pack):
        _uncertifiable(path, certificate)
        file: File = found
    else:
        file = found.authorization
        if certificate is not None:
            proved = tuple(uncertified(certificate, found))
    sourced = check_source(file, *document) if document is not None else ()
    return (*lint_findings(found), *sourced, *proved)


def _uncertifiable(path: Path, certificate: Certificate | None) -> None:
    if certificate is not None:
        raise UsageError(Problem("a certificate is for one rule file", file=str(path)))


def _document(source: Path | None) -> tuple[str, bytes] | None:
    if source is None:
        return None
    data = content(str(source), "the source", _SOURCE_BYTES_MAX)
    if len(data) > _SOURCE_BYTES_MAX:
        what = f"the source is longer than {_SOURCE_BYTES_MAX:,} bytes"
        raise UsageError(Problem(what, "give the text of the document alone", str(source)))
    return str(source), data


def _write(checks: list[Checked], form: str | None) -> None:
    """Write *checks* in the format that the call asks for."""
    if is_report(form):
        write_checks(form, checks)
        return
    problems = [problem for one in checks for problem in one.problems]
    if problems or wants_json():
        write_errors(problems, as_json=wants_json())
        return
    files = "the file has" if len(checks) == 1 else f"{len(checks)} files have"
    remark(f"{files} no errors or gaps")
