"""`repurchase init`: start a rule file of one's own."""

from __future__ import annotations

from pathlib import Path

import click

from repurchase.cli.show import say
from repurchase.errors import Problem, UsageError, reason

FILES = {
    "my-program.yaml": "starter.yaml",
    "my-program.cases.yaml": "starter.cases.yaml",
    "trades.csv": "starter.csv",
}


@click.command("init")
@click.argument("directory", type=click.Path(path_type=Path), metavar="DIR")
def command(directory: Path) -> int:
    """Start a rule file in DIR, with its cases and a log to try it on. Nothing is overwritten.

    \b
    repurchase init my-program
    repurchase test my-program/my-program.yaml
    repurchase replay my-program/trades.csv --rules my-program/my-program.yaml
    """
    from repurchase.shipped import sample_path

    try:
        there = next((name for name in FILES if (directory / name).exists()), None)
        if there is None:
            directory.mkdir(parents=True, exist_ok=True)
            for name, sample in FILES.items():
                with (directory / name).open("x", encoding="utf-8") as file:
                    file.write(sample_path(sample).read_text("utf-8"))
    except OSError as error:
        raise UsageError(
            Problem(f"it cannot be written: {reason(error)}", file=str(directory))
        ) from error
    if there is not None:
        raise UsageError(
            Problem(f"`{there}` is there already", "name another folder", str(directory))
        )
    rules = directory / "my-program.yaml"
    say(f"{', '.join(FILES)} are in {directory}; next:")
    say(f"  edit {rules}")
    say(f"  repurchase lint {rules}")
    say(f"  repurchase test {rules}")
    say(f"  repurchase replay {directory / 'trades.csv'} --rules {rules}")
    return 0
