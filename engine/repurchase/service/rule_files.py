"""The rule files that programs begin with, read again when they change.

A file with a fault changes nothing: the text that could be read last still counts.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec

from repurchase.domain.errors import Problem, RepurchaseError, UsageError
from repurchase.journal.rule_texts import RuleText, rule_text
from repurchase.rulebook.yaml_reader import read_bytes


class RuleFile(msgspec.Struct, frozen=True):
    """A rule file: when and how it was written last, its *text*, and the faults it has now."""

    written: tuple[int, int]
    text: RuleText
    faults: tuple[Problem, ...] = ()


class RuleFiles:
    """The rule files of a directory, or one file, by path; *faults* are of files never read."""

    files: dict[Path, RuleFile]
    faults: dict[Path, tuple[Problem, ...]]

    def __init__(self, place: Path | None) -> None:
        """Read the files of *place*; raise RepurchaseError if one of them cannot be used."""
        self._place = place
        self.files, self.faults = {}, {}
        for path in self._paths():
            self.files[path] = _read(path)
        self._check_names()

    def refresh(self) -> None:
        """Read again what was changed or added since; a file with a fault does not count.

        A file that is gone still counts.
        """
        self.faults = {}
        for path in self._paths():
            known = self.files.get(path)
            try:
                if known is None or known.written != _written(path):
                    self.files[path] = _read(path)
                    self._check_names()
            except RepurchaseError as error:
                if known is None:
                    self.files.pop(path, None)
                    self.faults[path] = error.problems
                else:
                    self.files[path] = msgspec.structs.replace(
                        known, written=_written(path), faults=error.problems
                    )

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

    def _check_names(self) -> None:
        """Raise UsageError if two files are of one authorization."""
        known: dict[str, Path] = {}
        for path, one in self.files.items():
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
