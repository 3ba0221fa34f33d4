"""The pages of docs/, and the README as an index shows it: current, true, without dead links."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Final

import pytest

from scripts import script

ROOT: Final = Path(__file__).parents[1]
DOCS: Final = ROOT / "docs"
PACKAGE: Final = ROOT / "engine" / "repurchase"
PAGES: Final = sorted(DOCS.rglob("*.md"))
# Written by hand at the top of the repository, and read on its host.
TOP: Final = [ROOT / name for name in ("CONTRIBUTING.md", "SECURITY.md")]
LINK: Final = re.compile(
    r"\]\(([^)\s]+)\)|^\[[^\]]+\]:\s*(\S+)|(?:href|src)=\"([^\"]+)\"", re.MULTILINE
)


def links(text: str) -> list[str]:
    """Return where the links and images of *text* lead; what is code has none."""
    plain = re.sub(r"^```.*?^```|`[^`\n]*`", "", text, flags=re.DOTALL | re.MULTILINE)
    return ["".join(found) for found in LINK.findall(plain)]


def test_pages_of_the_packs_are_current() -> None:
    """`make manual` would change nothing, and no page is left of a pack that is gone."""
    written = {path.name: path.read_text(encoding="utf-8") for path in (DOCS / "packs").iterdir()}
    assert written == script("packs").pages()


def test_readme_has_no_relative_link() -> None:
    """The page of an index shows the README without the files that lie beside it."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    found = links((ROOT / project["readme"]).read_text(encoding="utf-8"))
    assert found
    assert [one for one in found if not one.startswith("https://")] == []


@pytest.mark.parametrize("path", [*PAGES, *TOP], ids=lambda path: path.name)
def test_links_between_pages_lead_somewhere(path: Path) -> None:
    """A page or a file that is named by its path is there."""
    inner = [one for one in links(path.read_text(encoding="utf-8")) if not one.startswith("http")]
    files = [one.partition("#")[0] for one in inner if not one.startswith("#")]
    assert [one for one in files if not (path.parent / one).exists()] == []


def test_every_page_is_in_the_index() -> None:
    """Sphinx warns of a page that no list names; so does this, without it."""
    index = (DOCS / "index.md").read_text(encoding="utf-8")
    listed = index[index.index("```{toctree}") :]
    names = {str(path.relative_to(DOCS).with_suffix("")) for path in PAGES}
    top = {name for name in names if "/" not in name or name == "packs/index"} - {"index"}
    assert {name for name in top if f"\n{name}\n" not in listed} == set()


def test_architecture_names_modules_that_there_are() -> None:
    """Who follows a walk finds each module, and each room is in its table, from the top down."""
    text = (DOCS / "architecture.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`((?:[a-z_]+/)+[a-z_]*(?:\.py)?)`", text))
    assert len(named) > 10
    places = [path for path in named if not ((PACKAGE / path).exists() or (ROOT / path).exists())]
    assert places == []
    rooms = re.findall(r"^\| `([a-z]+)` \|", text, re.MULTILINE)
    there = {path.parent.name for path in PACKAGE.glob("*/__init__.py")}
    assert set(rooms) == there
    config = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    layers = config["tool"]["importlinter"]["contracts"][0]["layers"]
    heights = {name: at for at, line in enumerate(layers) for name in re.findall(r"[a-z]+", line)}
    assert sorted(rooms, key=heights.__getitem__) == rooms


@pytest.mark.slow
def test_tutorial_shows_commands_that_work(tmp_path: Path) -> None:
    """Pasted in order, the commands of the tutorial end as it says."""
    text = (DOCS / "tutorial.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```sh\n(.*?)```", text, re.DOTALL)
    done = subprocess.run(
        ["bash", "-c", "\n".join(f"{block}\necho EXIT $?" for block in blocks)],
        cwd=tmp_path,
        env={"PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )
    outputs = re.split(r"EXIT (\d)\n", done.stdout)
    assert outputs[1::2] == ["0", "0", "0", "1", "0", "1"], done.stderr
    (cases,) = re.findall(r"# (\d+ of \d+ cases pass)", text)
    assert (done.stderr.count("the file has no errors or gaps"), cases in done.stderr) == (2, True)
    *_, asked, _, replayed, _, proved, _, compared, _, _ = outputs
    assert "approved order o-1" in asked.replace("  ", " ").lower()
    assert "denied" in replayed
    assert "PROVED" in proved
    assert "LOOSER (more permissive)" in compared
    assert "1 direct, 1 knock-on" in compared
