"""What people read of decisions: JSON for programs, tables and bars for a terminal.

Text from files and events is shown as plain text: never as markup, control characters escaped.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from datetime import date
from fractions import Fraction
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Final, Self, TextIO

import msgspec
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from repurchase.edition import Edition
from repurchase.errors import Problem, UsageError, plain, reason
from repurchase.expression import on_one_line
from repurchase.facts import TABLE, Fact
from repurchase.quantities import percent, shown, value_written
from repurchase.replay import Decided, Program, RuleCount, Summary
from repurchase.rulefile import Authorization
from repurchase.terms import Span
from repurchase.wording import WordedDecision, quote_of, sentence, unit, worded

_NOT_PRINTABLE: Final = re.compile(r"[^\x20-\x7e]")
_BAR_WIDTH: Final = 32
_MARKS: Final = {
    "approved": ("approved", "green"),
    "recorded": ("recorded", "green"),
    "held": ("held", "yellow"),
    "denied": ("DENIED", "bold red"),
    "refused": ("REFUSED", "bold red"),
}
_RESULTS: Final = {
    "pass": ("passes", "green"),
    "fail": ("FAILS", "bold red"),
    "indeterminate": ("UNDECIDED", "bold red"),
    "not_applicable": ("spared", "dim"),
}


def json_text(value: object) -> str:
    """Return *value* as one line of JSON, without a character that a terminal could obey."""
    try:
        text = msgspec.json.encode(value).decode()
    except UnicodeEncodeError:
        text = msgspec.json.encode(_encodable(msgspec.to_builtins(value))).decode()
    return text if text.isprintable() else _NOT_PRINTABLE.sub(_escaped, text)


def _escaped(match: re.Match[str]) -> str:
    character = match.group()
    if character.isprintable():
        return character
    units = character.encode("utf-16-be").hex()
    return "".join(f"\\u{units[at : at + 4]}" for at in range(0, len(units), 4))


def _encodable(value: object) -> object:
    """Return *value* with each text escaped where it holds what UTF-8 does not, as a path may."""
    if isinstance(value, dict):
        return {_encodable(name): _encodable(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_encodable(one) for one in value]
    return value.encode(errors="backslashreplace").decode() if isinstance(value, str) else value


def decided_json(decided: Decided) -> str:
    """Return a decision with its findings in words, as one line of JSON."""
    decision = decided.decision
    # Most of a log passes: without findings there is nothing to put in words.
    return json_text(worded(decision, decided.edition) if decision.findings else decision)


class DecisionsFile:
    """The decisions of a replay, a line each; they stand in `NAME.partial` until all are there."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._partial = path
        self._file: TextIO | None = None

    def write(self, decided: Decided) -> None:
        """Add one decision; raise UsageError where it cannot be written."""
        assert self._file is not None
        try:
            self._file.write(decided_json(decided) + "\n")
        except OSError as error:
            raise self._unwritable(error) from error

    def __enter__(self) -> Self:
        path = self._path
        try:
            # What is there and is no file, a pipe or a stream, is written as it is.
            if path.name and (path.is_file() or not path.exists()):
                self._partial = path.with_name(f"{path.name}.partial")
            self._file = self._partial.open("w", encoding="utf-8", newline="\n")
        except OSError as error:
            raise self._unwritable(error) from error
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        assert self._file is not None
        if kind is not None:
            # It ends for another reason already: what is written stays in the partial file.
            with suppress(OSError):
                self._file.close()
            return
        try:
            self._finish(self._file)
        except OSError as unwritten:
            with suppress(OSError):
                self._file.close()
            raise self._unwritable(unwritten) from unwritten

    def _finish(self, file: TextIO) -> None:
        file.flush()
        if self._partial == self._path:
            file.close()
            return
        os.fsync(file.fileno())
        file.close()
        # A link stays one: what it leads to is replaced.
        self._partial.replace(self._path.resolve())

    def _unwritable(self, error: OSError) -> UsageError:
        what = f"the decisions cannot be written: {reason(error)}"
        return UsageError(Problem(what, file=str(self._partial)))


def summary_view(
    program: Program, summary: Summary, denials: Denials, title: str
) -> RenderableType:
    """Return what a log came to, for a terminal."""
    edition = program.edition or program.editions.on(program.editions.first_day())
    parts: list[RenderableType] = [Text(plain(title), style="bold"), _counts(summary)]
    parts += [_use(program, summary, edition)]
    if summary.by_rule:
        parts.append(denials.view(summary.by_rule))
    parts += _remarks(summary)
    return Group(*parts)


