"""The time limit of a proof."""

from __future__ import annotations

import click

from repurchase.cli.options import Option, single_option

seconds_option: Option = single_option(
    "--seconds",
    type=click.FloatRange(min=0, min_open=True),
    metavar="NUMBER",
    help="Time limit in seconds. Default: 60. What is not proved by then is reported as not"
    " proved.",
)


def milliseconds(seconds: float | None) -> int:
    """Return the time limit of a proof in milliseconds: *seconds*, or the default if `None`."""
    from repurchase.proof.proof import MILLISECONDS

    return MILLISECONDS if seconds is None else int(seconds * 1000)
