"""What a log came to, for a terminal: counts, use of the caps, and why events were not approved."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from fractions import Fraction
from typing import Final

import msgspec
from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.padding import Padding
from rich.text import Text

from repurchase.domain.decisions import Finding
from repurchase.domain.errors import plain
from repurchase.domain.formats import unit
from repurchase.domain.quantities import Exact, percent
from repurchase.evaluation.step import Decided
from repurchase.evaluation.wording import currency_of, quote_of, short
from repurchase.intake.totals import Compared, Comparison, readable
from repurchase.replay.run import Program, RuleCount, Summary, Tainted
from repurchase.report.decisions import deciding, no_cap, of_cap
from repurchase.report.tables import counted, plain_table, quoted
from repurchase.rulebook.caps import Of
from repurchase.rulebook.editions import Edition

_BAR_WIDTH: Final = 32
_BAR_WIDTH_MIN: Final = 8
# Between and behind the four columns of which one holds bars.
_GAPS: Final = 8
_TOTALS_SHOWN: Final = 20
_NAMED: Final = 5


def summary_view(
    program: Program, summary: Summary, denials: Denials, title: str
) -> RenderableType:
    """Return what a log came to, for a terminal."""
    edition = program.latest_edition
    parts: list[RenderableType] = [Text(plain(title), style="bold"), _counts(summary)]
    parts.append(_Use(_use(program, summary, edition)))
    if summary.by_rule:
        parts.append(denials.view(summary.by_rule))
    parts += _remarks(summary)
    parts += _compared(summary.compared)
    return Group(*parts)


class Denials:
    """Why events of a log were not approved: the first case of each rule."""

    def __init__(self) -> None:
        self._first: dict[str, tuple[str, str, str | None]] = {}

    def add(self, decided: Decided) -> None:
        """Note which rules *decided* did not pass, flags too."""
        for finding in decided.decision.findings:
            does_not_pass = finding.result in ("fail", "indeterminate")
            if does_not_pass and finding.rule not in self._first:
                quote = quote_of(finding, decided.life)
                words = None if quote is None else quote.text
                why = _why(finding, decided)
                self._first[finding.rule] = (decided.decision.id, why, words)

    def view(self, counts: Mapping[str, RuleCount]) -> RenderableType:
        """Return the rules that events did not pass, with their *counts*, most frequent first."""
        times = {rule: count.fail + count.indeterminate for rule, count in counts.items()}
        rows = []
        for rule in sorted(times, key=lambda rule: (-times[rule], rule)):
            event, why, quote = self._first[rule]
            red = Text(plain(rule), style="red")
            rows.append((red, f"{times[rule]:,}", event, Text(why), quoted(quote)))
        headings = ("rule", "times", "first event", "why", "the source says")
        return plain_table(*headings, rows=rows, right=(1,))


def _why(finding: Finding, decided: Decided) -> str:
    return short(finding, decided.life, currency_of(decided.edition, decided.event))


class Scene:
    """A log of the demo as it is replayed: its denied events, and the kinds that were recorded."""

    def __init__(self) -> None:
        self._denied: list[tuple[str, str, str]] = []
        self._recorded: set[str] = set()

    def add(self, decided: Decided) -> None:
        """Note *decided* if it was denied, and its kind if it was recorded."""
        decision, found = decided.decision, deciding(decided.decision)
        if found is not None:
            self._denied.append((decision.id, found.rule, _why(found, decided)))
        elif decision.outcome == "recorded":
            self._recorded.add(decision.kind)

    def view(self, program: Program, summary: Summary, title: str) -> RenderableType:
        """Return what the log of *program* came to, in few lines."""
        edition = program.edition
        assert edition is not None, "a scene has events"
        counts = _counts(summary)
        if len(self._recorded) == 1:
            counts.append(f" ({next(iter(self._recorded)).replace('_', ' ')})")
        lines: list[RenderableType] = [
            Text(title, style="bold"),
            counts,
            _figures(summary, edition),
        ]
        if self._denied:
            lines.append(plain_table("denied order", "rule", "why", rows=self._denied))
        lines += [Text(text) for text in _harbours(summary)]
        return Group(lines[0], *(Padding(line, (0, 0, 0, 3), expand=False) for line in lines[1:]))


def _figures(summary: Summary, edition: Edition) -> Text:
    rows = (
        ("shares", summary.executed_shares, edition.max_shares),
        (edition.authorization.currency, summary.executed_amount, edition.max_amount),
    )
    texts = (of_cap(name, Fraction(used), cap) for name, used, cap in rows if used and cap)
    return Text(" · ".join(texts))


def _harbours(summary: Summary) -> Iterator[str]:
    """Yield for each day and pack which rules put the day outside the safe harbour."""
    for one in summary.days:
        rules = ", ".join(rule.partition(".")[2] for rule in (*one.failed, *one.undecided))
        events = counted(one.events, "event")
        yield f"Outside the {one.pack} safe harbour: {one.day} ({rules}), {events}"


def _counts(summary: Summary) -> Text:
    words = []
    for outcome in ("approved", "held", "denied", "refused", "recorded"):
        count = getattr(summary, outcome)
        if count:
            words.append(f"{count:,} {outcome}")
    if summary.duplicates:
        words.append(counted(summary.duplicates, "duplicate"))
    if summary.skipped:
        words.append(f"{summary.skipped:,} of other symbols skipped")
    if summary.quarantined:
        words.append(f"{counted(summary.quarantined, 'message')} in quarantine, not counted")
    return Text(f"{counted(summary.events, 'event')}: {', '.join(words) or 'none'}")


class _Use:
    """How much of each cap and of the window is used: bars, as wide as the values leave room."""

    def __init__(self, rows: Iterable[_Used]) -> None:
        self._rows = tuple(rows)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Yield the table, as wide as the *console* has room for."""
        texts = [(row.name, _percent(row.share), row.figures) for row in self._rows]
        beside = sum(max(map(cell_len, column)) for column in zip(*texts, strict=True))
        width = max(_BAR_WIDTH_MIN, min(_BAR_WIDTH, options.max_width - beside - _GAPS))
        rows = (
            (row.name, bar(row.share, width) if row.capped else "", percent, figures)
            for row, (_, percent, figures) in zip(self._rows, texts, strict=True)
        )
        yield plain_table("what", "bar", "percent", "figures", rows=rows, headed=False)