class Denials:
    """Why events of a log were not approved: the first case of each rule."""

    def __init__(self) -> None:
        self._first: dict[str, tuple[str, str, str]] = {}

    def add(self, decided: Decided) -> None:
        """Note what stopped *decided*, if anything did."""
        for finding in decided.decision.findings:
            stopped = finding.result in ("fail", "indeterminate")
            if stopped and finding.rule not in self._first:
                quote = quote_of(finding, decided.edition)
                said = quote.text if quote is not None else ""
                self._first[finding.rule] = (decided.decision.id, sentence(finding), said)

    def view(self, counts: Mapping[str, RuleCount]) -> RenderableType:
        """Return the rules that stopped something, with their *counts*, the most frequent first."""
        times = {rule: count.fail + count.indeterminate for rule, count in counts.items()}
        table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
        for heading in ("rule", "times", "first", "why", "the source says"):
            table.add_column(heading, justify="right" if heading == "times" else "left")
        for rule, count in sorted(times.items(), key=lambda item: (-item[1], item[0])):
            name, why, quote = self._first[rule]
            said = f"“{plain(quote)}”" if quote else ""
            table.add_row(
                Text(plain(rule), style="red"),
                f"{count:,}",
                Text(plain(name)),
                Text(why),
                Text(said),
            )
        return table


def decision_view(decided: Decided) -> RenderableType:
    """Return one decision with every rule, for a terminal."""
    decision = worded(decided.decision, decided.edition)
    word, style = _MARKS[decision.outcome]
    parts: list[RenderableType] = [
        Text.assemble((word, style), " ", plain(f"{decision.kind} {decision.id}"))
    ]
    parts += [_findings(decision), _left(decision, decided.edition)]
    return Group(*parts)


def _findings(decision: WordedDecision) -> Table:
    table = Table(box=None, pad_edge=False, show_header=False, padding=(0, 2, 0, 0))
    for found in decision.findings:
        word, style = _RESULTS[found.result]
        if found.effect != "deny":
            word = f"{word} ({found.effect})"
        quote = f"“{plain(found.quote)}”" if found.quote else ""
        table.add_row(
            Text(word, style=style), Text(plain(found.rule)), Text(found.message), Text(quote)
        )
    return table


def _left(decision: WordedDecision, edition: Edition) -> Text:
    position, currency = decision.position, edition.authorization.currency
    # What is left is rounded down: nobody may use what is not there.
    down = partial(shown, up=False)
    shares, amount = "no cap on shares", "no cap on money"
    if edition.max_shares is not None:
        shares = unit(position.remaining_shares, "shares", down)
    if edition.max_amount is not None:
        amount = unit(position.remaining_amount, currency, down)
    return Text(f"left after it: {shares}, {amount}")


def _counts(summary: Summary) -> Text:
    words = [_counted(summary.events, "event")]
    for outcome in ("approved", "held", "denied", "refused", "recorded"):
        count = getattr(summary, outcome)
        if count:
            words.append(f"{count:,} {outcome}")
    if summary.duplicates:
        words.append(_counted(summary.duplicates, "duplicate"))
    if summary.skipped:
        words.append(f"{summary.skipped:,} of other symbols skipped")
    return Text(", ".join(words))


def _counted(count: int, noun: str) -> str:
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def _use(program: Program, summary: Summary, edition: Edition) -> Table:
    table = Table(box=None, pad_edge=False, show_header=False, padding=(0, 2, 0, 0))
    currency = edition.authorization.currency
    rows = (
        ("shares", summary.executed_shares, edition.max_shares, "shares"),
        ("money", summary.executed_amount, edition.max_amount, currency),
    )
    for name, used, cap, dimension in rows:
        if cap is None:
            table.add_row(name, "", "", f"{unit(used, dimension)}, no cap")
            continue
        share = None if used is None else Fraction(used) / cap
        of = f"{unit(used, dimension)} of {unit(str(cap), dimension)}"
        table.add_row(name, bar(share), _percent(share), of)
    window = _window(program, edition)
    if window is not None:
        table.add_row("window", *window)
    return table


