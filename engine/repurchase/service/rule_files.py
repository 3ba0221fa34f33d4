"""The rule files that programs begin with, read again when they change.

A file with a fault changes nothing: the text that could be read last still counts.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from pathlib import Path

import msgspec
from msgspec.structs import replace

from repurchase.domain.errors import Problem, RepurchaseError, UsageError
from repurchase.journal.rule_texts import RuleText, rule_text
from repurchase.rulebook.yaml_reader import read_bytes


class RuleFile(msgspec.Struct, frozen=True):
    """A rule file: when and how it was written last, its *text*, and the faults it has now."""

    written: tuple[int, int]
    text: RuleText
    faults: tuple[Problem, ...] = ()


class RuleFiles:
    """The rule files of a directory, or one file, by path; *faults* are of files never read.

    Threads may read both while another one refreshes them.
    """

    files: Mapping[Path, RuleFile]
    faults: Mapping[Path, tuple[Problem, ...]]

    def __init__(self, place: Path | None) -> None:
        """Read the files of *place*; raise RepurchaseError if one of them cannot be used."""
        self._place = place
        self._refreshing = threading.Lock()
        self.files, self.faults = {path: _read(path) for path in self._paths()}, {}
        _check_names(self.files)

    def refresh(self) -> frozenset[str]:
        """Read again what was changed or added since; return whose text is another one now.

        A file with a fault keeps its text, and so does one that is gone.
        """
        with self._refreshing:
            before, files = self.by_name(), dict(self.files)
            faults: dict[Path, tuple[Problem, ...]] = {}
            for path in self._paths():
                known = files.get(path)
                if known is not None and known.written == _written(path):
                    continue
                try:
                    new = _read(path)
                    _check_names({**files, path: new})
                except RepurchaseError as error:
                    if known is None:
                        faults[path] = error.problems
                        continue
                    new = replace(known, written=_written(path), faults=error.problems)
                files[path] = new
            self.files, self.faults = files, faults
            now = self.by_name()
        return frozenset(name for name in now if before.get(name) != now[name])

    def by_name(self) -> dict[str, RuleText]:
        """Return the rule files by the names of their authorizations."""
        return {one.text.editions.authorization.name: one.text for one in self.files.values()}

    def _paths(self) -> Iterator[Path]:
        if self._place is None:
            return
        if not self._place.is_dir():
            yield self._place
            return
        for path in sorted(self._place.glob("*.yaml")):
            if not path.name.endswith(".cases.yaml"):
                yield path


def _check_names(files: Mapping[Path, RuleFile]) -> None:
    """Raise UsageError if two of *files* are of one authorization."""
    known: dict[str, Path] = {}
    for path, one in files.items():
        name = one.text.editions.authorization.name
        if name in known:
            what = f"the rule file {known[name].name} is of the authorization `{name}`, too"
            raise UsageError(Problem(what, "leave one of them out", str(path)))
        known[name] = path


def _read(path: Path) -> RuleFile:
    # First when it was written: what is written while it is read is read again.
    written = _written(path)
    return RuleFile(written, rule_text(read_bytes(path), str(path)))


def _written(path: Path) -> tuple[int, int]:
    try:
        found = path.stat()
    except OSError:
        return 0, 0
    return found.st_mtime_ns, found.st_size
