"""`repurchase demo`: replay two real logs and an invented one that tests every limit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import click

from repurchase.cli.log_options import LogOptions
from repurchase.cli.output import draw

if TYPE_CHECKING:
    from rich.console import RenderableType


class Scene(NamedTuple):
    """A shipped log, the rule file that evaluates it, and how the log is read."""

    title: str
    rules: str
    log: str
    options: LogOptions


_DAILY: Final = LogOptions(
    columns=("quantity=shares", "amount=amount_jpy"), constants=("symbol=common", "side=buy")
)
SCENES: Final = (
    Scene(
        "Real: purchases of August 2017, from a Japanese company's monthly report",
        "jp-2017",
        "jp-2017-08.csv",
        _DAILY._replace(brought_forward="1671100,1809601097"),
    ),
    Scene(
        "Real: purchases of November 2023, from another company's report",
        "jp-2023",
        "jp-2023-11.csv",
        _DAILY._replace(brought_forward="2524200,1999981370"),
    ),
    Scene(
        "Invented: orders under IIJ's 2008 authorization, on both sides of every limit",
        "iij-2008",
        "iij-2008-invented.csv",
        LogOptions(),
    ),
)
NEXT: Final = (
    ("repurchase explain iij-2008", "the rules that decided"),
    ("repurchase init my-program", "a rule file, test cases and a log to edit"),
    ("repurchase check --rules iij-2008 --event FILE", "the decision on one order"),
)


@click.command("demo")
def command() -> int:
    """Replay two real logs of Japanese programs and an invented one that tests every limit."""
    from rich.console import Group

    from repurchase.report.tables import plain_table

    for number, scene in enumerate(SCENES, start=1):
        draw(_replayed(number, scene))
    rows = ((f"   {line}", why) for line, why in NEXT)
    draw(Group("Next:", plain_table("command", "why", rows=rows, headed=False)))
    return 0


def _replayed(number: int, scene: Scene) -> RenderableType:
    from repurchase.replay.run import Program, Reader, replay
    from repurchase.report.summaries import Scene as Replayed
    from repurchase.rulebook.editions import load
    from repurchase.rulebook.library import rule_path, sample_path

    program = Program(load(rule_path(scene.rules)))
    reader = Reader(scene.options.reading(), program.editions)
    replayed = Replayed()
    with scene.options.open(str(sample_path(scene.log))) as log:
        for decided in replay(log, program, reader):
            replayed.add(decided)
    title = f"{number}  {scene.title} ({scene.rules})"
    return replayed.view(program, program.summary(), title)
