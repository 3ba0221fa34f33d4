"""`repurchase demo`: replay two real logs, and an invented one that meets every limit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import click

from repurchase.cli.log_options import LogOptions
from repurchase.cli.output import draw

if TYPE_CHECKING:
    from rich.console import RenderableType


class Scene(NamedTuple):
    """A log that is shipped, the rules that judge it, and how it is read."""

    title: str
    rules: str
    log: str
    options: LogOptions


_DAILY: Final = LogOptions(
    columns=("quantity=shares", "amount=amount_jpy"), constants=("symbol=common", "side=buy")
)
SCENES: Final = (
    Scene(
        "Real: a Japanese program's purchases of August 2017, as its monthly report gives them",
        "jp-2017",
        "jp-2017-08.csv",
        _DAILY._replace(brought_forward="1671100,1809601097"),
    ),
    Scene(
        "Real: another program's purchases of November 2023",
        "jp-2023",
        "jp-2023-11.csv",
        _DAILY._replace(brought_forward="2524200,1999981370"),
    ),
    Scene(
        "Invented: orders and fills under IIJ's authorization of 2008, each limit on both sides",
        "iij-2008",
        "iij-2008-invented.csv",
        LogOptions(),
    ),
)


@click.command("demo")
def command() -> int:
    """Replay two real logs of Japanese programs, and an invented one that meets every limit."""
    from rich.text import Text

    for scene in SCENES:
        draw(_replayed(scene))
        draw(Text())
    return 0


def _replayed(scene: Scene) -> RenderableType:
    from repurchase.replay.run import Program, Reader, replay
    from repurchase.report.summaries import Denials, summary_view
    from repurchase.rulebook.editions import load
    from repurchase.rulebook.library import rule_path, sample_path

    program = Program(load(rule_path(scene.rules)))
    reader = Reader(scene.options.reading(), program.editions)
    denials = Denials()
    with scene.options.open(str(sample_path(scene.log))) as log:
        for decided in replay(log, program, reader):
            denials.add(decided)
    return summary_view(program, program.summary(), denials, scene.title)