class _Used(msgspec.Struct, frozen=True):
    """A row of `_Use`: the *share* is `None` where it is unknown, and where there is no cap."""

    name: str
    share: Fraction | None
    figures: str
    capped: bool = True


def _use(program: Program, summary: Summary, edition: Edition) -> Iterator[_Used]:
    currency = edition.authorization.currency
    rows: tuple[tuple[str, str | None, Exact | None, str, Of], ...] = (
        ("shares", summary.executed_shares, edition.max_shares, "shares", "shares"),
        ("money", summary.executed_amount, edition.max_amount, currency, "amount"),
    )
    for name, used, cap, dimension, of in rows:
        if cap is None:
            none = no_cap(edition, of, "no cap")
            yield _Used(name, None, f"{unit(used, dimension)}, {none}", capped=False)
            continue
        share = None if used is None else Fraction(used) / cap
        yield _Used(name, share, f"{unit(used, dimension)} of {unit(str(cap), dimension)}")
    yield from _window(program, edition)


def _window(program: Program, edition: Edition) -> Iterator[_Used]:
    (first, last), day = msgspec.structs.astuple(edition.window), program.last_day
    if first is None or last is None or day is None:
        return
    gone = min(max(day.toordinal() - int(first) + 1, 0), int(last) - int(first) + 1)
    share = Fraction(gone, int(last) - int(first) + 1)
    days = f"{date.fromordinal(int(first))} to {date.fromordinal(int(last))}, last event {day}"
    yield _Used("window", share, days)


