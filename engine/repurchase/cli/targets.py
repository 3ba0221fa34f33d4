"""The files that a command is asked about: each by its name, or all in a folder."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from repurchase.cli.files import rule_file_or_pack
from repurchase.cli.output import remark
from repurchase.domain.errors import Problem, UsageError, reason

# The text is searched, not the YAML: a rule file that is not YAML any more must be found too, or
# its errors would go unseen. Keys at the top of a file are indented alike, unless it is in braces.
_FIRST: Final = re.compile(rb"^( *)(?!---|\.\.\.)([^\s#%])", re.MULTILINE)
_KEY: Final = re.compile(
    rb"^([ \t]*)\{?[ \t]*[\"']?(repurchase|authorization|pack)[\"']?[ \t]*:", re.MULTILINE
)
_UNREADABLE: Final = b"repurchase:"
_YAML: Final = (".yaml", ".yml")
_LISTED: Final = 5


def targets(names: Iterable[str]) -> list[Path]:
    """Return the files that *names* stand for, each once: a folder stands for all of ours in it.

    Raise UsageError if a folder cannot be read, or has no rule file, pack or cases file.
    """
    return list(dict.fromkeys(path for name in names for path in _targets(name)))


def is_cases(path: Path) -> bool:
    """Return whether *path* is named as a cases file is."""
    from repurchase.rulebook.cases_file import CASES

    return path.name.endswith(CASES)


def is_folder(name: str) -> bool:
    """Return whether *name* is a folder, and not the name of a shipped file."""
    from repurchase.rulebook.library import pack_names, rule_names

    try:
        return Path(name).is_dir() and name not in (*rule_names(), *pack_names())
    except OSError:
        # What the system refuses to say is reported when the file is read.
        return False


def is_rule_file(path: Path) -> bool:
    """Return whether *path*, one of the `targets`, is a rule file: not a pack, and not cases."""
    return not is_cases(path) and (b"pack" not in (keys := _keys(path)) or b"authorization" in keys)


def _targets(name: str) -> Iterable[Path]:
    path = Path(name)
    if not is_folder(name):
        return [path if is_cases(path) else rule_file_or_pack(name)]
    found = list(_yaml_in(path))
    ours = [one for one in found if is_cases(one) or _is_ours(one)]
    others = [str(one) for one in found if one not in ours]
    if not ours:
        what = "the folder has no rule file, pack or cases file"
        raise UsageError(Problem(what, "name another folder, or a file", name))
    if others:
        listed = ", ".join(others[:_LISTED])
        more = f" and {len(others) - _LISTED} more" if len(others) > _LISTED else ""
        remark(f"skipped, neither a rule file nor a pack nor cases: {listed}{more}")
    return ours


def _yaml_in(folder: Path) -> Iterator[Path]:
    """Yield the YAML files in *folder* and below, in order; hidden folders are left out."""
    for place, folders, names in os.walk(folder, onerror=_refuse):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        yield from (Path(place, name) for name in sorted(names) if name.endswith(_YAML))


def _refuse(error: OSError) -> None:
    what = f"the folder cannot be read: {reason(error)}"
    raise UsageError(Problem(what, file=error.filename)) from error


def _is_ours(path: Path) -> bool:
    return bool(_keys(path))


def _keys(path: Path) -> set[bytes]:
    """Return which keys of a rule file or a pack the text of *path* has at its top."""
    content = _content(path)
    first = _FIRST.search(content)
    if first is None:
        return set()
    is_in_braces = first[2] == b"{"
    found = _KEY.finditer(content)
    return {one[2] for one in found if is_in_braces or len(one[1]) <= len(first[1])}


def _content(path: Path) -> bytes:
    """Return what *path* holds; of a file that cannot be read, what makes it one to be reported."""
    from repurchase.rulebook.yaml_reader import BYTES_MAX

    try:
        # Opening a pipe would wait for someone to write into it.
        if not path.is_file():
            return _UNREADABLE
        with path.open("rb") as file:
            content = file.read(BYTES_MAX)
    except OSError:
        return _UNREADABLE
    # In another encoding no key would be found.
    return _UNREADABLE if b"\0" in content else content.removeprefix(b"\xef\xbb\xbf")
