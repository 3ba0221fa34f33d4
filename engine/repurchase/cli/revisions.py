"""The version of a rule file at a git revision, with the packs that stood beside it.

Everything is read from git's objects into memory: no file is written, so that none can stay behind.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Final

from msgspec import Struct

from repurchase.domain.errors import Problem, UsageError, Wrong
from repurchase.rulebook.editions import Editions, load_document
from repurchase.rulebook.packs import shipped_or_beside
from repurchase.rulebook.yaml_reader import Document, read_document

# Git sets them for its hooks, for a folder that need not be the one of the rule file.
_OF_A_HOOK: Final = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX")
_OWN: Final = "./"


class OldVersion(Struct, frozen=True):
    """A file at a revision: its *name* in messages, its content, and whether it was renamed."""

    name: str
    editions: Editions
    was_renamed: bool


def old_version(path: Path, base: str) -> OldVersion | None:
    """Return the rule file *path* as it was at the git revision *base*; None if it is new since.

    A file that was renamed since is compared with the file that it was. Raise UsageError if *base*
    is not a revision or *path* is in no git repository, RuleFileError if the old file has errors.
    """
    if not base or base.startswith("-"):
        raise UsageError(Problem(f"`{base}` is not a git revision", "name a branch, tag or commit"))
    tree = _Tree(path.parent, base)
    place = tree.folder + path.name
    data = tree.content(place)
    before = place if data is not None else tree.name_before(place)
    if data is None and before is not None:
        data = tree.content(before)
    if before is None or data is None:
        return None
    name = f"{base}:{before}"
    editions = load_document(
        read_document(data, name), packs=lambda asked: tree.pack(asked, before)
    )
    return OldVersion(name, editions, before != place)


class _Tree:
    """The files of a repository at one revision."""

    def __init__(self, folder: Path, base: str) -> None:
        self._base = base
        self.folder = _git(folder, "rev-parse", "--show-prefix").decode(errors="surrogateescape")
        self.folder = self.folder.removesuffix("\n")
        top = _git(folder, "rev-parse", "--show-toplevel").decode(errors="surrogateescape")
        self._top = Path(top.removesuffix("\n"))
        found = _git(folder, "rev-parse", "--verify", "--quiet", f"{base}^{{commit}}", missing=True)
        self._commit = found.decode().strip()
        if not self._commit:
            what = f"`{base}` is not a git revision of {self._top}"
            raise UsageError(
                Problem(what, "name a branch, tag or commit; a CI may have to fetch it")
            )

    def content(self, place: str) -> bytes | None:
        """Return what the file *place* of the repository holds, links followed; None without it."""
        if "\n" in place:
            return None
        asked = f"{self._commit}:{place}\n".encode(errors="surrogateescape")
        # Without --follow-symlinks a link would be read as the path that it leads to.
        answer = _git(self._top, "cat-file", "--batch", "--follow-symlinks", given=asked)
        head, _, rest = answer.partition(b"\n")
        words = head.split(b" ")
        return rest[: int(words[2])] if len(words) == 3 and words[1] == b"blob" else None

    def name_before(self, place: str) -> str | None:
        """Return the name that the file *place* had at the revision, if it was renamed since."""
        compared = ("diff", "--no-ext-diff", "--no-textconv", "--name-status", "-z", "-M")
        found = _git(self._top, *compared, "--diff-filter=R", self._commit, "--")
        words = found.decode(errors="surrogateescape").split("\0")
        renamed = zip(words[2::3], words[1::3], strict=False)
        return dict(renamed).get(place)

    def pack(self, asked: str, by: str) -> Document:
        """Return the pack that the file *by* asks for: from this revision, or a shipped one."""
        if not asked.startswith(_OWN):
            return shipped_or_beside(by)(asked)
        place = f"{by.rpartition('/')[0]}/{asked.removeprefix(_OWN)}.yaml".removeprefix("/")
        data = self.content(place)
        if data is None:
            raise Wrong(f"the pack `{asked}` cannot be read", f"it would be {self._base}:{place}")
        return read_document(data, f"{self._base}:{place}")


def _git(folder: Path, *arguments: str, given: bytes = b"", missing: bool = False) -> bytes:
    """Return what git writes; raise UsageError with its message, unless *missing* is an answer."""
    environment = {name: value for name, value in os.environ.items() if name not in _OF_A_HOOK}
    try:
        done = subprocess.run(  # noqa: S603 - no shell, and no argument begins with a hyphen by chance
            ["git", *arguments],  # noqa: S607 - whichever git the user has
            cwd=folder,
            env=environment,
            input=given,
            capture_output=True,
            check=False,
        )
    except OSError as error:
        what = "git is not installed" if folder.is_dir() else "there is no such folder"
        raise UsageError(Problem(what, file=str(folder))) from error
    if done.returncode and not missing:
        said = done.stderr.decode(errors="backslashreplace").strip().splitlines()
        raise UsageError(Problem(f"git: {said[0] if said else 'no answer'}", file=str(folder)))
    return done.stdout