def bar(share: Fraction | None, width: int) -> Text:
    """Return a bar for the *share* of a whole that is used; it is red beyond the whole."""
    if share is None:
        return Text("unknown".ljust(width), style="red")
    filled = min((share * width).__ceil__(), width)
    style = "red" if share > 1 else "cyan"
    return Text.assemble(("█" * filled, style), ("░" * (width - filled), "dim"))


def _percent(share: Fraction | None) -> str:
    return "" if share is None else f"{percent(share, 1)} %"


def _remarks(summary: Summary) -> Iterator[RenderableType]:
    if summary.unknown:
        named = _some(summary.unknown)
        yield Text(f"The shares or the money of these fills are unknown: {named}.", style="red")
    if summary.disputed:
        named = _some(summary.disputed)
        yield Text(f"The desk disputes these fills; they count: {named}.", style="red")
    if summary.open_orders:
        count = counted(len(summary.open_orders), "order")
        are = "is" if len(summary.open_orders) == 1 else "are"
        named = _some(summary.open_orders)
        yield Text(f"{count} {are} still open at the end of the log: {named}.", "yellow")
    if summary.first_denied is not None:
        yield Text(f"The first denied event: {plain(summary.first_denied)}.")
    if summary.idle_packs:
        named = ", ".join(f"`{name}`" for name in summary.idle_packs)
        yield Text(f"Packs without a rule for any venue of this log: {named}.", "yellow")
    if summary.expired_venues:
        named = ", ".join(plain(code) for code in summary.expired_venues)
        yield Text(f"ISO 10383 lists as expired before an event here: {named}.", "yellow")
    if summary.days:
        text = (
            "On these days all purchases are outside a safe harbour, or not shown to be inside it:"
        )
        yield Text(text, "yellow")
        headings = ("day", "pack", "failed", "undecided", "first event", "events")
        yield plain_table(*headings, rows=map(_tainted, summary.days))


def _some(names: tuple[str, ...]) -> str:
    """Return the first of *names*, and how many more there are."""
    more = f" and {len(names) - _NAMED:,} more" if len(names) > _NAMED else ""
    return ", ".join(plain(name) for name in names[:_NAMED]) + more


def _compared(compared: Comparison) -> Iterator[RenderableType]:
    """Yield what was compared with what is printed or expected, and by what tolerance."""
    rows = compared.rows
    if rows is not None:
        text = f"Price times quantity equals the amount in {rows.equal:,} of {rows.rows:,} rows."
        if rows.within:
            most = readable(rows.largest)
            text += f" In {rows.within:,} it differs by at most {most}; tolerance {rows.tolerance}."
        yield Text(text)
    if compared.known:
        yield Text("In these rows it differs by more, as the mapping says:")
        known = (
            (one.row, f"{one.line:,}", *map(readable, (one.printed, one.found)), one.why)
            for one in compared.known
        )
        headings = ("row", "line", "amount", "price times quantity", "why it is known")
        yield plain_table(*headings, rows=known, right=(1, 2, 3))
    if compared.totals:
        totals = [_total(one) for one in compared.totals[:_TOTALS_SHOWN]]
        headings = ("total", "printed or expected", "the rows", "difference", "tolerance")
        yield plain_table(*headings, rows=totals, right=(1, 2, 3, 4))
    if more := compared.totals[_TOTALS_SHOWN:]:
        differing = sum(one.difference != "0" for one in more)
        agreeing = len(more) - differing
        yield Text(f"Of {counted(len(more), 'more total')}, {agreeing:,} are equal; see --json.")


def _total(one: Compared) -> tuple[str, ...]:
    figures = (one.printed, one.found, one.difference)
    return one.of, *map(readable, figures), one.tolerance


def _tainted(found: Tainted) -> tuple[str, ...]:
    failed, undecided = (
        ", ".join(rule.partition(".")[2] for rule in rules)
        for rules in (found.failed, found.undecided)
    )
    return str(found.day), found.pack, failed, undecided, found.first, f"{found.events:,}"
