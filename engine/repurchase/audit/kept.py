"""The files that are kept beside a journal: keys, checkpoints, receipts, evidence."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from repurchase.domain.errors import Problem, UsageError, reason
from repurchase.intake.sources import NotAFile, open_file


@contextmanager
def kept_file(path: Path) -> Iterator[BinaryIO]:
    """Yield the regular file *path*, open to read; raise UsageError if it cannot be read."""
    try:
        with open_file(path) as file:
            yield file
    except FileNotFoundError as error:
        raise UsageError(Problem("the file does not exist", file=str(path))) from error
    except (NotAFile, IsADirectoryError) as error:
        raise UsageError(Problem("this is not a regular file", file=str(path))) from error
    except OSError as error:
        what = f"the file cannot be read: {reason(error)}"
        raise UsageError(Problem(what, file=str(path))) from error
