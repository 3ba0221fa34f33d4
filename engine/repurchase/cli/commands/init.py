"""`repurchase init`: write a rule file to start from."""

from __future__ import annotations

import shlex
from contextlib import ExitStack, suppress
from pathlib import Path

import click

from repurchase.cli.output import remark
from repurchase.domain.errors import Problem, UsageError, reason

FILES = {
    "my-program.yaml": "starter.yaml",
    "my-program.cases.yaml": "starter.cases.yaml",
    "trades.csv": "starter.csv",
}


@click.command("init")
@click.argument("directory", metavar="DIR")
def command(directory: str) -> int:
    """Write a rule file, its test cases and a sample log to DIR. Nothing is overwritten.

    \b
    repurchase init my-program
    repurchase test my-program/my-program.yaml
    repurchase replay my-program/trades.csv --rules my-program/my-program.yaml
    """
    if not directory:
        raise UsageError(Problem("the name of the folder is empty", "write . for the current one"))
    try:
        _start(Path(directory))
    except OSError as error:
        raise UsageError(
            Problem(f"the files cannot be written: {reason(error)}", file=directory)
        ) from error
    rules = _pasted(Path(directory, "my-program.yaml"))
    remark(f"wrote {', '.join(FILES)} to {directory}; next:")
    remark(f"  edit {rules}")
    remark(f"  repurchase lint {rules}")
    remark(f"  repurchase test {rules}")
    remark(f"  repurchase replay {_pasted(Path(directory, 'trades.csv'))} --rules {rules}")
    return 0


def _start(directory: Path) -> None:
    from repurchase.report.outputs import make_folder, new_file
    from repurchase.rulebook.library import sample_path

    there = next((name for name in FILES if (directory / name).exists()), None)
    if there is not None:
        raise UsageError(
            Problem(f"`{there}` exists already", "name another folder", str(directory))
        )
    # On a full disk nothing is left, so that another try does not find some of the files.
    with ExitStack() as undo:
        if not directory.exists():
            make_folder(directory)
            undo.callback(_removed, directory)
        for name, sample in FILES.items():
            with new_file(directory / name) as file:
                undo.callback((directory / name).unlink)
                file.write(sample_path(sample).read_text("utf-8"))
        undo.pop_all()


def _removed(directory: Path) -> None:
    # Someone else may have added a file meanwhile.
    with suppress(OSError):
        directory.rmdir()


def _pasted(path: Path) -> str:
    """Return *path* quoted for a shell, so that no command takes it for an option."""
    text = str(path)
    return shlex.quote(f"./{text}" if text.startswith("-") else text)
