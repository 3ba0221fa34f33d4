"""What people read is written in sentences that they can follow at the first reading."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import click
import pytest

from repurchase.cli.main import commands

ROOT: Final = Path(__file__).parents[1]
WORDS_MAX: Final = 35
PAGES: Final = sorted(
    page
    for pattern in ("*.md", "rules/*.md", "docs/**/*.md")
    for page in ROOT.glob(pattern)
    # The manual is a page of its own, which this one includes.
    if page != ROOT / "docs" / "manual.md"
)

_FENCE: Final = re.compile(r"^(```|~~~).*?^\1", re.DOTALL | re.MULTILINE)
_COMMENT: Final = re.compile(r"<!--.*?-->", re.DOTALL)
_CODE: Final = re.compile(r"(`+).+?\1", re.DOTALL)
_LINK: Final = re.compile(r"\[([^]]*)\]\([^)]*\)")
# A new paragraph, item, heading, row or cell begins a new sentence.
_BREAK: Final = re.compile(r"\n\s*\n|\n(?=\s*(?:[-*+]|\d+\.|#|>|\|)\s?)|(?<!\\)\|")
# A sentence ends at its mark, a space, and what can begin another.
_END: Final = re.compile(r"(?<=[.!?])[*_)\"”]*\s+(?=[*_(\"“]*[A-Z0-9`•])")
_WORD: Final = re.compile(r"[^\W_][\w'.,:/%=<>-]*")
_ABBREVIATIONS: Final = re.compile(r"\b(?:e\.g|i\.e|No|vs|cf|etc)\.")


def sentences(text: str) -> Iterator[str]:
    """Yield each sentence of *text*, a page in Markdown; code within it counts as a word."""
    text = _COMMENT.sub("", _FENCE.sub("\n\n", text))
    text = _LINK.sub(r"\1", _CODE.sub("Code", text))
    for part in _BREAK.split(_ABBREVIATIONS.sub("abbreviation", text)):
        yield from (one for one in _END.split(part) if one.strip())


def too_long(text: str) -> list[str]:
    """Return the sentences of *text* that have more words than a reader should be asked for."""
    return [" ".join(one.split()) for one in sentences(text) if len(_WORD.findall(one)) > WORDS_MAX]


def help_texts() -> Iterator[tuple[str, str]]:
    """Yield the help of each command and each option, and what it is called."""
    inner = {
        f"{group} {name}": one
        for group, command in commands.commands.items()
        for name, one in getattr(command, "commands", {}).items()
    }
    for name, command in (("repurchase", commands), *commands.commands.items(), *inner.items()):
        # `\b` keeps a block of examples as it is: it is code.
        blocks = re.split(r"\n\s*\n", command.help or "")
        yield name, "\n\n".join(one for one in blocks if "\b" not in one)
        for parameter in command.params:
            if isinstance(parameter, click.Option):
                yield f"{name} {parameter.opts[0]}", parameter.help or ""


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_no_sentence_of_a_page_is_too_long(page: Path) -> None:
    """A reader can hold each sentence of README, manual and documentation in mind."""
    text = page.read_text(encoding="utf-8")
    assert len(list(sentences(text))) > 3
    assert too_long(text) == []


def test_no_sentence_of_the_help_is_too_long() -> None:
    """Nor is one of the help of a command or an option."""
    texts = dict(help_texts())
    assert len(texts) > len(commands.commands)
    assert {name: found for name, text in texts.items() if (found := too_long(text))} == {}


@pytest.mark.parametrize(
    ("text", "count"),
    [
        (f"{'word ' * 36}.", 1),
        (f"{'word ' * 35}.", 0),
        (f"{'word ' * 20}. And {'word ' * 20}.", 0),
        (f"- {'word ' * 20}\n- {'word ' * 20}", 0),
        (f"- {'word ' * 20}\n  {'word ' * 20}", 1),
        (f"| {'word ' * 20} | {'word ' * 20} |", 0),
        (f"`{'word ' * 40}` is one word.", 0),
        (f"```\n{'word ' * 40}\n```\n", 0),
        (f"e.g. {'word ' * 36}", 1),
    ],
)
def test_long_sentences_are_found(text: str, count: int) -> None:
    """A sentence goes over lines, ends at its mark, and never over cells, items or code."""
    assert len(too_long(text)) == count
