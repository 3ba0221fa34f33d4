"""The page on the service is true: its first commands are run as they stand, on both journals."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path
from typing import Final

import pytest

from stores import Store
from test_cli import COMMAND

PAGE: Final = (Path(__file__).parents[1] / "docs" / "service.md").read_text(encoding="utf-8")


def blocks(heading: str) -> list[str]:
    """Return the commands under *heading*, in order."""
    section = PAGE.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    return re.findall(r"```sh\n(.*?)```", section, re.DOTALL)


@pytest.mark.slow
def test_page_leads_to_a_first_denial(tmp_path: Path, store: Store) -> None:
    """A token, a service, an approved order and a denied one, with nothing else to know."""
    token, begin, serve, *orders = blocks("Begin")
    serve = serve.replace("=desk.db", f"='{store.url}'")
    # One shell, as a reader has it, but for the service, which has a terminal of its own.
    script = f"""
set -eu
{token}
{begin}
({serve.replace("repurchase serve", "exec repurchase serve")}) 2>log & service=$!
until grep -q listening log; do kill -0 $service; sleep 0.1; done
{orders[0]}
echo
{orders[1]}
kill $service
wait $service
"""
    path = f"{Path(COMMAND).parent}:{os.environ['PATH']}"
    done = subprocess.run(
        ("bash", "-c", script), cwd=tmp_path, env={**os.environ, "PATH": path},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr + (tmp_path / "log").read_text()
    approved, denied = (json.loads(line) for line in done.stdout.splitlines())
    assert (approved["outcome"], denied["outcome"]) == ("approved", "denied")
    assert all(one["rule"] and one["message"] for one in denied["findings"])
