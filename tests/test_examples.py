"""Examples are true: each file prints what it says, and each Python block of a document runs."""

from __future__ import annotations

import doctest
import re
import subprocess
import sys
from collections.abc import Mapping
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any, Final

import pytest

ROOT: Final = Path(__file__).resolve().parents[1]
EXAMPLES: Final = ROOT / "examples"
# What pytest runs prints nothing of its own.
OF_PYTEST: Final = "test_rules.py"
PRINTED: Final[Mapping[str, str]] = {
    "check_an_order.py": """\
denied
jp-companies-act.period 2009-01-31 2009-01-30
window 2009-01-31 2009-01-30
""",
    "program_in_memory.py": """\
approved 1500
True refused
('amount-cap', 'jp-companies-act.amount', 'jp-companies-act.number', 'share-cap')
1 1
""",
    "headroom.py": """\
1572327 ('amount-cap', 'jp-companies-act.amount')
4.15 ('amount-cap', 'jp-companies-act.amount')
""",
    "frame.py": """\
a approved []
b denied ['amount-cap', 'jp-companies-act.amount', 'jp-companies-act.number', 'share-cap']
""",
    "desk.py": """\
approved
True 1
`price` is the float 2.65, which is not exact; give Decimal("2.65") or "2.65"
""",
}
DOCUMENTS: Final = sorted((ROOT / "README.md", *(ROOT / "docs").rglob("*.md")))
# A block of text right after one of Python is what that prints.
_BLOCK: Final = re.compile(
    r"^```python\n(.*?)^```$(?:\n\n^```text\n(.*?)^```$)?", re.MULTILINE | re.DOTALL
)


def test_every_example_is_tested() -> None:
    """No example is there of which nobody knows what it prints."""
    assert {one.name for one in EXAMPLES.glob("*.py")} == {*PRINTED, OF_PYTEST}


@pytest.mark.parametrize("name", PRINTED)
def test_example_prints_what_it_should(name: str, tmp_path: Path) -> None:
    """An example runs anywhere, by itself, without a warning, and prints this."""
    argv = [sys.executable, "-W", "error", str(EXAMPLES / name)]
    ended = subprocess.run(argv, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, PRINTED[name], "")


def test_example_of_pytest_passes(tmp_path: Path) -> None:
    """The example that is a test passes, and has found the rule files."""
    options = ("-q", "-p", "no:cacheprovider", "-c", "/dev/null", "--rootdir", str(EXAMPLES))
    argv = [sys.executable, "-m", "pytest", *options, str(EXAMPLES / OF_PYTEST)]
    ended = subprocess.run(argv, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert "6 passed" in ended.stdout, ended.stdout + ended.stderr


def run_blocks(text: str) -> int:
    """Run the Python blocks of the Markdown *text* in order, and return how many there are.

    They share their names, as if they were pasted one after the other. The output must be what
    stands behind the prompts of a block, or in a block of text after it.
    """
    names: dict[str, Any] = {"__name__": "__main__"}
    blocks = _BLOCK.findall(text)
    for number, (block, shown) in enumerate(blocks, 1):
        if ">>> " in block:
            found = doctest.DocTestParser().get_doctest(block, names, f"block {number}", None, 0)
            runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS)
            runner.run(found, clear_globs=False)
            assert runner.summarize(verbose=False).failed == 0
            names = found.globs
        else:
            printed = StringIO()
            with redirect_stdout(printed):
                exec(compile(block, f"block {number}", "exec"), names)
            assert not shown or printed.getvalue() == shown
    return len(blocks)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_python_of_documents_runs(
    document: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a document shows as Python can be pasted, and prints what it shows."""
    monkeypatch.chdir(tmp_path)
    text = document.read_text(encoding="utf-8")
    assert run_blocks(text) == text.count("```python\n")


def test_block_that_is_wrong_is_found() -> None:
    """A block that fails, or does not print what it shows, fails the test of its document."""
    assert run_blocks("```python\nx = 1\n```\ntext\n```python\n>>> x + 1\n2\n```\n") == 2
    with pytest.raises(AssertionError):
        run_blocks("```python\n>>> 1 + 1\n3\n```\n")
    assert run_blocks("```python\nprint(2)\n```\n\n```text\n2\n```\n") == 1
    with pytest.raises(AssertionError):
        run_blocks("```python\nprint(2)\n```\n\n```text\n3\n```\n")
    with pytest.raises(NameError):
        run_blocks("```python\nunknown\n```\n")
