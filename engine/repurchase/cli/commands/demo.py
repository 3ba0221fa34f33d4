"""`repurchase demo`: replay two real logs, and an invented one that meets every limit."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

import click
import msgspec

from repurchase.cli.output import draw

if TYPE_CHECKING:
    from rich.console import RenderableType


class Scene(msgspec.Struct, frozen=True):
    """A log that is shipped, the rules it is judged by, and how its columns are called."""

    title: str
    rules: str
    log: str
    columns: Mapping[str, str] = {}
    constants: Mapping[str, str] = {}
    brought_forward: str | None = None


_DAILY: Final = {"quantity": "shares", "amount": "amount_jpy"}
_SHARED: Final = {"symbol": "common", "side": "buy"}
SCENES: Final = (
    Scene(
        "Real: a Japanese program's purchases of August 2017, as its monthly report gives them",
        "jp-2017",
        "jp-2017-08.csv",
        _DAILY,
        _SHARED,
        "1671100,1809601097",
    ),
    Scene(
        "Real: another program's purchases of November 2023",
        "jp-2023",
        "jp-2023-11.csv",
        _DAILY,
        _SHARED,
        "2524200,1999981370",
    ),
    Scene(
        "Invented: orders and fills under IIJ's authorization of 2008, each limit on both sides",
        "iij-2008",
        "iij-2008-invented.csv",
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
    from repurchase.intake.log import open_log
    from repurchase.replay.run import Program, Reading, brought_forward, replay
    from repurchase.report.summaries import Denials, summary_view
    from repurchase.rulebook.editions import load
    from repurchase.rulebook.library import rule_path, sample_path

    program = Program(load(rule_path(scene.rules)))
    before = scene.brought_forward
    reading = Reading(brought_forward(before) if before is not None else None)
    denials = Denials()
    with open_log(
        sample_path(scene.log), scene.log, columns=scene.columns, constants=scene.constants
    ) as log:
        for decided in replay(log, program, reading):
            denials.add(decided)
    return summary_view(program, program.summary(), denials, scene.title)
