"""What people read of decisions: JSON for programs, tables and bars for a terminal.

Text from files and events is shown as plain text: never as markup, control characters escaped.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from datetime import date, datetime
from fractions import Fraction
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Final, Self, TextIO

import msgspec
from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.table import Table
from rich.text import Text

from repurchase.audit import Verified
from repurchase.edition import Edition
from repurchase.errors import Problem, UsageError, plain, reason
from repurchase.events import Event
from repurchase.expression import on_one_line
from repurchase.facts import TABLE, Fact
from repurchase.headroom import Headroom
from repurchase.overview import Adopted, AdoptedThen, OrderLine, Overview, Told
from repurchase.program import Decided
from repurchase.quantities import percent, shown, value_written
from repurchase.replay import Program, RuleCount, Summary
from repurchase.rulefile import Authorization, Pack, Rule
from repurchase.terms import Span, Term
from repurchase.wording import ENGINE, WordedDecision, quote_of, sentence, unit, worded

_NOT_PRINTABLE: Final = re.compile(r"[^\x20-\x7e]")
_BAR_WIDTH: Final = 32
_BAR_WIDTH_MIN: Final = 8
# Between and behind the four columns of which one holds bars.
_GAPS: Final = 8
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


class WholeFile:
    """A file that is there whole or not at all: its lines stand in `NAME.partial` until then."""

    def __init__(self, path: Path, called: str) -> None:
        self._path = path
        self._called = called
        self._partial = path
        self._file: TextIO | None = None

    def add(self, line: str) -> None:
        """Add one line; raise UsageError where it cannot be written."""
        assert self._file is not None
        try:
            self._file.write(line + "\n")
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
        what = f"{self._called} cannot be written: {reason(error)}"
        return UsageError(Problem(what, file=str(self._partial)))


class DecisionsFile(WholeFile):
    """The decisions of a replay, a line each."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, "the decisions")

    def write(self, decided: Decided) -> None:
        """Add one decision; raise UsageError where it cannot be written."""
        self.add(decided_json(decided))


def summary_view(
    program: Program, summary: Summary, denials: Denials, title: str
) -> RenderableType:
    """Return what a log came to, for a terminal."""
    edition = program.edition or program.editions.on(program.editions.first_day())
    parts: list[RenderableType] = [Text(plain(title), style="bold"), _counts(summary)]
    parts.append(_Use(_use(program, summary, edition)))
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
        table = _plain_table("rule", "times", "first", "why", "the source says")
        table.columns[1].justify = "right"
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
        Text.assemble(
            (word, style),
            " ",
            plain(f"{decision.kind} {decision.id}"),
            ("  answered before" if decided.repeated else "", "dim"),
        )
    ]
    if decision.findings:
        parts.append(_findings(decision))
    return Group(*parts, _left(decision, decided.edition))


def _findings(decision: WordedDecision) -> Table:
    table = _plain_table("result", "rule", "what", "quote", headed=False)
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
    shares = _no_cap(edition, "max_shares", "no cap on shares")
    amount = _no_cap(edition, "max_amount", "no cap on money")
    if edition.max_shares is not None:
        shares = unit(position.remaining_shares, "shares", down)
    if edition.max_amount is not None:
        amount = unit(position.remaining_amount, currency, down)
    left = Text(f"left after it: {shares}, {amount}")
    if position.halted is None:
        return left
    return Text("\n").join([left, _halted(position.halted)])


def _halted(by: str) -> Text:
    return Text(f"halted by {plain(by)}: nothing is approved until it is resumed", style="bold red")


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


