"""`repurchase lint`: read rule files and packs and say all that is wrong with them."""

from __future__ import annotations

import json
from pathlib import Path

import click

from repurchase.cli.files import content, rule_file_or_pack
from repurchase.cli.options import certificate_option, file_option, json_option
from repurchase.cli.output import remark, wants_json, write_errors
from repurchase.domain.errors import Problem, RuleFileError, UsageError


@click.command("lint")
@click.argument("files", nargs=-1, metavar="FILE..")
@file_option(
    "--source", help="The document quoted: check its hash, and that every quote stands in it."
)
@certificate_option("the one file that is named: it must be that which was proved")
@click.option("--schema", is_flag=True, help="Write the JSON Schema of rule files, for editors.")
@json_option
def command(
    files: tuple[str, ...],
    source: Path | None,
    certificate: Path | None,
    schema: bool,
) -> int:
    """Read rule files and packs, and say all that is wrong with them and what they leave open.

    \b
    repurchase lint rules/my-program.yaml
    repurchase lint ./my-desk.yaml
    repurchase lint rules/iij-2008.yaml --source announcement.txt
    repurchase lint my-program.yaml --certificate my-program.proof.json
    repurchase lint --schema > rule-file.schema.json

    Errors are what no rule file may have. Gaps are what it leaves open: a figure that no quote
    says, a cap that no rule reads, an option that changes no rule; those of the packs that a rule
    file includes too.
    """
    from repurchase.rulebook.schema import json_schema

    if schema:
        click.echo(json.dumps(json_schema(), indent=2, ensure_ascii=False))
        return 0
    if not files:
        raise UsageError(Problem("no rule file is named", "write repurchase lint FILE.yaml"))
    if certificate is not None and len(files) > 1:
        raise UsageError(Problem("a certificate is of one rule file", "name one file"))
    document = _document(source)
    found: list[Problem] = []
    code = 0
    for name in files:
        try:
            problems = _problems(rule_file_or_pack(name), document, certificate)
            code = max(code, 1 if problems else 0)
        except UsageError as error:
            # A file that cannot be opened keeps nobody from hearing of the others.
            problems, code = error.problems, 2
        found += problems
    if found or wants_json():
        write_errors(found, as_json=wants_json())
        return code
    whose = f"{len(files)} rule files have" if len(files) > 1 else "the rule file has"
    remark(f"{whose} no error or gap")
    if certificate is not None:
        remark(f"it is the rule file that {certificate} certifies")
    return 0


def _problems(
    path: Path, document: tuple[str, bytes] | None, certificate: Path | None
) -> tuple[Problem, ...]:
    from repurchase.proof.certificate import read_certificate, uncertified
    from repurchase.rulebook.editions import Editions, load_file
    from repurchase.rulebook.lint import check_source, lint_findings
    from repurchase.rulebook.model import Pack

    try:
        file = load_file(path)
    except RuleFileError as error:
        return error.problems
    sourced = check_source(file, *document) if document is not None else ()
    proved: tuple[Problem, ...] = ()
    if certificate is not None:
        if isinstance(file, Pack):
            raise UsageError(Problem("a certificate is of a rule file", file=str(path)))
        proved = tuple(uncertified(read_certificate(certificate), Editions(file)))
    return (*lint_findings(file), *sourced, *proved)


def _document(source: Path | None) -> tuple[str, bytes] | None:
    return None if source is None else (str(source), content(str(source), "the source"))
