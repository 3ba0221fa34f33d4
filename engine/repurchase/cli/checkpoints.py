"""The checkpoints that a command is given, and the key that checks who signed them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from repurchase.cli.options import Option, file_option
from repurchase.domain.errors import Problem, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from repurchase.audit.checkpoint import Checkpoint

checkpoints_option: Option = click.option(
    "--checkpoint",
    "checkpoint_files",
    type=click.Path(path_type=Path),
    metavar="FILE",
    multiple=True,
    help="A checkpoint that was kept elsewhere. The chain must contain it. Give several to check"
    " that each follows the one before.",
)
public_key_option: Option = file_option(
    "--public-key",
    help="The public key that checks who signed a checkpoint or a certificate.",
)


def read_checkpoints(files: Sequence[Path], key: Path | None) -> list[Checkpoint]:
    """Return the checkpoints in *files*, all signed by *key*.

    Raise UsageError if there are files without a key, or a key without files.
    """
    if bool(files) != (key is not None):
        missing = "--public-key" if key is None else "--checkpoint"
        hint = f"give {missing}, too: the key checks the signature of the checkpoint"
        raise UsageError(Problem(f"{missing} is missing", hint))
    if key is None:
        return []
    from repurchase.audit.signatures import public_key, read_checkpoint

    known = public_key(key)
    return [read_checkpoint(one, known) for one in files]
