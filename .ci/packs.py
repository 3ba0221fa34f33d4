"""Write a page for each shipped rule pack into docs/packs/, from the pack: `make manual`.

`tests/test_pages.py` keeps the pages what this would write.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from pathlib import Path
from typing import Final

from repurchase.domain.formats import unit
from repurchase.domain.quantities import value_written
from repurchase.domain.terms import Figure, Source, Validity
from repurchase.language.expression import on_one_line
from repurchase.rulebook.library import pack_names
from repurchase.rulebook.model import Pack, Rule, fact_in
from repurchase.rulebook.packs import shipped_pack

FOLDER: Final = Path(__file__).parents[1] / "docs" / "packs"
EFFECTS: Final = {
    "deny": "An event that fails the rule is denied.",
    "review": "An order that fails the rule is held until a second person releases it.",
    "flag": "An event that fails the rule is approved, and the finding is recorded.",
}
AT: Final = {
    "order": " The rule evaluates requests, not fills.",
    "fill": " The rule evaluates fills, not requests.",
    "both": "",
}
WIDTH: Final = 100


def main() -> None:
    """Write every page anew."""
    FOLDER.mkdir(exist_ok=True)
    for name, text in pages().items():
        (FOLDER / name).write_text(text, encoding="utf-8")


def pages() -> dict[str, str]:
    """Return the text of each page by its file name: one for each pack, and their index."""
    packs = [shipped_pack(name) for name in pack_names()]
    found = {f"{pack.name}.md": _text(_page(pack)) for pack in packs}
    return found | {"index.md": _text(_index(packs))}


def _text(lines: Iterable[str]) -> str:
    """Return *lines* as one text, with one empty line between two parts."""
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip() + "\n"


def _index(packs: Iterable[Pack]) -> Iterator[str]:
    yield "# Rule packs\n"
    yield "A rule pack holds the rules and the dated limits of one body of law. A rule file"
    yield "includes it by its name, and `repurchase explain NAME` shows it. A pack is not legal"
    yield "advice.\n"
    rows = ((f"[`{one.name}`]({one.name}.md)", one.title) for one in packs)
    yield from _table(("pack", "law"), rows)
    yield "\n```{toctree}\n:hidden:\n"
    yield from (pack.name for pack in packs)
    yield "```"


def _page(pack: Pack) -> Iterator[str]:
    rules = sorted((*pack.rules, *pack.off), key=lambda rule: rule.line)
    yield f"# {pack.name}\n"
    yield f"**{pack.title}.**\n"
    yield from _introduction(pack)
    yield f"A rule file includes it with `include: [{pack.name}]`.\n"
    if pack.by_day:
        yield "If one purchase fails a rule, all purchases of that day are outside the safe"
        yield "harbour. The summary of `replay` lists the day under `days`.\n"
    yield from _options(pack)
    yield from _limits(pack)
    yield "## Rules\n"
    for rule in rules:
        yield from _rule(rule, pack)
    yield from _facts(rules, pack)
    yield from _sources(pack.sources)


def _introduction(pack: Pack) -> Iterator[str]:
    """Yield the comment at the top of the pack's file: what it covers, and what it does not."""
    for line in pack.text.splitlines():
        if not line.startswith("#"):
            break
        yield line.removeprefix("#").strip()
    yield ""


def _options(pack: Pack) -> Iterator[str]:
    if not pack.options:
        return
    yield "## Options\n"
    option = f"include: [{{pack: {pack.name}, options: [{pack.options[0].name}]}}]"
    yield f"`{option}` turns an option on.\n"
    rows = ((f"`{one.name}`", one.title, one.cite or "") for one in pack.options)
    yield from _table(("option", "what it means", "source"), rows)
    yield ""


def _limits(pack: Pack) -> Iterator[str]:
    if not pack.limits:
        return
    yield "## Limits\n"
    rows = (
        (
            f"`{limit.name}`",
            _value(version.figure),
            *_days(version.validity),
            version.cite or "",
        )
        for limit in pack.limits
        for version in limit.versions
    )
    yield from _table(("limit", "value", "from", "until", "known", "source"), rows)
    yield ""


def _value(figure: Figure) -> str:
    dimension = figure.dimension
    return unit(value_written(figure.value, dimension), str(dimension))


def _rule(rule: Rule, pack: Pack) -> Iterator[str]:
    yield f"### {rule.id.removeprefix(f'{pack.name}.')}\n"
    if rule.title:
        yield f"{rule.title}.\n"
    yield "```text"
    yield from textwrap.wrap(on_one_line(rule.require.text), WIDTH)
    if rule.when is not None:
        yield from textwrap.wrap(f"when {on_one_line(rule.when.text)}", WIDTH)
    yield "```\n"
    yield f"{EFFECTS[rule.effect]}{AT[rule.at]}\n"
    first, last, _ = _days(rule.validity)
    notes = (
        ("Effective from", first),
        ("Effective to", last),
        ("Source", rule.cite),
        ("Quote", rule.quote and f"“{rule.quote.text}”"),
        ("Why", rule.why),
        ("Not verified", rule.unverified),
        ("Option", _switch(rule, pack)),
    )
    for name, text in notes:
        if text:
            yield f"- {name}: {text}"
    yield ""


def _switch(rule: Rule, pack: Pack) -> str:
    """Return which option turns *rule* on or off."""
    state = "on" if rule in pack.off else "off"
    names = [f"`{one.name}` turns it {state}" for one in pack.options if rule.id in one.turns]
    return ", ".join(names)


def _facts(rules: Iterable[Rule], pack: Pack) -> Iterator[str]:
    yield "## Facts that the rules read\n"
    yield "An event carries them, or the files of `--market` supply them.\n"
    names = sorted({name for rule in rules for name in rule.facts})
    facts = (fact_in(pack.averages, name) for name in names)
    rows = (
        (f"`{fact.name}`", fact.meaning, ", ".join(f"`{one}`" for one in fact.given_by))
        for fact in facts
    )
    yield from _table(("fact", "meaning", "event fields"), rows)


def _sources(sources: Iterable[Source]) -> Iterator[str]:
    listed = [f"- {one.title}" + (f": {one.url}" if one.url else "") for one in sources]
    if listed:
        yield "\n## Sources\n"
        yield from listed


def _days(validity: Validity) -> tuple[str, str, str]:
    days: tuple[date | None, ...] = (validity.first, validity.last, validity.known)
    first, last, known = ("" if day is None else day.isoformat() for day in days)
    return first, last, known


def _table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    yield f"| {' | '.join(headings)} |"
    yield "|---" * len(headings) + "|"
    yield from (f"| {' | '.join(row)} |" for row in rows)


if __name__ == "__main__":
    main()
