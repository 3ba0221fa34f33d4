"""The version of a rule file at a git revision, with the packs that stood beside it.

Everything is read from git's objects into memory: no file is written, so that none can stay behind.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from msgspec import Struct

from repurchase.cli.targets import is_cases
from repurchase.domain.errors import Problem, RuleFileError, UsageError, Wrong
from repurchase.intake.sources import open_file
from repurchase.rulebook.editions import Editions, load_document
from repurchase.rulebook.packs import shipped_or_beside
from repurchase.rulebook.yaml_reader import Document, read_document

# Git sets them for its hooks, for a folder that need not be the one of the rule file.
_OF_A_HOOK: Final = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX")
_OWN: Final = "./"
_COMMIT: Final = re.compile(rb"[0-9a-f]+\n")
_YAML: Final = ("*.yaml", "*.yml")
_KEY: Final = "authorization"
# Of a file that is not YAML, its authorization is searched in the text.
_NAMED: Final = rb"""(?m)^[ {]*["']?authorization["']?[ ]*:[ ]*["']?%s(?![\w-])"""


class OldVersion(Struct, frozen=True):
    """A file at a revision: its *name* in messages, its content, and whether it was renamed."""

    name: str
    editions: Editions
    was_renamed: bool


def old_version(path: Path, base: str, authorization: str) -> OldVersion | None:
    """Return the rule file *path* as it was at the git revision *base*; None if it is new since.

    A file that was renamed since is compared with the file that it was: with the one that had its
    *authorization*, or else with the one that git finds. Raise UsageError if *base* is not a
    revision, if *path* is in no git repository, or if several files had its authorization;
    RuleFileError if the old file has errors.
    """
    tree = _Tree(path.parent, base)
    place = tree.folder + path.name
    data = tree.content(place)
    before = place if data is not None else _renamed(tree, place, authorization)
    if data is None and before is not None:
        data = tree.content(before)
    if before is None or data is None:
        return None
    name = f"{base}:{before}"
    editions = load_document(
        read_document(data, name), packs=lambda asked: tree.pack(asked, before)
    )
    return OldVersion(name, editions, before != place)


def deleted(folder: Path, base: str) -> list[tuple[Path, str]]:
    """Return the rule files that *folder* had at the git revision *base* and has no longer.

    Each is given by its path and by its name at the revision. Raise UsageError if *base* is not a
    revision, or *folder* is in no git repository.
    """
    tree = _Tree(folder, base)
    gone = (
        place
        for place in tree.places()
        if place.startswith(tree.folder) and not os.path.lexists(tree.top / place)
    )
    found = tree.rule_files(list(gone))
    return [
        (folder / place.removeprefix(tree.folder), f"{base}:{place}")
        for place, _, document in found
        if document is not None
    ]


def _renamed(tree: _Tree, place: str, authorization: str) -> str | None:
    """Return the place at the revision of the file that is now at *place*; None if it is new.

    Git finds no new name that was not added to it, and none after a heavy edit. The file that had
    the *authorization* is the one to compare with all the same, or a new name would hide an edit.
    """
    known = tree.name_before(place)
    had = [
        (old, data)
        for old, data, document in tree.rule_files(tree.places())
        if _is_of(authorization, data, document)
    ]
    places = [old for old, _ in had]
    if not had or known in places:
        return known
    if len(had) > 1:
        # A file that is still there as it was is not the one that got another name.
        places = [old for old, data in had if not tree.is_unchanged(old, data)]
    if len(places) != 1:
        listed = ", ".join(old for old, _ in had)
        what = f"several files had the authorization `{authorization}`: {listed}"
        hint = "compare with one of them: repurchase diff OLD NEW"
        raise UsageError(Problem(what, hint, place))
    return places[0]


def _is_of(authorization: str, data: bytes, document: Document | None) -> bool:
    if document is not None:
        return document.value.get(_KEY) == authorization
    return re.search(_NAMED % re.escape(authorization.encode()), data) is not None


class _Tree:
    """The files of a repository at one revision."""

    def __init__(self, folder: Path, base: str) -> None:
        if not base or base.startswith("-"):
            what = f"`{base}` is not a git revision"
            raise UsageError(Problem(what, "name a branch, tag or commit"))
        self._base = base
        self.folder = _git(folder, "rev-parse", "--show-prefix").decode(errors="surrogateescape")
        self.folder = self.folder.removesuffix("\n")
        top = _git(folder, "rev-parse", "--show-toplevel").decode(errors="surrogateescape")
        self.top = Path(top.removesuffix("\n"))
        found = _git(
            folder, "rev-parse", "--verify", "--quiet", f"{base}^{{commit}}", missing=(1, 128)
        )
        # Of a range such as `HEAD~1..HEAD`, git writes both ends.
        self._commit = found.decode().strip() if _COMMIT.fullmatch(found) else ""
        if not self._commit:
            what = f"`{base}` is not a git revision of {self.top}"
            raise UsageError(
                Problem(what, "name a branch, tag or commit; a CI may have to fetch it")
            )

    def content(self, place: str) -> bytes | None:
        """Return what the file *place* of the repository holds, links followed; None without it."""
        if "\n" in place:
            return None
        asked = f"{self._commit}:{place}\n".encode(errors="surrogateescape")
        # Without --follow-symlinks a link would be read as the path that it leads to.
        answer = _git(self.top, "cat-file", "--batch", "--follow-symlinks", given=asked)
        head, _, rest = answer.partition(b"\n")
        words = head.split(b" ")
        return rest[: int(words[2])] if len(words) == 3 and words[1] == b"blob" else None

    def places(self) -> list[str]:
        """Return the place of each YAML file that may be a rule file at the revision, in order.

        The cases and the links are left out.
        """
        plain = ("--no-color", "--no-recurse-submodules", "--full-name")
        asked = ("grep", "-l", "-z", "-a", "-F", *plain, "-e", _KEY, self._commit, "--")
        found = _git(self.top, *asked, *_YAML, missing=(1,)).decode(errors="surrogateescape")
        places = (one.removeprefix(f"{self._commit}:") for one in found.split("\0") if one)
        return [place for place in places if not is_cases(Path(place))]

    def rule_files(self, places: list[str]) -> Iterator[tuple[str, bytes, Document | None]]:
        """Yield each rule file of *places* with its content, and as YAML unless it is not."""
        for place in places:
            data = self.content(place)
            if data is None:
                continue
            try:
                document = read_document(data, f"{self._base}:{place}")
            except RuleFileError:
                yield place, data, None
            else:
                if _KEY in document.value:
                    yield place, data, document

    def is_unchanged(self, place: str, data: bytes) -> bool:
        """Return whether the file *place* still holds *data*."""
        try:
            with open_file(self.top / place) as file:
                return file.read(len(data) + 1) == data
        except OSError:
            return False

    def name_before(self, place: str) -> str | None:
        """Return the name that the file *place* had at the revision, if it was renamed since."""
        compared = ("diff", "--no-ext-diff", "--no-textconv", "--name-status", "-z", "-M")
        found = _git(self.top, *compared, "--diff-filter=R", self._commit, "--")
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


def _git(folder: Path, *arguments: str, given: bytes = b"", missing: tuple[int, ...] = ()) -> bytes:
    """Return what git writes; raise UsageError with its message, unless *missing* has its code."""
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
    if done.returncode not in (0, *missing):
        said = done.stderr.decode(errors="backslashreplace").strip().splitlines()
        raise UsageError(Problem(f"git: {said[0] if said else 'no answer'}", file=str(folder)))
    return done.stdout
