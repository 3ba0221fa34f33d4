"""Several services on one journal, of which any may be killed and started again."""

from __future__ import annotations

import shutil
from contextlib import ExitStack
from pathlib import Path
from typing import Self

from services import Service, made_keys, serving


class Fleet:
    """So many services as its *size*, in processes of their own, with keys of the same *tokens*."""

    size: int
    tokens: dict[str, str]

    def __init__(self, folder: Path, journal: str, size: int, rules: str) -> None:
        """Start *size* services of *journal*, each in a folder of its own in *folder*."""
        self._journal, self._rules = journal, rules
        self._keys = folder / "keys.json"
        self.tokens = made_keys(self._keys)
        self._folders = [folder / f"service-{number}" for number in range(size)]
        self._running = [ExitStack() for _ in self._folders]
        self._services: list[Service] = []
        self.size = size

    def __enter__(self) -> Self:
        for number, folder in enumerate(self._folders):
            folder.mkdir()
            shutil.copy(self._keys, folder)
            self._services.append(self._started(number))
        return self

    def __exit__(self, *_: object) -> None:
        for one in self._running:
            one.close()

    def urls(self) -> list[str]:
        """Return where the services answer, or did until now."""
        return [one.url for one in self._services]

    def restart(self, number: int) -> None:
        """Kill the service *number*, wherever it is, and start another in its place."""
        # Leaving it is SIGKILL.
        self._running[number].close()
        self._services[number] = self._started(number)

    def _started(self, number: int) -> Service:
        at = serving(self._folders[number], self._journal, "--rate", "100000", rules=self._rules)
        found = self._running[number].enter_context(at)
        found.tokens = self.tokens
        return found