def _window(program: Program, edition: Edition) -> tuple[Text, str, str] | None:
    terms, day = edition.constants.terms, program.last_day
    first, last = terms.get("terms.first_day"), terms.get("terms.last_day")
    if first is None or last is None or day is None:
        return None
    gone = min(max(day.toordinal() - int(first) + 1, 0), int(last) - int(first) + 1)
    share = Fraction(gone, int(last) - int(first) + 1)
    days = f"{date.fromordinal(int(first))} to {date.fromordinal(int(last))}, last event {day}"
    return bar(share), _percent(share), days


def bar(share: Fraction | None) -> Text:
    """Return a bar for the *share* of a whole that is used; it is red past the whole."""
    if share is None:
        return Text("unknown".ljust(_BAR_WIDTH), style="red")
    filled = min((share * _BAR_WIDTH).__ceil__(), _BAR_WIDTH)
    style = "red" if share > 1 else "cyan"
    return Text.assemble(("█" * filled, style), ("░" * (_BAR_WIDTH - filled), "dim"))


def _percent(share: Fraction | None) -> str:
    return "" if share is None else f"{percent(share, 1)} %"


def _remarks(summary: Summary) -> Iterator[Text]:
    if summary.unknown:
        named = ", ".join(plain(name) for name in summary.unknown[:5])
        more = f" and {len(summary.unknown) - 5} more" if len(summary.unknown) > 5 else ""
        yield Text(f"shares or money of these fills are unknown: {named}{more}", style="red")
    if summary.first_denied is not None:
        yield Text(f"the first event denied is {plain(summary.first_denied)}")


def problems_json(problems: Iterable[Problem]) -> str:
    """Return *problems* as one line of JSON: `{"errors": [...]}`."""
    return json_text({"errors": list(problems)})


def fact_view(fact: Fact) -> RenderableType:
    """Return what a fact means and where it comes from, for a terminal."""
    words = f"\nis one of {', '.join(fact.words)}" if fact.words else ""
    return Text.assemble(
        (fact.name, "bold"),
        f"\n{fact.meaning}",
        f"\ndimension: {_dimension(fact)}",
        f"\ncomes from the event's {', '.join(fact.given_by)}",
        words,
    )


def authorization_view(authorization: Authorization) -> RenderableType:
    """Return an authorization in words: terms, rules, and the facts that its rules read.

    All that it says stands there, whenever it holds: each version of a term, each rule.
    """
    heading = Text.assemble(
        (plain(authorization.name), "bold"),
        plain(f"  {authorization.issuer or ''}"),
        f"\ndays are counted in {authorization.timezone}, money in {authorization.currency}",
    )
    tables = (_terms(authorization), _rules(authorization), _facts(authorization))
    return Group(*(part for view in (heading, *tables) for part in (view, Text())))


def _terms(authorization: Authorization) -> Table:
    table = _plain_table("term", "figure", "the source says")
    for term in authorization.terms:
        for version in term.versions:
            exact = value_written(version.figure.value, version.figure.dimension)
            figure = unit(exact, str(version.figure.dimension))
            said = version.quote
            table.add_row(
                Text(term.name),
                Text(figure + _when(version.span)),
                Text(f"“{plain(said.text)}”" if said is not None else ""),
            )
    return table


def _rules(authorization: Authorization) -> Table:
    table = _plain_table("rule", "effect", "requires", "title")
    for rule in authorization.rules:
        effect = rule.effect if rule.at == "both" else f"{rule.effect} at {rule.at}"
        requires = on_one_line(rule.require.text)
        if rule.when is not None:
            requires += f" when {on_one_line(rule.when.text)}"
        table.add_row(
            Text(rule.id),
            Text(effect + _when(rule.span)),
            Text(plain(requires)),
            Text(plain(rule.title or "")),
        )
    return table


def _when(span: Span) -> str:
    dates = (("from", span.first), ("until", span.last), ("known", span.known))
    return "".join(f", {word} {day}" for word, day in dates if day is not None)


def _facts(authorization: Authorization) -> Table:
    table = _plain_table("fact that is read", "meaning", "given by")
    for name in sorted({name for rule in authorization.rules for name in rule.facts}):
        fact = TABLE[name]
        table.add_row(Text(name), Text(fact.meaning), Text(", ".join(fact.given_by)))
    return table


def _dimension(fact: Fact) -> str:
    if fact.dimension.currency == "program":
        return f"{fact.dimension.kind} in the program's currency"
    return str(fact.dimension)


def _plain_table(*headings: str) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for heading in headings:
        table.add_column(heading)
    return table