class _Use:
    """How much of each cap and of the window is used: bars, in what room their figures leave."""

    def __init__(self, rows: Iterable[_Used]) -> None:
        self._rows = tuple(rows)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Yield the table, as wide as the *console* has room for."""
        texts = [(row.name, _percent(row.share), row.figures) for row in self._rows]
        beside = sum(max(map(cell_len, column)) for column in zip(*texts, strict=True))
        width = options.max_width - beside - _GAPS
        table = _plain_table("what", "bar", "percent", "figures", headed=False)
        for row, (name, share, figures) in zip(self._rows, texts, strict=True):
            drawn = bar(row.share, max(_BAR_WIDTH_MIN, min(_BAR_WIDTH, width)))
            table.add_row(name, drawn if row.capped else "", share, Text(figures))
        yield table


class _Used(msgspec.Struct, frozen=True):
    """A row of `_Use`: the *share* is `None` where it is unknown, and where there is no cap."""

    name: str
    share: Fraction | None
    figures: str
    capped: bool = True


def _use(program: Program, summary: Summary, edition: Edition) -> Iterator[_Used]:
    currency = edition.authorization.currency
    rows = (
        ("shares", summary.executed_shares, edition.max_shares, "shares", "max_shares"),
        ("money", summary.executed_amount, edition.max_amount, currency, "max_amount"),
    )
    for name, used, cap, dimension, term in rows:
        if cap is None:
            none = _no_cap(edition, term, "no cap")
            yield _Used(name, None, f"{unit(used, dimension)}, {none}", capped=False)
            continue
        share = None if used is None else Fraction(used) / cap
        yield _Used(name, share, f"{unit(used, dimension)} of {unit(str(cap), dimension)}")
    yield from _window(program, edition)


def _no_cap(edition: Edition, term: str, none: str) -> str:
    """Return that there is *none*; one that other days have, or that is not known yet, is told."""
    named = any(one.name == term for one in edition.authorization.terms)
    return f"{none} known and in force" if named else none


def _window(program: Program, edition: Edition) -> Iterator[_Used]:
    terms, day = edition.constants.terms, program.last_day
    first, last = terms.get("terms.first_day"), terms.get("terms.last_day")
    if first is None or last is None or day is None:
        return
    gone = min(max(day.toordinal() - int(first) + 1, 0), int(last) - int(first) + 1)
    share = Fraction(gone, int(last) - int(first) + 1)
    days = f"{date.fromordinal(int(first))} to {date.fromordinal(int(last))}, last event {day}"
    yield _Used("window", share, days)


def bar(share: Fraction | None, width: int) -> Text:
    """Return a bar for the *share* of a whole that is used; it is red past the whole."""
    if share is None:
        return Text("unknown".ljust(width), style="red")
    filled = min((share * width).__ceil__(), width)
    style = "red" if share > 1 else "cyan"
    return Text.assemble(("█" * filled, style), ("░" * (width - filled), "dim"))


def _percent(share: Fraction | None) -> str:
    return "" if share is None else f"{percent(share, 1)} %"


def _remarks(summary: Summary) -> Iterator[RenderableType]:
    if summary.unknown:
        named = ", ".join(plain(name) for name in summary.unknown[:5])
        more = f" and {len(summary.unknown) - 5} more" if len(summary.unknown) > 5 else ""
        yield Text(f"shares or money of these fills are unknown: {named}{more}", style="red")
    if summary.first_denied is not None:
        yield Text(f"the first event denied is {plain(summary.first_denied)}")
    if summary.days:
        table = _plain_table("day", "pack", "failed", "not decided", "first", "events")
        for one in summary.days:
            rules = (
                ", ".join(rule.partition(".")[2] for rule in found)
                for found in (one.failed, one.undecided)
            )
            texts = (str(one.day), one.pack, *rules, one.first)
            table.add_row(*(Text(plain(text)) for text in texts), f"{one.events:,}")
        said = "all purchases of these days are outside a safe harbour, or not shown to be inside:"
        yield Text(said, "yellow")
        yield table


def verified_view(verified: Verified) -> RenderableType:
    """Return what a journal was found to be, for a terminal, and what there is to note down."""
    known = verified.checkpoint
    records = _counted(verified.records, "record")
    parts = [
        Text.assemble(
            ("verified", "green"), f"  {plain(verified.program)}: {records}, each judged again"
        ),
        Text(f"recorded from {_moment(verified.first)} to {_moment(verified.last)}"),
        *(Text(plain(remark)) for remark in verified.remarks),
    ]
    if known is not None:
        to = f"the checkpoint of {_moment(known.time)} to record {known.records:,}"
        parts.append(Text(f"confirmed by {to}"))
    parts.append(Text(f"{records}, head {verified.head}, {verified.last:%Y-%m-%d}"))
    if known is None:
        parts[-1] = Text.assemble("note down: ", parts[-1])
        parts.append(Text("consistent with itself; nothing outside confirms it"))
    return Group(*parts)


def _moment(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S %Z}"


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


def own_finding_view(name: str) -> RenderableType:
    """Return what the finding *name* of the program itself means, for a terminal."""
    return Text.assemble(
        (name, "bold"),
        f"\n{ENGINE[name]}",
        "\nfound by the program itself, whatever the rules say; the event is not approved",
        "\nin cases it stands under `rules` like a rule",
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
    views = (
        _figures(authorization.terms, "term"),
        _rules(authorization.rules),
        *(pack_view(pack) for pack in authorization.packs),
        _facts(authorization),
    )
    return Group(*(part for view in (heading, *views) for part in (view, Text())))


def pack_view(pack: Pack) -> RenderableType:
    """Return a pack of law in words: its options, its dated limits, its rules."""
    heading = Text.assemble((plain(pack.name), "bold"), plain(f"  {pack.title}"))
    if pack.by_day:
        heading.append("\none purchase that fails taints all of its day")
    options = [
        Text(plain(f"option {one.name} is {'on' if one.on else 'off'}: {one.title}"))
        for one in pack.options
    ]
    parts: list[RenderableType] = [heading, *options]
    if pack.limits:
        parts += [Text(), _figures(pack.limits, "limit")]
    parts += [Text(), _rules(pack.rules)]
    if pack.off:
        parts += [Text("\nnot in force, by its options:"), _rules(pack.off)]
    return Group(*parts)


def rule_view(rule: Rule, limits: Iterable[Term]) -> RenderableType:
    """Return one rule in words, with the *limits* that it reads, for a terminal."""
    said = [
        ("", rule.title),
        ("requires ", on_one_line(rule.require.text)),
        ("where ", None if rule.when is None else on_one_line(rule.when.text)),
        ("effect: ", f"{rule.effect}, at {rule.at}{_when(rule.span)}"),
        ("stands in ", rule.cite),
        ("", rule.why),
        ("unverified: ", rule.unverified),
    ]
    lines = (plain(f"{before}{text}") for before, text in said if text is not None)
    read = {name.rpartition(".")[2] for name in rule.constants if ".limits." in name}
    facts = _plain_table("fact that is read", "meaning", "given by")
    for name in sorted(rule.facts):
        facts.add_row(Text(name), Text(TABLE[name].meaning), Text(", ".join(TABLE[name].given_by)))
    figures = [_figures([one for one in limits if one.name in read], "limit"), Text()]
    return Group(
        Text.assemble((plain(rule.id), "bold")),
        *(Text(line) for line in lines),
        Text(),
        *(figures if read else ()),
        facts,
    )


def limit_view(limit: Term, name: str) -> RenderableType:
    """Return a limit of a pack, called *name*, with its days, for a terminal."""
    return Group(Text(plain(name), style="bold"), _figures([limit], "limit"))


def _figures(figures: Iterable[Term], called: str) -> Table:
    table = _plain_table(called, "figure", "where it stands")
    for one in figures:
        for version in one.versions:
            exact = value_written(version.figure.value, version.figure.dimension)
            figure = unit(exact, str(version.figure.dimension))
            quote = f"“{version.quote.text}”" if version.quote is not None else None
            stands = "; ".join(said for said in (quote, version.cite) if said is not None)
            table.add_row(Text(one.name), Text(figure + _when(version.span)), Text(plain(stands)))
    return table


def _rules(rules: Iterable[Rule]) -> Table:
    table = _plain_table("rule", "effect", "requires", "title")
    for rule in rules:
        effect = rule.effect if rule.at == "both" else f"{rule.effect} at {rule.at}"
        requires = on_one_line(rule.require.text)
        if rule.when is not None:
            requires += f" when {on_one_line(rule.when.text)}"
        table.add_row(
            Text(rule.id),
            Text(effect + _when(rule.span)),
            Text(plain(requires)),
            Text(plain(rule.title or "") + (" (unverified)" if rule.unverified else "")),
        )
    return table


def _when(span: Span) -> str:
    dates = (("from", span.first), ("until", span.last), ("known", span.known))
    return "".join(f", {word} {day}" for word, day in dates if day is not None)


def _facts(authorization: Authorization) -> Table:
    table = _plain_table("fact that is read", "meaning", "given by")
    for name in sorted({name for rule in authorization.all_rules() for name in rule.facts}):
        fact = TABLE[name]
        table.add_row(Text(name), Text(fact.meaning), Text(", ".join(fact.given_by)))
    return table


def _dimension(fact: Fact) -> str:
    if fact.dimension.currency == "program":
        return f"{fact.dimension.kind} in the program's currency"
    return str(fact.dimension)


def _plain_table(*headings: str, headed: bool = True) -> Table:
    table = Table(box=None, pad_edge=False, show_header=headed, padding=(0, 2, 0, 0))
    for heading in headings:
        # A name or a figure of which letters are cut off is another one: it is broken instead.
        table.add_column(heading, overflow="fold")
    return table


def position_view(found: Overview, edition: Edition) -> RenderableType:
    """Return where a program stands, for a terminal."""
    parts: list[RenderableType] = [
        Text.assemble((plain(found.authorization), "bold"), f", {found.records:,} records"),
        _standing(found, edition),
    ]
    if found.latest is not None:
        parts.append(Text(f"the latest day is {found.latest}: a request is of that day or later"))
    if found.position.halted is not None:
        parts.append(_halted(found.position.halted))
    if found.unknown:
        named = ", ".join(plain(name) for name in found.unknown)
        parts.append(Text(f"shares or money of these fills are unknown: {named}", style="red"))
    parts.append(_orders(found.orders) if found.orders else Text("no order is open or held"))
    return Group(*parts)


def _standing(found: Overview, edition: Edition) -> Table:
    table = _plain_table("", "executed", "reserved", "left")
    now, currency = found.position, edition.authorization.currency
    rows = (
        ("shares", now.executed_shares, now.reserved_shares, now.remaining_shares, "shares"),
        ("money", now.executed_amount, now.reserved_amount, now.remaining_amount, currency),
    )
    for (name, executed, reserved, left, dimension), cap in zip(
        rows, (edition.max_shares, edition.max_amount), strict=True
    ):
        remaining = "no cap" if cap is None else unit(left, dimension)
        table.add_row(name, unit(executed, dimension), unit(reserved, dimension), remaining)
    return table


def _orders(orders: Iterable[OrderLine]) -> Text:
    headings = ("order", "instrument", "open", "at most", "shares", "last day", "")
    rows = [
        (
            plain(one.id),
            plain(" ".join(part for part in (one.symbol, one.venue) if part)),
            _open(one),
            "" if one.price is None else shown(Fraction(one.price)),
            shown(Fraction(one.reserved_shares)),
            str(one.last_date),
            ", ".join(_remarks_on(one)),
        )
        for one in orders
    ]
    # There may be thousands, and a table of rich takes a millisecond for each.
    widths = [max(map(cell_len, column)) for column in zip(headings, *rows, strict=True)]
    lines = (
        "  ".join(
            cell + " " * (width - cell_len(cell)) for cell, width in zip(row, widths, strict=True)
        )
        for row in (headings, *rows)
    )
    return Text("\n".join(line.rstrip() for line in lines))


def _open(order: OrderLine) -> str:
    of = f"{order.open_quantity:,} of {order.quantity:,}"
    return of if order.replace_quantity is None else f"{of} or {order.replace_quantity:,}"


def _remarks_on(order: OrderLine) -> Iterator[str]:
    if order.state == "held":
        yield "held until it is released"
    if order.replace_quantity is not None:
        yield "a replace waits for the venue"
    if order.replace_is_held:
        yield "a replace waits for its release"
    if order.is_past:
        yield "past its last day: submit its expire"


def headroom_view(found: Headroom, order: Event) -> RenderableType:
    """Return the largest order that passes and what stops one unit more, for a terminal."""
    parts: list[RenderableType] = [
        Text.assemble((f"{found.quantity:,}", "bold"), plain(f" units of {order.symbol}"))
    ]
    if found.passing is not None:
        parts.append(
            _left(worded(found.passing.decision, found.passing.edition), found.passing.edition)
        )
    if found.stopped is not None:
        parts += [
            Text("one more:" if found.quantity else "not even one:"),
            _findings(worded(found.stopped.decision, found.stopped.edition)),
        ]
    return Group(*parts)


def headroom_json(found: Headroom) -> str:
    """Return the same as one line of JSON, the findings in words."""
    answers = {
        name: None if one is None else worded(one.decision, one.edition)
        for name, one in (("passing", found.passing), ("stopped", found.stopped))
    }
    return json_text({"quantity": str(found.quantity), **answers})


def story_view(told: Iterable[Told]) -> RenderableType:
    """Return the records of one event and all that is about it, in their order, for a terminal."""
    parts: list[RenderableType] = []
    for one in told:
        decision = worded(one.decision, one.edition)
        word, style = _MARKS[decision.outcome]
        recorded = f"  record {one.sequence}, {one.at:%Y-%m-%d %H:%M:%S %Z}"
        parts.append(
            Text.assemble(
                (word, style), plain(f" {decision.kind} {decision.id}"), (recorded, "dim")
            )
        )
        said = (f"{name}: {value}" for name, value in one.event.items() if name not in _NAMED)
        parts.append(Text(plain(", ".join(said))))
        if one.outside:
            told_besides = (f"{name}: {value}" for name, value in one.outside.items())
            parts.append(Text(plain(f"told besides: {', '.join(told_besides)}")))
        if decision.findings:
            parts.append(_findings(decision))
        parts += [_left(decision, one.edition), Text()]
    return Group(*parts[:-1])


def story_json(told: Iterable[Told]) -> str:
    """Return the same as one line of JSON, the findings in words."""
    return json_text(
        [
            {
                "record": one.sequence,
                "at": one.at,
                "event": one.event,
                "outside": one.outside,
                "decision": worded(one.decision, one.edition),
            }
            for one in told
        ]
    )


def adoptions_view(found: Iterable[AdoptedThen]) -> RenderableType:
    """Return the rule files that a program went by, for a terminal."""
    table = _plain_table("record", "when", "by", "why", "rule file and packs (SHA-256)")
    for one in found:
        by, why = one.by or "nobody named", one.reason or ""
        packs = (f"{hash_} {plain(name)}" for name, hash_ in sorted(one.packs.items()))
        texts = (str(one.record), _moment(one.at), plain(by), plain(why))
        table.add_row(*map(Text, texts), Text("\n".join((one.rules, *packs))))
    return table


def adoption_view(found: Adopted, edition: Edition) -> RenderableType:
    """Return what a program goes by now and whether what it has used fits, for a terminal."""
    table = _plain_table("changed", "before", "now")
    for one in found.changed:
        table.add_row(*(Text(plain(said or "-")) for said in (one.name, one.before, one.after)))
    currency = edition.authorization.currency
    left = (
        unit(found.position.remaining_shares, "shares") if edition.max_shares is not None else "",
        unit(found.position.remaining_amount, currency) if edition.max_amount is not None else "",
    )
    said = f"left under it: {', '.join(part for part in left if part) or 'no cap'}"
    if not found.fits:
        past = "use is past a cap or not known"
        said += f"; {past}, and nothing is approved until that changes"
    heading = Text.assemble((plain(found.authorization), "bold"), f" goes by {found.rules[:12]}...")
    return Group(heading, table, Text(said, style="" if found.fits else "bold red"))


_NAMED: Final = frozenset(("kind", "id"))
