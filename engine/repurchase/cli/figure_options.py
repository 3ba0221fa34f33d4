"""The figures that `replay` groups: their options, and the file that they are written to."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import click

from repurchase.cli.options import file_option, single_option
from repurchase.domain.errors import Problem, UsageError

if TYPE_CHECKING:
    from rich.console import RenderableType

    from repurchase.replay.figures import Figures, Grouping
    from repurchase.replay.run import Summary

_SUFFIXES: Final = (".csv", ".xlsx", ".json")
_DECIMALS_MAX: Final = 12


class FigureOptions(NamedTuple):
    """The options of a call for its figures: what they are grouped by, their decimals, a file."""

    by: str | None = None
    decimals: int | None = None
    file: Path | None = None

    def grouping(self) -> Grouping | None:
        """Return the figures to fill, `None` if none are asked for.

        Raise UsageError if the options contradict each other, or for a kind of file that there is
        not.
        """
        from repurchase.replay.figures import Grouping, parts_of

        if self.by is None:
            if self.file is not None or self.decimals is not None:
                option = "--figures" if self.file is not None else "--round"
                what = f"`{option}` has no figures to write"
                raise UsageError(Problem(what, "say what they are grouped by: --by day"))
            return None
        if self.file is not None:
            self._check(self.file)
        return Grouping(parts_of(self.by))

    def beside(self, summary: Summary, found: Figures | None) -> object:
        """Return *summary* as programs read it, with the figures *found* if there are any."""
        from msgspec.structs import asdict

        from repurchase.report.figures import figures_object

        if found is None:
            return summary
        return asdict(summary) | {"figures": figures_object(found, self.decimals)}

    def views(self, found: Figures | None) -> list[RenderableType]:
        """Return the table of *found* for a terminal; nothing if it goes to a file."""
        from repurchase.report.figures import figures_view

        if found is None or self.file is not None:
            return []
        return [figures_view(found, self.decimals)]

    def write(self, found: Figures | None) -> None:
        """Write *found* to the file, if one is given; raise UsageError if that fails."""
        from repurchase.report.figures import figures_csv, figures_lines, figures_object
        from repurchase.report.written import json_text, whole_bytes

        if self.file is None or found is None:
            return
        match self.file.suffix.lower():
            case ".csv":
                content = figures_csv(found, self.decimals).encode()
            case ".xlsx":
                from repurchase.report.sheets import sheet

                lines = figures_lines(found, self.decimals)
                content = sheet("figures", lines, texts=len(found.parts))
            case _:
                content = (json_text(figures_object(found, self.decimals)) + "\n").encode()
        with whole_bytes(self.file, "the figures") as add:
            add(content)

    def _check(self, file: Path) -> None:
        if file.suffix.lower() not in _SUFFIXES:
            what = "figures are not written to such a file"
            raise UsageError(Problem(what, "end its name with .csv, .xlsx or .json", str(file)))
        if file.suffix.lower() == ".xlsx":
            # What is missing is said before the log is read.
            import repurchase.report.sheets  # noqa: F401


_OPTIONS: Final = (
    single_option(
        "--by",
        metavar="PARTS",
        help="Show figures by day, week or month, venue, instrument: one of them or several with"
        " commas, e.g. day,venue.",
    ),
    single_option(
        "--round",
        "decimals",
        type=click.IntRange(0, _DECIMALS_MAX),
        metavar="DECIMALS",
        help="Round money, prices and percentages of the figures half up. Default: exact.",
    ),
    file_option(
        "--figures",
        "file",
        metavar="FILE.csv|.xlsx|.json",
        help="Write the figures of --by to this file, instead of a table.",
    ),
)


def figure_options(command: Callable[..., int]) -> Callable[..., int]:
    """Return *command* with the options of figures, which it gets as `figures`."""

    @wraps(command)
    def with_options(**parameters: Any) -> int:
        figures = FigureOptions(*(parameters.pop(name) for name in FigureOptions._fields))
        return command(**parameters, figures=figures)

    for option in reversed(_OPTIONS):
        with_options = option(with_options)
    return with_options
